"""`minigen exercise`: the words of the command line, and the way to the functions behind them.

Nothing is loaded before it is needed: `list` answers without computing anything.
Every command ends with a line that says what to do next. The exit code of `check` is 0 passed,
1 wrong, 2 misused (also for a name that does not exist), 3 inconclusive, 4 an error in the file or a
time-out, 5 not attempted.
"""

import argparse
import importlib
import os
import sys

MISUSED, BROKEN, INTERRUPTED = 2, 4, 130
_ABOUT = """Derive a gradient, write it down, and learn which line is wrong and why.

  minigen exercise init            write the exercises into a folder, a file each
  minigen exercise next            which one to do now
  minigen exercise check ID        judge your file and explain the first wrong line
  minigen exercise hint ID         three hints, one at a time
"""


def add_to(commands):
    """Hang `exercise` and its commands into the subparsers of `minigen`."""
    top = commands.add_parser(
        "exercise",
        help="derive gradients as exercises, and have your mistakes explained",
        description=_ABOUT,
        epilog="Exit codes of check: 0 passed, 1 wrong, 2 bad usage, 3 inconclusive, 4 error or time-out, "
        "5 not attempted.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.set_defaults(run=lambda options: top.print_help() or 0)
    within = top.add_subparsers(metavar="COMMAND")

    def add(name, function, help, *arguments):
        parser = within.add_parser(name, help=help, description=help)
        for argument in arguments:
            parser.add_argument(*argument[0], **argument[1])
        parser.set_defaults(run=run, function=function)

    _for_students(add)
    _for_teachers(add)


def _for_students(add):
    meant = "the name of an exercise, such as dense, or a file: yours, or its master"
    id = _argument("id", metavar="ID", help=meant)
    maybe = _argument("id", metavar="ID", nargs="?", help=f"{meant} (default: the next one)")
    reveal = _argument("--reveal", action="store_true", help="before the exercise has passed; this is noted")
    seed = _argument("--seed", type=_whole, default=0, metavar="N", help="other random numbers")
    seconds = {"type": _seconds, "metavar": "S"}
    limit = _argument("--time-limit", default=20.0, help="in seconds (default: 20)", **seconds)
    tell = _argument("--reveal", action="store_true", help="show the corrected line as well; this is noted")
    search = _argument(
        "--seconds", default=6.0, help="for the search after the table (default: 6)", **seconds
    )
    all = _argument("--all", action="store_true", help="every file; makes the record of progress anew")
    json = _argument("--json", action="store_true", help="print JSON")
    file = "which exercise the file is, if its name does not tell"
    named = _argument("--as", dest="named", metavar="EXERCISE", help=file)
    source = _source()
    level = _argument("--level", type=_whole, default=0, metavar="K", help="hints 1 to K")
    mistake = "which mistake: its number or code (default: the next one)"
    which = _argument("code", metavar="CODE", nargs="?", help=mistake)
    code = _argument("code", metavar="CODE", nargs="?", help="such as V02 (default: all codes)")
    where = "default: minigen-exercises, or the folder of exercises you are in"
    folder = _argument("folder", metavar="DIR", nargs="?", help=where)
    init = "write the exercises into a folder; what is there stays as it is"
    add("init", "lessons.init", init, folder, source)
    add("list", "lessons.list_", "all exercises, and how far you have come", source)
    add("next", "lessons.next_", "the exercise to do now", source)
    add("show", "lessons.show", "the statement of an exercise", id, named, source)
    check = "judge your file, and explain the first wrong line"
    add("check", "attempts.check", check, maybe, named, source, all, json, seed, limit, search, tell)
    watch = "check a file each time it is saved"
    add("watch", "watch.watch", watch, maybe, named, source, seed, limit, search, tell)
    add("hint", "lessons.hint", "a hint; a further one each time", id, named, source, level)
    add("explain", "lessons.explain", "a page about a mistake, by the code in a report", code)
    add("solution", "answers.solution", "the solution, after your file has passed", id, named, source, reveal)
    add("diff", "answers.diff", "your file against the solution", id, named, source, reveal)
    bug = "spot the bug: write the solution with one known mistake in it, to be repaired"
    add("bug", "answers.bug", bug, id, which, named, source, reveal)
    reset = "take a file back to its beginning; yours goes to a backup"
    add("reset", "answers.reset", reset, id, named, source)
    add("notebook", "lessons.notebook", "write the exercise as a Jupyter notebook", id, named, source)


def _for_teachers(add):
    id = _argument("id", metavar="ID", help="the name of the new exercise")
    ids = _argument("ids", metavar="ID", nargs="*", help="ids, or files of masters (default: all)")
    into = _argument("--into", metavar="DIR", help="default: the folder you are in")
    new = "for teachers: write a small complete exercise, a master, to start from"
    add("new", "teacher.new", new, id, into)
    add("verify", "teacher.verify", "for teachers: prove that exercises are fit to be given", ids, _source())


def _source():
    made = (
        "the folder of masters, or the master, that the exercises are made from (default: as init was told)"
    )
    return _argument("--from", dest="source", metavar="DIR", help=made)


def run(options):
    """Call the function behind a command; whatever it cannot do is a sentence and an exit code."""
    from minigen.exercises import master
    from minigen.exercises.lookup import UserError
    from minigen.exercises.progress import READ_ONLY

    module, _, name = options.function.partition(".")
    try:
        master.all_masters()
    except (SyntaxError, ValueError) as error:
        return _fail(f"an exercise of minigen is broken: {error}", "next: repair that file", BROKEN)
    try:
        code = getattr(importlib.import_module(f"minigen.exercises.{module}"), name)(options)
        sys.stdout.flush()
        return code
    except UserError as trouble:
        return _fail(str(trouble), trouble.cure)
    except master.BrokenMaster as trouble:
        return _fail(str(trouble), "next: minigen exercise verify, with the path of that file", BROKEN)
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return _fail("interrupted", "next: the same command again", INTERRUPTED)
    except OSError as error:
        cure = "next: look at that file or folder, then the same again"
        if error.errno in READ_ONLY:
            cure = "next: go to a folder where you may write, then: minigen exercise init"
        return _fail(f"{error.filename or 'a file'}: {error.strerror}", cure)


def _fail(sentence, cure, code=MISUSED):
    sys.stdout.flush()
    print(f"minigen exercise: {sentence}\n{cure}", file=sys.stderr)
    return code


def _argument(*names, **settings):
    return names, settings


def _whole(text):
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{text} is below 0")
    return number


_whole.__name__ = "whole number"  # as argparse names it in its messages


def _seconds(text):
    number = float(text)
    if not 0 < number < 1e6:
        raise argparse.ArgumentTypeError(f"{text} is no number of seconds above 0")
    return number
