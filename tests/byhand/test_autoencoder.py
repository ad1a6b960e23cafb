"""Autoencoders by hand against differences, against planted mistakes, and against facts known beforehand."""

import numpy as np
import pytest
from differences import errors_by_name
from mutants import mutant

from minigen.byhand.autoencoder import ae_bce, ae_deep, ae_linear, ae_mse, ae_overcomplete, ae_tied
from minigen.byhand.contractive import ae_contractive
from minigen.byhand.conv_autoencoders import ae_conv
from minigen.byhand.denoising import ae_denoising_gaussian, ae_denoising_masking
from minigen.byhand.sparse import ae_sparse_kl, ae_sparse_l1

SIZES = [(5, 11, 7), (7, 5, 13)]  # N, D, H: distinct primes, H below D and above it
WORST = 1e-7  # the bound of the project; measured: 9e-12 with order 6, 3e-9 with order 2


def untied(D, H):
    return {
        "encoder.weight": (D, H),
        "encoder.bias": (H,),
        "decoder.weight": (H, D),
        "decoder.bias": (D,),
    }


def tied(D, H):
    return {"encoder.weight": (D, H), "encoder.bias": (H,), "decoder_bias": (D,)}


def deep(D, H):
    widths = [D, H, 3, 2, H, D]
    weights = {f"layers.{k}.weight": (widths[k], widths[k + 1]) for k in range(5)}
    return weights | {f"layers.{k}.bias": (widths[k + 1],) for k in range(5)}


def conv(D, H):
    del D  # pictures are 8 × 8
    return {
        "encoder.conv1.weight": (2, 1, 3, 3),
        "encoder.conv1.bias": (2,),
        "encoder.conv2.weight": (3, 2, 3, 3),
        "encoder.conv2.bias": (3,),
        "encoder.dense.weight": (12, H),
        "encoder.dense.bias": (H,),
        "decoder.dense.weight": (H, 12),
        "decoder.dense.bias": (12,),
        "decoder.conv1.weight": (3, 2, 3, 3),
        "decoder.conv1.bias": (2,),
        "decoder.conv2.weight": (2, 1, 3, 3),
        "decoder.conv2.bias": (1,),
    }


# function: the shapes of its parameters, its hyper-parameters, and the order of the differences, which is 2
# where |h| has kinks and where six evaluations would take long
CASES = {
    ae_linear: (untied, {}, 6),
    ae_mse: (untied, {}, 6),
    ae_bce: (untied, {}, 6),
    ae_tied: (tied, {}, 6),
    ae_overcomplete: (untied, {"lam": 0.03}, 6),
    ae_deep: (deep, {}, 6),
    ae_denoising_gaussian: (untied, {"sigma": 0.3}, 6),
    ae_denoising_masking: (untied, {}, 6),
    ae_sparse_kl: (untied, {"rho": 0.05, "beta": 0.7}, 6),
    ae_sparse_l1: (untied, {"lam": 0.03}, 2),
    ae_contractive: (untied, {"lam": 0.03}, 6),
    ae_conv: (conv, {}, 2),
}

# function, one piece of its formula, a mistake that people make there
MISTAKES = [
    (ae_linear, "gxhat = (xhat - x) / N", "gxhat = (xhat - x) / x.size"),  # mean over pixels too
    (ae_mse, "gh * (1 - h**2)", "gh * h * (1 - h)"),  # the slope of another activation
    (ae_bce, "(sigmoid(logits) - x) / N", "(sigmoid(logits) - x) * sigmoid(logits) / N"),  # no cancelling
    (ae_tied, " + delta2.T @ h", ""),  # the decoder's use of W forgotten
    (ae_tied, "x.T @ delta1 + ", ""),  # the encoder's use of W forgotten
    (ae_overcomplete, "h.T @ delta2 + lam * W2", "h.T @ delta2 + 2 * lam * W2"),  # the ½ of the decay
    (ae_deep, " * (1 - h[k + 1] ** 2)", ""),  # the activation skipped
    (
        ae_denoising_gaussian,
        "* noise)",
        "* noise)[0], ae_denoising(p, x, x)[1]",
    ),  # gradients of the clean run
    (ae_denoising_masking, "x * mask)", "x * mask)[0], ae_denoising(p, x, x)[1]"),
    (ae_sparse_kl, "+ grhohat / N", "+ grhohat"),  # a rate is a mean
    (ae_sparse_kl, " + (1 - rho) / (1 - rhohat))", ")"),  # half of the divergence
    (ae_sparse_l1, "np.sign(h)", "h"),
    (ae_contractive, " + gs * (1 - 2 * h)", ""),  # the slope's path, σ″
    (ae_contractive, " + 2 * W1 * gc", ""),  # the weights' path
    (ae_conv, "gu1 * (1 - u1**2)", "gu1"),
]


