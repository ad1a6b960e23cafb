"""What a step leaves beside its gradients: averages, queues, memories, another player's step, samples."""

from minigen.explain import file

# an average of the weights, and a queue of what was made of earlier batches
SLOW = """import numpy as np
class Learner:
    def __init__(self, n=5, k=3, rate=0.1, keep=0.9):
        self.rate, self.keep = rate, keep
        self.w = np.random.randn(n, k)
        self.slow = self.w.copy()
        self.queue = np.random.randn(12, k)
    def update(self, x):
        made, aim = np.tanh(x @ self.w), np.tanh(x @ self.slow)
        loss = 0.5 * np.sum((made - aim) ** 2) + np.sum(made @ self.queue.T)
        d = made - aim + self.queue.sum(axis=0)
        self.w -= self.rate * x.T @ (d * (1 - made**2))
        self.slow = self.keep * self.slow + (1 - self.keep) * self.w
        self.queue = np.concatenate([self.queue[len(x):], aim])
        return loss
if __name__ == "__main__":
    learner = Learner()
    for _ in range(3):
        learner.update(np.random.randn(4, 5))
"""
# the second step goes down another loss, through weights that the first has moved
PLAYERS = """import numpy as np
def iteration(gen, dis, x, z):
    h = np.tanh(z @ gen["a"])
    made = h @ gen["b"]
    real, fake = x @ dis["v"] - 1, made @ dis["v"]
    d_loss = 0.5 * np.mean(real**2) + 0.5 * np.mean(fake**2)
    dis["v"] -= 0.1 * (x.T @ real / real.size + made.T @ fake / fake.size)
    off = made @ dis["v"] - 1
    g_loss = 0.5 * np.mean(off**2)
    dmade = off / off.size @ dis["v"].T
    dh = dmade @ gen["b"].T * (1 - h**2)
    gen["b"] -= 0.1 * h.T @ dmade
    gen["a"] -= 0.1 * z.T @ dh
    return d_loss, g_loss
def inputs(rng):
    n = int(rng.integers(4, 8))
    gen, dis = {"a": rng.normal(size=(2, 4)), "b": rng.normal(size=(4, 3))}, {"v": rng.normal(size=(3, 1))}
    return dict(gen=gen, dis=dis, x=rng.normal(size=(n, 3)), z=rng.normal(size=(n, 2)))
"""
# samples are taken as given, though the model has made them
CONTRAST = """import numpy as np
def energy(x, W, b):
    return 0.5 * np.sum(x**2, axis=1) - np.sum(np.logaddexp(0, x @ W + b), axis=1)
def samples(x, W, b):
    for _ in range(3):
        s = 1 / (1 + np.exp(-(x @ W + b)))
        x = x - 0.1 * (x - s @ W.T) + 0.3 * np.random.randn(*x.shape)
    return x
def contrastive(x, W, b):
    made = samples(x, W, b)
    loss = np.mean(energy(x, W, b)) - np.mean(energy(made, W, b))
    s, t = (1 / (1 + np.exp(-(v @ W + b))) for v in (x, made))
    return loss, {"W": (made.T @ t - x.T @ s) / len(x), "b": (t - s).mean(axis=0)}
def inputs(rng):
    n = int(rng.integers(4, 8))
    return dict(x=rng.normal(size=(n, 3)), W=rng.normal(size=(3, 5)), b=rng.normal(size=5))
"""
# a loss of what forward has left, and a step that adds the whole of what it calls a gradient
TUTORIAL = """import numpy as np
class Network:
    def __init__(self, x, y):
        self.input, self.y = x, y
        self.weights1 = np.random.rand(x.shape[1], 4)
        self.weights2 = np.random.rand(4, 1)
    def feedforward(self):
        self.layer1 = 1 / (1 + np.exp(-self.input @ self.weights1))
        self.output = 1 / (1 + np.exp(-self.layer1 @ self.weights2))
    def loss(self):
        return np.sum((self.y - self.output) ** 2)
    def backprop(self):
        delta2 = 2 * (self.y - self.output) * self.output * (1 - self.output)
        delta1 = delta2 @ self.weights2.T * self.layer1 * (1 - self.layer1)
        d_weights1, d_weights2 = self.input.T @ delta1, self.layer1.T @ delta2
        self.weights1 += d_weights1
        self.weights2 += d_weights2
if __name__ == "__main__":
    network = Network(np.array([[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]]), np.array([[0], [1], [1], [0]]))
    for _ in range(3):
        network.feedforward()
        network.backprop()
"""
# two objects of one class, of whose one array nothing says that grad is its gradient; vg is gamma's velocity
TABLES = """import numpy as np
class Table:
    def __init__(self, n, *shape):
        self.rows_of = np.random.randn(n, *shape)
        self.grad = None
    def lookup(self, at):
        self.at = at
        return self.rows_of[at]
    def backward(self, d):
        self.grad = np.zeros_like(self.rows_of)
        np.add.at(self.grad, self.at, d)
class Model:
    def __init__(self):
        self.linear, self.factors = Table(9), Table(9, 4)
    def loss(self, at, t):
        self.vectors = self.factors.lookup(at)
        self.total = self.vectors.sum(axis=1)
        pairs = 0.5 * (self.total**2 - (self.vectors**2).sum(axis=1)).sum(axis=1)
        self.off = self.linear.lookup(at).sum(axis=1) + pairs - t
        return 0.5 * np.sum(self.off**2)
    def backward(self):
        self.linear.backward(self.off[:, None] * np.ones(self.linear.at.shape))
        self.factors.backward(self.off[:, None, None] * (self.total[:, None] - self.vectors))
if __name__ == "__main__":
    model = Model()
    for _ in range(2):
        model.loss(np.random.randint(0, 9, (20, 3)), np.random.randn(20))
        model.backward()
"""
MOMENTUM = """import numpy as np
class Scale:
    def __init__(self, n):
        self.gamma, self.beta = np.ones(n), np.zeros(n)
        self.vg, self.vb = np.zeros(n), np.zeros(n)
    def forward(self, x):
        self.x = x
        return x * self.gamma + self.beta
    def backward(self, d):
        back = d * self.gamma
        self.vg = 0.5 * self.vg - 0.02 * (d * self.x).sum(axis=0)
        self.vb = 0.5 * self.vb - 0.02 * d.sum(axis=0)
        self.gamma = self.gamma + self.vg
        self.beta = self.beta + self.vb
        return back
def train(layer, x, t):
    off = layer.forward(x) - t
    layer.backward(off / len(x))
    return 0.5 * np.sum(off**2) / len(x)
if __name__ == "__main__":
    layer = Scale(4)
    for _ in range(5):
        train(layer, np.random.randn(20, 4), np.random.randn(20, 4))
"""
# nothing calls the cost, but its gradient is called with the same arguments
UNCALLED = """import numpy as np
def cost(theta, data, n, k):
    W = theta[: n * k].reshape(n, k)
    return 0.5 * np.sum((np.tanh(data @ W) @ W.T - data) ** 2) / len(data)
def cost_grad(theta, data, n, k):
    W = theta[: n * k].reshape(n, k)
    h = np.tanh(data @ W)
    off = (h @ W.T - data) / len(data)
    return (data.T @ (off @ W * (1 - h**2)) + off.T @ h).ravel()
def train():
    n, k = 5, 3
    theta, data = np.random.randn(n * k), np.random.randn(100, n)
    for _ in range(3):
        theta = theta - 0.1 * cost_grad(theta, data, n, k)
if __name__ == "__main__":
    train()
"""


