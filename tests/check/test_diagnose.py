"""The diagnosis: the first wrong line, what is read from it, and the traps into which
gradient checkers have fallen.

The mistakes here are written out by hand and unknown to the checker, so every reading
rests on the numbers alone.
"""

from dataclasses import dataclass

import numpy as np
import pytest

from minigen.check.contract import ContractError, Unwritten
from minigen.check.diagnose import Knowledge, diagnose
from minigen.check.fields import says_enough
from minigen.check.naming import Reading, claims, name_readings, two_at_once
from minigen.check.net import Problem
from minigen.check.probes import probe, without
from minigen.check.scalars import Scalars

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
    arrays = {
        "x": draw((N, D)),
        "eps": draw((N, K)),
        "W": draw((D, H)),
        "Wmu": draw((H, K)),
        "Wv": 0.5 * draw((H, K)),
    }
    return Problem(vae_head, arrays, {"beta": BETA})


@pytest.fixture(scope="module")
def knowledge(problem):
    sigma = np.exp(problem.value("logvar") / 2)
    fields = {"sigma": sigma, "eps": problem.value("eps"), "1 - h^2": 1 - problem.value("h") ** 2}
    return Knowledge(fields, {"N": N, "D": D, "H": H, "K": K, "beta": BETA})


def judged(problem, knowledge, spoil):
    """The Diagnosis of a backward in which `spoil(gradients, cache)` changes the dict before
    the last lines follow.
    """

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
    ("z", lambda a, c: a * H / N, "z: all * H/N"),
    ("z", lambda a, c: 0 * a, "z: zero"),
    ("z", lambda a, c: a * sigma_of(c), "z: all * sigma"),
    ("z", lambda a, c: a * sigma_of(c) * c["eps_"], "z: all * sigma*eps"),
    ("logvar", lambda a, c: c["z"] / N, "logvar: all = upstream of z"),
    ("mu", lambda a, c: a - BETA * c["mu"] / N, "mu: kl missing"),
    ("mu", lambda a, c: a + BETA * c["mu"] / N, "mu: kl twice"),
    ("mu", lambda a, c: a - 2 * BETA * c["mu"] / N, "mu: kl sign"),
    ("mu", lambda a, c: a + (1 - BETA) * c["mu"] / N, "mu: kl * 1/beta"),
    ("mu", lambda a, c: BETA * c["mu"] / N, "mu: via z missing"),
    ("mu", lambda a, c: a + BETA * c["mu"] * (c["mu"] - 1) / N, "mu: kl * mu"),
    ("logvar", lambda a, c: kl_logvar(c) + (a - kl_logvar(c)) / sigma_of(c), "logvar: via z * 1/sigma"),
    ("logvar", lambda a, c: kl_logvar(c) + (a - kl_logvar(c)) * sigma_of(c), "logvar: via z * sigma"),
    (
        "logvar",
        lambda a, c: kl_logvar(c) + (a - kl_logvar(c)) * 2 / sigma_of(c),
        "logvar: via z * 2 * 1/sigma",
    ),
    (
        "logvar",
        lambda a, c: kl_logvar(c) + (a - kl_logvar(c)) / sigma_of(c) ** 2,
        "logvar: via z * 1/sigma^2",
    ),
    ("logvar", lambda a, c: a + BETA * 0.5 / N, "logvar: constant added"),
    ("logvar", lambda a, c: a - c["eps_"], "logvar: -eps added"),
    ("logvar", lambda a, c: np.roll(a, 1, axis=0), "logvar: all rolled by 1 along 0"),
    ("logvar", lambda a, c: a[::-1], "logvar: all flipped along 0"),
    ("h", lambda a, c: np.full_like(a, a.sum()), "h: all summed over everything"),
    ("a", lambda a, c: a / (1 - c["h"] ** 2), "a: all * 1/(1 - h^2)"),
    ("a", lambda a, c: a / (1 - c["h"] ** 2) * c["h"], "a: all = upstream of h * h"),
]


@pytest.mark.parametrize(("name", "f", "signature"), READ, ids=[s for *_, s in READ])
def test_readings(problem, knowledge, name, f, signature):
    def spoil(g, cache):
        cache = {**cache, "eps_": problem.value("eps")}
        if name in g:
            g[name] = f(g[name], cache)
            return None
        return lambda all_: all_.update(
            {name: f(all_[name], cache), "W": problem.value("x").T @ f(all_[name], cache)}
        )

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
    assert str(found).count("<- first wrong line") == 1


def test_float32_inside_a_line(problem, knowledge):
    found = judged(problem, knowledge, change("logvar", lambda a, c: a.astype(np.float32).astype(float)))
    assert found.first.signature == "logvar: rounded" and found.first.code == "G38"
    assert 1e-9 < found.first_wrong.local_error < 1e-6


def test_errors_are_relative_to_both_sizes(problem, knowledge):
    found = judged(problem, knowledge, change("z", lambda a, c: 2 * a))
    assert np.isclose(found.lines[0].error, 1 / 3)
    _, yours, numeric = found.lines[0].worst
    assert np.isclose(yours, 2 * numeric)


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


