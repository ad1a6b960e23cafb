"""What an autoencoder redraws badly is foreign to it, unless its code is so wide that it redraws everything.

    python examples/anomaly_detection.py [--quick] [--epochs 200] [--seed 0] [--seeds 5 --jobs 2] [--out DIR]

Ten networks, 64-64-k-64-64, learn one digit each, and ten others nine digits each.
The error of the reconstruction should tell the digits that were left out from new ones of the known kind,
all by other writers; the area under the ROC curve (AUC) is how often it puts two of them in the right order,
averaged over the ten. PCA with codes of 2, 8, 16, 32 has .981, .988, .991, .978 after one digit,
and .801, .866, .827, .740 after nine. The networks must reach .985 and .86 with a code of 8,
and after nine digits lose .08 and more with one of 32: what has room to draw anything draws the tenth digit
too (Bouman and Heskes 2025, arXiv 2501.13864).

Nobody needs a network for it. After one digit PCA does as well, with a code of 2 better; after nine the
distance to the nearest training digit, .966, beats all networks. All see 80 % of the training digits,
and the threshold is the 95th percentile of the error on the rest: few digits, and by the same writers.
So 9 % are false alarms after nine digits, and 18 % after one, where 5 % were asked for.
"""

import sys
from collections import namedtuple
from functools import partial

import numpy as np

from minigen import Tensor, no_grad, plot, to
from minigen.baselines import PCA
from minigen.data import digits_split
from minigen.experiment import Criterion, experiment
from minigen.models import DeepAutoencoder
from minigen.optim import Adam, cosine
from minigen.training import shuffled

SIZES, QUICK_SIZES = (2, 8, 16, 32, 48), (8, 32)
BATCH = {"one digit": 32, "nine digits": 128}  # by what the networks are to know
RATE, HELD_OUT = 5e-3, 0.2
NETWORK, LINEAR, MEAN, NEAREST = "autoencoder", "PCA", "distance to mean", "distance to nearest"
# the rows of the networks that know one digit, or nine; `foreign` marks the test rows of the others
Split = namedtuple("Split", "train held_out test foreign")
HISTOGRAMS = ("after nine digits, code of 8", "after nine digits, code of 32")
REDRAWN = "error of new digits after nine, code of 8, over PCA's"
FALL = "fall of the AUC after nine digits, from a code of 8 to one of 32"


def auc(known, method, size=None):
    return f"AUC after {known}, {method}" + (f", code of {size}" if size else "")


def called_foreign(known, size, kind):
    return f"called foreign of the {kind}, %, after {known}, code of {size}"


def one_seed(run):
    sizes = SIZES if run.settings.all else QUICK_SIZES
    cells = {f"after {known}, code of {size}": (known, size) for known in BATCH for size in sizes}
    measured = {name: value for cell in run.map(one_code, cells).values() for name, value in cell.items()}
    panels = {}
    for known in BATCH:
        splits = splits_of(run.seed, known)
        flat = {
            MEAN: mean_auc(splits, [PCA(split.train, 0).reconstruct for split in splits]),
            NEAREST: mean_auc(splits, [partial(nearest, split.train) for split in splits]),
        }
        measured |= {auc(known, method): value for method, value in flat.items()}
        lines = {m: [measured[auc(known, m, size)] for size in sizes] for m in (NETWORK, LINEAR)}
        lines |= {method: [value] * len(sizes) for method, value in flat.items()}
        panels[f"after {known}"] = {method: (sizes, values) for method, values in lines.items()}
    measured[FALL] = measured[auc("nine digits", NETWORK, 8)] - measured[auc("nine digits", NETWORK, 32)]
    title = "Once trained, a wide code draws foreign digits as well as known ones"
    plot.curves(panels, title, run.folder / "anomaly_detection.png", axes=("numbers in the code", "mean AUC"))
    panels = {name: dict(np.load(run.folder / name / "errors.npz")) for name in HISTOGRAMS}
    title, marks = "Right of the threshold a test digit is called foreign", {"threshold": 0}
    plot.histograms(panels, title, run.folder / "errors.png", axis="log2 (error / threshold)", marks=marks)
    return measured


def splits_of(seed, known):
    """Ten `Split`s, for each digit one."""
    x, labels, test, test_labels = digits_split()
    x, test = x.reshape(-1, 64), test.reshape(-1, 64)
    held_out = np.random.default_rng([seed, 1]).random(len(x)) < HELD_OUT
    splits, one = [], known == "one digit"
    for digit in range(10):
        mine, foreign = (labels == digit) == one, (test_labels == digit) != one
        splits.append(Split(x[mine & ~held_out], x[mine & held_out], test, foreign))
    return splits


