"""PostgreSQL behind a network that cuts, delays and swallows: workers reconnect, nothing is lost, nothing is doubled."""

import collections
import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from pathlib import Path
from unittest import mock

import psycopg
import pytest
from places import FOLDERS
from test_faults import wrong_writes
from test_postgres import SPACE, begun, fresh, restarted, running, train

import danlu
from danlu.journal import events as ev
from danlu.journal.events import Status
from danlu.journal.history import History
from danlu.stores.postgres import PostgresStore
from danlu.stores.postgres_server import PostgresServer


class Proxy:
    """Stands between workers and server on a socket of its own, and does to the bytes what bad networks do.

    A cut ends a connection; a swallowed answer is one that the server gave and nobody heard, so that its request comes twice.
    """

    def __init__(self, upstream, seed, *, cuts=0.01, swallows=0.01, delays=0.02):
        self.folder = tempfile.mkdtemp(prefix="px")
        self.counts = collections.Counter()
        self.shares = {"cut": cuts, "swallowed answer": swallows, "delay": delays}
        self._upstream, self._dice, self._lock = upstream, random.Random(seed), threading.Lock()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(f"{self.folder}/.s.PGSQL.5432")
        self._listener.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def chance(self, kind):
        with self._lock:
            hit = self._dice.random() < self.shares[kind]
            self.counts[kind] += hit
        return hit

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.socket(socket.AF_UNIX)
                try:
                    far.connect(self._upstream)
                except OSError:
                    near.close()
                    far.close()
                    continue
                for pair in ((near, far, False), (far, near, True)):
                    threading.Thread(target=self._pump, args=pair, daemon=True).start()

    def _pump(self, source, sink, answers):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if self.chance("delay"):
                    time.sleep(self._dice.uniform(0, 0.05))
                if self.chance("cut"):
                    sink.sendall(data[: self._dice.randrange(len(data))])
                    break
                if answers and self.chance("swallowed answer"):
                    break
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


def said(proxy):
    return ", ".join(f"{kind}s" for kind in sorted(proxy.counts))


@pytest.fixture
def behind(tmp_path):
    """Makes a URL whose connections go through a proxy, for a fresh database."""
    made = []

    def make(seed, **shares):
        url = fresh(running(), tmp_path / "blobs")
        folder = url.partition("host=")[2].partition("&")[0]
        proxy = Proxy(f"{folder}/.s.PGSQL.5432", seed, **shares)
        made.append(proxy)
        return url.replace(f"host={folder}", f"host={proxy.folder}"), url, proxy

    yield make
    for proxy in made:
        proxy.close()


@pytest.mark.parametrize("trials", [20, pytest.param(40, marks=pytest.mark.fault)])
def test_a_bad_network_loses_and_doubles_nothing(behind, promised, trials):
    url, _, proxy = behind(1, cuts=0.05, swallows=0.05)
    far = danlu.tune(train, SPACE, minimize="loss", trials=trials, store=url, seed=3, scheduler="diverged")
    calm = danlu.tune(train, SPACE, minimize="loss", trials=trials, seed=3, scheduler="diverged")
    assert [(t.params, t.curve) for t in far.trials] == [(t.params, t.curve) for t in calm.trials]
    assert far.why() == calm.why()
    assert min(proxy.counts.values()) > trials // 10, proxy.counts
    promised(11, sum(proxy.counts.values()), f"faults between worker and PostgreSQL: {said(proxy)}")


WRITER = textwrap.dedent(
    """
    import sys
    sys.path[:0] = sys.argv[2].split(":")
    from test_postgres import begun, SPACE
    import danlu
    with danlu.open_study(SPACE, minimize="loss", store=sys.argv[1], name="many", trials=int(sys.argv[3]), sampler="random", seed=1) as study:
        try:
            while True:
                trial = study.ask()
                for step in range(1, 6):
                    trial.report(step, loss=trial["x"] / step)
                study.tell(trial)
        except danlu.DanluError as error:
            assert "is spent" in str(error), error
    """
)


