"""Saving and loading: resuming to the bit, all or nothing, no pickle, and a sentence for every mistake."""

import json
import os
import pickle
import resource
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

import minigen
from minigen import Random, losses, nn, optim
from minigen.models import GAN
from minigen.models.gan import Generator

OPTIMIZERS = ["SGD", "Momentum", "Nesterov", "RMSprop", "Adam", "AdamW"]


class Net(nn.Module):
    """Everything that has a state: weights in two memory orders, running statistics, its own generator."""

    def __init__(self, hidden=5, seed=0):
        rng = np.random.default_rng(seed)
        self.conv = nn.Conv2d(1, 3, 3, rng=rng)
        self.norm = nn.BatchNorm(3)
        self.hidden = nn.Dense(27, hidden, rng=rng)
        self.dropout = nn.Dropout(0.8, rng=np.random.default_rng(seed + 1))
        self.output = nn.Dense(hidden, 25, rng=rng)

    def forward(self, x):
        h = minigen.tanh(self.norm(self.conv(x)))
        h = self.dropout(minigen.tanh(self.hidden(h.reshape(len(x), 27))))
        return self.output(h)


def train(model, optimizer, random, steps):
    """A denoising autoencoder of random images: data and noise from `random`, masks from the model."""
    for _ in range(steps):
        x = random.uniform(7, 1, 5, 5)
        loss = losses.squared_error(model(x + 0.3 * random.normal(7, 1, 5, 5)), x.reshape(7, 25))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def bits(*, model, optimizer=None, random=None):
    """All there is of a run, as comparable bytes."""
    arrays = model.state_dict() | (optimizer.state if optimizer else {})
    found = {name: (array.dtype.str, array.shape, array.tobytes()) for name, array in arrays.items()}
    generators = [model.dropout.rng] + ([random.generator] if random else [])
    return found, [generator.bit_generator.state for generator in generators]


def start(seed, make=optim.Adam):
    model = Net(seed=seed)
    return {"model": model, "optimizer": make(model, lr=0.01), "random": Random(seed + 2)}


# ----- going on as if nothing had happened ------------------------------------------------------------------


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_resumed_run_is_the_same_to_the_bit(tmp_path, name):
    straight, first, second = (start(seed, getattr(optim, name)) for seed in (0, 0, 10))
    train(**straight, steps=20)
    train(**first, steps=10)
    first["model"].save(
        tmp_path / "a.npz", optimizer=first["optimizer"], random=first["random"], step=np.int64(10)
    )
    second["optimizer"].lr = 7.0
    step = second["model"].load(tmp_path / "a.npz", optimizer=second["optimizer"], random=second["random"])
    assert step == 10
    assert bits(**second) == bits(**first) != bits(**straight)
    train(**second, steps=10)
    assert bits(**second) == bits(**straight)


def test_without_optimizer_and_random_only_the_model_is_loaded(tmp_path):
    first, second = start(0), start(10)
    train(**first, steps=3)
    first["model"].save(tmp_path / "a.npz", optimizer=first["optimizer"], random=first["random"])
    before = second["optimizer"].state, second["model"].dropout.rng.bit_generator.state
    assert second["model"].load(tmp_path / "a.npz") is None
    assert bits(model=second["model"])[0] == bits(model=first["model"])[0]
    assert second["model"].dropout.rng.bit_generator.state == before[1]
    for name, array in second["optimizer"].state.items():
        np.testing.assert_array_equal(array, before[0][name])


