"""What a study has found, read from its history."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from ..base.failure import say
from ..base.moved import moved
from ..base.names import VIEWS, FigureName, PanelsName, find
from ..contracts.protocols import Store
from ..errors import DanluError
from ..journal.history import History
from ..journal.rows import counting_steps
from ..journal.trial import Trial, headings
from ..runtime import checkpoint
from ..runtime.blobs import blobs_at
from ..runtime.folders import Folders
from .leader import leader
from .result_analysis import ResultAnalysis
from .source import Left, StudySource

if TYPE_CHECKING:  # analyses are imported when they are asked for: tuning does not need them
    import numpy as np
    from matplotlib.axes import Axes
    from numpy.typing import NDArray


class Result:
    """The trials of a study and the best among them.

    Attributes:
        history: the folded journal.
        study: which study it is, why it stopped, and its journal.
        analysis: what the trials have taught.
    """

    if not TYPE_CHECKING:
        __getattr__ = moved(
            "a result",
            {
                "name": "result.study.name",
                "tag": "result.study.control.tag(tag, trial=3)",
                "note": "result.study.control.note(text, 3)",
                "stopped": "result.study.stopped",
                "entries": "result.study.entries(...)",
                "configurations": "result.history.trials.configurations()",
                "show": "result.study.show()",
                "diagnose": "result.analysis.diagnose(...)",
                "fruitless": "result.analysis.fruitless",
                "importance": "result.analysis.importance(...)",
                "summary": "result.analysis.summary()",
            },
        )

    def __init__(
        self, name: str, history: History, store: Store | Left, stopped: str = "", *, appended: Any = None
    ) -> None:
        self.history = history
        self.study = StudySource(name, store, stopped, history=history, appended=appended)
        self.analysis = ResultAnalysis(name, history)
        self._store = store

    def __repr__(self) -> str:
        states = ", ".join(f"{count} {state}" for state, count in self.history.rows.states().items())
        best = ""
        if self.history.incumbents.front:
            name, value = next(iter(self.best.metrics.items()))
            kept = "" if not self.best.violation else ", which breaks the limits as all do"
            best = f"; best {name} {value:g} in trial {self.best.number}{kept}"
        return f"Result({self.study.name!r}: {states or 'no trials'}{best})"

    def __deepcopy__(self, memo: dict[int, Any]) -> Result:
        return Result(self.study.name, copy.deepcopy(self.history, memo), self._store, self.study.stopped)

    def __reduce__(self) -> tuple[Any, ...]:
        """What arrives in another process is what was known: it follows the study no further."""
        return Result, (self.study.name, self.history, Left(self._store.blobs), self.study.stopped)

    def _repr_html_(self) -> str:
        return str(find(VIEWS, "view", "study")(self.study.name, self.history))

    def __copy__(self) -> Result:
        return copy.deepcopy(self)

    @property
    def trials(self) -> list[Trial]:
        """All trials, in the order they were asked."""
        return list(self.history.trials)

    @property
    def best(self) -> Trial:
        """The best trial: limits kept first, then the first metric of the goal.

        In a study of several contexts it stands for the best configuration that was evaluated in all of them: its metrics are means,
        ``spread`` their standard deviations, and its curve and checkpoints those of its first trial.

        Raises:
            DanluError: when no trial has finished with a result.
        """
        return self.history.trials.configuration(leader(self.study.name, self.history))

    @property
    def front(self) -> list[Trial]:
        """The trials that no other trial beats in every metric; one trial when there is one goal."""
        return [self.history.trials.configuration(number) for number in sorted(self.history.incumbents.front)]

    def table(self) -> list[dict[str, Any]]:
        """One flat dict a trial: number, status, parameters, metrics, seconds, cause.

        In a study of several contexts ``configuration`` is the number of the first trial of the same one, and each context has its
        column, ``"fold"``.

        Where trials were set aside, ``aside`` says why, and is None for those that count; where some have tags or notes, these are
        ``tags``, with commas between them, and ``notes``, a line each. A parameter that is named like one of
        the other columns is ``"status (parameter)"``, a metric that is named like any ``"lr (metric)"``.
        ``pandas.DataFrame(result.table())`` makes a frame of it.
        """
        several = len({row.code for row in self.history.rows}) > 1
        trials = self.trials
        tagged, noted = any(trial.tags for trial in trials), any(trial.notes for trial in trials)
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
                **({"aside": trial.aside or None} if self.history.rows.aside else {}),
                **({"tags": ", ".join(trial.tags)} if tagged else {}),
                **({"notes": "\n".join(trial.notes)} if noted else {}),
            }
            for trial in trials
        ]

    def why(self) -> list[str]:
        """What danlu decided by itself, a sentence each: methods, stops, failures, retries."""
        from ..analysis.findings import beyond

        lines = [text for _, text in self.history.decisions.log]
        lines += [finding.text for finding in beyond(self.history)]
        for number, row in enumerate(self.history.rows):
            if row.reason:
                cause = f" ({row.cause.value})" if row.cause else ""
                lines.append(f"trial {number} {row.status.name.lower()}{cause}: {row.reason}")
            elif row.attempt > 1:
                lines.append(f"trial {number} took {row.attempt} attempts: {row.why}")
        return lines

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
            'share of value (permutation)'
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
        written: Path = find(VIEWS, "view", "report")(self.study.name, self.history, path, finder=finder)
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
        self.history.rows.of(number)
        found = Folders(self._store.blobs, self.study.name).of(number)
        if found.is_dir():
            return found
        kept = self.history.incumbents.keeps(number)
        why = (
            f"nothing is in {found}. Have the objective write into trial.dir."
            if kept
            else 'it was not among the best. Start a study with keep="all" to keep the files of all trials.'
        )
        raise DanluError(f"trial {number} has no folder: {why}")

    def restore(self, *things: Any, trial: int | None = None) -> int:
        """Load a trial's newest checkpoint, the best trial's by default, into ``things``; return its step.

        The things that were saved first are enough: of ``trial.save(epoch, model, optimizer)`` the model alone. A trial counts by
        its best report, unless its objective returns a value; where the newest checkpoint is of another step, that is said.

        Raises:
            DanluError: when that trial saved none.
        """
        best = self.best if trial is None else self.history.trials[trial]
        for kept in best.checkpoints:
            data = blobs_at(self._store.blobs).get(kept.digest)
            parts = checkpoint.unpack(data)[1:]
            checkpoint.load(parts[: len(things)] if things else parts, things)
            counts = counting_steps(best.curve, self.history.goal, best.metrics)
            if counts and kept.step not in counts:
                say(
                    f"danlu: what counts for trial {best.number} is its report at step {counts[0]}, and its newest checkpoint is of step "
                    f"{kept.step}: what is restored is not what was measured there. Save only when the metric is the best so far."
                )
            return kept.step
        raise DanluError(f"trial {best.number} saved no checkpoint. Call trial.save in the objective.")
