"""What is said about one task: the verdict, the lines of backward, and what was found, as text, HTML and a dict.

A sentence is made from the change that was verified, so it is true or it is not said. Where no change was found, only
what is certain is told. The corrected line is told on request.
"""

import ast
import copy
import html
import time
from dataclasses import dataclass, field

import numpy as np

from minigen.explain import stopped, trace
from minigen.explain.bench import UNTOUCHED, repeatable
from minigen.explain.edits import placed
from minigen.explain.naming import promised
from minigen.explain.search import Search
from minigen.explain.source import is_single

PAGES = {  # of the catalogue: where a kind is an entry there; the page of the kind itself otherwise
    "sign": "G04", "transpose": "G09", "swap": "G40", "in-place": "G18", "ignored g": "G17", "stale value": "G20",
    "randomness": "G50", "missing path": "G14", "dtype": "G38",
}  # fmt: skip
STEPS = (  # a factor that is the derivative of a step
    ("1 - {v} ** 2", "the derivative of tanh"), ("{v} * (1 - {v})", "the derivative of the sigmoid"),
    ("{v} > 0", "the derivative of relu, 1 where its input is positive"), ("1 - np.tanh({v}) ** 2", "the derivative of tanh"),
)  # fmt: skip


@dataclass
class Finding:
    """One mistake: where it is, what kind, the change that mends it, and on what that was verified."""

    file: str
    line: int
    end_line: int
    column: int
    end_column: int
    kind: str
    before: str
    after: str
    sentence: str
    verified_on: dict
    alternatives: list = field(default_factory=list)
    code: str | None = None
    source: str = ""  # the whole line, as the person wrote it

    def to_dict(self, reveal):
        keys = "file line end_line column end_column kind before sentence verified_on code".split()
        after = self.after if reveal else None
        others = [{**a, "after": a["after"] if reveal else None} for a in self.alternatives]
        return {k: getattr(self, k) for k in keys} | {"after": after, "alternatives": others}


@dataclass
class Explanation:
    """The answer for one forward with its backward. Prints as a report; `ok`, `findings`, `to_dict()`."""

    title: str
    verdict: str  # "ok", "wrong", "inconclusive" or "error"
    gradients: list = field(default_factory=list)  # {"name", "verdict", "error"}
    lines: list = field(default_factory=list)  # {"line", "name", "is"}
    findings: list = field(default_factory=list)
    certain: list = field(default_factory=list)  # sentences that hold where no change was found
    worst: str = ""
    tried: int = 0
    seconds: float = 0.0  # of computing
    reveal: bool = False
    # the gradients as they came, at the first inputs
    returned: dict = field(default_factory=dict, repr=False)
    raised: bool = False  # then only the gradients that the text of backward names could be compared
    complete: bool = True  # whether, with the findings mended, every gradient is right

    @property
    def ok(self) -> bool:
        return self.verdict == "ok"

    def to_dict(self) -> dict:
        """The shape that programs rely on; `after` is None unless it was asked for."""
        return {
            "verdict": self.verdict,
            "gradients": self.gradients,
            "lines": self.lines,
            "findings": [f.to_dict(self.reveal) for f in self.findings],
            "certain": self.certain,
            "tried": self.tried,
            "seconds": round(self.seconds, 3),
        }

    def headline(self) -> str:
        n, bad = len(self.gradients), sum(g["verdict"] != "ok" for g in self.gradients)
        if self.verdict == "ok":
            return f"{self.title}: right: {_count(n, 'gradient')} compared"
        if self.verdict == "wrong":
            if not bad:
                return f"{self.title}: not right yet"
            what = f"{bad} of {_count(n, 'gradient')} {'are' if bad > 1 else 'is'} wrong"
            return f"{self.title}: not right yet: {what}"
        return f"{self.title}: {self.verdict}"

    def __str__(self):
        out = [self.headline()]
        if self.lines and not self.ok:
            width = max(len(row["name"]) for row in self.lines)
            out += ["", f"  line  {'value':<{width}}  is"]
            first = next((f.line for f in self.findings), None)
            for row in self.lines:
                wrong = row["line"] == first and not row["is"].startswith("the gradient at")
                mark = "   <- first wrong line" if wrong else ""
                first = None if wrong else first
                out.append(f"  {row['line']:<4}  {row['name']:<{width}}  {row['is']}{mark}")
        if self.worst:
            out.append(f"worst  : {self.worst}")
        out += self.told()
        hides = not self.ok and not self.reveal and any(f.after is not None for f in self.findings)
        more = ["--reveal shows the corrected line"] if hides else []
        more += [f"minigen explain {f.code}" for f in self.findings if f.code]
        if more:
            out.append(f"more   : {'; '.join(dict.fromkeys(more))}")
        return "\n".join(out)

    def told(self):
        """What was found, as lines of text."""
        out = [line for finding in self.findings for line in self._told(finding)]
        return out + [f"certain: {sentence}" for sentence in self.certain]

    def _told(self, finding):
        absent = finding.before == "" and finding.kind != "error"
        place = f"{'before ' * absent}line {finding.line}"
        if absent and _indent(finding.after) != _indent(finding.source):  # it ends a block, such as a loop
            place += f", indented as line {finding.line - 1}"
        out = [f"{place}: {finding.source.strip()}", f"likely : {finding.sentence}"]
        out += [
            f"         or, just as well: {a['sentence']} (line {a['line']})"
            for a in finding.alternatives[:2]
            if a["sentence"] != finding.sentence
        ]
        if self.reveal and finding.after is not None:
            before, after = finding.before, finding.after
            more = len(after) - len(before)
            if before and before.strip() == after.strip():
                told = f"{abs(more)} spaces {'more' if more > 0 else 'fewer'} before {before.strip()}"
            else:
                told = f"{before or '(a new line)'}  ->  {after.strip()}"
            out.append(f"change : {told}")
        if finding.verified_on:
            changes = "these changes" if "; and " in finding.sentence else "this one change"
            out.append(f"         {_verified(finding.verified_on, changes)}")
        return out

    def _repr_html_(self):
        return f"<pre>{html.escape(str(self))}</pre>"


