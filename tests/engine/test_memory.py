"""Freed memory stays with the process, unless a person has decided otherwise."""

import ctypes

import pytest

from minigen.engine.fast.memory import keep_freed_memory


@pytest.mark.parametrize("name", ["MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "MINIGEN_KEEP_MEMORY"])
def test_the_environment_decides(monkeypatch, name):
    monkeypatch.setenv(name, "0")
    monkeypatch.setattr(ctypes, "CDLL", lambda name: pytest.fail("the C library was asked all the same"))
    assert keep_freed_memory() is False


def test_without_glibc_nothing_happens(monkeypatch):
    def missing(name):
        raise OSError(name)

    monkeypatch.setattr(ctypes, "CDLL", missing)
    assert keep_freed_memory() is False


def test_glibc_is_told(monkeypatch):
    told = {}

    class Glibc:
        def mallopt(self, option, value):
            told[option] = value
            return 1

    monkeypatch.setattr(ctypes, "CDLL", lambda name: Glibc())
    assert keep_freed_memory(kept=5, largest=3) is True
    assert told == {-1: 5, -3: 3}  # M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of <malloc.h>
