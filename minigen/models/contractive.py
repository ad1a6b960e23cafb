"""Contractive autoencoders: a penalty on the slopes of the encoder, so that the code changes little with x.

    loss = (1/N) sum_n 1/2 ||r_n - x_n||^2 + lam (1/N) sum_n ||dh_n/dx_n||^2

The penalty is the squared Frobenius norm of the Jacobian of the encoder. For sigmoid units dh_nj/dx_ni = s_nj
W_ij with s = h (1 - h), so that no second pass is needed: ||dh_n/dx_n||^2 = sum_j s_nj^2 sum_i W_ij^2. Its
gradient reaches W along two paths, directly and through the slope s, and both are on the tape. Rifai et al.
2011, equations 6 and 7.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from minigen.engine import ops
from minigen.engine.tape import Tensor, Value
from minigen.models.autoencoder import Autoencoder


class ContractiveAutoencoder(Autoencoder):
    """Sigmoid units, untied weights, squared error and `lam` times the mean squared size of dh/dx."""

    def __init__(
        self, features: int, code_size: int, *, rng: np.random.Generator, dtype: DTypeLike = "float32"
    ) -> None:
        super().__init__(features, code_size, activation="sigmoid", rng=rng, dtype=dtype)

    def contraction(self, h: Value) -> Tensor:
        """(1/N) sum_n sum_j (h_nj (1 - h_nj))^2 c_j with c_j = sum_i W_ij^2, from the codes h (N, H)."""
        slope = h * (1 - h)  # (N, H)
        c = ops.sum(self.encoder.weight * self.encoder.weight, axis=0)  # (D, H) -> (H,)
        return ops.sum(slope * slope * c) * (1 / h.shape[0])

    def loss(self, x: Value, *, lam: float) -> Tensor:
        h = self.encode(x)
        return self.compare(self.decode(h), x) + lam * self.contraction(h)
