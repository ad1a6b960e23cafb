"""From a Program to the readings of its pairs, or to the sentence that says what is missing."""

import ast
import contextlib
import functools
import inspect
import itertools
import re
import types
from dataclasses import replace

import numpy as np

from minigen.explain import arrays, evidence, hints, load, observed, pairs, process, propose, running, shown
from minigen.explain import scene as scenes
from minigen.explain.naming import cache_named, is_gradient_name
from minigen.explain.reading import ENTROPIES, Assumed
from minigen.explain.scene import Scene, in_double
from minigen.explain.source import (
    called_names,
    counting_loops,
    is_pass,
    is_taken_away,
    name_of,
    names_in,
    walk,
)


class NotFound(Exception):
    """No forward with its backward could be called; the text says why and what to do next."""


class Misfit(NotFound):
    """The values that inputs(rng) gives are no arguments of any function."""


_drives = re.compile(
    r"descen[dt]|train|fit|sgd|optimi[sz]|learn|ada(grad|m|delta)|rmsprop|momentum|apply_|update", re.I
)


def find(program, shapes=None, seconds=8.0):
    """[Found] of the outermost pairs in a Program; its functions may take arrays of a library of its own."""
    for library in ["", *program.libraries]:
        program.library = library
        found = _find(program, shapes, seconds)
        if found:
            break
    for begin in _beginnings(program) if not found and "inputs" not in program.names else ():
        try:
            with load.quiet(), load.refusing(program), load.limited(2):
                begin()
        except Exception:
            continue
        trial = _find(program, shapes, seconds)
        if any(f.right for f in trial):  # what fits the sizes chosen; else they may be to blame
            return trial
    return found


def _beginnings(program):
    """Calls of the functions that put parameters into a dict or list of the file, with widths or channels by trying."""
    held = {name for name, value in program.names.items() if isinstance(value, dict | list)}
    for name, function in program.functions().items():
        parts = (n for n in walk(program.tree_of(function)) if isinstance(n, ast.Subscript))
        stored = {name_of(n.value) for n in parts if isinstance(n.ctx, ast.Store)}
        asked = _parameters(function) or []
        if not re.match(r"(init|create|make|build|setup|reset)", name, re.I) or not stored & held:
            continue
        sizes = propose.Sizes()
        for widths in ([sizes.channels, sizes.channels_out, 4], sizes.widths):
            if len(asked) <= len(widths):
                yield functools.partial(_begin, function, widths[: len(asked)])


def _begin(function, widths):
    np.random.seed(0)  # noqa: NPY002
    function(*widths)


def _find(program, shapes, seconds):
    program.assumes, begun = False, Scene(program, {})
    found = _tried(program, shapes, seconds)
    whole = found and all(f.right for f in found) and not not_judged(program, found)
    if not shapes and (not whole or _takes_steps_unseen(program, found)):
        known = {f.reading.title for f in found if f.right and not f.wrong}
        begun.live()  # the globals are those of the file again
        seen = [f for f in observed.found(program) if f.reading.title not in known]
        found = [f for f in found if f.right or f.raised and not seen or not f.raised] + seen
    open_ = not found or any(f.raised for f in found) or not_judged(program, found)
    if not shapes and open_ and _takes_labels(program):
        program.assumes = True  # the file has no loss for it, or none that its code calls
        begun.live()
        tried = _tried(program, shapes, seconds)
        assumed = [f for f in tried if isinstance(f.reading.loss, Assumed) and f.right]
        told = {f.reading.title for f in assumed}
        found = [f for f in found if f.right or f.reading.title not in told] + assumed
    # with sizes by trying less may be wrong only since less is compared: what the file itself shows goes first
    found.sort(key=lambda f: (f.worth[:2], not _by_trying(f), f.worth), reverse=True)
    kept = pairs.covered(program, _without_optimizers(program, [f for f in found if not f.raised]))
    kept += _of_layers_left_out(kept, found)
    reached = pairs.reached(program, kept)
    return kept + _broken([f for f in found if f.raised], reached)


