"""Slopes from values alone: how close they come to exact gradients, and whether the
error bars tell the truth.

The exact gradients here are formulas in NumPy, so neither the tape nor any rule of minigen is involved.
"""

import numpy as np
import pytest

from minigen.check import check_vjp, differences
from minigen.check.differences import Loss, Numeric, Slope, locate, numeric_gradient


def net(seed, activation, offset=0.0):
    """A two-layer network with a softplus loss: (function of arrays, arrays, exact gradients)."""
    rng = np.random.default_rng(seed)
    x, y = rng.random((7, 5)), rng.random((7, 3))
    arrays = {"w": rng.normal(size=(5, 11)), "b": rng.normal(size=11), "v": rng.normal(size=(11, 3))}
    act, slope = {
        "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
        "sin": (np.sin, np.cos),
        "relu": (lambda z: np.maximum(z, 0), lambda z: (z > 0) * 1.0),
    }[activation]

    def f(a):
        logits = act(x @ a["w"] + a["b"]) @ a["v"]
        return np.asarray((np.logaddexp(0, logits) - y * logits).sum() + offset)

    z = x @ arrays["w"] + arrays["b"]
    delta = 1 / (1 + np.exp(-act(z) @ arrays["v"])) - y
    hidden = delta @ arrays["v"].T * slope(z)
    return f, arrays, {"w": x.T @ hidden, "b": hidden.sum(0), "v": act(z).T @ delta}


def smooth(f):
    """A loss of which it is known that it has no pieces."""
    return lambda arrays: (f(arrays), [])


def black_box(f):
    return lambda arrays: (f(arrays), None)


def masked(f, mask):
    return lambda arrays: (f(arrays), [("op", mask(arrays))])


def at(x, f, branches=None):
    """A Loss of one array called x."""
    return Loss(lambda arrays: (np.asarray(f(arrays["x"])), branches), {"x": np.asarray(x, float)})


def one(loss, **options):
    return numeric_gradient(loss, "x", np.random.default_rng(0), **options)


@pytest.mark.parametrize(("wrap", "order", "error"), [(smooth, 6, 1e-11), (black_box, 2, 1e-8)])
@pytest.mark.parametrize("activation", ["tanh", "sin"])
def test_slopes_are_as_exact_as_theory_promises(wrap, order, error, activation):
    f, arrays, exact = net(0, activation)
    loss = Loss(wrap(f), arrays)
    assert loss.order == order
    for name, g in exact.items():
        found = np.reshape(numeric_gradient(loss, name, np.random.default_rng(0)).values, g.shape)
        assert np.linalg.norm(found - g) <= error * np.linalg.norm(g)


@pytest.mark.parametrize(("wrap", "activation"), [(smooth, "tanh"), (smooth, "sin"), (black_box, "relu")])
def test_the_error_bar_bounds_the_error(wrap, activation):
    """Verdicts allow ten bars. One is hardly ever exceeded, and not because the bars are wide."""
    ratios, widths = [], []
    for seed in range(20):
        f, arrays, exact = net(seed, activation, offset=(0.0, 30.0, 1000.0)[seed % 3])
        loss = Loss(wrap(f), arrays, seed=seed)
        for name, g in exact.items():
            found = numeric_gradient(loss, name, np.random.default_rng(0))
            errors = np.abs(np.array(found.values) - g.reshape(-1)[found.entries])
            ratios.extend(errors / found.bars)
            widths.append(np.linalg.norm(found.bars) / np.linalg.norm(g) / max(1.0, abs(loss.value)))
    assert len(ratios) > 1900
    assert np.max(ratios) < 3
    assert np.mean(np.array(ratios) > 1) < 0.005
    assert np.quantile(ratios, 0.9) > 0.01
    assert np.max(widths) < 1e-8


def test_the_rounding_of_large_terms_that_cancel_is_in_the_bar():
    """The loss is 1e-6 while its terms are 1e6:
    |L| times the machine precision would promise far too much.
    """
    rng = np.random.default_rng(0)
    c = rng.normal(size=50)

    def f(x):
        return (1e6 * np.sin(c + x[0])).sum() - (1e6 * np.sin(c + x[0])[::-1]).sum() + 1e-6 * x[0]

    ratios = []
    for x in rng.normal(size=200):
        loss = at([x], f)
        found = one(loss)
        ratios.append(abs(found.values[0] - 1e-6) / found.bars[0])
        assert loss.noise > 1e4 * np.finfo(float).eps * abs(loss.value)
    assert max(ratios) < 5


@pytest.mark.parametrize("x", [1e3, 1e6])
def test_the_step_grows_with_the_tensor_and_is_the_one_really_gone(x):
    found = one(at([x, -x], lambda v: 1e-6 * (v * v).sum()))
    np.testing.assert_allclose(found.values, [2e-6 * x, -2e-6 * x], rtol=1e-8)
    found = one(at([x], lambda v: (3 * v).sum(), []))
    np.testing.assert_allclose(found.values, [3], rtol=1e-10)


