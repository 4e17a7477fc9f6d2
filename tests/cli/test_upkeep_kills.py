"""SIGKILL at every step of the commands that look after a store: nothing half looks whole, and the same command again finishes."""

import contextlib
import json
import random
import shutil
import sqlite3
import subprocess
import sys
import textwrap
from pathlib import Path
from unittest import mock

import pytest
from test_postgres import fresh, running

import danlu
from danlu.errors import DanluError
from danlu.journal import events as ev
from danlu.stores.jsonlines import dump, load
from danlu.study.opening import open_store

ZYGOTE = textwrap.dedent(
    """
    import json, os, signal, sqlite3, sys
    import danlu, danlu.cli.upkeep, danlu.cli.transfer, danlu.stores.sqlite, danlu.stores.jsonlines, danlu.study.tune
    from danlu.cli.main import main
    STEPS = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "shutil.rmtree", "shutil.copytree", "sqlite3.connect"}
    real = sqlite3.connect

    def child(at, arguments):
        count = 0

        def step(*_):
            nonlocal count
            count += 1
            if count == at:
                os.kill(os.getpid(), signal.SIGKILL)

        def heard(event, given):
            if event in STEPS or (event == "open" and isinstance(given[2], int) and given[2] & (os.O_WRONLY | os.O_RDWR)):
                step()

        def connect(*given, **named):
            connection = real(*given, **named)
            connection.set_trace_callback(step)  # before each statement, commits among them
            return connection

        def wait(self, *given, **named):
            step()
            found = waits(self, *given, **named)
            step()
            return found

        sqlite3.connect = connect
        if any("://" in each for each in arguments):
            import psycopg
            waits, psycopg.Connection.wait = psycopg.Connection.wait, wait  # before and after each word with the server
        sys.addaudithook(heard)
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1), os.dup2(quiet, 2)
        try:
            main(arguments)
        except SystemExit as error:
            os._exit(error.code or 0)

    for line in sys.stdin:
        at, arguments = json.loads(line)
        pid = os.fork()
        if not pid:
            child(at, arguments)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
    """
)


