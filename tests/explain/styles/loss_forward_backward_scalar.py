import numpy as np


def forward(x, W1, W2):
    h = np.maximum(x @ W1, 0)
    r = h @ W2 - x
    return np.sum(r * r) / len(x)


def backward(x, W1, W2):
    h = np.maximum(x @ W1, 0)
    r = h @ W2 - x
    dr = 2 * r / len(x)
    dW2 = h.T @ dr
    dh = dr @ W2.T
    dh[h <= 0] = 0
    dx = dh @ W1.T - dr
    return {"x": dx, "W1": x.T @ dh, "W2": dW2}
