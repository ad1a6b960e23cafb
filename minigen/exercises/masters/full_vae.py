r"""A whole variational autoencoder

Everything at once: an encoder with two heads, a sample, a decoder, and a loss of two terms.
$$\begin{aligned}
a_1 &= x W_1 + b_1, & h &= \tanh a_1, & \mu &= h W_\mu + b_\mu, & v &= h W_v + b_v, \\
z &= \mu + e^{v/2} \odot \varepsilon, & a_2 &= z W_2 + b_2, & u &= \tanh a_2, & l &= u W_3 + b_3,
\end{aligned}$$
$$L = \frac1N \sum_n [ \sum_d ( \log(1 + e^{l_{nd}}) - x_{nd} \, l_{nd} )
  + \beta \sum_k \tfrac12 ( e^{v_{nk}} + \mu_{nk}^2 - 1 - v_{nk} ) ] .$$
The first term is the cross-entropy of the pixels, written with the logits $l$; in the code $v$ is `logvar`.

| given | shape |
|---|---|
| `x`, the noise `eps` $\varepsilon$ | (N, D), (N, K) |
| `W1`, `Wmu`, `Wv`, `W2`, `W3` | (D, H), (H, K), (H, K), (K, H), (H, D) |
| `b1`, `bmu`, `bv`, `b2`, `b3` | one entry a unit |

Wanted: the gradients at the eight values, from `logits` back to `a1`, and at the ten parameters. Walk
backwards line by line. Three of the values are used in two places each; find them before you start.
"""

import numpy as np

from minigen.exercises.master import Mutant

ID = "full-vae"
ORDER = 220
REQUIRES = ("autoencoder", "bce-with-logits", "vae-reparameterization")
WANTED = (
    "logits", "W3", "b3", "u", "a2", "W2", "b2", "z",
    "mu", "logvar", "Wmu", "bmu", "Wv", "bv", "h", "a1", "W1", "b1",
)  # fmt: skip


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def forward(net, x, eps, W1, b1, Wmu, bmu, Wv, bv, W2, b2, W3, b3, *, beta):
    N = len(x)
    a1 = net("a1", x @ W1 + b1)  # (N, D) -> (N, H)
    h = net("h", np.tanh(a1))
    mu = net("mu", h @ Wmu + bmu)  # (N, H) -> (N, K)
    logvar = net("logvar", h @ Wv + bv)  # (N, H) -> (N, K)
    z = net("z", mu + np.exp(logvar / 2) * eps)
    a2 = net("a2", z @ W2 + b2)  # (N, K) -> (N, H)
    u = net("u", np.tanh(a2))
    logits = net("logits", u @ W3 + b3)  # (N, H) -> (N, D)
    net.term("reconstruction", (np.logaddexp(0, logits) - x * logits).sum() / N)
    net.term("kl", beta * 0.5 * (np.exp(logvar) + mu**2 - 1 - logvar).sum() / N)


def backward(cache, x, eps, W1, b1, Wmu, bmu, Wv, bv, W2, b2, W3, b3, *, beta):
    N = len(x)
    h, mu, z, u = cache["h"], cache["mu"], cache["z"], cache["u"]
    sigma = np.exp(cache["logvar"] / 2)
    pixels = sigmoid(cache["logits"])
    # BEGIN SOLUTION
    glogits = (pixels - x) / N  # (N, D)
    gW3 = u.T @ glogits
    gb3 = glogits.sum(axis=0)
    gu = glogits @ W3.T  # (N, D) -> (N, H)
    ga2 = gu * (1 - u**2)
    gW2 = z.T @ ga2
    gb2 = ga2.sum(axis=0)
    gz = ga2 @ W2.T  # (N, H) -> (N, K)
    gmu = gz + beta * mu / N
    glogvar = gz * 0.5 * sigma * eps + beta * 0.5 * (sigma**2 - 1) / N
    gWmu = h.T @ gmu
    gbmu = gmu.sum(axis=0)
    gWv = h.T @ glogvar
    gbv = glogvar.sum(axis=0)
    gh = gmu @ Wmu.T + glogvar @ Wv.T  # two heads: (N, K) -> (N, H)
    ga1 = gh * (1 - h**2)
    gW1 = x.T @ ga1
    gb1 = ga1.sum(axis=0)
    # END SOLUTION
    return {
        "logits": glogits, "W3": gW3, "b3": gb3, "u": gu, "a2": ga2, "W2": gW2, "b2": gb2, "z": gz,
        "mu": gmu, "logvar": glogvar, "Wmu": gWmu, "bmu": gbmu, "Wv": gWv, "bv": gbv,
        "h": gh, "a1": ga1, "W1": gW1, "b1": gb1,
    }  # fmt: skip


