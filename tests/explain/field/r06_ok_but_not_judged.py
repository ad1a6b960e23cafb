"""A pair of helpers is right, the function that matters has a wrong gradient (line 22: / m is missing). Due: wrong; never a bare ok."""
import numpy as np


def logistic(x):
    return 1 / (1 + np.exp(-x))


def logistic_prime(x):
    return logistic(x) * (1 - logistic(x))


def autoencoder_cost(theta, n_visible, n_hidden, lambda_, data):
    W = theta[: n_hidden * n_visible].reshape(n_hidden, n_visible)
    b = theta[n_hidden * n_visible :]
    m = data.shape[1]
    z = W @ data + b[:, None]
    back = W.T @ logistic(z)
    cost = ((back - data) ** 2).sum() / (2 * m) + lambda_ / 2 * (W**2).sum()
    d = W @ (back - data) * logistic_prime(z)
    Wgrad = d @ data.T / m + logistic(z) @ (back - data).T / m + lambda_ * W
    bgrad = d.sum(axis=1)
    return cost, np.concatenate([Wgrad.ravel(), bgrad])
