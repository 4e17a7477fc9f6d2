"""The study's own code under simulated faults: no seed breaks a promise, and every deliberate mutant is caught."""

import math
from collections import Counter
from unittest import mock

import msgspec
import pytest
from simulation import World, simulate

from danlu.base import identity as life
from danlu.contracts.messages import GO, Outcome
from danlu.contracts.protocols import Terms
from danlu.errors import Conflict, StoreError
from danlu.journal.rows import Row
from danlu.stores.memory import MemoryJournal
from danlu.study.claims import Claims
from danlu.study.replica import Replica
from danlu.study.responder import Responder

KINDS = {
    3: ("duplicate", "messages said twice"),
    4: ("crash", "deaths of workers"),
    5: ("pause", "pauses, many longer than a lease"),
    6: ("repeated", "messages and asks repeated after a lost request or answer"),
    9: ("poisoned", "workers killed by their configuration"),
    10: ("overtaken", "requests overtaken by other workers"),
    16: ("clock jump", "jumps of a worker's clock"),
    7: ("seen dead", "leases of workers that another process of their namespace saw die"),
}
"""What each promise is tried with."""


def tried(worlds, promised):
    counts = sum((world.counts for world in worlds), Counter())
    for number, (kind, words) in KINDS.items():
        promised(number, counts[kind], f"{words}, in {len(worlds):,} simulated studies")
    return counts


def test_no_seed_breaks_a_promise(promised):
    counts = tried([simulate(seed) for seed in range(200)], promised)
    assert min(counts.values()) > 50, counts


@pytest.mark.fault
def test_ten_thousand_seeds_break_no_promise(promised):
    tried(
        [simulate(seed, workers=2 + seed % 4, trials=4 + seed % 9) for seed in range(1000, 11000)], promised
    )


def test_a_seed_replays_to_the_bit():
    for seed in (3, 8, 21):
        assert World(seed).run().bytes == World(seed).run().bytes


CHECK, APPEND = MemoryJournal._check, MemoryJournal.append


def without(**fields):
    """The journal's check of its terms, but for some of them, where a condition holds."""
    condition = fields.pop("where", lambda terms: True)

    def check(self, terms):
        return CHECK(self, msgspec.structs.replace(terms, **fields) if condition(terms) else terms)

    return mock.patch.object(MemoryJournal, "_check", check)


def renew_everything(self, worker):
    for trial, (attempt, owner, until) in self._leases.items():
        if until < math.inf:
            self._leases[trial] = (attempt, owner, self._clock() + self._lease_seconds)


def ask_twice(self, events, terms):
    return APPEND(self, [(None, event) for _, event in events], terms)


def forgive(self, replica, worker, policy, clock):
    CLAIMS(self, replica, worker, policy._replace(retries=10**6), clock)


CLAIMS, BUDGET = Claims.__init__, Replica.budget


def finished_only(self):
    whole = BUDGET.fget(self)
    return msgspec.structs.replace(
        whole, trials=whole.trials + len(self.history) - self.history.spent.finished
    )


def revive(self, message):
    """Write what an attempt says it came to, whatever the journal holds."""
    if message.verdict is None and message.cause is None:
        self._replica.append([(None, self._returned(message))], Terms())
    elif message.verdict is None:
        self._replica.append(
            [(None, self.failed(message.trial, message.attempt, message.cause, ""))], Terms()
        )
    return GO


def skip_others(self, events, terms):
    from danlu.journal.events import Entry

    last, written = self.journal.append(events, terms)
    if written:
        first = last - len(events) + 1
        self._fold([Entry(seq, event, op) for seq, (op, event) in enumerate(events, first)])
    else:
        self.sync()
    return written


ANSWER = Responder.answer


def escape(self, message):
    """An answer that lets a conflict out, as a driver would hear it."""
    if isinstance(message, Outcome):
        self._replica.settle()
        return self._outcome(message)
    return ANSWER(self, message)


def by_host(worker):
    """Who lives, by host name and process number alone, as if every container were one."""
    host, _, _, pid, started, _ = worker.rsplit("/", 5)
    return host == life.socket.gethostname() and life._started(int(pid)) != started


MUTANTS = {
    "no fence on tell": without(holds=(), where=lambda terms: terms.closes),
    "no fence on reports": without(holds=(), where=lambda terms: not terms.closes),
    "a number can be claimed twice": without(trials=None),
    "a lease can be taken that is held": without(takes=()),
    "a heartbeat keeps everybody's leases": mock.patch.object(MemoryJournal, "renew", renew_everything),
    "asking again asks once more": mock.patch.object(MemoryJournal, "append", ask_twice),
    "retries without bound": mock.patch.object(Claims, "__init__", forgive),
    "the budget counts only finished trials": mock.patch.object(Replica, "budget", property(finished_only)),
    "telling revives a trial that is over": mock.patch.object(Responder, "_outcome", revive),
    "the cursor skips what others wrote": mock.patch.object(Replica, "append", skip_others),
    "a lost reply leaves no doubt": mock.patch.object(Replica, "settle", return_value=None),
    "an operation's trial is given out although another has it": mock.patch.object(
        Claims, "again", lambda self, op: self._replica.history.rows.ops[op]
    ),
    "a conflict ends the worker": mock.patch.object(Responder, "answer", escape),
    "a checkpoint counts before its report": mock.patch.object(
        Row, "usable", lambda self: list(self.checkpoints or [])
    ),
    "a guess about life overrules a lease": mock.patch.object(life, "dead", by_host),
}


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if at % 9 == 0 else pytest.mark.fault) for at, name in enumerate(MUTANTS)],
)
def test_every_mutant_is_caught(name):
    with MUTANTS[name]:
        for seed in range(600):
            try:
                simulate(seed)
            except (AssertionError, Conflict, StoreError):
                return
    raise AssertionError(f"{name}: 600 seeds did not notice")
