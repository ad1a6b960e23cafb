"""The command line: `minigen check` holds three gradients of every model side by side."""

import argparse
import difflib
import fnmatch
import json
import os
import sys
import time

_columns = (
    ("subject", 28, "<"),
    ("parameter", 28, "<"),
    ("shape", 14, "<"),
    ("hand–tape", 9, ">"),
    ("hand–diff", 9, ">"),
    ("tape–diff", 9, ">"),
    ("worst entry", 14, "<"),
    ("verdict", 12, "<"),
)


def main(arguments=None):
    """Run one command; returns the exit code: 0 all is well, 1 a gradient differs, 2 the command was misused."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal without × shows ? and goes on
    try:
        return _run(arguments)
    except BrokenPipeError:  # the reader, head or less, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + 13  # as if SIGPIPE had ended the program


def _run(arguments):
    parser = argparse.ArgumentParser(
        prog="minigen", description="Gradients of generative models: by hand, by tape, by differences."
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    check = commands.add_parser(
        "check",
        help="compare three gradients of every parameter of every model, on real digits",
        description="Compare the gradient by hand, by tape and by differences, for every parameter, on a batch of "
        "real handwritten digits. The numbers are relative errors |a - b| / (|a| + |b|), tensor by tensor. "
        "With a file of your own, FILE.py, its forward and backward are found, judged, and the first wrong line is "
        "explained. Exit code 0: all agree; 1: a gradient differs or cannot be judged; 2: bad usage; 3: a file that "
        "could not be judged.",
    )
    check.add_argument(
        "subjects",
        nargs="*",
        metavar="SUBJECT",
        help="what to check, such as vae-beta or 'vae-*' (default: everything), or a file of your own, my_vae.py, "
        "and in it the names of pairs",
    )
    check.add_argument("--list", action="store_true", help="print the names of the subjects")
    check.add_argument("--quick", action="store_true", help="a representative share of the subjects")
    check.add_argument("--json", action="store_true", help="print one JSON object instead of the table")
    check.add_argument("--reveal", action="store_true", help="for a file: show the corrected line")
    check.add_argument(
        "--seconds", type=float, default=20.0, metavar="N", help="for a file: how long to search"
    )
    check.add_argument("--watch", action="store_true", help="for a file: check it each time it is saved")
    check.add_argument("--shapes", nargs="+", metavar="NAME=SIZES", help="for a file: such as x=5,7 W1=7,6")
    check.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="where the tape computes")
    check.set_defaults(run=_check)
    from minigen.exercises import command

    explain = commands.add_parser("explain", help="print a page of the catalogue of mistakes, such as V02")
    explain.add_argument("code", metavar="CODE")
    explain.set_defaults(run=lambda options: main(["exercise", "explain", options.code]))
    command.add_to(commands)
    options = parser.parse_args(arguments)
    return options.run(options)


def _check(options):
    if options.subjects and (options.subjects[0].endswith(".py") or os.path.isfile(options.subjects[0])):
        from minigen import check_file

        return check_file.run(options)
    from minigen.check import subjects, witnesses

    if options.list:
        print("\n".join(subjects.NAMES))
        return 0
    chosen = [name for asked in options.subjects for name in fnmatch.filter(subjects.NAMES, asked)]
    unknown = [asked for asked in options.subjects if not fnmatch.filter(subjects.NAMES, asked)]
    if unknown:
        for asked in unknown:
            near = [name for name in subjects.NAMES if name.startswith(asked)]
            near = near or difflib.get_close_matches(asked, subjects.NAMES, n=3, cutoff=0.6)
            cure = f"did you mean {', '.join(near)}?" if near else "see minigen check --list"
            print(f"minigen check: there is no subject {asked!r}: {cure}", file=sys.stderr)
        return 2
    if options.device == "cuda":
        from minigen.engine import backend

        try:
            backend.to(backend.as_array([0.0]), "cuda")
        except RuntimeError as error:
            print(f"minigen check: {error}", file=sys.stderr)
            return 2
    chosen = chosen or (subjects.QUICK if options.quick else subjects.NAMES)
    started, records = time.perf_counter(), []
    if not options.json:
        print(_line(name for name, _, _ in _columns))
    for name in dict.fromkeys(chosen):
        for record in witnesses.compare(subjects.build(name, options.device), device=options.device):
            records.append(record)
            if not options.json:
                print(_row(record), flush=True)
    seconds = time.perf_counter() - started
    ok = all(record.verdict == "ok" for record in records)
    if options.json:
        print(json.dumps(_as_dict(ok, seconds, options.device, records), indent=1))
    else:
        print(_closing(records, seconds))
    return 0 if ok else 1


def _line(cells):
    padded = (f"{cell:{side}{width}}" for cell, (_, width, side) in zip(cells, _columns, strict=True))
    return " ".join(padded).rstrip()


def _row(record):
    row = _line(
        (
            record.subject,
            record.parameter,
            "×".join(map(str, record.shape)) or "scalar",
            _number(record.hand_vs_tape),
            _number(record.hand_vs_differences),
            _number(record.tape_vs_differences),
            "–" if record.worst_index is None else str(list(record.worst_index)),
            record.verdict,
        )
    )
    return row if record.verdict == "ok" else f"{row}\n    {record.reason}"


def _number(error):
    return "–" if error is None else f"{error:.1e}"


def _closing(records, seconds):
    bad = sum(record.verdict != "ok" for record in records)
    without = sum(record.hand_vs_tape is None for record in records)
    errors = [
        (error, record)
        for record in records
        for error in (record.hand_vs_tape, record.hand_vs_differences, record.tape_vs_differences)
        if error is not None
    ]
    error, record = max(errors, key=lambda pair: pair[0])
    verdict = "all agree" if not bad else f"{bad} do not agree"
    return (
        f"{len(records)} gradient{'s' if len(records) > 1 else ''}"
        f"{f' ({without} without a derivation by hand)' if without else ''}, {verdict}; "
        f"worst {error:.1e} at {record.subject} {record.parameter}; {seconds:.1f} s"
    )


def _as_dict(ok, seconds, device, records):
    keys = (
        "subject",
        "parameter",
        "shape",
        "hand_vs_tape",
        "hand_vs_differences",
        "tape_vs_differences",
        "worst_index",
        "verdict",
    )
    rows = [{key: value for key, value in record.to_dict().items() if key in keys} for record in records]
    return {"ok": ok, "seconds": round(seconds, 3), "device": device, "records": rows}
