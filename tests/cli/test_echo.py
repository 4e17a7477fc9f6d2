"""What the command line prints, where it cannot be printed."""

import os
import subprocess
import sys

import pytest

import danlu


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a device that is always full is Linux's own")  # noqa: PTH110
@pytest.mark.parametrize("words", [[], ["--json"]])
def test_an_output_that_takes_nothing_more_is_said_in_a_sentence(tmp_path, words):
    store = tmp_path / "s.db"
    danlu.tune(lambda trial: trial["x"], {"x": danlu.Float(0, 1)}, minimize="value", trials=2, store=store)
    with open("/dev/full", "w") as full:  # noqa: PTH123
        run = subprocess.run(
            [sys.executable, "-m", "danlu", "show", str(store), "study", *words],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert run.returncode == 1
    assert run.stderr == (
        "Error: standard output cannot be written: No space left on device. What the command did is done; only its words are lost.\n"
    )
