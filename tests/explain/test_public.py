"""Habits of public repositories that a field test found misread: no right program is wrong for them."""

import subprocess
import sys

import pytest
from judged import assert_right, checked, is_told

# the error p - y is handed to a layer that ends in a softmax: its gradient is that before the softmax
SOFTMAX = """import numpy as np
def softmax(v):
    e = np.exp(v - v.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)
class Out:
    def __init__(self, n=5, k=3):
        self.W = np.random.randn(n, k)
    def forward(self, x):
        self.x = x
        return softmax(x @ self.W)
    def backward(self, deltas):
        self.dW = self.x.T @ deltas
        return deltas @ self.W.T
"""
HANDED = """
def train(layer, x, y):
    p = layer.forward(x)
    layer.backward(p - y)
    layer.W -= 0.1 * layer.dW
"""
# forward gives a vector, and backward takes its gradient as one row
ROW = """import numpy as np
class Cell:
    def __init__(self, d=4, h=3):
        self.W = np.random.randn(h, d)
    def forward(self, x):
        self.col = np.reshape(x, (x.shape[0], 1))
        self.y = np.tanh(self.W @ self.col)
        return np.ravel(self.y)
    def backward(self, delta):
        delta = delta.T
        dz = np.zeros(self.y.shape)
        dz += delta * (1 - self.y**2)
        self.dW = dz @ self.col.T
        return (self.W.T @ dz).T
"""
# two outputs, each with an upstream gradient, through many layers of exp
DEEP = """import numpy as np
class Scale:
    def __init__(self, dim, first):
        self.mask = np.arange(dim) % 2 == first
        self.A = np.random.randn(dim, dim) * 0.1
    def forward(self, x):
        self.x = x
        self.s = np.tanh((x * self.mask) @ self.A) * ~self.mask
        return x * np.exp(self.s), np.sum(self.s, axis=1, keepdims=True)
    def backward(self, dy, dlogdet, lr):
        ds = (dy * self.x * np.exp(self.s) + dlogdet) * ~self.mask
        dt = ds * (1 - self.s**2)
        dx = dy * np.exp(self.s) + dt @ self.A.T * self.mask
        self.A -= lr * (self.x * self.mask).T @ dt
        return dx
class Flow:
    def __init__(self, dim=4, n=12):
        self.layers = [Scale(dim, i % 2) for i in range(n)]
    def forward(self, x):
        total = np.zeros((x.shape[0], 1))
        for layer in self.layers:
            x, logdet = layer.forward(x)
            total += logdet
        return x, total
    def backward(self, dz, dlogdet, lr):
        for layer in reversed(self.layers):
            dz = layer.backward(dz, dlogdet, lr)
        return dz
if __name__ == "__main__":
    m, x = Flow(), np.random.randn(8, 4)
    z, logdet = m.forward(x)
    m.backward(z / 8, -np.ones((8, 1)) / 8, 0.001)
"""
# methods with two underscores on both sides, and an argparse at the top level
UNDERSCORES = """import argparse
import numpy as np
parser = argparse.ArgumentParser()
parser.add_argument("--width", type=int, default=3)
args = parser.parse_args()
class Net:
    def __init__(self, n=4):
        self.W = np.random.randn(n, args.width)
    def __forward__(self, x):
        self.x = x
        return np.tanh(x @ self.W)
    def __backward__(self, g):
        d = g * (1 - np.tanh(self.x @ self.W) ** 2)
        self.dW = self.x.T @ d
        return d @ self.W.T
"""
# Adam's step is the gradient of nothing; the plain one beside it is
ADAM = """import numpy as np
class Net:
    def __init__(self, n=4, k=3):
        self.w = np.random.randn(n, k)
        self.m, self.v = np.zeros((n, k)), np.zeros((n, k))
    def cost(self, X, y):
        e = X @ self.w - y
        return 0.5 * (e * e).sum(), e
    def step_sgd(self, X, y, rate=1e-3):
        c, e = self.cost(X, y)
        self.w -= rate * X.T @ e
        return c
    def back_prop_adam(self, X, y, rate=1e-3):
        c, e = self.cost(X, y)
        g = X.T @ e
        self.m = 0.9 * self.m + 0.1 * g
        self.v = 0.999 * self.v + 0.001 * g * g
        self.w -= rate * self.m / (np.sqrt(self.v) + 1e-8)
        return c
"""
# columns are examples; dA0 is that of each example's own loss, the others are divided by their number
COURSE = """import numpy as np
def model_forward(X, parameters):
    Z = np.dot(parameters["W1"], X) + parameters["b1"]
    return 1 / (1 + np.exp(-Z)), (X, Z)
def compute_cost(A, Y):
    return -np.mean(np.sum(Y * np.log(A) + (1 - Y) * np.log(1 - A), axis=0))
def model_backward(A, Y, cache, parameters):
    X, Z = cache
    m = X.shape[1]
    dZ = A - Y
    db1 = dZ.sum(axis=1, keepdims=True) / m
    return {"dW1": np.dot(dZ, X.T) / m, "db1": db1, "dA0": np.dot(parameters["W1"].T, dZ)}
def initialize_parameters(n_x, n_y):
    return {"W1": np.random.randn(n_y, n_x), "b1": np.zeros((n_y, 1))}
"""
# the gradients of the weights in a tuple within what is returned, after a list of zeros of the same name
TUPLE = """import numpy as np
class Layer:
    def __init__(self, m=4, n=3):
        self.W, self.b = np.random.randn(n, m), np.random.randn(n)
    def get_params(self):
        return self.W, self.b
    def forward(self, x):
        W, b = self.get_params()
        h = np.tanh(x @ W.T + b)
        return h, (x, h)
    def backward(self, deltas, state):
        W, b = self.get_params()
        x, h = state
        gradients = [np.zeros_like(w) for w in self.get_params()]
        dW, db = gradients
        dz = deltas * (1 - h**2)
        dW += dz.T @ x
        db += dz.sum(axis=0)
        gradients = dW, db
        return dz @ W, gradients, (dz,)
"""
# a layer's gradients are cleared by their names
CLEARED = """import numpy as np
class Layer:
    def __init__(self, n=4):
        self.W = np.random.randn(n)
        self.reset_grads()
    def reset_grads(self):
        for name in "W":
            setattr(self, "g" + name, np.zeros_like(getattr(self, name)))
    def fprop(self, x):
        return np.sum((self.W * x) ** 2), x
    def bprop(self, memo, scale=1.0):
        self.gW += scale * 2 * self.W * memo**2
if __name__ == "__main__":
    layer = Layer()
    for _ in range(3):
        layer.reset_grads()
        for x in np.random.randn(5, 4):
            loss, memo = layer.fprop(x)
            layer.bprop(memo, 1 / 5)
        layer.W -= 0.1 * layer.gW
"""
# numbers in single precision, of which differences tell nothing
SINGLE = """import numpy as np
class Layer:
    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_in, n_out).astype(np.float32)
    def forward(self, x):
        self.x = x.astype("float32")
        return np.tanh(self.x @ self.W)
    def backward(self, dout):
        dz = dout * (1 - np.tanh(self.x @ self.W) ** 2)
        self.dW = np.dot(self.x.T, dz, out=np.empty(self.W.shape, dtype=np.float32))
        return dz @ self.W.T
"""
# many layers in one file, with dicts of settings of which some keys may be absent, and two ways back
LAYERS = """import numpy as np
def scale_forward(x, gamma, beta, opts):
    opts = {} if opts is None else opts
    eps, mode = opts.get("eps", 1e-6), opts.get("mode", "train")
    mu, var = x.mean(axis=0), x.var(axis=0)
    if mode == "train":
        opts["mean"] = 0.9 * opts.get("mean", np.zeros_like(beta)) + 0.1 * mu
    hat = (x - mu) / np.sqrt(var + eps)
    return gamma * hat + beta, (hat, gamma, var, eps)
def scale_backward(dout, cache):
    hat, gamma, var, eps = cache
    d = dout * gamma
    dx = (d - d.mean(axis=0) - hat * (d * hat).mean(axis=0)) / np.sqrt(var + eps)
    return dx, (dout * hat).sum(axis=0), dout.sum(axis=0)
def scale_backward_sums(dout, cache):
    hat, gamma, var, eps = cache
    d, n = dout * gamma, len(dout)
    dx = (n * d - d.sum(axis=0) - hat * np.sum(d * hat, axis=0)) / (n * np.sqrt(var + eps))
    return dx, np.sum(dout * hat, axis=0), np.sum(dout, axis=0)
def maps_forward(x, gamma, beta, opts):
    N, C, H, W = x.shape
    out, cache = scale_forward(x.transpose(0, 2, 3, 1).reshape(-1, C), gamma, beta, opts)
    return out.reshape(N, H, W, C).transpose(0, 3, 1, 2), cache
def maps_backward(dout, cache):
    N, C, H, W = dout.shape
    dx, dgamma, dbeta = scale_backward(dout.transpose(0, 2, 3, 1).reshape(-1, C), cache)
    return dx.reshape(N, H, W, C).transpose(0, 3, 1, 2), dgamma, dbeta
def groups_forward(x, gamma, beta, G, opts):
    N, C, H, W = x.shape
    parts, eps = x.reshape(N, G, C // G, H, W), opts.get("eps", 1e-6)
    mu, var = parts.mean(axis=(2, 3, 4), keepdims=True), parts.var(axis=(2, 3, 4), keepdims=True)
    hat = (parts - mu) / np.sqrt(var + eps)
    return gamma * hat.reshape(x.shape) + beta, (hat, gamma, var, eps)
def groups_backward(dout, cache):
    hat, gamma, var, eps = cache
    d, axes = (dout * gamma).reshape(hat.shape), (2, 3, 4)
    dx = d - d.mean(axis=axes, keepdims=True) - hat * (d * hat).mean(axis=axes, keepdims=True)
    dgamma = (dout * hat.reshape(dout.shape)).sum(axis=(0, 2, 3), keepdims=True)
    return (dx / np.sqrt(var + eps)).reshape(dout.shape), dgamma, dout.sum(axis=(0, 2, 3), keepdims=True)
def filters_forward(x, w, b, opts):
    s, pad = opts.get("stride", 1), opts.get("pad", 0)
    N, in_c, in_h, in_w = x.shape
    K, in_c, f_h, f_w = w.shape
    K = b.shape[0]
    assert (in_h + 2 * pad - f_h) % s == 0, "the height does not fit"
    assert (in_w + 2 * pad - f_w) % s == 0, "the width does not fit"
    rows, columns = (in_h + 2 * pad - f_h) // s + 1, (in_w + 2 * pad - f_w) // s + 1
    xp, out = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad))), np.zeros((N, K, rows, columns))
    for k in range(K):
        for i in range(rows):
            for j in range(columns):
                window = xp[:, :, i * s:i * s + f_h, j * s:j * s + f_w]
                out[:, k, i, j] = (window * w[k]).sum(axis=(1, 2, 3)) + b[k]
    return out, (x, xp, w, b, opts)
def filters_backward(dout, cache):
    x, xp, w, b, opts = cache
    s, pad, f_h, f_w = opts.get("stride", 1), opts.get("pad", 0), w.shape[2], w.shape[3]
    dxp, dw = np.zeros_like(xp), np.zeros_like(w)
    for k in range(len(w)):
        for i in range(dout.shape[2]):
            for j in range(dout.shape[3]):
                at = (slice(None), slice(None), slice(i * s, i * s + f_h), slice(j * s, j * s + f_w))
                d = dout[:, k, i, j][:, None, None, None]
                dw[k] += (xp[at] * d).sum(axis=0)
                dxp[at] += w[k] * d
    dx = dxp[:, :, pad:xp.shape[2] - pad, pad:xp.shape[3] - pad]
    return dx, dw, dout.sum(axis=(0, 2, 3))
"""
# a course's network of any depth: a function makes W1, b1 for the data, and the cost has the labels first
DEPTH = """import numpy as np
def initialize_weights(layer_dims, X):
    sizes, parameters = [X.shape[0], *layer_dims], {}
    for i in range(1, len(sizes)):
        parameters["W" + str(i)] = np.random.randn(sizes[i], sizes[i - 1]) * 0.01
        parameters["b" + str(i)] = np.zeros((sizes[i], 1))
    return parameters
def net_forward(X, parameters):
    A, caches, L = X, [], len(parameters) // 2
    for i in range(1, L + 1):
        W = parameters["W" + str(i)]
        Z = W @ A + parameters["b" + str(i)]
        caches.append((A, W, Z))
        A = 1 / (1 + np.exp(-Z)) if i == L else np.maximum(Z, 0)
    return A, caches
def compute_cost(y, yhat):
    return -np.sum(y * np.log(yhat) + (1 - y) * np.log(1 - yhat)) / y.shape[1]
def net_backward(AL, Y, caches):
    grads, dZ, m = {}, AL - Y, Y.shape[1]
    for i in reversed(range(len(caches))):
        A, W, Z = caches[i]
        grads["dW" + str(i + 1)] = dZ @ A.T / m
        grads["db" + str(i + 1)] = np.sum(dZ, axis=1, keepdims=True) / m
        if i > 0:
            dZ = (W.T @ dZ) * (caches[i - 1][2] > 0)
    return grads
"""
RIGHT = {
    "SOFTMAX": SOFTMAX + HANDED, "ROW": ROW, "DEEP": DEEP, "ADAM": ADAM, "COURSE": COURSE, "TUPLE": TUPLE,
    "CLEARED": CLEARED, "SINGLE": SINGLE, "LAYERS": LAYERS, "DEPTH": DEPTH,
}  # fmt: skip
WRONG = [
    (SOFTMAX + HANDED, "self.x.T @ deltas", "2 * self.x.T @ deltas"),
    (DEEP, "+ dlogdet)", "- dlogdet)"),
    (ADAM, "self.w -= rate * X.T @ e", "self.w -= rate * 2 * X.T @ e"),
    (COURSE, "np.dot(dZ, X.T) / m", "np.dot(dZ, X.T)"),
    (TUPLE, "dW += dz.T @ x", "dW += 2 * dz.T @ x"),
    (CLEARED, "self.W * memo**2", "self.W * memo"),
    (SINGLE, "(1 - np.tanh(self.x @ self.W) ** 2)", "(1 - np.tanh(self.x @ self.W))"),
    (LAYERS, "(n * d - d.sum(axis=0) -", "(n * d + d.sum(axis=0) -"),
    (LAYERS, "(dout * hat.reshape(dout.shape)).sum", "(dout - hat.reshape(dout.shape)).sum"),
    (LAYERS, "dw[k] += (xp[at] * d)", "dw[k] += (xp[at] + d)"),
    (DEPTH, "grads, dZ, m = {}, AL - Y, Y.shape[1]", "grads, dZ, m = {}, AL - Y, Y.shape[0]"),
]


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_program_is_right(tmp_path, name):
    assert_right(tmp_path, RIGHT[name])


