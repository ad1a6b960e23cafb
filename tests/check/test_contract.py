"""The contract of a backward, and the traps into which other gradient checkers have fallen: each is shown to
be caught.
"""

import numpy as np
import pytest

from minigen.check.lines import judge_lines
from minigen.check.net import Problem
from minigen.testing import GradientMismatch, assert_gradients

# The traps of other checkers. Each of these gradients has passed somebody's test.


def layer(g, x, weight):
    return {"x": g @ weight.T, "weight": x.T @ g}


LAYER = {
    "x": np.random.default_rng(0).standard_normal((5, 3)),
    "weight": np.random.default_rng(1).standard_normal((3, 2)),
}


def refused(backward, forward=lambda x, weight: x @ weight, arguments=LAYER, seconds=0):
    """The error; with `seconds` above 0, what is wrong is searched for as well."""
    with pytest.raises(GradientMismatch) as caught:
        assert_gradients(forward, backward, arguments, seconds=seconds)
    return caught.value


def judged(backward):
    """The Table of a backward for a layer."""
    return judge_lines(
        Problem(lambda net, x, weight: net.output(x @ weight), LAYER), backward, ("x", "weight")
    )


def explained(*arguments):
    """(kind, sentence) of the first finding of an error, whose text tells it too."""
    error = refused(*arguments, seconds=10)
    (finding,) = error.explanation.findings
    assert finding.sentence in str(error)
    return finding.kind, finding.sentence


def test_trap_sum_as_cotangent():
    """With g = 1 everywhere a backward that ignores g is right; here g is random, and it is told."""
    assert_gradients(lambda x, weight: x @ weight, layer, LAYER)
    error = refused(lambda g, x, weight: layer(np.ones((5, 2)), x, weight))
    assert "does not depend on g" in str(error)


