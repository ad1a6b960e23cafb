"""Where weights start: random numbers whose size keeps signals and gradients from growing or dying with
depth.

A unit that sums n inputs of variance v, with weights of variance s, has variance n s v. To pass a layer
unchanged on the way forward, s = 1 / fan_in; for the gradients on the way back, s = 1 / fan_out. An
initialiser is any function (rng, shape, fan_in, fan_out) -> array; every number comes from the NumPy
generator it is handed, on the host.
"""

import math

import numpy as np

from minigen.engine.tape import Tensor


def he(rng, shape, fan_in, fan_out):
    """N(0, 2 / fan_in): a ReLU silences half of its inputs, so the other half must be twice as large.

    He, Zhang, Ren and Sun 2015, "Delving deep into rectifiers", equation 10.
    """
    return rng.standard_normal(shape) * math.sqrt(2 / fan_in)


def xavier(rng, shape, fan_in, fan_out):
    """N(0, 2 / (fan_in + fan_out)): the compromise between the way forward and the way back, for tanh and
    sigmoid.

    Glorot and Bengio 2010, "Understanding the difficulty of training deep feedforward neural networks",
    equation 12.
    """
    return rng.standard_normal(shape) * math.sqrt(2 / (fan_in + fan_out))


def normal(std=0.02):
    """The initialiser N(0, std^2); 0.02 is the choice of DCGAN (Radford, Metz and Chintala 2015, section 4)."""
    if not std > 0:
        raise ValueError(f"normal: std must be positive, got {std}")
    return lambda rng, shape, fan_in, fan_out: rng.standard_normal(shape) * std


_by_name = {"he": he, "xavier": xavier, "normal": normal()}


def initial_weight(layer, init, rng, shape, fan_in, fan_out, dtype):
    """A parameter drawn by `init` (a name or a function) from `rng`; `layer` is who asks, for the messages.

    Raises TypeError without a NumPy generator and ValueError for an unknown name or a result of another
    shape.
    """
    if not isinstance(rng, np.random.Generator):
        raise TypeError(
            f"{layer}: rng must be a NumPy generator, got {type(rng).__name__}: "
            "make one, rng = numpy.random.default_rng(0), and pass rng=rng to every layer"
        )
    if not callable(init) and init not in _by_name:
        raise ValueError(
            f"{layer}: init must be a function or one of {', '.join(map(repr, _by_name))}, got {init!r}"
        )
    array = (init if callable(init) else _by_name[init])(rng, shape, fan_in, fan_out)
    if np.shape(array) != shape:
        raise ValueError(f"{layer}: init must return an array of shape {shape}, got {np.shape(array)}")
    if len(shape) == 4:  # the matrix product of a convolution wants (kh, kw, C, O) in memory
        array = np.ascontiguousarray(array.transpose(2, 3, 1, 0)).transpose(3, 2, 0, 1)
    return Tensor(array.astype(dtype), requires_grad=True)


def initial_bias(size, dtype):
    """A parameter of zeros: symmetry is already broken by the weights."""
    return Tensor(np.zeros(size, dtype), requires_grad=True)
