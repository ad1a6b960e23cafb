r"""Convolution: the gradient of the picture

A convolution slides O small kernels over a picture with C channels, in steps of `stride` $s$,
after putting a frame of `padding` $p$ zeros around it. With $\bar x$ the picture in its frame:
$$y_{nouv} = b_o + \sum_c \sum_{ij} \bar x_{n,c,\,su+i,\,sv+j} \; w_{ocij} .$$

| given | shape |
|---|---|
| `x` | (N, C, H, W) |
| `weight`, `bias` | (O, C, kh, kw), (O,) |
| `g`, the gradient of the loss at $y$ | (N, O, OH, OW) |

Wanted: the gradient of `x`. The given lines prepare the frame `gframe`, full of zeros, and go through
the taps $(i, j)$ of the kernel one by one; `frame[tap]` is what this tap reads for all outputs at once,
in the shape (N, C, OH, OW). A pixel is read by several taps.
"""

import numpy as np

from minigen.exercises.master import Mutant

ID = "conv2d-input-gradient"
ORDER = 110
REQUIRES = ("dense",)
WANTED = ("x",)


def taps(kh, kw, OH, OW, stride):
    """(i, j, slices): which pixels of the frame each tap of the kernel reads, for all outputs at once."""
    for i in range(kh):
        for j in range(kw):
            yield i, j, (..., slice(i, i + stride * OH, stride), slice(j, j + stride * OW, stride))


def forward(net, x, weight, bias, *, stride, padding):
    frame = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    kh, kw = weight.shape[2:]
    OH, OW = (frame.shape[2] - kh) // stride + 1, (frame.shape[3] - kw) // stride + 1
    y = np.zeros((len(x), len(bias), OH, OW)) + bias[:, None, None]
    for i, j, tap in taps(kh, kw, OH, OW, stride):
        y += np.einsum("nchw,oc->nohw", frame[tap][..., :OH, :OW], weight[:, :, i, j])
    net.output(y)


def backward(g, cache, x, weight, bias, *, stride, padding):
    N, C, H, W = x.shape
    kh, kw = weight.shape[2:]
    OH, OW = g.shape[2:]
    gframe = np.zeros((N, C, H + 2 * padding, W + 2 * padding))
    # BEGIN SOLUTION
    for i, j, tap in taps(kh, kw, OH, OW, stride):
        gframe[tap] += np.einsum("nohw,oc->nchw", g, weight[:, :, i, j])
    gx = gframe[:, :, padding : padding + H, padding : padding + W]
    # END SOLUTION
    return {"x": gx}


HINTS = (
    "Read the forward backwards: where a tap has read from the frame, it now writes into it.",
    "For one tap everything is a dense layer from C to O channels, so its gradient is a matrix product over "
    "o.",
    "np.einsum with the letters of the statement does it; add, since taps overlap, "
    "and cut the frame off at the end.",
)

CONFIGS = (
    {"N": 5, "C": 2, "O": 3, "H": 5, "W": 4, "kernel": 3, "stride": 1, "padding": 1,
     "why": "the usual case: kernel 3, padding 1"},
    {"N": 5, "C": 3, "O": 3, "H": 6, "W": 5, "kernel": 2, "stride": 2, "padding": 0,
     "why": "steps of 2, and a column left over"},
)  # fmt: skip


def inputs(rng, N, C, O, H, W, kernel, **_):  # noqa: E741 - O is the number of kernels in the statement
    draw = rng.standard_normal
    return {"x": draw((N, C, H, W)), "weight": draw((O, C, kernel, kernel)), "bias": draw(O)}


MUTANTS = {
    "C01": Mutant("weight[:, :, i, j]", "weight[:, :, kh - 1 - i, kw - 1 - j]",
           "the kernel is turned round, once more than needed"),
    "C03": Mutant("nohw,oc->nchw", "nohw,co->nchw",
           "the channels of the kernel are exchanged: those that come in and those that go out"),
    "C05": Mutant("padding : padding + H, padding : padding + W", "0 : H, 0 : W",
           "the frame was cut off at the wrong place, so everything is shifted by the padding"),
    "C07": Mutant("gframe[tap] +=", "gframe[tap] =",
           "a pixel that several taps read keeps only what the last of them sends back"),
    "C11": Mutant("gx = gframe", "gx = 1 / N * gframe",
           "averaged over the batch, and no mean stands in this layer"),
    "G17": Mutant('"nohw,oc->nchw", g,', '"nohw,oc->nchw", np.ones_like(g),',
           "the upstream gradient is not used"),
}  # fmt: skip
