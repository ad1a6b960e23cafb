r"""Free bits

Early in training units that say nothing lower the divergence most cheaply, and one that has fallen silent
rarely speaks again. With *free bits* every unit may carry $\lambda$ for free: only what lies above is paid.
$$\kappa_k = \frac1N \sum_n \tfrac12 ( e^{v_{nk}} + \mu_{nk}^2 - 1 - v_{nk} ), \qquad
L = \text{reconstruction}(z) + \sum_k \max(\lambda, \kappa_k), \qquad z = \mu + e^{v/2} \odot \varepsilon .$$
Note the order: first the mean over the batch, one number a unit, then the maximum.

| given | shape |
|---|---|
| `mu`, `logvar` ($v$), `eps` $\varepsilon$ | (N, K) |
| `cache["kappa"]` $\kappa$ | (K,) |
| `free_bits` $\lambda$ | a number |
| `gz`, the reconstruction's gradient at $z$ | (N, K) |

Wanted: the gradients at `kappa`, `mu` and `logvar`. In the batch some units pay and some do
not. Where $\kappa_k$ is exactly $\lambda$ the constant wins.
"""

import numpy as np

from minigen.exercises.master import Mutant

ID = "free-bits"
ORDER = 230
REQUIRES = ("vae-reparameterization",)
WANTED = ("z", "kappa", "mu", "logvar")


def forward(net, mu, logvar, eps, target, *, free_bits):
    N = len(mu)
    z = net("z", mu + np.exp(logvar / 2) * eps)  # (N, K)
    kappa = net("kappa", 0.5 * (np.exp(logvar) + mu**2 - 1 - logvar).sum(axis=0) / N)  # (N, K) -> (K,)
    net.term("reconstruction", 0.5 * ((np.tanh(z) - target) ** 2).sum() / N)
    net.term("kl", np.maximum(free_bits, kappa).sum())


def backward(cache, mu, logvar, eps, target, *, free_bits):
    N = len(mu)
    out = np.tanh(cache["z"])
    gz = (out - target) * (1 - out**2) / N  # given: the reconstruction's gradient at z
    kappa, sigma = cache["kappa"], np.exp(logvar / 2)
    # BEGIN SOLUTION
    gkappa = (kappa > free_bits).astype(float)  # (K,)
    gmu = gz + gkappa * mu / N
    glogvar = gz * 0.5 * sigma * eps + gkappa * 0.5 * (sigma**2 - 1) / N
    # END SOLUTION
    return {"z": gz, "kappa": gkappa, "mu": gmu, "logvar": glogvar}


HINTS = (
    "For one unit draw the price as a function of its divergence: "
    "what is its slope on the left and on the right?",
    "The gradient at kappa has one entry a unit, and each is one of two numbers. "
    "It then weights the divergence's part.",
    "Through z nothing has changed. Where the maximum picks the constant, mu and logvar hear from z alone.",
)

CONFIGS = (
    {"N": 7, "K": 11, "free_bits": 0.23, "why": "six units pay and five do not"},
    {"N": 5, "K": 13, "free_bits": 0.17, "why": "other sizes, a lower threshold"},
)


def inputs(rng, N, K, free_bits):
    silent = np.arange(K) % 2 == 1  # every second unit stays below the threshold, ...
    # ... though one example in each unit tells otherwise
    exception = np.arange(N)[:, None] == np.arange(K) % N
    size = np.where(silent == exception, 0.9 + 0.5 * rng.random((N, K)), 0.1)
    draw = rng.standard_normal
    return {
        "mu": size * rng.choice([-1.0, 1.0], (N, K)),
        "logvar": np.where(silent, 0.1, 0.7) * draw((N, K)),
        "eps": draw((N, K)),
        "target": draw((N, K)),
    }


MUTANTS = {
    "V29": Mutant("(kappa > free_bits).astype(float)", "np.ones_like(kappa)",
           "every unit pays, as if there were no free bits"),
    "V29.turned": Mutant("kappa > free_bits", "kappa < free_bits",
           "the threshold is the wrong way round: those pay that should not"),
    "V29.value": Mutant("(kappa > free_bits).astype(float)", "np.maximum(free_bits, kappa)",
           "this is the price itself, and its slope was asked for"),
    "V29.example": Mutant(("gkappa * mu", "gkappa * 0.5 * (sigma**2 - 1)"),
           ("(0.5 * (sigma**2 + mu**2 - 1 - logvar) > free_bits) * mu",
            "(0.5 * (sigma**2 + mu**2 - 1 - logvar) > free_bits) * 0.5 * (sigma**2 - 1)"),
           "the threshold was applied to every example; the loss applies it after the mean over the batch"),
    "V19": Mutant("(kappa > free_bits).astype(float)", "(kappa > free_bits) / len(kappa)",
           "the units' prices are added up in the loss, and averaged here"),
    "V18": Mutant(("gkappa * mu / N", "(sigma**2 - 1) / N"), ("gkappa * mu", "(sigma**2 - 1)"),
           "kappa is a mean over the batch, and its 1/N is missing in both lines"),
    "V17": Mutant(("gkappa * mu / N", "gkappa * 0.5 * (sigma**2 - 1) / N"), ("0", "0"),
           "the price of the paying units is in the loss, and neither gradient knows of it"),
    "V12": Mutant("gz + gkappa", "gz - gkappa", "the divergence pulls mu the other way"),
    "V13": Mutant("gkappa * mu / N", "gkappa * mu**2 / N", "the square of mu has not been differentiated"),
    "V11": Mutant("gz + gkappa", "gkappa",
           "the way to mu through z is missing: free bits are no reason to forget the reconstruction"),
    "V08": Mutant("gz * 0.5 * sigma * eps + ", "",
           "the way to logvar through z is missing: only the divergence is left"),
    "V14": Mutant("gkappa * 0.5 * (sigma**2 - 1)", "gkappa * (sigma**2 - 1)",
           "the half in front of the divergence is missing"),
    "V15": Mutant("(sigma**2 - 1)", "sigma**2",
           "the divergence has logvar twice, in the exponential and by itself; the second one was forgotten"),
    "V02": Mutant("gz * 0.5 * sigma * eps", "gz * 0.5 * eps",
           "an exponential stays when it is differentiated, and here sigma has disappeared"),
}  # fmt: skip
