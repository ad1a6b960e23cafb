"""The tape: what it records, in which order it walks back, what it frees, and what it leaves behind."""

import gc
import weakref

import numpy as np
import pytest

import minigen as mg
from minigen import Tensor
from minigen.engine import tape


def leaf(values, dtype=np.float64, name=None):
    return Tensor(np.asarray(values, dtype), requires_grad=True, name=name)


def changed_by_an_optimizer(tensor):
    """What an optimizer does besides writing new values."""
    tensor.node.changed = next(tape._clock)


@pytest.fixture
def made_op():
    """Declares an operation for one test: not by minigen.op,
    which would put it into the registry for good.
    """
    return lambda forward, *rules, **kind: _declare(forward, rules, **{"broadcasts": False, **kind})


def _declare(forward, rules, broadcasts, moves=False, branches=None):
    op = tape.Op(forward, broadcasts, moves, branches)
    op.rule(*rules)
    return op


# ----- order ------------------------------------------------------------------------------------------------


def test_an_inner_node_used_twice(device):
    """The smallest program that needs an order: the gradient of y is not complete when z first reaches it."""
    x = device.tensor(3.0)
    y = x * x
    z = y + y * x
    z.backward()
    assert float(device.host(x.grad)) == 2 * 3 + 3 * 3**2


def test_diamonds_are_walked_once(made_op):
    calls = []
    double = made_op(lambda x: x + x, lambda g, out, x: (calls.append(1), g + g)[1])
    x = leaf(1.0)
    y = x
    for _ in range(200):
        y = double(y) * 0.5 + y * 0.0  # two paths through each step: 2^200 paths in all
    y.backward()
    assert len(calls) == 200
    assert x.grad == 1.0


def test_depth_without_recursion(device):
    x = device.tensor([1.0, 2.0])
    y = x
    for _ in range(20_000):
        y = y + 1
    (g,) = mg.grad(y.sum(), [x], create_graph=True)
    y.sum().backward()
    assert device.host(x.grad).tolist() == device.host(g).tolist() == [1.0, 1.0]
    del y, g  # freeing a chain must not recurse either


def test_rules_run_only_where_a_gradient_is_needed(made_op):
    def never(g, out, *args):
        raise AssertionError("this gradient is needed by nobody")

    first_layer = made_op(lambda x, w: x * w, never, lambda g, out, x, w: g * x)
    data, w = np.array([1.0, 2.0]), leaf([3.0, 4.0])
    first_layer(data, w).sum().backward()
    assert w.grad.tolist() == [1.0, 2.0]

    other_branch = made_op(lambda x: 2 * x, never)
    x, unasked = leaf([1.0, 2.0]), leaf([5.0, 6.0])
    y = (x * w).sum() + other_branch(unasked).sum()
    (g,) = mg.grad(y, [x])
    assert g.data.tolist() == [3.0, 4.0]


def test_a_rule_sees_arrays_or_tensors(made_op):
    seen = []
    op = made_op(
        lambda x, c: x * c,
        lambda g, out, x, c: (seen.append((type(g), type(out), type(x), c)), g * c)[1],
        None,
    )
    x = leaf([1.0, 2.0])
    op(x, 3.0).sum().backward()
    mg.grad(op(x, 3.0).sum(), [x], create_graph=True)
    assert seen == [(np.ndarray, np.ndarray, np.ndarray, 3.0), (Tensor, Tensor, Tensor, 3.0)]


# ----- backward and grad ------------------------------------------------------------------------------------


def test_backward_adds(device):
    x = device.tensor([1.0, 2.0])
    for times in (1, 2, 3):
        (x * x).sum().backward()
        assert device.host(x.grad).tolist() == [2.0 * times, 4.0 * times]
    x.grad = None
    (x * x).sum().backward()
    assert device.host(x.grad).tolist() == [2.0, 4.0]


def test_backward_writes_where_the_optimizer_wants_it(device):
    x = device.tensor([1.0, 2.0])
    buffer = x.node.buffer = device.array([7.0, 7.0])
    (x * x).sum().backward()
    assert x.grad is buffer
    assert device.host(buffer).tolist() == [2.0, 4.0]  # not added to what the buffer held before
    (x * x).sum().backward()
    assert x.grad is buffer
    assert device.host(buffer).tolist() == [4.0, 8.0]


def test_backward_with_a_gradient(device):
    x = device.tensor([1.0, 2.0])
    (x * x).backward(device.array([10.0, 100.0]))
    (x * x).backward(Tensor(device.array([1.0, 1.0])))
    assert device.host(x.grad).tolist() == [22.0, 404.0]


def test_gradients_are_plain_arrays_of_the_same_kind(device):
    for shape in ((), (1,), (2, 3)):
        x = device.tensor(np.ones(shape))
        (x * x).sum().backward()
        (g,) = mg.grad((x * x).sum(), [x])
        assert type(x.grad) is type(g.data) is type(x.data)
        assert x.grad.shape == g.shape == shape
        assert x.grad.dtype == g.dtype == x.dtype


def test_retain_graph():
    x = leaf([1.0, 2.0])
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.tolist() == [4.0, 8.0]


