"""The baselines against closed forms, recorded figures on digits, and what they are meant to maximise."""

import math
import sys
from itertools import product

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

import minigen
from minigen import baselines, metrics
from minigen.data import digits_split

TRAIN, _, TEST, _ = digits_split()
BITS, NEW_BITS = TRAIN >= 0.5, TEST >= 0.5


@pytest.fixture(autouse=True)
def one_thread():
    """Small products gain nothing from threads, and lose minutes where cores are shared."""
    with threadpool_limits(1):
        yield


def normal(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape)


def log_density(x, mean, covariance):
    """The textbook formula of the normal density, with an explicit inverse."""
    d = x - mean
    square = np.einsum("ni,ij,nj->n", d, np.linalg.inv(covariance), d)
    return -0.5 * (len(mean) * math.log(2 * math.pi) + np.linalg.slogdet(covariance)[1] + square)


# ----- subspaces --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("components", "train", "test"),
    [(2, 0.05289, 0.05194), (8, 0.02382, 0.02481), (16, 0.01089, 0.01217)],
)
def test_pca_reaches_the_recorded_errors_on_digits(components, train, test):
    pca = baselines.PCA(TRAIN, components)
    assert pca.error(TRAIN) == pytest.approx(train, abs=6e-6)
    assert pca.error(TEST) == pytest.approx(test, abs=6e-6)
    assert pca.error(TRAIN) == pytest.approx(pca.variances[components:].sum() / 64, rel=1e-9)
    difference = pca.reconstruct(TEST) - TEST.reshape(-1, 64)
    assert pca.error(TEST) == pytest.approx(np.mean(difference**2), rel=1e-9)


def test_the_mean_image_on_digits():
    mean = baselines.MeanImage(TRAIN)
    assert mean.error(TEST) == pytest.approx(0.07340, abs=6e-6)
    np.testing.assert_allclose(
        mean.reconstruct(TEST[:2]), np.tile(TRAIN.reshape(-1, 64).mean(0), (2, 1)), atol=1e-7
    )


def test_no_other_plane_reconstructs_better():
    x = normal(0, 50, 5) @ normal(1, 5, 5)
    pca, centred = baselines.PCA(x, 2), x - x.mean(axis=0)
    for seed in range(20):
        turned = np.linalg.qr(pca.axes + 0.1 * normal(seed, 5, 2))[0]
        assert np.mean((centred - centred @ turned @ turned.T) ** 2) > pca.error(x)


@pytest.mark.parametrize("damage", [{"sigma": 0.7}, {"keep": 0.3}, {"keep": 1.0}])
def test_wiener_is_the_least_squares_line_over_all_damages(damage):
    x = normal(7, 40, 3) @ normal(8, 3, 3) + 1.5
    # (8, 3): every mask, or noise with its second moments
    signs = np.array(list(product([0.0, 1.0], repeat=3)))
    if "sigma" in damage:
        y, chance = x[:, None] + 0.7 * (2 * signs - 1), np.full(8, 1 / 8)
    else:
        kept = signs.sum(axis=1)
        y, chance = x[:, None] * signs, damage["keep"] ** kept * (1 - damage["keep"]) ** (3 - kept)
    clean, y = np.repeat(x, 8, axis=0), y.reshape(-1, 3)  # (40, 8, 3) -> (320, 3)
    root = np.sqrt(np.tile(chance, 40))[:, None]
    line = np.linalg.lstsq(root * np.column_stack([np.ones(320), y]), root * clean, rcond=None)[0]
    np.testing.assert_allclose(
        baselines.Wiener(x, **damage).restore(y), np.column_stack([np.ones(320), y]) @ line, atol=1e-9
    )


# 32 000 noisy pixels leave an error that spreads by 0.7 % from draw to draw
@pytest.mark.parametrize(("sigma", "recorded"), [(0.3, 0.02350), (0.5, 0.03717)])
def test_wiener_reaches_the_recorded_errors_on_digits(sigma, recorded):
    clean = TEST.reshape(-1, 64)
    restored = baselines.Wiener(TRAIN, sigma=sigma).restore(clean + sigma * normal(9, *clean.shape))
    assert np.mean((restored - clean) ** 2) == pytest.approx(recorded, rel=0.02)


