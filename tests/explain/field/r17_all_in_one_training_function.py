"""Forward, backward and update in one loop, the loss in another function. Due: judged (they agree up to the factor N), or the next step named."""
import numpy as np


def total_loss(model, X, y):
    h = np.tanh(X @ model["W1"] + model["b1"])
    e = np.exp(h @ model["W2"] + model["b2"])
    p = e / e.sum(axis=1, keepdims=True)
    return -np.log(p[np.arange(len(X)), y]).sum()


def build_model(X, y, n_hidden, num_passes=20000, rate=0.01):
    np.random.seed(0)
    W1 = np.random.randn(X.shape[1], n_hidden)
    b1 = np.zeros((1, n_hidden))
    W2 = np.random.randn(n_hidden, 3)
    b2 = np.zeros((1, 3))
    model = {}
    for _ in range(num_passes):
        h = np.tanh(X @ W1 + b1)
        e = np.exp(h @ W2 + b2)
        delta3 = e / e.sum(axis=1, keepdims=True)
        delta3[np.arange(len(X)), y] -= 1
        dW2 = h.T @ delta3
        db2 = delta3.sum(axis=0, keepdims=True)
        delta2 = delta3 @ W2.T * (1 - h**2)
        dW1 = X.T @ delta2
        db1 = delta2.sum(axis=0)
        W1 += -rate * dW1
        b1 += -rate * db1
        W2 += -rate * dW2
        b2 += -rate * db2
        model = {"W1": W1, "b1": b1, "W2": W2, "b2": b2}
    return model
