"""Variational autoencoders by hand against differences, planted mistakes, integrals and densities."""

import numpy as np
import pytest
from differences import errors_by_name
from mutants import mutant

from minigen.byhand.conv_autoencoders import vae_conv
from minigen.byhand.free_bits import vae_free_bits
from minigen.byhand.iwae import iwae
from minigen.byhand.mixture_prior import log_mixture, vae_mixture_prior
from minigen.byhand.vae import vae_bernoulli, vae_beta, vae_gaussian

SIZES = [(5, 11, 7, 3), (7, 5, 13, 2)]  # N, D, H, K: distinct primes
WORST = 1e-7  # the bound of the project; measured: 4e-12 with order 6, 2e-9 with order 2


def layers(**sizes):
    shapes = {}
    for name, (inputs, outputs) in sizes.items():
        shapes |= {f"{name}.weight": (inputs, outputs), f"{name}.bias": (outputs,)}
    return shapes


def dense(D, H, K):
    return layers(encoder=(D, H), mu=(H, K), logvar=(H, K), decoder=(K, H), output=(H, D))


def gaussian(D, H, K):
    return dense(D, H, K) | layers(output_logvar=(H, D))


def mixture(D, H, K):
    return dense(D, H, K) | {"prior.logits": (5,), "prior.mu": (5, K), "prior.logvar": (5, K)}


def conv(D, H, K):
    del D, H  # pictures are 8 × 8, with 2 and 3 channels inside
    kernels = {
        "encoder.conv1": (2, 1),
        "encoder.conv2": (3, 2),
        "decoder.conv1": (3, 2),
        "decoder.conv2": (2, 1),
    }
    shapes = {f"{name}.weight": (*channels, 3, 3) for name, channels in kernels.items()}
    shapes |= {f"encoder.conv{k}.bias": (k + 1,) for k in (1, 2)}
    shapes |= {"decoder.conv1.bias": (2,), "decoder.conv2.bias": (1,)}
    return shapes | layers(mu=(12, K), logvar=(12, K), **{"decoder.dense": (K, 12)})


# function: the shapes of its parameters, its hyper-parameters, and the order of the differences, which is 2
# where six evaluations would take long
CASES = {
    vae_bernoulli: (dense, {"beta": 0.7}, 6),
    vae_gaussian: (gaussian, {"beta": 0.7}, 6),
    vae_beta: (dense, {"beta": 4.3}, 6),
    vae_free_bits: (dense, {"free_bits": 0.3}, 6),  # no unit comes near: see the test of the mask below
    vae_mixture_prior: (mixture, {}, 6),
    iwae: (dense, {}, 6),
    vae_conv: (conv, {"beta": 0.7}, 2),
}

# function, one piece of its formula, a mistake that people make there
MISTAKES = [
    (vae_bernoulli, "gz * 0.5 * sigma * eps", "gz * sigma * eps"),  # ∂σ/∂v without its ½
    (vae_bernoulli, "gz * 0.5 * sigma * eps", "gz * 0.5 * sigma**2 * eps"),  # σ² for σ
    (vae_bernoulli, "beta * 0.5 * (sigma**2 - 1) / N", "beta * 0.5 * sigma**2 / N"),  # the −1 of the KL
    (vae_bernoulli, "gmu @ Wmu.T + glogvar @ Wv.T", "glogvar @ Wv.T"),  # the second head overwrites the first
    (vae_gaussian, "gs = 0.5 * (1 - ", "gs = 0.5 * (-"),  # the log-determinant
    (vae_gaussian, "gm = r / N", "gm = (m - x) / N"),  # the variance
    (vae_beta, "beta=beta)", "beta=beta)[0], vae_bernoulli(p, x, eps)[1]"),  # β in the loss only
    (vae_free_bits, "gkappa * mu / N", "mu / N"),  # the mask
    (vae_mixture_prior, " - 0.5 / N", ""),  # log q depends on v
    (vae_mixture_prior, "delta2 @ W2.T + gz_prior", "delta2 @ W2.T"),  # the prior pulls on z
    (iwae, "delta3 = omega / N", "delta3 = 1 / S / N"),  # all codes heard alike
    (iwae, " + omega / N * z", ""),  # log p(z)
    (vae_conv, "gh2 = gh2_mu + gh2_logvar", "gh2 = gh2_mu"),
]


