"""Losses of a small GAN, each with its gradient."""
import numpy as np


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def generator(params, z):
    h = np.tanh(z @ params["G1"])
    return h @ params["G2"], h


def discriminator(params, x):
    a = x @ params["D1"] + params["c1"]
    h = np.where(a > 0, a, 0.2 * a)
    return h @ params["D2"], a, h


def d_loss(params, x, z):
    fake, _ = generator(params, z)
    s_real = discriminator(params, x)[0]
    s_fake = discriminator(params, fake)[0]
    return -np.mean(np.log(sigmoid(s_real))) - np.mean(np.log(1 - sigmoid(s_fake)))


def backward_discriminator(params, x, a, h, ds):
    """gradients of D's weights and of its input"""
    gD2 = h.T @ ds
    dh = ds @ params["D2"].T
    da = dh * np.where(a > 0, 1.0, 0.2)
    return {"D1": x.T @ da, "c1": da.sum(axis=0), "D2": gD2}, da @ params["D1"].T


def grad_d_loss(params, x, z):
    fake, _ = generator(params, z)
    s_real, a_real, h_real = discriminator(params, x)
    s_fake, a_fake, h_fake = discriminator(params, fake)
    g_real, _ = backward_discriminator(params, x, a_real, h_real, (sigmoid(s_real) - 1) / len(x))
    g_fake, _ = backward_discriminator(params, fake, a_fake, h_fake, sigmoid(s_fake) / len(z))
    return {k: g_real[k] + g_fake[k] for k in g_real}


def g_loss(params, z):
    fake, _ = generator(params, z)
    s, _, _ = discriminator(params, fake)
    return -np.mean(np.log(sigmoid(s)))


def grad_g_loss(params, z):
    fake, h = generator(params, z)
    s, a, hd = discriminator(params, fake)
    ds = -(1 - sigmoid(s)) / len(z)
    _, dfake = backward_discriminator(params, fake, a, hd, ds)
    dG2 = h.T @ dfake
    dh = dfake @ params["G2"].T
    dG1 = z.T @ (dh * (1 - h ** 2))
    return {"G1": dG1, "G2": dG2}


def inputs(rng):
    n, m, d, k, h, e = (int(s) for s in rng.choice(np.arange(3, 10), 6, replace=False))
    shapes = {"G1": (k, h), "G2": (h, d), "D1": (d, e), "c1": (e,), "D2": (e, 1)}
    return {"params": {name: 0.5 * rng.normal(size=s) for name, s in shapes.items()},
            "x": rng.normal(size=(n, d)), "z": rng.normal(size=(m, k))}
