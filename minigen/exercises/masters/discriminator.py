r"""The discriminator

A discriminator gives every sample a number $\ell$, the logit; $\sigma(\ell)$ is its belief that the sample
is real. It has one hidden layer, and is shown N real samples $x$ and M fakes $\tilde x$, which in this
step are data and nothing else: $$a = x W_1 + b_1, \qquad h = \varphi(a), \qquad \ell = h\, w_2 + b_2,
\qquad \varphi(a) = \begin{cases} a & a > 0 \\ 0.2\, a & \text{otherwise,} \end{cases}$$ $$L = \frac1N \sum_n
s(-\ell_n) + \frac1M \sum_m s(\tilde\ell_m), \qquad s(t) = \log(1 + e^t) \text{, the softplus}.$$

| given | shape |
|---|---|
| `real`, `fake` | (N, D), (M, D) |
| `W1`, `b1`, `w2`, `b2` | (D, H), (H,), (H, 1), (1,) |
| `cache["a_real"]`, `cache["h_real"]`, `cache["logit_real"]`; the same with `_fake` | (N, H), (N, H), (N, 1) |

Wanted: the gradients at the logits and the pre-activations of both halves, and those of the four parameters.
Both halves went through the same network.
"""  # noqa: E501 (a row of a table cannot be broken)

import numpy as np

from minigen.exercises.master import Mutant

ID = "discriminator"
ORDER = 260
REQUIRES = ("relu", "bce-with-logits")
WANTED = ("logit_real", "logit_fake", "w2", "b2", "a_real", "a_fake", "W1", "b1")


def sigmoid(t):
    return 1 / (1 + np.exp(-t))


def leaky(a):
    return np.where(a > 0, a, 0.2 * a)


def forward(net, real, fake, W1, b1, w2, b2):
    a_real = net("a_real", real @ W1 + b1)  # (N, D) -> (N, H)
    h_real = net("h_real", leaky(a_real))
    logit_real = net("logit_real", h_real @ w2 + b2)  # (N, H) -> (N, 1)
    a_fake = net("a_fake", fake @ W1 + b1)  # (M, D) -> (M, H)
    h_fake = net("h_fake", leaky(a_fake))
    logit_fake = net("logit_fake", h_fake @ w2 + b2)  # (M, H) -> (M, 1)
    net.term("loss on real", np.logaddexp(0, -logit_real).mean())
    net.term("loss on fake", np.logaddexp(0, logit_fake).mean())


def backward(cache, real, fake, W1, b1, w2, b2):
    N, M = len(real), len(fake)
    a_real, h_real, logit_real = cache["a_real"], cache["h_real"], cache["logit_real"]
    a_fake, h_fake, logit_fake = cache["a_fake"], cache["h_fake"], cache["logit_fake"]
    # BEGIN SOLUTION
    glogit_real = (sigmoid(logit_real) - 1) / N  # (N, 1)
    glogit_fake = sigmoid(logit_fake) / M  # (M, 1)
    gw2 = h_real.T @ glogit_real + h_fake.T @ glogit_fake  # (H, 1)
    gb2 = glogit_real.sum(axis=0) + glogit_fake.sum(axis=0)
    ga_real = glogit_real @ w2.T * np.where(a_real > 0, 1, 0.2)  # (N, 1) -> (N, H)
    ga_fake = glogit_fake @ w2.T * np.where(a_fake > 0, 1, 0.2)
    gW1 = real.T @ ga_real + fake.T @ ga_fake  # (D, H)
    gb1 = ga_real.sum(axis=0) + ga_fake.sum(axis=0)
    # END SOLUTION
    return {
        "logit_real": glogit_real, "logit_fake": glogit_fake, "w2": gw2, "b2": gb2,
        "a_real": ga_real, "a_fake": ga_fake, "W1": gW1, "b1": gb1,
    }  # fmt: skip


