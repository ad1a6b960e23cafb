r"""A mixture as prior

The standard normal is not the only prior. Here it is a mixture of C normals that are learned as well,
with logits $a$ for their weights $\pi = \text{softmax}(a)$, means $m_c$ and log-variances $s_c$:
$$d_{nc} = z_n - m_c, \qquad
f_{nc} = \log \pi_c - \tfrac12 \sum_k ( s_{ck} + d_{nck}^2 \, e^{-s_{ck}} + \log 2\pi ), \qquad
\log p_n = \log \sum_c e^{f_{nc}} .$$
No formula for the divergence exists any more, so it is estimated at the sample that was drawn,
$z = \mu + e^{v/2} \odot \varepsilon$:
$$L = \text{reconstruction}(z) + \frac1N \sum_n ( \log q_n - \log p_n ), \qquad
\log q_n = -\tfrac12 \sum_k ( \varepsilon_{nk}^2 + v_{nk} + \log 2\pi ).$$

| given | shape |
|---|---|
| `mu`, `logvar` ($v$), `eps` $\varepsilon$; `gz_decoder`, the reconstruction's gradient at $z$ | (N, K) |
| `a`; `m`, `s` | (C,); (C, K) |
| `cache["d"]`, `cache["f"]`, `cache["log_p"]`, `cache["log_pi"]` | (N, C, K), (N, C), (N, 1), (C,) |

Wanted: the gradients at `f`, `log_pi` ($= a - \log \sum_j e^{a_j}$), `a`, `d`, `m`, `s`, `z`, `mu`, `logvar`.
"""

import numpy as np

from minigen.exercises.master import Mutant

ID = "mixture-prior"
ORDER = 240
REQUIRES = ("softmax-cross-entropy", "vae-reparameterization")
WANTED = ("f", "log_pi", "a", "d", "m", "s", "z", "mu", "logvar")


def logsumexp(a, axis):
    return np.log(np.exp(a).sum(axis=axis, keepdims=True))


def forward(net, mu, logvar, eps, a, m, s, target):
    N, log_2pi = len(mu), np.log(2 * np.pi)
    z = net("z", mu + np.exp(logvar / 2) * eps)  # (N, K)
    log_pi = net("log_pi", a - logsumexp(a, axis=0))  # (C,)
    d = net("d", z[:, None, :] - m)  # (N, 1, K) - (C, K) -> (N, C, K)
    f = net("f", log_pi - 0.5 * (s + d**2 * np.exp(-s) + log_2pi).sum(axis=2))  # (N, C, K) -> (N, C)
    log_p = net("log_p", logsumexp(f, axis=1))  # (N, C) -> (N, 1)
    net.term("reconstruction", 0.5 * ((np.tanh(z) - target) ** 2).sum() / N)
    net.term("posterior", -0.5 * (eps**2 + logvar + log_2pi).sum() / N)
    net.term("prior", -log_p.sum() / N)


def backward(cache, mu, logvar, eps, a, m, s, target):
    N = len(mu)
    out = np.tanh(cache["z"])
    gz_decoder = (out - target) * (1 - out**2) / N  # given: the reconstruction's gradient at z
    d, f, log_p = cache["d"], cache["f"], cache["log_p"]
    pi, sigma = np.exp(cache["log_pi"]), np.exp(logvar / 2)
    # BEGIN SOLUTION
    r = np.exp(f - log_p)  # (N, C): how much of z_n belongs to component c; each row sums to 1
    gf = -r / N
    glog_pi = gf.sum(axis=0)  # (N, C) -> (C,)
    ga = glog_pi - pi * glog_pi.sum()
    gd = -gf[:, :, None] * d * np.exp(-s)  # (N, C, K)
    gm = -gd.sum(axis=0)  # (N, C, K) -> (C, K)
    gs = (gf[:, :, None] * 0.5 * (d**2 * np.exp(-s) - 1)).sum(axis=0)
    gz = gz_decoder + gd.sum(axis=1)  # (N, C, K) -> (N, K)
    gmu = gz
    glogvar = gz * 0.5 * sigma * eps - 0.5 / N
    # END SOLUTION
    return {
        "f": gf, "log_pi": glog_pi, "a": ga, "d": gd, "m": gm, "s": gs, "z": gz, "mu": gmu, "logvar": glogvar
    }  # fmt: skip


