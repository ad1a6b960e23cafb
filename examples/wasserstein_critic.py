"""The loss of a Wasserstein critic is a distance, once its price is known; that of a discriminator is none.

    python examples/wasserstein_critic.py [--quick] [--moves 5000] [--seed 0] [--seeds 5 --jobs 2] [--out DIR]

Between N(0, 1) and N(m, 1) the distance W1 is m. A critic that pays lambda (slope - 1)^2, at points of
density r, is best not with slope 1 but with 1 + |F - G| / (2 lambda r), F and G the distribution functions:
with lambda 10 and m = 8 it reports 11.2, 1.4 times W1. But what it reports less twice what it pays is W1 at
every m. If its weights are clipped instead, all of them end at +-clip, and it reports some multiple of W1
that the clip decides: half the clip, with two layers, a quarter.

Then games on a ring of 8 Gaussians, whose adversary moves 500 times at first, and then 10 times for each move
of the generator. The loss of a critic orders the samples as their sliced distance from the data does, and its
slope in between is near 1. The loss of a discriminator does not, and the samples stay away. With 2 moves only
they come near, and how far its loss follows them is a matter of chance.
"""

import sys

import numpy as np

from minigen import Random, plot, replay, to
from minigen.data import ring
from minigen.experiment import Criterion, experiment
from minigen.metrics import penalised_estimate, sliced_wasserstein, wasserstein_1d
from minigen.models import (
    GAN,
    WGAN,
    Discriminator,
    PassThrough,
    adversary_step,
    rounds_on_toys,
    scores_and_slopes,
)
from minigen.models.plane import mlp
from minigen.nn import ReLU
from minigen.optim import Adam, RMSprop, linear
from minigen.training import read_frames, read_log

LAM, CLIP, BATCH, HIDDEN = 10, 0.1, 256, 64
DISTANCES, X, RING = range(8, 0, -1), np.linspace(-8, 16, 4801), ring(8, radius=2.0, sigma=0.1)
GAMES = {  # moves of the adversary at first, and for each of the generator's; learning rates of the two
    "critic": (WGAN, {"lam": 3}, 500, 10, 4e-3, 5e-4),
    "discriminator": (GAN, {}, 500, 10, 4e-3, 5e-4),
    "weak discriminator": (GAN, {}, 2, 2, 1e-3, 1e-3),
}
KNOWN = {  # measure: (what is known, above, below)
    "estimate / W1, m = 8": ("1.401, about 1 + m / (2 lambda)", 1.35, 1.45),
    "estimate / its known value": ("1, the m that is furthest from it", 0.95, 1.05),
    "(estimate - 2 penalty) / W1": ("1, the m that is furthest from it", 0.95, 1.05),
    "estimate, clip 0.1 / clip 0.05": ("4, not 2 or 8: a factor of 2 a layer", 2.83, 5.66),
    "share of weights at +-0.1, clip 0.1": ("most of them", 0.5, 1.01),
    "share of weights at their largest, penalty": ("few", 0, 0.1),
    "rank correlation, critic": ("1, a distance", 0.9, 1.01),
    "slope, critic": ("1 + W1 / (2 lambda), near 1", 0.9, 1.1),
    "rank correlation, discriminator": ("its loss is no distance", -1.01, 0.5),
}
# the samples of a quick run soon stand nearly still, where the order is that of chance; the way there is not
QUICK = {measure: known for measure, known in KNOWN.items() if not measure.startswith("rank")} | {
    "correlation, critic": ("1", 0.5, 1.01),
    "slope, critic": ("1 + W1 / (2 lambda)", 0.9, 1.2),
    "slope, discriminator": ("nothing holds it near 1", 3, 1000),
}


def one_seed(run):
    values, lines, points = on_a_line(run)
    panels = {"N(0, 1) and N(m, 1)": ("Wasserstein distance m", "reported by the critic", lines, points)}
    for name in list(GAMES)[: run.settings.games]:
        distances, losses, slope = on_a_ring(run, name)
        still = np.ptp(distances) == 0 or np.ptp(losses) == 0  # then there is no order, and no correlation
        order = 0.0 if still else np.corrcoef(ranks(distances), ranks(losses))[0, 1]
        axes = "sliced Wasserstein distance", f"minus the loss of the {name}"
        panels[f"{name}, rank correlation {order:.2f}"] = (*axes, {}, {"": (distances, losses)})
        values |= {f"rank correlation, {name}": order, f"slope, {name}": slope}
        values[f"correlation, {name}"] = 0.0 if still else np.corrcoef(distances, losses)[0, 1]
        values[f"sliced distance at last, {name}"] = distances[-1]
    title = "A critic's loss is a distance, up to a price that is known; a discriminator's loss is none"
    plot.estimates(panels, title, run.folder / "wasserstein_critic.png")
    return values


