"""Optimizers against their formulas written plainly, against PyTorch, and against misuse."""

import math

import fake_cupy
import numpy as np
import pytest

import minigen
from minigen import StaleGraphError, Tensor, nn, optim

RECIPES = {
    "sgd": (optim.SGD, {"lr": 0.1}, "SGD", {}),
    "momentum": (optim.Momentum, {"lr": 0.1, "momentum": 0.8}, "SGD", {}),
    "nesterov": (optim.Nesterov, {"lr": 0.1, "momentum": 0.8}, "SGD", {"nesterov": True}),
    "sgd, decay": (optim.SGD, {"lr": 0.1, "weight_decay": 0.3}, "SGD", {}),
    "momentum, decay": (optim.Momentum, {"lr": 0.1, "momentum": 0.8, "weight_decay": 0.3}, "SGD", {}),
    "nesterov, decay": (
        optim.Nesterov,
        {"lr": 0.1, "momentum": 0.8, "weight_decay": 0.3},
        "SGD",
        {"nesterov": True},
    ),
    "rmsprop, decay": (
        optim.RMSprop,
        {"lr": 0.03, "decay": 0.9, "eps": 1e-3, "weight_decay": 0.3},
        "RMSprop",
        {},
    ),
    "adam, decay": (
        optim.Adam,
        {"lr": 0.05, "betas": (0.8, 0.95), "eps": 1e-3, "weight_decay": 0.3},
        "Adam",
        {},
    ),
    "rmsprop": (optim.RMSprop, {"lr": 0.03, "decay": 0.9, "eps": 1e-3}, "RMSprop", {}),
    "adam": (optim.Adam, {"lr": 0.05, "betas": (0.8, 0.95), "eps": 1e-3}, "Adam", {}),
    "adamw": (optim.AdamW, {"lr": 0.05, "betas": (0.8, 0.95), "eps": 1e-3, "weight_decay": 0.3}, "AdamW", {}),
}
every_optimizer = pytest.mark.parametrize("name", RECIPES)
SHAPES = [(3, 5), (5,), (2, 3, 5, 7), ()]
STEPS = 20


def gradients(dtype):
    """The same 20 gradients for every implementation, of very different sizes so that eps matters."""
    rng = np.random.default_rng(1)
    return [
        [(rng.normal(size=s) * 10.0 ** (i - 3)).astype(dtype) for i, s in enumerate(SHAPES)]
        for _ in range(STEPS)
    ]


def starts(dtype):
    rng = np.random.default_rng(0)
    return [rng.normal(size=s).astype(dtype) for s in SHAPES]


def ours(name, dtype, lay_out=lambda a: a):
    optimizer, options, _, _ = RECIPES[name]
    tensors = [Tensor(lay_out(a), requires_grad=True) for a in starts(dtype)]
    opt = optimizer(tensors, **options)
    for step in gradients(dtype):
        for p, g in zip(tensors, step, strict=True):
            p.grad = g
        opt.step()
    return [p.data for p in tensors]


def plainly(name):
    """The update as it stands in the paper, on one parameter at a time, in float64."""
    options = RECIPES[name][1]
    lr, eps, mu = options["lr"], options.get("eps"), options.get("momentum")
    results = []
    for i, p in enumerate(starts(np.float64)):
        m = v = np.zeros_like(p)
        for t, step in enumerate(gradients(np.float64), 1):
            g = step[i]
            rule, _, decayed = name.partition(", ")
            if decayed:
                g = g + options["weight_decay"] * p
            if rule == "sgd":
                p = p - lr * g
            elif rule == "momentum":
                m = mu * m + g
                p = p - lr * m
            elif rule == "nesterov":
                m = mu * m + g
                p = p - lr * (g + mu * m)
            elif rule == "rmsprop":
                v = options["decay"] * v + (1 - options["decay"]) * g**2
                p = p - lr * g / (np.sqrt(v) + eps)
            else:
                b1, b2 = options["betas"]
                if rule == "adamw":
                    p = p * (1 - lr * options["weight_decay"])
                m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2
                p = p - lr * (m / (1 - b1**t)) / (np.sqrt(v / (1 - b2**t)) + eps)
        results.append(p)
    return results


