"""Tries every way to write or to leave the process, when an object is made. Due: none of it happens; the first is named with its line."""
import os
import pathlib
import socket
import subprocess

import numpy as np

WAYS = [
    lambda: open("r36_open", "w"),
    lambda: np.save("r36_save.npy", np.zeros(2)),
    lambda: np.zeros(2).tofile("r36_tofile"),
    lambda: np.memmap("r36_memmap", mode="w+", shape=(3,)),
    lambda: pathlib.Path("r36_text").write_text("x"),
    lambda: os.close(os.open("r36_os_open", os.O_CREAT | os.O_WRONLY)),
    lambda: os.system("touch r36_system"),
    lambda: subprocess.run(["touch", "r36_subprocess"]),
    lambda: socket.create_connection(("127.0.0.1", 9), timeout=1),
]


class Layer:
    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_in, n_out)
        for way in WAYS:
            try:
                way()
            except Exception:
                pass

    def forward(self, x):
        self.x = x
        return x @ self.W

    def backward(self, g):
        self.dW = self.x.T @ g
        return g @ self.W.T
