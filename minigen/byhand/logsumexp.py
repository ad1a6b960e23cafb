"""The logarithm of a sum of exponentials: what a mixture and an importance-weighted bound have in common."""

import numpy as np


def logsumexp(a, axis):
    """lse(a) = log Σ_j e^a_j over one axis, which is kept with length 1.

    lse(a) = m + log Σ_j e^(a_j − m)         for any m; with m = max a no term exceeds 1 and one equals it
    ∂lse/∂a_j = e^a_j / Σ_i e^a_i = e^(a_j − lse(a)),  the softmax: weights that sum to 1
    """
    m = a.max(axis=axis, keepdims=True)
    return m + np.log(np.exp(a - m).sum(axis=axis, keepdims=True))
