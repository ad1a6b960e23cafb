"""From a person's file to a list of Tasks: which functions are a forward and its backward, and how they are called.

Names propose (forward / backward, x_forward / x_backward, f / f_prime, loss / loss_grad, a class with both, one
function for loss and gradients), running them decides. Every reading that can be called is tried, and the one under
which most gradients come out right is taken: a right program must not be called wrong for its style.
"""

import ast
import builtins
import contextlib
import copy
import functools
import inspect
import itertools
import math
import re
import sys
import traceback
import types
from collections import Counter
from dataclasses import replace

import numpy as np

from minigen.explain import evidence, hints, load, naming, running, tables, within
from minigen.explain import scene as scenes
from minigen.explain.live import reachable as reachable_from
from minigen.explain.naming import bases, cache_named, is_gradient_name
from minigen.explain.reading import EVERY, FILE, NUMBER, PARTS, PLAYERS, Assumed, Reading, Step, is_number
from minigen.explain.source import (
    attributes,
    called_name,
    called_names,
    counting_loops,
    is_of_self,
    is_pass,
    name_of,
    names_in,
    short_name,
    walk,
)
from minigen.explain.task import Played, Task

MEANS = "the mean", "the sum"
_goes_up = re.compile(r"elbo|bound|likelihood|loglik|log_?prob|^ll$|reward", re.I)  # a step makes it larger
FAR = 1 << 30  # farther than forward alone comes, counted in lines
SEED = "(draw)"  # the entry of a task's values that says which scene they belong to
_back = re.compile(
    r"backward|bptt|pullback|adjoint|back_?[pP]rop|bprop|bwd|backpass|grad|prime|deriv|vjp|^(?:d|g)_|^d(?=[A-Z])|^d(?=relu|sigmoid|tanh|softmax)"
    rf"|{naming.BACK}|{naming.DERIVATIVE}"
    r"|_(?:back|der|d|dx|bp|jac)$|^jac(?:_|$)|^back$|Back$|_jacobian$|^delta_|[a-z]Backward$|[a-z]Grad(ient)?s?(Input)?\d*$|[a-z]Prime$"
)
_neutral = re.compile(
    r"(?<=[a-z])(?:Backward|Forward|Grad(?:ients?)?|Prime)$|bptt|pullback|adjoint|forward|feed_?forward|fprop|fwd|backwards?|back_?prop|bprop|bwd|backpass|gradients?|grads?|prime|derivatives?"
    r"|deriv|vjp|loss(?=_grad|_deriv)|pass|propagation|propagate|(?<=_)(?:back|der|d|bp|f|fn)$|^(?:back|d|der|compute|calc|get)_"
    rf"|{naming.BACK}|{naming.FORWARD}|{naming.DERIVATIVE}"
    r"|^jac(?=_|$)|_jac$|^d(?=[A-Z]|relu|sigmoid|tanh|softmax)|^(?:back|call)$|__call__|^apply$"
    r"|_?[aA]nd_?(?:step|update)s?$|(?<=bwd|ard|rop)_?(?:[sS]tep|[uU]pdate)$"
)
_cost = re.compile(
    r"loss|cost|objective|surrogate|criterion|nll|elbo|energy|error|risk|entropy|likelihood|divergence|"
    rf"{naming.LOSS}|"
    r"^(mse|bce|mae|xent|kld?|huber|hinge)(?![a-z])",
    re.I,
)
_log_determinant = re.compile(r"log_?(abs)?_?(det|jac)|(^| )d?(ld|ldj|logj)$", re.I)
_upstream = re.compile(r"^(grad|d_?out|dy|upstream|out(put)?_?grad(ient)?|grad(ient)?_?out(put)?)$", re.I)
_data = re.compile(r"^(x|inp|inputs?|input_|data|batch|entree|a_prev|z|features)$", re.I)
_collection = re.compile(r"^(G|grads?|gradients|d_?params|derivs)$")  # a dict to which gradients are added
may_be_labels = evidence.may_be_labels
labels = re.compile(r"^(Y|labels?|targets?|y_true|truth|y_batch)$")
_skip = re.compile(
    r"^(inputs|(?:main|train)(?!_?(?i:forward|back|fwd|bwd))|test|plot|check|load|save|init|initiali[sz]e|numerical|gradient_check|grad_check|"
    r"check_grad|eval_numerical|update(?!_?[gG]rad_?[iI]nput|_?[oO]utput)|accuracy|zero_grad|one_hot|"
    r"(?:step|fit|predict)(?!_?(?i:loss|cost|grad|err|nll|mse|forward|back|fwd|bwd)))"
)
_second = re.compile(
    r"(grad|prime|deriv\w*)_?2$|second|hess|numerical|grad\w*_?check|check\w*grad|^apply_|flush|zero_|clip_",
    re.I,
)


def is_second(name, functions):
    """Whether a function goes back in a way that is not asked for: a second derivative, a check, or clipping, unless the
    file has a model called clip.
    """
    others = [n for n in functions if n != name and "clip" in n.lower() and not n.lower().startswith("clip_")]
    return bool(_second.search(re.sub("clip_", "", name, flags=re.I) if others else name))


# and no method of Python's own: __forward__
_of_their_own = re.compile(r"^__.*(forward|back|grad|loss|cost)")
_step = re.compile(
    r"^(train|update|fit|learn|partial_fit|step)(_|$|(?=[A-Z]))|_(step|update)$|[a-z](Step|Update)$"
    rf"|^({naming.STEP})"
)  # down a loss
_reset = re.compile(r"^(flush|zero|reset|clear)_?\w*(grad|gradient|derived|cache|state)?\w*$")
_forwards = (
    "forward", "__call__", "call", "fprop", "feedforward", "feed_forward", "forward_pass", "fwd", "apply",
    "activate", "activation", "function", "fn", "fun", "func", "f", "loss", "cost", "compute", "predict",
    "run", "forward_propagation", "calculate", "evaluate", "value",
)  # fmt: skip
_onwards = re.compile(naming.FORWARD, re.I)


def stem(name, others=()):
    """A function's name without what says which way it goes: relu_backward and relu_forward give relu.

    `others`: the functions beside it, since d_loss may be the loss of d and not the derivative of loss.
    """
    start = name[:2] if _of_a_part(name, others) else ""
    return re.sub(r"[\W_]+", "", start + _neutral.sub("", name[len(start) :])).lower()


def _of_a_part(name, others):
    """Whether d_loss or g_loss is the loss of a discriminator or generator: both are there, or their gradient is."""
    if not re.match(r"[dg]_[a-z]", name):
        return False
    other = ("g" if name[0] == "d" else "d") + name[1:]
    beside = re.compile(rf"(?<![a-zA-Z])({name}_?(grad|back|prime|deriv)\w*|\w*(grad\w*|back\w*|d)_{name})$")
    return other in others or any(beside.match(n) for n in others)


def goes_back(name, others=()):
    """Whether a function's name says that it goes back; `others`: dloss does beside a function called loss."""
    if name[:1] == "d" and name[1:] in others or name == "g" and "f" in others:
        return True
    if _of_a_part(name, others):
        name = name[2:]
    twin = name[:-1] + ("g" if name.endswith("d") else "d")
    if re.search(r"_[dg]$", name) and twin in others and _cost.search(name):  # loss_d beside loss_g
        name = name[:-2]
    return bool(_back.search(name)) and not _forward_word(name) or _names_gradients(name, others)


def _names_gradients(name, others):
    """Whether a function that no word tells has variables named as the gradients of its arguments, which are just those of a
    loss beside it.
    """
    codes = (
        {n: f.__code__ for n, f in others.items() if hasattr(f, "__code__")}
        if isinstance(others, dict)
        else {}
    )
    if name not in codes or _cost.search(name):
        return False

    def arguments(code):
        return {n.lower() for n in code.co_varnames[: code.co_argcount]}

    def gives(code):
        return any(bases(n) & arguments(code) for n in code.co_varnames[code.co_argcount :])

    same = (n for n, code in codes.items() if arguments(code) == arguments(codes[name]) and not gives(code))
    return gives(codes[name]) and any(map(_cost.search, same))


def likely_forward(back, own):
    """The method of a class that one which goes back belongs to, by their names; None where none is likely."""
    others = [n for n in own if n != back and not goes_back(n, own) and not _skip.match(n)]
    same = [n for n in others if stem(n, own) == stem(back, own) and (_forward_word(n) or _is_forward(n))]
    return next(iter(same or [n for n in others if _is_forward(n)]), None)


def _is_forward(name):
    """Whether a function is called as a forward is."""
    return name in _forwards or bool(_onwards.match(name))


def _forward_word(name):
    if re.match(r"forward\w*_for_", name):  # forward_pass_for_backward
        return True
    both = re.search(r"forward|_and_|[a-z]And[A-Z]|fprop", name)
    return bool(both) and not re.search(
        r"backward|_grads?$|(bwd|back|prop)_?[aA]nd_?([sS]tep|[uU]pdate)", name
    )


