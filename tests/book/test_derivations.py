"""No drift: every line of a derivation has its line of code, and every line of code its line of the
derivation.
"""

import importlib
import shutil
import sys

import numpy as np
import pytest

from minigen.book import derivation, values
from minigen.check import subjects

BY_HAND = [name for name in subjects.NAMES if subjects.build(name).by_hand is not None]


def runs_of(name):
    subject = subjects.build(name)
    return values.run(lambda: subject.by_hand({k: v.copy() for k, v in subject.parameters.items()}))[1]


def derivations_of(name):
    """Every derivation that takes part in a subject: its own, and those of its layers."""
    runs = [
        r for r in runs_of(name) if hasattr(sys.modules[r.module], r.code.co_name) and r.function().__doc__
    ]
    found = [run.derivation() for run in runs]
    return [d for d in found if any(line.names for line in d.lines)]


@pytest.mark.parametrize("name", BY_HAND)
def test_the_page_has_no_line_without_its_partner(name):
    found = derivations_of(name)
    places = [f"{run.module.replace('.', '/')}.py, {run.code.co_name}" for run in runs_of(name)]
    assert found, f"no derivation of {name} stands in a docstring of {'; '.join(dict.fromkeys(places))}"
    faults = [f"page {name}: {fault}" for d in found for fault in d.faults()]
    assert faults == []


@pytest.fixture
def changed_byhand(tmp_path, monkeypatch):
    """`changed_byhand(file, old, new)` is a copy of byhand/ with one change: the package, ready to be
    imported.
    """
    package = tmp_path / "byhand_copy"
    shutil.copytree(values.FOLDER, package, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(values, "FOLDER", str(package))

    def change(file, old, new):
        path = package / f"{file}.py"
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")
        importlib.invalidate_caches()
        return importlib.import_module(f"byhand_copy.{file}")

    yield change
    for module in [m for m in sys.modules if m.startswith("byhand_copy")]:
        del sys.modules[module]


def faults_of(module):
    rng = np.random.default_rng(0)
    D, H, K, N = 7, 3, 2, 5
    sizes = dict(encoder=(D, H), mu=(H, K), logvar=(H, K), decoder=(K, H), output=(H, D))
    p = {f"{k}.weight": rng.normal(size=s) for k, s in sizes.items()}
    p |= {f"{k}.bias": rng.normal(size=s[1]) for k, s in sizes.items()}
    x, eps = rng.random((N, D)), rng.normal(size=(N, K))
    _, runs = values.run(lambda: module.vae_bernoulli(p, x, eps))
    (run,) = [r for r in runs if r.code.co_name == "vae_bernoulli"]
    return list(run.derivation().faults())


BODY = "    gz = delta2 @ W2.T\n    gmu = gz + beta * mu / N\n"


@pytest.mark.parametrize(
    "old, new, told",
    [
        ("gz", "gz", None),
        ("gmu", "g_of_mu", "nothing is called gmu"),  # a variable renamed, in code alone
        ("delta2 = gu * (1 - u**2)", "d = gu * (1 - u**2); delta2 = d", None),
        (
            "    gh = gmu @",
            "    extra = gmu * 2\n    gh = gmu @",
            "'extra = gmu * 2', has no line in the derivation",
        ),
        (
            "    gu = δ₃ W₃ᵀ                              (N, D) -> (N, H)\n",
            "",
            "'gu = delta3 @ W3.T', has no line",
        ),
        ('        "logvar.weight": h.T @ glogvar,\n', "", "nothing is called gW_logvar or gWlogvar|gWv"),
        ("    δ₁ = gh ⊙ (1 − h²)\n", "    δ₁ = gh ⊙ (1 − h²)\n    gq = δ₁ W₁ᵀ\n", "nothing is called gq"),
    ],
)
def test_a_change_on_one_side_alone_is_told(changed_byhand, old, new, told):
    faults = faults_of(changed_byhand("vae", old, new))
    faults = [f for f in faults if "extra" in f or "d = gu" not in f]
    if told is None:
        assert faults == []
    else:
        assert any(part in fault for fault in faults for part in told.split("|")), faults
        assert all(fault.startswith("vae_bernoulli: line ") for fault in faults)


@pytest.mark.parametrize(
    "name", ["vae-bernoulli", "wgan-gp-critic-tanh", "batch-norm", "ae-contractive", "conv2d"]
)
def test_each_deleted_line_of_code_is_missed(name):
    """Without the line, its line of the derivation has no partner; no statement is covered by another's name
    alone.
    """
    for d in derivations_of(name)[:1]:
        for statement in d.statements:
            if statement.setup or not statement.lines:
                continue
            others = {n for s in d.statements if s is not statement for n in s.names}
            missing = [
                spellings
                for line in statement.lines
                for spellings in line.names
                if any(derivation._is_one_of(n, spellings) for n in statement.names)
                and not any(derivation._is_one_of(n, spellings) for n in others)
            ]
            again = set(statement.names) <= others  # gx = zeros, then gx += ...: the first is a buffer
            collected = any("gb" in spellings for line in statement.lines for spellings in line.names)
            assert missing or again or collected or _on_two_batches(statement), (d.name, statement.names)


def _on_two_batches(statement):
    return any(name[-2:] in ("_r", "_f") for name in statement.names)


def test_every_value_of_the_vae_stands_beside_its_line():
    (run,) = [r for r in runs_of("vae-bernoulli") if r.code.co_name == "vae_bernoulli"]
    d = run.derivation()
    told = {
        n for line in d.lines for s in line.statements for n in s.names if run.value(n, d.keys) is not None
    }
    assert {
        "h",
        "mu",
        "logvar",
        "sigma",
        "z",
        "u",
        "logits",
        "loss",
        "gz",
        "gmu",
        "glogvar",
        "gW1",
        "gb3",
    } <= told
    np.testing.assert_array_equal(run.value("gWmu", d.keys), run.values["h"].T @ run.values["gmu"])


@pytest.mark.parametrize(
    "letters, spelled",
    [("x̂", "xhat"), ("W₁", "W1"), ("δâ", "dahat"), ("gW_μ", "gWmu"), ("gv", "glogvar"), ("l", "logits"),
     ("log w", "log_w"), ("δℓ_r", "dl_r"), ("gx[n,c,u,v]", "gx"), ("h_(k+1)", "h"), ("κ_k", "kappa")],
)  # fmt: skip
def test_how_code_spells_the_letters(letters, spelled):
    assert spelled in derivation.spellings(letters)
