import numpy as np


class AutoEncoder:
    """Gradients under names of one's own."""

    def __init__(self, visible, hidden, rng):
        self.encW = rng.normal(size=(visible, hidden)) * 0.3
        self.encB = np.zeros(hidden)
        self.decW = rng.normal(size=(hidden, visible)) * 0.3
        self.decB = np.zeros(visible)

    def forward(self, data):
        self.data = data
        self.code = np.tanh(data @ self.encW + self.encB)
        self.recon = self.code @ self.decW + self.decB
        return 0.5 * np.mean(np.sum((self.recon - data) ** 2, axis=1))

    def backward(self):
        err = (self.recon - self.data) / len(self.data)
        self.decWGrad = self.code.T @ err
        self.decBGrad = err.sum(axis=0)
        back = (err @ self.decW.T) * (1 - self.code**2)
        self.encWGrad = self.data.T @ back
        self.encBGrad = back.sum(axis=0)
