r"""VAE: reparameterization

The encoder of a variational autoencoder gives a mean $\mu$ and a log-variance $v$ for each example.
The code $z$ is drawn from that distribution, written so that a gradient can pass through it:
$$\sigma = e^{v/2}, \qquad z = \mu + \sigma \odot \varepsilon,$$
where the noise $\varepsilon$ is an argument and stays as it is. The loss is a reconstruction
term that sees $z$, plus $\beta$ times the divergence
$$\mathrm{KL} = \frac1N \sum_n \sum_k \tfrac12 ( e^{v} + \mu^2 - 1 - v ).$$

The gradient at `z` is given. Wanted: the gradients at `mu` and `logvar`. Each reaches the loss in two ways.
"""

import numpy as np

from minigen.exercises.master import Mutant

ID = "vae-reparameterization"
ORDER = 210
REQUIRES = ("gaussian-kl",)
WANTED = ("z", "mu", "logvar")


def forward(net, mu, logvar, eps, target, *, beta):
    N = len(mu)
    z = net("z", mu + np.exp(logvar / 2) * eps)  # (N, K)
    net.term("reconstruction", 0.5 * ((np.tanh(z) - target) ** 2).sum() / N)
    net.term("kl", beta * 0.5 * (np.exp(logvar) + mu**2 - 1 - logvar).sum() / N)


def backward(cache, mu, logvar, eps, target, *, beta):
    N = len(mu)
    out = np.tanh(cache["z"])
    gz = (out - target) * (1 - out**2) / N  # given: the reconstruction's gradient at z
    sigma = np.exp(logvar / 2)
    # BEGIN SOLUTION
    gmu = gz + beta * mu / N
    glogvar = gz * 0.5 * sigma * eps + beta * 0.5 * (sigma**2 - 1) / N
    # END SOLUTION
    return {"z": gz, "mu": gmu, "logvar": glogvar}


HINTS = (
    "mu and logvar each reach the loss twice: through z, and in the divergence directly. "
    "Gradients of ways add up.",
    "For the way through z hold eps fixed: how much does z move when mu moves by one? And when logvar does?",
    "The derivative of exp(v/2) by v is half of exp(v/2). "
    "In the divergence, e^v and -v both depend on logvar.",
)

CONFIGS = (
    {"N": 5, "K": 3, "beta": 0.7, "why": "beta is not 1, so that a forgotten beta shows"},
    {"N": 7, "K": 2, "beta": 1.3, "why": "beta above 1, other sizes"},
)


def inputs(rng, N, K, beta):
    draw = rng.standard_normal
    return {"mu": draw((N, K)), "logvar": 0.7 * draw((N, K)), "eps": draw((N, K)), "target": draw((N, K))}


MUTANTS = {
    "V01": Mutant("0.5 * sigma * eps", "sigma * eps",
           "the half in the exponent of sigma = exp(logvar/2) has disappeared"),
    "V02": Mutant("0.5 * sigma * eps", "0.5 * eps",
           "an exponential stays when it is differentiated, and here sigma has disappeared"),
    "V03": Mutant("0.5 * sigma * eps", "0.5 * sigma**2 * eps",
           "the variance stands where the standard deviation belongs"),
    "V04": Mutant("0.5 * sigma * eps", "0.5 / sigma * eps", "divided by sigma, where it multiplies"),
    "V05": Mutant("0.5 * sigma * eps", "0.5 * sigma",
           "the noise multiplies sigma in z, and it has been left out"),
    "V06": Mutant("0.5 * sigma * eps", "sigma**2 * eps",
           "logvar was taken for the logarithm of sigma, and it is that of the variance"),
    "V07": Mutant("0.5 * sigma * eps", "eps", "logvar was taken for sigma itself"),
    "V08": Mutant("gz * 0.5 * sigma * eps + ", "",
           "the way to logvar through z is missing: only the divergence is left"),
    "V09": Mutant("glogvar = gz * 0.5", "glogvar = -gz * 0.5", "the sign of the way through z"),
    "V10": Mutant("sigma * eps", "sigma * np.random.default_rng().standard_normal(eps.shape)",
           "new noise was drawn, and the gradient belongs to the noise of the forward pass"),
    "V11": Mutant("gmu = gz + ", "gmu = ", "the way to mu through z is missing"),
    "V12": Mutant(" + beta * mu / N", "", "the divergence pulls mu towards 0, and it is missing"),
    "V12.sign": Mutant("gz + beta", "gz - beta", "the divergence pulls mu the other way"),
    "V12.twice": Mutant("beta * mu / N", "2 * beta * mu / N",
           "the divergence halves the square of mu, and here that half is not used up"),
    "V13": Mutant("beta * mu / N", "beta * mu**2 / N", "the square of mu has not been differentiated"),
    "V14": Mutant(" + beta * 0.5 * (sigma**2 - 1) / N", "", "the divergence does not reach logvar"),
    "V14.sign": Mutant("+ beta * 0.5", "- beta * 0.5", "the divergence pulls logvar the other way"),
    "V14.half": Mutant("beta * 0.5 * (sigma", "beta * (sigma",
           "the half in front of the divergence has disappeared"),
    "V15": Mutant("(sigma**2 - 1)", "sigma**2",
           "the divergence has logvar twice, in the exponential and by itself; the second one was forgotten"),
    "V16": Mutant("(sigma**2 - 1)", "(sigma - 1)",
           "sigma stands in the divergence where the variance belongs"),
    "V17": Mutant((" + beta * mu / N", " + beta * 0.5 * (sigma**2 - 1) / N"), ("", ""),
           "the divergence is in the loss, and neither gradient knows of it"),
    "V18": Mutant(("beta * mu / N", "(sigma**2 - 1) / N"), ("beta * mu", "(sigma**2 - 1)"),
           "the divergence is averaged over the batch as well, and its 1/N is missing"),
    "V20": Mutant(("beta * mu", "beta * 0.5"), ("mu", "0.5"),
           "the divergence is weighted by beta in the loss, and here it is not"),
    "V21": Mutant(("gmu = gz + beta * mu / N", "gz * 0.5 * sigma * eps + beta * 0.5"),
           ("gmu = beta * gz + mu / N", "beta * gz * 0.5 * sigma * eps + 0.5"),
           "beta stands at the reconstruction, and it belongs to the divergence"),
}  # fmt: skip
