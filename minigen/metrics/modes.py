"""Mode coverage: how many modes of the data the samples reach, and what a perfect sampler would reach."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from minigen.arguments import as_generator, as_rows, same_width
from minigen.engine.backend import Seed


class ModeCoverage(NamedTuple):
    """`captured` modes, `high_quality` share of the samples, `reverse_kl` in nats, `counts` (K,) kept."""

    captured: float
    high_quality: float
    reverse_kl: float
    counts: np.ndarray


def _modes(centres, sigma):
    """The centres (K, D) and their standard deviations (K, D)."""
    centres = as_rows("centres", centres, least=1)
    sigma = np.asarray(sigma, dtype=np.float64)
    if not (np.all(sigma > 0) and np.all(np.isfinite(sigma))):
        raise ValueError(f"sigma is {sigma}, expected standard deviations above 0")
    try:
        return centres, np.broadcast_to(sigma, centres.shape)
    except ValueError:
        raise ValueError(
            f"sigma has shape {sigma.shape}, expected one number, (D,) or (K, D) with centres {centres.shape}"
        ) from None


def _radius(within):
    if not 0 < within < math.inf:
        raise ValueError(f"within is {within}, expected a number of standard deviations above 0")


def mode_coverage(
    samples: ArrayLike, centres: ArrayLike, sigma: ArrayLike, *, within: float = 3.0
) -> ModeCoverage:
    """How many of the K modes the samples (N, D) reach, and how evenly.

        nearest(x) = argmin_k r_k(x),   r_k(x)^2 = sum_d ((x_d - centres_kd) / sigma_kd)^2     (Mahalanobis)
        x is of high quality, and counts for its nearest mode, when r < `within`

    captured: modes with at least one; high_quality: kept / N; reverse_kl: `reverse_kl` of the counts. This is
    the protocol of PacGAN (Lin et al. 2018, their code) with N = 2500, and of VEEGAN (Srivastava et al.
    2017). The two papers train differently, and disagree about the same plain GAN: compare within one table.

    Centres (K, D); `sigma`, in the unit of the data: one number, (D,) or (K, D). A perfect sampler
    does not reach 100 % and 0 nats: see `mode_control`. ValueError for fewer than 2 samples,
    widths that differ, sigma <= 0, NaN.
    """
    samples = as_rows("samples", samples)
    centres, sigma = _modes(centres, sigma)
    same_width("samples", samples, "centres", centres)
    _radius(within)
    squares = [(((samples - c) / s) ** 2).sum(axis=1) for c, s in zip(centres, sigma, strict=True)]
    squares = np.stack(squares, axis=1)  # (N, K)
    nearest, kept = squares.argmin(axis=1), squares.min(axis=1) < within**2
    counts = np.bincount(nearest[kept], minlength=len(centres))
    captured = int(np.count_nonzero(counts))
    return ModeCoverage(captured, float(kept.mean()), reverse_kl(counts), counts)


def reverse_kl(counts: ArrayLike) -> float:
    """KL(counts / total || uniform) = ln K - H(counts / total), in nats; counts (K,), of modes or classes.

    0 when even; ln(K / m) when m of K are covered evenly; about (K - 1) / (2 N) for N perfect samples. inf
    when nothing was counted: no mode is reached, which is worse than one. ValueError for negative counts and
    for NaN.
    """
    counts = np.asarray(counts, dtype=np.float64)
    if counts.ndim != 1 or counts.size == 0 or not np.all(np.isfinite(counts)) or np.any(counts < 0):
        raise ValueError(f"counts are {counts}, expected K numbers of 0 or more")
    if counts.sum() == 0:
        return math.inf
    share = counts[counts > 0] / counts.sum()
    return max(0.0, float(np.sum(share * np.log(share * len(counts)))))


def summary(coverages: Sequence[ModeCoverage]) -> tuple[ModeCoverage, ModeCoverage]:
    """(mean, standard deviation) of several `ModeCoverage`s, each a ModeCoverage: over seeds, over controls.

    The deviation divides by the number less one, and is inf where the mean is. ValueError for fewer than 2.
    """
    if len(coverages) < 2:
        raise ValueError(f"{len(coverages)} runs have no spread: give at least 2, better 5")
    means, deviations = [], []
    for column in zip(*coverages, strict=True):
        column = np.array(column, dtype=np.float64)
        infinite = np.isinf(column).any(axis=0)
        spread = np.where(infinite, 0.0, column).std(axis=0, ddof=1)  # inf - inf would be NaN
        means.append(column.mean(axis=0))
        deviations.append(np.where(infinite, np.inf, spread)[()])
    return ModeCoverage(*means), ModeCoverage(*deviations)


def true_sampler(centres: ArrayLike, sigma: ArrayLike, n: int, *, rng: Seed) -> np.ndarray:
    """n draws (n, D) from the even mixture of N(centres_k, diag sigma_k^2): the true distribution."""
    centres, sigma = _modes(centres, sigma)
    rng = as_generator(rng)
    which = rng.integers(len(centres), size=n)
    return centres[which] + sigma[which] * rng.standard_normal((n, centres.shape[1]))


def mode_control(
    centres: ArrayLike, sigma: ArrayLike, *, n: int = 2500, within: float = 3.0, trials: int = 10, rng: Seed
) -> tuple[ModeCoverage, ModeCoverage]:
    """(mean, standard deviation) over `trials` perfect samplers of n draws: the row to print in every table.

    With n = 2500: ring of 8, 98.9 % and 0.0015 nats; grid of 25, 98.9 % and 0.0050 nats.
    """
    rng = as_generator(rng)
    draws = (true_sampler(centres, sigma, n, rng=rng) for _ in range(trials))
    return summary([mode_coverage(x, centres, sigma, within=within) for x in draws])


def true_high_quality(dimensions: int, within: float = 3.0) -> float:
    """The share that a perfect sampler gets where modes stand far apart: P(chi^2 with D degrees < within^2).

    In the plane 1 - exp(-within^2 / 2), 0.98889 for 3; on a line 0.9973; in 1200 dimensions 0 even for 10.
    """
    _radius(within)
    if dimensions != int(dimensions) or dimensions < 1:
        raise ValueError(f"dimensions is {dimensions}, expected a whole number of 1 or more")
    half = within**2 / 2  # the regularised gamma function P(D/2, half), from P(1/2) or P(1) upwards
    a, share = (0.5, math.erf(math.sqrt(half))) if dimensions % 2 else (1.0, -math.expm1(-half))
    while a < dimensions / 2:
        share -= math.exp(a * math.log(half) - half - math.lgamma(a + 1))
        a += 1
    return max(0.0, share)
