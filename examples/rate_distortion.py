"""From autoencoder to VAE and beyond by one number: the dearer the code, the worse are redrawn pictures,
and the better are samples, until all is blurred.

    python examples/rate_distortion.py [--quick] [--steps 500] [--seed 0] [--seeds 5] [--out DIR]

A beta-VAE minimises distortion + beta rate: minus the mean log p(x|z) of what is redrawn, and the KL of the
code from the prior, both in nats a digit. Near beta = 0 it is an autoencoder: nothing holds its codes where
the prior puts them, so that samples are scrawls. At 1 the sum is the bound of log p(x); the samples are
better still at 3, where redrawn digits are already blurred. At 10 the code holds less than the class, 1.8
nats, and all is blurred. One thing must hold whatever the digits are (Alemi et al. 2018): if each network is
the best for its own beta, then going from one to the next buys distortion at a price between the two,

    beta_1  <=  (distortion_2 - distortion_1) / (rate_1 - rate_2)  <=  beta_2

It is judged from 0.1 on: at 0.01 the network is not yet at its best, and redraws no better than that of 0.1.

The digits are 4500 of MNIST's, cut at one half. Rate and distortion are those of the training digits, by
their formulas; the terms of the loss must be the same. Samples are judged by the Frechet distance from 500
test digits along 20 principal components.

In the same frame the four numbers that one chooses for an autoencoder, from 784-128-16-128-784 with binary
cross-entropy: more numbers in the code, more nodes, and more than two layers help, and cross-entropy is the
better loss by both measures. With a code of 64, PCA still wins. All begin with the mean digit as the bias of
the last layer. From 0, its units learn to be that bias first, and saturate: .087 a pixel after 600 steps, the
mean digit.
"""

import itertools
import math
import sys

import numpy as np

from minigen import Tensor, no_grad, plot, sigmoid, to
from minigen.baselines import PCA
from minigen.data import mnist_sample
from minigen.experiment import Criterion, experiment
from minigen.metrics import frechet_distance
from minigen.models import VAE, DeepAutoencoder
from minigen.optim import Adam
from minigen.plot.images import mosaic
from minigen.training import shuffled

BETAS = (0.01, 0.1, 1.0, 3.0, 10.0)
QUICK_BETAS = (0.1, 3.0, 10.0)
HIDDEN, LATENT, BATCH, SAMPLES = 128, 10, 100, 500
BASE = {"code_size": 16, "layers": 4, "nodes": 128, "loss": "bce"}
SWEEP = {
    "code_size": (4, 16, 64),
    "nodes": (32, 128, 256),
    "layers": (2, 4, 6),
    "loss": ("squared_error", "bce"),
}
DIFFERENCE = "largest difference of the terms of the loss from their formulas, nats a digit"
MSE, BCE = "test squared error a pixel", "test cross-entropy, nats a digit"


def rate(beta):
    return f"rate, nats a digit, beta {beta:g}"


def distortion(beta):
    return f"distortion, nats a digit, beta {beta:g}"


def off(beta):
    return f"Frechet distance of samples, beta {beta:g}"


def worse(beta, best):
    return f"{off(beta)}, over that of {best:g}"


def price(one, two):
    return f"price of distortion from beta {one:g} to {two:g}, over its geometric mean"


def chosen(**changes):
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in changes.items())


