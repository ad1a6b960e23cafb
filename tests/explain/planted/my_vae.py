"""A variational autoencoder with one hidden layer and Gaussian pixels, by hand."""
import numpy as np


def forward(x, eps, W1, b1, Wm, bm, Wv, bv, W2, b2):
    N = len(x)
    h = np.tanh(x @ W1 + b1)
    mu = h @ Wm + bm
    logvar = h @ Wv + bv
    s = np.exp(logvar / 2)
    z = mu + s * eps
    out = z @ W2 + b2
    return (0.5 * ((out - x) ** 2).sum() + 0.5 * (mu**2 + s**2 - logvar - 1).sum()) / N


def backward(x, eps, W1, b1, Wm, bm, Wv, bv, W2, b2):
    N = len(x)
    h = np.tanh(x @ W1 + b1)
    mu, logvar = h @ Wm + bm, h @ Wv + bv
    s = np.exp(logvar / 2)
    z = mu + s * eps
    gout = (z @ W2 + b2 - x) / N
    gz = gout @ W2.T
    gmu = gz + mu / N
    glogvar = gz * eps * 0.5 + 0.5 * (s**2 - 1) / N
    gh = gmu @ Wm.T + glogvar @ Wv.T
    ga = gh * (1 - h**2)
    return dict(W1=x.T @ ga, b1=ga.sum(0), Wm=h.T @ gmu, bm=gmu.sum(0), Wv=h.T @ glogvar, bv=glogvar.sum(0),
                W2=z.T @ gout, b2=gout.sum(0))


def inputs(rng):
    N, D, H, K = rng.integers(3, 6), rng.integers(5, 8), rng.integers(4, 7), rng.integers(2, 4)
    normal = lambda *shape: 0.5 * rng.standard_normal(shape)
    return dict(x=normal(N, D), eps=normal(N, K), W1=normal(D, H), b1=normal(H), Wm=normal(H, K), bm=normal(K),
                Wv=normal(H, K), bv=normal(K), W2=normal(K, D), b2=normal(D))