class Place:
    """Where functions are looked up: the file itself, or an object of one of its classes."""

    only = None  # the one forward that this place was made for
    tried = None  # what `try_all` found, once it came to the end

    def __init__(self, program, title, build, owner=None):
        self.program, self.title, self.build, self.kind = program, title, build, owner

    def functions(self):
        """{name: function}, without self for methods."""
        if self.kind is None:
            return dict(self.program.functions()) | _lambdas(self.program)
        found = {}
        for base in reversed(self.kind.__mro__):
            if not self.program.owns(base.__module__):
                continue
            for name, value in vars(base).items():
                value = getattr(value, "__func__", value)
                if isinstance(value, types.FunctionType) and (
                    not name.startswith("__") or name == "__call__" or _of_their_own.search(name)
                ):
                    found[name] = value
        if "__call__" in found and _handed_to(self.program, found["__call__"]) in found:
            del found["__call__"]  # its sizes cannot be told from its text
        return found

    def parameters(self, name):
        """The parameters of a function as it is called: without self."""
        raw = None
        if self.kind is not None:
            raw = next((vars(b)[name] for b in self.kind.__mro__ if name in vars(b)), None)
        function = raw.__func__ if isinstance(raw, staticmethod | classmethod) else self.functions()[name]
        parameters = list(inspect.signature(function).parameters.values())
        if self.kind is not None and not isinstance(raw, staticmethod):
            parameters = parameters[1:]
        return [
            p
            for p in parameters
            if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD) and p.name not in (running.KIND, running.SHARE)
        ]

    def required(self, name):
        """The names of the parameters that a function must be given."""
        return [p.name for p in self.parameters(name) if p.default is p.empty]

    def tree_of(self, name):
        """The text of a function; None where there is none."""
        return self.program.tree_of(self.functions().get(name))

    def titled(self, name):
        """How a function is called in what is said."""
        return name if self.kind is None else f"{self.title}.{name}"

    def key_of(self, name):
        """function or Class.method."""
        return name if self.kind is None else f"{self.kind.__name__}.{name}"


def _handed_to(program, method):
    """The method that does all the work of another one, such as forward that of __call__; "" where there is none."""
    tree = program.tree_of(method)
    body = [n for n in getattr(tree, "body", ()) if not isinstance(getattr(n, "value", None), ast.Constant)]
    called = getattr(getattr(body[0], "value", None), "func", None) if len(body) == 1 else None
    return called.attr if is_of_self(called) else ""


def _lambdas(program):
    return {
        n: v
        for n, v in program.names.items()
        if isinstance(v, types.FunctionType) and v.__name__ == "<lambda>"
    }


def readings(place, arguments):
    """Every Reading of a place that can be called with these arguments, the likeliest first."""
    functions = place.functions()
    backs = [
        n
        for n, f in functions.items()
        if goes_back(n, functions)
        and not _skip.match(n)
        and not is_second(n, functions)
        and not makes_room(place.program.tree_of(f))
    ]
    for back in backs:
        fronts = _fronts(place, functions, back)
        for front in (f for f in fronts if place.only in (None, f)):
            for forward in _bind(place, front, arguments):
                title = f"{place.titled(front)} / {back}"
                losses = [n for n in _losses(functions) if n not in (front, back)]
                steps = [step for n in losses for step in _loss_steps(place, forward, n, arguments)]
                steps += _of_the_file(place, forward, arguments)
                plain = [*_with_back(place, title, forward, None, back, arguments)]
                yield from (r for r in plain if not r.reduce)
                for loss in steps or _assumed(place, forward, back, arguments):
                    yield from _with_back(place, title, forward, loss, back, arguments)
                yield from (r for r in plain if r.reduce)  # where no loss of the file will do
    for step, loss in updates(place).items():
        for forward in _bind(place, loss, arguments) if place.only in (None, loss) else ():
            for backward in _bind(place, step, arguments):
                yield Reading(f"{place.titled(loss)} / {step}", forward, backward)
    for name in (n for n in functions if place.only in (None, n)):
        if is_pass(name):
            yield from _of_a_pass(place, name, arguments)
            continue
        goes_with_another = _has_front(functions, name) and not name.startswith("train_")
        if goes_with_another or is_left_out(place.program, functions[name]):
            continue
        for forward in _bind(place, name, arguments):
            title = place.titled(name)
            yield Reading(title, forward)
            yield Reading(title, forward, closure=True, takes_g=True)
            yield Reading(title, forward, closure=True)
            yield from steps_of(place, title, forward)


def _of_a_pass(place, name, arguments):
    """The Readings of one pass of a loop: with its own loss, else with one that may be meant."""
    asked, title = inspect.signature(place.functions()[name]).parameters, name.replace("_", " ")
    first = asked[running.KIND].default if running.KIND in asked else 0
    shares = [1.0, asked[running.SHARE].default] if running.SHARE in asked else []
    for plain, share in itertools.product(_bind(place, name, arguments), shares or [None]):
        forward = plain
        if share is not None:
            forward = replace(plain, bound=(*plain.bound, (running.SHARE, ("constant", share))))
        if not first:
            yield Reading(title, forward)
            up = _goes_up.search(_name_of_the_loss(place.tree_of(name)))
            for how in (*MEANS, *(["the opposite"] if up else [])):
                yield Reading(title, forward, reduce=how)
        for kind in range(1, 1 + len(running.KINDS)) if running.KIND in asked else ():
            yield Reading(title, replace(forward, bound=(*forward.bound, (running.KIND, ("constant", kind)))))


def _name_of_the_loss(tree):
    """What a function returns first, by its name: loss of return loss, dw."""
    returned = evidence.value_returned(tree)
    return name_of(returned.elts[0]) if isinstance(returned, ast.Tuple) else ""


def _losses(functions):
    """The functions that are losses by their names."""
    return [n for n in functions if _cost.search(n) and not goes_back(n, functions)]


def is_left_out(program, function):
    """Whether a function is asked for no gradient because of its name, such as test; one that takes a single step is asked."""
    name = function.__name__
    single = name != "train" and _step.search(name) and not counting_loops(program.tree_of(function))
    return bool(_skip.match(name)) and not name.startswith("train_") and not single


def makes_room(tree):
    """Whether a function of no arguments does nothing but make zeros, as one that clears gradients."""
    if tree is None or _takes(tree):
        return False
    called = called_names(tree)
    zeros = {"zeros", "zeros_like", "fill"}
    others = {"items", "keys", "values", "range", "len", "enumerate", "zip", "setattr", "getattr"}
    operations = [n for n in walk(tree) if isinstance(n, ast.BinOp) and not isinstance(n.left, ast.Constant)]
    return bool(called & zeros) and called <= zeros | others and not operations  # "g" + name is a name


def _takes(tree):
    """The arguments of a function or method by name, without self."""
    return [a.arg for a in tree.args.args if a.arg not in ("self", "cls")]


def steps_of(place, title, forward):
    """The Readings of one function that may take a step: its gradients are made inside, and its loss may be, too."""
    tree = place.tree_of(forward.name)
    if goes_round(tree):
        return
    yield Reading(title, forward, inside=True)
    losses = within.losses(tree, lambda name: _cost.search(name) and not is_gradient_name(name))
    for local in losses[:4]:
        yield Reading(title, forward, local=local, inside=True)


def goes_round(tree):
    """Whether a function counts epochs or iterations, by its names: it takes many steps."""
    loops = (n for n in walk(tree) if isinstance(n, ast.For | ast.While))
    heads = ([n.test] if isinstance(n, ast.While) else [n.target, n.iter] for n in loops)
    said = " ".join(ast.unparse(part) for head in heads for part in head)
    rounds = r"epoc|[eé]poque|iter(?!tools)|n_steps|num_steps|rund|vuelta|schritte"
    return bool(re.search(rounds, said, re.I))


def parts(name):
    """What a name speaks of: loss_and_grads and lossAndGrads of two things."""
    return re.split(r"_and_|(?<=[a-z])And(?=[A-Z])", name)


def names_its_loss(place, reading):
    """Whether what is y of a function, or what it returns first or alone, is named as a loss; or the function itself is,
    beside its gradients, as loss_and_grads.
    """
    node = evidence.value_returned(place.tree_of(reading.forward.name))
    first = node.elts[0] if isinstance(node, ast.Tuple) and node.elts else node
    name = reading.local or short_name(first)
    of_both = parts(reading.forward.name)
    named = len(of_both) > 1 and first is not node and not reading.inside and _cost.search(of_both[0])
    return bool(named or _cost.search(name) or name in ("L", "J", "E"))


def _of_the_file(place, forward, arguments):
    """The Steps that may call a loss which stands beside the class as a function: cost(a, y)."""
    if place.kind is None:
        return
    bare = Place(place.program, place.title, None)
    for name in _losses(bare.functions()):
        for step in _loss_steps(bare, None, name, arguments):
            yield replace(step, of=FILE)


def _assumed(place, forward, back, arguments):
    """The Steps of losses that may be meant where a backward takes labels, or makes the error itself, and no loss is there."""
    if not place.program.assumes:
        return
    asked = [p.name for p in place.parameters(back)]
    compared = targets(place, forward.name, back)
    given = [n for n in asked if n in compared and isinstance(arguments.get(n), np.ndarray | int | float)]
    if not given or any(is_gradient_name(n) for n in asked if n not in arguments):
        return
    returned = names_returned(place, forward.name)
    outputs = [("out", len(returned) - 1), ("y",)] if returned else [("y",)]
    y = np.asarray(arguments[given[0]])
    # a sum, or a mean over these
    axes = {1: None, np.size(y): -1} | {n: axis for axis, n in enumerate(np.shape(y))}
    names = ("half the squared error", "the binary cross-entropy", "the cross-entropy")
    names = names[2:] if y.dtype.kind in "iu" and y.ndim else names
    for output, name, sign, axis, times in itertools.product(outputs, names, (1, -1), axes.values(), (1, 2)):
        yield Assumed(name, (("a", output), ("y", ("given", given[0]))), times=sign * times, axis=axis)


