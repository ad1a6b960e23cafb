"""The bias enters the forward once for each input channel; its gradient counts output channels. Due: wrong, line 29."""
import numpy as np
from scipy import signal


class Conv:
    def __init__(self, shape, kernel, depth):
        self.shape, self.kernel, self.depth = shape, kernel, depth
        self.out_shape = (shape[0] - kernel[0] + 1, shape[1] - kernel[1] + 1, depth)
        self.W = np.random.rand(kernel[0], kernel[1], shape[2], depth) - 0.5
        self.b = np.random.rand(depth) - 0.5

    def forward_propagation(self, x):
        self.x = x
        out = np.zeros(self.out_shape)
        for k in range(self.depth):
            for d in range(self.shape[2]):
                out[:, :, k] += signal.correlate2d(x[:, :, d], self.W[:, :, d, k], "valid") + self.b[k]
        return out

    def backward_propagation(self, g, rate):
        gx = np.zeros(self.shape)
        gW = np.zeros_like(self.W)
        gb = np.zeros(self.depth)
        for k in range(self.depth):
            for d in range(self.shape[2]):
                gx[:, :, d] += signal.convolve2d(g[:, :, k], self.W[:, :, d, k], "full")
                gW[:, :, d, k] = signal.correlate2d(self.x[:, :, d], g[:, :, k], "valid")
            gb[k] = self.depth * g[:, :, k].sum()
        self.W -= rate * gW
        self.b -= rate * gb
        return gx
