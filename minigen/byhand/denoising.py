"""Denoising autoencoders by hand: a corrupted input, the clean x as the target (Vincent et al. 2008).

The noise is drawn outside and given as an argument. It changes one letter of the derivation of ae_mse. The
encoder reads the corrupted x̃, so x̃ stands in gW₁. The error is measured against the clean x, so x stands in
δ₂.
"""

import numpy as np


def ae_denoising(p, x, noisy):
    """Tanh units, linear output; x̃ = noisy is any corrupted version of x.

    h  = tanh(x̃ W₁ + b₁)                     (N, D) -> (N, H)
    x̂  = h W₂ + b₂                           (N, H) -> (N, D)
    L  = 1/N Σ_n ½‖x̂_n − x_n‖²               the clean x

    δ₂ = gx̂ = (x̂ − x)/N                      the clean x
    gW₂ = hᵀ δ₂      gb₂ = Σ_n δ₂_n
    gh = δ₂ W₂ᵀ                              (N, D) -> (N, H)
    δ₁ = gh ⊙ (1 − h²)                       tanh′ = 1 − tanh²
    gW₁ = x̃ᵀ δ₁      gb₁ = Σ_n δ₁_n          the damaged x̃: it is what W₁ was multiplied by
    """
    W1, b1 = p["encoder.weight"], p["encoder.bias"]
    W2, b2 = p["decoder.weight"], p["decoder.bias"]
    N = len(x)

    h = np.tanh(noisy @ W1 + b1)
    xhat = h @ W2 + b2
    loss = 0.5 * ((xhat - x) ** 2).sum() / N

    delta2 = (xhat - x) / N
    gh = delta2 @ W2.T
    delta1 = gh * (1 - h**2)
    return loss, {
        "encoder.weight": noisy.T @ delta1,
        "encoder.bias": delta1.sum(axis=0),
        "decoder.weight": h.T @ delta2,
        "decoder.bias": delta2.sum(axis=0),
    }


def ae_denoising_gaussian(p, x, noise, *, sigma):
    """Additive noise ν (N, D), drawn from N(0, I).

    x̃ = x + σ ν                              no parameter in it: the derivation of ae_denoising is unchanged
    """
    return ae_denoising(p, x, x + sigma * noise)


def ae_denoising_masking(p, x, mask):
    """Missing pixels: the mask (N, D) is 1 where a pixel is kept and 0 where it is lost.

    x̃ = x ⊙ mask                             no parameter in it: the derivation of ae_denoising is unchanged
    """
    return ae_denoising(p, x, x * mask)
