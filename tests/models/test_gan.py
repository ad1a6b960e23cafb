"""Adversarial networks by tape: what is known exactly, the variants of the game, and what is refused."""

from functools import cache
from statistics import NormalDist

import numpy as np
import pytest

from minigen import Tensor, grad, losses, optim
from minigen.models import (
    GAN,
    WGAN,
    DCGANDiscriminator,
    DCGANGenerator,
    Discriminator,
    Generator,
    PassThrough,
    adversary_step,
    generator_step,
)
from minigen.nn import Dense, Module

N, Z, S, D = 7, 3, 11, 13
rng = np.random.default_rng(0)
x, z = rng.random((N, D)), rng.standard_normal((N, Z))


def networks(features=D, activation="leaky_relu", dtype="float64"):
    how = {"rng": np.random.default_rng(1), "dtype": dtype}
    return Generator(Z, S, D, **how), Discriminator(features, S, activation, **how)


def sigmoid(t):
    return 1 / (1 + np.exp(-t))


# ----- D* = p / (p + q) ------------------------------------------------------------------------------------


class Lookup(Module):
    """A discriminator free to answer anything: one logit for each of K states, x one-hot (N, K)."""

    def __init__(self, states):
        self.logits = Tensor(np.zeros((states, 1)), requires_grad=True)

    def forward(self, x):
        return x @ self.logits


def rows_of(counts):
    """One-hot rows in which each state occurs as often as `counts` says: the distribution itself."""
    return np.repeat(np.eye(len(counts)), counts, axis=0)


def trained_lookup(p, q, **how):
    """The best logits, and the loss there."""
    game = GAN(PassThrough(), Lookup(len(p)), **how)
    optimizer = optim.SGD(game.discriminator, lr=8.0)
    for _ in range(400):
        adversary_step(game, optimizer, rows_of(p), rows_of(q))
    return game.discriminator.logits.data[:, 0], game.discriminator_loss(rows_of(p), rows_of(q)).item()


def kl(p, q):
    return (p * np.log(p / q)).sum()


P, Q = np.array([2, 4, 8, 1, 5]), np.array([6, 4, 1, 7, 2])  # of 20 each


def test_the_best_discriminator_is_p_over_p_plus_q():
    """Goodfellow et al. 2014, proposition 1; the game's value there is -log 4 + 2 JS (theorem 1)."""
    logits, loss = trained_lookup(P, Q)
    assert np.abs(sigmoid(logits) - P / (P + Q)).max() < 1e-12
    p, q = P / 20, Q / 20
    js = kl(p, (p + q) / 2) / 2 + kl(q, (p + q) / 2) / 2
    assert js > 0.1 and abs(-loss - (-np.log(4) + 2 * js)) < 1e-12


def test_against_a_perfect_generator_it_can_only_guess():
    logits, loss = trained_lookup(P, P)
    assert np.abs(logits).max() < 1e-12 and abs(loss - np.log(4)) < 1e-12


def test_label_smoothing_moves_the_best_answer_on_the_real_side_only():
    """tau p / (p + q): p shrinks, q does not (Salimans et al. 2016, section 3.4)."""
    logits, _ = trained_lookup(P, Q, real_label=0.9)
    assert np.abs(sigmoid(logits) - 0.9 * P / (P + Q)).max() < 1e-12


@cache
def normal(n=50001):
    """N(0, 1) as n equally likely points, (n, 1)."""
    return np.array([[NormalDist().inv_cdf((i + 0.5) / n)] for i in range(n)])


class Shift(Module):
    """N(m, 1) out of N(0, 1)."""

    def __init__(self, m):
        self.m = Tensor(np.array([float(m)]), requires_grad=True)

    def forward(self, z):
        return z + self.m


def line(weight, bias):
    layer = Dense(1, 1, rng=np.random.default_rng(0), dtype="float64")
    layer.weight.data[...], layer.bias.data[...] = weight, bias
    return layer


def test_between_two_normal_distributions_the_best_discriminator_is_a_line():
    """log p/q = m^2/2 - m x for N(0, 1) against N(m, 1); at m = 1 the value is -1.16345."""
    game = GAN(Shift(1), line(0.0, 0.0))
    optimizer = optim.Momentum(game.discriminator, lr=1.0, momentum=0.5)
    for _ in range(150):
        loss = adversary_step(game, optimizer, normal(2001), normal(2001))
    weight, bias = (p.data.item() for p in game.discriminator.parameters())
    assert abs(weight + 1) < 2e-3 and abs(bias - 0.5) < 2e-3  # the tails beyond 2001 points are missing
    assert abs(-loss.item() + 1.16345) < 2e-4


