"""The folder that `minigen read --out` writes: whole, small, without a request to anywhere, every link and
anchor there.
"""

import importlib
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

import minigen
from minigen import cli
from minigen.book import extras, order
from minigen.check import subjects
from minigen.exercises import catalogue, master

for library in ("jinja2", "pygments", "latex2mathml"):
    pytest.importorskip(library, reason="the book needs pip install '.[book]'")
site = importlib.import_module("minigen.book.site")
annotate, watch = site.annotate, site.watch
ROOT = Path(minigen.__file__).parents[1]


class Page(HTMLParser):
    """The links, ids and pictures of a page, and the tags that were left open."""

    VOID = {"meta", "link", "img", "br", "input", "hr"}

    def __init__(self, path):
        super().__init__()
        self.links, self.ids, self.images, self.loads, self.open, self.headings = [], [], [], [], [], []
        self.feed(path.read_text(encoding="utf-8"))
        self.close()

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag not in self.VOID:
            self.open.append(tag)
        if "id" in attributes:
            self.ids.append(attributes["id"])
        if tag == "a":
            self.links.append(attributes["href"])
        if tag == "img":
            self.images.append(attributes)
        self.loads += [attributes[k] for k in ("src", "srcset") if k in attributes]
        if tag == "link":
            self.loads.append(attributes["href"])
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))

    def handle_startendtag(self, tag, attributes):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def parsed(book):
    return {path.name: Page(path) for path in sorted(book.glob("*.html"))}


def test_there_is_a_page_for_everything(parsed):
    wanted = {
        *subjects.NAMES,
        *annotate.FILES,
        *watch.SCENES,
        "index",
        "operations",
        "experiments",
        "mistakes",
    }
    assert {f"{name}.html" for name in wanted} <= parsed.keys()


def test_every_experiment_stands_on_its_page(book):
    page = (book / "experiments.html").read_text()
    programs = [path.stem for path in extras.EXAMPLES.glob("*.py")]
    assert sorted(re.findall(r'<article id="(\w+)"', page)) == sorted(programs)
    assert all(f"python examples/{name}.py" in page for name in programs)


def test_every_link_and_every_anchor_resolves(parsed, book):
    for name, page in parsed.items():
        assert page.open == [], name
        assert len(page.ids) == len(set(page.ids)), f"{name}: an id stands twice"
        for link in page.links:
            file, _, anchor = link.partition("#")
            target = parsed.get(file or name)
            assert target is not None, f"{name}: {link} leads nowhere"
            assert not anchor or anchor in target.ids, f"{name}: {link} has no such place"


def test_nothing_comes_from_outside_and_everything_is_there(parsed, book):
    for name, page in parsed.items():
        for address in page.loads:
            assert address.startswith("data:") or (book / address).is_file(), f"{name}: {address}"
    for path in [*book.glob("*.css"), *book.glob("*.js")]:
        assert not re.search(r"https?:|@import|url\(", path.read_text(encoding="utf-8")), path.name
    for path in book.glob("*.html"):
        outside = set(re.findall(r"https?://[^\"'< )]+", path.read_text(encoding="utf-8")))
        assert outside <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1998/Math/MathML"}, path.name


def test_the_book_is_small(book):
    assert sum(path.stat().st_size for path in book.iterdir()) <= 8e6


def test_headings_and_pictures_serve_a_screen_reader(parsed):
    for name, page in parsed.items():
        assert page.headings[0] == 1 and page.headings.count(1) == 1, name
        assert all(b - a <= 1 for a, b in zip(page.headings, page.headings[1:], strict=False)), name
        assert all(image.get("alt") for image in page.images), name


def test_the_reading_order_names_what_exists():
    names, exercises = site.page_names(), master.all_masters()
    for step in order.STEPS:
        assert step.page in names and (not step.watch or step.watch in names)
        assert not step.exercise or step.exercise in exercises
        assert not step.experiment or (ROOT / "examples" / f"{step.experiment}.py").is_file()
    assert len(order.STEPS) == 12


def test_readme_has_the_same_order():
    assert order.as_markdown() in (ROOT / "README.md").read_text(encoding="utf-8")


