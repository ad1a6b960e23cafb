"""Weights to and from PyTorch: the same names, and the axes the other way round where the two differ.

`Dense` has its weight as the derivations write it, (in, out); PyTorch's Linear has (out, in). Convolutions,
transposed convolutions and normalisations agree. A .safetensors file holds weights as PyTorch has them, so
each side can read what the other wrote. None of this needs PyTorch itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from minigen.nn import Module


import difflib

import numpy as np

from minigen import arguments


def load_pytorch(
    model: Module,
    state: Mapping[str, Any],
    caller: str = "load_pytorch",
    *,
    rename: Mapping[str, str] | None = None,
) -> None:
    """Read a PyTorch state_dict, {name: tensor or array}, of the same architecture into `model`.

    `rename` takes PyTorch's names, or prefixes of them that end at a dot, to the model's: {"net.0":
    "encoder"} reads net.0.weight as encoder.weight. "" stands for all names, so {"module": ""} takes a prefix
    away. Where several fit a name, the longest counts.

    Weights of `Dense` are turned from (out, in) to (in, out). num_batches_tracked of batch norm is left out.

    Raises, having changed nothing, TypeError for what is no dict, and ValueError that lists every difference,
    suggests `rename` by shape, or names a parameter that is NaN or infinite.
    """
    if not hasattr(state, "items"):
        raise TypeError(
            f"{caller}: {{name: tensor}} expected, got {type(state).__name__}: give net.state_dict()"
        )
    here, there, turned = model.state_dict(), as_pytorch(model), _turned(model)
    state = {
        name: _from_tensor(caller, name, tensor)
        for name, tensor in state.items()
        if not (name.endswith("num_batches_tracked") and name[:-19] + "running_mean" in state)
    }
    names = _renamed(caller, state, rename or {})
    state = {names[name]: array for name, array in state.items()}
    theirs = {name: their for their, name in names.items()}
    missing = [name for name in there if name not in state]
    problems = [f"missing in PyTorch's: {name} {there[name].shape}" for name in missing]
    pairs = _pairs_of_one_shape(
        {name: array.shape for name, array in state.items() if name not in there},
        {name: there[name].shape for name in missing},
    )
    for name, array in state.items():
        if name not in there:
            near = [pairs[name]] if name in pairs else difflib.get_close_matches(name, missing, n=1)
            problems.append(
                f"not in the model: {theirs[name]} {array.shape}"
                + (f"; is it {near[0]} {there[near[0]].shape}?" if near else "")
            )
        elif array.shape != there[name].shape:
            note = f", which PyTorch keeps as {there[name].shape}" if name in turned else ""
            problems.append(f"shape: {name} is {here[name].shape} here{note}; PyTorch's is {array.shape}")
    if problems:
        cure = _shortest_rename({theirs[name]: mine for name, mine in pairs.items()}, names, rename or {})
        call = f"load_pytorch(model, state, rename={cure})"
        raise ValueError(
            f"{caller}: PyTorch's state dict does not fit {type(model).__name__}:\n  "
            + "\n  ".join(problems)
            + (f"\nBy shape and order, this may be it: {call}" if cure else "")
        )
    arguments.check_finite(caller, [(name, state[name]) for name, _ in model.named_parameters()])
    try:
        model.load_state_dict({name: a.T if name in turned else a for name, a in state.items()})
    except ValueError as error:  # a kind of number or a size that the model cannot hold
        raise ValueError(f"{caller}: {error}") from None


def _renamed(caller, names, rename):
    """{PyTorch's name: the model's}."""
    if not (
        isinstance(rename, dict) and all(isinstance(text, str) for pair in rename.items() for text in pair)
    ):
        raise TypeError(
            f"{caller}: rename takes PyTorch's names to the model's, a dict of str, got {rename!r}"
        )
    rename = {old.rstrip("."): new.rstrip(".") for old, new in rename.items()}
    found, used = {}, set()
    for name in names:
        fitting = [old for old in rename if old == "" or name == old or name.startswith(old + ".")]
        if fitting:
            old = max(fitting, key=len)
            used.add(old)
            rest = name[len(old) :].strip(".")
            found[name] = ".".join(part for part in (rename[old], rest) if part)
        else:
            found[name] = name
    for old in rename.keys() - used:
        near = difflib.get_close_matches(old, [*names, *{name.rpartition(".")[0] for name in names}], n=1)
        raise ValueError(
            f"{caller}: rename: none of PyTorch's names is or begins with {old!r}"
            + (f"; is it {near[0]!r}?" if near else f"; they are {', '.join(names)}")
        )
    first = {}
    for name, new in found.items():
        if first.setdefault(new, name) != name:
            raise ValueError(f"{caller}: rename: {first[new]} and {name} would both be {new}")
    return found


def _pairs_of_one_shape(theirs, mine):
    """{a name in `theirs`: the name in `mine` that it may stand for}; both arguments are {name: shape}.

    Only names of one shape make a pair. Names that are spelled alike come first, then those with the same
    last part, such as weight; among equals the order of definition decides.
    """
    pairs = {}
    for least in (0.6, 0.0):
        for name, shape in theirs.items():
            free = [other for other in mine if mine[other] == shape and other not in pairs.values()]
            if name not in pairs and free:
                near = max(free, key=lambda other: _alike(name, other))  # the first of equals
                if _alike(name, near)[1] >= least:
                    pairs[name] = near
    return pairs


def _alike(name, other):
    """(whether the parts after the last dot agree, how alike the parts before it are: 0 or 0.6 to 1)."""
    (front, _, last), (other_front, _, other_last) = name.rpartition("."), other.rpartition(".")
    ratio = difflib.SequenceMatcher(None, front, other_front).ratio()
    return last == other_last, ratio if ratio >= 0.6 else 0.0


def _shortest_rename(pairs, names, rename):
    """A dict for `rename=` that makes these pairs, in prefixes where they do it, or {} without pairs.

    `names` is {PyTorch's name: the model's} under the `rename` given so far, which is kept.
    """
    if not pairs:
        return {}
    short = {}
    for old, new in pairs.items():
        old, new = old.split("."), new.split(".")
        while old and new and old[-1] == new[-1]:
            del old[-1], new[-1]
        short[".".join(old)] = ".".join(new)
    try:
        fits = _renamed("", names, rename | short) == names | pairs
    except ValueError:  # two names would become one
        fits = False
    return rename | (short if fits else pairs)


def as_pytorch(model: Module) -> dict[str, np.ndarray]:
    """The state_dict of `model` as PyTorch lays it out, NumPy arrays by name: torch.from_numpy takes each."""
    if not hasattr(model, "state_dict"):
        raise TypeError(f"as_pytorch: a minigen model expected, got {type(model).__name__}")
    turned = _turned(model)
    return {name: a.T.copy() if name in turned else a for name, a in model.state_dict().items()}


def _turned(model):
    """The names of the parameters whose axes PyTorch has the other way round."""
    return {
        f"{path}.{name}" if path else name
        for path, module in model.modules()
        for name in module.turned_in_pytorch
    }


def _from_tensor(caller, name, tensor):
    """A tensor of PyTorch, on any device, or an array, as a NumPy array: that takes no import of torch."""
    if hasattr(tensor, "detach"):
        tensor = tensor.detach().cpu()
        tensor = (tensor.float() if "bfloat16" in str(tensor.dtype) else tensor).numpy()
    if not isinstance(tensor, np.ndarray):
        raise ValueError(
            f"{caller}: {name} is a {type(tensor).__name__}, a tensor or array expected: give what "
            "module.state_dict() returns; in a checkpoint it lies under a key such as 'state_dict'"
        )
    return tensor


def packed(model: Module) -> bytes:
    """The bytes of a .safetensors file with the weights of `model`."""
    return _safetensors().save(as_pytorch(model), {"format": "pt", "minigen": "1"})  # "pt": PyTorch


def unpacked(path: str, data: bytes) -> dict[str, np.ndarray]:
    """{name: array} of the bytes of a .safetensors file; `path` is only for the error."""
    safetensors = _safetensors()
    try:
        return safetensors.load(data)
    except KeyError as error:
        raise ValueError(f"load: {path} holds {error.args[0]} numbers, which NumPy does not have") from None
    except Exception as error:  # the library's own error class has no common base with Python's
        raise ValueError(f"load: {path} is no .safetensors file, or is damaged: {error}") from None


def _safetensors():
    try:
        import safetensors.numpy
    except ImportError:
        raise RuntimeError(
            ".safetensors files need a library: from the checkout, pip install '.[exchange]'"
        ) from None
    return safetensors.numpy
