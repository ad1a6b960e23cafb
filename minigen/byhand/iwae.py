"""The importance-weighted autoencoder by hand: S codes for every example, with importance weights.

log 1/S Σ_s w_s is a lower bound on log p(x) that tightens with S (Burda et al. 2016); S = 1 is the VAE,
with the divergence estimated at z. Its gradient is the VAE's, averaged with the normalised weights in
place of 1/S.
"""

import numpy as np

from .functions import sigmoid, softplus
from .logsumexp import logsumexp


def iwae(p, x, eps):
    """Bernoulli decoder, noise ε (S, N, K); parameters and letters as in vae_bernoulli.

    h = tanh(x W₁ + b₁)                      (N, D) -> (N, H)
    μ = h W_μ + b_μ      v = h W_v + b_v     (N, H) -> (N, K) each
    σ = e^(v/2)          z_s = μ + σ ⊙ ε_s   (S, N, K)
    u = tanh(z W₂ + b₂)                      (S, N, K) -> (S, N, H)
    l = u W₃ + b₃                            (S, N, H) -> (S, N, D)
    log w = log p(x|z) + log p(z) − log q(z|x)          (S, N)
          = −Σ_d (softplus(l) − x l) + ½ Σ_k (ε² + v − z²)     as (z − μ)/σ = ε, and both log 2π cancel
    lse_n = log Σ_s w_sn                     (N,), by logsumexp of log w
    L = −1/N Σ_n log 1/S Σ_s w_sn = −1/N Σ_n (lse_n − log S)

    ω = w/Σ_s w = e^(log w − lse)            (S, N), sums to 1 over s:  ∂L/∂log w = −ω/N
    δ₃ = gl = ω/N ⊙ (σ(l) − x)               (S, N, D)
    gu = δ₃ W₃ᵀ
    δ₂ = gu ⊙ (1 − u²)                       tanh′ = 1 − tanh²
    gz = δ₂ W₂ᵀ + ω/N ⊙ z                    (S, N, K), from the decoder, and from log p(z)
    gμ = Σ_s gz_s                            all S codes share one μ and one v
    gv = Σ_s gz_s ⊙ ½ σ ⊙ ε_s − ½/N          ∂σ/∂v = ½ σ;  ∂log w/∂v = ½, and Σ_s ω_s = 1
    gh = gμ W_μᵀ + gv W_vᵀ                   h feeds both heads
    δ₁ = gh ⊙ (1 − h²)
    gW₁ = xᵀ δ₁   gW_μ = hᵀ gμ   gW_v = hᵀ gv   gW₂ = Σ_s z_sᵀ δ₂_s   gW₃ = Σ_s u_sᵀ δ₃_s
    gb₁ = Σ_n δ₁   gb_μ = Σ_n gμ   gb_v = Σ_n gv   gb₂ = Σ_sn δ₂   gb₃ = Σ_sn δ₃
    """
    W1, b1, W2, b2 = p["encoder.weight"], p["encoder.bias"], p["decoder.weight"], p["decoder.bias"]
    Wmu, bmu, Wv, bv = p["mu.weight"], p["mu.bias"], p["logvar.weight"], p["logvar.bias"]
    W3, b3 = p["output.weight"], p["output.bias"]
    S, N = eps.shape[:2]

    h = np.tanh(x @ W1 + b1)
    mu, logvar = h @ Wmu + bmu, h @ Wv + bv
    sigma = np.exp(logvar / 2)
    z = mu + sigma * eps
    u = np.tanh(z @ W2 + b2)
    logits = u @ W3 + b3
    log_w = -(softplus(logits) - x * logits).sum(axis=2) + 0.5 * (eps**2 + logvar - z**2).sum(axis=2)
    lse = logsumexp(log_w, axis=0)
    loss = -(lse - float(np.log(S))).sum() / N

    omega = np.exp(log_w - lse)[:, :, None]
    delta3 = omega / N * (sigmoid(logits) - x)
    gu = delta3 @ W3.T
    delta2 = gu * (1 - u**2)
    gz = delta2 @ W2.T + omega / N * z
    gmu = gz.sum(axis=0)
    glogvar = (gz * 0.5 * sigma * eps).sum(axis=0) - 0.5 / N
    gh = gmu @ Wmu.T + glogvar @ Wv.T
    delta1 = gh * (1 - h**2)
    return loss, {
        "encoder.weight": x.T @ delta1,
        "encoder.bias": delta1.sum(axis=0),
        "mu.weight": h.T @ gmu,
        "mu.bias": gmu.sum(axis=0),
        "logvar.weight": h.T @ glogvar,
        "logvar.bias": glogvar.sum(axis=0),
        "decoder.weight": np.einsum("snk,snh->kh", z, delta2),
        "decoder.bias": delta2.sum(axis=(0, 1)),
        "output.weight": np.einsum("snh,snd->hd", u, delta3),
        "output.bias": delta3.sum(axis=(0, 1)),
    }
