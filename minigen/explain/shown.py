"""Inputs that the file itself shows: what the code under `if __name__ == "__main__":` hands to its functions.

That code is run only until every forward has been called once, in the limited process, for a moment at most. The
arguments of each first call are kept, and the object whose method was called. They tell what a name cannot: that
labels are -1 and 1, that a batch has three axes, how a list of layers is put together. Later calls draw values of the
same kinds anew, with sizes made smaller where forward still runs.
"""

import ast
import contextlib
import copy
import dis
import functools
import inspect
import itertools
import re
import sys

import numpy as np

from minigen.explain import evidence, load, pairs, process, propose
from minigen.explain import scene as scenes
from minigen.explain.naming import bases, is_gradient_name
from minigen.explain.source import walk, without_added

SECONDS = 0.5  # of computing, for the code under __main__
# What large sizes become, the largest first, and from which size on; where that is too small for the rest of the file,
# the second.
SMALL = ((3, 5, 4, 6, 7), 6), ((5, 7, 6, 8, 9), 10)
SPREAD = 0.3  # how much numbers differ from those that the file shows, in their standard deviations
_batch = re.compile(r"batch|mini|chunk|^bs$", re.I)
_CALLS = 30  # of a function, of which some are waited for in which its counters differ
_COUNTED = 4  # of those calls, so many
_examples, _many = 3, 6  # those that are taken of a list of more examples than that, or of more symbols


class _Enough(BaseException):
    """Every function that was waited for has been called."""


def places(program, known=()):
    """A ShownPlace for every class and function that may be a forward and that the file's own code calls; but for those
    that are `known`.
    """
    proposals = [p for p in propose._proposals(program) if p.key not in known] if _work(program) else []
    inner = {p: codes for p in proposals if (codes := _codes_of_closure(program, p)) is not None}
    wanted = {f.__code__ for p in proposals for f in _same_arguments(p)}.union(*inner.values())
    backs = [f for p in proposals for n, f in p.place.functions().items() if _gives_labels(p, n)]
    calls, results, counted = _first_calls(program, wanted, {f.__code__ for f in backs})
    others = {back: calls[back.__code__].arguments for back in backs if back.__code__ in calls}
    shared = _in_common(others, results)
    found = []
    for p in proposals:
        code = next((f.__code__ for f in _same_arguments(p) if f.__code__ in calls), None)
        scene = calls.get(code)
        if p in inner and all(c in calls for c in inner[p]):
            maker, function = (calls[c] for c in inner[p])
            scene = scenes.Scene(program, function.arguments, p.kind(**maker.arguments))
        if scene is not None and scene.owner is None and p.kind is not None:
            scene = _of_a_static_method(program, p, scene)
        ways = [scene, _as_given_to_another(program, p, others.values()) if p.kind is None else None]
        ways = [s for s in ways if s is not None and (p.kind is None or type(s.owner) is p.kind)]
        if not ways:
            continue
        losses = [n for n in p.place.functions() if pairs._cost.search(n) and not pairs.goes_back(n)]
        labels = {q.name for q in [*p.parameters, *(q for n in losses for q in p.place.parameters(n))]}
        more = {}
        for there in others.values():
            given = {n: v for n, v in there.items() if n in labels or isinstance(v, int | float)}
            more |= {n: v for n, v in given.items() if not _is_one_of(v, results)}
        # after a training with a wrong gradient the loss may be infinite
        tried = (ShownPlace(p, scene, more | shared, counted.get(code, ())) for scene in ways)
        place = next((place for place in tried if place.runs()), None)
        if place is not None:
            place.shrink()
            found.append(place)
    return found


def _is_one_of(value, results):
    """Whether an array or a number is what a forward has returned, or a dict of them: backward is given it anew each time."""
    if isinstance(value, dict):
        arrays = [v for v in value.values() if isinstance(v, np.ndarray) and v.dtype.kind == "f"]
        return bool(arrays) and all(_is_one_of(v, results) for v in arrays)
    may_be = isinstance(value, np.ndarray | float)
    return may_be and any(np.array_equal(value, result) for result in results)