def write_and_read(url, trials, writers, readers):
    """Processes that write, and readers that follow by cursor meanwhile; what each of them saw, and seconds."""
    store = PostgresStore(url)
    danlu.open_study(
        SPACE, minimize="loss", store=store, name="many", trials=trials, sampler="random", seed=1
    ).close()
    began = time.monotonic()
    command = [sys.executable, "-c", WRITER, url, ":".join(FOLDERS), str(trials)]
    writing = [subprocess.Popen(command) for _ in range(writers)]
    seen = [[] for _ in range(readers)]

    def follow(into):
        own = PostgresStore(url)
        journal = own.journal("many")
        quiet = False
        while True:
            over = all(process.poll() is not None for process in writing)
            entries = list(journal.read(into[-1] if into else 0))
            into.extend(entry.seq for entry in entries)
            if over and not entries and quiet:
                break
            quiet = over
        own.close()

    threads = [threading.Thread(target=follow, args=(into,)) for into in seen]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [process.wait() for process in writing] == [0] * writers
    entries = list(store.journal("many").read(0))
    store.close()
    return seen, entries, time.monotonic() - began


@pytest.mark.parametrize("trials", [80, pytest.param(300, marks=pytest.mark.fault)])
def test_every_reader_sees_every_event_of_eight_writers_once_and_in_order(trials, behind, promised):
    _, url, _ = behind(2)
    seen, entries, _ = write_and_read(url, trials, 8, 3)
    of_trials = [entry for entry in entries if getattr(entry.event, "trial", -1) >= 0]
    assert len(of_trials) == trials * 7
    assert all(one == list(range(1, len(entries) + 1)) for one in seen)
    asked = [entry.event.trial for entry in entries if isinstance(entry.event, ev.Asked)]
    assert asked == list(range(trials))
    promised(11, len(entries) * 3, "events of eight writers read by three readers, 0 missed")
    promised(10, 8, f"processes raced for {trials} trials in PostgreSQL: {trials}")


WORKER = textwrap.dedent(
    """
    import sys, time
    sys.path[:0] = sys.argv[2].split(":")
    import danlu

    def train(trial):
        memory = {"trained": []}
        for step in range(trial.restore(memory) + 1, 7):
            memory["trained"].append(step)
            time.sleep(0.01)
            trial.save(step, memory)
            trial.report(step, loss=trial["x"] + 1 / step, trained=len(memory["trained"]))

    store = danlu.stores.PostgresStore(sys.argv[1])
    store.studies()
    print("connected", flush=True)
    danlu.tune(train, {"x": danlu.Float(0, 1)}, minimize="loss", trials=int(sys.argv[3]), store=store, name="k", seed=1,
               sampler="quasirandom", scheduler="diverged", trial_limits=danlu.TrialLimits(retries=10**6))
    """
)


def kill_drivers(url, trials, kills, dice, shoot=None, after=()):
    """Three drivers on one study; one is killed and started anew, again and again.

    The server is shot ``after`` so many kills, once all drivers are connected: a server that was never there is refused at once.
    """
    command = [sys.executable, "-c", WORKER, url, ":".join(FOLDERS), str(trials)]

    def begun_driver():
        return subprocess.Popen(command, stdout=subprocess.PIPE)

    drivers, connected, due = [begun_driver() for _ in range(3)], set(), list(after)
    killed = 0
    while killed < kills and any(driver.poll() is None for driver in drivers):
        time.sleep(dice.uniform(0.3, 1.2))
        at = dice.randrange(3)
        if drivers[at].poll() is None:
            os.kill(drivers[at].pid, signal.SIGKILL)
            drivers[at].wait()
            killed += 1
            drivers[at].stdout.close()
            drivers[at] = begun_driver()
        if due and killed >= due[0]:
            due.pop(0)
            for driver in drivers:
                if driver.pid not in connected:
                    driver.stdout.readline()
                    connected.add(driver.pid)
            shoot()
    assert [driver.wait(timeout=240) for driver in drivers] == [0, 0, 0]
    for driver in drivers:
        driver.stdout.close()
    history, entries = History(), list(PostgresStore(url).journal("k").read(0))
    history.fold(entries)
    assert wrong_writes([entry.event for entry in entries]) == []
    assert len(history) == history.spent.finished == trials
    assert {row.status for row in history.rows} == {Status.DONE}
    assert [row.metrics["trained"] for row in history.rows] == [6.0] * trials
    ends = [entry.event.trial for entry in entries if isinstance(entry.event, ev.Ended)]
    assert sorted(ends) == list(range(trials))
    return killed, sum(row.deaths for row in history.rows)


