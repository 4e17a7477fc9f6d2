"""How the place of a store is shown: with nothing in it that is secret."""

from __future__ import annotations

import re

_SECRET = re.compile(r"((?:^|[?&])(?:ssl)?pass(?:word|phrase)?=)[^&]*", re.IGNORECASE)


def without_secrets(place: str) -> str:
    """A path as it is; a URL without its user and password, in its host part or among its parameters.

    Example:
        >>> without_secrets("postgresql://me:hush@db/runs?password=hush&sslmode=require")
        'postgresql://db/runs?password=***&sslmode=require'
    """
    scheme, mark, rest = place.partition("://")
    if not mark:
        return place
    path, question, query = rest.partition("?")
    host, slash, more = path.rpartition("@")[2].partition("/")
    return f"{scheme}://{host}{slash}{more}{_SECRET.sub(lambda found: found[1] + '***', question + query)}"
