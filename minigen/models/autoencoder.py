"""Autoencoders: squeeze the input through a code, and learn to get it back.

    h = tanh(x W + b)          the code,            (N, D) -> (N, H)
    r = h V + c                the reconstruction,  (N, H) -> (N, D)

The loss compares r with x: squared error when r is the image itself, binary cross-entropy when r holds the logits of pixels
between 0 and 1. Rumelhart, Hinton and Williams (1986); Hinton and Salakhutdinov (2006).
"""

from minigen import losses
from minigen.nn import Dense, Module
from minigen.ops import dense, sigmoid, tanh
from minigen.tape import Tensor


class Autoencoder(Module):
    """One hidden layer. `loss` is "squared_error" or "bce" (then the output holds logits)."""

    def __init__(self, features, code_size, loss="squared_error", *, rng, dtype="float32"):
        if loss not in _compare:
            raise ValueError(f"Autoencoder: loss must be one of {sorted(_compare)}, got {loss!r}")
        self.encoder = Dense(features, code_size, init="xavier", rng=rng, dtype=dtype)
        self.decoder = Dense(code_size, features, init="xavier", rng=rng, dtype=dtype)
        self.compare = _compare[loss]

    def encode(self, x):
        return tanh(self.encoder(x))

    def decode(self, h):
        return self.decoder(h)

    def forward(self, x):
        return self.decode(self.encode(x))

    def loss(self, x):
        """(1/N) sum_n of the distance between x_n and its reconstruction."""
        return self.compare(self(x), x)


_compare = {"squared_error": losses.squared_error, "bce": losses.bce_with_logits}


class TiedAutoencoder(Module):
    """The decoder is the encoder turned round, V = Wᵀ, so one matrix gathers its gradient from two places."""

    def __init__(self, features, code_size, *, rng, dtype="float32"):
        self.encoder = Dense(features, code_size, init="xavier", rng=rng, dtype=dtype)
        self.decoder_bias = Tensor(rng.normal(0, 0.01, features).astype(dtype), requires_grad=True)

    def encode(self, x):
        return tanh(self.encoder(x))

    def decode(self, h):
        return dense(h, self.encoder.weight.T, self.decoder_bias)

    def forward(self, x):
        return self.decode(self.encode(x))

    def loss(self, x):
        """(1/N) sum_n 1/2 ||x_n - r_n||^2"""
        return losses.squared_error(self(x), x)


class SparseAutoencoder(Autoencoder):
    """Sigmoid units that are asked to be active a fraction `rho` of the time.

    loss = squared error + beta sum_j KL(rho || mean_n h_nj), Ng, CS294A lecture notes (2011), section 3.
    """

    def __init__(self, features, code_size, *, rng, dtype="float32"):
        super().__init__(features, code_size, rng=rng, dtype=dtype)

    def encode(self, x):
        return sigmoid(self.encoder(x))

    def loss(self, x, *, rho=0.05, beta=3.0):
        h = self.encode(x)
        return losses.squared_error(self.decode(h), x) + beta * losses.sparse_kl(h, rho)
