"""The store is taken away while a study runs: it is said, what was told is saved under another name, and nothing ends as if all were well."""

import contextlib
import os
import re
import shutil
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

import danlu
from danlu.errors import DanluError, StoreGone
from danlu.journal.history import History
from danlu.stores.connections import Connections
from danlu.stores.content import Content
from danlu.stores.watched import Watched
from danlu.study.heartbeat import Heartbeat

SPACE = {"x": danlu.Float(0, 1)}


def replaced(path):
    other = path.with_name("other.db")
    danlu.tune(lambda t: t["x"], SPACE, trials=1, store=other, name="another").history  # noqa: B018
    other.replace(path)


def moved(path):
    path.parent.rename(path.parent.with_name("elsewhere"))


def overwritten(path):
    with contextlib.closing(danlu.stores.SqliteStore(path.with_name("other.db"))) as other:
        danlu.tune(lambda t: t["x"], SPACE, trials=1, store=other)
    shutil.copyfile(other.path, path)  # the same file, with another's content


ACCIDENTS = {
    "removed": lambda path: path.unlink(),
    "removed with its log": lambda path: [each.unlink() for each in path.parent.glob("s.db*") if each.is_file()],
    "its folder removed": lambda path: shutil.rmtree(path.parent),
    "its folder renamed": moved,
    "renamed over": replaced,
    "made anew": lambda path: path.unlink() or path.touch(),
    "its log removed": lambda path: path.with_name("s.db-wal").unlink(),
    "copied over": overwritten,
    "emptied": lambda path: os.truncate(path, 0),
    "filled with something else": lambda path: path.write_text("name,value\n" * 2000),
}  # fmt: skip

WORDS = dict.fromkeys(("copied over", "emptied", "filled with something else"), "overwritten")


@pytest.mark.parametrize("accident", ACCIDENTS)
@pytest.mark.parametrize("engine", ["inline", "pool"])
def test_a_store_that_is_taken_away_is_said_and_saved(tmp_path, accident, engine, promised):
    path = tmp_path / "runs/s.db"
    told = []

    def spoil(result, trial):
        told.append(trial.metrics["loss"])
        if len(told) == 3:
            ACCIDENTS[accident](path)

    with pytest.raises(
        StoreGone, match=f"the store {path} was {WORDS.get(accident, 'removed or replaced')} while"
    ) as caught:
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
                study.session.replica.journal.renew(study.session.worker)
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
    assert history.trials[0].metrics == {"loss": 0.5}  # what was told last is saved too
    saved.close()


def test_a_heartbeat_notices_that_another_file_was_copied_over_the_store(tmp_path):
    """Nothing else would for as long as the training writes nothing: the name leads to the same file still."""
    path, told = tmp_path / "s.db", []
    store = danlu.stores.SqliteStore(path)
    with danlu.open_study(SPACE, minimize="loss", store=store) as study:
        told = [study.ask() for _ in range(3)]
        study.session.replica.journal.renew(study.session.worker)  # all is well
        overwritten(path)
        with pytest.raises(
            StoreGone, match=r"was overwritten while it was in use.*saved as .*s\.db\.rescued"
        ):
            study.session.replica.journal.renew(study.session.worker)
        with pytest.raises(StoreGone):
            study.tell(told[0], 0.5)
    store.close()
    saved = danlu.stores.SqliteStore(tmp_path / "s.db.rescued")
    history = History()
    history.fold(saved.journal("study").read(0))
    assert [trial.params for trial in history.trials] == [trial.params for trial in told]
    saved.close()


def test_what_a_store_writes_into_its_own_file_is_no_accident(tmp_path):
    """Neither this process's log that is moved into the file, nor another's, nor other studies."""
    path = tmp_path / "s.db"
    store, other = danlu.stores.SqliteStore(path), danlu.stores.SqliteStore(path)
    with danlu.open_study(SPACE, minimize="loss", store=store) as study:
        for number in range(4):
            trial = study.ask()
            danlu.tune(lambda t: t["x"], SPACE, trials=2, store=other, name=f"s{number}", seed=1)
            for opened in (store, other):
                assert opened.file.connection().execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()[0] == 0
            study.session.replica.journal.renew(study.session.worker)
            study.tell(trial, 0.5)
        for opened in (store, other):  # each has read it, and sees it on the disk
            list(opened.journal("s0").read(0))
            opened.file.watch()
        store.delete("s0", force=True)
        assert store.file.connection().execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()[0] == 0
        study.session.replica.journal.renew(study.session.worker)
        other.file.watch()
    other.close()
    store.close()


