"""Takes a forward apart at its named values, and measures with differences how each one acts on the next.

A forward passes every intermediate worth a name through `net`, and every term of its loss through `net.term`:

    h = net("h", np.tanh(x @ W1 + b1))
    net.term("kl", beta * ...)

While nothing is asked of it, `net` only keeps what it sees. To measure how h acts on what follows, every
named value is held at what was recorded (the code that follows receives the recorded array, whatever was
computed), h is moved a little, and those values that come out differently are the ones that use h directly.
Their slopes are the local Jacobian of h. From the local Jacobians alone follows everything else by the chain
rule: the gradient of the loss at every value, split into the ways by which it arrives, and, just as easily,
what a line of a person's backward should have given for the gradients that the person had so far. No
derivative rule is used anywhere, only values.
"""

from dataclasses import dataclass

import numpy as np

from minigen.check.stencil import EPS, generator

STEP = 3e-3  # order 6 likes a large step
SHRINKS = 4  # near a kink or a pole it shrinks tenfold, at most so often
CURVED = 1e-8  # relative difference of order 4 and order 6 above which the step is too long


class Net:
    """What a forward talks to: keeps named values and terms of the loss, holds values fixed when asked."""

    def __init__(self, held=None, output_name="y"):
        self.held, self.values, self.terms = held, {}, {}
        self.output_name, self.has_output = output_name, False

    def __call__(self, name, value):
        """Give `value` a name. Returns it, or the held value of this name."""
        if name in self.values:
            raise ValueError(f"the forward names {name!r} twice; every value needs a name of its own")
        self.values[name] = value
        return value if self.held is None else self.held[name]

    def term(self, name, value):
        """One term of the loss, a number. The loss is the sum of all terms."""
        if name in self.terms:
            raise ValueError(f"the forward names the term {name!r} twice")
        self.terms[name] = value
        return value

    def output(self, value):
        """The result y of a layer, which has no loss: the loss is <g, y> for an upstream gradient g."""
        self.has_output = True
        return self(self.output_name, value)


@dataclass
class Jacobian:
    """How one value acts on those that use it directly: for each, slopes and bars (its size, the user's)."""

    slopes: dict
    bars: dict
    sound: np.ndarray  # per entry: False on a kink, or where every step leaves the domain


class _Gradients(dict):
    """Gradients by name; a missing one follows from those of the values that use it, by the chain rule."""

    def __init__(self, problem, given):
        super().__init__(given)
        self._problem = problem

    def __missing__(self, name):
        parts, _ = self._problem.parts(name, self)
        self[name] = found = sum(parts.values(), np.zeros(self._problem.value(name).shape))
        return found


