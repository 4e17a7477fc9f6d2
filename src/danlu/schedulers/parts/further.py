"""A configuration that is begun, in the next of the study's contexts."""

from __future__ import annotations

from ...contracts.protocols import Again
from ...journal.history import History
from ...problem.contexts import Context, spoken


def again(history: History, head: int, missing: list[Context]) -> Again:
    """The move that tries the configuration of trial ``head`` in the first of the contexts that it misses."""
    context, count = missing[0], len(history.definition.contexts)
    at = count - len(missing) + 1
    return Again(head, context, f"trial {head}'s configuration in context {at} of {count}: {spoken(context)}")
