"""Nothing that belongs to the whole process outlives a fork or an interrupt, and importing
minigen changes nothing.
"""

import os
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import minigen as mg
from minigen import nn
from minigen.engine.fast import threads

fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")


def run(program, **environment):
    """What a program of its own prints; two BLAS threads, whatever the machine has."""
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "2", "OMP_NUM_THREADS": "2", **environment}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        env=environment,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


FORK = """
    import os, signal, threading
    import numpy as np, minigen as mg
    from minigen.engine.fast import threads

    x = np.ones((512, 512), np.float32)
    threads.beside_convolutions()
    mg.matmul(x, x)  # starts the pool
    {before}
    child = os.fork()
    if child == 0:
        signal.alarm(60)  # a child that waits for threads it does not have is killed
        right = mg.matmul(x, x)[0, 0] == 512 and threads.count() == 2 == max(threads._thread_counts())
        grandchild = os.fork()
        if grandchild == 0:
            signal.alarm(60)
            os._exit(0 if mg.matmul(x, x)[0, 0] == 512 else 1)
        os._exit(0 if right and os.waitpid(grandchild, 0)[1] == 0 else 1)
    {after}
    print(os.waitpid(child, 0)[1], threads.count())
"""


@fork
def test_a_child_after_the_pool_was_used():
    assert run(FORK.format(before="", after="")) == ["0", "2"]


@fork
def test_a_child_born_while_another_thread_multiplies():
    """The child inherits a BLAS that is held to one thread by a visitor who will never leave."""
    before = """
    inside, done = threading.Event(), threading.Event()
    work = (lambda: (inside.set(), done.wait()),)
    visitor = threading.Thread(target=threads.single_threaded_blas, args=work)
    visitor.start(), inside.wait()"""
    assert run(FORK.format(before=before.strip(), after="done.set(); visitor.join()")) == ["0", "2"]


def test_large_products_are_shared_out_beside_convolutions_alone(monkeypatch):
    x, shared = np.ones((512, 512), np.float32), []
    in_parallel = threads._in_parallel
    monkeypatch.setattr(threads, "_beside_convolutions", False)
    monkeypatch.setattr(threads, "_in_parallel", lambda *args: (shared.append(args), in_parallel(*args)))
    assert (mg.matmul(x, x) == 512).all()
    assert not shared
    for layer in (nn.Conv2d, nn.ConvTranspose2d):
        threads._beside_convolutions = False
        layer(1, 1, 3, rng=np.random.default_rng(0))
        assert threads._beside_convolutions
    assert (mg.matmul(x, x) == 512).all()
    assert len(shared) == 1


INTERRUPTS = """
    import ctypes, random, signal, sys, threading, time
    import numpy as np
    from minigen.engine.fast import threads

    told, caught = threads._thread_counts(), 0
    x = np.ones((96, 96), np.float32)  # one thread by itself: the guard is entered and left, and little else
    signal.signal(signal.SIGALRM, signal.default_int_handler)
    rng = random.Random(0)
    for _ in range({n}):
        try:
            signal.setitimer(signal.ITIMER_REAL, rng.uniform(2e-5, 4e-4))
            while True:
                threads.matmul(x, x)
        except KeyboardInterrupt:
            caught += 1
        assert threads._thread_counts() == told, (caught, threads._thread_counts(), told)
        assert not threads._single.inside
    print(caught)
"""


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="the system has no timer")
@pytest.mark.parametrize("n", [1000, pytest.param(10_000, marks=pytest.mark.slow)])
def test_interrupts_leave_the_blas_as_it_was(n):
    assert run(INTERRUPTS.format(n=n)) == [str(n)]


IMPORT = """
    import ctypes
    import numpy as np
    from threadpoolctl import threadpool_info

    told = []
    class Library:
        def mallopt(self, *options):
            told.append(options)
            return 1

    def state():
        import os, signal, threading, warnings, sys
        threads = [library["num_threads"] for library in threadpool_info()]
        process = dict(os.environ), threading.active_count(), list(warnings.filters), sys.excepthook
        return threads, np.geterr(), process

    before, ctypes.CDLL = state(), lambda name: Library()
    import minigen
    after = state()
    print(before == after, len(told))
    from minigen import optim
    optim.SGD([minigen.Tensor(np.ones(2), requires_grad=True)])
    optim.SGD([minigen.Tensor(np.ones(2), requires_grad=True)])
    print(len(told))
"""


def test_importing_changes_nothing():
    """mallopt is called where training begins, once for each of its two thresholds,
    unless it is switched off.
    """
    unset = {"MALLOC_TRIM_THRESHOLD_": "", "MALLOC_MMAP_THRESHOLD_": ""}
    program = "    import os\n" + "".join(f"    del os.environ[{name!r}]\n" for name in unset) + IMPORT
    assert run(program, **unset) == ["True", "0", "2"]
    assert run(program, MINIGEN_KEEP_MEMORY="0", **unset) == ["True", "0", "0"]
