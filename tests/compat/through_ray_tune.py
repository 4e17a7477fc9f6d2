"""Ray Tune's own tests of its searchers with danlu's search in the place of those that wrap Optuna and Hyperopt.

    python tests/compat/through_ray_tune.py FOLDER [--bare] [arguments of pytest]

FOLDER is a checkout of github.com/ray-project/ray, as the wheel has no tests: those of its ``python/ray/tune/tests`` named below run against the Ray that
is installed. ``--bare`` runs them without danlu, which tells what fails by itself.

Their tests look into the study of Optuna's, and pass samplers of its own and seeds by other names: a searcher that looks like theirs translates that, and
nothing else. What tells a searcher of another package, which danlu does not replace, is left out.
"""

import importlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import hosts

BARE = "DANLU_RAY_TUNE_BARE"
THROUGH = "DANLU_RAY_TUNE_THROUGH"

FILES = ("test_searchers.py", "test_searcher_utils.py")

OTHERS = ("Ax", "BayesOpt", "BOHB", "HEBO", "Nevergrad", "Skopt", "SkOpt", "ZOOpt")
"""Searchers that danlu does not stand in for: they wrap packages of their own."""

LEFT_OUT = {
    "AddEvaluatedPointTest::testOptuna": "after what it asks of points and trials it wants a space that is a function of Optuna's trial, which danlu refuses as no dict, with another error",
}
"""Their tests that are not run, with the reason."""


def main(folder: str, *rest: str) -> int:
    """Run their tests out of a checkout; the exit status of pytest."""
    there = Path(folder).resolve() / "python/ray/tune/tests"
    found = [there / name for name in FILES if (there / name).is_file()]
    if not found:
        sys.exit(
            f"{folder} is no checkout of Ray: it has none of {', '.join(FILES)} in python/ray/tune/tests."
        )
    with tempfile.TemporaryDirectory() as place:
        for path in found:
            shutil.copy(path, place)
        env = hosts.surroundings() | {
            THROUGH: "1",
            BARE: "1" if "--bare" in rest else "",
            "RAY_AIR_NEW_OUTPUT": "0",
        }
        env.pop("RAY_ADDRESS", None)
        command = [
            *hosts.command("through_ray_tune", place),
            place,
            *(each for each in rest if each != "--bare"),
        ]
        return subprocess.run(command, cwd=place, env=env, check=False).returncode


def here_alone() -> None:
    """Have every ``ray.init`` start a Ray of its own, whatever cluster there is."""
    ray = importlib.import_module("ray")
    init = ray.init

    def local(*args, **settings):
        return init(*args, **({"address": "local", "include_dashboard": False} | settings))

    ray.init = local


def replace() -> None:
    """Put danlu's search where theirs is found."""
    search = importlib.import_module("danlu.ray_tune").Search
    status = importlib.import_module("danlu.journal.events").Status
    optuna = importlib.import_module("optuna")
    states = {
        status.DONE: optuna.trial.TrialState.COMPLETE,
        status.FAILED: optuna.trial.TrialState.FAIL,
        status.STOPPED: optuna.trial.TrialState.PRUNED,
    }

    class Looks:
        def __init__(self, number):
            self.state = states.get(number, optuna.trial.TrialState.RUNNING)

    class Study:
        def __init__(self, found):
            self.trials = [Looks(trial.status) for trial in found.result.trials]

    class OptunaSearch(search):
        def __init__(
            self, space=None, metric=None, mode=None, points_to_evaluate=None, sampler=None, seed=None, **more
        ):
            drawn = None if sampler is None else "random"
            super().__init__(
                space,
                metric,
                mode,
                points_to_evaluate,
                sampler=drawn,
                seed=seed if drawn is None else 1234,
                **more,
            )

        @staticmethod
        def convert_search_space(spec):
            return spec

        @property
        def _ot_study(self):
            return Study(self)

        @property
        def _ot_trials(self):
            return self._taken

    class HyperOptSearch(search):
        def __init__(self, space=None, metric=None, mode=None, random_state_seed=None, **more):
            super().__init__(space, metric, mode, seed=random_state_seed, **more)

        @property
        def _live_trial_mapping(self):
            return self._taken

    for package, kind in (("optuna", OptunaSearch), ("hyperopt", HyperOptSearch)):
        setattr(importlib.import_module(f"ray.tune.search.{package}"), kind.__name__, kind)


if os.environ.get(THROUGH):
    here_alone()
    if not os.environ.get(BARE):
        replace()


def pytest_collection_modifyitems(config, items):
    def key(item):
        return f"{item.cls.__name__}::{item.name}" if item.cls else item.name

    def gone(item):
        return (item.cls and item.name.startswith(tuple(f"test{each}" for each in OTHERS))) or (
            key(item) in LEFT_OUT and not os.environ.get(BARE)
        )

    left_out = [item for item in items if gone(item)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
