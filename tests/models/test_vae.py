"""The variational autoencoders by tape: closed forms, exact optima, bounds that rise, and refused input."""

import math
from itertools import combinations

import numpy as np
import pytest
from conftest import Device, standing

import minigen
from minigen import Tensor, baselines, metrics, no_grad
from minigen.data import digits_split
from minigen.engine import ops
from minigen.models import (
    IWAE,
    VAE,
    ConvVAE,
    FreeBitsVAE,
    GaussianVAE,
    LinearVAE,
    MixturePrior,
    MixturePriorVAE,
    importance_bound,
    log_weights,
)
from minigen.optim import Momentum

N, D, H, K, S = 5, 13, 7, 3, 2
LOG_2PI = math.log(2 * math.pi)


def rng(seed=0):
    return np.random.default_rng(seed)


# name: the model, and its loss for a batch and its noise
FAMILY = {
    "bernoulli": (lambda **k: VAE(D, H, K, **k), lambda m, x, eps: m.loss(x, eps)),
    "beta": (lambda **k: VAE(D, H, K, **k), lambda m, x, eps: m.loss(x, eps, beta=0.7)),
    "gaussian": (lambda **k: GaussianVAE(D, H, K, **k), lambda m, x, eps: m.loss(x, eps)),
    "free-bits": (lambda **k: FreeBitsVAE(D, H, K, **k), lambda m, x, eps: m.loss(x, eps, free_bits=0.3)),
    "mixture": (lambda **k: MixturePriorVAE(D, H, K, 2, **k), lambda m, x, eps: m.loss(x, eps)),
    "conv": (lambda **k: ConvVAE(K, (3, 5), **k), lambda m, x, eps: m.loss(x, eps)),
    "iwae": (lambda **k: IWAE(D, H, K, **k), lambda m, x, eps: m.loss(x, eps)),
}
every_model = pytest.mark.parametrize("name", FAMILY)


def make(name, dtype="float64", rows=N):
    """(model, its loss, a batch, its noise)."""
    model, loss = FAMILY[name]
    x = rng(1).uniform(size=(rows, 1, 8, 8) if name == "conv" else (rows, D))
    eps = rng(2).normal(size=(S, rows, K) if name == "iwae" else (rows, K))
    return model(rng=rng(), dtype=dtype), loss, x.astype(dtype), eps.astype(dtype)


def gradients(model):
    return {name: Device.host(p.grad) for name, p in model.named_parameters() if p.grad is not None}


# ----- what all of them share -------------------------------------------------------------------------------


@every_model
def test_a_few_steps_lower_the_loss(name):
    model, loss, x, eps = make(name)
    before = loss(model, x, eps).item()
    optimizer = Momentum(model, lr=0.005)
    for _ in range(30):
        optimizer.zero_grad()
        loss(model, x, eps).backward()
        optimizer.step()
    assert loss(model, x, eps).item() < 0.97 * before


