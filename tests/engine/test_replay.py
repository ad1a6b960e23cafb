"""A step that is played again does what the plain one does, to the bit; what cannot be played is refused."""

import inspect
import os
import re
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
from minigen.engine.fast import recording, threads
from minigen.models import WGAN, alternating_round, players
from minigen.nn.dropout import dropout

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
    array = np.array(value)
    if array.dtype.kind == "f":
        array[np.isnan(array)] = np.nan  # whose sign depends on how many numbers a loop takes at a time
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
    assert public - {"Diverged", "refuse_overflow", "exp_remainder", "functools"} <= drawn | set(
        LOSSES
    ) | set(PENALTIES) | {"l2"}


# ----- threads ----------------------------------------------------------------------------------------------


def test_large_products_on_three_threads(monkeypatch):
    def training():
        rng = np.random.default_rng(0)
        model = nn.Sequential(
            nn.Dense(30, 300, rng=rng), nn.Sigmoid(), nn.Dense(300, 1000, rng=rng), nn.ELU()
        )
        optimizer = optim.Adam(model)

        def step(x):
            optimizer.zero_grad()
            loss = mg.mean(mg.tanh(model(x) * 2 + 1) ** 2)
            loss.backward()
            optimizer.step()
            return loss

        return step, model, [optimizer], ([rng.normal(size=(1001, 30)).astype(np.float32)] for _ in range(9))

    monkeypatch.setattr(threads, "count", lambda: 3)
    monkeypatch.setattr(threads, "_beside_convolutions", True)
    same(training)


# ----- players ----------------------------------------------------------------------------------------------


def game(lam):
    rng = np.random.default_rng(0)
    g = nn.Sequential(nn.Dense(2, 8, rng=rng), nn.BatchNorm(8), nn.ReLU(), nn.Dense(8, 3, rng=rng))
    critic = nn.Sequential(
        nn.Dense(3, 8, rng=rng), nn.LayerNorm(8), nn.LeakyReLU(0.2), nn.Dense(8, 1, rng=rng)
    )
    return WGAN(g, critic, lam=lam)


@pytest.mark.parametrize("lam", [0.0, 10.0])
def test_a_round_of_two_players(lam):
    def training():
        wgan, rng = game(lam), np.random.default_rng(1)
        critics = optim.Adam(wgan.critic, lr=1e-2, betas=(0.0, 0.9))
        its = optim.RMSprop(wgan.generator, lr=1e-2)

        def step(x, z, alpha):
            batches = zip(map(Tensor, x), map(Tensor, z), *([map(Tensor, alpha)] if lam else []), strict=True)
            how = {"k": 3, "clip": None if lam else 0.05}
            return alternating_round(wgan, critics, its, batches, [Tensor(z[0])], **how)

        def batches():
            while True:
                shapes = (3, 5, 3), (3, 5, 2), (3, 5, 1)
                yield [rng.random(shape).astype(np.float32) for shape in shapes]

        return step, wgan, [critics, its], batches()

    same(training, steps=8)


# ----- what changes between two calls -----------------------------------------------------------------------


def small(dtype=np.float32, use=True, loss=None, optimizer=optim.Adam):
    """(step(x), model, optimizer): a small network, replayed."""
    rng = np.random.default_rng(0)
    model = nn.Sequential(nn.Dense(3, 4, rng=rng, dtype=dtype), nn.BatchNorm(4, dtype=dtype), nn.Tanh())
    optimizer = optimizer(model, lr=1e-2)
    loss = loss or (lambda x: mg.mean(model(x) ** 2))

    def step(x):
        optimizer.zero_grad()
        value = loss(x)
        value.backward()
        optimizer.step()
        return value

    return mg.replay(step) if use else step, model, optimizer


def data(n=5, dtype=np.float32, seed=0):
    return np.random.default_rng(seed).standard_normal((n, 3)).astype(dtype)


def both(between, steps=12, **how):
    """The same program with and without replay, `between(i, model, optimizer)` done before each step."""
    left = []
    for use in (True, False):
        step, model, optimizer = small(use=use, **how)
        told = []
        for i in range(steps):
            x = between(i, model, optimizer)
            told.append(bits(step(data(seed=i) if x is None else x)))
        left.append([told, bits(model.state_dict()), bits(optimizer.state)])
    assert left[0] == left[1]


