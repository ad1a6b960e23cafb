"""What is known in advance: active units, the weighted bound, the optimal discriminator, overlap counts."""

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigen
from minigen import metrics
from minigen.data import digits_split


def normal(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape)


# ----- latent variables -------------------------------------------------------------------------------------


def test_units_are_active_when_their_mean_moves():
    # variances over the data: 0, 0.25, 0.0090 and 0.0144, around the threshold of 0.01; the level is nothing
    mu = np.array([[5.0, 0.5, 0.095, 3.12], [5.0, -0.5, -0.095, 2.88]] * 3)
    assert metrics.active_units(mu).tolist() == [False, True, False, True]
    assert metrics.active_units(mu, threshold=0.001).tolist() == [False, True, True, True]


@given(seed=st.integers(0, 2**32 - 1), spread=st.floats(0.1, 30))
def test_the_bound_rises_with_the_number_of_weights(seed, spread):
    """Averaged over all subsets of k of the same weights it cannot fall in k: theorem 1 of Burda et al."""
    weights = spread * normal(seed, 5, 2)
    levels = []
    for k in range(1, 6):
        subsets = [metrics.importance_weighted_bound(weights[list(c)]) for c in combinations(range(5), k)]
        levels.append(np.mean(subsets))
    assert levels[0] == pytest.approx(weights.mean())  # one weight: the ELBO
    assert np.all(np.diff(levels) >= -1e-12)


def test_the_bound_on_a_model_with_a_known_likelihood():
    """p(z) = N(0, 1), p(x|z) = N(z, 1), x = 1, q the prior: 1 weight, 5 weights, and log p(x) = -1.5155."""
    z = normal(11, 5, 200_000)
    log_w = -0.5 * math.log(2 * math.pi) - 0.5 * (1 - z) ** 2
    for k, expected in ((1, -1.9189), (5, -1.5576)):
        # the spread of one input is 1.22 for k = 1, so five standard errors of 200 000 are 0.014
        assert metrics.importance_weighted_bound(log_w[:k]) == pytest.approx(expected, abs=0.014)
    assert metrics.importance_weighted_bound(log_w.reshape(-1, 1)) == pytest.approx(-1.5155, abs=0.003)


def test_the_bound_is_stable_and_knows_weights_of_zero():
    bound = metrics.importance_weighted_bound
    assert bound(np.full((4, 3), -1e5)) == pytest.approx(-1e5)
    assert bound([[-np.inf], [2.0]]) == pytest.approx(2 - math.log(2))
    assert bound([[-np.inf, 0.0], [-np.inf, 0.0]]) == -math.inf


def test_one_label_a_class_where_a_quarter_of_one_class_lies_on_the_other_side():
    pytest.importorskip("sklearn")
    labels = np.arange(40) % 2
    codes = np.where(labels == 0, -1.0, np.where(np.arange(40) < 30, 1.0, -3.0))

    def accuracy(draws, rng=0):
        return metrics.few_label_accuracy(codes, labels, codes, labels, 1, rng=rng, draws=draws)

    # shown 1.0 one misses the quarter at -3.0, shown -3.0 the three quarters at 1.0
    assert {accuracy(1, rng) for rng in range(20)} == {1 - 1 / 8, 1 - 3 / 8}
    assert accuracy(200) == pytest.approx(0.75 * (1 - 1 / 8) + 0.25 * (1 - 3 / 8), abs=0.03)  # 4 s.d.
    assert accuracy(20) == accuracy(20) != accuracy(20, rng=1)


@pytest.mark.parametrize(("per_class", "known"), [(1, 0.644), (10, 0.860)])
def test_few_labels_on_the_pixels_of_digits(per_class, known):
    pytest.importorskip("sklearn")
    train, labels, test, test_labels = digits_split()
    measured = metrics.few_label_accuracy(train, labels, test, test_labels, per_class, rng=0)
    # the draws of one label spread by .04, so 20 of them by .01
    assert measured == pytest.approx(known, abs=0.03 if per_class == 1 else 0.015)


# ----- facts ------------------------------------------------------------------------------------------------

LINE = np.linspace(-12, 20, 20001)


def log_normal(x, mean):
    return -0.5 * (x - mean) ** 2 - 0.5 * math.log(2 * math.pi)


