"""Population based training: exact copies, the published rules, schedules that beat every fixed setting."""

import math

import numpy as np
import pytest

import danlu
from danlu import Float, Int
from danlu.errors import SettingError

STEPS = 100


def step_down(w, rate, rng):
    """One step of gradient descent on the square of 50 numbers, with noisy gradients."""
    return w - rate * (w + rng.standard_normal(50))


def descend(trial):
    """From far away: a large rate is good early, a small one late."""
    memory = {"w": np.full(50, 100.0), "rng": np.random.default_rng(trial.seed).bit_generator.state}
    start = trial.restore(memory)
    rng = np.random.default_rng()
    rng.bit_generator.state = memory["rng"]
    for step in range(start + 1, STEPS + 1):
        memory["w"] = step_down(memory["w"], trial["rate"], rng)
        memory["rng"] = rng.bit_generator.state
        if step % 5 == 0:
            trial.save(step, memory)
        trial.report(step, loss=float((memory["w"] ** 2).mean()))


def fixed_loss(rate, seed):
    """The same training with one rate all along."""
    rng, w = np.random.default_rng(seed), np.full(50, 100.0)
    for _ in range(STEPS):
        w = step_down(w, rate, rng)
    return float((w**2).mean())


SPACE = {"rate": Float(1e-3, 1.0, log=True)}


def tune(scheduler, *, trials=8, seed=1, objective=descend, space=SPACE, store=None, steps=STEPS):
    return danlu.tune(
        objective, space, goal=danlu.Goal.of(minimize="loss", at="last"), trials=trials, sampler="quasirandom", scheduler=scheduler,
        seed=seed, store=store, fidelity=danlu.Fidelity("step", 1, steps),
    )  # fmt: skip


@pytest.mark.parametrize("restart", [pytest.param(None, marks=pytest.mark.fault), 3])
def test_a_learned_schedule_beats_every_fixed_setting(restart):
    """Eight members, so the cost of eight trainings, against the best of a hundred fixed rates; medians of five."""
    rates = np.exp(np.linspace(np.log(1e-3), 0.0, 100))
    fixed = min(np.median([fixed_loss(rate, seed) for seed in range(5)]) for rate in rates)
    found = [tune(danlu.schedulers.PBT(interval=5, restart=restart), seed=seed).best for seed in range(5)]
    assert np.median([trial.value for trial in found]) < fixed
    for trial in found:
        used = [params["rate"] for _, params in trial.schedule]
        assert used[0] > 2 * used[-1]  # what was found: large early, small late


def test_copies_are_exact():
    """Nothing may move, so a member that has copied another trains on as the other does, bit for bit."""
    curves = {}

    def train(trial):
        assert trial.saved is None or trial.saved[0]["rng"]
        descend(trial)

    result = tune(danlu.schedulers.PBT(population=4, interval=10, moves=()), objective=train)
    copied = [trial for trial in result.trials if trial.donor >= 0]
    assert copied
    for trial in result.trials:
        curves[trial.number] = trial.curve.metrics["loss"]
    for trial in copied:
        donor = result.trials[trial.donor]
        if donor.donor < 0:
            since = trial.schedule[-1][0]
            assert curves[trial.number][since:] == curves[donor.number][since:]
            assert trial.params == donor.params


def test_the_worst_quarter_copies_one_of_the_best_quarter():
    """Losses that rank members by number, eight of them: 6 and 7 copy 0 or 1 at each generation, others never."""

    def train(trial):
        for step in range(trial.restore() + 1, 10):
            trial.save(step)
            trial.report(step, loss=float(trial.number))

    result = tune(danlu.schedulers.PBT(interval=3), objective=train, steps=9)
    donors = {trial.number: trial.donor for trial in result.trials}
    assert all(donors[number] == -1 for number in range(6))
    assert {donors[6], donors[7]} <= {0, 1}
    for trial in result.trials[6:]:
        factors = [
            (params["rate"] / before["rate"])
            for (_, before), (_, params) in zip(trial.schedule, trial.schedule[1:], strict=False)
        ]
        assert len(trial.schedule) == 2  # the last copy's line: the donor's first setting, and its change
        assert len(factors) == 1
        assert all(
            math.isclose(f, 0.8) or math.isclose(f, 1.2) or 1e-3 < trial.params["rate"] < 1 for f in factors
        )


def test_moves_name_what_may_change():
    space = {"rate": Float(1e-3, 1, log=True), "width": Int(1, 64)}

    def train(trial):
        for step in range(trial.restore() + 1, 13):
            trial.save(step)
            trial.report(step, loss=trial["width"] + trial["rate"])

    result = tune(
        danlu.schedulers.PBT(population=6, interval=2, moves=("rate",)),
        objective=train,
        space=space,
        trials=6,
    )
    for trial in result.trials:
        widths = [params["width"] for _, params in trial.schedule]
        assert len(set(widths)) <= 1
    assert any(len(trial.schedule) > 1 for trial in result.trials)
    with pytest.raises(SettingError, match="cannot move 'depth': there are rate, width"):
        tune(danlu.schedulers.PBT(population=6, moves=("depth",)), space=space)
    with pytest.raises(SettingError, match="a population of 8, and the budget is 5"):
        tune(danlu.schedulers.PBT(), trials=5)


def test_the_restarting_form_widens_its_interval_when_nothing_improves():
    def train(trial):
        for step in range(trial.restore() + 1, 25):
            trial.save(step)
            trial.report(step, loss=1.0)

    result = tune(
        danlu.schedulers.PBT(population=4, interval=1, restart=2), objective=train, trials=4, steps=24
    )
    ends = sorted(
        {line.split("after generation ")[1] for line in result.why() if "fresh hyper" in line}, key=int
    )
    starts = sorted({step for trial in result.trials for step, _ in trial.schedule})
    print(starts, ends, result.why())
    assert max(starts) > 4


def test_asking_while_all_members_run_says_so():
    with danlu.open_study(
        SPACE, minimize="loss", scheduler=danlu.schedulers.PBT(population=4), seed=1
    ) as study:
        for _ in range(4):
            study.ask()
        with pytest.raises(danlu.DanluError, match="nothing to give out until a running trial reports"):
            study.ask()


def test_a_population_on_two_workers_finishes(tmp_path):
    result = danlu.tune(
        descend, SPACE, goal=danlu.Goal.of(minimize="loss", at="last"), trials=6, sampler="quasirandom", workers=2, seed=1,
        scheduler=danlu.schedulers.PBT(population=6, interval=15), store=tmp_path / "s.db",
    )  # fmt: skip
    assert all(trial.status is danlu.Status.DONE for trial in result.trials)
    assert any(trial.donor >= 0 for trial in result.trials)
