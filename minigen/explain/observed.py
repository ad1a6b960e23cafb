"""Pairs that no name tells: what the file's own code calls, and what it hands from one call to the next.

The code under `if __name__ == "__main__":` is run for a moment, as in shown.py, and the first call of every function is
kept: its arguments and its result. A function B may be the backward of a forward F, with or without a loss L between
them, where the values that B is given are those that F was given or gave. Which of these readings is one is decided by
running it: a gradient that comes out right is no accident.

A function that changes parameters may be a step down a loss which it makes itself, or which is another function of the
same data: see within.py for where its gradients are read.
"""

import ast
import contextlib
import itertools
import re
import time
import traceback
import types
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from minigen.explain import load, pairs, propose, shown
from minigen.explain import scene as scenes
from minigen.explain.reading import FILE, Reading, Step, is_number
from minigen.explain.source import holds_pass, is_pass, walk

SECONDS = 2.0  # of computing, for the code under __main__
MOST = 600  # readings that are tried in one file
TRIED = 6.0  # seconds of computing, for all of them
A_TRAINING = 3000  # calls within one call: a function that takes many steps
_goes_up = re.compile(
    r"^(?!.*(neg|nll|loss|cost)).*(prob|likelihood|densit|evidence|elbo|log_?(p|lik))", re.I
)
_MEANS, _LESS = ("the mean", "the sum"), ("minus the mean", "minus the sum")
_forward_too = re.compile(r"loss|cost|objective|nll|elbo|forward|fwd", re.I)
_nothing = object()


@dataclass
class Call:
    """The first call of a function: the object whose method it is, what it was given, the scene before it, and its result."""

    name: str
    kind: object
    owner: object
    given: dict
    scene: object
    result: object = _nothing
    begun: int = 0  # how many calls the file had made before it
    inner: int = 0  # and how many within it
    code: object = None  # that of the function


def found(program):
    """[Found] of the readings, among the calls that the file makes, under which a gradient is right; the best first."""
    calls, error = _calls(program)
    stops = _where_it_stops(program, calls, error)
    calls = [c for c in calls if c.result is not _nothing and c.inner < A_TRAINING]
    calls = [
        c for c in calls if not pairs.makes_room(_tree(program, c)) and not holds_pass(_tree(program, c))
    ]
    best, begun = {}, time.process_time()
    for readings, share in ((_readings(program, calls), 0.6), (_steps(program, calls), 1.0)):
        for place, reading in itertools.islice(readings, MOST):
            if time.process_time() > begun + share * TRIED:
                break
            known = best.get(reading.title)
            if known is not None and not known.wrong:
                continue
            for one in _attempts(place, reading):
                if _is_one(one, program.subtracted) and (known is None or one.worth > known.worth):
                    known = best[reading.title] = one
    names = pairs.names_of_code(program)
    well = [f for f in best.values() if not f.wrong and f.right > 1]
    whole = {pairs._key(f, f.reading.backward or f.reading.forward) for f in well}
    # what also clips, or takes another step, is not asked for the gradients that its own function gives
    best = [f for f in best.values() if not f.wrong or not whole & pairs.entered(f, names)]
    for one in best:
        _shrink(one)
    if stops is not None and stops.reading.title not in (f.reading.title for f in best):
        best.append(stops)
    program.unlike = _unlike(best, calls)
    graph = pairs.call_graph(program)
    return sorted(best, key=lambda f: (f.worth, _is_its_own(f, graph)), reverse=True)


def _where_it_stops(program, calls, error):
    """The Found of a function that makes a loss, and whose way back raises as the file itself calls it; None where none does."""
    path = str(program.path)
    frames = [f for f, _ in traceback.walk_tb(error.__traceback__)] if isinstance(error, Exception) else []
    codes = [f.f_code for f in frames if f.f_code.co_filename == path]
    for front, back in itertools.pairwise([None, *codes]):
        if not pairs.goes_back(back.co_name):
            continue
        own = _forward_too.search(back.co_name)  # loss_and_grads
        call = next((c for c in calls if c.code is (back if own else front)), None)
        if call is None or holds_pass(_tree(program, call)):
            return None
        place, reading = _place(program, call, {}), Reading(_key(call), _first(call))
        scene = place.build(0)
        try:
            pairs.attempt(place, reading, scene)
        except Exception as again:
            if type(again) is type(error):
                found = pairs._broken(place, reading, scene, again)
                return found if found.matches else None
        return None
    return None