def _of_a_static_method(program, proposal, scene):
    """The Scene of a method that needs no object, with one that is made without arguments; as it is for others."""
    if isinstance(vars(proposal.kind).get(proposal.front), staticmethod):
        with contextlib.suppress(Exception):
            return scenes.Scene(program, scene.live().arguments, proposal.kind())
    return scene


def _as_given_to_another(program, proposal, calls):
    """The Scene of a loss that nothing calls, where its gradient is called with arguments of the same names."""
    needed = {q.name for q in proposal.parameters if q.default is q.empty}
    known = {q.name for q in proposal.parameters}
    for arguments in calls:
        if needed and needed <= arguments.keys():
            given = {n: v for n, v in arguments.items() if n in known}
            return scenes.Scene(program, given, None, only=names_known(program))
    return None


def _codes_of_closure(program, proposal):
    """The codes of a function that makes others and of the one among them that is a forward; None for other forwards."""
    names = (n for n, kind in program.makers.items() if kind is proposal.kind and n in program.functions())
    maker = program.functions().get(next(names, ""))
    made = maker.__code__.co_consts if maker is not None else ()
    code = next((c for c in made if getattr(c, "co_name", "") == proposal.front), None)
    return (maker.__code__, code) if code is not None else None


def _in_common(calls, results):
    """{name: array} of what a loss and a backward are both given and no forward has returned: weights of classes, a mask."""
    found = {}
    for (back, given), (loss, taken) in itertools.permutations(calls.items(), 2):
        if pairs.goes_back(back.__name__) and not pairs.goes_back(loss.__name__):
            for n in given.keys() & taken.keys():
                value = given[n]
                array = isinstance(value, np.ndarray) and value.dtype.kind in "fib"
                if array and np.array_equal(value, taken[n]) and not _is_one_of(value, results):
                    found[n] = value
    return found


def _same_arguments(proposal):
    """The functions whose calls show the arguments of a forward: itself, and methods that take a step down this loss."""
    functions = proposal.place.functions()
    steps = pairs.updates(proposal.place).items()
    return [functions[n] for n in (proposal.front, *(step for step, loss in steps if loss == proposal.front))]


def _gives_labels(proposal, name):
    """Whether a function may have labels that the forward does not have: a backward or a loss."""
    back = pairs.goes_back(name, proposal.place.functions())
    return name != proposal.front and (back or bool(pairs._cost.search(name)))


def _work(program):
    """The statements that the loader leaves out since they do the work: what stands under __main__, and calls of train."""
    found = []
    for statement in program.tree.body:
        if isinstance(statement, ast.If) and "__name__" in ast.unparse(statement.test):
            found += statement.body
        elif (
            not isinstance(statement, ast.Import | ast.ImportFrom)
            and load.is_work(program, statement) is not None
        ):
            found.append(statement)
        elif isinstance(statement, ast.Assign | ast.Expr) and _calls_own(program, statement):
            found.append(statement)  # as in a notebook
    return found


def _calls_own(program, statement):
    """Whether a statement calls a function of the file, or a method of its classes."""
    calls = [n.func for n in walk(statement) if isinstance(n, ast.Call)]
    methods = {name for kind in program.classes().values() for name, v in vars(kind).items() if callable(v)}
    own = any(isinstance(f, ast.Attribute) and f.attr in methods for f in calls)
    return own or any(getattr(f, "id", "") in program.functions() for f in calls)


