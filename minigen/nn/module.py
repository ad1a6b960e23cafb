"""A model is an object whose attributes are its parameters and its submodules.

Write a class with a `forward`, and assign attributes in `__init__`: a `Tensor` with requires_grad=True
is a parameter, another Module is a submodule. Nothing has to be registered, and no parent constructor
has to be called. The order of assignment is the order of `parameters()`, so it is the same in every run,
and the dotted path of a parameter is its name: `encoder.weight`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike

from minigen import saving
from minigen.arguments import did_you_mean
from minigen.engine import backend, tape
from minigen.engine.backend import Array
from minigen.engine.shapes import inverse_of
from minigen.engine.tape import Tensor
from minigen.nn.table import describe

if TYPE_CHECKING:
    from typing import Self  # since Python 3.11


class Module:
    """The base of every layer and model: `forward` computes, and calling the module calls it.

    >>> class Autoencoder(nn.Module):
    ...     def __init__(self, rng):
    ...         self.encoder = nn.Dense(64, 16, rng=rng)
    ...         self.decoder = nn.Dense(16, 64, rng=rng)
    ...
    ...     def forward(self, x):
    ...         return self.decoder(minigen.tanh(self.encoder(x)))
    """

    training = True
    turned_in_pytorch = ()  # own parameters that PyTorch keeps with the axes the other way round
    _buffers = ()

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(
            f"{type(self).__name__}: write forward(self, x), which computes the output from x"
        )

    def __call__(self, *inputs: Any, **kwargs: Any) -> Any:
        return self.forward(*inputs, **kwargs)

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, list | tuple | dict):
            parts = value.values() if isinstance(value, dict) else value
            if any(isinstance(part, Module) or _is_parameter(part) for part in parts):
                raise TypeError(
                    f"{type(self).__name__}.{name}: parameters inside a {type(value).__name__} would never "
                    "be trained: put modules into nn.Sequential(*modules), "
                    "or give each an attribute of its own"
                )
        if backend.recorder.get() is not None:
            backend.recorder.get().refuse(f"the attribute {name} of a module is set")
        elif not backend.is_array(value) and (before := getattr(self, name, value)) is not value:
            # a replay that was made before may have to do something else now
            if isinstance(value, bool) and isinstance(before, bool):
                backend.settings[0] += (value - before) * hash((id(self), name))
            else:
                backend.settings[1] += 1
        object.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> Any:  # only asked where the ordinary look-up found nothing
        raise _NoAttribute(self, name)

    def buffer(self, name: str, array: Array) -> None:
        """Keep `array` as the attribute `name`: saved, loaded and moved as parameters are, never trained."""
        self._buffers = (*self._buffers, name)
        setattr(self, name, array)

    # ----- looking through the tree -----

    def children(self) -> list[tuple[str, Module]]:
        """The submodules directly below this one, as (attribute, module), in definition order."""
        return [(name, value) for name, value in vars(self).items() if isinstance(value, Module)]

    def modules(self) -> list[tuple[str, Module]]:
        """This module and all below it, as (dotted path, module); its own path is the empty string."""
        found = [("", self)]
        for name, child in self.children():
            found += [(f"{name}.{path}" if path else name, module) for path, module in child.modules()]
        return found

    def named_parameters(self) -> list[tuple[str, Tensor]]:
        """Every parameter once, as (dotted path, tensor), in definition order.

        One that has no name yet is given its path as its name.
        """
        found = {}
        for path, tensor in self._walk(""):
            found.setdefault(id(tensor), (path, tensor))
            if tensor.name is None:
                tensor.name = path
        return list(found.values())

    def _walk(self, prefix):
        for name, value in vars(self).items():
            if isinstance(value, Module):
                yield from value._walk(f"{prefix}{name}.")
            elif _is_parameter(value):
                yield f"{prefix}{name}", value

    def own_parameters(self) -> list[tuple[str, Tensor]]:
        """The parameters that are attributes of this very module, as (attribute, tensor)."""
        return [(name, value) for name, value in vars(self).items() if _is_parameter(value)]

    def parameters(self) -> list[Tensor]:
        """Every parameter once, in definition order."""
        return [tensor for _, tensor in self.named_parameters()]

    def _named_buffers(self):
        """(dotted path, owner, attribute) of every buffer."""
        return [
            (f"{path}.{name}" if path else name, module, name)
            for path, module in self.modules()
            for name in module._buffers
        ]

    # ----- saving and loading -----

    def state_dict(self) -> dict[str, np.ndarray]:
        """Copies of all parameters and buffers as NumPy arrays, by dotted path."""
        return {path: backend.to(array, "cpu").copy() for path, array in self._arrays().items()}

    @backend.whole
    def load_state_dict(self, state: Mapping[str, Array]) -> None:
        """Write the arrays of `state` into the parameters and buffers, where they are and in their dtype.

        Raises what `check_state_dict` raises, having changed nothing.
        """
        self.check_state_dict(state)
        for path, array in self._arrays().items():
            array[...] = backend.to(backend.as_array(state[path]), backend.device_of(array))
        mark_changed(self.parameters())

    def check_state_dict(self, state: Mapping[str, Array]) -> None:
        """Raises ValueError that lists all that cannot be written here: names, shapes, kinds, sizes."""
        arrays, state = self._arrays(), {path: backend.as_array(value) for path, value in state.items()}
        problems = [f"missing: {path} {array.shape}" for path, array in arrays.items() if path not in state]
        for path, value in state.items():
            if path not in arrays:
                problems.append(f"unexpected: {path} {value.shape}{did_you_mean(path, arrays, most=3)}")
            elif value.shape != arrays[path].shape:
                problems.append(
                    f"shape: {path} is {arrays[path].shape} in the model, {value.shape} in the state"
                )
            elif value.dtype.kind not in "fiub":
                problems.append(f"dtype: {path} holds {value.dtype}, not real numbers")
            else:
                problems += _unwritable(path, arrays[path], value)
        if problems:
            raise ValueError(
                f"load_state_dict: the state does not fit {type(self).__name__}:\n  " + "\n  ".join(problems)
            )

    def save(
        self,
        path: str | os.PathLike,
        *,
        optimizer: Any = None,
        random: Any = None,
        step: int | None = None,
        overwrite: bool = False,
    ) -> None:
        """Write the model, and what its training needs if given, to an .npz file: see minigen/saving.py."""
        saving.save(self, path, optimizer=optimizer, random=random, step=step, overwrite=overwrite)

    def load(self, path: str | os.PathLike, *, optimizer: Any = None, random: Any = None) -> int | None:
        """Read what `save` wrote, all or nothing. Returns the step that was saved, or None."""
        return saving.load(self, path, optimizer=optimizer, random=random)

    def _arrays(self):
        """Every array to save, by dotted path: the parameters, then the buffers."""
        arrays = {path: tensor._array for path, tensor in self.named_parameters()}
        return arrays | {path: getattr(owner, name) for path, owner, name in self._named_buffers()}

    # ----- the whole model at once -----

    def train(self, training: bool = True) -> Self:
        """Training mode: batch norm uses the statistics of the batch, dropout is active.

        Returns the model.
        """
        for _, module in self.modules():
            module.training = training
        return self

    def eval(self) -> Self:
        """Evaluation mode: batch norm uses running statistics, dropout does nothing. Returns the model."""
        return self.train(False)

    def zero_grad(self) -> None:
        """Set the gradient of every parameter to None."""
        for tensor in self.parameters():
            tensor.grad = None

    def astype(self, dtype: DTypeLike) -> Self:
        """Convert every parameter and buffer: float32 for training, float64 for checking.

        Returns the model.
        """
        if np.dtype(dtype).kind != "f":
            raise TypeError(
                f"astype: parameters are real numbers, np.float32 or np.float64, got {np.dtype(dtype)}"
            )
        return self._convert("astype", lambda array: array.astype(dtype))

    def to(self, device: str) -> Self:
        """Move every parameter and buffer to 'cpu' or 'cuda'. Returns the model."""
        return self._convert("to", lambda array: _moved(array, device))

    def _convert(self, what, convert):
        for path, tensor in self.named_parameters():
            if tensor.node.buffer is not None:
                raise RuntimeError(
                    f"{what}: {path} already lives in the buffer of an optimizer, which would go on training "
                    f"the old array: call model.{what}(...) before making the optimizer, or "
                    "optimizer.release() first"
                )
        for tensor in self.parameters():
            tensor.data = convert(tensor._array)
            tensor.grad = None
        for _, owner, name in self._named_buffers():
            setattr(owner, name, convert(getattr(owner, name)))
        mark_changed(self.parameters())
        return self

    def extra(self) -> str:
        """What `repr` prints in the parentheses after the class name; a layer overrides it."""
        return ""

    def __repr__(self) -> str:
        return describe(self)


class _NoAttribute(AttributeError):
    """Looks for similar names only when it is printed: `hasattr` asks for many names and reads no message."""

    def __str__(self):
        module, name = self.args
        return f"{type(module).__name__} has no attribute {name!r}{did_you_mean(name, dir(module), most=3)}"


class Sequential(Module):
    """Modules one after the other: Sequential(a, b)(x) is b(a(x)). The submodules are named 0, 1, 2, ..."""

    def __init__(self, *modules: Module) -> None:
        for i, module in enumerate(modules):
            if not isinstance(module, Module):
                raise TypeError(
                    f"Sequential: part {i} is a {type(module).__name__}, not a Module: "
                    "give modules one by one (Sequential(*modules) for a list), nn.Tanh() for a function"
                )
            setattr(self, str(i), module)

    def forward(self, x: Any) -> Any:
        for module in vars(self).values():
            if isinstance(module, Module):  # the others are settings, as `training`
                x = module(x)
        return x

    def __len__(self) -> int:
        return len(self.children())

    def __getitem__(self, i: int | slice) -> Any:
        modules = [module for _, module in self.children()]
        return Sequential(*modules[i]) if isinstance(i, slice) else modules[i]


def _unwritable(path, array, value):
    """Why `value`, of the right shape, cannot be written into `array`: a list of no or one sentence."""
    if not getattr(array.flags, "writeable", True):  # CuPy's arrays always are
        cure = "give it a copy of the array"
        return [f"read-only: the array of {path} in the model cannot be written to: {cure}"]
    if not np.can_cast(value.dtype, array.dtype, "same_kind"):
        came = f"{value.dtype} in the state, which would be cut"
        return [f"dtype: {path} is {array.dtype} in the model, {came}"]
    if array.dtype.kind == "f" and value.dtype.kind == "f" and value.size:
        top = float(abs(value).max())  # NaN and infinity stay what they are
        if np.isfinite(top) and top > float(np.finfo(array.dtype).max):
            return [f"size: {path} reaches {top:.3g}, which {array.dtype} cannot hold"]
    return []


def memory_order(array):
    """The axes from the slowest to the fastest in memory: without gaps array.transpose(order) is contiguous.

    Convolution weights are seen as (O, C, kh, kw) and lie as (kh, kw, C, O); a copy must keep that.
    """
    return tuple(sorted(range(array.ndim), key=lambda axis: -abs(array.strides[axis])))


def _moved(array, device):
    order = memory_order(array)
    return backend.to(array.transpose(order), device).transpose(inverse_of(order))


@backend.whole
def mark_changed(tensors):
    """Mark parameters as changed: a backward pass through an earlier graph then raises StaleGraphError."""
    tick = next(tape._clock)
    for tensor in tensors:
        tensor.node.changed = tick


def _is_parameter(value):
    return isinstance(value, Tensor) and type(value.node) is tape.Leaf
