"""Judges a person's backward on every configuration of an exercise, and explains what is wrong with it.

The table of the first configuration that fails comes first; what minigen.explain finds is asked for
separately.
"""

import functools
import textwrap
from dataclasses import dataclass, field
from html import escape

import numpy as np

from minigen.check.contract import BackwardRaised, Caller, ContractError, Unwritten
from minigen.check.lines import judge_lines
from minigen.check.net import Problem
from minigen.check.stencil import generator
from minigen.exercises.catalogue import explain
from minigen.exercises.master import BrokenMaster
from minigen.exercises.task import task
from minigen.explain import explained
from minigen.explain.explanation import PAGES, explain_task
from minigen.terminal import width

SECONDS = 6.0  # for the search, after the table
_VERDICTS = {"passed": "ok", "not attempted": "inconclusive"}  # of the shape that all reports share
OURS = "minigen itself failed here, which is no fault of your file; please report it"
_PAGES = PAGES | {"adds up": "G16"}


@dataclass
class Result:
    """`status` is "passed", "wrong", "inconclusive", "not attempted" or "error"; `message` is its sentence.

    `table` is that of the first configuration that failed, None where there was nothing to compare.
    `explanation` is what the search found, None where none was made. `listed` is the key of the master's
    mutant that gives the very same gradients, if there is one. `exception` is what the person's code raised,
    if it did; its traceback is the caller's to print.
    """

    master: object
    status: str
    message: str
    table: object = None
    exception: BaseException | None = None
    seed: int = 0
    listed: str | None = None
    failed: list = field(default_factory=list)  # the configurations in which backward was wrong
    raised: list = field(default_factory=list)  # those in which it raised
    explanation: object = None

    @property
    def id(self):
        return self.master.id

    @property
    def code(self):
        """The page of the catalogue that has more about this mistake, or None."""
        if self.listed:
            return self.listed.partition(".")[0]
        found = [] if self.explanation is None else [f.code for f in self.explanation.findings]
        found += [] if self.table is None else [_PAGES.get(f.kind) for f in self.table.findings]
        return next(filter(None, found), None)

    @property
    def unclear(self):
        """Whether there is a mistake that the explainer can look for."""
        if isinstance(self.exception, MemoryError):  # what eats memory is not run again and again
            return False
        return isinstance(self.exception, Exception) or (self.table is not None and self.status == "wrong")

    def told(self):
        """What was found out beyond the table, as a text."""
        said = [] if self.explanation is None else self.explanation.told()
        if _explains(self.explanation):  # the rest repeats the table
            said = [line for line in said if not line.startswith("certain")]
        if self.listed:
            mutant = self.master.mutants[self.listed]
            said.append(f"page   : {mutant.cause or explain(self.code).title} [{self.code}]")
        wrap = {"width": min(width(), 100), "subsequent_indent": " " * 9}
        lines = [line for text in said for line in text.splitlines()]
        return "\n".join(textwrap.fill(x, **wrap) if x.startswith(_PROSE) else x for x in lines)

    def to_dict(self) -> dict:
        """Plain values, ready for JSON."""
        out = {name: getattr(self, name) for name in ("id", "status", "message", "code", "seed")}
        shape = dict.fromkeys(("lines", "findings", "certain"), ()) | {"tried": 0, "seconds": 0.0}
        shape |= {} if self.explanation is None else self.explanation.to_dict()
        gradients = [
            {"name": x.node, "verdict": _SHORT.get(x.verdict, x.verdict), "error": x.error}
            for x in (self.table.lines if self.table else ())
        ]
        return out | shape | {"verdict": _VERDICTS.get(self.status, self.status), "gradients": gradients}

    def __str__(self):
        return "\n\n".join(filter(None, [self.message, str(self.table or ""), self.told()]))

    def _repr_html_(self):
        colours = {"passed": "#1a7f37", "not attempted": "#57606a", "inconclusive": "#9a6700"}
        colour, told = colours.get(self.status, "#cf222e"), self.told()
        html = f'<p style="color:{colour};font-weight:bold">{escape(self.message)}</p>'
        html += "" if self.table is None else self.table._repr_html_()
        return html + (f"<pre>{escape(told)}</pre>" if told else "")


_PROSE = ("likely", "certain", "page", "         ")
_SHORT = {"consequence": "wrong", "unwritten": "inconclusive"}


def judge(master, backward, seed=0):
    """The Result of `backward` on every configuration of the master; nothing is raised."""
    tried = _Tried()
    for trial in trials(master, seed):
        try:
            found = judge_lines(trial.problem, backward, master.wanted, title=trial.title)
        except Unwritten as blank:
            return Result(master, "not attempted", f"not attempted yet: {blank}", seed=seed)
        except ContractError as broken:
            return Result(master, "wrong", str(broken), seed=seed)
        # shapes that do not fit here may fit by luck in another configuration
        except BackwardRaised as raised:
            tried.error = tried.error or raised.__cause__
            tried.raised.append(trial)
            continue
        except Exception as error:
            return Result(master, "inconclusive", f"{OURS}: {type(error).__name__}: {error}", seed=seed)
        if found.verdict == "unwritten":
            blank = ", ".join(found.unwritten)
            return Result(master, "not attempted", f"right so far; still to write: {blank}", found, seed=seed)
        getattr(tried, found.verdict).append((trial, found))
    return tried.result(master, backward, seed)


