"""Claims: how a worker comes by a trial, so that of any number of workers exactly one wins.

A claim is an append on terms: the next trial number is still free, or the lease of an old trial is
over. Who loses the race reads on and tries again; nobody waits for anybody.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ..base.failure import say
from ..base.rng import generator
from ..contracts.messages import Task
from ..contracts.protocols import Again, GiveUp, New, Resume, Terms, Wait
from ..errors import Exhausted, Fenced, Outrun, SpaceError
from ..journal import events as ev
from ..journal.events import Cause, Status
from ..problem.budget import AttemptLimits
from ..runtime.folders import Folders
from ..space.feasible import fill
from ..space.space import pack_unit
from .lapse import Lapse
from .replica import Replica

PROBE = "probe"
"""The source of a trial that is to tell a part of the space that fails from an objective that cannot work."""


class TrialPolicy(NamedTuple):
    """How a study treats its trials: deaths that are forgiven, limits of an attempt, where files go, its name, seconds of a lease."""

    retries: int = 2
    limits: AttemptLimits = AttemptLimits()
    logs: str = ""
    folders: Folders | None = None
    study: str = ""
    lease: float = 60.0


class Claims:
    """Takes trials for one worker."""

    def __init__(
        self, replica: Replica, worker: str, policy: TrialPolicy, clock: Callable[[], float]
    ) -> None:
        self._replica = replica
        self._worker = worker
        self._policy = policy
        self._clock = clock
        self._looked = -1e9
        self._lapse = Lapse(policy.lease)

    def old(self) -> int | None:
        """Take up a trial that waits or whose worker is gone; its number, or None."""
        replica = self._replica
        replica.sync()
        for number in self._orphans():
            if self._take(number, orphan=True):
                return number
        for number in sorted(replica.history.rows.live[Status.WAITING]):
            if self._take(number, orphan=False):
                return number
        return None

    def new(
        self,
        k: int,
        op: str | None = None,
        *,
        read: bool = True,
        probe: Callable[[], list[float] | Wait | None] | None = None,
    ) -> list[int]:
        """Claim up to ``k`` new trials, or a paused one if the scheduler says so; their numbers.

        ``read`` is False when the journal has been read just now; who loses the race reads it again anyway. ``probe`` says
        which unit point has to be tried before any other, None where there is none, or that nothing is to begin.

        Raises:
            Exhausted: when a finite space has no untried point left.
            Fenced: when the trial asked under ``op`` has passed to another worker.
        """
        replica = self._replica
        while True:
            if read:
                replica.sync()
            read = True
            if op is not None and op in replica.history.rows.ops:  # asked before, and the answer was lost
                return [self.again(op)]
            room = replica.budget.trials
            k = k if room is None else min(k, room - replica.history.spent.trials)
            wanted = probe() if probe is not None and k > 0 else None
            if isinstance(wanted, Wait):
                return []
            move = New() if wanted is not None or self._queued_first() else replica.algorithms.move()
            if replica.history.decisions.queue and not isinstance(move, Again | GiveUp):
                move = New()  # a person's points come first, but for configurations that are begun
            if isinstance(move, Wait):
                return []
            try:
                if isinstance(move, GiveUp):
                    self._give_up(move)
                    continue
                if isinstance(move, Resume):
                    return [self._resume(move)]
                if isinstance(move, Again):
                    return self._again(move, op) if k > 0 else []
                return self._ask(move, k, op, wanted) if k > 0 else []
            except Outrun:
                continue

    def again(self, op: str) -> int:
        """The trial that was asked under this operation, taken up again if whoever asked it is gone.

        Raises:
            Fenced: when it has passed to another worker.
        """
        replica = self._replica
        replica.sync()
        number = replica.history.rows.ops[op]
        row = replica.history.rows.of(number)
        if row.status >= Status.DONE or (row.status is Status.RUNNING and row.worker == self._worker):
            return number
        running = row.status is Status.RUNNING
        if (not running or replica.journal.orphans([number])) and self._take(number, orphan=running):
            return number
        # whoever asked it under this name has it still, and is this caller by another process
        if row.status is Status.RUNNING and row.worker == row.asked.worker:
            return number
        raise Fenced(
            f"trial {number}, which was asked as {op!r}, has passed to another worker. Ask under a new name."
        )

    def awaited(self) -> list[int]:
        """The running trials whose workers cannot be seen from here, while it will show within a lease whether they live."""
        rows = self._replica.history.rows
        return self._lapse.awaited({number: rows.of(number).worker for number in rows.live[Status.RUNNING]})

    def task(self, number: int) -> Task:
        """The claimed trial, ready to run."""
        history = self._replica.history
        row = history.rows.of(number)
        declared = row.current()
        return Task(
            trial=number,
            attempt=row.attempt,
            params=declared,
            names=history.space.every,
            seed=history.definition.seed,
            blobs=self._replica.files.blobs.place,
            checkpoints=tuple(reversed(row.usable())),
            limits=self._policy.limits,
            log=f"{self._policy.logs}/{number:06d}.log" if self._policy.logs else "",
            horizon=self._replica.algorithms.horizon(number),
            alone=row.alone,
            folder=str(self._policy.folders.of(number)) if self._policy.folders else "",
            goal=history.goal,
            study=self._policy.study,
            lists=history.space.forms.lists(declared),
            named=history.space.forms.named,
            context=row.asked.context,
        )

    def _queued_first(self) -> bool:
        """Whether a person's points come before whatever the scheduler would say."""
        history = self._replica.history
        return bool(history.decisions.queue) and not history.trials.groups.pending

    def _orphans(self) -> Sequence[int]:
        """Running trials without a living worker; leases are looked at once a second at most."""
        now = time.monotonic()
        running = self._replica.history.rows.live[Status.RUNNING]
        if not running or now - self._looked < 1.0:
            return ()
        orphans = self._replica.journal.orphans(sorted(running))
        if not orphans:
            self._looked = now
        return orphans

    def _take(self, number: int, *, orphan: bool) -> bool:
        history = self._replica.history
        row = history.rows.of(number)
        at = self._clock()
        if orphan and row.deaths >= self._policy.retries:
            times = f"{row.deaths + 1} times" if row.deaths else "once"
            reason = f"its worker died {times}; this configuration is quarantined"
            event: ev.Event = ev.Ended(
                number, row.attempt, Status.FAILED, {}, row.seconds, at, Cause.CRASHED, reason
            )
            terms = Terms(takes=((number, row.attempt),), closes=(number,), durable=True)
        else:
            attempt = row.attempt + 1
            event = ev.Resumed(number, attempt, self._worker, at, orphan, reason=_why(orphan, row.reason))
            grants = ((number, attempt),)
            terms = Terms(takes=((number, row.attempt),), grants=grants, worker=self._worker)
        try:
            self._replica.append([(None, event)], terms)
        except Outrun:
            self._replica.sync()
            return False
        if isinstance(event, ev.Ended):
            say(f"danlu: trial {number} is given up: {event.reason}.")
        elif orphan:  # whoever ran it had no chance to say so
            say(f"danlu: trial {number} is taken up again: the process that ran it died.")
        return isinstance(event, ev.Resumed)

    def _resume(self, move: Resume) -> int:
        row = self._replica.history.rows.of(move.trial)
        unit, params = b"", b""
        if move.unit is not None:
            point, values = self._replica.history.space.snap(move.unit)
            unit, params = pack_unit(point), ev.pack_params(values)
        event = ev.Resumed(
            move.trial, row.attempt + 1, self._worker, self._clock(), False,
            -1 if move.donor is None else move.donor, params, unit, move.reason, self._anew(move),
        )  # fmt: skip
        grants = ((move.trial, row.attempt + 1),)
        terms = Terms(takes=((move.trial, row.attempt),), grants=grants, worker=self._worker)
        self._replica.append([(None, event)], terms)
        return move.trial

    def _anew(self, move: Resume) -> bool:
        """Whether the trial is trained from its start, because its training depends on its length."""
        return move.donor is None and not self._replica.algorithms.problem.resume_safe

    def _ask(self, move: New, k: int, op: str | None, probe: list[float] | None = None) -> list[int]:
        replica = self._replica
        history = replica.history
        if history.space.constraints.forgotten:
            raise SpaceError(
                "this study has a constraint that is a function, which no journal can keep. "
                "Open it with its space, or write the constraint as text."
            )
        first = len(history)
        if probe is not None:
            points = [history.space.snap(probe)]
            source, reason = PROBE, "all trials before it failed alike, and none is as far from them"
        elif history.decisions.queue:
            k = min(k, len(history.decisions.queue))
            points = [self._enqueued(first + i, point) for i, point in enumerate(history.decisions.queue[:k])]
            source, reason = "enqueued", "enqueued by a person"
        else:
            points = [history.space.snap(unit) for unit in replica.algorithms.propose(k, move.tag)]
            source, reason = "sampler", move.reason
            self._check(points)
        at = self._clock()
        context = history.definition.contexts[0] if history.definition.contexts else {}
        events: list[tuple[str | None, ev.Event]] = [
            (
                op if i == 0 else None,
                ev.Asked(
                    first + i, ev.pack_params(self._declared(values)), pack_unit(unit), self._worker, at,
                    source, move.tag, history.seq, reason, context,
                ),
            )
            for i, (unit, values) in enumerate(points)
        ]  # fmt: skip
        numbers = range(first, first + len(points))
        changed = {
            who: why
            for who, why in replica.algorithms.why(move.tag).items()
            if why != history.decisions.chosen.get(who)
        }
        if changed and source == "sampler":
            events.append((None, ev.Noted(-1, changed, at)))
        grants = tuple((number, 1) for number in numbers)
        if replica.append(events, Terms(trials=first, grants=grants, worker=self._worker)) or op is None:
            return list(numbers)
        return [self.again(op)]

    def _again(self, move: Again, op: str | None) -> list[int]:
        """A new trial of a configuration in a further context."""
        replica = self._replica
        history, number = replica.history, len(replica.history)
        first = history.rows.of(move.trial).asked
        event = ev.Asked(
            number, first.params, first.unit, self._worker, self._clock(), "context", first.tag, history.seq, move.reason,
            move.context, move.trial,
        )  # fmt: skip
        terms = Terms(trials=number, grants=((number, 1),), worker=self._worker)
        if replica.append([(op, event)], terms) or op is None:
            return [number]
        return [self.again(op)]

    def _give_up(self, move: GiveUp) -> None:
        """Keep the decision; of workers that come to it at the same time one writes it."""
        subject = f"the configuration of trial {move.trial}"
        event = ev.Judged(subject, "given up", move.reason, self._clock(), move.trial, move.evidence)
        self._replica.append([(f"given up/{move.trial}", event)], Terms(worker=self._worker))

    def _declared(self, values: dict[str, Any]) -> dict[str, Any]:
        """What the trial starts with: a parameter that code reveals counts once the code draws it."""
        revealed = self._replica.history.space.spec.revealed
        return {name: value for name, value in values.items() if name not in revealed}

    def _enqueued(self, number: int, point: dict[str, Any]) -> tuple[list[float], dict[str, Any]]:
        history = self._replica.history
        rng = generator(history.definition.seed, number, "fill")
        values = fill(history.space, point, lambda: rng.random(len(history.space)).tolist())
        return history.space.encode(values), values

    def _check(self, points: list[tuple[list[float], dict[str, Any]]]) -> None:
        if not points:
            raise Exhausted("the sampler has no further point.")
        space = self._replica.history.space
        for _, values in points:
            if not space.constraints.hold(values):
                raise SpaceError(
                    f"{type(self._replica.algorithms.sampler).__name__} proposed {values!r}, which a constraint forbids. "
                    "A sampler has to pass its points through danlu.samplers.parts.admission."
                )


def _why(orphan: bool, reason: str) -> str:
    return "its worker died" if orphan else f"taken up again: {reason}"
