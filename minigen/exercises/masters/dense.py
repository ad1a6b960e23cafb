r"""A dense layer

A layer computes $y = x W + b$: every row of $x$, one example, is multiplied by the same weight
matrix and gets the same bias.

| given | shape |
|---|---|
| `x` | (N, D) |
| `weight` | (D, H) |
| `bias` | (H,) |
| `g`, the gradient of the loss at $y$ | (N, H) |

Wanted: the gradients of the loss at `x`, `weight` and `bias`. A good way to find them: write one entry,
$y_{nh} = \sum_d x_{nd} W_{dh} + b_h$, and ask which entries of $y$ move when one entry of $x$, $W$ or $b$
moves. Each gradient has the shape of what it belongs to, and the shapes alone almost tell the answer.
"""

from minigen.exercises.master import Mutant

ID = "dense"
ORDER = 10
WANTED = ("x", "weight", "bias")


def forward(net, x, weight, bias):
    net.output(x @ weight + bias)  # (N, D) -> (N, H)


def backward(g, cache, x, weight, bias):
    # BEGIN SOLUTION
    gx = g @ weight.T  # (N, H) -> (N, D)
    gweight = x.T @ g  # (D, N) @ (N, H) -> (D, H)
    gbias = g.sum(axis=0)  # (N, H) -> (H,)
    # END SOLUTION
    return {"x": gx, "weight": gweight, "bias": gbias}


HINTS = (
    "One entry of x is used by all H outputs of its row; one entry of the weight is used by all N rows.",
    "A sum over the index that two matrices share is a matrix product; one of the two has to be turned.",
    "Shapes decide: from (N, H) and (D, H) make (N, D); from (N, D) and (N, H) make (D, H). "
    "The bias is used N times.",
)

CONFIGS = (
    {"N": 5, "D": 11, "H": 7, "why": "three sizes that cannot be mistaken for each other"},
    {"N": 7, "D": 3, "H": 3,
     "why": "a square weight, where a forgotten transpose goes unnoticed by the shapes"},
)  # fmt: skip


def inputs(rng, N, D, H):
    return {
        "x": rng.standard_normal((N, D)),
        "weight": rng.standard_normal((D, H)),
        "bias": rng.standard_normal(H),
    }


MUTANTS = {
    "G06": Mutant("g.sum(axis=0)", "g.mean(axis=0)",
           "the gradients that the N examples send to the bias were averaged; "
           "what is used N times gets their sum"),
    "G07": Mutant("g.sum(axis=0)", "g", "the gradient of the bias still has one row for every example"),
    "G08": Mutant("g.sum(axis=0)", "g.sum() * np.ones_like(bias)",
           "the sum for the bias runs over the units as well, so all entries are equal"),
    "G09": Mutant("x.T @ g", "(x.T @ g).T", "the gradient of the weight is turned"),
    "G10": Mutant("g @ weight.T", "g @ weight",
           "on the way back the weight is used as on the way forward; it must be transposed"),
    "G17": Mutant("gweight = x.T @ g", "gweight = x.T @ np.ones_like(g)",
           "the gradient of the weight does not depend on the upstream gradient"),
    "G33": Mutant("x.T @ g", "x.T @ g / len(x)",
           "the gradient of the weight was averaged over the batch; the mean, if any, is part of g already"),
}  # fmt: skip
