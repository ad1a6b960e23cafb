"""For test suites: assert that a backward written by hand is right, or fail with a report
that says where it is not.

    def test_my_layer():
        rng = np.random.default_rng(0)
        inputs = {"x": rng.standard_normal((5, 3)), "weight": rng.standard_normal((3, 2))}
        assert_gradients(forward, backward, inputs)

Small arrays are checked entry by entry, so choose small sizes, all different: 5, 3, 2.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Collection, Mapping
from typing import Any

from minigen.check.contract import Caller, ContractError, Unwritten
from minigen.check.diagnose import Knowledge, diagnose
from minigen.check.inputs import Inputs, title
from minigen.check.net import Problem, plain
from minigen.check.pair import UPSTREAM, Pair
from minigen.check.preserve import preserved
from minigen.check.report import Report
from minigen.check.stencil import generator
from minigen.check.vjp import check_pair

# entries: of a larger problem the verdict is given, but no line by line diagnosis, which takes minutes
MOST = 2_000


class GradientMismatch(AssertionError):
    """The gradients are not right; its text is the report.

    `report` is the Report, None where there was nothing to compare; `diagnosis` says line by line what was
    seen, None where that could not be found out.
    """

    def __init__(self, text: str, report: Report | None = None, diagnosis: Any = None) -> None:
        super().__init__(text)
        self.report, self.diagnosis = report, diagnosis


def assert_gradients(
    forward: Any,
    backward: Any,
    inputs: Any,
    *,
    wanted: Collection[str] | None = None,
    settings: Mapping[str, Any] | None = None,
    fields: Mapping[str, Any] | None = None,
    scalars: Mapping[str, float] | None = None,
    seed: int = 0,
) -> Report:
    """Assert that `backward` gives the gradients of `forward` at `inputs`; returns the Report of `check_vjp`.

    `forward`, `backward` and `inputs` are those of `check_vjp`, in every form it takes; for y an array,
    the loss is <g, y> with a random g, for a number it is y itself, and g is 1. `settings` are arguments by
    name that are no inputs.

    A forward whose first argument is called `net` may name its intermediates, `h = net("h", ...)`,
    and its terms, `net.term("kl", ...)` or `net.output(y)`; then every line is judged by itself,
    and backward, which may ask for `cache` (the named intermediates), may return their gradients as well.
    `wanted` are the names it must return, from the loss towards the parameters; all real inputs, and what
    else it returns, if not given. `fields` are arrays by name that its formulas are made of ("sigma"),
    and `scalars` numbers by name ("beta"): the report can only speak of what has a name. Settings have one.

    Raises GradientMismatch, an AssertionError, also where nobody can tell.

    >>> square, slope = lambda x: x**2, lambda g, x: {"x": 2 * x * g}
    >>> assert_gradients(square, slope, {"x": np.array([0.5, -1.0])}).verdict
    'ok'
    """
    forward, backward = _in_order(forward, backward, inputs, settings or {})
    settings = settings or {}
    with preserved(forward, backward):
        try:
            asked = None if wanted is None else [n for n in wanted if n in inputs] or None
            options = {"settings": settings, "wrt": asked, "seed": seed}
            report = check_pair("assert_gradients", forward, backward, inputs, **options)
        except ContractError as error:
            raise GradientMismatch(str(error)) from error
        named = "net" in _parameters(forward)
        if report.ok and not named:
            return report
        numbers = {
            n: v for n, v in settings.items() if isinstance(v, int | float) and not isinstance(v, bool)
        }
        knowledge = Knowledge(fields or {}, {**numbers, **(scalars or {})})
        found, unwritten = None, None
        if report.verdict == "wrong" or named:
            try:
                found = _diagnosis(forward, backward, inputs, settings, wanted, knowledge, seed)
            except (ContractError, Unwritten) as broken:
                unwritten = broken
            except Exception:  # only words are missing then, the verdict is there
                found = None
    if unwritten is not None and (named or report.records[0].parameter == "(backward)"):
        hint = " (wanted= says which gradients are asked for, if not all)" if wanted is None else ""
        raise GradientMismatch(f"{unwritten}{hint}", report) from unwritten
    wrong_line = named and (found is None or found.verdict != "ok")
    if report.ok and not wrong_line:
        return report
    verdict = report.verdict if not report.ok else "inconclusive" if found is None else found.verdict
    told = "" if found is None or found.verdict == "ok" else f"\n\n{found}"
    raise GradientMismatch(f"gradients are {verdict}\n{report}{told}", report, found)


def _in_order(forward, backward, inputs, settings):
    """(forward, backward); for one release also where they are given the other way round,
    as they once were.
    """
    if (
        backward is None
        or _is_backward(backward)
        or not (_is_backward(forward) or _gives_a_dict(forward, inputs, settings))
    ):
        return forward, backward
    warnings.warn(
        "assert_gradients(forward, backward, inputs) is the order now; backward came first and was taken as "
        "such, which the next release will not do",
        DeprecationWarning,
        stacklevel=3,
    )
    return backward, forward


def _is_backward(function):
    return any(n.lower() in (*UPSTREAM, "cache") for n in _parameters(function))


def _gives_a_dict(function, inputs, settings):
    """Whether this is the backward of a loss, which takes the inputs by name as its forward does."""
    if not isinstance(inputs, dict) or "net" in _parameters(function):
        return False
    given = {n: v for n, v in {**inputs, **settings}.items() if n in _parameters(function)}
    try:
        return isinstance(function(**given), dict)
    except Exception:  # the call that counts will tell
        return False


def _parameters(function):
    try:
        return inspect.signature(function).parameters
    except (TypeError, ValueError):  # built in, such as np.tanh
        return {}


def _diagnosis(forward, backward, inputs, settings, wanted, knowledge, seed):
    """What is seen line by line, a Diagnosis; None where the problem is too large for it."""
    pair = Pair(
        "assert_gradients",
        forward,
        backward,
        Inputs("assert_gradients", forward, inputs, generator(seed)),
        settings,
    )
    arrays = pair.fresh(pair.inputs.floats)
    if sum(x.size for x in arrays.values()) > MOST or pair.inputs.one_dict:
        return None
    pair.prepare(pair.inputs.floats)
    if "net" in _parameters(forward):
        problem = Problem(forward, arrays, settings, generator(seed))
    else:
        problem = Problem(plain(lambda **given: pair.forward(given)), arrays, {}, generator(seed))
        backward = pair.by_name()
    asked = _everything(problem, backward) if wanted is None else list(wanted)
    return diagnose(problem, backward, asked, knowledge, title=title(backward) or "backward")


def _everything(problem, backward):
    """All real inputs, and those intermediates that backward returns, in the order of a backward pass."""
    returned = Caller(problem, backward)()
    return [
        n for n in problem.order if n in problem.arguments or (isinstance(returned, dict) and n in returned)
    ]
