"""Nothing but determinism: every test run draws the same examples."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

os.environ.setdefault("OMP_NUM_THREADS", "1")  # two test processes share the cores, and their children too
settings.register_profile(
    "danlu", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("danlu")


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