def test_the_step_is_divided_by_as_it_was_gone():
    """1e6 / 3 + h is not h away from 1e6 / 3; the subtraction is exact, so nothing else can be wrong here."""
    x = np.zeros(400)
    x[0] = 1e6 / 3
    assert abs(one(at(x, lambda v: (v - x).sum())).values[0] - 1) < 1e-13
    (slope, *_) = one(at(x, lambda v: (v - x).sum()), every=0).directions
    assert abs(slope.along.sum() - slope.value) < 1e-12


def test_rounding_inside_the_loss_is_in_the_bar():
    """Values of seven digits: with one entry, two steps may agree by luck, so the noise
    itself must be measured.
    """
    for branches, width in (([], 1e-3), (None, 0.3)):
        for x in np.linspace(0.1, 1.3, 40):
            loss = at([x], lambda v: np.round(np.sin(v).sum(), 7), branches)
            slope = loss.slope("x", np.ones(1))
            assert abs(slope.value - np.cos(x)) < 10 * slope.bar < width


@pytest.mark.parametrize(
    "x",
    [0.18754387694, 0.18851925963, 0.22071035518, 0.12655663915978996, 0.4035258814703676, 1.771305326331583],
)
def test_noise_is_not_overlooked_by_luck(x):
    """Here rounding is symmetric about x, or all the steps of one size are almost whole
    multiples of the last digit.
    """
    assert at([x], lambda v: np.round(np.sin(v).sum(), 7)).noise > 1e-9


def test_a_tie_that_the_noise_breaks_is_not_noise():
    """Two equal pixels of a max: a kink in one direction, which must not blur all the others."""
    x = np.array([0.5, 0.5, 0.3, 0.7, 0.9, 0.1])
    loss = at(x, lambda v: v.reshape(3, 2).max(1).sum())
    assert loss.noise < 1e-12
    found = one(loss)
    assert found.kinks == [0, 1]
    np.testing.assert_allclose(found.values, [0, 1, 1, 0], atol=1e-9)


def test_a_smaller_step_is_taken_only_if_it_helps():
    """Rounding that is overlooked, as it sets in only farther away: smaller steps make the bars worse."""

    def f(v):
        near = np.abs(v - 0.5) < 1e-4
        return np.where(near, np.sin(0.5) + np.cos(0.5) * (v - 0.5), np.round(np.sin(v), 7)).sum()

    loss = at([0.5], f, [])
    loss.rounding, loss._weighted = (
        np.asarray(1e-7),
        np.zeros(()),
    )  # no kink, and as if it had been overlooked
    loss._suitable["x"] = (None, 0.0)  # and no other step were looked for
    slope = loss.slope("x", np.ones(1))
    assert slope.bar == loss._slope("x", loss.arrays["x"], np.ones(1), 3e-3, 6).bar < 1e-4


def test_a_loss_that_bends_sharply_gets_a_smaller_step():
    """log at 0.004: three steps of 3e-3 leave the domain; at 0.02 they stay inside and are far too long."""
    for x in (0.004, 0.02):
        found = one(at([x], lambda v: np.log(v).sum(), []))
        np.testing.assert_allclose(found.values, [1 / x], rtol=1e-8)


def test_the_edge_of_the_domain_is_named():
    found = one(at([0.0, 1.0], lambda v: np.sqrt(v).sum(), []))
    assert (found.outside, found.kinks, found.entries) == ([0], [], [1])


def test_a_function_that_refuses_what_is_outside_is_treated_alike():
    def f(v):
        if (v < 0).any():
            raise ValueError("negative variance")
        return np.exp(v).sum()

    found = one(at([0.0, 1.0], f, []))
    assert (found.outside, found.entries) == ([0], [1])


def test_a_changed_mask_is_a_kink_whatever_the_values_say():
    """x * |x| has no kink in its values; the mask says that another formula is used, and that is believed."""
    loss = Loss(
        masked(lambda a: (a["x"] * np.abs(a["x"])).sum(), lambda a: a["x"] > 0), {"x": np.array([0.0, 1.0])}
    )
    found = one(loss)
    assert (found.kinks, found.entries) == ([0], [1])


def test_masks_of_another_op_or_shape_are_a_kink_too():
    def evaluate(arrays):
        size = 2 if arrays["x"][0] > 0 else 3
        return np.asarray(arrays["x"].sum()), [("op", np.ones(size, bool))]

    assert one(Loss(evaluate, {"x": np.array([0.0])})).kinks == [0]


@pytest.mark.parametrize(
    "f", [lambda v: np.maximum(v, 0), np.abs, lambda v: np.maximum(v, 0.99 * v), lambda v: np.sqrt(np.abs(v))]
)
def test_a_kink_is_seen_without_masks(f):
    found = one(at([0.0, 0.7, -0.3], lambda v: f(v).sum()))
    assert (found.kinks, found.entries) == ([0], [1, 2])