def _first_calls(program, wanted, others):
    """{code: Scene of its first call, or of one in which its counters differ} of the functions whose code is `wanted`, and
    of `others` that are called, too; the arrays that those which are `wanted` returned; and {code: the whole numbers of a
    few calls}, since `u - 1` may be another index in one of them.
    """
    found, results, waiting, whole = {}, {}, set(wanted), {}
    more = {}  # {code: how often it may still be called} of those whose counters were not yet seen to differ often enough
    known, counters, flags = names_known(program), _counters(program.tree), dict(program.flagged.values())

    def watch(frame, event, returned):
        code = frame.f_code
        if event == "return" and code in wanted and code in found and code not in results:
            results[code] = [value for *_, value in scenes.returned_leaves(returned, program).values()]
        new = code not in found and (code in waiting or code in others)
        if event != "call" or not new and code not in more:
            return
        given = arguments_of(frame)
        given.pop(flags.get(code.co_name), None)  # forward is called without
        first = next(iter(given), "")
        owner = given.pop(first) if first in ("self", "cls") else None
        differ = _counters_differ(given, counters)
        if new or differ and not whole[code][1]:
            with contextlib.suppress(Exception):
                found[code] = scenes.Scene(program, given, owner, only=known)
        waiting.discard(code)
        numbers = _counts(given, counters)
        sizes = {n: np.shape(v) for n, v in given.items() if hasattr(v, "shape")}
        same, kept = whole.setdefault(code, (sizes, []))
        # in a list of numbers P[u] is a gradient of its own, and another one in another call
        apart = any(isinstance(v, list | dict | tuple) for v in given.values())
        if numbers and differ and numbers not in kept and sizes == same and not (kept and apart):
            kept.append(numbers)
        more[code] = more.get(code, _CALLS) - 1
        if not more[code] or len(kept) == _COUNTED or not numbers:
            del more[code]
        if not waiting and not more and others <= found.keys():
            raise _Enough

    run(program, watch)
    numbers = {code: kept for code, (_, kept) in whole.items()}
    return found, [value for values in results.values() for value in values], numbers


def _counts(arguments, counters):
    """{name: number} of the arguments that count and of the whole numbers beside them, such as a label; empty if none counts."""
    whole = {name: value for name, value in arguments.items() if type(value) is int}
    return whole if counters & whole.keys() else {}


def _counters_differ(arguments, counters):
    """Whether no two of the arguments that count are the same or neighbours, or as another whole number: Q[i] and Q[j] are one
    where i is j.
    """
    whole = {name: value for name, value in arguments.items() if type(value) is int}
    counting = {name: value for name, value in whole.items() if name in counters}
    alike = (
        abs(c - n) < 1 + (other in counting)
        for name, c in counting.items()
        for other, n in whole.items()
        if other != name
    )
    return not any(alike)


def _counters(tree):
    """The names that stand alone as an index: Q[i], Q[i, j]."""
    found = (n.slice for n in walk(tree) if isinstance(n, ast.Subscript))
    parts = (part for index in found for part in getattr(index, "elts", [index]))
    return {part.id for part in parts if isinstance(part, ast.Name)}


def arguments_of(frame):
    """{name: value} of the arguments with which a function was called."""
    code = frame.f_code
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    return without_added({n: frame.f_locals[n] for n in names if n in frame.f_locals})


@contextlib.contextmanager
def _carefully(program, seconds):
    """What runs inside prints nothing, changes nothing outside, and ends after so many seconds."""
    with load.quiet(), load.refusing(program), np.errstate(all="ignore"), load.limited(seconds):
        yield


def run(program, watch, seconds=SECONDS):
    """Run what the file does under __main__ for a moment, with `watch` as profiler; the globals and the attributes of classes
    are then as before. Returns what it raised first, or None.
    """
    stopped = None
    before, kept, argv, refused = sys.getprofile(), dict(program.names), sys.argv, list(program.refused)
    of_classes = {kind: dict(vars(kind)) for kind in program.classes().values()}
    np.random.seed(0)  # noqa: NPY002
    sys.argv = [str(program.path)]
    try:
        with process.not_told(), _carefully(program, seconds):
            sys.setprofile(watch)
            for statement in _work(program):
                try:
                    load.execute(program, statement)
                except (Exception, SystemExit) as error:
                    stopped = stopped or error
    except (_Enough, load.Timeout):
        pass
    finally:
        sys.setprofile(before)
        sys.argv = argv
        for name in set(program.names) - set(kept):
            del program.names[name]
        program.names.update(kept)
        for kind, attributes in of_classes.items():  # Layer.training = False before the data for tests
            for name, value in vars(kind).copy().items():
                if name not in attributes:
                    delattr(kind, name)
                elif value is not attributes[name]:
                    setattr(kind, name, attributes[name])
        program.refused[:] = refused
    return stopped


