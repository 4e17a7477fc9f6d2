"""Looks once at what Keras's ``fit`` trains in a trial, and says where output, loss and labels do not fit, or validation data is training data.

``keras.Model.fit`` is wrapped when this is imported. Where no trial watches, it is called as it was. What is looked at is the first batch that the loss sees, and the labels that ``fit`` was given; nothing is drawn, changed or stopped.
"""

from __future__ import annotations

import functools
import inspect
import math
import sys
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import keras
import msgspec
import numpy as np
from keras.callbacks import Callback

from ..analysis.mismatch import KNOWN, MISMATCH, Mismatch, Seen, labels_of, mismatch
from ..maths.overlap import keys_of
from ..runtime.live import LiveTrial

MOST = 2_000_000
"""So many labels are looked at; of more, evenly drawn ones."""

WATCHING: ContextVar[LiveTrial | None] = ContextVar("the trial whose fits are looked at", default=None)
_looked: weakref.WeakValueDictionary[int, LiveTrial] = weakref.WeakValueDictionary()
"""The trials whose first fit has been looked at."""


class TrialCallback(Callback):  # type: ignore[misc]
    """A callback of a trial, whose ``fit`` is looked at.

    Args:
        trial: the live trial.
    """

    def __init__(self, trial: LiveTrial) -> None:
        super().__init__()
        self.trial = trial


@contextmanager
def watching(trial: LiveTrial) -> Iterator[None]:
    """Look at what Keras fits within this block, whatever callbacks it has."""
    token = WATCHING.set(trial)
    try:
        yield
    finally:
        WATCHING.reset(token)


def _looking(fit: Callable[..., Any]) -> Callable[..., Any]:
    """``keras.Model.fit``, looked at where a trial watches."""

    @functools.wraps(fit)
    def looked_at(self: Any, *args: Any, **kwargs: Any) -> Any:
        given = _given(fit, self, args, kwargs)
        trial = _trial_of(given.get("callbacks"))
        if trial is None or _looked.get(id(trial)) is trial:
            return fit(self, *args, **kwargs)
        _looked[id(trial)] = trial
        _compare(trial, given)
        with _Look(self, trial, given):
            return fit(self, *args, **kwargs)

    return looked_at


def _given(fit: Callable[..., Any], model: Any, args: Any, kwargs: Any) -> Mapping[str, Any]:
    """What ``fit`` is called with, by name; nothing where it cannot be called so, which it says itself."""
    try:
        return inspect.signature(fit).bind(model, *args, **kwargs).arguments
    except TypeError:
        return {}


def _trial_of(callbacks: Any) -> LiveTrial | None:
    found = getattr(callbacks, "callbacks", callbacks)  # of a CallbackList
    for each in found if isinstance(found, list | tuple) else [found]:
        if isinstance(each, TrialCallback):
            return each.trial
    return WATCHING.get()


def _say(trial: LiveTrial, found: Mismatch) -> None:
    trial.remark(f"{MISMATCH}{found.kind}", str(found))


def _compare(trial: LiveTrial, given: Mapping[str, Any]) -> None:
    """Say so where what is validated on is trained on."""
    data = given.get("validation_data")
    train, valid = given.get("x"), data[0] if isinstance(data, list | tuple) and data else None
    if train is None or valid is None:
        return
    keys = keys_of(_host(train))
    share = None if keys is None else keys.shared(_host(valid))
    if share is None:
        return
    _say(trial, Mismatch(
        "validation data", f"{share:.0%} of the samples in validation_data are trained on as well.",
        "So what overfits looks best, and the search chooses it.",
        "Split the data first, and give fit the other part, or validation_split.",
    ))  # fmt: skip


class _Look:
    """Stands before a model's loss until the first batch has been seen.

    Args:
        model: that is about to be fitted.
        trial: that is told.
        given: what ``fit`` is called with.
    """

    def __init__(self, model: Any, trial: LiveTrial, given: Mapping[str, Any]) -> None:
        self._model, self._trial, self._given = model, trial, given
        self._own = vars(model).get("compute_loss")
        self._batch: tuple[Any, Any, Any] | None = None
        self._over = True

    def __enter__(self) -> None:
        if keras.backend.backend() == "torch" and getattr(self._model, "jit_compile", False):
            return  # torch.compile would compile what looks
        compute = self._model.compute_loss

        @functools.wraps(compute)
        def seen(*args: Any, **kwargs: Any) -> Any:
            if not self._over:
                self._see(compute, args, kwargs)
            return compute(*args, **kwargs)

        self._model.compute_loss = seen
        self._over = False

    def __exit__(self, *caught: object) -> None:
        self._judge()  # where the loss raised before a batch was trained on
        self._leave()

    def _see(self, compute: Callable[..., Any], args: Any, kwargs: Any) -> None:
        found = _given(compute.__func__, self._model, args, kwargs) if inspect.ismethod(compute) else kwargs
        label, output = found.get("y"), found.get("y_pred")
        if label is None or output is None:
            return
        self._batch = label, output, found.get("sample_weight")
        if not any(map(_symbolic, _flat(output))):
            self._judge()

    def _judge(self) -> None:
        if self._over or self._batch is None:
            return
        self._over = True
        several = len(_flat(self._batch[1])) > 1
        for place, seen in _seen(self._model, self._batch, self._given):
            found = mismatch(seen)
            if found is not None:
                _say(self._trial, _named(found, place) if several else found)
        self._leave()

    def _leave(self) -> None:
        vars(self._model).pop("compute_loss", None)
        if self._own is not None:
            self._model.compute_loss = self._own


