"""The programs that a study's trials were run by, as its sessions have written them into the journal."""

from __future__ import annotations

from .provenance import Change, Provenance, compare


class Programs:
    """Folds what sessions say they run.

    Attributes:
        by_code: for each code the newest provenance of it, with the sources of the first.
        newest: the last session's provenance, None before any told one.
    """

    def __init__(self) -> None:
        self.by_code: dict[str, Provenance] = {}
        self.newest: Provenance | None = None
        self._workers: dict[str, str] = {}
        self._sources: dict[str, dict[str, str]] = {}
        self._used: Provenance | None = None

    def open(self, worker: str, provenance: Provenance, trials: int) -> list[str]:
        """A session begins; what has changed since trials were last run, a sentence each."""
        code = provenance.code
        if provenance.sources:
            self._sources.setdefault(code, provenance.sources)
        before, self.newest = self._used, provenance
        self._workers[worker] = code
        self.by_code[code] = provenance
        change = None if before is None else self.since(before, provenance)
        return [] if change is None else spoken(change, trials)

    def run(self, worker: str, earlier: str = "") -> str:
        """The code of a trial that a worker asks or takes up, after ``earlier``."""
        code = self._workers.get(worker, "")
        self._used = self.by_code.get(code, self._used)
        if not code or not earlier or earlier.rpartition("+")[2] == code:
            return code or earlier
        return f"{earlier}+{code}"

    def since(self, old: Provenance, new: Provenance) -> Change:
        """What changed between two sessions."""
        return compare(old, new, self._sources.get(old.code))

    def knows_sources(self, code: str) -> bool:
        """Whether some session has kept the text of this code."""
        return code in self._sources


def spoken(change: Change, trial: int) -> list[str]:
    """A change in sentences: code first, what is less in a line of its own."""
    told = []
    if change.code:
        told.append(f"from trial {trial} on other code is run: {listed(change.code)}")
    if change.near:
        told.append(f"from trial {trial} on: {listed(change.near)}")
    if change.versions:
        told.append(f"from trial {trial} on other versions are used: {listed(change.versions)}")
    return told


def listed(phrases: tuple[str, ...], most: int = 6) -> str:
    """Phrases in a row, the last of many only counted."""
    shown = ", ".join(phrases[:most])
    return shown if len(phrases) <= most else f"{shown} and {len(phrases) - most} more"
