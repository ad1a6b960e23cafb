"""The slope a must stay below one: forward takes the larger of a x and x. Due: ok; a is not to be varied beyond one."""
import numpy as np


def lrelu_forward(X, a=1e-3):
    return np.maximum(a * X, X), (X, a)


def lrelu_backward(dout, cache):
    X, a = cache
    dX = dout.copy()
    dX[X < 0] *= a
    return dX
