"""``danlu.automl``: from a table to a model, in one call that can be killed and called again."""

from __future__ import annotations

import hashlib
import os
import time as clocks
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, NamedTuple, cast

import msgspec
import numpy as np

from ..base.failure import say
from ..base.names import EngineName, SamplerName
from ..base.plain import plain
from ..campaign.drive import Conducted, conduct, recalled, seen
from ..contracts.protocols import Engine, Sampler, Store
from ..engines.pool import Pool
from ..errors import BudgetError, DanluError, SettingError
from ..problem.budget import Budget, TrialLimits, seconds_of
from ..problem.goal import Goal
from ..space.space import Space
from ..study.opening import existing_history, open_store
from ..study.result import Result
from ..study.tune import engine_of
from .campaign import ENSEMBLE, KIND, REFIT, SEARCH, TEST, AutoCampaign, ensemble_of, members_key
from .deadline import UntilDeadline
from .families import defaults, families, parted_point, space_of
from .fits import FoldFits
from .kept import members_of
from .model import Model
from .parts import LEAST, RowParts, parted, repeated
from .reading.columns import TypedColumn, listed, typed, values_of
from .reading.leaks import without_leaks
from .reading.table import read_table
from .reading.target import TargetColumn, found_target
from .scores import Score, score_of
from .workbench import Workbench, places

SHORTEST = 5.0
"""Seconds that a call takes at least: a process has to start and to import what it fits."""

FINISH, LEAST_FINISH, FINISH_REFIT = 0.1, 2.5, 0.3
"""The share of the time that is kept for what follows the search, with so many seconds at least; and the share where the winners are fitted on all rows."""

HURRY = 2.0
"""With fewer seconds left it is not told which hyperparameters mattered."""

MOST_FINISH = 60.0
"""Seconds kept for it at most, where nothing is fitted again."""

ONE_FIT, LEAST_FIT = 0.4, 10.0
"""A fit gets this share of the time, and so many seconds at least."""

LARGE = 50_000
"""From so many rows on three folds tell enough."""


class _Prepared(NamedTuple):
    """A table made ready: values, targets, what they are, the parts, and what was noticed."""

    values: Any
    y: np.ndarray
    columns: tuple[TypedColumn, ...]
    target: TargetColumn
    parts: RowParts
    notes: list[str]
    leaks: list[str]
    source: str


