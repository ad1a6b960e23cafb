"""The diagnosis: the first wrong line, what is read from it, and the traps into which gradient checkers have fallen.

The mistakes here are written out by hand and unknown to the checker, so every reading rests on the numbers alone.
"""

import numpy as np
import pytest

from minigen.check.contract import ContractError, Unwritten
from minigen.check.diagnose import Knowledge, diagnose
from minigen.check.net import Problem
from minigen.check.scalars import Scalars
from minigen.testing import GradientMismatch, assert_gradients

N, D, H, K, BETA = 5, 7, 3, 2, 0.7


def vae_head(net, x, eps, W, Wmu, Wv, *, beta):
    a = net("a", x @ W)
    h = net("h", np.tanh(a))
    mu, logvar = net("mu", h @ Wmu), net("logvar", h @ Wv)
    z = net("z", mu + np.exp(logvar / 2) * eps)
    net.term("rec", 0.5 * (z**2).sum() / len(x))
    net.term("kl", beta * 0.5 * (np.exp(logvar) + mu**2 - 1 - logvar).sum() / len(x))


def right(cache, x, eps, Wmu, Wv, beta):
    """All gradients, as a dict that a test can spoil."""
    c, n = cache, len(x)
    g = {"z": c["z"] / n}
    g["mu"] = g["z"] + beta * c["mu"] / n
    g["logvar"] = 0.5 * g["z"] * np.exp(c["logvar"] / 2) * eps + beta * 0.5 * (np.exp(c["logvar"]) - 1) / n
    g["h"] = g["mu"] @ Wmu.T + g["logvar"] @ Wv.T
    return g


def finished(g, cache, x):
    """The remaining lines, computed from whatever stands in g: a mistake above is carried on."""
    g = {**g, "a": g["h"] * (1 - cache["h"] ** 2)}
    return {**g, "W": x.T @ g["a"], "Wmu": cache["h"].T @ g["mu"], "Wv": cache["h"].T @ g["logvar"]}


WANTED = ("z", "mu", "logvar", "h", "a", "W", "Wmu", "Wv")


@pytest.fixture(scope="module")
def problem():
    rng = np.random.default_rng(3)
    draw = rng.standard_normal
    arrays = {"x": draw((N, D)), "eps": draw((N, K)), "W": draw((D, H)), "Wmu": draw((H, K)), "Wv": 0.5 * draw((H, K))}
    return Problem(vae_head, arrays, {"beta": BETA})


@pytest.fixture(scope="module")
def knowledge(problem):
    sigma = np.exp(problem.value("logvar") / 2)
    fields = {"sigma": sigma, "eps": problem.value("eps"), "1 - h^2": 1 - problem.value("h") ** 2}
    return Knowledge(fields, {"N": N, "D": D, "H": H, "K": K, "beta": BETA})


def judged(problem, knowledge, spoil):
    """The Diagnosis of a backward in which `spoil(gradients, cache)` changes the dict before the last lines follow."""

    def backward(cache, x, eps, Wmu, Wv, beta):
        g = right(cache, x, eps, Wmu, Wv, beta)
        after = spoil(g, cache)
        g = finished(g, cache, x)
        if callable(after):
            after(g)
        return g

    return diagnose(problem, backward, WANTED, knowledge)


def test_the_right_answer_is_right(problem, knowledge):
    found = judged(problem, knowledge, lambda g, c: None)
    assert found.verdict == "ok" and not found.readings
    assert all(line.verdict == "ok" and line.error < 1e-10 for line in found.lines)


def change(name, f):
    def spoil(g, cache):
        g[name] = f(g[name], cache)

    return spoil


def sigma_of(cache):
    return np.exp(cache["logvar"] / 2)


def kl_logvar(cache):
    return BETA * 0.5 * (np.exp(cache["logvar"]) - 1) / N


