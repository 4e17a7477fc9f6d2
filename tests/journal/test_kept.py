"""Whatever was accepted, by whichever public way, is read back by every store, folded, exported and imported; all else is refused."""

import contextlib
import math
import re
import tempfile
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import danlu
from danlu.errors import CorruptError, DanluError, KeepError, ReportError
from danlu.journal import events as ev
from danlu.journal.history import History
from danlu.journal.written import written
from danlu.stores.jsonlines import dump, load
from danlu.testing.stores import refuses_what_cannot_be_kept

SPACE = {"x": danlu.Float(0, 1)}

WHOLE = st.one_of(
    st.integers(-3, 5),
    st.sampled_from([2**53, 2**53 + 1, 2**63 - 1, 2**63, 2**64, -(2**63), -(2**63) - 1, 10**400]),
)
TEXT = st.one_of(
    st.text(max_size=4),
    st.sampled_from(["\ud800", "\udcff", "a\0b", "丹" * 400, "$float", "$dict", "\u2028", "\r"]),
)
NUMBER = st.one_of(st.floats(), WHOLE)
LEAF = st.one_of(st.none(), st.booleans(), NUMBER, TEXT, st.binary(max_size=3))
FACT = st.recursive(
    LEAF,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(TEXT, inner, max_size=2), st.tuples(inner), st.sets(st.integers(), max_size=2)
    ),
    max_leaves=6,
)  # fmt: skip


def deep(levels):
    value = 1
    for _ in range(levels):
        value = [value]
    return value


WAYS = {
    "report": lambda study, trial, a, b, name: trial.report(a, **{name: b}),
    "report a mapping": lambda study, trial, a, b, name: trial.report({name: b, "other": a}),
    "log": lambda study, trial, a, b, name: trial.log({name: b}),
    "remark": lambda study, trial, a, b, name: trial.remark(name, str(name)),
    "charge": lambda study, trial, a, b, name: trial.charge(a) or trial.report(1, loss=0.5),
    "save": lambda study, trial, a, b, name: trial.save(a, {"state": 1}),
    "suggest": lambda study, trial, a, b, name: trial.suggest(name, danlu.Choice([a, name, b])),
    "tell": lambda study, trial, a, b, name: study.tell(trial, {"loss": a, name: b}),
    "tell by number": lambda study, trial, a, b, name: study.tell(a, 0.5),
    "enqueue": lambda study, trial, a, b, name: study.control.enqueue({"x": a}),
    "note": lambda study, trial, a, b, name: study.control.note(name, 0),
    "note the study": lambda study, trial, a, b, name: study.control.note(name),
    "prune": lambda study, trial, a, b, name: study.control.prune(a, name),
    "set aside": lambda study, trial, a, b, name: study.control.set_aside([a], name),
    "pause": lambda study, trial, a, b, name: study.control.pause(name),
    "ask as": lambda study, trial, a, b, name: study.ask(op=name),
}


def folded(store):
    history = History()
    history.fold(store.journal("s").read(0))
    history.columns.units, history.columns.losses, history.columns.lengths  # noqa: B018 - the columns are made when somebody looks
    return history


_NAN = re.compile(
    rb"\xcb[\x7f\xff][\xf8-\xff].{6}", re.DOTALL
)  # of any sign and payload: an export has one word for it


def encoded(store):
    return [
        (entry.seq, entry.op, _NAN.sub(b"\xcb\x7f\xf8" + bytes(6), ev.encode(entry.event)))
        for entry in store.journal("s").read(0)
    ]


def same_everywhere(store, folder):
    """The journal in a file, in memory, and from its own export, each read and folded."""
    there, history = encoded(store), folded(store)
    lines = list(dump("s", store.journal("s").read(0)))
    made = [danlu.stores.MemoryStore(), danlu.stores.SqliteStore(folder / "again.db")]
    for other in made:
        load(lines, other)
        assert encoded(other) == there
        assert repr(list(folded(other).trials)) == repr(list(history.trials))
        other.close()
    return history


