"""What a running trial says, and what it is told: the only words on the wire to a worker.

Trials speak first and wait for the reply, so a conversation needs no clock and no thread. Messages
are msgpack; the objective itself is the only thing ever pickled, and only on its way to a worker that
the same person started.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

from ..journal.events import Action, Cause
from ..journal.trial import Checkpoint
from ..problem.budget import AttemptLimits
from ..problem.goal import Goal
from ..space.parameters import Leaf


class Task(msgspec.Struct, frozen=True):
    """One attempt of one trial, ready to run.

    ``folder`` is where files of its own belong, made or not. A ``mute`` one keeps no checkpoints, as somebody else does; one
    that ran out of memory beside others runs ``alone``.
    ``study`` is its name, which goes into checkpoints: no two studies of a store keep the same one, so none can drop another's.
    ``goal`` says what a number without a name stands for, ``lists`` which values are lists (``values.shape``), and ``named``
    which are names of things that only the space at hand has. ``context`` is the fold, seed or client that it is evaluated in.
    """

    trial: int
    attempt: int
    params: dict[str, Any]
    names: tuple[str, ...]
    seed: int
    blobs: str
    checkpoints: tuple[Checkpoint, ...] = ()
    limits: AttemptLimits = AttemptLimits()
    log: str = ""
    horizon: int | None = None
    mute: bool = False
    alone: bool = False
    folder: str = ""
    goal: Goal | None = None
    lists: dict[str, str] = {}
    named: tuple[str, ...] = ()
    study: str = ""
    context: dict[str, Any] = {}


class Report(msgspec.Struct, frozen=True, tag="report"):
    """Metrics at a step; one that is told when the training is ``over`` already is not judged."""

    trial: int
    attempt: int
    step: int
    metrics: dict[str, float]
    seconds: float
    cost: float | None = None
    over: bool = False


class Suggest(msgspec.Struct, frozen=True, tag="suggest"):
    """A parameter drawn by name while running."""

    trial: int
    attempt: int
    name: str
    parameter: Leaf


class Save(msgspec.Struct, frozen=True, tag="save"):
    """A checkpoint that is already in the blobs."""

    trial: int
    attempt: int
    step: int
    digest: str
    size: int


class Moving(msgspec.Struct, frozen=True, tag="moving"):
    """Parameters that change from here on, after ``step``; the reply has their values as the space has them."""

    trial: int
    attempt: int
    step: int
    values: dict[str, Any]
    reason: str = ""


class Note(msgspec.Struct, frozen=True, tag="note"):
    """Facts to keep beside the metrics; with ``study``, sentences about the study, each kept and shown once; ``note`` is a remark for people."""

    trial: int
    attempt: int
    facts: dict[str, Any]
    study: bool = False
    note: str = ""


class Tag(msgspec.Struct, frozen=True, tag="tag"):
    """Words by which the trial is found again."""

    trial: int
    attempt: int
    tags: tuple[str, ...]


class Outcome(msgspec.Struct, frozen=True, tag="outcome"):
    """How an attempt ended: with a return value (``cause`` None), by a verdict, or with a cause.

    ``memory`` is its peak on the GPU and the GPU's size in bytes, where it had one; ``crowded`` says of one that ran out of
    memory that it had shared its device. ``trace`` is the traceback of what it raised; a ``blind`` one raised before it had
    read any of its parameters. ``unsaved`` says what kept its checkpoint from being written: no fault of its own, and the study ends.
    """

    trial: int
    attempt: int
    seconds: float
    returned: Any = None
    cause: Cause | None = None
    reason: str = ""
    verdict: Action | None = None
    cost: float | None = None
    memory: tuple[int, int] | None = None
    crowded: bool = False
    trace: str = ""
    blind: bool = False
    unsaved: str = ""


class Attach(msgspec.Struct, frozen=True, tag="attach"):
    """A file of the trial that is already in the blobs."""

    trial: int
    attempt: int
    name: str
    digest: str
    size: int


Message: TypeAlias = Report | Suggest | Save | Moving | Note | Tag | Attach | Outcome


class Verdict(msgspec.Struct, frozen=True, tag="verdict"):
    """What a trial has to do after a report; ``cause`` set means that it failed.

    ``conclusive`` says of a stop that what the trial has come to is its result, as it would hardly become the best or
    better; without it the trial was cut short for the sake of others, and its last loss says little. ``expected`` is
    what the goal's first metric would have come to, where somebody has reason to know; samplers learn from it.
    """

    action: Action = Action.GO
    reason: str = ""
    cause: Cause | None = None
    conclusive: bool = False
    expected: float | None = None


class Drawn(msgspec.Struct, frozen=True, tag="drawn"):
    """The value of a suggested parameter."""

    value: Any


class Refused(msgspec.Struct, frozen=True, tag="refused"):
    """The message contradicts the study: an error sentence for the objective."""

    sentence: str
    error: str


Reply: TypeAlias = Verdict | Drawn | Refused

GO = Verdict()
"""Carry on."""


def pause(reason: str, *, conclusive: bool = False, expected: float | None = None) -> Verdict:
    """Stop here for now; the trial may be resumed. ``conclusive`` and ``expected`` as in ``Verdict``."""
    return Verdict(Action.PAUSE, reason, None, conclusive, expected)


def stop(reason: str, *, cause: Cause | None = None, conclusive: bool = False) -> Verdict:
    """Stop for good; with a cause, the trial failed; ``conclusive`` as in ``Verdict``."""
    return Verdict(Action.STOP, reason, cause, conclusive)
