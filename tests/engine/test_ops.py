"""Every operation: its value against NumPy, its gradients of both orders against
differences, on every device.
"""

import importlib
import pkgutil
from types import SimpleNamespace

import fake_cupy
import hypothesis.extra.numpy as hnp
import numpy as np
import oracle
import pytest
import samples_layers
from conftest import Device
from hypothesis import given
from samples import BINARY, SAMPLES

import minigen as mg
from minigen import Tensor
from minigen.engine import tape

PLACES = f"tests/samples.py or tests/{samples_layers.__name__}.py"
every_sample = pytest.mark.parametrize("sample", SAMPLES, ids=str)


def nodes_below(tensor):
    """All the nodes of the graph that made a tensor."""
    found, stack = set(), [tensor.node]
    while stack:
        node = stack.pop()
        if node is not None and node not in found:
            found.add(node)
            stack.extend(node.parents)
    return found


def operations():
    """{name: op} of all of minigen, without what a test declared."""
    for module in pkgutil.walk_packages(mg.__path__, "minigen."):  # an op is registered by its file's import
        # no ops, but libraries of its own
        if not module.name.endswith("__main__") and "book" not in module.name:
            importlib.import_module(module.name)
    return {name: op for name, op in tape.registry.items() if op.forward.__module__.startswith("minigen.")}


def test_every_op_has_a_rule_and_a_docstring():
    for name, op in operations().items():
        file = op.forward.__module__.replace(".", "/") + ".py"
        assert op.rules, f"{file}: {name} has no rule; write {name}.rule(...) under it"
        assert op.forward.__doc__ or name[0] == "_", f"{file}: {name} has no docstring"


def test_every_argument_of_every_op_has_a_sample():
    needed = {
        (name, i)
        for name, op in operations().items()
        for i in range(2 if isinstance(op.rules, tape.RuleForEach) else len(op.rules))
        if op.rules[i] is not None
    }
    sampled = {
        (sample.op, i)
        for sample in SAMPLES
        for node in nodes_below(sample.function()(*(Tensor(a, requires_grad=True) for a in sample.floats)))
        if isinstance(node, tape.Node) and node.op is tape.registry.get(sample.op)
        for i, parent in enumerate(node.parents)
        if parent is not None
    }
    missing = sorted(needed - sampled)
    assert not missing, f"{PLACES} has no line for (operation, argument) {missing}"
    assert len(needed) > 50


@every_sample
def test_value(sample):
    value = sample.function()(*sample.floats)
    expected = sample.like(*sample.arguments)
    assert np.shape(value) == np.shape(expected)
    # two ways of writing one formula: rounding only
    np.testing.assert_allclose(value, expected, rtol=1e-13, atol=1e-15)


@every_sample
def test_first_order(sample, device):
    arrays = [device.array(a) for a in sample.floats]
    found = oracle.first_order(sample.function(device), arrays, device.array(sample.cotangent))
    for claimed, measured in zip(found, sample.measured_first, strict=True):
        oracle.assert_close(device.host(claimed), measured)


@every_sample
def test_second_order(sample, device):
    arrays = [device.array(a) for a in sample.floats]
    directions = [device.array(v) for v in sample.directions]
    found = oracle.second_order(sample.function(device), arrays, device.array(sample.cotangent), directions)
    for claimed, measured in zip(found, sample.measured_second, strict=True):
        oracle.assert_close(device.host(claimed), measured)


@every_sample
def test_arrays_equal_tensors(sample, device):
    arrays = [device.array(a) for a in sample.floats]
    f, g = sample.function(device), device.array(sample.cotangent)
    bare, wrapped = f(*arrays), f(*(Tensor(a, requires_grad=True) for a in arrays))
    assert not isinstance(bare, Tensor)
    assert isinstance(wrapped, Tensor)
    np.testing.assert_array_equal(device.host(bare), device.host(wrapped))
    # The rules: given arrays by grad and by backward, given tensors by create_graph.
    plain = oracle.first_order(f, arrays, g)
    inputs = [Tensor(a, requires_grad=True) for a in arrays]
    recorded = mg.grad(f(*inputs), inputs, gradient=g, create_graph=True)
    f(*inputs).backward(g)
    for x, on_arrays, on_tensors in zip(inputs, plain, recorded, strict=True):
        assert type(x.grad) is type(on_arrays.data) is type(on_tensors.data) is type(x.data)
        np.testing.assert_array_equal(device.host(on_arrays), device.host(x.grad))
        np.testing.assert_allclose(device.host(on_arrays), device.host(on_tensors), rtol=1e-14, atol=1e-15)


