"""`check_gradients`: planted mistakes are found, right gradients never accused,
and what cannot be checked says so.
"""

import numpy as np
import planted
import pytest

import minigen as mg
from minigen.check import check_gradients
from minigen.engine.tape import registry


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("mistake", planted.MISTAKES)
def test_every_planted_mistake_is_rejected(mistake, seed):
    op, arguments = planted.MISTAKES[mistake]
    rng = np.random.default_rng(seed)
    report = check_gradients(op, [rng.normal(size=(5, 5)) for _ in range(arguments)], seed=seed)
    assert not report.ok and all(r.verdict != "inconclusive" for r in report.records)
    assert any("by tape differs from by differences" in r.reason for r in report.records)


@pytest.mark.parametrize("mistake", planted.MISTAKES)
def test_every_planted_mistake_is_rejected_in_a_large_tensor(mistake):
    op, arguments = planted.MISTAKES[mistake]
    rng = np.random.default_rng(0)
    report = check_gradients(op, [0.5 * rng.normal(size=(31, 31)) for _ in range(arguments)])
    assert any(r.verdict == "wrong" for r in report.records), report


def test_a_zeroed_entry_is_located():
    op, _ = planted.MISTAKES["one element zeroed"]
    for shape, every in (((5, 7), 400), ((31, 37), 400), ((31, 37), 2000)):
        x = np.random.default_rng(1).normal(size=shape)
        (r,) = check_gradients(op, [x], every=every).records
        assert (r.verdict, r.worst_index) == ("wrong", np.unravel_index(x.size // 2, shape))
        assert r.worst["tape"] == 0 and abs(r.worst["differences"]) > 1e-3


def test_planted_operations_stay_out_of_the_registry():
    assert all(op not in registry.values() for op, _ in planted.MISTAKES.values())


def networks():
    """Right gradients of all kinds; each takes (x, weight, bias, other) of matching shapes."""
    activations = mg.tanh, mg.sigmoid, mg.softplus, mg.relu, mg.leaky_relu, mg.elu, mg.abs
    for act in activations:
        yield lambda x, w, b, v, act=act: act(mg.dense(x, w, b)) @ v
        yield lambda x, w, b, v, act=act: (act(mg.dense(x, w, b)) @ v).mean()
    yield lambda x, w, b, v: mg.softmax(mg.dense(x, w, b)) @ v
    yield lambda x, w, b, v: mg.logsumexp(mg.dense(x, w, b) @ v, axis=1)
    yield lambda x, w, b, v: mg.max(mg.dense(x, w, b) @ v, axis=0)
    yield lambda x, w, b, v: 1e3 + mg.sum(mg.tanh(mg.dense(x, w, b) @ v))


def check_network(f, scale, seed):
    rng = np.random.default_rng(seed)
    return check_gradients(f, [scale * rng.normal(size=s) for s in ((5, 7), (7, 3), (3,), (3, 2))], seed=seed)


@pytest.mark.parametrize("seed", range(6))
def test_right_gradients_are_confirmed(seed):
    for f in networks():
        report = check_network(f, (0.1, 1.0)[seed % 2], seed)
        assert report.ok, report
        assert max(r.tape_vs_differences for r in report.records) < 1e-7


def test_right_gradients_are_never_accused_even_where_they_are_tiny():
    """Inputs of 3 saturate everything: gradients sink into the rounding of the loss, which is no mistake."""
    verdicts = [
        r.verdict for s in range(100, 106) for f in networks() for r in check_network(f, 3.0, s).records
    ]
    assert "wrong" not in verdicts
    assert verdicts.count("ok") > 0.9 * len(verdicts) > 350


@pytest.mark.parametrize("seed", range(3))
def test_right_gradients_of_large_tensors_are_never_accused(seed):
    rng = np.random.default_rng(seed)
    shapes = (7, 61), (61, 37), (37,), (37, 13)
    for f in networks():
        report = check_gradients(f, [0.3 * rng.normal(size=s) for s in shapes], seed=seed, every=50)
        assert report.ok, report


def test_right_second_derivatives_pass_and_wrong_ones_do_not():
    inputs = [np.random.default_rng(s).normal(size=(4, 3)) for s in range(2)]
    for f in (lambda x, y: mg.tanh(x) * y**3, lambda x, y: mg.softmax(x * y), lambda x, y: mg.relu(x) * y):
        report = check_gradients(f, inputs, order=2)
        assert report.ok, report
        assert [r.parameter for r in report.records] == ["x", "y", "x (2nd order)", "y (2nd order)"]

    def off_the_tape(x):
        return x.data if isinstance(x, mg.Tensor) else x

    raw = planted.operation(np.tanh, lambda g, out, x: g * (1 - off_the_tape(out) ** 2))
    first, second = check_gradients(raw, [inputs[0]], order=2).records
    assert (first.verdict, second.verdict) == ("ok", "wrong")
    assert second.tape_vs_differences > 0.1


def test_a_gradient_penalty_is_a_function_like_any_other():
    def penalty(x, w):
        y = mg.sum(mg.tanh(x @ w))
        (gx,) = mg.grad(y, [x], create_graph=True)
        return mg.sum((mg.sqrt(mg.sum(gx * gx, 1) + 1e-12) - 1) ** 2)

    rng = np.random.default_rng(0)
    report = check_gradients(penalty, [rng.normal(size=(5, 3)), rng.normal(size=(3, 2))])
    assert report.ok and report.records[0].method.startswith("order 6"), report


@pytest.mark.parametrize(("f", "slope"), [(mg.relu, 0), (mg.abs, 0), (lambda x: x * (x > 0), 0)])
def test_a_kink_at_exactly_zero_is_inconclusive(f, slope):
    (r,) = check_gradients(f, np.zeros((2, 3))).records
    assert (r.verdict, r.skipped) == ("inconclusive", 6) and "6 of 6 entries sit on a kink" in r.reason
    assert r.worst == {"tape": slope}


@pytest.mark.parametrize(
    "tie", [lambda x: mg.max(x, 1), lambda x: mg.maximum(x, 0 * x), lambda x: mg.clip(x, 0, 1)]
)
def test_ties_are_inconclusive(tie):
    (r,) = check_gradients(tie, np.zeros((3, 2))).records
    assert r.verdict == "inconclusive" and r.skipped >= 3


def test_a_few_kinks_are_left_out_and_counted():
    x = np.array([[0.0, 1.0, -2.0], [0.5, 0.0, 3.0]])
    (r,) = check_gradients(mg.relu, x).records
    assert (r.verdict, r.skipped) == ("ok", 2) and "2 of 6 entries" in r.reason
    wrong, _ = planted.MISTAKES["relu passes everything"]
    (r,) = check_gradients(wrong, x).records
    assert (r.verdict, r.skipped, r.worst_index) == ("wrong", 2, (0, 2))


@pytest.mark.parametrize("size", [1e-3, 1e-9, 1e-12])
def test_noise_drawn_inside_is_inconclusive(size):
    rng = np.random.default_rng(0)
    report = check_gradients(lambda x: mg.sum(x * x * (1 + size * rng.normal())), np.ones(3))
    assert not report.ok and report.records[0].verdict == "inconclusive"
    assert "noise drawn inside must become an argument" in report.records[0].reason


def test_a_loss_rounded_to_float32_is_never_called_wrong_or_ok():
    """Rounding at the end is seen in the values, rounding in the middle in the bars."""

    def low(x, y):
        return (x.astype(np.float32) @ y.astype(np.float32)).astype(x.dtype)

    half = planted.operation(low, lambda g, out, x, y: g @ y.T, lambda g, out, x, y: x.T @ g)
    cast = planted.operation(lambda x: x.astype(np.float32).astype(x.dtype), lambda g, out, x: g)
    for seed in range(20):
        rng = np.random.default_rng(seed)
        inputs = [rng.normal(size=(7, 5)), rng.normal(size=(5, 3))]
        for f in (
            lambda x, y: mg.tanh(half(x, y)),
            lambda x, y: mg.relu(half(x, y)),
            half,
            lambda x, y: cast(mg.sum(x @ y)),
            lambda x, y: mg.sum(mg.tanh(half(x, y))) / 7,
        ):
            report = check_gradients(f, inputs, seed=seed)
            assert {r.verdict for r in report.records} == {"inconclusive"}, report
            assert all("float32" in r.reason or "float64" in r.reason for r in report.records)


def test_float32_inputs_are_checked_on_a_float64_copy():
    x = np.random.default_rng(0).normal(size=(3, 2)).astype(np.float32)
    seen = []
    report = check_gradients(lambda x: seen.append(x.dtype) or mg.tanh(x), x)
    assert report.ok and report.records[0].tape_vs_differences < 1e-10
    assert report.notes == ["x is float32: a float64 copy was checked, as float32 is too coarse"]
    assert set(seen) == {np.dtype(np.float64)} and x.dtype == np.float32


def test_a_path_that_was_cut_is_explained():
    (r,) = check_gradients(lambda x: mg.sum(x.detach() ** 2), np.ones(3)).records
    assert r.verdict == "wrong" and "cut by detach()" in r.reason
    r, cut = check_gradients(lambda x, y: mg.sum(x * y.detach()), [np.ones(3), np.ones(3)]).records
    assert (r.verdict, cut.verdict) == ("ok", "wrong") and "no way from y" in cut.reason


def test_an_input_that_does_not_matter_has_gradient_zero():
    used, unused = check_gradients(lambda x, y: mg.tanh(x), [np.ones(3), np.ones(2)]).records
    assert used.verdict == unused.verdict == "ok" and unused.tape_vs_differences == 0
    (constant,) = check_gradients(lambda x: mg.Tensor(np.ones(2)), np.ones(3), order=2).records[1:]
    assert constant.verdict == "ok"


def test_a_gradient_that_is_zero_for_a_reason_is_ok():
    (r,) = check_gradients(
        lambda x: mg.sum(mg.softmax(x)) * 3, np.random.default_rng(0).normal(size=(4, 5))
    ).records
    assert (r.verdict, r.tape_vs_differences) == ("ok", 0)


def test_your_own_gradients_are_a_third_witness():
    x = np.random.default_rng(0).normal(size=(3, 2))

    def f(p):
        return mg.sum(mg.tanh(p["x"])) + p["c"] ** 2

    right = {"x": 1 - np.tanh(x) ** 2, "c": 3.0}
    report = check_gradients(f, {"x": x, "c": 1.5}, gradients=right)
    assert report.ok and all(r.hand_vs_tape < 1e-14 for r in report.records)
    r, c = check_gradients(f, {"x": x, "c": 1.5}, gradients={"x": 1 - np.tanh(x)}).records
    assert r.reason == "by hand differs from by tape and from by differences"
    assert c.hand_vs_tape is None and c.verdict == "ok"
    report = check_gradients(
        f, {"x": x, "c": 1.5}, gradients=lambda g, p: {"x": g * (1 - np.tanh(p["x"]) ** 2)}
    )
    assert report.ok and report.records[0].hand_vs_tape < 1e-14


def test_your_own_gradients_of_an_array_are_a_function_of_g():
    x, y = (np.random.default_rng(s).normal(size=(3, 3)) for s in range(2))
    report = check_gradients(mg.matmul, [x, y], gradients=lambda g, x, y: (g @ y.T, x.T @ g))
    assert report.ok and [r.parameter for r in report.records] == ["x", "y"]
    report = check_gradients(mg.matmul, [x, y], gradients=lambda g, x, y: (g @ y, x.T @ g))
    assert [r.verdict for r in report.records] == ["wrong", "ok"]
    with pytest.raises(
        ValueError, match=r"f gives shape \(3, 3\), so your gradients depend on what flows in"
    ):
        check_gradients(mg.matmul, [x, y], gradients=[x, y])


def test_a_gradient_of_your_own_with_another_shape_is_wrong_and_helped():
    def f(x, bias):
        return mg.sum(mg.tanh(x + bias))

    x, bias = np.ones((5, 7)), np.ones(7)
    full = 1 - np.tanh(x + bias) ** 2
    ok, wrong = check_gradients(f, [x, bias], gradients=[full, full]).records
    assert (ok.verdict, wrong.verdict) == ("ok", "wrong")
    assert "by hand gives shape (5, 7) for bias of shape (7,); .sum(axis=0) would fit" in wrong.reason
    assert wrong.tape_vs_differences < 1e-9


def test_forms_of_inputs():
    x = np.ones((2, 3))
    assert [r.parameter for r in check_gradients(lambda a, *rest: a * rest[0], [x, x]).records] == [
        "x0",
        "x1",
    ]
    assert check_gradients(mg.tanh, mg.Tensor(x)).records[0].parameter == "x"
    assert check_gradients(lambda p: p["a"] * 2, {"a": x}).records[0].subject == ""
    assert check_gradients(mg.tanh, [0.5]).records[0].shape == ()
    assert [r.parameter for r in check_gradients(mg.matmul, [x, x.T], wrt="y").records] == ["y"]
    assert check_gradients(mg.matmul, [x, x.T]).records[0].subject == "matmul"


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (
            lambda: check_gradients(mg.tanh, np.arange(3)),
            TypeError,
            "input x has dtype int64.*keep it out of the inputs",
        ),
        (lambda: check_gradients(mg.tanh, np.array([True])), TypeError, "input x has dtype bool"),
        (lambda: check_gradients(mg.tanh, np.array([1j])), TypeError, "complex128, and only real numbers"),
        (lambda: check_gradients(mg.tanh, []), ValueError, "there are no inputs to check"),
        (
            lambda: check_gradients(lambda x: x.data, np.ones(2)),
            TypeError,
            "must return a Tensor, got ndarray.*check_vjp",
        ),
        (lambda: check_gradients(mg.tanh, np.ones(2), order=3), ValueError, "order must be 1 or 2, got 3"),
        (
            lambda: check_gradients(lambda p: p["weight"], {"weight": np.ones(2)}, wrt=["wieght"]),
            ValueError,
            "wrt names 'wieght', but the inputs are weight; did you mean 'weight'",
        ),
        (
            lambda: check_gradients(lambda x: mg.sum(x), np.ones(2), gradients={"y": np.ones(2)}),
            ValueError,
            "gradients names 'y', but the inputs are x",
        ),
        (
            lambda: check_gradients(
                lambda x, y: mg.sum(x * y), [np.ones(2), np.ones(2)], gradients=[np.ones(2)]
            ),
            ValueError,
            "returned 1 gradients for 2 inputs: give one for each of x, y",
        ),
    ],
)
def test_what_cannot_be_checked_is_refused_with_a_reason(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_nothing_is_raised_unless_asked():
    report = check_gradients(planted.MISTAKES["sign"][0], np.ones(2))
    with pytest.raises(AssertionError, match="by tape differs from by differences"):
        report.assert_ok()
    check_gradients(mg.tanh, np.ones(2)).assert_ok()


def test_a_loss_that_is_not_finite_is_inconclusive():
    (r,) = check_gradients(lambda x: mg.sum(mg.log(x)), np.array([-1.0, 1.0])).records
    assert r.verdict == "inconclusive" and "detect_anomaly" in r.reason


def test_inputs_and_seed():
    x = np.random.default_rng(0).normal(size=(31, 31))
    before = x.copy()
    a, b, c = (check_gradients(mg.tanh, x, seed=s).records[0] for s in (0, 0, 1))
    assert a == b and a.tape_vs_differences != c.tape_vs_differences
    np.testing.assert_array_equal(x, before)


def test_on_every_device(device):
    rng = np.random.default_rng(0)
    w = device.array(rng.normal(size=(3, 2)))
    report = check_gradients(lambda x: mg.relu(x) @ w, rng.normal(size=(5, 3)), device=device.where, order=2)
    assert report.ok, report
    assert check_gradients(lambda x: mg.tanh(x @ w), device.array(np.ones((2, 3))), device=device.where).ok


def test_a_dict_goes_by_name_or_as_one_dict():
    def f(x, w):
        return (x * w).sum()

    inputs = {"x": np.ones(3), "w": np.ones(3)}
    assert check_gradients(f, inputs).ok
    assert check_gradients(lambda p, scale=2.0: (p["x"] * p["w"]).sum() * scale, inputs).ok
    with pytest.raises(TypeError, match=r"f takes 2 arguments \(x, w\), the inputs are named x, v"):
        check_gradients(f, {"x": np.ones(3), "v": np.ones(3)})
