"""Files of a trial: kept as long as its study, whoever runs it, and shown by the page without ever being active."""

import http.client
import json
import os
import sys
import textwrap
from urllib.parse import urlencode

import pytest
from browsing import Served
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

import danlu
from danlu import Float
from danlu.cli.main import danlu as command
from danlu.dashboard.files import TEXT, disposition, picture_of, text_of
from danlu.errors import CorruptError, ReportError, SettingError
from danlu.journal import events as ev
from danlu.journal.history import History
from danlu.runtime import attachments
from danlu.runtime.attachments import attachment, file_name
from danlu.stores import SqliteStore
from danlu.stores.jsonlines import dump, load

SPACE = {"x": Float(0, 1)}
PNG = b"\x89PNG\r\n\x1a\n" + b"rest"
ODD = [
    "../../etc/passwd",
    "<script>alert(1)</script>.html",
    "x" * 300 + ".png",
    "丹 炉.txt",
    "a/b.png",
    "a\\b.png",
    ".hidden",
    "nul\0.txt",
    "half\ud800.txt",
    "line\nbreak",
    'q"uote.svg',
    "..",
    " ",
]


def train(t):
    t.attach("curve.png", PNG)
    t.attach("said.txt", f"trial {t.number}".encode())
    if t.number == 1:
        t.report(1, loss=1.0)
        raise ValueError("on purpose")
    return t["x"]


def tuned(path, trials=4, objective=train, **more):
    return danlu.tune(
        objective, SPACE, minimize="loss", trials=trials, seed=0, store=str(path), name="s", **more
    )


def told(*arguments, code=0):
    answer = CliRunner().invoke(command, [*map(str, arguments)])
    assert answer.exit_code == code, answer.output
    return answer.output


def blobs(path):
    return {each.name for each in danlu.runtime.blobs.blobs_at(SqliteStore(path).blobs).kept()}


@pytest.mark.parametrize("engine", ["inline", "pool"])
def test_files_of_every_trial_stay_also_of_those_that_failed_or_are_not_the_best(tmp_path, engine):
    result = tuned(tmp_path / "s.db", engine=engine)
    assert [[file.name for file in trial.files] for trial in result.trials] == [["curve.png", "said.txt"]] * 4
    assert result.trials[1].status.name == "FAILED"
    assert [result.study.file("said.txt", n) for n in range(4)] == [f"trial {n}".encode() for n in range(4)]
    assert len(blobs(tmp_path / "s.db")) == 8  # the same bytes of several trials are each trial's own
    with pytest.raises(SettingError, match=r"It has: curve.png, said.txt"):
        result.study.file("other", 0)
    assert "curve.png, 12 bytes" in told("show", tmp_path / "s.db", "--trial", 2)


def test_a_later_one_of_a_name_replaces_the_earlier_and_its_blob_goes(tmp_path):
    def objective(t):
        for text in (b"one", b"two", b"one"):
            t.attach("a.txt", text)
        return 1.0

    result = tuned(tmp_path / "s.db", 1, objective)
    assert result.study.file("a.txt", 0) == b"one"
    assert len(blobs(tmp_path / "s.db")) == 1


def test_a_trial_that_was_stopped_may_attach_while_it_leaves(tmp_path):
    def objective(t):
        try:
            for step in range(1, 9):
                t.report(step, loss=float("nan") if t.number else 1.0)
        finally:
            t.attach("last.txt", b"words")

    result = tuned(tmp_path / "s.db", 2, objective, scheduler="diverged")
    assert [trial.status.name for trial in result.trials] == ["DONE", "FAILED"]
    assert result.study.file("last.txt", 1) == b"words"


