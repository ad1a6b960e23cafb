"""Variational autoencoders by hand: the code is a distribution, differentiated by reparameterisation.

The encoder gives a mean μ and a log-variance v of q(z|x); the noise ε is an argument, so z = μ + σ ⊙ ε is an
ordinary function of the parameters and the chain rule applies (Kingma and Welling 2014). The loss is the
negative evidence lower bound: a negative log-likelihood of x given z, plus β times KL(q ‖ N(0, I)).

Some gradients are sums. μ and v each receive two gradients, one through z and one from the divergence; and h
feeds two heads, so gh is a sum as well. The notation is that of autoencoder.py: gy is ∂L/∂y, δ the gradient
at a pre-activation; losses sum over features and average over the N examples.

    W₁ b₁ encoder    W_μ b_μ mu    W_v b_v logvar    W₂ b₂ decoder    W₃ b₃ output    W₄ b₄ output_logvar
"""

import numpy as np

from .functions import sigmoid, softplus

LOG_2PI = float(np.log(2 * np.pi))  # a Python float: a NumPy scalar would turn float32 into float64


def vae_bernoulli(p, x, eps, *, beta=1.0):
    """Bernoulli pixels: the decoder gives logits. Data x in [0, 1], noise ε (N, K).

    h = tanh(x W₁ + b₁)                      (N, D) -> (N, H)
    μ = h W_μ + b_μ      v = h W_v + b_v     (N, H) -> (N, K) each
    σ = e^(v/2)          z = μ + σ ⊙ ε       (N, K)
    u = tanh(z W₂ + b₂)                      (N, K) -> (N, H)
    l = u W₃ + b₃                            (N, H) -> (N, D)
    NLL = 1/N Σ_n Σ_d (softplus(l) − x l)
    KL = 1/N Σ_n Σ_k ½ (σ² + μ² − 1 − v)
    L = NLL + β KL

    δ₃ = gl = (σ(l) − x)/N                   here σ(l) is the sigmoid: softplus′
    gu = δ₃ W₃ᵀ                              (N, D) -> (N, H)
    δ₂ = gu ⊙ (1 − u²)                       tanh′ = 1 − tanh²
    gz = δ₂ W₂ᵀ                              (N, H) -> (N, K)
    gμ = gz + β μ/N                          ∂z/∂μ = 1;  ∂ ½μ²/∂μ = μ
    gv = gz ⊙ ½ σ ⊙ ε + β ½ (σ² − 1)/N       ∂σ/∂v = ½ σ;  ∂σ²/∂v = ∂eᵛ/∂v = σ²
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
    kl = 0.5 * (sigma**2 + mu**2 - 1 - logvar).sum() / N
    loss = nll + beta * kl

    delta3 = (sigmoid(logits) - x) / N
    gu = delta3 @ W3.T
    delta2 = gu * (1 - u**2)
    gz = delta2 @ W2.T
    gmu = gz + beta * mu / N
    glogvar = gz * 0.5 * sigma * eps + beta * 0.5 * (sigma**2 - 1) / N
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


def vae_beta(p, x, eps, *, beta):
    """β-VAE (Higgins et al. 2017): vae_bernoulli with a weight β on the divergence.

    L = NLL + β KL                           the derivation of vae_bernoulli, where β stands beside both
                                             KL terms: in gμ and in gv
    """
    return vae_bernoulli(p, x, eps, beta=beta)


def vae_gaussian(p, x, eps, *, beta=1.0):
    """Real-valued data: the decoder gives a mean m and a log-variance s for every pixel.

    h, μ, v, σ, z, u as in vae_bernoulli     (N, D) -> (N, H) -> (N, K) -> (N, H)
    m = u W₃ + b₃        s = u W₄ + b₄       (N, H) -> (N, D) each
    r = (m − x) e⁻ˢ                          (N, D), the residual in units of the variance
    NLL = 1/N Σ_n Σ_d −log N(x; m, eˢ) = 1/N Σ_n Σ_d ½ (s + (x − m)² e⁻ˢ + log 2π)
    KL = 1/N Σ_n Σ_k ½ (σ² + μ² − 1 − v)
    L = NLL + β KL

    gm = r/N                                 ∂ ½ (m − x)² e⁻ˢ/∂m = (m − x) e⁻ˢ
    gs = ½ (1 − r ⊙ (m − x))/N               ∂e⁻ˢ/∂s = −e⁻ˢ; zero where eˢ = (m − x)²
    gu = gm W₃ᵀ + gs W₄ᵀ                     u feeds both heads
    δ₂ = gu ⊙ (1 − u²)                       tanh′ = 1 − tanh²
    gz = δ₂ W₂ᵀ                              from here on as in vae_bernoulli
    gμ = gz + β μ/N
    gv = gz ⊙ ½ σ ⊙ ε + β ½ (σ² − 1)/N
    gh = gμ W_μᵀ + gv W_vᵀ
    δ₁ = gh ⊙ (1 − h²)
    gW₁ = xᵀ δ₁   gW_μ = hᵀ gμ   gW_v = hᵀ gv   gW₂ = zᵀ δ₂   gW₃ = uᵀ gm   gW₄ = uᵀ gs   gb = Σ_n
    """
    W1, b1, W2, b2 = p["encoder.weight"], p["encoder.bias"], p["decoder.weight"], p["decoder.bias"]
    Wmu, bmu, Wv, bv = p["mu.weight"], p["mu.bias"], p["logvar.weight"], p["logvar.bias"]
    W3, b3, W4, b4 = p["output.weight"], p["output.bias"], p["output_logvar.weight"], p["output_logvar.bias"]
    N = len(x)

    h = np.tanh(x @ W1 + b1)
    mu, logvar = h @ Wmu + bmu, h @ Wv + bv
    sigma = np.exp(logvar / 2)
    z = mu + sigma * eps
    u = np.tanh(z @ W2 + b2)
    m, s = u @ W3 + b3, u @ W4 + b4
    r = (m - x) * np.exp(-s)
    nll = 0.5 * (s + r * (m - x) + LOG_2PI).sum() / N
    kl = 0.5 * (sigma**2 + mu**2 - 1 - logvar).sum() / N
    loss = nll + beta * kl

    gm = r / N
    gs = 0.5 * (1 - r * (m - x)) / N
    gu = gm @ W3.T + gs @ W4.T
    delta2 = gu * (1 - u**2)
    gz = delta2 @ W2.T
    gmu = gz + beta * mu / N
    glogvar = gz * 0.5 * sigma * eps + beta * 0.5 * (sigma**2 - 1) / N
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
        "output.weight": u.T @ gm,
        "output.bias": gm.sum(axis=0),
        "output_logvar.weight": u.T @ gs,
        "output_logvar.bias": gs.sum(axis=0),
    }
