"""A forward and its backward, in whichever of the usual forms a person wrote them, called on copies.

| forward | backward |
|---|---|
| `forward(*inputs) -> y` | `backward(g, *inputs)`, or by name what it wants of g and the inputs |
| `forward(*inputs) -> (y, cache)` | `backward(g, cache)`, or by name |
| `forward(*inputs) -> (y, backward)` | None: `backward(g)` |
| a layer's method, which keeps what it needs | `backward(g)` |
| a loss: y is one number | any of these, also without g |

A forward is called right before its backward, so that a layer which keeps what it needs has it.
Gradients come as one array, a tuple or list in the order of the inputs, or a dict by name.
What does not fit is refused with the cure.
"""

import inspect

import numpy as np

from minigen.check.contract import NAMED, ContractError, identical, refuse_unknown
from minigen.check.inputs import parameters
from minigen.check.net import Net

UPSTREAM = tuple("g dout dy gy grad gout grad_output grad_out upstream delta d_out dz dl".split())


class Pair:
    """`forward(arrays)` and `backward(arrays, g)` by name, whatever form the person's functions have."""

    def __init__(self, caller, forward, backward, inputs, settings=None):
        self.caller, self._forward, self._backward, self.inputs = caller, forward, backward, inputs
        self.settings, self.changed_in_place = dict(settings or {}), []
        self._net = "net" in parameters(forward)
        self._way = None

    def fresh(self, arrays):
        """Copies of the arrays, and of the inputs that are constant."""
        return {n: np.array(x) for n, x in (self.inputs.constants | arrays).items()}

    def forward(self, arrays):
        """What forward gives, a float64 array."""
        return self._run(self.fresh(arrays))[0]

    @property
    def takes_g(self):
        """Whether backward is handed the upstream gradient; known after `prepare`."""
        return "g" in self._way

    def prepare(self, arrays):
        """Settle how backward is called. Returns y."""
        y, cache, paired = self._run(self.fresh(arrays))
        self._way = self._decide(y, cache, paired)
        return y

    def _run(self, given):
        """(y, cache, whether forward returned a pair)."""
        if self._net:
            net = Net(output_name="output" if "y" in given else "y")
            self._call("forward", self._forward, (net,), given | self.settings)
            y = net.values[net.output_name] if net.has_output else sum(net.terms.values())
            return np.asarray(y, float), {n: np.array(v, float) for n, v in net.values.items()}, False
        if self.inputs.by_name:
            y = self._call(
                "forward", self._forward, (), {n: given[n] for n in self.inputs.order} | self.settings
            )
        else:
            y = self._call("forward", self._forward, self.inputs.arguments(given), self.settings)
        cache, paired = None, isinstance(y, tuple) and len(y) == 2
        if self._backward is None and not (paired and callable(y[1])):
            raise TypeError(
                f"{self.caller}: with backward=None, forward must return (y, backward), "
                f"got {type(y).__name__}"
            )
        if paired:
            y, cache = y
        if not isinstance(y, np.ndarray | float | np.floating) or np.asarray(y).dtype.kind != "f":
            kind = str(y.dtype) if isinstance(y, np.ndarray | np.generic) else type(y).__name__
            raise TypeError(
                f"{self.caller}: forward must return one array of real numbers, or (y, cache), got {kind}; "
                "for one result of several, pass lambda *inputs: forward(*inputs)[0]"
            )
        return np.asarray(y), cache, paired

    def _decide(self, y, cache, paired):
        """The arguments of backward: names out of "g", "cache", "inputs"; by name, inputs and settings."""
        if self._backward is None:
            return ("g",) if _least(cache) or not takes(cache, 1) else ()
        inputs, asked = self.inputs, parameters(self._backward)
        offered = {"g", *self.settings, *(inputs.order if not inputs.one_dict else ())}
        offered |= {"cache"} if paired or self._net else set()
        needed = [p.name for p in asked.values() if p.default is p.empty and p.kind in NAMED]
        free = any(p.kind is p.VAR_KEYWORD for p in asked.values())
        positional_only = any(p.kind in (p.POSITIONAL_ONLY, p.VAR_POSITIONAL) for p in asked.values())
        if (needed or free) and not positional_only and "g" not in inputs.order and set(needed) <= offered:
            names = ["g", "cache", *(() if inputs.one_dict else inputs.order), *self.settings]
            way = tuple(n for n in names if n in offered and (free or n in asked))
            if way and ("g" in way or y.ndim == 0):
                return ("by name", *way)
        if self._net or (self.settings and needed):
            refuse_unknown(needed, sorted(offered))
        count = 1 if inputs.one_dict else len(inputs.order)
        least, names = _least(self._backward), [p.name for p in asked.values() if p.kind in _ORDERED]
        upstream_first = bool(names) and names[0].lower() in UPSTREAM
        own = count == 1 and len(names) > 1 and names[1] in inputs.order
        if paired and not own and least <= 2 and takes(self._backward, 2):
            return ("g", "cache")
        if (
            paired
            and y.ndim == 0
            and names
            and not upstream_first
            and least <= 1
            and takes(self._backward, 1)
        ):
            return ("cache",)
        if takes(self._backward, count + 1) and not (y.ndim == 0 and names and names == inputs.order):
            return ("g", "inputs")
        if y.ndim == 0 and not upstream_first and takes(self._backward, count) and least:
            return ("inputs",)
        if takes(self._backward, 1) and (y.ndim or upstream_first):
            return ("g",)
        if y.ndim == 0 and not least:
            return ()
        return ("g", "inputs")  # it will fail, and what it was called with will be told

    def backward(self, arrays, g):
        """What backward returned at these inputs, as it came; `changed_in_place` is what it changed."""
        given, upstream = self.fresh(arrays), np.array(g)
        before = self.fresh(given)
        found, spoilt = self._backward_at(given, upstream, before)
        spoilt += [] if identical(upstream, np.array(g)) else [("backward", "g")]
        cure = "changes {n} in place, and others still need it: write {n} = {n} * a, not {n} *= a"
        self.changed_in_place = [(who, f"{who} {cure.format(n=n)}") for who, n in spoilt]
        return found

    def _backward_at(self, given, upstream, before):
        """(what backward returned, [(who changed it, name)])."""
        _, cache, _ = self._run(given)
        spoilt = [("forward", n) for n in given if not identical(given[n], before[n])]
        offered = {"g": upstream, "cache": cache, **given, **self.settings}
        if self._backward is None:
            found = self._call("backward", cache, (upstream,) if self.takes_g else (), {})
        elif self._way[:1] == ("by name",):
            found = self._call("backward", self._backward, (), {n: offered[n] for n in self._way[1:]})
        else:
            arguments = ()
            for n in self._way:
                arguments += self.inputs.arguments(given) if n == "inputs" else (offered[n],)
            found = self._call("backward", self._backward, arguments, {})
        for n in given:
            if ("forward", n) not in spoilt and not identical(given[n], before[n]):
                spoilt.append(("backward", n))
        return found, spoilt

    def gradients(self, arrays, g):
        """The gradients by name, as arrays."""
        return self._named(self.backward(arrays, g))

    def _named(self, found):
        if found is None:
            raise ContractError("backward returned nothing: is the return missing?")
        if self._net and isinstance(found, dict):  # its intermediates are looked at by whoever knows the net
            found = {n: v for n, v in found.items() if n in self.inputs.order}
        try:
            return {n: np.array(v) for n, v in self.inputs.named(found, "backward").items()}
        except ValueError as error:
            hint = ""
            if self._way in (("g",), ("by name", "g")):
                hint = (
                    "; if the layer keeps the others in itself, pass lambda g: (layer.backward(g), layer.dw)"
                )
            raise ContractError(f"{error}{hint}") from error

    def by_name(self):
        """Backward as a function of g and all inputs by name, which works on the very arrays it is handed."""

        def backward(**given):
            g = given.pop("g", np.ones(()))
            given.pop("cache", None)
            return self._named(self._backward_at(given, g, self.fresh(given))[0])

        backward.__name__ = getattr(self._backward, "__name__", "backward")
        return backward

    def _call(self, who, function, arguments, keywords):
        """Call it, and where sizes or arguments do not fit, say how: the order may be another one."""
        try:
            return function(*arguments, **keywords)
        except (TypeError, ValueError) as error:
            names = list(keywords)
            if arguments and not self._net:
                names = ["a dict"] if self.inputs.one_dict else self.inputs.order
                if who == "backward":
                    told = {"inputs": ", ".join(names)}
                    names = [told.get(n, n) for n in self._way]
            kind = TypeError if isinstance(error, TypeError) else ValueError
            hint = ""
            asks = [p.name for p in parameters(function).values() if p.name.lower() == "cache"]
            if asks and who == "backward" and "cache" not in self._way:
                hint = "; it wants a cache: let forward return (y, cache)"
            elif arguments and not takes(function, len(arguments)):
                hint = (
                    "; it takes other arguments: is the order (forward, backward, inputs)? For other forms "
                    "pass a lambda"
                )
            raise kind(
                f"{self.caller}: {who} is called as {who}({', '.join(names)}); it raised "
                f"{type(error).__name__}: {error}{hint}"
            ) from error


_ORDERED = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def _least(function):
    """How many arguments must be given by position; 1 for what has no signature."""
    try:
        kinds = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return 1
    return sum(p.kind in _ORDERED and p.default is p.empty for p in kinds)


def takes(function, count):
    """Whether a function can be called with so many arguments, as far as its signature tells."""
    try:
        inspect.signature(function).bind(*range(count))
    except TypeError:
        return False
    except ValueError:  # built in
        pass
    return True
