"""Numbers of YAML that its readers take for different ones: 010 is 8 in YAML 1.1, as PyYAML, W&B and Hydra read it, and 10 in YAML 1.2."""

from __future__ import annotations

import re
from typing import NamedTuple

_OCTAL = re.compile(r"[-+]?0[\d_]*\d")
_SIXTIES = re.compile(r"[-+]?[1-9][\d_]*(?::[0-5]?\d)+")


class YamlReadings(NamedTuple):
    """What readers of YAML 1.1 and of YAML 1.2 make of a word."""

    word: str
    older: int | str
    newer: int | str

    def __str__(self) -> str:
        return f"{self.word} is {self.older!r} in YAML 1.1, as PyYAML, W&B and Hydra read it, and {self.newer!r} in YAML 1.2"


def readings(word: str) -> YamlReadings | None:
    """The two readings of a word without quotes; None where there is one.

    Example:
        >>> print(readings("010"))
        010 is 8 in YAML 1.1, as PyYAML, W&B and Hydra read it, and 10 in YAML 1.2
        >>> readings("1:30").older, readings("08").older, readings("10"), readings("0.10")
        (90, '08', None, None)
    """
    if _OCTAL.fullmatch(word):
        digits = word.replace("_", "")
        return YamlReadings(word, word if re.search("[89]", digits) else int(digits, 8), int(digits))
    if _SIXTIES.fullmatch(word):
        factor, parts = -1 if word[0] == "-" else 1, word.lstrip("+-").replace("_", "").split(":")
        seconds = 0
        for part in parts:
            seconds = seconds * 60 + int(part)
        return YamlReadings(word, factor * seconds, word)
    return None
