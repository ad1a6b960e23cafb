"""Mistakes of one word: a comparison, an order of axes, a sum for a trace, the first rows for other ones."""

import pytest
from judged import assert_right, is_told

# layers whose gradients are picked, put together again and turned round
MAXOUT = """import numpy as np
def inputs(rng):
    return {"x": rng.normal(size=(2, 4, 3)), "w": rng.normal(size=(3, 5, 4))}
def maxout_forward(x, w):
    z = np.einsum("ncl,kfc->nkfl", x, w)
    winner = z.argmax(axis=1)
    return z.max(axis=1), (x, w, winner)
def maxout_backward(dout, cache):
    x, w, winner = cache
    pieces = np.arange(w.shape[0])[None, :, None, None]
    dz = (winner[:, None] == pieces) * dout[:, None]
    return np.einsum("nkfl,kfc->ncl", dz, w), np.einsum("nkfl,ncl->kfc", dz, x)
"""
SHUFFLE = """import numpy as np
def inputs(rng):
    return {"x": rng.normal(size=(2, 4, 3, 5))}
def shuffle_forward(x, r=2):
    N, C, H, W = x.shape
    out = x.reshape(N, C // r ** 2, r, r, H, W).transpose(0, 1, 4, 2, 5, 3)
    return out.reshape(N, C // r ** 2, H * r, W * r), (x.shape, r)
def shuffle_backward(dout, cache):
    (N, C, H, W), r = cache
    dout = dout.reshape(N, C // r ** 2, H, r, W, r)
    dx = dout.transpose(0, 1, 3, 5, 2, 4)
    return dx.reshape(N, C, H, W)
"""
# a Gaussian with a variance of all entries, of which some are seen
GAUSSIAN = """import numpy as np
def inputs(rng):
    return {"mu": rng.normal(size=5), "log_sigma": np.array(0.3 * rng.normal()), "L": rng.normal(size=(5, 5)),
            "x": rng.normal(size=(2, 3)), "seen": np.array([[0, 2, 3], [1, 2, 4]])}
def nll(mu, log_sigma, L, x, seen):
    C, total = L @ L.T + np.exp(2 * log_sigma) * np.eye(5), 0.0
    for row, obs in zip(x, seen):
        Co = C[np.ix_(obs, obs)]
        d = row - mu[obs]
        total += 0.5 * (np.log(np.linalg.det(Co)) + d @ np.linalg.solve(Co, d))
    return total
def nll_grad(mu, log_sigma, L, x, seen):
    C = L @ L.T + np.exp(2 * log_sigma) * np.eye(5)
    dmu, dC = np.zeros(5), np.zeros((5, 5))
    for row, obs in zip(x, seen):
        inverse = np.linalg.inv(C[np.ix_(obs, obs)])
        v = inverse @ (row - mu[obs])
        dmu[obs] -= v
        dC[np.ix_(obs, obs)] += 0.5 * (inverse - np.outer(v, v))
    dlog_sigma = 2 * np.exp(2 * log_sigma) * np.trace(dC)
    dL = (dC + dC.T) @ L
    return dmu, dlog_sigma, dL
"""
# the gates of a step are put side by side; the number of steps is another one at other inputs
STEPS = """import numpy as np
def inputs(rng):
    T = rng.integers(3, 8)
    W, U = rng.normal(size=(3, 8)), 0.5 * rng.normal(size=(4, 8))
    return {"W": W, "U": U, "xs": rng.normal(size=(T, 2, 3))}
def run(W, U, xs):
    h, tape, total = np.zeros((2, 4)), [], 0.0
    for x in xs:
        q, e = h @ U, x @ W
        r = 1 / (1 + np.exp(-e[:, :4] - q[:, :4]))
        qc = q[:, 4:]
        c = np.tanh(e[:, 4:] + r * qc)
        tape.append((x, h, r, qc, c))
        h = 0.5 * h + 0.5 * c
        total += 0.5 * np.sum(h ** 2)
    return total, tape, h
def bptt(W, U, xs):
    total, tape, h = run(W, U, xs)
    dW, dU, dh = np.zeros_like(W), np.zeros_like(U), np.zeros_like(h)
    for x, before, r, qc, c in reversed(tape):
        dh = dh + 0.5 * before + 0.5 * c
        dac = 0.5 * dh * (1 - c ** 2)
        dar = dac * qc * r * (1 - r)
        de = np.hstack([dar, dac])
        dq = np.hstack([dar, dac * r])
        dW += x.T @ de
        dU += before.T @ dq
        dh = 0.5 * dh + dq @ U.T
    return total, dW, dU
"""
PLACES = [
    (MAXOUT, "(winner[:, None] == pieces)", "(winner[:, None] >= pieces)"),
    (SHUFFLE, "dx = dout.transpose(0, 1, 3, 5, 2, 4)", "dx = dout.transpose(0, 1, 5, 3, 2, 4)"),
    (GAUSSIAN, "np.trace(dC)", "np.sum(dC)"),
    (GAUSSIAN, "2 * np.exp(2 * log_sigma) * np", "2 * np.exp(log_sigma) * np"),
    (GAUSSIAN, "dmu[obs] -= v", "dmu[:len(obs)] -= v"),
    (STEPS, "[dar, dac * r]", "[dar, dac]"),
    (STEPS, "dac = 0.5 * dh * (1 - c ** 2)", "dac = 0.5 * dh * (1 - c)"),
]


@pytest.mark.parametrize("text", [MAXOUT, SHUFFLE, GAUSSIAN, STEPS])
def test_the_programs_are_right(tmp_path, text):
    assert_right(tmp_path, text)


@pytest.mark.parametrize(("text", "before", "after"), PLACES)
def test_the_word_is_found(tmp_path, text, before, after):
    assert is_told(tmp_path, text, before, after)