def names_known(program):
    """The names of a file: all that it has, and those that its functions and methods read as globals."""
    methods = [f for k in program.classes().values() for f in vars(k).values()]
    functions = [*program.functions().values(), *methods]
    codes = [f.__code__ for f in functions if hasattr(f, "__code__")]
    steps = (step for code in codes for step in dis.get_instructions(code))
    return frozenset(program.names).union(step.argval for step in steps if step.opname == "LOAD_GLOBAL")


def runs_everywhere(found):
    """Whether a reading runs at inputs of other sizes too, and not its forward alone."""
    try:
        with _carefully(found.place.program, 2.0):
            for seed in range(4):
                found.reading.run(found.place.build(seed).live(), None)
        return True
    except (Exception, load.Timeout):
        return False


class ShownPlace(pairs.Place):
    """A Place whose inputs are of the kind that the file's own code gives; `smaller` holds the sizes that were changed,
    `counted` the whole numbers of several calls, of which each seed takes its own.
    """

    def __init__(self, proposal, scene, more, counted=()):
        super().__init__(proposal.program, proposal.title, None, proposal.kind)
        self.proposal, self.scene, self.more, self.counted = proposal, scene, more, counted
        self.smaller, self.varies = {}, True
        self.free = False  # whether lists of 0 and 1 are given other numbers, since 0 hides what it is multiplied with
        self.spread = SPREAD
        self.shorter = set()  # lengths of lists of examples of which the first few are taken
        self.only, self.build = proposal.front, self._build

    def runs(self, seed=None):
        """Whether forward gives finite numbers, with each of the calls that are counted."""
        if seed is None:
            return all(map(self.runs, range(max(1, len(self.counted)))))
        try:
            with _carefully(self.program, 1.0):
                y = self._output(self._build(seed).live())
                return y is None or not pairs.is_number(y) or propose._finite(y)
        except (Exception, load.Timeout):
            return False

    def _output(self, live):
        """What forward gives."""
        (step,) = pairs._bind(self, self.only, live.arguments)
        return pairs.Reading("", step).pick(step.call(live, {}), live)

    def with_sizes(self, small):
        """The same place with other sizes."""
        place = ShownPlace(self.proposal, self.scene, self.more, self.counted)
        place.shrink(small)
        return place

    def varied(self):
        """The same place with numbers that differ more from those that the file shows: of other signs, too."""
        place = copy.copy(self)
        place.spread, place.build, place.tried = 1.5, place._build, None
        return place

    def shrink(self, small=SMALL[0]):
        """Make sizes smaller, one after another, as long as forward runs."""
        self.smaller, self.shorter, (small, large) = {}, set(), small
        live = self._live(0)
        if any(map(_is_binary, live.arguments.values())):
            self.free = True
            self.free = self.runs()
        if self.scene.kept.views:
            return  # parameters that share the memory of one vector keep their sizes
        for length in {len(v) for v in live.arguments.values() if _is_list_of_examples(v)}:
            self.shorter.add(length)
            if not self.runs():
                self.shorter.remove(length)
        sizes = {n for *_, value in _arrays(live) for n in np.shape(value)}
        # a vector whose length nothing else has holds all parameters, of several layers
        flat = {len(v) for *_, v in _arrays(live) if np.ndim(v) == 1 and v.dtype.kind == "f"}
        elsewhere = [
            n for *_, v in _arrays(live) if np.ndim(v) > 1 or _is_whole(v) for n in np.shape(v) or [v]
        ]
        flat -= set(elsewhere)
        left = [n for n in small if n not in sizes]
        given = {n: v for n, v in live.arguments.items() if isinstance(v, np.ndarray)}
        vectors = [n for n, v in given.items() if v.ndim == 1 and v.dtype.kind == "f"]
        vectors = [n for n in vectors if self._reads_to_the_end(n)]
        for size in sorted((n for n in sizes - flat if n > large), reverse=True):
            for other in [*left]:
                self.smaller[size] = other
                if self.runs() and all(map(self._reads_to_the_end, vectors)):
                    left.remove(other)
                    break
                del self.smaller[size]
        if self.smaller:
            self._take_smaller_batches(live)
        self.varies = self.runs(2) and self.runs(3)

    def _take_smaller_batches(self, live):
        """Make the number of examples in a batch smaller than that of all examples, where it was: else they are one."""
        for name, value in live.arguments.items():
            large = [n for n in self.smaller if type(value) is int and n > value]
            if (
                large
                and _batch.search(name)
                and value not in self.smaller
                and value >= self.smaller[large[0]] > 3
            ):
                self.smaller[value] = self.smaller[large[0]] - 2
                if not self.runs():
                    del self.smaller[value]

    @functools.cached_property
    def _settings(self):
        """The names of arguments that have a number by default, such as a rate."""
        methods = [
            f
            for kind in self.program.classes().values()
            for f in vars(kind).values()
            if inspect.isfunction(f)
        ]
        functions = [*self.program.functions().values(), *methods]
        asked = [p for f in functions for p in inspect.signature(f).parameters.values()]
        return {p.name for p in asked if isinstance(p.default, float)}

    def _reads_to_the_end(self, name):
        """Whether what forward gives depends on the last entry of a vector: with smaller layers a flat theta is too long."""
        outputs = []
        try:
            with _carefully(self.program, 1.0):
                for by in (0.0, 0.5):
                    live = self._build(0).live()
                    live.arguments[name][-1] += by
                    outputs.append(self._output(live))
        except (Exception, load.Timeout):
            return False
        return not np.array_equal(*outputs)

    def _live(self, seed):
        live = self.scene.live()
        live.arguments = {**scenes.Scene(self.program, self.more).live().arguments, **live.arguments}
        live.arguments |= self.counted[seed % len(self.counted)] if self.counted else {}
        live.seed = seed
        return live

    def _build(self, seed):
        rng, alike = np.random.default_rng(seed), np.random.default_rng(0)
        live = self._live(seed)
        more = max(0, seed % 4 - 1) if self.varies else 0  # other sizes for other inputs, mostly the smallest
        for n, v in live.arguments.items():
            if _is_list_of_examples(v) and len(v) in self.shorter:
                live.arguments[n] = v[: _examples + more]
            free = n not in self._settings or v == 1.0
            if free and n.lower() not in evidence.steps and not pairs.may_be_labels.match(n):
                v = list(map(float, v)) if self.free and _is_binary(v) else v
                # one between 0 and 1 may be the length of a step, and is the same for all inputs
                live.arguments[n] = _moved(v, alike if isinstance(v, float) and 0 < v < 1 else rng)
        scenes.widen(live, self.program)
        chosen = {n: rng.permutation(n)[: small + more] for n, small in self.smaller.items()}
        renewed = {}  # {id of an array: (itself, its new one)}
        velocities = {a for a, container, _, value in _arrays(live) if _is_velocity(a, container, value)}
        for address, container, key, value in _arrays(live):
            new = _of_its_kind(value, chosen, rng, self.spread)
            if address in velocities:
                new = np.zeros_like(new)
            elif address[0][0] == "arg" and _is_blank(address, value, live.arguments):
                # zeros hide what they are multiplied with
                new = 0.3 * rng.standard_normal(new.shape)
            renewed[id(value)] = value, new
            if self.scene.kept.views and isinstance(value, np.ndarray) and value.flags.writeable:
                value[...] = new  # others share its memory
            elif container is not None and not isinstance(container, tuple):
                _set(container, key, new)
        for root in (live.owner, *live.arguments.values()) if not self.scene.kept.views else ():
            _exchange(root, renewed, self.program, set())
        return scenes.Scene(self.program, live.arguments, live.owner, seed)


