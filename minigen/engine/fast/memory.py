"""Keep freed memory in the process, because training allocates arrays of the same sizes in every step.

By default the C library returns a large block to the system as soon as its array is freed,
and the next array costs a page fault for every 4 KiB: 40 % of a training step of a small convolutional
network, measured. Here glibc is asked to keep up to 512 MiB. This changes the whole process,
so importing minigen does not do it: the first optimizer does. Nothing is changed where MINIGEN_KEEP_MEMORY=0,
MALLOC_TRIM_THRESHOLD_ or MALLOC_MMAP_THRESHOLD_ is set, or where there is no glibc.
"""

import os
import threading
from functools import cache
from math import prod

import numpy as np

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of <malloc.h>


@cache
def training_begins():
    """Keep freed memory from now on; the first call decides."""
    return keep_freed_memory()


def keep_freed_memory(kept=512 << 20, largest=64 << 20):
    """Keep up to `kept` freed bytes in the process, in blocks of at most `largest`.

    True if glibc accepted this.
    """
    if os.environ.get("MINIGEN_KEEP_MEMORY") == "0":
        return False
    if "MALLOC_TRIM_THRESHOLD_" in os.environ or "MALLOC_MMAP_THRESHOLD_" in os.environ:
        return False
    import ctypes  # here, so that importing minigen stays quick

    try:
        glibc = ctypes.CDLL("libc.so.6")
    except OSError:
        return False
    return bool(glibc.mallopt(_MMAP_THRESHOLD, largest) and glibc.mallopt(_TRIM_THRESHOLD, kept))


_memory = threading.local()


def scratch(xp, use, shape, dtype):
    """An uninitialised array in memory that this thread keeps for this use; valid until the next
    call for the same use.
    """
    if xp is not np:
        return xp.empty(shape, dtype)
    kept = _memory.__dict__
    size = prod(shape) * dtype.itemsize
    if use not in kept or len(kept[use]) < size:
        kept[use] = np.empty(size, np.uint8)
    return kept[use][:size].view(dtype).reshape(shape)
