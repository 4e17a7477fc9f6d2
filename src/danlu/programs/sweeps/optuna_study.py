"""Optuna's studies, from SQLite or a journal file; nothing of Optuna has to be installed.

The tables are those of Optuna's RDB storage (``optuna/storages/_rdb/models.py``, schema of versions 2 to 5), the lines those of its
journal storage (``optuna/storages/journal/_storage.py``).
"""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

from ...errors import StoreError
from ...journal.events import DOOR, Status
from ...problem.goal import Goal, Metric
from ...space.parameters import Choice, Float, Int, Leaf
from .optuna_facts import END, PARAM, REPORT, SYSTEM, USER
from .past import PastStudy, PastTrial, common

_STATES = ("RUNNING", "COMPLETE", "PRUNED", "FAIL", "WAITING")
_WAYS = ("NOT_SET", "MINIMIZE", "MAXIMIZE")
_ENDED = {"COMPLETE": Status.DONE, "PRUNED": Status.STOPPED, "FAIL": Status.FAILED}
_NAMES = "study:metric_names"


class _Kept:
    """A trial as it is collected."""

    def __init__(self, number: int, state: str, begun: Any, ended: Any) -> None:
        self.number, self.state, self.begun, self.ended = number, state, begun, ended
        self.params: dict[str, tuple[float, str]] = {}
        self.values: dict[int, float] = {}
        self.curve: dict[int, float] = {}
        self.facts: dict[str, Any] = {}

    def note(self, kind: str, attributes: Mapping[str, Any]) -> None:
        """Keep attributes: a user's under their own names."""
        for name, value in attributes.items():
            plain = kind == USER and not name.startswith(DOOR)
            self.facts[name if plain else f"{kind}{name}"] = value


def is_database(path: Path) -> bool:
    """Whether an SQLite file holds studies of Optuna's."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as file:
            tables = _tables(file)
    except sqlite3.DatabaseError:  # no database, or none that can be opened
        return False
    return {"studies", "trials", "trial_params", "version_info"} <= tables


def _tables(file: sqlite3.Connection) -> set[str]:
    return {name for (name,) in file.execute("select name from sqlite_master where type = 'table'")}


def is_journal(first: str) -> bool:
    """Whether this is the first line of a journal of Optuna's."""
    try:
        row = json.loads(first)
    except ValueError:
        return False
    return isinstance(row, dict) and "op_code" in row and "worker_id" in row


def from_database(path: Path, study: str | None = None) -> PastStudy:
    """A study in an SQLite file.

    Raises:
        StoreError: when there is none by that name, or several and none is named.
    """
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as file:
        names = {name: number for number, name in file.execute("select study_id, study_name from studies")}
        name = _chosen(list(names), study, path)
        of = (names[name],)
        ways = [
            str(way)
            for (way,) in file.execute(
                "select direction from study_directions where study_id = ? order by objective", of
            )
        ]
        attributes = dict(
            file.execute("select key, value_json from study_system_attributes where study_id = ?", of)
        )
        facts = {f"{SYSTEM}{key}": json.loads(text) for key, text in attributes.items()}
        if "study_user_attributes" in _tables(file):
            rows = file.execute("select key, value_json from study_user_attributes where study_id = ?", of)
            facts |= {f"{USER}{key}": json.loads(text) for key, text in rows}
        trials = {
            identity: _Kept(number, str(state), begun, ended)
            for identity, number, state, begun, ended in file.execute(
                "select trial_id, number, state, datetime_start, datetime_complete from trials where study_id = ? order by number",
                of,
            )
        }
        _collect(file, trials)
    return _study(name, ways, json.loads(attributes.get(_NAMES, "null")), list(trials.values()), facts)


def _collect(file: sqlite3.Connection, trials: Mapping[int, _Kept]) -> None:
    """The parameters, values, curves and attributes of trials."""
    for trial, name, value, kind in file.execute(
        "select trial_id, param_name, param_value, distribution_json from trial_params"
    ):
        if trial in trials:
            trials[trial].params[name] = value, kind
    for table, place, column in (
        ("trial_values", "objective", "value"), ("trial_intermediate_values", "step", "intermediate_value"),
    ):  # fmt: skip
        columns = [row[1] for row in file.execute(f"pragma table_info({table})")]
        kind = f"{column}_type" if f"{column}_type" in columns else "'FINITE'"  # version 2 has no infinities
        query = f"select trial_id, {place}, {column}, {kind} from {table}"  # noqa: S608 - of our own words
        for trial, at, value, sort in file.execute(query):
            if trial in trials:
                kept = trials[trial].values if table == "trial_values" else trials[trial].curve
                kept[at] = {"INF_POS": math.inf, "INF_NEG": -math.inf}.get(
                    str(sort), math.nan if value is None else value
                )
    attributes = (("trial_user_attributes", USER), ("trial_system_attributes", SYSTEM))
    for table, kind in ((table, kind) for table, kind in attributes if table in _tables(file)):
        query = f"select trial_id, key, value_json from {table}"  # noqa: S608 - of our own words
        for trial, name, text in file.execute(query):
            if trial in trials:
                trials[trial].note(kind, {name: json.loads(text)})