def _is_binary(value):
    """Whether a value is a list of the whole numbers 0 and 1, as two things that are true or not."""
    return type(value) is list and len(value) > 1 and all(type(v) is int and v in (0, 1) for v in value)


def _moved(value, rng):
    """Another number of its kind, or a list of such: what is multiplied with 0 or 1 is not seen."""
    if type(value) is list:
        return [_moved(v, rng) for v in value]
    if not isinstance(value, float) or value == np.rint(value) and value not in (0, 1):
        return value
    if value in (0, 1):
        return 1.0 - 0.3 * rng.random() if value else 0.3 * rng.standard_normal()
    odds = float(np.exp(0.3 * rng.standard_normal()))  # of a probability, so that it stays between 0 and 1
    return value * odds / (value * odds + 1 - value) if 0 < value < 1 else value * odds


def _is_list_of_examples(value):
    """Whether a value is a long list of arrays, of tuples of arrays and numbers, or of symbols: of layers there are fewer."""
    if type(value) not in (list, tuple) or len(value) <= _many:
        return False
    if all(type(v) is int for v in value):  # the symbols of a text
        return True
    parts = [part for v in value for part in (v if type(v) in (list, tuple) else [v])]
    known = all(isinstance(part, np.ndarray | int | float) for part in parts)
    return known and any(isinstance(part, np.ndarray) for part in parts)


