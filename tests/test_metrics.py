"""The measures of samples against closed forms, published protocols, brute force and axioms."""

import math
from itertools import combinations, permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigen
from minigen import metrics
from minigen.data import digits_split

RING = np.array([[math.cos(2 * math.pi * i / 8), math.sin(2 * math.pi * i / 8)] for i in range(8)])
GRID = np.array([[a, b] for a in range(-4, 5, 2) for b in range(-4, 5, 2)], dtype=float)
EXACT = 1 - math.exp(-4.5)  # the share of a round normal within 3 sigma, in the plane

seeds = st.integers(0, 2**32 - 1)


def normal(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape)


# ----- modes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("centres", "sigma", "published"), [(RING, 0.01, 0.0015), (GRID, 0.05, 0.0050)])
def test_the_true_sampler_scores_what_the_protocol_says(centres, sigma, published):
    mean, deviation = metrics.mode_control(centres, sigma, trials=200, rng=7)
    modes = len(centres)
    assert mean.captured == modes and deviation.captured == 0
    # one run's share is binomial: sqrt(p (1 - p) / 2500) = 0.0021; five standard errors of the mean of 200
    assert abs(mean.high_quality - EXACT) < 5 * 0.0021 / math.sqrt(200)
    assert deviation.high_quality == pytest.approx(0.0021, rel=0.25)
    # 2 N KL is about chi^2 with K - 1 degrees: a relative spread of sqrt(2 / (K - 1)), 0.53 or 0.29 a run
    assert mean.reverse_kl == pytest.approx((modes - 1) / (2 * 2500 * EXACT), rel=5 * 0.53 / math.sqrt(200))
    assert mean.reverse_kl == pytest.approx(published, rel=0.2)
    assert mean.counts.sum() == pytest.approx(2500 * mean.high_quality)


@pytest.mark.parametrize(
    ("centres", "reached", "nats"),
    [(RING, 1, 2.079), (RING, 4, 0.693), (RING, 6, 0.288), (GRID, 1, 3.219), (GRID, 25, 0.0)],
)
def test_even_samples_on_m_of_k_modes_give_log_k_over_m(centres, reached, nats):
    coverage = metrics.mode_coverage(np.repeat(centres[:reached], 11, axis=0), centres, 0.05)
    assert coverage.captured == reached and coverage.high_quality == 1
    assert coverage.reverse_kl == pytest.approx(math.log(len(centres) / reached), abs=1e-12)
    assert coverage.reverse_kl == pytest.approx(nats, abs=5e-4)
    assert coverage.counts.tolist() == [11] * reached + [0] * (len(centres) - reached)


def test_the_nearest_mode_and_the_radius_are_measured_in_sigmas():
    centres, sigma = [[0.0, 0.0], [10.0, 0.0]], [[3.0, 1.0], [1.0, 1.0]]
    samples = [
        [6.0, 0.0],  # 2 sigmas from the wide mode, 4 from the narrow one, which is nearer in plain distance
        [0.0, 2.999],
        [0.0, 3.0],  # on the border: the protocol keeps what is strictly inside
        [10.0, 2.5],
        [10.0, 30.0],
    ]
    coverage = metrics.mode_coverage(samples, centres, sigma)
    assert coverage.counts.tolist() == [2, 1] and coverage.high_quality == 0.6
    wider = metrics.mode_coverage(samples, centres, sigma, within=10)
    assert wider.counts.tolist() == [3, 1]


def test_no_sample_near_any_mode_is_worse_than_collapse():
    lost = metrics.mode_coverage(np.full((5, 2), 50.0), RING, 0.01)
    assert (lost.captured, lost.high_quality, lost.reverse_kl) == (0, 0, math.inf)
    fine = metrics.mode_coverage(RING, RING, 0.01)
    mean, deviation = metrics.summary([lost, fine])
    assert mean.reverse_kl == deviation.reverse_kl == math.inf
    assert mean.captured == 4 and deviation.captured == pytest.approx(math.sqrt(32))
    assert mean.counts.tolist() == [0.5] * 8


@pytest.mark.parametrize("dimensions", range(1, 10))
@pytest.mark.parametrize("within", [0.7, 3.0])
def test_the_exact_share_is_the_integral_of_the_chi_density(dimensions, within):
    r = np.linspace(0, within, 20001)
    density = r ** (dimensions - 1) * np.exp(-(r**2) / 2)
    density /= 2 ** (dimensions / 2 - 1) * math.gamma(dimensions / 2)
    integral = np.trapezoid(density, r)  # step 1.5e-4: an error of order 1e-9
    assert metrics.true_high_quality(dimensions, within) == pytest.approx(integral, abs=1e-8)


