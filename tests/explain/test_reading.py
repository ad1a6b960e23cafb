"""Files that no name explains: what their own code calls tells which functions belong together."""

import pytest

from minigen.explain import file

FOREIGN = """import numpy as np
class Netz:
    def __init__(self, n, k):
        self.gewicht = np.random.randn(n, k)
        self.schwelle = np.zeros(k)
    def vorwaerts(self, x):
        self.x, self.a = x, np.tanh(x @ self.gewicht + self.schwelle)
        return self.a
    def abstand(self, x, ziel):
        self.rest = self.vorwaerts(x) - ziel
        return 0.5 * np.sum(self.rest**2) / len(x)
    def rueckwaerts(self):
        d = self.rest / len(self.x) * (1 - self.a**2)
        return self.x.T @ d, d.sum(0)
if __name__ == "__main__":
    netz, x, ziel = Netz(4, 3), np.random.randn(40, 4), np.random.randn(40, 3)
    for _ in range(50):
        netz.abstand(x, ziel)
        for p, g in zip((netz.gewicht, netz.schwelle), netz.rueckwaerts()):
            p -= 0.1 * g
"""
NO_LOSS = """import numpy as np
def forward_prop(W1, b1, W2, b2, X):
    Z1 = W1 @ X + b1
    A1 = np.maximum(Z1, 0)
    E = np.exp(W2 @ A1 + b2)
    A2 = E / E.sum(0)
    return Z1, A1, A2
def backward_prop(Z1, A1, A2, W2, X, Y):
    n = Y.size
    dZ2 = A2.copy()
    dZ2[Y, np.arange(n)] -= 1
    dW2 = dZ2 @ A1.T / n
    db2 = dZ2.sum(1, keepdims=True) / n
    dZ1 = W2.T @ dZ2 * (Z1 > 0)
    return dZ1 @ X.T / n, dZ1.sum(1, keepdims=True) / n, dW2, db2
def descend(X, Y, rate, steps):
    W1, b1 = np.random.randn(6, len(X)), np.random.randn(6, 1)
    W2, b2 = np.random.randn(3, 6), np.random.randn(3, 1)
    for _ in range(steps):
        Z1, A1, A2 = forward_prop(W1, b1, W2, b2, X)
        dW1, db1, dW2, db2 = backward_prop(Z1, A1, A2, W2, X, Y)
        W1, b1, W2, b2 = W1 - rate * dW1, b1 - rate * db1, W2 - rate * dW2, b2 - rate * db2
    return W1, b1, W2, b2
weights = descend(np.random.randn(5, 60), np.random.randint(0, 3, 60), 0.1, 20)
"""
BESIDE = """import numpy as np
def squash(z):
    return 1 / (1 + np.exp(-z))
def entropy_cost(a, y):
    return -np.sum(y * np.log(a) + (1 - y) * np.log(1 - a))
class Network:
    def __init__(self, sizes):
        self.sizes = sizes
        self.biases = [np.random.randn(n, 1) for n in sizes[1:]]
        self.weights = [np.random.randn(n, m) for m, n in zip(sizes, sizes[1:])]
    def feedforward(self, a):
        for b, w in zip(self.biases, self.weights):
            a = squash(w @ a + b)
        return a
    def backprop(self, x, y):
        acts = [x]
        for b, w in zip(self.biases, self.weights):
            acts.append(squash(w @ acts[-1] + b))
        nabla_b, nabla_w = [None] * len(self.biases), [None] * len(self.weights)
        delta = acts[-1] - y
        for k in reversed(range(len(self.weights))):
            nabla_b[k], nabla_w[k] = delta, delta @ acts[k].T
            delta = self.weights[k].T @ delta * acts[k] * (1 - acts[k])
        return nabla_b, nabla_w
    def learn(self, data, rate):
        for x, y in data:
            nabla_b, nabla_w = self.backprop(x, y)
            self.weights = [w - rate * g for w, g in zip(self.weights, nabla_w)]
            self.biases = [b - rate * g for b, g in zip(self.biases, nabla_b)]
        return sum(entropy_cost(self.feedforward(x), y) for x, y in data)
if __name__ == "__main__":
    net = Network([3, 5, 2])
    net.learn([(np.random.randn(3, 1), np.random.rand(2, 1)) for _ in range(20)], 0.1)
"""
ROWS = """import numpy as np
class Factors:
    reg = 0.1
    def __init__(self, users, items, k):
        self.P, self.Q, self.bias = np.random.randn(users, k), np.random.randn(items, k), np.zeros(users)
    def rating(self, u, i):
        return self.bias[u] + self.P[u] @ self.Q[i]
    def objective(self, u, i, r):
        return 0.5 * (self.rating(u, i) - r) ** 2 + 0.5 * self.reg * (self.P[u] @ self.P[u])
    def gradients(self, u, i, r):
        e = self.rating(u, i) - r
        yield e * self.Q[i] + self.reg * self.P[u]
        yield e * self.P[u]
        yield e
    def fit(self, ratings):
        for u, i, r in ratings:
            gp, gq, gb = self.gradients(u, i, r)
            self.P[u] -= 0.01 * gp
            self.Q[i] -= 0.01 * gq
            self.bias[u] -= 0.01 * gb
        return self.objective(*ratings[0])
if __name__ == "__main__":
    Factors(8, 9, 4).fit([(u, i, float(u - i)) for u in range(8) for i in range(9)])
"""
NAMESPACE = """import numpy as np
class Model:
    W = np.random.RandomState(0).randn(5, 3)
    c = np.zeros(3)
    @classmethod
    def loss(cls, x, t):
        cls.x, cls.r = x, np.tanh(x @ cls.W + cls.c) - t
        cls.h = cls.r + t
        return 0.5 * np.sum(cls.r**2)
    @classmethod
    def loss_grad(cls):
        d = cls.r * (1 - cls.h**2)
        return {"W": cls.x.T @ d, "c": d.sum(0)}
if __name__ == "__main__":
    x, t = np.random.randn(30, 5), np.random.randn(30, 3)
    for _ in range(10):
        Model.loss(x, t)
        for name, g in Model.loss_grad().items():
            setattr(Model, name, getattr(Model, name) - 0.01 * g)
"""
VIEWS = """import numpy as np
class Params:
    def __init__(self, n, k):
        self.flat = np.zeros(n * k + k)
        self.W = self.flat[: n * k].reshape(n, k)
        self.b = self.flat[n * k :]
def energy(p, x):
    h = np.tanh(x @ p.W + p.b)
    return np.sum(h**2), h
def energy_grad(p, x, h):
    g = Params(*p.W.shape)
    d = 2 * h * (1 - h**2)
    g.W[:] = x.T @ d
    g.b[:] = d.sum(0)
    return g.flat
if __name__ == "__main__":
    p, x = Params(4, 3), np.random.randn(9, 4)
    p.flat[:] = np.random.randn(p.flat.size)
    for _ in range(5):
        value, h = energy(p, x)
        p.flat -= 0.01 * energy_grad(p, x, h)
"""
STATES = """import numpy as np
def unroll(W, U, xs, h0):
    hs = [h0]
    for x in xs:
        hs.append(np.tanh(x @ W + hs[-1] @ U))
    return hs
def unroll_back(W, U, xs, hs, gs):
    gW, gU, carry = np.zeros_like(W), np.zeros_like(U), np.zeros_like(hs[0])
    for t in reversed(range(len(xs))):
        da = (gs[t] + carry) * (1 - hs[t + 1] ** 2)
        gW += xs[t].T @ da
        gU += hs[t].T @ da
        carry = da @ U.T
    return gW, gU, carry
def inputs(rng):
    m = lambda *s: rng.normal(size=s)
    return dict(W=m(3, 4), U=m(4, 4), xs=m(5, 2, 3), h0=m(2, 4))
"""
MISFIT = """import numpy as np
class Stride:
    def __init__(self, n_in, n_out, width):
        self.W, self.width = np.random.randn(n_out, n_in, width), width
        self.dW = np.zeros_like(self.W)
    def forward(self, A):
        self.A = A
        steps = range(A.shape[2] - self.width + 1)
        cut = [np.tensordot(A[:, :, i : i + self.width], self.W, ([1, 2], [1, 2])) for i in steps]
        return np.stack(cut, axis=2)
    def backward(self, dZ):
        dA = np.zeros_like(self.A)
        self.dW = np.zeros_like(self.W)
        for i in range(dZ.shape[2]):
            self.dW += np.tensordot(dZ[:, :, i], self.A[:, :, i : i + self.width], (0, 0))
            dA[:, :, i : i + self.width] += np.tensordot(dZ[:, :, i], self.W, (1, 0))
        return dA
def inputs(rng):
    return (rng.standard_normal((2, 3, 11)),)
if __name__ == "__main__":
    layer = Stride(3, 4, 3)
    layer.backward(np.ones_like(layer.forward(*inputs(np.random.default_rng(0)))))
"""
SETTER = """import numpy as np
class Softmax:
    def set_target(self, labels):
        self.labels = labels
    def forward(self, scores):
        e = np.exp(scores - scores.max(1, keepdims=True))
        self.p = e / e.sum(1, keepdims=True)
        return -np.log(self.p[np.arange(len(scores)), self.labels]).mean()
    def backward(self):
        g = self.p.copy()
        g[np.arange(len(g)), self.labels] -= 1
        return g / len(g)
"""
OPTIMIZER = """import numpy as np
class Descent:
    def __init__(self, rate=0.1):
        self.rate = rate
    def change(self, w, g):
        return w - self.rate * g
class Layer:
    def __init__(self, units, input_shape=None):
        self.units, self.input_shape = units, input_shape
    def initialize(self, optimizer):
        self.W, self.b = np.random.randn(self.input_shape[0], self.units), np.zeros((1, self.units))
        self.opt = optimizer
    def forward_pass(self, X):
        self.X = X
        return X @ self.W + self.b
    def backward_pass(self, grad):
        W = self.W
        self.W = self.opt.change(self.W, self.X.T @ grad)
        self.b = self.opt.change(self.b, grad.sum(0, keepdims=True))
        return grad @ W.T
"""
SHAPE = """import numpy as np
class Upsample:
    def __init__(self, shape):
        self.shape = shape
        self.scale = np.random.randn(shape[2])
    def forward(self, x):
        self.x = x
        return (x * self.scale).repeat(2, axis=0)
    def backward(self, g):
        g = g.reshape(self.shape[0], 2, self.shape[1], self.shape[2]).sum(1)
        self.dscale = (g * self.x).sum((0, 1))
        return g * self.scale
"""
AXES = """import numpy as np
def correlate(image, kernels):
    k, n = kernels.shape[2], image.shape[1] - kernels.shape[2] + 1
    out = np.zeros((len(kernels), n, n))
    for i in range(n):
        for j in range(n):
            for f in range(len(kernels)):
                out[f, i, j] = (kernels[f] * image[:, i : i + k, j : j + k]).sum()
    return out
def correlateBackward(dout, image, kernels):
    k, dimage, dkernels = kernels.shape[2], np.zeros_like(image), np.zeros_like(kernels)
    for f in range(len(kernels)):
        for i in range(dout.shape[1]):
            for j in range(dout.shape[2]):
                dkernels[f] += dout[f, i, j] * image[:, i : i + k, j : j + k]
                dimage[:, i : i + k, j : j + k] += dout[f, i, j] * kernels[f]
    return dimage, dkernels
"""
SHARED = """import numpy as np
class Affine:
    def __init__(self, W, b):
        self.W, self.b = W, b
    def forward(self, x):
        self.x = x
        return x @ self.W + self.b
    def backward(self, d):
        self.dW, self.db = self.x.T @ d, d.sum(0)
        return d @ self.W.T
class Net:
    def __init__(self):
        p = self.params = {"W1": np.random.randn(4, 6), "b1": np.zeros(6), "b2": np.zeros(2)}
        p["W2"] = np.random.randn(6, 2)
        self.layers = {"a": Affine(p["W1"], p["b1"]), "b": Affine(p["W2"], p["b2"])}
    def loss(self, x, t):
        self.h = np.tanh(self.layers["a"].forward(x))
        self.r = self.layers["b"].forward(self.h) - t
        return 0.5 * np.sum(self.r**2)
    def gradient(self, x, t):
        self.loss(x, t)
        self.layers["a"].backward(self.layers["b"].backward(self.r) * (1 - self.h**2))
        a, b = self.layers["a"], self.layers["b"]
        return {"W1": a.dW, "b1": a.db, "W2": b.dW, "b2": b.db}
if __name__ == "__main__":
    net, x, t = Net(), np.random.randn(30, 4), np.random.randn(30, 2)
    for _ in range(10):
        for name, g in net.gradient(x, t).items():
            net.params[name] -= 0.01 * g
"""
PLAYERS = """import numpy as np
class Player:
    def __init__(self, n, k):
        self.variables = {"U": np.random.randn(n, 6), "c": np.random.randn(6), "V": np.random.randn(6, k)}
        self.m = {name: np.zeros_like(v) for name, v in self.variables.items()}
    def run(self, x):
        v = self.variables
        h = np.tanh(x @ v["U"] + v["c"])
        return h @ v["V"], (x, h)
    def pull(self, record, d):
        x, h = record
        da = d @ self.variables["V"].T * (1 - h**2)
        return da @ self.variables["U"].T, {"U": x.T @ da, "c": da.sum(0), "V": h.T @ d}
    def objective(self, opponent, z):
        fake, mine = self.run(z)
        out, theirs = opponent.run(fake)
        below, _ = opponent.pull(theirs, (out - 1) / len(out))
        return 0.5 * np.mean((out - 1) ** 2), self.pull(mine, below)[1]
    def move(self, opponent, z):
        loss, grads = self.objective(opponent, z)
        for name, g in grads.items():
            self.m[name] = 0.9 * self.m[name] + 0.1 * g**2
            self.variables[name] = self.variables[name] - 0.1 * g / np.sqrt(self.m[name] + 1e-6)
        return loss
if __name__ == "__main__":
    G, D = Player(3, 2), Player(2, 1)
    for _ in range(5):
        G.move(D, np.random.randn(40, 3))
"""
CLOSURE = """import numpy as np
def problem(X, k):
    S = X.T @ X / len(X)
    def f(w):
        W = w.reshape(S.shape[0], k)
        return 0.5 * np.sum(W * (S @ W)) + 0.25 * np.sum((W.T @ W) ** 2)
    def g(w):
        W = w.reshape(S.shape[0], k)
        return (S @ W + W @ W.T @ W).ravel()
    return f, g
if __name__ == "__main__":
    f, g = problem(np.random.randn(50, 5), 2)
    w = np.random.randn(10)
    for _ in range(5):
        w = w - 0.1 * g(w)
    print(f(w))
"""
NOTEBOOK = """import numpy as np
pesos = np.random.RandomState(1).randn(6, 2)
datos = np.random.RandomState(2).randn(80, 6)
def perdida(x, pesos):
    return np.mean(np.sum((x @ pesos @ pesos.T - x) ** 2, axis=1))
def atras(x, pesos):
    codigo = x @ pesos
    d = 2 * (codigo @ pesos.T - x) / len(x)
    return x.T @ (d @ pesos) + d.T @ codigo
for paso in range(300):
    pesos = pesos - 0.01 * atras(datos, pesos)
    print(perdida(datos, pesos))
"""
PROGRAMS = {
    "foreign": (FOREIGN, 2, "(1 - self.a**2)", "(1 - self.a)"),
    "no loss": (NO_LOSS, 4, "dZ1 @ X.T / n", "dZ1 @ X.T"),
    "beside": (BESIDE, 4, "acts[k] * (1 - acts[k])", "acts[k]"),
    "rows": (ROWS, 3, "e * self.P[u]\n", "e * self.Q[i]\n"),
    "namespace": (NAMESPACE, 2, "(1 - cls.h**2)", "(1 - cls.h)"),
    "views": (VIEWS, 1, "2 * h * (1", "h * (1"),
    "states": (STATES, 3, "carry = da @ U.T", "carry = da @ U"),
    "misfit": (MISFIT, 2, "dA[:, :, i : i + self.width] +=", "dA[:, :, i : i + self.width] ="),
    "setter": (SETTER, 1, "return g / len(g)", "return g"),
    "optimizer": (OPTIMIZER, 3, "grad.sum(0, keepdims=True)", "grad.mean(0, keepdims=True)"),
    "shape": (SHAPE, 2, "(g * self.x).sum((0, 1))", "g.sum((0, 1))"),
    "axes": (AXES, 2, "dkernels[f] +=", "dkernels[f] ="),
    "shared": (SHARED, 4, "* (1 - self.h**2))", "* (1 - self.h))"),
    "players": (PLAYERS, 3, "(out - 1) / len(out))", "out - 1)"),
    "closure": (CLOSURE, 1, "W @ W.T @ W).ravel", "W @ W.T @ W / 2).ravel"),
    "notebook": (NOTEBOOK, 1, "+ d.T @ codigo", ""),
}


