"""`minigen exercise new, verify`: for those who write exercises."""

import re
import textwrap
from pathlib import Path

import minigen
from minigen.exercises.lookup import UserError
from minigen.exercises.master import ID, Master, all_masters, read_masters
from minigen.exercises.workspace import Workspace, shown, write_new

# A small exercise that is complete: it verifies as it stands, and one changes it piece by piece.
# (Indented, so that this file is not taken for an exercise itself.)
_SCAFFOLD = '''
    r"""TITLE

    Five to fifteen lines in Markdown: what is computed, with the shapes, and what is wanted. Here, as an
    example: every column of $x$, of shape (N, D), is stretched by its own `scale`, of shape (D,), so
    $y_{nd} = x_{nd} s_d$, and `g`, the gradient of the loss at $y$, is given. Wanted: the gradients at `x`
    and at `scale`.
    """

    import numpy as np

    from minigen.exercises.master import Mutant

    ID = "SLUG"
    ORDER = NUMBER
    REQUIRES = ()
    WANTED = ("x", "scale")  # from the loss towards the parameters


    def forward(net, x, scale):
        # net("h", value) names what lies between, and net.term("kl", number) a term of a loss.
        net.output(x * scale)  # (N, D)


    def backward(g, cache, x, scale):
        # BEGIN SOLUTION
        gx = g * scale
        gscale = (g * x).sum(axis=0)
        # END SOLUTION
        return {"x": gx, "scale": gscale}


    HINTS = (
        "Which entries of y move when one entry of x moves? And when one entry of scale moves?",
        "An entry of scale is used in every row: all rows have a say.",
        "The gradient at scale has the shape (D,): what is left over is summed away.",
    )
    CONFIGS = (
        {"N": 5, "D": 3, "why": "distinct primes: a factor tells where it comes from"},
        {"N": 7, "D": 7, "why": "as many rows as columns: an exchanged axis fits, and is wrong"},
    )


    def inputs(rng, N, D):
        return {"x": rng.standard_normal((N, D)), "scale": np.exp(0.3 * rng.standard_normal(D))}


    # A known mistake each: `old` stands exactly once in the solution. The key is a code of mistakes.md.
    MUTANTS = {
        "G04": Mutant("gx = g * scale", "gx = -g * scale", "a minus has crept in"),
        "G06": Mutant(".sum(axis=0)", ".mean(axis=0)", "the rows are averaged, which divides by N"),
        "G11": Mutant("gx = g * scale", "gx = g * 1", "the gradient passes the step as if it were not there"),
    }
'''


def new(options):
    """Write a master to start from."""
    id = options.id.lower().replace("_", "-")
    if not re.fullmatch(ID, id):
        expected = "expected words of letters and digits, joined by '-'"
        raise UserError(
            f"{options.id!r} cannot be the name of an exercise: {expected}",
            "next: minigen exercise new my-exercise",
        )
    if id in all_masters():
        raise UserError(f"there is an exercise {id!r} already: {shown(all_masters()[id].path)}")
    folder = Path(options.into or ".")
    if folder.resolve().is_relative_to(Path(minigen.__file__).resolve().parent):
        raise UserError(
            f"{folder} lies inside minigen, and what is written there would outlive the next installation",
            f"next: minigen exercise new {id} --into ANOTHER-FOLDER",
        )
    path = folder / f"{id.replace('-', '_')}.py"
    order = 10 * (max((m.order for m in all_masters().values()), default=0) // 10 + 1)
    text = textwrap.dedent(_SCAFFOLD).lstrip().replace("SLUG", id).replace("NUMBER", str(order))
    text = text.replace("TITLE", id.replace("-", " ").capitalize())
    try:
        if not write_new(path, text):
            raise UserError(f"{shown(path)} exists and stays as it is", "next: choose another name")
    except OSError as error:
        cure = f"next: minigen exercise new {id} --into FOLDER"
        raise UserError(f"{path} cannot be written: {error.strerror}", cure) from None
    print(f"written: {shown(path)}, a small exercise that is complete, to be changed piece by piece")
    print(f"as an exercise: minigen exercise init --from {shown(path.parent)}")
    print(f"next: minigen exercise verify {shown(path)}")
    return 0


def verify(options):
    """Prove that exercises are fit to be given."""
    from minigen.exercises import verify as proof

    workspace = Workspace(None, options.source)
    broken = read_masters(workspace.source)[1] if workspace.source and workspace.source.exists() else {}
    chosen = [_master(workspace, name) for name in options.ids] or list(workspace.masters.values())
    unfit = 0 if options.ids else len(broken)
    for master in chosen:
        report = proof.verify(master)
        unfit += not report.ok
        print(report, flush=True)
    count = len(chosen) + (0 if options.ids else len(broken))
    print(f"\n{count} exercise{'s' * (count != 1)}, {unfit} not fit")
    print("next: repair what is marked with !" if unfit else "next: nothing, they can be given")
    return 1 if unfit else 0


def _master(workspace, name):
    """The master of an id, or of a file that lies anywhere."""
    if not (name.endswith(".py") and Path(name).is_file()):
        return workspace.find(name).master
    try:
        return Master(Path(name))
    except (ValueError, SyntaxError) as error:
        cure = "next: minigen exercise new my-exercise   (shows what one looks like)"
        raise UserError(f"{name} is no master: {error}", cure) from None
