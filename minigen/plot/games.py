"""One round of a game of two players on a line, and what became of it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from minigen.plot.style import STYLES, figure_of, save


def game_round(
    trace: Mapping[str, Any],
    numbers: tuple[Sequence[float], Sequence[float]],
    log: Mapping[str, np.ndarray],
    title: str,
    path: str | os.PathLike,
    *,
    names: tuple[str, str],
) -> None:
    """D(x) = sigmoid(a x + b) and G(z) = z + m before and after each move, and the answers of all rounds.

    trace    {when: {"a": , "b": , "m": }} at the start, after D's move and after G's
    numbers  the data and the noise of the round
    log      what `read_log` gives, with the columns `names`, D(x) and D(G(z))
    """
    begin, moved, end = trace.values()
    data, noise = map(np.asarray, numbers)
    line = np.linspace(-2.5, 4.5, 200)
    figure, ((left, middle, right),) = figure_of(8.0, 3.3, columns=3, sharey=True)

    def answers(state, x):
        return 1 / (1 + np.exp(-(state["a"] * x + state["b"])))

    marks = (
        {"marker": "o", "color": "black", "zorder": 3},
        {"marker": "s", "color": "tab:orange", "zorder": 3},
    )
    left.plot(line, answers(begin, line), color="0.6", linestyle="--", linewidth=1.2)
    for axis in (left, middle):
        axis.plot(line, answers(moved, line), color="black", linewidth=1.2)
        axis.set(ylim=(0, 1), xlim=(line[0], line[-1]))
        axis.set_xlabel("x", fontsize=10)
    left.set_ylabel("D, probability of data", fontsize=10)
    for x, mark in zip((data, noise + begin["m"]), marks, strict=True):
        left.scatter(
            x, answers(begin, x), s=22, facecolors="none", edgecolors=mark["color"], marker=mark["marker"]
        )
    left.scatter(data, answers(moved, data), s=26, label="data", **marks[0])
    left.scatter(noise + begin["m"], answers(moved, noise + begin["m"]), s=26, label="samples", **marks[1])
    left.set_title(f"1. D moves: a {begin['a']:g} to {moved['a']:g}", fontsize=10)
    before, after = noise + moved["m"], noise + end["m"]
    middle.scatter(
        before, answers(moved, before), s=26, facecolors="none", edgecolors="tab:orange", marker="s"
    )
    middle.scatter(after, answers(moved, after), s=26, **marks[1])
    middle.scatter(data, answers(moved, data), s=26, **marks[0])
    middle.set_title(f"2. G moves: m {moved['m']:g} to {end['m']:g}", fontsize=10)
    for name, style in zip(names, STYLES, strict=False):
        right.plot(log["step"], log[name], label=name, **style)
    right.axhline(0.5, color="0.6", linewidth=1, linestyle=":")
    right.set(ylim=(0, 1), xlim=(0, 120))
    right.set_title("3. rounds: both to one half", fontsize=10)
    right.set_xlabel("round", fontsize=10)
    for axis in (left, middle, right):
        axis.tick_params(labelsize=9)
    save(figure, path, title, (left, right))
