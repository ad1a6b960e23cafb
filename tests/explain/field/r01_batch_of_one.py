"""A mean over the batch in one weight gradient; a batch of one row would hide it. Due: wrong, line 11 and 12 (/ n)."""
import numpy as np


def dense_forward(h, W, b):
    return h @ W + b


def dense_backward(g, W, h):
    n = len(h)
    gW = h.T @ g / n
    gb = g.sum(axis=0) / n
    return gW, gb, g @ W.T
