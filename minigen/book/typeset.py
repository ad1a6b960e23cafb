"""From the Unicode mathematics of a docstring to HTML, and from LaTeX to MathML.

The docstring stays as a terminal shows it. x_n, W₁ and h_(k+1) get subscripts, xᵀ, e^(v/2) and σ²
superscripts, and a letter that stands for a quantity is set in italics, functions such as tanh are not.
"""

import re
import unicodedata
from html import escape

from latex2mathml.converter import convert
from markupsafe import Markup
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from minigen.book.derivation import defined

LETTER = "A-Za-zα-ωΑ-Ωℓ"
HAT = "\u0300-\u036f"
MATHS = re.compile(
    rf"(?P<code>\b[a-z]{{3,}}(?:_[a-z0-9]{{3,}})+\b)|(?P<number>\d+e-\d+)"
    rf"|(?P<word>[{LETTER}](?:[{HAT}]|[{LETTER}{HAT}])*)"
    rf"|(?P<index>(?<=[{LETTER}])[0-9](?![0-9A-Za-z]|\.\d))|(?P<small>[₀-₉₊₋]+)|(?P<high>[⁰¹²³⁴-⁹⁺⁻ᵀᵛˢˡˣⁿ]+)"
    rf"|_\((?P<in1>[^()]*)\)|_(?P<in2>[A-Za-z0-9α-ωℓ*]+)"
    rf"|\^\((?P<up1>[^()]*(?:\([^()]*\)[^()]*)*)\)|\^(?P<up2>[-−]?[\w]+)"
)
FUNCTIONS = {
    "tanh", "sinh", "cosh", "log", "exp", "softplus", "sigmoid", "relu", "leaky", "max", "min",
    "sign", "else", "where", "for", "of", "KL", "with", "Σ", "in", "frame", "zeros", "without",
    "the", "at", "flat", "conv", "dense", "norm", "picture", "back", "argmax", "onehot", "lse",
}  # fmt: skip


def _formula(text):
    out, end = [], 0
    text = unicodedata.normalize("NFD", text)
    for found in MATHS.finditer(text):
        out.append(escape(text[end : found.start()], quote=False))
        out.append(_token(found))
        end = found.end()
    html = "".join(out) + escape(text[end:], quote=False)
    html = html.replace("</sub><sub>", ",")  # δ₂_n has two indices, and not one with two letters
    return html.replace("''", "″").replace("'", "′")


def _token(found):
    kind, token = found.lastgroup, found[found.lastgroup]
    if kind == "code":
        return f"<code>{token}</code>"
    if kind == "number":
        mantissa, _, power = token.partition("e-")
        return f"{mantissa}e−{power}"
    if kind == "word":
        a_quantity = token == "a" and found.string[found.end() : found.end() + 1] in ("_", ")")
        return "<i>a</i>" if a_quantity else unicodedata.normalize("NFC", _word(token))
    if kind == "index":  # W1 is W₁
        return f"<sub>{token}</sub>"
    if kind == "small":
        return f"<sub>{unicodedata.normalize('NFKD', token)}</sub>"
    if kind == "high":
        plain = unicodedata.normalize("NFKD", token).replace("T", "⊤")
        return f"<sup>{plain}</sup>"
    if kind == "in2" and re.fullmatch("[a-z]{2,3}", token):  # Σ_nuv has three indices
        return f"<sub><i>{token}</i></sub>"
    return f"<sub>{_formula(token)}</sub>" if kind.startswith("in") else f"<sup>{_formula(token)}</sup>"


def _word(token):
    letters = [c for c in token if not unicodedata.combining(c)]
    if token in FUNCTIONS or (len(letters) > 2 and token[0] not in "gδd") or len(letters) > 3:
        return escape(token)
    if token in ("a", "at", "as", "is", "in", "of", "or", "to", "so", "it", "by"):
        return token
    return f"<i>{escape(token)}</i>"


PROSE = re.compile(
    r"`([^`]+)`|([₀-₉]+)|([⁰¹²³⁴-⁹⁺⁻ᵀᵛˢˡˣⁿ]+)|(?<=[\wα-ω\u0302])_(\w{1,2})\b|(?<=\b[bchVW])([1-9])(?![0-9A-Za-z])"
    r"|\^([-−]?\w+)|(?:(?<=[α-ωℓ])|(?<=anh)|(?<=lus))('+)"
)


def prose(text):
    """A sentence as HTML: `code`, sub- and superscripts; letters stay upright."""

    def token(found):
        code, small, high, below, index, above, primes = found.groups()
        if code:
            return f"<code>{code}</code>"
        if primes:
            return "′″"[len(primes) - 1 : len(primes)]
        if small or below or index:
            return f"<sub>{unicodedata.normalize('NFKD', small or below or index)}</sub>"
        if above:
            return f"<sup>{prose(above)}</sup>"
        plain = unicodedata.normalize("NFKD", high)
        return f"<sup>{plain.replace('T', '⊤')}</sup>"

    return Markup(PROSE.sub(token, escape(text, quote=False)))


