"""The series of numbers in files that a program wrote: each is read by its specification, from a copy of what the run added."""

from __future__ import annotations

import csv
import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ...base.failure import ProgramFailed
from ...errors import ObjectiveError
from ..printed.fields import counter, flattened
from ..printed.pattern import number
from ..sources.base import RunFolders
from ..sources.curve import MetricSources
from ..sources.last import curve_of
from ..sources.mlflow import TAG, RunTables
from ..sources.places import decoded
from ..sources.spec import source_of
from ..sources.tensorboard import ScalarEvents
from ..sources.wandb import WandbHistory
from .record import RunRecord
from .series import MOST_SERIES, NumberSeries, SeriesSink, judged


def written_series(record: RunRecord) -> Iterator[NumberSeries]:
    """The series in the files of a run."""
    with tempfile.TemporaryDirectory(prefix="danlu-series-") as place:
        copy = RunFolders(Path(place, "trial"), Path(place, "work"), past=True)
        copy.token = record.folders.token
        specs: dict[str, None] = {}
        for path, below in record.written().items():
            own = path.is_relative_to(record.folders.folder)
            copied = (copy.folder if own else copy.working) / below
            record.copied(path, copied)
            specs |= dict.fromkeys(_specs(copied, below if own else _general(below), copy.token))
        for spec in list(specs)[:MOST_SERIES]:
            found = _followed(spec, copy)
            if isinstance(found, NumberSeries):
                yield found


def _specs(path: Path, named: Path, token: str) -> Iterator[str]:
    """What may be asked of one file."""
    kind = path.suffix.lower()
    if "tfevents" in path.name:
        tags = dict.fromkeys(tag for tag, _, _ in ScalarEvents(path).read())
        yield from (f"tensorboard:{named.parent}:{tag}" for tag in tags if counter(tag) is None)
    elif kind in {".csv", ".tsv"}:
        yield from (f"csv:{named}:{name}" for name in _columns(path))
    elif kind == ".wandb":
        names = dict.fromkeys(name for row in WandbHistory(path).read() for name in row)
        run = next((at for at in named.parents if at.name.startswith(("offline-run", "run"))), named)
        yield from (
            f"wandb:{run.parent}:{name}" for name in names if name[0] != "_" and counter(name) is None
        )
    elif kind == ".db":
        yield from (f"mlflow:{named}:{name}" for name in sorted(RunTables(path, token).known()))
    elif path.parent.parent.name and "metrics" in path.parts and kind not in {".json", ".jsonl", ".txt"}:
        home = next((at for at in path.parents if (at / "meta.yaml").exists()), None)
        if home is not None and (home / "tags" / TAG).exists():
            depth = len(path.relative_to(home).parts) + 2
            yield f"mlflow:{Path(*named.parts[:-depth])}:{path.relative_to(home / 'metrics')}"
    else:
        yield from _texts(path, named)


def _texts(path: Path, named: Path) -> Iterator[str]:
    """What may be asked of a file of JSON or of text."""
    text = decoded(path)
    records = [
        dict(flattened(told)) for line in text.splitlines()[:200] if isinstance(told := _json(line), dict)
    ]
    whole = _json(text)
    if len(records) > 1:
        names = dict.fromkeys(name for record in records for name in record)
        yield from (f"jsonl:{named}:{name}" for name in names if counter(name) is None)
    elif isinstance(whole, dict):
        names = dict.fromkeys(name for name, _ in flattened(whole))
        names |= dict.fromkeys(
            name for name, value in whole.items() if isinstance(value, list) or curve_of(value) is not None
        )
        yield from (f"file:{named}:{name}" for name in names if counter(name) is None)
    elif len(text) < 100:
        yield f"file:{named}"


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _columns(path: Path) -> list[str]:
    """The names in a header, without those that count."""
    text = decoded(path, 1 << 16)
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    mark = max(",;\t|", key=lines[0].count) if lines else ","
    cells = next(csv.reader(lines[:1], delimiter=mark), [])
    return [cell.strip() for cell in cells if cell.strip() and counter(cell) is None and number(cell) is None]


def _general(named: Path) -> Path:
    """A path as it is asked for: in a shared folder the numbers in the names of folders differ from run to run."""
    return Path(*(re.sub(r"\d+(?:[-_.:T]\d+)*", "*", part) for part in named.parts[:-1]), named.name)


def _followed(spec: str, folders: RunFolders) -> NumberSeries | str:
    """The series that a specification reads; why it reads none."""
    told = SeriesSink()
    try:
        MetricSources([spec]).begin(told, folders, {}).close("the program")
    except (ObjectiveError, ProgramFailed) as error:
        return str(error)
    finally:
        folders.release()
    return judged(spec, source_of(spec).names[0], spec.split(":")[1], told)
