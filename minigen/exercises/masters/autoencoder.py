r"""Autoencoder

An autoencoder squeezes a picture $x$, with pixels between 0 and 1, through a few hidden units and paints
it anew from what they say:
$$a = x W_1 + b_1, \qquad h = \tanh a, \qquad l = h W_2 + b_2 .$$
The decoder gives logits $l$; the picture is $\hat x = \sigma(l)$. The loss is the cross-entropy, summed over
the D pixels and averaged over the N examples. Written with the logits it is
$$L = \frac1N \sum_n \sum_d ( \log(1 + e^{l_{nd}}) - x_{nd} \, l_{nd} ) .$$

| given | shape |
|---|---|
| `x` | (N, D) |
| `encoder_weight` $W_1$, `encoder_bias` $b_1$ | (D, H), (H,) |
| `decoder_weight` $W_2$, `decoder_bias` $b_2$ | (H, D), (D,) |
| `cache["a"]`, `cache["h"]`, `cache["logits"]` | (N, H), (N, H), (N, D) |

Wanted: the gradients at `logits`, `h`, `a`, and those of the four parameters, a whole network from the loss
to its first weight. You know every single step already; here they are put one behind
the other.
"""

import numpy as np

from minigen.exercises.master import Mutant

ID = "autoencoder"
ORDER = 140
REQUIRES = ("dense", "tanh", "bce-with-logits")
WANTED = ("logits", "decoder_weight", "decoder_bias", "h", "a", "encoder_weight", "encoder_bias")


def forward(net, x, encoder_weight, encoder_bias, decoder_weight, decoder_bias):
    N = len(x)
    a = net("a", x @ encoder_weight + encoder_bias)  # (N, D) -> (N, H)
    h = net("h", np.tanh(a))
    logits = net("logits", h @ decoder_weight + decoder_bias)  # (N, H) -> (N, D)
    net.term("softplus", np.logaddexp(0, logits).sum() / N)
    net.term("target", -(x * logits).sum() / N)


def backward(cache, x, encoder_weight, encoder_bias, decoder_weight, decoder_bias):
    N = len(x)
    h, xhat = cache["h"], 1 / (1 + np.exp(-cache["logits"]))
    # BEGIN SOLUTION
    glogits = (xhat - x) / N  # (N, D)
    gdecoder_weight = h.T @ glogits  # (H, N) @ (N, D) -> (H, D)
    gdecoder_bias = glogits.sum(axis=0)
    gh = glogits @ decoder_weight.T  # (N, D) -> (N, H)
    ga = gh * (1 - h**2)
    gencoder_weight = x.T @ ga  # (D, N) @ (N, H) -> (D, H)
    gencoder_bias = ga.sum(axis=0)
    # END SOLUTION
    return {
        "logits": glogits,
        "decoder_weight": gdecoder_weight,
        "decoder_bias": gdecoder_bias,
        "h": gh,
        "a": ga,
        "encoder_weight": gencoder_weight,
        "encoder_bias": gencoder_bias,
    }


HINTS = (
    "Begin at the loss. The derivative of softplus is the sigmoid, which the given lines have computed: "
    "xhat.",
    "Decoder and encoder are dense layers: each line of the dense exercise appears here twice, with other "
    "names.",
    "Between them lies the tanh, whose derivative is known once its output is. The 1/N comes in once, "
    "at the loss.",
)

CONFIGS = (
    {"N": 5, "D": 7, "H": 3,
     "why": "fewer units than pixels, and sizes that cannot be mistaken for each other"},
    {"N": 7, "D": 5, "H": 5, "why": "as many units as pixels: square weights hide a wrong transpose"},
)  # fmt: skip


def inputs(rng, N, D, H):
    draw = rng.standard_normal
    return {
        "x": rng.random((N, D)),
        "encoder_weight": 0.7 * draw((D, H)),
        "encoder_bias": 0.3 * draw(H),
        "decoder_weight": 0.7 * draw((H, D)),
        "decoder_bias": 0.3 * draw(D),
    }


MUTANTS = {
    "G01": Mutant("(xhat - x) / N", "xhat - x",
           "the loss is a mean over the batch, and its 1/N has been left out"),
    "G02": Mutant("x.T @ ga", "x.T @ ga / N",
           "divided by N at the weight once more; what arrives there has been divided already"),
    "G03": Mutant("(xhat - x) / N", "(xhat - x) / x.size",
           "averaged over the pixels as well, which the loss sums over"),
    "G04": Mutant("(xhat - x) / N", "(x - xhat) / N",
           "the sign: as it stands, a pixel that is too bright is made brighter"),
    "G06": Mutant("ga.sum(axis=0)", "ga.mean(axis=0)", "what the examples send to the bias was averaged"),
    "G09": Mutant("h.T @ glogits", "glogits.T @ h", "the gradient of the decoder's weight is turned"),
    "G10": Mutant("glogits @ decoder_weight.T", "glogits @ decoder_weight",
           "on the way back the decoder's weight is used as on the way forward"),
    "G11": Mutant("gh * (1 - h**2)", "gh * 1",
           "the derivative of the tanh is missing on the way to the encoder"),
    "G12": Mutant("gh * (1 - h**2)", 'gh * (1 - cache["a"] ** 2)',
           "the derivative of the tanh was written with what goes in; the formula wants what comes out"),
    "G13": Mutant("gh * (1 - h**2)", "gh * h * (1 - h)",
           "the derivative is that of a sigmoid, and the units are tanh units"),
    "G31": Mutant("(xhat - x) / N", "xhat / N", "the picture that was to be painted does not appear"),
    "A06": Mutant("(xhat - x) / N", "(xhat - x) * xhat * (1 - xhat) / N",
           "the sigmoid was differentiated once more, although the loss was written with the logits"),
    "A07": Mutant("(xhat - x) / N", "(xhat - x) / (xhat * (1 - xhat)) / N",
           "this is the gradient at the picture, and not yet at the logits"),
    "A13": Mutant("ga.sum(axis=0)", "glogits.sum(axis=0)",
           "the encoder's bias was given what belongs to the decoder's"),
}  # fmt: skip
