"""Rate and time left: by a plain count, without rests, one answer on every surface, none while a person has paused."""

import io

import msgspec
import pytest
from rich.console import Console

import danlu
from danlu.analysis.pace import duration, pace, readable
from danlu.cli.board import board
from danlu.cli.live import event_line, render
from danlu.dashboard.views import head
from danlu.journal.events import Asked, Ended, Steered
from danlu.journal.history import History
from danlu.problem.budget import Budget

SPACE = {"x": danlu.Float(0, 1)}


@pytest.fixture(scope="module")
def entries():
    """A study of 50 trials, one after the other."""
    store = danlu.stores.MemoryStore()
    with danlu.open_study(SPACE, minimize="loss", sampler="random", seed=0, store=store, name="s") as study:
        for _ in range(50):
            trial = study.ask()
            study.tell(trial, trial["x"])
    return list(store.journal("s").read(0))


def history_of(entries, ends, order=None):
    """The same study with trials that end at these times, each begun when the one before it ended; then an order."""
    begun, history = 0.0, History()
    for entry in entries:
        event = entry.event
        number = getattr(event, "trial", -1)
        if isinstance(event, Asked | Ended) and number >= len(ends):
            break
        if isinstance(event, Asked):
            begun = 1e6 + (ends[number - 1] if number else 0.0)
            event = msgspec.structs.replace(event, at=begun)
        elif isinstance(event, Ended):
            event = msgspec.structs.replace(event, at=1e6 + ends[number])
        elif hasattr(event, "at"):
            event = msgspec.structs.replace(event, at=max(1e6, begun))
        history.fold([msgspec.structs.replace(entry, event=event)])
    if order is not None:
        said = Steered(order, "ann", 1e6 + ends[-1], reason="lunch")
        history.fold([msgspec.structs.replace(entry, seq=history.seq + 1, event=said)])
    return history


def test_the_rate_begins_with_the_first_trial_not_with_the_first_end(entries):
    """Ten trials in 25 seconds are 24 a minute."""
    found = pace(history_of(entries, [2.5 * (each + 1) for each in range(10)]), Budget(trials=80, time=1e6))
    assert found.rate == pytest.approx(0.4)
    assert (found.number, found.unit) == ("24", "min")
    assert found.left == pytest.approx(70 / 0.4)


def test_the_first_trial_is_work_too(entries):
    """Three trials in 14 seconds, of which the first took 10."""
    assert pace(history_of(entries, [10.0, 12.0, 14.0])).rate == pytest.approx(3 / 14)


def test_the_newest_thirty_count(entries):
    ends = [10.0 * (each + 1) for each in range(15)] + [150 + 2.0 * (each + 1) for each in range(35)]
    assert pace(history_of(entries, ends)).rate == pytest.approx(0.5)


@pytest.mark.parametrize("rest", [300.0, 86400.0])
def test_a_night_between_two_sessions_is_no_work(entries, rest):
    ends = [2.5 * (each + 1) + (rest if each >= 12 else 0.0) for each in range(20)]
    assert pace(history_of(entries, ends)).rate == pytest.approx(0.4)


def test_while_a_study_is_paused_nothing_counts_down_and_the_terminal_says_so(entries):
    paused = history_of(entries, [2.5 * (each + 1) for each in range(10)], "pause")
    found = pace(paused, Budget(trials=80))
    assert (found.left, found.halted) == (None, "paused by ann: lunch")
    shown = drawn(board("s", paused, Budget(trials=80)))
    assert "paused by ann: lunch; go on with: danlu steer STORE resume s" in shown
    assert " left" not in shown
    resumed = history_of(entries, [2.5 * (each + 1) for each in range(10)], "resume")
    assert pace(resumed).halted == ""
    assert "2m55s left" in drawn(board("s", resumed, Budget(trials=80)))


def test_lines_say_who_paused(entries):
    history = history_of(entries, [1.0])
    said = msgspec.structs.replace(entries[-1], event=Steered("pause", "ann", 0.0, reason="lunch"))
    assert event_line(said, history) == "the study was paused by ann: lunch"
    said = msgspec.structs.replace(entries[-1], event=Steered("prune", "ann", 0.0, 0))
    assert event_line(said, history) == ""


def test_page_and_terminal_say_the_same_at_the_same_moment(entries):
    for order in (None, "pause", "stop"):
        history = history_of(entries, [3.0 * (each + 1) for each in range(20)], order)
        page, terminal = head("s", history), board("s", history)
        assert page["pace"] == terminal.pace
        assert page["rate"] == terminal.pace.rate
        assert page["halted"] == terminal.pace.halted


def drawn(now):
    console = Console(file=io.StringIO(), width=200, color_system=None)
    console.print(render(now, "utf-8"))
    return console.file.getvalue()


@pytest.mark.parametrize("power", range(-7, 6))
def test_a_rate_is_readable_at_any_size(power):
    number, unit = readable(1.71 * 10.0**power)
    assert "e" not in number or power < -6
    seconds = {"s": 1, "min": 60, "h": 3600, "day": 86400}[unit]
    assert float(number) / seconds == pytest.approx(1.71 * 10.0**power, rel=0.15)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.000071, "71us"), (0.0025, "2.5ms"), (0.35, "0.35s"), (0.999, "1s"), (1.5, "1.5s"), (8, "8s"), (59.9, "59s"),
        (125, "2m05s"), (7200, "2h00m"), (187200, "2d04h"), (0, "0s"), (float("nan"), "?"), (None, "?"),
    ],
)  # fmt: skip
def test_a_duration_is_readable_at_any_size(seconds, text):
    assert duration(seconds) == text


def test_several_goals_have_a_front_and_no_best_in_the_live_view():
    result = danlu.tune(
        lambda t: {"loss": t["x"], "acc": t["x"]},
        SPACE,
        minimize="loss",
        maximize="acc",
        trials=5,
        sampler="random",
        seed=0,
    )
    shown = drawn(board("s", result.history))
    assert "front of 5 trials: loss down to" in shown
    assert "best" not in shown
