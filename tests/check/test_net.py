"""The net: local Jacobians from values alone, and the gradients and parts that follow from them."""

import numpy as np
import pytest

from minigen.byhand.vae import vae_bernoulli
from minigen.check.net import Net, Problem

NAMES = {
    "W1": "encoder.weight",
    "b1": "encoder.bias",
    "Wmu": "mu.weight",
    "bmu": "mu.bias",
    "Wv": "logvar.weight",
    "bv": "logvar.bias",
    "W2": "decoder.weight",
    "b2": "decoder.bias",
    "W3": "output.weight",
    "b3": "output.bias",
}


def vae(net, x, eps, W1, b1, Wmu, bmu, Wv, bv, W2, b2, W3, b3, *, beta):
    N = len(x)
    h = net("h", np.tanh(x @ W1 + b1))
    mu, logvar = net("mu", h @ Wmu + bmu), net("logvar", h @ Wv + bv)
    z = net("z", mu + np.exp(logvar / 2) * eps)
    u = net("u", np.tanh(z @ W2 + b2))
    logits = net("logits", u @ W3 + b3)
    net.term("nll", (np.logaddexp(0, logits) - x * logits).sum() / N)
    net.term("kl", beta * 0.5 * (np.exp(logvar) + mu**2 - 1 - logvar).sum() / N)


@pytest.fixture(scope="module")
def problem():
    rng = np.random.default_rng(0)
    N, D, H, K = 5, 11, 7, 3
    shapes = [(D, H), (H,), (H, K), (K,), (H, K), (K,), (K, H), (H,), (H, D), (D,)]
    arrays = {n: 0.5 * rng.standard_normal(s) for n, s in zip(NAMES, shapes, strict=True)}
    return Problem(
        vae, {"x": rng.random((N, D)), "eps": rng.standard_normal((N, K)), **arrays}, {"beta": 0.7}
    )


def close(a, b, tolerance):
    return np.linalg.norm(a - b) <= tolerance * np.linalg.norm(b)


def test_gradients_equal_those_derived_by_hand(problem):
    p = {NAMES[n]: problem.arguments[n] for n in NAMES}
    loss, grads = vae_bernoulli(p, problem.arguments["x"], problem.arguments["eps"], beta=0.7)
    found = problem.gradients()
    assert np.isclose(problem.loss, loss, rtol=1e-14)
    for name, key in NAMES.items():
        assert close(found[name], grads[key], 1e-9), name  # measured: at most 2e-11


def test_bars_bound_the_error(problem):
    p = {NAMES[n]: problem.arguments[n] for n in NAMES}
    _, grads = vae_bernoulli(p, problem.arguments["x"], problem.arguments["eps"], beta=0.7)
    found = problem.gradients()
    for name in ("b3", "W3"):  # one step from the loss: the bar is that of the last Jacobian alone
        parts, bars = problem.parts(name, found)
        error, bar = np.abs(sum(parts.values()) - grads[NAMES[name]]), sum(bars.values())
        upstream = 1e-10 * np.abs(found["logits"]).max() * 5  # what the gradient at logits itself may be off
        assert (error <= 10 * bar + upstream).all()
        assert bar.max() < 1e-8


def test_parts_are_told_by_the_way_they_take(problem):
    truth, mu, logvar = problem.gradients(), problem.value("mu"), problem.value("logvar")
    parts, _ = problem.parts("mu", truth)
    assert set(parts) == {"z", "kl"}
    assert close(parts["z"], truth["z"], 1e-10)  # dz/dmu = 1
    assert close(parts["kl"], 0.7 * mu / 5, 1e-9)
    assert set(problem.parts("h", truth)[0]) == {"mu", "logvar"}
    parts, _ = problem.parts("logvar", truth)
    assert close(parts["z"], truth["z"] * 0.5 * np.exp(logvar / 2) * problem.value("eps"), 1e-9)


