"""Look at a graph: `minigen.draw(loss)` draws it, `minigen.steps(loss)` lists its backward pass.

Read record.py (what is in a graph, and what its things are called), walk.py (the backward pass), then fold.py
(layers become boxes), layout.py (where the boxes stand) and svg.py.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping

from minigen.engine.backend import Array
from minigen.engine.tape import Node, Tensor
from minigen.graph.fold import fold
from minigen.graph.record import Names, Record
from minigen.graph.svg import Drawing
from minigen.graph.walk import Steps, walk

LIMIT = 150  # more boxes than these nobody reads


def draw(
    loss: Tensor, names: Mapping[str, Tensor] | None = None, *, layers: bool = True, limit: int = LIMIT
) -> Drawing:
    """The graph that `loss` was computed by.

    It shows itself in a notebook; `.save("graph.svg")` writes a file, and `.svg` is the text.
    Names are those of parameters (`encoder.weight`), of the caller's own variables, and those of `names`, a
    dict of tensors. A parameter that has been given a gradient shows its norm. With `layers` the parameters
    of a layer lie in one box with its operations. A graph of more than `limit` boxes is folded, first its
    chains, then neighbours in time; `.folded` says so. Raises TypeError where loss is no tensor, RuntimeError
    where it has no history: backward() frees the graph, so draw first, or call backward(retain_graph=True).
    """
    record = Record(_with_history("draw", loss), Names(sys._getframe(1).f_locals, names))
    return Drawing(*fold(record, layers, limit))


def steps(loss: Tensor, names: Mapping[str, Tensor] | None = None, *, gradient: Array | None = None) -> Steps:
    """The backward pass of `loss` as a table; print it.

    One row for each rule: tick, operation, rule, shapes and norms. The last column says when a gradient is
    complete: all its parts have arrived. Nothing is changed: no `.grad`, and the graph stays. `gradient` is
    what flows into a `loss` that is not one number. `.ticks` are the steps as objects. Raises what `draw` and
    `minigen.grad` raise.
    """
    record = Record(_with_history("steps", loss), Names(sys._getframe(1).f_locals, names))
    return Steps(record, walk(loss, gradient))


def _with_history(caller, loss):
    if not isinstance(loss, Tensor):
        raise TypeError(f"{caller}: expected the tensor that was computed, got {type(loss).__name__}")
    if type(loss.node) is not Node:
        raise RuntimeError(
            f"{caller}: this tensor has no history: nothing it was computed from requires a gradient, "
            "or it was computed under no_grad() or after detach()"
        )
    return loss
