"""What analyses say, as a key and its values: the sentence is made of them in the language of who reads it.

English is what ``str`` and the command line say. The page asks for its own language with ``spoken``, which gives back the same
finding, diagnosis or importance with its sentences in that language. Names of parameters and metrics are the user's and stay.
"""

from __future__ import annotations

from string import Formatter
from typing import Any, TypeVar

import msgspec

from ..errors import SettingError
from . import chinese, english

LANGUAGES = {"en": english.SENTENCES, "zh": chinese.SENTENCES}
"""Every sentence by language and key."""


class Phrase(msgspec.Struct, frozen=True):
    """One sentence.

    Attributes:
        key: which sentence it is.
        values: what it is about, as text: numbers are written alike in all languages.
    """

    key: str
    values: dict[str, str] = {}

    def __str__(self) -> str:
        return self.said()

    def said(self, language: str = "en") -> str:
        """The sentence in a language.

        Raises:
            SettingError: for a language that there is none of.

        Example:
            >>> print(Phrase("importance.few", {"trials": "12"}).said("zh"))
            12 个试验太少，小的份额与偶然分不清；请只看前几名的次序，不要看数值。
        """
        if language not in LANGUAGES:
            raise SettingError(f"sentences are there in {', '.join(LANGUAGES)}, not in {language!r}.")
        values = {name: _Word(_translated(value, language)) for name, value in self.values.items()}
        return _FORMATTER.vformat(LANGUAGES[language][self.key], (), values)


Spoken = TypeVar("Spoken", bound=msgspec.Struct)


def spoken(found: Spoken, language: str) -> Spoken:
    """The same with its sentences in another language: each field that ``found.phrases`` names is said anew.

    A field without phrases stays: what an objective or a library has said is quoted as it was.

    Raises:
        SettingError: for a language that there is none of.

    Example:
        >>> import danlu
        >>> from danlu.analysis.findings import findings
        >>> result = danlu.tune(lambda t: t["x"], {"x": danlu.Float(0, 1)}, trials=5, seed=0)
        >>> spoken(findings(result.history)[0], "zh").text
        '有结果的试验有 5 个，而空间有 1 个参数。'
    """
    phrases: dict[str, tuple[Phrase, ...]] = getattr(found, "phrases", {})
    said = {name: together(each, language) for name, each in phrases.items()}
    return msgspec.structs.replace(found, **said)


def together(phrases: tuple[Phrase, ...], language: str = "en") -> str:
    """Several sentences as one text.

    Example:
        >>> together((Phrase("importance.few", {"trials": "9"}), Phrase("reason.slow")), "en").count(". ")
        1
    """
    return ("" if language == "zh" else " ").join(each.said(language) for each in phrases)


class _Word(str):
    """A value in a sentence: ``{trials:trial|trials}`` is the word that goes with its number."""

    __slots__ = ()

    def __format__(self, spec: str) -> str:
        one, between, many = spec.partition("|")
        return (one if self == "1" else many) if between else str(self)


_FORMATTER = Formatter()


def _translated(value: str, language: str) -> str:
    """A value that is a word of ours, in the language; ``@raised`` is one, ``raised`` is the user's."""
    if not value.startswith("@"):
        return value
    word: str = LANGUAGES[language].get(value, value[1:])
    return word


def percent(share: float) -> str:
    """A share for eyes: whole from ten percent on.

    Example:
        >>> percent(0.996), percent(0.371), percent(0.0042), percent(0.0)
        ('100%', '37%', '0.42%', '0%')
    """
    shown: Any = 100 * share
    return f"{shown:.0f}%" if shown >= 10 or shown == 0 else f"{shown:.2g}%"
