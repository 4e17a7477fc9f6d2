"""Processes watched for themselves: dead is dead whoever holds the pipe, and all that belongs to one counts and ends with it."""

import os
import re
import resource
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import danlu
from danlu import Cause, Float, Status
from danlu.programs.arguments.flags import flags_of
from danlu.programs.command import Command, _ask_to_leave
from danlu.runtime import processes

SPACE = {"x": Float(0, 1)}


def start(code):
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip


def ended(process):
    processes.end(process.pid)
    process.stdout.close()
    process.stdin.close()
    return process.wait()


def test_the_dead_are_known_while_others_hold_their_pipe():
    """The fork that is left never ends; what was written before the death is heard whole."""
    process = start("""
        import os, time
        if os.fork() == 0:
            time.sleep(600)
        os.write(1, b"x" * 50_000)
        os.abort()
    """)
    assert b"".join(processes.hear(process.pid, process.stdout.fileno())) == b"x" * 50_000
    assert processes.is_dead(process.pid)
    left = processes.belonging(process.pid, processes.listed())
    assert len(left) == 1
    assert ended(process) == -6
    assert processes.belonging(process.pid, processes.listed()) == []


def test_a_process_that_closes_its_pipe_is_watched_while_it_lives():
    process = start("import os, sys; os.close(1); sys.stdin.read(); os._exit(4)")
    assert list(processes.hear(process.pid, process.stdout.fileno(), linger=0.05)) == []
    assert not processes.is_dead(process.pid)
    assert ended(process) == -9


RELAY = "trap 'sleep 0.3; echo ended > told; exit' TERM; echo ready; while :; do sleep 0.02; done"
"""As srun is: asked to leave it takes a while to end what it stands for elsewhere, killed it leaves that running."""


def test_a_program_in_a_group_of_its_own_is_asked_before_it_is_killed_with_its_worker(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    worker = start(f"""
        import signal, subprocess, sys
        signal.signal(signal.SIGTERM, lambda *_: open("asked", "w"))  # a worker has nothing to say
        own = subprocess.Popen(["sh", "-c", {RELAY!r}], process_group=0)
        same = subprocess.Popen([sys.executable, "-c", "import signal; signal.signal(signal.SIGTERM, lambda *_: open('asked', 'w')); signal.pause()"])
        signal.pause()
    """)
    assert worker.stdout.readline() == b"ready\n"
    assert ended(worker) == -9
    assert (tmp_path / "told").read_text() == "ended\n"
    assert not (tmp_path / "asked").exists()
    assert processes.belonging(worker.pid, processes.listed()) == []


def test_what_is_found_by_its_mark_is_asked_first(tmp_path):
    left = subprocess.Popen(
        ["sh", "-c", RELAY], cwd=tmp_path, stdout=subprocess.PIPE, env={**os.environ, "MARKED": f"other {tmp_path.name}"}
    )  # fmt: skip
    with left:
        assert left.stdout.readline() == b"ready\n"
        processes.end_marked("MARKED", tmp_path.name)
        assert (tmp_path / "told").read_text() == "ended\n"


def test_what_does_not_leave_is_killed(monkeypatch):
    worker = start("""
        import signal, subprocess
        subprocess.Popen(["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.02; done"], process_group=0)
        signal.pause()
    """)
    assert worker.stdout.readline() == b"ready\n"
    monkeypatch.setattr(processes, "LEAVE_SECONDS", 0.2)
    assert ended(worker) == -9
    assert processes.belonging(worker.pid, processes.listed()) == []


def test_what_a_shell_has_started_may_leave_after_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "relay.sh").write_text(RELAY + "\n")
    line = ["sh", "-c", "sh relay.sh & wait"]
    with subprocess.Popen(line, stdout=subprocess.PIPE, start_new_session=True) as shell:
        assert shell.stdout.readline() == b"ready\n"
        _ask_to_leave(shell)
        assert (tmp_path / "told").read_text() == "ended\n"


