"""The printed form of a model: a line for each layer, with the shapes and the count of its parameters."""


def describe(model):
    """The table behind repr(model)."""
    rows, seen, total = [], set(), 0
    for path, module in model.modules():
        name = f"{path.rpartition('.')[2]}: " if path else ""
        kind = type(module).__name__ + ("" if module.children() else f"({module.extra()})")
        own = module.own_parameters()
        count = sum(tensor.size for _, tensor in own if id(tensor) not in seen)  # a tied weight counts once
        seen |= {id(tensor) for _, tensor in own}
        total += count
        shapes = "  ".join(f"{name} {tensor.shape}" for name, tensor in own)
        indent = "  " * (path.count(".") + 1 if path else 0)
        rows.append((indent + name + kind, shapes, f"{count:,}" if own else ""))
    if len(rows) == 1:
        return "  ".join(part for part in (*rows[0][:2], f"{total:,} parameters") if part)
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = [f"{a:<{widths[0]}}  {b:<{widths[1]}}  {c:>{widths[2]}}".rstrip() for a, b, c in rows]
    return "\n".join([*lines, f"{total:,} parameters"])
