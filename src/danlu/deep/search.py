"""From data to a tuned, confirmed, tested network in one call."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..base.failure import say
from ..base.names import EngineName, SamplerName, SchedulerName
from ..campaign.confirm import FRESH, SEARCH, Candidate, Confirm, look_key, own_seed
from ..campaign.contract import Open
from ..campaign.drive import Conducted, conduct, recalled, seen
from ..contracts.protocols import Engine, Sampler, Scheduler, Store
from ..engines.provenance import contents
from ..errors import SettingError
from ..problem.budget import Budget
from ..problem.fidelity import Fidelity
from ..problem.goal import Goal
from ..space.space import Space
from ..study.opening import open_store
from ..study.result import Result
from ..study.tune import engine_of
from .data import Data
from .recipes import recipe
from .train.fit import test
from .train.metrics import rises
from .train.objective import Objective


@dataclass(frozen=True)
class Tuned:
    """What a search for a network has come to.

    Attributes:
        result: of the search, all trials and curves.
        metric: what was searched for.
        candidates: the best configurations and the default on fresh seeds, best first.
        default: the parameters of the sourced default.
        tests: the scores on the test part for each fresh seed of the winner and of the default.
        model: the winner's network of the seed that validated best.
        data: that it was trained on.
    """

    result: Result
    metric: str
    candidates: list[Candidate]
    default: dict[str, Any]
    tests: dict[str, list[dict[str, float]]]
    model: nn.Module
    data: Data

    @property
    def best(self) -> Candidate:
        """The configuration that fresh seeds confirmed."""
        return self.candidates[0]

    def test(self, metric: str, who: str = "tuned") -> float:
        """The mean of a test score over fresh seeds, of the ``tuned`` network or of the ``default``."""
        values = [scores[metric] for scores in self.tests[who]]
        return sum(values) / len(values)

    def report(self) -> str:
        """What was found, a page of text."""
        best = self.best
        fresh = f"{best.mean:.4g} +- {best.deviation:.2g} on {len(best.fresh)} fresh seeds"
        lines = [
            repr(self.result),
            f"trial {best.trial}: {self.metric} {best.searched:.4g} in the search, {fresh}",
        ]
        lines += [f"  {name} = {value:.4g}" if isinstance(value, float) else f"  {name} = {value}"
                  for name, value in best.params.items()]  # fmt: skip
        for who, tests in self.tests.items():
            scores = ", ".join(f"{name} {self.test(name, who):.4f}" for name in tests[0])
            lines.append(f"{who} ({len(tests)} fresh seeds): {scores}")
        if best.params == self.default:
            lines.append("nothing that was tried is better than the default on fresh seeds: it is kept.")
        return "\n".join(lines)


def tune(
    name: str, data: Data | str | os.PathLike[str], *, trials: int | None = None, time: str | float | None = None,
    budget: Budget | None = None, epochs: int | None = None,
    space: Mapping[str, Any] | Space | None = None, metric: str | None = None, top: int = 3, seeds: int = 3,
    store: Store | str | os.PathLike[str] | None = None, study: str | None = None, seed: int = 0,
    fixed: Mapping[str, Any] | None = None, folds: int = 0, device: str = "auto", workers: int = 1, gpus: int = 0,
    sampler: Sampler | SamplerName | None = None, scheduler: Scheduler | SchedulerName | None = None, engine: Engine | EngineName | None = None,
    watch: bool | None = None,
) -> Tuned:  # fmt: skip
    """Tune a recipe's network on your data; the same call with the same store resumes, whenever it was interrupted.

    The sourced default is the first trial. The best configurations and the default are trained again on fresh
    seeds, those decide, and then the test part is looked at, once for each winner. With more ``trials``, ``top`` or ``seeds`` the
    same call extends what is there. ``danlu.load(store, study)`` gives the same back later, the network included.

    Args:
        name: of the recipe: image, text, recommend or tabular.
        data: of the recipe's ``prepare``, or a path for its ``load``.
        trials, time, budget: of the search, as in ``danlu.tune``; 30 trials when none is given.
        epochs: of a whole training; the recipe's own by default.
        space: to search instead of the recipe's.
        metric: that decides, the recipe's own by default: any that is reported, ``val_f1``.
        top, seeds: how many of the best are confirmed, and on how many fresh seeds.
        store, study: where the journals are kept, and the campaign's name (the recipe's by default); its studies are
            ``study/search`` and ``study/confirm``.
        seed: of everything.
        fixed: settings of the plan that are not searched.
        folds: cross-validation in the search, where it is 2 or more.
        device: of training.
        workers, gpus: trainings at once, and GPUs dealt out to them.
        sampler, scheduler, engine, watch: as in ``danlu.tune``.

    Raises:
        SettingError: when the data has no test part, or recipe and data do not fit.
        CampaignLeft: when a person or a signal has ended a stage before its time; the same call goes on.
        StudyExists: when the store has something else by that name.

    Example:
        >>> from danlu import deep
        >>> data = deep.datasets.breast_cancer()
        >>> tuned = deep.tune("tabular", data, trials=2, epochs=2, top=1, seeds=1)
        >>> tuned.test("test_accuracy") > 0.5
        True
    """
    chosen = recipe(name)
    declared = Space(chosen.space()) if space is None else space if isinstance(space, Space) else Space(space)
    held, about = _held(name, data, seed)
    decides = metric or chosen.metric
    about |= {
        "epochs": epochs or chosen.epochs,
        "metric": decides,
        "folds": folds,
        "fixed": dict(fixed or {}),
    }
    objective = _objective(held, about, device)
    budget = (budget or Budget()).merged(trials=trials, time=time)
    if budget == Budget():
        budget = Budget(trials=30)
    span = Fidelity("epoch", 1, objective.plan.epochs) if objective.plan.epochs > 1 else None
    direction: dict[str, Any] = {"maximize" if rises(decides) else "minimize": decides}
    plan = Confirm(
        search=Open(SEARCH, f"the {name} recipe's space", declared, Goal.of(**direction), budget, sampler, scheduler, span),
        top=top, seeds=seeds, default=declared.decode(declared.center()), about=about, looks=True, name=KIND,
    )  # fmt: skip
    done = conduct(
        plan, {SEARCH: objective, FRESH: objective}, store=open_store(store), name=study or chosen.name,
        engine=engine_of(engine, workers, gpus), seed=seed,
        looks={"test": lambda results: _tests(plan, objective, results, held)}, watch=watch,
    )  # fmt: skip
    return _tuned(plan, objective, done, held)


KIND = "deep"
"""What the journal of such a campaign calls itself."""


def load(
    store: Store, name: str, data: Data | str | os.PathLike[str] | None = None, *, device: str = "auto"
) -> Tuned:
    """What ``tune`` has come to under a name, its network included; nothing is trained.

    Args:
        store: that keeps the campaign.
        name: of the campaign.
        data: as it was tuned on; found by itself when that was a path and it is still there.
        device: of the network.

    Raises:
        SettingError: when the data is not at hand, or the campaign has not come to its end.
    """
    own, results = recalled(store, name)
    about = own.definition.campaign.settings
    if data is None and not about.get("data"):
        raise SettingError(
            f"{name!r} was tuned on data of a program. Give the same: danlu.load(store, {name!r}, data=...)."
        )
    held, now = _held(about["recipe"], about["data"] if data is None else data, own.definition.seed)
    if about.get("contents") and now.get("contents") and now["contents"] != about["contents"]:
        say(
            f"danlu: the data of {name!r} has changed since it was tuned: its scores are about what it was then."
        )
    objective = _objective(held, about, device)
    if FRESH not in results or not results[FRESH].history.incumbents.front:
        raise SettingError(
            f"{name!r} has not come to its end: {_reached(results)}. Make the same call of deep.tune again."
        )
    search = results[SEARCH]
    goal = search.history.goal
    space = search.history.space
    plan = Confirm(
        search=Open(SEARCH, "", space, goal, Budget()), top=int(about["top"]), seeds=int(about["seeds"]),
        default=space.decode(space.center()), about=dict(about), looks=True, name=KIND,
    )  # fmt: skip
    return _tuned(plan, objective, Conducted(name, results, own, ""), held)


def _reached(results: Mapping[str, Result]) -> str:
    return "; ".join(repr(result) for result in results.values()) or "no stage was begun"


def _held(name: str, data: Data | str | os.PathLike[str], seed: int) -> tuple[Data, dict[str, Any]]:
    """The data, and what the journal keeps of where it is from.

    Raises:
        SettingError: when it has no test part.
    """
    held = data if isinstance(data, Data) else recipe(name).load(os.fspath(data), seed=seed)
    if held.test is None:
        raise SettingError("tuning needs a test part that the search never sees: from_arrays(..., test=0.2).")
    about: dict[str, Any] = {"recipe": name, "data": "", "contents": ""}
    if not isinstance(data, Data):
        about |= {"data": str(Path(data).absolute()), "contents": contents(data)}
    return held, about


def _objective(held: Data, about: Mapping[str, Any], device: str) -> Objective:
    objective = Objective(
        recipe(about["recipe"]).build, held, epochs=about["epochs"], folds=about["folds"], fixed=about["fixed"],
        monitor=about["metric"], device=device,
    )  # fmt: skip
    if about["contents"]:
        objective.loaded = {Path(about["data"]).name: about["contents"]}
    return objective


def _pair(plan: Confirm, candidates: list[Candidate]) -> dict[str, Candidate]:
    """The winner and the default, which stands for itself where it was not confirmed."""
    return {"tuned": candidates[0], "default": plan.usual(candidates)}


def _tests(plan: Confirm, objective: Objective, results: Mapping[str, Result], held: Data) -> dict[str, Any]:
    """The scores on the test part for each fresh seed of the winner and of the default."""
    return {
        who: [test(_trained(objective, results[FRESH], candidate, run), held) for run in candidate.runs]
        for who, candidate in _pair(plan, plan.candidates(results)).items()
    }


def _tuned(plan: Confirm, objective: Objective, done: Conducted, held: Data) -> Tuned:
    candidates = plan.candidates(done.results)
    looked = seen(done.own, "test", look_key(candidates[0], plan.usual(candidates)))
    if looked is None:
        raise SettingError(
            f"{done.name!r} has not come to its end: its winner was not tested. Make the same call of deep.tune again."
        )
    tests = {
        who: [{name: float(value) for name, value in scores.items()} for scores in looked[who]]
        for who in ("tuned", "default")
    }
    winner = candidates[0]
    best = min(range(len(winner.fresh)), key=lambda at: plan.metric.loss(winner.fresh[at]))
    model = _trained(objective, done.results[FRESH], winner, winner.runs[best])
    return Tuned(
        done.results[SEARCH], plan.metric.name, candidates, plan.default or winner.params, tests, model, held
    )


def export(tuned: Tuned, path: Path) -> None:
    """Save the network as a program that runs without danlu (``torch.export``), for batches of any size.

    It takes inputs as they are in your data (what standardizes them is part of it) and gives values in your own
    units; the words of a text network are in its extra file ``words.json``, one for each number from 2.

    Args:
        tuned: of ``tune``.
        path: ends in ``.pt2``; read it with ``torch.export.load(path).module()``.

    Raises:
        SettingError: for another ending.
    """
    if path.suffix != ".pt2":
        raise SettingError(f"a network is saved as a .pt2 file, got {str(path)!r}.")
    data, model = tuned.data, Scaled(tuned.model.cpu(), tuned.data).eval()
    sample = data.train.x[:2].cpu()
    program = torch.export.export(model, (sample,), dynamic_shapes=({0: torch.export.Dim.DYNAMIC},))
    words = {"words.json": json.dumps(data.words)} if data.words else {}
    torch.export.save(program, path, extra_files=words)


class Scaled(nn.Module):
    """A network between the scales of the user's own data.

    Example:
        >>> from danlu import deep
        >>> data = deep.standardize(deep.from_arrays([[1.0], [3.0]] * 10, [10.0, 30.0] * 10))
        >>> [round(value) for value in Scaled(nn.Identity(), data)(torch.tensor([[1.0], [3.0]])).flatten().tolist()]
        [10, 30]
    """

    mean: Tensor
    spread: Tensor
    middle: Tensor
    width: Tensor

    def __init__(self, model: nn.Module, data: Data) -> None:
        super().__init__()
        self.model = model
        mean, spread = data.scale or (torch.tensor(0.0), torch.tensor(1.0))
        middle, width = data.target_scale or (torch.tensor(0.0), torch.tensor(1.0))
        for name, tensor in (("mean", mean), ("spread", spread), ("middle", middle), ("width", width)):
            self.register_buffer(name, tensor.cpu())
        self.scaled = data.scale is not None, data.target_scale is not None

    def forward(self, x: Tensor) -> Tensor:
        """What the network gives, in the data's own units."""
        outputs: Tensor = self.model((x - self.mean) / self.spread if self.scaled[0] else x)
        return outputs * self.width + self.middle if self.scaled[1] else outputs


def _trained(objective: Objective, again: Result, candidate: Candidate, run: int) -> nn.Module:
    """The network of one confirming run, from its checkpoint."""
    training = objective.training(candidate.params, own_seed(again.history, run))
    again.restore(*training.things, [], trial=run)
    return training.best.give(training.model)
