"""Makes ``docs/reliability.md`` of what ``make fault`` tried, and of ``benchmarks/results``.

python benchmarks/reliability.py [runs/promises.jsonl]
"""

import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
RESULTS, DOCS = HERE / "results", HERE.parent / "docs"

PROMISES = {
    1: "What `tell` or `report` has acknowledged survives the death of the process.",
    2: "A result that was told survives the loss of power too.",
    3: "Telling twice is telling once; telling something else is answered with what stands, and ends no worker.",
    4: "A trial ends once, and what it came to never changes.",
    5: "A worker that was paused past its lease writes nothing any more, is told so, and goes on with new work.",
    6: "Asking again under the same name gives the same trial; nobody holds more trials than slots.",
    7: "A trial whose worker died goes on from its last checkpoint; no step is trained twice or lost.",
    8: "Causes are told apart, each with its policy.",
    9: "No trial's end stops the study; a configuration that kills its workers is quarantined, and visible.",
    10: "The budget is exact for any number of workers.",
    11: "Every reader sees every event once and in order; a broken connection loses and doubles nothing.",
    12: "Readers never block or break a writer.",
    13: "Damage is found, never believed; the sound part is kept.",
    14: "A full disk is loud, loses nothing acknowledged, and is over when there is room again.",
    15: "A database that is shot and started again costs a pause.",
    16: "Clocks of workers decide nothing.",
    17: "The same seed and order of events give the same suggestions; 50 trials are 25 and 25.",
    18: "Every journal ever written stays readable; a newer one is refused and left alone.",
    19: "NaN and infinities survive everywhere.",
    20: "All stores agree with one small model.",
    21: "A backup under load is whole; a network file system is refused with the remedy.",
    22: "A long study stays fast and small.",
    23: "Ctrl-C once drains, twice hands back at once; the terminal is restored.",
    24: "A command that is killed at any step leaves nothing half that looks whole, and does its work when it is called again.",
    25: "A store that is removed, replaced or overwritten while a study runs is noticed; what was written is saved under another name.",
    26: "What no store could give back is refused before it is written.",
    27: "A stranger's study runs nothing, and writes nothing outside its store.",
    28: "Whatever an objective forks, closes, replaces or leaves behind, its result is heard, and the study goes on.",
    29: "An objective that cannot work ends its study within three trials, with its cause.",
    30: "A campaign that is killed at any instant goes on as if it had not been; extended, it hands nobody what is another's.",
    31: "Where a machine takes the store, the disk, the clock or the process away, no trial is blamed, and the same call goes on.",
}


def tried(path):
    """What each promise was tried with, summed by test."""
    found = {}
    for line in dict.fromkeys(path.read_text("utf-8").splitlines()):  # a test that ran again counts once
        one = json.loads(line)
        test = one["test"].rpartition("/")[2].partition("[")[0]
        own = found.setdefault(one["promise"], {}).setdefault(
            test, {"faults": 0, "runs": 0, "what": one["what"]}
        )
        own["faults"] += one["faults"]
        own["runs"] += 1
    return {str(number): tests for number, tests in sorted(found.items())}


def table(promises, soak):
    lines = ["| | promise | tried | test |", "|---|---|---|---|"]
    for number, words in PROMISES.items():
        tests = promises.get(str(number), {})
        if number == 22:
            tests = {
                "benchmarks/scale.py soak": {
                    "faults": soak["steps"][-1]["reports"],
                    "runs": 1,
                    "what": "reports in one file, below",
                }
            }
        cells = [f"{one['faults']:,} {one['what']}" for one in tests.values()]
        names = "<br>".join(f"`{name}`" for name in tests)
        lines.append(f"| {number} | {words} | {'<br>'.join(cells)} | {names} |")
    return "\n".join(lines)


def read(name):
    return json.loads((RESULTS / f"{name}.json").read_text("utf-8"))


