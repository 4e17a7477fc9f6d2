"""Objectives that fork, thread, close, replace and leave behind, each with what it has to come to all the same.

One study runs all of them, one a trial, so what one leaves behind meets the next.
"""

import asyncio
import atexit
import contextlib
import faulthandler
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from pathlib import Path

from danlu.errors import ReportError

KINDS = {}
LONG = int(os.environ.get("DANLU_TEST_LONG", "600"))
NOWHERE = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)


def kind(*causes, not_in=()):
    """An objective that has to be done, or to end with one of these causes; and the engines that cannot run it."""

    def add(function):
        KINDS[function.__name__] = (function, frozenset(causes), frozenset(not_in))
        return function

    return add


def leave(trial):
    """What ``danlu.tune`` runs: the parameter says which kind."""
    number = int(trial["kind"])
    name = list(KINDS)[number]
    returned = KINDS[name][0](trial)
    return float(number) if returned is None else {"value": float(number), **returned}


def forked(act):
    """A child process that does something and never comes back by itself."""
    pid = os.fork()
    if pid == 0:
        act()
        time.sleep(LONG)
        os._exit(0)
    return pid


def thread(act, *, daemon=True):
    started = threading.Thread(target=act, daemon=daemon)
    started.start()
    return started


# Processes left behind.


@kind()
def plain(trial):
    trial.report(1, value=0.0)


@kind()
def fork_that_sleeps(trial):
    forked(lambda: None)


@kind()
def fork_that_returns(trial):
    return {"value": -7.0} if os.fork() == 0 else None


@kind()
def fork_that_raises(trial):
    if os.fork() == 0:
        raise ValueError("in the child")


@kind()
def fork_that_exits(trial):
    if os.fork() == 0:
        sys.exit(3)


@kind()
def fork_that_interrupts(trial):
    if os.fork() == 0:
        raise KeyboardInterrupt


@kind()
def fork_that_reports(trial):
    pid = os.fork()
    if pid == 0:
        trial.report(1, value=-7.0)
    else:
        os.waitpid(pid, 0)
        trial.report(1, value=1.0)


@kind()
def fork_that_logs_and_saves(trial):
    pid = os.fork()
    if pid == 0:
        with contextlib.suppress(Exception):
            trial.log(wrong=True)
        with contextlib.suppress(Exception):
            trial.save(1, {"wrong": True})
        os._exit(0)
    os.waitpid(pid, 0)
    trial.log(right=True)


@kind()
def forks_by_the_dozen(trial):
    for _ in range(12):
        forked(lambda: None)


@kind()
def fork_of_a_fork(trial):
    forked(lambda: forked(lambda: None))


@kind()
def fork_in_a_thread(trial):
    thread(lambda: forked(lambda: None)).join()


@kind()
def fork_that_prints_for_ever(trial):
    def flood():
        while True:
            os.write(1, b"x" * 100)
            time.sleep(0.01)

    forked(flood)


@kind()
def fork_while_a_thread_speaks(trial):
    over = threading.Event()

    def speak():
        while not over.is_set():
            trial.log(speaks=True)

    speaking = thread(speak)
    for _ in range(3):
        forked(lambda: None)
    over.set()
    speaking.join()


@kind()
def daemon_of_its_own(trial):
    if os.fork() == 0:
        os.setsid()
        if os.fork():
            os._exit(0)
        time.sleep(3)
        os._exit(0)


@kind()
def process_of_multiprocessing(trial):
    multiprocessing.get_context("fork").Process(target=time.sleep, args=(LONG,)).start()


@kind()
def pool_of_multiprocessing(trial):
    pool = multiprocessing.get_context("fork").Pool(2)
    assert pool.map(abs, [-1, -2]) == [1, 2]
    trial.log(pool=True)
    KEPT.append(pool)


@kind()
def program_that_runs_on(trial):
    KEPT.append(subprocess.Popen(["sleep", str(LONG)]))


@kind()
def program_with_a_group(trial):
    KEPT.append(subprocess.Popen(["sleep", str(LONG)], process_group=0))


