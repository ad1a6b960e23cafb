"""Stacked autoencoders: encoder and decoder of several layers, pretrained one at a time, then fine-tuned.

    h_0 = x,   h_k = tanh(h_(k-1) W_k + b_k),   r = h_(M-1) W_M + b_M        the code is the h in the middle

Deep autoencoders train slowly at first, because the gradient reaches the first layers through all the others.
Greedy pretraining takes the first encoder layer and the last decoder layer as a small autoencoder of x. Then
it takes the next pair as an autoencoder of the codes of the first, and so on. At the end the whole network is
fine-tuned. Hinton and Salakhutdinov 2006; Bengio, Lamblin, Popovici and Larochelle 2007.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from minigen.engine import backend
from minigen.engine.backend import Array
from minigen.engine.fast.replay import replay as replayed
from minigen.engine.ops import tanh
from minigen.engine.tape import Tensor, Value, no_grad
from minigen.models.autoencoder import LOSSES, choose
from minigen.nn import Dense, Module, Sequential
from minigen.optim import Adam


class DeepAutoencoder(Module):
    """An autoencoder by its four hyper-parameters: code size, number of layers, nodes per layer, loss.

    `layers` counts the layers with weights, at least 2; the first half of them, rounded up, is the encoder,
    whose last one has `code_size` units. `nodes` is the width of every other hidden layer, or a list with one
    width for each of the layers - 2. tanh between the layers, none after the last: r is the image itself for
    loss "squared_error", its logits for "bce". (N, D) -> (N, D). Parameters layers.0.weight, layers.0.bias,
    ...; ValueError for what does not fit.

    DeepAutoencoder(64, 2, layers=4, nodes=32, rng=rng) is 64 - 32 - 2 - 32 - 64.
    """

    def __init__(
        self,
        features: int,
        code_size: int,
        layers: int = 4,
        nodes: int | list[int] = 32,
        loss: str = "squared_error",
        *,
        rng: np.random.Generator,
        dtype: DTypeLike = "float32",
    ) -> None:
        self.compare = choose("DeepAutoencoder", "loss", loss, LOSSES)
        if not isinstance(layers, int) or layers < 2:
            raise ValueError(f"DeepAutoencoder: layers must be a whole number from 2 up, got {layers!r}")
        widths = [nodes] * (layers - 2) if isinstance(nodes, int) else list(nodes)
        if len(widths) != layers - 2:
            raise ValueError(
                f"DeepAutoencoder: {layers} layers have {layers - 2} hidden ones besides the code, "
                f"but nodes gives {len(widths)} widths: {widths}"
            )
        self.depth = (layers + 1) // 2  # of the encoder
        self.widths = [features, *widths[: self.depth - 1], code_size, *widths[self.depth - 1 :], features]
        sizes = zip(self.widths, self.widths[1:], strict=False)
        self.layers = Sequential(*(Dense(n, m, init="xavier", rng=rng, dtype=dtype) for n, m in sizes))

    def encode(self, x: Value) -> Tensor:
        """The code in the middle, (N, D) -> (N, code_size)."""
        for k in range(self.depth):
            x = self.hidden(k, x)
        return x

    def decode(self, h: Value) -> Tensor:
        """(N, code_size) -> (N, D)."""
        last = len(self.layers) - 1
        for k in range(self.depth, last):
            h = self.hidden(k, h)
        return self.layers[last](h)

    def hidden(self, k: int, h: Value) -> Tensor:
        """tanh(h W_k + b_k)"""
        return tanh(self.layers[k](h))

    def forward(self, x: Value) -> Tensor:
        return self.decode(self.encode(x))

    def loss(self, x: Value) -> Tensor:
        """(1/N) sum_n of the distance between x_n and its reconstruction."""
        return self.compare(self(x), x)


class Stage(NamedTuple):
    """What one stage of `pretrain` did: the loss that it lowers, over all data, before and after."""

    name: str
    before: float
    after: float


def pretrain(
    model: DeepAutoencoder,
    x: Array,
    *,
    epochs: int = 20,
    fine_tune: int = 20,
    batch_size: int = 32,
    lr: float = 1e-3,
    rng: np.random.Generator,
    replay: bool = False,
) -> list[Stage]:
    """Train a DeepAutoencoder layer by layer, then as a whole. Returns a list of `Stage`.

    The last stage is "fine-tuning". Stage k trains layer k and its counterpart, layer M - k, on the codes h_k
    below: for k = 0 the model's own loss, r = h_1 W_M + b_M against x; further in, squared error of
    tanh(h_(k+1) W_(M-k) + b_(M-k)) against h_k. x (N, D) is a plain array; `epochs` is per layer, 0 leaves
    them as they are; batches are drawn by `rng`, steps are Adam's, and repeated call by call with `replay`.
    Raises ValueError for a decoder that does not mirror the encoder.
    """
    if model.widths != model.widths[::-1]:
        raise ValueError(
            f"pretrain: layer by layer needs a decoder that mirrors the encoder, got widths {model.widths}: "
            "use an even number of layers, and nodes that read the same from both ends"
        )
    if batch_size < 1 or min(epochs, fine_tune) < 0:
        raise ValueError(
            f"pretrain: batch_size must be at least 1 and epochs and fine_tune at least 0, "
            f"got {batch_size}, {epochs} and {fine_tune}"
        )
    codes, stages, how = x, [], (batch_size, lr, rng, replay)
    for k in range(model.depth):
        pair = _Pair(model, k)
        stages.append(_train(f"layers.{k}", pair, pair.loss, codes, epochs, *how))
        with no_grad():
            codes = pair.encode(codes).data
    stages.append(_train("fine-tuning", model, model.loss, x, fine_tune, *how))
    return stages


class _Pair(Module):
    """Layer k and its counterpart in the decoder, as an autoencoder of the codes of the layers below."""

    def __init__(self, model, k):
        self.encoder, self.decoder = model.layers[k], model.layers[len(model.layers) - 1 - k]
        self.outermost, self.compare = k == 0, model.compare if k == 0 else LOSSES["squared_error"]

    def encode(self, codes):
        return tanh(self.encoder(codes))

    def loss(self, codes):
        r = self.decoder(self.encode(codes))
        return self.compare(r if self.outermost else tanh(r), codes)


def _train(name, module, loss, data, epochs, batch_size, lr, rng, replay):
    before = _value(loss, data)
    optimizer, size = Adam(module, lr), min(batch_size, len(data))

    def step(x):
        optimizer.zero_grad()
        loss(x).backward()
        optimizer.step()

    step = replayed(step, strict=False) if replay else step
    for _ in range(epochs):
        order = backend.to(rng.permutation(len(data)), backend.device_of(data))
        for start in range(0, len(data) - size + 1, size):
            step(data[order[start : start + size]])
    optimizer.release()
    return Stage(name, before, _value(loss, data))


def _value(loss, data):
    with no_grad():
        return loss(data).item()
