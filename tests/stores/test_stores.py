"""What is special to the stores: damage, strangers, newer schemas, network disks, exports, golden files."""

import contextlib
import json
import math
import random
import shutil
import sqlite3
import threading
from pathlib import Path

import golden_objective as golden
import pytest
from hypothesis import given
from objectives import SPACE, resumable
from places import TESTS
from sqlite_file import raw_file

import danlu
from danlu import Float, Int
from danlu.contracts.protocols import Terms
from danlu.errors import CorruptError, DanluError, SchemaError, StoreError, StudyExists, StudyMissing
from danlu.journal import events as ev
from danlu.journal.history import History
from danlu.stores import jsonlines
from danlu.stores.filesystem import refuse_network
from danlu.stores.jsonlines import dump, load
from danlu.stores.seal import checksum
from danlu.testing import histories

GOLDEN = TESTS / "golden"


def fold(store, name="study"):
    history = History()
    history.fold(store.journal(name).read(0))
    return history


@pytest.fixture
def study(tmp_path):
    store = danlu.stores.SqliteStore(tmp_path / "s.db")
    danlu.tune(resumable, SPACE, minimize="loss", trials=3, store=store, seed=1)
    store.close()
    return tmp_path / "s.db"


def test_a_strangers_file_is_left_alone(tmp_path):
    path = tmp_path / "theirs.db"
    with raw_file(path) as theirs:
        theirs.execute("CREATE TABLE t (a)")
    with pytest.raises(StoreError, match="a database of another program"):
        danlu.stores.SqliteStore(path)
    text = tmp_path / "notes.txt"
    text.write_text("no database at all, but long enough to look like one" * 100)
    before = text.read_bytes()
    with pytest.raises(StoreError, match="is no store of danlu: it is a file of another kind"):
        danlu.stores.SqliteStore(text)
    assert text.read_bytes() == before


def test_a_newer_schema_is_refused_and_untouched(study, promised):
    with raw_file(study) as newer:
        newer.execute("PRAGMA user_version = 99")
    with pytest.raises(SchemaError, match="has schema 99, this danlu reads up to 1. Upgrade danlu"):
        danlu.stores.SqliteStore(study)
    promised(18, 1, "a newer schema, refused and left as it was")


def test_network_file_systems_are_refused_with_the_remedy(promised):
    mounts = "server:/home /home nfs4 rw 0 0\n/dev/sda / ext4 rw 0 0\ntmpfs /home/fast\\040disk tmpfs rw 0 0"
    with pytest.raises(StoreError, match="lies on nfs4, whose locks lose data. Use a local path"):
        refuse_network(Path("/home/me/study.db"), mounts)
    refuse_network(Path("/data/study.db"), mounts)
    refuse_network(Path("/home/fast disk/study.db"), mounts)
    promised(21, 1, "network file systems, refused with the remedy")


def test_studies_in_one_file_do_not_see_each_other(tmp_path):
    store = danlu.stores.SqliteStore(tmp_path / "s.db")
    for name, seed in (("a", 1), ("b", 2)):
        danlu.tune(resumable, SPACE, minimize="loss", trials=3, store=store, name=name, seed=seed)
    assert fold(store, "a").definition.seed == 1
    assert fold(store, "b").definition.seed == 2
    assert store.studies() == ["a", "b"]
    with pytest.raises(StudyMissing, match="There are: a, b"):
        store.journal("c")
    store.close()


def test_a_changed_digit_is_found_not_believed(study):
    with raw_file(study) as raw:
        seq, body = raw.execute("SELECT seq, body FROM event WHERE seq > 9 LIMIT 1").fetchone()
        flipped = bytearray(body)
        flipped[-3] ^= 1
        raw.execute("UPDATE event SET body = ? WHERE seq = ?", (bytes(flipped), seq))
    store = danlu.stores.SqliteStore(study)
    history = History()
    with pytest.raises(
        CorruptError, match=f"damaged at event {seq}.*The {seq - 1} events before it are sound"
    ):
        history.fold(store.journal("study").read(0))
    assert history.seq == seq - 1
    store.close()


