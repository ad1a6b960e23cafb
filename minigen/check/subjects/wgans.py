"""Wasserstein networks: the critic that measures a distance, and the generator that follows it.

The critics under a gradient penalty have slopes below and above 1, or a penalty on one side would pass for
one on both. Both activations are needed: tanh bends, so its second derivative is part of the gradient; that
of the leaky ReLU is 0, so a mistake in the other terms cannot hide behind it.
"""

from minigen.byhand import gradient_penalty, wgan
from minigen.check.subjects.registry import subject
from minigen.engine.tape import Tensor, grad
from minigen.models import WGAN, ConvCritic, Discriminator, Generator
from minigen.nn import Reshape, Sequential


def _game(s, activation="leaky_relu", lam=0.0):
    networks = {"rng": s.rng, "dtype": "float64"}
    return WGAN(Generator(3, 13, 61, **networks), Discriminator(61, 13, activation, **networks), lam=lam)


@subject
def wgan_critic(s):
    x, z = s.digits(7), s.noise(5, 3)
    t, n = s.constant(x), s.constant(z)
    return s.model(_game(s), lambda m: m.critic_loss(t, n), lambda p: wgan.wgan_critic(p, x, z), "critic")


@subject
def wgan_generator(s):
    z = s.noise(7, 3)
    n = s.constant(z)
    return s.model(_game(s), lambda m: m.generator_loss(n), lambda p: wgan.wgan_generator(p, z), "generator")


def _penalised(s, game, x, by_hand, activation=None):
    z, alpha = s.noise(7, 3), s.rng.random((7, 1))
    t, n, a = s.constant(x), s.constant(z), s.constant(alpha)
    for weight in (p for p in game.critic.parameters() if p.ndim > 1):
        weight.data *= 2  # a critic that bends: slopes differ from example to example
    hand = by_hand and (lambda p: by_hand(p, x, z, alpha, lam=game.lam, activation=activation))
    made = s.model(game, lambda m: m.critic_loss(t, n, a), hand, "critic")
    lowest, highest = _slopes(game, x, z, alpha)
    last = [name for name in made.parameters if name.startswith("critic.") and name.endswith("weight")][-1]
    made.parameters[last] /= (lowest * highest) ** 0.5  # the last layer scales all slopes alike
    return made


def _slopes(game, x, z, alpha):
    """The smallest and the largest slope of the critic between the real x and the samples."""
    fake = game.samples(z).data
    alpha = alpha.reshape(-1, *[1] * (x.ndim - 1))
    points = Tensor(alpha * x + (1 - alpha) * fake, requires_grad=True)
    (slope,) = grad(game.critic(points).sum(), points)
    norms = (slope.data**2).sum(axis=tuple(range(1, x.ndim))) ** 0.5
    return norms.min(), norms.max()


@subject
def wgan_gp_critic_tanh(s):
    game = _game(s, "tanh", lam=0.3)
    return _penalised(s, game, s.digits(7), gradient_penalty.wgan_gp_critic, "tanh")


@subject
def wgan_gp_critic_leaky(s):
    game = _game(s, "leaky_relu", lam=0.3)
    return _penalised(s, game, s.digits(7), gradient_penalty.wgan_gp_critic, "leaky_relu")


@subject
def wgan_gp_critic_conv(s):
    """By tape and by differences only: through convolutions the formula by hand would fill pages."""
    networks = {"rng": s.rng, "dtype": "float64"}
    generator = Sequential(Generator(3, 13, 35, **networks), Reshape(1, 7, 5))
    game = WGAN(generator, ConvCritic((1, 7, 5), (2, 3), "tanh", **networks), lam=0.3)
    return _penalised(s, game, s.images(7, 1, 7, 5), None)
