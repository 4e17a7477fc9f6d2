"""Under which names a journal keeps what Optuna has of a trial and danlu has no event for, so that it can be given back as it was."""

from __future__ import annotations

from ...journal.events import DOOR

KEEP = f"{DOOR}optuna:"
PARAM = f"{KEEP}param:"
"""A parameter as Optuna has it, ``{"distribution": JSON, "value": the number that it keeps}``, where danlu's is another."""

REPORT = f"{KEEP}report:"
"""An intermediate value at a step that no curve has: one below 0, or one that was reported after a later one."""

USER = f"{KEEP}user:"
"""A user's attribute of the study; of a trial they are facts under their own names."""

SYSTEM = f"{KEEP}system:"
"""An attribute of Optuna's own."""

END = f"{KEEP}end"
"""``{"state": its name, "values": numbers or None}`` of a trial that is over, where danlu's end does not say so."""

BEGUN = f"{KEEP}begun"
"""That a trial which waits has been begun before."""
