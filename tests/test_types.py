"""Type hints: every public function has them, and the programs of typing_use.py run.
mypy reads both, see .ci/run.
"""

import ast
import importlib
import inspect
from pathlib import Path
from types import ModuleType

import pytest
import typing_use

import minigen

PUBLIC = (
    "nn losses optim models data metrics plot baselines check saving training exchange experiment testing"
).split()


def functions():
    """{dotted name: function} of all that people reach by public names, methods and properties too."""
    found = {f"minigen.{name}": getattr(minigen, name) for name in minigen.__dir__()}
    for part in PUBLIC:
        module = importlib.import_module(f"minigen.{part}")
        names = getattr(module, "__all__", None) or [
            n for n, one in vars(module).items() if getattr(one, "__module__", None) == module.__name__
        ]
        found |= {f"{part}.{name}": getattr(module, name) for name in names if name[0] != "_"}
    found |= {"explain": minigen.explain.explain, "exercises.check": minigen.exercises.check}
    for name, one in list(found.items()):
        if isinstance(one, type):
            found |= {f"{name}.{method}": function for method, function in methods(one)}
    return {
        name: one for name, one in found.items() if callable(one) and not isinstance(one, type | ModuleType)
    }


def methods(cls):
    """The functions that a class and those of its parents in minigen define,
    with the getters of properties.
    """
    for parent in cls.__mro__:
        if parent.__module__.startswith("minigen") and not parent.__name__.startswith("NumPyProtocol"):
            for name, member in vars(parent).items():
                if name[0] != "_" or name in ("__init__", "__call__", "__add__", "__getitem__"):
                    yield name, member.fget if isinstance(member, property) else member


FUNCTIONS = functions()


def test_the_walk_finds_functions_operations_methods_and_properties():
    names = {
        "minigen.tanh",
        "minigen.Tensor.backward",
        "minigen.Tensor.data",
        "minigen.Tensor.sum",
        "nn.Dense.__init__",
    }
    assert names <= FUNCTIONS.keys()
    assert len(FUNCTIONS) > 350


def place(function):
    """The file in which a function is written, from minigen/ on."""
    file = Path(inspect.getsourcefile(inspect.unwrap(function)))
    return file.relative_to(Path(minigen.__file__).parents[1])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_public_function_has_complete_hints(name):
    signature = inspect.signature(FUNCTIONS[name])
    first, *others = signature.parameters.values() or [None]
    method = first is not None and (first.name == "self" or ".Tensor." in name)
    without = [
        p.name
        for p in ([] if first is None else others if method else [first, *others])
        if p.annotation is p.empty
    ]
    without += ["the result"] if signature.return_annotation is signature.empty else []
    assert not without, f"{place(FUNCTIONS[name])}: {name} has no type hint for {', '.join(without)}"


@pytest.mark.parametrize("program", ["operations", "gradients", "checks", "training_by_hand", "samples"])
def test_a_typical_program_runs(program):
    getattr(typing_use, program)()


def test_a_typical_training_runs(tmp_path):
    typing_use.models_and_files(tmp_path)


def test_a_checker_is_told_of_every_part():
    """`minigen.nn` is loaded when it is asked for; type checkers read the imports of __init__.py instead."""
    tree = ast.parse(Path(minigen.__file__).read_text())
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    told = {alias.name for node in block.body for alias in node.names}
    assert told == minigen._PARTS | set(minigen._FUNCTIONS)
