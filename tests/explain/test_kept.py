"""Where people keep parameters and gradients, what they call a gradient, and what is no gradient."""

from minigen.explain import file

# a list of weights in a part of the model, and a list of their gradients beside it
TOWER = """import numpy as np
class Tower:
    def __init__(self, sizes):
        self.W = [np.random.randn(a, b) for a, b in zip(sizes, sizes[1:])]
        self.g_W = []
    def run(self, x):
        seen = [x]
        for W in self.W:
            x = np.tanh(x @ W)
            seen.append(x)
        return x, seen
    def back(self, d, seen):
        self.g_W = [None] * len(self.W)
        for i in reversed(range(len(self.W))):
            d = d * (1 - seen[i + 1] ** 2)
            self.g_W[i] = seen[i].T @ d
            d = d @ self.W[i].T
class Model:
    def __init__(self):
        self.tower, self.scale, self.g_scale = Tower([4, 5, 3]), np.ones(3), np.zeros(3)
    def forward(self, x):
        h, seen = self.tower.run(x)
        return h * self.scale, (h, seen)
    def backward(self, g, cache):
        h, seen = cache
        self.g_scale = (g * h).sum(axis=0)
        self.tower.back(g * self.scale, seen)
if __name__ == "__main__":
    model = Model()
    out, cache = model.forward(np.random.randn(20, 4))
    model.backward(out, cache)
"""
# the file itself calls backward with 1.0
SCALED = """import numpy as np
def cost_forward(x, w):
    off = x @ w
    return 0.5 * np.sum(off**2), (x, off)
def cost_backward(dcost, cache):
    x, off = cache
    return {"w": dcost * x.T @ off}
if __name__ == "__main__":
    x, w = np.random.randn(30, 4), np.random.randn(4)
    for _ in range(5):
        cost, cache = cost_forward(x, w)
        w = w - 0.01 * cost_backward(1.0, cache)["w"]
"""
# the only gradient is wrong: it is judged, and not the cost beside it
FLAT = """import numpy as np
def apart(theta):
    return theta[:12].reshape(4, 3), theta[12:]
def squash(z):
    return np.tanh(z)
def made(theta, data, lam):
    W, c = apart(theta)
    h = squash(W @ data + c[:, None])
    fit = 0.5 * np.sum(h**2) / data.shape[1]
    cost = fit + 0.5 * lam * np.sum(W**2)
    da = h * (1 - h**2) / data.shape[1]
    Wgrad = da @ data.T + lam * W
    cgrad = da.sum(axis=1)
    grad = np.concatenate([Wgrad.ravel(), cgrad])
    return cost, grad
def inputs(rng):
    return dict(theta=rng.normal(size=16), data=rng.normal(size=(3, int(rng.integers(4, 8)))), lam=0.1)
"""
# of the critic two steps are taken in one function; the generator's loss goes back through it without a step
PLAYERS = """import numpy as np
class Critic:
    def __init__(self, n):
        self.u, self.rate, self.speed = np.random.randn(n), 0.05, {}
    def forward(self, x):
        self.x, self.h = x, np.tanh(x)
        return self.h @ self.u
    def backward(self, d, learn=True):
        dh = np.outer(d, self.u)
        if learn:
            self.update("u", self.h.T @ d)
        return dh * (1 - self.h**2)
    def update(self, name, grad):
        self.speed[name] = 0.0 * self.speed.get(name, 0.0) - self.rate * grad
        setattr(self, name, getattr(self, name) + self.speed[name])
class Maker:
    def __init__(self, k, n):
        self.A, self.rate = np.random.randn(k, n), 0.05
    def forward(self, z):
        self.z = z
        return z @ self.A
    def backward(self, dx):
        dA = self.z.T @ dx
        self.A -= self.rate * dA
def critic_step(C, real, fake):
    s = C.forward(real)
    loss = 0.5 * np.mean((s - 1) ** 2)
    C.backward((s - 1) / len(s))
    s = C.forward(fake)
    loss += 0.5 * np.mean(s**2)
    C.backward(s / len(s))
    return loss
def maker_step(M, C, z):
    s = C.forward(M.forward(z))
    loss = 0.5 * np.mean((s - 1) ** 2)
    M.backward(C.backward((s - 1) / len(s), learn=False))
    return loss
if __name__ == "__main__":
    np.random.seed(0)
    C, M = Critic(3), Maker(2, 3)
    for _ in range(20):
        critic_step(C, np.random.randn(16, 3), M.forward(np.random.randn(16, 2)))
        maker_step(M, C, np.random.randn(16, 2))
"""
# a rate of 1.0 is a rate; the pieces lie in each other's hands; the decay is one of the loss
FRIENDS = """import numpy as np
class Point:
    def __init__(self, n):
        self.v, self.post = np.random.randn(n), []
    def settle(self, rate):
        self.v = self.v - rate * sum(self.post)
        self.post = []
class Pairs:
    def __init__(self):
        self.points = {name: Point(3) for name in "abc"}
        self.pairs = [("a", "b", 0.3), ("b", "c", -0.4), ("a", "c", 0.9)]
        self.pull = 0.05
    def objective(self):
        off = [self.points[p].v @ self.points[q].v - r for p, q, r in self.pairs]
        return 0.5 * sum(o**2 for o in off) + 0.5 * self.pull * sum(p.v @ p.v for p in self.points.values())
    def epoch(self, rate):
        loss = self.objective()
        for p, q, r in self.pairs:
            one, two = self.points[p], self.points[q]
            off = one.v @ two.v - r
            one.post.append(off * two.v)
            two.post.append(off * one.v)
        for point in self.points.values():
            point.post.append(self.pull * point.v)
        for point in self.points.values():
            point.settle(rate)
        return loss
if __name__ == "__main__":
    np.random.seed(1)
    model = Pairs()
    for _ in range(3):
        print(model.epoch(rate=1.0))
"""
# backward meets the layers in the other order, and its list keeps it
REVERSED = """import numpy as np
def net_loss(net, x):
    (W, b), (v, c) = net
    h = np.tanh(x @ W + b)
    off = h @ v + c
    return 0.5 * np.sum(off**2), (x, h, off)
def net_grads(net, cache):
    (W, b), (v, c) = net
    x, h, off = cache
    da = np.outer(off, v) * (1 - h * h)
    return [[h.T @ off, np.array([off.sum()])], [x.T @ da, da.sum(axis=0)]]
def inputs(rng):
    net = [[rng.normal(size=(3, 4)), rng.normal(size=4)], [rng.normal(size=4), np.zeros(1)]]
    return dict(net=net, x=rng.normal(size=(int(rng.integers(3, 6)), 3)))
"""
# an object that asks for its own attributes where it has none yet: copies must not
STORE = """import numpy as np
class Store:
    def __init__(self, n):
        self._parts = {"w": np.random.randn(n), "dw": np.zeros(n)}
    def __getattr__(self, name):
        if name not in self._parts:
            raise AttributeError(name)
        return self._parts[name]
class Net:
    def __init__(self):
        self.store = Store(3)
    def forward(self, x):
        self.x = x
        return np.tanh(x @ self.store.w)
    def backward(self, g):
        da = g * (1 - np.tanh(self.x @ self.store.w) ** 2)
        self.store._parts["dw"] = self.x.T @ da
        return np.outer(da, self.store.w)
net = Net()
def inputs(rng):
    return dict(x=rng.normal(size=(5, 3)))
"""


