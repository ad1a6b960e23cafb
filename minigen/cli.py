"""The command line: `minigen check` holds three gradients of every model side by side."""

import argparse
import fnmatch
import json
import os
import sys
import textwrap
import time

from minigen.terminal import coloured, width

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
_colours = {"ok": "green", "wrong": "red", "inconclusive": "yellow"}


class Parser(argparse.ArgumentParser):
    """Misuse of any command prints the usage of this very command and ends with exit code 2."""

    def parse_known_args(self, args=None, namespace=None):
        options, rest = super().parse_known_args(args, namespace)
        if rest:  # argparse would leave it to the topmost parser, which knows only the usage of `minigen`
            self.error(f"unrecognized arguments: {' '.join(rest)}")
        return options, rest

    def error(self, message):
        self.exit(2, f"{self.format_usage()}{self.prog}: {message}\nnext: {self.prog} --help\n")


def main(arguments=None):
    """Run one command. Returns the exit code: 0 all is well, 1 a gradient differs, 2 bad usage."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal without × shows ? and goes on
    try:
        return _run(arguments)
    except BrokenPipeError:  # the reader, head or less, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + 13  # as if SIGPIPE had ended the program


def _run(arguments):
    import minigen
    from minigen import read
    from minigen.exercises import command

    parser = Parser(
        prog="minigen", description="Gradients of generative models: by hand, by tape, by differences."
    )
    parser.add_argument("--version", action="version", version=f"minigen {minigen.__version__}")
    parser.set_defaults(run=lambda options: parser.print_help() or 0)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    check = commands.add_parser(
        "check",
        help="compare three gradients of every parameter of every model, on real digits",
        description="Compare the gradient by hand, by tape and by differences, for every parameter, on a "
        "batch of real handwritten digits. The numbers are relative errors |a - b| / (|a| + |b|), tensor by "
        "tensor. With a file of your own, FILE.py, its forward and backward are found, judged, and the first "
        "wrong line is explained. Exit code 0: all agree; 1: a gradient differs or cannot be judged; 2: bad "
        "usage; 3: a file that could not be judged.",
    )
    check.add_argument(
        "subjects",
        nargs="*",
        metavar="SUBJECT",
        help="what to check, such as vae-beta or 'vae-*' (default: everything), or a file of your own, "
        "my_vae.py, and in it the names of pairs",
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
    check.add_argument(
        "--as",
        dest="like",
        metavar="SUBJECT",
        help="for a file: its forward must compute what this subject of --list computes, such as "
        "vae-bernoulli",
    )
    check.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="where the tape computes")
    check.set_defaults(run=_check, usage=check.format_usage())
    page = "print a page about a mistake, by its code or kind: V02, factor"
    explain = commands.add_parser("explain", help=page)
    explain.add_argument("code", metavar="CODE")
    explain.set_defaults(run=_explain)
    read.add_to(commands)
    command.add_to(commands)
    options = parser.parse_args(arguments)
    return options.run(options)


def _explain(options):
    from minigen.explain import kinds

    page = kinds.page(options.code)
    if page is not None:
        print(page)
        return 0
    code = main(["exercise", "explain", options.code])
    if code == 0:
        print(f"in the book, with a worked example: minigen read {options.code.upper().partition('.')[0]}")
    return code


def _check(options):
    if options.subjects and (options.subjects[0].endswith(".py") or os.path.isfile(options.subjects[0])):
        from minigen import check_file

        return check_file.run(options)
    from minigen.arguments import nearest
    from minigen.check import subjects

    if options.list:
        print("\n".join(subjects.NAMES))
        return 0
    chosen = [name for asked in options.subjects for name in fnmatch.filter(subjects.NAMES, asked)]
    unknown = [asked for asked in options.subjects if not fnmatch.filter(subjects.NAMES, asked)]
    if unknown:
        print(options.usage, end="", file=sys.stderr)
        for asked in unknown:
            cure = nearest(asked, subjects.NAMES, "see minigen check --list")
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
    table = _Table(width(default=sum(size + 1 for _, size, _ in _columns)))
    if not options.json:
        print(table.heading())
    for of_subject in subjects.compare(list(dict.fromkeys(chosen)), options.device):
        for record in of_subject:
            records.append(record)
            if not options.json:
                print(table.row(record), flush=True)
    seconds = time.perf_counter() - started
    ok = all(record.verdict == "ok" for record in records)
    if options.json:
        print(json.dumps(_as_dict(ok, seconds, options.device, records), indent=1))
    else:
        print(textwrap.fill(_closing(records, seconds), table.width, break_on_hyphens=False))
    return 0 if ok else 1


class _Table:
    """The table of records in `width` columns.

    Where it is too wide, a subject stands on a line of its own above its rows; then the worst entry and the
    shape are left out (--json has them), and a name that is too long for its column gets a line of its own.
    """

    def __init__(self, width):
        self.width, self.columns, self.subject = width, list(_columns), None
        for name in ("subject", "worst entry", "shape"):
            if self._needed() > width:
                self.columns = [column for column in self.columns if column[0] != name]
        self.grouped = self.columns[0][0] != "subject"
        if self._needed() > width:
            name, size, side = self.columns[0]
            self.columns[0] = (name, size - (self._needed() - width), side)

    def _needed(self):
        return sum(size + 1 for _, size, _ in self.columns) - 1

    def heading(self):
        return self._line({name: name for name, _, _ in self.columns})

    def row(self, record):
        from minigen import tables  # here, as `minigen exercise list` loads no more than it needs

        cells = {
            "subject": record.subject,
            "parameter": record.parameter,
            "shape": "×".join(map(str, record.shape)) or "scalar",
            "hand–tape": tables.relative(record.hand_vs_tape),
            "hand–diff": tables.relative(record.hand_vs_differences),
            "tape–diff": tables.relative(record.tape_vs_differences),
            "worst entry": "–" if record.worst_index is None else str(list(record.worst_index)),
            "verdict": record.verdict,
        }
        lines = []
        if self.grouped and record.subject != self.subject:
            self.subject = record.subject
            lines.append(record.subject)
        first, size, _ = self.columns[0]
        if len(cells[first]) > size:
            lines.append(cells[first])
            cells[first] = ""
        row = self._line(cells).removesuffix(record.verdict)
        lines.append(row + coloured(record.verdict, _colours[record.verdict]))
        if record.verdict != "ok":
            reason = {"initial_indent": "    ", "subsequent_indent": "    "}
            lines.append(textwrap.fill(record.reason, self.width, break_on_hyphens=False, **reason))
        return "\n".join(lines)

    def _line(self, cells):
        return " ".join(f"{cells[name]:{side}{size}}" for name, size, side in self.columns).rstrip()


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
    keys = "subject parameter shape hand_vs_tape hand_vs_differences tape_vs_differences worst_index verdict"
    rows = [{key: values[key] for key in keys.split()} for values in (r.to_dict() for r in records)]
    return {"ok": ok, "seconds": round(seconds, 3), "device": device, "records": rows}
