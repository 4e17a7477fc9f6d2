"""``danlu doctor``: is this machine fit, and is this store sound?"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import platform
import sqlite3
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import click

from ..runtime.blobs import Blobs, blobs_at
from .echo import echo, echo_json


class Checked(NamedTuple):
    """One check: what was looked at, whether it is fine, and what was found."""

    check: str
    fine: bool
    found: str


@click.command()
@click.argument("store", required=False)
@click.option("--json", "json_", is_flag=True, help="Machine-readable output.")
def doctor(store: str | None, json_: bool) -> None:
    """Check this machine, and STORE if one is named, a file or a postgresql:// URL; exit code 1 when something is wrong."""
    from ..base.plain import as_json

    findings = _machine()
    if store:
        findings += _database(store) if "://" in store else _store(store)
    if json_:
        echo_json(as_json([finding._asdict() for finding in findings]))
    else:
        for finding in findings:
            echo(f"{'ok ' if finding.fine else 'BAD'}  {finding.check}: {finding.found}")
    if not all(finding.fine for finding in findings):
        raise click.exceptions.Exit(1)


def _machine() -> list[Checked]:
    packages = ("torch", "cloudpickle", "sklearn", "psycopg", "fsspec")
    extras = [name for name in packages if importlib.util.find_spec(name)]
    recent = sqlite3.sqlite_version_info >= (3, 31)
    safe = (
        ""
        if sqlite3.sqlite_version_info >= (3, 51, 3)
        else ", checkpoints by one process at a time (before 3.51.3)"
    )
    return [
        Checked("python", fine=True, found=platform.python_version()),
        Checked("sqlite", fine=recent, found=sqlite3.sqlite_version + safe),
        Checked("cores", fine=True, found=f"{_cores()} of {os.cpu_count()} usable"),
        Checked("gpus", fine=True, found=_gpus()),
        Checked("ray", fine=True, found=_ray()),
        _clock(),
        Checked("extras", fine=True, found=", ".join(extras) or "none"),
    ]


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _ray() -> str:
    """Ray's version, and the cluster that RAY_ADDRESS names; nothing is started."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        found = version("ray")
    except PackageNotFoundError:
        return "not installed"
    return f"{found}, cluster at {os.environ.get('RAY_ADDRESS') or 'no RAY_ADDRESS'}"


def _clock() -> Checked:
    """Leases run by a clock that never goes back; it has to move, and the wall clock should be of this century."""
    before = time.monotonic()
    time.sleep(0.01)
    moved = time.monotonic() - before
    wall = time.time()
    fine = 0.005 < moved < 5 and wall > 1.7e9
    return Checked("clock", fine, f"moves, {time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime(wall))} UTC")


def _database(url: str) -> list[Checked]:
    """Whether the server is there, how fast it answers and syncs, how far its clock is, and its studies."""
    from ..errors import DanluError
    from ..stores.postgres import PostgresStore

    try:
        store = PostgresStore(url, patience=5.0)
        with contextlib.closing(store):
            told = store.server.run(
                lambda c: c.execute("SELECT version(), current_setting('synchronous_commit')").fetchone()
            )
            ask = [
                _took(lambda: store.server.run(lambda c: c.execute("SELECT 1").fetchone(), alone=True))
                for _ in range(20)
            ]
            skew = abs(store.server.run(store.server.now) - time.time())
            blobs = blobs_at(store.blobs)
            return [
                Checked("postgresql", fine=True, found=" ".join(told[0].split()[:2])),
                Checked("synchronous_commit", told[1] != "off", told[1]),
                Checked("round trip", fine=True, found=f"{1e3 * sorted(ask)[10]:.2f} ms"),
                Checked(
                    "server's clock",
                    fine=True,
                    found=f"{skew:.1f} s from this one's (leases run by the server's)",
                ),
                _written(blobs),
                *(_study(store, name) for name in store.studies()),
            ]
    except DanluError as error:
        return [Checked("postgresql", fine=False, found=str(error))]


def _written(blobs: Blobs) -> Checked:
    """Whether a checkpoint can be kept and read back where the store keeps them."""
    from ..errors import DanluError

    data = f"danlu doctor {time.time_ns()}".encode()
    try:
        took = _took(lambda: blobs.drop([blobs.put(data)]))
    except (DanluError, OSError) as error:
        return Checked("checkpoints", fine=False, found=f"{blobs.place} cannot be written: {error}")
    return Checked("checkpoints", fine=True, found=f"{blobs.place}, {1e3 * took:.1f} ms")


def _took(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def _store(path: str) -> list[Checked]:
    from ..errors import StoreError
    from ..stores.filesystem import NETWORK, kind

    where = Path(path).absolute()
    system = kind(where)
    findings = [
        Checked("file system", system not in NETWORK, system or "unknown"),
        Checked("fsync", fine=True, found=_fsync(where.parent)),
    ]
    try:
        from .show import existing

        opened = existing(path)
    except StoreError as error:
        return [*findings, Checked("store", fine=False, found=str(error))]
    return findings + [_study(opened, name) for name in opened.studies()]


def _study(store: Any, name: str) -> Checked:
    """Read a whole journal: every checksum compared, every event folded."""
    from ..errors import DanluError
    from ..journal.events import Status
    from ..journal.history import History

    history = History()
    try:
        for entry in store.journal(name).read(0):
            history.fold((entry,))
    except (DanluError, sqlite3.DatabaseError) as error:
        return Checked(f"study {name}", fine=False, found=str(error))
    orphans = store.journal(name).orphans(sorted(history.rows.live[Status.RUNNING]))
    waiting = f", {len(orphans)} abandoned trials to be resumed" if orphans else ""
    return Checked(f"study {name}", fine=True, found=f"{history.seq} events, {len(history)} trials{waiting}")


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


def _gpus() -> str:
    """NVIDIA devices the system shows, without starting CUDA."""
    from ..engines.slot import gpu_sizes

    sizes = gpu_sizes()
    return ", ".join(f"{size / 2**30:.0f} GiB" for size in sizes) or str(
        len(list(Path("/proc/driver/nvidia/gpus").glob("*")))
    )
