"""Builds the book: every page from the sources, into a folder that needs no server and no network."""

import functools
import hashlib
import os
import shutil
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import jinja2

from minigen.book import annotate, extras, order, pages, typeset, values, watch
from minigen.check import subjects
from minigen.exercises import catalogue

HERE = Path(__file__).parent
TOP = (
    ("index.html", "Start here"),
    ("derivations.html", "Derivations"),
    ("engine.html", "The engine"),
    ("operations.html", "Operations"),
    ("watch.html", "Backward passes"),
    ("experiments.html", "Experiments"),
    ("mistakes.html", "Mistakes"),
)
FAMILIES = (
    ("Layers", lambda name: name in _LAYERS),
    ("Autoencoders", lambda name: name.startswith("ae-")),
    ("Variational autoencoders", lambda name: name.startswith("vae-") or name == "iwae"),
    ("Adversarial networks", lambda name: name.startswith(("gan-", "dcgan-"))),
    ("Wasserstein networks", lambda name: name.startswith("wgan-")),
)
_LAYERS = {
    n for n in subjects.NAMES if not n.startswith(("ae-", "vae-", "gan-", "dcgan-", "wgan-")) and n != "iwae"
}


def page_names():
    """What `minigen read NAME` takes: {name: file, and the place in it}."""
    names = {name: f"{name}.html" for name in [*subjects.NAMES, *annotate.FILES, *watch.SCENES]}
    names |= {file.removesuffix(".html"): file for file, _ in TOP}
    return names | {code: f"mistakes.html#{code}" for code in catalogue.entries()}


def build(folder, jobs=None):
    """Write the book into `folder`, replacing files of the same names. Returns the folder."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for file in (HERE / "static").iterdir():
        shutil.copyfile(file, folder / file.name)
    jobs = jobs or min(os.cpu_count() or 1, 4)
    todo = _todo()
    if jobs > 1 and hasattr(os, "fork"):
        with ProcessPoolExecutor(jobs, mp_context=get_context("fork")) as pool:
            texts = list(pool.map(_render, todo))
    else:
        texts = list(map(_render, todo))
    for (_, name), text in zip(todo, texts, strict=True):
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    for row in extras.experiments():
        shutil.copyfile(row["image"], folder / f"gallery-{row['name']}.png")
    return folder


def fingerprint():
    """A name for the state of the sources: another book is built when it changes."""
    files = sorted(HERE.parent.rglob("*"))
    facts = [
        f"{p} {p.stat().st_mtime_ns} {p.stat().st_size}"
        for p in files
        if p.suffix in (".py", ".md", ".html", ".css", ".js")
    ]
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16]


def _todo():
    """(kind, name) of every page; those that take long first."""
    slow = sorted(subjects.NAMES, key=lambda n: -len(order.EXERCISES.get(n, ())))
    todo = [("derivation", name) for name in slow] + [("watch", name) for name in watch.SCENES]
    todo += [("source", name) for name in annotate.FILES]
    return todo + [("top", file.removesuffix(".html")) for file, _ in TOP]


def _render(job):
    kind, name = job
    if kind == "derivation":
        context, template = pages.derivation_page(name), "derivation.html"
        context |= {"next": _neighbours(name, subjects.NAMES), "is_layer": name in _LAYERS}
    elif kind == "watch":
        steps = [(at, step) for at, step in enumerate(order.STEPS, 1) if step.watch == name]
        context, template = {**watch.page(name), "steps": steps}, "tick.html"
    elif kind == "source":
        context, template = {**annotate.page(name), "next": _neighbours(name, annotate.FILES)}, "source.html"
    else:
        context, template = _top(name), f"{name}.html"
    return _environment().get_template(template).render(kind=kind, here=name, place=_place(name), **context)


def _place(name):
    """(number, step, the next step or None, the one before or None) of a page; None outside the order."""
    at = next((i for i, step in enumerate(order.STEPS) if step.page == name), None)
    if at is None:
        return None
    following = order.STEPS[at + 1] if at + 1 < len(order.STEPS) else None
    return at + 1, order.STEPS[at], following, order.STEPS[at - 1] if at else None


def _top(name):
    context = {"name": name, "title": dict(TOP)[f"{name}.html"], "steps": order.STEPS, "scenes": watch.SCENES}
    if name == "derivations":
        context["families"] = [(title, [n for n in subjects.NAMES if mine(n)]) for title, mine in FAMILIES]
        context["summaries"] = _summaries()
    if name == "engine":
        context["files"] = [(file, annotate.page(file)["intro"]) for file in annotate.FILES]
    if name == "operations":
        context["operations"] = annotate.operations()
    if name == "experiments":
        context["experiments"] = extras.experiments()
    if name == "mistakes":
        context["mistakes"] = extras.mistakes()
    if name == "watch":
        context["about"] = {key: watch.page(key) for key in watch.SCENES}
    return context


def _summaries():
    """{subject: the first sentence of its derivation}."""
    found = {}
    for name in subjects.NAMES:
        runs = values.of_subject(subjects.build(name))
        doc = runs[0].function().__doc__ if runs else "By tape and by differences only."
        found[name] = typeset.prose(doc.split("\n")[0])
    return found


def _neighbours(name, names):
    at = names.index(name)
    return (names[at - 1] if at else None, names[at + 1] if at + 1 < len(names) else None)


@functools.cache
def _environment():
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["prose"] = typeset.prose
    environment.globals.update(
        top=TOP,
        version=sys.modules["minigen"].__version__,
        gallery={row["name"] for row in extras.experiments()},
    )
    return environment
