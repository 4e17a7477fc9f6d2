"""What a study is run by: budget, algorithms, fidelity, how trials are treated; given, stored, or by default."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

from ..base.names import SAMPLERS, SCHEDULERS, SamplerName, SchedulerName, find
from ..contracts import algorithms as settings
from ..contracts.protocols import Sampler, Scheduler
from ..errors import SettingError
from ..journal.definition import Definition
from ..journal.events import StoredConfig
from ..problem.budget import Budget, TrialLimits
from ..problem.contexts import Context
from ..problem.fidelity import Fidelity
from ..space.space import Space
from .trust import trusting


class StudyConfig(NamedTuple):
    """What a study is run by; None where whoever opens it leaves it to the study, or to danlu."""

    budget: Budget | None = None
    sampler: Sampler | SamplerName | None = None
    scheduler: Scheduler | SchedulerName | None = None
    fidelity: Fidelity | None = None
    trial_limits: TrialLimits | None = None
    objective: str = ""
    contexts: tuple[Context, ...] | None = None


class ResolvedConfig(NamedTuple):
    """The same, decided. ``follows`` says that the budget is the study's own, whatever becomes of it."""

    budget: Budget
    sampler: Sampler
    scheduler: Scheduler
    fidelity: Fidelity | None = None
    trial_limits: TrialLimits = TrialLimits()
    objective: str = ""
    follows: bool = False
    contexts: tuple[Context, ...] = ()

    def budget_of(self, definition: Definition) -> Budget:
        """What the study may spend: a study that was joined without a budget follows the stored one."""
        stored = definition.stored_config
        return stored.budget if self.follows and stored is not None else self.budget

    @property
    def stored_config(self) -> StoredConfig:
        """These settings as a journal keeps them."""
        return StoredConfig(
            self.objective, settings.written(self.sampler), settings.written(self.scheduler), self.budget,
            self.fidelity, self.trial_limits.retries, self.trial_limits.attempt, self.trial_limits.same_failures, self.contexts,
        )  # fmt: skip


def resolved(
    given: StudyConfig, stored: StoredConfig | None, space: Space, trust: Sequence[str] = ()
) -> ResolvedConfig:
    """The settings given, completed by those of a stored study that is joined (None: by defaults).

    ``trust`` are the packages whose algorithms may be made of what is stored, as in ``danlu.work``.

    Raises:
        SettingError: when a setting is out of its range, or a stored algorithm is not danlu's own.
    """
    of = stored or StoredConfig()
    contexts = of.contexts if given.contexts is None else given.contexts
    scheduler = _scheduler(given.scheduler, of, contexts, trust)
    return ResolvedConfig(
        given.budget or of.budget,
        _sampler(given.sampler, of, space, trust),
        scheduler,
        given.fidelity or of.fidelity,
        given.trial_limits or TrialLimits(of.limits.seconds, of.limits.memory, of.retries, of.same_failures),
        given.objective or of.objective,
        follows=stored is not None and given.budget is None,
        contexts=contexts,
    )


def _sampler(
    given: Sampler | SamplerName | None, stored: StoredConfig, space: Space, trust: Sequence[str]
) -> Sampler:
    """By default what decides by itself, after the point of the priors where parameters have any."""
    if given is not None and not isinstance(given, str):
        return cast(Sampler, _whole("sampler", given, Sampler))
    if given is None and stored.sampler:
        return cast(Sampler, settings.read(stored.sampler, "sampler", trusting(trust)))
    chosen: Sampler = find(SAMPLERS, "sampler", given or "auto")()
    if given is None and space.center() != [0.5] * len(space):
        chosen = find(SAMPLERS, "sampler", "first")([{}], chosen)
    return chosen


def _scheduler(
    given: Scheduler | SchedulerName | None,
    stored: StoredConfig,
    contexts: tuple[Context, ...],
    trust: Sequence[str],
) -> Scheduler:
    """By default what decides by itself; with contexts, a race of configurations around it, which gives none up around ``"none"`` and ``"exhaustive"``."""
    if given is None and stored.scheduler:
        return cast(Scheduler, settings.read(stored.scheduler, "scheduler", trusting(trust)))
    chosen = given
    if given is None and contexts:
        chosen = "race"
    if chosen is None or isinstance(chosen, str):
        chosen = cast(Scheduler, find(SCHEDULERS, "scheduler", chosen or "auto")())
    chosen = cast(Scheduler, _whole("scheduler", chosen, Scheduler))
    if not contexts:
        return chosen
    race, *patient = (find(SCHEDULERS, "scheduler", name) for name in ("race", "none", "exhaustive"))
    if not isinstance(chosen, race):
        chosen = race(chosen, confidence=1.0) if isinstance(chosen, tuple(patient)) else race(chosen)
    return cast(Scheduler, chosen)


def _whole(noun: str, given: Any, protocol: Any) -> Any:
    """An algorithm that has all that the study will ask of it.

    Raises:
        SettingError: when it lacks some of that, or is a class.
    """
    needs = [name for name in vars(protocol) if not name.startswith("_")]
    missing = [name for name in needs if not callable(getattr(given, name, None))]
    if isinstance(given, type):
        raise SettingError(
            f"{given.__name__} is a class, and the study needs a {noun} made of it: {given.__name__}()."
        )
    if missing:
        base = f"danlu.{noun}s.Base{noun.capitalize()}"
        raise SettingError(
            f"{type(given).__name__} is no {noun}: it lacks {', '.join(missing)}. A {noun} of your own inherits {base}, which has what "
            f"most leave as it is; init, tell and the rest are in the page on your own algorithms."
        )
    return given
