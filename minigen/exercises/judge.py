"""Judges a person's backward on every configuration of an exercise, and explains the first one that fails."""

import functools
import inspect
from collections import Counter
from dataclasses import dataclass, field
from html import escape

import numpy as np

from minigen.check.contract import BackwardRaised, ContractError, Unwritten
from minigen.check.diagnose import Knowledge, diagnose
from minigen.check.net import Problem
from minigen.check.probes import probe, without
from minigen.check.stencil import generator
from minigen.exercises.formulas import known

_OURS = "minigen itself failed here, which is no fault of your file; please report it"


@dataclass
class Result:
    """`status` is "passed", "wrong", "inconclusive", "not attempted" or "error";
    `message` says it in a sentence.

    `diagnosis` is the report on the first configuration that failed, None where there was nothing to compare.
    `exception` is what the person's code raised, if it did; its traceback is the caller's to print.
    """

    id: str
    status: str
    message: str
    diagnosis: object = None
    exception: BaseException | None = None
    seed: int = 0

    @property
    def code(self):
        """The code of the catalogue that the first reading points to, or None."""
        return self.diagnosis.first.code if self.diagnosis is not None and self.diagnosis.first else None

    def to_dict(self) -> dict:
        """Plain values, ready for JSON."""
        return {
            "id": self.id,
            "status": self.status,
            "message": self.message,
            "code": self.code,
            "seed": self.seed,
            "diagnosis": None if self.diagnosis is None else self.diagnosis.to_dict(),
        }

    def __str__(self):
        return self.message if self.diagnosis is None else f"{self.message}\n\n{self.diagnosis}"

    def _repr_html_(self):
        colour = {"passed": "#1a7f37", "not attempted": "#57606a", "inconclusive": "#9a6700"}.get(
            self.status, "#cf222e"
        )
        message = f'<p style="color:{colour};font-weight:bold">{escape(self.message)}</p>'
        return message if self.diagnosis is None else message + self.diagnosis._repr_html_()


def judge(master, backward, seed=0, configs=None):
    """Check `backward` on every configuration of the master (or on `configs`).

    Returns a Result; raises nothing of its own.
    """
    tried = _Tried()
    for trial in trials(master, seed, configs):
        try:
            found = diagnose(trial.problem, backward, master.wanted, trial.knowledge, title=trial.title)
        except Unwritten as blank:
            return Result(master.id, "not attempted", f"not attempted yet: {blank}", seed=seed)
        except ContractError as broken:
            return Result(master.id, "wrong", str(broken), seed=seed)
        except (
            BackwardRaised
        ) as raised:  # shapes that do not fit here may fit by luck in another configuration
            tried.error = tried.error or raised.__cause__
            continue
        except Exception as error:
            return Result(master.id, "inconclusive", f"{_OURS}: {type(error).__name__}: {error}", seed=seed)
        if found.verdict == "unwritten":
            blank = ", ".join(line.node for line in found.lines if line.verdict == "unwritten")
            return Result(
                master.id, "not attempted", f"right so far; still to write: {blank}", found, seed=seed
            )
        getattr(tried, found.verdict).append((trial, found))
    return tried.result(master, backward, seed)


