"""A whole script: it imports what is not here, trains at the top, plots and prints."""
import numpy as np
import not_installed_anywhere as nia
from not_installed_anywhere.data import load_digits

print("starting")
X = np.random.rand(40, 6)
np.random.seed(0)


class Net:
    def __init__(self, d, h):
        self.W, self.V = np.random.randn(d, h), np.random.randn(h, d)

    def forward(self, x):
        self.x, self.h = x, np.tanh(x @ self.W)
        return self.h @ self.V

    def backward(self, dy):
        self.dV = self.h.T @ dy
        da = dy @ self.V.T * (1 - self.h**2)
        self.dW = self.x.T @ da
        return da @ self.W.T


net = Net(6, 9)
for epoch in range(10**9):
    out = net.forward(X)
    net.backward((out - X) / len(X))
    net.W -= 0.1 * net.dW
    net.V -= 0.1 * net.dV

while True:
    pass

data = open("/nonexistent/data.bin").read()
name = input("name? ")

if __name__ == "__main__":
    raise SystemExit("this must not run")
