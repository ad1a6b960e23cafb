"""`minigen exercise watch`: checks a file each time it is saved.

It looks at the files every 0.3 s and compares what is in them, which works wherever files can be read: network folders
too, where the system reports no changes. It only ever adds lines to the terminal.
"""

import time

from minigen.exercises import attempts
from minigen.exercises.lookup import find
from minigen.exercises.progress import fingerprint
from minigen.exercises.workspace import Workspace, shown

PAUSE = (
    0.3  # seconds between two looks; a change is checked once two looks agree, so half a saved file is not
)


def watch(options):
    """The command; Ctrl-C ends it."""
    workspace = Workspace.required()
    chosen = find(options.id) if options.id else None
    start = chosen or attempts.current(workspace)
    watched = [chosen] if chosen else attempts.everything(workspace)
    last = None
    print(
        f"watching {shown(workspace.path(chosen)) if chosen else shown(workspace.root)}: save a file and it is checked; Ctrl-C ends"
    )
    try:
        for exercise in changes(workspace, watched, start):
            print(f"\n{'-' * 30} {exercise.id}, {time.strftime('%H:%M:%S')} {'-' * 30}", flush=True)
            last = attempts.judge(workspace, exercise, workspace.path(exercise), options)
            print(attempts.report(workspace, last), flush=True)
    except KeyboardInterrupt:
        print(f"\nno longer watching\nnext: minigen exercise check {last.exercise.id if last else start.id}")
    return attempts.EXIT[last.status] if last else 0


def changes(workspace, watched, first, pause=PAUSE):
    """Yields `first`, and then, without end, each Exercise whose file has new content."""
    checked = _look(workspace, watched)
    before = checked.copy()
    yield first
    while True:
        time.sleep(pause)
        now = _look(workspace, watched)
        for exercise in watched:
            seen = now[exercise.id]
            if seen is not None and seen != checked[exercise.id] and seen == before[exercise.id]:
                checked[exercise.id] = seen
                yield exercise
        before = now


def _look(workspace, watched):
    contents = {e.id: workspace.content(e) for e in watched}
    return {id: None if c is None else fingerprint(c) for id, c in contents.items()}