def _of_layers_left_out(kept, found):
    """The pairs of the layers within those that are `kept` of which an array has no gradient there."""
    left_out = set()
    for f in kept:
        with load.quiet(), contextlib.suppress(Exception), np.errstate(all="ignore"):
            scene = f.place.build(0)
            holders = {a: holder for a, (holder, *_) in scenes.leaves(scene.live(), scene.program).items()}
            left_out |= {type(holders[a]) for a in evidence.silent(f.reading, scene, f.matches)}
    left_out -= {f.place.kind for f in kept}
    return [f for f in found if f.place.kind in left_out and f not in kept and not f.raised]


def _takes_steps_unseen(program, found):
    """Whether a function that nothing in `found` runs subtracts a product from what it is given or keeps, and gets no
    gradient from others.
    """
    known = pairs.closure(pairs.call_graph(program), pairs.reached(program, found))
    backs = {step.name for f in found for step in (f.reading.forward, f.reading.backward) if step}
    for name, function in _all_functions(program).items():
        tree = program.tree_of(function)
        if name in known or not isinstance(tree, ast.FunctionDef):
            continue
        given = any(is_gradient_name(p) for p in inspect.signature(function).parameters)
        if not given and not called_names(tree) & backs and observed.takes_a_plain_step(tree):
            return True
    return False


def _takes_labels(program):
    """Whether a function that goes back is given labels, or subtracts what it is given: then it may make the error itself."""
    for name, function in _all_functions(program).items():
        if pairs.goes_back(name.rpartition(".")[2]):
            tree, asked = program.tree_of(function), [*inspect.signature(function).parameters]
            targets = (hints.targets(tree, {n}) & {*asked} or hints.is_compared(tree, n) for n in asked)
            if any(map(pairs.may_be_labels.match, asked)) or any(targets):
                return True
    return False


def _without_optimizers(program, found):
    """Without the steps of which no change is that of a gradient, and that run a pair which is right: such as Adam's."""
    names = pairs.names_of_code(program)
    keys = {f: pairs._key(f, f.reading.backward or f.reading.forward) for f in found if f.right}
    inner, plain = set(keys.values()), {key for f, key in keys.items() if f.takes_a_step}

    def takes_another_step(f):
        changes = not f.right and all(m.source.kind == "changed" for m in f.matches)
        # its state goes on, and no weight
        alone = f.reading.backward is None and "forward" in f.reading.forward.name
        if not changes or f.reading.inside:
            return False
        # where one of those that it runs takes a plain step, once, it takes no other
        ran = pairs.entered(f, names)
        return alone or bool(inner & ran) and (not plain & ran or pairs.steps_twice(f, names))

    return [f for f in found if not takes_another_step(f)]


def _broken(found, reached):
    """Of the backwards that raise, those that nothing else runs; one for each line that raises."""
    kept = {}
    for f in found:
        if pairs._key(f, f.reading.backward) not in reached:
            kept.setdefault(f.raised_in, f)
    return list(kept.values())


def not_judged(program, found):
    """{function: those that it calls}, of the functions that give gradients, by their names or their text, and that nothing in
    `found` runs: the outermost, and which others they hide.
    """
    graph = pairs.call_graph(program)
    ran = pairs.reached(program, [f for f in found if not f.raised])
    ran |= {pairs._key(f, step) for f in found for step in (f.reading.forward, f.reading.backward) if step}
    known = pairs.closure(graph, [name for name in ran if name])
    # a method's name stands for every class that has it: of those, only what ran is known
    methods = {name.rpartition(".")[2] for name in ran if name and "." in name}
    known -= {name for name in known - ran if "." in name and name.rpartition(".")[2] in methods}
    names, open_, every = pairs.names_of_code(program), [], _all_functions(program)
    # what one layer calls its backward, others do too
    backs = {f.reading.backward.name for f in found if f.reading.backward}
    for name, function in every.items():
        kind, _, last = name.rpartition(".")
        functions = {n.rpartition(".")[2]: f for n, f in every.items() if n.rpartition(".")[0] == kind}
        tree = program.tree_of(function)
        steps = _takes_a_step_of_its_own(tree)
        chains = _chains(tree, backs)
        skipped = pairs._skip.match(last) and not steps and not (chains and re.match("step|update", last))
        made = {names.get(code) for code in function.__code__.co_consts if isinstance(code, types.CodeType)}
        if name in known or made & known or skipped or pairs.is_second(last, functions):
            continue
        if hints.takes_differences(tree):
            continue
        if not pairs.computes(tree) or _looks_up(tree) or pairs.makes_room(tree):
            continue
        if not pairs.goes_back(last, functions) and _only_steps(tree):
            continue
        single = "." not in name and propose._may_be_single(program, function) and not _trains(tree, known)
        asked = {p.lower() for p in inspect.signature(function).parameters}
        drives = _drives.search(last) and (_trains(tree, known) or asked & set(evidence.steps))
        alike = "." in name and last in backs or chains
        gives = _gives_gradients(tree)
        if (pairs.goes_back(last, functions) or single or steps or alike or gives) and not drives:
            open_.append(name)
    inside = {name: pairs.closure(graph, graph.get(name, ())) - {name} for name in open_}
    inner = set().union(*inside.values())
    return {name: [n for n in open_ if n in inside[name]] for name in open_ if name not in inner}


