"""What backward adds whatever the upstream gradient is: the gradient of a penalty that forward does not have.

A layer with weight decay adds self.reg * self.W to self.dW, and a network may have a method such as penalty() beside
forward. The gradients are then those of <g, y> plus the penalty. What backward gives for g = 0 is the penalty's part.
"""

import contextlib
import functools
from dataclasses import replace

import numpy as np

from minigen.explain.task import Played

STEP = 1e-5  # of the central differences of a penalty
CLOSE = 1e-6
MOST = 8  # numbers of which is asked whether they are a weight decay


def apart(task, rng):
    """(Task, sentence) in which the penalty's gradient is taken for what it is; None where backward adds none.

    Of a method without arguments the gradient is measured by differences. Without one, a multiple of the parameter
    itself or of its sign is taken for weight decay. Anything else may be a mistake, such as a forgotten g.
    """
    values = task.draw(rng)
    y = task.forward(values)
    if not task.takes_g or np.ndim(y) == 0:
        return None
    added = _added(task, values)
    if not added:
        return None
    for name, function in task.penalties.items():
        try:
            slopes = _slopes(function, values, task.names)
        except Exception:  # it gives no number
            continue
        if slopes.keys() & added.keys():
            said = (
                f"backward adds what does not depend on its upstream gradient; it is compared with {name}()"
            )
            return _shifted(task, lambda v, f=function: _slopes(f, v, task.names)), said
    decays = {n: _decay(a, values[n]) for n, a in added.items()}
    if not all(decays.values()):
        return None
    parts = ", ".join(f"{decays[n]} {n}" for n in added)
    said = f"backward adds {parts} whatever its upstream gradient is: weight decay, which is left out of the comparison"
    return _shifted(task, lambda v: _added(task, v)), said


def of_another_player(task, others, rng):
    """(Task, sentence) without the gradients of another player, to which its layers add their own weight decay; None
    where there are none.

    The step of a generator goes back through the critic, and leaves gradients there that nobody uses: of the critic's
    parameters, with the decay that only the critic's loss has. Another pair gives the same gradients, and there they
    are right.
    """
    values = task.draw(rng)
    if task.takes_g or np.ndim(task.forward(values)):
        return None
    found = {}
    for other in others:
        shared = task.names.keys() & other.names.keys()
        if other is task or other.takes_g or shared in (set(), task.names.keys()):
            continue  # it trains nothing of its own
        with contextlib.suppress(Exception):  # the other pair may raise
            excess = _excess(task, values, shared)
            decays = {n: _decay(e, values[n]) for n, e in excess.items() if np.any(e)}
            theirs = _excess(other, other.draw(rng), decays)
            right = [n for n, decay in decays.items() if decay and n in theirs and not np.any(theirs[n])]
            found |= {n: (decays[n], other.title) for n in right}
    if not found:
        return None
    parts = ", ".join(f"{decay} {n}" for n, (decay, _) in found.items())
    titles = " and ".join(dict.fromkeys(title for _, title in found.values()))
    said = (
        f"backward adds {parts}: weight decay of what {titles} trains, where it is right; not compared here"
    )
    return replace(task, names={n: v for n, v in task.names.items() if n not in found}, judged=None), said


