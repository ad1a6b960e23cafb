"""Which line of a backward pass is wrong, and what is wrong there?

`minigen.explain(forward, backward, inputs)`.

Read task.py (what is explained), search.py (how), edits.py, missing.py, derivative.py and elsewhere.py (which changes are tried),
express.py (how an expression is built for a value), between.py (how several mistakes are told apart) and explanation.py
(what is said). How a file is read, which minigen check does first: load.py, loops.py (loops that train; with flow.py, running.py and
steps.py), flags.py and tables.py (derivatives by a flag, and in dicts), pairs.py (which functions are a pair, by their names),
shown.py and propose.py (the inputs), hints.py (what the text tells), naming.py (what a name promises), observed.py (pairs that
no name tells), within.py (what a step makes inside) and evidence.py (which gradient belongs to which value).
"""

from __future__ import annotations

import sys
import types
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from minigen.check.inputs import Given
    from minigen.explain.explanation import Explanation


class _Callable(types.ModuleType):
    """The package and the function that it is for have the same name: `minigen.explain(...)`
    calls `explain` below.
    """

    def __call__(self, *arguments, **keywords):
        return explain(*arguments, **keywords)


def explain(
    forward: Any,
    backward: Callable[..., Any] | None,
    inputs: Given,
    *,
    seconds: float = 20.0,
    reveal: bool = False,
    here: bool = False,
) -> Explanation:
    """Judge `backward` and explain what is wrong with it.

    Returns an Explanation: it prints; `.ok`, `.findings`, `.to_dict()`.

    `forward` and `backward` have any of the forms that `minigen.check_vjp` takes. `inputs` is a dict of
    arrays, a list, or a function of a generator that returns a dict: then sizes may differ from call to call,
    and what is said is verified on other sizes too. `reveal=True` tells the corrected line.

    Edited copies of the functions run in a child process with limits of time and memory; nothing of
    yours is changed. Where the system has no fork, RuntimeError: `here=True` runs them in this process.
    Raises TypeError and ValueError where forward cannot be called with the inputs.
    """
    from minigen.explain import live
    from minigen.explain.explanation import explain_task

    task = live.task(forward, backward, inputs)
    if here:
        return explain_task(task, seconds=seconds, reveal=reveal)
    return explained(task, seconds=seconds, reveal=reveal)


def explained(task, *, seconds, reveal=False):
    """The Explanation of a Task, worked out in a child process; what it knew at the end, where that was stopped."""
    from minigen.explain import process
    from minigen.explain.explanation import Explanation, explain_task
    from minigen.explain.source import in_double

    known = []

    def work(send):
        for function in task.functions:
            function.__code__ = in_double(function.__code__)
        return explain_task(task, seconds=seconds, reveal=reveal, report=send)

    try:
        return process.limited(work, seconds=10 + process.BUSY * seconds, receive=known.append)
    except process.Stopped as stopped:
        said = known[-1] if known else Explanation(task.title, "error")
        said.seconds = seconds
        said.certain.append(f"the search stopped: {str(stopped).splitlines()[0]}")
        return said


sys.modules[__name__].__class__ = _Callable