def test_other_shapes_and_layouts():
    kinds = [data(5), data(7), np.asfortranarray(data(5)), data(10)[::2], data(5)[::-1], data(1)[[0] * 5]]
    kinds.append(np.broadcast_to(data(1), (5, 3)))
    both(
        lambda i, model, optimizer: (
            kinds[i % len(kinds)] * np.float32(i) if i < 20 else kinds[i % len(kinds)]
        ),
        40,
    )


def test_arguments_in_containers_and_by_name():
    model = Holder([np.ones(3)])
    step = mg.replay(lambda xs, *, by: (model.p0 * xs["a"][0] * Tensor(by)).sum())
    for i in range(6):
        got = step({"a": [np.full(3, i + 1.0)]}, by=np.full(3, 2.0))
        assert got.item() == 6 * (i + 1) and got.node is None
    assert step.plays == 4


def test_numbers_are_part_of_the_kind():
    model = Holder([np.ones(3)])
    step = mg.replay(lambda x, beta: (model.p0 * x * beta).sum())
    for beta in (1.0, 2.0, -0.0, 0.0, 1, True) * 3:
        assert bits(step(np.ones(3), beta).data) == bits((np.ones(3) * beta).sum())
    assert step.plays == 6


def test_learning_rate_mode_weights_and_state_may_change():
    first = {}

    def between(i, model, optimizer):
        optimizer.lr = 1e-2 / (i + 1)
        if i == 0:
            first.update(model=model.state_dict(), optimizer=optimizer.state)
        if i == 4:
            model.eval()
        if i == 6:
            model.train()
        if i == 8:
            model.load_state_dict(first["model"])
            optimizer.state = first["optimizer"]
        if i == 10:
            model.parameters()[0].data[...] *= 2

    both(between, 14)


def test_setting_of_a_layer():
    rng = np.random.default_rng(0)
    model = nn.Sequential(nn.Dense(3, 4, rng=rng), nn.LeakyReLU(0.2))
    step = mg.replay(lambda x: model(x).sum())
    for i in range(12):
        if i == 6:
            model[1].slope = 0.7
        assert bits(step(data())) == bits(model(data()).sum().detach())


def test_a_look_in_between_costs_no_play():
    """A training looks at samples by `eval()` now and then: what was written down is right again after it."""
    model = nn.Sequential(nn.Dense(3, 4, rng=np.random.default_rng(0)), nn.BatchNorm(4))
    step, x = mg.replay(lambda x: (model(x) ** 2).sum()), np.random.default_rng(1).normal(size=(5, 3))
    for i in range(12):
        model.train(i < 9)  # from the ninth call on it stays in the other mode, which is written down anew
        expected = bits((model(np.float32(x)) ** 2).sum().detach())
        assert bits(step(np.float32(x))) == expected
        model.eval()
        model.train(i < 9)
        assert step.plays == max(0, min(i - 1, 7)) + (i == 11)


def test_variables_of_the_step():
    model, beta, more = Holder([np.ones(3)]), 1.0, {"gamma": 1.0}

    def inner():
        return more["gamma"] * beta

    step = mg.replay(lambda x: (model.p0 * x).sum() * inner())
    for i in range(16):
        beta, more["gamma"] = 1.0 + i // 4, 1.0 + i // 8
        assert step(np.ones(3)).item() == 3 * beta * more["gamma"]
    assert step.plays == 8


def test_the_array_of_a_tensor_is_replaced():
    constant = Tensor(np.ones(3))
    p = Tensor(np.ones(3), requires_grad=True)
    step = mg.replay(lambda: (p * constant).sum())
    for i in range(5):
        if i == 3:
            constant.data[...] = 5.0  # lends the array: the tensor has another one from here on
        if i == 4:
            p.data = np.full(3, 7.0)
        assert step().item() == [3, 3, 3, 15, 105][i]


def test_a_constant_that_is_refilled_in_place():
    x = Tensor(np.ones(3))
    x.data[...] = 1.0
    p = Tensor(np.ones(3), requires_grad=True)
    step = mg.replay(lambda: (p * x).sum())
    for i in range(5):
        x.data[...] = i
        assert step().item() == 3 * i
    assert step.plays == 3


