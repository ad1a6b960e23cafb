"""One labelled digit of each class goes further on the code of a denoising autoencoder than on its pixels.

    python examples/few_labels.py [--quick] [--steps 10000] [--draws 20] [--sigma 0.5] [--seed 0]
                                  [--seeds 5 --jobs 2] [--out DIR]

All training images are there, but labels only for 1, 2, 5 or 10 of each class, drawn 20 times. Logistic
regression learns from these, on pixels or on the 256 numbers into which an autoencoder turns them that saw
all images and no label. One that had to undo noise of sigma = 0.5 was worth 6.3, 4.3, 2.6 and 1.7 points of
accuracy over pixels in an earlier run, where these had .644, .741, .830 and .860. The idea is that of Vincent
et al. 2008.

The controls say where that does not come from. Not from the number of features: 256 random ones are worth
less than the pixels. Not from fewer dimensions: 20 principal components are worth what the pixels are. And
hardly from the network: trained on clean images it learns to copy, and gains nothing with one label a class.
"""

import sys

import numpy as np

from minigen import Tensor, no_grad, plot, to
from minigen.baselines import PCA
from minigen.data import digits_split
from minigen.experiment import Criterion, experiment
from minigen.metrics import few_label_accuracy
from minigen.models import DenoisingAutoencoder, add_noise
from minigen.nn import Dense, ReLU, Sequential
from minigen.optim import Adam, cosine
from minigen.training import shuffled

HIDDEN, BATCH, RATE = 256, 128, 2e-2
CODE, COPY, RANDOM, PCA_20, PIXELS = (
    *("denoising autoencoder", "autoencoder without noise"),
    *("random features", "principal components", "pixels"),
)
KNOWN = {1: 6.3, 2: 4.3, 5: 2.6, 10: 1.7}  # {labels a class: points that the code gained over pixels}
COUNTS = list(KNOWN)


def accuracy(name, count):
    return f"accuracy, {count} a class, {name}"


def gain(name, count):
    return f"points over pixels, {count} a class, {name}"


def one_seed(run):
    train, labels, test, test_labels = digits_split()
    train, test = (x.reshape(len(x), -1) for x in (train, test))
    pca = PCA(train, 20)
    untrained = Sequential(Dense(64, HIDDEN, rng=run.random.generator), ReLU()).to(run.device)
    features = {
        CODE: encoded(run, trained(run, train, run.settings.sigma).encode, train, test),
        COPY: encoded(run, trained(run, train, 0.0).encode, train, test),
        RANDOM: encoded(run, untrained, train, test),
        PCA_20: (pca.encode(train), pca.encode(test)),
        PIXELS: (train, test),
    }
    scores, draws = {}, range(run.settings.draws)  # scores: {name: accuracies (counts, draws)}
    for name, (x, x_test) in features.items():
        data = (x, labels, x_test, test_labels)
        # a seed for each draw, so that the same images are labelled whatever the features
        table = [[few_label_accuracy(*data, n, rng=(run.seed, d), draws=1) for d in draws] for n in COUNTS]
        scores[name] = np.array(table)
    title = "Few labels go further on the code of an autoencoder that had to undo noise"
    plot.few_labels(scores, title, run.folder / "few_labels.png", counts=COUNTS, base=PIXELS)

    measured = {}
    for row, count in enumerate(COUNTS):
        measured |= {accuracy(name, count): table[row].mean() for name, table in scores.items()}
        for name in (CODE, COPY, RANDOM, PCA_20):
            measured[gain(name, count)] = 100 * (scores[name][row] - scores[PIXELS][row]).mean()
    return measured


def trained(run, images, sigma):
    """An autoencoder of images with noise of this size. Cross-entropy keeps what it redraws within [0, 1]."""
    random, steps = run.random, run.settings.steps
    model = DenoisingAutoencoder(64, HIDDEN, "bce", "sigmoid", rng=random.generator).to(run.device)
    optimizer = Adam(model, RATE)

    def step(x):
        loss = model.loss(Tensor(x), Tensor(add_noise(x, random.normal(*x.shape), sigma)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return {"cross-entropy": loss}

    batch = shuffled(to(images, run.device), BATCH, seed=run.seed)
    how = {"lr": lambda n: cosine(n, steps, RATE), "replay": True}
    run.train(step, batch, steps, into=f"sigma-{sigma:g}", model=model, optimizer=optimizer, **how)
    return model


def encoded(run, encode, *sets):
    with no_grad():
        return [to(encode(Tensor(to(x, run.device))).data, "cpu") for x in sets]


def criteria(*least):
    """The gains of the code: at least round numbers, two standard deviations of a run below what is known."""
    return [
        Criterion(gain(CODE, n), f"{KNOWN[n]} in an earlier run", above, 15)
        for n, above in zip(COUNTS, least, strict=False)
    ]


if __name__ == "__main__":
    copies = Criterion(gain(COPY, 1), "copying teaches nothing", -10, 1)
    sys.exit(
        experiment(
            "few_labels",
            one_seed,
            __doc__,
            settings={"steps": 10000, "draws": 20, "sigma": 0.5},
            criteria=[*criteria(4, 3, 2, 1), copies],
            quick={"steps": 1500, "draws": 6},
            quick_criteria=criteria(2, 1.5, 1),  # half; ten labels a class would need more draws
        )
    )
