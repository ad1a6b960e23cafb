"""Convolution and transposed convolution by hand, one kernel tap at a time.

Images are (N, C, H, W): examples, channels, rows, columns. O is the number of kernels, and the number of
channels of the output. A kernel with kh × kw taps is kh × kw small matrix products, each on a shifted and
strided image. Fix one tap (i, j): the pixels it reads for all outputs (u, v) at once are the slice
x[:, :, s·u + d·i, s·v + d·j]. Summing over the taps is the whole convolution, and reading the same line
backwards is its gradient. A transposed convolution exchanges the roles of input and output: it writes where
the convolution reads.
"""

import numpy as np


def conv2d(x, weight, bias, *, stride=1, padding=0, dilation=1):
    """Correlate x with O kernels; PyTorch's conv2d (the kernel is not flipped).

    x (N, C, H, W), weight (O, C, kh, kw), bias (O,), y (N, O, OH, OW).
    Stride s, padding p and dilation d are an int, or a pair (rows, columns).

    Forward:
        x̄ = x in a frame of p zeros
        OH = ⌊(H + 2p − d(kh − 1) − 1) / s⌋ + 1                           (OW alike)
        y[n,o,u,v] = bias[o] + Σ_ij Σ_c x̄[n,c, su + di, sv + dj] weight[o,c,i,j]

    Backward, g = ∂L/∂y. Each y[n,o,u,v] holds bias[o] once:
        gbias[o] = Σ_nuv g[n,o,u,v]
    weight[o,c,i,j] meets, on its way into y[n,o,u,v], the pixel under its tap:
        gweight[o,c,i,j] = Σ_nuv g[n,o,u,v] x̄[n,c, su + di, sv + dj]
    a pixel is read by several outputs through several taps, and collects from all of them:
        gx̄[n,c, su + di, sv + dj] += Σ_o g[n,o,u,v] weight[o,c,i,j]        for every (i, j) and (u, v)
    and the frame of zeros was never part of x:
        gx = gx̄ without the frame
    """
    (sh, sw), (ph, pw), (dh, dw) = pair(stride), pair(padding), pair(dilation)
    (N, C, H, W), (kh, kw) = x.shape, weight.shape[2:]
    _match_channels("conv2d", x, weight, weight.shape[1])
    OH = (H + 2 * ph - dh * (kh - 1) - 1) // sh + 1
    OW = (W + 2 * pw - dw * (kw - 1) - 1) // sw + 1
    refuse_empty("conv2d", OH, OW, "the kernel is larger than the padded image: shrink it, or pad more")
    frame = (..., slice(ph, ph + H), slice(pw, pw + W))

    xbar = np.zeros((N, C, H + 2 * ph, W + 2 * pw), x.dtype)
    xbar[frame] = x
    y = np.zeros((N, len(bias), OH, OW), x.dtype) + bias[:, None, None]
    for i, j, tap in taps(kh, kw, OH, OW, sh, sw, dh, dw):
        y += np.einsum("nchw,oc->nohw", xbar[tap], weight[:, :, i, j])

    def backward(g):  # (N, O, OH, OW) -> (N, C, H, W), (O, C, kh, kw), (O,)
        gbias = g.sum((0, 2, 3))
        gweight = np.zeros_like(weight)
        gxbar = np.zeros_like(xbar)
        for i, j, tap in taps(kh, kw, OH, OW, sh, sw, dh, dw):
            gweight[:, :, i, j] = np.einsum("nohw,nchw->oc", g, xbar[tap])
            gxbar[tap] += np.einsum("nohw,oc->nchw", g, weight[:, :, i, j])
        gx = gxbar[frame]
        return gx, gweight, gbias

    return y, backward


