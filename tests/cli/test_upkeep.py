"""A store is checked, copied while in use, mended, and swept; nothing is written over."""

import contextlib
import json
import os
import subprocess
import sys

import pytest
from sqlite_file import raw_file

import danlu
from danlu.cli.main import danlu as cli
from danlu.cli.show import load
from danlu.runtime.folders import Folders


def train(trial):
    state = {"x": trial["x"]}
    for step in range(trial.restore(state) + 1, 4):
        trial.save(step, {**state, "step": step, "pad": "x" * 100})
        trial.report(step, loss=trial["x"] / step)


def run(*arguments, code=0):
    ran = subprocess.run(
        [sys.executable, "-m", "danlu.cli", *map(str, arguments)], capture_output=True, text=True, timeout=60
    )
    assert ran.returncode == code, ran.stdout + ran.stderr
    return ran.stdout if code == 0 else ran.stdout + ran.stderr


@pytest.fixture
def store(tmp_path):
    path = tmp_path / "s.db"
    for name in ("one", "two"):
        danlu.tune(
            train,
            {"x": danlu.Float(0, 1)},
            minimize="loss",
            trials=5,
            store=path,
            name=name,
            seed=1,
            keep="all",
        )
    return path


def damaged(path, study, after):
    """One byte of one event of a study changed."""
    with raw_file(path) as file:
        (number,) = file.execute("SELECT id FROM study WHERE name = ?", (study,)).fetchone()
        seq, body = file.execute(
            "SELECT seq, body FROM event WHERE study = ? AND seq > ? ORDER BY seq", (number, after)
        ).fetchone()
        wrong = bytes([body[0] ^ 1]) + body[1:]
        file.execute("UPDATE event SET body = ? WHERE study = ? AND seq = ?", (wrong, number, seq))
    file.close()
    return seq - 1


def test_a_sound_store_is_sound_and_damage_is_named(store):
    rows = json.loads(run("check", store, "--json"))
    assert [row["damage"] for row in rows] == [[], []]
    assert all(row["checkpoints"] == 10 for row in rows)  # two a trial
    blob = min((store.parent / "s.db.blobs").glob("?" * 64))
    blob.write_bytes(b"wrong")
    seen = run("check", store, code=1)
    assert "does not match its checksum" in seen
    damaged(store, "two", 10)
    assert "two: 10 events" in run("check", store, code=1)


def test_a_backup_is_the_study_and_goes_on(store, tmp_path):
    said = run("backup", store, tmp_path / "copy.db")
    assert said.startswith("20 checkpoints and every event")  # each study's own, though they trained alike
    back = run("restore", tmp_path / "copy.db", tmp_path / "new/again.db")
    assert "every event" in back
    before, after = (load(str(path), "one").table() for path in (store, tmp_path / "new/again.db"))
    assert before == after
    more = danlu.tune(
        train,
        {"x": danlu.Float(0, 1)},
        minimize="loss",
        trials=8,
        store=tmp_path / "new/again.db",
        name="one",
    )
    assert len(more.trials) == 8
    found = {}
    more.restore(found, trial=0)
    assert found["step"] == 3
    refused = run("backup", store, tmp_path / "copy.db", code=2)
    assert "is there already" in refused


def test_a_backup_of_a_running_study_is_whole(tmp_path, promised):
    path, copies = tmp_path / "s.db", []

    def busy(trial):
        train(trial)
        if trial.number % 5 == 0:
            copy = tmp_path / f"copy{trial.number}.db"
            run("backup", path, copy)
            copies.append((copy, trial.number))

    danlu.tune(
        busy,
        {"x": danlu.Float(0, 1)},
        minimize="loss",
        trials=11,
        store=path,
        name="busy",
        seed=1,
        keep="all",
    )
    assert len(copies) == 3
    for copy, number in copies:
        assert len(load(str(copy), "busy").trials) == number + 1
        run("check", copy)
    promised(21, 1, "a backup while the study was written")


def test_what_is_sound_is_saved_and_the_rest_counted(store, tmp_path):
    sound = damaged(store, "two", 12)
    said = run("repair", store, tmp_path / "mended.db", code=1)
    assert f"two: {sound} events are sound; " in said
    assert len(load(str(tmp_path / "mended.db"), "one").trials) == 5
    run("check", tmp_path / "mended.db")
    again = danlu.tune(
        train, {"x": danlu.Float(0, 1)}, minimize="loss", trials=5, store=tmp_path / "mended.db", name="two"
    )
    assert again.table()[-1]["loss"] == load(str(tmp_path / "mended.db"), "one").table()[-1]["loss"]


