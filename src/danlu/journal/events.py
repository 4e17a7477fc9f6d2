"""The journal's vocabulary: small frozen facts, appended and never changed.

An event is msgpack on its way into a store (floats bit for bit, NaN and infinities included) and a
struct everywhere else; nothing is pickled. Fields may be added with a default and never change their
meaning, so that every journal ever written stays readable.

A trial's life: Asked, then any of Suggested, Saved, Reported, Moved, Noted, Tagged, Attached; Released hands it back and
Resumed takes it up under the next attempt; Ended, or a Reported whose action is stop, is terminal until Reopened.
SetAside keeps trials in the journal and takes them out of the search. Judged says what was decided about
what had been measured, on which evidence. Recalled is what an earlier study has taught. A campaign's journal
has Staged and Judged alone beside its sessions.
``attempt`` is the fence: a write under an old attempt is refused.
"""

from __future__ import annotations

import enum
from typing import Any, Literal, TypeAlias

import msgspec

from ..problem.budget import AttemptLimits, Budget
from ..problem.contexts import Context
from ..problem.fidelity import Fidelity
from ..problem.goal import Goal
from ..space.parameters import Leaf
from ..space.slots import SpaceSpec
from .provenance import Provenance

SCHEMA = 1
"""The version of this vocabulary that is written."""


class Status(enum.IntEnum):
    """Where a trial is in its life; from DONE on it is over for good."""

    RUNNING = 0
    WAITING = 1
    PAUSED = 2
    DONE = 3
    STOPPED = 4
    FAILED = 5


class Action(enum.IntEnum):
    """What a report is answered with."""

    GO = 0
    PAUSE = 1
    STOP = 2


class Cause(enum.StrEnum):
    """Why a trial left its worker without finishing."""

    RAISED = "raised"
    CRASHED = "crashed"
    DIVERGED = "diverged"
    TIMEOUT = "timeout"
    MEMORY = "memory"
    PREEMPTED = "preempted"
    CANCELLED = "cancelled"
    INVALID = "invalid"
    DRAINED = "drained"


Keep: TypeAlias = Literal["best", "all"]
"""Whose checkpoints stay when a trial is over: those of the best trials (the front), or everybody's."""


DOOR = "door:"
"""A fact whose name begins so is what another project's door keeps for itself, to give it back as it was: no sentence for a person."""


class Created(msgspec.Struct, frozen=True, tag="created", gc=False):
    """The first event of every study.

    A study that a campaign opened names it as its ``parent``. The journal of a campaign itself says which ``campaign`` it is; it
    has no space, no goal and no trials.
    """

    space: SpaceSpec
    goal: Goal
    seed: int
    at: float
    version: str = ""
    keep: Keep = "best"
    parent: str = ""
    campaign: str = ""

    @property
    def begun(self) -> str:
        """What tells a study from another one of its name, for those who log both into one place."""
        return f"{self.at!r}/{self.seed}"


class StoredConfig(msgspec.Struct, frozen=True, gc=False):
    """What a study is run by, for whoever joins it: its objective by import path, its algorithms as plain data.

    ``sampler`` and ``scheduler`` are as ``contracts.algorithms`` writes them. ``same_failures`` of 0 never ends a study.
    """

    objective: str = ""
    sampler: dict[str, Any] = {}
    scheduler: dict[str, Any] = {}
    budget: Budget = Budget()
    fidelity: Fidelity | None = None
    retries: int = 2
    limits: AttemptLimits = AttemptLimits()
    same_failures: int = 3
    contexts: tuple[Context, ...] = ()


class Opened(msgspec.Struct, frozen=True, tag="opened", gc=False):
    """A session began to drive the study, with these algorithms; a worker that joined has no stored_config of its own.

    ``provenance`` is what it runs: its trials are those that its worker asks or takes up from here on. ``settings`` are those of a
    campaign.
    """

    worker: str
    sampler: str
    scheduler: str
    at: float
    stored_config: StoredConfig | None = None
    provenance: Provenance | None = None
    settings: dict[str, Any] = {}


class Closed(msgspec.Struct, frozen=True, tag="closed", gc=False):
    """A session ended in an orderly way, and why."""

    worker: str
    reason: str
    at: float


class Reshaped(msgspec.Struct, frozen=True, tag="reshaped", gc=False):
    """The space changed on purpose; earlier trials stay where they still fit."""

    space: SpaceSpec
    reason: str
    at: float


class Enqueued(msgspec.Struct, frozen=True, tag="enqueued", gc=False):
    """Points that a person wants tried before the sampler's own."""

    points: tuple[dict[str, Any], ...]
    at: float
    actor: str = ""


