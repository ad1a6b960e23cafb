"""A network that takes noise away knows where the data are denser: it moves a point by
sigma^2 times the score.

    python examples/denoising_score.py [--quick] [--steps 12000] [--seed 0] [--seeds 5 --jobs 2] [--out DIR]

The best guess at what was there before Gaussian noise is r(x) = x + sigma^2 grad log p_sigma(x),
where p_sigma is the density of the noisy points (Tweedie's formula, Robbins 1956; for denoising autoencoders
Vincent 2011, and for small sigma Alain and Bengio 2014). Eight Gaussians on a ring stay Gaussians under
noise, so the slope of log p_sigma has a closed form; a spiral is 500 small Gaussians along a line.
The arrows (r(x) - x) / sigma^2 of a trained network must point the same way, with a mean cosine
of .95 over a fine grid wherever p_sigma is above 1 % of its maximum, and be as long: their error,
weighted by the density, must stay below 10 %.

An untrained network knows neither. The best affine map only knows that the mean is in the middle. And the
slope without noise, of the density of the data themselves, has almost the same direction on the ring but is,
around a centre, 5 and 2 times as long for a noise of .2 and .1: the cosine alone would not tell which of the
two a network has learned.
"""

import sys
from typing import NamedTuple

import numpy as np

from minigen import Tensor, no_grad, plot, to
from minigen.baselines import Wiener
from minigen.data import Curve, Mixture, ring, spiral
from minigen.engine.ops import logsumexp
from minigen.experiment import Criterion, experiment
from minigen.losses import squared_error
from minigen.models import add_noise
from minigen.nn import Dense, Sequential, Tanh, normal
from minigen.optim import Adam, cosine

BATCH, HIDDEN, RATE = 256, 64, 1e-2
SIDE, REACH = 81, 1.6  # the points of the grid along a side, from -REACH to REACH
NETWORK, UNTRAINED, AFFINE = "network", "untrained network", "best affine map"
CLEAN = "slope without noise"


class Task(NamedTuple):
    """Points of the plane, the noise they get, and the Gaussians N(centre, spread^2 I) they come from."""

    data: Mixture | Curve
    sigma: float
    centres: np.ndarray
    spread: float


def tasks():
    eight, line = ring(8, sigma=0.1), spiral(turns=1.5, noise=0.02)
    along = line.path((np.arange(500) + 0.5) / 500)[0]  # (500, 2): a curve is many small Gaussians
    return {
        "ring, noise .2": Task(eight, 0.2, eight.centres, eight.sigma),
        "ring, noise .1": Task(eight, 0.1, eight.centres, eight.sigma),
        "spiral, noise .15": Task(line, 0.15, along, line.noise),
    }


def direction(name, method):
    return f"mean cosine with the exact slope, {name}, {method}"


def error(name, method):
    return f"error of the slope, % of its size, {name}, {method}"


def one_seed(run):
    line = np.linspace(-REACH, REACH, SIDE)
    grid = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2)  # (6561, 2)
    coarse = np.isin(grid, line[::4]).all(axis=1)  # the few whose arrows are drawn
    measured, panels = {}, {}
    for name, task in tasks().items():
        variance = task.spread**2 + task.sigma**2
        slopes, log_p = smoothed(grid, task.centres, variance)
        inside = log_p > log_p.max() + np.log(0.01)
        x, slopes, density = grid[inside], slopes[inside], np.exp(log_p[inside])
        arrows = {method: (r - x) / task.sigma**2 for method, r in guesses(run, name, task, x).items()}
        arrows[CLEAN] = smoothed(x, task.centres, task.spread**2)[0]
        for method, arrow in arrows.items():
            measured[direction(name, method)] = np.mean(cosines(arrow, slopes))
            measured[error(name, method)] = 100 * np.sqrt(
                density @ ((arrow - slopes) ** 2).sum(axis=1) / (density @ (slopes**2).sum(axis=1))
            )
        few = coarse[inside]
        moves = {"exact": task.sigma**2 * slopes[few], NETWORK: task.sigma**2 * arrows[NETWORK][few]}
        panels[name] = x[few], moves, task.data.sample(500, rng=run.random.generator)
    title = (
        "A denoising network moves each point up the density of the noisy points, by sigma^2 times the slope"
    )
    plot.fields(panels, title, run.folder / "denoising_score.png")
    return measured


def smoothed(x, centres, variance):
    """grad log p (N, 2) and log p (N,), up to a constant, for p the mean of
    N(centre, variance I) over the centres.
    """
    to_centres = centres - x[:, None]  # (N, K, 2)
    log_joint = -(to_centres**2).sum(axis=2) / (2 * variance)  # (N, K)
    log_p = logsumexp(log_joint, axis=1)
    shares = np.exp(log_joint - log_p[:, None])  # (N, K)
    return np.einsum("nk,nkd->nd", shares, to_centres) / variance, log_p


def cosines(a, b):
    return (a * b).sum(axis=1) / (np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1) + 1e-12)


def guesses(run, name, task, x):
    """{method: what it says was there before the noise}, for points x (N, 2)."""
    # First weights three times as large as He's: the map begins bent, and finds a
    # spiral several times faster.
    first = Dense(2, HIDDEN, init=normal(3.0), rng=run.random.generator)
    second, last = (Dense(HIDDEN, n, init="xavier", rng=run.random.generator) for n in (HIDDEN, 2))
    model = Sequential(first, Tanh(), second, Tanh(), last).to(run.device)
    optimizer, steps = Adam(model), run.settings.steps
    untrained = answers(run, model, x)

    def batch(number):
        return to(task.data.sample(BATCH, rng=run.random.generator), run.device)

    def step(clean):
        loss = squared_error(model(Tensor(add_noise(clean, run.random.normal(BATCH, 2), task.sigma))), clean)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return {"squared error": loss}

    how = {"lr": lambda n: cosine(n, steps, RATE), "replay": True}
    run.train(step, batch, steps, into=name, model=model, optimizer=optimizer, **how)
    affine = Wiener(task.data.sample(20000, rng=run.random.generator), sigma=task.sigma)
    return {NETWORK: answers(run, model, x), UNTRAINED: untrained, AFFINE: affine.restore(x)}


def answers(run, model, x):
    with no_grad():
        return to(model(Tensor(to(np.float32(x), run.device))).data, "cpu")


if __name__ == "__main__":
    sys.exit(
        experiment(
            "denoising_score",
            one_seed,
            __doc__,
            settings={"steps": 12000},
            criteria=[
                *(
                    Criterion(direction(name, NETWORK), "1 is the exact direction", above=0.95)
                    for name in tasks()
                ),
                *(Criterion(error(name, NETWORK), "0 is the exact slope", below=10) for name in tasks()),
            ],
            quick={"steps": 1500},
            # a finer ring and a spiral take longer
            quick_criteria=[
                Criterion(direction("ring, noise .2", NETWORK), "1 is the exact direction", above=0.9)
            ],
        )
    )