def _looks_up(tree):
    """Whether a function reads the gradient whose name it is given: getattr(self, "d" + name)."""
    calls = [n for n in walk(tree) if isinstance(n, ast.Call) and name_of(n.func) == "getattr"]
    asked = {a.arg for a in tree.args.args}
    return any(asked & names_in(n.args[1]) for n in calls if len(n.args) > 1)


def _only_steps(tree):
    """Whether a function takes steps with the gradients that it is given, and makes none: sgd(params, grads)."""
    given = any(is_gradient_name(a.arg) for a in tree.args.args)
    nodes = list(walk(tree))
    products = ("dot", "matmul", "outer", "einsum", "tensordot")
    made = any(isinstance(n, ast.MatMult) or getattr(n, "attr", "") in products for n in nodes)
    return given and not made and not any(isinstance(n, ast.Return) and n.value for n in nodes)


def _gives_gradients(tree):
    """Whether a function returns a loss and beside it what is named a gradient: return cost, grad_w."""
    returned = [n.value for n in walk(tree) if isinstance(n, ast.Return) and isinstance(n.value, ast.Tuple)]
    rows = [list(map(name_of, value.elts)) for value in returned]
    return any(any(map(evidence._strict.search, row)) and any(map(pairs._cost.search, row)) for row in rows)


def _all_functions(program):
    """{name or Class.method: function}."""
    found = dict(program.functions())
    for name, kind in program.classes().items():
        for method, value in vars(kind).items():
            value = getattr(value, "__func__", value)
            if isinstance(value, types.FunctionType):
                found[f"{name}.{method}"] = value
    return found


def _takes_a_step_of_its_own(tree):
    """Whether a function subtracts a product of arrays that it makes itself: self.w -= rate * x.T @ d."""
    steps = [n.value for n in walk(tree) if is_taken_away(n)]
    return any(isinstance(n, ast.MatMult) for step in steps for n in walk(step))


def _chains(tree, backs):
    """Whether a function calls one layer's backward after another's: the gradient that it begins with is its own."""
    methods = (getattr(getattr(n, "func", None), "attr", "") for n in walk(tree))
    return sum(method in backs for method in methods) > 1


def _trains(tree, known):
    """Whether a function takes steps in a loop with gradients that functions which are `known` give."""
    names = {n.rpartition(".")[2] for n in known}
    return any(called_names(loop) & names for loop in counting_loops(tree))


