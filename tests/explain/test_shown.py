"""What the code under `if __name__ == "__main__":` hands to its functions tells what inputs are meant."""

import re

import pytest

from minigen.explain import file, load, shown

# the gradient is right for labels of -1 and 1 alone
SIGNS = """
import numpy as np

class Ranker:
    def __init__(self, n, rate=0.1):
        self.w = np.random.randn(n) * 0.3
        self.c = 0.1
        self.rate = rate

    def loss(self, rows, answers):
        self.rows = rows
        self.margin = answers * (rows @ self.w + self.c)
        return np.mean(np.logaddexp(0, -self.margin))

    def backward(self, answers):
        away = -answers / (1 + np.exp(self.margin)) * answers ** 2 / len(answers)
        self.dw = self.rows.T @ away
        self.dc = away.sum()

if __name__ == "__main__":
    np.random.seed(1)
    rows = np.random.randn(60, 13)
    answers = np.where(rows[:, 0] > 0, 1, -1)
    model = Ranker(13)
    for epoch in range(10**9):
        model.loss(rows, answers)
        model.backward(answers)
        model.w -= model.rate * model.dw
        print(epoch)
"""
# three axes, which no name tells
SEQUENCES = """
import numpy as np

def mix_fwd(signal, gate, out):
    hidden = np.tanh(np.einsum("btc,cd->btd", signal, gate))
    return np.einsum("btd,de->bte", hidden, out), (signal, hidden, gate, out)

def mix_bwd(dy, cache):
    signal, hidden, gate, out = cache
    dout = np.einsum("btd,bte->de", hidden, dy)
    dpre = np.einsum("bte,de->btd", dy, out) * (1 - hidden ** 2)
    return np.einsum("btd,cd->btc", dpre, gate), np.einsum("btc,btd->cd", signal, dpre), dout

def train(steps):
    rng = np.random.default_rng(0)
    signal, gate, out = rng.normal(size=(20, 12, 6)), rng.normal(size=(6, 4)), rng.normal(size=(4, 3))
    for _ in range(steps):
        y, cache = mix_fwd(signal, gate, out)
        gate -= 0.1 * mix_bwd(y / y.size, cache)[1]

if __name__ == "__main__":
    train(1000)
"""
# a method for each player that takes a step down a loss of the same arguments
PLAYERS = """
import numpy as np

class Line:
    def __init__(self, n, m):
        self.W, self.b = np.random.randn(n, m), np.random.randn(m)

    def forward(self, x):
        self.x = x
        return np.sin(x @ self.W + self.b)

    def step(self, dy, rate, move=True):
        d = dy * np.cos(self.x @ self.W + self.b)
        dx = d @ self.W.T
        if move:
            self.W -= rate * self.x.T @ d
            self.b -= rate * d.sum(0)
        return dx

class Pair:
    def __init__(self, n, m, rate=0.01):
        self.maker, self.judge, self.rate = Line(n, m), Line(m, 1), rate

    def judge_loss(self, real, made):
        return self.judge.forward(made).mean() - self.judge.forward(real).mean()

    def maker_loss(self, noise):
        return -self.judge.forward(self.maker.forward(noise)).mean()

    def train_judge(self, real, made):
        self.judge.forward(np.concatenate([made, real]))
        up, down = np.full((len(made), 1), 1 / len(made)), np.full((len(real), 1), -1 / len(real))
        self.judge.step(np.concatenate([up, down]), self.rate)

    def train_maker(self, noise):
        score = self.judge.forward(self.maker.forward(noise))
        self.maker.step(self.judge.step(-np.ones_like(score) / score.size, self.rate, move=False), self.rate)

if __name__ == "__main__":
    game = Pair(2, 3)
    for _ in range(100):
        game.train_judge(np.random.randn(32, 3), game.maker.forward(np.random.randn(24, 2)))
        game.train_maker(np.random.randn(24, 2))
"""
# nothing is returned, and the output is kept two objects below
KEPT_BELOW = """
import numpy as np

class Squares:
    def forward(self, guess, y):
        self.output = np.mean((guess - y) ** 2)

    def backward(self, guess, y):
        self.dinputs = 2 * (guess - y) / y.size

class Dense:
    def __init__(self, n, m):
        self.weights = np.random.randn(n, m)

    def forward(self, inputs):
        self.inputs = inputs
        self.output = inputs @ self.weights

    def backward(self, dvalues):
        self.dweights = self.inputs.T @ dvalues

class Model:
    def __init__(self, n, m):
        self.dense, self.loss = Dense(n, m), Squares()

    def forward(self, x, y):
        self.dense.forward(x)
        self.loss.forward(self.dense.output, y)

    def backward(self, y):
        self.loss.backward(self.dense.output, y)
        self.dense.backward(self.loss.dinputs)

if __name__ == "__main__":
    m = Model(4, 3)
    m.forward(np.random.randn(30, 4), np.random.randn(30, 3))
    m.backward(np.zeros((30, 3)))
"""
# inputs gives a network with its data, and the labels of a loss of their own
NETWORK = """
import numpy as np

class Layer:
    def __init__(self, n, m, rng):
        self.w = rng.normal(size=(n, m))

    def forward(self, x):
        self.x = x
        return np.tanh(x @ self.w)

    def backward(self, g):
        g = g * (1 - np.tanh(self.x @ self.w) ** 2)
        self.gw = self.x.T @ g
        return g @ self.w.T

class Net:
    def __init__(self, rng):
        self.layers = [Layer(4, 6, rng), Layer(6, 3, rng)]

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, g):
        for layer in self.layers[::-1]:
            g = layer.backward(g)
        return g

def absolute(pred, y):
    return np.abs(pred - y).mean()

def absolute_grad(pred, y):
    return np.sign(pred - y) / y.size

def inputs(rng):
    return Net(rng), rng.normal(size=(5, 4)), rng.normal(size=(5, 3))
"""
# three functions take three arguments; what inputs gives is for the one that calls the others
OUTERMOST = """
import numpy as np

def scale_forward(x, a, b):
    return x * a + b, (x, a)

def scale_backward(dout, cache):
    x, a = cache
    return dout * a, (dout * x).sum(0), dout.sum(0)

def block_forward(x, a, b):
    y, cache = scale_forward(x, a, b)
    return np.tanh(y.reshape(len(x), 2, -1)).sum(2), (y, cache)

def block_backward(dout, cache):
    y, cache = cache
    dy = (1 - np.tanh(y) ** 2).reshape(len(y), 2, -1) * dout[:, :, None]
    return scale_backward(dy.reshape(y.shape), cache)

def inputs(rng):
    return rng.normal(size=(5, 6)), rng.normal(size=6), rng.normal(size=6)
"""
# backward asks for a number that forward does not have, and gives the gradient of a loss of its own
SETTING = """
import numpy as np

def run_net(X, params):
    H = np.tanh(params["W1"] @ X)
    return params["W2"] @ H, {"X": X, "H": H}

def net_cost(out, Y, params, strength):
    m = Y.shape[1]
    return 0.5 * np.sum((out - Y) ** 2) / m + 0.5 * strength * np.sum(params["W1"] ** 2) / m

def run_net_backward(Y, out, cache, params, strength):
    m = Y.shape[1]
    d = (out - Y) / m
    back = params["W2"].T @ d * (1 - cache["H"] ** 2)
    return {"dW2": d @ cache["H"].T, "dW1": back @ cache["X"].T + strength * params["W1"] / m}

if __name__ == "__main__":
    rng = np.random.RandomState(0)
    X, Y = rng.randn(3, 80), rng.randn(2, 80)
    params = {"W1": rng.randn(7, 3), "W2": rng.randn(2, 7)}
    for _ in range(100):
        out, cache = run_net(X, params)
        grads = run_net_backward(Y, out, cache, params, 0.4)
        net_cost(out, Y, params, 0.4)
        for k in params:
            params[k] -= 0.1 * grads["d" + k]
"""
FLAT_LAYERS = """
import numpy as np
def unrolled(theta, v, h):
    return theta[: h * v].reshape(h, v), theta[h * v : 2 * h * v].reshape(v, h)
def sparseCost(theta, v, h, data):
    W1, W2 = unrolled(theta, v, h)
    return np.sum((W2 @ np.tanh(W1 @ data) - data) ** 2) / (2 * data.shape[1])
def sparseGrad(theta, v, h, data):
    W1, W2 = unrolled(theta, v, h)
    a = np.tanh(W1 @ data)
    delta2 = (W2 @ a - data) / data.shape[1]
    delta1 = W2.T @ delta2 * (1 - a**2)
    return np.concatenate([(delta1 @ data.T).ravel(), (delta2 @ a.T).ravel()])
def train():
    v, h, data = 12, 5, np.random.randn(12, 40)
    theta = 0.3 * np.random.randn(2 * v * h)
    for _ in range(20):
        theta = theta - 0.05 * sparseGrad(theta, v, h, data)
    return sparseCost(theta, v, h, data)
if __name__ == "__main__":
    train()
"""
RIGHT = {
    "flat layers": (FLAT_LAYERS, 1),  # with smaller layers, theta would be too long and its gradient short
    "labels below": (re.sub(r"\by\b", "onehot", KEPT_BELOW), 1),
    "setting": (SETTING, 2),
    "signs": (SIGNS, 2),
    "sequences": (SEQUENCES, 3),
    "players": (PLAYERS, 4),
    "kept below": (KEPT_BELOW, 1),
    "network": (NETWORK, 3),
    "outermost": (OUTERMOST, 3),
}
WRONG = {
    "flat layers": ("* (1 - a**2)", "* (1 - a)"),
    "labels below": ("2 * (guess - onehot)", "(guess - onehot)"),
    "setting": ('strength * params["W1"] / m}', 'strength * params["W1"]}'),
    "signs": ("away = -answers / ", "away = answers / "),
    "sequences": ("dout = np.einsum(", "dout = 2 * np.einsum("),
    "players": ("-1 / len(real)", "1 / len(real)"),
    "kept below": ("2 * (guess - y)", "(guess - y)"),
    "network": ("g = g * (1 - np.tanh", "g = g * (1 + np.tanh"),
    "outermost": (
        "scale_backward(dy.reshape(y.shape), cache)",
        "scale_backward(dy.reshape(y.shape) / 2, cache)",
    ),
}


