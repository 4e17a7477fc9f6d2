"""The number of a study's best trial, or the sentence that says why it has none."""

from __future__ import annotations

from collections import Counter

from ..base.failure import kind_of
from ..errors import DanluError
from ..journal.events import Status
from ..journal.history import History


def leader(name: str, history: History) -> int:
    """The number of the best trial; of a study of several contexts, the first one of the best configuration.

    Raises:
        DanluError: when no trial has finished with a result.
    """
    number = history.incumbents.best
    if number is not None:
        return number
    if any(whole.trials for whole in history.trials.groups.over.values()):
        raise DanluError(
            f"no configuration of {name!r} has been evaluated in all {len(history.definition.contexts)} contexts: "
            "result.history.trials.configurations() has what each has come to. Give it more trials, or a scheduler that ends fewer."
        )
    raise DanluError(
        fruitless(name, history) or f"no trial of {name!r} has a result yet: {len(history)} asked."
    )


def fruitless(name: str, history: History) -> str:
    """Why no trial has a result, with the most frequent failure, as a sentence; '' while one may have."""
    failed = [row for row in history.rows if row.status is Status.FAILED and not row.aside]
    if history.incumbents.front or not failed:
        return ""
    kinds = [kind_of(row.reason, row.params()) for row in failed]
    kind, count = Counter(kinds).most_common(1)[0]
    reason = failed[kinds.index(kind)].reason
    return (
        f"no trial of {name!r} has a result: {len(failed)} of {history.spent.trials} failed, {count} of them so: "
        f"{reason.rstrip('.')}. result.why() has a line for each."
    )
