"""One way to read a file as a forward with its backward: which functions are called,
with what, and where y is.

A reading is a guess until it has been tried. `perform` calls the program on a fresh scene and
keeps everything from which a gradient may be read: what backward returned, what it stored,
and which parameters it changed.
"""

import ast
import contextlib
import traceback
import types
from dataclasses import dataclass

import numpy as np

from minigen.explain import arrays, within
from minigen.explain import scene as scenes

_output_names = (
    "output", "out", "outputs", "y", "a", "y_pred", "probs", "p", "loss", "cost", "total", "total_loss",
    "value", "last",
)  # fmt: skip


_traced = ("loss", "cost", "value", "total", "output", "out", "y", "y_pred", "probs")


FILE = "(file)"
PARTS = "the sum of all parts"  # of a loss that is returned as several numbers
EVERY = -1  # outputs: all that are in the list which forward returns
NUMBER = -2  # outputs: the one number behind arrays, as in return z, loss
PLAYERS = -3, -4  # outputs: the first or the second of two losses, as in return loss_d, loss_g


@dataclass(frozen=True)
class Step:
    """A call of one function of the person's: its name, and where each argument comes from.

    `of`: the argument whose method it is, or FILE for a function of the file beside methods; "": as its forward's is.
    """

    name: str
    bound: tuple  # of (parameter, source)
    of: str = ""

    def function(self, live):
        if self.of == FILE or not self.of and live.owner is None:
            return live.program.names[self.name]
        return getattr(live.arguments[self.of] if self.of else live.owner, self.name)

    def call(self, live, context):
        arguments = {p: _fetch(source, live, context) for p, source in self.bound}
        library, function = live.program.library, self.function(live)
        try:
            return (arrays.wrapped(function, library) if library else function)(**arguments)
        except SystemExit as error:
            raise RuntimeError(f"{self.name} ends the program") from error


@dataclass(frozen=True)
class Assumed(Step):
    """A loss that the file has not: `times` the squared error, a cross-entropy or Poisson's, of forward's output and labels, divided by
    how many labels there are along an axis, or (-1) in all.
    """

    times: float = 1.0
    axis: int | None = None

    def function(self, live):
        def loss(a, y):
            y = np.asarray(y, dtype=float)
            n = 1 if self.axis is None else y.size if self.axis == -1 else y.shape[self.axis]
            a = np.asarray(a)
            same = y.reshape(a.shape) if y.size == a.size else y  # an image, beside an output in a row
            return self.times / n * _losses[self.name](a, same)

        return loss

    @property
    def text(self):
        """Such as "-2 times half the squared error, divided by the number of examples"."""
        times = f"{self.times:g} times " if self.times != 1 else ""
        over = {None: "", -1: ", divided by the number of labels"}
        return f"{times}{self.name}{over.get(self.axis, ', divided by the number of examples')}"

    def call(self, live, context):
        return self.function(live)(*(_fetch(source, live, context) for _, source in self.bound))


_losses = {
    "half the squared error": lambda a, y: float(0.5 * np.sum((a - y) ** 2)),
    "the binary cross-entropy": lambda a, y: float(-np.sum(y * np.log(a) + (1 - y) * np.log(1 - a))),
    "the cross-entropy": lambda a, y: float(-np.sum(_one_hot(y, a) * np.log(a))),
    "the negative log-likelihood of Poisson's counts": lambda a, y: float(np.sum(a - y * np.log(a))),
}


def _one_hot(labels, a):
    """Labels in the shape of the output `a`: whole numbers count its classes, in rows or in columns."""
    if labels.ndim == a.ndim:
        return labels
    if len(labels) == len(a):
        return np.eye(a.shape[-1])[labels.astype(int)]
    return np.eye(len(a))[labels.astype(int)].T


@dataclass
class Outcome:
    """What one run left: y, what backward returned, and the leaves of the scene before and after backward."""

    y: object
    returned: object
    before: dict
    live: object
    inside: object = None  # a within.Inside, where it is asked for