def _count(n, what):
    return f"{n} {what}{'s' if n != 1 else ''}"


def _verified(on, changes):
    mended = "all" if on["all"] else ", ".join(on["gradients"])
    sizes = " of other sizes" if on["sizes"] else " like these"
    are = "gradients are" if on["all"] else "are" if len(on["gradients"]) > 1 else "is"
    return f"with {changes} {mended} {are} right, on {on['inputs']} independent inputs{sizes}"


def explain_task(task, *, seconds=20.0, reveal=False, report=None, progress=None, seed=0):
    """Judge a Task and explain what is wrong. Runs edited code: call it in a process with limits.

    `report(explanation)` is called with the verdict before the search begins, and `progress(tried)` with the number of
    changes that were tried, about once a second.
    """
    started = time.thread_time()
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(31,)))
    said = Explanation(task.title, "ok", reveal=reveal)
    try:
        search = task.judged = task.judged or Search(task, rng=rng)
    except Exception as error:
        said.verdict, said.certain = "error", [f"forward raised {type(error).__name__}: {error}"]
        return said
    with repeatable():
        status = search.status()
        if all(status.values()) and not search.look_again():
            status = search.status()
        if not all(status.values()):
            search.wrong_first()
        _judge(said, search, status)
        if said.verdict == "wrong" and not said.raised and search.right_for_one_entry():
            leave_open(
                said,
                "all is right where one entry of the upstream gradient is not zero, as behind a cross-entropy, and "
                "wrong for others: it is a backward for that case alone",
            )
        before = search.right_before() if said.verdict == "wrong" and not said.raised else ""
        if before:
            leave_open(
                said,
                f"all is right as the gradient before a {before} of which this loss is given the result, p - y of a "
                f"cross-entropy, and wrong as the gradient at what it is given; nothing here shows which it is",
            )
        if said.verdict == "wrong" and all(is_single(t.y) for t in search.trials):
            leave_open(
                said,
                "forward computes in single precision (float32), and differences of rounded values are noise; let it "
                "compute in float64 to compare gradients",
            )
        if said.verdict == "wrong" and (seconds > 0 or stopped.concerns(search.bench)):
            search.trace()
            if not said.raised:
                _without_slope(said, search)
    if report is not None:
        report(said)
    if said.verdict != "wrong" or seconds <= 0:
        said.seconds = time.thread_time() - started
        return said
    search.progress = progress
    repairs = search.run(seconds) if search.task.names else []
    unknown = task.assumed and not repairs and not said.raised
    if unknown and not any(g["verdict"] == "ok" for g in said.gradients):
        leave_open(
            said,
            "the file computes no loss, and with none of the usual ones a gradient is right: another may be meant",
        )
        said.seconds = time.thread_time() - started
        return said
    said.complete = all(getattr(search, "base", {UNTOUCHED: False}).values())
    findings = sorted((_finding(r, search, said) for r in repairs), key=lambda f: (f.file, f.line, f.column))
    said.findings = findings or said.findings
    if search.functions:
        said.lines = _table(search, said)
    if not repairs or not said.complete:
        said.certain += _certain(search)
    said.tried, said.seconds = search.bench.tried, time.thread_time() - started
    return said


