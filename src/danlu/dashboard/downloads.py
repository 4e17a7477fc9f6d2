"""What the page's server sends of the blobs: checkpoints, and files of trials. Only what the journal names can be had."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..base.plain import packed
from ..errors import MissingExtra, SettingError, StoreError
from ..runtime.attachments import get_file
from ..runtime.blobs import blobs_at
from .feed import Feed, Feeds
from .files import TEXT, disposition, picture_of, text_of

try:
    from starlette.concurrency import run_in_threadpool
    from starlette.requests import Request
    from starlette.responses import Response
except ImportError as error:
    raise MissingExtra("the page", "starlette", "dashboard") from error


class Downloads:
    """Answers requests for blobs.

    Args:
        feeds: the store's studies as they are followed.
    """

    def __init__(self, feeds: Feeds) -> None:
        self._feeds = feeds

    async def checkpoint(self, request: Request) -> Response:
        """A checkpoint, by the hash that the journal knows; nothing else in the blobs can be had."""
        feed = self._of(request)
        digest = request.query_params.get("digest", "")

        def found() -> bytes:
            with feed.lock:
                if digest not in feed.history.rows.checkpoints.digests:
                    raise StoreError("the study names no such checkpoint.")
            return blobs_at(self._feeds.store.blobs).get(digest)

        data = await run_in_threadpool(found)
        name = f'attachment; filename="{digest[:12]}.checkpoint"'
        return Response(data, media_type="application/octet-stream", headers={"content-disposition": name})

    async def file(self, request: Request) -> Response:
        """A file of a trial, by the name that the journal knows: for download, or with ``show`` as a picture or as text."""
        feed = self._of(request)
        query = request.query_params
        number, name, show = whole_number(query, "trial", -1), query.get("name", ""), query.get("show", "")

        def found() -> bytes:
            with feed.lock:
                kept = (feed.history.rows.of(number).files or {}).get(name)
            if kept is None:
                raise SettingError(f"trial {number} has no file {name!r}.")
            return get_file(blobs_at(self._feeds.store.blobs), kept.digest)

        data = await run_in_threadpool(found)
        if show == "text":
            text = text_of(data)
            if text is None:
                raise SettingError(f"{name} is no text.")
            return await answered(lambda: {"text": text, "more": len(data) > TEXT})
        kind = picture_of(data) if show == "picture" else ""
        if show == "picture" and not kind:
            raise SettingError(f"{name} is no picture that can be shown: PNG, JPEG, GIF and WebP are.")
        how = {"content-disposition": disposition(name, inline=bool(kind))}
        return Response(data, media_type=kind or "application/octet-stream", headers=how)

    def _of(self, request: Request) -> Feed:
        return self._feeds.of(request.query_params.get("study", ""))


async def answered(answer: Callable[[], Any]) -> Response:
    """What a function finds in a thread, as JSON; bytes are JSON already."""

    def found() -> bytes:
        value = answer()
        return value if isinstance(value, bytes) else packed(value)

    return Response(await run_in_threadpool(found), media_type="application/json")


def whole_number(query: Mapping[str, str], name: str, default: int) -> int:
    """A whole number of a request.

    Raises:
        SettingError: for what is none.

    Example:
        >>> whole_number({"first": "3"}, "first", 0), whole_number({}, "first", 0)
        (3, 0)
    """
    text = query.get(name, str(default))
    try:
        return int(text)
    except ValueError:
        raise SettingError(f"{name} has to be a whole number, got {text!r}.") from None
