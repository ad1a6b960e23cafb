r"""Writes the formulas of a statement in Unicode, for a terminal: `$\hat x_n^2$` becomes `x̂ₙ²`.

A statement is Markdown with LaTeX, as a notebook shows it. Only the part of LaTeX that statements
use is known here; another command is an error, which `minigen exercise verify` reports.
Indices are written as small letters (xₙ) where Unicode has every letter that the statement needs,
and otherwise all of them as x_n.
"""

import re
import textwrap

_SYMBOLS = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ϵ", "varepsilon": "ε", "eta": "η",
    "theta": "θ", "kappa": "κ", "lambda": "λ", "mu": "μ", "nu": "ν", "pi": "π", "rho": "ρ", "sigma": "σ",
    "tau": "τ", "phi": "ϕ", "varphi": "φ", "psi": "ψ", "omega": "ω", "ell": "ℓ", "Sigma": "Σ", "Phi": "Φ",
    "sum": "∑", "prod": "∏", "partial": "∂\x03", "nabla": "∇", "infty": "∞", "odot": "⊙", "cdot": "·",
    "times": "×", "le": "≤", "ge": "≥", "ne": "≠", "approx": "≈", "in": "∈", "to": "→", "mid": "|",
    "lVert": "‖\x03", "rVert": "\x03‖", "lvert": "|\x03", "rvert": "\x03|", "top": "⊤", "dots": "…",
    ",": " ", ";": " ", " ": " ", "{": "{", "}": "}",
}  # fmt: skip
_FUNCTIONS = {"log", "exp", "tanh", "sin", "cos", "max", "min", "softmax"}
_ACCENTS = {"hat": "\u0302", "tilde": "\u0303", "bar": "\u0304", "dot": "\u0307"}
_WORDS = {"text", "mathrm", "mathrel"}
_GAP, _LINE = "\x01", "\x02"  # between formulas that stand side by side, and one below the other
_TIGHT = re.compile(" *\x03 *")  # where a symbol touches its neighbour
_BELOW = dict(zip("0123456789+-=aehijklmnoprstuvxβγρφχ", "₀₁₂₃₄₅₆₇₈₉₊₋₌ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓᵦᵧᵨᵩᵪ", strict=True))
_ABOVE = dict(
    zip("0123456789+-abcdefghijklmnoprstuvwxyz⊤", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻᵀ", strict=True)
)
_HALVES = {("1", "2"): "½", ("1", "4"): "¼", ("3", "4"): "¾"}
_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|\s+|.", re.DOTALL)
_MATH = re.compile(r"\$\$(.+?)\$\$|\$(.+?)\$", re.DOTALL)


def in_unicode(text, width):
    """A text with its `$` formulas as plain text, those between `$$` on own lines at most `width` wide."""
    formulas = [a or b for a, b in _MATH.findall(text)]
    small = all(_Formula(f, True).all_small for f in formulas)
    out, end = [], 0
    for found in _MATH.finditer(text):
        before, formula = text[end : found.start()], _Formula(found[1] or found[2], small).text
        end = found.end()
        if found[1] is None:
            out += [before, re.sub(f"\\s*[{_GAP}{_LINE}]\\s*", "  ", formula)]
            continue
        out += [before.rstrip("\n"), "\n", *(f"    {line}\n" for line in _lines(formula, width - 4))]
        end += text[end:].startswith("\n")
    return "".join([*out, text[end:]])


def _lines(formula, width):
    """A formula on lines that fit: side by side what has room, and a long one broken at a space."""
    lines = []
    for row in formula.split(_LINE):
        line = ""
        for part in filter(None, (p.strip() for p in row.split(_GAP))):
            if line and len(line) + 3 + len(part) > width:
                lines.append(line)
                line = ""
            line += ("   " if line else "") + part
        lines.append(line)
    return [broken for line in lines for broken in _broken(line, width)]


def _broken(line, width):
    """A line that is too long, broken before a + or - where that is enough."""
    if len(line) <= width:
        return [line]
    wrap = {"break_long_words": False, "break_on_hyphens": False, "subsequent_indent": "    "}
    kept = re.sub(r" (?![-+=] )", "\xa0", line)
    lines = [x.replace("\xa0", " ") for x in textwrap.wrap(kept, width, **wrap)]
    return lines if all(len(x) <= width for x in lines) else textwrap.wrap(line, width, **wrap)


class _Formula:
    """One formula, read from left to right."""

    def __init__(self, latex, small):
        self.latex, self.small, self.all_small = latex, small, True
        self.tokens, self.at = _TOKEN.findall(latex), 0
        text = _TIGHT.sub("", re.sub(r" +", " ", self._row(()))).replace("′′", "″")
        text = re.sub(r"([(\[]) +", r"\1", re.sub(r" +([)\],.])", r"\1", text))
        self.text = re.sub(r"(\^\([^()]*\))(?=\w)", r"\1 ", text).strip()

    def _next(self):
        if self.at >= len(self.tokens):
            raise ValueError(f"a formula ends too early: {self.latex.strip()}")
        self.at += 1
        return self.tokens[self.at - 1]

    def _peek(self):
        """The next token that is no space; "" at the end."""
        return next((t for t in self.tokens[self.at :] if not t.isspace()), "")

    def _row(self, ends):
        """Everything up to one of the tokens `ends`, which is taken too."""
        out = ""
        while self.at < len(self.tokens):
            token = self._next()
            if token in ends:
                return out
            out += self._piece(token, out)
        if ends:
            raise ValueError(f"{ends[0]} is missing in the formula {self.latex.strip()}")
        return out

    def _argument(self):
        """What a command takes: a group, or one token."""
        token = self._next()
        while token.isspace():
            token = self._next()
        return self._row(("}",)) if token == "{" else self._piece(token, "")

    def _piece(self, token, before):
        if token.isspace():
            return " "
        if token == "{":
            return self._row(("}",))
        if token in "^_":
            return self._script(token)
        if token == "'":
            return "′"
        if not token.startswith("\\"):
            return token
        name = token[1:]
        if name in ("quad", "qquad"):
            return _GAP
        if name == "\\":
            return _LINE
        if name in ("frac", "tfrac"):
            return self._fraction(before)
        if name == "sqrt":
            return f"√({self._argument().strip()})"
        if name in _ACCENTS:
            letter = self._argument().strip()
            return letter[0] + _ACCENTS[name] + letter[1:]
        if name in _WORDS:
            return self._argument()
        if name == "begin":
            return self._environment()
        if name in _FUNCTIONS:
            follows = self.tokens[self.at] if self.at < len(self.tokens) else " "
            return name + ("" if follows in "(' _^" or follows.isspace() else " ")
        if name in _SYMBOLS:
            return _SYMBOLS[name]
        raise ValueError(f"{token} is not known in the formula {self.latex.strip()}")

    def _script(self, token):
        """An index or an exponent."""
        word = self._peek() == "{" and self.tokens[self.at : self.at + 2][-1:] == ["\\text"]
        inside = _TIGHT.sub("", re.sub(r" +", " ", self._argument())).strip()
        letters = _ABOVE if token == "^" else _BELOW
        can = all(c in letters for c in inside) and not word
        if token == "^":
            bare = f"^{inside}" if len(inside) == 1 else f"^({inside})"
            return "".join(letters[c] for c in inside) if can else bare
        if "=" in inside and self._peek() == "^":  # a sum from here to there
            self._next()
            return f"[{inside}…{self._argument().strip()}]"
        if not inside.isdigit() and inside.isalnum() and not word:
            self.all_small = self.all_small and can
            can = can and self.small
        if can and inside.isalnum():
            return "".join(letters[c] for c in inside)
        return f"_{inside}" if inside.isalnum() else "[" + re.sub(r",(?=\S)", ", ", inside) + "]"

    def _fraction(self, before):
        above, below = (_TIGHT.sub("", self._argument()).strip() for _ in range(2))
        if (above, below) in _HALVES:
            return _HALVES[above, below]
        text = "/".join(f"({x})" if re.search(r"[ +\-⊙]", x) else x for x in (above, below))
        follows = self._peek()
        alone = follows in ("", ",", ".", "+", "-", "=", ")", "}", "\\quad", "\\qquad", "\\;", "\\,")
        return text if alone and not re.search("[a-z]{3} ?$", before) else f"({text})"

    def _environment(self):
        name = self._argument()
        rest = self.tokens[self.at :]
        inside = rest[: rest.index("\\end")] if "\\end" in rest else rest
        self.at += len(inside) + ("\\end" in rest)
        inside = "".join(inside)
        if self._argument() != name or name not in ("cases", "aligned"):
            raise ValueError(f"\\begin{{{name}}} is not known in the formula {self.latex.strip()}")
        if name == "aligned":
            return self._part(inside.replace("&=", "=").replace("&", r"\quad "))
        rows = [row.split("&") for row in inside.split("\\\\")]
        cases = [(self._part(value).strip(), self._part(when).strip()) for value, when in rows]
        text = "; ".join(f"{v} {w}" if w.startswith("otherwise") else f"{v} if {w}" for v, w in cases)
        return "{ " + text.rstrip(",") + " }" + "," * text.endswith(",")

    def _part(self, latex):
        part = _Formula(latex, self.small)
        self.all_small = self.all_small and part.all_small
        return part.text
