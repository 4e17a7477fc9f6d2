"""Optuna's own suites for samplers and storages, which ship with it, over danlu's.

One of their tests is left out, as its storage has a study without a name: a danlu study has a name of one character at least, and
``test_a_study_without_a_name_is_refused`` says how that is told.
"""

import pytest
from optuna.study import StudyDirection
from optuna.testing.pytest_samplers import (
    BasicSamplerTestCase,
    MultiObjectiveSamplerTestCase,
    RelativeSamplerTestCase,
)
from optuna.testing.pytest_storages import StorageTestCase

import danlu.optuna
from danlu.errors import KeepError

pytestmark = pytest.mark.filterwarnings("ignore")


class TestSampler(BasicSamplerTestCase, RelativeSamplerTestCase, MultiObjectiveSamplerTestCase):
    @pytest.fixture
    def sampler(self):
        return danlu.optuna.Sampler


class TestStorageInMemory(StorageTestCase):
    test_create_new_study_with_empty_name = None

    @pytest.fixture
    def storage(self):
        return danlu.optuna.Storage()


class TestStorageInAFile(StorageTestCase):
    test_create_new_study_with_empty_name = None

    @pytest.fixture
    def storage(self, tmp_path):
        storage = danlu.optuna.Storage(tmp_path / "s.db")
        yield storage
        storage.close()


def test_a_study_without_a_name_is_refused():
    with pytest.raises(KeepError, match="a study's name is text of 1 to 500 characters, got ''"):
        danlu.optuna.Storage().create_new_study([StudyDirection.MINIMIZE], "")


def test_only_what_is_listed_is_left_out():
    """A version of Optuna's with more tests runs them all; those of the base classes are not collected by themselves."""
    theirs = {name for name in vars(StorageTestCase) if name.startswith("test_")}
    for case in (TestStorageInMemory, TestStorageInAFile):
        left = {name for name in theirs if not callable(getattr(case, name))}
        assert left == {"test_create_new_study_with_empty_name"}
    assert len(theirs) > 40


del BasicSamplerTestCase, MultiObjectiveSamplerTestCase, RelativeSamplerTestCase
