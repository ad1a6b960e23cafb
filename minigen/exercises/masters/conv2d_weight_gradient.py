r"""Convolution: the gradient of the kernel

The same convolution as before, with $\bar x$ the picture in its frame of `padding` zeros and steps of $s$:
$$y_{nouv} = b_o + \sum_c \sum_{ij} \bar x_{n,c,\,su+i,\,sv+j} \; w_{ocij} .$$
Look at it from the kernel's side now. One number $w_{ocij}$ slides over all N pictures and stops at every
place $(u, v)$; at each stop it is multiplied by the pixel under it.

| given | shape |
|---|---|
| `x` | (N, C, H, W) |
| `weight`, `bias` | (O, C, kh, kw), (O,) |
| `g`, the gradient of the loss at $y$ | (N, O, OH, OW) |
| `stride` $s$, `padding` | numbers |

Wanted: the gradients of `weight` and `bias`. `taps` goes through the $(i, j)$ one by one, as in the forward
below: `frame[tap]` is what this tap meets at all of its stops, in the shape (N, C, OH, OW).
`framed` puts zeros around a picture.
"""

import numpy as np

from minigen.exercises.master import Mutant

ID = "conv2d-weight-gradient"
ORDER = 120
REQUIRES = ("conv2d-input-gradient",)
WANTED = ("weight", "bias")


def taps(kh, kw, OH, OW, stride):
    """(i, j, slices): which pixels of the frame each tap of the kernel meets, for all outputs at once."""
    for i in range(kh):
        for j in range(kw):
            yield i, j, (..., slice(i, i + stride * OH, stride), slice(j, j + stride * OW, stride))


def framed(x, before, after):
    """The pictures x with `before` rows and columns of zeros at the top and left,
    `after` at the bottom and right.
    """
    return np.pad(x, ((0, 0), (0, 0), (before, after), (before, after)))


def forward(net, x, weight, bias, *, stride, padding):
    frame = framed(x, padding, padding)
    kh, kw = weight.shape[2:]
    OH, OW = (frame.shape[2] - kh) // stride + 1, (frame.shape[3] - kw) // stride + 1
    y = np.zeros((len(x), len(bias), OH, OW)) + bias[:, None, None]
    for i, j, tap in taps(kh, kw, OH, OW, stride):
        y += np.einsum("nchw,oc->nohw", frame[tap], weight[:, :, i, j])
    net.output(y)


def backward(g, cache, x, weight, bias, *, stride, padding):
    (kh, kw), (OH, OW) = weight.shape[2:], g.shape[2:]
    # BEGIN SOLUTION
    frame = framed(x, padding, padding)
    gweight = np.zeros_like(weight)
    for i, j, tap in taps(kh, kw, OH, OW, stride):
        gweight[:, :, i, j] = np.einsum("nohw,nchw->oc", g, frame[tap])  # summed over pictures and stops
    gbias = g.sum(axis=(0, 2, 3))  # (N, O, OH, OW) -> (O,)
    # END SOLUTION
    return {"weight": gweight, "bias": gbias}


HINTS = (
    "In the formula for y, which entries of y contain one fixed number of the kernel, and what stands beside "
    "it there?",
    "For one tap it is the dense layer again: input times upstream gradient, summed over all that share the "
    "weight.",
    "np.einsum: letters that are not named after the arrow are summed. Go through the taps of the frame, "
    "not of x.",
)

CONFIGS = (
    {"N": 5, "C": 2, "O": 7, "H": 4, "W": 6, "kernel": 2, "stride": 1, "padding": 0,
     "why": "the plain case: steps of 1, no frame"},
    {"N": 5, "C": 3, "O": 3, "H": 6, "W": 5, "kernel": 3, "stride": 2, "padding": 1,
     "why": "a frame, steps of 2 with a row left over, and as many channels in as out"},
    {"N": 5, "C": 3, "O": 2, "H": 6, "W": 3, "kernel": 3, "stride": 3, "padding": 1,
     "why": "steps as long as the kernel: no pixel is met twice"},
)  # fmt: skip


def inputs(rng, N, C, O, H, W, kernel, **_):  # noqa: E741 - O is the number of kernels in the statement
    draw = rng.standard_normal
    return {"x": draw((N, C, H, W)), "weight": draw((O, C, kernel, kernel)), "bias": draw(O)}


MUTANTS = {
    "C02": Mutant("gweight[:, :, i, j]", "gweight[:, :, kh - 1 - i, kw - 1 - j]",
           "every number is right and stands in the wrong place of the kernel: mirrored in both directions"),
    "C03": Mutant("nohw,nchw->oc", "nohw,nchw->co",
           "channels that come in and channels that go out have changed places"),
    "C04": Mutant("taps(kh, kw, OH, OW, stride)", "taps(kh, kw, OH, OW, 1)",
           "the kernel went on in steps of 1, whatever the stride; with a stride of 1 nothing shows"),
    "C05": Mutant("framed(x, padding, padding)", "framed(x, 2 * padding, 0)",
           "all zeros of the frame stand on one side, so the kernel meets every pixel too late"),
    "C06": Mutant("framed(x, padding, padding)", "x",
           "the kernel has also slid over the frame of zeros, and here it slides over the bare picture"),
    "C09": Mutant("g.sum(axis=(0, 2, 3))", "g.sum(axis=0)",
           "the bias is added at every pixel, and only the examples have been summed"),
    "C10": Mutant("g.sum(axis=(0, 2, 3))", "g.mean(axis=(0, 2, 3))",
           "what arrives at the bias from pixels and examples was averaged"),
    "C11": Mutant("gweight[:, :, i, j] = np", "gweight[:, :, i, j] = 1 / len(x) * np",
           "averaged over the batch, and no mean stands in this layer"),
    "C14": Mutant("gweight[:, :, i, j]", "gweight[:, :, i, i]",
           "one letter stands where the other belongs, so only the diagonal of the kernel is ever written"),
    "G06": Mutant("g.sum(axis=(0, 2, 3))", "g.sum(axis=(2, 3)).mean(axis=0)",
           "summed over the pixels, but averaged over the examples"),
    "G08": Mutant("g.sum(axis=(0, 2, 3))", "g.sum() * np.ones_like(bias)",
           "the sum for the bias runs over the kernels as well, so all of them get the same"),
    "G17": Mutant('"nohw,nchw->oc", g,', '"nohw,nchw->oc", np.ones_like(g),',
           "the upstream gradient is not used at the kernel"),
}  # fmt: skip
