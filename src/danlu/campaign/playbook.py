"""Staged tuning: one question after the other, each answered with the learning rate tuned along, and adopted only on evidence.

Godbole et al., "Deep learning tuning playbook" (2023): hyperparameters are scientific, nuisance or fixed for the question at hand;
quasi-random search while exploring, a model when refining; a change is adopted on evidence beyond the noise of training.

A stage is a study over the part of the space that it asks about, with all that is decided already fixed. What was best there and what
was adopted before are then trained side by side on fresh seeds; the new one is adopted where it is better beyond noise. When all
questions are answered, a model refines what is numeric in ranges that the evidence has narrowed, with all earlier trials as its past; and
the best of that are confirmed beside the default, as every search's are (``danlu.campaign.Confirm``).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from ..base.answering import Settings
from ..base.values import Value, shown
from ..contracts.protocols import Engine, Store
from ..errors import SettingError
from ..journal import events as ev
from ..journal.history import History
from ..journal.past import located
from ..maths.paired import Paired, paired
from ..problem.budget import Budget, TrialLimits
from ..problem.contexts import Context
from ..problem.fidelity import Fidelity
from ..problem.goal import Goal
from ..samplers.nothing import Nothing
from ..schedulers.diverged import Diverged
from ..schedulers.race import Race
from ..space.parameters import Float, Int, Leaf
from ..space.restrict import restricted
from ..space.roles import Role, role
from ..space.space import Space
from ..study.result import Result
from .confirm import FRESH, SEARCH, Confirm, alike, leaders, score, seeds_of, untargeted
from .contract import Judge, Known, Open, Step, Widen
from .drive import conduct
from .evidence import edges, epochs_of, isolated, narrowed

CHECK = "check"
"""What the study of a stage's candidates on fresh seeds is called after it."""


class Stage(Settings, frozen=True):
    """One question: which values of these parameters, with the learning rates tuned along?

    Args:
        name: of the stage, and of its study.
        about: the scientific parameters, by full name, by the end of one (``"dropout"`` for ``"head.dropout"``) or by the beginning of
            several (``"optimizer"`` for all of the optimizer's).
        nuisance: parameters that are tuned along beside the learning rates, so that the comparison is fair, and are settled later.
        share: of the trials, as a weight beside the other stages' (above 0).

    Raises:
        SettingError: when the name cannot be a stage's, or the share is not above 0.

    Example:
        >>> Stage("size", ("depth", "width")).share
        1.0
    """

    name: str
    about: tuple[str, ...]
    nuisance: tuple[str, ...] = ()
    share: float = 1.0

    def __post_init__(self) -> None:
        taken = ("search", "confirm")
        if (
            not isinstance(self.name, str)
            or not self.name.strip()
            or "/" in self.name
            or self.name in taken
            or self.name.endswith(CHECK)
        ):
            raise SettingError(
                f"a stage needs a name without a slash that is not {' or '.join(taken)} and does not end in {CHECK}, got {self.name!r}."
            )
        for field in ("about", "nuisance"):
            given: Any = getattr(self, field)
            named = (given,) if isinstance(given, str) else tuple(given)
            msgspec.structs.force_setattr(self, field, named)
        if not self.about:
            raise SettingError(
                f"the stage {self.name!r} asks about nothing. Name parameters: Stage({self.name!r}, ['depth', 'width'])."
            )
        if (
            isinstance(self.share, bool)
            or not isinstance(self.share, int | float)
            or not 0 < self.share < math.inf
        ):
            raise SettingError(f"a stage needs a share above 0, got {self.share!r}.")


