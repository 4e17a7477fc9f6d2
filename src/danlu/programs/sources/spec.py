"""A metric as it is written on the command line, as a source."""

from __future__ import annotations

import re
from collections.abc import Callable

from ...errors import ObjectiveError
from .base import Source
from .files import FileSource
from .last import LastSource
from .lines import FieldSource, PatternSource
from .mlflow import mlflow
from .table import records, table
from .tensorboard import tensorboard
from .wandb import wandb

_FILES: dict[str, Callable[[str, str, str], FileSource]] = {
    "csv": table, "jsonl": records, "tensorboard": tensorboard, "mlflow": mlflow, "wandb": wandb,
}  # fmt: skip
_HOLE = re.compile(r"\{(?!\{)(?:[A-Za-z_]\w*|\*)\}")


def source_of(text: str) -> Source:
    """The source that a text names.

    ========================================  =========================================================================
    ``val loss: {x}``, ``re:loss (?P<x>...)``   a line of output, as in ``Pattern``
    ``val_loss``, ``val_loss:STEP``             a number of this name in the output: ``key=value``, ``key: value``, JSON, dicts, tables
    ``csv:log.csv:val_loss[:STEP]``             a column of a CSV file with a header
    ``jsonl:metrics.jsonl:val.loss[:STEP]``     a key of a file with a JSON object a line
    ``tensorboard:logs:val_loss``               a scalar of event files
    ``mlflow:mlruns:val_loss``                  a metric of an MLflow folder, or of ``mlflow.db``
    ``wandb:wandb:val_loss[:STEP]``             a metric of a W&B run, offline too
    ``file:result.json:accuracy``               a number that a file holds at the end; ``file:result.txt`` where it is all of it
    ========================================  =========================================================================

    STEP is the name of what is the step, or ``count`` to count the values. Paths are relative to the trial's folder, or else to the one
    the program is started in; ``*`` stands for what differs from run to run, and ``{dir}``, ``{checkpoint}``, ``{trial}`` and ``{seed}``
    for what they are in the command. Metrics of one name in several files are told apart by where these are, ``told_apart``.

    Raises:
        ObjectiveError: for what names no source.

    Example:
        >>> source_of("csv:log.csv:val/acc").names, source_of("val loss: {x}").names, source_of("val loss").names
        (('val/acc',), ('val_loss',), ('val_loss',))
    """
    kind, colon, rest = text.partition(":")
    if kind in _FILES and colon and not rest.startswith(" "):
        path, name, step = _parted(kind, rest)
        return _FILES[kind](path, name, step)
    if kind == "file" and colon and not rest.startswith(" "):
        path, _, name = rest.partition(":")
        if not path:
            raise ObjectiveError(f"a file that holds the number needs a path, file:result.txt, got {text!r}.")
        return LastSource(path, name)
    named = "{" not in text and "}" not in text and not text.startswith("re:")
    words = re.fullmatch(r"\s*([^\W\d_][\w ./@%'+()-]*|_\w[\w./-]*)(?::([\w./\[\]-]+:?))?\s*", text)
    if named and words is not None:
        return FieldSource(words[1], words[2] or "")
    return PatternSource(text)


def _parted(kind: str, rest: str) -> tuple[str, str, str]:
    """Path, name and step."""
    scheme = "sqlite:///" if rest.startswith("sqlite:///") else ""
    path, _, name = rest.removeprefix(scheme).partition(":")
    name, _, step = name.partition(":")
    if not path or not name:
        raise ObjectiveError(
            f"a metric in a file needs its path and its name, {kind}:PATH:val_loss, got {f'{kind}:{rest}'!r}."
        )
    return path, name, step
