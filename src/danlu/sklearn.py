"""scikit-learn's searches over danlu's studies: ``from danlu.sklearn import GridSearchCV``."""

from .compat.sklearn import (
    GridSearchCV,
    HalvingGridSearchCV,
    HalvingRandomSearchCV,
    RandomizedSearchCV,
    SearchCV,
)

__all__ = ["GridSearchCV", "HalvingGridSearchCV", "HalvingRandomSearchCV", "RandomizedSearchCV", "SearchCV"]
