"""One multi-fidelity optimizer in a process of its own, spoken to in lines of JSON.

    ["open", {"space": [...], "seed": 1, "steps": 52, "options": {}}]  ->  {}
    ["next"]               ->  {"job": 0, "config": {...}, "from": 0, "to": 52}, or {} to wait for running jobs
    ["report", 0, 1, loss] ->  {"go": true}; one after each step; false ends the job

Started as ``python peer.py NAME`` it loads ``peers/NAME.py`` and its class ``Optimizer(space, seed, steps,
**options)`` with ``next() -> (handle, config, from, to)`` or None, ``report(handle, step, loss) -> bool`` and
``done(handle)``, which is called after a job's last step. A job that begins at a step above 0 goes on where its
configuration was left, at no cost.
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
    optimizer, jobs = None, {}
    for line in sys.stdin:
        what, *arguments = json.loads(line)
        began, answer = time.process_time(), {}
        if what == "open":
            (given,) = arguments
            jobs = {}
            optimizer = adapter.Optimizer(given["space"], given["seed"], given["steps"], **given["options"])
        elif what == "next":
            found = optimizer.next()
            if found is not None:
                handle, answer["config"], answer["from"], answer["to"] = found
                answer["job"] = len(jobs)
                jobs[answer["job"]] = handle, answer["to"]
        else:
            number, step, loss = arguments
            handle, end = jobs[number]
            answer["go"] = bool(optimizer.report(handle, step, loss)) and step < end
            if step == end:
                optimizer.done(handle)
        answer["cpu"] = time.process_time() - began
        lines.write(json.dumps(answer, default=lambda value: value.item()) + "\n")
        lines.flush()


if __name__ == "__main__":
    main()