@kind()
def session_of_its_own(trial):
    with contextlib.suppress(OSError):
        os.setsid()


KEPT = []


# Threads left behind.


@kind()
def thread_that_logs_for_ever(trial):
    def speak():
        for number in range(100_000):
            trial.log(number=number)

    thread(speak)
    time.sleep(0.05)


@kind()
def thread_that_reports_late(trial):
    def speak():
        for step in range(1, 100_000):
            trial.report(step, value=-7.0 if step > 50 else 1.0)
            time.sleep(0.001)

    thread(speak)
    time.sleep(0.02)


@kind()
def thread_that_saves_late(trial):
    def speak():
        while True:
            trial.save(1, {"late": True})

    thread(speak)
    time.sleep(0.02)


@kind()
def threads_that_speak_at_once(trial):
    def speak(name):
        for number in range(20):
            trial.log({name: number})

    speaking = [thread(lambda name=f"t{number}": speak(name)) for number in range(8)]
    for each in speaking:
        each.join()


@kind()
def threads_that_draw(trial):
    from danlu import Float

    drawn = {}

    def draw(number):
        drawn[number] = trial.suggest(f"drawn{number}", Float(number, number + 1))

    drawing = [thread(lambda number=number: draw(number)) for number in range(6)]
    for each in drawing:
        each.join()
    assert all(number <= drawn[number] <= number + 1 for number in range(6)), drawn


@kind()
def thread_that_never_ends(trial):
    thread(lambda: time.sleep(LONG), daemon=False)


@kind()
def thread_that_raises(trial):
    def fail():
        raise ValueError("in a thread")

    before, threading.excepthook = threading.excepthook, lambda told: None
    thread(fail).join()
    threading.excepthook = before


@kind()
def thread_that_exits(trial):
    thread(lambda: sys.exit(3)).join()


@kind()
def loop_that_is_left(trial):
    loop = asyncio.new_event_loop()
    thread(loop.run_forever)
    loop.call_soon_threadsafe(lambda: None)
    KEPT.append(loop)


# What is closed. A number of the store's that another file has got is refused in the study's own process (``stores/test_gone.py``).


@kind(not_in=["ray"])
def closes_three_to_1024(trial):
    os.closerange(3, 1024)
    trial.report(1, value=1.0)


@kind(not_in=["ray"])
def closes_everything(trial):
    os.closerange(0, 70_000)
    trial.report(1, value=1.0)


@kind(not_in=["ray", "inline"])
def puts_a_file_over_everything(trial):
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in range(3, 1024):
        if number != nothing:
            os.dup2(nothing, number)
    trial.report(1, value=1.0)
    os.closerange(3, 1024)


@kind()
def closes_its_streams(trial):
    sys.stdout.close()
    sys.stderr.close()


@kind()
def closes_one_and_two(trial):
    for number in (0, 1, 2):
        with contextlib.suppress(OSError):
            os.close(number)


@kind()
def puts_a_pipe_without_a_reader_over_one_and_two(trial):
    out, inside = os.pipe()
    os.close(out)
    for number in (1, 2):
        os.dup2(inside, number)
    os.close(inside)
    trial.report(1, value=1.0)


@kind(not_in=["ray", "inline"])
def opens_files_of_its_own_where_all_was_closed(trial):
    os.closerange(3, 1024)
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, str(number)) for number in range(8)]
        opened = [file.open("w") for file in files]
        for step in (1, 2):
            for each in opened:
                each.write("mine\n" * 1000)
                each.flush()
            trial.report(step, value=1.0)
        for each in opened:
            each.close()
        assert {file.read_text() for file in files} == {"mine\n" * 2000}


# What is replaced.


class Mute:
    def write(self, text):
        return len(text)


class Bad(Mute):
    def __init__(self, error):
        self.error = error

    def flush(self):
        raise self.error

    @property
    def closed(self):
        raise self.error


@kind()
def stdout_without_flush(trial):
    sys.stdout = sys.stderr = Mute()


