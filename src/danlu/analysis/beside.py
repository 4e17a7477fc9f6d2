"""Several studies beside each other: how each came along, and in what their goals and spaces differ.

Whether one way of searching is better than another is a question about groups of studies (``compare``). This is about single ones.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import numpy as np

from ..errors import SettingError
from ..journal.history import History
from .measured import Floats, Numbers
from .progress import progress

FEWEST, MOST = 2, 6
"""So many studies can be told apart in one picture."""


class StudyBeside(msgspec.Struct, frozen=True):
    """One of the studies.

    Attributes:
        name: of the study.
        trials: how many it has.
        states: how many trials are in which state.
        seconds: from its first event to its last, without pauses.
        best: its best value in the user's sign, None without one.
        best_trial: the trial that came to it, -1 without one.
        goal: its metrics with their directions, as text: ↓ loss.
        numbers: trials that became the best, rising, shape (b,).
        times: when those ended, in seconds since the study began, shape (b,).
        values: what they came to, shape (b,).
    """

    name: str
    trials: int
    states: dict[str, int]
    seconds: float
    best: float | None
    best_trial: int
    goal: str
    numbers: Numbers
    times: Floats
    values: Floats


class StudiesBeside(msgspec.Struct, frozen=True):
    """Several studies.

    Attributes:
        studies: in the order in which they were named.
        metric: the first of the goal, which all have; '' where they differ in it.
        maximize: whether large is good.
        space: by parameter what each study searches, '' where a study does not have it; those that differ first.
        differing: the parameters that are not the same in all.
    """

    studies: tuple[StudyBeside, ...]
    metric: str
    maximize: bool
    space: dict[str, tuple[str, ...]]
    differing: tuple[str, ...]


def beside(histories: Mapping[str, History]) -> StudiesBeside:
    """Two to six studies beside each other.

    Raises:
        SettingError: for fewer or more, and for a campaign, which has no trials.

    Example:
        >>> import danlu
        >>> one = danlu.tune(lambda t: t["x"], {"x": danlu.Float(0, 1)}, trials=5, seed=0).history
        >>> two = danlu.tune(lambda t: t["x"], {"x": danlu.Float(0, 2), "y": danlu.Int(1, 3)}, trials=5, seed=0).history
        >>> found = beside({"one": one, "two": two})
        >>> found.metric, found.differing, found.space["y"]
        ('value', ('x', 'y'), ('', 'Int(1, 3)'))
    """
    if not FEWEST <= len(histories) <= MOST:
        raise SettingError(
            f"{FEWEST} to {MOST} studies can be looked at beside each other, got {len(histories)}."
        )
    for name, history in histories.items():
        if history.definition.campaign.kind:
            raise SettingError(f"{name!r} is a campaign and has no trials. Take its stages.")
    first = {
        (history.goal.metrics[0].name, history.goal.metrics[0].maximize) for history in histories.values()
    }
    metric, maximize = first.pop() if len(first) == 1 else ("", False)
    told = [
        {slot.name: _shown(slot.parameter) for slot in history.space.slots} for history in histories.values()
    ]
    names = list(dict.fromkeys(name for space in told for name in space))
    rows = {name: tuple(space.get(name, "") for space in told) for name in names}
    differing = tuple(name for name in names if len(set(rows[name])) > 1)
    order = [*differing, *(name for name in names if name not in differing)]
    return StudiesBeside(
        tuple(_study(name, history) for name, history in histories.items()),
        metric, maximize, {name: rows[name] for name in order}, differing,
    )  # fmt: skip


def _study(name: str, history: History) -> StudyBeside:
    seen = progress(history)
    began = history.spent.created_at
    ended = [history.rows[number].ended_at for number in seen.best_numbers.tolist()]
    times = np.array([np.nan if at is None else at - began for at in ended])
    return StudyBeside(
        name=name,
        trials=len(history),
        states=dict(history.rows.states()),
        seconds=history.spent.seconds,
        best=float(seen.best_values[-1]) if len(seen.best_values) else None,
        best_trial=int(seen.best_numbers[-1]) if len(seen.best_numbers) else -1,
        goal=", ".join(f"{'↑' if each.maximize else '↓'} {each.name}" for each in history.goal.metrics),
        numbers=seen.best_numbers,
        times=times,
        values=seen.best_values,
    )


def _shown(parameter: object) -> str:
    """A parameter as one would write it, without what is as usual."""
    text = repr(parameter)
    for usual in (", log=False", ", step=None", ", step=1", ", prior=None"):
        text = text.replace(usual, "")
    return text.replace("low=", "").replace("high=", "")
