"""Wasserstein GANs by hand: the critic estimates a distance, the generator makes it smaller.

Kantorovich and Rubinstein: the earth mover's distance between two distributions is the largest
difference of means

    distance = max over f with slope ≤ 1 of   E f(x) − E f(G(z))

so the critic f is an ordinary network without a sigmoid at the end, minus that difference is its loss,
and −loss is its estimate of the distance. Arjovsky et al. (2017) keep the slope bounded by clipping the
weights after each update, which is no part of any gradient; gradient_penalty.py has the penalty of
Gulrajani et al. (2017). The loss is linear in the critic's outputs: the gradient that starts backwards is
a constant, ±1/N, and so it never saturates.

    G:  t = z V1 + c1     s = tanh(t)     o = s V2 + c2     x_f = σ(o)
    f:  a = x W1 + b1     h = φ(a)        f = h W2 + b2               φ tanh, or the leaky ReLU of slope 0.2

with x_r, a_r, h_r, f_r on the real batch and x_f, a_f, h_f, f_f on the fake one. For any quantity y, gy is
∂L/∂y; where y is a pre-activation, what goes into an activation, it is called δy.

    V1 (Z, S), c1 (S,)    p["generator.hidden.weight"], p["generator.hidden.bias"]
    V2 (S, D), c2 (D,)    p["generator.output.weight"], p["generator.output.bias"]
    W1 (D, H), b1 (H,)    p["critic.hidden.weight"], p["critic.hidden.bias"]
    W2 (H, 1), b2 (1,)    p["critic.output.weight"], p["critic.output.bias"]
"""

import numpy as np

from .functions import activation_by_name, sigmoid
from .gan import NAMES


def wgan_critic(p, x, z, *, activation="leaky_relu"):
    """The critic's loss, −(its estimate of the distance), and its gradients.

    Forward, N rows x (N, D) and M rows z (M, Z):
        L = (1/M) Σ_m f_f − (1/N) Σ_n f_r

    Backward, δ marks the gradient at a pre-activation:
        δf_r = −1/N                    δf_f = 1/M
        gW2  = h_rᵀ δf_r + h_fᵀ δf_f   gb2 = Σ δf_r + Σ δf_f = 0   (f + constant measures the same distance)
        δa_r = δf_r W2ᵀ ⊙ φ'(a_r)      δa_f = δf_f W2ᵀ ⊙ φ'(a_f)
        gW1  = x_rᵀ δa_r + x_fᵀ δa_f   gb1 = Σ δa_r + Σ δa_f
    and nothing is sent on into the generator.
    """
    phi, phi_slope, _ = activation_by_name(activation)
    V1, c1, V2, c2 = (p[f"generator.{name}"] for name in NAMES)
    W1, b1, W2, b2 = (p[f"critic.{name}"] for name in NAMES)
    N, M = len(x), len(z)

    s = np.tanh(z @ V1 + c1)  # (M, Z) -> (M, S)
    x_f = sigmoid(s @ V2 + c2)  # (M, S) -> (M, D)
    a_r, a_f = x @ W1 + b1, x_f @ W1 + b1  # (N, D), (M, D) -> (N, H), (M, H)
    h_r, h_f = phi(a_r), phi(a_f)
    f_r, f_f = h_r @ W2 + b2, h_f @ W2 + b2  # (N, 1), (M, 1)
    loss = f_f.sum() / M - f_r.sum() / N

    df_r, df_f = np.full_like(f_r, -1 / N), np.full_like(f_f, 1 / M)
    gW2 = h_r.T @ df_r + h_f.T @ df_f
    gb2 = df_r.sum(0) + df_f.sum(0)
    da_r = df_r @ W2.T * phi_slope(a_r)
    da_f = df_f @ W2.T * phi_slope(a_f)
    gW1 = x.T @ da_r + x_f.T @ da_f
    gb1 = da_r.sum(0) + da_f.sum(0)
    return loss, {f"critic.{name}": g for name, g in zip(NAMES, (gW1, gb1, gW2, gb2), strict=True)}


def wgan_generator(p, z, *, activation="leaky_relu"):
    """The generator's loss and its gradients: move the samples to where the critic is higher.

    Forward:
        L = −(1/N) Σ_n f_f

    Backward, through the critic, whose parameters stay as they are, to the samples:
        δf_f = −1/N
        δa_f = δf_f W2ᵀ ⊙ φ'(a_f)
        gx_f = δa_f W1ᵀ
    then through the generator, σ' = σ(1 − σ) and tanh' = 1 − tanh²:
        δo  = gx_f ⊙ x_f ⊙ (1 − x_f)
        gV2 = sᵀ δo                        gc2 = Σ δo
        δt  = δo V2ᵀ ⊙ (1 − s²)
        gV1 = zᵀ δt                        gc1 = Σ δt
    """
    phi, phi_slope, _ = activation_by_name(activation)
    V1, c1, V2, c2 = (p[f"generator.{name}"] for name in NAMES)
    W1, b1, W2, b2 = (p[f"critic.{name}"] for name in NAMES)
    N = len(z)

    s = np.tanh(z @ V1 + c1)  # (N, Z) -> (N, S)
    x_f = sigmoid(s @ V2 + c2)  # (N, S) -> (N, D)
    a_f = x_f @ W1 + b1  # (N, D) -> (N, H)
    f_f = phi(a_f) @ W2 + b2  # (N, H) -> (N, 1)
    loss = -f_f.sum() / N

    df_f = np.full_like(f_f, -1 / N)
    da_f = df_f @ W2.T * phi_slope(a_f)
    gx_f = da_f @ W1.T  # (N, H) -> (N, D)
    do = gx_f * x_f * (1 - x_f)
    gV2 = s.T @ do
    gc2 = do.sum(0)
    dt = do @ V2.T * (1 - s**2)
    gV1 = z.T @ dt
    gc1 = dt.sum(0)
    return loss, {f"generator.{name}": g for name, g in zip(NAMES, (gV1, gc1, gV2, gc2), strict=True)}
