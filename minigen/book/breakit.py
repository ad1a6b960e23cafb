"""Mistakes to choose from: one line of an exercise's solution is changed, arrays change, and minigen speaks.

The mistakes are those that the exercise is tested with. Lines and pictures are computed when the book is
built, minigen's reports are kept in reports.json.
"""

import difflib
import functools
import inspect

import numpy as np

from minigen.book import reports, typeset
from minigen.book.order import MISTAKES
from minigen.book.pictures import picture, words
from minigen.check.net import Net
from minigen.exercises import catalogue, master


@functools.cache
def exercise(id):
    """What the page shows about one exercise: its statement, and its mistakes."""
    found = master.all_masters()[id]
    chosen = shown(found)
    return {
        "id": id,
        "title": found.title,
        "statement": typeset.statement(found.statement),
        "wanted": found.wanted,
        "mistakes": [mistake(found, key) for key in chosen],
        "more": len(found.mutants) - len(chosen),
    }


def shown(found):
    """The mistakes that a page shows: a few from all of them, no two with the same code of the catalogue."""
    codes = {}
    for key in found.mutants:
        codes.setdefault(key.partition(".")[0], key)
    keys = list(codes.values())
    return [keys[i * len(keys) // MISTAKES] for i in range(MISTAKES)] if len(keys) > MISTAKES else keys


def mistake(found, key):
    """One mistake: the code with its change, the gradients before and after, and minigen's report."""
    code = key.partition(".")[0]
    right, wrong = _both(found, key)
    changed = [name for name in right if not _same(right[name], wrong[name])]
    return {
        "key": key,
        "code": code if code in catalogue.entries() else "",
        "title": catalogue.entries()[code].title if code in catalogue.entries() else found.mutants[key].cause,
        "cause": found.mutants[key].cause,
        "lines": changes(found.solution(), found.mutant(key)),
        "arrays": [_pair(name, right[name], wrong[name]) for name in changed],
        "same": [name for name in right if name not in changed],
        "says": reports.says(found, key),
    }


def changes(before, after):
    """The lines of backward around the change, as (kind, HTML); kind is "", "minus" or "plus"."""
    kinds = {" ": "", "-": "minus", "+": "plus"}
    marked = difflib.ndiff(_backward(before), _backward(after))
    rows = [(kinds[row[0]], row[2:]) for row in marked if row[0] in kinds]
    html = typeset.code_lines("\n".join(text for _, text in rows))
    near = {j for i, (kind, _) in enumerate(rows) if kind for j in range(i - 2, i + 3)}
    return [(kind, row) for i, ((kind, _), row) in enumerate(zip(rows, html, strict=True)) if i in near]


def _backward(source):
    lines = source.split("\n")
    start = next(i for i, row in enumerate(lines) if row.startswith("def backward"))
    end = ("if __name__", "    from minigen", "    print(")
    body = [row for row in lines[start + 1 :] if not row.startswith(end)]
    return [row.removeprefix("    ") for row in body if row.strip() and "# ----" not in row]


def _both(found, key):
    """Gradients by name, right and wrong, in the first configuration where the mistake raises no error."""
    for config in found.module().CONFIGS:
        try:
            return _gradients(found, None, config), _gradients(found, key, config)
        except ValueError:  # shapes that do not fit: what minigen says tells it
            continue
    return {}, {}


def _gradients(found, key, config):
    """The gradients by name that a backward of the exercise gives, in one configuration with a fixed seed."""
    rng, net = np.random.default_rng(0), Net()
    arguments, settings = found.drawn(config, rng)
    found.module().forward(net, *arguments.values(), **settings)
    given = {**arguments, **settings, "cache": net.values}
    if net.has_output:
        given["g"] = rng.standard_normal(net.values[net.output_name].shape)
    backward = found.backward(key)
    with np.errstate(all="ignore"):
        result = backward(**{name: given[name] for name in inspect.signature(backward).parameters})
    return {name: np.asarray(result[name], np.float64) for name in found.wanted}


def _same(a, b):
    return a.shape == b.shape and np.allclose(a, b, rtol=1e-10, atol=1e-14, equal_nan=True)


def _pair(name, right, wrong):
    largest = float(max(np.abs(right).max(initial=0), np.abs(np.nan_to_num(wrong)).max(initial=0)))
    return {
        "name": name,
        "shape": words(right) if right.shape == wrong.shape else f"{words(right)}, and here {words(wrong)}",
        "right": picture(right, largest=largest),
        "wrong": picture(wrong, largest=largest),
    }
