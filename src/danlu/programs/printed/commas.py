"""Commas in printed numbers: 2,513 is two thousand where commas are between thousands, and two and a half where they are decimal.

One number cannot tell. The others of the same metric may: 900, 0.5 and 2,513.5 are beside a comma between thousands alone. Where all of them
have the form of 2,513, the language of the environment counts: programs print decimal commas because of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from ...errors import ObjectiveError
from .pattern import NUMBER, SIGN, number

_EITHER = re.compile(rf"{SIGN}[1-9]\d{{0,2}},\d{{3}}")
_TOKEN = re.compile(rf"(?<![\w.,])(?:{NUMBER.pattern})(?![\w,]|\.\d)", re.IGNORECASE)
_POINTS = frozenset(
    {
        "c",
        "posix",
        "en",
        "zh",
        "ja",
        "ko",
        "th",
        "he",
        "iw",
        "hi",
        "bn",
        "ta",
        "te",
        "ml",
        "kn",
        "gu",
        "pa",
        "mr",
        "ne",
        "si",
        "ur",
        "my",
        "km",
        "ms",
        "fil",
        "tl",
        "sw",
        "am",
        "ga",
        "cy",
        "mt",
    }
)
"""Languages whose numbers have a decimal point (CLDR), and the locales C and POSIX."""


def points(environment: Mapping[str, str]) -> bool:
    """Whether programs print decimal points in the language that an environment names, as POSIX reads it; without one they do.

    Example:
        >>> points({"LANG": "en_US.UTF-8"}), points({"LC_ALL": "de_DE.UTF-8", "LANG": "C"}), points({})
        (True, False, True)
    """
    names = (environment.get(name) for name in ("LC_ALL", "LC_NUMERIC", "LANG"))
    named = next((name for name in names if name), "C")
    return re.split(r"[_.@-]", named.lower())[0] in _POINTS


class CommaCount:
    """Watches over the commas of one metric.

    Args:
        metric: as it was asked for.
    """

    def __init__(self, metric: str) -> None:
        self._metric = metric
        self._either = ""
        self._thousands = False

    def read(self, line: str, values: Iterable[float]) -> str:
        """Take in a line that was read; how its comma is understood, '' where there is none that may mean two things."""
        wanted = set(values)
        texts = [found[0] for found in _TOKEN.finditer(line) if number(found[0]) in wanted]
        either = [text for text in texts if _EITHER.fullmatch(text)]
        self._thousands |= any(_is_plain(text) for text in texts if text not in either)
        if not either:
            return ""
        self._either = self._either or f"{either[0]} in {line.strip()[:200]!r}"
        return (
            f"{either[0]} in {line.strip()[:200]!r} is read as {number(either[0]):.0f}, its comma as one between thousands. Where it is a "
            "decimal comma, have the program print a point."
        )

    def close(self, environment: Mapping[str, str]) -> None:
        """Look at all that was read.

        Raises:
            ObjectiveError: where nobody can know what they mean.
        """
        if self._either and not self._thousands and not points(environment):
            raise ObjectiveError(
                f"a comma has to be between thousands, got {self._either} and no number of {self._metric!r} beside it that shows whether it is "
                "a decimal one, which programs print in the language of this environment. Run danlu under LC_ALL=C: then they print a point."
            )


def _is_plain(text: str) -> bool:
    """Whether a number stands beside commas between thousands alone: it is below a thousand without one, has a point, or two commas."""
    value = number(text)
    return value is not None and ("." in text or text.count(",") > 1 or abs(value) < 1000)
