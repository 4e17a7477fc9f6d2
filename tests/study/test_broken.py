"""Objectives and programs that cannot work, under every way to run: each ends its study within three trials and names its cause.

``failing.py`` has the table. The default suite runs its objectives inline and a part of them elsewhere; ``make fault`` runs all of them everywhere.
"""

import json
import os
import subprocess
import sys
import textwrap
import types
from pathlib import Path

import pytest
from failing import CANNOT, DEADLY, PROGRAM, PROGRAMS, SPACE

import danlu
from danlu.errors import DanluError, GoalError, ObjectiveError
from danlu.journal.events import SetAside
from danlu.programs import Command, Program
from danlu.programs.arguments.flags import flags_of

FEW = {
    "pool": {"name", "late", "silent", "odd", "stopped", "unpicklable", "surrogate", "huge", "lock", "no voice", "exit", "segfault"},
    "worker": {"bare assert", "cancelled", "exit 0", "group", "text", "more arguments", "generator", "other report", "exit", "abort"},
    "ray": {"lock", "exit"},
}  # fmt: skip
"""The rows that the default suite tries elsewhere than inline."""


def rows(engine, cases, few=()):
    return [
        pytest.param(engine, case, id=f"{engine}-{case}", marks=() if case in few else pytest.mark.fault)
        for case in cases
    ]


def seen(store, name="study"):
    """The trials of a study, none if it was refused before there was one."""
    if name not in store.studies():
        return []
    with danlu.open_study(store=store, name=name) as study:
        return study.result.trials


def ends_in_time(trials, *, others=0, calls=1):
    """Three trials failed for each call and are set aside; every other slot may have begun one more."""
    failed = [trial for trial in trials if trial.status is danlu.Status.FAILED]
    assert len(failed) <= 3 * calls + others
    assert all(trial.aside for trial in failed)
    assert len(trials) - len(failed) <= others


def words_of(case, engine):
    told, _, whole = CANNOT[case][1].rpartition("|")
    return told if told and engine == "ray" else whole


@pytest.mark.parametrize("case", [case for case in CANNOT if case not in DEADLY])
def test_inline_it_ends_and_is_not_on_the_budget(case, capsys, promised):
    objective, word = CANNOT[case]
    before, store = (sys.stdout, sys.stderr), danlu.stores.MemoryStore()
    try:
        with pytest.raises((ObjectiveError, GoalError)) as caught:
            danlu.tune(objective, SPACE, store=store, trials=6, seed=1)
    finally:
        sys.stdout, sys.stderr = before
    assert word in str(caught.value)
    assert case in {"chain", "context", "data", "group"} or ", from " not in str(caught.value)
    shown = capsys.readouterr().err + "".join(getattr(caught.value, "__notes__", ()))
    parts = {"chain": 2, "context": 2, "group": 3}  # of one traceback
    assert shown.count("Traceback (most recent call last)") <= parts.get(case, 1)
    ends_in_time(seen(store))
    if seen(store):
        result = danlu.tune(lambda trial: trial["x"], SPACE, store=store, trials=6, seed=1)
        assert any(word in line for line in result.why())
        assert sum(trial.status is danlu.Status.DONE for trial in result.trials) == 6
    promised(29, 1, "objectives that cannot work, inline")


@pytest.fixture(scope="module")
def cluster():
    """One cluster for all rows of the table."""
    import ray

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


@pytest.mark.parametrize(
    ("engine", "case"), [*rows("pool", CANNOT, FEW["pool"]), *rows("ray", CANNOT, FEW["ray"])]
)
def test_elsewhere_it_ends_too(engine, case, tmp_path, request, promised):
    if engine == "ray":
        request.getfixturevalue("cluster")
    store = danlu.stores.SqliteStore(tmp_path / "s.db")
    chosen = danlu.engines.Ray(1) if engine == "ray" else danlu.engines.Pool(2)
    with pytest.raises((ObjectiveError, GoalError)) as caught:
        danlu.tune(CANNOT[case][0], SPACE, store=store, trials=20, seed=1, engine=chosen)
    assert words_of(case, engine) in str(caught.value)
    trials = seen(store)
    ends_in_time(trials, others=chosen.slots - 1)
    deadly = case in DEADLY - {"exit"}
    assert sum(trial.attempt for trial in trials) <= len(trials) + 2 * deadly * chosen.slots
    promised(29, 1, f"objectives that cannot work, {'on Ray' if engine == 'ray' else 'in a pool'}")


def test_what_the_cluster_cannot_load_is_named_at_once(cluster, tmp_path, monkeypatch):
    here = types.ModuleType("only_here")
    exec("class Net:\n    pass", here.__dict__)
    monkeypatch.setitem(sys.modules, "only_here", here)
    net = here.Net()
    store = danlu.stores.SqliteStore(tmp_path / "s.db")
    with pytest.raises(ObjectiveError, match="cannot load the objective: .*No module named 'only_here'"):
        danlu.tune(
            lambda trial: float(net is None), SPACE, store=store, trials=9, engine=danlu.engines.Ray(1)
        )
    assert [trial.deaths for trial in seen(store)] == [0]


WORKER = textwrap.dedent(
    """
    import json, sys
    import danlu
    from failing import CANNOT

    voice = sys.stdout
    for line in sys.stdin:
        store, case = json.loads(line)
        try:
            said = repr(danlu.work(store, "study", CANNOT[case][0]))
        except danlu.DanluError as error:
            said = f"{type(error).__name__}: {error}"
        print(json.dumps(said), file=voice, flush=True)
    """
)