@pytest.mark.parametrize(
    ("m", "value", "js", "bayes"),
    [
        (0, -1.38629, 0.0, 0.5),
        (1, -1.16345, 0.11142, 0.6915),
        (4, -0.12085, 0.63272, 0.9772),
        (8, -0.00019, 0.69305, 1.0),
    ],
)
def test_the_optimal_discriminator_of_two_normals(m, value, js, bayes):
    log_p, log_q = log_normal(LINE, 0), log_normal(LINE, m)
    measured = metrics.optimal_value(LINE, log_p, log_q)
    assert measured == pytest.approx(value, abs=6e-6)
    assert (measured + math.log(4)) / 2 == pytest.approx(js, abs=6e-6)
    best = metrics.optimal_discriminator(log_p, log_q)
    np.testing.assert_allclose(best, 1 / (1 + np.exp(m * LINE - m * m / 2)), rtol=1e-9)
    mixture = (np.exp(log_p) + np.exp(log_q)) / 2
    assert np.trapezoid(mixture * np.maximum(best, 1 - best), LINE) == pytest.approx(bayes, abs=6e-5)


@given(tilt=st.floats(-2, 2), m=st.floats(-3, 3))
def test_no_other_discriminator_reaches_more(tilt, m):
    log_p, log_q = log_normal(LINE, 0), log_normal(LINE, m)
    logits = log_p - log_q + tilt * np.cos(LINE)
    gain = -np.exp(log_p) * np.logaddexp(0, -logits) - np.exp(log_q) * np.logaddexp(0, logits)
    assert np.trapezoid(gain, LINE) <= metrics.optimal_value(LINE, log_p, log_q) + 1e-12


def test_far_tails_and_empty_places():
    log_p, log_q = (
        np.array([-1e4, -1e4, -np.inf, -np.inf, 0.0]),
        np.array([-1e4, -1e6, 0.0, -np.inf, -np.inf]),
    )
    assert metrics.optimal_discriminator(log_p, log_q).tolist() == [0.5, 1, 0, 0.5, 1]
    x = np.linspace(0, 4, 4001)
    with np.errstate(divide="ignore"):
        left, right = np.log(np.where(x < 1, 1.0, 0)), np.log(np.where(x > 3, 1.0, 0))
    assert metrics.optimal_value(x, left, right) == 0  # they do not meet: JS = ln 2


def test_the_best_critic_with_penalty_reports_too_much():
    """Uniform on [0, 1] and [2, 3]: W1 = 2,
    and integral (F - G)^2 = 1/3 + 1 + 1/3 over 2 lam r with r = 1/3.
    """
    x = np.linspace(0, 3, 30_001)
    p, q, between = (x < 1).astype(float), (x > 2).astype(float), np.full_like(x, 1 / 3)
    for lam in (0.5, 10):
        found = metrics.penalised_estimate(x, p, q, between, lam)
        assert found == pytest.approx(2 + (5 / 3) / (2 * lam / 3), rel=1e-4)


def test_rounding_in_the_tails_of_the_estimate_is_not_divided_by_nothing():
    wide, middle = np.linspace(-8, 16, 4801), np.abs(LINE) < 6
    found = []
    for x in (LINE[middle], wide):
        p, q, between = (np.exp(log_normal(x, m)) for m in (0, 1, 0.5))
        found.append(metrics.penalised_estimate(x, p, q, between, 10))
    assert found[1] == pytest.approx(found[0], rel=1e-5)


def test_no_other_critic_gains_more_than_its_estimate_less_its_penalty():
    p, q = np.exp(log_normal(LINE, 0)), np.exp(log_normal(LINE, 2))
    between, lam = np.exp(log_normal(LINE, 1)), 3
    best = metrics.penalised_estimate(LINE, p, q, between, lam)
    w1 = metrics.wasserstein_1d(LINE, LINE, x_weights=p, y_weights=q)

    def gain(slope):
        f = -np.cumsum(slope) * (LINE[1] - LINE[0])
        return np.trapezoid((p - q) * f - lam * between * (slope - 1) ** 2, LINE)

    gap = np.cumsum(p - q) * (LINE[1] - LINE[0])
    slope = 1 + np.where(np.abs(LINE - 1) < 6, gap / (2 * lam * between), 0)
    # the penalty is half of what is too much
    assert gain(slope) == pytest.approx(best - (best - w1) / 2, rel=2e-3)
    for bump in (0.2 * np.exp(-(LINE**2)), -0.2 * np.exp(-((LINE - 2) ** 2))):
        assert gain(slope + bump) < gain(slope)


