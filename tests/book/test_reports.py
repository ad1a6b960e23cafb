"""The reports that the book keeps are those that minigen gives today."""

import re

import pytest

pytest.importorskip(
    "minigen.book.breakit", reason="the book needs pip install '.[book]'", exc_type=ImportError
)

from minigen.book import breakit, order, reports
from minigen.exercises import master

MASTERS = master.all_masters()
SHOWN = [
    (id, key)
    for id in dict.fromkeys(id for ids in order.EXERCISES.values() for id in ids)
    for key in breakit.shown(MASTERS[id])
]


def table(report):
    """Verdict and table; how far a search comes is a matter of time, and rounding one of the processor."""
    return [re.sub(r"\d\.\de-1[2-9]", "rounding", part) for part in report.split("\n\n")[:2]]


def cause(report):
    return next((line for line in report.split("\n") if line.startswith("likely")), None)


def test_every_mistake_has_a_report_of_its_code_as_it_is():
    kept = reports._kept()
    assert kept.keys() == {f"{id} {key}" for id, key in SHOWN}, "run python -m minigen.book.reports"
    for id, key in SHOWN:
        assert kept[f"{id} {key}"]["of"] == reports.digest(MASTERS[id], key), (
            "run python -m minigen.book.reports"
        )


def test_a_report_of_other_code_is_made_anew(monkeypatch):
    id, key = SHOWN[0]
    kept = {f"{id} {key}": {"of": reports.digest(MASTERS[id], key), "says": "as kept"}}
    monkeypatch.setattr(reports, "_kept", lambda: kept)
    assert reports.says(MASTERS[id], key) == "as kept"
    kept[f"{id} {key}"]["of"] = "of other code"
    assert table(reports.says(MASTERS[id], key))[1].startswith(id)


@pytest.mark.parametrize(
    ("id", "key"),
    [pytest.param(*case, marks=() if i % 40 == 0 else pytest.mark.slow) for i, case in enumerate(SHOWN)],
)
def test_a_report_is_what_minigen_says(id, key):
    made, kept = reports.make(MASTERS[id], key), reports.says(MASTERS[id], key)
    assert table(made) == table(kept), "run python -m minigen.book.reports --all"
    if cause(made) and cause(kept):
        assert cause(made) == cause(kept), "run python -m minigen.book.reports --all"