def test_what_a_worker_attaches_whose_attempt_is_over_counts_for_nothing():
    history, space = History(), danlu.Space(SPACE)
    unit, values = space.snap([0.5])
    events = [
        ev.Created(space.spec, danlu.Goal.of(minimize="loss"), 1, 1.0),
        ev.Asked(0, ev.pack_params(values), danlu.space.space.pack_unit(unit), "w", 1.0),
        ev.Attached(0, 1, "a", "old", 3, 1.0),
        ev.Resumed(0, 2, "v", 2.0),
        ev.Attached(0, 2, "a", "new", 3, 2.0),
        ev.Attached(0, 1, "a", "late", 3, 3.0),
    ]
    history.fold(ev.Entry(seq, event) for seq, event in enumerate(events, 1))
    assert [file.digest for file in history.trials[0].files] == ["new"]
    assert history.rows.checkpoints.sweep() == ["old", "late"]
    assert dict(history.rows.checkpoints.digests) == {"new": 1}


def test_too_large_too_many_and_no_file_are_sentences(tmp_path, monkeypatch):
    sparse = tmp_path / "huge.bin"
    with sparse.open("wb") as file:
        file.truncate(5 * 2**30)
    with pytest.raises(ReportError, match="100 MiB at most, and .*huge.bin has 5,120"):
        attachment(sparse, None)
    with pytest.raises(ReportError, match="there is no file"):
        attachment("nowhere.png", None)
    with pytest.raises(ReportError, match="there is no file"):
        attachment("folder", tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ReportError, match="there is no file"):
        attachment("pipe", tmp_path / "pipe")
    with pytest.raises(ReportError, match="takes bytes or the path"):
        attachment("a.txt", 3)
    monkeypatch.setattr("danlu.study.responder.MOST_FILES", 2)
    seen = []

    def objective(t):
        for name in "abab":
            t.attach(name, b"x")
        try:
            t.attach("c", b"x")
        except ReportError as error:
            seen.append(str(error))
        return 1.0

    tuned(tmp_path / "s.db", 1, objective)
    assert "2 files at most" in seen[0]


@pytest.mark.parametrize("name", ODD)
def test_an_odd_name_becomes_one_that_every_system_can_have(name):
    kept = file_name(name)
    assert 1 <= len(kept) <= 100
    assert not set(kept) & set('/\\<>:"|?*\0\n')
    assert kept.strip(". ") == kept
    assert file_name(kept) == kept


@given(st.text(), st.text())
def test_two_names_are_never_one(one, other):
    import unicodedata

    def same(text):
        return unicodedata.normalize("NFC", danlu.base.values.legible(text))

    assert (file_name(one) == file_name(other)) == (same(one) == same(other))


def test_they_move_with_export_backup_and_repair_and_go_with_the_study(tmp_path):
    path = tmp_path / "s.db"
    tuned(path)
    assert "8 checkpoints: sound" in told("check", path)
    told("gc", path, "--older", 0)
    told("backup", path, tmp_path / "copy.db")
    copy = danlu.tune(
        train, SPACE, minimize="loss", trials=4, seed=0, store=str(tmp_path / "copy.db"), name="s"
    )
    assert copy.study.file("said.txt", 2) == b"trial 2"
    told("repair", path, tmp_path / "mended.db")
    assert len(blobs(tmp_path / "mended.db")) == 8
    memory = danlu.stores.MemoryStore()
    load(iter(list(dump("s", SqliteStore(path).journal("s").read(0)))), memory)
    history = History()
    history.fold(memory.journal("s").read(0))
    assert [trial.files for trial in history.trials] == [trial.files for trial in copy.trials]
    told("delete", path, "--study", "s", "--yes")
    assert blobs(path) == set()


def test_a_missing_blob_is_said(tmp_path):
    result = tuned(tmp_path / "s.db", 1)
    danlu.runtime.blobs.blobs_at(SqliteStore(tmp_path / "s.db").blobs).drop(
        [result.trials[0].files[0].digest]
    )
    with pytest.raises(CorruptError, match="missing"):
        result.study.file("curve.png", 0)
    assert "missing" in told("check", tmp_path / "s.db", code=1)


