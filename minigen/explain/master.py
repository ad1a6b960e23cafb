"""Does a person's forward compute what a subject of minigen computes? A gradient check cannot see a wrong loss.

The derivation by hand of the subject is called with the person's own arrays. Which array is which is found by trying:
shapes decide, in the order in which both are written. What agrees at every draw is the same function.
"""

import inspect
import itertools
from dataclasses import dataclass

import numpy as np

from minigen import byhand
from minigen.check import subjects

AGREE = 1e-6  # relative; an eps in a logarithm may differ
MOST = 3000  # ways to say which array is which
DRAWS = 3


@dataclass
class Compared:
    """What came of it: the same, another function, or nothing that can be compared; and a sentence."""

    verdict: str  # "ok", "wrong", "inconclusive"
    sentence: str


def function_of(subject):
    """The derivation by hand of a subject, and the name it has: wgan-gp-critic-tanh is wgan_gp_critic."""
    wanted = subject.replace("-", "_")
    found = {}
    for module in (vars(byhand)[name] for name in _modules()):
        found |= {
            n: f for n, f in vars(module).items() if inspect.isfunction(f) and f.__module__ == module.__name__
        }
    names = [n for n in found if wanted == n or wanted.startswith(f"{n}_")]
    return found[max(names, key=len)] if names else None


def _modules():
    import importlib
    import pkgutil

    names = [m.name for m in pkgutil.iter_modules(byhand.__path__) if m.name not in ("museum", "functions")]
    for name in names:
        importlib.import_module(f"minigen.byhand.{name}")
    return names


def compare(task, subject, seed=0):
    """A Compared of the forward of a Task with a subject of `minigen check --list`."""
    master = function_of(subject)
    if master is None:
        return Compared("inconclusive", f"{subject} has no derivation by hand to compare with")
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(41,)))
    drawn = [task.draw(rng) for _ in range(DRAWS)]
    draws = [({n: v for n, v in full.items() if not n.startswith("(")}, task.forward(full)) for full in drawn]
    best = None
    for roles, fixed in _assignments(master, subjects.build(subject).parameters, draws[0][0]):
        try:
            results = [_called(master, roles, fixed, values) for values, _ in draws]
            pairs = [(np.asarray(m, float), np.asarray(y)) for m, (_, y) in zip(results, draws, strict=True)]
        except Exception:
            continue
        if all(m.shape == y.shape and np.allclose(m, y, rtol=AGREE, atol=1e-9) for m, y in pairs):
            return Compared("ok", f"forward is {subject}: the same values, on {DRAWS} inputs")
        closeness = bool(_factor(pairs, draws)), sum(m.shape == y.shape for m, y in pairs), -_distance(pairs)
        if best is None or closeness > best[0]:
            best = closeness, roles, pairs
    takes = ", ".join(p for p in inspect.signature(master).parameters if p != "p")
    if best is None:
        return Compared(
            "inconclusive",
            f"forward was not compared with {subject}: no way was found to call it with your arrays; it takes {takes}, "
            "and noise must be an argument of forward",
        )
    _, roles, pairs = best
    return Compared("wrong", f"forward is not {subject}: {_difference(pairs, draws, roles)}")


def _distance(pairs):
    if any(m.shape != y.shape for m, y in pairs):
        return np.inf
    return max(float(np.abs(m - y).max() / (np.abs(m).max() + 1e-12)) for m, y in pairs)


def _difference(pairs, draws, roles):
    """How far the two are apart, and by which number where it is one."""
    mine, yours = pairs[0]
    if mine.shape != yours.shape:
        return f"it gives shape {yours.shape}, and minigen's gives {mine.shape}"
    index = int(np.argmax(np.abs(np.ravel(mine - yours))))
    values = f"yours {np.ravel(yours)[index]:.6g}, minigen's {np.ravel(mine)[index]:.6g}"
    factor = _factor(pairs, draws)
    if factor:
        return f"{values}, {factor}"
    which = ", ".join(f"{role} = {value}" for role, (value, _) in list(roles.items())[:6])
    return f"{values}, at the same {which}"


