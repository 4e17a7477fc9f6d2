"""Single terms whose loss nothing else would notice: a box, a correction, the second of two, a tie, a group of processes."""

from __future__ import annotations

import math
import signal
import subprocess
from types import SimpleNamespace

import numpy as np
import pytest

import danlu
from danlu import Float
from danlu.analysis.compare import Versus, _holm
from danlu.analysis.robustness import STEP, _rooms
from danlu.base.names import SAMPLERS, SCHEDULERS, find
from danlu.contracts.messages import GO, stop
from danlu.contracts.protocols import BaseScheduler, New, Wait
from danlu.programs.command import _ask_to_leave
from danlu.schedulers.parts.rungs import best, better, compared, keeps
from danlu.space.space import Space


class Boxed(danlu.samplers.GP, frozen=True, kw_only=True):
    """Only where it looks, not at what."""

    def _gain(self, made, models, rng):
        return None


def boxes(local, count=200):
    view = SimpleNamespace(space=Space({"x": Float(0, 1), "y": Float(0, 1)}))
    made = SimpleNamespace(data=SimpleNamespace(goals=1, rows=[0]), models=[])
    shown = SimpleNamespace(columns=[(0, 1), (1, 1), (2, 3)])
    rng = np.random.default_rng(0)
    point = np.array([0.5, 0.01, 0.3])
    return [Boxed(local=local)._surface(view, shown, made, (), point, rng) for _ in range(count)]


def test_the_local_box_of_the_gaussian_process_lies_around_the_best_point_in_many_sizes():
    found = boxes(1.0)
    low, high = (np.array([getattr(each, side) for each in found]) for side in ("low", "high"))
    assert (low[:, 2] == 0).all()
    assert (high[:, 2] == 1).all()  # options have no neighbors
    reach = 0.5 - low[:, 0]
    assert np.allclose(high[:, 0] - 0.5, reach)
    assert (low[:, 1] == 0).sum() == len(found)
    inner = high[:, 1] - 0.01
    assert inner.min() < 0.06
    assert inner.min() >= 10**-1.3
    assert inner.max() > 0.9
    assert (np.diff(np.sort(np.log10(inner))) < 0.15).all()  # all sizes, evenly by their logarithm


@pytest.mark.parametrize(("local", "share"), [(0.0, 0.0), (0.5, 0.5), (1.0, 1.0)])
def test_it_looks_locally_as_often_as_it_is_told(local, share):
    """A binomial of 200 draws: 0.5 ± 0.15 fails once in 50,000 seeds, and this one is fixed."""
    near = np.mean([each.high[1] < 1 for each in boxes(local)])
    assert abs(near - share) < 0.15


def test_holm_steps_down():
    """Holm (1979): the i-th smallest of n is multiplied by n - i + 1, and no later one is smaller than an earlier one."""
    given = [0.04, 0.01, math.nan, 0.03, 0.9]
    found = _holm([Versus(("a", "b"), 0.5, p, "" if math.isnan(p) else "test") for p in given])
    assert [round(pair.p, 12) for at, pair in enumerate(found) if at != 2] == [0.09, 0.04, 0.09, 0.9]
    assert math.isnan(found[2].p)
    assert _holm([Versus(("a", "b"), 0.5, 0.6, "test")] * 2)[0].p == 1.0


class Said(BaseScheduler):
    """Says what it was made to."""

    def __init__(self, verdict=GO, move=None, horizon=None, why=""):
        self.said, self.move, self.planned, self.words, self.heard = verdict, move or New(), horizon, why, []

    def init(self, problem):
        return ()

    def tell(self, state, trial):
        return (*state, trial)

    def judge(self, state, view, trial):
        self.heard.append(state)
        return self.said

    def next(self, state, view):
        self.heard.append(state)
        return self.move

    def horizon(self, state, view, trial):
        return self.planned

    def why(self, state, view):
        return self.words


def test_the_second_of_two_schedulers_is_heard_with_its_own_state():
    one, other = Said(horizon=9, why="one"), Said(stop("other"), Wait(), 5, "other")
    both = danlu.schedulers.Chain(one, other)
    state = both.tell(both.tell(both.init(None), 1), 2)
    assert state == ((1, 2), (1, 2))
    state = ((1,), (2,))
    assert both.judge(state, None, None) == stop("other")
    assert both.next(state, None) == Wait()
    assert (one.heard, other.heard) == ([(1,)] * 2, [(2,)] * 2)
    assert both.horizon(state, None, None) == 5
    assert both.why(state, None) == "one; other"
    turned = danlu.schedulers.Chain(other, Said(stop("never heard"), New(tag="t"), 7))
    assert turned.judge(state, None, None) == stop("other")
    assert turned.next(state, None) == Wait()
    assert turned.horizon(state, None, None) == 5


