"""The constructor makes a folder and keeps files. Due: refused with the line to move; nothing made, moved or removed."""
import os
import shutil

import numpy as np


class Layer:
    def __init__(self, n_in, n_out):
        if not os.path.exists("r29_made"):
            os.makedirs("r29_made")
        if os.path.exists("r29_old"):
            os.rename("r29_old", "r29_moved")
        if os.path.exists("r29_tree"):
            shutil.rmtree("r29_tree")
        if os.path.exists("r29_file"):
            os.remove("r29_file")
        self.W = np.random.randn(n_in, n_out)

    def forward(self, x):
        self.x = x
        return x @ self.W

    def backward(self, g):
        self.dW = self.x.T @ g
        return g @ self.W.T