def automl(
    table: Any, target: str, *, time: str | float | None = None, trials: int | None = None, metric: str = "", task: str = "",
    test: float = 0.2, folds: int | None = None, group: str | None = None, order_by: str | None = None,
    kinds: Mapping[str, str] | None = None, drop_leaks: bool = True, models: Sequence[str] | None = None, workers: int = 1,
    store: Store | str | os.PathLike[str] | None = None, name: str = "auto", seed: int = 0,
    engine: Engine | EngineName | None = None, sampler: Sampler | SamplerName | None = None, watch: bool | None = None,
) -> Model:  # fmt: skip
    """Find, confirm and test a model of a table; the same call with the same store goes on, whenever it was interrupted.

    Each family of models is tried with its default first, then what danlu's sampler suggests, on one fold after the other for as long as
    it may become the best. Models that were fitted anyway are put together where that is better on rows they have not seen, the default
    is kept where nothing beats it beyond noise, and the test part is looked at once.

    Args:
        table: the path of a ``.csv``, ``.tsv`` or ``.parquet`` file, a pandas data frame, or columns or rows as mappings.
        target: the column to predict.
        time: of the whole call, seconds or ``"10m"`` (5 s or more); five minutes where there is no ``trials`` either. It is kept, over all
            calls together: fits run in processes that are ended with it.
        trials: as many fits are made as this many configurations need on all folds (1 or more); those that are given up early make room for more.
        metric: that decides: log_loss (the default for classes), brier, accuracy, balanced_accuracy, f1, roc_auc; rmse (the default for
            numbers), mae, r2.
        task: binary, classes or numbers, where the guess is wrong.
        test: share of the rows that are set aside and looked at once, in [0, 0.5]; 0 for none.
        folds: of cross-validation (2 to 20): 5, or 3 from 50,000 rows on.
        group: column that says whom a row is about: rows of one stay in one part.
        order_by: column that says when a row was: what is validated and tested on is newer than what is trained on.
        kinds: what columns are, where the guess is wrong: number, boolean, category, date, text or "left out", by name.
        drop_leaks: whether columns that give the target away are left out; they are told in any case.
        models: names of families, all that are installed by default: boosting, linear, extra_trees, forest, lightgbm, xgboost, catboost, network.
        workers: fits at once.
        store, name: where the journals are kept, and the campaign's name.
        seed: of everything.
        engine, sampler, watch: as in ``danlu.tune``.

    Raises:
        SettingError: when the table, the target or an argument makes no model possible.
        BudgetError: when the time allows nothing.
        CampaignLeft: when a person or a signal has ended the search before its time; the same call goes on.

    Example:
        >>> import danlu
        >>> rows = {"size": [float(n % 17) for n in range(60)], "price": [3.0 * (n % 17) + n % 2 for n in range(60)]}
        >>> model = danlu.automl(rows, "price", trials=2, models=["linear"], engine="inline")
        >>> bool(abs(model.predict({"size": 10.0})[0] - 30) < 2)
        True
    """
    began = clocks.monotonic()
    seconds = _seconds(time, trials)
    _settings(trials=trials, test=test, folds=folds, seed=seed, name=name)
    opened = open_store(store)
    chosen = families(models)
    made = _prepared(
        table, target, task, test, folds, group, order_by, kinds or {}, seed, drop_leaks=drop_leaks
    )
    score = score_of(metric, made.target.task)
    _told(made, score.name, quiet=watch is False)
    space = Space(space_of(chosen))
    about = _about(made, score.name, seconds, trials)
    clock = _clock(opened, name, about, began, seconds, refit=made.parts.refit)
    runs = engine_of(engine or _pool(workers), workers, 0)
    bench = _bench(made, score, seed, clock, runs)
    count = len(made.parts.folds)
    campaign = AutoCampaign(
        space=space, goal=Goal((score.metric,)), points=tuple(defaults(chosen)), folds=count,
        budget=clock.budget() if trials is None else clock.budget().merged(trials=trials * count), about=about, refits=made.parts.refit,
        trial_limits=None if seconds is None or not isinstance(runs, Pool) else TrialLimits(time=max(LEAST_FIT, ONE_FIT * seconds)),
        tests=bool(len(made.parts.test)), sampler=sampler, last=Budget() if seconds is None else Budget(time=0.7 * clock.kept),
    )  # fmt: skip
    looks = {
        ENSEMBLE: lambda results: _ensembled(bench, results),
        TEST: lambda results: bench.test(results, _found(opened, name, results, count)),
    }
    objectives = {SEARCH: bench.fits, REFIT: _all_rows(made, score.name, seed)}
    done = conduct(
        campaign,
        objectives,
        store=opened,
        name=name,
        engine=cast(Engine, bench.engine or runs),
        seed=seed,
        looks=looks,
        watch=watch,
    )
    return _model(done, bench)


def _pool(workers: int) -> Engine:
    """Processes of one thread each: more threads than free cores make fits ten times slower, and workers are the way to more cores."""
    if isinstance(workers, bool) or not isinstance(workers, int) or workers < 1:
        raise SettingError(f"workers is a whole number >= 1, got {workers!r}.")
    return cast(Engine, Pool(workers, threads=1))


def load(store: Store, name: str) -> Model:
    """The model that a call of ``automl`` has come to under a name, from its store alone; nothing is fitted.

    Raises:
        SettingError: when the call has not come to its end.
        CorruptError: when a model is missing from the store.
    """
    own, results = recalled(store, name)
    return _model(Conducted(name, results, own, ""), None)


