"""A variational autoencoder on handwritten digits, judged against the best mixture of Bernoullis.

    python examples/vae_digits.py [--epochs 300] [--seed 0] [--latent 8] [--out runs/vae_digits]

The 8x8 digits are made black and white, and the model is asked how probable it finds digits by other writers. The bound it
was trained on says at most how bad it is; 500 weighted codes for each digit say it almost exactly. A mixture of 50
Bernoulli images, fitted by EM, reaches 18.42 nats a digit, and no other number of components did better: that
is the number to beat. A network that has not learned to use its code cannot get below 24.91, the entropy of
independent pixels.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
from tqdm import tqdm

from minigen import Random, Tensor, no_grad, plot
from minigen.data import batches, digits_split
from minigen.metrics import importance_weighted_bound
from minigen.models import VAE
from minigen.models.iwae import log_weights
from minigen.optim import Adam

BEST_BERNOULLI_MIXTURE = 18.42  # nats a test digit, K = 50
INDEPENDENT_PIXELS = 24.91
BATCH, HIDDEN = 64, 128


def main():
    options = read_options()
    out = new_folder(options.out)
    train, _, test, _ = digits_split()
    train, test = (np.float32(images.reshape(len(images), -1) >= 0.5) for images in (train, test))
    random = Random(options.seed)
    model = VAE(64, HIDDEN, options.latent, rng=random.generator)
    started = time.perf_counter()
    fit(model, train, random, options.epochs)
    seconds = time.perf_counter() - started

    reconstruction, kl = evaluate(model, test, random)
    nll = likelihood(model, test, random)
    pictures(model, test[:12], random, options.latent, out / "digits.png")
    print(f"test reconstruction {reconstruction:.2f} + KL {kl:.2f} = {reconstruction + kl:.2f} nats a digit")
    print(f"test -log p(x), 500 weighted codes: {nll:.2f}   (independent pixels {INDEPENDENT_PIXELS})")
    print(f"{seconds:.0f} s of training; figure: {out / 'digits.png'}")
    reached = nll < BEST_BERNOULLI_MIXTURE
    print(
        f"{'reached' if reached else 'missed'}: {nll:.2f} < {BEST_BERNOULLI_MIXTURE} (best Bernoulli mixture)"
    )
    return 0 if reached else 1


def fit(model, train, random, epochs):
    optimizer = Adam(model, lr=1e-3)
    for _ in (bar := tqdm(range(epochs), unit="epoch")):
        terms = np.zeros(2)
        for x in batches(train, BATCH, random.generator):
            optimizer.zero_grad()
            reconstruction, kl = model.terms(Tensor(x), Tensor(random.normal(len(x), model.latent)))
            (reconstruction + kl).backward()
            optimizer.step()
            terms += reconstruction.item(), kl.item()
        reconstruction, kl = terms / (len(train) // BATCH)
        bar.set_postfix_str(f"reconstruction {reconstruction:.2f}, KL {kl:.2f}")


def evaluate(model, test, random):
    with no_grad():
        terms = model.terms(Tensor(test), Tensor(random.normal(len(test), model.latent)))
    return [term.item() for term in terms]


def likelihood(model, test, random, codes=500):
    """-log p(x), averaged over the test digits; a few digits at a time, since every one gets 500 codes."""
    with no_grad():
        weights = [
            log_weights(model, Tensor(x), Tensor(random.normal(codes, len(x), model.latent))).numpy()
            for x in np.array_split(test, 10)
        ]
    return -importance_weighted_bound(np.concatenate(weights, axis=1))


def pictures(model, images, random, latent, path):
    with no_grad():
        mu, _ = model.encode(Tensor(images))
        rows = {
            "test digits": images,
            "reconstructed": model.sample(mu).numpy(),
            "sampled": model.sample(Tensor(random.normal(len(images), latent))).numpy(),
        }
    rows = {label: row.reshape(-1, 8, 8) for label, row in rows.items()}
    plot.image_rows(
        rows, "A code of a few numbers redraws digits of other writers, and invents new ones", path
    )


def read_options():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--epochs", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--latent", type=int, default=8, help="numbers in a code")
    parser.add_argument("--out", type=Path, default=Path("runs/vae_digits"), help="folder for the figure")
    options = parser.parse_args()
    if options.epochs < 1 or options.latent < 1:
        parser.error("--epochs and --latent must be at least 1")
    return options


def new_folder(wanted):
    """`wanted`, or `wanted-2`, `wanted-3` ...: an earlier run is never overwritten."""
    folder, n = wanted, 1
    while folder.exists():
        n += 1
        folder = wanted.with_name(f"{wanted.name}-{n}")
    folder.mkdir(parents=True)
    return folder


if __name__ == "__main__":
    sys.exit(main())
