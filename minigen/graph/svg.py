"""A drawing as SVG text: nothing is loaded, and the colours follow the page that shows it, if it has any."""

from html import escape
from pathlib import Path

from minigen.graph.layout import LINE, PAD, layout

STYLE = (
    ".minigen-graph{font:12px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace}"
    ".minigen-graph .page{fill:var(--paper,#fffdf8)}"
    ".minigen-graph text{fill:var(--ink,#22252a)}.minigen-graph .when{font-size:10px}"
    ".minigen-graph .dim,.minigen-graph .when{fill:var(--quiet,#5b616b)}"
    ".minigen-graph rect.box{fill:var(--card,#fff);stroke:var(--wire,#9aa1ac);stroke-width:1}"
    ".minigen-graph .layer rect.box{stroke:var(--blue,#2a5d9f);stroke-width:1.5}"
    ".minigen-graph .parameter rect.box{stroke:var(--blue,#2a5d9f);stroke-dasharray:none}"
    ".minigen-graph .constant rect.box{stroke-dasharray:4 3}"
    ".minigen-graph .folded rect.box{stroke-width:3;stroke:var(--wire,#9aa1ac)}"
    ".minigen-graph .root rect.box{stroke:var(--ink,#22252a);stroke-width:2}"
    ".minigen-graph path{fill:none;stroke:var(--wire,#9aa1ac);stroke-width:1.2}"
)


class Drawing:
    """A graph as boxes and arrows. `svg` is the text, `save(path)` writes it, a notebook shows it; `folded`
    is a sentence or None. The small number above a box is the tick of its operation, as in `minigen.steps`.
    """

    def __init__(self, boxes, folded=None):
        self.boxes, self.folded = boxes, folded

    @property
    def svg(self):
        places, arrows, width, height = layout(self.boxes)
        top = 22 if self.folded else 0
        width = max(width, 2 * PAD + 6.6 * len(self.folded or ""))
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" class="minigen-graph" width="{width:.0f}" '
            f'height="{height + top:.0f}" viewBox="0 {-top} {width:.0f} {height + top:.0f}" '
            f'role="img"><title>{escape(self._says())}</title>'
            f"<style>{STYLE}</style>",
            f'<rect class="page" y="{-top}" width="{width:.0f}" height="{height + top:.0f}"/>',
        ]
        if self.folded:
            parts.append(f'<text class="dim" x="{PAD}" y="-4">{escape(self.folded)}</text>')
        parts += [_path(arrow) for arrow in arrows]
        parts += [self._box(place) for place in places]
        return "".join(parts) + "</svg>"

    def _box(self, place):
        box, left = place.box, place.x - place.width / 2
        own = [e.number for e in box.members if e.kind == "operation"]
        numbers = " ".join(map(str, own))
        lines = [(box.title, ""), *((line, ' class="dim"') for line in box.lines)]
        texts = "".join(
            f'<text{dim} x="{place.x:.1f}" y="{place.y + PAD + 8 + LINE * i:.1f}" '
            f'text-anchor="middle">{escape(line)}</text>'
            for i, (line, dim) in enumerate(lines)
        )
        if own:
            when = f"{min(own)}" if len(own) == 1 else f"{min(own)}–{max(own)}"
            texts += f'<text class="when" x="{left + 2:.1f}" y="{place.y - 4:.1f}">{when}</text>'
        return (
            f'<g class="{box.kind}" data-ticks="{numbers}"><rect class="box" x="{left:.1f}" '
            f'y="{place.y:.1f}" width="{place.width:.1f}" height="{place.height:.1f}" rx="5"/>{texts}</g>'
        )

    def _says(self):
        """For those who do not see the drawing."""
        operations = sum(e.kind == "operation" for b in self.boxes for e in b.members)
        last = self.boxes[-1].lines[-1].removeprefix("→ ")
        titles = [b.title for b in self.boxes if b.kind == "layer"]
        layers = f", through the layers {', '.join(dict.fromkeys(titles))}" if titles else ""
        return f"The graph of a tensor ({last}): {operations} operations in {len(self.boxes)} boxes{layers}"

    def save(self, path):
        """Write the SVG to a file. Returns its path."""
        path = Path(path)
        path.write_text(self.svg, encoding="utf-8")
        return path

    def _repr_svg_(self):
        return self.svg

    def __repr__(self):
        return f'{self._says()}{"; " + self.folded if self.folded else ""}. Write it with .save("graph.svg")'


def _path(arrow):
    """From the lower edge of the source through the bends to the upper edge of the target, with a head."""
    first, last = arrow[0], arrow[-1]
    points = [(first.x, first.y + first.height), *((p.x, p.y) for p in arrow[1:-1]), (last.x, last.y)]
    d = f"M{points[0][0]:.1f} {points[0][1]:.1f}"
    for (x0, y0), (x1, y1) in zip(points, points[1:], strict=False):
        middle = (y0 + y1) / 2
        d += f"C{x0:.1f} {middle:.1f} {x1:.1f} {middle:.1f} {x1:.1f} {y1:.1f}"
    x, y = points[-1]
    return f'<path d="{d}M{x - 3.5:.1f} {y - 6:.1f}L{x:.1f} {y:.1f}L{x + 3.5:.1f} {y - 6:.1f}"/>'