def build(function, size, dtype=np.float64, seed=0):
    """(parameters, arguments) drawn for one case; read-only: a function that writes to them raises."""
    N, D, H = size
    shapes, keywords, _ = CASES[function]
    rng = np.random.default_rng(seed)
    p = {name: rng.normal(0, 0.5, shape) for name, shape in shapes(D, H).items()}
    x = rng.uniform(size=(N, 1, 8, 8) if function is ae_conv else (N, D))
    extra = {
        ae_denoising_gaussian: {"noise": rng.normal(size=x.shape)},
        ae_denoising_masking: {"mask": (rng.uniform(size=x.shape) < 0.8).astype(float)},
    }
    arrays = {name: array.astype(dtype) for name, array in {"x": x, **extra.get(function, {})}.items()}
    p = {name: array.astype(dtype) for name, array in p.items()}
    for array in [*p.values(), *arrays.values()]:
        array.flags.writeable = False
    return p, arrays | keywords


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
    twice = {k: np.concatenate([v, v]) if isinstance(v, np.ndarray) else v for k, v in arguments.items()}
    (loss, grads), (loss2, grads2) = function(p, **arguments), function(p, **twice)
    assert loss2 == pytest.approx(loss, rel=1e-12)
    for name in grads:
        np.testing.assert_allclose(grads2[name], grads[name], rtol=1e-10, atol=1e-13, err_msg=name)


# ---- values: differences cannot see that the wrong loss was differentiated


def test_squared_error_is_half_the_squared_length_averaged_over_examples():
    p, arguments = build(ae_mse, SIZES[0])
    lengths = []
    for x in arguments["x"]:
        h = np.tanh(x @ p["encoder.weight"] + p["encoder.bias"])
        lengths.append(np.linalg.norm(h @ p["decoder.weight"] + p["decoder.bias"] - x) ** 2 / 2)
    assert ae_mse(p, **arguments)[0] == pytest.approx(np.mean(lengths), rel=1e-13)


def test_cross_entropy_is_the_log_likelihood_of_coins():
    p, arguments = build(ae_bce, SIZES[0])
    x = arguments["x"]
    logits = np.tanh(x @ p["encoder.weight"] + p["encoder.bias"]) @ p["decoder.weight"] + p["decoder.bias"]
    picture = 1 / (1 + np.exp(-logits))
    expected = -(x * np.log(picture) + (1 - x) * np.log(1 - picture)).sum(axis=1).mean()
    assert ae_bce(p, x)[0] == pytest.approx(expected, rel=1e-13)


@pytest.mark.filterwarnings("error")
def test_cross_entropy_at_far_logits_is_linear_and_quiet():
    p, arguments = build(ae_bce, SIZES[0])
    x = np.zeros_like(arguments["x"])
    p["decoder.bias"] = np.full_like(p["decoder.bias"], 1e4)
    loss, grads = ae_bce(p, x)
    assert loss == pytest.approx(1e4 * x.shape[1], rel=1e-2)
    np.testing.assert_allclose(grads["decoder.bias"], 1.0)  # σ = 1, x = 0


