"""The three convolutions: adjoint to each other, equal to the formula, differentiable twice, by every path.

An adjoint identity <conv(x, w), y> = <x, conv_transpose(y, w)> = <w, conv_weight(x, y)> has no step
size and no tolerance but rounding. It does not see an error that all three share; against that stand
the loops of oracle.py.
"""

import itertools
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import oracle
import pytest
import threadpoolctl
from hypothesis import assume, given
from hypothesis import strategies as st

import minigen as mg
from minigen.engine.fast import threads

# 1e-12 is required; sums of at most some hundred terms of size 1 leave less than 1e-13.
TOLERANCE = 1e-12
GRID = list(itertools.product((1, 2, 3), (0, 1, 2), (1, 2), (2, 3)))  # stride, padding, dilation, kernel


def inner(a, b):
    return float((a * b).sum())


def assert_adjoint(x, weight, y, stride, padding, dilation):
    """All three inner products of the trilinear form, relative to the size of its terms."""
    k = dict(stride=stride, padding=padding, dilation=dilation)
    extra = tuple(
        sizes.index(n)
        for n, sizes in zip(
            x.shape[2:],
            map(mg.sizes_that_collapse, y.shape[2:], weight.shape[2:], stride, padding, dilation),
            strict=True,
        )
    )
    forward = mg.conv2d(x, weight, **k)
    back = mg.conv_transpose2d(y, weight, output_padding=extra, **k)
    across = mg.conv2d_weight(x, y, weight.shape[2:], **k)
    assert (forward.shape, back.shape, across.shape) == (y.shape, x.shape, weight.shape)
    size = inner(abs(forward), abs(y))
    assert abs(inner(forward, y) - inner(x, back)) <= TOLERANCE * size
    assert abs(inner(forward, y) - inner(weight, across)) <= TOLERANCE * size


def trilinear_arrays(seed, n, c, o, size, kernel, stride, padding, dilation):
    """Random x, weight and y of fitting shapes."""
    rng = oracle.rng_of(seed)
    out = [mg.output_size(*axis) for axis in zip(size, kernel, stride, padding, dilation, strict=True)]
    return rng.normal(size=(n, c, *size)), rng.normal(size=(o, c, *kernel)), rng.normal(size=(n, o, *out))


@pytest.mark.parametrize("stride, padding, dilation, kernel", GRID)
@pytest.mark.parametrize("c, o", [(3, 2), (11, 2), (3, 13), (11, 13)])
def test_adjoint(c, o, stride, padding, dilation, kernel, device):
    """Every stride, padding and dilation, odd and even kernels and images, few and many
    channels on either side.
    """
    for height, width in ((7, 8), (10, 7)):
        k = (stride,) * 2, (padding,) * 2, (dilation,) * 2
        arrays = trilinear_arrays((c, o, kernel), 5, c, o, (height, width), (kernel, kernel), *k)
        assert_adjoint(*map(device.array, arrays), *k)


pair = st.tuples


@given(
    st.integers(1, 3), st.integers(1, 9), st.integers(1, 9),
    pair(st.integers(1, 9), st.integers(1, 9)), pair(st.integers(1, 4), st.integers(1, 4)),
    pair(st.integers(1, 4), st.integers(1, 4)), pair(st.integers(0, 3), st.integers(0, 3)),
    pair(st.integers(1, 3), st.integers(1, 3)),
)  # fmt: skip
def test_adjoint_of_any_shape(n, c, o, size, kernel, stride, padding, dilation):
    assume(
        all(mg.output_size(*axis) >= 1 for axis in zip(size, kernel, stride, padding, dilation, strict=True))
    )
    arrays = trilinear_arrays((n, c, o), n, c, o, size, kernel, stride, padding, dilation)
    assert_adjoint(*arrays, stride, padding, dilation)


# ----- values -----------------------------------------------------------------------------------------------

SETTINGS = [
    dict(stride=(1, 1), padding=(0, 0), dilation=(1, 1)),
    dict(stride=(2, 2), padding=(1, 1), dilation=(1, 1)),
    dict(stride=(2, 1), padding=(0, 2), dilation=(1, 2)),
    dict(stride=(3, 2), padding=(2, 1), dilation=(2, 1)),
]


