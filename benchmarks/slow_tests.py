"""Which tests are left to ``make fault`` because of what they take: writes ``tests/slow.txt`` from the durations of a run.

    python -m pytest -n 2 --dist loadfile -q -m "" --durations=0 --durations-min=0.2 > durations.log
    python benchmarks/slow_tests.py durations.log [others.log ...] --seconds 5

``make test`` ends within minutes on two cores, so it keeps the fast tests of everything, and of what only slow tests show the one that
shows most: ``KEPT``. With several logs a test counts by its shortest run, as a busy machine lengthens some by chance.
"""

import argparse
import re
from collections import Counter
from pathlib import Path

LIST = Path(__file__).resolve().parent.parent / "tests/slow.txt"
LINE = re.compile(r"^\s*([\d.]+)s (?:call|setup|teardown)\s+(tests/\S.*)$", re.MULTILINE)

KEPT = (
    r"house/(?!.*runs\[(drop-ins|from-the-articles)\.md\])",
    r"study/test_kills.py::test_sigkill_loses",
    r"study/test_crash.py::.*from scratch-6",
    r"study/test_simulation.py::test_no_seed",
    r"study/test_worker.py::test_workers_finish_what_a_killed",
    r"stores/test_stores.py::test_three_thousand",
    r"stores/test_postgres.py::test_eight_processes",
    r"stores/test_network.py::test_killed_drivers",
    r"cli/test_upkeep_kills.py::.*\[repair\]",
    r"cli/test_deep_cli.py::test_a_table_is_tuned",
    r"cli/test_cli.py::test_run_tunes_resumes",
    r"cli/test_sweep_runs.py::test_a_grid_is_tried_whole",
    r"campaign/test_campaign.py::test_a_crash_at_every_append_of_a_campaign",
    r"campaign/test_playbook.py::test_a_crash_at_every_append",
    r"dashboard/test_browser.py::test_the_list_names_every_study",
    r"dashboard/test_browser.py::test_a_running_study_is_live",
    r"dashboard/test_browser.py::test_a_filter_drives_every_panel",
    r"engines/test_ray.py::.*\[runs_every_task_once\]",
    r"engines/test_ray.py::test_a_study_is_what_it_is",
    r"engines/test_pool.py::test_every_cause",
    r"programs/test_workers.py::test_two_runs_of_a_command",
    r"programs/test_any_program.py::.*\[argparse of a dataclass",
    r"compat/test_sklearn.py::test_a_killed_search.*\[SearchCV\]",
    r"compat/test_hyperopt.py::test_a_killed_search.*\[tpe\]",
    r"compat/test_optuna.py::test_a_killed_search.*auto-11-PRUNED",
    r"compat/test_ray_tune.py::test_a_tuner_s_trials",
    r"compat/test_keras_tuner.py::test_epochs_are_curves",
    r"compat/test_\w+_own.py",
    r"integrations/test_torchrun.py::test_every_rank",
    r"integrations/test_plugins.py::test_hugging_face_search_over",
    r"integrations/test_hydra.py::test_kill_9",
    r"samplers/test_gp.py::test_it_finds_in_40",
    r"schedulers/test_forecast.py::test_death_at_every_append",
)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("logs", nargs="+", type=Path)
    parser.add_argument("--seconds", type=float, default=5.0)
    given = parser.parse_args()
    shortest = {}
    for log in given.logs:
        taken = Counter()
        for seconds, test in LINE.findall(log.read_text("utf-8")):
            taken[test.strip()] += float(seconds)
        for test, seconds in taken.items():
            shortest[test] = min(seconds, shortest.get(test, seconds))
    slow = {
        test: seconds
        for test, seconds in shortest.items()
        if seconds >= given.seconds
        and not any(re.search(each, test) for each in KEPT)
        and "'/" not in test  # the path of one machine
    }
    LIST.write_text("".join(f"{test}\n" for test in sorted(slow)), encoding="utf-8")
    left = sum(shortest.values()) - sum(slow.values())
    print(
        f"{len(slow)} tests of {sum(slow.values()):.0f} s are left to make fault, tests of {left:.0f} s stay"
    )


if __name__ == "__main__":
    main()
