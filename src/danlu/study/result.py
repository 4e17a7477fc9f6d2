"""What a study has found, read from its history."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from ..analysis.importance import Importance, Method, importance
from ..core import checkpoint
from ..core.blobs import blobs_at
from ..core.errors import DanluError
from ..core.events import Entry, Status
from ..core.history import History
from ..core.protocols import Store
from ..core.trial import Trial


class Result:
    """The trials of a study and the best among them.

    Attributes:
        name: the study's name.
        stopped: why the last session ended, as a sentence; '' while it runs.
        history: the folded journal, for analysis.
    """

    def __init__(self, name: str, history: History, store: Store, stopped: str = "") -> None:
        self.name = name
        self.history = history
        self.stopped = stopped
        self._store = store

    def __repr__(self) -> str:
        counts = Counter(row.status.name.lower() for row in self.history.rows)
        states = ", ".join(f"{count} {state}" for state, count in counts.items())
        best = ""
        if self.history.front:
            name, value = next(iter(self.best.metrics.items()))
            best = f"; best {name} {value:g} in trial {self.best.number}"
        return f"Result({self.name!r}: {states or 'no trials'}{best})"

    @property
    def trials(self) -> list[Trial]:
        """All trials, in the order they were asked."""
        return self.history.trials()

    @property
    def best(self) -> Trial:
        """The best trial: limits kept first, then the first metric of the goal.

        Raises:
            DanluError: when no trial has finished with a result.
        """
        number = self.history.best
        if number is None:
            failed = sum(row.status is Status.FAILED for row in self.history.rows)
            raise DanluError(
                f"no trial of {self.name!r} has a result yet: {len(self.history)} asked, {failed} failed. "
                "See result.why()."
            )
        return self.history.trial(number)

    @property
    def front(self) -> list[Trial]:
        """The trials that no other trial beats in every metric; one trial when there is one goal."""
        return [self.history.trial(number) for number in sorted(self.history.front)]

    def table(self) -> list[dict[str, Any]]:
        """One flat dict a trial: number, status, parameters, metrics, seconds, cause.

        ``pandas.DataFrame(result.table())`` makes a frame of it.
        """
        return [
            {
                "trial": trial.number,
                "status": trial.status.name.lower(),
                **trial.params,
                **trial.metrics,
                "steps": len(trial.curve),
                "seconds": trial.seconds,
                "cause": trial.cause.value if trial.cause else None,
            }
            for trial in self.trials
        ]

    def why(self) -> list[str]:
        """What danlu decided by itself, a sentence each: methods, stops, failures, retries."""
        lines = [text for _, text in self.history.decisions]
        for number, row in enumerate(self.history.rows):
            if row.reason:
                cause = f" ({row.cause.value})" if row.cause else ""
                lines.append(f"trial {number} {row.status.name.lower()}{cause}: {row.reason}")
            elif row.attempt > 1:
                lines.append(f"trial {number} took {row.attempt} attempts: {row.why}")
        return lines

    def entries(self, after: int = 0) -> Iterator[Entry]:
        """The journal's entries above a sequence number, for whoever follows the study; each exactly once, in order."""
        return self._store.journal(self.name).read(after)

    def importance(self, metric: str | None = None, *, method: Method = "ped-anova") -> Importance:
        """Which parameters mattered for a metric of the goal; methods, results and errors as in ``danlu.analysis.importance``.

        Example:
            >>> import danlu
            >>> space = {"x": danlu.Float(0, 1), "idle": danlu.Float(0, 1)}
            >>> found = danlu.tune(lambda t: t["x"] ** 2, space, trials=60, sampler="quasirandom", seed=0).importance()
            >>> [share.name for share in found.parameters]
            ['x', 'idle']
        """
        return importance(self.history, metric, method=method)

    def restore(self, *things: Any, trial: int | None = None) -> int:
        """Load a trial's newest checkpoint, the best trial's by default, into ``things``; return its step.

        Raises:
            DanluError: when that trial saved none.
        """
        best = self.best if trial is None else self.history.trial(trial)
        for kept in best.checkpoints:
            data = blobs_at(self._store.blobs).get(kept.digest)
            checkpoint.load(checkpoint.unpack(data)[1:], things)
            return kept.step
        raise DanluError(f"trial {best.number} saved no checkpoint. Call trial.save in the objective.")
