"""The derivative is chosen by a name and kept on self; tanh_d is wrong (line 19: it is tanh itself). Due: line 19, not line 36."""
import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def sigmoid_d(x):
    return sigmoid(x) * (1 - sigmoid(x))


def tanh(x):
    return np.tanh(x)


def tanh_d(x):
    e = np.exp(2 * x)
    return (e - 1) / (e + 1)


class Activation:
    def __init__(self, kind):
        if kind == "sigmoid":
            self.f, self.f_d = sigmoid, sigmoid_d
        elif kind == "tanh":
            self.f, self.f_d = tanh, tanh_d
        else:
            raise ValueError("no such activation")

    def fprop(self, x):
        self.x = x
        return self.f(x)

    def bprop(self, g):
        return g * self.f_d(self.x)
