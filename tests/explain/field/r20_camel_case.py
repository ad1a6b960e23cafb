"""convolution and convolutionBackward. Due: found, ok."""
import numpy as np


def convolution(image, filt, bias, s=1):
    f, n = filt.shape[2], image.shape[1]
    m = (n - f) // s + 1
    out = np.zeros((len(filt), m, m))
    for k in range(len(filt)):
        for i in range(m):
            for j in range(m):
                out[k, i, j] = (filt[k] * image[:, i * s : i * s + f, j * s : j * s + f]).sum() + bias[k]
    return out


def convolutionBackward(dout, image, filt, s):
    f, m = filt.shape[2], dout.shape[1]
    dimage, dfilt = np.zeros(image.shape), np.zeros(filt.shape)
    for k in range(len(filt)):
        for i in range(m):
            for j in range(m):
                dfilt[k] += dout[k, i, j] * image[:, i * s : i * s + f, j * s : j * s + f]
                dimage[:, i * s : i * s + f, j * s : j * s + f] += dout[k, i, j] * filt[k]
    return dimage, dfilt, dout.sum(axis=(1, 2))
