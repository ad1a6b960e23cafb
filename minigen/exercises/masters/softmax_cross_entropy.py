r"""Softmax and cross-entropy

A classifier gives K logits $\ell$ for each example, and the softmax makes probabilities of them,
$p_{nk} = e^{\ell_{nk}} / \sum_j e^{\ell_{nj}}$. The right class $c_n$ shall be likely: the first bracket is
$-\log p_{n c_n}$. And the classifier shall not be too sure of anything: that is the *confidence penalty*.
$$L = \frac1N \sum_n ( \log \sum_k e^{\ell_{nk}} - \ell_{n c_n} )
+ \frac{\lambda}{N} \sum_n \sum_k p_{nk} \log p_{nk} .$$

| given | shape |
|---|---|
| `logits`, `cache["p"]` | (N, K) |
| `labels` $c$, and the same as rows of 0 and 1: `onehot` | (N,), (N, K) |
| `lam` $\lambda$ | a number |

Wanted: the gradients at `p`, which only the penalty uses, and at `logits`, where three things meet: the sum
of exponentials, the label, and what arrives at `p`. Every probability depends on *every* logit of its row.
Adding a number to all logits of a row changes nothing; what follows for the sum of the gradient over a row?
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
    "The derivative of p_k by logit j has two cases, j = k and j not k; "
    "write both with p only, then sum over all k.",
    "That sum has a common factor, and in the bracket beside it "
    "something is compared with its mean under p, row by row.",
)

CONFIGS = (
    {"N": 5, "K": 7, "lam": 0.7, "why": "two sizes that cannot be mistaken for each other"},
    {"N": 11, "K": 3, "lam": 0.3, "why": "few classes, so that labels occur more than once"},
)


def inputs(rng, N, K, lam):
    labels = rng.integers(K, size=N)
    labels[:2] = K - 1
    return {"logits": 1.5 * rng.standard_normal((N, K)), "labels": labels}


MUTANTS = {
    "G01": Mutant("(p - onehot) / N", "(p - onehot)",
           "the cross-entropy is a mean over the batch, and its gradient is that of a sum"),
    "G01.p": Mutant("(np.log(p) + 1) / N", "(np.log(p) + 1)",
           "the penalty is a mean over the batch, and its gradient is that of a sum"),
    "G04": Mutant("(p - onehot)", "(onehot - p)",
           "the sign of the cross-entropy: going downhill makes the right class less likely"),
    "G14": Mutant(" + p * (gp - mean)", "",
           "the penalty reaches the logits through p, and nothing comes back from there"),
    "G14.product": Mutant("(np.log(p) + 1)", "np.log(p)",
           "p stands in the penalty twice, and was differentiated once; the logits forgive it, p does not"),
    "G18": Mutant("glogits = (p - onehot) / N", "p[np.arange(N), labels] -= 1; glogits = p / N",
           "the stored probabilities were overwritten, and the same line still needs them"),
    "G28": Mutant("p * (gp - mean)", "p * (1 - p) * gp",
           "each probability was taken to depend on its own logit alone; a higher logit lowers all others"),
    "G29": Mutant("(p * gp).sum(axis=1, keepdims=True)", "(p * gp).sum(axis=0, keepdims=True)",
           "the mean was taken over the examples, and probabilities are shared out among the classes"),
    "G30": Mutant("+ p * (gp - mean)", "+ (gp - mean)",
           "a class that is almost impossible hardly moves the probabilities; here it counts like any other"),
    "G30.mean": Mutant("(p * gp).sum(axis=1, keepdims=True)", "gp.mean(axis=1, keepdims=True)",
           "the mean that is taken off counts all classes alike, however likely they are"),
    "G31": Mutant("(p - onehot)", "p",
           "nothing is compared with the label: this gradient only wants all logits to be small"),
    "G32": Mutant("(p - onehot)", "(softmax(p) - onehot)",
           "the probabilities were taken for logits, and went through the softmax once more"),
}  # fmt: skip
