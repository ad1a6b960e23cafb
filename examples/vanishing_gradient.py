"""A good discriminator leaves the minimax generator no gradient; a good critic leaves it all of it.

    python examples/vanishing_gradient.py [--quick] [--steps 1000] [--seed 0] [--seeds 5 --jobs 2] [--out DIR]

Data from N(0, 1), samples from N(m, 1). The best discriminator is known, and so is d loss / d m: at m = 8 it
is 3.9e-4 for the minimax loss, 8.0 for the non-saturating one (Goodfellow et al. 2014, section 3), and 1
for the best critic at every m, which is why one can train a critic to the end (Arjovsky, Chintala and
Bottou 2017). All are positive: descending moves the samples to the data.

Then networks are trained against the samples at m = 8. The longer the discriminator learns, the less the
minimax generator hears of it, while the critic with gradient penalty goes to its own best slope,
1 + 8 / 20 = 1.4.
"""

import sys

import numpy as np

from minigen import Random, Tensor, grad, plot, replay, to
from minigen.experiment import Criterion, experiment, rounds_to
from minigen.losses import generator_loss, wgan_generator_loss
from minigen.models import GAN, WGAN, Discriminator, adversary_step, generator_step
from minigen.nn import Module
from minigen.optim import SGD, Adam

PUBLISHED = {1: ("0.398", "0.602", "1.00"), 4: ("0.137", "3.86", "1.00"), 8: ("3.9e-4", "8.0", "1.00")}
LOSSES = {
    "minimax": lambda scores: generator_loss(scores, "minimax"),
    "non-saturating": generator_loss,
    "Wasserstein": wgan_generator_loss,
}
FAR, BATCH, MANY = 8.0, 256, 4000
STEP = "way of a step of G to the data over its gradient, {}"
RATIO, SLOPE = "non-saturating / minimax, trained D, m = 8", "Wasserstein, trained critic, m = 8"


class Shift(Module):
    """Samples from N(m, 1): a generator with one parameter."""

    def __init__(self, m):
        self.m = Tensor(np.full(1, m), requires_grad=True)

    def forward(self, z):
        return z + self.m


def best(kind, m):
    """The logit of D* = p / (p + q), log p - log q; for Wasserstein, the steepest line that is allowed."""
    return (lambda x: -x) if kind == "Wasserstein" else lambda x: m * m / 2 - m * x


def pull(kind, judge, m, device):
    """d loss / d m: the derivative at each place where a sample may lie, averaged over N(m, 1)."""
    x = np.linspace(m - 12, m + 12, 4801)[:, None]
    points = Tensor(to(x, device), requires_grad=True)
    (slopes,) = grad(LOSSES[kind](judge(points)) * len(x), [points])  # (N, 1): the loss takes the mean
    density = np.exp(-((x - m) ** 2) / 2) / np.sqrt(2 * np.pi)
    return np.trapezoid((density * to(slopes.data, "cpu"))[:, 0], x[:, 0])


def one_seed(run):
    random = Random(run.seed, run.device, np.float64)
    ms = np.linspace(0.25, FAR, 32)
    exact = {kind: (ms, [pull(kind, best(kind, m), m, run.device) for m in ms]) for kind in LOSSES}
    values = {
        at_best(kind, m): pull(kind, best(kind, m), m, run.device) for m in PUBLISHED for kind in LOSSES
    }

    steps = run.settings.steps
    moments = sorted({k for k in (1, 3, 10, 30, 100, 300, 1000) if k < steps} | {steps})
    networks = [Discriminator(1, 64, "leaky_relu", rng=random.generator, dtype="float64") for _ in range(2)]
    gan, wgan = GAN(Shift(FAR), networks[0]), WGAN(Shift(FAR), networks[1], lam=10)
    sizes = trained(gan.to(run.device), ("minimax", "non-saturating"), moments, run, random)
    sizes |= trained(wgan.to(run.device), ("Wasserstein",), moments, run, random)
    values[RATIO] = sizes["non-saturating"][-1] / sizes["minimax"][-1]
    values[SLOPE] = sizes["Wasserstein"][-1]
    for kind, game in {"minimax": gan, "non-saturating": gan, "Wasserstein": wgan}.items():
        values[STEP.format(kind)] = approach(game, kind, random) / sizes[kind][-1]

    panels = {
        "the best D, samples at distance m": ("m", "linear", exact),
        "a D in training, m = 8": ("steps of D", "log", {kind: (moments, sizes[kind]) for kind in LOSSES}),
    }
    title = "The better the discriminator, the weaker the minimax gradient; a critic's stays near 1"
    plot.gradient_sizes(panels, title, run.folder / "vanishing_gradient.png")
    return values


def approach(game, kind, random):
    """How far one step of gradient descent, of size 1, moves the samples from m = 8 towards the data at 0."""
    game.generator, game.kind = Shift(FAR).to(random.device), kind.replace("-", "")
    generator_step(game, SGD(game.generator, 1.0), random.normal(MANY, 1))
    return FAR - game.generator.m.item()


def at_best(kind, m):
    return f"{kind} at D*, m = {m}"


def trained(game, kinds, moments, run, random):
    """The gradients at m = 8 after so many steps of a network: {kind: sizes}."""
    judge = game.discriminator if isinstance(game, GAN) else game.critic
    optimizer, sizes = Adam(judge, lr=1e-2, betas=(0.5, 0.9)), {kind: [] for kind in kinds}

    def move(*batch):
        adversary_step(game, optimizer, *batch)

    move = replay(move, strict=False) if run.replay else move
    for step in range(1, moments[-1] + 1):
        batch = [random.normal(BATCH, 1), random.normal(BATCH, 1)]
        if isinstance(game, WGAN):
            batch.append(random.uniform(BATCH, 1))
        move(*batch)
        if step in moments:
            for kind in kinds:
                sizes[kind].append(pull(kind, judge, FAR, run.device))
    return sizes


def criteria(ratio):
    known = [
        rounds_to(at_best(kind, m), printed, "the integral over N(m, 1)")
        for m, row in PUBLISHED.items()
        for kind, printed in zip(LOSSES, row, strict=True)
    ]
    return [
        *known,
        Criterion(RATIO, "about 1 before D has learned, 2e4 for the best D", *ratio),
        Criterion(
            SLOPE, "1 + m / (2 lambda) = 1.4, the slope s that maximises m s - lambda (s - 1)^2", 1.3, 1.5
        ),
        # of 4000 samples a few make the mean minimax gradient, so that only its sign is sure
        Criterion(STEP.format("minimax"), "above 0, descent goes to the data", 0, 10),
        *(Criterion(STEP.format(k), "1, descent goes to the data", 0.9, 1.1) for k in list(LOSSES)[1:]),
    ]


if __name__ == "__main__":
    sys.exit(
        experiment(
            "vanishing_gradient",
            one_seed,
            __doc__,
            settings={"steps": 1000},
            criteria=criteria((1000, 3e5)),
            quick={"steps": 600},
            quick_criteria=criteria((300, 3e5)),
        )
    )
