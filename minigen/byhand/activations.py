"""Activations by hand: one number in, one number out, and the slope of the curve at that place.

y = φ(x) works on each entry alone, so its Jacobian is diagonal and the chain rule is one product:

    gx = g ⊙ φ'(x)

Where φ' can be had from the output y, it is. At a kink the slope is the one on the left: relu'(0) = 0.
"""

import numpy as np

from . import functions


def sigmoid(x):
    """y = 1 / (1 + e⁻ˣ).

    y' = e⁻ˣ / (1 + e⁻ˣ)² = y (1 − y), since e⁻ˣ / (1 + e⁻ˣ) = 1 − y
    gx = g ⊙ y ⊙ (1 − y)
    """
    y = functions.sigmoid(x)

    def backward(g):
        return g * y * (1 - y)

    return y, backward


def tanh(x):
    """y = sinh x / cosh x.

    y' = (cosh² x − sinh² x) / cosh² x = 1 − y²
    gx = g ⊙ (1 − y²)
    """
    y = np.tanh(x)

    def backward(g):
        return g * (1 - y**2)

    return y, backward


def relu(x):
    """y = max(x, 0).

    y' = 1 where x > 0, else 0
    gx = g ⊙ [x > 0]
    """
    y = np.maximum(x, 0)

    def backward(g):
        return g * (x > 0)

    return y, backward


def leaky_relu(x, slope=0.2):
    """y = x where x > 0, else slope · x.

    y' = 1 where x > 0, else slope
    gx = g where x > 0, else slope · g
    """
    y = np.where(x > 0, x, slope * x)

    def backward(g):
        return np.where(x > 0, g, slope * g)

    return y, backward


def elu(x, alpha=1.0):
    """y = x where x > 0, else α (eˣ − 1).

    y' = 1 where x > 0, else α eˣ = y + α
    gx = g where x > 0, else g (y + α)

    min(x, 0) only keeps eˣ from overflowing on the side where it is not used.
    """
    y = np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))

    def backward(g):
        return np.where(x > 0, g, g * (y + alpha))

    return y, backward


def softplus(x):
    """y = log(1 + eˣ).

    y' = eˣ / (1 + eˣ) = 1 / (1 + e⁻ˣ) = σ(x)
    gx = g ⊙ σ(x)
    """
    y = functions.softplus(x)

    def backward(g):
        return g * functions.sigmoid(x)

    return y, backward
