"""The loop: resuming to the bit, a checkpoint that survives kills and full disks,
and a sentence for every mistake.
"""

import errno
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import fake_cupy
import numpy as np
import pytest

from minigen import Random, Tensor, saving, training
from minigen.data import batches
from minigen.engine import backend
from minigen.engine.fast.replay import Replay
from minigen.models import GAN, VAE, Discriminator, Generator, adversary_step, generator_step
from minigen.optim import Adam, RMSprop, linear
from minigen.training import read_frames, read_log, shuffled, train

DATA = np.random.default_rng(5).random((41, 6), np.float32)


def vae(seed=0, device="cpu", hidden=5):
    """Everything `train` takes for a VAE, apart from the folder."""
    random = Random(seed, device)
    model = VAE(6, hidden, 2, rng=random.generator).to(device)
    optimizer = Adam(model, lr=1e-2)
    fixed = Tensor(backend.to(np.random.default_rng(1).standard_normal((3, 2)).astype(np.float32), device))

    def step(x):
        reconstruction, kl = model.terms(Tensor(x), Tensor(random.normal(len(x), model.latent)))
        optimizer.zero_grad()
        (reconstruction + kl).backward()
        optimizer.step()
        return {"reconstruction": reconstruction, "KL": kl}

    batch = shuffled(backend.to(DATA, device), 7, seed=seed)
    return {
        "step": step,
        "batch": batch,
        "model": model,
        "optimizer": optimizer,
        "random": random,
        "frame": lambda: model.sample(fixed),
    }


def gan(seed=0):
    """The same for a game: two players, two optimizers, two generators."""
    random, noise = Random(seed), Random(seed + 1)
    generator, discriminator = (
        Generator(3, 5, 6, rng=random.generator),
        Discriminator(6, 5, rng=random.generator),
    )
    game = GAN(generator, discriminator)
    players = {"generator": Adam(generator), "discriminator": RMSprop(discriminator)}

    def step(x):
        x, _ = x
        d = adversary_step(game, players["discriminator"], Tensor(x), Tensor(noise.normal(len(x), 3)))
        return {"D": d, "G": generator_step(game, players["generator"], Tensor(random.normal(len(x), 3)))}

    return {
        "step": step,
        "batch": shuffled((DATA, np.arange(41)), 7, seed=seed),
        "model": {"generator": generator, "discriminator": discriminator},
        "optimizer": players,
        "random": {"data": random, "noise": noise},
    }


KINDS = {"one model": vae, "two players": gan}
SETTINGS = {"log_every": 20, "save_every": 50, "frame_every": 40, "bar": False}


def contents(folder):
    """Every file of a run, as bytes."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def stop_at(kind, n, error):
    """The arguments of a run whose step n raises `error` instead of returning."""
    run, calls = dict(kind), iter(range(10**6))

    def step(x):
        if next(calls) == n:
            raise error
        return kind["step"](x)

    return run | {"step": step}


# ----- going on as if nothing had happened ------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_100_steps_a_kill_and_100_more_are_200_steps_to_the_bit(tmp_path, kind):
    straight, killed = tmp_path / "straight", tmp_path / "killed"
    train(steps=200, folder=straight, **KINDS[kind](), **SETTINGS)
    # at step 130, with lines in the log that the checkpoint of 100 does not know
    with pytest.raises(MemoryError):
        train(steps=200, folder=killed, **stop_at(KINDS[kind](), 130, MemoryError()), **SETTINGS)
    assert read_log(killed)["step"][-1] == 120
    train(steps=200, folder=killed, resume=True, **KINDS[kind](seed=9) | fixed_batches(kind), **SETTINGS)
    assert contents(killed) == contents(straight)
    assert {"checkpoint.npz", "log.csv"} <= contents(straight).keys()


def fixed_batches(kind):
    """The shuffle of seed 0: a resumed run is given the same data,
    while its model may start from anything.
    """
    return {"batch": KINDS[kind]()["batch"]}


@pytest.mark.parametrize("kind", KINDS)
def test_replayed_stopped_and_resumed_it_ends_in_the_bits_of_the_plain_run(tmp_path, kind, monkeypatch):
    made = []

    def replayed(step, **how):
        made.append(Replay(step, **how))
        return made[-1]

    monkeypatch.setattr(training, "replayed", replayed)
    straight, killed = tmp_path / "straight", tmp_path / "killed"
    rate = {"lr": lambda n: linear(n, 200, 1e-2, 1e-3)}
    train(steps=200, folder=straight, **KINDS[kind](), **SETTINGS, **rate)
    batch = KINDS[kind]()["batch"]

    def failing(n):
        if n == 130:
            raise MemoryError
        return batch(n)

    with pytest.raises(MemoryError):
        run = KINDS[kind]() | {"batch": failing}
        train(steps=200, folder=killed, replay=True, **run, **SETTINGS, **rate)
    run = KINDS[kind](seed=9) | {"batch": batch}
    train(steps=200, folder=killed, replay=True, resume=True, **run, **SETTINGS, **rate)
    assert contents(killed) == contents(straight)
    assert [one.plays for one in made] == [128, 98] and not any(one.why for one in made)


def test_a_step_that_cannot_be_replayed_is_run_as_it_is(tmp_path):
    plain, asked = tmp_path / "plain", tmp_path / "asked"

    def run():
        kind = vae()

        def step(x):
            terms = kind["step"](x)
            return {name: term.item() for name, term in terms.items()}

        return kind | {"step": step}

    train(steps=60, folder=plain, **run(), **SETTINGS)
    train(steps=60, folder=asked, replay=True, **run(), **SETTINGS)
    assert contents(plain) == contents(asked)


PROGRAM = """
import sys, time
sys.path.insert(0, {tests!r})
from test_training import SETTINGS, train, vae
run = vae()
def step(x):
    print("step", flush=True)
    time.sleep(0.002)
    return run["step"](x)