def test_killed_drivers_behind_a_bad_network_train_no_step_twice(behind, promised):
    url, _, proxy = behind(3, cuts=0.002, swallows=0.002)
    killed, deaths = kill_drivers(url, 60, 4, random.Random(1))
    assert killed
    faults = sum(proxy.counts.values())
    promised(
        7,
        killed,
        f"drivers killed behind a bad network ({faults} faults), {deaths} trials resumed from their last checkpoint",
    )


@pytest.mark.fault
def test_sixty_killed_drivers_and_a_server_shot_three_times(tmp_path, promised):
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    server = begun(folder)
    url = fresh(server, tmp_path / "blobs")
    shots = (5, 15, 25)
    killed, deaths = kill_drivers(
        url, 1000, 60, random.Random(2), lambda: restarted(server, folder), after=shots
    )
    assert killed > shots[-1]
    server.cleanup()
    promised(
        15,
        len(shots),
        "times PostgreSQL was stopped with -m immediate under three drivers, 0 lost, 0 doubled",
    )
    promised(7, killed, f"drivers killed on PostgreSQL, {deaths} trials resumed from their last checkpoint")


@pytest.mark.fault
def test_long_runs_behind_a_bad_network(behind, promised):
    for seed in range(4, 10):
        url, _, proxy = behind(seed, cuts=0.02, swallows=0.02)
        far = danlu.tune(
            train, SPACE, minimize="loss", trials=150, store=url, seed=seed, scheduler="diverged"
        )
        calm = danlu.tune(train, SPACE, minimize="loss", trials=150, seed=seed, scheduler="diverged")
        assert [(t.params, t.curve) for t in far.trials] == [(t.params, t.curve) for t in calm.trials]
        promised(11, sum(proxy.counts.values()), f"faults between worker and PostgreSQL: {said(proxy)}")


def test_a_first_connection_that_breaks_is_made_again(behind):
    """As a worker's may that is started behind a bad network: nothing has answered it yet."""
    url, _, proxy = behind(5, cuts=1.0, swallows=0, delays=0)
    failures = []

    def mend(*given):
        failures.append(given)
        if len(failures) == 3:
            proxy.shares["cut"] = 0.0
        return real(*given)

    real = PostgresServer._worth_waiting
    with mock.patch.object(PostgresServer, "_worth_waiting", mend):
        store = PostgresStore(url)
    assert len(failures) >= 3
    assert store.studies() == []
    store.close()


SILENT = """
import socket, sys
import danlu
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1] + "/.s.PGSQL.5432")
listener.listen(9)
try:
    danlu.open_study(store=f"postgresql:///x?host={sys.argv[1]}&connect_timeout=2")
except danlu.DanluError as error:
    print(error)
"""


def test_a_server_that_never_answers_is_given_up():
    """It takes the connection and says nothing, as one that is stopped does; libpq asks it for a sign of life without end."""
    with tempfile.TemporaryDirectory(prefix="mute") as folder:
        ran = subprocess.run(
            [sys.executable, "-c", SILENT, folder], capture_output=True, text=True, timeout=60
        )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "cannot be used: connection timeout expired" in ran.stdout


def test_a_database_that_is_away_for_long_is_said_and_what_was_told_is_there(behind):
    url, direct, proxy = behind(4, cuts=0, swallows=0, delays=0)
    store = PostgresStore(url, patience=0.3)
    with danlu.open_study(SPACE, minimize="loss", store=store, trials=5, sampler="random", seed=1) as study:
        study.tell(study.ask(), 0.5)
        trial = study.ask()
        proxy.shares["cut"] = 1.0
        with pytest.raises(danlu.DanluError, match="cannot be reached"):
            study.tell(trial, 0.25)
        proxy.shares["cut"] = 0.0
        study.tell(trial, 0.25)
        study.tell(trial, 0.25)
    with danlu.open_study(store=direct) as seen:
        assert [t.value for t in seen.result.trials] == [0.5, 0.25]
    with psycopg.connect(direct.partition("&blobs")[0]) as connection:
        assert connection.execute("SELECT count(*) FROM danlu_event WHERE op IS NULL").fetchone()[0] == 5
