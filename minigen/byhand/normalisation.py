"""Normalisation by hand: subtract a mean, divide by a deviation; both depend on x.

x̂ depends on each entry of x in three ways: directly, through the mean, and through the variance. The
gradient has these three paths. A backward with the first alone treats the statistics as constants,
which is right in evaluation mode, where they are, and wrong in training.
"""

import numpy as np


def batch_norm(x, weight, bias, *, eps=1e-5):
    """Normalise each feature over the batch (training mode, biased variance); Ioffe and Szegedy 2015.

    x (N, F) with weight γ and bias β (F,): m = N entries share a mean; or x (N, C, H, W) with γ, β
    (C,): m = N·H·W. Σ runs over those m entries, the feature's index is left out.

    Forward:
        μ = (1/m) Σ x            c = x − μ
        v = (1/m) Σ c²           r = (v + ε)^(−1/2)
        x̂ = c r                  y = γ x̂ + β

    Backward, g = ∂L/∂y:
        gβ = Σ g
        gγ = Σ g x̂
        gx̂ = g γ
    x̂ = c r: r is shared by m entries, and dr/dv = −½ (v + ε)^(−3/2) = −½ r³; v is a mean of squares
        gr = Σ gx̂ c
        gv = −½ r³ gr
        gc = gx̂ r + (2/m) c gv
    c = x − μ: every x moves its own c, and through μ all of them
        gx = gc − (1/m) Σ gc
    So Σ gx = 0: a shift of the whole feature changes nothing.
    """
    axes, gamma, beta = _per_feature(x, weight, bias)
    m = x.size // len(weight)
    if m < 2:
        raise ValueError(
            f"batch_norm: one value a feature has no variance, x is {x.shape}; "
            "give it a larger batch, or use batch_norm_eval with running statistics"
        )

    mu = x.sum(axes, keepdims=True) / m
    c = x - mu
    v = (c**2).sum(axes, keepdims=True) / m
    r = (v + eps) ** -0.5
    xhat = c * r
    y = gamma * xhat + beta

    def backward(g):
        gbeta = g.sum(axes)
        ggamma = (g * xhat).sum(axes)
        gxhat = g * gamma
        gr = (gxhat * c).sum(axes, keepdims=True)
        gv = -0.5 * r**3 * gr
        gc = gxhat * r + 2 / m * c * gv
        gx = gc - gc.sum(axes, keepdims=True) / m
        return gx, ggamma, gbeta

    return y, backward


def batch_norm_eval(x, weight, bias, mean, var, *, eps=1e-5):
    """Normalise with given statistics (evaluation mode): mean μ and variance v, (F,) or (C,), are constants.

    Forward:
        r = (v + ε)^(−1/2)       x̂ = (x − μ) r           y = γ x̂ + β

    Backward. Nothing but x itself leads to x̂:
        gβ = Σ g                 gγ = Σ g x̂              gx = g γ r
    """
    axes, gamma, beta = _per_feature(x, weight, bias)
    _, mu, v = _per_feature(x, mean, var)

    r = (v + eps) ** -0.5
    xhat = (x - mu) * r
    y = gamma * xhat + beta

    def backward(g):
        gbeta = g.sum(axes)
        ggamma = (g * xhat).sum(axes)
        gx = g * gamma * r
        return gx, ggamma, gbeta

    return y, backward


def layer_norm(x, weight, bias, *, eps=1e-5):
    """Normalise each row over its features; Ba, Kiros and Hinton 2016.

    x (..., F), weight γ and bias β (F,). The statistics are those of one row, so the batch does not
    enter; γ and β are shared by the rows, so their gradients are summed over them. Σ_f runs along a
    row, Σ_n over the rows.

    Forward:
        μ = (1/F) Σ_f x          c = x − μ
        v = (1/F) Σ_f c²         r = (v + ε)^(−1/2)
        x̂ = c r                  y = γ x̂ + β

    Backward, the lines of batch_norm along the other axis:
        gβ = Σ_n g
        gγ = Σ_n g x̂
        gx̂ = g γ
        gr = Σ_f gx̂ c
        gv = −½ r³ gr
        gc = gx̂ r + (2/F) c gv
        gx = gc − (1/F) Σ_f gc
    """
    F = x.shape[-1]
    rows = tuple(range(x.ndim - 1))

    mu = x.sum(-1, keepdims=True) / F
    c = x - mu
    v = (c**2).sum(-1, keepdims=True) / F
    r = (v + eps) ** -0.5
    xhat = c * r
    y = weight * xhat + bias

    def backward(g):
        gbeta = g.sum(rows)
        ggamma = (g * xhat).sum(rows)
        gxhat = g * weight
        gr = (gxhat * c).sum(-1, keepdims=True)
        gv = -0.5 * r**3 * gr
        gc = gxhat * r + 2 / F * c * gv
        gx = gc - gc.sum(-1, keepdims=True) / F
        return gx, ggamma, gbeta

    return y, backward


def _per_feature(x, *vectors):
    """Return the axes that Σ runs over, then each (F,) vector shaped to stand beside x: (F,) or (C, 1, 1)."""
    if x.ndim not in (2, 4):
        raise ValueError(f"expected x of shape (N, F) or (N, C, H, W), got {x.shape}")
    axes, column = ((0,), (-1,)) if x.ndim == 2 else ((0, 2, 3), (-1, 1, 1))
    return axes, *(np.reshape(vector, column) for vector in vectors)
