"""Workers that share a host name and see nothing of each other: a guess about life never overrules a lease."""

import functools
import os
import random
import shlex
import signal
import socket
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from test_faults import of, wrong_writes
from test_postgres import fresh, running

import danlu
from danlu.base import identity as worker
from danlu.contracts.protocols import Terms
from danlu.journal import events as ev
from danlu.journal.events import Status
from danlu.journal.history import History
from danlu.stores.postgres import PostgresStore

# Who is known to be dead.


def other(**changed):
    """This process's identity with some of its parts changed."""
    names = ("host", "boot", "namespace", "pid", "started", "random")
    parts = dict(zip(names, worker.identity().split("/"), strict=True)) | changed
    return "/".join(parts[name] for name in names)


def gone():
    """The number of a process that is no more."""
    child = subprocess.Popen(["true"])
    child.wait()
    return str(child.pid)


def test_only_who_sees_a_process_knows_that_it_is_gone(monkeypatch):
    assert not worker.dead(worker.identity())
    assert worker.dead(other(pid=gone()))
    assert worker.dead(other(started="1"))  # the number was given again
    for part in ("host", "boot", "namespace"):
        assert not worker.dead(other(pid=gone(), **{part: "another"})), part
    assert not worker.dead(other(pid=gone(), namespace=""))
    for text in ("", "w/1", "a/b/c/d/e/f", "host//x/y/z/a", other(pid="-")):
        assert not worker.dead(text), text
    monkeypatch.setattr(worker, "PROC", Path("/nowhere"))
    assert not worker.dead(other(pid="1"))  # it is there, and cannot be looked at


def test_a_zombie_is_gone():
    child = subprocess.Popen(["sleep", "600"])
    started = worker._started(child.pid)
    named = other(pid=str(child.pid), started=started)
    assert not worker.dead(named)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert worker.dead(named)
    child.wait()


def test_a_worker_written_down_without_its_namespace_is_left_to_its_lease():
    host, boot, _, _, started, last = worker.identity().split("/")
    early = f"{host}/{boot[:8]}/{gone()}/{started}/{last}"
    assert not worker.dead(early)
    assert worker.same_clock(early)
    assert not worker.same_clock(f"{host}/00000000/1/{started}/{last}")


