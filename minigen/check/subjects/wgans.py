"""Wasserstein networks: the critic, and the generator through it."""

from minigen.byhand import wgan
from minigen.check.subjects.registry import subject
from minigen.models import WGAN


@subject
def wgan_critic(s):
    x, z = s.digits(7), s.noise(7, 3)
    t, n = s.constant(x), s.constant(z)
    model = WGAN(61, 13, 3, rng=s.rng, dtype="float64")
    return s.model(model, lambda m: m.critic_loss(t, n), lambda p: wgan.wgan_critic(p, x, z), "critic")


@subject
def wgan_generator(s):
    z = s.noise(7, 3)
    n = s.constant(z)
    model = WGAN(61, 13, 3, rng=s.rng, dtype="float64")
    return s.model(model, lambda m: m.generator_loss(n), lambda p: wgan.wgan_generator(p, z), "generator")
