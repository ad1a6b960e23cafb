"""What the name of a variable promises: gz, dz, d_z, grad_z, delta_z and z_grad are the gradient at z."""

import re


def last(name):
    """The last name in small letters: w in self.layer.W and in parameters["W"]; a value between has a ~."""
    return re.sub(r".*\[['\"]?(\w+)['\"]?\]", r"\1", name).rpartition(".")[2].strip("~").lower()


def promised(name):
    """The names of values whose gradient a name promises: gz -> z; dL_dz -> z; self.dW -> w; z_grad -> z."""
    name, found = last(name), []
    for pattern in (r"(?:d[lje]_?d|grad_?|delta_?|d_?|g_?)(\w+)", r"(\w+?)_?(?:grad|bar|delta)"):
        match = re.fullmatch(pattern, name)
        if match:
            found.append(match[1].strip("_"))
    return found
