"""From three numbers to a verdict: each rule at its edge, and every sentence that a person may read."""

import numpy as np
import pytest

from minigen.check import verdict
from minigen.check.differences import Loss, Numeric, Slope
from minigen.check.verdict import compare_with, record

EXACT = np.array([3.0, -4.0, 0.5])


def numeric(values, bar):
    return Numeric((len(values),), list(range(len(values))), list(values), [bar] * len(values))


def judge(claim, values, bar, scale=1.0):
    return compare_with(np.asarray(claim, float), numeric(values, bar), scale).verdict


def loss(x=(0.3, -0.8, 1.7), f=lambda x: (np.array([3.0, -4.0, 0.5]) * x).sum(), branches=()):
    """Linear by default, with gradient EXACT."""
    branches = None if branches is None else list(branches)
    return Loss(lambda arrays: (np.asarray(f(arrays["x"])), branches), {"x": np.asarray(x, float)})


def test_the_distance_is_judged_against_the_bar():
    assert judge([1.0], [1.0 + 1e-8], 1e-12) == "ok"  # below 1e-7 of the sum of the norms
    assert judge([1.0], [1.0 + 5e-6], 1e-6) == "ok"  # below ten bars
    assert judge([1.0], [1.0 + 5e-6], 1e-8) == "unclear"  # above those, below 1e-5
    assert judge([1.0], [1.0 + 5e-4], 1e-6) == "unclear"  # above 1e-5, below a thousand bars
    assert judge([1.0], [1.0 + 5e-5], 1e-9) == "wrong"
    # what would be called wrong could hide in ten such bars
    assert judge([1.0], [1.0 + 5e-6], 1e-5) == "blind"
    assert judge([1.0], [-1.0], 1e-5) == "wrong"
    assert judge([1.0], [-1.0], 1e-3) == "blind"


def test_zero_is_zero_down_to_the_noise_of_the_differences():
    assert judge([0.0], [1e-13], 1e-13) == "ok"
    assert judge([1e-16], [1e-13], 1e-13) == "ok"
    assert compare_with(np.zeros(1), numeric([1e-13], 1e-13), 1.0).error == 0
    assert judge([0.0], [1e-13], 1e-5) == "blind"  # zero within a bar that could hide a gradient
    assert judge([1e-12], [1e-13], 1e-13) == "blind"  # claims something, and nobody can confirm it
    assert judge([0.0], [1e-3], 1e-13) == "wrong"
    assert judge([0.0, 0.0], [0.0, 0.0], 0.0, scale=0.0) == "ok"
    r = record(
        "s", "x", loss(f=lambda x: np.tanh(x).sum() * 0 + 1), hand=np.array([1e-17, 0, 0]), tape=np.zeros(3)
    )
    assert (r.verdict, r.hand_vs_tape, r.hand_vs_differences) == ("ok", 0, 0)


def test_the_bars_of_directions_count():
    seen = Numeric((100,), [0], [1.0], [1e-15], [Slope(1.0, 1e-3, np.eye(100)[0], 0.0, 6, 3e-3)] * 2)
    assert compare_with(np.ones(100), seen, 1.0).verdict == "blind"
    seen = Numeric((100,), [0], [1.0], [1e-3], [Slope(1.0, 1e-15, np.eye(100)[0], 0.0, 6, 3e-3)] * 2)
    assert compare_with(np.ones(100), seen, 1.0).verdict == "blind"
    seen = Numeric((100,), [0], [1.0], [1e-15], [Slope(1.0, 1e-15, np.eye(100)[0], 0.0, 6, 3e-3)] * 2)
    assert compare_with(np.ones(100), seen, 1.0).verdict == "ok"


def test_right_by_hand_and_by_tape():
    r = record("s", "x", loss(), hand=EXACT, tape=EXACT + 1e-15)
    assert (r.verdict, r.reason, r.skipped) == ("ok", "", 0)
    assert 0 < r.hand_vs_tape < 1e-15 and r.hand_vs_differences < 1e-11 and r.tape_vs_differences < 1e-11
    assert r.shape == (3,) and r.method == "order 6, h=0.003, every entry"
    assert set(r.worst) == {"hand", "tape", "differences"} and 0 < r.error_bar < 1e-9


@pytest.mark.parametrize(
    ("hand", "tape", "sentence"),
    [
        (1.01, 1, "by hand differs from by tape and from by differences"),
        (1, 1.01, "by tape differs from by hand and from by differences"),
        (1.01, 1.02, "neither by hand nor by tape agrees with the differences"),
        (1.01, 1.01, "though they agree with each other"),
        (None, 1.01, "by tape differs from by differences"),
        (1.01, None, "by hand differs from by differences"),
    ],
)
def test_the_one_who_differs_is_named(hand, tape, sentence):
    bent = EXACT * [1, 1.01, 1]
    claims = {"hand": hand, "tape": tape}
    claims = {w: None if c is None else EXACT + (bent - EXACT) * (c - 1) * 100 for w, c in claims.items()}
    r = record("s", "x", loss(), **claims)
    assert r.verdict == "wrong" and sentence in r.reason
    assert r.worst_index == (1,)
    assert abs(r.worst["differences"] + 4) < 1e-9


def test_hand_and_tape_must_agree_beyond_what_differences_see():
    r = record("s", "x", loss(), hand=EXACT * (1 + 1e-8), tape=EXACT)
    assert r.verdict == "inconclusive" and "look for a small constant" in r.reason
    r = record("s", "x", loss(), hand=EXACT * (1 + 1e-13), tape=EXACT)
    assert r.verdict == "ok"


