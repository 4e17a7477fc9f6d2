"""A better model of what was trained anyway: a weighted mean of models, chosen on predictions for rows that each had not seen.

Greedy selection with replacement from the best on (Caruana et al., "Ensemble selection from libraries of models", ICML 2004), over bags of
models (section 2.3 there), which keeps it from fitting the noise of a large library.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .scores import Score, clipped

STEPS, STALE = 25, 6
"""So many models are added, of which some are the same; fewer where so many of them one after the other made nothing better."""

BAGS, SHARE = 5, 0.6
"""Greedy selection is repeated over so many draws of this share of the models."""

LIBRARY = 25
"""The best so many models are looked at."""

ROWS = 4000
"""So many rows decide about weights; more of them change little and cost much."""


class Blend(NamedTuple):
    """A weighted mean of models.

    Attributes:
        weights: by place among the models, summing up to 1.
        loss: of the mean over the rows it was chosen on, which flatters it.
    """

    weights: dict[int, float]
    loss: float


def chosen_blend(
    predictions: Sequence[np.ndarray], y: np.ndarray, score: Score, *, seed: int, most: int = LIBRARY
) -> Blend:
    """Weights of models by greedy selection.

    Args:
        predictions: of each model for the same rows, which it had not been trained on.
        y: their targets.
        score: what decides.
        seed: of the bags.
        most: how many models are looked at.

    Example:
        >>> from danlu.auto.scores import SCORES
        >>> y = np.array([0.0, 1.0, 2.0, 3.0])
        >>> found = chosen_blend([y + 1, y - 1, y + 9], y, SCORES["rmse"], seed=0)
        >>> {place: round(weight, 1) for place, weight in found.weights.items()}, round(found.loss, 2) < 0.3
        ({0: 0.5, 1: 0.5}, True)
    """
    whole_y, whole = y, predictions
    if len(y) > ROWS:
        rows = np.random.default_rng([seed, 5]).choice(len(y), ROWS, replace=False)
        y, predictions = y[rows], [each[rows] for each in predictions]
    losses = np.array([_loss(score, y, each) for each in predictions])
    order = [int(place) for place in np.argsort(losses, kind="stable")[:most] if np.isfinite(losses[place])]
    rng = np.random.default_rng([seed, 3])
    counts: dict[int, int] = {}
    size = max(1, round(SHARE * len(order)))
    for bag in range(BAGS if len(order) > 3 else 1):
        drawn = (
            sorted(rng.choice(len(order), size, replace=False))
            if bag and len(order) > 3
            else range(len(order))
        )
        for place in _greedy(predictions, [order[each] for each in drawn], y, score):
            counts[place] = counts.get(place, 0) + 1
    total = sum(counts.values())
    weights = {place: counts[place] / total for place in sorted(counts, key=lambda each: -counts[each])}
    kept = {place: weight for place, weight in weights.items() if weight >= 0.02} or weights
    left = sum(kept.values())
    kept = {place: weight / left for place, weight in kept.items()}
    return Blend(kept, _loss(score, whole_y, mixed(whole, kept)))


def mixed(predictions: Sequence[np.ndarray], weights: dict[int, float]) -> np.ndarray:
    """The weighted mean of predictions."""
    return np.asarray(sum(weight * predictions[place] for place, weight in weights.items()))


def honest_blend(
    predictions: Sequence[np.ndarray],
    y: np.ndarray,
    fold: np.ndarray,
    score: Score,
    *,
    seed: int,
    most: int = LIBRARY,
) -> np.ndarray:
    """What ensembles say of rows that they were not chosen on: for each fold, one is chosen on the others.

    Args:
        predictions, y, score, seed, most: as in ``chosen_blend``.
        fold: of each row, shape (n,).
    """
    found = np.zeros_like(predictions[0])
    for each in np.unique(fold):
        inside, outside = fold != each, fold == each
        blend = chosen_blend([p[inside] for p in predictions], y[inside], score, seed=seed, most=most)
        found[outside] = mixed([p[outside] for p in predictions], blend.weights)
    return found


def _greedy(
    predictions: Sequence[np.ndarray], places: Sequence[int], y: np.ndarray, score: Score
) -> list[int]:
    """The models that are added one after the other, up to where the mean was best."""
    library = np.stack([predictions[place] for place in places])
    total, taken, losses = np.zeros_like(library[0]), list[int](), list[float]()
    for step in range(1, STEPS + 1):
        trials = [_loss(score, y, (total + each) / step) for each in library]
        best = int(np.argmin(trials))
        total += library[best]
        taken.append(places[best])
        losses.append(trials[best])
        if step - int(np.argmin(losses)) > STALE:
            break
    return taken[: int(np.argmin(losses)) + 1]


def _loss(score: Score, y: np.ndarray, predicted: np.ndarray) -> float:
    try:
        return score.loss(y, predicted)
    except ValueError:
        return float("inf")


def warmed(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities raised to 1 / temperature, summing up to 1: above 1 they are less sure.

    Source: Guo et al., "On calibration of modern neural networks" (2017), arXiv:1706.04599, section 4.2.

    Example:
        >>> warmed(np.array([[0.9, 0.1]]), 2.0).round(2).tolist()
        [[0.75, 0.25]]
    """
    logs = np.log(clipped(probabilities)) / temperature
    powers = np.exp(logs - logs.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def best_temperature(probabilities: np.ndarray, y: np.ndarray) -> float:
    """The temperature in [0.25, 4] with the least mean negative logarithm of the true classes' probabilities."""
    from scipy.optimize import minimize_scalar

    def loss(log: float) -> float:
        p = warmed(probabilities, float(np.exp(log)))
        return float(-np.log(clipped(p)[np.arange(len(y)), y]).mean())

    edge = np.log(4.0)
    return float(
        np.exp(minimize_scalar(loss, bounds=(-edge, edge), method="bounded", options={"xatol": 1e-3}).x)
    )
