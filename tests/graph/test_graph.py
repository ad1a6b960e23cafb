"""draw and steps: on every model, on functions of one's own, on gradients of gradients, and on graphs that
are too large.
"""

import re
import xml.etree.ElementTree as xml

import numpy as np
import pytest

import minigen as mg
from minigen.check import subjects
from minigen.check.subjects import registry
from minigen.check.witnesses import ByTape
from minigen.engine.tape import Leaf
from minigen.graph.layout import layout
from minigen.graph.record import Record, rule_text
from minigen.graph.walk import walk


def loss_of(name):
    """(loss, parameters by name) of a subject of `minigen check`: each model of models/, and each layer."""
    subject = registry.build(name)
    tensors = ByTape(subject.by_tape).tensors(subject.parameters, tracked=True)
    return subject.by_tape(tensors), tensors


def kept_gradients(loss):
    """What backward() gives every leaf of the graph, by the identity of the leaf."""
    leaves = [n for n in (e.thing for e in Record(loss).entries) if type(n) is Leaf]
    loss.backward(retain_graph=True)
    return {id(leaf): leaf.grad for leaf in leaves}


def well_formed(drawing):
    """The SVG parses, and no two boxes overlap or leave the page."""
    root = xml.fromstring(drawing.svg)
    places, arrows, width, height = layout(drawing.boxes)
    assert len(places) == len(drawing.boxes) == len(root.findall(".//{*}rect[@class='box']"))
    for p in places:
        assert 0 <= p.x - p.width / 2 and p.x + p.width / 2 <= width and 0 <= p.y <= p.y + p.height <= height
        for q in places:
            apart = abs(p.x - q.x) >= (p.width + q.width) / 2 or p.row != q.row
            assert p is q or apart, (p.box.title, q.box.title)
    for arrow in arrows:
        assert all(a.row < b.row for a, b in zip(arrow, arrow[1:], strict=False))  # all arrows run down
    return root


@pytest.mark.parametrize("name", subjects.NAMES)
def test_every_model_is_drawn_and_walked(name):
    loss, tensors = loss_of(name)
    drawing, steps = mg.draw(loss), mg.steps(loss)
    root = well_formed(drawing)
    text = " ".join(t.text for t in root.iter("{http://www.w3.org/2000/svg}text"))
    for parameter in {n for n, t in tensors.items() if "." in n and t.node in {k.node for k in steps.ticks}}:
        assert parameter.rpartition(".")[0] in text and parameter in str(steps)
    assert drawing.folded is None and len(drawing.boxes) <= 150
    numbers = re.findall(r'class="when"[^>]*>([^<]+)<', drawing.svg)
    ends = {int(n) for pair in numbers for n in pair.split("–")}
    assert 1 in ends and max(ends) == max(int(row[0]) for row in steps.rows() if row[0])
    right = kept_gradients(loss)
    given = {id(t.node): t.gradient for t in steps.ticks if type(t.node) is Leaf}
    assert given.keys() == {key for key, g in right.items() if g is not None}
    for key, g in given.items():
        np.testing.assert_array_equal(g, right[key])


def test_a_function_of_ones_own_has_the_names_of_its_variables():
    x = mg.Tensor([[1.0, 2.0]])
    w = mg.Tensor([[0.5], [-1.0]], requires_grad=True)
    hidden = mg.tanh(x @ w)
    loss = (hidden * hidden).sum()
    drawing = mg.draw(loss)
    well_formed(drawing)
    assert {"x", "w"} <= {b.title for b in drawing.boxes}
    assert any("→ hidden 1×1" in b.lines for b in drawing.boxes)
    assert str(mg.steps(loss)).splitlines()[0].split()[:3] == ["tick", "operation", "‖g‖"]
    assert "sum → loss" in str(mg.steps(loss)) and "g * (1 - out * out)" in str(mg.steps(loss))
    assert "w" not in {b.title for b in mg.draw(loss, {"slope": w}).boxes}


def test_a_value_that_is_used_twice_is_complete_when_both_parts_are_there():
    x = mg.Tensor([2.0, 3.0], requires_grad=True)
    y = x * x
    z = y + y * x
    ticks = walk(z, np.ones(2))
    parts = [(p.arrived, p.due) for t in ticks for p in t.parts if p.parent is y.node]
    assert parts == [(1, 2), (2, 2)]
    turn = [t.node for t in ticks].index(y.node)
    assert all(p.parent is not y.node for t in ticks[turn:] for p in t.parts)  # nothing comes too late
    np.testing.assert_allclose(ticks[-1].gradient, 2 * x.data + 3 * x.data**2)


