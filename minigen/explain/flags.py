"""Functions that give their own derivative where a flag asks for it: def tanh(x, deriv=False).

For each, a function tanh_derivative(x) that calls tanh(x, deriv=True) is added behind the file's last line, so that the two
are found as any f and f_prime are. Where the file itself calls it so within a network, that is judged, and no pair is made.
"""

import ast
import copy
import re

from minigen.explain.source import called_name, walk

FLAG = re.compile(
    r"d|der(iv\w*)?|d?prime|grad(ient)?|backward|diff|ableitung|derivada|derivee|pochodna|afgeleide", re.I
)


def functions(tree, passes=()):
    """[FunctionDef] of the derivatives of a file's functions; `passes`: those of its loops, which may call them."""
    found, last = [], max((getattr(n, "end_lineno", 0) for n in tree.body), default=0)
    names = {n.name for n in tree.body if isinstance(n, ast.FunctionDef)}
    for function in (n for n in tree.body if isinstance(n, ast.FunctionDef)):
        flag, name = _flag(function), f"{function.name}_derivative"
        if flag and name not in names and not _is_called_with([tree, *passes], function, flag):
            others = _without(function.args, flag)
            handed = ", ".join([*(f"{a.arg}={a.arg}" for a in others.args), f"{flag}=True"])
            text = f"def {name}({ast.unparse(others)}): return {function.name}({handed})"
            (made,) = ast.parse(text).body
            found.append(ast.increment_lineno(made, last + 1))
    return found


def asked(derivatives):
    """{derivative: (function, flag)} of the FunctionDefs that `functions` makes."""
    calls = {n.name: n.body[0].value for n in derivatives}
    return {name: (call.func.id, call.keywords[-1].arg) for name, call in calls.items()}


def _flag(function):
    """The name of the argument that asks for the derivative; "" where there is none."""
    asked, defaults = function.args.args, function.args.defaults
    for argument, default in zip(asked[len(asked) - len(defaults) :], defaults, strict=True):
        off = isinstance(default, ast.Constant) and default.value in (False, 0) and len(asked) > 1
        if off and FLAG.fullmatch(argument.arg):
            return argument.arg
    return ""


def _without(arguments, name):
    """The arguments of a function without one that has a default."""
    others = copy.deepcopy(arguments)
    place = [a.arg for a in others.args].index(name)
    del others.defaults[place - len(others.args)]
    del others.args[place]
    return others


def _is_called_with(trees, function, flag):
    """Whether the file calls a function with its flag, outside of the function itself."""
    own = {id(n) for n in walk(function)}
    place = [a.arg for a in function.args.args].index(flag)
    nodes = (n for tree in trees for n in walk(tree) if id(n) not in own)
    calls = [n for n in nodes if called_name(n) == function.name]
    return any(len(n.args) > place or any(k.arg == flag for k in n.keywords) for n in calls)
