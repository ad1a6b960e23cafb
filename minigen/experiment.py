"""What all experiments share: command-line options, a folder for all results, and a verdict.

An experiment is a function of one `Run` that trains, draws figures, and returns what it measured, {name:
number}. Criteria that are written down beforehand decide whether this is the known outcome. The verdict is
the exit code of the program. With several seeds, each has a folder of its own, and the verdict needs four out
of five of them. Several seeds, or the cells of a grid under one seed, can run at the same time (sharing.py).
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import math
import os
import platform
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from tqdm import tqdm

from minigen import Random, plot, sharing
from minigen.engine import backend
from minigen.engine.fast import threads
from minigen.saving import pasteable
from minigen.sharing import UserError
from minigen.training import DamagedLog, read_log, train

REACHED, MISSED, MISUSED, CRASHED, INTERRUPTED = 0, 1, 2, 3, 130
_share = 0.8  # of the seeds must reach a criterion: results vary by chance, so a rare failure is allowed


@dataclass(frozen=True)
class Criterion:
    """The number called `measure` must lie between `above` and `below`, because of what is `known`."""

    measure: str
    known: str
    above: float = -math.inf
    below: float = math.inf

    def __str__(self) -> str:
        bounds = (">", self.above), ("<", self.below)
        said = " and ".join(f"{sign} {bound:g}" for sign, bound in bounds if math.isfinite(bound))
        return f"{self.measure} {said}"

    def holds(self, value: float) -> bool:
        return bool(self.above < value < self.below)


def rounds_to(measure: str, printed: str, known: str) -> Criterion:
    """The criterion that `measure` rounds to a printed number, such as "3.10" or "9.5e-22"."""
    half = 0.5 * 10.0 ** Decimal(printed).as_tuple().exponent
    return Criterion(measure, f"{printed}, {known}", float(printed) - half, float(printed) + half)


class Run:
    """One seed of an experiment: `seed`, `random`, `device`, `folder`, and what may be set in `settings`."""

    def __init__(
        self,
        seed: int,
        device: str,
        settings: Mapping[str, Any],
        folder: Path,
        bar: bool | None = None,
        share: Callable[..., Any] = sharing.in_turn,
        replay: bool = True,
        losses: bool = True,
    ) -> None:
        self.seed, self.device, self.folder, self._bar, self._share = seed, device, folder, bar, share
        self.replay, self._losses = replay, losses
        self.random = Random(seed, device)
        self.settings = SimpleNamespace(**settings)

    def train(
        self,
        step: Callable[[Any], Mapping[str, Any]],
        batch: Callable[[int], Any],
        steps: int,
        *,
        into: str = "",
        replay: bool = False,
        **kwargs: Any,
    ) -> None:
        """`minigen.training.train` in the folder of the run, or `into` a folder inside it.

        `replay=True` says that the step may be repeated call by call; `--no-replay` decides otherwise.
        The terms of the loss are in log.csv, and drawn in losses.png unless the run is a quick one. After a
        stop, training resumes from the last checkpoint.
        """
        folder = self.folder / into
        kwargs = {
            "random": self.random,
            "resume": (folder / "checkpoint.npz").exists(),
            "bar": self._bar,
            "replay": replay and self.replay,
            **kwargs,
        }
        try:
            if kwargs["resume"] and _damaged(folder):
                kwargs["resume"] = False
            train(step, batch, steps, folder, **kwargs)
        except ValueError as error:  # what `train` and `load` refuse needs no traceback
            if str(error).startswith(("train:", "load:")):
                raise UserError(str(error)) from error
            raise
        if self._losses:
            title = f"{into or folder.name}: the terms of the loss, step by step"
            plot.losses(read_log(folder), title, folder / "losses.png")

    def map(
        self, function: Callable[[Run, Any], Mapping[str, float]], cells: Mapping[str, Any]
    ) -> dict[str, dict[str, float]]:
        """{name: function(run, argument)} for the cells {name: argument} of a grid; in parallel under --jobs.

        Each cell has a `Run` with a folder of its own and the same seed, so that cells differ by their
        argument alone. `function` returns {measure: number}; a training that diverged gives {}. Cells that
        were done before a stop are not done again.
        """
        settings, rest = vars(self.settings), (False, sharing.in_turn, self.replay, self._losses)
        tasks = [
            (_one, name, function, (self.seed, self.device, settings, self.folder / name, *rest), argument)
            for name, argument in cells.items()
        ]
        hidden = None if self._bar is None else not self._bar
        done = dict(tqdm(self._share(tasks), total=len(tasks), unit="cell", disable=hidden))
        return {name: done[name] for name in cells}


def experiment(
    name: str,
    one_seed: Callable[[Run], Mapping[str, float]],
    about: str,
    *,
    criteria: Sequence[Criterion],
    settings: Mapping[str, Any],
    quick: Mapping[str, Any],
    quick_criteria: Sequence[Criterion] | None = None,
    paper: Mapping[str, Any] | None = None,
    arguments: Sequence[str] | None = None,
) -> int:
    """The whole program: reads the options, calls one_seed(Run) for each seed, judges. Returns the exit code.

    0 reached, 1 missed, 2 bad usage, a missing library or an error of the disk, 3 a crash, with its
    traceback, 130 Ctrl-C.

    settings        the options and their defaults: {"epochs": 300} gives the option --epochs
    quick, paper    the settings that --quick and --paper change
    quick_criteria  for --quick; by default `criteria`
    """
    folder = None
    try:
        given = vars(_parser(name, about, settings).parse_args(arguments))
        cluster = given.pop("cluster", None)  # not stored: a run may be resumed on another one, or without
        replay = given.pop("replay", True)  # not stored: it changes no bit
        modes = {"default": {}, "quick": quick, "paper": paper}
        config, folder = _begin(name, given, settings, modes, cluster)
        measured = _measure(one_seed, config, folder, _shared_out(config["jobs"], cluster), replay)
        looser = quick_criteria if config["mode"] == "quick" else None
        return _judge(looser or criteria, measured, folder)
    except (UserError, ImportError) as error:  # of a library that is missing
        print(f"{name}: {error}", file=sys.stderr)
    except OSError as error:
        print(f"{name}: {error.strerror or error}", file=sys.stderr)
    except KeyboardInterrupt as stop:
        cure = f"go on with --resume --out {pasteable(folder)}" if folder else "nothing had begun"
        print(f"\n{name}: {stop.args[0] if stop.args else 'interrupted'}; {cure}", file=sys.stderr)
        return INTERRUPTED
    except Exception:  # Python would exit with 1, and that means missed
        traceback.print_exc()
        print(f"{name}: crashed, so there is no verdict", file=sys.stderr)
        return CRASHED
    return MISUSED


def _damaged(folder):
    """Whether the log is damaged. If so, the files of this training are moved away and it is done again."""
    try:
        if (folder / "log.csv").exists():
            read_log(folder)
        return False
    except DamagedLog as error:
        away = _new_folder(folder / "damaged")
        for name in ("log.csv", "checkpoint.npz", "frames"):
            if (folder / name).exists():
                os.replace(folder / name, away / name)
        print(
            f"{folder.name}: {error.args[0].partition('. If')[0]}. It is moved to {pasteable(away)}, and the "
            "training is done again",
            file=sys.stderr,
        )
        return True


# ----- options and the folder -------------------------------------------------------------------------------


def _parser(name, about, settings):
    """Options not given are absent, so that --resume can tell an explicit option from a default."""
    parser = argparse.ArgumentParser(
        prog=name, description=about.partition("\n")[0], argument_default=argparse.SUPPRESS
    )
    for setting, value in settings.items():
        kind = _whole if isinstance(value, int) else type(value)
        parser.add_argument(f"--{setting.replace('_', '-')}", type=kind, help=f"default: {value}")
    parser.add_argument("--seed", type=_from_zero, metavar="N", help="the first seed (default: 0)")
    parser.add_argument("--seeds", type=_whole, metavar="N", help="how many seeds (default: 1)")
    parser.add_argument(
        "--jobs",
        type=_whole,
        metavar="N",
        help="seeds at the same time, or cells of a grid (default: 1); joblib lets them share the cores",
    )
    parser.add_argument(
        "--cluster",
        metavar="ADDRESS",
        help="let the workers of a dask.distributed scheduler do them, tcp://host:8786; they must see --out",
    )
    parser.add_argument("--device", choices=("cpu", "cuda"), help="default: cpu")
    plain = "run every training step as it is: slower, and the same to the last bit"
    parser.add_argument("--no-replay", dest="replay", action="store_false", help=plain)
    mode = parser.add_mutually_exclusive_group()
    quick = "a short run with a looser criterion, without losses.png"
    paper = "the published protocol, however long it takes"
    mode.add_argument("--quick", dest="mode", action="store_const", const="quick", help=quick)
    mode.add_argument("--paper", dest="mode", action="store_const", const="paper", help=paper)
    parser.add_argument("--resume", action="store_true", help="go on with the run in --out, with its options")
    out = f"where everything goes (default: runs/{name})"
    parser.add_argument("--out", type=Path, metavar="DIR", help=out)
    return parser


def _whole(text, least=1):
    number = int(text)
    if number < least:
        raise argparse.ArgumentTypeError(f"must be at least {least}, got {text}")
    return number


def _from_zero(text):
    return _whole(text, least=0)


_whole.__name__ = _from_zero.__name__ = "whole number"  # as argparse names it in its messages


def _begin(name, given, settings, modes, cluster=None):
    """(config, folder): a new folder with its config.json, or the folder to resume."""
    out, resume = given.pop("out", Path("runs") / name), given.pop("resume", False)
    given["settings"] = {key: given.pop(key) for key in settings if key in given}
    if resume:
        config = _stored(out, given)
        sharing.require(config["jobs"], cluster)
        return config, out
    mode = given.get("mode", "default")
    if modes[mode] is None:
        raise UserError("there is no published protocol for this experiment: leave --paper away")
    config = {"experiment": name, "mode": mode, "seed": 0, "seeds": 1, "jobs": 1, "device": "cpu", **given}
    config["settings"] = settings | modes[mode] | given["settings"]
    config["versions"] = _versions()
    sharing.require(config["jobs"], cluster)
    try:
        backend.to(np.zeros(1), config["device"])
    except RuntimeError as error:
        raise UserError(str(error)) from None
    folder = _new_folder(out)
    _write_json(folder / "config.json", config)
    return config, folder


def _stored(folder, given):
    """The stored config of a run to resume; UserError where an option that was given differs from it."""
    try:
        config = json.loads((folder / "config.json").read_text())
    except FileNotFoundError:
        raise UserError(
            f"no run to resume in {pasteable(folder)}: there is no config.json; is --out right?"
        ) from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{pasteable(folder / 'config.json')} is damaged: {error}") from None
    kinds = dict(settings=dict, versions=dict, seed=int, seeds=int, jobs=int, device=str, mode=str)
    for key, kind in kinds.items():
        if not isinstance(config, dict) or not isinstance(config.get(key), kind):
            raise UserError(f"{pasteable(folder / 'config.json')} is damaged: it has no {key}")
    wished = {**given, **given["settings"]}
    for key, value in {**config, **config["settings"]}.items():
        if key != "settings" and key in wished and wished[key] != value:
            raise UserError(
                f"the run in {pasteable(folder)} has {key} {value}, not {wished[key]}: leave the option out, "
                "or start a new run"
            )
    now = _versions()
    for library, version in config["versions"].items():
        if now.get(library) != version:
            print(f"note: begun with {library} {version}, now {now.get(library)}: the last bits may differ")
    return config


def _versions():
    """What decides the last bits besides seed, settings and jobs; a BLAS sums in an order of its threads."""
    versions = {"python": platform.python_version(), "platform": platform.platform()}
    versions["BLAS threads"] = threads.count()
    for library in ("minigen", "numpy", "cupy-cuda12x", "cupy-cuda13x", "threadpoolctl"):
        try:
            versions[library] = importlib.metadata.version(library)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def _new_folder(wanted):
    """`wanted`, or `wanted-2`, `wanted-3` ...: an earlier run is never overwritten."""
    folder, n = wanted, 1
    while True:
        try:
            folder.mkdir(parents=True)
            return folder
        except FileExistsError:
            n += 1
            folder = wanted.with_name(f"{wanted.name}-{n}")
        except OSError as error:
            raise UserError(f"--out {pasteable(folder)} cannot be written to: {error.strerror}") from None


# ----- seeds ------------------------------------------------------------------------------------------------


def _shared_out(jobs, cluster):
    if cluster:
        return partial(sharing.on_cluster, cluster)
    return partial(sharing.on_cores, jobs) if jobs > 1 else sharing.in_turn


def _measure(one_seed, config, folder, share, replay):
    """{seed: what it measured}. A single seed runs in this process and shares out its cells instead."""
    place, folder = (config["device"], config["settings"]), folder.absolute()
    how = replay, config["mode"] != "quick"
    seeds = range(config["seed"], config["seed"] + config["seeds"])
    if len(seeds) == 1:
        return dict([_one(seeds[0], one_seed, (seeds[0], *place, folder, None, share, *how))])
    bar = None if share is sharing.in_turn else False
    rest = bar, sharing.in_turn, *how
    tasks = [(_one, seed, one_seed, (seed, *place, folder / f"seed-{seed}", *rest)) for seed in seeds]
    hidden = None if bar is False else True
    return dict(sorted(tqdm(share(tasks), total=len(tasks), unit="seed", disable=hidden)))


def _one(key, function, place, *arguments):
    """(key, what was measured); values that were measured before a stop are read from values.json."""
    run = Run(*place)
    values = run.folder / "values.json"
    if values.exists():
        try:
            return key, {name: float(value) for name, value in json.loads(values.read_text()).items()}
        except (ValueError, TypeError, AttributeError, RecursionError):
            print(f"{run.folder.name}: {pasteable(values)} is damaged: measured again", file=sys.stderr)
    with sharing.alone_in(run.folder):
        try:
            measured = function(run, *arguments)
            measured = {name: float(value) for name, value in measured.items()}
        except FloatingPointError as error:  # a training that diverged counts as missed
            print(f"{run.folder.name}: {error}", file=sys.stderr)
            return key, {}
        _write_json(values, {name: _plain(value) for name, value in measured.items()})
    return key, measured


# ----- the verdict ------------------------------------------------------------------------------------------


def _judge(criteria, measured, folder):
    """Print and write what was measured and whether each criterion is met. Returns the exit code."""
    names = list(dict.fromkeys(name for values in measured.values() for name in values))
    for name in names:
        print(f"{name}: {_mean(_all(measured, name))}")
    rows = []
    for criterion in criteria:
        if names and criterion.measure not in names:
            raise UserError(f"the criterion {criterion} needs a measure of that name, got {', '.join(names)}")
        values = _all(measured, criterion.measure)
        good = sum(map(criterion.holds, values))
        verdict = "reached" if good >= math.ceil(_share * len(values)) else "missed"
        row = {"criterion": str(criterion), "known": criterion.known, "values": list(map(_plain, values))}
        rows.append({**row, "seeds_that_reached": good, "verdict": verdict})
        seeds = f", reached in {good} of {len(values)} seeds" if len(values) > 1 else ""
        print(f"{verdict}{seeds}: {criterion} ({criterion.known}), value {_mean(values)}")
    reached = all(row["verdict"] == "reached" for row in rows)
    everything = {str(seed): {k: _plain(v) for k, v in values.items()} for seed, values in measured.items()}
    verdict = "reached" if reached else "missed"
    _write_json(folder / "verdict.json", {"verdict": verdict, "criteria": rows, "measured": everything})
    print(f"{verdict}; everything is in {pasteable(folder)}")
    return REACHED if reached else MISSED


def _all(measured, name):
    return [values.get(name, math.nan) for values in measured.values()]


def _mean(values):
    if len(values) == 1:
        return f"{values[0]:.4g}"
    return f"{np.mean(values):.4g} ± {np.std(values, ddof=1):.2g}"


def _plain(value):
    return value if math.isfinite(value) else str(value)  # JSON has no NaN


def _write_json(path, content):
    """Write the whole file or nothing: a stop in between leaves the earlier file."""
    beside = path.with_suffix(".tmp")
    beside.write_text(json.dumps(content, indent=2) + "\n")
    os.replace(beside, path)
