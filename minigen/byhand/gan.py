"""Adversarial networks by hand: what the discriminator learns, and what the generator learns through it.

The generator G turns noise z into samples, the discriminator D gives every sample a logit ℓ, and σ(ℓ) is its
probability that the sample is real. Goodfellow et al. (2014) let D maximise

    V = E log σ(D(x)) + E log(1 − σ(D(G(z))))

With log σ(ℓ) = −softplus(−ℓ) and log(1 − σ(ℓ)) = −softplus(ℓ), every loss below is a mean of softpluses of
logits, and softplus' = σ is all that is needed to start backwards. The two networks are trained in turn, so
each function returns the gradients of one of them. The generator's loss contains no data. Its gradient comes
through D and begins with ∂ℓ/∂x_f, D's gradient by its input.

Both networks have one hidden layer, and in every function

    G:  t = z V1 + c1     s = tanh(t)     o = s V2 + c2     x_f = σ(o)
    D:  a = x W1 + b1     h = φ(a)        ℓ = h W2 + b2                     φ the leaky ReLU of slope 0.2

with x_r, a_r, h_r, ℓ_r on the real batch and x_f, a_f, h_f, ℓ_f on the fake one. For any quantity y, gy is
∂L/∂y; where y is a pre-activation, what goes into an activation, it is called δy.

    V1 (Z, S), c1 (S,)    p["generator.hidden.weight"], p["generator.hidden.bias"]
    V2 (S, D), c2 (D,)    p["generator.output.weight"], p["generator.output.bias"]
    W1 (D, H), b1 (H,)    p["discriminator.hidden.weight"], p["discriminator.hidden.bias"]
    W2 (H, 1), b2 (1,)    p["discriminator.output.weight"], p["discriminator.output.bias"]
"""

import numpy as np

from .functions import activation_by_name, leaky_relu, leaky_relu_slope, sigmoid, softplus

NAMES = ("hidden.weight", "hidden.bias", "output.weight", "output.bias")


def gan_discriminator(p, x, z):
    """The discriminator's loss and its gradients: real logits up, fake logits down.

    Forward, N rows x (N, D) and M rows z (M, Z):
        L = (1/N) Σ_n softplus(−ℓ_r) + (1/M) Σ_m softplus(ℓ_f)

    Backward, δ marks the gradient at a pre-activation. softplus' = σ:
        δℓ_r = −σ(−ℓ_r) / N            δℓ_f = σ(ℓ_f) / M
    Each layer was used on both batches, so its parameters collect two gradients:
        gW2  = h_rᵀ δℓ_r + h_fᵀ δℓ_f   gb2 = Σ δℓ_r + Σ δℓ_f
        δa_r = δℓ_r W2ᵀ ⊙ φ'(a_r)      δa_f = δℓ_f W2ᵀ ⊙ φ'(a_f)
        gW1  = x_rᵀ δa_r + x_fᵀ δa_f   gb1 = Σ δa_r + Σ δa_f
    and here it stops: in this step x_f is data, nothing is sent on into the generator.
    """
    V1, c1, V2, c2 = (p[f"generator.{name}"] for name in NAMES)
    W1, b1, W2, b2 = (p[f"discriminator.{name}"] for name in NAMES)
    N, M = len(x), len(z)

    s = np.tanh(z @ V1 + c1)  # (M, Z) -> (M, S)
    x_f = sigmoid(s @ V2 + c2)  # (M, S) -> (M, D)
    a_r, a_f = x @ W1 + b1, x_f @ W1 + b1  # (N, D), (M, D) -> (N, H), (M, H)
    h_r, h_f = leaky_relu(a_r), leaky_relu(a_f)
    l_r, l_f = h_r @ W2 + b2, h_f @ W2 + b2  # (N, 1), (M, 1)
    loss = softplus(-l_r).sum() / N + softplus(l_f).sum() / M

    dl_r, dl_f = -sigmoid(-l_r) / N, sigmoid(l_f) / M
    gW2 = h_r.T @ dl_r + h_f.T @ dl_f
    gb2 = dl_r.sum(0) + dl_f.sum(0)
    da_r = dl_r @ W2.T * leaky_relu_slope(a_r)
    da_f = dl_f @ W2.T * leaky_relu_slope(a_f)
    gW1 = x.T @ da_r + x_f.T @ da_f
    gb1 = da_r.sum(0) + da_f.sum(0)
    return loss, {f"discriminator.{name}": g for name, g in zip(NAMES, (gW1, gb1, gW2, gb2), strict=True)}


