"""A convolutional GAN draws digits that are closer to real ones than a full Gaussian's, and copies none.

    python examples/dcgan_digits.py [--quick] [--steps 4000] [--seed 0] [--seeds 5 --jobs 2] [--out DIR]
    python examples/dcgan_digits.py --data shapes --steps 2000         circles, squares, triangles, 16 x 16

The recipe of Radford, Metz and Chintala (2016), with half of its channels and of its batch. How good are its
samples? The nearest neighbour of a picture, among 500 training digits and 500 samples,
is of its own kind half of the time where nobody could tell them apart, always where they are bad,
and never for those 500 beside their copies (Lopez-Paz and Oquab 2017). Copies of any of the 1297 hide better,
.39 on the real side, so that samples must also lie as far from the training digits as these from each other.
A distance of means and covariances and the class counts complete the ladder.

Known rungs, accuracy / distance / class KL: other training digits .490 / .066 / .007, digits of other writers
.734 / .154 / .002, a full Gaussian .912 / .208 / .026, a mixture of 10 of them .708 / .116 / .012,
of 30 .520 / .072 / .003. The GAN ends beside the mixture of 10. That of 30, fitted in a tenth of a second,
is better in accuracy and classes and no worse in distance: for a thousand tiny pictures a GAN is not
the best tool. For the shapes it is between the two again, .76; but alone of all it draws edges as sharp
as there are, on both.

The default takes a minute and a half on two cores: 4000 steps of both players. The layers are too small for a
second thread; OMP_NUM_THREADS=1 is faster.
"""

import sys

import numpy as np
from sklearn.neighbors import KNeighborsClassifier

from minigen import Tensor, plot, sigmoid, to
from minigen.arguments import as_rows
from minigen.baselines import Gaussian, GaussianMixture
from minigen.data import digits_split, shapes
from minigen.experiment import Criterion, experiment
from minigen.losses import discriminator_loss
from minigen.metrics import frechet_distance, reverse_kl, two_sample_accuracy
from minigen.models import GAN, DCGANDiscriminator, DCGANGenerator, descend, generator_step
from minigen.optim import Adam
from minigen.sharing import UserError
from minigen.training import read_frames, shuffled

DATA = {"digits": digits_split, "shapes": lambda: (*shapes(4000, rng=0), *shapes(500, rng=1))}
LATENT, COUNT = 100, 500  # so many pictures on each side of a comparison
ACCURACY, REAL, FAKE = "1-NN accuracy", "its real side", "its fake side"
FRECHET, KL, MISSING = "Frechet distance in PCA-20", "KL of the class counts, nats", "classes missing"
GREY, APART = "grey pixels for each inked one", "distance to training pictures, among them 1"


def one_seed(run):
    if run.settings.data not in DATA:
        raise UserError(f"--data {run.settings.data}: there are {' and '.join(DATA)}")
    train, labels, test, _ = DATA[run.settings.data]()
    game, rng = trained(run, train), run.random.generator
    samples = painted(game, run.random.normal(COUNT, LATENT))
    reference, others = rng.permutation(train)[: 2 * COUNT].reshape(2, COUNT, *train.shape[1:])
    rungs = {"DCGAN": samples, "training pictures": others, "test pictures": test}
    rungs |= controls(train, rng)
    rungs["copies of the 500"] = reference + 0.02 * rng.standard_normal(reference.shape)
    classifier = KNeighborsClassifier(3).fit(as_rows("train", train), labels)
    table = {name: judged(reference, pictures, classifier) for name, pictures in rungs.items()}

    nearest = classifier.kneighbors(as_rows("samples", samples[:12]), 1, return_distance=False)[:, 0]
    rows = {"samples": samples[:12], "nearest training\npictures": train[nearest]}
    rows |= {"training pictures": reference[:12], "from one z\nto another": painted(game, path(run))}
    title = "What a convolutional GAN draws is no copy, and changes by small steps with z"
    plot.image_rows(rows, title, run.folder / "samples.png")
    draw_ladder(table, run.folder / "ladder.png")
    order = sorted(table, key=lambda rung: table[rung][ACCURACY])
    pictured = {r: (np.reshape(rungs[r], (-1, *train.shape[1:])), table[r][ACCURACY]) for r in order}
    title = "How often the nearest neighbour of a picture is of its own kind:\none half where nobody can tell"
    how = {"subject": "DCGAN", "axis": ACCURACY, "level": 0.5}
    plot.pictured_ladder(pictured, title, run.folder / "dcgan_digits.png", **how)
    plot.film(
        read_frames(run.folder), "What becomes of 64 fixed z while G learns", run.folder / "samples.gif"
    )
    seen = {"D(x), training": train, "D(x), test": test, "D(G(z))": samples}
    inputs = {name: Tensor(to(2 * pictures[:, None] - 1, run.device)) for name, pictures in seen.items()}
    answers = {name: sigmoid(game.eval().judge(x).data).mean() for name, x in inputs.items()}
    return answers | {f"{rung}: {name}": value for rung, row in table.items() for name, value in row.items()}