@every_optimizer
def test_twenty_steps_follow_the_formula(name):
    for mine, plain in zip(ours(name, np.float64), plainly(name), strict=True):
        np.testing.assert_allclose(mine, plain, rtol=1e-12, atol=1e-13)  # round-off of 20 steps in float64


@every_optimizer
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_twenty_steps_agree_with_pytorch(name, dtype):
    torch = pytest.importorskip("torch")
    _, options, theirs, more = RECIPES[name]
    options = {"alpha" if key == "decay" else key: value for key, value in options.items()}
    tensors = [torch.nn.Parameter(torch.tensor(a)) for a in starts(dtype)]
    opt = getattr(torch.optim, theirs)(tensors, **options, **more)
    for step in gradients(dtype):
        for p, g in zip(tensors, step, strict=True):
            p.grad = torch.tensor(g)
        opt.step()
    for mine, p in zip(ours(name, dtype), tensors, strict=True):
        assert mine.dtype == dtype
        np.testing.assert_allclose(mine, p.detach().numpy(), rtol=1e-6, atol=1e-6)


@every_optimizer
def test_the_memory_order_of_a_parameter_changes_nothing(name):
    turned = ours(name, np.float64, lambda a: np.array(a.T, order="C").T)
    for mine, other in zip(ours(name, np.float64), turned, strict=True):
        np.testing.assert_array_equal(mine, other)


@every_optimizer
def test_a_model_larger_than_a_block_is_updated_everywhere(name, monkeypatch):
    whole = ours(name, np.float64)
    # 231 numbers: blocks end inside parameters, the last one is short
    monkeypatch.setattr(optim, "_block", 13)
    for mine, other in zip(ours(name, np.float64), whole, strict=True):
        np.testing.assert_array_equal(mine, other)


def test_training_on_every_device_gives_the_same_weights_without_a_read(device):
    def train(place):
        rng = np.random.default_rng(0)
        model = nn.Sequential(nn.Dense(5, 7, rng=rng), nn.Tanh(), nn.Dense(7, 1, rng=rng)).astype(np.float64)
        model.to(place)
        opt = optim.Adam(model, lr=0.05)
        x = minigen.to(rng.normal(size=(11, 5)), place)
        for _ in range(10):
            opt.zero_grad()
            (model(x) ** 2).sum().backward()
            optim.clip_grad_norm(opt, 3.0)
            opt.step()
            optim.clip_weights(model, 0.7)
        return model.state_dict()

    on_host = train("cpu")
    for name, array in train(device.where).items():
        np.testing.assert_allclose(array, on_host[name], rtol=1e-12)
    assert max(abs(a).max() for a in on_host.values()) == 0.7  # the clipping was at work


# ----- one flat buffer --------------------------------------------------------------------------------------


def conv_weight():
    return nn.Conv2d(3, 2, (5, 7), rng=np.random.default_rng(0)).weight


def test_parameters_and_gradients_are_views_that_keep_their_order():
    weight = conv_weight()
    before, strides = weight.data.copy(), weight.data.strides
    opt = optim.SGD([weight])
    assert weight.data.strides == weight.node.buffer.strides == strides
    assert weight.data.transpose(2, 3, 1, 0).flags.c_contiguous
    np.testing.assert_array_equal(weight.data, before)
    opt._flat["data"][:] = 3
    assert (weight.data == 3).all()
    (weight * 2.0).sum().backward()
    assert (opt._flat["grad"] == 2).all()
    assert weight.grad is weight.node.buffer


def test_a_gradient_that_was_there_before_is_taken_along():
    p = Tensor(np.ones(3), requires_grad=True)
    (p * 2.0).sum().backward()
    opt = optim.SGD([p], lr=1.0)
    (p * 3.0).sum().backward()
    opt.step()
    np.testing.assert_array_equal(p.data, [-4, -4, -4])


def test_a_step_makes_older_graphs_stale_and_names_the_parameter():
    model = nn.Dense(2, 3, rng=np.random.default_rng(0))
    opt = optim.SGD(model)
    x = np.ones((5, 2), np.float32)
    loss, late = (model(x) ** 2).sum(), (model(x) ** 2).sum()
    loss.backward()
    opt.step()
    with pytest.raises(StaleGraphError, match="weight"):
        late.backward()


