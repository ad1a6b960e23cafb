import numpy as np


class Network:
    def __init__(self, n_in, n_hid, n_out, lr=0.2):
        self.w1 = np.random.randn(n_in, n_hid)
        self.w2 = np.random.randn(n_hid, n_out)
        self.lr = lr

    def feedforward(self, X):
        self.h = np.tanh(X @ self.w1)
        self.out = self.h @ self.w2
        return self.out

    def loss(self, X, y):
        return 0.5 * np.sum((self.feedforward(X) - y) ** 2)

    def backprop(self, X, y):
        delta = self.out - y
        back = delta @ self.w2.T * (1 - self.h**2)
        self.w2 -= self.lr * self.h.T @ delta
        self.w1 -= self.lr * X.T @ back
