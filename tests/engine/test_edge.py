"""The edge of an operation: what the arguments may be, and that what the tape remembers does not change."""

import numpy as np
import pytest

import minigen as mg
from minigen import Tensor, losses, nn, optim
from minigen.check import check_gradients

f32, f64 = np.float32, np.float64


def leaf(values, dtype=f64, name=None):
    return Tensor(np.array(values, dtype), requires_grad=True, name=name)


# ----- integers are computed in floating point, for arrays and tensors alike --------------------------------

U = np.array([1, 3], np.uint8)
WRAPS = {  # what would wrap or be cut off, and the right values
    "neg": (lambda u: mg.neg(u), [-1, -3]),
    "add": (lambda u: mg.add(u, np.array([255, 255], np.uint8)), [256, 258]),
    "mul": (lambda u: mg.mul(u, np.array([200, 200], np.uint8)), [200, 600]),
    "pow": (lambda u: mg.pow(u, np.array([9, 9], np.uint8)), [1, 19683]),
    "a negative power": (lambda u: mg.pow(u, -1), [1, 1 / 3]),
    "sigmoid": (lambda u: mg.sigmoid(u), [0.7310585786300049, 0.9525741268224334]),
    "softplus": (lambda u: mg.softplus(u), [1.3132616875182228, 3.048587351573742]),
    "softmax": (lambda u: mg.softmax(u), [0.11920292202211755, 0.8807970779778823]),
    "logsumexp": (lambda u: mg.logsumexp(u), 3.1269280110429727),
    "sum": (lambda u: mg.sum(np.full(300, 200, np.uint8)), 60000),
    "min": (lambda u: mg.min(u), 1),
    "var": (lambda u: mg.var(u), 1),
    "clip": (lambda u: mg.clip(u, 1.5, 2.5), [1.5, 2.5]),
    "leaky_relu": (lambda u: mg.leaky_relu(mg.neg(u)), [-0.01, -0.03]),
    "matmul": (lambda u: mg.matmul(np.array([[200, 200]], np.uint8), np.ones((2, 1), np.uint8)), [[400]]),
    "dense": (lambda u: mg.dense(mg.expand_dims(u, 0), np.full((2, 1), 100, np.uint8),
        np.full(1, 100, np.uint8)), [[500]]),
    "conv2d": (lambda u: mg.conv2d(np.full((1, 1, 2, 2), 200, np.uint8), np.ones((1, 1, 2, 2), np.uint8)),
        [[[[800]]]]),
    "avg_pool2d": (lambda u: nn.avg_pool2d(np.full((1, 1, 2, 2), 200, np.uint8), 2), [[[[200]]]]),
    "booleans": (lambda u: mg.add(u > 0, u > 0), [2, 2]),
}  # fmt: skip


@pytest.mark.parametrize("wrap", [lambda a: a, Tensor], ids=["array", "tensor"])
@pytest.mark.parametrize("what", WRAPS)
def test_integers_do_not_wrap(what, wrap):
    call, right = WRAPS[what]
    got = call(wrap(U))
    got = got.data if isinstance(got, Tensor) else np.asarray(got)
    assert got.dtype == f64
    np.testing.assert_allclose(got, right, rtol=1e-14)


def test_integers_take_the_dtype_of_the_floating_arrays_beside_them():
    x = leaf([0.5, 2.0], f32)
    y = x * np.array([3, 4])
    assert y.dtype == f32
    y.sum().backward()
    assert x.grad.tolist() == [3.0, 4.0]
    image, weight = np.full((1, 1, 4, 4), 3, np.uint8), leaf(np.ones((1, 1, 3, 3)), f32)
    y = mg.conv2d(image, weight)
    assert y.dtype == f32
    assert y.data.tolist() == [[[[27, 27], [27, 27]]]]


def test_what_is_only_moved_stays_an_integer():
    labels = np.array([3, 1, 2])
    for moved in (
        mg.getitem(labels, [0, 2]),
        mg.reshape(labels, (3, 1)),
        mg.concatenate([labels, labels]),
        mg.stack([labels, labels]),
        mg.flip(labels),
        Tensor(labels)[1:].data,
    ):
        assert np.asarray(moved).dtype == labels.dtype


# ----- containers -------------------------------------------------------------------------------------------

