"""The gallery of experiments and the catalogue of mistakes, read from the files that hold them."""

import re
from pathlib import Path

from minigen.book import breakit, order, typeset
from minigen.exercises import catalogue, master

EXAMPLES = Path(__file__).parents[2] / "examples"
ROW = re.compile(
    r'\| <img src="(gallery/(\w+)\.png)" width="600"> \| \[`\2`\]\(\2\.py\)\. (.+?)<br><br>'
    r"\*\*Reached\*\*: (.+?)<br><br>\*\*Known\*\*: (.+?)<br><br>"
    r"\*\*Command\*\*: `(.+?)`\. \*\*Time\*\*: (.+?)\. \|"
)


def experiments():
    """The rows of the gallery; empty where the examples are not there, as in an installed package."""
    readme = EXAMPLES / "README.md"
    if not readme.is_file():
        return []
    rows = []
    for row in readme.read_text(encoding="utf-8").splitlines():
        if row.startswith("| <img"):
            found = ROW.fullmatch(row)
            if not found:
                raise ValueError(
                    f"{readme}: a row of the gallery has another form than the others: {row[:90]}"
                )
            image, name, claim, measured, known, command, time = found.groups()
            rows.append(
                {
                    "image": EXAMPLES / image,
                    "name": name,
                    "claim": typeset.prose(claim),
                    "measured": typeset.prose(measured.replace("\\|", "|")),
                    "known": typeset.prose(known.replace("\\|", "|")),
                    "command": command,
                    "time": time,
                    "steps": [s for s in order.STEPS if s.experiment == name],
                }
            )
    return rows


def mistakes():
    """Every entry of the catalogue, with the exercise and the change that shows it."""
    examples = _examples()
    return [
        {
            "code": entry.code,
            "title": entry.title,
            "text": typeset.statement(entry.text),
            "example": examples.get(entry.code),
        }
        for entry in catalogue.entries().values()
    ]


def _examples():
    """{code: a worked example}: that on the page of a derivation, else any exercise that plants it."""
    pages = {id: page for page, ids in order.EXERCISES.items() for id in ids}
    found = {}
    for id, made in master.all_masters().items():
        shown = {key.partition(".")[0]: key for key in breakit.shown(made)} if id in pages else {}
        for key, mutant in made.mutants.items():
            code = key.partition(".")[0]
            here = shown.get(code) == key
            if code in found and not (here and not found[code]["link"]):
                continue
            found[code] = {
                "exercise": id,
                "cause": mutant.cause,
                "lines": breakit.changes(made.solution(), made.mutant(key)),
                "link": f"{pages[id]}.html#{id}-{key.replace('.', '-')}" if here else "",
            }
    return found