def gan_generator_minimax(p, z):
    """The generator of the zero-sum game: it minimises what the discriminator maximises.

    Forward (V's first term does not contain G):
        L = −(1/N) Σ_n softplus(ℓ_f)

    Backward, first through the discriminator, whose parameters stay as they are, to the samples:
        δℓ_f = −σ(ℓ_f) / N
        δa_f = δℓ_f W2ᵀ ⊙ φ'(a_f)
        gx_f = δa_f W1ᵀ
    then through the generator. σ' = σ(1 − σ) and tanh' = 1 − tanh²:
        δo  = gx_f ⊙ x_f ⊙ (1 − x_f)
        gV2 = sᵀ δo                        gc2 = Σ δo
        δt  = δo V2ᵀ ⊙ (1 − s²)
        gV1 = zᵀ δt                        gc1 = Σ δt
    When D is sure of its case, ℓ_f ≪ 0, the first line is ≈ 0: the generator that is worst off learns
    least.
    """
    V1, c1, V2, c2 = (p[f"generator.{name}"] for name in NAMES)
    W1, b1, W2, b2 = (p[f"discriminator.{name}"] for name in NAMES)
    N = len(z)

    s = np.tanh(z @ V1 + c1)  # (N, Z) -> (N, S)
    x_f = sigmoid(s @ V2 + c2)  # (N, S) -> (N, D)
    a_f = x_f @ W1 + b1  # (N, D) -> (N, H)
    l_f = leaky_relu(a_f) @ W2 + b2  # (N, H) -> (N, 1)
    loss = -softplus(l_f).sum() / N

    dl_f = -sigmoid(l_f) / N
    da_f = dl_f @ W2.T * leaky_relu_slope(a_f)
    gx_f = da_f @ W1.T  # (N, H) -> (N, D)
    do = gx_f * x_f * (1 - x_f)
    gV2 = s.T @ do
    gc2 = do.sum(0)
    dt = do @ V2.T * (1 - s**2)
    gV1 = z.T @ dt
    gc1 = dt.sum(0)
    return loss, {f"generator.{name}": g for name, g in zip(NAMES, (gV1, gc1, gV2, gc2), strict=True)}


def gan_generator_nonsaturating(p, z):
    """The generator as it is trained in practice: make the discriminator say "real".

    Forward:
        L = (1/N) Σ_n softplus(−ℓ_f)

    Backward. Only the first line differs from the minimax game:
        δℓ_f = −σ(−ℓ_f) / N                (minimax: −σ(ℓ_f) / N, the same sign)
    so each sample's gradient is that of the minimax game times e^−ℓ_f, and does not vanish where ℓ_f ≪
    0. Then, as before, through the discriminator and through the generator:
        δa_f = δℓ_f W2ᵀ ⊙ φ'(a_f)
        gx_f = δa_f W1ᵀ
        δo  = gx_f ⊙ x_f ⊙ (1 − x_f)
        gV2 = sᵀ δo                        gc2 = Σ δo
        δt  = δo V2ᵀ ⊙ (1 − s²)
        gV1 = zᵀ δt                        gc1 = Σ δt
    """
    V1, c1, V2, c2 = (p[f"generator.{name}"] for name in NAMES)
    W1, b1, W2, b2 = (p[f"discriminator.{name}"] for name in NAMES)
    N = len(z)

    s = np.tanh(z @ V1 + c1)  # (N, Z) -> (N, S)
    x_f = sigmoid(s @ V2 + c2)  # (N, S) -> (N, D)
    a_f = x_f @ W1 + b1  # (N, D) -> (N, H)
    l_f = leaky_relu(a_f) @ W2 + b2  # (N, H) -> (N, 1)
    loss = softplus(-l_f).sum() / N

    dl_f = -sigmoid(-l_f) / N
    da_f = dl_f @ W2.T * leaky_relu_slope(a_f)
    gx_f = da_f @ W1.T  # (N, H) -> (N, D)
    do = gx_f * x_f * (1 - x_f)
    gV2 = s.T @ do
    gc2 = do.sum(0)
    dt = do @ V2.T * (1 - s**2)
    gV1 = z.T @ dt
    gc1 = dt.sum(0)
    return loss, {f"generator.{name}": g for name, g in zip(NAMES, (gV1, gc1, gV2, gc2), strict=True)}


