"""Metrics of one name in several files, told apart by where they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from ...errors import ObjectiveError
from ..printed.curve import LinePattern
from .base import Follower, RunFolders, Source, SourceRemark, SourceValue
from .files import FileSource
from .last import LastSource


class RenamedSource:
    """A metric in a file by another name.

    Args:
        source: that it is read from.
        name: in the study.
    """

    def __init__(self, source: FileSource | LastSource, name: str) -> None:
        self._source = source
        self.text, self.counted = source.text, source.counted
        self.main = name
        self.names: tuple[str, ...] = (name,)
        self.doubts: Mapping[str, str] = source.doubts
        self.once, self.late = source.once, source.late

    def __repr__(self) -> str:
        return f"RenamedSource({self._source!r}, {self.main!r})"

    def pattern(self) -> LinePattern | None:
        """Nothing, as it is in a file."""
        return None

    def told(self, folders: RunFolders) -> Mapping[str, str]:
        """Variables by which a run's numbers are told from those of others."""
        return self._source.told(folders)

    def follow(self, folders: RunFolders) -> Follower:
        """Begin to read what a run writes."""
        return _RenamedFollower(self._source.follow(folders), self.main)


class _RenamedFollower:
    def __init__(self, follower: Follower, name: str) -> None:
        self._follower, self._name = follower, name

    def poll(self) -> Iterable[SourceValue | SourceRemark]:
        """What is new, by its other name."""
        return map(self._renamed, self._follower.poll())

    def close(self) -> Iterable[SourceValue | SourceRemark]:
        """What is left, by its other name."""
        return map(self._renamed, self._follower.close())

    def _renamed(self, read: SourceValue | SourceRemark) -> SourceValue | SourceRemark:
        if isinstance(read, SourceRemark):
            return read
        (value,) = read.found.values.values()
        return read._replace(found=read.found._replace(values={self._name: value}))


def told_apart(sources: Sequence[Source]) -> tuple[Source, ...]:
    """Sources each of whose metrics has a name of its own.

    Metrics of one name in several files are named by the parts in which their paths differ as well: the loss of ``train.csv`` is
    ``train.loss``, that of ``b/log.csv`` beside ``a/log.csv`` is ``b.loss``.

    Raises:
        ObjectiveError: where two have one name that nothing tells apart.

    Example:
        >>> from danlu.programs.sources import source_of
        >>> each = [source_of(text) for text in ("csv:train.csv:loss", "csv:valid.csv:loss", "loss", "file:acc.txt")]
        >>> [name for source in told_apart(each) for name in source.names]
        ['train.loss', 'valid.loss', 'loss', 'acc']
    """
    found = list(sources)
    for name in dict.fromkeys(name for source in sources for name in source.names):
        files = {
            at: source
            for at, source in enumerate(sources)
            if isinstance(source, FileSource | LastSource) and source.names == (name,)
        }
        if sum(source.names.count(name) for source in sources) > 1:
            parts = _differing([source.path for source in files.values()])
            for (at, file), part in zip(files.items(), parts, strict=True):
                found[at] = RenamedSource(file, f"{part}.{name}")
    names = [name for source in found for name in source.names]
    for source in found:
        for name in source.names:
            if names.count(name) > 1:
                raise ObjectiveError(
                    f"two metrics are named {name!r}, those of {' and '.join(repr(each.text) for each in found if name in each.names)}. "
                    f"Leave one out, or write the line in which it is printed with a name in its hole: {{val_{name}}}."
                )
    return tuple(found)


def _differing(paths: Sequence[str]) -> list[str]:
    """The last part of each path in which all differ; else the last."""
    parts = [[*Path(path).parts[:-1], Path(path).stem] for path in paths]
    for back in range(1, min(map(len, parts), default=0) + 1):
        told = [each[-back].strip("{}*/") for each in parts]
        if all(told) and len(set(told)) == len(told):
            return told
    return [each[-1] for each in parts]
