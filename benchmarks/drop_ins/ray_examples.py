"""Ray Tune's own examples, which ship in its wheel, run with danlu's search and scheduler in place of those that they name.

    python benchmarks/drop_ins/ray_examples.py --out benchmarks/results/ray_examples.md

Each runs twice: with danlu's search beside the scheduler of the example, and with both of danlu's. Examples that need a download, a GPU or a cluster,
and those of population based training alone, which have no search, are not among them.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import ray.tune.examples

EXAMPLES = Path(ray.tune.examples.__file__).parent
SEARCH = re.compile(r"^from ray\.tune\.search\.(\w+) import (\w+)$", re.MULTILINE)
IN_BRACKETS = r"\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)"
HALVING = re.compile(
    r"\b(AsyncHyperBandScheduler|ASHAScheduler|HyperBandScheduler|HyperBandForBOHB)" + IN_BRACKETS
)
SETTINGS = re.compile(r"\b(BayesOptSearch|NevergradSearch|AxSearch|TuneBOHB)" + IN_BRACKETS)
"""Searches whose settings are those of one library; ``metric``, ``mode`` and ``space`` of the others stay."""

ALONE = "search_alg=Search(), "
SCRIPTS = {
    "async_hyperband_example.py": ALONE,
    "ax_example.py": "",
    "bayesopt_example.py": "",
    "bohb_example.py": "",
    "hyperband_example.py": ALONE,
    "hyperband_function_example.py": ALONE,
    "hyperopt_conditional_search_space_example.py": "",
    "lightgbm_example.py": ALONE,
    "logging_example.py": ALONE,
    "nevergrad_example.py": "",
    "optuna_define_by_run_example.py": "",
    "optuna_example.py": "",
    "optuna_multiobjective_example.py": "",
    "xgboost_example.py": ALONE,
}
"""What is run, and what is added to ``TuneConfig`` where the example names no search."""

REFUSED = {
    "hyperopt_conditional_search_space_example.py": "hyperopt",
    "optuna_define_by_run_example.py": "function",
}
"""Those whose space is another library's, and a word of the sentence that refuses it."""


def changed(text, added, *, schedule):
    """An example with its search, and its scheduler where ``schedule``, being danlu's."""
    text = SEARCH.sub(r"from danlu.ray_tune import Search as \2", text)
    text = SETTINGS.sub(r"\1()", text)
    text = text.replace("import nevergrad as ng", "pass")
    if added:
        text = text.replace("tune.TuneConfig(", f"tune.TuneConfig({added}", 1)
    if schedule:
        text = HALVING.sub("Scheduler()", text)
    return "from danlu.ray_tune import Scheduler, Search  # noqa\n" + text


def run(script, folder, limit, *, schedule):
    """How an example ended, and after how many seconds."""
    text = (EXAMPLES / script).read_text("utf-8")
    future = re.findall(r"^from __future__.*$", text, re.MULTILINE)
    text = "\n".join([*future, changed(re.sub(r"^from __future__.*$", "", text, flags=re.MULTILINE), SCRIPTS[script], schedule=schedule)])  # fmt: skip
    place = Path(folder) / script
    place.write_text(text, "utf-8")
    env = os.environ | {"RAY_AIR_NEW_OUTPUT": "0", "RAY_TRAIN_V2_ENABLED": "0", "HOME": str(folder)}
    began = time.monotonic()
    try:
        ran = subprocess.run(
            [sys.executable, place.name, "--smoke-test"], cwd=folder, env=env, capture_output=True, check=False, text=True, timeout=limit
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return f"not over after {limit:.0f} s", limit
    seconds = time.monotonic() - began
    said = (ran.stdout + ran.stderr).strip().splitlines() or ["?"]
    (Path(folder) / "said.txt").write_text("\n".join(said), "utf-8")
    if ran.returncode:
        last = next(
            (line for line in reversed(said) if re.match(r"[\w.]+(Error|Exception|Exit)\b", line)), said[-1]
        )
        if REFUSED.get(script, "\0") in last:
            return f"refused: {last.split(': ', 1)[-1]}", seconds
        return f"failed: {last}", seconds
    counts = [re.search(r"Number of trials: \d+/\d+ \((\d+) ERROR", line) for line in said]
    failed = max((int(each[1]) for each in counts if each), default=0)
    return (f"ran, {failed} of its trials failed" if failed else "ran"), seconds


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--results", type=Path, default=Path("runs/ray_examples.json"))
    parser.add_argument("--out", type=Path, help="write a table there")
    parser.add_argument("--only", nargs="*", default=list(SCRIPTS), help="these alone")
    parser.add_argument("--limit", type=float, default=600.0, help="seconds for an example")
    parser.add_argument("--keep", type=Path, help="a folder for what they print")
    args = parser.parse_args()
    args.results.parent.mkdir(parents=True, exist_ok=True)
    known = json.loads(args.results.read_text("utf-8")) if args.results.exists() else {}
    for script in args.only:
        for schedule in (False, True):
            key = f"{script}{' scheduled' if schedule else ''}"
            if known.get(key, "").startswith(("ran", "refused")):
                continue
            with tempfile.TemporaryDirectory() as folder:
                known[key], seconds = run(script, folder, args.limit, schedule=schedule)
                if args.keep:
                    args.keep.mkdir(parents=True, exist_ok=True)
                    said = Path(folder) / "said.txt"
                    (args.keep / f"{key}.txt").write_text(
                        said.read_text("utf-8") if said.exists() else "", "utf-8"
                    )
            print(f"{key}: {known[key]} ({seconds:.0f} s)", flush=True)
            args.results.write_text(json.dumps(known, indent=1), "utf-8")
    rows = [
        (script, known.get(script), known.get(f"{script} scheduled")) for script in SCRIPTS if script in known
    ]
    fine = sum(str(each).startswith("ran") for _, *both in rows for each in both)
    print(f"{fine} of {2 * len(rows)} ran")
    if args.out:
        lines = [f"| `{script}` | {search} | {both} |" for script, search, both in rows]
        args.out.write_text(
            "\n".join([HEAD.format(fine=fine, all=2 * len(rows), version=ray.__version__), *lines, ""]),
            "utf-8",
        )
    return fine + 2 * len(REFUSED) < 2 * len(rows)


HEAD = """# Ray Tune's examples through danlu.ray_tune

{fine} of {all} runs of the examples that ship with Ray {version} come to their end with the search, or the search and the scheduler, changed to danlu's. Settings of other
libraries' searches (`utility_kwargs=`, `optimizer=`, constraints of Ax) are taken out, `search_alg=Search()` is added where an example names no search, and `--smoke-test` keeps them short.
Spaces written in Hyperopt's or Optuna's own words are refused. Written by `python benchmarks/drop_ins/ray_examples.py --out benchmarks/results/ray_examples.md`.

| example | danlu's search | danlu's search and scheduler |
|---|---|---|"""

if __name__ == "__main__":
    sys.exit(main())
