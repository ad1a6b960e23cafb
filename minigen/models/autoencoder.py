"""Autoencoders: map the input to a code, and learn to reconstruct the input from the code.

    h = phi(x W + b)           the code,            (N, D) -> (N, H)
    r = h V + c                the reconstruction,  (N, H) -> (N, D)

The loss compares r with x: squared error when r is the image itself, binary cross-entropy when r holds the
logits of pixels between 0 and 1. With fewer units than pixels (H < D) the network cannot copy its input. With
more, a penalty or noise must keep it from copying. Rumelhart, Hinton and Williams 1986; Bourlard and Kamp
1988. Each other autoencoder file changes one line of this one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from minigen import losses
from minigen.engine.ops import dense, sigmoid, tanh
from minigen.engine.tape import Tensor, Value
from minigen.nn import Dense, Module
from minigen.nn.init import initial_bias

ACTIVATIONS = {"tanh": tanh, "sigmoid": sigmoid, "linear": lambda a: a}
LOSSES = {"squared_error": losses.squared_error, "bce": losses.bce_with_logits}


class Autoencoder(Module):
    """One hidden layer: h = phi(x W + b), r = h V + c, loss (1/N) sum_n distance(r_n, x_n).

    `activation` phi is "tanh", "sigmoid" or "linear"; a linear one can do no better than the first H
    principal components (Baldi and Hornik 1989). `loss` is "squared_error", 1/2 ||r - x||^2, or "bce": then x
    lies in [0, 1] and r holds logits. Raises ValueError for other names.
    """

    def __init__(
        self,
        features: int,
        code_size: int,
        loss: str = "squared_error",
        activation: str = "tanh",
        *,
        rng: np.random.Generator,
        dtype: DTypeLike = "float32",
    ) -> None:
        self.activation = choose("Autoencoder", "activation", activation, ACTIVATIONS)
        self.compare = choose("Autoencoder", "loss", loss, LOSSES)
        self.encoder = Dense(features, code_size, init="xavier", rng=rng, dtype=dtype)
        self.decoder = Dense(code_size, features, init="xavier", rng=rng, dtype=dtype)

    def encode(self, x: Value) -> Tensor:
        """The code, (N, D) -> (N, H)."""
        return self.activation(self.encoder(x))

    def decode(self, h: Value) -> Tensor:
        """The reconstruction, an image or its logits, (N, H) -> (N, D)."""
        return self.decoder(h)

    def forward(self, x: Value) -> Tensor:
        return self.decode(self.encode(x))

    def loss(self, x: Value) -> Tensor:
        """(1/N) sum_n of the distance between x_n and its reconstruction."""
        return self.compare(self(x), x)


class TiedAutoencoder(Module):
    """Tied weights: h = tanh(x W + b), r = h W^T + c, loss (1/N) sum_n 1/2 ||r_n - x_n||^2.

    The gradient of W (D, H) is the sum of two contributions, from encoder and decoder. Vincent et al. 2010,
    section 2.1.
    """

    def __init__(
        self, features: int, code_size: int, *, rng: np.random.Generator, dtype: DTypeLike = "float32"
    ) -> None:
        self.encoder = Dense(features, code_size, init="xavier", rng=rng, dtype=dtype)
        self.decoder_bias = initial_bias(features, dtype)

    def encode(self, x: Value) -> Tensor:
        return tanh(self.encoder(x))

    def decode(self, h: Value) -> Tensor:
        return dense(h, self.encoder.weight.T, self.decoder_bias)

    def forward(self, x: Value) -> Tensor:
        return self.decode(self.encode(x))

    def loss(self, x: Value) -> Tensor:
        """(1/N) sum_n 1/2 ||x_n - r_n||^2"""
        return losses.squared_error(self(x), x)


class OvercompleteAutoencoder(Autoencoder):
    """More units than pixels, H > D: weight decay keeps the network from copying its input.

    loss = (1/N) sum_n distance(r_n, x_n) + lam/2 (||W||^2 + ||V||^2); no 1/N on the penalty, none on the
    biases. In a linear autoencoder this makes the decoder directions the principal axes (Kunin et al. 2019).
    """

    def loss(self, x: Value, *, lam: float) -> Tensor:
        return super().loss(x) + lam * losses.l2([self.encoder.weight, self.decoder.weight])


def choose(caller, what, name, table):
    """table[name]; ValueError lists the names."""
    if name not in table:
        raise ValueError(f"{caller}: {what} must be one of {', '.join(map(repr, table))}, got {name!r}")
    return table[name]
