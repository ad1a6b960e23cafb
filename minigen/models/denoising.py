"""Denoising autoencoders: the input is corrupted, the target is the clean input.

    h = phi(xtilde W + b),   r = h V + c,   loss = (1/N) sum_n distance(r_n, x_n)        the clean x

Copying the input does not reach the target, so even a wide code must represent the structure of the data.
The corruption is an argument, drawn by the caller. Where it is Gaussian with a small variance sigma^2,
the best r(x) - x is sigma^2 times the gradient of the log-density of the data. Vincent et al. 2008;
Alain and Bengio 2014.
"""

from __future__ import annotations

from minigen.engine.tape import Tensor, Value, Values, _data
from minigen.models.autoencoder import Autoencoder


class DenoisingAutoencoder(Autoencoder):
    """An Autoencoder that sees `noisy` and is compared with the clean x: both (N, D), with any corruption.

    `add_noise` and `mask_out` make the usual two.
    """

    def loss(self, x: Value, noisy: Value) -> Tensor:
        return self.compare(self(noisy), x)


def add_noise(x: Values, noise: Value, sigma: float) -> Values:
    """x + sigma noise; the noise has the shape of x and is drawn from N(0, 1). Refuses a negative sigma."""
    if not sigma >= 0:
        raise ValueError(f"add_noise: sigma is a standard deviation and cannot be negative, got {sigma}")
    _check_shape("add_noise", "noise", noise, x)
    return x + sigma * noise


def mask_out(x: Values, mask: Value) -> Values:
    """x where the mask is 1, and 0 where it is 0: masked pixels. The mask has the shape of x."""
    _check_shape("mask_out", "the mask", mask, x)
    return x * _data(mask).astype(x.dtype)


def _check_shape(caller, name, array, x):
    if array.shape != x.shape:
        raise ValueError(f"{caller}: {name} must have the shape of x, {x.shape}, got {array.shape}")
