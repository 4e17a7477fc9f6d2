"""Real processes, killed with SIGKILL or racing: nothing acknowledged is lost, nothing happens twice."""

import random
import subprocess
import sys
import time

import pytest
from places import TESTS
from sqlite_file import sound

import danlu
from danlu.journal.events import Ended
from danlu.journal.history import History


def start(*arguments):
    return subprocess.Popen(
        [sys.executable, str(TESTS / "objectives.py"), *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
    )


def kill_and_compare(store, times, dice):
    """Kill a process that asks and tells, ``times`` times; everything it acknowledged has to be there."""
    told, reported = {}, set()
    for _ in range(times):
        with start("acknowledge", store) as child:
            lines = [child.stdout.readline()]  # it is past its imports
            time.sleep(dice.uniform(0.0, 0.12))
            child.kill()
            lines += child.stdout.read().splitlines()
        for line in lines:
            words = line.split()
            if words and words[0] == "told" and len(words) == 3:
                told[int(words[1])] = float(words[2])
            elif words and words[0] == "reported" and len(words) == 2:
                reported.add(int(words[1]))
    history = History()
    entries = list(danlu.stores.SqliteStore(store).journal("kill").read(0))
    history.fold(entries)
    lost = [n for n, x in told.items() if history.rows.of(n).metrics != {"loss": x}]
    unreported = [n for n in reported if len(history.reports.curve(n)) == 0]
    ends = [entry.event.trial for entry in entries if isinstance(entry.event, Ended)]
    assert told, "nothing was acknowledged, so nothing was tested"
    return len(told), lost, unreported, len(ends) - len(set(ends))


def test_sigkill_loses_and_doubles_nothing(tmp_path, promised):
    count, lost, unreported, doubled = kill_and_compare(tmp_path / "s.db", 20, random.Random(1))
    assert (lost, unreported, doubled) == ([], [], 0), f"of {count}"
    promised(1, 20, f"processes killed while they told results; {count} acknowledged, 0 lost, 0 doubled")


@pytest.mark.fault
def test_a_thousand_sigkills_lose_and_double_nothing(tmp_path, promised):
    dice = random.Random(2)
    total = 0
    for part in range(10):
        count, lost, unreported, doubled = kill_and_compare(tmp_path / f"{part}.db", 100, dice)
        assert (lost, unreported, doubled) == ([], [], 0), f"of {count}"
        total += count
    print(f"1,000 kills, {total} acknowledged results, 0 lost, 0 doubled")
    promised(1, 1000, f"processes killed while they told results; {total} acknowledged, 0 lost, 0 doubled")


def test_sixteen_processes_race_for_exactly_a_hundred_trials(tmp_path, promised):
    store = tmp_path / "s.db"
    children = [start("race", store, 100) for _ in range(16)]
    numbers = []
    for child in children:
        out, _ = child.communicate(timeout=120)
        assert child.returncode == 0
        numbers += [int(line) for line in out.split()]
    assert sorted(numbers) == list(range(100))
    history = History()
    history.fold(danlu.stores.SqliteStore(store).journal("race").read(0))
    assert len(history) == history.spent.finished == 100
    assert len({row.asked.unit for row in history.rows}) == 100  # and no two tried the same point
    assert sound(store)
    promised(10, 16, "processes raced for 100 trials in one SQLite file: 100")


def kill_workers(store, kills, trials, dice, scheduler="diverged"):
    """Tune while workers are killed at random; how the study ends, and how it ends when nobody dies."""
    import os
    import signal
    import threading

    from objectives import SPACE, slow_steps

    over, killed = threading.Event(), []

    def reaper():
        while not over.is_set() and len(killed) < kills:
            over.wait(dice.uniform(0.05, 0.5))
            listed = subprocess.run(
                ["ps", "-eo", "pid,ppid,args"], capture_output=True, text=True, check=True
            ).stdout
            rows = [line.split(None, 2) for line in listed.splitlines()[1:]]
            mine = [
                int(pid)
                for pid, parent, what in rows
                if "engines.child" in what and int(parent) == os.getpid()
            ]
            if mine:
                victim = dice.choice(mine)
                os.kill(victim, signal.SIGKILL)
                killed.append(victim)

    thread = threading.Thread(target=reaper)
    thread.start()
    try:
        result = danlu.tune(
            slow_steps,
            SPACE,
            minimize="loss",
            trials=trials,
            workers=2,
            store=store,
            seed=1,
            trial_limits=danlu.TrialLimits(retries=10**6),
            sampler="quasirandom",
            scheduler=scheduler,
        )
    finally:
        over.set()
        thread.join()
    whole = danlu.tune(
        slow_steps, SPACE, minimize="loss", trials=trials, seed=1, sampler="quasirandom", scheduler="diverged"
    )
    same = [[(t.params, t.metrics, t.curve) for t in one.trials] for one in (result, whole)]
    deaths = sum(trial.deaths for trial in result.trials)
    return len(killed), deaths, same


def test_killed_workers_change_nothing_but_the_time(tmp_path, promised):
    killed, deaths, (one, other) = kill_workers(tmp_path / "s.db", 6, 6, random.Random(3))
    assert one == other
    assert 0 < deaths <= killed
    promised(
        7, killed, f"workers killed, {deaths} in the middle of a trial; the study is as if none had been"
    )


@pytest.mark.parametrize("scheduler", ["promoting", pytest.param("halving", marks=pytest.mark.fault)])
def test_killed_workers_lose_no_epoch_of_paused_trials(tmp_path, scheduler):
    """Each step is saved before it is reported, so no trial ever trains a step twice, and all promotions happen."""
    made = {
        "promoting": danlu.schedulers.ASHA(low=4, high=20, factor=2, promote=True),
        "halving": danlu.schedulers.SuccessiveHalving(trials=8, low=5, high=20, factor=2),
    }[scheduler]
    store = danlu.stores.SqliteStore(tmp_path / "s.db")
    _, _, (ours, _) = kill_workers(store, 6, 8, random.Random(5), made)
    for _, metrics, curve in ours:
        assert curve.steps == tuple(range(1, curve.steps[-1] + 1))
        assert curve.metrics["trained"] == tuple(map(float, curve.steps))
        assert metrics
    if scheduler == "halving":
        assert sorted(curve.steps[-1] for *_, curve in ours) == [5] * 4 + [10] * 2 + [20] * 2


@pytest.mark.fault
def test_a_hundred_killed_workers_change_nothing_but_the_time(tmp_path, promised):
    killed, deaths, (one, other) = kill_workers(tmp_path / "s.db", 100, 60, random.Random(4))
    assert one == other
    assert 0 < deaths <= killed
    print(f"{killed} workers killed, {deaths} of them in the middle of a trial")
    promised(
        7, killed, f"workers killed, {deaths} in the middle of a trial; the study is as if none had been"
    )
