"""A trial as a frozen record: one configuration, what was measured of it, and how it ended."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from ..base.names import VIEWS, find
from ..errors import DanluError
from .events import Cause, Status

COLUMNS = ("trial", "status", "configuration", "steps", "seconds", "cause", "code", "aside", "tags", "notes")
"""What a table of trials says of each beside its parameters and metrics."""


def headings(
    params: Iterable[str], metrics: Iterable[str], contexts: Iterable[str] = ()
) -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    """How a table heads parameters, metrics and contexts, by name: what is named like another column says which it is.

    Example:
        >>> headings(["lr", "status"], ["loss", "lr"])
        ({'lr': 'lr', 'status': 'status (parameter)'}, {'loss': 'loss', 'lr': 'lr (metric)'}, {})
        >>> headings(["fold"], ["loss"], ["fold"])[2]
        {'fold': 'fold (context)'}
    """
    searched, measured = tuple(params), tuple(metrics)
    taken = {*COLUMNS, *searched}
    return (
        {name: f"{name} (parameter)" if name in COLUMNS else name for name in searched},
        {name: f"{name} (metric)" if name in taken else name for name in measured},
        {name: f"{name} (context)" if name in taken.union(measured) else name for name in contexts},
    )


class Curve(msgspec.Struct, frozen=True):
    """The reports of a trial: steps in rising order, and for each metric one value a step.

    A metric that was not reported at some step is NaN there.
    """

    steps: Sequence[int] = ()
    metrics: Mapping[str, Sequence[float]] = {}

    def __len__(self) -> int:
        return len(self.steps)

    def whole(self) -> Curve:
        """The same in tuples, which every encoder knows."""
        return Curve(tuple(self.steps), {name: tuple(values) for name, values in self.metrics.items()})


class Checkpoint(msgspec.Struct, frozen=True):
    """A saved state of a trial: the step it was taken at and the name of its blob."""

    step: int
    digest: str


class AttachedFile(msgspec.Struct, frozen=True):
    """A file of a trial: its name, the name of its blob, its size in bytes, and when it was attached in Unix seconds."""

    name: str
    digest: str
    size: int
    at: float


class Trial(msgspec.Struct, frozen=True):
    """One configuration and everything the journal knows of it.

    ``unit`` is the point in [0, 1]^d, ``losses`` the minimized metrics of the goal (NaN when failed
    or not known yet), ``violation`` the summed excess over the goal's limits, ``seconds`` the run
    time over all attempts, ``cost`` what the budget counts (seconds unless charged otherwise). Where
    parameters changed while it trained (``trial.move``, PBT), ``schedule`` says after which step they were what, those of the
    trials it was copied from included. ``code`` stands for the program that trained it, ``a+b`` where one resumed what the other began.
    ``aside`` says why the trial was set aside and counts for nothing, '' where it counts.
    ``doubted`` is the step at which it was judged hopeless, also where it was trained on all the same.
    ``tags`` are the words by which it is found again, ``notes`` what people and the objective remark, in order; ``tag`` is the sampler's own.
    ``files`` are those that it attached, by name; ``result.study.file(name, trial)`` reads one.

    In a study of several contexts ``context`` is the trial's own and ``of`` the first trial of its configuration, its own number for
    that one itself. The record of a whole configuration (``result.best``) has means over ``contexts`` contexts as its metrics, and
    their standard deviations in ``spread``.
    """

    number: int
    status: Status
    params: dict[str, Any]
    unit: tuple[float, ...]
    metrics: dict[str, float]
    losses: tuple[float, ...]
    violation: float
    curve: Curve
    source: str
    tag: str
    attempt: int
    deaths: int
    donor: int
    seconds: float
    cost: float
    asked_at: float
    ended_at: float | None
    cause: Cause | None
    reason: str
    why: str
    facts: dict[str, Any]
    checkpoints: tuple[Checkpoint, ...]
    schedule: tuple[tuple[int, dict[str, Any]], ...] = ()
    code: str = ""
    aside: str = ""
    doubted: int | None = None
    context: dict[str, Any] = {}
    of: int = -1
    contexts: int = 0
    spread: dict[str, float] = {}
    tags: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    files: tuple[AttachedFile, ...] = ()

    def __repr__(self) -> str:
        metrics = ", ".join(f"{name}={value:g}" for name, value in self.metrics.items())
        return f"Trial({self.number}, {self.status.name.lower()}, {metrics or 'no metrics'}, params={self.params!r})"

    def __str__(self) -> str:
        """Two lines for a person: how it went, and with what."""
        metrics = (
            ", ".join(f"{name} {value:.6g}" for name, value in self.metrics.items())
            or self.reason
            or "no metrics yet"
        )
        steps = f" after {self.curve.steps[-1]} steps" if len(self.curve) else ""
        if self.contexts:
            steps = f" on average over {self.contexts} contexts"
        elif self.context:
            steps += " in " + ", ".join(f"{name} {value}" for name, value in self.context.items())
        values = ", ".join(
            f"{name}={value:.6g}" if isinstance(value, float) else f"{name}={value!r}"
            for name, value in self.params.items()
        )
        return (
            f"trial {self.number} {self.status.name.lower()}: {metrics}{steps}\n{values or 'no parameters'}"
        )

    def _repr_html_(self) -> str:
        return str(find(VIEWS, "view", "trial")(self))

    @property
    def finished(self) -> bool:
        """Whether the trial is over for good."""
        return self.status >= Status.DONE

    @property
    def value(self) -> float:
        """The first metric of the goal, in the user's own sign.

        Raises:
            DanluError: when the trial has none.
        """
        for value in self.metrics.values():
            return value
        raise DanluError(f"trial {self.number} is {self.status.name.lower()} and has no value.")
