"""Hugging Face transformers: a callback for a Trainer, and a search over one.

``Trainer.hyperparameter_search`` tunes the seed by default, and takes the last evaluation; here the space is yours, the best
evaluation counts, and the seed is left alone. What decides is, in this order: ``metric=``, a ``compute_objective`` of yours, the
arguments' ``metric_for_best_model``; else ``eval_loss`` where less is better, and the one further metric where more is. Several
metrics are never added up. What was chosen is printed.

    from danlu.integrations.huggingface import DANLU
    best = trainer.hyperparameter_search(backend=DANLU, hp_space=lambda _: {...}, n_trials=20, metric="eval_accuracy",
                                         direction="maximize")

    def train(trial):
        args = TrainingArguments(..., learning_rate=trial["learning_rate"], eval_strategy="epoch")
        Trainer(model_init=..., args=args, ..., callbacks=[DanluCallback(trial, "eval_loss", save=True)]).train()

With ``save=True`` the weights of a trial's best evaluation are kept, and ``result.restore(model)`` loads the best trial's.
"""

from __future__ import annotations

import copy
import inspect
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from ..base.failure import say
from ..base.versions import demand
from ..errors import GoalError, MissingExtra, ReportError, SettingError, SpaceError
from ..problem.direction import direction as known_direction
from ..runtime.live import LiveTrial, attempt_of
from ..space.parameters import Choice, Float, Int
from ..space.space import Space
from ..study.result import Result
from ..study.tune import tune
from .best import BestReport

try:
    demand("danlu.integrations.huggingface", "transformers", "huggingface")
    from transformers import Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments
    from transformers import hyperparameter_search as searches
    from transformers.trainer_utils import BestRun, HPSearchBackend, default_compute_objective
except MissingExtra:
    raise
except ImportError as error:
    raise MissingExtra("danlu.integrations.huggingface", "transformers", "huggingface") from error


class DanluCallback(TrainerCallback):
    """Reports evaluations to a live trial; a stop or pause ends ``train`` here.

    Args:
        trial: the live trial.
        metrics: names of ``compute_metrics`` with ``eval_`` before them; ``eval_loss`` when none is named.
        save: whether the model's weights are kept where the goal's first metric was best, for ``result.restore(model)``.

    Raises:
        ReportError: during training, when an evaluation has no such metric.
    """

    def __init__(self, trial: LiveTrial, *metrics: str, save: bool = False) -> None:
        self.trial, self.metrics = trial, metrics or ("eval_loss",)
        self.best = BestReport(trial) if save else None
        self._over = False
        self._known: set[str] = set()
        self._other: set[str] = set()

    def on_train_begin(self, *given: Any, **kwargs: Any) -> None:
        """What is evaluated from now on is the training's."""
        del given, kwargs
        self._over = False

    def on_train_end(self, *given: Any, **kwargs: Any) -> None:
        """What is evaluated from now on, the best checkpoint or a test set, is no step of the training.

        Raises:
            ReportError: when no evaluation had one of the metrics.
        """
        del given, kwargs
        self._over = True
        lacking = [name for name in self.metrics if name not in self._known]
        if lacking and (self._known or self._other):
            self._refuse(lacking[0], self._known | self._other)

    def on_evaluate(  # type: ignore[override]
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, metrics: Mapping[str, float],
        **kwargs: Any,
    ) -> None:  # fmt: skip
        """Report the evaluation at its step: the epoch where evaluation is by epoch, else the optimizer's step."""
        del control
        if self._over:
            self.trial.remark(
                "evaluations after training",
                "evaluations after the training's end are not reported: they are no step of it",
            )
            return
        found = self.values(metrics)
        if not found:  # of several sets, each evaluated by itself, one that has none of the metrics
            return
        by_epoch = str(getattr(args.eval_strategy, "value", args.eval_strategy)) == "epoch"
        step = (
            math.ceil((state.epoch or 0) - 1e-3) if by_epoch else state.global_step
        )  # the last one may be a part
        if self.best is not None and self.best.improved(found):
            self.trial.save(step, kwargs["model"])
        self.trial.report(step, **found)

    def values(self, metrics: Mapping[str, float]) -> dict[str, float]:
        """What is reported of an evaluation."""
        found = {name: float(metrics[name]) for name in self.metrics if name in metrics}
        self._known |= found.keys()
        self._other |= metrics.keys() - found.keys()
        lacking = [name for name in self.metrics if name not in self._known]
        if (
            lacking and "eval_loss" in metrics
        ):  # one set alone is evaluated: those of several have their names in it
            self._refuse(lacking[0], metrics)
        return found

    def _refuse(self, name: str, there: Iterable[str]) -> NoReturn:
        raise ReportError(f"the evaluation has no {name!r}. It has: {', '.join(sorted(there))}.")


