"""Run independent tasks: one after the other, on the cores of this machine, or on a cluster.

A task is (function, arguments ...). Each of the three functions yields what the tasks return, in the order in
which they end. A task whose worker process died is done again by another one.
"""

import os
import platform
import sys
from contextlib import contextmanager, suppress

from minigen.saving import fcntl, pasteable, take_lock

PATIENCE = 10  # seconds to wait for a scheduler, and for its first worker


class UserError(Exception):
    """A mistake in what was asked, or a limit of the machine: its message is shown without a traceback."""


def in_turn(tasks):
    return (function(*arguments) for function, *arguments in tasks)


def on_cores(jobs, tasks):
    """At most `jobs` tasks at the same time, in processes of this machine.

    Where the system kills a worker, joblib stops all tasks. Those that had not ended are done again in new
    workers. After three such stops in a row without a finished task, UserError is raised.
    """
    joblib = _joblib()
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    left, losses = dict(enumerate(tasks)), 0
    while left:
        share = joblib.Parallel(n_jobs=min(jobs, len(left)), return_as="generator_unordered")
        todo = [joblib.delayed(_numbered)(n, task) for n, task in left.items()]  # `left` shrinks meanwhile
        try:
            for number, result in share(todo):
                del left[number]
                losses = 0
                yield result
        except TerminatedWorkerError:
            losses += 1
            if losses == 3:
                raise UserError(
                    f"given up: 3 times in a row a worker process was killed and no task ended; {len(left)} "
                    "are left. Was there too little memory? Go on with --resume and fewer --jobs"
                ) from None
            print(f"a worker process was killed; {len(left)} tasks are done again", file=sys.stderr)


def _numbered(number, task):
    function, *arguments = task
    return number, function(*arguments)


def _joblib():
    try:
        import joblib
    except ImportError:
        raise UserError(
            "--jobs needs joblib: from the checkout, pip install '.[experiments]'; or leave --jobs away"
        ) from None
    return joblib


def _distributed():
    try:
        import distributed
    except ImportError:
        raise UserError(
            "--cluster needs dask.distributed: from the checkout, pip install '.[cluster]'; or use --jobs"
        ) from None
    return distributed


def require(jobs, cluster):
    """Raises UserError, naming the extra, where a library for these options is missing."""
    if cluster:
        _distributed()
    elif jobs > 1:
        _joblib()


def on_cluster(address, tasks):
    """On the workers of the dask.distributed scheduler at `address`.

    Each worker needs minigen, a single thread (tasks in threads would share the state of the process), and
    access to the disk of this program.
    """
    distributed = _distributed()
    try:
        client = distributed.Client(address, timeout=PATIENCE)
    except (OSError, ValueError, TypeError) as error:
        raise UserError(
            f"no cluster at {address}: {error}. A scheduler is started with `dask scheduler`, which prints "
            "its address"
        ) from None
    with client:
        with suppress(distributed.TimeoutError):  # the workers may have been started a moment ago
            client.wait_for_workers(1, timeout=PATIENCE)
        workers = client.scheduler_info(n_workers=-1)["workers"].values()
        if not workers or any(worker["nthreads"] > 1 for worker in workers):
            has = "a worker with several threads" if workers else "no worker"
            raise UserError(
                f"the cluster at {address} has {has}: start each with `dask worker {address} --nthreads 1`"
            )
        futures = [client.submit(function, *arguments, pure=False) for function, *arguments in tasks]
        try:
            for future in distributed.as_completed(futures):
                yield future.result()
        except distributed.KilledWorker as error:
            raise UserError(
                f"a task was given up, because several workers died on it: {error}. Was there too little "
                "memory?"
            ) from None


@contextmanager
def alone_in(folder):
    """Make `folder` if it is missing, and lock it while the block runs. UserError where it is locked."""
    try:
        folder.mkdir(exist_ok=True)
    except FileNotFoundError:
        raise UserError(
            f"{platform.node()} has no folder {pasteable(folder.parent)}: --out must be on a disk that all "
            "workers share"
        ) from None
    if fcntl is None:
        yield
        return
    handle = os.open(folder, os.O_RDONLY)  # the system closes and unlocks it where the program is killed
    try:
        if not take_lock(handle):
            raise UserError(
                f"another program works in {pasteable(folder)}: let it end, or give another --out"
            )
        yield
    finally:
        os.close(handle)
