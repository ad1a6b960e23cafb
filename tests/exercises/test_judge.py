"""The judge: one Result for whatever a person's backward does, and `check` for notebooks."""

import json

import numpy as np
import pytest

from minigen.exercises import check
from minigen.exercises.judge import Trial, judge
from minigen.exercises.master import all_masters, load

VAE, DENSE = all_masters()["vae-reparameterization"], all_masters()["dense"]


def dense(g, cache, x, weight, bias):
    return {"x": g @ weight.T, "weight": x.T @ g, "bias": g.sum(axis=0)}


def test_passed():
    result = judge(DENSE, dense)
    assert (result.status, result.code, result.diagnosis) == ("passed", None, None)
    assert str(result) == "passed: every gradient is right in 2 configurations"


def test_wrong_with_report():
    result = judge(VAE, VAE.backward("V02"))
    text = " ".join(str(result).split())  # the report is wrapped for a terminal
    assert result.status == "wrong" and result.code == "V02"
    assert "through z is the right value times 1/sigma; the part from the term kl is right" in text
    assert "WRONG <- first wrong line" in text and "(N=5, K=3, beta=0.7)" in text
    assert "0.5 * sigma * eps" not in text  # the cause, never the corrected line
    assert json.loads(json.dumps(result.to_dict()))["code"] == "V02"
    assert "<rect" in result._repr_html_()


def test_not_attempted():
    result = judge(DENSE, load(DENSE.stub()))
    assert result.status == "not attempted" and "still to write: x, weight, bias" in result.message
    text = DENSE.stub().replace("gx = ...", "gx = g @ weight.T")
    result = judge(DENSE, load(text))
    assert result.status == "not attempted" and result.message.endswith("still to write: weight, bias")
    assert result.diagnosis.lines[0].verdict == "ok"
    text = DENSE.stub().replace("gx = ...", "gx = g @ weight")  # wrong, but what is missing is said first
    assert judge(DENSE, load(text)).status in ("error", "not attempted")


def test_a_wrong_line_beside_unwritten_ones_is_wrong():
    text = DENSE.stub().replace("gx = ...", "gx = 2 * g @ weight.T")
    result = judge(DENSE, load(text))
    assert result.status == "wrong" and result.diagnosis.first.signature == "x: all twice"


def test_raised():
    def broken(g, cache):
        raise ZeroDivisionError("by hand")

    result = judge(DENSE, broken)
    assert result.status == "error" and result.message == "backward raised ZeroDivisionError: by hand"
    assert isinstance(result.exception, ZeroDivisionError) and result.diagnosis is None


def test_what_raises_in_one_configuration_is_read_in_another():
    """g @ weight does not fit, unless the weight is square."""
    result = judge(DENSE, DENSE.backward("G10"))
    assert result.status == "error" and "where the sizes happen to fit" in result.message
    assert result.code == "G10" and "configuration 2 of 2" in str(result)


@pytest.mark.parametrize(
    ("backward", "message"),
    [
        (lambda g: None, "returned nothing"),
        (lambda g: [1, 2, 3], "returned a list"),
        (lambda g: {"X": 1}, "did you mean 'x'"),
        (lambda gradient: {}, "asks for an argument 'gradient'"),
    ],
)
def test_what_cannot_be_compared_is_wrong_with_a_sentence(backward, message):
    result = judge(DENSE, backward)
    assert result.status == "wrong" and message in result.message and result.diagnosis is None


def test_inconclusive():
    """Off by a few parts in 10^9: more than rounding, less than any mistake."""
    result = judge(
        DENSE, lambda g, x, weight: {**dense(g, None, x, weight, None), "x": g @ weight.T * (1 + 4e-9)}
    )
    assert result.status == "inconclusive"


