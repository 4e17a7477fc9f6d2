"""A network as an objective: how to make it, what it is trained on, how; called with a trial it trains one.

Because it says what it does instead of only doing it, others can do more with it than call it: train many at
once in a block, find a rate, look for what went wrong, confirm a winner on fresh seeds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from torch import nn

from ...runtime.live import LiveTrial
from ..data import Data
from .epochs import seeded
from .fit import SAVE_EVERY, Fit, device_of, fit, fit_folds
from .metrics import Metric
from .plan import Plan
from .training import Training

Build = Callable[[Mapping[str, Any], Data], nn.Module]
"""Makes a fresh network of a point of the space, for this data."""

Plans = Callable[..., Plan]
"""Makes a plan of a point of the space: ``Plan.of``, or your own."""


class PlanMaker:
    """Makes the plan of a point of the space.

    Args:
        make: makes a ``Plan`` of the parameters.
        epochs: of a whole training.
        fixed: settings of the plan that are not searched.
    """

    def __init__(self, make: Plans, epochs: int, fixed: Mapping[str, Any]) -> None:
        self.make, self.epochs, self.fixed = make, epochs, dict(fixed)

    def __call__(self, params: Mapping[str, Any]) -> Plan:
        """The plan of these parameters."""
        return self.make(params, **{"epochs": self.epochs, **self.fixed})


class FitSettings(NamedTuple):
    """What a training is told beside its plan; each as in ``fit``."""

    monitor: str = "val_loss"
    metrics: Mapping[str, Metric] | None = None
    device: str = "auto"
    save_every: float = SAVE_EVERY


class Objective:
    """Trains the network of a trial's parameters and reports every epoch.

    Args:
        build: ``build(params, data)`` makes a fresh network; it is called under the trial's seed.
        data: what it is trained and validated on.
        epochs: of a whole training.
        folds: 0 trains on the data's own split, 2 and more on this many folds, the mean being reported.
        plan: makes a ``Plan`` of the parameters.
        fixed: settings of the plan that are not searched, ``{"patience": 5}``.
        metrics: more metrics by name.
        monitor: the metric whose best epoch counts.
        device, save_every: as in ``fit``.

    Attributes:
        build: makes a fresh network.
        data: what it is trained and validated on.
        folds: how many, 0 for the data's own split.
        plan: makes the plan of a point, ``objective.plan(params)``.
        settings: what a training is told beside its plan.
        loaded: hashes of files that the data was read from, by name, which a study keeps with what it has run.

    Example:
        >>> import danlu
        >>> from danlu import deep
        >>> data = deep.from_arrays([[0.0], [1.0]] * 50, [0, 1] * 50)
        >>> objective = deep.Objective(lambda params, data: nn.Linear(1, 2), data, epochs=3)
        >>> space = {"optimizer": deep.optimizers("adamw", "nesterov"), "batch_size": 16}
        >>> result = danlu.tune(objective, space, minimize="val_loss", trials=4)
        >>> result.trials[0].params["optimizer"]  # the first trial is the default
        'adamw'
    """

    def __init__(
        self, build: Build, data: Data, *, epochs: int = 20, folds: int = 0, plan: Plans = Plan.of,
        fixed: Mapping[str, Any] | None = None, metrics: Mapping[str, Metric] | None = None,
        monitor: str = "val_loss", device: str = "auto", save_every: float = SAVE_EVERY,
    ) -> None:  # fmt: skip
        self.build, self.data, self.folds = build, data, folds
        self.plan = PlanMaker(plan, epochs, fixed or {})
        self.settings = FitSettings(monitor, metrics, device, save_every)
        self.loaded: dict[str, str] = {}

    def __repr__(self) -> str:
        name = getattr(self.build, "__qualname__", repr(self.build))
        return f"Objective({name}, {self.data!r}, epochs={self.plan.epochs})"

    def __call__(self, trial: LiveTrial) -> None:
        """Train the network of one trial; in a context with a seed it is trained with that, on the data's own split."""
        if self.folds and "seed" not in trial.context:
            fit_folds(
                lambda: self.build(trial.params, self.data), self.data.folds(self.folds),
                self.plan(trial.params), seed=trial.seed, trial=trial, **self.settings._asdict(),
            )  # fmt: skip
        else:
            params, seed = self.assignment(trial)
            self.train(params, seed, trial)

    def model(self, params: Mapping[str, Any], seed: int) -> nn.Module:
        """A fresh network of these parameters, its weights drawn from the seed."""
        with seeded(seed, 0):
            return self.build(params, self.data)

    def train(
        self, params: Mapping[str, Any], seed: int, trial: LiveTrial | None = None
    ) -> tuple[nn.Module, Fit]:
        """Train the network of these parameters; it and how it went."""
        model = self.model(params, seed)
        found = fit(
            model, self.data, self.plan(params), seed=seed, trial=trial, progress=False, **self.settings._asdict(),
        )  # fmt: skip
        return model, found

    def training(
        self, params: Mapping[str, Any], seed: int, *, plan: Plan | None = None, data: Data | None = None
    ) -> Training:
        """The training of these parameters before its first epoch, after another plan or on other data if given.

        All that are on the objective's own data share it.
        """
        device = device_of(self.settings.device)
        self.data = self.data.to(device)
        return Training(
            self.model(params, seed), data or self.data, plan or self.plan(params), seed=seed, device=device,
            monitor=self.settings.monitor, extra=self.settings.metrics,
        )  # fmt: skip

    def assignment(self, trial: LiveTrial) -> tuple[Mapping[str, Any], int]:
        """The parameters and the seed that a trial trains with: its context's, where that has one."""
        return trial.params, int(trial.context.get("seed", trial.seed))

    @property
    def base(self) -> Objective:
        """What trains: itself."""
        return self
