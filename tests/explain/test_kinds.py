"""Every kind that a finding may have has a page: what it means, an example, and how to see it by hand."""

import ast
import re

import pytest

from minigen import cli
from minigen.exercises import catalogue
from minigen.explain import kinds
from minigen.explain.edits import KINDS
from minigen.explain.explanation import PAGES


def test_there_is_a_page_for_every_kind_and_no_other():
    assert set(kinds.pages()) == {*KINDS, "error"}
    assert set(PAGES) <= set(KINDS)


@pytest.mark.parametrize("kind", [*KINDS, "error"])
def test_a_page_has_its_parts(kind, capsys):
    text = kinds.pages()[kind]
    code = re.search(r"```python\n(.*?)```", text, re.DOTALL)[1]
    assert len(code.splitlines()) == 4
    ast.parse(code)
    assert "wrong" in code or "raises" in code
    assert "right" in code
    assert "By hand: " in text
    assert set(re.findall(r"\b[A-Z]\d\d\b", text)) <= set(catalogue.entries())
    assert cli.main(["explain", kind.replace(" ", "-")]) == 0
    assert "By hand" in capsys.readouterr().out


def test_a_code_of_the_catalogue_is_still_explained(capsys):
    assert cli.main(["explain", "G09"]) == 0
    assert "turned" in capsys.readouterr().out
