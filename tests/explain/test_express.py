"""Expressions for a value that is needed, out of what can be named."""

import numpy as np
import pytest

from minigen.explain.edits import Atom
from minigen.explain.express import Library

rng = np.random.default_rng(0)
X, Y, V, C = rng.normal(size=(2, 3)), rng.normal(size=(2, 3)), rng.normal(size=3), rng.normal(size=(2, 1))
A, B = rng.normal(size=(2, 4)), rng.normal(size=(3, 4))
NAMES = {"x": X, "y": Y, "v": V, "c": C, "a": A, "b": B}


@pytest.mark.parametrize(
    "needed", [X * Y / 5, -2 * X * (1 - Y**2), A @ B.T, X * np.exp(Y / 2) * V, C * np.ones((2, 3)), X + 0 * Y]
)
def test_a_product_is_found_and_is_what_was_needed(needed):
    library = Library([Atom(n, v) for n, v in NAMES.items()], [Atom("n", 5)], needed.shape)
    _, text = library.find(needed)[0]
    found = eval(text, {"np": np, "n": 5, **NAMES})
    assert np.allclose(np.broadcast_to(found, needed.shape), needed, rtol=1e-6)


def test_what_is_no_such_product_is_not_found():
    library = Library([Atom(n, v) for n, v in NAMES.items()], [Atom("n", 5)], (2, 3))
    assert library.find(rng.normal(size=(2, 3))) == []


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (0,), (1, 1)])
@pytest.mark.parametrize("atoms", [[], [Atom("x", X)], [Atom("v", V)]])
def test_nothing_to_build_from_is_no_error(shape, atoms):
    library = Library(atoms, [], shape)
    assert isinstance(library.find(rng.normal(size=shape)), list)
