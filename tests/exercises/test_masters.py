"""Every master: the stub is unsolved, the solution passes, every mutant is rejected and named, nothing is
given away.
"""

import ast
import json
import subprocess
import sys

import pytest

from minigen.exercises.judge import judge, trials
from minigen.exercises.master import Master, Mutant, all_masters, broken_masters
from minigen.exercises.verify import plant, verify

MASTERS = all_masters()
ONE = r'''"""A line

Wanted: the gradient at `x`."""

from minigen.exercises.master import Mutant

ID = "line"
ORDER = 1
WANTED = ("x",)


def forward(net, x, *, slope):
    net.output(slope * x)


def backward(g, cache, x, *, slope):
    # BEGIN SOLUTION
    gx = slope * g
    # END SOLUTION
    return {"x": gx}


HINTS = ("Which slope?", "The same everywhere.", "Multiply.")
CONFIGS = ({"N": 5, "slope": 0.7},)


def inputs(rng, N, slope):
    return {"x": rng.standard_normal(N)}


MUTANTS = {"G17": Mutant("slope * g", "slope * g * 0 + slope", "g is not used")}
'''


@pytest.fixture
def write(tmp_path):
    def master(text):
        path = tmp_path / "line.py"
        path.write_text(text, encoding="utf-8")
        return Master(path)

    return master


@pytest.fixture(scope="module")
def verified():
    """Every master tried once; the tests below look at the outcome."""
    return {id: verify(master, seconds=0) for id, master in MASTERS.items()}


def test_every_master_can_be_read():
    assert not broken_masters()


@pytest.mark.parametrize("id", MASTERS)
def test_an_exercise_is_fit_to_be_given(verified, id):
    assert verified[id].ok, str(verified[id])


def test_the_table(verified):
    """All mutants are rejected, and each one's page is known by its gradients (but for what is no gradient at
    all).
    """
    planted = [(id, p) for id, v in verified.items() for p in v.planted]
    assert all(p.rejected for _, p in planted)
    assert len(planted) >= 150
    few = [f"{MASTERS[id].path.name} ({len(v.planted)})" for id, v in verified.items() if len(v.planted) < 5]
    assert not few, f"minigen/exercises/masters/: fewer than 5 MUTANTS in {', '.join(few)}"
    other = [f"{id} {p.key}: {p.result.code}" for id, p in planted if p.result.code != p.key.split(".")[0]]
    assert len(other) <= 0.05 * len(planted), other


@pytest.mark.slow
@pytest.mark.parametrize("id", MASTERS)
def test_no_false_alarm_in_200_seeds(id):
    master = MASTERS[id]
    solution = master.backward()
    for seed in range(200):
        result = judge(master, solution, seed=seed)
        assert result.status == "passed", str(result)


@pytest.mark.parametrize("id", MASTERS)
def test_what_a_person_gets(id):
    master = MASTERS[id]
    for text in (master.stub(), master.solution()):
        tree = ast.parse(text)
        functions = [n.name for n in tree.body if isinstance(n, ast.FunctionDef)]
        assert functions[-2:] == ["forward", "backward"]
        assert ast.get_docstring(tree).startswith(master.title)
        assert "MUTANTS" not in text and "Mutant" not in text and "BEGIN SOLUTION" not in text
    assert " = ...\n" in master.stub()
    # given lines may repeat a short formula; whole lines of the solution must not survive
    for line in master.solution_lines():
        assert line not in master.stub() or line in [
            x.strip() for x in master.source.split("def backward")[0].splitlines()
        ]
    book = json.loads(master.notebook())
    assert [c["cell_type"] for c in book["cells"]] == ["markdown", "code", "code", "code"]
    code = "\n".join(c["source"] for c in book["cells"][1:3])
    ast.parse(code)
    assert "def forward" in code and " = ...\n" in code


