"""The conversation between a pool and its workers under simulated faults, and the mutants that it has to notice."""

from collections import Counter
from unittest import mock

import conversation
import pytest
from conversation import converse

from danlu.engines.line import Exchange
from danlu.engines.pool import Pool
from danlu.engines.slot import WorkerDeath, WorkerSlot


def test_every_thread_hears_its_own_answer_and_no_result_is_lost(promised):
    counts = sum((converse(seed).counts for seed in range(300)), Counter())
    assert (
        min(counts[kind] for kind in ("said", "said late", "death at a trial", "death after the result"))
        > 100
    )
    promised(8, counts["said late"], "messages of threads that outlived their trial, in 300 simulated pools")
    promised(
        9,
        counts["death after the result"],
        "workers that died after their trial's result was told: none lost",
    )


def in_order(self, frame):
    """Replies to whoever waits longest, as if they came in order."""
    number = min(self._waiting, default=None)
    if number is not None:
        self._waiting[number].put(frame.reply)


def answer_anybody(self, slot, said):
    slot.worker.tell(conversation.Told(said.number, self._answer(said.message)))


BURY = WorkerSlot.bury


def blame(self):
    """A task that waited for a worker dies with it."""
    task, self.task, self._sent = self.task, None, True
    BURY(self)
    return WorkerDeath(task, 1, None, 0.0)


FINISH = conversation.Worker.finish


def tidy_first(self):
    """The result is told after everything has been put away."""
    if self.world.chance(0.08):
        self.world.returned.add(self.task.trial)
        self.die()
        return
    FINISH(self)


MUTANTS = {
    "a reply is matched by order": mock.patch.object(Exchange, "told", in_order),
    "whoever speaks is answered": mock.patch.object(Pool, "_reply", answer_anybody),
    "a task that waits is blamed for its worker's death": mock.patch.object(WorkerSlot, "bury", blame),
    "the result is told after all is put away": mock.patch.object(conversation.Worker, "finish", tidy_first),
    "a death is known by the pipe's end, which a fork holds open": mock.patch.object(
        conversation.Worker, "noticed", return_value=None
    ),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_every_mutant_is_caught(name):
    with MUTANTS[name]:
        for seed in range(300):
            try:
                converse(seed)
            except AssertionError:
                return
    raise AssertionError(f"{name}: 300 seeds did not notice")
