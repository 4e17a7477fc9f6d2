"""Bayesian optimisation with a Gaussian process (Jones, Schonlau and Welch 1998, in today's form).

A Matérn 5/2 process with a lengthscale for each parameter is fitted to all finished trials, failed ones
included as bad ones; running ones enter as fantasies, joint draws of the posterior (Snoek et al. 2012).
The next point is where the expected improvement on the best posterior mean is largest: uniform points
and mutants of the best ones are screened, the most promising are polished by L-BFGS along the
continuous parameters and by exchanging the values of the discrete ones.

Hyperparameters are fitted anew whenever the number of finished trials has grown by a twentieth. They
are a pure function of those trials in the order in which they finished, which is the state.
"""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

import msgspec
import numpy as np
from numpy.typing import NDArray

from ..core.errors import SettingError
from ..core.history import History
from ..core.protocols import Problem, View
from ..core.space import pack_unit
from ..core.trial import Trial
from ..maths import acquisition, gp
from ..maths.kernels import KERNELS
from ..maths.targets import half_rank, with_failures
from .admit import admit
from .features import Features, features
from .order import Order
from .polish import Surface, climb
from .quasirandom import QuasiRandom

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]
ACQUISITIONS = ("log_ei", "pi", "ucb")


class GP(msgspec.Struct, frozen=True, kw_only=True):
    """A Gaussian process and an acquisition function; for studies with one goal.

    Args:
        acquisition: ``"log_ei"`` (expected improvement), ``"pi"`` (its probability, with ``margin``) or
            ``"ucb"`` (confidence bound, with ``width``).
        kernel: ``"matern52"``, ``"matern32"`` or ``"squared_exponential"``.
        initial: quasi-random trials before the model is used (at least 2).
        margin: how much better counts as better for ``"pi"``, in standard deviations of the losses.
        width: how many posterior standard deviations ``"ucb"`` dares.
        points: observations the model is conditioned on: the best, the newest, and a thinned rest.

    Raises:
        SettingError: when a setting is out of its range, or the study has several goals.

    Example:
        >>> import danlu
        >>> bowl = {"x": danlu.Float(-1, 1), "y": danlu.Float(-1, 1)}
        >>> result = danlu.tune(lambda t: t["x"] ** 2 + t["y"] ** 2, bowl, trials=20, sampler=danlu.GP(), seed=1)
        >>> result.best.value < 0.01
        True
    """

    acquisition: str = "log_ei"
    kernel: str = "matern52"
    initial: int = 5
    margin: float = 0.01
    width: float = 2.0
    points: int = 300

    def __post_init__(self) -> None:
        for name, given, known in (
            ("acquisition", self.acquisition, ACQUISITIONS),
            ("kernel", self.kernel, tuple(KERNELS)),
        ):
            if given not in known:
                raise SettingError(f"GP needs {name} to be one of {', '.join(known)}, got {given!r}.")
        if self.initial < 2 or self.points < 10:
            raise SettingError(
                f"GP needs initial >= 2 and points >= 10, got initial={self.initial!r}, points={self.points!r}."
            )

    def init(self, problem: Problem) -> Order:
        """No trial has finished."""
        if len(problem.goal.metrics) > 1:
            raise SettingError("GP models one goal, this study has several. Use another sampler.")
        return Order()

    def tell(self, state: Order, trial: Trial) -> Order:
        """The finished trials in the order in which they finished."""
        return state.told(trial.number)

    def ask(self, state: Order, view: View, rng: np.random.Generator, k: int) -> Floats:
        """Quasi-random points at first, then the most promising ones."""
        history = view.history
        done = state.numbers()
        done = done[history.fits[done]]
        good = done[_succeeded(history, done)]
        if len(good) < self.initial or not len(view.space):
            return QuasiRandom().ask(None, view, rng, k)
        shown = features(view.space)
        model = self._model(view, shown, done, rng)
        taken: set[bytes] = set()
        chosen: list[list[float]] = []
        for _ in range(k):
            point = self._best(view, shown, model, good, taken, rng)
            if point is None:
                break
            chosen.append(point)
            taken.add(pack_unit(point))
            if len(chosen) < k:
                model = _with_fantasies(model, shown, *shown.snap(np.array([point])), rng)
        if not chosen:
            return admit(view, lambda: rng.random(len(view.space)).tolist(), 1)
        return np.array(chosen)

    def _model(self, view: View, shown: Features, done: Numbers, rng: np.random.Generator) -> Fitted:
        """The process given all finished trials, with fantasies for the running ones."""
        history = view.history
        theta = _memo.setdefault(history, {})
        size = _fitted_size(len(done), self.initial)
        key = (self, view.space, size)
        if key not in theta:
            rows, y = self._observations(history, done[:size])
            inputs = shown.of(history.units[rows], history.active[rows])
            fitted = gp.fit(inputs, y, shown.groups, kernel=KERNELS[self.kernel], evaluations=40)
            theta.clear()
            theta[key] = fitted.theta
        rows, y = self._observations(history, done)
        inputs = shown.of(history.units[rows], history.active[rows])
        model = Fitted(
            inputs, y, gp.condition(inputs, y, shown.groups, theta[key], kernel=KERNELS[self.kernel])
        )
        fits = history.fits
        pending = sorted(number for numbers in history.live for number in numbers if fits[number])
        if pending:
            model = _with_fantasies(model, shown, history.units[pending], history.active[pending], rng)
        return model

    def _observations(self, history: History, done: Numbers) -> tuple[NDArray[np.int64], Floats]:
        """Rows and targets, successes first: at most ``points`` of them."""
        succeeded = _succeeded(history, done)
        good, bad = done[succeeded], done[~succeeded]
        y = with_failures(half_rank(history.losses[good, 0]), len(bad))
        rows = np.concatenate([good, bad])
        kept = _thinned(y, rows, self.points)
        return rows[kept], y[kept]

    def _best(
        self,
        view: View,
        shown: Features,
        model: Fitted,
        good: Numbers,
        taken: set[bytes],
        rng: np.random.Generator,
    ) -> list[float] | None:
        """The most promising point that is allowed and new."""
        means, _ = gp.predict(model.posterior, model.inputs)
        surface = Surface(
            shown, model.posterior, self._value, float(means.min()), self.acquisition == "log_ei"
        )
        order = good[np.argsort(view.history.losses[good, 0], kind="stable")[:8]]
        for point in climb(surface, view.history.units[order], rng):
            snapped, values = view.space.snap(point.tolist())
            packed = pack_unit(snapped)
            if packed not in taken and packed not in view.history.seen and view.space.allows(values):
                return snapped
        return None

    def _value(self, mean: Floats, std: Floats, best: float) -> Floats:
        if self.acquisition == "pi":
            return acquisition.probability_of_improvement(mean, std, best, self.margin)
        if self.acquisition == "ucb":
            return acquisition.confidence_bound(mean, std, self.width)
        return acquisition.log_expected_improvement(mean, std, best)


