"""Where independent tasks are done: one after the other, on the cores of this machine, or on a cluster.

A task is (function, arguments ...). Each way yields what the tasks return, in the order in which they end, and
loses none: a task whose worker died is given to another one.
"""

import os
import platform
from contextlib import contextmanager, suppress

try:
    import fcntl
except ImportError:  # Windows, where nobody watches
    fcntl = None


PATIENCE = 10  # seconds to wait for a scheduler, and for its first worker


class Trouble(Exception):
    """A sentence for the person at the terminal."""


def in_turn(tasks):
    return (function(*arguments) for function, *arguments in tasks)


def on_cores(jobs, tasks):
    """At most `jobs` tasks at the same time, in processes of this machine."""
    try:
        from joblib import Parallel, delayed
    except ImportError:
        raise Trouble(
            "--jobs needs joblib: from the checkout, pip install '.[experiments]'; or leave --jobs away"
        ) from None
    share = Parallel(n_jobs=min(jobs, len(tasks)), return_as="generator_unordered")
    return share(delayed(function)(*arguments) for function, *arguments in tasks)


def on_cluster(address, tasks):
    """On the workers of the dask.distributed scheduler at `address`.

    They need minigen, one thread each (a program draws random numbers and figures in turn), and the same disk.
    """
    try:
        from distributed import Client, KilledWorker, TimeoutError, as_completed
    except ImportError:
        raise Trouble(
            "--cluster needs dask.distributed: from the checkout, pip install '.[cluster]'; or use --jobs"
        ) from None
    try:
        client = Client(address, timeout=PATIENCE)
    except (OSError, ValueError, TypeError) as error:
        raise Trouble(
            f"no cluster at {address}: {error}. A scheduler is started with `dask scheduler`, and prints its address"
        ) from None
    with client:
        with suppress(TimeoutError):  # started a moment ago, perhaps
            client.wait_for_workers(1, timeout=PATIENCE)
        workers = client.scheduler_info(n_workers=-1)["workers"].values()
        if not workers or any(worker["nthreads"] > 1 for worker in workers):
            has = "a worker with several threads" if workers else "no worker"
            raise Trouble(
                f"the cluster at {address} has {has}: start each with `dask worker {address} --nthreads 1`"
            )
        futures = [client.submit(function, *arguments, pure=False) for function, *arguments in tasks]
        try:
            for future in as_completed(futures):
                yield future.result()
        except KilledWorker as error:
            raise Trouble(
                f"a task was given up after it had killed several workers: {error}. Was there too little memory?"
            ) from None


@contextmanager
def alone_in(folder):
    """Works in `folder`, made where it is missing, and refuses to where another program does."""
    try:
        folder.mkdir(exist_ok=True)
    except FileNotFoundError:
        raise Trouble(
            f"{platform.node()} does not see {folder.parent}: --out must be on a disk that all workers share"
        ) from None
    if fcntl is None:
        yield
        return
    handle = os.open(folder, os.O_RDONLY)  # closed, and with it unlocked, even where the program is killed
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Trouble(
                f"another program is at work in {folder}: let it end, or give another --out"
            ) from None
        yield
    finally:
        os.close(handle)
