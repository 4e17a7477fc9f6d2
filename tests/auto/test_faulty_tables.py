"""Sixty faults of tables: a sentence each, or a model that says what it did; never a traceback."""

import gzip

import numpy as np
import pandas as pd
import pytest

import danlu
from danlu.errors import DanluError

ROWS = 60
NUMBERS = np.random.default_rng(0).normal(size=(ROWS, 3)).round(3)
LABELS = np.where(NUMBERS[:, 0] + 0.5 * NUMBERS[:, 1] > 0, "yes", "no")


def frame(**columns):
    """A sound table, with columns changed or added."""
    held = {"a": NUMBERS[:, 0], "b": NUMBERS[:, 1], "c": NUMBERS[:, 2], "y": LABELS}
    return pd.DataFrame(held | columns)


def text(table=None, **how):
    return (frame() if table is None else table).to_csv(index=False, **how)


def outcome(table, target="y", **how):
    """What a person reads: a refusal, or what the model says of itself. Whatever else is raised is the fault that is looked for."""
    settings = {"trials": 1, "folds": 2, "models": ["linear"], "engine": "inline", "watch": False} | how
    try:
        model = danlu.automl(table, target, **settings)
    except DanluError as error:
        return f"refused: {error}"
    found = model.predict(table)
    assert len(found)
    return f"model: {model.summary()}"


def every(count, one, other):
    """``one`` in each ``count``-th row, else ``other``."""
    return [one if row % count == 0 else other for row in range(ROWS)]


