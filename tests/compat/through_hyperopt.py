"""A plugin of pytest's: Hyperopt's own tests with danlu's ``fmin`` and ``suggest`` functions in the place of theirs.

pytest -p through_hyperopt --pyargs hyperopt.tests.unit.test_fmin

With ``THROUGH_STORE=1`` each of their searches is kept in a store of its own.
"""

import os
import sys

import hyperopt
import hyperopt.base

import danlu
import danlu.hyperopt

LEFT_OUT = {
    "test_early_stop_no_progress_loss": "begins at a point outside of its space, which no study keeps",
}
"""Their tests that are not run with a store, with the reason; without one all of them are."""

NOT_RUN = {
    "tests/integration/test_mongoexp.py": "trials in a MongoDB server, whose workers are Hyperopt's",
    "tests/integration/test_spark.py": "trials in a Spark cluster, whose loop is Hyperopt's",
    "tests/integration/test_sklearn.py": "a wrapper of estimators that calls the fmin it was made with",
}
"""Their files that are not run, with the reason."""

calls = []


def through(*given, **named):
    calls.append(named)
    if os.environ.get("THROUGH_STORE"):
        named.setdefault("store", danlu.stores.MemoryStore())
    return danlu.hyperopt.fmin(*given, **named)


def pytest_configure(config):
    sys.modules["hyperopt.fmin"].fmin = hyperopt.fmin = through
    hyperopt.Domain = hyperopt.base.Domain = danlu.hyperopt.Domain
    for name in ("tpe", "anneal", "atpe"):
        getattr(hyperopt, name).suggest = getattr(danlu.hyperopt, name).suggest


def pytest_collection_modifyitems(config, items):
    stored = os.environ.get("THROUGH_STORE")
    left_out = [item for item in items if stored and item.originalname in LEFT_OUT]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


def pytest_terminal_summary(terminalreporter):
    terminalreporter.write_line(f"{len(calls)} searches")
