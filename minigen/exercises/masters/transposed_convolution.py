r"""Transposed convolution

A decoder has to enlarge pictures. Every pixel of $x$ paints a copy of the kernel, as strong as the pixel is,
onto a canvas; the copies lie `stride` $s$ apart, and where they overlap they add up:
$$\text{canvas}_{n,o,su+i,sv+j} \mathrel{+}= \sum_c x_{ncuv} \, w_{coij} \quad \text{for all } i, j, u, v.$$
A frame of `padding` pixels is then cut off the canvas, and $y$ is what is left, plus the bias. The canvas has
`output_padding` more rows and columns at the bottom and right, so that every size can be reached.

| given | shape |
|---|---|
| `x` | (N, C, H, W) |
| `weight`, `bias` | (C, O, kh, kw), (O,) |
| `g`, the gradient of the loss at $y$ | (N, O, OH, OW) |
| `stride`, `padding`, `output_padding` | numbers |

Wanted: the gradients at the `canvas` and of `x`, `weight`, `bias`. `canvas[tap]` is what the tap $(i, j)$ has
painted on, in the shape (N, O, H, W), and `framed` puts zeros around a picture.
"""

import numpy as np

from minigen.exercises.master import Mutant

ID = "transposed-convolution"
ORDER = 130
REQUIRES = ("conv2d-weight-gradient",)
WANTED = ("canvas", "x", "weight", "bias")


def taps(kh, kw, H, W, stride):
    """(i, j, slices): the pixels of the canvas that each tap of the kernel paints on, for all pixels of x."""
    for i in range(kh):
        for j in range(kw):
            yield i, j, (..., slice(i, i + stride * H, stride), slice(j, j + stride * W, stride))


def framed(y, before, after):
    """y with `before` rows and columns of zeros at the top and left, `after` at the bottom and right."""
    return np.pad(y, ((0, 0), (0, 0), (before, after), (before, after)))


def forward(net, x, weight, bias, *, stride, padding, output_padding):
    (N, _, H, W), (kh, kw) = x.shape, weight.shape[2:]
    rows, columns = (H - 1) * stride + kh + output_padding, (W - 1) * stride + kw + output_padding
    canvas = np.zeros((N, len(bias), rows, columns))
    for i, j, tap in taps(kh, kw, H, W, stride):
        canvas[tap] += np.einsum("nchw,co->nohw", x, weight[:, :, i, j])
    canvas = net("canvas", canvas)
    net.output(canvas[:, :, padding : rows - padding, padding : columns - padding] + bias[:, None, None])


def backward(g, cache, x, weight, bias, *, stride, padding, output_padding):
    (H, W), (kh, kw) = x.shape[2:], weight.shape[2:]
    # BEGIN SOLUTION
    gcanvas = framed(g, padding, padding)  # what was cut off has no influence
    gx = np.zeros_like(x)
    gweight = np.zeros_like(weight)
    for i, j, tap in taps(kh, kw, H, W, stride):
        gx += np.einsum("nohw,co->nchw", gcanvas[tap], weight[:, :, i, j])
        gweight[:, :, i, j] = np.einsum("nchw,nohw->co", x, gcanvas[tap])
    gbias = g.sum(axis=(0, 2, 3))  # (N, O, OH, OW) -> (O,)
    # END SOLUTION
    return {"canvas": gcanvas, "x": gx, "weight": gweight, "bias": gbias}


HINTS = (
    "Cutting off is a step of its own: "
    "pixels of the canvas that are not in y get no gradient, all others get that of y.",
    "Where the forward writes, the way back reads. "
    "A pixel of x has painted with every tap, and hears from every tap.",
    "For one tap it is a dense layer from C to O channels. "
    "Without the frame, the way back to x is a convolution of g.",
)

CONFIGS = (
    {"N": 5, "C": 3, "O": 4, "H": 4, "W": 2, "kernel": 2, "stride": 1, "padding": 0, "output_padding": 0,
     "why": "the plain case: steps of 1, nothing cut off"},
    {"N": 5, "C": 2, "O": 2, "H": 3, "W": 2, "kernel": 3, "stride": 2, "padding": 1, "output_padding": 1,
     "why": "the one that doubles a picture, and as many channels in as out"},
)  # fmt: skip


def inputs(rng, N, C, O, H, W, kernel, **_):  # noqa: E741 - O is the number of channels that go out
    draw = rng.standard_normal
    return {"x": draw((N, C, H, W)), "weight": draw((C, O, kernel, kernel)), "bias": draw(O)}


MUTANTS = {
    "C01": Mutant("gcanvas[tap], weight[:, :, i, j]", "gcanvas[tap], weight[:, :, kh - 1 - i, kw - 1 - j]",
           "the kernel is turned round on the way back, and reading has turned the taps round already"),
    "C02": Mutant("gweight[:, :, i, j]", "gweight[:, :, kh - 1 - i, kw - 1 - j]",
           "every number is right and stands in the wrong place of the kernel: mirrored in both directions"),
    "C03": Mutant("nohw,co->nchw", "nohw,oc->nchw",
           "the kernel was read as that of a convolution, whose kinds of channels stand the other way round"),
    "C04": Mutant("taps(kh, kw, H, W, stride)", "taps(kh, kw, H, W, 1)",
           "the copies of the kernel were looked for side by side, whatever the stride"),
    "C05": Mutant("framed(g, padding, padding)", "framed(g, 0, 2 * padding)",
           "the frame was put back on one side only, so everything lies too high and too far left"),
    "C07": Mutant("gx += np", "gx = np",
           "only the last tap reaches x: each of them has overwritten what came before"),
    "C10": Mutant("g.sum(axis=(0, 2, 3))", "g.mean(axis=(0, 2, 3))",
           "what arrives at the bias from pixels and examples was averaged"),
    "C11": Mutant("gweight[:, :, i, j] = np", "gweight[:, :, i, j] = 1 / len(x) * np",
           "averaged over the batch, and no mean stands in this layer"),
    "C13": Mutant("framed(g, padding, padding)",
           "framed(g[:, :, output_padding:, output_padding:], padding, padding + output_padding)",
           "the rows and columns of output_padding were taken for the first, and everything is shifted"),
    "G06": Mutant("g.sum(axis=(0, 2, 3))", "g.sum(axis=(2, 3)).mean(axis=0)",
           "summed over the pixels, but averaged over the examples"),
    "G17": Mutant("x, gcanvas[tap])", "x, np.ones_like(gcanvas[tap]))",
           "the upstream gradient is not used at the kernel"),
}  # fmt: skip
