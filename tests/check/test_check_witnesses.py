"""The three witnesses: independent of each other, and each able to convict the others."""

import numpy as np
import pytest

import minigen as mg
from minigen.byhand import layers
from minigen.check import Report, Subject, compare, layer_subject
from minigen.check.witnesses import ByTape

RNG = np.random.default_rng(0)
X = RNG.random((7, 61))
P = {
    "encoder.weight": 0.3 * RNG.normal(size=(61, 11)),
    "encoder.bias": 0.3 * RNG.normal(size=11),
    "decoder.weight": 0.3 * RNG.normal(size=(11, 61)),
    "decoder.bias": 0.3 * RNG.normal(size=61),
}


def by_tape(p):
    h = mg.tanh(mg.dense(X, p["encoder.weight"], p["encoder.bias"]))
    return mg.sum((mg.dense(h, p["decoder.weight"], p["decoder.bias"]) - X) ** 2) / (2 * len(X))


def by_hand(p, scale=1.0):
    h = np.tanh(X @ p["encoder.weight"] + p["encoder.bias"])
    delta2 = (h @ p["decoder.weight"] + p["decoder.bias"] - X) / len(X)
    delta1 = delta2 @ p["decoder.weight"].T * (1 - h**2)
    loss = 0.5 * len(X) * (delta2**2).sum() * scale
    return loss, {
        "encoder.weight": X.T @ delta1,
        "encoder.bias": delta1.sum(0),
        "decoder.weight": h.T @ delta2,
        "decoder.bias": delta2.sum(0),
    }


def changed(name, change):
    """by_hand with the gradient of one parameter changed."""

    def hand(p):
        loss, gradients = by_hand(p)
        return loss, gradients | {name: change(gradients[name])}

    return hand


def test_an_autoencoder_under_three_witnesses():
    records = compare(Subject("ae", P, by_tape, by_hand))
    assert [(r.subject, r.parameter, r.shape) for r in records] == [("ae", n, x.shape) for n, x in P.items()]
    assert Report(records).ok, Report(records)
    assert max(r.hand_vs_tape for r in records) < 1e-14
    assert max(r.hand_vs_differences for r in records) < 1e-10
    assert max(r.tape_vs_differences for r in records) < 1e-10


def test_the_loss_is_evaluated_about_three_hundred_times():
    """At a tenth of a millisecond each: a thirtieth of a second.

    Entry by entry it would be fifteen thousand times.
    """
    evaluations = []
    compare(Subject("ae", P, lambda p: evaluations.append(1) or by_tape(p), by_hand))
    assert 200 < len(evaluations) < 400


@pytest.mark.parametrize("name", P)
@pytest.mark.parametrize(
    "change",
    [
        lambda g: 1.01 * g,
        lambda g: -g,
        lambda g: 0 * g,
        lambda g: g.T.reshape(g.shape) if g.ndim == 2 else g[::-1],
        lambda g: g / 7,
        lambda g: np.where(np.arange(g.size).reshape(g.shape) == g.size - 2, 0, g),
    ],
)
def test_a_mistake_by_hand_is_seen_where_it_is(name, change):
    records = compare(Subject("ae", P, by_tape, changed(name, change)))
    assert {r.parameter for r in records if r.verdict != "ok"} == {name}
    (wrong,) = (r for r in records if r.verdict == "wrong")
    assert wrong.reason == "by hand differs from by tape and from by differences"
    apart = np.abs(change(by_hand(P)[1][name]) - by_hand(P)[1][name])
    assert apart[wrong.worst_index] == apart.max()
    assert abs(wrong.worst["tape"] - wrong.worst["differences"]) < 1e-9


def half_by_tape(p):
    """The loss with half of one gradient cut off."""
    bias = p["encoder.bias"]
    return by_tape({**p, "encoder.bias": 0.5 * bias + 0.5 * bias.detach()})


def test_a_mistake_by_tape_is_seen():
    records = {r.parameter: r for r in compare(Subject("ae", P, half_by_tape, by_hand))}
    assert records["encoder.bias"].reason == "by tape differs from by hand and from by differences"
    assert records["encoder.weight"].verdict == "ok" and len(records) == 4


def test_differences_do_not_lean_on_the_rules_or_on_by_hand():
    """Wrong by tape and by hand alike: differences stand alone, and are believed."""
    records = compare(Subject("ae", P, half_by_tape, changed("encoder.bias", lambda g: g / 2)))
    (wrong,) = (r for r in records if r.verdict != "ok")
    assert "though they agree with each other" in wrong.reason and wrong.hand_vs_tape < 1e-14


