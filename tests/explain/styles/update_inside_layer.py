import numpy as np


class FullyConnected:
    def __init__(self, n_in, n_out):
        self.w = np.random.randn(n_in, n_out)
        self.b = np.random.randn(1, n_out)

    def forward(self, x):
        self.x = x
        return np.dot(x, self.w) + self.b

    def backward(self, output_error, learning_rate):
        input_error = np.dot(output_error, self.w.T)
        weights_error = np.dot(self.x.T, output_error)
        self.w -= learning_rate * weights_error
        self.b -= learning_rate * output_error.sum(axis=0, keepdims=True)
        return input_error
