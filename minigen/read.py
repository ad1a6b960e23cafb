"""`minigen read`: builds the book that is cut from the sources, and opens it in a browser."""

import os
import sys
import tempfile
import webbrowser
from pathlib import Path

BUILDING = "building the book, about half a minute ..."
LIBRARIES = {"jinja2", "markupsafe", "pygments", "latex2mathml"}


def add_to(commands):
    """Add the command to the parsers of `minigen`."""
    read = commands.add_parser(
        "read",
        help="build the book of derivations and open it in a browser",
        description="Build the book that is cut from the sources: derivations beside their code, backward "
        "passes to watch, the engine annotated. Needs no network and no server. "
        "Exit code 0: built; 2: bad usage.",
    )
    page = "such as vae-bernoulli, tape, or a mistake, V02"
    read.add_argument("page", nargs="?", default="index", metavar="PAGE", help=page)
    out = "write the pages there, to publish them as they are; opens nothing"
    read.add_argument("--out", metavar="FOLDER", help=out)
    read.set_defaults(run=run)


def run(options):
    from minigen.arguments import nearest

    try:
        from minigen.book import site
    except ModuleNotFoundError as error:
        if error.name.partition(".")[0] not in LIBRARIES:
            raise
        print(
            f"minigen read: the library {error.name} is missing; install it with: "
            "pip install 'minigen[book]'   (in a checkout: pip install '.[book]')",
            file=sys.stderr,
        )
        return 2
    names = {name.lower(): file for name, file in site.page_names().items()}
    page = options.page.lower().removesuffix(".html").replace("_", "-")
    page = page if page in names else page.replace("-", "_")
    if page not in names:
        cure = nearest(options.page.lower(), names, "minigen check --list names the derivations")
        print(f"minigen read: there is no page {options.page!r}: {cure}", file=sys.stderr)
        return 2
    if options.out:
        print(BUILDING, flush=True)
        folder = site.build(options.out)
        pages = len(list(folder.glob("*.html")))
        print(f"{folder}: {pages} pages; open {folder / names[page]}")
        return 0
    return _open(_kept(site), names[page])


def _kept(site):
    """The folder of the book for the sources as they are now; it is built when it is not there yet."""
    owner = os.getuid() if hasattr(os, "getuid") else ""
    folder = Path(tempfile.gettempdir(), f"minigen-book-{owner}-{site.fingerprint()}")
    if not (folder / "complete").is_file():
        print(BUILDING, flush=True)
        site.build(folder)
        (folder / "complete").touch()
    return folder


def _open(folder, page):
    file, _, place = page.partition("#")
    address = (folder / file).resolve().as_uri() + (f"#{place}" if place else "")
    if not webbrowser.open(address):
        print("no browser was found; open this address in one:")
    print(address)
    return 0
