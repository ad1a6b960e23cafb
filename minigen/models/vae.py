"""Variational autoencoders: the encoder gives a distribution of the code, the decoder one of the data.

    h = tanh(x W₁ + b₁)                            (N, D) -> (N, H)
    mu = h W_μ + b_μ,  logvar = h W_v + b_v        q(z|x) = N(mu, exp(logvar)), (N, H) -> (N, K)
    z = mu + exp(logvar / 2) eps                   eps ~ N(0, I) is an argument, (N, K)
    p(x|z) from u = tanh(z W₂ + b₂)                (N, K) -> (N, H)
    loss = E[-log p(x|z)] + beta KL(q(z|x) || N(0, I))

At beta = 1 this is minus a lower bound of log p(x). Both terms sum over features and average over the batch.
Kingma and Welling 2014; beta: Higgins et al. 2017.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import DTypeLike

from minigen import losses
from minigen.engine import ops
from minigen.engine.ops import sigmoid, softplus, tanh
from minigen.engine.tape import Tensor, Value
from minigen.nn import Dense, Module

LOG_2PI = math.log(2 * math.pi)


class VAE(Module):
    """Pixels between 0 and 1 under independent Bernoullis: the decoder gives their logits l (N, D).

    -log p(x|z) = sum_d softplus(l_d) - x_d l_d. Kingma and Welling 2014, appendix C.1.
    """

    def __init__(
        self,
        features: int,
        hidden: int,
        latent: int,
        *,
        rng: np.random.Generator,
        dtype: DTypeLike = "float32",
    ) -> None:
        self.encoder = _layer(features, hidden, rng, dtype)
        self.latent = latent
        self.mu = _layer(hidden, latent, rng, dtype)
        self.logvar = _layer(hidden, latent, rng, dtype)
        self.decoder = _layer(latent, hidden, rng, dtype)
        self.output = _layer(hidden, features, rng, dtype)

    def encode(self, x: Value) -> tuple[Tensor, Tensor]:
        """(mu, logvar) of q(z|x), each (N, K)."""
        h = tanh(self.encoder(x))
        return self.mu(h), self.logvar(h)

    def decode(self, z: Value) -> Tensor:
        """The logits of the pixels, (..., K) -> (..., D)."""
        return self.output(tanh(self.decoder(z)))

    def sample(self, z: Value) -> Tensor:
        """The mean of p(x|z)."""
        return sigmoid(self.decode(z))

    def reconstruction(self, x: Value, z: Value) -> Tensor:
        """-log p(x|z), the mean over the batch."""
        return losses.bce_with_logits(self.decode(z), x)

    def terms(self, x: Value, eps: Value) -> tuple[Tensor, Tensor]:
        """The two terms of the loss apart: (reconstruction, KL)."""
        mu, logvar = self.encode(x)
        z = losses.reparameterize(mu, logvar, eps)
        return self.reconstruction(x, z), losses.gaussian_kl(mu, logvar)

    def loss(self, x: Value, eps: Value, *, beta: float = 1.0) -> Tensor:
        reconstruction, kl = self.terms(x, eps)
        return reconstruction + beta * kl

    def log_likelihood(self, x: Value, z: Value) -> Tensor:
        """log p(x|z), one number a code: x (N, D) and z (..., N, K) -> (..., N)."""
        logits = self.decode(z)
        return _sum_features(x * logits - softplus(logits), z)

    def log_prior(self, z: Value) -> Tensor:
        """log p(z) = -1/2 sum_k z_k^2 + log 2 pi: (..., K) -> (...)."""
        return ops.sum(z * z + LOG_2PI, axis=-1) * -0.5


class GaussianVAE(VAE):
    """Real-valued data: the decoder gives a mean m and a log-variance s for every feature, both (N, D).

    -log p(x|z) = sum_d 1/2 (s_d + (x_d - m_d)^2 exp(-s_d) + log 2 pi). Kingma and Welling 2014, appendix C.2.
    Unbounded below: a feature that is constant in the data lets s go to -inf, which the losses refuse before
    it overflows.
    """

    def __init__(
        self,
        features: int,
        hidden: int,
        latent: int,
        *,
        rng: np.random.Generator,
        dtype: DTypeLike = "float32",
    ) -> None:
        super().__init__(features, hidden, latent, rng=rng, dtype=dtype)
        self.output_logvar = _layer(hidden, features, rng, dtype)

    def decode(self, z: Value) -> tuple[Tensor, Tensor]:
        """(mean, logvar) of p(x|z), each (..., K) -> (..., D)."""
        d = tanh(self.decoder(z))
        return self.output(d), self.output_logvar(d)

    def sample(self, z: Value) -> Tensor:
        return self.decode(z)[0]

    def reconstruction(self, x: Value, z: Value) -> Tensor:
        return losses.gaussian_nll(*self.decode(z), x)

    def log_likelihood(self, x: Value, z: Value) -> Tensor:
        m, s = self.decode(z)
        losses.refuse_overflow("GaussianVAE", s, m.dtype)
        apart = x - m
        return _sum_features(apart * apart * ops.exp(-s) + s + LOG_2PI, z) * -0.5


def _layer(n, m, rng, dtype):
    return Dense(n, m, init="xavier", rng=rng, dtype=dtype)


def _sum_features(values, z):
    """The sum over the features of each example: all axes that come after those of the codes z (..., K)."""
    return ops.sum(values, axis=tuple(range(z.ndim - 1, values.ndim)))