def test_own_gradients_are_used_where_given(problem):
    wrong = {"z": np.ones(problem.value("z").shape)}
    own = problem.gradients(wrong)
    assert own["z"] is wrong["z"]
    assert close(problem.parts("mu", own)[0]["z"], wrong["z"], 1e-10)
    # what comes before z in the backward pass stays true
    assert close(own["logits"], problem.gradients()["logits"], 1e-12)


def test_output_of_a_layer_gets_a_random_cotangent():
    def layer(net, x):
        net.output(np.tanh(x))

    x = np.linspace(-1, 1, 6).reshape(2, 3)
    problem = Problem(layer, {"x": x}, rng=np.random.default_rng(1))
    assert close(problem.gradients()["x"], problem.g * (1 - np.tanh(x) ** 2), 1e-10)
    assert np.unique(problem.g).size == 6  # not ones, not constant


def test_a_value_used_twice_has_two_parts():
    def layer(net, weight, x):
        h = net("h", x @ weight)
        net.output(h @ weight.T)

    rng = np.random.default_rng(2)
    x, weight = rng.standard_normal((5, 3)), rng.standard_normal((3, 2))
    problem = Problem(layer, {"weight": weight, "x": x}, rng=rng)
    g, parts = problem.g, problem.parts("weight", problem.gradients())[0]
    assert set(parts) == {"h", "y"}
    assert close(parts["y"], g.T @ (x @ weight), 1e-10) and close(parts["h"], x.T @ (g @ weight), 1e-10)


def test_kinks_are_found_and_near_ones_stepped_around():
    def layer(net, x):
        net.output(np.maximum(x, 0) + np.abs(x))

    x = np.array([-1.0, 0.0, 1e-3, 2e-5, 2.0])
    problem = Problem(layer, {"x": x})
    assert problem.sound("x").tolist() == [True, False, True, True, True]
    right = problem.g * np.array([-1, 0, 2, 2, 2])
    assert close(problem.gradients()["x"], right, 1e-9)


def test_steps_that_leave_the_domain_are_shortened():
    def layer(net, x):
        net.output(np.log(x))

    x = np.array([1e-3, 0.5, 2.0])  # the first step, 3e-3, would reach a negative number
    problem = Problem(layer, {"x": x})
    assert problem.sound("x").all()
    assert close(problem.gradients()["x"], problem.g / x, 1e-8)


def test_integers_are_constants_and_arguments_are_protected():
    def layer(net, x, label):
        net.output(x[np.arange(len(x)), label])

    problem = Problem(layer, {"x": np.ones((3, 2)), "label": np.array([0, 1, 0])})
    assert problem.order == ["y", "x"]

    def careless(net, x):
        x *= 2
        net.output(x)

    with pytest.raises(ValueError, match="read-only"):
        Problem(careless, {"x": np.ones(3)})


@pytest.mark.parametrize(
    ("forward", "message"),
    [
        (lambda net, x: [net("h", x), net("h", x)], "names 'h' twice"),
        (lambda net, x: [net.term("t", 1.0), net.term("t", 2.0)], "term 't' twice"),
        (lambda net, x: net("x", x), "'x' for two different things"),
        (lambda net, x: net("h", x), "there is no loss"),
        (lambda net, x: net.output(np.log(-x)), "not finite"),
        (lambda net, x: net.output(x * np.random.default_rng().random()), "other values the second time"),
    ],
)
def test_a_forward_that_cannot_be_differentiated_is_refused(forward, message):
    with np.errstate(all="ignore"), pytest.raises(ValueError, match=message):
        Problem(forward, {"x": np.ones(3)})


def test_elsewhere_is_the_same_forward_at_other_arguments(problem):
    other = problem.elsewhere({"eps": np.zeros((5, 3))})
    assert np.array_equal(other.value("z"), other.value("mu"))
    assert problem.elsewhere().loss != problem.loss


def test_a_net_that_holds_returns_what_it_holds():
    net = Net({"h": 3.0})
    assert net("h", 5.0) == 3.0 and net.values == {"h": 5.0}
