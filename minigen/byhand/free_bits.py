"""Free bits by hand: each latent unit has λ nats of divergence without cost (Kingma et al. 2016).

Early in training the divergence is lowered most easily by a code without information. Units that collapse so
rarely recover. Below λ the term of a unit is constant, so its divergence has no gradient there: a mask with
one entry for each unit.
"""

import numpy as np

from .functions import sigmoid, softplus


def vae_free_bits(p, x, eps, *, free_bits):
    """A Bernoulli VAE with max(λ, mean divergence over the batch) for each unit k; letters as in vae.py.

    h = tanh(x W₁ + b₁)                      (N, D) -> (N, H)
    μ = h W_μ + b_μ      v = h W_v + b_v     (N, H) -> (N, K) each
    σ = e^(v/2)          z = μ + σ ⊙ ε       (N, K)
    u = tanh(z W₂ + b₂)                      (N, K) -> (N, H)
    l = u W₃ + b₃                            (N, H) -> (N, D)
    NLL = 1/N Σ_n Σ_d (softplus(l) − x l)
    κ_k = 1/N Σ_n ½ (σ² + μ² − 1 − v)_nk     (N, K) -> (K,), averaged before the maximum is taken
    L = NLL + Σ_k max(λ, κ_k)

    δ₃ = gl = (σ(l) − x)/N                   here σ(l) is the sigmoid: softplus′
    gu = δ₃ W₃ᵀ
    δ₂ = gu ⊙ (1 − u²)                       tanh′ = 1 − tanh²
    gz = δ₂ W₂ᵀ                              (N, H) -> (N, K)
    gκ_k = 1 where κ_k > λ, else 0           (K,): the mask; at a tie the constant λ wins
    gμ = gz + gκ ⊙ μ/N                       ∂z/∂μ = 1;  ∂κ/∂μ = μ/N
    gv = gz ⊙ ½ σ ⊙ ε + gκ ⊙ ½ (σ² − 1)/N    ∂σ/∂v = ½ σ;  ∂κ/∂v = ½ (σ² − 1)/N
    gh = gμ W_μᵀ + gv W_vᵀ                   h feeds both heads
    δ₁ = gh ⊙ (1 − h²)
    gW₁ = xᵀ δ₁   gW_μ = hᵀ gμ   gW_v = hᵀ gv   gW₂ = zᵀ δ₂   gW₃ = uᵀ δ₃   each gb = the sum over n
    """
    W1, b1, W2, b2 = p["encoder.weight"], p["encoder.bias"], p["decoder.weight"], p["decoder.bias"]
    Wmu, bmu, Wv, bv = p["mu.weight"], p["mu.bias"], p["logvar.weight"], p["logvar.bias"]
    W3, b3 = p["output.weight"], p["output.bias"]
    N = len(x)

    h = np.tanh(x @ W1 + b1)
    mu, logvar = h @ Wmu + bmu, h @ Wv + bv
    sigma = np.exp(logvar / 2)
    z = mu + sigma * eps
    u = np.tanh(z @ W2 + b2)
    logits = u @ W3 + b3
    nll = (softplus(logits) - x * logits).sum() / N
    kappa = 0.5 * (sigma**2 + mu**2 - 1 - logvar).sum(axis=0) / N
    loss = nll + np.maximum(free_bits, kappa).sum()

    delta3 = (sigmoid(logits) - x) / N
    gu = delta3 @ W3.T
    delta2 = gu * (1 - u**2)
    gz = delta2 @ W2.T
    gkappa = (kappa > free_bits).astype(kappa.dtype)
    gmu = gz + gkappa * mu / N
    glogvar = gz * 0.5 * sigma * eps + gkappa * 0.5 * (sigma**2 - 1) / N
    gh = gmu @ Wmu.T + glogvar @ Wv.T
    delta1 = gh * (1 - h**2)
    return loss, {
        "encoder.weight": x.T @ delta1,
        "encoder.bias": delta1.sum(axis=0),
        "mu.weight": h.T @ gmu,
        "mu.bias": gmu.sum(axis=0),
        "logvar.weight": h.T @ glogvar,
        "logvar.bias": glogvar.sum(axis=0),
        "decoder.weight": z.T @ delta2,
        "decoder.bias": delta2.sum(axis=0),
        "output.weight": u.T @ delta3,
        "output.bias": delta3.sum(axis=0),
    }