def _tried(program, shapes, seconds):
    """[Found] with the inputs that the file says, that its code under __main__ shows, and with sizes by trying; each for
    what those before do not reach.
    """
    found = []

    def tried(places, seconds):
        return [f for place in places for f in pairs.try_all(place, seconds=seconds)]

    def known():
        # loops are called as the file calls them: no sizes are tried for them
        passes = {f.reading.forward.name for f in found if is_pass(f.reading.forward.name)}
        return pairs.reached(program, [f for f in found if f.right]) | passes

    given, misfit = program.names.get("inputs"), None
    says = callable(given) and getattr(given, "__module__", "") == program.module.__name__
    if says:
        try:
            found += tried(with_inputs(program, given), seconds)
        except Misfit as error:
            says, misfit = False, error
    if not shapes:
        for place in shown.places(program, known()):
            found += _at_its_sizes(place, lambda place: tried([place], seconds))
    if not says:
        found += tried(propose.places(program, shapes or {}, seconds, known()), seconds)
    elif found:
        places = propose.places(program, shapes or {}, 1.5, pairs.reached(program, found))
        found += [f for f in tried(places, 1.0) if f.right]
    if misfit is not None and not any(f.right for f in found):
        raise misfit
    told = {f.reading.title for f in found if not _by_trying(f)}
    return [f for f in found if not _by_trying(f) or f.reading.title not in told]


def _at_its_sizes(place, tried):
    """What is found with the smallest sizes, or with larger ones where only those do for the rest of the file."""
    found = tried(place)
    if place.smaller and not any(map(shown.runs_everywhere, found)):
        larger = tried(place.with_sizes(shown.SMALL[1]))
        return larger if any(map(shown.runs_everywhere, larger)) else found
    return found


def _by_trying(found):
    """Whether its inputs were chosen by trying: what is right at those may be wrong at what the file itself shows."""
    return isinstance(found.place, propose.ProposedPlace)


def tasks(program, shapes=None):
    """The Tasks of a Program."""
    return [pairs.task_of(f.place, f.reading, f.warm) for f in find(program, shapes)]


def by_name(program, names, shapes=None, seconds=8.0):
    """[Found] of the pairs that are asked for by name, though another one calls them."""
    return [f for f in _tried(program, shapes, seconds) if called(f) & set(names)]


def called(found):
    """The names under which a pair can be asked for."""
    steps = [step for step in (found.reading.forward, found.reading.backward) if step]
    return {found.reading.title, found.place.title, *(step.name for step in steps)}


def with_inputs(program, inputs):
    """The places of a file that says its inputs: the file itself, and each object that inputs
    gives or the globals hold.
    """

    def arguments(seed):
        np.random.seed(seed % 2**32)  # noqa: NPY002
        given = arrays.host(inputs(np.random.default_rng(seed)))
        if isinstance(given, tuple | list | np.ndarray):
            given = _by_name(program, [given] if isinstance(given, np.ndarray) else list(given))
        if isinstance(given, dict):
            return _with_parameters(program, _with_labels(program, given), seed)
        raise NotFound(
            f"inputs(rng) gives {type(given).__name__}; it must give a dict: the arguments of forward by name"
        )

    def build_for(name):
        def build(seed):
            given = arguments(seed)
            if name in program.makers:
                kind = program.makers[name]
                owner = kind(**{p.name: given[p.name] for p in propose._constructor(kind) if p.name in given})
            else:
                owner = None if name is None else (given.pop(name) if name in given else program.names[name])
            return in_double(program, given, owner, seed)

        return build

    try:
        first = arguments(0)
    except (NotFound, load.Refused):
        raise
    except Exception as error:
        raise NotFound(f"inputs(rng) raised {type(error).__name__}: {error}") from error
    found = [pairs.Place(program, program.path.stem, build_for(None))]
    own = program.classes().values()
    for name, value in [*first.items(), *program.names.items()]:
        if type(value) in own:
            found.append(pairs.Place(program, name, build_for(name), type(value)))
    for name, kind in program.makers.items():
        if all(p.name in first for p in propose._constructor(kind) if p.default is p.empty):
            found.append(pairs.Place(program, name, build_for(name), kind))
    held = {type(value) for value in [*first.values(), *program.names.values()]}
    for name, kind in program.classes().items():
        if kind not in held and name not in program.makers and any(map(pairs.goes_back, vars(kind))):
            found += _made_with(program, name, kind, arguments)
    return found


