"""Dropout: in training, a random share of the units is 0, so that no unit depends on particular others."""

from __future__ import annotations

import numpy as np

from minigen.engine import backend
from minigen.engine.tape import Value, _data, takes
from minigen.nn.module import Module


@takes("x", "mask", selects=("mask",))
def dropout(x: Value, mask: Value, keep: float) -> Value:
    """x * mask / keep: the mask holds ones with probability `keep`, and zeros, so that the mean stays x.

    The mask is an argument, of the shape of x, drawn by the caller: `random.bernoulli(keep, *x.shape)`.
    Srivastava et al. 2014, section 10 ("inverted" dropout: the division by `keep` is done in training, so
    evaluation changes nothing).
    """
    mask = _data(mask)
    if not 0 < keep <= 1:
        raise ValueError(f"dropout: keep is the share of units that stay, in (0, 1], got {keep}")
    if mask.shape != x.shape:
        raise ValueError(f"dropout: the mask must have the shape of x, {x.shape}, got {mask.shape}")
    return x * (mask.astype(x.dtype) * (1 / keep))


class Dropout(Module):
    """`dropout` with a fresh mask at every call in training, drawn by its own `rng`; nothing in evaluation.

    `keep` is the share that stays (PyTorch names the share that goes). A loss with a fresh mask at every call
    cannot be checked by differences: call `dropout` with a fixed mask there.
    """

    def __init__(self, keep: float, *, rng: np.random.Generator | None = None) -> None:
        if not 0 < keep <= 1:
            raise ValueError(f"Dropout: keep is the share of units that stay, in (0, 1], got {keep}")
        if not isinstance(rng, np.random.Generator):
            raise TypeError(
                "Dropout: rng must be a NumPy generator, numpy.random.default_rng(0), "
                f"got {type(rng).__name__}"
            )
        self.keep, self.rng = keep, rng

    def forward(self, x: Value) -> Value:
        if not self.training:
            return x
        return dropout(x, self._mask(x.shape, x.dtype, backend.device_of(_data(x))), self.keep)

    @backend.whole
    def _mask(self, shape, dtype, device):
        return backend.to((self.rng.random(shape) < self.keep).astype(dtype), device)

    def extra(self) -> str:
        return f"keep={self.keep}"
