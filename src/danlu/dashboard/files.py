"""Files of trials for the page: never active content, whatever an objective has written.

What a file is, its first bytes say, never its name. Four kinds of pictures are sent as what they are; text is sent as data that the page
shows as text; everything else, pages and SVG among it, is for download alone.
"""

from __future__ import annotations

from urllib.parse import quote

TEXT = 100 * 2**10
"""Bytes of a text that are shown, from its start."""

_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)


def picture_of(data: bytes) -> str:
    """The type of a picture that browsers show and that runs nothing; '' of all else.

    Example:
        >>> picture_of(b"GIF89a..."), picture_of(b"<svg onload='alert(1)'/>")
        ('image/gif', '')
    """
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for magic, kind in _MAGIC if data.startswith(magic)), "")


def text_of(data: bytes) -> str | None:
    r"""The beginning of a text; None of what is none.

    Example:
        >>> text_of("丹炉".encode()), text_of(b"\x00\x01")
        ('丹炉', None)
    """
    part = data[:TEXT]
    if b"\0" in part:
        return None
    for cut in range(4):  # the end may be within a letter
        try:
            return part[: len(part) - cut].decode("utf-8")
        except UnicodeDecodeError:
            if len(part) == len(data):
                return None
    return None


def disposition(name: str, *, inline: bool = False) -> str:
    """How a browser is told what to do with a file, in letters that every header can hold (RFC 6266).

    Example:
        >>> disposition('a"b丹.txt')
        "attachment; filename*=UTF-8''a%22b%E4%B8%B9.txt"
    """
    return f"{'inline' if inline else 'attachment'}; filename*=UTF-8''{quote(name, safe='')}"
