"""What the fold keeps of one trial, and the two rules that read it: which step counts, who beats whom."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

from ..base.values import shown
from ..errors import TrialMissing
from ..problem.fidelity import onward
from ..problem.goal import Goal
from . import events as ev
from .checkpoint_refs import CheckpointRefs
from .events import Cause, Status
from .trial import AttachedFile, Checkpoint, Curve


class Row(msgspec.Struct, gc=False):
    """What the fold keeps of one trial."""

    asked: ev.Asked
    status: Status = Status.RUNNING
    worker: str = ""
    attempt: int = 1
    fresh: bool = False
    unsettled: bool = False
    cut_off: bool = False  # ended by the verdict on a report: its code was running then
    deaths: int = 0
    alone: bool = False
    donor: int = -1
    seconds: float = 0.0
    attempt_seconds: float = 0.0
    attempt_cost: float | None = None
    cost: float | None = None
    ended_at: float | None = None
    cause: Cause | None = None
    reason: str = ""
    why: str = ""
    losses: tuple[float, ...] | None = None
    violation: float = 0.0
    drawn: dict[str, Any] | None = None
    metrics: dict[str, float] | None = None
    facts: dict[str, Any] | None = None
    notes: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    files: dict[str, AttachedFile] | None = None
    checkpoints: list[Checkpoint] | None = None
    schedule: list[tuple[int, bytes]] | None = None
    code: str = ""
    longer: int = -1  # the step it had come to when it was reopened, to be trained longer
    before: tuple[Status, dict[str, float]] | None = (
        None  # what it was then, which stands if training on fails
    )
    taken: float = 0.0
    aside: str = ""
    blind: bool = False
    doubted: int | None = None
    moved: list[ev.Moved] | None = None
    moves_at: dict[int, int] | None = None  # how many moves there were when each step was saved
    trained: int = 0  # steps, over all attempts
    reached: int = 0  # how far this attempt has come, in steps
    starts: tuple[int, ...] = ()  # the steps of the checkpoints that this attempt was given, oldest first

    def settle(self) -> float:
        """Add what an attempt that is over has taken, in time and in cost; what it counts in the budget of cost."""
        taken = self.attempt_seconds if self.attempt_cost is None else self.attempt_cost
        self.seconds += self.attempt_seconds
        if self.attempt_cost is not None:
            self.cost = (self.cost or 0.0) + self.attempt_cost
        self.attempt_seconds, self.attempt_cost = 0.0, None
        self.taken += taken
        return taken

    def advance(self, step: int) -> int:
        """Take a report at ``step``; how many steps were trained for it.

        An attempt went on from the newest of its checkpoints that is not beyond its first report, else from the start: where there
        was no checkpoint, or the objective did not use it, the steps are trained again and count again.
        """
        if self.fresh:
            self.reached = max((start for start in self.starts if start <= step), default=0)
            self.fresh = False
        before, self.reached = self.reached, onward(self.reached, step)
        self.trained += self.reached - before
        return self.reached - before

    def usable(self) -> list[Checkpoint]:
        """The checkpoints a new attempt may start from, oldest first.

        One that was saved just before the worker died may belong to a step whose report was lost; to
        start behind it would lose that report for good, so it counts only once a report follows it.
        """
        kept = self.checkpoints or []
        return kept[:-1] if self.unsettled else list(kept)

    def params(self) -> dict[str, Any]:
        """The values of the point, those drawn while running included."""
        values = ev.unpack_params(self.asked.params)
        return values | self.drawn if self.drawn else values

    def current(self) -> dict[str, Any]:
        """The values that it is trained with now: those of the point, and what was moved since."""
        values = self.params()
        for each in self.moved or ():
            values |= ev.unpack_params(each.params)
        return values


class Rows(list[Row]):
    """The rows of a study, row ``i`` of trial ``i``, and which trials are where in their lives.

    Attributes:
        live: numbers of the trials that are running, waiting and paused, by status.
        ended: those that are over in the order in which they ended, each with the number of reports there were by then.
        aside: those that were set aside, each with the reason: they keep their rows, and are in nothing else that is counted,
            ranked or learned from.
        cut: those whose curves end before they have come to a result.
        awaited: of paused ones, the number of reports by then and the loss they were expected to come to.
        checkpoints: which are named by how many trials, and what nobody needs any more.
        ops: by the name of an operation, the trial that it asked.
    """

    def __init__(self) -> None:
        super().__init__()
        self.live: tuple[set[int], set[int], set[int]] = (set(), set(), set())
        self.ended: list[tuple[int, int]] = []
        self.aside: dict[int, str] = {}
        self.cut: set[int] = set()
        self.awaited: dict[int, tuple[int, float]] = {}
        self.checkpoints = CheckpointRefs()
        self.ops: dict[str, int] = {}

    def of(self, number: int) -> Row:
        """The row of one trial.

        Raises:
            TrialMissing: when there is no such trial.
        """
        if not hasattr(number, "__index__") or not 0 <= number < len(self):
            raise TrialMissing(f"there is no trial {shown(number)}; the study has {len(self)}.")
        return self[number]

    def states(self) -> Counter[str]:
        """How many trials are in which state, in words; those set aside are a state of their own."""
        return Counter("set aside" if row.aside else row.status.name.lower() for row in self)


def counted(curve: Curve, goal: Goal) -> dict[str, float]:
    """The metrics of the step of a curve that counts; a metric missing there counts where it was last.

    Example:
        >>> from ..problem.goal import Goal
        >>> counted(Curve((1, 2), {"loss": (0.2, 0.4)}), Goal.of(minimize="loss"))
        {'loss': 0.2}
    """
    if not len(curve):
        return {}
    position = len(curve) - 1
    first = goal.metrics[0]
    values = curve.metrics.get(first.name)
    if goal.at == "best" and values is not None:
        known = [(first.loss(value), at) for at, value in enumerate(values) if value == value]
        position = min(known)[1] if known else position
    return {name: _at(column, position) for name, column in curve.metrics.items()}


def counting_steps(curve: Curve, goal: Goal, metrics: Mapping[str, float]) -> tuple[int, ...]:
    """The steps whose report of the goal's first metric is what counts for a trial; none where a returned value does.

    Example:
        >>> from ..problem.goal import Goal
        >>> curve = Curve((1, 2, 3), {"loss": (0.4, 0.2, 0.3)})
        >>> counting_steps(curve, Goal.of(minimize="loss"), {"loss": 0.2})
        (2,)
    """
    name = goal.metrics[0].name
    pairs = zip(curve.steps, curve.metrics.get(name, ()), strict=False)
    return tuple(step for step, told in pairs if told == metrics.get(name))


def _at(column: Sequence[float], position: int) -> float:
    for value in reversed(column[: position + 1]):
        if value == value:
            return value
    return column[position]


def scheduled(row: Row) -> tuple[tuple[int, dict[str, Any]], ...]:
    """From which step on a trial's parameters were what; nothing where they never changed."""
    found = [(step, ev.unpack_params(params)) for step, params in row.schedule or ()]
    for each in row.moved or ():
        before = found[-1] if found else (0, row.params())
        found = found or [before]
        now = before[1] | ev.unpack_params(each.params)
        if found[-1][0] == each.step and len(found) > 1:
            found.pop()
        found.append((each.step, now))
    return tuple(found)


class Merit(Protocol):
    """What is ranked: a trial, or a configuration in several contexts."""

    @property
    def losses(self) -> tuple[float, ...] | None:
        """Minimized metrics of the goal."""

    @property
    def violation(self) -> float:
        """Summed excess over the goal's limits."""


def covers(one: Merit, other: Merit) -> bool:
    """Whether ``one`` is at least as good everywhere: less violation first, then every loss."""
    if one.violation != other.violation:
        return one.violation < other.violation
    if len(one.losses or ()) == 1:
        return bool(one.losses <= other.losses)  # type: ignore[operator]
    pairs = zip(one.losses or (), other.losses or (), strict=True)
    return all(mine <= theirs for mine, theirs in pairs)