def judged(tmp_path, text):
    path = tmp_path / "model.py"
    path.write_text(text)
    return file.check(path, seconds=10).to_dict()


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_program_is_called_right(name, tmp_path):
    text, gradients = RIGHT[name]
    said = judged(tmp_path, text)
    assert said["verdict"] == "ok", said
    assert len(said["gradients"]) >= gradients


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_is_found_at_its_line(name, tmp_path):
    before, after = WRONG[name]
    text = RIGHT[name][0].replace(before, after, 1)
    said = judged(tmp_path, text)
    assert said["verdict"] == "wrong"
    line = RIGHT[name][0].partition(before)[0].count("\n") + 1
    told = [place["line"] for f in said["findings"] for place in (f, *f["alternatives"])]
    assert line in told, said["findings"]


def test_sizes_are_made_smaller_and_labels_stay_labels(tmp_path):
    (tmp_path / "signs.py").write_text(SIGNS)
    program = load.load(tmp_path / "signs.py")
    (place,) = shown.places(program)
    assert place.smaller == {60: 3, 13: 5}
    for seed in range(5):
        given = place.build(seed).live()
        more = max(0, seed % 4 - 1)
        n, m = 3 + more, 5 + more
        assert given.arguments["rows"].shape == (n, m) and given.owner.w.shape == (m,)
        assert set(given.arguments["answers"].tolist()) <= {-1, 1}


