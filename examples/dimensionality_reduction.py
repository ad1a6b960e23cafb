"""Two numbers for a digit: a network that bends the plane keeps classes apart that PCA lays upon each other.

    python examples/dimensionality_reduction.py [--quick] [--epochs 700] [--lr 2e-3] [--seed 0] [--seeds 5]
                                                 [--jobs 2] [--out DIR]

PCA, a deep autoencoder of tanh layers, 64-128-2-128-64, and a variational autoencoder of the same widths each
give a digit a place in the plane. Judged on digits by other writers: the error of what is redrawn from the
two numbers, and how often the five nearest codes of training digits name the class. PCA leaves .05194 a
pixel, and with 8 numbers .02481; an autoencoder of these widths has been seen at .0421 and .0174.

The variational one wins in the plane, in error always, in classes with most seeds. For the classes its noise
is not needed: without noise and prior the same network, whose code is not squeezed through a tanh, finds as
many, but learns its training digits by heart, .020 there and .040 on the test, against .029 and .036. And two
numbers are few: 8 components of PCA tell the classes better than any of these planes, and the 64 pixels
themselves better than any code here.
"""

import sys

import numpy as np

from minigen import Tensor, no_grad, plot, to
from minigen.baselines import PCA
from minigen.data import digits_split
from minigen.experiment import Criterion, experiment
from minigen.models import VAE, DeepAutoencoder
from minigen.optim import Adam
from minigen.training import shuffled

BATCH, WIDTH = 64, 128
SHOWN = ("PCA", "autoencoder", "VAE")


def error(name, size=2, rows="test"):
    return f"{rows} error a pixel, {name}, code of {size}"


def accuracy(name, size=2):
    return f"classes found by 5 neighbours, %, {name}, code of {size}"


def gain(name):
    return f"classes found by 5 neighbours, {name} over PCA, points"


def one_seed(run):
    train, labels, test, test_labels = digits_split()
    train, test = (x.reshape(len(x), -1) for x in (train, test))
    methods = {  # (name, size of the code): the functions x -> code and x -> what is redrawn
        ("PCA", 2): linear(train, 2),
        ("autoencoder", 2): deep(run, train, 2),
        ("VAE", 2): variational(run, train, noise=1.0),
    }
    if run.settings.all:
        methods["VAE without noise and prior", 2] = variational(run, train, noise=0.0)
    methods |= {("PCA", 8): linear(train, 8), ("autoencoder", 8): deep(run, train, 8)}
    found = {("pixels", 64): classes_found(train, labels, test, test_labels)}
    measured, panels, rows = {}, {}, {"test digits": test[:12].reshape(-1, 8, 8)}
    for (name, size), (encode, redraw) in methods.items():
        found[name, size] = classes_found(encode(train), labels, encode(test), test_labels)
        measured[error(name, size)] = np.mean((redraw(test) - test) ** 2)
        measured[error(name, size, "training")] = np.mean((redraw(train) - train) ** 2)
        if name in SHOWN:
            rows[f"{name}, {size}"] = redraw(test[:12]).reshape(-1, 8, 8)
            if size == 2:
                panels[f"{name}: {found[name, 2]:.0f} %"] = encode(test), test_labels
    title = (
        "Test digits as two numbers, and how many of them 5 neighbours name: a plane that bends tells more"
    )
    plot.codes(panels, title, run.folder / "dimensionality_reduction.png")
    title = "The same two numbers redraw more of a digit where the plane may bend"
    plot.image_rows(rows, title, run.folder / "redrawn.png")
    measured |= {accuracy(name, size): value for (name, size), value in found.items()}
    return measured | {gain(name): found[name, 2] - found["PCA", 2] for name in ("autoencoder", "VAE")}


def classes_found(codes, labels, test, test_labels):
    """The share of the test codes, in percent, whose 5 nearest among `codes` name the right class."""
    squares = (codes**2).sum(axis=1) - 2 * test @ codes.T  # but for |test|^2, which orders nothing
    votes = np.eye(10)[labels[squares.argpartition(5, axis=1)[:, :5]]].sum(axis=1)
    return 100 * np.mean(votes.argmax(axis=1) == test_labels)


def linear(x, size):
    pca = PCA(x, size)
    return pca.encode, pca.reconstruct


def deep(run, x, size):
    model = DeepAutoencoder(64, size, layers=4, nodes=WIDTH, rng=run.random.generator)
    fit(run, f"autoencoder-{size}", model, model.loss, x)
    return on_host(run, model.encode), on_host(run, model)


def variational(run, x, noise):
    model = VAE(64, WIDTH, 2, rng=run.random.generator)

    def loss(x):
        return model.loss(x, noise * Tensor(run.random.normal(len(x), 2)), beta=noise)

    fit(run, "vae" if noise else "vae-without-noise", model, loss, x)
    return on_host(run, lambda x: model.encode(x)[0]), on_host(
        run, lambda x: model.sample(model.encode(x)[0])
    )


def fit(run, name, model, loss, x):
    optimizer = Adam(model.to(run.device), lr=run.settings.lr)
    batch, steps = shuffled(to(x, run.device), BATCH, seed=run.seed), run.settings.epochs * (len(x) // BATCH)

    def step(x):
        value = loss(Tensor(x))
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        return {"loss": value}

    run.train(step, batch, steps, into=name, model=model, optimizer=optimizer, replay=True)


def on_host(run, function):
    """The function of a network as one of plain arrays."""

    def plain(x):
        with no_grad():
            return to(function(Tensor(to(x, run.device))).data, "cpu")

    return plain


if __name__ == "__main__":
    pca = {2: 0.05194, 8: 0.02481}
    sys.exit(
        experiment(
            "dimensionality_reduction",
            one_seed,
            __doc__,
            settings={"epochs": 700, "lr": 2e-3, "all": 1},
            criteria=[
                Criterion(
                    gain("autoencoder"), "a plane that bends against a flat one; all pixels: 39", 10, 39
                ),
                Criterion(gain("VAE"), "a plane that bends against a flat one; all pixels: 39", 10, 39),
                Criterion(error("autoencoder"), "15 % below PCA's .05194", 0.4 * pca[2], 0.85 * pca[2]),
                Criterion(error("autoencoder", 8), "25 % below PCA's .02481", 0.4 * pca[8], 0.75 * pca[8]),
            ],
            quick={"epochs": 160, "lr": 3e-3, "all": 0},
            # so early the autoencoder of 2 is often still as flat as PCA
            quick_criteria=[
                Criterion(gain("VAE"), "a plane that bends against a flat one; all pixels: 39", 5, 39),
                Criterion(error("autoencoder", 8), "10 % below PCA's .02481", 0.4 * pca[8], 0.9 * pca[8]),
            ],
        )
    )
