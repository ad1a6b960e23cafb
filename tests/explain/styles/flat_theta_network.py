import numpy as np


def objective(theta, x, n_hidden):
    """Autoencoder with weights in one vector: (loss, gradient)."""
    d = x.shape[1]
    k = d * n_hidden
    W, V = theta[:k].reshape(d, n_hidden), theta[k:].reshape(n_hidden, d)
    h = np.tanh(x @ W)
    e = h @ V - x
    grad = np.zeros(theta.size)
    grad[k:] = (h.T @ e).ravel() / len(x)
    grad[:k] = (x.T @ ((e @ V.T) * (1 - h * h))).ravel() / len(x)
    return 0.5 * np.sum(e * e) / len(x), grad


def inputs(rng):
    n, d, h = rng.integers(3, 6), rng.integers(6, 9), rng.integers(9, 12)
    return dict(theta=rng.normal(size=2 * d * h) / 3, x=rng.normal(size=(n, d)), n_hidden=int(h))