def check(tmp_path, text, **options):
    path = tmp_path / "mine.py"
    path.write_text(text, encoding="utf-8")
    return file.check(path, **options).to_dict()


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_right_program_is_judged_whole(name, tmp_path):
    text, count, *_ = PROGRAMS[name]
    said = check(tmp_path, text, seconds=0)
    assert said["verdict"] == "ok", said["certain"]
    assert len(said["gradients"]) == count


@pytest.mark.parametrize("name", PROGRAMS)
def test_its_mistake_is_found_at_its_line(name, tmp_path):
    text, _, right, wrong = PROGRAMS[name]
    assert text.count(right) == 1
    said = check(tmp_path, text.replace(right, wrong), seconds=20)
    assert said["verdict"] == "wrong"
    assert said["findings"] and said["findings"][0]["line"] == text[: text.index(right)].count("\n") + 1


def test_a_loss_that_is_not_there_is_told(tmp_path):
    said = check(tmp_path, NO_LOSS, seconds=0)
    assert any("has no loss" in note and "cross-entropy" in note for note in said["notes"])


ONE_ENTRY = """import numpy as np
class Softmax:
    def forward(self, z):
        self.p = np.exp(z) / np.exp(z).sum()
        return self.p
    def backward(self, g):
        for i, one in enumerate(g):
            if one != 0:
                return one * self.p[i] * ((np.arange(len(g)) == i) - self.p)
def inputs(rng):
    return dict(layer=Softmax(), z=rng.normal(size=6))
"""


