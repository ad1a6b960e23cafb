"""SELU made of an ELU object; its alpha is a constant that grad knows too. Due: ok; attributes of a part are not to be varied alone."""
import numpy as np


class Elu:
    def __init__(self, alpha=1.0):
        self.alpha = alpha

    def fn(self, z):
        return np.where(z > 0, z, self.alpha * (np.exp(z) - 1))


class Selu:
    def __init__(self):
        self.alpha = 1.6732632423543772
        self.scale = 1.0507009873554805
        self.elu = Elu(alpha=self.alpha)

    def fn(self, z):
        return self.scale * self.elu.fn(z)

    def grad(self, x):
        return np.where(x >= 0, self.scale, np.exp(x) * self.alpha * self.scale)
