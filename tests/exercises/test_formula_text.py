"""Formulas on a terminal: every statement can be read there, and says what its LaTeX says."""

import re

import pytest

from minigen.exercises.formula_text import in_unicode
from minigen.exercises.lessons import _wrapped
from minigen.exercises.master import all_masters

# Formulas of the statements, and what a person wrote down for them.
SAME = {
    r"y_{nh} = \sum_d x_{nd} W_{dh} + b_h": "y_nh = ∑_d x_nd W_dh + b_h",
    r"y = \sigma(a) = \frac{1}{1 + e^{-a}} .": "y = σ(a) = 1/(1 + e⁻ᵃ).",
    r"\tanh a = (e^a - e^{-a}) / (e^a + e^{-a})": "tanh a = (eᵃ - e⁻ᵃ) / (eᵃ + e⁻ᵃ)",
    r"y = \begin{cases} a & a > 0 \\ s\,a & a \le 0 \end{cases}": "y = { a if a > 0; s a if a ≤ 0 }",
    r"\begin{cases} a & a > 0 \\ 0.2\, a & \text{otherwise,} \end{cases}": "{ a if a > 0; 0.2 a otherwise },",
    r"\frac1N \sum_n \tfrac12 \lVert \hat t_n - t_n \rVert^2 + \tfrac{\lambda}{2} \lVert W \rVert^2": (
        "(1/N) ∑ₙ ½ ‖t̂ₙ - tₙ‖² + (λ/2) ‖W‖²"
    ),
    r"p_{nk} = e^{\ell_{nk}} / \sum_j e^{\ell_{nj}}": "pₙₖ = e^(ℓₙₖ) / ∑ⱼ e^(ℓₙⱼ)",
    r"s = \sqrt{v + \epsilon}, \quad \hat x_n = \frac{c_n}{s}": "s = √(v + ϵ),  x̂ₙ = cₙ/s",
    r"\bar x_{n,c,\,su+i,\,sv+j} \; w_{ocij}": "x̄[n, c, su+i, sv+j] w_ocij",
    r"\rho \log\frac{\rho}{\hat\rho_j} + (1-\rho) \log\frac{1-\rho}{1-\hat\rho_j}": (
        "ρ log (ρ/ρ̂ⱼ) + (1-ρ) log ((1-ρ)/(1-ρ̂ⱼ))"
    ),
    r"\frac{\partial h_{nj}}{\partial x_{ni}} = s_{nj} W_{1,ij}": "∂hₙⱼ/∂xₙᵢ = sₙⱼ W[1, ij]",
    r"\mathrm{KL} = \frac{\beta}{N} \sum_{n=1}^{N} ( e^{v_{nk}} + \mu_{nk}^2 )": (
        "KL = (β/N) ∑[n=1…N] (e^(vₙₖ) + μₙₖ²)"
    ),
    r"z_s = \mu + e^{v/2}\varepsilon_s": "zₛ = μ + e^(v/2) εₛ",
    r"w_s = p(x \mid z_s)\, p(z_s)": "wₛ = p(x | zₛ) p(zₛ)",
    r"\log \frac1S \sum_s w_{sn}": "log (1/S) ∑ₛ wₛₙ",
    r"q = \varphi'(a) \odot w_2^\top, \qquad \varphi''": "q = φ′(a) ⊙ w₂ᵀ,  φ″",
    r"\rho_n = (\sum_d v_{nd}^2 + 10^{-12})^{1/2}": "ρ_n = (∑_d v_nd² + 10⁻¹²)^(1/2)",
    r"\text{canvas}_{n,o} \mathrel{+}= x": "canvas[n, o] += x",
    r"L_{\text{critic}} = f_{\text{new}}(\tilde x)": "L_critic = f_new(x̃)",
}


@pytest.mark.parametrize("latex", SAME)
def test_a_formula_says_the_same(latex):
    assert in_unicode(f"with ${latex}$ here", 100) == f"with {SAME[latex]} here"


@pytest.mark.parametrize("id", all_masters())
def test_every_statement_can_be_read(id):
    """No LaTeX is left, nothing is too wide, and no capital letter of a formula is lost."""
    statement = all_masters()[id].statement
    for width in (60, 80, 100):
        text = _wrapped_at(statement, width)
        assert not re.search(r"[\\$\x01-\x08]|\^\{|_\{|&|\xa0", text), text
        assert max(len(line) for line in text.splitlines()) <= width, text
        assert "|---" not in text
    words = re.sub(
        r"\\[A-Za-z]+",
        " ",
        "".join(a + b for a, b in re.findall(r"\$\$(.+?)\$\$|\$(.+?)\$", statement, re.S)),
    )
    assert set(re.findall(r"[A-Z]", words)) <= set(text)


def _wrapped_at(statement, width):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", str(width))
        return _wrapped(statement)


def test_indices_of_a_statement_look_alike():
    assert in_unicode("$x_n$ and $y_k$", 80) == "xₙ and yₖ"
    assert in_unicode("$x_n$ and $y_d$ and $W_1$", 80) == "x_n and y_d and W₁"


def test_formulas_on_lines_of_their_own():
    text = "Here:\n$$a = b, \\qquad c = d .$$\nand on $$e = f$$ it goes."
    assert in_unicode(text, 40) == "Here:\n    a = b,   c = d.\nand on \n    e = f\n it goes."
    assert "    a = b,\n    c = d.\n" in in_unicode(text, 14)
    long = "$$L = " + " + ".join(f"a_{i} b_{i}" for i in range(9)) + "$$"
    assert in_unicode(long, 40).splitlines()[2].startswith("        + a")


def test_lists_are_wrapped_too():
    text = "Two steps:\n\n1. **The slope.** It is\n   found first.\n2. Its price."
    assert _wrapped_at(text.replace("found", "found" + " and found again" * 4), 60).splitlines()[2:] == [
        "1. **The slope.** It is found and found again and found",
        "   again and found again and found again first.",
        "2. Its price.",
    ]


def test_tables():
    table = "| given | shape |\n|---|---|\n| `x` | (N, D) |\n| `long name`, and $\\hat y$ | (N, H) |"
    aligned = ["given               shape", "`x`                 (N, D)", "`long name`, and y\u0302  (N, H)"]
    assert _wrapped_at(table, 60).splitlines() == aligned
    long = table.replace("and", "and" + " more" * 10)
    assert _wrapped_at(long, 60).splitlines() == [
        "given: shape",
        "`x`: (N, D)",
        "`long name`, and more more more more more more more more",
        "    more more y\u0302: (N, H)",
    ]


@pytest.mark.parametrize("latex", [r"\unknown x", r"\frac{a", r"x_", r"\begin{matrix} a \end{matrix}"])
def test_unknown_latex_is_left_as_it_is_and_told_to_its_author(latex):
    with pytest.raises(ValueError, match="formula"):
        in_unicode(f"${latex}$", 80)
    assert _wrapped(f"so ${latex}$") == f"so ${latex}$"