train(steps=200, folder={folder!r}, resume={resume}, **run | {{"step": step}}, **SETTINGS | {settings})
"""


def start(folder, *, resume=False, **settings):
    """A program that trains 200 steps and prints a line for each."""
    program = PROGRAM.format(
        tests=str(Path(__file__).parent), folder=str(folder), resume=resume, settings=settings
    )
    return subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def after(process, steps):
    """Wait until the program is in the step of this number."""
    for _ in range(steps):
        if not process.stdout.readline():
            raise AssertionError(process.communicate()[1])


def test_a_program_that_was_killed_goes_on_to_the_same_bits(tmp_path):
    straight, killed = tmp_path / "straight", tmp_path / "killed"
    train(steps=200, folder=straight, **vae(), **SETTINGS)
    first = start(killed)
    after(first, 117)
    first.kill()
    first.communicate()
    assert first.returncode == -signal.SIGKILL
    assert contents(killed) != contents(straight)
    second = start(killed, resume=True)
    lines, complaints = second.communicate()
    assert second.returncode == 0, complaints
    assert lines.count("step") == 100  # from the checkpoint of step 100, not from the beginning
    assert contents(killed) == contents(straight)


def test_ctrl_c_finishes_the_step_saves_and_says_where(tmp_path):
    straight, stopped = tmp_path / "straight", tmp_path / "stopped"
    train(steps=200, folder=straight, **vae(), **SETTINGS)
    program = start(stopped, save_every=10**6)
    after(program, 60)
    program.send_signal(signal.SIGINT)
    lines, complaints = program.communicate()
    done = 60 + lines.count("step")
    assert program.returncode != 0
    assert complaints.splitlines()[-1].startswith(
        f"KeyboardInterrupt: stopped after step {done}, saved in {stopped}"
    )
    train(steps=200, folder=stopped, resume=True, **vae(), **SETTINGS)
    assert contents(stopped) == contents(straight)


def test_a_second_ctrl_c_does_not_wait_and_the_usual_handler_comes_back(tmp_path):
    run = vae()

    def impatient(x):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        raise AssertionError("the second one waited")

    usual = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt) as caught:
        train(steps=9, folder=tmp_path / "run", **run | {"step": impatient}, **SETTINGS)
    assert not caught.value.args
    assert signal.getsignal(signal.SIGINT) is usual


def test_ctrl_c_in_the_last_step_is_not_lost(tmp_path):
    run = vae()

    def frame():
        if run["optimizer"].steps == 9:  # after the last look at whether to stop
            signal.raise_signal(signal.SIGINT)
        return run["frame"]()

    with pytest.raises(KeyboardInterrupt, match="stopped after step 9"):
        train(steps=9, folder=tmp_path, **run | {"frame": frame}, **SETTINGS | {"frame_every": 9})


def test_training_outside_the_main_thread_leaves_ctrl_c_alone(tmp_path):
    thread = threading.Thread(target=train, kwargs={"steps": 5, "folder": tmp_path, **vae(), **SETTINGS})
    thread.start()
    thread.join()
    assert saving.load(vae()["model"], tmp_path / "checkpoint.npz") == 5


def test_a_finished_run_is_resumed_by_doing_nothing_and_may_be_made_longer(tmp_path):
    train(steps=60, folder=tmp_path / "a", **vae(), **SETTINGS)
    before = contents(tmp_path / "a")
    train(steps=60, folder=tmp_path / "a", resume=True, **stop_at(vae(), 0, AssertionError()), **SETTINGS)
    assert contents(tmp_path / "a") == before
    train(steps=90, folder=tmp_path / "a", resume=True, **vae(), **SETTINGS)
    train(steps=90, folder=tmp_path / "b", **vae(), **SETTINGS)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


# ----- the last good checkpoint -----------------------------------------------------------------------------

KILLER = """
import json, os, random, signal, sys, threading, time
import tqdm
tqdm.tqdm.set_lock(threading.RLock())  # its usual one is shared: a killed process would keep it
sys.path.insert(0, {tests!r})
from test_training import Path, saving, train, vae
folder, rng = Path({folder!r}), random.Random(0)
train(steps=1, folder=folder, **vae(hidden=4000), bar=False)
steps, halves = [1], 0
written = lambda: os.stat(folder / "checkpoint.npz").st_mtime_ns
for kill in range(50):
    before, writer = written(), os.fork()
    if writer == 0:
        train(steps=10**6, folder=folder, resume=True, **vae(hidden=4000), save_every=1, bar=False)
    while kill % 2 and written() == before:  # every second one comes to a save, however busy the machine
        time.sleep(0.001)
    time.sleep(rng.uniform(0.0, 0.1))
    os.kill(writer, signal.SIGKILL)
    os.waitpid(writer, 0)
    halves += len(list(folder.glob(".minigen-*.tmp")))
    steps.append(saving.load(vae(hidden=4000)["model"], folder / "checkpoint.npz"))
