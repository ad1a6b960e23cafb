"""Typical programs, read by mypy: what a person writes must pass, and give the types that a person expects.

test_types.py runs them too, all but the last one.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from typing_extensions import assert_type

import minigen as mg
from minigen import Tensor, data, exchange, losses, metrics, models, nn, optim, saving, training
from minigen.testing import assert_gradients

Array = np.ndarray
rng = np.random.default_rng(0)


def operations() -> None:
    x, t = rng.standard_normal((2, 3)), Tensor(np.ones((2, 3)), requires_grad=True)
    assert_type(mg.exp(t), Tensor)
    assert_type(mg.exp(x), Array)  # arrays give arrays
    assert_type(mg.add(x, t), Tensor)
    assert_type(mg.maximum(0.5, t), Tensor)
    assert_type(mg.sum(t, axis=(0, 1), keepdims=True), Tensor)
    assert_type(mg.softmax(x, -1), Array)
    assert_type(mg.mean(t), Tensor)
    assert_type(mg.dense(t, np.ones((3, 4)), np.zeros(4)), Tensor)
    assert_type(mg.einsum("nd,nd->n", x, t), Tensor)
    assert_type(mg.einsum("nd,nd->n", x, x), Array)
    assert_type(mg.concatenate([t, x]), Tensor)
    assert_type(mg.stack([x, x]), Array)
    assert_type(mg.expand_dims(t, 0), Tensor)
    assert_type(mg.conv2d(t.reshape(1, 1, 2, 3), np.ones((1, 1, 2, 2)), stride=(1, 2)), Tensor)
    assert_type(mg.output_size(8, 3, stride=2), int)
    assert_type(-(2 - t) * t / 3 + t @ t.T[:, :1], Tensor)
    assert_type(t.sum(axis=0).reshape(3, 1).shape, tuple[int, ...])
    assert_type(t > 0, Array)
    assert_type(t.data, Array)


def gradients() -> None:
    w = Tensor([2.0, 3.0], requires_grad=True, name="w")
    with mg.detect_anomaly():
        loss = (w * w).sum()
    loss.backward()
    assert_type(w.grad, Array | None)
    assert_type(mg.grad((w * w).sum(), [w], create_graph=True), list[Tensor])
    with mg.no_grad():
        assert_type(loss.item(), float)

    step = mg.replay(lambda: (w * w).sum())
    step()

    @mg.op()
    def cube(x: Tensor) -> Tensor:
        return x * x * x

    cube.rule(lambda g, out, x: g * 3 * x * x)
    assert_type(cube(w), Tensor)


def checks() -> None:
    def forward(x: Array) -> Array:
        return x**3

    def backward(g: Array, x: Array) -> Array:
        return 3 * g * x**2

    inputs = {"x": np.array([0.5, -1.0])}
    assert_type(mg.check_vjp(forward, backward, inputs).ok, bool)
    assert_type(mg.check_gradients(lambda x: mg.tanh(x) * x, [np.ones(3)], order=2).verdict, str)
    assert_type(assert_gradients(forward, backward, inputs).summary(), str)
    assert_type(mg.explain(forward, backward, inputs, here=True).ok, bool)


class Autoencoder(nn.Module):
    def __init__(self, rng: np.random.Generator) -> None:
        self.encoder = nn.Sequential(nn.Dense(64, 8, rng=rng), nn.Tanh())
        self.decoder = nn.Dense(8, 64, init=nn.xavier, rng=rng)

    def forward(self, x: Tensor | Array) -> Tensor:
        return self.decoder.forward(self.encoder(x))


def training_by_hand() -> None:
    model, (images, _) = Autoencoder(rng), data.digits()
    optimizer = optim.Adam(model, lr=1e-3)
    for x in data.batches(images.reshape(-1, 64)[:200], 50, rng):
        optimizer.zero_grad()
        loss = losses.bce_with_logits(model.forward(x), x)
        assert_type(loss, Tensor)
        loss.backward()
        optimizer.step()
        optimizer.lr = optim.cosine(optimizer.steps, 4, 1e-3)
    assert_type(model.eval(), Autoencoder)
    assert_type(model.named_parameters(), list[tuple[str, Tensor]])


def models_and_files(folder: Path) -> None:
    random = mg.Random(0)
    vae, images = models.VAE(64, 16, 2, rng=random.generator), data.digits()[0].reshape(-1, 64)
    optimizer = optim.SGD(vae.parameters())

    def step(x: Array) -> dict[str, Tensor]:
        reconstruction, kl = vae.terms(x, random.normal(len(x), 2))
        assert_type(kl, Tensor)
        optimizer.zero_grad()
        (reconstruction + kl).backward()
        optimizer.step()
        return {"reconstruction": reconstruction, "KL": kl}

    batch = training.shuffled(images, 64, seed=0)
    training.train(step, batch, 3, folder, model=vae, optimizer=optimizer, random=random, bar=False)
    assert_type(training.read_log(folder), dict[str, Array])
    saving.save(vae, folder / "vae.npz", optimizer=optimizer, random=random, step=3)
    assert_type(saving.load(vae, folder / "vae.npz"), int | None)
    assert_type(exchange.as_pytorch(vae), dict[str, Array])
    optimizer.release()

    game = models.GAN(models.Generator(2, 8, 64, rng=rng), models.Discriminator(64, 8, rng=rng))
    adversary = optim.Adam(game.discriminator, lr=2e-4, betas=(0.5, 0.999))
    assert_type(models.adversary_step(game, adversary, images[:5], random.normal(5, 2)), Tensor)


def samples() -> None:
    toy = data.ring(8, sigma=0.05)
    points = toy.sample(100, rng=0)
    coverage = metrics.mode_coverage(points, toy.centres, toy.sigma)
    assert_type(coverage.counts, Array)
    assert_type(metrics.sliced_wasserstein(points, points, rng=rng), float)


def mistakes(t: Tensor) -> None:
    """Never run. mypy must find each of these: it complains about a `type: ignore` that is not needed."""
    mg.exp("text")  # type: ignore[call-overload]
    mg.sum(t, axes=0)  # type: ignore[call-overload]
    mg.einsum(t, t, "nd,nd->n")  # type: ignore[call-overload]
    mg.conv2d(t, t, stride="2")  # type: ignore[call-overload]
    mg.tanhh(t)  # type: ignore[attr-defined]
    t.sum(0).bakward()  # type: ignore[attr-defined]
    t.grad = 3  # type: ignore[assignment]
    losses.generator_loss(t, kind="minmax")  # type: ignore[call-overload]
    optim.Adam(t, beta=0.5)  # type: ignore[call-arg]
    data.ring(8).sample(100)  # type: ignore[call-arg]
    nn.Dense(64, "8")  # type: ignore[arg-type]
    mg.check_vjp(np.tanh, np.tanh)  # type: ignore[call-arg]
    print(metrics.mode_coverage([1], [2], 3).captures)  # type: ignore[attr-defined]
