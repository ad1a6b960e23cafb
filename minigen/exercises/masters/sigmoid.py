r"""Sigmoid: a layer of neurons

A neuron adds up what it receives and answers with a number between 0 and 1:
$$a = x W + b, \qquad y = \sigma(a) = \frac{1}{1 + e^{-a}} .$$

| given | shape |
|---|---|
| `x`, `weight`, `bias` | (N, D), (D, H), (H,) |
| `cache["a"]`, `cache["y"]` | (N, H) |
| `g`, the gradient of the loss at $y$ | (N, H) |

Wanted: the gradients at `a`, `x`, `weight` and `bias`. Find $\sigma'(a)$ on paper, then write it with $y$
alone: the forward pass has computed it already, and no exponential is needed on the way back. That is more
than elegance. In the second configuration one neuron is so sure of itself that $e^{-a}$ or $e^{a}$ is larger
than any number the machine knows, and a formula that divides one such exponential by another gives NaN.
"""

import numpy as np

from minigen.exercises.master import Mutant

ID = "sigmoid"
ORDER = 30
REQUIRES = ("dense",)
WANTED = ("a", "x", "weight", "bias")


def sigmoid(a):
    """1 / (1 + e^-a), written with the tanh, which cannot overflow."""
    return 0.5 * (1 + np.tanh(0.5 * a))


def forward(net, x, weight, bias):
    a = net("a", x @ weight + bias)  # (N, D) -> (N, H)
    net.output(sigmoid(a))


def backward(g, cache, x, weight, bias):
    y = cache["y"]
    # BEGIN SOLUTION
    ga = g * y * (1 - y)  # (N, H), entry by entry
    gx = ga @ weight.T  # (N, H) -> (N, D)
    gweight = x.T @ ga  # (D, N) @ (N, H) -> (D, H)
    gbias = ga.sum(axis=0)  # (N, H) -> (H,)
    # END SOLUTION
    return {"a": ga, "x": gx, "weight": gweight, "bias": gbias}


HINTS = (
    "Each neuron acts on its own input only, so the step from y to a is a multiplication, entry by entry.",
    "Differentiate 1/(1 + e^-a). The result is a fraction with a square below; split it into y times "
    "something.",
    "That something is what y lacks to 1. From there on it is a dense layer, "
    "with the gradient at a as what arrives.",
)

CONFIGS = (
    {"N": 5, "D": 7, "H": 3, "sure": 0.0, "why": "sizes that cannot be mistaken for each other"},
    {"N": 5, "D": 3, "H": 11, "sure": 800.0,
     "why": "one neuron is so sure, of yes and of no, that an exponential overflows"},
)  # fmt: skip


def inputs(rng, N, D, H, sure):
    draw = rng.standard_normal
    x, weight, bias = draw((N, D)), 0.5 * draw((D, H)), 0.5 * draw(H)
    if sure:
        x[:, 0] = np.arange(N) % 2 * 2 - 1  # -1 and 1 in turn, so that both exponentials overflow
        weight[0, 0] = sure
    return {"x": x, "weight": weight, "bias": bias}


MUTANTS = {
    "G04": Mutant("y * (1 - y)", "y * (y - 1)",
           "the sign: a sigmoid rises everywhere, and this slope is negative"),
    "G11": Mutant("g * y * (1 - y)", "g * 1",
           "the gradient is handed past the sigmoid as if the neuron answered with a itself"),
    "G11.weight": Mutant("x.T @ ga", "x.T @ g",
           "the weight acts on a, and it was given the gradient that belongs behind the sigmoid"),
    "G11.x": Mutant("ga @ weight.T", "g @ weight.T",
           "on its way to x the gradient has jumped over the sigmoid"),
    "G12": Mutant("y * (1 - y)", "cache['a'] * (1 - cache['a'])",
           "the formula for the slope is one in the output, and the input of the sigmoid was put into it"),
    "G13": Mutant("y * (1 - y)", "(1 - y**2)",
           "this is the slope of a tanh; it is largest near y = 0, where a sigmoid is flattest"),
    "G13.exp": Mutant("y * (1 - y)", "y",
           "only an exponential is its own slope; this neuron levels off, and its slope here does not"),
    "G13.log": Mutant("y * (1 - y)", "(1 - y)",
           "this is the slope of the logarithm of a sigmoid, and there is no logarithm in this layer"),
    "G17": Mutant("g * y * (1 - y)", "y * (1 - y)", "the slope alone: what arrives from above is not used"),
    "G18": Mutant("ga = g * y * (1 - y)", "ga = g; ga *= y * (1 - y)",
           "ga is only another name for g, so the caller's gradient was overwritten"),
    "G20": Mutant("ga = g * y * (1 - y)",
           "y, backward.kept = getattr(backward, 'kept', y), y; ga = g * y * (1 - y)",
           "the output that was used is one that an earlier call has left behind"),
}  # fmt: skip
