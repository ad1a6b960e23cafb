"""The example as a program: the quick run reaches its criterion and draws, one that is too short does not."""

import pytest
from programs import run, verdict


def test_the_quick_run_reaches_its_criterion(tmp_path):
    done = run("mode_collapse", tmp_path, "--quick")
    assert done.returncode == 0, done.stdout + done.stderr
    assert verdict(tmp_path) == "reached"
    assert "reached: modes, ring, GAN, lr ratio 10, k 1 > 0.5 and < 4.5" in done.stdout
    for figure in ("mode_collapse.png", "heat_map.png"):
        assert (tmp_path / "run" / figure).read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "run" / "collapse.gif").read_bytes().startswith(b"GIF8")


@pytest.mark.slow
def test_a_run_too_short_misses_and_says_so(tmp_path):
    done = run("mode_collapse", tmp_path, "--quick", "--steps", "20")
    assert done.returncode == 1, done.stdout + done.stderr
    assert verdict(tmp_path) == "missed"
    assert "missed: modes, ring, GAN, lr ratio 1" in done.stdout
