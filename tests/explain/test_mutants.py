"""The mistakes planted in the exercises are found by the search, which knows nothing of them.

Exact: with what was found, every gradient is right at four independent inputs. A wrong repair is one of which
this is said and does not hold; the search itself verifies it, so none may occur.
"""

import time

import numpy as np
import pytest
from masters import task

from minigen.exercises.master import all_masters
from minigen.explain import process
from minigen.explain.explanation import explain_task

SHARE = ["dense", "tanh", "mse", "vae-reparameterization"]


def explained(master, key, tmp_path, seconds):
    """(Explanation, the lines that the mistake has changed)."""
    text, right = master.mutant(key), master.solution()
    path = tmp_path / f"{master.id}-{key}.py"
    path.write_text(text)
    names = {}
    exec(compile(text, str(path), "exec"), names)
    pairs = enumerate(zip(text.splitlines(), right.splitlines(), strict=False), 1)
    changed = [i for i, (a, b) in pairs if a != b]
    made = task(master, names, path)
    return process.limited(
        lambda send: explain_task(made, seconds=seconds), seconds=3 * seconds + 20
    ), changed


def table(masters, tmp_path, seconds):
    rows, times = {"mistakes": 0, "rejected": 0, "exact": 0, "line": 0}, []
    for master in masters:
        for key in master.mutants:
            begun = time.monotonic()
            said, changed = explained(master, key, tmp_path, seconds)
            times.append(time.monotonic() - begun)
            rows["mistakes"] += 1
            rows["rejected"] += said.verdict == "wrong"
            rows["exact"] += bool(said.findings) and said.complete
            rows["line"] += bool(said.findings) and said.findings[0].line in changed
    return rows, np.quantile(times, [0.5, 0.95])


def test_a_share_of_the_mistakes_is_mended(tmp_path):
    rows, _ = table([all_masters()[i] for i in SHARE[:2]], tmp_path, seconds=20)
    assert rows["rejected"] == rows["mistakes"]
    assert rows["exact"] >= 0.8 * rows["mistakes"], rows
    assert rows["line"] >= 0.8 * rows["mistakes"], rows


@pytest.mark.slow
def test_the_table_of_all_mistakes(tmp_path):
    rows, (median, most) = table(all_masters().values(), tmp_path, seconds=10)
    print(rows, f"median {median:.2f} s, 95 % within {most:.1f} s")
    assert rows["rejected"] >= 0.98 * rows["mistakes"], rows
    assert rows["exact"] >= 0.75 * rows["mistakes"], rows