masked = np.ma.masked_array([1.0, 2.0, 900.0], [0, 0, 1])
REFUSED = {
    "a list": (lambda: mg.exp([1.0, 2.0]), "exp: x is a list.*np.asarray"),
    "a list in a function": (lambda: mg.mean([1.0, 2.0]), "mean: x is a list.*np.asarray"),
    "a list as data of a layer": (
        lambda: nn.Dense(2, 3, rng=np.random.default_rng(0))([[1.0, 2.0]]),
        "dense: x is a list",
    ),
    "a list as a mask": (lambda: mg.where([True, False], leaf([1.0, 2.0]), 0.0), "where: mask is a list"),
    "a list as a target": (lambda: losses.squared_error(leaf([1.0]), [1.0]), "squared_error: x is a list"),
    "a list of labels": (
        lambda: losses.softmax_cross_entropy(leaf(np.zeros((2, 2))), [0, 1]),
        "softmax_cross_entropy: labels is a list",
    ),
    "a list beside a tensor": (lambda: leaf([1.0]) * [2.0], "mul: y is a list"),
    "a masked array": (lambda: Tensor(masked), "MaskedArray.*filled"),
    "a masked array in an op": (lambda: mg.exp(masked), "exp: x is a MaskedArray.*filled"),
    "a masked array in a function": (lambda: mg.mean(masked), "mean: x is a MaskedArray.*filled"),
    "a matrix": (lambda: mg.matmul(np.matrix([[1.0]]), np.ones((1, 1))), "matmul: x is a matrix.*np.asarray"),
    "complex": (lambda: mg.exp(np.array([1j])), "exp: x has dtype complex128; real numbers expected"),
    "objects": (lambda: mg.add(np.array([None, 1]), 1.0), "add: x has dtype object"),
    "text": (lambda: mg.sum(np.array(["a"])), "sum: x has dtype <U1"),
    "dates": (lambda: mg.max(np.array(["2020-01-01"], "M8[D]")), r"max: x has dtype datetime64\[D\]"),
    "a set": (lambda: mg.exp({1.0}), "exp: x is a set"),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
@pytest.mark.parametrize("what", REFUSED)
def test_refused_with_a_cure(what):
    call, words = REFUSED[what]
    with pytest.raises(TypeError, match=words):
        call()


def test_scalars_take_the_dtype_of_the_arrays():
    for two in (2, 2.0, np.float64(2), np.float32(2), np.int64(2)):
        assert mg.mul(np.ones(2, f32), two).dtype == (leaf([1.0], f32) * two).dtype == f32
    assert mg.exp(np.float32(1)).dtype == f32


# ----- two floating dtypes ----------------------------------------------------------------------------------

dense = nn.Dense(2, 3, rng=np.random.default_rng(0))
TWO_DTYPES = {
    "array and array": (lambda: mg.mul(np.ones(2), np.ones(2, f32)),
        "mul: x is float64, but y is float32: use x.astype(np.float32)"),
    "tensor and tensor": (lambda: leaf([1.0], f32) @ leaf([1.0]),
        "matmul: y is float64, but x is float32: use y.astype(np.float32)"),
    "the odd one of three": (lambda: mg.where(np.array(True), leaf([1.0]), np.ones(1, f32)),
        "where: x is float64, but y is float32"),
    "data and layer": (
        lambda: dense(np.ones((4, 2))),
        "dense: x is float64, but weight and bias are float32: use x.astype(np.float32), "
        "or layer.astype(np.float64)",
    ),
    "conv2d": (
        lambda: mg.conv2d(leaf(np.ones((1, 1, 4, 4)), f32), leaf(np.ones((1, 1, 3, 3)))),
        "conv2d: weight is float64, but x is float32",
    ),
    "concatenate": (lambda: mg.concatenate([leaf([1.0]), leaf([1.0], f32)]), "concatenate: "),
    "a wrong bias": (lambda: mg.dense(np.ones((1, 2), f32), np.ones((2, 1), f32), np.ones(1)),
        "dense: bias is float64, but x and weight are float32"),
}  # fmt: skip


@pytest.mark.parametrize("what", TWO_DTYPES)
def test_the_odd_one_out_is_named(what):
    call, words = TWO_DTYPES[what]
    with pytest.raises(TypeError) as caught:
        call()
    assert words in str(caught.value)
    assert ": _" not in str(caught.value) and not str(caught.value).startswith("_")


def test_the_cure_for_a_layer_works():
    layer, x = nn.Dense(2, 1, rng=np.random.default_rng(0)), np.ones((1, 2), f32)
    with pytest.raises(TypeError, match=r"weight and bias are float32: .*layer\.astype\(np\.float64\)"):
        check_gradients(layer, [x])
    assert check_gradients(layer.astype(np.float64), [x]).ok


# ----- what the tape remembers does not change --------------------------------------------------------------


def test_a_constant_that_is_written_to():
    x, w = np.ones(2), leaf([1.0, 1.0])
    loss = (w * x).sum()
    x[...] = 7
    loss.backward()
    assert w.grad.tolist() == [1.0, 1.0]


def test_a_batch_buffer_that_is_refilled():
    """One entry, and two rows exchanged: a sum over the array would not see either."""
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(300, 200)), leaf(rng.normal(size=(200, 3)))
    right = x.T @ (2 * (x @ w.data))
    for write in (lambda: x.__setitem__((5, 7), 9.0), lambda: x.__setitem__([0, 1], x[[1, 0]])):
        kept = x.copy()
        out = Tensor(x) @ w
        loss = (out * out).sum()
        write()
        w.grad = None
        loss.backward()
        np.testing.assert_allclose(w.grad, right, rtol=1e-12)
        x[...] = kept


def test_a_parameter_that_is_written_to():
    w, x = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    held = w.data
    loss = (w * x).sum()
    w.data[...] = 9
    held[0] = 8
    loss.backward()
    assert x.grad.tolist() == [1.0, 2.0]


