"""Where a network's output, its loss and its labels do not fit each other: most of it trains without an error, and cannot be searched away.

The rules are what Keras's losses calculate (keras.io/api/losses): which shapes they compare, which they broadcast, and what they take
an output for. A rule speaks where the arithmetic leaves no doubt, and is silent where somebody may have meant it: squared error on the
numbers of classes, sigmoids of several labels, soft labels.
"""

from __future__ import annotations

import math
from typing import Any

import msgspec
import numpy as np

MISMATCH = "mismatch: "
"""What a journal's remark on a mismatch is about begins with this, and ends with its kind."""

BINARY = frozenset({"binary_crossentropy", "binary_focal_crossentropy"})
CATEGORICAL = frozenset({"categorical_crossentropy", "categorical_focal_crossentropy"})
SPARSE = "sparse_categorical_crossentropy"
LIKELIHOODS = BINARY | CATEGORICAL | {SPARSE}
COLUMNS = CATEGORICAL | {"categorical_hinge", "kl_divergence"}
"""Losses that want one column of labels for each class."""

HINGES = frozenset({"hinge", "squared_hinge"})
DISTANCES = frozenset({"mean_squared_error", "mean_absolute_error", "huber", "log_cosh"})
KNOWN = LIKELIHOODS | COLUMNS | HINGES | DISTANCES

RANGES = {
    "sigmoid": (0.0, 1.0),
    "softmax": (0.0, 1.0),
    "tanh": (-1.0, 1.0),
    "relu": (0.0, math.inf),
}
"""Between what the outputs of an activation lie."""

OPEN = frozenset({"linear", "relu", "leaky_relu", "elu", "selu", "gelu", "silu", "tanh", "log_softmax"})
"""Activations whose outputs are no probabilities."""

FEW = 20
"""Up to so many distinct whole numbers are classes; more may be anything, as pixels."""

BEYOND = 0.01
"""The share of labels from which on they count as being where an output cannot come."""

SLACK = 1e-3
"""So far outside of a range a number is still one of it, for rounding."""


class Labels(msgspec.Struct, frozen=True):
    """What labels look like.

    Attributes:
        low, high: the least and the greatest.
        whole: whether all are whole numbers.
        values: the distinct ones in order where they are whole and few, else ().
        other: the share that is neither 0 nor 1.
        one_hot: whether each row has one 1 and otherwise zeros, in several columns.
        below, above: the shares that are below 0 and above 1, and ``under``, that is below -1.
    """

    low: float
    high: float
    whole: bool
    values: tuple[int, ...]
    other: float
    one_hot: bool
    below: float
    above: float
    under: float


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen of one output of a network and the loss that trains it.

    Attributes:
        loss: its name in Keras; only those of ``KNOWN`` have rules of their own.
        output, label: shapes of a batch, the first number is that of the samples.
        activation: what makes the output, by Keras's name; None where that is not known.
        low, high: the least and the greatest output in a batch; NaN where none was seen.
        from_logits: whether the loss takes outputs for logits.
        labels: None where their values are not known.
        binary_accuracy: whether an accuracy is measured that takes outputs above a threshold for 1, and the others for 0.
    """

    loss: str
    output: tuple[int | None, ...]
    label: tuple[int | None, ...]
    activation: str | None = None
    low: float = math.nan
    high: float = math.nan
    from_logits: bool = False
    labels: Labels | None = None
    binary_accuracy: bool = False

    @property
    def units(self) -> int:
        """How many numbers a sample's output has along its last axis."""
        return (self.output[-1] or 1) if len(self.output) > 1 else 1

    @property
    def columns(self) -> int:
        """How many columns the labels have; 1 where they are of fewer axes than the output."""
        if len(self.label) < max(len(self.output), 2):
            return 1
        return self.label[-1] or 1


class Mismatch(msgspec.Struct, frozen=True):
    """What does not fit.

    Attributes:
        kind: a few words.
        text: what was seen, a sentence.
        reason: what comes of it, a sentence.
        remedy: what to write instead, a sentence.
    """

    kind: str
    text: str
    reason: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.text} {self.reason} {self.remedy}"


