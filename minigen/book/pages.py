"""What stands on the page of a derivation: lines, their code, their values, the tape's version, witnesses."""

import ast
import importlib
import inspect
import linecache
import re
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from minigen import tables
from minigen.book import breakit, order, typeset, values
from minigen.book.pictures import number, picture, words
from minigen.check import subjects, witnesses
from minigen.graph.record import Record, norm, rules_of

PACKAGE = Path(__file__).parents[1]
BY_TAPE = tuple(str(PACKAGE / part) for part in ("models", "losses.py", "nn"))


@dataclass(eq=False)
class Numbers:
    """What is told about one value: its name, its shape, its norm, its largest entry, and a picture."""

    name: str
    shape: str
    norm: str
    entry: str
    picture: object


def numbers(name, value):
    """The Numbers of an array or a number; None for what is neither."""
    if isinstance(value, list | dict) and value:  # a stack of layers: the last one computed
        value = list(value.values())[-1] if isinstance(value, dict) else value[-1]
    if isinstance(value, float | np.floating):
        value = np.asarray(value)
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "fb" or value.size == 0:
        return None
    value = value.astype(np.float64)
    if value.ndim == 0:
        return Numbers(name, "one number", "", number(float(value)), "")
    worst = np.unravel_index(np.abs(value).argmax(), value.shape)
    entry = f"{list(map(int, worst))} = {number(value[worst])}"
    return Numbers(name, words(value), number(norm(value)), entry, picture(value))


def derivation_page(name):
    """Everything the template of a derivation needs, for a subject of `minigen check`."""
    subject = subjects.build(name)
    runs = values.of_subject(subject)
    # the functions of the file that the subject starts in, or that it hands on to at once
    near = [r for r in runs if r.module == runs[0].module or not runs[0].function().__doc__]
    parts = [part for part in map(_part, near) if part]
    return {
        "name": name,
        "title": name,
        "parts": parts,
        "intro": _intro(runs),
        "layers": _layers(runs),
        "tape": by_tape(subject),
        "records": [_record(r) for r in witnesses.compare(subject)],
        "breaks": [breakit.exercise(id) for id in order.EXERCISES.get(name, ())],
        "batch": [(name, words(value)) for name, value in subject.parameters.items()],
    }


def _intro(runs):
    """(file, its docstring) of the module, which says what its derivations share, and of those it cites."""
    if not runs:
        return []
    module = sys.modules[runs[0].module]
    others = re.findall(r"\b(?:that|those) of\s+(\w+)\.py", module.__doc__)
    modules = [module, *(importlib.import_module(f"{module.__package__}.{name}") for name in others)]
    return [(f"minigen/byhand/{Path(m.__file__).name}", typeset.paragraphs(m.__doc__)) for m in modules]


def _part(run):
    """One function on the page, or None where it derives nothing."""
    if not hasattr(sys.modules[run.module], run.code.co_name) or not run.function().__doc__:
        return None
    derivation = run.derivation()
    if not any(line.names for line in derivation.lines):
        return None
    key = derivation.name.strip("_")
    marks = {id(s): f"{key}-{i}" for i, s in enumerate(derivation.statements)}
    return {
        "name": derivation.name,
        "key": key,
        "file": str(Path(derivation.file).relative_to(PACKAGE.parent)),
        "summary": typeset.prose(derivation.summary.strip()),
        "rows": list(_rows(derivation, run, marks)),
        "code": _code(derivation, marks),
        "calls": run.calls,
    }


def _rows(derivation, run, marks):
    """The lines of the derivation: formulas one by one, prose joined to paragraphs."""
    paragraph, shown = [], set()
    for line in derivation.lines:
        text = line.text
        if line.statements or typeset.is_formula(text):
            if paragraph:
                yield {"prose": typeset.prose(" ".join(paragraph))}
                paragraph = []
            yield {
                "html": typeset.line(text),
                "indent": max(0, len(text) - len(text.lstrip()) - 4 * (not text.strip().startswith("="))),
                "marks": " ".join(marks[id(s)] for s in line.statements),
                "id": f"{derivation.name.strip('_')}-line-{line.number}",
                "numbers": list(_numbers(line, derivation, run, shown)),
                "code": [_piece(derivation, s) for s in line.statements],
            }
        elif text.strip():
            paragraph.append(text.strip())
        elif paragraph:
            yield {"prose": typeset.prose(" ".join(paragraph))}
            paragraph = []
    if paragraph:
        yield {"prose": typeset.prose(" ".join(paragraph))}