def _without_slope(said, search):
    """Where all is right with a value of forward taken as given, or forward chooses by chance, wrong gradients are left open."""
    given = stopped.taken_as_given(search.bench, search.traced, search.lines)
    if given:
        leave_open(
            said, f"all is right with {given} taken as given, though the parameters take part in making it"
        )
        return
    names = {n for n, good in search.status().items() if not good}
    chosen = stopped.chosen(search.bench, search.traced, search.lines, names)
    if chosen is not None:
        named = ", ".join(g["name"] for g in said.gradients if g["verdict"] == "wrong")
        leave_open(
            said,
            f"{chosen.name} of line {chosen.statement.lineno} is drawn, with a probability that depends on the parameters: behind "
            f"it what forward returns has no slope, so differences say nothing of: {named}",
            ("wrong",),
        )


def leave_open(said, why, verdicts=("ok", "wrong", "inconclusive")):
    """Nothing can be said of any gradient, or of those that have these verdicts, and why."""
    said.verdict, said.worst = "inconclusive", ""
    for gradient in said.gradients:
        if gradient["verdict"] in verdicts:
            gradient["verdict"] = "inconclusive"
    said.certain.append(why)


MORE = 400  # entries that are compared one by one to show the worst of a large gradient


def _judge(said, search, status):
    """The verdict of every gradient, with its error at the first inputs."""
    bench, trial, task = search.bench, search.trials[0], search.task
    gradients = bench.play(trial)
    raised = bench.raises(trial) if gradients is None else None
    if raised:
        where = f" in line {raised[1]}" if raised[1] else ""
        said.certain.append(f"backward raised {raised[2].replace(': ', f'{where}: ', 1)}")
        said.raised, said.findings = True, _error(raised, search)
    worst, said.returned, missed = 0.0, gradients or {}, [*task.missed]
    for name, truth in trial.truth.items():
        given = None if gradients is None else gradients.get(name)
        if not status[name] and truth.direction is not None and truth.at_entries(given):
            # it is wrong at others than those that were compared one by one
            truth = bench.truth(trial.values, name, trial.g, trial.y, search.rng, MORE)
        error, where = truth.error(given)
        called = task.names.get(name, name)
        compared = any(t.truth[name].compares for t in search.trials if name in t.truth)
        verdict = "wrong" if not status[name] else "ok" if compared else "inconclusive"
        said.gradients.append({"name": called, "verdict": verdict, "error": error if compared else None})
        if verdict == "inconclusive":
            missed.append(
                f"the gradient of {name} was not compared: forward has a kink at every entry of these inputs, where there is "
                "no derivative; let inputs(rng) give others"
            )
        if verdict != "wrong" or gradients is None:
            continue
        if given is not None and where is not None and (error or 0) > worst:
            index, yours, right = where
            place = f"{called}{list(index) if index else ''}"
            worst, said.worst = error, f"{place}: yours {yours:.6g}, right {right:.6g}"
        if given is None:
            said.certain.append(f"backward gives no gradient of {name}")
        elif np.shape(given) != truth.shape:
            shapes = f"has shape {np.shape(given)}, but {name} has {truth.shape}"
            said.certain.append(f"the gradient of {name} {shapes}")
    if not status[UNTOUCHED] and gradients is not None:
        said.certain.append("backward changes, in place, an array that it was given")
    said.certain += missed
    said.verdict = "wrong" if not all(status.values()) else "inconclusive" if missed else "ok"


