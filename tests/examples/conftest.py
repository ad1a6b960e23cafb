"""The programs under test use one BLAS thread: they are small, and a busy machine would only make the others wait."""

import pytest


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
