"""Networks for points of the plane: plain ones of any width, and the pair of the PacGAN paper.

The networks that papers use on toys differ in widths and activations, and results depend on both. So the
widths are arguments here. The published pair is written down layer by layer.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import DTypeLike

from minigen.engine import ops
from minigen.engine.tape import Tensor, Value
from minigen.nn import BatchNorm, Dense, LeakyReLU, Module, ReLU, Sequential, normal


def mlp(
    sizes: Sequence[int],
    activation: Module | None = None,
    *,
    rng: np.random.Generator,
    dtype: DTypeLike = "float32",
) -> Sequential:
    """Dense layers of these sizes, (N, sizes[0]) -> (N, sizes[-1]), with the activation between them.

    mlp((2, 64, 64, 1), rng=rng) has two hidden layers. `activation` is a module, by default LeakyReLU(0.2).
    Hidden layers have He initialisation. The last layer has no activation and Xavier initialisation.
    """
    if len(sizes) < 2:
        raise ValueError(f"mlp: sizes holds at least what goes in and what comes out, got {tuple(sizes)}")
    activation = activation or LeakyReLU(0.2)
    *hidden, last = list(zip(sizes, sizes[1:], strict=False))
    layers = [part for size in hidden for part in (Dense(*size, init="he", rng=rng, dtype=dtype), activation)]
    return Sequential(*layers, Dense(*last, init="xavier", rng=rng, dtype=dtype))


class Maxout(Module):
    """max_p (x @ weight_p + bias_p): (N, in) -> (N, out), the largest of `pieces` affine maps for each unit.

    The activation is learned, and convex (Goodfellow et al. 2013). Weights from N(0, 0.02^2).
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        pieces: int,
        *,
        rng: np.random.Generator,
        dtype: DTypeLike = "float32",
    ) -> None:
        self.planes = Dense(in_features, out_features * pieces, init="normal", rng=rng, dtype=dtype)
        self.pieces = pieces

    def forward(self, x: Value) -> Tensor:
        heights = self.planes(x)  # (N, in) -> (N, out P)
        return ops.max(heights.reshape(x.shape[0], -1, self.pieces), axis=2)  # -> (N, out, P) -> (N, out)

    def extra(self) -> str:
        return f"{self.pieces} pieces"


def pacgan_networks(
    pack: int = 1, *, rng: np.random.Generator, dtype: DTypeLike = "float32"
) -> tuple[Sequential, Sequential]:
    """(generator, discriminator) of PacGAN on ring and grid (Lin et al. 2018, their code).

    G: noise (N, 2) -> 4 x (400, no bias, batch norm, ReLU) -> points (N, 2)
    D: packs (N, 2 pack) -> 3 x maxout (200 units of 5 pieces) -> logits (N, 1)
    """
    how = {"rng": rng, "dtype": dtype}
    blocks = []
    for width in (2, 400, 400, 400):
        dense = Dense(width, 400, bias=False, init=normal(0.02), **how)
        blocks += [dense, BatchNorm(400, dtype=dtype), ReLU()]
    generator = Sequential(*blocks, Dense(400, 2, init=normal(0.02), **how))
    hidden = [Maxout(width, 200, 5, **how) for width in (2 * pack, 200, 200)]
    return generator, Sequential(*hidden, Dense(200, 1, init=normal(0.02), **how))
