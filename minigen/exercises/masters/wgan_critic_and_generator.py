r"""Wasserstein: the critic and the generator

A critic is a discriminator without a sigmoid: its output $f$ is any number, high for what looks real.
Its step comes first, on real samples and on fakes, which are data here; then follows the generator's step,
with fresh noise $z$ and with the critic *as it is after its own step*, $f_{\text{new}}$:
$$f(x) = \varphi(x W_1 + b_1)\, w_2 + b_2, \qquad L_{\text{critic}} = \frac1M \sum_m f(\tilde x_m) - \frac1N
\sum_n f(x_n),$$ $$\bar x = \sigma(o), \quad o = z V + c, \qquad L_{\text{generator}} = -\frac1P
\sum_p f_{\text{new}}(\bar x_p).$$

| given | shape |
|---|---|
| `real`, `fake`, `z` | (N, D), (M, D), (P, Z) |
| `W1`, `b1`, `w2`, `b2`; the same with `_new` | (D, H), (H,), (H, 1), (1,) |
| `V`, `c` | (Z, D), (D,) |
| `activation`, the name of $\varphi$; `slope(a, activation)`, which is $\varphi'(a)$ | `"tanh"` or `"leaky relu"` |
| `cache["a_real"]`, `cache["h_real"]`, ...; `_fake` and `_made` alike | (N, H), ... |
| `cache["made"]` $\bar x$ | (P, D) |

Wanted: for the critic's step the gradients at `f_real`, `f_fake`, `a_real`, `a_fake`, `W1`, `b1`,
`w2` and `b2`; for the generator's step those at `f_made`, `a_made`, `made`, `o`, `V` and `c`.
One of them is always 0: which, and why?
"""  # noqa: E501 (a row of a table cannot be broken)

import numpy as np

from minigen.exercises.master import Mutant

ID = "wgan-critic-and-generator"
ORDER = 280
REQUIRES = ("generator",)
WANTED = (
    "f_real", "f_fake", "w2", "b2", "a_real", "a_fake", "W1", "b1",
    "f_made", "a_made", "made", "o", "V", "c",
)  # fmt: skip


def phi(a, activation):
    return np.tanh(a) if activation == "tanh" else np.where(a > 0, a, 0.2 * a)


def slope(a, activation):
    return 1 - np.tanh(a) ** 2 if activation == "tanh" else np.where(a > 0, 1, 0.2)


def forward(net, real, fake, z, W1, b1, w2, b2, W1_new, b1_new, w2_new, b2_new, V, c, *, activation):
    a_real = net("a_real", real @ W1 + b1)  # (N, D) -> (N, H)
    h_real = net("h_real", phi(a_real, activation))
    f_real = net("f_real", h_real @ w2 + b2)  # (N, H) -> (N, 1)
    a_fake = net("a_fake", fake @ W1 + b1)  # (M, D) -> (M, H)
    h_fake = net("h_fake", phi(a_fake, activation))
    f_fake = net("f_fake", h_fake @ w2 + b2)  # (M, H) -> (M, 1)
    net.term("critic on real", -f_real.mean())
    net.term("critic on fake", f_fake.mean())

    o = net("o", z @ V + c)  # (P, Z) -> (P, D)
    made = net("made", 1 / (1 + np.exp(-o)))
    a_made = net("a_made", made @ W1_new + b1_new)  # (P, D) -> (P, H)
    h_made = net("h_made", phi(a_made, activation))
    f_made = net("f_made", h_made @ w2_new + b2_new)  # (P, H) -> (P, 1)
    net.term("generator", -f_made.mean())


def backward(cache, real, fake, z, W1, b1, w2, b2, W1_new, b1_new, w2_new, b2_new, V, c, *, activation):
    N, M, P = len(real), len(fake), len(z)
    a_real, a_fake, a_made = cache["a_real"], cache["a_fake"], cache["a_made"]
    h_real, h_fake, made = cache["h_real"], cache["h_fake"], cache["made"]
    # BEGIN SOLUTION
    gf_real = np.full((N, 1), -1 / N)
    gf_fake = np.full((M, 1), 1 / M)
    gw2 = h_real.T @ gf_real + h_fake.T @ gf_fake  # (H, 1)
    gb2 = gf_real.sum(axis=0) + gf_fake.sum(axis=0)
    ga_real = gf_real @ w2.T * slope(a_real, activation)  # (N, 1) -> (N, H)
    ga_fake = gf_fake @ w2.T * slope(a_fake, activation)
    gW1 = real.T @ ga_real + fake.T @ ga_fake  # (D, H)
    gb1 = ga_real.sum(axis=0) + ga_fake.sum(axis=0)

    gf_made = np.full((P, 1), -1 / P)
    ga_made = gf_made @ w2_new.T * slope(a_made, activation)  # (P, 1) -> (P, H)
    gmade = ga_made @ W1_new.T  # (P, H) -> (P, D)
    go = gmade * made * (1 - made)
    gV = z.T @ go
    gc = go.sum(axis=0)
    # END SOLUTION
    return {
        "f_real": gf_real, "f_fake": gf_fake, "w2": gw2, "b2": gb2,
        "a_real": ga_real, "a_fake": ga_fake, "W1": gW1, "b1": gb1,
        "f_made": gf_made, "a_made": ga_made, "made": gmade, "o": go, "V": gV, "c": gc,
    }  # fmt: skip