@dataclass
class _Tried:
    """How the configurations went, sorted by verdict; `error` is the first exception of the person's code."""

    ok: list = field(default_factory=list)
    wrong: list = field(default_factory=list)
    inconclusive: list = field(default_factory=list)
    error: BaseException | None = None

    def result(self, master, backward, seed):
        """The Result for all of them together."""
        if self.wrong:
            self._explain(master, backward)
        trial, found = (self.wrong or self.inconclusive or [(None, None)])[0]
        if self.error is not None:
            lucky = "; where the sizes happen to fit, this is seen:" if self.wrong else ""
            message = f"backward raised {type(self.error).__name__}: {self.error}{lucky}"
            return Result(master.id, "error", message, found, self.error, seed)
        if self.wrong:
            return Result(master.id, "wrong", "not right yet", found, seed=seed)
        if self.inconclusive:
            return Result(
                master.id, "inconclusive", "this cannot be decided: see the lines marked", found, seed=seed
            )
        return Result(
            master.id,
            "passed",
            f"passed: every gradient is right in {len(self.ok)} configurations",
            seed=seed,
        )

    def _explain(self, master, backward):
        """Choose between readings by all configurations that failed; say which did not;
        and probe what nobody can read.
        """
        trial, found = self.wrong[0]
        if len(self.wrong) > 1 and found.evidence is not None:
            found.evidence.name(
                Counter(k for _, other in self.wrong if other.evidence for k in other.evidence.claimed)
            )
        if self.ok:
            found.notes.append(f"right in: {'; '.join(t.words for t, _ in self.ok)}")
        line = found.first_wrong
        if line is not None and not any(r.code for r in line.readings):
            changed = [
                (words, lambda c=c: trial.changed(c)) for words, c in _variations(master, trial.config)
            ]
            try:
                right_at = probe([*changed, *without(trial.problem)], backward, master.wanted, line.node)
            except Exception as error:  # the table stands; only a remark is missing
                found.notes.append(f"{_OURS}: {type(error).__name__}: {error}")
                return
            found.notes += (
                [f"{line.node} becomes right when {', or when '.join(right_at)}"] if right_at else []
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
    """One configuration of a master, drawn and ready: the Problem, and the Knowledge of its formulas."""

    def __init__(self, master, config, seed, number, of):
        self.master, self.config, self.seed, self.number = master, config, seed, number
        self.words = ", ".join(f"{k}={v}" for k, v in config.items() if k != "why")
        self.title = f"{master.id} · configuration {number} of {of} ({self.words}) · seed {seed}"
        module, sizes = master.module(), {k: v for k, v in config.items() if k != "why"}
        rng = Draws(generator(seed, 20, number))
        arguments = module.inputs(rng, **sizes)
        parameters = inspect.signature(module.forward).parameters.values()
        settings = {p.name: sizes[p.name] for p in parameters if p.kind is p.KEYWORD_ONLY}
        self.problem = Problem(module.forward, arguments, settings, rng)
        fields = {}
        if hasattr(module, "fields"):
            fields = module.fields(
                {n: np.array(v) for n, v in self.problem.values.items()}, **arguments, **settings
            )
        scalars = {
            k: float(v) for k, v in sizes.items() if isinstance(v, int | float) and not isinstance(v, bool)
        }
        scalars |= {k: float(v) for k, v in fields.items() if np.ndim(v) == 0}
        fields = {k: np.asarray(v) for k, v in fields.items() if np.ndim(v)}
        self.knowledge = Knowledge(fields, scalars, known(master))

    def changed(self, config):
        """The Problem that another configuration would give."""
        return Trial(self.master, config, self.seed, self.number, 1).problem


def trials(master, seed, configs=None):
    """A Trial for every configuration."""
    return _trials(master, seed) if configs is None else _drawn(master, seed, configs)


@functools.lru_cache(
    maxsize=4
)  # what was measured of a forward serves every answer that is judged with the same seed
def _trials(master, seed):
    return _drawn(master, seed, master.module().CONFIGS)


def _drawn(master, seed, configs):
    return [Trial(master, config, seed, number, len(configs)) for number, config in enumerate(configs, 1)]


def _variations(master, config):
    """Configurations that differ in one value: N = 1, a number 0 or 1, or what another configuration has.

    (words, config)
    """
    seen = []
    for key, value in config.items():
        if key == "why":
            continue
        others = [c[key] for c in master.module().CONFIGS if key in c]
        if isinstance(value, int | float) and not isinstance(value, bool):
            others = [1, *others] if isinstance(value, int) else [0.0, 1.0, *others]
        for other in others:
            if other != value and (key, other) not in seen:
                seen.append((key, other))
                yield f"{key} = {other}", {**config, key: other}