def test_a_missing_or_swapped_row_is_found(study):
    with raw_file(study) as raw:
        raw.execute("DELETE FROM event WHERE seq = 7")
    store = danlu.stores.SqliteStore(study)
    with pytest.raises(CorruptError, match="damaged at event 7"):
        fold(store)
    store.close()


def test_missing_last_rows_are_found(study):
    """They leave no gap: the study's own row says how many there have been."""
    store = danlu.stores.SqliteStore(study)
    last = fold(store).seq
    store.close()
    with raw_file(study) as raw:
        raw.execute("DELETE FROM event WHERE seq > ?", (last - 2,))
    store, history = danlu.stores.SqliteStore(study), History()
    with pytest.raises(
        CorruptError, match=f"damaged at event {last - 1}.*The {last - 2} events before it are"
    ):
        history.fold(store.journal("study").read(0))
    assert history.seq == last - 2
    store.close()


def damaged(whole, number, dice):
    """One mutation of a file: a flipped bit, a cut, or a run of NULs."""
    at = dice.randrange(len(whole))
    if number % 3 == 0:
        return whole[:at] + bytes([whole[at] ^ 1 << dice.randrange(8)]) + whole[at + 1 :]
    if number % 3 == 1:
        return whole[:at]
    return whole[:at] + bytes(len(whole[at : at + 64])) + whole[at + 64 :]


def read_damaged(path, sound):
    """How many events a damaged store gives, each compared with the sound one; None when it is refused."""
    read = 0
    try:
        store = danlu.stores.SqliteStore(path)
        for entry in store.journal("study").read(0):
            assert entry.seq == read + 1
            assert ev.encode(entry.event) == sound[read], f"a silent wrong value at event {entry.seq}"
            read += 1
        store.close()
    except DanluError:  # a sentence, never a bare error of sqlite3
        return read or None
    finally:
        for leftover in path.parent.glob(f"{path.name}*"):
            leftover.unlink()
    return read


def test_three_thousand_damaged_files_never_give_a_silent_wrong_value(study, tmp_path, promised):
    store = danlu.stores.SqliteStore(study)
    sound = [ev.encode(entry.event) for entry in store.journal("study").read(0)]
    whole, dice = study.read_bytes(), random.Random(3)
    outcomes = {"refused": 0, "prefix": 0, "unharmed": 0}
    for number in range(3000):
        path = tmp_path / "damaged.db"
        path.write_bytes(damaged(whole, number, dice))
        read = read_damaged(path, sound)
        outcomes["refused" if read is None else "unharmed" if read == len(sound) else "prefix"] += 1
    print(outcomes)
    assert min(outcomes.values()) > 0  # every kind of damage was met
    store.close()
    promised(13, 3000, "damaged database files (flipped bits, NULs, truncations): 0 silent wrong values")


def test_a_damaged_log_beside_the_file_never_gives_a_silent_wrong_value(tmp_path, promised):
    store = danlu.stores.SqliteStore(tmp_path / "live.db")
    danlu.tune(resumable, SPACE, minimize="loss", trials=3, store=store, seed=1)
    sound = [ev.encode(entry.event) for entry in store.journal("study").read(0)]
    whole, log = store.path.read_bytes(), Path(f"{store.path}-wal").read_bytes()
    assert len(log) > 10_000  # the events are in the log, not yet in the file
    dice, shorter = random.Random(4), 0
    for number in range(600):
        path = tmp_path / "damaged.db"
        path.write_bytes(whole)
        Path(f"{path}-wal").write_bytes(damaged(log, number, dice))
        shorter += (read_damaged(path, sound) or 0) < len(sound)
    assert shorter > 100
    store.close()
    promised(13, 600, "damaged write-ahead logs: 0 silent wrong values")


def test_a_damaged_export_never_gives_a_silent_wrong_value(study, promised):
    store = danlu.stores.SqliteStore(study)
    sound = [ev.encode(entry.event) for entry in store.journal("study").read(0)]
    whole = "".join(dump("study", store.journal("study").read(0))).encode()
    dice, refused = random.Random(5), 0
    for number in range(600):
        text = damaged(whole, number, dice).decode("utf-8", errors="replace")
        memory = danlu.stores.MemoryStore()
        try:
            lost = load(text.splitlines(keepends=True), memory).lost
        except DanluError:
            refused += 1
            continue
        if memory.studies():
            read = [ev.encode(entry.event) for entry in memory.journal("study").read(0)]
            assert read == sound[: len(read)]
            assert len(read) == len(sound)
            assert lost == ""
    assert refused > 100
    store.close()
    promised(13, 600, "damaged exports: 0 silent wrong values")