def test_hand_and_tape_cannot_both_be_right_where_differences_see_nothing():
    tiny = loss(f=lambda x: 1e6 + 1e-6 * np.tanh(x).sum())
    claim = np.full(3, 1e-6)
    r = record("s", "x", tiny, hand=claim, tape=claim)
    assert r.verdict == "inconclusive" and "the differences are only good to" in r.reason
    assert "use float64 throughout, a mean instead of a sum" in r.reason
    r = record("s", "x", tiny, hand=2 * claim, tape=claim)
    assert r.verdict == "wrong" and "too coarse to tell which is right" in r.reason


def test_hand_and_tape_may_differ_at_a_kink_only():
    kinked = loss([0.0, 1.0, 2.0], lambda x: np.maximum(x, 0).sum(), None)
    r = record("s", "x", kinked, hand=np.array([1.0, 1, 1]), tape=np.array([0.0, 1, 1]))
    assert (r.verdict, r.skipped) == ("inconclusive", 1) and "differ only at kinks" in r.reason
    r = record("s", "x", kinked, hand=np.array([0.0, 1, 2]), tape=np.array([0.0, 1, 1]))
    assert (r.verdict, r.skipped, r.worst_index) == ("wrong", 1, (2,))
    r = record("s", "x", kinked, hand=np.array([0.0, 1, 1]), tape=np.array([0.0, 1, 1]))
    assert r.verdict == "ok" and r.reason == "1 of 3 entries sit on a kink; they were not compared"


def test_mostly_kinks_is_inconclusive_and_shows_where():
    kinked = loss([1.0, 0.0, 0.0], lambda x: np.abs(x).sum(), None)
    r = record("s", "x", kinked, tape=np.array([1.0, 0, 0]))
    assert (r.verdict, r.skipped, r.worst_index) == ("inconclusive", 2, (1,))
    assert "2 of 3 entries sit on a kink" in r.reason and "move the inputs off the kink" in r.reason
    assert r.worst == {"tape": 0.0}


def test_the_edge_of_the_domain_is_inconclusive():
    r = record("s", "x", loss([0.0, 0.0, 1.0], lambda x: np.sqrt(x).sum()), tape=np.array([9.0, 9.0, 0.5]))
    assert (r.verdict, r.skipped) == ("inconclusive", 2)
    assert "2 of 3 entries lie on the edge of the domain" in r.reason and "move the inputs inside" in r.reason


def test_nan_in_a_gradient_is_wrong_and_located():
    r = record("s", "x", loss(), hand=np.array([3.0, np.nan, np.inf]), tape=EXACT)
    assert (r.verdict, r.worst_index) == (
        "wrong",
        (1,),
    ) and r.reason == "by hand holds NaN or infinity 2 times"
    assert r.worst["tape"] == -4


def test_a_flawed_loss_is_never_called_wrong():
    rng = np.random.default_rng(0)
    r = record("s", "x", loss(f=lambda x: x.sum() + rng.normal()), hand=EXACT, tape=-EXACT)
    assert r.verdict == "inconclusive" and "not deterministic" in r.reason
    assert r.hand_vs_tape == 1 and r.hand_vs_differences is None


def test_an_empty_tensor_is_fine():
    r = record(
        "s", "x", loss(np.zeros((0, 3)), lambda x: x.sum()), hand=np.zeros((0, 3)), tape=np.zeros((0, 3))
    )
    assert (r.verdict, r.reason, r.hand_vs_tape) == ("ok", "it has no entries", 0)


@pytest.mark.parametrize("size", [(20, 53), (700,)])
def test_large_tensors_are_judged_along_directions(size):
    rng = np.random.default_rng(0)
    c = rng.normal(size=size)
    big = loss(rng.normal(size=size), lambda x: np.sin(c * x).sum())
    exact = c * np.cos(c * big.arrays["x"])
    r = record("s", "x", big, hand=exact, tape=exact)
    assert r.verdict == "ok" and r.hand_vs_differences < 1e-10
    assert "5 directions and" in r.method
    where = tuple(n // 2 for n in size)
    for change in (0.0, -exact[where], 1.01 * exact[where]):
        claim = exact.copy()
        claim[where] = change
        r = record("s", "x", big, tape=claim, rng=np.random.default_rng(3))
        assert (r.verdict, r.worst_index) == ("wrong", where)
        assert abs(r.worst["differences"] - exact[where]) < 1e-9
        honest = np.linalg.norm(claim - exact) / (np.linalg.norm(claim) + np.linalg.norm(exact))
        assert honest / 10 < r.tape_vs_differences < honest * 4
        r = record("s", "x", big, hand=claim, tape=exact)  # now the entry is known, and looked at by itself
        assert honest / 2 < r.hand_vs_differences < honest * 3
        assert abs(r.hand_vs_tape - honest) < 1e-12


def test_a_large_tensor_with_kinks_everywhere_is_inconclusive():
    x = np.zeros(500)
    x[:40] = 1
    r = record("s", "x", loss(x, lambda v: np.abs(v).sum(), None), tape=np.sign(x))
    assert r.verdict == "inconclusive" and "15 random directions cross a kink" in r.reason


def test_the_thresholds_are_those_of_the_documentation():
    assert (verdict.AGREES, verdict.WRONG, verdict.BLIND, verdict.EXACT) == (1e-7, 1e-5, 1e-3, 1e-10)
    assert "1e-5 of |a| + |n|" in verdict.__doc__
