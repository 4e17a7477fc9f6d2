"""The store is taken away while a study runs: it is said, what was told is saved under another name, and nothing ends as if all were well."""

import contextlib
import os
import re
import shutil
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

import danlu
from danlu.errors import DanluError, StoreGone
from danlu.journal.history import History
from danlu.stores.connections import Connections
from danlu.study.heartbeat import Heartbeat

SPACE = {"x": danlu.Float(0, 1)}


def replaced(path):
    other = path.with_name("other.db")
    danlu.tune(lambda t: t["x"], SPACE, trials=1, store=other, name="another").history  # noqa: B018
    other.replace(path)


def moved(path):
    path.parent.rename(path.parent.with_name("elsewhere"))


ACCIDENTS = {
    "removed": lambda path: path.unlink(),
    "removed with its log": lambda path: [each.unlink() for each in path.parent.glob("s.db*") if each.is_file()],
    "its folder removed": lambda path: shutil.rmtree(path.parent),
    "its folder renamed": moved,
    "renamed over": replaced,
    "made anew": lambda path: path.unlink() or path.touch(),
    "its log removed": lambda path: path.with_name("s.db-wal").unlink(),
}  # fmt: skip


@pytest.mark.parametrize("accident", ACCIDENTS)
@pytest.mark.parametrize("engine", ["inline", "pool"])
def test_a_store_that_is_taken_away_is_said_and_saved(tmp_path, accident, engine, promised):
    path = tmp_path / "runs/s.db"
    told = []

    def spoil(result, trial):
        told.append(trial.metrics["loss"])
        if len(told) == 3:
            ACCIDENTS[accident](path)

    with pytest.raises(StoreGone, match=f"the store {path} was removed or replaced") as caught:
        danlu.tune(
            lambda trial: {"loss": trial["x"]}, SPACE, minimize="loss", trials=8, store=path, seed=1,
            engine=engine, callbacks=[spoil],
        )  # fmt: skip
    saved = re.search(r"saved as (.+\.rescued)", str(caught.value))[1]
    assert Path(saved).parent == path.parent
    history = History()
    store = danlu.stores.SqliteStore(saved)
    history.fold(store.journal("study").read(0))
    store.close()
    assert [row.metrics["loss"] for row in history.rows if row.metrics][:3] == told[:3]
    ended = danlu.tune(
        lambda t: {"loss": t["x"]}, SPACE, minimize="loss", trials=8, store=saved, seed=1, engine="inline"
    )
    assert len(ended.trials) == 8  # moved back, the same call goes on
    promised(25, 1, "ways to take a store away while a study runs")


def test_a_journal_that_has_become_shorter_is_noticed():
    """As a database has that was restored from a backup while a study ran."""
    store = danlu.stores.MemoryStore()
    with danlu.open_study(SPACE, minimize="loss", store=store) as study:
        for _ in range(5):
            study.tell(study.ask(), 0.25)
        trial = study.ask()
        del store.journal("study")._entries[4:-1]
        with pytest.raises(StoreGone, match="the store was replaced by an older one"):
            study.tell(trial, 0.125)


def test_a_reader_says_so_and_saves_nothing(tmp_path):
    path = tmp_path / "s.db"
    danlu.tune(lambda t: t["x"], SPACE, trials=2, store=path)
    reader = danlu.stores.SqliteStore(path)
    journal = reader.journal("study")
    path.unlink()
    with pytest.raises(StoreGone, match="while it was read"):
        list(journal.read(0))
    reader.close()
    assert not list(tmp_path.glob("*.rescued"))
    assert not path.exists()  # nor was an empty one made in its place


class Failing:
    """A journal whose heartbeat finds the store gone."""

    def __init__(self):
        self.beats, self.twice = 0, threading.Event()

    def renew(self, worker):
        self.beats += 1
        if self.beats == 3:
            self.twice.set()
        raise StoreGone("the store s.db was removed")


def test_a_heart_says_once_that_the_store_is_gone(capsys):
    journal = Failing()
    with Heartbeat(journal, "w", 0.03):
        assert journal.twice.wait(30)
    assert capsys.readouterr().err == "danlu: the store s.db was removed\n"


def test_a_heartbeat_saves_a_store_that_nobody_writes_into(tmp_path):
    path = tmp_path / "s.db"
    store = danlu.stores.SqliteStore(path)
    with danlu.open_study(SPACE, minimize="loss", store=store) as study:
        trial = study.ask()
        path.unlink()
        caught = []

        def beat():
            try:
                study.replica.journal.renew(study.worker)
            except StoreGone as error:
                caught.append(str(error))

        thread = threading.Thread(target=beat)
        thread.start()
        thread.join()
        assert "s.db.rescued" in caught[0]
        with pytest.raises(StoreGone):
            study.tell(trial, 0.5)
    store.close()
    saved = danlu.stores.SqliteStore(tmp_path / "s.db.rescued")
    history = History()
    history.fold(saved.journal("study").read(0))
    assert history.trial(0).metrics == {"loss": 0.5}  # what was told last is saved too
    saved.close()


def test_a_deleted_study_is_said_at_the_next_heartbeat(tmp_path):
    for store in (danlu.stores.SqliteStore(tmp_path / "s.db"),):
        with danlu.open_study(SPACE, store=store) as study:
            store.delete("study", force=True)
            with pytest.raises(DanluError, match="has been deleted"):
                study.replica.journal.renew(study.worker)
        store.close()


READ = textwrap.dedent(
    """
    import os, sys
    import danlu
    from danlu.cli.main import main
    if os.getuid() == 0:  # root without its powers: permissions count for it as for anybody
        import ctypes
        header = (ctypes.c_uint32 * 2)(0x20080522, 0)
        assert ctypes.CDLL(None).capset(header, (ctypes.c_uint32 * 6)()) == 0
    main(sys.argv[1:])
    """
)


