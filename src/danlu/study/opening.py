"""Opening a study: make it, or join the one that is there if it is the same."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

from ..base.names import STORES, find
from ..contracts.protocols import Journal, Sampler, Store
from ..errors import GoalError, SettingError, SpaceMismatch, StoreError, StudyExists, StudyMissing
from ..journal import events as ev
from ..journal.history import History
from ..problem.contexts import Context
from ..problem.goal import Goal
from ..space.space import Space, difference

Learned: TypeAlias = Callable[[History, Sampler], "list[tuple[str | None, ev.Event]]"]
"""What earlier studies have taught, for a study that has not begun, as events for its journal."""


class StudyDefinition(NamedTuple):
    """What a study is opened with; None joins whatever is stored."""

    name: str
    space: Space | None
    goal: Goal | None
    seed: int | None = None
    extend: bool = False
    keep: ev.Keep = "best"
    parent: str = ""
    past: Learned | None = None


def find_journal(store: Store, opening: StudyDefinition, at: float) -> Journal:
    """The study's journal, made if it is missing.

    Raises:
        StudyMissing: when it is missing and no space was given to make it.
    """
    if opening.name not in store.studies():
        if opening.space is None or opening.goal is None:
            raise StudyMissing(f"there is no study {opening.name!r}, and no space and goal to make it.")
        seed = secrets.randbits(32) if opening.seed is None else opening.seed
        event = ev.Created(
            opening.space.spec, opening.goal, seed, at, keep=opening.keep, parent=opening.parent
        )
        with contextlib.suppress(StudyExists):  # another process was faster: join it
            return store.create(opening.name, event)
    return store.journal(opening.name)


def open_store(store: Store | str | os.PathLike[str] | None) -> Store:
    """A store from itself, a file name, or None for memory.

    Raises:
        StoreError: when the file cannot be used.
        SettingError: for the URL of a store that this danlu does not have.
    """
    if store is not None and not isinstance(store, str | os.PathLike):
        return store
    if store is None:
        opened: Store = find(STORES, "store", "memory")()
    elif isinstance(store, str) and "://" in store:
        scheme, _, rest = store.partition("://")
        opened = find(STORES, "store", scheme)(rest)
    else:
        if not os.fspath(store):
            raise StoreError(
                "a store in a file needs its name, got ''. Name one, study.db, or leave the store out."
            )
        opened = find(STORES, "store", "sqlite")(Path(store))
    return opened


def existing_history(store: Store, name: str) -> History:
    """The journal of a study or campaign that is there, folded.

    Raises:
        StudyMissing: when it is not there.
    """
    history = History()
    history.fold(store.journal(name).read(0))
    return history


def agree(history: History, opening: StudyDefinition, at: float) -> ev.Reshaped | None:
    """Check that the stored study is the one that is wanted; the event that extends it, if asked for.

    Raises:
        SpaceMismatch: when the stored study has another space, with the difference.
        GoalError, SettingError: when it has another goal or seed.
        StudyExists: when there is a campaign by that name.
    """
    if history.definition.campaign.kind:
        stages = ", ".join(history.definition.campaign.stages.values()) or "none yet"
        raise StudyExists(
            f"{opening.name!r} is a campaign, whose studies are {stages}. Open one of those, or choose another name."
        )
    if opening.goal is not None and opening.goal != history.goal:
        raise GoalError(
            f"the study {opening.name!r} was made for {_spoken(history.goal)}, not {_spoken(opening.goal)}. "
            "Choose another name."
        )
    if opening.seed is not None and opening.seed != history.definition.seed:
        raise SettingError(
            f"the study {opening.name!r} has seed {history.definition.seed}, not {opening.seed}. "
            "Leave the seed out, or choose another name."
        )
    if opening.space is None:
        return None
    changes = difference(history.definition.declared, opening.space.spec)
    if not changes:
        return None
    if not opening.extend:
        raise SpaceMismatch(
            f"the study {opening.name!r} has another space:\n  "
            + "\n  ".join(changes)
            + "\nChoose another name, or change the space on purpose with extend=True."
        )
    reason = "the space was changed on purpose: " + "; ".join(changes)
    return ev.Reshaped(opening.space.spec, reason, at)


def agree_contexts(history: History, name: str, contexts: Sequence[Context]) -> None:
    """Check that the contexts are of the kind that the study's trials were evaluated in; there may be more or fewer of them.

    Raises:
        SettingError: when trials were evaluated in none, or in contexts of other names: their means are about something else.
    """
    if not contexts and not history.trials.groups:
        return
    wanted = tuple(contexts[0]) if contexts else ()
    for number, row in enumerate(history.rows):
        had = tuple(row.asked.context)
        if set(had) != set(wanted) and number not in history.rows.aside:
            told = ", ".join(had) if had else "no context at all"
            raise SettingError(
                f"the study {name!r} is to be evaluated in contexts of {', '.join(wanted) or 'no name'}, and trial {number} was evaluated in "
                f"{told}. Choose another name."
            )


def _spoken(goal: Goal) -> str:
    words = [f"{'maximize' if m.maximize else 'minimize'} {m.name}" for m in goal.metrics]
    return " and ".join(words + [f"{x.name} {'<=' if x.below else '>='} {x.bound:g}" for x in goal.limits])