def _model(done: Conducted, bench: Workbench | None) -> Model:
    own, about = done.own, done.own.definition.campaign.settings
    if SEARCH not in done.results:
        raise SettingError(f"{done.name!r} has not come to its end: nothing was searched. Make the same call of danlu.automl again.")  # fmt: skip
    found = ensemble_of(own, done.results[SEARCH], int(about["folds"]))
    if found is None:
        raise SettingError(f"{done.name!r} has not come to its end: no ensemble was chosen. Make the same call of danlu.automl again.")  # fmt: skip
    tested = seen(own, TEST, members_key(found)) if about["tests"] else None
    if about["tests"] and tested is None:
        raise SettingError(f"{done.name!r} has not come to its end: its winner was not tested. Make the same call of danlu.automl again.")  # fmt: skip
    members = (
        bench.members(done.results, found)
        if bench is not None
        else members_of(done.results, found, refit=about["refit"])
    )
    columns = tuple(msgspec.convert(each, TypedColumn) for each in about["columns"])
    target = msgspec.convert(about["target"], TargetColumn)
    story = {
        **about,
        "ensemble": found,
        "test": tested,
        "candidates": _candidates(done.results[SEARCH], int(about["folds"])),
    }
    looks = sum(each.subject == TEST for each in own.definition.campaign.judgments)
    return Model(
        target, columns, members, float(found["temperature"]), {**story, "name": done.name, "looks": looks}
    )


def _seconds(time: str | float | None, trials: int | None) -> float | None:
    if time is None:
        return None if trials is not None else 300.0
    if isinstance(time, bool) or not isinstance(time, str | int | float):
        raise BudgetError(f"a time is seconds or text like '10m', got {time!r}.")
    seconds = seconds_of(time)
    assert seconds is not None
    if not seconds >= SHORTEST:
        raise BudgetError(f"a model takes at least {SHORTEST:g} s, got time={time!r}. Give more time, or trials=10 with no limit of time.")  # fmt: skip
    return seconds


def _settings(*, trials: int | None, test: float, folds: int | None, seed: int, name: str) -> None:
    if trials is not None and (isinstance(trials, bool) or not isinstance(trials, int) or trials < 1):
        raise SettingError(f"trials is a whole number >= 1, got {trials!r}.")
    if isinstance(test, bool) or not isinstance(test, int | float) or not 0 <= test <= 0.5:
        raise SettingError(f"the test part is a share of the rows from 0 to 0.5, got test={test!r}.")
    if folds is not None and (isinstance(folds, bool) or not isinstance(folds, int) or not 2 <= folds <= 20):
        raise SettingError(f"folds is a whole number from 2 to 20, got {folds!r}.")
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**31:
        raise SettingError(f"a seed is a whole number from 0 to 2**31 - 1, got {seed!r}.")
    if not isinstance(name, str) or not name.strip():
        raise SettingError(f"a campaign needs a name that is a non-empty string, got {name!r}.")


