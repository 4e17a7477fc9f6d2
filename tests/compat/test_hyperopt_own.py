"""Hyperopt's own tests, which ship with it, through ``danlu.hyperopt``: a part of them here, all under ``make compat``."""

import hosts
import pytest
from through_hyperopt import LEFT_OUT

FAST = ["hyperopt.tests.test_base", "hyperopt.tests.unit.test_fmin", "hyperopt.tests.unit.test_pchoice"]
QUICK = "not timeout and not constrained"


@pytest.mark.parametrize(
    "stored", [pytest.param("", id="in memory"), pytest.param("1", id="in a store", marks=pytest.mark.fault)]
)
def test_a_part_of_theirs_passes(stored, tmp_path):
    counts, said = hosts.run("through_hyperopt", tmp_path, *FAST, only=QUICK, THROUGH_STORE=stored)
    assert not counts.get("failed", 0) + counts.get("error", 0), said
    assert counts["passed"] >= 36
    assert counts["searches"] >= 20


@pytest.mark.fault
@pytest.mark.doors
def test_all_of_theirs_pass(tmp_path):
    modules = ["hyperopt.tests.test_base", "hyperopt.tests.unit", "hyperopt.pyll.tests"]
    counts, said = hosts.run("through_hyperopt", tmp_path, *modules)
    assert not counts.get("failed", 0) + counts.get("error", 0), said
    assert counts["passed"] >= 228
    assert counts.get("skipped", 0) <= 1  # the one that needs IPython's cluster
    assert not counts.get("deselected", 0)


@pytest.mark.fault
@pytest.mark.doors
def test_theirs_of_fmin_pass_with_every_search_in_a_store(tmp_path):
    modules = [*FAST, "hyperopt.tests.unit.test_randint", "hyperopt.tests.unit.test_domains"]
    counts, said = hosts.run(
        "through_hyperopt", tmp_path, *modules, only="not gauss_wave2", THROUGH_STORE="1"
    )
    assert not counts.get("failed", 0) + counts.get("error", 0), said
    assert counts["passed"] >= 50
    assert len(LEFT_OUT) == 1