def test_a_view_of_a_parameter_does_not_follow_it():
    w, x = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    row = w.reshape(1, 2)
    loss = (row * x).sum()
    w.data[...] = 9
    loss.backward()
    assert x.grad.tolist() == [1.0, 2.0]
    assert row.data.tolist() == [[1.0, 2.0]]


def test_an_index_and_a_mask_that_are_written_to():
    x, index, mask = leaf([1.0, 2.0, 3.0]), np.array([0, 0]), np.array([True, False, False])
    loss = x[index].sum() + mg.where(mask, x, 0.0).sum() + x[(index,)].sum()
    index[...] = 2
    mask[...] = True
    loss.backward()
    assert x.grad.tolist() == [5.0, 0.0, 0.0]


def test_a_result_is_read_only():
    w = leaf([1.0, 2.0])
    h = mg.exp(w)
    loss = (h * h).sum()
    for write in (
        lambda: h.data.__setitem__(0, 5.0),
        lambda: h.numpy().fill(0.0),
    ):
        with pytest.raises(ValueError, match="read-only"):
            write()
    with pytest.raises(TypeError, match="result of an operation"):
        h.data = np.zeros(2)
    loss.backward()
    np.testing.assert_allclose(w.grad, 2 * np.exp(2 * w.data), rtol=1e-14)
    h.data.copy()[0] = 5.0  # a copy is anybody's
    h.detach().data[0] = 5.0
    assert h.data[0] == np.exp(1.0)


def test_what_a_person_owns_is_not_locked():
    x, w = np.ones((2, 3)), np.ones((2, 3))
    y = mg.sum_to(Tensor(w, requires_grad=True) * x, (2, 3))
    assert not y.data.flags.writeable
    assert x.flags.writeable and w.flags.writeable
    y = mg.broadcast_to(Tensor(w, requires_grad=True), (2, 3))
    assert not y.data.flags.writeable and w.flags.writeable


def test_the_memory_order_of_a_copy_is_that_of_the_original():
    w = leaf(np.ones((3, 3, 2, 5))).data.transpose(3, 2, 0, 1)
    y = mg.log(Tensor(w, requires_grad=True))
    assert y.node.values[0].strides == w.strides
    assert not np.shares_memory(y.node.values[0], w)


def training(values):
    """A parameter in the buffer of an optimizer, and the optimizer."""
    p = leaf(values)
    return p, optim.SGD([p], lr=0.1)


def test_a_parameter_is_copied_only_once_somebody_holds_its_array():
    p, _ = training([1.0, 2.0, 3.0])
    assert mg.log(p).node.values[0] is mg.exp(p).node.values[0]
    array = p.data
    assert mg.log(p).node.values[0] is not array


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize(
    "use", [lambda p: p, mg.exp, lambda p: p.reshape(3, 1), lambda p: p[::-1], lambda p: mg.sum_to(p, (3,))]
)
@pytest.mark.parametrize("make", [lambda values: (leaf(values), None), training])
def test_a_loss_keeps_the_values_it_was_computed_from(make, use, times):
    p, _ = make([1.0, 2.0, 3.0])
    (expected,) = mg.grad((use(p) * use(p)).sum(), [p])
    for _ in range(times):
        y = use(p)
        loss = (y * y).sum()
        before = p.data.copy()
        p.data[...] = 7.0
        p.grad = None
        loss.backward()
        assert p.grad.tolist() == expected.tolist()
        p.data[...] = before


def test_two_losses_with_a_change_between_them():
    p, _ = training([1.0, 2.0])
    first = (p * p).sum()
    p.data[...] = 5.0
    second = (p * p).sum()
    p.data[...] = 9.0
    assert [mg.grad(loss, [p])[0].tolist() for loss in (first, second)] == [[2.0, 4.0], [10.0, 10.0]]


def test_a_view_made_under_no_grad_does_not_reach_the_parameter():
    p, optimizer = training([1.0, 2.0])
    with mg.no_grad():
        views = [p.reshape(2, 1), p[:1], p.detach()]
    x = leaf([[1.0], [1.0]])
    loss = (views[0] * x).sum()
    for view in views:
        view.data[...] = 9.0
    assert p.tolist() == [1.0, 2.0]
    p.grad = np.ones(2)
    optimizer.step()
    loss.backward()
    assert x.grad.tolist() == [[1.0], [2.0]]


def test_after_an_optimizer_step_the_old_loss_is_stale_though_its_data_was_asked_for():
    p, optimizer = training([1.0, 2.0])
    loss = (p * p).sum()
    assert p.data.sum() == 3.0
    p.grad = np.ones(2)
    optimizer.step()
    with pytest.raises(mg.StaleGraphError):
        loss.backward()


def test_the_cure_for_concatenate_can_be_typed():
    tensors = [leaf([1.0]), leaf([1.0], f32)]
    with pytest.raises(TypeError, match=r"use tensors\[0\]\.astype\(np\.float32\)") as caught:
        mg.concatenate(tensors)
    tensors[0] = eval(str(caught.value).rpartition("use ")[2], {"tensors": tensors, "np": np})
    assert mg.concatenate(tensors).dtype == f32
