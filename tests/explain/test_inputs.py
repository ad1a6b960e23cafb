"""What `inputs(rng)` gives is understood as it was meant: in order, or without labels."""

import pytest

from minigen.explain import file

AUTOENCODER = """
import numpy as np

def run_forward(X, params):
    hidden = np.maximum(0, params["W1"] @ X + params["b1"])
    out = 1 / (1 + np.exp(-(params["W2"] @ hidden + params["b2"])))
    return out, [X, hidden]

def compute_cost(out, Y, params, decay=0.3):
    m = Y.shape[1]
    entropy = -np.sum(Y * np.log(out) + (1 - Y) * np.log(1 - out)) / m
    return entropy + decay / (2 * m) * (np.sum(params["W1"] ** 2) + np.sum(params["W2"] ** 2))

def run_backward(out, Y, cache, params, decay=0.3):
    X, hidden = cache
    m = Y.shape[1]
    d2 = (out - Y) / m
    d1 = params["W2"].T @ d2 * (hidden > 0)
    return {
        "dW2": d2 @ hidden.T + decay / m * params["W2"],
        "db2": d2.sum(axis=1, keepdims=True),
        "dW1": d1 @ X.T + decay / m * params["W1"],
        "db1": d1.sum(axis=1, keepdims=True),
    }

def inputs(rng):
    sizes = {"W1": (5, 7), "b1": (5, 1), "W2": (7, 5), "b2": (7, 1)}
    return rng.uniform(0.1, 0.9, (7, 4)), {k: rng.standard_normal(s) for k, s in sizes.items()}
"""
DENSITY = """
import numpy as np

def cut(theta, k, width):
    return theta[:k], theta[k:].reshape(width, k)

def nll(theta, x, k):
    shift, scale = cut(theta, k, 1)
    z = (x - shift) * np.exp(scale[0])
    return 0.5 * np.sum(z ** 2) - len(x) * scale.sum()

def nll_grad(theta, x, k):
    shift, scale = cut(theta, k, 1)
    z = (x - shift) * np.exp(scale[0])
    return np.concatenate([-(z * np.exp(scale[0])).sum(0), (z ** 2).sum(0) - len(x)])

def inputs(rng):
    return rng.standard_normal(6), rng.standard_normal((5, 3)), 3
"""

FILLED_FIRST = """
import numpy as np

params, saved = {}, {}

def init(n_in, n_out):
    params["W"] = np.random.randn(n_in, n_out)
    params["b"] = np.random.randn(n_out)

def forward(x):
    saved["x"], saved["h"] = x, np.tanh(x @ params["W"] + params["b"])
    return saved["h"]

def backward(g):
    d = g * (1 - saved["h"] ** 2)
    return {"dx": d @ params["W"].T, "dW": saved["x"].T @ d, "db": d.sum(0)}
"""

LABELS_BY_ANOTHER_NAME = """
import numpy as np

class CrossEntropy:
    def calculate(self, output, y):
        return np.mean(-np.log(output[range(len(output)), y]))

    def backward(self, dvalues, y_true):
        hot = np.eye(dvalues.shape[1])[y_true]
        self.dinputs = -hot / dvalues / len(dvalues)
"""


def said(folder, text):
    path = folder / "mine.py"
    path.write_text(text)
    return file.check(path, seconds=5, reveal=True)


WITH_GRADS = """
import numpy as np

def loss_and_grads(x, W, b):
    h = np.tanh(x @ W + b)
    d = h * (1 - h ** 2) / len(x)
    return 0.5 * np.sum(h ** 2) / len(x), x.T @ d, d.sum(0)

def inputs(rng):
    return rng.standard_normal((5, 3)), rng.standard_normal((3, 4)), rng.standard_normal(4)
"""