def from_journal(path: Path, study: str | None = None) -> PastStudy:
    """A study in a journal file.

    Raises:
        StoreError: when there is none by that name, or several and none is named.
    """
    names: list[str] = []
    ways: list[list[str]] = []
    gone: set[int] = set()
    facts: dict[int, dict[str, Any]] = {}
    trials: list[_Kept] = []
    of: list[int] = []
    with path.open(encoding="utf-8") as lines:
        for row in _rows(lines):
            code = row["op_code"]
            if code == 0:
                names.append(row["study_name"])
                ways.append([_WAYS[way] for way in row["directions"]])
            elif code == 1:
                gone.add(row["study_id"])
            elif code in {2, 3}:
                kind, given = (USER, row["user_attr"]) if code == 2 else (SYSTEM, row["system_attr"])
                own = facts.setdefault(row["study_id"], {})
                own |= {f"{kind}{key}": value for key, value in given.items()}
            elif code == 4:
                of.append(row["study_id"])
                trials.append(_created(row, of.count(row["study_id"]) - 1))
            elif code in {5, 6, 7, 8, 9}:
                _changed(trials[row["trial_id"]], row)
    there = {name: at for at, name in enumerate(names) if at not in gone}
    name = _chosen(list(there), study, path)
    at = there[name]
    return _study(
        name,
        ways[at],
        facts.get(at, {}).get(f"{SYSTEM}{_NAMES}"),
        [trial for trial, owner in zip(trials, of, strict=True) if owner == at],
        facts.get(at, {}),
    )


def _rows(lines: Iterable[str]) -> Iterable[dict[str, Any]]:
    for line in lines:
        try:
            yield json.loads(line)
        except ValueError:  # the last one, which a dying process has left
            return


def _created(row: Mapping[str, Any], number: int) -> _Kept:
    """A new trial, or one that was added whole."""
    trial = _Kept(
        number, _STATES[row.get("state", 0)], row.get("datetime_start"), row.get("datetime_complete")
    )
    for name, value in (row.get("params") or {}).items():
        trial.params[name] = value, row["distributions"][name]
    values = row.get("values") or ([] if row.get("value") is None else [row["value"]])
    trial.values = dict(enumerate(values))
    trial.curve = {int(step): value for step, value in (row.get("intermediate_values") or {}).items()}
    trial.note(USER, row.get("user_attrs") or {})
    trial.note(SYSTEM, row.get("system_attrs") or {})
    return trial


def _changed(trial: _Kept, row: Mapping[str, Any]) -> None:
    match row["op_code"]:
        case 5:
            trial.params[row["param_name"]] = row["param_value_internal"], row["distribution"]
        case 6:
            trial.state = _STATES[row["state"]]
            trial.values = dict(enumerate(row.get("values") or ()))
            trial.begun = row.get("datetime_start") or trial.begun
            trial.ended = row.get("datetime_complete") or trial.ended
        case 7:
            trial.curve[row["step"]] = row["intermediate_value"]
        case 8:
            trial.note(USER, row["user_attr"])
        case _:
            trial.note(SYSTEM, row["system_attr"])


def _chosen(names: Sequence[str], study: str | None, path: Path) -> str:
    if study is None and len(names) == 1:
        return names[0]
    if study in names:
        return str(study)
    if study is None:
        raise StoreError(
            f"{path} has {len(names)} studies. Name one by --study, or as past='{path.name}#NAME': {', '.join(names) or 'there is none'}."
        )
    raise StoreError(f"{path} has no study {study!r}. It has: {', '.join(names) or 'none'}.")


