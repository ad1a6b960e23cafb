"""The layers: every input and every parameter under three witnesses.

Where a layer has kinks (relu at 0, equal pixels in a window), noise is added to the digits: half of their
pixels are exactly 0, and on a kink there is nothing to compare.
"""

from minigen import losses, nn
from minigen.byhand import layers
from minigen.check.subjects.registry import subject
from minigen.engine import backend, conv, ops


@subject
def dense(s):
    arrays = {"x": s.digits(7), "weight": s.noise(61, 13), "bias": s.noise(13)}
    return s.layer(arrays, ops.dense, layers.dense)


# ----- convolutions -----------------------------------------------------------------------------------------


@subject
def conv2d(s):
    arrays = {"x": s.images(5, 3, 7, 5), "weight": s.noise(11, 3, 3, 2), "bias": s.noise(11)}
    return s.layer(arrays, conv.conv2d, layers.conv2d, padding=1)


@subject
def conv2d_strided_dilated(s):
    arrays = {"x": s.images(5, 3, 7, 5), "weight": s.noise(11, 3, 3, 2), "bias": s.noise(11)}
    how = {"stride": (2, 1), "padding": (1, 2), "dilation": (1, 3)}
    return s.layer(arrays, conv.conv2d, layers.conv2d, **how)


@subject
def conv_transpose2d(s):
    arrays = {"x": s.images(5, 3, 7, 5), "weight": s.noise(3, 11, 2, 3), "bias": s.noise(11)}
    return s.layer(arrays, conv.conv_transpose2d, layers.conv_transpose2d, padding=1)


@subject
def conv_transpose2d_output_padding(s):
    arrays = {"x": s.images(5, 3, 7, 5), "weight": s.noise(3, 11, 2, 3), "bias": s.noise(11)}
    how = {"stride": (2, 3), "padding": (0, 1), "output_padding": (1, 2), "dilation": (2, 1)}
    return s.layer(arrays, conv.conv_transpose2d, layers.conv_transpose2d, **how)


# ----- normalisation ----------------------------------------------------------------------------------------


@subject
def batch_norm(s):
    arrays = {"x": s.images(7, 3, 5, 2), "weight": s.noise(3), "bias": s.noise(3)}
    return s.layer(arrays, nn.batch_norm, layers.batch_norm, eps=0.03)


@subject
def batch_norm_eval(s):
    arrays = {"x": s.images(7, 3, 5, 2), "weight": s.noise(3), "bias": s.noise(3)}
    mean, var = s.noise(3), s.noise(3) ** 2
    return s.layer(
        arrays,
        lambda *a: nn.batch_norm_eval(*a, _beside(a[0], mean), _beside(a[0], var), eps=0.03),
        lambda *a: layers.batch_norm_eval(*a, mean, var, eps=0.03),
    )


@subject
def layer_norm(s):
    arrays = {"x": s.digits(7), "weight": s.noise(61), "bias": s.noise(61)}
    return s.layer(arrays, nn.layer_norm, layers.layer_norm, eps=0.03)


# ----- pooling and dropout ----------------------------------------------------------------------------------


@subject
def upsample_nearest(s):
    return s.layer({"x": s.images(5, 3, 7, 2)}, nn.upsample_nearest, layers.upsample_nearest, factor=(2, 3))


@subject
def avg_pool2d(s):
    how = {"kernel_size": (3, 2), "stride": (2, 1)}
    return s.layer({"x": s.images(5, 3, 7, 5)}, nn.avg_pool2d, layers.avg_pool2d, **how)


@subject
def max_pool2d(s):
    x = s.images(5, 3, 7, 5) + 0.3 * s.noise(5, 3, 7, 5)
    how = {"kernel_size": (3, 2), "stride": (2, 1)}
    return s.layer({"x": x}, nn.max_pool2d, layers.max_pool2d, **how)


@subject
def dropout(s):
    mask = (s.rng.random((7, 61)) < 0.8).astype(float)
    return s.layer(
        {"x": s.digits(7)},
        lambda x: nn.dropout(x, _beside(x, mask), 0.8),
        lambda x: layers.dropout(x, mask, 0.8),
    )


# ----- the loss of a classifier -----------------------------------------------------------------------------


@subject
def softmax_cross_entropy(s):
    labels = s.rng.integers(0, 11, 7)
    return s.layer(
        {"logits": s.noise(7, 11)},
        lambda logits: losses.softmax_cross_entropy(logits, _beside(logits, labels)),
        lambda logits: layers.softmax_cross_entropy(logits, labels),
    )


# ----- activations ------------------------------------------------------------------------------------------


def _activation(s, by_tape, by_hand, **how):
    return s.layer({"x": s.digits(5) + 0.7 * s.noise(5, 61)}, by_tape, by_hand, **how)


@subject
def sigmoid(s):
    return _activation(s, ops.sigmoid, layers.sigmoid)


@subject
def tanh(s):
    return _activation(s, ops.tanh, layers.tanh)


@subject
def relu(s):
    return _activation(s, ops.relu, layers.relu)


@subject
def leaky_relu(s):
    return _activation(s, ops.leaky_relu, layers.leaky_relu, slope=0.2)


@subject
def elu(s):
    return _activation(s, ops.elu, layers.elu, alpha=0.7)


@subject
def softplus(s):
    return _activation(s, ops.softplus, layers.softplus)


def _beside(x, array):
    """A constant on the device of x."""
    return backend.to(array, backend.device_of(x.data))
