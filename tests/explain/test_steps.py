"""Functions that update the parameters themselves: Adam, clipping, decay, losses made within or beside, new
parameters returned, weights in closures.
"""

import pytest

from minigen.explain import file

# the step of Adam says little: what counts is what `move` is given, and the loss is only kept
ADAM = """import numpy as np
class Mover:
    def __init__(self, rate=0.01):
        self.rate, self.m, self.v, self.t = rate, {}, {}, {}
    def move(self, name, w, slope):
        m = 0.9 * self.m.get(name, 0.0) + 0.1 * slope
        v = 0.999 * self.v.get(name, 0.0) + 0.001 * slope**2
        self.m[name], self.v[name], self.t[name] = m, v, self.t.get(name, 0) + 1
        k = self.t[name]
        w -= self.rate * (m / (1 - 0.9**k)) / (np.sqrt(v / (1 - 0.999**k)) + 1e-8)
class Coder:
    def __init__(self, n, k, mover):
        self.E, self.D = np.random.randn(n, k) / 3, np.random.randn(k, n) / 3
        self.mover, self.history = mover, []
    def advance(self, x):
        h = np.tanh(x @ self.E)
        off = h @ self.D - x
        self.history.append(0.5 * np.sum(off**2) / len(x))
        up = off / len(x)
        down = up @ self.D.T * (1 - h**2)
        self.mover.move("D", self.D, h.T @ up)
        self.mover.move("E", self.E, x.T @ down)
if __name__ == "__main__":
    np.random.seed(0)
    coder, x = Coder(6, 3, Mover()), np.random.randn(40, 6)
    for _ in range(50):
        coder.advance(x[np.random.choice(40, 12)])
    print(coder.history[-1])
"""
# up a likelihood that is another function, with a decay that it does not know
UP = """import numpy as np
class Gauss:
    def __init__(self, n, pace=0.05, fade=0.002):
        self.A, self.c = np.eye(n) + 0.1 * np.random.randn(n, n), np.zeros(n)
        self.pace, self.fade = pace, fade
    def log_density(self, x):
        z = x @ self.A + self.c
        return -0.5 * np.sum(z**2, axis=1) + np.linalg.slogdet(self.A)[1]
    def improve(self, x):
        z = x @ self.A + self.c
        out = z / len(x)
        self.A = (1 - self.pace * self.fade) * self.A - self.pace * (x.T @ out - np.linalg.inv(self.A).T)
        self.c = self.c - self.pace * out.sum(axis=0)
if __name__ == "__main__":
    np.random.seed(0)
    model = Gauss(3)
    data = np.random.randn(200, 3) @ np.random.randn(3, 3)
    for _ in range(30):
        model.improve(data[np.random.choice(200, 20)])
    print(model.log_density(data).mean())
"""
# the new parameters are returned
ANEW = """import numpy as np
def squash(a):
    return 1 / (1 + np.exp(-a))
def mean_error(x, t, W, b):
    return np.mean(np.sum((squash(x @ W + b) - t) ** 2, axis=1))
def moved(x, t, W, b, pace=0.3):
    p = squash(x @ W + b)
    a = 2 * (p - t) * p * (1 - p) / len(x)
    return W - pace * x.T @ a, b - pace * a.sum(axis=0)
if __name__ == "__main__":
    rng = np.random.default_rng(0)
    x, t = rng.normal(size=(30, 4)), rng.random((30, 2))
    W, b = rng.normal(size=(4, 2)), np.zeros(2)
    for _ in range(20):
        print(mean_error(x, t, W, b))
        W, b = moved(x, t, W, b)
"""
# weights that only closures share, a step that is clipped
CLOSED = """import numpy as np
def model(n, k, seed=0):
    rng = np.random.default_rng(seed)
    U, V = rng.normal(size=(n, k)), rng.normal(size=(k, 1))
    def change(which, by):
        long = np.sqrt((by**2).sum())
        which -= 0.05 * by * min(1.0, 0.5 / long)
    def learn(x, t):
        h = np.maximum(x @ U, 0)
        off = (h @ V)[:, 0] - t
        error = np.mean(off**2)
        d = 2 * off[:, None] / len(x)
        back = (d @ V.T) * (h > 0)
        change(V, h.T @ d)
        change(U, x.T @ back)
        return error
    def guess(x):
        return np.maximum(x @ U, 0) @ V
    return learn, guess
if __name__ == "__main__":
    rng = np.random.default_rng(1)
    learn, guess = model(5, 4)
    for _ in range(20):
        print(learn(rng.normal(size=(15, 5)), rng.normal(size=15)))
"""
# a batch is a list of pairs, and the cost is asked for the whole data
BATCH = """import numpy as np
class Net:
    def __init__(self, sizes):
        self.ws = [np.random.randn(m, n) / 2 for n, m in zip(sizes[:-1], sizes[1:])]
        self.bs = [np.random.randn(m, 1) for m in sizes[1:]]
    def out(self, a):
        for w, b in zip(self.ws, self.bs):
            a = np.tanh(w @ a + b)
        return a
    def one(self, x, y):
        acts = [x]
        for w, b in zip(self.ws, self.bs):
            acts.append(np.tanh(w @ acts[-1] + b))
        left = (acts[-1] - y) * (1 - acts[-1] ** 2)
        bs, ws = [left], [left @ acts[-2].T]
        for k in range(2, len(acts)):
            left = self.ws[-k + 1].T @ left * (1 - acts[-k] ** 2)
            bs.insert(0, left)
            ws.insert(0, left @ acts[-k - 1].T)
        return bs, ws
    def on_batch(self, batch, eta):
        bs, ws = [0 * b for b in self.bs], [0 * w for w in self.ws]
        for x, y in batch:
            more_b, more_w = self.one(x, y)
            bs = [b + m for b, m in zip(bs, more_b)]
            ws = [w + m for w, m in zip(ws, more_w)]
        self.ws = [w - eta / len(batch) * d for w, d in zip(self.ws, ws)]
        self.bs = [b - eta / len(batch) * d for b, d in zip(self.bs, bs)]
    def cost(self, data):
        return sum(0.5 * np.sum((self.out(x) - y) ** 2) for x, y in data) / len(data)
if __name__ == "__main__":
    np.random.seed(0)
    net = Net([4, 5, 3, 2])
    data = [(np.random.randn(4, 1), np.random.randn(2, 1)) for _ in range(40)]
    for k in range(0, 40, 8):
        net.on_batch(data[k : k + 8], 0.1)
        print(net.cost(data))
"""
# plain steps: what is taken is judged, not only what is computed
PLAIN = """import numpy as np
RATE = 0.1
class Line:
    def __init__(self, n, k):
        self.W, self.b = np.random.randn(n, k), np.zeros(k)
    def fit_batch(self, x, t):
        off = x @ self.W + self.b - t
        loss = 0.5 * np.sum(off**2) / len(x)
        dW, db = x.T @ off / len(x), off.sum(axis=0) / len(x)
        self.W -= RATE * (dW + 0.01 * self.W)
        self.b -= RATE * db
        return loss
if __name__ == "__main__":
    np.random.seed(0)
    line = Line(4, 2)
    for _ in range(20):
        print(line.fit_batch(np.random.randn(30, 4), np.random.randn(30, 2)))
"""
PROGRAMS = {
    "plain": (PLAIN, 2),
    "Adam": (ADAM, 2),
    "up": (UP, 2),
    "anew": (ANEW, 2),
    "closed": (CLOSED, 2),
    "batch": (BATCH, 6),
}
MISTAKES = [
    ("plain", "off.sum(axis=0) / len(x)", "off.sum(axis=0)"),
    ("Adam", "self.D.T * (1 - h**2)", "self.D.T * (1 - h)"),
    ("Adam", "self.D, h.T @ up)", "self.D, 2 * h.T @ up)"),
    ("up", "out = z / len(x)", "out = -z / len(x)"),
    ("anew", "a = 2 * (p - t) * p * (1 - p)", "a = 2 * (p - t) * (1 - p)"),
    ("closed", "* (h > 0)", ""),
    ("batch", "ws = [w + m for w, m in zip(ws, more_w)]", "ws = [m for w, m in zip(ws, more_w)]"),
    ("batch", "(1 - acts[-k] ** 2)", "(1 - acts[-k])"),
]


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_right_step_is_right_in_all_its_gradients(name, tmp_path):
    text, count = PROGRAMS[name]
    (tmp_path / "mine.py").write_text(text)
    said = file.check(tmp_path / "mine.py", seconds=0).to_dict()
    assert said["verdict"] == "ok", said["certain"]
    assert len(said["gradients"]) == count


@pytest.mark.parametrize(("name", "right", "wrong"), MISTAKES)
def test_a_mistake_in_a_step_is_found_at_its_line(name, right, wrong, tmp_path):
    text = PROGRAMS[name][0]
    assert text.count(right) == 1
    line = text[: text.index(right)].count("\n") + 1
    (tmp_path / "mine.py").write_text(text.replace(right, wrong))
    said = file.check(tmp_path / "mine.py", seconds=10).to_dict()
    assert said["verdict"] == "wrong"
    assert [f["line"] for f in said["findings"]] == [line]


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("self.b -= RATE * db", "self.b += RATE * db"),
        ("RATE * (dW + 0.01 * self.W)", "RATE * (dW.mean(axis=0) + 0 * dW)"),
    ],
)
def test_a_plain_step_that_is_taken_wrongly_is_wrong(right, wrong, tmp_path):
    """The gradients that it computes are right; what it does with them is not."""
    (tmp_path / "mine.py").write_text(PLAIN.replace(right, wrong))
    assert file.check(tmp_path / "mine.py", seconds=0).to_dict()["verdict"] == "wrong"