class Playbook(Settings, frozen=True):
    """How a search goes in stages, ``danlu.tune(..., plan=danlu.Playbook())``.

    Args:
        stages: the questions in their order; by default those that the names of the parameters tell (``danlu.space.roles``):
            architecture, optimizer, regularization, batch size, each where there is something to ask, and first what nobody knows by its name.
        seeds: fresh seeds that a stage's best and what was adopted before are compared on (2 or more), and those of the confirmation.
        confidence: the chance that a change has to be better, by the paired differences, to be adopted (0.5 to below 1).
        top: how many of the last stage's best are confirmed beside the default (1 or more).

    Raises:
        SettingError: when a setting is out of its range.

    Example:
        >>> import danlu
        >>> def train(trial):
        ...     return (trial["depth"] - 2) ** 2 + (trial["lr"] - 0.1) ** 2 + trial["dropout"]
        >>> space = {"depth": danlu.Int(1, 4, prior=1), "lr": danlu.Float(1e-3, 1, log=True, prior=1e-2), "dropout": danlu.Float(0, 0.5, prior=0.2)}
        >>> result = danlu.tune(train, space, trials=40, plan=Playbook(), seed=0)
        >>> result.best.params["depth"]
        2
    """

    stages: tuple[Stage, ...] = ()
    seeds: int = 2
    confidence: float = 0.8
    top: int = 2

    def __post_init__(self) -> None:
        stages: Any = self.stages
        if isinstance(stages, Stage):
            stages = (stages,)
        if not isinstance(stages, Iterable) or not all(isinstance(each, Stage) for each in stages):
            raise SettingError(
                f"a playbook needs stages, got {shown(stages)}. Write Playbook([Stage('size', ['depth', 'width'])])."
            )
        msgspec.structs.force_setattr(self, "stages", tuple(stages))
        names = [each.name for each in self.stages]
        if len(set(names)) < len(names):
            raise SettingError(f"stages need names of their own, got {', '.join(names)}.")
        for name, value, least in (("seeds", self.seeds, 2), ("top", self.top, 1)):
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise SettingError(f"a playbook needs {name} to be a whole number >= {least}, got {value!r}.")
        confidence = self.confidence
        if (
            isinstance(confidence, bool)
            or not isinstance(confidence, int | float)
            or not 0.5 <= confidence < 1
        ):
            raise SettingError(
                f"a playbook needs a confidence from 0.5 to below 1, got {confidence!r}. 0.8 is usual."
            )

    def run(
        self, objective: Callable[..., Any] | str, space: Space, *, goal: Goal, budget: Budget, sampler: Any, scheduler: Any,
        fidelity: Fidelity | None, trial_limits: TrialLimits | None, engine: Engine, store: Store, name: str, seed: int | None,
        watch: bool | None,
    ) -> Result:  # fmt: skip
        """Go through the stages; as ``danlu.tune`` with this plan.

        Returns:
            The result of the confirmation.

        Raises:
            SettingError: for several goals, a budget of anything but trials, too few trials, a space without parameters.
            CampaignLeft: when a person or a signal has ended a stage before its time; the same call goes on.
        """
        if len(goal.metrics) != 1:
            raise SettingError(
                f"stages adopt what is better by one metric, and the goal has {len(goal.metrics)}. Leave plan=... out."
            )
        search = Open(
            SEARCH, "", space, goal, budget, sampler, scheduler, fidelity, trial_limits=trial_limits
        )
        confirm = Confirm(search=search, top=self.top, seeds=self.seeds, default=space.decode(space.center()))
        done = conduct(
            StagedSearch(plan=self, confirm=confirm),
            objective,
            store=store,
            name=name,
            engine=engine,
            seed=seed,
            watch=watch,
        )
        return done.results[FRESH]


_DEFAULT: tuple[tuple[str, Role], ...] = (
    ("unnamed", "unknown"),
    ("architecture", "architecture"),
    ("optimizer", "optimizer"),
    ("regularization", "regularization"),
    ("batch", "batch"),
)


class Question(NamedTuple):
    """A stage with the full names of what it searches.

    Attributes:
        stage: as given or derived.
        about: full names of its scientific parameters, never empty.
        beside: of what is tuned along.
    """

    stage: Stage
    about: tuple[str, ...]
    beside: tuple[str, ...]


