"""A convolutional GAN draws handwritten digits of 28 x 28 pixels, and a table tells what each part of the
recipe is worth.

    python examples/mnist_dcgan.py [--quick] [--steps 600] [--ablation 250] [--seed 0] [--out DIR]

The recipe of Radford, Metz and Chintala (2016) with few channels, on 4500 digits of MNIST. A person reads
most of what it draws. Two measures together say so: the 5 nearest training digits are all of one class, as
for 80 % of test digits; and edges are sharp, there are as few grey pixels for each inked one. A full Gaussian
passes the first, 28 %, and not the second; noise passes none. The Frechet distance along 20 principal
components compares means and covariances alone, so that this Gaussian has the best of all: read it with the
pictures.

The table has the recipe with half of the channels and fewer steps, and each change of it alone: no batch
norm, upsampling and convolution in place of transposed convolutions, no tanh at the end, labels of 0.9 for
data (Salimans et al. 2016), two steps of D for each of G. So early one seed is not much: only large
differences say anything.
"""

import sys

import numpy as np
from sklearn.neighbors import KNeighborsClassifier

from minigen import Tensor, plot, sigmoid, to
from minigen.baselines import PCA, Gaussian
from minigen.data import mnist_sample
from minigen.experiment import Criterion, experiment
from minigen.losses import discriminator_loss
from minigen.metrics import frechet_distance, reverse_kl
from minigen.models import GAN, DCGANDiscriminator, DCGANGenerator, descend, generator_step
from minigen.nn import (
    BatchNorm,
    Conv2d,
    ConvTranspose2d,
    Dense,
    Module,
    ReLU,
    Reshape,
    Sequential,
    Tanh,
    UpsampleNearest,
)
from minigen.optim import Adam
from minigen.plot.images import mosaic
from minigen.training import read_frames, shuffled

LATENT, SIDE, SAMPLES = 64, 28, 500
RECIPE, LONG = "recipe", "recipe, all steps"
CHANGES = {  # what is different; k is the number of steps of D for one of G
    RECIPE: {},
    "no batch norm": {"norm": False},
    "upsampled": {"upsample": True},
    "no tanh": {"tanh": False},
    "label 0.9": {"label": 0.9},
    "k = 2": {"k": 2},
}
SMALL = {"channels": 16, "batch": 32, "lr": 2e-3}  # of the rows that are compared
AGREE, GREY, FRECHET, CLASSES, MISSING = (
    "5 neighbours agree, %, {}",
    "grey pixels for each inked one, {}",
    "Frechet distance, {}",
    "KL of the class counts, nats, {}",
    "classes missing, {}",
)


