"""A linear autoencoder finds the space of the principal components, but not the components themselves.

    python examples/pca_autoencoder.py [--quick] [--steps 6000] [--seed 0] [--seeds 5 --jobs 2] [--out DIR]

With a linear code of k numbers, no reconstruction has a smaller squared error than that of PCA, and gradient
descent has no local minimum to get stuck in (Baldi and Hornik 1989). On digits by other writers PCA leaves,
for 2, 8 and 16 numbers, 0.05194, 0.02481 and 0.01217 a pixel: the autoencoder must end with the same digits,
and with no angle left between its space and that of PCA. Its directions are another matter:
every basis of the space is as good, so the one it ends in depends on where it began.

A price on the weights, 1/2 price (|encoder|^2 + |decoder|^2), leaves less choice
(Kunin, Bloom, Goeva and Seed 2019): the encoder becomes the transpose of the decoder,
and the decoder's singular vectors become the components themselves, in order, with singular values
s^2 = 1 - price / eigenvalue. Only a rotation of the code stays free.
"""

import sys

import numpy as np

from minigen import Tensor, plot, to
from minigen.baselines import PCA, principal_angles
from minigen.data import digits_split
from minigen.experiment import Criterion, experiment
from minigen.models import Autoencoder
from minigen.optim import Nesterov

KNOWN = {2: 0.05194, 8: 0.02481, 16: 0.01217}
PRICED, PRICE = 8, 0.1  # the code of that autoencoder, and its price: below the 8th eigenvalue, 0.174
TURNED = "largest angle of a singular vector to its component, degrees, with a price"
SHRUNK = "largest |s^2 - (1 - price / eigenvalue)|, with a price"
TIED = "largest |encoder - decoder transposed|, with a price"
PCA_COUNT = 20  # how many components the curve in the figure goes through


def error(size):
    return f"test error a pixel, code of {size}"


def angle(size):
    return f"largest angle to the space of PCA, degrees, code of {size}"


def apart(size):
    return f"mean angle of a direction to the nearest component, degrees, code of {size}"


def one_seed(run):
    train, _, test, _ = digits_split()
    train, test = (x.reshape(len(x), -1).astype(np.float64) for x in (train, test))
    mean = train.mean(axis=0)  # PCA subtracts it; here it saves the biases the work of learning it
    x = Tensor(to(train - mean, run.device))
    measured, errors, weights = {}, {}, {}
    for size in KNOWN:
        model, axes = fitted(run, x, size, into=f"code-{size}"), PCA(train, size).axes  # (64, K)
        reconstruction = to(model(Tensor(to(test - mean, run.device))).data, "cpu")
        weights[size] = to(model.decoder.weight.data, "cpu")  # (K, 64)
        errors[size] = np.mean((reconstruction + mean - test) ** 2)
        measured[error(size)] = errors[size]
        measured[angle(size)] = np.degrees(principal_angles(weights[size].T, axes)[-1])
        nearest = cosines(weights[size], axes).max(axis=1)
        measured[apart(size)] = np.degrees(np.arccos(nearest)).mean()
    pca = PCA(train, PRICED)
    line = {size: PCA(train, size).error(test) for size in range(PCA_COUNT + 1)}
    title = "A linear autoencoder makes PCA's error, in PCA's space, along other directions"
    directions = cosines(weights[PRICED], pca.axes)
    plot.linear_subspace(errors, line, directions, title, run.folder / "pca_autoencoder.png")
    return measured | with_a_price(run, x, pca, weights[PRICED])


def with_a_price(run, x, pca, free):
    """How far the price leads decoder, lengths and encoder; `free` is the decoder (K, 64) without a price."""
    model = fitted(run, x, PRICED, into="with-a-price", price=PRICE)
    encoder, decoder = (to(part.weight.data, "cpu") for part in (model.encoder, model.decoder))
    known, ranks = 1 - PRICE / pca.variances[:PRICED], range(1, PRICED + 1)
    squares = np.linalg.svd(decoder, compute_uv=False) ** 2  # (K,) falling
    turned, loose = (cosines(np.linalg.svd(w)[2][:PRICED], pca.axes).diagonal() for w in (decoder, free))
    panels = {
        "squared singular value": {"with a price": (ranks, squares), "known": (ranks, known)},
        "|cosine| to its component": {
            "with a price": (ranks, turned),
            "known": (ranks, np.ones(PRICED)),
            "without": (ranks, loose),
        },
    }
    title = "A price on the weights turns the decoder to the components"
    plot.curves(panels, title, run.folder / "with_a_price.png", axes=("rank of the singular vector", ""))
    return {
        TURNED: np.degrees(np.arccos(turned)).max(),
        SHRUNK: np.abs(squares - known).max(),
        TIED: np.abs(encoder - decoder.T).max(),
    }


def cosines(rows, axes):
    """|cos| of the angles between the rows (K, D) and the columns (D, M) of unit length."""
    return np.minimum(np.abs(rows / np.linalg.norm(rows, axis=1, keepdims=True) @ axes), 1)  # (K, M)


def fitted(run, x, size, *, into, price=0.0):
    """A linear autoencoder of the centred digits x (N, 64)."""
    model = Autoencoder(64, size, activation="linear", rng=run.random.generator, dtype="float64")
    model.to(run.device)
    optimizer = Nesterov(model, lr=0.2, momentum=0.9)

    def step(x):
        loss = model.loss(x)
        weights = (model.encoder.weight**2).sum() + (model.decoder.weight**2).sum()
        optimizer.zero_grad()
        (loss + 0.5 * price * weights).backward()
        optimizer.step()
        return {"squared error": loss, "squared weights": weights}

    how = {"into": into, "model": model, "optimizer": optimizer, "replay": True}
    run.train(step, lambda _: x, run.settings.steps, **how)
    return model


def priced(angle, distance):
    return [Criterion(TURNED, "0", below=angle), *(Criterion(m, "0", below=distance) for m in (SHRUNK, TIED))]


if __name__ == "__main__":
    half = 5e-6  # of the last digit that is known
    sys.exit(
        experiment(
            "pca_autoencoder",
            one_seed,
            __doc__,
            settings={"steps": 6000},
            criteria=[
                *(Criterion(error(k), f"PCA: {v:.5f}", v - half, v + half) for k, v in KNOWN.items()),
                *(Criterion(angle(k), "the same space: 0", below=0.1) for k in KNOWN),
                # random orthogonal bases of a plane are 22.5 degrees apart on average,
                # of more dimensions more
                *(Criterion(apart(k), "the same axes would be 0", above=22.5) for k in (8, 16)),
                *priced(1e-3, 1e-6),
            ],
            quick={"steps": 1000},
            quick_criteria=[
                *(
                    Criterion(error(k), f"PCA: {v:.5f}, within 1 %", 0.99 * v, 1.01 * v)
                    for k, v in KNOWN.items()
                ),
                *priced(0.1, 1e-3),
            ],
        )
    )