def test_one_hot_rows_stay_one_hot_and_shares_add_up():
    import numpy as np

    rng = np.random.default_rng(0)
    hot = np.eye(12)[rng.integers(0, 12, 40)]
    chosen = {40: rng.permutation(40)[:5], 12: rng.permutation(12)[:7]}
    new = shown._of_its_kind(hot, chosen, rng)
    assert new.shape == (5, 7) and set(new.ravel()) == {0, 1} and (new.sum(1) == 1).all()
    shares = rng.dirichlet(np.ones(12), 40)
    new = shown._of_its_kind(shares, chosen, rng)
    assert new.shape == (5, 7) and (new > 0).all() and np.allclose(new.sum(1), 1)
    tokens = rng.integers(0, 12, (40, 3))
    assert shown._of_its_kind(tokens, chosen, rng).max() < 7


def test_the_code_under_main_leaves_nothing_behind(tmp_path, capsys):
    text = SIGNS.replace(
        "    np.random.seed(1)\n", f"    open({str(tmp_path / 'log')!r}, 'w').write('x')\n    extra = 1\n"
    )
    (tmp_path / "signs.py").write_text(text)
    program = load.load(tmp_path / "signs.py")
    names = set(program.names)
    shown.places(program)
    assert set(program.names) == names and "extra" not in names
    assert not (tmp_path / "log").exists()
    assert capsys.readouterr().out == ""


def test_the_code_under_main_changes_nothing_outside(tmp_path):
    """What would delete, make or write something is refused before it happens, and the rest goes on."""
    kept = tmp_path / "runs" / "kept.txt"
    kept.parent.mkdir()
    kept.write_text("kept")
    lines = [
        f"import os, shutil, subprocess, pathlib; os.chdir({str(tmp_path)!r})",
        'shutil.rmtree("runs", ignore_errors=True)',
        'os.makedirs("made", exist_ok=True)',
        'pathlib.Path("written").write_text("x")',
        'subprocess.run(["touch", "touched"])',
    ]
    text = SIGNS.replace("    np.random.seed(1)\n", "".join(f"    {line}\n" for line in lines))
    assert judged(tmp_path, text)["verdict"] == "ok"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model.py", "runs"]
    assert kept.read_text() == "kept"


def test_code_under_main_that_never_calls_forward_ends_in_time(tmp_path):
    head, _, _ = SIGNS.partition("    np.random.seed(1)")
    (tmp_path / "waits.py").write_text(head + "    while True:\n        pass\n")
    program = load.load(tmp_path / "waits.py")
    assert shown.places(program) == []
