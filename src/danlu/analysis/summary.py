"""A study on one page."""

from __future__ import annotations

from typing import Any

import msgspec

from ..journal.history import History
from ..maths.threads import one_thread
from .diagnosis import Trouble, commonest, diagnose_study
from .effects import Effects, effects, model_of
from .findings import Finding, findings
from .importance import Importance, importance
from .measured import measured
from .progress import Savings, savings
from .robustness import Robustness, others, robustness


class Summary(msgspec.Struct, frozen=True):
    """What a person wants to know of a study when it is over, or by now.

    What needs four trials with a result is None before there are this many.

    Attributes:
        name: the study's.
        metric: the goal's first.
        states: how many trials are in which state.
        best: the best trial's number, -1 for none.
        value: what it came to, NaN for none.
        params: its parameters.
        savings: what stopping early has saved.
        importance: of the parameters.
        effects: of the parameters.
        robustness: of the best.
        findings: the most pressing first.
        troubles: of the best trials that have curves.
    """

    name: str
    metric: str
    states: dict[str, int]
    best: int
    value: float
    params: dict[str, Any]
    savings: Savings
    importance: Importance | None
    effects: Effects | None
    robustness: Robustness | None
    findings: tuple[Finding, ...]
    troubles: tuple[Trouble, ...]

    def __str__(self) -> str:
        return "\n".join(_lines(self))


@one_thread
def summary(name: str, history: History) -> Summary:
    """A study on one page; ``str`` of it is that page.

    Example:
        >>> import danlu
        >>> result = danlu.tune(lambda t: t["x"], {"x": danlu.Float(0, 1)}, trials=12, sampler="quasirandom", seed=0)
        >>> print(summary("study", result.history))
        study: 12 done
        best value 0.0840162 in trial 2
          x = 0.0840162
        what mattered: x 100%
    """
    known = measured(history, fits=True)
    enough = len(known.rows) >= 4 and len(history.space) > 0
    model = model_of(history) if enough else None
    seen = effects(history, model=model) if model is not None else None
    best = history.incumbents.best
    trial = None if best is None else history.trials.configuration(best)
    return Summary(
        name, known.name, dict(history.rows.states()),
        -1 if trial is None else trial.number, float("nan") if trial is None else trial.value,
        {} if trial is None else trial.params, savings(history), importance(history, method="fanova", most=1000) if enough else None, seen,
        robustness(history, model=model) if model is not None else None, tuple(findings(history, seen=seen)),
        tuple(diagnose_study(history)),
    )  # fmt: skip


def _lines(page: Summary) -> list[str]:
    states = ", ".join(f"{count} {state}" for state, count in page.states.items()) or "no trials"
    lines = [f"{page.name}: {states}"]
    if page.best < 0:
        return [*lines, "no trial has a result yet"]
    lines.append(f"best {page.metric} {page.value:.6g} in trial {page.best}")
    lines += [
        f"  {name} = {value:.6g}" if isinstance(value, float) else f"  {name} = {value}"
        for name, value in page.params.items()
    ]
    if page.savings.saved:
        lines.append(f"stopping early saved {page.savings.saved:.0%} of {page.savings.whole} steps")
    if page.importance is not None:
        shares = ", ".join(f"{share.name} {share.share:.0%}" for share in page.importance.parameters[:5])
        lines.append(f"what mattered: {shares}")
    if page.robustness is not None and page.robustness.ties:
        lines.append(f"{others(len(page.robustness.ties))} cannot be told from the best")
    if page.findings:
        lines += ["findings:", *[f"  {finding}" for finding in page.findings]]
    if page.troubles:
        common = commonest(list(page.troubles))
        told = f", and most of the best are: {common}" if common else ""
        lines += [f"curves of the best: {page.troubles[0].trouble or 'too short to judge'}{told}"]
    return lines
