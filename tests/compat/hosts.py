"""Runs the tests that another project ships, with danlu in the place of what they test."""

import os
import re
import subprocess
import sys
from pathlib import Path


def command(plugin, folder):
    """How pytest is called in a folder, with none of our own settings."""
    left = ["-p", "no:cacheprovider", "-p", "no:doctest", "-W", "ignore"]
    return [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        plugin,
        *left,
        "-c",
        os.devnull,
        "--rootdir",
        str(folder),
    ]


def surroundings():
    """The environment, in which the plugin is found; UTF-8 throughout, as other projects read their files by the locale."""
    paths = [str(Path(__file__).parent), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths)), "PYTHONUTF8": "1"}


def run(plugin, tmp_path, *modules, only="", **environment):
    """How many of a project's tests passed, failed, were skipped or left out, and what was printed."""
    ran = subprocess.run(
        [*command(plugin, tmp_path), "--pyargs", *modules, *(["-k", only] if only else [])],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=surroundings() | environment,
    )
    counts = {
        word: int(number)
        for number, word in re.findall(r"(\d+) (passed|failed|error|skipped|deselected|searches)", ran.stdout)
    }
    return counts, ran.stdout[-4000:]