def test_only_what_nobody_names_and_is_old_is_removed(store):
    folder = store.parent / "s.db.blobs"
    kept = {path.name for path in folder.glob("?" * 64)}
    for name in ("f" * 64, "0" * 64, "dying.part"):
        (folder / name).write_bytes(b"x" * 1000)
    (folder / "notes.txt").write_text("a person's own")
    os.utime(folder / ("f" * 64), (0, 0))
    os.utime(folder / "dying.part", (0, 0))
    os.utime(folder / "notes.txt", (0, 0))
    assert run("gc", store, "--dry-run").startswith("2 files")
    assert (folder / ("f" * 64)).exists()
    assert run("gc", store).startswith("2 files")
    assert {path.name for path in folder.iterdir() if len(path.name) == 64} == kept | {"0" * 64}
    assert (folder / "notes.txt").exists()
    assert run("gc", store, "--older", 0).startswith("1 files")
    run("check", store)


def test_a_damaged_store_is_not_swept(store):
    damaged(store, "one", 10)
    assert "does not match" in run("gc", store, code=2)


def test_a_database_is_not_copied_as_a_file(store, tmp_path):
    assert "copy a PostgreSQL database with pg_dump" in run(
        "backup", store, "postgresql://127.0.0.1/x", code=2
    )


def spoiled(path, study):
    """A report with a step that no fold can hold, as early versions let one be written."""
    from danlu.journal import events as ev
    from danlu.stores.seal import checksum, seal_of

    with raw_file(path) as file:
        (number, head) = file.execute("SELECT id, head FROM study WHERE name = ?", (study,)).fetchone()
        body = ev.encode(ev.Reported(0, 1, 2**63, {"loss": 1.0}, 0.1, 1.0))
        (first,) = file.execute("SELECT body FROM event WHERE study = ? AND seq = 1", (number,)).fetchone()
        row = (number, head + 1, None, body, checksum(head + 1, None, body, seal_of(number, first)))
        file.execute("INSERT INTO event VALUES (?, ?, ?, ?, ?)", row)
        file.execute("UPDATE study SET head = head + 1 WHERE id = ?", (number,))
    return head


def test_one_bad_study_closes_the_file_to_no_other(store, tmp_path):
    head = spoiled(store, "one")
    sentence = f"event {head + 1} (reported) contradicts what is before it"
    listed = json.loads(run("show", store, "--json", code=1))
    assert [("damage" in row, row["trials"]) for row in listed] == [(True, 5), (False, 5)]
    assert sentence in listed[0]["damage"]
    assert len(json.loads(run("show", store, "two", "--json"))) == 5
    assert sentence in run("show", store, "one", code=2)
    assert f"one: {head} events, 10 checkpoints: {sentence}" in run("check", store, code=1)
    assert "two: " in run("check", store, code=1)
    assert sentence in run("doctor", store, code=1)
    assert sentence in run("export", store, "one", "-o", tmp_path / "one.jsonl", code=1)
    assert sentence in run("import", tmp_path / "one.jsonl", tmp_path / "again.db", code=1)
    assert len(load(str(tmp_path / "again.db"), "one").trials) == 5
    assert f"one: {head} events are sound; {sentence}" in run("repair", store, tmp_path / "mended.db", code=1)
    run("check", tmp_path / "mended.db")
    assert [len(load(str(tmp_path / "mended.db"), name).trials) for name in ("one", "two")] == [5, 5]
    assert "20 checkpoints and every event" in run("backup", store, tmp_path / "copy.db", code=1)
    with pytest.raises(danlu.DanluError, match="contradicts"):
        danlu.open_study(store=store, name="one")
    assert "it was damaged, and danlu gc" in run("delete", store, "--study", "one", "--yes", code=1)
    assert "two: " in run("check", store)


DAMAGE = {
    "a checkpoint": "1 checkpoints are damaged or missing",
    "a lost checkpoint": "1 checkpoints are damaged or missing",
    "an event": "the damage was copied too: ",
    "a file of a trial": "1 files in trials' folders cannot be read",
}


def spoil(store, what):
    blobs = store.parent / "s.db.blobs"
    if what == "an event":
        damaged(store, "two", 12)
    elif what == "a checkpoint":
        min(blobs.glob("?" * 64)).write_bytes(b"wrong")
    elif what == "a lost checkpoint":
        min(blobs.glob("?" * 64)).unlink()
    else:
        with contextlib.closing(danlu.stores.SqliteStore(store)) as opened:
            best = danlu.open_study(store=opened, name="one").result.best.number
        folder = Folders(str(blobs), "one").of(best)
        folder.mkdir(parents=True)
        os.mkfifo(folder / "notes")  # nobody writes into it, and nothing can be copied of it


