"""`check_vjp`: a backward in plain NumPy, the contract it must keep, and the sentence
for each way to break it.
"""

import numpy as np
import pytest

import minigen as mg
from minigen.byhand import layers
from minigen.check import check_vjp

RNG = np.random.default_rng(0)
X, W, B = RNG.normal(size=(5, 7)), RNG.normal(size=(7, 3)), RNG.normal(size=3)


def dense(x, weight, bias):
    return x @ weight + bias


def dense_backward(g, x, weight, bias):
    return g @ weight.T, x.T @ g, g.sum(0)


def tanh_backward(g, x):
    return g * (1 - np.tanh(x) ** 2)


def broken(backward, forward=np.tanh, inputs=(X,), **options):
    """The report on a backward that is expected to fail."""
    report = check_vjp(forward, backward, list(inputs), **options)
    assert not report.ok
    return report


@pytest.mark.parametrize("seed", range(5))
def test_a_right_backward_passes(seed):
    report = check_vjp(dense, dense_backward, [X, W, B], seed=seed)
    assert report.ok, report
    assert [(r.subject, r.parameter, r.shape) for r in report.records] == [
        ("dense", "x", (5, 7)),
        ("dense", "weight", (7, 3)),
        ("dense", "bias", (3,)),
    ]
    assert all(r.hand_vs_differences < 1e-8 and r.tape_vs_differences is None for r in report.records)


def test_all_forms_of_a_right_backward():
    def by_name(g, x, weight, bias):
        return {"bias": g.sum(0), "weight": x.T @ g, "x": g @ weight.T}

    assert check_vjp(dense, by_name, [X, W, B]).ok
    assert check_vjp(np.tanh, lambda g, x: (tanh_backward(g, x),), [X]).ok
    assert check_vjp(np.tanh, tanh_backward, X).ok
    assert check_vjp(lambda x: (x**2).sum(), lambda g, x: 2 * g * x, X).ok  # a number
    one_dict = {"x": X, "weight": W, "bias": B}
    assert check_vjp(lambda p: dense(**p), lambda g, p: by_name(g, **p), one_dict).ok
    assert check_vjp(layers.dense, None, [X, W, B]).ok  # a layer that returns its own backward


@pytest.mark.parametrize("kind", ["tanh", "relu", "sigmoid", "softplus", "leaky_relu", "elu"])
@pytest.mark.parametrize("seed", range(5))
def test_the_layers_by_hand_pass(kind, seed):
    x = np.random.default_rng(seed).normal(size=(5, 7))
    assert check_vjp(getattr(layers, kind), None, [x], seed=seed).ok


@pytest.mark.parametrize(
    ("mistake", "reason"),
    [
        (
            lambda g, x: 1 - np.tanh(x) ** 2 + 0 * g,
            "the gradient of x does not depend on g: the upstream gradient is 1 only at the loss",
        ),
        (lambda g, x: tanh_backward(g, x) + 1e-3, "the gradient of x is not 0 for g = 0: something is added"),
        (lambda g, x: g * tanh_backward(g, x), "not linear in g"),
        (lambda g, x: tanh_backward(g + 1e-3 * g * g, x), "not linear in g"),
        (lambda g, x: np.clip(tanh_backward(g, x), -0.1, 0.1), "not linear in g"),
        (lambda g, x: -tanh_backward(g, x), "by hand differs from by differences"),
        (lambda g, x: 0 * g, "by hand differs from by differences"),
        (lambda g, x: 1.005 * tanh_backward(g, x), "by hand differs from by differences"),
        (lambda g, x: g * (1 - x**2), "by hand differs from by differences"),
        (lambda g, x: tanh_backward(g, x)[::-1], "by hand differs from by differences"),
        (lambda g, x: tanh_backward(g, x) + np.nan, "by hand holds NaN or infinity 35 times"),
        (
            lambda g, x: tanh_backward(g, x).astype(np.float32),
            "has dtype float32 where everything given is float64: remove the cast",
        ),
        (lambda g, x: tanh_backward(g, x).astype(int), "has dtype int64 where everything given is float64"),
        (
            lambda g, x: tanh_backward(g, x).T,
            "gives shape (7, 5) for x of shape (5, 7); the axes are in another order",
        ),
        (lambda g, x: tanh_backward(g, x).ravel(), "the number of entries is right: is a reshape missing?"),
        (lambda g, x: tanh_backward(g, x)[:4], "gives shape (4, 7) for x of shape (5, 7)"),
        (lambda g, x: None, "backward returned nothing: is the return missing?"),
    ],
)
def test_every_mistake_has_its_sentence(mistake, reason):
    report = broken(mistake, forward=lambda x: np.tanh(x))
    (r,) = report.records
    assert r.verdict == "wrong" and reason in r.reason, report