def test_a_changed_cache_is_noticed(problem):
    def backward(cache, x, eps, Wmu, Wv, beta):
        g = finished(right(cache, x, eps, Wmu, Wv, beta), cache, x)
        cache["h"] *= 2
        return g

    found = diagnose(problem, backward, WANTED)
    assert found.first.signature == "changes h" and found.verdict == "wrong"


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


def test_a_constant_is_not_called_a_sum(problem, knowledge):
    """Every constant is some named number times the sum of something."""
    found = judged(problem, knowledge, change("mu", lambda a, c: np.full_like(a, a.sum() / N)))
    assert found.first.signature == "mu: unexplained"


# Names for numbers and for mistakes, and the report


@dataclass
class Mistake:
    key: str
    reads: tuple
    cause: str = ""

    @property
    def code(self):
        return self.key


def test_a_mistake_that_is_seen_in_full_goes_before_one_seen_in_part():
    known = [Mistake("P", ("a", "b", "c")), Mistake("F", ("a",)), Mistake("M", ("d", "e"))]
    readings = [Reading(s, s) for s in "abde"]
    name_readings(readings, claims(readings, {}, known), known)
    assert [(r.code, r.how) for r in readings] == [
        ("F", "signature"),
        (None, ""),  # what is left of P is not enough for a claim: it would have needed a as well
        ("M", "signature"),
        ("M", "signature"),
    ]


def test_a_field_must_account_for_enough_numbers():
    assert says_enough(np.ones(3)) and not says_enough(np.ones(2))
    assert not says_enough(np.array([1, 1, 0, 0, 0.0])) and not says_enough(np.array([1, 1, 1, 1, np.inf]))


def test_a_gradient_that_is_zero_is_no_evidence_for_a_probe(problem):
    """Wrong by a factor wherever it is not zero: with eps = 0 the gradient at sigma is 0,
    and 0 times anything is right.
    """

    def forward(net, x, y):
        net.output(x * y)

    def backward(g, x, y):
        return {"x": 3 * g * y, "y": g * x}

    small = Problem(forward, {"x": np.ones(5), "y": np.arange(1.0, 6.0)})
    assert probe(without(small), backward, ("x", "y"), "x") == []
    assert probe(without(small), backward, ("x", "y"), "y") == ["y = 0"]


def test_scalars_take_the_simplest_name():
    scalars = Scalars({"N": 5, "K": 3, "beta": 0.7})
    names = {
        5: "N",
        0.2: "1/N",
        -1: "-1",
        2: "2",
        0.7: "beta",
        3.5: "N*beta",
        0.6: "K/N",
        10: "2*N",
        0.35 / 5: "beta/(2*N)",
    }
    assert {value: scalars.name(value) for value in names} == names
    assert scalars.name(1.2345) is None and scalars.name(0) is None and scalars.name(np.nan) is None
    assert scalars.name(0.6, simple=True) is None
    own = Scalars({"N": 5, "N - 1": 4})  # whoever gives a number a name wants to read it
    assert (own.name(1.25), own.name(4), own.name(20)) == ("N/(N - 1)", "(N - 1)", "N*(N - 1)")


def test_the_report_shows_evidence_and_is_plain_data(problem, knowledge):
    found = judged(problem, knowledge, change("logvar", lambda a, c: 2 * a))
    text, data, html = str(found), found.to_dict(), found._repr_html_()
    assert "<- first wrong line" in text and "explains 100.0000 %" in text and "ratio 2" in text
    assert "follows from the lines above" in text
    assert data["lines"][2]["readings"][0]["signature"] == "logvar: all twice"
    assert __import__("json").dumps(data)
    assert html.count("<rect") == N * K and "first wrong line" in html


def test_terms_have_general_names_too(problem, knowledge):
    for factor, code in ((-1, "G04"), (2, "G05"), (0.5, "G05")):

        def spoil(g, c, factor=factor):
            g["mu"] = g["mu"] + (factor - 1) * BETA * c["mu"] / N

        (r,) = judged(problem, knowledge, spoil).readings
        assert (r.code, r.how) == (code, "general"), r


def test_a_way_that_is_twice_is_no_half_of_a_square(problem, knowledge):
    def spoil(g, c):
        g["mu"] = g["mu"] + c["z"] / N

    (r,) = judged(problem, knowledge, spoil).readings
    assert (r.signature, r.code) == ("mu: via z twice", "G15")


def test_a_pair_of_mistakes_is_not_one_mistake_twice():
    rng = np.random.default_rng(0)
    right, effect, other = rng.normal(size=(3, 4, 5))
    formulas = {"a": right - effect, "b": right - effect, "c": right + other}
    assert two_at_once((right - 2 * effect, right, np.True_), formulas) is None
    assert two_at_once((right - effect + other, right, np.True_), formulas) == ("a", "c")
