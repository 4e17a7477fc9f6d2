"""What Hyperopt keeps of an evaluation among the facts of a trial, and a trial as one of Hyperopt's documents."""

from __future__ import annotations

import base64
import datetime as dt
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from hyperopt import base

from ...base.values import LARGEST_INT
from ...journal.trial import Trial

FACT = "hyperopt"
"""The fact that holds it."""

LARGEST = 1 << 20
"""Bytes of attachments that a journal keeps of one trial."""

BYTES = "base64"
"""How bytes are marked, which no journal keeps as they are."""


class Kept:
    """What one evaluation has come to, as a journal keeps it.

    Args:
        tid: of its document.
        result: what the objective gave, None where it raised.
        attachments: of the trial, by name.
        error: the type and text of what was raised.

    Attributes:
        facts: for the journal.
        lost: the names of what no journal can keep: models, functions, attachments beyond a mebibyte.

    Example:
        >>> found = Kept(3, {"loss": np.float64(0.5), "status": "ok", "model": object()}, {"log": b"x"}, None)
        >>> found.lost, found.facts["hyperopt"]["result"]
        (['model'], {'loss': 0.5, 'status': 'ok'})
    """

    def __init__(
        self,
        tid: Any,
        result: Mapping[str, Any] | None,
        attachments: Mapping[str, Any],
        error: tuple[str, str] | None,
    ) -> None:
        self.lost: list[str] = []
        kept: dict[str, Any] = {"tid": tid}
        if result is not None:
            kept["result"] = self._those(result)
        if error is not None:
            kept["error"] = list(error)
        if attachments:
            size = sum(len(each) if isinstance(each, str | bytes) else 0 for each in attachments.values())
            if size > LARGEST:
                self.lost += list(attachments)
            else:
                kept["attachments"] = self._those(attachments)
        self.facts = {FACT: kept}

    def _those(self, given: Mapping[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, value in given.items():
            try:
                found[str(name)] = _plain(value)
            except TypeError:
                self.lost.append(str(name))
        return found


def tid_of(trial: Trial) -> Any:
    """What Hyperopt called a trial; its number where it did not."""
    return trial.facts.get(FACT, {}).get("tid", trial.number)


def attachments_of(trial: Trial) -> dict[str, Any]:
    """A trial's attachments by name."""
    found: dict[str, Any] = _given(trial.facts.get(FACT, {}).get("attachments", {}))
    return found


def document(trial: Trial, tid: Any, vals: Mapping[str, Any], labels: tuple[str, ...]) -> dict[str, Any]:
    """A trial that is over as Hyperopt's document.

    One that raised, or whose process died, has the state of an error, which Hyperopt leaves out of ``trials.trials``.

    Args:
        trial: over.
        tid: its document's.
        vals: Hyperopt's values, by label, of those that are active.
        labels: all of the space.
    """
    kept = trial.facts.get(FACT, {})
    result = _given(kept.get("result"))
    error = kept.get("error")
    if result is None and error is None and "loss" in trial.metrics and math.isfinite(trial.metrics["loss"]):
        result = {"loss": trial.metrics["loss"], "status": base.STATUS_OK}
    misc: dict[str, Any] = {"tid": tid, "cmd": ("domain_attachment", "FMinIter_Domain"), "workdir": None}
    misc |= columns(tid, vals, labels)
    if result is None:
        misc["error"] = tuple(error or (str(trial.cause), trial.reason))
    return {
        "state": base.JOB_STATE_ERROR if result is None else base.JOB_STATE_DONE,
        "tid": tid,
        "spec": None,
        "result": {"status": base.STATUS_NEW} if result is None else result,
        "misc": misc,
        "exp_key": None,
        "owner": None,
        "version": 0,
        "book_time": _time(trial.asked_at),
        "refresh_time": _time(trial.asked_at if trial.ended_at is None else trial.ended_at),
    }


def columns(tid: Any, vals: Mapping[str, Any], labels: tuple[str, ...]) -> dict[str, dict[str, list[Any]]]:
    """The ``idxs`` and ``vals`` of a document: a list of one for each active label, an empty one for the others."""
    return {
        "idxs": {label: [tid] if label in vals else [] for label in labels},
        "vals": {label: [vals[label]] if label in vals else [] for label in labels},
    }


def _time(seconds: float) -> dt.datetime:
    at = dt.datetime.fromtimestamp(seconds, dt.UTC).replace(tzinfo=None)
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def _plain(value: Any, depth: int = 0) -> Any:
    """A value as a journal keeps it.

    Raises:
        TypeError: when none can.
    """
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if value is None or type(value) in {bool, float, str}:
        return value
    if type(value) is int and abs(value) <= LARGEST_INT:
        return value
    if isinstance(value, bytes):
        return {BYTES: base64.b64encode(value).decode()}
    if isinstance(value, Mapping) and depth < 8:
        return {str(name): _plain(each, depth + 1) for name, each in value.items()}
    if isinstance(value, list | tuple) and depth < 8:
        return [_plain(each, depth + 1) for each in value]
    raise TypeError(type(value).__name__)


def _given(value: Any) -> Any:
    """The other way, bytes included."""
    if isinstance(value, Mapping):
        if set(value) == {BYTES}:
            return base64.b64decode(value[BYTES])
        return {name: _given(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_given(each) for each in value]
    return value
