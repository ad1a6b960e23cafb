"""The table: the first wrong line, and what follows from it. The mistakes here are written out by hand."""

import numpy as np
import pytest

from minigen.check.contract import ContractError, Unwritten
from minigen.check.lines import judge_lines
from minigen.check.net import Problem

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


def judged(problem, spoil):
    """The Table of a backward in which `spoil(gradients, cache)` changes the dict before the last lines
    follow.
    """

    def backward(cache, x, eps, Wmu, Wv, beta):
        g = right(cache, x, eps, Wmu, Wv, beta)
        after = spoil(g, cache)
        g = finished(g, cache, x)
        if callable(after):
            after(g)
        return g

    return judge_lines(problem, backward, WANTED)


def test_the_right_answer_is_right(problem):
    found = judged(problem, lambda g, c: None)
    assert found.verdict == "ok" and not found.findings and not found.sentences()
    assert all(line.verdict == "ok" and line.error < 1e-10 for line in found.lines)


def change(name, f):
    def spoil(g, cache):
        g[name] = f(g[name], cache)

    return spoil


def sigma_of(cache):
    return np.exp(cache["logvar"] / 2)


def kl_logvar(cache):
    return BETA * 0.5 * (np.exp(cache["logvar"]) - 1) / N


SPOILT = [
    ("z", lambda a, c: a * N),
    ("z", lambda a, c: a / N),
    ("z", lambda a, c: -a),
    ("z", lambda a, c: 2 * a),
    ("z", lambda a, c: a * BETA),
    ("z", lambda a, c: a * H / N),
    ("z", lambda a, c: 0 * a),
    ("z", lambda a, c: a * sigma_of(c)),
    ("z", lambda a, c: a * sigma_of(c) * c["eps_"]),
    ("logvar", lambda a, c: c["z"] / N),
    ("mu", lambda a, c: a - BETA * c["mu"] / N),
    ("mu", lambda a, c: a + BETA * c["mu"] / N),
    ("mu", lambda a, c: a - 2 * BETA * c["mu"] / N),
    ("mu", lambda a, c: a + (1 - BETA) * c["mu"] / N),
    ("mu", lambda a, c: BETA * c["mu"] / N),
    ("mu", lambda a, c: a + BETA * c["mu"] * (c["mu"] - 1) / N),
    ("logvar", lambda a, c: kl_logvar(c) + (a - kl_logvar(c)) / sigma_of(c)),
    ("logvar", lambda a, c: kl_logvar(c) + (a - kl_logvar(c)) * sigma_of(c)),
    ("logvar", lambda a, c: kl_logvar(c) + (a - kl_logvar(c)) * 2 / sigma_of(c)),
    ("logvar", lambda a, c: kl_logvar(c) + (a - kl_logvar(c)) / sigma_of(c) ** 2),
    ("logvar", lambda a, c: a + BETA * 0.5 / N),
    ("logvar", lambda a, c: a - c["eps_"]),
    ("logvar", lambda a, c: np.roll(a, 1, axis=0)),
    ("logvar", lambda a, c: a[::-1]),
    ("h", lambda a, c: np.full_like(a, a.sum())),
    ("a", lambda a, c: a / (1 - c["h"] ** 2)),
    ("a", lambda a, c: a / (1 - c["h"] ** 2) * c["h"]),
]


@pytest.mark.parametrize(("name", "f"), SPOILT)
def test_the_line_that_is_spoilt_is_the_first_wrong_one(problem, name, f):
    def spoil(g, cache):
        cache = {**cache, "eps_": problem.value("eps")}
        if name in g:
            g[name] = f(g[name], cache)
            return None
        return lambda all_: all_.update(
            {name: f(all_[name], cache), "W": problem.value("x").T @ f(all_[name], cache)}
        )

    found = judged(problem, spoil)
    assert [x.node for x in found.lines if x.verdict == "wrong"] == [name]
    below = WANTED[WANTED.index(name) + 1 :]
    assert all(x.verdict in ("ok", "consequence") for x in found.lines if x.node in below)


