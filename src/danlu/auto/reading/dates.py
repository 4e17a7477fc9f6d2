"""Text as moments: which of the usual ways of writing a date a column follows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

FORMS = {
    "ISO8601": "year-month-day",
    "%Y/%m/%d": "year/month/day",
    "%m/%d/%Y": "month/day/year",
    "%d/%m/%Y": "day/month/year",
    "%d.%m.%Y": "day.month.year",
    "%d-%m-%Y": "day-month-year",
    "%m/%d/%y": "month/day/year of two digits",
    "%d.%m.%y": "day.month.year of two digits",
    "%d %b %Y": "day month year",
    "%b %d, %Y": "month day, year",
    "%d-%b-%Y": "day-month-year",
    "%m/%d/%Y %H:%M": "month/day/year hour:minute",
    "%d/%m/%Y %H:%M": "day/month/year hour:minute",
    "%d.%m.%Y %H:%M": "day.month.year hour:minute",
}
_LOOKS = re.compile(r"\d.*[-/.: ].*\d|^(?:19|20)\d{6}$|^[A-Za-z]{3} \d{1,2}, \d{4}$")
_YEAR = re.compile(r"\d{4}")
MOST = 1000
"""This many values decide."""


class DateForm(NamedTuple):
    """How the dates of a column are written: a format of ``strptime`` or ``ISO8601``, the share that is, and the form in words."""

    name: str
    share: float
    words: str


def date_form(values: Sequence[str]) -> DateForm | None:
    """The form in which at least 95 % of the values are dates, None where there is none; values without gaps.

    Example:
        >>> date_form(["31.12.2024", "01.02.2025"]).words
        'dates, day.month.year'
        >>> date_form(["01/02/2024", "03/04/2024"]).words
        'dates, month/day/year (day/month/year fits as well)'
        >>> date_form(["1.5", "2.5"])
    """
    looked = [value.strip() for value in values[:MOST]]
    if not looked or sum(_LOOKS.search(each) is not None for each in looked) < 0.95 * len(looked):
        return None
    if not any(_YEAR.search(each) for each in looked) and not all(re.fullmatch(r"\d{1,2}[/.]\d{1,2}[/.]\d{2}", each) for each in looked):  # fmt: skip
        return None
    shares = {form: _share(looked, form) for form in FORMS}
    best = max(shares, key=lambda form: shares[form])
    if shares[best] < 0.95:
        return None
    words = f"dates, {FORMS[best]}"
    twin = {"%m/%d/%Y": "%d/%m/%Y", "%m/%d/%Y %H:%M": "%d/%m/%Y %H:%M"}.get(best, "")
    if twin and shares[twin] == shares[best]:
        words += f" ({FORMS[twin]} fits as well)"
    return DateForm(best, shares[best], words)


def as_dates(values: Any, form: str) -> Any:
    """Cells as a pandas series of moments without time zone; NaT where a cell is no date of this form.

    Example:
        >>> as_dates(["2024-02-29", "none"], "ISO8601").dt.day.tolist()
        [29.0, nan]
    """
    import pandas as pd

    series = pd.Series(values)
    if form == "native" and not pd.api.types.is_datetime64_any_dtype(series):
        form = "ISO8601"
    if form != "native":
        text = series.map(lambda cell: cell.strip() if isinstance(cell, str) else cell)
        series = pd.to_datetime(text, format=form, errors="coerce", utc=True)
    if series.dt.tz is not None:
        series = series.dt.tz_convert("UTC").dt.tz_localize(None)
    return series.astype("datetime64[us]")


def _share(values: Sequence[str], form: str) -> float:
    import pandas as pd

    try:
        found = pd.to_datetime(pd.Series(values), format=form, errors="coerce", utc=True)
    except (ValueError, OverflowError):
        return 0.0
    return float(found.notna().mean())