def targets(place, front, back):
    """The arguments of a backward that are labels by their names, or that it subtracts from what its forward returned."""
    asked = {p.name for p in place.parameters(back)}
    compared = hints.targets(place.tree_of(back), set(names_returned(place, front)) & asked - {""}) & asked
    compared |= {n for n in asked if hints.is_compared(place.tree_of(back), n)}
    return {n for n in asked if may_be_labels.match(n)} | compared


def updates(place):
    """{method: the loss that it takes one step down}: train_critic of critic_loss, both of the same arguments."""
    functions, found = place.functions(), {}
    losses = [n for n in _losses(functions) if not _step.search(n)]
    for step in (n for n in functions if _step.search(n) and not goes_back(n, functions)):
        asked, tree = place.required(step), place.tree_of(step)
        alike = [n for n in losses if place.required(n) == asked]
        of_a_part = [n for n in alike if _of_what(n) == _of_what(step)]
        if asked and not counting_loops(tree) and (of_a_part or len(alike) == 1 == len(losses)):
            loss = (of_a_part or alike)[0]
            # else its loss is made of several of these
            if sum(called_name(n) == loss for n in walk(tree)) < 2:
                found[step] = loss
    return found


def _of_what(name):
    return re.sub(
        r"train|update|fit|step|learn|partial|batch|loss|cost|objective|on|[\W_]+", "", name.lower()
    )


def _has_front(functions, back):
    """Whether a function goes back for another one, by its name: then it is not asked for loss and gradient at once."""
    if not goes_back(back, functions) or re.search(r"_and_|step", back):
        return False
    wanted = stem(back, functions)
    if not wanted or back[1:] in functions:
        return True
    return any(stem(n, functions) == wanted for n in functions if n != back and not goes_back(n, functions))


def _fronts(place, functions, back):
    """The functions that may be the forward of `back`, the likeliest first: those whose results the file hands to it."""
    others = [
        n
        for n in functions
        if n != back and not goes_back(n, functions) and not _skip.match(n) or n == "predict"
    ]
    if place.kind is not None and any(is_gradient_name(p.name) for p in place.parameters(back)):
        # a penalty of the parameters has no upstream gradient
        others = [n for n in others if place.parameters(n)]
    alike = _alike(place, functions, back, others)
    shown = [n for n in _whose_results(place.program, back) if n in others] if place.kind is None else []
    likely = [n for n in shown if _cost.search(n) or _is_forward(n) or "forward" in n]
    return list(dict.fromkeys([*likely, *alike])) or shown


def _alike(place, functions, back, others):
    """Those of the functions that may be the forward of `back` by their names."""
    stems = {n: stem(n, functions) for n in functions}
    wanted = stems[back]
    same = [n for n in others if stems[n] == wanted or back == f"d{n}"]
    if same:
        same.sort(key=lambda n: (n != back.replace("backward", "forward"), not _forward_word(n)))
        wide = place.kind is not None or not wanted
        return same + [n for n in others if wide and n not in same and (_cost.search(n) or _is_forward(n))]
    if place.kind is not None:
        likely = [n for n in others if _is_forward(n) or _cost.search(n)]
        likely = likely or [n for n in others if place.parameters(n)]  # run(x) beside back()
        return sorted(likely, key=lambda n: not _is_forward(n))
    if not wanted:
        near = [n for n in others if _cost.search(n) or _is_forward(n) or "forward" in n]
    else:
        near = [n for n in others if stems[n] and (stems[n] in wanted or wanted in stems[n])]
    if wanted and not near and (wanted in ("loss", "cost") or not place.program.classes()):
        near = [n for n in others if "forward" in n or _cost.search(n)]
    return near


def _whose_results(program, name):
    """The functions whose results a call of `name` is given somewhere in the file: `loss, saved = run(x)` and then
    `bptt(saved)`.
    """
    scopes = [program.tree, *(n for n in walk(program.tree) if isinstance(n, ast.FunctionDef))]
    found = []
    for scope in scopes:
        came = {}
        for n in walk(scope):
            if isinstance(n, ast.Assign) and isinstance(n.value, ast.Call):
                names = set().union(*map(names_in, n.targets))
                came |= dict.fromkeys(names, name_of(n.value.func))
        calls = [n for n in walk(scope) if isinstance(n, ast.Call) and name_of(n.func) == name]
        given = [came.get(name_of(a)) for n in calls for a in n.args]
        found += [function for function in given if function not in (None, "", name)]
    return list(dict.fromkeys(found))


def _bind(place, name, arguments):
    """The Step that calls a forward with the arguments of its names; none where one is missing."""
    bound = []
    for p in place.parameters(name):
        if p.name in arguments:
            bound.append((p.name, ("given", p.name)))
        elif p.default is p.empty:
            return []
    return [Step(name, tuple(bound))]


def _loss_steps(place, forward, name, arguments):
    """The Steps that may call a loss of forward's result: the first parameter that is not given is y.

    Where forward returns several values under names, y is the one of its name, or else any of them.
    """
    returned, bound, open_ = (names_returned(place, forward.name) if forward else []), [], None
    for p in place.parameters(name):
        if p.name in returned and (p.name, ("given", p.name)) not in forward.bound:
            bound.append((p.name, ("out", returned.index(p.name))))
        elif p.name in arguments:
            bound.append((p.name, ("given", p.name)))
        elif may_be_labels.match(p.name) and p.name.swapcase() in arguments:
            # cost(y, a) beside backward(a, Y)
            bound.append((p.name, ("given", p.name.swapcase())))
        elif p.default is not p.empty and any(source[0] == "out" for _, source in bound):
            continue  # y is there already: this is a setting
        elif open_ is None and not labels.match(p.name):  # the output is not compared with itself
            open_ = len(bound)
            bound.append((p.name, ("y",)))
        elif p.default is p.empty:
            return
    # cost(y), or cost(), which reads self.output
    of_an_object = place.kind is not None and (
        bound or forward and _reads_what_is_kept(place, name, forward.name)
    )
    if of_an_object or any(source[0] in ("y", "out") for _, source in bound):
        yield Step(name, tuple(bound))
    for i in reversed(range(len(returned))) if open_ is not None else ():
        yield Step(name, (*bound[:open_], (bound[open_][0], ("out", i)), *bound[open_ + 1 :]))
    if forward is None and open_ is None and len(bound) > 1:  # cost(a, y) beside feedforward(a)
        yield Step(name, ((bound[0][0], ("y",)), *bound[1:]))


def _reads_what_is_kept(place, name, forward):
    """Whether a method without arguments reads an attribute that forward sets."""
    if place.parameters(name):
        return False
    kept = attributes(place.tree_of(forward), ast.Store)
    return bool(attributes(place.tree_of(name), ast.Load) & kept)


def _with_back(place, title, forward, loss, back, arguments):
    options = _options(place, forward, back, arguments)
    if loss is not None:  # what has one name in the loss and in backward is one value
        known = {p: source for p, source in loss.bound if source[0] in ("y", "out")}
        options = [[(n, known[n])] if n in known else choice for choice in options for n, _ in choice[:1]]
    for bound in itertools.islice(itertools.product(*options), 36):
        step = Step(back, tuple((name, source) for name, source in bound if source is not None))
        takes_g = any(source[0] == "g" for _, source in step.bound)
        several = {source[1] for _, source in step.bound if source[0] == "g" and len(source) > 1}
        if loss is not None and takes_g:
            continue
        if several and several != set(range(len(several))):
            continue
        losses = names_returned(place, forward.name)
        if not takes_g and loss is None and are_of_two_players(losses):
            for which, name in zip(PLAYERS, losses, strict=True):
                yield Reading(f"{title}, of {name}", forward, step, outputs=which)
            continue
        yield Reading(title, forward, step, loss, takes_g=takes_g, outputs=max(1, len(several)))
        if takes_g and not several and loss is None:
            for name in _errors_handed_over(place, back):
                yield Reading(title, forward, step, upstream=name)
        if takes_g and not several:
            # a list of states, each with a gradient
            yield Reading(title, forward, step, takes_g=True, outputs=EVERY)
        if not takes_g and not isinstance(loss, Assumed):
            if loss is None:
                yield Reading(title, forward, step, elementwise=True)
                if len(losses) > 1:
                    yield Reading(title, forward, step, outputs=NUMBER)
                    yield Reading(title, forward, step, outputs=len(losses), reduce=PARTS)
            # a loss for each example, and the gradient of their mean, or their sum
            yield Reading(title, forward, step, loss, reduce="the mean")
            yield Reading(title, forward, step, loss, reduce="the sum")
            if loss is not None and len(names_returned(place, loss.name)) > 1:
                yield Reading(title, forward, step, loss, reduce=PARTS)


def _whose_shape(name, arguments):
    """The argument of forward whose shape a parameter of backward is, by its name: x of x_shape, the first one of input_shape; ""."""
    said = re.fullmatch(r"(\w*?)_?shape(?:_?in)?|shape_?(?:of_?)?(\w*)", name)
    arrays = [n for n, v in arguments.items() if isinstance(v, np.ndarray) and v.ndim]
    if said is None or not arrays:
        return ""
    of = said[1] or said[2] or ""
    first = not of or re.match(r"in(put)?s?$|orig\w*$", of)
    return of if of in arrays else arrays[0] if first else ""