def trained(run, train):
    """The game after training on pictures (N, H, W) in [0, 1]."""
    settings, random, size = run.settings, run.random, train.shape[-1]
    narrow, wide = settings.channels // 2, settings.channels
    generator = DCGANGenerator(LATENT, (wide, narrow), size, rng=random.generator)
    discriminator = DCGANDiscriminator((narrow, wide), size, rng=random.generator)
    game = GAN(generator, discriminator).to(run.device)
    theirs, its = (Adam(player, lr=settings.lr, betas=(0.5, 0.999)) for player in (discriminator, generator))

    def step(x):
        # two batches for D, and not one of both kinds: else its batch norm would tell each about the other
        real, fake = game.judge(Tensor(x)), game.judge(game.samples(Tensor(random.normal(len(x), LATENT))))
        terms = {"D(x)": sigmoid(real.data).mean(), "D(G(z))": sigmoid(fake.data).mean()}
        terms["loss of D"] = descend(theirs, discriminator_loss(real, fake))
        terms["loss of G"] = generator_step(game, its, Tensor(random.normal(len(x), LATENT)))
        return terms

    batch = shuffled(to(2 * train[:, None] - 1, run.device), settings.batch, seed=run.seed)
    fixed, every = random.normal(64, LATENT), max(1, settings.steps // 20)
    players, frame = {"D": theirs, "G": its}, {"frame": lambda: painted(game, fixed), "frame_every": every}
    run.train(step, batch, settings.steps, model=game, optimizer=players, replay=True, **frame)
    return game


def painted(game, z):
    """Pictures (N, H, W) in [0, 1], by the running statistics: none depends on others of its batch."""
    game.eval()
    pictures = to(game.samples(Tensor(z)).data, "cpu")[:, 0]
    game.train()
    return (pictures + 1) / 2


def path(run, points=12):
    """From one z to another, around 0: half-way along the straight line z would be too short for N(0, I)."""
    angle = np.linspace(0, np.pi / 2, points, dtype=np.float32)
    return to(np.stack([np.cos(angle), np.sin(angle)], 1), run.device) @ run.random.normal(2, LATENT)


def controls(train, rng):
    """Pictures to compare with; what a Gaussian draws is cut to the greys that there are."""
    fits = {"full Gaussian": Gaussian(train)}
    fits |= {f"{k} Gaussians": GaussianMixture(train, k, rng=rng) for k in (10, 30)}
    rungs = {name: np.clip(fit.sample(COUNT, rng=rng), 0, 1) for name, fit in fits.items()}
    return rungs | {"one picture": train[:1].repeat(COUNT, 0), "noise": rng.random((COUNT, train[0].size))}


def judged(reference, pictures, classifier):
    """The measures of one rung."""
    pictures = as_rows("pictures", pictures)
    accuracy, real, fake = two_sample_accuracy(reference, pictures)
    counts = np.bincount(classifier.predict(pictures), minlength=len(classifier.classes_))
    distances = {FRECHET: frechet_distance(reference, pictures), KL: reverse_kl(counts)}
    near, among = (np.median(classifier.kneighbors(x, 1)[0]) for x in (pictures, None))
    grey = np.sum((pictures > 0.1) & (pictures < 0.9)) / np.sum(pictures > 0.5)
    others = {MISSING: np.sum(counts == 0), GREY: grey, APART: near / among}
    return {ACCURACY: accuracy, REAL: real, FAKE: fake, **distances, **others}


def draw_ladder(table, path):
    rungs = sorted(table, key=lambda rung: table[rung][ACCURACY])
    panels = {ACCURACY: {rung: tuple(table[rung][side] for side in (ACCURACY, REAL, FAKE)) for rung in rungs}}
    panels |= {measure: {rung: table[rung][measure] for rung in rungs} for measure in (FRECHET, KL)}
    how = {"logarithmic": (FRECHET, KL), "parts": ("real side", "fake side"), "levels": {ACCURACY: 0.5}}
    title = "Better than a full Gaussian, and no copies: the place of the GAN on the ladder"
    plot.ladder(panels, title, path, subject="DCGAN", **how)


def criteria(accuracy, kl):
    return [
        Criterion(f"DCGAN: {ACCURACY}", "a full Gaussian .912, other training digits .490", 0.45, accuracy),
        Criterion(f"DCGAN: {REAL}", "0 for copies of the 500, .5 for the best", above=0.4),
        Criterion(f"DCGAN: {APART}", "0 for copies of anything, 1 for new ones of the kind", 0.5, 3),
        Criterion(f"DCGAN: {KL}", "one class alone 2.303, pixels shuffled .170, even .01", below=kl),
        Criterion(f"DCGAN: {MISSING}", "none", below=0.5),
    ]


if __name__ == "__main__":
    sys.exit(
        experiment(
            "dcgan_digits",
            one_seed,
            __doc__,
            settings={"data": "digits", "channels": 64, "batch": 64, "steps": 4000, "lr": 2e-4},
            criteria=criteria(0.9, 0.05),
            quick={"channels": 32, "batch": 32, "steps": 700, "lr": 1e-3},
            quick_criteria=criteria(0.97, 0.15),
            paper={"channels": 128, "batch": 128, "steps": 20000},
        )
    )