def test_a_large_tensor_with_a_mistake():
    x = RNG.normal(size=(31, 37))
    report = broken(lambda g, x: tanh_backward(g, x) * np.where(x == x[17, 5], 0, 1), inputs=[x])
    assert report.records[0].worst_index == (17, 5)
    assert check_vjp(np.tanh, tanh_backward, x).ok


def test_a_softmax_that_gives_zeros_or_only_its_diagonal():
    def softmax(x):
        e = np.exp(x - x.max(-1, keepdims=True))
        return e / e.sum(-1, keepdims=True)

    def right(g, x):
        p = softmax(x)
        return p * (g - (g * p).sum(-1, keepdims=True))

    assert check_vjp(softmax, right, X).ok
    broken(lambda g, x: 0 * g, softmax)
    broken(lambda g, x: softmax(x) * (1 - softmax(x)) * g, softmax)


def test_gradients_of_a_broadcast_argument():
    report = broken(lambda g, x, b: (g, g), np.add, [X, RNG.normal(size=7)])
    ok, r = report.records
    assert ok.verdict == "ok" and ".sum(axis=0) would fit: what was broadcast" in r.reason
    report = broken(lambda g, x, b: (g, g), np.add, [X, RNG.normal(size=(5, 1))])
    assert ".sum(axis=1, keepdims=True) would fit" in report.records[1].reason


def test_gradients_that_cannot_be_matched_with_inputs():
    (r,) = broken(lambda g, *xs: dense_backward(g, *xs)[:2], dense, [X, W, B]).records
    assert r.parameter == "(backward)" and r.shape is None
    assert "returned 2 gradients for 3 inputs: give one for each of x, weight, bias" in r.reason
    (r,) = broken(lambda g, x: {"X": g}, lambda x: np.tanh(x)).records
    assert r.parameter == "(backward)" and "backward names 'X', but the inputs are x" in r.reason
    _, r, _ = broken(lambda g, *xs: {"x": g @ W.T, "bias": g.sum(0)}, dense, [X, W, B]).records
    assert r.parameter == "weight" and "no gradient for weight" in r.reason


def test_changes_in_place_are_seen():
    def spoils_g(g, x):
        g *= 1 - np.tanh(x) ** 2
        return g

    def spoils_x(g, x):
        x[...] = np.tanh(x)
        return g * (1 - x**2)

    def forward_spoils(x):
        np.tanh(x, out=x)
        return x

    place, r = broken(spoils_g).records
    assert (
        place.reason == "backward changes g in place, and others still need it: write g = g * a, not g *= a"
    )
    assert r.verdict == "ok"
    place, r = broken(spoils_x, lambda x: np.tanh(x)).records
    assert place.parameter == "(backward)" and "backward changes x in place" in place.reason
    place, *_ = broken(lambda g, x: g * (1 - x**2), forward_spoils).records
    assert place.parameter == "(forward)" and "forward changes x in place" in place.reason


def test_a_backward_with_a_memory():
    total, rng = np.zeros_like(X), np.random.default_rng(0)

    def adds_up(g, x):
        nonlocal total
        total = total + tanh_backward(g, x)
        return total

    (r,) = broken(adds_up, lambda x: np.tanh(x)).records
    assert (
        "two calls with the same arguments give different gradients of x: each adds the same again"
        in r.reason
    )
    (r,) = broken(lambda g, x: tanh_backward(g, x) * (rng.random(x.shape) < 0.8)).records
    assert "is noise drawn inside?" in r.reason


def test_noise_in_the_forward_is_inconclusive():
    rng = np.random.default_rng(0)
    report = broken(tanh_backward, lambda x: np.tanh(x) + rng.normal())
    assert report.records[0].verdict == "inconclusive" and "not deterministic" in report.records[0].reason


def test_kinks_are_told_from_mistakes_without_masks():
    def relu(x):
        return np.maximum(x, 0)

    def right(g, x):
        return g * (x > 0)

    x = X.copy()
    x[0, :3] = 0
    report = check_vjp(relu, right, x)
    assert report.ok and report.records[0].skipped == 3
    (r,) = broken(right, relu, [np.zeros((2, 2))]).records
    assert (r.verdict, r.skipped) == ("inconclusive", 4)
    (r,) = broken(lambda g, x: g, relu, [x]).records
    assert (r.verdict, r.skipped) == ("wrong", 3)


def test_labels_are_constants():
    labels = np.array([0, 2, 1, 2, 0])

    def cross_entropy(logits, labels):
        assert labels.dtype.kind == "i"
        return -np.log(np.exp(logits)[range(5), labels] / np.exp(logits).sum(1)).mean()

    def backward(g, logits, labels):
        p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        return g * (p - np.eye(3)[labels]) / 5, None

    report = check_vjp(cross_entropy, backward, [RNG.normal(size=(5, 3)), labels])
    assert report.ok and [r.parameter for r in report.records] == ["logits"]
    with pytest.raises(TypeError, match="input labels has dtype int64 and so no gradient"):
        check_vjp(cross_entropy, backward, [RNG.normal(size=(5, 3)), labels], wrt=["labels"])


