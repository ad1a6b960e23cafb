"""Finding the first NaN or infinity, and the line of a person's program that made it.

Inside `with detect_anomaly():` every result and every gradient is checked here. A NaN makes later results NaN
too, so only the first one shows the cause.
"""

import os
import sys
from contextlib import AbstractContextManager
from contextvars import ContextVar
from pathlib import Path

from minigen.engine import backend

watching = ContextVar("watching for anomalies", default=False)
_package = str(Path(__file__).parents[1]) + os.sep


def detect_anomaly() -> AbstractContextManager[bool]:
    """`with detect_anomaly():` the first op whose result or gradient is not finite raises FloatingPointError.

    The message names the op and the line that called it. Every result is checked, which is slow,
    and forces a GPU to synchronise: use it to find an error, not to train.
    """
    return backend.setting(watching, True)


def inspect_result(op, values, out):
    """Raise when `out` is the first result that is not finite; returns the line that called the operation."""
    frame = sys._getframe(2)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_package):
        frame = frame.f_back
    line = f"{frame.f_code.co_filename}:{frame.f_lineno}"
    if not _finite(out):
        made = "the first NaN or infinity appears here, from finite arguments"
        for i, value in enumerate(values):
            if not _finite(value):
                made = f"argument {i} already holds NaN or infinity"
        raise FloatingPointError(f"{op.name}, called at {line}: {made}")
    return line


def inspected(gradient):
    """The step of a backward pass, raising when it turns a finite upstream gradient into one that is not.

    The operations inside a rule are not checked; the gradient that it returns is.
    """

    def inspect(node, i, g, out, values):
        with backend.setting(watching, False):
            gx = gradient(node, i, g, out, values)
        if gx is not None and _finite(g) and not _finite(gx):
            raise FloatingPointError(
                f"backward of {node.op.name}, called at {node.line or 'a line outside detect_anomaly()'}: "
                f"the gradient for argument {i} is the first to hold NaN or infinity"
            )
        return gx

    return inspect


def _finite(x):
    if not backend.is_array(x):
        x = getattr(x, "data", x)
    if not backend.is_array(x) or x.dtype.kind != "f":
        return True
    return bool(backend.namespace(x).isfinite(x).all())