@dataclass(frozen=True)
class Reading:
    """`forward`, then `loss` of its result if there is one, then `backward`.

    Without a backward, forward does it all.
    """

    title: str
    forward: Step
    backward: Step | None = None
    loss: Step | None = None
    closure: bool = False  # forward returns the function that goes back
    elementwise: bool = False  # backward is f', to be multiplied by g
    outputs: int = 1  # how many outputs of forward have a gradient of their own
    takes_g: bool = False
    reduce: str = ""  # y is made of what forward returns: one of _reductions
    inside: bool = False  # gradients are looked for among what the step makes and hands on
    local: str = ""  # y is this expression within forward, which takes a step
    # what backward is given instead of g: g as one of _upstreams; or the error p - t, where y is one of ENTROPIES
    upstream: str = ""

    @property
    def before_backward(self):
        """All that y depends on, as a key: readings that go back by other ways have the same."""
        alone = self.backward is None
        entropy = self.upstream if self.upstream in ENTROPIES else ""
        return self.forward, self.loss, self.reduce, self.outputs, self.closure, self.local, alone, entropy

    def run(self, live, g=None, back=True, watched=None):
        """Call it on the scene `live`. `g` is called with y to give the upstream gradient; None: 1.

        `watched`: the addresses whose values are kept as they were before backward; None: all.
        """
        context = {}
        live.reseed()
        alone = self.backward is None and not self.closure
        before = photograph(live, watched) if back and alone else {}
        inside = None
        if self.local or self.inside and alone and back:
            with within.watched(live, self.forward.name, self.local) as inside:
                result = self.forward.call(live, context)
        else:
            try:
                result = self.forward.call(live, context)
            except Exception as error:
                y = self.loss_before(error, live) if alone and not back else None
                if y is None:
                    raise
                return Outcome(y, None, {}, live)
        context["result"] = result
        y = context["y"] = inside.y if self.local else self.pick(result, live)
        if self.loss is not None:
            y = self.loss.call(live, context)
            y = y[0] if isinstance(y, tuple) and self.reduce != PARTS else y
        if self.reduce:
            y = _reduced(self.reduce, y)
        error = None
        if self.upstream in ENTROPIES:
            y, error = ENTROPIES[self.upstream](y) if is_number(y) and np.ndim(y) else (None, None)
        if not back or y is None:
            return Outcome(y, None, {}, live)
        flat = _flat(y) if isinstance(y, tuple) else y
        if g is None:
            g = float(np.ones(())) if np.ndim(flat) == 0 else np.ones_like(flat)
        elif callable(g):
            g = g(flat)
        if isinstance(y, tuple):
            g = _split(g, y)
        elif self.upstream in _upstreams:
            g = _upstreams[self.upstream](g)
        context["g"] = g if error is None else error
        returned = None
        if self.backward is not None:
            before = photograph(live, watched)
            if self.inside:
                with within.watched(live, self.backward.name) as inside:
                    returned = self.backward.call(live, context)
            else:
                returned = self.backward.call(live, context)
        elif self.closure:
            before = photograph(live, watched)
            way_back = next(v for v in reversed(result) if callable(v))
            returned = way_back(g) if self.takes_g else way_back()
        else:
            returned = _without(result, y)
        if isinstance(returned, types.GeneratorType):
            returned = tuple(returned)
        return Outcome(flat, _stacked(returned, live.arguments.values()), before, live, inside)

    def loss_before(self, error, live):
        """y of a function that makes a loss and its gradients, and that raised once it had the loss; None where it had not."""
        from minigen.explain import evidence

        tree = evidence.tree_of_backward(self, live)
        returned, path = evidence.value_returned(tree), str(live.program.path)
        frames = [f for f, _ in traceback.walk_tb(error.__traceback__) if f.f_code.co_filename == path]
        own = [f for f in frames if f.f_code.co_name == getattr(tree, "name", None)]
        if not isinstance(returned, ast.Tuple) or not own:
            return None
        known = []
        for part in returned.elts:
            with contextlib.suppress(Exception):
                code = compile(ast.Expression(part), path, "eval")
                known.append(eval(code, own[0].f_globals, dict(own[0].f_locals)))
        y = self.pick(tuple(known), live)
        return y if is_number(y) and np.ndim(y) == 0 else None

    def pick(self, result, live):
        """y in what forward returned, or kept on its object where it returned nothing."""
        if result is None and live.owner is not None:
            return _kept_output(live.owner, live.program)
        if isinstance(result, tuple | list):
            if self.outputs > 1:
                return tuple(result[: self.outputs])
            numbers = [v for v in result if is_number(v)]
            together = result[0] if isinstance(result, tuple) and len(result) == 2 else None  # (a, b), cache
            if isinstance(together, tuple) and together and all(map(is_number, together)) and not numbers:
                return together
            given = live.arguments.values() if isinstance(result, list) and numbers else ()
            first = any(v is numbers[0] for v in given)
            if self.outputs in PLAYERS:
                losses = [v for v in result if is_number(v) and np.ndim(v) == 0]
                return losses[PLAYERS.index(self.outputs)] if len(losses) == len(result) == 2 else None
            if self.outputs == NUMBER:
                single = [v for v in numbers if np.ndim(v) == 0]
                return single[0] if len(single) == 1 and single[0] is not numbers[0] else None
            if self.outputs == EVERY:
                numbers = numbers[1:] if first else numbers
                return tuple(numbers) if isinstance(result, list) and numbers else None
            if first and len(numbers) == len(result):  # all activations, the input first
                return numbers[-1]
            if self.backward is None:
                numbers = [v for v in numbers if np.ndim(v) == 0] or numbers
            return numbers[0] if numbers else None
        if isinstance(result, dict):
            keys = ("loss", "cost", "out", "output", "y")
            whole = result if self.loss is not None else None  # the loss reads what it needs
            return next((result[k] for k in keys if is_number(result.get(k))), whole)
        if self.loss is None and scenes.is_own(result, live.program):
            # a trace that holds the loss, or the output
            return next((vars(result)[n] for n in _traced if is_number(vars(result).get(n))), None)
        return result


