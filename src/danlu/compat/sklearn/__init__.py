"""scikit-learn's searches over danlu's studies.

    from danlu.sklearn import GridSearchCV, RandomizedSearchCV    # the same constructors, attributes and numbers
    from danlu.sklearn import SearchCV                             # the better search

Every fit is a trial, and every split of the data a context of its configuration; ``store=`` keeps them, so that the same call after a kill
fits only what is missing, and ``danlu show``, the page and ``results_`` have the study.

Nothing is imported here beside scikit-learn: a worker needs ``fits.py`` alone, and waits for what it imports.
"""

from ...base.versions import demand
from ...errors import MissingExtra

try:
    demand("danlu.sklearn", "scikit-learn", "sklearn")
    import sklearn  # noqa: F401
except MissingExtra:
    raise
except ImportError as error:
    raise MissingExtra("danlu.sklearn", "scikit-learn", "sklearn") from error
