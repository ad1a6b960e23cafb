"""Which line of code is which line of the derivation? Both are read from one file, and joined by their names.

A derivation by hand is a docstring; the code under it is the same again, in the same letters. What a line of
the docstring defines stands left of its equals sign. The code calls it the same, as far as Python's letters
go: x̂ is xhat, δ₂ is delta2 or d2, gW_μ is gWmu. `LETTERS` has the few words that code spells out. A line of
the docstring without a line of code, or a line of code without a line of the docstring, is a fault, and a
test fails that names the function.
"""

import ast
import importlib
import inspect
import re
import unicodedata
from dataclasses import dataclass, field

LETTERS = {"L": "loss", "l": "logits", "v": "logvar", "NLL": "nll", "KL": "kl", "Wv": "Wv"}
GREEK = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "eps", "κ": "kappa", "λ": "lam", "μ": "mu",
    "π": "pi", "ρ": "rho", "σ": "sigma", "τ": "tau", "θ": "theta", "ω": "omega", "ℓ": "l",
}  # fmt: skip
MARKS = {"\u0302": "hat", "\u0304": "bar", "\u0303": "tilde"}
EQUALS = re.compile(r" \+?= ")
ROOM = re.compile(r" {2,}")


@dataclass(eq=False)
class Line:
    """A line of the docstring; `number` is its line in the file.

    `names` are the things it defines, each a list of spellings, and the code may use any of them.
    """

    number: int
    text: str
    names: list = field(default_factory=list)
    statements: list = field(default_factory=list)


@dataclass(eq=False)
class Statement:
    """Code that computes something: lines `first` to `last` of the file, and the names it gives values to."""

    first: int
    last: int
    names: list
    lines: list = field(default_factory=list)
    setup: bool = False  # it only unpacks arguments or counts, so no line of the derivation is due


class Derivation:
    """The docstring of a function and its code, line by line, with who belongs to whom.

    `is_setup(names)` says of a statement that gives values to these names whether it only unpacks arguments;
    the values themselves tell that.
    """

    def __init__(self, function, is_setup=lambda names: False):
        self.function, self.name = function, function.__name__
        self.source, self.start = inspect.getsourcelines(function)
        self.file = inspect.getsourcefile(function)
        self.tree = ast.parse("".join(self.source)).body[0]
        ast.increment_lineno(self.tree, self.start - 1)
        self.summary, self.lines = self._docstring()
        self.notation = self._notation()
        self.keys = _parameter_names(self.tree)
        self.statements = list(_statements(self.tree, self.keys))
        for statement in self.statements:
            statement.setup = statement.setup or is_setup(statement.names)
        self.helpers = self._helpers()
        self._join()

    def _docstring(self):
        node = self.tree.body[0]
        raw = "".join(self.source).split('"""')[1].split("\n")
        lines = [Line(node.lineno + i, text[4:] if i else text) for i, text in enumerate(raw)]
        while lines and not lines[-1].text.strip():
            lines.pop()
        for line in lines:
            line.names = defined(line.text)
        if lines[0].names:  # y = 1 / (1 + e⁻ˣ). The summary is the first line of the derivation
            return "", lines
        return lines[0].text, lines[1:]

    def _notation(self):
        """What the docstrings of the module and of those it names define; no function needs all of it."""
        module = inspect.getmodule(self.function)
        others = [
            importlib.import_module(f"{module.__package__}.{name}")
            for name in re.findall(r"(\w+)\.py", module.__doc__)
        ]
        found = []
        for text in "\n".join(m.__doc__ for m in [module, *others]).split("\n"):
            if text.startswith("    "):
                names = defined(re.sub(r"^\s*\w:\s+", "", text))
                found += [Line(0, text, names)] if names else []
        return found

    def _helpers(self):
        """Private functions of the same file that are called here and have no derivation of their own."""
        module, found = inspect.getmodule(self.function), []
        for call in ast.walk(self.tree):
            name = call.func.id if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) else ""
            helper = getattr(module, name, None)
            if name.startswith("_") and inspect.isfunction(helper) and helper not in found:
                if not any(defined(text) for text in (helper.__doc__ or "").split("\n")):
                    found.append(helper)
        for helper in found:
            source, start = inspect.getsourcelines(helper)
            tree = ast.increment_lineno(ast.parse("".join(source)).body[0], start - 1)
            for statement in _statements(tree, {}):
                statement.setup = True
                if not set(statement.names) & {n for s in self.statements for n in s.names}:
                    self.statements.append(statement)
        return found

    def _join(self):
        by_name = {}
        for statement in self.statements:
            for name in statement.names:
                by_name.setdefault(name, []).append(statement)
        for line in [*self.lines, *self.notation]:
            for spellings in [*line.names, *layers_gone_back(line.text)]:
                found = [s for name in by_name if _is_one_of(name, spellings) for s in by_name[name]]
                for statement in found:
                    if line in self.notation and any(other not in self.notation for other in statement.lines):
                        continue  # the derivation's own line says it better
                    if statement not in line.statements:
                        line.statements.append(statement)
                    if line not in statement.lines:
                        statement.lines.append(line)

    def faults(self):
        """A sentence for each line without its partner; empty where all is well."""
        for line in self.lines:
            for spellings in line.names:
                names = [name for statement in line.statements for name in statement.names]
                if not any(_is_one_of(name, spellings) for name in names):
                    yield (
                        f"{self.name}: line {line.number} of the derivation, {line.text.strip()!r}, has no "
                        f"line of code: nothing is called {' or '.join(dict.fromkeys(spellings))}"
                    )
        for statement in self.statements:
            if not statement.lines and not statement.setup:
                code = "".join(self.source[statement.first - self.start : statement.last - self.start + 1])
                yield (
                    f"{self.name}: line {statement.first} of the code, {code.strip()!r}, has no line in the "
                    "derivation"
                )


