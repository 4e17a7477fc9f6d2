"""``danlu show``: which trials and columns it prints and how it says what it leaves out; one trial as a person reads it; near misses."""

import json
import re
import time

import pytest

import danlu
from danlu.cli import listing
from danlu.cli.listing import Wanted, arranged, listed
from danlu.cli.main import COMMANDS, main
from danlu.errors import SettingError


def train(trial):
    for step in range(1, 6):
        trial.report(step, loss=trial["lr"] + 1 / step, acc=step / 6 * (1 - trial["lr"]))


def failing(trial):
    raise (ValueError if trial.number % 2 else OSError)(f"no file {trial['lr']}")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    path = str(tmp_path_factory.mktemp("show") / "s.db")
    how = {"sampler": "random", "scheduler": "none", "seed": 0, "store": path, "watch": False}
    space = {"lr": danlu.Float(1e-4, 1, log=True), "act": danlu.Choice(["relu", "tanh"])}
    danlu.tune(train, space, maximize="acc", trials=60, name="one", **how)
    danlu.tune(
        lambda t: {"loss": t["lr"], "ms": 1 / t["lr"]},
        space,
        minimize=["loss", "ms"],
        trials=20,
        name="two",
        **how,
    )
    danlu.tune(failing, space, minimize="loss", trials=6, name="bad", **how)
    return path


@pytest.fixture
def said(store, capsys):
    def run(*words, code=0):
        with pytest.raises(SystemExit) as ended:
            main(["show", store, *map(str, words)])
        out = capsys.readouterr()
        assert (ended.value.code or 0) == code, out
        return out.out if code == 0 else out.err

    return run


def numbers(text):
    return [int(line.split()[0]) for line in text.splitlines() if re.match(r"\d+ ", line)]


def test_a_long_study_is_not_printed_whole_unless_asked(said, store):
    text = said("one")
    assert numbers(text) == list(range(20, 60))
    assert (
        "the newest 40 of 60 trials are shown; --top N shows the best, --last N the newest, --all every one."
        in text
    )
    assert numbers(said("one", "--all")) == list(range(60))
    assert "are shown" not in said("one", "--all")
    assert numbers(said("one", "--last", 3)) == [57, 58, 59]
    rows = json.loads(said("one", "--json"))
    assert len(rows) == 60
    assert [row["trial"] for row in json.loads(said("one", "--json", "--last", 2))] == [58, 59]


def test_the_best_and_the_sorted_come_as_a_loop_would_sort_them(said, store):
    trials = danlu.load(store, "one").trials
    best = sorted(range(60), key=lambda number: -trials[number].metrics["acc"])
    assert numbers(said("one", "--top", 5)) == best[:5]
    by_rate = sorted(range(60), key=lambda number: trials[number].params["lr"])
    assert numbers(said("one", "--sort", "lr", "--all")) == by_rate
    assert numbers(said("one", "--sort=-lr", "--all")) == by_rate[::-1]
    assert numbers(said("one", "--sort", "acc", "--top", 3)) == best[:3]
    assert (
        numbers(said("one", "--sort=-acc", "--top", 2)) == best[:2]
    )  # from large to small, whichever is good
    front = danlu.load(store, "two").history.incumbents.front
    assert set(numbers(said("two", "--top", len(front)))) == set(front)


def test_columns_are_those_that_are_named_and_near_misses_are_said(said):
    lines = said("one", "--columns", "lr, trial", "--last", 1).splitlines()
    assert lines[0].split() == ["lr", "trial"]
    assert "no column 'los'" in said("one", "--columns", "los", code=2)
    assert "Did you mean lr?" in said("one", "--sort", "lrr", code=2)
    assert "give one of them" in said("one", "--top", 1, "--last", 1, code=2)


def test_a_screen_gets_what_fits_and_hears_what_does_not(store):
    result = danlu.load(store, "one")
    rows, more = listed(result.table(), result.history, Wanted(), lines=24)
    assert [row["trial"] for row in rows] == list(range(50, 60))
    assert "the newest 10 of 60" in more
    shown, hidden = arranged(rows, None, 40)
    from danlu.cli.show import table

    assert max(map(len, table(shown).splitlines())) <= 40
    assert {"trial", "status"} <= set(shown[0])
    missing = re.match(r"(\d+) columns? do(es)? not fit: (.*)\. --columns", hidden)
    said = set(missing[3].split(", "))
    assert len(said) == int(missing[1])
    assert said | set(shown[0]) >= {name for name in rows[0] if any(row[name] is not None for row in rows)}
    assert arranged(rows, None, 500) == (rows, "")
    with pytest.raises(SettingError, match="There are: trial"):
        arranged(rows, "zzz", None)


def test_a_pager_is_for_screens_alone(said, monkeypatch):
    paged = []
    monkeypatch.setattr(listing.click, "echo_via_pager", paged.append)
    assert "the newest 40" in said("one")
    assert not paged
    monkeypatch.setattr(listing, "screen_of", lambda: (200, 30))
    assert said("one", "--last", 2)
    assert not paged
    assert said("one", "--all") == ""
    assert len(paged[0].splitlines()) > 60


def test_a_trial_is_told_in_words_dates_and_durations(said, store):
    trial = danlu.load(store, "one").trials[7]
    text = said("one", "--trial", 7)
    for what, at in (("asked", trial.asked_at), ("ended", trial.ended_at)):
        assert f"{what}: {time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(at))}" in text
    assert "unit" not in text
    assert not re.search(r"e\+09", text)
    rank = 1 + sum(each.metrics["acc"] > trial.metrics["acc"] for each in danlu.load(store, "one").trials)
    assert f"trial 7: done, rank {rank} of 60" in text
    assert f"  lr = {trial.params['lr']:.6g}" in text
    assert "reports: 5, of steps 1 to 5" in text
    assert re.search(r"ran for [\d.]+(us|ms|s)\b", text)
    assert "unit: (" in said("one", "--trial", 7, "--raw")
    assert json.loads(said("one", "--trial", 7, "--json"))["unit"] == list(trial.unit)
    failed = said("bad", "--trial", 1)
    assert failed.startswith("trial 1: failed")
    assert "reason: ValueError: no file" in failed
    assert "on the front" in said("two", "--trial", danlu.load(store, "two").history.incumbents.front[0])


def test_several_goals_have_a_front_and_no_best(said, store):
    text = said("two", "--all")
    front = danlu.load(store, "two").history.incumbents.front
    assert f"front of {len(front)} trials: loss down to" in text
    assert "best" not in text
    assert next(row for row in json.loads(said("--json")) if row["study"] == "two")["best"] is None


def test_where_all_fails_the_errors_are_first(said):
    lines = said("bad").splitlines()
    assert lines[0] == "errors:"
    assert "3 x OSError: no file" in lines[1]
    assert "(trials 0, 2, 4)" in lines[1]
    assert "3 x ValueError: no file" in lines[2]


def test_what_is_meant_is_asked_for_commands_and_choices(capsys):
    near = {("shwo", "x"): "'show'", ("diagnos", "x"): "'diagnose'", ("plot", "x", "histroy"): "'history'", ("steer", "x", "paus"): "'pause'",
            ("tune", "imag"): "'image'"}  # fmt: skip
    for words, meant in near.items():
        with pytest.raises(SystemExit) as ended:
            main(list(words))
        error = capsys.readouterr().err
        assert ended.value.code == 2
        assert f"Did you mean {meant}?" in error
        assert error.count("history, curves") <= 1
    with pytest.raises(SystemExit):
        main(["qqq"])
    assert "danlu --help" in capsys.readouterr().err
    assert "qqq" not in COMMANDS
