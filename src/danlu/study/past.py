"""Earlier studies that a new one learns from: read wherever they are, their points by this study's names, each step said."""

from __future__ import annotations

import csv
import math
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..base.rng import stable_hash
from ..base.values import shown
from ..contracts.protocols import Sampler
from ..errors import DanluError, SettingError
from ..journal import events as ev
from ..journal.history import History
from ..journal.past import located
from ..maths.ranks import best_and_spread
from ..problem.goal import Goal, Metric
from ..programs.sweeps import optuna_study, ray_results
from ..programs.sweeps.past import PastStudy
from ..space.infer import meaning
from ..space.parameters import Choice
from ..space.space import Space
from .opening import existing_history, open_store
from .result import Result
from .study import PastLike, Study

MOST = 500
"""Points that are kept of one earlier study: the better half are its best, the rest an even spread."""


class Earlier(NamedTuple):
    """The finished trials of an earlier study.

    Attributes:
        name: the study's.
        goal: that it had; None for a table, which says nothing of one.
        points: values by name.
        metrics: what each came to.
    """

    name: str
    goal: Goal | None
    points: list[dict[str, Any]]
    metrics: list[dict[str, float]]


def recalled(
    past: Sequence[PastLike],
    history: History,
    sampler: Sampler,
    *,
    name: str,
    clock: Callable[[], float],
) -> list[tuple[str | None, ev.Event]]:
    """The events that keep what earlier studies have taught, each with its operation; none for a study that has learned it before.

    Args:
        past: results, studies, stores, their files or URLs (``"old.db#name"`` for one study of several), databases and journals of Optuna,
            folders of Ray Tune, tables in CSV files.
        history: of the new study, with a goal of one metric.
        sampler: that is to learn from it.
        name: of the new study; in a store of which all studies are given it has no trials, and so is none of its own past.
        clock: seconds since the epoch.

    Raises:
        SettingError: where there are several goals, nothing to be read, or nothing that lies in this space; where the sampler does not learn from
            it; where the study has begun without it.
    """
    if not _unread(history, past, name):
        return []
    if not sampler.uses_past():
        raise SettingError(
            f"{type(sampler).__name__} learns from this study's own trials alone. Use sampler='auto' or 'gp', or leave past=... out."
        )
    space, goal = history.space, history.goal
    if len(goal.metrics) != 1:
        raise SettingError(
            f"earlier studies are compared by one metric, and the goal has {len(goal.metrics)}. Leave past=... out, or search for one of them."
        )
    found: list[tuple[str | None, ev.Event]] = []
    for each in past:
        source = source_of(each)
        read = list(_read(each, goal))
        if not read:
            raise SettingError(f"there is no study with finished trials in past={source!r}.")
        kept = [_recalled(trials, source, space, goal.metrics[0], clock()) for trials in read]
        found += [_kept(event) for event in kept if isinstance(event, ev.Recalled)]
        if not any(isinstance(event, ev.Recalled) for event in kept):
            raise SettingError(f"nothing can be learned from past={source!r}: {' '.join(map(str, kept))}")
    return found


def _kept(event: ev.Recalled) -> tuple[str, ev.Event]:
    """The event with its operation: each study of a source is kept once."""
    return f"past/{stable_hash(event.source)}/{stable_hash(event.name)}", event


def taught(
    stages: Sequence[Result], history: History, sampler: Sampler, *, clock: Callable[[], float]
) -> list[tuple[str | None, ev.Event]]:
    """The events that keep what earlier stages of a campaign have taught a stage that has not begun.

    A stage that teaches nothing, as none of its trials lies in this space, is passed over; so are all where the sampler learns from its own
    trials alone, and where there are several goals: a campaign goes its way with any sampler and any goal.
    """
    begun = len(history) > 0 or bool(history.definition.recalled)
    if begun or not sampler.uses_past() or len(history.goal.metrics) != 1:
        return []
    found: list[tuple[str | None, ev.Event]] = []
    for result in stages:
        source = source_of(result)
        event = _recalled(
            _of_history(result.study.name, result.history),
            source,
            history.space,
            history.goal.metrics[0],
            clock(),
        )
        if isinstance(event, ev.Recalled):
            found.append(_kept(event))
    return found


