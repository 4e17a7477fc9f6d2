"""Figures of a study by name: what to calculate, and how to draw it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..analysis.curves import curves
from ..analysis.edf import edf
from ..analysis.effects import Surface, effects, surface
from ..analysis.importance import importance
from ..analysis.progress import progress, regret
from ..analysis.ranks import ranks
from ..analysis.timeline import timeline
from ..analysis.trial_table import trial_table
from ..errors import MissingExtra, SettingError
from ..journal.history import History
from ..maths.threads import one_thread
from . import parameters, trials
from .labels import use_fonts
from .parameters import SHOWN


def _surface(history: History, x: str | None = None, y: str | None = None, **own: Any) -> Surface:
    """A surface over the named parameters, or over the two that matter most."""
    if x is None or y is None:
        first = parameters.pair_of(importance(history, own.get("metric")))
        x, y = (
            (x or next(name for name in first if name != y)),
            (y or next(name for name in first if name != x)),
        )
        if x == y:
            x, y = first
    return surface(history, x, y, **own)


Figure = tuple[Callable[..., Any], Callable[..., None], tuple[float, float]]

KINDS: dict[str, Figure] = {
    "history": (progress, trials.draw_progress, (6, 3.4)),
    "curves": (curves, trials.draw_curves, (6, 3.4)),
    "parallel": (trial_table, parameters.draw_parallel, (9, 3.6)),
    "slices": (trial_table, parameters.draw_slices, (3, 2.4)),
    "effects": (effects, parameters.draw_effects, (3, 2.4)),
    "importance": (importance, parameters.draw_importance, (5.5, 3.2)),
    "contour": (_surface, parameters.draw_surface, (5, 4)),
    "surface": (_surface, parameters.draw_surface, (5, 4)),
    "front": (trial_table, trials.draw_front, (4.5, 4)),
    "timeline": (timeline, trials.draw_timeline, (8, 2.8)),
    "regret": (regret, trials.draw_regret, (5, 3.2)),
    "rank": (ranks, parameters.draw_ranks, (2.6, 2.3)),
    "edf": (edf, trials.draw_edf, (6, 3.4)),
}
"""Each figure: what makes its arrays of a history, what draws them, and its size in inches (of one panel)."""

GRIDS = ("slices", "effects")
"""Figures of one panel a parameter."""


@one_thread
def plot(history: History, kind: str = "history", *, axes: Any = None, **settings: Any) -> Any:
    """Draw one figure of a study.

    Args:
        history: of the study.
        kind: ``history``, ``curves``, ``parallel``, ``slices``, ``effects``, ``importance``, ``contour`` (two parameters and the
            trials), ``surface`` (the same beside its standard deviation), ``front``, ``timeline``, ``regret``, ``rank`` (pairs of
            parameters, trials colored by rank) or ``edf`` (which share of trials came to what).
        axes: matplotlib's, to draw on; an array of them for ``slices``, ``effects`` (one a parameter) and
            ``surface`` (two) and ``rank`` (one a pair). New ones when None.
        settings: of the analysis behind the figure, as ``danlu.analysis`` names them: ``metric``, ``method``, ``x``, ``y``,
            ``beside`` (other results by name, for ``edf``).

    Raises:
        SettingError: for an unknown kind or setting, and where the study cannot be drawn so.
        MissingExtra: when matplotlib is not installed.

    Example:
        >>> import danlu
        >>> result = danlu.tune(lambda t: t["x"], {"x": danlu.Float(0, 1)}, trials=9, seed=0)
        >>> plot(result.history).get_ylabel()
        'value'
    """
    found = arrays(history, kind, **settings)
    _, draw, size = KINDS[kind]
    panels = _panels(kind, found, len(history.space))
    axes = axes_of(_sized(kind, size, len(history.space)), max(1, panels)) if axes is None else axes
    if kind == "surface":
        for panel, uncertain in zip(axes, (False, True), strict=True):
            parameters.draw_surface(found, panel, uncertain=uncertain)
    else:
        draw(found, axes)
    use_fonts(np.atleast_1d(np.asarray(axes, object)).ravel())
    return axes


def _panels(kind: str, found: Any, size: int) -> int:
    """How many panels a figure of a space of ``size`` parameters has."""
    if kind == "rank":
        return len(parameters.pairs(found))
    return size if kind in GRIDS else 2 if kind == "surface" else 1


def _sized(kind: str, size: tuple[float, float], parameters: int) -> tuple[float, float]:
    """The size of a figure whose names need room: higher for bars, wider for axes beside each other."""
    if kind == "importance":
        return size[0], max(size[1], 1.0 + 0.2 * min(parameters, SHOWN))
    if kind == "parallel":
        return min(max(size[0], 0.3 * (parameters + 1)), 30.0), size[1] if parameters < 12 else size[1] + 1.5
    return size


def arrays(history: History, kind: str, **settings: Any) -> Any:
    """What a figure is drawn from; arguments and errors as of ``plot``.

    Example:
        >>> import danlu
        >>> result = danlu.tune(lambda t: t["x"], {"x": danlu.Float(0, 1)}, trials=9, seed=0)
        >>> arrays(result.history, "history").total
        9
    """
    if kind not in KINDS:
        raise SettingError(f"there is no figure {kind!r}. There are: {', '.join(KINDS)}.")
    try:
        return KINDS[kind][0](history, **settings)
    except TypeError as error:
        raise SettingError(f"the figure {kind!r} does not take that: {error}.") from error


def axes_of(size: tuple[float, float], panels: int = 1) -> Any:
    """New axes: one, or an array of this many panels, each of this size in inches.

    Raises:
        MissingExtra: when matplotlib is not installed.
    """
    try:
        from matplotlib import pyplot as plt
    except ImportError as error:
        raise MissingExtra("a figure", "matplotlib", "plots") from error
    if panels == 1:
        return plt.subplots(figsize=size, layout="constrained")[1]
    wide = min(panels, 4 if panels != 2 else 2)
    high = math.ceil(panels / wide)
    return plt.subplots(
        high, wide, figsize=(size[0] * wide, size[1] * high), layout="constrained", squeeze=False
    )[1].ravel()
