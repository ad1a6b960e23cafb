"""Adversarial networks by hand: gradients against differences, losses against their definition."""

import numpy as np
import pytest
from differences import numeric_gradient, relative_error
from mutants import mutant
from networks import float32, player

from minigen.byhand import dcgan, gan

TOLERANCE = 1e-7  # measured: at most 2e-10 by order 2 and 3e-13 by order 6

N, M, Z, S, D, H = 7, 5, 3, 11, 13, 17
generator = player("generator", Z, S, D, seed=1, scale=2.0)
discriminator = player("discriminator", D, H, 1, seed=2, scale=2.0)
rng = np.random.default_rng(3)
x, z = rng.random((N, D)), rng.normal(size=(M, Z))
packed = player("discriminator", 2 * D, H, 1, seed=4, scale=2.0)
packs = {"x": rng.random((10, D)), "z": rng.normal(size=(6, Z)), "pack": 2}


def dcgan_parameters(seed=5, Z=3, C=5, B=2, E=2, F=5):
    rng = np.random.default_rng(seed)
    shapes = {
        "generator.dense.weight": (Z, 4 * C),
        "generator.dense.bias": (4 * C,),
        "generator.norm0.weight": (C,),
        "generator.norm0.bias": (C,),
        "generator.conv1.weight": (C, B, 4, 4),
        "generator.norm1.weight": (B,),
        "generator.norm1.bias": (B,),
        "generator.conv2.weight": (B, 1, 4, 4),
        "generator.conv2.bias": (1,),
        "discriminator.conv1.weight": (E, 1, 4, 4),
        "discriminator.conv1.bias": (E,),
        "discriminator.conv2.weight": (F, E, 4, 4),
        "discriminator.norm2.weight": (F,),
        "discriminator.norm2.bias": (F,),
        "discriminator.dense.weight": (4 * F, 1),
        "discriminator.dense.bias": (1,),
    }
    return {name: 0.4 * rng.normal(size=shape) + ("norm" in name) for name, shape in shapes.items()}


pictures = {"x": rng.uniform(-1, 1, (5, 1, 8, 8)), "z": rng.normal(size=(6, 3))}

# name: (loss, the parameters of both players, the player that is trained, the data, order of the differences)
CASES = {
    "discriminator": (gan.gan_discriminator, generator | discriminator, "discriminator", {"x": x, "z": z}, 2),
    "minimax": (gan.gan_generator_minimax, generator | discriminator, "generator", {"z": z}, 2),
    "nonsaturating": (gan.gan_generator_nonsaturating, generator | discriminator, "generator", {"z": z}, 2),
    "label smoothing": (
        gan.gan_label_smoothing,
        generator | discriminator,
        "discriminator",
        {"x": x, "z": z, "smooth": 0.9},
        2,
    ),
    "r1 tanh": (
        gan.gan_r1,
        generator | discriminator,
        "discriminator",
        {"x": x, "z": z, "gamma": 0.7, "activation": "tanh"},
        6,
    ),
    "r1 leaky": (gan.gan_r1, generator | discriminator, "discriminator", {"x": x, "z": z, "gamma": 0.7}, 2),
    "packed": (gan.gan_packed, generator | packed, "discriminator", packs, 2),
    "packed by three": (
        gan.gan_packed,
        generator | player("discriminator", 3 * D, H, 1, seed=6),
        "discriminator",
        {"x": rng.random((9, D)), "z": rng.normal(size=(6, Z)), "pack": 3},
        2,
    ),
    "dcgan discriminator": (dcgan.dcgan_discriminator, dcgan_parameters(), "discriminator", pictures, 2),
    "dcgan generator": (dcgan.dcgan_generator, dcgan_parameters(), "generator", {"z": pictures["z"]}, 2),
}
every_loss = pytest.mark.parametrize(("loss", "p", "trained", "data", "order"), CASES.values(), ids=CASES)