def tried(store, ways, folder):
    """Do these things with a new trial each, refused ones included; what is refused changes nothing."""
    with danlu.open_study(
        SPACE,
        minimize="loss",
        store=store,
        name="s",
        seed=1,
        sampler="random",
        budget=danlu.Budget(cost=100.0),
    ) as study:
        for way, a, b, name in ways:
            with contextlib.suppress(DanluError):
                trial = study.ask()
            before = encoded(store)
            try:
                WAYS[way](study, trial, a, b, name)
            except DanluError:
                after = encoded(store)
                assert after[: len(before)] == before
            except (danlu.TrialStopped, danlu.TrialPaused):
                pass
        history = same_everywhere(store, folder)
        assert math.isfinite(history.spent.cost)
        assert math.isfinite(history.spent.seconds)


@pytest.mark.parametrize("engine", ["inline", "pool"])
def test_a_parameter_whose_name_cannot_be_written_is_refused_in_a_sentence(engine):
    with pytest.raises(
        DanluError, match=r"needs a name that can be written as UTF-8, got '\\ud800'. Name it"
    ):
        danlu.tune(
            lambda trial: trial.suggest("\ud800", danlu.Float(0, 1)), minimize="loss", trials=3, engine=engine
        )


@pytest.mark.parametrize("way", sorted(WAYS))
def test_a_number_too_long_to_be_printed_is_refused_in_a_sentence(way, tmp_path):
    store, huge = danlu.stores.SqliteStore(tmp_path / "s.db"), 10**5000
    tried(store, [(way, huge, huge, "a"), (way, huge, huge, "loss")], tmp_path)
    store.close()


@pytest.mark.parametrize("way", sorted(WAYS))
def test_what_is_nested_without_end_is_refused_in_a_sentence(way, tmp_path):
    store, nested = danlu.stores.SqliteStore(tmp_path / "s.db"), deep(5000)
    tried(
        store, [(way, 1, nested, "a"), (way, 1, deep(62), "b"), (way, 2, {"deep": nested}, "loss")], tmp_path
    )
    store.close()


@settings(max_examples=60)
@example([("report", 2**63, 1.0, "loss"), ("charge", math.nan, None, "a"), ("charge", math.inf, None, "a")])
@example([("log", 0, {"$float": "x"}, "$float"), ("log", 0, {"$bytes": 1}, "$dict")])
@given(st.lists(st.tuples(st.sampled_from(sorted(WAYS)), st.one_of(NUMBER, LEAF), FACT, TEXT), max_size=5))
def test_what_was_accepted_is_read_back_by_every_store(ways):
    with tempfile.TemporaryDirectory() as folder:
        store = danlu.stores.SqliteStore(Path(folder) / "s.db")
        tried(store, ways, Path(folder))
        store.close()


@pytest.mark.fault
def test_two_thousand_ways_to_write_are_read_back(promised):
    count = 0

    @settings(max_examples=2000)
    @given(
        st.lists(st.tuples(st.sampled_from(sorted(WAYS)), st.one_of(NUMBER, LEAF), FACT, TEXT), max_size=6)
    )
    def try_them(ways):
        nonlocal count
        count += len(ways)
        with tempfile.TemporaryDirectory() as folder:
            store = danlu.stores.SqliteStore(Path(folder) / "s.db")
            tried(store, ways, Path(folder))
            store.close()

    try_them()
    promised(
        26,
        count,
        "writes of any value by any public way: refused, or read back, folded, exported and imported",
    )


