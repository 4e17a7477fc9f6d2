"""A program's own checkpoints, by convention: a folder that its trial's attempts share, and that the journal knows to hold something.

``DANLU_CHECKPOINT`` names the folder. What a program writes there outlives a pause, a retry and ``kill -9``. Whenever its files have
changed before a report, the journal notes a checkpoint at that step, so that steps are counted once, trials can be trained longer,
and a trial that starts from another's checkpoint gets a copy of that one's folder.

A program does not wait for its reports: when one of them ends its attempt, it may have trained, saved and printed more. So an attempt
that finds something in the folder begins with what was printed and not reported (``log.py``).
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from ..runtime.live import LiveTrial

FOLDER = "checkpoint"
_KEY = "danlu program's folder"


class ProgramCheckpoints:
    """The checkpoints of one trial's program.

    Attributes:
        folder: that is the program's.
        since: the step of the newest one that the journal knows, -1 for none.
        own: whether what is in the folder was put there by earlier attempts of this trial.
    """

    def __init__(self, trial: LiveTrial) -> None:
        self.folder = trial.dir / FOLDER
        self.folder.mkdir(exist_ok=True)
        self.own = self.there
        self.since = self._begin(trial)
        self._trial, self._seen = trial, dict(_files(self.folder))

    @property
    def there(self) -> bool:
        """Whether something is in the folder now."""
        return next(_files(self.folder), None) is not None

    def note(self, step: int, *, always: bool = False) -> None:
        """Have the journal know of a checkpoint at this step, which is reported next, if files have changed since the last look, or always."""
        now = dict(_files(self.folder))
        if now and (always or now != self._seen):
            self._trial.save(step, {_KEY: str(self.folder), "step": step})
        self._seen = now

    def newest(self, word: str) -> str:
        """A word with the newest file or folder in place of a path with * in this folder, ``{checkpoint}/checkpoint-*``."""
        at = word.find(f"{self.folder}/")
        pattern = word[at + len(str(self.folder)) + 1 :] if at >= 0 else ""
        found = self.folder.glob(pattern) if "*" in pattern else ()
        times = {path: path.stat().st_mtime_ns for path in found}
        return word[:at] + str(max(times, key=times.__getitem__)) if times else word

    def leave(self) -> None:
        """Remove the folder where nothing is in it."""
        with contextlib.suppress(OSError):
            self.folder.rmdir()

    def _begin(self, trial: LiveTrial) -> int:
        """Take up what the newest checkpoint names: the own folder as it is, another trial's as a copy."""
        saved = trial.saved
        if saved is None or not isinstance(saved[0], dict) or _KEY not in saved[0]:
            return -1
        held = Path(str(saved[0][_KEY]))
        if not self.there and held != self.folder and held.is_dir():
            shutil.copytree(held, self.folder, dirs_exist_ok=True, symlinks=True)
        return int(saved[0]["step"]) if self.there else -1


def _files(folder: Path) -> Iterator[tuple[str, tuple[int, int]]]:
    """The files below a folder, each with its time and size."""
    for root, _, names in os.walk(folder):
        for name in names:
            path = f"{root}/{name}"
            with contextlib.suppress(OSError):  # renamed meanwhile
                stat = Path(path).stat()
                yield path, (stat.st_mtime_ns, stat.st_size)