HINTS = (
    "Both losses are means of outputs, with a plus or a minus: the gradients that start backwards are "
    "constants.",
    "A critic is trained to be high on what is real, a generator to make what is high. Loss means: smaller "
    "is better.",
    "The critic's parameters were used by two halves. The generator's gradient passes the new critic and "
    "leaves nothing there; the samples come out of a sigmoid.",
)

CONFIGS = (
    {"N": 7, "M": 5, "P": 11, "Z": 3, "D": 2, "H": 4, "activation": "tanh", "why": "a smooth critic"},
    {"N": 5, "M": 7, "P": 4, "Z": 2, "D": 3, "H": 3, "activation": "leaky relu",
     "why": "a square weight, with kinks"},
)  # fmt: skip


def inputs(rng, N, M, P, Z, D, H, activation):
    draw = rng.standard_normal
    critic = {"W1": draw((D, H)), "b1": 0.3 * draw(H), "w2": draw((H, 1)), "b2": draw(1)}
    after = {f"{name}_new": w + 0.3 * draw(w.shape) for name, w in critic.items()}
    data = {"real": draw((N, D)) + 0.5, "fake": rng.random((M, D)), "z": draw((P, Z))}
    return {**data, **critic, **after, "V": draw((Z, D)), "c": 0.3 * draw(D)}


MUTANTS = {
    "W01": Mutant(("-1 / N", "1 / M"), ("1 / N", "-1 / M"), "the critic is trained to be high on fakes"),
    "W02": Mutant(("np.full((N, 1), -1 / N)", "np.full((M, 1), 1 / M)"),
           ('-np.exp(-cache["f_real"]) / (1 + np.exp(-cache["f_real"])) ** 2 / N',
            'np.exp(-cache["f_fake"]) / (1 + np.exp(-cache["f_fake"])) ** 2 / M'),
           "a sigmoid was differentiated at the critic's output, and there is none"),
    "W03": Mutant("np.full((M, 1), 1 / M)", "np.full((M, 1), 1 / N)",
           "the fakes were averaged over the number of real samples, so the last bias does not balance"),
    "N06": Mutant(("-1 / N", "1 / M"), ("-1 / (N + M)", "1 / (N + M)"),
           "averaged over both halves together, and the loss has a mean for each"),
    "G01": Mutant(("-1 / N", "1 / M", "-1 / P"), ("-1.0", "1.0", "-1.0"),
           "the losses are means, and what divides them is missing"),
    "N12": Mutant((" + h_fake.T @ gf_fake", " + fake.T @ ga_fake", " + ga_fake.sum(axis=0)"), ("", "", ""),
           "the critic's weights and its hidden bias learn from the real half alone"),
    "G11": Mutant((" * slope(a_real, activation)", " * slope(a_fake, activation)"), ("", ""),
           "the critic's activation was passed on the way back as if it were not there"),
    "N02": Mutant("-1 / P", "1 / P",
           "the generator helps the critic: what it makes is pushed to where the critic is low"),
    "N14": Mutant(("w2_new.T", "W1_new.T"), ("w2.T", "W1.T"),
           "the samples went forward through the new critic, and the gradient came back through the old one"),
    "G11.made": Mutant(" * slope(a_made, activation)", "",
           "the critic's activation was passed on the way to the generator as if it were not there"),
    "N11": Mutant("ga_made @ W1_new.T", "np.zeros_like(made)",
           "the samples were treated as data in the generator's step, too; nothing reaches what made them"),
    "G10": Mutant("ga_made @ W1_new.T", "ga_made @ W1_new",
           "on the way back the critic's weight is used as on the way forward; it must be transposed"),
    "A05": Mutant("gmade * made * (1 - made)", "gmade * 1",
           "the samples come out of a sigmoid, and it was passed as if it were not there"),
}  # fmt: skip
