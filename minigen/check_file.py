"""The words of `minigen check FILE`: the table first, then what the search finds, and an exit code.

Exit code 0: right; 1: wrong; 2: the command was misused; 3: it could not be judged.
"""

import json
import os
import sys
import time

from minigen import tables
from minigen.arguments import nearest

PAUSE = 0.3  # seconds between two looks at a watched file


def run(options):
    """The command."""
    path, names = options.subjects[0], options.subjects[1:]
    if not os.path.isfile(path):
        return _misuse(f"there is no file {path}")
    try:
        shapes = parse_shapes(options.shapes or [])
    except ValueError as error:
        return _misuse(str(error))
    if options.seconds <= 0:
        return _misuse("--seconds takes a number above 0")
    if options.like is not None:
        from minigen.check import subjects

        if options.like not in subjects.NAMES:
            cure = nearest(options.like, subjects.NAMES, "see minigen check --list")
            return _misuse(f"--as takes a subject of minigen, got {options.like!r}: {cure}")
    if options.watch:
        return _watch(path, names, shapes, options)
    return _once(path, names, shapes, options)


def _misuse(sentence):
    print(f"minigen check: {sentence}", file=sys.stderr)
    return 2


def parse_shapes(parts):
    """{name: sizes} of ["x=5,7", "W1=7,6"]."""
    shapes = {}
    for part in parts:
        name, equals, sizes = part.partition("=")
        try:
            shapes[name] = tuple(int(size) for size in sizes.split(","))
        except ValueError:
            equals = ""
        if not equals or not name.isidentifier() or min(shapes[name]) < 1:
            raise ValueError(f"--shapes takes NAME=SIZES, such as x=5,7 W1=7,6, got {part!r}")
    return shapes


def _once(path, names, shapes, options):
    from minigen.explain import file

    early = []

    def report(kind, said):
        if kind == "verdict" and not options.json:
            early.append(True)
            print(_table(said), flush=True)
            if said.verdict == "wrong":
                print(f"searching for the line, at most {options.seconds:g} s ...", flush=True)
        elif kind == "progress" and early and sys.stdout.isatty():
            print(f"\r{said} changes tried", end="\r", flush=True)

    said = file.check(
        path,
        names=names,
        shapes=shapes,
        seconds=options.seconds,
        reveal=options.reveal,
        report=report,
        subject=options.like,
    )
    if early and sys.stdout.isatty():
        print(f"{'':40}", end="\r")
    if options.json:
        print(json.dumps(said.to_dict(), indent=1, default=float))
        return file.EXIT[said.verdict]
    if not early:
        for note in said.notes:
            print(f"note: {note}")
    if said.problem:
        print(f"minigen check: {said.problem}", file=sys.stderr)
        return file.EXIT["error"]
    for explanation in said.explanations:
        if explanation.verdict != "ok":
            print(f"\n{explanation}")
    return file.EXIT[said.verdict]


def _table(said):
    """One line for each gradient, and one for the whole."""
    rows = [
        (e.title, g["name"], tables.relative(g["error"]), g["verdict"])
        for e in said.explanations
        for g in e.gradients
    ]
    lines = tables.as_text([("pair", "gradient", "error", "verdict"), *rows])
    bad = sum(row[3] != "ok" for row in rows)
    unsure = sum(row[3] == "inconclusive" for row in rows)
    n = f"{len(rows)} gradient{'s' if len(rows) != 1 else ''}"
    whole = f"{said.path}: not right yet: {bad} of {n} wrong"
    if bad and bad == unsure:
        whole = f"{said.path}: {unsure} of {n} could not be judged"
    elif said.verdict == "ok":
        whole = f"{said.path}: right: {n} compared"
    elif not bad and said.verdict == "wrong":
        agree = "agrees" if len(rows) == 1 else "agree"
        whole = f"{said.path}: not right yet, though {n} compared {agree} with forward"
    elif not bad:
        whole = f"{said.path}: {n} compared, all right; not everything could be judged"
    return "\n".join([*(f"note: {note}" for note in said.notes), *lines, whole])


def _watch(path, names, shapes, options):
    code, last = 0, None
    print(f"watching {path}: save it and it is checked; Ctrl-C ends", flush=True)
    try:
        while True:
            with open(path, "rb") as file:
                content = file.read()
            if content != last:
                last = content
                print(f"\n{'-' * 30} {time.strftime('%H:%M:%S')} {'-' * 30}", flush=True)
                code = _once(path, names, shapes, options)
            time.sleep(PAUSE)
    except (KeyboardInterrupt, FileNotFoundError):
        print("\nno longer watching")
    return code