def test_zero_grad_forgets_and_backward_adds():
    p = Tensor(np.ones(3), requires_grad=True)
    opt = optim.SGD([p])
    for expected in (2, 4):
        (p * 2.0).sum().backward()
        assert (p.grad == expected).all()
    opt.zero_grad()
    assert p.grad is None
    (p * 2.0).sum().backward()
    assert (p.grad == 2).all()


def test_a_dropped_optimizer_gives_its_parameters_back():
    p = Tensor(np.ones(3), requires_grad=True)

    def pretrain():
        optim.Adam([p])

    pretrain()
    assert p.node.buffer is None
    optim.SGD([p])


def test_release_lets_the_model_move_and_ends_the_optimizer():
    model = nn.Dense(2, 3, rng=np.random.default_rng(0))
    opt = optim.SGD(model)
    with pytest.raises(RuntimeError, match=r"weight already lives.*before making the optimizer.*release\(\)"):
        model.astype(np.float64)
    opt.release()
    assert model.astype(np.float64).weight.dtype == np.float64
    with pytest.raises(RuntimeError, match="given back by release"):
        opt.step()


# ----- state ------------------------------------------------------------------------------------------------


@every_optimizer
def test_a_saved_state_resumes_exactly(name):
    optimizer, options, _, _ = RECIPES[name]

    def steps(opt, tensors, some):
        for step in some:
            for p, g in zip(tensors, step, strict=True):
                p.grad = g
            opt.step()

    some = gradients(np.float64)
    first = [Tensor(a, requires_grad=True) for a in starts(np.float64)]
    opt = optimizer(first, **options)
    steps(opt, first, some[:8])
    opt.lr = 0.07
    saved, weights = opt.state, [p.data.copy() for p in first]
    assert all(type(array) is np.ndarray for array in saved.values())
    steps(opt, first, some[8:])

    second = [Tensor(a, requires_grad=True) for a in weights]
    other = optimizer(second, **options)
    other.state = saved
    steps(other, second, some[8:])
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a.data, b.data)


def test_a_state_of_another_model_is_refused_unread():
    rng = np.random.default_rng(0)
    small, wide, other = (
        nn.Dense(2, 3, rng=rng),
        nn.Dense(2, 5, rng=rng),
        nn.Sequential(nn.Dense(2, 3, rng=rng)),
    )
    opt = optim.Adam(small)
    before = opt.state
    with pytest.raises(ValueError, match=r"m\.weight must be \(2, 3\), got \(2, 5\)"):
        opt.state = optim.Adam(wide).state
    with pytest.raises(ValueError, match=r"another model.*missing \['m\.bias'.*unexpected \['m\.0\.bias'"):
        opt.state = optim.Adam(other).state
    assert opt.state.keys() == before.keys()


# ----- misuse -----------------------------------------------------------------------------------------------


def test_a_parameter_without_a_gradient_is_named():
    model = nn.Sequential(nn.Dense(2, 3, rng=np.random.default_rng(0)))
    opt = optim.Adam(model)
    before = model.state_dict()
    with pytest.raises(RuntimeError, match=r"Adam\.step: parameter 0\.weight has no gradient.*backward"):
        opt.step()
    (model(np.ones((5, 2), np.float32)) ** 2).sum().backward()
    model.parameters()[1].grad = None
    with pytest.raises(RuntimeError, match=r"parameter 0\.bias has no gradient"):
        opt.step()
    assert all((model.state_dict()[name] == before[name]).all() for name in before)  # nothing moved half-way
    assert opt.steps == 0


def leaf(data=(1.0, 2.0), **kwargs):
    return Tensor(np.array(data, **kwargs), requires_grad=True)


