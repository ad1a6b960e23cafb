"""Right values where a formula is easily wrong: at masks, far from 0, at infinities,
at powers of 0, over no entries.

Each line is an input that some engine gets wrong, with the value of mathematics beside it.
"""

import inspect
import math

import numpy as np
import oracle
import pytest

import minigen as mg
from minigen import Tensor, exchange, losses, nn
from minigen.engine import ops, tape
from minigen.nn import pooling

INF, NAN = math.inf, math.nan


def slope(f, x, g=1.0):
    """The gradient at x of the sum of f(x) weighted by g; the warnings of slopes that are
    infinite are not its subject.
    """
    x = Tensor(np.array(x, np.float64), requires_grad=True)
    with np.errstate(all="ignore"):
        y = f(x)
        y.backward(np.broadcast_to(np.float64(g), y.shape).copy())
    return x.grad


# ----- masks select -----------------------------------------------------------------------------------------

GUARDS = {
    "sqrt(relu(x))": (lambda x: mg.sqrt(mg.relu(x)), [-1, 0, 4], [0, 0, 0.25]),
    "sqrt(where(x > 0, x, 0))": (lambda x: mg.sqrt(mg.where(x > 0, x, 0.0)), [-1, 4], [0, 0.25]),
    "log(where(x > 0, x, 0))": (lambda x: mg.log(mg.where(x > 0, x, 0.0)), [-1, 4], [0, 0.25]),
    "sqrt(where(x < 0, 0, x))": (lambda x: mg.sqrt(mg.where(x < 0, 0.0, x)), [-1, 4], [0, 0.25]),
    "sqrt(clip(x, 0, None))": (lambda x: mg.sqrt(mg.clip(x, 0.0, None)), [-1, 4], [0, 0.25]),
    "sqrt(maximum(x, 0))": (lambda x: mg.sqrt(mg.maximum(x, 0.0)), [-1, 4], [0, 0.25]),
    "sqrt(-minimum(-x, 0))": (lambda x: mg.sqrt(-mg.minimum(-x, 0.0)), [-1, 4], [0, 0.25]),
    "sqrt(leaky_relu(x, 0))": (lambda x: mg.sqrt(mg.leaky_relu(x, 0.0)), [-1, 0, 4], [0, 0, 0.25]),
    "sqrt(|x|)": (lambda x: mg.sqrt(mg.abs(x)), [-4, 0, 4], [-0.25, 0, 0.25]),
    "sqrt(max(x) - x)": (lambda x: mg.sqrt(mg.max(x) - x), [1, 2, 4], [-0.5 / 3**0.5, -0.5 / 2**0.5, NAN]),
    "sqrt(x - min(x))": (lambda x: mg.sqrt(x - mg.min(x)), [4, 3, 1], [0.5 / 3**0.5, 0.5 / 2**0.5, NAN]),
    "std of equal entries": (mg.std, [2, 2, 2], [0, 0, 0]),
    "x ** 0": (lambda x: mg.log(x**0 - 1), [2, 0, -3], [0, 0, 0]),
}


@pytest.mark.parametrize("name", GUARDS)
def test_a_guard_guards(name):
    f, x, expected = GUARDS[name]
    np.testing.assert_allclose(slope(f, x), expected, rtol=1e-15)


BRANCHES = {
    "relu": (mg.relu, [-2, 0, 3]),
    "leaky_relu, slope 0": (lambda x: mg.leaky_relu(x, 0.0), [-2, 0, 3]),
    "where": (lambda x: mg.where(x > 1, x, 7.0), [-2, 0, 3]),
    "where, second": (lambda x: mg.where(x <= 1, 7.0, x), [-2, 0, 3]),
    "clip": (lambda x: mg.clip(x, 1.0, 5.0), [-2, 9, 3]),
    "maximum": (lambda x: mg.maximum(x, 1.0), [-2, 0, 3]),
    "maximum, second": (lambda x: mg.maximum(1.0, x), [-2, 1, 3]),
    "minimum": (lambda x: mg.minimum(x, 5.0), [7, 9, 3]),
    "minimum, second": (lambda x: mg.minimum(5.0, x), [7, 5, 3]),
    "max": (lambda x: mg.max(x, 0, True), [-2, 0, 3]),
    "min": (lambda x: mg.min(x, 0, True), [5, 4, 3]),
    "abs": (mg.abs, [0, 0, 3]),
    "max_pool2d": (lambda x: nn.max_pool2d(x.reshape(1, 1, 1, 3), (1, 3)), [-2, 0, 3]),
    "getitem": (lambda x: x[2:], [-2, 0, 3]),
}