print(json.dumps([steps, halves]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="50 programs started anew would take a minute")
def test_the_checkpoint_survives_50_kills_at_random_moments(tmp_path):
    program = KILLER.format(tests=str(Path(__file__).parent), folder=str(tmp_path))
    environment = os.environ | {
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }  # threads do not survive a fork
    killer = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False
    )
    assert killer.returncode == 0, killer.stderr
    steps, halves = json.loads(killer.stdout)
    assert len(steps) == 51
    assert steps == sorted(steps)
    assert steps[-1] > 25
    assert halves >= 5  # that many were killed in the middle of saving
    assert len(list(tmp_path.glob(".minigen-*.tmp"))) <= 1  # the next resume sweeps up what a kill leaves


def full_disk(file):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_while_saving_leaves_the_last_checkpoint(tmp_path, monkeypatch):
    straight, full = tmp_path / "straight", tmp_path / "full"
    train(steps=200, folder=straight, **vae(), **SETTINGS)
    run = vae()

    def step(x):
        if run["optimizer"].steps == 120:
            monkeypatch.setattr(saving.os, "fsync", full_disk)
        return vae_step(x)

    vae_step = run["step"]
    with pytest.raises(
        OSError, match=r"stopped after step 150; .*checkpoint.npz is as it was, of step 100: .*[Nn]o space"
    ):
        train(steps=200, folder=full, **run | {"step": step}, **SETTINGS)
    monkeypatch.undo()
    assert saving.load(vae()["model"], full / "checkpoint.npz") == 100
    train(steps=200, folder=full, resume=True, **vae(), **SETTINGS)
    assert contents(full) == contents(straight)