def test_what_cannot_be_optimized():
    p = leaf()
    for parameters, error, message in (
        ([], ValueError, "Adam: no parameters"),
        (iter(()), ValueError, "Adam: no parameters"),
        (p, TypeError, r"one Tensor: write \[parameter\]"),
        ([p, Tensor(np.ones(2))], TypeError, "parameter 1 is a constant or a result"),
        ([p, p * 2.0], TypeError, "parameter 1 is a constant or a result"),
        ([p, np.ones(2)], TypeError, "parameter 1 is a ndarray"),
        ([p, leaf(), p], ValueError, "2 and 0 are the same parameter"),
        ([p, leaf(dtype=np.float32)], ValueError, "one dtype, but 0 is float64, 1 is float32"),
    ):
        with pytest.raises(error, match=message):
            optim.Adam(parameters)
    assert p.node.buffer is None  # a refusal leaves no trace
    keeper = optim.Adam([p])
    with pytest.raises(ValueError, match=r"belongs to another optimizer: call release\(\)"):
        optim.SGD([p])
    assert keeper.parameters == [p]


def test_mixed_devices_are_refused():
    with fake_cupy.installed():
        moved = Tensor(minigen.to(np.ones(2), "cuda"), requires_grad=True)
        with pytest.raises(ValueError, match="one device, but 0 is cpu, 1 is cuda"):
            optim.SGD([leaf(), moved])


def test_a_step_on_a_gpu_waits_for_nothing_and_launches_as_often_for_any_number_of_layers():
    def launches(layers):
        rng = np.random.default_rng(0)
        model = nn.Sequential(*(nn.Dense(3, 3, rng=rng) for _ in range(layers))).to("cuda")
        opt = optim.Adam(model)
        model(minigen.to(np.ones((5, 3), np.float32), "cuda")).sum().backward()
        with fake_cupy.counting() as counted:
            opt.step()
        assert counted.reads == counted.uploads == 0
        return counted.launches

    with fake_cupy.installed():
        assert launches(1) == launches(6) == 10  # the passes that the docstring of Adam promises


def test_options_out_of_range():
    for make in (
        lambda: optim.Adam([leaf()], betas=(1.0, 0.9)),
        lambda: optim.Adam([leaf()], betas=(0.9, -0.1)),
        lambda: optim.Momentum([leaf()], momentum=1.5),
        lambda: optim.RMSprop([leaf()], decay=2.0),
    ):
        with pytest.raises(ValueError, match="must be at least 0 and below 1"):
            make()


# ----- clipping and schedules -------------------------------------------------------------------------------


def test_clip_weights_holds_every_weight_and_makes_older_graphs_stale():
    p = leaf((-3.0, 0.5, 2.0))
    q = leaf((0.1,))
    loss = (p * p).sum()
    optim.clip_weights([p, q], 0.7)
    np.testing.assert_array_equal(p.data, [-0.7, 0.5, 0.7])
    np.testing.assert_array_equal(q.data, [0.1])
    with pytest.raises(StaleGraphError):
        loss.backward()
    with pytest.raises(ValueError, match="c must be positive"):
        optim.clip_weights([p], 0)


def test_clip_grad_norm_scales_all_gradients_together_and_only_down():
    p, q = leaf((0.0, 0.0)), leaf((0.0,))
    p.grad, q.grad = np.array([3.0, 0.0]), np.array([4.0])
    assert optim.clip_grad_norm([p, q], 10.0) == 5.0
    np.testing.assert_array_equal(p.grad, [3.0, 0.0])
    assert optim.clip_grad_norm([p, q], 1.0) == 5.0
    np.testing.assert_allclose(np.concatenate([p.grad, q.grad]), [0.6, 0.0, 0.8], rtol=1e-15)
    q.grad = None
    with pytest.raises(RuntimeError, match="parameter 1 has no gradient"):
        optim.clip_grad_norm([p, q], 1.0)


def test_schedules_pass_through_their_points():
    for schedule, first, middle in (
        (optim.linear, 1.0, 0.55),
        (optim.cosine, 1.0, 0.55),
        (optim.exponential, 1.0, math.sqrt(0.1)),
    ):
        values = [schedule(step, 100, first, 0.1) for step in (0, 50, 100, 1000)]
        np.testing.assert_allclose(values, [1.0, middle, 0.1, 0.1], rtol=1e-12)
    assert optim.cosine(25, 100, 1.0) == pytest.approx(0.5 + math.sqrt(0.125))
    assert optim.linear(5, 10, 0.0, 1.0) == 0.5  # a warm-up
    assert [optim.staircase(step, 10, 1.0, 0.5) for step in (0, 9, 10, 29)] == [1.0, 1.0, 0.5, 0.25]
    with pytest.raises(ValueError, match="at least one step"):
        optim.cosine(0, 0, 1.0)
    with pytest.raises(ValueError, match="must be positive"):
        optim.exponential(0, 10, 1.0, 0.0)


