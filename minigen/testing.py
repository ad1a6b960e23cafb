"""For test suites: assert that a backward written by hand is right, or fail with a report that says where it is not.

    def test_my_layer():
        rng = np.random.default_rng(0)
        assert_gradients(backward, forward, {"x": rng.standard_normal((5, 3)), "weight": rng.standard_normal((3, 2))})

Everything is checked entry by entry with differences of order 6, so choose small sizes, all different: 5, 3, 2.
"""

import numpy as np

from minigen.check.contract import Caller, ContractError, Unwritten
from minigen.check.diagnose import Knowledge, diagnose
from minigen.check.inputs import host, title
from minigen.check.net import Problem, plain

MOST = 20_000  # entries: beyond that, every entry would take minutes


class GradientMismatch(AssertionError):
    """The gradients are not right; its text is the report, `diagnosis` the same as an object (None if there is none)."""

    def __init__(self, text, diagnosis=None):
        super().__init__(text)
        self.diagnosis = diagnosis


def assert_gradients(
    backward, forward, arguments, *, wanted=None, settings=None, fields=None, scalars=None, seed=0
):
    """Assert that `backward` returns, in a dict by name, the gradients of `forward`; returns the Diagnosis.

    `forward(**arguments, **settings) -> y`: a number is the loss, for an array the loss is <g, y> with a random g. A
    forward whose first argument is called `net` may instead name its intermediates, `h = net("h", ...)`, and its terms,
    `net.term("kl", ...)` or `net.output(y)`; then every line is judged by itself, and parts are told from each other.

    `backward` takes by name what it wants of: `g` (if y is an array), `cache` (the named intermediates), the arguments
    and the settings. `wanted` are the names it must return, from the loss towards the parameters; all real arguments,
    and what else it returns, if not given. `fields` are arrays by name that its formulas are made of ("sigma"), and
    `scalars` numbers by name ("beta"): the report can only speak of what has a name. Settings and sizes have one.

    Raises GradientMismatch, an AssertionError, also where nobody can tell; ValueError where there is too much to check.

    >>> square, slope = lambda x: x**2, lambda g, x: {"x": 2 * x * g}
    >>> assert_gradients(slope, square, {"x": np.array([0.5, -1.0])}).verdict
    'ok'
    """
    arrays = {n: host(x) for n, x in arguments.items()}
    arrays = {n: x.astype(np.float64) if x.dtype.kind == "f" else x for n, x in arrays.items()}
    size = sum(x.size for x in arrays.values() if x.dtype.kind == "f")
    if size > MOST:
        raise ValueError(
            f"assert_gradients checks every entry, and {size} are too many: shrink the sizes, 5 rows are enough"
        )
    settings = settings or {}
    problem = Problem(plain(forward), arrays, settings, np.random.default_rng(seed))
    numbers = {n: v for n, v in settings.items() if isinstance(v, int | float) and not isinstance(v, bool)}
    knowledge = Knowledge(fields or {}, {**_sizes(arrays), **numbers, **(scalars or {})})
    try:
        asked = _everything(problem, backward) if wanted is None else list(wanted)
        found = diagnose(problem, backward, asked, knowledge, title=title(backward) or "backward")
    except (ContractError, Unwritten) as broken:
        hint = " (wanted= says which gradients are asked for, if not all)" if wanted is None else ""
        raise GradientMismatch(f"{broken}{hint}") from broken
    if found.verdict != "ok":
        raise GradientMismatch(f"gradients are {found.verdict}\n{found}", found)
    return found


def _everything(problem, backward):
    """All real arguments, and those intermediates that backward returns, in the order of a backward pass."""
    returned = Caller(problem, backward)()
    return [
        n for n in problem.order if n in problem.arguments or (isinstance(returned, dict) and n in returned)
    ]


def _sizes(arrays):
    """The sizes of the arrays by name, each size once: {"x.shape[0]": 5}."""
    named = {}
    for name, x in arrays.items():
        for axis, length in enumerate(x.shape):
            if length not in named.values():
                named[f"{name}.shape[{axis}]"] = length
    return named
