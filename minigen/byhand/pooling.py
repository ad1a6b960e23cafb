"""Pooling and upsampling by hand: maps between images of different size, without parameters.

Each is a sum over the taps of a window, as a convolution is, with the weights given in advance:
1/(kh·kw) for the mean, one 1 and otherwise 0 for the maximum, all 1 for the nearest neighbour. So each
gradient goes back along the taps that its value came through.
"""

import numpy as np

from .convolution import pair, refuse_empty, taps


def upsample_nearest(x, factor):
    """Repeat every pixel f times in each direction; factor is an int or a pair.

    x (N, C, H, W), y (N, C, fH, fW).

    Forward, for i, j < f:
        y[n,c, fu + i, fv + j] = x[n,c,u,v]

    Backward. A pixel collects from its f × f copies:
        gx[n,c,u,v] = Σ_ij g[n,c, fu + i, fv + j]
    """
    (N, C, H, W), (fh, fw) = x.shape, pair(factor)
    y = x.repeat(fh, axis=2).repeat(fw, axis=3)

    def backward(g):
        return g.reshape(N, C, H, fh, W, fw).sum((3, 5))

    return y, backward


def avg_pool2d(x, kernel_size, *, stride=None):
    """The mean of each window; stride s is the kernel's size k unless given.

    x (N, C, H, W), y (N, C, OH, OW).

    Forward:
        OH = ⌊(H − kh) / s⌋ + 1                                           (OW alike)
        y[n,c,u,v] = Σ_ij x[n,c, su + i, sv + j] / (kh kw)

    Backward. Every pixel of the window had the same share:
        gx[n,c, su + i, sv + j] += g[n,c,u,v] / (kh kw)                    for every (i, j) and (u, v)
    """
    kh, kw = pair(kernel_size)
    windows = _windows("avg_pool2d", x, kh, kw, stride)
    y = sum(x[tap] for tap in windows) / (kh * kw)

    def backward(g):
        gx = np.zeros_like(x)
        for tap in windows:
            gx[tap] += g / (kh * kw)
        return gx

    return y, backward


def max_pool2d(x, kernel_size, *, stride=None):
    """The largest pixel of each window; stride s is the kernel's size k unless given.

    x (N, C, H, W), y (N, C, OH, OW).

    Forward. Among equals the first wins, rows before columns:
        OH = ⌊(H − kh) / s⌋ + 1                                           (OW alike)
        seen[ij, n,c,u,v] = x[n,c, su + i, sv + j]
        winner[n,c,u,v] = argmax_ij seen[ij, n,c,u,v]
        y[n,c,u,v] = max_ij seen[ij, n,c,u,v]

    Backward. Only the winner was heard; a pixel that won several windows collects from each:
        gx[n,c, su + i, sv + j] += g[n,c,u,v] [ij = winner[n,c,u,v]]       for every (i, j) and (u, v)
    """
    kh, kw = pair(kernel_size)
    windows = _windows("max_pool2d", x, kh, kw, stride)
    seen = np.stack([x[tap] for tap in windows])  # (kh·kw, N, C, OH, OW)
    winner = seen.argmax(0)  # the number i·kw + j of the winning tap
    y = seen.max(0)

    def backward(g):
        gx = np.zeros_like(x)
        for number, tap in enumerate(windows):
            gx[tap] += g * (winner == number)
        return gx

    return y, backward


def _windows(name, x, kh, kw, stride):
    """The slices x[:, :, su + i, sv + j], one for each tap (i, j) of a window, rows before columns."""
    sh, sw = (kh, kw) if stride is None else pair(stride)
    OH, OW = (x.shape[2] - kh) // sh + 1, (x.shape[3] - kw) // sw + 1
    refuse_empty(name, OH, OW, f"the window {(kh, kw)} is larger than the image {x.shape[2:]}")
    return [tap for _, _, tap in taps(kh, kw, OH, OW, sh, sw, 1, 1)]