EVENTS = [
    lambda n, x, t: ev.Reported(0, 1, n, {t: x}, 0.1, 1.0, cost=x),
    lambda n, x, t: ev.Reported(n, 1, 1, {"loss": 1.0}, x, 1.0),
    lambda n, x, t: ev.Ended(0, n, ev.Status.DONE, {"loss": 1.0}, 0.1, x),
    lambda n, x, t: ev.Saved(0, 1, n, t, n, 1.0),
    lambda n, x, t: ev.Noted(n, {t: [n, x]}, 1.0),
    lambda n, x, t: ev.Released(0, 1, ev.Cause.CRASHED, t, x, 1.0),
    lambda n, x, t: ev.Enqueued(({"x": x, t: n},), 1.0),
    lambda n, x, t: ev.Suggested(0, 1, t, danlu.Float(0, 1), n, x),
    lambda n, x, t: ev.SetAside((n,), t, 1.0),
    lambda n, x, t: ev.Tagged(n, (t,), x),
    lambda n, x, t: ev.Noted(n, {}, 1.0, note=t),
]  # fmt: skip


@given(st.sampled_from(EVENTS), WHOLE, st.floats(), TEXT)
def test_an_event_that_passes_the_door_folds(make, number, real, text):
    """What a store accepts is folded, or contradicts the events before it and says so."""
    event = make(number, real, text)
    try:
        written([(None, event)])
    except KeepError:
        return
    history = History()
    space = danlu.Space(SPACE)
    unit, values = space.snap([0.5])
    first = ev.Created(space.spec, danlu.Goal.of(minimize="loss"), 1, 1.0)
    asked = ev.Asked(0, ev.pack_params(values), danlu.space.space.pack_unit(unit), "w", 1.0)
    with contextlib.suppress(CorruptError):
        history.fold(ev.Entry(seq, each) for seq, each in enumerate([first, asked, event], 1))
        assert math.isfinite(history.spent.cost)


def test_two_workers_that_reveal_one_name_as_two_things_close_no_study():
    store = danlu.stores.MemoryStore()
    how = {"minimize": "loss", "store": store, "name": "s", "seed": 1}
    with danlu.open_study(SPACE, **how) as one, danlu.open_study(SPACE, **how) as two:
        first, second = one.ask(), two.ask()
        first.suggest("depth", danlu.Int(1, 9))
        assert second.suggest("depth", danlu.Choice(["shallow", "deep"])) in {"shallow", "deep"}
        two.tell(second, 0.5)
        history = folded(store)
        assert history.trials[1].facts["depth"] in {"shallow", "deep"}
        assert any("drew depth otherwise" in why for _, why in history.decisions.log)


@pytest.mark.parametrize(
    "cost",
    [math.nan, math.inf, -1.0, "much", 10**400, True],
    ids=["nan", "inf", "less", "text", "huge", "bool"],
)
def test_a_charge_that_no_budget_can_count_is_refused(cost):
    with (
        danlu.open_study(SPACE, budget=danlu.Budget(cost=1.0)) as study,
        pytest.raises(ReportError, match="finite number >= 0"),
    ):
        study.ask().charge(cost)


def test_a_cost_that_early_versions_let_in_ends_no_budget_and_is_left_behind():
    history, store = History(), danlu.stores.MemoryStore()
    with danlu.open_study(SPACE, minimize="loss", store=store, name="s") as study:
        study.tell(study.ask(), 0.5)
    entries = list(store.journal("s").read(0))
    early = ev.Ended(0, 1, ev.Status.DONE, {"loss": 0.5}, 0.1, 1.0, cost=math.nan)
    entries[-1] = ev.Entry(entries[-1].seq, early)
    history.fold(entries)
    assert history.spent.cost == 0.0
    copy = danlu.stores.MemoryStore()
    assert "no budget can count" in load(list(dump("s", entries)), copy).remark
    assert folded(copy).trials[0].metrics == {"loss": 0.5}


@pytest.mark.parametrize("part", ["_numbers", "_plain", "_text"])
def test_a_door_that_is_open_is_noticed(part):
    """Deliberate mutants: each check of the door, left out, is caught by the public suite."""
    with mock.patch(f"danlu.journal.written.{part}", lambda value, *_: value), pytest.raises(AssertionError):
        refuses_what_cannot_be_kept(danlu.stores.MemoryStore)
