import numpy as np


class Affine:
    def __init__(self, w, b):
        self.w, self.b = w, b

    def forward(self, a):
        self.a = a
        return a @ self.w + self.b

    def backward(self, delta):
        self.grad_w = self.a.T @ delta
        self.grad_b = delta.sum(axis=0)
        return delta @ self.w.T


class Relu:
    def forward(self, a):
        self.mask = a > 0
        return a * self.mask

    def backward(self, delta):
        return delta * self.mask


def forward(layers, x):
    for layer in layers:
        x = layer.forward(x)
    return x


def backward(layers, delta):
    for layer in reversed(layers):
        delta = layer.backward(delta)
    return delta


def inputs(rng):
    sizes = rng.permutation(np.arange(5, 12))[: rng.integers(3, 5)]
    layers = []
    for a, b in zip(sizes[:-1], sizes[1:]):
        layers += [Affine(rng.normal(size=(a, b)), rng.normal(size=b)), Relu()]
    return dict(layers=layers[:-1], x=rng.normal(size=(4, sizes[0])))