def gan_label_smoothing(p, x, z, *, smooth=0.9):
    """The discriminator's loss with one-sided label smoothing: a target below 1 for real examples.

    With target τ = smooth the cross-entropy of the real batch is −τ log σ(ℓ) − (1 − τ) log(1 − σ(ℓ)),
    and because softplus(−ℓ) = softplus(ℓ) − ℓ (Salimans et al. 2016; one-sided: the fake target stays
    0):

    Forward:
        L = (1/N) Σ_n (softplus(ℓ_r) − τ ℓ_r) + (1/M) Σ_m softplus(ℓ_f)

    Backward. The best logit is no longer ∞ but where σ(ℓ_r) = τ:
        δℓ_r = (σ(ℓ_r) − τ) / N        δℓ_f = σ(ℓ_f) / M
        gW2  = h_rᵀ δℓ_r + h_fᵀ δℓ_f   gb2 = Σ δℓ_r + Σ δℓ_f
        δa_r = δℓ_r W2ᵀ ⊙ φ'(a_r)      δa_f = δℓ_f W2ᵀ ⊙ φ'(a_f)
        gW1  = x_rᵀ δa_r + x_fᵀ δa_f   gb1 = Σ δa_r + Σ δa_f
    """
    V1, c1, V2, c2 = (p[f"generator.{name}"] for name in NAMES)
    W1, b1, W2, b2 = (p[f"discriminator.{name}"] for name in NAMES)
    N, M = len(x), len(z)

    s = np.tanh(z @ V1 + c1)  # (M, Z) -> (M, S)
    x_f = sigmoid(s @ V2 + c2)  # (M, S) -> (M, D)
    a_r, a_f = x @ W1 + b1, x_f @ W1 + b1  # (N, D), (M, D) -> (N, H), (M, H)
    h_r, h_f = leaky_relu(a_r), leaky_relu(a_f)
    l_r, l_f = h_r @ W2 + b2, h_f @ W2 + b2  # (N, 1), (M, 1)
    loss = (softplus(l_r) - smooth * l_r).sum() / N + softplus(l_f).sum() / M

    dl_r, dl_f = (sigmoid(l_r) - smooth) / N, sigmoid(l_f) / M
    gW2 = h_r.T @ dl_r + h_f.T @ dl_f
    gb2 = dl_r.sum(0) + dl_f.sum(0)
    da_r = dl_r @ W2.T * leaky_relu_slope(a_r)
    da_f = dl_f @ W2.T * leaky_relu_slope(a_f)
    gW1 = x.T @ da_r + x_f.T @ da_f
    gb1 = da_r.sum(0) + da_f.sum(0)
    return loss, {f"discriminator.{name}": g for name, g in zip(NAMES, (gW1, gb1, gW2, gb2), strict=True)}


def gan_r1(p, x, z, *, gamma, activation="leaky_relu"):
    """The discriminator's loss plus R1, which keeps the logit flat around the data (Mescheder et al. 2018).

    Forward, φ tanh or the leaky ReLU. The logit's gradient by its input, at the real samples, is a
    backward pass of its own, and here it is a part of the forward one. ∂ℓ/∂h = W2ᵀ, ∂h/∂a = φ'(a),
    ∂a/∂x = W1:
        q = φ'(a_r) ⊙ W2ᵀ                  (N, H)      ∂ℓ_n/∂a_n
        v = q W1ᵀ                          (N, D)      ∂ℓ_n/∂x_n
        L = (1/N) Σ_n softplus(−ℓ_r) + (1/M) Σ_m softplus(ℓ_f) + (γ/2)(1/N) Σ_n ‖v_n‖²

    Backward. The penalty first, v and q like any layer:
        gv  = (γ/N) v
        gq  = gv W1                        W1 stands in v, so it collects  gvᵀ q
    q holds W2, and holds a_r inside φ': the second derivative enters
        ∂q/∂W2 :  W2 collects  Σ_n gq ⊙ φ'(a_r)
        ∂q/∂a_r:  a_r collects gq ⊙ W2ᵀ ⊙ φ''(a_r)
    Then the loss as always, with these added where they belong. b2 is not in v at all; b1 is in it
    through φ'' alone:
        δℓ_r = −σ(−ℓ_r) / N                                   δℓ_f = σ(ℓ_f) / M
        gW2  = h_rᵀ δℓ_r + h_fᵀ δℓ_f + Σ_n (gq ⊙ φ'(a_r))ᵀ    gb2 = Σ δℓ_r + Σ δℓ_f
        δa_r = δℓ_r W2ᵀ ⊙ φ'(a_r) + gq ⊙ W2ᵀ ⊙ φ''(a_r)       δa_f = δℓ_f W2ᵀ ⊙ φ'(a_f)
        gW1  = x_rᵀ δa_r + x_fᵀ δa_f + gvᵀ q                  gb1 = Σ δa_r + Σ δa_f
    """
    phi, phi_slope, phi_curvature = activation_by_name(activation)
    V1, c1, V2, c2 = (p[f"generator.{name}"] for name in NAMES)
    W1, b1, W2, b2 = (p[f"discriminator.{name}"] for name in NAMES)
    N, M = len(x), len(z)

    s = np.tanh(z @ V1 + c1)  # (M, Z) -> (M, S)
    x_f = sigmoid(s @ V2 + c2)  # (M, S) -> (M, D)
    a_r, a_f = x @ W1 + b1, x_f @ W1 + b1  # (N, D), (M, D) -> (N, H), (M, H)
    h_r, h_f = phi(a_r), phi(a_f)
    l_r, l_f = h_r @ W2 + b2, h_f @ W2 + b2  # (N, 1), (M, 1)
    q = phi_slope(a_r) * W2.T  # (N, H)
    v = q @ W1.T  # (N, H) -> (N, D)
    loss = softplus(-l_r).sum() / N + softplus(l_f).sum() / M + gamma / 2 * (v**2).sum() / N

    gv = gamma / N * v
    gq = gv @ W1  # (N, D) -> (N, H)
    dl_r, dl_f = -sigmoid(-l_r) / N, sigmoid(l_f) / M
    gW2 = h_r.T @ dl_r + h_f.T @ dl_f + (gq * phi_slope(a_r)).sum(0)[:, None]
    gb2 = dl_r.sum(0) + dl_f.sum(0)
    da_r = dl_r @ W2.T * phi_slope(a_r) + gq * W2.T * phi_curvature(a_r)
    da_f = dl_f @ W2.T * phi_slope(a_f)
    gW1 = x.T @ da_r + x_f.T @ da_f + gv.T @ q
    gb1 = da_r.sum(0) + da_f.sum(0)
    return loss, {f"discriminator.{name}": g for name, g in zip(NAMES, (gW1, gb1, gW2, gb2), strict=True)}


