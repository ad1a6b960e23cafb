"""An optimizer object changes the parameters: self.W = self.W_opt.update(self.W, gW). Due: gW judged (wrong, line 20: / len is not due), not only x."""
import numpy as np


class Dense:
    def __init__(self, n_units, input_shape=None):
        self.n_units, self.input_shape = n_units, input_shape

    def initialize(self, optimizer):
        self.W = np.random.randn(self.input_shape[0], self.n_units)
        self.W_opt = optimizer

    def forward_pass(self, X, training=True):
        self.layer_input = X
        return X @ self.W

    def backward_pass(self, accum_grad):
        W = self.W
        gW = self.layer_input.T @ accum_grad
        gW = gW / len(accum_grad)
        self.W = self.W_opt.update(self.W, gW)
        return accum_grad @ W.T


class StochasticGradientDescent:
    def __init__(self, learning_rate=0.01):
        self.learning_rate = learning_rate

    def update(self, w, grad_wrt_w):
        return w - self.learning_rate * grad_wrt_w