def _error(raised, search):
    """[Finding] of the line at which backward stops."""
    path, line, what, _ = raised
    lines = next((f.lines for f in search.functions if f.path == path), [])
    if line is None or line > len(lines):
        return []
    source = lines[line - 1]
    place = (line, line, _indent(source), len(source))
    sentence = f"backward stops at this line, which raises {what}"
    return [Finding(path, *place, "error", source.strip(), None, sentence, {}, source=source)]


def _table(search, said):
    """What every line of backward is: right, wrong, or wrong only because of another line."""
    gradients, rows = search.known, []
    given, returned = search.traced.truth, said.returned
    wrong = {id(r.suspect.statement) for r in search.repairs}
    first = min((f.line for f in said.findings), default=None)
    # where one function does both, every line runs in forward
    apart = not all(line.forward for line in search.lines)
    for line in search.lines:
        if line.forward and apart or not line.finished:
            continue
        known = None
        for name in given:
            if name in returned and np.array_equal(returned[name], line.value) and line.value.size:
                own = next((n for n in given if n.lower() in promised(line.name)), name)  # two are exchanged
                known = (own, given[own].fits(line.value))  # this line makes what is returned
        for name in promised(line.name):
            if known is None and name in gradients and line.value.shape == gradients[name].shape:
                known = (name, gradients[name].fits(line.value))
        if known is None:
            continue
        name, right = known
        times = None if right or name not in gradients else gradients[name].times(line.value)
        if right:
            what = f"the gradient at {name}"
        elif times is not None and id(line.statement) not in wrong:
            what = f"{_multiple(line, times, name, search)} the gradient at {name}"
        elif first is None or id(line.statement) in wrong or line.statement.lineno <= first:
            what = f"not the gradient at {name}, which its name promises"
        elif len(said.findings) == 1 and said.complete:
            what = f"wrong only because of line {first}"
        else:
            what = f"not the gradient at {name}"
        rows.append({"line": line.statement.lineno, "name": line.name, "is": what})
    shown = {row["line"] for row in rows}
    for repair in search.repairs:
        statement, edit = repair.suspect.statement, repair.edit
        if edit.body is not None and edit.gone == 0:
            at, name = statement.end_lineno + 1, ast.unparse(_assigned(edit.statements[0]))
            rows.append({"line": at, "name": name, "is": "a line is missing before this"})
        elif statement.lineno not in shown:
            returns = isinstance(statement, ast.Return)
            name = "return" if returns else repair.suspect.function.text(_assigned(statement))[:30]
            rows.append({"line": statement.lineno, "name": name, "is": "wrong"})
    return sorted(rows, key=lambda r: (r["line"], "before this" not in r["is"]))


def _indent(text):
    return len(text) - len(text.lstrip())


def _assigned(statement):
    """What a statement assigns to; the statement itself where it assigns nothing."""
    return getattr(statement, "targets", [getattr(statement, "target", statement)])[0]


def _multiple(line, times, name, search):
    """How often a line is the gradient at a name, in words; the same is measured at other inputs."""
    lines, known = search.traced_again
    again = next((x for x in lines if (x.key, x.part) == (line.key, line.part)), None)
    there = known[name].times(again.value) if again is not None and name in known else None
    return trace.multiple(line, times, again, there)


def _finding(repair, search, said):
    edit, function = repair.edit, repair.suspect.function
    *place, before, after = _range(edit, function)
    mended = [n for n in repair.mends if n in search.trials[0].truth] or repair.mends
    verified = {
        "inputs": repair.trials,
        "sizes": repair.sizes,
        "gradients": [search.task.names.get(n, n).partition(" ~")[0] for n in mended if n != UNTOUCHED],
        "all": len(search.repairs) == 1 and said.complete and not said.raised,
    }
    others = []
    for other in repair.alternatives:
        line, *_, was, new = _range(other.edit, other.suspect.function)
        others.append({"line": line, "before": was, "after": new, "sentence": _sentence(other.edit)})
    page = PAGES.get(edit.kind, edit.kind.replace(" ", "-"))
    source = function.lines[place[0] - 1] if place[0] <= len(function.lines) else ""
    what = (edit.kind, before, after, _sentence(edit), verified, others, page, source)
    return Finding(function.path, *place, *what)


def _sentence(edit):
    words = edit.words
    _, asked, rest = words.partition("the factor ")
    factor = rest.split(" is missing")[0].split(" is not due")[0]
    for pattern, meaning in STEPS if asked else ():
        for name in _names(factor):
            if factor.replace(" ", "") == pattern.format(v=name).replace(" ", ""):
                return f"{words}: it is {meaning}"
    return words


