"""Convolutional autoencoders: strided convolutions encode, transposed convolutions decode.

    h1 = tanh(conv1 x)                 (N, 1, S, S) -> (N, C, S/2, S/2)
    h2 = tanh(conv2 h1)                (N, C, S/2, S/2) -> (N, E, S/4, S/4)
    z  = dense flat(h2)                (N, E S/4 S/4) -> (N, K)
    u0 = tanh(dense z)                 (N, K) -> (N, E S/4 S/4)
    u1 = tanh(convT1 image(u0))        (N, E, S/4, S/4) -> (N, C, S/2, S/2)
    l  = convT2 u1                     (N, C, S/2, S/2) -> (N, 1, S, S), logits

Every kernel is 3 x 3 with stride 2 and padding 1: a convolution halves the side of an image, a transposed
one, with one row and column of output padding, doubles it. Masci, Meier, Ciresan and Schmidhuber 2011.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from minigen import losses
from minigen.engine.ops import sigmoid, tanh
from minigen.engine.tape import Tensor, Value
from minigen.models.vae import VAE
from minigen.nn import Conv2d, ConvTranspose2d, Dense, Flatten, Module


class ConvEncoder(Module):
    """h2 as one row an image: (N, 1, S, S) -> (N, E S/4 S/4)."""

    def __init__(self, channels: tuple[int, int], *, rng: np.random.Generator, dtype: DTypeLike) -> None:
        how = {"stride": 2, "padding": 1, "init": "xavier", "rng": rng, "dtype": dtype}
        self.conv1 = Conv2d(1, channels[0], 3, **how)
        self.conv2 = Conv2d(channels[0], channels[1], 3, **how)
        self.flat = Flatten()

    def forward(self, x: Value) -> Tensor:
        return self.flat(tanh(self.conv2(tanh(self.conv1(x)))))


class ConvDecoder(Module):
    """The logits of an image from a code: (..., K) -> (..., 1, S, S)."""

    def __init__(
        self,
        channels: tuple[int, int],
        code_size: int,
        side: int,
        *,
        rng: np.random.Generator,
        dtype: DTypeLike,
    ) -> None:
        how = {"stride": 2, "padding": 1, "output_padding": 1, "init": "xavier", "rng": rng, "dtype": dtype}
        self.smallest = (channels[1], side // 4, side // 4)
        units = channels[1] * (side // 4) ** 2
        self.dense = Dense(code_size, units, init="xavier", rng=rng, dtype=dtype)
        self.conv1 = ConvTranspose2d(channels[1], channels[0], 3, **how)
        self.conv2 = ConvTranspose2d(channels[0], 1, 3, **how)

    def forward(self, z: Value) -> Tensor:
        u = tanh(self.dense(z)).reshape(-1, *self.smallest)  # (..., K) -> (M, E, S/4, S/4)
        logits = self.conv2(tanh(self.conv1(u)))
        return logits.reshape(*z.shape[:-1], *logits.shape[1:])


class ConvAutoencoder(Module):
    """Images (N, 1, side, side) in [0, 1] and a linear code (N, K).

    loss = (1/N) sum_n sum_pixels softplus(l) - x l. `channels` are C and E. Raises ValueError for a side that
    is not a multiple of 4.
    """

    def __init__(
        self,
        code_size: int,
        channels: tuple[int, int] = (16, 32),
        side: int = 8,
        *,
        rng: np.random.Generator,
        dtype: DTypeLike = "float32",
    ) -> None:
        _check_side("ConvAutoencoder", side)
        self.encoder = ConvEncoder(channels, rng=rng, dtype=dtype)
        units = channels[1] * (side // 4) ** 2
        self.encoder.dense = Dense(units, code_size, init="xavier", rng=rng, dtype=dtype)
        self.decoder = ConvDecoder(channels, code_size, side, rng=rng, dtype=dtype)

    def encode(self, x: Value) -> Tensor:
        """The code, (N, 1, S, S) -> (N, K)."""
        return self.encoder.dense(self.encoder(x))

    def decode(self, z: Value) -> Tensor:
        """The logits of the image, (N, K) -> (N, 1, S, S)."""
        return self.decoder(z)

    def forward(self, x: Value) -> Tensor:
        return self.decode(self.encode(x))

    def reconstruct(self, x: Value) -> Tensor:
        """The reconstructed image: sigmoid of the logits."""
        return sigmoid(self(x))

    def loss(self, x: Value) -> Tensor:
        return losses.bce_with_logits(self(x), x)


class ConvVAE(VAE):
    """The same encoder and decoder as a VAE: mu = dense flat(h2), logvar = dense' flat(h2).

    Images x (N, 1, side, side) in [0, 1], eps (N, K); everything else, loss included, is as in `VAE`.
    """

    def __init__(
        self,
        latent: int,
        channels: tuple[int, int] = (16, 32),
        side: int = 8,
        *,
        rng: np.random.Generator,
        dtype: DTypeLike = "float32",
    ) -> None:
        _check_side("ConvVAE", side)
        units = channels[1] * (side // 4) ** 2
        self.encoder = ConvEncoder(channels, rng=rng, dtype=dtype)
        self.mu = Dense(units, latent, init="xavier", rng=rng, dtype=dtype)
        self.logvar = Dense(units, latent, init="xavier", rng=rng, dtype=dtype)
        self.decoder = ConvDecoder(channels, latent, side, rng=rng, dtype=dtype)

    def encode(self, x: Value) -> tuple[Tensor, Tensor]:
        """(mu, logvar) of q(z|x), each (N, K)."""
        h = self.encoder(x)
        return self.mu(h), self.logvar(h)

    def decode(self, z: Value) -> Tensor:
        """The logits of the pixels, (..., K) -> (..., 1, S, S)."""
        return self.decoder(z)


def _check_side(caller, side):
    if side < 4 or side % 4:
        raise ValueError(f"{caller}: the side is halved twice, so it must be a multiple of 4, got {side}")
