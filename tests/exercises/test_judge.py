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
    assert (result.status, result.code, result.table) == ("passed", None, None)
    assert str(result) == "passed: every gradient is right in 2 configurations"


def test_wrong_with_report():
    result = check("vae-reparameterization", VAE.backward("V02"))
    text = " ".join(str(result).split())  # the report is wrapped for a terminal
    assert result.status == "wrong" and result.code == "V02"
    (finding,) = result.explanation.findings
    assert finding.kind == "factor" and "sigma is missing" in finding.sentence and finding.sentence in text
    assert "with this one change all gradients are right, on 4 independent inputs of other sizes" in text
    assert "WRONG <- first wrong line" in text and "(N=5, K=3, beta=0.7)" in text
    assert "0.5 * sigma * eps" not in text  # the cause, never the corrected line
    answer = json.loads(json.dumps(result.to_dict()))
    assert (answer["code"], answer["verdict"], answer["findings"][0]["after"]) == ("V02", "wrong", None)
    assert [g["verdict"] for g in answer["gradients"]] == ["ok", "ok", "wrong"]
    assert "<rect" in result._repr_html_()


def test_not_attempted():
    result = judge(DENSE, load(DENSE.stub()))
    assert result.status == "not attempted" and "still to write: x, weight, bias" in result.message
    text = DENSE.stub().replace("gx = ...", "gx = g @ weight.T")
    result = judge(DENSE, load(text))
    assert result.status == "not attempted" and result.message.endswith("still to write: weight, bias")
    assert result.table.lines[0].verdict == "ok"
    text = DENSE.stub().replace("gx = ...", "gx = g @ weight")  # wrong, but what is missing is said first
    assert judge(DENSE, load(text)).status in ("error", "not attempted")


def test_a_wrong_line_beside_unwritten_ones_is_wrong():
    text = DENSE.stub().replace("gx = ...", "gx = 2 * g @ weight.T")
    result = check("dense", load(text))
    assert result.status == "wrong" and result.table.first_wrong.node == "x"
    assert [f.kind for f in result.explanation.findings] == ["factor"]


def test_raised():
    def broken(g, cache):
        raise ZeroDivisionError("by hand")

    result = judge(DENSE, broken)
    assert result.status == "error" and result.message == "backward raised ZeroDivisionError: by hand"
    assert isinstance(result.exception, ZeroDivisionError) and result.table is None


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
    assert result.status == "wrong" and message in result.message and result.table is None


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


def test_two_mistakes_are_two_findings():
    backward = load(VAE.planted("V02", "V13"), "<two mistakes>")
    result = check("vae-reparameterization", backward, seconds=20)
    assert [x.node for x in result.table.lines if x.verdict == "wrong"] == ["mu", "logvar"]
    assert {f.line for f in result.explanation.findings} == {31, 32}


def test_two_mistakes_of_which_one_raises():
    """Where the weight is square nothing raises, and both are seen."""
    text = DENSE.planted("G10", "G06")
    result = check("dense", load(text, "<one raises>"), seconds=20)
    assert result.status == "error" and "ValueError" in result.message
    assert [(f.line, f.kind) for f in result.explanation.findings] == [(29, "transpose"), (31, "reduction")]


def test_a_mistake_that_does_not_show_in_small_sizes_is_found():
    """The stride is 1 in the first configuration, and there nothing is wrong."""
    master = all_masters()["conv2d-weight-gradient"]
    result = check(master.id, master.backward("C04"), seconds=20)
    (finding,) = result.explanation.findings
    assert "stride" in finding.sentence and result.explanation.complete


def test_a_promise_that_is_broken_is_told_without_a_search():
    """The second call of this backward knows of the first, which no other inputs show."""
    before = {}

    def backward(g, x, weight):
        answer = dense(g, None, before.get(x.shape, x), weight, None)
        before[x.shape] = x.copy()
        return answer

    result = check("dense", backward)
    assert result.status == "wrong" and result.code == "G20"
    assert "a value is kept from another call" in " ".join(str(result).split())


@pytest.mark.parametrize("key", ["G08", "V10"])  # one of them with a sentence that tells the new term
def test_the_corrected_line_is_told_on_request_only(key):
    master = DENSE if key in DENSE.mutants else VAE
    for reveal in (False, True):
        result = check(master.id, master.backward(key), seconds=20, reveal=reveal)
        (finding,) = result.explanation.findings
        said = result.told().replace(finding.before, "").partition("likely")[2]  # after the person's own line
        said = "".join(said.split())
        assert ("".join(finding.after.split()) in said) == reveal
        assert (result.to_dict()["findings"][0]["after"] is not None) == reveal


def test_configurations_that_were_right_are_mentioned():
    """Wrong only where the weight is square."""

    def backward(g, x, weight):
        square = weight.shape[0] == weight.shape[1]
        return {**dense(g, None, x, weight, None), "x": g @ (weight if square else weight.T)}

    text = str(judge(DENSE, backward))
    assert "right in: N=5, D=11, H=7" in text and "configuration 2 of 2" in text


def test_seeds_draw_other_arrays():
    one, two = (Trial(DENSE, DENSE.module().CONFIGS[0], seed, 1, 2).problem.value("x") for seed in (0, 1))
    assert (one != two).all()


def test_check_for_notebooks():
    assert check("dense", dense).status == "passed"
    assert check("dense").status == "not attempted"
    with pytest.raises(ValueError, match="did you mean 'dense'"):
        check("dens", dense)


@pytest.mark.parametrize(
    ("old", "new", "kind", "code"),
    [
        ("+ beta * 0.5 * (sigma**2", "- beta * 0.5 * (sigma**2", "sign", "V14"),
        ("beta * 0.5 * (sigma**2", "beta * (sigma**2", "factor", "V14"),
        ("beta * mu / N", "2 * beta * mu / N", "factor", "V12"),
    ],
)
def test_a_term_with_a_wrong_factor(old, new, kind, code):
    text = VAE.solution().replace(old, new)
    result = check("vae-reparameterization", load(text, f"<{code} {kind}>"))
    assert ([f.kind for f in result.explanation.findings], result.code) == ([kind], code)
