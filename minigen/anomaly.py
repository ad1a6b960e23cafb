"""Finding the first NaN or infinity, and the line of a person's program that made it.

Inside `with detect_anomaly():` the tape shows every result and every gradient to this file. A NaN spreads through all that
follows, so only the first one says anything.
"""

import sys
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from minigen import backend

watching = ContextVar("watching for anomalies", default=False)
_package = str(Path(__file__).parent)


@contextmanager
def detect_anomaly():
    """`with detect_anomaly():` the first op whose result or gradient is not finite raises FloatingPointError.

    The message names the op and the line that called it. Every result is looked at, which is slow (and on a GPU waits):
    for finding, not for training.
    """
    token = watching.set(True)
    try:
        yield
    finally:
        watching.reset(token)


def inspect_result(node):
    """Remember which line made this node, and raise when its output is the first that is not finite."""
    frame = sys._getframe(2)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_package):
        frame = frame.f_back
    node.line = f"{frame.f_code.co_filename}:{frame.f_lineno}"
    if _finite(node.out):
        return
    for i, value in enumerate(node.values):
        if not _finite(value):
            raise FloatingPointError(
                f"{node.op.name}, called at {node.line}: argument {i} already holds NaN or infinity"
            )
    raise FloatingPointError(
        f"{node.op.name}, called at {node.line}: the first NaN or infinity appears here, from finite arguments"
    )


def inspect_gradient(node, i, g, gx):
    """Raise when the rule for argument i turned a finite upstream gradient into one that is not."""
    if _finite(g) and not _finite(gx):
        line = getattr(node, "line", "a line outside detect_anomaly()")
        raise FloatingPointError(
            f"backward of {node.op.name}, called at {line}: "
            f"the gradient for argument {i} is the first to hold NaN or infinity"
        )


def _finite(x):
    if not backend.is_array(x):
        x = getattr(x, "data", x)
    if not backend.is_array(x) or x.dtype.kind != "f":
        return True
    return bool(backend.namespace(x).isfinite(x).all())
