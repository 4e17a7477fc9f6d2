"""A study in a notebook: its page live in a frame, or its report as one document."""

from __future__ import annotations

import html
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from ..contracts.protocols import Store
from ..errors import SettingError
from ..journal.history import History
from .report import report

if TYPE_CHECKING:
    from .frame import Shown

HEIGHTS = (200, 4000)
"""Between these heights, in pixels, a frame may be."""


class Still:
    """A study's report as a notebook shows it: one document with its data, which needs no server and stays in the notebook's file.

    Args:
        study: its name.
        history: what is shown.
        height: of the frame, in pixels.
    """

    def __init__(self, study: str, history: History, height: int) -> None:
        self._study, self._height = study, height
        with tempfile.TemporaryDirectory(prefix="danlu-") as folder:
            self._document = report(study, history, Path(folder) / "report.html").read_text("utf-8")

    def __repr__(self) -> str:
        return f"the report of {self._study!r}, as it was ({len(self._document) >> 10} KiB)"

    def _repr_html_(self) -> str:
        return (
            f'<iframe title="{html.escape(self._study)}" sandbox="allow-scripts allow-downloads" style="width: 100%; height: {self._height}px; border: 0" '
            f'srcdoc="{html.escape(self._document)}"></iframe>'
        )


def show(
    store: Store, study: str, history: History, *, live: bool = True, height: int = 720
) -> Shown | Still:
    """Show a study in a notebook.

    Args:
        store: that holds the study; it is shared with a thread while the page is live.
        study: its name.
        history: what a page that is not live shows.
        live: whether the page follows the study, served by a thread of this process on 127.0.0.1; it takes no orders. Else the
            report, as one document.
        height: of the frame, in pixels (200 to 4,000).

    Raises:
        SettingError: for a height out of its range.
        MissingExtra: for a live page, when starlette or uvicorn is not installed.

    Example:
        >>> import danlu
        >>> result = danlu.tune(lambda t: t["x"], {"x": danlu.Float(0, 1)}, trials=9, name="nets")
        >>> page = result.study.show()
        >>> repr(page).partition(" at ")[0]
        "the page of 'nets' is"
        >>> page.close()
    """
    if isinstance(height, bool) or not HEIGHTS[0] <= height <= HEIGHTS[1]:
        raise SettingError(f"a frame is {HEIGHTS[0]} to {HEIGHTS[1]} pixels high, got height={height!r}.")
    if not live:
        return Still(study, history, height)
    from .frame import Shown  # a report needs no server

    return Shown(store, study, height)
