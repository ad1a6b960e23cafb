r"""Importance weights

A variational autoencoder bounds $\log p(x)$ with one sample a picture. With S samples
$z_s = \mu + e^{v/2}\varepsilon_s$, each given the weight $w_s = p(x \mid z_s)\, p(z_s) / q(z_s \mid x)$,
the bound becomes tighter: $$L = -\frac1N \sum_n \log \frac1S \sum_s w_{sn}, \qquad \log w = \sum_d
( x\, l - \log(1 + e^l) ) - \tfrac12 \sum_k z^2 + \tfrac12 \sum_k ( \varepsilon^2 + v ) .$$ The three
sums are $\log p(x \mid z)$, $\log p(z)$ and $-\log q(z \mid x)$. The decoder is one dense layer,
$l = z W + b$. The constants $\log 2\pi$ cancel, and so does everything in $\log q$ that is not written,
since $(z_s - \mu)/\sigma = \varepsilon_s$.

| given | shape |
|---|---|
| `x`; `mu`, `logvar` ($v$) | (N, D); (N, K) |
| `eps` $\varepsilon$: S samples for each example; `cache["z"]` | (S, N, K) |
| `weight` $W$, `bias` $b$; `cache["logits"]` $l$ | (K, D), (D,); (S, N, D) |
| `cache["log_w"]` | (S, N) |

Wanted: the gradients at `log_w`, `logits`, `weight`, `bias`, `z`, `mu` and `logvar`.
The first line is what is new.
"""

import numpy as np

from minigen.exercises.master import Mutant

ID = "iwae-weights"
ORDER = 250
REQUIRES = ("full-vae",)
WANTED = ("log_w", "logits", "weight", "bias", "z", "mu", "logvar")


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def forward(net, x, mu, logvar, eps, weight, bias):
    S, N = eps.shape[:2]
    z = net("z", mu + np.exp(logvar / 2) * eps)  # (N, K) -> (S, N, K)
    logits = net("logits", z @ weight + bias)  # (S, N, K) -> (S, N, D)
    log_likelihood = net("log_likelihood", (x * logits - np.logaddexp(0, logits)).sum(axis=2))  # -> (S, N)
    log_prior = net("log_prior", -0.5 * (z**2).sum(axis=2))
    log_q = net("log_q", -0.5 * (eps**2 + logvar).sum(axis=2))
    log_w = net("log_w", log_likelihood + log_prior - log_q)  # (S, N)
    net.term("bound", -np.log(np.exp(log_w).sum(axis=0) / S).sum() / N)


def backward(cache, x, mu, logvar, eps, weight, bias):
    S, N = eps.shape[:2]
    z, logits, log_w = cache["z"], cache["logits"], cache["log_w"]
    sigma = np.exp(logvar / 2)
    # BEGIN SOLUTION
    share = np.exp(log_w) / np.exp(log_w).sum(axis=0)  # (S, N), each column sums to 1
    glog_w = -share / N
    glogits = glog_w[:, :, None] * (x - sigmoid(logits))  # (S, N, D)
    gweight = np.einsum("snk,snd->kd", z, glogits)
    gbias = glogits.sum(axis=(0, 1))
    gz = glogits @ weight.T - glog_w[:, :, None] * z  # the decoder, and log p(z)
    gmu = gz.sum(axis=0)  # one mu for all S samples
    glogvar = (gz * 0.5 * sigma * eps).sum(axis=0) + 0.5 * glog_w.sum(axis=0)[:, None]
    # END SOLUTION
    return {
        "log_w": glog_w, "logits": glogits, "weight": gweight, "bias": gbias, "z": gz, "mu": gmu,
        "logvar": glogvar
    }  # fmt: skip


HINTS = (
    "The logarithm of a sum of exponentials has a softmax as its gradient: the samples compete for each "
    "example.",
    "From the weights downwards everything is that of a VAE, sample by sample, weighted with what log_w has "
    "received. z stands in two of the three parts of log w.",
    "mu, logvar and the decoder are shared: by S samples, "
    "or by S times N of them. What is shared collects a sum.",
)

CONFIGS = (
    {"N": 5, "S": 3, "K": 2, "D": 7, "why": "no two sizes are equal"},
    {"N": 7, "S": 5, "K": 3, "D": 3, "why": "more samples, a square decoder"},
)


def inputs(rng, N, S, K, D):
    draw = rng.standard_normal
    return {
        "x": rng.random((N, D)),
        "mu": 0.7 * draw((N, K)),
        "logvar": 0.5 * draw((N, K)),
        "eps": draw((S, N, K)),
        "weight": draw((K, D)),
        "bias": 0.3 * draw(D),
    }


MUTANTS = {
    "V30": Mutant("glog_w = -share / N", "glog_w = -np.ones_like(share) / (S * N)",
           "all samples count the same, as if the mean were taken of the logarithms"),
    "V30.raw": Mutant(" / np.exp(log_w).sum(axis=0)", "",
           "the weights were used as they are, and it is their shares that add up to 1"),
    "V30.best": Mutant("np.exp(log_w) / np.exp(log_w).sum(axis=0)",
           "(log_w == log_w.max(axis=0)).astype(float)",
           "only the best sample of each example counts, and all of them are in the sum"),
    "G29": Mutant("np.exp(log_w).sum(axis=0)", "np.exp(log_w).sum(axis=1, keepdims=True)",
           "the samples of one example compete with one another, and here the examples do"),
    "G04": Mutant("-share / N", "share / N", "the bound is to grow, so the loss is minus the bound"),
    "G01": Mutant("-share / N", "-share", "the mean over the batch is missing"),
    "A06": Mutant("(x - sigmoid(logits))", "(x - sigmoid(logits)) * sigmoid(logits) * (1 - sigmoid(logits))",
           "the derivative of the sigmoid stands at the logits, where the cross-entropy has cancelled it"),
    "G51": Mutant('np.einsum("snk,snd->kd", z, glogits)', "z[0].T @ glogits[0]",
           "the decoder has seen all samples, and only the first one reaches its weight"),
    "G14": Mutant(" - glog_w[:, :, None] * z", "",
           "z also stands in log p(z), and what comes from there is missing"),
    "G14.decoder": Mutant("gz = glogits @ weight.T - glog_w", "gz = -glog_w",
           "z also goes into the decoder, and what comes back from there is missing"),
    "V12": Mutant("weight.T - glog_w", "weight.T + glog_w",
           "the sign of the prior's part: it pushes the samples away from 0"),
    "G33": Mutant("gz.sum(axis=0)", "gz.mean(axis=0)",
           "averaged over the samples, which the shares have done already"),
    "G21": Mutant("gz.sum(axis=0)", "gz",
           "mu is shared by the samples, and its gradient still has one part for each of them"),
    "V26": Mutant("0.5 * glog_w.sum(axis=0)[:, None]", "0.5 * -S / N",
           "log q is in every sample's weight, but the shares sum to 1, and here each sample counts in full"),
    "V15": Mutant(" + 0.5 * glog_w.sum(axis=0)[:, None]", "",
           "logvar also stands by itself, in log q, and that part is missing"),
    "V02": Mutant("gz * 0.5 * sigma * eps", "gz * 0.5 * eps",
           "an exponential stays when it is differentiated, and here sigma has disappeared"),
}  # fmt: skip