def test_principal_angles_that_are_known():
    angles = [1e-11, 0.3, math.pi / 2]
    u = np.eye(7)[:, :3]
    v = np.zeros((7, 3))
    for k, angle in enumerate(angles):
        v[k, k], v[k + 3, k] = math.cos(angle), math.sin(angle)
    turn = np.linalg.qr(normal(0, 7, 7))[0]
    measured = baselines.principal_angles(turn @ u @ normal(1, 3, 3), turn @ v @ normal(2, 3, 3))
    np.testing.assert_allclose(measured, angles, atol=1e-14, rtol=1e-12)


def test_pca_spans_what_the_singular_vectors_span():
    rows = TRAIN.reshape(-1, 64).astype(float)
    right = np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)[2]
    assert baselines.principal_angles(baselines.PCA(TRAIN, 8).axes, right[:8].T).max() < 1e-10
    assert baselines.principal_angles(baselines.PCA(TRAIN, 8).axes, right[1:9].T).max() > 1.5


# ----- probabilistic PCA ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("components", "train", "test"), [(2, -0.247604, 0.262), (10, 17.566771, 16.10)])
def test_ppca_reaches_the_recorded_likelihoods_on_digits(components, train, test):
    model = baselines.PPCA(TRAIN, components)
    assert model.log_likelihood(TRAIN).mean() == pytest.approx(train, abs=1e-6)
    assert model.log_likelihood(TEST).mean() == pytest.approx(test, abs=6e-3 if components == 10 else 6e-4)
    kept, rest = model.variances[:components], 64 - components  # Tipping and Bishop: the value at the maximum
    closed = -0.5 * (64 * math.log(2 * math.pi) + np.log(kept).sum() + rest * math.log(model.noise) + 64)
    assert model.log_likelihood(TRAIN).mean() == pytest.approx(closed, abs=1e-9)


@pytest.mark.parametrize("noise", [None, 0.9])
def test_ppca_is_the_normal_density_of_its_covariance_and_the_elbo_is_tight(noise):
    x = normal(0, 60, 5) @ np.diag([3, 2, 1, 0.5, 0.2]) + 4
    model = baselines.PPCA(x, 3, noise=noise)
    assert model.active == (3 if noise is None else 2)
    c = model.weight @ model.weight.T + model.noise * np.eye(5)
    new = normal(1, 7, 5)
    exact = log_density(new, x.mean(axis=0), c)
    np.testing.assert_allclose(model.log_likelihood(new), exact, rtol=1e-12)

    # the ELBO of the linear VAE with this encoder, every term in closed form
    mu, variance = model.posterior(new)
    residual = new - model.mean - mu @ model.weight.T
    spread = (residual**2).sum(axis=1) + (model.weight**2 @ variance).sum()
    likelihood = -0.5 * (5 * math.log(2 * math.pi * model.noise) + spread / model.noise)
    kl = 0.5 * (variance + mu**2 - 1 - np.log(variance)).sum(axis=1)
    np.testing.assert_allclose(likelihood - kl, exact, rtol=1e-12)


def test_draws_from_ppca_have_its_covariance():
    model = baselines.PPCA(normal(0, 60, 3) * [5, 3, 1], noise=4.0)
    exact = model.weight @ model.weight.T + 4 * np.eye(3)
    drawn = np.cov(model.sample(100_000, rng=2).T)
    # five standard errors: 5 sqrt(2 / 100 000)
    np.testing.assert_allclose(drawn, exact, atol=0.03 * exact.max())


def test_ppca_is_a_maximum():
    x = normal(0, 60, 5) @ np.diag([3, 2, 1, 0.5, 0.2])
    model = baselines.PPCA(x, 2)
    best = model.log_likelihood(x).mean()
    for seed in range(20):
        weight = model.weight + 0.05 * normal(seed, 5, 2)
        noise = model.noise * math.exp(0.1 * normal(seed + 50, 1)[0])
        assert log_density(x, model.mean, weight @ weight.T + noise * np.eye(5)).mean() < best


@pytest.mark.parametrize(("noise", "active"), [(0.01, 40), (0.05, 18), (0.2, 6), (0.5, 3)])
def test_the_staircase_of_active_units_on_digits(noise, active):
    model = baselines.PPCA(TRAIN, noise=noise)
    assert model.active == model.weight.shape[1] == active
    forced = baselines.PPCA(TRAIN, 50, noise=noise)  # asked for more, the rest collapses to the prior
    assert forced.active == active and not forced.weight[:, active:].any()
    mu, variance = forced.posterior(TEST)
    assert not mu[:, active:].any() and np.all(variance[active:] == 1)
    np.testing.assert_allclose(forced.log_likelihood(TEST), model.log_likelihood(TEST), rtol=1e-10)


