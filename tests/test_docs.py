"""Documents cannot lie: their code runs, their references are current, every public name is in them."""

import importlib
import inspect
import pkgutil
import re
import sys
from pathlib import Path

import pytest

import danlu

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_code_on_a_page_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert blocks or page.name in {
        "cli.md",
        "deep.md",
        "fidelity.md",
        "reliability.md",
        "search.md",
    }  # these are written by scripts
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
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        danlu.nonsense  # noqa: B018
    assert set(danlu.__all__) <= set(dir(danlu))


def test_the_table_of_names_is_true():
    from danlu.core import names

    for table in (names.SAMPLERS, names.SCHEDULERS, names.ENGINES, names.STORES, names.VIEWS):
        for name in table:
            assert inspect.getdoc(names.find(table, "part", name))


def test_every_module_says_what_it_is_for():
    for module in pkgutil.walk_packages(danlu.__path__, "danlu."):
        if not module.name.endswith("__main__"):
            assert inspect.getdoc(importlib.import_module(module.name)), module.name


def test_errors_are_ours_and_the_builtins():
    from danlu.core import errors

    for name, error in inspect.getmembers(errors, inspect.isclass):
        if name in ("DanluError", "TrialExit", "Any") or error.__module__ != errors.__name__:
            continue
        assert name in errors.__doc__, f"{name} is not in the drawn tree"
        if issubclass(error, errors.TrialExit | KeyboardInterrupt):
            assert not issubclass(error, Exception)
        else:
            assert issubclass(error, errors.DanluError)
            assert len(error.__mro__) > error.__mro__.index(errors.DanluError) + 3
