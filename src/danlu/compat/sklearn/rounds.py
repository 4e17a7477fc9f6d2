"""Estimators that train in rounds, of which a candidate that will hardly become the best need not have all.

Rounds are a parameter of the estimator. Ensembles with ``warm_start`` are grown: the same trees or stages, whether they are fitted at once or in
parts. What is trained by epochs (``partial_fit`` and ``max_iter``) is fitted anew for each part, because fitting on with a warm start is
another training there: the optimizer begins again. One with three times the epochs begins with the same ones, so this costs half a
training more for the candidates that are trained in full.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

SHORT = 9
"""Fewer rounds are trained at once."""

PARTS = 8
"""An ensemble is grown in so many."""

FACTOR = 3
"""Every part of what is fitted anew is so many times as long as the one before."""

CHEAP = ("sklearn.preprocessing", "sklearn.impute")
"""Where the steps before the last one of a pipeline come from, which are fitted with each part."""

EARLY = ("early_stopping", "n_iter_no_change", "oob_score")
"""Settings by which an ensemble looks at itself while it grows, which growing in parts would change."""


class Rounds(NamedTuple):
    """The rounds of an estimator.

    Attributes:
        prefix: of its parameters, ``"step__"`` for the last step of a pipeline.
        name: of the parameter that counts them.
        most: its value.
        grown: whether it is fitted on, and not anew.
    """

    prefix: str
    name: str
    most: int
    grown: bool

    def parts(self) -> Iterator[int]:
        """Up to which round each part goes, the last one to the last.

        Example:
            >>> list(Rounds("", "n_estimators", 20, True).parts()), list(Rounds("", "max_iter", 100, False).parts())
            ([2, 5, 8, 10, 12, 15, 18, 20], [4, 11, 33, 100])
        """
        if self.grown:
            yield from sorted({max(1, round(self.most * part / PARTS)) for part in range(1, PARTS + 1)})
            return
        lengths = [self.most]
        while len(lengths) <= FACTOR and lengths[-1] > FACTOR:
            lengths.append(round(lengths[-1] / FACTOR))
        yield from reversed(lengths)

    def trained(self, estimator: Any) -> bool:
        """Whether a fit has ended by itself before its last round, so that more rounds would change nothing."""
        fitted = estimator.steps[-1][1] if self.prefix else estimator
        limit = getattr(fitted, self.name)
        return not self.grown and int(getattr(fitted, "n_iter_", limit)) < limit


def rounds_of(estimator: Any, searched: Callable[[str], bool]) -> Rounds | None:
    """The rounds of an estimator, or of a pipeline's last step; None where it has none, they are few, or the search decides on them.

    Args:
        estimator: not fitted.
        searched: whether a parameter is one of the space.

    Example:
        >>> from sklearn.ensemble import RandomForestClassifier
        >>> from sklearn.neural_network import MLPClassifier
        >>> rounds_of(RandomForestClassifier(50, random_state=0), lambda name: False)
        Rounds(prefix='', name='n_estimators', most=50, grown=True)
        >>> rounds_of(MLPClassifier(random_state=0), lambda name: name == "max_iter")
    """
    prefix, last = "", estimator
    if isinstance(getattr(estimator, "steps", None), list) and estimator.steps:
        if not all(type(each).__module__.startswith(CHEAP) for _, each in estimator.steps[:-1]):
            return None  # each part would fit them again
        name, last = estimator.steps[-1]
        prefix = f"{name}__"
    if not hasattr(last, "get_params") or searched(prefix[:-2]):
        return None
    own: Mapping[str, Any] = last.get_params(deep=False)
    for name, grown in (("n_estimators", True), ("max_iter", False)):
        most = own.get(name)
        if not isinstance(most, int) or isinstance(most, bool) or most < SHORT or searched(prefix + name):
            continue
        if grown and _boosts(last, own):
            return Rounds(prefix, name, most, grown=False)
        if grown and "warm_start" in own and _grows(own, lambda each: searched(prefix + each)):
            return Rounds(prefix, name, most, grown=True)
        if not grown and hasattr(last, "partial_fit") and isinstance(own.get("random_state"), int):
            return Rounds(prefix, name, most, grown=False)
    return None


def fitted(
    rounds: Rounds,
    estimator: Any,
    again: Callable[[], Any],
    fit: Callable[[Any, dict[str, Any]], dict[str, Any]],
) -> Iterator[tuple[int, dict[str, Any], bool]]:
    """Train in parts: the round, what came of the fit so far with the seconds of all parts, and whether it is the last.

    Args:
        rounds: of the estimator.
        estimator: not fitted.
        again: makes another one.
        fit: fits and scores one with these parameters more; returns what scikit-learn keeps of it.
    """
    spent = {"fit_time": 0.0, "score_time": 0.0}
    for to in rounds.parts():
        more = {rounds.prefix + rounds.name: to} | (
            {f"{rounds.prefix}warm_start": True} if rounds.grown else {}
        )
        outcome = fit(estimator, more)
        for name in spent:
            spent[name] += float(outcome[name])
        over = to == rounds.most or bool(outcome.get("fit_error")) or rounds.trained(estimator)
        yield to, outcome | spent, over
        if over:
            return
        estimator = estimator if rounds.grown else again()


def _boosts(estimator: Any, own: Mapping[str, Any]) -> bool:
    """Whether it is XGBoost's or LightGBM's, which begin a longer training as a shorter one, unless they look at themselves."""
    return (
        type(estimator).__module__.partition(".")[0] in {"xgboost", "lightgbm"}
        and own.get("early_stopping_rounds") is None
    )


def _grows(own: Mapping[str, Any], searched: Callable[[str], bool]) -> bool:
    """Whether growing in parts comes to the same ensemble as one fit."""
    looks = any(own.get(each) not in (None, False) or searched(each) for each in EARLY)
    weighted = isinstance(own.get("class_weight"), str) or searched(
        "class_weight"
    )  # by all data seen: warned of
    return not looks and not weighted and not own["warm_start"] and isinstance(own.get("random_state"), int)