# ----- densities of real numbers ----------------------------------------------------------------------------


def test_the_gaussian_is_its_formula_and_a_maximum():
    x = normal(0, 40, 3) @ normal(1, 3, 3) + 2
    model = baselines.Gaussian(x, floor=0)
    mean, covariance = x.mean(axis=0), np.cov(x.T, ddof=0)
    np.testing.assert_allclose(model.log_likelihood(x), log_density(x, mean, covariance), rtol=1e-10)
    for scale in (0.95, 1.05):
        assert log_density(x, mean, covariance * scale).mean() < model.log_likelihood(x).mean()
    np.testing.assert_allclose(baselines.Gaussian(x, floor=0.5).covariance, covariance + 0.5 * np.eye(3))


def mixture(x, components, **options):
    pytest.importorskip("sklearn")
    return baselines.GaussianMixture(x, components, **{"rng": 0, **options})


@pytest.mark.parametrize(
    "fit",
    [baselines.Gaussian, lambda x: baselines.PPCA(x, 2), lambda x: mixture(x, 2)],
    ids=["full", "ppca", "two"],
)
def test_samples_have_the_moments_of_what_was_fitted(fit):
    x = normal(0, 400, 3) @ normal(1, 3, 3) + [5, 0, -5]
    model = fit(x)
    drawn = model.sample(100_000, rng=1)
    # five standard errors of a mean of 100 000 are 0.016 of the spread; a second moment has twice that
    spread = np.sqrt(np.diag(np.cov(x.T)))
    assert np.all(np.abs(drawn.mean(axis=0) - x.mean(axis=0)) < 0.016 * spread)
    np.testing.assert_array_less(
        np.abs(np.cov(drawn.T) - np.cov(x.T, ddof=0)), 0.035 * np.outer(spread, spread)
    )
    np.testing.assert_array_equal(model.sample(5, rng=3), model.sample(5, rng=np.random.default_rng(3)))
    np.testing.assert_array_equal(model.sample(5, rng=3), model.sample(5, rng=minigen.Random(3)))
    assert np.any(model.sample(5, rng=3) != model.sample(5, rng=4))


def test_one_component_is_the_gaussian_and_several_sum_by_their_weights():
    x = np.concatenate([normal(0, 60, 2), normal(1, 90, 2) @ [[2, 1], [0, 0.5]] + 4])
    for floor in (1e-6, 0.5):
        one, plain = mixture(x, 1, floor=floor), baselines.Gaussian(x, floor=floor)
        np.testing.assert_allclose(one.log_likelihood(x), plain.log_likelihood(x), rtol=1e-9)
    three = mixture(x, 3)
    each = [log_density(x, m, c) for m, c in zip(three.means, three.covariances, strict=True)]
    total = np.logaddexp.reduce(np.log(three.weights)[:, None] + each, axis=0)
    np.testing.assert_allclose(three.log_likelihood(x), total, rtol=1e-9)
    assert three.log_likelihood(x).mean() > baselines.Gaussian(x).log_likelihood(x).mean() + 0.2
    np.testing.assert_array_equal(three.means, mixture(x, 3).means)


def test_what_a_mixture_restores():
    x = np.concatenate([normal(10, 60, 2) + [3, 0], normal(11, 60, 2) * [0.3, 1]])
    one = baselines.GaussianMixture(x, 1, rng=0, floor=0)
    np.testing.assert_allclose(one.restore(x, 0.8), baselines.Wiener(x, sigma=0.8).restore(x), atol=1e-9)
    two, y = baselines.GaussianMixture(x, 2, rng=0), x[::10]

    def log_density_of_noisy(y):
        parts = [
            log_density(y, m, c + 0.64 * np.eye(2)) for m, c in zip(two.means, two.covariances, strict=True)
        ]
        return np.log(two.weights @ np.exp(parts))

    for step in 1e-5 * np.eye(2):
        slope = (log_density_of_noisy(y + step) - log_density_of_noisy(y - step)) / 2e-5
        np.testing.assert_allclose((two.restore(y, 0.8) - y) @ step / 1e-5 / 0.64, slope, rtol=1e-6)