@kind()
def stdout_that_is_none(trial):
    sys.stdout = sys.stderr = None


@kind()
def stdout_whose_flush_raises(trial):
    sys.stdout = Bad(ValueError("no flush"))


@kind()
def stdout_whose_flush_exits(trial):
    sys.stdout = sys.stderr = Bad(SystemExit(3))


@kind()
def stdout_whose_flush_interrupts(trial):
    sys.stdout = Bad(KeyboardInterrupt())


@kind(not_in=["inline"])
def stdout_that_is_a_pipe_without_a_reader(trial):
    out, inside = os.pipe()
    os.close(out)
    sys.stdout = os.fdopen(inside, "w")
    sys.stdout.write("to nobody")


@kind()
def names_that_are_no_text(trial):
    trial.report(1, {"value": 1.0, "a\udcff": 2.0})
    with contextlib.suppress(ReportError):
        trial.log({"b\udcff": "c\udcff"})
    return {"g\udcff": 3.0, "h\udcff": "i\udcff"}


@kind()
def warnings_as_errors(trial):
    warnings.simplefilter("error")


@kind()
def trace_that_raises(trial):
    sys.settrace(lambda *told: 1 / 0)


@kind()
def environment_that_is_empty(trial):
    os.environ.clear()


# What is left to go off, or in the way.


@kind()
def exit_handler_that_raises(trial):
    def fail():
        raise SystemExit(4)

    atexit.register(fail)


@kind(not_in=["inline", "ray"])
def alarm_that_goes_off_later(trial):
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, 0.3)


@kind(not_in=["inline", "ray"])
def signals_that_are_ignored(trial):
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGCHLD})


@kind(not_in=["inline", "ray"])
def fault_handler_that_exits(trial):
    faulthandler.dump_traceback_later(0.3, exit=True, file=NOWHERE)


@kind(not_in=["inline"])
def folder_that_is_gone(trial):
    folder = tempfile.mkdtemp()
    os.chdir(folder)
    Path(folder).rmdir()


@kind(not_in=["inline", "ray"])
def few_descriptors(trial):
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))


@kind(not_in=["inline", "ray"])
def no_file_may_grow(trial):
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
    print("this is lost")


@kind(not_in=["inline"])
def little_room_to_recurse(trial):
    depth, frame = 0, sys._getframe()
    while frame:
        depth, frame = depth + 1, frame.f_back
    sys.setrecursionlimit(depth + 60)


class Loud:
    def __init__(self):
        self.me = self

    def __del__(self):
        raise ValueError("when it is collected")


@kind()
def finalizer_that_raises(trial):
    sys.unraisablehook, before = (lambda told: None), sys.unraisablehook
    Loud()
    sys.unraisablehook = before


@kind(not_in=["inline"])
def prints_a_lot(trial):
    print("half a character: \udcff")
    for _ in range(2000):
        print("a line of a log that is long enough to fill a buffer or two")


# What ends the process: nothing can be told, and nothing may wait.


@kind("crashed", not_in=["inline"])
def fork_then_abort(trial):
    forked(lambda: None)
    os.abort()


@kind("crashed", not_in=["inline"])
def fork_then_sigkill(trial):
    forked(lambda: forked(lambda: None))
    os.kill(os.getpid(), signal.SIGKILL)


@kind("raised", "crashed", not_in=["inline"])
def fork_then_exit(trial):
    forked(lambda: None)
    os._exit(0)


@kind("crashed", not_in=["inline"])
def thread_that_aborts(trial):
    forked(lambda: None)
    thread(os.abort).join()
    time.sleep(LONG)


@kind("crashed", not_in=["inline"])
def program_then_abort(trial):
    subprocess.Popen(["sleep", str(LONG)])
    os.abort()


@kind("raised")
def fork_then_raise(trial):
    forked(lambda: None)
    raise ValueError("in the parent")


@kind("raised")
def system_exit(trial):
    thread(lambda: time.sleep(LONG), daemon=False)
    sys.exit(0)
