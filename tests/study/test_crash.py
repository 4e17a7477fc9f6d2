"""A process that dies at any append, before or after it is durable, changes nothing in the end."""

import pytest
from objectives import SPACE, from_scratch, resumable

import danlu
from danlu.cli.main import danlu as cli
from danlu.errors import ObjectiveError
from danlu.journal.events import SetAside, Status
from danlu.runtime.folders import Folders


class Killed(BaseException):
    """The process is gone."""


class CrashingStore:
    """A SQLite store whose process dies at one append: just before it, or just after it was written."""

    def __init__(self, path, at, *, written):
        self.inner = danlu.stores.SqliteStore(path, lease_seconds=1e-9)
        self.count, self.at, self.written, self.dead = 0, at, written, False
        self.asides = []  # the appends that set trials aside

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def create(self, name, event):
        return CrashingJournal(self, self.step(lambda: self.inner.create(name, event)))

    def journal(self, name):
        return CrashingJournal(self, self.inner.journal(name))

    def step(self, write):
        self.count += 1
        if self.dead or (self.count == self.at and not self.written):
            self.die()
        result = write()
        if self.count == self.at:
            self.die()
        return result

    def die(self):
        """Nothing is written after death, whatever still unwinds."""
        self.dead = True
        raise Killed


class CrashingJournal:
    def __init__(self, store, inner):
        self.store, self.inner = store, inner

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def append(self, events, terms):
        if any(isinstance(event, SetAside) for _, event in events):
            self.store.asides.append(self.store.count + 1)
        return self.store.step(lambda: self.inner.append(events, terms))


def essence(result):
    """What must not depend on crashes: parameters, metrics, curves, ends."""
    return [
        (t.number, t.params, t.status, t.cause, repr(t.metrics), repr(t.curve), t.facts, t.source)
        for t in result.trials
    ]


def deaths(run, told, folder, every=1):
    """Kill ``run(store)`` before and after appends, every ``every``-th of them, and call it again: it has to come to what it comes to
    undisturbed, as ``told`` tells a result. How many deaths there were, and the undisturbed result."""

    def lived(path, at=0, *, written=False):
        store = CrashingStore(path, at, written=written)
        try:
            return run(store), store.count
        finally:
            store.close()

    whole, count = lived(folder / "whole.db")
    expected, died = told(whole), 0
    for at in range(1, count + 1, every):
        for written in (False, True):
            path = folder / f"{at}-{written}.db"
            with pytest.raises(Killed):
                lived(path, at, written=written)
            assert told(lived(path)[0]) == expected, (at, written)
            died += 1
    return died, whole


def run(store, objective, scheduler=None):
    try:
        return danlu.tune(
            objective, SPACE, minimize="loss", trials=4, store=store, seed=7, scheduler=scheduler,
            enqueue=[{"x": 0.5}], trial_limits=danlu.TrialLimits(retries=1000),
        )  # fmt: skip
    finally:
        store.close()


def half_fails(trial):
    if trial.number % 2:
        trial.report(1, loss=float("nan"))
    return resumable(trial)


CASES = {
    "resumable": (resumable, None),
    "from scratch": (from_scratch, None),
    "failing": (half_fails, None),
    "stopped early": (resumable, danlu.schedulers.Patience(reports=2, delta=1.0)),
    "stopping halving": (resumable, danlu.schedulers.ASHA(low=1, high=5, factor=2)),
    "promoting halving": (resumable, danlu.schedulers.ASHA(low=1, high=5, factor=2, promote=True)),
    "bracket": (resumable, danlu.schedulers.SuccessiveHalving(trials=4, low=1, high=5, factor=2)),
    "population": (resumable, danlu.schedulers.PBT(population=4, interval=2)),
}


@pytest.mark.parametrize("every", [6, pytest.param(1, marks=pytest.mark.fault)])
@pytest.mark.parametrize("case", CASES)
def test_a_crash_at_every_append_is_as_if_it_never_happened(case, every, tmp_path, promised):
    objective, scheduler = CASES[case]
    died, whole = deaths(lambda store: run(store, objective, scheduler), essence, tmp_path, every)
    assert len(whole.trials) == 4
    assert all(t.status >= Status.PAUSED for t in whole.trials)
    promised(1, died, "deaths before and after appends of eight studies: the same as without")