def _made_with(program, name, kind, arguments):
    """The places of a class of which inputs gives no object: it is made, by its constructor or its own way to begin, with the
    arguments of these names, and with what the file's own functions make, such as make_params(rng).
    """
    first = arguments(0)
    of_the_file = [
        f
        for n, f in program.functions().items()
        if propose._begins.match(n) and all(propose._rng.match(asked) for asked in _parameters(f) or ())
    ]

    def build_with(begin, maker):
        asked = propose._constructor(begin)
        missing = [p.name for p in asked if p.name not in first and p.default is p.empty]

        def build(seed):
            given, rng = arguments(seed), np.random.default_rng(seed)
            more = {
                n: rng if propose._rng.match(n) else maker(*[rng for _ in _parameters(maker)])
                for n in missing
            }
            names = {p.name for p in asked}
            owner = begin(**{n: v for n, v in (given | more).items() if n in names})
            return in_double(program, {n: v for n, v in given.items() if n not in names}, owner, seed)

        simple = all(map(propose._rng.match, missing))
        return build if simple == (maker is None) and (simple or len(missing) == 1) else None

    for begin, maker in itertools.product(propose.makers(kind), [None, *of_the_file]):
        build = build_with(begin, maker)
        with contextlib.suppress(Exception), load.quiet(), load.refusing(program):
            build(0)
            return [pairs.Place(program, name, build, kind)]
    return []


def _with_parameters(program, given, seed):
    """The arguments, and the one that `inputs` leaves out of a forward which takes all of them, where a function of the file
    makes it, such as init_params().
    """
    own, rng = program.functions(), np.random.default_rng(seed)
    begin = [f for n, f in own.items() if propose._begins.match(n)]
    begin = [f for f in begin if all(map(propose._rng.match, _parameters(f) or ()))]
    for name, function in own.items() if len(begin) == 1 else ():
        asked = _parameters(function) or []
        left = [n for n in asked if n not in given]
        takes_all = given.keys() <= set(asked) and not pairs.goes_back(name)
        if function not in begin and takes_all and len(left) == 1 and not cache_named.match(left[0]):
            made = begin[0](*[rng for _ in _parameters(begin[0])])
            moved = propose.with_other_numbers(made, rng) if type(made) is dict else made
            return given | {left[0]: moved}
    return given


def _with_labels(program, given):
    """The arguments, and labels that a function asks for and `inputs` leaves out: the data themselves, as an
    autoencoder has them.
    """
    data = next((value for value in given.values() if isinstance(value, np.ndarray)), None)
    asked = {
        p.name
        for function in program.functions().values()
        for p in inspect.signature(function).parameters.values()
        if pairs.labels.match(p.name) and p.default is p.empty
    }
    if data is None:
        return dict(given)
    program.guessed = sorted(asked - set(given))
    return {name: data.copy() for name in program.guessed} | given


def _by_name(program, given):
    """Arguments in order, as the arguments by name of the function, or of the object's
    method, that takes so many.
    """
    count = len(given)
    own = tuple(program.classes().values())
    if any(kind in own for kind in type(given[0]).__mro__):
        named = {"self": given[0]}
        methods = ("forward", "__call__", *(n for n in vars(type(given[0])) if n[0] != "_"))
        asked = [_parameters(getattr(given[0], name, None)) for name in methods]
        asked = [parameters for parameters in asked if parameters is not None and len(parameters) < count]
        for parameters in asked:
            rest = _named_by_a_loss(program, given[1 + len(parameters) :])
            if rest is not None:
                return named | dict(zip(parameters, given[1:], strict=False)) | rest
        if asked:  # what no method takes is a target, to which their own code compares the output
            return named | dict(zip(asked[0], given[1:], strict=False))
    names, graph = program.functions(), pairs.call_graph(program)
    gone_back = {pairs.stem(name, names) for name in names if pairs.goes_back(name, names)} - {""}
    functions = [f for name, f in names.items() if name != "inputs"]
    functions.sort(
        key=lambda f: (
            pairs.goes_back(f.__name__, names) or pairs.stem(f.__name__, names) not in gone_back,
            -len(pairs.closure(graph, [f.__name__])),  # the outermost
            not re.search("forward|loss|cost|model|objective|elbo", f.__name__),
        )
    )
    for function in functions:
        parameters = _parameters(function)
        if parameters is not None and len(parameters) == count:
            return dict(zip(parameters, given, strict=True))
    raise Misfit(
        f"inputs(rng) gives {count} values in order, and no function takes so many arguments; let it return "
        "a dict: the arguments of forward by name"
    )