# the settings of a kernel are numbers, as their gradients tell
GAUSSIAN_PROCESS = """
import numpy as np

def kernel(X, scale_x, size):
    square = ((X[:, None] - X[None]) ** 2).sum(axis=-1)
    return size**2 * np.exp(-0.5 * square / scale_x**2), square

def nll(X, y, scale_x, size, noise):
    K = kernel(X, scale_x, size)[0] + noise**2 * np.eye(len(X))
    return 0.5 * y @ np.linalg.solve(K, y) + 0.5 * np.linalg.slogdet(K)[1]

def nll_grad(X, y, scale_x, size, noise):
    K, square = kernel(X, scale_x, size)
    inverse = np.linalg.inv(K + noise**2 * np.eye(len(X)))
    A = inverse - np.outer(inverse @ y, inverse @ y)
    dscale_x = 0.5 * np.sum(A * K * square / scale_x**3)
    dsize = np.sum(A * K / size)
    dnoise = np.trace(A) * noise
    return dscale_x, dsize, dnoise
"""


@pytest.mark.parametrize(
    "text",
    [AUTOENCODER, DENSITY, WITH_GRADS, FILLED_FIRST, LABELS_BY_ANOTHER_NAME, GAUSSIAN_PROCESS],
    ids=["autoencoder", "density", "with grads", "parameters filled first", "labels", "Gaussian process"],
)
def test_right_programs_are_right(tmp_path, text):
    assert said(tmp_path, text).verdict == "ok"


@pytest.mark.parametrize(
    ("text", "right", "wrong"),
    [
        (AUTOENCODER, "d2 = (out - Y) / m", "d2 = (out - Y)"),
        (AUTOENCODER, "decay / m * params[\"W1\"]", "decay * params[\"W1\"]"),
        (AUTOENCODER, "d2.sum(axis=1, keepdims=True)", "d2.sum(axis=1)"),
        (FILLED_FIRST, "d.sum(0)", "d.mean(0)"),
        (LABELS_BY_ANOTHER_NAME, "-hot / dvalues / len(dvalues)", "hot / dvalues / len(dvalues)"),
        (GAUSSIAN_PROCESS, "np.trace(A) * noise", "np.trace(A) * noise**2"),
        (GAUSSIAN_PROCESS, "inverse - np.outer(inverse @ y", "inverse + np.outer(inverse @ y"),
        (DENSITY, "-(z * np.exp(scale[0])).sum(0)", "-z.sum(0)"),
    ],
)  # fmt: skip
def test_mistakes_in_them_are_found(tmp_path, text, right, wrong):
    found = said(tmp_path, text.replace(right, wrong))
    line = text[: text.index(right)].count("\n") + 1
    assert found.verdict == "wrong"
    (finding,) = (f for e in found.explanations for f in e.to_dict()["findings"])
    assert line in {finding["line"], *(other["line"] for other in finding["alternatives"])}


def test_labels_that_nobody_gives_are_no_upstream_gradient(tmp_path):
    text = AUTOENCODER.replace('"W2": (7, 5), "b2": (7, 1)', '"W2": (3, 5), "b2": (3, 1)')
    found = said(tmp_path, text)  # three outputs for seven inputs: the data are no labels
    assert found.verdict == "error"
    assert "inputs must return Y, too" in found.problem


HUBER = """
import numpy as np

def huber(pred, target, delta=0.8):
    r = np.abs(pred - target)
    return np.mean(np.where(r < delta, 0.5 * r ** 2, delta * (r - 0.5 * delta)))

def huber_prime(pred, target, delta=0.8):
    return np.clip(pred - target, -delta, delta) / len(pred)
"""


def test_an_average_that_is_right_for_vectors_alone_is_not_called_right(tmp_path):
    """Sizes are chosen so that gradients come out right; with vectors, len is as good as size."""
    found = said(tmp_path, HUBER)
    assert found.verdict == "inconclusive"
    assert "with more the gradient at pred is 7 times the right one" in str(found.explanations[0])
    path = tmp_path / "mine.py"
    assert file.check(path, shapes={"pred": (5,), "target": (5,)}, seconds=0).verdict == "ok"
    assert file.check(path, shapes={"pred": (5, 7), "target": (5, 7)}, seconds=0).verdict == "wrong"
    assert said(tmp_path, HUBER.replace("len(pred)", "pred.size")).verdict == "ok"