@pytest.mark.parametrize("k", SETTINGS, ids=str)
@pytest.mark.parametrize("c, o", [(2, 3), (9, 3), (2, 9), (9, 8)])
def test_equals_the_loops(c, o, k, device):
    size, kernel = (7, 6), (3, 2)
    x, weight, y = trilinear_arrays((c, o, str(k)), 2, c, o, size, kernel, *k.values())
    bias, back_bias = oracle.rng_of("bias").normal(size=o), oracle.rng_of("back").normal(size=c)
    extra = tuple(s - 1 for s in k["stride"])
    on = device.array
    pairs = [
        (mg.conv2d(on(x), on(weight), on(bias), **k), oracle.naive_conv2d(x, weight, bias, **k)),
        (mg.conv2d(on(x), on(weight), **k), oracle.naive_conv2d(x, weight, **k)),
        (mg.conv2d_weight(on(x), on(y), kernel, **k), oracle.naive_conv2d_weight(x, y, kernel, **k)),
        (
            mg.conv_transpose2d(on(y), on(weight), on(back_bias), output_padding=extra, **k),
            oracle.naive_conv_transpose2d(y, weight, back_bias, output_padding=extra, **k),
        ),
        (mg.conv_transpose2d(on(y), on(weight), **k), oracle.naive_conv_transpose2d(y, weight, **k)),
    ]
    for found, expected in pairs:
        np.testing.assert_allclose(device.host(found), expected, rtol=1e-12, atol=1e-13)


def test_an_int_means_both_axes():
    x, weight, y = trilinear_arrays("int", 2, 3, 2, (7, 7), (3, 3), (2, 2), (1, 1), (2, 2))
    ints, pairs = dict(stride=2, padding=1, dilation=2), dict(stride=(2, 2), padding=(1, 1), dilation=(2, 2))
    np.testing.assert_array_equal(mg.conv2d(x, weight, **ints), mg.conv2d(x, weight, **pairs))
    np.testing.assert_array_equal(mg.conv2d_weight(x, y, 3, **ints), mg.conv2d_weight(x, y, (3, 3), **pairs))
    np.testing.assert_array_equal(
        mg.conv_transpose2d(y, weight, output_padding=1, **ints),
        mg.conv_transpose2d(y, weight, output_padding=(1, 1), **pairs),
    )


@pytest.mark.parametrize("stride, padding, dilation, kernel", GRID)
def test_sizes_that_collapse(stride, padding, dilation, kernel):
    """The listed sizes give the one output size, their neighbours do not,
    and output_padding picks from the list.
    """
    k = dict(stride=stride, padding=padding, dilation=dilation)
    sizes = mg.sizes_that_collapse(4, kernel, **k)
    assert len(sizes) == stride
    assert {mg.output_size(size, kernel, **k) for size in sizes} == {4}
    assert mg.output_size(sizes[0] - 1, kernel, **k) == 3
    assert mg.output_size(sizes[-1] + 1, kernel, **k) == 5
    assert [mg.transposed_output_size(4, kernel, output_padding=i, **k) for i in range(stride)] == sizes
    for size in sizes:
        weight = np.ones((1, 1, kernel, kernel))
        assert mg.conv2d(np.ones((1, 1, size, size)), weight, **k).shape == (1, 1, 4, 4)


# ----- gradients where samples_layers.py does not reach: many channels, in random directions ----------------


