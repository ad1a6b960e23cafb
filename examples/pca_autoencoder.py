"""A linear autoencoder finds the space of the principal components, but not the components themselves.

    python examples/pca_autoencoder.py [--quick] [--steps 6000] [--seed 0] [--seeds 5 --jobs 2] [--out DIR]

With a linear code of k numbers, no reconstruction has a smaller squared error than that of PCA, and gradient
descent has no local minimum to get stuck in (Baldi and Hornik 1989). On digits by other writers PCA leaves, for
2, 8 and 16 numbers, 0.05194, 0.02481 and 0.01217 a pixel: the autoencoder must end with the same digits, and
with no angle left between its space and that of PCA. Its directions are another matter: every basis of the
space is as good, so the one it ends in depends on where it began.
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
    measured, errors, cosines = {}, {}, {}
    for size in KNOWN:
        weight, reconstruction = fitted(run, x, Tensor(to(test - mean, run.device)), size)
        axes = PCA(train, size).axes  # (64, K)
        cosines[size] = np.abs(weight / np.linalg.norm(weight, axis=1, keepdims=True) @ axes)  # (K, K)
        errors[size] = np.mean((reconstruction + mean - test) ** 2)
        measured[error(size)] = errors[size]
        measured[angle(size)] = np.degrees(principal_angles(weight.T, axes)[-1])
        measured[apart(size)] = np.degrees(np.arccos(np.minimum(cosines[size].max(axis=1), 1))).mean()
    line = {size: PCA(train, size).error(test) for size in range(PCA_COUNT + 1)}
    plot.linear_subspace(
        errors,
        line,
        cosines[8],
        "A linear autoencoder makes PCA's error, in PCA's space, along other directions",
        run.folder / "pca_autoencoder.png",
    )
    return measured


def fitted(run, x, test, size):
    """(the decoder's directions (K, D), the reconstruction of the centred test digits)."""
    model = Autoencoder(64, size, activation="linear", rng=run.random.generator, dtype="float64")
    model.to(run.device)
    optimizer = Nesterov(model, lr=0.2, momentum=0.9)

    def step(x):
        loss = model.loss(x)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return {"squared error": loss}

    run.train(step, lambda _: x, run.settings.steps, into=f"code-{size}", model=model, optimizer=optimizer)
    return to(model.decoder.weight.data, "cpu"), to(model(test).data, "cpu")


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
                # random orthogonal bases of a plane are 22.5 degrees apart on average, of more dimensions more
                *(Criterion(apart(k), "the same axes would be 0", above=22.5) for k in (8, 16)),
            ],
            quick={"steps": 1000},
            quick_criteria=[
                Criterion(error(k), f"PCA: {v:.5f}, within 1 %", 0.99 * v, 1.01 * v) for k, v in KNOWN.items()
            ],
        )
    )
