"""From the path of a person's file to its Tasks, or to the sentence that says what is missing."""

import numpy as np

from minigen.explain import pairs, propose
from minigen.explain.scene import Scene, widen


class NotFound(Exception):
    """No forward with its backward could be called; the text says why and what to do next."""


def find(program, shapes=None, only=(), seconds=8.0):
    """[(Found, Place)] of the outermost pairs in a Program."""
    given = program.names.get("inputs")
    places = with_inputs(program, given) if callable(given) else propose.places(program, shapes or {})
    found = []
    for place in places:
        found += pairs.try_all(place, seconds=seconds)
    return pairs.covered(program, sorted(found, key=lambda f: f.worth, reverse=True))


def tasks(program, shapes=None, only=()):
    """The Tasks of a Program."""
    return [pairs.task_of(f.place, f.reading) for f in find(program, shapes, only)]


def with_inputs(program, inputs):
    """The places of a file that says its inputs: the file itself, and each object that inputs gives or the globals hold."""

    def arguments(seed):
        np.random.seed(seed % 2**32)  # noqa: NPY002
        return inputs(np.random.default_rng(seed))

    def build_for(address):
        def build(seed):
            given = arguments(seed)
            owner = None if address is None else (given.pop(address) if address in given else program.names[address])
            scene = Scene(program, given, owner, seed)
            live = scene.live()
            widen(live, program)
            return Scene(program, live.arguments, live.owner, seed)

        return build

    first = arguments(0)
    found = [pairs.Place(program, program.path.stem, build_for(None))]
    own = program.classes().values()
    for name, value in [*first.items(), *program.names.items()]:
        if type(value) in own:
            found.append(pairs.Place(program, name, build_for(name), type(value)))
    return found
