"""Everything a person's program computes with, as named arrays: arguments, objects, dicts, lists and globals.

A scene is built from a seed, kept as a copy, and handed out fresh for every call, so that no call
sees what another left behind: caches, updated weights, generators. An address is the way to an array:
(("arg", "net"), ("attr", "W")).
"""

import copy
import io
import pickle
import random
import re
import sys
import types
from dataclasses import dataclass, field

import numpy as np


@dataclass
class Live:
    """One fresh copy of a scene: the arguments by name, and the object whose methods are called, if any."""

    arguments: dict
    owner: object = None
    program: object = None
    seed: int = 0

    def reseed(self):
        """Start the global generators anew: the same noise in every run."""
        np.random.seed(self.seed % 2**32)  # noqa: NPY002
        random.seed(self.seed)

    def roots(self):
        """(address, container, key, value) of everything that has a name of its own."""
        for key, value in self.arguments.items():
            yield (("arg", key),), self.arguments, key, value
        if self.owner is not None:
            yield (("self", ""),), None, None, self.owner
        for key, value in list(self.program.names.items()):
            if is_data(key, value):
                yield (("global", key),), self.program.names, key, value


@dataclass
class Scene:
    """`live()` gives a fresh copy of what `build` made; the program's globals are part of it."""

    program: object
    arguments: dict
    owner: object = None
    seed: int = 0
    only: frozenset | None = None  # the globals that belong to it; None: all
    kept: object = field(init=False)
    known: dict = field(init=False, default_factory=dict)  # what was found out about it: `once`

    def once(self, key, make):
        """What `make()` gives, which is asked for once for each key."""
        try:
            if key not in self.known:
                self.known[key] = make()
        except TypeError:  # an argument that cannot be a key
            return make()
        return self.known[key]

    def __post_init__(self):
        known = self.program.names if self.only is None else self.only
        data = {k: v for k, v in self.program.names.items() if is_data(k, v) and k in known}
        self.kept = Kept((self.arguments, self.owner, data))

    def live(self):
        arguments, owner, data = self.kept.copy()
        names = self.program.names
        for key in [k for k, v in names.items() if is_data(k, v) and k not in data]:
            del names[key]
        names.update(data)
        return Live(arguments, owner, self.program, self.seed)


def in_double(program, arguments, owner, seed):
    """A Scene in which every float32 array is a float64 one: differences need the digits."""
    live = Scene(program, arguments, owner, seed).live()
    widen(live, program)
    return Scene(program, live.arguments, live.owner, seed)


class Kept:
    """A value as it was, of which many copies are made: as bytes where it can be,
    since that is ten times faster.
    """

    def __init__(self, value):
        self.shared, self.bytes, self.value = [], None, None
        self.views = _views(value)
        try:
            out = io.BytesIO()
            pickler = pickle.Pickler(out, protocol=5)
            pickler.persistent_id = self._share
            pickler.dump(value)
            self.bytes = out.getvalue()
            self.copy()
        except Exception:  # a generator, a class of its own way to be copied
            self.bytes, self.value = None, _deepcopy(value)

    def _share(self, value):
        """Functions, classes and modules are the same in every copy."""
        kinds = (types.FunctionType, types.BuiltinFunctionType, types.ModuleType, type, np.ufunc)
        if not isinstance(value, kinds) and not hasattr(type(value), "__deepcopy__"):
            return None
        if isinstance(value, np.ndarray | np.generic) or isinstance(value, types.BuiltinFunctionType):
            return None
        self.shared.append(value)
        return len(self.shared) - 1

    def copy(self):
        if self.bytes is None:
            made = _deepcopy(self.value)
        else:
            unpickler = pickle.Unpickler(io.BytesIO(self.bytes))
            unpickler.persistent_load = self.shared.__getitem__
            made = unpickler.load()
        for way, base, offset, shape, strides in self.views:
            array = _at(made, base)
            _put_at(made, way, np.ndarray(shape, array.dtype, array, offset, strides))
        return made