def test_an_export_imports_back_to_an_equal_study(study, tmp_path):
    store = danlu.stores.SqliteStore(study)
    lines = list(dump("study", store.journal("study").read(0)))
    memory = danlu.stores.MemoryStore()
    loaded = load(lines, memory)
    assert (loaded.name, loaded.lost) == ("study", "")
    before = [(e.seq, e.op, ev.encode(e.event)) for e in store.journal("study").read(0)]
    assert [(e.seq, e.op, ev.encode(e.event)) for e in memory.journal("study").read(0)] == before
    assert list(dump("study", memory.journal("study").read(0))) == lines
    assert repr(list(fold(memory).trials)) == repr(list(fold(store).trials))
    with pytest.raises(StudyExists):
        load(lines, memory)
    assert load(lines, memory, "again").name == "again"
    result = danlu.tune(resumable, SPACE, minimize="loss", trials=5, store=memory, name="again")
    assert len(result.trials) == 5
    store.close()


@given(histories())
def test_every_event_survives_json(history):
    metrics = {"nan": math.nan, "inf": math.inf, "low": -math.inf, "丹": -0.0}
    events = [
        ev.Created(history.space.spec, history.goal, 1, 1.0),
        ev.Reported(0, 1, 1, metrics, 0.1, 1.0, ev.Action.STOP, "why", ev.Cause.DIVERGED),
        *(row.asked for row in history.rows),
        ev.Resumed(
            0, 2, "w", 1.0, orphan=True, donor=1, params=ev.pack_params({"a": (1, None)}), unit=b"\0" * 8
        ),
    ]
    lines = list(dump("s", [ev.Entry(seq, event) for seq, event in enumerate(events, 1)]))
    for line in lines:
        json.loads(line, parse_constant=pytest.fail)  # NaN and Infinity are no JSON
    read = [jsonlines.event_of(json.loads(line)["row"]["event"]) for line in lines[1:-1]]
    assert [ev.encode(event) for event in read] == [ev.encode(event) for event in events]


def altered(line):
    """A line with one of its digits, of which each has some, made another."""
    at = max(place for place, letter in enumerate(line) if letter in "0123456789")
    return line[:at] + str((int(line[at]) + 1) % 10) + line[at + 1 :]


def unmarked(lines):
    """An export as early versions wrote it: no end mark, and nothing in its header that announces one."""
    header = json.loads(lines[0])["row"]
    del header["marked"]
    return [jsonlines._line(header), *lines[1:-1]]