def test_backward_frees_what_it_walked():
    x = leaf(np.ones(5))
    inner = mg.exp(x)
    held = weakref.ref(inner.data)
    y = inner.sum()
    del inner
    assert held() is not None  # the tape needs it
    y.backward()
    assert held() is None
    assert not any(isinstance(o, tape.Node) for o in gc.get_referents(y.node, *gc.get_referents(y.node)))


def test_gradients_do_not_share_memory():
    """add hands one array to both sides; whoever changes one gradient must not change the other."""
    x, y, seed = leaf([1.0, 2.0]), leaf([3.0, 4.0]), np.array([1.0, 1.0])
    (x + y).backward(seed)
    x.grad[...] = 7.0
    assert y.grad.tolist() == [1.0, 1.0]
    assert seed.tolist() == [1.0, 1.0]
    (x + x).sum().backward()
    assert x.grad.tolist() == [9.0, 9.0]
    z = leaf([1.0, 2.0])
    z.backward(seed)
    z.grad += 1
    assert seed.tolist() == [1.0, 1.0]


def test_grad_of_anything_on_the_way(device):
    x = device.tensor([1.0, 2.0])
    middle = x * x
    y = (middle * middle).sum()
    gx, gmiddle, gy, again = mg.grad(y, [x, middle, y, x])
    assert device.host(gx).tolist() == device.host(again).tolist() == [4.0, 32.0]
    assert device.host(gmiddle).tolist() == [2.0, 8.0]
    assert float(device.host(gy)) == 1.0
    assert x.grad is None  # grad touches no .grad
    assert not gx.requires_grad
    (alone,) = mg.grad(y, x)
    assert device.host(alone).tolist() == [4.0, 32.0]


def test_allow_unused():
    x, unused = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    gx, nothing = mg.grad((x * x).sum(), [x, unused], allow_unused=True)
    assert gx.data.tolist() == [2.0, 4.0]
    assert nothing is None


def test_higher_orders(device):
    x = device.tensor(2.0)
    y = x**5
    for expected in (80.0, 160.0, 240.0, 240.0, 120.0):  # 5 x^4, 20 x^3, 60 x^2, 120 x, 120
        (y,) = mg.grad(y, [x], create_graph=True)
        assert float(device.host(y)) == pytest.approx(expected, rel=1e-14)


def test_forward_mode_by_two_backward_passes():
    """The gradient with respect to the cotangent is the Jacobian times a direction:
    `gradient` has a history.
    """
    x, v, u = leaf([0.5, 2.0]), leaf([1.0, 1.0]), np.array([3.0, -1.0])
    (slope,) = mg.grad(mg.exp(x), [x], gradient=v, create_graph=True)
    (jvp,) = mg.grad((slope * u).sum(), [v])
    np.testing.assert_allclose(jvp.data, np.exp(x.data) * u, rtol=1e-15)


def test_gradient_penalty(device):
    """d/dw of (d/dx <w, tanh x>)^2: written as one writes it, against the formula."""
    x, w = device.tensor([0.5, -1.0]), device.tensor([2.0, 3.0])
    (slope,) = mg.grad((w * mg.tanh(x)).sum(), [x], create_graph=True)
    (slope * slope).sum().backward()
    phi = 1 - np.tanh([0.5, -1.0]) ** 2
    np.testing.assert_allclose(device.host(w.grad), 2 * np.array([2.0, 3.0]) * phi**2, rtol=1e-14)


# ----- where history stops ----------------------------------------------------------------------------------


def test_detach_and_no_grad(device):
    x = device.tensor([1.0, 2.0])
    fixed = x.detach()
    assert not fixed.requires_grad
    fixed.data[...] = 5.0
    assert device.host(x.data).tolist() == [1.0, 2.0]
    fixed = x.detach()
    (x * fixed).sum().backward()
    assert device.host(x.grad).tolist() == [1.0, 2.0]
    with mg.no_grad():
        y = x * x
        with mg.no_grad():
            pass
        z = x * x  # leaving the inner block does not switch recording on
    assert not y.requires_grad
    assert not z.requires_grad
    assert (x * x).requires_grad


def test_no_grad_ends_with_an_exception():
    with pytest.raises(KeyError), mg.no_grad():
        raise KeyError
    assert (leaf(1.0) * 2).requires_grad


def test_constants_record_nothing(device):
    a, b = device.tensor([1.0], requires_grad=False), device.tensor([2.0], requires_grad=False)
    assert (a * b).node is None
    assert mg.exp(a).node is None


# ----- stale graphs -----------------------------------------------------------------------------------------


def test_a_parameter_that_moved_is_named():
    x, w = leaf([1.0, 2.0], name="generator.weight"), leaf([3.0, 4.0], name="critic.weight")
    loss = (x * w.reshape(2)).sum()
    changed_by_an_optimizer(w)
    for walk in (loss.backward, lambda: mg.grad(loss, [x])):
        with pytest.raises(
            mg.StaleGraphError, match=r"critic\.weight was changed .*: compute the loss again"
        ):
            walk()
    assert x.grad is None  # refused before any gradient was touched
    (x * w).sum().backward()
    assert x.grad.tolist() == [3.0, 4.0]


