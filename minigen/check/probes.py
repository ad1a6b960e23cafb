"""When no reading explains a wrong line: under which changes of the problem does the line become right?

A mistake that disappears at stride 1, or at N = 1, or for noise 0, is a mistake in what
stride, N or the noise do.
"""

import time

import numpy as np

from minigen.check.contract import examine

RIGHT = 1e-8  # relative
SECONDS = 3.0  # for all probes together: they only add a remark to a table that stands


def probe(problems, backward, wanted, node):
    """The names of those problems at which the line `node` is right.

    `problems` yields (name, function that makes one).

    Counted are only problems at which there is something to be right about: a gradient that
    is zero is no evidence.
    """
    until, found = time.monotonic() + SECONDS, []
    for name, make in problems:
        if time.monotonic() > until:
            break
        found += [name] if _right_at(make, backward, wanted, node) else []
    return found


def _right_at(make, backward, wanted, node):
    try:
        with np.errstate(all="ignore"):
            problem = make()
        answer = examine(problem, backward, wanted)
        if node not in answer.gradients:
            return False
        parts, _ = problem.parts(node, problem.gradients(answer.gradients))
    except Exception:  # the change leaves the domain of the forward, or of the person's code: no evidence
        return False
    right, sound = sum(parts.values(), np.zeros(problem.value(node).shape)), problem.sound(node)
    size = np.linalg.norm(right)
    return bool(size and np.linalg.norm(np.where(sound, answer.gradients[node] - right, 0)) <= RIGHT * size)


def without(problem):
    """Problems that lack one thing: each real array that is an argument set to 0. Yields (name, function)."""
    for name, x in problem.arguments.items():
        if x.dtype.kind == "f" and x.any():
            yield f"{name} = 0", lambda n=name, x=x: problem.elsewhere({n: np.zeros_like(x)})
