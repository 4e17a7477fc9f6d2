"""SIGKILL at every step of the commands that look after a store: nothing half looks whole, and the same command again finishes."""

import contextlib
import json
import random
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from unittest import mock

import pytest

import danlu
from danlu.core import events as ev
from danlu.core.errors import DanluError
from danlu.stores.jsonlines import dump, load

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

        sqlite3.connect = connect
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
    store = danlu.SqliteStore(folder / "s.db")
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
    with contextlib.closing(danlu.SqliteStore(path)) as store:
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
    memory = danlu.MemoryStore()
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
    promised(13, killed, f"SIGKILLs at steps of danlu {command}: nothing half, and repeatable")


@pytest.mark.fault
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_killed_at_every_step_leaves_nothing_half(run, template, tmp_path, command, promised):
    killed = kills(run, template, tmp_path, command, range(1, 10**6))
    promised(13, killed, f"SIGKILLs, one at every step of danlu {command}: nothing half, and repeatable")


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
        memory, given = danlu.MemoryStore(), edited(lines, dice)
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