@pytest.mark.parametrize("k", SETTINGS, ids=str)
@pytest.mark.parametrize("name", ["conv2d", "conv_transpose2d", "conv2d_weight"])
def test_many_channels_both_orders(name, k, device):
    """Each form is linear in each argument,
    so central differences are exact but for rounding, at any step.
    """
    size, kernel = (7, 6), (3, 2)
    x, weight, y = trilinear_arrays(name, 2, 9, 11, size, kernel, *k.values())
    rng = oracle.rng_of("bias")
    arrays, f = {
        "conv2d": ([x, weight, rng.normal(size=11)], lambda x, w, b: mg.conv2d(x, w, b, **k)),
        "conv_transpose2d": (
            [y, weight, rng.normal(size=9)],
            lambda y, w, b: mg.conv_transpose2d(y, w, b, **k),
        ),
        "conv2d_weight": ([x, y], lambda x, y: mg.conv2d_weight(x, y, kernel, **k)),
    }[name]
    g = rng.normal(size=f(*arrays).shape)
    steps = [rng.normal(size=a.shape) for a in [*arrays, g]]
    directions = [rng.normal(size=a.shape) for a in arrays]
    on = [device.array(a) for a in arrays]
    first = oracle.first_order(f, on, device.array(g))
    second = oracle.second_order(f, on, device.array(g), [device.array(v) for v in directions])

    def loss(arrays, g):
        return inner(f(*arrays), g)

    def slope(arrays, g):
        found = oracle.first_order(f, arrays, g)
        return sum(inner(h.data, v) for h, v in zip(found, directions, strict=True))

    for i, step in enumerate(steps):
        up, down = [*arrays, g], [*arrays, g]
        up[i], down[i] = up[i] + step, down[i] - step
        for value, found in ((loss, first), (slope, second)):
            if i < len(found):
                measured = (value(up[:-1], up[-1]) - value(down[:-1], down[-1])) / 2
                claimed = inner(device.host(found[i]), step)
                assert claimed == pytest.approx(measured, rel=1e-9, abs=1e-10)


# ----- threads, memory --------------------------------------------------------------------------------------


def large(dtype=np.float64):
    """A batch that is worth threads:
    17 images (so that the shares are unequal) of 5 million multiplications.
    """
    rng = oracle.rng_of("large")
    x, weight, y = (
        rng.normal(size=s).astype(dtype) for s in ((17, 16, 24, 23), (16, 16, 3, 3), (17, 16, 24, 23))
    )
    return x, weight, rng.normal(size=16).astype(dtype), y


@pytest.mark.parametrize("few", [False, True])
def test_threads_change_nothing(few):
    """The whole batch on several threads, against one image at a time on one."""
    x, weight, bias, y = large()
    if few:
        x, weight = np.tile(x[:, :3], (2, 1, 1, 1)), weight[:, :3]
        y = np.tile(y, (2, 1, 1, 1))
    one = [slice(i, i + 1) for i in range(len(x))]
    together = mg.conv2d(x, weight, bias, padding=1)
    apart = np.concatenate([mg.conv2d(x[i], weight, bias, padding=1) for i in one])
    np.testing.assert_allclose(together, apart, rtol=1e-12, atol=1e-13)
    together = mg.conv_transpose2d(y, weight, padding=1)
    apart = np.concatenate([mg.conv_transpose2d(y[i], weight, padding=1) for i in one])
    np.testing.assert_allclose(together, apart, rtol=1e-12, atol=1e-13)
    together = mg.conv2d_weight(x, y, 3, padding=1)
    apart = sum(mg.conv2d_weight(x[i], y[i], 3, padding=1) for i in one)
    np.testing.assert_allclose(together, apart, rtol=1e-11, atol=1e-11)  # sums of 9000 terms
    if (
        max(
            library["num_threads"]
            for library in threadpoolctl.threadpool_info()
            if library["user_api"] == "blas"
        )
        > 1
    ):
        # Otherwise this test has compared one path with itself.
        assert any(thread.name.startswith("minigen") for thread in threading.enumerate())


def test_same_input_same_bits(monkeypatch):
    """Threads may finish in any order; the sums must not depend on it, or no run could be repeated.

    Five workers that do the same work in two orders: all but the first share at once,
    or each when it is waited for.
    """

    class Job:
        def __init__(self, work, *args):
            self.result = lambda: work(*args)

    class Done(Job):
        def __init__(self, work, *args):
            work(*args)
            self.result = lambda: None

    x, _, _, y = large(np.float32)
    results = set()
    for job in (Job, Done):
        monkeypatch.setattr(threads, "_pool", lambda job=job: SimpleNamespace(submit=job))
        monkeypatch.setattr(threads, "count", lambda: 5)
        results.add(mg.conv2d_weight(x, y, 3, padding=1).tobytes())
    assert len(results) == 1
    monkeypatch.undo()
    assert len({mg.conv2d_weight(x, y, 3, padding=1).tobytes() for _ in range(5)}) == 1