FILES = {
    "no file": (None, r"refused: there is no file .* Name a \.csv"),
    "empty": (b"", "refused: the file 't.csv' is empty"),
    "blank lines": (b"\n \n\n", "refused: the file 't.csv' is empty"),
    "header alone": (b"a,b,y\n", "refused: the file 't.csv' has a header and no rows"),
    "binary": (b"PK\x00\x03" + bytes(range(256)) * 9, "refused: 't.csv' is no text: it holds zero bytes"),
    "windows": (text(frame(city=every(2, "Köln", "Zürich"))).encode("cp1252"), "read as Windows-1252.*'Köln'"),
    "utf-16": (text().encode("utf-16"), "model: .*read as UTF-16"),
    "mark": (text().encode("utf-8-sig"), "model: .*\\na "),
    "semicolons": (text(sep=";").encode(), "model: .*parted by semicolons"),
    "tabs": (text(sep="\t").encode(), "model: .*parted by tabs"),
    "bars": (text(sep="|").encode(), "model: .*parted by vertical bars"),
    "decimal commas": (text(sep=";", decimal=",").encode(), "model: .*numbers with decimal commas"),
    "long line": (text().encode() + b"1,2,3,yes,9\n", "model: .*1 lines have more values"),
    "long lines": (b"a,b,y\n" + b"1,2,3,4\n1,2,3\n" * 20, "refused: 20 of the 40 lines of 't.csv' have more values"),
    "short line": (text().encode() + b"1,2\n", "model: .*1 lines have fewer values"),
    "row names": (b"a,b,y\n" + b"".join(b"r%d,%d,%d,%s\n" % (n, n % 7, n % 5, b"yn"[n % 2 : n % 2 + 1]) for n in range(60)),
                  "model: .*one value more than its header"),
    "open quote": (text().replace("no", '"no', 1).encode(), "model: .*a quotation mark in it is never closed"),
    "no header": (text(header=False).encode(), "refused: the table has no column 'y' to be the target"),
    "carriage returns": (text(lineterminator="\r\n").encode(), "model: "),
    "zero bytes within": (text(pd.concat([frame()] * 12)).encode() + b"1,2,\x003,yes\n", "model: "),
    "one column": (b"y\n" + b"1\n2\n" * 20, "refused: the table has no column but the target 'y'"),
    "a workbook": ("t.xlsx", r"refused: a table is read from a .*, got 't\.xlsx'"),
    "a folder": ("", "refused: a table is one file, and .* is a folder"),
    "a torn archive": ("t.csv.gz", r"refused: 't\.csv\.gz' cannot be unpacked"),
    "no parquet": ("t.parquet", r"refused: 't\.parquet' cannot be read as a parquet file"),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_a_faulty_file(name, tmp_path):
    content, expected = FILES[name]
    path = tmp_path / (content if isinstance(content, str) else "t.csv")
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content == "t.csv.gz":
        path.write_bytes(gzip.compress(text().encode())[:-20])
    elif content:
        path.write_bytes(b"no such thing")
    assert matches(expected, outcome(path))


def matches(expected, found):
    import re

    return re.search(expected, found, re.DOTALL) is not None or pytest.fail(
        f"{expected!r} is not in:\n{found}"
    )


TARGETS = {
    "missing target": (lambda: frame(), {"target": "Y"}, "no column 'Y' to be the target. Did you mean 'y'"),
    "one class": (lambda: frame(y="yes"), {}, "refused: the target 'y' is always 'yes'"),
    "no rows": (lambda: frame().iloc[:0], {}, "refused: the target 'y' has no values"),
    "few rows": (lambda: frame().iloc[:6], {}, "refused: a model needs at least 10 rows"),
    "a class a row": (lambda: frame(y=[f"name {n}" for n in range(ROWS)]), {}, "refused: the target 'y' has 60 different values"),
    "all gaps": (lambda: frame(y=None), {}, "refused: the target 'y' has no values"),
    "some gaps": (lambda: frame(y=[None if n % 9 == 0 else v for n, v in enumerate(LABELS)]), {}, "model: .*7 rows have no 'y'"),
    "lists": (lambda: frame(y=[[1]] * ROWS), {}, "refused: the target 'y' holds list"),
    "rare class": (lambda: frame(y=["rare" if n == 7 else v for n, v in enumerate(LABELS)]), {}, "model: .*rare classes: 'rare' has 1"),
    "imbalance": (lambda: frame(y=["yes" if n % 12 == 0 else "no" for n in range(ROWS)]), {}, "model: .*classes are imbalanced, 55 rows to 5"),
    "infinite": (lambda: frame(y=[np.inf if n == 3 else float(n) for n in range(ROWS)]), {"task": "numbers"}, "model: .*1 rows whose 'y' is no finite"),
    "words as numbers": (lambda: frame(), {"task": "numbers"}, "refused: the target 'y' is to be numbers and holds 'yes'"),
    "three as two": (lambda: frame(y=[*every(3, "x", "z")[:-1], "u"]), {"task": "binary"}, "refused: .*is to be binary and has 3 values"),
    "constant number": (lambda: frame(y=3.5), {}, "refused: the target 'y' is always 3.5"),
    "wrong metric": (lambda: frame(), {"metric": "rmse"}, "refused: the metric 'rmse' cannot judge binary"),
    "no metric": (lambda: frame(), {"metric": "nonsense"}, "refused: there is no metric 'nonsense'"),
    "thousands": (lambda: frame(y=[f"{1000 + 37 * n:,}" for n in range(ROWS)]), {}, "model: .*'y'.* numbers"),
}  # fmt: skip


@pytest.mark.parametrize("name", TARGETS)
def test_a_faulty_target(name):
    table, how, expected = TARGETS[name]
    assert matches(expected, outcome(table(), **how))


WIDE = {f"w{n}": np.random.default_rng(n).normal(size=ROWS) for n in range(700)}
COLUMNS = {
    "row numbers": (lambda: frame(id=range(1, ROWS + 1)), {}, "id +left out +.*it counts the rows"),
    "codes of rows": (lambda: frame(code=[f"K{n:05}" for n in range(ROWS)]), {}, "code +left out +.*they name the rows"),
    "constant": (lambda: frame(k=7), {}, "k +left out +it is always 7"),
    "no values": (lambda: frame(k=None), {}, "k +left out +it has no values"),
    "endless": (lambda: frame(k=np.inf), {}, "k +left out +"),
    "huge numbers": (lambda: frame(k=every(5, 1e300, 2.5) + NUMBERS[:, 2]), {}, "model: .*k +number"),
    "cells of lists": (lambda: frame(k=[[1]] * ROWS), {}, "k +left out +its cells hold list"),
    "mixed": (lambda: frame(k=[n if n % 3 else "many" for n in range(ROWS)]), {}, "k +category"),
    "mixed numbers": (lambda: frame(k=[n * 1.5 if n % 20 else "lost" for n in range(ROWS)]), {}, "k +number +9. %.*'lost', are gaps"),
    "currency": (lambda: frame(k=[f"$ {1000 + n * 31:,}.50" for n in range(ROWS)]), {}, "k +number +numbers with commas between thousands"),
    "zip codes": (lambda: frame(k=every(2, "01067", "10115")), {}, "k +category +digits with zeros before them"),
    "ambiguous dates": (lambda: frame(k=[f"0{1 + n % 9}/0{1 + n % 7}/2024" for n in range(ROWS)]), {}, "k +date +dates, month/day/year .day/month/year fits as well"),
    "leak": (lambda: frame(z=np.where(LABELS == "yes", 1, 0)), {}, "z +left out +it gives the target away"),
    "leak by gaps": (lambda: frame(z=np.where(LABELS == "yes", 2.5, np.nan) * (1 + NUMBERS[:, 2])), {}, "z +left out +it gives the target away"),
    "leak of numbers": (lambda: frame(y=NUMBERS[:, 0] * 3, a=NUMBERS[:, 2]).assign(z=NUMBERS[:, 0] * 6 + 1), {}, "z +left out +it gives the target away"),
    "leak that is wanted": (lambda: frame(z=np.where(LABELS == "yes", 1, 0)), {"kinds": {"z": "number"}}, "z.* it is used, as you said"),
    "duplicated columns": (lambda: pd.concat([frame(), frame()[["a"]]], axis=1), {}, "two columns are called 'a'"),
    "duplicated target": (lambda: pd.concat([frame(), frame()[["y"]]], axis=1), {}, r"y \(2\) +left out +it gives the target away"),
    "duplicated rows": (lambda: pd.concat([frame(), frame().iloc[:9]]), {}, "9 rows repeat another one: each stays"),
    "mostly duplicated": (lambda: pd.concat([frame()] * 3), {}, "taken for observations of their own"),
    "700 columns": (lambda: frame(**WIDE), {}, "model: .*and 643 more"),
    "nothing to use": (lambda: frame(a=1, b=1, c=1), {}, "refused: no column can be used to predict 'y'"),
    "no such kind": (lambda: frame(), {"kinds": {"a": "colour"}}, "refused: a column is taken for one of"),
    "no such column": (lambda: frame(), {"kinds": {"q": "number"}}, "refused: there is no column 'q'"),
    "no such group": (lambda: frame(), {"group": "who"}, "refused: the table has no column 'who' to be the group"),
    "two groups": (lambda: frame(who=every(2, "x", "z")), {"group": "who"}, "refused: 2 folds and a test part need at least 3 groups"),
    "order of words": (lambda: frame(k=every(2, "x", "z")), {"order_by": "k"}, "refused: the rows are to be ordered by 'k'"),
    "unicode": (lambda: frame(**{"价格 €": NUMBERS[:, 1], "city": every(2, "北京", "São Paulo")}), {}, "价格 € +number.*'São Paulo', '北京'"),
    "complex": (lambda: frame(k=NUMBERS[:, 0] + 1j), {}, "k +left out +its cells hold complex"),
    "no table": (lambda: 7, {}, "refused: a table is a file's path, a data frame"),
    "unequal columns": (lambda: {"a": [1, 2], "y": [1]}, {}, "refused: the columns of a table are equally long"),
    "no such model": (lambda: frame(), {"models": ["magic"]}, "refused: there is no model 'magic'"),
    "no time": (lambda: frame(), {"trials": None, "time": "1s"}, "refused: a model takes at least 5 s"),
    "a test of all": (lambda: frame(), {"test": 1.0}, "refused: the test part is a share of the rows"),
    "one fold": (lambda: frame(), {"folds": 1}, "refused: folds is a whole number from 2 to 20"),
}  # fmt: skip


@pytest.mark.parametrize("name", COLUMNS)
def test_a_faulty_column(name):
    table, how, expected = COLUMNS[name]
    assert matches(expected, outcome(table(), **how))


def test_there_are_sixty():
    assert len(FILES) + len(TARGETS) + len(COLUMNS) >= 60
