"""What a person sees when trials fail or programs are ended: exit codes, causes, tracebacks, signals."""

import os
import queue
import signal
import subprocess
import sys
import textwrap
import threading

import pytest

import danlu
from danlu.base.failure import sentence, trace_of
from danlu.errors import DanluError, ObjectiveError

SPACE = {"x": danlu.Float(0, 1)}

PROGRAM = textwrap.dedent(
    """
    import os, signal, sys, time
    import danlu

    space = {"x": danlu.Float(0, 1)}

    def fine(trial):
        return trial["x"]

    def nan(trial):
        return float("nan")

    def odd(trial):
        raise [ValueError, KeyError, OSError, TypeError][trial.number % 4](f"{'abcd'[trial.number % 4]} is missing")

    def broken(trial):
        check(trial["x"])

    def check(value):
        assert value > 2

    def stopped(trial):
        print("begun", flush=True)
        for step in range(1, 1000):
            trial.report(step, value=trial["x"])
            time.sleep(0.01)

    def interrupts(trial):
        raise KeyboardInterrupt("no terminal")

    if __name__ == "__main__":
        if sys.argv[1] == "heard":
            signal.signal(signal.SIGTERM, lambda *_: print("heard", flush=True))
        if sys.argv[1] == "ignored":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        for n in range(2):
            result = danlu.tune(stopped, space, trials=1, store="s.db", name=f"s{n}")
            print("returned", result.study.stopped, flush=True)
    """
)


@pytest.fixture
def there(tmp_path):
    (tmp_path / "own.py").write_text(PROGRAM)
    return tmp_path


def command(there, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "danlu.cli", *map(str, arguments)],
        cwd=there, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_a_run_in_which_every_trial_failed_names_the_cause_in_its_exit(there):
    ran = command(there, "run", "own.py:nan", "-n", 4)
    assert ran.returncode == 1
    assert "no trial of 'nan' has a result: 4 of 4 failed, 4 of them so: value is nan" in ran.stderr
    ran = command(there, "run", "own.py:odd", "-n", 5, "--store", "s.db")
    assert ran.returncode == 1
    assert "5 of 5 failed, 2 of them so: ValueError: a is missing (own.py:" in ran.stderr
    ran = command(there, "worker", "s.db", "own.py:odd", "--study", "odd")
    assert (ran.returncode, "5 of 5 failed" in ran.stderr) == (1, True)


def test_the_best_of_a_study_without_a_result_is_refused_with_the_cause():
    result = danlu.tune(lambda t: float("inf"), SPACE, trials=3)
    with pytest.raises(DanluError, match=r"3 of 3 failed, 3 of them so: value is inf\. result\.why"):
        result.best  # noqa: B018 - it is what a program asks for
    with (
        danlu.open_study(SPACE, trials=3) as study,
        pytest.raises(DanluError, match="has a result yet: 0 asked"),
    ):
        study.result.best  # noqa: B018


def test_a_run_that_has_nothing_to_do_says_so(there):
    for trials in (2, 2):
        ran = command(there, "run", "own.py:fine", "-n", trials, "--store", "s.db")
        assert ran.returncode == 0
    assert "this call has ended no trial" in ran.stderr


def test_a_run_that_cannot_work_shows_the_line_and_only_the_user_s_code(there):
    ran = command(there, "run", "own.py:broken", "-n", 9)
    assert ran.returncode == 2
    assert "AssertionError: assert value > 2 (own.py:" in ran.stderr
    shown = ran.stderr.partition("Traceback")[2]
    assert "in check" in shown
    assert "danlu/engines" not in shown
    whole = subprocess.run(
        [sys.executable, "-m", "danlu.cli", "run", "own.py:broken", "-n", "9"],
        cwd=there, env=os.environ | {"DANLU_TRACEBACK": "full"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "danlu/engines/run.py" in whole.stderr


def raised(act):
    try:
        act()
    except BaseException as error:
        return error
    raise AssertionError("nothing was raised")


def bare():
    return queue.Queue().get_nowait()


def empty():
    return next(iter(()))


def says_nothing():
    raise ValueError


def chain():
    try:
        bare()
    except queue.Empty as error:
        raise RuntimeError("no batch") from error


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (bare, "Empty: return queue.Queue().get_nowait() (test_endings.py:"),
        (empty, "StopIteration: return next(iter(())) (test_endings.py:"),
        (says_nothing, "ValueError (test_endings.py:"),
        (chain, "RuntimeError: no batch, from Empty: return queue.Queue("),
    ],
)
def test_a_failure_without_a_message_shows_its_line(act, words):
    assert words in sentence(raised(act))


