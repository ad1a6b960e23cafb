"""loss and dloss, with the model as an argument of the loss only. Due: found; dsquare is wrong for y of shape (n,), else ok."""
import numpy as np


def cross_entropy(model, y_pred, y_train, lam=1e-3):
    m = len(y_pred)
    e = np.exp(y_pred - y_pred.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    return -np.log(p[range(m), y_train]).sum() / m + sum(lam / 2 * (model[k] ** 2).sum() for k in model if k[0] == "W")


def dcross_entropy(y_pred, y_train):
    m = len(y_pred)
    e = np.exp(y_pred - y_pred.max(axis=1, keepdims=True))
    grad_y = e / e.sum(axis=1, keepdims=True)
    grad_y[range(m), y_train] -= 1.0
    return grad_y / m