def one_code(run, cell):
    """What codes of one size tell: the mean over the ten digits."""
    known, size = cell
    splits = splits_of(run.seed, known)
    networks = trained(run, splits, size, BATCH[known])
    relative = {"known": [], "foreign": []}  # errors of test digits, log2 over the threshold
    for split, redraw in zip(splits, networks, strict=True):
        threshold = np.quantile(errors(redraw, split.held_out), 0.95)
        tested = np.log2(errors(redraw, split.test) / threshold)
        relative["known"].append(tested[~split.foreign])
        relative["foreign"].append(tested[split.foreign])
    np.savez(run.folder / "errors.npz", **{kind: np.concatenate(parts) for kind, parts in relative.items()})
    measured = {
        called_foreign(known, size, kind): 100 * np.mean([np.mean(part > 0) for part in parts])
        for kind, parts in relative.items()
    }
    measured[auc(known, NETWORK, size)] = mean_auc(splits, networks)
    flat = [PCA(split.train, size).reconstruct for split in splits]
    measured[auc(known, LINEAR, size)] = mean_auc(splits, flat)
    if (known, size) == ("nine digits", 8):
        ours, theirs = (
            np.mean([errors(redraw, s.test[~s.foreign]).mean() for s, redraw in zip(splits, of, strict=True)])
            for of in (networks, flat)
        )
        measured[REDRAWN] = ours / theirs
    return measured


def trained(run, splits, size, batch_size):
    """Ten functions x -> xhat. The networks are trained at once: Adam moves each as if it were alone."""
    rng = run.random.generator
    models = {f"digit {n}": DeepAutoencoder(64, size, nodes=64, rng=rng).to(run.device) for n in range(10)}
    optimizer = Adam([p for model in models.values() for p in model.parameters()])
    batches = [shuffled(to(split.train, run.device), batch_size, seed=run.seed) for split in splits]
    steps = run.settings.epochs * (min(len(split.train) for split in splits) // batch_size)

    def step(xs):
        loss = sum(model.loss(Tensor(x)) for model, x in zip(models.values(), xs, strict=True))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return {"squared error of all ten": loss}

    def redrawn(model, x):
        with no_grad():
            return to(model(Tensor(to(x, run.device))).data, "cpu")

    how = {"lr": lambda n: cosine(n, steps, RATE), "replay": True}
    run.train(step, lambda n: [b(n) for b in batches], steps, model=models, optimizer=optimizer, **how)
    return [partial(redrawn, model) for model in models.values()]


def nearest(train, x):
    squares = (train**2).sum(axis=1) - 2 * x @ train.T  # but for |x|^2
    return train[squares.argmin(axis=1)]


def errors(redraw, x):
    """The score, (N, D) -> (N,)."""
    return ((redraw(x) - x) ** 2).sum(axis=1)


def mean_auc(splits, redraws):
    """How often the foreign one of two digits has the larger error (Hanley and McNeil 1982)."""
    areas = []
    for split, redraw in zip(splits, redraws, strict=True):
        scores = errors(redraw, split.test)
        gaps = scores[split.foreign][:, None] - scores[~split.foreign]
        areas.append(np.mean((gaps > 0) + 0.5 * (gaps == 0)))
    return np.mean(areas)


if __name__ == "__main__":
    one, nine = (auc(known, NETWORK, 8) for known in BATCH)
    fall = Criterion(FALL, "PCA: .126", 0.08, 0.3)

    def reached(least_one, least_nine, most):
        """A learned code redraws about as well as PCA's; a random one leaves nearly twice the error."""
        rows = [
            Criterion(one, "PCA: .988", least_one, 0.9975),
            Criterion(nine, "PCA: .866", least_nine, 0.96),
        ]
        return [*rows, Criterion(REDRAWN, "PCA: 1, the distance to the mean: 3", 0.5, most)]

    sys.exit(
        experiment(
            "anomaly_detection",
            one_seed,
            __doc__,
            settings={"epochs": 200, "all": 1},
            criteria=[*reached(0.985, 0.86, 1.2), fall],
            quick={"epochs": 20, "all": 0},
            # so early even a wide network has not yet learned to copy
            quick_criteria=reached(0.95, 0.7, 1.65),
        )
    )
