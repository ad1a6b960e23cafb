"""Two players: a step moves one of them and leaves the other as it was, to the bit."""

import numpy as np
import pytest

import minigen
from minigen import StaleGraphError, Tensor, losses, optim
from minigen.byhand import gan as byhand
from minigen.models import (
    GAN,
    WGAN,
    ConvCritic,
    DCGANDiscriminator,
    DCGANGenerator,
    Discriminator,
    Generator,
    adversary_step,
    alternating_round,
    descend,
    generator_step,
    rounds_on_toys,
    simultaneous_round,
)
from minigen.nn import Module

N, Z, S, D = 7, 3, 11, 13


def networks(rng, dtype="float64"):
    how = {"rng": rng, "dtype": dtype}
    return Generator(Z, S, D, **how), Discriminator(D, S, "tanh", **how)


def plain(rng):
    return GAN(*networks(rng))


def with_r1(rng):
    return GAN(*networks(rng), gamma=0.3, real_label=0.9, kind="minimax")


def wasserstein(rng):
    return WGAN(*networks(rng))


def penalised(rng):
    return WGAN(*networks(rng), lam=0.3)


def convolutional(rng):
    how = {"rng": rng, "dtype": "float64"}
    return GAN(DCGANGenerator(Z, (5, 2), **how), DCGANDiscriminator((3, 5), **how))


def convolutional_critic(rng):
    how = {"rng": rng, "dtype": "float64"}
    return WGAN(DCGANGenerator(Z, (5, 2), **how), ConvCritic((1, 8, 8), (2, 3), **how), lam=0.3)


every_game = pytest.mark.parametrize(
    "make", [plain, with_r1, wasserstein, penalised, convolutional, convolutional_critic]
)


class Table:
    """A game at the table: the players, an optimizer for each, and what a step of the adversary takes."""

    def __init__(self, make, seed=0):
        rng = np.random.default_rng(seed)
        self.game = make(rng)
        self.generator = self.game.generator
        self.adversary = self.game.critic if isinstance(self.game, WGAN) else self.game.discriminator
        self.their, self.its = optim.SGD(self.adversary, lr=0.1), optim.SGD(self.generator, lr=0.1)
        x = rng.random((N, 1, 8, 8) if isinstance(self.generator, DCGANGenerator) else (N, D))
        self.z, alpha = rng.standard_normal((N, Z)), rng.random((N, 1))
        penalty = isinstance(self.game, WGAN) and self.game.lam > 0
        self.batch = (x, rng.standard_normal((N, Z)), alpha) if penalty else (x, self.z)

    def players(self, who):
        return (self.adversary, self.generator) if who == "adversary" else (self.generator, self.adversary)

    def step(self, who):
        if who == "adversary":
            return adversary_step(self.game, self.their, *self.batch)
        return generator_step(self.game, self.its, self.z)


def bits(player):
    """Parameters and gradients of a player, byte by byte."""
    return {
        name: (p.data.tobytes(), None if p.grad is None else p.grad.tobytes())
        for name, p in player.named_parameters()
    }


def values(player):
    return {name: p.data.copy() for name, p in player.named_parameters()}


def plant_gradients(player, rng):
    for p in player.parameters():
        p.grad = rng.standard_normal(p.shape)


# ----- who may be touched -----------------------------------------------------------------------------------


@every_game
@pytest.mark.parametrize("who", ["adversary", "generator"])
@pytest.mark.parametrize("planted", [False, True], ids=["fresh", "with gradients"])
def test_a_step_leaves_the_other_player_as_it_was(make, who, planted):
    table = Table(make)
    mover, other = table.players(who)
    if planted:
        plant_gradients(other, np.random.default_rng(1))
    before, start = bits(other), values(mover)
    table.step(who)
    assert bits(other) == before
    moved = [name for name, p in mover.named_parameters() if not np.array_equal(p.data, start[name])]
    still = set(start) - set(moved)
    assert still <= {"output.bias", "dense.bias"} and (not still or isinstance(table.game, WGAN))


def through_backward(table):
    """A step of the generator as it is often written: backward() writes into all that it meets."""
    table.game.generator_loss(table.z).backward()
    table.its.step()


def with_everything(table):
    """One optimizer for both players: the generator's loss moves the discriminator too."""
    table.their.release()
    table.its.release()
    descend(optim.SGD(table.game, lr=0.1), table.game.generator_loss(table.z))


@pytest.mark.parametrize("leak", [through_backward, with_everything])
def test_a_step_that_leaks_is_seen(leak):
    """The comparison above must be able to fail: here are two steps that it rejects."""
    table = Table(plain)
    before = bits(table.adversary)
    leak(table)
    assert bits(table.adversary) != before


