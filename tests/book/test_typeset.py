"""Unicode mathematics becomes HTML: indices, primes, and words that stand among formulas."""

import pytest

for library in ("pygments", "latex2mathml"):
    pytest.importorskip(library, reason="the book needs pip install '.[book]'")
from minigen.book import typeset  # noqa: E402

FORMULAS = {
    "Σ_n δ₂_n": "Σ<sub><i>n</i></sub> <i>δ</i><sub>2,<i>n</i></sub>",
    "W1ᵀ": "<i>W</i><sub>1</sub><sup>⊤</sup>",
    "φ'(a_f)": "<i>φ</i>′(<i>a</i><sub><i>f</i></sub>)",
    "φ''(â)": "<i>φ</i>″(<i>â</i>)",
    "x_ni weight_io": "<i>x</i><sub><i>ni</i></sub> weight<sub><i>io</i></sub>",
    "Σ_nuv g": "Σ<sub><i>nuv</i></sub> <i>g</i>",
    "log(x) + 1e-12": "log(<i>x</i>) + 1e−12",
}
SENTENCES = {
    "the slope v = q W1ᵀ": "the slope v = q W<sub>1</sub><sup>⊤</sup>",
    "times e^−ℓ_f, the game's": "times e<sup>−ℓ<sub>f</sub></sup>, the game's",
    "softplus' = σ, tanh' and φ''": "softplus′ = σ, tanh′ and φ″",
    "mistake G06 of conv2d": "mistake G06 of conv2d",
}


@pytest.mark.parametrize("text", FORMULAS)
def test_a_formula(text):
    assert typeset._formula(text) == FORMULAS[text]


@pytest.mark.parametrize("text", SENTENCES)
def test_a_sentence(text):
    assert str(typeset.prose(text)) == SENTENCES[text]


def test_a_sentence_that_begins_like_a_formula_is_set_as_a_sentence():
    words = typeset.line("ℓ = h W + b was used twice, on both batches, so its parameters collect twice:")
    assert 'class="sentence"' in words and "<i>" not in words
    note = typeset.line("δ = gh     here σ(l) is the sigmoid: softplus′, whose own slope nobody needs")
    assert 'class="sentence"' not in note and '<span class="note">' in note
    assert 'class="formula"' in typeset.line("y[n,o,u,v] = bias[o] + Σ_c x[n,c, su, sv + dj] weight[o,c]")


def test_a_second_formula_stands_apart_after_a_shape():
    assert typeset.line("q = v + u     (N, D)     a = x W").count('class="gap"') == 1
