"""The contractive autoencoder by hand: the loss contains a derivative, so its gradient contains a second.

The penalty is the squared size of the Jacobian ∂h/∂x (Rifai et al. 2011): the code should change little when
the image does. It depends on W₁ along two paths, directly and through the slope h (1 − h) of the units, and
both belong to the gradient. The notation is that of autoencoder.py.
"""

from .functions import sigmoid


def ae_contractive(p, x, *, lam):
    """Sigmoid units, untied weights, squared error, λ times the mean squared Frobenius norm of ∂h/∂x.

    h  = σ(x W₁ + b₁)                        (N, D) -> (N, H)
    x̂  = h W₂ + b₂                           (N, H) -> (N, D)
    ∂h_nj/∂x_ni = J_nij = s_nj W₁_ij         with the slope  s = σ′ = h ⊙ (1 − h)
    ‖J_n‖² = Σ_j Σ_i s_nj² W₁_ij² = Σ_j s_nj² c_j       with  c_j = Σ_i W₁_ij²
    L  = 1/N Σ_n ½‖x̂_n − x_n‖² + λ/N Σ_n Σ_j s_nj² c_j

    δ₂ = gx̂ = (x̂ − x)/N
    gW₂ = hᵀ δ₂      gb₂ = Σ_n δ₂_n
    gs = 2λ/N s ⊙ c                          (N, H), the penalty through the slope
    gc = λ/N Σ_n s_n²                        (H,), the penalty through the weights themselves
    gh = δ₂ W₂ᵀ + gs ⊙ (1 − 2h)              ds/dh = 1 − 2h: here is σ″ = s (1 − 2h), in two steps
    δ₁ = gh ⊙ s
    gW₁ = xᵀ δ₁ + 2 W₁ ⊙ gc      gb₁ = Σ_n δ₁_n         ∂c_j/∂W₁_ij = 2 W₁_ij
    """
    W1, b1 = p["encoder.weight"], p["encoder.bias"]
    W2, b2 = p["decoder.weight"], p["decoder.bias"]
    N = len(x)

    h = sigmoid(x @ W1 + b1)
    xhat = h @ W2 + b2
    s = h * (1 - h)
    c = (W1**2).sum(axis=0)
    loss = 0.5 * ((xhat - x) ** 2).sum() / N + lam * (s**2 * c).sum() / N

    delta2 = (xhat - x) / N
    gs = 2 * lam * s * c / N
    gc = lam * (s**2).sum(axis=0) / N
    gh = delta2 @ W2.T + gs * (1 - 2 * h)
    delta1 = gh * s
    return loss, {
        "encoder.weight": x.T @ delta1 + 2 * W1 * gc,
        "encoder.bias": delta1.sum(axis=0),
        "decoder.weight": h.T @ delta2,
        "decoder.bias": delta2.sum(axis=0),
    }