def test_a_backup_that_is_older_than_the_file_it_is_copied_over_is_noticed(tmp_path):
    path = tmp_path / "s.db"
    older = tmp_path / "older.db"
    for trials in (2, 4):
        with contextlib.closing(danlu.stores.SqliteStore(path)) as store:
            danlu.tune(lambda t: t["x"], SPACE, trials=trials, store=store)
        if trials == 2:
            shutil.copyfile(path, older)
    store = danlu.stores.SqliteStore(path)
    with danlu.open_study(SPACE, store=store) as study:
        study.ask()
        shutil.copyfile(older, path)
        with pytest.raises(StoreGone, match="overwritten"):
            study.session.replica.journal.renew(study.session.worker)
    store.close()


def test_a_deleted_study_is_said_at_the_next_heartbeat(tmp_path):
    for store in (danlu.stores.SqliteStore(tmp_path / "s.db"),):
        with danlu.open_study(SPACE, store=store) as study:
            store.delete("study", force=True)
            with pytest.raises(DanluError, match="has been deleted"):
                study.session.replica.journal.renew(study.session.worker)
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


def theirs(path):
    """A file of the objective's, open for writing."""
    return os.open(f"{path}.theirs", os.O_RDWR | os.O_CREAT)


TAKEN = {
    "closed": lambda path, number: os.close(number),
    "another file's": lambda path, number: os.dup2(theirs(path), number),
    "nowhere": lambda path, number: os.dup2(os.open(os.devnull, os.O_RDWR), number),
}
SHARED = {"-shm", "all"}
"""Which hold the log's index, that all connections of a process use; a number of it that another file has cannot be had again."""


def numbers_of(files):
    found = []
    for each in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            if str(each.readlink()) in files:
                found.append(int(each.name))
    return found


def locked(path):
    """The parts of a file that this process has locks on, as the system lists them."""
    wanted = f":{path.stat().st_ino}"
    rows = [row.split() for row in Path("/proc/locks").read_text().splitlines()]
    return {(row[3], *row[6:8]) for row in rows if row[4] == str(os.getpid()) and row[5].endswith(wanted)}


def goes_on_without(path, how, which):
    """Run by a process of its own, whose descriptors these are."""
    path, store = Path(path), danlu.stores.SqliteStore(path)
    files = [f"{path}{end}" for end in ("", "-wal", "-shm") if which in (end, "all")]
    begin, over = threading.Barrier(2), threading.Event()

    def beats():
        study.session.replica.journal.renew(study.session.worker)
        begin.wait()
        over.wait(60)

    with danlu.open_study(SPACE, minimize="loss", store=store) as study:
        study.tell(study.ask(), 0.25)
        thread = threading.Thread(target=beats, daemon=True)
        thread.start()
        begin.wait()
        before = [locked(path), locked(path.with_name(f"{path.name}-shm"))]
        assert all(before)
        taken = numbers_of(files)
        for number in taken:
            TAKEN[how](path, number)
        if how != "closed":
            where = [os.fstat(number).st_ino for number in taken]
        study.tell(study.ask(), 0.5)
        assert [locked(path), locked(path.with_name(f"{path.name}-shm"))] == before
        over.set()
        thread.join()
        study.tell(study.ask(), 0.75)
        study.session.replica.journal.renew(study.session.worker)
    store.close()
    if how != "closed":
        assert [os.fstat(number).st_ino for number in taken] == where


def descriptors_taken(path, how, which, first=""):
    program = f"import sys; sys.path[:] = {sys.path!r}\nimport test_gone\n{first}\n"
    program += f"test_gone.goes_on_without({str(path)!r}, {how!r}, {which!r})"
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)


@pytest.mark.skipif(not Path("/proc/locks").exists(), reason="the system lists no locks")
@pytest.mark.parametrize("how", TAKEN)
@pytest.mark.parametrize("which", ["", "-wal", "-shm", "all"])
def test_a_store_whose_descriptors_are_taken_goes_on_or_says_why_not(tmp_path, how, which, promised):
    """As an objective in the study's own process can do; a thread beside it, as the heart, has a connection too."""
    path = tmp_path / "s.db"
    ran = descriptors_taken(path, how, which)
    refused = how != "closed" and which in SHARED
    assert (ran.returncode != 0) is refused, ran.stderr
    if refused:
        assert "this process cannot use the store any more" in ran.stderr
        assert "Nothing that was acknowledged is lost" in ran.stderr
    else:
        assert ran.stderr.count(f"{path} was closed by other code of this process, and is open again") == 1
    again = danlu.stores.SqliteStore(path)
    history = History()
    history.fold(again.journal("study").read(0))
    told = [trial.metrics["loss"] for trial in history.trials]
    assert told == ([0.25] if refused else [0.25, 0.5, 0.75])
    again.close()
    if how == "another file's":
        assert not path.with_name("s.db.theirs").read_bytes()
    assert not list(tmp_path.glob("*.rescued"))
    promised(28, 1, "ways to take the descriptors of a store")


