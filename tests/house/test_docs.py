"""Documents cannot lie: their code runs, their references are current, every public name is in them."""

import importlib
import inspect
import pkgutil
import re
import sys

import pytest
from places import ROOT

import danlu

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_code_on_a_page_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert blocks or page.name in {
        "api.md",
        "cli.md",
        "deep.md",
        "fidelity.md",
        "reliability.md",
        "programs.md",  # tests/programs/test_recipes.py runs it
        "search.md",
        "glossary.md",
    }  # these are written by scripts, or have words alone
    names = {"__name__": "page"}
    for block in blocks:
        exec(compile(block, str(page), "exec"), names)


def test_the_readme_example_is_twelve_lines_and_resumes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    block = re.search(
        r"^```python\n(.*?)^```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL | re.MULTILINE
    )[1]
    assert len([line for line in block.splitlines() if line.strip()]) <= 12
    results = []
    for _ in range(2):
        names = {"__name__": "page"}
        exec(compile(block, "README.md", "exec"), names)
        results.append([trial.params for trial in names["result"].trials])
    assert results[0] == results[1]
    assert len(results[0]) == 30


def test_the_command_line_reference_is_current():
    sys.path.insert(0, str(ROOT / "docs"))
    try:
        reference = importlib.import_module("reference").reference()
    finally:
        sys.path.pop(0)
    assert (ROOT / "docs/cli.md").read_text("utf-8") == reference, "run make docs"


def test_every_public_name_exists_and_is_explained():
    words = " ".join(
        page.read_text("utf-8") for page in [*PAGES, ROOT / "ARCHITECTURE.md", ROOT / "CHANGELOG.md"]
    )
    for name in danlu.__all__:
        thing = getattr(danlu, name)
        if name == "__version__":
            continue
        assert inspect.getdoc(thing), f"{name} has no docstring"
    for name in (
        "tune",
        "open_study",
        "Float",
        "Int",
        "Choice",
        "Switch",
        "Space",
        "Grid",
        "Random",
        "Patience",
        "Diverged",
        "Both",
    ):
        assert re.search(rf"\b{name}\b", words), f"{name} is on no page"
    with pytest.raises(AttributeError, match="danlu has no nonsense"):
        danlu.nonsense  # noqa: B018
    assert set(dir(danlu)) == set(danlu.__all__) - {"__version__"}


def test_the_table_of_names_is_true():
    from danlu.base import names

    for table in (names.SAMPLERS, names.SCHEDULERS, names.ENGINES, names.STORES, names.VIEWS):
        for name in table:
            assert inspect.getdoc(names.find(table, "part", name))


def test_every_module_says_what_it_is_for():
    for module in pkgutil.walk_packages(danlu.__path__, "danlu."):
        if not module.name.endswith("__main__"):
            assert inspect.getdoc(importlib.import_module(module.name)), module.name


def test_errors_are_ours_and_the_builtins():
    from danlu import errors

    for name, error in inspect.getmembers(errors, inspect.isclass):
        if name in ("DanluError", "TrialExit", "Any") or error.__module__ != errors.__name__:
            continue
        assert name in errors.__doc__, f"{name} is not in the drawn tree"
        if issubclass(error, errors.TrialExit | KeyboardInterrupt):
            assert not issubclass(error, Exception)
        else:
            assert issubclass(error, errors.DanluError)
            assert len(error.__mro__) > error.__mro__.index(errors.DanluError) + 3


DECISIONS = ROOT / "docs/decisions"
PLACES = (ROOT, ROOT / "src/danlu", ROOT / "tests")


def decisions():
    return sorted(DECISIONS.iterdir())


def named(text):
    """What a page names in backticks: (file, test) for a test, (file, "") for any other file of the repository."""
    for words in re.findall(r"`([^`]+)`", text):
        for file, test in re.findall(r"\b(test_\w+)(?:\.py)?::(test_\w+)", words):
            yield f"{file}.py", test
        for file in re.findall(r"[\w./-]+\.(?:py|md|sql|json)\b", words):
            yield file, ""


def missing(text):
    """Those of them that do not exist."""
    gone = []
    for file, test in named(text):
        paths = [place / file for place in PLACES if (place / file).is_file()]
        paths += [*(ROOT / "tests").glob(f"*/{file}")]
        if not paths or (test and f"\ndef {test}(" not in paths[0].read_text("utf-8")):
            gone.append(f"{file}::{test}" if test else file)
    return gone


def test_decisions_are_numbered_without_gaps():
    assert len(decisions()) >= 22
    for number, page in enumerate(decisions(), 1):
        assert re.fullmatch(rf"{number:04d}-[a-z0-9-]+\.md", page.name), page.name
        assert page.read_text("utf-8").startswith(f"# {number}. "), page.name


@pytest.mark.parametrize("page", decisions(), ids=lambda page: page.name)
def test_a_decision_has_its_five_parts_and_what_it_names_exists(page):
    text = page.read_text("utf-8")
    _, status, *parts = re.split(r"\n\n(?=Status: |## )", text)
    assert re.match(r"Status: \S", status)
    assert [part.split("\n", 1)[0] for part in parts] == [
        "## Context", "## Decision", "## Evidence", "## Consequences",
    ]  # fmt: skip
    assert all(part.split("\n", 1)[1].strip() for part in parts)
    assert not missing(text)
    assert any("test" in file for file, _ in named(parts[2])), "its evidence names no test"


def test_a_file_or_test_that_does_not_exist_is_found():
    assert (
        missing(
            "`pytest tests/house/test_docs.py`, `test_docs::test_errors_are_ours_and_the_builtins`, `base/identity.py`"
        )
        == []
    )
    assert missing("`test_docs::test_nothing`, `test_no::test_x`, `tests/none.py`, `Row.usable in core/none.py`") == [
        "test_docs.py::test_nothing", "test_no.py::test_x", "tests/none.py", "core/none.py",
    ]  # fmt: skip


def test_the_architecture_lists_every_decision():
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    listed = re.findall(r"^\| (\d+) \| \[(.+)\]\(docs/decisions/(\S+)\) \| \S.* \|$", text, re.MULTILINE)
    found = [
        (*re.match(r"# (\d+)\. (.+)\n", page.read_text("utf-8")).groups(), page.name) for page in decisions()
    ]
    assert listed == found


GLOSSARY = ROOT / "docs/glossary.md"


def test_the_glossary_has_one_entry_for_each_word_and_every_word_is_used():
    text = GLOSSARY.read_text("utf-8")
    entries = re.findall(r"^### (.+)\n(.+)", text, re.MULTILINE)
    words = [word for word, _ in entries]
    assert len(words) >= 40
    assert len(words) == len(set(words)) == text.count("\n### ")
    code = [path.read_text("utf-8") for path in sorted((ROOT / "src/danlu").rglob("*.py"))]
    pages = [page.read_text("utf-8") for page in [*PAGES, ROOT / "ARCHITECTURE.md"] if page != GLOSSARY]
    used = "\n".join(code + pages)
    for word in words:
        assert re.search(rf"\b{word}(s|d|ed|ned)?\b", used, re.IGNORECASE), f"{word} is used nowhere"


def test_the_glossary_is_linked():
    for page in ("README.md", "ARCHITECTURE.md"):
        assert "(docs/glossary.md)" in (ROOT / page).read_text("utf-8"), page
