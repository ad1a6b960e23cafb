"""Values that a person takes as given, though parameters make them: differences cannot show it."""

import pytest
from judged import checked

TEMPORAL = """import numpy as np
class ValueNet:
    def __init__(self, n_in, n_hidden):
        self.W = np.linspace(-1, 1, n_in * n_hidden).reshape(n_in, -1)
        self.w = np.linspace(0.2, 0.9, n_hidden)
    def value(self, s):
        h = np.tanh(s @ self.W)
        return h @ self.w, h
    def td_loss_and_grads(self, s, r, s_next, gamma=0.9):
        v, h = self.value(s)
        target = r + gamma * self.value(s_next)[0]
        dv = (v - target) / len(s)
        dh = np.outer(dv, self.w)
        return 0.5 * np.mean((v - target) ** 2), {"W": s.T @ (dh * (1 - h ** 2)), "w": h.T @ dv}
"""
TWINS = """import numpy as np
class Twins:
    def __init__(self, d, k):
        self.W, self.P = np.linspace(-1, 1, d * k).reshape(d, k), np.linspace(0.9, -0.5, k * k).reshape(k, k)
    def forward(self, x1, x2):
        self.x1, self.x2 = x1, x2
        self.z1, self.z2 = np.tanh(x1 @ self.W), np.tanh(x2 @ self.W)
        self.p1, self.p2 = self.z1 @ self.P, self.z2 @ self.P
        # the other view is detached
        return 0.5 * (((self.p1 - self.z2) ** 2).sum() + ((self.p2 - self.z1) ** 2).sum())
    def backward(self):
        dp1, dp2 = self.p1 - self.z2, self.p2 - self.z1
        self.dP = self.z1.T @ dp1 + self.z2.T @ dp2
        dz1, dz2 = dp1 @ self.P.T, dp2 @ self.P.T
        self.dW = self.x1.T @ (dz1 * (1 - self.z1 ** 2)) + self.x2.T @ (dz2 * (1 - self.z2 ** 2))
"""
BOLTZMANN = """import numpy as np
rng = np.random.default_rng(0)
class RBM:
    def __init__(self, n_visible, n_hidden, lr=0.1):
        self.W, self.b, self.lr = rng.normal(0, 0.5, (n_visible, n_hidden)), np.zeros(n_visible), lr
    def hidden(self, v):
        p = 1 / (1 + np.exp(-v @ self.W))
        return p, (rng.random(p.shape) < p).astype(float)
    def contrastive_divergence(self, v0):
        p0, h = self.hidden(v0)
        v1 = 1 / (1 + np.exp(-h @ self.W.T - self.b))
        p1, _ = self.hidden(v1)
        dW = (v0.T @ p0 - v1.T @ p1) / len(v0)
        db = (v0 - v1).mean(axis=0)
        self.W += self.lr * dW
        self.b += self.lr * db
        return ((v0 - v1) ** 2).mean()
if __name__ == "__main__":
    rbm = RBM(7, 5)
    for _ in range(3):
        print(rbm.contrastive_divergence((rng.random((9, 7)) < 0.4).astype(float)))
"""
CODES = """import numpy as np
class VQVAE:
    def __init__(self, d, h, k):
        rng = np.random.default_rng(1)
        self.We, self.Wd, self.E = rng.normal(size=(d, h)), rng.normal(size=(h, d)), rng.normal(size=(k, h))
    def forward(self, x):
        self.x, self.z = x, np.tanh(x @ self.We)
        self.index = ((self.z[:, None] - self.E) ** 2).sum(axis=2).argmin(axis=1)
        self.q = self.E[self.index]
        self.out = self.q @ self.Wd
        return ((self.out - x) ** 2).sum() + 1.25 * ((self.q - self.z) ** 2).sum()
    def backward(self):
        dout = 2 * (self.out - self.x)
        self.dWd = self.q.T @ dout
        self.dE = np.zeros_like(self.E)
        np.add.at(self.dE, self.index, 2 * (self.q - self.z))
        dz = dout @ self.Wd.T + 0.25 * 2 * (self.z - self.q)
        self.dWe = self.x.T @ (dz * (1 - self.z ** 2))
"""
# no loss is written down: Oja's rule is the gradient of half the squared error with y taken as given
OJA = """import numpy as np
rng = np.random.default_rng(0)
X, w = rng.normal(size=(40, 5)) @ rng.normal(size=(5, 5)), rng.normal(size=5)
for x in X:
    y = x @ w
    w += 0.01 * y * (x - y * w)
"""


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (TEMPORAL, "all is right with target of line 11, which may be meant as a constant, taken as given"),
        (TWINS, "with self.z2 in line 10 and self.z1 in line 10, which the file may mean as constant"),
        (BOLTZMANN, "h of line 10 is drawn, with a probability that depends on the parameters"),
        (OJA, "the file computes no loss, and with none of the usual ones a gradient is right"),
        (CODES, "not the gradients of what forward returns: self.dWe, self.dE; behind a choice"),
    ],
)  # fmt: skip
def test_what_differences_cannot_show_is_left_open(tmp_path, text, says):
    said = checked(tmp_path, text)
    assert said.verdict == "inconclusive"
    assert any(says in c for e in said.explanations for c in e.certain)


@pytest.mark.parametrize(
    ("text", "before", "after"),
    [
        (TEMPORAL, "dv = (v - target) / len(s)", "dv = v - target"),
        (TEMPORAL, "(1 - h ** 2)", "(1 - h)"),
        (TWINS, "# the other view is detached", "# the other view"),
        (TWINS, "dz1 * (1 - self.z1 ** 2)", "dz1 * (1 - self.z1)"),
        (BOLTZMANN, "(rng.random(p.shape) < p).astype(float)", "(rng.random(p.shape) < 0.5).astype(float)"),
        (CODES, "class VQVAE", "class Coder"),
        (CODES, "dout = 2 *", "dout ="),
    ],
)
def test_but_not_what_is_wrong_with_it_held_fixed_or_where_nothing_says_so(tmp_path, text, before, after):
    assert text.count(before) == 1
    assert checked(tmp_path, text.replace(before, after)).verdict == "wrong"
