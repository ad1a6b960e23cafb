"""Sample inputs for the operations of layers: convolution, pooling, normalisation, losses. See samples.py."""

import math

import numpy as np
import oracle
from samples import exactly, normal, positive, sample, spread

import minigen as mg
from minigen import losses
from minigen.engine import conv
from minigen.nn import normalisation, pooling

# ----- convolutions: few channels, every entry; test_conv.py has the many-channel form
# and the grid of strides

for _k in [
    dict(stride=(1, 1), padding=(0, 0), dilation=(1, 1)),
    dict(stride=(2, 1), padding=(1, 2), dilation=(1, 1)),
    dict(stride=(2, 3), padding=(0, 1), dilation=(2, 1)),
]:
    sample(
        "_conv2d",
        lambda x, w, b, _k=_k: mg.conv2d(x, w, b, **_k),
        normal(2, 3, 5, 4), normal(2, 3, 3, 2), normal(2),
        like=lambda x, w, b, _k=_k: oracle.naive_conv2d(x, w, b, **_k),
    )  # fmt: skip
    _o = tuple(min(1, s - 1) for s in _k["stride"])
    sample(
        "_conv_transpose2d",
        lambda y, w, b, _k=_k, _o=_o: mg.conv_transpose2d(y, w, b, output_padding=_o, **_k),
        normal(2, 3, 2, 5), normal(3, 2, 3, 2), normal(2),
        like=lambda y, w, b, _k=_k, _o=_o: oracle.naive_conv_transpose2d(y, w, b, output_padding=_o, **_k),
    )  # fmt: skip
    _size = tuple(
        mg.output_size(n, k, s, p, d) for n, k, s, p, d in zip((5, 4), (3, 2), *_k.values(), strict=True)
    )
    sample(
        "_conv2d_weight",
        lambda x, y, _k=_k: mg.conv2d_weight(x, y, (3, 2), **_k),
        normal(2, 3, 5, 4), normal(2, 2, *_size),
        like=lambda x, y, _k=_k: oracle.naive_conv2d_weight(x, y, (3, 2), **_k),
    )  # fmt: skip
sample("conv2d", mg.conv2d, normal(2, 3, 4, 4), normal(2, 3, 2, 2), like=oracle.naive_conv2d)
sample("channel_sum", conv.channel_sum, normal(2, 3, 5, 7), like=lambda x: x.sum((0, 2, 3)))
sample(
    "_channel_broadcast",
    lambda b: conv._channel_broadcast(b, (2, 3, 5, 7)),
    normal(3),
    like=lambda b: np.broadcast_to(b[:, None, None], (2, 3, 5, 7)),
)

# ----- fused operations of nn/ and losses.py: one rule, derived by hand, where a composition would do -------


def naive_windows(x, kernel, stride):
    """Every window of x, the taps on the last axis: (N, C, H, W) -> (N, C, OH, OW, kh kw)."""
    n, c, *size = x.shape
    oh, ow = (mg.output_size(m, k, s) for m, k, s in zip(size, kernel, stride, strict=True))
    out = np.empty((n, c, oh, ow, math.prod(kernel)), x.dtype)
    for i, j in np.ndindex(oh, ow):
        top, left = i * stride[0], j * stride[1]
        out[:, :, i, j] = x[:, :, top : top + kernel[0], left : left + kernel[1]].reshape(n, c, -1)
    return out


def naive_spread(g, size, kernel, stride):
    """The adjoint of summing windows: naive_windows of the places says which pixels receive each number."""
    n, c = g.shape[:2]
    places = naive_windows(np.arange(n * c * math.prod(size)).reshape(n, c, *size), kernel, stride)
    return oracle.naive_scatter(
        np.repeat(g, math.prod(kernel)), (places.ravel(),), (n * c * math.prod(size),)
    ).reshape(n, c, *size)


def naive_put(g, winner, size, kernel, stride):
    """Each number added to the one pixel of its window that `winner` names."""
    n, c = g.shape[:2]
    places = naive_windows(np.arange(n * c * math.prod(size)).reshape(n, c, *size), kernel, stride)
    chosen = np.take_along_axis(places, winner[..., None], -1)
    return oracle.naive_scatter(g, (chosen.ravel(),), (n * c * math.prod(size),)).reshape(n, c, *size)


for _axis in (0, -1):
    sample(
        "_standardise",
        lambda x, _a=_axis: normalisation._standardise(x, axis=_a, eps=0.1),
        normal(5, 3),
        like=lambda x, _a=_axis: (x - x.mean(_a, keepdims=True)) / np.sqrt(x.var(_a, keepdims=True) + 0.1),
    )
sample(
    "_standardise",
    lambda x: normalisation._standardise(x, axis=(-2, -1), eps=0.1),
    normal(3, 5, 2),
    like=lambda x: (x - x.mean((1, 2), keepdims=True)) / np.sqrt(x.var((1, 2), keepdims=True) + 0.1),
)
sample(
    "exp_remainder",
    losses.exp_remainder,
    lambda rng: rng.normal(size=(5, 3)) * 2,
    like=lambda x: np.expm1(x) - x,
)
sample(
    "_bce_with_logits",
    losses._bce_with_logits,
    normal(2, 3),
    positive(2, 3),
    like=lambda logits, x: np.logaddexp(0, logits) - x * logits,
)
sample(
    "_softmax_cross_entropy",
    losses._softmax_cross_entropy,
    normal(5, 3),
    exactly([0, 2, 2, 1, 0]),
    like=lambda logits, k: np.log(np.exp(logits).sum(1)) - logits[np.arange(5), k],
)
for _k in [
    dict(kernel=(2, 2), stride=(2, 2)),
    dict(kernel=(3, 2), stride=(1, 2)),
    dict(kernel=(1, 2), stride=(2, 1)),
]:
    _out = tuple(mg.output_size(n, k, s) for n, k, s in zip((5, 4), *_k.values(), strict=True))
    sample(
        "_gather",
        lambda x, _k=_k: pooling._gather(x, **_k),
        normal(2, 3, 5, 4),
        like=lambda x, _k=_k: naive_windows(x, **_k).sum(-1),
    )
    sample(
        "_scatter",
        lambda g, _k=_k: pooling._scatter(g, size=(5, 4), **_k),
        normal(2, 3, *_out),
        like=lambda g, _k=_k: naive_spread(g, (5, 4), **_k),
    )
    sample(
        "_max_pool",
        lambda x, _k=_k: pooling._max_pool(x, **_k),
        spread(2, 3, 5, 4),
        like=lambda x, _k=_k: naive_windows(x, **_k).max(-1),
    )
    _winner = oracle.rng_of("winner").integers(0, math.prod(_k["kernel"]), size=(2, 3, *_out))
    sample(
        "_gather_max",
        lambda x, w, _k=_k: pooling._gather_max(x, w, **_k),
        normal(2, 3, 5, 4),
        exactly(_winner),
        like=lambda x, w, _k=_k: np.take_along_axis(naive_windows(x, **_k), w[..., None], -1)[..., 0],
    )
    sample(
        "_scatter_max",
        lambda g, w, _k=_k: pooling._scatter_max(g, w, size=(5, 4), **_k),
        normal(2, 3, *_out),
        exactly(_winner),
        like=lambda g, w, _k=_k: naive_put(g, w, (5, 4), **_k),
    )
