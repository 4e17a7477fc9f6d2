"""Every scheduler with every sampler: they meet in the history alone, and none knows of the other."""

import pytest
from test_conformance import SAMPLERS, SCHEDULERS

import danlu
from danlu import Float, Switch

SPACE = {"floor": Float(0, 1), "opt": Switch(sgd={"momentum": Float(0, 0.99)}, adam={})}


def train(trial):
    if trial.number == 3:
        raise ValueError("this one fails")
    for step in range(trial.restore() + 1, 13):
        trial.save(step)
        trial.report(step, loss=trial["floor"] + 1 / step)


PAIRS = [
    pytest.param(sampler, scheduler, marks=() if (row + column) % 6 == 0 else (pytest.mark.fault,))
    for row, sampler in enumerate(SAMPLERS)
    for column, scheduler in enumerate(SCHEDULERS)
]
"""Every pair; the quick tests try each sampler with every sixth scheduler, in turns."""


@pytest.mark.parametrize(("sampler", "scheduler"), PAIRS)
def test_any_sampler_with_any_scheduler(sampler, scheduler):
    store, made = danlu.stores.MemoryStore(), SAMPLERS[sampler]
    settings = {"minimize": "loss", "seed": 3, "sampler": made(), "scheduler": SCHEDULERS[scheduler]()}
    result = danlu.tune(train, SPACE, trials=14, budget=danlu.Budget(steps=10**6), store=store, **settings)
    assert all(trial.status not in (danlu.Status.RUNNING, danlu.Status.WAITING) for trial in result.trials)
    assert len(result.trials) == (4 if scheduler.startswith("pbt") else 12 if sampler == "grid" else 14)
    assert result.best.value < 1.5
    again = danlu.stores.MemoryStore()
    for steps in (20, 47, 10**6):
        other = danlu.tune(train, SPACE, trials=14, budget=danlu.Budget(steps=steps), store=again, **settings)
    assert [(t.params, t.curve, t.status, t.tag) for t in other.trials] == [
        (t.params, t.curve, t.status, t.tag) for t in result.trials
    ]