def test_each_traceback_of_a_chain_begins_at_the_user_s_code(monkeypatch):
    task_error = {}

    def objective(trial):
        try:
            trial.report(1, "not a number")
        except Exception as error:
            task_error["e"] = error
            raise RuntimeError("training failed") from error

    with pytest.raises(ObjectiveError) as caught:
        danlu.tune(objective, SPACE, trials=3)
    trace = "".join(caught.value.__notes__)
    assert trace.count("in objective") == 2
    assert "engines/run.py" not in trace
    assert "runtime/live.py" in trace  # below the user's code danlu is shown
    assert "in objective" in trace_of(task_error["e"])
    monkeypatch.setenv("DANLU_TRACEBACK", "full")
    with pytest.raises(ObjectiveError) as caught:
        danlu.tune(objective, SPACE, trials=3)
    assert "engines/run.py" in "".join(caught.value.__notes__)


def test_another_worker_of_the_study_gets_the_traceback(tmp_path):
    """It had no failure of its own: it was between trials when the others ended the study."""
    store, first = danlu.stores.SqliteStore(tmp_path / "s.db"), threading.Event()

    def broken(trial):
        raise OSError("no data")

    def waits(trial):
        first.set()
        danlu_failed.wait(60)
        return 0.5

    danlu_failed = threading.Event()
    caught = []

    def other():
        try:
            danlu.tune(waits, SPACE, store=tmp_path / "s.db", trials=9)
        except ObjectiveError as error:
            caught.append(error)

    thread = threading.Thread(target=other)
    thread.start()
    assert first.wait(60)
    with pytest.raises(ObjectiveError, match="no data"):
        danlu.tune(broken, SPACE, store=store, trials=9)
    danlu_failed.set()
    thread.join(60)
    assert "no data" in str(caught[0])
    assert "in broken" in "".join(caught[0].__notes__)


def test_a_process_that_ends_itself_has_failed_like_an_exception(tmp_path):
    def leaves(trial):
        print("fatal: no license for", trial.number, flush=True)
        os._exit(3)

    with pytest.raises(ObjectiveError, match=r"os\._exit.* with code 3; it printed last: fatal: no license"):
        danlu.tune(leaves, SPACE, engine="pool", store=tmp_path / "s.db", trials=9)
    with danlu.open_study(store=tmp_path / "s.db") as study:
        assert [(t.attempt, t.cause) for t in study.result.trials] == [(1, danlu.Cause.RAISED)] * 3


@pytest.mark.parametrize("error", [KeyboardInterrupt("theirs"), SystemExit(0), SystemExit("usage")])
def test_an_end_that_no_signal_asked_for_fails_the_trial(error):
    def objective(trial):
        if trial.number == 1:
            raise error
        return trial["x"]

    result = danlu.tune(objective, SPACE, trials=3)
    assert [t.cause for t in result.trials] == [None, danlu.Cause.RAISED, None]
    assert type(error).__name__ in result.trials[1].reason


def test_a_handler_of_the_objective_s_own_interrupts_the_study():
    def objective(trial):
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.raise_signal(signal.SIGINT)
        return 0.0

    try:
        with pytest.raises(KeyboardInterrupt):
            danlu.tune(objective, SPACE, trials=3)
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.mark.parametrize("made", [None, SystemExit(1), KeyboardInterrupt(), RuntimeError("training failed")])
def test_two_signals_interrupt_at_once_whatever_a_library_makes_of_them(made):
    def objective(trial):
        signal.raise_signal(signal.SIGINT)
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            if made is None:
                raise
            raise made  # noqa: B904 - as libraries do
        return 0.0

    with pytest.raises(KeyboardInterrupt):
        danlu.tune(objective, SPACE, trials=3)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("kind", ["default", "heard", "ignored"])
