"""A variational autoencoder on handwritten digits, judged against the best mixture of Bernoullis.

    python examples/vae_digits.py [--quick] [--epochs 300] [--latent 8] [--seed 0] [--seeds 5 --jobs 2] [--out DIR]

The 8x8 digits are made black and white, and the model is asked how probable it finds digits by other writers. The
bound it was trained on says at most how bad it is; 500 weighted codes for each digit say it almost exactly. A
mixture of 50 Bernoulli images, fitted by EM, reaches 18.42 nats a digit, and no other number of components did
better: that is the number to beat. A network that has not learned to use its code cannot get below 24.91, the
entropy of independent pixels.
"""

import sys

import numpy as np

from minigen import Tensor, no_grad, plot, to
from minigen.data import digits_split
from minigen.experiment import Criterion, experiment
from minigen.metrics import importance_weighted_bound
from minigen.models import VAE
from minigen.models.iwae import log_weights
from minigen.optim import Adam
from minigen.training import shuffled

NLL = "test -log p(x), nats a digit"
BATCH, HIDDEN = 64, 128


def one_seed(run):
    train, _, test, _ = digits_split()
    train, test = (to(np.float32(x.reshape(len(x), -1) >= 0.5), run.device) for x in (train, test))
    latent, random = run.settings.latent, run.random
    model = VAE(64, HIDDEN, latent, rng=random.generator).to(run.device)
    optimizer = Adam(model, lr=1e-3)

    def step(x):
        reconstruction, kl = model.terms(Tensor(x), Tensor(random.normal(len(x), latent)))
        optimizer.zero_grad()
        (reconstruction + kl).backward()
        optimizer.step()
        return {"reconstruction": reconstruction, "KL": kl}

    batch = shuffled(train, BATCH, seed=run.seed)
    run.train(step, batch, run.settings.epochs * (len(train) // BATCH), model=model, optimizer=optimizer)

    with no_grad():
        reconstruction, kl = model.terms(Tensor(test), Tensor(random.normal(len(test), latent)))
        pictures(model, test[:12], random, run.folder / "digits.png")
    return {
        "test reconstruction": reconstruction.item(),
        "test KL": kl.item(),
        "test bound": (reconstruction + kl).item(),
        NLL: likelihood(model, test, random),
    }


def likelihood(model, test, random, codes=500):
    """-log p(x), averaged over the test digits; a few digits at a time, since every one gets 500 codes."""
    with no_grad():
        weights = [
            to(log_weights(model, Tensor(x), Tensor(random.normal(codes, len(x), model.latent))).data, "cpu")
            for x in (test[start : start + 50] for start in range(0, len(test), 50))
        ]
    return -importance_weighted_bound(np.concatenate(weights, axis=1))


def pictures(model, images, random, path):
    mu, _ = model.encode(Tensor(images))
    rows = {
        "test digits": Tensor(images),
        "reconstructed": model.sample(mu),
        "sampled": model.sample(Tensor(random.normal(len(images), model.latent))),
    }
    rows = {label: to(row.data, "cpu").reshape(-1, 8, 8) for label, row in rows.items()}
    plot.image_rows(
        rows, "A code of a few numbers redraws digits of other writers, and invents new ones", path
    )


if __name__ == "__main__":
    sys.exit(
        experiment(
            "vae_digits",
            one_seed,
            __doc__,
            settings={"epochs": 300, "latent": 8},
            criteria=[Criterion(NLL, "the best mixture of Bernoullis", below=18.42)],
            quick={"epochs": 40},
            quick_criteria=[
                Criterion(
                    NLL, "independent pixels have 24.91, the best mixture of Bernoullis 18.42", below=20.5
                )
            ],
        )
    )
