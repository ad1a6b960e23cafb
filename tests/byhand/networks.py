"""Random parameters for the two-layer players, by the names that the by-hand functions use."""

import numpy as np


def player(name, inputs, hidden, outputs, *, seed, scale=1.0):
    """Weights and biases of inputs -> hidden -> outputs, all of them non-zero, in float64."""
    rng = np.random.default_rng(seed)
    return {
        f"{name}.hidden.weight": scale * rng.normal(size=(inputs, hidden)) / inputs**0.5,
        f"{name}.hidden.bias": 0.3 * rng.normal(size=hidden),
        f"{name}.output.weight": scale * rng.normal(size=(hidden, outputs)) / hidden**0.5,
        f"{name}.output.bias": 0.3 * rng.normal(size=outputs),
    }


def float32(tree):
    """The same arrays, or dict of arrays, in float32."""
    if isinstance(tree, dict):
        return {name: float32(value) for name, value in tree.items()}
    return tree.astype(np.float32) if isinstance(tree, np.ndarray) and tree.dtype == np.float64 else tree
