"""Tasks shared out: grids, two programs in one folder, and a real cluster that loses a worker half-way."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from minigen import sharing
from minigen.experiment import Criterion, experiment
from minigen.nn import Dense
from minigen.optim import SGD


def walk(run, factor=1.0):
    """Trains one weight by noise, slowly enough to be stopped;
    its place depends on the seed and the factor.
    """
    model = Dense(1, 1, rng=run.random.generator)
    optimizer = SGD(model, lr=factor)

    def step(n):
        for p in model.parameters():
            p.grad = run.random.normal(*p.shape)
        optimizer.step()
        time.sleep(run.settings.pause)
        return {"loss": model.weight.data.sum()}

    run.train(step, lambda n: n, run.settings.steps, model=model, optimizer=optimizer, save_every=1)
    return {"place": model.weight.data.item(), "process": os.getpid()}


def grid(run):
    done = run.map(walk, {f"factor {factor:g}": factor for factor in (0.1, 1.0, 10.0)})
    assert list(done) == ["factor 0.1", "factor 1", "factor 10"]
    return {f"{measure}, {name}": value for name, cell in done.items() for measure, value in cell.items()}


def start(folder, *options, one_seed=walk, measure="place"):
    return experiment(
        "walk",
        one_seed,
        "A weight that walks.",
        criteria=[Criterion(measure, "any place will do")],
        settings={"steps": 5, "pause": 0.0},
        quick={},
        arguments=["--out", str(folder), *options],
    )


def measured(folder):
    everything = json.loads((folder / "verdict.json").read_text())["measured"]
    return {
        seed: {k: v for k, v in values.items() if "process" not in k} for seed, values in everything.items()
    }


# ----- grids ------------------------------------------------------------------------------------------------


def test_the_cells_of_a_grid_differ_by_their_argument_alone(tmp_path):
    assert start(tmp_path / "run", one_seed=grid, measure="place, factor 1") == 0
    values = measured(tmp_path / "run")["0"]
    start_at = Dense(1, 1, rng=np.random.default_rng(0)).weight.data.item()
    way = {factor: values[f"place, factor {factor:g}"] - start_at for factor in (0.1, 1.0, 10.0)}
    assert way[10.0] == pytest.approx(100 * way[0.1], rel=1e-3)
    assert (tmp_path / "run" / "factor 10" / "log.csv").exists()


def test_cells_at_the_same_time_give_the_same_values(tmp_path):
    for folder, options in (("one", ()), ("two", ("--jobs", "2"))):
        assert start(tmp_path / folder, *options, one_seed=grid, measure="place, factor 1") == 0
    assert measured(tmp_path / "one") == measured(tmp_path / "two")
    values = json.loads((tmp_path / "two" / "values.json").read_text())
    assert os.getpid() not in {value for name, value in values.items() if "process" in name}


def test_many_more_tasks_than_jobs_are_all_done():
    """joblib asks for the later tasks when the first have ended and are gone from the list."""
    pytest.importorskip("joblib")
    tasks = [(max, -1, n) for n in range(40)]
    assert sorted(sharing.on_cores(2, tasks)) == [*range(40)]


def test_cells_that_were_done_are_not_done_again(tmp_path):
    assert start(tmp_path / "run", one_seed=grid, measure="place, factor 1") == 0
    for file in ("values.json", "factor 10/values.json", "factor 10/checkpoint.npz", "factor 10/log.csv"):
        (tmp_path / "run" / file).unlink()
    before = (tmp_path / "run" / "factor 1" / "checkpoint.npz").stat().st_mtime_ns
    first = measured(tmp_path / "run")
    assert start(tmp_path / "run", "--resume", one_seed=grid, measure="place, factor 1") == 0
    assert measured(tmp_path / "run") == first
    assert (tmp_path / "run" / "factor 1" / "checkpoint.npz").stat().st_mtime_ns == before


@pytest.mark.skipif(sharing.fcntl is None, reason="locks need a Unix")
def test_two_programs_in_one_folder_are_refused(tmp_path, capsys):
    def meets_another(run):
        assert start(tmp_path / "run", "--resume") == 2
        return {"place": 0.0}

    assert start(tmp_path / "run", one_seed=meets_another) == 0
    assert f"walk: another program works in {tmp_path / 'run'}" in capsys.readouterr().err
    with sharing.alone_in(tmp_path / "run"):
        pass  # and afterwards it is free


def test_a_disk_that_is_not_shared(tmp_path):
    with (
        pytest.raises(sharing.UserError, match="--out must be on a disk that all workers share"),
        sharing.alone_in(tmp_path / "elsewhere" / "seed-0"),
    ):
        pass


# ----- a cluster --------------------------------------------------------------------------------------------


def spawn(*command):
    # a file of this folder unpickles by its name on the workers, too
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(
        [sys.executable, "-m", "distributed.cli." + command[0], *command[1:]], env=env, **quiet
    )


@pytest.fixture
def cluster(tmp_path):
    """(address, the two worker processes) of a scheduler on the loopback."""
    pytest.importorskip("distributed")
    file, here = tmp_path / "scheduler.json", ("--host", "127.0.0.1")
    processes = [
        spawn("dask_scheduler", *here, "--port", "0", "--no-dashboard", "--scheduler-file", str(file))
    ]
    while not file.exists():
        assert processes[0].poll() is None
        time.sleep(0.05)
    address = json.loads(file.read_text())["address"]

    def worker(*options):
        options = ("--no-nanny", "--no-dashboard", "--local-directory", str(tmp_path / "dask"), *options)
        processes.append(spawn("dask_worker", address, *here, *options))
        return processes[-1]

    yield address, worker
    for process in reversed(processes):
        process.kill()
        process.wait()


def in_a_program(folder, *options):
    """`start` in a program of its own, so that one can look on."""
    code = f"import sys, test_sharing; sys.exit(test_sharing.start({str(folder)!r}, *{options!r}))"
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    return subprocess.Popen(
        [sys.executable, "-c", code], env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def test_a_worker_that_is_killed_half_way_loses_no_seed(cluster, tmp_path):
    address, worker = cluster
    workers = [worker("--nthreads", "1") for _ in range(2)]
    options = ("--seeds", "3", "--steps", "25", "--pause", "0.02", "--cluster", address)
    program = in_a_program(tmp_path / "run", *options)
    logs = [tmp_path / "run" / f"seed-{seed}" / "log.csv" for seed in range(3)]
    wait_for(lambda: program.poll() is not None or sum(log.exists() for log in logs) == 2)
    time.sleep(0.2)  # both workers are in the middle of a seed
    workers[0].send_signal(signal.SIGKILL)
    out, err = program.communicate(timeout=120)
    assert program.returncode == 0, out + err
    there = measured(tmp_path / "run")
    assert start(tmp_path / "here", "--seeds", "3", "--steps", "25") == 0
    assert there == measured(tmp_path / "here")
    processes = {
        values["process"]
        for values in json.loads((tmp_path / "run" / "verdict.json").read_text())["measured"].values()
    }
    assert processes <= {worker.pid for worker in workers}


def test_a_cluster_that_cannot_be_used_is_a_sentence(cluster, tmp_path, capsys, monkeypatch):
    address, worker = cluster
    monkeypatch.setattr(sharing, "PATIENCE", 0.5)
    assert start(tmp_path / "none", "--seeds", "2", "--cluster", address) == 2
    assert f"has no worker: start each with `dask worker {address} --nthreads 1`" in capsys.readouterr().err
    worker("--nthreads", "2")

    def refused():
        assert start(tmp_path / "several", "--seeds", "2", "--cluster", address) == 2
        return "has a worker with several threads" in capsys.readouterr().err

    wait_for(refused)


def test_no_scheduler_is_a_sentence(tmp_path, capsys):
    pytest.importorskip("distributed")
    assert start(tmp_path / "run", "--seeds", "2", "--cluster", "nowhere") == 2
    assert "walk: no cluster at nowhere" in capsys.readouterr().err
