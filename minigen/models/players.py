"""Training steps of a generator and an adversary: each step changes the parameters of one network only.

The adversary is a discriminator or a Wasserstein critic. Both losses depend on both networks, but a step must
update only one. `descend` asks the tape for the gradients of the parameters that its optimizer holds, and for
no others. So nothing accumulates in the `.grad` of the other network, and that part of the backward pass is
skipped.

The updates can alternate, the generator after the updated adversary, or be simultaneous, both from the same
parameters. The two converge differently (Mescheder, Geiger and Nowozin 2018). A graph that was recorded
before an update cannot be used after it: `StaleGraphError`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from minigen.engine import backend, tape
from minigen.engine.backend import Random
from minigen.engine.tape import Tensor, Value, no_grad
from minigen.nn import Module
from minigen.optim import Optimizer, clip_weights


class Game(Module):
    """What GAN and WGAN share: `adversary_loss` and `generator_loss` are what the two networks minimise."""

    def generate(self, z: Value) -> Tensor:
        """G(z), recorded on the tape."""
        if z.shape[0] == 0:
            raise ValueError(
                f"{type(self).__name__}: z must hold the noise of at least one example, got {z.shape}"
            )
        return self.generator(z)

    def samples(self, z: Value) -> Tensor:
        """G(z) as a constant: the step of the adversary needs no gradient of G."""
        with no_grad():
            return self.generate(z)

    def samples_beside(self, x: Value, z: Value) -> Tensor:
        """`samples(z)`, after checking that they are examples like the real x."""
        fake = self.samples(z)
        if x.shape[0] == 0 or x.shape[1:] != fake.shape[1:]:
            raise ValueError(
                f"{type(self).__name__}: real x {x.shape} and samples {fake.shape} must be alike in all but "
                "the first size, which must not be 0: does the generator make what the data are (rows or "
                "images, all features)?"
            )
        return fake


def descend(optimizer: Optimizer, loss: Tensor) -> Tensor:
    """One optimizer step on `loss`, for the parameters of this optimizer. Returns the loss, detached."""
    _move(optimizer, tape.grad(loss, optimizer.parameters))
    return loss.detach()


def adversary_step(game: Game, optimizer: Optimizer, *batch: Value, clip: float | None = None) -> Tensor:
    """One step of the discriminator or critic; the generator is not changed.

    Returns the loss before the step.

    `batch` is what `game.adversary_loss` takes: x, z, and alpha for a gradient penalty. `clip` then holds
    every weight of the critic in [-clip, clip]: after the update, not before (Arjovsky, Chintala and Bottou
    2017, algorithm 1).
    """
    _refuse_the_generator("adversary_step", game, optimizer)
    loss = descend(optimizer, game.adversary_loss(*batch))
    if clip is not None:
        clip_weights(optimizer, clip)
    return loss


def generator_step(game: Game, optimizer: Optimizer, z: Value) -> Tensor:
    """One step of the generator through a fixed adversary. Returns the loss before the step."""
    _refuse_the_adversary("generator_step", game, optimizer)
    return descend(optimizer, game.generator_loss(z))


def alternating_round(
    game: Game,
    adversary_optimizer: Optimizer,
    generator_optimizer: Optimizer,
    batches: Iterable[tuple[Value, ...]],
    noise: Iterable[Value],
    *,
    k: int = 1,
    clip: float | None = None,
) -> tuple[Tensor, Tensor]:
    """k steps of the adversary, then one of the generator. Returns both losses.

    `batches` gives k times what `game.adversary_loss` takes, (x, z) or (x, z, alpha); `noise` gives z once.
    Iterators continue where the last round left them. Goodfellow et al. 2014, algorithm 1.
    """
    if k < 1:
        raise ValueError(f"alternating_round: the adversary takes k >= 1 steps a round, got {k}")
    batches, noise = iter(batches), iter(noise)
    for i in range(k):
        batch = _next(batches, f"batches gave {i} of the k = {k} batches")
        loss = adversary_step(game, adversary_optimizer, *batch, clip=clip)
    return loss, generator_step(game, generator_optimizer, _next(noise, "noise gave no z for the generator"))


def simultaneous_round(
    game: Game,
    adversary_optimizer: Optimizer,
    generator_optimizer: Optimizer,
    batch: tuple[Value, ...],
    z: Value,
    *,
    clip: float | None = None,
) -> tuple[Tensor, Tensor]:
    """One step of each; both gradients are computed before the first update. Returns the two losses."""
    _refuse_the_generator("simultaneous_round", game, adversary_optimizer)
    _refuse_the_adversary("simultaneous_round", game, generator_optimizer)
    losses = game.adversary_loss(*batch), game.generator_loss(z)
    optimizers = adversary_optimizer, generator_optimizer
    gradients = [tape.grad(loss, o.parameters) for loss, o in zip(losses, optimizers, strict=True)]
    for optimizer, gradient in zip(optimizers, gradients, strict=True):
        _move(optimizer, gradient)
    if clip is not None:
        clip_weights(adversary_optimizer, clip)
    return tuple(loss.detach() for loss in losses)


def rounds_on_toys(
    game: Game,
    adversary_optimizer: Optimizer,
    generator_optimizer: Optimizer,
    toy: Any,
    random: Random,
    *,
    batch: int,
    noise: int = 2,
    clip: float | None = None,
) -> Callable[[int], dict[str, Tensor]]:
    """A function step(k) for `training.train`: k steps of the adversary, then one of the generator.

    Every step draws `batch` points from `toy`, which has sample(n, rng=), and `batch` noise vectors of
    `noise` numbers, all from `random`. step returns the last loss of each player.
    """

    def draw():
        x = _sample(toy, batch, random)
        alpha = [random.uniform(batch, 1)] if getattr(game, "lam", 0) else []  # a penalty needs it
        return x, random.normal(batch, noise), *alpha

    def step(k):
        batches, z = (draw() for _ in range(k)), (random.normal(batch, noise) for _ in range(1))
        optimizers = adversary_optimizer, generator_optimizer
        losses = alternating_round(game, *optimizers, batches, z, k=k, clip=clip)
        return dict(zip(("adversary", "generator"), losses, strict=True))

    return step


@backend.whole
def _sample(toy, n, random):
    return backend.to(toy.sample(n, rng=random.generator), random.device)


def _move(optimizer, gradients):
    optimizer.zero_grad()
    accumulate = tape.accumulate()
    for parameter, g in zip(optimizer.parameters, gradients, strict=True):
        accumulate(parameter.node, g._array)
    optimizer.step()


def _next(iterator, shortage):
    for item in iterator:
        return item
    raise ValueError(f"alternating_round: {shortage}: give an iterator that does not end before the training")


def _refuse(generators, caller, game, optimizer):
    """ValueError where the optimizer holds a parameter of the network that must not change in this step."""
    generator = {id(p) for p in game.generator.parameters()}
    for name, p in zip(optimizer.names, optimizer.parameters, strict=True):
        if (id(p) in generator) == generators:
            mine, other = ("adversary", "generator") if generators else ("generator", "adversary")
            raise ValueError(
                f"{caller}: the {mine}'s optimizer holds {name}, a parameter of the {other}: each player "
                "needs its own, Adam(game.generator) and Adam(game.discriminator) or Adam(game.critic)"
            )


_refuse_the_generator = partial(_refuse, True)
_refuse_the_adversary = partial(_refuse, False)
