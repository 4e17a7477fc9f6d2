"""The best configurations of a search on fresh seeds, as a study of its own in the same store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...campaign.confirm import FRESH, SEARCH, Candidate, Confirm
from ...campaign.contract import Open
from ...problem.budget import Budget
from ...problem.goal import Goal
from ...samplers.nothing import Nothing
from ...study.result import Result
from ...study.tune import tune
from ..train.metrics import rises
from ..train.objective import Objective


def confirm(
    objective: Objective, result: Result, *, metric: str = "val_loss", top: int = 3, seeds: int = 3,
    default: Mapping[str, Any] | None = None, seed: int = 0, **how: Any,
) -> tuple[list[Candidate], Result]:  # fmt: skip
    """Train the best configurations of a search again on fresh seeds, best mean first.

    Which configurations were confirmed is known by their parameters, so a search that was extended adds to them in a second call
    with the same store and name.

    Args:
        objective: of the search.
        result: of the search.
        metric: that decides.
        top: how many of the best to confirm (at least 1).
        seeds: how many fresh seeds each gets (at least 1).
        default: a configuration to judge beside them, whatever it scored.
        seed: that the fresh seeds follow from.
        how: passed to ``danlu.tune``: store, name, workers.

    Returns:
        The candidates, and the confirming study's result.

    Raises:
        DanluError: when there is nothing to confirm.

    Example:
        >>> import danlu
        >>> from danlu import deep
        >>> from torch import nn
        >>> data = deep.from_arrays([[0.0], [1.0]] * 50, [0, 1] * 50)
        >>> objective = deep.Objective(lambda params, data: nn.Linear(1, 2), data, epochs=2)
        >>> result = danlu.tune(objective, {"batch_size": danlu.Choice([8, 16])}, minimize="val_loss", trials=2)
        >>> candidates, again = deep.confirm(objective, result, top=1, seeds=2)
        >>> len(candidates), len(candidates[0].fresh)
        (1, 2)
    """
    direction: dict[str, Any] = {"maximize" if rises(metric) else "minimize": metric}
    goal = Goal.of(**direction)
    search = Open(SEARCH, "", result.history.space, goal, Budget())
    plan = Confirm(search=search, top=top, seeds=seeds, default=None if default is None else dict(default))
    stage = plan.confirmation(result, seed)
    again = tune(
        objective, stage.space, contexts=list(stage.contexts), sampler=Nothing(), scheduler=stage.scheduler, keep=stage.keep,
        enqueue=stage.candidates, budget=stage.budget, **direction, **how,
    )  # fmt: skip
    return plan.candidates({SEARCH: result, FRESH: again}), again
