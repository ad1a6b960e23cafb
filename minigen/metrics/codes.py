"""Measures of latent codes: active units, the importance-weighted bound, accuracy with few labels."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from minigen.arguments import as_generator, as_rows, same_width
from minigen.engine.backend import Seed
from minigen.engine.ops import logsumexp


def active_units(mu: ArrayLike, *, threshold: float = 0.01) -> np.ndarray:
    """Which latent units the encoder uses: Var_n(mu_nk) > `threshold` (Burda et al. 2016).

    mu (N, K): the posterior means over a data set. Gives K booleans; their sum is the published count. A
    collapsed unit has the prior's mean, 0, for every input. ValueError for fewer than 2 rows and for NaN.
    """
    return as_rows("mu", mu).var(axis=0) > threshold


def importance_weighted_bound(log_weights: ArrayLike) -> float:
    """The mean over the batch of a lower bound of log p(x), in nats (Burda et al. 2016).

        L_S = (1/N) sum_n log (1/S) sum_s w_sn,    log w = log p(x, z) - log q(z|x),  z ~ q(z|x)

    log_weights (S, N). S = 1 is the ELBO; in expectation L_S rises with S, to log p(x). -inf is a weight of 0
    (an input with no other gives -inf). ValueError for other shapes, NaN and +inf.
    """
    log_weights = np.asarray(log_weights, dtype=np.float64)
    if log_weights.ndim != 2 or log_weights.size == 0:
        raise ValueError(
            f"log_weights has shape {log_weights.shape}, expected (S, N): samples first, then inputs"
        )
    if np.isnan(log_weights).any() or np.isposinf(log_weights).any():
        raise ValueError("log_weights holds NaN or +inf: look for an overflow in log p(x, z) or in logvar")
    return float((np.logaddexp.reduce(log_weights, axis=0) - math.log(len(log_weights))).mean())


def grid_log_likelihood(
    decode: Callable[[Any], Any], x: ArrayLike, *, edge: float = 5.0, side: int = 201
) -> float:
    """The mean over the rows of log p(x), in nats, for a code of two numbers: an integral, without encoder.

        log p(x) = log sum_ij step^2 N(z_ij; 0, I) p(x|z_ij),    z_ij on a square grid over [-edge, edge]^2

    p(x|z) are independent Bernoullis: `decode` takes codes (M, 2) and gives logits (M, D); x (N, D) in [0,
    1]. It holds for any decoder, however it was trained, so a bound that lies above it is computed wrongly.
    The sum is exact to many digits where `step` is not larger than the deviation of p(z|x). ValueError for
    other shapes.
    """
    x = as_rows("x", x, least=1)
    line = np.linspace(-edge, edge, side)
    log_prior = -0.5 * line**2 - 0.5 * math.log(2 * math.pi) + math.log(line[1] - line[0])
    total = np.full(len(x), -np.inf)
    for first, weight in zip(line, log_prior, strict=True):  # a row of the grid at a time
        logits = np.asarray(decode(np.column_stack([np.full(side, first), line])), np.float64)
        if logits.shape != (side, x.shape[1]):
            raise ValueError(f"decode gave {logits.shape} for {side} codes, expected {(side, x.shape[1])}")
        given = x @ logits.T - np.logaddexp(0, logits).sum(axis=1)  # log p(x|z), (N, side)
        total = np.logaddexp(total, logsumexp(given + (log_prior + weight), axis=1))
    return float(total.mean())


def few_label_accuracy(
    codes: ArrayLike,
    labels: ArrayLike,
    test_codes: ArrayLike,
    test_labels: ArrayLike,
    per_class: int,
    *,
    rng: Seed,
    draws: int = 20,
) -> float:
    """Accuracy of a classifier with `per_class` labelled codes of each class, the mean over draws.

    scikit-learn's logistic regression (C = 1) on random rows of codes (N, K), judged on test_codes (M, K).
    It measures a code that was learned without labels; compare it with the raw data and with an untrained
    network. The same seed as `rng` draws the same rows for all of them. Pixels of the digits, 1, 2,
    5 and 10 labels a class: about .64, .74, .83 and .86. ValueError where a class has fewer rows.
    """
    codes, test_codes = as_rows("codes", codes), as_rows("test_codes", test_codes, least=1)
    same_width("codes", codes, "test_codes", test_codes)
    rng, labels = as_generator(rng), np.asarray(labels)
    classes = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    least = min(map(len, classes))
    if not 1 <= per_class <= least:
        raise ValueError(f"per_class is {per_class}, expected 1 to {least}, the rows of the smallest class")
    try:
        from sklearn.linear_model import LogisticRegression
    except ImportError:
        raise ImportError(
            "few_label_accuracy needs scikit-learn, which is not installed: "
            "from the checkout, pip install '.[experiments]'"
        ) from None
    scores = []
    for _ in range(draws):
        rows = np.concatenate([rng.choice(those, per_class, replace=False) for those in classes])
        model = LogisticRegression(max_iter=2000).fit(codes[rows], labels[rows])
        scores.append(model.score(test_codes, test_labels))
    return float(np.mean(scores))