@pytest.mark.parametrize("every", [11, pytest.param(1, marks=pytest.mark.fault)])
def test_a_crash_while_earlier_studies_are_learned_from_is_as_if_it_never_happened(every, tmp_path, promised):
    old = tmp_path / "old.db"
    danlu.tune(from_scratch, SPACE, minimize="loss", trials=6, store=old, name="old", seed=1)
    danlu.tune(from_scratch, SPACE, minimize="loss", trials=5, store=old, name="older", seed=2)

    def learning(store):
        try:
            return danlu.tune(
                from_scratch,
                SPACE,
                minimize="loss",
                trials=5,
                store=store,
                seed=7,
                past=[f"{old}#old", f"{old}#older"],
            )
        finally:
            store.close()

    def told(result):
        learned = [(event.name, event.losses, event.reason) for event in result.history.definition.recalled]
        return essence(result), learned

    died, whole = deaths(learning, told, tmp_path, every)
    assert [event.name for event in whole.history.definition.recalled] == ["old", "older"]
    promised(
        1, died, "deaths before and after appends of a study that learns from two others: the same as without"
    )


def broken(trial):
    raise OSError(f"no data for {trial['x']}")


def test_a_crash_while_the_first_trials_fail_is_as_if_it_never_happened(tmp_path, promised):
    """Each time the call is made again as a person would: as it was while fewer than three had failed, mended from then on."""
    whole_store = CrashingStore(tmp_path / "whole.db", at=0, written=False)
    with pytest.raises(ObjectiveError, match="no data"):
        run(whole_store, broken)
    count = whole_store.count
    with danlu.open_study(store=tmp_path / "whole.db") as study:
        last = list(study.result.study.entries())[-1].event
    assert isinstance(last, SetAside)
    assert len(last.trials) == 3
    assert "in broken" in last.trace
    expected = essence(run(CrashingStore(tmp_path / "whole.db", 0, written=False), resumable))
    assert len(expected) == 7
    for at in range(1, count + 1):
        for written in (False, True):
            path = tmp_path / f"{at}-{written}.db"
            with pytest.raises(Killed):
                run(CrashingStore(path, at, written=written), broken)
            if at + written < count:  # the third end is not in the journal yet
                with pytest.raises(ObjectiveError, match="no data"):
                    run(CrashingStore(path, 0, written=False), broken)
            result = run(CrashingStore(path, 0, written=False), resumable)
            assert essence(result) == expected, (at, written)
            assert sum(bool(trial.aside) for trial in result.trials) == 3
    promised(
        1,
        2 * count,
        "deaths before and after every append of a study that cannot work, mended: the same as without",
    )


def diary(trial):
    """Six steps, saved and reported, each a line in a file of the trial's own folder; those of some trials rise late."""
    state = {"lines": []}
    for step in range(trial.restore(state) + 1, 7):
        state["lines"].append(step)
        (trial.dir / "diary.txt").write_text(repr(state["lines"]))
        trial.save(step, state)
        flat = 2.0 if step < 6 else 0.1 * trial["x"]
        trial.report(step, loss=trial["x"] + 1 / step if trial.number % 3 else flat)


def mended(trial):
    """The same after a repair."""
    state = {"lines": []}
    for step in range(trial.restore(state) + 1, 7):
        state["lines"].append(-step)
        (trial.dir / "diary.txt").write_text(repr(state["lines"]))
        trial.save(step, state)
        flat = 2.0 if step < 6 else 0.1 * trial["x"]
        trial.report(step, loss=trial["x"] / 2 + 1 / step if trial.number % 3 else flat)


mended.__name__ = mended.__qualname__ = "diary"


