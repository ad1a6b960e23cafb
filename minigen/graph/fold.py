"""From a record to the boxes of a drawing: layers become one box, and a large graph becomes smaller.

Two steps make a graph smaller, each only as far as it is needed. A chain, where each operation is read by the
next one alone, becomes one box. Then neighbours in time become one box: time orders the graph, so no arrow
can turn back.
"""

from collections import Counter
from dataclasses import dataclass, field

from minigen.engine.tape import Leaf
from minigen.graph.record import norm, shape_text


@dataclass(eq=False)
class Box:
    """One box of the drawing: a title, lines under it, and the boxes that its arrows come from."""

    kind: str  # "operation", "layer", "parameter", "constant", "folded" or "root"
    title: str
    lines: list = field(default_factory=list)
    sources: list = field(default_factory=list)
    members: list = field(default_factory=list)  # the entries that lie in it


def fold(record, layers, limit):
    """(boxes from the oldest to the youngest, the sentence that says what was folded, or None)."""
    groups = _layers(record) if layers else {}
    operations = [e for e in record.entries if e.kind == "operation"]
    hidden = {id(e.thing) for e in record.entries if layers and _prefix(e)}
    clusters = _clusters(operations, groups)
    shown = [e for e in record.entries if e.kind == "parameter" and id(e.thing) not in hidden]
    shown += record.constants
    boxes, sentence = len(clusters) + len(shown), None
    if boxes > limit:
        clusters = _chains(clusters)
        room = max(limit - len(shown), limit // 2)
        if len(shown) > limit // 2:
            shown, room = [], limit
        clusters = _neighbours(clusters, room)
        sentence = (
            f"folded: {len(operations)} operations into {len(clusters)} boxes, because more than {limit} "
            "boxes are not readable; draw(loss, limit=...) changes that"
        )
        if not shown:
            sentence += "; constants and parameters are left out"
    return _boxes(record, clusters, shown, hidden), sentence


def _prefix(entry):
    """The layer that a parameter belongs to: encoder.weight -> encoder."""
    return entry.name.rpartition(".")[0] if entry.kind == "parameter" and "." in (entry.name or "") else None


def _consumers(operations):
    readers = {}
    for entry in operations:
        for source in entry.inputs:
            readers.setdefault(id(source.thing), []).append(entry)
    return readers


def _layers(record):
    """{number of an operation: number of the first operation of its layer}."""
    operations = [e for e in record.entries if e.kind == "operation"]
    readers, first = _consumers(operations), {}
    of = {e.number: {_prefix(s) for s in e.inputs} - {None} for e in operations}
    for entry in operations:
        for prefix in of[entry.number]:
            chain, here = [], entry
            while len(readers.get(id(here.thing), ())) == 1 and len(chain) < 6:
                here = readers[id(here.thing)][0]
                chain.append(here)
                if of[here.number] - {prefix}:
                    break
                if prefix in of[here.number]:
                    head = first.get(entry.number, entry.number)
                    first.update({e.number: head for e in [entry, *chain]})
                    break
    return first


def _clusters(operations, groups):
    found = {}
    for entry in operations:
        found.setdefault(groups.get(entry.number, entry.number), []).append(entry)
    return sorted(found.values(), key=lambda c: c[-1].number)


def _chains(clusters):
    """Clusters of which each is read by the next one alone become one."""
    of = {id(e.thing): i for i, c in enumerate(clusters) for e in c}
    readers, sources = {}, {}
    for i, cluster in enumerate(clusters):
        for entry in cluster:
            for source in entry.inputs:
                j = of.get(id(source.thing))
                if j is not None and j != i:
                    readers.setdefault(j, set()).add(i)
                    sources.setdefault(i, set()).add(j)
    merged, taken = [], set()
    for i in range(len(clusters)):
        if i in taken:
            continue
        chain, here = list(clusters[i]), i
        while len(readers.get(here, ())) == 1:
            (following,) = readers[here]
            if len(sources[following]) != 1:
                break
            chain += clusters[following]
            taken.add(following)
            here = following
        merged.append(chain)
    return sorted(merged, key=lambda c: c[-1].number)


def _neighbours(clusters, room):
    """At most `room` clusters: the operations in the order of time, cut into equal shares."""
    if len(clusters) <= room:
        return clusters
    entries = sorted((e for c in clusters for e in c), key=lambda e: e.number)
    share = -(-len(entries) // room)
    return [entries[i : i + share] for i in range(0, len(entries), share)]


def _boxes(record, clusters, shown, hidden):
    made = {id(entry.thing): _source_box(entry) for entry in shown}
    boxes = list(made.values())
    for cluster in clusters:
        box = _operation_box(record, cluster, hidden)
        for entry in cluster:
            for source in entry.inputs:
                origin = made.get(id(source.thing))
                if origin is not None and origin not in box.sources:
                    box.sources.append(origin)
        boxes.append(box)
        made.update({id(e.thing): box for e in cluster})
    return boxes


def _source_box(entry):
    lines = [shape_text(entry.shape), *_gradient(entry)]
    return Box(entry.kind, entry.label, lines, members=[entry])


def _gradient(entry):
    if type(entry.thing) is Leaf and entry.thing.grad is not None:
        return [f"‖grad‖ {norm(entry.thing.grad):.3g}"]
    return []


def _operation_box(record, cluster, hidden):
    last = cluster[-1]
    parameters = {id(s.thing): s for e in cluster for s in e.inputs if id(s.thing) in hidden}.values()
    prefixes = list(dict.fromkeys(_prefix(s) for s in parameters))
    names = [e.name for e in cluster if e.name]
    box = Box("operation", last.op, members=list(cluster))
    if len(cluster) > 1 and len(prefixes) != 1:
        box.kind, box.title = "folded", f"{len(cluster)} operations"
        box.lines.append(", ".join(f"{op} ×{n}" if n > 1 else op for op, n in _counted(cluster)))
    elif prefixes:
        box.kind, box.title = "layer", prefixes[0]
        box.lines.append(", ".join(dict.fromkeys(e.op for e in cluster)))
    elif last.settings():
        box.lines.append(last.settings())
    if len(cluster) > 1 and len(prefixes) > 1:
        box.lines.append(f"{len(prefixes)} layers: {', '.join(prefixes[:3])}" + " …" * (len(prefixes) > 3))
    else:
        for source in parameters:
            short = source.name.rpartition(".")[2]
            box.lines.append(", ".join([f"{short} {shape_text(source.shape)}", *_gradient(source)]))
    box.lines.append(f"→ {names[-1] + ' ' if names else ''}{shape_text(last.shape)}")
    if last.thing is record.root:
        box.kind = "root"
    return box


def _counted(cluster):
    counts = Counter(e.op for e in cluster).most_common(3)
    rest = len({e.op for e in cluster}) - len(counts)
    return [*counts, ("…", 1)] if rest > 0 else counts
