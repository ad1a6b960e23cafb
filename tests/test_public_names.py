"""The face of the package: what `import minigen` offers, and that nothing internal stands among it."""

import builtins
import configparser
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

import minigen

PARTS = "baselines byhand check data exchange exercises explain losses metrics models nn optim plot saving testing training".split()


@pytest.mark.parametrize("name", PARTS)
def test_a_part_is_an_attribute_in_a_fresh_process(name):
    program = f"import minigen; print(minigen.{name}.__name__)"
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert out.strip() == f"minigen.{name}"


def test_dir_shows_what_people_use():
    importlib.import_module("minigen.cli")  # a module that somebody has loaded is an attribute from then on
    names = dir(minigen)
    assert {*PARTS, "Tensor", "conv2d", "sum", "grad", "__version__"} <= set(names)
    assert not {"engine", "arguments", "importlib", "keep_freed_memory", "sharing", "cli"} & set(names)


def test_every_name_that_dir_shows_exists():
    for name in dir(minigen):
        assert getattr(minigen, name) is not None


def test_a_star_import_replaces_no_builtin():
    assert not set(minigen.__all__) & set(dir(builtins))
    names = {}
    exec("from minigen import *", names)
    assert names["Tensor"] is minigen.Tensor and "sum" not in names


def test_the_version_stands_in_one_place():
    config = configparser.ConfigParser()
    config.read(Path(__file__).parents[1] / "setup.cfg")
    assert config["metadata"]["version"] == "attr: minigen.__version__"
    assert re.fullmatch(r"\d+\.\d+\.\d+", minigen.__version__)


def test_a_name_that_does_not_exist_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'tensr'"):
        minigen.tensr  # noqa: B018
