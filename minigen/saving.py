"""Saving a model in one file and loading it again: the whole file or nothing, and never a pickle.

A pickle is a program that runs when it is opened. An .npz is a zip of plain arrays, so that is the format:
`model/<name>` for every parameter and buffer, `optimizer/<slot>.<name>` for what an optimizer remembers, and
`about`, a line of JSON with the step and the state of the random generators. `dict(numpy.load(path))` shows
all of it.

A save writes the whole file under a temporary name in the same folder, forces it onto the disk, and then
renames it. A program that is killed before the rename leaves the old file. A load checks every name, shape
and kind of value before it writes any.

For exchange with others there is .safetensors, weights only: see exchange.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from minigen.engine.backend import Random
    from minigen.nn import Module
    from minigen.optim import Optimizer


import contextlib
import io
import json
import math
import os
import re
import shlex
import shutil
import zipfile

import numpy as np

from minigen import arguments, exchange

try:
    import fcntl
except ImportError:  # Windows has no flock: two programs in one folder go unnoticed
    fcntl = None

_format = 1  # a reader refuses a higher number than its own
_pickles = (".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".bin", ".joblib")
_never = (
    "a pickle, a program that runs when it is opened, so minigen neither writes nor reads it. PyTorch "
    "weights come over as .safetensors, or by minigen.exchange.load_pytorch(model, state_dict)"
)


# ----- a model and what belongs to its training ---------------------------------------------------------


def save(
    model: Module,
    path: str | os.PathLike,
    *,
    optimizer: Optimizer | Mapping[str, Optimizer] | None = None,
    random: Random | np.random.Generator | Mapping[str, Any] | None = None,
    step: int | None = None,
    overwrite: bool = False,
) -> None:
    """Write `model` to `path`, .npz (minigen's own) or .safetensors (weights only, for exchange).

    What a run needs to resume as if it had never stopped: `optimizer`; `random`, a minigen.Random or NumPy
    generator (those that layers such as Dropout hold are then saved too); `step`, a whole number. A GAN or
    WGAN has several optimizers: dicts by name, {"generator": ..., "critic": ...}, are taken for both.

    A file that minigen wrote is replaced; any other only with overwrite=True.

    Raises OSError where the file cannot be written, FileExistsError for a file that `save` did not write,
    ValueError for another kind of file and for NaN or infinity in a parameter; the old file stays.
    """
    path, kind = _checked_path("save", path)
    if not (overwrite or _is_ours(path, kind)):
        raise FileExistsError(
            f"save: {pasteable(path)} exists and was not written by minigen, or is damaged: give another "
            "name, or overwrite=True"
        )
    finite = [(f"model/{name}", tensor.numpy()) for name, tensor in model.named_parameters()]
    if kind == ".safetensors":
        if not (optimizer is random is step is None):
            raise ValueError("save: .safetensors holds weights only: save optimizer, random and step as .npz")
        arguments.check_finite("save", finite)
        return _write(path, exchange.packed(model))
    arrays = {f"model/{name}": array for name, array in model.state_dict().items()}
    about = {"format": _format, "model": type(model).__name__, "optimizer": {}}
    about["step"] = None if step is None else _whole(step)
    for section, one in _optimizers(optimizer).items():
        about["optimizer"][section] = type(one).__name__
        state = {f"{section}/{name}": array for name, array in one.state.items()}
        arrays |= state
        finite += state.items()
    arguments.check_finite("save", finite)
    generators = _generators(model, random)
    about["random"] = {name: generator.bit_generator.state for name, generator in generators.items()}
    arrays["about"] = np.array(json.dumps(about, default=np.ndarray.tolist))  # some states hold arrays
    _write(path, _packed(arrays))


def load(
    model: Module,
    path: str | os.PathLike,
    *,
    optimizer: Optimizer | Mapping[str, Optimizer] | None = None,
    random: Random | np.random.Generator | Mapping[str, Any] | None = None,
) -> int | None:
    """Read what `save` wrote into `model` (and `optimizer`, `random`, if given). Returns the step, or None.

    The values are written into the model's arrays, in the model's dtype; the optimizer's lr is the saved one.

    Raises OSError where the file cannot be read, and ValueError where it is damaged, is something else, or
    does not fit. Then nothing has changed.
    """
    path, kind = _checked_path("load", path)
    data = _read(path)
    if kind == ".safetensors":
        if not (optimizer is random is None):
            raise ValueError(f"load: {path} holds weights only: optimizer and random are saved in .npz files")
        exchange.load_pytorch(model, exchange.unpacked(path, data), f"load: {path}")
        return None
    arrays, about = _unpacked(path, data)
    state = _section(arrays, "model")
    try:
        model.check_state_dict(state)
    except ValueError as error:
        raise ValueError(f"load: {path} holds a {about['model']}: {error}") from None
    arguments.check_finite(
        f"load: {path}", [(f"model/{name}", state[name]) for name, _ in model.named_parameters()]
    )
    optimizers, generators = _optimizers(optimizer), _generators(model, random)
    for section, one in optimizers.items():
        _check_optimizer(path, section, one, _section(arrays, section), about["optimizer"].get(section))
    for name, generator in generators.items():
        _check_generator(path, name, generator, about["random"].get(name))

    model.load_state_dict(state)  # from here on nothing can be refused
    for section, one in optimizers.items():
        one.state = _section(arrays, section)
    for name, generator in generators.items():
        generator.bit_generator.state = about["random"][name]
    return about["step"]


def _optimizers(optimizer):
    """{section of the file: optimizer}"""
    found = _by_name("optimizer", optimizer)
    for section, one in found.items():
        if not (hasattr(one, "state") and hasattr(one, "steps")):
            raise TypeError(
                f"{section}: an optimizer (or a dict of them by name) expected, got {type(one).__name__}"
            )
    return found


def _generators(model, random):
    """{name in the file: NumPy generator}: the given ones, and with them those inside the model."""
    found = _by_name("random", random)
    if found:
        for path, module in model.modules():
            for name, value in vars(module).items():
                if isinstance(getattr(value, "generator", value), np.random.Generator):
                    found[f"model.{path}.{name}".replace("..", ".")] = value
    found = {name: getattr(one, "generator", one) for name, one in found.items()}
    for name, one in found.items():
        if not isinstance(one, np.random.Generator):
            raise TypeError(
                f"{name}: minigen.Random or a NumPy generator (or a dict of them by name) expected, "
                f"got {type(one).__name__}"
            )
    return found


def _by_name(what, given):
    if isinstance(given, dict):
        return {f"{what}.{name}": one for name, one in given.items()}
    return {} if given is None else {what: given}


def _whole(step):
    if isinstance(step, bool) or not isinstance(step, int | np.integer) or step < 0:
        raise ValueError(f"save: step must be a whole number from 0 up, got {step!r}")
    return int(step)


def _check_optimizer(path, section, one, state, kind):
    if kind is None:
        raise ValueError(f"load: {path} holds no {section}: it was saved without one, or under another name")
    if kind != type(one).__name__:
        raise ValueError(f"load: {path} holds the state of {kind} as {section}, got {type(one).__name__}")
    mine = {name: array.shape for name, array in one.state.items()}
    theirs = {name: array.shape for name, array in state.items() if array.dtype.kind in "fiub"}
    apart = sorted(name for name in mine.keys() | theirs.keys() if mine.get(name) != theirs.get(name))
    if apart:
        lines = [f"{name} is {mine.get(name)} here, {theirs.get(name)} in the file" for name in apart]
        raise ValueError(
            f"load: {path}: the {section} is that of other parameters (None: not there):\n  "
            + "\n  ".join(lines)
        )
    arguments.check_finite(f"load: {path}", [(f"{section}/{name}", array) for name, array in state.items()])
    if not (state["lr"] > 0 and state["steps"].dtype.kind in "iu" and state["steps"] >= 0):
        raise ValueError(
            f"load: {path}: {section} has lr {state['lr']} and steps {state['steps']}; a positive number and "
            "a whole number from 0 up expected"
        )


def _check_generator(path, name, generator, state):
    if state is None:
        raise ValueError(f"load: {path} holds no state for {name}: was it saved with random=?")
    try:
        type(generator.bit_generator)(0).state = state  # a trial on another generator of this kind
        # NumPy reads from these places without a look at the bounds of the array
        within = 0 <= state["state"].get("pos", 0) <= 624 and 0 <= state.get("buffer_pos", 0) <= 4
    except (ValueError, TypeError, KeyError, IndexError, OverflowError, AttributeError) as error:
        raise ValueError(f"load: {path}: the state of {name} does not fit: {error}") from None
    if not within:
        raise ValueError(f"load: {path}: the state of {name} does not fit: its position is out of range")


# ----- arrays and bytes ---------------------------------------------------------------------------------


def _packed(arrays):
    """The bytes of an .npz; the same arrays give the same bytes, for the entries carry no time."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, array in arrays.items():
            if array.dtype.kind not in "fiubU":
                raise ValueError(
                    f"save: {name} holds {array.dtype}, not real numbers: it could not be loaded"
                )
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, array, allow_pickle=False)
    return buffer.getvalue()


