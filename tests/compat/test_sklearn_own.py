"""scikit-learn's own tests of its searches, which ship with it, through ``danlu.sklearn``: a part of them here, all under ``make compat``."""

import hosts
import pytest
from through_sklearn import LEFT_OUT

MOST = 0.03
"""This share of theirs at most may be left out."""

FEW = "random_search_cv or cv_results or refit or groups or top_k or pickle"


def test_a_part_of_theirs_passes(tmp_path):
    counts, said = hosts.run(
        "through_sklearn", tmp_path, "sklearn.model_selection.tests.test_search", only=FEW
    )
    assert not counts.get("failed", 0) + counts.get("error", 0), said
    assert counts["passed"] >= 20


@pytest.mark.fault
@pytest.mark.doors
def test_all_of_theirs_pass(tmp_path):
    modules = [f"sklearn.model_selection.tests.{each}" for each in ("test_search", "test_successive_halving")]
    counts, said = hosts.run("through_sklearn", tmp_path, *modules)
    assert not counts.get("failed", 0) + counts.get("error", 0), said
    assert counts["passed"] >= 230
    assert counts["deselected"] == len(LEFT_OUT) <= MOST * counts["passed"]
