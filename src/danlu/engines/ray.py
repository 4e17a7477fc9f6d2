"""A Ray cluster: one reused actor a slot, placed by its resources; what runs where is Ray's, all else is the study's.

An actor answers call by call (``seat.py``), so a message costs one actor call and no queue lies between. Actors are never
restarted by Ray: whether a trial is taken up again is decided from the journal. An actor that is unavailable is not dead; the
call is made once more, and means the same. The journal is in the store, so a driver that dies leaves nothing behind
that the next one does not find.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from ..contracts.messages import Outcome, Task
from ..contracts.protocols import Answer, BaseEngine
from ..errors import MissingExtra, ObjectiveError, SettingError
from ..journal.events import Cause
from .actor import Actor
from .objective import import_path, resolve_objective
from .wire import Broken, Exited, Run, Said, Told, Up

try:
    import ray
    from ray import exceptions
except ImportError as error:
    raise MissingExtra("the Ray engine", "ray", "ray") from error

PATIENCE = 120.0
"""Seconds for which an actor that is unavailable is asked again before its trial is handed back."""

ROUND = 5.0
"""Seconds between two looks at how large the cluster is, where slots follow it."""

_encoder = msgspec.msgpack.Encoder()
_up: msgspec.msgpack.Decoder[Up] = msgspec.msgpack.Decoder(Up)


class Ray(BaseEngine):
    """Slots on a Ray cluster; ``pip install "danlu[ray]"``.

    The store has to be one that the driver reaches; workers need its folder of checkpoints (``blobs``) where they are.
    Where the driver's own node ends, as by ``ray stop``, Ray ends the driver too, with exit code 1 and no word; the same call goes on.

    Args:
        workers: how many trials run at once (at least 1); None for as many as the cluster holds, while it grows and shrinks.
        cpus, gpus: cores and GPUs of a trial; shares are fine, ``gpus=0.25`` puts four trials on one.
        memory: bytes of memory that Ray sets aside for a trial.
        resources: custom resources of a trial, ``{"fast_disk": 1}``.
        bundles: for trials that start workers of their own: a placement group a slot, of these bundles
            (``[{"CPU": 1, "GPU": 1}] * 4``); the objective runs in the first, tasks and actors it starts in the others.
        strategy: how the bundles lie, ``PACK``, ``SPREAD``, ``STRICT_PACK`` or ``STRICT_SPREAD``.
        address: the cluster's, as for ``ray.init``; by default the one this process is connected to, or a new local one.

    Raises:
        SettingError: when a setting is out of its range.

    Example:
        >>> import danlu
        >>> danlu.engines.Ray(workers=32, gpus=0.5)
        Ray(workers=32, cpus=1, gpus=0.5)
    """

    def __init__(
        self,
        workers: int | None = None,
        *,
        cpus: float = 1,
        gpus: float = 0,
        memory: int | None = None,
        resources: Mapping[str, float] | None = None,
        bundles: Sequence[Mapping[str, float]] = (),
        strategy: str = "PACK",
        address: str | None = None,
    ) -> None:
        if workers is not None and (isinstance(workers, bool) or not isinstance(workers, int) or workers < 1):
            raise SettingError(f"Ray needs workers to be a whole number >= 1 or None, got {workers!r}.")
        for name, value in (("cpus", cpus), ("gpus", gpus), ("memory", memory or 0)):
            if not value >= 0:
                raise SettingError(f"Ray needs {name} >= 0, got {value!r}.")
        if gpus > 1 and gpus != int(gpus):
            raise SettingError(
                f"Ray deals out whole GPUs above 1, got gpus={gpus!r}. Use a share or a whole number."
            )
        if strategy not in {"PACK", "SPREAD", "STRICT_PACK", "STRICT_SPREAD"}:
            raise SettingError(
                f"Ray needs strategy PACK, SPREAD, STRICT_PACK or STRICT_SPREAD, got {strategy!r}."
            )
        self._workers, self._address = workers, address
        self._bundles, self._strategy = [dict(bundle) for bundle in bundles], strategy
        first = dict(self._bundles[0]) if self._bundles else {}
        self._options: dict[str, Any] = {
            "num_cpus": first.pop("CPU", 0) if bundles else cpus,
            "num_gpus": first.pop("GPU", 0) if bundles else gpus,
            "resources": first if bundles else dict(resources or {}),
            "memory": memory,
            "max_restarts": 0,
        }
        self._seen, self._looked = 1, -ROUND
        self._places: list[Place] = []
        self._answer: Answer | None = None

    def __repr__(self) -> str:
        cpus, gpus = self._options["num_cpus"], self._options["num_gpus"]
        return f"Ray(workers={self._workers}, cpus={cpus:g}, gpus={gpus:g})"

    @property
    def slots(self) -> int:
        """How many trials run at once; where that follows the cluster, it is looked at every few seconds."""
        if self._workers is not None:
            return self._workers
        if time.monotonic() - self._looked >= ROUND and ray.is_initialized():
            self._looked = time.monotonic()
            self._seen = max(1, self._room(ray.cluster_resources()))
        return self._seen

    def open(self, objective: Callable[..., Any] | str, answer: Answer) -> None:
        """Connect, and put the objective with its data into the object store, once for all trials.

        Raises:
            ObjectiveError: when it cannot be sent.
        """
        self.close()  # actors hold the objective that they were made with
        resolved = resolve_objective(objective)
        if not ray.is_initialized():
            ray.init(address=self._address, log_to_driver=False, include_dashboard=False)
        self._answer = answer
        path = import_path(resolved)
        if path.partition(":")[0].endswith(".py"):
            path = ""  # the file lies here, and perhaps not there: its code travels
            module = sys.modules[getattr(resolved, "function", resolved).__module__]
            if module.__name__ != "__main__":
                ray.cloudpickle.register_pickle_by_value(module)
        try:
            held = ray.put(path or resolved)
        except TypeError as error:
            raise ObjectiveError(
                f"the objective {objective!r} cannot be sent to the cluster: {' '.join(str(error).split())[:300]}. "
                "Make what it refers to inside the function, or put it in a module that is installed there."
            ) from error
        self._held, self._path = held, list(sys.path)

    def start(self, task: Task) -> None:
        """Give the task to a free actor; one that is not placed yet begins when Ray finds room for it."""
        place = next((place for place in self._places if place.task is None), None)
        if place is None:
            place = Place(self._bundles, self._strategy)
            self._places.append(place)
        place.start(task, self._actor)

    def poll(self, timeout: float) -> None:
        """Deliver what trials said; end those that are over their time."""
        until = time.monotonic() + timeout
        limited = any(place.task and place.task.limits.seconds is not None for place in self._places)
        wait = min(timeout, 0.1) if limited else timeout
        while True:
            self._seat()
            calls = {place.call: place for place in self._places if place.call is not None}
            if not calls:
                return
            ready, _ = ray.wait(list(calls), num_returns=1, timeout=max(0.0, wait))
            if ready and len(calls) > 1:
                ready, _ = ray.wait(list(calls), num_returns=len(calls), timeout=0)
            for call in ready:
                self._hear(calls[call], call)
            for place in self._places:
                self._enforce(place)
            wait = min(until - time.monotonic(), 0.1 if limited else timeout)
            if ready or wait <= 0:
                return

    def stop(self, trial: int) -> None:
        """Kill the actor that runs the trial; its slot gets a new one."""
        for place in self._places:
            if place.task is not None and place.task.trial == trial:
                place.clear()

    def close(self) -> None:
        """Kill all actors and give their placement groups back; the cluster stays as it is."""
        for place in self._places:
            place.leave()
        self._places = []

    def _actor(self, group: Any) -> Any:
        options = dict(self._options)
        if group is not None:
            from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

            options["scheduling_strategy"] = PlacementGroupSchedulingStrategy(
                group, placement_group_bundle_index=0, placement_group_capture_child_tasks=True
            )
        return ray.remote(Actor).options(**options).remote([self._held], self._path, _node, _fetched)

    def _seat(self) -> None:
        """Let trials whose actors Ray has found no place for run in those that have nothing to do."""
        idle = [place for place in self._places if place.task is None and place.arrived()]
        waiting = (
            [place for place in self._places if place.task is not None and not place.arrived()]
            if idle
            else []
        )
        for place, other in zip(idle, waiting, strict=False):
            task = other.task
            other.clear()
            if task is not None:
                place.start(task, self._actor)

    def _room(self, there: Mapping[str, float]) -> int:
        """How many trials the cluster's resources hold at once."""
        needs: dict[str, float] = {}
        own = {
            "CPU": self._options["num_cpus"],
            "GPU": self._options["num_gpus"],
            "memory": self._options["memory"] or 0,
            **self._options["resources"],
        }
        for bundle in self._bundles or [own]:
            for name, amount in bundle.items():
                needs[name] = needs.get(name, 0) + amount
        return min((int(there.get(name, 0) / amount) for name, amount in needs.items() if amount), default=1)

    def _hear(self, place: Place, call: Any) -> None:
        """Pass on what came of a call: a message, or the death of an actor."""
        if place.call is not call or place.task is None or self._answer is None:
            return
        place.arrived()
        try:
            message = _up.decode(ray.get(call))
        except exceptions.ActorUnavailableError as error:
            if place.again():
                return
            self._end(place, Cause.PREEMPTED, f"its node cannot be reached: {_short(error)}")
            return
        except exceptions.OutOfMemoryError as error:
            self._end(place, Cause.MEMORY, f"Ray ended its worker for want of memory: {_short(error)}")
            return
        except exceptions.RayError as error:
            if place.lost(error):
                self._end(place, Cause.PREEMPTED, "its node died")
            elif _never_ran(error):
                self._end(place, Cause.PREEMPTED, f"its worker never ran: {_short(error)}")
            else:
                self._end(place, Cause.CRASHED, f"its worker died: {_short(error)}")
            return
        if isinstance(message, Broken):
            raise ObjectiveError(message.sentence)
        if isinstance(message, Said):
            reply = self._answer(message.message)
            if place.call is call:
                place.say(Told(message.number, reply))
            return
        outcome = message.outcome if isinstance(message, Exited) else message
        assert isinstance(outcome, Outcome)
        place.task = place.call = None
        if isinstance(message, Exited) or outcome.cause is Cause.MEMORY:
            place.clear()
        self._answer(outcome)

    def _enforce(self, place: Place) -> None:
        limit = None if place.task is None else place.task.limits.seconds
        if limit is not None and place.seconds() > limit:
            self._end(place, Cause.TIMEOUT, f"it ran longer than its limit of {limit:g} s")

    def _end(self, place: Place, cause: Cause, reason: str) -> None:
        task, seconds = place.task, place.seconds()
        place.clear()
        if task is not None and self._answer is not None:
            self._answer(Outcome(task.trial, task.attempt, seconds, cause=cause, reason=reason))


