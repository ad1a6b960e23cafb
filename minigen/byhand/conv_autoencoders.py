"""Convolutional autoencoders by hand: strided convolutions encode, transposed convolutions decode.

Each layer has its own derivation (layers.py): it returns its output and the function that carries a gradient
back. What is left to derive is the order of the layers, and what lies between them. Encoder and decoder use 3
× 3 kernels, stride 2 and padding 1. A convolution halves the side of an image. A transposed convolution, with
output padding 1, doubles it. Sides are multiples of 4, such as 8 or 28.
"""

import numpy as np

from .functions import sigmoid, softplus
from .layers import conv2d, conv_transpose2d, dense

HALVE = {"stride": 2, "padding": 1}
DOUBLE = {"stride": 2, "padding": 1, "output_padding": 1}


def ae_conv(p, x):
    """Tanh between the layers, a linear code, logits at the output, cross-entropy. x is (N, 1, 8, 8), say.

    a₁ = conv₁ x             h₁ = tanh(a₁)   (N, 1, 8, 8) -> (N, C, 4, 4)
    a₂ = conv₂ h₁            h₂ = tanh(a₂)   (N, C, 4, 4) -> (N, E, 2, 2)
    z  = dense₁ flat(h₂)                     (N, E·2·2) -> (N, K)
    a₃ = dense₂ z            u₀ = tanh(a₃)   (N, K) -> (N, E·2·2)
    a₄ = convᵀ₁ picture(u₀)  u₁ = tanh(a₄)   (N, E, 2, 2) -> (N, C, 4, 4)
    l  = convᵀ₂ u₁                           (N, C, 4, 4) -> (N, 1, 8, 8), logits
    L  = 1/N Σ_n Σ_pixels softplus(l) − x l

    gl = (σ(l) − x)/N                        softplus′ = σ
    gu₁ = back of convᵀ₂ at gl               and with it the gradients of its weight and bias, here and below
    gu₀ = back of convᵀ₁ at gu₁ ⊙ (1 − u₁²)  tanh′ = 1 − tanh²
    gz  = back of dense₂ at flat(gu₀) ⊙ (1 − u₀²)
    gh₂ = back of dense₁ at gz               the code is linear
    gh₁ = back of conv₂ at picture(gh₂) ⊙ (1 − h₂²)
    back of conv₁ at gh₁ ⊙ (1 − h₁²)         its gradient for x is not needed
    """
    N = len(x)

    a1, back_conv1 = conv2d(x, *_layer(p, "encoder.conv1"), **HALVE)
    h1 = np.tanh(a1)
    a2, back_conv2 = conv2d(h1, *_layer(p, "encoder.conv2"), **HALVE)
    h2 = np.tanh(a2)
    z, back_dense1 = dense(h2.reshape(N, -1), *_layer(p, "encoder.dense"))
    a3, back_dense2 = dense(z, *_layer(p, "decoder.dense"))
    u0 = np.tanh(a3)
    a4, back_up1 = conv_transpose2d(u0.reshape(h2.shape), *_layer(p, "decoder.conv1"), **DOUBLE)
    u1 = np.tanh(a4)
    logits, back_up2 = conv_transpose2d(u1, *_layer(p, "decoder.conv2"), **DOUBLE)
    loss = (softplus(logits) - x * logits).sum() / N

    glogits = (sigmoid(logits) - x) / N
    gu1, *up2 = back_up2(glogits)
    gu0, *up1 = back_up1(gu1 * (1 - u1**2))
    gz, *dense2 = back_dense2(gu0.reshape(N, -1) * (1 - u0**2))
    gh2, *dense1 = back_dense1(gz)
    gh1, *conv2 = back_conv2(gh2.reshape(h2.shape) * (1 - h2**2))
    _, *conv1 = back_conv1(gh1 * (1 - h1**2))
    return loss, {
        **_named("encoder.conv1", conv1),
        **_named("encoder.conv2", conv2),
        **_named("encoder.dense", dense1),
        **_named("decoder.dense", dense2),
        **_named("decoder.conv1", up1),
        **_named("decoder.conv2", up2),
    }


