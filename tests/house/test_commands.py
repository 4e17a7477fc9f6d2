"""Every command that danlu prints, on the page, in its errors and in its documents, is one that the command line takes."""

import ast
import re
import shlex
from pathlib import Path

import click
import pytest

from danlu.cli.main import COMMANDS, danlu

ROOT = Path(__file__).resolve().parents[2]
WRITTEN = re.compile(rf"danlu (?:{'|'.join(COMMANDS)})(?: [^\n]*)?")
"""A command and what follows it on its line; ``_cut`` says where it ends."""

STARTS = re.compile(r"--?[a-z]|[A-Z][A-Z]+$|[\w.{}~-]*[./:][\w./:{}<>~-]+|_X_|\.\.\.|\$")
"""How the first argument of a command looks; what else follows the word is prose: danlu run is told nothing."""

ENDS = re.compile("\\s+#|[`\u201c\u201d\uff0c\u3002\uff1b]|</code>| \\(|; | or |, | and then |\\s&&\\s")
"""What ends a command: a comment, a quotation's end, the rest of a sentence."""

PROSE = {"is", "has", "says", "shows", "removes", "waits", "as", "to", "and", "here", "on"}

RUNNABLE = re.compile(r"[\w./-]+:\w+$|.*\.ya?ml$|.*\.toml$|_X_.*")


def _cut(text):
    """A command without the prose that follows it, as words; [] where it is none."""
    text = re.sub(r"""(?<=[\s=])(?:"[^"]*"|'[^']*')(?=[\s,.]|$)""", "_X_", text)
    text = ENDS.split(text)[0]
    if text.count('"') % 2:
        text = text[: text.rindex('"')]
    words = []
    for word in text.split()[2:]:
        if not words and not STARTS.match(word):
            return []
        if words and word in PROSE:
            break
        bare = word if word.endswith("...") else word.rstrip(".,;:)'")
        words.append(bare)
        if bare != word:
            break
    return words


def _constants(path):
    """Texts of a module that are no docstrings, with _X_ where an f-string has a value."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    joined = [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)]
    inside = {id(each) for node in joined for each in ast.walk(node) if each is not node}
    for node in ast.walk(tree):
        if id(node) in docs or id(node) in inside:
            continue
        if isinstance(node, ast.JoinedStr):
            yield (
                node.lineno,
                "".join(part.value if isinstance(part, ast.Constant) else "_X_" for part in node.values),
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def _texts():
    """Every place where a command may be printed, with what stands there; wrapped help and continued lines are one."""
    for path in sorted((ROOT / "src/danlu").rglob("*.py")):
        yield from ((f"{path.relative_to(ROOT)}:{line}", text) for line, text in _constants(path))
    for path in sorted((ROOT / "src/danlu/dashboard/static").glob("*.js")):
        for line, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            yield f"{path.relative_to(ROOT)}:{line}", re.sub(r"\$\{[^}]*\}", "_X_", text)
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        text = re.sub(r"\\\n\s*", " ", path.read_text(encoding="utf-8"))
        if path.name == "cli.md":  # generated, wrapped at 100 characters
            text = re.sub(r"\n {2,}(?=\S)", " ", text)
        for line, each in enumerate(text.splitlines(), 1):
            yield f"{path.relative_to(ROOT)}:{line}", each


def _commands():
    for place, text in _texts():
        for found in WRITTEN.finditer(text):
            words = _cut(found[0])
            if words:
                yield place, found[0].split()[1], words


FOUND = list(_commands())


def _parse(name, words):
    """Have the real parser read a command, without running it; ``...`` stands for what a reader fills in."""
    whole = click.Context(
        danlu, **danlu.context_settings
    )  # a command keeps the options for help that it first had
    command, line = danlu.get_command(whole, name), " ".join(words)
    said = shlex.split(line.replace("'", "") if line.count("'") % 2 else line)
    partial = any("..." in word for word in said)
    said = ["1" if word == "N" else word for word in said if word != "..."]
    try:
        command.make_context(name, list(said), parent=whole)
    except click.MissingParameter:
        if not partial:
            raise
    except click.BadParameter as error:
        if "does not exist" not in error.message:  # the reader's own file
            raise
    return said


@pytest.mark.parametrize("at", range(len(FOUND)), ids=[f"{place} {name}" for place, name, _ in FOUND])
def test_a_printed_command_is_one_that_is_taken(at):
    place, name, words = FOUND[at]
    said = _parse(name, words)
    tunes = any(each.startswith(("--tune", "--edit")) for each in said) or "--" in said
    if name == "run" and not said[0].startswith("-") and not tunes:
        assert RUNNABLE.match(said[0]), (
            f"{place}: danlu run needs FILE.py:FUNCTION, --tune, or a sweep's file"
        )


def test_commands_are_found_where_they_are_printed():
    """On the page, in errors, in findings and in documents; and a wrong one is refused."""
    places = " ".join(place for place, _, _ in FOUND)
    for room in ("static/studies.js", "analysis/english.py", "cli/live.py", "README.md", "docs/how-to.md"):
        assert room in places, room
    assert len(FOUND) > 60
    with pytest.raises(click.UsageError):
        _parse("show", ["--why"])
    with pytest.raises(click.UsageError):
        _parse("steer", ["STORE", "halt"])