def explain_result(result, backward, seconds=SECONDS, reveal=False, here=False):
    """Search for what is wrong, and put it into the Result. `here`: in this process."""
    if not result.unclear or seconds <= 0:
        return result
    unwritten = {x.node for x in result.table.lines if x.verdict == "unwritten"} if result.table else ()
    wanted = [n for n in result.master.wanted if n not in unwritten]
    result.explanation = _searched(result, backward, wanted, seconds, reveal, here)
    if result.explanation is not None and not reveal:
        _withhold(result.explanation)
    return result


def _withhold(explanation):
    """Take corrected terms out of the sentences: in an exercise they are shown only where asked for."""
    for finding in explanation.findings:
        shown = finding.kind == "operand" and not finding.before.isidentifier()
        if shown or finding.kind == "term" or " is due where the factor " in finding.sentence:
            finding.sentence = f"something else is due where {finding.before} stands"
            finding.alternatives = []


def _searched(result, backward, wanted, seconds, reveal, here):
    """The Explanation of the gradients `wanted`; None where the search sees no mistake in them."""
    run, left, best = explain_task if here else explained, seconds, None
    ways = [(result.raised + result.failed, True), (result.raised + result.failed, False)]
    if result.raised and result.failed:  # where backward runs there is more to be seen than where it raises
        ways = [(result.failed, False), *ways]
    for configs, small in ways:
        if left <= 0 or _explains(best):
            break
        said = run(task(result.master, backward, wanted, configs, small), seconds=left, reveal=reveal)
        left -= said.seconds
        if said.ok:  # the mistake does not show in these sizes
            continue
        best = said if best is None or said.findings else best
        if small:
            break
    return best


def _explains(explanation):
    return explanation is not None and bool(explanation.findings) and explanation.complete


@dataclass
class _Tried:
    """How the configurations went, by verdict; `error` is the first exception of those that `raised`."""

    ok: list = field(default_factory=list)
    wrong: list = field(default_factory=list)
    inconclusive: list = field(default_factory=list)
    raised: list = field(default_factory=list)
    error: BaseException | None = None

    def result(self, master, backward, seed):
        """The Result for all of them together."""
        _, found = (self.wrong or self.inconclusive or [(None, None)])[0]
        if self.wrong and self.ok:
            found.notes.append(f"right in: {'; '.join(t.words for t, _ in self.ok)}")
        listed = _listed(master, backward, [trial.problem for trial, _ in self.wrong])
        found_out = {"seed": seed, "listed": listed, "failed": [t.config for t, _ in self.wrong]}
        found_out["raised"] = [t.config for t in self.raised]
        if self.error is not None:
            lucky = "; where the sizes happen to fit, this is seen:" if self.wrong else ""
            message = f"backward raised {type(self.error).__name__}: {self.error}{lucky}"
            return Result(master, "error", message, found, self.error, **found_out)
        if self.wrong:
            return Result(master, "wrong", "not right yet", found, **found_out)
        if self.inconclusive:
            message = "this cannot be decided: see the lines marked"
            return Result(master, "inconclusive", message, found, seed=seed)
        message = f"passed: every gradient is right in {len(self.ok)} configurations"
        return Result(master, "passed", message, seed=seed)


@np.errstate(all="ignore")  # a warning would show the line of a mutant
def _listed(master, backward, problems):
    """The key of the mutant that gives the same gradients as `backward` in every problem, or None."""
    if not problems:
        return None
    try:
        own = [Caller(problem, backward)() for problem in problems]
    except BackwardRaised:
        return None
    for key in master.mutants:
        try:
            if all(map(_alike, own, (Caller(p, master.backward(key))() for p in problems))):
                return key
        except (BackwardRaised, BrokenMaster):
            continue
    return None


def _alike(one, other):
    """Whether two dicts of gradients are the same but for rounding."""
    return all(
        isinstance(one[n], np.ndarray | float)
        and np.shape(one[n]) == np.shape(other[n])
        and np.allclose(one[n], other[n], rtol=1e-9, atol=1e-12, equal_nan=True)
        for n in other
    )


class OutOfDraws(Exception):
    """A master asked for random numbers again and again: it looks for inputs that its sizes do not allow."""


class Draws:
    """A generator with a budget: a master that rejects what it draws must not do so for ever."""

    MOST = 10_000

    def __init__(self, rng):
        self._rng, self._left = rng, self.MOST

    def __getattr__(self, name):
        method = getattr(self._rng, name)

        def counted(*args, **options):
            self._left -= 1
            if self._left < 0:
                raise OutOfDraws(f"no inputs were found in {self.MOST} draws")
            return method(*args, **options)

        return counted


class Trial:
    """One configuration of a master, drawn and ready, as a Problem."""

    def __init__(self, master, config, seed, number, of):
        self.config = config
        self.words = ", ".join(f"{k}={v}" for k, v in config.items() if k != "why")
        self.title = f"{master.id} · configuration {number} of {of} ({self.words}) · seed {seed}"
        rng = Draws(generator(seed, 20, number))
        self.problem = Problem(master.module().forward, *master.drawn(config, rng), rng)


# what was measured of a forward serves every answer that is judged with the same seed
@functools.lru_cache(maxsize=4)
def trials(master, seed):
    """A Trial for every configuration."""
    configs = master.module().CONFIGS
    return [Trial(master, config, seed, number, len(configs)) for number, config in enumerate(configs, 1)]