@pytest.mark.parametrize("what", DAMAGE)
@pytest.mark.parametrize("command", ["backup", "restore", "repair"])
def test_a_copy_of_what_is_damaged_is_made_and_its_exit_code_tells(
    store, tmp_path, command, what, promised, capsys
):
    assert not cli([command, str(store), str(tmp_path / "sound.db")], standalone_mode=False)
    spoil(store, what)
    assert cli([command, str(store), str(tmp_path / "copy.db")], standalone_mode=False) == 1
    said = "".join(capsys.readouterr())
    expected = {
        "a checkpoint": "1 of its checkpoints are damaged or missing",
        "a lost checkpoint": "1 of its checkpoints are damaged or missing",
        "an event": "two: 12 events are sound; ",
        "a file of a trial": "1 files in its trials' folders cannot be read",
    }
    assert (expected if command == "repair" else DAMAGE)[what] in said
    assert len(load(str(tmp_path / "copy.db"), "one").trials) == 5
    promised(13, 1, "kinds of damage met by commands that copy: said, and an exit code that tells")


def test_a_checkpoint_that_a_running_study_replaces_is_no_damage(store, tmp_path, monkeypatch, capsys):
    from danlu.cli import upkeep

    with contextlib.closing(danlu.stores.SqliteStore(store)) as opened:
        digests = danlu.open_study(store=opened, name="one").session.replica.history.rows.checkpoints.digests
        gone = min(digests)
    (store.parent / "s.db.blobs" / gone).unlink()
    monkeypatch.setattr(upkeep, "_named", lambda opened: set(digests) - {gone})  # as its journal says by then
    cli(["backup", str(store), str(tmp_path / "copy.db")], standalone_mode=False)
    assert "1 checkpoints were replaced before they could be copied" in capsys.readouterr().err


def test_a_study_deleted_beside_a_damaged_one_says_so(store):
    damaged(store, "two", 12)
    said = run("delete", store, "--study", "one", "--yes", code=1)
    assert "its checkpoints stay, as it is not known who else needs them" in said


def test_a_study_is_deleted_with_all_that_is_its_own(store):
    folder = store.parent / "s.db.blobs"
    (folder / "trials/one/000001").mkdir(parents=True)
    (folder / "logs/one").mkdir(parents=True, exist_ok=True)
    (folder / "logs/two").mkdir(parents=True, exist_ok=True)
    assert "There are: one, two" in run("delete", store, "--study", "three", "--yes", code=2)
    declined = subprocess.run(
        [sys.executable, "-m", "danlu.cli", "delete", str(store), "--study", "one"],
        input="n\n", capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (declined.returncode, "nothing was deleted" in declined.stdout) == (1, True)
    said = run("delete", store, "--study", "one", "--yes")
    assert "one is deleted, with 10 checkpoints" in said  # its own, though the other trained alike
    assert sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_dir()) == [
        "logs", "logs/two", "trials",
    ]  # fmt: skip
    assert "two: " in run("check", store)
    assert "two is deleted, with 10 checkpoints" in run("delete", store, "--study", "two", "--yes")
    assert not list(folder.glob("?" * 64))
    assert danlu.tune(
        train, {"x": danlu.Float(0, 1)}, minimize="loss", trials=1, store=store, name="one"
    ).trials


def test_a_study_is_not_deleted_under_a_worker(store):
    opened = danlu.stores.SqliteStore(store)
    with danlu.open_study({"x": danlu.Float(0, 1)}, store=opened, name="live") as study:
        trial = study.ask()
        assert "1 trial of the study 'live' may still run" in run(
            "delete", store, "--study", "live", "--yes", code=2
        )
        run("delete", store, "--study", "live", "--yes", "--force")
        danlu.open_study({"x": danlu.Float(0, 1)}, store=opened, name="live").close()
        with pytest.raises(danlu.DanluError, match="the study has been deleted"):
            study.tell(trial, 0.5)
    assert [entry.seq for entry in opened.journal("live").read(0)] == [
        1
    ]  # the new one, and nobody wrote into it
    opened.close()


@pytest.mark.parametrize("command", ["delete", "gc"])
def test_folders_on_another_disk_are_removed_through_their_link(tmp_path, command):
    path, elsewhere = tmp_path / "s.db", tmp_path / "big disk"

    def train(trial):
        (trial.dir / "model.txt").write_text("here")
        return trial["x"]

    danlu.tune(train, {"x": danlu.Float(0, 1)}, trials=2, store=path, name="s")
    root = Folders(str(path) + ".blobs", "s").root
    root.rename(elsewhere)
    root.symlink_to(elsewhere)
    arguments = {
        "delete": ["delete", str(path), "--study", "s", "--yes", "--force"],
        "gc": ["gc", str(path), "--older", "0"],
    }[command]
    cli(arguments, standalone_mode=False)
    if command == "delete":
        assert not root.exists()
        assert not root.is_symlink()
        assert not elsewhere.exists()
    else:
        assert (elsewhere / "model.txt").exists() or root.exists()  # the best trial's stays
