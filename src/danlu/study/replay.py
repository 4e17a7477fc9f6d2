"""A finished study once more, under another scheduler: what would it have saved, and what would it have found?

The recorded trials are asked in their order, their curves replayed by the simulator; only the scheduler is new. So
the answer is exact as far as the curves go: a trial that was cut short in the recording ends where it ended.
"""

from __future__ import annotations

from collections import defaultdict

import msgspec

from ..contracts.protocols import Journal, Scheduler
from ..engines.simulator import Recording, Simulator
from ..errors import DanluError
from ..journal.events import Reported, Status
from ..journal.history import History
from ..problem.budget import Budget
from ..problem.fidelity import Fidelity, onward
from ..samplers.recorded_points import RecordedPoints
from ..stores.memory import MemoryStore
from .config import StudyConfig
from .drive import Driver
from .opening import StudyDefinition
from .result import Result
from .study import Study


class Replayed(msgspec.Struct, frozen=True):
    """What came of a replay, beside what was.

    Attributes:
        scheduler: as it was set.
        steps, whole_steps: steps trained in the replay, and by full trainings of what was recorded.
        seconds, whole_seconds: the virtual time of the replay with its workers, and that of full trainings.
        best, whole_best: the first metric of the best trial; NaN without any.
        trial, whole_trial: the best trials' numbers, -1 without any.
        short: trials that were cut short in the recording.
        trials: trials replayed.
    """

    scheduler: str
    steps: int
    whole_steps: int
    seconds: float
    whole_seconds: float
    best: float
    whole_best: float
    trial: int
    whole_trial: int
    short: int
    trials: int

    @property
    def saved(self) -> float:
        """The share of the steps that would not have been trained."""
        return 1.0 - self.steps / max(1, self.whole_steps)


def replay(journal: Journal, scheduler: Scheduler, *, workers: int = 1) -> Replayed:
    """Run a recorded study again under ``scheduler`` with a virtual clock.

    Args:
        journal: the study's, read and not changed.
        scheduler: what decides this time; those that need to know where trials are whole are told the longest
            recorded curve.
        workers: how many trials run at once.

    Raises:
        DanluError: when no trial reported a curve.
        SettingError: when the scheduler does not fit the study.

    Example:
        >>> import danlu
        >>> def train(trial):
        ...     for step in range(1, 28):
        ...         trial.report(step, loss=trial["floor"] + 1 / step)
        >>> store = danlu.stores.MemoryStore()
        >>> _ = danlu.tune(train, {"floor": danlu.Float(0, 1)}, minimize="loss", trials=30, store=store,
        ...                scheduler="diverged", seed=1)
        >>> found = danlu.replay(store.journal("study"), danlu.schedulers.ASHA())
        >>> found.saved > 0.5
        True
    """
    history = History()
    history.fold(journal.read(0))
    curves = recordings(journal, history)
    longest = max((recording.steps[-1] for recording in curves.values()), default=0)
    if longest < 2:
        raise DanluError(
            "this study has no curves to replay: its objective reported at most one step a trial."
        )
    result, clock = _run(history, curves, scheduler, workers, longest)
    best, whole_best = _best(result.history), _best(history)
    seconds = sum(sum(each.seconds) if each.seconds else len(each.steps) for each in curves.values())
    return Replayed(
        scheduler=repr(scheduler),
        steps=result.history.spent.steps,
        whole_steps=sum(onward(0, each.steps[-1]) for each in curves.values()),
        seconds=clock,
        whole_seconds=seconds / workers,
        best=best[0],
        whole_best=whole_best[0],
        trial=list(curves)[best[1]] if best[1] >= 0 else -1,
        whole_trial=whole_best[1],
        short=sum(history.rows[number].status in (Status.STOPPED, Status.PAUSED) for number in curves),
        trials=len(curves),
    )


def recordings(journal: Journal, history: History) -> dict[int, Recording]:
    """The curves of all trials that are not running, by number, with the time that each step took."""
    took: dict[int, dict[int, float]] = defaultdict(dict)
    before: dict[tuple[int, int], float] = {}
    for entry in journal.read(0):
        event = entry.event
        if isinstance(event, Reported):
            key = event.trial, event.attempt
            took[event.trial][event.step] = max(0.0, event.seconds - before.get(key, 0.0))
            before[key] = event.seconds
    found = {}
    for number, row in enumerate(history.rows):
        curve = history.reports.curve(number)
        if row.status < Status.PAUSED or not (curve.steps or row.metrics):
            continue
        ended = row.status is Status.DONE
        found[number] = Recording(
            curve.steps or (1,),
            curve.metrics or {name: (value,) for name, value in (row.metrics or {}).items()},
            tuple(took[number].get(step, 0.0) for step in curve.steps),
            cause=row.cause if row.status is Status.FAILED else None,
            returned=row.metrics if ended else None,
        )
    return found


def _run(
    history: History, curves: dict[int, Recording], scheduler: Scheduler, workers: int, longest: int
) -> tuple[Result, float]:
    """The study of the recorded trials in memory, and its virtual time."""
    points = [tuple(history.columns.units[number].tolist()) for number in curves]
    simulator = Simulator(workers, by_number=True)
    study = Study(
        StudyDefinition("replay", history.space, history.goal, history.definition.seed),
        store=MemoryStore(),
        settings=StudyConfig(
            Budget(trials=len(points)), RecordedPoints(tuple(points)), scheduler, Fidelity("step", 1, longest)
        ),
        clock=simulator.clock,
    )

    with study:
        Driver(study, simulator, ()).drive(list(curves.values()).__getitem__)
        return study.result, simulator.clock()


def _best(history: History) -> tuple[float, int]:
    number = history.incumbents.best
    return (float("nan"), -1) if number is None else (history.trials[number].value, number)
