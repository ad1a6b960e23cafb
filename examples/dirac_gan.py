"""The smallest game, one number for each player: which objectives settle, and which go round for ever.

    python examples/dirac_gan.py [--quick] [--steps 500] [--seed 0] [--seeds 5] [--out DIR]

The data all lie at 0, the generator puts its samples at theta, and the discriminator is the line psi x: both
are right at (0, 0). From (1, 1), in 500 steps of 0.2, minimax spirals out, non-saturating creeps, Wasserstein
circles. Those settle that have noise at the data, a price on the slope there (R1), or v - grad 1/2 ||v||^2
for v (consensus: Mescheder, Nowozin and Geiger 2017). The distances are what the formulas of Mescheder,
Geiger and Nowozin (2018) give, to every digit, and shrink by the spectral radius of one step. Far away
consensus can harm: where D is sure, v is small, too, and a D with five moves goes there. (The authors'
notebook has half of one term of that gradient, and its D settles.)
"""

import sys
from itertools import product, repeat

import numpy as np

from minigen import Tensor, grad, plot, replay, to
from minigen.experiment import Criterion, experiment, rounds_to
from minigen.losses import discriminator_loss
from minigen.models import GAN, WGAN, adversary_step, generator_step, simultaneous_round
from minigen.nn import Module
from minigen.optim import SGD

RATE, SCHEDULES = "factor a step, ", ("at once", "in turn", "1 : 5")
LR, SIGMA, DRAWS = 0.2, 0.7, 1000  # sigma and draws of the instance noise
LIMITS = (-3, 3)


class Consensus(GAN):
    """Both players also pay 1/2 ||v||^2; v is, but for signs, the gradient of the loss of a minimax game."""

    def price(self, z):
        real, fake = self.judge(z), self.judge(self.generate(z))  # the data are zeros, as z is
        v = grad(discriminator_loss(real, fake), self.parameters(), create_graph=True)
        return 0.5 * sum((part * part).sum() for part in v)

    def adversary_loss(self, x, z):
        return self.discriminator_loss(x, z) + self.price(z)

    def generator_loss(self, z):
        return super().generator_loss(z) + self.price(z)


# method: (the game, what its class is told, the published distances); the notebook's lambda is twice ours
METHODS = {
    "minimax": (GAN, {"kind": "minimax"}, ("3.10", "1.42", "1.845")),
    "non-saturating": (GAN, {}, ("0.640", "0.284", "0.139")),
    "WGAN, clip 1": (WGAN, {}, ("1.00", "1.02", "0.917")),
    "WGAN-GP, lambda 0.35": (WGAN, {"lam": 0.35}, ("1.80", "1.22", "0.716")),
    "instance noise 0.7": (GAN, {"kind": "minimax"}, None),  # chance decides: about 0.02 and 0.01
    "R1, gamma 0.3": (GAN, {"kind": "minimax", "gamma": 0.3}, ("2.64e-6", "2.30e-7", "9.25e-34")),
    "R1, gamma 1": (GAN, {"kind": "minimax", "gamma": 1.0}, ("9.5e-22", "7.5e-17", "5.14e-12")),
    "consensus, gamma 1": (Consensus, {"kind": "minimax"}, ("2.58e-10", "1.72e-11", "10.97")),
    "non-saturating, R1 0.3": (GAN, {"gamma": 0.3}, ("2.21e-6", "1.50e-7", "3.98e-34")),
}
# what theta and psi lose by themselves: the diagonal of -v' at (0, 0), beside -f'(0) = -1/2 and f'(0) = 1/2
DAMPING = {"R1, gamma 0.3": (0, 0.3), "R1, gamma 1": (0, 1), "consensus, gamma 1": (0.25, 0.25)}


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
    paths, radii, values = {}, {}, {}
    for method in METHODS:
        paths[method] = {s: play(method, s, run) for s in SCHEDULES[: run.settings.schedules]}
        radii[method] = {s: (range(len(path)), np.hypot(*path.T)) for s, path in paths[method].items()}
        for schedule, (steps, radius) in radii[method].items():
            values[f"{method}, {schedule}"] = radius[-1]
            if method in DAMPING:
                late = steps[len(steps) // 5 :]  # the first steps are too far away to be linear
                values[f"{RATE}{method}, {schedule}"] = np.exp(np.polyfit(late, np.log(radius[late]), 1)[0])
    panels, fields = {}, {}
    for method, of in paths.items():
        factor = values.get(f"{RATE}{method}, {SCHEDULES[0]}")
        name = f"{method}\n{values[f'{method}, {SCHEDULES[0]}']:.2g} away"
        name += f", x {factor:.3f}" if factor else ""
        panels[name], fields[name] = of, field(method, run)
    title = "Noise at the data, a price on the slope there (R1), or consensus lets the two players settle\n"
    title += f"(at once: distance after {run.settings.steps} steps, factor a step; arrows: a step from there)"
    how = {"axes": ("theta", "psi"), "limits": LIMITS, "fields": fields}
    plot.phase_portraits(panels, title, run.folder / "dirac_gan.png", **how)
    title = "Distance from the equilibrium: what settles shrinks it by a fixed factor a step"
    names = {"axes": ("step", "distance"), "yscale": "log", "ylim": (1e-7, 20), "columns": 3}
    plot.curves(radii, title, run.folder / "radii.png", **names)
    return values


def field(method, run, side=9):
    """Where a step at once leads from each point of a grid: places (M, 2) and changes (M, 2)."""
    line = np.linspace(*LIMITS, 2 * side + 1)[1::2]
    places = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)
    steps = [play(method, SCHEDULES[0], run, start, steps=1) for start in places.tolist()]
    return places, np.array([end - start for start, end in steps])


