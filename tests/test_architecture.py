"""The house rules that a reader relies on: imports run downward, CuPy and matplotlib stay
outside, files stay readable.
"""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import minigen

PACKAGE = Path(minigen.__file__).parent
FILES = {str(path.relative_to(PACKAGE).with_suffix("")): path for path in sorted(PACKAGE.rglob("*.py"))}

# From the ground up: a part may import what stands on an earlier line, and its own folder.
HOUSE = [
    ["arguments", "tables", "terminal", "byhand"],
    ["exchange", "engine"],
    ["saving"],
    ["nn"],
    ["losses"],
    ["optim"],
    ["models", "baselines"],
    ["metrics"],
    ["data", "plot", "graph"],
    ["check"],
    ["explain"],
    ["testing", "training", "sharing"],
    ["exercises", "experiment"],
    ["check_file", "book"],
    ["read"],
    ["cli"],
    ["__main__", "__init__"],
]
ENGINE = [
    ["fast/memory", "numpy_protocol"],
    ["backend"],
    ["fast/sums", "fast/threads", "anomaly"],
    ["tape"],
    ["shapes", "fast/im2col"],
    ["ops"],
    ["conv", "fast/recording"],
    ["fast/replay"],
]
FLOOR = {name: floor for floor, names in enumerate(HOUSE) for name in names}
MAY_PRINT = {
    "training",
    "sharing",
    "experiment",
    "plot",
    "exercises",
    "check_file",
    "read",
    "cli",
    "__main__",
}


def part_of(file):
    """The file or folder directly under minigen/ that a file belongs to: nn/layers -> nn."""
    return file.partition("/")[0]


def imports(path):
    """(module, name) of every import statement in a file, at any depth, relative ones spelled out.

    Without those under `if TYPE_CHECKING:`, which name types in annotations and are never run.
    """
    package = ["minigen", *path.relative_to(PACKAGE).parts[:-1]]
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, None
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*above, node.module or ""]).strip(".")
            for alias in node.names:
                yield module, alias.name


def parts_imported(path):
    """The parts of minigen that a file imports; the package itself counts as `__init__`,
    which imports everything.
    """
    for module, name in imports(path):
        if module.partition(".")[0] != "minigen":
            continue
        below = module.partition(".")[2] or (name or "")
        part = part_of(below.replace(".", "/"))
        yield part if part in {part_of(file) for file in FILES} else "__init__"


def test_the_map_is_complete():
    """A new file or folder directly under minigen/ needs a floor, and so does a file of the engine."""
    assert {part_of(file) for file in FILES} == FLOOR.keys()
    engine = {name for names in ENGINE for name in names}
    assert {f.removeprefix("engine/") for f in FILES if part_of(f) == "engine"} == engine | {
        "__init__",
        "fast/__init__",
    }


@pytest.mark.parametrize("file", FILES)
def test_imports_run_downward(file):
    floor = FLOOR[part_of(file)]
    for part in parts_imported(FILES[file]):
        if part == "__init__":  # `import minigen` inside a function, for what only the whole package offers
            assert part_of(file) in {"exercises", "experiment", "book", "cli"}
        else:
            assert part == part_of(file) or FLOOR[part] < floor, f"{file} imports {part}"


@pytest.mark.parametrize("file", [name for names in ENGINE for name in names])
def test_the_engine_runs_downward_too(file):
    floors = {name: floor for floor, names in enumerate(ENGINE) for name in names}
    for module, name in imports(FILES[f"engine/{file}"]):
        if module.startswith("minigen.engine"):
            below = ".".join([module, name or ""]).removeprefix("minigen.engine").strip(".").replace(".", "/")
            part = next(n for n in floors if below == n or below.startswith(n + "/"))
            assert floors[part] < floors[file], f"{file} imports {part}"


@pytest.mark.parametrize("file", [file for file in FILES if part_of(file) == "byhand"])
def test_byhand_imports_numpy_only(file):
    """This witness cannot agree with the engine by sharing its bugs."""
    roots = {module.partition(".")[0] for module, _ in imports(FILES[file])} - {"minigen"}
    assert roots <= {"numpy"} | sys.stdlib_module_names
    assert set(parts_imported(FILES[file])) <= {"byhand"}


@pytest.mark.parametrize(
    "file", [file for file in FILES if part_of(file) == "check" and "subjects" not in file]
)
def test_check_knows_the_engine_but_no_models(file):
    """Except the files that list the subjects."""
    assert not {"models", "byhand", "losses", "nn", "optim", "__init__"} & set(parts_imported(FILES[file]))


def test_only_the_backend_imports_cupy():
    sayers = {
        file
        for file, path in FILES.items()
        for module, _ in imports(path)
        if module.partition(".")[0] == "cupy"
    }
    assert sayers == {"engine/backend"}


@pytest.mark.parametrize("file", [file for file in FILES if part_of(file) not in MAY_PRINT])
def test_only_the_top_prints(file):
    calls = [node.func for node in ast.walk(ast.parse(FILES[file].read_text())) if isinstance(node, ast.Call)]
    assert "print" not in {call.id for call in calls if isinstance(call, ast.Name)}


@pytest.mark.parametrize("file", FILES)
def test_a_file_opens_with_a_sentence(file):
    doc = ast.get_docstring(ast.parse(FILES[file].read_text())) or ""
    first_paragraph = doc.partition("\n\n")[0]
    if part_of(file) == "exercises" and not first_paragraph.endswith("."):
        assert first_paragraph  # a master opens with the title of its exercise
    else:
        assert len(first_paragraph) >= 10
        assert first_paragraph.endswith((".", ":", "?"))


def test_functions_stay_short():
    """A function that lists cases, one after the other, may be longer; none is longer than two screens."""
    long = {
        f"{file}: {node.name}": node.end_lineno - node.lineno + 1
        for file, path in FILES.items()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno - node.lineno >= 120
    }
    assert long == {}


def test_importing_minigen_is_light():
    """A notebook that only differentiates must not wait for plotting, for a GPU library,
    or for anything large.
    """
    loaded = loaded_by("import minigen")
    assert not loaded & {
        "cupy",
        "matplotlib",
        "torch",
        "scipy",
        "tqdm",
        "pandas",
        "PIL",
        "hypothesis",
        "pytest",
        "IPython",
    }
    third_party = loaded - sys.stdlib_module_names - {"minigen", "numpy", "threadpoolctl"}
    third_party -= {name for name in loaded if name.startswith("_")}
    # an environment may load modules of its own at every start
    assert third_party - loaded_by("pass") == set()


def loaded_by(statement):
    """The top-level modules that a fresh interpreter holds after one statement."""
    program = f"import sys; {statement}; print(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    return {name.partition(".")[0] for name in out.split()}
