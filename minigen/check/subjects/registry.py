"""What every subject of `minigen check` shares: its name, real digits, noise, and parameters worth checking.

Sizes are distinct primes, batches have at least five rows, biases are not zero and hyper-parameters are not
1, so that no mistake can hide in a 1 or in a symmetry. Three pixels of the 8x8 digits are never inked in the
whole data set; without them an image has 61 pixels, which is prime.
"""

import zlib
from functools import partial, reduce

import numpy as np

from minigen.check.witnesses import Subject, layer_subject
from minigen.data import digits
from minigen.engine import backend
from minigen.engine.tape import Tensor

_makers = {}
_never_inked = (0, 32, 39)


def subject(make):
    """Register a subject under the function's name, with hyphens."""
    _makers[make.__name__.replace("_", "-")] = make
    return make


def names(*modules):
    """The names of all subjects, in the order of the modules and of the lines in them."""
    order = {module.__name__: i for i, module in enumerate(modules)}
    return tuple(sorted(_makers, key=lambda name: order[_makers[name].__module__]))


def build(name, device="cpu"):
    """The subject called `name`, with its tape on `device`.

    The same name gives the same numbers every time.
    """
    return _makers[name](Setting(name, device))


class Setting:
    """What every subject needs: real digits, noise, and a model with parameters worth checking."""

    def __init__(self, name, device):
        self.name, self.device = name, device
        self.rng = np.random.default_rng(zlib.crc32(name.encode()))

    def digits(self, n):
        """n digits as rows of 61 pixels between 0 and 1, (N, 61)."""
        images, _ = digits()
        rows = images.reshape(len(images), -1).astype(np.float64)
        return np.delete(rows[self.rng.permutation(len(rows))[:n]], _never_inked, axis=1)

    def images(self, n, channels, height, width):
        """Digits cropped and stacked as channels, (N, C, H, W)."""
        images, _ = digits()
        chosen = images[self.rng.permutation(len(images))[: n * channels], :height, 1 : 1 + width]
        return chosen.reshape(n, channels, height, width).astype(np.float64)

    def whole_images(self, n):
        """n digits with all of their pixels, (N, 1, 8, 8), for networks that halve the sides twice."""
        images, _ = digits()
        return images[self.rng.permutation(len(images))[:n], None].astype(np.float64)

    def noise(self, *shape):
        return self.rng.standard_normal(shape)

    def constant(self, array):
        """An array as a tensor on the device of the tape."""
        return Tensor(backend.to(array, self.device))

    def model(self, model, by_tape, by_hand, only=""):
        """A subject from a model; its biases start at 0, where mistakes hide, so they are moved.

        `only` names a player.
        """
        for _, parameter in model.named_parameters():
            if parameter.ndim == 1:
                parameter.data[...] = self.rng.normal(0, 0.3, parameter.shape)
        parameters = {name: p.data.copy() for name, p in model.named_parameters()}
        places = {name: _place(model, name) for name in parameters}
        return Subject(
            self.name,
            parameters,
            by_tape=lambda tensors: by_tape(_with(model, places, tensors, self.device)),
            by_hand=by_hand,
            wrt=[name for name in parameters if name.startswith(only)],
        )

    def layer(self, arrays, by_tape, by_hand, **how):
        """A subject from a layer with the options `how`, which both forms understand."""
        return layer_subject(self.name, partial(by_tape, **how), partial(by_hand, **how), arrays)


def _place(model, path):
    """The module that has a parameter, and what it is called there."""
    *modules, name = path.split(".")
    return reduce(getattr, modules, model), name


def _with(model, places, tensors, device):
    """The model with these tensors in place of its parameters, and its running statistics where they are."""
    for path, tensor in tensors.items():
        owner, name = places[path]
        if getattr(owner, name) is not tensor:
            setattr(owner, name, tensor)
    return model if device == "cpu" else model.to(device)