def questions(space: Space, stages: Sequence[Stage] = ()) -> list[Question]:
    """The stages of a space, by the names of its parameters where none are given.

    Raises:
        SettingError: for a name that is no parameter's, and one that two stages ask about.

    Example:
        >>> space = Space({"depth": Int(1, 4), "lr": Float(1e-4, 1, log=True), "weight_decay": Float(0, 1)})
        >>> [(each.stage.name, each.about, each.beside) for each in questions(space)]
        [('architecture', ('depth',), ('lr',)), ('regularization', ('weight_decay',), ('lr',))]
    """
    roles = {slot.name: role(slot.name) for slot in space.slots}
    rates = tuple(name for name, each in roles.items() if each == "rate")
    if not stages:
        penalties = tuple(name for name, each in roles.items() if each == "regularization")
        derived = []
        for name, kind in _DEFAULT:
            about = tuple(each for each in space.names if roles[each] == kind)
            if about:
                beside = penalties if kind == "batch" else ()
                derived.append(Question(Stage(name, about, beside, _weight(about)), about, (*rates, *beside)))
        if not derived and rates:
            derived.append(Question(Stage("rate", rates), rates, ()))
        return derived
    asked: dict[str, str] = {}
    found = []
    for stage in stages:
        about = _named(stage.about, space, stage.name)
        for name in about:
            if name in asked:
                raise SettingError(
                    f"the stages {asked[name]!r} and {stage.name!r} both ask about {name}. One of them has to."
                )
            asked[name] = stage.name
        beside = tuple(
            name
            for name in dict.fromkeys((*rates, *_named(stage.nuisance, space, stage.name)))
            if name not in about
        )
        found.append(Question(stage, about, beside))
    return found


def _weight(about: Sequence[str]) -> float:
    """A stage of more parameters gets more trials, by the root of their number."""
    return math.sqrt(len(about) + 1.0)


def _named(given: Sequence[str], space: Space, stage: str) -> tuple[str, ...]:
    """The full names that short ones stand for."""
    found: list[str] = []
    for text in given:
        of = [
            name
            for name in space.names
            if name == text or name.endswith(f".{text}") or name.startswith(f"{text}.")
        ]
        if not of:
            raise SettingError(
                f"the stage {stage!r} names {text!r}, which is no parameter. There are: {', '.join(space.names)}."
            )
        found += of
    return tuple(dict.fromkeys(found))


class Shares(NamedTuple):
    """How the budget is dealt out: trials by stage, those of the last search, and those kept for fresh seeds."""

    stages: dict[str, int]
    search: int
    fresh: int


def dealt(trials: int, asked: Sequence[Question], plan: Playbook) -> Shares:
    """The trials of each stage; a third of what fresh seeds leave refines.

    Raises:
        SettingError: when there are too few to ask anything.

    Example:
        >>> space = Space({"depth": Int(1, 4), "lr": Float(1e-4, 1, log=True), "dropout": Float(0, 1)})
        >>> dealt(40, questions(space), Playbook())
        Shares(stages={'architecture': 8, 'regularization': 9}, search=9, fresh=14)
    """
    fresh = 2 * plan.seeds * len(asked) + (plan.top + 1) * plan.seeds
    free = trials - fresh
    least = LEAST * (len(asked) + 1)
    if free < least:
        raise SettingError(
            f"{len(asked)} stages need at least {fresh + least} trials, {fresh} of them on fresh seeds, got {trials}. "
            "Give more trials or fewer stages, or leave plan=... out."
        )
    weights = [each.stage.share for each in asked]
    exploring = free - max(LEAST, round(free * REFINING))
    edges_ = [round(exploring * sum(weights[:place]) / sum(weights)) for place in range(len(asked) + 1)]
    counts = {
        each.stage.name: max(LEAST, edges_[place + 1] - edges_[place]) for place, each in enumerate(asked)
    }
    return Shares(counts, max(LEAST, free - sum(counts.values())), fresh)


LEAST = 4
"""Trials that a stage needs to tell anything."""
REFINING = 1 / 3
"""The share of the trials that the model refines with."""


