"""The smallest game, one number for each player: which objectives settle, and which go round for ever.

    python examples/dirac_gan.py [--quick] [--steps 500] [--seed 0] [--seeds 5] [--out DIR]

The data all lie at 0, the generator puts its samples at theta, and the discriminator is the line psi x:
both are right at (0, 0). From (1, 1), in 500 steps of 0.2, minimax spirals out, non-saturating creeps,
Wasserstein circles, and only those settle that have noise at the data, or a price on the slope there (R1).
The distances from (0, 0) are what the formulas in the notebook of Mescheder, Geiger and Nowozin (2018)
give, to every digit, whether the players move at once, in turn, or the discriminator five times for each
move of the generator.
"""

import math
import sys
from itertools import repeat

import numpy as np

from minigen import Tensor, plot, to
from minigen.experiment import Criterion, experiment, rounds_to
from minigen.models import GAN, WGAN, adversary_step, generator_step, simultaneous_round
from minigen.nn import Module
from minigen.optim import SGD

SCHEDULES = ("at once", "in turn", "1 : 5")
SIGMA, DRAWS = 0.7, 1000  # of the instance noise

# method: (the game, what its class is told, the published distances); the notebook's lambda is twice ours
METHODS = {
    "minimax": (GAN, {"kind": "minimax"}, ("3.10", "1.42", "1.845")),
    "non-saturating": (GAN, {}, ("0.640", "0.284", "0.139")),
    "WGAN, clip 1": (WGAN, {}, ("1.00", "1.02", "0.917")),
    "WGAN-GP, lambda 0.35": (WGAN, {"lam": 0.35}, ("1.80", "1.22", "0.716")),
    "instance noise 0.7": (GAN, {"kind": "minimax"}, None),  # chance decides: about 0.02 and 0.01
    "R1, gamma 0.3": (GAN, {"kind": "minimax", "gamma": 0.3}, ("2.64e-6", "2.30e-7", "9.25e-34")),
    "R1, gamma 1": (GAN, {"kind": "minimax", "gamma": 1.0}, ("9.5e-22", "7.5e-17", "5.14e-12")),
    "non-saturating, R1 0.3": (GAN, {"gamma": 0.3}, ("2.21e-6", "1.50e-7", "3.98e-34")),
}
RATE = "factor a step, R1 with gamma 0.3"


class Shift(Module):
    """G(z) = z + theta"""

    def __init__(self, theta):
        self.theta = Tensor(np.array([theta]), requires_grad=True)

    def forward(self, z):
        return z + self.theta


class Slope(Module):
    """D(x) = x psi; the notebook's D is large at samples, ours at data, so its psi = 1 is -1 here."""

    def __init__(self, psi):
        self.psi = Tensor(np.array([[psi]]), requires_grad=True)

    def forward(self, x):
        return x @ self.psi


def one_seed(run):
    paths, values = {}, {}
    for method in METHODS:
        paths[method] = {s: play(method, s, run) for s in SCHEDULES[: run.settings.schedules]}
        for schedule, path in paths[method].items():
            values[measure(method, schedule)] = np.hypot(*path[-1])
    radius = np.hypot(*paths["R1, gamma 0.3"]["at once"].T)
    late = np.arange(len(radius) // 5, len(radius))  # the first steps are too far away for the linear theory
    values[RATE] = math.exp(np.polyfit(late, np.log(radius[late]), 1)[0])

    title = "Only noise at the data, or a price on the slope there (R1), lets the two players settle"
    plot.phase_portraits(paths, title, run.folder / "paths.png", axes=("theta", "psi"))
    radii = {
        method: {schedule: (range(len(path)), np.hypot(*path.T)) for schedule, path in lines.items()}
        for method, lines in paths.items()
    }
    title = "Distance from the equilibrium: noise and R1 shrink it by a fixed factor a step"
    plot.curves(
        radii, title, run.folder / "radii.png", axes=("step", "distance"), yscale="log", ylim=(1e-7, 10)
    )
    return values


def measure(method, schedule):
    return f"{method}, {schedule}"


def play(method, schedule, run):
    """The path of (theta, psi), as the notebook draws it: (steps + 1, 2)."""
    make, options, _ = METHODS[method]
    game = make(Shift(1.0), Slope(-1.0), **options).to(run.device)
    adversary = game.critic if make is WGAN else game.discriminator
    theirs, its = SGD(adversary, lr=0.2), SGD(game.generator, lr=0.2)
    clip = 1.0 if method == "WGAN, clip 1" else None
    zero = to(np.zeros((1, 1)), run.device)
    batches = noisy(run) if method.startswith("instance noise") else repeat((zero, zero))
    extra = (
        (to(np.full((1, 1), 0.5), run.device),) if "lam" in options else ()
    )  # alpha: psi is the slope anywhere
    path = [(1.0, 1.0)]
    for _ in range(run.settings.steps):
        x, z = next(batches)
        if schedule == "at once":
            simultaneous_round(game, theirs, its, (x, z, *extra), z, clip=clip)
        else:  # the notebook's generator moves first
            generator_step(game, its, z)
            for _ in range(5 if schedule == "1 : 5" else 1):
                adversary_step(game, theirs, *next(batches), *extra, clip=clip)
        path.append((game.generator.theta.item(), -adversary.psi.item()))
    return np.array(path)


def noisy(run):
    """Data and samples both with noise, drawn anew each time."""
    while True:
        x, z = SIGMA * run.random.generator.standard_normal((2, DRAWS, 1))
        yield to(x, run.device), to(z, run.device)


def criteria(schedules):
    known = [
        rounds_to(measure(method, schedule), printed, "by the formulas of Mescheder et al.")
        for method, (_, _, radii) in METHODS.items()
        if radii
        for schedule, printed in zip(schedules, radii, strict=False)
    ]
    noise = [
        Criterion(measure("instance noise 0.7", s), "0.02 or 0.01, the floor of 1000 draws", below=0.1)
        for s in schedules
    ]
    rate = Criterion(RATE, "|1 + h lambda| = 0.97468 of the linear theory", above=0.9744, below=0.9750)
    return [*known, *noise, rate]


if __name__ == "__main__":
    sys.exit(
        experiment(
            "dirac_gan",
            one_seed,
            __doc__,
            settings={"steps": 500, "schedules": 3},
            criteria=criteria(SCHEDULES),
            quick={"schedules": 2},
            quick_criteria=criteria(SCHEDULES[:2]),
        )
    )
