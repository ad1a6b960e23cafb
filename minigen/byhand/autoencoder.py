"""Dense autoencoders by hand: squared error, cross-entropy, tied weights, weight decay, five layers.

How to read a derivation. Rows of x are examples, x is (N, D). For any quantity y, gy stands for ∂L/∂y; at a
pre-activation, what goes into an activation φ, it is called δ. The sign ⊙ multiplies entry by entry. A
derivation takes the differential of each forward line, from the last to the first, and reads the gradients
off dL = Σ gy ⊙ dy =: ⟨gy, dy⟩. Three rules do all of the work:

    dense        y = x W + b   dy = dx W + x dW + db
                               dL = ⟨gy, dx W⟩ + ⟨gy, x dW⟩ + ⟨gy, db⟩
                                  = ⟨gy Wᵀ, dx⟩ + ⟨xᵀ gy, dW⟩ + ⟨Σ_n gy_n, db⟩
                               gx = gy Wᵀ     gW = xᵀ gy     gb = Σ_n gy_n
    elementwise  h = φ(a)      dh = φ′(a) ⊙ da,  so  δ = gh ⊙ φ′(a)
    fan-out      a quantity that is used twice receives the sum of the two gradients

Every loss is a sum over features and a mean over the N examples, so 1/N enters once, at the output, and every
gradient behind it inherits it. W₁ b₁ is the encoder, W₂ b₂ the decoder, H the number of hidden units.
softplus(t) is log(1 + eᵗ), and its slope is the sigmoid σ.
"""

import numpy as np

from .functions import sigmoid, softplus


def ae_linear(p, x):
    """No activation: the best that it can do is the PCA subspace (Baldi and Hornik 1989).

    h  = x W₁ + b₁                           (N, D) -> (N, H)
    x̂  = h W₂ + b₂                           (N, H) -> (N, D)
    L  = 1/N Σ_n ½‖x̂_n − x_n‖²

    gx̂ = (x̂ − x)/N                           d ½‖r‖² = ⟨r, dr⟩
    gW₂ = hᵀ gx̂      gb₂ = Σ_n gx̂_n
    gh = gx̂ W₂ᵀ                              (N, D) -> (N, H)
    gW₁ = xᵀ gh      gb₁ = Σ_n gh_n
    """
    W1, b1 = p["encoder.weight"], p["encoder.bias"]
    W2, b2 = p["decoder.weight"], p["decoder.bias"]
    N = len(x)

    h = x @ W1 + b1
    xhat = h @ W2 + b2
    loss = 0.5 * ((xhat - x) ** 2).sum() / N

    gxhat = (xhat - x) / N
    gh = gxhat @ W2.T
    return loss, {
        "encoder.weight": x.T @ gh,
        "encoder.bias": gh.sum(axis=0),
        "decoder.weight": h.T @ gxhat,
        "decoder.bias": gxhat.sum(axis=0),
    }


def ae_mse(p, x):
    """Tanh units, linear output, squared error.

    h  = tanh(x W₁ + b₁)                     (N, D) -> (N, H)
    x̂  = h W₂ + b₂                           (N, H) -> (N, D)
    L  = 1/N Σ_n ½‖x̂_n − x_n‖²

    δ₂ = gx̂ = (x̂ − x)/N                      the output is linear: no φ′ here
    gW₂ = hᵀ δ₂      gb₂ = Σ_n δ₂_n
    gh = δ₂ W₂ᵀ                              (N, D) -> (N, H)
    δ₁ = gh ⊙ (1 − h²)                       tanh′ = 1 − tanh²
    gW₁ = xᵀ δ₁      gb₁ = Σ_n δ₁_n
    """
    W1, b1 = p["encoder.weight"], p["encoder.bias"]
    W2, b2 = p["decoder.weight"], p["decoder.bias"]
    N = len(x)

    h = np.tanh(x @ W1 + b1)
    xhat = h @ W2 + b2
    loss = 0.5 * ((xhat - x) ** 2).sum() / N

    delta2 = (xhat - x) / N
    gh = delta2 @ W2.T
    delta1 = gh * (1 - h**2)
    return loss, {
        "encoder.weight": x.T @ delta1,
        "encoder.bias": delta1.sum(axis=0),
        "decoder.weight": h.T @ delta2,
        "decoder.bias": delta2.sum(axis=0),
    }


def ae_bce(p, x):
    """Tanh units, logits at the output, cross-entropy: for x in [0, 1].

    h  = tanh(x W₁ + b₁)                     (N, D) -> (N, H)
    l  = h W₂ + b₂                           (N, H) -> (N, D), logits; the picture is σ(l)
    L  = 1/N Σ_n Σ_d (−x log σ(l) − (1 − x) log(1 − σ(l)))
       = 1/N Σ_n Σ_d (softplus(l) − x l)      log σ(l) = l − softplus(l), log(1 − σ(l)) = −softplus(l)

    δ₂ = gl = (σ(l) − x)/N                   softplus′ = σ; the σ′ of the picture has cancelled
    gW₂ = hᵀ δ₂      gb₂ = Σ_n δ₂_n
    gh = δ₂ W₂ᵀ                              (N, D) -> (N, H)
    δ₁ = gh ⊙ (1 − h²)                       tanh′ = 1 − tanh²
    gW₁ = xᵀ δ₁      gb₁ = Σ_n δ₁_n
    """
    W1, b1 = p["encoder.weight"], p["encoder.bias"]
    W2, b2 = p["decoder.weight"], p["decoder.bias"]
    N = len(x)

    h = np.tanh(x @ W1 + b1)
    logits = h @ W2 + b2
    loss = (softplus(logits) - x * logits).sum() / N

    delta2 = (sigmoid(logits) - x) / N
    gh = delta2 @ W2.T
    delta1 = gh * (1 - h**2)
    return loss, {
        "encoder.weight": x.T @ delta1,
        "encoder.bias": delta1.sum(axis=0),
        "decoder.weight": h.T @ delta2,
        "decoder.bias": delta2.sum(axis=0),
    }


