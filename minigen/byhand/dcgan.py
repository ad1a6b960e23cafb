"""A deep convolutional pair of networks by hand, for 8 × 8 digits: layers called in order, and in reverse.

Radford, Metz and Chintala (2016): no pooling, strided convolutions down and fractionally strided ones up,
batch norm except at the generator's output and the discriminator's input, ReLU in the generator, leaky ReLU
in the discriminator, tanh at the end, so images lie in [−1, 1]. Kernel 4, stride 2, padding 1 halves the
sides exactly. Transposed it doubles them and writes to every pixel equally often, so there are no
checkerboard artefacts.

    G:  z ─dense─ norm0 ─ relu ─(N, C, 2, 2)─ conv1ᵀ ─ norm1 ─ relu ─(N, B, 4, 4)─ conv2ᵀ ─ tanh ─(N, 1, 8, 8)
    D:  x ─conv1─ leaky ─(N, E, 4, 4)─ conv2 ─ norm2 ─ leaky ─(N, F, 2, 2)─ flatten ─ dense ─ ℓ (N, 1)

    p["generator.dense.weight"] (Z, 4C), .bias        p["discriminator.conv1.weight"] (E, 1, 4, 4), .bias
    p["generator.norm0.weight"] (C,), .bias           p["discriminator.conv2.weight"] (F, E, 4, 4)
    p["generator.conv1.weight"] (C, B, 4, 4)          p["discriminator.norm2.weight"] (F,), .bias
    p["generator.norm1.weight"] (B,), .bias           p["discriminator.dense.weight"] (4F, 1), .bias
    p["generator.conv2.weight"] (B, 1, 4, 4), .bias

A convolution in front of a batch norm has no bias: the norm subtracts each channel's mean and the bias
with it, so its gradient would be exactly 0. The dense layer keeps one, because it may differ among a
channel's four pixels.

The chain rule needs nothing new. If y = f3(f2(f1(x))), then gx = f1'ᵀ(f2'ᵀ(f3'ᵀ g)): the last layer's
backward first. The derivations are in the layers; here they are put together.
"""

import numpy as np

from .functions import sigmoid, softplus
from .layers import batch_norm, conv2d, conv_transpose2d, dense, leaky_relu, relu, tanh

HALVE = DOUBLE = {"stride": 2, "padding": 1}


def dcgan_discriminator(p, x, z):
    """The discriminator's loss and its gradients. x (N, 1, 8, 8) in [−1, 1], z (M, Z).

    Forward, batch norm in training mode, the real and the fake batch each with its own statistics:
        x_f = G(z)       ℓ_r = D(x)       ℓ_f = D(x_f)
        L = (1/N) Σ_n softplus(−ℓ_r) + (1/M) Σ_m softplus(ℓ_f)

    Backward. D was used twice, its parameters θ collect twice; x_f is data in this step:
        δℓ_r = −σ(−ℓ_r) / N               δℓ_f = σ(ℓ_f) / M
        grads_r = (∂ℓ_r/∂θ)ᵀ δℓ_r         grads_f = (∂ℓ_f/∂θ)ᵀ δℓ_f
        gθ = grads_r + grads_f
    """
    N, M = len(x), len(z)
    x_f, _ = _generator(p, z)
    l_r, backward_r = _discriminator(p, x)
    l_f, backward_f = _discriminator(p, x_f)
    loss = softplus(-l_r).sum() / N + softplus(l_f).sum() / M

    dl_r, dl_f = -sigmoid(-l_r) / N, sigmoid(l_f) / M
    _, grads_r = backward_r(dl_r)
    _, grads_f = backward_f(dl_f)
    return loss, {name: grads_r[name] + grads_f[name] for name in grads_r}


def dcgan_generator(p, z):
    """The generator's loss (non-saturating) and its gradients, through the discriminator. z (N, Z).

    Forward, both networks' batch norms in training mode:
        x_f = G(z)       ℓ_f = D(x_f)
        L = (1/N) Σ_n softplus(−ℓ_f)

    Backward, through D, whose own gradients are not wanted, to the pictures, and on through G to its
    parameters θ:
        δℓ_f = −σ(−ℓ_f) / N
        gx_f = (∂ℓ_f/∂x_f)ᵀ δℓ_f
        gθ   = (∂x_f/∂θ)ᵀ gx_f
    The norms in D couple the images: each one's logit depends on the whole batch, and so does each
    row of gx_f.
    """
    N = len(z)
    x_f, backward_x_f = _generator(p, z)
    l_f, backward_l_f = _discriminator(p, x_f)
    loss = softplus(-l_f).sum() / N

    dl_f = -sigmoid(-l_f) / N
    gx_f, _ = backward_l_f(dl_f)
    return loss, backward_x_f(gx_f)


