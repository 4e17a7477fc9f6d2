"""Colors that people with any color vision can tell apart, and markers for those who see none.

The palette is that of Okabe and Ito, "Color universal design" (2008). The page uses the same (``dashboard/static/colors.js``).
"""

from __future__ import annotations

from ..journal.events import Status

BLUE, ORANGE, GREEN, RED, PURPLE, SKY, YELLOW, GRAY = (
    "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#F0E442", "#8A8A8A",
)  # fmt: skip
CYCLE = (BLUE, ORANGE, GREEN, RED, PURPLE, SKY)

STATUS = {
    Status.RUNNING: (SKY, "D"),
    Status.WAITING: (GRAY, "d"),
    Status.PAUSED: (PURPLE, "s"),
    Status.DONE: (BLUE, "o"),
    Status.STOPPED: (ORANGE, "v"),
    Status.FAILED: (RED, "x"),
}
"""Color and marker of a trial by its status."""