HINTS = (
    "h feeds two heads, and mu and logvar each go into the sample and into the divergence: "
    "three sums of two ways.",
    "A sigmoid and its cross-entropy cancel: "
    "at the logits stands what the pixels are, minus what they should be.",
    "Every dense layer goes the same way back: "
    "the turned weight for its input, the turned input for its weight, and a "
    "sum over the examples for its bias.",
)

CONFIGS = (
    {"N": 5, "D": 7, "H": 3, "K": 2, "beta": 0.7, "why": "no two sizes are equal, and beta is not 1"},
    {"N": 7, "D": 5, "H": 3, "K": 3, "beta": 1.3, "why": "square heads, where a forgotten transpose fits"},
)


def inputs(rng, N, D, H, K, beta):
    draw = rng.standard_normal
    return {
        "x": rng.random((N, D)),
        "eps": draw((N, K)),
        "W1": 0.6 * draw((D, H)),
        "b1": 0.3 * draw(H),
        "Wmu": 0.8 * draw((H, K)),
        "bmu": 0.3 * draw(K),
        "Wv": 0.8 * draw((H, K)),
        "bv": 0.3 * draw(K),
        "W2": 0.8 * draw((K, H)),
        "b2": 0.3 * draw(H),
        "W3": draw((H, D)),
        "b3": 0.3 * draw(D),
    }


MUTANTS = {
    "A06": Mutant("(pixels - x) / N", "(pixels - x) * pixels * (1 - pixels) / N",
           "the derivative of the sigmoid stands at the logits, where the cross-entropy has cancelled it"),
    "A07": Mutant("(pixels - x) / N", "(pixels - x) / (pixels * (1 - pixels)) / N",
           "this is the gradient at the probabilities, and it was taken for the one at the logits"),
    "G01": Mutant("(pixels - x) / N", "(pixels - x)",
           "the reconstruction is averaged over the batch, and its 1/N is missing from the first line on"),
    "G03": Mutant("(pixels - x) / N", "(pixels - x) / x.size",
           "averaged over the pixels, which the loss sums over"),
    "G06": Mutant("ga1.sum(axis=0)", "ga1.mean(axis=0)",
           "what the examples send to the bias of the encoder was averaged, and it adds up"),
    "G11": Mutant("gu * (1 - u**2)", "gu * 1",
           "the decoder's tanh was passed on the way back as if it were not there"),
    "G13": Mutant("gh * (1 - h**2)", "gh * h * (1 - h)",
           "the encoder has tanh units, and the derivative is that of a sigmoid"),
    "G40": Mutant(("gWmu = h.T @ gmu", "gWv = h.T @ glogvar"), ("gWmu = h.T @ glogvar", "gWv = h.T @ gmu"),
           "the two heads have each other's gradient at their weights"),
    "V01": Mutant("gz * 0.5 * sigma * eps", "gz * sigma * eps",
           "the half in the exponent of the deviation has disappeared"),
    "V02": Mutant("gz * 0.5 * sigma * eps", "gz * 0.5 * eps",
           "an exponential stays when it is differentiated, and here sigma has disappeared"),
    "V05": Mutant("gz * 0.5 * sigma * eps", "gz * 0.5 * sigma",
           "the noise multiplies the deviation in the sample, and it has been left out"),
    "V08": Mutant("gz * 0.5 * sigma * eps + ", "",
           "only the divergence reaches logvar; the reconstruction, which felt the noise, does not"),
    "V11": Mutant("gmu = gz + ", "gmu = ", "only the divergence reaches mu; the reconstruction does not"),
    "V15": Mutant("(sigma**2 - 1)", "sigma**2",
           "the divergence has logvar twice, in the exponential and by itself; the second one was forgotten"),
    "V17": Mutant((" + beta * mu / N", " + beta * 0.5 * (sigma**2 - 1) / N"), ("", ""),
           "the divergence is in the loss, and neither head knows of it"),
    "V18": Mutant(("beta * mu / N", "(sigma**2 - 1) / N"), ("beta * mu", "(sigma**2 - 1)"),
           "the divergence is averaged over the batch like everything else, and its 1/N is missing"),
    "V20": Mutant(("beta * mu", "beta * 0.5"), ("mu", "0.5"),
           "the divergence is weighted by beta in the loss, and here it is not"),
    "V22": Mutant("gmu @ Wmu.T + ", "",
           "both heads read h, and what comes back through the mean's has been lost"),
    "V22.logvar": Mutant(" + glogvar @ Wv.T", "",
           "both heads read h, and what comes back through the log-variance's has been lost"),
}  # fmt: skip
