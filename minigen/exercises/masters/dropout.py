r"""Dropout

During training each hidden unit is dropped at random, and those that are kept, with probability
`keep`, are made larger to make up for it. A dense layer follows:
$$d = \frac{h \odot m}{\text{keep}}, \qquad y = d W + b .$$
The mask $m$, of True and False, was drawn once, before the forward pass, and both directions use it.

| given | shape |
|---|---|
| `h`, `mask` | (N, H) |
| `weight`, `bias` | (H, D), (D,) |
| `cache["d"]` | (N, H) |
| `keep` | a number: the probability of being kept (and not of being dropped) |
| `g`, the gradient of the loss at $y$ | (N, D) |

Wanted: the gradients at `d`, `h`, `weight` and `bias`. Think of one unit that was dropped: if
it had been a little larger, what would have been different?
"""

from minigen.exercises.master import Mutant

ID = "dropout"
ORDER = 90
REQUIRES = ("dense",)
WANTED = ("d", "h", "weight", "bias")


def forward(net, h, mask, weight, bias, *, keep):
    d = net("d", h * mask / keep)  # (N, H)
    net.output(d @ weight + bias)  # (N, H) -> (N, D)


def backward(g, cache, h, mask, weight, bias, *, keep):
    d = cache["d"]
    # BEGIN SOLUTION
    gd = g @ weight.T  # (N, D) -> (N, H)
    gh = gd * mask / keep  # (N, H), entry by entry
    gweight = d.T @ g  # (H, N) @ (N, D) -> (H, D)
    gbias = g.sum(axis=0)  # (N, D) -> (D,)
    # END SOLUTION
    return {"d": gd, "h": gh, "weight": gweight, "bias": gbias}


HINTS = (
    "For a mask that is given, dropout multiplies every entry by a fixed number, "
    "either 0 or something above 1.",
    "What multiplies on the way forward multiplies on the way back: the same number, the same mask.",
    "The dense layer behind never saw h, only what was left of it.",
)

CONFIGS = (
    {"N": 5, "H": 11, "D": 3, "keep": 0.7, "why": "most units are kept; one example has lost all of them"},
    {"N": 7, "H": 13, "D": 2, "keep": 0.35, "why": "most units are dropped"},
)


def inputs(rng, N, H, D, keep):
    draw, mask = rng.standard_normal, rng.random((N, H)) < keep
    mask[0], mask[1, :2] = False, (True, False)  # whatever was drawn, both kinds are there
    return {"h": draw((N, H)), "mask": mask, "weight": draw((H, D)), "bias": draw(D)}


MUTANTS = {
    "G11": Mutant("gd * mask / keep", "gd * 1",
           "the gradient is handed past the dropout as if nothing had been dropped"),
    "G12": Mutant("d.T @ g", "h.T @ g",
           "the weight was given the units before the dropout, and on the way forward it saw them after it"),
    "G17": Mutant("gh = gd * mask / keep", "gh = mask / keep",
           "the mask alone: what arrives from above is not used"),
    "G18": Mutant("gh = gd * mask / keep", "gh = gd; gh *= mask / keep",
           "gh is only another name for gd, so the gradient at d was overwritten"),
    "G33": Mutant("gh = gd * mask / keep", "gh = gd * mask * mask.size / mask.sum()",
           "divided by the share that was kept this time; the forward pass divides by the probability"),
    "G47": Mutant("gd * mask / keep", "gd * mask",
           "what was kept was made larger on the way forward, and it is not on the way back"),
    "G47.classic": Mutant("gd * mask / keep", "gd * mask * keep",
           "what was kept was made smaller instead of larger"),
    "G47.rate": Mutant("gd * mask / keep", "gd * mask / (1 - keep)",
           "the number is the probability of being kept, and it was taken for that of being dropped"),
    "G48": Mutant("gd * mask / keep", "gd / keep",
           "units that were dropped get a gradient, and they did not influence anything"),
    "G49": Mutant("gd * mask / keep", "gd * (mask / keep) ** 2", "what was kept was made larger twice"),
    "G50": Mutant("gd * mask / keep", "gd * (np.random.default_rng().random(mask.shape) < keep) / keep",
           "a new mask was drawn, and the gradient belongs to the mask of the forward pass"),
}  # fmt: skip
