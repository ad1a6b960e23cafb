"""Small pictures of arrays, as PNG inside the page: blue above zero, orange below, the stronger the larger.

The strength is opacity, so a picture sits on light paper as on dark. Written with zlib alone: 33 colours, one
byte a pixel.
"""

import base64
import struct
import zlib
from html import escape

import numpy as np
from markupsafe import Markup

BLUE, ORANGE, LEVELS = (46, 108, 190), (214, 104, 30), 16
MOST = 72  # rows and columns that are shown
PALETTE = bytes(c for i in range(2 * LEVELS + 1) for c in (ORANGE if i < LEVELS else BLUE))
ALPHA = bytes(round(255 * (abs(i - LEVELS) / LEVELS) ** 0.8) for i in range(2 * LEVELS + 1))


def picture(array, scale=None, largest=None):
    """An <img> of an array, with a text that says what it shows."""
    array = np.asarray(array, np.float64)
    plane, note = _plane(array)
    largest = float(np.max(np.abs(array), initial=0.0)) if largest is None else largest
    size = scale or max(2, min(8, 96 // max(plane.shape[1], 1), 40 // max(plane.shape[0], 1)))
    low, high = (float(array.min()), float(array.max())) if array.size else (0.0, 0.0)
    text = f"{words(array)}{note}, values from {number(low)} to {number(high)}"
    height, width = plane.shape
    return Markup(
        f'<img class="array" alt="{escape(text)}" width="{width * size}" height="{height * size}" '
        f'src="data:image/png;base64,{base64.b64encode(_png(plane, largest)).decode()}">'
    )


def words(array):
    """The shape of an array, or of anything that has one: 7×13, or "one number"."""
    return "×".join(map(str, array.shape)) or "one number"


def number(value):
    """Three digits, with a true minus sign."""
    return f"{value:.3g}".replace("-", "−")


def _plane(array):
    """The array as rows and columns: the first of a stack, the channels of an image side by side; a note."""
    if array.ndim <= 2:
        plane, note = np.atleast_2d(array), ""
    elif array.ndim == 4:
        plane, note = np.hstack(list(array[0])), ", the first of them"
    else:
        plane, note = array.reshape(-1, *array.shape[-2:])[0], ", the first of them"
    if plane.shape[0] > MOST or plane.shape[1] > MOST:
        plane, note = plane[:MOST, :MOST], note + ", the upper left part"
    return plane, note


def _png(plane, largest):
    levels = plane / largest if largest > 0 and np.isfinite(largest) else np.zeros_like(plane)
    levels = np.nan_to_num(levels)
    indices = (np.clip(np.rint(levels * LEVELS), -LEVELS, LEVELS) + LEVELS).astype(np.uint8)
    rows = b"".join(b"\0" + row.tobytes() for row in indices)
    height, width = plane.shape
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
        (b"PLTE", PALETTE),
        (b"tRNS", ALPHA),
        (b"IDAT", zlib.compress(rows, 9)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
