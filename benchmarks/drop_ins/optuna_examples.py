"""Scripts of Optuna's own collection of examples, run with the import changed and nothing else.

    git clone https://github.com/optuna/optuna-examples
    python benchmarks/drop_ins/optuna_examples.py optuna-examples --out benchmarks/results/optuna_examples.md

The interpreter needs what the scripts import: optuna-integration, plotly, xgboost, lightgbm, catboost, scikit-image, torch, lightning,
pytorch-ignite, skorch, dask, ray. Figures are fetched by curl, as a browser
would. Where a script would download images, scikit-learn's digits stand in for them (``digits/``).
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
DIGITS = "digits in place of images that are downloaded"
SCRIPTS = {
    "basic/artifact_store.py": "",
    "basic/pruning.py": "",
    "basic/quadratic.py": "",
    "basic/quadratic_constraint.py": "",
    "basic/quadratic_multi_objective.py": "",
    "catboost/catboost_pruning.py": "",
    "catboost/catboost_simple.py": "",
    "dask/dask_simple.py": "",
    "faq/enqueue_trial.py": "",
    "faq/max_trials_callback.py": "",
    "lightgbm/lightgbm_integration.py": "",
    "lightgbm/lightgbm_simple.py": "",
    "lightgbm/lightgbm_terminator.py": "",
    "lightgbm/lightgbm_tuner_cv.py": "",
    "lightgbm/lightgbm_tuner_simple.py": "",
    "multi_objective/pytorch_simple.py": DIGITS,
    "multi_objective/quadratic_simple.py": "",
    "pruners/wilcoxon_pruner_tsp_sa.py": "",
    "pytorch/pytorch_checkpoint.py": DIGITS,
    "pytorch/pytorch_ignite_simple.py": DIGITS,
    "pytorch/pytorch_simple.py": DIGITS,
    "pytorch/skorch_simple.py": DIGITS,
    "ray/ray_joblib.py": "",
    "samplers/simulated_annealing_sampler.py": "",
    "samplers/warm_starting_cma.py": "",
    "skimage/skimage_lbp_simple.py": "",
    "sklearn/sklearn_additional_args.py": "",
    "sklearn/sklearn_optuna_search_cv_simple.py": "",
    "sklearn/sklearn_simple.py": "",
    "terminator/terminator_improvement_plot.py": "",
    "terminator/terminator_search_cv.py": "",
    "terminator/terminator_simple.py": "",
    "visualization/plot_pareto_front.py": "",
    "visualization/plot_study.py": "digits in place of OpenML's MNIST",
    "xgboost/xgboost_cv.py": "",
    "xgboost/xgboost_cv_integration.py": "",
    "xgboost/xgboost_integration.py": "",
    "xgboost/xgboost_simple.py": "",
}
"""What is run, and what stands in for data that would be downloaded."""

IMPORTS = (
    (r"^(\s*)import optuna$", r"\1import danlu.optuna as optuna"),
    (r"^(\s*)from optuna\b", r"\1from danlu.optuna"),
    (r"^(\s*)import optuna\.([\w.]+) as (\w+)$", r"\1import danlu.optuna.\2 as \3"),
)


DATA = ((r"import fetch_openml", "import load_digits"), (r"fetch_openml\([^)]*\)", "load_digits()"))


def changed(text):
    """The script with its imports changed, and data that are at hand."""
    for pattern, instead in (*IMPORTS, *DATA):
        text = re.sub(pattern, instead, text, flags=re.MULTILINE)
    return text


def run(checkout, script, folder, limit):
    """How a script ended, and after how many seconds."""
    place = folder / script
    shutil.copytree(checkout / Path(script).parent, place.parent, dirs_exist_ok=True)
    place.write_text(changed((checkout / script).read_text("utf-8")), "utf-8")
    env = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(HERE / "digits"), os.environ.get("PYTHONPATH", "")]),
        "PLOTLY_RENDERER": "browser", "BROWSER": "curl -s -o /dev/null %s &", "MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    began = time.monotonic()
    try:
        ran = subprocess.run(
            [sys.executable, place.name],
            cwd=place.parent,
            env=env,
            capture_output=True,
            check=False,
            text=True,
            timeout=limit,
        )
    except subprocess.TimeoutExpired:
        return f"not over after {limit} s", limit
    ended = "ran" if ran.returncode == 0 else "failed: " + (ran.stderr.strip().splitlines() or ["?"])[-1]
    return ended, time.monotonic() - began


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkout", type=Path)
    parser.add_argument("--results", type=Path, default=Path("runs/optuna_examples.json"))
    parser.add_argument("--out", type=Path, help="write a table there")
    parser.add_argument("--only", nargs="*", default=list(SCRIPTS), help="these scripts alone")
    parser.add_argument("--limit", type=float, default=900.0, help="seconds for a script")
    args = parser.parse_args()
    args.results.parent.mkdir(parents=True, exist_ok=True)
    known = json.loads(args.results.read_text("utf-8")) if args.results.exists() else {}
    for script in args.only:
        if known.get(script) != "ran":
            with tempfile.TemporaryDirectory() as folder:
                known[script], seconds = run(args.checkout, script, Path(folder), args.limit)
            print(f"{script}: {known[script]} ({seconds:.0f} s)", flush=True)
            args.results.write_text(json.dumps(known, indent=1), "utf-8")
    ended = {script: known[script] for script in SCRIPTS if script in known}
    fine = sum(how == "ran" for how in ended.values())
    print(f"{fine} of {len(ended)} ran")
    if args.out:
        rows = [f"| `{script}` | {how} | {SCRIPTS[script] or 'none'} |" for script, how in ended.items()]
        head = HEAD.format(fine=fine, all=len(ended))
        args.out.write_text("\n".join([head, *rows, ""]), "utf-8")
    return fine < len(ended)


HEAD = """# Optuna's examples through danlu.optuna

{fine} of {all} scripts of the public collection <https://github.com/optuna/optuna-examples> run to their end with their imports of `optuna` changed to
`danlu.optuna`. The others of the collection need a service, a download or a package that was not there, or were not run. A script had 900 s on two cores that other work shared. Written by
`python benchmarks/drop_ins/optuna_examples.py CHECKOUT --out benchmarks/results/optuna_examples.md`, which goes on where it was interrupted.

| script | with the import changed | edits beside that |
|---|---|---|"""

if __name__ == "__main__":
    sys.exit(main())
