"""forward scales tanh by alpha, backward does not; weights and gradients in dicts val and grad. Due: wrong, line 14 (alpha is missing)."""
import numpy as np


class Tanh:
    def __init__(self, alpha=1.7159):
        self.alpha = alpha

    def forward(self, X):
        self.cache = X
        return self.alpha * np.tanh(X)

    def backward(self, g):
        return g * (1 - np.tanh(self.cache) ** 2)


class Fc:
    def __init__(self, row, column):
        self.W = {"val": np.random.randn(row, column), "grad": 0}
        self.b = {"val": np.random.randn(1, row), "grad": 0}

    def forward(self, fc):
        self.cache = fc
        return fc @ self.W["val"].T + self.b["val"]

    def backward(self, g):
        self.W["grad"] = g.T @ self.cache
        self.b["grad"] = g.sum(axis=0)
        return g @ self.W["val"], self.W["grad"], self.b["grad"]
