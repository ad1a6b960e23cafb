"""Labels are set by a method before forward; backward takes an upstream that it ignores. Due: found, ok."""
import numpy as np


class SoftmaxClassifier:
    def __init__(self, shape):
        self.gradient = np.zeros(shape)

    def set_batch_labels(self, labels):
        self.labels = labels

    def forward(self, scores):
        e = np.exp(scores - scores.max())
        p = (e.T / e.sum(axis=1)).T
        at = (np.arange(len(p)), self.labels)
        loss = -np.log(p[at]).sum() / len(p)
        self.gradient = p.copy()
        self.gradient[at] -= 1
        self.gradient /= len(p)
        return loss

    def backward(self, gradient=1):
        return self.gradient
