r"""Cross-entropy on logits

The last layer of many decoders gives a *logit* $\ell$ for each pixel, any number, and the pixel is on with
probability $p = \sigma(\ell)$. How surprised is the model by the picture $x$? With $\log(1 + e^{\ell})$
called softplus, $$L = \frac1N \sum_n \sum_d ( \log(1 + e^{\ell_{nd}}) - x_{nd} \, \ell_{nd} ), \qquad
\ell = h W + b .$$ This is $-x \log p - (1 - x) \log(1 - p)$, written so that no logarithm ever meets a 0.

| given | shape |
|---|---|
| `h`, `x` | (N, H), (N, D) |
| `weight`, `bias` | (H, D), (D,) |
| `cache["logits"]` $\ell$ | (N, D) |
| `sigmoid` | a function |

Wanted: the gradients at `logits`, `h`, `weight` and `bias`. Differentiate the formula above as it stands,
and do not pass through $p$: on that way a division and a multiplication by $p(1 - p)$ cancel on paper,
and become 0/0 on a machine that is very sure. The second configuration is.
"""

import numpy as np

from minigen.exercises.master import Mutant

ID = "bce-with-logits"
ORDER = 70
REQUIRES = ("sigmoid", "mse")
WANTED = ("logits", "h", "weight", "bias")


def sigmoid(a):
    """1 / (1 + e^-a), written with the tanh, which cannot overflow."""
    return 0.5 * (1 + np.tanh(0.5 * a))


def forward(net, h, weight, bias, x):
    N = len(x)
    logits = net("logits", h @ weight + bias)  # (N, H) -> (N, D)
    net.term("softplus", np.logaddexp(0, logits).sum() / N)
    net.term("picture", -(x * logits).sum() / N)


def backward(cache, h, weight, bias, x):
    N = len(x)
    logits = cache["logits"]
    # BEGIN SOLUTION
    glogits = (sigmoid(logits) - x) / N  # (N, D)
    gh = glogits @ weight.T  # (N, D) -> (N, H)
    gweight = h.T @ glogits  # (H, N) @ (N, D) -> (H, D)
    gbias = glogits.sum(axis=0)  # (N, D) -> (D,)
    # END SOLUTION
    return {"logits": glogits, "h": gh, "weight": gweight, "bias": gbias}


HINTS = (
    "Two summands depend on a logit, and one of them is a product with a constant. Begin with that one.",
    "Differentiate log(1 + e^l) with the chain rule: the fraction that comes out is an old acquaintance.",
    "The result is what the model says minus what it should say, "
    "averaged over the batch. No p(1 - p) is left.",
)

CONFIGS = (
    {"N": 5, "H": 3, "D": 7, "sure": 0.0, "why": "grey pixels, between 0 and 1"},
    {"N": 5, "H": 3, "D": 11, "sure": 800.0,
     "why": "a pixel of which the model is so sure that an exponential overflows"},
)  # fmt: skip


def inputs(rng, N, H, D, sure):
    draw, x = rng.standard_normal, rng.random((N, D))
    h, weight, bias = draw((N, H)), draw((H, D)), 0.5 * draw(D)
    if sure:
        h[:, 0] = np.arange(N) % 2 * 2 - 1  # -1 and 1 in turn, so that both exponentials overflow
        weight[0, 0] = sure
        x[:, 0] = rng.random(N) < 0.5  # black or white, so often not what the model was sure of
    return {"h": h, "weight": weight, "bias": bias, "x": x}


MUTANTS = {
    "A06": Mutant("(sigmoid(logits) - x) / N",
           "(sigmoid(logits) - x) * sigmoid(logits) * (1 - sigmoid(logits)) / N",
           "the slope of the sigmoid was multiplied in, and this loss already contains the sigmoid"),
    "A07": Mutant("(sigmoid(logits) - x) / N",
           "(sigmoid(logits) - x) / (sigmoid(logits) * (1 - sigmoid(logits))) / N",
           "this is the gradient at the probability, one step before the logit"),
    "G01": Mutant("(sigmoid(logits) - x) / N", "(sigmoid(logits) - x) * 1",
           "the loss is a mean over the batch, and the gradient is that of a sum"),
    "G02": Mutant("h.T @ glogits", "h.T @ glogits / N",
           "the mean over the batch was taken once more at the weight"),
    "G03": Mutant("(sigmoid(logits) - x) / N", "(sigmoid(logits) - x) / x.size",
           "averaged over the pixels as well, and the loss adds them up"),
    "G04": Mutant("(sigmoid(logits) - x)", "(x - sigmoid(logits))",
           "the sign: following this gradient downhill makes the picture less likely"),
    "G06": Mutant("glogits.sum(axis=0)", "glogits.mean(axis=0)",
           "the bias is used by every example, and what they send was averaged"),
    "G14": Mutant("(sigmoid(logits) - x)", "-x",
           "only the product with the picture was differentiated: this gradient raises every logit for ever"),
    "G31": Mutant("(sigmoid(logits) - x)", "sigmoid(logits)",
           "nothing is compared with the picture: this gradient makes every pixel black"),
    "G32": Mutant("(sigmoid(logits) - x)", "(logits - x)",
           "the logit itself was compared with the picture, as if it were a probability"),
    "G32.twice": Mutant("sigmoid(logits)", "sigmoid(sigmoid(logits))",
           "the logits were taken through the sigmoid twice"),
    "G39": Mutant("sigmoid(logits)", "np.round(sigmoid(logits))",
           "a decision was compared with the picture, 0 or 1: how sure the model was is lost"),
}  # fmt: skip