def vae_conv(p, x, eps, *, beta=1.0):
    """ae_conv with a code that is a distribution: heads μ and v in place of encoder.dense; noise ε (N, K).

    a₁ = conv₁ x             h₁ = tanh(a₁)   (N, 1, 8, 8) -> (N, C, 4, 4)
    a₂ = conv₂ h₁            h₂ = tanh(a₂)   (N, C, 4, 4) -> (N, E, 2, 2)
    μ  = dense_μ flat(h₂)                    (N, E·2·2) -> (N, K)
    v  = dense_v flat(h₂)                    (N, E·2·2) -> (N, K)
    σ  = e^(v/2)      z = μ + σ ⊙ ε          (N, K)
    a₃ = dense₂ z            u₀ = tanh(a₃)   (N, K) -> (N, E·2·2)
    a₄ = convᵀ₁ picture(u₀)  u₁ = tanh(a₄)   (N, E, 2, 2) -> (N, C, 4, 4)
    l  = convᵀ₂ u₁                           (N, C, 4, 4) -> (N, 1, 8, 8), logits
    NLL = 1/N Σ_n Σ_pixels softplus(l) − x l
    KL = 1/N Σ_n Σ_k ½ (σ² + μ² − 1 − v)
    L  = NLL + β KL

    gl = (σ(l) − x)/N
    gu₁ = back of convᵀ₂ at gl
    gu₀ = back of convᵀ₁ at gu₁ ⊙ (1 − u₁²)
    gz  = back of dense₂ at flat(gu₀) ⊙ (1 − u₀²)
    gμ  = gz + β μ/N                         ∂z/∂μ = 1
    gv  = gz ⊙ ½ σ ⊙ ε + β ½ (σ² − 1)/N      ∂σ/∂v = ½ σ
    gh₂ = back of dense_μ at gμ + back of dense_v at gv      h₂ feeds both heads
    gh₁ = back of conv₂ at picture(gh₂) ⊙ (1 − h₂²)
    back of conv₁ at gh₁ ⊙ (1 − h₁²)
    """
    N = len(x)

    a1, back_conv1 = conv2d(x, *_layer(p, "encoder.conv1"), **HALVE)
    h1 = np.tanh(a1)
    a2, back_conv2 = conv2d(h1, *_layer(p, "encoder.conv2"), **HALVE)
    h2 = np.tanh(a2)
    mu, back_mu = dense(h2.reshape(N, -1), *_layer(p, "mu"))
    logvar, back_logvar = dense(h2.reshape(N, -1), *_layer(p, "logvar"))
    sigma = np.exp(logvar / 2)
    z = mu + sigma * eps
    a3, back_dense2 = dense(z, *_layer(p, "decoder.dense"))
    u0 = np.tanh(a3)
    a4, back_up1 = conv_transpose2d(u0.reshape(h2.shape), *_layer(p, "decoder.conv1"), **DOUBLE)
    u1 = np.tanh(a4)
    logits, back_up2 = conv_transpose2d(u1, *_layer(p, "decoder.conv2"), **DOUBLE)
    nll = (softplus(logits) - x * logits).sum() / N
    kl = 0.5 * (sigma**2 + mu**2 - 1 - logvar).sum() / N
    loss = nll + beta * kl

    glogits = (sigmoid(logits) - x) / N
    gu1, *up2 = back_up2(glogits)
    gu0, *up1 = back_up1(gu1 * (1 - u1**2))
    gz, *dense2 = back_dense2(gu0.reshape(N, -1) * (1 - u0**2))
    gmu = gz + beta * mu / N
    glogvar = gz * 0.5 * sigma * eps + beta * 0.5 * (sigma**2 - 1) / N
    gh2_mu, *dense_mu = back_mu(gmu)
    gh2_logvar, *dense_logvar = back_logvar(glogvar)
    gh2 = gh2_mu + gh2_logvar
    gh1, *conv2 = back_conv2(gh2.reshape(h2.shape) * (1 - h2**2))
    _, *conv1 = back_conv1(gh1 * (1 - h1**2))
    return loss, {
        **_named("encoder.conv1", conv1),
        **_named("encoder.conv2", conv2),
        **_named("mu", dense_mu),
        **_named("logvar", dense_logvar),
        **_named("decoder.dense", dense2),
        **_named("decoder.conv1", up1),
        **_named("decoder.conv2", up2),
    }


def _layer(p, name):
    return p[f"{name}.weight"], p[f"{name}.bias"]


def _named(name, gradients):
    return dict(zip((f"{name}.weight", f"{name}.bias"), gradients, strict=True))