def test_a_game_saves_both_optimizers_under_their_names(tmp_path):
    def game(seed):
        rng = np.random.default_rng(seed)
        model = GAN(Generator(3, 5, 4, rng=rng), nn.Dense(4, 1, rng=rng))
        players = {"G": optim.Adam(model.generator), "D": optim.RMSprop(model.discriminator)}
        for optimizer in players.values():
            for p in optimizer.parameters:
                p.grad = np.full_like(p.data, seed + 1.0)
            optimizer.step()
        return model, players

    (model, players), (other, others) = game(0), game(1)
    draws, copies = ({"data": Random(s), "noise": np.random.default_rng(s + 1)} for s in (0, 2))
    model.save(tmp_path / "game.npz", optimizer=players, random=draws)
    other.load(tmp_path / "game.npz", optimizer=others, random=copies)
    for name, optimizer in players.items():
        assert str(others[name].state) == str(optimizer.state)
    assert copies["data"].normal(3).tolist() == draws["data"].normal(3).tolist()
    assert copies["noise"].normal() == draws["noise"].normal()
    with pytest.raises(ValueError, match="holds no optimizer: it was saved without one, or under another"):
        other.load(tmp_path / "game.npz", optimizer=players["G"])


@pytest.mark.parametrize("kind", ["PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64"])
def test_every_generator_of_numpy_is_saved(tmp_path, kind):
    model = nn.Dense(2, 3, rng=np.random.default_rng(0))
    one, other = (np.random.Generator(getattr(np.random, kind)(seed)) for seed in (1, 2))
    one.normal(size=5)
    one.integers(9, dtype=np.int32)
    model.save(tmp_path / "a.npz", random=one)
    model.load(tmp_path / "a.npz", random=other)
    assert other.normal(size=700).tolist() == one.normal(size=700).tolist()


def test_the_file_is_plain_and_the_same_for_the_same_model(tmp_path):
    net = Net()
    net.save(tmp_path / "a.npz", step=3)
    net.save(str(tmp_path / "b.NPZ"), step=3)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.NPZ").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.npz") as archive:  # the clock, too, must not enter
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    with np.load(tmp_path / "a.npz", allow_pickle=False) as file:
        np.testing.assert_array_equal(file["model/conv.weight"], net.conv.weight.data)
        about = json.loads(str(file["about"]))
    assert about == {"format": 1, "model": "Net", "optimizer": {}, "random": {}, "step": 3}


def test_device_and_dtype_are_those_of_the_model(tmp_path, device):
    model = nn.Dense(3, 2, rng=np.random.default_rng(0)).to(device.where)
    optimizer = optim.Momentum(model)
    for p in model.parameters():
        p.grad = device.array(np.ones(p.shape), np.float32)
    optimizer.step()
    model.save(tmp_path / "a.npz", optimizer=optimizer)
    other = nn.Dense(3, 2, rng=np.random.default_rng(1), dtype=np.float64)
    other.load(tmp_path / "a.npz", optimizer=optim.Momentum(other))
    np.testing.assert_array_equal(other.weight.data, device.host(model.weight))
    assert other.weight.dtype == np.float64
    model.load(tmp_path / "a.npz", optimizer=optimizer)
    assert minigen.engine.backend.device_of(model.weight.data) == device.where


# ----- all of a file or nothing of it -----------------------------------------------------------------------


def left(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("call", ["fsync", "replace"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failed_save_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, call, error):
    path, model = tmp_path / "a.npz", Net()
    model.save(path, step=1)
    old = path.read_bytes()

    def fail(*args):
        raise error

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(type(error)) as caught:
        model.save(path, step=2)
    if isinstance(error, OSError):
        assert "a.npz could not be written and is as it was (No space" in str(caught.value)
        assert caught.value.errno == 28
    assert path.read_bytes() == old
    assert left(tmp_path) == ["a.npz"]


def test_a_disk_that_takes_only_half_leaves_the_old_file(tmp_path):
    """The limit on the size of a file makes the system refuse the rest, as a full disk would."""
    path, model = tmp_path / "a.npz", Net()
    model.save(path, step=1)
    old, limits = path.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(old) // 2, limits[1]))
    try:
        with pytest.raises(OSError, match="could not be written and is as it was"):
            model.save(path, step=2)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == old
    assert left(tmp_path) == ["a.npz"]


WRITER = """
import sys, numpy as np
from minigen import Tensor, nn
model = nn.Module()
model.weight = Tensor(np.zeros(1_000_000, np.float32), requires_grad=True)
for i in range(1, 10**6):
    model.weight.data[:] = i
    model.save(sys.argv[1], step=i)
    print(i, flush=True)
"""


def test_a_writer_killed_at_any_moment_leaves_a_whole_file(tmp_path):
    path = tmp_path / "a.npz"
    reader = nn.Module()
    reader.weight = minigen.Tensor(np.zeros(1_000_000, np.float32), requires_grad=True)
    for delay in (0.0, 0.002, 0.004, 0.007, 0.011):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)],
            stdout=subprocess.PIPE,
            cwd=Path(minigen.__file__).parents[1],
        )
        writer.stdout.readline()  # the first save is done, the second has begun
        time.sleep(delay)
        writer.kill()
        writer.communicate()
        step = reader.load(path)
        assert (reader.weight.data == step).all()


