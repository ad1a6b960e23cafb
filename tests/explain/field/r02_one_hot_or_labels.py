"""Targets are one-hot rows or labels, told apart by their size. Due: ok (dense targets have no meaning here)."""
import numpy as np


class SoftmaxLoss:
    def forward(self, x, t):
        if t.size == x.size:
            t = t.argmax(axis=1)
        e = np.exp(x - x.max(axis=1, keepdims=True))
        self.p = e / e.sum(axis=1, keepdims=True)
        self.t = t
        return -np.log(self.p[np.arange(len(t)), t]).mean()

    def backward(self):
        g = self.p.copy()
        g[np.arange(len(self.t)), self.t] -= 1
        return g / len(self.t)


class Net:
    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_in, n_out)
        self.last = SoftmaxLoss()

    def loss(self, x, t):
        return self.last.forward(x @ self.W, t)

    def gradient(self, x, t):
        self.loss(x, t)
        if t.size == self.last.p.size:
            g = (self.last.p - t) / len(t)
        else:
            g = self.last.backward()
        return {"W": x.T @ g}
