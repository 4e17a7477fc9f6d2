"""How far trials can be trained: epochs, steps, folds, shares of the data, sizes of the image.

A step is what an objective says with a report: ``trial.report(30, ...)`` has come to step 30, however many reports it took. The steps
that were trained are the rise of that number (``onward``), so a budget buys the same training at any interval of reports.
"""

from __future__ import annotations

from ..base.answering import Settings
from ..errors import SettingError


class Fidelity(Settings, frozen=True):
    """The range of the steps that an objective reports: cheap and vague at ``low``, whole at ``high``.

    Args:
        name: what is counted, ``"epoch"`` for example; for shares of the data or sizes of the image count in
            units of the smallest one and read ``trial.horizon``.
        low: the first step at which trials may be compared (at least 1).
        high: the step at which a trial is whole.
        resume_safe: whether a trial that was trained to a low step may be trained on from there. False where
            training depends on how long it will be (a learning rate that falls to zero at ``trial.horizon``):
            such trials are trained anew when they are promoted.

    Raises:
        SettingError: when the range is empty.

    Example:
        >>> import danlu
        >>> def train(trial):
        ...     for epoch in range(1, trial.horizon + 1):
        ...         trial.report(epoch, loss=trial["floor"] + 1 / epoch)
        >>> result = danlu.tune(train, {"floor": danlu.Float(0, 1)}, minimize="loss", trials=9,
        ...                     fidelity=danlu.Fidelity("epoch", 1, 9), scheduler="asha")
        >>> len(result.best.curve)
        9
    """

    name: str
    low: int
    high: int
    resume_safe: bool = True

    def __post_init__(self) -> None:
        whole = all(isinstance(step, int) and not isinstance(step, bool) for step in (self.low, self.high))
        if not whole or not 1 <= self.low < self.high:
            raise SettingError(
                f"a fidelity needs whole steps with 1 <= low < high, got low={self.low!r}, high={self.high!r}. "
                "Count in units of the cheapest level."
            )


def onward(before: int, step: int) -> int:
    """How far a training has come with a report at ``step``, in steps; its rise over ``before`` is what was trained.

    A training begins at 0, so it has come to step 10 with ten steps, whether it reported 10 at once, 1 to 10, or 0 (an evaluation before any
    training) and then 10. A report at step 0 is one step, which the next report does not count again: an objective that
    reports nothing else would otherwise never spend its budget. Numbered from 0, n epochs are thus n - 1 steps, and one epoch is one.

    Example:
        >>> onward(0, 10), onward(10, 30), onward(0, 0), onward(onward(0, 0), 1), onward(10, 10)
        (10, 30, 1, 1, 10)
    """
    return max(before, step, 1)


def span(noun: str, low: int | None, high: int | None, fidelity: Fidelity | None) -> tuple[int, int]:
    """The steps a scheduler works between: its own settings, else those of the study's fidelity.

    Raises:
        SettingError: when neither says where trials are whole, or the range is empty.

    Example:
        >>> span("ASHA", None, 27, Fidelity("epoch", 3, 81))
        (3, 27)
    """
    if high is None and fidelity is None:
        raise SettingError(
            f"{noun} needs to know at which step a trial is whole. "
            'Say it to the study, fidelity=danlu.Fidelity("epoch", 1, 81), or to the scheduler, high=81.'
        )
    first = low if low is not None else fidelity.low if fidelity is not None else 1
    last = high if high is not None else fidelity.high if fidelity is not None else 1
    if not 1 <= first < last:
        raise SettingError(f"{noun} needs 1 <= low < high, got low={first!r}, high={last!r}.")
    return first, last