def test_trap_softmax_gradient_zero():
    """Under a constant cotangent the gradient of a softmax is 0, so a backward that returns 0 passes."""

    def softmax(x):
        e = np.exp(x - x.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    error = refused(lambda g, x: {"x": np.zeros_like(x)}, softmax, {"x": LAYER["x"]})
    assert error.report.verdict == "wrong"


def test_trap_tolerances_in_the_wrong_place():
    """With rtol = 2.7 and atol = 41 a gradient of zero passes, and one of opposite sign."""

    def opposite(g, x, weight):
        return {"x": -g @ weight.T, "weight": x.T @ g}

    error = refused(lambda g, x, weight: {"x": 0 * x, "weight": x.T @ g})
    assert [r.parameter for r in error.report.records if r.verdict == "wrong"] == ["x"]
    assert explained(opposite)[0] == "sign"


def test_trap_step_of_one_and_a_half():
    """A checker that divides by 2h what moved by 3h wants 1.5 times the gradient."""

    def too_much(g, x, weight):
        return layer(1.5 * g, x, weight)

    assert explained(too_much)[0] == "factor"


def test_trap_float32():
    """In float32 a difference is good to a thousandth, so a tolerance that lets it pass lets much pass."""

    def rounded(g, x, weight):
        return {
            "x": (g.astype(np.float32) @ weight.T.astype(np.float32)).astype(np.float64),
            "weight": x.T @ g,
        }

    assert [(f.node, f.kind) for f in judged(rounded).findings] == [("x", "dtype")]
    half = judged(lambda g, x, weight: {"x": (g @ weight.T).astype(np.float32), "weight": x.T @ g})
    assert {(f.node, f.kind) for f in half.findings} == {("x", "dtype")}
    for backward in (
        rounded,
        lambda g, x, weight: {"x": (g @ weight.T).astype(np.float32), "weight": x.T @ g},
    ):
        assert refused(backward).report.verdict == "wrong"


def test_trap_kink_at_exactly_zero():
    """At relu(0) the difference is 1/2, which is nobody's derivative: such an entry is left out and
    mentioned.
    """
    x = np.array([[-1.0, 0.0, 2.0], [0.5, -0.3, 0.0]])
    for at_zero in (0.0, 1.0):

        def backward(g, x, at_zero=at_zero):
            return {"x": g * np.where(x == 0, at_zero, x > 0)}

        report = assert_gradients(lambda x: np.maximum(x, 0), backward, {"x": x})
        assert report.records[0].skipped == 2 and "2 of 6 entries sit on a kink" in str(report)
    for wrong in (
        lambda x: x != 0,
        lambda x: np.where(x == 0, 2, x > 0),
        lambda x: np.where(x == 0, -1, x > 0),
    ):
        error = refused(lambda g, x, w=wrong: {"x": g * w(x)}, lambda x: np.maximum(x, 0), {"x": x})
        assert error.report.verdict == "wrong"


def test_only_kinks_is_inconclusive():
    with pytest.raises(GradientMismatch, match="inconclusive"):
        assert_gradients(lambda x: np.abs(x), lambda g, x: {"x": 0 * g}, {"x": np.zeros(3)})


# Kinks above, and broken promises above, are not held against the lines below

N, D, H = 5, 7, 3


def relu_layer(net, x, W):
    a = net("a", x @ W)
    net.output(np.where(a > 0, a, 0.2 * a))


def with_a_kink():
    x, W = np.random.default_rng(4).standard_normal((N, D)), np.random.default_rng(5).standard_normal((D, H))
    x[2] = 0  # so a[2] lies on the kink
    return Problem(relu_layer, {"x": x, "W": W})


def relu_backward(g, cache, x, W, slope=lambda a: np.where(a > 0, 1.0, 0.2)):
    ga = g * slope(cache["a"])
    return {"a": ga, "x": ga @ W.T, "W": x.T @ ga}


def test_a_kink_above_does_no_harm_below():
    """At a = 0 both slopes are right, so x, which is compared with what follows from this choice of them, is
    right.
    """
    found = judge_lines(with_a_kink(), relu_backward, ("a", "x", "W"))
    assert found.verdict == "ok" and found.lines[0].skipped == H


def test_entries_on_a_kink_are_left_out():
    def backward(g, cache, x, W):
        return relu_backward(g, cache, x, W, np.ones_like)

    found = judge_lines(with_a_kink(), backward, ("a", "x", "W"))
    assert [x.verdict for x in found.lines] == ["wrong", "consequence", "consequence"] and found.lines[
        0
    ].skipped == H


def test_a_promise_broken_above_is_not_held_against_the_lines_below():
    def backward(g, cache, x, W):
        return relu_backward(np.ones_like(g), cache, x, W)

    found = judge_lines(with_a_kink(), backward, ("a", "x", "W"))
    assert [(f.node, f.kind) for f in found.findings] == [("a", "ignored g")]
    assert [x.verdict for x in found.lines] == ["wrong", "consequence", "consequence"]


def test_a_change_in_place_is_told_beside_the_line_that_it_spoils():
    def backward(g, cache, x, W):
        out = relu_backward(g, cache, x, W)
        cache["a"] += x[:, :H] ** 3
        return {**out, "W": x.T @ (g * cache["a"])}

    found = judge_lines(with_a_kink(), backward, ("a", "x", "W"))
    assert [f.kind for f in found.findings] == ["in-place"]
    assert found.lines[2].verdict == "wrong"


# The contract


def test_shapes_come_with_the_reduction_that_repairs_them():
    def bias(g, x, bias):
        return {"x": g, "bias": g}

    arguments = {"x": LAYER["x"], "bias": np.ones(3)}
    kind, sentence = explained(bias, lambda x, bias: x + bias, arguments)
    assert kind == "reduction" and "axis 0" in sentence


STATE = {}


def remembers(g, x, weight):
    out = layer(g, STATE.get("x", x), weight)
    STATE["x"] = x.copy()
    return out


def adds_up(g, x, weight):
    STATE["sum"] = STATE.get("sum", 0) + x.T @ g
    return {"x": g @ weight.T, "weight": STATE["sum"]}


def changes_g(g, x, weight):
    out = layer(g, x, weight)
    g *= 0
    return out


def clips(g, x, weight):
    return layer(np.clip(g, -0.5, 0.5), x, weight)


def offset(g, x, weight):
    return {"x": g @ weight.T + 1, "weight": x.T @ g}


def draws(g, x, weight):
    return {"x": g @ weight.T, "weight": x.T @ g + np.random.default_rng().standard_normal((3, 2))}


@pytest.mark.parametrize(
    ("backward", "node", "kind"),
    [
        (remembers, "weight", "stale value"),
        (adds_up, "weight", "adds up"),
        (changes_g, None, "in-place"),
        (clips, "x", "not linear"),
        (offset, "x", "ignored g"),
        (draws, "weight", "randomness"),
    ],
)
def test_promises(backward, node, kind):
    STATE.clear()
    assert (judged(backward).findings[0].node, judged(backward).findings[0].kind) == (node, kind)
    STATE.clear()
    assert refused(backward).report.verdict == "wrong"


def test_the_explanation_never_contradicts_the_report():
    """A state that outlives the call is seen by the report, and not by a search that renews it."""
    STATE.clear()
    error = refused(adds_up, seconds=5)
    assert error.report.verdict == "wrong" and "adds the same again" in str(error)
    assert ": right: " not in str(error)


def test_pytest_shows_the_person_s_line():
    frames = []
    try:
        assert_gradients(lambda x, weight: x @ weight, lambda g, x, weight: {"x": g}, LAYER, seconds=0)
    except GradientMismatch as error:
        trace = error.__traceback__
        while trace is not None:
            frames.append(trace.tb_frame)
            trace = trace.tb_next
    shown = [f.f_code.co_name for f in frames if not f.f_locals.get("__tracebackhide__")]
    assert shown == ["test_pytest_shows_the_person_s_line"]


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (None, "is the return missing|is the line return .* missing"),
        ([1, 2], "shape"),
        ({"x": 0, "wieght": 0}, "did you mean 'weight'"),
        ({"x": LAYER["x"]}, "no gradient for weight"),
    ],
)
def test_what_cannot_be_compared(returned, message):
    with pytest.raises(GradientMismatch, match=message):
        assert_gradients(
            lambda x, weight: x @ weight, lambda g, x, weight: returned, LAYER, wanted=("x", "weight")
        )


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (np.full((3, 2), np.nan), "not finite"),
        (np.ones((3, 2), int), "dtype"),
        (np.ones((3, 2), complex), "no array"),
        ("text", "no array"),
    ],
)
def test_values_of_no_use(value, kind):
    def backward(g, x, weight):
        return {"x": g @ weight.T, "weight": value}

    assert (judged(backward).findings[0].node, judged(backward).findings[0].kind) == ("weight", kind)
    assert refused(backward).report.verdict == "wrong"