def _factor(pairs, draws):
    """The words for a number by which the two differ at every input; "" where there is none."""
    ratios = []
    for mine, yours in pairs:
        largest = int(np.argmax(np.abs(mine)))
        if mine.shape != yours.shape or not np.ravel(mine)[largest]:
            return ""
        ratios.append(float(np.ravel(yours)[largest] / np.ravel(mine)[largest]))
        if not np.allclose(yours, ratios[-1] * mine, rtol=AGREE):
            return ""
    if np.allclose(ratios, ratios[0], rtol=AGREE):
        return f"{ratios[0]:.6g} times as much at every input"
    sizes = [{s for v in values.values() for s in np.shape(v)} for values, _ in draws]
    for sign, words in ((1, "a sum where a mean is due"), (-1, "a mean where a sum is due")):
        told = zip(ratios, sizes, strict=True)
        if all(any(np.isclose(r, float(n) ** sign) for n in known) for r, known in told):
            return f"{ratios[0]:.6g} times as much, which is a size of the inputs: {words}"
    return ""


def _called(master, roles, fixed, values):
    arrays = {role: how(np.asarray(values[value])) for role, (value, how) in roles.items()}
    parameters = inspect.signature(master).parameters
    arguments = {n: arrays[n] for n in parameters if n in arrays}
    if "p" in parameters:
        arguments["p"] = {role: a for role, a in arrays.items() if role not in parameters}
    result = master(**arguments, **{n: values.get(v, v) for n, v in fixed.items()})
    return result[0] if isinstance(result, tuple) else result


HOW = {  # ways to hand over an array
    "as it is": lambda a: a,
    "transposed": lambda a: a.T,
    "as a vector": np.ravel,
    "as labels": lambda a: a.argmax(-1) if a.ndim == 2 else a.astype(int),
}


def _assignments(master, shapes, values):
    """({role: (name of a value, how)}, settings): ways to say which of the person's arrays is which."""
    signature = inspect.signature(master).parameters
    needed = [p.name for p in signature.values() if p.kind is not p.KEYWORD_ONLY and p.name != "p"]
    in_p = [(n, np.shape(s)) for n, s in shapes.items() if n not in signature] if "p" in signature else []
    roles = [*((n, np.shape(shapes[n])) for n in needed if n in shapes), *in_p]
    roles += [(n, None) for n in needed if n not in shapes]
    settings = {}
    for p in signature.values():
        if p.kind is p.KEYWORD_ONLY:
            known = next((v for v in values if v.lower() == p.name and np.ndim(values[v]) == 0), None)
            if known is not None:
                settings[p.name] = known
            elif p.default is p.empty:
                settings[p.name] = 1.0
    arrays = {n: np.shape(v) for n, v in values.items() if np.ndim(v)}
    for strict in (True, False):
        for chosen in itertools.islice(_choose(roles, arrays, strict, {}, {}), MOST):
            yield chosen, settings


def _choose(roles, arrays, strict, chosen, sizes):
    if not roles:
        yield dict(chosen)
        return
    (role, shape), *rest = roles
    used = {value for value, _ in chosen.values()}
    names = sorted((n for n in arrays if n not in used), key=lambda n: n.rpartition(".")[2].lower() != role)
    for name in names:
        for how, given in _ways(role, arrays[name], shape):
            known = dict(sizes)
            both = zip(shape, given, strict=True) if shape is not None and strict else ()
            if any(known.setdefault(a, b) != b for a, b in both):
                continue
            if shape is not None and len(shape) == 1 and chosen and not strict:
                last, way = list(chosen.values())[-1]  # a bias is as long as its weight is wide
                wide = arrays[last][::-1] if way is HOW["transposed"] else arrays[last]
                if len(wide) == 2 and wide[-1] != given[0]:
                    continue
            yield from _choose(rest, arrays, strict, {**chosen, role: (name, how)}, known)


def _ways(role, given, shape):
    """(how, shape as it is handed over) of one array for a role."""
    if role == "labels":
        yield HOW["as labels"], given[:1]
        return
    if shape is None or len(given) == len(shape):
        yield HOW["as it is"], given
    if shape is not None and len(shape) == 2 and len(given) == 2:
        yield HOW["transposed"], given[::-1]
    if shape is not None and len(shape) == 1 and len(given) == 2 and 1 in given:
        yield HOW["as a vector"], (int(np.prod(given)),)