@pytest.mark.parametrize("arguments", [("--mount-proc",), ()])
def test_processes_of_another_namespace_are_never_known_to_be_dead(arguments):
    """With a /proc of their own, and with the one of the namespace they came from."""
    code = "import sys; from danlu.base.identity import *; print(dead(sys.argv[1]), identity())"
    ran = subprocess.run(
        [*apart(arguments), sys.executable, "-c", code, other(pid=gone())],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    said, its = ran.stdout.split()
    assert said == "False"
    assert its.split("/")[0] == socket.gethostname()
    assert not worker.dead(its)  # it is, but not known to be


def test_a_lease_by_the_clock_of_another_boot_is_over_when_nobody_renews_it(tmp_path):
    """After a restart of the machine the clock begins anew: an old lease may seem to last for months."""
    now = [5e6]
    before = danlu.stores.SqliteStore(tmp_path / "s.db", lease_seconds=10, clock=lambda: now[0])
    with danlu.open_study({"x": danlu.Float(0, 1)}, minimize="loss", store=before) as study:
        study.ask()
        study.ask()
    connection = before.file.connection()
    connection.execute("UPDATE lease SET worker = ?", (other(boot="another"),))
    clock = [3.0]
    after = danlu.stores.SqliteStore(tmp_path / "s.db", lease_seconds=10, clock=lambda: clock[0])
    journal = after.journal("study")
    assert journal.orphans([0, 1]) == []
    clock[0] += 9
    assert journal.orphans([0, 1]) == []
    connection.execute("UPDATE lease SET until = until + 1 WHERE trial = 1")  # it lives, wherever it is
    clock[0] += 2
    assert journal.orphans([0, 1]) == [0]
    event = ev.Resumed(0, 2, "me", 0.0, True)
    with pytest.raises(danlu.errors.Outrun):
        journal.append(
            [(None, ev.Resumed(1, 2, "me", 0.0, True))],
            Terms(takes=((1, 1),), grants=((1, 2),), worker="me"),
        )
    journal.append([(None, event)], Terms(takes=((0, 1),), grants=((0, 2),), worker="me"))
    before.close()
    after.close()


# Drivers in namespaces of their own.


@functools.cache
def user():
    """What somebody who is not root needs to make a process namespace."""
    return () if os.getuid() == 0 else ("--user", "--map-root-user")


def apart(arguments=("--mount-proc",)):
    return ["unshare", *user(), "--pid", "--fork", "--kill-child", *arguments]


DRIVER = textwrap.dedent(
    """
    import sys, time
    import danlu
    from danlu.stores.postgres import PostgresStore

    def train(trial):
        memory = {"trained": []}
        for step in range(trial.restore(memory) + 1, 7):
            memory["trained"].append(step)
            time.sleep(0.03)
            trial.save(step, memory)
            trial.report(step, loss=trial["x"] + 1 / step, trained=len(memory["trained"]))

    place, engine, lease, trials = sys.argv[1], sys.argv[2], float(sys.argv[3]), int(sys.argv[4])
    store = (PostgresStore if "://" in place else danlu.stores.SqliteStore)(place, lease_seconds=lease)
    danlu.tune(
        train, {"x": danlu.Float(0, 1)}, minimize="loss", trials=trials, seed=1, sampler="quasirandom",
        scheduler="diverged", trial_limits=danlu.TrialLimits(retries=10**6), store=store, name="z", engine=engine,
    )
    """
)


class Machine:
    """Drivers of one study, each with a process namespace of its own and all with one host name."""

    def __init__(self, place, tmp_path, *, drivers, lease, trials):
        self.place, self.trials, self.deaths = str(place), trials, 0
        self.program = tmp_path / "driver.py"
        self.program.write_text(DRIVER)
        self.how = [str(lease), str(trials)]
        self.said = (tmp_path / "said").open("w")
        self.drivers = [self.start(number) for number in range(drivers)]

    def start(self, number):
        """Each under another process number, so that what one sees by the other's number is not that one."""
        engine = "pool" if number % 2 else "inline"
        command = [sys.executable, str(self.program), self.place, engine, *self.how]
        script = "/bin/true; " * number + f"{shlex.join(command)}; exit $?"
        return subprocess.Popen([*apart(), "sh", "-c", script], stderr=self.said, start_new_session=True)

    def events(self):
        if "://" not in self.place:
            return of(self.place, "z") if Path(self.place).exists() and self.there() else (History(), [])
        store = PostgresStore(self.place)
        history, entries = History(), []
        if "z" in store.studies():
            entries = list(store.journal("z").read(0))
            history.fold(entries)
        store.close()
        return history, [entry.event for entry in entries]

    def there(self):
        return danlu.stores.SqliteStore(self.place).studies()

    def kill(self, dice):
        """Kill one of them, whose namespace ends with it, and start another in its place."""
        number = dice.randrange(len(self.drivers))
        os.killpg(self.drivers[number].pid, signal.SIGKILL)
        self.drivers[number].wait()
        self.drivers[number] = self.start(number)
        self.deaths += 1

    def disturb(self, kills, dice):
        """Kill whenever some more has been written, until so many have been killed or the study is over."""
        seen = 0
        until = time.monotonic() + 240
        while self.deaths < kills and time.monotonic() < until:
            history, events = self.events()
            if history.spent.finished == self.trials:
                return
            if len(events) >= seen:
                self.kill(dice)
                seen = len(events) + dice.randrange(40, 80)
            time.sleep(0.05)

    def join(self):
        """Wait for all of them; what the dead ones left when the others had gone, the same call takes up."""
        codes = [driver.wait(timeout=240) for driver in self.drivers]
        until = time.monotonic() + 60
        while self.events()[0].spent.finished < self.trials and time.monotonic() < until:
            codes.append(self.start(0).wait(timeout=240))
        self.said.close()
        assert codes == [0] * len(codes), Path(self.said.name).read_text()

    def check(self):
        history, events = self.events()
        assert wrong_writes(events) == []
        assert len(history) == history.spent.finished == self.trials
        assert {row.status for row in history.rows} == {Status.DONE}
        assert {row.metrics["trained"] for row in history.rows} == {6.0}
        return sum(isinstance(event, ev.Resumed) for event in events)


def place_of(kind, tmp_path):
    return tmp_path / "s.db" if kind == "sqlite" else fresh(running(), tmp_path / "blobs")


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_two_drivers_of_one_host_name_leave_each_other_alone(tmp_path, promised, kind):
    machine = Machine(place_of(kind, tmp_path), tmp_path, drivers=2, lease=60, trials=16)
    machine.join()
    assert machine.check() == 0
    assert len({event.worker for event in machine.events()[1] if isinstance(event, ev.Asked)}) == 2
    promised(
        5,
        16,
        f"trials of two drivers in process namespaces with one host name ({kind}), none taken from a living one",
    )


@pytest.mark.fault
@pytest.mark.parametrize("drivers", [2, 4])
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_drivers_of_one_host_name_killed_at_random_lose_and_double_nothing(tmp_path, promised, kind, drivers):
    machine = Machine(place_of(kind, tmp_path), tmp_path, drivers=drivers, lease=2, trials=60)
    machine.disturb(12, random.Random(drivers))
    machine.join()
    taken = machine.check()
    assert taken > 0
    promised(
        7, machine.deaths,
        f"of {drivers} drivers killed in process namespaces with one host name ({kind}): 0 lost, 0 doubled, {taken} taken up",
    )  # fmt: skip
