"""Configurations in several contexts: each is tried in one after the other, for as long as it may become the best.

Racing: Maron and Moore, "Hoeffding races" (NIPS 1993); Birattari et al., "A racing algorithm for configuring metaheuristics"
(GECCO 2002); one configuration against the incumbent, context by context, as in Hutter et al., "Sequential model-based
optimization for general algorithm configuration" (LION 2011).

After ``n`` of ``m`` contexts the paired differences ``d`` between a configuration's losses and the best one's are known. Were they
normal with variance ``s2``, their mean over all ``m`` contexts would be distributed, given the ``n`` known ones and a flat prior, as
Student's t around the known mean with variance ``s2 (1/n - 1/m)``: a finite population, of which ``n`` are drawn. The variance is
pooled over all configurations that were compared with the best one, as two or three differences say little about it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, NamedTuple

from ..base.answering import Settings
from ..contracts.messages import Verdict
from ..contracts.protocols import BaseScheduler, Decision, GiveUp, Problem, Scheduler, View
from ..errors import SettingError
from ..journal.events import Status
from ..journal.history import History
from ..journal.trial import Trial
from ..problem.contexts import Context
from .asha import ASHA
from .diverged import Diverged
from .hyperband import Hyperband, SuccessiveHalving
from .parts.further import again
from .pbt import PBT

LEAST = 2
"""A configuration is given up after this many contexts at the earliest."""


class Race(BaseScheduler, Settings, frozen=True):
    """Tries every configuration in the study's contexts, and gives one up whose mean will hardly come below the best one's.

    Args:
        scheduler: that judges the trials themselves, and says what a slot does that no configuration needs; not one of
            rungs or populations (ASHA, Hyperband, PBT).
        confidence: a configuration is given up when its chance to have the better mean over all contexts is below
            ``1 - confidence``; 1.0 gives none up. Of those given up that share at most would have come out ahead, where configurations
            differ by as much as one trial's noise; where they do not differ at all, 9 % would at 0.95, by next to nothing
            (simulated, five contexts). Races are run over one goal.
        out: first trials of configurations that are given up whatever they come to, because somebody else has judged them: a campaign
            that goes on with its survivors alone.

    Raises:
        SettingError: when a setting is out of its range.

    Example:
        >>> import danlu
        >>> def train(trial):
        ...     return trial["x"] ** 2 + 0.01 * trial.context["fold"]
        >>> result = danlu.tune(train, {"x": danlu.Float(-1, 1)}, contexts={"fold": range(5)}, trials=60, seed=1)
        >>> result.best.contexts, len(result.history.trials.configurations()) > 12
        (5, True)
    """

    sources: ClassVar[tuple[str, ...]] = ("maron1993hoeffding", "birattari2002racing", "hutter2011sequential")

    scheduler: Any = Diverged()
    confidence: float = 0.95
    out: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not callable(getattr(self.scheduler, "judge", None)) or isinstance(self.scheduler, type):
            raise SettingError(
                f"Race needs a scheduler to judge trials, got {self.scheduler!r}. Give Race(danlu.schedulers.Median())."
            )
        if isinstance(self.scheduler, ASHA | Hyperband | SuccessiveHalving | PBT | Race):
            raise SettingError(
                f"{type(self.scheduler).__name__} ends most trials at its rungs, deals them out by their numbers or copies them, so hardly any "
                "configuration would be evaluated in all contexts. Give Race(danlu.schedulers.Median()), or leave contexts out."
            )
        confidence = self.confidence
        if (
            isinstance(confidence, bool)
            or not isinstance(confidence, int | float)
            or not 0.5 < confidence <= 1.0
        ):
            raise SettingError(
                f"Race needs a confidence above 0.5 and up to 1, got {confidence!r}. 0.95 is usual; 1.0 gives nothing up."
            )

    def init(self, problem: Problem) -> Any:
        """The inner scheduler's state."""
        return self._inner.init(problem)

    def tell(self, state: Any, trial: Trial) -> Any:
        """The inner scheduler is told."""
        return self._inner.tell(state, trial)

    def judge(self, state: Any, view: View, trial: Trial) -> Verdict:
        """The inner scheduler judges."""
        return self._inner.judge(state, view, trial)

    def next(self, state: Any, view: View) -> Decision:
        """A further context of a configuration that is begun, else what the inner scheduler says.

        A configuration's contexts follow each other, so that it can be given up between any two. Once the budget of trials has no
        more room than begun configurations need, they run side by side.
        """
        history, busy, owed = view.history, [], 0
        groups = history.trials.groups
        for head in self.out:
            if head in groups.members and head not in groups.given_up:
                return GiveUp(head, "its campaign goes on without it; the campaign's journal says why")
        for head, missing in _open(history):
            if all(
                history.rows[number].status >= Status.DONE
                for number in history.trials.groups.members.counting(head)
            ):
                return self._hopeless(history, head) or again(history, head, missing)
            busy.append((head, missing))
            owed += len(missing)
        limit = view.problem.budget.trials
        if busy and limit is not None and limit - history.spent.trials <= owed:
            return again(history, *busy[0])
        return self._inner.next(state, view)

    def why(self, state: Any, view: View) -> str:
        """How many contexts there are, and what the inner scheduler says."""
        count = len(view.history.definition.contexts)
        said = f"every configuration is tried in {count} contexts, a trial each" if count else ""
        if count > LEAST and self.confidence < 1.0 and len(view.problem.goal.metrics) == 1:
            said += f", fewer where its chance to become the best falls below {1.0 - self.confidence:.0%}"
        return "; ".join(each for each in (said, self._inner.why(state, view)) if each)

    def horizon(self, state: Any, view: View, trial: Trial) -> int | None:
        """What the inner scheduler says."""
        return self._inner.horizon(state, view, trial)

    def cites(self, said: Sequence[str]) -> tuple[str, ...]:
        """Its ``sources``, and what the inner scheduler is from."""
        return tuple(dict.fromkeys((*self.sources, *self._inner.cites(said))))

    @property
    def _inner(self) -> Scheduler:
        found: Scheduler = self.scheduler
        return found

    def _hopeless(self, history: History, head: int) -> GiveUp | None:
        best = history.incumbents.best
        if (
            self.confidence >= 1.0
            or best is None
            or best == head
            or best not in history.trials.groups.over
            or len(history.goal.metrics) > 1
        ):
            return None
        lag = behind(history, head, best)
        if lag is None or lag.contexts < LEAST or lag.chance >= 1.0 - self.confidence:
            return None
        return GiveUp(
            head,
            f"after {lag.contexts} of {len(history.definition.contexts)} contexts it is {lag.mean:.3g} behind the configuration of trial {best} on "
            f"average; its chance to have the better mean in the end is {lag.chance:.1%}",
            {"against": best, "contexts": lag.contexts, "behind": lag.mean, "chance": lag.chance},
        )