READ = [
    ("z", lambda a, c: a * N, "z: all * N"),
    ("z", lambda a, c: a / N, "z: all * 1/N"),
    ("z", lambda a, c: -a, "z: all sign"),
    ("z", lambda a, c: 2 * a, "z: all twice"),
    ("z", lambda a, c: a * BETA, "z: all * beta"),
    ("z", lambda a, c: a * K / N, "z: all * K/N"),
    ("z", lambda a, c: 0 * a, "z: zero"),
    ("z", lambda a, c: a * sigma_of(c), "z: all * sigma"),
    ("mu", lambda a, c: a - BETA * c["mu"] / N, "mu: kl missing"),
    ("mu", lambda a, c: a + BETA * c["mu"] / N, "mu: kl twice"),
    ("mu", lambda a, c: a - 2 * BETA * c["mu"] / N, "mu: kl sign"),
    ("mu", lambda a, c: a + (1 - BETA) * c["mu"] / N, "mu: kl * 1/beta"),
    ("mu", lambda a, c: BETA * c["mu"] / N, "mu: via z missing"),
    ("mu", lambda a, c: a + BETA * c["mu"] * (c["mu"] - 1) / N, "mu: kl * mu"),
    ("logvar", lambda a, c: kl_logvar(c) + (a - kl_logvar(c)) / sigma_of(c), "logvar: via z * 1/sigma"),
    ("logvar", lambda a, c: kl_logvar(c) + (a - kl_logvar(c)) * sigma_of(c), "logvar: via z * sigma"),
    ("logvar", lambda a, c: kl_logvar(c) + (a - kl_logvar(c)) * 2 / sigma_of(c), "logvar: via z * 2 * 1/sigma"),
    ("logvar", lambda a, c: kl_logvar(c) + (a - kl_logvar(c)) / sigma_of(c) ** 2, "logvar: via z * 1/sigma^2"),
    ("logvar", lambda a, c: a + BETA * 0.5 / N, "logvar: constant added"),
    ("logvar", lambda a, c: a - c["eps_"], "logvar: -eps added"),
    ("logvar", lambda a, c: np.roll(a, 1, axis=0), "logvar: all rolled by 1 along 0"),
    ("logvar", lambda a, c: a[::-1], "logvar: all flipped along 0"),
    ("h", lambda a, c: np.full_like(a, a.sum()), "h: all summed over everything"),
    ("a", lambda a, c: a / (1 - c["h"] ** 2), "a: all * 1/(1 - h^2)"),
]


@pytest.mark.parametrize(("name", "f", "signature"), READ, ids=[s for *_, s in READ])
def test_readings(problem, knowledge, name, f, signature):
    def spoil(g, cache):
        cache = {**cache, "eps_": problem.value("eps")}
        if name in g:
            g[name] = f(g[name], cache)
            return None
        return lambda all_: all_.update({name: f(all_[name], cache), "W": problem.value("x").T @ f(all_[name], cache)})

    found = judged(problem, knowledge, spoil)
    assert [r.signature for r in found.readings] == [signature]
    assert found.first_wrong.node == name and found.readings[0].explains > 0.9999
    below = WANTED[WANTED.index(name) + 1 :]
    assert all(x.verdict in ("ok", "consequence") for x in found.lines if x.node in below)


def test_two_mistakes_on_two_lines_are_two_findings(problem, knowledge):
    def spoil(g, cache):
        g["z"] = g["z"] * N
        g["mu"] = g["z"] + BETA * cache["mu"] / N
        g["logvar"] = 0.5 * g["z"] * problem.value("eps") + kl_logvar(cache)
        g["h"] = g["mu"] @ problem.value("Wmu").T + g["logvar"] @ problem.value("Wv").T

    found = judged(problem, knowledge, spoil)
    assert [r.signature for r in found.readings] == ["z: all * N", "logvar: via z * 1/sigma"]
    assert {x.node: x.verdict for x in found.lines}["mu"] == "consequence"


def test_two_mistakes_on_one_line(problem, knowledge):
    def spoil(g, cache):
        g["logvar"] = 0.5 * g["z"] * problem.value("eps") + kl_logvar(cache) / BETA

    found = judged(problem, knowledge, spoil)
    assert [r.signature for r in found.readings] == ["logvar: via z * 1/sigma", "logvar: kl * 1/beta"]


def test_a_forgotten_head_is_a_missing_way(problem, knowledge):
    def spoil(g, cache):
        g["h"] = g["mu"] @ problem.value("Wmu").T

    found = judged(problem, knowledge, spoil)
    assert found.first.signature == "h: via logvar missing" and found.first.code == "G14"


def test_exchanged_names(problem, knowledge):
    def spoil(g, cache):
        return lambda all_: all_.update(Wmu=all_["Wv"], Wv=all_["Wmu"])

    found = judged(problem, knowledge, spoil)
    assert [r.signature for r in found.readings] == ["Wmu: is that of Wv", "Wv: is that of Wmu"]
    assert found.first.code == "G40"


def test_what_nobody_can_explain_is_not_explained(problem, knowledge):
    noise = np.random.default_rng(9).standard_normal((N, K))
    found = judged(problem, knowledge, change("logvar", lambda a, c: a + 0.1 * noise))
    assert found.first.signature == "logvar: unexplained"
    assert found.first.explains is None and found.first.code is None
    assert "likely" not in str(found)


def test_random_wrong_gradients_are_never_explained(problem, knowledge):
    """5 lines x 40 draws: a reading that fits noise would fit a student's mistake as badly."""
    rng = np.random.default_rng(10)
    for name in ("z", "mu", "logvar", "h"):
        for _ in range(40):
            noise = rng.standard_normal(problem.value(name).shape)
            found = judged(problem, knowledge, change(name, lambda a, c, noise=noise: a * (1 + 0.3 * noise)))
            assert all(r.explains is None for r in found.readings), found.readings