@pytest.mark.parametrize(
    ("kernel", "stride", "counts"),
    [(3, 2, {1, 2, 4}), (5, 2, {4, 6, 9}), (4, 2, {4}), (2, 2, {1}), (6, 3, {4}), (5, 3, {1, 2, 4})],
)
def test_overlap_counts_of_transposed_convolutions(kernel, stride, counts):
    period = metrics.overlap_counts(kernel, stride)
    assert period.shape == (stride, stride) and set(period.ravel().tolist()) == counts


@pytest.mark.parametrize(
    ("kernel", "stride", "dilation"), [((3, 5), (2, 3), 1), ((4, 3), (3, 2), (2, 1)), ((2, 3), (3, 3), 2)]
)
def test_overlap_counts_are_what_a_transposed_convolution_of_ones_writes(kernel, stride, dilation):
    x, w = np.ones((1, 1, 9, 9)), np.ones((1, 1, *kernel))
    written = np.asarray(minigen.conv_transpose2d(x, w, stride=stride, dilation=dilation))[0, 0]
    period = metrics.overlap_counts(kernel, stride, dilation=dilation)
    rows, columns = (
        4 * stride[0],
        4 * stride[1],
    )  # a whole number of periods from the start, past any kernel here
    inside = written[rows : rows + 2 * stride[0], columns : columns + 2 * stride[1]]
    np.testing.assert_array_equal(inside, np.tile(period, (2, 2)))


# ----- input that cannot be measured ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: metrics.active_units([[1.0, 2.0]]), "mu has shape"),
        (
            lambda: metrics.few_label_accuracy(LINE, LINE > 0, LINE, LINE > 0, len(LINE), rng=0),
            "the rows of the smallest class",
        ),
        (
            lambda: metrics.few_label_accuracy(np.eye(2), [0, 1], np.eye(3), [0, 1, 1], 1, rng=0),
            "codes has 2 numbers a row, test_codes 3",
        ),
        (lambda: metrics.importance_weighted_bound([1.0, 2.0]), r"expected \(S, N\)"),
        (lambda: metrics.importance_weighted_bound([[np.nan]]), "log_weights holds NaN"),
        (lambda: metrics.importance_weighted_bound([[np.inf]]), "log_weights holds NaN or"),
        (lambda: metrics.optimal_discriminator([0.0], [0.0, 1.0]), "give both at the same points"),
        (lambda: metrics.optimal_discriminator([np.nan], [0.0]), "log_p holds NaN"),
        (lambda: metrics.optimal_value(LINE[::-1], LINE, LINE), "must rise"),
        (
            lambda: metrics.optimal_value(LINE, log_normal(LINE, 0), log_normal(LINE, 20)),
            "q integrates to 0.5 over the grid, expected 1",
        ),
        (lambda: metrics.penalised_estimate(LINE, LINE, LINE, LINE[1:], 1), "must be alike"),
        (lambda: metrics.penalised_estimate(LINE, LINE, LINE, LINE, 0), "lam 0 above 0"),
        (lambda: metrics.overlap_counts(3, 0), "stride 0, dilation 1: expected 1 or more"),
    ],
)
def test_bad_input_is_refused_with_the_reason(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()


def test_the_finest_share_of_a_checkerboard_is_all_and_of_a_wave_none():
    row, column = np.indices((8, 8))
    checkerboard = np.where((row + column) % 2, -1.0, 1.0)
    wave = np.cos(2 * np.pi * row / 8)  # with as much variance in half
    assert metrics.finest_share((3 + checkerboard)[None]) == pytest.approx(1)
    assert metrics.finest_share(wave[None]) == pytest.approx(0, abs=1e-12)
    # cos^2 has mean 1/2: three parts of variance 1, 1 and 1/2, of which the first two change sign each time
    stripes = np.where(column % 2, -1.0, 1.0)
    assert metrics.finest_share((checkerboard + stripes + wave)[None]) == pytest.approx(2 / 2.5)


def test_flat_images_have_no_finest_share():
    assert np.isnan(metrics.finest_share(np.ones((2, 8, 8))))