def test_a_list_of_rows_of_several_lengths_is_no_array():
    error = refused(lambda g, x, weight: {"x": g @ weight.T, "weight": [[1], [2, 3]]})
    assert "backward gives no array for weight" in str(error)


def test_unknown_arguments_are_refused_with_the_right_name():
    """Without settings an unknown name is an argument by position; with a net or settings all go by name."""

    def forward(net, x, weight):
        net.output(x @ weight)

    assert_gradients(lambda x, weight: x @ weight, lambda g, x, weigth: (g @ weigth.T, x.T @ g), LAYER)
    with pytest.raises(GradientMismatch, match="'weigth'.*did you mean 'weight'"):
        assert_gradients(forward, lambda g, x, weigth: {}, LAYER, wanted=("x",))


def test_a_large_problem_is_judged_along_directions():
    x = np.random.default_rng(0).standard_normal(30_000)
    assert_gradients(lambda x: x, lambda g, x: {"x": g}, {"x": x})
    assert refused(lambda g, x: {"x": -g}, lambda x: x, {"x": x}).report.verdict == "wrong"


def test_the_old_order_still_works_and_says_so():
    with pytest.warns(
        DeprecationWarning, match=r"assert_gradients\(forward, backward, inputs\) is the order"
    ):
        assert assert_gradients(layer, lambda x, weight: x @ weight, LAYER).ok
    with pytest.warns(DeprecationWarning):  # a loss, whose backward does not take g
        assert assert_gradients(lambda x: {"x": 2 * x}, lambda x: (x * x).sum(), {"x": LAYER["x"]}).ok
