"""A gradient that the file names is compared, or it is said that it was not and how it can be."""

import pytest

from minigen.explain import file


def checked(tmp_path, text, seconds=0):
    path = tmp_path / "program.py"
    path.write_text("import numpy as np\n" + text)
    said = file.check(path, seconds=seconds)
    verdicts = {g["name"]: g["verdict"] for e in said.explanations for g in e.gradients}
    return said, verdicts


DEFAULT = """
def forward(x, logvar=2):
    return np.sum(x * np.exp(0.5 * logvar))
def backward(g, x, logvar=2):
    dx = g * np.exp(0.5 * logvar) * np.ones_like(x)
    dlogvar = g * 0.5 * np.sum(x * np.exp(0.5 * logvar))
    return dx, dlogvar
"""
PENALTY = """
def loss(x, t, W, b, l2=0.0):
    return np.sum((x @ W + b - t) ** 2) + 0.5 * l2 * np.sum(W**2)
def loss_grad(x, t, W, b, l2=0.0):
    dz = 2 * (x @ W + b - t)
    dW = x.T @ dz + l2 * W
    db = dz.sum(axis=0)
    return {"dW": dW, "db": db}
"""
BATCH = """
def dense_forward(h, W, b):
    return h @ W + b
def dense_backward(g, W, h):
    gW = h.T @ g
    gb = g.sum(axis=0)
    return gW, gb, g @ W.T
"""
LABELS = """
def vae_loss_and_gradients(mu, logvar, x):
    loss = 0.5 * np.sum((mu - x) ** 2) + 0.5 * np.sum(np.exp(logvar) - logvar)
    dmu = mu - x
    dlogvar = 0.5 * (np.exp(logvar) - 1)
    return loss, {"dmu": dmu, "dlogvar": dlogvar}
"""
EQUAL = """
def forward(x, a, c):
    return np.sum(x * a + np.sin(x * c))
def backward(g, x, a, c):
    da = g * x
    dc = g * x * np.cos(x * c)
    return {"da": da, "dc": dc}
"""
NAMELESS = """
def affine_forward(x, w, b):
    return x @ w + b, (x, w, b)
def affine_backward(dout, cache):
    x, w, b = cache
    return dout @ w.T, x.T @ dout, dout.sum(axis=0)
"""
STORED = """
class Dense:
    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_in, n_out)
        self.b = np.zeros(n_out)
    def forward(self, x):
        self.x = x
        return np.tanh(x @ self.W + self.b)
    def backward(self, g):
        dz = g * (1 - np.tanh(self.x @ self.W + self.b) ** 2)
        self.dW = self.x.T @ dz
        self.db = dz.sum(axis=0)
        return dz @ self.W.T
"""


@pytest.mark.parametrize("text", [DEFAULT, PENALTY, BATCH, LABELS, EQUAL, NAMELESS, STORED])
def test_right_programs_are_right(tmp_path, text):
    said, verdicts = checked(tmp_path, text)
    assert said.verdict == "ok", (verdicts, said.to_dict()["certain"])


@pytest.mark.parametrize(
    ("text", "before", "after", "names"),
    [
        (DEFAULT, "g * 0.5 * np.sum", "g * np.sum", {"dlogvar"}),  # a whole number by default has a gradient
        (PENALTY, "+ l2 * W", "+ 2 * l2 * W", {'grads["dW"]'}),  # a factor 0 by default
        (PENALTY, "l2=0.0", "l2=0", set()),
        (PENALTY.replace("l2=0.0", "l2=0"), "+ l2 * W", "", {'grads["dW"]'}),
        (BATCH, "h.T @ g", "h.T @ g / len(h)", {"gW"}),  # one row would hide it
        (BATCH, "g.sum(axis=0)", "g.mean(axis=0)", {"gb"}),
        (LABELS, "(np.exp(logvar) - 1)", "np.exp(logvar)", {'grads["dlogvar"]'}),
        (EQUAL, '"da": da, "dc": dc', '"da": dc, "dc": da', {'grads["da"]', 'grads["dc"]'}),
        (STORED, "self.db = dz", "self.dbb = dz", set()),
        (NAMELESS, "x.T @ dout,", "(x.T @ dout).sum(0),", {"the gradient at w"}),  # by its place
        (STORED, "self.dW = self.x.T @ dz\n        self.db", "self.db = self.x.T @ dz\n        self.dW",
         {"self.dW", "self.db"}),
    ],
)  # fmt: skip
def test_no_wrong_gradient_is_dropped(tmp_path, text, before, after, names):
    assert before in text
    said, verdicts = checked(tmp_path, text.replace(before, after))
    wrong = {name for name, verdict in verdicts.items() if verdict != "ok"}
    assert wrong == names, verdicts
    assert said.verdict == ("wrong" if names else "ok")


def test_what_cannot_be_compared_is_named_with_the_command(tmp_path):
    text = """
class Scale:
    def __init__(self):
        self.gamma = 2
    def forward(self, x):
        self.x = x
        return self.gamma * x
    def backward(self, g):
        self.dgamma = 5 * np.sum(g * self.x)
        return self.gamma * g
"""
    said, _ = checked(tmp_path, text)
    assert said.verdict == "inconclusive" and file.EXIT[said.verdict] == 3
    assert "self.dgamma was not compared: self.gamma holds whole numbers" in " ".join(
        said.to_dict()["certain"]
    )
    given = DEFAULT + "def inputs(rng):\n    return {'x': rng.normal(size=(4, 3)), 'logvar': 2}\n"
    said, _ = checked(tmp_path, given)
    assert said.verdict == "inconclusive"
    certain = " ".join(said.to_dict()["certain"])
    assert "dlogvar was not compared" in certain and "--shapes logvar=" in certain


