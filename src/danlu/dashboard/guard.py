"""Keeps strangers out: who may ask, from where, and what the browser may do with the answer.

The page listens on the loopback interface alone, and still any web page in the same browser can send it requests, under a name
of its own that resolves to 127.0.0.1 (DNS rebinding). So every request has to name a known host; a token that was printed once in
the terminal is exchanged for a cookie that other sites cannot send; what writes has to come from the page itself; and the
content policy lets the browser load nothing from elsewhere and run nothing that is not a file of ours.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LASTS = 30 * 24 * 3600
"""Seconds for which a browser stays known."""

READS = ("GET", "HEAD")


class Guard:
    """Wraps an ASGI application; nothing gets through to it unless every check holds.

    Args:
        app: what is guarded.
        hosts: the ``Host`` headers that are ours, ``127.0.0.1:8642`` for example.
        key: a secret that outlives the server, so that browsers stay known when it starts again.
        name: of the cookie; browsers send cookies to all ports of a host, so it tells servers apart.
        scripts: hashes of the page's inline data (the import map), for the content policy.
        used: called when a token has been used, with the next one.
        frames: whose pages may show this one in a frame, as a content policy names them; nobody's when empty.
    """

    def __init__(
        self,
        app: App,
        *,
        hosts: Iterable[str],
        key: bytes,
        name: str = "danlu",
        scripts: Iterable[str] = (),
        used: Callable[[str], None] | None = None,
        frames: Iterable[str] = (),
    ) -> None:
        self._app = app
        self._hosts = frozenset(hosts)
        self._key = key
        self._name = name
        self._used = used
        self._headers = headers(scripts, frames)
        self.token = secrets.token_urlsafe(24)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it in a sentence."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        asked = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        host = asked.get("host", "")
        if host not in self._hosts:
            await self._refuse(send, 421, f"This page is not {host!r}. Open the address that danlu printed.")
        elif scope["method"] not in READS and not self._from_here(asked, host):
            await self._refuse(send, 403, "Only the page itself may change anything.")
        elif scope["path"] == "/" and scope["method"] == "GET" and self._token_of(scope):
            await self._enter(scope, send, known=self._known(asked.get("cookie", "")))
        elif not self._known(asked.get("cookie", "")):
            await self._refuse(
                send,
                401,
                "This browser is not known here. Open the address that danlu printed in its terminal.",
            )
        else:
            await self._app(scope, receive, self._sealed(send))

    def _from_here(self, asked: dict[str, str], host: str) -> bool:
        """Whether a request that writes was made by our own page: its origin, and a type that no form can send."""
        same = asked.get("origin") in {f"http://{host}", f"https://{host}"}
        plain = asked.get("content-type", "").partition(";")[0].strip() == "application/json"
        return same and plain and asked.get("sec-fetch-site", "same-origin") == "same-origin"

    def _token_of(self, scope: Scope) -> str:
        return str((parse_qs(scope["query_string"].decode("latin-1")).get("token") or [""])[0])

    async def _enter(self, scope: Scope, send: Send, *, known: bool) -> None:
        """Exchange the token for a cookie, once, and go on to the page without it in the address; whoever is known already just goes on."""
        query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        query.pop("token")
        place = "/" + (f"?{urlencode(query, doseq=True)}" if query else "")
        if known:
            await self._answer(send, 303, b"", [(b"location", place.encode())])
            return
        if not hmac.compare_digest(self._token_of(scope).encode(), self.token.encode()):
            await self._refuse(
                send, 401, "That token is not valid, or was used already. danlu prints a new one each time."
            )
            return
        self.token = secrets.token_urlsafe(24)
        until = int(time.time()) + LASTS
        cookie = (
            f"{self._name}={until}.{self._sign(until)}; Path=/; Max-Age={LASTS}; HttpOnly; SameSite=Strict"
        )
        await self._answer(send, 303, b"", [(b"set-cookie", cookie.encode()), (b"location", place.encode())])
        if self._used is not None:
            self._used(self.token)

    def _known(self, header: str) -> bool:
        try:
            held = SimpleCookie(header).get(self._name)
        except CookieError:
            return False
        until, dot, mark = (held.value if held is not None else "").partition(".")
        if (
            not dot
            or not until.isascii()
            or not until.isdigit()
            or len(until) > 12
            or int(until) < time.time()
        ):
            return False  # Python reads no number of thousands of digits, and no cookie of ours has one
        return hmac.compare_digest(mark.encode(), self._sign(int(until)).encode())

    def _sign(self, until: int) -> str:
        return hmac.new(self._key, f"{self._name}:{until}".encode(), hashlib.sha256).hexdigest()

    def _sealed(self, send: Send) -> Send:
        """``send`` with our headers on every answer."""

        async def sealed(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *self._headers]}
            await send(message)

        return sealed

    async def _refuse(self, send: Send, status: int, sentence: str) -> None:
        await self._answer(send, status, sentence.encode(), [(b"content-type", b"text/plain; charset=utf-8")])

    async def _answer(self, send: Send, status: int, body: bytes, own: list[tuple[bytes, bytes]]) -> None:
        sealed = self._sealed(send)
        await sealed(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [*own, (b"content-length", str(len(body)).encode())],
            }
        )
        await sealed({"type": "http.response.body", "body": body})


def headers(scripts: Iterable[str] = (), frames: Iterable[str] = ()) -> list[tuple[bytes, bytes]]:
    """What every answer tells the browser: load nothing from elsewhere, guess no types, sit in no frame but of these."""
    run = " ".join(["'self'", *(f"'{script}'" for script in scripts)])
    above = " ".join(frames) or "'none'"
    policy = (
        f"default-src 'none'; script-src {run}; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        f"base-uri 'none'; form-action 'none'; frame-ancestors {above}"
    )
    return [
        (b"content-security-policy", policy.encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"no-referrer"),
        (b"cross-origin-opener-policy", b"same-origin"),
        (b"cross-origin-resource-policy", b"same-origin"),
        (b"cache-control", b"no-store"),
    ]


def hash_of(text: str) -> str:
    """The hash of an inline script as a content policy names it.

    Example:
        >>> hash_of("")
        'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='
    """
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def key_at(path: Path) -> bytes:
    """The secret in a file that only its owner may read; made when it is missing.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "page.key"
        >>> key_at(path) == key_at(path), len(key_at(path))
        (True, 32)
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        held = path.read_bytes()
        if len(held) == 32:
            return held
        path.unlink()  # a server died while it wrote
        return key_at(path)
    key = secrets.token_bytes(32)
    with os.fdopen(file, "wb") as opened:
        opened.write(key)
    return key