def test_the_exact_share_in_the_plane_and_in_many_dimensions():
    assert metrics.true_high_quality(2) == pytest.approx(0.98889, abs=5e-6)
    assert 0 <= metrics.true_high_quality(1200, within=10) < 1e-12


@given(seed=seeds)
def test_the_order_of_samples_and_of_modes_does_not_matter(seed):
    rng = np.random.default_rng(seed)
    samples = metrics.true_sampler(RING[:5], 0.3, 40, rng=rng)
    first = metrics.mode_coverage(samples, RING, 0.1)
    order = rng.permutation(8)
    second = metrics.mode_coverage(rng.permutation(samples), RING[order], 0.1)
    assert first[:2] == second[:2] and first.reverse_kl == pytest.approx(second.reverse_kl, abs=1e-12)
    assert first.counts[order].tolist() == second.counts.tolist()


# ----- Wasserstein ------------------------------------------------------------------------------------------


@given(seed=seeds, n=st.integers(1, 6))
def test_sorting_finds_the_cheapest_assignment(seed, n):
    x, y = normal(seed, 2, n)
    cheapest = min(np.abs(x - y[list(order)]).mean() for order in permutations(range(n)))
    assert metrics.wasserstein_1d(x, y) == pytest.approx(cheapest, abs=1e-12)


def test_wasserstein_of_normals():
    half = (np.arange(20000) + 0.5) / 20000
    grid = np.linspace(-9, 9, 200001)
    cdf = np.cumsum(np.exp(-(grid**2) / 2))
    x = np.interp(half, cdf / cdf[-1], grid)  # the quantiles of N(0, 1)
    assert metrics.wasserstein_1d(x, x + 2) == pytest.approx(2, abs=1e-12)
    # N(0, 1) and N(0, s^2): E|x| |s - 1|, and E|x| = sqrt(2 / pi); the quantiles cut the tails by about 1e-4
    assert metrics.wasserstein_1d(x, -3 * x) == pytest.approx(2 * math.sqrt(2 / math.pi), abs=1e-3)
    rng = np.random.default_rng(3)
    drawn = metrics.wasserstein_1d(rng.standard_normal(20000), 2 + rng.standard_normal(15000))
    assert drawn == pytest.approx(2, abs=5 * math.sqrt(1 / 20000 + 1 / 15000))


@given(seed=seeds, n=st.integers(1, 7), m=st.integers(1, 7))
def test_unequal_sizes_and_weights_are_repetitions(seed, n, m):
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal(n), rng.standard_normal(m)
    plain = metrics.wasserstein_1d(x, y)
    assert plain == pytest.approx(metrics.wasserstein_1d(np.repeat(x, m), np.repeat(y, n)), abs=1e-12)
    times, others = rng.integers(1, 4, n), rng.integers(1, 4, m)
    weighted = metrics.wasserstein_1d(x, y, x_weights=times, y_weights=others)
    repeated = metrics.wasserstein_1d(np.repeat(x, times), np.repeat(y, others))
    assert weighted == pytest.approx(repeated, abs=1e-12)


@given(seed=seeds)
def test_wasserstein_is_a_metric(seed):
    rng = np.random.default_rng(seed)
    x, y, z = rng.standard_normal(5), rng.standard_normal(8), rng.standard_normal(3)
    w = metrics.wasserstein_1d
    assert w(x, rng.permutation(x)) == pytest.approx(0, abs=1e-14)
    assert w(x, y) > 0
    assert w(x, y) == pytest.approx(w(y, x), abs=1e-14)
    assert w(x, z) <= w(x, y) + w(y, z) + 1e-14
    assert w(-3 * x + 7, -3 * y + 7) == pytest.approx(3 * w(x, y), abs=1e-12)


def test_sliced_wasserstein_of_two_points_and_of_a_shift():
    # a shift by m moves every shadow by m u: SW1 = |m| E|u_1| = 2 |m| / pi in the plane, |m| / 2 in space
    for shift, expected in (([3.0, 4.0], 10 / math.pi), ([2.0, -1.0, 2.0], 1.5)):
        cloud = normal(1, 50, len(shift))
        for x in (np.zeros((1, len(shift))), cloud):
            measured = metrics.sliced_wasserstein(x, x + np.array(shift), rng=5, projections=20000)
            # std of |u_1| / mean 0.58 at most, 20000 draws
            assert measured == pytest.approx(expected, rel=0.02)


