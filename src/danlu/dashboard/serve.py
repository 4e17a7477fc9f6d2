"""Runs the page: one server on this machine's loopback interface, for one store."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable, Iterable
from pathlib import Path

from ..contracts.protocols import Store
from ..errors import MissingExtra, SettingError
from .app import Page
from .feed import Feeds
from .guard import Guard, hash_of, key_at
from .page import import_map

try:
    import uvicorn
except ImportError as error:
    raise MissingExtra("the page", "uvicorn", "dashboard") from error

PORT = 8642
"""Where the page is, unless that is taken."""

LOCAL = ("127.0.0.1", "localhost")
"""The names by which a browser on this machine calls a page that listens on 127.0.0.1."""

LOOPBACK = ("127.0.0.1", "::1", "localhost")


def serve(
    store: Store,
    *,
    place: str,
    host: str = "127.0.0.1",
    port: int | None = None,
    hosts: Iterable[str] = (),
    actions: bool = True,
    actor: str = "somebody",
    say: Callable[[str], None] = print,
    ready: Callable[[str], None] | None = None,
    key: Path | None = None,
) -> None:
    """Serve the page until Ctrl-C.

    Args:
        store: whose studies are shown.
        place: how the store is called on the page.
        host: the interface; anything but loopback needs ``hosts``.
        port: 8642, or any free one when that is taken, when None.
        hosts: further names (with port, where it is not the usual) under which browsers may ask.
        actions: whether the page may pause, stop, enqueue.
        actor: in whose name it does.
        say: told the page's address, once for each browser.
        ready: called with the address when the page can be opened.
        key: where the cookies' secret is kept; ``~/.danlu/page.key`` when None.

    Raises:
        SettingError: for another interface without ``hosts``, and a port that is taken.
        MissingExtra: when starlette or uvicorn is not installed.
    """
    if host not in LOOPBACK and not hosts:
        raise SettingError(
            f"the page on {host} could be reached by others, so it needs the names it may be called by: --allow-host NAME:PORT. "
            "Better: leave it on 127.0.0.1 and forward the port (ssh -L 8642:127.0.0.1:8642 HOST)."
        )
    with contextlib.suppress(OSError):  # the page yields to trainings on the same machine
        os.nice(10)
    listening = listen(host, port)
    taken = listening.getsockname()[1]
    names = [f"{name}:{taken}" for name in ("127.0.0.1", "localhost", "[::1]")] + list(hosts)
    feeds = Feeds(store)
    page = Page(feeds, place=place, actor=actor, actions=actions)
    shown = f"[{host}]" if ":" in host else host

    def address(token: str) -> str:
        return f"http://{shown}:{taken}/?token={token}"

    guard = Guard(
        page.app(), hosts=names, key=key_at(key or Path.home() / ".danlu" / "page.key"), name=f"danlu-{taken}",
        scripts=[hash_of(import_map())], used=lambda token: say(f"for another browser: {address(token)}"),
    )  # fmt: skip
    say(f"the page is at {address(guard.token)}")
    try:
        Server(guard, page, (lambda: ready(address(guard.token))) if ready else None).run(sockets=[listening])
    finally:
        feeds.close()
        listening.close()


class Server(uvicorn.Server):
    """Tells streams to end when the server does, and somebody when it has begun."""

    def __init__(self, app: Guard, page: Page, ready: Callable[[], None] | None) -> None:
        super().__init__(
            uvicorn.Config(
                app, log_level="warning", access_log=False, server_header=False, timeout_graceful_shutdown=2
            )
        )
        self._page = page
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin, and say so."""
        await super().startup(sockets)
        if self._ready is not None:
            self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End, and let streams end first."""
        self._page.leaving.set()
        await super().shutdown(sockets)


def listen(host: str, port: int | None) -> socket.socket:
    """A socket that listens: on ``port``, on any where that is 0, on the usual one or else any where it is None.

    Raises:
        SettingError: when the port is taken.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    wanted = [PORT, 0] if port is None else [port]
    for each in wanted:
        opened = socket.socket(family, socket.SOCK_STREAM)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            opened.bind((host, each))
        except OSError as error:
            opened.close()
            if each == wanted[-1]:
                raise SettingError(
                    f"the page cannot listen on {host}:{each}: {error.strerror}. Name another --port."
                ) from error
        else:
            return opened
    raise AssertionError
