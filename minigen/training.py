"""One training loop for all experiments: it shows progress, keeps a log, and can stop and resume at any step.

A run lives in a folder: `log.csv` has a line for each logging step. `frames/` has what the model made of a
fixed noise at several steps. `checkpoint.npz` has all that the run needs to resume. The caller says what one
step does:

    def step(x):
        reconstruction, kl = model.terms(Tensor(x), Tensor(random.normal(len(x), model.latent)))
        optimizer.zero_grad()
        (reconstruction + kl).backward()
        optimizer.step()
        return {"reconstruction": reconstruction, "KL": kl}

    batch = shuffled(images, 64, seed=0)
    train(step, batch, 6000, "runs/vae", model=model, optimizer=optimizer, random=random)

A run that was killed and resumed ends in the same bits as one that was not. This needs three things. The
checkpoint holds every parameter, optimizer and random generator. The batch is a function of the number of the
step, so the position in the shuffled data is saved with that number. A checkpoint is made only between two
steps.
"""

from __future__ import annotations

import csv
import errno
import io
import math
import os
import signal
import threading
from collections.abc import Callable, Mapping
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from minigen.data import batches
from minigen.engine import backend
from minigen.engine.backend import Array, Random
from minigen.engine.fast.replay import replay as replayed
from minigen.engine.tape import Tensor
from minigen.nn import Module
from minigen.optim import Optimizer
from minigen.saving import pasteable, sweep, take_lock


class DamagedLog(ValueError):
    """A log.csv that `train` did not write, or that was changed afterwards."""


def train(
    step: Callable[[Any], Mapping[str, Any]],
    batch: Callable[[int], Any],
    steps: int,
    folder: str | os.PathLike,
    *,
    model: Module | Mapping[str, Module],
    optimizer: Optimizer | Mapping[str, Optimizer],
    random: Random | np.random.Generator | Mapping[str, Any],
    lr: Callable[[int], float] | None = None,
    replay: bool = False,
    resume: bool = False,
    log_every: int = 100,
    save_every: int = 1000,
    frame: Callable[[], Any] | None = None,
    frame_every: int = 1000,
    bar: bool | None = None,
) -> None:
    """Call step(batch(n)) for n = 0 .. steps - 1, and keep the run in `folder`.

    step        moves the parameters; returns the terms of the loss by name, as tensors or numbers. They are
                read only where they are logged or saved, because reading makes a GPU wait
    batch       a function from the number of the step to what it works on, such as `shuffled(...)`
    model, optimizer    one of each, or dicts by name; a GAN or WGAN is one model with two optimizers
    random      the generator that `step`, `batch` and `frame` draw from, or a dict of several
    lr          the learning rate of all optimizers as a function of the number of the step; set before it
    replay      write the step down and repeat its calls, as `minigen.replay` does; where that finds that it
                cannot be repeated, the step is run as it is
    resume      go on from the checkpoint in `folder`, which otherwise must not hold a run
    log_every   steps between two lines of log.csv, which also has the first step
    save_every  steps between two checkpoints; there is also one before the first step and after the last
    frame       called without arguments before the first step and every `frame_every` steps; returns an array
    bar         show the progress; by default where there is a terminal

    Ctrl-C waits for the end of the step, saves, and then raises KeyboardInterrupt; a second one does not
    wait.

    Raises FileExistsError for a folder with a run in it, BlockingIOError where another program trains in it,
    FileNotFoundError where there is no run to resume, ValueError where the checkpoint or the log is damaged
    or belongs to another model, FloatingPointError where a number is NaN or infinite, OSError where the disk
    is full. The last good checkpoint stays in all cases.
    """
    _check(batch, steps=steps, log_every=log_every, save_every=save_every, frame_every=frame_every)
    run = _Run(Path(folder), model, optimizer, random)
    step = replayed(step, strict=False) if replay else step
    run.look(resume)
    hidden = None if bar is None else not bar  # None: where there is no terminal
    with (
        _Log(run.folder / "log.csv", run.begin if not resume else lambda: run.resume(steps)) as log,
        _patient_interrupt() as interrupted,
        tqdm(total=steps, initial=log.done, desc=run.folder.name, unit="step", disable=hidden) as line,
    ):
        done, stop = log.done, False
        if frame and done == 0:
            run.keep_frame(0, frame())
        while done < steps and not stop:
            if lr:
                for one in run.optimizers.values():
                    one.lr = lr(done)
            terms = step(batch(done))
            done += 1
            stop = interrupted.is_set()
            save = stop or done == steps or done % save_every == 0
            if done == 1 or done % log_every == 0:
                values = run.read(terms, done)
                log.write(done, values)
                line.set_postfix_str(", ".join(f"{name} {value:.4g}" for name, value in values.items()))
            elif save:
                run.read(terms, done)
            if frame and done % frame_every == 0:
                run.keep_frame(done, frame())
            if save:
                run.save(done, log)
            line.update()
    if interrupted.is_set():
        raise KeyboardInterrupt(
            f"stopped after step {done}, saved in {pasteable(run.checkpoint)}: resume goes on from there"
        )


