"""Large products and convolutions, shared out over as many threads as the BLAS was told to use.

NumPy lets go of Python's lock while it copies and multiplies, so plain threads run side by side,
each with a single-threaded BLAS: then copies are parallel too, not only products. The size of the work alone
decides who does it, never what ran before, so the same program gives the same bits.
"""

import operator
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
from threadpoolctl import ThreadpoolController

# How many multiplications make a piece of work small or large:
_one_by_itself = 1 << 19  # up to about here OpenBLAS uses one thread anyway,
_one_for_a_vector = 1 << 17  # and up to here where one of the factors is a vector
_worth_waking = (
    2e6  # below, a second thread gains nothing, and spins for 20 ms on a core that others may need
)
_worth_sharing = (
    2e7  # below, two Python threads lose as much to the lock as they gain, and the BLAS's own do better
)


def share_out(part, n, multiplications, unit=1):
    """Call part(start, stop) until 0 .. n is covered: by one call, or by one on each
    thread where it is worth it.
    """
    if multiplications < _worth_sharing:
        return part(0, n)
    share = -(-n // (count() * unit)) * unit
    alone(_together, part, n, min(share, n))


def matmul(x, y):
    """x @ y, shared out if both are NumPy matrices and large."""
    if type(x) is not np.ndarray:
        return x @ y  # a GPU has its own threads
    if x.shape[-1] == 1:
        return x * y  # one term in every sum; the BLAS takes four times as long
    multiplications = x.size * y.shape[-1]
    vector = x.shape[-2] == 1 or y.shape[-1] == 1
    if (_one_for_a_vector if vector else _one_by_itself) < multiplications < _worth_waking:
        return alone(operator.matmul, x, y)
    if multiplications < _worth_sharing or x.ndim + y.ndim > 4 or x.dtype != y.dtype:
        return x @ y
    (n, _), m = x.shape, y.shape[1]
    out = np.empty((n, m), x.dtype)

    def rows(start, stop):
        np.matmul(x[start:stop], y, out=out[start:stop])

    def columns(start, stop):
        np.matmul(x, y[:, start:stop], out=out[:, start:stop])

    share_out(rows if n >= m else columns, max(n, m), multiplications, unit=16)
    return out


def alone(function, *arguments):
    """Call a function while the BLAS uses one thread; several Python threads may be in here at once.

    Ctrl-C can raise between any two calls, so entering and leaving may each be done twice:
    one interrupt in the middle of either, and the BLAS still has its threads afterwards.
    """
    try:
        _held.enter()
        return function(*arguments)
    finally:
        try:
            _held.leave()
        finally:
            _held.leave()


def count():
    """How many threads the BLAS was told to use, by OMP_NUM_THREADS, by threadpoolctl,
    or by the number of cores.
    """
    with _held.lock:
        return max(_told() if _held.told is None else _held.told, default=1)


class _Held:
    """The BLAS held to one thread: the first visitor remembers what it was told,
    the last one gives it back.
    """

    def __init__(self):
        self.lock = threading.RLock()  # a signal handler may multiply too
        self.visitors, self.told = set(), None  # the threads that are in here; what the BLAS was told before

    def enter(self):
        with self.lock:
            if self.told is None:
                self.told = _told()
            self.visitors.add(threading.get_ident())
            _tell([1] * len(self.told))

    def leave(self):
        with self.lock:
            self.visitors.discard(threading.get_ident())
            if not self.visitors and self.told is not None:
                _tell(self.told)
                self.told = None

    def after_fork_in_child(self):
        """Only the thread that forked lives on: no other visitor will ever leave,
        and the pool has no threads.
        """
        self.lock = threading.RLock()
        self.visitors.clear()
        self.leave()
        _pool.cache_clear()


def _told():
    return [library.num_threads for library in _libraries()]


def _tell(threads):
    for library, n in zip(_libraries(), threads, strict=True):
        # the plain form of set_num_threads: from 3.7 on, the public one obeys only the
        # thread that called it first
        getattr(library, "_real_set_num_threads", library.set_num_threads)(n)


def _together(part, n, share):
    others = [_pool().submit(part, first, min(first + share, n)) for first in range(share, n, share)]
    try:
        part(0, share)
    finally:
        for (
            other
        ) in others:  # after an interrupt too: none may go on working on arrays that are no longer needed
            other.result()


@cache
def _libraries():
    return ThreadpoolController().select(user_api="blas").lib_controllers


@cache
def _pool():
    return ThreadPoolExecutor(os.cpu_count(), "minigen")


_held = _Held()
os.register_at_fork(
    before=lambda: _held.lock.acquire(),  # the child's lock is another one
    after_in_parent=lambda: _held.lock.release(),
    after_in_child=_held.after_fork_in_child,
)
