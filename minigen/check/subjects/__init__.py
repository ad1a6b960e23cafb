"""What `minigen check` checks: every model with its loss by tape and by hand, and a batch of real digits."""

import os
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

from minigen.check import witnesses
from minigen.check.subjects import autoencoders, gans, layers, vaes, wgans
from minigen.check.subjects.registry import build, names

NAMES = names(layers, autoencoders, vaes, gans, wgans)
QUICK = (
    "dense",
    "conv2d-strided-dilated",
    "batch-norm",
    "ae-mse",
    "ae-contractive",
    "vae-bernoulli",
    "iwae",
    "gan-discriminator",
    "gan-r1",
    "dcgan-generator",
    "wgan-generator",
    "wgan-gp-critic-tanh",
)
JOBS = 4  # at most so many processes at a time


def compare(names, device="cpu", jobs=None):
    """The records of each of these subjects, a list at a time, in their order.

    On the CPU `jobs` processes share the work (default: one for each processor, at most 4)
    where the system can fork; a graphics card belongs to one process.
    """
    jobs = min(jobs or JOBS, os.cpu_count() or 1, len(names))
    if jobs < 2 or device != "cpu" or not hasattr(os, "fork"):
        yield from map(partial(_compare, device), names)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("fork")) as pool:
        yield from pool.map(partial(_compare, device), names)


def _compare(device, name):
    return witnesses.compare(build(name, device), device=device)


__all__ = ["NAMES", "QUICK", "build", "compare"]
