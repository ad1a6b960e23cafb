"""A Task from functions that are at hand: in a notebook, in a test, in a program."""

import copy
import inspect
import types

import numpy as np

from minigen.check.inputs import Inputs, title
from minigen.check.pair import Pair
from minigen.check.preserve import restore, snapshot
from minigen.explain import arrays
from minigen.explain.task import Played, Task


def task(forward, backward, inputs, *, settings=None, wrt=None):
    """The Task of a forward and its backward, in any of the forms that check_vjp takes.

    `settings` are arguments by name that are no inputs; `wrt` names the inputs whose gradients are asked for,
    if not all. Where the inputs are tensors of PyTorch or arrays of CuPy, the person's functions are given such.
    """
    own = forward, backward
    library = arrays.library_of(inputs(np.random.default_rng(0)) if callable(inputs) else inputs)
    if library:
        theirs = inputs
        inputs = (lambda rng: arrays.host(theirs(rng))) if callable(theirs) else arrays.host(theirs)
        forward = arrays.wrapped(forward, library)
        backward = None if backward is None else arrays.wrapped(backward, library)
    rng = np.random.default_rng(np.random.SeedSequence(0, spawn_key=(32,)))
    first = Pair("explain", forward, backward, Inputs("explain", forward, inputs, rng), settings)
    first.prepare(first.inputs.floats)
    names, asked = list(first.inputs.floats), first.inputs.select(wrt)
    begun = snapshot((forward, backward))

    def draw(rng):
        if callable(inputs):
            drawn = {n: np.asarray(v) for n, v in inputs(rng).items()}
            return {n: np.array(v, float) if v.dtype.kind == "f" else v.copy() for n, v in drawn.items()}
        moved = {n: _near(v, rng) for n, v in first.inputs.floats.items()}
        return moved | {n: copy.deepcopy(v) for n, v in first.inputs.constants.items()}

    def pair_at(values):
        first.inputs.constants = {n: v for n, v in values.items() if n not in names}
        restore(*begun)
        return {n: values[n] for n in names}

    def play(values, g=None):
        given = pair_at(values)
        y = first.forward(given)
        gradients = first.gradients(given, np.ones(()) if g is None else g)
        return Played(y, gradients)

    def run(values):
        return first.forward(pair_at(values))

    return Task(
        title=title(backward) or title(forward) or "backward",
        functions=tuple(reachable(*own)),
        draw=draw,
        play=play,
        forward=run,
        names={n: n for n in asked},
        sizes_vary=callable(inputs),
        takes_g=first.takes_g,
        missed=tuple(_missed(first)),
    )


def _missed(pair):
    """A sentence for each gradient that backward gives at whole numbers, which are taken as constants."""
    whole = [n for n, v in pair.inputs.constants.items() if v.dtype.kind in "iu"]
    if not whole:
        return
    try:
        y = pair.forward(pair.inputs.floats)
        found = pair.backward(pair.inputs.floats, np.ones(np.shape(y)))
    except Exception:
        return
    if isinstance(found, tuple | list) and len(found) == len(pair.inputs.order):
        found = dict(zip(pair.inputs.order, found, strict=True))
    for n in whole if isinstance(found, dict) else ():
        if getattr(found.get(n), "dtype", np.dtype(type(found.get(n)))).kind == "f":
            yield f"the gradient of {n} was not compared: {n} holds whole numbers; to compare it, give {n} as floats"


def _near(value, rng):
    """Another point near a person's inputs: the same signs, no two entries alike."""
    if value.size and np.all((value == 0) | (value == 1)):
        return value.copy()  # labels, masks and one-hot rows stay what they are
    return value * rng.uniform(0.7, 1.3, value.shape) + (value == 0) * 0.1 * rng.standard_normal(value.shape)


def reachable(*roots):
    """The plain functions that these can call: through globals, closures, methods and
    objects, outside packages.
    """
    found, todo, seen = [], list(roots), set()
    while todo:
        one = todo.pop()
        if id(one) in seen or one is None:
            continue
        seen.add(id(one))
        if isinstance(one, types.MethodType):
            todo += [one.__func__, one.__self__]
        elif isinstance(one, types.FunctionType):
            one = inspect.unwrap(one)
            if not isinstance(one, types.FunctionType) or _packaged(one):
                continue
            found.append(one)
            todo += [one.__globals__.get(n) for n in _names(one.__code__)]
            todo += [c.cell_contents for c in one.__closure__ or () if _filled(c)]
        elif isinstance(one, type):
            if not _packaged(one):
                todo += [getattr(v, "__func__", getattr(v, "fget", v)) for v in vars(one).values()]
        elif isinstance(one, list | tuple):
            todo += list(one)[:50]
        elif isinstance(one, dict):
            todo += list(one.values())[:50]
        elif hasattr(one, "__dict__") and not isinstance(one, types.ModuleType | np.ndarray):
            if not _packaged(type(one)):
                todo += [type(one), *vars(one).values()]
    return found


def _names(code):
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names |= _names(constant)
    return names


def _filled(cell):
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False


def _packaged(thing):
    """Whether something belongs to an installed package and not to a person's own program."""
    root = (getattr(thing, "__module__", None) or "").partition(".")[0]
    return root in ("numpy", "minigen", "builtins", "matplotlib", "scipy", "torch", "cupy", "pytest")
