"""The forward lacks a minus in exp; the backward is that of the usual sigmoid. Due: wrong, a sign, in line 12 (or in line 7)."""
import numpy as np


class Gate:
    def forward(self, X):
        out = 1.0 / (1.0 + np.exp(X))
        self.out = out
        return out

    def backward(self, dout):
        dX = dout * self.out * (1 - self.out)
        return dX, []
