"""Known optima for comparison: the best discriminator, the best critic, the overlap of kernels."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from minigen.engine.conv import Pair


def optimal_discriminator(log_p: ArrayLike, log_q: ArrayLike) -> np.ndarray:
    """D*(x) = p(x) / (p(x) + q(x)), the best discriminator of data p and generator q.

    (Goodfellow et al. 2014, proposition 1.) From log densities of one shape, as the sigmoid of log p - log q,
    so that tails do not become 0 / 0. 1/2 where both densities are 0 (any value would do there). ValueError
    for NaN, +inf and shapes that differ.
    """
    log_p, log_q = np.asarray(log_p, dtype=np.float64), np.asarray(log_q, dtype=np.float64)
    if log_p.shape != log_q.shape:
        raise ValueError(f"log_p is {log_p.shape} and log_q {log_q.shape}: give both at the same points")
    for name, value in (("log_p", log_p), ("log_q", log_q)):
        if np.isnan(value).any() or np.isposinf(value).any():
            raise ValueError(f"{name} holds NaN or +inf, expected logarithms of densities")
    with np.errstate(invalid="ignore"):  # -inf less -inf, where neither density lives
        logits = np.where(np.isneginf(log_p) & np.isneginf(log_q), 0.0, log_p - log_q)
    return np.exp(-np.logaddexp(0.0, -logits))


def optimal_value(x: ArrayLike, log_p: ArrayLike, log_q: ArrayLike) -> float:
    """The most that the discriminator's objective can reach, in nats, for two densities on a line.

        V(D*) = E_p log D*(x) + E_q log(1 - D*(x)) = -ln 4 + 2 JS(p || q)

    (Goodfellow et al. 2014, theorem 1), by the trapezoid rule over x (G,), which rises and covers both
    densities: ValueError unless each integrates to 1 within 1e-3. -ln 4 = -1.386 when p = q, 0 when they do
    not meet, and JS = (V + ln 4) / 2 between them, from 0 to ln 2.
    """
    x, log_p, log_q = (np.asarray(a, dtype=np.float64) for a in (x, log_p, log_q))
    if x.ndim != 1 or not np.all(np.diff(x) > 0) or log_p.shape != x.shape:
        raise ValueError(f"x {x.shape} must rise and have one value of log_p {log_p.shape} for each point")
    value = 0.0
    for name, ours, other in (("p", log_p, log_q), ("q", log_q, log_p)):
        share = optimal_discriminator(ours, other)  # D*, then 1 - D* by symmetry, without a subtraction
        mass = np.trapezoid(np.exp(ours), x)
        if not abs(mass - 1) < 1e-3:
            raise ValueError(f"{name} integrates to {mass:.4g} over the grid, expected 1: widen or refine x")
        value += np.trapezoid(np.exp(ours) * np.log(np.where(share > 0, share, 1.0)), x)
    return float(value)


def penalised_estimate(x: ArrayLike, p: ArrayLike, q: ArrayLike, between: ArrayLike, lam: float) -> float:
    """What the best critic with gradient penalty reports for two densities on a line, in the unit of x.

        max_f  E_p f - E_q f - lam E_r (|f'| - 1)^2    at    |f'| = 1 + |F - G| / (2 lam r)

        E_p f - E_q f = integral |F - G| |f'| = W1 + integral (F - G)^2 / (2 lam r)
                      = W1 + 2 lam E_r (|f'| - 1)^2

    F and G are the distribution functions, r the density `between` them of the points that are penalised. So
    the estimate is too large, by twice the penalty, at every lam. Densities (G,) at evenly spaced x (G,).
    ValueError for other shapes and lam <= 0.
    """
    x, p, q, between = (np.asarray(a, dtype=np.float64) for a in (x, p, q, between))
    if x.ndim != 1 or not x.shape == p.shape == q.shape == between.shape or not lam > 0:
        raise ValueError(
            f"x {x.shape}, p {p.shape}, q {q.shape} and between {between.shape} must be alike, lam {lam} "
            "above 0"
        )
    step = x[1] - x[0]
    # |F - G| between neighbours. Each tail is summed from its own end, so that no rounding error of the other
    # end is divided by a tiny r.
    below, above = np.cumsum(p - q)[:-1], np.cumsum((q - p)[::-1])[-2::-1]
    gap = step * np.minimum(np.abs(below), np.abs(above))
    return float(step * np.sum(gap + gap**2 / (lam * (between[:-1] + between[1:]))))


def overlap_counts(kernel_size: Pair, stride: Pair, *, dilation: Pair = 1) -> np.ndarray:
    """How often a transposed convolution writes to each output pixel, away from the border.

        counts[a] = number of taps j with dilation j = a (mod stride),    in two dimensions the outer product

    Gives one period (stride_h, stride_w); arguments are integers or pairs. Uneven counts are the checkerboard
    (Odena et al. 2016): kernel 3, stride 2 has 1, 2, 4; 5 and 2 (DCGAN) 4, 6, 9; 4 and 2 an even 4.
    ValueError for numbers below 1.
    """
    lines = []
    pairs = [np.broadcast_to(np.asarray(a), (2,)).tolist() for a in (kernel_size, stride, dilation)]
    for kernel, step, spread in zip(*pairs, strict=True):
        if min(kernel, step, spread) < 1:
            raise ValueError(
                f"kernel_size {kernel_size}, stride {stride}, dilation {dilation}: expected 1 or more"
            )
        lines.append(np.bincount(spread * np.arange(kernel) % step, minlength=step))
    return np.outer(*lines)


def finest_share(images: ArrayLike) -> float:
    """The share of the variance of images (..., S, S) at the highest frequency of either axis.

        sum of |F|^2 where a frequency is S / 2,  over the sum of |F|^2 without the mean,  F the DFT

    Averaged over the images; S is even. A checkerboard has 1. A generator without checkerboard artefacts has
    little, and flat images, which have no variance, NaN.
    """
    images = np.asarray(images)
    power = np.mean(np.abs(np.fft.fft2(images)) ** 2, axis=tuple(range(images.ndim - 2)))  # (S, S)
    half = len(power) // 2
    finest = power[half].sum() + power[:, half].sum() - power[half, half]
    whole = power.sum() - power[0, 0]
    return float(finest / whole) if whole else math.nan
