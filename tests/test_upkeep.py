"""A store is checked, copied while in use, mended, and swept; nothing is written over."""

import json
import os
import sqlite3
import subprocess
import sys

import pytest

import danlu
from danlu.cli.show import load


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
    with sqlite3.connect(path) as file:
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
    assert said.startswith("10 checkpoints and every event")  # both studies saved the same bytes
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
    said = run("repair", store, tmp_path / "mended.db")
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
