"""Adversarial networks: one player learns, the other only passes the gradient on."""

from minigen.byhand import dcgan, gan
from minigen.check.subjects.registry import subject
from minigen.models import GAN, DCGANDiscriminator, DCGANGenerator, Discriminator, Generator


def _game(s, features=61, activation="leaky_relu", **how):
    networks = {"rng": s.rng, "dtype": "float64"}
    generator = Generator(3, 13, 61, **networks)
    return GAN(generator, Discriminator(features, 13, activation, **networks), **how)


def _discriminator(s, game, x, z, by_hand, **how):
    t, n = s.constant(x), s.constant(z)
    return s.model(
        game, lambda m: m.discriminator_loss(t, n), lambda p: by_hand(p, x, z, **how), "discriminator"
    )


def _generator(s, game, z, by_hand):
    n = s.constant(z)
    return s.model(game, lambda m: m.generator_loss(n), lambda p: by_hand(p, z), "generator")


@subject
def gan_discriminator(s):
    return _discriminator(s, _game(s), s.digits(7), s.noise(5, 3), gan.gan_discriminator)


@subject
def gan_generator_minimax(s):
    return _generator(s, _game(s, kind="minimax"), s.noise(7, 3), gan.gan_generator_minimax)


@subject
def gan_generator_nonsaturating(s):
    return _generator(s, _game(s), s.noise(7, 3), gan.gan_generator_nonsaturating)


@subject
def gan_label_smoothing(s):
    game = _game(s, real_label=0.9)
    return _discriminator(s, game, s.digits(7), s.noise(5, 3), gan.gan_label_smoothing, smooth=0.9)


@subject
def gan_r1(s):
    game = _game(s, activation="tanh", gamma=0.3)  # the leaky one has no second derivative to get wrong
    return _discriminator(s, game, s.digits(7), s.noise(5, 3), gan.gan_r1, gamma=0.3, activation="tanh")


@subject
def gan_packed(s):
    game = _game(s, features=3 * 61, pack=3)
    return _discriminator(s, game, s.digits(15), s.noise(21, 3), gan.gan_packed, pack=3)


def _convolutional_game(s):
    """Weights of ordinary size: from N(0, 0.02^2) all logits would be near 0, and mistakes in them small."""
    how = {"init": "xavier", "rng": s.rng, "dtype": "float64"}
    return GAN(DCGANGenerator(13, (3, 2), **how), DCGANDiscriminator((5, 7), **how))


@subject
def dcgan_discriminator(s):
    game, x = _convolutional_game(s), 2 * s.whole_images(7) - 1  # in [-1, 1], the range of tanh
    return _discriminator(s, game, x, s.noise(5, 13), dcgan.dcgan_discriminator)


@subject
def dcgan_generator(s):
    return _generator(s, _convolutional_game(s), s.noise(7, 13), dcgan.dcgan_generator)
