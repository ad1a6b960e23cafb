"""`minigen exercise solution, diff, bug, reset`: what shows the answer, what takes a file to its beginning.

A solution is shown after the exercise has passed; before that one has to ask with --reveal, and it is noted.
"""

import difflib
import re

from minigen.exercises.lookup import UserError
from minigen.exercises.progress import has_passed
from minigen.exercises.workspace import shown, target, target_with_a_file

_COMMENT = re.compile(r"""((?:[^'"#]|'[^']*'|"[^"]*")*)#.*""")  # what stands before a # that is in no string


def solution(options):
    """Print the solution's backward."""
    workspace, exercise = target(options)
    _allow(workspace, exercise, options.reveal, "solution")
    text = exercise.master.solution()
    print(text[text.index("def backward(") :].partition("\n\n\nif __name__")[0])
    path = workspace.path(exercise)
    print(f"\nnext: minigen exercise {'diff' if path and path.is_file() else 'show'} {exercise.typed}")
    return 0


def diff(options):
    """What has to change in one's file for it to be the solution."""
    workspace, exercise = target_with_a_file(options)
    path, content = workspace.path(exercise), workspace.content(exercise)
    if content is None:
        raise UserError(
            f"there is no file {shown(path)}",
            f"next: {workspace.adding(exercise)}   (writes the file)",
        )
    _allow(workspace, exercise, options.reveal, "diff")
    mine, solved = content.decode("utf-8", "replace"), exercise.master.solution()
    yours, theirs = _without_comments(mine), _without_comments(solved)
    lines = difflib.unified_diff(yours, theirs, shown(path), "solution", lineterm="")
    alike = "letter for letter" if mine == solved else "but for comments"
    print("\n".join(lines) or f"{shown(path)} is the solution, {alike}")
    print(f"\nnext: minigen exercise next{workspace.extra}")
    return 0


def _without_comments(text):
    """The lines of a program, without comments and what is blank around them; it need not be valid Python."""
    kept = []
    for line in text.splitlines():
        comment = _COMMENT.fullmatch(line)
        code = comment[1].rstrip() if comment else line
        kept += [code] if code or not comment else []
    return kept


def bug(options):
    """Write the solution with one mistake in it, as a file to repair."""
    workspace, exercise = target(options)
    master = workspace.required() and exercise.master
    if not master.mutants:
        raise UserError(f"{master.id} has no bugs: its master lists no MUTANTS")
    if options.code:
        chosen = workspace.find(f"{master.id}-{options.code}")
    elif exercise.bug:
        chosen = exercise
    else:
        entries = workspace.progress.entries()
        every = [workspace.exercise(master, key) for key in master.mutants]
        left = [b for b in every if not has_passed(entries.get(b.id, {}))]
        fresh = [b for b in left if workspace.content(b) is None]
        if not left:
            print(f"all {len(every)} bugs of {master.id} are repaired")
            print(f"next: minigen exercise list{workspace.extra}")
            return 0
        if not fresh:
            todo = ", ".join(b.name for b in left)
            print(f"every bug of {master.id} has its file; still to repair: {todo}")
            print(_open(workspace, left[0]))
            return 0
        chosen = fresh[0]
    again = f"bug {options.code}" if options.code else "bug"
    _allow(workspace, workspace.exercise(master), options.reveal, again)
    new = workspace.write(chosen, chosen.text())
    what = "the solution, but one mistake is in it" if new else "is there already and stays as it is"
    print(f"{shown(workspace.path(chosen))}: {what}")
    print(f"next: find it, repair it, then: minigen exercise check {chosen.typed}")
    return 0


def reset(options):
    """Take a file back to what it was at first; what is in it goes to a backup."""
    workspace, exercise = target_with_a_file(options)
    path, text = workspace.path(exercise), exercise.text()
    if workspace.content(exercise) == text.encode("utf-8"):
        print(f"{shown(path)} is as it was at first: nothing to do")
    else:
        backup = workspace.replace(exercise, text)
        kept = f"{shown(path)} is as it was at first; yours is kept in {shown(backup)}" if backup else ""
        print(kept or f"written: {shown(path)}")
    print(_open(workspace, exercise))
    return 0


def _open(workspace, exercise):
    return f"next: open {shown(workspace.path(exercise))}, then: minigen exercise check {exercise.typed}"


def _allow(workspace, exercise, reveal, command):
    """Let a person see a solution: after passing, or because they insist, which is noted."""
    entry = workspace.progress.entry(exercise.id)
    if has_passed(entry) or entry.get("revealed"):
        return
    if not reveal:
        words, _, code = command.partition(" ")
        again = " ".join(["minigen exercise", words, exercise.typed, *filter(None, [code]), "--reveal"])
        raise UserError(
            f"this shows the solution of {exercise.name}, which has not passed yet; a hint may do: minigen "
            f"exercise hint {exercise.typed}",
            f"next: minigen exercise check {exercise.typed}, or, to see it all the same: {again}",
        )
    workspace.progress.change(exercise.id, revealed=True)
