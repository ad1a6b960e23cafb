r"""Gradient penalty: through the slope

The last step of the gradient penalty, and the one that libraries call double backward. Nothing in it is new:
the slope is written out as the computation that it is, and one goes back through it like through any other.
$$a = \hat x W_1 + b_1, \qquad q = \varphi'(a) \odot w_2^\top, \qquad v = q\, W_1^\top,
\qquad \rho_n = ( \sum_d v_{nd}^2 + 10^{-12} )^{1/2}, \qquad P = \frac{\lambda}{N} \sum_n (\rho_n - 1)^2 .$$
Here $v$ is the slope of the critic $f = \varphi(a)\, w_2$ at $\hat x$. On the way forward stands $\varphi'$,
so on the way back there will be $\varphi''$, which you have to find, for both activations:

| given | shape |
|---|---|
| `xhat` $\hat x$; `lam` $\lambda$ | (N, D); a number |
| `W1`, `b1`, `w2` | (D, H), (H,), (H, 1) |
| `activation`, the name of $\varphi$; `slope(a, activation)`, which is $\varphi'(a)$ | `"tanh"` or `"leaky relu"` |
| `cache["a"]`, `cache["q"]`, `cache["v"]`, `cache["rho"]` | (N, H), (N, H), (N, D), (N, 1) |

Wanted: the gradients of $P$ at `rho`, `v`, `q` and `a`, and those of `W1`, `b1` and `w2`.
Count in how many places $W_1$ stands. And what does a leaky relu do to the gradient of $b_1$?
"""  # noqa: E501 (a row of a table cannot be broken)

import numpy as np

from minigen.exercises.master import Mutant

ID = "gradient-penalty-double-backward"
ORDER = 300
REQUIRES = ("gradient-penalty-first-step",)
WANTED = ("rho", "v", "q", "w2", "a", "W1", "b1")


def slope(a, activation):
    return 1 - np.tanh(a) ** 2 if activation == "tanh" else np.where(a > 0, 1, 0.2)


def forward(net, xhat, W1, b1, w2, *, lam, activation):
    N = len(xhat)
    a = net("a", xhat @ W1 + b1)  # (N, D) -> (N, H)
    q = net("q", slope(a, activation) * w2.T)  # (N, H) * (1, H)
    v = net("v", q @ W1.T)  # (N, H) -> (N, D)
    rho = net("rho", ((v**2).sum(axis=1, keepdims=True) + 1e-12) ** 0.5)  # (N, D) -> (N, 1)
    net.term("penalty", lam / N * ((rho - 1) ** 2).sum())


def backward(cache, xhat, W1, b1, w2, *, lam, activation):
    N = len(xhat)
    a, q, v, rho = cache["a"], cache["q"], cache["v"], cache["rho"]
    # BEGIN SOLUTION
    h = np.tanh(a)
    curvature = -2 * h * (1 - h**2) if activation == "tanh" else np.zeros_like(a)
    grho = 2 * lam / N * (rho - 1)  # (N, 1)
    gv = grho * v / rho  # (N, D)
    gq = gv @ W1  # (N, D) -> (N, H)
    gw2 = (gq * slope(a, activation)).sum(axis=0)[:, None]  # (N, H) -> (H, 1)
    ga = gq * w2.T * curvature
    gW1 = gv.T @ q + xhat.T @ ga  # from the slope, and from a: both (D, H)
    gb1 = ga.sum(axis=0)
    # END SOLUTION
    return {"rho": grho, "v": gv, "q": gq, "w2": gw2, "a": ga, "W1": gW1, "b1": gb1}


HINTS = (
    "Forget that v is a gradient. Five lines lead from a to the penalty, and each is a step that you have "
    "gone before.",
    "v comes out of q by the turned weight; on the way back the weight is not turned, and it gets a gradient "
    "of its own. q is a product: w2 and a each see the other factor.",
    "W1 stands in a and in v, so its gradient is a sum of two; b1 and a matter through the derivative of the "
    "activation alone. Differentiate 1 - tanh(a)^2 once more; then the leaky relu, "
    "which consists of two straight lines.",
)