def _unlike(best, calls):
    """{function: sentence} of those that are given and return the same as another one whose second value is a gradient, and
    whose own is none: the one may be wrong, or something else.
    """
    known, said = {_key(call): call for call in calls}, {}
    for f in (f for f in best if f.reading.backward is None and len(f.matches) == 1 and f.right):
        (match,), like = f.matches, known.get(f.reading.title)
        alone = len(match.value) == 1 and match.value[0][0] == "arg" and len(match.source.address) == 2
        place = match.source.address[-1][1]
        if like is None or not alone or match.source.kind != "returned" or not isinstance(like.result, tuple):
            continue
        name = match.value[0][1]
        for key, call in known.items():
            same = call.given.keys() == like.given.keys() and isinstance(call.result, tuple)
            same = same and [*map(np.ndim, call.result)] == [*map(np.ndim, like.result)]
            if (
                same
                and np.shape(call.result[place]) == np.shape(call.given[name])
                and key not in (g.reading.title for g in best)
            ):
                said[key] = (
                    f"{key} was not judged: {f.reading.title} returns the gradient at {name} as value {place + 1}; what {key} returns there "
                    "is none: it is wrong, or meant to be something else"
                )
    return said


def _is_its_own(found, graph):
    """Whether the loss of a step is the one that the step itself computes, or has its name: disc_loss of disc_step."""
    forward, backward = found.reading.forward, found.reading.backward
    if backward is None:
        return True, True
    called = graph.get(pairs._key(found, backward), ())
    own = pairs._key(found, forward) in called
    return own, pairs._of_what(forward.name) == pairs._of_what(backward.name)


def _attempts(place, reading):
    """The Found of a reading, and what it is where a step that backward takes is looked into, if nothing is right."""
    for inside in (reading.inside, True):
        with contextlib.suppress(Exception):
            one = pairs.attempt(place, replace(reading, inside=inside), place.build(0), seconds=1.0)
            if one is not None:
                yield one
            if inside or one is not None and one.right and not one.wrong or one is None and reading.takes_g:
                return


def _shrink(found):
    """Make the sizes of a Found smaller, as far as all of it runs, nothing is lost, and what is right stays right."""
    place, values = found.place, {m.value for m in found.matches}
    for small in (*shown.SMALL, ((), 0)):
        place.shrink(small)
        with contextlib.suppress(Exception):
            again = pairs.attempt(place, found.reading, place.build(0))
            same = again is not None and values <= {m.value for m in again.matches}
            if same and again.wrong <= found.wrong and shown.runs_everywhere(found):
                return


def _is_one(found, taken):
    """Whether a reading is one: its gradients are right, or the file takes a step with what is given, or names tell it."""
    reading, back = found.reading, found.reading.backward
    down = reading.inside and reading.reduce in ("", *_MEANS)
    if down and found.wrong and _goes_up.search(reading.forward.name):
        return False  # nobody goes down a likelihood
    if found.right >= max(found.wrong, 1):
        return True
    if not found.right and pairs.is_given_a_record(found.place, reading, found.place.build(0)):
        return False
    if found.open or np.ndim(found.y) or found.missed or not all(m.shaped for m in found.matches):
        return False
    if reading.inside:
        return _is_a_step(found)
    if not _shares(found) or back is not None and not back.bound and found.place.kind is None:
        return False  # what is given nothing makes the weights, or room for gradients
    named = all(m.named for m in found.matches)
    if back is None:
        return named and len(found.matches) > 1 and all(m.source.kind == "returned" for m in found.matches)
    if found.right and named:
        return True
    # where one of them goes back by its name, others make what it is given
    return back.name in taken and (pairs.goes_back(back.name) or not any(map(pairs.goes_back, taken)))


def _without_keys(address):
    """An address of which only the attributes are told, without numbers: points["a"].v is points["b"].v."""
    return tuple((way, "" if way == "key" else key) for way, key in scenes.pattern(address)[0])