def gan_packed(p, x, z, *, pack):
    """The discriminator's loss when it judges m = pack samples at a time (Lin et al. 2018, "PacGAN").

    A generator that repeats itself is easy to see in a pack: m samples of one mode side by side. N rows
    of x and M rows of z become N/m and M/m packs, and W1 is (mD, H).

    Forward:
        X_r = x_r, m rows after each other in one           (N, D) -> (N/m, mD)      X_f alike
        A = X W1 + b1     h = φ(A)     ℓ = h W2 + b2
        L = (m/N) Σ softplus(−ℓ_r) + (m/M) Σ softplus(ℓ_f)

    Backward. Packing only renames entries, and the mean is now over N/m packs:
        δℓ_r = −m σ(−ℓ_r) / N          δℓ_f = m σ(ℓ_f) / M
        gW2  = h_rᵀ δℓ_r + h_fᵀ δℓ_f   gb2 = Σ δℓ_r + Σ δℓ_f
        δA_r = δℓ_r W2ᵀ ⊙ φ'(A_r)      δA_f = δℓ_f W2ᵀ ⊙ φ'(A_f)
        gW1  = X_rᵀ δA_r + X_fᵀ δA_f   gb1 = Σ δA_r + Σ δA_f
    """
    V1, c1, V2, c2 = (p[f"generator.{name}"] for name in NAMES)
    W1, b1, W2, b2 = (p[f"discriminator.{name}"] for name in NAMES)
    N, M, m = len(x), len(z), pack
    if N % m or M % m:
        raise ValueError(f"gan_packed: {N} real and {M} fake samples do not fill packs of {m}")

    s = np.tanh(z @ V1 + c1)  # (M, Z) -> (M, S)
    x_f = sigmoid(s @ V2 + c2)  # (M, S) -> (M, D)
    X_r, X_f = x.reshape(N // m, -1), x_f.reshape(M // m, -1)  # (N/m, mD), (M/m, mD)
    A_r, A_f = X_r @ W1 + b1, X_f @ W1 + b1  # (N/m, H), (M/m, H)
    h_r, h_f = leaky_relu(A_r), leaky_relu(A_f)
    l_r, l_f = h_r @ W2 + b2, h_f @ W2 + b2  # (N/m, 1), (M/m, 1)
    loss = m / N * softplus(-l_r).sum() + m / M * softplus(l_f).sum()

    dl_r, dl_f = -m * sigmoid(-l_r) / N, m * sigmoid(l_f) / M
    gW2 = h_r.T @ dl_r + h_f.T @ dl_f
    gb2 = dl_r.sum(0) + dl_f.sum(0)
    dA_r = dl_r @ W2.T * leaky_relu_slope(A_r)
    dA_f = dl_f @ W2.T * leaky_relu_slope(A_f)
    gW1 = X_r.T @ dA_r + X_f.T @ dA_f
    gb1 = dA_r.sum(0) + dA_f.sum(0)
    return loss, {f"discriminator.{name}": g for name, g in zip(NAMES, (gW1, gb1, gW2, gb2), strict=True)}