def _views(value):
    """[(way to an array, way to the one whose memory it shares, offset, shape, strides)]: parameters that look into one
    flat vector, and a weight that is seen transposed, must do so in a copy, too.
    """
    arrays, seen, waiting = {}, set(), [((), value)]
    while waiting:
        way, one = waiting.pop()
        if isinstance(one, np.ndarray):
            arrays.setdefault(id(one), (way, one))
        if id(one) in seen or isinstance(one, np.ndarray | type | types.ModuleType | types.FunctionType):
            continue
        seen.add(id(one))
        if isinstance(one, dict):
            waiting += [((*way, ("key", k)), v) for k, v in one.items()]
        elif isinstance(one, list | tuple):
            waiting += [((*way, ("key", i)), v) for i, v in enumerate(one)]
        elif hasattr(one, "__dict__"):
            waiting += [((*way, ("attr", k)), v) for k, v in vars(one).items()]
    whole, found = {}, []
    for way, one in arrays.values():
        if one.ndim and one.nbytes == _owner(one).nbytes and one.flags.c_contiguous:
            whole.setdefault(id(_owner(one)), (way, one))
    for way, one in arrays.values():
        base = whole.get(id(_owner(one)))
        # what stands in a tuple cannot be put there again
        if base is not None and base[1] is not one and not isinstance(_at(value, way[:-1]), tuple):
            offset = one.__array_interface__["data"][0] - base[1].__array_interface__["data"][0]
            found.append((way, base[0], offset, one.shape, one.strides))
    return found


def _owner(array):
    """The array whose memory this one looks into; itself, if it has its own."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def _at(value, way):
    for kind, key in way:
        value = value[key] if kind == "key" else getattr(value, key)
    return value


def _put_at(value, way, array):
    holder, (kind, key) = _at(value, way[:-1]), way[-1]
    if kind == "key":
        holder[key] = array
    else:
        set_attribute(holder, key, array)


def is_data(key, value):
    """Whether a global is a value, not a module, function, class or Python's own."""
    kinds = (types.ModuleType, types.FunctionType, types.BuiltinFunctionType, type, np.ufunc)
    return not key.startswith("__") and not isinstance(value, kinds) and type(value).__module__ != "typing"


def leaves(live, program):
    """{address: (container, key, array)} of every float array that can be reached, each once."""
    found, seen = {}, set()
    for address, container, key, value in live.roots():
        _walk(address, container, key, value, program, found, seen)
    return found


def reach(live, address):
    """(container, key, value) at an address, or None where nothing is there."""
    (kind, key), *rest = address
    if kind == "self":
        container, key, value = None, None, live.owner
    else:
        container = live.arguments if kind == "arg" else live.program.names
        value = container.get(key)
    for way, step in rest:
        try:
            container, key = value, step
            value = vars(value)[step] if way == "attr" else value[step]
        except (TypeError, KeyError, IndexError):
            return None
    floats = isinstance(value, np.ndarray) and value.dtype.kind == "f"
    return (container, key, value) if floats or isinstance(value, float | np.floating) else None


def returned_leaves(value, program, root="returned"):
    """The same for what a function returned."""
    found = {}
    _walk(((root, ""),), None, None, value, program, found, set(), "fib", aliases=True)
    return found


def _walk(address, container, key, value, program, found, seen, kinds="f", aliases=False):
    """`aliases`: whether an array that has two names is told under both."""
    if isinstance(value, np.ndarray) and value.dtype.kind in kinds:
        if aliases or id(value) not in seen:
            seen.add(id(value))
            found[address] = (container, key, value)
        return
    whole = (
        int | np.integer | np.bool_ if "i" in kinds and len(address) < 3 else ()
    )  # else it is a place in a list
    if isinstance(value, float | np.floating) or isinstance(value, whole):
        found[address] = (container, key, value)
        return
    if id(value) in seen or len(address) > 7:
        return
    if isinstance(value, dict):
        seen.add(id(value))
        for k, v in list(value.items()):
            # else it is an id(), of this copy
            if isinstance(k, str | tuple) or isinstance(k, int) and abs(k) < 2**32:
                _walk((*address, ("key", k)), value, k, v, program, found, seen, kinds, aliases)
    elif isinstance(value, list | tuple) and len(value) <= 400:
        seen.add(id(value))
        for i, v in enumerate(value):
            _walk((*address, ("key", i)), value, i, v, program, found, seen, kinds, aliases)
    elif is_own(value, program):
        seen.add(id(value))
        for k, v in list(vars(value).items()):
            _walk((*address, ("attr", k)), value, k, v, program, found, seen, kinds, aliases)