def _is_a_step(found):
    """Whether a step of which most is wrong is one down this loss: something that is wrong stands beside something right,
    as W1 beside W2 (those of another player would all be wrong); or, where nothing is right, the loss is made within it, or
    of nothing but what it is given.
    """
    if found.right:
        beside = {_without_keys(m.value) for m in found.matches if m.right}
        return any(not m.right and _without_keys(m.value) in beside for m in found.matches)
    if any(m.source.kind == "returned" for m in found.matches):
        return False
    reading = found.reading
    forward, backward = reading.forward, reading.backward
    usual = ("", "the mean", "minus the mean")
    if len(found.matches) < 2 or reading.reduce not in usual or not all(m.named for m in found.matches):
        return False
    if backward is None and not pairs.names_its_loss(found.place, reading):
        return False  # it may be a score
    factors = [m.factor for m in found.matches]
    if None not in factors and factors[0] > 0 and np.ptp(factors) <= 1e-4 * factors[0]:
        return False  # the step may have another size
    if backward is not None:
        of_loss, of_step = ({source for _, source in step.bound} for step in (forward, backward))
        if not of_loss or not of_loss <= of_step or not _is_named_loss(forward.name):
            return False
        if _reads_what_others_leave(found):
            return False
    elif not _knows_its_loss_first(found):
        return False
    if not found.takes_a_step:
        return True
    program = found.place.program
    called = pairs.closure(pairs.call_graph(program), [pairs._key(found, backward or forward)])
    names = {name.rpartition(".")[2] for name in called}
    functions = (n for n in walk(program.tree) if isinstance(n, ast.FunctionDef))
    return any(n.name in names and takes_a_plain_step(n) for n in functions)


def _reads_what_others_leave(found):
    """Whether a loss reads what another function has stored, such as the output of forward: then it is no loss of what it is
    given alone.
    """
    program, reading = found.place.program, found.reading
    own = {reading.forward.name, reading.backward.name, "__init__"}
    parameters = {key for m in found.matches for _, key in m.value}
    stored, read = set(), set()
    for tree in (n for n in walk(program.tree) if isinstance(n, ast.FunctionDef)):
        shared = {name for n in walk(tree) if isinstance(n, ast.Global) for name in n.names}
        named = [n for n in walk(tree) if isinstance(n, ast.Name)]
        own_names = {a.arg for a in tree.args.args} | {n.id for n in named if isinstance(n.ctx, ast.Store)}
        attributes = [n for n in walk(tree) if isinstance(n, ast.Attribute)]
        if tree.name == reading.forward.name:
            read |= {n.attr for n in attributes if isinstance(n.ctx, ast.Load)}
            read |= {n.id for n in named if n.id not in own_names}
        elif tree.name not in own:
            stored |= {n.attr for n in attributes if isinstance(n.ctx, ast.Store)} | shared
    return bool((read & stored) - parameters)


def _knows_its_loss_first(found):
    """Whether a step makes its loss before it changes anything: with a larger step only the changes are larger."""
    scene, reading = found.place.build(0), found.reading
    of = [m.value for m in found.matches]

    def run(address=None):
        live = scene.live()
        if address is not None:
            container, key, value = scenes.reach(live, address)
            scenes.put(container, key, value, 1.5 * value)
        begin = {a: np.array(scenes.reach(live, a)[2]) for a in of}
        y = reading.run(live, back=False).y
        return y, {a: scenes.reach(live, a)[2] - begin[a] for a in of}

    leaves = scenes.leaves(scene.live(), scene.program).items()
    with contextlib.suppress(Exception), load.quiet(), np.errstate(all="ignore"):
        y, changes = run()
        for address in [a for a, (_, _, v) in leaves if np.ndim(v) == 0 and 0 < v < 1]:
            again, larger = run(address)
            times = [float(np.sum(larger[a] * d) / np.sum(d * d)) for a, d in changes.items() if np.any(d)]
            named = str(address[-1][1]).lower() in pairs.evidence.steps
            if times and (named or 1.25 < min(times) and max(times) < 1.75):  # it is the step, or near to it
                return again == y and np.ptp(times) < 1e-6
    return True


