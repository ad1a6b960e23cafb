r"""Gradient penalty, first step: slopes and their price

A critic is kept from becoming steep by a price on its slope, measured between a real sample and a fake:
$$\hat x_n = \alpha_n x_n + (1 - \alpha_n) \tilde x_n, \quad a = \hat x W_1 + b_1, \quad f = \varphi(a)\,
w_2, \qquad v_n = \frac{\partial f(\hat x_n)}{\partial \hat x_n}, \quad \rho_n = \lVert v_n \rVert,
\qquad P = \frac{\lambda}{N} \sum_n (\rho_n - 1)^2 .$$ It takes three steps to differentiate $P$;
here are the first two.

1. **The slope.** $f(\hat x_n)$ depends on $\hat x_n$ alone, so the slopes of all examples at once
are the gradient of the
   sum $\sum_n f(\hat x_n)$ at $\hat x$. Find it by going back from $f$ to `a` and to `xhat`.
2. **Its price.** The gradient of $P$ at `rho`, and at the slope `v`. The right slope is given as
an argument `v`, so that
   this step can be found before the first one works; $\rho_n = (\sum_d v_{nd}^2 + 10^{-12})^{1/2}$.

| given | shape |
|---|---|
| `real`, `fake`, `alpha` | (N, D), (N, D), (N, 1) |
| `W1`, `b1`, `w2` | (D, H), (H,), (H, 1) |
| `v`; `lam` $\lambda$ | (N, D); a number |
| `activation`, the name of $\varphi$; `slope(a, activation)`, which is $\varphi'(a)$ | `"tanh"` or `"leaky relu"` |

Wanted: the gradients at `a`, `xhat`, `rho` and `v`. Some slopes are below 1 and some above, and both cost.
"""  # noqa: E501 (a row of a table cannot be broken)

import numpy as np

from minigen.exercises.master import Mutant

ID = "gradient-penalty-first-step"
ORDER = 290
REQUIRES = ("wgan-critic-and-generator",)
WANTED = ("a", "xhat", "rho", "v")


def phi(a, activation):
    return np.tanh(a) if activation == "tanh" else np.where(a > 0, a, 0.2 * a)


def slope(a, activation):
    return 1 - np.tanh(a) ** 2 if activation == "tanh" else np.where(a > 0, 1, 0.2)


def forward(net, real, fake, alpha, W1, b1, w2, v, *, lam, activation):
    N = len(real)
    xhat = net("xhat", alpha * real + (1 - alpha) * fake)  # (N, D)
    a = net("a", xhat @ W1 + b1)  # (N, D) -> (N, H)
    h = net("h", phi(a, activation))
    f = net("f", h @ w2)  # (N, H) -> (N, 1)
    net.term("sum of f", f.sum())

    rho = net("rho", ((v**2).sum(axis=1, keepdims=True) + 1e-12) ** 0.5)  # (N, D) -> (N, 1)
    net.term("penalty", lam / N * ((rho - 1) ** 2).sum())


def backward(cache, real, fake, alpha, W1, b1, w2, v, *, lam, activation):
    N = len(real)
    a, rho = cache["a"], cache["rho"]
    # BEGIN SOLUTION
    ga = slope(a, activation) * w2.T  # (N, H) * (1, H)
    gxhat = ga @ W1.T  # (N, H) -> (N, D): the slopes
    grho = 2 * lam / N * (rho - 1)  # (N, 1)
    gv = grho * v / rho  # (N, 1) * (N, D)
    # END SOLUTION
    return {"a": ga, "xhat": gxhat, "rho": grho, "v": gv}


HINTS = (
    "The gradient of a sum at each of its summands is 1; from there it is two steps of an ordinary backward "
    "pass.",
    "The price is a mean of squares. Where the slope is below 1, the gradient at rho has the other sign.",
    "By how much does a length grow when the vector moves a little? As much as the step goes along the "
    "vector: the gradient of a length is itself a vector, of length 1.",
)

CONFIGS = (
    {"N": 11, "D": 3, "H": 5, "lam": 1.7, "activation": "tanh", "why": "a smooth critic"},
    {"N": 7, "D": 3, "H": 3, "lam": 0.3, "activation": "leaky relu", "why": "kinks, and a square weight"},
)


def inputs(rng, N, D, H, lam, activation):
    draw = rng.standard_normal
    while True:
        real, fake, alpha = draw((N, D)), draw((N, D)), rng.random((N, 1))
        W1, b1, w2 = 0.7 * draw((D, H)), 0.3 * draw(H), draw((H, 1))
        a = (alpha * real + (1 - alpha) * fake) @ W1 + b1
        v = slope(a, activation) * w2.T @ W1.T
        rho = np.sort(np.linalg.norm(v, axis=1))
        if np.abs(a).min() > 0.01 and (N == 1 or 1.5 * rho[0] < rho[-1] < 15 * rho[0]):
            middle = np.sqrt(rho[N // 2 - 1] * rho[N // 2])  # one half of the slopes below 1, the other above
            return {
                "real": real,
                "fake": fake,
                "alpha": alpha,
                "W1": W1,
                "b1": b1,
                "w2": w2 / middle,
                "v": v / middle,
            }


MUTANTS = {
    "G11": Mutant("slope(a, activation) * w2.T", "np.ones_like(a) * w2.T",
           "the critic's activation was passed on the way back as if it were not there"),
    "P13": Mutant("slope(a, activation)", "slope(real @ W1 + b1, activation)",
           "the slope was taken at the real samples, and it is measured between real and fake"),
    "P13.fake": Mutant("slope(a, activation)", "slope(fake @ W1 + b1, activation)",
           "the slope was taken at the fakes, and it is measured between real and fake"),
    "G02": Mutant("slope(a, activation) * w2.T", "slope(a, activation) * w2.T / N",
           "this is the slope of the mean output, and every example has a slope of its own"),
    "G10": Mutant("ga @ W1.T", "ga @ W1",
           "on the way back the weight is used as on the way forward; it must be transposed"),
    "P02": Mutant("2 * lam / N", "lam / N", "the 2 that comes down from the square is missing"),
    "P03": Mutant("2 * lam / N", "2 / N", "the weight of the penalty is missing"),
    "P04": Mutant("2 * lam / N", "2 * lam", "the penalty is a mean over the batch, and its 1/N is missing"),
    "P05": Mutant("(rho - 1)", "(1 - rho)", "the sign: steep is made steeper, and flat flatter"),
    "P11": Mutant("(rho - 1)", "np.maximum(rho - 1, 0)",
           "only slopes above 1 pay, and this penalty has two sides"),
    "P07": Mutant(("(rho - 1)", "v / rho"),
           ("(np.full_like(rho, np.linalg.norm(v)) - 1)", "v / np.linalg.norm(v)"),
           "one length was taken for the whole batch, and every example has its own"),
    "P06": Mutant("v / rho", "v",
           "the gradient of a length has length 1, and this one is as long as the slope"),
    "P06.square": Mutant("v / rho", "2 * v",
           "the squared length was differentiated, and it is the length that is compared with 1"),
    "P01": Mutant("gv = grho * v / rho", "gv = np.zeros_like(v)",
           "the slope was treated as a constant, so the penalty stands in the loss and changes nothing"),
}  # fmt: skip