# ----- what would go wrong without a word -------------------------------------------------------------------


def test_data_that_an_optimizer_took_cannot_be_replaced():
    p = Tensor(np.ones(2), requires_grad=True, name="encoder.weight")
    optimizer = optim.SGD([p], 0.1)
    with pytest.raises(
        RuntimeError, match=r"encoder\.weight lives in the buffer of an optimizer.*p\.data\[\.\.\.\]"
    ):
        p.data = np.full(2, 5.0)
    p.data *= 4.0
    p.data += 1.0  # in place, as p.data[...] = 5.0 is
    (p * p).sum().backward()
    optimizer.step()
    assert p.data.tolist() == [4.0, 4.0]
    optimizer.release()
    p.data = np.full(3, 7.0)
    assert p.data.tolist() == [7.0] * 3


@pytest.mark.parametrize("g", [np.arange(3.0), np.ones((3, 3), np.float32), [1.0], 1.0, np.ones((3, 3, 1))])
def test_a_gradient_of_another_kind_is_refused(g):
    p = Tensor(np.ones((3, 3)), requires_grad=True, name="weight")
    with pytest.raises(ValueError, match=r"the gradient of weight must be an array float64 \(3, 3\)"):
        p.grad = g
    assert p.grad is None


@pytest.mark.parametrize("lr", [float("nan"), float("inf"), -1.0, True, "a", None, np.float64("nan"), 1j])
@pytest.mark.parametrize(
    "kind", [optim.SGD, optim.Momentum, optim.Nesterov, optim.RMSprop, optim.Adam, optim.AdamW]
)
def test_a_learning_rate_that_cannot_be_meant(kind, lr):
    p = Tensor(np.ones(1), requires_grad=True)
    with pytest.raises(ValueError, match=f"{kind.__name__}: lr must be a finite positive number"):
        kind([p], lr)
    optimizer = kind([p], 0.1)
    with pytest.raises(ValueError, match="lr must be"):
        optimizer.lr = lr
    assert optimizer.lr == 0.1


def test_a_schedule_may_end_at_zero_but_nothing_starts_there():
    p = Tensor(np.ones(1), requires_grad=True)
    with pytest.raises(ValueError, match="positive"):
        optim.SGD([p], 0.0)
    optimizer = optim.SGD([p], 0.1)
    optimizer.lr = optim.cosine(10, 10, 0.1)
    assert optimizer.lr == 0.0


def test_weight_decay_leaves_the_gradients_that_a_person_sees():
    p = Tensor(np.array([2.0, -3.0]), requires_grad=True)
    opt = optim.SGD([p], lr=0.5, weight_decay=0.1)
    p.grad = np.array([1.0, 1.0])
    opt.step()
    assert p.grad.tolist() == [1.0, 1.0]
    np.testing.assert_allclose(p.data, [2 - 0.5 * 1.2, -3 - 0.5 * 0.7], rtol=1e-15)


@pytest.mark.parametrize(
    "optimizer", [optim.SGD, optim.Momentum, optim.Nesterov, optim.RMSprop, optim.Adam, optim.AdamW]
)
@pytest.mark.parametrize("wrong", [-0.1, math.nan, math.inf, "0.1"])
def test_weight_decay_must_be_a_share(optimizer, wrong):
    with pytest.raises(ValueError, match=f"{optimizer.__name__}: weight_decay must be a number, at least 0"):
        optimizer([Tensor(np.ones(2), requires_grad=True)], weight_decay=wrong)


def test_betas_are_two_numbers():
    with pytest.raises(
        TypeError, match=r"Adam: betas must be two numbers such as \(0\.9, 0\.999\), got 0\.9"
    ):
        optim.Adam([Tensor(np.ones(2), requires_grad=True)], 1e-3, 0.9)