def mixes_with_threads(path, seconds):
    """Run by a process of its own: threads that use the store come and go, and others open and close what is theirs."""
    store, until, wrong = danlu.stores.SqliteStore(path), time.monotonic() + seconds, []

    def pipes():
        while time.monotonic() < until:
            pairs = [os.pipe() for _ in range(3)]
            time.sleep(0.001)
            for out, into in pairs:
                os.write(into, b"abc")
                wrong.extend([] if os.read(out, 3) == b"abc" else ["bytes of another"])
                os.close(out)
                os.close(into)

    def readers():
        while time.monotonic() < until:
            in_a_thread(store.studies)

    def guarded(act):
        try:
            act()
        except BaseException as error:
            wrong.append(repr(error))

    with danlu.open_study(SPACE, minimize="loss", store=store) as study:
        threads = [
            threading.Thread(target=guarded, args=(act,)) for act in (pipes, pipes, readers, readers, readers)
        ]
        for thread in threads:
            thread.start()
        while time.monotonic() < until:
            study.tell(study.ask(), 0.5)
        for thread in threads:
            thread.join()
    store.close()
    assert not wrong, wrong
    assert not numbers_of([str(path), f"{path}-wal", f"{path}-shm"])


def test_nothing_is_mended_in_a_program_that_closes_only_what_is_its_own(tmp_path):
    program = f"import sys; sys.path[:] = {sys.path!r}\nimport test_gone\n"
    program += f"test_gone.mixes_with_threads({str(tmp_path / 's.db')!r}, 4)"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert (ran.returncode, ran.stderr) == (0, "")


@pytest.mark.parametrize("act", ["os.closerange(3, 64)", "assert store.studies() == ['study']"])
def test_a_fork_leaves_the_connections_of_its_parent_alone(tmp_path, act):
    program = f"""
import os, sys
sys.path[:] = {sys.path!r}
import danlu
store = danlu.stores.SqliteStore({str(tmp_path / "s.db")!r})
with danlu.open_study({{"x": danlu.Float(0, 1)}}, minimize="loss", store=store) as study:
    study.tell(study.ask(), 0.5)
    child = os.fork()
    if child == 0:
        {act}
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    study.tell(study.ask(), 0.25)
"""
    ran = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", program],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (ran.returncode, ran.stderr) == (0, "")


def test_what_lies_on_the_disk_is_looked_at_while_other_threads_begin_studies(tmp_path):
    """A look that met their half-done news ended the thread that keeps a worker's leases."""
    path = tmp_path / "s.db"
    with contextlib.closing(danlu.stores.SqliteStore(path)) as store:  # closed, so all is in the file itself
        danlu.tune(lambda t: t["x"], SPACE, trials=1, store=store)
    content, wrong = Content(path, 0x64616E6C), []

    def begins():
        for number in range(600):
            content.follow(2 + number, 1)
            time.sleep(0)

    def looks():
        try:
            while thread.is_alive():
                wrong.extend(["taken for another file"] if content.overwritten() else [])
        except RuntimeError as error:
            wrong.append(error)

    thread = threading.Thread(target=begins)
    looker = threading.Thread(target=looks)
    for each in (thread, looker):
        each.start()
    for each in (thread, looker):
        each.join()
    assert not wrong, wrong


def test_threads_that_end_take_their_descriptors_along_and_nothing_is_said(tmp_path, capsys):
    store = danlu.stores.SqliteStore(tmp_path / "s.db")
    with danlu.open_study(SPACE, minimize="loss", store=store) as study:
        for _ in range(5):
            in_a_thread(store.studies)
            study.tell(study.ask(), 0.5)
    store.close()
    assert "open again" not in capsys.readouterr().err


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


def test_a_store_that_is_gone_is_not_the_fault_of_the_trial_that_hears_of_it(tmp_path, promised):
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
    assert [trial.status.name for trial in history.trials[:3]] == ["DONE"] * 3
    assert all(trial.status is not danlu.Status.FAILED for trial in history.trials)
    store.close()
    saved.rename(path)
    again = danlu.tune(train, SPACE, store=danlu.stores.SqliteStore(path, lease_seconds=0.3), **how)
    assert len(again.trials) == 6
    assert all(trial.status is not danlu.Status.FAILED for trial in again.trials)
    promised(31, 1, "stores that went under a report")


MUTANTS = {
    "a name is taken for the file": (Watched, "gone", None, "removed"),
    "a file is taken for its content": (Content, "overwritten", False, "copied over"),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_store_that_trusts_its_handles_is_noticed(name, tmp_path, monkeypatch, promised):
    where, what, answer, accident = MUTANTS[name]
    monkeypatch.setattr(where, what, lambda self: answer)
    with pytest.raises((DanluError, AssertionError, pytest.fail.Exception)):
        test_a_store_that_is_taken_away_is_said_and_saved(tmp_path, accident, "inline", promised)


def test_a_store_that_trusts_its_descriptors_is_noticed(tmp_path):
    trusts = "from danlu.stores.open_files import OpenFiles; OpenFiles.as_known = lambda self: True"
    assert descriptors_taken(tmp_path / "s.db", "closed", "all", trusts).returncode != 0
