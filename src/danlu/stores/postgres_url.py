"""The URL of a PostgreSQL store: what of it is danlu's, what libpq reads in the rest, and how a database is shown."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from ..errors import MissingExtra, StoreError

try:
    import psycopg
    from psycopg.conninfo import conninfo_to_dict
except ImportError as error:
    raise MissingExtra("the PostgreSQL store", "psycopg", "postgres") from error

OWN = ("blobs", "lease")
"""Parameters of danlu's."""


def without_own(url: str) -> tuple[str, dict[str, str]]:
    """The URL for PostgreSQL, letter for letter, and the parameters in it that are danlu's."""
    place, mark, query = url.partition("?")
    pairs = [pair for pair in query.split("&") if pair]
    own = {name: unquote(value) for name, _, value in (pair.partition("=") for pair in pairs) if name in OWN}
    rest = "&".join(pair for pair in pairs if pair.partition("=")[0] not in OWN)
    return place + (mark + rest if rest else ""), own


def parsed(url: str) -> dict[str, Any]:
    """The parameters of a connection as libpq reads them from its URL.

    Raises:
        StoreError: when libpq cannot read it; nothing of it that may be secret is shown.

    Example:
        >>> parsed("postgresql:///runs?host=/var/run/postgresql&options=-csearch_path%3Dmine")
        {'dbname': 'runs', 'host': '/var/run/postgresql', 'options': '-csearch_path=mine'}
    """
    if "@" in url.partition("?")[0].partition("://")[2].partition("@")[2]:
        raise StoreError(
            "the URL of a PostgreSQL store has more than one @ before its parameters. Write those of the user and the password as %40, "
            "and a / in them as %2F."
        )
    try:
        found = {name: value for name, value in conninfo_to_dict(url).items() if value is not None}
    except psycopg.Error as error:
        kind = re.sub(r'"[^"]*"', "...", " ".join(str(error).split()))
        raise StoreError(
            f"the URL of a PostgreSQL store cannot be read by libpq ({kind}). It reads postgresql://user:password@host:port/database"
            "?name=value, with what is special in its parts percent-encoded; parameters of danlu are blobs and lease."
        ) from None
    if not all(port.isdecimal() for port in str(found.get("port", "0")).split(",") if port):
        raise StoreError(
            "the URL of a PostgreSQL store has a port that is not a number. Write a / in the user or the password as %2F, an @ as %40."
        )
    return found


def place_of(params: Mapping[str, Any]) -> str:
    """A database as it is shown: where it is, and nothing of who asks.

    Example:
        >>> place_of({"host": "db", "port": "5433", "dbname": "runs", "user": "me", "password": "hush"})
        'postgresql://db:5433/runs'
    """
    host = str(params.get("host") or params.get("hostaddr") or "")
    shown = {name: str(params[name]) for name in ("service", "options") if params.get(name)}
    if host.startswith("/"):
        shown, host = {"host": host, **shown}, ""
    port = f":{params['port']}" if params.get("port") else ""
    query = "&".join(f"{name}={value}" for name, value in shown.items())
    return f"postgresql://{host}{port}/{params.get('dbname') or ''}" + (f"?{query}" if query else "")


def folder_of(params: Mapping[str, Any]) -> str:
    """The name of a database's folder at home: the same whoever asks and however, with whatever password.

    Example:
        >>> one, other = ({"host": "db", "dbname": "runs", "password": word} for word in ("old", "new"))
        >>> folder_of(one) == folder_of(other) != folder_of(one | {"dbname": "else"})
        True
    """
    owner = "" if params.get("dbname") else params.get("user", "")  # whose name the database has, then
    return hashlib.sha256(f"{place_of(params)} {owner}".encode()).hexdigest()[:16]
