"""Where the boxes of a drawing stand: in rows, the inputs at the top, the loss at the bottom, few crossings.

A box stands one row below the lowest box that it reads; an arrow over several rows bends around the boxes
there. Within a row the boxes are sorted by the middle of their neighbours, up and down a few times (Sugiyama,
Tagawa and Toda 1981).
"""

from dataclasses import dataclass, field

GAP, ROW = 22, 44  # between neighbours of a row, and between rows
LETTER, LINE, PAD = 7.0, 16, 10


@dataclass(eq=False)
class Place:
    """A box in the drawing, or, where `box` is None, a bend of an arrow."""

    box: object
    row: int
    width: float
    height: float
    above: list = field(default_factory=list)
    below: list = field(default_factory=list)
    x: float = 0.0  # of the middle
    y: float = 0.0  # of the upper edge


def layout(boxes):
    """(places, arrows as lists of places from source to target, width, height)."""
    places = {id(b): Place(b, 0, *_size(b)) for b in boxes}
    for box in boxes:
        if box.sources:
            places[id(box)].row = 1 + max(places[id(s)].row for s in box.sources)
    _lower_sources(boxes, places)
    rows = {}
    for place in places.values():
        rows.setdefault(place.row, []).append(place)
    arrows = [_arrow(places[id(s)], places[id(b)], rows) for b in boxes for s in b.sources]
    rows = [rows[r] for r in sorted(rows)]
    _sort(rows)
    width = _spread(rows)
    y = PAD
    for row in rows:
        tallest = max(p.height for p in row)
        for place in row:
            place.y = y + (tallest - place.height) / 2
        y += tallest + ROW
    return [p for row in rows for p in row if p.box], arrows, width, y - ROW + PAD


def _size(box):
    texts = [box.title, *box.lines]
    return max(60, 2 * PAD + LETTER * max(map(len, texts))), 2 * PAD - 4 + LINE * len(texts)


def _lower_sources(boxes, places):
    """What reads nothing stands right above its first reader."""
    readers = {}
    for box in boxes:
        for source in box.sources:
            readers.setdefault(id(source), []).append(places[id(box)].row)
    for box in boxes:
        if not box.sources and id(box) in readers:
            places[id(box)].row = min(readers[id(box)]) - 1


def _arrow(source, target, rows):
    path = [source]
    for row in range(source.row + 1, target.row):
        bend = Place(None, row, 8, 0)
        rows.setdefault(row, []).append(bend)
        path.append(bend)
    path.append(target)
    for upper, lower in zip(path, path[1:], strict=False):
        upper.below.append(lower)
        lower.above.append(upper)
    return path


def _sort(rows, rounds=8):
    for _ in range(rounds):
        for direction, neighbours in ((rows[1:], "above"), (rows[-2::-1], "below")):
            for row in direction:
                _index(rows)
                row.sort(key=lambda p: _middle([q.x for q in getattr(p, neighbours)], p.x))
    _index(rows)


def _index(rows):
    for row in rows:
        for i, place in enumerate(row):
            place.x = i


def _middle(values, otherwise):
    return sum(values) / len(values) if values else otherwise


def _spread(rows, rounds=12):
    """Give every place its x, near the middle of its neighbours, without overlap. Returns the whole width."""
    for row in rows:
        x = 0.0
        for place in row:
            place.x = x + place.width / 2
            x += place.width + GAP
    for turn in range(rounds):
        for row in rows if turn % 2 else rows[::-1]:
            wanted = [_middle([q.x for q in p.above + p.below], p.x) for p in row]
            _without_overlap(row, wanted)
    left = min(p.x - p.width / 2 for row in rows for p in row)
    for row in rows:
        for place in row:
            place.x += PAD - left
    return max(p.x + p.width / 2 for row in rows for p in row) + PAD


def _without_overlap(row, wanted):
    """Neighbours that overlap become a block, which stands where its members want to be on average."""
    blocks = []  # [wanted position minus offset on average, count, members with their offsets]
    for place, x in zip(row, wanted, strict=True):
        blocks.append([x, 1, [(place, 0.0)]])
        while len(blocks) > 1 and _edge(blocks[-2]) + GAP > blocks[-1][0] - blocks[-1][2][0][0].width / 2:
            _join(blocks)
    for x, _, members in blocks:
        for place, offset in members:
            place.x = x + offset


def _edge(block):
    place, offset = block[2][-1]
    return block[0] + offset + place.width / 2


def _join(blocks):
    right, left = blocks.pop(), blocks[-1]
    shift = _edge(left) - left[0] + GAP + right[2][0][0].width / 2
    left[0] = (left[0] * left[1] + (right[0] - shift) * right[1]) / (left[1] + right[1])
    left[1] += right[1]
    left[2] += [(place, offset + shift) for place, offset in right[2]]
