"""cost_derivative is the derivative of a cost that the file has not. Due: quiet about it; backprop is right."""
import numpy as np


def sig(z):
    return 1 / (1 + np.exp(-z))


def sig_prime(z):
    return sig(z) * (1 - sig(z))


class Net:
    def __init__(self, sizes):
        self.biases = [np.random.randn(n, 1) for n in sizes[1:]]
        self.weights = [np.random.randn(n, m) for m, n in zip(sizes[:-1], sizes[1:])]

    def feedforward(self, a):
        for b, w in zip(self.biases, self.weights):
            a = sig(w @ a + b)
        return a

    def backprop(self, x, y):
        acts, zs = [x], []
        for b, w in zip(self.biases, self.weights):
            zs.append(w @ acts[-1] + b)
            acts.append(sig(zs[-1]))
        delta = self.cost_derivative(acts[-1], y) * sig_prime(zs[-1])
        gb, gw = [delta], [delta @ acts[-2].T]
        for k in range(2, len(acts)):
            delta = self.weights[-k + 1].T @ delta * sig_prime(zs[-k])
            gb.insert(0, delta)
            gw.insert(0, delta @ acts[-k - 1].T)
        return gb, gw

    def cost_derivative(self, out, y):
        return out - y
