"""Wasserstein networks by hand: gradients against differences, the penalty's second order included."""

import numpy as np
import pytest
from differences import numeric_gradient, relative_error
from mutants import mutant
from networks import float32, player

from minigen.byhand import gradient_penalty, wgan

TOLERANCE = 1e-7  # measured: at most 7e-11 by order 2 and 3e-13 by order 6
ZERO = 1e-15  # critic.output.bias: the two means cancel, what is left is rounding

N, Z, S, D, H = 7, 3, 11, 13, 17
p = player("generator", Z, S, D, seed=1, scale=2.0) | player("critic", D, H, 1, seed=2, scale=1.4)
rng = np.random.default_rng(3)
x, z, alpha = rng.normal(size=(N, D)), rng.normal(size=(N, Z)), rng.random((N, 1))
mixed = {"x": x, "z": z, "alpha": alpha, "lam": 0.3}

# name: (loss, the player that is trained, the data, order of the differences)
CASES = {
    f"{subject} {activation}": (loss, trained, data | {"activation": activation}, order)
    for subject, loss, trained, data in [
        ("critic", wgan.wgan_critic, "critic", {"x": x, "z": z[:5]}),
        ("generator", wgan.wgan_generator, "generator", {"z": z}),
        ("penalty", gradient_penalty.wgan_gp_critic, "critic", mixed),
    ]
    for activation, order in [("tanh", 6), ("leaky_relu", 2)]
}
every_loss = pytest.mark.parametrize(("loss", "trained", "data", "order"), CASES.values(), ids=CASES)


def errors(loss, trained, data, order):
    """The relative error of each gradient of the trained player; that of the zero one is absolute."""
    names = [name for name in p if name.startswith(trained)]
    grads = loss(p, **data)[1]
    assert sorted(grads) == sorted(names)
    numeric = {name: numeric_gradient(lambda q: loss(q, **data)[0], p, name, order) for name in names}
    if trained == "critic":
        assert np.abs(numeric.pop("critic.output.bias")) < 1e-9
        assert np.abs(grads["critic.output.bias"]) < ZERO
    return {name: relative_error(grads[name], numeric[name]) for name in numeric}


@every_loss
def test_gradients_agree_with_differences(loss, trained, data, order):
    assert max(errors(loss, trained, data, order).values()) <= TOLERANCE


@every_loss
def test_dtype_is_kept_and_inputs_are_untouched(loss, trained, data, order):
    single, data = float32(p), float32(data)
    before = {name: value.copy() for name, value in single.items()}
    value, grads = loss(single, **data)
    assert value.dtype == np.float32
    assert all(gradient.dtype == np.float32 for gradient in grads.values())
    assert all(np.array_equal(single[name], before[name]) for name in single)


MISTAKES = [
    (
        "critic tanh",
        "np.full_like(f_r, -1 / N), np.full_like(f_f, 1 / M)",
        "np.full_like(f_r, 1 / N), np.full_like(f_f, -1 / M)",
    ),
    ("critic leaky_relu", "x.T @ da_r + x_f.T @ da_f", "x.T @ da_r"),
    ("critic tanh", "df_r @ W2.T * phi_slope(a_r)", "df_r @ W2.T * phi_slope(h_r)"),
    ("generator tanh", "np.full_like(f_f, -1 / N)", "np.full_like(f_f, 1 / N)"),  # downhill for the critic
    ("generator leaky_relu", "gx_f = da_f @ W1.T", "gx_f = np.broadcast_to(df_f, x_f.shape)"),
    (
        "penalty tanh",
        "dahat = gq * W2.T * phi_curvature(ahat)",
        "dahat = 0 * gq",
    ),  # the second derivative dropped
    ("penalty leaky_relu", " + gv.T @ q", ""),
    ("penalty leaky_relu", " + (gq * phi_slope(ahat)).sum(0)[:, None]", ""),
    ("penalty leaky_relu", "gv = grho * v / rho", "gv = grho * v"),  # not a unit vector
    ("penalty leaky_relu", "grho = 2 * lam / N", "grho = lam / N"),
    (
        "penalty leaky_relu",
        "grho = 2 * lam / N * (rho - 1)",
        "grho = 2 * lam / N * np.maximum(rho - 1, 0)",
    ),  # one-sided
    ("penalty tanh", " + dahat.sum(0)", ""),
    ("penalty tanh", "xhat.T @ dahat", "x.T @ dahat"),
]


