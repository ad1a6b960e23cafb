"""Distances between two sets of samples."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from minigen.arguments import as_generator, as_rows, same_width
from minigen.baselines import PCA
from minigen.engine.backend import Seed


def _weights(name, weights, n):
    if weights is None:
        return np.full(n, 1 / n)
    weights = np.asarray(weights, dtype=np.float64)
    if weights.shape != (n,) or not np.all(np.isfinite(weights)) or np.any(weights < 0) or weights.sum() == 0:
        raise ValueError(f"{name} must be {n} numbers of 0 or more, not all 0, one for each sample")
    return weights / weights.sum()


def _transport(x, y, masses):
    """W1 (P,) of the columns of x (N, P) and y (M, P); masses (N + M,) of their rows, those of y negative."""
    points = np.concatenate([x, y])
    order = np.argsort(points, axis=0, kind="stable")
    gap = np.cumsum(masses[order], axis=0)[:-1]  # F(t) - G(t) between neighbouring points
    return np.sum(np.abs(gap) * np.diff(np.take_along_axis(points, order, axis=0), axis=0), axis=0)


def wasserstein_1d(
    x: ArrayLike, y: ArrayLike, *, x_weights: ArrayLike | None = None, y_weights: ArrayLike | None = None
) -> float:
    """The exact Wasserstein-1 distance of two samples on a line, in the unit of the samples.

        W1 = integral |F(t) - G(t)| dt,    for equal sizes (1/N) sum_n |x_(n) - y_(n)|, both sorted

    x (N,) and y (M,); weights of 0 or more, scaled to sum 1. A perfect 1-Lipschitz critic reports
    the same number (Kantorovich and Rubinstein), so a trained critic can be compared with it.
    Two samples of one distribution are about N^(-1/2) of its width apart, not 0. ValueError for other shapes,
    NaN, weights that do not fit.
    """
    x, y = as_rows("x", x, least=1), as_rows("y", y, least=1)
    for name, sample in (("x", x), ("y", y)):
        if sample.shape[1] != 1:
            raise ValueError(
                f"{name} has {sample.shape[1]} numbers a row, expected 1: see sliced_wasserstein"
            )
    masses = np.concatenate(
        [_weights("x_weights", x_weights, len(x)), -_weights("y_weights", y_weights, len(y))]
    )
    return float(_transport(x, y, masses)[0])


def sliced_wasserstein(x: ArrayLike, y: ArrayLike, *, rng: Seed, projections: int = 200) -> float:
    """The mean Wasserstein-1 distance of the projections of x (N, D) and y (M, D) onto random lines.

        SW1 = E_u W1(x u, y u),    u uniform on the sphere       (Rabin et al. 2011)

    In the unit of x and y. Estimated from `projections` directions drawn from `rng`: the same seed, the same
    number. Two point masses at distance r have SW1 = r E|u_1|: 2 r / pi in the plane. ValueError for widths
    that differ and for NaN.
    """
    x, y = as_rows("x", x, least=1), as_rows("y", y, least=1)
    same_width("x", x, "y", y)
    if projections < 1:
        raise ValueError(f"projections is {projections}, expected 1 or more")
    u = as_generator(rng).standard_normal((x.shape[1], projections))
    u /= np.sqrt((u**2).sum(axis=0))
    if len(x) == len(y):  # the nth of the one goes to the nth of the other
        return float(np.abs(np.sort(x @ u, axis=0) - np.sort(y @ u, axis=0)).mean())
    masses = np.concatenate([np.full(len(x), 1 / len(x)), np.full(len(y), -1 / len(y))])
    return float(_transport(x @ u, y @ u, masses).mean())


class TwoSample(NamedTuple):
    """`accuracy` of the classifier over all, and among the `real` and the `fake` samples alone."""

    accuracy: float
    real: float
    fake: float


def two_sample_accuracy(real: ArrayLike, fake: ArrayLike) -> TwoSample:
    """How often the nearest neighbour of a sample, itself left out, comes from the sample's own set.

    The leave-one-out 1-NN two-sample test (Lopez-Paz and Oquab 2017). Expected for two sets of one
    distribution: 0.5 (exactly (N - 1) / (2 N - 1)). Near 1: the sets can be told apart. Far below 0.5: the
    fakes lie closer to the reals than the reals to each other, so they are copies. Read `real` and `fake`
    apart: when all fakes are the same image, `fake` is 1.

    Equal distances count by their share, so the order of the samples cannot matter. real, fake (N, D), of
    equal size (ValueError otherwise, chance would not be 0.5). Time and not memory grows with N^2 D.
    """
    real, fake = as_rows("real", real), as_rows("fake", fake)
    same_width("real", real, "fake", fake)
    if len(real) != len(fake):
        raise ValueError(
            f"{len(real)} real and {len(fake)} fake samples: chance is 0.5 at equal sizes only, draw a subset"
        )
    pool, n = np.concatenate([real, fake]), len(real)
    step = max(1, 2**19 // pool.size)  # rows at a time, so that the differences stay in the cache
    own = np.empty(2 * n)
    for start in range(0, 2 * n, step):
        rows = np.arange(start, min(start + step, 2 * n))
        difference = pool[rows, None] - pool  # not |x|^2 - 2 x y + |y|^2, whose rounding breaks exact ties
        squares = np.einsum("ijd,ijd->ij", difference, difference)
        squares[np.arange(len(rows)), rows] = np.inf
        nearest = squares == squares.min(axis=1, keepdims=True)
        reals = nearest[:, :n].sum(axis=1) / nearest.sum(axis=1)
        own[rows] = np.where(rows < n, reals, 1 - reals)
    return TwoSample(float(own.mean()), float(own[:n].mean()), float(own[n:].mean()))


def gaussian_frechet(mean1: ArrayLike, cov1: ArrayLike, mean2: ArrayLike, cov2: ArrayLike) -> float:
    """The squared Frechet (2-Wasserstein) distance of two Gaussians (Dowson and Landau 1982).

        d^2 = |mean1 - mean2|^2 + tr C1 + tr C2 - 2 tr (C1^(1/2) C2 C1^(1/2))^(1/2)

    The matrix under the root is symmetric; with symmetric roots R1, R2 its eigenvalues are the squared
    singular values of R1 R2, whose sum is taken: no root of a tiny negative number, no imaginary part. Means
    (D,), covariances (D, D). ValueError for other shapes and for covariances that are not symmetric and >= 0.
    """
    mean1, mean2 = (np.atleast_1d(np.asarray(m, dtype=np.float64)) for m in (mean1, mean2))
    roots, traces = [], []
    for name, cov in (("cov1", cov1), ("cov2", cov2)):
        cov = np.atleast_2d(np.asarray(cov, dtype=np.float64))
        if mean1.shape != mean2.shape or cov.shape != 2 * mean1.shape:
            raise ValueError(
                f"means {mean1.shape} and {mean2.shape} do not fit {name} {cov.shape}: (D,), (D, D)"
            )
        scale = np.abs(cov).max()
        if not np.isfinite(scale) or np.abs(cov - cov.T).max() > 1e-8 * scale:
            raise ValueError(f"{name} is not a finite symmetric matrix, so it is no covariance")
        values, vectors = np.linalg.eigh(cov)
        if values[0] < -1e-8 * scale:
            raise ValueError(f"{name} has the eigenvalue {values[0]:.3g} below 0, so it is no covariance")
        roots.append((vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T)
        traces.append(np.trace(cov))
    cross = np.linalg.svd(roots[0] @ roots[1], compute_uv=False).sum()
    return max(0.0, float(np.sum((mean1 - mean2) ** 2) + sum(traces) - 2 * cross))


def frechet_distance(reference: ArrayLike, samples: ArrayLike, *, components: int = 20) -> float:
    """`gaussian_frechet` of the codes of two sets in the PCA of the reference, in squared units of the data.

    What the Frechet inception distance (Heusel et al. 2017) does with a network's features,
    with `components` leading directions of `reference` (N, D) instead; samples (M, D).
    It compares means and covariances only, and is biased upwards for few samples: compare at equal sizes,
    next to the distance of two real samples (digits, 500 and 500, pixels in [0, 1]: about 0.1).
    0 for identical sets. ValueError for fewer than 2 samples, widths that differ, more components
    than numbers a row, NaN.
    """
    reference, samples = as_rows("reference", reference), as_rows("samples", samples)
    same_width("reference", reference, "samples", samples)
    if components < 1:
        raise ValueError(f"components is {components}, expected at least one direction to compare along")
    space = PCA(reference, components)
    moments = []
    for rows in (reference, samples):
        code = space.encode(rows)
        mean = code.mean(axis=0)
        moments += [mean, (code - mean).T @ (code - mean) / (len(code) - 1)]
    return gaussian_frechet(*moments)
