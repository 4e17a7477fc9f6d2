"""What the campaign looks at: predictions that fits have left in the store, put together, judged, tested."""

from __future__ import annotations

import pickle
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..base.failure import say
from ..errors import CorruptError, DanluError
from ..study.result import Result
from .campaign import SEARCH, whole
from .deadline import UntilDeadline
from .ensemble import best_temperature, chosen_blend, honest_blend, mixed, warmed
from .families import FAMILIES, MODEL
from .fits import FoldFits, mean_of, predictions_of
from .kept import left_by, members_of, runs_of, unpacked
from .parts import RowParts
from .reading.columns import TypedColumn
from .reading.leaks import telling
from .reading.target import TargetColumn
from .scores import Score, gain, interval

SURE = 1.0
"""An ensemble replaces the default when it is better by this many standard errors of the difference."""


SHUFFLED, SHUFFLED_COLUMNS = 1000, 60
"""So many rows tell how much a column matters, and of more columns than these only the most telling ones are looked at."""


@dataclass
class Workbench:
    """The data of one call, and what is made of its fits.

    Attributes:
        values: of all rows, as models see them.
        y: their targets.
        parts: which rows are which.
        columns, target: what they are.
        score: what decides.
        seed: of what is drawn.
        fits: the objective.
        ends: when the time is over, in ``time.monotonic``'s seconds; None for never.
        engine: that is to end with it.
    """

    values: Any
    y: np.ndarray
    parts: RowParts
    columns: Sequence[TypedColumn]
    target: TargetColumn
    score: Score
    seed: int
    fits: FoldFits
    ends: float | None
    engine: UntilDeadline | None

    @property
    def valid(self) -> np.ndarray:
        """The rows that were predicted by models that had not seen them, fold after fold."""
        return np.concatenate([valid for _, valid in self.parts.folds])

    def left(self) -> float:
        """Seconds until the time is over."""
        return float("inf") if self.ends is None else self.ends - time.monotonic()

    def ensemble(self, results: Mapping[str, Result]) -> dict[str, Any]:
        """Weights of the models that predict together, and whether they are better than the default."""
        search = results[SEARCH]
        heads = whole(search, len(self.parts.folds))
        y = self.y[self.valid]
        fold = np.repeat(np.arange(len(self.parts.folds)), [len(valid) for _, valid in self.parts.folds])
        predictions = [self.unseen(search, head) for head in heads]
        losses = [self._loss(y, each) for each in predictions]
        default = 0  # the first of all that was tried, or the first that could be
        best = int(np.argmin(losses))
        blend = chosen_blend(predictions, y, self.score, seed=self.seed)
        honest = honest_blend(predictions, y, fold, self.score, seed=self.seed)
        single = honest_blend(predictions, y, fold, self.score, seed=self.seed, most=1)
        weights = dict(blend.weights)
        if self._loss(y, single) <= self._loss(y, honest):
            weights, honest = {best: 1.0}, single
        better, error = gain(self.score, y, honest, predictions[default], seed=self.seed)
        kept = weights == {default: 1.0} or not better > SURE * error
        if kept:
            weights, honest = {default: 1.0}, predictions[default]
        weights = self._affordable(search, heads, weights)
        temperature, warmer = self._temperature(y, fold, mixed(predictions, weights))
        importance = self._importance(search, heads[max(weights, key=lambda place: weights[place])])
        members = [{"trial": heads[place], "weight": weight, "loss": self._shown(losses[place]), "model": self._family(search, heads[place])}
                   for place, weight in weights.items()]  # fmt: skip
        found = {
            "members": members, "default": heads[default], "best": heads[best], "better": better, "error": error, "kept": kept,
            "honest": self._shown(self._loss(y, honest)), "flattered": self._shown(blend.loss),
            "single": self._shown(self._loss(y, single)), "default_value": self._shown(losses[default]), "temperature": temperature,
            "warmer": warmer, "configurations": len(heads), "importance": importance,
        }  # fmt: skip
        return {**found, **self._sentences(found)}

    def unseen(self, search: Result, head: int) -> np.ndarray:
        """What the models of a configuration say of the rows that each had not seen, in the order of ``valid``."""
        runs = runs_of(search, head)
        return np.concatenate(
            [self._kept(search, runs[fold], fold)[0] for fold in range(len(self.parts.folds))]
        )

    def members(
        self, results: Mapping[str, Result], found: Mapping[str, Any]
    ) -> tuple[tuple[float, tuple[Any, ...]], ...]:
        """The weights and models of the ensemble."""
        return members_of(results, found, refit=self.parts.refit, read=self._kept)

    def test(self, results: Mapping[str, Result], found: Mapping[str, Any]) -> dict[str, Any]:
        """How well the ensemble does on the test part, with an interval; the default and the best single model beside it."""
        rows = self.parts.test
        y, values = self.y[rows], self.values.iloc[rows]
        said = {who: mean_of(self.members(results, {"members": members}), values, self.target.task, len(self.target.labels))
                for who, members in self._compared(found).items()}  # fmt: skip
        own = said["winner"] if found["temperature"] == 1.0 else warmed(said["winner"], found["temperature"])
        low, high = interval(self.score, y, own, seed=self.seed)
        others = {who: self.score.value(y, each) for who, each in said.items() if who != "winner"}
        bins = reliability(y, own) if self.target.task != "numbers" else []
        return {"rows": len(rows), "value": self.score.value(y, own), "low": low, "high": high, "reliability": bins, **others}  # fmt: skip

    def _compared(self, found: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
        """Who is tested: the winner; the default and the best single model where the time allows."""
        who = {"winner": list(found["members"])}
        if self.left() > 3.0:
            who |= {"default": [{"trial": found["default"], "weight": 1.0}], "single": [{"trial": found["best"], "weight": 1.0}]}  # fmt: skip
        return who

    def _kept(self, search: Result, run: int, fold: int) -> tuple[np.ndarray, bytes]:
        """Predictions and model of a fit, from its checkpoint; fitted again, which gives the same, where that is gone."""
        try:
            return left_by(search, run)
        except (CorruptError, DanluError) as error:
            say(f"danlu: what trial {run} has left cannot be read, and it is fitted again: {error}")
            train, valid = self.parts.folds[fold]
            model = self.fits.fitted(search.history.trials[run].params, places(self.parts.train, train))
            said = self.fits.said(model, places(self.parts.train, valid))
            return said.astype(np.float32).astype(np.float64), pickle.dumps(model, protocol=5)

    def _importance(self, search: Result, head: int) -> list[dict[str, Any]]:
        """By how much the loss rises when a column is shuffled (Breiman 2001), in the first fold, of the heaviest model: the most telling first."""
        fold, run = next(iter(runs_of(search, head).items()))
        rows = self.parts.folds[fold][1][:SHUFFLED]
        values, y = self.values.iloc[rows], self.y[rows]
        model = unpacked(self._kept(search, run, fold)[1])
        classes, rng = len(self.target.labels), np.random.default_rng([self.seed, 13])
        rises: dict[str, float] = {}
        base = self._loss(y, predictions_of(model, values, self.target.task, classes))
        until = time.monotonic() + min(5.0, 0.1 * self.left())
        for name in telling(values, y, SHUFFLED_COLUMNS):
            if self.ends is not None and time.monotonic() > until:
                break
            shuffled = values.copy()
            shuffled[name] = values[name].to_numpy()[rng.permutation(len(values))]
            rises[name] = self._loss(y, predictions_of(model, shuffled, self.target.task, classes)) - base
        order = sorted(rises, key=lambda name: -rises[name])
        return [{"column": name, "rise": rises[name]} for name in order[:30]]

    def _affordable(
        self, search: Result, heads: Sequence[int], weights: dict[int, float]
    ) -> dict[int, float]:
        """Without models that would not be ready in time: those with the largest weights are kept, by what their fits took."""
        left = self.left()
        if left == float("inf"):
            return weights
        kept: dict[int, float] = {}
        for place in sorted(weights, key=lambda each: -weights[each]):
            left -= self._cost(search, heads[place])
            if left > 0 or not kept:
                kept[place] = weights[place]
        total = sum(kept.values())
        return {place: weight / total for place, weight in kept.items()}

    def _cost(self, search: Result, head: int) -> float:
        """Seconds that a configuration will take to be tested, and to be fitted again where that is to be."""
        seconds = 0.0
        for fold, run in runs_of(search, head).items():
            facts = search.history.trials[run].facts
            train, valid = self.parts.folds[fold]
            seconds += 0.05 + float(facts.get("predict_seconds", 0.0)) * len(self.parts.test) / max(
                1, len(valid)
            )
            if self.parts.refit and fold == len(self.parts.folds) - 1:
                seconds += (
                    1.3 * float(facts.get("fit_seconds", 0.0)) * len(self.parts.train) / max(1, len(train))
                )
        return seconds

    def _temperature(self, y: np.ndarray, fold: np.ndarray, p: np.ndarray) -> tuple[float, float]:
        """The temperature that makes probabilities of other folds better beyond noise, else 1; and by how much it does."""
        if self.target.task == "numbers" or self.score.name not in {"log_loss", "brier"}:
            return 1.0, 0.0
        cross = np.zeros_like(p)
        for each in np.unique(fold):
            inside, outside = fold != each, fold == each
            cross[outside] = warmed(p[outside], best_temperature(p[inside], y[inside]))
        better, error = gain(self.score, y, cross, p, seed=self.seed)
        return (best_temperature(p, y), better) if better > SURE * error else (1.0, better)

    def _family(self, search: Result, head: int) -> str:
        return FAMILIES[search.history.trials[head].params[MODEL]].words

    def _loss(self, y: np.ndarray, predicted: np.ndarray) -> float:
        try:
            return self.score.loss(y, predicted)
        except ValueError:
            return float("inf")

    def _shown(self, loss: float) -> float:
        return self.score.metric.value(loss)

    def _sentences(self, found: Mapping[str, Any]) -> dict[str, str]:
        name = self.score.name
        beside = f"{name} {found['honest']:.4g} on rows that neither models nor weights had seen, the default {found['default_value']:.4g}"
        noise = f"a difference of {abs(found['better']):.2g} +- {found['error']:.2g}"
        if found["kept"]:
            return {"verdict": "the default was kept", "reason": f"nothing is better beyond noise: the best that was found differs by {found['better']:.2g} +- {found['error']:.2g} in {name}"}  # fmt: skip
        if len(found["members"]) == 1:
            return {"verdict": f"trial {found['members'][0]['trial']} was adopted", "reason": f"{beside}: {noise}; an ensemble was no better"}  # fmt: skip
        return {"verdict": f"an ensemble of {len(found['members'])} models was adopted", "reason": f"{beside}: {noise}; the best single one {found['single']:.4g}"}  # fmt: skip


def places(all_rows: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Where rows are among all of a part.

    Example:
        >>> places(np.array([7, 3, 9]), np.array([9, 7])).tolist()
        [2, 0]
    """
    where = {row: at for at, row in enumerate(all_rows.tolist())}
    return np.array([where[row] for row in rows.tolist()], dtype=np.int64)


def reliability(y: np.ndarray, p: np.ndarray, bins: int = 10) -> list[dict[str, float]]:
    """How often what is said with a probability is true: for each tenth of the most likely class's probability, the mean of both and the rows.

    Example:
        >>> reliability(np.array([0, 1]), np.array([[0.8, 0.2], [0.8, 0.2]]))
        [{'said': 0.8, 'true': 0.5, 'rows': 2}]
    """
    top, right = p.max(axis=1), p.argmax(axis=1) == y
    place = np.minimum((top * bins).astype(int), bins - 1)
    return [{"said": float(top[place == each].mean()), "true": float(right[place == each].mean()), "rows": int((place == each).sum())}
            for each in range(bins) if (place == each).any()]  # fmt: skip
