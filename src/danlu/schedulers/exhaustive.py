"""Every configuration in every context, whatever becomes of it, as an exhaustive search has it."""

from __future__ import annotations

from collections.abc import Iterator

from ..base.answering import Settings
from ..contracts.messages import GO, Verdict
from ..contracts.protocols import BaseScheduler, Decision, New, Problem, View
from ..journal.history import History
from ..journal.trial import Trial
from ..problem.contexts import Context
from .parts.further import again

LOOK_BACK = 256
"""So many complete configurations in a row are taken for a sign that all before them are complete too."""


class Exhaustive(BaseScheduler, Settings, frozen=True):
    """Tries every configuration in all of the study's contexts, those that fail in one of them included.

    Example:
        >>> import danlu
        >>> def fails_once(trial):
        ...     if trial.context["fold"] == 0:
        ...         raise ValueError
        ...     return trial["x"]
        >>> result = danlu.tune(
        ...     fails_once, {"x": danlu.Float(0, 1)}, maximize="score", contexts={"fold": range(3)}, trials=6, scheduler="exhaustive"
        ... )
        >>> [trial.status.name for trial in result.trials]
        ['FAILED', 'DONE', 'DONE', 'FAILED', 'DONE', 'DONE']
    """

    def init(self, problem: Problem) -> None:
        """No state."""

    def tell(self, state: None, trial: Trial) -> None:
        """Nothing to keep."""

    def judge(self, state: None, view: View, trial: Trial) -> Verdict:
        """Every trial is left to its end."""
        return GO

    def next(self, state: None, view: View) -> Decision:
        """A further context of what is begun, the oldest first, else a new configuration."""
        begun = min(_incomplete(view.history), key=lambda each: each[0], default=None)
        return New() if begun is None else again(view.history, *begun)


def _incomplete(history: History) -> Iterator[tuple[int, list[Context]]]:
    complete = 0
    for head in reversed(history.trials.groups.members):
        if head in history.rows.aside:
            continue
        missing = history.trials.groups.members.missing(head)
        if missing:
            complete = 0
            yield head, missing
        else:
            complete += 1
            if complete >= LOOK_BACK:
                return
