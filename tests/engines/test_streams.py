"""What is said on streams that are closed, missing or of another encoding: nothing stops for it, and JSON stays JSON."""

import io
import json
import os
import subprocess
import sys

import pytest

import danlu
from danlu.base.failure import at_terminal, say
from danlu.cli import live
from danlu.stores import jsonlines

SPACE = {"x": danlu.Float(0, 1)}


def closed():
    stream = io.StringIO()
    stream.close()
    return stream


class Broken:
    """A stream whose other end is gone."""

    def write(self, text):
        raise BrokenPipeError(32, "nobody reads")

    def flush(self):
        raise BrokenPipeError(32, "nobody reads")

    def isatty(self):
        raise OSError("no such device")


STREAMS = {"none": lambda: None, "closed": closed, "broken": Broken}


@pytest.fixture(params=STREAMS)
def lost(request, monkeypatch):
    """Take standard error away, once called: in the test itself, as pytest puts its own in place before each."""
    return lambda: monkeypatch.setattr(sys, "stderr", STREAMS[request.param]())


def first(trial):
    trial.save(1, {"step": 1})
    trial.report(1, loss=trial["x"])


def second(trial):
    trial.save(1, {"step": 2})
    trial.report(1, loss=trial["x"] + 1)


def assumed(rate: float = 0.1, width: int = 32):
    return {"loss": rate * width}


def test_a_study_says_all_it_has_to_without_a_standard_error(lost, tmp_path):
    """Every sentence that is meant for eyes: changed code, what is understood, what is assumed, trials trained longer."""
    lost()
    store = tmp_path / "s.db"
    how = {"space": SPACE, "minimize": "loss", "store": store, "seed": 1, "engine": "inline"}
    danlu.tune(first, trials=3, **how)
    again = danlu.tune(second, trials=4, **how)
    assert len(again.trials) == 4
    assert danlu.tune(second, trials=5, watch=True, **how).trials[4].finished
    result = danlu.tune(assumed, minimize="loss", trials=2, store=tmp_path / "assumed.db")
    assert len(result.trials) == 2
    with danlu.open_study(SPACE, minimize="loss", store=store) as study:
        study.session.remark("loss", "loss is minimized")
    assert "loss is minimized" in "\n".join(result.why()) + "\n".join(study.result.why())
    assert not at_terminal()
    say("unheard")


def test_a_live_view_goes_on_without_a_standard_error(lost):
    lost()
    with danlu.open_study(SPACE, minimize="loss") as study, live.LiveView("study", study.session.replica):
        trial = study.ask()
        study.tell(trial, 0.5)
        assert study.result.trials[0].metrics == {"loss": 0.5}


def test_the_first_control_c_drains_without_a_standard_error(lost):
    lost()
    import signal

    def interrupted(trial):
        os.kill(os.getpid(), signal.SIGINT)
        for step in range(1, 9):
            trial.report(step, loss=trial["x"])

    result = danlu.tune(interrupted, SPACE, minimize="loss", trials=3, engine="inline", watch=False)
    assert "interrupted" in result.study.stopped
    assert len(result.trials) == 1


def test_a_line_is_said_at_once_and_ends_as_it_is_told(capsys):
    say("one", end="\r")
    say("two")
    assert capsys.readouterr().err == "one\rtwo\n"


@pytest.fixture
def named(tmp_path):
    """A store whose names need more than Latin-1, and controls that a terminal would obey."""
    store = tmp_path / "s.db"
    with danlu.open_study({"größe": danlu.Float(0, 1)}, minimize="\U0001f525", store=store) as study:
        study.tell(study.ask(), 0.25)
        study.control.note("turn \u202e around \x7f")
    return store


COMMANDS = {
    "show": ["show"],
    "why": ["show", "--why"],
    "trial": ["show", "--trial", "0"],
    "diagnose": ["diagnose"],
    "check": ["check"],
    "doctor": ["doctor"],
}


@pytest.mark.parametrize("command", COMMANDS)
def test_json_is_utf_8_in_every_encoding(named, command):
    word, *more = COMMANDS[command]
    said = {}
    for encoding in ("ascii", "latin-1", "utf-16", "utf-8"):
        ran = subprocess.run(
            [sys.executable, "-m", "danlu.cli", word, named, *more, "--json"],
            capture_output=True,
            env=os.environ | {"PYTHONIOENCODING": encoding},
        )
        assert ran.returncode == 0, ran.stderr.decode(encoding)
        said[encoding] = json.loads(ran.stdout.decode("utf-8"))
    if command != "doctor":  # whose figures are of the moment
        assert all(each == said["utf-8"] for each in said.values())
    if command == "show":
        assert said["ascii"][0]["\U0001f525"] == 0.25
    if command == "why":
        assert "turn \u202e around \x7f" in said["ascii"]


def test_lines_that_are_watched_are_an_exports_own(named):
    """With their checksums: another spelling of the same text would not match them."""
    ran = subprocess.run(
        [sys.executable, "-m", "danlu.cli", "watch", named, "--once", "--json"],
        capture_output=True,
        env=os.environ | {"PYTHONIOENCODING": "latin-1"},
    )
    assert (ran.returncode, ran.stderr) == (0, b"")
    store = danlu.stores.SqliteStore(named)
    exported = list(jsonlines.dump("study", store.journal("study").read(0)))
    assert ran.stdout.decode("utf-8") == "".join(exported[1:-1])
    assert "turn \u202e around \x7f" in ran.stdout.decode("utf-8")
    store.close()
