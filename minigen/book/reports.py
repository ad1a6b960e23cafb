"""What minigen says about each mistake that the book shows, kept beside it.

A search takes seconds and there are over a hundred of them, and a book should be built in half a minute. So
the reports are made once and kept in reports.json, each with a digest of the code it speaks of. One whose
code has changed since is made anew while the book is built.

    python -m minigen.book.reports          # makes those that are missing or of other code
    python -m minigen.book.reports --all    # makes all of them, after a change of what minigen says
"""

import hashlib
import json
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path

from minigen.exercises import check, master

KEPT = Path(__file__).with_name("reports.json")


def says(found, key):
    """The report of minigen about the mistake `key` of the Master `found`, as text."""
    kept = _kept().get(f"{found.id} {key}", {})
    return kept["says"] if kept.get("of") == digest(found, key) else make(found, key)


def make(found, key):
    """The same, from a search of its own."""
    return str(check(found.id, found.backward(key)))


def _make(name):
    id, key = name.split()
    return make(master.all_masters()[id], key)


def digest(found, key):
    """A short name for the code that the report speaks of."""
    return hashlib.sha256(found.mutant(key).encode()).hexdigest()[:16]


@cache
def _kept():
    return json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.is_file() else {}


def main(arguments):
    from minigen.book import breakit, order

    kept, masters = {} if "--all" in arguments else _kept(), master.all_masters()
    ids = dict.fromkeys(id for ids in order.EXERCISES.values() for id in ids)
    digests = {f"{id} {key}": digest(masters[id], key) for id in ids for key in breakit.shown(masters[id])}
    todo = [name for name, of in digests.items() if kept.get(name, {}).get("of") != of]
    made = {name: kept[name] for name in digests.keys() - todo}
    with ProcessPoolExecutor() as pool:
        for name, text in zip(todo, pool.map(_make, todo), strict=True):
            made[name] = {"of": digests[name], "says": text}
    KEPT.write_text(
        json.dumps({name: made[name] for name in digests}, indent=1, ensure_ascii=False) + "\n",
        encoding="utf-8",
    )


if __name__ == "__main__":
    main(sys.argv[1:])
