"""Keras 3: a callback that reports every epoch, and saves so that a trial goes on as if it had never been interrupted.

    def train(trial):
        model = build(trial["units"], trial["lr"])
        report = Report(trial, "val_loss")
        model.fit(x, y, validation_data=(xv, yv), epochs=20, initial_epoch=report.initial_epoch, callbacks=[report])

    result = danlu.tune(train, space, minimize="val_loss")
    result.restore(Weights(model))  # with the weights of the best trial's best epoch

What is kept is all that the next epoch depends on: the model's variables with its moving statistics and seeds of dropout, the
optimizer's, the random states of Python, numpy, torch and Keras, and what callbacks count that are given to ``report.after``.
"""

from __future__ import annotations

import inspect
import random
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import numpy as np

from ..base.versions import demand
from ..errors import MissingExtra, ReportError
from ..runtime.live import LiveTrial
from .best import BestReport

try:
    demand("danlu.keras", "keras", "keras")
    import keras
except MissingExtra:
    raise
except ImportError as error:
    lacking = (
        "keras"
        if error.name in {None, "keras"}
        else f"{error.name}, or KERAS_BACKEND=torch in the environment, and keras"
    )
    raise MissingExtra("danlu.keras", lacking, "keras") from error

from .keras_fits import TrialCallback


class Report(TrialCallback):
    """Reports the metrics of every epoch to a live trial, counted from 1; a stop or pause ends ``fit`` here.

    Where ``fit`` validates every few epochs alone (``validation_freq``), those without validation are not reported. The first ``fit``
    of a trial is looked at: an output, loss and labels that do not fit each other are said, and so is validation on the data that is trained on.

    Args:
        trial: the live trial.
        metrics: names of Keras's logs; ``val_loss`` when none is named. The other numbers of the logs are reported beside them.
        save: whether every report is preceded by a checkpoint, so that the trial can be paused, and resumed after a kill, and
            the weights of the epoch where the goal's first metric was best, for ``result.restore(Weights(model))``.

    Attributes:
        initial_epoch: for ``fit``: how many epochs were trained already; 0 in a trial that begins.

    Raises:
        ReportError: during training, when a metric is not in the logs, or ``fit`` begins at another epoch than ``initial_epoch``.
    """

    def __init__(self, trial: LiveTrial, *metrics: str, save: bool = True) -> None:
        super().__init__(trial)
        self.metrics, self.save = metrics or ("val_loss",), save
        self._best = BestReport(trial)
        self._others: tuple[Any, ...] = ()
        self._weights: dict[str, Any] = {}
        self._kept: Mapping[str, Any] | None = None
        self._reported = self._validated = False
        self.initial_epoch: int = self._found()

    def after(self, *callbacks: Any) -> list[Any]:
        """Callbacks for ``fit``, this one behind them: what they count (patience, the best so far) is kept and restored with the trial."""
        self._others = callbacks
        return [*callbacks, self]

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Put a trial that is taken up back to where it was."""
        del logs
        if self._kept is not None:
            variables, optimizer = _variables(self.model), self.model.optimizer.variables
            _assign(variables, self._kept["variables"], "model")
            _assign(optimizer, self._kept["optimizer"], "optimizer")
        if self.save and keras.backend.backend() == "tensorflow":
            self.trial.remark(
                "random state",
                "TensorFlow's random state cannot be read: a resumed trial shuffles its data otherwise than one that was never interrupted",
            )

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """In the first epoch, put random states and counts back, after all callbacks have begun.

        Raises:
            ReportError: when ``fit`` begins elsewhere than the trial.
        """
        del logs
        self._validated = False
        if self._reported:
            return
        if self._kept is not None and epoch != self.initial_epoch:
            raise ReportError(
                f"trial {self.trial.number} has been trained for {self.initial_epoch} epochs, and fit begins at epoch {epoch}. "
                "Write fit(..., initial_epoch=report.initial_epoch)."
            )
        if self._kept is not None:
            self._resume(self._kept)
            self._kept = None

    def on_test_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Remember that this epoch was validated."""
        del logs
        self._validated = True

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Save, and report the epoch."""
        found = {name: float(value) for name, value in (logs or {}).items() if np.ndim(value) == 0}
        lacking = [name for name in self.metrics if name not in found]
        if lacking and lacking[0].startswith("val_") and not self._validated:
            return
        if lacking:
            self._refuse(lacking[0], found)
        self._remark(found)
        if self.save:
            self._keep(epoch + 1, found)
        self._reported = True
        self.trial.report(epoch + 1, **found)

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """A training of which nothing was reported has not been measured.

        Raises:
            ReportError: when the metric never was in the logs.
        """
        if not self._reported and self.params.get("epochs", 0) > self.initial_epoch:
            self._refuse(self.metrics[0], logs or {})

    def _found(self) -> int:
        """How far the trial's newest checkpoint is; what it holds is put back when ``fit`` begins."""
        saved = self.trial.saved if self.save else None
        if saved is None:
            return 0
        self._weights, self._kept = saved[0], saved[1]
        self._best.least = saved[1]["least"]
        return int(saved[1]["epoch"])

    def _keep(self, step: int, found: Mapping[str, float]) -> None:
        variables = _variables(self.model)
        if self._best.improved(found):
            self._weights = Weights(self.model).state_dict()
        self.trial.save(
            step,
            self._weights,
            {
                "epoch": step,
                "least": self._best.least,
                "variables": [_array(each) for each in variables],
                "optimizer": [_array(each) for each in self.model.optimizer.variables],
                "random": _random_states(),
                "counted": [_counted(each) for each in self._others],
            },
        )

    def _resume(self, kept: Mapping[str, Any]) -> None:
        if len(kept["counted"]) != len(self._others):
            raise ReportError(
                f"the checkpoint of trial {self.trial.number} has what {len(kept['counted'])} callbacks counted, and report.after was "
                f"given {len(self._others)}. Give it the same ones, in the same order."
            )
        for each, counted in zip(self._others, kept["counted"], strict=True):
            vars(each).update(counted)
        _set_random_states(kept["random"])

    def _remark(self, found: Mapping[str, float]) -> None:
        """Say so where what decides was measured on the data that is trained on, though there is other."""
        name = self.metrics[0]
        if f"val_{name}" in found:
            self.trial.remark(
                f"training metric {name}",
                f"{name} is measured on the data that is trained on, so what overfits looks best. Report val_{name}, which is there.",
            )

    def _refuse(self, name: str, found: Mapping[str, Any]) -> NoReturn:
        there = ", ".join(found) or "nothing"
        remedy = (
            "Give fit validation_data."
            if name.startswith("val_") and not any(each.startswith("val_") for each in found)
            else f"Name one of these, or have model.compile(metrics=...) measure {name.removeprefix('val_')}."
        )
        raise ReportError(f"Keras logged no {name!r} in this epoch, only {there}. {remedy}")