@pytest.fixture(scope="module")
def run():
    """Runs a command in a process of its own that is killed at a step; its exit code, -9 when it was."""
    zygote = subprocess.Popen(
        [sys.executable, "-c", ZYGOTE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )

    def killed_at(step, *arguments):
        zygote.stdin.write(json.dumps([step, list(map(str, arguments))]) + "\n")
        zygote.stdin.flush()
        return int(zygote.stdout.readline())

    yield killed_at
    zygote.stdin.close()
    zygote.stdout.close()
    zygote.wait(timeout=30)


def train(trial):
    trial.save(1, {"x": trial["x"], "study": "own"})
    (trial.dir / "notes.txt").write_text("a file of its own")
    trial.report(1, loss=trial["x"])


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """Two small studies with checkpoints and folders, an export, and a checkpoint that nobody names."""
    folder = tmp_path_factory.mktemp("whole")
    store = danlu.stores.SqliteStore(folder / "s.db")
    for seed, name in enumerate(("one", "two")):
        danlu.tune(
            train,
            {"x": danlu.Float(0, 1)},
            minimize="loss",
            trials=2,
            store=store,
            name=name,
            seed=seed,
            keep="all",
        )
    (folder / "one.jsonl").write_text("".join(dump("one", store.journal("one").read(0))))
    store.close()
    (folder / "s.db.blobs" / ("f" * 64)).write_bytes(b"nobody's")
    return folder


def journals(path):
    """What a store holds: each study's events."""
    with contextlib.closing(danlu.stores.SqliteStore(path)) as store:
        return {name: [ev.encode(e.event) for e in store.journal(name).read(0)] for name in store.studies()}


def blobs(path):
    return {each.name for each in Path(f"{path}.blobs").glob("?" * 64)}


def whole_copy(folder, sound):
    target = folder / "new.db"
    if target.exists():
        assert journals(target) == sound
        assert blobs(target) == blobs(folder / "s.db") - {"f" * 64}
        return True
    return False


def imported(folder, sound):
    there = journals(folder / "new.db") if (folder / "new.db").exists() else {}
    if there:
        *events, mark = there.pop("one")
        assert events == sound["one"]
        assert ev.decode(mark).facts["imported"].startswith("imported from one.jsonl")
    assert there == {}
    return (folder / "new.db").exists() and bool(journals(folder / "new.db"))


def exported(folder, sound):
    if not (folder / "out.jsonl").exists():
        return False
    memory = danlu.stores.MemoryStore()
    load((folder / "out.jsonl").read_text().splitlines(keepends=True), memory)
    assert [ev.encode(e.event) for e in memory.journal("one").read(0)] == sound["one"]
    return True


def deleted(folder, sound):
    there = journals(folder / "s.db")
    assert there in (sound, {"two": sound["two"]})
    return "one" not in there and not list((folder / "s.db.blobs").glob("*/one"))


def swept(folder, sound):
    assert journals(folder / "s.db") == sound
    return not (folder / "s.db.blobs" / ("f" * 64)).exists()


COMMANDS = {
    "import": (("import", "one.jsonl", "new.db"), imported),
    "export": (("export", "s.db", "one", "-o", "out.jsonl"), exported),
    "backup": (("backup", "s.db", "new.db"), whole_copy),
    "restore": (("restore", "s.db", "new.db"), whole_copy),
    "repair": (("repair", "s.db", "new.db"), whole_copy),
    "delete": (("delete", "s.db", "--study", "one", "--yes"), deleted),
    "gc": (("gc", "s.db", "--older", "0"), swept),
}


def kills(run, template, tmp_path, command, steps):
    """Kill a command at each of these steps, look, and do it again; how often it was killed."""
    arguments, look = COMMANDS[command]
    sound = journals(template / "s.db")
    killed = 0
    for step in steps:
        folder = tmp_path / "work"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(template, folder)
        given = [folder / each if "." in each and each[0] != "-" else each for each in arguments]
        code = run(step, *given)
        if code == 0:
            break
        assert code == -9, (step, code)
        killed += 1
        done = look(folder, sound)
        again = run(0, *given)
        assert again == 0 or (done and again == 2), (step, again)  # what is whole is not made again
        assert look(folder, sound), step
        assert not list(folder.glob("*.unfinished")), step
        assert run(0, "check", folder / "s.db") == 0, step
    return killed


@pytest.mark.parametrize("command", COMMANDS)
def test_a_killed_command_leaves_nothing_half_and_can_be_repeated(run, template, tmp_path, command, promised):
    dice = random.Random(command)
    killed = kills(run, template, tmp_path, command, [*sorted(dice.sample(range(1, 40), 8)), 10**9])
    assert killed >= 1
    promised(24, killed, f"SIGKILLs at steps of danlu {command}")


@pytest.mark.fault
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_killed_at_every_step_leaves_nothing_half(run, template, tmp_path, command, promised):
    killed = kills(run, template, tmp_path, command, range(1, 10**6))
    promised(24, killed, f"SIGKILLs, one at every step of danlu {command}")


def on_postgres(url):
    """What a database holds: each study's events."""
    with contextlib.closing(open_store(url)) as store:
        return {name: [ev.encode(e.event) for e in store.journal(name).read(0)] for name in store.studies()}


def kills_on_postgres(run, template, folder, command, steps):
    """As ``kills``, of an import into a database and of a deletion there."""
    sound, export, killed = journals(template / "s.db"), template / "one.jsonl", 0
    with contextlib.closing(danlu.stores.SqliteStore(template / "s.db")) as old:
        events = {name: [(e.op, e.event) for e in old.journal(name).read(0)] for name in old.studies()}
    url = fresh(running(), folder / "blobs")
    given = ["import", export, url] if command == "import" else ["delete", url, "--study", "one", "--yes"]
    for step in steps:
        shutil.rmtree(folder / "blobs", ignore_errors=True)
        shutil.copytree(template / "s.db.blobs", folder / "blobs")
        with contextlib.closing(open_store(url)) as store:
            for name in store.studies():
                store.delete(name)
            for name in ["two"] if command == "import" else ["one", "two"]:
                store.adopt(name, events[name])
        code = run(step, *given)
        if code == 0:
            break
        assert code == -9, (step, code)
        killed += 1
        there = on_postgres(url)
        done = ("one" in there) == (command == "import")
        one = there.pop("one", sound["one"])
        assert there == {"two": sound["two"]}
        assert one[: len(sound["one"])] == sound["one"]  # an import notes behind it where it came from
        again = run(0, *given)
        assert again == 0 or (done and again == 2), (step, again)
        assert set(on_postgres(url)) == ({"one", "two"} if command == "import" else {"two"})
        assert run(0, "check", url) == 0
    return killed


@pytest.mark.parametrize("command", ["import", "delete"])
def test_a_command_killed_on_postgresql_leaves_nothing_half(run, template, tmp_path, command, promised):
    dice = random.Random(command)
    killed = kills_on_postgres(
        run, template, tmp_path, command, [*sorted(dice.sample(range(1, 30), 3)), 10**9]
    )
    assert killed >= 1
    promised(24, killed, f"SIGKILLs at steps of danlu {command} on PostgreSQL")


@pytest.mark.fault
@pytest.mark.parametrize("command", ["import", "delete"])
def test_a_command_killed_at_every_step_on_postgresql_leaves_nothing_half(
    run, template, tmp_path, command, promised
):
    killed = kills_on_postgres(run, template, tmp_path, command, range(1, 10**6))
    assert killed > 20
    promised(24, killed, f"SIGKILLs, one at every step of danlu {command} on PostgreSQL")


# Edits at random, of exports and of stores.


def edited(lines, dice):
    """An export with one edit in it: a line removed, doubled, moved, cut, or a character changed, with its checksum or without."""
    lines, at = list(lines), dice.randrange(len(lines))
    match dice.randrange(7):
        case 0:
            del lines[at]
        case 1:
            lines.insert(dice.randrange(len(lines)), lines[at])
        case 2:
            other = dice.randrange(len(lines))
            lines[at], lines[other] = lines[other], lines[at]
        case 3:
            lines = [*lines[:at], lines[at][: dice.randrange(len(lines[at]))]]
        case 4:
            spot = dice.randrange(len(lines[at]))
            lines[at] = (
                lines[at][:spot]
                + chr(dice.choice([0, 9, 34, 48, 57, 92, 125, 0xE9, 0xD800]))
                + lines[at][spot + 1 :]
            )
        case 5:
            row = json.loads(lines[at])["row"]
            field = dice.choice(list(row))
            row[field] = dice.choice([None, -1, 2**70, "x", [], {}, True, {"$float": "?"}, {"$bytes": "?"}])
            lines[at] = again(row)
        case 6:
            row = json.loads(lines[at])["row"]
            if isinstance(row.get("event"), dict):
                row["event"][dice.choice(list(row["event"]))] = dice.choice(
                    [None, -1, 2**63, "x", [], {}, "\ud800"]
                )
            with contextlib.suppress(UnicodeEncodeError):
                lines[at] = again(row)
    return lines


def again(row):
    from danlu.stores.jsonlines import _line

    return _line(row)


def edits(template, count, seed):
    """How many edits were refused; one that changes what is read and is accepted is a silent difference."""
    lines = (template / "one.jsonl").read_text().splitlines(keepends=True)
    sound, dice, refused = journals(template / "s.db")["one"], random.Random(seed), 0
    for _ in range(count):
        memory, given = danlu.stores.MemoryStore(), edited(lines, dice)
        try:
            load(given, memory, "one")
        except DanluError:
            assert memory.studies() == []
            refused += 1
            continue
        assert [ev.encode(e.event) for e in memory.journal("one").read(0)] == sound, given
    return refused


def test_edits_of_an_export_are_refused_or_change_nothing(template, promised):
    assert edits(template, 400, 1) > 300
    promised(13, 400, "random edits of exports: 0 silent differences, 0 tracebacks")


def test_an_export_whose_end_mark_is_not_read_is_noticed(template):
    """A deliberate mutant: without the hash of all lines an edit with a right checksum is believed."""
    with (
        mock.patch("danlu.stores.jsonlines._Export._end"),
        pytest.raises(AssertionError),
    ):
        edits(template, 400, 1)


@pytest.mark.fault
def test_five_thousand_edits_of_exports_are_refused_or_change_nothing(template, promised):
    assert edits(template, 5000, 2) > 4000
    promised(13, 5000, "random edits of exports: 0 silent differences, 0 tracebacks")


def changed(value, dice):
    """Another value for a column of a row."""
    if isinstance(value, bytes) and value and dice.random() < 0.7:
        at = dice.randrange(len(value))
        return dice.choice(
            [
                value[:at],
                value + b"\0",
                value[:at] + bytes([value[at] ^ 1 << dice.randrange(8)]) + value[at + 1 :],
            ]
        )
    if isinstance(value, int) and dice.random() < 0.7:
        return value + dice.choice([-1, 1, 7, 2**40])
    return dice.choice([None, 0, -1, 2**62, 0.5, "", "x", "\ud7ff", b"", b"\xc1"])


def rewritten(path, dice):
    """One edit of a store's rows, as a tool for databases makes it: a value, a row gone, copied, or in another's place."""
    # what SQLite itself refuses is no edit
    with (
        contextlib.closing(sqlite3.connect(path, isolation_level=None)) as raw,
        contextlib.suppress(sqlite3.IntegrityError),
    ):
        columns = ("seq", "op", "body", "crc")
        rows = raw.execute("SELECT study, seq, op, body, crc FROM event ORDER BY study, seq").fetchall()
        at = dice.randrange(len(rows))
        study, seq, *_ = rows[at]
        other = dice.randrange(len(rows))
        match dice.randrange(5):
            case 0:
                column = dice.randrange(4)
                value = changed(rows[at][column + 1], dice)
                raw.execute(
                    f"UPDATE OR REPLACE event SET {columns[column]} = ? WHERE study = ? AND seq = ?",
                    (value, study, seq),
                )
            case 1:
                raw.execute(
                    "DELETE FROM event WHERE study = ? AND seq >= ? AND seq < ?",
                    (study, seq, seq + dice.choice([1, 1, 9])),
                )
            case 2:
                raw.execute(
                    "UPDATE OR IGNORE event SET body = ?, crc = ? WHERE study = ? AND seq = ?",
                    (rows[other][3], rows[other][4], study, seq),
                )
            case 3:
                last = max(number for owner, number, *_ in rows if owner == study)
                raw.execute(
                    "INSERT INTO event VALUES (?, ?, NULL, ?, ?)",
                    (study, last + 1, rows[other][3], rows[other][4]),
                )
            case 4:
                column = dice.choice(["head", "head", "name", "id"])
                value = changed({"head": 9, "name": "one", "id": 1}[column], dice)
                value = (
                    value if isinstance(value, int) or column != "id" else 3
                )  # SQLite itself takes no other
                raw.execute(f"UPDATE OR IGNORE study SET {column} = ? WHERE id = ?", (value, study))


def paged(path, dice):
    """One edit of a store's bytes: bits, a run of another byte, a page in another's place, an end cut off or grown."""
    whole = bytearray(path.read_bytes())
    at, other = dice.randrange(len(whole)), dice.randrange(len(whole) // 4096)
    match dice.randrange(5):
        case 0:
            for _ in range(dice.choice([1, 1, 2, 30])):
                whole[dice.randrange(len(whole))] ^= 1 << dice.randrange(8)
        case 1:
            size = min(dice.choice([1, 4, 64, 4096]), len(whole) - at)
            whole[at : at + size] = bytes([dice.randrange(256)]) * size
        case 2:
            page = at // 4096
            whole[page * 4096 : (page + 1) * 4096], whole[other * 4096 : (other + 1) * 4096] = (
                whole[other * 4096 : (other + 1) * 4096],
                whole[page * 4096 : (page + 1) * 4096],
            )
        case 3:
            del whole[at:]
        case 4:
            size = dice.choice([1, 100, 4096])
            whole[at:at] = bytes(size)
    path.write_bytes(whole)


def store_edits(template, folder, count, seed):
    """How many edits were noticed; what is read as if all were well has to be all that was written, and nothing else."""
    sound, dice = journals(template / "s.db"), random.Random(seed)
    whole, noticed = (template / "s.db").read_bytes(), 0
    path = folder / "edited.db"
    for number in range(count):
        for each in folder.glob("edited.db*"):
            each.unlink()
        path.write_bytes(whole)
        dice.choice([rewritten, paged])(path, dice)
        found = {}
        try:
            with contextlib.closing(danlu.stores.SqliteStore(path)) as store:
                for name in store.studies():
                    found[name] = []
                    for entry in store.journal(name).read(0):
                        found[name].append(ev.encode(entry.event))
        except (
            DanluError
        ):  # a sentence, never a bare error of sqlite3; what came before it is as it was written
            noticed += 1
            for name, read in found.items():
                assert read == sound.get(name, read)[: len(read)], (number, name)
            continue
        assert {name: read for name, read in found.items() if name in sound and read} == {
            name: read for name, read in sound.items() if name in found
        }, number
    return noticed


def test_edits_of_a_store_are_noticed_or_change_nothing(template, tmp_path, promised):
    assert store_edits(template, tmp_path, 300, 1) > 100
    promised(13, 300, "random edits of stores, of rows and of bytes: 0 silent differences, 0 tracebacks")


@pytest.mark.fault
def test_five_thousand_edits_of_stores_are_noticed_or_change_nothing(template, tmp_path, promised):
    assert store_edits(template, tmp_path, 5000, 2) > 2000
    promised(13, 5000, "random edits of stores, of rows and of bytes: 0 silent differences, 0 tracebacks")
