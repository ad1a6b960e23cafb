"""Sparse autoencoders by hand: a penalty on the mean activity of units, or on the size of the code.

The penalty depends on h, so gh is the sum of two gradients, of the reconstruction and of the penalty. φ′ is
applied once to the sum. The notation is that of autoencoder.py: gy is ∂L/∂y, δ the gradient at a
pre-activation.
"""

import numpy as np

from .functions import sigmoid


def ae_sparse_kl(p, x, *, rho, beta):
    """Sigmoid units whose batch-mean activity ρ̂_j is drawn to ρ (Ng 2011). Squared error.

    h  = σ(x W₁ + b₁)                        (N, D) -> (N, H)
    x̂  = h W₂ + b₂                           (N, H) -> (N, D)
    ρ̂  = 1/N Σ_n h_n                           (N, H) -> (H,), one rate per unit
    L  = 1/N Σ_n ½‖x̂_n − x_n‖² + β Σ_j KL(ρ ‖ ρ̂_j)
    kl_j = KL(ρ ‖ ρ̂_j) = ρ log(ρ/ρ̂_j) + (1 − ρ) log((1 − ρ)/(1 − ρ̂_j))

    δ₂ = gx̂ = (x̂ − x)/N
    gW₂ = hᵀ δ₂      gb₂ = Σ_n δ₂_n
    gρ̂ = β (−ρ/ρ̂ + (1 − ρ)/(1 − ρ̂))          (H,); zero exactly at ρ̂ = ρ
    gh = δ₂ W₂ᵀ + gρ̂/N                       ∂ρ̂_j/∂h_nj = 1/N: the same pull on every example
    δ₁ = gh ⊙ h ⊙ (1 − h)                    σ′ = σ (1 − σ)
    gW₁ = xᵀ δ₁      gb₁ = Σ_n δ₁_n
    """
    W1, b1 = p["encoder.weight"], p["encoder.bias"]
    W2, b2 = p["decoder.weight"], p["decoder.bias"]
    N = len(x)

    h = sigmoid(x @ W1 + b1)
    xhat = h @ W2 + b2
    rhohat = h.sum(axis=0) / N
    kl = rho * np.log(rho / rhohat) + (1 - rho) * np.log((1 - rho) / (1 - rhohat))
    loss = 0.5 * ((xhat - x) ** 2).sum() / N + beta * kl.sum()

    delta2 = (xhat - x) / N
    grhohat = beta * (-rho / rhohat + (1 - rho) / (1 - rhohat))
    gh = delta2 @ W2.T + grhohat / N
    delta1 = gh * h * (1 - h)
    return loss, {
        "encoder.weight": x.T @ delta1,
        "encoder.bias": delta1.sum(axis=0),
        "decoder.weight": h.T @ delta2,
        "decoder.bias": delta2.sum(axis=0),
    }


def ae_sparse_l1(p, x, *, lam):
    """Tanh units with an L1 penalty on the code. Squared error.

    h  = tanh(x W₁ + b₁)                     (N, D) -> (N, H)
    x̂  = h W₂ + b₂                           (N, H) -> (N, D)
    L  = 1/N Σ_n ½‖x̂_n − x_n‖² + λ/N Σ_n Σ_j |h_nj|

    δ₂ = gx̂ = (x̂ − x)/N
    gW₂ = hᵀ δ₂      gb₂ = Σ_n δ₂_n
    gh = δ₂ W₂ᵀ + λ sign(h)/N                |t|′ = sign t, and 0 at the kink t = 0
    δ₁ = gh ⊙ (1 − h²)                       tanh′ = 1 − tanh²
    gW₁ = xᵀ δ₁      gb₁ = Σ_n δ₁_n
    """
    W1, b1 = p["encoder.weight"], p["encoder.bias"]
    W2, b2 = p["decoder.weight"], p["decoder.bias"]
    N = len(x)

    h = np.tanh(x @ W1 + b1)
    xhat = h @ W2 + b2
    loss = 0.5 * ((xhat - x) ** 2).sum() / N + lam * np.abs(h).sum() / N

    delta2 = (xhat - x) / N
    gh = delta2 @ W2.T + lam * np.sign(h) / N
    delta1 = gh * (1 - h**2)
    return loss, {
        "encoder.weight": x.T @ delta1,
        "encoder.bias": delta1.sum(axis=0),
        "decoder.weight": h.T @ delta2,
        "decoder.bias": delta2.sum(axis=0),
    }
