"""Recipes: for each kind of task a space, a network and a way to read data, which run as they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from ...errors import SettingError
from ...space.space import Space
from ..data import Data
from ..train.objective import Build
from . import image, recommend, tabular, text


class Recipe(msgspec.Struct, frozen=True):
    """One kind of task.

    Attributes:
        name: as the command line has it.
        space: makes the space; its priors are the sourced default, which is the first trial.
        build: makes the network of a point.
        load: reads a path into ``Data``.
        metric: what is searched for, by default.
        epochs: of a whole training.
        sources: of the ranges.
    """

    name: str
    space: Callable[[], dict[str, Any]]
    build: Build
    load: Callable[..., Data]
    metric: str
    epochs: int
    sources: tuple[str, ...]


RECIPES = {
    "image": Recipe("image", image.space, image.build, image.load, "val_loss", 16, image.SOURCES),
    "text": Recipe("text", text.space, text.build, text.load, "val_loss", 16, text.SOURCES),
    "recommend": Recipe(
        "recommend", recommend.space, recommend.build, recommend.load, "val_ndcg_at_10", 20, recommend.SOURCES
    ),
    "tabular": Recipe("tabular", tabular.space, tabular.build, tabular.load, "val_loss", 30, tabular.SOURCES),
}
ALSO = {"cnn": "image", "rnn": "text", "transformer": "text", "mlp": "tabular", "mf": "recommend"}


def recipe(name: str) -> Recipe:
    """The recipe of that name: image (cnn), text (rnn), recommend (mf), tabular (mlp).

    Raises:
        SettingError: when there is none.

    Example:
        >>> recipe("cnn").name
        'image'
    """
    found = RECIPES.get(ALSO.get(name, name))
    if found is None:
        raise SettingError(f"there is no recipe {name!r}. There are: {', '.join([*RECIPES, *ALSO])}.")
    return found


def space(name: str) -> Space:
    """The whole space of a recipe; its priors are the sourced default, which is the first trial.

    Raises:
        SettingError: when there is no such recipe.

    Example:
        >>> cnn = space("cnn")
        >>> cnn.decode(cnn.center())["optimizer"]
        'adamw'
    """
    return Space(recipe(name).space())