def test_a_torn_last_line_of_an_early_export_is_cut_off_and_reported(study):
    lines = unmarked(list(dump("study", danlu.stores.SqliteStore(study).journal("study").read(0))))
    assert "no end mark" in load(lines, danlu.stores.MemoryStore()).remark
    for torn in (lines[-1][: len(lines[-1]) // 2], altered(lines[-1]), "\0\0\0"):
        store = danlu.stores.MemoryStore()
        loaded = load([*lines[:-1], torn], store)
        assert loaded.events == len(lines) - 2
        assert loaded.lost == f"line {len(lines)} is damaged and was left out."
    with pytest.raises(CorruptError, match="line 4 is damaged.*Lines behind it follow"):
        load([*lines[:3], "torn", *lines[3:]], danlu.stores.MemoryStore())
    for header in ([], ["{}"], lines[1:]):
        with pytest.raises(CorruptError, match="no danlu export"):
            load(header, danlu.stores.MemoryStore())


def again(line, **changed):
    """A line of an export with other fields, and a checksum that is right."""
    return jsonlines._line(json.loads(line)["row"] | changed)


EDITS = {
    "removed": (lambda x: [*x[:5], *x[6:]], "line 6 holds event 6 where event 5 has to be"),
    "doubled": (lambda x: [*x[:6], x[5], *x[6:]], "line 7 holds event 5 where event 6 has to be"),
    "swapped": (lambda x: [*x[:5], x[6], x[5], *x[7:]], "line 6 holds event 6 where event 5 has to be"),
    "cut off": (lambda x: x[:-1], "cut off: it ends after line"),
    "cut off in a line": (lambda x: [*x[:-2], x[-2][:20]], "is damaged: its checksum does not match"),
    "edited": (lambda x: [*x[:5], again(x[5], op="mine"), *x[6:]], "the end mark, does not match"),
    "longer": (lambda x: [*x, x[-2]], "stands behind the end mark"),
    "renumbered": (lambda x: [*x[:-1], again(x[-1], end=3)], "says that there are 3 events"),
    "no event": (lambda x: [*x[:5], again(x[5], event={"type": "sung"}), *x[6:]], "line 6 is no event that"),
    "out of turn": (
        lambda x: [*x[:3], again(x[3], event={"type": "saved", "trial": 7, "attempt": 1, "step": 1, "digest": "", "size": 1, "at": 1.0}), *x[4:]],
        "line 4: event 3 .saved. contradicts what is before it",
    ),
    "of digits without end": (
        lambda x: [*x[:5], x[5].replace('"seq":5', f'"seq":{"5" * 6000}'), *x[6:]], "line 6 is damaged"),
}  # fmt: skip


@pytest.mark.parametrize("edit", EDITS)
def test_an_edited_export_is_refused_with_the_line_and_nothing_is_imported(study, edit):
    lines = list(dump("study", danlu.stores.SqliteStore(study).journal("study").read(0)))
    act, sentence = EDITS[edit]
    for store in (danlu.stores.MemoryStore(), danlu.stores.SqliteStore(study.parent / "new.db")):
        with pytest.raises(CorruptError, match=sentence):
            load(act(lines), store)
        assert store.studies() == []
        loaded = load(act(lines), store, sound=True)
        assert loaded.lost
        assert store.studies() == ["study"]
        store.close()


def test_facts_that_look_like_an_exports_own_words_survive(tmp_path):
    facts = {"a": {"$float": "x"}, "b": {"$dict": {"$bytes": "?"}}, "$bytes": 3}
    store, copy = danlu.stores.MemoryStore(), danlu.stores.MemoryStore()
    danlu.tune(lambda t: t.log(facts) or t["x"], {"x": Float(0, 1)}, trials=1, store=store)
    load(list(dump("study", store.journal("study").read(0))), copy)
    assert fold(copy).trials[0].facts == facts == fold(store).trials[0].facts


def test_a_newer_export_is_refused(monkeypatch, study):
    monkeypatch.setattr(ev, "SCHEMA", 2)
    lines = list(dump("study", danlu.stores.SqliteStore(study).journal("study").read(0)))
    monkeypatch.setattr(ev, "SCHEMA", 1)
    with pytest.raises(SchemaError, match="has schema 2"):
        load(lines, danlu.stores.MemoryStore())


def test_a_full_disk_is_loud_and_loses_nothing_acknowledged(tmp_path, promised):
    """RLIMIT_FSIZE stands in for the full disk: the same error path, without a mount."""
    import subprocess
    import sys

    program = f"""
import resource, signal, sys
sys.path.insert(0, {str(TESTS)!r})
import danlu
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
study = danlu.open_study({{"x": danlu.Float(0, 1)}}, minimize="loss", store={str(tmp_path / "s.db")!r}, sampler="random")
told = 0
resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, resource.RLIM_INFINITY))
try:
    while True:
        study.tell(study.ask(), loss=float(told))
        told += 1
except danlu.DanluError as error:
    print("loud", error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
losses = [t.metrics.get("loss") for t in study.result.trials if t.finished]
assert losses == [float(n) for n in range(told)], (told, losses[-3:])
study.tell(study.ask(), loss=-1.0)
print("told", told + 1)
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr
    assert "loud" in ran.stdout
    assert (
        int(ran.stdout.split()[-1]) == fold(danlu.stores.SqliteStore(tmp_path / "s.db")).spent.finished > 10
    )
    promised(14, 1, "a disk that was full (RLIMIT_FSIZE), and had room again")


def copied_row(path, seq, source, sink, other=None):
    """Put a row of one study in the place of another's with the same number, as a tool for databases can; whether they differed."""
    with raw_file(other or path) as file:
        row = file.execute(
            "SELECT op, body, crc FROM event WHERE study = ? AND seq = ?", (source, seq)
        ).fetchone()
    with raw_file(path) as file:
        key = (sink, seq)
        before = file.execute("SELECT op, body, crc FROM event WHERE study = ? AND seq = ?", key).fetchone()
        file.execute("UPDATE event SET op = ?, body = ?, crc = ? WHERE study = ? AND seq = ?", (*row, *key))
    return row != before


@pytest.mark.parametrize("whence", ["the same file", "another file", "a copy of the study"])
def test_a_row_of_another_study_is_damage(tmp_path, whence, promised):
    """In its own place there and here it has the right checksum of its bytes and of its place."""
    path = tmp_path / "s.db"
    other = tmp_path / "other.db" if whence == "another file" else path
    for file, name in ((path, "one"), (other, "two")):
        with contextlib.closing(danlu.stores.SqliteStore(file)) as store:
            if whence == "a copy of the study" and name == "two":
                load(list(dump("one", store.journal("one").read(0))), store, "two")
            danlu.tune(
                resumable, SPACE, minimize="loss", trials=5, store=store, name=name,
                seed=None if whence == "a copy of the study" else len(name) + (name == "two"),
            )  # fmt: skip
            events = store.journal(name).read(0)
            last = max(entry.seq for entry in events if isinstance(entry.event, ev.Reported))
    source = 1 if other != path else 2
    edits = [
        seq
        for seq in range(2, last + 1)
        if copied_row(shutil.copy(path, tmp_path / f"{seq}.db"), seq, source, 1, other)
    ]
    assert len(edits) > 5
    for seq in edits:
        store = danlu.stores.SqliteStore(tmp_path / f"{seq}.db")
        with contextlib.closing(store), pytest.raises(CorruptError, match=f"damaged at event {seq}: "):
            fold(store, "one")
    promised(13, len(edits), "rows copied from another study into the same place")


def test_every_changed_bit_of_a_first_event_is_damage(tmp_path):
    """Its seal is made of it as well: both must not change alike."""
    path = tmp_path / "s.db"
    with contextlib.closing(danlu.stores.SqliteStore(path)) as store:
        danlu.tune(resumable, SPACE, minimize="loss", trials=1, store=store, name="one")
    with raw_file(path) as file:
        (body,) = file.execute("SELECT body FROM event WHERE seq = 1").fetchone()
    for at in range(0, 8 * len(body), 37):
        wrong = bytearray(body)
        wrong[at // 8] ^= 1 << at % 8
        with raw_file(path) as file:
            file.execute("UPDATE event SET body = ? WHERE seq = 1", (bytes(wrong),))
        with contextlib.closing(danlu.stores.SqliteStore(path)) as store:
            with pytest.raises(CorruptError, match="damaged at event 1: "):
                fold(store, "one")
            with pytest.raises(CorruptError, match="damaged at event 1: "):
                store.journal("one").append([(None, ev.Noted(-1, {"text": "later"}, 1.0))], Terms())


def test_a_study_of_an_early_version_goes_on_as_it_was(tmp_path):
    """Its rows know no study, and those that are added are as they are."""
    path = shutil.copy(GOLDEN / "v1.db", tmp_path / "v1.db")
    with contextlib.closing(danlu.stores.SqliteStore(path)) as store:
        before = len(list(store.journal("golden").read(0)))
        store.journal("golden").append([(None, ev.Noted(-1, {"text": "later"}, 1.0))], Terms())
        danlu.tune(resumable, SPACE, minimize="loss", trials=2, store=store, name="new")
    with contextlib.closing(danlu.stores.SqliteStore(path)) as store:
        assert len(list(store.journal("golden").read(0))) == before + 1
        assert len(list(store.journal("golden").read(before))) == 1
        fold(store, "new")
    with raw_file(path) as file:
        rows = file.execute("SELECT study, seq, op, body, crc FROM event").fetchall()
    plain = {study for study, seq, op, body, crc in rows if checksum(seq, op, body) == crc}
    sealed = {study for study, seq, op, body, crc in rows if checksum(seq, op, body) != crc}
    assert (len(plain), len(sealed), plain & sealed) == (1, 1, set())


def test_golden_journals_stay_readable(tmp_path, promised):
    """Written by release 0.1.0 (schema 1) and never again: what they say must not change."""
    shutil.copy(GOLDEN / "v1.db", tmp_path / "v1.db")
    store = danlu.stores.SqliteStore(tmp_path / "v1.db")
    history = fold(store, "golden")
    expected = json.loads((GOLDEN / "v1.json").read_text())
    said = [[t.number, t.status.name, t.params, t.metrics, t.curve.steps, t.cause] for t in history.trials]
    assert json.loads(json.dumps(said)) == expected
    memory = danlu.stores.MemoryStore()
    with (GOLDEN / "v1.jsonl").open(encoding="utf-8") as lines:
        load(lines, memory)
    assert repr(list(fold(memory, "golden").trials)) == repr(list(history.trials))
    resumed = danlu.tune(
        golden.train,
        golden.SPACE,
        minimize="loss",
        limits=["other <= 1"],
        trials=7,
        store=store,
        name="golden",
    )
    assert len(resumed.trials) == 7
    store.close()
    promised(18, 1, "golden journal of every schema")


def test_opening_a_large_study_reads_each_event_once(tmp_path):
    store = danlu.stores.SqliteStore(tmp_path / "s.db")
    with danlu.open_study(
        {"x": Float(0, 1), "n": Int(1, 9)}, minimize="loss", store=store, sampler="random"
    ) as study:
        for trial in study.ask_batch(300):
            study.tell(trial, trial["x"])
        folded = []
        study.session.replica.listeners.append(folded.extend)
        study.tell(study.ask(), 0.5)
        assert len(folded) == 2  # the next ask after it costs the new rows alone
    store.close()


def test_results_told_are_synced_to_disk_and_the_rest_is_not_waited_for(tmp_path):
    """What SQLite is told about syncing at each commit; the disk itself is SQLite's to keep."""
    store = danlu.stores.SqliteStore(tmp_path / "s.db")
    with danlu.open_study({"x": Float(0, 1)}, minimize="loss", store=store, sampler="random") as study:
        said = []
        store.file.connection().set_trace_callback(said.append)

        def mode_of(action):
            said.clear()
            action()
            (level,) = store.file.connection().execute("PRAGMA synchronous").fetchone()
            assert level == 1  # NORMAL again afterwards
            before_commit = said[: len(said) - said[::-1].index("COMMIT")]
            modes = [
                line.rsplit(" ", 1)[1] for line in before_commit if line.startswith("PRAGMA synchronous =")
            ]
            return modes[-1] if modes else "NORMAL"

        trials = []
        assert mode_of(lambda: trials.append(study.ask())) == "NORMAL"
        assert mode_of(lambda: trials[0].report(1, loss=1.0)) == "NORMAL"
        assert mode_of(lambda: study.tell(trials[0], 0.5)) == "FULL"
        assert mode_of(lambda: study.control.enqueue({"x": 0.5})) == "FULL"
        assert said.count("COMMIT") == 1
    store.close()


def test_one_write_for_an_ask_and_one_for_a_tell(tmp_path):
    store = danlu.stores.SqliteStore(tmp_path / "s.db")
    with danlu.open_study({"x": Float(0, 1)}, minimize="loss", store=store, sampler="random") as study:
        study.tell(study.ask(), 1.0)
        said = []
        store.file.connection().set_trace_callback(said.append)
        trial = study.ask()
        assert said.count("COMMIT") == 1
        study.tell(trial, 0.5)
        assert said.count("COMMIT") == 2
        study.tell_batch((trial, 0.25) for trial in study.ask_batch(50))
        assert said.count("COMMIT") == 4
    store.close()


def test_the_log_is_moved_into_the_file_by_one_process_at_a_time(tmp_path, monkeypatch):
    import fcntl
    import os

    from danlu.stores import sqlite_file

    monkeypatch.setattr(sqlite_file, "CHECKPOINT_EVERY", 10)
    store = danlu.stores.SqliteStore(tmp_path / "s.db")
    wal = Path(f"{store.path}-wal")

    def write(count):
        with danlu.open_study({"x": Float(0, 1)}, minimize="loss", store=store, sampler="random") as study:
            for _ in range(count):
                study.tell(study.ask(), 1.0)

    write(100)
    kept_small = wal.stat().st_size
    Path(store.blobs).mkdir(exist_ok=True, parents=True)
    folder = os.open(store.blobs, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)  # another process is at it
    write(100)
    assert wal.stat().st_size > 3 * kept_small
    os.close(folder)
    assert fold(store).spent.finished == 200
    store.close()


def test_a_checkpoint_of_the_log_that_fails_is_no_append_that_failed(tmp_path, monkeypatch):
    from danlu.stores import sqlite_file

    monkeypatch.setattr(sqlite_file, "CHECKPOINT_EVERY", 1)
    store = danlu.stores.SqliteStore(tmp_path / "s.db")
    Path(store.blobs).write_text("a file where the folder should be")
    with danlu.open_study({"x": Float(0, 1)}, minimize="loss", store=store, sampler="random") as study:
        study.tell(study.ask(), 0.5)
        assert study.result.trials[0].metrics == {"loss": 0.5}
    store.close()


def test_a_new_file_may_be_opened_by_many_at_once(tmp_path):
    """SQLite does not wait by itself when two connections turn a new file to write-ahead logging."""
    failures = []

    def open_it(path, barrier):
        barrier.wait()
        try:
            danlu.stores.SqliteStore(path).studies()
        except danlu.DanluError as error:
            failures.append(str(error))

    for number in range(60):
        barrier = threading.Barrier(6)
        opening = [
            threading.Thread(target=open_it, args=(tmp_path / f"{number}.db", barrier)) for _ in range(6)
        ]
        for thread in opening:
            thread.start()
        for thread in opening:
            thread.join()
    assert failures == []


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("", "a store in a file needs its name, got ''"),
        (".", "is a folder. Name a file in it: .*study.db"),
        ("folder", "is a folder. Name a file in it: .*folder/study.db"),
        (
            "file/study.db",
            "cannot be made: a file is where its folder would be. Name a file in a folder where you may write",
        ),
        ("/proc/nobody/study.db", "cannot be made: .*Name a file in a folder where you may write"),
        ("/proc/study.db", "cannot be written: .*Name a file in a folder where you may write"),
        ("file", "is no store of danlu: it is a file of another kind, or its beginning is damaged"),
    ],
)
def test_a_path_that_can_be_no_store_says_what_to_name(tmp_path, monkeypatch, where, said):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("epoch,loss\n1,0.5\n" * 99)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StoreError, match=said):
        danlu.tune(lambda t: t["x"], {"x": danlu.Float(0, 1)}, trials=1, store=where)
    assert (tmp_path / "file").read_text().startswith("epoch,loss")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