def build(function, size, dtype=np.float64, seed=1, samples=3):
    """(parameters, arguments) drawn for one case; read-only: a function that writes to them raises."""
    N, D, H, K = size
    shapes, keywords, _ = CASES[function]
    rng = np.random.default_rng(seed)
    p = {name: rng.normal(0, 0.5, shape).astype(dtype) for name, shape in shapes(D, H, K).items()}
    x = rng.uniform(size=(N, 1, 8, 8) if function is vae_conv else (N, D)).astype(dtype)
    eps = rng.normal(size=(samples, N, K) if function is iwae else (N, K)).astype(dtype)
    for array in [*p.values(), x, eps]:
        array.flags.writeable = False
    return p, {"x": x, "eps": eps, **keywords}


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("function", CASES, ids=lambda f: f.__name__)
def test_every_gradient_agrees_with_differences(function, size):
    p, arguments = build(function, size)
    errors = errors_by_name(lambda q: function(q, **arguments), p, order=CASES[function][2])
    assert max(errors.values()) <= WORST, errors


@pytest.mark.parametrize(("function", "right", "wrong"), MISTAKES)
def test_a_planted_mistake_is_rejected(function, right, wrong):
    p, arguments = build(function, SIZES[0])
    mistaken = mutant(function, right, wrong)
    # the loss is right, the gradient is not
    assert mistaken(p, **arguments)[0] == function(p, **arguments)[0]
    errors = errors_by_name(lambda q: mistaken(q, **arguments), p, order=CASES[function][2])
    assert max(errors.values()) > 1e-3, errors


