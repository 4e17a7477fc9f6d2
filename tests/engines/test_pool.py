"""The process pool with real processes: causes told apart, limits kept, nothing left behind."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from objectives import SPACE, causes, resumable
from places import TESTS

import danlu
from danlu import Cause, Float, Status
from danlu.errors import MissingExtra, ObjectiveError, SettingError


@pytest.fixture(scope="module")
def matrix(tmp_path_factory):
    """Fourteen trials that end in every way, in one study of one store."""
    store = tmp_path_factory.mktemp("matrix") / "s.db"
    result = danlu.tune(
        causes, SPACE, trials=14, workers=2, store=store, seed=1, trial_limits=danlu.TrialLimits(retries=1, time=8, memory=2 << 30) )  # fmt: skip
    return result, store


def test_every_cause_is_told_apart_and_none_stops_the_study(matrix, promised):
    found = {t.number: (t.status, t.cause) for t in matrix[0].trials}
    assert found == {
        0: (Status.DONE, None),
        1: (Status.FAILED, Cause.RAISED),
        2: (Status.FAILED, Cause.CRASHED),
        3: (Status.FAILED, Cause.CRASHED),
        4: (Status.FAILED, Cause.MEMORY),
        5: (Status.FAILED, Cause.TIMEOUT),
        6: (Status.FAILED, Cause.DIVERGED),
        7: (Status.FAILED, Cause.DIVERGED),
        8: (Status.FAILED, Cause.INVALID),
        9: (Status.FAILED, Cause.DIVERGED),
        10: (Status.FAILED, Cause.RAISED),
        11: (Status.FAILED, Cause.RAISED),
        12: (Status.DONE, None),
        13: (Status.DONE, None),
    }
    promised(
        8,
        14,
        "ways to end in one study: raise, abort, SIGKILL, over memory, over time (hung), NaN, inf, text, exits, SIGTERM",
    )


def test_each_cause_has_its_own_policy(matrix, promised):
    trials = matrix[0].trials
    attempts = [t.attempt for t in trials]
    assert attempts[2] == attempts[3] == 2  # crashed: taken up once more, then quarantined
    assert attempts[12] == 2  # pre-empted: taken up again, no death on its account
    assert trials[12].deaths == 0
    assert [attempts[n] for n in (1, 4, 5, 6, 8, 10, 11)] == [1] * 7  # these would only fail again
    promised(9, 3, "configurations that kill their worker each time: quarantined, visible")


def test_reasons_are_sentences_a_person_can_use(matrix):
    reasons = [t.reason for t in matrix[0].trials]
    assert "ValueError: raised on purpose (objectives.py:" in reasons[1]
    assert "SIGABRT" in reasons[2]
    assert "SIGKILL" in reasons[3]
    assert "limit of 8 s" in reasons[5]
    assert "got 'a string'" in reasons[8]
    assert "value is nan at step 2" in reasons[9]
    assert (
        "the process exited by itself (os._exit, or a library that ends its process) with code 7"
        in reasons[11]
    )


def test_what_a_trial_prints_is_kept_with_it(matrix):
    log = Path(f"{matrix[1]}.blobs/logs/study/000013.log").read_text()
    assert "printed by trial 13" in log
    assert "warned by trial 13" in log
    assert "raised on purpose" in Path(f"{matrix[1]}.blobs/logs/study/000001.log").read_text()


def test_no_worker_is_left_behind(matrix):
    listed = subprocess.run(["ps", "-eo", "ppid,args"], capture_output=True, text=True, check=True).stdout
    mine = [
        line for line in listed.splitlines() if "danlu.engines.child" in line and f"{os.getpid()} " in line
    ]
    assert mine == []


def test_objectives_from_anywhere_can_be_sent():
    offset = 2.0

    def closure(trial):
        return trial["x"] + offset

    space = {"x": Float(0, 1)}
    for objective in (
        closure,
        lambda t: t["x"] + 2,
        "objectives:from_scratch",
        f"{TESTS}/objectives.py:from_scratch",
    ):
        goal = {"minimize": "loss"} if isinstance(objective, str) else {}
        result = danlu.tune(objective, space, trials=3, workers=2, seed=1, **goal)
        assert [t.status for t in result.trials] == [Status.DONE] * 3


def test_what_cannot_be_sent_is_named():
    lock = threading.Lock()  # which cannot be pickled
    with pytest.raises(ObjectiveError, match=r"cannot be sent to a worker process.*name it by import path"):
        danlu.tune(lambda t: lock.locked(), {"x": Float(0, 1)}, workers=2)
    with pytest.raises(ObjectiveError, match="has no 'resumabel'. Did you mean 'resumable'"):
        danlu.tune("objectives:resumabel", {"x": Float(0, 1)}, workers=2)
    with pytest.raises(ObjectiveError, match="there is no file"):
        danlu.tune("nowhere.py:f", {"x": Float(0, 1)}, workers=2)


def test_a_missing_extra_names_itself(monkeypatch):
    monkeypatch.setitem(sys.modules, "cloudpickle", None)
    with pytest.raises(MissingExtra, match=re.escape('pip install "danlu[parallel]"')):
        danlu.tune(lambda t: 1.0, {"x": Float(0, 1)}, workers=2)


def test_workers_that_cannot_load_the_objective_say_why(tmp_path):
    module = tmp_path / "breaks.py"
    module.write_text(
        "import os\nif os.environ.get('DANLU_SLOT'): raise RuntimeError('only in workers')\ndef f(t): pass\n"
    )
    with pytest.raises(ObjectiveError, match="only in workers"):
        danlu.tune(f"{module}:f", {"x": Float(0, 1)}, workers=2)


def test_slots_deal_out_gpus_and_threads():
    def see(trial):
        trial.log(gpu=os.environ["CUDA_VISIBLE_DEVICES"], threads=os.environ["OMP_NUM_THREADS"])
        trial.log(wait=os.environ["OMP_WAIT_POLICY"])
        time.sleep(0.2)
        return 1.0

    result = danlu.tune(see, {"x": Float(0, 1)}, trials=6, engine=danlu.engines.Pool(3, gpus=2))
    assert {t.facts["gpu"] for t in result.trials} == {"0", "1"}
    assert {t.facts["wait"] for t in result.trials} == {"PASSIVE"}
    with pytest.raises(SettingError, match="workers to be a whole number >= 1, got 0"):
        danlu.engines.Pool(0)


def test_limits_need_processes():
    with pytest.raises(SettingError, match=r"engine=danlu.engines.Pool\(workers=1\)"):
        danlu.tune(lambda t: 1.0, {"x": Float(0, 1)}, trial_limits=danlu.TrialLimits(time=1), engine="inline")


def test_pool_and_inline_agree(tmp_path):
    alike = []
    for engine in ("inline", "pool"):
        result = danlu.tune(
            resumable,
            SPACE,
            minimize="loss",
            trials=4,
            seed=3,
            engine=engine,
            store=tmp_path / f"{engine}.db",
        )
        alike.append([(t.params, t.metrics, t.curve) for t in result.trials])
    assert alike[0] == alike[1]


def wait_for(condition, what):
    for _ in range(600):
        if condition():
            return
        time.sleep(0.05)
    pytest.fail(f"waited half a minute for {what}")


def start(*arguments, **options):
    return subprocess.Popen([sys.executable, str(TESTS / "objectives.py"), *map(str, arguments)], **options)


def steps_of(store):
    from danlu.journal.history import History

    try:
        history = History()
        history.fold(danlu.stores.SqliteStore(store).journal("study").read(0))
    except danlu.DanluError:
        return 0
    return len(history.reports)


def test_a_killed_driver_goes_on_where_it_was(tmp_path):
    store = tmp_path / "s.db"
    child = start("resumable", store, 6, 2)
    wait_for(lambda: steps_of(store) >= 8, "eight reports")
    child.kill()
    child.wait()
    result = danlu.tune(
        resumable, SPACE, minimize="loss", trials=6, workers=2, store=store, seed=1, sampler="quasirandom"
    )
    whole = danlu.tune(resumable, SPACE, minimize="loss", trials=6, seed=1, sampler="quasirandom")
    assert [(t.params, t.metrics, t.curve) for t in result.trials] == [
        (t.params, t.metrics, t.curve) for t in whole.trials
    ]
    wait_for(lambda: "objectives.py resumable" not in _processes(), "the workers to follow their driver")


def _processes():
    return subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(("times", "number"), [(1, signal.SIGINT), (2, signal.SIGINT), (1, signal.SIGTERM)])
def test_control_c_once_drains_and_twice_requeues(tmp_path, times, number, promised):
    store = tmp_path / "s.db"
    step = "0.05" if times == 1 else "2"  # time enough for the second signal to come before the next report
    environment = os.environ | {"DANLU_TEST_STEP": step}
    child = start("slow", store, 2, 2, stderr=subprocess.PIPE, text=True, env=environment)
    wait_for(lambda: steps_of(store) >= 4, "four reports")
    child.send_signal(number)
    errors = ""
    if times == 2:
        while "press Ctrl-C again" not in errors:  # the first one has arrived
            errors += child.stderr.readline()
        child.send_signal(number)
    errors += child.communicate(timeout=30)[1]
    left = 143 if number == signal.SIGTERM else 0 if times == 1 else -signal.SIGINT
    assert child.returncode == left, errors
    from danlu.journal.history import History

    history = History()
    history.fold(danlu.stores.SqliteStore(store).journal("study").read(0))
    assert [row.status for row in history.rows] == [Status.WAITING] * 2
    assert all(row.usable() for row in history.rows)
    assert {row.deaths for row in history.rows} == {0}
    if times == 1:
        assert ("press Ctrl-C again" if number == signal.SIGINT else "then this program ends") in errors
        assert "closed" in history.decisions.log[-1][1]
    else:
        assert "KeyboardInterrupt" in errors
    promised(23, 1, "Ctrl-C once, twice, SIGTERM")


def test_callbacks_see_each_trial_once_and_a_target_ends_the_others(tmp_path):
    seen, begun = [], tmp_path / "begun"

    def train(trial):
        for step in range(1, 500):
            trial.report(step, loss=float("nan") if trial.number == 0 else 1 / step)
            if trial.number == 2:
                begun.touch()
                time.sleep(0.1)
            while trial.number == 1 and not begun.exists():
                time.sleep(0.01)

    result = danlu.tune(
        train, {"x": Float(0, 1)}, minimize="loss", target=0.01, trials=3, workers=2, scheduler=danlu.schedulers.Diverged(),
        callbacks=[lambda result, trial: seen.append(trial.number)],
    )  # fmt: skip
    assert sorted(seen) == [0, 1]
    assert result.study.stopped == "the target was reached in trial 1"
    assert result.trials[2].status is Status.WAITING


def test_a_time_budget_ends_trials_in_the_middle_and_a_larger_one_resumes_them(tmp_path):
    def train(trial):
        for step in range(trial.restore() + 1, 41):
            trial.save(step)
            trial.report(step, loss=1 / step)
            time.sleep(0.02)

    for engine in ("inline", "pool"):
        store = tmp_path / f"{engine}.db"
        first = danlu.tune(train, {"x": Float(0, 1)}, minimize="loss", time=0.6, store=store, engine=engine)
        assert "seconds is spent" in first.study.stopped
        assert [trial.status for trial in first.trials] == [Status.WAITING]
        then = danlu.tune(
            train, {"x": Float(0, 1)}, minimize="loss", time=600, trials=1, store=store, engine=engine
        )
        assert then.trials[0].curve.steps == tuple(range(1, 41))


def test_memory_that_creeps_up_is_noticed_from_outside():
    def creep(trial):
        held = [bytearray(10 << 20) for _ in range(28)]  # the address space allows it, the limit does not
        time.sleep(30)
        return len(held)

    result = danlu.tune(
        creep,
        {"x": Float(0, 1)},
        trials=1,
        engine="pool",
        trial_limits=danlu.TrialLimits(memory=300 << 20, time=60),
    )
    trial = result.trials[0]
    assert trial.cause is Cause.MEMORY
    assert re.search(r"it used \d+ MiB, its limit is 300 MiB", trial.reason)
    assert trial.seconds < 20


def test_a_person_ends_one_trial_from_another_process_and_the_study_goes_on(tmp_path):
    store = tmp_path / "s.db"
    child = start("slow", store, 2, 1, stderr=subprocess.PIPE)
    wait_for(lambda: steps_of(store) >= 3, "three reports")
    with danlu.open_study(store=store) as study:
        study.tell(0, failed="cancelled")
        wait_for(lambda: len(study.result.trials) == 2, "the worker to go on with new work")
        trial = study.result.trials[0]
        assert (trial.status, trial.cause) == (Status.FAILED, Cause.CANCELLED)
    child.send_signal(signal.SIGINT)
    child.communicate(timeout=30)


SPEAKS = """
import danlu, sys

def speaks(trial):
    print("丹 to its log")
    sys.stderr.write("炉 as well\\n")
    return trial["x"]

result = danlu.tune(
    speaks, {"x": danlu.Float(0, 1)}, trials=1, store=sys.argv[1], name="s", workers=2, minimize="loss"
)
assert result.best.status is danlu.Status.DONE
"""


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_a_log_is_utf8_in_any_locale(tmp_path, encoding):
    """An encoding that lacks a letter is no reason for a trial to fail."""
    program = tmp_path / "speaks.py"
    program.write_text(SPEAKS, "utf-8")
    store = tmp_path / "s.db"
    environment = os.environ | {"PYTHONIOENCODING": encoding}
    ran = subprocess.run([sys.executable, program, store], env=environment, capture_output=True)
    assert ran.returncode == 0, ran.stderr
    log = Path(f"{store}.blobs/logs/s/000000.log").read_text("utf-8")
    assert "丹 to its log" in log
    assert "炉 as well" in log
