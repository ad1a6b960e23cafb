"""A tape that can be played again: a training step is written down, and then only its calls are repeated.

The step of a small network is a few hundred calls of NumPy, and Python spends more time between them than in
them: tensors, nodes, rules, checks, and memory for every result. `replay(step)` runs the step as it is on
arrays that write down what is done to them (recording.py). Forward, backward and optimizer leave one flat
list: a function of NumPy, its arguments, the array for its result. Later calls copy their arguments into the
arrays of the first ones and walk through the list. No graph is built and no rule is run; the values are those
of the plain step, bit for bit, because they are the same calls on arrays of the same layout;
only a row that meets many narrow ones is made a long one first.

A result has its memory from its first to its last use; after that another result takes it.
Parameters, constants and the state of an optimizer are used where they lie. Functions with a state
(an optimizer's step, the running means of batch norm) and checks of values are single entries,
called as they are (`backend.whole`): so a learning rate may change between two calls.

A list of calls is right only where the next step makes the same calls. So two runs must agree in every
call, number and array before there is a list. What is not the same in both was made by something that a play
would not repeat. And what the step depends on is compared before every play: the arrays of the tensors,
the variables of the step, the settings of modules.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from functools import partial, update_wrapper
from itertools import groupby
from types import FunctionType, MethodType, SimpleNamespace
from typing import Any

import numpy as np

from minigen.engine import anomaly, backend, tape
from minigen.engine.fast import memory, sums, threads
from minigen.engine.fast.recording import (
    NUMBERS,
    Recorded,
    Recording,
    address,
    home,
    mapped,
    place,
    same_place,
)
from minigen.engine.tape import Tensor

_most_runs = 5  # of one kind, without two in a row that agree
_most_in_vain = 24  # runs in a row, of any kind, without a play
_most_lists = 16
_by_keyword = (np.maximum, np.minimum)  # whose result by its place is deprecated


class NotReplayable(RuntimeError):
    """The step that was replayed cannot be; the message says why, and where."""


def replay(step: Callable[..., Any], *, strict: bool = True) -> Callable[..., Any]:
    """`step`, which from its third call on repeats the calls on arrays that the first two wrote down.

        step = minigen.replay(step)
        for x, noise in batches:
            loss = step(x, noise)

    Arguments are arrays, constant tensors, numbers, and tuples, lists and dicts of them; the arrays are
    copied first. The step is written down anew for other shapes and other numbers. Results are copies:
    arrays, and tensors without a history. The values are those of the plain step, bit for bit; where
    a NaN results, its sign may be another one.

    What Python does in the step is done only while it is written down: an `if`, a counter, a print. The step
    may depend on nothing but its arguments, parameters, and arrays that stay where they are.
    Raises NotReplayable, after a step that was done as usual, where the step reads a value
    (`.item()`, `if loss < 1`), draws from a generator of NumPy (`minigen.Random` and Dropout draw anew in
    every play), makes arrays from anything but these, selects by a mask, writes to its arguments, or uses
    what differs from call to call: so a learning rate is set between two calls. With
    `strict=False` such a step is run as it is from then on; `step.why` says why. Under `detect_anomaly`,
    every step is run as it is. NumPy only: on a GPU there is no replay.
    """
    return Replay(step, strict)


class Replay:
    """What `replay` returns. `plays` counts the repeated calls; `why` says why there are none, or is None."""

    def __init__(self, step, strict=True):
        update_wrapper(self, step, updated=())
        self.step, self.strict, self.why, self.plays = step, strict, None, 0
        memory.training_begins()
        self._forget()

    def _forget(self):
        self.lists, self.runs, self.in_vain = {}, {}, 0
        self.lock, self.process = threading.RLock(), os.getpid()

    def __call__(self, *args, **kwargs):
        if self.why or backend.recorder.get() or anomaly.watching.get() or tape._branches.get() is not None:
            return self.step(*args, **kwargs)
        if self.process != os.getpid():
            self._forget()  # in a child of fork: another thread may have held the lock
        with self.lock:
            arrays = []
            key = _kind((args, kwargs), arrays), tape._recording.get()
            play = self.lists.get(key)
            changed = play.changed() if play else "the arguments have other shapes, or are other numbers"
            if changed:
                return self._write_down(key, args, kwargs, changed)
            self.plays, self.in_vain = self.plays + 1, 0
            return play.play(arrays)

    def _write_down(self, key, args, kwargs, changed):
        """Run the step and write it down; make a list of it if it agrees with the run before."""
        self.lists.pop(key, None)
        before, attempts = self.runs.pop(key, (None, 0))
        variables, settings = _variables(self.step), [*backend.settings]
        run = Recording(before)
        run.run(self.step, args, kwargs)
        self.in_vain += 1
        why = run.why or _changed(variables)
        differs = run.difference(before) if before and not why else None
        if before and not why and not differs:
            self.lists[key] = Play(run, variables, settings)
        elif not why and attempts + 1 < _most_runs:
            self.runs[key] = run, attempts + 1
        else:
            why = why or differs
        if self.in_vain > _most_in_vain:
            why = why or f"the last {self.in_vain} calls were all different: {changed}"
        for kept in (self.lists, self.runs):
            while len(kept) > _most_lists:
                del kept[next(iter(kept))]
        result = mapped(run.result, lambda value: _giver(run, value)())
        if why:
            self._forget()
            if self.strict:
                raise NotReplayable(f"replay: {why}")
            self.why = why
        return result


class Play:
    """A step as a list of calls, with memory for all their results."""

    def __init__(self, run, variables, settings):
        self.fixed, self.tensors = run.fixed, list(run.tensors.values())
        self.variables, self.settings = variables, settings
        entries, uses = _needed(run)
        blocks = _straight_into_gradients(entries, uses)
        _share_blocks(run.own, entries, uses, blocks)

        def placed(value):
            block = blocks.get(id(home(value))) if type(value) is np.ndarray and value.size else None
            if block is None:
                return value
            return np.ndarray(value.shape, value.dtype, block, place(value)[0], value.strides)

        self.calls = []
        entries = [entry for entry in entries if not entry.constant or id(home(entry.writes)) in blocks]
        for errors, group in groupby(entries, key=lambda entry: entry.errors):
            calls = [_call(entry, placed) for entry in group]
            self.calls += [partial(_with_errors, errors, calls)] if errors else calls
        self.result = mapped(run.result, lambda value: _giver(run, value, placed))

    def changed(self):
        """What the calls depend on and is not as it was, or None."""
        if self.settings != backend.settings:
            return "a setting of a module was changed"
        for tensor, array in self.tensors:
            if tensor._array is not array:
                return f"the array of the tensor {tensor.name or '(unnamed)'} was replaced"
        return _changed(self.variables)

    def play(self, arrays):
        for fixed, array in zip(self.fixed, arrays, strict=True):
            np.copyto(fixed, array)
        for call in self.calls:
            call()
        return mapped(self.result, lambda give: give())


def _call(entry, placed):
    function, (args, kwargs) = entry.function, mapped((entry.args, entry.kwargs), placed)
    if function is threads.matmul:
        return partial(threads.way(*args), *args, kwargs["out"])
    if isinstance(function, np.ufunc) and [*kwargs] == ["out"]:
        if function.signature is None and len(args) == 2 and _meets_a_row(*args, kwargs["out"]):
            return partial(sums.with_row, function, *args, kwargs["out"])
        if function not in _by_keyword:
            return partial(function, *args, kwargs["out"])  # by its place, which NumPy reads faster
    return partial(function, *args, **kwargs)


def _meets_a_row(x, row, out):
    arrays = type(x) is np.ndarray and type(row) is np.ndarray and x.shape == out.shape
    return arrays and out.flags.c_contiguous and sums.many_narrow(x, row)


def _with_errors(errors, calls):
    with np.errstate(**errors):
        for call in calls:
            call()


# ----- results -----


def _giver(run, value, placed=lambda array: array):
    """A function without arguments that gives a part of the result: copies of what the step made,
    anything else as it is.
    """
    array = value._array if isinstance(value, Tensor) else value
    if type(array) is not Recorded:
        return lambda: value
    mine, array = run.number(array.value) is not None, placed(array.value)
    if isinstance(value, Tensor):
        return lambda: tape._tensor(array.copy(order="K"), None)
    return (lambda: array.copy(order="K")) if mine else lambda: array


# ----- memory -----


def _needed(run):
    """The entries whose results are used or that have effects; and what uses each memory, by its id:
    [(number of the entry, array)], with the result of the step as the last.
    """
    results, entries, uses = [], [], {}
    mapped(run.result, lambda v: results.append(v._array if isinstance(v, Tensor) else v))
    results = [v.value for v in results if type(v) is Recorded]
    needed = {id(home(array)) for array in results}
    for entry in reversed(run.entries):
        if entry.effects or run.number(entry.writes) is None or id(home(entry.writes)) in needed:
            entries.insert(0, entry)
            needed.update(id(home(array)) for array in entry.arrays)
    for i, arrays in enumerate([*(entry.arrays for entry in entries), results]):
        for array in arrays:
            uses.setdefault(id(home(array)), []).append((i, array))
    return entries, uses


def _share_blocks(own, entries, uses, blocks):
    """Add the memory for what the step makes, by the id of the memory it had while it was written down.

    Two results share a block if the one is used for the last time before the other is made. What no entry
    makes, an argument, stays where it is; so does what is made once, and always the same.
    """
    begins, ends, free = {}, {}, []
    for one, used in uses.items():
        first = used[0][0]
        changes = {i for i, _ in used if i < len(entries) and (entries[i].effects or entries[i].makes(one))}
        if one in own and one not in blocks and first in changes and entries[first].makes(one):
            if not entries[first].constant or len(changes) > 1:
                begins.setdefault(first, []).append(home(used[0][1]))
                ends.setdefault(used[-1][0], []).append(one)
    for i in range(len(entries) + 1):
        for owner in begins.get(i, ()):
            fits = [b for b in free if owner.nbytes <= len(b) <= 2 * owner.nbytes + 1024]
            block = min(fits, key=len) if fits else _block(owner.nbytes)
            free = [b for b in free if b is not block]
            blocks[id(owner)] = block
        free += [blocks[one] for one in ends.get(i, ())]


def _straight_into_gradients(entries, uses):
    """Where the call that makes a gradient may write it into the optimizer's array: {id of the memory that
    its result had while it was written down: that memory}. The entry that copied it then only tells the leaf.

    The old gradient must be gone by then, so no other function with effects, and no use of the optimizer's
    array, may come in between.
    """
    straight = {}
    for i, entry in enumerate(entries):
        if not entry.first:
            continue
        array, target = entry.args[1], entry.leaf.buffer
        used = uses[id(home(array))]
        j, start = used[0][0], place(target)[0]
        if (
            {k for k, _ in used} == {j, i}
            and not entries[j].effects
            and not entries[j].constant
            and all(same_place(array, other) for _, other in used)
            and place(array) == (0, *place(target)[1:])
            and all(not one.effects or one.leaf for one in entries[j:i])
            and not any(j <= k < i for k, _ in uses.get(id(home(target)), ()))
        ):
            straight[id(home(array))] = home(target).view(np.uint8)[start : start + target.nbytes]
            entry.function, entry.args = _arrived, (entry.leaf,)
    return straight


def _arrived(leaf):
    leaf.grad = leaf.buffer


def _block(size):
    """Memory that begins at a line of the cache."""
    memory = np.empty(size + 64, np.uint8)
    start = -address(memory) % 64
    return memory[start : start + size]


# ----- what a step depends on -----


def _kind(value, arrays):
    """What is the same about the arguments of all calls with one list; their arrays are added to `arrays`."""
    kind = type(value)
    if kind is tuple or kind is list:
        return kind, *[_kind(v, arrays) for v in value]
    if kind is dict:
        return kind, *[(key, _kind(v, arrays)) for key, v in value.items()]
    array = value._array if kind is Tensor and value.node is None else value
    if type(array) is np.ndarray:
        arrays.append(array)
        return kind, array.shape, array.strides, array.dtype
    if kind is float or kind is complex or isinstance(value, np.generic):
        return kind, repr(value)  # 0.0 and -0.0 are equal, and two results
    return kind, value if isinstance(value, NUMBERS) else None


def _variables(step):
    """[(name, function that reads it, value)] of what a step reads besides its arguments: its variables,
    those of the functions among them, and the numbers in dicts, lists and objects that it reads directly.
    """
    found, functions, seen = [], [step], set()
    while functions:
        function = functions.pop()
        if isinstance(function, partial):
            functions += [function.func, *function.args, *function.keywords.values()]
        if isinstance(function, MethodType):
            found += _numbers_in("self", function.__self__)
            function = function.__func__
        if not isinstance(function, FunctionType) or id(function) in seen:
            continue
        seen.add(id(function))
        reads = [
            (name, partial(getattr, cell, "cell_contents", None))
            for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
        ]
        reads += [
            (name, partial(function.__globals__.get, name))
            for name in function.__code__.co_names
            if name in function.__globals__ and not function.__module__.startswith("minigen.")
        ]
        for name, read in reads:
            value = read()
            found.append((name, read, value))
            if isinstance(value, FunctionType | MethodType | partial):
                functions.append(value)
            if isinstance(value, dict | list | SimpleNamespace):
                found += _numbers_in(name, value)
    return found


def _numbers_in(name, holder):
    values = holder if isinstance(holder, dict | list) else getattr(holder, "__dict__", {})
    read = values.__getitem__ if isinstance(values, list) else values.get
    keys = range(len(values)) if isinstance(values, list) else list(values)
    keys = [key for key in keys if isinstance(read(key), NUMBERS)]
    numbers = [(f"{name}, {key}", partial(read, key), read(key)) for key in keys]
    return [(name, partial(len, values), len(values)), *numbers]


def _changed(variables):
    """Which of the variables is not what it was, or None."""
    for name, read, value in variables:
        now = read()
        if now is not value and not (
            type(now) is type(value) and isinstance(value, NUMBERS) and now == value
        ):
            return f"the variable {name} changed from {value!r:.40} to {now!r:.40}"
    return None
