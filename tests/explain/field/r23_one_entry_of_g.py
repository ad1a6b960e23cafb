"""The layer says that one entry of its upstream gradient is not zero, and is right for such. Due: not a bare wrong: say on which g it is right."""
import numpy as np


class Softmax:
    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_in, n_out)

    def forward(self, x):
        self.x = x
        self.t = x @ self.W
        e = np.exp(self.t)
        return e / e.sum()

    def backprop(self, d_L_d_out, rate):
        # only one element of d_L_d_out is not zero
        for i, g in enumerate(d_L_d_out):
            if g == 0:
                continue
            e = np.exp(self.t)
            s = e.sum()
            d = -e[i] * e / s**2
            d[i] = e[i] * (s - e[i]) / s**2
            gt = g * d
            gx = self.W @ gt
            self.W -= rate * np.outer(self.x, gt)
            return gx
