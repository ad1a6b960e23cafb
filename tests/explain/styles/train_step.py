import numpy as np


class Autoencoder:
    def __init__(self, n_visible, n_hidden, learning_rate=0.05):
        self.W = np.random.randn(n_visible, n_hidden) * 0.3
        self.bh = np.zeros(n_hidden)
        self.bv = np.zeros(n_visible)
        self.learning_rate = learning_rate

    def train_step(self, x):
        """One step with tied weights; returns the loss before it."""
        h = 1 / (1 + np.exp(-(x @ self.W + self.bh)))
        r = h @ self.W.T + self.bv
        e = (r - x) / len(x)
        loss = 0.5 * np.sum((r - x) ** 2) / len(x)
        dh = (e @ self.W) * h * (1 - h)
        self.W -= self.learning_rate * (x.T @ dh + e.T @ h)
        self.bh -= self.learning_rate * dh.sum(axis=0)
        self.bv -= self.learning_rate * e.sum(axis=0)
        return loss