def test_ties_stand_before_nobody():
    others = np.array([[1.0], [1.0], [2.0], [0.5]])
    assert better(others, (1.0,)) == 1
    assert compared(np.full((8, 1), 1.0), (1.0,), 3, 3.0) == GO
    assert compared(np.array([[1.0], [0.5], [0.5], [0.5]]), (1.0,), 3, 3.0).reason.startswith(
        "at step 3 it is number 4 of 5"
    )
    assert best(np.array([7, 3, 5, 1]), np.array([[1.0], [1.0], [1.0], [2.0]]), 2).tolist() == [
        False,
        True,
        True,
        False,
    ]
    assert [keeps(ahead, 6, 3.0) for ahead in (0, 1, 2, 3)] == [True, True, False, False]


def test_equal_trials_are_not_stopped_by_asha():
    def flat(trial):
        for step in range(1, 10):
            trial.report(step, loss=1.0)

    result = danlu.tune(
        flat,
        {"x": Float(0, 1)},
        minimize="loss",
        trials=9,
        scheduler=danlu.schedulers.ASHA(high=9),
        sampler="random",
    )
    assert {trial.curve.steps[-1] for trial in result.trials} == {9}


def test_a_script_s_whole_group_is_asked_to_leave():
    """What the script started hears of it too, and says so before its end of the pipe closes."""
    inner = "trap 'echo told; exit' TERM; echo ready; while :; do sleep 0.02; done"
    process = subprocess.Popen(
        ["sh", "-c", f'sh -c "{inner}" & wait'], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "ready\n"
        _ask_to_leave(process)
        said, _ = process.communicate(timeout=20)
        assert said == "told\n"
        assert process.returncode == -signal.SIGTERM
    finally:
        subprocess.run(["kill", "-9", "--", f"-{process.pid}"], capture_output=True, check=False)
        process.wait()


@pytest.mark.parametrize("initial", [4, 7])
def test_the_model_of_tpe_begins_after_exactly_as_many_trials_as_it_is_told(initial):
    space = {"x": Float(0, 1), "y": Float(0, 1)}
    asked = [
        [
            trial.params
            for trial in danlu.tune(lambda t: t["x"], space, trials=12, seed=3, sampler=sampler).trials
        ]
        for sampler in (danlu.samplers.TPE(initial=initial), danlu.samplers.QuasiRandom())
    ]
    alike = [one == other for one, other in zip(*asked, strict=True)]
    assert alike[:initial] == [True] * initial
    assert not alike[initial]


def test_how_far_a_parameter_may_move_ends_where_the_loss_begins_to_matter():
    """A loss that rises by the distance from 0.5 matters from a tenth on: the last places that do not are 0.4 and 0.6."""
    model = SimpleNamespace(posterior=SimpleNamespace(noise=0.0), at=lambda units: np.abs(units[:, 0] - 0.5))
    history = SimpleNamespace(
        columns=SimpleNamespace(units=np.array([[0.5]]), active=np.array([[True]])),
        space=Space({"x": Float(0, 10)}),
    )
    (found,) = _rooms(history, model, 0)
    assert (found.best, found.low, found.high) == pytest.approx((5.0, 4.0, 6.0))
    assert found.change == pytest.approx(STEP)
    edge = SimpleNamespace(
        posterior=SimpleNamespace(noise=0.04), at=lambda units: np.maximum(0.0, 0.9 - units[:, 0])
    )
    (found,) = _rooms(
        SimpleNamespace(
            columns=SimpleNamespace(units=np.array([[1.0]]), active=np.array([[True]])), space=history.space
        ),
        edge,
        0,
    )
    assert (found.low, found.high) == pytest.approx((5.0, 10.0))  # twice the noise, 0.4


@pytest.mark.parametrize(
    "name", [*(f"samplers.{name}" for name in SAMPLERS), *(f"schedulers.{name}" for name in SCHEDULERS)]
)
def test_settings_of_algorithms_are_frozen(name):
    room, _, key = name.partition(".")
    kind = find({"samplers": SAMPLERS, "schedulers": SCHEDULERS}[room], "algorithm", key)
    assert kind.__struct_config__.frozen
