"""Sparse autoencoders: many units, of which few are active for any one example.

A penalty makes the mean activity of each unit over the batch low, or the code of each example small. In both
cases gh is the sum of two gradients, of the reconstruction and of the penalty. Ng 2011; Olshausen and Field
1996.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from minigen import losses
from minigen.engine.tape import Tensor, Value
from minigen.models.autoencoder import Autoencoder


class SparseAutoencoder(Autoencoder):
    """Sigmoid units whose mean activity over the batch is drawn towards `rho`.

    h = sigmoid(x W + b), loss = (1/N) sum_n 1/2 ||r_n - x_n||^2 + beta sum_j KL(rho || rhohat_j), rhohat_j =
    (1/N) sum_n h_nj, the mean over the batch. Ng 2011, CS294A lecture notes, section 3. Raises ValueError
    where a unit is off or on for the whole batch, so that rhohat_j is 0 or 1 and the divergence infinite.
    """

    def __init__(
        self, features: int, code_size: int, *, rng: np.random.Generator, dtype: DTypeLike = "float32"
    ) -> None:
        super().__init__(features, code_size, activation="sigmoid", rng=rng, dtype=dtype)

    def loss(self, x: Value, *, rho: float = 0.05, beta: float = 3.0) -> Tensor:
        h = self.encode(x)
        return self.compare(self.decode(h), x) + beta * losses.sparse_kl(h, rho)


class L1Autoencoder(Autoencoder):
    """Tanh units with an L1 penalty on the code.

    loss = (1/N) sum_n [1/2 ||r_n - x_n||^2 + lam sum_j |h_nj|], with slope 0 at h = 0.
    """

    def loss(self, x: Value, *, lam: float) -> Tensor:
        h = self.encode(x)
        return self.compare(self.decode(h), x) + lam * losses.l1_activity(h)