HINTS = (
    "The derivative of softplus is the sigmoid. Should a real logit rise or fall, and which sign must its "
    "gradient have?",
    "At a logit stands the belief minus the label, 1 for real and 0 for fake, with the mean of its own half.",
    "Every parameter was used by both halves, so each of the four gradients is a sum of two.",
)

CONFIGS = (
    {"N": 7, "M": 5, "D": 3, "H": 6, "why": "more real samples than fakes"},
    {"N": 5, "M": 11, "D": 2, "H": 3, "why": "more fakes than real samples"},
)


def inputs(rng, N, M, D, H):
    draw = rng.standard_normal
    return {
        "real": draw((N, D)) + 0.5,
        "fake": draw((M, D)) - 0.5,
        "W1": draw((D, H)),
        "b1": 0.3 * draw(H),
        "w2": 1.5 * draw((H, 1)),
        "b2": 0.3 * draw(1),
    }


MUTANTS = {
    "N04": Mutant(("(sigmoid(logit_real) - 1)", "sigmoid(logit_fake) / M"),
           ("sigmoid(logit_real)", "(sigmoid(logit_fake) - 1) / M"),
           "the labels are exchanged: the discriminator is told that the real ones are fakes"),
    "N05": Mutant("(sigmoid(logit_real) - 1)", "(sigmoid(logit_real) - 0.9)",
           "the labels of the real ones were softened to 0.9, and the loss knows nothing of it"),
    "N06": Mutant(("(sigmoid(logit_real) - 1) / N", "sigmoid(logit_fake) / M"),
           ("(sigmoid(logit_real) - 1) / (N + M)", "sigmoid(logit_fake) / (N + M)"),
           "averaged over both halves together, and the loss has a mean for each"),
    "N06.fake": Mutant("sigmoid(logit_fake) / M", "sigmoid(logit_fake) / N",
           "the fakes were averaged over the number of real samples"),
    "N07": Mutant(("(sigmoid(logit_real) - 1)", "sigmoid(logit_fake) / M"),
           ("(sigmoid(logit_real) - 1) * sigmoid(logit_real) * (1 - sigmoid(logit_real))",
            "sigmoid(logit_fake) ** 2 * (1 - sigmoid(logit_fake)) / M"),
           "the loss takes logits, and the sigmoid inside it was differentiated once too often"),
    "N08": Mutant(("(sigmoid(logit_real) - 1)", "sigmoid(logit_fake) / M"),
           ("-1 / sigmoid(logit_real)", "1 / (1 - sigmoid(logit_fake)) / M"),
           "this is the gradient at the beliefs, and it was taken for the one at the logits"),
    "G04": Mutant("(sigmoid(logit_real) - 1)", "(1 - sigmoid(logit_real))",
           "the sign: the logits of real samples are to rise"),
    "N12": Mutant((" + h_fake.T @ glogit_fake", " + fake.T @ ga_fake", " + ga_fake.sum(axis=0)"),
           ("", "", ""),
           "the weights and the hidden bias learn from the real half alone"),
    "N12.real": Mutant(("h_real.T @ glogit_real + ", "real.T @ ga_real + ", "ga_real.sum(axis=0) + "),
           ("", "", ""),
           "the weights and the hidden bias learn from the fake half alone"),
    "G11": Mutant((" * np.where(a_real > 0, 1, 0.2)", " * np.where(a_fake > 0, 1, 0.2)"), ("", ""),
           "the leaky relu was passed on the way back as if it were not there"),
    "G13": Mutant(("np.where(a_real > 0, 1, 0.2)", "np.where(a_fake > 0, 1, 0.2)"),
           ("np.where(a_real > 0, 1, 0)", "np.where(a_fake > 0, 1, 0)"),
           "this is the derivative of the plain relu; the leaky one lets something through below 0, too"),
    "G06": Mutant("ga_real.sum(axis=0) + ga_fake.sum(axis=0)", "ga_real.mean(axis=0) + ga_fake.mean(axis=0)",
           "what the samples send to the bias was averaged, and it adds up"),
}  # fmt: skip