def test_a_backward_for_one_entry_of_g_is_not_called_wrong(tmp_path):
    said = check(tmp_path, ONE_ENTRY, seconds=2)
    assert said["verdict"] == "inconclusive" and "one entry" in said["certain"][0]
    wrong = check(tmp_path, ONE_ENTRY.replace("- self.p)", "- 2 * self.p)"), seconds=0)
    assert wrong["verdict"] == "wrong"


MEANS = """import numpy as np
class Layer:
    def __init__(self, n, k):
        self.W, self.b = np.random.randn(k, n), np.zeros((k, 1))
    def forward(self, X):
        self.X = X
        return self.W @ X + self.b
    def backward(self, dZ):
        self.dW = dZ @ self.X.T / dZ.shape[1]
        self.db = dZ.sum(1, keepdims=True) / dZ.shape[1]
        return self.W.T @ dZ
"""


def test_a_sum_beside_a_mean_over_examples_is_wrong(tmp_path):
    text = MEANS.replace("keepdims=True) / dZ.shape[1]", "keepdims=True)")
    assert check(tmp_path, text, seconds=0)["verdict"] == "wrong"


def test_what_stopped_the_call_is_told_with_its_line(tmp_path):
    text = "def forward(x):\n    return x.table[3]\ndef backward(g, x):\n    return 2 * g\n"
    said = check(tmp_path, text, seconds=0)
    assert said["verdict"] == "error"
    assert "forward: AttributeError in line 2" in said["certain"][0]


