"""What a trial of ``danlu run`` costs beside starting its program by hand.

The program is a shell that prints one line, so all else is danlu's: asking for a point, the trial's folder, its config and log, the
process, reading, reporting, and the journal. Started by hand it is run 50 times; by danlu 50 trials one after another, in a study with a
store, and with an edited YAML file. Medians, in milliseconds; the difference has to be under 50.

    python benchmarks/programs.py [--trials 50]
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import danlu
from danlu.programs import Command, Edit, program_of

LINE = 'echo "loss $1"'
LIMIT = 50.0


def by_hand(count):
    """Milliseconds of each run."""
    taken = []
    for _ in range(count):
        begun = time.perf_counter()
        subprocess.run(["sh", "-c", LINE, "sh", "0.5"], capture_output=True, check=True)
        taken.append(1000 * (time.perf_counter() - begun))
    return taken


def by_danlu(count, folder, edits=()):
    """Milliseconds from the end of one trial to the end of the next."""
    program, fixed = program_of(["sh", "-c", LINE, "sh", "{x}", *([edits[0].file] if edits else ())])
    ends = []
    danlu.tune(
        Command(program, {}, ["loss {x}"], fixed=fixed, edits=edits), {"x": danlu.Float(0, 1)}, minimize="loss", trials=count + 1, engine="pool",
        sampler="random", store=folder / "s.db", name=f"study{len(edits)}", watch=False, callbacks=[lambda *_: ends.append(time.perf_counter())],
    )  # fmt: skip
    return [1000 * (after - before) for before, after in itertools.pairwise(ends)]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=50)
    count = parser.parse_args().trials
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = folder / "train.yaml"
        config.write_text("# of the program\noptim:\n  lr: 0.1  # rate\n")
        hand = statistics.median(by_hand(count))
        print(f"by hand            {hand:7.1f} ms")
        for label, edits in (("danlu", ()), ("danlu, YAML edited", (Edit(str(config), "optim.lr", "x"),))):
            taken = statistics.median(by_danlu(count, folder, edits))
            verdict = "under" if taken - hand < LIMIT else "OVER"
            print(f"{label:18} {taken:7.1f} ms, {taken - hand:5.1f} more: {verdict} {LIMIT:g}")


if __name__ == "__main__":
    main()
