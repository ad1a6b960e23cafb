"""Calls a person's backward the way a suspicious caller would, before any derivative is compared.

A backward must give one gradient for each name asked for, of the right shape, in float64, finite; it must
change none of the arrays it was handed, give the same answer twice, and, in a layer, be linear in the
upstream gradient g. Each of these is cheap to test, and each failure has one sentence that says what
happened.
"""

import inspect
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np

from minigen.arguments import did_you_mean
from minigen.check.inputs import misfit
from minigen.check.stencil import generator, norm

ROUNDING = 1e-11
NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


class ContractError(Exception):
    """What backward returned is of no use: nothing can be compared."""


class Unwritten(Exception):
    """A line of backward is still the `...` of the stub."""


class BackwardRaised(Exception):
    """The person's backward raised; the exception is the cause. Whatever else is raised is minigen's own."""


@dataclass
class Finding:
    """A promise that was not kept: its `kind`, a `sentence`, and whose it is (None: all of backward)."""

    node: str | None
    kind: str
    sentence: str


@dataclass
class Answer:
    """What backward gave: the gradients of use, what is still to write, and the promises not kept."""

    gradients: dict
    raw: dict
    unwritten: list
    findings: list = field(default_factory=list)


class Caller:
    """Calls `backward` on copies of everything, by name."""

    def __init__(self, problem, backward):
        self.problem, self.backward = problem, backward
        parameters = inspect.signature(backward).parameters.values()
        named = [p for p in parameters if p.kind in NAMED]
        self.takes_all = any(p.kind is p.VAR_KEYWORD for p in parameters)
        self.takes = [p.name for p in named]
        offered = ["g", "cache", *problem.arguments, *problem.settings]
        refuse_unknown([p.name for p in named if p.default is p.empty], offered)

    def __call__(self, g=None, noticed=None):
        """The dict that backward returns. Arrays that it changed in place are added to the list `noticed`."""
        problem = self.problem
        cache = {n: np.array(v) for n, v in problem.values.items()}
        handed = {n: np.array(x) for n, x in problem.arguments.items()} | problem.settings | {"cache": cache}
        if problem.g is not None:
            handed["g"] = np.array(problem.g if g is None else g)
        before = None if g is None else np.array(g)
        try:
            result = self.backward(**{n: v for n, v in handed.items() if self.takes_all or n in self.takes})
        except Exception as error:
            raise BackwardRaised from error
        if noticed is not None:
            was = dict(problem.arguments)
            if "g" in handed:
                was["g"] = problem.g if before is None else before
            noticed += [n for n, x in was.items() if not identical(handed[n], x)]
            noticed += [f'cache["{n}"]' for n, v in problem.values.items() if not identical(cache.get(n), v)]
        return result


def refuse_unknown(needed, offered):
    """ContractError where backward needs an argument that it cannot have."""
    for name in needed:
        if name not in offered:
            raise ContractError(
                f"backward asks for an argument {name!r}, which there is not{did_you_mean(name, offered)}. "
                f"It can have: {', '.join(offered)}"
            )


def examine(problem, backward, wanted):
    """Call backward, look at what it returns and did: an Answer, or ContractError or Unwritten is raised."""
    call = Caller(problem, backward)
    changed = []
    with np.errstate(all="ignore"):
        try:
            result = call(noticed=changed)
        except BackwardRaised as raised:
            error = raised.__cause__
            if isinstance(error, NotImplementedError):
                raise Unwritten(str(error) or "backward raises NotImplementedError") from error
            blank = _blank(error, backward)
            if blank:
                raise Unwritten(f"{blank} is still ..., and a line further down needs it") from error
            raise
        named = _named(result, wanted)
        unwritten = [n for n in wanted if named[n] is None or _has_blank(named[n])]
        if len(unwritten) == len(wanted):
            raise Unwritten(f"still to write: {', '.join(wanted)}")
        answer = Answer({}, {}, unwritten)
        for name in wanted:
            if name not in unwritten:
                _look(answer, name, named[name], problem.value(name).shape)
        for what in dict.fromkeys(changed):
            sentence = (
                f"backward changes {what} in place, which others still need: write a = a * b, not a *= b"
            )
            answer.findings.append(Finding(None, "in-place", sentence))
        if not changed:
            answer.findings += _promises(call, problem, answer)
    return answer


def _named(result, wanted):
    names = ", ".join(f'"{n}": ...' for n in wanted)
    if result is None:
        raise ContractError(f"backward returned nothing; is the line return {{{names}}} missing?")
    if result is Ellipsis:
        raise Unwritten("backward returns ...")
    if not isinstance(result, dict):
        raise ContractError(
            f"backward returned a {type(result).__name__}, expected a dict by name: {{{names}}}"
        )
    for name in result:
        if name not in wanted:
            hint = did_you_mean(name, wanted)
            raise ContractError(
                f"backward returned a gradient named {name!r}, expected {', '.join(wanted)}{hint}"
            )
    missing = [n for n in wanted if n not in result]
    if missing:
        raise ContractError(f"backward returned no gradient named {missing[0]!r}, expected {{{names}}}")
    return result


