"""A winner with a certificate: the best of a search beside the default on fresh seeds, with a stated chance of error.

After the search come rounds. All that may be its best (``likeliest.py``) and the default are trained on two fresh seeds; the candidate of the
lowest mean goes on with the default, on one seed after the other. It is adopted where it is better than the default beyond the
chance of error (``maths/certified.py``), else the default stays: that nothing beats it is an answer. A search that is extended has another
round of what is new in it, beside who was adopted before, on seeds that nobody has seen; what has lost stays out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from ..base.answering import Settings
from ..base.failure import say
from ..contracts.protocols import Engine, Store
from ..errors import DanluError, SettingError
from ..journal.events import Judged
from ..journal.history import History
from ..maths.certified import Certified, certified, leading
from ..problem.budget import Budget, TrialLimits
from ..problem.contexts import Context, context_key
from ..problem.fidelity import Fidelity
from ..problem.goal import Goal, Metric
from ..samplers.nothing import Nothing
from ..schedulers.diverged import Diverged
from ..schedulers.race import Race
from ..space.space import Space
from ..study.opening import existing_history
from ..study.result import Result
from .confirm import FRESH, SEARCH, alike, fresh_seed, score, untargeted
from .contract import Done, Judge, Known, Open, Step
from .drive import Conducted, conduct, recalled
from .likeliest import affordable, dealt_out, likeliest

KIND = "certified"
FIRST = 2
"""Fresh seeds that all candidates get."""


class Confirmation(Settings, frozen=True):
    """How a search's winner is confirmed, ``danlu.tune(..., confirm=danlu.Confirmation())`` or ``confirm=True``.

    Args:
        top: how many candidates at most are trained on fresh seeds, beside the default (1 or more); by ``share`` when None.
        seeds: fresh seeds of the leader and the default (2 or more); by ``share`` when None.
        chance: that who is adopted is better than the default, over all looks and candidates, at least (0.5 to below 1).
        share: of the search's trials, or of the steps it trained, that fresh runs may cost where ``top`` and ``seeds`` leave it open (above
            0, up to 1); four runs at the least.

    Raises:
        SettingError: when a setting is out of its range.

    Example:
        >>> import danlu
        >>> def train(trial):
        ...     return 1 + (trial["x"] - 0.7) ** 2 + 0.001 * trial.context.get("seed", 0) / 2**31
        >>> result = danlu.tune(train, {"x": danlu.Float(0, 1)}, trials=100, sampler="quasirandom", confirm=Confirmation(), seed=0)
        >>> abs(result.best.params["x"] - 0.7) < 0.1, result.best.contexts
        (True, 4)
    """

    top: int | None = None
    seeds: int | None = None
    chance: float = 0.95
    share: float = 0.1

    def __post_init__(self) -> None:
        for name, value, least in (("top", self.top, 1), ("seeds", self.seeds, FIRST)):
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < least):
                raise SettingError(
                    f"a confirmation needs {name} to be a whole number >= {least}, got {value!r}."
                )
        for name, number, low, high in (
            ("chance", self.chance, 0.5, math.nextafter(1.0, 0.0)),
            ("share", self.share, math.ulp(0.0), 1.0),
        ):
            if isinstance(number, bool) or not isinstance(number, int | float) or not low <= number <= high:
                raise SettingError(
                    f"a confirmation needs {name} {'from 0.5 to below 1' if name == 'chance' else 'above 0 and up to 1'}, got {number!r}."
                )

    def run(
        self, objective: Callable[..., Any] | str, space: Space, *, goal: Goal, budget: Budget, sampler: Any, scheduler: Any,
        fidelity: Fidelity | None, trial_limits: TrialLimits | None, engine: Engine, store: Store, name: str, seed: int | None,
        watch: bool | None, contexts: Sequence[Context] = (), candidates: Sequence[Mapping[str, Any]] = (),
    ) -> Result:  # fmt: skip
        """Search, and confirm; as ``danlu.tune`` with this confirmation.

        Returns:
            The result of the fresh runs, whose best is the winner.

        Raises:
            SettingError: for several goals.
            CampaignLeft: when a person or a signal has ended a stage before its time; the same call goes on.
        """
        search = Open(
            SEARCH, "the search whose best is confirmed", space, goal, budget, sampler, scheduler, fidelity, trial_limits=trial_limits,
            contexts=tuple(contexts), candidates=tuple(map(dict, candidates)),
        )  # fmt: skip
        return self.conduct(Certify(plan=self, search=search), objective, store, name, engine, seed, watch)

    def conduct(
        self, certify: Certify, objective: Callable[..., Any] | str, store: Store, name: str, engine: Engine, seed: int | None,
        watch: bool | None,
    ) -> Result:  # fmt: skip
        """Run the campaign to its end, say what it has come to, and give the result of the fresh runs."""
        done = conduct(certify, objective, store=store, name=name, engine=engine, seed=seed, watch=watch)
        say(f"danlu: {certificate(done).sentence}")
        return list(done.results.values())[-1]


class Certify(msgspec.Struct, frozen=True, kw_only=True):
    """The campaign of a confirmation.

    Args:
        plan: the settings.
        search: the first stage.
        found: the result of a search that is over, instead of running one.
    """

    plan: Confirmation
    search: Open
    found: Result | None = None

    def __post_init__(self) -> None:
        if len(self.search.goal.metrics) != 1:
            raise SettingError(
                f"a winner is confirmed by one metric, and the goal has {len(self.search.goal.metrics)}. Leave confirm=... out."
            )

    @property
    def kind(self) -> str:
        """The name that the journal keeps it under."""
        return KIND

    @property
    def settings(self) -> dict[str, Any]:
        """What it is run with."""
        plan = self.plan
        of = "" if self.found is None else self.found.study.name
        return {"top": plan.top, "seeds": plan.seeds, "chance": plan.chance, "share": plan.share, "of": of}

    @property
    def metric(self) -> Metric:
        """What decides."""
        return self.search.goal.metrics[0]

    def next(self, own: History, known: Known) -> Step:
        """Search; choose candidates; rounds; the verdict."""
        search = known.get(SEARCH) if self.found is None else self.found
        if search is None:
            return self.search
        races = races_of(own)
        if not races:
            return self._chosen(own, search, races)
        race = [each for each in races if each["candidates"] or each is races[0]][-1]
        judged = _said(own, "winner", race["stage"]) is not None  # what was begun is brought to its end first
        if judged and races[-1]["searched"] != search.history.spent.finished:
            return self._chosen(own, search, races)
        return self._race(own, known, race)

    def _chosen(self, own: History, search: Result, races: list[dict[str, Any]]) -> Judge:
        """Whom the fresh seeds are for."""
        default = _default(self.search.space)
        folds = max(1, len(_folds(search)))
        allowed = affordable(search, self.plan.share, folds) - sum(int(race["runs"]) for race in races)
        most, seeds = dealt_out(max(allowed, 0), self.plan.top, self.plan.seeds)
        winner = _winner(own)
        raced = [each["params"] for race in races for each in race["candidates"]]
        tied, source = likeliest(search, self.metric, most + len(raced) + 1, seed=own.definition.seed)
        fresh = [
            each for each in tied
            if not alike(each.trial.params, default) and all(not alike(each.trial.params, params) for params in raced)
        ][:most]  # fmt: skip
        candidates = [
            {"trial": each.trial.number, "params": each.trial.params, "searched": score(each.trial, self.metric), "chance": each.chance}
            for each in fresh
        ]  # fmt: skip
        if winner is not None and candidates:
            candidates.insert(0, winner)
        evidence: dict[str, Any] = {
            "stage": races[-1]["stage"] if races and not candidates else _stage(len(races)),
            "searched": search.history.spent.finished, "candidates": candidates, "default": default,
            "seeds": seeds, "begin": sum(int(race["seeds"]) for race in races),
            "runs": (FIRST * (len(candidates) + 1) + 2 * (seeds - FIRST)) if candidates else 0,
            "looks": sum(int(race["seeds"]) - FIRST + 1 for race in races if race["candidates"]),
        }  # fmt: skip
        if not candidates:
            again = (
                "nothing new in it may be the best" if races else "nothing but the default may be its best"
            )
            return Judge("candidates", "none", f"{again}, by {source}", evidence)
        named = ", ".join(_named(each) for each in candidates)
        cost = f"{evidence['runs'] * folds} fresh trainings after {search.history.spent.trials}"
        return Judge(
            "candidates", named,
            f"by {source} they may be the best; beside the default on {FIRST} fresh seeds, the leader on {seeds}: up to {cost}",
            evidence,
        )  # fmt: skip

    def _race(self, own: History, known: Known, race: dict[str, Any]) -> Step:
        """The rounds of one set of candidates."""
        stage, size = race["stage"], len(race["candidates"]) + 1
        leader = _said(own, "leader", stage)
        if leader is None:
            if stage not in known:
                return self._open(own, race, FIRST, ())
            return self._led(race, known[stage])
        verdict = _said(own, "winner", stage)
        seeds = int(leader["seeds"])
        out = tuple(each for each in range(1, size) if verdict is not None and each != verdict["head"])
        if verdict is None:
            out = tuple(each for each in range(1, size) if each != leader["head"]) if seeds > FIRST else ()
        elif verdict["head"] != 0:
            out = (0, *out)
        heads = () if stage not in known else self._heads(known[stage], race)
        out = tuple(heads[each] for each in out) if heads else tuple(leader["heads"][each] for each in out)
        if (
            stage not in known
            or not set(out) <= set(known[stage].history.trials.groups.given_up)
            or (len(known[stage].history.definition.contexts) < seeds * self._width(known[stage]))
        ):
            return self._open(own, race, seeds, out)
        if verdict is None:
            return self._judged(race, leader, known[stage])
        return Done(str(verdict["said"]))

    def _open(self, own: History, race: Mapping[str, Any], seeds: int, out: tuple[int, ...]) -> Open:
        """The runs on the first ``seeds`` fresh seeds of this race, without those that are out."""
        search = self.search
        points = (race["default"], *(each["params"] for each in race["candidates"]))
        contexts = contexts_on(
            [fresh_seed(own.definition.seed, race["begin"] + at) for at in range(seeds)], search.contexts
        )
        return Open(
            race["stage"], f"{len(points)} configurations are trained on fresh seeds", search.space, untargeted(search.goal), Budget(),
            Nothing(), Race(Diverged(), confidence=1.0, out=out), search.fidelity, contexts, "best", tuple(points), search.trial_limits,
        )  # fmt: skip

    def _width(self, fresh: Result) -> int:
        """Contexts of one seed."""
        seeds = {context["seed"] for context in fresh.history.definition.contexts}
        return len(fresh.history.definition.contexts) // len(seeds)

    def _heads(self, fresh: Result, race: Mapping[str, Any]) -> tuple[int, ...]:
        """The first trials of the default and of the candidates, in that order."""
        points = (race["default"], *(each["params"] for each in race["candidates"]))
        there = [(head, fresh.history.trials[head].params) for head in fresh.history.trials.groups.members]
        found = []
        for point in points:
            same = [head for head, params in there if alike(params, point)]
            if not same:
                raise DanluError(f"{fresh.study.name!r} has no trial of {point!r}. See danlu check.")
            found.append(same[0])
        return tuple(found)

    def _losses(self, fresh: Result, head: int) -> list[float]:
        """The losses of a configuration, one a seed, over its folds; infinite where a training failed."""
        history = fresh.history
        by_seed: dict[Any, list[float]] = {}
        for number in history.trials.groups.members.counting(head):
            trial = history.trials[number]
            loss = self.metric.loss(score(trial, self.metric))
            by_seed.setdefault(trial.context["seed"], []).append(math.inf if math.isnan(loss) else loss)
        order = dict.fromkeys(context["seed"] for context in history.definition.contexts)
        return [sum(by_seed[seed]) / len(by_seed[seed]) for seed in order if seed in by_seed]

    def _led(self, race: Mapping[str, Any], fresh: Result) -> Judge:
        """Who goes on with the default."""
        heads = self._heads(fresh, race)
        default, *rows = (self._losses(fresh, head)[:FIRST] for head in heads)
        place = leading(rows, FIRST)
        values = [[self.metric.value(loss) for loss in row] for row in (default, *rows)]
        still = all(row[0] == value for row in values for value in row) and place >= 0
        evidence = {
            "stage": race["stage"], "heads": list(heads), "head": place + 1, "seeds": FIRST if still or place < 0 else race["seeds"],
            "values": values, "still": still,
        }  # fmt: skip
        if place < 0:
            if all(map(math.isinf, default)):
                why = fresh.analysis.fruitless or "see result.why() of the fresh runs"
                raise DanluError(f"nothing could be trained on fresh seeds: {why}")
            return Judge(
                f"leader of {race['stage']}",
                "none",
                "no candidate could be trained on all fresh seeds",
                evidence,
            )
        named = _named(race["candidates"][place])
        told = ", ".join(
            f"{_named(each)} {sum(row) / FIRST:.4g}"
            for each, row in zip(race["candidates"], values[1:], strict=True)
        )
        reason = (
            f"{self.metric.name} over {FIRST} fresh seeds: {told}; the default {sum(values[0]) / FIRST:.4g}"
        )
        if still:
            reason += f". {STILL}"
        return Judge(f"leader of {race['stage']}", named, reason, evidence)

    def _judged(self, race: Mapping[str, Any], leader: Mapping[str, Any], fresh: Result) -> Judge:
        """The verdict."""
        heads = self._heads(fresh, race)
        default = self._losses(fresh, heads[0])
        rows = [self._losses(fresh, head) for head in heads[1:]]
        found = certified(
            default, [row if place + 1 == leader["head"] else row[:FIRST] for place, row in enumerate(rows)],
            first=FIRST, error=1.0 - self.plan.chance, looks=int(race["looks"]),
        )  # fmt: skip
        head = found.leader + 1 if found.adopted else 0
        who = race["candidates"][head - 1] if head else {"trial": -1, "params": race["default"]}
        low, high = sorted(self.metric.value(end) for end in (found.low, found.high))
        said = "the default was kept" if not head else f"trial {who['trial']} was adopted"
        said = said if not head or who["trial"] >= 0 else "the winner was adopted"
        evidence = {
            "stage": race["stage"], "head": head, "said": said, "candidate": dict(who), "value": self.metric.value(found.estimate),
            "low": low, "high": high, "noise": found.noise, "freedom": found.freedom, "at": found.at,
            "default": [self.metric.value(loss) for loss in default],
            "values": [[self.metric.value(loss) for loss in row] for row in rows],
            "looks": [list(each) for each in found.leads], "ratios": found.logs, "still": bool(leader["still"]),
        }  # fmt: skip
        return Judge(f"winner of {race['stage']}", said, self._reason(found, evidence), evidence)

    def _reason(self, found: Certified, evidence: Mapping[str, Any]) -> str:
        chance, count = self.plan.chance, len(evidence["default"])
        usual = sum(evidence["default"]) / count
        reported = f"{self.metric.name} {evidence['value']:.4g} (90 % {evidence['low']:.4g} to {evidence['high']:.4g})"
        if evidence["still"]:
            reported = f"{self.metric.name} {evidence['value']:.4g}"
        if found.adopted:
            said = f"{reported}; the default {usual:.4g} over the same {count} fresh seeds. It is better, with a chance of error of at most {1.0 - chance:.2g}"
        elif found.leader < 0:
            said = f"{reported}; no candidate could be trained on all fresh seeds"
        else:
            last = found.leads[-1]
            away = "not better" if last.mean <= 0 else "better, but not beyond noise"
            leader = sum(evidence["values"][found.leader]) / len(evidence["values"][found.leader])
            said = f"nothing beats it: {reported} over {count} fresh seeds, beside it the leader with {leader:.4g}, {away} at {chance:.0%}"
        return f"{said}. {STILL}" if evidence["still"] else said


STILL = "The objective gave the same value on every seed: it does not read trial.context['seed'], so nothing is known of its noise"


def contexts_on(seeds: Sequence[int], contexts: Sequence[Context]) -> tuple[Context, ...]:
    """The contexts of fresh seeds: each of the study's own on each of them; where its contexts are seeds, those are replaced.

    Example:
        >>> contexts_on([7, 8], [{"fold": 0}, {"fold": 1}])
        ({'fold': 0, 'seed': 7}, {'fold': 1, 'seed': 7}, {'fold': 0, 'seed': 8}, {'fold': 1, 'seed': 8})
        >>> contexts_on([7], [{"seed": 1}, {"seed": 2}])
        ({'seed': 7},)
    """
    found: dict[str, Context] = {}
    for seed in seeds:
        for context in contexts or ({},):
            made: Context = {**context, "seed": seed}
            found.setdefault(context_key(made), made)
    return tuple(found.values())


class Certificate(msgspec.Struct, frozen=True):
    """What a confirmation has come to.

    Attributes:
        name: of the campaign.
        adopted: whether a configuration of the search is better than the default beyond the stated chance of error.
        trial: of the search; -1 for the default.
        params: the winner's.
        metric: its name.
        value: its mean over fresh seeds without the optimism of having been chosen, in the user's sign.
        low, high: an interval that holds the mean with a chance of 90 %.
        default: the default's values, one a fresh seed.
        sentence: all of it in words.
        results: of the search, where it was part of the campaign, and of the fresh runs.
    """

    name: str
    adopted: bool
    trial: int
    params: dict[str, Any]
    metric: str
    value: float
    low: float
    high: float
    default: tuple[float, ...]
    sentence: str
    results: dict[str, Result]


def confirm_study(
    store: Store, name: str, objective: Callable[..., Any] | str, *, plan: Confirmation | None = None, engine: Engine,
    called: str | None = None, watch: bool | None = None,
) -> Certificate:  # fmt: skip
    """Confirm the best of a study that is over, on fresh seeds beside the default; the same call goes on, and is there once.

    Args:
        store: that keeps the study.
        name: of the study.
        objective: that it was run with.
        plan: how; a tenth of the search is spent by default.
        engine: that runs the fresh trainings.
        called: the campaign's name, ``name-confirmed`` by default.
        watch: as in ``danlu.tune``.

    Raises:
        StudyMissing: when there is no such study.
        SettingError: for several goals, a campaign's name, and choices of things by name, which the journal has not.
        CampaignLeft: when a person or a signal has ended the runs before their time; the same call goes on.

    Example:
        >>> import danlu
        >>> store, space = danlu.stores.MemoryStore(), {"x": danlu.Float(0, 1)}
        >>> def train(trial):
        ...     return trial["x"]
        >>> _ = danlu.tune(train, space, trials=30, sampler="quasirandom", store=store, name="small", seed=0)
        >>> found = confirm_study(store, "small", train, engine=danlu.engines.Inline(), watch=False)
        >>> found.adopted, found.name
        (True, 'small-confirmed')
    """
    history = existing_history(store, name)
    if history.definition.campaign.kind:
        there = ", ".join(history.definition.campaign.stages.values())
        raise SettingError(f"{name!r} is a campaign. Confirm the best of one of its studies: {there}.")
    if history.space.forms.named:
        raise SettingError(
            f"{history.space.forms.named[0]} of {name!r} is a choice of things by name, and the journal keeps their names alone. Make the same "
            "call of danlu.tune with confirm=True, under another name: it has the things."
        )
    found = Result(name, history, store)
    stored = history.definition.stored_config
    fidelity, contexts = None if stored is None else stored.fidelity, tuple(history.definition.contexts)
    search = Open(SEARCH, "", history.space, history.goal, Budget(), fidelity=fidelity, contexts=contexts)
    certify = Certify(plan=plan or Confirmation(), search=search, found=found)
    done = conduct(
        certify, objective, store=store, name=called or f"{name}-confirmed", engine=engine, seed=history.definition.seed, watch=watch
    )  # fmt: skip
    return certificate(done)


def certificate(done: Conducted) -> Certificate:
    """The newest verdict of a campaign.

    Raises:
        SettingError: when it has not come to one.
    """
    judged = _newest(done.own)
    if judged is None:
        raise SettingError(f"{done.name!r} has not come to its end. Make the same call again.")
    evidence = judged.evidence
    metric = next(iter(done.results.values())).history.goal.metrics[0].name
    candidate = evidence["candidate"]
    return Certificate(
        done.name, evidence["head"] > 0, candidate["trial"], candidate["params"], metric, evidence["value"], evidence["low"],
        evidence["high"], tuple(evidence["default"]), f"{judged.verdict}: {judged.reason}", dict(done.results),
    )  # fmt: skip


def load(store: Store, name: str) -> Certificate:
    """What a confirmation has come to, from its journals alone.

    Raises:
        SettingError: when it has not come to its end.
    """
    own, results = recalled(store, name)
    return certificate(Conducted(name, results, own, ""))


def races_of(own: History) -> list[dict[str, Any]]:
    """The sets of candidates so far."""
    return [dict(each.evidence) for each in own.definition.campaign.judgments if each.subject == "candidates"]


def _said(own: History, what: str, stage: str) -> dict[str, Any] | None:
    for each in own.definition.campaign.judgments:
        if each.subject == f"{what} of {stage}":
            return dict(each.evidence)
    return None


def _newest(own: History) -> Judged | None:
    """The newest verdict."""
    found = [each for each in own.definition.campaign.judgments if each.subject.startswith("winner of ")]
    return found[-1] if found else None


def _winner(own: History) -> dict[str, Any] | None:
    """The candidate that was adopted last."""
    newest = _newest(own)
    return dict(newest.evidence["candidate"]) if newest is not None and newest.evidence["head"] else None


def _stage(races: int) -> str:
    return FRESH if not races else f"{FRESH}-{races + 1}"


def _named(candidate: Mapping[str, Any]) -> str:
    return f"trial {candidate['trial']}"


def _default(space: Space) -> dict[str, Any]:
    return dict(space.decode(space.center()))


def _folds(search: Result) -> tuple[Context, ...]:
    """The contexts of the search on one seed."""
    return contexts_on([0], search.history.definition.contexts)
