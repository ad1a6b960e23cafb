"""`minigen exercise watch`: checks a file each time it is saved.

It looks at the files every 0.3 s and compares what is in them, which works wherever files can be read: network folders
too, where the system reports no changes. It only ever adds lines to the terminal.
"""

import time

from minigen.exercises import attempts
from minigen.exercises.progress import fingerprint
from minigen.exercises.workspace import shown

PAUSE = (
    0.3  # seconds between two looks; a change is checked once two looks agree, so half a saved file is not
)


def watch(options):
    """The command; Ctrl-C ends it."""
    workspace, start = attempts.chosen(options)
    watched = [start] if options.id else attempts.everything(workspace)
    place, last = shown(workspace.path(start) if options.id else workspace.root), None
    print(f"watching {place}: save a file and it is checked; Ctrl-C ends")
    try:
        for exercise in changes(workspace, watched, start):
            print(f"\n{'-' * 30} {exercise.id}, {time.strftime('%H:%M:%S')} {'-' * 30}", flush=True)
            last = attempts.judge(workspace, exercise, options)
            print(attempts.report(workspace, last), flush=True)
    except KeyboardInterrupt:
        at = last.exercise if last else start
        print(f"\nno longer watching\nnext: minigen exercise check {at.typed}")
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