def _errors_handed_over(place, back):
    """The kinds of output, softmax or sigmoid, for which p - y may be handed to a backward, the gradient before it: where the
    file does so, or a layer with a softmax at its end may mean it.
    """
    words, hands = " ".join(place.program.words), hands_errors(place.program, back)
    if re.search("soft_?max", words, re.I) and (place.kind is not None or hands):
        yield "softmax"
    if re.search("sigm|logistic", words, re.I) and hands:
        yield "sigmoid"


def hands_errors(program, back):
    """Whether the file hands a difference, such as p - y, to a backward."""
    nodes = list(walk(program.tree))
    assigned = [n for n in nodes if isinstance(n, ast.Assign) and _is_an_error(n.value)]
    made = {t.id for n in assigned for t in n.targets if isinstance(t, ast.Name)}
    given = [n.args[0] for n in nodes if called_name(n) == back and n.args]
    return any(_is_an_error(n) or name_of(n) in made for n in given)


def _is_an_error(node):
    """Whether an expression is p - y, that divided by something, or a sum of such."""
    if isinstance(node, ast.BinOp):
        return isinstance(node.op, ast.Sub) or isinstance(node.op, ast.Div) and _is_an_error(node.left)
    name = getattr(node.func, "attr", "") if isinstance(node, ast.Call) else ""
    inside = [n for n in walk(node) if n is not node] if name == "sum" else []
    return name == "subtract" or any(map(_is_an_error, inside))


def _options(place, forward, back, arguments):
    """For each parameter of a backward, the (name, source) pairs that may fill it, the likeliest first; source None: it is
    left out.
    """
    returned = names_returned(place, forward.name)
    parameters = place.parameters(back)
    asked = {p.name: p.default for p in place.parameters(forward.name)}
    settings = {n: default for n, default in asked.items() if default is not inspect.Parameter.empty}
    options, upstream = [], 0
    # what the file itself hands to backward, as in backward(1.0, cache), is an upstream gradient like any other
    arguments = {n: v for n, v in arguments.items() if n in asked or not is_gradient_name(n)}
    held = [n for n, v in arguments.items() if isinstance(v, dict) and v and all(map(is_number, v.values()))]
    gradients = [p for p in parameters if p.name not in arguments and is_gradient_name(p.name)]
    unread = never_read(place, forward.name, back)
    # attributes that may hold the output
    kept = [("kept", a) for a in ("output", "out", "y_pred", "probs") if a in place.program.words]
    kept = kept if place.kind is not None else []
    tree = place.tree_of(back)
    for i, p in enumerate(parameters):
        name, required = p.name, p.default is p.empty
        ways = hints.asked(tree, name) if name not in arguments and required else []
        if ways:
            options.append([(name, ("constant", way)) for way in ways[:3]])
            continue
        if name in arguments and name in returned and name not in asked:
            choice = [("out", returned.index(name)), ("given", name)]
        elif name in arguments and name not in asked and type(p.default) in (int, float) and p.default == 1:
            choice = [None]  # a factor for all gradients, such as 1 / N: a part of the upstream one
        elif name in arguments and not (i == 0 and name in ("g", "grad", "dout", "delta")):
            choice = [("given", name)]
            alone = len(parameters) == 1 and place.kind is not None and name == next(iter(asked), "")
            if back in place.program.flagged:  # which may be written with the output
                choice.append(("y",))
            if alone and not may_be_labels.match(name):
                choice.append(("g",))  # backward(x): some call the upstream gradient as forward's argument
        elif name in settings:
            # what forward has under the same name is no upstream gradient, even if it is called delta
            choice = [("constant", settings[name])] if required else [None]
        elif name.lower() in evidence.steps:
            choice = [("constant", 0.1)] if required else [None]
        elif required and (of := _whose_shape(name, arguments)):
            choice = [("shape", of)]
        elif cache_named.match(name):
            own = [("out", returned.index(name))] if name in returned[2:] else []
            choice = [*own, ("rest",), ("result",), ("y",), *([] if required else [None])]
        elif name in tables.OF_OUTPUTS and back in place.program.tables:
            choice = [("y",)]  # as all in a table that are written with the output
        elif name not in returned and hints.is_compared(tree, name) and not is_gradient_name(name):
            choice = []  # self.a - y: labels, which only a loss has
        elif name in returned:
            choice = [("out", returned.index(name))]
            if is_gradient_name(name):
                choice.append(("g",))
        elif is_gradient_name(name):
            choice = [("g",), ("y",)]
            if len(gradients) > 1:  # one for each output
                choice.insert(len(gradients) != len(returned), ("g", upstream))
                upstream += 1
            choice += [*(source for _, source in forward.bound[:1]), *kept]
            # it is what comes from above, and no value of forward under a strange name
            if _upstream.match(name):
                choice = [source for source in choice if source[0] == "g"]
            if name in unread and _log_determinant.search(f"{unread[name]} {name}"):  # every loss has it
                choice = choice[:1]
            choice += [] if required else [None]
        elif not required:
            choice = [None]
        else:
            alike = [a for a in arguments if may_be_labels.match(a)] if may_be_labels.match(name) else []
            choice = [("given", a) for a in alike]
            choice += [("g",)] if not labels.match(name) else []  # labels are no upstream gradient
            choice += [("y",), ("rest",), ("result",)]
            others = {q.name for q in parameters}
            choice += [("out", i) for i, other in enumerate(returned) if other not in others]
            if len(parameters) == 1 and arguments:  # f_prime(z) beside f(x)
                choice.append(("given", next(iter(arguments))))
            elif len(forward.bound) == 1 and _data.match(name):  # forward(X) and backward(input, delta)
                choice.insert(0, forward.bound[0][1])
            choice += [source for source in kept if source[1] in ("output", "out")]
        if held and name not in arguments and required and _collection.match(name):
            choice.insert(0, ("blank", name, held[0]))
        options.append([(name, source) for source in choice])
    return options


def never_read(place, forward, back):
    """{parameter: output} of the upstream gradients, one for each output of forward, that backward asks for and never reads."""
    outputs, tree = names_returned(place, forward), place.tree_of(back)
    asked = [p for p in place.parameters(back) if is_gradient_name(p.name)]
    if len(asked) != len(outputs) or len(asked) < 2:
        return {}
    left = {p.name for p in asked if p.default is p.empty} - names_in(tree)
    return {p.name: y for p, y in zip(asked, outputs, strict=True) if p.name in left}


def are_of_two_players(losses):
    """Whether two names are those of the losses of a discriminator, or critic, and a generator."""
    return {*map(naming.player, losses)} == {0, 1} and len(losses) == 2 and all(map(_cost.search, losses))


def names_returned(place, name):
    function = place.functions().get(name) or place.program.functions().get(name)
    node = evidence.value_returned(place.program.tree_of(function))
    return list(map(name_of, node.elts)) if isinstance(node, ast.Tuple) else []


class Found:
    """A reading with its matches on one scene."""

    def __init__(self, place, reading, matches, y, warm="cold", open_=0, missed=()):
        self.place, self.reading, self.matches, self.y, self.warm = place, reading, matches, y, warm
        self.open = open_  # how many gradients belong to no value
        self.missed = list(missed)  # [Uncompared]: those of them that a name promises
        self.raised = ""  # what backward raised, where it did
        self.owed = []  # [Match] of gradients that were left out, as names tell
        self.left_out = []  # what no step changes, though it changes what stands beside it
        self.stale = False  # right at the first call, wrong once forward has been called before
        self.right = sum(m.right for m in matches)
        self.wrong = len(matches) - self.right

    @property
    def promised(self):
        """The Matches that are known without a run."""
        return self.matches if self.raised else self.owed

    @property
    def takes_a_step(self):
        """Whether its gradients are told by the change of parameters."""
        return any(m.source.kind in evidence.TAKEN for m in self.matches)

    @property
    def worth(self):
        r = self.reading
        plain = (r.backward is not None) * 2 + (r.loss is None) + r.takes_g
        plain += r.inside and not self.takes_a_step  # a step may be clipped elsewhere
        exchanged = sum(m.exchanged for m in self.matches)  # it was read well, and the order alone is wrong
        right, wrong = self.right + exchanged, self.wrong - exchanged
        return (right, sum(m.named for m in self.matches), -wrong - self.open, -self.open, plain)