def test_a_second_function_with_convolutions_and_an_operation_of_ones_own():
    @mg.op()
    def cube(x):
        """x^3."""
        return x * x * x

    cube.rule(lambda g, out, x: g * 3 * x * x)
    rng = np.random.default_rng(0)
    image = mg.Tensor(rng.standard_normal((2, 1, 5, 5)))
    kernel = mg.Tensor(rng.standard_normal((3, 1, 3, 3)), requires_grad=True)
    loss = mg.mean(cube(mg.conv2d(image, kernel, padding=1)))
    well_formed(mg.draw(loss))
    assert rule_text(cube, 0) == "g * 3 * x * x" and "g * 3 * x * x" in str(mg.steps(loss))


def test_the_gradient_of_a_gradient_is_on_the_drawing():
    x = mg.Tensor([1.0, 2.0], requires_grad=True)
    (slope,) = mg.grad(mg.tanh(x).sum(), [x], create_graph=True)
    penalty = (slope * slope).sum()
    plain, twice = mg.draw(mg.tanh(x).sum()), mg.draw(penalty)
    well_formed(twice)
    assert len(twice.boxes) > len(plain.boxes)
    np.testing.assert_array_equal(mg.steps(penalty).ticks[-1].gradient, mg.grad(penalty, [x])[0].data)


@pytest.mark.parametrize("count", [49, 50, 5000])
def test_a_graph_beyond_the_limit_is_folded_and_says_so(count):
    w = mg.Tensor([0.1, 0.2], requires_grad=True)
    y = w
    for _ in range(count):
        y = mg.tanh(y) * 0.5 + y
    drawing = mg.draw(y)
    assert len(drawing.boxes) <= 150
    assert (drawing.folded is None) == (3 * count + 1 <= 150)
    assert sum(e.kind == "operation" for b in drawing.boxes for e in b.members) == 3 * count
    root = well_formed(drawing)
    if drawing.folded:
        assert f"folded: {3 * count} operations" in "".join(root.itertext())


def test_a_chain_is_folded_before_anything_else():
    w = mg.Tensor([0.1], requires_grad=True)
    y = w
    for _ in range(200):
        y = mg.tanh(y)
    drawing = mg.draw(y)
    assert [b.title for b in drawing.boxes] == ["w", "200 operations"]


def test_many_parameters_do_not_break_the_limit():
    weights = [mg.Tensor([float(i)], requires_grad=True) for i in range(400)]
    total = weights[0]
    for w in weights[1:]:
        total = total + w
    drawing = mg.draw(total)
    assert len(drawing.boxes) <= 150 and "left out" in drawing.folded
    well_formed(drawing)


def test_gradients_are_shown_once_they_are_there(tmp_path):
    w = mg.Tensor([3.0, 4.0], requires_grad=True)
    loss = (w * w).sum()
    assert not any("grad" in line for b in mg.draw(loss).boxes for line in b.lines)
    loss.backward(retain_graph=True)
    drawing = mg.draw(loss)
    assert any("‖grad‖ 10" in b.lines for b in drawing.boxes)
    assert drawing._repr_svg_() == drawing.save(tmp_path / "graph.svg").read_text(encoding="utf-8")


def test_steps_changes_nothing():
    w = mg.Tensor([3.0, 4.0], requires_grad=True)
    loss = (w * w).sum()
    mg.steps(loss)
    assert w.grad is None
    loss.backward()
    np.testing.assert_array_equal(w.grad, [6.0, 8.0])


def test_what_cannot_be_drawn_says_why():
    w = mg.Tensor([3.0], requires_grad=True)
    loss = (w * w).sum()
    with pytest.raises(TypeError, match="expected the tensor that was computed, got float"):
        mg.draw(1.0)
    with pytest.raises(RuntimeError, match="has no history"):
        mg.draw(mg.Tensor([1.0]))
    with pytest.raises(ValueError, match="only a scalar has one gradient"):
        mg.steps(w * mg.Tensor([1.0, 2.0]))
    loss.backward()
    with pytest.raises(RuntimeError, match="retain_graph=True"):
        mg.draw(loss)