@pytest.mark.parametrize(
    ("rhohat", "expected"), [(0.1, 0.01671), (0.2, 0.09394), (0.5, 0.49463), (0.05, 0.0)]
)
def test_sparse_penalty_has_the_published_values(rhohat, expected):
    p, arguments = build(ae_sparse_kl, SIZES[0])
    p["encoder.weight"] = np.zeros_like(p["encoder.weight"])
    p["encoder.bias"] = np.full_like(p["encoder.bias"], np.log(rhohat / (1 - rhohat)))
    with_penalty, without = (ae_sparse_kl(p, arguments["x"], rho=0.05, beta=beta)[0] for beta in (1.0, 0.0))
    units = len(p["encoder.bias"])
    assert with_penalty - without == pytest.approx(units * expected, abs=units * 5e-6)  # five printed digits


def test_a_silent_unit_has_no_l1_gradient():
    p, arguments = build(ae_sparse_l1, SIZES[0])
    p["encoder.weight"] = p["encoder.weight"] * (np.arange(7) != 2)
    p["encoder.bias"] = p["encoder.bias"] * (np.arange(7) != 2)  # unit 2: h = 0 exactly, at the kink
    (_, free), (_, taxed) = (ae_sparse_l1(p, arguments["x"], lam=lam) for lam in (0.0, 0.5))
    same = np.isclose(free["encoder.bias"], taxed["encoder.bias"], rtol=1e-12, atol=0)
    np.testing.assert_array_equal(same, np.arange(7) == 2)


def test_contractive_penalty_is_the_squared_size_of_the_jacobian():
    p, arguments = build(ae_contractive, SIZES[0])
    x, step = arguments["x"], 1e-5

    def encode(x):
        return 1 / (1 + np.exp(-(x @ p["encoder.weight"] + p["encoder.bias"])))

    columns = [(encode(x + step * e) - encode(x - step * e)) / (2 * step) for e in np.eye(x.shape[1])]
    penalty = ae_contractive(p, x, lam=1.0)[0] - ae_contractive(p, x, lam=0.0)[0]
    assert penalty == pytest.approx((np.stack(columns) ** 2).sum() / len(x), rel=1e-8)


# ---- identities between models


def test_tied_gradient_is_the_sum_of_the_two_untied_ones():
    p, arguments = build(ae_tied, SIZES[0])
    W = p["encoder.weight"]
    two = {"decoder.weight": W.T, "decoder.bias": p["decoder_bias"]} | p
    (loss, grads), (loss2, grads2) = ae_tied(p, **arguments), ae_mse(two, **arguments)
    assert loss == loss2
    expected = grads2["encoder.weight"] + grads2["decoder.weight"].T
    np.testing.assert_allclose(grads["encoder.weight"], expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (ae_denoising_gaussian, {"noise": np.ones((5, 11)), "sigma": 0.0}),
        (ae_denoising_masking, {"mask": np.ones((5, 11))}),
        (ae_overcomplete, {"lam": 0.0}),
        (ae_sparse_l1, {"lam": 0.0}),
    ],
)
def test_without_its_addition_every_variant_is_the_plain_autoencoder(function, arguments):
    p, plain = build(ae_mse, SIZES[0])
    (loss, grads), (expected_loss, expected) = function(p, plain["x"], **arguments), ae_mse(p, plain["x"])
    assert loss == expected_loss
    for name in expected:
        np.testing.assert_array_equal(grads[name], expected[name], err_msg=name)


def test_a_linear_autoencoder_rests_at_the_pca_subspace():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(17, 5)) @ rng.normal(size=(5, 5))
    mean = x.mean(axis=0)
    _, singular, axes = np.linalg.svd(x - mean, full_matrices=False)
    mix = rng.normal(size=(2, 2))  # any basis of the subspace will do
    p = {"encoder.weight": axes[:2].T @ mix, "decoder.weight": np.linalg.inv(mix) @ axes[:2]}
    p |= {"encoder.bias": -mean @ p["encoder.weight"], "decoder.bias": mean}
    loss, grads = ae_linear(p, x)
    assert loss == pytest.approx((singular[2:] ** 2).sum() / 2 / 17, rel=1e-12)
    assert max(np.abs(g).max() for g in grads.values()) < 1e-12  # measured 4e-15
