import numpy as np


def log_likelihood(X, pi, mu, sigma):
    """The log-likelihood of a mixture of round Gaussians: X (n, d), pi (k,), mu (k, d), sigma (k,)."""
    n, d = X.shape
    dist = ((X[:, None, :] - mu[None]) ** 2).sum(axis=2)
    dens = np.exp(-0.5 * dist / sigma**2) / (2 * np.pi * sigma**2) ** (d / 2)
    return np.sum(np.log(dens @ pi))


def log_likelihood_grad(X, pi, mu, sigma):
    n, d = X.shape
    diff = X[:, None, :] - mu[None]
    dist = (diff**2).sum(axis=2)
    dens = np.exp(-0.5 * dist / sigma**2) / (2 * np.pi * sigma**2) ** (d / 2)
    total = dens @ pi
    gamma = dens * pi / total[:, None]
    d_pi = (dens / total[:, None]).sum(axis=0)
    d_mu = (gamma[:, :, None] * diff).sum(axis=0) / sigma[:, None] ** 2
    d_sigma = (gamma * (dist / sigma**3 - d / sigma)).sum(axis=0)
    return d_pi, d_mu, d_sigma