@every_model
@pytest.mark.parametrize("rows", [1, N])
def test_float32_stays_float32_and_agrees_with_float64(name, rows):
    results = {}
    for dtype in ("float32", "float64"):
        model, loss, x, eps = make(name, dtype, rows)
        value = loss(model, x, eps)
        value.backward()
        assert value.dtype == dtype and {g.dtype.name for g in gradients(model).values()} == {dtype}
        results[dtype] = [value.data, *gradients(model).values()]
    for a, b in zip(*results.values(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)  # sums of a few hundred terms in float32


@every_model
def test_the_same_gradients_on_every_device(name):
    reference, loss, x, eps = make(name)
    loss(reference, x, eps).backward()
    with standing("stand-in"):
        model, loss, x, eps = make(name)
        model.to("cuda")
        loss(model, minigen.to(x, "cuda"), minigen.to(eps, "cuda")).backward()
        for parameter, g in gradients(model).items():
            np.testing.assert_allclose(g, gradients(reference)[parameter], rtol=1e-10, atol=1e-14)


@every_model
def test_an_empty_batch_is_refused(name):
    model, loss, x, eps = make(name)
    with pytest.raises(ValueError, match="at least one|must be|empty"):
        loss(model, x[:0], eps[:, :0] if name == "iwae" else eps[:0])


@every_model
def test_noise_of_another_shape_is_refused(name):
    model, loss, x, eps = make(name)
    with pytest.raises(ValueError, match="eps"):
        loss(model, x, eps[..., :1])  # (N, 1) would quietly stretch to the same noise for every unit


@every_model
def test_a_logvar_that_overflows_is_refused(name):
    """exp(1000) is infinite, and inf - inf in the gradient is NaN: a sentence instead, that names logvar."""
    model, loss, x, eps = make(name)
    model.logvar.bias.data[...] = 1000.0
    with pytest.raises(ValueError, match="logvar runs from .* overflows"):
        loss(model, x, eps)


def test_the_logvars_of_the_decoder_and_of_the_prior_too():
    model, loss, x, eps = make("gaussian")
    model.output_logvar.bias.data[...] = -1000.0
    for ask in (lambda: loss(model, x, eps), lambda: log_weights(model, x, eps[None])):
        with pytest.raises(ValueError, match="logvar runs from .* overflows"):
            ask()
    model, loss, x, eps = make("mixture")
    model.prior.logvar.data[...] = -1000.0
    with pytest.raises(ValueError, match="logvar runs from .* overflows"):
        loss(model, x, eps)
    for name in ("logvar", "output_logvar"):
        model = LinearVAE(D, K, rng=rng(), dtype="float64")
        getattr(model, name).data[...] = -1000.0
        with pytest.raises(ValueError, match="logvar runs from .* overflows"):
            model.loss(x)


# ----- the divergence and the two terms ---------------------------------------------------------------------


@pytest.mark.parametrize("mu, logvar, kl", [(1, 0, 0.5), (0, math.log(4), 0.80685), (0, 0, 0)])
def test_the_divergence_has_its_closed_form(mu, logvar, kl):
    """KL(N(mu, sigma^2) || N(0, 1)) = 1/2 (mu^2 + sigma^2 - 1 - ln sigma^2), per unit; here K equal units."""
    model, _, x, eps = make("bernoulli")
    for layer, value in ((model.mu, mu), (model.logvar, logvar)):
        layer.weight.data[...] = 0
        layer.bias.data[...] = value
    assert model.terms(x, eps)[1].item() == pytest.approx(K * kl, abs=1e-5 * K)


def test_beta_is_the_price_of_the_divergence():
    model, _, x, eps = make("bernoulli")
    reconstruction, kl = (t.item() for t in model.terms(x, eps))
    for beta in (0.0, 0.7, 4.0):
        assert model.loss(x, eps, beta=beta).item() == pytest.approx(reconstruction + beta * kl, rel=1e-12)


@pytest.mark.parametrize("name", ["bernoulli", "gaussian", "conv", "mixture"])
def test_two_ways_to_the_reconstruction_term(name):
    """The mean over the batch, from losses.py, and log p(x|z) of each example, for importance weights."""
    model, _, x, eps = make(name)
    each = model.log_likelihood(x, eps)
    assert each.shape == (N,)
    assert model.reconstruction(x, eps).item() == pytest.approx(-each.data.mean(), rel=1e-12)
    several = model.log_likelihood(x, np.stack([eps, 0 * eps]))
    assert several.shape == (2, N)
    np.testing.assert_allclose(several.data[0], each.data, rtol=1e-12)


def test_the_picture_of_a_code_is_a_probability():
    for name in ("bernoulli", "conv"):
        model, _, x, eps = make(name)
        picture = model.sample(eps).data
        assert picture.shape == x.shape and picture.min() > 0 and picture.max() < 1
    model, _, x, eps = make("gaussian")
    np.testing.assert_array_equal(model.sample(eps).data, model.decode(eps)[0].data)


# ----- linear: the optimum is known -------------------------------------------------------------------------


def digit_pixels():
    return digits_split()[0][:, 2:6, 1:7].reshape(-1, 24).astype(float)


def at_the_optimum(x, k):
    """A linear VAE with the parameters of probabilistic PCA (Lucas et al. 2019, section 4.2)."""
    ppca, model = baselines.PPCA(x, k), LinearVAE(x.shape[1], k, rng=rng(), dtype="float64")
    origin, variance = ppca.posterior(np.zeros((1, x.shape[1])))
    encoder = ppca.posterior(np.eye(x.shape[1]))[0] - origin
    model.load_state_dict(
        {
            "mu.weight": encoder,
            "mu.bias": origin[0],
            "logvar": np.log(variance),
            "output.weight": ppca.weight.T,
            "output.bias": ppca.mean,
            "output_logvar": np.array([math.log(ppca.noise)]),
        }
    )
    return ppca, model


@pytest.mark.parametrize("k, nats", [(2, -0.247604), (10, 17.566771)])
def test_at_the_optimum_of_a_linear_vae_the_bound_is_the_likelihood(k, nats):
    x = digits_split()[0].reshape(-1, 64).astype(float)
    ppca, model = at_the_optimum(x, k)
    assert -model.loss(x).item() == pytest.approx(ppca.log_likelihood(x).mean(), abs=1e-11)
    assert -model.loss(x).item() == pytest.approx(nats, abs=1e-6)
    model.loss(x).backward()
    assert max(np.abs(g).max() for g in gradients(model).values()) < 1e-10  # nothing is left to improve


def test_rotating_the_code_keeps_the_likelihood_and_loses_the_bound():
    """p(x) depends on W W^T alone, but a posterior with independent units fits the principal axes only."""
    x = digit_pixels()
    ppca, model = at_the_optimum(x, 3)
    turn = np.linalg.qr(rng().normal(size=(3, 3)))[0]
    model.mu.weight.data[...] = model.mu.weight.data @ turn
    model.mu.bias.data[...] = model.mu.bias.data @ turn
    model.output.weight.data[...] = turn.T @ model.output.weight.data
    W = model.output.weight.data
    np.testing.assert_allclose(W.T @ W, ppca.weight @ ppca.weight.T, atol=1e-12)
    assert -model.loss(x).item() < ppca.log_likelihood(x).mean() - 0.01


def test_training_a_linear_vae_reaches_probabilistic_pca():
    x = digit_pixels()
    model = LinearVAE(24, 3, rng=rng(), dtype="float64")
    optimizer = Momentum(model, lr=0.03)
    for _ in range(700):
        optimizer.zero_grad()
        model.loss(x - x.mean(axis=0)).backward()
        optimizer.step()
    ppca = baselines.PPCA(x, 3)
    gap = ppca.log_likelihood(x).mean() + model.loss(x - x.mean(axis=0)).item()
    assert 0 <= gap < 5e-4  # nats of -4.03; measured: 1e-4, and 0 would be reached in the limit only
    assert baselines.principal_angles(model.output.weight.data.T, ppca.axes).max() < 1e-3


def test_a_latent_unit_is_used_only_where_the_data_varies_more_than_the_noise():
    x = digit_pixels() - digit_pixels().mean(axis=0)
    model = LinearVAE(24, 5, noise=0.3, rng=rng(), dtype="float64")
    assert "output_logvar" not in dict(model.named_parameters())
    optimizer = Momentum(model, lr=0.03)
    for _ in range(700):
        optimizer.zero_grad()
        model.loss(x).backward()
        optimizer.step()
    variances = baselines.PCA(x, 5).variances
    assert metrics.active_units(model.encode(x)[0].data).sum() == (variances > 0.3).sum() == 2
    step = minigen.replay(model.loss)  # the fixed noise is no array made anew in every call
    assert len({step(x).item() for _ in range(4)}) == 1 and step.plays == 2


def test_the_expectation_of_a_linear_vae_is_that_over_its_noise():
    """The exact terms against sampled ones.

    Of a square, the 2 K points +-sqrt(K) along the axes have exactly the mean that N(0, I) has.
    """
    x, model = rng(1).normal(size=(N, D)), LinearVAE(D, K, rng=rng(), dtype="float64")
    model.logvar.data[...] = rng(2).normal(size=K)
    model.output_logvar.data[...] = -0.4
    mu, logvar = model.encode(x)
    sampled = 0
    for point in math.sqrt(K) * np.concatenate([np.eye(K), -np.eye(K)]):
        z = mu.data + np.exp(logvar.data / 2) * point
        apart = x - model.decode(z).data
        sampled += (apart**2 * np.exp(0.4) - 0.4 + LOG_2PI).sum() / 2 / N / (2 * K)
    assert model.terms(x)[0].item() == pytest.approx(sampled, rel=1e-12)


def test_a_linear_vae_refuses_an_empty_batch():
    with pytest.raises(ValueError, match="at least one"):
        LinearVAE(D, K, rng=rng()).loss(np.zeros((0, D), np.float32))


@pytest.mark.parametrize("noise", [0.0, -0.1, math.inf, math.nan])
def test_a_noise_that_is_no_variance_is_refused(noise):
    with pytest.raises(ValueError, match="noise is a variance and must be positive"):
        LinearVAE(D, K, noise=noise, rng=rng())


# ----- free bits --------------------------------------------------------------------------------------------


def test_free_bits_between_all_and_nothing():
    """With none free it is the VAE; with more free than any unit uses, the reconstruction and a constant."""
    model, _, x, eps = make("free-bits")
    plain = VAE(D, H, K, rng=rng(), dtype="float64")
    for free, beta, constant in ((0.0, 1.0, 0.0), (50.0, 0.0, 50.0 * K)):
        model.zero_grad()
        plain.zero_grad()
        mine, theirs = model.loss(x, eps, free_bits=free), plain.loss(x, eps, beta=beta)
        assert mine.item() == pytest.approx(theirs.item() + constant, rel=1e-12)
        mine.backward()
        theirs.backward()
        for name, g in gradients(model).items():
            np.testing.assert_allclose(g, gradients(plain)[name], rtol=1e-9, atol=1e-14)


def test_a_unit_exactly_at_its_free_bits_has_no_price():
    model, _, x, eps = make("free-bits")
    model.mu.weight.data[...] = model.logvar.weight.data[...] = 0
    model.mu.bias.data[...] = 1.0  # kappa = 1/2 exactly
    model.loss(x, eps, free_bits=0.5).backward()
    at_the_tie = gradients(model)["mu.bias"].copy()
    model.zero_grad()
    model.terms(x, eps)[0].backward()
    np.testing.assert_array_equal(at_the_tie, gradients(model)["mu.bias"])


@pytest.mark.parametrize("free_bits", [-0.1, math.nan])
def test_negative_free_bits_are_refused(free_bits):
    model, _, x, eps = make("free-bits")
    with pytest.raises(ValueError, match="free_bits are nats, at least 0"):
        model.loss(x, eps, free_bits=free_bits)


# ----- mixture prior ----------------------------------------------------------------------------------------


def some_prior(components=3, latent=2):
    prior = MixturePrior(components, latent, rng=rng(), dtype="float64")
    prior.logits.data[...] = rng(1).normal(size=components)
    prior.logvar.data[...] = 0.5 * rng(2).normal(size=(components, latent))
    return prior


def test_the_mixture_is_the_weighted_sum_of_its_normals():
    prior, z = some_prior(), rng(4).normal(size=(N, 2))
    share = np.exp(prior.logits.data) / np.exp(prior.logits.data).sum()
    density = np.zeros(N)
    for pi, m, s in zip(share, prior.mu.data, prior.logvar.data, strict=True):
        normal = np.exp(-((z - m) ** 2) / 2 / np.exp(s)) / np.sqrt(2 * np.pi * np.exp(s))
        density += pi * normal.prod(axis=1)
    np.testing.assert_allclose(prior.log_prob(z).data, np.log(density), rtol=1e-12)
    assert -1e14 < prior.log_prob(np.full((1, 2), 1e6)).item() < -1e10  # where the density itself underflows


def test_the_mixture_integrates_to_one():
    prior, grid = some_prior(latent=1), np.linspace(-15, 15, 4001)
    density = np.exp(prior.log_prob(grid[:, None]).data)
    assert density.sum() * (grid[1] - grid[0]) == pytest.approx(1, abs=1e-10)


def test_draws_from_the_mixture_have_its_shares_and_moments():
    prior, n = some_prior(), 200_000
    prior.mu.data[...] = [[0, 0], [100, 0], [0, 100]]  # far apart: each draw tells where it came from
    z = prior.draw(rng(5).random(n), rng(6).normal(size=(n, 2)))
    home = ((z[:, None] - prior.mu.data) ** 2).sum(axis=2).argmin(axis=1)
    share = np.exp(prior.logits.data) / np.exp(prior.logits.data).sum()
    for c in range(3):
        mine = z[home == c]
        assert len(mine) / n == pytest.approx(share[c], abs=0.005)  # 4 standard errors
        np.testing.assert_allclose(mine.mean(axis=0), prior.mu.data[c], atol=0.03)
        np.testing.assert_allclose(mine.var(axis=0), np.exp(prior.logvar.data[c]), rtol=0.04)
    assert prior.draw(np.array([0.0, 1 - 1e-16]), np.zeros((2, 2))).shape == (2, 2)


def test_draws_lie_on_the_device_of_the_prior():
    u, eps, here = rng(5).random(N), rng(6).normal(size=(N, 2)), some_prior()
    with standing("stand-in"):
        there = some_prior().to("cuda").draw(minigen.to(u, "cuda"), minigen.to(eps, "cuda"))
        assert type(there) is not np.ndarray
        np.testing.assert_array_equal(minigen.to(there, "cpu"), here.draw(u, eps))


def test_a_mixture_of_one_standard_normal_is_the_plain_vae():
    """log q - log p at one z estimates the divergence.

    Its mean over the 2 K points +-sqrt(K) along the axes, exact for a square, is the closed form.
    """
    model = MixturePriorVAE(D, H, K, 1, rng=rng(), dtype="float64")
    model.prior.mu.data[...] = 0
    plain, x = VAE(D, H, K, rng=rng(), dtype="float64"), rng(1).uniform(size=(N, D))
    z = rng(2).normal(size=(N, K))
    np.testing.assert_allclose(model.log_prior(z).data, ops.sum(z * z + LOG_2PI, axis=1) * -0.5, rtol=1e-12)
    points = math.sqrt(K) * np.concatenate([np.eye(K), -np.eye(K)])
    estimates = [model.terms(x, np.broadcast_to(p, (N, K)))[1].item() for p in points]
    assert np.mean(estimates) == pytest.approx(plain.terms(x, z)[1].item(), rel=1e-12)


# ----- importance weights -----------------------------------------------------------------------------------


class Toy(IWAE):
    """p(z) = N(0, 1), p(x|z) = N(z, 1), q(z|x) = N(slope x, variance): ln p(x) = ln N(x; 0, 2)."""

    def __init__(self, slope, variance):
        self.slope, self.variance = slope, variance

    def encode(self, x):
        return self.slope * x, np.full(x.shape, math.log(self.variance))

    def log_likelihood(self, x, z):
        return ops.sum((x - z) ** 2 + LOG_2PI, axis=-1) * -0.5


LOG_P = -0.5 * math.log(2 * math.pi * 2) - 0.25  # of x = 1: -1.5155


def test_with_the_exact_posterior_every_weight_is_the_likelihood():
    """q(z|x) = p(z|x) = N(x/2, 1/2): log p(x, z) - log p(z|x) = log p(x), whatever z."""
    weights = log_weights(Toy(0.5, 0.5), np.ones((1, 1)), rng().normal(size=(7, 1, 1)))
    np.testing.assert_allclose(weights, LOG_P, rtol=1e-13)


@pytest.mark.parametrize("s, published", [(1, -1.9189), (5, -1.5576)])
def test_the_bound_of_the_prior_as_encoder(s, published):
    """q = N(0, 1): the mean of -1/2 (log 2 pi + (1 - z)^2) for S = 1, and a number to reproduce for S = 5."""
    n = 400_000
    eps = rng().normal(size=(s, n, 1))
    found = np.mean(importance_bound(Toy(0.0, 1.0), np.ones((n, 1)), eps))
    assert found == pytest.approx(published, abs={1: 8e-3, 5: 2e-3}[s])  # more than 3 standard errors


@every_model
def test_the_bound_rises_with_the_number_of_samples(name):
    """Exactly, over all subsets of size S of one set of weights (Burda et al. 2016, theorem 1)."""
    model, _, x, _ = make(name)
    with no_grad():
        weights = log_weights(model, x, rng(3).normal(size=(6, N, K))).data  # (6, N)
    assert weights.shape == (6, N)
    bounds = []
    for s in range(1, 7):
        subsets = combinations(range(6), s)
        bounds.append(np.mean([metrics.importance_weighted_bound(weights[list(c)]) for c in subsets]))
    assert (np.diff(bounds) > 0).all()


@pytest.mark.parametrize("name", ["bernoulli", "gaussian", "conv", "mixture"])
def test_one_sample_is_the_bound_of_the_vae(name):
    """S = 1: minus the reconstruction, minus log q - log p at the same z, with log q written out."""
    model, _, x, eps = make(name)
    mu, logvar = (t.data for t in model.encode(x))
    z = mu + np.exp(logvar / 2) * eps
    log_q = -0.5 * ((z - mu) ** 2 / np.exp(logvar) + logvar + LOG_2PI).sum(axis=1)
    expected = -model.reconstruction(x, z).item() - np.mean(log_q - model.log_prior(z).data)
    assert np.mean(importance_bound(model, x, eps[None]).data) == pytest.approx(expected, rel=1e-12)


def test_the_iwae_loss_is_minus_the_bound():
    model, loss, x, eps = make("iwae")
    with no_grad():
        weights = log_weights(model, x, eps).data
    assert loss(model, x, eps).item() == pytest.approx(-metrics.importance_weighted_bound(weights), rel=1e-12)
    assert importance_bound(model, x, eps).shape == (N,)


@pytest.mark.parametrize("shape", [(N, K), (2, N, 1), (2, N + 1, K), (0, N, K)])
def test_noise_for_importance_weights_has_three_axes(shape):
    model, _, x, _ = make("iwae")
    with pytest.raises(ValueError, match=r"eps must be \(S, 5, 3\), S codes for each of the 5 examples"):
        log_weights(model, x, np.zeros(shape))


def test_weights_that_differ_by_hundreds_of_nats_do_not_overflow():
    model, _, x, _ = make("iwae")
    model.output.bias.data[...] = 400.0  # logits so sure that log p(x|z) is about -2000
    value = model.loss(x, rng(3).normal(size=(5, N, K)))
    assert np.isfinite(value.item()) and value.item() > 1000
    value.backward()
    assert all(np.isfinite(g).all() for g in gradients(model).values())


def test_labels_out_of_range_are_refused():
    """A label that no class has would otherwise count for nothing."""
    for labels in ([0, 3], [-1, 0]):
        with pytest.raises(ValueError, match="labels run from"):
            minigen.losses.softmax_cross_entropy(Tensor(np.zeros((2, 3))), np.array(labels))
