"""The live page in a frame of a notebook, served by a thread of the kernel.

A frame is another site than the notebook unless both are reached by the same name, and browsers keep the page's cookie from other
sites. So a script in the output asks for the page under the name under which the notebook itself was opened, where that is this
machine; anywhere else (VS Code, a hub, a remote kernel) the output says the address, and how to reach it.
"""

from __future__ import annotations

import html
import json
import secrets
import threading
from urllib.parse import urlencode

from ..contracts.protocols import Store
from .app import Page
from .feed import Feeds
from .guard import Guard, hash_of
from .page import import_map
from .serve import LOCAL, Server, listen

FRAMES = tuple(f"http://{host}:*" for host in LOCAL)
"""Whose pages may show ours in a frame: those of this machine, at any port."""


class Live:
    """A server of one store, in a thread of this process, that only shows.

    Attributes:
        port: where it listens, on 127.0.0.1.
    """

    def __init__(self, store: Store) -> None:
        self._listening = listen(LOCAL[0], 0)
        self.port = self._listening.getsockname()[1]
        self._feeds = Feeds(store)
        page = Page(self._feeds, place="notebook", actor="notebook", actions=False)
        self._guard = Guard(
            page.app(), hosts=[f"{host}:{self.port}" for host in LOCAL], key=secrets.token_bytes(32),
            name=f"danlu-{self.port}", scripts=[hash_of(import_map())], frames=FRAMES,
        )  # fmt: skip
        ready = threading.Event()
        self._server = Server(self._guard, page, ready.set)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._listening]}, name="danlu-page", daemon=True
        )
        self._thread.start()
        ready.wait(10)

    def query(self, study: str) -> str:
        """What follows the host in the address of a study's page, with the token that the next browser needs."""
        return f":{self.port}/?{urlencode({'token': self._guard.token, 'study': study})}"

    @property
    def running(self) -> bool:
        """Whether it answers."""
        return self._thread.is_alive()

    def close(self) -> None:
        """End the server and its threads."""
        self._server.should_exit = True
        self._thread.join(10)
        self._feeds.close()
        self._listening.close()


_LIVE: dict[
    int, tuple[Store, Live]
] = {}  # the store is held as well: an id is free again once its object has gone
_STARTING = threading.Lock()


def live_of(store: Store) -> Live:
    """The server of a store, started where there is none yet."""
    with _STARTING:
        held = _LIVE.get(id(store))
        if held is None or not held[1].running:
            held = _LIVE[id(store)] = store, Live(store)
        return held[1]


class Shown:
    """A study's page as a notebook shows it; its ``repr`` says the address, for a browser.

    Args:
        store: that holds the study.
        study: its name.
        height: of the frame, in pixels.
    """

    def __init__(self, store: Store, study: str, height: int) -> None:
        self._store, self._study, self._height = store, study, height
        self._live = live_of(store)

    @property
    def address(self) -> str:
        """Where the page is, with a token that lets one browser in, once."""
        return f"http://{LOCAL[0]}{self._live.query(self._study)}"

    def __repr__(self) -> str:
        return f"the page of {self._study!r} is at {self.address}"

    def _repr_html_(self) -> str:
        name, port = f"danlu-{secrets.token_hex(6)}", self._live.port
        script = (
            f"(() => {{ const host = location.hostname; if (location.protocol !== 'http:' || !{json.dumps(LOCAL)}.includes(host)) return; "
            f"const frame = document.createElement('iframe'); frame.title = {_inside(self._study)}; "
            f"frame.src = 'http://' + host + {_inside(self._live.query(self._study))}; "
            f"frame.style.cssText = 'width: 100%; height: {self._height}px; border: 0'; "
            f"document.getElementById('{name}').replaceChildren(frame); }})()"
        )
        shown = html.escape(self.address)
        return (
            f'<div id="{name}"><p>The page of <b>{html.escape(self._study)}</b> is at <a href="{shown}" target="_blank">{shown}</a>. '
            f"Where the kernel runs on another machine, forward its port first: <code>ssh -L {port}:127.0.0.1:{port} HOST</code>. "
            f"<code>show(live=False)</code> needs no server.</p></div><script>{script}</script>"
        )

    def close(self) -> None:
        """End the server of this store; frames that show it stand still."""
        with _STARTING:
            _LIVE.pop(id(self._store), None)
        self._live.close()


def _inside(text: str) -> str:
    """Text as it can stand in a script: nothing in it ends the element."""
    return json.dumps(text).replace("<", "\\u003c")