def labels_of(array: Any, ignored: float | None = None) -> Labels | None:
    """What labels look like; None for what is no array of numbers, or empty.

    Args:
        array: of numbers or bools, of any shape.
        ignored: a label that the loss leaves out.

    Example:
        >>> labels_of([0, 2, 1]).values, labels_of([[0, 1], [1, 0]]).one_hot
        ((0, 1, 2), True)
    """
    found = np.asarray(array)
    if found.dtype.kind not in "biuf" or found.size == 0:
        return None
    flat = found.reshape(-1).astype(np.float64, copy=False)
    flat = flat[np.isfinite(flat)]
    if ignored is not None:
        flat = flat[flat != ignored]
    if not len(flat):
        return None
    whole = bool((flat == np.rint(flat)).all())
    values = np.unique(flat) if whole else flat[:0]
    binary = (flat == 0) | (flat == 1)
    wide = found.ndim > 1 and found.shape[-1] > 1
    return Labels(
        low=float(flat.min()),
        high=float(flat.max()),
        whole=whole,
        values=tuple(int(value) for value in values) if 0 < len(values) <= FEW else (),
        other=1.0 - float(binary.mean()),
        one_hot=wide and bool(binary.all()) and bool((found.sum(-1) == 1).all()),
        below=float((flat < -SLACK).mean()),
        above=float((flat > 1 + SLACK).mean()),
        under=float((flat < -1 - SLACK).mean()),
    )


def mismatch(seen: Seen) -> Mismatch | None:
    """What does not fit, the gravest; None where nothing is known to be wrong.

    Example:
        >>> three = Seen(loss="binary_crossentropy", output=(32, 1), label=(32,), activation="sigmoid", labels=labels_of([0, 1, 2]))
        >>> print(mismatch(three).text)
        The labels go from 0 to 2, and binary_crossentropy has one output unit for them, which tells two classes apart.
        >>> mismatch(Seen(loss="mean_squared_error", output=(32, 1), label=(32,), labels=labels_of([0, 1, 2]))) is None
        True
    """
    for rule in (
        _one_column,
        _one_softmax,
        _numbers_for_columns,
        _one_hot_for_numbers,
        _columns_for_one_unit,
        _classes_of_numbers,
        _beyond_two_classes,
        _signs,
        _beyond_probabilities,
        _several_questions,
        _squashed_twice,
        _no_probabilities,
        _out_of_reach,
        _wrong_accuracy,
    ):
        found = rule(seen)
        if found is not None:
            return found
    return None


def _shape(shape: tuple[int | None, ...]) -> str:
    """A shape, whatever the number of samples."""
    return f"({', '.join(['n', *map(str, shape[1:])])}{',' if len(shape) == 1 else ''})"


def _range(labels: Labels) -> str:
    return f"from {labels.low:g} to {labels.high:g}"


def _classes(labels: Labels | None, units: int) -> str:
    """How many classes there seem to be, or n."""
    if labels is None or not labels.values:
        return str(units) if units > 1 else "n"
    return str(max(len(labels.values), labels.values[-1] + 1, 2))


def _one_column(seen: Seen) -> Mismatch | None:
    if seen.loss not in CATEGORICAL or seen.units != 1:
        return None
    told = f", and the labels go {_range(seen.labels)}" if seen.labels else ""
    three = seen.labels is not None and seen.labels.high > 1
    two = ', or for two classes in Dense(1, "sigmoid") with "binary_crossentropy"'
    remedy = (
        f'End the network in Dense({_classes(seen.labels, 1)}, "softmax") and compile it with "sparse_categorical_crossentropy"'
        f"{'' if three else two}."
    )
    return Mismatch(
        "one column", f"The network has one output unit, of which {seen.loss} is taken{told}.",
        "It compares shares of classes, and one unit always has the whole: the loss is 0 for every sample, and nothing is learned.",
        remedy,
    )  # fmt: skip


def _one_softmax(seen: Seen) -> Mismatch | None:
    if seen.activation != "softmax" or seen.units != 1:
        return None
    return Mismatch(
        "softmax of one unit", "The network ends in a softmax of one unit, which is 1 for every sample.",
        "Nothing that is trained changes it.",
        'End it in Dense(1, "sigmoid") for two classes with "binary_crossentropy", or in Dense(n, "softmax") for n classes.',
    )  # fmt: skip


