import numpy as np


class Sigmoid:
    @staticmethod
    def forward(x):
        return 1 / (1 + np.exp(-x))

    @staticmethod
    def backward(g, x):
        s = Sigmoid.forward(x)
        return g * s * (1 - s)


class Hinge:
    @staticmethod
    def loss(scores, labels):
        return np.mean(np.maximum(0, 1 - labels * scores))

    @staticmethod
    def loss_grad(scores, labels):
        return np.where(labels * scores < 1, -labels, 0) / scores.size


class Mlp:
    @staticmethod
    def forward(x, W, V):
        h = np.tanh(x @ W)
        return h @ V, (x, W, V, h)

    @classmethod
    def backward(cls, dy, cache):
        x, W, V, h = cache
        da = dy @ V.T * (1 - h * h)
        return da @ W.T, x.T @ da, h.T @ dy
