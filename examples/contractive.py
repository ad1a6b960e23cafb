"""A contractive code moves along the data and not across, as long as nothing undoes its shrinking.

    python examples/contractive.py [--quick] [--steps 4000] [--seed 0] [--seeds 5 --jobs 2] [--out DIR]

The price is lam times the mean squared size of the Jacobian dh/dx (Rifai et al. 2011); its gradient by hand
is held against tape and differences by `minigen check ae-contractive`. On a circle with noise s across it,
where a deep network gives back a point of the plane, the best map is known. On a line it would have the
slopes 1 / (1 + 2 lam) along and s^2 / (s^2 + 2 lam) across; on the circle, with s = .1 and lam = .04, they
are .929 and .126, from the Euler equation of the radius. Denoising with sigma^2 = 2 lam wants a similar map
(Alain and Bengio 2014), and without price or noise both slopes are 1. On digits, 128 sigmoid units with tied
weights give up less than 20 % of the variance for a squared Jacobian five times smaller; weight decay and
denoising, at a larger error, leave twice as much of it.

The catch are untied weights. The encoder shrinks, the decoder grows, and the Jacobian is five times smaller
(its square 25 times) at even less cost, but in all directions: on the circle as much along as across.
"""

import sys

import numpy as np

from minigen import Tensor, grad, no_grad, plot, sigmoid, to
from minigen.data import circle, digits_split
from minigen.experiment import Criterion, experiment
from minigen.losses import l2, squared_error
from minigen.models import ContractiveAutoencoder, TiedAutoencoder, add_noise
from minigen.models.plane import mlp
from minigen.nn import Sequential, Tanh
from minigen.optim import Adam, cosine
from minigen.training import shuffled

RATE, PRICE, ACROSS = 4e-3, 0.04, 0.1  # of learning; on the circle: lam, and the noise of the data
LAM, DECAY, SIGMA, VARIANCE = 0.15, 1.5e-2, 0.3, 0.0734  # on digits; the variance of a test pixel
SLOPE, RATIO = "slope on the circle, ", "slope along over slope across, "
SIZE, ERROR, USED = "squared Jacobian, ", "test error a pixel, ", "directions in the Jacobian, "
LESS, COST = "squared Jacobian, plain over contractive, ", "error of contractive, % of the variance, "
MORE = "squared Jacobian over that of contractive, "


class Tied(TiedAutoencoder):
    """Sigmoid units, and one matrix for both ways, as Rifai et al. have it."""

    contraction = ContractiveAutoencoder.contraction

    def encode(self, x):
        return sigmoid(self.encoder(x))


def one_seed(run):
    return on_circle(run) | on_digits(run)


def on_circle(run):
    rng, toy = run.random.generator, circle(noise=ACROSS)
    models = {name: mlp((2, 64, 64, 2), Tanh(), rng=rng) for name in ("plain", "denoising", "contractive")}
    models["one layer, untied"] = ContractiveAutoencoder(2, 32, rng=rng)
    prices = {"plain": {}, "denoising": {"sigma": (2 * PRICE) ** 0.5}}
    normals = np.float32(toy.path(np.arange(24) / 24)[0])  # the points themselves, since the radius is 1
    tangents = normals[:, ::-1] * np.float32([-1, 1])
    measured, panels, x = {}, {}, toy.sample(2000, rng=rng)
    for name, model in models.items():
        fit(run, f"circle, {name}", model, x, **prices.get(name, {"lam": PRICE}))
        j = jacobians(run, model, normals)
        along, across = (np.linalg.norm(j @ d[:, :, None], axis=1).mean() for d in (tangents, normals))
        measured |= {f"{SLOPE}along, {name}": along, f"{SLOPE}across, {name}": across}
        measured[RATIO + name] = along / across
        panels[name] = normals, j
    title = "A contractive code moves along the data and not across, if nothing undoes its shrinking"
    plot.sticks(panels, title, run.folder / "contractive.png", data=x[:500])
    return measured