@pytest.fixture(scope="module")
def workers():
    """Two processes that join whatever study they are told of."""
    here = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    started = [
        subprocess.Popen([sys.executable, "-c", WORKER], text=True, env=here, **pipes) for _ in range(2)
    ]
    yield started
    for process in started:
        process.stdin.close()
        assert process.wait(60) == 0
        process.stdout.close()


def whole_verdicts(store):
    """How often three trials or more were set aside at once."""
    with danlu.open_study(store=store) as study:
        events = [entry.event for entry in study.result.study.entries()]
    return sum(isinstance(event, SetAside) and len(event.trials) >= 3 for event in events)


@pytest.mark.parametrize(("engine", "case"), rows("worker", CANNOT, FEW["worker"]))
def test_workers_end_it_too(engine, case, tmp_path, workers, promised):
    store = danlu.stores.SqliteStore(tmp_path / "s.db")
    with danlu.open_study(SPACE, minimize="value", store=store, trials=20, seed=1) as study:
        study.session.announce()
    for worker in workers:
        worker.stdin.write(json.dumps([str(tmp_path / "s.db"), case]) + "\n")
        worker.stdin.flush()
    for said in [json.loads(worker.stdout.readline()) for worker in workers]:
        assert "Error: " in said
        assert words_of(case, engine) in said
    assert whole_verdicts(store) <= len(workers)  # who joins when all was over makes the next try
    ends_in_time(seen(store), others=1, calls=max(1, whole_verdicts(store)))
    promised(29, 1, "objectives that cannot work, under two workers of one study")


@pytest.fixture
def there(tmp_path, monkeypatch):
    (tmp_path / "train.py").write_text(PROGRAM)
    (tmp_path / "broken.py").write_text(
        "def train(trial):\n    raise ValueError(f'bad rate {trial[\"x\"]}')\n"
        "import danlu\nspace = {'x': danlu.Float(0, 1)}\n"
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(*arguments):
    """What a command of danlu said on stderr when it refused to go on."""
    ran = subprocess.run(
        [sys.executable, "-m", "danlu.cli", *arguments], capture_output=True, text=True, timeout=300
    )
    assert ran.returncode == 2, ran.stderr
    return ran.stderr


@pytest.mark.parametrize("how", PROGRAMS)
def test_a_program_ends_it_too(how, there, promised):
    flags = {flag.name: flag for flag in flags_of("train.py") if flag.name == "lr"}
    script = Command(Program("train.py"), flags, ["loss {x}"], fixed=["--how", how])
    store = danlu.stores.MemoryStore()
    with pytest.raises((ObjectiveError, GoalError)) as caught:
        danlu.tune(script, {"lr": danlu.Float(0, 1)}, minimize="loss", store=store, trials=20, seed=1)
    assert PROGRAMS[how] in str(caught.value)
    ends_in_time(seen(store))
    promised(29, 1, "programs that cannot work, as Script")


def test_what_a_program_s_parser_or_python_refuses_ends_it_too(there):
    def run(*more):
        return refused(
            "run", "train.py", "--tune", "lr", "--metric", "loss {x}", "--store", "s.db", "--name", "study", "--", *more
        )  # fmt: skip

    assert "unrecognized arguments: --epoch-count 3" in run("--epoch-count", "3")
    assert "invalid int value: 'ten'" in run("--epochs", "ten")
    Path("train.py").write_text(PROGRAM + "\ndef (")
    assert "train.py is not Python that can be read: invalid syntax" in run()
    assert not seen(danlu.stores.SqliteStore("s.db"))


@pytest.mark.parametrize(
    "how", [pytest.param(how, marks=() if how == "package" else pytest.mark.fault) for how in PROGRAMS]
)
def test_the_command_that_runs_a_program_ends_too(how, there, promised):
    said = refused(
        "run", "train.py", "--tune", "lr", "--metric", "loss {x}", "-n", "20", "--store", "s.db", "--name", "study",
        "--", "--how", how,
    )  # fmt: skip
    assert PROGRAMS[how] in said
    ends_in_time(seen(danlu.stores.SqliteStore("s.db")))
    promised(29, 1, "programs that cannot work, under danlu run")


def test_the_commands_that_run_a_function_end_too(there):
    assert "bad rate" in refused("run", "broken.py:train", "-n", "20", "--store", "s.db", "--name", "study")
    ends_in_time(seen(danlu.stores.SqliteStore("s.db")))
    store = danlu.stores.SqliteStore("t.db")
    with danlu.open_study(SPACE, store=store, trials=20, seed=1) as study:
        study.session.announce()
    assert "bad rate" in refused("worker", "t.db", "broken.py:train", "--study", "study")
    ends_in_time(seen(store))


BEFORE = {
    "constraint": (
        {"space": danlu.Space({"a": danlu.Int(1, 9), "b": danlu.Int(1, 9)}, constraints=["a + b > 40"])},
        "a + b > 40",
    ),
    "limit": ({"limits": ["latency <= 20"], "same": 3}, "latency"),
    "metric": ({"minimize": "val_loss"}, "val_loss"),
    "one of two metrics": ({"minimize": ["value", "cost"]}, "cost"),
}


@pytest.mark.parametrize("case", BEFORE)
def test_a_question_that_has_no_answer_ends_as_early(case):
    how, word = BEFORE[case]
    how = {"space": SPACE, **{name: value for name, value in how.items() if name != "same"}}
    store = danlu.stores.MemoryStore()
    with pytest.raises(DanluError) as caught:
        danlu.tune(lambda trial: {"value": 1.0}, store=store, trials=20, seed=1, **how)
    assert word in str(caught.value)
    ends_in_time(seen(store))


def test_the_table_is_large_enough():
    assert len(CANNOT) + len(PROGRAMS) >= 80
    assert all(few <= CANNOT.keys() for few in FEW.values())