def _named_by_a_loss(program, values):
    """Values by the names that a loss has for what it takes beside the output: loss(pred, y); None where none takes so many."""
    if not values:
        return {}
    for function in program.functions().values():
        asked = _parameters(function) or []
        if len(asked) == 1 + len(values) and all(pairs.may_be_labels.match(n) for n in asked[1:]):
            return dict(zip(asked[1:], values, strict=True))
    return None


def _parameters(function):
    """The names of the arguments that must be given."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    return [
        p.name
        for p in parameters
        if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]


def proposed(found, path):
    """Notes on the pairs whose inputs were proposed: what the file's own code showed, or the command that fixes them."""
    seen = [f.place for f in found if isinstance(f.place, shown.ShownPlace)]
    sizes = ", ".join(dict.fromkeys(smaller(place) for place in seen if place.smaller))
    like = f"inputs are like those that the code under __main__ gives{'; sizes: ' + sizes if sizes else ''}"
    notes = [like] if seen else []
    commands = [
        f.place.command for f in found if isinstance(f.place, propose.ProposedPlace) and f.place.command
    ]
    if not commands:
        return notes
    together = dict.fromkeys(part for command in commands for part in command.split())
    sizes = {}
    for part in together:
        name, _, size = part.partition("=")
        sizes.setdefault(name, size)
    fixed = " ".join(f"{name}={size}" for name, size in sizes.items())
    settings = {n: v for f in found for n, v in getattr(f.place, "settings", {}).items()}
    with_ = ", ".join(f"{name} = {value:g}" for name, value in settings.items())
    note = f"sizes were chosen by trying; to fix them: minigen check {path} --shapes {fixed}"
    return [*notes, f"{note}; numbers in the place of defaults: {with_}" if with_ else note]


def smaller(place):
    """The sizes of a ShownPlace that were changed."""
    return ", ".join(f"{old} became {new}" for old, new in place.smaller.items())


def reduced(found):
    """A note for each pair that does not say what its gradients are the gradient of, or of which kind one of them is."""
    notes = []
    for f in found:
        reading = f.reading
        notes += [f"{reading.title}: {m.label} was not compared: {m.why}" for m in f.missed if not m.matters]
        for among in dict.fromkeys(m.source.among for m in f.matches if m.source.among):
            order = ", ".join(map(scenes.text, among))
            notes.append(
                f"{reading.title}: judged as the gradients of {order}, one after another in one vector"
            )
        if reading.upstream in ENTROPIES:
            of = f"the cross-entropy of what {reading.forward.name} returns, of which it is given p - y"
            notes.append(f"{reading.title}: judged as the gradient of {of}")
        kind = dict(reading.forward.bound).get(running.KIND)
        if kind:
            of = f"{running.text_of(kind[1])}, of an output and what it is compared with"
            notes.append(
                f"{reading.title}: it computes no loss in every pass; judged as the gradient of {of}"
            )
        if reading.reduce:
            of = f"{reading.reduce} of what {(reading.loss or reading.forward).name} returns"
            notes.append(f"{reading.title}: judged as the gradient of {of}")
        elif isinstance(reading.loss, Assumed):
            of = f"{reading.loss.text}, of what {reading.forward.name} returns"
            notes.append(f"{reading.title}: the file has no loss for it; judged as the gradient of {of}")
    return notes


def not_compared(found):
    """A note for each pair whose objects hold arrays that forward uses and of which no gradient was found. Where its name tells
    that one is due, the pair is told so: `owed`; where a step may have left it out, `left_out`.
    """
    notes = []
    for f in found:
        names = []
        with load.quiet(), contextlib.suppress(Exception), np.errstate(all="ignore"):
            addresses = evidence.silent(f.reading, f.place.build(0), f.matches)
            holders = [a[:-1] for a in addresses]
            alone = [a for a in addresses if holders.count(a[:-1]) == 1]
            f.owed = [m for m in (_owed(f, a) for a in alone) if m is not None]
            alone = [a for a in alone if a not in {m.value for m in f.owed}]
            f.left_out = [scenes.text(a) for a in alone if _left_out_of_the_step(f, a)]
            told = {*f.left_out, *(scenes.text(m.value) for m in f.owed)}
            names = [name for name in map(scenes.text, addresses) if name not in told]
        if names and f.matches:
            rest = f" and {len(names) - 3} more" if len(names) > 4 else ""
            listed = ", ".join(names if not rest else names[:3]) + rest
            notes.append(f"{f.reading.title}: no gradient was found for {listed}: not compared")
    return notes


