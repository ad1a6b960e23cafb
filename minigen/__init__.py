"""minigen: derive a gradient by hand, write it down, and see whether it is right. The public names."""

__version__ = "0.1.0"

from minigen.check import check_gradients, check_vjp
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
from minigen.engine.fast.memory import keep_freed_memory
from minigen.engine.ops import (
    abs,
    add,
    clip,
    dense,
    div,
    elu,
    exp,
    expm1,
    leaky_relu,
    log,
    log1p,
    log_softmax,
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
    softmax,
    softplus,
    sqrt,
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

keep_freed_memory()
del keep_freed_memory


def __getattr__(name):
    """minigen.nn, minigen.losses and the rest are loaded when they are first asked for."""
    import importlib

    if name in (
        "baselines",
        "data",
        "losses",
        "metrics",
        "models",
        "nn",
        "optim",
        "plot",
        "testing",
        "training",
    ):
        return importlib.import_module(f"minigen.{name}")
    raise AttributeError(f"module 'minigen' has no attribute {name!r}")