def test_wrt_leaves_the_others_alone():
    report = check_vjp(dense, lambda g, x, weight, bias: {"weight": x.T @ g}, [X, W, B], wrt=["weight"])
    assert report.ok and [r.parameter for r in report.records] == ["weight"]


def test_float32_inputs_are_checked_on_a_copy():
    report = check_vjp(lambda x: np.tanh(x), tanh_backward, X.astype(np.float32))
    assert report.ok and report.notes == [
        "x is float32: a float64 copy was checked, as float32 is too coarse"
    ]
    report = check_vjp(lambda x: np.tanh(x.astype(np.float32)), tanh_backward, X)
    assert report.records[0].verdict == "inconclusive" and "float32" in report.records[0].reason


def test_a_forward_of_another_form_is_refused():
    with pytest.raises(
        TypeError, match="forward must return one array of real numbers, or .y, cache., got int64"
    ):
        check_vjp(lambda x: np.argmax(x), tanh_backward, X)
    with pytest.raises(TypeError, match="with backward=None, forward must return .y, backward., got ndarray"):
        check_vjp(lambda x: np.tanh(x), None, X)
    with pytest.raises(TypeError, match=r"got tuple; for one result of several, pass lambda"):
        check_vjp(lambda x: (np.tanh(x), x, x), tanh_backward, X)
    # what backward does not ask for is left
    assert check_vjp(lambda x: (np.tanh(x), {"x": x}), tanh_backward, X).ok
    with pytest.raises(TypeError, match="got Tensor"):
        check_vjp(lambda x: mg.Tensor(x), tanh_backward, X)


def test_an_error_inside_backward_is_the_persons_own():
    def raises(g, x):
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        check_vjp(np.tanh, raises, X)


def test_integers_are_not_passed_over_in_silence():
    report = check_vjp(dense, dense_backward, [np.arange(35).reshape(5, 7), W, B])
    assert report.ok and [r.parameter for r in report.records] == ["weight", "bias"]
    assert report.notes == [
        "x is int64 and was treated as a constant: use x.astype(float) to have it checked"
    ]
    assert report.notes[0] in str(report)
    only = check_vjp(lambda x: np.tanh(x), tanh_backward, [np.array([1, 2])])
    assert not only.ok and "x.astype(float)" in str(only)


def test_a_loss_that_is_not_finite_is_traced_in_plain_numpy():
    def forward(x):
        return np.log(x - x.min())

    (r,) = broken(lambda g, x: g / x, forward).records
    assert "divide by zero encountered in log, in line" in r.reason and "test_check_vjp.py" in r.reason
    assert "detect_anomaly" not in r.reason
    (r,) = broken(lambda g, x: g / x, lambda x: np.exp(1e4 + x)).records
    assert "overflow encountered in exp" in r.reason
    bad = X.copy()
    bad[2, 3] = np.nan
    (r,) = broken(tanh_backward, lambda x: np.tanh(x), [bad]).records
    assert "x[2, 3] is nan already" in r.reason
    (r,) = broken(lambda g, x: g, lambda x: x + float("inf")).records
    assert "print what forward computes" in r.reason


def test_how_forward_and_backward_are_called_is_said_when_they_fail():
    def another_order(a, b, c, g):
        return dense_backward(g, a, b, c)

    with pytest.raises(
        ValueError, match=r"backward is called as backward\(g, x, weight, bias\); it raised Val"
    ):
        check_vjp(dense, another_order, [X, W, B])
    # by name
    assert check_vjp(dense, lambda x, weight, bias, g: dense_backward(g, x, weight, bias), [X, W, B]).ok
    (r,) = broken(lambda g, x: g, dense, [X, W, B]).records
    assert "returned 1 gradients for 3 inputs: give one for each of x, weight, bias" in r.reason
    with pytest.raises(
        TypeError, match=r"called as backward\(g, x, weight, bias\); it raised TypeError.* other arg"
    ):
        check_vjp(dense, lambda a, b: a, [X, W, B])
    with pytest.raises(TypeError, match=r"forward is called as forward\(.*is the order \(forward, backw"):
        check_vjp(dense_backward, dense, [X, W, B])
    assert check_vjp(dense, dense_backward, {"x": X, "weight": W, "bias": B}).ok
    with pytest.raises(
        TypeError, match=r"dense takes 3 arguments \(x, weight, bias\), the inputs are named x, w, b"
    ):
        check_vjp(dense, dense_backward, {"x": X, "w": W, "b": B})


def test_a_wrong_report_points_to_the_explainer():
    x = np.array([0.5, -1.0])
    assert "minigen.explain(forward, backward, inputs)" in str(check_vjp(np.tanh, lambda g, x: g, [x]))
    assert "minigen.explain" not in str(check_vjp(np.tanh, lambda g, x: g * (1 - np.tanh(x) ** 2), [x]))
