"""Inputs that once fooled the checker, crashed its report, or frightened its reader,
each with what is right.
"""

import inspect
import warnings

import numpy as np
import pytest

import minigen as mg
from minigen.check import check_gradients, check_vjp
from minigen.check.stencil import generator
from minigen.exercises.judge import Draws, OutOfDraws, judge
from minigen.exercises.master import all_masters
from minigen.testing import GradientMismatch, assert_gradients

D = np.random.default_rng


def by_vjp(forward, backward, inputs):
    return check_vjp(forward, backward, inputs).verdict


def by_assert(forward, backward, inputs):
    try:
        return assert_gradients(forward, backward, inputs, seconds=0).verdict
    except GradientMismatch as error:
        return error.report.verdict


both = pytest.mark.parametrize("verdict", [by_vjp, by_assert])


def layer_norm(x):
    c = x - x.mean(axis=1, keepdims=True)
    return c / np.sqrt((c**2).mean(axis=1, keepdims=True))


def batch_norm(x):
    c = x - x.mean(axis=0)
    return c / np.sqrt((c**2).mean(axis=0))


@both
@pytest.mark.parametrize("forward", [layer_norm, batch_norm, lambda x: x / np.linalg.norm(x)])
def test_zeros_do_not_pass_when_the_person_draws_with_the_same_seed(verdict, forward):
    x = D(0).standard_normal((5, 3))
    assert verdict(forward, lambda g, x: {"x": 0 * x}, {"x": x}) == "wrong"


def test_the_random_numbers_are_nobody_elses():
    own = generator(0).standard_normal(15)
    children = [D(s) for s in np.random.SeedSequence(0).spawn(20)]
    for other in (D(0), D([0, 0]), D([*b"minigen", 0]), D(1), *children):
        assert not np.isin(own, other.standard_normal(1000)).any()
    assert np.array_equal(own, generator(0).standard_normal(15))
    assert not np.isin(own, generator(0, 1).standard_normal(1000)).any()


@both
@pytest.mark.parametrize(
    ("slope", "right"), [(1000.0, "wrong"), (-0.1, "wrong"), (1.1, "wrong"), (0.0, "ok"), (0.5, "ok")]
)
def test_a_claim_at_a_kink_lies_between_the_sides(verdict, slope, right):
    x = np.array([0.0, 0, 1, -1, 2, -3])
    backward = lambda g, x: {"x": g * np.where(x == 0, slope, x > 0)}  # noqa: E731
    assert verdict(lambda x: np.maximum(x, 0), backward, {"x": x}) == right


@both
@pytest.mark.parametrize("small", [1e-7, 1e-10, 1e-20])
def test_a_small_entry_is_seen_beside_a_large_one(verdict, small):
    s, x = np.array([1, small]), D(3).normal(size=2)
    assert verdict(lambda x: s * np.sin(x), lambda g, x: {"x": g * s * np.cos(x)}, {"x": x}) == "ok"
    assert (
        verdict(lambda x: s * np.sin(x), lambda g, x: {"x": g * s * np.cos(x) * [1, -1]}, {"x": x}) == "wrong"
    )


def test_nothing_compared_is_inconclusive():
    empty = [np.zeros((0, 3)), np.ones((3, 2))]
    assert (
        by_vjp(lambda x, w: x @ w, lambda g, x, w: {"x": 7 * g @ w.T, "w": -x.T @ g}, empty) == "inconclusive"
    )
    dead = [-1 - D(3).random(4)]
    assert by_vjp(lambda x: np.maximum(x, 0) ** 2, lambda g, x: -99 * g * (x > 0), dead) == "inconclusive"
    right = check_vjp(lambda x: np.maximum(x, 0) ** 2, lambda g, x: 2 * g * np.maximum(x, 0), dead)
    assert right.verdict == "inconclusive" and "nothing was compared" in right.records[0].reason


@both
def test_rounding_inside_the_forward_frightens_nobody(verdict):
    x = {"x": D(3).normal(size=(4, 3))}
    assert verdict(lambda x: (x + 1e12) - 1e12, lambda g, x: {"x": g}, x) == "inconclusive"
    assert verdict(lambda x: (x + 1e12) - 1e12, lambda g, x: {"x": 0 * g}, x) == "inconclusive"


@both
def test_a_loss_is_judged_at_g_1(verdict):
    def loss(x):
        return float((x * x).sum())

    x = {"x": np.array([1.0, -2, 3])}
    assert verdict(loss, lambda g, x: {"x": 2 * g * x}, x) == "ok"
    assert verdict(loss, lambda x: {"x": 2 * x}, x) == "ok"
    assert verdict(loss, lambda x: {"x": 3 * x}, x) == "wrong"
    worst = check_vjp(loss, lambda x: {"x": 3 * x}, x).records[0]
    assert worst.worst["hand"] == 9 and abs(worst.worst["differences"] - 6) < 1e-6


