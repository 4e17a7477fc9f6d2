"""Sets aside what this study's own curves say is hopeless, and checks itself by training a share of it on.

No family of curves is assumed. A trial is judged at a few steps of its life by the trials that were trained in full: a
Gaussian process goes from what those had come to by that step, and from their parameters, to where they ended
(``danlu.maths.forecast``). A confident forecast is not enough. Curves that rise late look hopeless until they rise, so
nothing is judged before enough trials are whole, before a share of the training, or when the curve resembles none of the
whole ones: at least a few of them have to have been no better at that step, and to have been gaining no less.

Of the trials that are judged hopeless one in four is trained on (an audit). As long as no audit has confirmed the
forecasts, more resemblance is asked for; an audit that becomes the best takes back what was decided by the same step and
moves the first step of any judgment beyond it, and a second one ends the judging. A trial that is judged hopeless is paused, never
stopped: it goes on from its checkpoint, or from its start where it has none, when its judgment is taken back.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..base.answering import Settings
from ..base.rng import key
from ..contracts.messages import GO, Verdict, pause
from ..contracts.protocols import BaseScheduler, Decision, New, Problem, Resume, View
from ..errors import SettingError
from ..journal.events import Action, Status
from ..journal.trial import Trial

if TYPE_CHECKING:
    from numpy.typing import NDArray

ALIKE = 2
"""This many of the whole trials have to have been no better, and to have gained no less, ..."""

UNPROVED = 1
"""... this many more as long as no audit has confirmed a forecast, ..."""

PROVED = 3
"""... one fewer when this many have, ..."""

UNMOVED = 2
"""... and this many more for a curve that has not moved yet: it may be about to."""

MOVED = 0.05
"""A curve has moved when it has gained this share of what whole trials gained (their median)."""

LEEWAY = 0.1
"""No better and gaining no less is meant up to this share of the distance from the best curve to the median one."""

LOOKS = 20
"""A trial is judged when it comes to the next of this many parts of its training."""

MATTERS = 0.02
"""A better result matters when it is better by this share of the distance from the best to the third quartile."""

WRONG = 0.05
"""A forecast was wrong when the trial became the best by this share of that distance."""

FAR = 1e9
"""Losses farther from the best than this many times the median end are alike."""

MOST = 60
"""The forecast is learned from this many whole trials, the newest."""


class Whole(NamedTuple):
    """A trial that was trained to its end.

    Attributes:
        number: of the trial.
        unit: its point, d coordinates.
        steps: at which it reported, rising.
        losses: what counted for it by then.
        end: the loss it came to.
    """

    number: int
    unit: tuple[float, ...]
    steps: NDArray[np.float64]
    losses: NDArray[np.float64]
    end: float

    def at(self, step: float) -> float:
        """The loss that counted at a step; the first one before any report, the last one after all."""
        return float(self.losses[max(0, int(np.searchsorted(self.steps, step, side="right")) - 1)])


class Doubt(NamedTuple):
    """A trial that was judged hopeless: at which step, the loss that would prove it wrong, whether it was trained on."""

    step: int
    bar: float
    audit: bool


class State(NamedTuple):
    """What has been learned.

    Attributes:
        problem: what the study is about.
        whole: trials that were trained in full, in the order in which they ended.
        bar: the best loss so far, infinity for none.
        doubts: by number, the trials that were judged hopeless.
        right: audits that confirmed their forecast.
        wrong: audits that became the best, in order.
    """

    problem: Problem
    whole: tuple[Whole, ...]
    bar: float
    doubts: dict[int, Doubt]
    right: int
    wrong: tuple[int, ...]

    @property
    def since(self) -> int:
        """The step after which trials may be judged: beyond what the wrong audits took to show it."""
        return max((2 * self.doubts[number].step for number in self.wrong), default=0)


class Forecast(BaseScheduler, Settings, frozen=True, kw_only=True):
    """Pauses a trial whose chance to matter is small by this study's own whole trials; audits a share of them.

    Args:
        high: the step at which trials are whole; from the study's fidelity, or the longest whole trial, when None.
        chance: the probability to beat the best below which a trial is hopeless, in (0, 0.5).
        enough: whole trials before which nothing is judged (at least 4).
        grace: the share of a training in which nothing is judged, in [0, 1).
        audit: one in this many hopeless trials is trained on to check the forecast; 1 audits all, and pauses none.

    Raises:
        SettingError: when a setting is out of its range; from ``init`` for several goals.

    Example:
        >>> import danlu
        >>> def train(trial):
        ...     for step in range(1, 31):
        ...         trial.report(step, loss=trial["floor"] + 1 / step)
        >>> result = danlu.tune(train, {"floor": danlu.Float(0, 1)}, minimize="loss", trials=30, seed=1,
        ...                     sampler="random", scheduler=danlu.schedulers.Forecast())
        >>> sum(len(trial.curve) for trial in result.trials) < 30 * 30 * 0.8
        True
    """

    high: int | None = None
    chance: float = 0.02
    enough: int = 6
    grace: float = 0.2
    audit: int = 4

    def __post_init__(self) -> None:
        for rule, fits, name in (
            ("chance between 0 and 0.5", 0.0 < self.chance < 0.5, "chance"),
            ("enough >= 4", self.enough >= 4, "enough"),
            ("0 <= grace < 1", 0.0 <= self.grace < 1.0, "grace"),
            ("audit >= 1", self.audit >= 1, "audit"),
            ("high >= 2", self.high is None or self.high >= 2, "high"),
        ):
            if not fits:
                raise SettingError(f"Forecast needs {rule}, got {name}={getattr(self, name)!r}.")

    def init(self, problem: Problem) -> State:
        """No trial is whole."""
        if len(problem.goal.metrics) > 1:
            raise SettingError("Forecast follows one goal, this study has several. Use ASHA.")
        return State(problem, (), math.inf, {}, 0, ())

    def tell(self, state: State, trial: Trial) -> State:
        """Keep a whole trial; note who was judged hopeless, and what became of the audits."""
        if trial.finished:
            return self._ended(state, trial) if trial.status is Status.DONE else state
        if trial.doubted is not None and trial.number not in state.doubts:
            doubt = Doubt(trial.doubted, _bar(state, WRONG), trial.status is not Status.PAUSED)
            state = state._replace(doubts={**state.doubts, trial.number: doubt})
        loss = trial.losses[0]
        paused = trial.status is Status.PAUSED and not trial.violation
        return state._replace(bar=loss) if paused and loss < state.bar else state

    def judge(self, state: State, view: View, trial: Trial) -> Verdict:
        """Forecast where the curve will end, once it has come to the next part of its training."""
        if trial.number in state.doubts or len(state.whole) < self.enough or len(state.wrong) > 1:
            return GO
        mine = _curve(state.problem, trial) if self._looks(state, trial) else None
        if mine is None:
            return GO
        found = _forecast(state, mine)
        if found is None or found[0] >= self.chance:
            return GO
        metric = state.problem.goal.metrics[0]
        expected, at = metric.loss(found[1]), trial.curve.steps[-1]
        reason = f"at step {at} its chance to beat the best {metric.name} is {found[0]:.1%}: {len(state.whole)} whole trials say it ends near {expected:.4g}"
        if self._audits(state.problem.seed, trial.number):
            return Verdict(
                Action.GO, f"{reason}; it is trained on, to check that", conclusive=True, expected=expected
            )
        return pause(reason, conclusive=True, expected=expected)

    def next(self, state: State, view: View) -> Decision:
        """Take up what was judged hopeless too early, as an audit has shown; else a new trial."""
        if state.wrong:
            rows = view.history.rows
            for number, doubt in state.doubts.items():
                early = doubt.step <= state.since or len(state.wrong) > 1
                if early and not doubt.audit and rows[number].status is Status.PAUSED:
                    return Resume(
                        number,
                        reason=f"it was judged hopeless at step {doubt.step}; trial {state.wrong[-1]}, judged like it, became the best",
                    )
        return New()

    def horizon(self, state: State, view: View, trial: Trial) -> int | None:
        """The whole, as far as it is known."""
        return self._length(state) if self.high is not None or state.whole else None

    def why(self, state: State, view: View) -> str:
        """From when on trials are judged, and what the audits have shown."""
        if len(state.whole) < self.enough:
            return ""
        if len(state.wrong) > 1:
            return f"all trials are trained in full: trials {_listed(state.wrong)} became the best after they had been judged hopeless"
        share = "no trial" if self.audit == 1 else "a trial"
        said = f"{share} is paused when the trials that are whole say that its chance to beat the best is below {self.chance:.0%}"
        first = max(math.ceil(self.grace * self._length(state)), state.since + 1)
        said += f", from step {first} of {self._length(state)} on"
        if state.wrong:
            return f"{said}: trial {state.wrong[0]} became the best after it had been judged hopeless, what was decided like it is taken back"
        shown = f"; {state.right} of {state.right} were right" if state.right else ""
        return f"{said}; one in {self.audit} of those is trained on as a check{shown}"

    def _ended(self, state: State, trial: Trial) -> State:
        """With a trial that has come to its own end."""
        mine = _curve(state.problem, trial)
        if mine is None:
            return state
        bar = state.bar if trial.violation else min(state.bar, mine.end)
        others = tuple(each for each in state.whole if each.number != trial.number)
        if len(others) < len(state.whole):  # it is over for the second time, trained longer
            return state._replace(whole=(*others, mine), bar=bar)
        doubt = state.doubts.get(trial.number)
        if doubt is not None and doubt.audit:
            if not trial.violation and mine.end < doubt.bar:
                state = state._replace(wrong=(*state.wrong, trial.number))
            else:
                state = state._replace(right=state.right + 1)
        return state._replace(whole=(*state.whole, mine), bar=bar)

    def _looks(self, state: State, trial: Trial) -> bool:
        """Whether the newest finite report is the first in one of the parts of the training in which trials are judged."""
        steps, values = trial.curve.steps, trial.curve.metrics.get(state.problem.goal.metrics[0].name, ())
        finite = (steps[at] for at in range(len(values) - 1, -1, -1) if math.isfinite(values[at]))
        step, before = next(finite, None), next(finite, None)
        if step is None or before is None:
            return False
        length = self._length(state)
        if step < self.grace * length or step >= length or step <= state.since:
            return False
        return math.floor(LOOKS * step / length) > math.floor(LOOKS * before / length)

    def _length(self, state: State) -> int:
        """How long a whole training is."""
        fidelity = state.problem.fidelity
        known = self.high if self.high is not None else None if fidelity is None else fidelity.high
        return int(max(each.steps[-1] for each in state.whole)) if known is None else known

    def _audits(self, seed: int, number: int) -> bool:
        due: bool = key(seed, number, "audit") % self.audit == 0
        return due


def _curve(problem: Problem, trial: Trial) -> Whole | None:
    """What counted for a trial at each of its reports; None where there are none that are finite."""
    metric = problem.goal.metrics[0]
    values = np.array(trial.curve.metrics.get(metric.name, ()), dtype=float)
    steps = np.array(trial.curve.steps, dtype=float)
    if not len(values):
        return None
    finite = np.isfinite(values)
    steps, losses = steps[finite], metric.loss(values[finite])
    if not len(losses):
        return None
    if problem.goal.at == "best":
        losses = np.minimum.accumulate(losses)
    end = trial.losses[0] if trial.finished and math.isfinite(trial.losses[0]) else float(losses[-1])
    return Whole(trial.number, trial.unit, steps, losses, end)


def _bar(state: State, share: float) -> float:
    """The loss that is better than the best by a share of the distance to the third quartile; infinity without a best."""
    if not math.isfinite(state.bar) or not state.whole:
        return state.bar
    third = float(np.quantile([each.end for each in state.whole[-MOST:]], 0.75))
    return state.bar - share * max(0.0, third - state.bar)


def _forecast(state: State, mine: Whole) -> tuple[float, float] | None:
    """The chance that a curve beats the best by what matters, and where it is expected to end; None where nobody can say."""
    from ..maths.forecast import forecast

    step, known = float(mine.steps[-1]), state.whole[-MOST:]
    now, before = np.array([[each.at(step), each.at(step / 2)] for each in known]).T
    here, earlier = mine.at(step), mine.at(step / 2)
    ends = np.array([each.end for each in known])
    best = state.bar
    if here <= best or not math.isfinite(best):
        return None
    leeway = LEEWAY * (float(np.median(now) - now.min()) or float(np.ptp(now)))
    alike = (now >= here - leeway) & (before - now >= earlier - here - leeway)
    gained = float(np.median([each.losses[0] for each in known] - ends))
    unmoved = mine.losses[0] - here < MOVED * gained
    if alike.sum() < ALIKE + UNPROVED * (not state.right) - (state.right >= PROVED) + UNMOVED * unmoved:
        return None
    scale = float(np.median(ends - best)) or float(np.ptp(ends)) or 1.0
    if not math.isfinite(scale) or not math.isfinite(here):
        return None

    def shown(losses: NDArray[np.float64]) -> NDArray[np.float64]:
        """Close to the best as they are, far from it as their logarithm."""
        return np.asarray(np.arcsinh(np.minimum((losses - best) / scale, FAR)))

    curves = shown(np.stack([now, before], axis=1))
    points = _points([*(each.unit for each in known), mine.unit])
    seen = forecast(curves, points[:-1], shown(ends), shown(np.array([here, earlier])), points[-1])
    bar = _bar(state, MATTERS)
    expected = best + scale * math.sinh(min(50.0, seen.mean()))
    if state.problem.goal.at == "best":
        expected = min(here, expected)
    return seen.below(float(shown(np.array(bar)))), expected


def _points(units: list[tuple[float, ...]]) -> NDArray[np.float64]:
    """Unit points as rows; where a space has grown meanwhile, what a point lacks is in the middle."""
    rows = np.full((len(units), max(map(len, units))), 0.5)
    for row, unit in zip(rows, units, strict=True):
        row[: len(unit)] = unit
    return rows


def _listed(numbers: tuple[int, ...]) -> str:
    return " and ".join(map(str, numbers))