def test_a_step_with_the_wrong_optimizer_is_refused():
    """A generator's step with the discriminator's optimizer would train the discriminator to be fooled."""
    table = Table(plain)
    before = bits(table.game)
    with pytest.raises(
        ValueError,
        match="generator_step: the generator's optimizer holds hidden.weight, a parameter of the adver",
    ):
        generator_step(table.game, table.their, table.z)
    with pytest.raises(
        ValueError,
        match="adversary_step: the adversary's optimizer holds hidden.weight, a parameter of the gen",
    ):
        adversary_step(table.game, table.its, *table.batch)
    with pytest.raises(ValueError, match="simultaneous_round: the adversary's optimizer holds"):
        simultaneous_round(table.game, table.its, table.their, table.batch, table.z)
    assert bits(table.game) == before


def test_a_generator_behind_detached_samples_is_refused():
    """CSA-CDGAN#5 and others: samples without history in the generator's step, and it never trains."""
    table = Table(plain)
    logits = table.game.discriminator(table.game.samples(table.z))
    with pytest.raises(ValueError, match=r"grad: y does not depend on input 0 \(hidden.weight\)"):
        descend(table.its, losses.generator_loss(logits))


@every_game
def test_steps_return_the_loss_before_the_step_without_history(make):
    table = Table(make)
    expected = table.game.adversary_loss(*table.batch).item()
    loss = table.step("adversary")
    assert not loss.requires_grad and loss.item() == expected
    expected = table.game.generator_loss(table.z).item()
    assert table.step("generator").item() == expected


# ----- a graph that was recorded before a move --------------------------------------------------------------


def test_a_stale_discriminator_is_refused():
    """Chainer's DCGAN updater: the fake batch's logits serve both losses, and D moves in between."""
    table = Table(plain)
    game = table.game
    logits = game.discriminator(game.generator(table.z))
    adversary_step(game, table.their, *table.batch)
    before = bits(game)
    with pytest.raises(StaleGraphError, match="parameter (hidden|output).weight was changed by an optimizer"):
        descend(table.its, losses.generator_loss(logits))
    assert bits(game) == before


def test_clipping_makes_a_graph_stale():
    table = Table(wasserstein)
    loss = table.game.generator_loss(table.z)
    optim.clip_weights(table.adversary, 0.05)
    with pytest.raises(StaleGraphError):
        descend(table.its, loss)


# ----- in turn, or both at once -----------------------------------------------------------------------------


def named(game):
    return {name: p.data.copy() for name, p in game.named_parameters()}


def after(start, grads, lr=0.1):
    return start | {name: start[name] - lr * g for name, g in grads.items()}


def leaky(rng):
    how = {"rng": rng, "dtype": "float64"}
    return GAN(Generator(Z, S, D, **how), Discriminator(D, S, **how))


def same(game, expected):
    assert all(np.allclose(p.data, expected[name], rtol=0, atol=1e-15) for name, p in game.named_parameters())


def test_simultaneous_players_move_from_the_same_place():
    """By hand: both gradients at the old parameters."""
    table = Table(leaky)
    start = named(table.game)
    theirs = byhand.gan_discriminator(start, *table.batch)[1]
    its = byhand.gan_generator_nonsaturating(start, table.z)[1]
    simultaneous_round(table.game, table.their, table.its, table.batch, table.z)
    same(table.game, after(after(start, theirs), its))


def test_alternating_players_answer_each_other():
    """By hand: k steps of the discriminator, then the generator's gradient where it has gone."""
    table, rng = Table(leaky), np.random.default_rng(5)
    batches = [(rng.random((N, D)), rng.standard_normal((N, Z))) for _ in range(3)]
    expected = named(table.game)
    old = byhand.gan_generator_nonsaturating(expected, table.z)[1]
    for batch in batches:
        expected = after(expected, byhand.gan_discriminator(expected, *batch)[1])
    its = byhand.gan_generator_nonsaturating(expected, table.z)[1]
    assert not np.allclose(old["generator.output.bias"], its["generator.output.bias"], rtol=1e-3)
    alternating_round(table.game, table.their, table.its, batches, [table.z], k=3)
    same(table.game, after(expected, its))


def test_a_round_takes_up_the_iterators_where_the_last_one_left_them():
    table = Table(plain)
    batches, noise = iter([table.batch] * 7), iter([table.z] * 3)
    for _ in range(3):
        alternating_round(table.game, table.their, table.its, batches, noise, k=2)
    assert (len(list(batches)), len(list(noise))) == (1, 0)


def test_a_round_says_what_is_missing():
    table = Table(plain)
    players = table.game, table.their, table.its
    with pytest.raises(ValueError, match="k >= 1 steps a round, got 0"):
        alternating_round(*players, [table.batch], [table.z], k=0)
    with pytest.raises(ValueError, match="batches gave 1 of the k = 5 batches"):
        alternating_round(*players, [table.batch], [table.z], k=5)
    with pytest.raises(ValueError, match="noise gave no z for the generator"):
        alternating_round(*players, [table.batch], [])