def _unread(history: History, past: Sequence[PastLike], name: str) -> bool:
    """Whether earlier studies are still to be read; those of a study that has begun stay as they are.

    Raises:
        SettingError: where it has begun without them, or with others.
    """
    given = sorted({source_of(each) for each in past})
    had = sorted({event.source for event in history.definition.recalled})
    if not given or {_place(each) for each in given} == {_place(each) for each in had}:
        return False
    if had or len(history):
        with_ = f"with past={', '.join(had)}" if had else "without earlier studies"
        raise SettingError(
            f"the study {name!r} has begun {with_}, which decides what it tries, and is not to learn from {', '.join(given)} now. "
            "Leave past=... as it was, or choose another name."
        )
    return True


def _place(source: str) -> str:
    """What two ways to write a file are the same by."""
    place, mark, study = source.partition("#")
    path = _file(place)
    return f"{path.resolve()}{mark}{study}" if place and path.exists() else source


def source_of(past: PastLike) -> str:
    """What an earlier study is called by whoever gives it.

    Raises:
        SettingError: for what is no study, store or file.
    """
    if isinstance(past, str | os.PathLike):
        return os.fspath(past)
    if isinstance(past, Result):
        return f"the result of {past.study.name}"
    if isinstance(past, Study):
        return f"the study {past.name}"
    if callable(getattr(past, "studies", None)):
        return f"the store {past!r}"
    raise SettingError(
        f"past=... takes results, studies, stores and files, got {shown(past)}. Give past=['old.db'] or past=[danlu.tune(...)]."
    )


def _read(past: PastLike, goal: Goal) -> Iterator[Earlier]:
    """The studies in a source that have finished trials; ``goal`` is the new study's, for what keeps none that can be read."""
    if isinstance(past, Study):
        past = past.result
    if isinstance(past, Result):
        found: Iterable[Earlier] = [_of_history(past.study.name, past.history)]
    elif isinstance(past, str | os.PathLike):
        found = _of_text(os.fspath(past), goal)
    else:
        found = _of_store(past)
    yield from (trials for trials in found if trials.points)


def _of_text(text: str, goal: Goal) -> Iterator[Earlier]:
    place, _, study = text.partition("#")
    scheme, _, rest = place.partition("://")
    if rest and scheme != "sqlite":
        yield from _of_store(open_store(place), study)
        return
    path = _file(place)
    if not place or not path.exists():
        raise SettingError(f"past={text!r} is not there. Give a store's file, or a folder of Ray Tune.")
    try:
        yield from _of_path(path, text, study, goal)
    except SettingError:
        raise
    except (DanluError, OSError, UnicodeError, csv.Error, sqlite3.Error) as error:
        remedy = " Save it as UTF-8." if isinstance(error, UnicodeError) else ""
        raise SettingError(f"past={text!r} cannot be read: {error}.{remedy}".replace("..", ".")) from error


def _of_path(path: Path, text: str, study: str, goal: Goal) -> Iterator[Earlier]:
    """What is in a file or folder that is there; ``text`` and ``study`` are what it is called by."""
    if path.is_dir():
        yield _of_other(ray_results.from_folder(path, goal, {}))
    elif optuna_study.is_database(path):
        yield _of_other(optuna_study.from_database(path, study or None))
    elif path.suffix == ".csv":
        yield _of_table(path)
    elif _first_line(path).startswith("SQLite format 3"):
        yield from _of_store(open_store(path), study)
    elif optuna_study.is_journal(_first_line(path)):
        yield _of_other(optuna_study.from_journal(path, study or None))
    else:
        raise SettingError(
            f"past={text!r} is no store of danlu's, no database or journal of Optuna's and no .csv. An export becomes a store "
            "by danlu import."
        )


def _file(place: str) -> Path:
    """Where a file is, that of a URL included: ``sqlite:///old.db`` lies here for Optuna, at the root for danlu."""
    scheme, _, rest = place.partition("://")
    if scheme != "sqlite" or not rest:
        return Path(place)
    here = Path(rest.removeprefix("/"))
    return here if here.exists() else Path(rest)


def _first_line(path: Path) -> str:
    with path.open(encoding="utf-8", errors="surrogateescape") as lines:
        return lines.readline(1 << 20)


def _of_store(store: Any, only: str = "") -> Iterator[Earlier]:
    names = store.studies()
    if only and only not in names:
        raise SettingError(
            f"there is no study {only!r} in the past's store. It has: {', '.join(names) or 'none'}."
        )
    for name in [only] if only else names:
        yield _of_history(name, existing_history(store, name))


