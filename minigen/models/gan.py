"""Generative adversarial networks: a generator G that makes samples, a discriminator D that tells them from data.

    G(z) = sigmoid(tanh(z W1 + b1) W2 + b2)             (N, Z) -> (N, D)
    D(x) = leaky_relu(x V1 + c1) V2 + c2                (N, D) -> (N, 1), a logit: sigmoid(D) is "how real"

    D minimises  mean softplus(-D(x)) + mean softplus(D(G(z)))
    G minimises  -mean softplus(D(G(z)))    (minimax) or  mean softplus(-D(G(z)))    (non-saturating)

Goodfellow et al. (2014). Each player's loss touches its own parameters only: D sees G(z) as plain data, and G's gradient
passes through D without stopping there.
"""

from minigen import losses
from minigen.nn import Dense, Module
from minigen.ops import leaky_relu, sigmoid, tanh
from minigen.tape import no_grad


class Generator(Module):
    def __init__(self, latent, hidden, features, *, rng, dtype="float32"):
        self.hidden = Dense(latent, hidden, init="xavier", rng=rng, dtype=dtype)
        self.output = Dense(hidden, features, init="xavier", rng=rng, dtype=dtype)

    def forward(self, z):
        return sigmoid(self.output(tanh(self.hidden(z))))


class Discriminator(Module):
    """A logit for each row; as a critic, without the reading as a probability."""

    def __init__(self, features, hidden, *, rng, dtype="float32"):
        self.hidden = Dense(features, hidden, init="he", rng=rng, dtype=dtype)
        self.output = Dense(hidden, 1, init="xavier", rng=rng, dtype=dtype)

    def forward(self, x):
        return self.output(leaky_relu(self.hidden(x), 0.2))


class GAN(Module):
    def __init__(self, features, hidden, latent, *, rng, dtype="float32"):
        self.generator = Generator(latent, hidden, features, rng=rng, dtype=dtype)
        self.discriminator = Discriminator(features, hidden, rng=rng, dtype=dtype)

    def discriminator_loss(self, x, z):
        """What D minimises. G runs without a tape, so nothing can leak into it."""
        with no_grad():
            fake = self.generator(z)
        return losses.discriminator_loss(self.discriminator(x), self.discriminator(fake))

    def generator_loss(self, z, kind="nonsaturating"):
        """What G minimises, through D; afterwards only the generator's optimizer may step."""
        return losses.generator_loss(self.discriminator(self.generator(z)), kind)