# names of another library; the loss's method is called as those of the layers are
TORCH = """import numpy as np
class Linear:
    def __init__(self, n, k):
        self.weight = np.random.randn(n, k)
    def updateOutput(self, inp):
        self.inp = inp
        return inp @ self.weight
    def updateGradInput(self, inp, gradOut):
        self.gradWeight = inp.T @ gradOut
        return gradOut @ self.weight.T
class Robust:
    def updateOutput(self, out, target):
        self.diff = out - target
        return np.sum(np.sqrt(1 + self.diff**2)) / len(out)
    def updateGradInput(self):
        return self.diff / np.sqrt(1 + self.diff**2) / len(self.diff)
class Stack:
    def __init__(self, layers):
        self.layers = layers
    def forward(self, x):
        self.tape = []
        for layer in self.layers:
            self.tape.append(x)
            x = layer.updateOutput(x)
        return x
    def backward(self, grad):
        for layer, inp in zip(reversed(self.layers), reversed(self.tape)):
            grad = layer.updateGradInput(inp, grad)
        return grad
if __name__ == "__main__":
    net, loss = Stack([Linear(4, 5), Linear(5, 3)]), Robust()
    for _ in range(3):
        x = np.random.randn(20, 4)
        value = loss.updateOutput(net.forward(x), x[:, :3])
        net.backward(loss.updateGradInput())
"""
# what a picture is made of is recorded by one function, and read by the backward of another's loss
RECORDED = """import numpy as np
class Picture:
    def __init__(self, image, heat):
        self.image, self.heat = image, heat
def draw(scene, at):
    heat = np.exp(-((at[:, None] - scene["place"]) ** 2))
    return Picture(heat @ scene["colour"], heat)
def loss(scene, at, target):
    return 0.5 * np.sum((draw(scene, at).image - target) ** 2)
def backward(scene, picture, at, target):
    off = picture.image - target
    dheat = off @ scene["colour"].T * picture.heat * 2 * (at[:, None] - scene["place"])
    return {"colour": picture.heat.T @ off, "place": dheat.sum(axis=0)}
if __name__ == "__main__":
    scene = {"place": np.random.randn(4), "colour": np.random.randn(4, 3)}
    at, target = np.random.randn(25), np.random.randn(25, 3)
    for _ in range(5):
        grads = backward(scene, draw(scene, at), at, target)
        scene = {k: v - 0.01 * grads[k] for k, v in scene.items()}
    print(loss(scene, at, target))
"""


