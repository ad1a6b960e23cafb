"""An exercise as a Task of the explainer: the master's forward and inputs, and a person's backward.

The sizes are drawn anew for every set of inputs, around those of the master's configurations, so that a
change of the backward is verified on other sizes too. Every value that forward names and a gradient is wanted
of is judged as well.
"""

import inspect
import itertools

import numpy as np

from minigen.check.net import Net
from minigen.explain.live import reachable
from minigen.explain.task import Played, Task

SEARCHED = 7  # sets of inputs that the search draws before it verifies


class _Moved(Net):
    """Adds `moved` to the named values, so that the gradient at each of them can be measured."""

    def __init__(self, moved, output_name):
        super().__init__(output_name=output_name)
        self.moved = moved

    def __call__(self, name, value):
        return super().__call__(name, value + self.moved[name] if name in self.moved else value)

    @property
    def result(self):
        """The output of a layer, or the loss."""
        return self.values[self.output_name] if self.has_output else sum(self.terms.values())


def task(master, backward, wanted, configs=(), small=True):
    """The Task of a master with a backward, of which the gradients `wanted` are judged.

    The search takes place in the configurations `configs`, those that failed, in `small` sizes; what it finds
    is verified in the others too. The values of the Task are the arguments by their names, what is added to a
    value z of forward as "~z", and a setting beta as "~~beta".
    """
    module, takes = master.module(), inspect.signature(backward).parameters
    takes_all = any(p.kind is p.VAR_KEYWORD for p in takes.values())
    every = module.CONFIGS
    turns = itertools.chain(
        itertools.islice(itertools.cycle(configs or every), SEARCHED), itertools.cycle(every)
    )

    def draw(rng):
        config = next(turns)
        for chosen in ({k: _smaller(v, rng) for k, v in config.items()}, config) if small else (config,):
            try:
                arrays, settings = master.drawn(chosen, rng)
                values = arrays | {f"~~{k}": v for k, v in settings.items()}
                net = run(values)
            except Exception:  # some forwards need the sizes that they were written for
                continue
            return values | {f"~{n}": np.zeros(np.shape(v)) for n, v in net.values.items() if n in wanted}
        raise ValueError(f"{master.id}: no inputs")

    def given(values):
        """The arguments of forward by their names."""
        return {n.removeprefix("~~"): v for n, v in values.items() if n[0] != "~" or n[:2] == "~~"}

    def run(values):
        moved = {n[1:]: v for n, v in values.items() if n[0] == "~" and n[:2] != "~~"}
        arguments = {n: np.array(v) if n in values else v for n, v in given(values).items()}
        net = _Moved(moved, "output" if "y" in values else "y")
        module.forward(net, **arguments)
        return net

    def play(values, g=None):
        net = run(values)
        offered = {**given(values), "cache": {n: np.array(v) for n, v in net.values.items()}}
        offered |= {} if g is None else {"g": g}
        found = backward(**{n: v for n, v in offered.items() if takes_all or n in takes})
        return Played(net.result, {f"~{n}" if f"~{n}" in values else n: v for n, v in found.items()})

    return Task(
        title=master.id,
        functions=tuple(_of_backward_alone(backward, module)),
        draw=draw,
        play=play,
        forward=lambda values: run(values).result,
        names={n: w for w in wanted for n in (f"~{w}", w)},
        sizes_vary=True,
        takes_g="g" in takes,
    )


def _of_backward_alone(backward, module):
    """The functions that `backward` calls and forward does not: what both call is given, and right."""
    calls = [getattr(module, n, None) for n in module.forward.__code__.co_names]
    given = {f.__code__.co_code for f in calls if inspect.isfunction(f)}
    return [f for f in reachable(backward) if f.__code__.co_code not in given]


def _smaller(value, rng):
    """A setting or a size near `value`, and no larger where it is a size."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    if isinstance(value, int):
        return min(value, int(rng.integers(2, 5))) if value > 1 else value
    return value * float(rng.uniform(0.7, 1.3))