def conv_transpose2d(x, weight, bias, *, stride=1, padding=0, output_padding=0, dilation=1):
    """Every pixel of x adds a weighted copy of the kernel to the output; PyTorch's conv_transpose2d.

    x (N, C, H, W), weight (C, O, kh, kw), bias (O,), y (N, O, OH, OW). Stride s, padding p,
    output_padding q and dilation d are an int, or a pair (rows, columns). Seen from y, the pixels of x
    lie s steps apart with zeros between them, so the kernel moves by 1/s of a pixel of x: hence the
    other name, "fractionally strided".

    Forward. Paint on a canvas ȳ that is wider than y by a frame of p, then cut the frame off:
        OH = (H − 1)s − 2p + d(kh − 1) + 1 + q                            (OW alike)
        ȳ[n,o, su + di, sv + dj] += Σ_c x[n,c,u,v] weight[c,o,i,j]         for every (i, j) and (u, v)
        y[n,o] = bias[o] + ȳ[n,o] without the frame
    q adds rows at the bottom and columns at the right: a strided convolution brings s different heights
    to the same one, and q says to which of them this one returns.

    Backward, g = ∂L/∂y:
        ḡ = g in a frame of p zeros                                      (what was cut off has no gradient)
        gbias[o] = Σ_nuv g[n,o,u,v]
        gweight[c,o,i,j] = Σ_nuv x[n,c,u,v] ḡ[n,o, su + di, sv + dj]
        gx[n,c,u,v] = Σ_ij Σ_o ḡ[n,o, su + di, sv + dj] weight[c,o,i,j]
    The last line is conv2d's forward. Without biases each of the two maps is the other's transpose:
        ⟨conv2d(x, w), y⟩ = ⟨x, conv_transpose2d(y, w)⟩
    """
    (sh, sw), (ph, pw), (dh, dw) = pair(stride), pair(padding), pair(dilation)
    qh, qw = pair(output_padding)
    (N, _, H, W), (kh, kw) = x.shape, weight.shape[2:]
    _match_channels("conv_transpose2d", x, weight, weight.shape[0])
    if qh >= max(sh, dh) or qw >= max(sw, dw):
        raise ValueError(
            f"conv_transpose2d: output_padding {(qh, qw)} must be smaller than the stride {(sh, sw)} or the "
            f"dilation {(dh, dw)}"
        )
    OH = (H - 1) * sh - 2 * ph + dh * (kh - 1) + 1 + qh
    OW = (W - 1) * sw - 2 * pw + dw * (kw - 1) + 1 + qw
    refuse_empty("conv_transpose2d", OH, OW, "the padding cuts the whole output away: use less of it")
    frame = (..., slice(ph, ph + OH), slice(pw, pw + OW))

    ybar = np.zeros((N, len(bias), OH + 2 * ph, OW + 2 * pw), x.dtype)
    for i, j, tap in taps(kh, kw, H, W, sh, sw, dh, dw):
        ybar[tap] += np.einsum("nchw,co->nohw", x, weight[:, :, i, j])
    y = bias[:, None, None] + ybar[frame]

    def backward(g):  # (N, O, OH, OW) -> (N, C, H, W), (C, O, kh, kw), (O,)
        gbias = g.sum((0, 2, 3))
        gbar = np.zeros_like(ybar)
        gbar[frame] = g
        gweight = np.zeros_like(weight)
        gx = np.zeros_like(x)
        for i, j, tap in taps(kh, kw, H, W, sh, sw, dh, dw):
            gweight[:, :, i, j] = np.einsum("nchw,nohw->co", x, gbar[tap])
            gx += np.einsum("nohw,co->nchw", gbar[tap], weight[:, :, i, j])
        return gx, gweight, gbias

    return y, backward


def taps(kh, kw, rows, columns, sh, sw, dh, dw):
    """Yield (i, j, tap) for each tap (i, j): the slice [..., su + di, sv + dj] over u < rows, v < columns."""
    for i in range(kh):
        for j in range(kw):
            top, left = dh * i, dw * j
            yield i, j, (..., slice(top, top + sh * rows, sh), slice(left, left + sw * columns, sw))


def pair(value):
    return (value, value) if np.isscalar(value) else value


def _match_channels(name, x, weight, channels):
    if x.shape[1] != channels:
        raise ValueError(
            f"{name}: x has {x.shape[1]} channels but weight {weight.shape} takes {channels}; x is {x.shape}"
        )


def refuse_empty(name, OH, OW, cure):
    if OH < 1 or OW < 1:
        raise ValueError(f"{name}: the output would be {(OH, OW)}; {cure}")