def _is_whole(value):
    """Whether a value is a whole number, such as a size, or holds labels, one for each example."""
    return type(value) is int or getattr(value, "dtype", np.dtype(float)).kind in "ib"


def _exchange(value, renewed, program, seen):
    """Put the new arrays into the lists and tuples of an object that hold the old ones as well: params = (W, b)."""
    if id(value) in seen or isinstance(value, np.ndarray):
        return
    seen.add(id(value))
    holds = vars(value) if scenes.is_own(value, program) else value if isinstance(value, dict) else {}
    for key, inner in list(holds.items()):
        if isinstance(inner, np.ndarray) and id(inner) in renewed:
            _set(value, key, renewed[id(inner)][1])
        if type(inner) in (list, tuple) and any(id(v) in renewed for v in inner):
            _set(value, key, type(inner)(renewed[id(v)][1] if id(v) in renewed else v for v in inner))
        _exchange(inner, renewed, program, seen)
    for inner in value if type(value) in (list, tuple) else ():
        _exchange(inner, renewed, program, seen)


def _set(holder, key, value):
    """Put a value into a dict or list, or into an object under the name of an attribute."""
    if isinstance(holder, dict | list):
        holder[key] = value
    else:
        scenes.set_attribute(holder, key, value)


def _arrays(live):
    """(address, container, key, value) of the arrays and whole numbers that arguments and objects hold."""
    found, seen = {}, set()
    for address, container, key, value in live.roots():
        scenes._walk(address, container, key, value, live.program, found, seen, "fib")
    holders = [live.arguments, *(vars(v) for v in [live.owner] if hasattr(v, "__dict__"))]
    numbers = [((("number", k),), h, k, v) for h in holders for k, v in h.items() if type(v) is int]
    return [*((a, *f) for a, f in found.items() if isinstance(f[2], np.ndarray)), *numbers]


def _is_blank(address, value, arguments):
    """Whether an array holds zeros that are the beginning of a parameter or state, and no sum of gradients: dW beside W, and
    not gewichte, whatever ewichte is.
    """
    name = str(address[-1][1])
    known = {n.lower() for n in arguments}
    sums = is_gradient_name(name) and (not bases(name) or bool(bases(name) & known) or len(address) > 1)
    sums = sums or re.match(r"^(m|v|s)[A-Z_]|mom|vel|cache|acc|mask", name)
    floats = isinstance(value, np.ndarray) and value.dtype.kind == "f" and value.ndim
    return floats and not value.any() and not sums