def test_sliced_wasserstein_on_a_line_is_wasserstein_and_the_seed_decides():
    x, y = normal(2, 9, 1), normal(3, 6, 1)
    sliced = metrics.sliced_wasserstein(x, y, rng=0, projections=3)
    assert sliced == pytest.approx(metrics.wasserstein_1d(x, y), abs=1e-14)
    x, y = normal(4, 9, 3), normal(5, 6, 3)
    first, again, other = (metrics.sliced_wasserstein(x, y, rng=seed) for seed in (1, 1, 2))
    assert first == again != other
    assert first == metrics.sliced_wasserstein(x, y, rng=minigen.Random(1))
    assert metrics.sliced_wasserstein(x, x[::-1], rng=1) == pytest.approx(0, abs=1e-14)


# ----- two samples ------------------------------------------------------------------------------------------


def test_over_all_ways_to_split_a_pool_the_accuracy_is_exactly_chance():
    pool, indices = normal(8, 8, 3), set(range(8))
    accuracies = []
    for chosen in combinations(range(8), 4):
        rest = sorted(indices - set(chosen))
        accuracies.append(metrics.two_sample_accuracy(pool[list(chosen)], pool[rest]).accuracy)
    assert np.mean(accuracies) == pytest.approx(3 / 7, abs=1e-12)  # (N - 1) / (2 N - 1) with N = 4


def test_the_two_sides_against_the_plain_definition():
    real, fake = normal(1, 23, 5), 0.6 * normal(2, 23, 5)
    pool, correct = np.concatenate([real, fake]), []
    for i, row in enumerate(pool):
        others = [j for j in range(46) if j != i]
        nearest = min(others, key=lambda j: np.linalg.norm(pool[j] - row))
        correct.append((nearest < 23) == (i < 23))
    result = metrics.two_sample_accuracy(real, fake)
    assert result == pytest.approx((np.mean(correct), np.mean(correct[:23]), np.mean(correct[23:])))
    assert result.real != result.fake


def test_copies_are_flagged_and_strangers_are_told_apart():
    x = normal(3, 30, 4)
    assert metrics.two_sample_accuracy(x, x) == (0, 0, 0)
    assert metrics.two_sample_accuracy(x, x + 1e-6) == (0, 0, 0)
    assert metrics.two_sample_accuracy(x, x + 100) == (1, 1, 1)


def test_equal_distances_count_by_their_share():
    same = np.zeros((7, 2))
    assert metrics.two_sample_accuracy(same, same) == pytest.approx((6 / 13, 6 / 13, 6 / 13))


@given(seed=seeds)
def test_two_sample_accuracy_knows_no_order_and_no_scale(seed):
    rng = np.random.default_rng(seed)
    real, fake = rng.integers(0, 3, (2, 9, 2)).astype(float)  # many ties
    first = metrics.two_sample_accuracy(real, fake)
    again = metrics.two_sample_accuracy(rng.permutation(real) * 2 + 1, rng.permutation(fake) * 2 + 1)
    assert first == pytest.approx(again)
    assert metrics.two_sample_accuracy(fake, real) == pytest.approx((first[0], first[2], first[1]))


def test_the_ladder_on_digits():
    train, _, test, _ = digits_split()
    pool = np.random.default_rng(0).permutation(train)
    real, other = pool[:500], pool[500:1000]
    # two halves of one set: binomial spread sqrt(0.25 / 1000) = 0.016, doubled since neighbours come in pairs
    assert metrics.two_sample_accuracy(real, other).accuracy == pytest.approx(0.5, abs=0.1)
    assert 0.65 < metrics.two_sample_accuracy(real, test).accuracy < 0.80  # other hands; recorded: 0.73
    noise = np.random.default_rng(1).random(real.shape)
    assert metrics.two_sample_accuracy(real, noise).accuracy > 0.99
    rungs = [metrics.frechet_distance(real, fake) for fake in (other, test, noise)]
    assert 0.05 < rungs[0] < 0.13 < rungs[1] < 0.2  # recorded: 0.07 (over draws to 0.12) and 0.15
    assert rungs[2] == pytest.approx(2.5, rel=0.15)


# ----- Frechet ----------------------------------------------------------------------------------------------


def covariance(seed, d):
    a = normal(seed, d, d + 2)
    return a @ a.T / d


