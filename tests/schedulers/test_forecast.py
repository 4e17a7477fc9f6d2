"""The default's early stopping: what it forecasts, what it dares, and what it takes back."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats
from test_crash import CrashingStore, Killed, essence

import danlu
from danlu import Float, Status
from danlu.errors import SettingError
from danlu.maths import forecast as process
from danlu.maths.forecast import forecast

SPACE = {"lr": Float(1e-4, 1.0, log=True), "width": Float(0, 1)}


def test_a_forecast_is_the_conditional_of_a_multivariate_t(monkeypatch):
    """Against scipy: the evidence of two settings, and the density of the prediction as a ratio of joint densities."""
    rng = np.random.default_rng(0)
    curves, points, ends = rng.random((7, 2)), rng.random((7, 3)), rng.random(7)
    curve, point = rng.random(2), rng.random(3)
    settings = np.array([(0.5, 1.0, 0.1), (2.0, np.inf, 0.01)])
    monkeypatch.setattr(process, "_GRID", settings)
    found = forecast(curves, points, ends, curve, point)
    y, scale = (ends - ends.mean()) / ends.std(), curves.std(0)

    def joint(setting):
        reach, near, noise = setting
        a, b = np.vstack([curves, curve]) / scale, np.vstack([points, point])
        far = ((a[:, None] - a[None]) ** 2).sum(2) / reach**2
        apart = ((b[:, None] - b[None]) ** 2).sum(2) / 3 / near**2
        kernel = np.exp(-0.5 * (far + apart)) + 1.0 + noise * np.eye(8)
        return lambda rows, values: stats.multivariate_t(
            shape=0.5 * kernel[np.ix_(rows, rows)], df=2.0
        ).logpdf(values)

    one, other = joint(settings[0]), joint(settings[1])
    known = list(range(7))
    assert np.log(found.weights[0] / found.weights[1]) == pytest.approx(one(known, y) - other(known, y))
    for at, density in enumerate((one, other)):
        for value in (-1.0, 0.3, 2.0):
            expected = density(list(range(8)), [*y, value]) - density(known, y)
            told = stats.t(
                found.degrees, (found.means[at] - ends.mean()) / ends.std(), found.scales[at] / ends.std()
            )
            assert told.logpdf(value) == pytest.approx(expected)


def test_a_curve_like_no_other_gets_the_spread_of_all():
    levels = np.linspace(0.0, 1.0, 9)
    near = forecast(levels[:, None], np.zeros((9, 1)), levels, np.array([0.55]), np.zeros(1))
    far = forecast(levels[:, None], np.zeros((9, 1)), levels, np.array([30.0]), np.zeros(1))
    assert near.below(0.3) < 0.02
    assert 0.1 < far.below(0.5) < 0.9


@pytest.mark.parametrize("curve", [[1e9, -1e9], [0.0, 0.0], [1e-320, 1e-320]])
def test_odd_curves_have_a_forecast(curve):
    seen = forecast(np.zeros((4, 2)), np.zeros((4, 1)), np.zeros(4), np.array(curve), np.zeros(1))
    assert 0.0 <= seen.below(0.5) <= 1.0


def worth(params):
    return math.exp(-0.35 * (math.log10(params["lr"]) + 2) ** 2 - 0.3 * (params["width"] - 0.6) ** 2)


def tells(params, epoch):
    """Early epochs show how it ends."""
    return 0.1 + 0.85 * worth(params) * (1 - math.exp(-epoch * (0.03 + 0.15 * worth(params))))


def rises_late(params, epoch):
    """Nothing moves before an epoch that the rate decides."""
    return 0.14 + 0.7 * (1 - math.exp(-max(0.0, epoch - 0.25 / params["lr"] ** 0.8) / 8))


def jumps(params, epoch):
    """Small networks learn half at once, large ones nothing until they learn everything."""
    early = 0.5 * worth(params) * (1 - math.exp(-epoch / 5))
    late = 0.95 * worth(params) / (1 + math.exp(-(epoch - 40) / 2))
    return late if params["width"] > 0.8 else early


def crosses(params, epoch):
    """High rates are ahead for most of the training, and behind at its end."""
    rate = math.log10(params["lr"]) + 2
    return 0.9 - 0.16 * (rate + 0.6) ** 2 * 0.5 - 0.8 * math.exp(-epoch * 0.06 * 10 ** (0.6 * min(rate, 1)))


def study(curve, **how):
    def train(trial):
        for epoch in range(1, 51):
            trial.report(epoch, acc=curve(trial.params, epoch))

    return danlu.tune(train, SPACE, maximize="acc", trials=30, **how)


@pytest.mark.parametrize(
    ("curve", "seed"), list(itertools.product((tells, rises_late, jumps, crosses), (1, 2)))
)
def test_the_default_does_not_lose_the_winner(curve, seed):
    ours, full = study(curve, seed=seed), study(curve, seed=seed, scheduler="none")
    assert {len(trial.curve) for trial in full.trials} == {50}
    assert ours.best.value >= 0.98 * full.best.value
    if curve is tells:
        assert sum(len(trial.curve) for trial in ours.trials) < 0.8 * 30 * 50


@pytest.mark.parametrize("saves", [pytest.param(True, marks=pytest.mark.fault), False])
@pytest.mark.parametrize("curve", [rises_late, jumps, crosses])
def test_a_budget_of_steps_does_not_lose_the_winner_either(curve, saves):
    def train(trial):
        state = {"epoch": 0}
        for epoch in range(trial.restore(state) + 1 if saves else 1, 51):
            state["epoch"] = epoch
            if saves:
                trial.save(epoch, state)
            trial.report(epoch, acc=curve(trial.params, epoch))

    ours, full = (
        danlu.tune(train, SPACE, maximize="acc", budget=danlu.Budget(steps=20 * 50), seed=1, scheduler=how)
        for how in (None, "none")
    )
    assert ours.best.value >= 0.98 * full.best.value


def test_the_case_that_was_found():
    """A default that rises late was followed by trials that were stopped flat, at their fourth report."""

    def train(t):
        for e in range(1, 61):
            late = max(0, e - 0.3 / t["lr"])
            t.report(e, acc=round(0.14 + 0.7 * (1 - math.exp(-late / 8)), 3))

    space = {"lr": Float(1e-3, 0.3, log=True, prior=0.006), "x": Float(0, 1)}
    for seed in range(3):
        assert danlu.tune(train, space, maximize="acc", trials=12, seed=seed).best.value >= 0.83


class Script:
    """An objective whose curves go by the trial's number; it may save, and counts what it trains."""

    def __init__(self, curves, *, saves=False, steps=20):
        self.curves, self.saves, self.steps, self.trained = curves, saves, steps, {}

    def __call__(self, trial):
        state = {"step": 0}
        for step in range(trial.restore(state) + 1 if self.saves else 1, self.steps + 1):
            self.trained[trial.number] = self.trained.get(trial.number, 0) + 1
            state["step"] = step
            if self.saves:
                trial.save(step, state)
            trial.report(step, loss=self.curves(trial.number, step))


