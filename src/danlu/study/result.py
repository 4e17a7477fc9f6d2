"""What a study has found, read from its history."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from ..base.failure import say
from ..base.names import VIEWS, FigureName, PanelsName, find
from ..contracts.protocols import Journal, Store
from ..errors import DanluError, StoreError
from ..journal.events import Entry, Status
from ..journal.history import History
from ..journal.trial import Trial, headings
from ..runtime import checkpoint
from ..runtime.blobs import blobs_at
from ..runtime.folders import Folders

if TYPE_CHECKING:  # analyses are imported when they are asked for: tuning does not need them
    import numpy as np
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from ..analysis.diagnosis import Trouble
    from ..analysis.importance import Importance, Method
    from ..analysis.summary import Summary


class Left:
    """What a result has of the store once it was pickled: where its checkpoints are. Its journal is read by the study alone."""

    def __init__(self, blobs: Any) -> None:
        self.blobs = blobs

    def journal(self, name: str) -> Journal:
        """No journal.

        Raises:
            StoreError: always.
        """
        raise StoreError(
            f"this is a pickled result of {name!r}, which does not follow its journal. Open the study: "
            "danlu.open_study(store=..., name=...).result."
        )


class Result:
    """The trials of a study and the best among them.

    Attributes:
        name: the study's name.
        stopped: why the last session ended, as a sentence; '' while it runs.
        history: the folded journal, for analysis.
    """

    def __init__(self, name: str, history: History, store: Store | Left, stopped: str = "") -> None:
        self.name = name
        self.history = history
        self.stopped = stopped
        self._store = store

    def __repr__(self) -> str:
        states = ", ".join(f"{count} {state}" for state, count in self.history.states().items())
        best = ""
        if self.history.front:
            name, value = next(iter(self.best.metrics.items()))
            kept = "" if not self.best.violation else ", which breaks the limits as all do"
            best = f"; best {name} {value:g} in trial {self.best.number}{kept}"
        return f"Result({self.name!r}: {states or 'no trials'}{best})"

    def __deepcopy__(self, memo: dict[int, Any]) -> Result:
        return Result(self.name, copy.deepcopy(self.history, memo), self._store, self.stopped)

    def __reduce__(self) -> tuple[Any, ...]:
        """What arrives in another process is what was known: it follows the study no further."""
        return Result, (self.name, self.history, Left(self._store.blobs), self.stopped)

    def _repr_html_(self) -> str:
        return str(find(VIEWS, "view", "study")(self.name, self.history))

    def __copy__(self) -> Result:
        return copy.deepcopy(self)

    @property
    def trials(self) -> list[Trial]:
        """All trials, in the order they were asked."""
        return self.history.trials()

    @property
    def best(self) -> Trial:
        """The best trial: limits kept first, then the first metric of the goal.

        In a study of several contexts it stands for the best configuration that was evaluated in all of them: its metrics are means,
        ``spread`` their standard deviations, and its curve and checkpoints those of its first trial.

        Raises:
            DanluError: when no trial has finished with a result.
        """
        number = self.history.best
        if number is None and any(whole.trials for whole in self.history.groups.over.values()):
            raise DanluError(
                f"no configuration of {self.name!r} has been evaluated in all {len(self.history.contexts)} contexts: result.configurations "
                "has what each has come to. Give it more trials, or a scheduler that ends fewer."
            )
        if number is None:
            raise DanluError(
                self.fruitless or f"no trial of {self.name!r} has a result yet: {len(self.history)} asked."
            )
        return self.history.configuration(number)

    @property
    def fruitless(self) -> str:
        """Why no trial has a result, with the most frequent failure, as a sentence; '' while one may have.

        Example:
            >>> import danlu
            >>> danlu.tune(lambda t: float("nan"), {"x": danlu.Float(0, 1)}, trials=2).fruitless
            "no trial of 'study' has a result: 2 of 2 failed, 2 of them so: value is nan. result.why() has a line for each."
        """
        failed = [row for row in self.history.rows if row.status is Status.FAILED and not row.aside]
        if self.history.front or not failed:
            return ""
        reason, count = Counter(row.reason for row in failed).most_common(1)[0]
        return (
            f"no trial of {self.name!r} has a result: {len(failed)} of {self.history.counting} failed, {count} of them so: "
            f"{reason.rstrip('.')}. result.why() has a line for each."
        )

    @property
    def front(self) -> list[Trial]:
        """The trials that no other trial beats in every metric; one trial when there is one goal."""
        return [self.history.configuration(number) for number in sorted(self.history.front)]

    @property
    def configurations(self) -> list[Trial]:
        """The configurations of a study of several contexts by their first trials, those that are over with their means; else all trials."""
        groups, rows = self.history.groups, enumerate(self.history.rows)
        return [self.history.configuration(number) for number, _ in rows if groups.head(number) == number]

    def table(self) -> list[dict[str, Any]]:
        """One flat dict a trial: number, status, parameters, metrics, seconds, cause.

        In a study of several contexts ``configuration`` is the number of the first trial of the same one, and each context has its
        column, ``"fold"``.

        Where trials were set aside, ``aside`` says why, and is None for those that count. A parameter that is named like one of
        the other columns is ``"status (parameter)"``, a metric that is named like any ``"lr (metric)"``.
        ``pandas.DataFrame(result.table())`` makes a frame of it.
        """
        several = len({row.code for row in self.history.rows}) > 1
        trials = self.trials
        params, metrics, contexts = headings(
            dict.fromkeys(name for trial in trials for name in trial.params),
            dict.fromkeys(name for trial in trials for name in trial.metrics),
            dict.fromkeys(name for trial in trials for name in trial.context),
        )
        return [
            {
                "trial": trial.number,
                "status": trial.status.name.lower(),
                **({"configuration": trial.of} if contexts else {}),
                **{heading: trial.context.get(name) for name, heading in contexts.items()},
                **{params[name]: value for name, value in trial.params.items()},
                **{metrics[name]: value for name, value in trial.metrics.items()},
                "steps": trial.curve.steps[-1] if len(trial.curve) else 0,
                "seconds": trial.seconds,
                "cause": trial.cause.value if trial.cause else None,
                **({"code": trial.code} if several else {}),
                **({"aside": trial.aside or None} if self.history.aside else {}),
            }
            for trial in trials
        ]

    def why(self) -> list[str]:
        """What danlu decided by itself, a sentence each: methods, stops, failures, retries."""
        from ..analysis.findings import beyond

        lines = [text for _, text in self.history.decisions]
        lines += [finding.text for finding in beyond(self.history)]
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
        from ..analysis.importance import importance

        return importance(self.history, metric, method=method)

    def summary(self) -> Summary:
        """The study on one page: what was found, what mattered, what to look at; ``print`` it, or read its parts.

        Example:
            >>> import danlu
            >>> print(danlu.tune(lambda t: 1.0, {"x": danlu.Float(0, 1)}, trials=3).summary())  # doctest: +ELLIPSIS
            study: 3 done
            best value 1 in trial 0
            ...
        """
        from ..analysis.summary import summary

        return summary(self.name, self.history)

    def diagnose(self, trial: int | None = None) -> Trouble:
        """What a trial's curves say is wrong with it, the best trial's by default; rules as in ``danlu.analysis.diagnosis``.

        Raises:
            DanluError: when no trial has a result and none is named.
            TrialMissing: when there is no such trial.
        """
        from ..analysis.diagnosis import diagnose_curves

        return diagnose_curves(self.history, self.best.number if trial is None else trial)

    @overload
    def plot(self, kind: FigureName = "history", *, axes: Axes | None = None, **settings: Any) -> Axes: ...
    @overload
    def plot(self, kind: PanelsName, *, axes: Any = None, **settings: Any) -> NDArray[np.object_]: ...
    def plot(self, kind: FigureName | PanelsName = "history", *, axes: Any = None, **settings: Any) -> Any:
        """Draw a figure of the study; kinds, settings and errors as in ``danlu.plots.plot``.

        Example:
            >>> import danlu
            >>> result = danlu.tune(lambda t: t["x"], {"x": danlu.Float(0, 1)}, trials=9, seed=0)
            >>> result.plot("importance").get_xlabel()
            'share of value (ped-anova)'
        """
        return find(VIEWS, "view", "plot")(self.history, kind, axes=axes, **settings)

    def report(self, path: str | Path, *, finder: Any = None) -> Path:
        """Write the study into one HTML file that opens anywhere, without a network; the path of the file.

        ``finder`` is a ``deep.LRFinderResult`` to be shown beside it.

        Example:
            >>> import danlu, tempfile
            >>> result = danlu.tune(lambda t: t["x"], {"x": danlu.Float(0, 1)}, trials=9, seed=0)
            >>> result.report(tempfile.mkdtemp() + "/study.html").name
            'study.html'
        """
        written: Path = find(VIEWS, "view", "report")(self.name, self.history, path, finder=finder)
        return written

    def dir(self, trial: int | None = None) -> Path:
        """The folder of a trial's own files (``trial.dir`` in the objective), by default the best trial's.

        Raises:
            DanluError: when that trial has none: its code asked for none, it was not kept, or it is on another machine.

        Example:
            >>> import danlu
            >>> def train(trial):
            ...     (trial.dir / "model.txt").write_text(f"x = {trial['x']}")
            ...     return trial["x"]
            >>> result = danlu.tune(train, {"x": danlu.Int(1, 3)}, trials=3)
            >>> (result.dir() / "model.txt").read_text()
            'x = 1'
        """
        number = self.best.number if trial is None else trial
        self.history.row(number)
        found = Folders(self._store.blobs, self.name).of(number)
        if found.is_dir():
            return found
        kept = self.history.keeps(number)
        why = (
            f"nothing is in {found}. Have the objective write into trial.dir."
            if kept
            else 'it was not among the best. Start a study with keep="all" to keep the files of all trials.'
        )
        raise DanluError(f"trial {number} has no folder: {why}")

    def has_dir(self, trial: int | None = None) -> bool:
        """Whether ``dir`` finds a folder of that trial, by default the best one's, here and now."""
        number = self.best.number if trial is None else trial
        return Folders(self._store.blobs, self.name).of(number).is_dir()

    def restore(self, *things: Any, trial: int | None = None) -> int:
        """Load a trial's newest checkpoint, the best trial's by default, into ``things``; return its step.

        The things that were saved first are enough: of ``trial.save(epoch, model, optimizer)`` the model alone. A trial counts by
        its best report, unless its objective returns a value; where the newest checkpoint is of another step, that is said.

        Raises:
            DanluError: when that trial saved none.
        """
        best = self.best if trial is None else self.history.trial(trial)
        for kept in best.checkpoints:
            data = blobs_at(self._store.blobs).get(kept.digest)
            parts = checkpoint.unpack(data)[1:]
            checkpoint.load(parts[: len(things)] if things else parts, things)
            counts = self.history.counting_steps(best.number)
            if counts and kept.step not in counts:
                say(
                    f"danlu: what counts for trial {best.number} is its report at step {counts[0]}, and its newest checkpoint is of step "
                    f"{kept.step}: what is restored is not what was measured there. Save only when the metric is the best so far."
                )
            return kept.step
        raise DanluError(f"trial {best.number} saved no checkpoint. Call trial.save in the objective.")