def main():
    if len(sys.argv) > 1:
        (RESULTS / "promises.json").write_text(
            json.dumps(tried(Path(sys.argv[1])), indent=1), encoding="utf-8"
        )
    promises, soak, simulated = read("promises"), read("soak"), read("simulated")
    rows = "\n".join(
        f"| {row['trials']:,} | {row['reports']:,} | {row['ask ms']:.2f} | {row['resident MiB']:.0f} | {row['log MiB']:.1f} | "
        f"{row['file MiB']:,.0f} |"
        for row in soak["steps"]
    )
    rates = {}
    for store in ("sqlite", "postgres"):
        runs = sorted(run["trials per second"] for run in read(store))
        rates[store] = f"{runs[len(runs) // 2]:,.0f} ({runs[0]:,.0f} to {runs[-1]:,.0f})"
    engines, durable = read("engines"), read("durable")
    last, first = soak["steps"][-1], soak["steps"][0]
    bytes_a_report = (last["file MiB"] - first["file MiB"]) * 2**20 / (last["reports"] - first["reports"])
    memory_a_report = (
        (last["resident MiB"] - first["resident MiB"]) * 2**20 / (last["reports"] - first["reports"])
    )
    shares = {row["store"]: 100 * row["share of a core at 1,000 reports a second"] for row in simulated}
    (DOCS / "reliability.md").write_text(
        f"""# What danlu promises, and the tests that hold it

Made by `make fault` and `benchmarks/scale.py`; nothing here is typed in. Every line below passed: a test that finds one lost, doubled or
silently wrong value fails, and no table is made. "Simulated" means the study's own code under a deterministic simulation of
workers, network and clocks (`tests/simulation.py`): a failing seed replays to the bit, and `tests/study/test_simulation.py` holds fifteen deliberate
mutants of the code against it, each of which has to be caught. `tests/conversation.py` does the same for the pool and its workers' threads, with
five mutants in `tests/engines/test_conversation.py`.

{table(promises, soak)}

## What a study carries

Measured on two shared cores, whose speed doubles and halves between runs.

| | trials a second, eight processes, each ask + 5 reports + tell; median of three (least to most) |
|---|---|
| one SQLite file | {rates["sqlite"]} |
| PostgreSQL, server on the same two cores | {rates["postgres"]} |

One process with one SQLite file, trial after trial, results synced: {durable["danlu, SQLite"]:,.0f} trials a second; Optuna in the same run
{durable["Optuna, SQLite"]:.1f} with SQLite and {durable["Optuna, journal"]:.1f} with its journal (`benchmarks/durable.py`).

A trial there is seven appends. PostgreSQL's are synced one by one, as each holds its study's row until it is on disk; several studies in one
database do not wait for each other.

One long study in a SQLite file, random search; an ask is the median of a hundred:

| trials | reports | ask, ms | process, MiB | log, MiB | file, MiB |
|---|---|---|---|---|---|
{rows}

Opening it again takes {soak["open CPU s"]:.0f} CPU seconds. A report takes {bytes_a_report:.0f} bytes of the file and {memory_a_report:.0f} of each process that
follows the study.

A thousand asynchronous workers that report once a second, under a virtual clock with the real study code (random search, ASHA), cost the
driver {shares["memory"]:.0f} % of a core in memory and {shares["sqlite"]:.0f} % on a SQLite file.

**From there on, on paper.** 1,000 workers with one report a second are 1,000 appends a second: one driver with an engine (Ray, a pool) carries
them on either store; 1,000 separate `danlu worker` processes on one study do not, as each folds what all others write. Give a worker
more slots (`--slots 8`: 125 processes), or the study one driver. 100 million reports would be about
{100e6 * bytes_a_report / 2**30:.0f} GiB of database and {100e6 * memory_a_report / 2**30:.0f} GiB of memory a process: too much for one study. Report less often
(once an epoch, not once a step), or split the study; a million trials with twenty reports each are {20e6 * bytes_a_report / 2**30:.1f} GiB and {20e6 * memory_a_report / 2**30:.1f} GiB.
SQLite is for one machine; as soon as a second one takes part, PostgreSQL.

## Engines

{engines["trials"]} trivial trials on two CPUs, wall seconds without the start of the cluster, same run (`benchmarks/engines.py`):

| engine | seconds | ms a trial |
|---|---|---|
"""
        + "\n".join(
            f"| {name} | {seconds:.2f} | {1e3 * seconds / engines['trials']:.1f} |"
            for name, seconds in engines["seconds"].items()
        )
        + "\n",
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
