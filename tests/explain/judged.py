"""Small programs as files, judged; and the line of a program in which a part of it stands."""

from minigen.explain import file


def checked(folder, text, seconds=0.2):
    path = folder / "program.py"
    path.write_text(text)
    return file.check(path, seconds=seconds)


def assert_right(folder, text):
    """A right program is called right; else what is said instead."""
    said = checked(folder, text)
    assert said.verdict == "ok", (said.problem, [e.certain for e in said.explanations])


def is_told(folder, text, before, after):
    """Whether a mistake, `after` for `before`, is seen and found in the line in which it was made."""
    assert text.count(before) == 1
    said = checked(folder, text.replace(before, after), seconds=20)
    line = text[: text.index(before)].count("\n") + 1
    return said.verdict == "wrong" and line in {f.line for e in said.explanations for f in e.findings}
