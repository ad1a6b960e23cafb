r"""Bias and broadcasting

When arrays of different shapes meet, NumPy repeats the smaller one until they fit, and says
nothing. Here a scale and a bias belong to the features, and an offset belongs to the examples:
$$y_{nd} = s_d \, x_{nd} + b_d + c_n .$$

| given | shape |
|---|---|
| `x` | (N, D) |
| `scale` $s$, `bias` $b$ | (D,) |
| `offset` $c$ | (N, 1) |
| `g`, the gradient of the loss at $y$ | (N, D) |

Wanted: the gradients at all four. One question answers them all: *in how many places is this number used?*
$x_{nd}$ stands in one entry of $y$, $b_d$ in a whole column, $c_n$ in a whole row. A gradient has the
shape of what it belongs to, down to the last 1.
"""

from minigen.exercises.master import Mutant

ID = "bias-broadcasting"
ORDER = 20
REQUIRES = ("dense",)
WANTED = ("x", "scale", "bias", "offset")


def forward(net, x, scale, bias, offset):
    net.output(scale * x + bias + offset)  # (D,) and (N, 1) are repeated -> (N, D)


def backward(g, cache, x, scale, bias, offset):
    # BEGIN SOLUTION
    gx = g * scale  # (N, D): used once each, so nothing is summed
    gscale = (g * x).sum(axis=0)  # (N, D) -> (D,)
    gbias = g.sum(axis=0)  # (N, D) -> (D,)
    goffset = g.sum(axis=1, keepdims=True)  # (N, D) -> (N, 1)
    # END SOLUTION
    return {"x": gx, "scale": gscale, "bias": gbias, "offset": goffset}


HINTS = (
    "What was copied on the way forward is collected on the way back: "
    "every copy sends something, and it adds up.",
    "Write down a single entry of y and differentiate it by one number of each array; "
    "then ask which entries contain it.",
    "Bias and scale run down a column, so they sum over the examples; "
    "the offset sums over the features and stays a column.",
)

CONFIGS = (
    {"N": 5, "D": 7, "why": "two sizes that cannot be mistaken for each other"},
    {"N": 11, "D": 11, "why": "a square, where the wrong axis has the right length"},
)


def inputs(rng, N, D):
    draw = rng.standard_normal
    return {"x": draw((N, D)), "scale": 1.5 + draw(D), "bias": draw(D), "offset": draw((N, 1))}


MUTANTS = {
    "G03": Mutant("g.sum(axis=1, keepdims=True)", "g.mean(axis=1, keepdims=True)",
           "the features of an example were averaged for its offset, and every one of them counts in full"),
    "G06": Mutant("gbias = g.sum(axis=0)", "gbias = g.mean(axis=0)",
           "what the N examples send to the bias was averaged, and no mean stands in this layer"),
    "G07": Mutant("gbias = g.sum(axis=0)", "gbias = g",
           "the gradient of the bias still has one row for every example"),
    "G08": Mutant("gbias = g.sum(axis=0)", "gbias = g.sum() + 0 * bias",
           "everything was added up into one number, and each feature has a bias of its own"),
    "G11": Mutant("gx = g * scale", "gx = g",
           "x is stretched on the way forward, and its gradient comes back as if it were not"),
    "G12": Mutant("(g * x).sum(axis=0)", "(g * scale).sum(axis=0)",
           "a product was differentiated by one factor, and the same factor was kept instead of the other"),
    "G17": Mutant("(g * x).sum(axis=0)", "x.sum(axis=0)",
           "the gradient of the scale does not depend on what arrives from above"),
    "G21": Mutant("g.sum(axis=1, keepdims=True)", "g",
           "the offset was repeated for all features, and its gradient still has one entry for each of them"),
    "G21.axis": Mutant("g.sum(axis=1, keepdims=True)", "g.sum(axis=0).reshape(-1, 1)",
           "the sum for the offset runs over the examples, and an offset is not shared between them"),
    "G21.order": Mutant("(g * x).sum(axis=0)", "g.sum(axis=0) * x.sum(axis=0)",
           "a product of two sums is not the sum of the products: first summed, then multiplied"),
    "G23": Mutant("g.sum(axis=1, keepdims=True)", "g.sum(axis=1)",
           "the numbers are right, but lie in a row where a column belongs; what follows would make a table"),
    "G40": Mutant(("gscale = (g * x)", "gbias = g.sum(axis=0)"),
           ("gbias = (g * x)", "gscale = g.sum(axis=0)"),
           "the gradients of scale and bias stand under each other's name"),
}  # fmt: skip