def test_a_store_makes_the_folders_that_are_missing(tmp_path):
    path = tmp_path / "a" / "b" / "study.db"
    danlu.tune(lambda t: t["x"], {"x": danlu.Float(0, 1)}, trials=1, store=path)
    assert path.is_file()


@pytest.mark.parametrize("code", ["SQLITE_PROTOCOL", "SQLITE_CANTOPEN", "SQLITE_NOMEM", "SQLITE_BUSY"])
def test_what_keeps_a_file_from_being_read_is_not_called_damage(tmp_path, monkeypatch, code):
    path = tmp_path / "s.db"
    danlu.tune(lambda trial: trial["x"], {"x": danlu.Float(0, 1)}, trials=2, store=path, name="s")
    store = danlu.stores.SqliteStore(path)
    journal = store.journal("s")

    class Broken:
        def execute(self, *given):
            error = sqlite3.OperationalError("locking protocol")
            error.sqlite_errorcode = getattr(sqlite3, code)
            raise error

    monkeypatch.setattr(store.file, "connection", Broken)
    with pytest.raises(StoreError, match="cannot be read: locking protocol") as caught:
        list(journal.read(0))
    assert not isinstance(caught.value, CorruptError)
    monkeypatch.undo()
    assert len(list(journal.read(0))) > 4
    store.close()