def check(tmp_path, text, seconds=0, **options):
    path = tmp_path / "mine.py"
    path.write_text(text)
    return file.check(path, seconds=seconds, **options).to_dict()


def compared(said):
    return {g["name"].rpartition(": ")[2]: g["verdict"] for g in said["gradients"]}


def changed(text, before, after):
    assert text.count(before) == 1
    return text.replace(before, after)


def test_the_gradients_in_a_list_of_a_part_are_compared(tmp_path):
    said = check(tmp_path, TOWER)
    assert said["verdict"] == "ok" and {"self.tower.g_W[0]", "self.tower.g_W[1]"} <= compared(said).keys()
    said = check(tmp_path, changed(TOWER, "seen[i].T @ d", "seen[i].T @ d / len(d)"), 20)
    assert [f["line"] for f in said["findings"]] == [16]


def test_a_parameter_without_a_gradient_is_told(tmp_path):
    said = check(tmp_path, changed(TOWER, "            self.g_W[i] = seen[i].T @ d\n", ""))
    assert any("no gradient was found for self.tower.W[0], self.tower.W[1]" in note for note in said["notes"])
    assert not any("no gradient was found" in note for note in check(tmp_path, TOWER)["notes"])


def test_what_the_file_gives_backward_is_an_upstream_gradient(tmp_path):
    assert check(tmp_path, SCALED)["verdict"] == "ok"
    ignored = check(tmp_path, changed(SCALED, "dcost * x.T @ off", "x.T @ off"))
    assert ignored["verdict"] == "wrong"


def test_the_only_gradient_is_judged_though_it_is_wrong_and_not_the_cost(tmp_path):
    assert compared(check(tmp_path, FLAT)) == {"grad": "ok"}
    said = check(tmp_path, changed(FLAT, "da @ data.T +", "2 * da @ data.T +"), 20)
    assert compared(said) == {"grad": "wrong"} and [f["line"] for f in said["findings"]] == [12]


def test_the_worst_entry_of_a_large_gradient_is_found_where_few_are_compared(tmp_path):
    said = check(tmp_path, changed(FLAT, "da.sum(axis=1)", "da.sum(axis=1) * (np.arange(4) == 3)"))
    assert said["gradients"][0]["error"] > 0.01


def test_steps_through_another_player_are_judged_and_two_in_one_function_are_not(tmp_path):
    said = check(tmp_path, PLAYERS)
    assert said["verdict"] != "wrong" and "the change of M.A" in compared(said)
    said = check(tmp_path, changed(PLAYERS, "dh * (1 - self.h**2)", "dh * (1 - self.x**2)"), 20)
    assert [f["line"] for f in said["findings"]] == [12]


def test_a_rate_of_one_stays_what_it_is_and_a_decay_that_the_loss_has_is_no_other(tmp_path):
    said = check(tmp_path, FRIENDS)
    assert said["verdict"] == "ok" and len(said["gradients"]) == 3
    assert (
        check(tmp_path, changed(FRIENDS, "append(off * one.v)", "append(-off * one.v)"))["verdict"] == "wrong"
    )


def test_layers_in_another_order_than_their_gradients(tmp_path):
    said = check(tmp_path, REVERSED)
    assert said["verdict"] != "wrong" and list(compared(said).values()).count("ok") >= 3


def test_an_object_with_a_getattr_of_its_own_can_be_copied(tmp_path):
    assert check(tmp_path, STORE)["verdict"] == "ok"


def test_a_function_that_gives_a_loss_and_gradients_is_told_where_it_was_not_judged(tmp_path):
    other = """
def other_loss(model, a, b):
    value, grad_a = model(a), np.zeros_like(a)
    for i in b:
        grad_a[i] += value
    return value, grad_a
"""
    said = check(tmp_path, SCALED.replace("if __name__", other.lstrip() + "if __name__"))
    assert said["verdict"] != "wrong" and any("other_loss was not judged" in s for s in said["certain"])


def test_a_loss_whose_method_is_called_as_those_of_layers_are_is_judged(tmp_path):
    said = check(tmp_path, TORCH)
    assert said["verdict"] == "ok" and "the gradient at out" in compared(said)
    said = check(tmp_path, changed(TORCH, " / len(self.diff)", " / self.diff.size"))
    assert said["verdict"] == "wrong"


def test_what_one_function_records_is_not_taken_for_any_that_another_reads(tmp_path):
    assert check(tmp_path, RECORDED)["verdict"] != "wrong"
