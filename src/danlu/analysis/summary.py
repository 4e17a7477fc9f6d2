"""A study on one page."""

from __future__ import annotations

from typing import Any

import msgspec

from ..journal.history import History
from ..maths.threads import one_thread
from .diagnosis import Trouble, commonest, diagnose_study
from .effects import Effects, effects, model_of
from .failures import Failure, failures
from .findings import Finding, findings, goals_of
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
        best: the best trial's number, -1 for none; of several goals -1, as a front has no best.
        value: what it came to, NaN for none.
        params: its parameters.
        front: of several goals the trials that none beats, by number, with their metrics.
        failures: what trials failed of, the commonest first.
        savings: what stopping early has saved.
        importance: of the parameters, for the first goal.
        importances: for all goals.
        effects: of the parameters, for the first goal.
        robustness: of the best, where there is one.
        findings: the most pressing first.
        troubles: of the best trials that have curves.
    """

    name: str
    metric: str
    states: dict[str, int]
    best: int
    value: float
    params: dict[str, Any]
    front: dict[int, dict[str, float]]
    failures: tuple[Failure, ...]
    savings: Savings
    importance: Importance | None
    importances: tuple[Importance, ...]
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
    names = goals_of(history) if enough else []
    models = {
        each: model_of(history, each) for each in names if len(measured(history, each, fits=True).rows) >= 4
    }
    seen = tuple(effects(history, each, model=model) for each, model in models.items())
    shares = tuple(importance(history, each) for each in models)
    several = len(history.goal.metrics) > 1
    best = None if several else history.incumbents.best
    trial = None if best is None else history.trials.configuration(best)
    model = next(iter(models.values()), None)
    front = sorted(history.incumbents.front) if several else []
    return Summary(
        name, known.name, dict(history.rows.states()),
        -1 if trial is None else trial.number, float("nan") if trial is None else trial.value, {} if trial is None else trial.params,
        {number: history.trials.configuration(number).metrics for number in front}, failures(history), savings(history),
        shares[0] if shares else None, shares, seen[0] if seen else None,
        robustness(history, model=model) if model is not None and not several else None,
        tuple(findings(history, seen=seen)), tuple(diagnose_study(history)),
    )  # fmt: skip


SHOWN = 10
"""So many trials of a front, errors and parameters are told; JSON has all."""


def _lines(page: Summary) -> list[str]:
    states = ", ".join(f"{count} {state}" for state, count in page.states.items()) or "no trials"
    lines = [f"{page.name}: {states}"]
    nothing = page.best < 0 and not page.front
    if nothing:
        lines += [*failed_lines(page.failures), "no trial has a result yet"]
    lines += _best(page)
    if page.savings.saved:
        lines.append(f"stopping early saved {page.savings.saved:.0%} of {page.savings.whole} steps")
    lines += [_mattered(found, several=len(page.importances) > 1) for found in page.importances]
    if page.robustness is not None and page.robustness.ties:
        lines.append(f"{others(len(page.robustness.ties))} cannot be told from the best")
    found = [
        f"  {each.remedy if nothing and each.kind == 'failing' else each}"
        for each in page.findings
        if not (nothing and each.kind == "few")
    ]
    if found:
        lines += ["findings:", *found]
    if not nothing and not any(each.kind == "failing" for each in page.findings):
        lines += failed_lines(page.failures)
    if page.troubles:
        common = commonest(list(page.troubles))
        told = f", and most of the best are: {common}" if common else ""
        lines += [f"curves of the best: {page.troubles[0].trouble or 'too short to judge'}{told}"]
    return lines


def failed_lines(found: tuple[Failure, ...]) -> list[str]:
    """Errors with how often, in which trials, and where in the space; the commonest first, no line where nothing failed."""
    if not found:
        return []
    lines = ["errors:"]
    for each in found[:SHOWN]:
        more = ", ..." if each.count > len(each.trials) else ""
        numbers = f"{'trial' if each.count == 1 else 'trials'} {', '.join(map(str, each.trials))}{more}"
        lines.append(f"  {each.count} x {each.error} ({numbers}){f'; {each.place}' if each.place else ''}")
    rest = len(found) - SHOWN
    return lines if rest <= 0 else [*lines, f"  and {rest} other errors; danlu show STORE --why has all"]


def _best(page: Summary) -> list[str]:
    """The best trial with its parameters; of several goals the front, a line a trial."""
    if page.front:
        shown = list(page.front.items())[:SHOWN]
        told = [
            f"  trial {number}: {', '.join(f'{name}={value:.6g}' for name, value in metrics.items())}"
            for number, metrics in shown
        ]
        rest = len(page.front) - len(shown)
        return [
            f"front of {len(page.front)} {'trial' if len(page.front) == 1 else 'trials'} that none beats in all goals",
            *told, *([f"  and {rest} more"] if rest else []),
        ]  # fmt: skip
    if page.best < 0:
        return []
    return [
        f"best {page.metric} {page.value:.6g} in trial {page.best}",
        *(f"  {name} = {value:.6g}" if isinstance(value, float) else f"  {name} = {value}" for name, value in page.params.items()),
    ]  # fmt: skip


def _mattered(found: Importance, *, several: bool) -> str:
    """What mattered in one line: ``or`` stands between what cannot be told apart, ``then`` before what matters less.

    Example:
        >>> from .importance import Share
        >>> shares = (Share("lr", 0.5, 0.3, 0.7), Share("wd", 0.4, 0.2, 0.6), Share("act", 0.1, 0.0, 0.1, 3))
        >>> _mattered(Importance("loss", "fanova", 40, shares), several=False)
        'what mattered: lr 50% or wd 40%, then act 10%'
    """
    for_ = f" for {found.metric}" if several else ""
    if len(found.parameters) > 1 and not found.told:
        return f"what mattered{for_} cannot be told yet: the intervals of all {len(found.parameters)} parameters overlap"
    words: list[str] = []
    for before, each in zip((None, *found.parameters), found.parameters[:5], strict=False):
        if before is not None and each.share < 0.005:
            break
        between = "" if before is None else " or " if before.rank == each.rank else ", then "
        words.append(f"{between}{each.name} {each.share:.0%}")
    return f"what mattered{for_}: {''.join(words)}"