class Fitted(msgspec.Struct, frozen=True):
    """What the model was conditioned on, fantasies included."""

    inputs: Any
    y: Any
    posterior: gp.Posterior


def _with_fantasies(
    model: Fitted, shown: Features, units: Floats, mask: NDArray[np.bool_], rng: np.random.Generator
) -> Fitted:
    """The model as if the points had come out as one joint draw of its own posterior."""
    more = shown.of(units, mask)
    inputs = np.vstack([model.inputs, more])
    y = np.concatenate([model.y, gp.sample(model.posterior, more, rng)])
    old = model.posterior
    return Fitted(inputs, y, gp.condition(inputs, y, shown.groups, old.theta, kernel=old.kernel))


_memo: WeakKeyDictionary[History, dict[Any, Floats]] = WeakKeyDictionary()
"""The newest hyperparameters of each history: a memo, never the truth."""


def _succeeded(history: History, numbers: Numbers) -> NDArray[np.bool_]:
    """Which of these finished trials have a loss and keep every limit."""
    fine: NDArray[np.bool_] = np.isfinite(history.losses[numbers, 0]) & (history.violations[numbers] == 0)
    return fine


def _fitted_size(count: int, first: int) -> int:
    """The largest size not above ``count`` at which hyperparameters are fitted: steps of a twentieth."""
    size = first
    while (following := max(size + 1, int(size * 1.05))) <= count:
        size = following
    return size


def _thinned(y: Floats, rows: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Half of the places for the best, a fifth for the newest, the rest spread evenly."""
    if len(y) <= most:
        return np.arange(len(y))
    best = np.argsort(y, kind="stable")[: most // 2]
    newest = np.argsort(-rows, kind="stable")[: most // 5]
    kept = np.union1d(best, newest)
    rest = np.setdiff1d(np.arange(len(y)), kept)
    spread = rest[np.linspace(0, len(rest) - 1, most - len(kept)).astype(np.int64)]
    return np.union1d(kept, spread)
