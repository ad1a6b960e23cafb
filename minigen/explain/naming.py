"""What the name of a variable promises: gz, dz, d_z, grad_z, delta_z and z_grad are the gradient at z."""

import re


def last(name):
    """The last name in small letters: w in self.layer.W and in parameters["W"]; a value between has a ~."""
    return re.sub(r".*\[['\"]?(\w+)['\"]?\]", r"\1", name).rpartition(".")[2].strip("~").lower()


def promised(name):
    """The names of values whose gradient a name promises: gz -> z; dL_dz -> z; self.dW -> w; z_grad -> z.

    It is asked where a value of such a name stands in the program, and so takes more for a promise than `bases`, by
    which alone a name is taken for that of a gradient: zbar, and deltaz.
    """
    name, found = last(name), []
    for pattern in (r"(?:d[lje]_?d|grad_?|delta_?|d_?|g_?)(\w+)", r"(\w+?)_?(?:grad|bar|delta)"):
        match = re.fullmatch(pattern, name)
        if match:
            found.append(match[1].strip("_"))
    return found


def is_gradient_name(name):
    """Whether a name says that it holds a gradient: dW, gx, grad_out, delta, W_grad."""
    return bool(bases(name)) or name.lower() in _plain


_plain = (
    "g", "d", "grad", "grads", "gradient", "gradients", "delta", "error", "err", "upstream", "dout", "gout",
    "derivs",
)  # fmt: skip
_before = (
    r"^(?:d_|g_|grad_|grads_|gradient_|delta_|grad(?=[A-Z0-9]|[a-rt-z]\d*$)|delta(?=[A-Z0-9])|d(?!elta)(?=[A-Za-z])|"
    r"g(?!rad)(?=[A-Za-z])|nabla_)"
)
_after = r"(?:_grads?|_gradients?|_d|_g|_delta|Grads?|Gradients?|grads?|_bar|_derivative)$"


def bases(name):
    """The names whose gradient a name promises, in small letters: dW1 -> {w1}, weight_grad -> {weight}."""
    found = set()
    for expression in (_before, _after):
        rest = re.sub(expression, "", name)
        if rest not in (name, ""):
            found.add(rest.lower())
    match = re.match(r"^d[A-Za-z]\w*?_d(\w+)$|^d[A-Z]d([A-Za-z]\w*)$", name)  # dLoss_dW, dJdW
    if match:
        found.add((match.group(1) or match.group(2)).lower())
    return found
