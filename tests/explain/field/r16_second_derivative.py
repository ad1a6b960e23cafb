"""grad2 is the derivative of grad, not of fn. Due: ok."""
import numpy as np


class Tanh:
    def __call__(self, z):
        return self.fn(z)

    def fn(self, z):
        return np.tanh(z)

    def grad(self, z):
        return 1 - np.tanh(z) ** 2

    def grad2(self, z):
        t = np.tanh(z)
        return -2 * t * (1 - t**2)
