"""Differences reject every specimen of the museum, and accept the right version of it on the same data."""

from functools import partial

import numpy as np
import pytest
from differences import numeric_gradient, relative_error
from networks import player

from minigen.byhand import contractive, gan, gradient_penalty, layers, museum, sparse, vae, wgan

N, Z, S, D, H, K = 7, 3, 11, 13, 17, 2
RIGHT, WRONG = (
    1e-7,
    1e-2,
)  # a right gradient agrees to 1e-9 here; a specimen is off by more than one in a hundred
rng = np.random.default_rng(3)
x, z, alpha = rng.random((N, D)), rng.normal(size=(N, Z)), rng.random((N, 1))
eps = rng.normal(size=(N, K))
generator = player("generator", Z, S, D, seed=1, scale=2.0)
critics = generator | player("critic", D, H, 1, seed=2, scale=1.4)
discriminators = generator | player("discriminator", D, H, 1, seed=4, scale=2.0)
before = discriminators | player("discriminator", D, H, 1, seed=5, scale=2.0)


def linear(**sizes):
    arrays = {}
    for name, (inputs, outputs) in sizes.items():
        arrays[f"{name}.weight"] = rng.normal(size=(inputs, outputs)) / inputs**0.5
        arrays[f"{name}.bias"] = 0.3 * rng.normal(size=outputs)
    return arrays


mixed = {"x": x, "z": z, "alpha": alpha, "lam": 0.7}
SPECIMENS = {
    museum.generator_that_never_trains: (wgan.wgan_generator, critics, {"z": z}),
    museum.contractive_without_gradient: (
        contractive.ae_contractive,
        linear(encoder=(D, H), decoder=(H, D)),
        {"x": x, "lam": 0.3},
    ),
    museum.sigma_is_the_variance: (
        vae.vae_bernoulli,
        linear(encoder=(D, H), mu=(H, K), logvar=(H, K), decoder=(K, H), output=(H, D)),
        {"x": x, "eps": eps},
    ),
    museum.penalty_without_curvature: (
        partial(gradient_penalty.wgan_gp_critic, activation="tanh"),
        critics,
        mixed,
    ),
    museum.critic_with_swapped_signs: (gradient_penalty.wgan_gp_critic, critics, mixed),
    partial(museum.stale_critic, before=before): (
        gan.gan_generator_nonsaturating,
        discriminators,
        {"z": z},
    ),
    museum.absolute_value_uphill: (
        sparse.ae_sparse_l1,
        linear(encoder=(D, H), decoder=(H, D)),
        {"x": x, "lam": 0.3},
    ),
    museum.one_cache_for_two_batches: (
        gan.gan_discriminator,
        discriminators,
        {"x": x, "z": z},
    ),
    partial(museum.noise_drawn_twice, again=rng.normal(size=(N, K))): (
        vae.vae_bernoulli,
        linear(encoder=(D, H), mu=(H, K), logvar=(H, K), decoder=(K, H), output=(H, D)),
        {"x": x, "eps": eps},
    ),
}
names = [getattr(specimen, "func", specimen).__name__ for specimen in SPECIMENS]


def errors(function, p, data):
    """The relative error of each gradient against differences; a gradient that is zero in both agrees."""
    _, grads = function(p, **data)
    numeric = {name: numeric_gradient(lambda q: function(q, **data)[0], p, name, order=2) for name in grads}
    return {
        name: relative_error(grads[name], numeric[name])
        for name in grads
        if np.abs(numeric[name]).max() > 1e-9
    }


@pytest.mark.parametrize("specimen", SPECIMENS, ids=names)
def test_differences_reject_the_specimen_and_accept_the_right_version(specimen):
    right, p, data = SPECIMENS[specimen]
    assert max(errors(right, p, data).values()) <= RIGHT
    assert max(errors(specimen, p, data).values()) > WRONG
    assert specimen(p, **data)[0] == right(p, **data)[0]  # the loss gives nothing away


def test_the_generator_stands_still_however_long_it_trains():
    p = critics
    for _ in range(20):
        _, grads = museum.generator_that_never_trains(p, z)
        p = p | {name: p[name] - 0.1 * g for name, g in grads.items()}
    assert all(np.array_equal(p[name], critics[name]) for name in p)


