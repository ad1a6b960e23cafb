"""Operations with a mistake in one rule, for the checker to find;
they are not in the registry of operations.
"""

import numpy as np

from minigen.engine import ops
from minigen.engine.tape import Op


def operation(forward, *rules, branches=None, broadcasts=False):
    """An operation outside the registry."""
    made = Op(forward, broadcasts, False, branches)
    made.rule(*rules)
    return made


def _softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def one_zeroed(g):
    mask = np.ones(g.shape)
    mask.flat[g.size // 2] = 0
    return g * mask


def softmax_rule(g, out, x):
    return out * (g - ops.sum(g * out, -1, True))


def tanh_rule(g, out, x):
    return g * (1 - out * out)


tanh = operation(np.tanh, tanh_rule)
softmax = operation(_softmax, softmax_rule)

# the table of anchors that most checkers miss, and more: name -> (operation, number of square arguments)
MISTAKES = {
    "forgot to multiply by g": (operation(np.tanh, lambda g, out, x: 1 - out * out + 0 * g), 1),
    "softmax gives zeros": (operation(_softmax, lambda g, out, x: 0 * g), 1),
    "softmax, diagonal only": (operation(_softmax, lambda g, out, x: g * out * (1 - out)), 1),
    "softmax, wrong axis": (operation(_softmax, lambda g, out, x: out * (g - ops.sum(g * out, 0, True))), 1),
    "forgot to transpose": (operation(np.transpose, lambda g, out, x: g), 1),
    "forgot to flip": (operation(np.flip, lambda g, out, x: g), 1),
    "one element zeroed": (operation(np.tanh, lambda g, out, x: one_zeroed(tanh_rule(g, out, x))), 1),
    "half a percent": (operation(np.tanh, lambda g, out, x: 1.005 * tanh_rule(g, out, x)), 1),
    "a hundredth of a percent": (operation(np.tanh, lambda g, out, x: 1.0001 * tanh_rule(g, out, x)), 1),
    "sign": (operation(np.tanh, lambda g, out, x: -tanh_rule(g, out, x)), 1),
    "derivative of another function": (operation(np.tanh, lambda g, out, x: g * out * (1 - out)), 1),
    "derivative at the wrong place": (operation(np.tanh, lambda g, out, x: g * (1 - x * x)), 1),
    "1/(n - 1) for 1/n": (
        operation(lambda x: x.mean(0), lambda g, out, x: (g / (len(x) - 1))[None] + 0 * x),
        1,
    ),
    "W instead of its transpose": (
        operation(np.matmul, lambda g, out, x, y: g @ y, lambda g, out, x, y: x.T @ g),
        2,
    ),
    "arguments swapped": (
        operation(np.matmul, lambda g, out, x, y: x.T @ g, lambda g, out, x, y: g @ y.T),
        2,
    ),
    "relu passes everything": (
        operation(lambda x: np.maximum(x, 0), lambda g, out, x: g, branches=lambda x: x > 0),
        1,
    ),
    "a constant is added": (operation(np.tanh, lambda g, out, x: tanh_rule(g, out, x) + 1e-3), 1),
}
