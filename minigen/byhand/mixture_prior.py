"""A VAE whose prior is a learned mixture of normals, by hand: the divergence is estimated at one z.

KL(q ‖ p) = E_q[log q(z|x) − log p(z)] is estimated at the one z that was drawn. The mixture is exact, a
logsumexp over its components; its gradient weights the components by their responsibilities for each z.
"""

import numpy as np

from .functions import sigmoid, softplus
from .logsumexp import logsumexp
from .vae import LOG_2PI


def log_mixture(z, a, m, s):
    """log p(z) under C normals: logits a (C,), means m (C, K), log-variances s (C, K), and how to go back.

    log π = a − lse(a)                       (C,)
    d_nck = z_nk − m_ck                      (N, C, K)
    f_nc = log π_c N(z_n; m_c, e^s_c)        (N, C)
         = log π_c − ½ Σ_k (s_ck + d_nck² e^−s_ck + log 2π)
    log p_n = lse_c(f_nc)                    (N, 1)

    Backward, g = ∂L/∂log p (N, 1):
    r = e^(f − log p)                        (N, C), responsibilities: ∂log p_n/∂f_nc; each row sums to 1
    gf = g ⊙ r
    gd = −gf ⊙ d ⊙ e^−s                      (N, C, K)
    gz = Σ_c gd_c                            (N, K)
    ga = Σ_n gf_n − π Σ_nc gf_nc             ∂log π_c/∂a_j = [c = j] − π_j
    gm = −Σ_n gd_n                           (C, K)
    gs = Σ_n gf_n ⊙ ½ (d² ⊙ e^−s − 1)        (C, K)
    """
    log_pi = a - logsumexp(a, axis=0)
    d = z[:, None, :] - m
    f = log_pi - 0.5 * (s + d**2 * np.exp(-s) + LOG_2PI).sum(axis=2)
    log_p = logsumexp(f, axis=1)

    def backward(g):
        r = np.exp(f - log_p)
        gf = g * r
        gd = -gf[:, :, None] * d * np.exp(-s)
        gz = gd.sum(axis=1)
        ga = gf.sum(axis=0) - np.exp(log_pi) * gf.sum()
        gm = -gd.sum(axis=0)
        gs = (gf[:, :, None] * 0.5 * (d**2 * np.exp(-s) - 1)).sum(axis=0)
        return gz, ga, gm, gs

    return log_p, backward


def vae_mixture_prior(p, x, eps):
    """Bernoulli decoder; the prior has prior.logits, prior.mu and prior.logvar; letters as in vae.py.

    h = tanh(x W₁ + b₁)                      (N, D) -> (N, H)
    μ = h W_μ + b_μ      v = h W_v + b_v     (N, H) -> (N, K) each
    σ = e^(v/2)          z = μ + σ ⊙ ε       (N, K)
    u = tanh(z W₂ + b₂)                      (N, K) -> (N, H)
    l = u W₃ + b₃                            (N, H) -> (N, D)
    NLL = 1/N Σ_n Σ_d (softplus(l) − x l)
    log q_n = −½ Σ_k (ε² + v + log 2π)_nk    since (z − μ)/σ = ε
    log p_n = log_mixture(z_n)
    L = NLL + 1/N Σ_n (log q_n − log p_n)

    δ₃ = gl = (σ(l) − x)/N                   here σ(l) is the sigmoid: softplus′
    gu = δ₃ W₃ᵀ
    δ₂ = gu ⊙ (1 − u²)                       tanh′ = 1 − tanh²
    gz_prior = back of log_mixture at −1/N   and with it ga, gm and gs, the gradients of the prior
    gz = δ₂ W₂ᵀ + gz_prior                   from the decoder, and from the prior
    gμ = gz                                  log q does not contain μ
    gv = gz ⊙ ½ σ ⊙ ε − ½/N                  ∂σ/∂v = ½ σ;  ∂log q/∂v = −½
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
    log_q = -0.5 * (eps**2 + logvar + LOG_2PI).sum(axis=1)
    log_p, back_prior = log_mixture(z, p["prior.logits"], p["prior.mu"], p["prior.logvar"])
    loss = nll + (log_q.sum() - log_p.sum()) / N

    delta3 = (sigmoid(logits) - x) / N
    gu = delta3 @ W3.T
    delta2 = gu * (1 - u**2)
    gz_prior, ga, gm, gs = back_prior(-1 / N)
    gz = delta2 @ W2.T + gz_prior
    gmu = gz
    glogvar = gz * 0.5 * sigma * eps - 0.5 / N
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
        "prior.logits": ga,
        "prior.mu": gm,
        "prior.logvar": gs,
    }
