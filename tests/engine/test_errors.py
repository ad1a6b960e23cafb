"""Bad input to the engine: every message says what was expected, what came, and the likely cure."""

import inspect

import fake_cupy
import numpy as np
import pytest

import minigen as mg
from minigen import Tensor
from minigen.engine import backend, tape


def ones(*shape, dtype=np.float64):
    return Tensor(np.ones(shape, dtype), requires_grad=True)


t = ones(2, 3)
images, weight = ones(64, 3, 32, 32), ones(16, 1, 4, 4)

# (what, exception, words that must stand in the message, call)
BAD_CALLS = [
    ("conv2d channels", ValueError,
        ["x has 3 channels", "weight (16, 1, 4, 4) takes 1", "x is (64, 3, 32, 32)"],
     lambda: mg.conv2d(images, weight)),
    ("conv_transpose2d channels", ValueError, ["x has 3 channels", "(16, 1, 4, 4) takes 16"],
     lambda: mg.conv_transpose2d(images, weight)),
    ("conv2d bias", ValueError, ["weight (16, 3, 4, 4) makes 16 channels", "bias has shape (3,)"],
     lambda: mg.conv2d(images, ones(16, 3, 4, 4), ones(3))),
    ("conv_transpose2d bias", ValueError, ["weight (3, 16, 4, 4) makes 16 channels", "bias has shape (3,)"],
     lambda: mg.conv_transpose2d(images, ones(3, 16, 4, 4), ones(3))),
    ("kernel larger than the image", ValueError,
        ["spans (7, 7) pixels", "padded image has only (6, 5)", "smaller kernel or more padding"],
     lambda: mg.conv2d(ones(1, 1, 4, 3), ones(1, 1, 4, 4), padding=1, dilation=2)),
    ("image without channels", ValueError, ["(N, C, H, W)", "(64, 28, 28)", "x[:, None]"],
     lambda: mg.conv2d(ones(64, 28, 28), weight)),
    ("conv_transpose2d of a vector", ValueError, ["(N, C, H, W)", "(64, 100)"],
     lambda: mg.conv_transpose2d(ones(64, 100), weight)),
    ("conv2d_weight of three axes", ValueError, ["(N, C, H, W)", "(64, 28, 28)"],
     lambda: mg.conv2d_weight(ones(64, 28, 28), images, 3)),
    ("conv2d_weight sizes", ValueError, ["(64, 3, 32, 32)", "(64, O, 30, 30)", "(64, 16, 32, 32)"],
     lambda: mg.conv2d_weight(images, ones(64, 16, 32, 32), 3)),
    ("output_padding too large", ValueError,
        ["output_padding (2, 2)", "smaller than stride (2, 2)", "[7, 8] by [9, 10]"],
     lambda: mg.conv_transpose2d(ones(1, 3, 4, 5), ones(3, 2, 3, 3), stride=2, padding=1, output_padding=2)),
    ("padding that leaves nothing", ValueError, ["padding (2, 2) leaves an output of (0, 0)"],
     lambda: mg.conv_transpose2d(ones(1, 3, 2, 2), ones(3, 2, 3, 3), padding=2)),
    ("stride 0", ValueError, ["stride must be an int or a pair", "at least 1", "got 0"],
     lambda: mg.conv2d(images, ones(16, 3, 4, 4), stride=0)),
    ("stride 1.5", ValueError, ["stride must be an int or a pair", "1.5"],
     lambda: mg.conv2d(images, ones(16, 3, 4, 4), stride=1.5)),
    ("padding of three", ValueError, ["padding must be an int or a pair", "(1, 1, 1)"],
     lambda: mg.conv_transpose2d(images, ones(3, 16, 4, 4), padding=(1, 1, 1))),
    ("shapes that do not broadcast", ValueError, ["add", "(2, 3) and (4, 3) do not broadcast", "x[:, None]"],
     lambda: t + np.ones((4, 3))),
    ("where that does not broadcast", ValueError, ["where", "(2, 3) and (4, 1, 2) do not broadcast"],
     lambda: mg.where(t.data > 0, t, np.ones((4, 1, 2)))),
    ("matmul", ValueError, ["matmul", "(2, 3) @ (2, 3)", "last size of the first must equal the second-last"],
     lambda: t @ t),
    ("dense features", ValueError, ["(2, 3)", "weight (5, 4) takes (5,)"], lambda: mg.dense(t, ones(5, 4))),
    ("dense bias", ValueError, ["weight (3, 4) makes 4 outputs", "bias has shape (3,)"],
     lambda: mg.dense(t, ones(3, 4), ones(3))),
    ("squeeze", ValueError, ["axis 1 has size 3", "(2, 3)"], lambda: mg.squeeze(t, 1)),
    ("mean of nothing", ValueError, ["mean: no entries over axis 0", "(0, 3)", "empty"],
        lambda: mg.mean(np.ones((0, 3)), 0)),
    ("an axis too many", ValueError, ["axis 2"], lambda: mg.max(t, axis=2)),
    ("integers asked for a gradient", TypeError, ["int64", "data.astype(np.float32)"],
     lambda: Tensor([1, 2, 3], requires_grad=True)),
    ("booleans asked for a gradient", TypeError, ["bool", "astype"],
        lambda: Tensor(np.array([True]), requires_grad=True)),
    ("complex data", TypeError, ["real numbers", "complex128"], lambda: Tensor([1j])),
    ("text", TypeError, ["real numbers", "<U3"], lambda: Tensor("one")),
    ("a tensor of a tensor", TypeError, ["already a Tensor", ".detach()"], lambda: Tensor(t)),
    ("two dtypes", TypeError, ["mul: y is float64, but x is float32", "use y.astype(np.float32)"],
     lambda: ones(2, dtype=np.float32) * np.ones(2)),
    ("two dtypes, a bias", TypeError, ["float32", "float64", ".astype"],
     lambda: mg.dense(ones(2, 3, dtype=np.float32), ones(3, 4), ones(4))),
    ("a gradient where there is no rule", TypeError,
        ["clip: only the first 1 arguments take a gradient", "detach()"],
     lambda: mg.clip(t, ones(2, 3), None)),
    ("a tensor by keyword", TypeError, ["leaky_relu: pass slope by position"],
        lambda: mg.leaky_relu(t, slope=ones())),
    ("backward of a matrix", ValueError, ["shape (2, 3)", "only a scalar", ".sum()", "gradient="],
        lambda: (t * 2).backward()),
    ("grad of a matrix", ValueError, ["shape (2, 3)", "only a scalar"], lambda: mg.grad(t * 2, [t])),
    ("a gradient of another shape", ValueError,
        ["gradient must be an array float64 (2, 3)", "float64 (3, 2)"],
     lambda: (t * 2).backward(np.ones((3, 2)))),
    ("a gradient of another dtype", ValueError, ["float64 (2, 3)", "float32 (2, 3)"],
     lambda: (t * 2).backward(np.ones((2, 3), np.float32))),
    ("a list as gradient", ValueError, ["gradient must be an array", "list"],
        lambda: (t * 2).backward([1.0])),
    ("backward without history", RuntimeError, ["no history", "no_grad()", "detach()"],
        lambda: t.detach().sum().backward()),
    ("grad with respect to a constant", ValueError, ["input 1 is a constant", "requires_grad=True"],
     lambda: mg.grad(t.sum(), [t, t.detach()])),
    ("grad with respect to an array", ValueError, ["input 0 is a constant"],
        lambda: mg.grad(t.sum(), [t.data])),
    ("item assignment", TypeError, ["cannot be changed in place", "minigen.where", "minigen.concatenate"],
     lambda: t.__setitem__(0, 1.0)),
    ("np.exp", TypeError, ["np.exp", "minigen.exp(x)"], lambda: np.exp(t)),
    ("np.abs", TypeError, ["np.absolute", "minigen.abs(x)"], lambda: np.abs(t)),
    ("np.maximum", TypeError, ["minigen.maximum(x)"], lambda: np.maximum(t, 0)),
    ("np.sum", TypeError, ["np.sum", "minigen.sum(x)"], lambda: np.sum(t)),
    ("np.concatenate", TypeError, ["minigen.concatenate(x)"], lambda: np.concatenate([t, t])),
    ("np.arctan", TypeError, ["np.arctan", "tensor.numpy()"], lambda: np.arctan(t)),
    ("np.linalg.norm", TypeError, ["np.norm", "tensor.numpy()"], lambda: np.linalg.norm(t)),
    ("np.asarray", TypeError, ["history would be lost", "tensor.numpy()"], lambda: np.asarray(t)),
    ("array += tensor", TypeError, ["np.add", "tensor.numpy()"], lambda: np.ones((2, 3)).__iadd__(t)),
    ("another device", ValueError, ["'cpu' or 'cuda'", "'gpu'"], lambda: mg.to(np.ones(2), "gpu")),
]  # fmt: skip