class _Computed(DanluCallback):
    """Reports what ``compute_objective`` makes of an evaluation, a number or one for each goal."""

    def __init__(
        self, trial: LiveTrial, names: Sequence[str], compute: Callable[[dict[str, float]], Any], save: bool
    ) -> None:
        super().__init__(trial, *names, save=save)
        self.compute = compute

    def values(self, metrics: Mapping[str, float]) -> dict[str, float]:
        found = self.compute(dict(metrics))
        each = list(found) if isinstance(found, Sequence) else [found]
        if len(each) != len(self.metrics):
            raise ReportError(
                f"compute_objective has to return one number for each direction, {len(self.metrics)}, and returned {found!r}."
            )
        return {name: float(value) for name, value in zip(self.metrics, each, strict=True)}


def _the_only(metrics: dict[str, float]) -> float:
    """The one metric that ``compute_metrics`` gave, as the library's default would have it; several are not added up."""
    aside = ("_runtime", "_per_second", "_preparation_time")
    names = [name for name in metrics if name not in {"eval_loss", "epoch"} and not name.endswith(aside)]
    if len(names) != 1:
        raise ReportError(
            f"direction='maximize' needs to know of what, and the evaluation has {', '.join(names) or 'eval_loss alone'}: "
            'metrics are not added up, and a loss is not maximized. Name one: metric="eval_...", or give compute_objective.'
        )
    return metrics[names[0]]


Parameters = Mapping[str, Any] | Space


def hp_search(
    trainer: Trainer,
    space: Parameters | Callable[[Any], dict[str, Any]],
    *,
    metric: str = "eval_loss",
    maximize: bool = False,
    save: bool = False,
    **how: Any,
) -> Result:
    """Search over the training arguments of a Trainer that has a ``model_init``.

    Args:
        trainer: evaluates by epoch or step; its arguments are what is not searched. ``model_init`` may take the
            parameters: ``def model_init(params)``. Each trial writes into ``run-N`` of its ``output_dir``.
        space: names of ``TrainingArguments``, and any names that only ``model_init`` reads; or a function of a trial in
            Optuna's way, ``lambda trial: {"learning_rate": trial.suggest_float("learning_rate", 1e-6, 1e-3, log=True)}``.
        metric: that decides, by its best evaluation.
        maximize: whether more of it is better.
        save: whether the weights of each trial's best evaluation are kept, for ``result.restore(model)``.
        how: more for ``danlu.tune``: trials, scheduler, store, seed.

    Returns:
        The study's result.

    Raises:
        GoalError: when the metric's name says the opposite of ``maximize``.
        SpaceError: when the seed is to be searched, or there is no ``model_init``, or the space is not understood.
    """
    _agree(metric, maximize=maximize)
    return _search(
        trainer, space, {"maximize" if maximize else "minimize": metric},
        lambda trial: DanluCallback(trial, metric, save=save), None, how,
    )  # fmt: skip


def _agree(metric: str, *, maximize: bool) -> None:
    found = known_direction(metric)
    asked = "maximize" if maximize else "minimize"
    if found.way not in (None, asked):
        raise GoalError(
            f"{metric} was to be {asked}d, and {found.why}. Write direction={found.way!r} (maximize={not maximize} in hp_search), "
            "or give compute_objective if that is what you mean."
        )


