"""Every objective: its value by the textbook, gradients against differences,
fused against composed, bad input.
"""

import math

import fake_cupy
import numpy as np
import oracle
import pytest

import minigen
from minigen import Tensor, losses, nn
from minigen.engine import backend
from minigen.engine.tape import _data

N, D, M = 7, 5, 11
SHAPE = (N, D)


def draw(*shapes, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=shape) for shape in shapes]


def cross_entropy(logits):
    """With the labels for any number of copies of the batch, on the device of the logits."""
    labels = np.concatenate([LABELS] * (len(logits) // N))
    return losses.softmax_cross_entropy(logits, minigen.to(labels, backend.device_of(_data(logits))))


def entropy(p, q):
    """KL between two coins."""
    return p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))


def sigmoid(t):
    return 1 / (1 + np.exp(-t))


def softplus(t):
    return np.log(1 + np.exp(t))


A, B, C = draw(SHAPE, SHAPE, SHAPE)
X = sigmoid(draw(SHAPE, seed=1)[0])  # in (0, 1)
REAL, FAKE = draw((N, 1), (M, 1), seed=2)
LABELS = np.array([0, 4, 2, 2, 1, 3, 0])
P = sigmoid(A)

# name: (the loss, its differentiable arguments, the same by the textbook, not by the code's formula)
LOSSES = {
    "squared_error": (
        losses.squared_error,
        [A, B],
        lambda a, b: np.mean([0.5 * np.linalg.norm(r) ** 2 for r in a - b]),
    ),
    "bce_with_logits": (
        losses.bce_with_logits,
        [A, X],
        lambda a, x: -np.mean((x * np.log(P) + (1 - x) * np.log(1 - P)).sum(1)),
    ),
    "gaussian_nll": (
        losses.gaussian_nll,
        [A, B, C],
        lambda mu, v, x: (
            -np.mean(np.log(np.exp(-((x - mu) ** 2) / 2 / np.exp(v)) / np.sqrt(2 * np.pi * np.exp(v))).sum(1))
        ),
    ),
    "gaussian_nll, one variance": (
        lambda mu, x: losses.gaussian_nll(mu, 0.7, x),
        [A, C],
        lambda mu, x: np.mean((((x - mu) ** 2) / 2 / np.exp(0.7) + 0.5 * np.log(2 * np.pi) + 0.35).sum(1)),
    ),
    "gaussian_kl": (
        losses.gaussian_kl,
        [A, B],
        lambda mu, v: np.mean(sum(0.5 * (np.exp(v[:, k]) + mu[:, k] ** 2 - 1 - v[:, k]) for k in range(D))),
    ),
    "sparse_kl": (
        lambda h: losses.sparse_kl(h, 0.3),
        [X],
        lambda h: sum(entropy(0.3, h[:, j].mean()) for j in range(D)),
    ),
    "l1_activity": (losses.l1_activity, [A], lambda h: np.abs(h).sum() / N),
    "l2": (
        lambda a, b: losses.l2([a, b]),
        [A, B],
        lambda a, b: (np.linalg.norm(a) ** 2 + np.linalg.norm(b) ** 2) / 2,
    ),
    "softmax_cross_entropy": (
        cross_entropy,
        [A],
        lambda logits: (
            -np.mean(
                [math.log(np.exp(row[t]) / np.exp(row).sum()) for row, t in zip(logits, LABELS, strict=True)]
            )
        ),
    ),
    "discriminator_loss": (
        losses.discriminator_loss,
        [REAL, FAKE],
        lambda r, f: -np.log(sigmoid(r)).mean() - np.log(1 - sigmoid(f)).mean(),
    ),
    "discriminator_loss, smooth": (
        lambda r, f: losses.discriminator_loss(r, f, real_label=0.9),
        [REAL, FAKE],
        lambda r, f: (softplus(r) - 0.9 * r).mean() + softplus(f).mean(),
    ),
    "generator_loss": (losses.generator_loss, [FAKE], lambda f: -np.log(sigmoid(f)).mean()),
    "generator_loss, minimax": (
        lambda f: losses.generator_loss(f, kind="minimax"),
        [FAKE],
        lambda f: np.log(1 - sigmoid(f)).mean(),
    ),
    "critic_loss": (losses.critic_loss, [REAL, FAKE], lambda r, f: f.mean() - r.mean()),
    "wgan_generator_loss": (losses.wgan_generator_loss, [FAKE], lambda f: -f.mean()),
}
every_loss = pytest.mark.parametrize("name", LOSSES)