@pytest.mark.parametrize("what, exception, words, call", BAD_CALLS, ids=[what for what, *_ in BAD_CALLS])
def test_message(what, exception, words, call):
    with pytest.raises(exception) as caught:
        call()
    for word in words:
        assert word in str(caught.value)


def test_second_backward():
    x = ones(3)
    shared = mg.exp(x)
    loss, other = shared.sum(), (shared * 2).sum()
    loss.backward()
    for again in (loss.backward, other.backward, lambda: mg.grad(other, [x])):
        with pytest.raises(
            RuntimeError, match=r"used and freed by an earlier backward\(\).* retain_graph=True"
        ):
            again()
    assert x.grad.tolist() == [np.e] * 3


def test_stale_graph():
    w = Tensor(np.ones(2), requires_grad=True, name="critic.hidden.weight")
    loss = (w * w).sum()
    w.node.changed = next(tape._clock)  # what an optimizer's step does
    with pytest.raises(mg.StaleGraphError) as caught:
        loss.backward()
    for word in (
        "critic.hidden.weight",
        "changed by an optimizer",
        "compute the loss again",
        "before step()",
    ):
        assert word in str(caught.value)


def test_an_unused_input_is_named():
    x, w = ones(2), Tensor(np.ones(2), requires_grad=True, name="decoder.bias")
    with pytest.raises(
        ValueError, match=r"does not depend on input 1 \(decoder\.bias\).*detach\(\).*allow_unused=True"
    ):
        mg.grad(x.sum(), [x, w])


