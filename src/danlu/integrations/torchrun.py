"""Trials on several processes: ``torchrun`` starts the ranks, all of them train the same trial, rank 0 speaks to the study.

The objective is the same function on every rank. What the study answers to rank 0 is broadcast, so a trial that is stopped
or paused ends on all ranks at the same report, before anybody waits for a partner that is gone.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec

from ..contracts.messages import GO, Message, Reply, Report, Suggest, Task
from ..contracts.protocols import Answer, BaseEngine
from ..engines.objective import furnish, resolve_objective
from ..engines.run import run
from ..errors import MissingExtra, ObjectiveError, SettingError
from ..problem.budget import AttemptLimits
from ..study.result import Result
from ..study.tune import prepared
from ..study.tune import tune as tune_alone

try:
    import torch.distributed as dist
except ImportError as error:
    raise MissingExtra("torchrun's ranks", "torch", "torch") from error

ALONE = 60.0
"""Seconds after which a rank whose training failed, while that of rank 0 goes on, ends itself."""

PATIENCE = timedelta(days=365)
"""How long ranks wait for rank 0, which may have nothing to train for as long as a person pauses the study."""

_OVER = b"."
_OURS = ("engine", "workers", "gpus")
_encoder = msgspec.msgpack.Encoder()
_task = msgspec.msgpack.Decoder(Task)
_reply: msgspec.msgpack.Decoder[Reply] = msgspec.msgpack.Decoder(Reply)


def tune(objective: Callable[..., Any] | str, *arguments: Any, **settings: Any) -> Result | None:
    """``danlu.tune`` on all ranks of a process group; trials run one after the other, each on all of them.

    Every rank calls it after ``init_process_group``, with the same arguments. The objective has to report, and to draw
    parameters, on every rank alike; what it saves is kept from rank 0 and restored on all. One rank that dies ends
    them all (that is torchrun's rule); the same command again goes on from the last checkpoint.

    Args:
        objective: as in ``danlu.tune``.
        arguments, settings: as in ``danlu.tune``, but for ``engine``, ``workers``, ``gpus``, and limits of time and memory.

    Returns:
        The result on rank 0, None on the others.

    Raises:
        ObjectiveError: when there is no process group.
        SettingError: on every rank, for a setting that ranks cannot have.
        DanluError: as ``danlu.tune``, on rank 0; the other ranks then end without a result.

    Example:
        ``torchrun --standalone --nproc-per-node 2 examples/ddp.py`` shows a whole one.
    """
    if not dist.is_initialized():
        raise ObjectiveError(
            "torchrun.tune needs a process group. Start the script with torchrun and call "
            "torch.distributed.init_process_group() first."
        )
    refused = [name for name in _OURS if name in settings]
    if refused:
        raise SettingError(
            f"under torchrun all ranks train one trial, and none can be ended alone, so {refused[0]}= has no meaning. Leave it out."
        )
    group = dist.new_group(backend="gloo", timeout=PATIENCE)
    if dist.get_rank() != 0:
        space = arguments[0] if arguments else settings.get("space")
        fitted, whole = prepared(objective, space)
        _follow(resolve_objective(furnish(fitted, whole.forms.things)), group)
        return None
    try:
        return tune_alone(objective, *arguments, engine=Ranks(group), **settings)
    finally:
        _send(b"", group)


class Ranks(BaseEngine):
    """One slot, which is all ranks of a group: rank 0 tells the others what to train and what the study answers."""

    slots = 1

    def __init__(self, group: Any) -> None:
        self._group = group
        self._waiting: deque[Task] = deque()
        self._objective: Callable[..., Any] | None = None
        self._answer: Answer | None = None

    def open(self, objective: Callable[..., Any] | str, answer: Answer) -> None:
        """Take the objective as it is."""
        self._objective, self._answer = resolve_objective(objective), answer

    def start(self, task: Task) -> None:
        """Note the task; ``poll`` runs it."""
        if task.limits != AttemptLimits():
            raise SettingError(
                "ranks of torchrun cannot be ended one by one: leave time and memory out of trial_limits."
            )
        self._waiting.append(task)

    def poll(self, timeout: float) -> None:
        """Train the next task on all ranks, from start to end."""
        del timeout
        if not self._waiting or self._objective is None or self._answer is None:
            return
        task = self._waiting.popleft()
        _send(_encoder.encode(task), self._group)
        outcome = run(self._objective, task, self._spoken)
        _send(_OVER, self._group)
        self._answer(outcome)

    def stop(self, trial: int) -> None:
        """Forget the task if it has not begun."""
        self._waiting = deque(task for task in self._waiting if task.trial != trial)

    def close(self) -> None:
        """Nothing is held."""
        self._waiting.clear()

    def _spoken(self, message: Message) -> Reply:
        assert self._answer is not None
        reply = self._answer(message)
        if isinstance(message, Report | Suggest):
            _send(_encoder.encode(reply), self._group)
        return reply


def _follow(objective: Callable[..., Any], group: Any) -> None:
    """Train whatever rank 0 trains, until it has no more.

    An objective that fails here and not there leaves rank 0 waiting in one of its own collectives; then this process ends,
    and torchrun ends the others.
    """

    def heard(message: Message) -> Reply:
        return _reply.decode(_receive(group)) if isinstance(message, Report | Suggest) else GO

    while frame := _receive(group):
        task = msgspec.structs.replace(_task.decode(frame), mute=True)
        outcome = run(objective, task, heard)
        alone = threading.Timer(ALONE if outcome.cause else threading.TIMEOUT_MAX, os._exit, (1,))
        alone.daemon = True
        alone.start()
        while _receive(group) != _OVER:  # what rank 0 was told after this rank had stopped listening
            continue
        alone.cancel()


def _send(frame: bytes, group: Any) -> None:
    dist.broadcast_object_list([frame], src=0, group=group)


def _receive(group: Any) -> bytes:
    held: list[Any] = [None]
    dist.broadcast_object_list(held, src=0, group=group)
    frame: bytes = held[0]
    return frame
