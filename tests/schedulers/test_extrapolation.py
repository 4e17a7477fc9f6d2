"""Curve extrapolation: the closed form against sampling, its calibration, and what the scheduler does with it."""

import numpy as np
import pytest

import danlu
from danlu import Float
from danlu.errors import SettingError
from danlu.maths import curves


def test_the_prediction_is_the_conjugate_posterior():
    """One shape alone: Student-t by hand from the normal equations, as in Bishop 2006, eq. 3.50-3.53 and 2.159."""
    t = np.arange(1.0, 9.0)
    y = 0.2 + 0.7 / t + 0.01 * np.sin(9 * t)
    seen = curves.outlook(t, y, 30.0)
    columns, ahead = curves._shapes(t, 30.0)
    spread, last = np.ptp(y), y[-1]
    scaled = (y - last) / spread
    logs, means, scales = [], [], []
    for column, there in zip(columns, ahead, strict=True):
        design, trust = np.stack([np.ones(8), column], 1), t / t[-1]
        covariance = np.linalg.inv(design.T @ np.diag(trust) @ design + 0.25 * curves.NOISE**2 * np.eye(2))
        mean = covariance @ design.T @ (trust * scaled)
        rate = curves.NOISE**2 + 0.5 * (scaled @ (trust * scaled) - mean @ np.linalg.inv(covariance) @ mean)
        shape = curves.DEGREES + 4.0
        point = np.array([1.0, there])
        logs.append(0.5 * np.linalg.slogdet(covariance)[1] - shape * np.log(rate))
        means.append(last + spread * (point @ mean))
        scales.append(spread * np.sqrt(rate / shape * (1 + point @ covariance @ point)))
    weights = np.exp(np.array(logs) - max(logs))
    assert seen.weights == pytest.approx(weights / weights.sum())
    assert seen.means == pytest.approx(np.array(means))
    assert seen.scales == pytest.approx(np.array(scales))
    draws = np.random.default_rng(1).standard_t(seen.degrees, size=(len(means), 20_000))
    sampled = (np.array(means)[:, None] + np.array(scales)[:, None] * draws < 0.25).mean(1) @ seen.weights
    assert seen.below(0.25) == pytest.approx(sampled, abs=0.01)  # 20,000 draws: standard error 0.0035


def test_chances_are_honest():
    """Noisy curves of five kinds, some not among the families, and bars close to their true ends, the hardest ones: of
    events said to have a chance below 5 %, fewer than 8 % happen.
    """
    rng = np.random.default_rng(2)
    t = np.arange(1.0, 61.0)
    said, happened = 0, 0
    for _ in range(400):
        shape = rng.choice(5)
        fall = [t**-0.5, t**-1.0, np.exp(-t / 10), 1 / np.log(t + 1.7), t**-0.3 * np.exp(-t / 80)][shape]
        curve = rng.uniform(0, 1) + rng.uniform(0.3, 2) * fall + 0.01 * rng.standard_normal(60)
        seen = int(rng.integers(6, 40))
        outlook = curves.outlook(t[:seen], curve[:seen], 60.0)
        bar = curve[-1] + rng.uniform(-0.3, 0.1)
        if outlook.below(bar) < 0.05:
            said += 1
            happened += curve[-1] < bar
    assert said > 100
    assert happened < 0.08 * said


@pytest.mark.parametrize("values", [[1.0, 1.0, 1.0, 1.0], [1e-300, 0.0, 1e300, 5.0], [0.0, 1.0, 0.0, 1.0]])
def test_odd_curves_have_an_outlook(values):
    seen = curves.outlook(np.arange(1.0, 5.0), np.array(values), 50.0)
    assert 0.0 <= seen.below(0.5) <= 1.0


def test_hopeless_trials_are_stopped_and_promising_ones_are_not():
    def train(trial):
        for step in range(1, 41):
            trial.report(
                step, loss=trial["floor"] + trial["floor"] / step if trial.number else 0.5 + 1 / step
            )

    result = danlu.tune(
        train, {"floor": Float(0, 1)}, minimize="loss", trials=30, seed=1, sampler="random",
        scheduler=danlu.schedulers.Extrapolation(high=40),
    )  # fmt: skip
    best = 0.5 + 1 / 40
    for trial in result.trials[1:]:
        final = trial.params["floor"] * (1 + 1 / 40)
        assert (trial.status is danlu.Status.DONE) or final > best
        best = min(best, final) if trial.status is danlu.Status.DONE else best
    stopped = [trial for trial in result.trials if trial.status is danlu.Status.STOPPED]
    assert len(stopped) > 15
    assert "its chance to beat the best loss is" in stopped[0].reason


def test_settings_are_checked():
    space = {"x": Float(0, 1)}
    for make, words in (
        (lambda: danlu.schedulers.Extrapolation(chance=0.5), "a chance between 0 and 0.5"),
        (lambda: danlu.schedulers.Extrapolation(least=2), "least >= 3"),
        (lambda: danlu.tune(lambda t: 1.0, space, trials=1, scheduler="extrapolation"), "trial is whole"),
        (
            lambda: danlu.tune(
                lambda t: {"a": 1, "b": 1}, space, minimize=["a", "b"], trials=1,
                scheduler=danlu.schedulers.Extrapolation(high=9),
            ),
            "follows one goal",
        ),
    ):  # fmt: skip
        with pytest.raises(SettingError, match=words):
            make()