def _search(
    trainer: Trainer,
    space: Parameters | Callable[[Any], dict[str, Any]],
    goal: dict[str, Any],
    report: Callable[[LiveTrial], DanluCallback],
    name: Callable[[Any], str] | None,
    how: dict[str, Any],
) -> Result:
    if trainer.model_init is None:
        raise SpaceError(
            "hp_search needs a Trainer with model_init, so that each trial starts from a fresh model."
        )
    given, draw = _space(space)
    fixed, make = copy.deepcopy(trainer.args), trainer.model_init
    takes = len(inspect.signature(make).parameters) > 0

    def train(trial: LiveTrial) -> None:
        args = copy.deepcopy(fixed)
        facade = Suggesting(trial)
        found = dict(trial.params) if draw is None else draw(facade)
        _no_seeds(found)
        for full, value in found.items():
            short = full.rpartition(".")[2]
            if hasattr(args, short):
                setattr(args, short, value)
        label = f"run-{trial.number}" if name is None else name(facade)
        args.output_dir = str(Path(fixed.output_dir or ".") / label)
        if name is not None:
            args.run_name = label
        trainer.args, trainer.model_init = (
            args,
            (lambda: make(facade if draw else trial.params)) if takes else make,
        )
        callback = report(trial)
        trainer.add_callback(callback)
        try:
            trainer.train()
            if (
                not attempt_of(trial).reported and attempt_of(trial).verdict is None
            ):  # as the library does where nothing was evaluated on the way
                trainer.evaluate()
        finally:
            trainer.remove_callback(callback)
            trainer.args, trainer.model_init = fixed, make

    return tune(train, given, **goal, **how)


def _no_seeds(names: Mapping[str, Any]) -> None:
    if {"seed", "data_seed"} & set(names):
        raise SpaceError(
            "a search over seeds finds luck. Leave the seed out; confirm the winner on fresh seeds."
        )


def _space(
    space: Parameters | Callable[[Any], dict[str, Any]],
) -> tuple[Parameters, Callable[[Any], dict[str, Any]] | None]:
    """The space, and how it is drawn from a trial if that is in Optuna's way."""
    probe = _Probe()
    found = space(probe) if callable(space) else space
    if probe.asked:
        if not isinstance(found, Mapping):
            raise SpaceError(
                f"hp_space has to return the training arguments, and returned {found!r}. "
                'Return {"learning_rate": trial.suggest_float("learning_rate", ...)}.'
            )
        _no_seeds(found)
        assert callable(space)
        return {}, space
    if isinstance(found, Mapping):
        for key, value in found.items():
            if type(value).__module__.partition(".")[0] in {"ray", "optuna", "hyperopt"}:
                raise SpaceError(
                    f"hp_space gives {key!r} as {type(value).__name__} of another library. Give danlu's parameters: "
                    "danlu.Float(1e-6, 1e-3, log=True), or use trial.suggest_float."
                )
    elif not isinstance(found, Space):
        raise SpaceError(
            f"hp_space has to return danlu's parameters by name, or to draw them with trial.suggest_float, got {found!r}."
        )
    _no_seeds(dict.fromkeys(found.names if isinstance(found, Space) else Space(found).names))
    return found, None


class Suggesting(Mapping[str, Any]):
    """A trial as functions written for Optuna see it: ``suggest_float``, ``suggest_int``, ``suggest_categorical``.

    It is a mapping of what was suggested so far, as functions written for Ray Tune see it.

    Attributes:
        number: the trial's number.
    """

    def __init__(self, trial: LiveTrial) -> None:
        self._trial = trial
        self.number = trial.number

    @property
    def params(self) -> dict[str, Any]:
        """What was suggested so far."""
        return dict(self._trial.params)

    def __getitem__(self, name: str) -> Any:
        return self.params[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.params)

    def __len__(self) -> int:
        return len(self.params)

    def __bool__(self) -> bool:
        return True

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """A number in [low, high]."""
        return float(self._suggest(name, Float(low, high, step=step, log=log), low))

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        """A whole number in [low, high]."""
        return int(self._suggest(name, Int(low, high, step=step, log=log), low))

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """One of the choices."""
        return self._suggest(name, Choice(list(choices)), choices[0])

    def _suggest(self, name: str, parameter: Any, only: Any) -> Any:
        del only
        return self._trial.suggest(name, parameter)


class _Probe(Suggesting):
    """Learns whether a function of a trial draws from it, without a study."""

    def __init__(self) -> None:
        self.asked: dict[str, Any] = {}
        self.number = 0

    @property
    def params(self) -> dict[str, Any]:
        return dict(self.asked)

    def _suggest(self, name: str, parameter: Any, only: Any) -> Any:
        del parameter
        self.asked[name] = only
        return only


