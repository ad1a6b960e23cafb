"""One round of a GAN in numbers that can be checked by hand: who may move what, and where it ends.

    python examples/gan_tracing.py [--quick] [--rounds 600] [--seed 0] [--seeds 5] [--out DIR]

The smallest players that learn to draw: G(z) = z + m, and D(x) = sigmoid(a x + b), all of a, b and m at 0.
The data are 1, 2, 3, the noise is -1, 0, 1, both rates are 1/2. D moves first, and only a and b:

    gradient of a = -mean x (1 - D(x)) + mean G(z) D(G(z)) = -2/2 + 0/2 = -1:   a = 1/2
    gradient of b = -mean (1 - D(x)) + mean D(G(z)) = -1/2 + 1/2 = 0:   b = 0

Then G, and only m, through the D that has just moved:

    gradient of m = -a mean (1 - D(G(z))) = -1/2 . 1/2 = -1/4:   m = 1/8

So D(x) has risen from 0.5 to 0.7237, D(G(z)) stayed at 0.5 while D moved, and rises to 0.5150 as G does. From
there on both draw new numbers each round, the data from N(2, 1), the noise from N(0, 1). D gets ahead, G
comes after, and in the end D has nothing to go by: both answers are one half, V is -log 4, and m is 2.
"""

import math
import sys

import numpy as np

from minigen import Random, Tensor, no_grad, plot, sigmoid, to
from minigen.experiment import Criterion, experiment
from minigen.models import GAN, adversary_step, generator_step
from minigen.nn import Dense, Module
from minigen.optim import SGD
from minigen.training import read_log

DATA, NOISE, RATE, BATCH, MEAN = (1.0, 2.0, 3.0), (-1.0, 0.0, 1.0), 0.5, 512, 2.0
NAMES = ("a", "b", "m")
START, AFTER_D, AFTER_G = "at the start", "after D's move", "after G's move"
REAL, FAKE = "D(x)", "D(G(z))"
END_REAL, END_FAKE, END_VALUE, END_MEAN = (
    f"{REAL} at the end",
    f"{FAKE} at the end",
    "V at the end",
    "m at the end",
)
AHEAD = f"most of {REAL} - {FAKE} on the way"


class Shift(Module):
    """G(z) = z + m"""

    def __init__(self):
        self.m = Tensor(np.zeros(1), requires_grad=True)

    def forward(self, z):
        return z + self.m


def one_seed(run):
    judge = Dense(1, 1, rng=run.random.generator, dtype="float64")  # a and b
    judge.load_state_dict({"weight": np.zeros((1, 1)), "bias": np.zeros(1)})
    game = GAN(Shift(), judge).to(run.device)
    theirs, its = SGD(game.discriminator, lr=RATE), SGD(game.generator, lr=RATE)

    x, z = (to(np.array([numbers]).T, run.device) for numbers in (DATA, NOISE))
    trace = {START: state(game, x, z)}
    adversary_step(game, theirs, x, z)
    trace[AFTER_D] = state(game, x, z)
    generator_step(game, its, z)
    trace[AFTER_G] = state(game, x, z)
    show(trace, run.folder / "round.md")

    random = Random(run.seed, run.device, dtype="float64")

    def step(_):
        batch = (MEAN + random.normal(BATCH, 1), random.normal(BATCH, 1))
        before = state(game, *batch)
        adversary_step(game, theirs, *batch)
        generator_step(game, its, random.normal(BATCH, 1))
        return {name: before[name] for name in (REAL, FAKE, "m")}

    players, rounds = {"D": theirs, "G": its}, run.settings.rounds
    run.train(
        step, lambda n: n, rounds, into="game", model=game, optimizer=players, random=random, log_every=2
    )
    log = read_log(run.folder / "game")
    title = "A round of training moves D, then G; in the end D can only say one half"
    plot.game_round(trace, (DATA, NOISE), log, title, run.folder / "gan_tracing.png", names=(REAL, FAKE))
    x, z = MEAN + random.normal(20_000, 1), random.normal(20_000, 1)
    end = state(game, x, z)
    with no_grad():
        value = -game.discriminator_loss(Tensor(x), Tensor(z)).item()
    measured = {f"{name} {when}": row[name] for when, row in trace.items() for name in (*NAMES, REAL, FAKE)}
    measured |= {END_REAL: end[REAL], END_FAKE: end[FAKE], END_MEAN: end["m"], END_VALUE: value}
    return measured | {AHEAD: (log[REAL] - log[FAKE]).max()}


def state(game, x, z):
    """The three numbers that the players own, and what D answers on average."""
    with no_grad():
        real, fake = (sigmoid(game.judge(Tensor(t))).data.mean() for t in (x, game.samples(Tensor(z)).data))
    weights = game.discriminator.weight, game.discriminator.bias, game.generator.m
    return dict(zip(NAMES, (p.data.sum().item() for p in weights), strict=True)) | {
        REAL: float(real),
        FAKE: float(fake),
    }


def show(trace, path):
    """The round as a table, in the terminal and in round.md."""
    columns = (*NAMES, REAL, FAKE)
    lines = [f"| | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    lines += [
        f"| {when} | {' | '.join(f'{row[name]:.4f}' for name in columns)} |" for when, row in trace.items()
    ]
    path.write_text("\n".join(lines) + "\n")
    print("\n".join(lines) + "\n")


def criteria(share, value, mean):
    by_hand = {  # the docstring's numbers; what a player must not move stays 0
        AFTER_D: {"a": 0.5, "b": 0, "m": 0, REAL: answer(0.5, 0, DATA), FAKE: answer(0.5, 0, NOISE)},
        AFTER_G: {"a": 0.5, "b": 0, "m": 0.125, FAKE: answer(0.5, 0.0625, NOISE)},
    }
    traced = [
        Criterion(f"{name} {when}", f"{number:.4f}, by hand", number - 1e-6, number + 1e-6)
        for when, numbers in by_hand.items()
        for name, number in numbers.items()
    ]
    return [
        *traced,
        Criterion(AHEAD, "G starts 2 behind, where the best D has .55", 0.1, 0.6),
        *(Criterion(name, "0.5", 0.5 - share, 0.5 + share) for name in (END_REAL, END_FAKE)),
        Criterion(END_VALUE, "-log 4 = -1.386", -math.log(4) - value, -math.log(4) + value),
        Criterion(END_MEAN, "2, the mean of the data", MEAN - mean, MEAN + mean),
    ]


def answer(a, b, numbers):
    """mean sigmoid(a x + b)"""
    return sum(1 / (1 + math.exp(-(a * x + b))) for x in numbers) / len(numbers)


if __name__ == "__main__":
    sys.exit(
        experiment(
            "gan_tracing",
            one_seed,
            __doc__,
            settings={"rounds": 600},
            criteria=criteria(0.02, 0.005, 0.1),
            quick={"rounds": 300},
            quick_criteria=criteria(0.03, 0.01, 0.2),
        )
    )