def test_two_callers_at_once():
    """A program with threads of its own: the results are right, and the BLAS keeps the
    threads it was told to use.
    """
    x, weight, bias, _ = large(np.float32)
    expected, before = mg.conv2d(x, weight, bias, padding=1), threads.count()
    with ThreadPoolExecutor(4) as pool:
        calls = [pool.submit(mg.conv2d, x, weight, bias, padding=1) for _ in range(40)]
    assert {call.result().tobytes() for call in calls} == {expected.tobytes()}
    assert threads.count() == before


def test_products_do_not_depend_on_history():
    """A matrix product has one result, whatever ran before it in the process:
    else no run could be resumed.
    """
    rng = oracle.rng_of("history")
    a, b = rng.normal(size=(300, 257)).astype(np.float32), rng.normal(size=(257, 131)).astype(np.float32)
    program = (
        "import sys, numpy as np, minigen as mg\n"
        "a, b = np.split(np.frombuffer(sys.stdin.buffer.read(), np.float32), [300 * 257])\n"
        "sys.stdout.buffer.write(mg.matmul(a.reshape(300, 257), b.reshape(257, 131)).tobytes())"
    )
    command = [sys.executable, "-c", program]
    run = subprocess.run(command, input=a.tobytes() + b.tobytes(), capture_output=True, check=True)
    x, weight, bias, _ = large(np.float32)
    mg.conv2d(x, weight, bias, padding=1)
    assert mg.matmul(a, b).tobytes() == run.stdout


@pytest.mark.parametrize("c, o", [(3, 2), (9, 11)])
def test_results_own_their_memory(c, o):
    """The engine works in memory that it uses again; no result may lie there."""
    k = (1, 1), (1, 1), (1, 1)
    first, second = (trilinear_arrays(i, 5, c, o, (6, 6), (3, 3), *k) for i in range(2))

    def all_three(x, weight, y):
        return (
            mg.conv2d(x, weight, padding=1),
            mg.conv_transpose2d(y, weight, padding=1),
            mg.conv2d_weight(x, y, 3, padding=1),
        )

    results = all_three(*first)
    before = [r.copy() for r in results]
    all_three(*second)
    for result, copy in zip(results, before, strict=True):
        np.testing.assert_array_equal(result, copy)


@pytest.mark.parametrize("wide", [False, True])
def test_inputs_in_any_memory_order(wide):
    """Channels-last or channels-first, a slice, or Fortran order: the same numbers."""
    x, weight, y = trilinear_arrays("order", 3, 9 if wide else 2, 11, (6, 7), (3, 2), (2, 1), (1, 0), (1, 1))
    k = dict(stride=(2, 1), padding=(1, 0))
    last = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    sliced = np.repeat(x, 2, axis=1)[:, ::2]
    for other in (last, sliced, np.asfortranarray(x)):
        np.testing.assert_allclose(
            mg.conv2d(other, weight, **k), mg.conv2d(x, weight, **k), rtol=1e-12, atol=1e-13
        )
        np.testing.assert_allclose(
            mg.conv2d_weight(other, y, (3, 2), **k),
            mg.conv2d_weight(x, y, (3, 2), **k),
            rtol=1e-12,
            atol=1e-13,
        )
    np.testing.assert_allclose(
        mg.conv_transpose2d(np.asfortranarray(y), np.asfortranarray(weight), **k),
        mg.conv_transpose2d(y, weight, **k),
        rtol=1e-12,
        atol=1e-13,
    )


def channels_last(x):
    return x.transpose(0, 2, 3, 1).flags.c_contiguous


def test_images_are_channels_last_in_memory():
    """What conv2d returns is a view of (N, H, W, C), and elementwise operations of NumPy
    keep that; CuPy's do not.
    """
    x, weight, y = trilinear_arrays("memory", 5, 9, 11, (6, 7), (3, 3), (1, 1), (1, 1), (1, 1))
    out = mg.conv2d(x, weight, np.zeros(11), padding=1)
    assert channels_last(out)
    assert not out.flags.c_contiguous
    assert channels_last(mg.conv_transpose2d(y, weight, padding=1))
    for f in (mg.relu, mg.tanh, mg.sigmoid, mg.leaky_relu, mg.softplus, lambda x: x * 2 + 1):
        assert channels_last(f(out)), f
    t = mg.Tensor(out, requires_grad=True)
    (g,) = mg.grad(mg.leaky_relu(t * 2), [t], gradient=out)
    assert channels_last(g.data)
