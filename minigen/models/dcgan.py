"""Convolutional GANs: transposed convolutions in the generator, strided ones in the discriminator.

    G:  z - dense - norm0 - relu - conv1T - norm1 - relu - conv2T - tanh
        Z          (C, H/4, W/4)         (B, H/2, W/2)           (1, H, W)
    D:  x - conv1 - leaky - conv2 - norm2 - leaky - dense
        (1, H, W)  (E, H/2, W/2)   (F, H/4, W/4)         a logit

Radford, Metz and Chintala (2016): no pooling, batch norm except at G's output and D's input, ReLU in G, leaky
ReLU in D, images scaled to [-1, 1], weights from N(0, 0.02^2). Their kernel of 5 with stride 2 writes to some
pixels 9 times and to others 4 times, which gives checkerboard artefacts (Odena et al. 2016). A kernel of 4
writes to all equally often. A convolution before a batch norm has no bias, because the norm subtracts it.

To train them: GAN(DCGANGenerator(...), DCGANDiscriminator(...)), see gan.py.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from minigen.engine.conv import Pair
from minigen.engine.ops import leaky_relu, relu, tanh
from minigen.engine.tape import Tensor, Value
from minigen.nn import BatchNorm, Conv2d, ConvTranspose2d, Dense, Flatten, Module, Reshape
from minigen.nn.init import Initialiser

HALVE = DOUBLE = {"kernel_size": 4, "stride": 2, "padding": 1}


class DCGANGenerator(Module):
    """Noise (N, latent) to images (N, 1, H, W) in [-1, 1].

    `channels` are C and B; `size` is (H, W), or one number for both, multiples of 4.
    """

    def __init__(
        self,
        latent: int,
        channels: tuple[int, int],
        size: Pair = 8,
        *,
        init: str | Initialiser = "normal",
        rng: np.random.Generator,
        dtype: DTypeLike = "float32",
    ) -> None:
        height, width = _quarter("DCGANGenerator", size)
        (first, second), how = channels, {"init": init, "rng": rng, "dtype": dtype}
        self.dense = Dense(latent, first * height * width, **how)
        self.picture = Reshape(first, height, width)
        self.norm0 = BatchNorm(first, dtype=dtype)
        self.conv1 = ConvTranspose2d(first, second, **DOUBLE, bias=False, **how)
        self.norm1 = BatchNorm(second, dtype=dtype)
        self.conv2 = ConvTranspose2d(second, 1, **DOUBLE, **how)

    def forward(self, z: Value) -> Tensor:
        h = relu(self.norm0(self.picture(self.dense(z))))  # (N, Z) -> (N, C, H/4, W/4)
        h = relu(self.norm1(self.conv1(h)))  # -> (N, B, H/2, W/2)
        return tanh(self.conv2(h))  # -> (N, 1, H, W)


class DCGANDiscriminator(Module):
    """Images (N, 1, H, W) to logits (N, 1); `channels` are E and F, `size` as in DCGANGenerator."""

    def __init__(
        self,
        channels: tuple[int, int],
        size: Pair = 8,
        *,
        init: str | Initialiser = "normal",
        rng: np.random.Generator,
        dtype: DTypeLike = "float32",
    ) -> None:
        height, width = _quarter("DCGANDiscriminator", size)
        (first, second), how = channels, {"init": init, "rng": rng, "dtype": dtype}
        self.conv1 = Conv2d(1, first, **HALVE, **how)
        self.conv2 = Conv2d(first, second, **HALVE, bias=False, **how)
        self.norm2 = BatchNorm(second, dtype=dtype)
        self.flatten = Flatten()
        self.dense = Dense(second * height * width, 1, **how)

    def forward(self, x: Value) -> Tensor:
        h = leaky_relu(self.conv1(x), 0.2)  # (N, 1, H, W) -> (N, E, H/2, W/2)
        h = leaky_relu(self.norm2(self.conv2(h)), 0.2)  # -> (N, F, H/4, W/4)
        return self.dense(self.flatten(h))  # -> (N, 1)


def _quarter(caller, size):
    """Height and width after halving twice."""
    height, width = (size, size) if isinstance(size, int) else size
    if height < 4 or width < 4 or height % 4 or width % 4:
        raise ValueError(
            f"{caller}: pictures are halved twice, so both sides must be multiples of 4: "
            f"pad these, of {height} by {width} pixels"
        )
    return height // 4, width // 4