def test_gradients_add_up_where_nobody_sets_them_to_none():
    left = []
    for use in (True, False):
        p = Tensor(np.ones(3), requires_grad=True)
        step = (mg.replay if use else lambda f: f)(lambda x, p=p: mg.sum(p * x * x).backward())
        for i in range(9):
            if i == 5:
                p.grad = None
            step(data(1)[0].astype(float) * i)
        left.append(bits(p.grad))
    assert left[0] == left[1]


def test_gradients_that_are_set_to_none_outside_the_step_or_not_at_all():
    """While it was written down they were None, so a play could write them straight to their place."""
    left = []
    for use in (True, False):
        model = Holder([np.ones(3)])
        optimizer = optim.Adam(model, lr=0.1)

        def step(x, model=model, optimizer=optimizer):
            mg.sum(model.p0 * model.p0 * x).backward()
            optimizer.step()

        step = mg.replay(step) if use else step
        for i in range(9):
            if i in (0, 1, 2, 3, 6):
                optimizer.zero_grad()
            step(data(1)[0].astype(float) * (i + 1))
        left.append([bits(model.state_dict()), bits(model.p0.grad)])
        assert not use or step.plays >= 4
    assert left[0] == left[1]


def test_gradients_of_two_losses_wait_for_each_other():
    """The second is made before the optimizer has used the first: it may not lie in its place yet."""

    def training():
        model, rng = Holder([np.ones((3, 2))]), np.random.default_rng(0)
        optimizer = optim.Adam(model, lr=0.1)

        def step(x):
            optimizer.zero_grad()
            mg.sum((x @ model.p0) ** 2).backward()
            later = mg.grad(mg.sum(mg.tanh(x @ model.p0)), model.parameters())
            optimizer.step()
            players._move(optimizer, later)

        return step, model, [optimizer], ([rng.normal(size=(4, 3))] for _ in range(9))

    same(training)


def test_gradients_at_a_tensor_that_the_step_makes():
    p = Tensor(np.arange(3.0), requires_grad=True)

    def step(x):
        x = Tensor(x, requires_grad=True)
        mg.sum(p * x * x).backward()
        mg.sum(p * x).backward()
        return x.grad, x.grad * 2

    played = mg.replay(step)
    for i in range(6):
        assert bits(played(np.full(3, i + 0.5))) == bits(step(np.full(3, i + 0.5)))
    assert played.plays == 4


def test_results_are_copies_and_parameters_are_themselves():
    step, model, _ = small()
    first = [step(data()) for _ in range(4)]
    kept = first[2].item()
    for i in range(3):
        step(data(seed=i))
    assert first[2].item() == kept and first[2].node is None
    weights = mg.replay(lambda: {"w": model.parameters()[0].data, "one": 1, "none": None})
    for _ in range(4):
        assert weights()["w"] is model.parameters()[0].data and weights()["one"] == 1


def test_warnings_are_those_of_the_step():
    p = Tensor(np.array([1.0, 1000.0]), requires_grad=True)
    step = mg.replay(lambda x: mg.sum(mg.sigmoid(-p * 100) + mg.log(p * x)))
    for _ in range(4):
        with np.errstate(all="raise"):
            step(np.ones(2))  # the overflow within sigmoid is silent, as in the plain step
    assert step.plays == 2
    with np.errstate(all="raise"), pytest.raises(FloatingPointError, match="divide by zero"):
        step(np.zeros(2))


def test_numbers_of_random_and_dropout_are_drawn_in_every_play():
    left = []
    for use in (True, False):
        random, rng = mg.Random(3), np.random.default_rng(4)
        model = nn.Sequential(nn.Dense(3, 4, rng=rng), nn.Dropout(0.5, rng=rng), nn.Dense(4, 1, rng=rng))

        def step(x, model=model, random=random):
            noise = random.normal(5, 3), random.uniform(5, 3), random.bernoulli(0.5, 5, 3)
            return model(Tensor(x + sum(noise[1:], noise[0]))).sum()

        step = mg.replay(step) if use else step
        left.append([[bits(step(data(seed=i))) for i in range(8)], random.state, rng.bit_generator.state])
        assert not use or step.plays == 6
    assert left[0] == left[1]


