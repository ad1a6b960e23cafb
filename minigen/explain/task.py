"""One forward with its backward, as a person wrote them, and how to call them: what the search works on.

Whatever the style (functions, methods, closures, a list of layers, parameters in globals),
the search needs only to call the program on given values and to know which functions a change may be made in.
`play` and `forward` reach the person's code through the same function objects, so a candidate change is tried
by putting another `__code__` into one.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Played:
    """What one call of forward and backward gave: y, and {name: gradient}."""

    y: Any
    gradients: dict


@dataclass
class Task:
    """One forward with its backward.

    `draw(rng) -> {name: array or number}`: everything that is differentiated or fed in; sizes vary from call
    to call where `sizes_vary`. `play(values, g=None) -> Played`: puts objects and globals into a fresh state,
    calls forward, then backward with the upstream gradient g (None where y is a number, the loss).
    `forward(values) -> y` alone. `names` says what the person calls the gradient of each value:
    {"W1": "dW1", "b": 'grads["b"]'}. Where `takes_g` is False, backward gives the gradient for g = 1
    and `play` multiplies. `step` is the step size where a gradient is measured as the change of a
    parameter divided by it.
    """

    title: str
    functions: tuple
    draw: Callable
    play: Callable
    forward: Callable
    names: dict = field(default_factory=dict)
    sources: set = field(default_factory=set)  # where backward gives what is compared, as addresses
    sizes_vary: bool = False
    step: float | None = None
    takes_g: bool = True  # whether backward is handed an upstream gradient
    several: bool = False  # whether y is several outputs of forward, one behind the other
    assumed: bool = False  # whether the loss is one that may be meant, since the file has none
    must_use_g: bool = (
        False  # whether backward requires or reads it, so that a loss is judged at a g other than 1
    )
    # {method without arguments: values -> number}, beside forward
    penalties: dict = field(default_factory=dict)
    may_change_g: bool = (
        False  # whether backward may change the upstream gradient in place, as in g[x < 0] = 0
    )
    missed: tuple = ()  # sentences: gradients that backward gives and that cannot be compared
    beside: tuple = ()  # the Tasks of other pairs in the file: a change must not spoil what is right there
    judged: Any = field(default=None, repr=False)  # what an earlier judgement of this task measured
