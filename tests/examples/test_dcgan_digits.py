"""The example as a program: the quick run reaches its criterion among controls that are
known, noise does not.
"""

import json
import math

import pytest
from programs import run, verdict


def test_the_quick_run_reaches_its_criterion(tmp_path):
    done = run("dcgan_digits", tmp_path, "--quick")
    assert done.returncode == 0, done.stdout + done.stderr
    assert verdict(tmp_path) == "reached"
    assert "reached: DCGAN: its real side > 0.4" in done.stdout
    for name in ("dcgan_digits.png", "samples.png", "ladder.png"):
        assert (tmp_path / "run" / name).read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "run" / "samples.gif").read_bytes().startswith(b"GIF8")
    values = json.loads((tmp_path / "run" / "values.json").read_text())
    assert values["copies of the 500: its real side"] == 0
    apart = "distance to training pictures, among them 1"
    assert values[f"copies of the 500: {apart}"] < 0.2 < 0.8 < values[f"test pictures: {apart}"]
    assert values["one picture: KL of the class counts, nats"] == pytest.approx(math.log(10))
    assert values["one picture: classes missing"] == 9


@pytest.mark.slow
def test_a_run_too_short_misses_and_says_so(tmp_path):
    done = run("dcgan_digits", tmp_path, "--channels", "4", "--steps", "5")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "missed: DCGAN: 1-NN accuracy > 0.45 and < 0.9" in done.stdout


@pytest.mark.slow
def test_shapes_reach_the_same_criteria(tmp_path):
    done = run("dcgan_digits", tmp_path, "--data", "shapes", "--steps", "2000")
    assert done.returncode == 0, done.stdout + done.stderr


def test_unknown_data_are_refused(tmp_path):
    done = run("dcgan_digits", tmp_path, "--data", "faces")
    assert done.returncode == 2
    assert done.stderr == "dcgan_digits: --data faces: there are digits and shapes\n"
