import numpy as np


class Linear:
    def __init__(self, in_features, out_features):
        self.W = np.random.randn(in_features, out_features) * 0.1
        self.b = np.zeros(out_features)

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, grad_output):
        self.dW = self.x.T @ grad_output
        self.db = np.sum(grad_output, axis=0)
        return grad_output @ self.W.T


class BatchNorm:
    def __init__(self, dim, eps=1e-5, momentum=0.9):
        self.gamma, self.beta = np.ones(dim), np.zeros(dim)
        self.eps, self.momentum = eps, momentum
        self.running_mean, self.running_var = np.zeros(dim), np.ones(dim)
        self.train = True

    def forward(self, x):
        if self.train:
            mean, var = x.mean(axis=0), x.var(axis=0)
            self.running_mean = self.momentum * self.running_mean + (1 - self.momentum) * mean
            self.running_var = self.momentum * self.running_var + (1 - self.momentum) * var
        else:
            mean, var = self.running_mean, self.running_var
        self.std = np.sqrt(var + self.eps)
        self.xhat = (x - mean) / self.std
        return self.gamma * self.xhat + self.beta

    def backward(self, dout):
        self.dgamma = np.sum(dout * self.xhat, axis=0)
        self.dbeta = np.sum(dout, axis=0)
        n = len(dout)
        d = dout * self.gamma
        return (n * d - d.sum(axis=0) - self.xhat * np.sum(d * self.xhat, axis=0)) / (n * self.std)


class Conv2D:
    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0):
        self.w = np.random.randn(out_channels, in_channels, kernel_size, kernel_size) * 0.2
        self.b = np.random.randn(out_channels)
        self.stride, self.padding = stride, padding

    def forward(self, x):
        p, s, k = self.padding, self.stride, self.w.shape[2]
        self.x = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))
        n, _, h, w = self.x.shape
        out = np.zeros((n, self.w.shape[0], (h - k) // s + 1, (w - k) // s + 1))
        for i in range(out.shape[2]):
            for j in range(out.shape[3]):
                patch = self.x[:, :, i * s : i * s + k, j * s : j * s + k]
                out[:, :, i, j] = np.tensordot(patch, self.w, axes=([1, 2, 3], [1, 2, 3])) + self.b
        return out

    def backward(self, dout):
        s, p, k = self.stride, self.padding, self.w.shape[2]
        self.dw, self.db, dx = np.zeros_like(self.w), dout.sum(axis=(0, 2, 3)), np.zeros_like(self.x)
        for i in range(dout.shape[2]):
            for j in range(dout.shape[3]):
                patch = self.x[:, :, i * s : i * s + k, j * s : j * s + k]
                self.dw += np.tensordot(dout[:, :, i, j], patch, axes=([0], [0]))
                dx[:, :, i * s : i * s + k, j * s : j * s + k] += np.tensordot(dout[:, :, i, j], self.w, axes=([1], [0]))
        return dx[:, :, p : dx.shape[2] - p, p : dx.shape[3] - p]
