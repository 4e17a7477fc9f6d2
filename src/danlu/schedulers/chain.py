"""Several schedulers as one: the first that says anything but GO decides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..base.answering import Settings
from ..contracts.messages import GO, Verdict
from ..contracts.protocols import BaseScheduler, Decision, New, Problem, Scheduler, View
from ..errors import SettingError
from ..journal.events import Action
from ..journal.trial import Trial


class Chain(BaseScheduler, Settings, frozen=True):
    """Asks ``first`` and then ``second``; free slots are ``first``'s to fill, unless it says New.

    Raises:
        SettingError: when one of them is no scheduler.

    Example:
        >>> import danlu
        >>> danlu.schedulers.Chain(danlu.schedulers.Diverged(), danlu.schedulers.Patience(reports=5))
        Chain(first=Diverged(factor=1000000.0), second=Patience(reports=5, delta=0.0, warm_up=0))
    """

    first: Any
    second: Any

    def __post_init__(self) -> None:
        for each in (self.first, self.second):
            if not callable(getattr(each, "judge", None)):
                raise SettingError(
                    f"Chain needs two schedulers, got {each!r}. Give Chain(danlu.schedulers.Diverged(), danlu.schedulers.Patience())."
                )

    def init(self, problem: Problem) -> tuple[Any, Any] | None:
        """Both states; None when neither keeps any."""
        first, second = self._pair()
        states = first.init(problem), second.init(problem)
        return None if states == (None, None) else states

    def tell(self, state: tuple[Any, Any], trial: Trial) -> tuple[Any, Any]:
        """Both are told."""
        pairs = zip(self._pair(), state, strict=True)
        told = [each if each is None else one.tell(each, trial) for one, each in pairs]
        return told[0], told[1]

    def judge(self, state: tuple[Any, Any] | None, view: View, trial: Trial) -> Verdict:
        """The first verdict that ends the trial for now, or for good."""
        first, second = self._pair()
        one, other = state or (None, None)
        verdict = first.judge(one, view, trial)
        if verdict.action is not Action.GO:
            return verdict
        after = second.judge(other, view, trial)
        return verdict if after == GO else after

    def next(self, state: tuple[Any, Any] | None, view: View) -> Decision:
        """The first move that is not a plain New."""
        first, second = self._pair()
        one, other = state or (None, None)
        move = first.next(one, view)
        return move if move != New() else second.next(other, view)

    def why(self, state: tuple[Any, Any] | None, view: View) -> str:
        """What both say."""
        told = [one.why(each, view) for one, each in zip(self._pair(), state or (None, None), strict=True)]
        return "; ".join(said for said in told if said)

    def horizon(self, state: tuple[Any, Any] | None, view: View, trial: Trial) -> int | None:
        """The nearer of both."""
        pairs = zip(self._pair(), state or (None, None), strict=True)
        planned = [one.horizon(each, view, trial) for one, each in pairs]
        return min((step for step in planned if step is not None), default=None)

    def cites(self, said: Sequence[str]) -> tuple[str, ...]:
        """What both are from."""
        return tuple(dict.fromkeys(key for one in self._pair() for key in one.cites(said)))

    def _pair(self) -> tuple[Scheduler, Scheduler]:
        return self.first, self.second