def test_sigterm_does_to_a_program_what_it_does_without_a_study(there, kind):
    program = subprocess.Popen(
        [sys.executable, "own.py", kind], cwd=there, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert program.stdout.readline() == "begun\n"
    program.send_signal(signal.SIGTERM)
    if kind == "ignored":
        assert program.poll() is None
        program.send_signal(signal.SIGINT)
    said = program.stdout.readline()
    if kind == "default":
        assert (said, program.wait(60)) == ("", 143)
    else:
        if kind == "heard":
            assert said == "heard\n"
            said = program.stdout.readline()
        ended = "asked to leave by SIGTERM" if kind == "heard" else "interrupted by Ctrl-C"
        assert said == f"returned {ended}\n"
        assert program.stdout.readline() == "begun\n"  # the loop goes on to its next study
        program.kill()
        program.wait(60)
    program.stdout.close()
    program.stderr.close()
    with danlu.open_study(store=there / "s.db", name="s0") as study:
        assert study.result.trials[0].deaths == 0
        assert study.result.trials[0].status is danlu.Status.WAITING


FORKS = """
import multiprocessing
import time

import danlu


def sleep(begun):
    begun.set()
    for _ in range(72000):  # a signal that comes between Python's last look and one long sleep is heard when that is over
        time.sleep(0.05)


def forks(trial):
    context = multiprocessing.get_context("fork")
    with context.Pool(2) as pool:  # which ends its processes by SIGTERM
        total = sum(pool.map(abs, [trial["x"], 1]))
    child = context.Process(target=time.sleep, args=(3600,))
    child.start()
    child.terminate()  # at once, whatever the child has come to
    child.join()
    assert child.exitcode == -signal.SIGTERM, child.exitcode
    begun = context.Event()
    child = context.Process(target=sleep, args=(begun,))
    child.start()
    begun.wait()
    os.kill(child.pid, signal.SIGINT)
    child.join()
    assert child.exitcode == 1, child.exitcode  # of a KeyboardInterrupt
    return total


space = {"x": danlu.Float(0, 1)}
if __name__ == "__main__":
    print(danlu.tune(forks, space, minimize="value", trials=2))
"""


@pytest.mark.parametrize(
    "how", [["own.py"], ["-m", "danlu", "run", "own.py:forks", "-n", "2", "--minimize", "value"]]
)
def test_processes_that_an_objective_forks_end_when_they_are_told_to(tmp_path, how):
    """danlu's handlers of SIGTERM and Ctrl-C are its own process's; a forked one that kept them would never end."""
    (tmp_path / "own.py").write_text(
        FORKS.replace("import multiprocessing", "import multiprocessing, os, signal", 1)
    )
    ran = subprocess.run(
        [sys.executable, *how], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert "2 done" in ran.stdout
    assert "running trials stop" not in ran.stderr


def test_a_clock_that_an_objective_replaces_costs_no_result(monkeypatch, promised):
    import time

    def backwards(trial):
        with monkeypatch.context() as patch:
            patch.setattr(time, "monotonic", lambda: 0.0)
            trial.report(1, loss=trial["x"])
            if trial.number % 2:
                raise ValueError("it fails beside that")

    result = danlu.tune(backwards, {"x": danlu.Float(0, 1)}, minimize="loss", trials=4, seed=1)
    assert [trial.status.name for trial in result.trials] == ["DONE", "FAILED"] * 2
    assert all(trial.seconds >= 0 for trial in result.trials)
    promised(31, 4, "clocks that an objective replaced")


def test_an_objective_that_stops_itself_is_done_with_what_it_reported():
    """As code does that was written for a tool whose objectives end their trials."""

    def prunes(trial):
        trial.report(1, loss=trial["x"])
        if trial["x"] > 0.5:
            raise danlu.TrialStopped
        trial.report(2, loss=trial["x"] / 2)

    result = danlu.tune(prunes, SPACE, minimize="loss", trials=8, seed=2, scheduler="none")
    assert {trial.status.name for trial in result.trials} == {"DONE"}
    assert {len(trial.curve) for trial in result.trials} == {1, 2}
    assert sum("raises TrialStopped by itself" in line for line in result.why()) == 1

    def pauses(trial):
        raise danlu.errors.TrialPaused("a break")

    with pytest.raises(ObjectiveError, match="TrialPaused: a break .*raised it by itself"):
        danlu.tune(pauses, SPACE, trials=4)


def test_a_process_that_its_objective_ended_is_told_of_by_the_next(tmp_path):
    """Inline it is the caller's own process, which has no chance to say so."""
    (tmp_path / "ends.py").write_text(
        "import os, danlu\nlimits = danlu.TrialLimits(retries=1)\n"
        "danlu.tune(lambda trial: os._exit(3), {'x': danlu.Float(0, 1)}, trials=2, store='s.db', trial_limits=limits)\n"
    )
    said = []
    for _ in range(3):
        ran = subprocess.run([sys.executable, "ends.py"], cwd=tmp_path, capture_output=True, text=True)
        assert ran.returncode == 3
        said.append("trial 0 is taken up again" in ran.stderr)
    assert said == [False, True, False]
    assert "trial 0 is given up: its worker died 2 times; this configuration is quarantined" in ran.stderr