class StagedSearch(msgspec.Struct, frozen=True, kw_only=True):
    """The campaign of a playbook: stages, each with a check on fresh seeds, then the search that is confirmed.

    Args:
        plan: the settings.
        confirm: what is searched for, with the whole space and budget, and what comes after it.
    """

    plan: Playbook
    confirm: Confirm

    @property
    def kind(self) -> str:
        """The name that the journal keeps it under."""
        return "playbook" if self.confirm.name == "confirm" else self.confirm.name

    @property
    def settings(self) -> dict[str, Any]:
        """What the stages are run with, beside what is confirmed."""
        stages = {each.stage.name: list(each.about) for each in self.questions}
        return {**self.confirm.settings, "confidence": self.plan.confidence, "stages": stages}

    @property
    def questions(self) -> list[Question]:
        """The stages with what they search."""
        return questions(self.confirm.search.space, self.plan.stages)

    @property
    def default(self) -> dict[str, Value]:
        """The configuration that all begins from."""
        space = self.confirm.search.space
        return dict(self.confirm.default or space.decode(space.center()))

    def next(self, own: History, known: Known) -> Step:
        """Deal out the budget; ask, check and judge stage by stage; refine; confirm."""
        shares = _judged(own, "budget")
        if shares is None:
            return self._deal()
        current = self.default
        earlier: list[str] = []
        for asked in self.questions:
            step = self._stage(own, known, asked, current, tuple(earlier), shares)
            if step is not None:
                return step
            current = (_judged(own, asked.stage.name) or {})["params"]
            earlier.append(asked.stage.name)
        return self._refine(own, known, current, tuple(earlier), shares)

    def _deal(self) -> Judge:
        """How the budget is dealt out, kept so that the stages stay as they are when the search is extended later."""
        budget, asked = self.confirm.search.budget, self.questions
        if not asked:
            raise SettingError(
                "there is nothing to ask in stages: the space has no parameters. Leave plan=... out."
            )
        for name in ("cost", "no_improvement", "steps", "time"):
            if getattr(budget, name) is not None:
                raise SettingError(
                    f"stages deal out trials, and the budget has a limit of {name}. Give trials=... alone."
                )
        shares = dealt(budget.trials or TRIALS, asked, self.plan)
        told = ", ".join(f"{count} for {name}" for name, count in shares.stages.items())
        return Judge(
            "budget", f"{len(asked)} stages",
            f"{told}, {shares.search} to refine, up to {shares.fresh} on fresh seeds",
            {"stages": shares.stages, "search": shares.search, "fresh": shares.fresh},
        )  # fmt: skip

    def _stage(
        self, own: History, known: Known, asked: Question, current: dict[str, Value], earlier: tuple[str, ...],
        shares: dict[str, Any],
    ) -> Step | None:  # fmt: skip
        """What comes next in a stage; None when it is over."""
        name = asked.stage.name
        wider = _judged(own, f"ranges of {name}")
        opened = self._opened(own, asked, current, earlier, int(shares["stages"][name]))
        if wider is not None:
            opened = self._wider(opened, wider)
        if name not in known or known[name].history.space.spec != opened.space.spec:
            return opened if wider is None else Widen(opened)
        result = known[name]
        if wider is None:
            found = edges(result, self.confirm.metric, (*asked.about, *asked.beside))
            if found.ranges:
                extra = max(len(found.points), round(0.3 * int(shares["stages"][name])))
                evidence = {
                    "ranges": {key: list(value) for key, value in found.ranges.items()},
                    "points": found.points,
                    "trials": extra,
                }
                return Judge(f"ranges of {name}", "widened", found.reason, evidence)
        if _judged(own, name) is not None:
            return None
        check = f"{name}-{CHECK}"
        rival = self._rival(result, current)
        if rival is None:
            return self._verdict(
                asked, current, current, result, "nothing that was tried is better than what was there", {}
            )
        if check not in known:
            return self._checking(own, check, result, current, rival)
        return self._compared(own, known, asked, result, current, rival)

    def _opened(
        self, own: History, asked: Question, current: dict[str, Value], earlier: tuple[str, ...], trials: int
    ) -> Open:
        """The study of a stage: all that it does not ask about stays as it is."""
        whole = self._whole(own, earlier)
        searched = {*asked.about, *asked.beside}
        space = restricted(whole, self._held(whole, current, searched))
        search = self.confirm.search
        return msgspec.structs.replace(
            search, stage=asked.stage.name, reason=f"which {', '.join(map(_short, asked.about))}, with {_rates(asked)} tuned along",
            space=space, budget=Budget(trials=trials), sampler=search.sampler, candidates=(current,), contexts=(), past=earlier,
        )  # fmt: skip

    def _wider(self, opened: Open, wider: Mapping[str, Any]) -> Open:
        space = restricted(opened.space, {}, _leaves(opened.space, wider["ranges"]))
        budget = Budget(trials=(opened.budget.trials or 0) + int(wider["trials"]))
        return msgspec.structs.replace(
            opened, space=space, budget=budget, candidates=(*opened.candidates, *wider["points"])
        )

    def _rival(self, result: Result, current: dict[str, Value]) -> dict[str, Value] | None:
        """The best that is not what was there; None when nothing is better in the search."""
        best = leaders(result, self.confirm.metric, 1)[0]
        params = dict(result.history.trials[best].params)
        return None if best == 0 or alike(params, current) else params  # what was there is tried first

    def _checking(
        self, own: History, check: str, result: Result, current: dict[str, Value], rival: dict[str, Value]
    ) -> Open:
        """Both on the same fresh seeds."""
        search = self.confirm.search
        return msgspec.structs.replace(
            search, stage=check, reason=f"the best and what was there are trained on {self.plan.seeds} fresh seeds",
            space=result.history.space, budget=Budget(), sampler=Nothing(), scheduler=Race(Diverged(), confidence=1.0),
            contexts=self._seeds(own), keep="best", candidates=(current, rival), goal=untargeted(self.confirm.search.goal), past=(),
        )  # fmt: skip

    def _seeds(self, own: History) -> tuple[Context, ...]:
        """Fresh seeds, the same for all checks, so that noise which the seed decides is the same for both."""
        return seeds_of(own.definition.seed + 1, self.plan.seeds)

    def _compared(
        self, own: History, known: Known, asked: Question, result: Result, current: dict[str, Value], rival: dict[str, Value]
    ) -> Judge:  # fmt: skip
        """Which of both is adopted, by their paired differences and the noise of all checks so far."""
        metric = self.confirm.metric
        name = asked.stage.name
        theirs = self._pair(known[f"{name}-{CHECK}"], rival)
        pooled = [
            [float(each) for each in judged.evidence["differences"]]
            for judged in own.definition.campaign.judgments
            if judged.evidence.get("differences")
        ]
        found = paired([one - other for one, other in zip(*theirs, strict=True)], pooled)
        adopted = found.mean > 0 and found.chance >= self.plan.confidence
        evidence = {
            "there": list(theirs[0]), "rival": list(theirs[1]), "differences": list(found.differences), "chance": found.chance,
            "candidate": rival,
        }  # fmt: skip
        sentence = _sentence(metric.name, found, self.plan.confidence, adopted=adopted)
        return self._verdict(asked, current, rival if adopted else current, result, sentence, evidence)

    def _pair(self, checked: Result, rival: dict[str, Value]) -> tuple[list[float], list[float]]:
        """The losses of what was there and of its rival, by seed; the worst there is where a training failed."""
        history, metric = checked.history, self.confirm.metric
        found: dict[bool, list[float]] = {}
        for head in history.trials.configurations():
            runs = history.trials.groups.members.counting(head.number)
            scores = [metric.loss(score(history.trials[run], metric)) for run in runs]
            found[alike(head.params, rival)] = [math.inf if math.isnan(each) else each for each in scores]
        none = [math.inf] * self.plan.seeds
        return found.get(False, none), found.get(True, none)

    def _verdict(
        self, asked: Question, current: dict[str, Value], adopted: dict[str, Value], result: Result, reason: str,
        evidence: dict[str, Any],
    ) -> Judge:  # fmt: skip
        """The judgment that ends a stage, with how its parameters fared over all that was tuned along."""
        changed = {
            name: value for name, value in adopted.items() if name not in current or current[name] != value
        }
        told = ", ".join(
            f"{_short(name)} {_value(value)}" for name, value in changed.items() if name in asked.about
        )
        verdict = "what was there was kept" if not changed else f"adopted: {told or 'another learning rate'}"
        isolation = isolated(result, self.confirm.metric, asked.about)
        return Judge(
            asked.stage.name, verdict, reason, {**evidence, "params": adopted, "isolation": isolation}
        )

    def _refine(
        self,
        own: History,
        known: Known,
        current: dict[str, Value],
        earlier: tuple[str, ...],
        shares: dict[str, Any],
    ) -> Step:
        """Settle the epochs, narrow the ranges, search with a model, confirm."""
        whole, metric = self._whole(own, earlier), self.confirm.metric
        results = [known[each] for each in earlier]
        trained = _judged(own, "epochs")
        if trained is None:
            return epochs_of(whole, results, metric, current)
        current = {**current, **trained["params"]}
        ranges = _judged(own, "ranges")
        if ranges is None:
            return narrowed(whole, results, metric, current)
        space = restricted(whole, ranges["fixed"], _leaves(whole, ranges["ranges"]))
        spent = self._spent(own, shares) + (self.plan.top + 1) * self.plan.seeds
        count = max(LEAST, (self.confirm.search.budget.trials or TRIALS) - spent)
        search = msgspec.structs.replace(
            self.confirm.search, reason="a model refines what the stages have found, with all of it as its past", space=space,
            budget=Budget(trials=count), candidates=(current, *self._promising(own, space)), past=earlier,
        )  # fmt: skip
        confirm = msgspec.structs.replace(self.confirm, search=search, whole=whole, default=self.default)
        return confirm.next(own, known)

    def _promising(self, own: History, space: Space) -> list[dict[str, Value]]:
        """Rivals that were better on fresh seeds, though not beyond doubt, where they lie in what is left of the space."""
        found = []
        for asked in self.questions:
            judged = _judged(own, asked.stage.name) or {}
            if (
                judged.get("chance", 0.0) > 0.5
                and judged["candidate"] != judged["params"]
                and _lies_in(space, judged["candidate"])
            ):
                found.append(judged["candidate"])
        return found

    def _spent(self, own: History, shares: Mapping[str, Any]) -> int:
        """The trials of all stages and of their checks."""
        spent = sum(int(each) for each in shares["stages"].values())
        for asked in self.questions:
            wider = _judged(own, f"ranges of {asked.stage.name}") or {}
            judged = _judged(own, asked.stage.name) or {}
            spent += int(wider.get("trials", 0)) + 2 * len(judged.get("differences", ()))
        return spent

    def _whole(self, own: History, stages: Sequence[str]) -> Space:
        """The whole space with all that these stages have widened."""
        space = self.confirm.search.space
        ranges: dict[str, Leaf] = {}
        for stage in stages:
            ranges |= _leaves(space, (_judged(own, f"ranges of {stage}") or {"ranges": {}})["ranges"])
        return restricted(space, {}, ranges)

    def _held(self, whole: Space, current: Mapping[str, Value], searched: set[str]) -> dict[str, Value]:
        """The values of all that is not searched: as adopted, and as the default has it under options that are not the adopted ones."""
        usual = dict(zip(whole.names, whole.center(), strict=True))
        held: dict[str, Value] = {}
        for slot in whole.slots:
            if slot.name not in searched:
                held[slot.name] = current.get(slot.name, slot.parameter.decode(usual[slot.name]))
        return held