def test_what_belongs_to_a_worker_in_groups_and_sessions_of_their_own_ends_with_it():
    process = start("""
        import os, subprocess, sys, time
        subprocess.Popen(["sleep", "600"], process_group=0)
        subprocess.Popen(["sleep", "600"], start_new_session=True)
        print(flush=True)
        time.sleep(600)
    """)
    next(processes.hear(process.pid, process.stdout.fileno()))
    own = processes.belonging(process.pid, processes.listed())
    assert len(own) == 3
    ended(process)
    there = processes.listed()
    assert [each for each in own if each.pid in there and there[each.pid].state not in "ZX"] == []


def test_pages_that_processes_share_are_counted_once():
    process = start("""
        import os, time
        held = bytearray(os.urandom(1)) * (100 << 20)
        for _ in range(3):
            if os.fork() == 0:
                time.sleep(600)
        print(flush=True)
        time.sleep(600)
    """)
    next(processes.hear(process.pid, process.stdout.fileno()))
    own = processes.belonging(process.pid, processes.listed())
    assert len(own) == 4
    assert sum(each.resident for each in own) > 300 << 20
    assert 100 << 20 < processes.memory(own, 200 << 20) < 200 << 20
    ended(process)


def test_the_memory_of_a_trial_is_that_of_all_its_processes():
    def spread(trial):
        import subprocess
        import sys

        hold = "held = bytearray(b'x') * (150 << 20); print(flush=True); import time; time.sleep(600)"
        for _ in range(3):
            child = subprocess.Popen([sys.executable, "-c", hold], stdout=subprocess.PIPE)
            child.stdout.readline()
        child.wait()

    def alone(trial):
        return float(len(bytearray(b"x") * (20 << 20)))

    result = danlu.tune(
        spread,
        SPACE,
        trials=1,
        engine="pool",
        trial_limits=danlu.TrialLimits(memory=300 << 20, time=60, same_failures=0),
    )
    trial = result.trials[0]
    assert trial.cause is Cause.MEMORY
    assert re.search(r"it used \d+ MiB in \d processes, its limit is 300 MiB", trial.reason), trial.reason
    assert (
        danlu.tune(
            alone, SPACE, trials=2, engine="pool", trial_limits=danlu.TrialLimits(memory=300 << 20)
        ).best.value
        == 20 << 20
    )


def test_what_a_trial_left_behind_is_not_on_the_next_ones_account():
    def leaves(trial):
        import subprocess
        import sys

        hold = "held = bytearray(b'x') * (150 << 20); print(flush=True); import time; time.sleep(600)"
        child = subprocess.Popen([sys.executable, "-c", hold], stdout=subprocess.PIPE)
        child.stdout.readline()
        return 1.0

    result = danlu.tune(
        leaves, SPACE, trials=3, engine="pool", trial_limits=danlu.TrialLimits(memory=300 << 20)
    )
    assert [trial.status for trial in result.trials] == [Status.DONE] * 3


def test_the_memory_of_a_program_is_that_of_all_its_processes(tmp_path):
    program = tmp_path / "spread.py"
    program.write_text(
        textwrap.dedent("""
        import argparse, subprocess, sys
        parser = argparse.ArgumentParser()
        parser.add_argument("--x", type=float)
        parser.parse_args()
        hold = "held = bytearray(b'x') * (150 << 20); print(flush=True); import time; time.sleep(600)"
        for _ in range(3):
            child = subprocess.Popen([sys.executable, "-c", hold], stdout=subprocess.PIPE)
            child.stdout.readline()
        child.wait()
    """)
    )
    result = danlu.tune(
        script(program), SPACE, minimize="loss", trials=1, engine="pool", trial_limits=danlu.TrialLimits(memory=300 << 20, time=60, same_failures=0) )  # fmt: skip
    assert result.trials[0].cause is Cause.MEMORY


def script(program):
    flag = next(flag for flag in flags_of(str(program)) if flag.name == "x")
    return Command(str(program), {"x": flag}, ["loss: {loss}"])