def on_digits(run):
    train, _, test, _ = digits_split()
    train, test = (x.reshape(len(x), -1) for x in (train, test))
    prices = {"plain": {}, "contractive": {"lam": LAM}}
    controls = {"weight decay": {"decay": DECAY}, "denoising": {"sigma": SIGMA}}
    measured, panels = {}, {"tied weights": {}, "untied weights": {}}
    for kind, cls, more in (("tied", Tied, controls), ("untied", ContractiveAutoencoder, {})):
        for name, price in (prices | more).items():
            model = cls(64, 128, rng=run.random.generator)
            fit(run, f"{name}, {kind}", model, train, **price)
            with no_grad():
                xhat = to(model(Tensor(to(test, run.device))).data, "cpu")
            j = jacobians(run, model, test)
            measured[f"{SIZE}{name}, {kind}"] = (j**2).sum(axis=(1, 2)).mean()
            measured[f"{ERROR}{name}, {kind}"] = np.mean((xhat - test) ** 2)
            measured[f"{USED}{name}, {kind}"] = directions(j)
            spectrum = np.linalg.svd(j[:50], compute_uv=False).mean(axis=0)
            panels[f"{kind} weights"][name] = range(1, 65), spectrum
        measured[LESS + kind] = measured[f"{SIZE}plain, {kind}"] / measured[f"{SIZE}contractive, {kind}"]
        measured[COST + kind] = 100 * measured[f"{ERROR}contractive, {kind}"] / VARIANCE
    for name in controls:
        measured[MORE + name] = measured[f"{SIZE}{name}, tied"] / measured[f"{SIZE}contractive, tied"]
    title = "Tied weights give up directions, untied ones mostly size"
    axes = ("direction", "mean singular value, test digits")
    plot.curves(panels, title, run.folder / "spectrum.png", axes=axes)
    return measured


def fit(run, name, model, x, sigma=0.0, lam=0.0, decay=0.0):
    optimizer, steps = Adam(model.to(run.device)), run.settings.steps

    def step(x):
        x = Tensor(x)
        loss = squared_error(model(add_noise(x, Tensor(run.random.normal(*x.shape)), sigma)), x)
        if lam:
            loss = loss + lam * contraction(model, x.data)
        if decay:
            loss = loss + decay * l2([model.encoder.weight])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return {"loss": loss}

    batch = shuffled(to(x, run.device), 64, seed=run.seed)
    folder = name.replace(",", "").replace(" ", "-")
    how = {"lr": lambda n: cosine(n, steps, RATE), "replay": True}
    run.train(step, batch, steps, into=folder, model=model, optimizer=optimizer, **how)


def contraction(model, x):
    """(1/N) sum_n ||dh_n/dx_n||^2: for one layer of sigmoid units by formula, for a deep network by tape."""
    if not isinstance(model, Sequential):
        return model.contraction(model.encode(Tensor(x)))
    return sum((row * row).sum() for row in rows(model, x, create_graph=True)) * (1 / len(x))


def rows(model, x, **how):
    """dh_j/dx (N, D) for each unit j. No example touches another, so their sum may be differentiated."""
    x = Tensor(x, requires_grad=True)
    h = model(x) if isinstance(model, Sequential) else model.encode(x)  # a deep one has no decoder
    return [grad(h[:, j].sum(), [x], **how)[0] for j in range(h.shape[1])]


def jacobians(run, model, x):
    return np.stack([to(row.data, "cpu") for row in rows(model, to(x, run.device))], axis=1)  # (N, H, D)


def directions(jacobians):
    """How many singular values share the squared size, (sum s^2)^2 / sum s^4; the mean over examples."""
    gram = jacobians.transpose(0, 2, 1) @ jacobians  # (N, D, D)
    return np.mean(np.trace(gram, axis1=1, axis2=2) ** 2 / (gram**2).sum(axis=(1, 2)))


if __name__ == "__main__":
    circle_criteria = [
        Criterion(SLOPE + "along, contractive", ".929", 0.91, 0.95),
        Criterion(SLOPE + "across, contractive", ".126", 0.1, 0.15),
        Criterion(RATIO + "contractive", ".929 / .126 = 7.3", 5, 10),
        Criterion(RATIO + "one layer, untied", "1, it shrinks in all directions alike", 0.67, 1.5),
        Criterion(SLOPE + "across, denoising", "similar to .126, with sigma^2 = 2 lam", 0.09, 0.17),
    ]

    def on_both(least, most, cost):
        """Squared Jacobian and error, for both kinds of weights; a price twice as high costs more."""
        kinds = "tied", "untied"
        bounds = zip(kinds, least, most, strict=True)
        less = [Criterion(LESS + kind, "1 without a price", low, high) for kind, low, high in bounds]
        return less + [Criterion(COST + kind, "it gives up little", 0, cost) for kind in kinds]

    # on digits the weights of a quick run are still small, and hardly worth shrinking
    quick_criteria = [*circle_criteria, *on_both((1.7, 5), (5, 25), 25)]
    criteria = [
        *circle_criteria,
        *on_both((5, 25), (20, 200), 20),
        *(Criterion(MORE + name, "do not aim at it", above=1.5) for name in ("weight decay", "denoising")),
    ]
    modes = {"settings": {"steps": 4000}, "quick": {"steps": 1000}, "quick_criteria": quick_criteria}
    sys.exit(experiment("contractive", one_seed, __doc__, criteria=criteria, **modes))