def test_a_loss_of_another_model_has_its_own_row():
    loss, *rest = compare(Subject("ae", P, by_tape, lambda p: by_hand(p, scale=1 + 1e-9)))
    assert (loss.parameter, loss.verdict, loss.shape) == ("(loss)", "wrong", ())
    assert "the losses themselves differ" in loss.reason and 4e-10 < loss.hand_vs_tape < 6e-10
    assert all(r.verdict == "ok" for r in rest)
    assert len(compare(Subject("ae", P, by_tape, lambda p: by_hand(p, scale=1 + 1e-14)))) == 4
    loss, *_ = compare(Subject("ae", P, by_tape, lambda p: by_hand(p, scale=np.nan)))
    assert (loss.parameter, loss.verdict) == ("(loss)", "wrong")


def test_without_by_hand_two_witnesses_are_left():
    records = compare(Subject("ae", P, by_tape))
    assert Report(records).ok and all(r.hand_vs_tape is r.hand_vs_differences is None for r in records)


def test_only_what_is_asked_for():
    def hand(p):
        loss, gradients = by_hand(p)
        return loss, {"encoder.bias": gradients["encoder.bias"]}

    (r,) = compare(Subject("ae", P, by_tape, hand, wrt=["encoder.bias"]))
    assert (r.parameter, r.verdict) == ("encoder.bias", "ok")


def test_mistakes_of_a_subject_are_errors():
    with pytest.raises(
        ValueError, match="ae: by hand gives no gradient for encoder.weight, .*; it gives encoder.bias"
    ):
        compare(Subject("ae", P, by_tape, lambda p: (by_hand(p)[0], {"encoder.bias": p["encoder.bias"]})))
    with pytest.raises(ValueError, match=r"by hand gives shape \(7, 11\) for encoder.bias of shape \(11,\)"):
        compare(Subject("ae", P, by_tape, changed("encoder.bias", lambda g: np.tile(g, (7, 1)))))
    with pytest.raises(ValueError, match=r"by_tape gives shape \(61, 11\), a loss is one number"):
        compare(Subject("ae", P, lambda p: mg.tanh(p["encoder.weight"])))


def test_parameters_are_left_as_they_were():
    before = {k: v.copy() for k, v in P.items()}

    def spoils(p):
        result = by_hand(p)
        p["encoder.bias"][...] = 0
        return result

    assert Report(compare(Subject("ae", P, by_tape, spoils))).ok
    for name, x in P.items():
        np.testing.assert_array_equal(x, before[name])


def layer_inputs():
    rng = np.random.default_rng(1)
    return {"x": rng.normal(size=(5, 7)), "weight": rng.normal(size=(7, 3)), "bias": rng.normal(size=3)}


def test_a_layer_is_weighted_by_random_numbers():
    subject = layer_subject("dense", mg.dense, layers.dense, layer_inputs())
    records = compare(subject)
    assert Report(records).ok and [r.parameter for r in records] == ["x", "weight", "bias"]

    def forgets_g(x, weight, bias):
        y, _ = layers.dense(x, weight, bias)
        return y, lambda g: (np.ones_like(g) @ weight.T, x.T @ np.ones_like(g), np.ones_like(g).sum(0))

    assert {r.verdict for r in compare(layer_subject("dense", mg.dense, forgets_g, layer_inputs()))} == {
        "wrong"
    }
    single = layer_subject("tanh", mg.tanh, layers.tanh, {"x": layer_inputs()["x"]}, wrt=["x"])
    assert Report(compare(single)).ok


def test_the_same_seed_gives_the_same_records():
    a, b = (compare(Subject("ae", P, by_tape, by_hand), seed=3) for _ in range(2))
    assert a == b


def test_a_penalty_on_a_gradient_inside_the_loss():
    """The inner gradient is of something that depends on parameters, so constants will not do."""

    def penalised(p):
        h = p["x"] @ p["w"]
        (gh,) = mg.grad(mg.sum(mg.tanh(h) ** 2), [h], create_graph=True)
        return mg.sum(gh * gh)

    arrays = {
        "x": np.random.default_rng(0).normal(size=(5, 3)),
        "w": np.random.default_rng(1).normal(size=(3, 2)),
    }
    witness = ByTape(penalised)
    witness.gradients(arrays, ["x", "w"], np.ones)
    assert witness.tracked
    records = compare(Subject("penalty", arrays, penalised))
    assert Report(records).ok and records[0].method.startswith("order 6"), Report(records)


def test_values_are_taken_without_recording():
    witness = ByTape(by_tape)
    _, cotangent = witness.gradients(P, list(P), np.ones)
    assert cotangent.shape == () and not witness.tracked
    seen = []
    watched = ByTape(lambda p: seen.append(any(t.requires_grad for t in p.values())) or by_tape(p))
    value, branches = watched(P)
    assert seen == [False] and branches == [] and value == by_hand(P)[0]


def test_on_every_device(device):
    x = device.array(X)

    def moved(p):
        h = mg.relu(mg.dense(x, p["encoder.weight"], p["encoder.bias"]))
        return mg.sum((mg.dense(h, p["decoder.weight"], p["decoder.bias"]) - x) ** 2) / (2 * len(X))

    records = compare(Subject("ae", P, moved), device=device.where)
    assert Report(records).ok and records[0].method.startswith("order 2"), Report(records)
