"""What a person tells a study that runs, from wherever: each word is an event with its actor, and needs no study to be open.

Workers act on it when they next look: a free slot, or a trial's next report.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..base.rng import generator, stable_hash
from ..base.values import typed_key
from ..contracts.protocols import Journal, Terms
from ..errors import Outrun, SettingError
from ..journal import events as ev
from ..journal.events import Cause, Status
from ..journal.history import History
from ..journal.tags import checked_tags
from ..space.feasible import fill
from ..space.point import resolve

Append = Callable[[list[tuple[str | None, ev.Event]], Terms], Any]


class Control:
    """Tells one study what to do.

    What takes ``op``, a name, is done once under that name, however often it is said.

    Args:
        journal: the study's; anything with its ``append``.
        history: its fold, as new as can be.
        actor: who speaks, for the record.
        clock: seconds since the epoch.
    """

    def __init__(
        self, journal: Journal | Any, history: History, actor: str, clock: Callable[[], float] = time.time
    ) -> None:
        self._append: Append = journal.append
        self._history = history
        self._actor = actor
        self._clock = clock

    def stop(self, reason: str = "", *, op: str | None = None) -> None:
        """End the study: no new trials; those that run leave at their next report and can be resumed.

        The next ``danlu.tune`` or ``danlu run`` on the study goes on with it.
        """
        self._say(op, ev.Steered("stop", self._actor, self._clock(), reason=reason))

    def pause(self, reason: str = "", *, op: str | None = None) -> None:
        """Begin nothing new; trials that run go on to their end, and workers wait."""
        self._say(op, ev.Steered("pause", self._actor, self._clock(), reason=reason))

    def resume(self, reason: str = "", *, op: str | None = None) -> None:
        """Take back a pause, or a stop that nobody has acted on yet."""
        self._say(op, ev.Steered("resume", self._actor, self._clock(), reason=reason))

    def prune(self, trial: int, reason: str = "", *, op: str | None = None) -> None:
        """End one trial: one that runs at its next report, one that waits or is paused at once; what it reported counts.

        Raises:
            TrialMissing: when there is no such trial.
            SettingError: when it is over already.
        """
        row = self._history.rows.of(trial)
        if row.status >= Status.DONE:
            raise SettingError(f"trial {trial} is {row.status.name.lower()} already, and that stands.")
        event = ev.Steered("prune", self._actor, self._clock(), trial, reason)
        self._say(op, event)
        if row.status is not Status.RUNNING:
            self._end(trial, event)

    def enqueue(self, *points: Mapping[str, Any], op: str | None = None) -> None:
        """Have these points tried next; parameters left out are drawn.

        Raises:
            SpaceError: for an unknown name or a value out of range; nothing is enqueued then.
        """
        self._say(op, ev.Enqueued(tuple(self._checked(points)), self._clock(), self._actor), durable=True)

    def enqueue_once(self, *points: Mapping[str, Any]) -> None:
        """Have these points tried, each as often as it is named here, however often the same is called, with more points or fewer.

        Raises:
            SpaceError: as ``enqueue``.
        """
        counts: Counter[int] = Counter()
        for point in self._checked(points):
            known = stable_hash(sorted((name, typed_key(value)) for name, value in point.items()))
            event = ev.Enqueued((point,), self._clock(), self._actor)
            self._say(f"enqueue/{known}/{counts[known]}", event, durable=True)
            counts[known] += 1

    def _checked(self, points: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """The points under their full names, each of which the space allows."""
        space = self._history.space
        rng = generator(self._history.definition.seed, -1, "enqueue")
        checked = []
        for point in points:
            values = fill(space, point, lambda: rng.random(len(space)).tolist())
            checked.append({full: values[full] for full in (resolve(space.every, name) for name in point)})
        return checked

    def set_aside(self, trials: Iterable[int], reason: str, *, actor: str = "", trace: str = "") -> None:
        """Keep these trials in the journal and take them out of the search, durable when this returns.

        They are off the budget, nothing is learned from them, none of them is the best, and their points may be tried
        again. Those that run are ended. Setting the same trials aside again changes nothing.

        Args:
            trials: their numbers.
            reason: a sentence that ``result.why()`` and the trials' own records show.
            actor: the person who wants it, '' for danlu itself.
            trace: the traceback of what they failed of, for those who hear of it elsewhere.

        Raises:
            TrialMissing: when there is no such trial; nothing is written then.

        Example:
            >>> import danlu
            >>> with danlu.open_study({"x": danlu.Float(0, 1)}, trials=1) as study:
            ...     study.tell(study.ask(), 0.0)
            ...     study.control.set_aside([0], "the data was broken")
            ...     study.ask().number
            1
        """
        rows = self._history.rows
        fresh = tuple(n for n in dict.fromkeys(trials) if rows.of(n).aside == "")
        if fresh:
            live = tuple(n for n in fresh if rows.of(n).status < Status.DONE)
            event = ev.SetAside(fresh, reason, self._clock(), actor, trace)
            self._append([(None, event)], Terms(closes=live, worker=self._actor, durable=True))

    def note(self, text: str, trial: int = -1, *, op: str | None = None) -> None:
        """Keep a remark with the study, where ``result.why()`` shows it, or with one trial, among its ``notes``.

        Raises:
            TrialMissing: when there is no such trial.
        """
        facts, note = {"text": text}, ""
        if trial != -1:
            self._history.rows.of(trial)
            facts, note = {}, f"{self._actor}: {text}" if self._actor else text
        self._say(op, ev.Noted(trial, facts, self._clock(), actor=self._actor, note=note))

    def tag(self, *tags: str, trial: int = -1, op: str | None = None) -> None:
        """Put words on a trial, or on the study, by which it is found again.

        A study with the tag ``archived`` is left out of the page's list and of ``danlu show`` until somebody asks for it.

        Args:
            tags: each of 1 to 60 characters on one line, without a comma or ``|``.
            trial: its number; -1 for the study itself.
            op: a name under which it is done once.

        Raises:
            TrialMissing: when there is no such trial.
            SettingError: for what is no tag.

        Example:
            >>> import danlu
            >>> result = danlu.tune(lambda t: t["x"], {"x": danlu.Float(0, 1)}, trials=3)
            >>> result.study.control.tag("good", "for the paper", trial=1)
            >>> result.trials[1].tags
            ('good', 'for the paper')
        """
        self._tag(trial, op, add=checked_tags(tags))

    def untag(self, *tags: str, trial: int = -1, op: str | None = None) -> None:
        """Take words off a trial, or off the study; those that it does not have do not matter.

        Raises:
            As ``tag``.
        """
        self._tag(trial, op, remove=checked_tags(tags))

    def _tag(
        self, trial: int, op: str | None, add: tuple[str, ...] = (), remove: tuple[str, ...] = ()
    ) -> None:
        if trial != -1:
            self._history.rows.of(trial)
        self._say(op, ev.Tagged(trial, add, self._clock(), remove, actor=self._actor))

    def _say(self, op: str | None, event: ev.Event, *, durable: bool = False) -> None:
        if self._history.definition.campaign.kind and isinstance(event, ev.Steered | ev.Enqueued):
            stages = ", ".join(self._history.definition.campaign.stages.values()) or "none yet"
            raise SettingError(f"a campaign has no trials to steer. Steer one of its studies: {stages}.")
        self._append([(op, event)], Terms(worker=self._actor, durable=durable))

    def _end(self, trial: int, said: ev.Steered) -> None:
        """End a trial that nobody runs; one that was taken up meanwhile will be ended by its next report."""
        row, goal = self._history.rows.of(trial), self._history.goal
        metrics = self._history.incumbents.counted(trial)
        whole = not goal.missing(metrics)
        status, cause = (Status.STOPPED, None) if whole else (Status.FAILED, Cause.CANCELLED)
        event = ev.Ended(trial, row.attempt, status, metrics, 0.0, self._clock(), cause, str(said))
        terms = Terms(takes=((trial, row.attempt),), closes=(trial,), worker=self._actor, durable=True)
        try:
            self._append([(None, event)], terms)
        except Outrun:
            return
