"""An autoencoder is a code for what it was trained on: shown something else, it draws what it knows.

    python examples/data_specific.py [--quick] [--epochs 300] [--seed 0] [--seeds 5] [--out DIR]

Pictures of 8 x 8 pixels become 8 numbers and pictures again: digits, pieces of a photograph of a Chinese
palace, noise. One autoencoder, 64-128-8-128-64, was trained on digits by other writers, one on pieces of
another photograph, of a flower. The discrete cosine transform, from which JPEG is made, was trained on
nothing: its code are the 8 slowest of 64 waves. Errors are given over the variance, so that the mean picture
has 1.

On digits the first autoencoder leaves less than PCA, .340; on the photograph it is worse than the mean
picture. The transform is good where neighbouring pixels are alike: .055 of the photograph is lost, but .85 of
the digits. And no linear code keeps more than 8 / 64 of noise: .875 is lost. That a code fits its own data
alone is no fault of the network: PCA of digits loses the photograph as well, and PCA of photographs is as
good there as the transform, and better than the network.
"""

import sys

import numpy as np
from scipy.fft import dctn, idctn
from sklearn.datasets import load_sample_image

from minigen import Tensor, no_grad, plot, to
from minigen.baselines import PCA
from minigen.data import digits_split
from minigen.experiment import Criterion, experiment, rounds_to
from minigen.models import DeepAutoencoder
from minigen.optim import Adam, cosine
from minigen.plot.images import mosaic
from minigen.training import shuffled

CODE, BATCH, RATE = 8, 128, 5e-3
OF_DIGITS, OF_PHOTOGRAPHS, WAVES = "autoencoder of digits", "autoencoder of photographs", "cosine transform"
SHOWN = (OF_DIGITS, OF_PHOTOGRAPHS, WAVES)
CORNER = (96, 240)  # of the piece of the photograph in the figure: a roof before the sky


def lost(code, data):
    return f"error over variance, {code}, on {data}"


def one_seed(run):
    digits, _, others, _ = digits_split()
    digits, others = digits.reshape(-1, 64), others.reshape(-1, 64)
    palace, flower = (photograph(name) for name in ("china.jpg", "flower.jpg"))
    noise = run.random.generator.random((4000, 64), np.float32)
    redraw = {
        OF_DIGITS: trained(run, digits, "digits"),
        OF_PHOTOGRAPHS: trained(run, tiles(flower), "photographs"),
        WAVES: waves,
        "PCA of digits": PCA(digits, CODE).reconstruct,
        "PCA of photographs": PCA(tiles(flower), CODE).reconstruct,
    }
    data = {"digits": others, "a photograph": tiles(palace), "noise": noise}
    measured = {
        lost(code, name): np.mean((function(x) - x) ** 2) / x.var(axis=0).mean()
        for name, x in data.items()
        for code, function in redraw.items()
    }
    row, column = CORNER
    seen = {
        "digits": (others[:16], 4),
        "a photograph": (tiles(palace[row : row + 160, column : column + 160]), 20),
        "noise": (noise[:16], 4),
    }
    rows = {}
    for name, (x, columns) in seen.items():
        rows[name] = {"shown": (together(x, columns), "")}
        for code in SHOWN:
            drawn = together(redraw[code](x), columns), f"{measured[lost(code, name)]:.2f} lost"
            rows[name][code.replace(" of ", "\nof ")] = drawn
    title = (
        "64 pixels as 8 numbers: a code is good for what it was made for\n(lost: the error over the variance)"
    )
    plot.picture_table(rows, title, run.folder / "data_specific.png")
    return measured


def photograph(name):
    """A photograph that comes with scikit-learn, in grey, from 0 (white) to 1 (black)."""
    return 1 - load_sample_image(name).mean(axis=2).astype(np.float32) / 255


def tiles(picture):
    """The pieces of 8 x 8 pixels, (H, W) -> (N, 64), row by row; a rest at the edges is left out."""
    height, width = (size // 8 for size in picture.shape)
    pieces = picture[: 8 * height, : 8 * width].reshape(height, 8, width, 8)
    return pieces.swapaxes(1, 2).reshape(-1, 64)


def together(x, columns):
    """Pieces (N, 64) as one picture: those of a photograph as they were, others with a line between them."""
    images = np.asarray(x).reshape(-1, 8, 8)
    if columns == 4:
        return mosaic(images, columns)
    return images.reshape(-1, columns, 8, 8).swapaxes(1, 2).reshape(-1, 8 * columns)


def waves(x):
    """x (N, 64) from its CODE slowest waves, cos(pi u (2 i + 1) / 16) cos(pi v (2 j + 1) / 16)."""
    u, v = np.indices((8, 8))
    slowest = np.argsort((u + v).ravel(), kind="stable")[:CODE]
    kept = np.isin(np.arange(64), slowest).reshape(8, 8)
    code = kept * dctn(x.reshape(-1, 8, 8), axes=(1, 2), norm="ortho")
    return idctn(code, axes=(1, 2), norm="ortho").reshape(-1, 64)


def trained(run, x, into):
    """The function of an autoencoder of the rows x (N, 64), as one of plain arrays."""
    model = DeepAutoencoder(64, CODE, layers=4, nodes=128, rng=run.random.generator).to(run.device)
    optimizer, batch = Adam(model), shuffled(to(x, run.device), BATCH, seed=run.seed)
    steps = 10 * run.settings.epochs  # ten batches, about as many as there are of the digits

    def step(x):
        loss = model.loss(Tensor(x))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return {"squared error": loss}

    how = {"lr": lambda n: cosine(n, steps, RATE), "replay": True}
    run.train(step, batch, steps, into=into, model=model, optimizer=optimizer, **how)

    def redraw(x):
        with no_grad():
            return to(model(Tensor(to(np.float32(x), run.device))).data, "cpu")

    return redraw


def criteria(own, photograph):
    least = "8 of 64 numbers of noise are kept by a linear code: .875"
    return [
        Criterion(lost(OF_DIGITS, "digits"), "PCA of digits .340", 0.15, own),
        Criterion(lost(OF_DIGITS, "a photograph"), "the mean picture 1", 1, 10),
        Criterion(lost(OF_PHOTOGRAPHS, "a photograph"), "the cosine transform .055", 0.03, photograph),
        Criterion(lost(OF_PHOTOGRAPHS, "digits"), "the mean picture 1, PCA of digits .34", 0.9, 10),
        rounds_to(lost(WAVES, "digits"), "0.85", "no training"),
        rounds_to(lost(WAVES, "a photograph"), "0.055", "no training"),
        Criterion(lost(WAVES, "noise"), least, 0.86, 0.89),
        *(Criterion(lost(code, "noise"), least, 0.86, 10) for code in (OF_DIGITS, OF_PHOTOGRAPHS)),
    ]


if __name__ == "__main__":
    sys.exit(
        experiment(
            "data_specific",
            one_seed,
            __doc__,
            settings={"epochs": 300},
            criteria=criteria(0.338, 0.09),
            quick={"epochs": 220},
            quick_criteria=criteria(0.42, 0.16),
        )
    )
