"""Transposed convolutions that overlap unevenly paint a checkerboard, before anything has been learned.

    python examples/checkerboard.py [--quick] [--networks 1000] [--steps 300] [--seed 0] [--out DIR]

A kernel of 3 with stride 2 writes to some pixels once and to others two or four times, the kernel of 5 of the
DCGAN paper 4, 6 and 9 times; a kernel of 4, and nearest-neighbour upsampling before an ordinary convolution,
treat all alike (Odena, Dumoulin and Olah 2016). So the largest count over the smallest is 4, 2.25, 1 and 1,
and the mean square that untrained layers paint, over many of them, is that much larger at some pixels than
at others.

That is a mean over networks. Even counts do not end it: in a single network neighbours are still painted by
different taps. A kernel of 4, too, puts twenty times more into the finest frequency than upsampling does.
Then the same layers learn to redraw shapes from 32 numbers: the checkerboard is unlearned, but all the way
there is more of it than with upsampling.
"""

import sys

import numpy as np

from minigen import Tensor, no_grad, plot, to
from minigen.baselines import PCA
from minigen.data import shapes
from minigen.experiment import Criterion, experiment
from minigen.losses import squared_error
from minigen.metrics import finest_share
from minigen.nn import Conv2d, ConvTranspose2d, Dense, Reshape, Sequential, Tanh, UpsampleNearest
from minigen.optim import Adam
from minigen.training import read_frames, read_log, shuffled

KERNEL = {"kernel 3": 3, "kernel 5": 5, "kernel 4": 4}  # of the transposed convolutions, all with stride 2
RATIO = {"kernel 3": 4.0, "kernel 5": 2.25, "kernel 4": 1.0, "upsampled": 1.0}
CHANNELS, CODE, COUNT, SEEN = 8, 32, 1000, 250  # CODE numbers for each of COUNT shapes; SEEN are looked at


def counts(name):
    return f"largest overlap over smallest, {name}"


def squares(name):
    return f"largest mean square over smallest, {name}"


def finest(name, when="untrained"):
    return f"share of the finest frequency, {when}, {name} over upsampled"


def left(name):
    return f"squared error over the variance of the pictures, trained, {name}"


