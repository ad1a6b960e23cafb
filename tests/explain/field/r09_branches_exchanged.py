"""The two branches of where are exchanged and one constant is wrong. Due: wrong, line 10."""
import numpy as np


class Selu:
    def forward(self, x):
        return np.where(x <= 0, 1.758 * (np.exp(x) - 1), 1.0507 * x)

    def derivative(self, x):
        return np.where(x <= 0, 1.0507, 1.0507 * np.exp(x))