def is_formula(text):
    """Whether a piece of a docstring is set as a formula, and not as prose."""
    text = text.strip()
    if text.startswith(("= ", "back of ")) or defined(text):
        return True
    left, equals, _ = re.sub(r"\s+(\+?=)\s", r" \1 ", text).partition(" = ")
    return bool(equals) and len(left.split()) <= 2 and not text.endswith(":") and left[-1] not in ",;"


def line(text):
    """A line of a derivation: its formulas, and between or after them, quieter, shapes and remarks."""
    text = re.sub(r"(\S)\s+(\+?=)\s", r"\1 \2 ", text.strip()).replace("->", "→")
    out, before = [], ""
    for i, part in enumerate(re.split(r" {2,}", text)):
        if i == 0 and _is_sentence(part):
            kind, shown = "sentence", prose(part)
        elif i == 0 or (is_formula(part) and not _is_reason(part)):
            kind, shown = "formula", _formula(part)
        else:
            kind, shown = "note", _note(part)
        if kind == "formula" and before:
            out.append('<span class="gap"></span>')
        out.append(f'<span class="{kind}">{shown}</span>')
        before = kind
    return Markup(" ".join(out))


def _is_sentence(text):
    """Words that hold a formula: ℓ = h W2 + b2 was used twice, on both batches."""
    words = set(re.findall(r"\b[A-Za-z][a-z]{2,}\b", text)) - FUNCTIONS
    return len(words) >= 4 and bool(re.search(r"[,.:]( |$)", text))


def _is_reason(text):
    """A formula that says why: a derivative that was used, tanh′ = 1 − tanh², ∂z/∂μ = 1."""
    return bool(re.search("[′∂]", text.partition(" = ")[0])) or text.startswith("d ")


def _note(text):
    return Markup(_formula(text)) if is_formula(text) or re.match(r"^[∂\d|(]", text) else prose(text)


def paragraphs(text):
    """A docstring as HTML blocks: paragraphs, and indented lines as they stand."""
    blocks = []
    for block in re.split(r"\n\s*\n", text.strip("\n")):
        lines = block.split("\n")
        indented = [row.startswith("    ") or is_formula(row) for row in lines]
        start = 0
        for i in range(1, len(lines) + 1):
            if i == len(lines) or indented[i] != indented[start]:
                chunk = lines[start:i]
                if indented[start]:
                    blocks.append(f'<pre class="doc">{escape(chr(10).join(chunk), quote=False)}</pre>')
                else:
                    blocks.append(f"<p>{prose(' '.join(row.strip() for row in chunk))}</p>")
                start = i
    return Markup("".join(blocks))


def statement(text):
    """The statement of an exercise, Markdown with LaTeX, as HTML with MathML."""
    maths_ = []

    def keep(found):
        block = found[0].startswith("$$")
        maths_.append(convert(found[0].strip("$"), display="block" if block else "inline"))
        return f"\x00{len(maths_) - 1}\x00"

    text = re.sub(r"\$\$.+?\$\$|\$[^$]+\$", keep, text, flags=re.S)
    html = "".join(_markdown(block) for block in re.split(r"\n\s*\n", text.strip()))
    return Markup(re.sub(r"\x00(\d+)\x00", lambda m: maths_[int(m[1])], html))


def _markdown(block):
    lines = block.split("\n")
    if lines[0].startswith("|"):
        rows = [[c.strip() for c in row.strip().strip("|").split("|")] for row in lines]
        rows = [row for row in rows if set("".join(row)) - set("-: ")]
        cells = [["th"] * len(rows[0]), *[["td"] * len(row) for row in rows[1:]]]
        body = "".join(
            "<tr>" + "".join(f"<{t}>{_inline(c)}</{t}>" for t, c in zip(tags, row, strict=True)) + "</tr>"
            for tags, row in zip(cells, rows, strict=True)
        )
        return f'<div class="wide"><table>{body}</table></div>'
    if re.match(r"^([-*]|\d+\.) ", lines[0]):
        items = re.split(r"\n(?=(?:[-*]|\d+\.) )", block)
        items = [re.sub(r"^([-*]|\d+\.) ", "", item) for item in items]
        return "<ul>" + "".join(f"<li>{_inline(item)}</li>" for item in items) + "</ul>"
    return f"<p>{_inline(block)}</p>"


def _inline(text):
    text = escape(text, quote=False)
    text = re.sub(r"`([^`]+)`", r"<code>\1</code>", text)
    return re.sub(r"\*([^*\n]+)\*", r"<em>\1</em>", text)


def code_lines(source):
    """Python source as a list of highlighted lines of HTML."""
    html = highlight(source, PythonLexer(stripnl=False, ensurenl=False), HtmlFormatter(nowrap=True))
    return [Markup(row) for row in html.removesuffix("\n").split("\n")]
