"""The contract of a source: where the numbers of a program come from."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import tempfile
import uuid
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import IO, NamedTuple, Protocol

from ...base.failure import ProgramFailed
from ...errors import ObjectiveError
from ..arguments.template import HOLE
from ..printed.curve import LinePattern
from ..printed.pattern import Found


class RunFolders:
    """Where one run of a program may write.

    Args:
        folder: the trial's own.
        working: the one that the program is started in.
        past: whether files that are there before it are its own too.
        resumed: whether those in the trial's own folder are, as it is taken up where an earlier run had come to.
        own: what holes in a path stand for besides ``{dir}``, the trial's folder.

    Attributes:
        token: a word that no other run has.
    """

    def __init__(
        self, folder: Path, working: Path, *, past: bool = False, resumed: bool = False, own: Mapping[str, str] | None = None
    ) -> None:  # fmt: skip
        self.folder, self.working, self.past, self.resumed = folder, working, past, resumed
        self._own = {**(own or {}), "dir": str(folder)}
        self.token = uuid.uuid4().hex
        self._claims: dict[Path, IO[bytes] | None] = {}

    def filled(self, path: str, written: Callable[[str], str] = str) -> str:
        """A path with what its holes stand for.

        Args:
            path: as it is asked for, ``{checkpoint}/log.csv``.
            written: how each value is put into it.

        Raises:
            ObjectiveError: for a hole that stands for nothing.

        Example:
            >>> RunFolders(Path("/t/3"), Path("/work"), own={"trial": "3"}).filled("{dir}/log-{trial}.csv")
            '/t/3/log-3.csv'
        """
        for hole in HOLE.findall(path):
            if hole not in self._own:
                raise ObjectiveError(
                    f"{{{hole}}} stands for nothing in the path of a metric's file, got {path!r}. Write one of "
                    f"{', '.join(f'{{{name}}}' for name in self._own)}, or * for what differs from trial to trial."
                )
        return HOLE.sub(lambda hole: written(self._own[hole[1]]), path)

    def before(self, path: Path) -> bool:
        """Whether what is at a path already is another run's."""
        return not self.past and not (self.resumed and path.is_relative_to(self.folder))

    def watch(self, path: Path) -> None:
        """Say to other runs on this machine that this one may write to a path outside of the trial's folder."""
        if path in self._claims or self.past or path.is_relative_to(self.folder):
            return
        folder = Path(tempfile.gettempdir(), f"danlu-claims-{os.getuid()}")
        folder.mkdir(mode=0o700, exist_ok=True)
        lock = (folder / hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:32]).open("wb")
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:  # another reads it already
            lock.close()
            self._claims[path] = None
        else:
            self._claims[path] = lock

    def claim(self, path: Path) -> None:
        """Have what is written to a watched path for this run alone.

        Raises:
            ProgramFailed: when another run that is under way may write to it, or reads it.
        """
        if path not in self._claims:
            return
        lock = self._claims[path]
        try:
            if lock is None:
                raise BlockingIOError
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if lock is not None:  # what was shared is given up by asking for more
                with contextlib.suppress(OSError):
                    fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            raise ProgramFailed(
                f"{path} is read for another trial that runs now, and nobody can tell whose numbers are in it. Send each trial's into its own "
                "folder, {dir} or DANLU_DIR, or run one trial at a time (-j 1).", "",
            ) from None  # fmt: skip

    def release(self) -> None:
        """Give back what was claimed."""
        while self._claims:
            lock = self._claims.popitem()[1]
            if lock is not None:
                lock.close()


class SourceValue(NamedTuple):
    """Values that were read, and the place they were read from, as it is shown to people."""

    found: Found
    place: str


class SourceRemark(NamedTuple):
    """How what was read is understood, which is said once for each ``about``."""

    about: str
    sentence: str


class Follower(Protocol):
    """Reads what one run of a program writes, while it writes."""

    def poll(self) -> Iterable[SourceValue | SourceRemark]:
        """What is new since the last call; never waits."""

    def close(self) -> Iterable[SourceValue | SourceRemark]:
        """What is left after the program's end.

        Raises:
            ProgramFailed: when the metric was never found, with what there is in its place.
        """


class Source(Protocol):
    """A metric as it is asked for; the same for all trials.

    Attributes:
        text: the specification.
        names: of the metrics that it gives.
        main: the metric that is meant by ``{x}``, or by a name; "" where a line only has named numbers.
        doubts: by the name of a metric, why its direction cannot be told from it.
        once: whether there is one value a trial, so that no trial can be stopped early.
        late: why values come later than they are logged; "" where they do not.
    """

    text: str
    names: tuple[str, ...]
    main: str
    doubts: Mapping[str, str]
    once: bool
    late: str

    @property
    def counted(self) -> str:
        """What to write so that each value is a step."""

    def pattern(self) -> LinePattern | None:
        """What finds it in the program's output, for a run of its own; None for what is read from files."""

    def told(self, folders: RunFolders) -> Mapping[str, str]:
        """Environment variables that a run has to be given, so that its numbers can be told from those of others."""

    def follow(self, folders: RunFolders) -> Follower | None:
        """Begin to read what a run writes, before it is started; None for what is read from its output."""
