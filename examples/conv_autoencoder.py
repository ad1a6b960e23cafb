"""A convolutional code redraws shapes better than PCA with four times its size, and leaves no checkerboard.

    python examples/conv_autoencoder.py [--quick] [--steps 1500] [--seed 0] [--seeds 5 --jobs 2] [--out DIR]

Shapes of 16 x 16 pixels, anywhere in the picture, and the 8 x 8 digits go through a code of eight numbers
(Masci, Meier, Ciresan and Schmidhuber 2011). On digits PCA leaves an error of .0248 a pixel then, and a dense
network has been seen at .0174. Two decoders have equally many parameters: one doubles the sides by transposed
convolutions, kernel 3 and stride 2, which write once to some pixels and up to four times to others; one
repeats every pixel before an ordinary convolution, and takes three times as long.

The first begins with a checkerboard (Odena, Dumoulin and Olah 2016): its untrained pictures have many times
more in the finest frequency. Not for long: what is in no picture costs error, and the weights can even it
out. On shapes the two end with the same spectrum, and errors a tenth apart. Only in the logits, behind a
saturated sigmoid, is the pattern left.

A dense network as large, trained for four times as many steps, has twice their error on shapes: what it
learned at one place it does not know at another. On digits, which are all in the same place, it does as well
as they do.
"""

import sys

import numpy as np

from minigen import Tensor, no_grad, plot, sigmoid, to
from minigen.baselines import PCA
from minigen.data import digits_split, shapes
from minigen.experiment import Criterion, experiment
from minigen.metrics import finest_share
from minigen.models import ConvAutoencoder, DeepAutoencoder
from minigen.nn import Conv2d, Sequential, UpsampleNearest
from minigen.optim import Adam, linear
from minigen.training import read_frames, shuffled

CODE, BATCH, KEPT = 8, 64, 64  # of the test pictures, so many are kept as a network redraws them
CHANNELS, RATE = {"digits": (16, 32), "shapes": (8, 16)}, {"digits": 5e-3, "shapes": 1e-2}
DENSE, UPSAMPLED, TRANSPOSED = NETWORKS = ("dense", "upsampled", "transposed")
ERROR = "test error a pixel, {}, {}"
NUMBERS = "components with which PCA is as good on shapes as {} with 8 numbers"
SHARE, RATIO = "share of the finest frequency, shapes, {}, {} training", "transposed over upsampled"
DENSE_RATIO = "test error of dense over transposed, shapes"