def _of_history(name: str, history: History) -> Earlier:
    """The trials that are done, one a configuration where there are several contexts."""
    points, metrics = [], []
    for trial in history.trials.configurations():
        if trial.status is ev.Status.DONE and not trial.aside and not trial.violation:
            points.append(dict(trial.params))
            metrics.append(dict(trial.metrics))
    return Earlier(name, history.goal, points, metrics)


def _of_other(study: PastStudy) -> Earlier:
    done = [trial for trial in study.trials if trial.status is ev.Status.DONE]
    return Earlier(study.name, study.goal, [t.params for t in done], [t.metrics for t in done])


def _of_table(path: Path) -> Earlier:
    """A table with a column a parameter and a metric, as W&B and danlu export them."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        head = file.readline()
        between = "," if "," in head else next((each for each in ";\t" if each in head), ",")
        file.seek(0)
        rows = [
            {key: _value(text) for key, text in row.items() if key and text not in {None, ""}}
            for row in csv.DictReader(file, delimiter=between)
        ]
    numbers = [
        {key: float(value) for key, value in row.items() if isinstance(value, int | float)} for row in rows
    ]
    return Earlier(path.stem, None, rows, numbers)


def _value(text: str) -> Any:
    """What a cell holds: a number, on or off, or a word."""
    for read in (int, float):
        try:
            return read(text)
        except ValueError:
            continue
    return {"true": True, "false": False}.get(text.strip().casefold(), text)


def _recalled(trials: Earlier, source: str, space: Space, metric: Metric, at: float) -> ev.Recalled | str:
    """The event that keeps a study's points, or why there is none."""
    measured = _measured(trials, metric)
    if isinstance(measured, str):
        return measured
    old, how = measured
    said = [how] if how else []
    names = sorted({name for point in trials.points for name in point})
    taken = _names(names, space, said)
    points, losses, outside = [], [], 0
    for point, values in zip(trials.points, trials.metrics, strict=True):
        value = values.get(old.name)
        if value is None or not math.isfinite(value):
            continue
        mapped = {new: point[name] for new, name in taken.items() if name in point}
        if located(space, mapped) is None:
            outside += 1
            continue
        points.append(mapped)
        losses.append(float(old.loss(value)))
    if outside:
        said.append(f"{outside} of its trials lie outside of the ranges, and are left out")
    if not any(points) and not outside:
        said = [each for each in said if each == how] + ["it shares no parameter with this space"]
    if len(points) < 2 or not any(points):
        few = f"{trials.name!r} has {len(points)} trial{'s' * (len(points) != 1)} with a result that lie in this space"
        return ". ".join([few, *said]) + "."
    kept = best_and_spread(np.array(losses), MOST).tolist()
    reason = "; ".join([f"it learns from {len(kept)} trials of {trials.name!r} in {source}", *said])
    return ev.Recalled(
        trials.name, source, ev.pack_points([points[place] for place in kept]), tuple(losses[place] for place in kept), reason, at,
    )  # fmt: skip


def _measured(trials: Earlier, metric: Metric) -> tuple[Metric, str] | str:
    """The metric of the earlier study that stands for this one's, and what is to be said of that; or why there is none."""
    if any(metric.name in values for values in trials.metrics):
        return metric, ""
    had = () if trials.goal is None else trials.goal.metrics
    if len(had) == 1:
        way = "maximized" if had[0].maximize else "minimized"
        return had[0], f"its {had[0].name}, {way}, stands for {metric.name}"
    names = sorted({name for values in trials.metrics for name in values})
    return f"{trials.name!r} has no {metric.name}, and nobody says what stands for it. It has: {', '.join(names) or 'no numbers'}."


def _names(names: Sequence[str], space: Space, said: list[str]) -> dict[str, str]:
    """The earlier name of each parameter: its own, else the only one of the same meaning."""
    free = [name for name in names if name not in space.names]
    found = {}
    for slot in space.slots:
        if slot.name in names:
            found[slot.name] = slot.name
            continue
        of = meaning(slot.name)
        rivals = [other.name for other in space.slots if meaning(other.name) == of]
        same = [name for name in free if _plain(name) == _plain(slot.name)] or [
            name for name in free if of and meaning(name) == of and rivals == [slot.name]
        ]
        if len(same) == 1 and not isinstance(slot.parameter, Choice):
            found[slot.name] = same[0]
            said.append(f"its {same[0]} is taken for {slot.name}")
        else:
            said.append(f"it says nothing of {slot.name}")
    return found


def _plain(name: str) -> str:
    return "".join(character for character in name.casefold() if character.isalnum())
