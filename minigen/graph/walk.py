"""The backward pass of a graph, one node after the other, with everything that each rule gave.

It is the walk of the engine: from the youngest node to the oldest, each when its gradient is complete. The
rules are called by the engine's own function; here only is kept what they return.
"""

from dataclasses import dataclass, field

from minigen import tables
from minigen.engine import tape
from minigen.engine.tape import Leaf
from minigen.graph.record import norm, rule_text, shape_text


@dataclass(eq=False)
class Part:
    """What one rule sent to one argument: part number `arrived` of the `due` that make up its gradient."""

    argument: int
    parent: object
    rule: str
    gradient: object
    arrived: int
    due: int


@dataclass(eq=False)
class Tick:
    """One node at its turn: its complete gradient, and what its rules sent on. A parameter sends nothing."""

    node: object
    gradient: object
    parts: list = field(default_factory=list)


def walk(tensor, gradient=None):
    """The ticks of the backward pass of `tensor`, in order."""
    order = tape._reachable(tensor.node)
    gradients, arrived, due, ticks = {id(tensor.node): tape._seed("steps", tensor, gradient)}, {}, {}, []
    for node in order:
        for i, parent in enumerate(node.parents):
            if parent is not None and node.op.rules[i] is not None:
                due[id(parent)] = due.get(id(parent), 0) + 1
    settled = tape._settled_here.set(True)
    try:
        for node in order:
            g = gradients.get(id(node))
            if g is None:
                continue
            tick = Tick(node, g)
            ticks.append(tick)
            if type(node) is Leaf:
                continue
            for i, parent in enumerate(node.parents):
                # the engine's own
                gx = None if parent is None else tape._gradient(node, i, g, node.out, node.values)
                if gx is None:
                    continue
                key = id(parent)
                gradients[key] = gradients[key] + gx if key in gradients else gx
                arrived[key] = arrived.get(key, 0) + 1
                tick.parts.append(Part(i, parent, rule_text(node.op, i), gx, arrived[key], due[key]))
    finally:
        tape._settled_here.reset(settled)
    return ticks


COLUMNS = ("tick", "operation", "‖g‖", "to", "shape", "rule", "‖gx‖", "complete")


class Steps:
    """A backward pass as a table: prints as text, and as HTML in a notebook."""

    def __init__(self, record, ticks):
        self.record, self.ticks = record, ticks

    def rows(self):
        """One tuple of text for each rule that ran, in the order of `COLUMNS`."""
        for tick in self.ticks:
            entry = self.record.entry(tick.node)
            for k, part in enumerate(tick.parts):
                to = self.record.entry(part.parent)
                first = (str(entry.number), _called(entry), f"{norm(tick.gradient):.3g}")
                complete = "yes" if part.arrived == part.due else f"{part.arrived} of {part.due} parts"
                yield (
                    *(first if k == 0 else ("", "", "")),
                    to.name or f"{to.label} {to.number}",
                    shape_text(part.gradient.shape),
                    part.rule,
                    f"{norm(part.gradient):.3g}",
                    complete,
                )

    def __str__(self):
        return "\n".join(tables.as_text([[_cut(cell) for cell in row] for row in (COLUMNS, *self.rows())]))

    __repr__ = __str__

    def _repr_html_(self):
        return tables.as_html([COLUMNS, *self.rows()])


def _called(entry):
    return f"{entry.op} → {entry.name}" if entry.name else entry.op


def _cut(text, most=44):
    return text if len(text) <= most else text[: most - 1] + "…"