@pytest.mark.parametrize(("text", "before", "after"), WRONG)
def test_a_mistake_is_seen(tmp_path, text, before, after):
    assert is_told(tmp_path, text, before, after)


def test_a_softmax_layer_alone_does_not_say_what_it_is_given(tmp_path):
    said = checked(tmp_path, SOFTMAX)
    assert said.verdict == "inconclusive"
    assert "right if backward is given p - y" in said.explanations[0].certain[0]


def test_arguments_of_the_command_are_not_those_of_the_program(tmp_path):
    path = tmp_path / "program.py"
    path.write_text(UNDERSCORES)
    command = [sys.executable, "-m", "minigen", "check", str(path), "--seconds", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "right: 2 gradients compared" in done.stdout


KINKS = """import numpy as np
def forward(x):
    return np.maximum(x, 0)
def backward(g, x):
    return 17 * g * (x > 0)
def inputs(rng):
    return {"x": np.zeros((3, 4))}
"""


def test_where_every_entry_is_at_a_kink_nothing_is_right(tmp_path):
    said = checked(tmp_path, KINKS)
    assert said.verdict == "inconclusive"
    assert "a kink at every entry" in said.explanations[0].certain[0]
    assert said.explanations[0].gradients[0]["verdict"] == "inconclusive"


OPPOSITE = """import numpy as np
class MAE:
    def forward(self, y_pred, y_true):
        return np.mean(np.abs(y_true - y_pred), axis=-1)
    def backward(self, y_pred, y_true):
        n, k = y_pred.shape
        self.d_inputs = np.sign(y_true - y_pred) / k / n
"""


def test_a_loss_whose_gradient_has_the_other_sign_is_wrong(tmp_path):
    said = checked(tmp_path, OPPOSITE, seconds=3)
    assert said.verdict == "wrong"
    assert [f.line for f in said.explanations[0].findings] == [7]


CODES = """import numpy as np
def loss_and_grads(x, W, V):
    z = x @ W
    code = np.sign(z)
    d = (code @ V - x) / x.size
    loss = 0.5 * np.mean((code @ V - x) ** 2)
    dV = code.T @ d
    dW = x.T @ (d @ V.T * (np.abs(z) < 1))
    return loss, {"W": dW, "V": dV}
def inputs(rng):
    return {"x": rng.normal(size=(6, 4)), "W": rng.normal(size=(4, 3)), "V": rng.normal(size=(3, 4))}
"""


def test_a_gradient_passed_straight_through_a_sign_is_not_compared(tmp_path):
    said = checked(tmp_path, CODES)
    assert said.verdict == "inconclusive"
    assert any("passed straight through" in line for line in said.explanations[0].certain)
    assert checked(tmp_path, CODES.replace("code.T @ d\n", "code.T @ d * 2\n")).verdict == "wrong"


DECAY = """import numpy as np
class Net:
    def __init__(self, n=4, k=3):
        self.W, self.b = np.random.randn(n, k), np.random.randn(k)
    def cost(self, X, y, lmbda):
        e = X @ self.W + self.b - y
        return 0.5 * np.sum(e**2) / len(X) + 0.5 * lmbda / len(X) * np.sum(self.W**2)
    def update(self, X, y, eta, lmbda, n):
        d = (X @ self.W + self.b - y) / len(X)
        self.W = (1 - eta * lmbda / n) * self.W - eta * X.T @ d
        self.b = self.b - eta * d.sum(axis=0)
if __name__ == "__main__":
    net, X, Y = Net(), np.random.randn(40, 4), np.random.randn(40, 3)
    for i in range(0, 40, 8):
        net.update(X[i:i + 8], Y[i:i + 8], 0.1, 0.5, len(X))
        print(net.cost(X, Y, 0.5))
"""


def test_a_weight_decay_of_all_examples_is_told_where_the_loss_is_of_a_batch(tmp_path):
    said = checked(tmp_path, DECAY)
    assert said.verdict in ("ok", "inconclusive")
    assert checked(tmp_path, DECAY.replace("eta * X.T @ d", "eta * 2 * X.T @ d")).verdict == "wrong"


def test_a_shape_at_which_backward_stops_is_told_and_may_be_the_fault_of_the_sizes_that_were_tried(tmp_path):
    said = checked(tmp_path, ROW.replace("(1 - self.y**2)", "(1 - self.y)"), seconds=3)
    (one,) = said.explanations
    assert said.verdict == "inconclusive" and [f.line for f in one.findings] == [12]
    assert any("--shapes" in sentence for sentence in one.certain)