def _unpacked(path, data):
    """({name: array}, about) of a whole file that `save` wrote; for any other, ValueError says what it is."""
    if data[:1] == b"\x80":
        raise ValueError(f"load: {path} is {_never}")
    if data[:2] != b"PK":
        what = "is empty" if not data else "is no .npz file"
        raise ValueError(f"load: {path} {what}: give a file that model.save wrote")
    arrays = {}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > len(data):
                raise ValueError("its entries claim more bytes than the file has; save never compresses")
            for entry in archive.namelist():  # read() compares the check sum of every byte
                arrays[entry.removesuffix(".npy")] = _array(entry, archive.read(entry))
    except Exception as error:  # nothing is read from the disk here, so any error comes from the bytes
        raise ValueError(f"load: {path} is damaged or cut short: {error}") from None
    for name, array in arrays.items():
        if array is None:
            raise ValueError(f"load: {path} holds {name}, {_never}")
    try:
        about = json.loads(str(arrays["about"]))
        version = about["format"]
    except (KeyError, ValueError, TypeError, RecursionError):
        names = ", ".join(list(arrays)[:4]) or "nothing"
        raise ValueError(f"load: {path} was not written by model.save: it holds {names}") from None
    if version != _format:
        raise ValueError(
            f"load: {path} has format {version}, this minigen reads {_format}: install a newer minigen"
        )
    _check_about(path, about)
    return arrays, about