def network(name, data, side, rng):
    model = ConvAutoencoder(CODE, CHANNELS[data], side, rng=rng)
    if name == DENSE:  # as many parameters: each node has a bias, and weights to a code and to a picture
        size, ends = sum(p.data.size for p in model.parameters()), side * side + CODE
        return DeepAutoencoder(side * side, CODE, 4, (size - ends) // (2 * ends + 2), "bce", rng=rng)
    if name == UPSAMPLED:  # each pixel 2 x 2 times, and then a convolution with stride 1
        for layer, shape in {"conv1": CHANNELS[data][::-1], "conv2": (CHANNELS[data][0], 1)}.items():
            conv = Conv2d(*shape, 3, padding=1, init="xavier", rng=rng)
            setattr(model.decoder, layer, Sequential(UpsampleNearest(2), conv))
    return model


def pictures(data, seed):
    """(train, test), each (N, S, S)."""
    if data == "digits":
        return digits_split()[::2]
    images, _ = shapes(5000, rng=seed)
    return images[:4000], images[4000:]


def trained(run, cell):
    """The measures of one network on one kind of pictures; what it makes of them stays in its frames."""
    data, name = cell
    train, test = (to(x, run.device) for x in pictures(data, run.seed))
    side = train.shape[-1]
    model = network(name, data, side, run.random.generator).to(run.device)
    shape = (-1, side * side) if name == DENSE else (-1, 1, side, side)
    steps = run.settings.steps * (4 if name == DENSE else 1)
    optimizer, batch = Adam(model), shuffled(train.reshape(shape), BATCH, seed=run.seed)

    def step(x):
        loss = model.loss(Tensor(x))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return {"cross-entropy": loss}

    def logits(x):
        with no_grad():
            return to(model(Tensor(x.reshape(shape))).data, "cpu").reshape(x.shape)

    film = {"frame": lambda: sigmoid(logits(test[:KEPT])), "frame_every": max(1, steps // 50)}
    how = {"lr": lambda n: linear(n, steps, RATE[data]), "replay": True}
    run.train(step, batch, steps, model=model, optimizer=optimizer, **film, **how)
    last = logits(test)
    return {"error": np.mean((sigmoid(last) - to(test, "cpu")) ** 2), "logits": finest_share(last)}


def one_seed(run):
    found = run.map(trained, {f"{data}, {k}": (data, k) for data in CHANNELS for k in NETWORKS})
    measured, errors, lines = {}, {}, {}
    for data in CHANNELS:  # the shapes come last: all that follows the loop is about them
        train, test = pictures(data, run.seed)
        frames = {name: read_frames(run.folder / f"{data}, {name}") for name in NETWORKS}
        error = {name: found[f"{data}, {name}"]["error"] for name in NETWORKS}
        errors[data] = {"PCA": PCA(train, CODE).error(test)} | error
        measured |= {ERROR.format(data, name): value for name, value in errors[data].items()}
        share = {name: [*map(finest_share, frames[name].values())] for name in (TRANSPOSED, UPSAMPLED)}
        share["test pictures"] = [finest_share(test[:KEPT])] * len(share[TRANSPOSED])
        lines[data] = {name: ([*frames[TRANSPOSED]], values) for name, values in share.items()}
    shares = {"before": {k: v[0] for k, v in share.items()}, "after": {k: v[-1] for k, v in share.items()}}
    shares["in the logits after"] = {k: found[f"shapes, {k}"]["logits"] for k in (TRANSPOSED, UPSAMPLED)}
    for when, of in shares.items():
        measured |= {SHARE.format(name, when): value for name, value in of.items()}
        measured[SHARE.format(RATIO, when)] = of[TRANSPOSED] / of[UPSAMPLED]
    measured |= {NUMBERS.format(name): components_for(error[name], train, test) for name in NETWORKS}
    redrawn = PCA(train, CODE).reconstruct(test[:12]).reshape(12, *test.shape[1:])
    rows = {"test pictures": test[:12], "PCA": redrawn.clip(0, 1)}
    rows |= {name: [*film.values()][-1][:12] for name, film in frames.items()}
    rows |= {f"{name},\nuntrained": frames[name][0][:12] for name in (TRANSPOSED, UPSAMPLED)}
    title = "Convolutions redraw with eight numbers what PCA blurs, and no checkerboard is left"
    plot.image_rows(rows, title, run.folder / "conv_autoencoder.png")
    title, axes = "A checkerboard does not survive training", ("step", "share of the finest frequency")
    plot.curves(lines, title, run.folder / "spectrum.png", axes=axes, yscale="log", sharey=False)
    title = "Convolutions help where things move about"
    plot.bars(errors, title, run.folder / "errors.png", axis="test error a pixel, code of 8")
    return measured | {DENSE_RATIO: error[DENSE] / error[TRANSPOSED]}


def components_for(error, train, test):
    """The fewest principal components that leave no more than this error a pixel."""
    squares = np.mean(PCA(train, train[0].size).encode(test) ** 2, axis=0)  # of each component, falling
    left = (squares.sum() - np.cumsum(squares)) / len(squares)  # with 1, 2, ... components
    return 1 + np.sum(left > error)


def criteria(error, numbers, before, after):
    two = (TRANSPOSED, UPSAMPLED)
    return [
        *(Criterion(ERROR.format("digits", k), "PCA .02481, a network .0174", 0.01, error) for k in two),
        *(Criterion(NUMBERS.format(k), "no better than PCA would be 8", numbers, 200) for k in two),
        Criterion(SHARE.format(RATIO, "before"), "several times as much", before, 200),
        Criterion(SHARE.format(RATIO, "after"), "1, as both redraw the same pictures", 1 / after, after),
        Criterion(DENSE_RATIO, "1 where place makes no difference", 1, 10),
    ]


if __name__ == "__main__":
    sys.exit(
        experiment(
            "conv_autoencoder",
            one_seed,
            __doc__,
            settings={"steps": 1500},
            criteria=criteria(0.0186, 32, 5, 1.25),
            quick={"steps": 200},
            quick_criteria=criteria(0.035, 16, 5, 2.5),
        )
    )