def test_a_full_disk_while_logging_leaves_half_a_line_that_resume_cuts_off(tmp_path):
    straight, full = tmp_path / "straight", tmp_path / "full"
    train(steps=200, folder=straight, **vae(), **SETTINGS)
    run, limits = vae(), resource.getrlimit(resource.RLIMIT_FSIZE)

    def step(x):
        if run["optimizer"].steps == 130:  # room for the 14 of 140
            size = (full / "log.csv").stat().st_size
            resource.setrlimit(resource.RLIMIT_FSIZE, (size + 2, limits[1]))
        return run["step"](x)

    try:
        with pytest.raises(
            OSError, match="stopped after step 140: .*log.csv could not be written to: File too l"
        ):
            train(steps=200, folder=full, **run | {"step": step}, **SETTINGS)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (full / "log.csv").read_text().endswith("\n14")  # which looks like a step before the checkpoint
    train(steps=200, folder=full, resume=True, **vae(), **SETTINGS)
    assert contents(full) == contents(straight)


def nan_from(n, what):
    """A run in which step n makes a loss, or only a parameter, NaN."""
    run = vae()

    def step(x):
        terms = run["step"](x)
        if run["optimizer"].steps >= n and what == "loss":
            return terms | {"KL": terms["KL"] * np.nan}
        if run["optimizer"].steps == n:
            run["model"].mu.bias.data[0] = np.nan
        return terms

    return run | {"step": step}


def test_a_loss_that_is_no_number_stops_the_run_and_keeps_the_last_good_checkpoint(tmp_path):
    with pytest.raises(FloatingPointError) as caught:
        train(steps=200, folder=tmp_path, **nan_from(107, "loss"), **SETTINGS)
    assert str(caught.value).startswith(
        "train: KL is nan in step 120; all was well in step 100. The last good"
    )
    assert f"{tmp_path / 'checkpoint.npz'}, is of step 100" in str(caught.value)
    assert saving.load(vae()["model"], tmp_path / "checkpoint.npz") == 100
    assert read_log(tmp_path)["step"][-1] == 100


def test_parameters_that_are_no_numbers_are_not_saved(tmp_path):
    settings = SETTINGS | {"log_every": 10**6, "save_every": 10}
    with pytest.raises(
        FloatingPointError, match="mu.bias is no longer finite after step 30; all was well in step 30"
    ):
        train(steps=200, folder=tmp_path / "a", **nan_from(30, "parameter"), **settings)
    assert saving.load(vae()["model"], tmp_path / "a" / "checkpoint.npz") == 20
    with pytest.raises(FloatingPointError, match="KL is nan in step 40"):  # read because it is to be saved
        train(steps=200, folder=tmp_path / "b", **nan_from(33, "loss"), **settings)


# ----- what is written, shown and read ----------------------------------------------------------------------


def test_the_log_has_the_terms_apart(tmp_path):
    run, seen = vae(), []

    def step(x):
        seen.append(run["step"](x))
        return seen[-1]

    train(steps=50, folder=tmp_path, **run | {"step": step}, **SETTINGS)
    lines = (tmp_path / "log.csv").read_text().splitlines()
    assert lines[0] == "step,reconstruction,KL"
    log = read_log(tmp_path)
    assert log["step"].tolist() == [1, 20, 40]
    for name in ("reconstruction", "KL"):
        assert log[name].astype(np.float32).tolist() == [seen[n - 1][name].item() for n in (1, 20, 40)]


def test_frames_show_the_same_noise_from_before_the_first_step_on(tmp_path):
    run = vae()
    first = run["frame"]().numpy().copy()
    train(steps=100, folder=tmp_path, **run, **SETTINGS)
    frames = read_frames(tmp_path)
    assert list(frames) == [0, 40, 80]
    np.testing.assert_array_equal(frames[0], first)
    assert not np.array_equal(frames[40], frames[80])


def test_the_bar_shows_the_terms_and_the_time_left(tmp_path, capsys):
    run = vae()

    def slow(x):
        time.sleep(0.01)
        return run["step"](x)

    train(steps=45, folder=tmp_path / "shown", **run | {"step": slow}, **SETTINGS | {"bar": True})
    shown = capsys.readouterr().err
    log = read_log(tmp_path / "shown")
    assert f"reconstruction {log['reconstruction'][1]:.4g}, KL {log['KL'][1]:.4g}" in shown
    assert "45/45" in shown
    assert "<00:0" in shown  # tqdm's [elapsed<left
    train(steps=45, folder=tmp_path / "quiet", **vae(), **SETTINGS)
    assert capsys.readouterr().err == ""