@every_sample
def test_float32_stays_float32(sample, device):
    arrays = [device.array(a, np.float32) for a in sample.floats]
    f, g = sample.function(device), device.array(sample.cotangent, np.float32)
    directions = [device.array(v, np.float32) for v in sample.directions]
    value = f(*(Tensor(a) for a in arrays))
    slopes = oracle.first_order(f, arrays, g)
    bends = oracle.second_order(f, arrays, g, directions)
    assert {t.dtype for t in (value, *slopes, *bends)} == {np.dtype(np.float32)}
    assert [t.shape for t in (value, *slopes, *bends)] == [a.shape for a in (g, *arrays, *arrays, g)]
    # Single precision carries 7 digits and these sums have few terms; 1e-4 catches digits
    # that were rounded away.
    for found, measured in zip(
        (*slopes, *bends), (*sample.measured_first, *sample.measured_second), strict=True
    ):
        np.testing.assert_allclose(device.host(found), measured, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("sample", [s for s in SAMPLES if not s.host], ids=str)
def test_a_gpu_would_not_wait(sample):
    """No operation and no rule asks the device for a result, or sends it an array:
    that would cost a round trip.
    """
    with fake_cupy.installed():
        device = Device("stand-in")
        arrays, g = [device.array(a) for a in sample.floats], device.array(sample.cotangent)
        directions = [device.array(v) for v in sample.directions]
        constants = {id(a): device.array(a) for a in sample.arguments}
        f = sample.function(device=SimpleNamespace(array=lambda a: constants[id(a)]))
        with fake_cupy.counting() as counted:
            f(*arrays)
            oracle.second_order(f, arrays, g, directions)
    assert counted.launches > 0
    assert (counted.reads, counted.uploads) == (0, 0)


SCALAR = np.float64(1.3)  # promotes a float32 array wherever it is not turned into a Python number
WITH_SCALARS = {
    **{f"{name}(x, s)": lambda x, f=tape.registry[name]: f(x, SCALAR) for name in BINARY},
    **{f"{name}(s, x)": lambda x, f=tape.registry[name]: f(SCALAR, x) for name in BINARY},
    "where": lambda x: mg.where(x > 0, x, SCALAR),
    "clip": lambda x: mg.clip(x, -SCALAR, SCALAR),
    "leaky_relu": lambda x: mg.leaky_relu(x, slope=SCALAR / 2),
    "elu": lambda x: mg.elu(x, alpha=SCALAR),
}


@pytest.mark.parametrize("call", WITH_SCALARS)
def test_numpy_scalars_do_not_promote(call, device):
    x = device.tensor([0.5, 2.0], np.float32)
    y = WITH_SCALARS[call](x)
    y.sum().backward()
    assert y.dtype == x.grad.dtype == np.float32


# ----- Python's spelling ------------------------------------------------------------------------------------

SPELLINGS = {
    "x + y": np.add,
    "x - y": np.subtract,
    "x * y": np.multiply,
    "x / y": np.divide,
    "x ** y": np.power,
    "-x": lambda x, y: -x,
    "abs(-x)": lambda x, y: x,
    "x @ y.T": lambda x, y: x @ y.T,
    "x.sum(0)": lambda x, y: x.sum(0),
    "x.mean(axis=-1, keepdims=True)": lambda x, y: x.mean(-1, keepdims=True),
    "x.var()": lambda x, y: x.var(),
    "x.max(1)": lambda x, y: x.max(1),
    "x.min(0)": lambda x, y: x.min(0),
    "x.reshape(3, 2)": lambda x, y: x.reshape(3, 2),
    "x.reshape((3, -1))": lambda x, y: x.reshape(3, 2),
    "x.transpose(1, 0)": lambda x, y: x.T,
    "x.transpose((1, 0))": lambda x, y: x.T,
    "x.transpose()": lambda x, y: x.T,
    "x[1, ::2]": lambda x, y: x[1, ::2],
    "x[index]": lambda x, y: x[[1, 0, 1]],
    "1.5 + x": lambda x, y: 1.5 + x,
    "1.5 - x": lambda x, y: 1.5 - x,
    "1.5 * x": lambda x, y: 1.5 * x,
    "1.5 / x": lambda x, y: 1.5 / x,
    "1.5 ** x": lambda x, y: 1.5**x,
    "array + y": np.add,
    "array - y": np.subtract,
    "array * y": np.multiply,
    "array / y": np.divide,
    "array ** y": np.power,
    "array @ y.T": lambda x, y: x @ y.T,
    "np.float64(1.5) * x": lambda x, y: 1.5 * x,
    "x * np.float64(1.5)": lambda x, y: 1.5 * x,
    "sum(row for row in x)": lambda x, y: x.sum(0),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_python_spelling(spelling, device):
    rng = oracle.rng_of(spelling)
    x, y = rng.uniform(0.5, 2, size=(2, 2, 3))
    names = {"x": device.tensor(x), "y": device.tensor(y), "array": device.array(x), "np": np}
    names["index"] = Tensor(device.array([1, 0, 1]))  # an index may be a tensor of integers
    found = eval(spelling, names)
    assert isinstance(found, Tensor)
    assert found.requires_grad
    np.testing.assert_allclose(device.host(found), SPELLINGS[spelling](x, y), rtol=1e-14)


@pytest.mark.parametrize("sign", ["<", "<=", ">", ">=", "==", "!="])
def test_comparisons_are_plain_masks(sign, device):
    values, other = np.array([1.0, 2.0, 3.0]), np.array([2.0, 2.0, 2.0])
    names = {
        "t": device.tensor(values),
        "u": device.tensor(other),
        "a": device.array(other),
        "b": device.array(values),
    }
    expected = eval(f"v {sign} w", {"v": values, "w": other})
    for spelling in (f"t {sign} u", f"t {sign} a", f"t {sign} 2.0", f"b {sign} u"):
        mask = eval(spelling, names)
        assert type(mask) is type(names["a"])
        assert mask.dtype == bool
        np.testing.assert_array_equal(device.host(mask), expected)


# ----- the whole float range, without a warning (warnings are errors here) ----------------------------------

EXTREMES = [
    ("softplus", mg.softplus, [1000.0, -1000.0, 1e4], [1000.0, 0.0, 1e4], [1.0, 0.0, 1.0]),
    ("sigmoid", mg.sigmoid, [1000.0, -1000.0, -1e4], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]),
    ("tanh", mg.tanh, [1000.0, -1000.0, 1e4], [1.0, -1.0, 1.0], [0.0, 0.0, 0.0]),
    ("elu", mg.elu, [1000.0, -1000.0, 1e4], [1000.0, -1.0, 1e4], [1.0, 0.0, 1.0]),
    ("logsumexp", mg.logsumexp, [1e4, -1e4, 1e4], 1e4 + np.log(2), [0.5, 0.0, 0.5]),
    ("logsumexp of small", mg.logsumexp, [-1e4, -1e4, -2e4], -1e4 + np.log(2), [0.5, 0.5, 0.0]),
    ("softmax", lambda x: mg.softmax(x)[0], [1e4, -1e4, 0.0], 1.0, [0.0, 0.0, 0.0]),
    ("log_softmax", lambda x: mg.log_softmax(x)[1], [1e4, -1e4, 0.0], -2e4, [-1.0, 1.0, 0.0]),
    ("expm1", mg.expm1, [1e-30, -1e4, 0.0], [1e-30, -1.0, 0.0], [1.0, 0.0, 1.0]),
    ("log1p", mg.log1p, [1e-30, 0.0, -1e-30], [1e-30, 0.0, -1e-30], [1.0, 1.0, 1.0]),
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name, f, x, value, slope", EXTREMES, ids=[name for name, *_ in EXTREMES])
def test_stable(name, f, x, value, slope, dtype, device):
    x = device.tensor(x, dtype)
    y = f(x)
    (first,) = mg.grad(y.sum(), [x], create_graph=True)
    (second,) = mg.grad((first * first).sum(), [x])
    tiny = np.finfo(dtype).eps
    np.testing.assert_allclose(device.host(y), value, rtol=4 * tiny, atol=0)
    np.testing.assert_allclose(device.host(first), slope, rtol=4 * tiny, atol=tiny)
    assert np.isfinite(device.host(second)).all()
    assert y.dtype == first.dtype == second.dtype == dtype


# ----- at a kink, and at other places where a formula could break -------------------------------------------

KINKS = [
    ("relu", mg.relu, [0.0], [0.0]),
    ("leaky_relu", mg.leaky_relu, [0.0], [0.01]),
    ("abs", mg.abs, [0.0], [0.0]),
    ("abs of -0", mg.abs, [-0.0], [0.0]),
    ("elu from the left", lambda x: mg.elu(x, 0.5), [0.0], [0.5]),
    ("clip at its edges", lambda x: mg.clip(x, -1.0, 1.0), [-1.0, 1.0], [1.0, 1.0]),
    ("the first of equal maxima", mg.max, [1.0, 3.0, 3.0], [0.0, 1.0, 0.0]),
    ("the first of equal minima", mg.min, [3.0, 1.0, 1.0], [0.0, 1.0, 0.0]),
    ("a tie of maximum: the first argument", lambda x: mg.maximum(x, 2.0), [2.0], [1.0]),
    ("a tie of maximum: not the second", lambda x: mg.maximum(2.0, x), [2.0], [0.0]),
    ("a tie of minimum: the first argument", lambda x: mg.minimum(x, 2.0), [2.0], [1.0]),
    ("a tie of minimum: not the second", lambda x: mg.minimum(2.0, x), [2.0], [0.0]),
    ("x against itself", lambda x: mg.maximum(x, x), [2.0], [1.0]),
    ("where, not taken", lambda x: mg.where(x > 1, x, 7.0), [0.5, 2.0], [0.0, 1.0]),
    ("x ** 2 at 0", lambda x: x**2, [0.0], [0.0]),
    ("x ** 1 at 0", lambda x: x**1, [0.0], [1.0]),
    ("x ** 0 at 0", lambda x: x**0, [0.0], [0.0]),
]


@pytest.mark.parametrize("name, f, x, slope", KINKS, ids=[name for name, *_ in KINKS])
def test_documented_slopes(name, f, x, slope, device):
    x = device.tensor(x)
    (first,) = mg.grad(f(x).sum(), [x], create_graph=True)
    np.testing.assert_array_equal(device.host(first), slope)
    (second,) = mg.grad((first * x).sum(), [x], allow_unused=True)  # d/dx (f'(x) x) = f' + f'' x
    assert np.isfinite(device.host(second)).all()


def test_max_gives_one_gradient_to_each_group_of_ties(device):
    x = device.tensor(np.ones((2, 3, 5)))
    (g,) = mg.grad(mg.max(x, axis=(0, 2)).sum(), [x])
    assert device.host(g).sum() == 3
    assert device.host(g)[0, :, 0].tolist() == [1, 1, 1]


def test_branches_are_recorded():
    x = Tensor([1.0, -2.0, 3.0], requires_grad=True)
    with tape.record_branches() as smooth:
        mg.softplus(mg.tanh(x) * mg.sigmoid(x)).sum()
    assert smooth == []
    with tape.record_branches() as taken:
        mg.relu(x).sum() + mg.max(x) + mg.clip(x, 0, 2).sum() + mg.where(x > 0, x, 0.0).sum()
    assert [name for name, _ in taken] == ["relu", "max", "clip", "where"]
    masks = [np.asarray(mask).astype(int).tolist() for _, mask in taken]
    assert masks == [[1, 0, 1], [0, 0, 1], [1, 0, 0], [1, 0, 1]]


# ----- broadcasting over many shapes ------------------------------------------------------------------------


@given(hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=4, max_side=3))
def test_unbroadcasting(shapes):
    """d sum(x * y) / dx is y, summed over what was stretched: counted here entry by entry."""
    rng = oracle.rng_of(shapes.input_shapes)
    a, b = (rng.normal(size=shape) for shape in shapes.input_shapes)
    x, y = Tensor(a, requires_grad=True), Tensor(b, requires_grad=True)
    gx, gy = mg.grad((x * y).sum(), [x, y])
    stretched = np.broadcast_to(a, shapes.result_shape), np.broadcast_to(b, shapes.result_shape)
    np.testing.assert_allclose(gx.data, oracle.naive_sum_to(stretched[1], a.shape), rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(gy.data, oracle.naive_sum_to(stretched[0], b.shape), rtol=1e-12, atol=1e-13)


def test_a_gradient_has_the_memory_order_of_the_input():
    x = np.ones((2, 5, 5, 3), np.float32).transpose(0, 3, 1, 2)
    t = Tensor(x, requires_grad=True)
    (g,) = mg.grad(mg.relu(t), t, gradient=np.ones((2, 3, 5, 5), np.float32))
    assert g.data.strides == x.strides
