"""The array libraries: which one owns an array, moving between them, random numbers,
and what the stand-in counts.
"""

import subprocess
import sys

import fake_cupy
import numpy as np
import oracle
import pytest
from conftest import DEVICES, NO_GPU, Device, standing

import minigen as mg
from minigen.engine import backend
from minigen.engine.fast import threads


@pytest.mark.skipif(
    NO_GPU is not None, reason=f"the tests ran over NumPy and the stand-in, not on a GPU: {NO_GPU}"
)
def test_there_is_a_gpu():
    import cupy

    x = mg.to(np.arange(3.0), "cuda")
    assert type(x) is cupy.ndarray
    assert mg.to(mg.exp(x), "cpu").tolist() == pytest.approx(np.exp(np.arange(3.0)).tolist(), rel=1e-15)


# ----- namespace and moving ---------------------------------------------------------------------------------


def test_namespace(device):
    x = device.array([1.0])
    xp = backend.namespace(x)
    assert xp is (np if device.name == "numpy" else sys.modules["cupy"])
    assert backend.namespace(x, 2.0, x, True, 3) is xp
    assert backend.namespace(1.0) is np
    assert backend.is_array(x)
    assert not backend.is_array([1.0])
    assert not backend.is_array(np.float64(1.0))


def test_moving(device):
    host = np.arange(6.0).reshape(2, 3).T
    there = mg.to(host, device.where)
    back = mg.to(there, "cpu")
    assert mg.to(there, device.where) is there
    assert mg.to(back, "cpu") is back
    assert type(back) is np.ndarray
    assert backend.device_of(there) == device.where
    np.testing.assert_array_equal(back, host)
    if device.name != "numpy":
        host[0, 0] = 7
        assert mg.to(there, "cpu")[0, 0] == 0  # a copy: the device has memory of its own


def test_as_array(device):
    x = device.array([1.0])
    assert backend.as_array(x) is x
    assert type(backend.as_array(2.0, like=x)) is type(x)
    assert type(backend.as_array(np.float32(2.0))) is np.ndarray


# ----- random numbers ---------------------------------------------------------------------------------------


def all_draws(random):
    return [random.normal(2, 3), random.uniform(5), random.bernoulli(0.3, 7), random.permutation(11)]


def test_one_seed_gives_the_same_bits_everywhere(device):
    here, there = mg.Random(7), mg.Random(7, device=device.where)
    for a, b in zip(all_draws(here), all_draws(there), strict=True):
        assert backend.device_of(b) == device.where
        np.testing.assert_array_equal(a, mg.to(b, "cpu"))


