"""Finished trials that are trained longer: taken up from their checkpoints, as more of the same trials."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, TypeAlias

from ..base.failure import say
from ..contracts.protocols import OVER, Terms
from ..errors import Conflict, SettingError
from ..journal import events as ev
from ..journal.events import Status
from ..journal.provenance import digest_of
from .changed import numbered
from .study import Study

Longer: TypeAlias = Literal["best", "all"] | int | Iterable[int]
"""Which trials: those of the front, all that have a checkpoint, or some by their numbers."""


def reopen(study: Study, which: Longer) -> list[int]:
    """Have finished trials trained longer; which of them are open now.

    The same call again, with the same code, range of steps and command line, changes nothing: it goes on where it was.

    Raises:
        SettingError: when there is nothing to train longer, or it cannot be.
        TrialMissing: for a number of no trial.
    """
    study.session.replica.sync()
    history = study.session.replica.history
    if not study.session.replica.algorithms.problem.resume_safe:
        raise SettingError(
            "these trials cannot be trained longer: their fidelity says that training depends on its length "
            "(resume_safe=False). Enqueue their parameters as new trials."
        )
    numbers = _chosen(study, which)
    bare = [number for number in numbers if not history.rows.of(number).usable()]
    if bare and which != "all":
        raise SettingError(
            f"{numbered(bare)} cannot be trained longer without a checkpoint. Call trial.save in the objective; a study keeps "
            'those of the best trials only, unless it was made with keep="all".'
        )
    numbers = [number for number in numbers if number not in bare]
    if not numbers:
        raise SettingError(
            f"no finished trial of {study.name!r} has a checkpoint to be trained on from. Call trial.save in the objective."
        )
    opened = [number for number in numbers if _reopened(study, number)]
    if bare:
        kept = f"{len(numbers)} of {len(numbers) + len(bare)} finished trials have a checkpoint and are trained on"
        say(f'danlu: {kept}; keep="all" keeps everybody\'s.')
    if not opened:
        say(
            f"danlu: {numbered(numbers)} of {study.name!r} went on already with this code, range of steps and command line. "
            "To train longer still, raise the epochs."
        )
    return opened


def say_unchanged(study: Study, opened: Sequence[int]) -> None:
    """Tell of trials that were taken up and reported nothing new: the objective did not know that it should go on."""
    rows = study.session.replica.history.rows
    still = [
        number
        for number in opened
        if rows[number].status is Status.DONE
        and study.session.replica.history.columns.lengths[number] <= rows[number].longer
    ]
    if still:
        text = (
            f"{numbered(still)} reported no step beyond {rows[still[0]].longer} and came out as before. Have the objective train for more "
            "epochs, or to trial.horizon with a larger fidelity."
        )
        study.control.note(text)
        say(f"danlu: {text}")


def _chosen(study: Study, which: object) -> list[int]:
    history = study.session.replica.history
    if which == "best":
        found = sorted(history.incumbents.front)
    elif which == "all":
        found = [
            number
            for number, row in enumerate(history.rows)
            if row.status in (Status.DONE, Status.STOPPED) and not row.aside
        ]
        found += [
            number for number, row in enumerate(history.rows) if row.longer >= 0 and row.status < Status.DONE
        ]
    elif isinstance(which, str) or not isinstance(which, int | Iterable):
        raise SettingError(f'longer needs "best", "all" or numbers of trials, got {which!r}.')
    else:
        found = [which] if isinstance(which, int) else list(which)
        for number in found:
            row = history.rows.of(number)
            if row.status < Status.DONE and row.longer < 0:
                raise SettingError(
                    f"trial {number} is {row.status.name.lower()}, and only what is over is trained longer."
                )
    if not found:
        raise SettingError(f"{study.name!r} has no finished trial to train longer. Run it first.")
    return sorted(set(found))


def _reopened(study: Study, number: int) -> bool:
    """Write that a trial is open again, once an operation; whether it is."""
    session, replica = study.session, study.session.replica
    row = replica.history.rows.of(number)
    if row.status < Status.DONE:
        return row.longer >= 0
    ran, fidelity = session.provenance, replica.algorithms.problem.fidelity
    by = repr((ran and ran.code, ran and ran.command, fidelity and fidelity.high))
    event = ev.Reopened(
        number, row.attempt, "a person wants it trained longer", session.clock(), session.worker
    )
    op = f"longer/{number}/{digest_of(by)}"
    # a closed lease is opened by one of all who try; an imported study has no leases
    closed = Terms(holds=((number, OVER),), drops=(number,), worker=session.worker, durable=True)
    absent = Terms(takes=((number, row.attempt),), drops=(number,), worker=session.worker, durable=True)
    for terms in (closed, absent):
        try:
            replica.append([(op, event)], terms)
            break
        except Conflict:
            replica.sync()
            if replica.history.rows.of(number).status < Status.DONE:
                break
    return replica.history.rows.of(number).status < Status.DONE