def try_all(place, seed=0, seconds=4.0):
    """The best Found for every distinct title of a place."""
    import time

    if place.tried is not None:
        return place.tried
    deadline = time.process_time() + seconds
    start = place.build(seed)
    best, spare, errors, late = {}, {}, [], False
    raised, ran, numbers = set(), set(), {}
    for reading in readings(place, start.arguments):
        late = time.process_time() > deadline
        if late:
            break
        known = best.get(reading.title)
        guesses = reading.loss is not None or reading.reduce or reading.upstream
        if known and known.right and not known.wrong:
            if guesses and known.right >= 2 or reading.inside and not known.takes_a_step:
                continue
        call = reading.forward, reading.backward  # which raises whatever the loss is, if it is not given g
        if call in raised or _makes_no_number(reading, start, numbers):
            continue
        try:
            found = attempt(place, reading, start)
        except load.Refused:
            raise
        except Exception as error:
            errors.append((reading, error))
            other = _of_other_shape(place, reading, start) if reading.takes_g else None
            if other is not None and (known is None or other.worth > known.worth):
                best[reading.title] = other
            waits = isinstance(error, AttributeError)  # for what the loss sets
            alike = reading.backward and not reading.takes_g and not waits
            if alike and _raised_in(place, reading.backward, error):
                raised.add(call)
            continue
        ran |= {reading.title} if reading.takes_g and reading.outputs != EVERY else set()
        if found and found.wrong and found.takes_a_step and reading.takes_g and not reading.inside:
            with contextlib.suppress(Exception):  # an optimizer's step is not the gradient that it is given
                inner = attempt(place, replace(reading, inside=True), start)
                found = inner if inner and inner.right > found.right else found
                reading = found.reading
        if not found or _tells_nothing(place, reading, found, start):
            continue
        if reading.inside and known and known.matches and not known.takes_a_step:
            if found.right <= known.right:
                continue  # what it gives back tells its gradients
        opposite = all(m.factor is not None and abs(m.factor + 1) < 1e-4 for m in found.matches)
        if reading.reduce and not found.right and not opposite:
            spare.setdefault(reading.title, found)
        elif known is None or found.worth > known.worth:
            best[reading.title] = found
    place.errors = errors
    if not best and place.only is not None:
        own = [e for r, e in errors if r.backward is not None]
        why = own[0] if own else "no gradient of the shape of an argument was found"
        place.program.note(place.key_of(place.only), FAR, why)
    for reading, error in errors:
        open_ = reading.title not in best and reading.title not in ran
        if open_ and _breaks_in_backward(place, reading, start, error):
            best[reading.title] = spare.get(reading.title) or _broken(place, reading, start, error)
    found = list(best.values())
    place.tried = None if late else found
    return found


def _tells_nothing(place, reading, found, scene):
    """Whether what was found may be no gradients at all, or none of these values."""
    if _is_a_forward_alone(reading, found):
        return True
    if getattr(place.tree_of(reading.forward.name), "firsts", None):  # it may be meant before a mean
        wrong = [m for m in found.matches if not m.right]
        return bool(wrong) and (not found.right or all((m.factor or -1) > 0 for m in wrong))
    if found.right:
        return False
    # as the code under __main__ calls them; none is right, and one has not even the shape: several examples, and forward one
    if hasattr(place, "smaller") and len(found.matches) > 1 and not all(m.shaped for m in found.matches):
        return True
    alone = reading.backward is None and goes_back(reading.forward.name, place.functions())
    if (reading.inside or alone) and not names_its_loss(place, reading):
        return True  # what it returns may be a score, or a gradient
    if found.takes_a_step and _keeps_moments(place, reading):
        return True  # the step of Adam is no gradient
    # what another function has left belongs to other values than these
    return is_given_a_record(place, reading, scene)


def _is_a_forward_alone(reading, found):
    """Whether what a function called forward returns or keeps is taken for gradients that no name promises: by chance."""
    if reading.backward is not None or reading.closure or not _forward_word(reading.forward.name):
        return False
    both = parts(reading.forward.name)
    named = (m.named or is_gradient_name(evidence.last_name(m.source.label)) for m in found.matches)
    return len(both) == 1 and not any(named)


def _keeps_moments(place, reading):
    """Whether a step divides by the root of an average that it keeps: v = b * v + (1 - b) * g * g, and w -= m / sqrt(v)."""
    tree, kept = place.tree_of((reading.backward or reading.forward).name), set()
    for n in walk(tree):
        value = n.value if isinstance(n, ast.Assign) else None
        if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Add):
            target = ast.unparse(n.targets[0])
            kept |= {target} if any(ast.unparse(m) == target for m in walk(value)) else set()
    roots = [n for n in walk(tree) if getattr(getattr(n, "func", None), "attr", "") == "sqrt"]
    return any(ast.unparse(m) in kept for n in roots for m in walk(n))


def _of_other_shape(place, reading, scene):
    """The Found of a backward that raises when it is given a vector, and is right with the same as a row or column."""
    for way in ("row", "column") if reading.backward is not None and not reading.upstream else ():
        with contextlib.suppress(Exception):
            found = attempt(place, replace(reading, upstream=way), scene)
            if found is not None and np.ndim(found.y) == 1 and found.right and not found.wrong:
                return found
    return None


def is_given_a_record(place, reading, scene):
    """Whether backward takes an object or a collection of arrays that forward does not: in the file another function made it."""
    asked = {name for name, _ in reading.forward.bound}
    given = [what[1] for _, what in reading.backward.bound if what[0] == "given"] if reading.backward else []
    values = [scene.arguments.get(name) for name in given if name not in asked]
    return any(isinstance(v, dict | list | tuple) or scenes.is_own(v, place.program) for v in values)


def _stops_behind_its_loss(place, reading, scene):
    """Whether a function that returns a loss and gradients has the loss, and then raises."""
    if place.program.guessed or not any(m.named for m in evidence.promises(reading, scene)):
        return False
    with load.quiet(), load.refusing(scene.program), load.limited(5), contextlib.suppress(Exception):
        with np.errstate(all="ignore"):
            return reading.run(scene.live(), back=False).y is not None
    return False


def _breaks_in_backward(place, reading, scene, error):
    """Whether forward ran and its own backward, called as its parameters ask, raised."""
    if reading.closure and reading.forward.name in {f.name for f in place.program.operations}:
        return any(frame.f_code.co_name == "pullback" for frame, _ in traceback.walk_tb(error.__traceback__))
    if reading.backward is None and not reading.closure and not reading.reduce and not reading.inside:
        shapes = isinstance(error, ValueError | IndexError | TypeError)  # and not a state that others leave
        return shapes and _stops_behind_its_loss(place, reading, scene)
    if reading.backward is None or reading.loss is not None or reading.reduce or reading.elementwise:
        return False
    if place.program.guessed:  # it may be the guess that does not fit
        return False
    if isinstance(error, ValueError) and "truth value" in str(error):  # an array where a choice is asked for
        return False
    if isinstance(error, AttributeError) and _asks_for_objects(place, reading.backward):
        return False
    if isinstance(error, AttributeError) and error.name in _set_by_others(place, reading):
        return False
    if hasattr(place, "proposal") and not _is_called_as_meant(place, reading):
        return False
    upstream = [p for p, source in reading.backward.bound if source[0] == "g"]
    if not all(is_gradient_name(p) or p == "dvalues" for p in upstream):
        return False
    names = place.functions()
    if stem(reading.forward.name, names) != stem(reading.backward.name, names):
        front, back = place.required(reading.forward.name), place.required(reading.backward.name)
        if not _cost.search(reading.forward.name) or front != back:
            return False
    return _raised_in(place, reading.backward, error)


def _is_called_as_meant(place, reading):
    """Whether all that a backward is given has its own name: with sizes by trying, a guess more may be to blame."""
    returned = names_returned(place, reading.forward.name)
    asked = {name for name, _ in reading.forward.bound}
    tree = place.tree_of(reading.forward.name)
    if any(hints.entries(tree, name) > 2 for name in asked):
        return False  # it may be a list of arrays
    upstream = [p for p, source in reading.backward.bound if source[0] == "g"]

    def has_its_name(p, source):
        kind, *what = source
        if kind == "out":
            return returned[what[0]] == p
        if kind == "given":
            return what == [p] and p in asked
        return kind == "g" or kind == "rest" and bool(cache_named.match(p))

    return len(upstream) < 2 and all(has_its_name(p, source) for p, source in reading.backward.bound)


def _raised_in(place, step, error):
    """Whether an error was raised in a function of the person's, or in what that called."""
    function = place.functions().get(step.name)
    frames = (frame for frame, _ in traceback.walk_tb(error.__traceback__))
    return function is not None and any(frame.f_code is function.__code__ for frame in frames)


def _makes_no_number(reading, scene, numbers):
    """Whether a sum or a mean is asked for of what is a number already, or none of what is not. `numbers`: what is known of
    (forward, loss).
    """
    if reading.backward is None or reading.takes_g or reading.inside or reading.reduce not in ("", *MEANS):
        return False
    if reading.outputs == NUMBER:
        return False
    key = reading.forward, reading.loss
    if key not in numbers:
        numbers[key] = None
        with load.quiet(), load.refusing(scene.program), load.limited(5), contextlib.suppress(Exception):
            with np.errstate(all="ignore"):
                y = replace(reading, reduce="", elementwise=False).run(scene.live(), back=False).y
            numbers[key] = None if y is None or isinstance(y, tuple) else (np.ndim(y), np.size(y))
    if numbers[key] is None:
        return False
    axes, size = numbers[key]
    return axes == 0 if reading.reduce or reading.elementwise else size != 1


def _set_by_others(place, reading):
    """The attributes that methods set which this reading does not call: what they leave must be there first."""
    called = {reading.forward.name, reading.backward.name}
    others = [f for n, f in place.functions().items() if n not in called] if place.kind is not None else []
    return set().union(*(attributes(place.program.tree_of(f), ast.Store) for f in others))


