"""The table of promises names tests that exist, and each promise has one."""

import ast
import importlib.util
import json
import re
import shutil
import subprocess

import pytest
from places import ROOT, TESTS

FUNCTIONS = {
    f"{path.name}::{each.name}"
    for path in TESTS.rglob("test_*.py")
    for each in ast.parse(path.read_text("utf-8")).body
    if isinstance(each, ast.FunctionDef)
}
CALLED = re.compile(r"\bpromised\(\s*(\d+)")


def told():
    """The promises that tests say they hold, by number."""
    return {
        int(number) for path in TESTS.rglob("test_*.py") for number in CALLED.findall(path.read_text("utf-8"))
    }


def promises():
    spec = importlib.util.spec_from_file_location("reliability", ROOT / "benchmarks/reliability.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.PROMISES


def missing(table):
    return sorted(name for tests in table.values() for name in tests if name not in FUNCTIONS)


def test_the_table_names_tests_that_exist():
    table = json.loads((ROOT / "benchmarks/results/promises.json").read_text("utf-8"))
    assert len(table) > 20
    assert missing(table) == []
    assert missing({"1": {"test_kills.py::test_nothing_at_all": {}}}) == [
        "test_kills.py::test_nothing_at_all"
    ]


def test_every_promise_has_a_test_that_holds_it():
    by_table = {3, 4, 5, 6, 7, 9, 10, 16, 20}  # of test_simulation's own, and of test_conformance's
    assert set(promises()) - told() - by_table == {22}  # measured, benchmarks/scale.py
    assert told() <= set(promises())


def test_make_fault_runs_every_file_that_holds_a_promise():
    if shutil.which("make") is None:
        pytest.skip("no make here")
    asked = subprocess.run(
        ["make", "-n", "fault"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    holding = {
        path.relative_to(ROOT).as_posix()
        for path in TESTS.rglob("test_*.py")
        if CALLED.search(path.read_text("utf-8")) and path.name != "test_promises.py"
    }
    assert sorted(each for each in holding if each not in asked) == []
