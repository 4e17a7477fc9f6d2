"""Objectives that cannot work, under every way to run: each ends within three trials and names its cause.

The rows of the default suite are those that need few processes; ``make fault`` runs the whole table.
"""

import os
import subprocess
import sys
import textwrap

import pytest

import danlu

MODULE = textwrap.dedent(
    """
    import os, sys
    import danlu

    space = {"x": danlu.Float(0, 1), "n": danlu.Int(1, 99)}

    def name(trial):
        return missing_name

    def package(trial):
        import no_such_package

    def data(trial):
        return open("/no/such/data.csv")

    def shapes(trial):
        assert trial["n"] > 100

    def value(trial):
        raise ValueError(f"bad rate {trial['x']} in trial {trial.number}")

    def chain(trial):
        try:
            {}["learning_rate"]
        except KeyError as error:
            raise RuntimeError("training failed") from error

    def leaves(trial):
        sys.exit("usage: train.py [--data DATA]")

    def cancelled(trial):
        import asyncio
        raise asyncio.CancelledError("no loop")

    def nonsense(trial):
        return "0.3"

    def late(trial):
        for step in range(1, 4):
            trial.report(step, value=trial["x"])
        raise OSError(28, "No space left on device")

    def gone(trial):
        print("fatal: no license", flush=True)
        os._exit(3)
    """
)
SCRIPT = textwrap.dedent(
    """
    import argparse, os, sys
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float, default=0.1)
    parser.add_argument("--how", default="fine")
    args = parser.parse_args()
    if args.how == "package":
        import no_such_package
    elif args.how == "data":
        open("/no/such/data.csv")
    elif args.how == "name":
        print(missing_name)
    elif args.how == "value":
        raise ValueError(f"bad rate {args.lr}")
    elif args.how == "leaves":
        sys.exit("usage: train.py [--data DATA]")
    elif args.how == "gone":
        print("fatal: no license", flush=True)
        os._exit(3)
    elif args.how == "shapes":
        assert args.lr > 100
    elif args.how == "pattern":
        print("accuracy 0.5")
    else:
        print("loss", args.lr)
    """
)
CAUSES = {
    "name": "NameError: name 'missing_name' is not defined",
    "package": "No module named 'no_such_package'",
    "data": "No such file or directory: '/no/such/data.csv'",
    "shapes": 'AssertionError: assert trial["n"] > 100 (broken.py:',
    "value": "ValueError: bad rate ",
    "chain": "RuntimeError: training failed, from KeyError: 'learning_rate' (broken.py:",
    "leaves": "usage: train.py [--data DATA]",
    "cancelled": "CancelledError: no loop",
    "nonsense": "got '0.3'",
    "late": "No space left on device",
    "gone": "with code 3; it printed last: fatal: no license",
}
SCRIPTS = {each: CAUSES[each] for each in ("name", "package", "data", "value", "leaves")} | {
    "gone": "train.py ended with code 3: fatal: no license",
    "shapes": "train.py ended with code 1: AssertionError",
    "pattern": "no line",
}
CHEAP = {
    *(("inline", cause) for cause in CAUSES),
    *(("pool", cause) for cause in ("gone", "shapes", "late")),
    ("worker", "value"), ("worker", "gone"), ("script", "package"), ("script", "pattern"), ("command", "chain"),
}  # fmt: skip
TABLE = [
    *(("inline", cause) for cause in CAUSES if cause != "gone"),  # it would be this process
    *((engine, cause) for engine in ("pool", "worker", "ray", "command") for cause in CAUSES if (engine, cause) != ("command", "gone")),
    *(("script", cause) for cause in SCRIPTS),
]  # fmt: skip


@pytest.fixture(scope="module")
def cluster():
    """One cluster for all rows of the table."""
    os.environ.setdefault("RAY_raylet_start_wait_time_s", "120")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    import ray

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


@pytest.fixture
def there(tmp_path, monkeypatch):
    (tmp_path / "broken.py").write_text(MODULE)
    (tmp_path / "train.py").write_text(SCRIPT)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def command(there, *arguments):
    """What a command of danlu said on stderr when it refused to go on."""
    ran = subprocess.run(
        [sys.executable, "-m", "danlu.cli", *arguments],
        cwd=there, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert ran.returncode == 2, ran.stderr
    return ran.stderr


def here(there, cause, **how):
    with pytest.raises(danlu.DanluError) as caught:
        danlu.tune(f"broken.py:{cause}", SPACE, store=there / "s.db", name="study", trials=20, seed=1, **how)
    return str(caught.value)


SPACE = {"x": danlu.Float(0, 1), "n": danlu.Int(1, 99)}


def by_worker(there, cause):
    with danlu.open_study(SPACE, store=there / "s.db", name="study", trials=20, seed=1) as study:
        study.announce()
    return command(there, "worker", "s.db", f"broken.py:{cause}", "--study", "study")


def by_script(there, cause):
    return command(
        there, "run", "train.py", "--tune", "lr", "--metric", "loss {x}", "-n", "20", "--store", "s.db", "--name", "study",
        "--", "--how", cause,
    )  # fmt: skip


ENGINES = {
    "inline": here,
    "pool": lambda there, cause: here(there, cause, workers=2),
    "ray": lambda there, cause: here(there, cause, engine=danlu.engines.Ray(2)),
    "worker": by_worker,
    "script": by_script,
    "command": lambda there, cause: command(
        there, "run", f"broken.py:{cause}", "-n", "20", "--store", "s.db", "--name", "study"
    ),
}


def rows():
    for engine, cause in TABLE:
        marks = () if (engine, cause) in CHEAP else (pytest.mark.fault,)
        yield pytest.param(engine, cause, id=f"{engine}-{cause}", marks=marks)


def test_the_table_has_a_row_for_every_way_to_run():
    assert len(TABLE) >= 40
    assert {engine for engine, _ in TABLE} == set(ENGINES)


@pytest.mark.parametrize(("engine", "cause"), [*rows()])
def test_it_ends_within_three_trials_and_names_the_cause(engine, cause, there, request, promised):
    if engine == "ray":
        request.getfixturevalue("cluster")
    said = ENGINES[engine](there, cause)
    expected = SCRIPTS[cause] if engine == "script" else CAUSES[cause]
    if engine == "ray" and cause == "gone":
        expected = "its worker died"  # Ray does not tell how
    assert expected in said
    sys.modules.pop("danlu_file_broken", None)
    with danlu.open_study(store=there / "s.db", name="study") as study:
        trials = study.result.trials
        history = study.result.history
    begun = 1 if engine in ("pool", "ray") else 0  # of two slots, the other may have failed too by then
    assert 1 <= sum(trial.status is danlu.Status.FAILED for trial in trials) <= 3 + begun
    assert all(trial.aside for trial in trials if trial.status is danlu.Status.FAILED)
    assert history.counting <= 1  # at most one more had begun in the other slot
    promised(29, 1, "ways for an objective not to work, each on an engine")
