"""What holds of every example: it opens with its claim, it is tested, it stands in the gallery,
and its verdict is reached.
"""

import ast
import re

import pytest
from programs import EXAMPLES, run

NAMES = sorted(path.stem for path in EXAMPLES.glob("*.py"))
GALLERY = (EXAMPLES / "README.md").read_text()


@pytest.mark.parametrize("name", NAMES)
def test_it_opens_with_its_claim(name):
    source = (EXAMPLES / f"{name}.py").read_text()
    parts = (ast.get_docstring(ast.parse(source)) or "").split("\n\n")
    assert parts[0].endswith("."), f"examples/{name}.py does not open with its claim, a sentence"
    command = f"python examples/{name}.py [--quick]"
    assert parts[1:] and parts[1].strip().startswith(command), f'after the claim must come "    {command}"'


@pytest.mark.parametrize("name", NAMES)
def test_it_is_tested_and_stands_in_the_gallery(name):
    test = EXAMPLES.parent / "tests" / "examples" / f"test_{name}.py"
    assert test.exists(), f"tests/examples/test_{name}.py is missing"
    assert "missed" in test.read_text().lower(), f"{test.name} has no broken model whose verdict is missed"
    rows = re.findall(rf"^\|.*\({name}\.py\).*$", GALLERY, re.MULTILINE)
    assert len(rows) == 1, f"the table in examples/README.md has {len(rows)} rows for {name}"
    figure = f"gallery/{name}.png"
    assert f'src="{figure}"' in rows[0], f"the row of {name} in examples/README.md does not show {figure}"
    assert (EXAMPLES / figure).exists(), f"examples/{figure} is missing"
    assert (EXAMPLES / figure).read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_the_default_run_reaches_its_criterion(name, tmp_path):
    done = run(name, tmp_path, "--device", "cpu")
    assert done.returncode == 0, done.stdout + done.stderr
