"""``danlu.work``: one more worker for a study that others have begun, on this machine or any other."""

from __future__ import annotations

import time as clocks
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ..base.foreign import own_words
from ..base.names import EngineName
from ..contracts.protocols import Engine, Store
from ..engines.objective import fit, resolve_objective
from ..errors import ObjectiveError, SettingError, StudyMissing
from ..journal.events import Opened
from .changed import reconcile
from .drive import GRACE, Driver
from .opening import open_store
from .result import Result
from .study import Callback
from .trust import proposed
from .tune import engine_of, open_study


@own_words
def work(
    store: Store | str | Path,
    name: str = "study",
    objective: Callable[..., Any] | str | None = None,
    *,
    trust: str | Sequence[str] = (),
    workers: int = 1,
    gpus: int = 0,
    engine: Engine | EngineName | None = None,
    grace: float = GRACE,
    stay: bool = False,
    wait: float = 0.0,
    callbacks: Sequence[Callback] = (),
) -> Result:
    """Join a study as its journal describes it, and work on it until its budget is spent.

    Takes new trials, paused ones, and those whose worker died, from their checkpoints. SIGTERM drains: nothing new is
    taken, running trials leave at their next report, and what is left after ``grace`` seconds is handed back as it is.

    Args:
        store: where the study is; usually ``"postgresql://..."``, which any machine can reach.
        name: the study's name there.
        objective: what to run. What the study was begun with stands in its journal, and is run only if it is named here, or trusted.
        trust: packages, modules, files or functions (``"mine"``, ``"train.py"``, ``"train.py:train"``) whose functions may be
            run where the journal names one.
        workers, gpus, engine: slots of this worker, as in ``tune``; a pool of processes by default.
        grace: seconds between SIGTERM and handing back what still runs (0 or more).
        stay: whether to stay until all trials are over, to take up those of workers that die, although
            there are no new ones any more.
        wait: seconds to wait for the study to be begun by somebody else.
        callbacks: as in ``tune``.

    Returns:
        The result as it is when this worker leaves.

    Raises:
        StudyMissing: when there is no such study, or nobody has announced yet what it is run by.
        ObjectiveError: when the objective cannot be found here, or the journal's is not trusted.
        SettingError: when the study's own sampler or scheduler cannot be made of its journal.
        SystemExit: with code 143 after SIGTERM, as in ``tune``.

    Example:
        >>> import danlu
        >>> store, space = danlu.stores.MemoryStore(), {"x": danlu.Float(0, 1)}
        >>> with danlu.open_study(space, store=store, trials=8) as study:
        ...     study.tell(study.ask(), 0.5)
        ...     study.session.announce()
        >>> len(danlu.work(store, "study", lambda trial: trial["x"], engine="inline").trials)
        8
    """
    if not grace >= 0 or not wait >= 0:
        raise SettingError(f"work needs grace >= 0 and wait >= 0, got grace={grace!r}, wait={wait!r}.")
    opened = open_store(store)
    await_study(opened, name, wait)
    allowed = (trust,) if isinstance(trust, str) else trust
    with open_study(store=opened, name=name, trust=allowed) as study:
        stored = study.session.settings.objective
        if not objective and not stored:
            raise ObjectiveError(
                f"the objective of {name!r} was made inside other code, so its name is not known here. Name it "
                "(file.py:function), or start the same call of danlu.tune here as where the study was begun. A program is named to danlu worker as to "
                "danlu run: danlu worker URL --study NAME --metric val_loss -- COMMAND."
            )
        what = objective or proposed(
            stored, name, allowed, study.session.replica.history.decisions.chosen.get("imported", "")
        )
        resolve_objective(what)
        if study.space.forms.named:
            raise ObjectiveError(
                f"{study.space.forms.named[0]} of {name!r} is a choice of things by name, and the journal keeps their names alone. Start "
                "the same call of danlu.tune here as where the study was begun: it has the things."
            )
        what = fit(what, study.space.every)
        reconcile(study, what)
        chosen = engine_of(engine or "pool", workers, gpus)
        driver = Driver(study, chosen, callbacks, grace=grace, stay=stay)
        try:
            stopped = driver.drive(what)
            result = study.result
            result.study.stopped = stopped
            return result
        finally:
            driver.pass_on()


def await_study(store: Store, name: str, wait: float) -> None:
    """Look for a study until it is there, and says what it may spend: who joins before that works without end.

    Raises:
        StudyMissing: when it is not there in time.
    """
    until = clocks.monotonic() + wait
    while not ((there := name in store.studies()) and _announced(store, name)):
        if clocks.monotonic() >= until:
            if there:
                raise StudyMissing(
                    f"the study {name!r} does not say yet what it is run by, nor what it may spend. Have the worker wait for the "
                    "driver that begins it, or call study.session.announce() where it is asked and told."
                )
            others = ", ".join(store.studies()) or "none"
            raise StudyMissing(
                f"there is no study {name!r} in the store. There are: {others}. Begin it with danlu.tune or danlu run, "
                "or have the worker wait for it."
            )
        clocks.sleep(0.5)


def _announced(store: Store, name: str) -> bool:
    events = (entry.event for entry in store.journal(name).read(0))
    return any(isinstance(event, Opened) and event.stored_config is not None for event in events)