def test_one_wrong_entry_in_many_is_found_and_placed(problem, knowledge):
    def one(a, c):
        a = a.copy()
        a[4, 1] *= 1.01
        return a

    found = judged(problem, knowledge, change("logvar", one))
    assert found.first_wrong.node == "logvar" and found.first_wrong.worst[0] == (4, 1)
    assert "lie at 4 of axis 0" in found.first_wrong.remark


# The traps of other checkers. Each of these gradients has passed somebody's test.


def layer(g, x, weight):
    return {"x": g @ weight.T, "weight": x.T @ g}


LAYER = {"x": np.random.default_rng(0).standard_normal((5, 3)), "weight": np.random.default_rng(1).standard_normal((3, 2))}


def refused(backward, forward=lambda x, weight: x @ weight, arguments=LAYER):
    with pytest.raises(GradientMismatch) as caught:
        assert_gradients(backward, forward, arguments)
    return caught.value


def test_trap_sum_as_cotangent():
    """With g = 1 everywhere a backward that ignores g is right; here g is random, and it is told."""
    assert_gradients(layer, lambda x, weight: x @ weight, LAYER)
    found = refused(lambda x, weight: layer(np.ones((5, 2)), x, weight)).diagnosis
    assert {r.signature for r in found.readings if r.code} == {"x: ignores g", "weight: ignores g"}


def test_trap_softmax_gradient_zero():
    """Under a constant cotangent the gradient of a softmax is 0, so a backward that returns 0 passes."""

    def softmax(x):
        e = np.exp(x - x.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    error = refused(lambda g, x: {"x": np.zeros_like(x)}, softmax, {"x": LAYER["x"]})
    assert error.diagnosis.first.code == "G22"


def test_trap_tolerances_in_the_wrong_place():
    """With rtol = 2.7 and atol = 41 a gradient of zero passes, and one of opposite sign."""
    assert refused(lambda g, x, weight: {"x": 0 * x, "weight": x.T @ g}).diagnosis.first.signature == "x: zero"
    assert refused(lambda g, x, weight: {"x": -g @ weight.T, "weight": x.T @ g}).diagnosis.first.code == "G04"


def test_trap_step_of_one_and_a_half():
    """A checker that divides by 2h what moved by 3h wants 1.5 times the gradient."""
    error = refused(lambda g, x, weight: {n: 1.5 * v for n, v in layer(g, x, weight).items()})
    assert error.diagnosis.first.signature in ("x: all * x.shape[1]/2", "x: unexplained")


def test_trap_float32():
    """In float32 a difference is good to a thousandth, so a tolerance that lets it pass lets much pass."""

    def rounded(g, x, weight):
        return {"x": (g.astype(np.float32) @ weight.T.astype(np.float32)).astype(np.float64), "weight": x.T @ g}

    found = refused(rounded).diagnosis
    assert found.first.signature == "x: rounded" and found.first.code == "G38"
    half = refused(lambda g, x, weight: {"x": (g @ weight.T).astype(np.float32), "weight": x.T @ g}).diagnosis
    assert half.first.signature == "x: float32"


def test_trap_kink_at_exactly_zero():
    """At relu(0) the difference is 1/2, which is nobody's derivative: such an entry is left out and mentioned."""
    x = np.array([[-1.0, 0.0, 2.0], [0.5, -0.3, 0.0]])
    for at_zero in (0.0, 1.0):
        slope = np.where(x == 0, at_zero, x > 0)
        found = assert_gradients(lambda g, x, s=slope: {"x": g * s}, lambda x: np.maximum(x, 0), {"x": x})
        assert found.lines[0].skipped == 2 and "2 of 6 entries lie on a kink" in str(found)
    wrong = np.where(x == 0, 0.0, 1.0)  # beside the kinks it is still compared
    assert refused(lambda g, x: {"x": g * wrong}, lambda x: np.maximum(x, 0), {"x": x}).diagnosis.verdict == "wrong"
    nothing = refused(lambda g, x: {"x": g}, np.abs, {"x": np.zeros(3)}).diagnosis if False else None
    assert nothing is None


def test_only_kinks_is_inconclusive():
    with pytest.raises(GradientMismatch, match="inconclusive"):
        assert_gradients(lambda g, x: {"x": 0 * g}, lambda x: np.abs(x), {"x": np.zeros(3)})


# The contract


def test_shapes_come_with_the_reduction_that_would_repair_them():
    def bias(g, x, bias):
        return {"x": g, "bias": g}

    arguments = {"x": LAYER["x"], "bias": np.ones(3)}
    found = refused(bias, lambda x, bias: x + bias, arguments).diagnosis
    assert found.first.signature == "bias: sum over axis 0 missing" and found.first.code == "G07"
    found = refused(lambda g, x, bias: {"x": g, "bias": 3 * g}, lambda x, bias: x + bias, arguments).diagnosis
    assert found.first.signature == "bias: shape"  # a sum alone would not make it right


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
    ("backward", "signature", "code"),
    [
        (remembers, "weight: remembers the last call", "G20"),
        (adds_up, "weight: adds up", "G16"),
        (changes_g, "changes g", "G18"),
        (clips, "x: not linear in g", None),
        (offset, "x: not 0 for g = 0", "G17"),
        (draws, "weight: two calls differ", "G50"),
    ],
)
def test_promises(backward, signature, code):
    STATE.clear()
    found = refused(backward).diagnosis
    assert (found.first.signature, found.first.code) == (signature, code)