def test_the_device_is_read_only_where_something_is_logged(tmp_path):
    with fake_cupy.installed():
        run, reads = vae(device="cuda"), []

        def batch(n):
            reads.append(fake_cupy.counts.reads)
            return run["batch"](n)

        settings = SETTINGS | {"save_every": 10**6, "frame_every": 10**6}
        train(steps=100, folder=tmp_path, **run | {"batch": batch}, **settings)
    readers = [n + 1 for n in range(99) if reads[n + 1] > reads[n]]
    assert readers == [1, 20, 40, 60, 80]
    assert {reads[n] - reads[n - 1] for n in readers} == {2}  # two terms


def test_a_run_on_the_device_is_resumed_to_the_bit(tmp_path, device):
    train(steps=60, folder=tmp_path / "a", **vae(device=device.where), **SETTINGS)
    train(steps=30, folder=tmp_path / "b", **vae(device=device.where), **SETTINGS)
    train(steps=60, folder=tmp_path / "b", resume=True, **vae(device=device.where), **SETTINGS)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


# ----- the shuffle ------------------------------------------------------------------------------------------


def test_the_shuffle_is_a_function_of_the_step():
    batch, again = shuffled(DATA, 7, seed=3), shuffled(DATA, 7, seed=3)
    forward = [batch(n).copy() for n in range(23)]
    for n in reversed(range(23)):
        np.testing.assert_array_equal(again(n), forward[n])
    assert not np.array_equal(shuffled(DATA, 7, seed=4)(0), forward[0])


def test_an_epoch_has_every_row_once_and_the_next_one_has_another_order():
    rows = np.arange(42)
    batch = shuffled(rows, 7, seed=0)
    epochs = [np.concatenate([batch(6 * epoch + n) for n in range(6)]) for epoch in range(3)]
    for epoch in epochs:
        assert sorted(epoch) == rows.tolist()
    assert len({tuple(epoch) for epoch in epochs}) == 3
    first = next(batches(rows, 7, np.random.default_rng(0)))
    assert not np.array_equal(batch(0), first)  # independent of what the model draws from the same seed


def test_images_and_labels_stay_together():
    images, labels = shuffled((DATA, np.arange(41)), 7, seed=0)(8)
    np.testing.assert_array_equal(images, DATA[labels])


def test_a_shuffle_refuses_what_gives_no_batch():
    with pytest.raises(ValueError, match="batch size must lie between 1 and the 41 rows"):
        shuffled(DATA, 42, seed=0)
    with pytest.raises(ValueError, match="equally many rows"):
        shuffled((DATA, DATA[1:]), 7, seed=0)


# ----- bad input --------------------------------------------------------------------------------------------


@pytest.fixture
def finished(tmp_path):
    train(steps=5, folder=tmp_path, **vae(), **SETTINGS)
    return tmp_path


def refused(folder, error, match, run=None, *, resume=True, **settings):
    """`train` refuses, with this sentence, and nothing in the folder has changed."""
    before = contents(folder)
    with pytest.raises(error, match=match):
        train(folder=folder, resume=resume, **{"steps": 90, **(run or vae()), **SETTINGS, **settings})
    assert contents(folder) == before


def test_a_run_is_never_overwritten(finished):
    refused(
        finished, FileExistsError, "holds a run already, with checkpoint.npz: go on with it by", resume=False
    )
    (finished / "checkpoint.npz").unlink()
    refused(finished, FileExistsError, "holds a run already, with log.csv", resume=False)


def test_resume_without_a_run(tmp_path):
    refused(tmp_path, FileNotFoundError, "no run to resume in .*: there is no checkpoint.npz")


def test_a_checkpoint_of_another_architecture(finished):
    refused(
        finished, ValueError, r"holds a VAE: .*\n.*encoder.weight is \(6, 4\) in the model", vae(hidden=4)
    )
    refused(finished, ValueError, "missing: generator.hidden.weight", gan())


def test_a_truncated_checkpoint(finished):
    path = finished / "checkpoint.npz"
    path.write_bytes(path.read_bytes()[:-100])
    refused(finished, ValueError, "checkpoint.npz is damaged or cut short")


def test_a_checkpoint_that_is_no_run_or_beyond_the_end(finished):
    refused(finished, ValueError, "is of step 5, beyond the 4 steps that were asked for", steps=4)
    run = vae()
    run["model"].save(finished / "checkpoint.npz", optimizer=run["optimizer"], random=run["random"])
    refused(finished, ValueError, "checkpoint.npz is of no training run")


