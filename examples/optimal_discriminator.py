"""The best discriminator is p / (p + q): a trained one comes there, then a generator to p = q.

    python examples/optimal_discriminator.py [--quick] [--steps 3000] [--rounds 1200] [--seeds 5] [--out DIR]

For data from N(0, 1) and samples from N(m, 1), Goodfellow et al. (2014) give D*(x) = p(x) / (p(x) + q(x))
and the value V(D*) = -log 4 + 2 JS(p, q): -1.16345 for m = 1, -0.12085 for m = 4. A network trained on
draws must agree. When the generator moves as well, from m = 3 to the data, D has nothing left to see: V
goes to -log 4 = -1.386, half of its answers are right, and the nearest neighbour of a sample is a sample
half of the time.
"""

import math
import sys

import numpy as np

from minigen import Tensor, no_grad, plot, sigmoid, to
from minigen.experiment import Criterion, experiment, rounds_to
from minigen.losses import discriminator_loss
from minigen.metrics import optimal_discriminator, optimal_value, two_sample_accuracy
from minigen.models import GAN, Discriminator, adversary_step, descend, generator_step
from minigen.nn import Dense
from minigen.optim import Adam, linear
from minigen.training import read_log

PUBLISHED = {1: ("-1.16345", "0.6915"), 4: ("-0.12085", "0.9772")}  # m: value, how often D* is right
BATCH, HIDDEN, DRAWS = 512, 32, 2000
VALUE, RIGHT, NEIGHBOURS = (
    "V at the end of the game",
    "answers of D that are right",
    "neighbours from one's own side",
)


def one_seed(run):
    x = np.linspace(-6, 10, 1601)
    log_p, values, curves = log_normal(x, 0), {}, {}
    for m in PUBLISHED:
        log_q = log_normal(x, m)
        best = optimal_discriminator(log_p, log_q)
        learned = trained(m, x, run)
        common = np.exp(np.logaddexp(log_p, log_q))
        seen = common > 0.01 * common.max()
        values[f"V(D*), m = {m}"] = optimal_value(x, log_p, log_q)
        values[f"D* is right, m = {m}"] = np.trapezoid(np.maximum(np.exp(log_p), np.exp(log_q)), x) / 2
        values[furthest(m)] = np.abs(learned - best)[seen].max()
        curves[f"m = {m}"] = {"p": (x, np.exp(log_p)), "q": (x, np.exp(log_q))}
        curves[f"m = {m}"] |= {"D*": (x, best), "D, trained": (x[seen], learned[seen])}
    values |= equilibrium(run)
    panels = {name: ("x", "density, answer of D", lines) for name, lines in curves.items()}
    panels |= path_of(read_log(run.folder / "game"))
    title = "A trained discriminator says p / (p + q); once the generator has arrived, that is one half"
    plot.panels(panels, title, run.folder / "optimal_discriminator.png")
    return values


def log_normal(x, m):
    return -((x - m) ** 2) / 2 - math.log(2 * math.pi) / 2


def furthest(m):
    return f"max |D - D*|, m = {m}"


def shift(features, by, run):
    """G(z) = z W + b with W = 1 and b = `by`: samples from N(by, 1)."""
    generator = Dense(features, features, rng=run.random.generator)
    generator.load_state_dict(
        {"weight": np.eye(features, dtype="float32"), "bias": np.full(features, by, "float32")}
    )
    return generator


def trained(m, x, run):
    """What a network answers at x that was trained against a generator that stays as it is."""
    game = GAN(shift(1, m, run), Discriminator(1, HIDDEN, "tanh", rng=run.random.generator)).to(run.device)
    optimizer, steps = Adam(game.discriminator), run.settings.steps

    def step(_):
        loss = adversary_step(game, optimizer, run.random.normal(BATCH, 1), run.random.normal(BATCH, 1))
        return {"V": -loss}

    how = {"lr": lambda n: linear(n, steps, 1e-2), "replay": True}
    run.train(step, lambda _: None, steps, into=f"m-{m}", model=game, optimizer=optimizer, **how)
    with no_grad():
        logits = game.discriminator(Tensor(to(np.float32(x)[:, None], run.device)))
        return to(sigmoid(logits).data, "cpu")[:, 0]


def equilibrium(run):
    """The game in the plane, data from N(0, 1), and what D and G have become after it."""
    judge = Discriminator(2, HIDDEN, "tanh", rng=run.random.generator)
    game = GAN(shift(2, 3.0, run), judge).to(run.device)
    theirs, its = Adam(judge, betas=(0.5, 0.999)), Adam(game.generator, betas=(0.5, 0.999))

    def step(_):
        real, fake = (
            judge(Tensor(run.random.normal(BATCH, 2))),
            judge(game.samples(run.random.normal(BATCH, 2))),
        )
        terms = {"D(x)": sigmoid(real.data).mean(), "D(G(z))": sigmoid(fake.data).mean()}
        terms["V"] = -descend(theirs, discriminator_loss(real, fake))
        generator_step(game, its, run.random.normal(BATCH, 2))
        return terms

    players, rounds = {"D": theirs, "G": its}, run.settings.rounds
    how = {"lr": lambda n: linear(n, rounds, 2e-2), "replay": True, "log_every": 10}
    run.train(step, lambda _: None, rounds, into="game", model=game, optimizer=players, **how)
    x, z = run.random.normal(10 * DRAWS, 2), run.random.normal(10 * DRAWS, 2)
    with no_grad():
        fake = game.samples(Tensor(z))
        real_logits, fake_logits = (to(judge(t).data, "cpu") for t in (Tensor(x), fake))
        value = -game.discriminator_loss(Tensor(x), Tensor(z)).item()
    right = ((real_logits > 0).mean() + (fake_logits <= 0).mean()) / 2
    neighbours = two_sample_accuracy(to(x, "cpu")[:DRAWS], to(fake.data, "cpu")[:DRAWS]).accuracy
    return {VALUE: value, RIGHT: right, NEIGHBOURS: neighbours}


def path_of(log):
    """What D answers in every round of the game, and the value, with what they come to."""
    step = log["step"]
    panels = {
        "what D answers": ("round", "mean answer", {name: (step, log[name]) for name in ("D(x)", "D(G(z))")}),
        "the value": ("round", "V, nats", {"V": (step, log["V"])}),
    }
    levels = ("1/2", 0.5), ("-log 4", -math.log(4))
    for (_, _, lines), (label, level) in zip(panels.values(), levels, strict=True):
        lines[label] = (step[[0, -1]], [level, level])
    return panels


def criteria(apart, value, share):
    exact = [
        rounds_to(f"{what}, m = {m}", printed, "the integral")
        for m, row in PUBLISHED.items()
        for what, printed in zip(("V(D*)", "D* is right"), row, strict=True)
    ]
    near = [
        Criterion(furthest(m), "0 where the density is above 1 % of its peak", below=apart) for m in PUBLISHED
    ]
    return [
        *exact,
        *near,
        Criterion(VALUE, "-log 4 = -1.386", -math.log(4) - value, -math.log(4) + value),
        Criterion(RIGHT, "0.5", 0.5 - share, 0.5 + share),
        Criterion(NEIGHBOURS, "0.5", 0.45, 0.55),
    ]


if __name__ == "__main__":
    sys.exit(
        experiment(
            "optimal_discriminator",
            one_seed,
            __doc__,
            settings={"steps": 3000, "rounds": 1200},
            criteria=criteria(0.03, 0.01, 0.03),
            quick={"steps": 800, "rounds": 600},
            quick_criteria=criteria(0.06, 0.03, 0.05),
        )
    )
