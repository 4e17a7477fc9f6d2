"""scikit-learn's searches over danlu's studies: ``from danlu.sklearn import GridSearchCV``.

All that is not listed here is of ``sklearn.model_selection``, so that ``from danlu.sklearn import GridSearchCV, train_test_split`` is one
changed import; ``danlu.sklearn.model_selection`` is this module, too.
"""

import sys
from importlib import import_module
from typing import Any

from .compat.sklearn.exhaustive import (
    GridSearchCV,
    HalvingGridSearchCV,
    HalvingRandomSearchCV,
    RandomizedSearchCV,
)
from .compat.sklearn.search import SearchCV

__all__ = ["GridSearchCV", "HalvingGridSearchCV", "HalvingRandomSearchCV", "RandomizedSearchCV", "SearchCV"]

sys.modules[f"{__name__}.model_selection"] = model_selection = sys.modules[__name__]


def __getattr__(name: str) -> Any:
    try:
        return getattr(import_module("sklearn.model_selection"), name)
    except AttributeError:
        raise AttributeError(f"{__name__} has no {name}, as sklearn.model_selection has none.") from None
