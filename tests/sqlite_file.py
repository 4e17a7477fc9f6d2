"""A store's file opened by SQLite itself: committed and closed at the end, whatever happens."""

import contextlib
import sqlite3


@contextlib.contextmanager
def raw_file(path, **how):
    with contextlib.closing(sqlite3.connect(path, **how)) as connection, connection:
        yield connection


def sound(path):
    """Whether SQLite finds nothing wrong with the file."""
    with raw_file(path) as connection:
        return connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