@every_loss
def test_value_is_that_of_the_textbook_on_every_device(name, device):
    loss, arrays, textbook = LOSSES[name]
    value = loss(*(device.tensor(a) for a in arrays))
    assert value.shape == ()
    assert value.item() == pytest.approx(textbook(*arrays), rel=1e-12)
    assert device.host(loss(*(device.array(a) for a in arrays))) == pytest.approx(value.item(), rel=1e-14)


@every_loss
def test_gradients_of_both_orders_against_differences(name):
    loss, arrays, _ = LOSSES[name]
    directions = draw(*(a.shape for a in arrays), seed=3)
    g = np.array(1.7)
    measured = oracle.measured_first_order(loss, arrays, g)
    for ours, theirs in zip(oracle.first_order(loss, arrays, g), measured, strict=True):
        oracle.assert_close(ours.data, theirs)
    measured = oracle.measured_second_order(loss, arrays, g, directions)
    for ours, theirs in zip(oracle.second_order(loss, arrays, g, directions), measured, strict=True):
        oracle.assert_close(ours.data, theirs)


@every_loss
def test_float32_stays_float32(name):
    loss, arrays, _ = LOSSES[name]
    tensors = [Tensor(a.astype(np.float32), requires_grad=True) for a in arrays]
    value = loss(*tensors)
    assert value.dtype == np.float32
    value.backward()
    assert all(t.grad.dtype == np.float32 for t in tensors)


@pytest.mark.parametrize("name", [name for name in LOSSES if name != "l2"])  # which is no mean over the batch
def test_a_batch_twice_over_has_the_same_loss(name):
    loss, arrays, _ = LOSSES[name]
    twice = [np.concatenate([a, a]) for a in arrays]
    assert loss(*twice) == pytest.approx(loss(*arrays), rel=1e-13)


# ----- fused against composed -------------------------------------------------------------------------------


def composed_bce(logits, x):
    return (minigen.softplus(logits) - x * logits).sum() / N


def composed_cross_entropy(logits):
    picked = minigen.log_softmax(logits, axis=1)[np.arange(N), LABELS]
    return -picked.sum() / N