def test_a_link_stays_a_link_and_permissions_stay(tmp_path):
    (tmp_path / "there").mkdir()
    target, link = tmp_path / "there" / "a.npz", tmp_path / "link.npz"
    link.symlink_to(target)
    Net().save(link, step=1)
    target.chmod(0o640)
    Net().save(link, step=2)
    assert link.is_symlink()
    assert target.stat().st_mode & 0o777 == 0o640
    assert Net().load(target) == Net().load(link) == 2


def test_a_new_file_has_the_usual_permissions(tmp_path):
    Net().save(tmp_path / "a.npz")
    (tmp_path / "b.npz").touch()
    assert (tmp_path / "a.npz").stat().st_mode == (tmp_path / "b.npz").stat().st_mode


# ----- files that are something else ------------------------------------------------------------------------


@pytest.fixture
def saved(tmp_path):
    """A run, and the file that another one wrote."""
    first = start(0)
    train(**first, steps=1)
    first["model"].save(tmp_path / "a.npz", optimizer=first["optimizer"], random=first["random"], step=1)
    return start(10), tmp_path / "a.npz"


def load_and_expect(run, path, error, message):
    """The sentence comes, and nothing has changed."""
    before = bits(**run)
    with pytest.raises(error, match=message):
        run["model"].load(path, optimizer=run["optimizer"], random=run["random"])
    assert bits(**run) == before


def test_a_file_cut_or_changed_anywhere_is_refused(saved):
    run, path = saved
    whole, rng, good = path.read_bytes(), np.random.default_rng(0), start(20)
    good["model"].load(path, optimizer=good["optimizer"], random=good["random"])
    cuts = {0, 1, 2, 3, 4, 30, len(whole) - 1, len(whole) - 22, *rng.integers(len(whole), size=30)}
    for length in cuts:
        path.write_bytes(whole[:length])
        load_and_expect(run, path, ValueError, "is empty|is no .npz file|is damaged or cut short")
    refused = 0
    for place in rng.integers(len(whole), size=200):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        train(**run, steps=1)
        before = bits(**run)
        try:
            run["model"].load(path, optimizer=run["optimizer"], random=run["random"])
        except ValueError as error:
            assert str(path) in str(error)
            assert bits(**run) == before
            refused += 1
        else:  # a byte on which no number depends, such as a permission in the list of contents
            assert bits(**run) == bits(**good)
    assert refused > 150


