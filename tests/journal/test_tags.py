"""Tags and notes of trials and studies: from the objective, from a person afterwards, in the journal, and wherever trials are listed."""

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

import danlu
from danlu import Float
from danlu.analysis.selection import select
from danlu.cli.main import danlu as command
from danlu.dashboard import views
from danlu.errors import SettingError, StoreError, TrialMissing
from danlu.journal import events as ev
from danlu.journal.history import History
from danlu.journal.tags import checked_tags, tagged
from danlu.stores import SqliteStore
from danlu.stores.jsonlines import dump, load

SPACE = {"x": Float(0, 1)}


def train(t):
    if t.number == 1:
        t.tag("good", "odd")
        t.tag("good")
        t.note("  the loss jumped \udcff ")
        t.note("the loss jumped \\udcff")
        t.note(" ")
    return t["x"]


@pytest.fixture
def path(tmp_path):
    danlu.tune(train, SPACE, minimize="loss", trials=4, seed=0, store=str(tmp_path / "s.db"), name="first")
    return tmp_path / "s.db"


def folded(store, name="first"):
    history = History()
    history.fold(store.journal(name).read(0))
    return history


def told(*arguments, code=0):
    answer = CliRunner().invoke(command, [*map(str, arguments)])
    assert answer.exit_code == code, answer.output
    return answer.output


def test_an_objective_tags_and_notes_its_trial_once(path):
    trial = folded(SqliteStore(path)).trials[1]
    assert trial.tags == ("good", "odd")
    assert trial.notes == ("the loss jumped \\udcff",)
    events = [entry.event for entry in SqliteStore(path).journal("first").read(0)]
    assert sum(isinstance(event, ev.Tagged) for event in events) == 1


def test_a_result_and_an_open_study_take_them_long_after(path):
    result = danlu.tune(train, SPACE, minimize="loss", trials=5, seed=0, store=str(path), name="first")
    result.study.control.tag("for the paper", trial=1)
    result.study.control.untag("odd", "never there", trial=1)
    result.study.control.note("look again", 1)
    assert result.trials[1].tags == ("good", "for the paper")
    assert result.trials[1].notes[-1].endswith(": look again")
    with danlu.open_study(store=str(path), name="first") as study:
        study.control.tag("best of all", trial=4)
        study.result.study.control.tag("of the study")
        assert study.result.trials[4].tags == ("best of all",)
    assert folded(SqliteStore(path)).decisions.tags == ("of the study",)


def test_a_pickled_result_has_nobody_to_tell(path):
    import pickle

    result = danlu.tune(train, SPACE, minimize="loss", trials=4, seed=0, store=str(path), name="first")
    with pytest.raises(StoreError, match="pickled result"):
        pickle.loads(pickle.dumps(result)).study.control.tag("good", trial=0)
    with pytest.raises(TrialMissing):
        result.study.control.tag("good", trial=9)


@pytest.mark.parametrize("bad", ["", "  ", "a,b", "a|b", "a\nb", "x" * 61, "\x00", "half \ud800", 3, None])
def test_what_is_no_tag_is_refused_in_a_sentence(bad):
    with pytest.raises(SettingError, match="a tag is text of 1 to 60 characters"):
        checked_tags([bad])


def test_a_tag_that_is_refused_leaves_the_trial_as_it_was(path):
    def bad(t):
        with pytest.raises(SettingError, match="Write two tags"):
            t.tag("fine", "a,b")
        return 1.0

    result = danlu.tune(bad, SPACE, minimize="loss", trials=1, store=danlu.stores.MemoryStore())
    assert result.trials[0].tags == ()


@given(st.lists(st.tuples(st.booleans(), st.sampled_from("abcd")), max_size=12))
def test_tags_fold_as_a_set_in_order_of_arrival(orders):
    tags, expected = (), []
    for add, tag in orders:
        tags = tagged(tags, [tag] if add else [], [] if add else [tag])
        expected = [each for each in expected if each != tag or add]
        if add and tag not in expected:
            expected.append(tag)
    assert list(tags) == expected