@pytest.mark.parametrize(
    "fused, composed, arrays",
    [
        (losses.bce_with_logits, composed_bce, [A, X]),
        (cross_entropy, composed_cross_entropy, [A]),
    ],
    ids=["bce_with_logits", "softmax_cross_entropy"],
)
def test_fused_equals_composed_to_second_order(fused, composed, arrays):
    directions = draw(*(a.shape for a in arrays), seed=3)
    g = np.array(1.7)
    for order in (oracle.first_order, lambda f, xs, g: oracle.second_order(f, xs, g, directions)):
        for ours, theirs in zip(order(fused, arrays, g), order(composed, arrays, g), strict=True):
            np.testing.assert_allclose(ours.data, theirs.data, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_logits_may_be_as_large_as_they_like(dtype):
    logits = np.array([[1e4, -1e4, 0.0]], dtype)
    x = np.array([[1.0, 0.0, 0.5]], dtype)
    assert losses.bce_with_logits(logits, x) == pytest.approx(math.log(2), rel=1e-6)
    assert losses.bce_with_logits(-logits, x) == pytest.approx(2e4 + math.log(2), rel=1e-6)
    assert losses.softmax_cross_entropy(logits, np.array([0])) == 0
    assert losses.softmax_cross_entropy(logits, np.array([1])) == 2e4
    assert losses.discriminator_loss(logits[:, :1], logits[:, 1:2]) == 0
    assert losses.generator_loss(logits[:, 1:2]) == 1e4


# ----- the latent code --------------------------------------------------------------------------------------


def test_reparameterize_draws_from_the_normal_it_names():
    mu, logvar, eps = np.full((1, 3), 2.0), np.full((1, 3), math.log(9.0)), np.array([[-1.0, 0.0, 1.0]])
    # sigma is 3
    np.testing.assert_allclose(losses.reparameterize(mu, logvar, eps), [[-1.0, 2.0, 5.0]], rtol=1e-15)
    arrays, g = [A, B, C], X
    measured = oracle.measured_first_order(losses.reparameterize, arrays, g)
    for ours, theirs in zip(oracle.first_order(losses.reparameterize, arrays, g), measured, strict=True):
        oracle.assert_close(ours.data, theirs)


def test_gaussian_kl_is_zero_at_the_prior_only():
    zero = np.zeros(SHAPE)
    assert losses.gaussian_kl(zero, zero) == 0
    assert losses.gaussian_kl(zero + 1, zero) == pytest.approx(D / 2)
    assert losses.gaussian_kl(zero, zero - 1) == pytest.approx(D / 2 * math.exp(-1))


def test_sparse_kl_is_zero_where_every_unit_keeps_the_rate():
    assert losses.sparse_kl(np.full(SHAPE, 0.3), 0.3) == pytest.approx(0, abs=1e-15)


# ----- penalties on the slope -------------------------------------------------------------------------------


class Critic(nn.Module):
    def __init__(self, norm=None):
        rng = np.random.default_rng(0)
        self.hidden = nn.Dense(D, 13, rng=rng, dtype=np.float64)
        self.norm = norm
        self.output = nn.Dense(13, 1, rng=rng, dtype=np.float64)

    def forward(self, x):
        h = minigen.tanh(self.hidden(x))
        return self.output(h if self.norm is None else self.norm(h))

    def with_weights(self, *arrays):
        for p, array in zip(self.parameters(), arrays, strict=True):
            p.data = array
        return self


ALPHA = np.random.default_rng(5).random((N, 1))
PENALTIES = {
    "gradient_penalty": lambda critic: losses.gradient_penalty(critic, A, B, ALPHA),
    "r1_penalty": lambda critic: losses.r1_penalty(critic, A),
}


def slopes_by_hand(critic, x):
    """W1 (W2 * tanh') for each row of x."""
    w1, b1, w2, _ = (p.data for p in critic.parameters())
    return ((1 - np.tanh(x @ w1 + b1) ** 2) * w2[:, 0]) @ w1.T  # (N, H) -> (N, D)


def test_penalties_have_the_value_of_their_formula():
    critic = Critic()
    norms = np.linalg.norm(slopes_by_hand(critic, ALPHA * A + (1 - ALPHA) * B), axis=1)
    assert PENALTIES["gradient_penalty"](critic).item() == pytest.approx(((norms - 1) ** 2).mean(), rel=1e-10)
    norms = np.linalg.norm(slopes_by_hand(critic, A), axis=1)
    assert PENALTIES["r1_penalty"](critic).item() == pytest.approx((norms**2).mean() / 2, rel=1e-12)


@pytest.mark.parametrize("name", PENALTIES)
def test_penalties_reach_every_weight_of_the_critic(name):
    critic = Critic()
    parameters = critic.parameters()
    arrays = [p.data.copy() for p in parameters]
    ours = minigen.grad(PENALTIES[name](critic), parameters, allow_unused=True)
    assert ours[3] is None or not ours[3].data.any()  # the last bias shifts the critic and bends nothing

    def value(*arrays):
        return PENALTIES[name](Critic().with_weights(*arrays)).item()

    for i in range(3):
        oracle.assert_close(ours[i].data, oracle.differences(value, arrays, i))


@pytest.mark.parametrize("name", PENALTIES)
def test_penalties_can_be_looked_at_without_recording(name):
    critic = Critic()
    with minigen.no_grad():
        value = PENALTIES[name](critic)
    assert not value.requires_grad
    assert value.item() == PENALTIES[name](critic).item()


def test_the_gradient_penalty_of_images_leaves_the_generator_alone(device):
    rng = np.random.default_rng(0)
    critic = nn.Sequential(nn.Conv2d(2, 3, 3, rng=rng), nn.Tanh(), nn.Flatten(), nn.Dense(12, 1, rng=rng)).to(
        device.where
    )
    x, fake = (device.array(a, np.float32) for a in draw((N, 2, 4, 4), (N, 2, 4, 4)))
    generated = device.tensor(device.host(fake), np.float32) * 1.0
    penalty = losses.gradient_penalty(critic, x, generated, device.array(ALPHA, np.float32))
    penalty.backward()
    assert critic[0].weight.grad is not None and penalty.dtype == np.float32
    penalty = losses.gradient_penalty(critic, x, generated, device.array(ALPHA, np.float32))
    assert minigen.grad(penalty, [generated], allow_unused=True) == [None]


def test_a_flat_critic_has_a_penalty_and_a_gradient_without_nan():
    critic = Critic()
    critic.output.weight.data[:] = 0
    penalty = PENALTIES["gradient_penalty"](critic)
    assert penalty.item() == pytest.approx(1, abs=1e-5)
    penalty.backward()
    assert np.isfinite(critic.output.weight.grad).all()


@pytest.mark.parametrize("name", PENALTIES)
def test_a_critic_with_batch_norm_is_refused_with_the_reason(name):
    critic = Critic(nn.BatchNorm(13, dtype=np.float64))
    with pytest.raises(ValueError, match=rf"{name}: the critic normalises over the batch.*LayerNorm"):
        PENALTIES[name](critic)
    assert np.isfinite(PENALTIES[name](critic.eval()).item())
    assert np.isfinite(PENALTIES[name](Critic(nn.LayerNorm(13, dtype=np.float64))).item())


# ----- bad input --------------------------------------------------------------------------------------------


ONE = np.ones((N, 1))
BAD = {
    "a column against a row": (
        lambda: losses.squared_error(ONE, ONE[:, 0]),
        ValueError,
        r"xhat \(7, 1\), x \(7,\)",
    ),
    "one row for all": (lambda: losses.bce_with_logits(A, X[:1]), ValueError, "equal shapes expected"),
    "logvar of another shape": (lambda: losses.gaussian_nll(A, B[:, :1], C), ValueError, r"logvar \(7, 1\)"),
    "eps of another shape": (lambda: losses.reparameterize(A, B, C[0]), ValueError, r"eps \(5,\)"),
    "kl of two shapes": (lambda: losses.gaussian_kl(A, B[:5]), ValueError, r"mu \(7, 5\), logvar \(5, 5\)"),
    "an empty batch": (
        lambda: losses.squared_error(A[:0], B[:0]),
        ValueError,
        r"at least one example, got shape \(0, 5\)",
    ),
    "an empty batch of scores": (lambda: losses.generator_loss(REAL[:0]), ValueError, r"N > 0, got \(0, 1\)"),
    "no features": (lambda: losses.gaussian_kl(A[:, :0], B[:, :0]), ValueError, "at least one example"),
    "a number": (lambda: losses.l1_activity(np.array(1.0)), ValueError, r"got shape \(\)"),
    "two dtypes": (
        lambda: losses.squared_error(A, X.astype(np.float32)),
        TypeError,
        "xhat is float64, but x is float32: use .*astype",
    ),
    "scores of five": (
        lambda: losses.critic_loss(A, B),
        ValueError,
        r"one score an example expected.*\(7, 5\)",
    ),
    "an unknown kind": (
        lambda: losses.generator_loss(FAKE, kind="saturating"),
        ValueError,
        "'nonsaturating' or 'minimax'",
    ),
    "logvar too large": (
        lambda: losses.gaussian_kl(A, B + 800),
        ValueError,
        r"logvar runs from .* exp overflows beyond 709",
    ),
    "logvar too small": (lambda: losses.gaussian_nll(A, B - 800, C), ValueError, "exp overflows beyond 709"),
    "logvar for float32": (
        lambda: losses.reparameterize(*(a.astype(np.float32) for a in (A, B + 90, C))),
        ValueError,
        "exp overflows beyond 88.72 in float32",
    ),
    "a number as logvar": (lambda: losses.gaussian_nll(A, 1000.0, C), ValueError, "exp overflows beyond 709"),
    "nan in logvar": (lambda: losses.gaussian_kl(A, B * np.nan), ValueError, "logvar runs from nan to nan"),
    "a label too large": (
        lambda: losses.softmax_cross_entropy(A, LABELS + 1),
        ValueError,
        r"labels run from 1 to 5, but logits \(7, 5\) know classes 0 to 4",
    ),
    "a negative label": (
        lambda: losses.softmax_cross_entropy(A, LABELS - 1),
        ValueError,
        "labels run from -1 to 3",
    ),
    "labels as a column": (
        lambda: losses.softmax_cross_entropy(A, LABELS[:, None]),
        ValueError,
        r"labels int64 \(7, 1\)",
    ),
    "labels as numbers": (
        lambda: losses.softmax_cross_entropy(A, LABELS * 1.0),
        ValueError,
        r"labels float64 \(7,\)",
    ),
    "a dead unit": (
        lambda: losses.sparse_kl(X * (np.arange(D) != 3), 0.1),
        ValueError,
        "unit 3 has mean activity 0.0",
    ),
    "a unit always on": (
        lambda: losses.sparse_kl(np.ones(SHAPE), 0.1),
        ValueError,
        "unit 0 has mean activity 1.0",
    ),
    "tanh units": (lambda: losses.sparse_kl(-X, 0.1), ValueError, "use sigmoid activations"),
    "rho of 1": (lambda: losses.sparse_kl(X, 1.0), ValueError, "strictly between 0 and 1, got 1.0"),
    "nothing to decay": (lambda: losses.l2([]), ValueError, "no parameters given"),
    "alpha as a row": (
        lambda: losses.gradient_penalty(Critic(), A, B, ALPHA[:, 0]),
        ValueError,
        r"alpha must be float64 \(7, 1\), one number an example, got float64 \(7,\)",
    ),
    "alpha in float32": (
        lambda: losses.gradient_penalty(Critic(), A, B, ALPHA.astype(np.float32)),
        TypeError,
        "alpha is float32, but x and fake are float64",
    ),
    "alpha from a normal": (
        lambda: losses.gradient_penalty(Critic(), A, B, A[:, :1]),
        ValueError,
        r"alpha must lie in \[0, 1\], but runs from -.* draw it uniformly",
    ),
    "alpha above one": (
        lambda: losses.gradient_penalty(Critic(), A, B, ALPHA + 1),
        ValueError,
        "gradient_penalty: alpha must lie",
    ),
    "pixels up to 255": (
        lambda: losses.bce_with_logits(A, X * 255),
        ValueError,
        r"bce_with_logits: x must lie in \[0, 1\], but runs from .*pixels / 255",
    ),
    "pixels around zero": (lambda: losses.bce_with_logits(A, -X), ValueError, "x must lie"),
    "nan in x": (lambda: losses.bce_with_logits(A, X * np.nan), ValueError, "runs from nan to nan"),
    "fakes of another size": (
        lambda: losses.gradient_penalty(Critic(), A, B[:5], ALPHA),
        ValueError,
        r"fake \(5, 5\)",
    ),
    "a critic of five scores": (
        lambda: losses.gradient_penalty(nn.Tanh(), A, B, ALPHA),
        ValueError,
        r"gradient_penalty: one score an example expected.*\(7, 5\)",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused(case):
    call, error, message = BAD[case]
    with pytest.raises(error, match=message):
        call()


def test_labels_on_another_device_are_refused():
    with fake_cupy.installed(), pytest.raises(TypeError, match="one library expected"):
        losses.softmax_cross_entropy(minigen.to(A, "cuda"), LABELS)


def test_no_loss_waits_for_a_gpu():
    def up(array):
        return Tensor(minigen.to(array, "cuda"), requires_grad=True)

    with fake_cupy.installed():
        tensors = {name: [up(a) for a in arrays] for name, (_, arrays, _) in LOSSES.items()}
        labels = minigen.to(LABELS, "cuda")
        with fake_cupy.counting() as counted:
            for name, arguments in tensors.items():
                if name == "softmax_cross_entropy":
                    losses.softmax_cross_entropy(*arguments, labels).backward()
                else:
                    LOSSES[name][0](*arguments).backward()
        assert counted.launches > 0
        assert counted.reads == counted.uploads == 0