def takes_a_plain_step(tree):
    """Whether a function keeps or returns something less a product, and takes no root: self.w - rate * d."""
    if any(getattr(n, "attr", "") in ("sqrt", "clip") for n in walk(tree)):
        return False
    for n in walk(tree):
        value, kept, taken = getattr(n, "value", None), isinstance(n, ast.Return), []
        if isinstance(n, ast.Assign | ast.AugAssign):
            targets = getattr(n, "targets", None) or [n.target]
            in_place = isinstance(n, ast.AugAssign) and isinstance(n.op, ast.Sub)
            kept = in_place or any(isinstance(t, ast.Attribute | ast.Subscript) for t in targets)
            taken = [value] if in_place else []
        inside = walk(value) if kept and value is not None else ()
        taken += [m.right for m in inside if isinstance(m, ast.BinOp) and isinstance(m.op, ast.Sub)]
        if any(isinstance(t, ast.BinOp) and isinstance(t.op, ast.Mult | ast.MatMult) for t in taken):
            return True
    return False


def _shares(found):
    """Whether backward is given data that forward was given or gave, or nothing at all."""
    reading, given = found.reading, found.place.scene.arguments
    plain = {p for p, _ in reading.forward.bound if _is_plain(given.get(p))}
    drawing = {p for p, _ in reading.forward.bound if isinstance(given.get(p), np.random.Generator)}
    first = {p for p, _ in reading.forward.bound} - plain - drawing
    sources = [source for _, source in reading.backward.bound] if reading.backward else []
    return not sources or any(source[0] != "given" or source[1] in first for source in sources)


def _calls(program):
    """The first Call of every function and method of the file, in the order of the run, and what the run raised."""
    plain = program.functions() | pairs._lambdas(program)
    own = sorted(plain, key=lambda n: n == plain[n].__name__)  # rather than f of: for f in (huber, mse)
    names = {plain[n].__code__: (n, None) for n in own if not is_pass(n)}
    for kind in program.classes().values():
        for base in kind.__mro__:
            for name, value in vars(base).items():
                if isinstance(value, types.FunctionType) and program.owns(base.__module__):
                    names.setdefault(value.__code__, (name, kind))
    functions = program.functions()
    makers = {functions[n].__code__: k for n, k in program.makers.items() if n in functions}
    inner = {c: k for code, k in makers.items() for c in code.co_consts if isinstance(c, types.CodeType)}
    names |= {c: (c.co_name, k) for c, k in inner.items() if c.co_name in vars(k)}
    counted = itertools.count()
    made, open_, owners = {}, {}, {}  # owners: an object for each function that made others
    known = shown.names_known(program)

    def watch(frame, event, returned):
        code = frame.f_code
        if event == "return" and id(frame) in open_:
            call = open_.pop(id(frame))
            call.result, call.inner = returned, next(counted) - call.begun
        if event == "call" and code in names:
            next(counted)
        if event != "call" or code in made or code not in names:
            return
        name, kind = names[code]
        given = shown.arguments_of(frame)
        with contextlib.suppress(Exception):
            if code in makers:
                owners[makers[code]] = makers[code](**given)
            if code in inner:
                owner = owners[kind]
            else:
                owner = given.pop(next(iter(given))) if kind is not None and given else None
            of = type(owner) if kind is not None else None
            call = Call(name, of, owner, given, None, begun=next(counted), code=code)
            call.scene = scenes.Scene(program, dict(given), owner, only=known)
            made[code] = open_[id(frame)] = call

    error = shown.run(program, watch, SECONDS)
    return list(made.values()), error


def _readings(program, calls):
    """(place, Reading) of the ways in which the calls may belong together."""
    calls, graph = [call for call in calls if call.name != "__init__"], pairs.call_graph(program)

    def calls_other(front, back):
        return _key(back) in pairs.closure(graph, graph.get(_key(front), ()))

    for front in calls:
        yield _place(program, front, {}), Reading(_key(front), _first(front))  # loss and gradients at once
    backs = [call for call in calls if pairs.computes(_tree(program, call))]
    for back, front in itertools.product(backs, calls):
        of = _object_of(front, back)
        if front is back or of is None or calls_other(front, back):
            continue
        if pairs.are_of_two_players(pairs.names_returned(_place(program, front, {}), front.name)):
            continue  # each is judged by its own loss
        losses = [c for c in calls if c not in (front, back) and (c.owner is front.owner or c.kind is None)]
        for loss in [None, *losses]:
            one = _reading(program, front, loss, back, of)
            if one is not None:
                yield one


