"""Losses of any size, and none: every sampler and scheduler goes on, nothing is warned of, the best is the best.

Warnings are errors in these tests, so what numpy or scipy would print is an exception here. The rows of the default suite
are the quick ones; ``make fault`` runs all.
"""

import math

import numpy as np
import pytest

import danlu
from danlu.base.names import SAMPLERS, SCHEDULERS

SPACE = {"x": danlu.Float(0, 1), "n": danlu.Int(1, 8), "act": danlu.Choice(["relu", "tanh"])}
FAMILIES = {
    "huge": lambda x, n: 1e300 * (x - 0.3) ** 2 + 1e299,
    "both signs": lambda x, n: (1e300 if n % 2 else -1e300) * (0.1 + x),
    "tiny": lambda x, n: 1e-320 * int(1 + 1000 * x),
    "span": lambda x, n: (2 * x - 1) * 1.7e308,
    "infinite": lambda x, n: [x, math.inf, -math.inf][n % 3],
    "nan": lambda x, n: [x, math.nan][n % 2],
    "equal": lambda x, n: 1.0,
    "zero": lambda x, n: 0.0,
    "large ints": lambda x, n: 2**63 + int(2**70 * x),
    "every size": lambda x, n: (
        [1e308, -1e308, 5e-324, -5e-324, 0.0, 1e-300, 1e154, 3.0][n % 8] * (0.5 + x / 2)
    ),
}
QUICK = ("span", "every size", "infinite")
OTHER = (
    "grid",
    "recorded",
    "first",
    "both",
    "none",
    "nothing",
)  # of a space, a record, parts of their own or nothing


def names(known):
    return sorted(name for name in known if name not in OTHER)


def study(family, goals=("loss",), *, steps=0, **how):
    def objective(trial):
        value = FAMILIES[family](trial["x"], trial.number)
        metrics = dict(zip(goals, (value, -value), strict=False))
        if not steps:
            return metrics
        memory = {"step": 0}
        for step in range(trial.restore(memory) + 1, steps + 1):
            memory["step"] = step
            trial.save(step, memory)
            trial.report(step, **metrics)
        return None

    return danlu.tune(objective, SPACE, minimize=list(goals), trials=40, seed=1, **how)


def check(result, capsys, *, one=True):
    """The best is the least finite loss, and no part of the picture is missing or warned of."""
    assert not any(trial.cause is danlu.Cause.RAISED for trial in result.trials), result.why()[-1]
    worked = [t.metrics["loss"] for t in result.trials if t.cause is None and t.metrics]
    finite = [loss for loss in worked if math.isfinite(loss)]
    if one:
        assert result.best.metrics["loss"] == min(finite)
    error = capsys.readouterr().err
    assert "Warning" not in error
    assert "LAPACK" not in error
    assert " ** On entry" not in error
    return len(finite)


def full(values, kept):
    return [pytest.param(*value, marks=() if kept(*value) else (pytest.mark.fault,)) for value in values]


@pytest.mark.parametrize(
    ("family", "sampler", "goals"),
    full(
        [(f, s, g) for f in FAMILIES for s in names(SAMPLERS) for g in (1, 2) if (s, g) != ("cmaes", 2)],
        lambda family, sampler, goals: (
            (goals == 1 and sampler in ("tpe", "cmaes") and family in QUICK)
            or (family, sampler) in (("span", "gp"), ("span", "nsga2"), ("every size", "gp"))
        ),
    ),
)
def test_every_sampler_searches_on(family, sampler, goals, capsys, promised):
    result = study(family, ("loss", "other")[:goals], sampler=sampler, scheduler="none")
    check(result, capsys, one=goals == 1)
    promised(19, 40, "trials with losses of every size, infinite and none, over every sampler")


@pytest.mark.parametrize(
    ("family", "scheduler"),
    full(
        [(f, s) for f in FAMILIES for s in names(SCHEDULERS)],
        lambda family, scheduler: (
            scheduler in ("auto", "halving", "extrapolation", "pbt") and family in QUICK
        ),
    ),
)
def test_every_scheduler_compares_on(family, scheduler, capsys, promised):
    result = study(
        family, steps=9, sampler="random", scheduler=scheduler, fidelity=danlu.Fidelity("step", 1, 9)
    )
    check(result, capsys)
    promised(19, 40, "trials with losses of every size, infinite and none, over every scheduler")


@pytest.mark.parametrize("family", full([(f,) for f in FAMILIES], lambda family: family == "span"))
def test_every_picture_of_a_study_is_drawn(family, capsys, tmp_path):
    import matplotlib.pyplot as plt

    result = study(family, sampler="random", scheduler="none")
    assert check(result, capsys) >= 4
    assert "best loss" in str(result.analysis.summary())
    for method in ("ped-anova", "fanova", "permutation"):
        shares = [share.share for share in result.analysis.importance(method=method).parameters]
        assert all(math.isfinite(share) for share in shares)
    result.analysis.diagnose()
    for kind in ("history", "parallel", "slices", "effects", "importance", "timeline", "regret"):
        result.plot(kind)
    plt.close("all")
    assert result.report(tmp_path / "study.html").stat().st_size > 1000
    check(result, capsys)


def test_what_a_program_has_set_for_its_own_numbers_is_not_for_danlu_s():
    before = np.seterr(all="raise")
    try:
        assert len(study("every size", sampler="gp", scheduler="none").trials) == 40
        assert np.geterr() == dict.fromkeys(("divide", "over", "under", "invalid"), "raise")
    finally:
        np.seterr(**before)