@pytest.mark.parametrize("function", CASES, ids=lambda f: f.__name__)
def test_float32_stays_float32(function):
    p, arguments = build(function, SIZES[0])
    loss, grads = function(p, **arguments)
    p, arguments = build(function, SIZES[0], np.float32)
    loss32, grads32 = function(p, **arguments)
    assert loss32.dtype == np.float32
    assert loss32 == pytest.approx(loss, rel=1e-5)
    for name, grad in grads32.items():
        assert grad.dtype == np.float32, name
        np.testing.assert_allclose(grad, grads[name], rtol=1e-3, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("function", CASES, ids=lambda f: f.__name__)
def test_a_batch_beside_itself_changes_nothing(function):
    """Every term is a mean over the batch: a forgotten 1/N, in a value or a gradient, would double here."""
    p, arguments = build(function, SIZES[0])
    twice = arguments | {
        "x": np.concatenate([arguments["x"]] * 2),
        "eps": np.concatenate([arguments["eps"]] * 2, axis=-2),
    }
    (loss, grads), (loss2, grads2) = function(p, **arguments), function(p, **twice)
    assert loss2 == pytest.approx(loss, rel=1e-12)
    for name in grads:
        np.testing.assert_allclose(grads2[name], grads[name], rtol=1e-10, atol=1e-13, err_msg=name)


# ---- the divergence, by itself


def with_constant_code(p, mu, logvar):
    """The same parameters, with heads that say μ and v for every x."""
    heads = {name: np.zeros_like(p[name]) for name in ("mu.weight", "logvar.weight")}
    return p | heads | {"mu.bias": np.array(mu), "logvar.bias": np.array(logvar)}


def divergence(mu, logvar):
    p, arguments = build(vae_bernoulli, (5, 11, 7, len(mu)))
    p = with_constant_code(p, mu, logvar)
    full, without = (vae_bernoulli(p, arguments["x"], arguments["eps"], beta=beta)[0] for beta in (1.0, 0.0))
    return full - without


def log_normal(z, mu, logvar):
    return -0.5 * (np.log(2 * np.pi) + logvar + (z - mu) ** 2 / np.exp(logvar))


@pytest.mark.parametrize(
    ("mu", "logvar", "expected"), [(1.0, 0.0, 0.5), (0.0, np.log(4), 0.80685), (0.0, 0.0, 0.0)]
)
def test_divergence_has_the_published_values(mu, logvar, expected):
    assert divergence([mu], [logvar]) == pytest.approx(expected, abs=5e-6)  # five printed digits


def test_divergence_is_the_integral_it_stands_for():
    mu, logvar = np.array([0.7, -1.3]), np.array([-0.9, 0.6])
    z = np.linspace(-12, 12, 4001)[:, None]
    log_q = log_normal(z, mu, logvar)
    integral = np.trapezoid(np.exp(log_q) * (log_q - log_normal(z, 0.0, 0.0)), z, axis=0).sum()
    assert divergence(mu, logvar) == pytest.approx(integral, abs=1e-10)


def test_divergence_is_the_mean_of_its_one_sample_estimate():
    """With a decoder that ignores z, iwae at S = 1 is NLL + log q(z|x) − log p(z): its mean is NLL + KL."""
    p, _ = build(vae_bernoulli, SIZES[0])
    p = with_constant_code(p, [0.7, -1.3, 0.2], [-0.9, 0.6, -0.3])
    p["decoder.weight"] = np.zeros_like(p["decoder.weight"])
    x = np.full((40_000, 11), 0.5)
    eps = np.random.default_rng(1).normal(size=(1, 40_000, 3))
    # one estimate has standard deviation 1.4, so the mean of 40 000 has 0.007: this allows for five
    assert iwae(p, x, eps)[0] == pytest.approx(vae_bernoulli(p, x, eps[0])[0], abs=0.035)


# ---- likelihoods and bounds, written out as densities


def forward(p, x, eps):
    h = np.tanh(x @ p["encoder.weight"] + p["encoder.bias"])
    mu, logvar = (h @ p[f"{head}.weight"] + p[f"{head}.bias"] for head in ("mu", "logvar"))
    z = mu + np.sqrt(np.exp(logvar)) * eps
    u = np.tanh(z @ p["decoder.weight"] + p["decoder.bias"])
    return mu, logvar, z, u


def test_gaussian_likelihood_is_the_density_of_the_data():
    p, arguments = build(vae_gaussian, SIZES[0])
    x, eps = arguments["x"], arguments["eps"]
    *_, u = forward(p, x, eps)
    mean, logvar = (u @ p[f"{head}.weight"] + p[f"{head}.bias"] for head in ("output", "output_logvar"))
    expected = -log_normal(x, mean, logvar).sum(axis=1).mean()
    assert vae_gaussian(p, x, eps, beta=0.0)[0] == pytest.approx(expected, rel=1e-13)


def elbo_terms(p, x, eps):
    """log p(x|z) + log p(z) − log q(z|x), one number for every example."""
    mu, logvar, z, u = forward(p, x, eps)
    picture = 1 / (1 + np.exp(-(u @ p["output.weight"] + p["output.bias"])))
    log_likelihood = (x * np.log(picture) + (1 - x) * np.log(1 - picture)).sum(axis=-1)
    return log_likelihood + (log_normal(z, 0.0, 0.0) - log_normal(z, mu, logvar)).sum(axis=-1)


def test_iwae_is_the_log_of_the_mean_weight():
    p, arguments = build(iwae, SIZES[0])
    x, eps = arguments["x"], arguments["eps"]
    expected = -np.log(np.exp(elbo_terms(p, x, eps)).mean(axis=0)).mean()
    assert iwae(p, x, eps)[0] == pytest.approx(expected, rel=1e-13)


def test_iwae_with_one_sample_is_the_one_sample_bound():
    p, arguments = build(iwae, SIZES[0], samples=1)
    x, eps = arguments["x"], arguments["eps"]
    assert iwae(p, x, eps)[0] == pytest.approx(-elbo_terms(p, x, eps[0]).mean(), rel=1e-13)


def test_iwae_with_copies_of_a_sample_is_iwae_with_one():
    p, arguments = build(iwae, SIZES[0], samples=1)
    x, eps = arguments["x"], arguments["eps"]
    (loss, grads), (loss4, grads4) = iwae(p, x, eps), iwae(p, x, np.repeat(eps, 4, axis=0))
    assert loss4 == pytest.approx(loss, rel=1e-13)
    for name in grads:
        np.testing.assert_allclose(grads4[name], grads[name], rtol=1e-11, atol=1e-14, err_msg=name)


def test_iwae_is_tighter_than_the_mean_of_its_samples():
    p, arguments = build(iwae, SIZES[0])
    x, eps = arguments["x"], arguments["eps"]
    alone = [iwae(p, x, eps[s : s + 1])[0] for s in range(3)]
    assert iwae(p, x, eps)[0] < np.mean(alone)  # Jensen, strict as the weights differ


@pytest.mark.filterwarnings("error")
def test_iwae_with_weights_beyond_floats_is_quiet():
    p, arguments = build(iwae, SIZES[0])
    p["output.bias"] = np.full_like(p["output.bias"], 1e4)  # log w near −1e5: e^log w is 0
    loss, grads = iwae(p, **{**arguments, "x": np.zeros_like(arguments["x"])})
    assert loss == pytest.approx(11e4, rel=1e-2)
    assert all(np.isfinite(g).all() for g in grads.values())


# ---- a mixture for a prior


def test_mixture_is_a_density_and_equals_its_sum():
    rng = np.random.default_rng(2)
    a, m, s = rng.normal(size=3), rng.normal(size=(3, 1)), rng.normal(size=(3, 1))
    z = np.linspace(-30, 30, 6001)[:, None]
    log_p, _ = log_mixture(z, a, m, s)
    weights = np.exp(a) / np.exp(a).sum()
    direct = sum(w * np.exp(log_normal(z, *parts)) for w, *parts in zip(weights, m, s, strict=True))
    np.testing.assert_allclose(np.exp(log_p), direct, rtol=1e-11)
    assert np.trapezoid(np.exp(log_p), z, axis=0) == pytest.approx(1, abs=1e-10)


def test_mixture_prior_of_one_standard_normal_is_iwae_with_one_sample():
    p, arguments = build(vae_bernoulli, SIZES[0])
    x, eps = arguments["x"], arguments["eps"]
    prior = {"prior.logits": np.array([0.3]), "prior.mu": np.zeros((1, 3)), "prior.logvar": np.zeros((1, 3))}
    (loss, grads), (expected_loss, expected) = vae_mixture_prior(p | prior, x, eps), iwae(p, x, eps[None])
    assert loss == pytest.approx(expected_loss, rel=1e-13)
    assert grads["prior.logits"] == pytest.approx(0, abs=1e-15)  # one component has nobody to gain from
    for name in expected:
        np.testing.assert_allclose(grads[name], expected[name], rtol=1e-11, atol=1e-14, err_msg=name)


# ---- free bits


@pytest.mark.parametrize(("free_bits", "beta", "paid"), [(0.0, 1.0, 0.0), (100.0, 0.0, 300.0)])
def test_free_bits_run_from_the_whole_divergence_to_none(free_bits, beta, paid):
    p, arguments = build(vae_bernoulli, SIZES[0])
    x, eps = arguments["x"], arguments["eps"]
    loss, grads = vae_free_bits(p, x, eps, free_bits=free_bits)
    expected_loss, expected = vae_bernoulli(p, x, eps, beta=beta)
    assert loss == pytest.approx(expected_loss + paid, rel=1e-13)  # K = 3 units, each at its floor
    for name in expected:
        np.testing.assert_allclose(grads[name], expected[name], rtol=1e-11, atol=1e-14, err_msg=name)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_free_bits_are_checked_with_units_on_both_sides_of_the_mask(size):
    p, arguments = build(vae_free_bits, size)
    mu, logvar, *_ = forward(p, arguments["x"], arguments["eps"])
    kappa = 0.5 * (np.exp(logvar) + mu**2 - 1 - logvar).mean(axis=0)
    above = kappa - CASES[vae_free_bits][1]["free_bits"]
    assert above.max() > 0.05 and above.min() < -0.05, kappa
    assert np.abs(above).min() > 0.05, kappa
