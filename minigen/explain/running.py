"""What one pass of a loop calls while it runs, and the losses that may be meant where a loop computes none (loops.py)."""

import copy

import numpy as np

# the names of the functions that a pass calls, and of variables of its own
CHANGE, LOSS, COPY, FITS, NEW, FLOAT, HOT, PAIR, FILLED, FIRST, WEIGHED, SHARED = (
    f"__minigen_{n}__"
    for n in (
        "change", "loss", "copy", "fits", "new", "float", "hot", "pair", "filled", "first", "weighed", "shared",
    )
)  # fmt: skip
GIVEN = "__minigen_given_"  # and the name of the parameter to which a gradient belongs
BEFORE, VALUE, OUT, TARGET, KIND, KEPT, SHARE = (
    f"__minigen_{n}__" for n in ("before", "value", "out", "target", "kind", "kept", "share")
)


def given():
    """{name: function} that the passes call."""
    return {
        CHANGE: change,
        LOSS: assumed,
        COPY: copy.deepcopy,
        FITS: fits,
        NEW: new,
        FLOAT: in_floats,
        HOT: one_hot,
        PAIR: pair,
        FILLED: filled,
        FIRST: first,
        WEIGHED: weighed,
        SHARED: shared,
    }


def change(before, after, step):
    """What a step has taken from a parameter, or from each in a list or dict, divided by its length."""
    if isinstance(before, dict):
        return {key: change(before[key], after[key], step) for key in before}
    if isinstance(before, list | tuple):
        return [change(one, other, step) for one, other in zip(before, after, strict=True)]
    taken = np.subtract(np.asarray(before, dtype=float), np.asarray(after, dtype=float)) / step
    return taken if np.ndim(taken) else float(taken)


def in_floats(value):
    """A parameter that begins with whole numbers, as b = 0, in floats."""
    if isinstance(value, list):
        return [in_floats(part) for part in value]
    whole = getattr(value, "dtype", np.dtype(float)).kind == "i"
    return float(value) if type(value) is int else value.astype(float) if whole else value


def one_hot(like, labels=None):
    """1 at the label of each example and 0 elsewhere, in the shape of `like`; without labels 1 everywhere."""
    return np.ones(np.shape(like)) if labels is None else np.eye(np.shape(like)[-1])[labels]


def pair(one, other):
    """Two outputs side by side, behind a new first axis."""
    return np.stack([one, other])


def filled(gradients, of):
    """The gradients that were handed over one by one; of a list in its order, with zeros where there was none; of an array, row
    by row.
    """
    if isinstance(of, np.ndarray):
        whole = np.zeros(of.shape)
        for place, gradient in gradients.items():
            whole[place] += gradient
        return whole
    if isinstance(of, list | tuple):
        return [gradients.get(i, 0 * np.asarray(part)) for i, part in enumerate(of)]
    return gradients


def shared(gradients, number):
    """Gradients divided by a number, where it counts examples: what else a step divides by, such as an array, is not meant."""
    if not isinstance(number, int | np.integer):
        return gradients
    if isinstance(gradients, dict):
        return {key: shared(part, number) for key, part in gradients.items()}
    if isinstance(gradients, list | tuple):
        return [shared(part, number) for part in gradients]
    return gradients / number


def first(value):
    """Numbers in the shape of a value that depend on nothing but that: they stand for a gradient of which no loss is known."""
    numbers = np.cos(1 + 1.7 * np.arange(np.size(value))).reshape(np.shape(value))
    return numbers if np.ndim(value) else float(numbers)


def weighed(value):
    """The loss whose gradient at a value is `first` of it."""
    return np.sum(first(value) * value)


def new(kind):
    """An object of a class that has nothing yet."""
    return object.__new__(kind)


def fits(value, begin):
    """Stop where a parameter has another shape than what it begins with."""
    if _shapes(value) != _shapes(begin):
        raise ValueError(f"a parameter of shape {_shapes(value)} begins with {_shapes(begin)}")


def _shapes(value):
    """The shape of an array or a number; of a list or dict those of what is in it."""
    if isinstance(value, dict):
        return {key: _shapes(part) for key, part in value.items()}
    return list(map(_shapes, value)) if isinstance(value, list | tuple) else np.shape(value)


def assumed(kind, a, y):
    """The loss of a kind, of an output and what it is compared with; kinds count from 1."""
    from minigen.explain.reading import Assumed

    name, times, axis = KINDS[kind - 1]
    y, a = np.asarray(y, dtype=float), np.asarray(a)
    if axis is not None and axis >= np.ndim(y):
        return None
    return Assumed(name, (), times=times, axis=axis).function(None)(a, y)


POISSON = "the negative log-likelihood of Poisson's counts"
KINDS = [
    (name, times, axis)
    for name in ("half the squared error", "the binary cross-entropy", "the cross-entropy", POISSON)
    for axis in (0, -1, None, 1)  # a division is more often forgotten than made where none is due
    for times in (1.0, 2.0)
]


def text_of(kind):
    """The loss of a kind in words."""
    from minigen.explain.reading import Assumed

    name, times, axis = KINDS[kind - 1]
    return Assumed(name, (), times=times, axis=axis).text