def surprising(number, step):
    """Some are good, the others lie flat; from the fourteenth on what lies flat becomes the best at the end."""
    if number % 2 == 0 and number < 12:
        return 0.5 + 0.02 * number + 1.0 / step
    return 2.0 if step < 18 or number < 14 else 0.1


@pytest.mark.parametrize("saves", [True, False])
def test_a_wrong_audit_takes_back_what_was_decided_like_it(saves):
    objective = Script(surprising, saves=saves)
    result = danlu.tune(
        objective, {"x": Float(0, 1)}, minimize="loss", trials=32, seed=3, sampler="random",
        scheduler=danlu.schedulers.Forecast(audit=3),
    )  # fmt: skip
    assert result.best.value == 0.1
    wrong = next(t for t in result.trials if t.doubted and t.attempt == 1 and t.value == 0.1)
    said = " ".join(result.why())
    assert f"trial {wrong.number}: at step" in said
    assert "it is trained on, to check that" in said
    assert f"trial {wrong.number} became the best after it had been judged hopeless" in said
    resumed = [trial for trial in result.trials if trial.attempt > 1]
    assert resumed
    assert all(trial.status is Status.DONE and "judged hopeless at step" in trial.why for trial in resumed)
    early = [trial for trial in result.trials if trial.doubted and trial.doubted <= 2 * wrong.doubted]
    assert all(trial.status is Status.DONE for trial in early)  # nobody is left behind
    later = [trial.doubted for trial in result.trials if trial.doubted and trial.asked_at > wrong.ended_at]
    assert all(step > 2 * wrong.doubted for step in later)
    for trial in resumed:
        assert objective.trained[trial.number] == (20 if saves else 20 + trial.doubted)


def test_audits_that_are_right_let_more_be_dared():
    def falling(number, step):
        return 0.2 + (number * 0.37) % 1.0 + (1.0 + (number * 0.37) % 1.0) / step

    settings = {"minimize": "loss", "trials": 60, "seed": 1, "sampler": "random"}
    result = danlu.tune(
        Script(falling), {"x": Float(0, 1)}, scheduler=danlu.schedulers.Forecast(), **settings
    )
    audits = [t for t in result.trials if t.doubted is not None and t.status is Status.DONE]
    paused = [t for t in result.trials if t.status is Status.PAUSED]
    assert 0.1 < len(audits) / (len(audits) + len(paused)) < 0.5
    assert "2 of 2 were right" in " ".join(result.why())
    assert len(paused) > 15
    everything = danlu.tune(
        Script(falling), {"x": Float(0, 1)}, scheduler=danlu.schedulers.Forecast(audit=1), **settings
    )
    assert {t.status for t in everything.trials} == {Status.DONE}


