"""What a VAE's bound loses is how far its encoder's Gaussian lies from the true posterior; with a code of two
it is known.

    python examples/posterior.py [--quick] [--epochs 200] [--seed 0] [--seeds 5] [--out DIR]

Which codes z may a digit x have come from? p(z|x) = p(x|z) p(z) / p(x), and p(x) is an integral over all
codes. With two numbers the plane is covered by 201 x 201 points, and the sum over them is exact. With 8
numbers it would need 201^8 points, about 10^18: that is what "intractable" means, and why there is an encoder
q(z|x) = N(mu, sigma^2). The price is known:

    log p(x) = bound + KL(q(z|x) || p(z|x))

The right side is measured in two ways that share nothing: the bound by the terms of the loss with drawn
noise, the KL by sums over the grid. The posterior of some digits is bent or has two hills, and a Gaussian
covers one of them.

Burda, Grosse and Salakhutdinov (2016) win the loss back with k weighted codes for each digit: the bound rises
to log p(x) with k, without any more training. Trained with ten codes, by IWAE, the model itself is better,
and its q is worse as a posterior: it need no longer fit, only cover, since bad codes get little weight.
"""

import math
import sys

import numpy as np

from minigen import Tensor, no_grad, plot, to
from minigen.data import digits_split
from minigen.experiment import Criterion, experiment
from minigen.metrics import importance_weighted_bound
from minigen.models import IWAE, VAE, log_weights
from minigen.optim import Adam
from minigen.training import shuffled

BATCH, HIDDEN, EDGE, POINTS, KS, DRAWS = 64, 128, 5.0, 201, (1, 5, 50, 500), 200
LINE = np.linspace(-EDGE, EDGE, POINTS)
STEP = LINE[1] - LINE[0]
GRID = np.stack(np.meshgrid(LINE, LINE), axis=-1).reshape(-1, 2)  # (M, 2), the second number changes slowest
NAMES, TRAINED_WITH = ("VAE", "IWAE"), 10  # codes for each digit in the loss of the IWAE
OFF = "log p(x) - bound - KL(q || p(z|x)), nats a digit, {}"
LOG_P, LOSS, LEFT = (
    "log p(x), nats a digit, {}",
    "KL(q || p(z|x)), nats a digit, {}",
    "left of it with k = {}, {}",
)
GAIN = "log p(x), IWAE over VAE, nats a digit"
LOOSER = "KL(q || p(z|x)), IWAE over VAE, nats a digit"


def one_seed(run):
    train, _, test, _ = digits_split()
    train, test = (np.float32(x.reshape(len(x), -1) >= 0.5) for x in (train, test[: run.settings.digits]))
    models = {"VAE": VAE(64, HIDDEN, 2, rng=run.random.generator)}
    models["IWAE"] = IWAE(64, HIDDEN, 2, rng=run.random.generator)
    measured, exact, gaps, left = {}, {}, {}, {}
    for name, model in models.items():
        fit(run, name, model, train)
        log_p, log_posterior, mu, logvar = exact[name] = on_the_grid(run, model, test)
        gaps[name] = to_posterior(log_posterior, mu, logvar)
        bounds = bounds_of(run, model, test)
        left[name] = [log_p.mean() - bounds[k] for k in KS]
        measured[OFF.format(name)] = log_p.mean() - by_terms(run, model, test) - gaps[name].mean()
        measured |= {LOG_P.format(name): log_p.mean(), LOSS.format(name): gaps[name].mean()}
        measured |= {LEFT.format(k, name): rest for k, rest in zip(KS, left[name], strict=True)}
    draw(run, test, exact, gaps)
    panels = {"what the bound loses": {name: (KS, rest) for name, rest in left.items()}}
    title = "The bound comes to log p(x) with more codes for each digit"
    axes = ("codes k for each digit", "log p(x) - bound, nats a digit")
    plot.curves(panels, title, run.folder / "bound.png", axes=axes, xscale="log")
    measured[GAIN] = measured[LOG_P.format("IWAE")] - measured[LOG_P.format("VAE")]
    return measured | {LOOSER: measured[LOSS.format("IWAE")] - measured[LOSS.format("VAE")]}