class Weights:
    """A model's weights, as ``result.restore`` puts them back and ``trial.save`` takes them.

    Args:
        model: built, of the architecture that was trained.

    Example:
        >>> import keras
        >>> models = [keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]) for _ in range(2)]
        >>> Weights(models[1]).load_state_dict(Weights(models[0]).state_dict())
        >>> bool((models[0].get_weights()[0] == models[1].get_weights()[0]).all())
        True
    """

    def __init__(self, model: Any) -> None:
        self._model = model

    def state_dict(self) -> dict[str, Any]:
        """The weights by their places and names."""
        return {f"{place} {each.path}": _array(each) for place, each in enumerate(self._model.weights)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Put weights back.

        Raises:
            ReportError: when they are of another architecture.
        """
        _assign(self._model.weights, list(state.values()), "model")


def _variables(model: Any) -> list[Any]:
    """Weights, moving statistics and seeds, without what metrics count within an epoch."""
    metrics = {id(each) for each in model.metrics_variables}
    optimizer = {id(each) for each in model.optimizer.variables}
    return [each for each in model.variables if id(each) not in metrics | optimizer]


def _array(variable: Any) -> Any:
    found = np.asarray(keras.ops.convert_to_numpy(variable.value))
    return found.astype(np.float32) if found.dtype.kind == "V" else found.copy()


def _assign(variables: Sequence[Any], values: Sequence[Any], what: str) -> None:
    shapes = [tuple(each.shape) for each in variables]
    if shapes != [np.shape(each) for each in values]:
        raise ReportError(
            f"the checkpoint is of another {what}: it has {len(values)} variables, this one {len(shapes)}"
            f"{'' if len(values) != len(shapes) else ' of other shapes'}. Build the {what} from the trial's parameters alone."
        )
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _random_states() -> dict[str, Any]:
    states = {
        "python": random.getstate(),
        "numpy": np.random.get_state(),  # noqa: NPY002 - it is what keras and its users draw from
        "keras": _array(_keras_generator().state),
    }
    torch = sys.modules.get("torch")
    if torch is not None:
        states["torch"] = torch.get_rng_state()
        if torch.cuda.is_available():
            states["cuda"] = torch.cuda.get_rng_state_all()
    return states


def _set_random_states(states: Mapping[str, Any]) -> None:
    version, numbers, spare = states["python"]
    random.setstate((version, tuple(numbers), spare))
    np.random.set_state(tuple(states["numpy"]))  # noqa: NPY002
    _keras_generator().state.assign(states["keras"])
    torch = sys.modules.get("torch")
    if torch is not None and "torch" in states:
        torch.set_rng_state(states["torch"])
        if "cuda" in states and torch.cuda.device_count() == len(states["cuda"]):
            torch.cuda.set_rng_state_all(states["cuda"])


def _keras_generator() -> Any:
    """What Keras draws from where nobody gives a seed."""
    from keras.src.random.seed_generator import global_seed_generator

    return global_seed_generator()


def _counted(callback: Any) -> dict[str, Any]:
    """What a callback counts: its numbers, words and weights, without its settings, which its maker gives again."""
    aside = {"params", *inspect.signature(type(callback)).parameters}
    return {
        name: value.item() if isinstance(value, np.generic) else value
        for name, value in vars(callback).items()
        if name not in aside and not name.startswith("_") and _plain(value)
    }


def _plain(value: Any) -> bool:
    """Whether it is made of numbers, words and arrays alone."""
    if isinstance(value, Mapping):
        return all(isinstance(name, str) and _plain(each) for name, each in value.items())
    if isinstance(value, list | tuple):
        return all(map(_plain, value))
    return value is None or isinstance(value, bool | int | float | str | np.generic | np.ndarray)
