"""Optuna's figures of a study: its own where plotly is installed, else danlu's, drawn with matplotlib."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from optuna.study import Study

from ...base.names import FigureName
from ...errors import MissingExtra
from .studies import result

OURS: dict[str, FigureName] = {
    "plot_contour": "contour",
    "plot_intermediate_values": "curves",
    "plot_optimization_history": "history",
    "plot_parallel_coordinate": "parallel",
    "plot_param_importances": "importance",
    "plot_pareto_front": "front",
    "plot_timeline": "timeline",
}
"""Which figure of danlu's stands for which of Optuna's."""


def is_available() -> bool:
    """Whether figures can be drawn at all."""
    return _has_plotly() or _has_matplotlib()


def _has_plotly() -> bool:
    return bool(import_module("optuna.visualization").is_available())


def _has_matplotlib() -> bool:
    return find_spec("matplotlib") is not None


def __getattr__(name: str) -> Any:
    theirs = import_module("optuna.visualization")
    if name.startswith("plot_") and not _has_plotly():
        return _ours(name)
    if name == "matplotlib":
        return import_module("optuna.visualization.matplotlib")
    return getattr(theirs, name)


def _ours(name: str) -> Callable[..., Any]:
    """A figure without plotly: danlu's, or Optuna's own with matplotlib where danlu has none.

    Raises:
        MissingExtra: when matplotlib is missing as well.
    """
    second = import_module("optuna.visualization.matplotlib")
    if name not in OURS:
        return getattr(second, name)  # type: ignore[no-any-return]
    if not _has_matplotlib():
        raise MissingExtra("danlu.optuna.visualization", "plotly, or matplotlib", "plots")

    def plot(study: Study, *args: Any, **settings: Any) -> Any:
        drawn = [each for each in (*args, *settings.values()) if each is not None]
        if drawn:  # a selection of parameters, another target: what only Optuna's own figure knows
            return getattr(second, name)(study, *args, **settings)
        return result(study).plot(OURS[name])

    plot.__name__ = name
    plot.__doc__ = f"danlu's figure {OURS[name]!r} of a study; with further arguments, Optuna's own."
    return plot