def test_a_changed_cache_is_noticed(problem):
    def backward(cache, x, eps, Wmu, Wv, beta):
        g = finished(right(cache, x, eps, Wmu, Wv, beta), cache, x)
        cache["h"] *= 2
        return g

    found = diagnose(problem, backward, WANTED)
    assert found.first.signature == "changes h" and found.verdict == "wrong"


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (None, "is the line return .* missing"),
        ([1, 2], "returned a list, expected a dict by name"),
        ({"x": 0, "wieght": 0}, "did you mean 'weight'"),
        ({"x": LAYER["x"]}, "no gradient named 'weight'"),
    ],
)
def test_what_cannot_be_compared(returned, message):
    with pytest.raises(GradientMismatch, match=message):
        assert_gradients(lambda g, x, weight: returned, lambda x, weight: x @ weight, LAYER, wanted=("x", "weight"))


@pytest.mark.parametrize(
    ("value", "signature"),
    [
        (np.full((3, 2), np.nan), "weight: not finite"),
        (np.ones((3, 2), int), "weight: int64"),
        (np.ones((3, 2), complex), "weight: no array"),
        ("text", "weight: no array"),
        ([[1], [2, 3]], "weight: no array"),
    ],
)
def test_values_of_no_use(value, signature):
    found = refused(lambda g, x, weight: {"x": g @ weight.T, "weight": value}).diagnosis
    assert found.first.signature == signature


def test_unknown_arguments_are_refused_with_the_right_name():
    with pytest.raises(GradientMismatch, match="'weigth'.*did you mean 'weight'"):
        assert_gradients(lambda g, x, weigth: {}, lambda x, weight: x @ weight, LAYER, wanted=("x",))


def test_lines_still_to_write(problem):
    with pytest.raises(Unwritten, match="still to write"):
        diagnose(problem, lambda cache: dict.fromkeys(WANTED, ...), WANTED)

    def used_below(cache, x):
        ga = ...
        gW = x.T @ ga
        return {"W": gW}

    with pytest.raises(Unwritten, match="ga is still"):
        diagnose(problem, used_below, ("W",))

    def half(cache, x, eps, Wmu, Wv, beta):
        g = finished(right(cache, x, eps, Wmu, Wv, beta), cache, x)
        return {**g, "logvar": ..., "h": ...}

    found = diagnose(problem, half, WANTED)
    assert {x.node for x in found.lines if x.verdict == "unwritten"} == {"logvar", "h"}
    assert found.verdict == "unwritten"  # the lines below are judged with the true gradients in their place


def test_contract_errors_are_their_own_kind(problem):
    with pytest.raises(ContractError):
        diagnose(problem, lambda cache: None, WANTED)


# Names for numbers, and the report


def test_scalars_take_the_simplest_name():
    scalars = Scalars({"N": 5, "K": 3, "beta": 0.7})
    names = {5: "N", 0.2: "1/N", -1: "-1", 2: "2", 0.7: "beta", 3.5: "N*beta", 0.6: "K/N", 10: "2*N", 0.35 / 5: "beta/(2*N)"}
    assert {value: scalars.name(value) for value in names} == names
    assert scalars.name(1.2345) is None and scalars.name(0) is None and scalars.name(np.nan) is None
    assert scalars.name(0.6, simple=True) is None


def test_the_report_shows_evidence_and_is_plain_data(problem, knowledge):
    found = judged(problem, knowledge, change("logvar", lambda a, c: 2 * a))
    text, data, html = str(found), found.to_dict(), found._repr_html_()
    assert "<- first wrong line" in text and "explains 100.0000 %" in text and "ratio 2" in text
    assert "follows from the lines above" in text
    assert data["lines"][2]["readings"][0]["signature"] == "logvar: all twice"
    assert __import__("json").dumps(data)
    assert html.count("<rect") == N * K and "first wrong line" in html


def test_the_size_is_limited():
    with pytest.raises(ValueError, match="too many"):
        assert_gradients(lambda g, x: {"x": g}, lambda x: x, {"x": np.zeros(30_000)})
