"""Derive a gradient of a generative model by hand, write it down, and see whether it is right.

>>> import minigen as mg
>>> w = mg.Tensor([2.0, 3.0], requires_grad=True)
>>> (w * w).sum().backward()
>>> w.grad
array([4., 6.])

`minigen.nn`, `losses`, `optim`, `models` and `data` build and train models;
`minigen.check` and `minigen.testing` compare gradients with finite differences; `minigen.exercises` are
derivations to write oneself.
"""

import importlib
import typing

from minigen.engine.anomaly import detect_anomaly
from minigen.engine.backend import Random, to
from minigen.engine.conv import (
    conv2d,
    conv2d_weight,
    conv_transpose2d,
    output_size,
    sizes_that_collapse,
    transposed_output_size,
)
from minigen.engine.fast.replay import NotReplayable, replay
from minigen.engine.ops import (
    abs,
    add,
    clip,
    cos,
    dense,
    div,
    einsum,
    elu,
    exp,
    expm1,
    leaky_relu,
    log,
    log1p,
    log_softmax,
    logaddexp,
    logsumexp,
    matmul,
    max,
    maximum,
    mean,
    min,
    minimum,
    mul,
    neg,
    pow,
    relu,
    sigmoid,
    sin,
    softmax,
    softplus,
    sqrt,
    std,
    sub,
    sum,
    tanh,
    var,
    where,
)
from minigen.engine.shapes import (
    concatenate,
    expand_dims,
    flip,
    getitem,
    pad,
    reshape,
    scatter,
    squeeze,
    stack,
    transpose,
)
from minigen.engine.tape import StaleGraphError, Tensor, broadcast_to, grad, no_grad, op, sum_to

__version__ = "0.2.0"

_PARTS = {  # loaded when they are first asked for, so that `import minigen` stays light
    "baselines",
    "byhand",
    "check",
    "data",
    "exchange",
    "exercises",
    "explain",
    "losses",
    "metrics",
    "models",
    "nn",
    "optim",
    "plot",
    "saving",
    "testing",
    "training",
}
_FUNCTIONS = {  # loaded on demand too; each with the part it lies in
    "check_gradients": "check",
    "check_vjp": "check",
    "draw": "graph",
    "steps": "graph",
}


if typing.TYPE_CHECKING:
    from minigen import (
        baselines,
        byhand,
        check,
        data,
        exchange,
        exercises,
        losses,
        metrics,
        models,
        nn,
        optim,
        plot,
        saving,
        testing,
        training,
    )
    from minigen.check import check_gradients, check_vjp
    from minigen.explain import explain  # the package is callable too
    from minigen.graph import draw, steps
else:

    def __getattr__(name):
        if name in _PARTS:
            return importlib.import_module(f"minigen.{name}")
        if name in _FUNCTIONS:
            return getattr(importlib.import_module(f"minigen.{_FUNCTIONS[name]}"), name)
        raise AttributeError(f"module 'minigen' has no attribute {name!r}")


def __dir__() -> list[str]:
    """What people use, for tab completion. Other modules are internal, whoever has loaded them."""
    module = type(importlib)
    public = {name for name, value in globals().items() if name[0] != "_" and type(value) is not module}
    return sorted(public | _PARTS | {*_FUNCTIONS} | {"__version__"})


# `from minigen import *` must not replace what Python itself calls sum, max, min, abs and pow.
__all__ = sorted(set(__dir__()) - {"abs", "max", "min", "pow", "sum", "__version__"} - _PARTS)