@pytest.mark.parametrize(
    ("m", "value", "minimax", "nonsaturating"),
    [(1, -1.16345, 0.398, 0.602), (4, -0.12085, 0.137, 3.86), (8, -0.00019, 3.9e-4, 8.0)],
)
def test_a_sure_discriminator_teaches_a_minimax_generator_nothing(m, value, minimax, nonsaturating):
    """At D* = m^2/2 - m x: the farther off the generator, the less it is told. Not so by the other losses."""
    best = line(-m, m * m / 2)
    loss = GAN(Shift(m), best).discriminator_loss(normal(), normal())
    assert abs(-loss.item() - value) < 3e-5  # the tails beyond 50001 points are missing
    slopes = []
    for game in (GAN(Shift(m), best, kind="minimax"), GAN(Shift(m), best), WGAN(Shift(m), line(-1, 0))):
        (slope,) = grad(game.generator_loss(normal()), [game.generator.m])
        slopes.append(slope.data.item())
    assert np.allclose(slopes, [minimax, nonsaturating, 1], rtol=1e-2)  # two or three digits were printed


def test_both_generators_want_the_same_but_not_as_much():
    """At the logit l the minimax gradient is the other times e^l, sample by sample: the same sign."""
    generator, judge = networks()
    fake = generator(z).data
    logits = judge(Tensor(fake)).data
    slopes = {}
    for kind in ("minimax", "nonsaturating"):
        points = Tensor(fake, requires_grad=True)
        slopes[kind] = grad(losses.generator_loss(judge(points), kind), [points])[0].data
    assert np.allclose(slopes["minimax"], np.exp(logits) * slopes["nonsaturating"], rtol=1e-12)


# ----- the variants of the game ----------------------------------------------------------------------------


def test_r1_adds_half_gamma_times_the_squared_slope_at_the_data():
    generator, judge = networks(activation="tanh")
    points = Tensor(x, requires_grad=True)
    (slope,) = grad(judge(points).sum(), [points])
    expected = 0.3 / 2 * (slope.data**2).sum(axis=1).mean()
    without, with_r1 = (GAN(generator, judge, gamma=g).discriminator_loss(x, z).item() for g in (0, 0.3))
    assert expected > 1e-3 and abs(with_r1 - without - expected) < 1e-15


def test_r1_leaves_the_generator_alone_and_the_last_bias():
    game = GAN(*networks(activation="tanh"), gamma=0.3)
    penalty = losses.r1_penalty(game.discriminator, x)
    found = grad(penalty, game.parameters(), allow_unused=True)
    reached = {name for (name, _), g in zip(game.named_parameters(), found, strict=True) if g is not None}
    assert reached == {f"discriminator.{name}" for name in ("hidden.weight", "hidden.bias", "output.weight")}


def test_packs_are_neighbours_end_to_end():
    game = GAN(*networks(3 * D), pack=3)
    packs = game.packs(x[:6])
    assert packs.shape == (2, 3 * D) and np.array_equal(packs[1], np.concatenate(x[3:6]))
    pictures = rng.random((6, 2, 5, 4))
    packs = game.packs(Tensor(pictures)).data
    assert packs.shape == (2, 6, 5, 4)
    # channels: red red red, say, not one picture
    assert np.array_equal(packs[1], np.concatenate(pictures[3:6]))


def test_a_packed_generator_learns_through_whole_packs():
    """The gradient of its loss along a random direction, against a difference."""
    game = GAN(*networks(3 * D, "tanh"), pack=3)
    z = rng.standard_normal((6, Z))
    parameters = game.generator.parameters()
    directions = [rng.standard_normal(p.shape) for p in parameters]
    found = grad(game.generator_loss(z), parameters)
    slope = sum((g.data * v).sum() for g, v in zip(found, directions, strict=True))
    ends, h = [], 1e-5
    for step in (h, -2 * h):
        for p, v in zip(parameters, directions, strict=True):
            p.data += step * v
        ends.append(game.generator_loss(z).item())
    assert abs((ends[0] - ends[1]) / (2 * h) - slope) < 1e-8 * abs(slope) + 1e-10


def test_batches_of_different_size_each_have_their_own_mean():
    game = GAN(*networks())
    loss = game.discriminator_loss(x, z[:5]).item()
    real, fake = game.judge(x).data, game.judge(game.generator(z[:5])).data
    assert abs(loss - np.logaddexp(0, -real).mean() - np.logaddexp(0, fake).mean()) < 1e-14


def test_the_samples_are_pixels_and_have_no_history():
    game = GAN(*networks())
    fake = game.samples(10 * z)
    assert not fake.requires_grad and fake.shape == (N, D)
    assert 0 <= fake.data.min() < 0.4 and 0.6 < fake.data.max() <= 1


def test_float32_stays_float32():
    game = GAN(*networks(activation="tanh", dtype="float32"), gamma=0.3, real_label=0.9)
    loss = game.discriminator_loss(x.astype(np.float32), z.astype(np.float32))
    assert loss.dtype == np.float32
    assert all(g.dtype == np.float32 for g in grad(loss, game.discriminator.parameters()))