def _numbers_for_columns(seen: Seen) -> Mismatch | None:
    """Labels that are numbers of classes, where a column for each class is compared."""
    wants = (
        seen.loss in COLUMNS | BINARY or (seen.loss in DISTANCES and seen.activation == "softmax")
    )  # fmt: skip
    if not wants or seen.units == 1 or seen.columns > 1 or len(seen.output) - len(seen.label) not in (0, 1):
        return None
    if seen.labels is not None and not seen.labels.whole:
        return None
    spread = seen.loss not in BINARY | CATEGORICAL - {"categorical_focal_crossentropy"} and len(
        seen.label
    ) == len(seen.output)
    told = f" {_range(seen.labels)}" if seen.labels else ""
    return Mismatch(
        "numbers of classes", f"{seen.loss} is given labels of shape {_shape(seen.label)}{told}, and the network has {seen.units} output units.",
        "Keras spreads the one column over all units, so each unit is trained towards the number of the class."
        if spread else "It wants one column for each unit, and Keras refuses these shapes or compares what does not belong together.",
        'Compile the network with "sparse_categorical_crossentropy" and end it in a softmax, or make the labels one-hot with keras.utils.to_categorical.',
    )  # fmt: skip


def _one_hot_for_numbers(seen: Seen) -> Mismatch | None:
    if seen.loss != SPARSE or seen.units == 1 or seen.label[1:] != seen.output[1:]:
        return None
    return Mismatch(
        "one-hot labels", f"{SPARSE} is given labels of shape {_shape(seen.label)}, a column for each of the {seen.units} output units.",
        "It wants the number of the class, and Keras refuses these shapes.",
        'Compile the network with "categorical_crossentropy", or give it the number of each class, as y.argmax(-1).',
    )  # fmt: skip


def _columns_for_one_unit(seen: Seen) -> Mismatch | None:
    if seen.loss not in BINARY | HINGES | DISTANCES or seen.units != 1 or seen.columns == 1:
        return None
    if len(seen.output) != 2 or len(seen.label) != 2:
        return None
    one_hot = seen.labels is not None and seen.labels.one_hot
    last = '"softmax") and compile it with "categorical_crossentropy"' if one_hot else "...)"
    return Mismatch(
        "columns for one unit",
        f"The labels have {seen.columns} columns, and the network has one output unit, which {seen.loss} compares to all of them.",
        "One number cannot be all of them at once.",
        f"End the network in Dense({seen.columns}, {last}.",
    )  # fmt: skip


def _classes_of_numbers(seen: Seen) -> Mismatch | None:
    """Numbers of classes that the network has no unit for."""
    labels = seen.labels
    if seen.loss != SPARSE or labels is None:
        return None
    if not labels.whole:
        return Mismatch(
            "broken classes", f"{SPARSE} is given labels that are no whole numbers, {_range(labels)}.",
            "It cuts them off to whole ones and takes them for classes.",
            'For numbers that are measured end the network in Dense(1) and compile it with "mse".',
        )  # fmt: skip
    if labels.low >= 0 and labels.high < seen.units:
        return None
    units, count = seen.units, int(labels.high - labels.low) + 1
    if labels.low == 0 or count > units:
        first = "" if labels.low == 0 else "Number the classes from 0, and end"
        remedy = f'{first or "End"} the network in Dense({count}, "softmax").'
        if units == 1 and count == 2:
            remedy = (
                f'{remedy[:-1]}, or compile it with "binary_crossentropy" and end it in Dense(1, "sigmoid").'
            )
    else:
        remedy = f"Number the classes from 0, as y {'-' if labels.low > 0 else '+'} {abs(labels.low):g} does."
    return Mismatch(
        "classes without a unit",
        f"The labels go {_range(labels)}, and the network has {units} output unit{'s' if units > 1 else ''}, for {'the class 0 alone' if units == 1 else f'the classes 0 to {units - 1}'}.",
        "A label without a unit is an error on some backends, and on others counts for nothing.",
        remedy,
    )  # fmt: skip


def _beyond_two_classes(seen: Seen) -> Mismatch | None:
    """Three classes or more on one unit."""
    labels = seen.labels
    if (
        seen.loss not in BINARY | HINGES
        or labels is None
        or seen.units != 1
        or not 3 <= len(labels.values) <= FEW
    ):
        return None
    count = len(labels.values)
    first = "" if labels.values == tuple(range(count)) else ", and number the classes from 0"
    return Mismatch(
        "classes on one unit",
        f"The labels go {_range(labels)}, and {seen.loss} has one output unit for them, which tells two classes apart.",
        "Some backends refuse such labels, and others train: what is neither 0 nor 1 never counts as right.",
        f'End the network in Dense({count}, "softmax") and compile it with "sparse_categorical_crossentropy"{first}.',
    )  # fmt: skip


