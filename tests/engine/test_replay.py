"""A step that is played again does what the plain step does, to the last bit; what cannot be repeated is refused."""

import inspect
import os
import subprocess
import sys
import textwrap
import threading
import tracemalloc

import numpy as np
import pytest
import samples_layers  # noqa: F401 (adds its samples to SAMPLES)
from samples import SAMPLES

import minigen as mg
from minigen import NotReplayable, Tensor, losses, nn, optim
from minigen.engine.fast import recording
from minigen.engine.fast.replay import Replay
from minigen.models import WGAN, adversary_step, alternating_round, generator_step
from minigen.nn.dropout import dropout
from minigen.nn.pooling import avg_pool2d  # noqa: F401

STEPS = 6  # two are written down, the others are played

# ----- what two runs of a training leave behind -------------------------------------------------------------


def bits(value):
    """Arrays, tensors and what holds them as something that is equal only if all bits are."""
    if isinstance(value, Tensor):
        value = value.data
    if isinstance(value, dict):
        return {key: bits(v) for key, v in value.items()}
    if isinstance(value, tuple | list):
        return [bits(v) for v in value]
    array = np.asarray(value)
    return array.dtype.str, array.shape, array.tobytes()


def left_by(training, use, steps=STEPS):
    """Everything a training leaves: what each step returned, the model, the gradients, the optimizers."""
    step, model, optimizers, batches = training()
    if use:
        step = mg.replay(step)
    told = []
    with np.errstate(all="ignore"):
        for i, batch in zip(range(steps), batches, strict=False):
            for optimizer in optimizers:
                optimizer.lr = optimizer.lr * 0.9 if i % 2 else optimizer.lr
            told.append(bits(step(*batch)))
    if use:
        assert step.plays == steps - 2, step.plays
    return [
        told,
        bits(model.state_dict()),
        [bits(p.grad) for p in model.parameters()],
        [bits(optimizer.state) for optimizer in optimizers],
    ]


def same(training, steps=STEPS):
    assert left_by(training, True, steps) == left_by(training, False, steps)


# ----- every operation --------------------------------------------------------------------------------------

MASKED = [s for s in SAMPLES if s.op == "getitem" and s.host and any(a.dtype == bool for a in s.arguments)]


class Holder(nn.Module):
    """A model of given tensors."""

    def __init__(self, arrays):
        for i, array in enumerate(arrays):
            setattr(self, f"p{i}", Tensor(array, requires_grad=True))


@pytest.mark.parametrize("sample", [s for s in SAMPLES if s not in MASKED], ids=repr)
def test_every_operation(sample):
    def training():
        model = Holder(sample.floats)
        optimizer = optim.Adam(model, lr=1e-3)
        f, constants = sample.function(), np.random.default_rng(3)

        def step(g):
            optimizer.zero_grad()
            loss = mg.sum(f(*model.parameters()) * g)
            loss.backward()
            optimizer.step()
            return loss

        return (
            step,
            model,
            [optimizer],
            ((constants.normal(size=np.shape(sample.cotangent)),) for _ in range(9)),
        )

    same(training)


@pytest.mark.parametrize("sample", MASKED, ids=repr)
def test_a_mask_that_selects_is_refused(sample):
    model = Holder(sample.floats)
    f = sample.function()
    with pytest.raises(NotReplayable, match="a mask selects.*test_replay.py|a mask selects.*samples.py"):
        mg.replay(lambda: f(*model.parameters()).sum().backward())()


# ----- random networks --------------------------------------------------------------------------------------

ACTIVATIONS = [nn.Tanh, nn.Sigmoid, nn.ReLU, nn.LeakyReLU, nn.ELU, nn.Softplus]
OPTIMIZERS = [optim.SGD, optim.Momentum, optim.Nesterov, optim.RMSprop, optim.Adam, optim.AdamW]
drawn = set()


class Network(nn.Module):
    """Layers one after the other; `dropout` has its mask as an argument."""

    def __init__(self, layers, dropout_at):
        self.layers, self.dropout_at = nn.Sequential(*layers), dropout_at

    def forward(self, x, mask=None):
        for i, (_, layer) in enumerate(self.layers.children()):
            x = layer(x)
            if mask is not None and i == self.dropout_at:
                x = dropout(x, mask, 0.8)
        return x


def pick(rng, *choices):
    one = choices[rng.integers(len(choices))]
    drawn.add(getattr(one, "__name__", one))
    return one


def dense_network(rng, dtype, outputs, norms):
    how = {"rng": rng, "dtype": dtype}
    layers, n = [], 5
    for _ in range(rng.integers(1, 4)):
        m = int(rng.integers(2, 9))
        layers += [nn.Dense(n, m, bias=bool(rng.integers(2)), **how), pick(rng, *ACTIVATIONS)()]
        norm = pick(rng, None, *norms)
        layers += [norm(m, dtype=dtype)] if norm else []
        n = m
    drawn.add("Dense")
    return (5,), Network([*layers, nn.Dense(n, outputs, **how)], 0)