def test_how_an_early_danlu_kept_notes_is_read_beside_the_new():
    history = History()
    space = danlu.Space(SPACE)
    unit, values = space.snap([0.5])
    events = [
        ev.Created(space.spec, danlu.Goal.of(minimize="loss"), 1, 1.0),
        ev.Asked(0, ev.pack_params(values), danlu.space.space.pack_unit(unit), "w", 1.0),
        ev.Noted(0, {"notes": "the objective's own", "size": 3}, 1.0, 1),
        ev.Noted(0, {"notes": ["ann: odd"]}, 2.0, actor="ann"),
        ev.Noted(0, {}, 3.0, actor="bob", note="bob: new"),
        ev.Noted(0, {"notes": ["ann: odd", "ann: again"]}, 4.0, actor="ann"),
    ]
    history.fold(ev.Entry(seq, event) for seq, event in enumerate(events, 1))
    assert history.trials[0].notes == ("ann: odd", "bob: new", "ann: again")
    assert history.trials[0].facts == {"notes": "the objective's own", "size": 3}


def test_two_people_who_note_at_once_lose_nothing(path):
    controls = [
        danlu.study.control.Control(SqliteStore(path).journal("first"), folded(SqliteStore(path)), who)
        for who in ("ann", "bob")
    ]
    for control in controls:  # neither has read what the other wrote
        control.note("seen", 0)
        control.tag(control._actor, trial=0)
    trial = folded(SqliteStore(path)).trials[0]
    assert (trial.notes, trial.tags) == (("ann: seen", "bob: seen"), ("ann", "bob"))


def test_they_are_selected_listed_sorted_and_exported(path):
    result = danlu.tune(train, SPACE, minimize="loss", trials=4, seed=0, store=str(path), name="first")
    result.study.control.tag("odd", trial=3)
    history = result.history
    assert select(history, {"tag": "good"}).tolist() == [1]
    assert select(history, {"tag": "good | odd"}).tolist() == [1, 3]
    assert select(history, {"tag": "neither"}).tolist() == []
    with pytest.raises(SettingError, match="status, trial, tag"):
        select(history, {"tags": "good"})
    assert [row["tags"] for row in result.table()] == ["", "good, odd", "", "odd"]
    assert result.table()[1]["notes"] == "the loss jumped \\udcff"
    rows = views.table(history, {}, sort="tags")["rows"]
    assert [row["trial"] for row in rows] == [1, 3, 0, 2]
    assert views.head("first", history)["trial_tags"] == ["good", "odd"]
    lines = list(dump("first", SqliteStore(path).journal("first").read(0)))
    memory = danlu.stores.MemoryStore()
    load(iter(lines), memory)
    assert [trial.tags for trial in folded(memory).trials] == [trial.tags for trial in result.trials]
    assert [trial.notes for trial in folded(memory).trials] == [trial.notes for trial in result.trials]


def test_a_parameter_named_like_a_column_says_so(path):
    result = danlu.tune(
        lambda t: t["tags"],
        {"tags": Float(0, 1)},
        minimize="loss",
        trials=2,
        store=danlu.stores.MemoryStore(),
    )
    assert "tags (parameter)" in result.table()[0]


def test_the_command_line_notes_tags_and_archives(path):
    danlu.tune(train, SPACE, minimize="loss", trials=2, seed=0, store=str(path), name="second")
    assert "name one of the studies" in told("note", path, "hello", code=2)
    told("note", path, "look here", "--study", "first", "--trial", 3, "--actor", "ann")
    told("tag", path, "good", "new", "--study", "first", "--trial", 2, "--trial", 3)
    told("tag", path, "good", "--study", "first", "--trial", 2, "--remove")
    assert "there is no trial 9" in told(
        "tag", path, "x", "--study", "first", "--trial", 0, "--trial", 9, code=2
    )
    history = folded(SqliteStore(path))
    assert [trial.tags for trial in history.trials] == [(), ("good", "odd"), ("new",), ("good", "new")]
    shown = told("show", path, "first", "--trial", 3)
    assert "notes\n  ann: look here" in shown
    assert "tags: good, new" in shown
    told("archive", path, "second")
    listed = told("show", path)
    assert "second" not in listed
    assert "1 archived, which --all shows" in listed
    assert "second" in told("show", path, "--all")
    told("archive", path, "second", "--undo")
    assert "second" in told("show", path)