def _numbers(line, derivation, run, shown):
    for statement in line.statements:
        for name in statement.names:
            if name in shown:
                continue
            told = numbers(name, run.value(name, derivation.keys))
            if told:
                shown.add(name)
                yield told


def _piece(derivation, statement):
    source = linecache.getlines(derivation.file)[statement.first - 1 : statement.last]
    indent = min(len(s) - len(s.lstrip()) for s in source if s.strip())
    text = "".join(s[indent:] for s in source).rstrip("\n")
    return {"first": statement.first, "html": typeset.code_lines(text)}


def _code(derivation, marks):
    """Number, HTML and marks of every line of the function and its helpers, without docstrings."""
    rows = []
    used = {s.first for s in derivation.statements if s.lines}
    for function in (derivation.function, *derivation.helpers):
        source, start = inspect.getsourcelines(function)
        if not used & set(range(start, start + len(source))):
            continue  # a helper that only refuses what does not fit
        if rows:
            rows.append({"number": "", "html": "", "marks": ""})
        tree = ast.parse("".join(source)).body[0]
        doc = tree.body[0]
        skip = range(start + doc.lineno - 1, start + doc.end_lineno) if ast.get_docstring(tree) else ()
        for at, html in enumerate(typeset.code_lines("".join(source).rstrip("\n")), start):
            if at not in skip:
                found = [marks[id(s)] for s in derivation.statements if s.first <= at <= s.last and s.lines]
                rows.append({"number": at, "html": html, "marks": " ".join(found)})
    return rows


def _layers(runs):
    """The layers by hand that the model calls and that have a page of their own."""
    here = runs[0].module if runs else ""
    apart = [r for r in runs if r.module != here and not r.module.endswith(".functions")]
    names = {r.code.co_name.replace("_", "-") for r in apart}
    return [n for n in subjects.NAMES if n in names]


def _record(record):
    errors = record.hand_vs_tape, record.hand_vs_differences, record.tape_vs_differences
    return {
        "parameter": record.parameter,
        "shape": words(record),
        "errors": [tables.relative(error).replace("-", "−") for error in errors],
        "verdict": record.verdict,
    }


# ----- the same by tape -----


def by_tape(subject):
    """The functions of models/, losses and nn that compute the loss, in the order of their calls."""
    tensors = witnesses.ByTape(subject.by_tape).tensors(subject.parameters, tracked=True)
    called = {}

    def notice(frame, event, argument):
        code = frame.f_code
        if (
            event == "call"
            and code.co_filename.startswith(BY_TAPE)
            and not code.co_name.startswith(("<", "__", "_"))
        ):
            called.setdefault(code, len(called))

    sys.setprofile(notice)
    try:
        loss = subject.by_tape(tensors)
    finally:
        sys.setprofile(None)
    pieces = [_source(code) for code in called if "/nn/module" not in code.co_filename]
    operations = {}
    for entry in Record(loss).entries:
        if entry.kind == "operation":
            operations.setdefault(entry.op, entry.thing.op)
    return {
        "functions": [p for p in pieces if p],
        "operations": [(name, rules_of(op)) for name, op in operations.items()],
    }


def _source(code):
    source, start = inspect.getsourcelines(code)
    indent = len(source[0]) - len(source[0].lstrip())
    text = "".join(row[indent:] if row.strip() else row for row in source).rstrip("\n")
    text = re.sub(r'\n\s+r?"""(?:.|\n)*?"""', "", text, count=1)
    if re.fullmatch(r"def \w+\(self[^)]*\):\s*return self\.\w+", text.replace("\n", " ")):
        return None
    if ") -> None:" in text.partition("\n")[0]:  # it only refuses what does not fit
        return None
    file = str(Path(code.co_filename).relative_to(PACKAGE.parent))
    return {
        "name": getattr(code, "co_qualname", code.co_name),
        "file": file,
        "line": start,
        "html": typeset.code_lines(text),
    }