def checked(tmp_path, text, *changes):
    for before, after in changes:
        assert text.count(before) == 1
        text = text.replace(before, after)
    path = tmp_path / "mine.py"
    path.write_text(text)
    return file.check(path, seconds=20)


def test_an_average_of_weights_and_a_queue_are_no_parameters(tmp_path):
    said = checked(tmp_path, SLOW)
    assert said.verdict == "ok" and len(said.to_dict()["gradients"]) == 1
    assert any("no gradient was found for self.queue" in note for note in said.notes)
    said = checked(tmp_path, SLOW, ("(1 - made**2)", "(1 - made)"))
    assert [f["line"] for f in said.to_dict()["findings"]] == [12]


def test_of_two_steps_in_one_function_the_second_is_told_as_not_judged(tmp_path):
    said = checked(tmp_path, PLAYERS)
    assert said.verdict == "inconclusive"
    assert [g["verdict"] for g in said.to_dict()["gradients"]] == ["ok"]
    assert "gen was not compared" in " ".join(said.to_dict()["certain"])


def test_samples_that_are_taken_as_given_are_no_mistake_and_not_called_right(tmp_path):
    said = checked(tmp_path, CONTRAST)
    assert said.verdict == "inconclusive" and not said.to_dict()["findings"]
    assert "all is right with made of line 10" in " ".join(said.to_dict()["certain"])
    assert checked(tmp_path, CONTRAST, ("(t - s).mean(axis=0)", "(t - s).sum(axis=0)")).verdict == "wrong"


