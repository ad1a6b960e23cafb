"""Variational autoencoders: a code that is a distribution, and a decoder that is a model of the data.

    h = tanh(x We + be)                            (N, D) -> (N, H)
    mu = h Wm + bm,  logvar = h Wv + bv            q(z|x) = N(mu, exp(logvar)), (N, H) -> (N, K)
    z = mu + exp(logvar / 2) eps                   eps ~ N(0, I) is an argument
    p(x|z) from d = tanh(z Wd + bd)                (N, K) -> (N, H)
    loss = E[-log p(x|z)] + beta KL(q(z|x) || N(0, I))

Kingma and Welling (2014); beta: Higgins et al. (2017). Both terms sum over features and average over the batch.
"""

from minigen import losses
from minigen.nn import Dense, Module
from minigen.ops import sigmoid, tanh


class VAE(Module):
    """Pixels between 0 and 1 under independent Bernoullis: the decoder's output holds their logits."""

    def __init__(self, features, hidden, latent, *, rng, dtype="float32"):
        def layer(n, m):
            return Dense(n, m, init="xavier", rng=rng, dtype=dtype)

        self.encoder = layer(features, hidden)
        self.mu = layer(hidden, latent)
        self.logvar = layer(hidden, latent)
        self.decoder = layer(latent, hidden)
        self.output = layer(hidden, features)

    def encode(self, x):
        """(mu, logvar) of q(z|x)."""
        h = tanh(self.encoder(x))
        return self.mu(h), self.logvar(h)

    def decode(self, z):
        """The logits of the pixels."""
        return self.output(tanh(self.decoder(z)))

    def sample(self, z):
        """The mean image that the code z stands for."""
        return sigmoid(self.decode(z))

    def reconstruction(self, x, z):
        """-log p(x|z), the mean over the batch."""
        return losses.bce_with_logits(self.decode(z), x)

    def terms(self, x, eps):
        """The two terms of the loss apart: (reconstruction, KL)."""
        mu, logvar = self.encode(x)
        z = losses.reparameterize(mu, logvar, eps)
        return self.reconstruction(x, z), losses.gaussian_kl(mu, logvar)

    def loss(self, x, eps, *, beta=1.0):
        reconstruction, kl = self.terms(x, eps)
        return reconstruction + beta * kl


class GaussianVAE(VAE):
    """Real-valued data: the decoder gives a mean and a log-variance for every feature."""

    def __init__(self, features, hidden, latent, *, rng, dtype="float32"):
        super().__init__(features, hidden, latent, rng=rng, dtype=dtype)
        self.output_logvar = Dense(hidden, features, init="xavier", rng=rng, dtype=dtype)

    def decode(self, z):
        """(mean, logvar) of p(x|z)."""
        d = tanh(self.decoder(z))
        return self.output(d), self.output_logvar(d)

    def sample(self, z):
        return self.decode(z)[0]

    def reconstruction(self, x, z):
        return losses.gaussian_nll(*self.decode(z), x)