def _is_velocity(address, container, value):
    """Whether an array of an object is what momentum keeps of earlier steps: with it a step is not the gradient's alone.

    It is named so, as in velocity["W"], or after a parameter of its shape, as vW beside W, or vg beside gamma. mu is a mean, whatever u is.
    """
    name = str(address[-1][1])
    if len(address) > 1 and re.fullmatch(r"_?(vel|mom|velocity|momentum|velocities)", str(address[-2][1])):
        return True
    if len(address) < 2 or name == "mu" or address[0][0] == "arg" and isinstance(container, dict):
        return False
    beside = container if isinstance(container, dict) else getattr(container, "__dict__", {})
    kept = re.match(r"(v|m|vel|mom|velocity|momentum)_?(?=\w)", name)
    rest = name[kept.end() :] if kept else ""
    named = [n for n in beside if n == rest or len(name) <= 4 and _is_short_for(rest, n)] if rest else []
    return any(isinstance(beside[n], np.ndarray) and np.shape(beside[n]) == np.shape(value) for n in named)


def _is_short_for(short, name):
    """Whether a name is shortened so, from its first letter on: g and bt for gamma and beta."""
    letters = iter(name)
    return short[0] == name[0] and all(c in letters for c in short)


def _of_its_kind(value, chosen, rng, spread=SPREAD):
    """Values of the same kind: a part of the rows, other numbers; labels stay labels, shares add up to one, and what
    is symmetric stays so.
    """
    if type(value) is int:
        return len(chosen[value]) if value in chosen else value
    whole = value.dtype.kind != "f" or bool((value == np.rint(value)).all())
    scaled = not whole and value.min() == 0 and len(np.unique(np.asarray(value))) == 2  # a mask of dropout
    adds_up = [
        a for a in range(value.ndim) if value.size and (value >= 0).all() and np.allclose(value.sum(a), 1)
    ]
    new = value
    for axis, size in enumerate(value.shape):
        if size in chosen:
            new = new.take(chosen[size], axis)
    if value.ndim == 1 and whole and len(value) > 1 and np.array_equal(np.sort(value), np.arange(len(value))):
        return np.argsort(np.argsort(new)).astype(value.dtype)  # an order of so many stays one
    if whole and value.size and value.dtype.kind in "iu" and chosen and value.min() >= 0:
        fits = [len(rows) for size, rows in chosen.items() if size > value.max()]
        if fits and value.max() >= min(fits) > 1 and value.max() > 1:
            least = int(value.min() > 0)  # lengths stay above 0
            new = least + (new - least) % (min(fits) - least)
    if adds_up and whole and value.ndim == 1 and len(value) not in chosen:
        return value  # 1 and zeros: which one is the true one may be written into the loss
    if adds_up:
        return _shares(new, adds_up[-1], whole, rng)
    if whole or scaled or not value.size:
        return new
    noise = spread * rng.standard_normal(new.shape)
    if value.ndim == 2 and value.shape == value.T.shape and len(value) > 1 and np.allclose(value, value.T):
        noise = (noise + noise.T) / 2
    if value.min() >= 0:  # what is positive, or a probability, stays so
        all_shares = value.ndim > 1 and np.isclose(value.sum(), 1)
        odds = np.exp(noise)  # of a probability, so that it stays between 0 and 1
        new = new * odds / (new * odds + 1 - new) if value.max() <= 1 else new * odds
        return new / new.sum() if all_shares else new
    # evenly between bounds, as rng.uniform(-1, 1)
    if value.size >= 20 and np.abs(value).max() <= min(1.0, 2 * value.std()):
        return rng.uniform(value.min(), value.max(), new.shape)
    return new + value.std() * noise


def _shares(new, axis, whole, rng):
    """Rows that add up to one along an axis: one-hot, or shares."""
    if whole:
        hot = rng.integers(0, new.shape[axis], np.delete(new.shape, axis))
        return np.moveaxis(np.eye(new.shape[axis], dtype=new.dtype)[hot], -1, axis)
    new = new * np.exp(0.3 * rng.standard_normal(new.shape))
    return new / new.sum(axis, keepdims=True)