def _named(found: Mismatch, place: int) -> Mismatch:
    """With the number of the output that it is about, where there are several."""
    text = f"Of output {place + 1}: {found.text[0].lower()}{found.text[1:]}"
    return Mismatch(f"{found.kind} of output {place + 1}", text, found.reason, found.remedy)


def _seen(model: Any, batch: tuple[Any, Any, Any], given: Mapping[str, Any]) -> Iterator[tuple[int, Seen]]:
    """What was seen of each output that has a loss."""
    label, output, weight = batch
    outputs, labels, whole = _flat(output), _flat(label), _flat(given.get("y"))
    if len(outputs) != len(labels):
        return
    masked = weight is not None or given.get("sample_weight") is not None
    losses = _losses(model, output, len(outputs))
    for place, loss in enumerate(losses):
        if loss is None:
            continue
        numbers = _host(whole[place]) if len(whole) == len(outputs) else None
        if numbers is None or not _alike(numbers, labels[place]):
            numbers = _host(labels[place])
        seen = _seen_of(model, place, outputs[place], labels[place], None if masked else numbers, loss)
        alone = len(outputs) == 1 and seen.units == 1
        yield (
            place,
            seen
            if not alone
            else msgspec.structs.replace(seen, binary_accuracy=_binary_accuracy(model.metrics)),
        )


def _seen_of(model: Any, place: int, output: Any, label: Any, numbers: np.ndarray | None, loss: Any) -> Seen:
    name, settings = _loss(loss, label, output)
    axis = settings.get("axis", -1)
    if axis not in (-1, len(output.shape) - 1):
        name = ""  # classes lie along another axis
    values = _host(output)
    activation = _activation(model, place) or _by_values(values)
    finite = np.empty(0) if values is None else values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (math.nan, math.nan)
    return Seen(
        loss=name,
        output=tuple(output.shape),
        label=tuple(label.shape),
        activation=activation,
        low=low,
        high=high,
        from_logits=bool(settings.get("from_logits", False)),
        labels=None if numbers is None else labels_of(_some(numbers), settings.get("ignore_class")),
    )  # fmt: skip