@pytest.mark.parametrize("g", [INF, -INF, NAN])
@pytest.mark.parametrize("name", BRANCHES)
def test_what_was_not_taken_has_gradient_0_whatever_comes_from_above(name, g, device):
    f, values = BRANCHES[name]
    x = device.tensor(values)
    y = f(x)
    # An upstream gradient that is not finite everywhere: each piece must stop it by itself.
    upstream = device.array(np.full(y.shape, g))
    with np.errstate(all="ignore"):
        (plain,) = mg.grad(y, [x], gradient=upstream)
        (recorded,) = mg.grad(y, [x], gradient=upstream, create_graph=True)
    for found in (plain, recorded):
        np.testing.assert_array_equal(device.host(found), [0, 0, g])


def test_every_piecewise_op_is_in_the_list_above():
    """A new op with branches needs a line in BRANCHES; elu has no piece of slope 0."""
    piecewise = {op.name for op in tape.registry.values() if op.branches is not None} - {"elu"}
    assert pooling._max_pool.name in piecewise
    assert piecewise == {name.partition(",")[0] for name in BRANCHES} - {"getitem"}


@pytest.mark.parametrize("mask", [[True, False], [1, 0], [0.5, 0.0]])
def test_any_mask_chooses(mask, device):
    x, y = device.tensor([1.0, 2.0]), device.tensor([3.0, 4.0])
    z = mg.where(device.array(mask), x, y)
    z.backward(device.array([5.0, 7.0]))
    assert device.host(z).tolist() == [1, 4]
    assert (x.grad.tolist(), y.grad.tolist()) == ([5, 0], [0, 7])


def test_pick_takes_one_tap_and_leaves_the_others():
    x, winner = np.array([[[[INF, NAN, 3.0]]]]), np.array([[[[2]]]])
    assert pooling._gather_max(x, winner, kernel=(1, 3), stride=(1, 3)).item() == 3.0


# ----- limits -----------------------------------------------------------------------------------------------

