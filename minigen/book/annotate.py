"""The engine in two columns, notes beside code, and the table of all operations: cut from engine/."""

import ast
import importlib
import re
from collections import Counter
from pathlib import Path

from minigen.book import typeset
from minigen.engine.tape import registry
from minigen.graph.record import rules_of

PACKAGE = Path(__file__).parents[1]
FILES = ("backend", "tape", "ops", "shapes", "conv", "anomaly", "numpy_protocol")


def page(name):
    """One file of engine/ as sections: the note on the left, its code on the right."""
    path = PACKAGE / "engine" / f"{name}.py"
    source = path.read_text(encoding="utf-8")
    tree = ast.parse(source)
    lines = source.split("\n")
    return {
        "name": name,
        "title": f"engine/{name}.py",
        "intro": typeset.paragraphs(ast.get_docstring(tree)),
        "file": f"minigen/engine/{name}.py",
        "sections": _with_own_ids(_sections(tree.body[1:], lines)),
    }


def _with_own_ids(sections):
    """A property and its setter have one name; the second place is called name-2."""
    seen, found = Counter(), []
    for section in sections:
        seen[section["id"]] += 1
        number = seen[section["id"]]
        found.append({**section, "id": section["id"] + (f"-{number}" if number > 1 else "")})
    return found


def _sections(body, lines):
    """Groups of statements: a function with its rules, a class in its methods, and what stands between."""
    gathered, at = [], None
    for node in body:
        start = _start(node)
        heading = _heading(lines, start)
        if isinstance(node, ast.ClassDef):
            yield from _flush(gathered, lines)
            gathered = []
            yield from _class(node, lines)
        elif isinstance(node, ast.FunctionDef) or (gathered and not _belongs(node, gathered[0])):
            yield from _flush(gathered, lines)
            gathered = [node]
        else:
            gathered.append(node)
        if heading and heading != at:
            at = heading
            yield {"heading": heading, "id": _slug(heading)}
    yield from _flush(gathered, lines)


def _belongs(node, first):
    """Whether a statement stands in the section that begins with `first`: a rule under its function."""
    if isinstance(first, ast.FunctionDef):
        return ast.unparse(node).startswith(f"{first.name}.rule(")
    return _only_imports(node) or not _only_imports(first)


def _start(node):
    decorators = getattr(node, "decorator_list", [])
    return min([node.lineno, *(d.lineno for d in decorators)])


def _heading(lines, start):
    for row in reversed(lines[max(0, start - 5) : start - 1]):
        found = re.match(r"# -{3,} (.+?) -{3,}", row)
        if found:
            return found[1]
        if row.strip() and not row.startswith("#"):
            return None
    return None


def _slug(text):
    return re.sub(r"\W+", "-", text.lower()).strip("-")


def _flush(nodes, lines):
    if nodes:
        first = nodes[0]
        name = first.name if isinstance(first, ast.FunctionDef) else ""
        section = _section(name, first, nodes[-1].end_lineno, lines)
        yield {**section, "imports": _only_imports(first)}


def _only_imports(node):
    """Whether a statement imports, `if TYPE_CHECKING:` too: the page folds these away."""
    inner = [*node.body, *node.orelse] if isinstance(node, ast.If) else [node]
    return all(isinstance(part, ast.Import | ast.ImportFrom) for part in inner)


def _section(name, node, end, lines, prefix=""):
    start = _start(node)
    doc, skip = "", set()
    if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node):
        doc = ast.get_docstring(node)
        skip = set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    rows = [(i, lines[i - 1]) for i in range(start, end + 1) if i not in skip]
    rows = [
        row
        for row, before in zip(rows, [(0, "")] + rows, strict=False)
        if row[1].strip() or before[1].strip()
    ]
    notes = [re.sub(r"^\s*# ?", "", row) for _, row in rows if re.match(r"^\s*#", row)]
    html = typeset.code_lines("\n".join(row for _, row in rows))
    return {
        "id": _slug(prefix + name) if name else f"line-{start}",
        "name": prefix + name,
        "note": typeset.paragraphs(doc) if doc else "",
        "comments": [typeset.prose(note) for note in notes if not note.startswith("---")],
        "imports": False,
        "code": [{"number": i, "html": row} for (i, _), row in zip(rows, html, strict=True)],
    }


def _class(node, lines):
    methods = [n for n in node.body if isinstance(n, ast.FunctionDef)]
    head = methods[0] if methods else None
    end = _start(head) - 1 if head else node.end_lineno
    while end > node.lineno and not lines[end - 1].strip():
        end -= 1
    yield _section(node.name, node, end, lines)
    rest = node.body[node.body.index(head) :] if head else []
    for inner in rest:
        name = inner.name if isinstance(inner, ast.FunctionDef) else ""
        yield _section(name, inner, inner.end_lineno, lines, prefix=f"{node.name}." if name else "")


# ----- the table of all operations -----


def operations():
    """Every operation of the registry: name, formula, rules as they are written, place, tested or not."""
    for part in ("losses", "nn"):
        importlib.import_module(f"minigen.{part}")  # their operations join the registry when they are loaded
    tested = sampled()
    rows = []
    for name, op in registry.items():
        module = op.forward.__module__
        if not module.startswith("minigen."):
            continue
        file = module.removeprefix("minigen.").replace(".", "/") + ".py"
        part, _, leaf = module.removeprefix("minigen.").rpartition(".")
        page_ = f"{leaf}.html#{_slug(name)}" if part == "engine" and leaf in FILES else ""
        formula = (op.__doc__ or "").strip().split("\n\n")[0].replace("\n", " ")
        rows.append(
            {
                "name": op.name if op.name != name and not name.startswith("_") else name.strip("_"),
                "formula": typeset.prose(
                    re.split(r"(?<=[.;]) ", re.sub(r"\s+", " ", formula))[0].rstrip(".;") + "."
                ),
                "rules": rules_of(op),
                "file": file,
                "page": page_,
                "second": ("yes" if name in tested else "no") if tested is not None else "see the tests",
            }
        )
    return rows


def sampled():
    """The operations that have a sample in tests/: each is tested to second order. None without tests/."""
    folder = PACKAGE.parent / "tests"
    files = [folder / "samples.py", folder / "samples_layers.py"]
    if not all(path.is_file() for path in files):
        return None
    found = set()
    for path in files:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        texts = [c.value for c in ast.walk(tree) if isinstance(c, ast.Constant) and isinstance(c.value, str)]
        found |= set(re.findall(r"\w+", " ".join(texts)))
    return found
