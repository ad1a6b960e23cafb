"""Data sets, and batches of them."""

from minigen.data.batches import batches
from minigen.data.digits import digits, digits_split
from minigen.data.mnist import fashion_mnist, fashion_names, mnist, read_idx
from minigen.data.mnist_sample import mnist_sample
from minigen.data.shapes import edge_patches, shape_names, shapes
from minigen.data.toys import Curve, Mixture, circle, grid, moons, published, ring, spiral, swiss_roll

__all__ = [
    "Curve",
    "Mixture",
    "batches",
    "circle",
    "digits",
    "digits_split",
    "edge_patches",
    "fashion_mnist",
    "fashion_names",
    "grid",
    "mnist",
    "mnist_sample",
    "moons",
    "published",
    "read_idx",
    "ring",
    "shape_names",
    "shapes",
    "spiral",
    "swiss_roll",
]
