"""Wasserstein networks: the discriminator becomes a critic f, whose mean difference estimates a distance.

    f minimises  mean f(G(z)) - mean f(x)
    G minimises  -mean f(G(z))

Arjovsky, Chintala and Bottou (2017). The estimate holds for critics of bounded slope: clip their weights after every update, or
penalise the slope.
"""

from minigen import losses
from minigen.models.gan import Discriminator, Generator
from minigen.nn import Module
from minigen.tape import no_grad


class WGAN(Module):
    def __init__(self, features, hidden, latent, *, rng, dtype="float32"):
        self.generator = Generator(latent, hidden, features, rng=rng, dtype=dtype)
        self.critic = Discriminator(features, hidden, rng=rng, dtype=dtype)

    def critic_loss(self, x, z):
        """What the critic minimises: minus its estimate of the Wasserstein distance."""
        with no_grad():
            fake = self.generator(z)
        return losses.critic_loss(self.critic(x), self.critic(fake))

    def generator_loss(self, z):
        """What the generator minimises, through the critic."""
        return losses.wgan_generator_loss(self.critic(self.generator(z)))