# ----- checks hold ------------------------------------------------------------------------------------------


def test_checks_of_values_are_played():
    model = nn.Dense(3, 3, rng=np.random.default_rng(0))
    step = mg.replay(lambda x: losses.bce_with_logits(model(x), x))
    for _ in range(4):
        step(abs(data()) / 9)
    assert step.plays == 2
    with pytest.raises(ValueError, match="must lie in"):
        step(abs(data()) + 1)
    assert step.plays == 3
    step(abs(data()) / 9)


def test_anomalies_are_found():
    p = Tensor(np.ones(3), requires_grad=True)
    step = mg.replay(lambda x: mg.sum(mg.log(p * x)))
    for _ in range(4):
        step(np.ones(3))
    with (
        np.errstate(all="ignore"),
        mg.detect_anomaly(),
        pytest.raises(FloatingPointError, match="log, called at"),
    ):
        step(np.zeros(3))


def test_stale_graphs_are_found():
    step, model, optimizer = small()
    weight = model.parameters()[0]

    def stale(x):
        before = mg.sum(weight * weight)
        step.step(x)
        before.backward()

    with pytest.raises(mg.StaleGraphError):
        mg.replay(stale)(data())
    for _ in range(3):
        step(data())
    before = mg.sum(weight * weight)
    step(data())
    assert step.plays == 2
    with pytest.raises(mg.StaleGraphError):
        before.backward()


# ----- refusals ---------------------------------------------------------------------------------------------

W = Tensor(np.ones((3, 2), np.float32), requires_grad=True)
RNG, RANDOM = np.random.default_rng(0), mg.Random(0)
CONSTANT, BUFFER, LIST = np.ones(3, np.float32), np.ones(3, np.float32), []
COUNTER, RATES = 0, np.arange(1.0, 99.0).tolist()
ADAM = optim.Adam([Tensor(np.ones(3), requires_grad=True)])


def counting(x):
    global COUNTER
    COUNTER += 1
    return mg.sum(x @ W)


def refilling(x):
    BUFFER[...] = RNG.standard_normal(3)
    return mg.sum(x * BUFFER)


def remembering(x):
    LIST.append(0.0)
    return mg.sum(x @ W)


def setting_the_rate(x, optimizer=optim.SGD([Tensor(np.ones(3), requires_grad=True)], lr=1.0)):  # noqa: B008
    optimizer.lr = float(RATES.pop())
    return mg.sum(x @ W)


def carrying(x, state=[None]):  # noqa: B006
    value = mg.sum(x @ W) + (0.0 if state[0] is None else state[0])
    state[0] = value.detach()
    return value


def writing_to_the_argument(x):
    x *= 2
    return mg.sum(x @ W)


