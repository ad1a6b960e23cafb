"""Closures for scipy: fun and jac of a VAE-like encoder-decoder with fixed noise."""
import numpy as np


def shapes(d, h, k):
    return [("We", (d, h)), ("be", (h,)), ("Wm", (h, k)), ("Ws", (h, k)), ("Wd", (k, d)), ("bd", (d,))]


def flatten(p, spec):
    return np.concatenate([p[name].ravel() for name, _ in spec])


def unflatten(theta, spec):
    p, at = {}, 0
    for name, shape in spec:
        size = int(np.prod(shape))
        p[name] = theta[at:at + size].reshape(shape)
        at += size
    return p


def make_objective(X, eps, d, h, k):
    spec = shapes(d, h, k)
    N = X.shape[0]

    def run(theta):
        p = unflatten(theta, spec)
        H = np.maximum(X @ p["We"] + p["be"], 0)
        mu, ls = H @ p["Wm"], H @ p["Ws"]
        sd = np.exp(ls)
        z = mu + sd * eps
        xr = z @ p["Wd"] + p["bd"]
        return p, H, mu, ls, sd, z, xr

    def fun(theta):
        p, H, mu, ls, sd, z, xr = run(theta)
        rec = 0.5 * np.sum((xr - X) ** 2)
        kl = 0.5 * np.sum(mu ** 2 + sd ** 2 - 2 * ls - 1)
        return (rec + kl) / N

    def jac(theta):
        p, H, mu, ls, sd, z, xr = run(theta)
        g = {}
        dxr = (xr - X) / N
        g["Wd"] = z.T @ dxr
        g["bd"] = dxr.sum(0)
        dz = dxr @ p["Wd"].T
        dmu = dz + mu / N
        dls = dz * eps * sd + (sd ** 2 - 1) / N
        g["Wm"] = H.T @ dmu
        g["Ws"] = H.T @ dls
        dH = dmu @ p["Wm"].T + dls @ p["Ws"].T
        da = dH * (H > 0)
        g["We"] = X.T @ da
        g["be"] = da.sum(0)
        return flatten(g, spec)

    return fun, jac


def inputs(rng):
    n, d, h, k = (int(v) for v in rng.choice(np.arange(3, 9), 4, replace=False))
    size = sum(int(np.prod(s)) for _, s in shapes(d, h, k))
    return dict(theta=rng.normal(size=size) * 0.4, X=rng.normal(size=(n, d)), eps=rng.normal(size=(n, k)), d=d, h=h, k=k)