# ----- the docstring -----


def defined(text):
    """What a line of a docstring defines: for each equation the possible spellings of its name in code."""
    found = []
    text = re.sub(r"(\S)\s+(\+?=)\s", r"\1 \2 ", text.strip())  # room in front of = only aligns
    for part in ROOM.split(text):
        part = re.sub(r"^each ", "", part)
        if " as in " in part and not EQUALS.search(part):
            found += [spellings(n) for n in part.partition(" as in ")[0].split(", ") if _is_name(n)]
        if part.startswith("back of "):
            layer = spell(part.split()[2])
            found.append([f"g{layer}", layer])
            continue
        sides = EQUALS.split(part)
        names = [side for side in sides[:-1] if _is_name(side)]
        if names and names[0] == sides[0]:
            found.append([s for name in names for s in spellings(name)])
    return found


def layers_gone_back(text):
    """The layers whose backward a line calls: gh₂ = back of dense_μ at gμ + back of dense_v at gv."""
    layers = [spell(layer) for layer in re.findall(r"back of (\S+)", text)]
    return [[layer, re.sub("_v$", "_logvar", layer)] for layer in layers]


def _is_one_of(name, spellings):
    """Whether code's `name` is one of these; a_r and a_f are a on two batches, gb is any bias."""
    return (
        name in spellings
        or re.sub("_[rf]$", "", name) in spellings
        or ("gb" in spellings and name[:2] == "gb")
    )


NAME = re.compile(r"^[^\W\d](?:\w|[\u0300-\u036f]|\[[^]]*\]|_\([^)]*\)|,)*$")


def _is_name(side):
    side = side.strip()
    words = side.removeprefix("log ").strip()
    return bool(NAME.match(unicodedata.normalize("NFD", words))) and not re.search("[∂Σ⟨′'ᵀ]", side)


