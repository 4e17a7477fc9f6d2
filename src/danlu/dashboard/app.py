"""The requests that the page makes. Whatever needs a history is answered in a thread, with the feed's lock held."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec

from ..analysis.beside import beside
from ..analysis.importance import DEFAULT
from ..base.plain import packed
from ..base.values import Value
from ..errors import DanluError, MissingExtra, SettingError, StoreError, StudyMissing, TrialMissing
from ..journal.snapshot import snapshot
from ..runtime.folders import logs_at
from ..space.parameters import Choice, Int
from ..space.space import Space
from ..study.control import Control
from . import views
from .downloads import Downloads, answered, whole_number
from .feed import Feed, Feeds
from .insights import Insights
from .page import front, static

try:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import HTMLResponse, Response, StreamingResponse
    from starlette.routing import Mount, Route
    from starlette.staticfiles import StaticFiles
except ImportError as error:
    raise MissingExtra("the page", "starlette", "dashboard") from error

TICK = 0.5
"""Seconds between two looks whether a study has grown, for those who watch it."""

ALIVE = 10.0
"""Seconds after which a silent stream says that it is there, so that both ends notice when the other is gone."""

TAIL = 65_536
"""Bytes of a log that are shown, from its end."""

BODY = 65_536
"""Bytes that an order may have."""


class Orders(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the page may say to a study: the words of ``Control``, and a name (``op``) under which it is done once."""

    study: str
    order: str
    op: str
    trial: int = -1
    reason: str = ""
    text: str = ""
    point: dict[str, Value] = {}


class Page:
    """Answers the page about one store.

    Args:
        feeds: the store's studies as they are followed.
        place: how the store is called on the page; no password in it.
        actor: in whose name orders are given.
        actions: whether orders are taken at all.
    """

    def __init__(self, feeds: Feeds, *, place: str, actor: str, actions: bool = True) -> None:
        self._feeds = feeds
        self._place = place
        self._actor = actor
        self._actions = actions
        self._insights = Insights()
        self.leaving = asyncio.Event()

    def app(self) -> Starlette:
        """The application, to be put behind a ``Guard``."""
        downloads = Downloads(self._feeds)
        routes = [
            Route("/", self.front),
            Route("/api/studies", self.studies),
            Route("/api/beside", self.beside),
            Route("/api/view", self.view),
            Route("/api/insight", self.insight),
            Route("/api/table", self.table),
            Route("/api/trial", self.trial),
            Route("/api/log", self.log),
            Route("/api/checkpoint", downloads.checkpoint),
            Route("/api/file", downloads.file),
            Route("/api/stream", self.stream),
            Route("/api/steer", self.steer, methods=["POST"]),
            Mount("/static", StaticFiles(directory=static())),
        ]
        return Starlette(routes=routes, exception_handlers={DanluError: _sentence, Exception: _defect})

    async def front(self, request: Request) -> Response:
        """The page itself, the same for every address."""
        del request
        return HTMLResponse(front())

    async def studies(self, request: Request) -> Response:
        """The store's studies, each as far as it has been read."""
        del request
        return await answered(self._studies)

    async def beside(self, request: Request) -> Response:
        """Several studies beside each other, as ``study`` in the address names them."""
        feeds = [self._feeds.of(name) for name in dict.fromkeys(request.query_params.getlist("study"))]

        def found() -> dict[str, Any]:
            with contextlib.ExitStack() as held:
                for feed in sorted(
                    feeds, key=lambda feed: feed.name
                ):  # in one order, so that no two requests wait for each other
                    held.enter_context(feed.lock)
                return {
                    "beside": beside({feed.name: feed.history for feed in feeds}),
                    "whole": all(feed.whole for feed in feeds),
                }

        return await answered(found)

    async def view(self, request: Request) -> Response:
        """Everything that the panels without a model are drawn from."""
        feed, terms = self._asked(request)
        metric, curve = (request.query_params.get(name) or None for name in ("metric", "curve"))
        along = request.query_params.get("along") or "step"
        return await answered(
            lambda: {
                **_held(
                    feed,
                    lambda history: views.view(feed.name, history, terms, metric, curve=curve, along=along),
                ),
                **_state(feed),
            }
        )

    async def insight(self, request: Request) -> Response:
        """What needs a model, part by part; answers to the newest questions are kept until the study has grown.

        With ``have`` in the address as soon as there are more parts than so many, or in a second, with what is known by then;
        without it when all is there.
        """
        feed, terms = self._asked(request)
        query = request.query_params
        words = {"x": query.get("x", ""), "y": query.get("y", ""), "method": query.get("method") or DEFAULT}
        metric = query.get("metric") or None
        question = (feed.name, tuple(sorted(terms.items())), metric, *words.values())
        have = whole_number(query, "have", -1) if "have" in query else None

        def answer() -> dict[str, Any]:
            if not (feed.whole or feed.damage) and have is not None:
                return {"ready": False, "stage": 0, "doing": "reading", "seq": feed.history.seq}
            with feed.lock:
                seen = snapshot(
                    feed.history
                )  # models take a second; neither readers nor the feed wait for them
            return self._insights.ask(
                question, seen.seq, lambda: views.insights(seen, terms, metric, **words), have=have
            )

        return await answered(answer)

    async def table(self, request: Request) -> Response:
        """A part of the table."""
        feed, terms = self._asked(request)
        query = request.query_params
        count = min(whole_number(query, "count", views.PAGE), views.PAGE)
        first = whole_number(query, "first", 0)
        sort, down = query.get("sort", "trial"), query.get("down") == "1"
        return await answered(
            lambda: _held(
                feed,
                lambda history: views.table(
                    history, terms, sort=sort, descending=down, first=first, count=count
                ),
            )
        )

    async def trial(self, request: Request) -> Response:
        """One trial."""
        feed, _ = self._asked(request)
        number = whole_number(request.query_params, "trial", -1)
        return await answered(lambda: _held(feed, lambda history: views.detail(history, number)))

    async def log(self, request: Request) -> Response:
        """The end of what a trial printed on this machine."""
        feed, _ = self._asked(request)
        number = whole_number(request.query_params, "trial", -1)
        path = logs_at(self._feeds.store.blobs, feed.name) / f"{number:06d}.log"
        return await answered(lambda: {"text": _tail(path), "there": path.exists()})

    async def stream(self, request: Request) -> Response:
        """Says, as server-sent events, whenever a study has grown."""
        feed, _ = self._asked(request)
        return StreamingResponse(self._ticks(feed), media_type="text/event-stream")

    async def steer(self, request: Request) -> Response:
        """Take an order; it is in the journal when this answers."""
        if not self._actions:
            raise SettingError("this page only shows; it was started with --read-only.")
        body = await request.body()
        if len(body) > BODY:
            raise SettingError(f"an order has {BODY} bytes at most, this has {len(body)}.")
        try:
            order = msgspec.json.decode(body, type=Orders)
        except msgspec.DecodeError as error:
            raise SettingError(f"that is not an order: {error}.") from error
        return await answered(lambda: self._steer(order))

    def _steer(self, order: Orders) -> dict[str, Any]:
        feed = self._feeds.of(order.study)
        while feed.read() and not feed.whole:
            pass
        with feed.lock:
            steering, op = Control(feed.journal, feed.history, self._actor), f"page/{order.op}"
            match order.order:
                case "pause" | "resume" | "stop":
                    getattr(steering, order.order)(order.reason, op=op)
                case "prune":
                    steering.prune(order.trial, order.reason, op=op)
                case "note":
                    steering.note(order.text, order.trial, op=op)
                case "tag" | "untag":
                    getattr(steering, order.order)(order.text, trial=order.trial, op=op)
                case "enqueue":
                    steering.enqueue(_point(order.point, feed.history.space), op=op)
                case _:
                    raise SettingError(
                        f"a page may say pause, resume, stop, prune, note, tag, untag or enqueue, not {order.order!r}."
                    )
        feed.read()
        return {"done": order.order, "seq": feed.history.seq}

    def _asked(self, request: Request) -> tuple[Feed, dict[str, str]]:
        """The study that a request is about, and its selection: parameters of the address that begin with ``f.``.

        Raises:
            StudyMissing: when there is no such study.
        """
        feed = self._feeds.of(request.query_params.get("study", ""))
        return feed, {name[2:]: text for name, text in request.query_params.items() if name.startswith("f.")}

    def _studies(self) -> dict[str, Any]:
        try:
            names = self._feeds.names()
        except DanluError as error:
            return {"place": self._place, "studies": [], "damage": str(error), "actions": self._actions}
        feeds = [self._feeds.of(name) for name in names]
        found = [_headed(feed) for feed in feeds]
        return {"place": self._place, "studies": found, "damage": "", "actions": self._actions}

    async def _ticks(self, feed: Feed) -> AsyncIterator[str]:
        told: Any = None
        silent = 0.0
        while not self.leaving.is_set():
            feed.want()
            now = {"seq": feed.history.seq, **_state(feed)}
            if now != told or silent >= ALIVE:
                told, silent = now, 0.0
                yield f"data: {json.dumps(now)}\n\n"
            silent += TICK
            try:
                await asyncio.wait_for(self.leaving.wait(), TICK)
            except TimeoutError:
                continue


