"""Runs work that may loop, crash or eat memory in a child process with limits, and hands over what it sends.

The child is forked, so it has the caller's functions and arrays; nothing it does to them is seen by the
caller. Edited programs run nowhere else.
"""

import contextlib
import os
import pickle
import signal
import struct
import sys
import time
import traceback
import warnings

try:
    import resource
except ImportError:  # Windows
    resource = None

MEMORY = 2 << 30  # bytes of data that a person's program may take
BUSY = 3  # what is given so many seconds of computing may take so many times as long on a busy machine


class Stopped(Exception):
    """The child ended without an answer; the text says why."""


def limited(work, *, seconds, memory=MEMORY, receive=None):
    """`work(send)` in a child process; returns what it returns, which must be picklable.

    Every `send(message)` in the child calls `receive(message)` here. The child may take `seconds` in all.
    Raises Stopped when the time is over or the child dies, and RuntimeError where the system cannot fork.
    """
    if not hasattr(os, "fork"):
        raise RuntimeError("this system has no fork: call with here=True to run in this process")
    reader, writer = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python warns of fork beside threads; the child starts none of them
        child = os.fork()
    if child == 0:
        os.close(reader)
        _be_the_child(work, writer, memory)
    os.close(writer)
    try:
        return _listen(reader, seconds, receive)
    finally:
        os.close(reader)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _be_the_child(work, writer, memory):
    """Never returns."""
    try:
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):  # neither reads nor prints
            os.dup2(nowhere, stream)
        if resource is not None and memory:
            with contextlib.suppress(ValueError, OSError):
                _, hard = resource.getrlimit(resource.RLIMIT_DATA)
                resource.setrlimit(resource.RLIMIT_DATA, (memory, hard))
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        sys.dont_write_bytecode = True
        sys.addaudithook(_refuse)
        result = ("result", work(lambda message: _send(writer, ("message", message))))
    except BaseException as error:
        result = ("error", f"{type(error).__name__}: {error}", traceback.format_exc())
    with contextlib.suppress(BaseException):
        _send(writer, result)
    os._exit(0)


_CHANGES = {  # what Python tells of before it happens: a program that is only checked may do none of it
    "os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.truncate", "os.chmod",
    "os.chown",
    "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.kill", "os.startfile",
    "shutil.rmtree", "shutil.move", "shutil.copyfile", "subprocess.Popen", "socket.connect", "socket.bind",
    "urllib.Request", "ftplib.connect", "smtplib.connect", "winreg.CreateKey", "webbrowser.open",
}  # fmt: skip


_refused = []  # (what, [(file, line) of the calls that led to it]) of what this process was kept from


@contextlib.contextmanager
def not_told():
    """What is refused inside is not kept: what stands under __main__ may write and plot when it is run as a program."""
    before = len(_refused)
    try:
        yield
    finally:
        del _refused[before:]


def refused_in(path):
    """{line: what} of the calls in a file that would have changed something outside, in the order of the run."""
    found = {}
    for what, calls in _refused:
        at = next((i for i, (file, _) in enumerate(calls) if file == str(path)), None)
        # what a library keeps for itself when it is imported, as a list of fonts, is not the person's
        imports = any(file.startswith("<frozen importlib") for file, _ in calls[:at])
        if at is not None and not imports:
            line = calls[at][1]
            found.setdefault(line, what)
    return found


def _refuse(event, arguments):
    """Neither the person's program nor an edited copy of it changes anything outside the child."""
    if event == "open":
        path, _, flags = arguments
        writes = isinstance(flags, int) and flags & (
            os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
        )
        if not writes or path == os.devnull:
            return
    elif event not in _CHANGES:
        return
    what = f"{event}({', '.join(repr(a) for a in arguments[:1])})"
    if len(_refused) < 20:  # a loop may try it for ever
        frame, calls = sys._getframe(1), []
        while frame is not None:
            calls.append((frame.f_code.co_filename, frame.f_lineno))
            frame = frame.f_back
        _refused.append((what, calls))
    raise PermissionError(f"while it is checked, a program may change nothing outside: {what} was refused")


def _send(writer, message):
    data = pickle.dumps(message)
    data = struct.pack("Q", len(data)) + data
    while data:
        data = data[os.write(writer, data) :]


def _listen(reader, seconds, receive):
    import select

    deadline, buffer = time.monotonic() + seconds, b""
    while True:
        while len(buffer) >= 8 and len(buffer) >= 8 + struct.unpack("Q", buffer[:8])[0]:
            size = struct.unpack("Q", buffer[:8])[0]
            kind, *content = pickle.loads(buffer[8 : 8 + size])
            buffer = buffer[8 + size :]
            if kind == "result":
                return content[0]
            if kind == "error":
                raise Stopped(f"{content[0]}\n{content[1]}")
            if receive is not None:
                receive(content[0])
        left = deadline - time.monotonic()
        if left <= 0:
            raise Stopped("the time is over")
        if select.select([reader], [], [], left)[0]:
            piece = os.read(reader, 1 << 20)
            if not piece:
                raise Stopped("the process ended without an answer: too much memory, or exit() was called")
            buffer += piece
