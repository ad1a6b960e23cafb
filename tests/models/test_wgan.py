"""Wasserstein networks by tape: what a critic measures, the penalty, and PyTorch's opinion."""

import numpy as np
import pytest

from minigen import Tensor, grad, losses, optim
from minigen.check.subjects import build
from minigen.models import (
    WGAN,
    ConvCritic,
    DCGANDiscriminator,
    Discriminator,
    Generator,
    PassThrough,
    adversary_step,
    scores_and_slopes,
)
from minigen.nn import BatchNorm, Dense, LayerNorm, Module, Sequential

N, Z, S, D = 7, 3, 11, 13
rng = np.random.default_rng(0)
x, z, alpha = rng.random((N, D)), rng.standard_normal((N, Z)), rng.random((N, 1))
pictures = rng.random((N, 1, 7, 5))


def networks(activation="tanh", dtype="float64"):
    how = {"rng": np.random.default_rng(1), "dtype": dtype}
    return Generator(Z, S, D, **how), Discriminator(D, S, activation, **how)


def conv_critic(dtype="float64", activation="tanh"):
    return ConvCritic((1, 7, 5), (2, 3), activation, rng=np.random.default_rng(1), dtype=dtype)


def stirred(module):
    """Biases start at 0; moved, they cannot hide a mistake."""
    for p in module.parameters():
        if p.ndim == 1:
            p.data[...] = np.random.default_rng(p.size).normal(0.3, 0.3, p.shape)
    return module


def gradients(loss, module):
    names = [name for name, _ in module.named_parameters()]
    return {name: g.data for name, g in zip(names, grad(loss, module.parameters()), strict=True)}


# ----- what the critic measures ----------------------------------------------------------------------------


@pytest.mark.parametrize("lam", [0, 0.3])
@pytest.mark.parametrize("activation", ["tanh", "leaky_relu"])
def test_the_last_bias_has_no_gradient_at_all(activation, lam):
    """f + constant measures the same distance: with equal batches the two means cancel to the bit."""
    game = WGAN(*networks(activation), lam=lam)
    loss = game.critic_loss(x, z, *[alpha] * (lam > 0))
    found = gradients(loss, game.critic)
    assert found["output.bias"].item() == 0
    assert min(np.abs(g).max() for name, g in found.items() if name != "output.bias") > 1e-3


def test_with_unequal_batches_only_rounding_is_left_of_it():
    game = WGAN(*networks())
    assert abs(gradients(game.critic_loss(x, z[:5]), game.critic)["output.bias"].item()) <= 1e-15


def test_a_critic_of_slope_one_measures_how_far_a_shift_goes():
    """Data at x, samples at x - 3: the distance is 3; all slopes are 1, so the penalty charges nothing."""
    critic = Dense(1, 1, rng=rng, dtype="float64")
    critic.weight.data[...] = 1
    data = rng.standard_normal((N, 1))
    loss = WGAN(PassThrough(), critic, lam=10.0).critic_loss(data, data - 3, alpha)
    assert abs(loss.item() + 3) < 1e-12


def test_training_finds_the_distance():
    """The same shift, found: a line whose slope the penalty holds near 1 (by 3 / (2 lam))."""
    critic = Dense(1, 1, rng=rng, dtype="float64")
    critic.weight.data[...] = 0.1
    game, data = WGAN(PassThrough(), critic, lam=10.0), rng.standard_normal((N, 1))
    optimizer = optim.SGD(critic, lr=0.02)
    for _ in range(100):
        adversary_step(game, optimizer, data, data - 3, alpha)
    assert abs(critic.weight.data.item() - (1 + 3 / 20)) < 1e-9  # where 3 = 2 lam (slope - 1)


# ----- the penalty -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["wgan-gp-critic-tanh", "wgan-gp-critic-leaky", "wgan-gp-critic-conv"])
def test_the_checked_critics_have_slopes_on_both_sides_of_one(name, monkeypatch):
    """Otherwise max(0, slope - 1)^2 in place of (slope - 1)^2 would pass the check."""
    seen = []

    def remembering(*arguments):
        squares = plain(*arguments)
        seen.append(np.sqrt(squares.data))
        return squares

    plain = losses._squared_slopes
    monkeypatch.setattr(losses, "_squared_slopes", remembering)
    subject = build(name)
    subject.by_tape({key: Tensor(value) for key, value in subject.parameters.items()})
    assert len(seen) == 1 and seen[0].min() < 0.9 and seen[0].max() > 1.1