def on_a_line(run):
    """The measures, and the lines and points of the figure."""
    w1 = np.array([wasserstein_1d(X, X, x_weights=density(0), y_weights=density(m)) for m in DISTANCES])
    exact = [penalised_estimate(X, density(0), density(m), between(m), LAM) for m in DISTANCES]
    (estimate, penalty), free = follow(run, None)
    (clipped, _), boxed = follow(run, CLIP)
    (halved, _), _ = follow(run, CLIP / 2)
    title = "Clipping drives the weights to the ends of their box; the penalty leaves them inside"
    weights = {f"clip {CLIP}": {"": boxed}, f"penalty, lambda {LAM}": {"": free}}
    plot.histograms(weights, title, run.folder / "weights.png", axis="weight", columns=2)
    values = {
        "estimate / W1, m = 8": estimate[0] / w1[0],
        "estimate / its known value": furthest(estimate / exact),
        "(estimate - 2 penalty) / W1": furthest((estimate - 2 * penalty) / w1),
        "estimate / W1, m = 8, clip 0.1": clipped[0] / w1[0],
        "estimate, clip 0.1 / clip 0.05": clipped[0] / halved[0],
        "share of weights at +-0.1, clip 0.1": np.mean(np.abs(boxed) > 0.99 * CLIP),
        "share of weights at their largest, penalty": np.mean(np.abs(free) > 0.99 * np.abs(free).max()),
    }
    lines = {"the distance": (w1, w1), "best with penalty": (w1, exact)}
    paid = {"penalty": (w1, estimate), "less what it pays, twice": (w1, estimate - 2 * penalty)}
    return values, lines, paid | {f"clip {CLIP}": (w1, clipped)}


def ranks(x):
    """The place of each number in their order (N,); equal ones share the mean of their places."""
    x = np.asarray(x)
    return (x[:, None] > x).sum(axis=1) + 0.5 * (x[:, None] == x).sum(axis=1)


def furthest(ratios):
    return ratios[np.abs(ratios - 1).argmax()]


def density(m, sd=1.0):
    return np.exp(-(((X - m) / sd) ** 2) / 2) / (sd * np.sqrt(2 * np.pi))


def between(m):
    """The density of alpha x + (1 - alpha) y, with x from N(0, 1), y from N(m, 1) and alpha from U[0, 1]."""
    return np.mean([density((1 - a) * m, np.hypot(a, 1 - a)) for a in (np.arange(200) + 0.5) / 200], axis=0)


def follow(run, clip):
    """A critic follows m from 8 to 1: (what it reports, what it pays) at each m, and its weights at m = 8."""
    random, rows, weights = Random(run.seed, run.device), [], []
    critic = Discriminator(1, HIDDEN, rng=random.generator)
    game = WGAN(PassThrough(), critic, lam=0 if clip else LAM).to(run.device)
    optimizer, rate = (RMSprop(critic), 1e-3) if clip else (Adam(critic, betas=(0.5, 0.9)), 1e-2)

    def move(*batch):
        adversary_step(game, optimizer, *batch, clip=clip)

    played = replay(move, strict=False) if run.replay else move
    for m in DISTANCES:
        steps = run.settings.steps * (1 if weights else 4)
        for step in range(steps):
            optimizer.lr = linear(step, steps, rate, 0.02 * rate)
            # beyond m / 2 the price would hold a slope of the wrong sign where it is
            grows = not (clip or weights) and step <= steps // 2
            if grows:
                game.lam = linear(step, steps // 2, 0.1, LAM)
            batch = [random.normal(BATCH, 1), random.normal(BATCH, 1) + m]
            batch += [] if clip else [random.uniform(BATCH, 1)]
            (move if grows else played)(*batch)
        scores, slopes = scores_and_slopes(critic, X[:, None])
        paid = LAM * between(m) * (slopes - 1) ** 2
        rows.append([np.trapezoid(scores * (density(0) - density(m)), X), np.trapezoid(paid, X)])
        weights = weights or [to(w.data, "cpu").ravel() for w in (critic.hidden.weight, critic.output.weight)]
    return np.array(rows).T, np.concatenate(weights)


def on_a_ring(run, name):
    """Distances of samples from data, minus losses of the adversary, and its mean slope in between."""
    make, options, first, moves, fast, slow = GAMES[name]
    random, betas, every = Random(run.seed, run.device), (0.5, 0.9), 100 // moves
    generator = mlp((2, HIDDEN, HIDDEN, 2), ReLU(), rng=random.generator)
    adversary = mlp((2, HIDDEN, HIDDEN, 1), rng=random.generator)
    game = make(generator, adversary, **options).to(run.device)
    theirs, its = Adam(adversary, lr=fast, betas=betas), Adam(generator, lr=slow, betas=betas)
    data, z = RING.sample(1000, rng=random.generator), random.normal(1000, 2)
    step = rounds_on_toys(game, theirs, its, RING, random, batch=128)
    step(first)  # so that the adversary knows the first samples
    keep = {"into": name, "log_every": 1, "frame": lambda: game.samples(z), "frame_every": every}
    keep |= {"model": game, "optimizer": {"adversary": theirs, "generator": its}, "random": random}
    keep["replay"] = True
    run.train(step, lambda n: moves, run.settings.moves // moves, **keep)
    samples = list(read_frames(run.folder / name).values())[1:]
    distances = [sliced_wasserstein(x, data, rng=0, projections=50) for x in samples]
    losses = read_log(run.folder / name)["adversary"][: every * len(samples)].reshape(-1, every).mean(axis=1)
    alpha = random.generator.random((len(data), 1))
    _, slopes = scores_and_slopes(adversary, alpha * data + (1 - alpha) * samples[-1])
    return distances, -losses, float(slopes.mean())


if __name__ == "__main__":
    sys.exit(
        experiment(
            "wasserstein_critic",
            one_seed,
            __doc__,
            settings={"steps": 200, "moves": 5000, "games": 3},
            criteria=[Criterion(measure, *known) for measure, known in KNOWN.items()],
            quick={"steps": 60, "moves": 2200, "games": 2},
            quick_criteria=[Criterion(measure, *known) for measure, known in QUICK.items()],
        )
    )
