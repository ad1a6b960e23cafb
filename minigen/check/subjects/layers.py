"""The layers: every input and every parameter under three witnesses."""

from minigen import conv, ops
from minigen.byhand import layers
from minigen.check.subjects.registry import subject


@subject
def dense(s):
    arrays = {"x": s.digits(7), "weight": s.noise(61, 13), "bias": s.noise(13)}
    return s.layer(arrays, ops.dense, layers.dense)


@subject
def conv2d(s):
    arrays = {"x": s.images(5, 3, 7, 5), "weight": s.noise(11, 3, 3, 2), "bias": s.noise(11)}
    return s.layer(arrays, conv.conv2d, layers.conv2d, stride=(2, 1), padding=(1, 2))


@subject
def conv_transpose2d(s):
    arrays = {"x": s.images(5, 3, 7, 5), "weight": s.noise(3, 11, 2, 3), "bias": s.noise(11)}
    how = {"stride": (2, 3), "padding": (0, 1), "output_padding": (1, 2)}
    return s.layer(arrays, conv.conv_transpose2d, layers.conv_transpose2d, **how)
