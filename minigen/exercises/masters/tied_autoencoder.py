r"""Tied autoencoder

A tied autoencoder uses one weight matrix twice: to encode, and turned round, to decode:
$$a = x W + b, \qquad h = \tanh a, \qquad \hat x = h W^\top + c.$$
The loss is the squared error, summed over the D features and averaged over the N examples,
plus a penalty on the weight: $$L = \frac1N \sum_n \tfrac12 \lVert \hat x_n - x_n
\rVert^2 + \tfrac{\lambda}{2} \lVert W \rVert^2 .$$

| given | shape |
|---|---|
| `x` | (N, D) |
| `weight` $W$, `bias` $b$, `decoder_bias` $c$ | (D, H), (H,), (D,) |
| `cache["h"]`, `cache["xhat"]` | (N, H), (N, D) |
| `lam` $\lambda$ | a number |

Wanted: the gradients at `xhat`, `h` and `a`, and those of the three parameters. Count in how
many places $W$ stands.
"""

import numpy as np

from minigen.exercises.master import Mutant

ID = "tied-autoencoder"
ORDER = 150
REQUIRES = ("autoencoder",)
WANTED = ("xhat", "h", "a", "weight", "bias", "decoder_bias")


def forward(net, x, weight, bias, decoder_bias, *, lam):
    N = len(x)
    a = net("a", x @ weight + bias)  # (N, D) -> (N, H)
    h = net("h", np.tanh(a))
    xhat = net("xhat", h @ weight.T + decoder_bias)  # (N, H) -> (N, D)
    net.term("reconstruction", 0.5 * ((xhat - x) ** 2).sum() / N)
    net.term("penalty", 0.5 * lam * (weight**2).sum())


def backward(cache, x, weight, bias, decoder_bias, *, lam):
    N = len(x)
    h, xhat = cache["h"], cache["xhat"]
    # BEGIN SOLUTION
    gxhat = (xhat - x) / N  # (N, D)
    gh = gxhat @ weight  # (N, D) -> (N, H)
    ga = gh * (1 - h**2)
    gweight = x.T @ ga + gxhat.T @ h + lam * weight  # encoder, decoder, penalty: all (D, H)
    gbias = ga.sum(axis=0)
    gdecoder_bias = gxhat.sum(axis=0)
    # END SOLUTION
    return {"xhat": gxhat, "h": gh, "a": ga, "weight": gweight, "bias": gbias, "decoder_bias": gdecoder_bias}


HINTS = (
    "Call the two copies of W by different names, find both gradients, and only then remember that they are "
    "the same W.",
    "The decoder uses W turned round, so its contribution comes out turned, too; the shapes (D, H) tell "
    "which way.",
    "Three things reach the weight: the encoder with the gradient at a, the decoder, and the penalty.",
)

CONFIGS = (
    {"N": 5, "D": 7, "H": 3, "lam": 0.03, "why": "sizes that cannot be mistaken for each other"},
    {"N": 7, "D": 5, "H": 5, "lam": 0.3,
     "why": "as many units as features: a square weight hides a wrong transpose"},
)  # fmt: skip


def inputs(rng, N, D, H, lam):
    draw = rng.standard_normal
    return {
        "x": draw((N, D)),
        "weight": 0.5 * draw((D, H)),
        "bias": 0.3 * draw(H),
        "decoder_bias": 0.3 * draw(D),
    }


MUTANTS = {
    "G01": Mutant("(xhat - x) / N", "xhat - x",
           "the loss is a mean over the batch, and its 1/N has been left out"),
    "G05": Mutant("(xhat - x) / N", "2 * (xhat - x) / N",
           "the half in front of the square and the 2 from its derivative do not both appear"),
    "G11": Mutant("gh * (1 - h**2)", "gh * 1",
           "the derivative of the tanh is missing on the way to the encoder"),
    "G13": Mutant("gh * (1 - h**2)", "gh * h * (1 - h)",
           "the derivative is that of a sigmoid, and the units are tanh units"),
    "G41": Mutant(" + lam * weight", "",
           "the penalty on the weight is in the loss, and its gradient is not here"),
    "A01": Mutant(" + gxhat.T @ h", "",
           "the decoder uses the weight as well, and what it contributes is missing"),
    "A02": Mutant("x.T @ ga + ", "",
           "the encoder uses the weight as well, and what it contributes is missing"),
    "A04": Mutant("(xhat - x) / N", "(xhat - x) * xhat * (1 - xhat) / N",
           "a sigmoid was differentiated at the output, and the output of this decoder is linear"),
    "A12": Mutant("+ lam * weight", "+ 2 * lam * weight",
           "the weight is used twice, and its penalty was counted twice as well; it stands in the loss once"),
}  # fmt: skip