@pytest.mark.parametrize("critic", [networks()[1], conv_critic()], ids=["dense", "convolutional"])
def test_second_derivatives_of_the_penalty_are_symmetric(critic):
    """u H v = v H u, without a step size: with the penalty's own gradient, the tape is walked three times."""
    real = x if critic is not None and hasattr(critic, "hidden") else pictures
    fake = rng.random(real.shape)
    stirred(critic)
    names = [name for name, _ in critic.named_parameters() if name not in ("output.bias", "dense.bias")]
    parameters = [p for name, p in critic.named_parameters() if name in names]
    penalty = losses.gradient_penalty(critic, real, fake, alpha)
    slopes = grad(penalty, parameters, create_graph=True)

    def hessian_times(v):
        return grad(sum((g * a).sum() for g, a in zip(slopes, v, strict=True)), parameters)

    def product(u, tensors):
        return sum((a * t.data).sum() for a, t in zip(u, tensors, strict=True))

    u, v = ([rng.standard_normal(p.shape) for p in parameters] for _ in range(2))
    one, other = product(u, hessian_times(v)), product(v, hessian_times(u))
    assert abs(one) > 1e-3 and abs(one - other) <= 1e-12 * abs(one)


def test_the_penalty_looks_at_each_example_alone():
    """The mean over the batch is the mean of batches of one: no norm over the batch, no alpha shared."""
    critic = stirred(networks()[1])
    fake = rng.random((N, D))
    apart = [
        losses.gradient_penalty(critic, x[i : i + 1], fake[i : i + 1], alpha[i : i + 1]).item()
        for i in range(N)
    ]
    assert np.ptp(apart) > 1e-4
    assert abs(np.mean(apart) - losses.gradient_penalty(critic, x, fake, alpha).item()) < 1e-14


def test_the_penalty_of_pictures_takes_the_norm_over_all_their_axes():
    """For a linear critic every slope is the weight itself (Zeleni9/pytorch-wgan#40: the channels only)."""
    critic = ConvCritic((2, 4, 4), (1, 1), rng=rng, dtype="float64")
    weight = rng.standard_normal((2, 4, 4))

    class Linear(Module):
        def forward(self, x):
            return (x * weight).sum(axis=(1, 2, 3))

    real, fake = rng.random((2, N, 2, 4, 4))
    assert critic(real).shape == (N, 1)
    penalty = losses.gradient_penalty(Linear(), real, fake, alpha).item()
    assert abs(penalty - (np.sqrt((weight**2).sum()) - 1) ** 2) < 1e-10


def test_alpha_mixes_real_and_generated():
    """At alpha = 1 the penalty looks at the data only, at 0 at the samples."""
    critic = stirred(networks()[1])
    ones, zeros, other = np.ones((N, 1)), np.zeros((N, 1)), rng.random((N, D))
    at_data = losses.gradient_penalty(critic, x, other, ones).item()
    assert at_data == losses.gradient_penalty(critic, x, 1 - other, ones).item()
    assert at_data == losses.gradient_penalty(critic, other, x, zeros).item()
    assert abs(at_data - losses.gradient_penalty(critic, x, other, alpha).item()) > 1e-6
    generator, _ = networks()
    without, penalised = WGAN(generator, critic), WGAN(generator, critic, lam=0.3)
    price = penalised.critic_loss(x, z, ones).item() - without.critic_loss(x, z).item()
    assert abs(price - 0.3 * at_data) < 1e-14


def test_a_flat_critic_has_a_finite_gradient():
    """All slopes 0, where the plain root has no derivative: the floor of 1e-12 under it (keras-io#910)."""
    game = WGAN(*networks(), lam=0.3)
    game.critic.output.weight.data[...] = 0
    loss = game.critic_loss(x, z, alpha)
    assert abs(loss.item() - 0.3 * (1 - 1e-6) ** 2) < 1e-12
    assert all(np.isfinite(g).all() for g in gradients(loss, game.critic).values())


