"""Text as numbers: thousands separators, decimal commas, currencies, percent; what cannot be told apart is said."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

GAPS = frozenset({"", "na", "n/a", "#n/a", "nan", "null", "nil", "none", "?", "-", "--", ".", "missing", "nat", "<na>", "(null)", "unknown"})  # fmt: skip
"""How gaps are written, in small letters."""

LARGEST = 3e38
"""What is larger than float32 holds is a gap: half of scikit-learn's models refuse it."""

_WRAPPED = re.compile(r"^(?:[$€£¥₽₹]|USD|EUR|GBP|CHF)?\s*([-+(]?[^a-zA-Z$€£¥₽₹%]*?(?:[eE][-+]?\d+)?\)?)\s*(?:%|[$€£¥₽₹]|USD|EUR|GBP|CHF)?$")  # fmt: skip
_SPACES = str.maketrans(dict.fromkeys("\u00a0\u202f\u2009'\u2019 _", ""))
_FORMS = {
    "plain": re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"),
    "thousands,": re.compile(r"[-+]?\d{1,3}(?:,\d{3})+(?:\.\d*)?|[-+]?\d{1,3}(?:\.\d*)?"),
    "decimal,": re.compile(r"[-+]?\d+(?:,\d+)?(?:[eE][-+]?\d+)?"),
    "thousands.": re.compile(r"[-+]?\d{1,3}(?:\.\d{3})+(?:,\d*)?|[-+]?\d{1,3}(?:,\d*)?"),
}
_WORDS = {
    "plain": "numbers",
    "thousands,": "numbers with commas between thousands",
    "decimal,": "numbers with decimal commas",
    "thousands.": "numbers with points between thousands and decimal commas",
}


class NumberForm(NamedTuple):
    """How the numbers of a column are written.

    Attributes:
        name: of the form.
        share: of its values that are written so, in [0, 1].
        words: the form in words, with what is not certain about it.
    """

    name: str
    share: float
    words: str


def number_form(values: Sequence[str]) -> NumberForm:
    """The form in which most values are numbers; values without gaps.

    Example:
        >>> number_form(["1,234.50", "999"]).words
        'numbers with commas between thousands'
        >>> number_form(["3,5", "12,75"]).name, number_form(["red", "4"]).share
        ('decimal,', 0.5)
    """
    bare = [_bare(value) for value in values]
    shares = {name: sum(form.fullmatch(each) is not None for each in bare) / max(1, len(bare)) for name, form in _FORMS.items()}  # fmt: skip
    best = max(shares, key=lambda name: shares[name])
    words = _WORDS[best]
    if best == "thousands," and shares["decimal,"] == shares[best]:
        words += " (they could be decimal commas, but three digits follow each)"
    if best == "plain" and shares["thousands."] == shares[best] and any("." in each for each in bare):
        words += " (points could stand between thousands; they are taken for decimal points)"
    return NumberForm(best, shares[best], words)


def as_numbers(values: Any, form: str) -> np.ndarray:
    """Text in a form as float64, shape (n,); NaN where it is a gap, no number, infinite or beyond float32.

    Example:
        >>> as_numbers(["1.234,5", "€ 7", "?", "(3)"], "thousands.").tolist()
        [1234.5, 7.0, nan, -3.0]
    """
    found = np.array([_number(value, form) for value in values], dtype=np.float64)
    found[np.abs(found) > LARGEST] = np.nan
    return found


def is_gap(value: Any) -> bool:
    """Whether a cell holds nothing: a written gap, None, NaN or NaT.

    Example:
        >>> is_gap(" N/A "), is_gap(float("nan")), is_gap(0)
        (True, True, False)
    """
    if isinstance(value, str):
        return value.strip().casefold() in GAPS
    if value is None:
        return True
    try:
        return bool(value != value)
    except (TypeError, ValueError):  # pandas.NA, and arrays in a cell
        return type(value).__name__ == "NAType"


def _bare(value: str) -> str:
    text = value.strip().replace("\u2212", "-")
    found = _WRAPPED.match(text)
    text = (found[1] if found else text).translate(_SPACES)
    return f"-{text[1:-1]}" if text.startswith("(") and text.endswith(")") else text


def _number(value: Any, form: str) -> float:
    if not isinstance(value, str):
        return float("nan") if is_gap(value) else float(value)
    if is_gap(value):
        return float("nan")
    text = _bare(value)
    if not _FORMS[form].fullmatch(text):
        return float("nan")
    if form == "thousands,":
        text = text.replace(",", "")
    elif form == "decimal,":
        text = text.replace(",", ".")
    elif form == "thousands.":
        text = text.replace(".", "").replace(",", ".")
    return float(text)
