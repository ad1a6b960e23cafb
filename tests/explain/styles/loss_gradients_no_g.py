import numpy as np


def kl_loss(mu, logvar):
    return -0.5 * np.mean(np.sum(1 + logvar - mu**2 - np.exp(logvar), axis=1))


def kl_loss_gradients(mu, logvar):
    n = len(mu)
    return mu / n, (np.exp(logvar) - 1) / (2 * n)


def bce_with_logits(logits, target):
    return np.mean(np.maximum(logits, 0) - logits * target + np.log1p(np.exp(-np.abs(logits))))


def bce_with_logits_grad(logits, target):
    return (1 / (1 + np.exp(-logits)) - target) / logits.size


def cross_entropy(probs, target):
    return -np.sum(target * np.log(probs)) / len(probs)


def d_cross_entropy(probs, target):
    return -target / probs / len(probs)
