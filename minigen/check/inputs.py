"""What a person hands to the checker, in one form: float64 copies by name, gradients by the same names."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from typing import Any, TypeAlias

import numpy as np

from minigen.arguments import did_you_mean
from minigen.engine import backend
from minigen.engine.tape import Tensor

# In annotations: inputs by name, in the order of the arguments, alone, or drawn by a function of a generator.
Given: TypeAlias = (
    "Mapping[str, Any] | Sequence[Any] | np.ndarray | Callable[[np.random.Generator], Mapping[str, Any]]"
)


class Inputs:
    """The inputs of a function, by name, and the way back to the form in which the function takes them.

    A dict goes to the function by name, or as one dict where the function takes one argument of another name;
    a list by position, named after the function's own arguments; a single array as the only argument.
    A function of a generator draws the inputs itself. `floats` are float64 copies on the host,
    `constants` the rest (labels, indices), and `notes` says what was copied to another dtype.
    """

    def __init__(self, caller, function, inputs, rng=None):
        self.caller = caller
        self.draw = inputs if callable(inputs) else None
        if self.draw is not None:
            inputs = self.draw(rng)
            if not isinstance(inputs, dict):
                raise TypeError(
                    f"{caller}: inputs is a function of a generator, and must return a dict of arrays by "
                    f"name, got {type(inputs).__name__}"
                )
        self.by_name = isinstance(inputs, dict) and _takes_names(function, inputs)
        self.one_dict = isinstance(inputs, dict) and not self.by_name
        named = inputs
        if not isinstance(inputs, dict):
            several = inputs if isinstance(inputs, list | tuple) else [inputs]
            named = dict(zip(_argument_names(function, len(several)), several, strict=True))
        if not named:
            raise ValueError(f"{caller}: there are no inputs to check")
        self.order = list(named)
        if self.one_dict:
            self._refuse_a_dict(function)
        self.floats, self.constants, self.notes = {}, {}, []
        for name, x in named.items():
            x = host(x)
            if x.dtype.kind not in "fiub":
                raise TypeError(
                    f"{caller}: input {name} has dtype {x.dtype}, and only real numbers can be checked"
                )
            if x.dtype.kind != "f":
                self.constants[name] = x
                if x.dtype.kind != "b":
                    self.notes.append(
                        f"{name} is {x.dtype} and was treated as a constant: "
                        f"use {name}.astype(float) to have it checked"
                    )
                continue
            self.floats[name] = np.array(x, np.float64)
            if x.dtype != np.float64:
                self.notes.append(
                    f"{name} is {x.dtype}: a float64 copy was checked, as {x.dtype} is too coarse"
                )

    def _refuse_a_dict(self, function):
        """A dict with other names than the function's is one argument; a function of several would fail."""
        needed = [p.name for p in _positional(function) if p.default is p.empty]
        if len(needed) > 1:
            name = title(function) or "the function"
            raise TypeError(
                f"{self.caller}: {name} takes {len(needed)} arguments ({', '.join(needed)}), the inputs are "
                f"named {', '.join(self.order)}: give them the same names, or pass a list"
            )

    def arguments(self, values):
        """`values` by name as positional arguments of the function."""
        return (values,) if self.one_dict else tuple(values[name] for name in self.order)

    def call(self, function, values, **settings):
        """The function at `values`, in the form that it takes."""
        if self.by_name:
            return function(**{n: values[n] for n in self.order}, **settings)
        return function(*self.arguments(values), **settings)

    def named(self, gradients, who):
        """Gradients as a dict of host arrays, whatever form they came in, without those that are None."""
        if not isinstance(gradients, dict):
            several = gradients if isinstance(gradients, list | tuple) else [gradients]
            if len(several) != len(self.order):
                raise ValueError(
                    f"{who} returned {len(several)} gradients for {len(self.order)} inputs: give one for "
                    f"each of {', '.join(self.order)}, in this order, or a dict by name"
                )
            gradients = dict(zip(self.order, several, strict=True))
        for name in gradients:
            self.require(name, who)
        out = {}
        for name, g in gradients.items():
            try:
                out |= {} if g is None else {name: host(g)}
            except ValueError as error:
                raise ValueError(f"{who} gives no array for {name}: {error}") from error
        return out

    def select(self, wrt):
        """The names to check: all real inputs, or those in `wrt`."""
        names = list(self.floats) if wrt is None else [wrt] if isinstance(wrt, str) else list(wrt)
        for name in names:
            self.require(name, "wrt")
            if name in self.constants:
                raise TypeError(
                    f"{self.caller}: input {name} has dtype {self.constants[name].dtype} and so no gradient"
                )
        return names

    def require(self, name, who):
        if name not in self.order:
            known = f"{', '.join(self.order)}{did_you_mean(name, self.order)}"
            raise ValueError(f"{who} names {name!r}, but the inputs are {known}")


def host(x):
    """Anything like an array as a NumPy array on the host."""
    return backend.to(backend.as_array(x.data if isinstance(x, Tensor) else x), "cpu")


def title(function):
    """The name of a function, operation or layer for the report; a lambda has none."""
    name = getattr(function, "__name__", None) or getattr(function, "name", None) or type(function).__name__
    return "" if name == "<lambda>" else name


def parameters(function):
    """{name: Parameter} of a function; empty for what is built in, such as np.tanh."""
    try:
        return dict(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return {}


def _positional(function):
    kinds = parameters(getattr(function, "forward", function)).values()
    return [p for p in kinds if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]


def _takes_names(function, names):
    """Whether a function takes these names as its arguments."""
    kinds = parameters(getattr(function, "forward", function))
    if any(p.kind is p.VAR_KEYWORD for p in kinds.values()):
        return True
    return all(n in kinds and kinds[n].kind is not inspect.Parameter.POSITIONAL_ONLY for n in names)


def _argument_names(function, count):
    names = [p.name for p in _positional(function)]
    return names[:count] if len(names) >= count else [f"x{i}" for i in range(count)]


def misfit(who, name, gradient, shape):
    """None where `gradient` has that shape; otherwise a sentence, with the reduction that makes it fit."""
    came = gradient.shape
    if came == shape:
        return None
    return f"{who} gives shape {came} for {name} of shape {shape}{_cure(came, shape)}"


def _cure(came, shape):
    for count in range(1, len(came) + 1):
        for axes in combinations(range(len(came)), count):
            left = tuple(n for i, n in enumerate(came) if i not in axes)
            kept = tuple(1 if i in axes else n for i, n in enumerate(came))
            if shape in (left, kept):
                keepdims = "" if shape == left else ", keepdims=True"
                axis = axes[0] if count == 1 else axes
                fits = f"; .sum(axis={axis}{keepdims}) would fit"
                return f"{fits}: what was broadcast gets the sum of its gradients"
    if sorted(came) == sorted(shape):
        return "; the axes are in another order: is a transpose missing?"
    if np.prod(came) == np.prod(shape):
        return "; the number of entries is right: is a reshape missing?"
    return ""
