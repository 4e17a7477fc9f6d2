"""Tags: words that people and objectives put on trials and studies, to find them again."""

from __future__ import annotations

from collections.abc import Iterable

from ..base.values import shown
from ..errors import SettingError
from .written import encodable

LONGEST_TAG = 60
"""Characters of a tag."""

ARCHIVED = "archived"
"""A study with this tag is left out of lists until somebody asks for it."""


def tagged(tags: tuple[str, ...], add: Iterable[str], remove: Iterable[str] = ()) -> tuple[str, ...]:
    """The tags after some were removed and others added, each once, in the order in which they came.

    Example:
        >>> tagged(("good", "odd"), ["new", "good"], ["odd"])
        ('good', 'new')
    """
    gone = set(remove)
    return tuple(dict.fromkeys([*(each for each in tags if each not in gone), *add]))


def checked_tags(tags: Iterable[str]) -> tuple[str, ...]:
    """The tags without blanks around them, if each can be kept and selected by.

    Raises:
        SettingError: for none at all, and for what is no tag.

    Example:
        >>> checked_tags([" good ", "很好"])
        ('good', '很好')
        >>> checked_tags(["good, odd"])
        Traceback (most recent call last):
            ...
        danlu.errors.SettingError: a tag is text of 1 to 60 characters on one line, without a comma or |, got 'good, odd'. Write two tags as two arguments.
    """
    given = tuple(tags)
    if not given:
        raise SettingError("a tag is needed, and none is given.")
    return tuple(_tag(each) for each in given)


def _tag(tag: str) -> str:
    text = tag.strip() if isinstance(tag, str) else ""
    sound = 1 <= len(text) <= LONGEST_TAG and text.isprintable() and encodable(text)
    if not sound or "," in text or "|" in text:
        raise SettingError(
            f"a tag is text of 1 to {LONGEST_TAG} characters on one line, without a comma or |, got {shown(tag)}. Write two tags as two arguments."
        )
    return text