def sessions(store):
    """Three sessions of one study: broken code, mended code that sets aside what the broken one ran, a person who sets aside the best."""
    settings = {
        "minimize": "loss", "trials": 7, "store": store, "seed": 6, "sampler": "random", "if_changed": "set aside",
        "scheduler": danlu.schedulers.Forecast(enough=4, grace=0.0, audit=2, chance=0.1),
        "trial_limits": danlu.TrialLimits(retries=1000),
    }  # fmt: skip

    def person():
        with danlu.open_study(store=store) as study:
            study.control.set_aside([7], "its data was broken", actor="Ada")
        return danlu.tune(mended, SPACE, **settings)

    return [
        lambda: danlu.tune(diary, SPACE, **settings),
        lambda: danlu.tune(mended, SPACE, **settings),
        person,
    ]


def lived(path, at=0, *, written=False, first=0):
    """Live through the sessions from one on: the last result, or the session that died; and the store."""
    store = CrashingStore(path, at, written=written)
    try:
        for position, session in enumerate(sessions(store)):
            try:
                result = session() if position >= first else None
            except Killed:
                return position, store
        return result, store
    finally:
        store.close()


def kept(path, result):
    """What must not depend on deaths: trials, what was set aside and why, doubts, code, and the folders that are left."""
    cli(["gc", str(path), "--older", "0"], standalone_mode=False)
    folders = {
        number: (folder / "diary.txt").read_text()
        for number, folder in Folders(f"{path}.blobs", "study").made()
    }
    return essence(result), [(t.aside, t.doubted, t.code) for t in result.trials], result.best.number, folders


@pytest.mark.parametrize("every", [40, pytest.param(1, marks=pytest.mark.fault)])
def test_a_crash_where_trials_are_set_aside_is_as_if_it_never_happened(every, tmp_path, promised):
    """With folders, checkpoints, audits and two programs in one journal; each append that sets aside is tried, the others by turns."""
    whole, store = lived(tmp_path / "whole.db")
    expected = kept(tmp_path / "whole.db", whole)
    count, asides = store.count, store.asides
    assert len(asides) == 2
    assert [bool(trial.aside) for trial in whole.trials] == [True] * 8 + [False] * 7
    assert len({trial.code for trial in whole.trials}) == 2
    assert any(trial.doubted for trial in whole.trials)
    assert expected[3]
    died = sorted({*range(1, count + 1, every), *asides})
    for at in died:
        for written in (False, True):
            path = tmp_path / f"{at}-{written}.db"
            session, _ = lived(path, at, written=written)
            result, _ = lived(path, first=session)
            assert kept(path, result) == expected, (at, written)
    promised(
        1, 2 * len(died), "deaths around appends of a study whose trials are set aside: the same as without"
    )


def test_two_crashes_in_a_row_and_a_trial_still_trains_no_step_twice(tmp_path):
    for first, second in ((5, 3), (9, 4), (12, 12)):
        path = tmp_path / f"{first}-{second}.db"
        for at in (first, second):
            with pytest.raises(Killed):
                run(CrashingStore(path, at, written=True), resumable)
        result = run(CrashingStore(path, 0, written=False), resumable)
        assert [t.metrics["trained"] for t in result.trials] == [5] * 4


def test_a_trial_whose_worker_dies_again_and_again_is_quarantined(tmp_path, promised):
    def attempt():
        store = CrashingStore(tmp_path / "s.db", at=0, written=False)

        def poison(trial):
            return store.die() if trial["x"] == 0.25 else trial["x"]

        try:
            return danlu.tune(
                poison,
                SPACE,
                store=store,
                trials=3,
                seed=1,
                enqueue=[{"x": 0.25}],
                trial_limits=danlu.TrialLimits(retries=2),
            )
        finally:
            store.close()

    for _ in range(3):
        with pytest.raises(Killed):
            attempt()
    result = attempt()
    assert [t.status for t in result.trials] == [Status.FAILED, Status.DONE, Status.DONE]
    assert result.trials[0].cause is danlu.Cause.CRASHED
    assert "quarantined" in result.trials[0].reason
    promised(9, 3, "deaths by one configuration, quarantined")