class Place:
    """One slot: an actor, the call it is working on, and the placement group it lies in, if any."""

    def __init__(self, bundles: Sequence[Mapping[str, float]], strategy: str) -> None:
        self.task: Task | None = None
        self.call: Any = None
        self._group = ray.util.placement_group(list(bundles), strategy=strategy) if bundles else None
        self._actor: Any = None
        self._arrival: Any = None
        self._node = ""
        self._turn, self._frame = 0, b""
        self._began: float | None = None
        self._missed = 0.0

    def start(self, task: Task, make: Callable[[Any], Any]) -> None:
        """Begin a trial in this slot's actor, made when there is none."""
        if self._actor is None:
            self._actor = make(self._group)
            self._arrival, self._node, self._turn = self._actor.where.remote(), "", 0
        self.task, self._began = task, None
        self.say(Run(task))

    def say(self, frame: Run | Told) -> None:
        """Call the actor; its next message will be what ``call`` gives."""
        self._turn, self._frame, self._missed = self._turn + 1, _encoder.encode(frame), 0.0
        self.call = self._actor.say.remote(self._turn, self._frame)

    def again(self) -> bool:
        """Make the same call once more, a little later; False when that has been tried for long enough."""
        now = time.monotonic()
        self._missed = self._missed or now
        if now - self._missed > PATIENCE:
            return False
        time.sleep(0.2)
        self.call = self._actor.say.remote(self._turn, self._frame)
        return True

    def seconds(self) -> float:
        """Seconds that the trial has run; none pass while its actor waits for a place or starts."""
        if self._began is None:
            if not self.arrived():
                return 0.0
            self._began = time.monotonic()
        return time.monotonic() - self._began

    def lost(self, error: Exception) -> bool:
        """Whether the actor's node died, and not the actor alone."""
        alive = {node["NodeID"] for node in ray.nodes() if node["Alive"]}
        gone = bool(self._node) and self._node not in alive
        return gone or "its node has died" in str(error)

    def clear(self) -> None:
        """Kill the actor; the next trial gets a new one."""
        actor, self._actor, self.task, self.call = self._actor, None, None, None
        if actor is not None:
            with contextlib.suppress(exceptions.RayError):
                ray.kill(actor, no_restart=True)

    def leave(self) -> None:
        """Kill the actor and give the place back."""
        self.clear()
        if self._group is not None:
            ray.util.remove_placement_group(self._group)

    def arrived(self) -> bool:
        """Whether the actor has arrived; notes where."""
        if self._arrival is not None and ray.wait([self._arrival], timeout=0)[0]:
            with contextlib.suppress(exceptions.RayError):
                self._node = ray.get(self._arrival)
            self._arrival = None
        return self._actor is not None and self._arrival is None


def _fetched(box: Sequence[Any]) -> Callable[..., Any] | str:
    """The objective out of the object store; in a list Ray leaves it there until it is asked for."""
    found: Callable[..., Any] | str = ray.get(box[0])
    return found


def _node() -> str:
    """The identity of the node that this process runs on."""
    found: str = ray.get_runtime_context().get_node_id()
    return found


def _never_ran(error: Exception) -> bool:
    """Whether an actor was given up by Ray before it ran, which says nothing of the trial.

    Example:
        >>> _never_ran(exceptions.ActorDiedError()), _never_ran(RuntimeError("The actor never ran - it was cancelled"))
        (False, True)
    """
    return "The actor never ran" in str(error)


def _short(error: Exception) -> str:
    """What Ray says of a death, without the names and numbers of whoever died."""
    return " ".join(str(error).split()).rpartition("Worker exit detail: ")[2][:300]
