"""What `minigen check` checks: every model with its loss by tape, its loss by hand, and a batch of real digits."""

from minigen.check.subjects import autoencoders, gans, layers, vaes, wgans
from minigen.check.subjects.registry import build, names

NAMES = names(layers, autoencoders, vaes, gans, wgans)
QUICK = (
    "dense",
    "conv2d",
    "conv-transpose2d",
    "ae-mse",
    "ae-sparse-kl",
    "vae-bernoulli",
    "gan-discriminator",
)
QUICK += ("gan-generator-nonsaturating", "wgan-critic", "wgan-generator")

__all__ = ["NAMES", "QUICK", "build"]