def shuffled(data: Array | tuple[Array, ...], size: int, *, seed: int) -> Callable[[int], Any]:
    """A function from the number of a step to its batch: epoch after epoch, each in an order of its own.

    `data` is an array, or a tuple of arrays with equally many rows, which gives tuples. An epoch has every
    row at most once. The rows that do not fill a last batch are left out; they differ from epoch to epoch.
    """
    batches(data, size, np.random.default_rng(0))  # refuses what cannot be cut into batches
    if not isinstance(seed, int | np.integer) or seed < 0:
        raise ValueError(f"shuffled: seed must be a whole number from 0 up, got {seed!r}")
    arrays = data if isinstance(data, tuple) else (data,)
    rows, device = len(arrays[0]), backend.device_of(arrays[0])

    @lru_cache(1)
    def order(epoch):
        # a spawn key, because the seeds 0 and [0, 0] would give the same numbers
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(epoch,)))
        return backend.to(rng.permutation(rows), device)

    def batch(step):
        epoch, place = divmod(step, rows // size)
        chosen = order(epoch)[place * size : (place + 1) * size]
        return tuple(array[chosen] for array in arrays) if isinstance(data, tuple) else data[chosen]

    return batch


def read_log(folder: str | os.PathLike) -> dict[str, np.ndarray]:
    """log.csv as {column: array of numbers}, `step` first. ValueError where it is damaged."""
    path = Path(folder) / "log.csv"
    names, rows = _log_lines(path, path.read_bytes())
    table = np.array([row for _, row in rows], float).reshape(len(rows), len(names))
    return {name: table[:, i] for i, name in enumerate(names)}


def _log_lines(path, data):
    """(columns, [(line, numbers)]) of a log. A last line that a kill cut short is left out."""
    lines = [line for line in data.splitlines(keepends=True) if line.endswith(b"\n")]
    if not lines:
        return [], []
    rows, at = [], 1
    try:
        columns = next(csv.reader([lines[0].decode()], strict=True))
        if columns[:1] != ["step"] or len(set(columns)) < len(columns):
            raise ValueError
        for line in lines[1:]:
            at += 1
            row = [float(field) for field in line.decode().split(",")]
            if len(row) != len(columns) or row[0] != int(row[0]) or (rows and row[0] <= rows[-1][1][0]):
                raise ValueError
            rows.append((line, row))
    except (ValueError, csv.Error, OverflowError, StopIteration):
        expected = "step and the names of the terms" if at == 1 else "a later step and a number for each term"
        raise DamagedLog(
            f"train: {pasteable(path)} is no log of a run, or is damaged: line {at} must be {expected}. If "
            "you move it away, resume goes on and the log begins there"
        ) from None
    return columns, rows


def read_frames(folder: str | os.PathLike) -> dict[int, np.ndarray]:
    """The frames of a run: {step: array}, in order."""
    return {int(path.stem): np.load(path) for path in sorted((Path(folder) / "frames").glob("*.npy"))}


class _Run:
    """What is kept of a run, apart from the log."""

    def __init__(self, folder, model, optimizer, random):
        self.folder, self.checkpoint = folder, folder / "checkpoint.npz"
        self.model = _as_one(model)
        self.optimizers = optimizer if isinstance(optimizer, dict) else {"optimizer": optimizer}
        self.state = {"optimizer": optimizer, "random": random}
        self.looked = self.saved = 0  # the last steps at which all was well, and of the checkpoint

    def look(self, resume):
        """Refuse to start where there is a run, or to resume where there is none; make a missing folder."""
        if resume and not self.checkpoint.exists():
            raise FileNotFoundError(
                f"train: no run to resume in {pasteable(self.folder)}: there is no checkpoint.npz; is it the "
                "right folder? A new run starts with resume=False"
            )
        if not resume:
            self._refuse_a_run()
            with self._writing(0):
                self.folder.mkdir(parents=True, exist_ok=True)

    def _refuse_a_run(self):
        log = self.folder / "log.csv"
        begun = log.exists() and log.stat().st_size  # it is made, and locked, before the first checkpoint
        paths = [self.checkpoint, *([log] if begun else []), self.folder / "frames"]
        found = [path for path in paths if path.exists()]
        if found:
            raise FileExistsError(
                f"train: {pasteable(self.folder)} holds a run already, with {found[0].name}: go on with it "
                "by resume=True, or give another folder"
            )

    def begin(self):
        """Save a first checkpoint. Returns the number of steps done: 0."""
        self._refuse_a_run()  # once more, now that the lock is held
        self.save(0)
        return 0

    def resume(self, steps):
        """Load the state of the checkpoint. Returns the number of steps done."""
        done = self.model.load(self.checkpoint, **self.state)
        if done is None:
            raise ValueError(f"train: {pasteable(self.checkpoint)} is of no training run")
        if done > steps:
            beyond = f"step {done}, beyond the {steps} steps that were asked for"
            raise ValueError(f"train: {pasteable(self.checkpoint)} is of {beyond}")
        sweep(self.folder)
        self.looked = self.saved = done
        return done

    def read(self, terms, done):
        """The terms as numbers."""
        if not isinstance(terms, dict) or not terms:
            raise TypeError(
                f'train: step must return the terms of the loss, {{"KL": kl, ...}}, got {terms!r}'
            )
        values = {name: term.item() if hasattr(term, "item") else float(term) for name, term in terms.items()}
        for name, value in values.items():
            if not math.isfinite(value):
                self._diverged(f"{name} is {value} in step {done}")
        self.looked = done
        return values

    def save(self, done, log=None):
        """Save a checkpoint if every number is finite; raise FloatingPointError otherwise."""
        states = {"": self.model.state_dict()}
        states |= {f"{name}: ": one.state for name, one in self.optimizers.items()}
        for owner, arrays in states.items():
            for name, array in arrays.items():
                if not np.isfinite(array).all():
                    self._diverged(f"{owner}{name} is no longer finite after step {done}")
        with self._writing(done):
            if log is not None:
                log.sync()
            self.model.save(self.checkpoint, step=done, **self.state)
        self.saved = done

    def keep_frame(self, done, frame):
        frame = frame.data if isinstance(frame, Tensor) else frame
        path = self.folder / "frames" / f"{done:08}.npy"
        with self._writing(done):
            path.parent.mkdir(exist_ok=True)
            with open(path.with_suffix(".tmp"), "wb") as file:
                np.save(file, backend.to(backend.as_array(frame), "cpu"))
            os.replace(file.name, path)

    def _writing(self, done):
        if done == 0:
            return _explain_os_error(f"{pasteable(self.folder)} cannot be written to")
        return _explain_os_error(
            f"stopped after step {done}; {pasteable(self.checkpoint)} is as it was, of step {self.saved}"
        )

    def _diverged(self, what):
        raise FloatingPointError(
            f"train: {what}; all was well in step {self.looked}. The last good checkpoint, "
            f"{pasteable(self.checkpoint)}, is of step {self.saved}. Find the cause with "
            "minigen.detect_anomaly(), or try a smaller learning rate"
        )


class _Log:
    """log.csv, and with it the lock on the run: while it is open, no other training can use the folder.

    `enter()` returns the number of steps done, and the lines after them are cut off: a kill may come after a
    checkpoint, or within a line.
    """

    def __init__(self, path, enter):
        self.path, new = path, not path.exists()
        with _explain_os_error(f"{pasteable(path)} cannot be written to"):
            self.file = open(path, "a+b")
        try:
            if not take_lock(self.file):
                raise BlockingIOError(
                    errno.EAGAIN, f"train: another program trains in {pasteable(path.parent)}: let it end"
                )
            self.file.seek(0)
            data = self.file.read()
            self.columns, rows = _log_lines(path, data)
            self.done = enter()
            kept = sum(len(line) for line, row in rows if row[0] <= self.done)
            self.file.truncate(data.index(b"\n") + 1 + kept if self.columns else 0)
        except BaseException as error:
            if new and not isinstance(error, BlockingIOError):
                path.unlink()
            self.file.close()
            raise

    def sync(self):
        """Force the log onto the disk: a checkpoint must never be newer than the log."""
        os.fsync(self.file.fileno())

    def write(self, done, values):
        if not self.columns:
            self.columns = ["step", *values]
            self._line(done, self.columns)
        if self.columns != ["step", *values]:
            raise ValueError(
                f"train: step returned the terms {', '.join(values)} in step {done}, but "
                f"{pasteable(self.path)} has the columns {', '.join(self.columns)}: a run has the same terms "
                "from beginning to end"
            )
        # 9 digits tell any two float32 apart
        self._line(done, [done, *(f"{value:.9g}" for value in values.values())])

    def _line(self, done, fields):
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerow(fields)
        with _explain_os_error(f"stopped after step {done}: {pasteable(self.path)} could not be written to"):
            self.file.write(text.getvalue().encode())
            self.file.flush()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with suppress(OSError):  # `_line` has reported a full disk already
            self.file.close()


def _check(batch, **counts):
    for name, n in counts.items():
        if not isinstance(n, int | np.integer) or n < 1:
            raise ValueError(f"train: {name} must be a whole number from 1 up, got {n!r}")
    if not callable(batch):
        raise TypeError(
            f"train: batch must be a function from the step's number to a batch, got {type(batch).__name__}: "
            "an iterator could not be resumed; write shuffled(data, size, seed=0), or lambda step: ..."
        )


def _as_one(model):
    """A dict of models as one module whose parts they are."""
    if not isinstance(model, dict):
        return model
    together = Module()
    for name, part in model.items():
        setattr(together, name, part)
    return together


@contextmanager
def _patient_interrupt():
    """Ctrl-C sets the event and lets the step end; a second Ctrl-C interrupts at once.

    Nothing is changed outside Python's main thread, or where the program has its own handler of SIGINT.
    """
    pressed, usual = threading.Event(), signal.getsignal(signal.SIGINT)

    def remember(*_):
        pressed.set()
        signal.signal(signal.SIGINT, usual)

    mine = threading.current_thread() is threading.main_thread() and usual is signal.default_int_handler
    if mine:
        signal.signal(signal.SIGINT, remember)
    try:
        yield pressed
    finally:
        if mine:
            signal.signal(signal.SIGINT, usual)


@contextmanager
def _explain_os_error(beginning):
    """Re-raise an OSError with its consequence for this run."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, f"train: {beginning}: {error.strerror or error}") from error
