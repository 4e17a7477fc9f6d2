"""How a command ends with danlu, and with what is too large: nothing of it is left, and the study goes on."""

import os
import pathlib
import signal
import subprocess
import sys
import time

import danlu
from danlu.programs import Command, program_of
from danlu.stores import SqliteStore

SLEEPS = """
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
with open("pids", "a") as file:
    print(os.getpid(), child.pid, file=file)
print("loss 0.5", flush=True)
if os.path.exists("wait"):
    time.sleep(600)
child.kill()
"""

GROWS = """
import sys, time
held = bytearray(1 << 20)
print("loss 0.5", flush=True)
if float(sys.argv[1]) > 0.5:
    held = bytearray(600 << 20)
    held[::4096] = b"x" * len(held[::4096])
    time.sleep(600)
"""


def is_there(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with pathlib.Path(f"/proc/{pid}/stat").open() as file:
        return file.read().rpartition(")")[2].split()[0] not in "ZX"


def test_ctrl_c_ends_the_program_and_all_it_started_and_the_same_call_goes_on(tmp_path):
    (tmp_path / "train.py").write_text(SLEEPS)
    (tmp_path / "wait").touch()
    line = [sys.executable, "-m", "danlu", "run", "--tune", "x=0.0:1.0", "--metric", "loss {x}", "-n", "2", "--store", "s.db", "--name", "s", "--",
            sys.executable, "train.py", "{x}"]  # fmt: skip
    run = subprocess.Popen(line, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 60
    while not (tmp_path / "pids").exists() or not (tmp_path / "pids").read_text().endswith("\n"):
        assert time.monotonic() < until
        assert run.poll() is None, run.communicate()
        time.sleep(0.05)
    pids = [int(word) for word in (tmp_path / "pids").read_text().split()]
    run.send_signal(signal.SIGINT)  # once: drain what runs
    run.send_signal(signal.SIGINT)
    while run.poll() is None and time.monotonic() < until:
        run.send_signal(signal.SIGINT)  # again: hand it back
        time.sleep(0.5)
    out, err = run.communicate(timeout=60)
    assert run.returncode in {130, -signal.SIGINT}, out + err  # a shell says 130 of both
    assert not [pid for pid in pids if is_there(pid)]
    (tmp_path / "wait").unlink()
    again = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert again.returncode == 0, again.stderr
    with danlu.open_study(store=SqliteStore(tmp_path / "s.db"), name="s") as study:
        assert [trial.status.name for trial in study.result.trials] == ["DONE"] * 2


def test_a_program_that_grows_beyond_its_limit_is_ended_and_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text(GROWS)
    program, fixed = program_of([sys.executable, "train.py", "{x}"])
    result = danlu.tune(
        Command(program, {}, ["loss {x}"], fixed=fixed), {"x": danlu.Float(0, 1)}, minimize="loss", trials=4, seed=1, engine="pool",
        sampler="quasirandom", trial_limits=danlu.TrialLimits(memory=400 << 20, retries=0),
    )  # fmt: skip
    causes = {trial.params["x"] > 0.5: (trial.status.name, trial.cause) for trial in result.trials}
    assert causes == {True: ("FAILED", danlu.Cause.MEMORY), False: ("DONE", None)}


DAEMON = """
import os, sys
read, write = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.write(write, b"%d" % os.getpid())
        os.execvp("sleep", ["sleep", "600"])
    os._exit(0)
print("daemon", os.read(read, 20).decode())
print("loss", sys.argv[1], flush=True)
sys.exit(float(sys.argv[1]) > 0.5)
"""


def test_a_daemon_ends_with_its_trial(tmp_path, monkeypatch):
    """It has left the session, and its parents are dead."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text(DAEMON)
    program, fixed = program_of([sys.executable, "train.py", "{x}"])
    other = subprocess.Popen(["sleep", "600"])
    try:
        result = danlu.tune(
            Command(program, {}, ["loss {x}"], fixed=fixed), {"x": danlu.Float(0, 1)}, minimize="loss", trials=4, sampler="quasirandom",
            store="s.db", keep="all", seed=1, watch=False, trial_limits=danlu.TrialLimits(same_failures=0),
        )  # fmt: skip
        assert {trial.status for trial in result.trials} == {danlu.Status.DONE, danlu.Status.FAILED}
        logs = [(result.dir(trial.number) / "log.txt").read_text() for trial in result.trials]
        daemons = [int(line.split()[1]) for log in logs for line in log.splitlines() if "daemon" in line]
        assert len(daemons) == 4
        assert not [pid for pid in daemons if is_there(pid)]
        assert is_there(other.pid)
    finally:
        other.kill()
        other.wait()


HELD = """
import os, sys, time

def lives(pid):
    try:
        return open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False

with open("daemons", "a+") as file:
    file.seek(0)
    print("left", [pid for pid in map(int, file.read().split()) if lives(pid)])
    read, write = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.write(write, b"%d" % os.getpid())
            os.execvp("sleep", ["sleep", "600"])
        os._exit(0)
    print(os.read(read, 20).decode(), file=file)
    os.wait()
print("loss 0.5", flush=True)
with open("workers", "a") as file:
    print(os.getppid(), file=file)
if os.path.exists("wait"):
    time.sleep(600)
"""


def numbers(path):
    return [int(word) for word in path.read_text().split()] if path.exists() else []


def started(folder):
    """A study of one trial whose program has left a daemon and sleeps: the command, its driver, the worker, the daemon."""
    (folder / "train.py").write_text(HELD)
    (folder / "wait").touch()
    line = [sys.executable, "-m", "danlu", "run", "--tune", "x=0.0:1.0", "--metric", "loss {x}", "-n", "1", "--store", "s.db", "--name", "s", "--",
            sys.executable, "train.py", "{x}"]  # fmt: skip
    driver = subprocess.Popen(
        line, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    await_(lambda: (folder / "workers").exists() and (folder / "workers").read_text().endswith("\n"))
    return line, driver, numbers(folder / "workers")[0], numbers(folder / "daemons")[0]


def await_(there):
    until = time.monotonic() + 100
    while not there():
        assert time.monotonic() < until
        time.sleep(0.05)


def marked(word):
    return subprocess.Popen(["sleep", "600"], env={**os.environ, "DANLU_RUN": word}, start_new_session=True)


def test_a_daemon_ends_with_its_driver(tmp_path):
    _, driver, _, daemon = started(tmp_path)
    assert is_there(daemon)
    driver.kill()
    driver.wait()
    await_(lambda: not is_there(daemon))


def test_a_daemon_ends_before_another_takes_its_trial_up(tmp_path):
    """Driver and worker are killed at once, so nobody is left to notice."""
    line, driver, worker, daemon = started(tmp_path)
    other = marked("0" * 32)
    try:
        os.kill(driver.pid, signal.SIGSTOP)
        os.kill(worker, signal.SIGKILL)
        driver.kill()
        driver.wait()
        assert is_there(daemon)
        (tmp_path / "wait").unlink()
        again = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, timeout=120)
        assert again.returncode == 0, again.stderr
        log = next((tmp_path / "s.db.blobs/trials/s").glob("*/log.txt"))
        assert [text for text in log.read_text().splitlines() if "left" in text] == ["left []"] * 2
        assert not [pid for pid in numbers(tmp_path / "daemons") if is_there(pid)]
        assert not (log.parent / ".run").exists()
        assert is_there(other.pid)
    finally:
        other.kill()
        other.wait()


def test_a_daemon_ends_with_its_worker(tmp_path):
    _, driver, worker, daemon = started(tmp_path)
    try:
        (tmp_path / "wait").unlink()
        os.kill(worker, signal.SIGKILL)
        assert driver.wait(timeout=100) == 0
        log = next((tmp_path / "s.db.blobs/trials/s").glob("*/log.txt"))
        assert [text for text in log.read_text().splitlines() if "left" in text] == ["left []"] * 2
        assert not is_there(daemon)
    finally:
        driver.kill()
        driver.wait()


def test_a_daemon_ends_at_the_limit_of_its_trial(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text(HELD)
    (tmp_path / "wait").touch()
    program, fixed = program_of([sys.executable, "train.py", "{x}"])
    result = danlu.tune(
        Command(program, {}, ["loss {x}"], fixed=fixed), {"x": danlu.Float(0, 1)}, minimize="loss", trials=1, engine="pool", watch=False,
        trial_limits=danlu.TrialLimits(time=2, retries=0, same_failures=0),
    )  # fmt: skip
    assert [trial.cause for trial in result.trials] == [danlu.Cause.TIMEOUT]
    assert len(numbers(tmp_path / "daemons")) == 1
    assert not [pid for pid in numbers(tmp_path / "daemons") if is_there(pid)]
