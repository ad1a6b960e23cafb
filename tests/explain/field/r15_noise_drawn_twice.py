"""The noise that is kept is not the noise that was used. Due: wrong, line 17 (randomness): the backward uses another draw."""
import numpy as np


class Vae:
    def __init__(self, n_in, n_z):
        self.Wm = np.random.randn(n_in, n_z)
        self.Wv = np.random.randn(n_in, n_z)
        self.Wd = np.random.randn(n_z, n_in)
        self.grads = {}

    def forward(self, x):
        self.x = x
        self.mu = x @ self.Wm
        self.logvar = x @ self.Wv
        self.eps = np.random.standard_normal(self.mu.shape)
        z = self.mu + np.exp(0.5 * self.logvar) * np.random.standard_normal(self.mu.shape)
        self.z = z
        self.out = z @ self.Wd
        kl = -0.5 * np.sum(1 + self.logvar - self.mu**2 - np.exp(self.logvar))
        return 0.5 * np.sum((self.out - x) ** 2) + kl

    def backward(self):
        g = self.out - self.x
        self.grads["Wd"] = self.z.T @ g
        gz = g @ self.Wd.T
        self.grads["Wm"] = self.x.T @ (gz + self.mu)
        glogvar = gz * self.eps * 0.5 * np.exp(0.5 * self.logvar) + 0.5 * (np.exp(self.logvar) - 1)
        self.grads["Wv"] = self.x.T @ glogvar
