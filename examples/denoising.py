"""A denoising autoencoder restores damaged digits better than the best map that is affine,
and worse than it could.

    python examples/denoising.py [--quick] [--epochs 1500] [--seed 0] [--seeds 5 --jobs 2] [--out DIR]

Digits go in with Gaussian noise of s.d. .3 or .5, or with half of their pixels lost,
and are asked for whole (Vincent et al. 2008). What remains of the error on digits by other writers,
a pixel, with noise of .3 and .5: untouched .089 and .251, clipped to [0, 1] .051 and .119,
PCA of the best size .0336 and .0541. No affine map leaves less than Wiener's filter, .0235 and .0372,
and with lost pixels .0387. One hidden layer of 256 units, wider than the digit, has been seen at .0204,
.0339 and .0291. Each of the three must stay at least 5 % below the affine map.

It is not the best there is. Thirty Gaussians, fitted once to the clean digits, say in closed form what
to expect behind noise of any size, and restore both kinds better than the network that was trained for
each: .0175 and .0289.
"""

import sys

import numpy as np

from minigen import Tensor, no_grad, plot, to
from minigen.baselines import PCA, GaussianMixture, Wiener
from minigen.data import digits_split
from minigen.experiment import Criterion, experiment
from minigen.models import DenoisingAutoencoder, add_noise, mask_out
from minigen.optim import Adam, linear
from minigen.training import shuffled

NOISES, KEEP = {"noise .3": 0.3, "noise .5": 0.5}, {"half lost": 0.5}
KNOWN = {"noise .3": 0.02037 / 0.02350, "noise .5": 0.03389 / 0.03717, "half lost": 0.02909 / 0.03873}
BATCH, HIDDEN, RATE = 256, 256, 1e-2
LOST = 0.23459  # the mean square of a pixel of the test digits
COPIES = 5  # of the test digits, each damaged in another way, so that an error is known to about 1 %
AFFINE, NETWORK = "best affine map", "autoencoder"


def error(kind, method):
    return f"test error a pixel, {kind}, {method}"


def ratio(kind):
    return f"test error of the autoencoder over that of the best affine map, {kind}"


def one_seed(run):
    train, _, test, _ = digits_split()
    train, test = (x.reshape(len(x), -1) for x in (train, test))
    clean = np.tile(test, (COPIES, 1))
    mixture = GaussianMixture(train, 30, rng=run.random, floor=1e-2)
    measured, bars, rows = {}, {}, {"clean": test}
    for kind in KNOWN:
        network = trained(run, kind, to(train, run.device))
        damaged = damage(kind, to(clean, run.device), run.random)
        with no_grad():
            answers = {NETWORK: to(network(Tensor(damaged)).data, "cpu")}
        damaged = to(damaged, "cpu")
        answers = controls(kind, train, mixture, damaged, clean) | answers
        bars[kind] = {name: np.mean((answer - clean) ** 2) for name, answer in answers.items()}
        measured |= {error(kind, name): value for name, value in bars[kind].items()}
        measured[ratio(kind)] = bars[kind][NETWORK] / bars[kind][AFFINE]
        rows |= {f"{kind}\n{name}": answers[name] for name in ("untouched", AFFINE, NETWORK)}
    rows = {label: row[:12].reshape(-1, 8, 8).clip(0, 1) for label, row in rows.items()}
    title = "Of damaged digits by other writers, the autoencoder restores more than the best affine map"
    plot.image_rows(rows, title, run.folder / "denoising.png")
    title = "One hidden layer beats every affine map; thirty Gaussians beat one hidden layer"
    plot.bars(bars, title, run.folder / "errors.png", axis="test error a pixel")
    return measured


def damage(kind, x, random):
    if kind in NOISES:
        return add_noise(x, random.normal(*x.shape), NOISES[kind])
    return mask_out(x, random.bernoulli(KEEP[kind], *x.shape))


def trained(run, kind, train):
    model = DenoisingAutoencoder(64, HIDDEN, rng=run.random.generator).to(run.device)
    optimizer, batch = Adam(model), shuffled(train, BATCH, seed=run.seed)
    steps = run.settings.epochs * (len(train) // BATCH)

    def step(x):
        loss = model.loss(Tensor(x), Tensor(damage(kind, x, run.random)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return {"squared error": loss}

    how = {"lr": lambda n: linear(n, steps, RATE), "replay": True}
    run.train(step, batch, steps, into=kind, model=model, optimizer=optimizer, **how)
    return model


def controls(kind, train, mixture, damaged, clean):
    """What needs no training: {name: restored}, all of it with the damage known."""
    if kind in KEEP:
        return {"untouched": damaged, AFFINE: Wiener(train, keep=KEEP[kind]).restore(damaged)}
    projected = (PCA(train, size).reconstruct(damaged) for size in range(1, 33))
    return {
        "untouched": damaged,
        "clipped": damaged.clip(0, 1),
        "best PCA": min(projected, key=lambda answer: np.mean((answer - clean) ** 2)),
        AFFINE: Wiener(train, sigma=NOISES[kind]).restore(damaged),
        "30 Gaussians": mixture.restore(damaged, NOISES[kind]),
    }


def right_damage():
    """What is left untouched is off by the variance of the noise, or by half of the mean square of the
    digits; the draws of 160 000 pixels leave .5 % of that uncertain.
    """
    whole = {kind: sigma**2 for kind, sigma in NOISES.items()} | {"half lost": 0.5 * LOST}
    return [
        Criterion(error(kind, "untouched"), f"{value:.4f} by what is done to it", 0.98 * value, 1.02 * value)
        for kind, value in whole.items()
    ]


if __name__ == "__main__":
    sys.exit(
        experiment(
            "denoising",
            one_seed,
            __doc__,
            settings={"epochs": 1500},
            criteria=[
                Criterion(ratio(kind), f"{known:.2f} seen, Wiener's 1, that of 30 Gaussians .74", 0.6, 0.95)
                for kind, known in KNOWN.items()
            ]
            + right_damage(),
            quick={"epochs": 150},
            quick_criteria=[Criterion(ratio(kind), "1 is Wiener's", 0.6, 1) for kind in KNOWN]
            + right_damage(),
        )
    )
