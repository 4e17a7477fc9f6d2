"""One optimizer in a process of its own, spoken to in lines of JSON; it measures its own CPU time.

    ["open", {"space": [...], "seed": 1, "trials": 100, "options": {}}]  ->  {}
    ["ask"]                 ->  {"id": 0, "config": {...}, "cpu": seconds}
    ["tell", 0, loss]       ->  {"cpu": seconds}, where a loss of null is a failed trial

Started as ``python peer.py NAME`` it loads ``peers/NAME.py`` and its class ``Optimizer(space, seed,
trials, **options)`` with ``ask() -> (handle, config)`` and ``tell(handle, loss)``; those that can follow two
goals take ``goals=2`` as well, and are told two losses.
"""

import importlib
import json
import os
import sys
import time
import warnings
from pathlib import Path


def main():
    warnings.simplefilter("ignore")
    sys.path.insert(0, str(Path(__file__).parent / "peers"))
    adapter = importlib.import_module(sys.argv[1])
    lines = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever the library prints does not belong among the answers
    optimizer, handles = None, {}
    for line in sys.stdin:
        what, *arguments = json.loads(line)
        began, answer = time.process_time(), {}
        if what == "open":
            (given,) = arguments
            optimizer, handles = None, {}
            more = given.get("options", {}) | ({"goals": given["goals"]} if "goals" in given else {})
            optimizer = adapter.Optimizer(given["space"], given["seed"], given["trials"], **more)
        elif what == "ask":
            answer["id"] = len(handles)
            handles[answer["id"]], answer["config"] = optimizer.ask()
        else:
            number, loss = arguments
            optimizer.tell(handles[number], loss)
            handles[number] = None
        answer["cpu"] = time.process_time() - began
        lines.write(json.dumps(answer, default=plain) + "\n")
        lines.flush()


def plain(value):
    """numpy's scalars as Python's."""
    return value.item()


if __name__ == "__main__":
    main()
