r"""Denoising autoencoder

Some pixels are lost, and the network has to paint the whole picture all the same. The `mask` $m$ is 1 where a
pixel is kept and 0 where it is lost; it was drawn before and is an argument:
$$\tilde x = x \odot m, \qquad a = \tilde x W_1 + b_1, \qquad h = \tanh a, \qquad \hat x = h W_2 + b_2 .$$
The loss compares with the *whole* picture: $L = \frac1N \sum_n \tfrac12 \lVert \hat x_n - x_n \rVert^2$.

Here $x$ is not data: it is what another layer has computed, as in a stack of autoencoders that is trained as
a whole. So the gradient of `x` is wanted as well.

| given | shape |
|---|---|
| `x`, `mask` | (N, D) |
| `encoder_weight` $W_1$, `encoder_bias` $b_1$ | (D, H), (H,) |
| `decoder_weight` $W_2$, `decoder_bias` $b_2$ | (H, D), (D,) |
| `cache["noisy"]` $\tilde x$, `cache["h"]`, `cache["xhat"]` | (N, D), (N, H), (N, D) |

Wanted: the gradients at `xhat`, and then those of `encoder_weight`, of `noisy` and of `x`. What the damage
cannot change, `decoder_weight`, `h` and `a`, is given. At each line ask: was it the whole picture that stood
here, or the damaged one?
"""

import numpy as np

from minigen.exercises.master import Mutant

ID = "denoising-autoencoder"
ORDER = 160
REQUIRES = ("autoencoder",)
WANTED = ("xhat", "decoder_weight", "h", "a", "encoder_weight", "noisy", "x")


def forward(net, x, mask, encoder_weight, encoder_bias, decoder_weight, decoder_bias):
    N = len(x)
    noisy = net("noisy", x * mask)  # (N, D)
    a = net("a", noisy @ encoder_weight + encoder_bias)  # (N, D) -> (N, H)
    h = net("h", np.tanh(a))
    xhat = net("xhat", h @ decoder_weight + decoder_bias)  # (N, H) -> (N, D)
    net.term("reconstruction", 0.5 * ((xhat - x) ** 2).sum() / N)


def backward(cache, x, mask, encoder_weight, encoder_bias, decoder_weight, decoder_bias):
    N = len(x)
    noisy, h, xhat = cache["noisy"], cache["h"], cache["xhat"]
    # BEGIN SOLUTION
    gxhat = (xhat - x) / N  # (N, D)
    # END SOLUTION
    gdecoder_weight = h.T @ gxhat
    gh = gxhat @ decoder_weight.T
    ga = gh * (1 - h**2)
    # BEGIN SOLUTION
    gencoder_weight = noisy.T @ ga  # (D, N) @ (N, H) -> (D, H)
    gnoisy = ga @ encoder_weight.T  # (N, H) -> (N, D)
    gx = gnoisy * mask - gxhat  # as the input, and as what the output is compared with
    # END SOLUTION
    return {
        "xhat": gxhat,
        "decoder_weight": gdecoder_weight,
        "h": gh,
        "a": ga,
        "encoder_weight": gencoder_weight,
        "noisy": gnoisy,
        "x": gx,
    }


HINTS = (
    "x stands in the forward twice: where the damage is done, and in the loss. What meets W1 is not x.",
    "A weight's gradient contains what the weight was multiplied by; a difference passes its gradient on "
    "with two signs.",
    "A lost pixel was multiplied by 0, so nothing that the encoder says can reach it; "
    "the comparison still does.",
)

CONFIGS = (
    {"N": 5, "D": 7, "H": 3, "keep": 0.6, "why": "two pixels in five are lost"},
    {"N": 7, "D": 5, "H": 5, "keep": 0.8, "why": "square weights, and one pixel in five is lost"},
)


def inputs(rng, N, D, H, keep):
    draw = rng.standard_normal
    mask = (rng.random((N, D)) < keep).astype(float)
    mask[0, 0], mask[1, 0] = 0.0, 1.0  # both kinds, whatever was drawn
    return {
        "x": draw((N, D)),
        "mask": mask,
        "encoder_weight": 0.5 * draw((D, H)),
        "encoder_bias": 0.3 * draw(H),
        "decoder_weight": 0.5 * draw((H, D)),
        "decoder_bias": 0.3 * draw(D),
    }


MUTANTS = {
    "A09": Mutant("noisy.T @ ga", "x.T @ ga",
           "the encoder saw the damaged picture, and its weight's gradient was taken with the whole one"),
    "A10": Mutant("(xhat - x) / N", "(xhat - noisy) / N",
           "the output is compared with the damaged picture, so the network would learn to copy the damage"),
    "A10.kept": Mutant("(xhat - x) / N", "(xhat - x) * mask / N",
           "lost pixels were left out of the comparison, and they are the ones that it is about"),
    "G01": Mutant("(xhat - x) / N", "xhat - x",
           "the loss is a mean over the batch, and its 1/N has been left out"),
    "G05": Mutant("(xhat - x) / N", "2 * (xhat - x) / N",
           "the half in front of the square and the 2 from its derivative do not both appear"),
    "G10": Mutant("ga @ encoder_weight.T", "ga @ encoder_weight",
           "on the way back the encoder's weight is used as on the way forward"),
    "G14": Mutant("gnoisy * mask - gxhat", "gnoisy * mask",
           "x is also what the output is compared with, and that part is missing"),
    "G14.input": Mutant("gnoisy * mask - gxhat", "-gxhat",
           "x is also what the encoder gets, and that part is missing"),
    "G04": Mutant("gnoisy * mask - gxhat", "gnoisy * mask + gxhat",
           "the loss contains a difference, and the part from the comparison has the sign of its other half"),
    "G48": Mutant("gnoisy * mask - gxhat", "gnoisy - gxhat",
           "the encoder's part was passed on to lost pixels as well, which the encoder has never seen"),
    "G50": Mutant("gnoisy * mask", "gnoisy * (np.random.default_rng().random(x.shape) < 0.7)",
           "other pixels were lost than in the forward pass"),
}  # fmt: skip
