r"""Batch normalisation

Every feature is shifted and stretched so that, over the batch, its mean is 0 and its variance 1;
then a scale $\gamma$ and a shift $\beta$, both learned, give it whatever range it needs:
$$m = \frac1N \sum_n x_n, \quad c_n = x_n - m, \quad v = \frac1N \sum_n c_n^2, \quad s = \sqrt{v + \epsilon},
\quad \hat x_n = \frac{c_n}{s}, \quad y_n = \gamma \, \hat x_n + \beta .$$

| given | shape |
|---|---|
| `x`, and in the cache `centred` $c$, `xhat` $\hat x$ | (N, D) |
| in the cache `mean` $m$, `var` $v$, `std` $s$ | (D,) |
| `weight` $\gamma$, `bias` $\beta$ | (D,) |
| `eps` $\epsilon$ | a number |
| `g`, the gradient of the loss at $y$ | (N, D) |

Wanted: the gradients at all of them, from `xhat` up to `x`, one line for each formula above,
read from right to left. What makes it hard: every example depends on all others, through $m$ and through $s$.
So $c$ is used twice, and so is $x$. When all is done, sum the gradient of `x` over the batch:
shifting a feature changes nothing, so that sum must be 0.
"""

import numpy as np

from minigen.exercises.master import Mutant

ID = "batch-norm"
ORDER = 100
REQUIRES = ("bias-broadcasting",)
WANTED = ("weight", "bias", "xhat", "std", "var", "centred", "mean", "x")


def forward(net, x, weight, bias, *, eps):
    mean = net("mean", x.mean(axis=0))  # (N, D) -> (D,)
    centred = net("centred", x - mean)  # (N, D)
    var = net("var", (centred**2).mean(axis=0))  # (N, D) -> (D,)
    std = net("std", np.sqrt(var + eps))
    xhat = net("xhat", centred / std)  # (N, D)
    net.output(weight * xhat + bias)


def backward(g, cache, x, weight, bias, *, eps):
    N = len(x)
    centred, std, xhat = cache["centred"], cache["std"], cache["xhat"]
    # BEGIN SOLUTION
    gweight = (g * xhat).sum(axis=0)  # (N, D) -> (D,)
    gbias = g.sum(axis=0)
    gxhat = g * weight  # (N, D)
    gstd = -(gxhat * centred).sum(axis=0) / std**2  # (N, D) -> (D,)
    gvar = gstd * 0.5 / std
    gcentred = gxhat / std + gvar * 2 * centred / N  # through xhat, and through var: (N, D)
    gmean = -gcentred.sum(axis=0)  # (N, D) -> (D,)
    gx = gcentred + gmean / N  # through centred, and through mean: (N, D)
    # END SOLUTION
    return {
        "weight": gweight,
        "bias": gbias,
        "xhat": gxhat,
        "std": gstd,
        "var": gvar,
        "centred": gcentred,
        "mean": gmean,
        "x": gx,
    }


HINTS = (
    "Take one formula at a time and ask of each letter on its right: who uses it? c is used by two, x by "
    "two, all else by one.",
    "What has one entry for a feature is used by all N examples, so its gradient is a sum over them. This is "
    "so for s and m.",
    "s stands below a fraction, v below a root, c in a square: "
    "three rules from school. Each of the two means leaves a 1/N.",
)

CONFIGS = (
    {"N": 7, "D": 5, "eps": 0.01, "spread": 1.0, "why": "a batch so small that n and n - 1 differ visibly"},
    {"N": 5, "D": 7, "eps": 0.03, "spread": 0.2,
     "why": "features that hardly vary, so that eps counts as much as the variance"},
)  # fmt: skip


def inputs(rng, N, D, eps, spread):
    draw = rng.standard_normal
    return {"x": 0.7 + spread * draw((N, D)), "weight": 1.5 + 0.5 * draw(D), "bias": draw(D)}


MUTANTS = {
    "B01": Mutant("gx = gcentred + gmean / N", "gx = gcentred * 1",
           "every example has moved the mean as well, and nothing comes back from there"),
    "B02": Mutant(" + gvar * 2 * centred / N", "",
           "every example has moved the variance as well, and nothing comes back from there"),
    "B03": Mutant((" + gvar * 2 * centred / N", "gx = gcentred + gmean / N"), ("", "gx = gcentred * 1"),
           "mean and variance were treated as constants, as they are only in evaluation mode"),
    "B04": Mutant("2 * centred / N", "2 * centred / (N - 1)",
           "the variance divides by one number on the way forward, and by another one on the way back"),
    "B05": Mutant("gxhat = g * weight", "gxhat = g * 1",
           "on the way to xhat the gradient has not passed the scale"),
    "B06": Mutant(("(g * xhat).sum(axis=0)", "gbias = g.sum(axis=0)"),
           ("(g * xhat).mean(axis=0)", "gbias = g.mean(axis=0)"),
           "scale and shift are used by every example, and what they send was averaged"),
    "B07": Mutant("gvar = gstd * 0.5 / std", "gvar = gstd * 0.5 * std / cache['var']",
           "the small number under the root is not where the forward pass has it"),
    "G05": Mutant("gvar * 2 * centred", "gvar * centred",
           "a square was differentiated, and its 2 has not come down"),
    "G05.root": Mutant("gstd * 0.5 / std", "gstd / std",
           "a root was differentiated, and its half has not come down"),
    "G33": Mutant("gcentred + gmean / N", "gcentred + gmean",
           "m is a mean, and its gradient was handed on as if it were a sum"),
    "G36": Mutant("-(gxhat * centred).sum(axis=0)", "(gxhat * centred).sum(axis=0)",
           "the sign of a denominator: making s larger makes the fraction smaller"),
    "G36.power": Mutant("/ std**2", "/ std", "a denominator was differentiated and has kept its power"),
}  # fmt: skip
