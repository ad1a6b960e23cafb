"""One function, two values: loss, dy. Nothing else in the file. Due: found; line 7 wrong: a factor 2 / n is missing."""
import numpy as np


def squared_loss(y_predict, y_true):
    loss = np.mean(np.sum(np.square(y_predict - y_true), axis=-1))
    dy = y_predict - y_true
    return loss, dy