def _signs(seen: Seen) -> Mismatch | None:
    labels = seen.labels
    if seen.loss not in BINARY or labels is None or len(labels.values) not in (1, 2) or labels.other == 0:
        return None
    words = " and ".join(map(str, labels.values))
    if labels.values == (-1, 1):
        remedy = 'Give it (y + 1) / 2, or end the network in Dense(1, "tanh") and compile it with "hinge".'
    else:
        remedy = "Number the two classes 0 and 1."
    return Mismatch(
        "labels of two classes", f"{seen.loss} is given the labels {words}.",
        "It wants 0 and 1: some backends refuse others, and with the rest its loss falls without end.",
        remedy,
    )  # fmt: skip


def _beyond_probabilities(seen: Seen) -> Mismatch | None:
    labels = seen.labels
    if seen.loss not in BINARY or labels is None or max(labels.below, labels.above) < BEYOND:
        return None
    return Mismatch(
        "labels beyond 0 to 1", f"{seen.loss} is given labels {_range(labels)}.",
        "It wants probabilities, from 0 to 1: some backends refuse others, and with the rest its loss has no least value.",
        'Scale the labels to 0 to 1, or compile the network with "mse" and without an activation at its end.',
    )  # fmt: skip


def _several_questions(seen: Seen) -> Mismatch | None:
    """Classes that exclude each other, each asked for by itself."""
    if seen.loss not in BINARY or seen.activation != "softmax" or seen.units < 3 or seen.from_logits:
        return None
    if seen.labels is None or not seen.labels.one_hot:
        return None
    return Mismatch(
        "softmax by yes and no", f"The network ends in a softmax of {seen.units} units, and {seen.loss} asks each of them by itself for one-hot labels.",
        "The loss and an accuracy of 0 and 1 look better than they are, as most columns are 0, and training is slower.",
        'Compile it with "categorical_crossentropy".',
    )  # fmt: skip


def _squashed_twice(seen: Seen) -> Mismatch | None:
    if seen.loss not in LIKELIHOODS or not seen.from_logits or seen.activation not in ("softmax", "sigmoid"):
        return None
    return Mismatch(
        "squashed twice", f"The network ends in a {seen.activation}, and {seen.loss} with from_logits=True puts one more behind it.",
        "So it is never sure of anything, and learns slowly.",
        f"Leave the {seen.activation} out, or from_logits=True.",
    )  # fmt: skip


def _no_probabilities(seen: Seen) -> Mismatch | None:
    if seen.loss not in LIKELIHOODS or seen.from_logits:
        return None
    outside = seen.low < -SLACK or seen.high > 1 + SLACK
    if seen.activation not in OPEN and not outside:
        return None
    whose = (
        f"ends in the activation {seen.activation}"
        if seen.activation in OPEN
        else f"gives numbers from {seen.low:.3g} to {seen.high:.3g}"
    )
    name = "sigmoid" if seen.loss in BINARY else "softmax"
    return Mismatch(
        "no probabilities", f"The network {whose}, and {seen.loss} takes that for probabilities.",
        "What is outside of 0 to 1 is cut off there, and teaches nothing.",
        f"End the network in a {name}, or without any activation and with from_logits=True in the loss.",
    )  # fmt: skip


def _out_of_reach(seen: Seen) -> Mismatch | None:
    """Labels where the last activation never comes."""
    labels = seen.labels
    if seen.loss not in DISTANCES or labels is None or seen.activation not in RANGES:
        return None
    low, high = RANGES[seen.activation]
    short = labels.under if low < 0 else labels.below
    if max(short, labels.above if math.isfinite(high) else 0.0) < BEYOND:
        return None
    return Mismatch(
        "labels out of reach", f"The labels go {_range(labels)}, and the network ends in a {seen.activation}, whose outputs lie {f'between {low:g} and {high:g}' if math.isfinite(high) else 'above 0'}.",
        "What lies beyond is never reached.",
        "End the network without an activation, or scale the labels.",
    )  # fmt: skip


def _wrong_accuracy(seen: Seen) -> Mismatch | None:
    labels = seen.labels
    if not seen.binary_accuracy or labels is None or labels.other < BEYOND:
        return None
    return Mismatch(
        "accuracy", f"With one output unit accuracy takes outputs for 0 or 1, and {labels.other:.0%} of the labels are neither; they go {_range(labels)}.",
        "Such a label never counts as right, whatever the network says.",
        "Measure what the loss does, as mse or mae, or number two classes 0 and 1.",
    )  # fmt: skip