def _look(answer, name, value, shape):
    """Put one gradient into the answer, or say why it is of no use."""
    try:
        a = np.asarray(value)
    except ValueError:
        a = np.asarray(None)
    if a.dtype.kind not in "fiub":
        what = "complex numbers" if a.dtype.kind == "c" else f"a {type(value).__name__}"
        answer.findings.append(
            Finding(name, "no array", f"the gradient of {name} is {what}, expected an array")
        )
        return
    answer.raw[name] = a = np.array(a)
    if a.shape != shape:
        answer.findings.append(Finding(name, "shape", misfit("backward", name, a, shape)))
    elif not np.isfinite(a).all():
        where = np.argwhere(~np.isfinite(a))
        many = f"{len(where)} of {a.size} entries"
        sentence = f"{many} of the gradient of {name} are not finite, the first at {where[0].tolist()}"
        answer.findings.append(Finding(name, "not finite", sentence))
    elif a.dtype != np.float64:
        answer.findings.append(Finding(name, "dtype", rounded(name, a)))
        answer.gradients[name] = a.astype(np.float64)
    else:
        answer.gradients[name] = a


def rounded(name, a):
    """The sentence for a gradient that is not in float64."""
    cure = "remove the cast" if a.dtype.kind == "f" else "whole numbers have lost their fractions"
    return f"the gradient of {name} has dtype {a.dtype} where everything given is float64: {cure}"


def _promises(call, problem, answer):
    """The Findings of `broken_promises` for an exercise."""

    def elsewhere():
        Caller(problem.elsewhere(), call.backward)()

    g = problem.g
    found = broken_promises(call, answer.gradients, None if g is None else np.array(g), elsewhere)
    return [Finding(name, kind, sentence) for name, (kind, sentence) in found.items()]


def broken_promises(call, first, g, elsewhere, noise=dict):
    """{name: (kind, sentence)} for gradients that differ from call to call, or are not linear in g.

    `call(g)` gives the gradients by name, `first` are those it gave. `elsewhere()` computes something else in
    between. g is None where backward is not handed one. `noise()` is by how much a last digit of the inputs
    changes each of them.
    """
    found = {}
    again, third = call(g), call(g)
    for name, a in first.items():
        if not _same(a, again.get(name)):
            kind, why = "randomness", "is noise drawn inside?"
            if _adds_up(a, again.get(name), third.get(name)):
                kind, why = "adds up", "each adds the same again to something that outlives the call"
            sentence = f"two calls with the same arguments give different gradients of {name}: {why}"
            found[name] = (kind, sentence)
    if found:
        return found
    with suppress(Exception):  # it may fail there; what counts is what the call leaves behind
        elsewhere()
    again = call(g)
    for name, a in first.items():
        if not _same(a, again.get(name)):
            before = f"the gradient of {name} depends on what was computed before"
            found[name] = ("stale value", f"{before}: a value is kept from another call")
    return found or ({} if g is None else _linear(call, first, g, noise()))


def _linear(call, first, g, noise):
    """Does each gradient depend on g, vanish with it, and add up as g does?"""
    found, g2 = {}, generator(0, 5).standard_normal(g.shape)
    zero, other, mixed = call(0 * g), call(g2), call(2 * g + 3 * g2)
    for name, a in first.items():
        if any(np.shape(found_there.get(name)) != a.shape for found_there in (zero, other, mixed)):
            found[name] = ("not linear", f"the gradient of {name} has another shape for another g")
            continue
        expected = 2 * a + 3 * other[name]
        if a.any() and _same(a, other[name]):
            kind = "ignored g"
            sentence = "does not depend on g: the upstream gradient is 1 only at the loss itself"
        elif np.any(zero[name]):
            kind, sentence = "ignored g", "is not 0 for g = 0: something is added that does not come from g"
        elif _same(expected, mixed[name]) or norm(expected - mixed[name]) <= 100 * noise.get(name, 0.0):
            continue
        elif _same(expected, mixed[name], 1e-5):
            kind, sentence = "dtype", "is rounded: something inside is computed in less than float64"
        else:
            kind, sentence = "not linear", "is not linear in g: is g used twice, clipped or squared?"
        found[name] = (kind, f"the gradient of {name} {sentence}")
    return found


def _adds_up(a, again, third):
    if again is None or third is None or not np.shape(a) == np.shape(again) == np.shape(third):
        return False
    return _same(again - a, third - again)


def _has_blank(value):
    """Whether a value is the `...` of the stub, or an array made with it."""
    return value is Ellipsis or (
        isinstance(value, np.ndarray) and value.dtype == object and Ellipsis in value.flat
    )


def _blank(error, backward):
    """The name of a variable of backward that was still `...` when the error came, or None."""
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code is getattr(inspect.unwrap(backward), "__code__", None):
            return next((n for n, v in trace.tb_frame.f_locals.items() if _has_blank(v)), None)
        trace = trace.tb_next
    return None


def _same(a, b, tolerance=ROUNDING):
    if b is None or np.shape(a) != np.shape(b):
        return False
    return bool(norm(a - b) <= tolerance * (norm(a) + norm(b)))


def identical(a, b):
    """Whether a is the array b, entry by entry; not where something else was put in its place."""
    return (
        isinstance(a, np.ndarray)
        and a.dtype == b.dtype
        and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
    )