def _tree(program, call):
    function = _place(program, call, {}).functions().get(call.name)
    return program.tree_of(function)


def _steps(program, calls):
    """(place, Reading) of the calls that may be steps down a loss."""
    calls, graph = [call for call in calls if call.name != "__init__"], pairs.call_graph(program)
    for step in calls:
        place, tree = _place(program, step, {}), _tree(program, step)
        if tree is None or pairs.goes_round(tree):
            continue
        yield from ((place, one) for one in pairs.steps_of(place, _key(step), _first(step)))
        for loss in calls:
            within = _key(step) in pairs.closure(graph, graph.get(_key(loss), ()))
            if loss is not step and not within and _may_be_loss(loss):
                yield from _down(program, step, loss)


def _may_be_loss(call):
    """Whether a function gives a number, or one for each example and is named after a loss or a likelihood."""
    if not is_number(call.result) or np.ndim(call.result) > 1:
        return False
    return np.ndim(call.result) == 0 or _is_named_loss(call.name)


def _is_named_loss(name):
    return bool(pairs._cost.search(name) or _goes_up.search(name))


def _down(program, step, loss):
    """(place, Reading) of a step that may be one down a loss which is a function of its own, or up a likelihood."""
    more, bound = {}, []
    of = FILE if loss.kind is None and step.kind is not None else _object_of(step, loss)
    if of is None:
        return
    for name, value in loss.given.items():
        source = _of_a_batch(step, name, value)
        if source is None:
            more[name], source = value, ("given", name)
        bound.append((name, source))
    if not any(source[0] == "given" and source[1] in step.given for _, source in bound) and loss.given:
        return
    one = np.ndim(loss.result) == 0
    ways = ("",) if one else _MEANS
    if _goes_up.search(loss.name):
        ways += ("the opposite",) if one else _LESS
    for reduce in ways:
        title = f"{_key(loss)} / {step.name}"
        forward, backward = Step(loss.name, tuple(bound), of), Step(step.name, _first(step).bound)
        reading = Reading(title, forward, backward, inside=True, reduce=reduce)
        yield _place(program, step, _as_given(more, loss)), reading


def _of_a_batch(step, name, value):
    """Which argument of a step a loss is given, if it is asked for the loss of what the step is given: it may have been
    given all examples, of which the step has a few.
    """
    given = step.given
    for n, v in given.items():
        if v is value and not _is_plain(value):
            return ("given", n)
    if name in given and _alike(given[name], value):
        return ("given", name)
    few = [n for n, v in given.items() if not _is_plain(v) and _alike(v, value) and _is_part(v, value)]
    return ("given", few[0]) if len(few) == 1 else None


def _alike(one, other):
    """Whether two values are of one kind: arrays whose examples have one shape, numbers, lists."""
    if not isinstance(one, np.ndarray) or not isinstance(other, np.ndarray):
        return type(one) is type(other)
    same = one.ndim == other.ndim and one.dtype.kind == other.dtype.kind
    return same and one.shape[1:] == other.shape[1:]


def _is_part(few, whole):
    """Whether all that a list holds is in another one; the rows of an array are not looked for."""
    if not isinstance(few, list | tuple):
        return isinstance(few, np.ndarray)
    known = {id(v) for v in whole}
    return bool(few) and all(id(v) in known for v in few)


def _object_of(front, back):
    """ "" where a call is one of the same object as forward's, the argument whose method it is, or None."""
    if back.owner is front.owner:
        return ""
    return next((n for n, v in front.given.items() if v is back.owner), None)