def test_the_penalty_does_not_reach_the_generator():
    game = WGAN(*networks(), lam=0.3)
    found = grad(game.critic_loss(x, z, alpha), game.generator.parameters(), allow_unused=True)
    assert found == [None] * 4


def test_layer_norm_is_welcome_where_batch_norm_is_not():
    """LayerNorm couples no examples; BatchNorm in evaluation mode does not either."""
    fake = rng.random((N, D))
    for norm in (LayerNorm(S, dtype="float64"), BatchNorm(S, dtype="float64").eval()):
        critic = Sequential(
            Dense(D, S, rng=rng, dtype="float64"), norm, Dense(S, 1, rng=rng, dtype="float64")
        )
        assert np.isfinite(losses.gradient_penalty(critic, x, fake, alpha).item())


# ----- critics of pictures ---------------------------------------------------------------------------------


@pytest.mark.parametrize("image", [(1, 7, 5), (3, 8, 8), (2, 28, 28), (1, 1, 2)])
def test_a_convolutional_critic_takes_any_size(image):
    critic = ConvCritic(image, (2, 3), rng=np.random.default_rng(0))
    assert critic(np.zeros((5, *image), np.float32)).shape == (5, 1)


# ----- what is refused -------------------------------------------------------------------------------------


def game(**how):
    return WGAN(*networks(), **({"lam": 0.3} | how))


REFUSED = {
    "lam": (lambda: game(lam=-1), "lam, the weight of the gradient penalty, must be at least 0, got -1"),
    "alpha missing": (
        lambda: game().critic_loss(x, z),
        "alpha goes with a penalty, but lam is 0.3 and alpha is missing",
    ),
    "alpha unused": (lambda: game(lam=0).critic_loss(x, z, alpha), "lam is 0 and alpha is given"),
    "alpha a row": (
        lambda: game().critic_loss(x, z, alpha.T),
        r"alpha must be float64 \(7, 1\), .* got float64 \(1, 7\)",
    ),
    "alpha flat": (
        lambda: game().critic_loss(x, z, alpha[:, 0]),
        r"\(7, 1\), one number an example, got float64 \(7,\)",
    ),
    "alpha one for all": (lambda: game().critic_loss(x, z, alpha[:1]), r"\(7, 1\), .* got float64 \(1, 1\)"),
    "alpha each pixel": (
        lambda: game().critic_loss(x, z, rng.random((N, D))),
        r"\(7, 1\), .* got float64 \(7, 13\)",
    ),
    "unequal batches": (
        lambda: game().critic_loss(x, z[:5], alpha),
        r"gradient_penalty: equal shapes expected, got x \(7, 13\), fake \(5, 13\)",
    ),
    "features": (
        lambda: game().critic_loss(x[:, :12], z, alpha),
        r"WGAN: real x \(7, 12\) and samples \(7, 13\)",
    ),
    "no data": (lambda: game().critic_loss(x[:0], z, alpha), r"WGAN: real x \(0, 13\) and .* must not be 0"),
    "no noise": (lambda: game().critic_loss(x, z[:0], alpha), r"WGAN: z must hold the noise .* got \(0, 3\)"),
    "no noise for G": (lambda: game().generator_loss(z[:0]), r"WGAN: z must hold the noise .* got \(0, 3\)"),
    "batch norm": (
        lambda: WGAN(
            PassThrough(), DCGANDiscriminator((3, 5), rng=np.random.default_rng(0), dtype="float64"), lam=0.3
        ).critic_loss(rng.random((N, 1, 8, 8)), rng.random((N, 1, 8, 8)), alpha),
        "the critic normalises over the batch, so f.x_n. depends on all examples",
    ),
    "activation": (
        lambda: conv_critic(activation="elu"),
        "ConvCritic: activation must be one of .* got 'elu'",
    ),
    "many outputs": (
        lambda: WGAN(PassThrough(), Dense(D, 2, rng=rng, dtype="float64")).critic_loss(x, x),
        r"one score an example expected, .* got \(7, 2\)",
    ),
}