@pytest.mark.parametrize(("case", "right", "wrong"), MISTAKES)
def test_differences_reject_a_planted_mistake(case, right, wrong):
    loss, *rest = CASES[case]
    assert max(errors(mutant(loss, right, wrong), *rest).values()) > 1e-3


def test_a_dropped_second_derivative_hides_behind_a_leaky_critic():
    """φ'' = 0 there, so only the tanh case can see the mistake: both are needed."""
    loss, *rest = CASES["penalty leaky_relu"]
    broken = mutant(loss, "dahat = gq * W2.T * phi_curvature(ahat)", "dahat = 0 * gq")
    assert max(errors(broken, *rest).values()) <= TOLERANCE


def critic(rows, phi):
    a = phi(rows @ p["critic.hidden.weight"] + p["critic.hidden.bias"])
    return a @ p["critic.output.weight"] + p["critic.output.bias"]


def samples():
    s = np.tanh(z @ p["generator.hidden.weight"] + p["generator.hidden.bias"])
    return 1 / (1 + np.exp(-s @ p["generator.output.weight"] - p["generator.output.bias"]))


ACTIVATIONS = [("tanh", np.tanh, 6), ("leaky_relu", lambda t: np.maximum(t, t / 5), 2)]


@pytest.mark.parametrize(("activation", "phi", "order"), ACTIVATIONS)
def test_losses_are_differences_of_means(activation, phi, order):
    gap = critic(samples(), phi).mean() - critic(x, phi).mean()
    assert np.isclose(wgan.wgan_critic(p, x, z, activation=activation)[0], gap, rtol=1e-12)
    generator_loss = wgan.wgan_generator(p, z, activation=activation)[0]
    assert np.isclose(generator_loss, -critic(samples(), phi).mean(), rtol=1e-12)


@pytest.mark.parametrize(("activation", "phi", "order"), ACTIVATIONS)
def test_penalty_is_the_squared_distance_of_the_slope_from_one(activation, phi, order):
    """The slope at the mixed samples by differences; some above 1, some below: no one-sided rule fits."""
    xhat = alpha * x + (1 - alpha) * samples()
    slope = numeric_gradient(lambda q: critic(q["x"], phi).sum(), {"x": xhat}, "x", order)
    norm = np.linalg.norm(slope, axis=1)
    assert norm.min() < 0.95 and norm.max() > 1.05
    settings = {"activation": activation}
    penalty = (
        gradient_penalty.wgan_gp_critic(p, **mixed, **settings)[0] - wgan.wgan_critic(p, x, z, **settings)[0]
    )
    assert np.isclose(penalty, 0.3 * ((norm - 1) ** 2).mean(), rtol=1e-8)


def test_penalty_of_a_flat_critic_is_finite():
    """W2 = 0: every slope is 0, where a bare norm has no gradient; the floor under the root gives one, 0."""
    flat = p | {"critic.output.weight": np.zeros((H, 1))}
    value, grads = gradient_penalty.wgan_gp_critic(flat, **mixed)
    gap = wgan.wgan_critic(flat, x, z)[0]
    assert np.isclose(value, gap + 0.3 * (1 - 1e-6) ** 2, rtol=1e-12)
    assert all(np.isfinite(gradient).all() for gradient in grads.values())


def test_alpha_must_be_one_number_a_pair():
    with pytest.raises(
        ValueError, match=r"expected z \(7, Z\) and alpha \(7, 1\), got z \(7, 3\) and alpha \(7,\)"
    ):
        gradient_penalty.wgan_gp_critic(p, x, z, alpha[:, 0], lam=1.0)
    with pytest.raises(ValueError, match="every real sample is mixed with one fake"):
        gradient_penalty.wgan_gp_critic(p, x, z[:5], alpha, lam=1.0)