def spellings(name):
    """How code may spell a name of the derivation, the most faithful first."""
    plain = spell(name)
    bare = re.sub(r"\[[^]]*\]|_?\([^)]*\)|,.*", "", plain)  # without indices
    stems = [bare, bare.replace("_", ""), re.sub(r"_[a-zA-Z0-9]*$", "", bare)]
    found = []
    for stem in stems:
        found.append(stem)
        if stem in LETTERS:
            found.append(LETTERS[stem])
        if stem[:1] == "g" and stem[1:] in LETTERS:
            found.append("g" + LETTERS[stem[1:]])
        if stem.startswith("delta"):
            found.append("d" + stem.removeprefix("delta"))
    return list(dict.fromkeys(found))


def spell(name):
    """A name in Python's letters: Greek written out, hats and bars as words, subscripts as plain digits."""
    out = ""
    for letter in unicodedata.normalize("NFD", name.strip()):
        decimal = unicodedata.normalize("NFKD", letter)
        out += MARKS.get(letter) or GREEK.get(letter) or (decimal if decimal.isdigit() else letter)
    return re.sub(r"\s+", "_", out)


# ----- the code -----


def _parameter_names(tree):
    """{key in p: the letter it is unpacked to}: W2, b2 = p["decoder.weight"], p["decoder.bias"]."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name | ast.Tuple):
            targets = node.targets[0].elts if isinstance(node.targets[0], ast.Tuple) else node.targets
            values = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
            for target, value in zip(targets, values, strict=False):
                if (
                    isinstance(value, ast.Subscript)
                    and isinstance(value.slice, ast.Constant)
                    and isinstance(target, ast.Name)
                ):
                    found[value.slice.value] = target.id
    return found


def _statements(tree, keys):
    """The statements of a function that compute something, nested functions and loops included."""
    body = tree.body[1:] if ast.get_docstring(tree) else tree.body
    alone = len(body) == 1
    for node in body:
        yield from _of(node, keys, outer=True, alone=alone)


def _of(node, keys, outer, alone=False):
    if isinstance(node, ast.FunctionDef):
        for inner in node.body:
            yield from _of(inner, keys, outer=False)
    elif isinstance(node, ast.For | ast.With):
        for inner in node.body:
            yield from _of(inner, keys, outer)
    elif isinstance(node, ast.Assign | ast.AugAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        names = [name for target in targets for name in _names(target)]
        yield Statement(node.lineno, node.end_lineno, names, setup=_is_buffer(node.value))
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        call = node.value.func
        if isinstance(call, ast.Attribute) and call.attr == "append" and isinstance(call.value, ast.Name):
            yield Statement(node.lineno, node.end_lineno, [call.value.id])
    elif isinstance(node, ast.Return) and node.value is not None:
        yield from _returned(node, keys, outer, alone)


def _returned(node, keys, outer, alone):
    dicts = [d for d in ast.walk(node.value) if isinstance(d, ast.Dict)] if outer else []
    for entry in dicts[:1]:
        for key, value in zip(entry.keys, entry.values, strict=True):
            if isinstance(key, ast.Constant) and not isinstance(value, ast.Name):
                names = [f"g{keys.get(key.value, key.value)}"]
                yield Statement(key.lineno, value.end_lineno, names)
    gathered = outer and isinstance(node.value, ast.Tuple) and node.value.elts[-1]
    if isinstance(gathered, ast.Call | ast.DictComp):
        yield Statement(node.lineno, node.end_lineno, ["gtheta"], setup=True)
    if alone:
        yield Statement(node.lineno, node.end_lineno, ["loss", "xtilde"])  # it hands on to another derivation
    elif not outer and not isinstance(node.value, ast.Name | ast.Tuple | ast.Dict):
        yield Statement(node.lineno, node.end_lineno, ["gx", "glogits"])  # a backward of one gradient


def _names(target):
    if isinstance(target, ast.Name):
        return [target.id] if target.id != "_" else []
    if isinstance(target, ast.Tuple):
        return [name for part in target.elts for name in _names(part)]
    if isinstance(target, ast.Starred | ast.Subscript):
        return _names(target.value)
    return []


def _is_buffer(value):
    """Zeros, to be filled by lines that follow."""
    return isinstance(value, ast.Call) and ast.unparse(value.func) in ("np.zeros", "np.zeros_like")