def test_alpha_of_another_dtype_is_named():
    with pytest.raises(TypeError, match=r"gradient_penalty: alpha is float32.*alpha\.astype\(np\.float64\)"):
        game().critic_loss(x, z, alpha.astype("float32"))


@pytest.mark.parametrize(("wrong", "message"), REFUSED.values(), ids=REFUSED)
def test_bad_input_is_refused_with_the_reason(wrong, message):
    with pytest.raises(ValueError, match=message):
        wrong()


def test_one_example_is_a_batch():
    """Each example has a slope of its own: a batch of one gives the penalty of one."""
    one = game()
    apart = [one.critic_loss(x[i : i + 1], z[i : i + 1], alpha[i : i + 1]).item() for i in range(N)]
    assert abs(np.mean(apart) - one.critic_loss(x, z, alpha).item()) < 1e-14


def test_scores_and_slopes_are_those_of_the_critic():
    critic, h = stirred(networks()[1]), 1e-6
    scores, slopes = scores_and_slopes(critic, x)
    np.testing.assert_allclose(scores, critic(Tensor(x)).data[:, 0])
    shifts = h * np.eye(D)[:, None]
    moved = [(critic(Tensor(x + shift)).data - critic(Tensor(x - shift)).data)[:, 0] for shift in shifts]
    np.testing.assert_allclose(slopes, np.linalg.norm(moved, axis=0) / (2 * h), rtol=1e-7)


# ----- PyTorch's opinion -----------------------------------------------------------------------------------


def dense_critic(torch, p, phi, x):
    return phi(x @ p["hidden.weight"] + p["hidden.bias"]) @ p["output.weight"] + p["output.bias"]


def convolutional_critic(torch, p, phi, x):
    conv2d = torch.nn.functional.conv2d
    h = phi(conv2d(x, p["conv1.weight"], p["conv1.bias"], stride=2, padding=1))
    h = phi(conv2d(h, p["conv2.weight"], p["conv2.bias"], stride=2, padding=1))
    return h.flatten(1) @ p["dense.weight"] + p["dense.bias"]


TORCH = {
    "tanh": (lambda dtype: networks("tanh", dtype)[1], dense_critic, "tanh", x),
    "leaky": (lambda dtype: networks("leaky_relu", dtype)[1], dense_critic, "leaky_relu", x),
    "conv": (conv_critic, convolutional_critic, "tanh", pictures),
}


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-5), ("float64", 1e-10)])
@pytest.mark.parametrize(("make", "forward", "activation", "real"), TORCH.values(), ids=TORCH)
def test_pytorch_agrees_on_the_penalised_critic(make, forward, activation, real, dtype, tolerance):
    torch = pytest.importorskip("torch")
    phi = {"tanh": torch.tanh, "leaky_relu": lambda a: torch.nn.functional.leaky_relu(a, 0.2)}[activation]
    critic = stirred(make(dtype))
    data, mix = real.astype(dtype), alpha.astype(dtype)
    fake = np.random.default_rng(3).random(real.shape).astype(dtype)
    loss = WGAN(PassThrough(), critic, lam=0.3).critic_loss(data, fake, mix)
    ours = gradients(loss, critic)

    p = {name: torch.tensor(t.data.copy(), requires_grad=True) for name, t in critic.named_parameters()}
    a, b, m = (torch.tensor(v) for v in (data, fake, mix.reshape(N, *[1] * (real.ndim - 1))))
    points = (m * a + (1 - m) * b).requires_grad_()
    (slope,) = torch.autograd.grad(forward(torch, p, phi, points).sum(), points, create_graph=True)
    penalty = ((slope.flatten(1).norm(dim=1) - 1) ** 2).mean()
    theirs = forward(torch, p, phi, b).mean() - forward(torch, p, phi, a).mean() + 0.3 * penalty
    theirs.backward()

    assert abs(loss.item() - theirs.item()) <= tolerance * abs(theirs.item())
    largest = max(np.linalg.norm(t.grad.numpy()) for t in p.values())
    for name, t in p.items():
        size = max(np.linalg.norm(t.grad.numpy()), 1e-3 * largest)  # the last bias: 0 and rounding
        assert np.linalg.norm(ours[name] - t.grad.numpy()) <= tolerance * size, name