ControlOrder: TypeAlias = Literal["stop", "pause", "resume", "prune"]
"""What a person may tell a study that runs: to end, to begin nothing new, to go on; to end one trial."""


class Steered(msgspec.Struct, frozen=True, tag="steered", gc=False):
    """A person (``actor``) told the study, or one of its trials, what to do."""

    order: ControlOrder
    actor: str
    at: float
    trial: int = -1
    reason: str = ""

    def __str__(self) -> str:
        past = {"stop": "stopped", "pause": "paused", "resume": "resumed", "prune": "ended"}[self.order]
        return f"{past} by {self.actor}" + (f": {self.reason}" if self.reason else "")


class Asked(msgspec.Struct, frozen=True, tag="asked", gc=False):
    """A trial was born. ``unit`` is the packed float64 point, ``params`` the msgpack of its values.

    In a study of several contexts ``context`` is the one that it is evaluated in, and ``of`` the trial that had its
    configuration first (-1 for that trial itself).
    """

    trial: int
    params: bytes
    unit: bytes
    worker: str
    at: float
    source: str = "sampler"
    tag: str = ""
    seen: int = 0
    reason: str = ""
    context: Context = {}
    of: int = -1


class Suggested(msgspec.Struct, frozen=True, tag="suggested", gc=False):
    """The running objective drew a parameter by name."""

    trial: int
    attempt: int
    name: str
    parameter: Leaf
    value: Any
    at: float


class Saved(msgspec.Struct, frozen=True, tag="saved", gc=False):
    """A checkpoint is safely in the blobs under ``digest``."""

    trial: int
    attempt: int
    step: int
    digest: str
    size: int
    at: float


class Reported(msgspec.Struct, frozen=True, tag="reported", gc=False):
    """Metrics at a step, and the verdict on them. ``seconds`` and ``cost`` are this attempt's so far.

    ``expected`` is what the goal's first metric would have come to, where the verdict ended the curve because of it.
    """

    trial: int
    attempt: int
    step: int
    metrics: dict[str, float]
    seconds: float
    at: float
    action: Action = Action.GO
    reason: str = ""
    cause: Cause | None = None
    cost: float | None = None
    conclusive: bool = msgspec.field(default=False, name="settled")
    expected: float | None = None


class Moved(msgspec.Struct, frozen=True, tag="moved", gc=False):
    """The running objective changed parameters after ``step``: ``params`` are the new values alone, as ``Asked.params`` keeps them."""

    trial: int
    attempt: int
    step: int
    params: bytes
    at: float
    reason: str = ""


class Noted(msgspec.Struct, frozen=True, tag="noted", gc=False):
    """Facts beside the metrics: what the user logs, and what danlu decides (trial -1: the study).

    ``note`` is a remark for people, one more beside those that there are.
    """

    trial: int
    facts: dict[str, Any]
    at: float
    attempt: int = 0
    actor: str = ""
    note: str = ""


class Tagged(msgspec.Struct, frozen=True, tag="tagged", gc=False):
    """Words by which a trial is found again (trial -1: the study) were added and removed, those removed first."""

    trial: int
    add: tuple[str, ...]
    at: float
    remove: tuple[str, ...] = ()
    attempt: int = 0
    actor: str = ""


class Attached(msgspec.Struct, frozen=True, tag="attached", gc=False):
    """A file of the trial is safely in the blobs under ``digest``; it replaces an earlier one of its name."""

    trial: int
    attempt: int
    name: str
    digest: str
    size: int
    at: float


class Released(msgspec.Struct, frozen=True, tag="released", gc=False):
    """The trial left its worker unfinished and waits to be resumed."""

    trial: int
    attempt: int
    cause: Cause
    reason: str
    seconds: float
    at: float


class Resumed(msgspec.Struct, frozen=True, tag="resumed", gc=False):
    """The trial runs again under a new attempt, perhaps from another trial's checkpoint, or ``anew`` from none."""

    trial: int
    attempt: int
    worker: str
    at: float
    orphan: bool = False
    donor: int = -1
    params: bytes = b""
    unit: bytes = b""
    reason: str = ""
    anew: bool = False


class Ended(msgspec.Struct, frozen=True, tag="ended", gc=False):
    """The trial is over: DONE with its metrics, STOPPED, or FAILED with a cause, ``blind`` before it had read a parameter."""

    trial: int
    attempt: int
    status: Status
    metrics: dict[str, float]
    seconds: float
    at: float
    cause: Cause | None = None
    reason: str = ""
    cost: float | None = None
    blind: bool = False


