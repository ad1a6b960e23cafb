import numpy as np

np.random.seed(1)
n_in, n_hidden, n_out = 6, 9, 4
W1 = np.random.randn(n_in, n_hidden) * 0.5
b1 = np.zeros(n_hidden)
W2 = np.random.randn(n_hidden, n_out) * 0.5
b2 = np.zeros(n_out)


def forward(X):
    h = np.tanh(X @ W1 + b1)
    return h, h @ W2 + b2


def loss(X, Y):
    return 0.5 * np.sum((forward(X)[1] - Y) ** 2) / len(X)


def backward(X, Y):
    h, out = forward(X)
    d = (out - Y) / len(X)
    dW2, db2 = h.T @ d, d.sum(axis=0)
    dh = d @ W2.T * (1 - h**2)
    dW1, db1 = X.T @ dh, dh.sum(axis=0)
    return dW1, db1, dW2, db2