def ae_tied(p, x):
    """One matrix for both directions: the decoder is Wᵀ. Tanh units, squared error.

    h  = tanh(x W + b₁)                      (N, D) -> (N, H)
    x̂  = h Wᵀ + b₂                           (N, H) -> (N, D)
    L  = 1/N Σ_n ½‖x̂_n − x_n‖²

    δ₂ = gx̂ = (x̂ − x)/N
    gb₂ = Σ_n δ₂_n
    gh = δ₂ W                                (Wᵀ)ᵀ = W
    δ₁ = gh ⊙ (1 − h²)                       tanh′ = 1 − tanh²
    gb₁ = Σ_n δ₁_n
    gW = xᵀ δ₁ + (hᵀ δ₂)ᵀ                    fan-out: as encoder, and, transposed, as decoder
       = xᵀ δ₁ + δ₂ᵀ h
    """
    W, b1, b2 = p["encoder.weight"], p["encoder.bias"], p["decoder_bias"]
    N = len(x)

    h = np.tanh(x @ W + b1)
    xhat = h @ W.T + b2
    loss = 0.5 * ((xhat - x) ** 2).sum() / N

    delta2 = (xhat - x) / N
    gh = delta2 @ W
    delta1 = gh * (1 - h**2)
    return loss, {
        "encoder.weight": x.T @ delta1 + delta2.T @ h,
        "encoder.bias": delta1.sum(axis=0),
        "decoder_bias": delta2.sum(axis=0),
    }


def ae_overcomplete(p, x, *, lam):
    """More units than pixels, H > D: the weights are kept small, or the code would learn to copy.

    h  = tanh(x W₁ + b₁)                     (N, D) -> (N, H)
    x̂  = h W₂ + b₂                           (N, H) -> (N, D)
    L  = 1/N Σ_n ½‖x̂_n − x_n‖² + λ/2 (‖W₁‖² + ‖W₂‖²)

    δ₂ = gx̂ = (x̂ − x)/N
    gW₂ = hᵀ δ₂ + λ W₂      gb₂ = Σ_n δ₂_n   d λ/2 ‖W‖² = ⟨λ W, dW⟩: no 1/N, and none on a bias
    gh = δ₂ W₂ᵀ                              (N, D) -> (N, H)
    δ₁ = gh ⊙ (1 − h²)                       tanh′ = 1 − tanh²
    gW₁ = xᵀ δ₁ + λ W₁      gb₁ = Σ_n δ₁_n
    """
    W1, b1 = p["encoder.weight"], p["encoder.bias"]
    W2, b2 = p["decoder.weight"], p["decoder.bias"]
    N = len(x)

    h = np.tanh(x @ W1 + b1)
    xhat = h @ W2 + b2
    loss = 0.5 * ((xhat - x) ** 2).sum() / N + lam / 2 * ((W1**2).sum() + (W2**2).sum())

    delta2 = (xhat - x) / N
    gh = delta2 @ W2.T
    delta1 = gh * (1 - h**2)
    return loss, {
        "encoder.weight": x.T @ delta1 + lam * W1,
        "encoder.bias": delta1.sum(axis=0),
        "decoder.weight": h.T @ delta2 + lam * W2,
        "decoder.bias": delta2.sum(axis=0),
    }


def ae_deep(p, x):
    """A stack of layers 0 … M, tanh between them, linear output, squared error.

    h_0 = x
    h_(k+1) = tanh(h_k W_k + b_k)            for k = 0 … M − 1
    x̂ = h_M W_M + b_M
    L = 1/N Σ_n ½‖x̂_n − x_n‖²

    δ_M = gx̂ = (x̂ − x)/N
    δ_k = δ_(k+1) W_(k+1)ᵀ ⊙ (1 − h_(k+1)²)  for k = M − 1 … 0: what arrives at h_(k+1), times tanh′
    gW_k = h_kᵀ δ_k      gb_k = Σ_n δ_k,n    for every k
    """
    M = len(p) // 2 - 1
    W = [p[f"layers.{k}.weight"] for k in range(M + 1)]
    b = [p[f"layers.{k}.bias"] for k in range(M + 1)]
    N = len(x)

    h = [x]
    for k in range(M):
        h.append(np.tanh(h[k] @ W[k] + b[k]))
    xhat = h[M] @ W[M] + b[M]
    loss = 0.5 * ((xhat - x) ** 2).sum() / N

    delta = {M: (xhat - x) / N}
    for k in reversed(range(M)):
        delta[k] = delta[k + 1] @ W[k + 1].T * (1 - h[k + 1] ** 2)
    gW = {f"layers.{k}.weight": h[k].T @ delta[k] for k in range(M + 1)}
    gb = {f"layers.{k}.bias": delta[k].sum(axis=0) for k in range(M + 1)}
    return loss, gW | gb
