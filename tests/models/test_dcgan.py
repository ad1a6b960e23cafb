"""Convolutional adversarial networks by tape: checkerboards, batch norm, and PyTorch's opinion."""

import numpy as np
import pytest

from minigen import conv_transpose2d, grad, metrics
from minigen.models import GAN, DCGANDiscriminator, DCGANGenerator

N, Z = 7, 3
rng = np.random.default_rng(0)
x, z = rng.uniform(-1, 1, (N, 1, 8, 8)), rng.standard_normal((N, Z))


def networks(dtype="float64", init="xavier", size=8):
    how = {"init": init, "rng": np.random.default_rng(1), "dtype": dtype}
    return DCGANGenerator(Z, (5, 2), size, **how), DCGANDiscriminator((3, 5), size, **how)


def stirred(game):
    """Biases and the scales of batch norm start alike; moved, they cannot hide a mistake."""
    for p in game.parameters():
        if p.ndim == 1:
            p.data[...] = np.random.default_rng(p.size).normal(0.5, 0.3, p.shape)
    return game


# ----- what a transposed convolution paints ----------------------------------------------------------------


COUNTS = {  # (kernel, stride): how often each pixel is painted, and the largest count over the smallest
    (3, 2): ({1, 2, 4}, 4),
    (5, 2): ({4, 6, 9}, 2.25),  # the DCGAN paper
    (5, 3): ({1, 2, 4}, 4),
    (4, 2): ({4}, 1),  # ours
    (2, 2): ({1}, 1),
    (6, 3): ({4}, 1),
}


@pytest.mark.parametrize(("kernel", "stride"), COUNTS)
def test_how_often_a_transposed_convolution_paints_a_pixel(kernel, stride):
    """Ones over ones are counts; uneven ones are the checkerboard (Odena et al. 2016)."""
    counts, ratio = COUNTS[kernel, stride]
    ones = np.ones((1, 1, 9, 9))
    painted = conv_transpose2d(ones, np.ones((1, 1, kernel, kernel)), stride=stride)[0, 0]
    inside = painted[6 : 6 + 2 * stride, 6 : 6 + 2 * stride]  # two periods, away from the border
    assert set(inside.ravel()) == counts and inside.max() / inside.min() == ratio
    assert set(metrics.overlap_counts(kernel, stride).ravel()) == counts


def test_both_transposed_layers_of_the_generator_paint_all_pixels_alike():
    """With weights of 1 and a flat picture below, the middle of the picture is flat."""
    generator, _ = networks()
    for layer in (generator.conv1, generator.conv2):
        layer.weight.data[...] = 1
        below = np.ones((1, layer.weight.shape[0], 4, 4))
        middle = layer(below).data[0, 0, 1:-1, 1:-1]
        assert np.ptp(middle) == 0 and middle[0, 0] == 4 * layer.weight.shape[0]


# ----- the networks ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "picture"), [(8, (8, 8)), (28, (28, 28)), ((4, 12), (4, 12))])
def test_pictures_of_any_size_that_can_be_halved_twice(size, picture):
    generator, judge = networks(size=size)
    painted = generator(20 * z)
    assert painted.shape == (N, 1, *picture) and judge(painted).shape == (N, 1)
    assert -1 <= painted.data.min() < -0.1 and 0.1 < painted.data.max() <= 1


@pytest.mark.parametrize("size", [6, 0, (8, 10)])
def test_other_sizes_are_refused(size):
    with pytest.raises(
        ValueError, match="DCGAN(Generator|Discriminator): .* both sides must be multiples of 4: pad"
    ):
        networks(size=size)


def test_weights_start_at_the_scale_of_the_paper():
    """N(0, 0.02^2), section 4; biases 0, the scales of batch norm 1."""
    how = {"rng": np.random.default_rng(0)}
    for network in (DCGANGenerator(100, (64, 32), **how), DCGANDiscriminator((32, 64), **how)):
        for name, p in network.named_parameters():
            if p.ndim > 1:
                # five standard deviations
                assert abs(p.data.std() / 0.02 - 1) < 5 / np.sqrt(2 * p.size), name
            else:
                assert (p.data == (1 if "norm" in name and name.endswith("weight") else 0)).all(), name


def test_no_bias_before_a_batch_norm():
    """It would be subtracted again, and its gradient be 0. The names are those of the derivation."""
    names = [name for name, p in GAN(*networks()).named_parameters() if name.endswith("bias")]
    assert names == [
        "generator.dense.bias",
        "generator.norm0.bias",
        "generator.norm1.bias",
        "generator.conv2.bias",
        "discriminator.conv1.bias",
        "discriminator.norm2.bias",
        "discriminator.dense.bias",
    ]


