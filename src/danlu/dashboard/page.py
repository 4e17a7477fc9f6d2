"""The front end's files, and the one document that loads them: served live, or put into one file.

Modules name each other through an import map (``danlu/curves``, ``preact``), so the same files work from a server and from
``data:`` addresses inside a report, and nothing has to be built.
"""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path

import msgspec


class Vendored(msgspec.Struct, frozen=True):
    """A file of somebody else's that is kept with ours: what it is, under which license, and the hash of its bytes."""

    name: str
    version: str
    license: str
    source: str
    file: str
    sha256: str


def static() -> Path:
    """The folder of the front end."""
    return Path(__file__).parent / "static"


def vendored() -> list[Vendored]:
    """What of the front end is not ours, from ``static/vendor/vendor.json``."""
    return msgspec.json.decode((static() / "vendor" / "vendor.json").read_bytes(), type=list[Vendored])


def modules() -> dict[str, Path]:
    """Every module of the front end by the name under which others import it."""
    own = {f"danlu/{path.stem}": path for path in sorted(static().glob("*.js"))}
    others = {each.name: static() / "vendor" / each.file for each in vendored() if each.file.endswith("js")}
    return own | others


def import_map() -> str:
    """The import map of the live page."""
    return json.dumps(
        {
            "imports": {
                name: f"/static/{path.relative_to(static()).as_posix()}" for name, path in modules().items()
            }
        }
    )


def front() -> str:
    """The document of the live page."""
    return _document(
        styles='<link rel="stylesheet" href="/static/vendor/uPlot.min.css"><link rel="stylesheet" href="/static/style.css">',
        scripts=f'<script type="importmap">{import_map()}</script><script type="module" src="/static/main.js"></script>',
    )


def whole(data: bytes, title: str) -> str:
    """The page and its data as one document that needs no server and no network.

    Args:
        data: what the page shows, as JSON.
        title: of the document.
    """
    held = {
        name: "data:text/javascript;base64," + base64.b64encode(path.read_bytes()).decode()
        for name, path in modules().items()
    }
    styles = "".join((static() / path).read_text("utf-8") for path in ("vendor/uPlot.min.css", "style.css"))
    policy = "default-src 'none'; script-src 'unsafe-inline' data:; style-src 'unsafe-inline'; img-src data:"
    return _document(
        title=title,
        styles=f'<meta http-equiv="Content-Security-Policy" content="{policy}"><style>{styles}</style>',
        scripts=(
            f'<script type="application/json" id="report">{_inside(data.decode())}</script>'
            f'<script type="importmap">{json.dumps({"imports": held})}</script><script type="module">import "danlu/main";</script>'
        ),
    )


def _document(*, styles: str, scripts: str, title: str = "danlu") -> str:
    shown = title.replace("&", "&amp;").replace("<", "&lt;")
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{shown}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="{_ICON}">{styles}</head>'
        f'<body><div id="app"></div><noscript>This page needs JavaScript.</noscript>{scripts}</body></html>'
    )


def _inside(data: str) -> str:
    """JSON that can stand in a script element: nothing in it ends the element."""
    return data.replace("<", "\\u003c")


def checked(each: Vendored) -> bool:
    """Whether a vendored file is, byte for byte, what its hash says."""
    return hashlib.sha256((static() / "vendor" / each.file).read_bytes()).hexdigest() == each.sha256


_ICON = (
    "data:image/svg+xml;base64,"
    + base64.b64encode(
        b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><path d="M6 12h20l-3 14H9z" fill="#D55E00"/>'
        b'<path d="M10 12c0-6 12-6 12 0" fill="none" stroke="#0072B2" stroke-width="3"/></svg>'
    ).decode()
)
