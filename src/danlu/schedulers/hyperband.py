"""Successive halving and Hyperband, bracket by bracket, with the published counts.

Jamieson and Talwalkar, "Non-stochastic best arm identification and hyperparameter optimization" (AISTATS 2016);
Li et al., "Hyperband" (JMLR 2018). Hyperband repeats successive halving with different bargains between many
short trials and few long ones, because nobody knows how much early steps tell. With a sampler that models the
deepest rung that has enough trials it is BOHB (Falkner et al., ICML 2018).
"""

from __future__ import annotations

from typing import ClassVar

from ..base.answering import Settings
from ..contracts.messages import Verdict
from ..contracts.protocols import BaseScheduler, Decision, Problem, View
from ..errors import SettingError
from ..journal.trial import Trial
from ..maths import halving
from ..problem.fidelity import span
from .parts.blocks import Blocks, Plan, judge, move
from .parts.ladder import Ladder


class Hyperband(BaseScheduler, Settings, frozen=True, kw_only=True):
    """Brackets of successive halving from the most aggressive to full trainings, again and again.

    Args:
        low, high: the lowest rung's step, and the step at which trials are whole; from the study's fidelity when
            None.
        factor: one in this many goes on at each rung (above 1).

    Raises:
        SettingError: when a setting is out of its range, or the budget of trials is smaller than a bracket.

    Example:
        >>> import danlu
        >>> def train(trial):
        ...     memory = {"step": 0}
        ...     for step in range(trial.restore(memory) + 1, 10):
        ...         memory["step"] = step
        ...         trial.save(step, memory)
        ...         trial.report(step, loss=trial["floor"] + 1 / step)
        >>> result = danlu.tune(train, {"floor": danlu.Float(0, 1)}, minimize="loss", trials=17, seed=1,
        ...                     scheduler=danlu.schedulers.Hyperband(low=1, high=9))
        >>> sorted(len(trial.curve) for trial in result.trials[:9])
        [1, 1, 1, 1, 1, 1, 3, 3, 9]
    """

    sources: ClassVar[tuple[str, ...]] = ("li2018hyperband",)

    low: int | None = None
    high: int | None = None
    factor: float = 3.0

    def __post_init__(self) -> None:
        _check("Hyperband", self.factor)

    def init(self, problem: Problem) -> Blocks:
        """No trial has come to a rung."""
        steps = halving.rungs(*span("Hyperband", self.low, self.high, problem.fidelity), self.factor)
        return _blocks("Hyperband", problem, halving.table(steps, self.factor))

    def tell(self, state: Blocks, trial: Trial) -> Blocks:
        """Note what the trial had at its rung."""
        return state.told(trial)

    def judge(self, state: Blocks, view: View, trial: Trial) -> Verdict:
        """Pause at the rung."""
        return judge(state, view, trial)

    def next(self, state: Blocks, view: View) -> Decision:
        """Who goes on, else a new trial."""
        return move(state, view)

    def horizon(self, state: Blocks, view: View, trial: Trial) -> int:
        """The rung it is heading for."""
        return state.bracket(state.block(trial.number))[state.heading(trial.number)][1]


class SuccessiveHalving(BaseScheduler, Settings, frozen=True, kw_only=True):
    """One bracket, repeated: a number of trials begin, a fraction goes on from rung to rung.

    Args:
        trials: that begin in each bracket; when None as many as leave one at the end.
        low, high: the lowest rung's step, and the step at which trials are whole; from the study's fidelity when
            None.
        factor: one in this many goes on at each rung (above 1).

    Raises:
        SettingError: when a setting is out of its range, or the budget of trials is smaller than a bracket.

    Example:
        >>> import danlu
        >>> def train(trial):
        ...     for step in range(1, 10):
        ...         trial.report(step, loss=trial["floor"] + 1 / step)
        >>> result = danlu.tune(train, {"floor": danlu.Float(0, 1)}, minimize="loss", trials=9, seed=1,
        ...                     scheduler=danlu.schedulers.SuccessiveHalving(low=1, high=9))
        >>> sorted(len(trial.curve) for trial in result.trials)
        [1, 1, 1, 1, 1, 1, 3, 3, 9]
    """

    sources: ClassVar[tuple[str, ...]] = ("jamieson2016nonstochastic",)

    trials: int | None = None
    low: int | None = None
    high: int | None = None
    factor: float = 3.0

    def __post_init__(self) -> None:
        _check("SuccessiveHalving", self.factor)
        if self.trials is not None and self.trials < self.factor:
            raise SettingError(
                f"SuccessiveHalving needs at least {self.factor:g} trials, got {self.trials!r}."
            )

    def init(self, problem: Problem) -> Blocks:
        """No trial has come to a rung."""
        steps = halving.rungs(*span("SuccessiveHalving", self.low, self.high, problem.fidelity), self.factor)
        count = round(self.factor ** (len(steps) - 1)) if self.trials is None else self.trials
        return _blocks("SuccessiveHalving", problem, [halving.bracket(count, steps, self.factor)])

    def tell(self, state: Blocks, trial: Trial) -> Blocks:
        """Note what the trial had at its rung."""
        return state.told(trial)

    def judge(self, state: Blocks, view: View, trial: Trial) -> Verdict:
        """Pause at the rung."""
        return judge(state, view, trial)

    def next(self, state: Blocks, view: View) -> Decision:
        """Who goes on, else a new trial."""
        return move(state, view)

    def horizon(self, state: Blocks, view: View, trial: Trial) -> int:
        """The rung it is heading for."""
        return state.bracket(state.block(trial.number))[state.heading(trial.number)][1]


def _check(noun: str, factor: float) -> None:
    if not factor > 1.0:
        raise SettingError(f"{noun} needs factor > 1, got factor={factor!r}. 3 is usual.")


def _blocks(noun: str, problem: Problem, plan: list[list[tuple[int, int]]]) -> Blocks:
    """The state before any trial.

    Raises:
        SettingError: when no bracket fits into the budget.
    """
    first, most = plan[0][0][0], problem.budget.trials
    if most is not None and most < first:
        raise SettingError(
            f"{noun} begins with a bracket of {first} trials, and the budget is {most}. "
            "Give more trials, or a higher low."
        )
    frozen: Plan = tuple(tuple(each) for each in plan)
    return Blocks(problem, frozen, Ladder(), 0)
