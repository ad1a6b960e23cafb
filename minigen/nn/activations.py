"""Activation functions as modules, for use in a Sequential.

The operations are in ops.py.
"""

from __future__ import annotations

from minigen.engine import ops
from minigen.engine.tape import Tensor, Value
from minigen.nn.module import Module


class Tanh(Module):
    """tanh(x)."""

    def forward(self, x: Value) -> Tensor:
        return ops.tanh(x)


class Sigmoid(Module):
    """1 / (1 + exp(-x)).

    For looking at a result, or as the last layer of a generator: losses take logits.
    """

    def forward(self, x: Value) -> Tensor:
        return ops.sigmoid(x)


class ReLU(Module):
    """max(x, 0), with slope 0 at 0."""

    def forward(self, x: Value) -> Tensor:
        return ops.relu(x)


class LeakyReLU(Module):
    """x where x > 0, slope * x elsewhere; GANs use slope 0.2."""

    def __init__(self, slope: float = 0.01) -> None:
        self.slope = slope

    def forward(self, x: Value) -> Tensor:
        return ops.leaky_relu(x, slope=self.slope)

    def extra(self) -> str:
        return str(self.slope)


class ELU(Module):
    """x where x > 0, alpha * (exp(x) - 1) elsewhere."""

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = alpha

    def forward(self, x: Value) -> Tensor:
        return ops.elu(x, alpha=self.alpha)

    def extra(self) -> str:
        return str(self.alpha)


class Softplus(Module):
    """log(1 + exp(x))."""

    def forward(self, x: Value) -> Tensor:
        return ops.softplus(x)
