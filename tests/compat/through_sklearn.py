"""A plugin of pytest's: scikit-learn's own tests with danlu's searches in the place of theirs.

pytest -p through_sklearn --pyargs sklearn.model_selection.tests.test_search
"""

import sklearn.model_selection
import sklearn.model_selection._search as search
import sklearn.model_selection._search_successive_halving as halving

import danlu.sklearn

LEFT_OUT = {
    "test_custom_run_search": "compares all fitted attributes with those of a bare BaseSearchCV, and ours has one more, results_",
}
"""Their tests that are not run, with the reason."""

for name in ("GridSearchCV", "RandomizedSearchCV", "HalvingGridSearchCV", "HalvingRandomSearchCV"):
    for module in (sklearn.model_selection, search, halving):
        if name in vars(module) or module is sklearn.model_selection:
            setattr(module, name, getattr(danlu.sklearn, name))


def pytest_collection_modifyitems(config, items):
    left_out = [item for item in items if item.originalname in LEFT_OUT]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item.originalname not in LEFT_OUT]