_weights_and_biases = re.compile(r"(w|b|bias|weights?|beta|gamma)_?\d*", re.I)


def _owed(found, address):
    """The Match of a parameter whose gradient was left out: all that stands beside it has one, under a name that says so, and
    nothing in the file is stored under the name that its own would have; None where that is not sure.
    """
    name, beside = address[-1][1], [m for m in found.matches if m.value[:-1] == address[:-1]]
    if not beside or not isinstance(name, str) or not all(m.right for m in beside):
        return None
    like = [m for m in beside if _stem(m.value[-1][1]) == _stem(name)]
    of_a_dict = address[-1][0] == "key" and len(beside) > 2
    if not like and not _weights_and_biases.fullmatch(name) and not of_a_dict:
        return None
    for m in like + beside:
        if m.source.kind == "changed" and (like or len(beside) > 1) and _left_out_of_the_step(found, address):
            label = f"{evidence.CHANGE}{scenes.text(address)}"
            step = replace(m.source, address=address, of=address, label=label, decay=0.0)
            return evidence.Match(address, step, False, True)
        theirs, own = str(m.source.address[-1][1]), m.value[-1][1]
        for word, mine in ((own, name), (own.lower(), name.lower())):
            if m.source.kind in ("stored", "returned") and word in theirs:
                called = theirs.replace(word, mine)
                there = (*m.source.address[:-1], (m.source.address[-1][0], called))
                functions = [n for n in walk(found.place.program.tree) if isinstance(n, ast.FunctionDef)]
                if called != name and any(_writes(n, called) for n in functions):
                    return None
                label = m.source.label.replace(theirs, called)
                return evidence.Match(address, replace(m.source, address=there, label=label), False, True)
    return None


def _stem(name):
    return re.sub(r"\d+", "", str(name))


def _left_out_of_the_step(found, address):
    """Whether the step changes others in the same object or dict, and only what makes this one writes it: a line may be missing."""
    beside = [
        m for m in found.matches if m.source.kind == "changed" and m.value[:-1] == address[:-1] and m.right
    ]
    name = address[-1][1]
    makers = [
        f for f in walk(found.place.program.tree) if isinstance(f, ast.FunctionDef) and _writes(f, name)
    ]
    return len(beside) > 1 and len(makers) < 2


def _writes(function, name):
    """Whether a function assigns to an attribute or key of this name, to a part of it, or changes it by np.add.at and the like."""
    for n in walk(function):
        if isinstance(n, ast.Assign | ast.AugAssign):
            targets = n.targets if isinstance(n, ast.Assign) else [n.target]
        elif isinstance(n, ast.Call):
            targets = [k.value for k in n.keywords if k.arg == "out"]
            targets += n.args[:1] if getattr(n.func, "attr", "") in ("at", "copyto", "put_along_axis") else []
        else:
            continue
        parts = [part for target in targets for part in walk(target)]
        if any(
            getattr(p, "attr", None) == name or isinstance(p, ast.Constant) and p.value == name for p in parts
        ):
            return True
    return False


def example(program, name):
    """The --shapes of a function's own arguments, to be filled in with one's own sizes."""
    place, last, fronts = _asked_for(program, name)
    parameters = place.parameters(fronts[0] if fronts else last)
    parts, widths = [], iter(("7,6", "6,4", "4,3", "3,2"))
    for p in [*(propose._constructor(place.kind) if place.kind else ()), *parameters]:
        if p.default is p.empty:
            other = "6" if propose._bias.match(p.name) else "5,7"
            parts.append(f"{p.name}={next(widths, '2,2') if propose._weight.match(p.name) else other}")
    return " ".join(parts)


