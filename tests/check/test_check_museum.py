"""`minigen check`, with a published mistake in place of the derivation, says `wrong` for
the parameters it spoils.
"""

import numpy as np
import pytest

from minigen import nn
from minigen.byhand import contractive, gan, gradient_penalty, layers, museum, sparse, vae, wgan
from minigen.byhand.layers import batch_norm
from minigen.check import compare, layer_subject, subjects
from minigen.check.subjects import gans
from minigen.check.subjects.registry import Setting


def stale_critic(p, z):
    """The discriminator that the forward pass saw had other weights."""
    return museum.stale_critic(p, z, before={name: 1.3 * array for name, array in p.items()})


def noise_drawn_twice(p, x, eps):
    """The stored noise is that of another row."""
    return museum.noise_drawn_twice(p, x, eps, again=eps[::-1])


SPECIMENS = [
    ("wgan-generator", wgan, "wgan_generator", museum.generator_that_never_trains),
    ("ae-contractive", contractive, "ae_contractive", museum.contractive_without_gradient),
    ("vae-bernoulli", vae, "vae_bernoulli", museum.sigma_is_the_variance),
    ("wgan-gp-critic-tanh", gradient_penalty, "wgan_gp_critic", museum.penalty_without_curvature),
    ("wgan-gp-critic-leaky", gradient_penalty, "wgan_gp_critic", museum.critic_with_swapped_signs),
    ("gan-generator-nonsaturating", gan, "gan_generator_nonsaturating", stale_critic),
    ("ae-sparse-l1", sparse, "ae_sparse_l1", museum.absolute_value_uphill),
    ("vae-bernoulli", vae, "vae_bernoulli", noise_drawn_twice),
]


@pytest.mark.parametrize(
    ("name", "home", "right", "specimen"), SPECIMENS, ids=lambda x: getattr(x, "__name__", None)
)
def test_the_checker_rejects_a_specimen(monkeypatch, name, home, right, specimen):
    accepted = compare(subjects.build(name))
    assert {record.verdict for record in accepted} == {"ok"}
    monkeypatch.setattr(home, right, specimen)
    rejected = [record.parameter for record in compare(subjects.build(name)) if record.verdict == "wrong"]
    assert set(rejected) & {record.parameter for record in accepted}


@pytest.mark.parametrize(("by_hand", "spoilt"), [(batch_norm, []), (museum.statistics_as_constants, ["x"])])
def test_the_statistics_of_a_batch_are_no_constants(by_hand, spoilt):
    rng = np.random.default_rng(6)
    arrays = {"x": rng.normal(size=(7, 5)), "weight": rng.normal(size=5), "bias": rng.normal(size=5)}
    records = compare(layer_subject("batch-norm", nn.batch_norm, by_hand, arrays))
    assert [record.parameter for record in records if record.verdict == "wrong"] == spoilt


@pytest.mark.parametrize(
    ("name", "right", "specimen", "spoilt"),
    [
        ("upsample-nearest", "upsample_nearest", museum.upsampling_that_picks, "x"),
        ("softmax-cross-entropy", "softmax_cross_entropy", museum.softmax_one_by_one, "logits"),
        ("conv2d", "conv2d", museum.bias_in_every_product, "(loss)"),  # the forward is another
        ("tanh", "tanh", museum.tanh_for_its_slope, "x"),
    ],
)
def test_the_checker_rejects_a_layer(monkeypatch, name, right, specimen, spoilt):
    assert {record.verdict for record in compare(subjects.build(name))} == {"ok"}
    monkeypatch.setattr(layers, right, specimen)
    rejected = {record.parameter for record in compare(subjects.build(name)) if record.verdict == "wrong"}
    assert spoilt in rejected


@pytest.mark.parametrize(
    ("by_hand", "verdicts"),
    [(gan.gan_discriminator, {"ok"}), (museum.one_cache_for_two_batches, {"ok", "wrong"})],
)
def test_one_cache_serves_one_batch(by_hand, verdicts):
    """Both batches have one size, as where it was seen: with two sizes the mistake would stop the program."""
    s = Setting("gan-discriminator", "cpu")
    records = compare(gans._discriminator(s, gans._game(s), s.digits(7), s.noise(7, 3), by_hand))
    assert {record.verdict for record in records} == verdicts
