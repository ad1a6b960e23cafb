r"""Softmax and cross-entropy

A classifier gives K logits $\ell$ for each example. The softmax makes probabilities of them,
$p_{nk} = e^{\ell_{nk}} / \sum_j e^{\ell_{nj}}$, and the loss asks two things of them: the right class $c_n$
shall be likely, and (this is the *confidence penalty*) the classifier shall not be too sure of anything:
$$L = \frac1N \sum_n ( \log \sum_k e^{\ell_{nk}} - \ell_{n c_n} ) + \frac{\lambda}{N} \sum_n \sum_k p_{nk}
\log p_{nk} .$$ The first bracket is $-\log p_{n c_n}$, written with the logits.

| given | shape |
|---|---|
| `logits`, `cache["p"]` | (N, K) |
| `labels` $c$, and the same as rows of 0 and 1: `onehot` | (N,), (N, K) |
| `lam` $\lambda$ | a number |

Wanted: the gradients at `p`, which only the penalty uses, and at `logits`, to which three things come back:
the sum of exponentials, the label, and whatever arrives at `p`. Every probability of a row depends
on *every* logit of that row. Adding the same number to all logits of a row changes nothing;
what does that say about the sum of the gradient over a row?
"""

import numpy as np

from minigen.exercises.master import Mutant

ID = "softmax-cross-entropy"
ORDER = 80
REQUIRES = ("bce-with-logits",)
WANTED = ("p", "logits")


def softmax(logits):
    """Probabilities, row by row; the largest logit is taken off first, so that nothing overflows."""
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def forward(net, logits, labels, *, lam):
    N = len(logits)
    net.term("logsumexp", np.logaddexp.reduce(logits, axis=1).sum() / N)
    net.term("label", -logits[np.arange(N), labels].sum() / N)
    p = net("p", softmax(logits))  # (N, K)
    net.term("confidence", lam * (p * np.log(p)).sum() / N)


def backward(cache, logits, labels, *, lam):
    N, K = logits.shape
    onehot = np.eye(K)[labels]  # (N,) -> (N, K)
    p = cache["p"]
    # BEGIN SOLUTION
    gp = lam * (np.log(p) + 1) / N  # (N, K)
    mean = (p * gp).sum(axis=1, keepdims=True)  # of gp, under p: (N, 1)
    glogits = (p - onehot) / N + p * (gp - mean)
    # END SOLUTION
    return {"p": gp, "logits": glogits}


HINTS = (
    "Three ways lead to the logits. Two of them start at the first bracket and never pass p: do those first.",
    "The derivative of p_k by logit j has two cases, j = k and j not k; write both with p only, then sum "
    "over all k.",
    "That sum has a common factor, and in the bracket beside it something is compared with its mean under p, "
    "row by row.",
)

CONFIGS = (
    {"N": 5, "K": 7, "lam": 0.7, "why": "two sizes that cannot be mistaken for each other"},
    {"N": 11, "K": 3, "lam": 0.3, "why": "few classes, so that labels occur more than once"},
)


def inputs(rng, N, K, lam):
    labels = rng.integers(K, size=N)
    labels[:2] = K - 1
    return {"logits": 1.5 * rng.standard_normal((N, K)), "labels": labels}


def fields(cache, logits, labels, lam):
    p = cache["p"]
    return {"p": p, "1 - p": 1 - p, "the label is here": np.eye(p.shape[1])[labels] > 0}


MUTANTS = {
    "G01": Mutant(
        "(p - onehot) / N",
        "(p - onehot)",
        "the cross-entropy is a mean over the batch, and its gradient is that of a sum",
        reads="logits: logsumexp * N; logits: label * N",
    ),
    "G01.p": Mutant(
        "(np.log(p) + 1) / N",
        "(np.log(p) + 1)",
        "the penalty is a mean over the batch, and its gradient is that of a sum",
        reads="p: all * N",
    ),
    "G04": Mutant(
        "(p - onehot)",
        "(onehot - p)",
        "the sign of the cross-entropy: going downhill makes the right class less likely",
        reads="logits: logsumexp sign; logits: label sign",
    ),
    "G14": Mutant(
        " + p * (gp - mean)",
        "",
        "the penalty reaches the logits through p, and nothing comes back from there",
        reads="logits: via p missing",
    ),
    "G14.product": Mutant(
        "(np.log(p) + 1)",
        "np.log(p)",
        "p stands in the penalty twice, and was differentiated once; the logits forgive it, and p does not",
        reads="p: constant added",
    ),
    "G18": Mutant(
        "glogits = (p - onehot) / N",
        "p[np.arange(N), labels] -= 1; glogits = p / N",
        "the stored probabilities were overwritten, and the same line still needs them",
        reads="changes p",
    ),
    "G28": Mutant(
        "p * (gp - mean)",
        "p * (1 - p) * gp",
        "each probability was taken to depend on its own logit alone; "
        "raising one logit lowers all other classes",
    ),
    "G29": Mutant(
        "(p * gp).sum(axis=1, keepdims=True)",
        "(p * gp).sum(axis=0, keepdims=True)",
        "the mean was taken over the examples, and probabilities are shared out among the classes",
    ),
    "G30": Mutant(
        "+ p * (gp - mean)",
        "+ (gp - mean)",
        "a class that is almost impossible hardly moves the probabilities, "
        "and here it counts as much as any other",
        reads="logits: via p * 1/p",
    ),
    "G30.mean": Mutant(
        "(p * gp).sum(axis=1, keepdims=True)",
        "gp.mean(axis=1, keepdims=True)",
        "the mean that is taken off counts all classes alike, however likely they are",
    ),
    "G31": Mutant(
        "(p - onehot)",
        "p",
        "nothing is compared with the label: this gradient only wants all logits to be small",
        reads="logits: label missing",
    ),
    "G32": Mutant(
        "(p - onehot)",
        "(softmax(p) - onehot)",
        "the probabilities were taken for logits, and went through the softmax once more",
    ),
}
