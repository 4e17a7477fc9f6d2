"""How the place of a store is shown: with nothing in it that is secret."""

from __future__ import annotations

import re

_SECRET = re.compile(r"((?:^|[?&])(?:ssl)?pass(?:word|phrase)?=)[^&]*", re.IGNORECASE)


def without_secrets(place: str) -> str:
    """A path as it is; a URL without its passwords, in its host part or among its parameters.

    Example:
        >>> without_secrets("postgresql://me:hush@db/runs?password=hush&sslmode=require")
        'postgresql://me:***@db/runs?password=***&sslmode=require'
    """
    scheme, mark, rest = place.partition("://")
    if not mark:
        return place
    path, question, query = rest.partition("?")
    user, at, host = path.rpartition("@")
    name, colon, password = user.partition(":")
    hidden = "***" if password else ""
    return f"{scheme}://{name}{colon}{hidden}{at}{host}{_SECRET.sub(lambda found: found[1] + '***', question + query)}"
