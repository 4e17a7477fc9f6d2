"""ARCHITECTURE.md lists what always holds; every line names a test, and those that had none are here."""

from __future__ import annotations

import re

import numpy as np
import pytest
from places import ROOT, TESTS

import danlu
from danlu import Choice, Float, Int, Switch
from danlu.cli.main import main
from danlu.dashboard.views import detail
from danlu.journal import events as ev
from danlu.journal.history import History
from danlu.problem.goal import Goal
from danlu.samplers.parts.comparable import comparable

ODD = {
    "lr": Float(1e-5, 1e3, log=True),
    "shift": Float(-7, -2),
    "width": Int(3, 900, log=True),
    "kind": Choice(["a", "b", "c"]),
    "extra": Switch({"off": {}, "on": {"rate": Float(10, 20)}}),
}


def invariants():
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    part = text.split("## Invariants")[1].split("\n## ")[0]
    return re.split(r"\n(?=\d+\. )", part)[1:]


def test_every_invariant_names_a_test_that_exists():
    listed = invariants()
    assert len(listed) >= 13
    for line in listed:
        named = re.findall(r"`(test_\w+)::(test_\w+)`", line)
        assert named, f"names no test: {line}"
        for file, test in named:
            (path,) = TESTS.glob(f"*/{file}.py")
            assert f"\ndef {test}(" in path.read_text("utf-8"), f"{file} has no {test}: {line}"


def test_the_journal_says_which_checkpoint_is_current():
    """One that was saved, and whose step nobody has reported, is on the disk but does not count."""
    unit = np.array([0.5]).tobytes()
    history = History()
    events = [
        ev.Created(danlu.Space({"x": Float(0, 1)}).spec, Goal.of(minimize="loss"), 0, 0.0),
        ev.Asked(0, ev.pack_params({"x": 0.5}), unit, "w", 0.0),
        ev.Saved(0, 1, 10, "ten", 1, 1.0),
        ev.Reported(0, 1, 10, {"loss": 1.0}, 1.0, 1.0),
        ev.Saved(0, 1, 20, "twenty", 1, 1.0),
    ]
    history.fold(ev.Entry(at + 1, event) for at, event in enumerate(events))
    assert [kept.digest for kept in history.trials[0].checkpoints] == ["ten"]


@pytest.mark.parametrize(
    "sampler", ["random", "quasirandom", "gp", "tpe", "cmaes", "genetic", "evolution", "nsga2", "bohb"]
)
def test_inside_everything_lies_in_the_unit_cube_and_is_minimized(sampler):
    """Whatever the ranges, scales and directions outside."""
    seen = []

    def train(trial):
        seen.append(dict(trial.params))
        return {"score": 100 * trial["lr"] + trial["width"]}

    result = danlu.tune(train, ODD, maximize="score", trials=16, sampler=sampler, seed=2)
    history = result.history
    assert ((history.columns.units >= 0) & (history.columns.units <= 1)).all()
    assert (history.columns.units[~history.columns.active] == 0.5).all()
    assert np.ptp(history.columns.units, axis=0).min() > 0.2
    for trial, params in zip(result.trials, seen, strict=True):
        assert trial.params == params == history.space.decode(np.array(trial.unit))
        assert trial.losses == (-trial.metrics["score"],)
    best = max(trial.metrics["score"] for trial in result.trials)
    assert result.best.metrics["score"] == best
    assert history.columns.losses[:, 0].min() == -best


@pytest.mark.parametrize("sampler", ["gp", "tpe", "bohb", "evolution", "genetic", "cmaes"])
def test_failed_trials_stay_with_their_cause_and_samplers_avoid_them(sampler):
    """Losses fall toward the half that fails, so who forgot what failed there would go there."""

    def train(trial):
        if trial["x"] < 0.5:
            raise ValueError(f"too small: {trial['x'] < 0.5}")
        return trial["x"] + 0.1 * trial["y"]

    space = {"x": Float(0, 1), "y": Float(0, 1)}
    result = danlu.tune(train, space, trials=60, sampler=sampler, seed=1)
    failed = [trial for trial in result.trials if trial.params["x"] < 0.5]
    assert len(result.trials) == 60
    assert 0 < len(failed) < 60
    for trial in failed:
        assert (trial.status, trial.cause) == (ev.Status.FAILED, ev.Cause.RAISED)
        assert "ValueError: too small: True" in trial.reason
        assert np.isnan(trial.losses).all()
    known = comparable(result.history)
    bad = np.isin(known.numbers, [trial.number for trial in failed])
    assert bad.sum() == len(failed)
    assert np.isnan(known.losses[bad]).all()
    late = [trial.number >= 30 for trial in failed]
    assert sum(late) < 15, f"{sum(late)} of the last 30 failed, where chance fails 15"


def test_what_danlu_does_on_its_own_has_a_reason_that_is_told_everywhere(tmp_path, capsys):
    """A trial that diverges, one that is stopped, one that is paused or fails: its journal, ``why``, command line and page."""
    store = danlu.stores.SqliteStore(tmp_path / "s.db")

    def train(trial):
        if trial.number == 5:
            raise ValueError("of its own")
        for step in range(1, 10):
            loss = float("nan") if trial.number == 7 and step == 1 else trial["x"] + 1 / step
            trial.report(step, loss=loss)

    result = danlu.tune(
        train,
        {"x": Float(0, 1)},
        minimize="loss",
        trials=20,
        seed=1,
        store=store,
        scheduler=danlu.schedulers.Chain(danlu.schedulers.Diverged(), danlu.schedulers.ASHA(high=9)),
    )
    entries = [entry.event for entry in store.journal("study").read(0)]
    acts = [event for event in entries if isinstance(event, ev.Reported) and event.action is not ev.Action.GO]
    acts += [event for event in entries if isinstance(event, ev.Ended) and event.cause is not None]
    assert len(acts) > 5
    assert {5, 7} <= {event.trial for event in acts}
    why = "\n".join(result.why())
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main(["show", str(tmp_path / "s.db"), "--why"])
    assert not ended.value.code
    shown = capsys.readouterr().out
    for event in acts:
        assert event.reason
        said = f"trial {event.trial} {result.trials[event.trial].status.name.lower()}"
        for text in (why, shown):
            line = next(line for line in text.splitlines() if line.startswith(said))
            assert event.reason.splitlines()[0] in line
        page = detail(result.history, event.trial)
        assert any(event.reason.splitlines()[0] in each["why"] for each in page["events"])
    assert "diverged" in why
    for event in entries:
        if isinstance(event, ev.Noted) and event.trial < 0:
            assert all(str(fact) in why and str(fact) in shown for fact in event.facts.values())
    store.close()