class Backend(searches.HyperParamSearchBackendBase):
    """What ``Trainer.hyperparameter_search(backend=DANLU)`` runs: ``hp_search``, and its best trial as a ``BestRun``.

    ``hp_space`` returns danlu's parameters by name, or draws from its trial in Optuna's way. Of ``kwargs`` ``metric`` names the
    one metric that decides and ``save`` keeps weights; the others go to ``danlu.tune``.

    Raises:
        GoalError: when what decides contradicts the direction, or is said twice, or is not said.
        SpaceError: when ``hp_space`` is not understood.
    """

    name = "danlu"

    @staticmethod
    def is_available() -> bool:
        """Always: this is it."""
        return True

    def run(
        self, trainer: Trainer, n_trials: int, direction: str | list[str], **kwargs: Any
    ) -> BestRun | list[BestRun]:
        """Search, and give the best trial; with several directions, every trial that none beats."""
        ways = [direction] if isinstance(direction, str) else list(direction)
        wrong = [way for way in ways if way not in {"minimize", "maximize"}]
        if wrong or not ways:
            raise SettingError(
                f"direction is 'minimize' or 'maximize', or a list of them, got {direction!r}."
            )
        metric, save = kwargs.pop("metric", None), kwargs.pop("save", False)
        names, compute = self._goal(trainer, ways, metric)
        goal: dict[str, Any] = {
            way: [name for name, its in zip(names, ways, strict=True) if its == way]
            for way in dict.fromkeys(ways)
        }

        def report(trial: LiveTrial) -> DanluCallback:
            return (
                DanluCallback(trial, *names, save=save)
                if compute is None
                else _Computed(trial, names, compute, save)
            )

        how = {"trials": n_trials, **kwargs}
        result = _search(trainer, trainer.hp_space, goal, report, trainer.hp_name, how)
        runs = [
            BestRun(str(trial.number), trial.metrics[names[0]] if len(names) == 1 else [trial.metrics[name] for name in names],
                    trial.params, result)
            for trial in (result.front if len(names) > 1 else [result.best])
        ]  # fmt: skip
        return runs if len(names) > 1 else runs[0]

    def _goal(
        self, trainer: Trainer, ways: list[str], metric: str | None
    ) -> tuple[list[str], Callable[[dict[str, float]], Any] | None]:
        """The names of what is reported, and how it is computed where it is no metric of the evaluation."""
        own = trainer.compute_objective is not default_compute_objective
        best = trainer.args.metric_for_best_model
        if own and metric is not None:
            raise GoalError(
                f"metric={metric!r} and compute_objective both say what decides. Give one of them."
            )
        if own or len(ways) > 1:
            if not own:
                raise GoalError("several directions need compute_objective, which returns a number for each.")
            names = ["objective"] if len(ways) == 1 else [f"objective_{at}" for at in range(len(ways))]
            _say(
                f"{' and '.join(f'{way[:-1]}ing {name}' for way, name in zip(ways, names, strict=True))}, by your compute_objective"
            )
            return names, trainer.compute_objective
        if metric is None and best is not None:
            metric = best if best.startswith("eval_") else f"eval_{best}"
            greater = trainer.args.greater_is_better
            if greater is not None and greater != (ways[0] == "maximize"):
                raise GoalError(
                    f"direction={ways[0]!r}, and the arguments say metric_for_best_model={best!r} with "
                    f"greater_is_better={greater}. Let them agree, or name metric=."
                )
        if metric is None and ways[0] == "maximize":
            _say("maximizing the one metric of compute_metrics")
            return ["objective"], _the_only
        name = metric or "eval_loss"
        _agree(name, maximize=ways[0] == "maximize")
        _say(f"{ways[0][:-1]}ing {name}")
        return [name], None

    def default_hp_space(self, trial: Any) -> dict[str, Any]:
        """Rate, decay and batch size around what fine-tuning uses (Devlin et al., BERT, arXiv:1810.04805, A.3)."""
        del trial
        return {
            "learning_rate": Float(1e-6, 5e-4, log=True, prior=5e-5),
            "weight_decay": Float(1e-4, 0.3, log=True, prior=0.01),
            "per_device_train_batch_size": Choice([8, 16, 32, 64], ordered=True, prior=16),
        }


def _say(text: str) -> None:
    say(f"danlu: {text}.")


def _register() -> HPSearchBackend:
    """A further member of the library's list of backends, which knows three."""
    member: HPSearchBackend = str.__new__(HPSearchBackend, "danlu")
    member._name_, member._value_ = "DANLU", "danlu"
    searches.ALL_HYPERPARAMETER_SEARCH_BACKENDS[member] = Backend
    return member


DANLU = _register()
"""For ``Trainer.hyperparameter_search(backend=DANLU)``."""