# ----- rules that break the engine's contract ---------------------------------------------------------------


@pytest.mark.parametrize(
    "rule, error, words",
    [
        (lambda g, out, x: g.sum(axis=0), ValueError,
            "twice: the rule for argument 0 gave shape (3,), the argument has (2, 3)"),
        (lambda g, out, x: g.astype(np.float32), TypeError,
            "twice: the rule for argument 0 gave float32, the argument is float64"),
    ],
)  # fmt: skip
def test_a_rule_of_the_wrong_shape_or_dtype(rule, error, words):
    def twice(x):
        return x + x

    op = tape.Op(twice)
    op.rule(rule)
    with pytest.raises(error) as caught:
        op(ones(2, 3)).sum().backward()
    assert words in str(caught.value)


# ----- two devices ------------------------------------------------------------------------------------------

MIXED = {
    "tensor * array": lambda here, there: Tensor(here, requires_grad=True) * there,
    "tensor * tensor": lambda here, there: Tensor(here, requires_grad=True) * Tensor(there),
    "array * tensor": lambda here, there: there * Tensor(here, requires_grad=True),
    "matmul": lambda here, there: Tensor(here, requires_grad=True) @ Tensor(there),
    "maximum": lambda here, there: mg.maximum(Tensor(here), Tensor(there)),
    "where": lambda here, there: mg.where(here > 0, Tensor(there), 0.0),
    "concatenate": lambda here, there: mg.concatenate([Tensor(here), Tensor(there)]),
    "dense": lambda here, there: mg.dense(Tensor(here), Tensor(there, requires_grad=True), None),
    "conv2d": lambda here, there: mg.conv2d(
        Tensor(here).reshape(1, 1, 2, 2), Tensor(there).reshape(1, 1, 2, 2)
    ),
    "namespace": lambda here, there: backend.namespace(here, 1.0, there),
}


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("call", MIXED)
def test_two_libraries_meet(call, order):
    with fake_cupy.installed():
        host = np.ones((2, 2))
        arrays = [host, mg.to(host, "cuda")]
        with pytest.raises(TypeError) as caught:
            MIXED[call](*arrays[::order])
    for word in ("numpy.ndarray", "cupy.ndarray", "minigen.to(array, 'cpu'|'cuda')"):
        assert word in str(caught.value)