def _names(expression):
    """The names in an expression; none in what is no expression."""
    try:
        tree = ast.parse(expression, mode="eval")
    except SyntaxError:
        return set()
    return {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}


def _range(edit, function):
    """(line, end line, column, end column, before, after): the text that the change replaces, and by what."""
    lines = function.lines
    if edit.body is None:
        place = function.columns(edit.node)
        after = ast.unparse(edit.new)
        if any(isinstance(n, ast.Slice) for n in [edit.new, *getattr(edit.new, "elts", [])]):
            after = after[1:-1] if after.startswith("(") else after  # an index has no brackets of its own
        elif not _fits(lines, place, after, edit, function):
            after = f"({after})"
        return *place, _cut(lines, *place), after
    first = edit.node
    source = lines[first.lineno - 1]
    indent = source[: _indent(source)]
    texts = [ast.unparse(placed(copy.copy(s), first)) for s in edit.statements]
    if edit.gone == 0:
        at = first.end_lineno + 1
        return at, at, 0, 0, "", "\n".join(indent + t for t in texts)
    line, _, column, _ = function.columns(first)
    _, end_line, _, end_column = function.columns(edit.last or first)
    if edit.to is not None:
        *_, shift = edit.to  # what is before it on its line belongs to the change
        place = line, end_line, column + min(shift, 0), end_column
        before = _cut(lines, *place)
        return *place, before, " " * shift + before if shift > 0 else before[-shift:]
    place = line, end_line, column, end_column
    return *place, _cut(lines, *place), f"\n{indent}".join(texts)


def _cut(lines, line, end_line, column, end_column):
    if line == end_line:
        return lines[line - 1][column:end_column]
    return "\n".join(
        [lines[line - 1][column:], *lines[line : end_line - 1], lines[end_line - 1][:end_column]]
    )


def _fits(lines, place, after, edit, function):
    """Whether the text, put in place without brackets, is read as the change that was meant."""
    line, end_line, column, end_column = place
    text = lines[line - 1][:column] + after + lines[end_line - 1][end_column:]
    whole = "\n".join([*lines[: line - 1], text, *lines[end_line:]])
    try:
        tree = ast.parse(whole)
    except SyntaxError:
        return False
    length = len(after.encode())
    start = len(lines[line - 1][:column].encode())
    for node in ast.walk(tree):
        if isinstance(node, ast.expr) and node.lineno == line and node.col_offset == start:
            if node.end_lineno == line and node.end_col_offset == start + length:
                return ast.unparse(node) == after
    return isinstance(edit.new, ast.Slice | ast.Tuple) or after.startswith("(")


def _ranges(lines):
    """Numbers as text, neighbours together: 3, 5 to 8."""
    found = []
    for n in sorted(lines):
        if found and n == found[-1][1] + 1:
            found[-1][1] = n
        else:
            found.append([n, n])
    return [str(a) if a == b else f"{a} to {b}" if b > a + 1 else f"{a}, {b}" for a, b in found]


def _certain(search):
    """What holds where no change was found that makes everything right."""
    said, suspects = [], search.suspects
    if getattr(search, "remembers", False):
        said.append(
            "backward keeps a value from an earlier call: after one with other inputs it gives another gradient"
        )
    able = _ranges({s.statement.lineno for s in suspects if search.would_do(s)})
    if able:
        said.append(
            f"another value in one of these lines alone would make the wrong gradients right: {', '.join(able)}"
        )
    elif (
        suspects
        and not search.repairs
        and any(not right for n, right in search.base.items() if n != UNTOUCHED)
    ):
        lines = _ranges({s.statement.lineno for s in suspects})
        said.append(f"the mistake is in lines {', '.join(lines)}: nothing else reaches the wrong gradients")
    trial, gradients = search.trials[0], search.bench.play(search.trials[0])
    for name, truth in trial.truth.items():
        ratio = truth.ratio(None if gradients is None else gradients.get(name))
        if ratio is not None and not truth.fits(gradients[name]):
            said.append(f"every entry of the gradient of {name} is {ratio:.6g} times what is right")
    if search.late():
        said.append("the time was over before every change had been tried: --seconds gives more")
    return said
