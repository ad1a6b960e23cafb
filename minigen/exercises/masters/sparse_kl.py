r"""Sparse autoencoder: a target for how often a unit speaks

Sigmoid units speak with a strength between 0 and 1. The mean over the batch is the rate of a unit, and every
rate is drawn to a small target $\rho$. The two are compared like the chances of two coins:
$$a = x W_1 + b_1, \quad h = \sigma(a), \quad \hat x = h W_2 + b_2, \quad \hat\rho_j = \frac1N \sum_n h_{nj}$$
$$L = \frac1N \sum_n \tfrac12 \lVert \hat x_n - x_n \rVert^2 + \beta \sum_j ( \rho \log\frac{\rho}{\hat\rho_j}
+ (1-\rho) \log\frac{1-\rho}{1-\hat\rho_j} ).$$

| given | shape |
|---|---|
| `x` | (N, D) |
| `encoder_weight` $W_1$, `encoder_bias` $b_1$ | (D, H), (H,) |
| `decoder_weight` $W_2$, `decoder_bias` $b_2$ | (H, D), (D,) |
| `cache["h"]`, `cache["rhohat"]` $\hat\rho$, `cache["xhat"]` | (N, H), (H,), (N, D) |
| `rho` $\rho$, `beta` $\beta$ | numbers |

The gradient at `xhat` is given. Wanted: the gradients at `rhohat`, `h` and `a`, and those of `encoder_weight`
and `encoder_bias`. Check in your head: what is the gradient of a rate that is right already?
"""

import numpy as np

from minigen.exercises.master import Mutant

ID = "sparse-kl"
ORDER = 180
REQUIRES = ("autoencoder", "sigmoid")
WANTED = ("xhat", "rhohat", "h", "a", "encoder_weight", "encoder_bias")


def forward(net, x, encoder_weight, encoder_bias, decoder_weight, decoder_bias, *, rho, beta):
    N = len(x)
    a = net("a", x @ encoder_weight + encoder_bias)  # (N, D) -> (N, H)
    h = net("h", 1 / (1 + np.exp(-a)))
    rhohat = net("rhohat", h.mean(axis=0))  # (N, H) -> (H,)
    xhat = net("xhat", h @ decoder_weight + decoder_bias)  # (N, H) -> (N, D)
    net.term("reconstruction", 0.5 * ((xhat - x) ** 2).sum() / N)
    net.term("on", beta * (rho * np.log(rho / rhohat)).sum())
    net.term("off", beta * ((1 - rho) * np.log((1 - rho) / (1 - rhohat))).sum())


def backward(cache, x, encoder_weight, encoder_bias, decoder_weight, decoder_bias, *, rho, beta):
    N = len(x)
    h, rhohat, xhat = cache["h"], cache["rhohat"], cache["xhat"]
    gxhat = (xhat - x) / N  # given: (N, D)
    # BEGIN SOLUTION
    grhohat = beta * (-rho / rhohat + (1 - rho) / (1 - rhohat))  # (H,)
    gh = gxhat @ decoder_weight.T + grhohat / N  # (N, H): the same pull on every example
    ga = gh * h * (1 - h)
    gencoder_weight = x.T @ ga  # (D, N) @ (N, H) -> (D, H)
    gencoder_bias = ga.sum(axis=0)
    # END SOLUTION
    return {
        "xhat": gxhat,
        "rhohat": grhohat,
        "h": gh,
        "a": ga,
        "encoder_weight": gencoder_weight,
        "encoder_bias": gencoder_bias,
    }


HINTS = (
    "Go by way of the rate: first the gradient at rhohat, one number for each unit, and only then on to h.",
    "rhohat stands in both logarithms, each time below the line: "
    "log(r/s) changes by -1/s when s does. And 1 - s?",
    "h reaches the loss twice, through the picture and through the rate. "
    "Each example makes up one N-th of a rate.",
)

CONFIGS = (
    {"N": 5, "D": 7, "H": 11, "rho": 0.15, "beta": 0.7, "why": "rates above the target, beta is not 1"},
    {"N": 7, "D": 5, "H": 5, "rho": 0.47, "beta": 1.3,
     "why": "rates on both sides of the target, as many units as features"},
)  # fmt: skip


def inputs(rng, N, D, H, rho, beta):
    draw = rng.standard_normal
    return {
        "x": draw((N, D)),
        "encoder_weight": 0.5 * draw((D, H)),
        "encoder_bias": 0.5 * draw(H),
        "decoder_weight": 0.5 * draw((H, D)),
        "decoder_bias": 0.3 * draw(D),
    }


MUTANTS = {
    "S01": Mutant(" + grhohat / N", "", "the rates are in the loss, and h does not hear of them"),
    "S02": Mutant("grhohat / N", "grhohat",
           "a rate is a mean over the batch, and one example was given the pull of all of them"),
    "S03": Mutant("beta * (-rho", "(-rho", "the weight of the sparsity term is missing"),
    "S04": Mutant("grhohat = beta", "grhohat = -beta", "the sign: rates are pushed away from the target"),
    "S05": Mutant(" + (1 - rho) / (1 - rhohat)", "",
           "of the two logarithms only one was differentiated, so every unit is always pushed up"),
    "S06": Mutant("(-rho / rhohat + (1 - rho) / (1 - rhohat))",
           "(np.log(rhohat / rho) - np.log((1 - rhohat) / (1 - rho)))",
           "this is the gradient of the divergence the other way round, from the rate to the target"),
    "S07": Mutant("(-rho / rhohat + (1 - rho) / (1 - rhohat))", "(-rhohat / rho + (1 - rhohat) / (1 - rho))",
           "the rate and the target have changed places"),
    "S08": Mutant("grhohat / N", "beta * (-rho / h + (1 - rho) / (1 - h)) / N",
           "each example was compared with the target by itself, and the loss knows the mean only"),
    "S09": Mutant((" + grhohat / N", "gh * h * (1 - h)"), ("", "gh * h * (1 - h) + grhohat / N"),
           "the pull was added after the sigmoid was passed; it pulls on what comes out of the sigmoid"),
    "S11": Mutant("(-rho / rhohat + (1 - rho) / (1 - rhohat))",
           "(-rho / h.sum(axis=0) + (1 - rho) / (1 - h.sum(axis=0)))",
           "a sum stands where the rate belongs, and a rate lies between 0 and 1"),
    "A08": Mutant("gh * h * (1 - h)", 'gh * cache["a"] * (1 - cache["a"])',
           "the derivative of the sigmoid was written with what goes in; the formula wants what comes out"),
    "G11": Mutant("gh * h * (1 - h)", "gh * 1",
           "the derivative of the sigmoid is missing on the way to the encoder"),
    "G13": Mutant("gh * h * (1 - h)", "gh * (1 - h**2)",
           "the derivative is that of a tanh, and the units are sigmoid units"),
    "G14": Mutant("gxhat @ decoder_weight.T + ", "0 * h + ",
           "only the pulls is left: what the picture wants from h is missing"),
}  # fmt: skip