def image_network(rng, dtype, outputs, norms):
    how = {"rng": rng, "dtype": dtype}
    c, o = int(rng.integers(1, 4)), int(rng.choice([2, 3, 8, 9]))
    layers = [nn.Conv2d(c, o, 3, stride=int(rng.integers(1, 3)), padding=1, **how)]
    norm = pick(rng, None, *norms)
    if norm is nn.LayerNorm:
        side = 6 // layers[0].options["stride"]
        layers.append(norm((o, side, side), dtype=dtype))
    elif norm:
        layers.append(norm(o, dtype=dtype))
    layers.append(pick(rng, *ACTIVATIONS)())
    layers.append(pick(rng, nn.AvgPool2d, nn.MaxPool2d, nn.UpsampleNearest)(2))
    layers.append(nn.ConvTranspose2d(o, 2, 3, stride=2, padding=1, output_padding=1, **how))
    x = np.zeros((2, c, 6, 6), dtype)
    with mg.no_grad():
        size = nn.Sequential(*layers)(x).size // 2
    shape = pick(rng, nn.Flatten, nn.Reshape)
    layers.append(shape() if shape is nn.Flatten else shape(size))
    drawn.update(["Conv2d", "ConvTranspose2d"])
    return (c, 6, 6), Network([*layers, nn.Dense(size, outputs, **how)], 0)


LOSSES = {
    "squared_error": lambda out, t: losses.squared_error(out, t),
    "bce_with_logits": lambda out, t: losses.bce_with_logits(out, mg.sigmoid(t)),
    "gaussian_nll": lambda out, t: losses.gaussian_nll(out[:, :2], mg.tanh(out[:, 2:]), t[:, :2]),
    "softmax_cross_entropy": lambda out, t: losses.softmax_cross_entropy(out, t.data.argmax(axis=1)),
    "reparameterize": lambda out, t: mg.sum(losses.reparameterize(out, mg.tanh(out), t) ** 2),
    "gaussian_kl": lambda out, t: losses.gaussian_kl(out, mg.tanh(out)),
    "sparse_kl": lambda out, t: losses.sparse_kl(mg.sigmoid(out), 0.1),
    "l1_activity": lambda out, t: losses.l1_activity(out),
    "discriminator_loss": lambda out, t: losses.discriminator_loss(out[:, 0], out[:, 1], 0.9),
    "generator_loss": lambda out, t: losses.generator_loss(out[:, :1]),
    "minimax": lambda out, t: losses.generator_loss(out[:, 0], kind="minimax"),
    "critic_loss": lambda out, t: losses.critic_loss(out[:, 0], out[:, 1]),
    "wgan_generator_loss": lambda out, t: losses.wgan_generator_loss(out[:, 0]),
}
PENALTIES = {
    "gradient_penalty": lambda net, x, t: losses.gradient_penalty(net, x, x[::-1], mg.sigmoid(t[:, :1]).data),
    "r1_penalty": lambda net, x, t: losses.r1_penalty(net, x),
}
EXTRAS = ["l2", "clip_grad_norm", "clip_weights", "dropout", None, None]


def random_training(seed, dtype=np.float64):
    """A function that makes the same training whenever it is called."""

    def training():
        rng = np.random.default_rng(seed)
        penalty = pick(rng, None, None, None, *PENALTIES)
        norms = [nn.LayerNorm] if penalty else [nn.LayerNorm, nn.BatchNorm]
        build = pick(rng, dense_network, image_network)
        shape, net = build(rng, dtype, 1 if penalty else 4, norms)
        loss = pick(rng, *LOSSES)
        extra = pick(rng, *EXTRAS)
        how = {"weight_decay": 0.01} if rng.integers(2) else {}
        optimizer = pick(rng, *OPTIMIZERS)(net, lr=1e-2, **how)
        n = int(rng.integers(3, 7))
        x0 = np.zeros((n, *shape), dtype)
        mask_shape = net.layers[0](x0).shape if extra == "dropout" and not penalty else None

        def step(x, t, mask=None):
            x, t = Tensor(x), Tensor(t)
            if penalty:
                value = PENALTIES[penalty](net, x, t) + net(x).mean()
            else:
                value = LOSSES[loss](net(x, mask), t)
            if extra == "l2":
                value = value + 0.1 * losses.l2(net.parameters())
            optimizer.zero_grad()
            value.backward()
            norm = optim.clip_grad_norm(net, 0.5) if extra == "clip_grad_norm" else None
            optimizer.step()
            if extra == "clip_weights":
                optim.clip_weights(net, 0.4)
            return {"loss": value, "norm": 0.0 if norm is None else norm, "rows": len(x)}

        def batches():
            for i in range(STEPS + 2):
                x, t = rng.normal(size=(n, *shape)).astype(dtype), rng.normal(size=(n, 4)).astype(dtype)
                if seed % 10 == 0 and i == STEPS - 2:
                    x.flat[0] = np.nan
                mask = [] if mask_shape is None else [(rng.random(mask_shape) < 0.8).astype(dtype)]
                yield x, t, *mask

        return step, net, [optimizer], batches()

    return training


@pytest.mark.parametrize("seed", range(200))
def test_random_networks(seed):
    same(random_training(seed))


@pytest.mark.parametrize("seed", range(1, 40, 3))
def test_random_networks_in_float32(seed):
    same(random_training(seed, np.float32))


def test_the_random_networks_have_everything():
    """Every layer, loss and optimizer of the package is in them; dropout with its mask as an argument."""
    for seed in range(200):
        random_training(seed)()
    layers = {n for n, c in vars(nn).items() if inspect.isclass(c) and issubclass(c, nn.Module)}
    assert layers - {"Module", "Sequential", "Dropout"} <= drawn, layers - drawn
    made = {n for n, c in vars(optim).items() if inspect.isclass(c) and issubclass(c, optim.Optimizer)}
    assert made - {"Optimizer"} <= drawn
    public = {
        n for n, f in vars(losses).items() if getattr(f, "__module__", 0) == losses.__name__ and n[0] != "_"
    }
    assert public - {"refuse_overflow", "exp_remainder", "functools"} <= drawn | set(LOSSES) | set(
        PENALTIES
    ) | {"l2"}