def play(method, schedule, run, start=(1.0, 1.0), steps=None):
    """The path of (theta, psi), as the notebook draws it: (steps + 1, 2)."""
    make, options, _ = METHODS[method]
    game = make(Shift(start[0]), Slope(-start[1]), **options).to(run.device)
    adversary = game.critic if make is WGAN else game.discriminator
    theirs, its = SGD(adversary, lr=LR), SGD(game.generator, lr=LR)
    clip = 1.0 if method == "WGAN, clip 1" else None
    zero = to(np.zeros((1, 1)), run.device)
    batches = noisy(run) if method.startswith("instance noise") else repeat((zero, zero))
    extra = (zero + 0.5,) if "lam" in options else ()  # alpha: psi is the slope anywhere

    def move_both(x, z):
        simultaneous_round(game, theirs, its, (x, z, *extra), z, clip=clip)

    def move_generator(z):
        generator_step(game, its, z)

    def move_adversary(x, z):
        adversary_step(game, theirs, x, z, *extra, clip=clip)

    if run.replay and not steps:
        moves = move_both, move_generator, move_adversary
        move_both, move_generator, move_adversary = (replay(move, strict=False) for move in moves)
    path = [start]
    for _ in range(steps or run.settings.steps):
        x, z = next(batches)
        if schedule == "at once":
            move_both(x, z)
        else:  # the notebook's generator moves first
            move_generator(z)
            for _ in range(5 if schedule == "1 : 5" else 1):
                move_adversary(*next(batches))
        path.append((game.generator.theta.item(), -adversary.psi.item()))
    return np.array(path)


def noisy(run):
    """Data and samples both with noise, drawn anew each time."""
    while True:
        x, z = SIGMA * run.random.generator.standard_normal((2, DRAWS, 1))
        yield to(x, run.device), to(z, run.device)


def spectral_radius(method, schedule):
    """Of one step at (0, 0): 1 + h v' at once, and a product of one-sided steps in turn."""
    both = np.eye(2) + LR * np.array([[-DAMPING[method][0], -0.5], [0.5, -DAMPING[method][1]]])
    its, theirs = np.array([both[0], [0, 1]]), np.array([[1, 0], both[1]])
    turn = np.linalg.matrix_power(theirs, 5 if schedule == "1 : 5" else 1) @ its
    return float(abs(np.linalg.eigvals(both if schedule == "at once" else turn)).max())


def criteria(schedules):
    rows = []
    for (method, (*_, radii)), (n, schedule) in product(METHODS.items(), enumerate(schedules)):
        name = f"{method}, {schedule}"
        noise = Criterion(name, "0.02 or 0.01, the floor of 1000 draws", below=0.1)
        rows.append(rounds_to(name, radii[n], "by the formulas of Mescheder et al.") if radii else noise)
        if method in DAMPING and name != "consensus, gamma 1, 1 : 5":  # that one has left
            exact = spectral_radius(method, schedule)
            rows.append(Criterion(RATE + name, f"{exact:.5f}, linear theory", 0.99 * exact, 1.01 * exact))
    return rows


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
