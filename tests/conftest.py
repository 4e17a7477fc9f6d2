"""Nothing but determinism: every test run draws the same examples, on every Python."""

import json
import os
import random
import shutil
import signal
import sqlite3
import sys
import tempfile
import warnings
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

os.environ.setdefault("OMP_NUM_THREADS", "1")  # two test processes share the cores, and their children too
os.environ.setdefault("KERAS_BACKEND", "torch")  # Keras would look for TensorFlow
os.environ.setdefault("RAY_raylet_start_wait_time_s", "120")
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
os.environ["RAY_TMPDIR"] = f"{tempfile.gettempdir()}/danlu-ray-{os.getpid()}"
"""Where Ray writes down which cluster runs here: one a test process, or tests join a cluster that others end."""
settings.register_profile(
    "danlu", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("danlu")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as nohup and jobs in the background leave it
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_unconfigure():
    shutil.rmtree(os.environ["RAY_TMPDIR"], ignore_errors=True)


def pytest_addoption(parser):
    parser.addoption(
        "--shuffle", type=int, metavar="SEED", help="run files, and tests in a file, in this random order"
    )


SLOW = Path(__file__).with_name("slow.txt")
"""What takes so long that it is left to ``make fault``; ``benchmarks/slow_tests.py`` writes it."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    slow = set(SLOW.read_text("utf-8").splitlines())
    for item in items:
        if item.nodeid in slow:
            item.add_marker(pytest.mark.fault)
    seed = config.getoption("shuffle")
    if seed is None:
        return
    dice, files = random.Random(seed), {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    groups = list(files.values())
    dice.shuffle(groups)
    for group in groups:
        dice.shuffle(group)
    items[:] = [item for group in groups for item in group]


class Connection(sqlite3.Connection):
    """Says what Python 3.13 says by itself: that nobody has closed it."""

    def __del__(self):
        try:
            self.total_changes  # noqa: B018 - it raises when the connection is closed
        except sqlite3.ProgrammingError:
            return
        self.close()
        warnings.warn(f"unclosed database in {self!r}", ResourceWarning, stacklevel=2, source=self)


if sys.version_info < (3, 13):
    sqlite3.connect = partial(sqlite3.connect, factory=Connection)


@pytest.fixture
def promised(request):
    """Called by a test with the promise it holds, how many faults it tried, and of what kind; ``make fault`` collects."""

    def record(number, faults, what):
        path = os.environ.get("DANLU_PROMISES")
        if path:
            line = {"promise": number, "faults": faults, "what": what, "test": request.node.nodeid}
            with Path(path).open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")

    return record
