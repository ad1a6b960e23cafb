"""For test suites: assert that a backward written by hand is right, or fail with a report that says where.

    def test_my_layer():
        rng = np.random.default_rng(0)
        inputs = {"x": rng.standard_normal((5, 3)), "weight": rng.standard_normal((3, 2))}
        assert_gradients(forward, backward, inputs)

Small arrays are checked entry by entry, so choose small sizes, all different: 5, 3, 2.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from minigen.check.contract import BackwardRaised, Caller, ContractError, Unwritten
from minigen.check.inputs import Inputs, parameters, title
from minigen.check.lines import judge_lines
from minigen.check.net import Problem
from minigen.check.pair import UPSTREAM
from minigen.check.preserve import preserved
from minigen.check.report import Report
from minigen.check.stencil import generator
from minigen.check.vjp import check_pair
from minigen.explain import explained, live

SECONDS = 5.0


class GradientMismatch(AssertionError):
    """The gradients are not right; its text is the report, and what is wrong.

    `report` is the Report, None where there was nothing to compare. `table` is the Table of the lines where
    forward names its values, else None. `explanation` is the Explanation, None where there was nothing to
    explain.
    """

    def __init__(
        self, text: str, report: Report | None = None, table: Any = None, explanation: Any = None
    ) -> None:
        super().__init__(text)
        self.report, self.table, self.explanation = report, table, explanation


def assert_gradients(
    forward: Any,
    backward: Any,
    inputs: Any,
    *,
    wanted: Collection[str] | None = None,
    settings: Mapping[str, Any] | None = None,
    seed: int = 0,
    seconds: float = SECONDS,
    reveal: bool = False,
) -> Report:
    """Assert that `backward` gives the gradients of `forward` at `inputs`; returns the Report of `check_vjp`.

    `forward`, `backward` and `inputs` are those of `check_vjp`, in every form it takes; for y an array, the
    loss is <g, y> with a random g, for a number it is y itself, and g is 1. `settings` are arguments by name
    that are no inputs.

    Where the gradients are wrong, the text of the error is what `minigen.explain` says; it searches for at
    most `seconds` (0: not at all), in a child process, and tells the corrected line with `reveal=True`.

    A forward whose first argument is called `net` may name its intermediates, `h = net("h", ...)`, and its
    terms, `net.term("kl", ...)` or `net.output(y)`; then every line is judged by itself, and backward, which
    may ask for `cache` (the named intermediates), may return their gradients as well. `wanted` are the names
    it must return, from the loss towards the parameters; all real inputs, and what else it returns, if not
    given.

    Raises GradientMismatch, an AssertionError, also where nobody can tell.

    >>> square, slope = lambda x: x**2, lambda g, x: {"x": 2 * x * g}
    >>> assert_gradients(square, slope, {"x": np.array([0.5, -1.0])}).verdict
    'ok'
    """
    __tracebackhide__ = True  # what pytest shows ends at the person's line
    settings = settings or {}
    forward, backward = _in_order(forward, backward, inputs, settings)
    named, table, explanation = "net" in parameters(forward), None, None
    asked = [n for n in wanted or () if not isinstance(inputs, dict) or n in inputs] or None
    with preserved(forward, backward):
        try:
            options = {"settings": settings, "wrt": asked, "seed": seed}
            report = check_pair("assert_gradients", forward, backward, inputs, **options)
            table = _table(forward, backward, inputs, settings, wanted, seed) if named else None
        except (ContractError, Unwritten) as error:
            hint = " (wanted= says which gradients are asked for, if not all)"
            raise GradientMismatch(f"{error}{hint if wanted is None and named else ''}") from error
        except BackwardRaised as raised:
            raise raised.__cause__ from None
    verdict = report.verdict if not report.ok or table is None else table.verdict
    if verdict == "ok":
        return report
    if report.verdict == "wrong" and seconds > 0 and hasattr(os, "fork"):
        task = live.task(forward, backward, inputs, settings=settings, wrt=asked)
        found = explained(task, seconds=seconds, reveal=reveal)
        explanation = None if found.ok else found  # a broken promise is seen by the report alone
    said = [f"gradients are {verdict}\n{report}", *(str(x) for x in (table, explanation) if x is not None)]
    raise GradientMismatch("\n\n".join(said), report, table, explanation)


def _in_order(forward, backward, inputs, settings):
    """(forward, backward); for one release also where they are given the other way round."""
    if backward is None or _is_backward(backward):
        return forward, backward
    if not (_is_backward(forward) or _gives_a_dict(forward, inputs, settings)):
        return forward, backward
    warnings.warn(
        "assert_gradients(forward, backward, inputs) is the order now; backward came first and was taken as "
        "such, which the next release will not do",
        DeprecationWarning,
        stacklevel=3,
    )
    return backward, forward


def _is_backward(function):
    return any(n.lower() in (*UPSTREAM, "cache") for n in parameters(function))


def _gives_a_dict(function, inputs, settings):
    """Whether this is the backward of a loss, which takes the inputs by name as its forward does."""
    if not isinstance(inputs, dict) or "net" in parameters(function):
        return False
    given = {n: v for n, v in {**inputs, **settings}.items() if n in parameters(function)}
    try:
        return isinstance(function(**given), dict)
    except Exception:  # the call that counts will tell
        return False


def _table(forward, backward, inputs, settings, wanted, seed):
    """Every named value of forward, and every input, judged by itself: a Table."""
    given = Inputs("assert_gradients", forward, inputs, generator(seed))
    arrays = {n: np.array(x) for n, x in (given.constants | given.floats).items()}
    problem = Problem(forward, arrays, settings, generator(seed))
    if wanted is None:
        returned = Caller(problem, backward)()
        known = returned if isinstance(returned, dict) else ()
        wanted = [n for n in problem.order if n in problem.arguments or n in known]
    return judge_lines(problem, backward, wanted, title=title(backward) or "backward")
