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

from ..core.errors import SettingError
from ..core.fidelity import Fidelity
from ..core.protocols import Store
from ..core.space import Space
from ..engines.provenance import contents
from ..study.result import Result
from ..study.tune import open_store
from ..study.tune import tune as tune_study
from .confirm import Candidate, confirm, fresh_seed
from .data import Data
from .fit import test
from .metrics import rises
from .objective import Objective
from .recipes import recipe


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
    name: str, data: Data | str | os.PathLike[str], *, trials: int | None = None, epochs: int | None = None,
    space: Mapping[str, Any] | Space | None = None, metric: str | None = None, top: int = 3, seeds: int = 3,
    store: Store | str | os.PathLike[str] | None = None, study: str | None = None, seed: int = 0,
    fixed: Mapping[str, Any] | None = None, folds: int = 0, device: str = "auto", workers: int = 1, **how: Any,
) -> Tuned:  # fmt: skip
    """Tune a recipe's network on your data; the same call with the same store resumes.

    The sourced default is the first trial. The best configurations and the default are trained again on fresh
    seeds, those decide, and then the test part is looked at, once.

    Args:
        name: of the recipe: image, text, recommend or tabular.
        data: of the recipe's ``prepare``, or a path for its ``load``.
        trials: of the search; 30 when no other budget is given.
        epochs: of a whole training; the recipe's own by default.
        space: to search instead of the recipe's.
        metric: that decides, the recipe's own by default: any that is reported, ``val_f1``.
        top, seeds: how many of the best are confirmed, and on how many fresh seeds.
        store, study: where the journal is kept, and under which name (the recipe's by default).
        seed: of everything.
        fixed: settings of the plan that are not searched.
        folds: cross-validation in the search, where it is 2 or more.
        device: of training.
        workers: trainings at once.
        how: more for ``danlu.tune``: time, sampler, scheduler, engine, watch.

    Raises:
        SettingError: when the data has no test part, or recipe and data do not fit.

    Example:
        >>> from danlu import deep
        >>> data = deep.datasets.breast_cancer()
        >>> tuned = deep.tune("tabular", data, trials=2, epochs=2, top=1, seeds=1)
        >>> tuned.test("test_accuracy") > 0.5
        True
    """
    chosen = recipe(name)
    held = data if isinstance(data, Data) else chosen.load(os.fspath(data), seed=seed)
    if held.test is None:
        raise SettingError("tuning needs a test part that the search never sees: of_arrays(..., test=0.2).")
    declared = Space(chosen.space()) if space is None else space if isinstance(space, Space) else Space(space)
    decides = metric or chosen.metric
    objective = Objective(
        chosen.build, held, epochs=epochs or chosen.epochs, folds=folds, fixed=fixed, monitor=decides,
        device=device,
    )  # fmt: skip
    if not isinstance(data, Data):
        objective.loaded = {Path(data).absolute().name: contents(data)}
    direction: dict[str, Any] = {"maximize" if rises(decides) else "minimize": decides}
    if trials is None and not how.keys() & {"time", "steps", "cost", "no_improvement"}:
        trials = 30
    kept, called = open_store(store), study or chosen.name
    span = Fidelity("epoch", 1, objective.epochs) if objective.epochs > 1 else None
    result = tune_study(
        objective, declared, trials=trials, store=kept, name=called, seed=seed, workers=workers,
        fidelity=span, **direction, **how,
    )  # fmt: skip
    default = declared.decode(declared.centre())
    candidates, again = confirm(
        objective, result, metric=decides, top=top, seeds=seeds, default=default, seed=seed, store=kept,
        name=f"{called} confirmed", workers=workers, watch=how.get("watch"), engine=how.get("engine"),
    )  # fmt: skip
    tests, models = {}, {}
    usual = next((each for each in candidates if each.params == default), candidates[0])
    for who, candidate in (("tuned", candidates[0]), ("default", usual)):
        trained = [_trained(objective, again, candidate, run, seed) for run in candidate.runs]
        tests[who] = [test(model, held) for model in trained]
        models[who] = trained
    sign = -1 if rises(decides) else 1
    fresh = candidates[0].fresh
    model = models["tuned"][min(range(len(fresh)), key=lambda at: sign * fresh[at])]
    return Tuned(result, decides, candidates, default, tests, model, held)


def export(tuned: Tuned, path: Path) -> None:
    """Save the network as a program that runs without danlu (``torch.export``), for batches of any size.

    It takes inputs as they are in your data (what standardises them is part of it) and gives values in your own
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
        >>> data = deep.standardised(deep.of_arrays([[1.0], [3.0]] * 10, [10.0, 30.0] * 10))
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


def _trained(objective: Objective, again: Result, candidate: Candidate, run: int, seed: int) -> nn.Module:
    """The network of one confirming run, from its checkpoint."""
    fresh = fresh_seed(seed, int(again.history.trial(run).params["fresh"]))
    training = objective.training(candidate.params, fresh)
    again.restore(*training.things, [], trial=run)
    return training.finish()