def is_own(value, program):
    """Whether a value is an object whose attributes are the person's: of their class, or a bare namespace."""
    if isinstance(value, type | types.FunctionType | types.ModuleType | types.MethodType):
        return False
    mine = program is not None and program.owns(type(value).__module__)
    return (mine or isinstance(value, types.SimpleNamespace)) and hasattr(value, "__dict__")


def put(container, key, old, new):
    """Store an array where another was: in place where the shape allows, since other names may share it."""
    new = np.array(new, dtype=np.float64)
    alike = isinstance(old, np.ndarray) and old.shape == new.shape and old.dtype == np.float64
    if alike and old.flags.writeable:
        old[...] = new
        return
    new = float(new) if isinstance(old, float) and new.ndim == 0 else new
    if isinstance(container, dict | list):
        container[key] = new
    elif not isinstance(container, tuple) and container is not None:
        set_attribute(container, key, new)


def set_attribute(owner, name, value):
    """Set an attribute of an object, of a frozen dataclass too."""
    try:
        setattr(owner, name, value)
    except AttributeError:
        object.__setattr__(owner, name, value)


def widen(live, program):
    """Make every float32 array float64."""
    for container, key, value in leaves(live, program).values():
        if isinstance(value, np.ndarray) and value.dtype != np.float64:
            put(container, key, None, value)


def text(address):
    """An address as the person would type it: self.layers[0].W, params["W1"]."""
    out = ""
    for kind, key in address:
        if kind in ("arg", "global"):
            out = str(key)
        elif kind == "self":
            out = "self"
        elif kind == "returned":
            out = "the result"
        elif kind == "attr":
            out += f".{key}"
        else:
            out += f'["{key}"]' if isinstance(key, str) else f"[{key}]"
    return out


def pattern(address):
    """An address with its numbers taken out, and these numbers: layers[0].W1 and
    layers[2].W3 have one pattern.
    """
    numbers = []

    def take(match):
        numbers.append(int(match.group()))
        return "#"

    steps = []
    for kind, key in address:
        if isinstance(key, int) and kind == "key":
            numbers.append(key)
            steps.append((kind, ("#",)))
        elif isinstance(key, str):
            steps.append((kind, re.sub(r"\d+", take, key)))
        else:
            steps.append((kind, key))
    return tuple(steps), tuple(numbers)


def fill(steps, numbers):
    """The address that a pattern gives with these numbers."""
    numbers = list(numbers)
    out = []
    for kind, key in steps:
        if key == ("#",):
            out.append((kind, numbers.pop(0)))
        elif isinstance(key, str):
            out.append((kind, re.sub("#", lambda _: str(numbers.pop(0)), key)))
        else:
            out.append((kind, key))
    return tuple(out)


def _deepcopy(value):
    """A deep copy in which modules are shared, since they cannot be copied."""
    try:
        return copy.deepcopy(value)
    except TypeError:
        return copy.deepcopy(value, {id(m): m for m in list(sys.modules.values())})
    except Exception:  # a __getattr__ that asks for an attribute of an object that has none yet
        return _copied(value, {})


WRITTEN_IN_PYTHON = 1 << 9  # the flag of classes that a class statement has made


def _copied(value, memo):
    """A deep copy that asks objects for nothing but their attributes."""
    if id(value) in memo:
        return memo[id(value)]
    if isinstance(value, dict):
        new = memo[id(value)] = type(value)()
        new.update({k: _copied(v, memo) for k, v in value.items()})
    elif isinstance(value, list):
        new = memo[id(value)] = []
        new += [_copied(v, memo) for v in value]
    elif type(value) is tuple:
        new = tuple(_copied(v, memo) for v in value)
    elif isinstance(value, types.ModuleType):
        return value
    elif not type(value).__flags__ & WRITTEN_IN_PYTHON or hasattr(type(value), "__deepcopy__"):
        new = copy.deepcopy(value, memo)
    else:
        new = memo[id(value)] = object.__new__(type(value))
        vars(new).update({k: _copied(v, memo) for k, v in vars(value).items()})
    return memo.setdefault(id(value), new)