# ----- NaN --------------------------------------------------------------------------------------------------


def quiet():
    """NumPy would warn, which is an error here; a GPU says nothing."""
    return np.errstate(all="ignore")


def line():
    """file:line of the caller."""
    frame = inspect.currentframe().f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def first_anomaly(call):
    with quiet(), mg.detect_anomaly(), pytest.raises(FloatingPointError) as caught:
        call()
    return str(caught.value)


def test_anomaly_forward(device):
    x, places = device.tensor([1.0, -1.0]), []

    def program():
        y = x * 2
        places.append(line()), mg.log(y).sum()
        raise AssertionError("too late")

    message = first_anomaly(program)
    assert message.startswith(f"log, called at {places[0]}")
    assert "first NaN or infinity" in message


def test_anomaly_forward_of_constants(device):
    x, w, places = device.tensor([0.0], requires_grad=False), device.tensor([1.0]), []

    def program():
        places.append(line()), w * (1 / x)

    assert first_anomaly(program).startswith(f"div, called at {places[0]}")


def test_anomaly_in_a_composed_function(device):
    """The op is the one inside minigen that overflowed, the line is the person's."""
    x, places = device.tensor([1e200, -1e200]), []

    def program():
        places.append(line()), mg.std(x)

    message = first_anomaly(program)
    assert message.startswith(f"var, called at {places[0]}")


def test_anomaly_in_the_data(device):
    message = first_anomaly(lambda: device.tensor([np.nan]) * 2)
    assert message.startswith("mul, called at")
    assert "argument 0 already holds NaN" in message


@pytest.mark.parametrize("walk", ["backward", "grad", "create_graph"])
def test_anomaly_backward(walk, device):
    """sqrt is finite at 0, its slope is not: the gradient is to blame, at the line of the forward."""
    x, places = device.tensor([0.0, 1.0]), []

    def program():
        y = x * 3
        places.append(line()), (root := mg.sqrt(y))
        loss = (root * 2).sum()
        loss.backward() if walk == "backward" else mg.grad(loss, [x], create_graph=walk == "create_graph")

    message = first_anomaly(program)
    assert message.startswith(f"backward of sqrt, called at {places[0]}")
    assert "gradient for argument 0" in message


def test_anomaly_of_a_graph_recorded_outside():
    x = ones(2) * 0
    loss = mg.sqrt(x).sum()
    assert first_anomaly(loss.backward).startswith(
        "backward of sqrt, called at a line outside detect_anomaly()"
    )


def test_anomaly_ends_with_the_block():
    with mg.detect_anomaly():
        mg.exp(ones(2))
    with quiet():
        assert np.isnan(mg.log(Tensor([-1.0])).item())


# ----- a device that is not there ---------------------------------------------------------------------------


def test_no_cupy(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "cupy", None)  # import cupy now raises ImportError
    with pytest.raises(
        RuntimeError, match=r"device 'cuda' needs CuPy: from the checkout, pip install '\.\[cuda\]'"
    ):
        mg.to(np.ones(2), "cuda")


def test_no_gpu(monkeypatch):
    def no_device():
        raise OSError("no CUDA-capable device is detected")

    with fake_cupy.installed() as cupy:
        monkeypatch.setattr(cupy.cuda.runtime, "getDeviceCount", no_device)
        with pytest.raises(RuntimeError, match=r"needs a working GPU \(no CUDA-capable device.*device 'cpu'"):
            mg.to(np.ones(2), "cuda")


@pytest.mark.parametrize("value", [[1.0, 2.0], None, "text"])
def test_no_array_at_all(value):
    with pytest.raises(TypeError, match=f"expected an array of NumPy or CuPy, got {type(value).__name__}"):
        backend.namespace(value)
