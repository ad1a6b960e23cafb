"""What `minigen check` checks: every model with its loss by tape, its loss by hand,
and a batch of real digits.
"""

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

__all__ = ["NAMES", "QUICK", "build"]
