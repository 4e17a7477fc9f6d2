"""``danlu.load``: what a campaign has come to, from its journals alone."""

from __future__ import annotations

import os
import pathlib
from typing import Any

from ..base.names import CAMPAIGNS, find
from ..contracts.protocols import Store
from ..errors import StoreError, StudyMissing
from ..study.opening import existing_history, open_store
from ..study.result import Result
from .drive import Conducted, recalled


def load(store: Store | str | os.PathLike[str], name: str, **how: Any) -> Any:
    """What was found under a name, with nothing trained: a tuned network, a campaign's stages, or a study's result.

    Args:
        store: that keeps it, or its file's name or URL.
        name: of a campaign or a study.
        how: what that kind needs more: ``data=`` for a network that was tuned on a program's own data.

    Returns:
        ``deep.Tuned`` of ``deep.tune`` and ``danlu tune``, its network included; ``danlu.campaign.Conducted`` of another
        campaign; ``danlu.Result`` of a study.

    Raises:
        StudyMissing: when there is nothing by that name.
        SettingError: when the campaign has not come to its end.

    Example:
        >>> import danlu
        >>> store = danlu.stores.MemoryStore()
        >>> _ = danlu.tune(lambda t: t["x"], {"x": danlu.Int(1, 3)}, trials=3, store=store, name="small")
        >>> danlu.load(store, "small").best.value
        1.0
    """
    if isinstance(store, str | os.PathLike) and "://" not in str(store) and not pathlib.Path(store).exists():
        raise StudyMissing(
            f"there is no store {os.fspath(store)!r}. Name the file that the study was kept in."
        )
    opened = open_store(store)
    if name not in opened.studies():
        there = ", ".join(opened.studies()) or "nothing"
        raise StudyMissing(f"there is no study and no campaign {name!r} in the store, which has {there}.")
    history = existing_history(opened, name)
    if not history.definition.campaign.kind:
        if how:
            raise StoreError(
                f"{name!r} is a study, of which nothing more can be said than its name, got {', '.join(how)}."
            )
        return Result(name, history, opened)
    if history.definition.campaign.kind in CAMPAIGNS:
        return find(CAMPAIGNS, "campaign", history.definition.campaign.kind)(opened, name, **how)
    own, results = recalled(opened, name)
    return Conducted(name, results, own, "")
