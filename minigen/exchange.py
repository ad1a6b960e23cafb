"""Weights to and from PyTorch: the same names, and the axes the other way round where the two differ.

`Dense` has its weight as the derivations write it, (in, out); PyTorch's Linear has (out, in). Convolutions,
transposed convolutions and normalisations agree. A .safetensors file holds weights as PyTorch has them, so
each side can read what the other wrote. None of this needs PyTorch itself.
"""

import difflib

import numpy as np


def load_pytorch(model, state, caller="load_pytorch"):
    """Read a PyTorch state_dict, {name: tensor or array}, of the same architecture and names into `model`.

    Weights of `Dense` are turned from (out, in) to (in, out); num_batches_tracked of batch norm, which only
    counts, is passed over. Raises ValueError, having changed nothing, that lists every difference.
    """
    if not hasattr(state, "items"):
        raise TypeError(
            f"{caller}: {{name: tensor}} expected, got {type(state).__name__}: give net.state_dict()"
        )
    here, there, turned = model.state_dict(), as_pytorch(model), _turned(model)
    state = {
        name: _from_tensor(caller, name, tensor)
        for name, tensor in state.items()
        if not (name.endswith("num_batches_tracked") and name[:-19] + "running_mean" in here)
    }
    problems = [
        f"missing in PyTorch's: {name} {array.shape}" for name, array in there.items() if name not in state
    ]
    for name, array in state.items():
        if name not in there:
            near = difflib.get_close_matches(name, there)
            problems.append(
                f"not in the model: {name} {array.shape}" + (f"; is it {near[0]}?" if near else "")
            )
        elif array.shape != there[name].shape:
            note = f", which PyTorch keeps as {there[name].shape}" if name in turned else ""
            problems.append(f"shape: {name} is {here[name].shape} here{note}; PyTorch's is {array.shape}")
    if problems:
        raise ValueError(
            f"{caller}: PyTorch's state dict does not fit {type(model).__name__}; where only names differ, "
            "rename the keys of the dict:\n  " + "\n  ".join(problems)
        )
    model.load_state_dict({name: array.T if name in turned else array for name, array in state.items()})


def as_pytorch(model):
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


def packed(model):
    """The bytes of a .safetensors file with the weights of `model`."""
    return _safetensors().save(as_pytorch(model), {"format": "pt", "minigen": "1"})  # "pt": PyTorch


def unpacked(path, data):
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