def test_the_rungs_of_the_ladder_that_baselines_stand_on():
    """Against 500 train digits: a full Gaussian, mixtures of 10, of 30; recorded .912, .708, .520."""
    real = np.random.default_rng(0).permutation(TRAIN)[:500]
    models = [baselines.Gaussian(TRAIN)] + [mixture(TRAIN, k) for k in (10, 30)]
    told, far = np.zeros((2, 3, 3))
    for draw in range(3):
        for k, model in enumerate(models):
            fake = np.clip(model.sample(500, rng=draw), 0, 1)  # pixels end at 0 and 1
            told[draw, k] = metrics.two_sample_accuracy(real, fake).accuracy
            far[draw, k] = metrics.frechet_distance(real, fake)
    # the means of twelve repetitions with fresh data, fits and draws; one repetition strays by 0.02 and 0.01
    assert told.mean(axis=0) == pytest.approx([0.917, 0.687, 0.546], abs=0.06)
    assert far.mean(axis=0) == pytest.approx([0.221, 0.123, 0.087], abs=0.03)


def test_a_missing_scikit_learn_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(ImportError, match=r"scikit-learn.*not installed.*\.\[baselines\]"):
        baselines.GaussianMixture(normal(0, 9, 2), 2, rng=0)


# ----- densities of zeros and ones --------------------------------------------------------------------------


def test_independent_pixels_on_digits():
    model = baselines.IndependentBernoulli(BITS)
    assert model.log_likelihood(NEW_BITS).mean() == pytest.approx(-24.912, abs=5e-4)
    ones = BITS.reshape(-1, 64).sum(axis=0)
    np.testing.assert_allclose(model.theta[0], (ones + 1) / (len(BITS) + 2), rtol=1e-12)


@pytest.mark.parametrize(("components", "recorded"), [(5, -21.37), (10, -19.76), (20, -18.68), (50, -18.42)])
def test_bernoulli_mixtures_on_digits(components, recorded):
    models = [baselines.BernoulliMixture(BITS, components, rng=seed) for seed in range(5)]
    best = max(models, key=lambda model: model.trace[-1])
    # different starts end in different maxima, 0.15 to 0.5 nats apart on new digits (30 starts)
    assert best.log_likelihood(NEW_BITS).mean() == pytest.approx(recorded, abs=0.3)


@pytest.mark.parametrize("smoothing", [0.01, 1.0])
def test_expectation_maximisation_never_falls(smoothing):
    model = baselines.BernoulliMixture(BITS[:300], 7, rng=0, smoothing=smoothing)
    assert len(model.trace) > 5 and model.trace[-1] > model.trace[0] + 100
    assert np.all(np.diff(model.trace) > -1e-9 * abs(model.trace[0]))
    prior = smoothing * np.log(model.theta * (1 - model.theta)).sum()
    assert model.trace[-1] == pytest.approx(model.log_likelihood(BITS[:300]).sum() + prior, rel=1e-12)


def test_all_binary_images_together_have_probability_one_and_are_drawn_that_often():
    every = np.array(list(product([0, 1], repeat=4)))
    often = np.repeat([[1, 1, 1, 0], [0, 0, 0, 0], [0, 1, 0, 0]], [8, 3, 1], axis=0)
    model = baselines.BernoulliMixture(often, 2, rng=2)
    p = np.exp(model.log_likelihood(every))
    assert p.sum() == pytest.approx(1, abs=1e-12)
    drawn = model.sample(100_000, rng=5)
    assert set(np.unique(drawn)) == {0.0, 1.0}
    share = np.bincount((drawn @ [8, 4, 2, 1]).astype(int), minlength=16) / 100_000
    np.testing.assert_allclose(share, p, atol=5 * 0.5 / math.sqrt(100_000))


def test_no_two_components_start_at_the_same_row():
    for seed in range(5):
        model = baselines.BernoulliMixture(np.eye(5), 5, rng=seed)
        assert len(np.unique(model.theta.round(6), axis=0)) == 5


