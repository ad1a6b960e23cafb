"""Images drawn by formula, any number of them: circles, squares and triangles, and patches with an edge.

Three classes of any size and place, without a download. The three have equal area at equal `radius`,
so the sum of the pixels is no clue to the class.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from minigen.arguments import as_generator, whole_number
from minigen.engine.backend import Seed

shape_names = ("circle", "square", "triangle")

# Half the side of the square and the inner radius of the triangle with the area of a circle of radius 1.
_half_side = math.sqrt(math.pi) / 2
_inner = math.sqrt(math.pi / (3 * math.sqrt(3)))
# How far each shape reaches from its centre of mass, in radii: left and right, up, down. (3, 3)
_reach = np.array([[1.0, 1.0, 1.0], [_half_side] * 3, [math.sqrt(3) * _inner, 2 * _inner, _inner]])


def shapes(
    n: int, *, rng: Seed, size: int = 16, radius: float | tuple[float, float] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """(images, labels): float32 (n, size, size) from 0 (background) to 1, and int64 (n,), see `shape_names`.

    One upright shape an image, its class even over the three, its size uniform over `radius` = (smallest,
    largest) in pixels (default 0.15 and 0.3 of `size`), its place uniform among those where it lies wholly
    inside. Edges are blurred over one pixel, so the pixels sum to the area, pi radius^2 for all three, within
    a few per cent. `rng`: a seed or a NumPy generator; the same seed, the same bits. ValueError for a radius
    that does not fit: the triangle is 2.7 radii wide.
    """
    for name, value, least in (("n", n, 1), ("size", size, 4)):
        whole_number(f"shapes: {name}", value, least)
    low, high = (0.15 * size, 0.3 * size) if radius is None else np.broadcast_to(radius, (2,)).tolist()
    largest = size / (2 * _reach[2, 0])
    if not 0 < low <= high <= largest:
        raise ValueError(
            f"shapes: radius is ({low:g}, {high:g}), expected 0 < smallest <= largest <= {largest:.3g} "
            f"pixels, the largest triangle that fits into {size} x {size}"
        )
    rng = as_generator(rng)
    labels = rng.integers(3, size=n)
    radii, place = rng.uniform(low, high, n), rng.random((n, 2))
    side, up, down = _reach[labels].T * radii  # (n,) each
    centre_x = side + place[:, 0] * (size - 2 * side)
    centre_y = up + place[:, 1] * (size - up - down)
    pixel = np.arange(size) + 0.5
    x = pixel - centre_x[:, None, None]  # (n, 1, size)
    y = pixel[:, None] - centre_y[:, None, None]  # (n, size, 1), downwards, as rows of an image
    images = np.empty((n, size, size), np.float32)
    for label, distance in enumerate((_circle, _square, _triangle)):
        mine = labels == label
        images[mine] = np.clip(0.5 - distance(x[mine], y[mine], radii[mine, None, None]), 0, 1)
    return images, labels


# Signed distance of a point to the shape around 0, in pixels, negative inside:
# (n, 1, s), (n, s, 1) -> (n, s, s)


def _circle(x, y, radius):
    return np.sqrt(x**2 + y**2) - radius


def _square(x, y, radius):
    return np.maximum(np.abs(x), np.abs(y)) - _half_side * radius


def _triangle(x, y, radius):
    slanted = (math.sqrt(3) * np.abs(x) - y) / 2  # the two upper sides; y points down, so the tip is at y < 0
    return np.maximum(slanted, y) - _inner * radius


def edge_patches(images: ArrayLike, n: int, *, rng: Seed, size: int = 8, least: float = 0.1) -> np.ndarray:
    """n square windows (n, size, size) cut from random places of `images` (N, H, W) that are not flat.

    A window counts when the standard deviation of its pixels, in the unit of the images, is at least `least`:
    flat ones carry no information for a sparse code. Windows are drawn with replacement, evenly over all that
    count, and keep the dtype. Cut from `shapes` or digits they hold oriented edges, which is what the units
    of a sparse autoencoder become (the UFLDL exercise does it with 10 000 patches of 8 x 8 natural pixels).
    ValueError for windows larger than the images, for NaN, and where fewer than 1 in 200 windows count.
    """
    images, rng = np.asarray(images), as_generator(rng)
    if images.ndim != 3 or images.size == 0:
        raise ValueError(f"edge_patches: images have shape {images.shape}, expected (N, H, W)")
    if images.dtype.kind not in "fiu" or not np.all(np.isfinite(images)):
        raise ValueError(f"edge_patches: images ({images.dtype}) must be numbers without NaN and infinity")
    for name, value, largest in (("n", n, math.inf), ("size", size, min(images.shape[1:]))):
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or not 1 <= value <= largest:
            raise ValueError(
                f"edge_patches: {name} is {value!r}, expected a whole number from 1 to {largest} "
                f"for images {images.shape}"
            )
    windows = np.lib.stride_tricks.sliding_window_view(images, (size, size), axis=(1, 2))  # (N, h, w, s, s)
    kept, tried, batch = [], 0, max(256, 2 * n)
    while (found := sum(map(len, kept))) < n:
        if tried >= 20 * batch and found < tried / 200:
            raise ValueError(
                f"edge_patches: only {found} of {tried} random windows have a standard deviation of {least} "
                f"or more; the images run from {images.min():g} to {images.max():g}: lower `least`"
            )
        at = tuple(rng.integers(length, size=batch) for length in windows.shape[:3])
        patches = windows[at]  # (batch, s, s)
        kept.append(patches[patches.std(axis=(1, 2), dtype=np.float64) >= least])
        tried += batch
    return np.concatenate(kept)[:n]