def test_curvature_is_no_kink():
    for f in (
        lambda v: (v**2).sum(),
        lambda v: (v**4).sum(),
        lambda v: (100 * v**3).sum(),
        lambda v: np.cosh(v).sum(),
    ):
        for branches in (None, []):
            assert one(at([0.0, 1e-3, 1.0], f, branches)).skipped == 0


def test_a_kink_nearby_is_stepped_around():
    x = np.array([3e-6, -2e-6])
    loss = Loss(masked(lambda a: np.maximum(a["x"], 0).sum(), lambda a: a["x"] > 0), {"x": x})
    found = one(loss)
    assert found.skipped == 0
    np.testing.assert_allclose(found.values, [1, 0], atol=1e-7)


def test_a_large_tensor_is_seen_along_directions_of_unit_length():
    rng = np.random.default_rng(1)
    c = rng.normal(size=(31, 37))
    loss = at(rng.normal(size=(31, 37)), lambda v: np.sin(v * c).sum(), [])
    exact = c * np.cos(loss.arrays["x"] * c)
    found = one(loss, watch=(5,))
    assert not found.whole and len(found.directions) == differences.DIRECTIONS
    assert 5 in found.entries and exact.size - 1 in found.entries
    np.testing.assert_allclose(found.values, exact.reshape(-1)[found.entries], rtol=1e-9)
    for slope in found.directions:
        assert abs(np.linalg.norm(slope.along) - 1) < 1e-9
        assert abs((exact * slope.along).sum() - slope.value) <= 10 * slope.bar < 1e-8
    a, b = (slope.along.reshape(-1) for slope in found.directions[:2])
    assert abs(a @ b) < 0.2


def test_directions_that_cross_a_kink_are_counted_and_replaced():
    x = np.ones(500)
    x[0] = 0.0
    loss = at(x, lambda v: np.abs(v).sum())
    found = one(loss)
    assert found.directions == [] and found.lost_directions == 3 * differences.DIRECTIONS
    assert 0 not in found.entries and found.entries


@pytest.mark.parametrize("wrong", [0, 137, 4095, 9999])
def test_locate_finds_the_one_wrong_entry_among_many(wrong):
    loss = at(np.random.default_rng(0).normal(size=(100, 100)), lambda v: np.sin(v).sum(), [])
    claim = np.cos(loss.arrays["x"])
    claim.flat[wrong] += 0.01
    assert locate(loss, "x", claim, np.random.default_rng(0)) == wrong


def test_the_same_seed_gives_the_same_numbers():
    f, arrays, _ = net(0, "tanh")
    a, b, c = (
        numeric_gradient(Loss(smooth(f), arrays, seed=s), "w", np.random.default_rng(s), every=0)
        for s in (1, 1, 2)
    )
    assert (
        [s.value for s in a.directions] == [s.value for s in b.directions] != [s.value for s in c.directions]
    )
    assert a.entries == b.entries


def test_a_loss_that_cannot_be_checked_says_why():
    rng = np.random.default_rng(0)
    state = iter(range(1000))
    flaws = {
        "not deterministic": lambda v: (v + 1e-9 * rng.normal(size=v.shape)).sum(),
        "no state may be updated": lambda v: v.sum() + next(state),
        "not finite": lambda v: np.log(v - 10).sum(),
        "float32": lambda v: v.astype(np.float32).sum(),
        "look for a cast": lambda v: v.astype(np.float32).astype(float),
    }
    for words, f in flaws.items():
        assert words in at([1.1, 2.3], f).flaw
    assert at([1.1, 2.3], lambda v: v.sum()).flaw is None
    assert at([0.5, 0.25], lambda v: v.sum()).flaw is None
    assert at([0.5, 0.25], lambda v: np.ones(2)).flaw is None


def test_another_order_of_summation_is_not_called_nondeterminism():
    values = iter([1.0, 1.0 + 4 * np.finfo(float).eps])
    assert at([1.0], lambda v: next(values, v.sum())).flaw is None


def test_arrays_are_left_as_they_were():
    f, arrays, _ = net(0, "tanh")
    before = {k: v.copy() for k, v in arrays.items()}
    numeric_gradient(Loss(smooth(f), arrays), "w", np.random.default_rng(0))
    for name, x in arrays.items():
        np.testing.assert_array_equal(x, before[name])


def test_what_is_random_is_independent_of_the_inputs():
    """Inputs come from default_rng(0) more often than not; weights or a direction equal to
    them would see little.
    """
    x = np.random.default_rng(0).normal(size=(31, 31))
    seen = []
    check_vjp(lambda x: 2 * x, lambda g, x: seen.append(g) or 2 * g, x)
    found = numeric_gradient(at(x, lambda v: v.sum()), "x", differences.generator(0))
    for v in [g for g in seen if g.any()] + [s.along for s in found.directions]:
        assert abs((v * x).sum()) < 0.2 * np.linalg.norm(v) * np.linalg.norm(x)


def test_an_empty_numeric_is_whole_only_for_an_empty_tensor():
    assert Numeric((0, 3)).whole and not Numeric((2, 3)).whole
    assert isinstance(at([1.0], lambda v: v.sum()).slope("x", np.ones(1)), Slope)
