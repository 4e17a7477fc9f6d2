"""Hugging Face transformers: a callback for a Trainer, and a search over one.

``Trainer.hyperparameter_search`` tunes the seed by default, adds up all metrics, and takes the last evaluation; here the
space is yours, one metric decides, the best evaluation counts, and the seed is left alone.

    from danlu.plugins.huggingface import DANLU
    best = trainer.hyperparameter_search(backend=DANLU, hp_space=lambda _: {...}, n_trials=20, metric="eval_accuracy",
                                         direction="maximize")

    def train(trial):
        args = TrainingArguments(..., learning_rate=trial["learning_rate"], eval_strategy="epoch")
        Trainer(model_init=..., args=args, ..., callbacks=[Report(trial, "eval_loss")]).train()
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from ..core.errors import MissingExtra, ReportError, SpaceError
from ..core.live import LiveTrial
from ..core.parameters import Choice, Float
from ..core.space import Space
from ..study.result import Result
from ..study.tune import tune

try:
    from transformers import Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments
    from transformers import hyperparameter_search as searches
    from transformers.trainer_utils import BestRun, HPSearchBackend
except ImportError as error:
    raise MissingExtra("danlu.plugins.huggingface", "transformers", "huggingface") from error


class Report(TrainerCallback):
    """Reports evaluations to a live trial; a stop or pause ends ``train`` here.

    Args:
        trial: the live trial.
        metrics: names of ``compute_metrics`` with ``eval_`` before them; ``eval_loss`` when none is named.

    Raises:
        ReportError: during training, when an evaluation has no such metric.
    """

    def __init__(self, trial: LiveTrial, *metrics: str) -> None:
        self.trial, self.metrics = trial, metrics or ("eval_loss",)

    def on_evaluate(  # type: ignore[override]
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, metrics: Mapping[str, float],
        **kwargs: Any,
    ) -> None:  # fmt: skip
        """Report the evaluation at its step: the epoch where evaluation is by epoch, else the optimiser's step."""
        del control, kwargs
        missing = [name for name in self.metrics if name not in metrics]
        if missing:
            raise ReportError(f"the evaluation has no {missing[0]!r}. It has: {', '.join(sorted(metrics))}.")
        by_epoch = str(getattr(args.eval_strategy, "value", args.eval_strategy)) == "epoch"
        step = round(state.epoch or 0) if by_epoch else state.global_step
        self.trial.report(step, **{name: float(metrics[name]) for name in self.metrics})


def hp_search(
    trainer: Trainer,
    space: Mapping[str, Any] | Space,
    *,
    metric: str = "eval_loss",
    maximize: bool = False,
    **how: Any,
) -> Result:
    """Search over the training arguments of a Trainer that has a ``model_init``.

    Args:
        trainer: evaluates by epoch or step; its arguments are what is not searched. ``model_init`` may take the
            parameters: ``def model_init(params)``.
        space: names of ``TrainingArguments``, and any names that only ``model_init`` reads.
        metric: that decides, by its best evaluation.
        maximize: whether more of it is better.
        how: more for ``danlu.tune``: trials, scheduler, store, seed.

    Returns:
        The study's result.

    Raises:
        SpaceError: when the seed is to be searched, or there is no ``model_init``.
    """
    names = (space if isinstance(space, Space) else Space(space)).names
    if {"seed", "data_seed"} & set(names):
        raise SpaceError(
            "a search over seeds finds luck. Leave the seed out; confirm the winner on fresh seeds."
        )
    if trainer.model_init is None:
        raise SpaceError(
            "hp_search needs a Trainer with model_init, so that each trial starts from a fresh model."
        )
    fixed, make = copy.deepcopy(trainer.args), trainer.model_init

    def train(trial: LiveTrial) -> None:
        args = copy.deepcopy(fixed)
        for name, value in trial.params.items():
            short = name.rpartition(".")[2]
            if hasattr(args, short):
                setattr(args, short, value)
        takes = make.__code__.co_argcount > 0
        trainer.args, trainer.model_init = args, (lambda: make(trial.params)) if takes else make
        report = Report(trial, metric)
        trainer.add_callback(report)
        try:
            trainer.train()
        finally:
            trainer.remove_callback(report)
            trainer.args, trainer.model_init = fixed, make

    direction: dict[str, Any] = {"maximize" if maximize else "minimize": metric}
    return tune(train, space, **direction, **how)


class Backend(searches.HyperParamSearchBackendBase):
    """What ``Trainer.hyperparameter_search(backend=DANLU)`` runs: ``hp_search``, and its best trial as a ``BestRun``.

    ``hp_space`` is called once, with None, and returns danlu's parameters by name. Of ``kwargs`` ``metric`` names the
    one metric that decides, ``eval_loss`` by default; the others go to ``danlu.tune``.
    """

    name = "danlu"

    @staticmethod
    def is_available() -> bool:
        """Always: this is it."""
        return True

    def run(self, trainer: Trainer, n_trials: int, direction: str, **kwargs: Any) -> BestRun:
        """Search, and give the best trial."""
        metric = kwargs.pop("metric", "eval_loss")
        how = {"trials": n_trials, **kwargs}
        result = hp_search(
            trainer, trainer.hp_space(None), metric=metric, maximize=direction == "maximize", **how
        )
        best = result.best
        return BestRun(str(best.number), best.value, best.params, result)

    def default_hp_space(self, trial: Any) -> dict[str, Any]:
        """Rate, decay and batch size around what fine-tuning uses (Devlin et al., BERT, arXiv:1810.04805, A.3)."""
        del trial
        return {
            "learning_rate": Float(1e-6, 5e-4, log=True, prior=5e-5),
            "weight_decay": Float(1e-4, 0.3, log=True, prior=0.01),
            "per_device_train_batch_size": Choice([8, 16, 32, 64], ordered=True, prior=16),
        }


def _register() -> HPSearchBackend:
    """A further member of the library's list of backends, which knows three."""
    member: HPSearchBackend = str.__new__(HPSearchBackend, "danlu")
    member._name_, member._value_ = "DANLU", "danlu"
    searches.ALL_HYPERPARAMETER_SEARCH_BACKENDS[member] = Backend
    return member


DANLU = _register()
"""For ``Trainer.hyperparameter_search(backend=DANLU)``."""