WRITES = """import numpy as np
class Layer:
    def __init__(self, n, k):
        self.W = np.random.randn(n, k)
        try:
            open("x.txt", "w")
        except Exception:
            pass
    def forward(self, x):
        self.x = x
        return x @ self.W
    def backward(self, g):
        self.dW = self.x.T @ g
        return g @ self.W.T
"""


def test_what_a_program_would_change_is_told_with_its_line_though_it_goes_on(tmp_path):
    said = check(tmp_path, WRITES, seconds=0)
    assert said["verdict"] == "ok" and any("line 6 opens a file" in note for note in said["notes"])
    assert [p.name for p in tmp_path.iterdir()] == ["mine.py"]


def test_a_program_that_writes_when_an_object_is_made_is_refused_with_its_line(tmp_path):
    text = WRITES.replace("        try:\n            open", "        if n:\n            os.mkdir").replace(
        "        except Exception:\n            pass\n", ""
    )
    said = check(tmp_path, "import os\n" + text.replace(', "w")', ")"), seconds=0)
    assert said["verdict"] == "error" and "line 7" in said["certain"][0] and "not let" in said["certain"][0]


GRAD_NAMES = """import numpy as np
class Gate:
    def __init__(self, n):
        self.A, self.a, self.G, self.g = np.random.randn(n, n), np.zeros(n), np.random.randn(n, n), np.ones(n)
    def forward(self, x):
        self.x, self.h = x, np.tanh(x @ self.A + self.a)
        self.t = 1 / (1 + np.exp(-(x @ self.G + self.g)))
        return self.t * self.h
    def backward(self, grad):
        deltaH = grad * self.t * (1 - self.h**2)
        deltaT = grad * self.h * self.t * (1 - self.t)
        self.gradA, self.grada = self.x.T @ deltaH, deltaH.sum(0)
        self.gradG, self.gradg = self.x.T @ deltaT, deltaT.sum(0)
        back = deltaH @ self.A.T
        back = back + deltaT @ self.G.T
        return back
def inputs(rng):
    return {"gate": Gate(4), "x": rng.normal(size=(6, 4))}
"""


