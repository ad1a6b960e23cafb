r"""Tanh: a block with a shortcut

Deep networks are stacks of blocks that leave their input as it is and add a correction to it:
$$a = x W + b, \qquad h = \tanh a, \qquad y = x + h V .$$
The shortcut from $x$ to $y$ is why gradients survive a hundred such blocks.

| given | shape |
|---|---|
| `x` | (N, D) |
| `weight` $W$, `bias` $b$, `out_weight` $V$ | (D, H), (H,), (H, D) |
| `cache["a"]`, `cache["h"]` | (N, H) |
| `g`, the gradient of the loss at $y$ | (N, D) |

Wanted: the gradients at `h`, `a`, `x` and the three parameters. Find $\tanh'$ on paper, from
$\tanh a = (e^a - e^{-a}) / (e^a + e^{-a})$, and write it with $h$ alone. A test for it:
the curve looks the same turned upside down, so its slope at $-a$ is its slope at $a$. And count the ways
that lead from $x$ to $y$.
"""

import numpy as np

from minigen.exercises.master import Mutant

ID = "tanh"
ORDER = 40
REQUIRES = ("sigmoid",)
WANTED = ("h", "a", "x", "weight", "bias", "out_weight")


def forward(net, x, weight, bias, out_weight):
    a = net("a", x @ weight + bias)  # (N, D) -> (N, H)
    h = net("h", np.tanh(a))
    net.output(x + h @ out_weight)  # (N, H) -> (N, D)


def backward(g, cache, x, weight, bias, out_weight):
    h = cache["h"]
    # BEGIN SOLUTION
    gh = g @ out_weight.T  # (N, D) -> (N, H)
    ga = gh * (1 - h**2)
    gx = g + ga @ weight.T  # the shortcut, and the way through the block: (N, D)
    gweight = x.T @ ga  # (D, N) @ (N, H) -> (D, H)
    gbias = ga.sum(axis=0)
    gout_weight = h.T @ g  # (H, N) @ (N, D) -> (H, D)
    # END SOLUTION
    return {"h": gh, "a": ga, "x": gx, "weight": gweight, "bias": gbias, "out_weight": gout_weight}


HINTS = (
    "Go backwards through the three formulas, one line for each: y to h, h to a, a to x, weight and bias.",
    "The quotient rule gives a difference of two squares over a square; divide it out, and one of the parts "
    "is h again.",
    "x is used twice, in the dense layer and in the shortcut. What two ways bring back is added.",
)

CONFIGS = (
    {"N": 5, "D": 7, "H": 3, "why": "sizes that cannot be mistaken for each other"},
    {"N": 7, "D": 5, "H": 5, "why": "as many units as features: square weights hide a wrong transpose"},
)


def inputs(rng, N, D, H):
    draw = rng.standard_normal
    return {
        "x": draw((N, D)),
        "weight": 0.5 * draw((D, H)),
        "bias": 0.5 * draw(H),
        "out_weight": draw((H, D)),
    }


MUTANTS = {
    "G04": Mutant("(1 - h**2)", "(h**2 - 1)",
           "the sign: a tanh rises everywhere, and this slope is negative"),
    "G11": Mutant("gh * (1 - h**2)", "gh * 1",
           "the gradient is handed past the tanh as if it were not there"),
    "G12": Mutant("(1 - h**2)", "(1 - cache['a'] ** 2)",
           "the formula for the slope is one in h, and the value before the tanh was put into it"),
    "G13": Mutant("(1 - h**2)", "h * (1 - h)", "this is the slope of a sigmoid, and negative wherever h is"),
    "G13.square": Mutant("(1 - h**2)", "(1 - h)",
           "this slope differs between h and -h, and a tanh is equally steep on both sides"),
    "G14": Mutant("gx = g + ga", "gx = ga",
           "the shortcut takes x straight to y, and nothing comes back along it"),
    "G14.block": Mutant("gx = g + ga @ weight.T", "gx = g * 1",
           "only the shortcut is there: the block itself depends on x as well"),
    "G15": Mutant("gx = g + ga", "gx = 2 * g + ga", "the shortcut was counted twice"),
    "G10": Mutant("g + ga @ weight.T", "g + ga @ out_weight",
           "x reaches the block through the first weight, and it was sent back through the second one"),
    "G17": Mutant("gh * (1 - h**2)", "1 - h**2", "the slope alone: what arrives from above is not used"),
    "G18": Mutant("ga = gh * (1 - h**2)", "h **= 2; ga = gh * (1 - h)",
           "h was squared in place, and the lines further down still need it as it was"),
    "G40": Mutant(("gweight = x.T @ ga", "gout_weight = h.T @ g"),
           ("gout_weight = (x.T @ ga).T", "gweight = (h.T @ g).T"),
           "the gradients of the two weights stand under each other's name"),
}  # fmt: skip