def of_a_setting(task, rng):
    """(Task, sentence) in which a number is 0 that forward does not use, and that multiplies each parameter in its gradient:
    weight decay without a term in the loss. None where there is none.
    """
    values = task.draw(rng)
    y, given = task.forward(values), task.play(values).gradients
    small = [n for n, v in values.items() if n not in task.names and np.ndim(v) == 0 and 0 < v < 1]
    for name in small[:MOST]:
        try:
            without = {**values, name: np.zeros(())}
            rest, same = task.play(without).gradients, np.array_equal(task.forward(without), y)
        except Exception:  # it may not be 0
            continue
        added = {n: given[n] - rest[n] for n in task.names if n in rest and np.any(given[n] != rest[n])}
        if not same or not added:
            continue
        parts = {
            n: (a[a != 0], np.asarray(values[n])[a != 0]) for n, a in added.items()
        }  # of rows, it may be
        times = {
            n: a[0] / v[0] for n, (a, v) in parts.items() if v[0] and np.allclose(a, a[0] / v[0] * v, CLOSE)
        }
        most = max(times.values(), key=lambda k: np.isclose([*times.values()], k).sum(), default=0.0)
        alike = [n for n, k in times.items() if np.isclose(k, most)]
        told = most > 0 and sum(parts[n][0].size for n in alike) > 1  # of numbers only several tell it
        decays = [n for n, part in parts.items() if n in alike and told or _decay(*part)]
        if 2 * len(decays) > len(added):
            of = ", ".join(n.partition(" ")[0] for n in decays)
            said = (
                f"backward adds weight decay by {name.partition(' ')[0]} to the gradients of {of}, which the loss does not have; "
                "it is left out of the comparison"
            )
            if len(decays) == len(added):
                return replace(task, draw=functools.partial(_with_0, task.draw, name), judged=None), said
            return _shifted(task, functools.partial(_less, task, name, decays)), said
    return None


def _with_0(draw, name, rng):
    return {**draw(rng), name: np.zeros(())}


def _less(task, name, names, values):
    """{name: what a gradient loses where a number is 0}."""
    given, rest = task.play(values).gradients, task.play({**values, name: np.zeros(())}).gradients
    return {n: given[n] - rest[n] for n in names}


def _excess(task, values, names):
    """{name: gradient less the slope of forward}; 0 where they agree as far as differences tell, to about 1e-6."""
    given, slopes = task.play(values).gradients, _slopes(task.forward, values, names)
    found = {}
    for n in names:
        if n in values and np.shape(given.get(n)) == np.shape(values[n]):
            apart = given[n] - slopes.get(n, 0.0)
            found[n] = np.where(np.abs(apart) > 1e-6 * (1e-3 + np.abs(given[n]).max(initial=0.0)), apart, 0.0)
    return found


def _added(task, values):
    """{name: what backward gives for g = 0}, where that is not 0."""
    found = task.play(values, np.zeros(np.shape(task.forward(values)))).gradients
    return {n: v for n, v in found.items() if np.ndim(v) and np.any(v)}


def _decay(added, value):
    """ "0.01 times self.W", or "0.01 times the sign of", or both, where that is what was added; "" where it is not."""
    if np.shape(added) != np.shape(value):
        return ""
    ways = {"times": np.ravel(value), "times the sign of": np.sign(np.ravel(value))}
    for said in ([*ways][:1], [*ways][1:], [*ways]):
        columns = np.stack([ways[way] for way in said], axis=1)
        sizes = np.linalg.lstsq(columns, np.ravel(added), rcond=None)[0]
        near = np.allclose(columns @ sizes, np.ravel(added), 0, CLOSE * np.abs(added).max())
        if near and (sizes > 0).all() and len(columns) > len(said):
            return " and ".join(f"{size:.4g} {way}" for size, way in zip(sizes, said, strict=True))
    return ""


def _slopes(function, values, names):
    """{name: gradient} of a number that depends on the values, by central differences; without those that are 0."""
    found = {}
    for name in names:
        if name not in values:
            continue
        slope = np.zeros(np.shape(values[name]))
        for i in np.ndindex(slope.shape):
            ends = []
            for sign in (1, -1):
                moved = np.array(values[name])
                moved[i] += sign * STEP
                ends.append(function({**values, name: moved}))
            slope[i] = (ends[0] - ends[1]) / (2 * STEP)
        if np.abs(slope).max(initial=0.0) > 1e-8:
            found[name] = slope
    return found


def _shifted(task, part):
    """The Task whose gradients lack a part, which is measured once for all values that are met."""
    known = {}

    def at(values):
        key = hash(tuple((n, np.asarray(v).tobytes()) for n, v in values.items()))
        if key not in known:
            known[key] = part(values)
        return known[key]

    def play(values, g=None):
        part = at(values)
        played = task.play(values, g)
        gradients = {n: v - part[n] if n in part else v for n, v in played.gradients.items()}
        return Played(played.y, gradients)

    return replace(task, play=play, judged=None)
