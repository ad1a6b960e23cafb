"""Figures of experiments whose outcome is known exactly: PCA, probabilistic PCA, the two terms of a bound."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from minigen.plot.style import figure_of, save


def linear_subspace(
    errors: Mapping[int, float],
    line: Mapping[int, float],
    cosines: np.ndarray,
    title: str,
    path: str | os.PathLike,
) -> None:
    """Errors {K: error} on the curve of PCA {K: error}, and |cosine| (K, K) of directions and components."""
    figure, ((left, right),) = figure_of(7.2, 3.2, columns=2)
    left.plot(line.keys(), line.values(), color="0.6", linewidth=1.5, label="PCA")
    left.plot(errors.keys(), errors.values(), "o", color="black", markersize=6, label="linear autoencoder")
    left.set(xlabel="numbers in the code", ylabel="test error a pixel", ylim=(0, None))
    left.legend(fontsize=8, frameon=False)
    shades = right.imshow(cosines, cmap="gray_r", vmin=0, vmax=1)
    right.set(xlabel="principal component", ylabel="direction of the decoder")
    for axis in (right.xaxis, right.yaxis):
        axis.set_ticks(range(len(cosines)), range(1, len(cosines) + 1))
    figure.colorbar(shades, ax=right, label="|cosine| between the two", shrink=0.9)
    save(figure, path, title)


def active_units(
    eigenvalues: np.ndarray, spread: Mapping[float, Any], title: str, path: str | os.PathLike
) -> None:
    """Eigenvalues (D,) cut by the noise variances, and {noise: Var mu (K,)} beside 1 - noise / eigenvalue."""
    figure, ((left, right),) = figure_of(8.4, 3.4, columns=2)
    eigenvalues = eigenvalues[eigenvalues > 1e-4]
    ranks = range(1, len(eigenvalues) + 1)
    left.semilogy(ranks, eigenvalues, color="black", linewidth=1.5)
    for noise in spread:
        count = sum(eigenvalues > noise)
        left.plot(
            (1, count, count), (noise, noise, eigenvalues[-1]), color="0.5", linestyle="--", linewidth=1
        )
        left.annotate(f"$\\sigma^2$ = {noise:g}: {count}", (count + 0.8, noise), fontsize=8, va="bottom")
    left.set(xlabel="direction", ylabel="variance of the data along it")
    for (noise, variances), mark in zip(spread.items(), "osD^", strict=False):
        kept = eigenvalues[eigenvalues > noise]
        right.plot(range(1, len(kept) + 1), 1 - noise / kept, color="0.6", linewidth=1.2)
        ordered = sorted(variances, reverse=True)
        shown = {"linestyle": "", "marker": mark, "markersize": 3.5, "color": "black", "fillstyle": "none"}
        right.plot(range(1, len(ordered) + 1), ordered, label=f"$\\sigma^2$ = {noise:g}", **shown)
    right.plot([], color="0.6", linewidth=1.2, label="probabilistic PCA")
    right.set(xlabel="unit, the most used first", ylabel="variance of its posterior mean")
    right.legend(fontsize=8, frameon=False)
    save(figure, path, title)


def two_terms(
    bars: Mapping[str, tuple[float, float]], levels: Mapping[str, float], title: str, path: str | os.PathLike
) -> None:
    """Bars {name: (reconstruction, KL)} in nats, stacked, with vertical lines at {label: level}."""
    figure, ((axis,),) = figure_of(6.6, 0.42 * len(bars) + 1.5)
    for row, (reconstruction, kl) in enumerate(bars.values()):
        first = row == 0
        axis.barh(row, reconstruction, color="0.35", label="reconstruction" if first else None)
        hatched = {"facecolor": "0.88", "hatch": "////", "edgecolor": "0.45"}
        axis.barh(row, kl, left=reconstruction, label="KL" if first else None, **hatched)
        place = {"va": "center", "fontsize": 8, "zorder": 3, "bbox": {"color": "white", "pad": 0.5}}
        axis.text(reconstruction + kl + 0.5, row, f"{reconstruction + kl:.1f}", **place)
    for label, level in levels.items():
        axis.axvline(level, color="black", linestyle="--", linewidth=1)
        axis.text(level + 0.4, -0.75, label, fontsize=8, va="center")
    axis.set_xlim(0, 1.1 * max(map(sum, bars.values())))
    axis.set(xlabel="nats a test digit, less is better", ylim=(len(bars) - 0.5, -1))
    axis.set_yticks(range(len(bars)), bars.keys(), fontsize=9)
    axis.legend(fontsize=8, frameon=False, loc="lower right")
    save(figure, path, title)
