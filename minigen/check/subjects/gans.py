"""Adversarial networks: one player learns, the other only passes the gradient on."""

from minigen.byhand import gan
from minigen.check.subjects.registry import subject
from minigen.models import GAN


@subject
def gan_discriminator(s):
    x, z = s.digits(7), s.noise(7, 3)
    t, n = s.constant(x), s.constant(z)
    model = GAN(61, 13, 3, rng=s.rng, dtype="float64")
    return s.model(
        model, lambda m: m.discriminator_loss(t, n), lambda p: gan.gan_discriminator(p, x, z), "discriminator"
    )


def _gan_generator(s, kind, by_hand):
    z = s.noise(7, 3)
    n = s.constant(z)
    model = GAN(61, 13, 3, rng=s.rng, dtype="float64")
    return s.model(model, lambda m: m.generator_loss(n, kind), lambda p: by_hand(p, z), "generator")


@subject
def gan_generator_minimax(s):
    return _gan_generator(s, "minimax", gan.gan_generator_minimax)


@subject
def gan_generator_nonsaturating(s):
    return _gan_generator(s, "nonsaturating", gan.gan_generator_nonsaturating)
