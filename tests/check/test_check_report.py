"""Reports: the table, the sentences below it, the dict, the notebook table,
and that they say nothing false.
"""

import json
from html.parser import HTMLParser

import numpy as np
import pytest

import minigen as mg
from minigen.check import Record, Report, check_gradients

OK = Record(
    "vae",
    "mu.weight",
    (13, 5),
    1e-16,
    2e-12,
    3e-12,
    (1, 2),
    {"hand": 1.0, "tape": 1.0, "differences": 1.0},
    1e-10,
)
WRONG = Record(
    "vae",
    "mu.bias",
    (5,),
    0.2,
    0.2,
    1e-12,
    (3,),
    {"hand": -0.1274, "tape": -0.0811, "differences": -0.0811},
    1e-10,
    "wrong",
    "by hand differs from by tape and from by differences",
)
KINK = Record("vae", "b", (2,), None, None, 0.0, (0,), {"tape": 0.0}, 0.0, "inconclusive", "on a kink", 2)


def test_ok_needs_every_record_and_at_least_one():
    assert Report([OK]).ok
    assert not Report([OK, WRONG]).ok and not Report([KINK]).ok
    assert not Report([]).ok and str(Report([])) == "nothing was compared"


def test_assert_ok_carries_the_table():
    Report([OK]).assert_ok()
    for records in ([WRONG], [OK, KINK], []):
        with pytest.raises(AssertionError) as raised:
            Report(records).assert_ok()
        assert str(Report(records)) in str(raised.value)


def test_the_table_is_aligned():
    table = str(Report([OK, WRONG, KINK])).split("\n\n")[0].splitlines()
    assert len(table) == 4 and table[0].split("  ")[0] == "subject"
    for title in ("subject", "parameter", "shape", "worst entry", "verdict"):
        start = table[0].index(title)
        assert all(line[start - 1] == " " != line[start] for line in table[1:] if start)
    for title in ("hand-tape", "hand-diff", "tape-diff", "error bar"):
        end = table[0].index(title) + len(title)
        assert all(line[end - 1] != " " for line in table)
        assert all(line[end : end + 2] == "  " for line in table)
    assert (
        "1.0e-16" in table[1] and "2.0e-12" in table[1] and "[1, 2]" in table[1] and table[1].endswith("ok")
    )
    assert "(5,)" in table[2] and table[2].endswith("WRONG")
    assert table[3].split() == ["vae", "b", "(2,)", "-", "-", "0", "0", "[0]", "inconclusive"]


def test_columns_that_nobody_filled_are_left_out():
    head = Report([KINK]).rows()[0]
    assert head == ["subject", "parameter", "shape", "tape-diff", "error bar", "worst entry", "verdict"]
    assert "subject" not in Report([Record("", "x", (2,))]).rows()[0]


def test_what_is_wrong_is_explained_with_its_numbers():
    text = str(Report([OK, WRONG, KINK], ["x is float32"]))
    assert "vae mu.bias: wrong: by hand differs from by tape and from by differences" in text
    assert "worst entry [3]: by hand -0.1274, by tape -0.0811, by differences -0.0811, ratio 1.5709" in text
    assert "vae b: inconclusive: on a kink" in text
    assert "mu.weight:" not in text
    assert "x is float32" in text
    assert (
        text.splitlines()[-1]
        == "3 compared: 1 ok, 1 wrong, 1 inconclusive; largest error among the ok: 3.0e-12"
    )


def test_the_ratio_is_that_of_the_odd_one_out():
    odd = Record(
        "s",
        "w",
        (1,),
        worst_index=(0,),
        worst={"hand": 1.0, "tape": 3.0, "differences": 1.0},
        verdict="wrong",
    )
    assert odd.explain().endswith("ratio 3")
    zero = Record("s", "w", (1,), worst_index=(0,), worst={"tape": 3.0, "differences": 0.0}, verdict="wrong")
    assert "ratio" not in zero.explain()


def test_the_dict_survives_json():
    report = Report([OK, WRONG, KINK], ["a note"])
    back = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert back["ok"] is False and back["notes"] == ["a note"] and len(back["records"]) == 3
    assert back["records"][0]["shape"] == [13, 5] and back["records"][0]["worst_index"] == [1, 2]
    assert back["records"][1]["verdict"] == "wrong" and back["records"][1]["worst"]["hand"] == -0.1274
    keys = "subject parameter shape hand_vs_tape hand_vs_differences tape_vs_differences worst_index verdict"
    assert set(keys.split()) <= set(back["records"][0])


def test_the_dict_of_a_real_report_survives_json_too():
    x = np.array([[0.0, 1.0], [2.0, -3.0]])
    nan = np.full((2, 2), np.nan)
    report = check_gradients(lambda x: mg.sum(mg.relu(x)), x, gradients=nan)
    back = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert back["records"][0]["worst"]["hand"] is None and back["records"][0]["verdict"] == "wrong"


class Cells(HTMLParser):
    """The texts of all table cells, and a check that every tag is closed."""

    def __init__(self, html):
        super().__init__()
        self.open, self.cells, self.rows = [], [], 0
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.rows += tag == "tr"

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ("td", "th"):
            self.cells.append(data)


def test_the_notebook_table_has_the_same_cells():
    report = Report([OK, WRONG, KINK])
    seen = Cells(report._repr_html_())
    assert seen.rows == 4 and seen.cells == [cell for row in report.rows() for cell in row]
    assert "ratio 1.5709" in report._repr_html_() and "3 compared" in report._repr_html_()
    assert Report([])._repr_html_() == "<p>nothing was compared</p>"


def test_names_cannot_smuggle_markup_into_a_notebook():
    evil = Record("<b>s</b>", "<script>", (1,), 0.1, verdict="wrong", reason="a < b & c")
    html = Report([evil], ["<img>"])._repr_html_()
    assert "<script>" not in html and "<b>" not in html and "<img>" not in html
    assert "&lt;script&gt;" in html and "a &lt; b &amp; c" in html