def test_a_loss_of_what_forward_has_left_and_a_step_of_one_gradient(tmp_path):
    assert checked(tmp_path, TUTORIAL).verdict == "ok"
    said = checked(tmp_path, TUTORIAL, ("@ self.weights2.T * self.layer1 *", "@ self.weights2.T *"))
    assert [f["line"] for f in said.to_dict()["findings"]] == [14]


def test_the_only_array_of_an_object_has_its_gradient_in_grad_right_or_wrong(tmp_path):
    assert checked(tmp_path, TABLES).verdict == "ok"
    said = checked(
        tmp_path, TABLES, ("self.total[:, None] - self.vectors", "self.total[:, None] - 2 * self.vectors")
    )
    assert [f["line"] for f in said.to_dict()["findings"]] == [23]


def test_a_velocity_may_have_a_shortened_name(tmp_path):
    assert checked(tmp_path, MOMENTUM).verdict == "ok"


def test_a_cost_that_nothing_calls_is_given_what_its_gradient_is_given(tmp_path):
    assert checked(tmp_path, UNCALLED).verdict == "ok"
    said = checked(tmp_path, UNCALLED, ("+ off.T @ h", "+ 2 * off.T @ h"))
    assert [f["line"] for f in said.to_dict()["findings"]] == [9]


# the gradients are the attributes of an object, under the names of the parameters
HELD = """from dataclasses import dataclass
import numpy as np
@dataclass
class Slopes:
    w: np.ndarray
    v: np.ndarray
def loss(x, t, w, v):
    h = np.tanh(x @ w)
    return 0.5 * np.sum((h @ v - t) ** 2)
def loss_grad(x, t, w, v):
    h = np.tanh(x @ w)
    d = h @ v - t
    return Slopes(w=x.T @ (d @ v.T * (1 - h**2)), v=h.T @ d)
def inputs(rng):
    n = int(rng.integers(4, 8))
    w, v = rng.normal(size=(3, 5)), rng.normal(size=(5, 2))
    return dict(x=rng.normal(size=(n, 3)), t=rng.normal(size=(n, 2)), w=w, v=v)
"""
# a method that names its own class
OWN = """import numpy as np
class Affine:
    def __init__(self, w, b):
        self.w, self.b = w, b
    def loss(self, x, t):
        self.x, self.off = x, x @ self.w + self.b - t
        return 0.5 * np.sum(self.off**2)
    def backward(self):
        return Affine(self.x.T @ self.off, self.off.sum(axis=0))
if __name__ == "__main__":
    layer = Affine(np.random.randn(4, 3), np.zeros(3))
    layer.loss(np.random.randn(20, 4), np.random.randn(20, 3))
    layer.backward()
"""


def test_gradients_in_an_object_are_judged_right_or_wrong(tmp_path):
    assert checked(tmp_path, HELD).verdict == "ok"
    said = checked(tmp_path, HELD, ("(1 - h**2)", "(1 - h)"))
    assert [f["line"] for f in said.to_dict()["findings"]] == [13]


def test_a_method_that_names_its_own_class_can_be_searched(tmp_path):
    assert checked(tmp_path, OWN).verdict == "ok"
    said = checked(tmp_path, OWN, ("off.sum(axis=0)", "off.mean(axis=0)"))
    assert [f["line"] for f in said.to_dict()["findings"]] == [9]
