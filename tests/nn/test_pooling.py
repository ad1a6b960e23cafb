"""Pooling and upsampling: values against loops as the formula reads,
gradients of both orders, ties, edges.
"""

import numpy as np
import oracle
import pytest

import minigen
from minigen import Tensor, nn

WINDOWS = [(2, None), ((2, 3), None), (3, 2), ((3, 2), (1, 2)), (2, 3)]  # alone, overlapping, and with gaps
every_window = pytest.mark.parametrize("kernel, stride", WINDOWS, ids=str)
SHAPE = (2, 3, 7, 8)


def distinct(shape, seed=0):
    """Numbers that keep a distance of at least 0.1 from each other, so that differences cross no tie."""
    rng = np.random.default_rng(seed)
    return rng.permutation(np.prod(shape)).reshape(shape) * 0.1


def by_loops(x, kernel, stride, reduce):
    kh, kw = kernel if isinstance(kernel, tuple) else (kernel, kernel)
    sh, sw = (kh, kw) if stride is None else stride if isinstance(stride, tuple) else (stride, stride)
    out = np.zeros((*x.shape[:2], (x.shape[2] - kh) // sh + 1, (x.shape[3] - kw) // sw + 1))
    for i, j in np.ndindex(*out.shape[2:]):
        out[:, :, i, j] = reduce(x[:, :, i * sh : i * sh + kh, j * sw : j * sw + kw], axis=(2, 3))
    return out


POOLS = {"avg": (nn.avg_pool2d, np.mean), "max": (nn.max_pool2d, np.max)}


@pytest.mark.parametrize("pool", POOLS)
@every_window
def test_values_and_both_orders_of_gradient(pool, kernel, stride, device):
    function, reduce = POOLS[pool]
    x = distinct(SHAPE)

    def f(x):
        y = function(x, kernel, stride=stride)
        return y * y  # so that the second order is not 0

    expected = by_loops(x, kernel, stride, reduce)
    np.testing.assert_allclose(
        device.host(function(device.array(x), kernel, stride=stride)), expected, rtol=1e-12
    )
    rng = np.random.default_rng(1)
    g, v = rng.normal(size=expected.shape), rng.normal(size=x.shape)
    first = oracle.first_order(f, [device.array(x)], device.array(g))
    oracle.assert_close(device.host(first[0]), oracle.measured_first_order(f, [x], g)[0])
    second = oracle.second_order(f, [device.array(x)], device.array(g), [device.array(v)])
    if device.where == "cpu":
        for ours, theirs in zip(second, oracle.measured_second_order(f, [x], g, [v]), strict=True):
            oracle.assert_close(ours.data, theirs)
    else:
        for ours, theirs in zip(second, oracle.second_order(f, [x], g, [v]), strict=True):
            np.testing.assert_allclose(device.host(ours), theirs.data, rtol=1e-12)


@every_window
def test_gather_and_spread_are_adjoint(kernel, stride):
    rng = np.random.default_rng(0)
    x = rng.normal(size=SHAPE)
    y = rng.normal(size=nn.avg_pool2d(x, kernel, stride=stride).shape)
    (gx,) = oracle.first_order(lambda x: nn.avg_pool2d(x, kernel, stride=stride), [x], y)
    left, right = (nn.avg_pool2d(x, kernel, stride=stride) * y).sum(), (x * gx.data).sum()
    assert left == pytest.approx(right, rel=1e-12)


@pytest.mark.parametrize("kernel, stride", [(2, None), (3, 2)])
def test_pools_agree_with_pytorch(kernel, stride):
    torch = pytest.importorskip("torch")
    x = distinct(SHAPE)
    for ours, theirs in ((nn.AvgPool2d, torch.nn.AvgPool2d), (nn.MaxPool2d, torch.nn.MaxPool2d)):
        mine, other = Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
        y, z = ours(kernel, stride)(mine), theirs(kernel, stride)(other)
        np.testing.assert_allclose(y.data, z.detach().numpy(), rtol=1e-12)
        (y * y).sum().backward()
        (z * z).sum().backward()
        np.testing.assert_allclose(mine.grad, other.grad.numpy(), rtol=1e-12)


def test_of_equal_pixels_the_first_row_by_row_takes_the_gradient(device):
    x = device.tensor(np.zeros((1, 1, 2, 4)))
    nn.max_pool2d(x, 2).sum().backward()
    np.testing.assert_array_equal(device.host(x.grad)[0, 0], [[1, 0, 1, 0], [0, 0, 0, 0]])
    x = device.tensor([[[[0.0, 1, 1], [1, 0, 1]]]])
    nn.max_pool2d(x, (2, 3)).sum().backward()
    np.testing.assert_array_equal(device.host(x.grad)[0, 0], [[0, 1, 0], [0, 0, 0]])


def test_a_tie_is_a_branch_that_the_checker_can_see():
    from minigen.engine.tape import record_branches

    x = np.array([[[[0.0, 1.0], [2.0, 3.0]]]])
    with record_branches() as taken:
        nn.max_pool2d(Tensor(x), 2)
        nn.max_pool2d(Tensor(-x), 2)
        nn.avg_pool2d(Tensor(x), 2)
    assert [(name, mask.item()) for name, mask in taken] == [("max_pool2d", 3), ("max_pool2d", 0)]


@pytest.mark.parametrize("factor", [2, (3, 2)], ids=str)
def test_upsampling_repeats_every_pixel(factor, device):
    x = distinct((2, 3, 4, 5))
    fh, fw = factor if isinstance(factor, tuple) else (factor, factor)
    y = nn.UpsampleNearest(factor)(device.array(x))
    np.testing.assert_array_equal(device.host(y), x.repeat(fh, axis=2).repeat(fw, axis=3))
    g = np.random.default_rng(0).normal(size=y.shape)

    def f(x):
        return nn.upsample_nearest(x, factor) ** 2

    (ours,) = oracle.first_order(f, [device.array(x)], device.array(g))
    oracle.assert_close(device.host(ours), oracle.measured_first_order(f, [x], g)[0])
    np.testing.assert_allclose(device.host(nn.avg_pool2d(y, factor)), x, rtol=1e-14)


def test_images_stay_channels_last_and_float32():
    x = Tensor(np.ones((2, 6, 8, 3), np.float32), requires_grad=True).transpose(0, 3, 1, 2)
    for y in (nn.avg_pool2d(x, 2), nn.max_pool2d(x, 2), nn.upsample_nearest(x, 2)):
        assert y.dtype == np.float32
        assert y.data.transpose(0, 2, 3, 1).flags.c_contiguous
        (gx,) = minigen.grad((y * y).sum(), x)
        assert gx.dtype == np.float32
        assert gx.data.transpose(0, 2, 3, 1).flags.c_contiguous


def test_windows_that_fit_nowhere():
    x = np.ones((2, 3, 4, 5))
    for call, message in (
        (
            lambda: nn.avg_pool2d(x, (2, 6)),
            r"avg_pool2d: the window \(2, 6\) is larger than the image \(4, 5\)",
        ),
        (lambda: nn.max_pool2d(x, 5), r"max_pool2d: the window \(5, 5\) is larger than the image \(4, 5\)"),
        (lambda: nn.max_pool2d(x[0], 2), r"images \(N, C, H, W\) expected, got \(3, 4, 5\)"),
        (lambda: nn.avg_pool2d(x, 2, stride=0), "stride must be an int or a pair of ints, at least 1, got 0"),
        (lambda: nn.upsample_nearest(x, (2, 2, 2)), "factor must be an int or a pair of ints"),
        (lambda: nn.upsample_nearest(x[0], 2), r"images \(N, C, H, W\) expected"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