TRIALS = 100
"""What a search without a budget gets."""


def _judged(own: History, subject: str) -> dict[str, Any] | None:
    """The evidence of the first judgment of a subject: what was decided stays decided."""
    found: ev.Judged | None = next(
        (each for each in own.definition.campaign.judgments if each.subject == subject), None
    )
    return None if found is None else dict(found.evidence)


def _leaves(space: Space, bounds: Mapping[str, Sequence[float]]) -> dict[str, Leaf]:
    """Parameters with other bounds, of those that the space has."""
    found: dict[str, Leaf] = {}
    for slot in space.slots:
        if slot.name in bounds and isinstance(slot.parameter, Float | Int):
            low, high = bounds[slot.name]
            leaf = slot.parameter
            prior = leaf.prior if leaf.prior is not None and low <= leaf.prior <= high else None
            found[slot.name] = msgspec.structs.replace(leaf, low=low, high=high, prior=prior)
    return found


def _lies_in(space: Space, point: Mapping[str, Value]) -> bool:
    """Whether a point has the space's constants and lies in its ranges."""
    constants = {constant.name: constant.value for constant in space.spec.constants}
    same = all(constants.get(name, value) == value for name, value in point.items())
    return same and set(point) <= set(space.every) and located(space, point) is not None


def _sentence(metric: str, found: Paired, confidence: float, *, adopted: bool) -> str:
    count = len(found.differences)
    if not math.isfinite(found.mean):
        return f"one of both cannot be trained on {count} fresh seeds"
    way = "better" if found.mean > 0 else "worse"
    asked = "" if adopted or found.mean <= 0 else f", asked {confidence:.0%}"
    return f"{metric} {abs(found.mean):.3g} {way} on {count} fresh seeds; the chance that it is better is {found.chance:.0%}{asked}"


def _rates(asked: Question) -> str:
    return ", ".join(map(_short, asked.beside)) or "nothing"


def _short(name: str) -> str:
    return name.removesuffix(".on.strength")


def _value(value: Value) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
