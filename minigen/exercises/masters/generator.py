r"""The generator, and two games

The generator turns noise into samples and learns only from what the discriminator thinks of them:
$$t = z V_1 + c_1, \quad s = \tanh t, \quad o = s V_2 + c_2, \quad \tilde x = \sigma(o); \qquad
a = \tilde x W_1 + b_1, \quad h = \varphi(a), \quad \ell = h\, w_2 + b_2,$$
with $\varphi$ the leaky relu of slope 0.2. There are two losses to choose from:
$$\text{minimax: } L = -\frac1N \sum_n \log(1 + e^{\ell_n}) \qquad\qquad
\text{non-saturating: } L = \frac1N \sum_n \log(1 + e^{-\ell_n}).$$
Both fall when $\ell$ rises. Compare the two first lines that you find, where the discriminator is
sure of its case and $\ell$ is far below 0: that is why nearly everybody plays the second game.

| given | shape |
|---|---|
| `z`; `V1`, `c1`, `V2`, `c2` | (N, Z); (Z, S), (S,), (S, D), (D,) |
| `W1`, `b1`, `w2`, `b2`, which this step leaves alone | (D, H), (H,), (H, 1), (1,) |
| `game` | `"minimax"` or `"non-saturating"` |
| `cache["s"]`, `cache["xfake"]` $\tilde x$, `cache["a"]`, `cache["logit"]` | (N, S), (N, D), (N, H), (N, 1) |

Wanted: the gradients at `logit`, `a`, `xfake`, `o`, `s`, `t` and of the generator's four parameters.
"""

import numpy as np

from minigen.exercises.master import Mutant

ID = "generator"
ORDER = 270
REQUIRES = ("discriminator",)
WANTED = ("logit", "a", "xfake", "o", "V2", "c2", "s", "t", "V1", "c1")


def sigmoid(t):
    return 1 / (1 + np.exp(-t))


def forward(net, z, V1, c1, V2, c2, W1, b1, w2, b2, *, game):
    t = net("t", z @ V1 + c1)  # (N, Z) -> (N, S)
    s = net("s", np.tanh(t))
    o = net("o", s @ V2 + c2)  # (N, S) -> (N, D)
    xfake = net("xfake", sigmoid(o))
    a = net("a", xfake @ W1 + b1)  # (N, D) -> (N, H)
    h = net("h", np.where(a > 0, a, 0.2 * a))
    logit = net("logit", h @ w2 + b2)  # (N, H) -> (N, 1)
    if game == "minimax":
        net.term("game", -np.logaddexp(0, logit).mean())
    else:
        net.term("game", np.logaddexp(0, -logit).mean())


def backward(cache, z, V1, c1, V2, c2, W1, b1, w2, b2, *, game):
    N = len(z)
    s, xfake, a, logit = cache["s"], cache["xfake"], cache["a"], cache["logit"]
    # BEGIN SOLUTION
    if game == "minimax":
        glogit = -sigmoid(logit) / N
    else:
        glogit = -sigmoid(-logit) / N
    ga = glogit @ w2.T * np.where(a > 0, 1, 0.2)  # (N, 1) -> (N, H)
    gxfake = ga @ W1.T  # (N, H) -> (N, D)
    go = gxfake * xfake * (1 - xfake)
    gV2 = s.T @ go
    gc2 = go.sum(axis=0)
    gs = go @ V2.T  # (N, D) -> (N, S)
    gt = gs * (1 - s**2)
    gV1 = z.T @ gt
    gc1 = gt.sum(axis=0)
    # END SOLUTION
    return {
        "logit": glogit, "a": ga, "xfake": gxfake, "o": go, "V2": gV2, "c2": gc2,
        "s": gs, "t": gt, "V1": gV1, "c1": gc1,
    }  # fmt: skip


HINTS = (
    "The derivative of softplus is the sigmoid. In both games every logit is pulled up; "
    "only the strength differs.",
    "The discriminator is passed like any network: "
    "its parameters are used, and get no gradient in this step.",
    "Behind the logit the two games are the same: "
    "leaky relu, dense, sigmoid, dense, tanh, dense, each backwards once.",
)

