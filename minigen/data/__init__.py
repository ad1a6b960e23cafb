"""Data to learn from, and how to walk through it."""

from minigen.data.batches import batches
from minigen.data.digits import digits, digits_split

__all__ = ["batches", "digits", "digits_split"]
