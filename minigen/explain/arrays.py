"""PyTorch tensors and CuPy arrays, where they are installed: the person's code has them, minigen computes with NumPy's.

What enters the person's functions is turned into theirs, what comes back into NumPy's. On the host a tensor and its
array share memory, so that a change in place is seen.
"""

import functools
import sys

import numpy as np

LIBRARIES = ("torch", "cupy")


def library_of(value):
    """The name of the library whose arrays are in a value: "torch", "cupy", or "" for NumPy."""
    if isinstance(value, dict | list | tuple):
        parts = value.values() if isinstance(value, dict) else value
        return next(filter(None, map(library_of, parts)), "")
    name = type(value).__module__.partition(".")[0]
    return name if name in LIBRARIES and hasattr(value, "dtype") else ""


def host(value):
    """A value with every tensor and every array of a GPU as an array of NumPy; containers are copied, the rest is shared."""
    if isinstance(value, dict):
        return {k: host(v) for k, v in value.items()} if type(value) is dict else value
    if type(value) in (list, tuple):
        return type(value)(map(host, value))
    library = library_of(value)
    if library == "torch":
        return value.detach().cpu().numpy()
    return value.get() if library == "cupy" else value


def theirs(value, library):
    """The other way: every array of NumPy as an array of `library`."""
    if not library:
        return value
    if type(value) is dict:
        return {k: theirs(v, library) for k, v in value.items()}
    if type(value) in (list, tuple):
        return type(value)(theirs(v, library) for v in value)
    if not isinstance(value, np.ndarray):
        return value
    module = sys.modules[library]
    return module.from_numpy(value) if library == "torch" else module.asarray(value)


def wrapped(function, library):
    """A function of the library's arrays as a function of NumPy's."""

    @functools.wraps(function)
    def call(*arguments, **named):
        result = function(*theirs(arguments, library), **theirs(named, library))
        if isinstance(result, tuple) and any(map(callable, result)):
            return tuple(wrapped(r, library) if callable(r) else host(r) for r in result)
        return host(result)

    return call