REFUSED = {
    "item": (lambda x: mg.sum(x @ W).item(), "a value is read, by .item"),
    "float": (lambda x: float(mg.sum(x @ W)), "a value is read"),
    "if": (lambda x: W if mg.sum(x @ W) > 0 else None, "a value is read"),
    "if an array": (lambda x: 1 if (x > 0).all() else 2, "a value is read"),
    "tolist": (lambda x: (x @ W).tolist(), "a value is read, by .tolist"),
    "parameter": (lambda x: W.data[0, 0] * x if W.data[0, 0] > 0 else x, "a value is read"),
    "its generator": (lambda x: x * RANDOM.generator.standard_normal(3), "draw them by minigen.Random"),
    "chance": (lambda x: x if RANDOM.generator.random() < 2 else -x, "draw them by minigen.Random"),
    "steps": (lambda x: x if ADAM.steps < 9 else -x, "optimizer.steps"),
    "lr": (lambda x: x if ADAM.lr < 9 else -x, "optimizer.lr"),
    "generator": (lambda x: x * RNG.standard_normal(3).astype(np.float32), "made anew in every call"),
    "number": (lambda x: mg.sum(x @ W) * RNG.random(), "differs from call to call"),
    "plain arithmetic": (lambda x: x * (CONSTANT + 1), "made anew in every call"),
    "tensor": (lambda x: Tensor(CONSTANT + 1) * x, "made anew in every call"),
    "mask": (lambda x: x[x > 0].sum(), "a mask selects"),
    "nonzero": (lambda x: x.nonzero()[0], "a value is read"),
    "unknown": (lambda x: np.sort(x), "np.sort"),
    "unknown method": (lambda x: x.cumsum(), "cumsum"),
    "conversion": (lambda x: np.asarray(x).sum(), "converted"),
    "counter": (counting, "the variable COUNTER"),
    "list": (remembering, "the variable LIST"),
    "refilled": (refilling, "changed by a call that is not written down"),
    "rate": (setting_the_rate, "a number differs from call to call|the variable RATES"),
    "carried": (carrying, "a result of an earlier call"),
    "argument": (writing_to_the_argument, "an argument is written to"),
    "module": (lambda x, m=nn.Tanh(): (setattr(m, "seen", 1), x)[1], "attribute seen"),  # noqa: B008
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    function, why = REFUSED[name]
    step = mg.replay(function)
    with pytest.raises(NotReplayable, match=why) as error:
        for _ in range(6):
            step(data())
    assert step.plays == 0
    lines = re.findall(r"; (.*\.py):\d+$", str(error.value))
    assert all(line == __file__ for line in lines), lines


@pytest.mark.parametrize("name", ["item", "if", "mask", "unknown", "if an array", "conversion"])
def test_a_refusal_names_the_line_and_the_step_is_done(name):
    """Not strict: the very call that was refused, and all that follow, give what the plain step gives."""
    function, _ = REFUSED[name]
    step = mg.replay(function, strict=False)
    for seed in range(4):
        assert bits(step(data(seed=seed))) == bits(function(data(seed=seed)))
    assert step.plays == 0 and f"test_replay.py:{function.__code__.co_firstlineno}" in step.why


def test_a_number_that_changes_with_every_call():
    step = mg.replay(lambda x, i: mg.sum(x) * i, strict=False)
    for i in range(60):
        assert step(data(), i).item() == mg.sum(data()) * i
    assert "calls were all different" in step.why


def test_an_argument_that_is_an_object():
    with pytest.raises(NotReplayable, match="an argument is a Dense"):
        mg.replay(lambda layer, x: layer(x))(nn.Dense(3, 2, rng=RNG), data())
    with pytest.raises(NotReplayable, match="an argument is a Tensor with a history"):
        mg.replay(lambda w: w * 2)(W)


class Doubling:
    factor = 2.0

    @classmethod
    def step(cls, x):
        return x * cls.factor


def test_the_numbers_of_a_class_whose_method_is_the_step(monkeypatch):
    step = mg.replay(Doubling.step)
    for i in range(9):
        monkeypatch.setattr(Doubling, "factor", 2.0 if i < 5 else 3.0)
        assert step(np.ones(1)).item() == Doubling.factor
    assert step.plays == 5


def test_a_step_within_a_step():
    step, model, optimizer = small()
    outer = mg.replay(lambda x: step(x))
    for i in range(5):
        outer(data(seed=i))
    assert outer.plays == 3 and step.plays == 0


# ----- threads, forks, errors, memory -----------------------------------------------------------------------


def test_two_threads_with_a_step_each():
    alone = [small()[0] for _ in range(2)]
    right = [[bits(step(data(seed=i))) for i in range(300)] for step in alone]
    got = [[], []]

    def work(mine, step):
        for i in range(300):
            mine.append(bits(step(data(seed=i))))

    steps = [small()[0] for _ in range(2)]
    workers = [threading.Thread(target=work, args=pair) for pair in zip(got, steps, strict=True)]
    [w.start() for w in workers]
    [w.join() for w in workers]
    assert got == right and all(step.plays == 298 for step in steps)


def test_two_threads_with_one_step():
    """They take turns: a result is never a mixture of two calls."""
    p = Tensor(np.ones(1000), requires_grad=True)
    step = mg.replay(lambda x: mg.sum(p * x) + mg.sum(p * x * x))
    failed = []

    def work(offset):
        for i in range(500):
            n = float(offset + i % 7)
            if step(np.full(1000, n)).item() != 1000 * (n + n * n):
                failed.append(n)

    workers = [threading.Thread(target=work, args=(offset,)) for offset in (1, 100)]
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        [w.start() for w in workers]
        [w.join() for w in workers]
    finally:
        sys.setswitchinterval(usual)
    assert not failed and step.plays > 900


def test_an_exception_in_the_middle():
    """A step that stopped half-way leaves the same behind as the plain one, and goes on like it."""
    left = []
    for use in (True, False):
        step, model, optimizer = small(use=False)
        extra = nn.Dense(3, 3, rng=np.random.default_rng(2))

        def twice(x, y, step=step, extra=extra):
            step(x)
            value = losses.bce_with_logits(extra(x), y)
            step(x + 1)
            return value

        twice = mg.replay(twice) if use else twice
        for i in range(12):
            y = abs(data(seed=i)) / 9 + (5 if i in (0, 1, 5, 6, 9) else 0)
            try:
                twice(data(seed=i), y)
            except ValueError:
                pass
        left.append([bits(model.state_dict()), bits(optimizer.state)])
        if use:
            assert twice.plays == 8
    assert left[0] == left[1]


def test_memory_is_flat_over_ten_thousand_steps():
    step, _, _ = small()
    x = data()
    for _ in range(50):
        step(x)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(10_000):
            step(x)
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert grown < 20_000, grown


def test_results_share_memory_as_soon_as_they_are_dead():
    """A chain of 100 results needs two or three blocks, not 100."""
    p = Tensor(np.ones(50_000), requires_grad=True)

    def step(x):
        for _ in range(100):
            x = x + 1.0
        return mg.sum(p * x)

    step = mg.replay(step)
    tracemalloc.start()
    try:
        for _ in range(3):
            step(np.ones(50_000))
        used = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert step.plays == 1 and used < 8 * 50_000 * 8


FORK = """
    import os, signal, threading
    import numpy as np, minigen as mg

    p = mg.Tensor(np.ones(1000), requires_grad=True)
    step = mg.replay(lambda x: mg.sum(p * x))
    x = np.full(1000, 2.0)
    for _ in range(4):
        step(x)
    inside, done = threading.Event(), threading.Event()
    def visitor():
        with step.lock:
            inside.set(), done.wait()
    thread = threading.Thread(target=visitor)
    thread.start(), inside.wait()
    child = os.fork()  # while another thread is in the middle of a step
    if child == 0:
        signal.alarm(60)
        right = all(step(x * i).item() == 2000 * i for i in range(6)) and step.plays > 2
        os._exit(0 if right else 1)
    done.set(), thread.join()
    print(os.waitpid(child, 0)[1], step(x).item())
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_after_a_fork():
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(FORK)], capture_output=True, text=True, timeout=120
    )
    assert done.stdout.split() == ["0", "2000.0"], done.stderr


def test_a_call_that_would_not_give_the_same_bits_is_not_taken(monkeypatch):
    """Every call that writes into memory that is there is tried when it is written down."""
    monkeypatch.setattr(recording, "_with_out", lambda f, args, kwargs, out: (np.copyto, (out, 0), {}))
    p = Tensor(np.arange(3.0), requires_grad=True)
    step = mg.replay(lambda x: mg.sum(p * x))
    assert [step(np.full(3, i)).item() for i in range(1, 6)] == [3, 6, 9, 12, 15] and step.plays == 3


def test_a_result_stays_read_only():
    p = Tensor(np.ones(3, np.float32), requires_grad=True)

    def step(x):
        y = p * Tensor(x)
        y.data[0] = 5.0

    for f in (step, mg.replay(step)):
        with pytest.raises(ValueError, match="read-only"):
            f(data(1)[0])


def test_the_first_convolution_of_a_program_chooses_another_way_for_large_products(monkeypatch):
    monkeypatch.setattr(threads, "_beside_convolutions", False)
    x, y = (np.random.default_rng(i).standard_normal((300, 300)).astype("f4") for i in range(2))
    step = mg.replay(lambda x: mg.matmul(x, y))
    for convolves in (False, True):
        for _ in range(4):
            played = step(x)
        assert threads.way(x, y) is (threads._shared if convolves else np.matmul)
        assert played.tobytes() == mg.matmul(x, y).tobytes()
        assert step.plays == (4 if convolves else 2)
        threads.beside_convolutions()