def test_a_log_that_is_none(finished):
    (finished / "log.csv").write_text("step,loss\nfirst,1\n")
    refused(finished, ValueError, "log.csv is no log of a run, or is damaged: line 2 must be a later step")


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda lines: [b"\xff\xfe\n", *lines[1:]], 1),
        (lambda lines: [b"loss,KL\n", *lines[1:]], 1),
        (lambda lines: [lines[0], bytes(20) + b"\n", *lines[2:]], 2),
        (lambda lines: [*lines[:2], lines[2].replace(b",", b" "), *lines[3:]], 3),
        (lambda lines: [*lines[:2], lines[1], *lines[2:]], 3),
        (lambda lines: [*lines[:3], b"nan,1,2\n"], 4),
    ],
)
def test_a_damaged_log_names_the_line(tmp_path, change, line):
    train(steps=40, folder=tmp_path, **vae(), **SETTINGS)
    log = tmp_path / "log.csv"
    log.write_bytes(b"".join(change(log.read_bytes().splitlines(keepends=True))))
    refused(tmp_path, ValueError, f"is damaged: line {line} must be")
    with pytest.raises(ValueError, match=f"is damaged: line {line} must be"):
        read_log(tmp_path)
    log.unlink()
    train(steps=60, folder=tmp_path, resume=True, **vae(), **SETTINGS)
    assert read_log(tmp_path)["step"].tolist() == [60]


@pytest.mark.parametrize("resume", [False, True])
def test_a_second_training_in_the_folder_is_refused_and_the_first_goes_on(tmp_path, resume):
    pytest.importorskip("fcntl")
    straight, shared = tmp_path / "straight", tmp_path / "shared"
    train(steps=60, folder=straight, **vae(), **SETTINGS)
    run, calls = vae(), iter(range(60))

    def step(x):
        if next(calls) == 30:
            refused(
                shared,
                (FileExistsError, BlockingIOError),
                "another program trains in|holds a run",
                resume=resume,
            )
        return run["step"](x)

    train(steps=60, folder=shared, **run | {"step": step}, **SETTINGS)
    assert contents(shared) == contents(straight)


def test_files_of_others_beside_a_run_are_left_alone(finished):
    (finished / ".minigen-mine.tmp").write_text("another's")
    train(steps=8, folder=finished, resume=True, **vae(), **SETTINGS)
    assert (finished / ".minigen-mine.tmp").read_text() == "another's"
    other = finished / "other"
    (other / "frames").mkdir(parents=True)
    refused(other, FileExistsError, "holds a run already, with frames", resume=False)


def test_a_negative_seed_is_refused_before_anything_is_made():
    with pytest.raises(ValueError, match="seed must be a whole number from 0 up, got -1"):
        shuffled(DATA, 7, seed=-1)


def test_a_folder_that_cannot_be_written_to(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    refused(tmp_path / "file", OSError, "file cannot be written to: File exists", resume=False)
    refused(tmp_path / "file" / "run", OSError, "run cannot be written to: Not a directory", resume=False)

    def read_only(*_):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(saving.os, "replace", read_only)
    refused(tmp_path, PermissionError, "cannot be written to: save: .*Permission denied", resume=False)


@pytest.mark.parametrize(
    ("error", "match", "change"),
    [
        (TypeError, "step must return the terms of the loss", {"step": lambda x: None}),
        (TypeError, "must be a function from the step's number", {"batch": iter([])}),
        (ValueError, "steps must be a whole number from 1 up, got 0", {"steps": 0}),
        (ValueError, "save_every must be a whole number from 1 up, got 0.5", {"save_every": 0.5}),
    ],
)
def test_arguments_that_make_no_run(tmp_path, error, match, change):
    with pytest.raises(error, match=match):
        train(folder=tmp_path, **{"steps": 5, **vae(), **SETTINGS, **change})


def test_the_terms_are_the_same_from_beginning_to_end(tmp_path):
    run = vae()

    def step(x):
        terms = run["step"](x)
        return terms if run["optimizer"].steps < 20 else {"loss": terms["KL"]}

    with pytest.raises(
        ValueError, match="terms loss in step 20, but .*log.csv has the columns step, reconstruction"
    ):
        train(steps=50, folder=tmp_path, **run | {"step": step}, **SETTINGS)
