r"""Relu, and the one that leaks

The simplest activation lets what is positive pass, and holds back the rest, or lets a little of it leak:
$$a = x W + b, \qquad y = \begin{cases} a & a > 0 \\ s\,a & a \le 0 \end{cases}$$
with the leak $s$ = `slope`: for $s = 0$ the relu, for $s = 0.2$ the leaky relu of many discriminators.

| given | shape |
|---|---|
| `x`, `weight`, `bias` | (N, D), (D, H), (H,) |
| `cache["a"]`, `cache["y"]` | (N, H) |
| `slope` $s$ | a number |
| `g`, the gradient of the loss at $y$ | (N, H) |

Wanted: the gradients at `a`, `x`, `weight` and `bias`. At $a = 0$ there is a corner and no derivative; the
left side is taken there, and such entries are not compared. With $s = 0$ one unit here is negative for every
example: look at what its bias gets, and you know why such a unit is called dead, and what the leak is for.
"""

import numpy as np

from minigen.exercises.master import Mutant

ID = "relu"
ORDER = 50
REQUIRES = ("sigmoid",)
WANTED = ("a", "x", "weight", "bias")


def forward(net, x, weight, bias, *, slope):
    a = net("a", x @ weight + bias)  # (N, D) -> (N, H)
    net.output(np.where(a > 0, a, slope * a))


def backward(g, cache, x, weight, bias, *, slope):
    a = cache["a"]
    # BEGIN SOLUTION
    ga = g * np.where(a > 0, 1.0, slope)  # (N, H), entry by entry
    gx = ga @ weight.T  # (N, H) -> (N, D)
    gweight = x.T @ ga  # (D, N) @ (N, H) -> (D, H)
    gbias = ga.sum(axis=0)  # (N, H) -> (H,)
    # END SOLUTION
    return {"a": ga, "x": gx, "weight": gweight, "bias": gbias}


HINTS = (
    "Draw y over a: two straight lines that meet in a corner. What is the slope of each?",
    "Which of the two lines an entry lies on is decided by a, the value that went forward.",
    "np.where chooses between two numbers, entry by entry. Multiply by what arrives, into a new array.",
)

CONFIGS = (
    {"N": 5, "D": 7, "H": 3, "slope": 0.2, "why": "the leaky relu"},
    {"N": 7, "D": 3, "H": 5, "slope": 0.0,
     "why": "the relu, with a dead unit, and some entries exactly on the corner"},
)  # fmt: skip


def inputs(rng, N, D, H, slope):
    draw = rng.standard_normal
    while True:
        x, weight, bias = draw((N, D)), draw((D, H)), draw(H)
        if slope == 0:
            x[0], bias[1] = 0.0, 0.0  # exactly on the corner: an empty example meets a unit without a bias
            bias[0] = -1.0 - np.abs(x @ weight[:, 0]).max()  # a unit that is negative for every example
        a = x @ weight + bias
        if np.abs(a[a != 0]).min() > 1e-2:  # near the corner, but not on it, nothing can be measured
            return {"x": x, "weight": weight, "bias": bias}


MUTANTS = {
    "G11": Mutant("g * np.where(a > 0, 1.0, slope)", "g * 1",
           "everything passes on the way back, and on the way forward it did not"),
    "G11.weight": Mutant("x.T @ ga", "x.T @ g",
           "the weight acts on a, and it was given the gradient that belongs behind the activation"),
    "G12": Mutant("np.where(a > 0,", "np.where(g > 0,",
           "the sign of the gradient was asked; the corner lies where the value going forward changes sign"),
    "G12.x": Mutant("ga @ weight.T", "(g @ weight.T) * np.where(x > 0, 1.0, slope)",
           "the activation was undone at x, and on the way forward it acts behind the weight"),
    "G13": Mutant("1.0, slope)", "slope, 1.0)",
           "the two sides have changed places: this unit holds back what is positive"),
    "G13.relu": Mutant("1.0, slope)", "1.0, 0.0)",
           "nothing comes back from the left side, as if the unit did not leak"),
    "G13.abs": Mutant("1.0, slope)", "1.0, -slope)",
           "on the left side the sign is turned, as for an absolute value; this line rises on both sides"),
    "G12.value": Mutant("np.where(a > 0, 1.0, slope)", "cache['y']",
           "the height of the curve was taken, and not its slope"),
    "G17": Mutant("g * np.where(a > 0, 1.0, slope)", "np.where(a > 0, 1.0, slope)",
           "the slope alone: what arrives from above is not used"),
    "G18": Mutant("ga = g * np.where(a > 0, 1.0, slope)", "ga = g; ga[a <= 0] *= slope",
           "ga is only another name for g, so the caller's gradient was overwritten"),
    "G22": Mutant("g * np.where(a > 0, 1.0, slope)", "0 * g",
           "the curve was taken for a step, which is flat on both sides"),
}  # fmt: skip