def _generator(p, z):
    """Return x_f = G(z), and the function that carries gx_f back to the gradients of G's parameters.

    a₀ = dense z                  (N, Z) -> (N, 4C)
    n₀ = norm₀ picture(a₀)        (N, C, 2, 2)
    h₀ = relu(n₀)
    a₁ = conv₁ᵀ h₀                (N, C, 2, 2) -> (N, B, 4, 4)
    n₁ = norm₁ a₁
    h₁ = relu(n₁)
    a₂ = conv₂ᵀ h₁                (N, B, 4, 4) -> (N, 1, 8, 8)
    x_f = tanh(a₂)

    ga₂ = back of tanh at gx_f
    gh₁ = back of conv₂ᵀ at ga₂   and with it the gradients of its weight and bias, here and below
    gn₁ = back of relu at gh₁
    ga₁ = back of norm₁ at gn₁
    gh₀ = back of conv₁ᵀ at ga₁
    gn₀ = back of relu at gh₀
    gpicture = back of norm₀ at gn₀
    back of dense at flat(gpicture)          its gradient for z is not needed
    """
    C, B = p["generator.conv1.weight"].shape[:2]
    no_bias = np.zeros(B, z.dtype)

    a0, back_dense = dense(z, p["generator.dense.weight"], p["generator.dense.bias"])
    n0, back_norm0 = batch_norm(
        a0.reshape(-1, C, 2, 2), p["generator.norm0.weight"], p["generator.norm0.bias"]
    )
    h0, back_relu0 = relu(n0)
    a1, back_conv1 = conv_transpose2d(h0, p["generator.conv1.weight"], no_bias, **DOUBLE)
    n1, back_norm1 = batch_norm(a1, p["generator.norm1.weight"], p["generator.norm1.bias"])
    h1, back_relu1 = relu(n1)
    a2, back_conv2 = conv_transpose2d(h1, p["generator.conv2.weight"], p["generator.conv2.bias"], **DOUBLE)
    x_f, back_tanh = tanh(a2)

    def backward(gx_f):
        ga2 = back_tanh(gx_f)
        gh1, *conv2 = back_conv2(ga2)
        gn1 = back_relu1(gh1)
        ga1, *norm1 = back_norm1(gn1)
        gh0, conv1, _ = back_conv1(ga1)
        gn0 = back_relu0(gh0)
        gpicture, *norm0 = back_norm0(gn0)
        _, *gdense = back_dense(gpicture.reshape(a0.shape))
        return {
            **_named("generator.dense", *gdense),
            **_named("generator.norm0", *norm0),
            **_named("generator.conv1", conv1),
            **_named("generator.norm1", *norm1),
            **_named("generator.conv2", *conv2),
        }

    return x_f, backward


def _discriminator(p, x):
    """Return ℓ = D(x), and the function that carries δℓ back to gx and the gradients of D's parameters.

    a₁ = conv₁ x                  (N, 1, 8, 8) -> (N, E, 4, 4)
    h₁ = leaky(a₁)
    a₂ = conv₂ h₁                 (N, E, 4, 4) -> (N, F, 2, 2)
    n₂ = norm₂ a₂
    h₂ = leaky(n₂)
    flat = flat(h₂)               (N, F, 2, 2) -> (N, 4F)
    ℓ  = dense flat               (N, 4F) -> (N, 1)

    gflat = back of dense at δℓ
    gn₂ = back of leaky at picture(gflat)
    ga₂ = back of norm₂ at gn₂
    gh₁ = back of conv₂ at ga₂
    ga₁ = back of leaky at gh₁
    gx  = back of conv₁ at ga₁
    """
    no_bias = np.zeros(len(p["discriminator.conv2.weight"]), x.dtype)

    a1, back_conv1 = conv2d(x, p["discriminator.conv1.weight"], p["discriminator.conv1.bias"], **HALVE)
    h1, back_leaky1 = leaky_relu(a1)
    a2, back_conv2 = conv2d(h1, p["discriminator.conv2.weight"], no_bias, **HALVE)
    n2, back_norm2 = batch_norm(a2, p["discriminator.norm2.weight"], p["discriminator.norm2.bias"])
    h2, back_leaky2 = leaky_relu(n2)
    flat = h2.reshape(len(x), -1)
    logits, back_dense = dense(flat, p["discriminator.dense.weight"], p["discriminator.dense.bias"])

    def backward(dl):
        gflat, *gdense = back_dense(dl)
        gn2 = back_leaky2(gflat.reshape(h2.shape))
        ga2, *norm2 = back_norm2(gn2)
        gh1, conv2, _ = back_conv2(ga2)
        ga1 = back_leaky1(gh1)
        gx, *conv1 = back_conv1(ga1)
        return gx, {
            **_named("discriminator.conv1", *conv1),
            **_named("discriminator.conv2", conv2),
            **_named("discriminator.norm2", *norm2),
            **_named("discriminator.dense", *gdense),
        }

    return logits, backward


def _named(layer, *grads):
    return {f"{layer}.{kind}": g for kind, g in zip(("weight", "bias"), grads, strict=False)}