LIMITS = {
    "logsumexp of -inf": (mg.logsumexp, [-INF, -INF], -INF, [0.5, 0.5]),
    "logsumexp with inf": (mg.logsumexp, [INF, 0.0], INF, [1, 0]),
    "logsumexp with a mask": (mg.logsumexp, [0.0, -INF], 0.0, [1, 0]),
    "logaddexp of -inf": (lambda x: mg.logaddexp(x[:1], x[1:]), [-INF, -INF], [-INF], [0.5, 0.5]),
    "logaddexp of inf": (lambda x: mg.logaddexp(x[:1], x[1:]), [INF, INF], [INF], [0.5, 0.5]),
    "logaddexp with a mask": (lambda x: mg.logaddexp(x[:1], x[1:]), [1.0, -INF], [1.0], [1, 0]),
    "softmax with a mask": (mg.softmax, [0.0, 0.0, -INF], [0.5, 0.5, 0], [0, 0, 0]),
    "softmax with inf": (mg.softmax, [INF, 0.0], [1, 0], [0, 0]),
    "softmax of -inf": (mg.softmax, [-INF, -INF], [0.5, 0.5], [0, 0]),
    "log_softmax with inf": (mg.log_softmax, [INF, 0.0], [0, -INF], [-1, 1]),
    "log_softmax with a mask": (mg.log_softmax, [0.0, -INF], [0, -INF], [-1, 1]),
    "elu": (mg.elu, [INF, -INF], [INF, -1], [1, 0]),
    "softplus": (mg.softplus, [INF, -INF], [INF, 0], [1, 0]),
    "sigmoid": (mg.sigmoid, [INF, -INF], [1, 0], [0, 0]),
    "tanh": (mg.tanh, [INF, -INF], [1, -1], [0, 0]),
    "var of equal entries": (mg.var, [1e8] * 50, 0, [0] * 50),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", LIMITS)
def test_limits_without_a_warning(name, dtype, device):
    f, x, value, expected = LIMITS[name]
    x = device.tensor(x, dtype)
    y = f(x)
    y.backward(device.array(np.ones(y.shape), dtype))
    np.testing.assert_allclose(device.host(y), value, rtol=1e-6)
    np.testing.assert_allclose(device.host(x.grad), expected, rtol=1e-6)


def test_a_masked_class_takes_no_part(device):
    logits = device.tensor([[0.0, 1.0, -INF]])
    loss = losses.softmax_cross_entropy(logits, device.array([1]))
    loss.backward()
    p = 1 / (1 + math.e)
    np.testing.assert_allclose(device.host(loss), math.log1p(math.exp(-1)), rtol=1e-14)
    np.testing.assert_allclose(device.host(logits.grad), [[p, -p, 0]], rtol=1e-14)


# ----- shifts do not cost digits ----------------------------------------------------------------------------

N, K = 64, 37
ONES, ZEROS = np.ones(K), np.zeros(K)
LABELS = np.random.default_rng(5).integers(0, K, N)
SHIFTED = {
    "softmax": (mg.softmax, 1),
    "log_softmax": (mg.log_softmax, 1),
    "logsumexp": (lambda x: mg.logsumexp(x, 1, True), 1),
    "softmax_cross_entropy": (lambda x: losses.softmax_cross_entropy(x, LABELS), 1),
    "var over a row": (lambda x: mg.var(x, 1, True), 1),
    "var over the batch": (lambda x: mg.var(x, 0, True), 0),
    "std": (lambda x: mg.std(x, 1, True), 1),
    "layer_norm": (lambda x: nn.layer_norm(x, ONES.astype(x.dtype), ZEROS.astype(x.dtype)), 1),
    "batch_norm": (lambda x: nn.batch_norm(x, ONES.astype(x.dtype), ZEROS.astype(x.dtype)), 0),
}


@pytest.mark.parametrize("scale", [1e-4, 1e-2, 1, 1e2, 1e4])
@pytest.mark.parametrize("offset", [0, 1, 1e2, 1e4, 1e6, 1e8])
@pytest.mark.parametrize("name", SHIFTED)
def test_float32_has_the_digits_of_float64(name, offset, scale):
    """Value and gradient against float64 of the same inputs, in units of the last place of the
    largest entry of the row.

    4 units; PyTorch has 60 at an offset of 100 and 6 000 at 1e4 in the gradients of logsumexp and var.
    Where softmax is 0 or 1 to 7 digits (scales of 100 and more), its own slope is a difference of these,
    which no float32 holds: to eps, then.
    """
    f, axis = SHIFTED[name]
    x32 = (offset + scale * oracle.rng_of(name).normal(size=(N, K))).astype(np.float32)
    results = []
    for dtype in (np.float32, np.float64):
        x = Tensor(x32.astype(dtype), requires_grad=True)
        y = f(x)
        g = np.random.default_rng(9).normal(size=y.shape).astype(np.float32).astype(dtype)
        y.backward(g)
        results.append((y.data, x.grad))
    for which, (found, exact) in enumerate(zip(*results, strict=True)):
        assert found.dtype == np.float32
        size = np.abs(exact).max(axis=axis if exact.ndim else None, keepdims=True)
        if name == "softmax" and scale >= 100 and which == 1:
            size = np.ones(())
        unit = np.spacing(np.maximum(size, np.finfo(np.float32).tiny).astype(np.float32))
        assert (np.abs(found - exact) / unit).max() <= 4


@pytest.mark.parametrize("size", [1e-6, 1e-4, 1e-2, 0.3, 0.99, 1.01, 3.0, 30.0])
def test_gaussian_kl_keeps_its_digits_where_the_two_agree(size):
    """Against the series (small) or float64 (large): exp(l) - 1 - l in float32 has no digit left at 1e-4."""
    logvar = (np.array([[1.0, -0.7], [0.5, -0.1]]) * size).astype(np.float32)
    mu = (np.array([[0.3, 0.2], [-0.1, 0.4]]) * size).astype(np.float32)
    leaf = Tensor(logvar, requires_grad=True)
    value = losses.gaussian_kl(mu, leaf)
    value.backward()
    wide = logvar.astype(np.float64)
    remainder = sum(wide**k / math.factorial(k) for k in range(2, 120))
    exact = (remainder + mu.astype(np.float64) ** 2).sum() / 4
    np.testing.assert_allclose(value.item(), exact, rtol=4 * 2.0**-23)
    np.testing.assert_allclose(leaf.grad, np.expm1(wide) / 4, rtol=4 * 2.0**-23)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_exp_remainder_is_exact_on_both_sides_of_its_seam(dtype):
    x = np.concatenate([np.linspace(-3, 3, 1201), [1.0, -1.0, 1e-15, 0.0]]).astype(dtype)
    exact = sum(x.astype(np.longdouble) ** k / math.factorial(k) for k in range(2, 60))
    np.testing.assert_allclose(losses.exp_remainder(x), exact, rtol=4 * np.finfo(dtype).eps, atol=0)


# ----- powers of 0 ------------------------------------------------------------------------------------------


def test_powers_of_0():
    x = Tensor(np.zeros(4), requires_grad=True)
    y = Tensor(np.array([0.0, 1.0, 2.0, 0.5]), requires_grad=True)
    with np.errstate(divide="ignore"):  # the slope of the root at 0
        (x**y).sum().backward()
    assert x.grad.tolist() == [0, 1, 0, INF]
    assert y.grad.tolist() == [0, 0, 0, 0]
    assert slope(lambda y: 0.0**y, [1, 2]).tolist() == [0, 0]
    assert slope(lambda y: 0**y, [-1.0]).tolist() == [-INF]
    assert np.isnan(slope(lambda y: pow(-2.0, y), [1, 2])).all()
    np.testing.assert_allclose(slope(lambda y: 2.0**y, [3]), 8 * math.log(2), rtol=1e-15)


# ----- axes -------------------------------------------------------------------------------------------------

t = Tensor(np.ones((2, 3)), requires_grad=True)
REDUCTIONS = [mg.sum, mg.max, mg.min, mg.mean, mg.var, mg.std, mg.logsumexp]
NO_AXIS = {
    **{f"{f.__name__ if inspect.isfunction(f) else f.name} of a number": lambda f=f: f(Tensor(np.array(2.0),
        requires_grad=True), 0) for f in REDUCTIONS},
    **{f"{f.__name__ if inspect.isfunction(f) else f.name}, axis 2": lambda f=f: f(t, 2) for f in REDUCTIONS},
    "expand_dims 7": lambda: mg.expand_dims(t, 7),
    "expand_dims -4": lambda: mg.expand_dims(t.data, -4),
    "stack": lambda: mg.stack([t, t], 3),
    "concatenate": lambda: mg.concatenate([t, t], 2),
    "softmax": lambda: mg.softmax(t, 2),
    "log_softmax of a number": lambda: mg.log_softmax(Tensor(np.array(1.0))),
    "flip": lambda: mg.flip(t, 2),
    "squeeze": lambda: mg.squeeze(t, 5),
    "argmax": lambda: t.argmax(2),
}  # fmt: skip


@pytest.mark.parametrize("name", NO_AXIS)
def test_an_axis_that_does_not_exist_is_refused_at_the_call(name):
    with pytest.raises(ValueError, match="axis"):
        NO_AXIS[name]()


@pytest.mark.parametrize("axis", [-4, 3, 7])
def test_a_new_axis_out_of_range_names_the_shape_and_the_range(axis):
    message = rf"axis {axis} is out of range: .* shape \(2, 3\), so the new axis must lie between -3 and 2"
    with pytest.raises(ValueError, match=f"expand_dims: {message}"):
        mg.expand_dims(t, axis)
    with pytest.raises(ValueError, match=f"stack: {message}"):
        mg.stack([t, t], axis)


def test_a_new_axis_at_every_place():
    assert [mg.expand_dims(t, axis).shape.index(1) for axis in range(-3, 3)] == [0, 1, 2, 0, 1, 2]


@pytest.mark.parametrize("f", REDUCTIONS)
def test_an_axis_named_twice_is_told(f):
    with pytest.raises(ValueError, match=r"axis \(0, -2\) names an axis twice"):
        f(t, (0, -2))


@pytest.mark.parametrize("f", REDUCTIONS)
def test_no_axes_and_lists_of_axes(f):
    values = np.random.default_rng(0).normal(size=(2, 3))
    x = Tensor(values, requires_grad=True)
    nothing = f(x, ())
    assert nothing.shape == (2, 3)
    expected = np.zeros((2, 3)) if f in (mg.var, mg.std) else values
    np.testing.assert_allclose(nothing.data, expected, rtol=1e-15)
    nothing.sum().backward()
    np.testing.assert_array_equal(x.grad, np.zeros((2, 3)) if f in (mg.var, mg.std) else np.ones((2, 3)))
    np.testing.assert_array_equal(f(x, [0, 1]).data, f(x, (0, 1)).data)


@pytest.mark.parametrize("f", [mg.max, mg.min])
def test_the_largest_of_nothing(f):
    x = Tensor(np.zeros((0, 3)), requires_grad=True)
    f(x, 1).backward(np.zeros(0))
    assert x.grad.shape == (0, 3)
    with pytest.raises(ValueError, match=r"no entries over axis 0: x has shape \(0, 3\)"):
        f(x, 0)
    with pytest.raises(ValueError, match=r"no entries over axis None"):
        f(np.zeros(0))


def test_probabilities_of_nothing():
    assert mg.softmax(np.zeros((2, 0))).shape == mg.log_softmax(np.zeros((2, 0))).shape == (2, 0)
    assert mg.logsumexp(np.zeros((2, 0)), 1).tolist() == [-INF, -INF]
    assert mg.sum(np.zeros((2, 0)), 1).tolist() == [0, 0]


def test_a_bound_that_stretches():
    x = Tensor(np.array([[-1.0], [0.5], [3.0]]), requires_grad=True)
    mg.clip(x, np.array([[0.0, 1.0]]), 2.0).sum().backward()
    assert x.grad.tolist() == [[0], [1], [0]]


# ----- messages ---------------------------------------------------------------------------------------------

f32, f64 = (Tensor(np.ones((1, 1, 3, 3), dtype), requires_grad=True) for dtype in (np.float32, np.float64))
MESSAGES = {
    "conv2d": (TypeError, ["conv2d: weight is float64, but x is float32", "x.astype(np.float64)",
        "layer.astype(np.float32)"],
               lambda: mg.conv2d(f32, f64)),
    "dense": (TypeError, ["dense: x is float64, but weight and bias are float32", "x.astype(np.float32)",
        "layer.astype(np.float64)"],
              lambda: nn.Dense(2, 3, rng=np.random.default_rng(0))(np.ones((4, 2)))),
    "matmul": (TypeError, ["matmul: x is float64, but y is float32"], lambda: f64[0, 0] @ f32[0, 0]),
    "concatenate": (TypeError, ["concatenate: tensors[0] is float64, but tensors[1] is float32"],
                    lambda: mg.concatenate([f64, f32])),
    "concatenate of nothing": (ValueError, ["concatenate: no arrays given"], lambda: mg.concatenate([])),
    "concatenate, sizes": (ValueError, ["concatenate", "all axes but axis 0", "(2, 3), (2, 2)"],
                           lambda: mg.concatenate([np.ones((2, 3)), np.ones((2, 2))])),
    "stack": (ValueError, ["stack: arrays of one shape expected", "[(2,), (3,)]"],
        lambda: mg.stack([np.ones(2), np.ones(3)])),
    "pad 1": (ValueError, ["pad: widths must hold (before, after)", "((1, 1), (1, 1))"],
        lambda: mg.pad(np.ones((2, 3)), 1)),
    "pad of one axis": (ValueError, ["each of the 2 axes of x (2, 3)"],
        lambda: mg.pad(np.ones((2, 3)), ((1, 1),))),
    "pad below 0": (ValueError, ["not below 0"], lambda: mg.pad(np.ones((2, 3)), ((-1, 0), (0, 0)))),
    "no channels": (ValueError, ["conv2d: an axis has size 0"],
        lambda: mg.conv2d(np.zeros((1, 0, 3, 3)), np.zeros((2, 0, 2, 2)))),
    "Flatten": (ValueError, ["Flatten: the first axis is the batch"],
        lambda: nn.Flatten()(Tensor(np.array(1.0)))),
    "labels": (TypeError, ["labels is a list", "np.asarray(labels)"],
        lambda: losses.softmax_cross_entropy(np.zeros((2, 2)), [0, 1])),
    "batches without a generator": (TypeError, ["batches: rng must be a NumPy generator", "default_rng(0)"],
                                    lambda: list(mg.data.batches(np.ones(3), 1, 0))),
    "as_pytorch of nothing": (TypeError, ["as_pytorch: a minigen model expected, got NoneType"],
        lambda: exchange.as_pytorch(None)),
    "sum_to": (ValueError, ["sum_to: (2, 6) does not broadcast to (4, 3)"],
        lambda: mg.sum_to(np.ones((4, 3)), (2, 6))),
    "einsum, one operand": (ValueError, ["einsum: subscripts of two operands"],
        lambda: mg.einsum("ij", t, t)),
    "einsum, twice": (ValueError, ["einsum: the first operand", "a letter of its own"],
        lambda: mg.einsum("ii,i->i", t, t)),
    "einsum, sizes": (ValueError, ["einsum: 'j' is 3 in the first operand and 2 in the second"],
        lambda: mg.einsum("ij,jk->ik", t, t)),
    "einsum, unknown": (ValueError, ["einsum: subscripts"], lambda: mg.einsum("ij,jk->iz", t, t)),
    "einsum, output twice": (ValueError, ["einsum: a letter stands twice"],
        lambda: mg.einsum("ij,jk->ii", t, t)),
}  # fmt: skip


@pytest.mark.parametrize("name", MESSAGES)
def test_message(name):
    error, words, call = MESSAGES[name]
    with pytest.raises(error) as caught:
        call()
    for word in words:
        assert word in str(caught.value)


def test_the_cure_for_two_dtypes_works():
    layer = nn.Dense(2, 3, rng=np.random.default_rng(0))
    x = np.ones((4, 2))
    assert layer(x.astype(np.float32)).dtype == layer(Tensor(x).astype(np.float32)).dtype == np.float32
    assert layer.astype(np.float64)(x).dtype == np.float64


def test_every_op_has_a_name_that_can_be_typed_and_a_docstring():
    places = (mg, nn, losses, Tensor)
    internal = {"select", "exp_remainder"}  # their name is the function's own, found in the file
    for made in tape.registry.values():
        if made.forward.__module__.startswith("minigen."):
            assert made.__doc__, made.name
            for name in made.name.split("/"):
                assert not name.startswith("_")
                assert name in internal or any(hasattr(place, name) for place in places), name


# ----- the methods of a tensor ------------------------------------------------------------------------------


def test_methods_are_the_functions(device):
    x = device.tensor([[0.5, 2.0, 1.0]])
    pairs = [
        (x.exp(), np.exp), (x.log(), np.log), (x.sqrt(), np.sqrt), (x.abs(), np.abs), (x.std(), np.std),
        (x.std(1, True), lambda v: v.std(1, keepdims=True)), (x.clip(1.0), lambda v: v.clip(1.0)),
        (x.clip(high=1.0), lambda v: np.minimum(v, 1)), (x.flatten(), np.ravel), (x.ravel(), np.ravel),
        (x.squeeze(), np.squeeze), (x.squeeze(0), np.squeeze),
    ]  # fmt: skip
    for found, like in pairs:
        assert found.requires_grad
        np.testing.assert_allclose(device.host(found), like(np.array([[0.5, 2.0, 1.0]])), rtol=1e-15)
    assert x.tolist() == [[0.5, 2.0, 1.0]]
    assert type(x.argmax()) is type(x.argmax(1)) is type(x.data)
    assert (x.argmax().item(), x.argmax(1).tolist(), x.argmax(0).tolist()) == (1, [1], [0, 0, 0])


def test_astype_brings_the_gradient_back(device):
    x = device.tensor([1.0, 2.0], np.float32)
    y = x.astype(np.float64)
    assert y.dtype == np.float64
    (y * y).sum().backward()
    assert x.grad.dtype == np.float32
    assert x.grad.tolist() == [2, 4]
    assert Tensor(np.ones(2)).astype("float32").dtype == np.float32


def test_operators_and_methods_are_inherited_from_a_class_that_can_be_read():
    assert issubclass(Tensor, ops.Methods)
    for name in ("__add__", "__rmatmul__", "__lt__", "sum", "argmax", "T"):
        assert name in vars(ops.Methods)
        assert name not in vars(Tensor)
