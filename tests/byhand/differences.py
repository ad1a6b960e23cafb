"""A small second opinion on a gradient: the loss evaluated at nearby points, and nothing else.

A central slope s_k = (f(x + kh) − f(x − kh)) / 2kh is f′ plus errors in even powers of h. Three of them,
weighted 1.5, −0.6, 0.1, cancel the powers 2 and 4: order 6, the choice for smooth losses. One alone is order
2, with a step so small that a kink is hardly ever crossed.
"""

import numpy as np

SCHEMES = {2: (1e-5, (1.0,)), 6: (3e-3, (1.5, -0.6, 0.1))}


def numeric_gradient(f, p, name, order=6):
    """∂f(p)/∂p[name], one entry at a time; f takes the whole dict and p is left as it was."""
    h, weights = SCHEMES[order]
    q = p | {name: p[name].copy()}
    gradient = np.zeros_like(q[name])
    for index in np.ndindex(gradient.shape):
        centre = p[name][index]
        for k, weight in enumerate(weights, start=1):
            up, down = centre + k * h, centre - k * h
            q[name][index] = up
            high = f(q)
            q[name][index] = down
            gradient[index] += weight * (high - f(q)) / (up - down)  # the step as represented
        q[name][index] = centre
    return gradient


def relative_error(a, n):
    """‖a − n‖ / (‖a‖ + ‖n‖): 0 for equal, 1 for opposite; two zero gradients agree."""
    if a.shape != n.shape:
        raise AssertionError(f"gradient has shape {a.shape}, expected {n.shape}")
    scale = np.linalg.norm(a) + np.linalg.norm(n)
    return np.linalg.norm(a - n) / scale if scale else 0.0


def errors_by_name(f, p, order=6):
    """The relative error of every gradient that f(p) -> (loss, grads) claims, by parameter name."""
    _, grads = f(p)
    if grads.keys() != p.keys():
        raise AssertionError(f"gradients {sorted(grads)} for parameters {sorted(p)}")
    numeric = {name: numeric_gradient(lambda q: f(q)[0], p, name, order) for name in p}
    return {name: relative_error(grads[name], numeric[name]) for name in p}