def test_a_parameter_named_later():
    w = leaf([1.0])
    w.name = "encoder.bias"
    loss = w.sum()
    changed_by_an_optimizer(w)
    with pytest.raises(mg.StaleGraphError, match=r"encoder\.bias"):
        loss.backward()


def test_a_change_elsewhere_or_before_is_no_reason():
    x, w, other = leaf([1.0]), leaf([2.0]), leaf([3.0])
    changed_by_an_optimizer(w)
    loss = (x * w).sum()
    changed_by_an_optimizer(other)
    loss.backward()
    assert x.grad.tolist() == [2.0]


# ----- nothing is left behind -------------------------------------------------------------------------------


def alive():
    return [o for o in gc.get_objects() if type(o) in (Tensor, tape.Node, tape.Leaf)]


def one_graph(device):
    """Every kind of use: branches, sharing, indexing, convolution, double backward,
    a graph never walked, an error.
    """
    x, w = device.tensor(np.ones((2, 9, 4, 4))), device.tensor(np.full((8, 9, 3, 3), 0.1))
    h = mg.relu(mg.conv2d(x, w, padding=1)) + x[:, :8]
    h = mg.concatenate([h, mg.softplus(h)], axis=1)
    (slope,) = mg.grad(mg.tanh(h).sum(), [x], create_graph=True)
    loss = mg.logsumexp(h) + (slope * slope).sum() + mg.max(h)
    loss.backward(retain_graph=True)
    loss.backward()
    (x * mg.exp(x)).sum()
    try:
        loss.backward()
    except RuntimeError:
        return
    raise AssertionError("the graph was not freed")


def test_no_leak_without_the_collector(device):
    one_graph(device)
    gc.collect()
    gc.disable()
    try:
        before = len(alive())
        for _ in range(100):
            one_graph(device)
        assert len(alive()) == before
    finally:
        gc.enable()


# ----- a tensor in Python -----------------------------------------------------------------------------------


def test_attributes(device):
    x = device.tensor([[1.0, 2.0, 3.0]], np.float32, name="weight")
    assert (x.shape, x.ndim, x.size, x.dtype, x.name) == ((1, 3), 2, 3, np.float32, "weight")
    assert x.requires_grad
    assert x.grad is None
    assert (x * 2).grad is None
    assert type(x.numpy()) is np.ndarray
    assert x.numpy().tolist() == [[1.0, 2.0, 3.0]]
    assert x[0, 1].item() == float(x[0, 1]) == 2.0
    assert bool(x[0, 1] * 0) is False
    assert repr(x).startswith(
        "Tensor(array([[1., 2., 3.]], dtype=float32), name='weight', requires_grad=True"
    )


def test_a_tensor_owns_its_values():
    data = np.ones(3)
    for x in (Tensor(data), Tensor(data, requires_grad=True)):
        data[0] = 5.0
        assert x.data.tolist() == [1.0, 1.0, 1.0]
        assert x.data is x.data
        assert x.numpy() is x.data
        x.data[1] = 7.0
        assert x.tolist() == [1.0, 7.0, 1.0]
        data[0] = 1.0


@pytest.mark.parametrize("data", [3.0, np.float32(3.0), np.array(3.0)])
def test_scalars_become_arrays(data):
    x = Tensor(data, requires_grad=True)
    assert type(x.data) is np.ndarray
    assert x.shape == ()
    assert x.dtype == np.asarray(data).dtype


def test_length_and_iteration(device):
    x = device.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    assert len(x) == 3
    first, _, last = x
    (first * last).sum().backward()
    assert device.host(x.grad).tolist() == [[5.0, 6.0], [0.0, 0.0], [1.0, 2.0]]
    with pytest.raises(TypeError):
        len(device.tensor(1.0))
    with pytest.raises(TypeError):
        list(device.tensor(1.0))


def test_identity_serves_as_a_key():
    x, y = leaf([1.0]), leaf([1.0])
    assert len({x: 1, y: 2}) == 2


def test_only_a_leaf_holds_a_gradient():
    x = leaf([1.0])
    x.grad = np.array([5.0])
    x.sum().backward()
    assert x.grad.tolist() == [6.0]
    with pytest.raises(AttributeError, match="requires_grad=True"):
        (x * 2).grad = np.array([1.0])
    with pytest.raises(AttributeError, match="requires_grad=True"):
        Tensor([1.0]).grad = np.array([1.0])


def test_an_op_of_ones_own(monkeypatch):
    monkeypatch.setattr(tape, "registry", {})

    @mg.op()
    def cube(x):
        """x ** 3."""
        return x * x * x

    cube.rule(lambda g, out, x: g * (3 * x * x))
    x = leaf([2.0])
    (slope,) = mg.grad(cube(x).sum(), [x], create_graph=True)
    (bend,) = mg.grad(slope.sum(), [x])
    assert (cube(x).item(), slope.item(), bend.item()) == (8.0, 12.0, 12.0)
    assert cube.__doc__ == "x ** 3."
    assert tape.registry == {"cube": cube}