def _study(
    name: str, ways: Sequence[str], names: Sequence[str] | None, trials: Sequence[_Kept], facts: Mapping[str, Any]
) -> PastStudy:  # fmt: skip
    metrics = list(names or (["value"] if len(ways) == 1 else [f"value_{at}" for at in range(len(ways))]))
    goal = Goal(tuple(Metric(metric, way == "MAXIMIZE") for metric, way in zip(metrics, ways, strict=True)))
    said: list[str] = []
    over = [trial for trial in trials if trial.state in _ENDED]
    if len(over) < len(trials):
        said.append(f"trials that had not ended are left out: {len(trials) - len(over)}.")
    if not over:
        raise StoreError(f"no trial of {name!r} has ended, so there is nothing to carry over.")
    kinds = [{key: parameter(kind) for key, (_, kind) in trial.params.items()} for trial in over]
    fixed = {key for space in kinds for key, each in space.items() if each is None}
    if fixed:
        said.append(f"{', '.join(sorted(fixed))} had one value in some trials, and is left out.")
    space = common(
        [{key: each for key, each in space.items() if each and key not in fixed} for space in kinds],
        "Optuna",
        said,
    )
    return PastStudy(
        "Optuna", name, space, goal, tuple(_trial(trial, space, metrics, goal) for trial in over), tuple(said), dict(facts)
    )  # fmt: skip


def _trial(trial: _Kept, space: Mapping[str, Leaf], metrics: Sequence[str], goal: Goal) -> PastTrial:
    values = {metrics[at]: value for at, value in trial.values.items() if at < len(metrics)}
    curve: dict[int, dict[str, float]] = {}
    if len(metrics) == 1:  # Optuna takes reports in studies of one goal alone
        curve = {step: {metrics[0]: value} for step, value in trial.curve.items() if step >= 0}
    if trial.state == "PRUNED":  # what counts of a curve that was cut is its best report, as in danlu's own
        values = (
            {metrics[0]: goal.metrics[0].best(row[metrics[0]] for row in curve.values())} if curve else values
        )
    reason = {"PRUNED": "pruned in Optuna", "FAIL": "failed in Optuna, which keeps no cause"}.get(
        trial.state, ""
    )
    begun = _seconds(trial.begun)
    params = {key: _value(value, kind) for key, (value, kind) in trial.params.items() if key in space}
    return PastTrial(
        trial.number, params, _ENDED[trial.state], values, curve, begun, max(begun, _seconds(trial.ended)),
        trial.facts | _kept(trial, space, curve), reason,
    )  # fmt: skip


def _kept(trial: _Kept, space: Mapping[str, Leaf], curve: Mapping[int, Any]) -> dict[str, Any]:
    """What Optuna has of a trial and danlu's study of it has not, so that it can be given back."""
    facts: dict[str, Any] = {
        f"{PARAM}{name}": {"distribution": kind, "value": value}
        for name, (value, kind) in trial.params.items()
        if parameter(kind) != space.get(name)
    }
    facts |= {f"{REPORT}{step}": value for step, value in trial.curve.items() if step not in curve}
    values = [trial.values[at] for at in sorted(trial.values)]
    if trial.state != "COMPLETE" or not all(map(math.isfinite, values)):
        facts[END] = {"state": trial.state, "values": values or None}
    return facts


def _value(internal: float, text: str) -> Any:
    """A value from the number that Optuna keeps for it."""
    given = json.loads(text)
    if given["name"] == "CategoricalDistribution":
        return given["attributes"]["choices"][int(internal)]
    return int(internal) if given["name"].startswith("Int") else float(internal)


def parameter(text: str) -> Leaf | None:
    """The parameter that a distribution is, None for one with a single value.

    Raises:
        StoreError: for a distribution that danlu does not know.

    Example:
        >>> parameter('{"name": "FloatDistribution", "attributes": {"low": 1e-5, "high": 0.1, "log": true, "step": null}}')
        Float(low=1e-05, high=0.1, log=True, step=None, prior=None)
    """
    given = json.loads(text)
    name, of = given["name"], given["attributes"]
    if name == "CategoricalDistribution":
        return Choice(of["choices"]) if len(of["choices"]) > 1 else None
    if name not in _KINDS:
        raise StoreError(f"danlu knows no distribution {name} of Optuna's.")
    whole, log = _KINDS[name]
    log, step = of.get("log", log), of.get("step", of.get("q"))
    low, high = of["low"], of["high"]
    if low == high:
        return None
    if whole:
        return Int(int(low), int(high), log=log, step=1 if log else int(step or 1))
    return Float(low, high, log=log, step=step)


_KINDS = {
    "FloatDistribution": (False, False), "UniformDistribution": (False, False), "LogUniformDistribution": (False, True),
    "DiscreteUniformDistribution": (False, False), "IntDistribution": (True, False), "IntUniformDistribution": (True, False),
    "IntLogUniformDistribution": (True, True),
}  # fmt: skip
"""Whether a distribution is of whole numbers, and logarithmic; the older names of Optuna 2 among them."""


def _seconds(moment: Any) -> float:
    """Seconds since the epoch; moments without a zone are of this machine's."""
    if not moment:
        return 0.0
    try:
        return datetime.fromisoformat(str(moment)).timestamp()
    except ValueError:
        return 0.0
