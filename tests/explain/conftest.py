"""What is found is tested, and not how fast: of two machines one took twice the time for the same search."""

import pytest

from minigen.explain import file

PATIENCE = 3


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    check = file.check

    def patiently(path, *, seconds=20.0, **options):
        return check(path, seconds=PATIENCE * seconds, **options)

    monkeypatch.setattr(file, "check", patiently)