def test_running_statistics_never_change_the_loss_in_training():
    game = stirred(GAN(*networks()))
    first, again = (game.discriminator_loss(x, z).item() for _ in range(2))
    moved = game.generator.norm0.running_mean.copy()
    assert first == again and moved.any()
    game.eval()
    assert game.discriminator_loss(x, z).item() != first
    assert np.array_equal(game.generator.norm0.running_mean, moved)


def test_real_and_generated_pictures_have_their_own_statistics():
    """Two passes through D, not one over both batches joined (ganhacks, point 4)."""
    game = stirred(GAN(*networks()))
    fake = game.samples(z).data
    apart = np.logaddexp(0, -game.judge(x).data).mean() + np.logaddexp(0, game.judge(fake).data).mean()
    logits = game.judge(np.concatenate([x, fake])).data
    together = np.logaddexp(0, -logits[:N]).mean() + np.logaddexp(0, logits[N:]).mean()
    assert abs(game.discriminator_loss(x, z).item() - apart) < 1e-14 < 1e-4 < abs(apart - together)


@pytest.mark.parametrize(
    "play", [lambda g: g.discriminator_loss(x[:1], z[:1]), lambda g: g.generator_loss(z[:1])]
)
def test_one_picture_has_no_statistics_in_training_and_needs_none_in_evaluation(play):
    game = GAN(*networks())
    with pytest.raises(ValueError, match="batch_norm: .* holds 1 example: .* model.eval()"):
        play(game)
    assert np.isfinite(play(game.eval()).item())


def test_rows_are_no_pictures():
    game = GAN(*networks())
    with pytest.raises(
        ValueError, match=r"real x \(7, 64\) and samples \(7, 1, 8, 8\) must be alike .*\(rows or images"
    ):
        game.discriminator_loss(x.reshape(N, 64), z)


# ----- PyTorch's opinion -----------------------------------------------------------------------------------


def generator_of(torch, p, z):
    f = torch.nn.functional
    h = (z @ p["generator.dense.weight"] + p["generator.dense.bias"]).reshape(len(z), 5, 2, 2)
    h = f.batch_norm(h, None, None, p["generator.norm0.weight"], p["generator.norm0.bias"], training=True)
    h = f.conv_transpose2d(f.relu(h), p["generator.conv1.weight"], stride=2, padding=1)
    h = f.batch_norm(h, None, None, p["generator.norm1.weight"], p["generator.norm1.bias"], training=True)
    h = f.conv_transpose2d(
        f.relu(h), p["generator.conv2.weight"], p["generator.conv2.bias"], stride=2, padding=1
    )
    return torch.tanh(h)


def discriminator_of(torch, p, x):
    f = torch.nn.functional
    h = f.conv2d(x, p["discriminator.conv1.weight"], p["discriminator.conv1.bias"], stride=2, padding=1)
    h = f.conv2d(f.leaky_relu(h, 0.2), p["discriminator.conv2.weight"], stride=2, padding=1)
    h = f.batch_norm(
        h, None, None, p["discriminator.norm2.weight"], p["discriminator.norm2.bias"], training=True
    )
    return f.leaky_relu(h, 0.2).flatten(1) @ p["discriminator.dense.weight"] + p["discriminator.dense.bias"]


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-5), ("float64", 1e-10)])
@pytest.mark.parametrize("player", ["discriminator", "generator"])
def test_pytorch_agrees(player, dtype, tolerance):
    torch = pytest.importorskip("torch")
    game = stirred(GAN(*networks(dtype)))
    real, noise = x.astype(dtype), z.astype(dtype)
    loss = game.discriminator_loss(real, noise) if player == "discriminator" else game.generator_loss(noise)
    trained = [(name, t) for name, t in game.named_parameters() if name.startswith(player)]
    ours = [g.data for g in grad(loss, [t for _, t in trained])]

    p = {name: torch.tensor(t.data.copy(), requires_grad=True) for name, t in game.named_parameters()}
    softplus = torch.nn.functional.softplus
    fake = generator_of(torch, p, torch.tensor(noise))
    if player == "discriminator":
        logits = discriminator_of(torch, p, torch.tensor(real)), discriminator_of(torch, p, fake.detach())
        theirs = softplus(-logits[0]).mean() + softplus(logits[1]).mean()
    else:
        theirs = softplus(-discriminator_of(torch, p, fake)).mean()
    theirs.backward()

    assert abs(loss.item() - theirs.item()) <= tolerance * abs(theirs.item())
    for (name, _), g in zip(trained, ours, strict=True):
        expected = p[name].grad.numpy()
        assert np.linalg.norm(g - expected) <= tolerance * np.linalg.norm(expected), name