def test_two_mistakes_on_two_lines_are_two_findings(problem):
    def spoil(g, cache):
        g["z"] = g["z"] * N
        g["mu"] = g["z"] + BETA * cache["mu"] / N
        g["logvar"] = 0.5 * g["z"] * problem.value("eps") + kl_logvar(cache)
        g["h"] = g["mu"] @ problem.value("Wmu").T + g["logvar"] @ problem.value("Wv").T

    found = judged(problem, spoil)
    assert [x.node for x in found.lines if x.verdict == "wrong"] == ["z", "logvar"]
    assert {x.node: x.verdict for x in found.lines}["mu"] == "consequence"
    assert str(found).count("<- first wrong line") == 1


def test_float32_inside_a_line(problem):
    found = judged(problem, change("logvar", lambda a, c: a.astype(np.float32).astype(float)))
    assert [(f.node, f.kind) for f in found.findings] == [("logvar", "dtype")]
    assert 1e-9 < found.first_wrong.error < 1e-6


def test_errors_are_relative_to_both_sizes(problem):
    found = judged(problem, change("z", lambda a, c: 2 * a))
    assert np.isclose(found.lines[0].error, 1 / 3)
    _, yours, numeric = found.lines[0].worst
    assert np.isclose(yours, 2 * numeric)


def test_a_forgotten_head(problem):
    def spoil(g, cache):
        g["h"] = g["mu"] @ problem.value("Wmu").T

    found = judged(problem, spoil)
    assert found.first_wrong.node == "h"


def test_exchanged_names(problem):
    def spoil(g, cache):
        return lambda all_: all_.update(Wmu=all_["Wv"], Wv=all_["Wmu"])

    found = judged(problem, spoil)
    assert [x.node for x in found.lines if x.verdict == "wrong"] == ["Wmu", "Wv"]


def test_one_wrong_entry_in_many_is_found_and_placed(problem):
    def one(a, c):
        a = a.copy()
        a[4, 1] *= 1.01
        return a

    found = judged(problem, change("logvar", one))
    assert found.first_wrong.node == "logvar" and found.first_wrong.worst[0] == (4, 1)
    assert "lie at 4 of axis 0" in found.first_wrong.where


def test_a_changed_cache_is_noticed(problem):
    def backward(cache, x, eps, Wmu, Wv, beta):
        g = finished(right(cache, x, eps, Wmu, Wv, beta), cache, x)
        cache["h"] *= 2
        return g

    found = judge_lines(problem, backward, WANTED)
    assert [f.kind for f in found.broken] == ["in-place"] and found.verdict == "wrong"
    assert 'cache["h"]' in str(found)


def test_lines_still_to_write(problem):
    with pytest.raises(Unwritten, match="still to write"):
        judge_lines(problem, lambda cache: dict.fromkeys(WANTED, ...), WANTED)

    def used_below(cache, x):
        ga = ...
        gW = x.T @ ga
        return {"W": gW}

    with pytest.raises(Unwritten, match="ga is still"):
        judge_lines(problem, used_below, ("W",))

    def half(cache, x, eps, Wmu, Wv, beta):
        g = finished(right(cache, x, eps, Wmu, Wv, beta), cache, x)
        return {**g, "logvar": ..., "h": ...}

    found = judge_lines(problem, half, WANTED)
    assert {x.node for x in found.lines if x.verdict == "unwritten"} == {"logvar", "h"}
    assert found.verdict == "unwritten"  # the lines below are judged with the true gradients in their place


def test_contract_errors_are_their_own_kind(problem):
    with pytest.raises(ContractError):
        judge_lines(problem, lambda cache: None, WANTED)


def test_the_report_shows_evidence(problem):
    found = judged(problem, change("logvar", lambda a, c: 2 * a))
    text, html = str(found), found._repr_html_()
    assert "<- first wrong line" in text and "ratio 2" in text and "follows from the lines above" in text
    assert html.count("<rect") == N * K and "first wrong line" in html