def test_any_two_networks_can_play():
    """A GAN is a pair of any two networks: here convolutional ones."""
    how = {"rng": np.random.default_rng(2), "dtype": "float64"}
    game = GAN(DCGANGenerator(Z, (5, 2), **how), DCGANDiscriminator((3, 5), **how), real_label=0.9)
    names = [name for name, _ in game.named_parameters()]
    assert names[0] == "generator.dense.weight" and names[-1] == "discriminator.dense.bias"
    assert np.isfinite(game.discriminator_loss(rng.random((N, 1, 8, 8)), z).item())


def test_one_example_is_a_batch():
    """Nothing in the dense game depends on the size of the batch: a batch of one gives the mean over one."""
    game = GAN(*networks(), gamma=0.3)
    apart = [game.discriminator_loss(x[i : i + 1], z[i : i + 1]).item() for i in range(N)]
    assert abs(np.mean(apart) - game.discriminator_loss(x, z).item()) < 1e-14
    assert (
        abs(
            np.mean([game.generator_loss(z[i : i + 1]).item() for i in range(N)])
            - game.generator_loss(z).item()
        )
        < 1e-14
    )


def test_a_sure_discriminator_gives_large_but_finite_losses():
    """Logits of 1000: log(sigmoid) would be -inf, softplus is 1000."""
    sure = GAN(PassThrough(), line(1000.0, 0.0))
    ones = np.ones((N, 1))
    assert sure.discriminator_loss(ones, ones).item() == 1000
    assert sure.generator_loss(-ones).item() == 1000


# ----- what is refused -------------------------------------------------------------------------------------


def game(**how):
    return GAN(*networks(), **how)


REFUSED = {
    "kind": (
        lambda: game(kind="non-saturating"),
        "kind must be 'nonsaturating' or 'minimax', got 'non-saturating'",
    ),
    "real label": (lambda: game(real_label=1.1), r"real_label in \(0, 1\].* got real_label=1.1"),
    "gamma": (lambda: game(gamma=-0.1), "gamma=-0.1"),
    "gamma nan": (lambda: game(gamma=float("nan")), "gamma=nan"),
    "pack": (lambda: game(pack=2.0), "whole number pack >= 1, .* pack=2.0"),
    "activation": (
        lambda: networks(activation="relu"),
        r"Discriminator: activation must be one of \['leaky_relu', 'tanh'\], got 'relu'",
    ),
    "pack does not divide": (
        lambda: GAN(*networks(3 * D), pack=3).discriminator_loss(x, z),
        "7 examples do not fill packs of 3: use a batch size divisible by 3",
    ),
    "no noise": (
        lambda: game().generator_loss(z[:0]),
        r"GAN: z must hold the noise of at least one example, got \(0, 3\)",
    ),
    "no fakes": (
        lambda: game().discriminator_loss(x, z[:0]),
        r"GAN: z must hold the noise of at least one example, got \(0, 3\)",
    ),
    "no data": (
        lambda: game().discriminator_loss(x[:0], z),
        r"real x \(0, 13\) and samples \(7, 13\) .* must not be 0",
    ),
    "features": (
        lambda: game().discriminator_loss(x[:, :12], z),
        r"real x \(7, 12\) and samples \(7, 13\) must be alike",
    ),
    "pictures and rows": (
        lambda: game().discriminator_loss(x[:, None, None], z),
        r"real x \(7, 1, 1, 13\) and samples \(7, 13\)",
    ),
    "noise of another size": (
        lambda: game().generator_loss(z[:, :2]),
        r"dense: x \(7, 2\) has \(2,\) features but weight \(3, 11\) takes \(3,\)",
    ),
    "r1 and batch norm": (
        lambda: GAN(
            DCGANGenerator(Z, (5, 2), rng=np.random.default_rng(0), dtype="float64"),
            DCGANDiscriminator((3, 5), rng=np.random.default_rng(0), dtype="float64"),
            gamma=0.3,
        ).discriminator_loss(rng.random((N, 1, 8, 8)), z),
        "r1_penalty: the critic normalises over the batch",
    ),
}


@pytest.mark.parametrize(("wrong", "message"), REFUSED.values(), ids=REFUSED)
def test_bad_input_is_refused_with_the_reason(wrong, message):
    with pytest.raises(ValueError, match=message):
        wrong()


def test_a_generator_learns_a_mean():
    """One parameter, a line as its judge: the two play until the samples lie where the data lie, at 2."""
    game = GAN(Shift(0), line(0.0, 0.0), gamma=1.0)
    data, noise = normal(101) + 2, normal(101)
    theirs, its = optim.SGD(game.discriminator, lr=0.3), optim.SGD(game.generator, lr=0.3)
    for _ in range(300):
        adversary_step(game, theirs, data, noise)
        generator_step(game, its, noise)
    assert abs(game.generator.m.data.item() - 2) < 1e-6