def test_a_report_prints_whatever_is_in_it():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        report = check_vjp(np.sqrt, lambda g, x: g * np.log(x - 1), [np.array([1.0, 2.0])])
        nan = check_vjp(np.sqrt, lambda g, x: g * np.nan, [np.array([1.0, 2.0])])
    for r in (report, nan):
        assert "WRONG" in str(r) and "WRONG" in r._repr_html_() and not r.ok
        with pytest.raises(AssertionError, match="NaN or infinity"):
            r.assert_ok()


def test_every_calling_style_is_understood_or_refused_with_the_cure():
    x, w = D(7).normal(size=(5, 4)), D(8).normal(size=(4, 3))

    def backward(dout, cache):
        x, w = cache
        return dout @ w.T, x.T @ dout

    class Dense:
        def __init__(self):
            self.dw = np.zeros_like(w)

        def forward(self, x, w):
            self.x, self.w = x, w
            return x @ w

        def backward(self, g):
            self.dw += self.x.T @ g
            return g @ self.w.T

    assert check_vjp(lambda x, w: (x @ w, (x, w)), backward, [x, w]).ok
    with pytest.raises(TypeError, match=r"it wants a cache: let forward return \(y, cache\)"):
        check_vjp(lambda x, w: x @ w, backward, [x, w])
    layer = Dense()
    (r,) = check_vjp(layer.forward, layer.backward, [x, w]).records
    assert r.verdict == "wrong" and "pass lambda g: (layer.backward(g), layer.dw)" in r.reason

    def clean(g):
        layer.dw[:] = 0
        return layer.backward(g), layer.dw.copy()

    for inputs in (
        [x, w],
        (x, w),
        {"x": x, "w": w},
        lambda rng: {"x": rng.normal(size=(int(rng.integers(2, 6)), 4)), "w": w},
    ):
        assert (
            check_vjp(layer.forward, clean, inputs).ok and assert_gradients(layer.forward, clean, inputs).ok
        )
    for _ in range(2):  # the second time in the same process, too
        report = check_vjp(layer.forward, lambda g: (layer.backward(g), layer.dw), [x, w])
        assert "adds the same again" in report.records[1].reason
    assert not layer.dw.any()  # and the layer is what it was


def test_a_model_is_after_a_check_what_it_was():
    norm = mg.nn.BatchNorm(3, dtype=np.float64)
    x = D(0).normal(size=(5, 3)) + 4
    norm.weight.grad = np.ones(3)
    assert check_gradients(norm, [x]).ok
    assert not norm.running_mean.any() and (norm.weight.grad == 1).all()
    assert check_gradients(lambda x: mg.tanh(norm(x)), [x]).ok and not norm.running_mean.any()


def test_numbers_are_not_named_after_sizes():
    x = D(5).normal(size=(6, 5))
    for factor in (3, 1 / 3, 7, 2.5):
        with pytest.raises(GradientMismatch) as caught:
            assert_gradients(
                lambda x: (x**2).sum() / 2, lambda x, c=factor: {"x": c * x}, {"x": x}, seconds=0
            )
        assert "shape[" not in str(caught.value)


@pytest.mark.parametrize("id", ["gradient-penalty-first-step", "gradient-penalty-double-backward"])
def test_a_wrong_answer_without_a_name_is_answered_in_time(id):
    master = all_masters()[id]
    module = master.module()
    sizes = {k: 1 if k == "N" else v for k, v in module.CONFIGS[0].items() if k != "why"}
    assert module.inputs(D(0), **sizes)  # the draw that never ended

    def backward(**given):
        return {n: v**3 for n, v in right(**given).items()}

    names = {}
    exec(master.solution(), names)
    right = names["backward"]
    assert judge(master, _with_signature(backward, right)).status in ("wrong", "error")


def _with_signature(function, like):
    def backward(*args, **given):
        return function(**inspect.signature(like).bind(*args, **given).arguments)

    backward.__signature__ = inspect.signature(like)
    return backward


def test_a_master_cannot_draw_for_ever():
    rng = Draws(D(0))
    with pytest.raises(OutOfDraws):
        while True:
            rng.standard_normal(3)


def test_a_failure_of_minigen_is_not_blamed_on_the_file(monkeypatch):
    master = all_masters()["dense"]
    names = {}
    exec(master.solution(), names)
    monkeypatch.setattr(
        "minigen.exercises.judge.judge_lines", lambda *a, **k: {}["a mistake of minigen's own"]
    )
    result = judge(master, names["backward"])
    assert (
        result.status == "inconclusive"
        and "no fault of your file" in result.message
        and result.exception is None
    )