class Lag(NamedTuple):
    """How far a configuration is behind the best one.

    Attributes:
        contexts: in how many both have finished.
        mean: of the differences of their losses there; above 0 it is worse.
        chance: that its mean over all contexts will be the lower one.
    """

    contexts: int
    mean: float
    chance: float


def behind(history: History, head: int, best: int) -> Lag | None:
    """How far the configuration of trial ``head`` is behind that of trial ``best``; None where nothing tells yet."""
    from scipy.special import stdtr

    whole, reference = len(history.definition.contexts), history.trials.groups.losses(best)
    own = _differences(reference, history.trials.groups.losses(head))
    squares, freedom = 0.0, 0
    for other in history.trials.groups.members:
        if other != best and other not in history.rows.aside:
            found = own if other == head else _differences(reference, history.trials.groups.losses(other))
            if len(found) > 1:
                mean = sum(found) / len(found)
                squares += sum((each - mean) * (each - mean) for each in found)
                freedom += len(found) - 1
    if not own or not freedom:
        return None
    mean, left = sum(own) / len(own), 1.0 / len(own) - 1.0 / max(whole, len(own))
    error = math.sqrt(squares / freedom * left)
    if error == 0.0:  # all differences are the same, or no context is left
        return Lag(len(own), mean, float(mean <= 0.0))
    return Lag(len(own), mean, float(stdtr(freedom, -mean / error)))


def _open(history: History) -> Iterator[tuple[int, list[Context]]]:
    """Configurations that need further contexts, with what they miss."""
    for head in list(history.trials.groups.pending):
        rows = [history.rows[number] for number in history.trials.groups.members.counting(head)]
        cut = any(row.status is Status.FAILED or row.status is Status.PAUSED for row in rows)
        missing = history.trials.groups.members.missing(head)
        if missing and not cut and head not in history.trials.groups.given_up:
            yield head, missing


def _differences(best: dict[str, float], other: dict[str, float]) -> list[float]:
    return [loss - best[context] for context, loss in other.items() if context in best]
