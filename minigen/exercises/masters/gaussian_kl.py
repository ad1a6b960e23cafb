r"""The divergence of two Gaussians

A variational autoencoder pays for every code that is far from standard normal noise:
$$\mathrm{KL} = \frac{\beta}{N} \sum_{n=1}^{N} \sum_{k=1}^{K} \tfrac12
( e^{v_{nk}} + \mu_{nk}^2 - 1 - v_{nk} ),$$ where $\mu$ is the mean that the encoder gives and $v$ is the
*logarithm* of the variance, so that $e^v = \sigma^2$ and any number is allowed. Here $v$ is called `logvar`.

| given | shape |
|---|---|
| `mu`, `logvar` | (N, K) |
| `beta` $\beta$ | a number |

Wanted: the gradients at `mu` and `logvar`. Check your result in your head: where is the divergence smallest,
and are your gradients 0 there?
"""

import numpy as np

from minigen.exercises.master import Mutant

ID = "gaussian-kl"
ORDER = 200
REQUIRES = ("autoencoder",)
WANTED = ("mu", "logvar")


def forward(net, mu, logvar, *, beta):
    N = len(mu)
    net.term("mean", beta * 0.5 * (mu**2).sum() / N)
    net.term("variance", beta * 0.5 * np.exp(logvar).sum() / N)
    net.term("entropy", beta * 0.5 * (-1 - logvar).sum() / N)


def backward(cache, mu, logvar, *, beta):
    N = len(mu)
    # BEGIN SOLUTION
    gmu = beta * mu / N
    glogvar = beta * 0.5 * (np.exp(logvar) - 1) / N
    # END SOLUTION
    return {"mu": gmu, "logvar": glogvar}


HINTS = (
    "Every entry stands alone in the sum, so differentiate one summand by mu and by v as in school.",
    "Three of the four pieces in the bracket depend on one of the two; two of them depend on v.",
    "Both gradients are 0 for mu = 0 and v = 0, where the code is standard normal already. Is the one for v?",
)

CONFIGS = (
    {"N": 5, "K": 3, "beta": 0.7, "why": "beta is not 1, and no size is another's multiple"},
    {"N": 7, "K": 11, "beta": 1.3, "why": "other sizes, beta above 1"},
)


def inputs(rng, N, K, beta):
    return {"mu": rng.standard_normal((N, K)), "logvar": 0.8 * rng.standard_normal((N, K))}


MUTANTS = {
    "G04": Mutant("beta * mu / N", "-beta * mu / N", "the sign: the divergence grows with |mu|"),
    "V12": Mutant("beta * mu / N", "beta * 0.5 * mu / N",
           "the derivative of the square has lost its 2, which cancels the half"),
    "V13": Mutant("beta * mu / N", "beta * mu**2 / N",
           "the square is still there, as if nothing had been differentiated"),
    "V14": Mutant("beta * 0.5 * (np.exp(logvar) - 1)", "beta * (np.exp(logvar) - 1)",
           "the half in front of the bracket is missing"),
    "V15": Mutant("(np.exp(logvar) - 1)", "np.exp(logvar)",
           "v stands in the bracket twice, as e^v and by itself; the second one was forgotten"),
    "V16": Mutant("np.exp(logvar) - 1", "np.exp(logvar / 2) - 1",
           "sigma stands where the variance belongs: v is the logarithm of the variance"),
    "V18": Mutant(("beta * mu / N", "(np.exp(logvar) - 1) / N"), ("beta * mu", "(np.exp(logvar) - 1)"),
           "the divergence is averaged over the batch, and its 1/N is missing in both lines"),
    "V19": Mutant(("beta * mu / N", "(np.exp(logvar) - 1) / N"),
           ("beta * mu / N / mu.shape[1]", "(np.exp(logvar) - 1) / N / mu.shape[1]"),
           "averaged over the K units of the code, which the loss sums over"),
    "V20": Mutant(("beta * mu / N", "beta * 0.5"), ("mu / N", "0.5"),
           "beta stands in front of the whole divergence, and here it is missing"),
}  # fmt: skip