def test_frechet_of_gaussians_with_known_distance():
    zero, cov = np.zeros(3), covariance(0, 3)
    assert metrics.gaussian_frechet(zero, cov, zero, cov) == pytest.approx(0, abs=1e-12)
    assert metrics.gaussian_frechet(zero, cov, [1, -2, 3], cov) == pytest.approx(14, abs=1e-12)
    a, b = np.array([1.0, 4.0, 9.0]), np.array([16.0, 4.0, 0.0])  # independent axes: (1-4)^2 + 0 + (3-0)^2
    assert metrics.gaussian_frechet(zero, np.diag(a), zero, np.diag(b)) == pytest.approx(18, abs=1e-12)
    assert metrics.gaussian_frechet(1.0, 4.0, 3.0, 25.0) == pytest.approx(13, abs=1e-12)


@given(seed=st.integers(0, 1000))
def test_frechet_agrees_with_the_eigenvalues_of_the_product_and_obeys_the_triangle(seed):
    means, covs = normal(seed, 3, 4), [covariance(seed + k, 4) for k in (1, 2, 3)]

    def distance(i, j):
        return metrics.gaussian_frechet(means[i], covs[i], means[j], covs[j])

    cross = np.sqrt(np.linalg.eigvals(covs[0] @ covs[1]).real).sum()  # C1 C2 is similar to C1^1/2 C2 C1^1/2
    expected = np.sum((means[0] - means[1]) ** 2) + np.trace(covs[0] + covs[1]) - 2 * cross
    assert distance(0, 1) == pytest.approx(expected, rel=1e-9)
    assert distance(0, 1) == pytest.approx(distance(1, 0), rel=1e-9)
    assert math.sqrt(distance(0, 2)) <= math.sqrt(distance(0, 1)) + math.sqrt(distance(1, 2)) + 1e-9


def test_frechet_distance_of_samples():
    x = normal(5, 40, 6) * [3, 2, 1, 1, 0.1, 0]  # a direction without any variance must not give NaN
    assert metrics.frechet_distance(x, x[::-1], components=6) == pytest.approx(0, abs=1e-10)
    shift = np.array([1.0, 2, 0, 0, 0, 2])
    assert metrics.frechet_distance(x, x + shift, components=6) == pytest.approx(9, abs=1e-10)
    scaled = metrics.frechet_distance(x, x.mean(0) + 2 * (x - x.mean(0)), components=6)
    assert scaled == pytest.approx(np.var(x, axis=0, ddof=1).sum(), rel=1e-10)  # (2 - 1)^2 tr C


def test_frechet_of_covariances_without_an_inverse():
    v, w = normal(1, 2, 6)  # rounding puts their empty directions on either side of 0
    distance = metrics.gaussian_frechet(np.zeros(6), np.outer(v, v), np.zeros(6), np.outer(w, w))
    assert distance == pytest.approx(v @ v + w @ w - 2 * abs(v @ w), abs=1e-6)


def test_the_pca_space_is_that_of_the_reference():
    reference = normal(6, 60, 3) * [5, 1, 0.01]
    samples = reference * [1, 1, 10_000]  # much alive where the reference is not
    flat = metrics.frechet_distance(reference, samples, components=2)
    assert flat < 0.1 < 9000 < metrics.frechet_distance(reference, samples, components=3)


# ----- input that cannot be measured ------------------------------------------------------------------------

