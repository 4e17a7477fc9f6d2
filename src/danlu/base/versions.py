"""Which versions of other packages danlu is written for; an older one is named where it is imported, not where it first fails."""

from __future__ import annotations

import re
from importlib import metadata

from ..errors import MissingExtra

LEAST = {
    "catboost": "1.2",
    "hyperopt": "0.3",
    "keras": "3.5",
    "keras-tuner": "1.4.7",
    "lightgbm": "4",
    "lightning": "2.5",
    "optuna": "5",
    "scikit-learn": "1.5",
    "skorch": "1.2",
    "transformers": "5",
    "xgboost": "2",
}
"""The oldest version of each package that works, as ``pyproject.toml`` has it."""


def demand(what: str, package: str, extra: str) -> None:
    """Refuse an installed package that is too old; one that is not installed is left to its import.

    Args:
        what: that needs it.
        package: one of ``LEAST``.
        extra: of danlu's, that brings it.

    Raises:
        MissingExtra: with both versions.

    Example:
        >>> demand("danlu.optuna", "optuna", "optuna")
    """
    try:
        found = metadata.version(package)
    except metadata.PackageNotFoundError:
        return
    if _numbers(found) < _numbers(LEAST[package]):
        raise MissingExtra(what, f"{package} {LEAST[package]} or later, and {found} is installed", extra)


def _numbers(version: str) -> tuple[int, ...]:
    """The numbers of a release, without what follows them: of 4.9.0rc1 those of 4.9.0; closing zeros do not count."""
    release = re.match(r"\d+(\.\d+)*", version)
    numbers = [int(part) for part in release[0].split(".")] if release else [0]
    while len(numbers) > 1 and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)
