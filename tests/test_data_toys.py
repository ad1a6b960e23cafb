"""The clouds of points: that they are what the papers describe, mode by mode and moment by moment.

Bounds on statistics are five standard errors at the seed that is used, so they hold by a margin and fail for
a wrong constant: a sigma that is off by 5 %, a radius off by 1 %, one mode too few.
"""

import numpy as np
import pytest

from minigen import Random
from minigen.data import Curve, Mixture, circle, grid, moons, published, ring, spiral, swiss_roll
from minigen.metrics import mode_coverage

N = 20_000
TOYS = {
    "ring": ring(),
    "grid": grid(),
    "even grid": grid(even=True),
    "swiss roll": swiss_roll(),
    "moons": moons(),
    "spiral": spiral(3),
    "circle": circle(),
}


@pytest.mark.parametrize("toy", TOYS.values(), ids=TOYS)
def test_same_seed_same_bits(toy):
    x = toy.sample(101, rng=np.random.default_rng(3))
    assert x.shape == (101, 2) and x.dtype == np.float32
    for rng in (3, np.random.default_rng(3), Random(3)):
        np.testing.assert_array_equal(toy.sample(101, rng=rng), x)
    again, labels = toy.labelled(101, rng=3)
    np.testing.assert_array_equal(again, x)
    assert labels.shape == (101,)
    assert not np.array_equal(toy.sample(101, rng=4), x)
    double = toy.sample(101, rng=3, dtype=np.float64)
    assert double.dtype == np.float64
    np.testing.assert_array_equal(double.astype(np.float32), x)


# ----- mixtures ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "toy", [ring(8, radius=2.0, sigma=0.1), ring(7), grid(), grid(4, spacing=3, sigma=0.2)]
)
def test_each_mode_has_its_centre_its_sigma_and_its_share(toy):
    x, mode = toy.labelled(N, rng=0, dtype=np.float64)
    k = len(toy.centres)
    counts = np.bincount(mode, minlength=k)
    assert len(counts) == k and mode.dtype == np.int64
    assert np.abs(counts - N / k).max() < 5 * np.sqrt(N / k)
    for i in range(k):
        own = x[mode == i]
        assert np.abs(own.mean(axis=0) - toy.centres[i]).max() < 5 * toy.sigma / np.sqrt(len(own))
        assert np.abs(own.std(axis=0) / toy.sigma - 1).max() < 5 / np.sqrt(2 * len(own))
    correlation = np.corrcoef((x - toy.centres[mode]).T)[0, 1]
    assert abs(correlation) < 5 / np.sqrt(N)


@pytest.mark.parametrize("modes", [1, 2, 3, 7, 8, 25])
def test_a_ring_has_as_many_distinct_modes_as_it_says(modes):
    """The unrolled-GAN demo's angles, linspace(0, 2 pi, 8), put the last mode on the first."""
    centres = ring(modes, radius=3.0).centres
    np.testing.assert_allclose(np.hypot(*centres.T), 3.0, rtol=1e-14)
    np.testing.assert_allclose(centres[0], [3.0, 0.0])
    gaps = np.hypot(*(centres - np.roll(centres, 1, axis=0)).T)
    np.testing.assert_allclose(gaps, 2 * 3.0 * np.sin(np.pi / modes), atol=1e-12)
    counts = mode_coverage(ring(modes).sample(N, rng=0), ring(modes).centres, 0.05).counts
    assert counts.min() > 0.8 * N / modes  # a double mode would leave the other one half of its points


def test_centres_that_coincide_are_refused_with_the_trap_named():
    angles = np.linspace(0, 2 * np.pi, 8)
    demo = np.stack([np.sin(angles), np.cos(angles)], axis=1)
    with pytest.raises(ValueError, match=r"centres 0 and 7 coincide.*fewer than 8.*endpoint=False"):
        Mixture(demo, 0.01)
    assert len(Mixture(demo[:-1], 0.01).centres) == 7


def test_the_grid_is_the_published_lattice():
    line = [-4, -2, 0, 2, 4]
    assert sorted(map(tuple, grid().centres.tolist())) == [(x, y) for x in line for y in line]
    assert grid(2, spacing=1.0).centres.tolist() == [[-0.5, -0.5], [-0.5, 0.5], [0.5, -0.5], [0.5, 0.5]]


@pytest.mark.parametrize("n, least, most", [(100, 4, 4), (103, 4, 5), (7, 0, 1)])
def test_even_counts_are_even_and_in_random_order(n, least, most):
    _, mode = grid(even=True).labelled(n, rng=0)
    counts = np.bincount(mode, minlength=25)
    assert counts.sum() == n and counts.min() == least and counts.max() == most
    assert mode.tolist() != sorted(mode)


