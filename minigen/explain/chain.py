"""A network that a file has no inputs for: its own layers, one after the other, each as wide as the one before is.

Where a program walks through a list and calls methods of what is in it, the file's classes that have these methods are
the layers. Those that take two sizes change the width; those that take one, or none, stand between.
"""

import ast
import copy

import numpy as np

from minigen.explain import load, pairs
from minigen.explain.source import name_of, names_in, short_name, walk


def methods_in_loops(program, name):
    """The methods that the file calls on the elements of what it calls by a name: {"forward", "backward"} of layers."""
    found = set()
    for loop in walk(program.tree):
        if isinstance(loop, ast.For) and any(short_name(n) == name for n in walk(loop.iter)):
            elements = names_in(loop.target)
            found |= {m for part in loop.body for n in walk(part) for m in _called_on(n, elements)}
    return found


def methods_of(program, name):
    """The methods that the file calls on what it calls by a name: of an object that is handed over."""
    return {
        n.func.attr
        for n in walk(program.tree)
        if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute) and short_name(n.func.value) == name
    }


def _called_on(node, names):
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Attribute) and name_of(node.func.value) in names:
            yield node.func.attr
        elif name_of(node.func) in names:
            yield "__call__"


def with_methods(program, methods, but=None):
    """The classes of the file that have all these methods, without that one."""
    kinds = [k for n, k in program.classes().items() if k is not but and n not in program.makers]
    return [k for k in kinds if methods and methods <= set(pairs.Place(program, "", None, k).functions())]


def layers(program, kinds, arguments, forward, sizes, columns):
    """Objects of these classes through which a batch can go, one after the other; [] where no two fit.

    `arguments(kind, at)` are those of a constructor, for a layer whose input has the width number `at`, and the number of
    sizes among them.
    """
    rng = np.random.default_rng(0)
    x = rng.standard_normal((sizes.N, sizes.widths[0]))
    x = x.T if columns else x
    takes = {kind: arguments(kind, 0)[1] for kind in kinds}
    wide = [k for k in kinds if takes[k] == 2]
    order = [*wide[:1], *(k for k in kinds if takes[k] < 2), *(wide[1:] or wide[:1])]
    made, at = [], 0
    for kind in order:
        try:
            layer = kind(**arguments(kind, at)[0])
            y = getattr(copy.deepcopy(layer), forward)(x)  # the layer itself keeps nothing of this call
        except (Exception, load.Timeout):
            continue
        if pairs.is_number(y) and np.ndim(y) == 2 and np.all(np.isfinite(y)):
            x, at = y, at + takes[kind] // 2
            made.append(layer)
    return made if len(made) > 1 else []