@pytest.mark.parametrize(
    ("text", "before", "after", "what"),
    [
        (STORED, "self.x.T @ dz", "self.x @ dz", "ValueError"),
        (STORED, "self.x.T @ dz", "self.xs.T @ dz", "AttributeError"),
        (NAMELESS, "x.T @ dout,", "x.T @ dot,", "NameError"),
        (BATCH, "g.sum(axis=0)", "g.sum(axis=3)", "AxisError"),
    ],
)
def test_a_backward_that_raises_is_a_finding(tmp_path, text, before, after, what):
    assert text.count(before) == 1
    text = text.replace(before, after)
    line = next(i for i, row in enumerate(text.splitlines(), 2) if after in row)
    said, _ = checked(tmp_path, text)
    assert said.verdict == "wrong" and not said.problem
    (finding,) = said.to_dict()["findings"]
    assert (finding["kind"], finding["line"]) == ("error", line)
    assert what in finding["sentence"]


def test_a_line_that_raises_is_mended(tmp_path):
    said, _ = checked(tmp_path, STORED.replace("self.x.T @ dz", "self.x @ dz"), seconds=15)
    (finding,) = said.to_dict()["findings"]
    assert finding["kind"] == "transpose" and "ValueError" in " ".join(said.to_dict()["certain"])


def test_what_was_not_judged_is_told(tmp_path):
    text = """
def sigmoid(z):
    return 1 / (1 + np.exp(-z))
def sigmoid_prime(z):
    return sigmoid(z) * (1 - sigmoid(z))
def forward(x, net, other):
    return sigmoid(x @ net.W) * other.scale
def backward(g, x, net, other):
    return g * sigmoid_prime(x @ net.W) @ net.W
"""
    said, verdicts = checked(tmp_path, text)
    assert set(verdicts.values()) == {"ok"}
    assert said.verdict == "inconclusive"
    assert "backward was not judged" in " ".join(said.to_dict()["certain"])
    assert "--shapes x=" in " ".join(said.to_dict()["certain"])


IGNORED = """
def tanh_forward(x):
    return np.tanh(x), np.tanh(x)
def tanh_backward(dout, cache):
    return 1 - cache**2
def forward(x, W):
    h, cache = tanh_forward(x @ W)
    return h, (x, W, cache)
def backward(dout, cache):
    x, W, kept = cache
    da = tanh_backward(dout, kept)
    return da @ W.T, x.T @ da
"""


def test_an_upstream_gradient_that_is_not_used_is_seen(tmp_path):
    said, verdicts = checked(
        tmp_path, IGNORED
    )  # right for the sum of what forward returns, and for nothing else
    assert said.verdict == "wrong", verdicts
    said, verdicts = checked(
        tmp_path, IGNORED.replace("return 1 -", "return dout * (1 -").replace("**2", "**2)")
    )
    assert said.verdict == "ok", verdicts


def test_a_line_that_raises_is_not_mended_by_leaving_out_what_it_calls(tmp_path):
    text = (
        STORED
        + """
class Net:
    def __init__(self, d, h, k):
        self.layers = [Dense(d, h), Dense(h, k)]
    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x
    def backward(self, g):
        for layer in self.layers:
            g = layer.backward(g)
        return g
"""
    )
    said, _ = checked(tmp_path, text, seconds=15)
    assert said.verdict == "wrong"
    for finding in said.to_dict()["findings"]:
        assert finding["kind"] in ("error", "order"), finding


FLAT = """
def cost(nn_params, input_size, hidden_size, X, lambda_=0.0):
    W = nn_params[: input_size * hidden_size].reshape(input_size, hidden_size)
    b = nn_params[input_size * hidden_size :]
    m = len(X)
    h = np.tanh(X @ W + b)
    J = 0.5 * np.sum((h - 0.3) ** 2) / m + 0.5 * lambda_ * np.sum(W**2)
    da = (h - 0.3) * (1 - h**2) / m
    W_grad = X.T @ da + lambda_ * W
    b_grad = da.sum(axis=0)
    return J, np.concatenate([W_grad.ravel(), b_grad])
"""


def test_all_weights_in_one_vector(tmp_path):
    said, verdicts = checked(tmp_path, FLAT)
    assert said.verdict == "ok" and len(verdicts) >= 1
    for before, after in (("+ lambda_ * W\n", "\n"), ("(1 - h**2) / m", "(1 - h**2)")):
        assert before in FLAT
        said, _ = checked(tmp_path, FLAT.replace(before, after))
        assert said.verdict == "wrong"


ABSOLUTE = """
class Absolute:
    def forward(self, y_pred, y_true):
        return np.mean(np.abs(y_true - y_pred), axis=-1)
    def backward(self, dvalues, y_true):
        samples = len(dvalues)
        outputs = len(dvalues[0])
        self.dinputs = np.sign(dvalues - y_true) / outputs / samples
"""


def test_a_loss_for_each_row_whose_backward_is_given_the_prediction(tmp_path):
    assert checked(tmp_path, ABSOLUTE)[0].verdict == "ok"
    said, verdicts = checked(tmp_path, ABSOLUTE.replace("dvalues - y_true", "y_true - dvalues"))
    assert said.verdict == "wrong" and verdicts == {"self.dinputs": "wrong"}
    assert not [f for f in said.to_dict()["findings"] if f["kind"] == "error"]