def _reading(program, front, loss, back, of):
    """(place, Reading), or None where the values do not belong together."""
    more, of_loss = {}, ()
    outputs = {n: _source(front, back, n, v) for n, v in back.given.items() if isinstance(v, float)}
    if loss is not None:
        of_loss = _bound(front, loss, more, outputs=outputs)
        # what forward kept on its object
        reads = front.kind is not None and loss.owner is front.owner
        if of_loss is None or not reads and not any(s[0] in ("y", "result", "out") for _, s in of_loss):
            return None
    result = (loss or front).result
    parts = result if isinstance(result, tuple) else (result,)
    scalar = any(isinstance(v, float | np.floating) or is_number(v) and np.ndim(v) == 0 for v in parts)
    of_back = _bound(front, back, more, takes_g=not scalar)
    takes_g = of_back is not None and any(source == ("g",) for _, source in of_back)
    if of_back is None or not scalar and not takes_g:
        return None
    title = f"{_key(front)} / {back.name}"
    beside = FILE if loss is not None and loss.kind is None and front.kind is not None else ""
    step = Step(loss.name, of_loss, beside) if loss is not None else None
    reading = Reading(title, _first(front), Step(back.name, of_back, of), step, takes_g=takes_g)
    return _place(program, front, _as_given(more, loss, back)), reading


def _as_given(more, *calls):
    """What is in `more` as it was when it was given to these calls: later ones may have changed it."""
    for call in calls:
        if call is not None and more.keys() & call.given.keys():
            more |= {n: v for n, v in call.scene.live().arguments.items() if n in more}
    return more


def _key(call):
    return call.name if call.kind is None else f"{call.kind.__name__}.{call.name}"


def _first(front):
    return Step(front.name, tuple((n, ("given", n)) for n in front.given))


def _place(program, front, more):
    kind = front.kind
    title = kind.__name__ if kind else program.path.stem
    return shown.ShownPlace(propose.Proposal(program, kind, title, front.name, [], []), front.scene, more)


def _bound(front, call, more, takes_g=False, outputs=MappingProxyType({})):
    """Where each argument of a call comes from, given the first call of forward; what comes from elsewhere goes into
    `more`. None where an argument was made by another call, and can be no upstream gradient. `outputs`: where numbers
    come from that another call is given, by name.
    """
    bound = []
    for name, value in call.given.items():
        source = _source(front, call, name, value) or outputs.get(name)
        if source is None:
            y = front.result[0] if isinstance(front.result, tuple) and front.result else front.result
            if takes_g and is_number(value) and is_number(y) and np.shape(value) == np.shape(y) != ():
                source, takes_g = ("g",), False
            elif name in front.given:
                kept = front.given[name]
                if type(kept) is not type(value) or _size(kept) != _size(value):
                    return None
                source = ("given", name)  # as a parameter is another array after a step
            elif name in more and more[name] is not value:
                return None
            else:
                more[name], source = value, ("given", name)
        bound.append((name, source))
    return tuple(bound)


def _source(front, call, name, value):
    """What a value is in a call of forward: an argument, its result, a part of it, or an attribute; None if neither."""
    if isinstance(value, float):  # unlike other numbers it is made anew each time
        parts = front.result if isinstance(front.result, tuple) else ()
        found = [("y",)] if value is front.result else [("out", i) for i, v in enumerate(parts) if v is value]
        if found:
            return found[0]
    if _is_plain(value):
        same = _is_plain(front.given.get(name, ())) and value == front.given[name]
        return ("given", name) if same else None
    for n, v in front.given.items():
        if v is value:
            return ("given", n)
    if value is front.result:
        return ("result",) if not is_number(value) else ("y",)
    for i, v in enumerate(front.result) if isinstance(front.result, tuple) else ():
        if v is value:
            return ("out", i)
    kept = vars(call.owner) if call.owner is not None else {}
    return next((("kept", n) for n, v in kept.items() if v is value), None)


def _size(value):
    """The shape of an array, how many a list has, None for others."""
    if isinstance(value, np.ndarray):
        return value.shape
    return len(value) if isinstance(value, list | tuple | dict) else None


def _is_plain(value):
    """Whether a value has no identity of its own: a number, a text, None."""
    return value is None or isinstance(value, int | float | str | bool | np.generic)
