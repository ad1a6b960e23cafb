"""Forms of programs that were once not read, and lines that stand in the wrong block."""

import pytest
from judged import assert_right, checked, is_told

from minigen.explain import file

# the factor of a covariance is a triangle, and so is its gradient
TRIANGLE = """import numpy as np
def cost(X, m, L):
    S = L @ L.T
    c = X - m
    return 0.5 * len(X) * np.linalg.slogdet(S)[1] + 0.5 * np.sum(c @ np.linalg.inv(S) * c)
def cost_grad(X, m, L):
    P = np.linalg.inv(L @ L.T)
    c = X - m
    dm = -(c @ P).sum(axis=0)
    dS = 0.5 * len(X) * P - 0.5 * P @ c.T @ c @ P
    dL = np.tril(2 * dS @ L)
    return dm, dL
def inputs(rng):
    L = np.tril(rng.normal(size=(3, 3)))
    return {"X": rng.normal(size=(7, 3)), "m": rng.normal(size=3), "L": L + 2 * np.eye(3)}
"""
# two outputs in a tuple, and their gradients in one
TOGETHER = """import numpy as np
def block_forward(x, W, V):
    h = np.tanh(x @ W)
    through, aside = x + h @ V, h.sum(axis=1)
    return (through, aside), (x, h, W, V)
def block_backward(dout, cache):
    dthrough, daside = dout
    x, h, W, V = cache
    dV = h.T @ dthrough
    dh = dthrough @ V.T + daside[:, None]
    dz = dh * (1 - h ** 2)
    dx = dthrough + dz @ W.T
    return dx, x.T @ dz, dV
def inputs(rng):
    return {"x": rng.normal(size=(4, 3)), "W": rng.normal(size=(3, 5)), "V": rng.normal(size=(5, 3))}
"""
# backward is handed a shape
SHAPES = """import numpy as np
def spread(x, k=2):
    n, h, w = x.shape
    return x.reshape(n, h // k, k, w // k, k).mean(axis=(2, 4))
def spread_backward(dout, input_shape, k=2):
    n, h, w = input_shape
    return np.repeat(np.repeat(dout, k, axis=1), k, axis=2) / (k * k)
def flat(x):
    return x.reshape(len(x), -1) ** 3
def flat_backward(dout, x, x_shape):
    return (3 * x.reshape(len(x), -1) ** 2 * dout).reshape(x_shape)
"""
# forward keeps all in a dict, of which the loss reads what it needs
KEPT = """import numpy as np
def forward_prop(P, z):
    h = np.tanh(z @ P["A"])
    made = h @ P["B"]
    return {"z": z, "h": h, "made": made}
def match_loss(kept, goal):
    gap = kept["made"].mean(axis=0) - goal
    return (gap ** 2).sum()
def back_prop(P, kept, goal):
    n = len(kept["z"])
    gap = kept["made"].mean(axis=0) - goal
    dmade = np.ones((n, 1)) * 2 * gap / n
    dh = dmade @ P["B"].T * (1 - kept["h"] ** 2)
    return {"dB": kept["h"].T @ dmade, "dA": kept["z"].T @ dh}
if __name__ == "__main__":
    rng = np.random.default_rng(0)
    P = {"A": rng.normal(size=(3, 5)), "B": rng.normal(size=(5, 4))}
    goal = rng.normal(size=4)
    for step in range(20):
        z = rng.normal(size=(9, 3))
        kept = forward_prop(P, z)
        g = back_prop(P, kept, goal)
        for name in P:
            P[name] = P[name] - 0.1 * g["d" + name]
        print(step, match_loss(kept, goal))
"""
# a class that goes back and takes its step
STEPS = """import numpy as np
class Net:
    def __init__(self, n=4, h=3, lr=0.1, seed=0):
        r = np.random.RandomState(seed)
        self.A, self.B = r.randn(n, h) * 0.5, r.randn(h, 1) * 0.5
        self.lr = lr
    def fwd(self, x, y):
        self.x, self.y = x, y
        self.q = x @ self.A
        self.h = self.q / (1 + np.exp(-self.q))
        self.out = self.h @ self.B
        return ((self.out - y) ** 2).mean()
    def bwd_and_step(self):
        dout = 2 * (self.out - self.y) / len(self.x)
        dB = self.h.T @ dout
        s = 1 / (1 + np.exp(-self.q))
        dq = dout @ self.B.T * (s + self.h * (1 - s))
        dA = self.x.T @ dq
        self.A -= self.lr * dA
        self.B -= self.lr * dB
def inputs(rng):
    return dict(x=rng.normal(size=(5, 4)), y=rng.normal(size=(5, 1)))
"""
# the docstring tells the order by the names of the values
ORDER = '''import numpy as np
def norm_forward(x, gamma, beta):
    spread = np.sqrt(x.var(axis=-1, keepdims=True) + 1e-5)
    xhat = (x - x.mean(axis=-1, keepdims=True)) / spread
    return gamma * xhat + beta, (xhat, spread, gamma)
def norm_backward(dout, cache):
    """Return the gradients of x, gamma and beta, in this order."""
    xhat, spread, gamma = cache
    dgamma = (dout * xhat).sum(axis=0)
    dbeta = dout.sum(axis=0)
    d = dout * gamma
    mean = (d * xhat).mean(axis=-1, keepdims=True)
    dx = (d - d.mean(axis=-1, keepdims=True) - xhat * mean) / spread
    return dx, dgamma, dbeta
'''
# weights of classes: what divides stands in forward
WEIGHTS = """import numpy as np
def weighted_loss(x, W, y, weight):
    z = x @ W
    p = np.exp(z - z.max(axis=1, keepdims=True))
    p = p / p.sum(axis=1, keepdims=True)
    wi = weight[y]
    n = len(y)
    loss = -np.sum(wi * np.log(p[np.arange(n), y])) / wi.sum()
    d = p.copy()
    d[np.arange(n), y] -= 1.0
    d *= wi[:, None] / wi.sum()
    dx = d @ W.T
    dW = x.T @ d
    return loss, dx, dW
def inputs(rng):
    return {"x": rng.normal(size=(6, 4)), "W": rng.normal(size=(4, 3)), "y": rng.integers(0, 3, 6),
            "weight": rng.uniform(0.5, 2.0, 3)}
"""
# two lines at the end of a loop
BLOCKS = """import numpy as np
def run_forward(xs, W, U, h0):
    hs = [h0]
    for x in xs:
        hs.append(np.tanh(x @ W + hs[-1] @ U))
    return np.stack(hs[1:]), (xs, W, U, hs)
def run_backward(dout, cache):
    xs, W, U, hs = cache
    dW, dU, dxs = np.zeros_like(W), np.zeros_like(U), np.zeros_like(xs)
    dh = np.zeros_like(hs[0])
    for t in reversed(range(len(xs))):
        dz = (dout[t] + dh) * (1 - hs[t + 1] ** 2)
        dW += xs[t].T @ dz
        dU += hs[t].T @ dz
        dh = dz @ U.T
        dxs[t] = dz @ W.T
    dh0 = dh * 1.0
    return dxs, dW, dU, dh0
def inputs(rng):
    return {"xs": rng.normal(size=(4, 3, 2)), "W": rng.normal(size=(2, 5)), "U": rng.normal(size=(5, 5)) / 2,
            "h0": rng.normal(size=(3, 5))}
"""
# differences of neighbours: two lines, one for each of them
NEIGHBOURS = """import numpy as np
def fit_loss(U, V, Y):
    steps = U[1:] - U[:-1]
    return 0.5 * np.sum((U @ V - Y) ** 2) + 0.2 * np.sum(steps ** 2)
def fit_grad(U, V, Y):
    d = U @ V - Y
    gU = d @ V.T
    gV = U.T @ d
    steps = U[1:] - U[:-1]
    gU[1:] += 0.4 * steps
    gU[:-1] -= 0.4 * steps
    return gU, gV
def inputs(rng):
    return {"U": rng.normal(size=(5, 3)), "V": rng.normal(size=(3, 4)), "Y": rng.normal(size=(5, 4))}
"""
# functions that go back add to what they keep: a call that runs twice adds twice
PULLS = """import numpy as np
def make(A, c, bank):
    def field(y):
        h = np.tanh(y @ A + c)
        def pull(g):
            q = g * (1 - h * h)
            bank["A"] += y.T @ q
            bank["c"] += q.sum(axis=0)
            return q @ A.T
        return h, pull
    return field
def run(A, c, y0):
    bank = {"A": np.zeros_like(A), "c": np.zeros_like(c)}
    field, pulls, path, y = make(A, c, bank), [], [y0], y0
    for i in range(3):
        step, pull = field(y)
        y = y + 0.3 * step
        pulls.append(pull)
        path.append(y)
    def backward(gpath):
        g = gpath[3]
        for i in range(2, -1, -1):
            g = g + pulls[i](0.3 * g) + gpath[i]
        bank["y0"] = g
        return bank
    return np.stack(path), backward
def inputs(rng):
    return {"A": rng.normal(size=(4, 4)) * 0.5, "c": rng.normal(size=4), "y0": rng.normal(size=(3, 4))}
"""
# names that begin like those of functions that train
CELL = """import numpy as np
def step_forward(x, h, W, U):
    out = np.tanh(x @ W + h @ U)
    return out, (x, h, W, U, out)
def step_backward(dout, cache):
    x, h, W, U, out = cache
    dz = dout * (1 - out ** 2)
    return dz @ W.T, dz @ U.T, x.T @ dz, h.T @ dz
def inputs(rng):
    return {"x": rng.normal(size=(3, 2)), "h": rng.normal(size=(3, 4)), "W": rng.normal(size=(2, 4)),
            "U": rng.normal(size=(4, 4))}
"""
RETURNED = TRIANGLE.replace("    dL = np.tril(2 * dS @ L)\n", "").replace(
    "return dm, dL", "return dm, np.tril(2 * dS @ L)"
)
# a layer of a flow, whose log-determinant has an upstream gradient of its own
FLOW = """import numpy as np
class Scale:
    def __init__(self, d):
        self.s, self.b = np.linspace(-0.4, 0.6, d), np.linspace(0.3, -0.5, d)
    def forward(self, x):
        self.x = x
        return x * np.exp(self.s) + self.b, np.full(len(x), self.s.sum())
    def backward(self, dy, dlogdet):
        self.db = dy.sum(axis=0)
        self.ds = (dy * self.x * np.exp(self.s)).sum(axis=0)
        self.ds += dlogdet.sum()
        return dy * np.exp(self.s)
"""
# a sequence as one array, and the gradients at its steps in a list
SEQUENCE = """import numpy as np
class RNN:
    def __init__(self, n_x, n_h):
        r = np.random.default_rng(0)
        self.W, self.U = r.normal(size=(n_x, n_h)), r.normal(size=(n_h, n_h))
    def forward(self, xs, h0):
        self.tape, self.outputs, h = [], [], h0
        for x in xs:
            self.tape.append((x, h))
            h = np.tanh(x @ self.W + h @ self.U)
            self.outputs.append(h)
        return self.outputs
    def backward(self, douts):
        self.dW, self.dU = np.zeros_like(self.W), np.zeros_like(self.U)
        dh, dxs = np.zeros_like(douts[0]), [None] * len(douts)
        for t in reversed(range(len(douts))):
            x, h = self.tape[t]
            da = (dh + douts[t]) * (1 - self.outputs[t] ** 2)
            self.dW += x.T @ da
            self.dU += h.T @ da
            dxs[t] = da @ self.W.T
            dh = da @ self.U.T
        return dxs, dh
"""
# the parts of a loss are returned one by one, and their sum is differentiated
PARTS = """import numpy as np
class Contractive:
    def __init__(self, d, k):
        self.W, self.b, self.lam = np.linspace(-1, 1, d * k).reshape(k, d), np.linspace(0.1, 0.5, k), 0.3
    def cost(self, X):
        h = np.tanh(X @ self.W.T + self.b)
        rec = 0.5 * np.sum((h @ self.W - X) ** 2) / len(X)
        return rec, self.lam * np.sum((1 - h ** 2) ** 2 * np.sum(self.W ** 2, axis=1)) / len(X)
    def gradients(self, X):
        h, n = np.tanh(X @ self.W.T + self.b), len(X)
        s, d = 1 - h ** 2, (h @ self.W - X) / n
        w = np.sum(self.W ** 2, axis=1)
        dh = d @ self.W.T - 4 * self.lam / n * s * h * w
        dz = dh * s
        dW = h.T @ d + dz.T @ X + 2 * self.lam / n * np.sum(s ** 2, axis=0)[:, None] * self.W
        return dW, dz.sum(axis=0)
"""
RIGHT = {
    "PARTS": PARTS,
    "SEQUENCE": SEQUENCE,
    "FLOW": FLOW,
    "RETURNED": RETURNED,
    "CELL": CELL, "NEIGHBOURS": NEIGHBOURS, "PULLS": PULLS,
    "TRIANGLE": TRIANGLE, "TOGETHER": TOGETHER, "SHAPES": SHAPES, "KEPT": KEPT, "STEPS": STEPS,
    "ORDER": ORDER, "WEIGHTS": WEIGHTS, "BLOCKS": BLOCKS,
}  # fmt: skip
WRONG = [
    (TRIANGLE, "np.tril(2 * dS @ L)", "np.tril(dS @ L)"),
    (TRIANGLE, "dm = -(c @ P)", "dm = (c @ P)"),
    (RETURNED, "np.tril(2 * dS @ L)", "np.tril(dS @ L)"),
    (TOGETHER, "dthrough @ V.T + daside[:, None]", "dthrough @ V.T"),
    (TOGETHER, "dx = dthrough + dz @ W.T", "dx = dz @ W.T"),
    (SHAPES, "axis=2) / (k * k)", "axis=2) / k"),
    (SHAPES, "(3 * x.reshape", "(2 * x.reshape"),
    (KEPT, "np.ones((n, 1)) * 2 * gap / n", "np.ones((n, 1)) * 2 * gap"),
    (KEPT, '(1 - kept["h"] ** 2)', '(1 - kept["h"])'),
    (STEPS, "(s + self.h * (1 - s))", "s * (1 - s)"),
    (ORDER, "return dx, dgamma, dbeta", "return dx, dbeta, dgamma"),
    (WEIGHTS, "d *= wi[:, None] / wi.sum()", "d *= wi[:, None] / n"),
    (CELL, "return dz @ W.T, dz @ U.T", "return dz @ W.T, dout @ U.T"),
    (NEIGHBOURS, "    gU[:-1] -= 0.4 * steps\n", ""),
    (NEIGHBOURS, "gU[:-1] -= 0.4", "gU[:-1] += 0.4"),
    (PULLS, "g + pulls[i](0.3 * g) + gpath[i]", "g + pulls[i](0.3 * g + gpath[i])"),
    (PULLS, "g + pulls[i](0.3 * g) + gpath[i]", "pulls[i](0.3 * g) + gpath[i]"),
    (BLOCKS, "        dxs[t] = dz @ W.T\n", "    dxs[t] = dz @ W.T\n"),
    (PARTS, "4 * self.lam / n * s * h * w", "2 * self.lam / n * s * h * w"),
    (PARTS, "h.T @ d + dz.T @ X +", "dz.T @ X +"),
    (SEQUENCE, "dxs[t] = da @ self.W.T", "dxs[t] = -da @ self.W.T"),
    (FLOW, "        self.ds += dlogdet.sum()\n", ""),
]


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_program_is_right(tmp_path, name):
    assert_right(tmp_path, RIGHT[name])


