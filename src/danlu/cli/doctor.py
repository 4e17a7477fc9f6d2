"""``danlu doctor``: is this machine fit, and is this store sound?"""

from __future__ import annotations

import importlib.util
import os
import platform
import sqlite3
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import click


class Finding(NamedTuple):
    """One check: what was looked at, whether it is fine, and what was found."""

    check: str
    fine: bool
    found: str


@click.command()
@click.argument("store", required=False, type=click.Path(dir_okay=False))
@click.option("--json", "json_", is_flag=True, help="Machine-readable output.")
def doctor(store: str | None, json_: bool) -> None:
    """Check this machine, and the file STORE if one is named; exit code 1 when something is wrong."""
    from .show import as_json

    findings = _machine() + (_store(store) if store else [])
    if json_:
        click.echo(as_json([finding._asdict() for finding in findings]))
    else:
        for finding in findings:
            click.echo(f"{'ok ' if finding.fine else 'BAD'}  {finding.check}: {finding.found}")
    if not all(finding.fine for finding in findings):
        raise click.exceptions.Exit(1)


def _machine() -> list[Finding]:
    packages = ("torch", "cloudpickle", "sklearn", "ray", "psycopg")
    extras = [name for name in packages if importlib.util.find_spec(name)]
    recent = sqlite3.sqlite_version_info >= (3, 31)
    return [
        Finding("python", fine=True, found=platform.python_version()),
        Finding("sqlite", fine=recent, found=sqlite3.sqlite_version),
        Finding("cores", fine=True, found=str(os.cpu_count())),
        Finding("gpus", fine=True, found=str(_gpus())),
        Finding("extras", fine=True, found=", ".join(extras) or "none"),
    ]


def _store(path: str) -> list[Finding]:
    from ..core.errors import StoreError
    from ..stores.filesystem import NETWORK, kind

    where = Path(path).absolute()
    system = kind(where)
    findings = [
        Finding("file system", system not in NETWORK, system or "unknown"),
        Finding("fsync", fine=True, found=_fsync(where.parent)),
    ]
    try:
        from .show import existing

        opened = existing(path)
    except StoreError as error:
        return [*findings, Finding("store", fine=False, found=str(error))]
    return findings + [_study(opened, name) for name in opened.studies()]


def _study(store: Any, name: str) -> Finding:
    """Read a whole journal: every checksum compared, every event folded."""
    from ..core.errors import DanluError
    from ..core.events import Status
    from ..core.history import History

    history = History()
    try:
        for entry in store.journal(name).read(0):
            history.fold((entry,))
    except (DanluError, sqlite3.DatabaseError) as error:
        return Finding(f"study {name}", fine=False, found=str(error))
    orphans = store.journal(name).orphans(sorted(history.live[Status.RUNNING]))
    waiting = f", {len(orphans)} abandoned trials to be resumed" if orphans else ""
    return Finding(f"study {name}", fine=True, found=f"{history.seq} events, {len(history)} trials{waiting}")


def _fsync(folder: Path) -> str:
    """The median time of ten synced writes."""
    if not folder.exists():
        return "unknown"
    times = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(10):
            began = time.perf_counter()
            file.write(b"x" * 4096)
            file.flush()
            os.fsync(file.fileno())
            times.append(time.perf_counter() - began)
    return f"{sorted(times)[5] * 1e3:.1f} ms"


def _gpus() -> int:
    """NVIDIA devices the system shows, without starting CUDA."""
    return len(list(Path("/proc/driver/nvidia/gpus").glob("*")))
