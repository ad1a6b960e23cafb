"""Generative adversarial networks: a generator G makes samples, a discriminator D tells them from data.

    G(z) = sigmoid(tanh(z W1 + b1) W2 + b2)             (N, Z) -> (N, D)
    D(x) = phi(x V1 + c1) V2 + c2                       (N, D) -> (N, 1), a logit: sigmoid(D) is "how real"

    D minimises  mean softplus(-D(x)) + mean softplus(D(G(z)))
    G minimises  -mean softplus(D(G(z)))    (minimax) or  mean softplus(-D(G(z)))    (non-saturating)

Goodfellow et al. (2014). Each loss trains one network only. D's loss takes G(z) as constant data.
G's loss is differentiated through D, whose parameters do not change. players.py has the steps.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import DTypeLike

from minigen import losses
from minigen.engine.ops import sigmoid, tanh
from minigen.engine.tape import Tensor, Value
from minigen.models.players import Game
from minigen.nn import Dense, LeakyReLU, Module, Tanh

_activations = {"leaky_relu": partial(LeakyReLU, 0.2), "tanh": Tanh}


def activation_by_name(caller, name):
    """phi of a discriminator or critic. tanh has a second derivative, which gradient penalties use."""
    if name not in _activations:
        raise ValueError(f"{caller}: activation must be one of {sorted(_activations)}, got {name!r}")
    return _activations[name]()


class Generator(Module):
    """Noise to pixels between 0 and 1."""

    def __init__(
        self,
        latent: int,
        hidden: int,
        features: int,
        *,
        rng: np.random.Generator,
        dtype: DTypeLike = "float32",
    ) -> None:
        self.hidden = Dense(latent, hidden, init="xavier", rng=rng, dtype=dtype)
        self.output = Dense(hidden, features, init="xavier", rng=rng, dtype=dtype)

    def forward(self, z: Value) -> Tensor:
        return sigmoid(self.output(tanh(self.hidden(z))))


class Discriminator(Module):
    """A logit for each row. In a WGAN the same network is the critic, and its output is no logit."""

    def __init__(
        self,
        features: int,
        hidden: int,
        activation: str = "leaky_relu",
        *,
        rng: np.random.Generator,
        dtype: DTypeLike = "float32",
    ) -> None:
        self.phi = activation_by_name("Discriminator", activation)
        self.hidden = Dense(features, hidden, init="he", rng=rng, dtype=dtype)
        self.output = Dense(hidden, 1, init="xavier", rng=rng, dtype=dtype)

    def forward(self, x: Value) -> Tensor:
        return self.output(self.phi(self.hidden(x)))


class GAN(Game):
    """The losses of any two networks: generator(z) makes examples, discriminator(x) gives a logit for each.

    kind        what G minimises, "nonsaturating" or "minimax"
    real_label  the target of D for real examples; below 1: one-sided label smoothing (Salimans et al. 2016)
    gamma       the weight of R1, gamma/2 mean ||grad D(x)||^2 at the data (Mescheder et al. 2018)
    pack        m, how many examples D judges together, against mode collapse (PacGAN, Lin et al. 2018); D
                must take (N/m, m F) for rows (N, F), or (N/m, m C, H, W) for images (N, C, H, W)
    """

    def __init__(
        self,
        generator: Module,
        discriminator: Module,
        *,
        kind: str = "nonsaturating",
        real_label: float = 1.0,
        gamma: float = 0.0,
        pack: int = 1,
    ) -> None:
        if kind not in ("nonsaturating", "minimax"):
            raise ValueError(f"GAN: kind must be 'nonsaturating' or 'minimax', got {kind!r}")
        if not 0 < real_label <= 1 or not gamma >= 0 or not (isinstance(pack, int) and pack >= 1):
            raise ValueError(
                "GAN: expected real_label in (0, 1], gamma >= 0 and a whole number pack >= 1, "
                f"got real_label={real_label!r}, gamma={gamma!r}, pack={pack!r}"
            )
        self.generator, self.discriminator = generator, discriminator
        self.kind, self.real_label, self.gamma, self.pack = kind, real_label, gamma, pack

    def packs(self, x: Value) -> Value:
        """Concatenate each `pack` examples along axis 1."""
        n, m = x.shape[0], self.pack
        if n % m:
            raise ValueError(f"GAN: {n} examples do not fill packs of {m}: use a batch size divisible by {m}")
        return x if m == 1 else x.reshape(n // m, m * x.shape[1], *x.shape[2:])

    def judge(self, x: Value) -> Tensor:
        """The logits, one for each pack."""
        return self.discriminator(self.packs(x))

    def discriminator_loss(self, x: Value, z: Value) -> Tensor:
        """What D minimises, for real x and the samples made from z; the two batches may differ in size."""
        fake = self.samples_beside(x, z)
        loss = losses.discriminator_loss(self.judge(x), self.judge(fake), self.real_label)
        if self.gamma:
            loss = loss + self.gamma * losses.r1_penalty(self.discriminator, self.packs(x))
        return loss

    adversary_loss = discriminator_loss

    def generator_loss(self, z: Value) -> Tensor:
        """What G minimises, through D."""
        return losses.generator_loss(self.judge(self.generate(z)), self.kind)