def _prepared(
    table: Any, target: str, task: str, test: float, folds: int | None, group: str | None, order_by: str | None,
    kinds: Mapping[str, str], seed: int, *, drop_leaks: bool,
) -> _Prepared:  # fmt: skip
    read = read_table(table)
    frame, notes = read.frame, list(read.notes)
    if group is not None and order_by is not None:
        raise SettingError("rows are dealt out by group or by order_by, got both. Leave one out.")
    for what, column in (("target", target), ("group", group), ("order_by", order_by)):
        _there(frame, column, what)
    found, y, held = found_target(frame[target].tolist(), target, task=task)
    notes += found.notes
    frame = frame.loc[held].drop(columns=[target]).reset_index(drop=True)
    if not len(frame.columns):
        raise SettingError(
            f"the table has no column but the target {target!r}: there is nothing to predict it from."
        )
    if len(y) < LEAST:
        raise SettingError(
            f"a model needs at least {LEAST} rows with a target, got {len(y)}. Give more rows."
        )
    units, notes = _units(frame, y, group, order_by, notes)
    order = _moments(frame, order_by) if order_by is not None else None
    parts = parted(
        y, share=test, folds=folds or (3 if len(y) >= LARGE else min(5, max(2, len(y) // 5))), seed=seed, classes=found.task != "numbers",
        units=units, order=order, grouped=group is not None,
    )  # fmt: skip
    _learnable(y[parts.train], found)
    teach = frame.iloc[parts.train]
    own = {name: kind for name, kind in kinds.items() if name not in {group, order_by, target}}
    columns = tuple(_set_aside(each, group, order_by) for each in typed(teach, kinds=own))
    columns, leaks = without_leaks(
        teach, y[parts.train], columns, found, list(own) if drop_leaks else list(teach.columns), seed=seed
    )
    if not any(column.used for column in columns):
        told = "; ".join(f"{column.name!r}: {column.reason}" for column in columns[:5])
        raise SettingError(f"no column can be used to predict {target!r} ({told}). Say what a column is with kinds={{name: kind}}.")  # fmt: skip
    return _Prepared(values_of(frame, columns), y, columns, found, parts, notes, leaks, read.source)


def _there(frame: Any, column: str | None, what: str) -> None:
    if column is None or column in frame.columns:
        return
    near = get_close_matches(str(column), list(frame.columns), n=1) or [each for each in frame.columns if each.casefold() == str(column).casefold()]  # fmt: skip
    remedy = f"Did you mean {near[0]!r}?" if near else f"There are: {listed(frame.columns)}."
    raise SettingError(f"the table has no column {column!r} to be the {what}. {remedy}")


def _units(
    frame: Any, y: np.ndarray, group: str | None, order_by: str | None, notes: list[str]
) -> tuple[np.ndarray | None, list[str]]:
    """For each row whom it belongs to, where rows belong together."""
    import pandas as pd

    if group is not None:
        return np.asarray(pd.factorize(frame[group].astype(str))[0]), notes
    text = frame.map(str).assign(**{"\x00target": y})
    units, count = repeated(pd.util.hash_pandas_object(text, index=False).to_numpy())
    if not count:
        return None, notes
    if count > 0.3 * len(y):
        return None, [
            *notes,
            f"{count} of {len(y)} rows repeat another one: they are taken for observations of their own",
        ]
    if order_by is not None:
        return None, [*notes, f"{count} rows repeat another one"]
    return units, [*notes, f"{count} rows repeat another one: each stays in one part with what it repeats, or the test would know them"]  # fmt: skip


def _moments(frame: Any, order_by: str) -> np.ndarray:
    (column,) = typed(frame[[order_by]])
    if column.kind == "left out" and column.values > 1:  # it counts the rows, which is an order
        (column,) = typed(frame[[order_by]], kinds={order_by: "number"})
    if column.kind not in {"number", "date"} or column.gaps:
        raise SettingError(f"the rows are to be ordered by {order_by!r}, which needs a number or a date in every row: it is taken for {column.kind}, {column.reason}.")  # fmt: skip
    values = values_of(frame, [column])[order_by]
    if column.kind == "date":
        if values.isna().any():
            raise SettingError(f"the rows are to be ordered by {order_by!r}, and {int(values.isna().sum())} rows have no date there that can be read.")  # fmt: skip
        return np.asarray(values.astype("int64"), dtype=np.float64)
    return np.asarray(values, dtype=np.float64)


def _set_aside(column: TypedColumn, group: str | None, order_by: str | None) -> TypedColumn:
    if column.name == group:
        return msgspec.structs.replace(column, kind="left out", reason="it says whom a row is about, which keeps rows together")  # fmt: skip
    if column.name == order_by:
        return msgspec.structs.replace(
            column, kind="left out", reason="it says when a row was, which orders the rows"
        )
    return column


def _learnable(y: np.ndarray, target: TargetColumn) -> None:
    if target.task != "numbers" and len(np.unique(y)) < 2:
        raise SettingError(f"the rows that are trained on have one class of {target.name!r} alone. Give more rows, or a smaller test part.")  # fmt: skip


def _about(made: _Prepared, metric: str, seconds: float | None, trials: int | None) -> dict[str, Any]:
    """What the journal keeps of the call: all that a model and its report need beside the trials."""
    return {
        "source": made.source, "data": _fingerprint(made), "metric": metric, "rows": len(made.y), "train": len(made.parts.train),
        "folds": len(made.parts.folds), "parts": made.parts.note, "refit": made.parts.refit, "tests": bool(len(made.parts.test)),
        "notes": made.notes, "leaks": made.leaks, "columns": msgspec.to_builtins(list(made.columns)),
        "target": msgspec.to_builtins(made.target), "counts": _counts(made), "seconds": seconds, "trials": trials,
    }  # fmt: skip


def _counts(made: _Prepared) -> dict[str, float]:
    """How often each class is there; of numbers, where they lie."""
    if made.target.task != "numbers":
        return {str(label): int((made.y == at).sum()) for at, label in enumerate(made.target.labels)}
    low, middle, high = np.percentile(made.y, [0, 50, 100])
    return {"least": float(low), "median": float(middle), "most": float(high)}


def _fingerprint(made: _Prepared) -> str:
    import pandas as pd

    values = made.values.map(str) if len(made.values.columns) else made.values
    told = hashlib.sha256(pd.util.hash_pandas_object(values, index=False).to_numpy().tobytes())
    for each in (made.y, made.parts.train, made.parts.test, *(valid for _, valid in made.parts.folds)):
        told.update(np.ascontiguousarray(each).tobytes())
    return told.hexdigest()[:16]


class _Clock(NamedTuple):
    """What is left of the time.

    Attributes:
        ends: when the whole call is to be over, in ``time.monotonic``'s seconds; None for never.
        spent: seconds that earlier calls have searched.
        over: whether an earlier call has come to its end with the same budget, so that nothing is left to search.
        kept: seconds for what follows the search.
    """

    ends: float | None
    spent: float
    over: bool
    kept: float

    def budget(self) -> Budget:
        """Of the search, over all calls."""
        if self.ends is None:
            return Budget()
        return Budget(time=max(0.1, self.spent if self.over else self.spent + self.left()))

    def left(self) -> float:
        """Seconds of this call's search."""
        return float("inf") if self.ends is None else max(0.1, self.ends - self.kept - clocks.monotonic())


def _clock(store: Store, name: str, about: Mapping[str, Any], began: float, seconds: float | None, *, refit: bool) -> _Clock:  # fmt: skip
    """How long there is, after what earlier calls have taken.

    Raises:
        SettingError: when they were about other data.
    """
    kept = 0.0 if seconds is None else seconds * FINISH_REFIT if refit else min(MOST_FINISH, max(LEAST_FINISH, seconds * FINISH))  # fmt: skip
    spent, over = 0.0, False
    if name in store.studies():
        own = existing_history(store, name).definition
        held = own.campaign.settings
        if own.campaign.kind == KIND and held:
            if (held["data"], held["metric"]) != (about["data"], about["metric"]):
                what = "another metric" if held["data"] == about["data"] else "other data, or other columns, folds or test part"  # fmt: skip
                raise SettingError(f"the campaign {name!r} was begun with {what}. Choose another name=, or give what it was begun with.")  # fmt: skip
            same = (held["seconds"], held["trials"]) == (about["seconds"], about["trials"])
            over = same and any(each.subject == ENSEMBLE for each in own.campaign.judgments)
        called = f"{name}/{SEARCH}"
        if called in store.studies():
            spent = existing_history(store, called).spent.seconds
    return _Clock(None if seconds is None else began + seconds - (0.0 if over else spent), spent, over, kept)


def _bench(made: _Prepared, score: Score, seed: int, clock: _Clock, engine: Engine) -> Workbench:
    """The data of the call, the objective, and the engine that runs it until the time is over."""
    parts = made.parts
    pairs = [(places(parts.train, train), places(parts.train, valid)) for train, valid in parts.folds]
    deadline = None if clock.ends is None else UntilDeadline(engine, clock.left())
    fits = _fits(made, score.name, seed, pairs)
    return Workbench(
        made.values, made.y, parts, made.columns, made.target, score, seed, fits, clock.ends, deadline
    )


def _fits(
    made: _Prepared, metric: str, seed: int, pairs: Sequence[tuple[np.ndarray, np.ndarray]]
) -> FoldFits:
    train = made.parts.train
    values = made.values.iloc[train].reset_index(drop=True)
    return FoldFits(values, made.y[train], pairs, made.columns, made.target.task, len(made.target.labels), metric, seed)  # fmt: skip


def _all_rows(made: _Prepared, metric: str, seed: int) -> FoldFits:
    """The objective of fits on all rows that are trained on; what they say of the newest fold is kept, and judges nothing."""
    parts = made.parts
    return _fits(made, metric, seed, [(np.arange(len(parts.train)), places(parts.train, parts.folds[-1][1]))])


def _ensembled(bench: Workbench, results: Mapping[str, Result]) -> dict[str, Any]:
    found = bench.ensemble(results)
    hurried = bench.left() < HURRY
    found |= (
        {"mattered": [], "mattered_not": "there was no time to tell."}
        if hurried
        else _mattered(results[SEARCH])
    )
    if bench.engine is not None:
        bench.engine.postpone(max(0.1, bench.left() - 1.0))
    return found


def _found(store: Store, name: str, results: Mapping[str, Result], folds: int) -> dict[str, Any]:
    found = ensemble_of(existing_history(store, name), results[SEARCH], folds)
    assert found is not None  # the campaign looks at the test part after it
    return found


def _told(made: _Prepared, metric: str, *, quiet: bool) -> None:
    """Say what was guessed, so that nobody has to look for it."""
    if quiet:
        return
    target, used = made.target, [column for column in made.columns if column.used]
    say(f"danlu: {target.name!r} is {target.task} ({target.reason}), judged by {metric}. {made.parts.note}.")
    left = [
        f"{column.name!r} ({column.reason})"
        for column in made.columns
        if not column.used and not column.leaks
    ]
    say(f"danlu: {len(used)} columns are used{f'; left out: {listed(left, 8)}' if left else ''}. model.columns has all reasons.")  # fmt: skip
    for sentence in (*made.notes, *made.leaks):
        say(f"danlu: {sentence}.")


def _candidates(search: Result, folds: int) -> list[dict[str, Any]]:
    """Each configuration: its family, parameters, mean and spread over folds, and on how many it was fitted; the best first."""
    metric = search.history.goal.metrics[0]
    groups = search.history.trials.groups
    found: list[dict[str, Any]] = []
    for head, group in groups.over.items():
        trial = search.history.trials[head]
        model, own = parted_point(trial.params)
        runs = [search.history.trials[run] for run in group.trials]
        found.append({
            "trial": head, "model": model, "params": own, "value": group.metrics.get(metric.name), "spread": group.spread.get(metric.name),
            "folds": len(group.trials), "whole": group.whole and len(group.trials) == folds, "seconds": sum(run.seconds or 0.0 for run in runs),
            "why": groups.given_up.get(head, trial.reason or ""),
        })  # fmt: skip
    worst = metric.worst
    found.sort(key=lambda each: (not each["whole"], metric.loss(worst if each["value"] is None else each["value"]), each["trial"]))  # fmt: skip
    return found


def _mattered(search: Result) -> dict[str, Any]:
    """Which hyperparameters mattered, as the study's own analysis says; nothing where it cannot tell yet."""
    try:
        found = search.analysis.importance()
    except DanluError as error:
        return {"mattered": [], "mattered_not": str(error)}
    return {"mattered": plain(found), "mattered_not": ""}
