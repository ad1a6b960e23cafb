"""The importance-weighted autoencoder: S codes for every example, averaged with importance weights.

    z_s = mu + exp(logvar / 2) eps_s                     eps (S, N, K) -> z (S, N, K)
    log w_s = log p(x|z_s) + log p(z_s) - log q(z_s|x)   (S, N)
    L_S = (1/N) sum_n log (1/S) sum_s w_sn               a lower bound of log p(x) that rises with S

S = 1 is the bound of the VAE. For any VAE, trained in whichever way, L_S with a large S is the usual estimate
of its log-likelihood: metrics.importance_weighted_bound(log_weights(vae, x, eps).numpy()). Burda, Grosse and
Salakhutdinov 2016, equation 8.
"""

from __future__ import annotations

import math

from minigen import losses
from minigen.engine import ops
from minigen.engine.tape import Tensor, Value, broadcast_to
from minigen.models.vae import LOG_2PI, VAE


class IWAE(VAE):
    """A Bernoulli VAE that is trained by -L_S; its terms are those of one sample, as in `VAE`."""

    def loss(self, x: Value, eps: Value) -> Tensor:
        """-L_S, x (N, D) and eps (S, N, K)."""
        return -ops.mean(importance_bound(self, x, eps))


def log_weights(vae: VAE, x: Value, eps: Value) -> Tensor:
    """log w of each code, for any VAE: x (N, ...), eps (S, N, K) -> (S, N). Refuses other shapes of eps."""
    mu, logvar = vae.encode(x)
    if eps.ndim != 3 or eps.shape[1:] != mu.shape or 0 in eps.shape:
        raise ValueError(
            f"log_weights: eps must be (S, {mu.shape[0]}, {mu.shape[1]}), S codes for each of the "
            f"{mu.shape[0]} examples, got {eps.shape}"
        )
    z = losses.reparameterize(broadcast_to(mu, eps.shape), broadcast_to(logvar, eps.shape), eps)
    log_q = ops.sum(eps * eps + logvar + LOG_2PI, axis=-1) * -0.5  # since (z - mu) / sigma = eps
    return vae.log_likelihood(x, z) + vae.log_prior(z) - log_q


def importance_bound(vae: VAE, x: Value, eps: Value) -> Tensor:
    """log (1/S) sum_s w_sn for each example: (S, N, K) -> (N,)."""
    return ops.logsumexp(log_weights(vae, x, eps), axis=0) - math.log(eps.shape[0])
