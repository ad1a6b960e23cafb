import numpy as np

relu = lambda x: np.maximum(x, 0)
relu_derivative = lambda x: (x > 0) * 1.0


def leaky_relu(z, slope=0.1):
    return np.where(z > 0, z, slope * z)


def d_leaky_relu(z, slope=0.1):
    return np.where(z > 0, 1.0, slope)


def softplus(x):
    return np.log1p(np.exp(x))


def softplus_grad(x):
    return 1 / (1 + np.exp(-x))


def swish(x):
    return x / (1 + np.exp(-x))


def swish_deriv(x):
    s = 1 / (1 + np.exp(-x))
    return s + x * s * (1 - s)