def test_random_state_can_be_put_back():
    random = mg.Random(7)
    all_draws(random)
    state = random.state
    first = all_draws(random)
    random.state = state
    for a, b in zip(first, all_draws(random), strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(all_draws(random)[0], first[0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_random_numbers_have_the_named_distribution(dtype):
    random = mg.Random(7, dtype=dtype)
    # a mean is within 5 / sqrt(n) = 0.016 standard deviations of its value but once in two million
    n = 100_000
    normal, uniform, bernoulli = random.normal(n), random.uniform(n), random.bernoulli(0.3, n)
    assert normal.dtype == uniform.dtype == bernoulli.dtype == dtype
    assert abs(normal.mean()) < 0.016
    assert abs((normal**2).mean() - 1) < 0.016 * np.sqrt(2)
    assert abs(uniform.mean() - 0.5) < 0.016 * np.sqrt(1 / 12)
    assert 0 <= uniform.min() < uniform.max() < 1
    assert set(np.unique(bernoulli)) == {0, 1}
    assert abs(bernoulli.mean() - 0.3) < 0.016 * np.sqrt(0.21)
    assert sorted(random.permutation(11)) == list(range(11))


# ----- scatter and windows ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "index",
    [
        1,
        (0, 1),
        slice(1, 3),
        (slice(None), 1),
        np.array([1, 1, 1]),
        (np.array([0, 0]), np.array([1, 1])),
        [2, 2],
        ...,
    ],
)
def test_add_at(index, device):
    target, start = device.array(np.ones((3, 5))), np.ones((3, 5))
    values = oracle.rng_of("add_at").normal(size=start[index].shape)
    on = (
        tuple(map(device.array, index))
        if isinstance(index, tuple) and isinstance(index[0], np.ndarray)
        else index
    )
    backend.add_at(target, device.array(on) if isinstance(on, np.ndarray) else on, device.array(values))
    np.testing.assert_allclose(
        mg.to(target, "cpu"), start + oracle.naive_scatter(values, index, (3, 5)), rtol=1e-14, atol=1e-15
    )


def test_windows(device):
    x = oracle.rng_of("windows").normal(size=(2, 7, 8, 3))
    stride, dilation, kernel = (2, 1), (1, 3), (3, 2)
    found = mg.to(backend.windows(device.array(x), kernel, stride, dilation), "cpu")
    assert found.shape == (2, 3, 5, 3, 2, 3)
    for i, j, a, b in np.ndindex(3, 5, 3, 2):
        np.testing.assert_array_equal(found[:, i, j, a, b], x[:, i * 2 + a, j + b * 3])


# ----- what a GPU is slow at, counted by the stand-in -------------------------------------------------------


def step(x, params):
    """Forward and backward of a small critic with a gradient penalty: convolution, dense, double backward."""
    w, b, v, c = params
    h = mg.leaky_relu(mg.conv2d(x, w, b, stride=2, padding=1), 0.2)
    score = mg.dense(h.reshape(5, -1), v, c)
    (slope,) = mg.grad(score.sum(), [x], create_graph=True)
    norm = mg.sqrt((slope * slope).sum(axis=(1, 2, 3)) + 1e-12)
    loss = score.mean() + 10 * ((norm - 1) ** 2).mean() + mg.softplus(mg.max(score))
    loss.backward()
    return loss


def critic(device, dtype=np.float32):
    rng = oracle.rng_of("critic")
    x = device.tensor(rng.normal(size=(5, 3, 8, 8)), dtype)
    shapes = (9, 3, 4, 4), (9,), (9 * 4 * 4, 1), (1,)
    return x, [device.tensor(0.1 * rng.normal(size=shape), dtype) for shape in shapes]


def test_a_step_neither_reads_nor_uploads():
    with fake_cupy.installed():
        device = Device("stand-in")
        x, params = critic(device)
        with fake_cupy.counting() as counted:
            step(x, params)
    assert counted.reads == 0
    assert counted.uploads == 0
    # Measured: 147, 9 of them the copies of leaves and constants that the tape keeps.
    # More launches make a GPU slower.
    assert counted.launches <= 151


def test_a_product_on_a_gpu_leaves_the_threads_of_the_host_alone(stand_in, monkeypatch):
    # telling a BLAS how many threads to use takes longer than a launch
    monkeypatch.setattr(threads, "single_threaded_blas", None)
    x = stand_in.ones((100, 100))  # of the size where a processor works with one thread
    np.testing.assert_array_equal(threads.matmul(x, x).get(), np.full((100, 100), 100.0))


def test_a_step_gives_the_same_numbers_on_every_device(device):
    x, params = critic(device, np.float64)
    step(x, params)
    x0, params0 = critic(Device("numpy"), np.float64)
    step(x0, params0)
    for p, p0 in zip([x, *params], [x0, *params0], strict=True):
        np.testing.assert_allclose(device.host(p.grad), p0.grad, rtol=1e-10, atol=1e-12)


# ----- the stand-in itself: what it must refuse, and what it must count -------------------------------------


@pytest.fixture
def stand_in():
    with fake_cupy.installed() as cupy:
        yield cupy


@pytest.fixture(
    params=[name for name in DEVICES if name == "stand-in" or (name == "cupy" and NO_GPU is None)]
)
def cupy(request):
    """The stand-in, and CuPy where there is a graphics card: what is asked of the one holds for the other."""
    with standing(request.param):
        import cupy

        yield cupy


REFUSED = {
    "np.asarray(x)": "Implicit conversion to a NumPy array is not allowed",
    "np.array([x, x])": "Implicit conversion to a NumPy array is not allowed",
    "x + host": "Unsupported type <class 'numpy.ndarray'>",
    "host + x": "Unsupported type <class 'numpy.ndarray'>",
    "x < host": "Unsupported type <class 'numpy.ndarray'>",
    "host @ x": "Unsupported type <class 'numpy.ndarray'>",
    "x @ 2": "expected cupy",
    "x.__iadd__(host)": "Unsupported type <class 'numpy.ndarray'>",
    "host.__iadd__(x)": "Unsupported type <class 'numpy.ndarray'>",
    "cupy.maximum(x, host)": "Unsupported type <class 'numpy.ndarray'>",
    "cupy.maximum(x, [1.0])": "Unsupported type <class 'list'>",
    "x * [1.0]": "Unsupported type <class 'list'>",
    "cupy.exp(host)": "Unsupported type <class 'numpy.ndarray'>",
    "cupy.where(host > 0, x, x)": "expected cupy.ndarray, got ndarray",
    "cupy.where(x > 0, x, host)": "Unsupported type <class 'numpy.ndarray'>",
    "cupy.concatenate([x, host])": "expected cupy.ndarray, got ndarray",
    "cupy.matmul(x, x, out=host)": "expected cupy.ndarray, got ndarray",
    "cupy.subtract.at(x, [0], 1.0)": "cupy.subtract.at only supports int32, uint32",
    "{x: 1}": "unhashable",
    "[5, 6][i[0]]": "list indices must be integers or slices, not ndarray",
    "range(i[0])": "'ndarray' object cannot be interpreted as an integer",
    "cupy.zeros((2, i[0]))": "'ndarray' object cannot be interpreted as an integer",
    "x.item(0)": "",
    "x.max(initial=9)": "unexpected keyword argument 'initial'",
}
REFUSED_BY_THE_STAND_IN = {  # CuPy computes these, slowly
    "np.exp(x)": "use namespace",
    "np.sum(x)": "use namespace",
    "np.where(x, x, x)": "use namespace",
}


def refusal(expression, cupy):
    names = {"np": np, "cupy": cupy, "x": cupy.asarray(np.ones(2)), "host": np.ones(2)}
    names["i"] = cupy.asarray(np.arange(2))
    with pytest.raises(TypeError) as caught:
        eval(expression, names)
    return str(caught.value)


@pytest.mark.parametrize("expression", REFUSED)
def test_refused(expression, cupy):
    """CuPy's own words differ from release to release and from function to function;
    that it refuses does not.
    """
    message = refusal(expression, cupy)
    assert cupy is not fake_cupy.cupy or REFUSED[expression] in message


@pytest.mark.parametrize("expression", REFUSED_BY_THE_STAND_IN)
def test_refused_by_the_stand_in(expression, stand_in):
    assert REFUSED_BY_THE_STAND_IN[expression] in refusal(expression, stand_in)


def test_missing(cupy):
    with pytest.raises(AttributeError, match="module 'cupy' has no attribute 'scatter_add'"):
        _ = cupy.scatter_add
    with pytest.raises(AttributeError, match="'ndarray' object has no attribute 'newbyteorder'"):
        _ = cupy.zeros(2).newbyteorder
    with pytest.raises(ValueError, match="numpy.ndarray cannot be used for fill"):
        cupy.zeros(2)[:] = np.ones(2)


def test_promotion_is_that_of_nep_50(cupy):
    x = cupy.ones((2,), np.float32)
    assert (
        (x * 2.0).dtype
        == (2 * x).dtype
        == cupy.maximum(x, 0.5).dtype
        == cupy.where(x > 0, x, 0.0).dtype
        == np.float32
    )
    assert (
        (x * np.float64(2)).dtype == (np.float64(2) * x).dtype == (x * cupy.asarray(2.0)).dtype == np.float64
    )


def test_results_are_arrays(cupy):
    x = cupy.asarray(np.arange(6.0).reshape(2, 3))
    for found in (x.sum(), x[0, 0], x.max() - x.min(), x.argmax(), *x[0]):
        assert type(found) is cupy.ndarray
        assert found.shape == ()
    x[0][1] = 9.0
    assert x.get()[0, 1] == 9.0  # x[0] was a view


C_ORDERED = [  # results are, whatever the order of the operands
    "x + 1",
    "-x",
    "x * x",
    "cupy.exp(x)",
    "cupy.where(x > 0, x, 0.0)",
    "cupy.clip(x, 1, 5)",
    "x.sum(axis=0)",
    "x.sum(axis=(0, 2))",
    "x.max(axis=1, keepdims=True)",
    "x.mean(axis=-1)",
    "cupy.concatenate([x, x], 1)",
    "x[:, i]",
    "x.copy()",
]


@pytest.mark.parametrize("expression", C_ORDERED)
def test_results_are_c_ordered(expression, cupy):
    host = np.arange(120.0).reshape(2, 3, 4, 5).transpose(0, 3, 1, 2)
    i = np.array([1, 0, 1])
    found = eval(expression, {"cupy": cupy, "x": cupy.asarray(host), "i": cupy.asarray(i)})
    assert found.flags.c_contiguous
    np.testing.assert_allclose(found.get(), eval(expression, {"cupy": np, "x": host, "i": i}), rtol=1e-14)


def test_the_memory_order_that_stays(cupy):
    x = cupy.asarray(np.arange(24.0).reshape(2, 3, 4)).transpose(2, 0, 1)
    assert x.strides == x.copy(order="K").strides == cupy.zeros_like(x).strides == (8, 96, 32)


COUNTED = {  # launches, reads, uploads
    "x + x": (1, 0, 0),
    "x.sum()": (1, 0, 0),
    "x[0]": (0, 0, 0),
    "x.T.reshape(3, 2)": (0, 0, 0),
    "x.T.reshape(-1)": (1, 0, 0),
    "x @ x.T": (1, 0, 0),
    "x[index]": (1, 0, 0),
    "x[[0, 1]]": (1, 0, 1),
    "x[x > 0]": (2, 1, 0),
    "float(x.sum())": (1, 1, 0),
    "int(x.sum())": (1, 1, 0),
    "bool(x.any())": (1, 1, 0),
    "x.sum().item()": (1, 1, 0),
    "x.get()": (0, 1, 0),
    "cupy.asnumpy(x)": (0, 1, 0),
    "repr(x)": (0, 1, 0),
    "f'{x}'": (0, 1, 0),
    "cupy.asarray(host)": (0, 0, 1),
    "cupy.asarray(x)": (0, 0, 0),
}


@pytest.mark.parametrize("expression", COUNTED)
def test_stand_in_counts(expression, stand_in):
    host = np.ones((2, 3))
    names = {"cupy": stand_in, "x": stand_in.asarray(host), "host": host, "index": stand_in.asarray([0, 0])}
    with fake_cupy.counting() as counted:
        eval(expression, names)
    assert (counted.launches, counted.reads, counted.uploads) == COUNTED[expression]


def test_stand_in_leaves_no_trace():
    before = sys.modules.get("cupy")
    with fake_cupy.installed() as stand_in:
        assert sys.modules["cupy"] is stand_in
    assert sys.modules.get("cupy") is before


def test_other_tests_do_not_see_the_stand_in():
    """The suite imports the stand-in's file; a program that imports minigen must not meet it."""
    program = "import sys, minigen; print('cupy' in sys.modules, 'fake_cupy' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert out.split() == ["False", "False"]