def test_one_can_walk_from_the_first_step_to_the_last_and_to_what_belongs_to_each(parsed, book):
    for step, following in zip(order.STEPS, [*order.STEPS[1:], None], strict=True):
        page, text = parsed[f"{step.page}.html"], (book / f"{step.page}.html").read_text(encoding="utf-8")
        assert str(site.typeset.prose(step.about)) in text
        assert {f"{step.page}.html#{place.lower()}" for place in step.read} <= set(page.links)
        assert not step.exercise or f"minigen exercise show {step.exercise}" in text
        if step.watch:
            assert f"{step.watch}.html" in page.links
            assert f"{step.page}.html" in parsed[f"{step.watch}.html"].links
        onward = re.findall(r'rel="next" href="([^"]+)"', text)
        assert onward == ([f"{following.page}.html"] if following else [])


def test_every_exercise_can_be_broken_on_one_page(parsed, book):
    placed = [id for ids in order.EXERCISES.values() for id in ids]
    assert sorted(placed) == sorted(master.all_masters())
    for page, ids in order.EXERCISES.items():
        text = (book / f"{page}.html").read_text(encoding="utf-8")
        for id in ids:
            assert text.count(f'data-show="{id}-') >= min(order.MISTAKES, 2), (page, id)


def test_what_a_mistake_says_is_what_minigen_says(book):
    from minigen.exercises import check

    found = master.all_masters()["full-vae"]
    key = next(iter(found.mutants))
    report = str(check("full-vae", found.backward(key)))
    text = (book / "vae-bernoulli.html").read_text(encoding="utf-8")
    assert report.splitlines()[-1].strip()[:40].replace("&", "&amp;") in text


def test_the_table_of_operations_is_the_registry(book):
    text = (book / "operations.html").read_text(encoding="utf-8")
    rows = re.findall(r'<th scope="row">.*?<code>([^<]+)</code>', text)
    own = [op for op in annotate.registry.values() if op.forward.__module__.startswith("minigen.")]
    assert len(rows) == len(own) and {"mul", "tanh", "sum"} <= set(rows)
    assert "g * (1 - out * out)" in text
    assert text.count("<td>yes</td>") == len(own), "test_ops.py compares every operation to second order"


def test_the_samples_are_those_of_the_tests():
    """The table reads the names from the text of the samples; here they are asked for themselves."""
    samples, _ = importlib.import_module("samples"), importlib.import_module("samples_layers")
    tested = {sample.op for sample in samples.SAMPLES}
    own = {name for name, op in annotate.registry.items() if op.forward.__module__.startswith("minigen.")}
    assert own & tested == own & annotate.sampled()


def test_the_mistakes_of_the_catalogue_are_all_there(parsed):
    assert set(catalogue.entries()) <= set(parsed["mistakes.html"].ids)


def test_explain_leads_to_the_book(capsys):
    assert cli.main(["explain", "v02"]) == 0
    assert "minigen read V02" in capsys.readouterr().out
    assert site.page_names()["V02"] == "mistakes.html#V02"


def test_read_writes_and_says_where(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(site, "_todo", lambda: [("derivation", "tanh"), ("top", "index")])
    assert cli.main(["read", "tanh", "--out", str(tmp_path / "site")]) == 0
    assert f"open {tmp_path / 'site' / 'tanh.html'}" in capsys.readouterr().out


def test_read_opens_the_page_that_was_asked_for(tmp_path, monkeypatch, capsys):
    opened = []
    monkeypatch.setattr("webbrowser.open", lambda address: opened.append(address) or True)
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(site, "_todo", lambda: [("top", "index")])
    assert cli.main(["read", "V02"]) == 0
    assert opened[0].startswith("file:///") and opened[0].endswith("/mistakes.html#V02")


def test_read_refuses_what_does_not_exist(capsys):
    assert cli.main(["read", "vae-bernouli"]) == 2
    assert "did you mean vae-bernoulli" in capsys.readouterr().err


def test_a_missing_library_is_a_sentence_with_the_command(monkeypatch, capsys):
    import sys

    monkeypatch.setitem(sys.modules, "minigen.book.site", None)
    monkeypatch.delattr("minigen.book.site")

    def missing(name, *rest, real=__import__, **kwargs):
        if name == "minigen.book" and rest and rest[2] == ("site",):
            raise ModuleNotFoundError("No module named 'jinja2'", name="jinja2")
        return real(name, *rest, **kwargs)

    monkeypatch.setattr("builtins.__import__", missing)
    assert cli.main(["read"]) == 2
    assert "pip install 'minigen[book]'" in capsys.readouterr().err