def _asks_for_objects(place, step):
    """Whether a function calls methods of what a Step gives it as an array: loss.backward(), where loss is an object."""
    called = [n.func for n in walk(place.tree_of(step.name)) if isinstance(n, ast.Call)]
    owners = {name_of(f.value) for f in called if isinstance(f, ast.Attribute)}
    arrays = {p for p, source in step.bound if source[0] in ("g", "y", "result", "rest", "out")}
    return bool(arrays & owners - {"np"})


def _broken(place, reading, scene, error):
    """The Found of a backward that raises: the gradients are those that its text promises."""
    found = Found(place, reading, evidence.promises(reading, scene), None)
    path = str(place.program.path)
    lines = [n for frame, n in traceback.walk_tb(error.__traceback__) if frame.f_code.co_filename == path]
    found.raised, found.raised_in = f"{type(error).__name__}: {error}", lines[-1]
    return found


def attempt(place, reading, scene, warm=None, seconds=5):
    """A Found, or None where the reading is not one: no gradient, or y and the way g enters do not fit.

    Where objects or globals keep state, forward has been called before on other inputs: what backward reads must not
    be left from that call. A program that empties its lists in backward is right if a whole round came before; only
    what is wrong after either is called wrong.
    """
    with load.quiet(), load.refusing(place.program), np.errstate(all="ignore"), load.limited(seconds):
        if warm is not None:
            return _attempt(place, reading, warmed(reading, scene, warm), warm)
        if not _keeps_state(place, reading, scene):
            return _attempt(place, reading, scene, "cold")
        key = "warm", reading.before_backward
        after = scene.once(key, lambda: warmed(reading, scene, "forward"))
        first = _attempt(place, reading, after, "forward")
        if first is not None and not first.wrong:
            return first
        whole = _attempt(place, reading, warmed(reading, scene, "round"), "round")
        # after a step that leads far off, gradients are lost
        lost = whole and first and {m.value for m in first.matches} - {m.value for m in whole.matches}
        if whole is not None and not whole.wrong and not lost:
            return whole
        cold = _attempt(place, reading, scene, "cold")
        if cold is not None and not cold.wrong:
            if first is None:  # what is left of the other call is so far off that no value fits it
                matches = [replace(m, right=False) for m in cold.matches]
                first = Found(place, reading, matches, cold.y, "forward", cold.open, cold.missed)
            wrong_now = {m.value for m in first.matches if not m.right}
            first.stale = any(m.right and m.value in wrong_now for m in cold.matches)
    return first or cold


def _keeps_state(place, reading, scene):
    if reading.backward is None and not reading.closure:
        return False
    if place.kind is not None:
        return True
    held = place.program.names
    data = any(scenes.is_data(k, v) and isinstance(v, dict | list | np.ndarray) for k, v in held.items())
    return data or any(scenes.is_own(v, place.program) for v in [*held.values(), *scene.arguments.values()])


def warmed(reading, scene, how):
    """The scene after forward ("forward"), or forward and backward ("round"), was called on other inputs."""
    if how == "cold":
        return scene
    for factor in (0.9, 1):  # entries in another place and of another size; labels may have to keep theirs
        live = scene.live()
        generators = _generators(live, scene.program)
        kept = {k: copy.deepcopy(v) for k, v in live.arguments.items() if isinstance(v, np.ndarray | float)}
        rng = np.random.default_rng(scene.seed)
        for key, value in kept.items():
            other = rng.permutation(np.ravel(value)).reshape(np.shape(value)) if np.ndim(value) else value
            live.arguments[key] = factor * other if np.asarray(value).dtype.kind == "f" else other
        try:
            reading.run(live, None, back=how == "round")
            break
        except load.Refused:
            raise
        except Exception:
            if factor == 1:
                return scene  # it cannot take these inputs: nothing is learned
    for name in dir(live.owner) if scenes.is_own(live.owner, scene.program) else ():
        if _reset.match(name):  # what they call between two steps
            with contextlib.suppress(Exception):
                getattr(live.owner, name)()
    live.arguments.update(kept)
    for generator, state in generators:
        _restore(generator, state)
    try:
        after = scenes.Scene(scene.program, live.arguments, live.owner, scene.seed)
    except Exception:  # it keeps what cannot be copied, such as a generator
        after = scene
    scene.live()  # the globals are those of the scene again
    return after


def _generators(live, program):
    """The generators that objects, arguments and globals hold, with their states."""
    found, seen, waiting = [], set(), [v for _, _, _, v in live.roots()]
    while waiting:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, np.random.Generator):
            found.append((value, copy.deepcopy(value.bit_generator.state)))
        elif isinstance(value, np.random.RandomState):  # noqa: NPY002
            found.append((value, value.get_state()))
        elif scenes.is_own(value, program):
            waiting += vars(value).values()
        elif isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, list | tuple):
            waiting += value
    return found


def _restore(generator, state):
    if isinstance(generator, np.random.Generator):
        generator.bit_generator.state = state
    else:
        generator.set_state(state)


def _attempt(place, reading, scene, warm):
    y = reading.run(scene.live(), back=False).y
    if y is None or not (is_number(y) or isinstance(y, tuple) and all(map(is_number, y))):
        return None
    scalar = not isinstance(y, tuple) and np.size(y) == 1
    if not scalar and not reading.takes_g and not reading.elementwise:
        return None
    if reading.elementwise and scalar and np.ndim(y) == 0:
        return None
    of_the_output = reading.loss is not None and any(source == ("y",) for _, source in reading.loss.bound)
    if of_the_output and _is_blind(reading, scene):
        return None  # the output was compared with itself
    matches, y, (missed, open_) = evidence.match(reading, scene)
    if not matches or _gives_no_gradient(reading, scene, matches):
        return None
    if scalar and _asks_for_labels(reading) and not any(m.right for m in matches):
        return None  # there is a loss of what forward gives and of these
    if _compares_with_itself(reading, scene, matches):
        return None
    if reading.elementwise and any(np.shape(y) != np.shape(_value(scene, m.value)) for m in matches):
        return None
    if _leaves_out_a_gradient(reading, scene, matches):
        return None  # it would be right only because what comes from above is not used
    if reading.takes_g and not scalar and not _linear(reading, scene, matches):
        if not _asks_for_g(place, reading) or not any(m.named for m in matches):
            return None  # a backward that asks for g and ignores it is a mistake; what else is given is not g
    return Found(place, reading, matches, y, warm, open_, missed)


def _asks_for_labels(reading):
    """Whether backward goes back from forward itself, and is given what forward is not given."""
    if (
        reading.backward is None
        or reading.takes_g
        or reading.loss is not None
        or reading.reduce
        or reading.inside
    ):
        return False
    known = {source for _, source in reading.forward.bound}
    return any(source[0] == "given" and source not in known for _, source in reading.backward.bound)


def _gives_no_gradient(reading, scene, matches):
    """Whether all that is given is 0, by a function that no name says goes back, or is what was given itself: a function
    that makes room for gradients, or one that hands on a dict of values.
    """
    if reading.closure or any(m.right or m.source.kind != "returned" for m in matches):
        return False
    given = gradients(reading, scene.live(), {m.value: m.source for m in matches}, None)
    if not goes_back((reading.backward or reading.forward).name) and not any(map(np.any, given.values())):
        return True
    copies = [np.array_equal(given.get(m.value), _value(scene, m.value)) for m in matches]
    return reading.backward is None and all(copies)


def _compares_with_itself(reading, scene, matches):
    """Whether backward is given what forward gave, and all is 0 then: as its labels, which are others."""
    output = ("y",), ("rest",), ("result",)
    if reading.backward is None or all(source not in output for _, source in reading.backward.bound):
        return False
    if any(m.right for m in matches):
        return False
    given = gradients(reading, scene.live(), {m.value: m.source for m in matches}, None)
    return not any(map(np.any, given.values()))


def _is_blind(reading, scene):
    """Whether a loss is the same whatever forward is given."""
    live, other = scene.live(), scene.live()
    for address, (container, key, value) in scenes.leaves(other, other.program).items():
        if address[0][0] == "arg":
            scenes.put(container, key, value, 1.3 * value + 0.1)
    return np.array_equal(reading.run(live, back=False).y, reading.run(other, back=False).y)


def _leaves_out_a_gradient(reading, scene, matches):
    """Whether a parameter that is named like a gradient was given something else, and is not used at all."""
    if reading.backward is None or not (reading.reduce or reading.elementwise):
        return False
    sources = {m.value: m.source for m in matches}
    for p, source in reading.backward.bound:
        if not is_gradient_name(p) or source[0] not in ("y", "given", "kept", "out"):
            continue
        bound = tuple((q, ("moved", source) if q == p else s) for q, s in reading.backward.bound)
        other = replace(reading, backward=replace(reading.backward, bound=bound))
        try:
            once, moved = (gradients(r, scene.live(), sources, None) for r in (reading, other))
        except Exception:
            continue
        if all(np.array_equal(once[k], moved.get(k), equal_nan=True) for k in once):
            return True
    return False


def _asks_for_g(place, reading):
    """Whether backward needs the upstream gradient: a parameter named so without a default, or one that it reads."""
    if not reading.takes_g:
        return False
    if reading.closure:
        tree = place.tree_of(reading.forward.name)
        inner = [n for n in walk(tree) if isinstance(n, ast.FunctionDef) and n is not tree]
        if not inner or not inner[-1].args.args:
            return False
        tree, name = inner[-1], inner[-1].args.args[0].arg
        required = not inner[-1].args.defaults
    else:
        name = next(p for p, source in reading.backward.bound if source[0] == "g")
        if reading.backward.of:
            return is_gradient_name(name)
        if not is_gradient_name(name) and name != "dvalues":
            return False
        tree = place.tree_of(reading.backward.name)
        required = name in place.required(reading.backward.name)
    return required or name in names_in(tree)