X = np.arange(12.0).reshape(6, 2)
NAN = np.where(X == 5, np.nan, X)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: metrics.mode_coverage(X[:1], RING, 0.1), r"samples has shape \(1, 2\), expected at least 2"),
        (lambda: metrics.mode_coverage(NAN, RING, 0.1), "samples has 1 entries that are NaN or infinite"),
        (lambda: metrics.mode_coverage(X[:, :1], RING, 0.1), "samples has 1 numbers a row, centres 2"),
        (lambda: metrics.mode_coverage(X, RING, 0.0), "sigma is 0.0, expected standard deviations above 0"),
        (lambda: metrics.mode_coverage(X, RING, -1), "expected standard deviations above 0"),
        (lambda: metrics.mode_coverage(X, RING, np.nan), "expected standard deviations above 0"),
        (lambda: metrics.mode_coverage(X, RING, [1, 2, 3]), r"sigma has shape \(3,\)"),
        (lambda: metrics.mode_coverage(X, RING, 0.1, within=0), "within is 0"),
        (lambda: metrics.reverse_kl([1, -1]), "expected K numbers of 0 or more"),
        (lambda: metrics.reverse_kl([np.nan, 1]), "expected K numbers of 0 or more"),
        (lambda: metrics.summary([metrics.mode_coverage(X, RING, 1)]), "1 runs have no spread"),
        (lambda: metrics.true_high_quality(0), "dimensions is 0"),
        (lambda: metrics.wasserstein_1d([], [1.0]), r"x has shape \(0,\), expected at least 1 rows"),
        (lambda: metrics.wasserstein_1d(X, X), "x has 2 numbers a row, expected 1: see sliced_wasserstein"),
        (lambda: metrics.wasserstein_1d([np.inf], [1.0]), "NaN or infinite"),
        (lambda: metrics.wasserstein_1d([1, 2], [1], x_weights=[1]), "x_weights must be 2 numbers"),
        (lambda: metrics.wasserstein_1d([1, 2], [1], x_weights=[1, -1]), "of 0 or more"),
        (lambda: metrics.wasserstein_1d([1, 2], [1], y_weights=[0]), "y_weights must be 1 numbers"),
        (lambda: metrics.sliced_wasserstein(X, X[:, :1], rng=0), "x has 2 numbers a row, y 1"),
        (lambda: metrics.sliced_wasserstein(X, X, rng=0, projections=0), "projections is 0"),
        (lambda: metrics.two_sample_accuracy(X, X[:3]), "6 real and 3 fake samples"),
        (lambda: metrics.two_sample_accuracy(X[:1], X[:1]), "expected at least 2 rows"),
        (lambda: metrics.two_sample_accuracy(X, NAN), "fake has 1 entries that are NaN"),
        (lambda: metrics.frechet_distance(X, X), "components is 20, expected a whole number from 0 to 2"),
        (lambda: metrics.frechet_distance(X, X, components=0), "at least one direction"),
        (lambda: metrics.frechet_distance(X[:1], X), "reference has shape"),
        (lambda: metrics.gaussian_frechet([0, 0], np.eye(3), [0, 0], np.eye(3)), "do not fit cov1"),
        (
            lambda: metrics.gaussian_frechet([0, 0], np.eye(2), [0, 0], -np.eye(2)),
            "cov2 has the eigenvalue -1",
        ),
        (lambda: metrics.gaussian_frechet([0, 0], [[1, 1], [0, 1]], [0, 0], np.eye(2)), "not a finite symm"),
    ],
)
def test_bad_input_is_refused_with_the_reason(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()


def test_things_that_are_no_host_numbers_are_refused():
    with pytest.raises(TypeError, match="numpy"):
        metrics.two_sample_accuracy(minigen.Tensor(X), X)
    with pytest.raises(TypeError, match="real holds"):
        metrics.two_sample_accuracy([["a"], ["b"]], X)
    with pytest.raises(TypeError, match="give a seed or a generator"):
        metrics.sliced_wasserstein(X, X, rng=None)


# ----- log p(x) on a grid of codes --------------------------------------------------------------------------


def test_a_decoder_that_ignores_its_code_leaves_independent_pixels():
    rng = np.random.default_rng(0)
    logits, x = rng.normal(size=7), (rng.random((11, 7)) < 0.5).astype(float)
    known = (x @ logits - np.logaddexp(0, logits).sum()).mean()
    assert metrics.grid_log_likelihood(lambda z: np.tile(logits, (len(z), 1)), x) == pytest.approx(
        known, abs=2e-6
    )


def test_the_integral_is_the_mean_over_draws_of_the_prior():
    """-log p(x) for a curved decoder, beside log (1/S) sum_s p(x|z_s) with z ~ N(0, I): no grid."""
    rng = np.random.default_rng(1)
    weight, x = rng.normal(size=(2, 5)), (rng.random((13, 5)) < 0.5).astype(float)

    def decode(z):
        return 2 * np.tanh(z @ weight)

    logits = decode(rng.standard_normal((400_000, 2)))
    likely = x @ logits.T - np.logaddexp(0, logits).sum(axis=1)
    drawn = (np.logaddexp.reduce(likely, axis=1) - np.log(400_000)).mean()
    assert metrics.grid_log_likelihood(decode, x) == pytest.approx(drawn, abs=0.01)  # the draws leave 0.003
    assert metrics.grid_log_likelihood(decode, x, side=401) == pytest.approx(
        metrics.grid_log_likelihood(decode, x), abs=1e-6
    )


def test_logits_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"decode gave \(201, 2\) for 201 codes, expected \(201, 3\)"):
        metrics.grid_log_likelihood(lambda z: z, np.zeros((4, 3)))