def test_ids_and_order_are_those_of_a_course():
    assert all(id == id.lower() and "_" not in id for id in MASTERS)
    at = {}
    for master in MASTERS.values():
        at.setdefault(master.order, []).append(master.path.name)
    twice = {order: files for order, files in at.items() if len(files) > 1}
    assert not twice, f"minigen/exercises/masters/: the same ORDER stands in two files: {twice}"
    assert [*at] == sorted(at)
    for master in MASTERS.values():
        assert all(MASTERS[r].order < master.order for r in master.requires if r in MASTERS)


def test_reading_titles_and_hints_executes_no_master():
    code = (
        "import sys; from minigen.exercises.master import all_masters; m = all_masters();"
        "print(len(m), m['dense'].title, any(k.endswith('exercises.dense') for k in sys.modules))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.split() == [str(len(MASTERS)), "A", "dense", "layer", "False"]


def test_configurations_of_one_seed_are_drawn_alike():
    first, again = (list(trials(MASTERS["dense"], seed=3)) for _ in range(2))
    assert (first[0].problem.arguments["x"] == again[0].problem.arguments["x"]).all()
    other = next(iter(trials(MASTERS["dense"], seed=4)))
    assert (first[0].problem.arguments["x"] != other.problem.arguments["x"]).all()


# The machinery, on a master of its own


def test_a_small_master_is_fit(write):
    found = verify(write(ONE))
    assert found.ok and "the factor g is missing" in str(found)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('"slope * g * 0 + slope"', '"g * slope"', "the mutant G17 is not rejected"),
        ('"Multiply."', '"Write slope*g."', "hint 3 contains the solution line"),
        ('"g is not used"', '"it should be slope * g"', "G17 contains the solution line"),
        ("gx = slope * g\n", "gx = 2 * slope * g\n", "the solution does not pass"),
        ('"Multiply.")', ")", "there are 2 hints"),
        (
            "    # BEGIN SOLUTION\n    gx",
            "    gx = slope * g\n    # BEGIN SOLUTION\n    gy",
            "the stub is judged 'passed'",
        ),
    ],
)
def test_an_unfit_master_is_told_what_is_wrong(write, old, new, problem):
    assert ONE.count(old) == 1
    found = verify(write(ONE.replace(old, new)), seconds=0)
    assert not found.ok and any(p.startswith(problem) for p in found.problems), found.problems


def test_markers_must_pair(write):
    with pytest.raises(ValueError, match="without"):
        write(ONE.replace("    # END SOLUTION\n", "")).stub()
    with pytest.raises(ValueError, match="without its partner"):
        write(ONE.replace("    # BEGIN SOLUTION\n", "")).stub()


def test_a_master_needs_its_facts(write):
    with pytest.raises(ValueError, match="needs ORDER"):
        write(ONE.replace("ORDER = 1", ""))


def test_a_mutant_must_find_its_place_exactly_once():
    assert Mutant("a", "b").plant("x = a") == "x = b"
    assert Mutant(("a", "c"), ("b", "d")).plant("x = a + c") == "x = b + d"
    for text in ("x = 1", "x = a + a"):
        with pytest.raises(ValueError, match="not once"):
            Mutant("a", "b").plant(text)


def test_configurations_decide_between_mistakes_that_look_alike(write):
    """Where the slope is 0.7, twice the slope and the slope plus 0.7 are the same; the second configuration
    knows better.
    """
    alike = '{"G05": Mutant("slope * g", "2 * slope * g"), "G46": Mutant("slope * g", "(slope + 0.7) * g")}'
    text = ONE.replace('{"N": 5, "slope": 0.7},', '{"N": 5, "slope": 0.7}, {"N": 5, "slope": 1.3},')
    master = write(text[: text.index("MUTANTS = ")] + f"MUTANTS = {alike}\n")
    for key in master.mutants:
        assert plant(master, key).result.code == key


def test_a_solution_in_several_blocks(write):
    second = "    # BEGIN SOLUTION\n    gx = gx + 0\n    # END SOLUTION\n    return {"
    master = write(ONE.replace('    return {"x": gx}', second + '"x": gx}'))
    assert master.stub().count("= ...") == 2 and master.solution().count("gx + 0") == 1
    assert plant(master, "G17").rejected