def test_a_program_leaves_files_in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "fit.py").write_text(
        textwrap.dedent("""
        import os, pathlib, sys
        folder = pathlib.Path(os.environ["DANLU_DIR"], "files", "deep")
        folder.mkdir(parents=True)
        (folder / "a.txt").write_text("hello")
        (folder / "link").symlink_to("/etc/passwd")
        print("loss:", sys.argv[1])
        """)
    )
    told("run", "--tune", "x=0:1", "--metric", "loss", "--minimize", "loss", "-n", 1, "--store", "s.db", "--", sys.executable, "fit.py", "{x}")  # fmt: skip
    store = SqliteStore(tmp_path / "s.db")
    history = History()
    history.fold(store.journal(store.studies()[0]).read(0))
    (file,) = history.trials[0].files
    assert file.name.startswith("deep_a=")
    assert file.name.endswith(".txt")


@given(st.text(max_size=30), st.integers(0, 4))
def test_text_is_cut_at_a_letter(text, pad):
    data = b"x" * (TEXT - pad) + text.replace("\0", "").encode()
    found = text_of(data)
    assert data.startswith(found.encode())
    assert len(data[:TEXT]) - len(found.encode()) < 4


def test_what_is_no_picture_or_text_by_its_bytes_is_neither():
    assert [picture_of(data) for data in (PNG, b"\xff\xd8\xff", b"RIFF1234WEBP", b"<svg/>", b"<html>", b"")] == [
        "image/png", "image/jpeg", "image/webp", "", "", "",
    ]  # fmt: skip
    assert text_of(b"\xff\xfe\x00") is None
    assert text_of(b"\xff" * 9) is None
    assert "\n" not in disposition('a\r\nset-cookie: x"')


def test_the_page_never_serves_active_content(tmp_path):
    svg = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"

    def objective(t):
        t.attach("page.html", b"<script>alert(1)</script>")
        t.attach("drawing.svg", svg)
        t.attach("lies.png", svg)
        t.attach("true.png", PNG)
        t.attach("../../<b>.txt", b"y" * (TEXT + 5))
        return 1.0

    result = tuned(tmp_path / "s.db", 1, objective)
    (odd,) = [file.name for file in result.trials[0].files if "b_" in file.name]
    with Served(tmp_path / "s.db", tmp_path) as served:
        cookie = ""

        def ask(path, **query):
            connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=20)
            connection.request(
                "GET",
                f"{path}?{urlencode(query)}" if query else path,
                headers={"Cookie": cookie} if cookie else {},
            )
            answer = connection.getresponse()
            found = answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
            connection.close()
            return found

        assert ask("/api/file", study="s", trial=0, name="true.png")[0] == 401
        cookie = ask(served.url.removeprefix(served.base))[1]["set-cookie"].partition(";")[0]
        while not json.loads(ask("/api/view", study="s")[2]).get("whole"):
            pass
        for name in ("page.html", "drawing.svg", "lies.png", "true.png", odd):
            for show in ("", "other"):
                status, headers, body = ask("/api/file", study="s", trial=0, name=name, show=show)
                assert status == 200
                assert headers["content-type"] == "application/octet-stream"
                assert headers["content-disposition"].startswith("attachment;")
                assert headers["x-content-type-options"] == "nosniff"
                assert "default-src 'none'" in headers["content-security-policy"]
                assert body == result.study.file(name, 0)
            status, headers, _ = ask("/api/file", study="s", trial=0, name=name, show="picture")
            assert (status, headers["content-type"]) == (
                (200, "image/png") if name == "true.png" else (400, "application/json")
            )
        text = json.loads(ask("/api/file", study="s", trial=0, name=odd, show="text")[2])
        assert (len(text["text"]), text["more"]) == (TEXT, True)
        shown = json.loads(ask("/api/file", study="s", trial=0, name="page.html", show="text")[2])
        assert shown["text"] == "<script>alert(1)</script>"
        for name in ("../s.db", "/etc/passwd", "%2e%2e/s.db", "", "nothing"):
            assert ask("/api/file", study="s", trial=0, name=name)[0] == 400
        assert ask("/api/file", study="s", trial=7, name=odd)[0] == 404


def test_limits_are_those_that_are_said():
    assert "100 MiB" in danlu.runtime.live.LiveTrial.attach.__doc__
    assert attachments.LARGEST_FILE == 100 * 2**20
    assert attachments.MOST_FILES == 100
