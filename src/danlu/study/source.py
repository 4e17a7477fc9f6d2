"""Which study a result is of, and its journal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..base.names import VIEWS, find
from ..contracts.protocols import Journal, Store
from ..errors import SettingError, StoreError
from ..journal.events import Entry
from ..journal.history import History
from ..runtime.attachments import get_file
from ..runtime.blobs import blobs_at
from .control import Control
from .said import Followed, user


class Left:
    """What a result has of the store once it was pickled: where its checkpoints are. Its journal is read by the study alone."""

    def __init__(self, blobs: Any) -> None:
        self.blobs = blobs

    def journal(self, name: str) -> Journal:
        """No journal.

        Raises:
            StoreError: always.
        """
        raise StoreError(
            f"this is a pickled result of {name!r}, which does not follow its journal. Open the study: "
            "danlu.open_study(store=..., name=...).result."
        )


class StudySource:
    """The study that a result is of.

    Attributes:
        name: its name in its store.
        stopped: why the last session ended, as a sentence; '' while it runs.
    """

    def __init__(
        self, name: str, store: Store | Left, stopped: str = "", *, history: History, appended: Any = None
    ) -> None:
        self.name = name
        self.stopped = stopped
        self._store = store
        self._history = history
        self._appended = (
            appended  # what appends to a study that this process has open: its algorithms are told then
        )

    @property
    def control(self) -> Control:
        """How the study is told something from here on: tags, notes, points to try, trials to set aside.

        Raises:
            StoreError: for a result that was pickled, which has no journal.

        Example:
            >>> import danlu
            >>> result = danlu.tune(lambda t: t["x"], {"x": danlu.Float(0, 1)}, trials=3)
            >>> result.study.control.tag("good", trial=1)
            >>> result.trials[1].tags
            ('good',)
        """
        journal = self._appended or Followed(self._store.journal(self.name), self._history)
        return Control(journal, self._history, user())

    def file(self, name: str, trial: int) -> bytes:
        """The bytes of a file that a trial attached.

        Raises:
            TrialMissing: when there is no such trial.
            SettingError: when it has no file of this name.
            CorruptError: when the file is gone or damaged.

        Example:
            >>> import danlu
            >>> def train(trial):
            ...     trial.attach("hello.txt", b"hello")
            ...     return trial["x"]
            >>> result = danlu.tune(train, {"x": danlu.Float(0, 1)}, trials=1)
            >>> result.study.file("hello.txt", trial=0)
            b'hello'
        """
        files = self._history.rows.of(trial).files or {}
        if name not in files:
            known = ", ".join(sorted(files)) or "none"
            raise SettingError(f"trial {trial} has no file {name!r}. It has: {known}.")
        return get_file(blobs_at(self._store.blobs), files[name].digest)

    def entries(self, after: int = 0) -> Iterator[Entry]:
        """The journal's entries above a sequence number, for whoever follows the study; each exactly once, in order."""
        return self._store.journal(self.name).read(after)

    def show(self, *, live: bool = True, height: int = 720) -> Any:
        """The page of the study, for a notebook: the last line of a cell shows it.

        Args:
            live: whether it follows the study, in a frame that a thread of this process serves on 127.0.0.1 (it takes no orders; where
                no frame is possible the output says the address). Else the report of what was known, as one document that stays in
                the notebook's file and needs no server.
            height: of the frame, in pixels (200 to 4,000).

        Raises:
            SettingError: for a height out of its range.
            StoreError: for a live page of a result that was pickled.
            MissingExtra: when starlette or uvicorn is not installed.

        Example:
            >>> import danlu
            >>> result = danlu.tune(lambda t: t["x"], {"x": danlu.Float(0, 1)}, trials=9, name="nets")
            >>> "srcdoc" in result.study.show(live=False)._repr_html_()
            True
        """
        if live and isinstance(self._store, Left):
            self._store.journal(self.name)
        return find(VIEWS, "view", "show")(self._store, self.name, self._history, live=live, height=height)