def _asked_for(program, name):
    """(the place of what is called Class.method or function, its last name, what may be its forward if it goes back)."""
    owner, _, last = name.rpartition(".")
    place = pairs.Place(program, name, None, program.classes().get(owner))
    return place, last, pairs._fronts(place, place.functions(), last) if pairs.goes_back(last) else []


def refused(program):
    """The sentence on the lines that were kept from reading or changing anything outside; "" where there are none."""
    lines = dict.fromkeys(process.refused_in(program.path), "changes something outside") | dict(
        program.refused
    )
    told = ", ".join(f"line {line} {what}" for line, what in sorted(lines.items()))
    return f'{told}: it was not let; move such lines under `if __name__ == "__main__":`' if told else ""


def stopped(program, name):
    """What stopped the call that came furthest of the forwards of a function that goes back; "" where nothing is known."""
    _, last, fronts = _asked_for(program, name)
    keys = [name.removesuffix(last) + front for front in [*fronts, last]]
    known = [(program.stopped[key], key) for key in keys if key in program.stopped]
    if not known:
        return ""
    (_, why), key = max(known)
    return f" ({key}: {why})"


def why_not(program, path, names=()):
    """The sentence for a file in which no pair could be called, with the next command."""
    functions = _all_functions(program).keys()
    backs = sorted(n for n in functions if pairs.goes_back(n.rpartition(".")[2]))
    known = [n for n in names if n in functions]
    if known:
        return f"{path}: {known[0]} was not judged{stopped(program, known[0])}; {advice(program, path, known[0])}"
    if names:
        return f"{path} has no pair called {', '.join(names)}; it has {', '.join(sorted(functions)[:8])}"
    alone = [n for n, f in sorted(program.functions().items()) if propose._may_be_single(program, f)]
    if not backs and not alone:
        return (
            f"{path}: no backward was found among {len(functions)} functions; name it after its forward, "
            "such as forward and backward, relu_forward and relu_backward, f and f_prime, or return (loss, "
            "gradients)"
        )
    one = len(backs or alone) == 1
    does = ("goes back" if one else "go back") if backs else f"{'gives' if one else 'give'} gradients"
    who = f"{path}: {', '.join((backs or alone)[:4])} {does}, but could not be called"
    outside = refused(program)
    if outside:
        return f"{who}: {outside}"
    unknown = [name for name in arrays.LIBRARIES if name in program.missing]
    if unknown:
        return f"{who}: {' and '.join(unknown)} is not installed here, and the file computes with it"
    left = "; ".join(f"line {line} {why}" for line, why in program.left_out[:3])
    what = f"; left out: {left}" if left else ""
    if program.guessed or "inputs" in program.names:
        left_out = f"{', '.join(program.guessed)}, too"
        due = left_out if program.guessed else "a dict of the arguments of forward by name"
        return f"{who} with what inputs(rng) gives{what}; inputs must return {due}"
    first = (backs or alone)[0]
    return f"{who} with sizes chosen by trying{stopped(program, first)}{what}; {advice(program, path, first)}"


def advice(program, path, name):
    """What to do so that a function that could not be called can be judged."""
    if _trains_alone(program.tree_of(_all_functions(program).get(name))):
        return (
            f"{name} computes forward, backward and the step in one loop: move one pass into a function that returns "
            "the loss and a dict of gradients"
        )
    return (
        f"give them, minigen check {path} --shapes {example(program, name) or 'x=5,7 W=7,6'}, or write inputs(rng) "
        "into the file: it returns a dict of the arguments of forward, by name"
    )


def _trains_alone(tree):
    """Whether a function computes gradients, by their names, in a loop that counts, and takes steps there."""
    loops = [n for n in walk(tree) if isinstance(n, ast.For) and "range" in ast.unparse(n.iter)]
    for loop in loops:
        inside = list(walk(loop))
        made = {
            t.id for n in inside if isinstance(n, ast.Assign) for t in n.targets if isinstance(t, ast.Name)
        }
        changed = [n.target for n in inside if is_taken_away(n)]
        steps = [t for t in changed if isinstance(t, ast.Name) and not is_gradient_name(t.id)]
        if sum(map(is_gradient_name, made)) > 1 and steps:
            return True
    return False