HINTS = (
    "The gradient of a logsumexp is a softmax: every component gets the share of z that belongs to it.",
    "a acts on all C log-weights, through the sum that normalises them. "
    "In f, s stands twice, and so must it in gs.",
    "d is z minus m, copied for all components and all examples: "
    "what was copied is summed, and m comes with a minus. "
    "mu is only in z; logvar is in z and in log q.",
)

CONFIGS = (
    {"N": 7, "C": 5, "K": 3, "why": "five components, which no other size equals"},
    {"N": 5, "C": 3, "K": 3,
     "why": "as many components as units: a sum over the wrong axis has the right shape"},
)  # fmt: skip


def inputs(rng, N, C, K):
    draw = rng.standard_normal
    return {
        "mu": 0.7 * draw((N, K)),
        "logvar": 0.6 * draw((N, K)),
        "eps": 0.7 * draw((N, K)),
        "a": 0.7 * draw(C),
        "m": 0.7 * draw((C, K)),
        "s": 0.4 * draw((C, K)),
        "target": draw((N, K)),
    }


MUTANTS = {
    "G30": Mutant("gf = -r / N", "gf = -np.ones_like(r) / N",
           "every component gets all of z, whether z belongs to it or not"),
    "G29": Mutant("np.exp(f - log_p)", "np.exp(f) / np.exp(f).sum(axis=0)",
           "the shares add up to 1 over the examples, and the components are what they are shared among"),
    "G04": Mutant("gf = -r", "gf = r", "the prior's term stands in the loss with a minus"),
    "G01": Mutant("-r / N", "-r", "the mean over the batch is missing"),
    "G11": Mutant("glog_pi - pi * glog_pi.sum()", "glog_pi * 1",
           "the weights are made to sum to 1, and the step that does so was passed as if it were not there"),
    "G28": Mutant("glog_pi - pi * glog_pi.sum()", "glog_pi * (1 - pi)",
           "a logit also acts on the weights of all other components, and only its own was looked at"),
    "V31": Mutant("d * np.exp(-s)", "d",
           "the distance from the mean counts in units of the component's variance, which is missing"),
    "V31.deviation": Mutant("d * np.exp(-s)", "d * np.exp(-s / 2)",
           "divided by the deviation, where the variance belongs"),
    "V31.standard": Mutant("gd.sum(axis=1)", 'cache["z"] / N',
           "z is drawn to the standard normal, and the prior is the mixture"),
    "G04.mean": Mutant("-gd.sum(axis=0)", "gd.sum(axis=0)",
           "the sign: a mean that moves towards z makes the distance smaller"),
    "V28": Mutant("(d**2 * np.exp(-s) - 1)", "d**2 * np.exp(-s)",
           "a wide component is low everywhere: s stands by itself in the logarithm, too; this is missing"),
    "G14": Mutant(" + gd.sum(axis=1)", "",
           "z is used by the decoder and by the prior, and what the prior sends back is missing"),
    "G14.decoder": Mutant("gz_decoder + ", "",
           "z is used by the decoder and by the prior, and what the decoder sends back is missing"),
    "V12": Mutant("gmu = gz", "gmu = gz + mu / N",
           "this is the divergence from the standard normal, which is not part of this loss"),
    "V15": Mutant(" - 0.5 / N", "", "logvar also stands by itself, in log q, and that part is missing"),
    "V05": Mutant("gz * 0.5 * sigma * eps", "gz * 0.5 * sigma",
           "the noise multiplies sigma in z, and it has been left out"),
}  # fmt: skip