def errors(loss, p, trained, data, order):
    """The relative error of each gradient of the trained player, by name."""
    names = [name for name in p if name.startswith(trained)]
    grads = loss(p, **data)[1]
    # one gradient for each parameter of this player, none for the other's
    assert sorted(grads) == sorted(names)
    return {
        name: relative_error(grads[name], numeric_gradient(lambda q: loss(q, **data)[0], p, name, order))
        for name in names
    }


@every_loss
def test_gradients_agree_with_differences(loss, p, trained, data, order):
    assert max(errors(loss, p, trained, data, order).values()) <= TOLERANCE


@every_loss
def test_dtype_is_kept_and_inputs_are_untouched(loss, p, trained, data, order):
    p, data = float32(p), float32(data)
    before = {name: value.copy() for name, value in p.items()}
    value, grads = loss(p, **data)
    assert value.dtype == np.float32
    assert all(gradient.dtype == np.float32 for gradient in grads.values())
    assert all(np.array_equal(p[name], before[name]) for name in p)


MISTAKES = [
    (
        "discriminator",
        "-sigmoid(-l_r) / N, sigmoid(l_f) / M",
        "sigmoid(l_r) / N, -sigmoid(-l_f) / M",
    ),  # labels swapped
    ("discriminator", "gb1 = da_r.sum(0) + da_f.sum(0)", "gb1 = da_r.sum(0)"),  # one half forgotten
    ("discriminator", "sigmoid(l_f) / M", "sigmoid(l_f) / (N + M)"),  # averaged over both batches
    ("discriminator", "dl_f @ W2.T * leaky_relu_slope(a_f)", "dl_f @ W2.T"),
    ("minimax", "dl_f = -sigmoid(l_f) / N", "dl_f = -sigmoid(-l_f) / N"),  # the other game's, same sign
    ("nonsaturating", "dl_f = -sigmoid(-l_f) / N", "dl_f = -sigmoid(l_f) / N"),
    (
        "nonsaturating",
        "gx_f = da_f @ W1.T",
        "gx_f = np.broadcast_to(dl_f, x_f.shape)",
    ),  # past the discriminator
    ("nonsaturating", "do = gx_f * x_f * (1 - x_f)", "do = gx_f"),
    ("nonsaturating", "(1 - s**2)", "(s - s**2)"),
    ("label smoothing", "(sigmoid(l_r) - smooth) / N", "-sigmoid(-l_r) / N"),
    ("r1 tanh", " + gq * W2.T * phi_curvature(a_r)", ""),  # the second derivative dropped
    ("r1 leaky", " + gv.T @ q", ""),
    ("r1 leaky", " + (gq * phi_slope(a_r)).sum(0)[:, None]", ""),
    ("r1 leaky", "gv = gamma / N * v", "gv = 2 * gamma / N * v"),  # gamma for gamma / 2
    ("packed", "-m * sigmoid(-l_r) / N", "-sigmoid(-l_r) / N"),
    ("dcgan discriminator", "grads_r[name] + grads_f[name]", "grads_r[name]"),
    ("dcgan generator", "dl_f = -sigmoid(-l_f) / N", "dl_f = -sigmoid(-l_f)"),
]


@pytest.mark.parametrize(("case", "right", "wrong"), MISTAKES)
def test_differences_reject_a_planted_mistake(case, right, wrong):
    loss, *rest = CASES[case]
    assert max(errors(mutant(loss, right, wrong), *rest).values()) > 1e-2


def test_a_dropped_second_derivative_hides_behind_a_leaky_critic():
    """φ'' = 0 there, so only the tanh case can see the mistake: both are needed."""
    loss, *rest = CASES["r1 leaky"]
    broken = mutant(loss, " + gq * W2.T * phi_curvature(a_r)", "")
    assert max(errors(broken, *rest).values()) <= TOLERANCE


def network(p, name, rows, hidden, output):
    a = hidden(rows @ p[f"{name}.hidden.weight"] + p[f"{name}.hidden.bias"])
    return output(a @ p[f"{name}.output.weight"] + p[f"{name}.output.bias"])


