"""What the terminal can do that prints a report: how many columns it has, and whether it shows colours."""

import os
import shutil
import sys

NARROWEST = 60  # columns that every report fits into
_codes = {"red": 31, "green": 32, "yellow": 33}


def width(default=100):
    """The columns of the terminal, at least 60; `default` where the output is no terminal.

    The environment variable COLUMNS, if set, counts before both.
    """
    return max(NARROWEST, shutil.get_terminal_size((default, 24)).columns)


def coloured(text, colour):
    """`text` in "red", "green" or "yellow" on a terminal that shows colours, and unchanged elsewhere.

    A pipe, NO_COLOR (https://no-color.org) and TERM=dumb mean no colours. No report may need them: the text
    alone must say everything.
    """
    plain = os.environ.get("NO_COLOR") or not obeys()
    return text if plain else f"\x1b[{_codes[colour]}m{text}\x1b[0m"


def obeys():
    """Whether the output is a terminal that obeys control codes; the old console of Windows prints them."""
    if os.environ.get("TERM") == "dumb" or (os.name == "nt" and "WT_SESSION" not in os.environ):
        return False
    return sys.stdout.isatty()
