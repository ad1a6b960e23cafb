import numpy as np


def forward(mu, logvar, eps):
    """Reparameterisation."""
    return mu + np.exp(logvar / 2) * eps


def backward(g, mu, logvar, eps):
    return {"mu": g, "logvar": g * eps * np.exp(logvar / 2) / 2}