def one_seed(run):
    train, labels, test, _ = mnist_sample()
    classifier, space = (
        KNeighborsClassifier(5).fit(train.reshape(-1, 784), labels),
        PCA(test.reshape(-1, 784), 20),
    )
    size = {key: getattr(run.settings, key) for key in SMALL}
    drawn = {LONG: trained(run, train, run.settings.steps, {}, "all-steps", **size)}
    for name in CHANGES if run.settings.ablation > 1 else ():
        into = name.replace(" ", "-")
        drawn[name] = trained(run, train, run.settings.ablation, CHANGES[name], into, **SMALL)
    gaussian = Gaussian(train).sample(SAMPLES, rng=run.random.generator).clip(0, 1).reshape(-1, SIDE, SIDE)
    drawn |= {
        "training digits": train[:: len(train) // SAMPLES],
        "test digits": test,
        "full Gaussian": gaussian,
    }
    measured = {}
    for name, pictures in drawn.items():
        x = pictures[:SAMPLES].reshape(-1, 784)
        votes = classifier.predict_proba(x) if name != "training digits" else np.eye(10)
        counts = np.bincount(votes.argmax(axis=1), minlength=10)
        measured[GREY.format(name)] = np.sum((x > 0.1) & (x < 0.9)) / np.sum(x > 0.5)
        measured[AGREE.format(name)] = 100 * np.mean(votes.max(axis=1) == 1)
        measured[FRECHET.format(name)] = frechet_distance(*map(space.encode, (test.reshape(-1, 784), x)))
        measured |= {CLASSES.format(name): reverse_kl(counts), MISSING.format(name): np.sum(counts == 0)}
    show(drawn, measured, run.folder)
    plot.film(read_frames(run.folder / "all-steps"), "What becomes of 64 fixed z", run.folder / "samples.gif")
    return measured


def trained(run, train, steps, change, into, *, channels, batch, lr):
    """What the generator draws of SAMPLES noises after the training, (N, SIDE, SIDE) in [0, 1]."""
    wide, random, k = channels, run.random, change.get("k", 1)
    parts = {key: change[key] for key in ("norm", "upsample", "tanh") if key in change}
    if parts:
        generator = changed(wide, random.generator, **parts)
    else:
        generator = DCGANGenerator(LATENT, (wide, wide // 2), SIDE, rng=random.generator)
    discriminator = DCGANDiscriminator((wide // 2, wide), SIDE, rng=random.generator)
    game = GAN(generator, discriminator, real_label=change.get("label", 1.0)).to(run.device)
    theirs, its = (Adam(player, lr=lr, betas=(0.5, 0.999)) for player in (discriminator, generator))

    def step(batches):
        for x in batches:
            fakes = game.samples(Tensor(random.normal(len(x), LATENT)))
            real, fake = game.judge(Tensor(x)), game.judge(fakes)
            terms = {"D(x)": sigmoid(real.data).mean(), "D(G(z))": sigmoid(fake.data).mean()}
            terms["loss of D"] = descend(theirs, discriminator_loss(real, fake, game.real_label))
        terms["loss of G"] = generator_step(game, its, Tensor(random.normal(len(x), LATENT)))
        return terms

    batch_of = shuffled(to(2 * train[:, None] - 1, run.device), batch, seed=run.seed)
    fixed = random.normal(64, LATENT)
    how = {"frame": lambda: painted(game, fixed), "frame_every": max(1, steps // 15), "into": into}
    how |= {"model": game, "optimizer": {"D": theirs, "G": its}, "replay": True}
    run.train(step, lambda n: [batch_of(k * n + i) for i in range(k)], steps, **how)
    return painted(game, random.normal(SAMPLES, LATENT))


def changed(wide, rng, *, norm=True, upsample=False, tanh=True):
    """`DCGANGenerator` without its batch norms, its transposed convolutions, or its tanh."""
    quarter, narrow, how = SIDE // 4, wide // 2, {"init": "normal", "rng": rng}

    def doubled(n, m, bias=True):
        if upsample:
            return [UpsampleNearest(2), Conv2d(n, m, 3, padding=1, bias=bias, **how)]
        return [ConvTranspose2d(n, m, 4, stride=2, padding=1, bias=bias, **how)]

    def normed(n):
        return [BatchNorm(n), ReLU()] if norm else [ReLU()]

    layers = [Dense(LATENT, wide * quarter**2, **how), Reshape(wide, quarter, quarter), *normed(wide)]
    layers += [*doubled(wide, narrow, bias=not norm), *normed(narrow), *doubled(narrow, 1)]
    return Sequential(*layers, *([Tanh()] if tanh else []))


def painted(game: Module, z):
    """Pictures (N, SIDE, SIDE) in [0, 1], by the running statistics."""
    game.eval()
    pictures = to(game.samples(Tensor(z)).data, "cpu")[:, 0]
    game.train()
    return ((pictures + 1) / 2).clip(0, 1)


def show(drawn, measured, folder):
    """16 pictures of each row of the table, with its measures."""
    shown = [name for name in (LONG, "test digits", "full Gaussian", *CHANGES) if name in drawn]
    cells = {}
    for name in shown:
        note = f"{measured[AGREE.format(name)]:.0f} % read\n{measured[GREY.format(name)]:.1f} grey"
        pictures = drawn[name][:: len(drawn[name]) // 16][:16] if name == "test digits" else drawn[name][:16]
        cells[name.replace(", ", ",\n")] = mosaic(pictures, 4), note
    names = [*cells]
    rows = {"": {name: cells[name] for name in names[:3]}}
    title = "A convolutional GAN draws digits that can be read, with sharp edges\n"
    title += "(read: all of 5 neighbours agree; grey: pixels for each inked one)"
    plot.picture_table(rows, title, folder / "mnist_dcgan.png", side=2.1)
    if len(names) > 3:
        title = "Every part of the recipe alone: fewer channels, fewer steps"
        plot.picture_table(
            {"": {name: cells[name] for name in names[3:]}}, title, folder / "ablation.png", side=1.4
        )


def criteria(agree, grey):
    return [
        # each control fails one of these: noise cannot be read, a Gaussian is grey
        Criterion(
            AGREE.format(LONG), "test digits 80, a full Gaussian 28, the mean digit with noise 5", agree, 90
        ),
        Criterion(GREY.format(LONG), "test digits .65, a full Gaussian 2.4", 0.5, grey),
        Criterion(FRECHET.format(LONG), "training digits .7", 0.7, 20),
        Criterion(CLASSES.format(LONG), "0 for all ten equally often, one class alone 2.303", below=0.7),
        Criterion(MISSING.format(LONG), "none", below=0.5),
    ]


if __name__ == "__main__":
    sys.exit(
        experiment(
            "mnist_dcgan",
            one_seed,
            __doc__,
            settings={"steps": 600, "ablation": 250, "channels": 32, "batch": 64, "lr": 1e-3},
            criteria=criteria(20, 1.5),
            quick={"steps": 300, "ablation": 1, **SMALL},
            quick_criteria=criteria(15, 2.0),
        )
    )