CONFIGS = (
    {"N": 7, "Z": 2, "S": 5, "D": 3, "H": 4, "game": "minimax", "why": "the zero-sum game"},
    {"N": 5, "Z": 2, "S": 3, "D": 3, "H": 3, "game": "non-saturating",
     "why": "the game that is played, and square weights, which fit the wrong way round as well"},
)  # fmt: skip


def inputs(rng, N, Z, S, D, H, game):
    draw = rng.standard_normal
    return {
        "z": draw((N, Z)),
        "V1": draw((Z, S)),
        "c1": 0.3 * draw(S),
        "V2": draw((S, D)),
        "c2": 0.3 * draw(D),
        "W1": 2 * draw((D, H)),
        "b1": 0.5 * draw(H),
        "w2": draw((H, 1)),
        "b2": draw(1),
    }


MUTANTS = {
    "N01": Mutant("-sigmoid(-logit) / N", "-sigmoid(logit) / N",
           "this is the minimax game, not the one asked for: same direction, no strength where it is needed"),
    "N01.reverse": Mutant("-sigmoid(logit) / N", "-sigmoid(-logit) / N",
           "this is the non-saturating game, and minimax was asked for"),
    "N02": Mutant(("-sigmoid(logit) / N", "-sigmoid(-logit) / N"),
           ("sigmoid(logit) / N", "sigmoid(-logit) / N"),
           "the generator helps the discriminator: its logits are pushed down"),
    "N03": Mutant("-sigmoid(-logit) / N", "sigmoid(logit) / N",
           "the samples were labelled as fakes, and the generator wants them to be called real"),
    "N07": Mutant(("-sigmoid(logit) / N", "-sigmoid(-logit) / N"),
           ("-(sigmoid(logit) ** 2) * sigmoid(-logit) / N", "-(sigmoid(-logit) ** 2) * sigmoid(logit) / N"),
           "the loss takes logits, and the sigmoid inside it was differentiated once too often"),
    "N08": Mutant(("-sigmoid(logit) / N", "-sigmoid(-logit) / N"),
           ("-1 / sigmoid(-logit) / N", "-1 / sigmoid(logit) / N"),
           "this is the gradient at the belief, and it was taken for the one at the logit"),
    "G01": Mutant(("-sigmoid(logit) / N", "-sigmoid(-logit) / N"), ("-sigmoid(logit)", "-sigmoid(-logit)"),
           "the loss is a mean over the batch, and its 1/N is missing"),
    "G11": Mutant(" * np.where(a > 0, 1, 0.2)", "",
           "the discriminator's leaky relu was passed on the way back as if it were not there"),
    "G13": Mutant("np.where(a > 0, 1, 0.2)", "np.where(a > 0, 1, 0)",
           "this is the derivative of the plain relu; the leaky one lets something through below 0, too"),
    "N11": Mutant("gxfake = ga @ W1.T", "gxfake = np.zeros_like(xfake)",
           "the samples were treated as data, so nothing reaches the generator, which made them"),
    "G10": Mutant("ga @ W1.T", "ga @ W1",
           "on the way back the discriminator's weight is used as on the way forward; it must be transposed"),
    "A05": Mutant("gxfake * xfake * (1 - xfake)", "gxfake * 1",
           "the samples come out of a sigmoid, and it was passed as if it were not there"),
    "A08": Mutant("gxfake * xfake * (1 - xfake)", 'gxfake * cache["o"] * (1 - cache["o"])',
           "the derivative of the sigmoid was written with the value before it, not with the one after it"),
    "G12": Mutant("(1 - s**2)", '(1 - cache["t"] ** 2)',
           "the derivative of the tanh was written with the value before it, not with the one after it"),
    "N13": Mutant("z.T @ gt", "np.random.default_rng().standard_normal(z.shape).T @ gt",
           "new noise was drawn, and the gradient belongs to the noise that the samples were made from"),
}  # fmt: skip
