"""Free bits: the first nats of divergence of each latent unit cost nothing, so units do not collapse early.

    kappa_k = (1/N) sum_n KL(q(z_k|x_n) || N(0, 1))                the mean over the batch, (N, K) -> (K,)
    loss = E[-log p(x|z)] + sum_k max(free_bits, kappa_k)

Below `free_bits` the term of a unit is constant and has no gradient. Kingma et al. 2016 (inverse
autoregressive flow), appendix C.8.
"""

from __future__ import annotations

from minigen import losses
from minigen.engine import ops
from minigen.engine.tape import Tensor, Value
from minigen.models.vae import VAE


class FreeBitsVAE(VAE):
    """A VAE whose loss has max(free_bits, kappa_k) in place of kappa_k; `free_bits` is in nats a unit."""

    def terms(self, x: Value, eps: Value) -> tuple[Tensor, Tensor]:
        """(reconstruction, kappa): the divergence of each latent unit apart, (K,)."""
        mu, logvar = self.encode(x)
        z = losses.reparameterize(mu, logvar, eps)  # refuses a logvar whose exp overflows
        kappa = ops.mean(losses.exp_remainder(logvar) + mu * mu, axis=0) * 0.5
        return self.reconstruction(x, z), kappa

    def loss(self, x: Value, eps: Value, *, free_bits: float) -> Tensor:
        if not free_bits >= 0:
            raise ValueError(f"FreeBitsVAE: free_bits are nats, at least 0, got {free_bits}")
        reconstruction, kappa = self.terms(x, eps)
        return reconstruction + ops.sum(ops.maximum(free_bits, kappa))
