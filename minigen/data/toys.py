"""Points in the plane whose distribution is known exactly: rings, grids, rolls, moons, spirals.

A `Mixture` is a set of isotropic Gaussians. It keeps centres and sigma, so the modes that a model reaches can
be counted: mode_coverage(samples, toy.centres, toy.sigma). A `Curve` is a line with noise around it. It keeps
the line, so a figure can show it. `published` gives the data of the papers by name, so that results can be
compared. All draws come from the generator that is given: the same seed gives the same bits.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from minigen.arguments import as_generator, as_rows, whole_number
from minigen.engine.backend import Seed


@dataclass(frozen=True, eq=False)
class Mixture:
    """K equally likely Gaussians N(centre_k, sigma^2 I).

    centres (K, D), in the unit of the data, kept as float64 and read-only; one `sigma` > 0 in the same unit.
    With `even` every mode gets the same number of points (give or take one, where n is no multiple of K), in
    random order; without it the counts are multinomial. ValueError for sigma <= 0, NaN, and centres that
    coincide.
    """

    centres: np.ndarray
    sigma: float
    even: bool = False

    def __post_init__(self) -> None:
        centres = as_rows("centres", self.centres, least=1).copy()
        sigma = _positive("sigma", self.sigma)
        apart = np.sqrt(((centres[:, None] - centres) ** 2).sum(axis=2))  # (K, K)
        double = np.argwhere(np.triu(apart <= 1e-6 * sigma, k=1))
        if len(double):
            first, second = double[0].tolist()
            raise ValueError(
                f"centres {first} and {second} coincide, so these are fewer than {len(centres)} modes: "
                "angles from np.linspace(0, 2 * pi, K) repeat the first one, use endpoint=False or "
                "minigen.data.ring"
            )
        centres.flags.writeable = False
        object.__setattr__(self, "centres", centres)
        object.__setattr__(self, "sigma", sigma)

    def sample(self, n: int, *, rng: Seed, dtype: DTypeLike = np.float32) -> np.ndarray:
        """n points (n, D)."""
        return self.labelled(n, rng=rng, dtype=dtype)[0]

    def labelled(self, n: int, *, rng: Seed, dtype: DTypeLike = np.float32) -> tuple[np.ndarray, np.ndarray]:
        """n points (n, D), the same that `sample` gives, and the mode of each: int64 (n,), 0 .. K-1."""
        n, dtype, rng = whole_number("n", n), _real(dtype), as_generator(rng)
        k = len(self.centres)
        mode = rng.permutation(np.arange(n) % k) if self.even else rng.integers(k, size=n)
        noise = rng.standard_normal((n, self.centres.shape[1]))
        return (self.centres[mode] + self.sigma * noise).astype(dtype), mode


@dataclass(frozen=True, eq=False)
class Curve:
    """A line in the plane with Gaussian noise across and along it: path(u) + noise * N(0, I), u ~ U[0, 1).

    `path` takes u (n,) from 0 to 1 and gives the points (n, 2) without noise and a label (n,) for each, for
    colour; path(np.linspace(0, 1, 500)) is the line to draw. `noise` >= 0 is a standard deviation in the unit
    of the data. ValueError for another.
    """

    path: Callable
    noise: float

    def __post_init__(self) -> None:
        if not 0 <= self.noise < math.inf:
            raise ValueError(f"noise is {self.noise}, expected a standard deviation of 0 or more")

    def sample(self, n: int, *, rng: Seed, dtype: DTypeLike = np.float32) -> np.ndarray:
        """n points (n, 2)."""
        return self.labelled(n, rng=rng, dtype=dtype)[0]

    def labelled(self, n: int, *, rng: Seed, dtype: DTypeLike = np.float32) -> tuple[np.ndarray, np.ndarray]:
        """n points (n, 2), the same that `sample` gives, and the label (n,) of each."""
        n, dtype, rng = whole_number("n", n), _real(dtype), as_generator(rng)
        points, labels = self.path(rng.random(n))
        return (points + self.noise * rng.standard_normal((n, 2))).astype(dtype), labels


# ----- mixtures ---------------------------------------------------------------------------------------------


def ring(modes: int = 8, *, radius: float = 1.0, sigma: float = 0.05) -> Mixture:
    """A `Mixture` of Gaussians evenly spaced on a circle around 0.

        centre_i = radius (cos(2 pi i / modes), sin(2 pi i / modes)),    i = 0 .. modes-1

    All of them distinct: the neighbours are 2 radius sin(pi / modes) apart. The unrolled-GAN demo spaces its
    8 angles from 0 to 2 pi inclusive, which is 7 modes, one of them twice as likely. `radius` and `sigma` in
    the unit of the data.
    """
    modes, radius = whole_number("modes", modes), _positive("radius", radius)
    angles = 2 * np.pi * np.arange(modes) / modes
    return Mixture(radius * np.stack([np.cos(angles), np.sin(angles)], axis=1), sigma)


def grid(side: int = 5, *, spacing: float = 2.0, sigma: float = 0.05, even: bool = False) -> Mixture:
    """A `Mixture` of side x side Gaussians on a square lattice around 0, neighbours `spacing` apart.

    side = 5 and spacing = 2 give the 25 centres {-4, -2, 0, 2, 4}^2. `spacing` and `sigma` in the unit of the
    data; `even` as in `Mixture`.
    """
    side, spacing = whole_number("side", side), _positive("spacing", spacing)
    line = spacing * (np.arange(side) - (side - 1) / 2)
    return Mixture(np.stack(np.meshgrid(line, line, indexing="ij"), axis=-1).reshape(-1, 2), sigma, even)


# ----- curves -----------------------------------------------------------------------------------------------


def swiss_roll(*, noise: float = 0.25, unit: float = 7.5) -> Curve:
    """A `Curve`: one turn and a half of a spiral, seen from the side of Marsland's swiss roll.

        t = 1.5 pi (1 + 2 u),    x = (t cos t, t sin t) / unit

    The first and third coordinate of scikit-learn's make_swiss_roll. `noise` is given before the division, as
    there; `unit` 7.5 makes the standard deviation about 1 (improved-WGAN code). The label is the angle t, in
    radians.
    """
    unit = _positive("unit", unit)

    def path(u):
        t = 1.5 * np.pi * (1 + 2 * np.asarray(u))
        return np.stack([t * np.cos(t), t * np.sin(t)], axis=1) / unit, t

    return Curve(path, noise / unit)


def moons(*, noise: float = 0.1) -> Curve:
    """A `Curve` in two pieces: interleaved half circles of radius 1, the classic of two classes.

        u < 1/2:  (cos t, sin t),    otherwise  (1 - cos t, 1/2 - sin t),    t = pi (2 u mod 1)

    The shape of scikit-learn's make_moons, which places the angles evenly and not at random. The label is the
    moon, 0 (upper) or 1, int64.
    """

    def path(u):
        u = np.asarray(u)
        lower = u >= 0.5
        t = np.pi * (2 * u - lower)
        x = np.where(lower, 1 - np.cos(t), np.cos(t))
        y = np.where(lower, 0.5 - np.sin(t), np.sin(t))
        return np.stack([x, y], axis=1), lower.astype(np.int64)

    return Curve(path, noise)


def spiral(arms: int = 1, *, turns: float = 2.0, noise: float = 0.02) -> Curve:
    """A `Curve`: `arms` arms of an Archimedean spiral inside the unit circle, each `turns` times around 0.

        r = sqrt(v),    angle = 2 pi (turns r + arm / arms),    x = r (cos angle, sin angle),    v ~ U[0, 1)

    The square root spreads the points almost evenly along the arm, with E r^2 = 1/2 as in a full disc. Arms
    lie 1 / (turns * arms) apart. The label is the arm, int64.
    """
    arms, turns = whole_number("arms", arms), _positive("turns", turns)

    def path(u):
        place = np.asarray(u) * arms
        arm = np.minimum(place.astype(np.int64), arms - 1)  # u = 1 is the outer end of the last arm
        r = np.sqrt(place - arm)
        angle = 2 * np.pi * (turns * r + arm / arms)
        return np.stack([r * np.cos(angle), r * np.sin(angle)], axis=1), arm

    return Curve(path, noise)


def circle(*, radius: float = 1.0, noise: float = 0.05) -> Curve:
    """A `Curve`: the circle around 0, the simplest manifold with a tangent and a normal everywhere.

    x = radius (cos t, sin t) with t = 2 pi u, the label, in radians. E |x|^2 = radius^2 + 2 noise^2.
    """
    radius = _positive("radius", radius)

    def path(u):
        t = 2 * np.pi * np.asarray(u)
        return radius * np.stack([np.cos(t), np.sin(t)], axis=1), t

    return Curve(path, noise)


# ----- as the papers have them ------------------------------------------------------------------------------


class Published(NamedTuple):
    """`data` of a paper, its number of fixed `points` (None: new ones each step), its `batch` size."""

    data: Mixture | Curve
    points: int | None
    batch: int
    source: str


_pacgan = "PacGAN (Lin et al. 2018), synthetic_data_experiments, config.py"
_wgan_gp = "improved WGAN training (Gulrajani et al. 2017), gan_toy.py"
_published = {
    "pacgan-ring": lambda: Published(ring(8, radius=1.0, sigma=0.01), 100_000, 100, _pacgan),
    "pacgan-grid": lambda: Published(grid(5, spacing=2.0, sigma=0.05), 100_000, 100, _pacgan),
    "wgan-gp-8gaussians": lambda: Published(
        ring(8, radius=2 / 1.414, sigma=0.02 / 1.414), None, 256, _wgan_gp
    ),
    "wgan-gp-25gaussians": lambda: Published(
        grid(5, spacing=2 / 2.828, sigma=0.05 / 2.828, even=True), 100_000, 256, _wgan_gp
    ),
    "wgan-gp-swissroll": lambda: Published(swiss_roll(noise=0.25, unit=7.5), None, 256, _wgan_gp),
}


def published(name: str) -> Published:
    """The training data of a paper, exactly as its code draws it, as (data, points, batch, source).

    pacgan-ring          8 modes, radius 1, sigma 0.01           pacgan-grid          {-4 .. 4}^2, sigma 0.05
    wgan-gp-8gaussians   8 modes, radius 2, sigma 0.02, / 1.414  wgan-gp-25gaussians  that grid / 2.828, even
    wgan-gp-swissroll    noise 0.25, / 7.5

    `data` is a `Mixture` or a `Curve` in the unit the network sees: centres and sigma are divided too.
    `points` many are drawn once and kept; None means a new batch at every step. PacGAN's grid is also that of
    VEEGAN (Srivastava et al. 2017). ValueError for another name.
    """
    if name not in _published:
        near = difflib.get_close_matches(str(name), _published)
        meant = f" (did you mean {near[0]}?)" if near else ""
        raise ValueError(f"no data called {name!r}{meant}: there are {', '.join(_published)}")
    return _published[name]()


# ----- checks of arguments --------------------------------------------------------------------------------


def _positive(name, value):
    if not 0 < value < math.inf:
        raise ValueError(f"{name} is {value!r}, expected a number above 0")
    return float(value)


def _real(dtype):
    dtype = np.dtype(dtype)
    if dtype.kind != "f":
        raise TypeError(f"dtype is {dtype}, expected float32 or float64: the points are real numbers")
    return dtype