class Problem:
    """A forward at fixed arguments, ready to be differentiated; `settings` are keywords that are no arrays.

    `values` holds what was named, in order, `arguments` the arrays given, and `terms` the terms of the loss.
    Where the forward has an output instead, `g` is the gradient that arrives at it, drawn at random from
    `rng`.
    """

    def __init__(self, forward, arguments, settings=None, rng=None):
        self._forward, self.settings = forward, dict(settings or {})
        self.arguments = {n: _frozen(np.array(x)) for n, x in arguments.items()}
        self.output = "output" if "y" in self.arguments else "y"  # the name of a layer's result
        net = self._run(None, self.arguments)
        self.values = {n: _frozen(np.array(v, dtype=float)) for n, v in net.values.items()}
        self.terms = {n: float(t) for n, t in net.terms.items()}
        self._check(net)
        rng = rng or generator(0)
        self.g = _frozen(rng.standard_normal(self.values[self.output].shape)) if net.has_output else None
        self._here = self._flatten(net)
        self._columns = self._layout()
        self._jacobians = {}

    @property
    def loss(self):
        """The number that is differentiated."""
        return sum(self.terms.values()) + (
            0.0 if self.g is None else float((self.g * self.values[self.output]).sum())
        )

    def elsewhere(self, changes=None):
        """The same forward at other arguments: `changes` by name, or all real ones moved a little."""
        if changes is None:
            reals = {n: x for n, x in self.arguments.items() if x.dtype.kind == "f"}
            rng = generator(1)
            changes = {n: x * (1 + 0.1 * rng.random(x.shape)) for n, x in reals.items()}
        return Problem(self._forward, {**self.arguments, **changes}, self.settings)

    @property
    def order(self):
        """All names that can have a gradient, in the order in which a backward pass meets them."""
        return [*reversed(self.values), *(n for n, x in self.arguments.items() if x.dtype.kind == "f")]

    def value(self, name):
        """The array of this name, an intermediate or an argument."""
        return self.values[name] if name in self.values else self.arguments[name]

    def gradients(self, given=None):
        """The gradient at every name, worked out when asked for. Those in `given` are taken as they are.

        With nothing given these are the true gradients; with a person's gradients given they are what the
        person's own numbers lead to.
        """
        return _Gradients(self, given or {})

    def parts(self, name, gradients):
        """({way: part}, {way: bar}) of the gradient at `name`, for every value that uses it and every term.

        `gradients` holds the gradients of the values that use it. A way is the name of the user or of the
        term.
        """
        if name == self.output and self.g is not None:
            return {name: self.g}, {name: np.zeros(self.g.shape)}
        jacobian, shape = self.jacobian(name), self.value(name).shape
        parts, bars = {}, {}
        for user, slopes in jacobian.slopes.items():
            upstream = np.ones(1) if user in self.terms else gradients[user].reshape(-1)
            parts[user] = (slopes @ upstream).reshape(shape)
            bars[user] = (jacobian.bars[user] @ np.abs(upstream)).reshape(shape)
        return parts, bars

    def sound(self, name):
        """Which entries can be compared: all but those on a kink, where the two sides have other slopes."""
        if name == self.output and self.g is not None:
            return np.ones(self.g.shape, bool)
        return self.jacobian(name).sound.reshape(self.value(name).shape)

    def sides(self, name, gradients):
        """{flat index: (lowest, highest)}: the gradients that the two sides allow, for entries on a kink.

        `gradients` as in `parts`. Each value that uses this one has a slope on either side.
        """
        entries = np.flatnonzero(~self.sound(name).reshape(-1))
        h, found = 1e-3 * STEP, {}
        with np.errstate(all="ignore"):
            right = (self._at(name, entries, np.full(len(entries), h)) - self._here) / h
            left = (self._here - self._at(name, entries, np.full(len(entries), -h))) / h
        usable = np.isfinite(right).all(axis=1) & np.isfinite(left).all(axis=1)
        for row in np.flatnonzero(usable):
            lowest = highest = 0.0
            for user, columns in self._columns.items():
                r, s = right[row, columns], left[row, columns]
                if user == name or not (r.any() or s.any()):
                    continue
                upstream = np.ones(1) if user in self.terms else gradients[user].reshape(-1)
                lowest += float(np.minimum(upstream * r, upstream * s).sum())
                highest += float(np.maximum(upstream * r, upstream * s).sum())
            found[int(entries[row])] = (lowest, highest)
        return found

    def jacobian(self, name):
        """The local Jacobian of `name`, measured once."""
        if name not in self._jacobians:
            slopes, bars, sound = self._measure(name)
            uses = [u for u, c in self._columns.items() if u != name and slopes[:, c].any()]
            self._jacobians[name] = Jacobian(
                {u: slopes[:, self._columns[u]] for u in uses},
                {u: bars[:, self._columns[u]] for u in uses},
                sound,
            )
        return self._jacobians[name]

    def _run(self, held, arguments):
        net = Net(held, self.output)
        self._forward(net, **arguments, **self.settings)
        return net

    def _check(self, net):
        both = set(self.values) & set(self.arguments) | set(self.terms) & {*self.values, *self.arguments}
        if both:
            raise ValueError(f"the forward uses the name {sorted(both)[0]!r} for two different things")
        if not (self.terms or net.has_output):
            raise ValueError(
                "the forward has neither net.term(name, value) nor net.output(y): there is no loss"
            )
        for name, x in (self.values | self.arguments | self.terms).items():
            if not np.isfinite(x).all():
                raise ValueError(
                    f"the forward gives values for {name!r} that are not finite at these arguments"
                )
        again = self._flatten(self._run(None, self.arguments))
        if not np.array_equal(again, self._flatten(net)):
            raise ValueError("the forward gives other values the second time: pass noise as an argument")

    @staticmethod
    def _flatten(net):
        return np.concatenate([np.ravel(v) for v in (*net.values.values(), *net.terms.values())])

    def _layout(self):
        columns, start = {}, 0
        for name, size in [(n, v.size) for n, v in self.values.items()] + [(n, 1) for n in self.terms]:
            columns[name] = slice(start, start + size)
            start += size
        return columns

    def _at(self, name, entries, steps):
        """What everything becomes when single entries of `name` are moved by `steps`, all else held."""
        x = self.value(name)
        moved = np.array(x, dtype=float)
        flat = moved.reshape(-1)
        held = {**self.values, name: moved} if name in self.values else self.values
        arguments = self.arguments if name in self.values else {**self.arguments, name: moved}
        out = np.empty((len(entries), len(self._here)))
        for row, (i, step) in enumerate(zip(entries, steps, strict=True)):
            before = flat[i]
            flat[i] = before + step
            try:
                out[row] = self._flatten(self._run(held, arguments))
            except (ArithmeticError, ValueError):
                out[row] = np.nan
            flat[i] = before
        return out

    def _measure(self, name):
        """Slopes (entries, everything), their bars, and which entries have a slope at all."""
        x = self.value(name).reshape(-1)
        slopes, bars = np.zeros((x.size, len(self._here))), np.zeros((x.size, len(self._here)))
        left = np.arange(x.size)
        # huge values need a larger one
        step = STEP * max(1.0, 0.01 * float(np.sqrt(np.mean(x * x)))) if x.size else STEP
        with np.errstate(all="ignore"):
            for _ in range(SHRINKS):
                good, slopes[left], bars[left] = self._try(name, x, left, step)
                left = left[~good]
                if not left.size:
                    break
                step /= 10
        sound = np.ones(x.size, bool)
        sound[left] = False
        return slopes, bars, sound

    def _try(self, name, x, entries, h):
        """(which entries to trust, slopes, bars) with one step: order 4 where that is exact, else order 6."""
        change, bend = [], []

        def look(k, which):
            up, down = x[entries[which]] + k * h, x[entries[which]] - k * h
            high = self._at(name, entries[which], up - x[entries[which]])
            low = self._at(name, entries[which], down - x[entries[which]])
            change.append((high - low) / (up - down)[:, None])
            bend.append(high + low - 2 * self._here)

        everywhere = np.ones(len(entries), bool)
        look(1, everywhere)
        look(2, everywhere)
        noise = 4 * EPS * (np.abs(self._here) + 1e-300) / h
        slopes = (4 * change[0] - change[1]) / 3
        size = np.abs(slopes).max(axis=1, initial=0, keepdims=True)
        curvature = np.abs(change[1] - change[0])
        broken = _kinked(bend[0], bend[1], size * h, noise * h) | ~np.isfinite(slopes)
        good = ~broken.any(axis=1)
        bars = curvature + noise
        curved = ~(curvature <= 1e-11 * size + 4 * noise).all(axis=1)
        if curved.any():
            look(3, curved)
            finer = 1.5 * change[0][curved] - 0.6 * change[1][curved] + 0.1 * change[2]
            apart = np.abs(finer - slopes[curved])
            good[curved] &= (apart <= CURVED * size[curved] + 4 * noise).all(axis=1)
            slopes[curved], bars[curved] = finer, 0.05 * apart + noise
        # Entries on a kink are not compared; for what lies above them the convention is relu'(0) = 0 and
        # |x|'(0) = 0.
        slopes[broken] = bars[broken] = 0.0
        return good, slopes, bars


def _kinked(bend, bend_twice, size, noise):
    """Where do the two sides differ? f(h) - 2 f(0) + f(-h) grows like h at a kink, like h^2 elsewhere."""
    bent = (np.abs(bend) > 1e-6 * size) & (np.abs(bend) > 100 * noise)
    return bent & (np.abs(bend_twice) < 3 * np.abs(bend))


def _frozen(x):
    """The array, protected: a forward that writes into its arguments is refused by NumPy at once."""
    x.setflags(write=False)
    return x