def _some(numbers: np.ndarray) -> np.ndarray:
    """All of them, or evenly drawn rows where there are very many."""
    return numbers[:: max(1, numbers.size // MOST)]


def _alike(numbers: np.ndarray, label: Any) -> bool:
    """Whether labels that ``fit`` was given are what the loss was given, but for their number."""
    return numbers.shape[1:] == tuple(label.shape)[1:] or numbers.size // max(
        1, len(numbers)
    ) == 1 == np.prod(label.shape[1:])


def _flat(structure: Any) -> list[Any]:
    """What is in lists, tuples and mappings, in Keras's order; arrays are not opened."""
    if structure is None:
        return []
    if isinstance(structure, list) and structure and isinstance(structure[0], int | float):
        return [np.asarray(structure)]
    return list(keras.tree.flatten(structure))


def _losses(model: Any, output: Any, count: int) -> list[Any]:
    """The loss of each output as it was compiled; None where it has none, or it is not known which it has."""
    given = model.loss
    if isinstance(given, Mapping):
        names = (
            list(output) if isinstance(output, Mapping) else list(getattr(model, "output_names", None) or [])
        )
        if isinstance(output, Mapping):
            names = sorted(names)
        return [given.get(name) for name in names] if len(names) == count else [None] * count
    if isinstance(given, list | tuple):
        return list(given) if len(given) == count else [None] * count
    return [given] * count


def _loss(given: Any, label: Any, output: Any) -> tuple[str, Mapping[str, Any]]:
    """A loss by Keras's name with its settings, '' where it is somebody's own."""
    if isinstance(given, str) and given.lower() in ("crossentropy", "ce"):
        few = len(label.shape) < len(output.shape) or label.shape[-1] == 1
        one = output.shape[-1] == 1
        return ("binary" if one else "sparse_categorical" if few else "categorical") + "_crossentropy", {}
    settings: Mapping[str, Any] = {}
    if isinstance(given, functools.partial):
        given, settings = given.func, given.keywords
    found: Any = keras.losses.get(given)
    kind = type(found)
    for name in KNOWN:
        if found is getattr(keras.losses, name):
            return name, settings
        if kind is _classes()[name]:
            return name, found.get_config()
    return "", {}


@functools.cache
def _classes() -> Mapping[str, type]:
    """The class of each loss."""
    words = {"mean_squared_error": "MeanSquaredError", "kl_divergence": "KLDivergence"}
    return {
        name: getattr(keras.losses, words.get(name) or "".join(each.capitalize() for each in name.split("_")))
        for name in KNOWN
    }


def _activation(model: Any, place: int) -> str | None:
    """By Keras's name, what makes an output; None where that cannot be known without doubt."""
    outputs = _flat(getattr(model, "outputs", None))  # a model of somebody's own class has none
    history = getattr(outputs[place], "_keras_history", None) if place < len(outputs) else None
    while history is not None:
        made = history.operation
        if isinstance(made, keras.layers.Identity | keras.layers.Dropout):
            history = getattr(made.input, "_keras_history", None)
        elif isinstance(made, keras.Model) and getattr(made, "outputs", None):
            history = getattr(made.outputs[history.tensor_index], "_keras_history", None)
        else:
            return _made_by(made)
    return None


def _made_by(layer: Any) -> str | None:
    if isinstance(layer, keras.layers.TimeDistributed):
        layer = layer.layer
    if type(layer) is keras.layers.Softmax:
        return "softmax" if layer.axis == -1 else None
    if type(layer) is keras.layers.ReLU:
        return (
            "relu" if layer.max_value is None and not layer.threshold and not layer.negative_slope else None
        )
    if type(layer).__name__ in ("Sigmoid", "Softmax") and not isinstance(layer, keras.Layer):
        return type(layer).__name__.lower() if getattr(layer, "axis", -1) == -1 else None
    if type(layer) not in _ENDS:
        return None
    name = getattr(layer.activation, "__name__", "")
    return name if getattr(keras.activations, name, None) is layer.activation else None


_ENDS = {
    keras.layers.Activation,
    keras.layers.Conv1D,
    keras.layers.Conv1DTranspose,
    keras.layers.Conv2D,
    keras.layers.Conv2DTranspose,
    keras.layers.Conv3D,
    keras.layers.Dense,
    keras.layers.EinsumDense,
}
"""Layers whose output is what their activation gives."""


def _by_values(values: np.ndarray | None) -> str | None:
    """A softmax, where its outputs show it beyond doubt."""
    if values is None or values.ndim < 2 or len(values) < 8:
        return None
    if values.shape[-1] == 1:
        return "softmax" if bool((values == 1).all()) else None
    sums = bool((np.abs(values.sum(-1) - 1) < 1e-4).all())
    return "softmax" if sums and bool((values >= 0).all()) else None


def _binary_accuracy(metrics: Any) -> bool:
    """Whether one of them takes outputs above a threshold for 1."""
    return any(
        isinstance(each, keras.metrics.BinaryAccuracy) or _binary_accuracy(getattr(each, "metrics", ()))
        for each in metrics
    )


def _symbolic(tensor: Any) -> bool:
    """Whether a tensor is Keras's own stand-in while it builds a model, after which there are others."""
    torch = sys.modules.get("torch")
    return isinstance(tensor, keras.KerasTensor) or (
        torch is not None and isinstance(tensor, torch.Tensor) and tensor.is_meta
    )


def _traced(tensor: Any) -> bool:
    """Whether a tensor stands for values that come when what is compiled runs."""
    jax, tensorflow = sys.modules.get("jax"), sys.modules.get("tensorflow")
    return (jax is not None and isinstance(tensor, jax.core.Tracer)) or (
        tensorflow is not None and tensorflow.is_tensor(tensor) and tensorflow.is_symbolic_tensor(tensor)
    )


def _host(array: Any) -> np.ndarray | None:
    """An array, table, tensor or list of numbers as numpy has it; None for what has no values, or is something else."""
    if isinstance(array, Mapping) or (isinstance(array, list | tuple) and any(map(_is_array, array))):
        found = _flat(array)
        array = found[0] if found else None
    elif isinstance(array, list | tuple):
        array = np.array(array, dtype=object)
        array = (
            array.astype(float) if all(isinstance(each, int | float) for each in array.reshape(-1)) else None
        )
    if array is None or _symbolic(array) or _traced(array) or not _is_array(array):
        return None
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(array, torch.Tensor):
        array = array.detach().cpu()
        array = array.float() if array.dtype == torch.bfloat16 else array
    numbers = np.asarray(array)
    if numbers.dtype.kind == "V":  # bfloat16
        numbers = numbers.astype(np.float32)
    return numbers if numbers.dtype.kind in "biuf" else None


def _is_array(thing: Any) -> bool:
    """Whether it has a shape and can be made an array of."""
    return hasattr(thing, "shape") and (hasattr(thing, "__array__") or hasattr(thing, "numpy"))


keras.Model.fit = _looking(keras.Model.fit)