def _check_about(path, about):
    """ValueError where `about` is not what `save` writes there."""
    step = about.get("step", "missing")
    expected = {
        "model": isinstance(about.get("model"), str),
        "step": step is None or (type(step) is int and step >= 0),
        "optimizer": _is_dict_of(str, about.get("optimizer")),
        "random": _is_dict_of(dict, about.get("random")),
    }
    wrong = [name for name, right in expected.items() if not right]
    if wrong:
        came = ", ".join(f"{name} {about.get(name, 'missing')!r:.60}" for name in wrong)
        raise ValueError(f"load: {path} is damaged: its entry `about` has {came}")


def _is_dict_of(kind, value):
    return isinstance(value, dict) and all(isinstance(v, kind) for v in value.values())


def _array(entry, data):
    """One entry as an array, or None where that would take a pickle."""
    if not entry.endswith(".npy"):
        return None if entry.endswith((".pkl", ".pickle")) else np.frombuffer(data, np.uint8)
    file = io.BytesIO(data)
    version = np.lib.format.read_magic(file)
    if version > (2, 0):
        raise ValueError(f"{entry} has version {version} of the .npy format, which save does not write")
    header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = header(file)
    if dtype.hasobject:
        return None
    if math.prod(shape) * dtype.itemsize != len(data) - file.tell():  # before room for it is made
        raise ValueError(f"{entry} claims {shape} {dtype}, and has {len(data) - file.tell()} bytes")
    return np.ndarray(shape, dtype, data, file.tell(), order="F" if fortran else "C")


