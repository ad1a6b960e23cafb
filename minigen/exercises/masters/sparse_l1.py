r"""Sparse autoencoder: a price for every unit that speaks

Only a few of the hidden units are to speak for each picture. So every one of them pays for its size, be it
above zero or below:
$$a = x W_1 + b_1, \qquad h = \tanh a, \qquad \hat x = h W_2 + b_2,$$
$$L = \frac1N \sum_n \tfrac12 \lVert \hat x_n - x_n \rVert^2
\; + \; \frac{\lambda}{N} \sum_n \sum_j \lvert h_{nj} \rvert .$$

| given | shape |
|---|---|
| `x` | (N, D) |
| `encoder_weight` $W_1$, `encoder_bias` $b_1$ | (D, H), (H,) |
| `decoder_weight` $W_2$, `decoder_bias` $b_2$ | (H, D), (D,) |
| `cache["h"]`, `cache["xhat"]` | (N, H), (N, D) |
| `lam` $\lambda$ | a number |

The gradient at `xhat` is given, and does not know of the price. Wanted: the gradients at `h` and `a`, and
those of `encoder_weight` and `encoder_bias`. At $h = 0$ the size $|h|$ has a corner: its slope counts as 0.
"""

import numpy as np

from minigen.exercises.master import Mutant

ID = "sparse-l1"
ORDER = 170
REQUIRES = ("autoencoder",)
WANTED = ("xhat", "h", "a", "encoder_weight", "encoder_bias")


def forward(net, x, encoder_weight, encoder_bias, decoder_weight, decoder_bias, *, lam):
    N = len(x)
    a = net("a", x @ encoder_weight + encoder_bias)  # (N, D) -> (N, H)
    h = net("h", np.tanh(a))
    xhat = net("xhat", h @ decoder_weight + decoder_bias)  # (N, H) -> (N, D)
    net.term("reconstruction", 0.5 * ((xhat - x) ** 2).sum() / N)
    net.term("price", lam * np.abs(h).sum() / N)


def backward(cache, x, encoder_weight, encoder_bias, decoder_weight, decoder_bias, *, lam):
    N = len(x)
    h, xhat = cache["h"], cache["xhat"]
    gxhat = (xhat - x) / N  # given: (N, D)
    # BEGIN SOLUTION
    gh = gxhat @ decoder_weight.T + lam * np.sign(h) / N  # the picture's part, and the price: (N, H)
    ga = gh * (1 - h**2)
    gencoder_weight = x.T @ ga  # (D, N) @ (N, H) -> (D, H)
    gencoder_bias = ga.sum(axis=0)
    # END SOLUTION
    return {
        "xhat": gxhat,
        "h": gh,
        "a": ga,
        "encoder_weight": gencoder_weight,
        "encoder_bias": gencoder_bias,
    }


HINTS = (
    "Two things depend on h: the decoder, and the price. "
    "Their gradients meet at h, before anything else is done.",
    "A unit at 0.9 and a unit at 0.1 pay different prices. "
    "How much more does each of them pay for a little more?",
    "The slope of |h| is 1 on one side of zero and -1 on the other; "
    "NumPy has a function for that. Mind lambda and 1/N.",
)

CONFIGS = (
    {"N": 5, "D": 7, "H": 3, "lam": 0.3, "why": "sizes that cannot be mistaken for each other"},
    {"N": 7, "D": 5, "H": 11, "lam": 0.07, "why": "more units than features, where a price is needed most"},
)


def inputs(rng, N, D, H, lam):
    draw = rng.standard_normal
    return {
        "x": draw((N, D)),
        "encoder_weight": 0.5 * draw((D, H)),
        "encoder_bias": 0.3 * draw(H),
        "decoder_weight": 0.5 * draw((H, D)),
        "decoder_bias": 0.3 * draw(D),
    }


MUTANTS = {
    "S01": Mutant(" + lam * np.sign(h) / N", "",
           "every unit pays in the loss, and the gradient knows nothing of it"),
    "S02": Mutant("np.sign(h) / N", "np.sign(h)",
           "the price is averaged over the batch like everything else, and its 1/N is missing"),
    "S03": Mutant("lam * np.sign(h)", "np.sign(h)", "the height of the price is missing"),
    "S04": Mutant(".T + lam", ".T - lam", "the sign: units are rewarded for being large"),
    "S09": Mutant((" + lam * np.sign(h) / N", "gh * (1 - h**2)"),
           ("", "gh * (1 - h**2) + lam * np.sign(h) / N"),
           "the price was added after the tanh was passed; it is a price for what comes out of the tanh"),
    "S15": Mutant("np.sign(h)", "h",
           "large units feel the price more than small ones, as they would if the square of h were paid for"),
    "S15.abs": Mutant("np.sign(h)", "np.abs(h)", "the price itself stands there, and not how it changes"),
    "G03": Mutant("np.sign(h) / N", "np.sign(h) / h.size",
           "the price was averaged over the units as well, which the loss sums over"),
    "G11": Mutant("gh * (1 - h**2)", "gh * 1",
           "the derivative of the tanh is missing on the way to the encoder"),
    "G13": Mutant("gh * (1 - h**2)", "gh * h * (1 - h)",
           "the derivative is that of a sigmoid, and the units are tanh units"),
    "G14": Mutant("gxhat @ decoder_weight.T + ", "",
           "only the price is left: what the picture wants from h is missing"),
}  # fmt: skip
