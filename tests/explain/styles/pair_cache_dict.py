"""A dict cache and a dict of gradients."""
import numpy as np


def encoder_forward(x, params):
    h = np.tanh(x @ params["W1"] + params["b1"])
    mu = h @ params["W2"] + params["b2"]
    return mu, {"x": x, "h": h, "params": params}


def encoder_backward(dmu, cache):
    p = cache["params"]
    grads = {"dW2": cache["h"].T @ dmu, "db2": dmu.sum(0)}
    dh = dmu @ p["W2"].T
    dpre = dh * (1 - cache["h"] ** 2)
    grads["dW1"] = cache["x"].T @ dpre
    grads["db1"] = dpre.sum(0)
    return grads


def inputs(rng):
    n, d, h, k = rng.integers(3, 6), rng.integers(6, 9), rng.integers(9, 12), rng.integers(12, 15)
    p = {"W1": rng.normal(size=(d, h)) / 3, "b1": rng.normal(size=h), "W2": rng.normal(size=(h, k)), "b2": rng.normal(size=k)}
    return dict(x=rng.normal(size=(n, d)), params=p)