@pytest.mark.parametrize("logged", [False, True])
def test_a_read_only_store_is_shown_checked_and_exported(tmp_path, logged):
    folder = tmp_path / "theirs"
    path = folder / "s.db"
    store = danlu.stores.SqliteStore(path)
    danlu.tune(lambda t: t["x"], SPACE, trials=3, store=store)
    if logged:  # a writer has it open, and what it wrote is in its log alone
        assert path.with_name("s.db-wal").stat().st_size > 0
    else:
        store.close()
    for each in folder.rglob("*"):
        each.chmod(0o555 if each.is_dir() else 0o444)
    folder.chmod(0o555)
    copy = tmp_path / "out"
    copy.mkdir()

    def run(*arguments, code=0):
        ran = subprocess.run(
            [sys.executable, "-c", READ, *map(str, arguments)], capture_output=True, text=True, timeout=60, cwd="/"
        )  # fmt: skip
        assert ran.returncode == code, ran.stdout + ran.stderr
        return ran.stdout + ran.stderr

    before = sorted(folder.iterdir())
    assert run("show", path).count("done") == 3
    assert "sound" in run("check", path)
    assert "events of 'study' written" in run("export", path, "-o", copy / "s.jsonl")
    assert "every event" in run("backup", path, copy / "s.db")
    assert "cannot be written here" in run("import", copy / "s.jsonl", path, "--name", "again", code=2)
    assert "cannot be written here" in run("delete", path, "--study", "study", "--yes", "--force", code=2)
    assert sorted(folder.iterdir()) == before
    folder.chmod(0o755)
    store.close()


def opened(path):
    """How many descriptors of this process lead to a file."""
    links = []
    for each in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # that of the listing itself
            links.append(each.readlink())
    return links.count(path)


def in_a_thread(act):
    """What it returns, or the error that it raises, in a thread that ends with it."""
    found = []

    def run():
        try:
            found.append(act())
        except DanluError as error:
            found.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return found[0]


def test_threads_that_ended_leave_no_connection_open(tmp_path):
    store, log = danlu.stores.SqliteStore(tmp_path / "s.db"), tmp_path / "s.db-wal"
    with danlu.open_study(SPACE, minimize="loss", store=store) as study:
        study.tell(study.ask(), 0.5)
        events = len(list(store.journal("study").read(0)))
        for _ in range(20):
            assert in_a_thread(lambda: len(list(store.journal("study").read(0)))) == events
        assert opened(log) == 1
        study.tell(study.ask(), 0.25)  # the thread that lives has its own still
        assert study.result.best.value == 0.25
    store.close()
    assert opened(log) == 0


def test_a_store_that_only_passing_threads_use_knows_its_file(tmp_path):
    """Between two of them nobody uses it: the last connection stays, and with it the log by which the file is known."""
    path = tmp_path / "s.db"
    first = danlu.stores.SqliteStore(path)
    danlu.tune(lambda t: t["x"], SPACE, trials=2, store=first)
    first.close()
    store = in_a_thread(lambda: danlu.stores.SqliteStore(path))
    for _ in range(5):
        assert in_a_thread(store.studies) == ["study"]
        assert opened(path.with_name("s.db-wal")) == 1
    path.unlink()
    assert isinstance(in_a_thread(store.studies), StoreGone)
    store.close()
    assert opened(path.with_name("s.db-wal (deleted)")) == 0


class Told:
    """A connection that says into a pipe that it was closed, whichever process closes it."""

    def __init__(self, pipe):
        self._pipe = pipe

    def close(self):
        os.write(self._pipe, b"closed ")


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_fork_closes_nothing_of_its_parent():
    """In it all threads but one end at once."""
    out, into = os.pipe()
    held, local, both = Connections(), threading.local(), threading.Barrier(2)
    held.take(local, lambda: Told(into))

    def use():
        held.take(local, lambda: Told(into))
        both.wait()
        both.wait()

    thread = threading.Thread(target=use)
    thread.start()
    both.wait()
    child = os.fork()
    if child == 0:
        held.close()
        os._exit(len(held.all()))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    both.wait()
    thread.join()
    os.write(into, b"parent ")
    held.close()
    os.close(into)
    with os.fdopen(out) as said:
        assert said.read() == "closed parent closed "  # the thread's at its end, the other one by close


def test_a_store_that_is_gone_is_not_the_fault_of_the_trial_that_hears_of_it(tmp_path):
    """The trial whose report met it is handed back, or waits for its lease: nobody says that its code has failed."""
    path = tmp_path / "s.db"

    def train(trial):
        for step in range(trial.restore() + 1, 4):
            if trial.number == 3 and step == 2 and trial.attempt == 1:
                path.unlink()
            trial.save(step)
            trial.report(step, loss=trial["x"])

    how = {"minimize": "loss", "trials": 6, "seed": 1, "name": "s"}
    with pytest.raises(StoreGone):
        danlu.tune(train, SPACE, store=danlu.stores.SqliteStore(path, lease_seconds=0.3), **how)
    saved = next(each for each in tmp_path.iterdir() if "rescued" in each.name and each.is_file())
    history = History()
    store = danlu.stores.SqliteStore(saved, lease_seconds=0.3)
    history.fold(store.journal("s").read(0))
    assert [trial.status.name for trial in history.trials()[:3]] == ["DONE"] * 3
    assert all(trial.status is not danlu.Status.FAILED for trial in history.trials())
    store.close()
    saved.rename(path)
    again = danlu.tune(train, SPACE, store=danlu.stores.SqliteStore(path, lease_seconds=0.3), **how)
    assert len(again.trials) == 6
    assert all(trial.status is not danlu.Status.FAILED for trial in again.trials)