@pytest.mark.parametrize("name", ["pacgan-ring", "pacgan-grid", "wgan-gp-8gaussians", "wgan-gp-25gaussians"])
def test_the_data_reach_what_a_perfect_sampler_reaches(name):
    """All modes, 98.89 % of high quality: 1 - exp(-9/2), within five standard
    errors; see metrics.mode_control.
    """
    toy = published(name).data
    coverage = mode_coverage(toy.sample(N, rng=0), toy.centres, toy.sigma)
    assert coverage.captured == len(toy.centres)
    assert abs(coverage.high_quality - 0.98889) < 5 * np.sqrt(0.98889 * 0.01111 / N)
    assert coverage.reverse_kl < 0.003


def test_a_mixture_of_any_width_and_its_centres_stay_as_they_are():
    start = np.array([[0.0], [4.0]])
    line = Mixture(start, 1.0)
    assert line.sample(5, rng=0).shape == (5, 1)
    start[0] = 9.0
    assert line.centres.tolist() == [[0.0], [4.0]]
    with pytest.raises(ValueError, match="read-only"):
        line.centres[0] = 1.0


# ----- curves -----------------------------------------------------------------------------------------------


def test_the_swiss_roll_is_scikit_learns_seen_from_the_side():
    datasets = pytest.importorskip("sklearn.datasets")
    points, angle = datasets.make_swiss_roll(500, noise=0.0, random_state=0)
    u = np.random.RandomState(0).uniform(size=500)
    ours, t = swiss_roll().path(u)
    np.testing.assert_allclose(ours * 7.5, points[:, [0, 2]], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(t, angle)


def test_the_swiss_roll_has_the_moments_of_its_formula():
    """With t ~ U[a, b], a = 1.5 pi, b = 4.5 pi: E t^2 = (a^2 + a b + b^2) / 3, plus 0.25^2 on each axis."""
    x, t = swiss_roll().labelled(N, rng=0, dtype=np.float64)
    a, b = 1.5 * np.pi, 4.5 * np.pi
    assert a <= t.min() < a + 0.01 and b - 0.01 < t.max() < b
    squares = (x**2).sum(axis=1) * 7.5**2
    assert abs(squares.mean() - ((a * a + a * b + b * b) / 3 + 2 * 0.25**2)) < 5 * squares.std() / np.sqrt(N)
    off = 7.5 * x - np.stack([t * np.cos(t), t * np.sin(t)], axis=1)
    assert np.abs(off.std(axis=0) / 0.25 - 1).max() < 5 / np.sqrt(2 * N)
    assert np.all(np.abs(x.std(axis=0) - 1) < 0.15)  # "stdev plus a little", says gan_toy.py of the 7.5


def test_the_moons_are_two_half_circles_of_the_published_shape():
    points, moon = moons(noise=0.0).labelled(N, rng=0, dtype=np.float64)
    assert abs(moon.mean() - 0.5) < 5 * 0.5 / np.sqrt(N)
    upper, lower = points[moon == 0], points[moon == 1]
    np.testing.assert_allclose(np.hypot(*upper.T), 1.0)
    np.testing.assert_allclose(np.hypot(*(lower - [1.0, 0.5]).T), 1.0)
    assert upper[:, 1].min() >= 0 and lower[:, 1].max() <= 0.5
    # sd of sin on a half circle: 0.308
    assert abs(upper[:, 1].mean() - 2 / np.pi) < 5 * 0.31 / np.sqrt(len(upper))
    assert abs(lower[:, 1].mean() - (0.5 - 2 / np.pi)) < 5 * 0.31 / np.sqrt(len(lower))
    noisy = moons(noise=0.1).sample(N, rng=0, dtype=np.float64) - moons(noise=0).sample(
        N, rng=0, dtype=np.float64
    )
    assert np.abs(noisy.std(axis=0) / 0.1 - 1).max() < 5 / np.sqrt(2 * N)


@pytest.mark.parametrize("arms, turns", [(1, 2.0), (2, 1.5), (3, 0.5)])
def test_the_spiral_fills_the_unit_disc_evenly_arm_by_arm(arms, turns):
    x, arm = spiral(arms, turns=turns, noise=0.0).labelled(N, rng=0, dtype=np.float64)
    counts = np.bincount(arm)
    assert len(counts) == arms and np.abs(counts - N / arms).max() < 5 * np.sqrt(N / arms)
    squares = (x**2).sum(axis=1)
    assert squares.max() <= 1 and abs(squares.mean() - 0.5) < 5 * np.sqrt(1 / 12 / N)  # r^2 ~ U[0, 1)
    assert abs(squares.std() - np.sqrt(1 / 12)) < 0.005
    r = np.sqrt(squares)
    turned = np.arctan2(x[:, 1], x[:, 0]) - 2 * np.pi * (turns * r + arm / arms)
    np.testing.assert_allclose(np.cos(turned[r > 1e-3]), 1.0, atol=1e-9)


def test_the_circle_has_its_radius():
    x, t = circle(radius=2.0, noise=0.3).labelled(N, rng=0, dtype=np.float64)
    squares = (x**2).sum(axis=1)
    assert abs(squares.mean() - (4 + 2 * 0.3**2)) < 5 * squares.std() / np.sqrt(N)
    assert np.abs(x.mean(axis=0)).max() < 5 * x.std() / np.sqrt(N)
    off = x - 2 * np.stack([np.cos(t), np.sin(t)], axis=1)
    assert np.abs(off.std(axis=0) / 0.3 - 1).max() < 5 / np.sqrt(2 * N)


@pytest.mark.parametrize("toy", [toy for toy in TOYS.values() if isinstance(toy, Curve)])
def test_the_line_can_be_drawn_from_end_to_end(toy):
    points, labels = toy.path(np.linspace(0, 1, 50))
    assert points.shape == (50, 2) and labels.shape == (50,) and np.isfinite(points).all()


# ----- as the papers have them ------------------------------------------------------------------------------


def test_published_data_are_those_of_the_papers_code():
    toy, points, batch, source = published("pacgan-ring")
    assert (points, batch, toy.sigma, toy.even) == (100_000, 100, 0.01, False) and "PacGAN" in source
    i = np.arange(8)
    np.testing.assert_allclose(toy.centres.T, [np.cos(2 * np.pi * i / 8), np.sin(2 * np.pi * i / 8)])

    toy, points, batch, _ = published("pacgan-grid")
    assert (points, batch, toy.sigma, toy.even) == (100_000, 100, 0.05, False)
    np.testing.assert_array_equal(toy.centres, grid().centres)

    toy, points, batch, source = published("wgan-gp-8gaussians")
    assert (points, batch, toy.sigma) == (None, 256, 0.02 / 1.414) and "gan_toy.py" in source
    h = 2 / np.sqrt(2)
    theirs = [(2, 0), (h, h), (0, 2), (-h, h), (-2, 0), (-h, -h), (0, -2), (h, -h)]
    np.testing.assert_allclose(toy.centres * 1.414, theirs, atol=1e-12)

    toy, points, batch, _ = published("wgan-gp-25gaussians")
    assert (points, batch, toy.even) == (100_000, 256, True)
    np.testing.assert_allclose(toy.centres * 2.828, grid().centres)
    np.testing.assert_allclose(toy.sigma * 2.828, 0.05)
    assert set(np.bincount(toy.labelled(points, rng=0)[1])) == {4000}

    toy, points, batch, _ = published("wgan-gp-swissroll")
    assert (points, batch, toy.noise) == (None, 256, 0.25 / 7.5)


def test_the_published_scales_make_a_spread_of_about_one():
    """Which is why the code divides by 1.414, 2.828 and 7.5 ("stdev", "stdev plus a little")."""
    for name, low, high in (
        ("8gaussians", 0.99, 1.01),
        ("25gaussians", 0.99, 1.01),
        ("swissroll", 0.85, 1.0),
    ):
        spread = published(f"wgan-gp-{name}").data.sample(N, rng=0).std(axis=0)
        assert low < spread.min() and spread.max() < high, name


# ----- bad input --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: ring(0), "modes is 0, expected a whole number of 1 or more"),
        (lambda: ring(2.5), "modes is 2.5, expected a whole number"),
        (lambda: ring(radius=-1.0), "radius is -1.0, expected a number above 0"),
        (lambda: ring(sigma=0.0), "sigma is 0.0, expected a number above 0"),
        (lambda: grid(True), "side is True, expected a whole number"),
        (lambda: grid(spacing=float("nan")), "spacing is nan, expected a number above 0"),
        (lambda: Mixture([[np.nan, 0.0]], 1.0), "centres has 1 entries that are NaN"),
        (lambda: swiss_roll(noise=-0.1), "noise is -0.01.*expected a standard deviation of 0 or more"),
        (lambda: swiss_roll(unit=0), "unit is 0, expected a number above 0"),
        (lambda: spiral(0), "arms is 0, expected a whole number of 1 or more"),
        (lambda: spiral(turns=0.0), "turns is 0.0, expected a number above 0"),
        (lambda: moons(noise=float("inf")), "noise is inf, expected a standard deviation"),
        (lambda: circle(radius=0), "radius is 0, expected a number above 0"),
        (lambda: ring().sample(0, rng=0), "n is 0, expected a whole number of 1 or more"),
        (lambda: moons().sample(2.0, rng=0), "n is 2.0, expected a whole number of 1 or more"),
        (lambda: published("pacgan-rong"), "'pacgan-rong' .did you mean pacgan-ring.*there are .*swissroll"),
        (lambda: published("x"), "no data called .x.: there are"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_a_sentence(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("toy", [ring(), moons()])
def test_wrong_kinds_are_refused_too(toy):
    with pytest.raises(TypeError, match="dtype is int64, expected float32 or float64"):
        toy.sample(5, rng=0, dtype=np.int64)
    with pytest.raises(TypeError, match="rng is None: give a seed or a generator"):
        toy.sample(5, rng=None)