def fit(run, name, model, train):
    optimizer, random = Adam(model.to(run.device), lr=1e-3), run.random
    shape = (BATCH, 2) if name == "VAE" else (TRAINED_WITH, BATCH, 2)

    def step(x):
        loss = model.loss(Tensor(x), Tensor(random.normal(*shape)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return {"minus the bound": loss}

    steps, batch = (
        run.settings.epochs * (len(train) // BATCH),
        shuffled(to(train, run.device), BATCH, seed=run.seed),
    )
    run.train(step, batch, steps, into=name, model=model, optimizer=optimizer, replay=True)


def on_the_grid(run, model, x):
    """log p(x) (N,), log p(z|x) on the grid (N, M), and mu, logvar (N, 2) of q(z|x)."""
    with no_grad():
        logits = to(model.decode(Tensor(to(np.float32(GRID), run.device))).data, "cpu").astype(np.float64)
        mu, logvar = (
            to(part.data, "cpu").astype(np.float64) for part in model.encode(Tensor(to(x, run.device)))
        )
    prior = -0.5 * (GRID**2).sum(axis=1) - math.log(2 * math.pi)
    joint = x @ logits.T + (prior - np.logaddexp(0, logits).sum(axis=1))  # log p(x, z), (N, M)
    most = joint.max(axis=1)  # log sum exp, many times as fast as np.logaddexp.reduce
    log_p = most + np.log(np.exp(joint - most[:, None]).sum(axis=1)) + 2 * math.log(STEP)
    return log_p, joint - log_p[:, None], mu, logvar


def to_posterior(log_posterior, mu, logvar):
    """KL(q(z|x) || p(z|x)) of each digit, a sum over the grid: (N, M), (N, 2), (N, 2) -> (N,)."""
    gaps = []
    for row, mean, spread in zip(log_posterior, mu, logvar, strict=True):
        log_q = -0.5 * ((GRID - mean) ** 2 / np.exp(spread) + spread + math.log(2 * math.pi)).sum(axis=1)
        gaps.append(np.sum(np.exp(log_q) * (log_q - row)) * STEP**2)
    return np.array(gaps)


def by_terms(run, model, x):
    """The bound as the loss has it, a mean over draws of the noise; no grid."""
    x = Tensor(to(x, run.device))
    with no_grad():
        draws = (model.terms(x, Tensor(run.random.normal(len(x), 2))) for _ in range(DRAWS))
        return -float(np.mean([sum(part.item() for part in terms) for terms in draws]))


def bounds_of(run, model, x):
    """{k: the bound with k codes for each digit}"""
    with no_grad():
        parts = [Tensor(to(x[start : start + 50], run.device)) for start in range(0, len(x), 50)]
        weights = [
            log_weights(model, part, Tensor(run.random.normal(KS[-1], part.shape[0], 2))).data
            for part in parts
        ]
    weights = np.concatenate([to(part, "cpu") for part in weights], axis=1)  # (500, N)
    return {k: importance_weighted_bound(weights.reshape(k, -1)) for k in KS}


def draw(run, test, exact, gaps):
    """The posterior of four digits, that lose little, the median, and much, and q over it."""
    order = gaps["VAE"].argsort()
    shown = order[[len(order) // 4, len(order) // 2, -len(order) // 20, -2]]
    panels = {}
    for name, (_, log_posterior, mu, logvar) in exact.items():
        panels[name] = [
            (
                np.exp(log_posterior[n]).reshape(POINTS, POINTS),
                mu[n],
                np.exp(logvar[n] / 2),
                f"{gaps[name][n]:.2f} lost",
            )
            for n in shown
        ]
    title = "The posterior p(z|x), shaded, and the encoder's q(z|x): circles of one and two sigma"
    images = test[shown].reshape(-1, 8, 8)
    plot.posteriors(panels, images, title, run.folder / "posterior.png", line=LINE)


def criteria(log_p, least):
    rows = []
    for name, most in (("VAE", 1.5), ("IWAE", 6)):
        rows += [
            Criterion(OFF.format(name), "0, the identity", -0.05, 0.05),
            Criterion(LOG_P.format(name), "ten Bernoulli images have -19.76, five -21.37", log_p, -18.5),
            Criterion(LOSS.format(name), "0 for a Gaussian posterior", least, most),
            Criterion(LEFT.format(KS[-1], name), "0 for k without end, never below", -0.03, 0.1),
        ]
    return [*rows, Criterion(LOOSER, "above 0: q need not fit any more", 0.1, 5)]


BETTER = Criterion(GAIN, "above 0: more of the bound is log p(x)", 0.2, 2)


if __name__ == "__main__":
    sys.exit(
        experiment(
            "posterior",
            one_seed,
            __doc__,
            settings={"epochs": 200, "digits": 500},
            criteria=[*criteria(-21.3, 0.1), BETTER],
            quick={"epochs": 40, "digits": 150},
            quick_criteria=criteria(-24, 0.01),  # IWAE comes to be better later
        )
    )
