"""The curves that losses and activations are made of, their slopes φ' and the slopes of their slopes φ''.

All of them hold over the whole range of floats: softplus(t) = log(1 + eᵗ) is computed as logaddexp(0, t),
which never forms eᵗ, and the sigmoid as e^−softplus(−t), because log σ(t) = −softplus(−t). The second
derivatives are for penalties on gradients: the derivative of φ'(a) is φ''(a).
"""

import numpy as np


def softplus(t):
    """log(1 + eᵗ); its slope is the sigmoid."""
    return np.logaddexp(0, t)


def sigmoid(t):
    """σ(t) = 1 / (1 + e⁻ᵗ); σ' = σ (1 − σ)."""
    return np.exp(-softplus(-t))


def tanh_slope(t):
    """tanh' = 1 − tanh²."""
    return 1 - np.tanh(t) ** 2


def tanh_curvature(t):
    """tanh'' = −2 tanh (1 − tanh²)."""
    return -2 * np.tanh(t) * (1 - np.tanh(t) ** 2)


def leaky_relu(t):
    """t where t > 0, else t/5."""
    return np.where(t > 0, t, 0.2 * t)


def leaky_relu_slope(t):
    """1 where t > 0, else 1/5 (at the kink t = 0 too)."""
    return np.where(t > 0, 1.0, 0.2).astype(t.dtype)


def leaky_relu_curvature(t):
    """0: two straight lines do not bend."""
    return np.zeros_like(t)


ACTIVATIONS = {
    "tanh": (np.tanh, tanh_slope, tanh_curvature),
    "leaky_relu": (leaky_relu, leaky_relu_slope, leaky_relu_curvature),
}


def activation_by_name(name):
    """Return (φ, φ', φ'') for "tanh" or "leaky_relu"."""
    if name not in ACTIVATIONS:
        raise ValueError(f"activation is {name!r}; expected one of {sorted(ACTIVATIONS)}")
    return ACTIVATIONS[name]