PROGRAM = """
import argparse, os, subprocess, sys, time
parser = argparse.ArgumentParser()
parser.add_argument("--x", type=float)
x = parser.parse_args().x
print("loss:", x, flush=True)
"""
LEFT = {
    "a fork that sleeps": "if os.fork() == 0: time.sleep(600)",
    "a fork that prints for ever": "if os.fork() == 0:\n    while True: print('noise', flush=True); time.sleep(0.01)",
    "a program": "subprocess.Popen(['sleep', '600'])",
    "a program with a group": "subprocess.Popen(['sleep', '600'], process_group=0)",
    "a daemon": "if os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0: time.sleep(4)\n    os._exit(0)",
    "closed streams": "os.close(1); os.close(2)",
    "everything closed": "os.closerange(0, 1024)",
    "nothing": "pass",
}


@pytest.mark.parametrize("engine", ["inline", "pool"])
@pytest.mark.parametrize("left", LEFT)
def test_a_program_that_leaves_something_behind_holds_nothing_up(tmp_path, left, engine):
    program = tmp_path / "leaves.py"
    program.write_text(f"{PROGRAM}{LEFT[left]}\nos._exit(0)\n")
    result = danlu.tune(script(program), SPACE, minimize="loss", trials=2, engine=engine, seed=1)
    assert [trial.status for trial in result.trials] == [Status.DONE] * 2
    assert all(trial.metrics["loss"] == pytest.approx(trial.params["x"]) for trial in result.trials)


def test_a_program_ends_with_the_worker_that_runs_it(tmp_path):
    program = tmp_path / "stays.py"
    program.write_text(
        PROGRAM + f"open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\ntime.sleep(600)\n"
    )
    result = danlu.tune(
        script(program),
        SPACE,
        minimize="loss",
        trials=1,
        engine="pool",
        trial_limits=danlu.TrialLimits(time=3, same_failures=0),
    )
    assert result.trials[0].cause is Cause.TIMEOUT
    there = processes.listed().get(int((tmp_path / "pid").read_text()))
    assert there is None or there.state in "ZX"


# A log that cannot be written.


@pytest.mark.parametrize("how", ["full", "no folder", "is a folder"])
def test_a_result_is_good_although_its_log_cannot_be_written(tmp_path, how, capfd):
    store = tmp_path / "s.db"
    log = Path(f"{store}.blobs/logs/study/000000.log")
    if how == "no folder":
        log.parent.parent.mkdir(parents=True)
        log.parent.write_text("a file")
    else:
        log.parent.mkdir(parents=True)
        log.symlink_to("/dev/full") if how == "full" else log.mkdir()

    def talks(trial):
        print("y" * 100_000)
        return trial["x"]

    result = danlu.tune(talks, SPACE, trials=2, engine="pool", store=store)
    assert [trial.status for trial in result.trials] == [Status.DONE] * 2
    assert "Its result stands" in capfd.readouterr().err


# Where threads cannot have descriptors of their own.


def test_pipes_survive_loops_over_descriptors_where_threads_share_them(tmp_path, monkeypatch):
    (tmp_path / "sitecustomize.py").write_text(
        "import danlu.engines.line as line\nline._own_descriptors = lambda: False\n"
    )
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))

    def closes(trial):
        if trial.number == 0:
            os.closerange(3, 1024)
        if trial.number == 1 and os.fork() == 0:
            return -1.0
        if trial.number == 2:
            os.closerange(3, 70_000)
        return float(trial.number)

    assert resource.getrlimit(resource.RLIMIT_NOFILE)[1] > 4200
    result = danlu.tune(
        closes, SPACE, trials=4, engine="pool", trial_limits=danlu.TrialLimits(same_failures=0)
    )
    assert [(trial.status, trial.metrics.get("value")) for trial in result.trials] == [
        (Status.DONE, 0.0), (Status.DONE, 1.0), (Status.FAILED, None), (Status.DONE, 3.0),
    ]  # fmt: skip
    assert "closed the pipe" in result.trials[2].reason


def test_a_limit_that_counts_one_process_alone_is_noticed(monkeypatch):
    monkeypatch.setattr(processes, "memory", lambda own, limit: max(each.resident for each in own))
    limits = danlu.TrialLimits
    monkeypatch.setattr(
        danlu, "TrialLimits", lambda **how: limits(**how | ({"time": 6} if "time" in how else {}))
    )
    with pytest.raises(AssertionError):
        test_the_memory_of_a_trial_is_that_of_all_its_processes()