def test_samplers_learn_what_a_paused_trial_would_have_come_to():
    from danlu.samplers.parts.comparable import comparable

    result = study(tells, seed=1)
    known = comparable(result.history)
    losses = dict(zip(known.numbers.tolist(), known.losses[:, 0].tolist(), strict=True))
    paused = [trial for trial in result.trials if trial.status is Status.PAUSED]
    assert paused
    for trial in paused:
        assert -losses[trial.number] == pytest.approx(tells(trial.params, 50), abs=0.1)
        assert -losses[trial.number] >= trial.value
    assert known.numbers.tolist() == sorted(
        known.numbers.tolist()
    )  # one after the other, in the order of their ends


def test_nothing_is_judged_before_it_was_earned():
    """Not before six whole trials, a fifth of the training, nor where no whole trial looked like it."""
    objective = Script(lambda number, step: 1.0 / step if number < 5 else 9.0)
    result = danlu.tune(objective, {"x": Float(0, 1)}, minimize="loss", trials=8, seed=1)
    assert all(len(trial.curve) == 20 for trial in result.trials)
    early = study(tells, seed=2)
    assert min(t.doubted for t in early.trials if t.doubted) >= 10


def test_losses_of_any_size_are_judged_or_left_alone(capfd):
    for low, high in ((1e-320, 1e-310), (-1e308, 1e308), (1e300, 1e301), (-1e-9, 1e9)):
        middle = low / 2 + high / 2
        objective = Script(lambda number, step, m=middle, h=high: m / step if number % 3 else h)
        result = danlu.tune(
            objective, {"x": Float(0, 1)}, minimize="loss", trials=12, seed=1, sampler="random",
            scheduler=danlu.schedulers.Forecast(grace=0.0, enough=4),
        )  # fmt: skip
        assert len(result.trials) == 12
    out, told = capfd.readouterr()
    assert not out
    assert all(
        line.startswith("danlu: ") for line in told.splitlines()
    )  # findings, and no complaints of numpy's


def test_limits_returned_values_and_nan_do_not_disturb_it():
    def train(trial):
        for step in range(1, 21):
            value = math.nan if step == 3 else trial["x"] + 1 / step
            trial.report(step, loss=value, size=trial["x"])
        return {"loss": trial["x"], "size": trial["x"]}

    result = danlu.tune(
        train, {"x": Float(0, 1)}, minimize="loss", limits=["size >= 0.3"], trials=30, seed=1,
        scheduler=danlu.schedulers.Chain(danlu.schedulers.NoScheduler(), danlu.schedulers.Forecast()),
    )  # fmt: skip
    assert 0.3 <= result.best.params["x"] < 0.35


def test_both_hands_on_what_is_said_of_a_trial_that_goes_on():
    pair = danlu.schedulers.Chain(danlu.schedulers.Forecast(audit=1), danlu.schedulers.Patience(reports=19))
    objective = Script(lambda number, step: 0.2 + number % 5 + 1.0 / step)
    result = danlu.tune(
        objective, {"x": Float(0, 1)}, minimize="loss", trials=14, seed=1, sampler="random", scheduler=pair
    )
    assert any(trial.doubted for trial in result.trials)


@pytest.mark.parametrize(
    "setting", [{"chance": 0.5}, {"enough": 3}, {"grace": 1.0}, {"audit": 0}, {"high": 1}]
)
def test_settings_are_checked(setting):
    with pytest.raises(SettingError, match=f"got {next(iter(setting))}="):
        danlu.schedulers.Forecast(**setting)
    with pytest.raises(SettingError, match="several"):
        danlu.tune(
            lambda t: {"a": 1, "b": 1},
            SPACE,
            minimize=["a", "b"],
            trials=1,
            scheduler=danlu.schedulers.Forecast(),
        )


@pytest.mark.parametrize("every", [6, pytest.param(1, marks=pytest.mark.fault)])
def test_death_at_every_append_of_a_study_with_audits_changes_nothing(tmp_path, every):
    def curves(number, step):
        """Good ones and flat ones by turns; later what lies flat becomes the best at the end."""
        if number % 2 == 0 and number < 10:
            return 0.5 + 0.02 * number + 1.0 / step
        return 2.0 if step < 5 or number < 11 else 0.1

    def run(path, at, *, written):
        store = CrashingStore(path, at, written=written)
        try:
            return store, danlu.tune(
                Script(curves, saves=True, steps=5), {"x": Float(0, 1)}, minimize="loss", trials=15, seed=6,
                store=store, sampler="random", trial_limits=danlu.TrialLimits(retries=1000),
                scheduler=danlu.schedulers.Forecast(enough=4, grace=0.0, audit=2, chance=0.1),
            )  # fmt: skip
        finally:
            store.close()

    store, whole = run(tmp_path / "whole.db", 0, written=False)
    doubted = [trial for trial in whole.trials if trial.doubted]
    assert any(trial.attempt > 1 for trial in doubted)
    assert any(trial.attempt == 1 and trial.status is Status.DONE for trial in doubted)
    expected = essence(whole), [trial.doubted for trial in whole.trials]
    for at in range(store.count // 2, store.count + 1, every):
        path = tmp_path / f"{at}.db"
        with pytest.raises(Killed):
            run(path, at, written=at % 2 == 0)
        _, result = run(path, 0, written=False)
        assert (essence(result), [trial.doubted for trial in result.trials]) == expected, at
