"""A function that makes other functions, read as a class: `f, df = make_objective(x, y)` has the methods f and df.

An object of it keeps the arguments and calls the person's function anew for every copy, so that a changed program
makes changed closures. The arrays that the functions share, such as weights, are its attributes.
"""

import ast
import contextlib
import copy
import inspect
import types

import numpy as np

from minigen.explain import evidence, pairs
from minigen.explain.source import name_of, walk


def kinds(program):
    """{name: class} of the functions at the top level that return functions of their own, with parameters beside them."""
    found = {}
    for name, function in program.functions().items():
        tree = program.tree_of(function)
        body = tree.body if isinstance(tree, ast.FunctionDef) and name[0] != "_" else []
        inner = {n.name: n for n in body if isinstance(n, ast.FunctionDef)}
        if any(n.args.args[:1] and n.args.args[0].arg in ("self", "cls") for n in inner.values()):
            continue  # a decorator of methods
        made = _names_made(evidence.value_returned(tree)) if inner else {}
        own = {n: key for key, n in made.items() if n in inner}
        # parameters that it makes; a forward returns its output and its backward
        others = made.values() - own.keys()
        given = {a.arg for a in tree.args.args} if inner else set()
        if own and (not others or not others & given and not any(map(pairs.goes_back, own))):
            found[name] = _kind(program, function, {inner[n]: key for n, key in own.items()})
    return found


def namespaces(program):
    """{name: object} of the classes that nobody makes an object of, with nothing but class methods: an object instead, with
    the class's data as its attributes, so that every run can have data of its own.
    """
    called = {name_of(n.func) for n in walk(program.tree) if isinstance(n, ast.Call)}
    found = {}
    for name, kind in program.classes().items():
        own = {k: v for k, v in vars(kind).items() if not k.startswith("__")}
        methods = [v for v in own.values() if isinstance(v, classmethod | types.FunctionType | property)]
        data = any(isinstance(v, np.ndarray) for v in own.values())
        if name in called or "__init__" in vars(kind) or kind.__mro__ != (kind, object):
            continue
        if data and methods and all(isinstance(m, classmethod) for m in methods):
            found[name] = _object_for(kind, own)
    return found


def _object_for(kind, own):
    data = {k: v for k, v in own.items() if not isinstance(v, classmethod | staticmethod)}
    methods = {k: getattr(v, "__func__", v) for k, v in own.items() if k not in data}

    def begin(self):
        vars(self).update(copy.deepcopy(data))

    return type(kind.__name__, (), {"__init__": begin, "__module__": kind.__module__, **methods})()


def _names_made(node):
    """{key or place: name} of the functions that stand in what is returned; {} where there is something else."""
    if isinstance(node, ast.Name):
        return {None: node.id}
    if isinstance(node, ast.Tuple | ast.List) and all(isinstance(n, ast.Name) for n in node.elts):
        return {i: n.id for i, n in enumerate(node.elts)}
    if isinstance(node, ast.Dict) and all(isinstance(n, ast.Name) for n in node.values):
        both = zip(node.keys, node.values, strict=True)
        return {k.value: n.id for k, n in both if isinstance(k, ast.Constant)}
    return {}


def _kind(program, function, made):
    """A class whose objects are calls of `function`; `made` says which of its inner functions stands where."""
    signature = inspect.signature(function)

    def begin(self, *arguments, **named):
        bound = signature.bind(*arguments, **named)
        bound.apply_defaults()
        vars(self).update(bound.arguments)
        if not any(isinstance(v, np.ndarray | list | dict) for v in bound.arguments.values()):
            with contextlib.suppress(Exception):  # it says so itself when one of its functions is called
                cells = shared(function(*arguments, **named))
                vars(self).update({k: cell.cell_contents for k, cell in cells.items()})

    itself = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    begin.__signature__ = signature.replace(parameters=[itself, *signature.parameters.values()])

    def call(self, key, *arguments):
        kept = vars(self)
        if "(made)" not in kept:
            result = function(**{name: kept[name] for name in signature.parameters})
            # the functions alone: what stands beside them is in their cells
            if isinstance(result, tuple | list):
                result = [part if callable(part) else None for part in result]
            kept["(made)"] = result
        result = kept["(made)"]
        cells = {name: cell for name, cell in shared(result).items() if name in kept}
        for name, cell in cells.items():
            cell.cell_contents = kept[name]
        returned = (result if key is None else result[key])(*arguments)
        kept.update({name: cell.cell_contents for name, cell in cells.items()})
        return returned

    def shared(result):
        cells = _cells(list(result.values()) if isinstance(result, dict) else result)
        return {name: cell for name, cell in cells.items() if name not in signature.parameters}

    def without_closures(self):
        return {name: value for name, value in vars(self).items() if name != "(made)"}

    members = {"__init__": begin, "__getstate__": without_closures, "__module__": program.module.__name__}
    for tree, key in made.items():
        members[tree.name] = _method(program, tree, key, call)
    return type(function.__name__, (), members)


def _cells(made):
    """{name: cell} of the arrays, dicts and lists that functions share, and those that they call."""
    found, seen, waiting = {}, set(), list(made if isinstance(made, list | tuple) else [made])
    while waiting:
        function = waiting.pop()
        if not isinstance(function, types.FunctionType) or function in seen:
            continue
        seen.add(function)
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            with contextlib.suppress(ValueError):  # it is empty
                value = cell.cell_contents
                waiting.append(value)
                if isinstance(value, np.ndarray | dict | list):
                    found.setdefault(name, cell)
    return found


def _method(program, tree, key, call):
    """A method that stands where the inner function stands, so that it is found in the file as that one."""
    arguments = copy.deepcopy(tree.args)
    names = [ast.Name(a.arg, ast.Load()) for a in arguments.args]
    arguments.args.insert(0, ast.arg("self"))
    given = [ast.Name("self", ast.Load()), ast.Constant(key), *names]
    handed = ast.Call(ast.Name("(call)", ast.Load()), given, [])
    method = copy.copy(tree)
    method.args, method.body, method.decorator_list = arguments, [ast.Return(handed)], []
    for node in ast.walk(method):
        ast.copy_location(node, tree)
    space = {**program.names, "(call)": call}
    exec(compile(ast.Module([method], []), str(program.path), "exec"), space)
    return space[tree.name]