@pytest.mark.parametrize(("text", "before", "after"), WRONG)
def test_a_mistake_is_seen(tmp_path, text, before, after):
    assert is_told(tmp_path, text, before, after)


def test_of_a_triangle_the_rest_is_no_parameter_only_where_backward_says_so(tmp_path):
    said = checked(tmp_path, TRIANGLE.replace("np.tril(2 * dS @ L)", "2 * dS @ L"))
    assert said.verdict == "ok"  # every entry is right
    zeros = TRIANGLE.replace(
        "np.tril(2 * dS @ L)", "2 * dS @ L * np.array([[1, 0, 0], [1, 1, 0], [1, 1, 1]])"
    )
    assert checked(tmp_path, zeros).verdict == "wrong"


HALVED = BLOCKS.replace("x @ W +", "0.5 * x @ W +").replace(
    "dh0 = dh * 1.0", "dxs *= 0.5\n    dW *= 0.5\n    dh0 = dh"
)


@pytest.mark.parametrize(
    ("text", "before", "after", "more"),
    [
        (BLOCKS, "        dxs[t] = dz @ W.T\n", "    dxs[t] = dz @ W.T\n", "4 spaces more"),
        (HALVED, "    dxs *= 0.5\n", "        dxs *= 0.5\n", "4 spaces fewer"),
    ],
)
def test_a_line_is_moved_as_the_change_says(tmp_path, text, before, after, more):
    assert text.count(before) == 1
    path = tmp_path / "program.py"
    path.write_text(text.replace(before, after))
    said = file.check(path, seconds=20, reveal=True)
    (f,) = said.explanations[0].findings
    assert f"change : {more} before {before.strip()}" in str(said.explanations[0])
    lines = text.replace(before, after).splitlines(keepends=True)
    line = lines[f.line - 1]
    assert line[f.column : f.end_column] == f.before
    lines[f.line - 1] = line[: f.column] + f.after + line[f.end_column :]
    assert "".join(lines) == text