@pytest.mark.parametrize("move", ["step", "together"])
def test_clipping_comes_after_the_update(move):
    """c = 0.05 is less than a step is long: clipped before it, the weights would leave the box again."""
    table = Table(wasserstein)
    table.their.lr = 1.0
    if move == "step":
        adversary_step(table.game, table.their, *table.batch, clip=0.05)
    else:
        simultaneous_round(table.game, table.their, table.its, table.batch, table.z, clip=0.05)
    largest = {name: np.abs(p.data).max() for name, p in table.adversary.named_parameters()}
    assert max(largest.values()) == 0.05
    assert max(np.abs(p.data).max() for p in table.generator.parameters()) > 0.05


# ----- the smallest game: one number each -------------------------------------------------------------------


class Shift(Module):
    """A generator whose samples all lie at theta."""

    def __init__(self, theta):
        self.theta = Tensor(np.array([theta]), requires_grad=True)

    def forward(self, z):
        return z + self.theta


class Slope(Module):
    """A discriminator that is a line through 0, where the data lie."""

    def __init__(self, psi):
        self.psi = Tensor(np.array([[psi]]), requires_grad=True)

    def forward(self, x):
        return x @ self.psi


def minimax(g, d):
    return GAN(g, d, kind="minimax")


def r1(g, d):
    return GAN(g, d, kind="minimax", gamma=0.3)


def gradient_penalty(g, f):
    return WGAN(g, f, lam=0.35)


# name: (game, sqrt(theta^2 + psi^2) after 500 steps at once, after 500 in turn with G first, clip)
DIRAC = {
    "minimax": (minimax, 3.10, 1.42, None),  # spirals out; a stable cycle
    "non-saturating": (GAN, 0.640, 0.284, None),
    "wgan, clip 1": (WGAN, 1.00, 1.02, 1.0),
    "wgan-gp": (gradient_penalty, 1.80, 1.22, None),
    "r1": (
        r1,
        2.64e-6,
        2.30e-7,
        None,
    ),  # |1 + h lambda|^500 sqrt 2 with eigenvalues -0.15 +- 0.477i: converges
}


@pytest.mark.parametrize("order", ["simultaneous", "alternating"])
@pytest.mark.parametrize(("make", "together", "in_turn", "clip"), DIRAC.values(), ids=DIRAC)
def test_dirac_gan(make, together, in_turn, clip, order):
    """Mescheder, Geiger and Nowozin 2018, 500 steps of 0.2 from (1, 1): the radii of their notebook.

    Their D is large on fakes, hence psi = -1 here; their lambda is twice ours.
    """
    zero = np.zeros((1, 1))
    generator, adversary = Shift(1.0), Slope(-1.0)
    game = make(generator, adversary)
    batch = (zero, zero, np.full((1, 1), 0.5)) if make is gradient_penalty else (zero, zero)
    theirs, its = optim.SGD(adversary, lr=0.2), optim.SGD(generator, lr=0.2)
    for _ in range(500):
        if order == "simultaneous":
            simultaneous_round(game, theirs, its, batch, zero, clip=clip)
        else:
            generator_step(game, its, zero)
            adversary_step(game, theirs, *batch, clip=clip)
    radius = np.hypot(generator.theta.data.item(), adversary.psi.data.item())
    expected = together if order == "simultaneous" else in_turn
    assert abs(radius - expected) <= 0.005 * expected  # three digits were printed


@pytest.mark.parametrize("make", [plain, penalised])
def test_rounds_on_toys_are_alternating_rounds_on_new_data(make):
    class Toy:
        def sample(self, n, *, rng):
            return rng.standard_normal((n, D))

    ours, theirs = Table(make), Table(make)
    step = rounds_on_toys(
        ours.game, ours.their, ours.its, Toy(), minigen.Random(3, dtype="float64"), batch=N, noise=Z
    )
    found = step(2)

    random = minigen.Random(3, dtype="float64")
    batches = []
    for _ in range(2):
        x = Toy().sample(N, rng=random.generator)
        alpha = [random.uniform(N, 1)] if make is penalised else []
        batches.append([x, random.normal(N, Z), *alpha])
    z = [random.normal(N, Z)]
    expected = alternating_round(theirs.game, theirs.their, theirs.its, batches, z, k=2)
    assert [found["adversary"].item(), found["generator"].item()] == [loss.item() for loss in expected]
    for name, array in theirs.game.state_dict().items():
        assert np.array_equal(ours.game.state_dict()[name], array), name


# ----- where it runs ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [with_r1, penalised, convolutional, convolutional_critic])
def test_a_round_on_every_device(device, make):
    """The same three rounds as on the CPU, on device arrays."""
    outcomes = []
    for where in ("cpu", device.where):
        table = Table(make)
        table.their.release()
        table.its.release()
        table.game.to(where)
        theirs, its = optim.Adam(table.adversary, lr=1e-2), optim.Adam(table.generator, lr=1e-2)
        batch = tuple(minigen.to(a, where) for a in table.batch)
        for _ in range(3):
            alternating_round(table.game, theirs, its, [batch] * 2, [minigen.to(table.z, where)], k=2)
        outcomes.append(table.game.state_dict())
    for name, expected in outcomes[0].items():
        assert np.allclose(outcomes[1][name], expected, rtol=1e-9, atol=1e-12), name
