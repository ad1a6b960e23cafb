"""The catalogue of mistakes: complete, readable, and consistent with what the checker says."""

import re

import pytest

from minigen.exercises.catalogue import entries, explain
from minigen.exercises.judge import _PAGES
from minigen.exercises.master import all_masters

NUMBERED = {"G": 51, "A": 13, "S": 15, "V": 35, "N": 16, "W": 4, "P": 16, "C": 14, "B": 9}


def test_every_entry_is_there_once():
    expected = [
        f"{letter}{number:02d}" for letter, count in NUMBERED.items() for number in range(1, count + 1)
    ]
    assert list(entries()) == expected and len(expected) == 173


def test_every_entry_has_a_name_and_a_paragraph():
    for entry in entries().values():
        assert 5 <= len(entry.title) <= 75 and not entry.title.endswith("."), entry.code
        assert len(entry.text) >= 60 and entry.text.endswith("."), entry.code
        assert "\n\n" not in entry.text, entry.code
    assert len({e.title for e in entries().values()}) == 173


def test_codes_in_use_are_in_the_catalogue():
    used = {key.split(".")[0] for m in all_masters().values() for key in m.mutants}
    used |= set(_PAGES.values())
    assert used <= set(entries())


def test_explain():
    assert explain("V02").title == "σ has disappeared"
    assert explain(" v12.sign ").code == "V12"
    assert re.match(r"V02  σ has disappeared\n\nAn exponential", str(explain("v02")))
    for code, hint in (("V99", "did you mean 'V"), ("hello", "a letter and two digits")):
        with pytest.raises(ValueError, match=hint):
            explain(code)