def test_the_right_answer_may_be_spelled_otherwise():
    def loops(g, cache, **arrays):
        gx, gw = np.zeros_like(arrays["x"]), np.zeros_like(arrays["weight"])
        for n, d in np.ndindex(gx.shape):
            gx[n, d] = (g[n] * arrays["weight"][d]).sum()
            gw[d] += arrays["x"][n, d] * g[n]
        return {"bias": np.einsum("nh->h", g), "weight": gw, "x": gx}

    assert judge(DENSE, loops).status == "passed"


def test_a_known_formula_is_recognised_below_another_mistake():
    """V16 shows no simple change;
    its line is compared with what the mistake makes of this person's own gz.
    """

    def backward(cache, mu, logvar, eps, target, beta):
        right = VAE.backward()(cache=cache, mu=mu, logvar=logvar, eps=eps, target=target, beta=beta)
        N, gz, sigma = len(mu), 3 * right["z"], np.exp(logvar / 2)
        glogvar = gz * 0.5 * sigma * eps + beta * 0.5 * (sigma - 1) / N
        return {"z": gz, "mu": gz + beta * mu / N, "logvar": glogvar}

    found = judge(VAE, backward).diagnosis
    assert [(r.signature, r.code) for r in found.readings] == [
        ("z: all * K", "G03"),
        ("logvar: unexplained", "V16"),
    ]


def test_two_known_mistakes_on_one_line():
    found = judge(VAE, load(VAE.planted("V16", "V03"))).diagnosis
    assert {r.code for r in found.readings} == {"V16", "V03"}
    assert "two known mistakes at once" in str(found)


def test_configurations_that_were_right_are_mentioned():
    """Wrong only where the weight is square."""

    def backward(g, x, weight):
        square = weight.shape[0] == weight.shape[1]
        return {**dense(g, None, x, weight, None), "x": g @ (weight if square else weight.T)}

    text = str(judge(DENSE, backward))
    assert "right in: N=5, D=11, H=7" in text and "configuration 2 of 2" in text


def test_what_nobody_can_read_is_probed():
    """A made-up formula that is right for beta = 1 and for beta = 0 only, and for mu = 0."""

    def backward(cache, mu, logvar, eps, target, beta):
        right = VAE.backward()(cache=cache, mu=mu, logvar=logvar, eps=eps, target=target, beta=beta)
        return {**right, "mu": right["mu"] + np.sin(7 * mu) * beta * (1 - beta)}

    result = judge(VAE, backward)
    assert result.code is None and result.diagnosis.first.signature == "mu: unexplained"
    note = result.diagnosis.notes[-1]
    assert (
        note.startswith("mu becomes right when")
        and "beta = 0.0" in note
        and "beta = 1.0" in note
        and "mu = 0" in note
    )
    assert "eps = 0" not in note


def test_seeds_draw_other_arrays():
    one, two = (Trial(DENSE, DENSE.module().CONFIGS[0], seed, 1, 2).problem.value("x") for seed in (0, 1))
    assert (one != two).all()


def test_check_for_notebooks():
    assert check("dense", dense).status == "passed"
    assert check("dense").status == "not attempted"
    with pytest.raises(ValueError, match="did you mean 'dense'"):
        check("dens", dense)


@pytest.mark.parametrize(
    ("old", "new", "signature", "code"),
    [
        ("+ beta * 0.5 * (sigma**2", "- beta * 0.5 * (sigma**2", "logvar: kl sign", "V14"),
        ("beta * 0.5 * (sigma**2", "beta * (sigma**2", "logvar: kl twice", "V14"),
        ("beta * mu / N", "2 * beta * mu / N", "mu: kl twice", "V12"),
    ],
)
def test_a_term_with_a_wrong_factor_has_one_name(old, new, signature, code):
    """And the sentence that says what happened is not contradicted by two mistakes that
    lead to the same numbers.
    """
    found = judge(VAE, load(VAE.solution().replace(old, new))).diagnosis
    assert [(r.signature, r.code) for r in found.readings] == [(signature, code)]
    assert "two known mistakes" not in str(found)
