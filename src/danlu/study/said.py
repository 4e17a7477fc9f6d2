"""Who tells a study something, and how that comes to a history which nobody else keeps up to date."""

from __future__ import annotations

from ..contracts.protocols import Journal, Terms
from ..journal.events import Event
from ..journal.history import History


class Followed:
    """A journal whose history is up to date after each append.

    Args:
        journal: that is appended to.
        history: its fold, which no algorithm reads along.

    Raises:
        StoreError: when the journal cannot be read.
    """

    def __init__(self, journal: Journal, history: History) -> None:
        self._journal, self._history = journal, history
        self._follow()

    def append(self, events: list[tuple[str | None, Event]], terms: Terms) -> tuple[int, bool]:
        """Append as the journal does, and fold what is new.

        Raises:
            As the journal.
        """
        answer = self._journal.append(events, terms)
        self._follow()
        return answer

    def _follow(self) -> None:
        self._history.fold(self._journal.read(self._history.seq))


def user() -> str:
    """Who sits here, for the record."""
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a user without a name
        return "somebody"