def leaky(t):
    return np.maximum(t, t / 5)


def logistic(t):
    return 1 / (1 + np.exp(-t))


def test_losses_are_their_definitions():
    """Cross-entropies of probabilities, as the paper has them; none of these is near 0 or 1."""
    p = generator | discriminator
    x_f = network(p, "generator", z, np.tanh, logistic)
    real = network(p, "discriminator", x, leaky, logistic)
    fake = network(p, "discriminator", x_f, leaky, logistic)
    from_fake = np.log(1 - fake).mean()
    assert np.isclose(gan.gan_discriminator(p, x, z)[0], -np.log(real).mean() - from_fake, rtol=1e-12)
    assert np.isclose(gan.gan_generator_minimax(p, z)[0], from_fake, rtol=1e-12)
    assert np.isclose(gan.gan_generator_nonsaturating(p, z)[0], -np.log(fake).mean(), rtol=1e-12)
    smoothed = -(0.9 * np.log(real) + 0.1 * np.log(1 - real)).mean() - from_fake
    assert np.isclose(gan.gan_label_smoothing(p, x, z, smooth=0.9)[0], smoothed, rtol=1e-12)


@pytest.mark.parametrize(("activation", "phi", "order"), [("tanh", np.tanh, 6), ("leaky_relu", leaky, 2)])
def test_r1_is_half_gamma_times_the_squared_slope(activation, phi, order):
    """The slope at the real samples by differences: no derivative by hand in it."""
    p = generator | discriminator

    def logits(q):
        return network(p, "discriminator", q["x"], phi, lambda t: t).sum()

    slope = numeric_gradient(logits, {"x": x}, "x", order)
    with_penalty, without = (gan.gan_r1(p, x, z, gamma=g, activation=activation)[0] for g in (0.7, 0))
    assert np.isclose(with_penalty - without, 0.35 * (slope**2).sum(1).mean(), rtol=1e-8)


def test_r1_without_weight_and_packs_of_one_are_the_plain_loss():
    p = generator | discriminator
    plain, plain_grads = gan.gan_discriminator(p, x, z)
    for value, grads in (gan.gan_r1(p, x, z, gamma=0.0), gan.gan_packed(p, x, z, pack=1)):
        assert np.isclose(value, plain, rtol=1e-14)
        assert all(np.allclose(grads[name], plain_grads[name], rtol=1e-12, atol=1e-16) for name in grads)


def test_a_pack_is_neighbouring_rows_side_by_side():
    """The first pack's discriminator reads rows 0 and 1: its loss is that of the wider row."""
    p = generator | packed
    two = packs["x"][:2]
    real_part = (
        gan.gan_packed(p, two, packs["z"], pack=2)[0] - gan.gan_packed(p, two[::-1], packs["z"], pack=2)[0]
    )
    wide, reversed_wide = np.concatenate(two)[None], np.concatenate(two[::-1])[None]
    logits = [network(p, "discriminator", row, leaky, lambda t: t)[0, 0] for row in (wide, reversed_wide)]
    assert np.isclose(real_part, np.logaddexp(0, -logits[0]) - np.logaddexp(0, -logits[1]), rtol=1e-10)


def test_minimax_saturates_where_nonsaturating_does_not():
    """A discriminator that is sure, every fake logit near −30: e^30 lies between the two gradients."""
    p = generator | discriminator
    p["discriminator.output.bias"] = p["discriminator.output.bias"] - 30
    minimax, nonsaturating = (
        np.linalg.norm(f(p, z)[1]["generator.hidden.weight"])
        for f in (gan.gan_generator_minimax, gan.gan_generator_nonsaturating)
    )
    assert 0 < minimax < 1e-9 * nonsaturating


def test_unknown_activation_and_packs_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="expected one of"):
        gan.gan_r1(generator | discriminator, x, z, gamma=1.0, activation="cosine")
    with pytest.raises(ValueError, match="7 real and 5 fake samples do not fill packs of 2"):
        gan.gan_packed(generator | packed, x, z, pack=2)
