"""What a model does with typed columns before it learns: scikit-learn's own transformers, fitted with it, on its own rows alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
from sklearn.feature_selection import SelectKBest, f_classif, f_regression
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    OrdinalEncoder,
    QuantileTransformer,
    StandardScaler,
    TargetEncoder,
)

from .reading.columns import TypedColumn

Style = Literal["gaps", "filled", "scaled", "ranks"]
"""What a family wants: numbers with gaps; filled; filled and standardized, categories a column each; the same with ranks in place of numbers."""

WIDE = 500
"""Of more columns than this the most telling ones are kept, by an F test on the rows that are trained on."""

FACTORS = 32
"""A column of text becomes so many numbers (latent semantic analysis, Deerwester et al. 1990)."""

GAP = "(gap)"


def preparation(columns: Sequence[TypedColumn], style: Style, *, classes: bool, seed: int, rows: int) -> Any:
    """A transformer of a frame as ``values_of`` makes it into a matrix of float64.

    Args:
        columns: those that are used.
        style: what the family wants.
        classes: whether classes are predicted.
        seed: of what is drawn.
        rows: that it will be fitted on.
    """
    used = [column for column in columns if column.used]
    names = {kind: [c.name for c in used if c.kind == kind] for kind in ("number", "boolean", "date", "text")}
    low = [c.name for c in used if c.kind == "category" and not c.high]
    high = [c.name for c in used if c.kind == "category" and c.high]
    numbers, dense = names["number"] + names["boolean"], style in {"scaled", "ranks"}
    parts: list[tuple[str, Any, Any]] = []
    if numbers:
        parts.append(("numbers", _numbers(style, seed, rows), numbers))
    if names["date"]:
        steps = [("parts", FunctionTransformer(date_parts)), *_numbers(style, seed, rows).steps]
        parts.append(("dates", Pipeline(steps), names["date"]))
    if low:
        parts.append(("categories", _categories(dense=dense), low))
    if high:
        means = TargetEncoder(target_type="auto" if classes else "continuous", random_state=seed)
        steps = [("gaps", _gaps()), ("means", means), *([("scale", StandardScaler())] if dense else [])]
        parts.append(("many values", Pipeline(steps), high))
    parts += [(f"text {name}", _text(seed, dense=dense), name) for name in names["text"]]
    table = ColumnTransformer(parts, sparse_threshold=0.0)
    steps = [("columns", table)]
    if len(used) > WIDE:
        steps += [("fill", SimpleImputer(strategy="median")), ("select", SelectKBest(f_classif if classes else f_regression, k=WIDE))]  # fmt: skip
    return Pipeline(steps)


def category_places(columns: Sequence[TypedColumn]) -> list[int]:
    """Where in the matrix of the style ``gaps`` the categories are that are told by number; none where columns are selected.

    Example:
        >>> category_places([TypedColumn("town", "category", ""), TypedColumn("age", "number", ""), TypedColumn("born", "date", "")])
        [7]
    """
    kinds = [column.kind for column in columns if column.used]
    before = kinds.count("number") + kinds.count("boolean") + 6 * kinds.count("date")
    low = sum(column.kind == "category" and not column.high for column in columns)
    return list(range(before, before + low)) if len(kinds) <= WIDE else []


def _numbers(style: Style, seed: int, rows: int) -> Pipeline:
    steps: list[tuple[str, Any]] = [("finite", FunctionTransformer(finite))]
    if style != "gaps":
        steps.append(("fill", SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)))
    if style == "scaled":
        steps.append(("scale", StandardScaler()))
    elif style == "ranks":
        ranks = QuantileTransformer(n_quantiles=max(10, min(1000, rows // 4)), output_distribution="normal", random_state=seed)  # fmt: skip
        steps.append(("ranks", ranks))
    return Pipeline(steps)


def _gaps() -> FunctionTransformer:
    return FunctionTransformer(named_gaps)


def _categories(*, dense: bool) -> Pipeline:
    if dense:
        coder: Any = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=3, sparse_output=False)
    else:
        coder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, min_frequency=3)
    return Pipeline([("gaps", _gaps()), ("codes", coder)])


def _text(seed: int, *, dense: bool) -> Pipeline:
    steps = [
        ("words", FunctionTransformer(whole_text)),
        ("counts", HashingVectorizer(n_features=2**12, ngram_range=(1, 2), alternate_sign=False, norm=None)),
        ("weights", TfidfTransformer(sublinear_tf=True)),
        ("factors", TruncatedSVD(FACTORS, n_iter=3, random_state=seed)),
    ]
    return Pipeline([*steps, *([("scale", StandardScaler())] if dense else [])])


def finite(values: Any) -> np.ndarray:
    """As float64; what is infinite is a gap."""
    found = np.asarray(values, dtype=np.float64).copy()
    found[~np.isfinite(found)] = np.nan
    return found


def named_gaps(values: Any) -> np.ndarray:
    """Categories with gaps as a value of their own."""
    held = np.asarray(values, dtype=object)
    return np.where(pd.isna(held), GAP, held)


def whole_text(values: Any) -> list[str]:
    """A column of text with empty text for gaps."""
    return [
        "" if cell is None or cell != cell else str(cell) for cell in np.asarray(values, dtype=object).ravel()
    ]


def date_parts(values: Any) -> np.ndarray:
    """Moments as numbers: year, month, day of the month, day of the week, hour, and days since 1970.

    Example:
        >>> date_parts(pd.DataFrame({"when": pd.to_datetime(["1970-01-02 06:00"])})).tolist()
        [[1970.0, 1.0, 2.0, 4.0, 6.0, 1.25]]
    """
    found = []
    for name in values.columns:
        moments = pd.to_datetime(values[name])
        days = (moments - pd.Timestamp("1970-01-01")) / pd.Timedelta(days=1)
        parts = moments.dt
        found += [parts.year, parts.month, parts.day, parts.day_of_week, parts.hour, days]
    return np.column_stack([np.asarray(each, dtype=np.float64) for each in found])