def one_seed(run):
    measured, share = {}, {}
    grids, strengths, whole, pictures = {}, {}, {}, {}
    rows = {"writes to each pixel": grids, "mean square of\nuntrained layers": strengths}
    rows["mean square of\nuntrained generators"] = whole
    rows["one of them alone,\nfrom a constant"] = pictures
    rng, networks = run.random.generator, run.settings.networks
    for name in RATIO:
        ones = doubling(name, 1, 1, init=lambda rng, shape, *_: np.ones(shape), rng=rng)
        grids[name] = paint(run, ones, np.ones((1, 1, 12, 12)), 6)[0, 0].astype(int)
        measured[counts(name)] = grids[name].max() / grids[name].min()

        layers = [doubling(name, CHANNELS, 1, rng=rng) for _ in range(networks)]
        square = np.mean([paint(run, layer, noise(rng, 12), 16) ** 2 for layer in layers], axis=(0, 1, 2))
        phases = square.reshape(8, 2, 8, 2).mean(axis=(0, 2))  # (16, 16) -> (2, 2), one for each parity
        measured[squares(name)] = phases.max() / phases.min()
        strengths[name] = square

        generators = [generator(name, rng) for _ in range(networks // 4)]
        painted = [paint(run, one, noise(rng, 8), 32) for one in generators]
        share[name] = np.mean([finest_share(images) for images in painted])
        whole[name] = np.mean([images**2 for images in painted], axis=(0, 1, 2))[:16, :16]
        pictures[name] = paint(run, generators[0], np.ones((1, CHANNELS, 8, 8)), 24)[0, 0]
    measured |= {finest(name): share[name] / share["upsampled"] for name in KERNEL}
    title = "Transposed convolutions paint a checkerboard before they have learned anything"
    plot.checkerboard(rows, title, run.folder / "checkerboard.png")

    images = shapes(COUNT, rng=run.seed)[0].reshape(COUNT, -1)
    shares, errors = {}, {}
    for name in RATIO:
        shares[name], errors[name] = training(run, name, images)
    panels = {"share of the finest frequency": shares, "squared error (the loss)": errors}
    title = "Training unlearns the checkerboard; upsampling has least of it"
    how = {"axes": ("step", ""), "yscale": "log", "sharey": False}
    plot.curves(panels, title, run.folder / "training.png", **how)
    after = {name: share[-1] for name, (_, share) in shares.items()}
    variance = np.sum(np.var(images, axis=0))
    measured |= {left(name): 2 * np.mean(loss[-3:]) / variance for name, (_, loss) in errors.items()}
    return measured | {finest(name, "trained"): after[name] / after["upsampled"] for name in KERNEL}


def doubling(name, inputs, outputs, *, rng, init="he"):
    """A layer that doubles the sides of a picture."""
    how = {"rng": rng, "init": init, "bias": False, "dtype": "float64"}
    if name == "upsampled":
        return Sequential(UpsampleNearest(2), Conv2d(inputs, outputs, 3, padding=1, **how))
    kernel = KERNEL[name]
    border = {"padding": (kernel - 1) // 2, "output_padding": kernel % 2}
    return ConvTranspose2d(inputs, outputs, kernel, stride=2, **border, **how)


def generator(name, rng):
    """Three doublings, as where a generator turns its first 8 x 8 pixels into a picture."""
    a, b, c = (doubling(name, CHANNELS, outputs, rng=rng) for outputs in (CHANNELS, CHANNELS, 1))
    return Sequential(a, Tanh(), b, Tanh(), c)


def training(run, name, images):
    """Two doublings learn to redraw images (N, 256).

    Returns the share of the finest frequency and the loss, both as (steps, y).
    """
    rng, codes = run.random.generator, to(PCA(images, CODE).encode(images), run.device)
    start = Dense(CODE, CHANNELS * 16, rng=rng, dtype="float64")
    a, b = (doubling(name, CHANNELS, outputs, rng=rng) for outputs in (CHANNELS, 1))
    model = Sequential(start, Reshape(CHANNELS, 4, 4), Tanh(), a, Tanh(), b).to(run.device)
    optimizer, into = Adam(model, lr=2e-3), name.replace(" ", "-")

    def step(batch):
        code, pictures = map(Tensor, batch)
        loss = squared_error(model(code), pictures)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return {"squared error": loss}

    pairs = codes, to(images.astype(np.float64).reshape(-1, 1, 16, 16), run.device)
    frames = {"frame": lambda: model(Tensor(codes[:SEEN])), "frame_every": max(1, run.settings.steps // 20)}
    batch = shuffled(pairs, 64, seed=run.seed)
    how = {"into": into, "model": model, "optimizer": optimizer, "log_every": 10, "replay": True}
    run.train(step, batch, run.settings.steps, **how, **frames)
    kept, log = read_frames(run.folder / into), read_log(run.folder / into)
    return (list(kept), list(map(finest_share, kept.values()))), (log["step"], log["squared error"])


def noise(rng, side):
    return rng.standard_normal((4, CHANNELS, side, side))


def paint(run, network, x, size):
    """size x size pixels of the middle, where no border disturbs the counts: (N, C, H, W) -> (N, 1, s, s)."""
    with no_grad():
        images = to(network.to(run.device)(Tensor(to(x, run.device))).data, "cpu")
    start = (images.shape[-1] - size) // 2
    return images[:, :, start : start + size, start : start + size]


def criteria(upsampled, transposed):
    """`upsampled` and `transposed` bound what may be left of the pictures after training."""
    most = dict(zip(RATIO, (*transposed, upsampled), strict=True))
    return [
        *(Criterion(counts(k), f"exactly {v:g}", v - 1e-4, v + 1e-4) for k, v in RATIO.items()),
        # over 1000 layers these ratios spread by up to 2.5 %
        *(Criterion(squares(k), f"the same, {v:g}", 0.9 * v, 1.1 * v) for k, v in RATIO.items()),
        Criterion(finest("kernel 3"), "several times as much", 5, 60),
        Criterion(finest("kernel 3", "trained"), "still several times", 3, 60),
        *(
            Criterion(left(k), "the 32 axes of PCA .08, weights that never move 6", 0.05, v)
            for k, v in most.items()
        ),
    ]


if __name__ == "__main__":
    sys.exit(
        experiment(
            "checkerboard",
            one_seed,
            __doc__,
            settings={"networks": 1000, "steps": 300},
            criteria=criteria(0.42, (0.6, 0.6, 0.6)),
            quick={"networks": 400, "steps": 200},
            quick_criteria=criteria(0.48, (2, 1, 1)),
        )
    )
