"""What every store has to keep: agreement with a small model, exact claims, fences, values bit for bit."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import hypothesis.strategies as st
import msgspec
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ..contracts.protocols import OVER, Journal, Store, Terms
from ..errors import (
    Conflict,
    CorruptError,
    Fenced,
    KeepError,
    Outrun,
    StoreError,
    StudyBusy,
    StudyExists,
    StudyMissing,
)
from ..journal import events as ev
from ..problem.goal import Goal
from ..space.parameters import Float
from ..space.space import Space

Make = Callable[[], Store]
Check = Callable[[Make], None]


def keeps_events_bit_for_bit(make: Make) -> None:
    """NaN, infinities, the smallest and the largest numbers and any text come back as they went in."""
    journal = make().create("s", _created())
    metrics = {
        "nan": math.nan,
        "inf": math.inf,
        "low": -math.inf,
        "tiny": 5e-324,
        "zero": -0.0,
        "丹": 2**53 + 1.0,
    }
    event = ev.Reported(0, 1, 2**53 + 1, metrics, 0.1, 1.0)
    journal.append([("op-丹", event)], Terms())
    back = list(journal.read(1))
    assert [entry.op for entry in back] == ["op-丹"]
    assert ev.encode(back[0].event) == ev.encode(event), "an event came back changed"


def names_studies(make: Make) -> None:
    """Studies are listed in order; one that exists is not made twice; one that is missing is named."""
    store = make()
    store.create("b", _created())
    store.create("a", _created())
    assert store.studies() == ["b", "a"]
    for error, call in ((StudyExists, store.create), (StudyMissing, _journal_of)):
        try:
            call("a", _created()) if error is StudyExists else call(store, "zzz")  # type: ignore[arg-type]
        except error:
            continue
        raise AssertionError(f"{error.__name__} was not raised")


def gives_each_number_once(make: Make) -> None:
    """Threads that race for trial numbers get each exactly once."""
    store = make()
    store.create("s", _created())
    taken: list[int] = []

    def race() -> None:
        journal = store.journal("s")
        seen, trials = 0, 0
        while True:
            for entry in journal.read(seen):
                seen = entry.seq
                trials += isinstance(entry.event, ev.Asked)
            if trials >= 20:
                return
            try:
                journal.append([(None, _asked(trials))], Terms(trials=trials))
            except Outrun:
                continue
            taken.append(trials)

    threads = [threading.Thread(target=race) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == list(range(20)), f"numbers taken: {sorted(taken)}"


def writes_an_operation_once(make: Make) -> None:
    """The same operation id again writes nothing and says where the first one is."""
    journal = make().create("s", _created())
    first = journal.append([("x", _asked(0)), (None, _asked(1))], Terms(trials=0))
    again = journal.append([("x", _asked(0)), (None, _asked(1))], Terms(trials=0))
    assert (first, again) == ((3, True), (2, False)), f"{first}, {again}"
    assert len(list(journal.read(0))) == 3


def appends_all_or_nothing(make: Make) -> None:
    """A refused append leaves no trace."""
    journal = make().create("s", _created())
    try:
        journal.append([(None, _asked(0)), (None, _asked(1))], Terms(holds=((7, 1),)))
    except Fenced:
        assert len(list(journal.read(0))) == 1
        return
    raise AssertionError("a write without its lease was accepted")


def opens_a_closed_trial_once(make: Make) -> None:
    """Of two who open a trial that is over one wins; one that is not over cannot be opened."""
    journal = make().create("s", _created())
    opens = Terms(holds=((0, OVER),), drops=(0,))
    event = ev.Reopened(0, 1, "more", 1.0)
    journal.append([(None, _asked(0))], Terms(trials=0, grants=((0, 1),), worker="w"))
    tried = [_outcome(lambda: journal.append([(None, event)], opens))]
    journal.append([(None, event)], Terms(holds=((0, 1),), closes=(0,)))
    tried += [_outcome(lambda: journal.append([(None, event)], opens)) for _ in range(2)]
    assert tried == [Fenced, (4, True), Fenced], f"{tried}"
    taken = Terms(takes=((0, 1),), grants=((0, 2),), worker="v")
    assert journal.append([(None, event)], taken) == (5, True), "an opened trial was not given out"


def refuses_what_cannot_be_kept(make: Make) -> None:
    """What could not be read back, folded or exported is refused, and a refused event takes nothing with it."""
    store = make()
    journal = store.create("s", _created())
    deep: Any = 1
    for _ in range(100):
        deep = [deep]
    report = ev.Reported(0, 1, 1, {"loss": 1.0}, 0.1, 1.0)
    bad: list[tuple[str | None, ev.Event]] = [
        (None, msgspec.structs.replace(report, step=2**63)),
        (None, msgspec.structs.replace(report, step=-1)),
        (None, msgspec.structs.replace(report, cost=math.nan)),
        (None, msgspec.structs.replace(report, seconds=math.inf)),
        (None, msgspec.structs.replace(report, at=math.nan)),
        (None, msgspec.structs.replace(report, metrics={"\udcff": 1.0})),
        (None, msgspec.structs.replace(report, metrics={"loss": "low"})),
        (None, ev.Noted(0, {"n": 2**63}, 1.0)),
        (None, ev.Noted(0, {"n": 2**70}, 1.0)),
        (None, ev.Noted(0, {"deep": deep}, 1.0)),
        (None, ev.Noted(0, {"keys": {1: 2}}, 1.0)),
        (None, ev.Noted(0, {"set": {1, 2}}, 1.0)),
        (None, ev.Noted(0, {"half": "\ud800"}, 1.0)),
        (None, ev.Noted(0, {"large": "x" * (65 * 2**20)}, 1.0)),
        (None, msgspec.structs.replace(_asked(0), unit=b"123")),
        (None, msgspec.structs.replace(_asked(0), params=b"\xc1")),
        ("o\0p", _asked(0)),
        ("\udcff", _asked(0)),
    ]
    for pair in bad:
        pairs: list[tuple[str | None, ev.Event]] = [(None, _asked(0)), pair]
        assert _outcome(partial(journal.append, pairs, Terms())) is KeepError, f"{pair!r:.200}"
    for name in ("", "a\0b", "\udcff", "x" * 501):
        assert _outcome(partial(store.create, name, _created())) is KeepError, f"{name!r}"
    assert (store.studies(), len(list(journal.read(0)))) == (["s"], 1)


def adopts_all_or_nothing(make: Make) -> None:
    """A study that is taken over from elsewhere is there as a whole, or not at all."""
    store = make()

    def broken() -> Iterator[tuple[str | None, ev.Event]]:
        yield None, _created()
        yield "a", _asked(0)
        raise CorruptError("the rest cannot be read")

    whole: list[tuple[str | None, ev.Event]] = [(None, _created()), ("a", _asked(0)), (None, _asked(1))]
    assert _outcome(lambda: store.adopt("s", broken())) is CorruptError
    assert _outcome(lambda: store.adopt("s", [*whole, ("a", _asked(2))])) is CorruptError, (
        "an operation twice"
    )
    assert _outcome(lambda: store.adopt("s", [*whole, (None, ev.Noted(0, {"n": 2**70}, 1.0))])) is KeepError
    assert store.studies() == []
    journal = store.adopt("s", whole)
    assert [entry.seq for entry in journal.read(0)] == [1, 2, 3]
    assert journal.append([("a", _asked(2))], Terms()) == (2, False), "an adopted operation was forgotten"
    assert journal.append([(None, _asked(2))], Terms(trials=2)) == (4, True), (
        "adopted trials were not counted"
    )
    assert _outcome(lambda: store.adopt("s", whole)) is StudyExists


def deletes_what_nobody_runs(make: Make) -> None:
    """A deleted study is gone for everybody, and a study is not deleted while a lease is in force, unless forced."""
    store = make()
    kept, journal = store.create("kept", _created()), store.create("s", _created())
    journal.append([(None, _asked(0))], Terms(grants=((0, 1),), worker="w"))
    assert journal.held() == [0]
    assert _outcome(lambda: store.delete("s")) is StudyBusy
    journal.append([(None, _asked(1))], Terms(closes=(0,)))
    assert journal.held() == []
    store.delete("s")
    assert _outcome(lambda: store.journal("s")) is StudyMissing
    assert _outcome(lambda: store.delete("s")) is StudyMissing
    again = store.create("s", _created())
    assert _outcome(lambda: journal.append([(None, _asked(0))], Terms())) is StudyMissing, (
        "wrote into another study"
    )
    again.append([(None, _asked(0))], Terms(grants=((0, 1),), worker="w"))
    store.delete("s", force=True)
    assert (store.studies(), len(list(kept.read(0)))) == (["kept"], 1)


STORE_CHECKS: tuple[Check, ...] = (
    keeps_events_bit_for_bit,
    names_studies,
    gives_each_number_once,
    writes_an_operation_once,
    appends_all_or_nothing,
    opens_a_closed_trial_once,
    refuses_what_cannot_be_kept,
    adopts_all_or_nothing,
    deletes_what_nobody_runs,
)
"""All checks of stores, but for the state machine that ``store_machine`` makes."""


class JournalModel:
    """A journal in forty lines: a list of events, a dict of leases, a clock."""

    def __init__(self, lease_seconds: float) -> None:
        self.events: list[tuple[str | None, bytes]] = []
        self.ops: dict[str, int] = {}
        self.leases: dict[int, tuple[int, str, float]] = {}
        self.trials = 0
        self.now = 0.0
        self.lease_seconds = lease_seconds

    def append(self, events: list[tuple[str | None, ev.Event]], terms: Terms) -> tuple[int, bool]:
        """As ``Journal.append`` has to behave."""
        op = events[0][0]
        if op is not None and op in self.ops:
            return self.ops[op], False
        if terms.trials is not None and terms.trials != self.trials:
            raise Outrun("trials")
        for trial, attempt in terms.holds:
            if trial not in self.leases or self.leases[trial][0] != attempt:
                raise Fenced("holds")
        for trial, attempt in terms.takes:
            if trial in self.leases:
                held, _, until = self.leases[trial]
                if held != attempt or until >= self.now:
                    raise Outrun("takes")
        for name, event in events:
            self.events.append((name, ev.encode(event)))
            if name is not None:
                self.ops[name] = len(self.events)
            self.trials += isinstance(event, ev.Asked)
        for trial in terms.drops:
            self.leases.pop(trial, None)
        for trial, attempt in terms.grants:
            self.leases[trial] = (attempt, terms.worker, self.now + self.lease_seconds)
        for trial in terms.closes:
            self.leases[trial] = (-1, "", math.inf)
        return len(self.events), True


def store_machine(make: Callable[[Callable[[], float]], Store]) -> Any:
    """A Hypothesis state machine that holds a store against the model.

    Args:
        make: makes a store that reads the clock it is given, with leases of ten seconds.

    Returns:
        A ``unittest.TestCase`` class for a test runner to collect.
    """

    class Machine(RuleBasedStateMachine):
        @initialize()
        def start(self) -> None:
            self.model = JournalModel(10.0)
            self.store = make(lambda: self.model.now)
            created = _created()
            self.journal: Journal = self.store.create("s", created)
            self.model.append([(None, created)], Terms())

        @rule(
            op=st.sampled_from([None, "a", "b", "c"]),
            kind=st.sampled_from(["ask", "note", "drop", "end"]),
            trial=st.integers(0, 3),
            attempt=st.integers(1, 2),
            terms=st.sampled_from(["none", "trials", "holds", "takes"]),
            worker=st.sampled_from(["v", "w"]),
            over=st.booleans(),
        )
        def append(
            self, op: str | None, kind: str, trial: int, attempt: int, terms: str, worker: str, over: bool
        ) -> None:
            asked = terms == "trials"
            event = _asked(trial) if kind == "ask" else ev.Noted(trial, {"k": kind}, 1.0)
            bound = Terms(
                trials=self.model.trials - (trial % 2) if asked else None,
                holds=((trial, OVER if over else attempt),) if terms == "holds" else (),
                takes=((trial, attempt),) if terms == "takes" else (),
                grants=((trial, attempt),) if kind == "ask" or terms == "takes" else (),
                drops=(trial,) if kind == "drop" else (),
                closes=(trial,) if kind == "end" else (),
                worker=worker,
                durable=kind == "end",
            )
            expected = _outcome(lambda: self.model.append([(op, event)], bound))
            assert _outcome(lambda: self.journal.append([(op, event)], bound)) == expected

        @rule(worker=st.sampled_from(["v", "w"]))
        def renew(self, worker: str) -> None:
            self.journal.renew(worker)
            until = self.model.now + 10.0
            for trial, (attempt, owner, _) in list(self.model.leases.items()):
                if owner == worker:
                    self.model.leases[trial] = (attempt, owner, until)

        @rule(seconds=st.sampled_from([1.0, 6.0, 11.0]))
        def wait(self, seconds: float) -> None:
            self.model.now += seconds

        @precondition(lambda self: hasattr(self, "journal"))
        @rule()
        def reopen(self) -> None:
            self.journal = self.store.journal("s")

        @invariant()
        def agrees(self) -> None:
            if not hasattr(self, "journal"):
                return
            entries = list(self.journal.read(0))
            assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
            assert [(entry.op, ev.encode(entry.event)) for entry in entries] == self.model.events
            held = {trial for trial, (_, _, until) in self.model.leases.items() if until >= self.model.now}
            assert self.journal.orphans([0, 1, 2, 3]) == [trial for trial in range(4) if trial not in held]

    return Machine.TestCase


def _outcome(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except (Conflict, KeepError, StoreError) as error:
        return type(error)


def _journal_of(store: Store, name: str) -> Journal:
    return store.journal(name)


def _created() -> ev.Created:
    return ev.Created(Space({"x": Float(0, 1)}).spec, Goal.of(minimize="loss"), 1, 1.0)


def _asked(number: int) -> ev.Asked:
    return ev.Asked(number, ev.pack_params({"x": 0.5}), b"\0" * 8, "w", 1.0)
