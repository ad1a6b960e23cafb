"""Functions and their derivatives that stand in dicts: ACTIVATIONS["relu"] = (f, df), or DERIVATIVES["relu"] beside it.

Each gets a name, relu and relu_derivative, by which it is found as any other function.
"""

import inspect
import types

import numpy as np

OF_OUTPUTS = (
    "y",
    "a",
    "out",
    "output",
    "s",
    "h",
)  # names of what a derivative is given that is written with the output


def functions(names, goes_back):
    """{name: lambda} of those that stand in the dicts of a file, by twos; `names`: {name: value} of the file."""
    tables = {
        n: v for n, v in names.items() if isinstance(v, dict) and v and all(isinstance(k, str) for k in v)
    }
    found = {}
    for name, table in tables.items():
        for key, value in table.items():
            two = _beside(value, goes_back) or _in_another(name, key, value, tables, goes_back)
            if two and key.isidentifier():
                called = key if key not in names else f"{name}_{key}"
                found |= dict(zip((called, f"{called}_derivative"), two, strict=True))
    return found


def _is_one(value):
    return isinstance(value, types.FunctionType) and value.__name__ == "<lambda>"


def _front(value, back):
    """A lambda, or one that calls np.tanh with an argument of the name that `back` has; None for others."""
    if isinstance(value, np.ufunc) and _is_one(back):
        name = next(iter(inspect.signature(back).parameters), "x")
        name = "x" if name in OF_OUTPUTS else name
        return eval(f"lambda {name}: value({name})", {"value": value})
    return value if _is_one(value) else None


def _beside(value, goes_back):
    """The function and its derivative, of a tuple or dict of two."""
    if isinstance(value, tuple | list) and len(value) == 2 and _is_one(value[1]):
        front = _front(*value)
        return (front, value[1]) if front else None
    if isinstance(value, dict) and len(value) == 2:
        back = [k for k in value if isinstance(k, str) and (goes_back(k) or k in ("df", "d", "der"))]
        front = [k for k in value if k not in back]
        return _beside((value[front[0]], value[back[0]]), goes_back) if len(back) == 1 else None
    return None


def _in_another(name, key, value, tables, goes_back):
    """The function and its derivative, where another dict with the same keys has derivatives by its name."""
    others = [
        n for n, t in tables.items() if n != name and t.keys() == tables[name].keys() and goes_back(n.lower())
    ]
    if goes_back(name.lower()) or len(others) != 1:
        return None
    return _beside((value, tables[others[0]][key]), goes_back)