CONFIGS = (
    {"N": 11, "D": 3, "H": 5, "lam": 1.7, "activation": "tanh", "why": "a smooth critic, whose slope bends"},
    {"N": 7, "D": 5, "H": 3, "lam": 0.3, "activation": "leaky relu", "why": "straight pieces: no curvature"},
    {"N": 7, "D": 3, "H": 3, "lam": 0.3, "activation": "tanh", "why": "a square weight"},
)


def inputs(rng, N, D, H, lam, activation):
    draw = rng.standard_normal
    while True:
        xhat, W1, b1, w2 = draw((N, D)), 0.7 * draw((D, H)), 0.3 * draw(H), draw((H, 1))
        a = xhat @ W1 + b1
        rho = np.sort(np.linalg.norm(slope(a, activation) * w2.T @ W1.T, axis=1))
        # the slope of a leaky relu jumps at its kink, and the length of a vector has one at
        # 0: keep away from both
        if np.abs(a).min() > 0.05 * (activation != "tanh") and (
            N == 1 or 1.5 * rho[0] < rho[-1] < 15 * rho[0]
        ):
            middle = np.sqrt(rho[N // 2 - 1] * rho[N // 2])  # one half of the slopes below 1, the other above
            return {"xhat": xhat, "W1": W1, "b1": b1, "w2": w2 / middle}


MUTANTS = {
    "P02": Mutant("2 * lam / N", "lam / N", "the 2 that comes down from the square is missing"),
    "P03": Mutant("2 * lam / N", "2 / N", "the weight of the penalty is missing"),
    "P05": Mutant("(rho - 1)", "(1 - rho)", "the sign: steep is made steeper, and flat flatter"),
    "P11": Mutant("(rho - 1)", "np.maximum(rho - 1, 0)",
           "only slopes above 1 pay, and this penalty has two sides"),
    "P06": Mutant("v / rho", "v",
           "the gradient of a length has length 1, and this one is as long as the slope"),
    "P01": Mutant("gv = grho * v / rho", "gv = np.zeros_like(v)",
           "the slope was treated as a constant, so the penalty stands in the loss and changes nothing"),
    "G10": Mutant("gv @ W1", "gv @ W1.T",
           "v was made with the turned weight, and it was turned on the way back as well"),
    "P08": Mutant("ga = gq * w2.T * curvature", "ga = np.zeros_like(a)",
           "the slope of the activation was treated as a constant; that is right for straight pieces only"),
    "P08.slope": Mutant("w2.T * curvature", "w2.T * slope(a, activation)",
           "the first derivative stands where it has to be differentiated once more"),
    "P08.sign": Mutant("-2 * h * (1 - h**2)", "2 * h * (1 - h**2)",
           "the sign of the curvature: the slope of a tanh gets smaller on both sides of 0"),
    "P08.inner": Mutant("-2 * h * (1 - h**2)", "-2 * h",
           "the square of the tanh was differentiated, and the tanh inside it was not"),
    "P08.outer": Mutant("ga = gq * w2.T * curvature", "ga = gq * curvature",
           "the last weight multiplies the slope of the activation, and it has been left out"),
    "P08.weight": Mutant(" + xhat.T @ ga", "",
           "the weight also makes a, whose slope it changes, and what comes back from there is missing"),
    "P09": Mutant("gv.T @ q + ", "",
           "the slope contains the weight itself, and what comes back from there is missing"),
    "P10": Mutant("(gq * slope(a, activation)).sum(axis=0)[:, None]", "np.zeros_like(w2)",
           "the slope starts at the last weight, and here the penalty does not reach it"),
    "P10.slope": Mutant("(gq * slope(a, activation))", "gq",
           "the slope of the activation stands beside the last weight, and it has been left out"),
}  # fmt: skip