def test_no_difference_can_reject_a_floored_penalty():
    """sum // n is flat: its differences are 0 and agree with the zero gradient. The loss is wrong."""
    _, p, data = SPECIMENS[museum.contractive_without_gradient]

    def penalty(q):
        return contractive.ae_contractive(q, x, lam=500.0)[0] - contractive.ae_contractive(q, x, lam=0)[0]

    assert penalty(p) // 1 > 1
    assert not numeric_gradient(lambda q: penalty(q) // 1, p, "encoder.weight", order=2).any()
    assert numeric_gradient(penalty, p, "encoder.weight", order=2).any()


def test_the_missing_curvature_is_invisible_with_a_leaky_critic():
    leaky = mixed | {"activation": "leaky_relu"}
    assert max(errors(museum.penalty_without_curvature, critics, leaky).values()) <= RIGHT
    tanh = errors(museum.penalty_without_curvature, critics, mixed)
    assert tanh["critic.hidden.bias"] > WRONG and tanh["critic.output.weight"] <= RIGHT


def test_with_both_signs_swapped_the_distance_alone_is_exactly_opposite():
    _, grads = museum.critic_with_swapped_signs(critics, **mixed | {"lam": 0.0})
    _, right = wgan.wgan_critic(critics, x, z)
    assert all(np.array_equal(grads[name], -right[name]) for name in right)


def test_the_stale_gradient_belongs_to_neither_discriminator():
    stale = museum.stale_critic(discriminators, z, before=before)[1]
    for p in (discriminators, before):
        right = gan.gan_generator_nonsaturating(p, z)[1]
        assert all(relative_error(stale[name], right[name]) > WRONG for name in right)
    fresh = museum.stale_critic(discriminators, z, before=discriminators)[1]
    right = gan.gan_generator_nonsaturating(discriminators, z)[1]
    assert all(relative_error(fresh[name], right[name]) < 1e-15 for name in right)


def test_one_cache_is_enough_where_both_batches_are_equal():
    """Where both batches are the same rows, the hidden layer of the one is that of the other."""
    s = np.tanh(z @ generator["generator.hidden.weight"] + generator["generator.hidden.bias"])
    output = s @ generator["generator.output.weight"] + generator["generator.output.bias"]
    same = 1 / (1 + np.exp(-output))
    right = gan.gan_discriminator(discriminators, same, z)[1]
    specimen = museum.one_cache_for_two_batches(discriminators, same, z)[1]
    assert all(relative_error(specimen[name], right[name]) < 1e-12 for name in right)


def test_a_noise_drawn_twice_spoils_the_way_through_logvar_alone():
    _, p, data = SPECIMENS[museum.sigma_is_the_variance]
    wrong = errors(partial(museum.noise_drawn_twice, again=rng.normal(size=(N, K))), p, data)
    spoilt = {name for name, error in wrong.items() if error > WRONG}
    assert spoilt == {"encoder.weight", "encoder.bias", "logvar.weight", "logvar.bias"}
    assert max(errors(partial(museum.noise_drawn_twice, again=eps), p, data).values()) <= RIGHT


# ----- layers: (the right one, its arrays, what else it takes, the arrays whose gradient is wrong)


def normal(*shape):
    return rng.normal(size=shape)


LAYERS = {
    museum.statistics_as_constants: (
        layers.batch_norm,
        {"x": normal(N, 3), "weight": normal(3), "bias": normal(3)},
        {},
        {"x"},
    ),
    museum.upsampling_that_picks: (layers.upsample_nearest, {"x": normal(2, 3, 5, 2)}, {"factor": 2}, {"x"}),
    museum.softmax_one_by_one: (
        layers.softmax_cross_entropy,
        {"logits": normal(N, 5)},
        {"labels": rng.integers(0, 5, size=N)},
        {"logits"},
    ),
    museum.bias_in_every_product: (
        layers.conv2d,
        {"x": normal(2, 3, 5, 4), "weight": normal(4, 3, 2, 3), "bias": normal(4)},
        {},
        {"bias"},
    ),
    museum.tanh_for_its_slope: (layers.tanh, {"x": normal(N, 5)}, {}, {"x"}),
}


def errors_of_layer(layer, arrays, rest):
    """The relative error of each gradient against differences, for a gradient that comes from above."""
    out, backward = layer(**arrays, **rest)
    g = np.random.default_rng(8).normal(size=np.shape(out))
    gradients = backward(g)
    gradients = dict(zip(arrays, gradients if isinstance(gradients, tuple) else (gradients,), strict=True))

    def numeric(name):
        return numeric_gradient(lambda q: (layer(**q, **rest)[0] * g).sum(), arrays, name)

    return {name: relative_error(gradients[name], numeric(name)) for name in arrays}


@pytest.mark.parametrize("specimen", LAYERS, ids=lambda specimen: specimen.__name__)
def test_differences_reject_the_layer_for_what_it_spoils_alone(specimen):
    right, arrays, rest, spoilt = LAYERS[specimen]
    assert max(errors_of_layer(right, arrays, rest).values()) <= RIGHT
    wrong = errors_of_layer(specimen, arrays, rest)
    assert {name for name, error in wrong.items() if error > WRONG} == spoilt
    assert all(wrong[name] <= RIGHT for name in wrong.keys() - spoilt)


def test_the_error_of_the_bias_is_the_number_of_weights_of_a_kernel():
    _, arrays, _, _ = LAYERS[museum.bias_in_every_product]
    off = errors_of_layer(museum.bias_in_every_product, arrays, {})["bias"]
    assert off == pytest.approx((18 - 1) / (18 + 1))  # 3 channels, 2 x 3 taps


def test_every_specimen_is_here():
    specimens = [
        f.__name__ for f in vars(museum).values() if getattr(f, "__module__", None) == museum.__name__
    ]
    assert sorted(specimens) == sorted([*names, *(layer.__name__ for layer in LAYERS)])
