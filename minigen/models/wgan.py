"""Wasserstein GANs: a critic f in place of the discriminator; its difference of means is a distance.

    f minimises  mean f(G(z)) - mean f(x) + lam mean (||grad f(xhat)|| - 1)^2
    G minimises  -mean f(G(z))                                    with xhat = alpha x + (1 - alpha) G(z)

It is a distance only where f has slope at most 1. Arjovsky, Chintala and Bottou (2017) clip the weights after
every update (lam = 0, and `clip` of `players.adversary_step`). Gulrajani et al. (2017) add a penalty on
slopes other than 1, at points between a real and a generated example.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import DTypeLike

from minigen import losses
from minigen.engine import backend, conv
from minigen.engine.tape import Tensor, Value, Values, grad
from minigen.models.gan import activation_by_name
from minigen.models.players import Game
from minigen.nn import Conv2d, Dense, Flatten, Module


class WGAN(Game):
    """The losses of any two networks: generator(z) makes examples, critic(x) gives a number for each.

    lam is the weight of the gradient penalty, usually 10; at 0 there is no penalty.
    """

    def __init__(self, generator: Module, critic: Module, *, lam: float = 0.0) -> None:
        if not lam >= 0:
            raise ValueError(f"WGAN: lam, the weight of the gradient penalty, must be at least 0, got {lam}")
        self.generator, self.critic, self.lam = generator, critic, lam

    def critic_loss(self, x: Value, z: Value, alpha: Value | None = None) -> Tensor:
        """What the critic minimises: minus its estimate of the distance, and the penalty.

        alpha (N, 1), drawn from U[0, 1), places one xhat between each x and its G(z): a penalty needs it, and
        as many z as x.
        """
        if (alpha is None) != (self.lam == 0):
            raise ValueError(
                f"WGAN: alpha goes with a penalty, but lam is {self.lam} and alpha is "
                f"{'missing' if alpha is None else 'given'}: write WGAN(..., lam=10) and "
                "critic_loss(x, z, alpha), or lam=0 and no alpha"
            )
        fake = self.samples_beside(x, z)
        loss = losses.critic_loss(self.critic(x), self.critic(fake))
        if self.lam:
            loss = loss + self.lam * losses.gradient_penalty(self.critic, x, fake, alpha)
        return loss

    adversary_loss = critic_loss

    def generator_loss(self, z: Value) -> Tensor:
        """What the generator minimises, through the critic."""
        return losses.wgan_generator_loss(self.critic(self.generate(z)))


class PassThrough(Module):
    """A generator without parameters: it returns its input, so z may be samples."""

    def forward(self, z: Values) -> Values:
        return z


def scores_and_slopes(critic: Module, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """f(x_n) and ||grad f(x_n)||, for figures and measures: (N, D) -> (N,) and (N,).

    x and the results are host arrays; x is moved to the dtype and device of the critic.
    """
    like = critic.parameters()[0]._array
    points = Tensor(backend.to(x.astype(like.dtype), backend.device_of(like)), requires_grad=True)
    scores = critic(points)
    (slope,) = grad(scores.sum(), [points])
    norms = (slope.data**2).sum(axis=1) ** 0.5
    return backend.to(scores.data[:, 0], "cpu"), backend.to(norms, "cpu")


class ConvCritic(Module):
    """A critic of images (C, H, W): two convolutions of stride 2, and a dense layer.

    No batch norm: it would make f(x_n) depend on the other examples, and the penalty is on each gradient.
    """

    def __init__(
        self,
        image: tuple[int, int, int],
        channels: tuple[int, int],
        activation: str = "leaky_relu",
        *,
        rng: np.random.Generator,
        dtype: DTypeLike = "float32",
    ) -> None:
        self.phi = activation_by_name("ConvCritic", activation)
        (first, *size), (second, third) = image, channels
        how = {"stride": 2, "padding": 1, "rng": rng, "dtype": dtype}
        self.conv1 = Conv2d(first, second, 3, **how)
        self.conv2 = Conv2d(second, third, 3, **how)
        left = [conv.output_size(conv.output_size(n, 3, 2, 1), 3, 2, 1) for n in size]
        self.flatten = Flatten()
        self.dense = Dense(third * math.prod(left), 1, init="xavier", rng=rng, dtype=dtype)

    def forward(self, x: Value) -> Tensor:
        h = self.phi(self.conv1(x))  # (N, C, H, W) -> (N, first, H/2, W/2)
        h = self.phi(self.conv2(h))  # -> (N, second, H/4, W/4)
        return self.dense(self.flatten(h))  # -> (N, 1)