@pytest.mark.parametrize(
    ("right", "wrong", "compared"),
    [("", "", 5), ("* self.t * (1 - self.t)", "* self.t", 5), ("deltaT @ self.G.T", "deltaT @ self.A.T", 5)],
)
def test_no_gradient_is_left_out_for_its_name(right, wrong, compared, tmp_path):
    said = check(tmp_path, GRAD_NAMES.replace(right, wrong), seconds=0)
    assert said["verdict"] == ("wrong" if right else "ok")
    assert len(said["gradients"]) == compared


CHAIN = """import numpy as np
class Lage:
    def __init__(self, n, k):
        self.W = np.random.randn(n, k)
    def forward(self, x):
        self.x, self.a = x, np.tanh(x @ self.W)
        return self.a
    def backward(self, d):
        d = d * (1 - self.a**2)
        weiter = d @ self.W.T
        self.W -= 0.1 * self.x.T @ d
        return weiter
class Netz:
    def __init__(self):
        self.eins, self.zwei = Lage(4, 3), Lage(3, 2)
    def forward(self, x):
        return self.zwei.forward(self.eins.forward(x))
    def verlust(self, x, ziel):
        return 0.5 * np.sum((self.forward(x) - ziel) ** 2) / len(x)
    def lerne(self, x, ziel):
        d = (self.forward(x) - ziel) / len(x)
        d = self.zwei.backward(d)
        self.eins.backward(d)
if __name__ == "__main__":
    netz, x, ziel = Netz(), np.random.randn(40, 4), np.random.randn(40, 2)
    for _ in range(30):
        netz.lerne(x, ziel)
        print(netz.verlust(x, ziel))
"""
COOLED = """import numpy as np
def forward(z, W, heat):
    e = np.exp(z @ W / heat)
    p = e / e.sum(axis=1, keepdims=True)
    return np.sum(p**2), (z, W, heat, p)
def backward(cache):
    z, W, heat, p = cache
    dp = 2 * p
    da = p * (dp - (dp * p).sum(axis=1, keepdims=True)) / heat
    return da @ W.T, z.T @ da
if __name__ == "__main__":
    z, W = np.random.randn(40, 4), np.random.randn(4, 3)
    for step in range(30):
        loss, cache = forward(z, W, max(0.5, float(np.exp(-0.01 * step))))
        dz, dW = backward(cache)
        W -= 0.1 * dW
"""
STACK = """import numpy as np
def loss(theta, x):
    for W in theta.reshape(-1, 2, 2):
        x = np.tanh(x @ W)
    return 0.5 * np.sum(x**2)
def gradient(theta, x):
    xs, layers = [x], theta.reshape(-1, 2, 2)
    for W in layers:
        xs.append(np.tanh(xs[-1] @ W))
    d, found = xs[-1], []
    for k in reversed(range(len(layers))):
        d = d * (1 - xs[k + 1] ** 2)
        found.insert(0, xs[k].T @ d)
        d = d @ layers[k].T
    return np.concatenate([g.ravel() for g in found])
if __name__ == "__main__":
    theta, x = np.random.randn(16), np.random.randn(30, 2)
    for _ in range(30):
        theta -= 0.1 * gradient(theta, x)
        print(loss(theta, x))
"""


def test_a_step_that_gives_layers_a_gradient_of_its_own_is_not_passed_over(tmp_path):
    wrong = CHAIN.replace("(self.forward(x) - ziel) / len(x)", "(self.forward(x) - ziel) ** 2")
    said = check(tmp_path, wrong, seconds=0)
    assert said["verdict"] == "wrong"
    assert [g["name"].rpartition(".")[2] for g in said["gradients"]] == ["W", "W"]


def test_a_setting_that_begins_at_one_hides_nothing(tmp_path):
    assert check(tmp_path, COOLED, seconds=0)["verdict"] == "ok"
    assert (
        check(tmp_path, COOLED.replace(" / heat\n    return da", "\n    return da"), seconds=0)["verdict"]
        == "wrong"
    )


def test_a_flat_vector_of_several_layers_keeps_its_length(tmp_path):
    """With the first layer alone nothing is handed down."""
    assert check(tmp_path, STACK, seconds=0)["verdict"] == "ok"
    assert check(tmp_path, STACK.replace("d @ layers[k].T", "d @ layers[k]"), seconds=0)["verdict"] == "wrong"
