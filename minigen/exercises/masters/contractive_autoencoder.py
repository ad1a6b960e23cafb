r"""Contractive autoencoder

The code should hardly move when the picture does. So the loss contains a derivative, the Jacobian
$\partial h / \partial x$, and its gradient contains a second one. For sigmoid units,
$$a = x W_1 + b_1, \qquad h = \sigma(a), \qquad s = h \odot (1 - h), \qquad
\frac{\partial h_{nj}}{\partial x_{ni}} = s_{nj} W_{1,ij},$$
where $s$ is the slope of the units. Squared and summed, with $c_j = \sum_i W_{1,ij}^2$, $\hat x = h W_2+b_2$:
$$L = \frac1N \sum_n \tfrac12 \lVert \hat x_n - x_n \rVert^2
+ \frac{\lambda}{N} \sum_n \sum_j s_{nj}^2 \, c_j .$$

| given | shape |
|---|---|
| `x` | (N, D) |
| `encoder_weight` $W_1$, `encoder_bias` $b_1$ | (D, H), (H,) |
| `decoder_weight` $W_2$, `decoder_bias` $b_2$ | (H, D), (D,) |
| `cache["h"]`, `cache["slope"]` $s$, `cache["size"]` $c$, `cache["xhat"]` | (N, H), (N, H), (H,), (N, D) |
| `lam` $\lambda$ | a number |

The gradient at `xhat` is given. Wanted: those at `slope`, `size`, `h` and `a`, and those of `encoder_weight`
and `encoder_bias`. The penalty reaches $W_1$ in two ways: draw the arrows first.
"""

import numpy as np

from minigen.exercises.master import Mutant

ID = "contractive-autoencoder"
ORDER = 190
REQUIRES = ("autoencoder", "sigmoid")
WANTED = ("xhat", "slope", "size", "h", "a", "encoder_weight", "encoder_bias")


def forward(net, x, encoder_weight, encoder_bias, decoder_weight, decoder_bias, *, lam):
    N = len(x)
    a = net("a", x @ encoder_weight + encoder_bias)  # (N, D) -> (N, H)
    h = net("h", 1 / (1 + np.exp(-a)))
    slope = net("slope", h * (1 - h))  # (N, H)
    size = net("size", (encoder_weight**2).sum(axis=0))  # (D, H) -> (H,)
    xhat = net("xhat", h @ decoder_weight + decoder_bias)  # (N, H) -> (N, D)
    net.term("reconstruction", 0.5 * ((xhat - x) ** 2).sum() / N)
    net.term("penalty", lam * (slope**2 * size).sum() / N)


def backward(cache, x, encoder_weight, encoder_bias, decoder_weight, decoder_bias, *, lam):
    N = len(x)
    h, slope, size, xhat = cache["h"], cache["slope"], cache["size"], cache["xhat"]
    gxhat = (xhat - x) / N  # given: (N, D)
    # BEGIN SOLUTION
    gslope = 2 * lam * slope * size / N  # (N, H)
    gsize = lam * (slope**2).sum(axis=0) / N  # (N, H) -> (H,)
    gh = gxhat @ decoder_weight.T + gslope * (1 - 2 * h)  # the picture's part, and the penalty's
    ga = gh * slope
    gencoder_weight = x.T @ ga + 2 * encoder_weight * gsize  # through the units, and directly: (D, H)
    gencoder_bias = ga.sum(axis=0)
    # END SOLUTION
    return {
        "xhat": gxhat,
        "slope": gslope,
        "size": gsize,
        "h": gh,
        "a": ga,
        "encoder_weight": gencoder_weight,
        "encoder_bias": gencoder_bias,
    }


HINTS = (
    "Take slope and size for two unknowns: differentiate the penalty by each, then ask what each is made of.",
    "The slope is a parabola in h, highest at h = 1/2: "
    "more h makes it grow on one side of that and shrink on the other.",
    "The weight is in the slope, by way of the units, and in the size, as a square. "
    "Two ways, so two summands.",
)

CONFIGS = (
    {"N": 5, "D": 7, "H": 3, "lam": 0.3, "why": "sizes that cannot be mistaken for each other"},
    {"N": 7, "D": 5, "H": 5, "lam": 1.7,
     "why": "a strong penalty, which must be right in both of its ways, and square weights"},
)  # fmt: skip


def inputs(rng, N, D, H, lam):
    draw = rng.standard_normal
    return {
        "x": draw((N, D)),
        "encoder_weight": 0.6 * draw((D, H)),
        "encoder_bias": 0.5 * draw(H),
        "decoder_weight": 0.5 * draw((H, D)),
        "decoder_bias": 0.3 * draw(D),
    }


MUTANTS = {
    "A11": Mutant(" + gslope * (1 - 2 * h)", "",
           "the penalty contains the slope of the units, and the way through it is missing"),
    "A11.weight": Mutant(" + 2 * encoder_weight * gsize", "",
           "the penalty contains the weight itself, and the direct way to it is missing"),
    "G01": Mutant(("slope * size / N", ".sum(axis=0) / N"), ("slope * size", ".sum(axis=0)"),
           "the penalty is averaged over the batch like everything else, and its 1/N is missing"),
    "G02": Mutant("(slope**2).sum(axis=0)", "(slope**2).mean(axis=0)",
           "what the examples send to the size was averaged, on top of the mean that the penalty has"),
    "G05": Mutant("2 * lam * slope", "lam * slope",
           "the slope is squared in the penalty, and the 2 from the square is missing"),
    "G05.weight": Mutant("2 * encoder_weight * gsize", "encoder_weight * gsize",
           "the size is made of squares, and the 2 from them is missing"),
    "G11": Mutant("gslope * (1 - 2 * h)", "gslope",
           "the slope was taken for h itself: how it changes with h is missing"),
    "G11.units": Mutant("gh * slope", "gh * 1",
           "the derivative of the sigmoid is missing on the way to the encoder"),
    "G12": Mutant("(1 - 2 * h)", '(1 - 2 * cache["a"])',
           "the change of the slope was written with what goes into the sigmoid, not with what comes out"),
    "G13": Mutant("gh * slope", "gh * (1 - h**2)",
           "the derivative is that of a tanh, and the units are sigmoid units"),
    "G14": Mutant("gxhat @ decoder_weight.T + ", "",
           "only the penalty is left: what the picture wants from h is missing"),
    "G14.weight": Mutant("x.T @ ga + ", "",
           "only the direct way of the penalty is left: what comes through the units is missing"),
    "G45": Mutant("2 * encoder_weight * gsize", "2 * np.sign(encoder_weight) * gsize",
           "the sign of the weight stands where the weight belongs, as if its absolute value were summed"),
}  # fmt: skip