def test_two_planted_clusters_are_found_even_in_many_dimensions():
    rng = np.random.default_rng(1)
    theta = np.where(rng.random((2, 4000)) < 0.5, 0.1, 0.9)
    which = np.repeat([0, 1], [30, 90])
    x = rng.random((120, 4000)) < theta[which]  # products of 4000 probabilities: far below the smallest float
    model = baselines.BernoulliMixture(x, 2, rng=1)
    order = np.argsort(model.weights)
    np.testing.assert_allclose(model.weights[order], [0.25, 0.75], atol=1e-9)
    assert np.abs(model.theta[order] - theta).mean() < 0.05  # about sqrt(0.09 / 30) for the smaller cluster
    assert np.all(np.isfinite(model.log_likelihood(x)))


def test_components_without_images_stay_out():
    x = np.zeros((6, 3))  # six equal rows for six components: nothing tells them apart, and nothing breaks
    model = baselines.BernoulliMixture(x, 6, rng=0)
    model.weights = np.array([1.0, 0, 0, 0, 0, 0])
    assert model.log_likelihood(x) == pytest.approx(3 * np.log1p(-model.theta[0, 0]) * np.ones(6))


# ----- input that cannot be fitted --------------------------------------------------------------------------

X = np.arange(12.0).reshape(6, 2)
FLAT = np.outer(np.arange(6.0), [1, 2, 3])  # on a line: beyond one component nothing varies


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: baselines.PCA(X, 3), "components is 3, expected a whole number from 0 to 2"),
        (lambda: baselines.PCA(X, 1.5), "components is 1.5, expected a whole number"),
        (lambda: baselines.PCA(X[:1], 1), r"x has shape \(1, 2\), expected at least 2 rows"),
        (lambda: baselines.PCA(X, 1).error(X[:, :1]), "x has 1 numbers a row, the fitted data 2"),
        (lambda: baselines.PCA(X, 1).error(np.full((1, 2), np.nan)), "x has 2 entries that are NaN"),
        (lambda: baselines.principal_angles(X, X[:, :1]), "expected the same shape"),
        (lambda: baselines.principal_angles(X.T, X.T), "K <= D"),
        (lambda: baselines.principal_angles(FLAT, FLAT), "3 columns of u span a space of fewer dimensions"),
        (lambda: baselines.Wiener(X), "Wiener needs the damage: either sigma=, of the noise, or keep="),
        (lambda: baselines.Wiener(X, sigma=-1), "sigma is -1, expected a standard deviation above 0"),
        (lambda: baselines.Wiener(X, keep=0), "keep is 0, expected a probability above 0"),
        (lambda: baselines.PPCA(X), "the noise variance, or both; got neither"),
        (lambda: baselines.PPCA(X, 2), "components is 2, expected a whole number from 0 to 1"),
        (lambda: baselines.PPCA(X, 1, noise=0), "noise is 0, expected a variance above 0"),
        (lambda: baselines.PPCA(FLAT, 1), "beyond 1 components nothing varies"),
        (lambda: baselines.Gaussian(X, floor=-1), "floor is -1"),
        (
            lambda: baselines.Gaussian(np.zeros((5, 2)), floor=0),
            "5 rows of 2 numbers is singular: raise floor",
        ),
        (lambda: baselines.Gaussian(X).log_likelihood(X[:, :1]), "x has 1 numbers a row"),
        (lambda: baselines.BernoulliMixture(X, 2, rng=0), "only 0 and 1.*x >= 0.5"),
        (lambda: baselines.BernoulliMixture(X > 3, 7, rng=0), "components is 7, expected .* from 1 to 6"),
        (lambda: baselines.BernoulliMixture(X > 3, 2, rng=0, smoothing=0), "a pixel never seen"),
        (lambda: baselines.BernoulliMixture(X > 3, 2, rng=0, steps=0), "steps is 0"),
        (lambda: baselines.IndependentBernoulli(X > 3).log_likelihood(X[:, :1] > 3), "x has 1 numbers a row"),
        (lambda: baselines.IndependentBernoulli(X > 3).log_likelihood(X), "only 0 and 1"),
    ],
)
def test_bad_input_is_refused_with_the_reason(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()


def test_more_gaussians_than_rows_and_no_seed_are_refused():
    with pytest.raises(ValueError, match="components is 7, expected a whole number from 1 to 6"):
        mixture(X, 7)
    with pytest.raises(TypeError, match="rng is None: give a seed or a generator"):
        mixture(X, 2, rng=None)
    with pytest.raises(TypeError, match="write tensor.numpy"):
        baselines.PCA(minigen.Tensor(X), 1)
