"""Writes a table, a list of rows of strings with the heading first, as text and as HTML."""

_colours = {"ok": "#1a7f37", "wrong": "#cf222e", "consequence": "#9a6700", "inconclusive": "#9a6700"}


def as_text(rows, right=()):
    """The rows as lines, column under column; the columns with the numbers `right` are flush right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    sides = [">" if i in right else "<" for i in range(len(widths))]
    return [
        "  ".join(f"{c:{s}{w}}" for c, s, w in zip(row, sides, widths, strict=True)).rstrip() for row in rows
    ]


def relative(error):
    """A relative error in two digits; a dash where there is none."""
    return "–" if error is None else f"{error:.1e}"


def as_html(rows, verdicts=()):
    """The rows as a table of HTML. `verdicts`, where given, colour the last cell of each row."""
    from html import escape  # costs 5 ms to import, and only a notebook wants it

    head, *rows = [[escape(cell) for cell in row] for row in rows]
    html = ["<table><thead><tr>", *(f"<th>{title}</th>" for title in head), "</tr></thead><tbody>"]
    for number, row in enumerate(rows):
        cells = [f"<td>{cell}</td>" for cell in row]
        if verdicts:
            colour = _colours.get(verdicts[number], "inherit")
            cells[-1] = f'<td style="color:{colour};font-weight:bold">{row[-1]}</td>'
        html.append(f"<tr>{''.join(cells)}</tr>")
    return "".join([*html, "</tbody></table>"])