class Reopened(msgspec.Struct, frozen=True, tag="reopened", gc=False):
    """A trial that was over waits to be trained longer, from its newest checkpoint, as more of the same trial.

    ``attempt`` is the one that ended; the next one takes it up.
    """

    trial: int
    attempt: int
    reason: str
    at: float
    actor: str = ""


class SetAside(msgspec.Struct, frozen=True, tag="set_aside", gc=False):
    """These trials say nothing about the space: they stay visible, and count for nothing any more.

    They are off the budget, no sampler or scheduler learns from them, none of them is the best, and their points may
    be tried again. Those that were not over are over now. An ``actor`` is a person; without one danlu did it. ``trace`` is
    the traceback of what they failed of, where there is one.
    """

    trials: tuple[int, ...]
    reason: str
    at: float
    actor: str = ""
    trace: str = ""


class Staged(msgspec.Struct, frozen=True, tag="staged", gc=False):
    """A campaign began its next stage: the study by that name."""

    stage: str
    study: str
    reason: str
    at: float


class Judged(msgspec.Struct, frozen=True, tag="judged", gc=False):
    """A decision about something that was measured: ``subject`` is what it is about, ``evidence`` the figures behind it.

    With a ``trial`` it says that the configuration which this trial was the first of is tried in no further context.
    """

    subject: str
    verdict: str
    reason: str
    at: float
    trial: int = -1
    evidence: dict[str, Any] = {}
    actor: str = ""

    def told(self) -> dict[str, Any]:
        """What a person reads of it, by name."""
        names = ("subject", "verdict", "reason", "evidence", "at")
        return {name: getattr(self, name) for name in names}


class Recalled(msgspec.Struct, frozen=True, tag="recalled", gc=False):
    """What an earlier study has taught: points by this study's names, each with the loss that it came to there.

    It stands before the trials, so that whoever resumes or joins the study needs no other store. ``source`` is how the earlier study
    was named by whoever gave it. ``points`` are as ``pack_points`` packs them; a point may lack parameters that were not searched then.
    """

    name: str
    source: str
    points: bytes
    losses: tuple[float, ...]
    reason: str
    at: float


Event: TypeAlias = (
    Created
    | Opened
    | Closed
    | Reshaped
    | Enqueued
    | Steered
    | Asked
    | Suggested
    | Saved
    | Reported
    | Moved
    | Noted
    | Tagged
    | Attached
    | Released
    | Resumed
    | Ended
    | Reopened
    | SetAside
    | Staged
    | Judged
    | Recalled
)


class Entry(msgspec.Struct, frozen=True, gc=False):
    """An event at its place in the journal; ``op`` names the operation that wrote it, once."""

    seq: int
    event: Event
    op: str | None = None


_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Event] = msgspec.msgpack.Decoder(Event)
_values: msgspec.msgpack.Decoder[dict[str, Any]] = msgspec.msgpack.Decoder(dict[str, Any])
_points: msgspec.msgpack.Decoder[list[dict[str, Any]]] = msgspec.msgpack.Decoder(list[dict[str, Any]])


def encode(event: Event) -> bytes:
    """The bytes of an event, as a store keeps them."""
    return _encoder.encode(event)


def decode(body: bytes) -> Event:
    """The event in ``body``.

    Raises:
        msgspec.DecodeError: when the bytes are no event of this schema.
    """
    return _decoder.decode(body)


def pack_params(params: dict[str, Any]) -> bytes:
    """The values of a point as ``Asked.params`` keeps them."""
    return _encoder.encode(params)


def unpack_params(params: bytes) -> dict[str, Any]:
    """The values that ``pack_params`` packed, tuples restored.

    Example:
        >>> unpack_params(pack_params({"width": (64, 32), "lr": 1e-300}))
        {'width': (64, 32), 'lr': 1e-300}
    """
    return {name: _tuples(value) for name, value in _values.decode(params).items()}


def pack_points(points: list[dict[str, Any]]) -> bytes:
    """Several points as ``Recalled.points`` keeps them."""
    return _encoder.encode(points)


def unpack_points(points: bytes) -> list[dict[str, Any]]:
    """The points that ``pack_points`` packed, tuples restored.

    Example:
        >>> unpack_points(pack_points([{"width": (64, 32)}, {"lr": 0.1}]))
        [{'width': (64, 32)}, {'lr': 0.1}]
    """
    return [{name: _tuples(value) for name, value in point.items()} for point in _points.decode(points)]


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if type(value) is list else value
