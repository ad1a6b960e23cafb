"""The exercises as tasks of the explainer: a forward that names its values, a person's
backward, sizes that vary.
"""

import inspect

import numpy as np

from minigen.explain.task import Played, Task


class Net:
    """What a master's forward is given: it names values, adds terms of the loss,
    and says which value is the output.

    `moved` is added to the named values, so that the gradient at each of them can be measured.
    """

    def __init__(self, moved, output):
        self.moved, self.output_name, self.values, self.loss, self.y = moved, output, {}, 0.0, None

    def __call__(self, name, value):
        self.values[name] = value + self.moved[name] if name in self.moved else value
        return self.values[name]

    def term(self, name, value):
        self.loss = self.loss + value

    def output(self, value):
        self.y = self.values[self.output_name] = value


def task(master, names, path):
    """The Task of a master with the backward in `names`, a module's dict read from `path`."""
    module, backward = master.module(), names["backward"]
    settings = [
        n for n, p in inspect.signature(module.forward).parameters.items() if p.kind is p.KEYWORD_ONLY
    ]
    takes = inspect.signature(backward).parameters
    takes_all = any(p.kind is p.VAR_KEYWORD for p in takes.values())
    turn = iter(range(10**9))

    def draw(rng):
        """Arguments by their names; a value of forward as "~z", what is added to it;
        a setting as "~~beta".
        """
        config = module.CONFIGS[next(turn) % len(module.CONFIGS)]
        sizes = {k: v for k, v in config.items() if k != "why"}
        small = {k: _smaller(v, rng) for k, v in sizes.items()}
        for chosen in (small, sizes):
            try:
                arguments = module.inputs(rng, **chosen)
                net = run({**arguments, **{f"~~{k}": chosen[k] for k in settings}})
            except Exception:  # some forwards need the sizes that they were written for
                continue
            moved = {f"~{n}": np.zeros(np.shape(v)) for n, v in net.values.items() if n in master.wanted}
            return {**arguments, **moved, **{f"~~{k}": chosen[k] for k in settings}}
        raise ValueError(f"{master.id}: no inputs")

    def run(values):
        moved = {n[1:]: v for n, v in values.items() if n[0] == "~" and n[:2] != "~~"}
        arguments = {n: np.array(v) for n, v in values.items() if n[0] != "~"}
        net = Net(moved, "output" if "y" in arguments else "y")
        module.forward(net, **arguments, **{n[2:]: v for n, v in values.items() if n[:2] == "~~"})
        return net

    def result(net):
        return net.loss if net.y is None else net.y

    def play(values, g=None):
        net = run(values)
        offered = {n: v for n, v in values.items() if n[0] != "~"}
        offered |= {n[2:]: v for n, v in values.items() if n[:2] == "~~"}
        offered |= {"cache": {n: np.array(v) for n, v in net.values.items()}} | (
            {} if g is None else {"g": g}
        )
        found = backward(**{n: v for n, v in offered.items() if takes_all or n in takes})
        return Played(result(net), {f"~{n}" if f"~{n}" in values else n: v for n, v in found.items()})

    functions = [f for f in names.values() if inspect.isfunction(f) and f.__code__.co_filename == str(path)]
    return Task(
        title=master.id,
        functions=tuple(f for f in functions if f.__name__ != "forward"),
        draw=draw,
        play=play,
        forward=lambda values: result(run(values)),
        names={n: n for w in master.wanted for n in (f"~{w}", w)},
        sizes_vary=True,
        takes_g="g" in takes,
    )


def _smaller(value, rng):
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    if isinstance(value, int):
        return min(value, int(rng.integers(2, 5))) if value > 1 else value
    return value * float(rng.uniform(0.7, 1.3))