def _headed(feed: Feed) -> dict[str, Any]:
    return {**_held(feed, lambda history: views.head(feed.name, history)), **_state(feed)}


def _held(feed: Feed, look: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
    with feed.lock:
        return look(feed.history)


def _state(feed: Feed) -> dict[str, Any]:
    return {"whole": feed.whole, "damage": feed.damage}


def _sentence(request: Request, error: Exception) -> Response:
    """An error as the page shows it."""
    del request
    status = (
        404 if isinstance(error, StudyMissing | TrialMissing) else 503 if type(error) is StoreError else 400
    )
    return Response(packed({"error": str(error)}), status_code=status, media_type="application/json")


def _defect(request: Request, error: Exception) -> Response:
    """What nobody has foreseen, as the page shows it; the terminal of the page has its traceback."""
    said = f"danlu cannot answer {request.url.path}: {type(error).__name__}: {error}. The terminal that runs the page shows where. Please report it."
    return Response(packed({"error": said}), status_code=500, media_type="application/json")


def _point(point: dict[str, Value], space: Space) -> dict[str, Any]:
    """A point as parameters take it: what JSON calls a list is a tuple, and large whole numbers came as text."""
    found: dict[str, Any] = {}
    for name, value in point.items():
        parameter = next(
            (slot.parameter for slot in space.slots if f".{slot.name}".endswith(f".{name}")), None
        )
        large = isinstance(value, str) and re.fullmatch(r"-?\d{16,}", value) is not None
        text = isinstance(parameter, Choice) and value in parameter.values
        if large and not text and isinstance(parameter, Int | Choice):
            found[name] = int(str(value))
        else:
            found[name] = tuple(value) if isinstance(value, list) else value
    return found


def _tail(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - TAIL))
            return file.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return ""
