"""Bayesian optimization with Gaussian processes (Jones, Schonlau and Welch 1998, in today's form).

A Matérn 5/2 process with a lengthscale for each parameter stands for every goal and every limit, and one
more for what fails; running trials enter as if they had ended as believed. The next point is where the
acquisition function is largest: the expected improvement on the best posterior mean, for two goals that of
the dominated area, for more that of a randomly weighted Tchebycheff sum, times the probabilities that all
limits are kept and that nothing fails. Uniform points and mutants of the best ones are screened, the most
promising are polished by L-BFGS along the continuous parameters and by exchanging the values of the
discrete ones. Every other ask looks into a box of random size around the best point, for in many dimensions
a global search spends its trials at the borders.

Where a scheduler cuts trials short, the model sees them at the deepest step that enough of them have reached,
and begins cost little: as many asks as the model's leave-one-out rank correlation is short of 1 are
quasi-random, and at least a third.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ..base.answering import Settings
from ..contracts.protocols import BaseSampler, Problem, View
from ..errors import SettingError
from ..journal.events import Status
from ..journal.features import Features, features
from ..journal.past import Past
from ..journal.trial import Trial
from ..maths import acquisition as acq
from ..maths.gp import Posterior
from ..maths.kernels import KERNELS
from ..maths.pareto import crowding, front_ranks
from ..maths.qmc import sobol_normal
from ..maths.raised import Part, Raised, predict
from ..maths.targets import tchebycheff
from ..space.parameters import Choice
from ..space.space import Space, pack_unit
from .parts.admission import admit
from .parts.comparable import Comparable, comparable, running
from .parts.polish import Acquisition, Beliefs, Value, climb
from .parts.ranking import ranking
from .parts.surrogate import Surrogate, SurrogateSettings, skill, surrogate, with_pending
from .parts.transfer import OPENING, PORTFOLIO, portfolio, taught, weights
from .quasirandom import QuasiRandom

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]
Models = tuple[Posterior | Raised, ...]
ACQUISITIONS = ("log_ei", "pi", "ucb")
BEGINNINGS = 2.5
"""Where trials are cut short, this many a parameter are quasi-random before the model is asked: they cost little."""

TRUSTED = 2 / 3
"""Where trials are cut short, a third is quasi-random however well the model predicts, as in BOHB."""

TRUST = 10.0
"""After this many trials a person's prior weighs as much as the data: pi-BO's beta."""


LEARNS = "it begins with what was best in"
"""How it says that it learns from earlier studies."""


class GP(BaseSampler, Settings, frozen=True, kw_only=True):
    """Gaussian processes and an acquisition function; any space, any number of goals, limits, failures.

    Priors of parameters enter as a normal density around them that fades as trials come in (Hvarfner et
    al., "pi-BO: augmenting acquisition functions with user beliefs", ICLR 2022).

    Args:
        acquisition: for one goal ``"log_ei"`` (expected improvement), ``"pi"`` (its probability, with
            ``margin``) or ``"ucb"`` (confidence bound, with ``width``).
        kernel: ``"matern52"``, ``"matern32"`` or ``"squared_exponential"``.
        initial: trials before the model is used, the middle of the space and then quasi-random (at least 2);
            when None four fifths of the number of parameters, from 4 to 10.
        margin: how much better counts as better for ``"pi"``, in standard deviations of the losses.
        width: how many posterior standard deviations ``"ucb"`` dares.
        points: observations the model is conditioned on: the best, the newest, and a thinned rest.
        warp: whether the model may warp ordered parameters (Kumaraswamy warping).
        local: share of the asks that look into a box around the best point, in [0, 1].
        fantasies: whether running trials enter as a draw of what is believed of them instead of its mean.

    Raises:
        SettingError: when a setting is out of its range.

    Example:
        >>> import danlu
        >>> bowl = {"x": danlu.Float(-1, 1), "y": danlu.Float(-1, 1)}
        >>> result = danlu.tune(lambda t: t["x"] ** 2 + t["y"] ** 2, bowl, trials=20, sampler=danlu.samplers.GP(), seed=1)
        >>> result.best.value < 0.01
        True
    """

    sources: ClassVar[tuple[str, ...]] = ("jones1998efficient", "snoek2012practical", "rasmussen2006gaussian")

    acquisition: str = "log_ei"
    kernel: str = "matern52"
    initial: int | None = None
    margin: float = 0.01
    width: float = 2.0
    points: int = 250
    warp: bool = False
    local: float = 0.5
    fantasies: bool = False

    def __post_init__(self) -> None:
        for name, given, known in (
            ("acquisition", self.acquisition, ACQUISITIONS),
            ("kernel", self.kernel, tuple(KERNELS)),
        ):
            if given not in known:
                raise SettingError(f"GP needs {name} to be one of {', '.join(known)}, got {given!r}.")
        if (
            (self.initial is not None and self.initial < 2)
            or self.points < 10
            or not 0.0 <= self.local <= 1.0
        ):
            raise SettingError(
                "GP needs initial >= 2, points >= 10 and local between 0 and 1, "
                f"got initial={self.initial!r}, points={self.points!r}, local={self.local!r}."
            )

    def init(self, problem: Problem) -> None:
        """No state: the history is all it needs."""

    def tell(self, state: None, trial: Trial) -> None:
        """Nothing to keep."""

    def ask(self, state: None, view: View, rng: np.random.Generator, k: int) -> Floats:
        """The middle and quasi-random points at first, then the most promising ones."""
        history, space, past = view.history, view.space, _past(view)
        known = comparable(history)
        initial = self._initial(view)
        begun = int((history.columns.statuses >= Status.PAUSED).sum()) - len(history.rows.aside)
        few = known.good.sum() < initial or not len(space)
        if few or (known.step and begun < BEGINNINGS * len(space) and not past):
            return self._first(view, rng, k, few=few)
        shown, kernel = features(space, warp=self.warp), KERNELS[self.kernel]
        recipe = SurrogateSettings(kernel, initial, self.points, self.fantasies)
        columns, pending = history.columns, running(history, known)
        made = surrogate(history, shown, known, recipe, rng)
        parts: tuple[Part, ...] = ()
        if past:
            made, parts = taught(made, weights(made, past, shown, kernel, rng), past, shown, kernel)
        made = with_pending(
            made, shown.of(columns.units[pending], columns.active[pending]), recipe.drawn, rng
        )
        if known.step and not parts:
            if begun < BEGINNINGS * len(space):
                return self._first(view, rng, k, few=False)
            if rng.random() > min(skill(made), TRUSTED):
                return QuasiRandom().ask(None, view, rng, k)
        incumbents = _incumbents(view, known)
        taken: set[bytes] = set()
        chosen: list[list[float]] = []
        while len(chosen) < k:
            models: Models = (Raised(made.models[0], parts), *made.models[1:]) if parts else made.models
            surface = self._surface(view, shown, made, models, incumbents[0], rng)
            point = _best(view, surface, incumbents, taken, rng)
            if point is None:
                break
            chosen.append(point)
            taken.add(pack_unit(point))
            if len(chosen) < k:
                made = with_pending(made, shown.of(*shown.snap(np.array([point]))), recipe.drawn, rng)
        if not chosen:
            return admit(view, lambda: rng.random(len(space)).tolist(), 1)
        return np.array(chosen)

    def cites(self, said: Sequence[str]) -> tuple[str, ...]:
        """Its ``sources``, and those of warping and of learning from earlier studies where it does."""
        warped = ("snoek2014input",) if self.warp else ()
        recalled = (
            ("feurer2018practical", "wistuba2015sequential") if any(LEARNS in each for each in said) else ()
        )
        return (*self.sources, *warped, *recalled)

    def why(self, state: None, view: View) -> str:
        """From which earlier studies it learns."""
        del state
        names = [past.name for past in _past(view)]
        if not names:
            return ""
        studies = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
        return f"{LEARNS} {studies}, and believes their models as far as they rank this study's own trials"

    def uses_past(self) -> bool:
        """It mixes the models of earlier studies with its own."""
        return True

    def _first(self, view: View, rng: np.random.Generator, k: int, *, few: bool) -> Floats:
        """What earlier studies found best, without them the middle of the space, or what its priors say; then a quasi-random sequence."""
        points, past = _opened(view, rng, k), _past(view)
        if not past or not few:
            return points
        best = portfolio(
            view.space, past, features(view.space, warp=self.warp), KERNELS[self.kernel], PORTFOLIO
        )
        untried = [point for point in best if pack_unit(point) not in view.history.columns.seen]
        for place in range(k):
            if view.index + place == OPENING - 1:
                points[place] = _opened(view.shifted(view.index), rng, 1)[0]
            elif untried:
                points[place] = untried.pop(0)
        return points

    def _initial(self, view: View) -> int:
        """Fewer, and a model with many lengthscales believes what it has not seen; with earlier studies it need not."""
        if self.initial is None and _past(view):
            return OPENING
        return min(max(4, round(0.8 * len(view.space))), 10) if self.initial is None else self.initial

    def _surface(
        self,
        view: View,
        shown: Features,
        made: Surrogate,
        models: Models,
        best: Floats,
        rng: np.random.Generator,
    ) -> Acquisition:
        """What is to be climbed, in a box around the best point or everywhere."""
        low, high = np.zeros(len(best)), np.ones(len(best))
        if rng.random() < self.local:
            reach = 10.0 ** rng.uniform(-1.3, 0.0)
            ordered = np.array([width == 1 for _, width in shown.columns])
            low = np.where(ordered, np.maximum(0.0, best - reach), 0.0)
            high = np.where(ordered, np.minimum(1.0, best + reach), 1.0)
        value = partial(_worth, self._gain(made, models, rng), made.data.goals)
        beliefs = _beliefs(view.space, TRUST / max(1, len(made.data.rows)))
        return Acquisition(shown, models, value, beliefs, low, high)

    def _gain(self, made: Surrogate, models: Models, rng: np.random.Generator) -> Value | None:
        """What the goals promise; None while no trial keeps all limits."""
        data, fine = made.data, made.data.inputs[: made.data.good][made.data.fine]
        if not len(fine):
            return None
        means = np.array([predict(model, fine)[0] for model in models[: data.goals]])
        if data.goals == 1:
            return partial(self._improvement, best=float(means.min()))
        front = means.T[front_ranks(means.T) == 0]
        worst, reach = front.max(0), np.maximum(np.ptp(front, axis=0), 0.1)
        if data.goals == 2:  # a front that has not spread yet must not shut out what lies beside it
            reference = np.maximum(worst + 0.1 * reach, np.median(means, axis=1))
            return partial(acq.log_expected_hypervolume_improvement, front=front, reference=reference)
        weights = rng.dirichlet(np.ones(data.goals))
        scalar = partial(_scalar, low=front.min(0), reach=reach, weights=weights)
        draws = sobol_normal(data.goals, int(rng.integers(2**31)), 64)
        return partial(_scalarized, scalar=scalar, best=float(scalar(means.T).min()), draws=draws)

    def _improvement(self, means: Floats, stds: Floats, best: float) -> Floats:
        mean, std = means[0], stds[0]
        if self.acquisition == "pi":
            return acq.log_probability_below(mean, std, best - self.margin)
        if self.acquisition == "ucb":
            return acq.confidence_bound(mean, std, self.width)
        return acq.log_expected_improvement(mean, std, best)


def _past(view: View) -> tuple[Past, ...]:
    """The earlier studies, where there is one goal to compare them in."""
    return view.problem.past if len(view.problem.goal.metrics) == 1 else ()


def _opened(view: View, rng: np.random.Generator, k: int) -> Floats:
    """The middle of the space, or what its priors say, then a quasi-random sequence."""
    center, values = view.space.snap(view.space.center())
    points = QuasiRandom().ask(None, view, rng, k)
    new = not view.index and len(view.space) and pack_unit(center) not in view.history.columns.seen
    if new and view.space.constraints.hold(values):
        points[0] = center
    return points


def _incumbents(view: View, known: Comparable) -> Floats:
    """The best points, the best first; with several goals some of the front, another one first each time."""
    stood, units = ranking(known), view.history.columns.units
    losses = stood.losses[: stood.good]
    if losses.shape[1] == 1 or not len(losses):
        chosen = stood.numbers[:8]
    else:
        first = front_ranks(losses) == 0
        front = stood.numbers[: stood.good][first]
        order = np.argsort(-crowding(losses[first]), kind="stable")
        chosen = np.roll(front[order], view.number % len(front))[:16]
    found: Floats = units[chosen]
    return found


def _best(
    view: View, surface: Acquisition, incumbents: Floats, taken: set[bytes], rng: np.random.Generator
) -> list[float] | None:
    """The most promising point that is allowed and new."""
    tried = view.history.columns.seen

    def seen(unit: Floats) -> bool:
        packed = unit.tobytes()
        return packed in tried or packed in taken

    for point in climb(surface, incumbents, seen, rng):
        snapped, values = view.space.snap(point.tolist())
        if not seen(np.array(snapped)) and view.space.constraints.hold(values):
            return snapped
    return None


def _worth(gain: Value | None, goals: int, means: Floats, stds: Floats) -> Floats:
    """The gain in logarithms, with the chances that limits are kept and that nothing fails."""
    worth = np.zeros(means.shape[1]) if gain is None else gain(means[:goals], stds[:goals])
    for column in range(goals, len(means)):
        worth = worth + acq.log_probability_below(means[column], stds[column])
    return worth


def _scalar(losses: Floats, low: Floats, reach: Floats, weights: Floats) -> Floats:
    return tchebycheff((losses - low) / reach, weights)


def _scalarized(
    means: Floats, stds: Floats, scalar: Callable[[Floats], Floats], best: float, draws: Floats
) -> Floats:
    """Log of the expected improvement of a function of several losses, by quasi-Monte-Carlo.

    A soft plus instead of max(., 0) keeps a slope where no draw improves (Ament et al. 2023).
    """
    joint = means.T[None] + stds.T[None] * draws[:, None]
    values = scalar(joint.reshape(-1, joint.shape[2])).reshape(joint.shape[:2])
    soft = 0.01 * np.logaddexp(0.0, (best - values) / 0.01)
    found: Floats = np.log(np.maximum(soft.mean(0), 1e-300))
    return found


def _beliefs(space: Space, weight: float) -> Beliefs | None:
    """A person's priors as a density: normal, a fifth of the range wide; None without any."""
    given = [
        not isinstance(slot.parameter, Choice) and slot.parameter.prior is not None for slot in space.slots
    ]
    if not any(given):
        return None
    spread = np.where(given, 0.2, 1e6)
    return Beliefs(np.array(space.center()), spread, weight)
