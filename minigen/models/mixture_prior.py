"""A VAE whose prior is a learned mixture of normals.

    p(z) = sum_c pi_c N(z; m_c, exp(s_c)),   pi = softmax(a)        a (C,), m (C, K), s (C, K)
    loss = E[-log p(x|z)] + (1/N) sum_n [log q(z_n|x_n) - log p(z_n)]

The divergence from a normal to a mixture has no closed form, so it is estimated at the one z that was drawn;
the mixture itself is exact, a logsumexp over its components. Dilokthanakul et al. 2016; Tomczak and Welling
2018, section 2.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from minigen import losses
from minigen.engine import backend, ops
from minigen.engine.backend import Array
from minigen.engine.tape import Tensor, Value, _data
from minigen.models.vae import LOG_2PI, VAE
from minigen.nn import Module


class MixturePrior(Module):
    """C normals with diagonal covariance over K dimensions; parameters logits (C,), mu (C, K), logvar (C, K).

    The means start apart, at draws from N(0, 1): equal components get equal gradients and never separate.
    """

    def __init__(
        self, components: int, latent: int, *, rng: np.random.Generator, dtype: DTypeLike = "float32"
    ) -> None:
        self.logits = Tensor(np.zeros(components, dtype), requires_grad=True)
        self.mu = Tensor(rng.standard_normal((components, latent)).astype(dtype), requires_grad=True)
        self.logvar = Tensor(np.zeros((components, latent), dtype), requires_grad=True)

    def log_prob(self, z: Value) -> Tensor:
        """log sum_c pi_c N(z; m_c, exp(s_c)), (..., K) -> (...)."""
        losses.refuse_overflow("MixturePrior", self.logvar, self.logvar.dtype)
        apart = z.reshape(*z.shape[:-1], 1, z.shape[-1]) - self.mu  # (..., K) -> (..., C, K)
        squares = ops.sum(self.logvar + apart * apart * ops.exp(-self.logvar) + LOG_2PI, axis=-1)
        return ops.logsumexp(ops.log_softmax(self.logits) - 0.5 * squares, axis=-1)

    def draw(self, u: Array, eps: Array) -> Array:
        """Codes (N, K): u (N,) ~ U[0, 1) chooses components, eps (N, K) ~ N(0, 1) the points in them."""
        logits, mu, logvar = (backend.to(_data(p), "cpu") for p in (self.logits, self.mu, self.logvar))
        shares = np.cumsum(ops.softmax(logits.astype(np.float64)))
        chosen = np.searchsorted(shares[:-1], backend.to(u, "cpu"), side="right")  # (N,)
        z = mu[chosen] + np.exp(logvar[chosen] / 2) * backend.to(eps, "cpu")
        return backend.to(z.astype(mu.dtype), backend.device_of(_data(self.mu)))


class MixturePriorVAE(VAE):
    """A Bernoulli VAE whose `prior` is a `MixturePrior` of `components` normals. x (N, D), eps (N, K)."""

    def __init__(
        self,
        features: int,
        hidden: int,
        latent: int,
        components: int,
        *,
        rng: np.random.Generator,
        dtype: DTypeLike = "float32",
    ) -> None:
        super().__init__(features, hidden, latent, rng=rng, dtype=dtype)
        self.prior = MixturePrior(components, latent, rng=rng, dtype=dtype)

    def log_prior(self, z: Value) -> Tensor:
        return self.prior.log_prob(z)

    def terms(self, x: Value, eps: Value) -> tuple[Tensor, Tensor]:
        """(reconstruction, log q(z|x) - log p(z)); the second, at the one z drawn, may be negative."""
        mu, logvar = self.encode(x)
        z = losses.reparameterize(mu, logvar, eps)
        log_q = ops.sum(eps * eps + logvar + LOG_2PI, axis=-1) * -0.5  # since (z - mu) / sigma = eps
        return self.reconstruction(x, z), ops.mean(log_q - self.log_prior(z))
