"""Plants one mistake in a function's own source, to show that a test would notice."""

import inspect


def mutant(function, right, wrong):
    """The same function with the text `right`, which must stand in it exactly once, replaced by `wrong`."""
    source = inspect.getsource(function)
    assert source.count(right) == 1, f"{function.__name__}: {source.count(right)} times {right!r}"
    names = dict(function.__globals__)
    exec(source.replace(right, wrong), names)
    return names[function.__name__]
