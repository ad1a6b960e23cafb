"""`minigen exercise watch`: checks a file each time it is saved.

It looks at the files every 0.3 s and compares what is in them, which works wherever files can be read:
network folders too, where the system reports no changes. After a pass it watches the next exercise too.
On a terminal each answer gets a clear screen; elsewhere lines are only ever added.
"""

import time

from minigen import terminal
from minigen.exercises import attempts
from minigen.exercises.progress import fingerprint
from minigen.exercises.workspace import shown

# seconds between two looks; a change is checked once two looks agree, so half a saved file is not
PAUSE = 0.3


def watch(options):
    """The command; Ctrl-C ends it."""
    workspace, at = attempts.chosen(options)
    checked = look(workspace, [at] if options.id else attempts.everything(workspace))
    place, last = shown(workspace.path(at) if options.id else workspace.root), None
    print(f"watching {place}: save a file and it is checked; Ctrl-C ends")
    try:
        for exercise in changes(workspace, checked, at):
            at, heading = exercise, f"{exercise.name}, {time.strftime('%H:%M:%S')}"
            clear = "\x1b[2J\x1b[H" if terminal.obeys() else "\n"
            print(f"{clear}{'-' * 20} {heading} {'-' * 20}", flush=True)
            last, said = attempts.answered(workspace, exercise, options)
            if last.status == "passed":
                at, said = _go_on(workspace, checked, exercise, said)
            print(said, flush=True)
    except KeyboardInterrupt:
        print(f"\nno longer watching\nnext: minigen exercise check {at.typed}")
    return attempts.EXIT[last.status] if last else 0


def _go_on(workspace, checked, passed, said):
    """Watch the exercise that comes after the one that passed. Returns it, and the report, which says so."""
    new = attempts.following(workspace, passed)
    if new is None or workspace.content(new) is None:
        return passed, said
    if new not in checked:
        checked |= look(workspace, [new])
        head, _, last_line = said.rpartition("\n")
        watched = f"{shown(workspace.path(new))} is watched from now on: open it in your editor"
        said = f"{head}\n{watched}\n{last_line}"
    return new, said


def changes(workspace, checked, first, pause=PAUSE):
    """Yields `first`, and then, without end, each Exercise whose file differs from what `checked` says.

    `checked` is what `look` returned; exercises may be added to it meanwhile.
    """
    before = checked.copy()
    yield first
    while True:
        time.sleep(pause)
        now = look(workspace, checked)
        for exercise, seen in now.items():
            if seen is not None and seen != checked[exercise] and seen == before.get(exercise):
                checked[exercise] = seen
                yield exercise
        before = now


def look(workspace, exercises):
    """{Exercise: fingerprint of its file, None where there is none}."""
    contents = {e: workspace.content(e) for e in exercises}
    return {e: None if c is None else fingerprint(c) for e, c in contents.items()}