def _value(scene, address):
    live = scene.live()
    return scenes.leaves(live, live.program)[address][2]


def _linear(reading, scene, matches):
    """Whether doubling g doubles the gradients, or at least one of them: a g that is not the upstream gradient does not."""
    sources = {m.value: m.source for m in matches}
    once = gradients(reading, scene.live(), sources, np.ones_like)
    twice = gradients(reading, scene.live(), sources, lambda y: 2 * np.ones_like(y))
    good = [np.allclose(2 * once[k], twice[k], rtol=1e-8, atol=1e-10) for k in once if k in twice]
    return any(good)


def gradients(reading, live, sources, g):
    """{value's address: gradient} of one run, read where the sources say."""
    return _read(reading.run(live, g), sources, live)


def _read(outcome, sources, live):
    returned = scenes.returned_leaves(outcome.returned, live.program)
    found = {}
    for value, source in sources.items():
        if source.among:
            got = returned.get(source.address[:-1], (None, None, None))[2]
            shapes = [np.shape(scenes.reach(live, a)[2]) for a in source.among]
            ends, k = np.cumsum([math.prod(shape) for shape in shapes]), source.among.index(value)
            whole = got is not None and np.size(got) == ends[-1]
            got = np.split(np.ravel(got), ends[:-1])[k].reshape(shapes[k]) if whole else None
        elif source.kind in ("returned", "moved"):
            got = returned.get(source.address, (None, None, None))[2]
            if source.kind == "moved" and got is not None:
                start = scenes.reach(live, value)[2]
                got = (start - got) / source.step - source.decay * start
        elif source.kind == "inside":
            got = None if outcome.inside is None else outcome.inside.values.get(source.address)
        else:
            got = (scenes.reach(live, source.address) or (None, None, None))[2]
            before = outcome.before.get(source.address)
            if got is not None and source.kind == "added" and before is not None:
                got = got - before[1]
            elif got is not None and source.kind == "changed" and before is not None:
                got = (before[1] - got) / source.step - source.decay * before[1]
        if got is not None:
            found[value] = np.array(got, dtype=np.float64)
            if source.row or source.count:
                found[value] = source.whole(found[value], np.shape(scenes.reach(live, value)[2]), live)
    return found


def _rules(place, reading, warm, seeds, promised):
    """{value: the Match that says where its gradient is found}, from builds with several seeds; right ones win."""
    rules = {m.value: m for m in promised}
    for seed in seeds:
        try:
            found = attempt(place, reading, place.build(seed), warm)
        except load.Refused:
            raise
        except Exception:
            continue
        for m in found.matches if found is not None else ():
            known = rules.get(m.value)
            if known is None or m.right and not known.right:
                rules[m.value] = m
    return rules


def _sources(rules, program):
    """A function of an address that gives the Source of its gradient: that of a rule, or of its pattern; None for others."""
    patterns = {}
    for m in sorted((m for m in rules.values() if not _written_out(m, program)), key=lambda m: not m.right):
        steps, own = scenes.pattern(m.value)
        theirs, numbers = scenes.pattern(m.source.address)
        patterns.setdefault(steps, (m, theirs, numbers, own))

    def by_pattern(address):
        steps, numbers = scenes.pattern(address)
        if steps not in patterns or not numbers:
            return None
        m, theirs, kept, own = patterns[steps]
        if not kept:  # one array is the gradient of one
            return None
        if len(numbers) != len(kept):
            # layers[4].b has its gradient in layers[4].grads[1]: in another layer only the 4 is another number
            numbers = [numbers[own.index(k)] if k in own else k for k in kept]
        there = scenes.fill(theirs, numbers)
        inside = m.source.kind == "inside"
        return replace(
            m.source, address=there, label=evidence.called_inside(there) if inside else scenes.text(there)
        )

    for m in [m for m in rules.values() if m.right]:  # of layers[0] may be grads[1], and the other way round
        told = by_pattern(m.value)
        if told is not None and told.address != m.source.address:
            del patterns[scenes.pattern(m.value)[0]]
    return lambda address: rules[address].source if address in rules else by_pattern(address)


def task_of(place, reading, warm="cold", seeds=(1, 2, 3), promised=()):
    """The Task of a reading: gradients paired on a few scenes, and for others by the pattern of their addresses.

    `promised`: the Matches of a backward that raises, as far as they are known from its text.
    """
    rules, names, shapes, compared = _rules(place, reading, warm, seeds, promised), {}, set(), set()
    source_of = _sources(rules, place.program)
    places, makes_functions = {}, _holds_closures(place)

    def at(seed):
        if seed not in places or makes_functions:
            scene = place.build(seed)
            with load.quiet(), np.errstate(all="ignore"):
                scene = warmed(reading, scene, warm)
            live = scene.live()
            known = scenes.leaves(live, live.program)
            alike = _holders(rules, known)
            sources = {a: source_of(a) for a, (holder, *_) in known.items() if a in rules or alike(a, holder)}
            sources = {a: s for a, s in sources.items() if s is not None}
            fed = {a: scenes.text(a) for a in known if a in sources or a[0][0] == "arg" and len(a) == 1}
            fed |= {a: scenes.text(a) for a, found in known.items() if _is_setting(a, found[2])}
            places[seed] = scene, sources, _distinct(fed)
        return places[seed]

    def draw(rng):
        seed = int(rng.integers(1 << 30))
        scene, sources, fed = at(seed)
        live = scene.live()
        known = scenes.leaves(live, live.program)
        values = {SEED: seed}
        for address, name in fed.items():
            value = np.array(known[address][2], dtype=np.float64)
            if address in sources and address[0][0] != "arg" and value.size > 1 and np.ptp(value) == 0:
                value = value + 0.2 * rng.uniform(0.5, 1.5, value.shape)  # a bias of zeros hides mistakes
            values[name] = value
            if address in sources:
                names[name] = sources[address].label or f"the gradient at {name}"
                compared.add(sources[address].address)
        return values | {n: np.array(v) for n, v in _whole(live).items() if n not in values}

    def fresh(values):
        scene, sources, fed = at(int(values[SEED]))
        live = scene.live()
        for address, name in fed.items():
            if name in values:
                container, key, old = scenes.reach(live, address)
                scenes.put(container, key, old, values[name])
        live.arguments |= {n: int(values[n]) for n in _whole(live) if n in values and n not in fed.values()}
        return live, sources, fed

    def play(values, g=None):
        live, sources, fed = fresh(values)
        if g is not None and not (isinstance(g, np.ndarray) and g.dtype == np.float64):
            g = np.array(g, dtype=np.float64)
        # g's own entries: a change is seen
        upstream = None if g is None else (lambda y: g.reshape(np.shape(y)))
        before = [s.address for s in sources.values() if s.kind in ("added", "changed")]
        with load.quiet(), np.errstate(all="ignore"):
            outcome = reading.run(live, upstream if reading.takes_g else None, watched=before)
            found = _read(outcome, sources, live)
        y = np.array(outcome.y, dtype=np.float64)
        if not reading.takes_g and g is not None:  # what takes no g is the gradient for g = 1
            factor = np.asarray(g) if reading.elementwise else float(np.sum(g))
            found = {a: factor * v for a, v in found.items()}
        start = {n: np.shape(values[n]) for n in values}
        named = {fed[a]: v for a, v in found.items() if a in fed}
        named = {n: v.reshape(start[n]) if evidence.alike(start[n], v.shape) else v for n, v in named.items()}
        return Played(float(y) if y.ndim == 0 else y, named)

    def forward(values):
        live, _, _ = fresh(values)
        with load.quiet(), np.errstate(all="ignore"):
            y = reading.run(live, back=False).y
        if isinstance(y, tuple):
            y = np.concatenate([np.ravel(part) for part in y])
        y = np.array(y, dtype=np.float64)
        return float(y) if y.ndim == 0 else y

    def penalty(function, values):
        live, _, _ = fresh(values)
        with load.quiet(), np.errstate(all="ignore"):
            reading.run(live, back=False)
            return float(function(live.owner))

    for seed in range(3):
        values = draw(np.random.default_rng(seed))
        shapes.add(tuple(np.shape(v) for v in values.values()))
    step = next((m.source.step for m in rules.values() if m.source.kind == "changed"), None)
    return Task(
        reading.title,
        reachable(place.program),
        draw,
        play,
        forward,
        names,
        compared,
        len(shapes) > 1,
        step,
        takes_g=reading.takes_g,
        assumed=running.KIND in dict(reading.forward.bound) or isinstance(reading.loss, Assumed),
        several=reading.outputs not in (1, NUMBER, *PLAYERS),
        must_use_g=_asks_for_g(place, reading),
        may_change_g=True,
        penalties={n: functools.partial(penalty, f) for n, f in _penalties(place, reading).items()},
    )


def _holders(rules, known):
    """A function (address, object) that says whether the object is of the class of one that a rule speaks of there."""
    kinds = {(scenes.pattern(a)[0], type(known[a][0])) for a in rules if a in known}
    return lambda address, holder: (scenes.pattern(address)[0], type(holder)) in kinds