class Bomb:
    """A pickle of it makes a folder called `boom` when it is opened."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder / "boom"),)


def test_a_pickle_is_refused_unopened_in_every_disguise(saved, tmp_path):
    run, path = saved
    bomb = Bomb(tmp_path)
    refused = "a pickle, a program that runs when it is opened.*load_pytorch"
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}

    np.savez(path, **{"model/conv.weight": np.array([bomb], object), "about": np.array('{"format": 1}')})
    load_and_expect(run, path, ValueError, "holds model/conv.weight, " + refused)
    path.write_bytes(pickle.dumps(bomb))
    load_and_expect(run, path, ValueError, refused)
    with zipfile.ZipFile(path, "w") as archive:  # a PyTorch file under another name
        archive.writestr("archive/data.pkl", pickle.dumps(bomb))
    load_and_expect(run, path, ValueError, "holds archive/data.pkl, " + refused)
    with zipfile.ZipFile(path, "w") as archive:  # a good file with one entry more
        for name, data in entries.items():
            archive.writestr(name, data)
        archive.writestr("extra.pkl", pickle.dumps(bomb))
    load_and_expect(run, path, ValueError, "holds extra.pkl, " + refused)
    for name in ("a.pt", "a.pth", "a.pkl", "a.ckpt"):
        load_and_expect(run, tmp_path / name, ValueError, refused)
        with pytest.raises(ValueError, match="save: a name ending in .npz or .safetensors expected.*pickle"):
            run["model"].save(tmp_path / name)
    assert left(tmp_path) == ["a.npz"]


def rewritten(path, change):
    """The file with its `about` line changed."""
    with np.load(path) as file:
        arrays = dict(file)
    about = json.loads(str(arrays["about"]))
    change(about, arrays)
    np.savez(path, **arrays | {"about": np.array(json.dumps(about))})


WRONG = {
    "a newer format": (
        lambda a, _: a.update(format=2),
        "has format 2, this minigen reads 1: install a newer",
    ),
    "another optimizer": (
        lambda a, _: a["optimizer"].update(optimizer="AdamW"),
        "holds the state of AdamW as optimizer, got Adam",
    ),
    "no optimizer": (lambda a, _: a.update(optimizer={}), "holds no optimizer: it was saved without one"),
    "no random": (lambda a, _: a.update(random={}), r"holds no state for random: was it saved with random="),
    "no generator of a layer": (
        lambda a, _: a["random"].pop("model.dropout.rng"),
        "holds no state for model.dropout.rng",
    ),
    "another generator": (
        lambda a, _: a["random"]["random"].update(bit_generator="MT19937"),
        "the state of random does not fit",
    ),
    "a number too large for a generator": (
        lambda a, _: a["random"]["random"]["state"].update(state=2**200),
        "the state of random does not fit",
    ),
    "a slot of another shape": (
        lambda _, arrays: arrays.update({"optimizer/m.output.bias": np.zeros(3)}),
        r"optimizer is that of other parameters.*\n  m.output.bias is \(25,\) here, \(3,\) in the file",
    ),
    "words for numbers": (
        lambda _, arrays: arrays.update({"optimizer/lr": np.array("fast")}),
        r"lr is \(\) here, None in the file",
    ),
    "a slot missing": (
        lambda _, arrays: arrays.pop("optimizer/v.output.bias"),
        r"v.output.bias is \(25,\) here, None in the file",
    ),
    "a weight that is nan": (
        lambda _, arrays: arrays.update({"model/hidden.bias": np.full(5, np.nan)}),
        "model/hidden.bias has 5 numbers that are NaN or infinite",
    ),
    "a weight beyond float32": (
        lambda _, arrays: arrays.update({"model/hidden.bias": np.full(5, 1e300)}),
        r"size: hidden.bias reaches 1e\+300, which float32 cannot hold",
    ),
    "a slot that is infinite": (
        lambda _, arrays: arrays.update({"optimizer/v.hidden.bias": np.full(5, np.inf)}),
        "optimizer/v.hidden.bias has 5 numbers",
    ),
    "lr nan": (lambda _, arrays: arrays.update({"optimizer/lr": np.array(np.nan)}), "optimizer/lr has 1 num"),
    "lr negative": (
        lambda _, arrays: arrays.update({"optimizer/lr": np.array(-1.0)}),
        "has lr -1.0 and steps",
    ),
    "half a step": (
        lambda _, arrays: arrays.update({"optimizer/steps": np.array(1.5)}),
        "and steps 1.5; a pos",
    ),
    "a step in words": (lambda a, _: a.update(step="six"), "is damaged: its entry `about` has step 'six'"),
    "a step below 0": (lambda a, _: a.update(step=-1), "its entry `about` has step -1"),
    "no step": (lambda a, _: a.pop("step"), "its entry `about` has step 'missing'"),
    "no model": (lambda a, _: a.pop("model"), "its entry `about` has model 'missing'"),
    "random None": (lambda a, _: a.update(random=None), "its entry `about` has random None"),
    "optimizers as a list": (lambda a, _: a.update(optimizer=["Adam"]), "has optimizer \\['Adam'\\]"),
    "a parameter missing": (
        lambda _, arrays: arrays.pop("model/hidden.bias"),
        r"holds a Net: .*\n  missing: hidden.bias \(5,\)",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_file_of_another_run_is_refused(saved, case):
    run, path = saved
    change, message = WRONG[case]
    rewritten(path, change)
    load_and_expect(run, path, ValueError, message)


def test_an_architecture_that_differs_is_refused_with_both_shapes(saved):
    model = Net(hidden=6)
    with pytest.raises(ValueError) as error:
        model.load(saved[1])
    assert "a.npz holds a Net" in str(error.value)
    assert "shape: hidden.weight is (27, 6) in the model, (27, 5) in the state" in str(error.value)
    assert model.state_dict()["output.weight"].tolist() == Net(hidden=6).output.weight.data.tolist()


def test_what_is_no_model_file_is_named(saved, tmp_path):
    run, path = saved
    np.savez(path, x=np.zeros(3), y=np.zeros(2))
    load_and_expect(run, path, ValueError, "was not written by model.save: it holds x, y")
    np.savez(path, about=np.array("[1]"))
    load_and_expect(run, path, ValueError, "was not written by model.save: it holds about")
    np.save(tmp_path / "b.npy", np.zeros(3))
    load_and_expect(run, tmp_path / "b.npy", ValueError, "ending in .npz or .safetensors expected")
    (tmp_path / "b.npy").rename(path)
    load_and_expect(run, path, ValueError, "is no .npz file")
    load_and_expect(run, tmp_path / "aa.npz", FileNotFoundError, "no file .*aa.npz; did you mean 'a.npz'")
    load_and_expect(run, tmp_path / "no" / "a.npz", FileNotFoundError, r"no file .*no.a\.npz$")
    load_and_expect(run, tmp_path, IsADirectoryError, "is a folder: give a file in it, such as model.npz")


def test_mistakes_in_saving_are_named(tmp_path):
    model = Net()
    for path, error, message in (
        (tmp_path / "no" / "a.npz", FileNotFoundError, "there is no folder .*no: make it first"),
        (tmp_path, IsADirectoryError, "is a folder"),
        (tmp_path / "model", ValueError, r"ending in \.npz or \.safetensors expected.*give the name in full"),
        (3, TypeError, "PathLike object, not int"),
    ):
        with pytest.raises(error, match=message):
            model.save(path)
    for wrong, error, message in (
        ({"optimizer": Random(0)}, TypeError, "optimizer: an optimizer .* expected, got Random"),
        ({"random": 7}, TypeError, "random: minigen.Random or a NumPy generator .* expected, got int"),
        ({"random": {"a": "b"}}, TypeError, "random.a: minigen.Random"),
        ({"step": 1.5}, ValueError, "step must be a whole number from 0 up, got 1.5"),
        ({"step": -1}, ValueError, "step must be"),
        ({"step": True}, ValueError, "step must be"),
    ):
        with pytest.raises(error, match=message):
            model.save(tmp_path / "a.npz", **wrong)
    model.buffer("words", np.array([{}], object))
    with pytest.raises(ValueError, match="model/words holds object, not real numbers"):
        model.save(tmp_path / "a.npz")
    assert left(tmp_path) == []


def test_an_entry_that_claims_more_than_it_has_is_refused_before_room_is_made(saved):
    run, path = saved
    header = np.lib.format.header_data_from_array_1_0(np.zeros(3)) | {"shape": (10**15,)}
    with zipfile.ZipFile(path, "a") as archive, archive.open("model/more.npy", "w") as entry:
        np.lib.format.write_array_header_1_0(entry, header)
    load_and_expect(run, path, ValueError, r"more.npy claims \(1000000000000000,\) float64, and has 0 bytes")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("about.npy", bytes(10**7))
    load_and_expect(run, path, ValueError, "its entries claim more bytes than the file has")


def test_a_nest_of_lists_for_the_line_of_json_is_a_sentence(saved):
    run, path = saved
    np.savez(path, about=np.array("[" * 10**5))
    load_and_expect(run, path, ValueError, "was not written by model.save")


def test_a_place_outside_a_generator_is_refused(tmp_path):
    for kind, at in (("MT19937", "pos"), ("Philox", "buffer_pos")):
        model, path = nn.Dense(2, 3, rng=np.random.default_rng(0)), tmp_path / f"{kind}.npz"
        one = np.random.Generator(getattr(np.random, kind)(1))
        model.save(path, random=one)

        def change(about, _, kind=kind, at=at):
            state = about["random"]["random"]
            (state["state"] if kind == "MT19937" else state)[at] = 10**6

        rewritten(path, change)
        with pytest.raises(ValueError, match="its position is out of range"):
            model.load(path, random=one)


def test_a_read_only_parameter_leaves_all_others_as_they_were(saved):
    run, path = saved
    bias = run["model"].output.bias
    bias.data.flags.writeable = False
    load_and_expect(run, path, ValueError, "read-only: the array of output.bias in the model")


def test_floats_are_not_cut_to_whole_numbers():
    model = Net()
    model.buffer("counts", np.array([1, 2]))
    state = model.state_dict()
    model.load_state_dict(state | {"counts": np.array([3, 4], np.int32)})
    assert model.counts.tolist() == [3, 4]
    with pytest.raises(ValueError, match="dtype: counts is int64 in the model, float64 in the state"):
        model.load_state_dict(state | {"counts": np.array([3.5, 4.0])})
    assert model.counts.tolist() == [3, 4]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_could_not_be_loaded_is_not_saved(tmp_path, value):
    model, path = Net(), tmp_path / "a.npz"
    model.save(path)
    old = path.read_bytes()
    model.output.bias.data[3] = value
    with pytest.raises(ValueError, match="save: model/output.bias has 1 number that is NaN or infinite"):
        model.save(path)
    assert path.read_bytes() == old
    assert left(tmp_path) == ["a.npz"]


# ----- files of others --------------------------------------------------------------------------------------


def test_a_file_that_is_not_minigens_is_replaced_only_when_asked(tmp_path):
    path = tmp_path / "my data.npz"
    np.savez(path, x=np.zeros(3))
    for foreign in (path.read_bytes(), b"notes"):
        path.write_bytes(foreign)
        with pytest.raises(
            FileExistsError, match=r"my data.npz' exists and was not written by minigen.*overwri"
        ):
            Net().save(path)
        assert path.read_bytes() == foreign
    Net().save(path, step=3, overwrite=True)
    Net().save(path, step=4)
    assert Net().load(path) == 4
    path.write_bytes(b"")  # as tempfile makes it: nothing is lost
    Net().save(path, step=5)
    assert Net().load(path) == 5


def test_weights_of_others_are_replaced_only_when_asked(tmp_path):
    safetensors, path = pytest.importorskip("safetensors.numpy"), tmp_path / "a.safetensors"
    safetensors.save_file({"w": np.zeros(3)}, path)
    with pytest.raises(FileExistsError, match="was not written by minigen"):
        Net().save(path)
    Net().save(path, overwrite=True)
    Net().save(path)


def test_files_of_dead_processes_are_swept_and_those_of_others_are_left(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    locked = tmp_path / f".minigen-{dead.pid}-00000001.tmp"
    for name in (
        f".minigen-{dead.pid}-00000000.tmp",
        f".minigen-{os.getpid()}-00000000.tmp",
        ".minigen-my.tmp",
    ):
        (tmp_path / name).write_bytes(b"half")
    with open(locked, "wb") as writer:  # a living writer on another machine
        fcntl = pytest.importorskip("fcntl")
        fcntl.flock(writer, fcntl.LOCK_EX)
        Net().save(tmp_path / "a.npz")
        others = [f".minigen-{os.getpid()}-00000000.tmp", ".minigen-my.tmp"]
        assert left(tmp_path) == sorted([locked.name, *others, "a.npz"])
    Net().save(tmp_path / "a.npz")
    assert left(tmp_path) == sorted([*others, "a.npz"])