def _cross_entropy(p):
    """(loss, p - t) of probabilities p, in rows or in columns, and targets t that are always the same."""
    t = np.random.default_rng(7).uniform(0.1, 1.0, np.shape(p))
    axis = -1 if np.allclose(np.sum(p, axis=-1), 1) else 0
    t = t / t.sum(axis=axis, keepdims=True)
    return float(-np.sum(t * np.log(p))), p - t


def _binary_cross_entropy(p):
    t = np.random.default_rng(7).uniform(0.1, 0.9, np.shape(p))
    return float(-np.sum(t * np.log(p) + (1 - t) * np.log(1 - p))), p - t


ENTROPIES = {"softmax": _cross_entropy, "sigmoid": _binary_cross_entropy}
_upstreams = {"row": np.atleast_2d, "column": lambda g: np.reshape(g, (-1, 1))}
_reductions = {
    "the mean": np.mean,
    "the sum": np.sum,
    "minus the mean": lambda y: -np.mean(y),
    "minus the sum": lambda y: -np.sum(y),
    "the opposite": lambda y: -y,
}


def _reduced(how, y):
    """One number from y; None where it is a number already, and not asked for with the other sign."""
    if how == PARTS:
        return float(sum(y)) if isinstance(y, tuple) and all(np.ndim(part) == 0 for part in y) else None
    return None if (np.ndim(y) == 0) != (how == "the opposite") else float(_reductions[how](y))