def one_seed(run):
    train, _, test, _ = (part >= 0.5 if part.ndim == 3 else part for part in mnist_sample())
    train, test = (np.float32(x.reshape(len(x), -1)) for x in (train, test))
    betas = BETAS if run.settings.all else QUICK_BETAS
    space, shown, measured, redrawn, samples, differences = PCA(test, 20), test[::20], {}, {}, {}, []
    for beta in betas:
        model = variational(run, train, beta)
        eps = run.random.normal(len(train), LATENT)
        measured[rate(beta)], measured[distortion(beta)] = two_terms(run, model, train, eps)
        with no_grad():
            reconstruction, kl = model.terms(Tensor(to(train, run.device)), Tensor(eps))
            differences += [
                reconstruction.item() - measured[distortion(beta)],
                kl.item() - measured[rate(beta)],
            ]
            z = Tensor(run.random.normal(SAMPLES, LATENT))
            samples[beta] = to(model.sample(z).data, "cpu")
            redrawn[beta] = to(model.sample(model.encode(Tensor(to(shown, run.device)))[0]).data, "cpu")
        # x, as p(x|z) has it, not its mean
        bits = run.random.generator.random(samples[beta].shape) < samples[beta]
        measured[off(beta)] = frechet_distance(*map(space.encode, (test, bits)))
    measured[DIFFERENCE] = np.abs(differences).max()
    others = train[:: len(train) // SAMPLES][:SAMPLES]
    measured["Frechet distance of training digits"] = frechet_distance(*map(space.encode, (test, others)))
    for one, two in itertools.pairwise(betas):
        bought = measured[distortion(two)] - measured[distortion(one)]
        paid = measured[rate(one)] - measured[rate(two)]
        measured[price(one, two)] = bought / paid / math.sqrt(one * two)
    best = betas[-2]
    measured |= {
        worse(beta, best): measured[off(beta)] / measured[off(best)] for beta in (betas[0], betas[-1])
    }
    pictures(betas, measured, shown, redrawn, samples, run.folder)
    return measured | autoencoders(run, train, test)


def variational(run, train, beta):
    model = VAE(784, HIDDEN, LATENT, rng=run.random.generator).to(run.device)
    optimizer = Adam(model, lr=2e-3)

    def step(x):
        reconstruction, kl = model.terms(Tensor(x), Tensor(run.random.normal(len(x), LATENT)))
        optimizer.zero_grad()
        (reconstruction + beta * kl).backward()
        optimizer.step()
        return {"distortion": reconstruction, "rate": kl}

    batch = shuffled(to(train, run.device), BATCH, seed=run.seed)
    how = {"into": f"beta-{beta:g}", "replay": True}
    run.train(step, batch, run.settings.steps, model=model, optimizer=optimizer, **how)
    return model


def two_terms(run, model, x, eps):
    """(rate, distortion) by their formulas, KL(q || N(0, I)) and E -log p(x|z), apart from the loss.

    x (N, D); eps (N, L) ~ N(0, I) is the noise of the codes.
    """
    with no_grad():
        mu, logvar = (part.data for part in model.encode(Tensor(to(x, run.device))))
        z = mu + np.exp(logvar / 2) * eps
        logits = to(model.decode(Tensor(z)).data, "cpu").astype(np.float64)
    mu, logvar = to(mu, "cpu").astype(np.float64), to(logvar, "cpu").astype(np.float64)
    kl = 0.5 * (mu**2 + np.exp(logvar) - 1 - logvar).sum(axis=1)
    return kl.mean(), (np.logaddexp(0, logits) - x * logits).sum(axis=1).mean()


def pictures(betas, measured, digits, redrawn, samples, folder):
    def sheet(x):
        return mosaic(x[:25].reshape(-1, 28, 28), 5)

    rows = {
        "redrawn": {"test digits": (sheet(digits), "")},
        "sampled": {"test digits": (np.zeros((144, 144)), "")},
    }
    for beta in betas:
        name = f"$\\beta$ = {beta:g}"
        rows["redrawn"][name] = sheet(redrawn[beta]), f"{measured[distortion(beta)]:.0f} nats"
        rows["sampled"][name] = sheet(samples[beta]), f"{measured[off(beta)]:.1f} off"
    title = "The dearer the code, the worse is what it redraws (distortion), and the better are samples\n"
    title += "(off: Frechet distance from test digits), until all is blurred"
    plot.picture_table(rows, title, folder / "rate_distortion.png", side=1.35)
    rates, distortions = ([measured[of(beta)] for beta in betas] for of in (rate, distortion))
    panels = {"rate against distortion": {"beta-VAEs": (rates, distortions)}}
    for beta, x, y in zip(betas, rates, distortions, strict=True):
        if beta in (1, 3, 10):
            ends = np.array([max(0, x - 6), x + 6])
            panels["rate against distortion"][f"slope -{beta:g}"] = ends, y - beta * (ends - x)
    title = "Each beta is the slope at which rate is exchanged for distortion"
    axes = ("rate, nats a digit", "distortion, nats a digit")
    plot.curves(panels, title, folder / "curve.png", axes=axes)


def autoencoders(run, train, test):
    """The test errors of autoencoders that differ in one choice each."""
    measured, panels = {}, {}
    for name, values in SWEEP.items() if run.settings.all else ():
        for value in values:
            choice = BASE | {name: value}
            if chosen(**choice) not in measured:
                measured[chosen(**choice)] = deep(run, train, test, choice)
        errors = [measured[chosen(**(BASE | {name: value}))] for value in values]
        if name == "loss":
            both = {what: [error[at] for error in errors] for at, what in enumerate((MSE, BCE))}
            losses = {
                f"{what}, loss {value}": of[n] for what, of in both.items() for n, value in enumerate(values)
            }
        else:
            panels[name.replace("_", " ")] = {"autoencoder": (values, [error[0] for error in errors])}
    if not panels:
        return {}
    linear = [PCA(train, k).error(test) for k in SWEEP["code_size"]]
    panels["code size"]["PCA"] = SWEEP["code_size"], linear
    title = "The numbers that one chooses for an autoencoder"
    plot.curves(panels, title, run.folder / "choices.png", axes=("", MSE))
    found = {f"{MSE}, {choice}": errors[0] for choice, errors in measured.items()}
    found |= {
        f"{MSE}, PCA, code size {k}": of for k, of in zip(SWEEP["code_size"], linear, strict=True)
    } | losses
    small, base, large = (found[f"{MSE}, {chosen(**(BASE | {'code_size': k}))}"] for k in SWEEP["code_size"])
    narrow, _, wide = (found[f"{MSE}, {chosen(**(BASE | {'nodes': k}))}"] for k in SWEEP["nodes"])
    return found | {
        MORE_CODE[0]: base / small,
        MORE_CODE[1]: large / base,
        MORE_NODES: wide / narrow,
        BY_MSE: losses[f"{MSE}, loss bce"] / losses[f"{MSE}, loss squared_error"],
        BY_BCE: losses[f"{BCE}, loss bce"] / losses[f"{BCE}, loss squared_error"],
    }


MORE_CODE = ("test error, code of 16 over code of 4", "test error, code of 64 over code of 16")
BASE_ERROR = f"{MSE}, {chosen(**BASE)}"
MORE_NODES = "test error, 256 nodes over 32"
BY_MSE = "test squared error, trained by cross-entropy over trained by it"
BY_BCE = "test cross-entropy, trained by it over trained by squared error"


def deep(run, train, test, choice):
    """(test squared error a pixel, test cross-entropy a digit)"""
    model = DeepAutoencoder(784, **choice, rng=run.random.generator)
    mean = train.mean(axis=0).clip(1e-3, 1 - 1e-3)
    begun = np.log(mean / (1 - mean)) if choice["loss"] == "bce" else mean
    model.load_state_dict(model.state_dict() | {f"layers.{choice['layers'] - 1}.bias": np.float32(begun)})
    model.to(run.device)
    optimizer = Adam(model, lr=2e-3)

    def step(x):
        loss = model.loss(Tensor(x))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return {"loss": loss}

    batch = shuffled(to(train, run.device), BATCH, seed=run.seed)
    how = {"into": chosen(**choice).replace(", ", "-").replace(" ", "-"), "replay": True}
    run.train(step, batch, run.settings.steps, model=model, optimizer=optimizer, **how)
    with no_grad():
        out = model(Tensor(to(test, run.device)))
        drawn = to((sigmoid(out) if choice["loss"] == "bce" else out).data, "cpu").astype(np.float64)
    probability = drawn.clip(1e-3, 1 - 1e-3)  # squared error may draw outside of (0, 1)
    entropy = -(test * np.log(probability) + (1 - test) * np.log(1 - probability)).sum(axis=1).mean()
    return np.mean((drawn - test) ** 2), entropy


def criteria(betas, slack):
    known = "between the two betas, if each is the best for its own"
    rows = []
    for one, two in itertools.pairwise(betas):
        half = math.sqrt(two / one) * slack
        rows.append(Criterion(price(one, two), known, 1 / half, half))
    return rows


def ends(low, best, high, least, most):
    """Samples are better at `best` than at `low`; at `high` the code is almost empty."""
    return [
        Criterion(DIFFERENCE, "0: the network was trained by what is measured", below=0.05),
        Criterion(off(best), "training digits .8, scrawls 23", 0.8, most),
        Criterion(worse(low, best), "above 1: scrawls", least, 20),
        Criterion(rate(high), "the class alone would be log 10 = 2.3", 0.3, 5),
    ]


if __name__ == "__main__":
    choices = [
        *(Criterion(name, "more numbers, less error", 0.2, 0.9) for name in MORE_CODE),
        Criterion(MORE_NODES, "more nodes, less error", 0.3, 0.98),
        Criterion(BASE_ERROR, "PCA with a code of 16: .0425, the mean digit .087", 0.02, 0.0425),
        Criterion(BY_MSE, "below 1: ink is there or not", 0.5, 0.97),
        Criterion(BY_BCE, "below 1, its own measure", 0.5, 0.97),
    ]
    sys.exit(
        experiment(
            "rate_distortion",
            one_seed,
            __doc__,
            settings={"steps": 500, "all": 1},
            criteria=[*criteria(BETAS[1:], 1.1), *ends(0.01, 3.0, 10.0, 1.3, 15), *choices],
            quick={"steps": 200, "all": 0},
            quick_criteria=[*criteria(QUICK_BETAS, 1.0), *ends(0.1, 3.0, 10.0, 1.05, 26)],
        )
    )
