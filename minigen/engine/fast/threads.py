"""Large products and convolutions are divided among as many threads as the BLAS is set to use.

A product of matrices runs on the BLAS's own threads. A convolution is copies and products by turns, so the
images are shared out to a pool of Python threads, each with a single-threaded BLAS: NumPy releases Python's
global lock while it copies and multiplies. The two do not go together: for 20 ms after a product the BLAS's
thread waits busily on a core that the pool needs (three such products a step cost a DCGAN 12 %, measured). So
from the first layer of convolution on, large products are shared out to the pool, too. The size of the work
decides, never the load or the time, so the same program gives the same bits.
"""

import os
import threading
from contextvars import copy_context
from functools import cache

import numpy as np

from minigen.engine.backend import recorder, settings

# Numbers of multiplications. Up to the first two OpenBLAS uses one thread by itself.
_one_by_itself = 1 << 19
_one_for_a_vector = 1 << 17  # where one of the factors is a vector
# Below this a second thread gains nothing, and then waits for 20 ms on a core that others may need.
_worth_waking = 2e6
# Below this two Python threads lose as much to the lock as they gain.
_worth_sharing = 2e7
_beside_convolutions = False


def beside_convolutions():
    """From now on large products are shared out as convolutions are: a layer that convolves asks for it."""
    global _beside_convolutions
    settings[0] += not _beside_convolutions  # a replay has chosen the way of its products
    _beside_convolutions = True


def share_out(part, n, multiplications, unit=1):
    """Call part(start, stop) until 0 .. n is covered: by one call, or by one on each
    thread where it is worth it.
    """
    if multiplications < _worth_sharing:
        return part(0, n)
    share = -(-n // (count() * unit)) * unit
    single_threaded_blas(_in_parallel, part, n, min(share, n))


def matmul(x, y, out=None):
    """x @ y, shared out if both are NumPy matrices and large."""
    if type(x) is not np.ndarray:
        recording = recorder.get()
        return x @ y if recording is None else recording.call(matmul, (x, y))  # a GPU has its own threads
    return way(x, y)(x, y, out)


def way(x, y):
    """The function of x, y and out, an array or None, that multiplies arrays like these the fastest."""
    if x.shape[-1] == 1:
        return np.multiply  # one term in every sum; the BLAS takes four times as long
    multiplications = x.size * y.shape[-1]
    vector = x.shape[-2] == 1 or y.shape[-1] == 1
    if (_one_for_a_vector if vector else _one_by_itself) < multiplications < _worth_waking:
        return _on_one_thread
    shared = _beside_convolutions and multiplications >= _worth_sharing
    return _shared if shared and x.ndim == y.ndim == 2 and x.dtype == y.dtype else np.matmul


def _on_one_thread(x, y, out):
    return single_threaded_blas(np.matmul, x, y, out)


def _shared(x, y, out):
    (n, _), m = x.shape, y.shape[1]
    out = np.empty((n, m), x.dtype) if out is None else out

    def rows(start, stop):
        np.matmul(x[start:stop], y, out=out[start:stop])

    def columns(start, stop):
        np.matmul(x, y[:, start:stop], out=out[:, start:stop])

    share_out(rows if n >= m else columns, max(n, m), x.size * m, unit=16)
    return out


def single_threaded_blas(function, *arguments):
    """Call a function while the BLAS uses one thread; several Python threads may do so at once.

    Ctrl-C can raise between any two calls, so entering and leaving may each be done twice:
    one interrupt in the middle of either, and the BLAS still has its threads afterwards.
    """
    try:
        _single.enter()
        return function(*arguments)
    finally:
        try:
            _single.leave()
        finally:
            _single.leave()


def count():
    """How many threads the BLAS is set to use, by OMP_NUM_THREADS, by threadpoolctl,
    or by the number of cores.
    """
    with _single.lock:
        return max(_thread_counts() if _single.saved is None else _single.saved, default=1)


class _SingleThreadedBLAS:
    """Keeps the BLAS at one thread: the first to enter saves the thread count,
    the last to leave restores it.
    """

    def __init__(self):
        self.lock = threading.RLock()  # a signal handler may multiply too
        self.inside, self.saved = set(), None  # the threads inside; the thread counts before

    def enter(self):
        with self.lock:
            if self.saved is None:
                counts = _thread_counts()
                if max(counts, default=1) == 1:
                    return
                self.saved = counts
            self.inside.add(threading.get_ident())
            _set_thread_counts([1] * len(self.saved))

    def leave(self):
        with self.lock:
            self.inside.discard(threading.get_ident())
            if not self.inside and self.saved is not None:
                _set_thread_counts(self.saved)
                self.saved = None

    def after_fork_in_child(self):
        """Only the thread that forked exists in the child: no other will leave,
        and the pool has no threads.
        """
        self.lock = threading.RLock()
        self.inside.clear()
        self.leave()
        _pool.cache_clear()


def _thread_counts():
    return [library.num_threads for library in _libraries()]


def _set_thread_counts(threads):
    for library, n in zip(_libraries(), threads, strict=True):
        # the plain form of set_num_threads: from 3.7 on, the public one obeys only the
        # thread that called it first
        getattr(library, "_real_set_num_threads", library.set_num_threads)(n)


def _in_parallel(part, n, share):
    # each in a copy of the context, which says what NumPy does about a division by zero
    others = [
        _pool().submit(copy_context().run, part, first, min(first + share, n))
        for first in range(share, n, share)
    ]
    try:
        part(0, min(share, n))
    finally:
        for (
            other
        ) in others:  # after an interrupt too: none may go on writing to arrays that are no longer needed
            other.result()


@cache
def _libraries():
    from threadpoolctl import ThreadpoolController  # here, so that importing minigen stays quick

    return ThreadpoolController().select(user_api="blas").lib_controllers


@cache
def _pool():
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(os.cpu_count(), "minigen")


_single = _SingleThreadedBLAS()
os.register_at_fork(
    before=lambda: _single.lock.acquire(),  # the child's lock is another one
    after_in_parent=lambda: _single.lock.release(),
    after_in_child=_single.after_fork_in_child,
)