def _kept_output(owner, program):
    """What forward left on its object, or on one of the objects that it has: the loss, or the last output."""
    known = vars(owner)
    name = next((n for n in _output_names if is_number(known.get(n))), None)
    parts = [v for v in known.values() if scenes.is_own(v, program)] if name is None else []
    outputs = [vars(part)[n] for part in parts for n in _output_names if is_number(vars(part).get(n))]
    if outputs:
        return next((y for y in outputs if np.ndim(y) == 0), outputs[-1])
    name = name or next((n for n in reversed(known) if is_number(known[n])), None)
    return None if name is None else known[name]


def is_number(value):
    """A float, or an array of floats."""
    if isinstance(value, float | np.floating):
        return True
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"


def photograph(live, watched=None):
    """{address: (identity, copy)} of every leaf, or of those at the addresses `watched`."""
    if watched is not None:
        there = ((address, scenes.reach(live, address)) for address in watched)
        return {a: (id(found[2]), np.array(found[2])) for a, found in there if found is not None}
    leaves = scenes.leaves(live, live.program).items()
    return {address: (id(value), np.array(value)) for address, (_, _, value) in leaves}


def touched(outcome):
    """{address: (before or None, after)} of the leaves that backward made or changed."""
    found = {}
    for address, (_, _, value) in scenes.leaves(outcome.live, outcome.live.program).items():
        known = outcome.before.get(address)
        if known is None:
            found[address] = (None, np.array(value))
            continue
        other = known[0] != id(value) and isinstance(value, np.ndarray)
        if other or not np.array_equal(known[1], value, equal_nan=True):
            found[address] = (known[1], np.array(value))
    return found


def _fetch(source, live, context):
    kind, *what = source
    if kind == "given":
        return live.arguments[what[0]]
    if kind == "blank":  # a dict to which backward adds gradients
        name, like = what
        live.arguments[name] = {k: np.zeros_like(v) for k, v in live.arguments[like].items()}
        return live.arguments[name]
    if kind == "shape":
        return np.shape(live.arguments[what[0]])
    if kind == "rest":
        result = context["result"]
        rest = result[1:] if isinstance(result, tuple) else result
        return rest[0] if isinstance(rest, tuple) and len(rest) == 1 else rest
    if kind == "out":
        return context["result"][what[0]]
    if kind == "g" and what:
        return context["g"][what[0]]
    if kind == "kept":
        return getattr(live.owner, what[0])
    if kind == "constant":
        return what[0]
    if kind == "moved":  # another value, to see whether it is used
        value = _fetch(what[0], live, context)
        return 1.3 * value + 0.1 if is_number(value) else value
    return context[kind]  # "g", "y", "result"


def _stacked(returned, given):
    """What backward returned, with a list of arrays as one array where that has the shape of an argument, as the gradients at
    the steps of a sequence; not where an argument is such a list itself.
    """
    if type(returned) is tuple:
        return tuple(_stacked(part, given) if type(part) is list else part for part in returned)
    if type(returned) is not list or len(returned) < 2:
        return returned
    one = np.shape(returned[0]) if isinstance(returned[0], np.ndarray) else None
    if one is None or any(not isinstance(v, np.ndarray) or v.shape != one for v in returned):
        return returned
    lists = any(isinstance(v, list | tuple) and len(v) == len(returned) for v in given)
    whole = (len(returned), *one)
    return np.stack(returned) if not lists and any(np.shape(v) == whole for v in given) else returned


def _flat(y):
    return np.concatenate([np.ravel(part) for part in y])


def _split(g, y):
    ends = np.cumsum([np.size(part) for part in y])[:-1]
    return [part.reshape(np.shape(like)) for part, like in zip(np.split(g, ends), y, strict=True)]


def _without(result, y):
    """What forward returned beside the loss, with the loss's place kept so that positions stay."""
    if isinstance(result, tuple | list):
        return tuple(None if v is y else v for v in result)
    return None if result is y else result