def _section(arrays, section):
    start = f"{section}/"
    return {name.removeprefix(start): array for name, array in arrays.items() if name.startswith(start)}


# ----- files --------------------------------------------------------------------------------------------


def pasteable(path: str | os.PathLike) -> str:
    """The absolute path, quoted where a shell needs it."""
    return shlex.quote(os.path.abspath(os.fsdecode(path)))


def take_lock(file: Any) -> bool:
    """Lock `file` (open, or its number) until it is closed. False where another program holds the lock.

    Also True where the system or the disk has no locks.
    """
    try:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # the disk has none
        pass
    return True


def _is_ours(path, kind):
    """Whether `path` may be replaced: it has no file, an empty one, or one that minigen wrote."""
    if not os.path.exists(path) or os.path.getsize(path) == 0:
        return True
    try:
        if kind == ".safetensors":
            with open(path, "rb") as file:
                size = int.from_bytes(file.read(8), "little")
                return "minigen" in json.loads(file.read(min(size, 1 << 24))).get("__metadata__", {})
        with zipfile.ZipFile(path) as archive:
            about = json.loads(str(_array("about.npy", archive.read("about.npy"))))
            return isinstance(about, dict) and "format" in about and "random" in about
    except Exception:  # whatever is wrong with it, it is not ours
        return False


def sweep(folder: str | os.PathLike) -> None:
    """Delete temporary files that killed processes left in `folder`; those of running processes stay."""
    for name in os.listdir(folder):
        found = re.fullmatch(r"\.minigen-(\d+)-[0-9a-f]{8}\.tmp", name)
        if not found or _lives(int(found[1])):
            continue
        with contextlib.suppress(OSError), open(os.path.join(folder, name), "rb") as file:
            if take_lock(file):  # a writer on another machine holds it
                os.unlink(file.name)


def _lives(pid):
    """Whether this machine has a process with this number. On Windows always True: os.kill would end it."""
    if os.name == "nt":
        return True
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _checked_path(caller, path):
    """(absolute path, ".npz" or ".safetensors"); raises for a folder and for another kind of file."""
    path = os.path.abspath(os.fsdecode(path))
    kind = os.path.splitext(path)[1].lower()
    if os.path.isdir(path):
        raise IsADirectoryError(f"{caller}: {path} is a folder: give a file in it, such as model.npz")
    if kind not in (".npz", ".safetensors"):
        cure = f"{kind} is {_never}" if kind in _pickles else "give the name in full"
        raise ValueError(f"{caller}: a name ending in .npz or .safetensors expected, got {path}: {cure}")
    return path, kind


def _read(path):
    folder, name = os.path.split(path)
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        beside = os.listdir(folder) if os.path.isdir(folder) else []
        raise FileNotFoundError(
            f"load: there is no file {path}{arguments.did_you_mean(name, beside, most=3)}"
        ) from None


def _write(path, data):
    """Write `data` to `path`; at any moment there is the whole old file or the whole new one."""
    path = os.path.realpath(path)  # a link stays a link, and what it points to is written
    folder = os.path.dirname(path)
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"save: there is no folder {folder}: make it first")
    sweep(folder)
    beside = os.path.join(folder, f".minigen-{os.getpid()}-{os.urandom(4).hex()}.tmp")  # stays after a kill
    try:
        with open(beside, "xb") as file:
            take_lock(file)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())  # a rename may reach the disk before the bytes do
        if os.path.exists(path):
            shutil.copymode(path, beside)
        os.replace(beside, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(beside)
        if isinstance(error, OSError):
            raise OSError(
                error.errno, f"save: {path} could not be written and is as it was ({error.strerror})"
            ) from error
        raise
    with contextlib.suppress(OSError):  # the name itself; not every system can
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