def _whole(live):
    """{name: whole number} of the arguments."""
    return {n: v for n, v in live.arguments.items() if type(v) is int}


def _penalties(place, reading):
    """{name: function of the object whose method forward is} of what gives a penalty, by its name: a method without arguments
    beside forward, or one of another class, or a function, that takes such an object: loss.regularization_loss(layer).
    """
    if place.kind is None:
        return {}
    functions, known = place.functions(), {reading.forward.name, getattr(reading.backward, "name", None)}
    words = re.compile(rf"{_cost.pattern}|penalt|regulari[sz]|reg_|_reg|decay|l[12]|prior", re.I)

    def may_be(name, parameters, count):
        asked = [p for p in parameters if p.default is p.empty]
        is_other = name not in known and not goes_back(name, functions)
        return is_other and len(asked) == count and words.search(name)

    found = {n: f for n, f in functions.items() if may_be(n, place.parameters(n), 0)}
    for kind in place.program.classes().values():
        there = Place(place.program, "", None, kind)
        for n, f in there.functions().items():
            if kind is not place.kind and may_be(n, there.parameters(n), 1):
                found.setdefault(n, functools.partial(f, _blank(kind)))
    bare = Place(place.program, "", None)
    alone = {n: f for n, f in bare.functions().items() if may_be(n, bare.parameters(n), 1)}
    return alone | found


def _blank(kind):
    """An object of a class, without what its constructor would make."""
    try:
        return object.__new__(kind)
    except TypeError:
        return None


def _holds_closures(place):
    """Whether objects keep functions that the person's code made: they are made again for every run, since a change of
    the code that makes them must reach them.
    """
    live, path = place.build(1).live(), str(place.program.path)
    found = reachable_from(live.owner, *live.arguments.values())
    return any("<locals>" in f.__qualname__ and f.__code__.co_filename == path for f in found)


def _is_setting(address, value):
    """Whether a number that objects or globals hold may be another one: a slope, a weight of a penalty, but no step size."""
    return isinstance(value, float) and value != 0 and str(address[-1][1]).lower() not in evidence.steps


def _written_out(m, program):
    """Whether a gradient's name, dW3, stands in the file with its number: then it says nothing of a dW1."""
    return any(word in program.words for word in re.findall(r"[A-Za-z_]\w*\d\w*", m.source.label))


def _distinct(fed):
    """Names that are not used twice: self.x is x where nothing else is called so."""
    count = Counter(fed.values())
    return {a: n if count[n] == 1 else f"{n} ({a[0][0]})" for a, n in fed.items()}


def reachable(program):
    """Every plain function of the file that a mistake may sit in: functions, methods, getters, static methods."""
    found = list(program.functions().values()) + list(_lambdas(program).values())
    for kind in program.classes().values():
        for value in vars(kind).values():
            if isinstance(value, property):
                found += [f for f in (value.fget, value.fset) if f]
            elif isinstance(value, staticmethod | classmethod):
                found.append(value.__func__)
            elif isinstance(value, types.FunctionType) and value.__code__.co_filename == str(program.path):
                found.append(value)
    return tuple(f for f in dict.fromkeys(found) if f.__name__ not in ("inputs", "main"))


def covered(program, found):
    """The readings whose functions no other accepted reading calls: the outermost ones."""
    fits = {_key(f, f.reading.backward) for f in found if f.reading.backward and f.right}
    alone = [f for f in found if not f.reading.backward or f.reading.outputs in PLAYERS]
    found = [f for f in found if f.right or f in alone or _key(f, f.reading.backward) not in fits]
    plain = {(_key(f, f.reading.backward), f.reading.forward.name): f for f in found if not f.reading.loss}

    def is_told_plainly(f):  # the loss alone is the forward, and what stands before it is another one
        other = f.reading.loss and plain.get((_key(f, f.reading.backward), f.reading.loss.name))
        return bool(other) and other.worth >= f.worth

    found = [f for f in found if not is_told_plainly(f)]
    as_loss = {(_key(f, f.reading.backward), f.reading.loss.name) for f in found if f.reading.loss}
    found = [f for f in found if (_key(f, f.reading.backward), f.reading.forward.name) not in as_loss]
    names = names_of_code(program)
    reach = {}
    for f in found:
        own = {key for key in (_key(f, f.reading.forward), _key(f, f.reading.backward)) if key}
        reach[id(f)] = own, own | entered(f, names)
    kept = []
    for f in found:
        own, mine = reach[id(f)]
        back = f.reading.backward and _key(f, f.reading.backward)
        # those of the other player
        theirs = [o for o in found if {f.reading.outputs, o.reading.outputs} == {*PLAYERS}]
        others = [o for o in found if o is not f and back and back == _key(o, o.reading.backward)]
        others = [o for o in others if o not in theirs]
        if not f.right and any(o in kept for o in others):
            continue  # another loss fits it better
        earlier = found[: found.index(f)]
        around = [o for o in found if o is not f and o not in theirs and own <= reach[id(o)][1]]
        outer = [o for o in around if not reach[id(o)][0] <= mine and (o not in others or o in earlier)]
        same = [o for o in around if o in kept and reach[id(o)][0] <= mine]
        if not outer and not same:
            kept.append(f)
    return kept


def reached(program, found):
    """The names of all functions that these readings call."""
    names = names_of_code(program)
    return set().union(*(entered(f, names) for f in found)) if found else set()


def names_of_code(program):
    """{code object: function or Class.method} of the file; what is defined inside a function has its name."""
    functions = program.functions() | _lambdas(program)
    consts = ((c, name) for name, f in functions.items() for c in f.__code__.co_consts)
    inner = {c: name for c, name in consts if isinstance(c, types.CodeType)}
    own = sorted(
        functions, key=lambda name: name == functions[name].__name__
    )  # rather than f of: for f in (huber, mse)
    found = inner | {functions[name].__code__: name for name in own}
    for kind in program.classes().values():
        for name, value in vars(kind).items():
            value = getattr(value, "__func__", value)
            if isinstance(value, types.FunctionType):
                found[value.__code__] = f"{kind.__name__}.{name}"
    return found


def entered(found, names):
    """The names of the functions that one run of a reading enters."""
    seen = set()

    def watch(frame, event, _):
        if event == "call" and frame.f_code in names:
            seen.add(names[frame.f_code])

    _run_watched(found, found.place.build(0).live(), watch)
    return seen


def steps_twice(found, names):
    """Whether one run of a reading changes a parameter more than once, as where a critic takes a step for real and one for
    made data: the change is then the gradient of no loss.
    """
    live, last, count = found.place.build(0).live(), {}, Counter()

    def watch(frame, event, _):
        if event == "return" and frame.f_code in names:
            for m in found.matches:
                now = np.array(scenes.reach(live, m.value)[2])
                count[m.value] += not np.array_equal(now, last.setdefault(m.value, now))
                last[m.value] = now

    for m in found.matches:
        last[m.value] = np.array(scenes.reach(live, m.value)[2])
    _run_watched(found, live, watch)
    return any(n > 1 for n in count.values())


def _run_watched(found, live, watch):
    before = sys.getprofile()
    with contextlib.suppress(Exception), load.quiet(), np.errstate(all="ignore"):
        sys.setprofile(watch)
        try:
            found.reading.run(live, None)
        finally:
            sys.setprofile(before)


def _key(found, step):
    if step is None:
        return None
    if step.of == FILE:
        return step.name
    if step.of:
        return f"{type(found.place.build(0).arguments[step.of]).__name__}.{step.name}"
    return found.place.key_of(step.name)


def computes(tree):
    """Whether a function computes anything: one that only hands over what others keep, or raises, cannot be wrong."""
    if not isinstance(tree, ast.FunctionDef):
        return False
    own = [n for part in tree.body if not isinstance(part, ast.Raise) for n in walk(part)]
    arithmetic = any(isinstance(n, ast.BinOp | ast.AugAssign | ast.UnaryOp) for n in own)
    return arithmetic or bool(_takes(tree)) and any(isinstance(n, ast.Call) for n in own)


def call_graph(program):
    """{function or Class.method: names it calls}; a method's name stands for every class that has it."""
    methods, graph = {}, {}
    nodes = {}
    for node in program.tree.body:
        if isinstance(node, ast.FunctionDef):
            nodes[node.name] = node
        if isinstance(node, ast.ClassDef):
            for item in node.body:
                if isinstance(item, ast.FunctionDef):
                    nodes[f"{node.name}.{item.name}"] = item
                    methods.setdefault(item.name, []).append(f"{node.name}.{item.name}")
    for name, node in nodes.items():
        called = set()
        for n in walk(node):
            if isinstance(n, ast.Name) and n.id in nodes:
                called.add(n.id)
            elif isinstance(n, ast.Attribute) and n.attr in methods:
                own = f"{name.split('.')[0]}.{n.attr}"
                called.update([own] if is_of_self(n) and "." in name and own in nodes else methods[n.attr])
            elif isinstance(n, ast.Call):  # of an object, perhaps, which is kept in self or has a name
                kept = is_of_self(n.func) and n.func.attr not in methods
                plain = name_of(n.func)
                if kept or plain and plain not in nodes and not hasattr(builtins, plain):
                    called.update(methods.get("__call__", []))
        graph[name] = called
    return graph


def closure(graph, start):
    seen, waiting = set(), list(start)
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += graph.get(name, ())
    return seen
