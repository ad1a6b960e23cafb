"""The linear VAE: its optimum is known exactly, because it is probabilistic PCA.

    q(z|x) = N(x V + b, diag exp(logvar))                one logvar (K,) for all x
    p(x|z) = N(z W + c, sigma^2 I)                       one sigma^2 for all pixels

Everything is Gaussian, so the expectation over q needs no samples:

    E_q 1/2 ||x - z W - c||^2 = 1/2 ||x - mu W - c||^2 + 1/2 sum_k exp(logvar_k) ||W_k||^2        W_k is row k

At its maximum the bound equals the likelihood of probabilistic PCA, and a latent unit is used only where its
direction varies more than sigma^2. Lucas, Tucker, Grosse and Norouzi 2019; Tipping and Bishop 1999.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import DTypeLike

from minigen import losses
from minigen.engine import ops
from minigen.engine.tape import Tensor, Value
from minigen.models.vae import LOG_2PI
from minigen.nn import Dense, Module


class LinearVAE(Module):
    """Real-valued x (N, D). The variance sigma^2 is learned, as output_logvar, or fixed by `noise`.

    `noise` is a variance. Raises ValueError where it is not positive.
    """

    def __init__(
        self,
        features: int,
        latent: int,
        *,
        noise: float | None = None,
        rng: np.random.Generator,
        dtype: DTypeLike = "float32",
    ) -> None:
        if noise is not None and not 0 < noise < math.inf:
            raise ValueError(f"LinearVAE: noise is a variance and must be positive, got {noise}")
        self.mu = Dense(features, latent, init="xavier", rng=rng, dtype=dtype)
        self.logvar = Tensor(np.zeros(latent, dtype), requires_grad=True)
        self.output = Dense(latent, features, init="xavier", rng=rng, dtype=dtype)
        if noise is None:
            self.output_logvar = Tensor(np.zeros(1, dtype), requires_grad=True)
        else:
            self.buffer("output_logvar", np.full(1, math.log(noise), dtype))

    def encode(self, x: Value) -> tuple[Tensor, Tensor]:
        """(mu (N, K), logvar (K,)) of q(z|x)."""
        return self.mu(x), self.logvar

    def decode(self, z: Value) -> Tensor:
        """The mean of p(x|z), (N, K) -> (N, D)."""
        return self.output(z)

    def terms(self, x: Value) -> tuple[Tensor, Tensor]:
        """(reconstruction, KL), both exact: no noise is drawn."""
        mu, logvar = self.encode(x)
        n, d = x.shape
        losses.refuse_overflow("LinearVAE", logvar, x.dtype)
        losses.refuse_overflow("LinearVAE", self.output_logvar, x.dtype)
        rows = ops.sum(self.output.weight * self.output.weight, axis=1)  # ||W_k||^2, (K, D) -> (K,)
        squares = losses.squared_error(self.decode(mu), x) + 0.5 * ops.sum(ops.exp(logvar) * rows)
        s = self.output_logvar if isinstance(self.output_logvar, Tensor) else Tensor(self.output_logvar)
        reconstruction = ops.sum(squares * ops.exp(-s) + (0.5 * d) * (s + LOG_2PI))
        kl = 0.5 * (ops.sum(mu * mu) * (1 / n) + ops.sum(losses.exp_remainder(logvar)))
        return reconstruction, kl

    def loss(self, x: Value, *, beta: float = 1.0) -> Tensor:
        reconstruction, kl = self.terms(x)
        return reconstruction + beta * kl
