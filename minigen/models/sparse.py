"""Sparse autoencoders: many units, few of which speak at a time.

Either each unit is asked for a low rate over the batch, or each code is asked to be small. In both cases the
penalty meets the reconstruction at h, and the two gradients add there. Ng 2011; Olshausen and Field 1996.
"""

from minigen import losses
from minigen.models.autoencoder import Autoencoder


class SparseAutoencoder(Autoencoder):
    """Sigmoid units that are asked to be active a share `rho` of the time.

    h = sigmoid(x W + b), loss = (1/N) sum_n 1/2 ||r_n - x_n||^2 + beta sum_j KL(rho || rhohat_j), rhohat_j =
    (1/N) sum_n h_nj, the mean over the batch. Ng 2011, CS294A lecture notes, section 3. Raises ValueError
    where a unit is off or on for the whole batch, so that rhohat_j is 0 or 1 and the divergence infinite.
    """

    def __init__(self, features, code_size, *, rng, dtype="float32"):
        super().__init__(features, code_size, activation="sigmoid", rng=rng, dtype=dtype)

    def loss(self, x, *, rho=0.05, beta=3.0):
        h = self.encode(x)
        return self.compare(self.decode(h), x) + beta * losses.sparse_kl(h, rho)


class L1Autoencoder(Autoencoder):
    """Tanh units, every one of which pays for its size.

    loss = (1/N) sum_n [1/2 ||r_n - x_n||^2 + lam sum_j |h_nj|], with slope 0 at h = 0.
    """

    def loss(self, x, *, lam):
        h = self.encode(x)
        return self.compare(self.decode(h), x) + lam * losses.l1_activity(h)
