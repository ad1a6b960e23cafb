"""dX of a recurrent layer lacks the path through time; U, V, W are exact. Due: wrong, line 28 (the place, not the last line)."""
import numpy as np


class Rnn:
    def __init__(self, n_in, n_h):
        self.U = np.random.randn(n_h, n_in)
        self.W = np.random.randn(n_h, n_h)
        self.V = np.random.randn(n_in, n_h)

    def forward(self, X):
        n, T, _ = X.shape
        self.X = X
        self.s = np.zeros((n, T + 1, len(self.W)))
        out = np.zeros_like(X)
        for t in range(T):
            self.s[:, t] = np.tanh(X[:, t] @ self.U.T + self.s[:, t - 1] @ self.W.T)
            out[:, t] = self.s[:, t] @ self.V.T
        return out

    def backward(self, g):
        T = g.shape[1]
        gU, gV, gW = np.zeros_like(self.U), np.zeros_like(self.V), np.zeros_like(self.W)
        gX = np.zeros_like(g)
        for t in reversed(range(T)):
            gV += g[:, t].T @ self.s[:, t]
            d = g[:, t] @ self.V * (1 - self.s[:, t] ** 2)
            gX[:, t] = d @ self.U
            for k in reversed(range(t + 1)):
                gU += d.T @ self.X[:, k]
                gW += d.T @ self.s[:, k - 1]
                d = d @ self.W * (1 - self.s[:, k - 1] ** 2)
        self.gU, self.gV, self.gW = gU, gV, gW
        return gX
