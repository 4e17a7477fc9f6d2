"""``danlu.ray_tune``: Ray Tune's searches, kept in studies."""

import copy
import json
import math
import os
import pickle
import random
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import danlu

pytest.importorskip("ray.tune", reason="the door of Ray Tune needs ray[tune]")

from ray import tune
from ray.tune.experiment import Trial
from ray.tune.schedulers import (
    AsyncHyperBandScheduler,
    MedianStoppingRule,
)
from ray.tune.search import ConcurrencyLimiter, Repeater, Searcher

import danlu.ray_tune as rt
from danlu.compat.ray_tune.spaces import TuneSpace
from danlu.errors import SettingError, SpaceError, StoreError
from danlu.journal.events import Status

SPACE = {"x": tune.uniform(-5, 5), "net": {"kind": tune.choice(["a", "b"])}, "batch": 32}


def loss(config, step=3):
    return (config["x"] - 1) ** 2 + (config["net"]["kind"] == "a") + 1 / step


def finish(search, trial_id, config, steps=3):
    for step in range(1, steps):
        search.on_trial_result(trial_id, {"loss": loss(config, step), "training_iteration": step})
    last = {"loss": loss(config, steps), "training_iteration": steps, "done": True, "time_total_s": 1.5}
    search.on_trial_complete(trial_id, last)


def run(search, names):
    found = []
    for name in names:
        config = search.suggest(name)
        finish(search, name, config)
        found.append(config)
    return found


def bowl(**more):
    return rt.Search(SPACE, "loss", "min", **({"seed": 1} | more))


# Spaces.


KINDS = {
    "uniform": tune.uniform(-2, 3),
    "loguniform": tune.loguniform(1e-4, 1e-2),
    "quniform": tune.quniform(3.2, 5.4, 0.2),
    "whole q": tune.quniform(0, 100, 10),
    "qloguniform": tune.qloguniform(1e-4, 1e-1, 5e-5),
    "randint": tune.randint(-9, 15),
    "lograndint": tune.lograndint(1, 10),
    "qrandint": tune.qrandint(-21, 12, 3),
    "qrandint 1": tune.qrandint(0, 5, 1),
    "qlograndint": tune.qlograndint(2, 20, 2),
    "randn": tune.randn(10, 2),
    "qrandn": tune.qrandn(10, 2, 0.2),
    "choice": tune.choice([2, 3, 4]),
    "things": tune.choice([None, True, "a", (1, 2), [3]]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_the_values_that_ray_draws(kind):
    domain, space = KINDS[kind], TuneSpace({"it": KINDS[kind]})
    rng = np.random.default_rng(0)
    drawn = [domain.sample(random_state=rng) for _ in range(3000)]
    ours = [space.config(space.space.decode([unit]))["it"] for unit in np.random.default_rng(1).random(3000)]
    assert {type(each) for each in ours} == {type(each) for each in drawn}
    tails = "randn" in kind
    if len({repr(each) for each in drawn}) < 400 and not tails:
        assert {repr(each) for each in ours} == {repr(each) for each in drawn}
    if isinstance(ours[0], float):
        spread = max(drawn) - min(drawn)
        assert min(ours) == pytest.approx(min(drawn), abs=spread * (0.3 if tails else 0.05))
        assert max(ours) == pytest.approx(max(drawn), abs=spread * (0.3 if tails else 0.05))
    for each in ours[:50]:
        values = space.point({"it": each})
        assert repr(space.config(values)["it"]) == repr(each)


def test_a_multiple_is_exactly_ray_s():
    space = TuneSpace({"q": tune.quniform(3.2, 5.4, 0.2)})
    grid = {space.config(space.space.decode([unit]))["q"] for unit in np.linspace(0, 1, 200)}
    drawn = set(tune.quniform(3.2, 5.4, 0.2).sample(size=5000, random_state=np.random.default_rng(0)))
    assert grid == drawn


def test_trees_lists_tuples_and_constants_come_back_as_they_were():
    thing = object()
    space = TuneSpace(
        {"a": {"b": [1, tune.uniform(0, 1), (tune.choice(["u", "v"]), thing)]}, 3: "const", "t": thing}
    )
    assert space.space.names == ("a.b.1", "a.b.2.0")
    config = space.config({"a.b.1": 0.5, "a.b.2.0": "v"})
    assert config == {"a": {"b": [1, 0.5, ("v", thing)]}, 3: "const", "t": thing}
    assert type(config["a"]["b"][2]) is tuple
    assert space.point(config) == {"a.b.1": 0.5, "a.b.2.0": "v"}
    assert space.point({"a/b": [1, 0.25, ("u", thing)]}) == {"a.b.1": 0.25, "a.b.2.0": "u"}


def test_options_with_domains_are_searched_where_they_are_chosen():
    space = TuneSpace(
        {
            "opt": tune.choice(
                [
                    {
                        "kind": "sgd",
                        "momentum": tune.uniform(0, 1),
                        "deep": {"n": tune.choice([1, {"w": tune.randint(0, 9)}])},
                    },
                    {"kind": "adam"},
                    tune.uniform(3, 4),
                    "none",
                ]
            )
        }
    )
    assert space.space.names[:2] == ("opt", "opt.sgd.momentum")
    assert space.config({"opt": "none"}) == {"opt": "none"}
    for unit in np.random.default_rng(0).random((60, len(space.space))):
        values = space.space.decode(unit.tolist())
        assert space.point(space.config(values)) == values
    with pytest.raises(SpaceError, match="needs one of its options"):
        space.point({"opt": {"kind": "sgd", "momentum": 2.0}})


def test_functions_are_computed_of_the_others_and_follow_from_the_seed():
    space = TuneSpace(
        {
            "x": tune.uniform(0, 1),
            "twice": tune.sample_from(lambda config: config["x"] * 2),
            "four": tune.sample_from(lambda config: config["twice"] * 2),
            "old": tune.sample_from(lambda spec: spec.config.x + 1),
            "drawn": tune.sample_from(random.random),
            "eval": {"eval": "spec.config.x * 3"},
        }
    )
    before = random.getstate()
    config = space.config({"x": 0.25}, 7)
    assert (config["twice"], config["four"], config["old"], config["eval"]) == (0.5, 1.0, 1.25, 0.75)
    assert space.config({"x": 0.25}, 7) == config
    assert space.config({"x": 0.25}, 8)["drawn"] != config["drawn"]
    assert random.getstate() == before
    assert space.space.names == ("x",)
    assert "not searched" in space.said["function of drawn"]
    assert space.point(config) == {"x": 0.25}


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"x": tune.uniform(0, float("inf")) if False else tune.search.sample.Float(0, None)}, "needs ends"),
        ({"x": tune.randint(3, 3)}, "has no value"),
        ({"x": danlu.Switch(a={})}, "tune.choice"),
        ({"a.b": tune.uniform(0, 1), "a": {"b": tune.uniform(0, 1)}}, "parted by dots"),
        ({"x": tune.choice([{"y": tune.grid_search([1, 2])}, 1])}, "inside an option"),
        ({"x": tune.grid_search([{"a": 1}, {"a": 2}])}, "over dicts"),
        ({"x": tune.choice([])}, "something to choose from"),
        ([1], "is a dict"),
    ],
)
def test_what_cannot_be_searched_is_refused_in_a_sentence(spec, said):
    with pytest.raises(SpaceError, match=said):
        TuneSpace(spec)


def test_distributions_of_other_searchers_are_refused():
    optuna = pytest.importorskip("optuna")
    with pytest.raises(SpaceError, match="FloatDistribution, which danlu cannot search here"):
        TuneSpace({"x": optuna.distributions.FloatDistribution(0, 1)})


def test_danlu_s_own_parameters_are_read_in_ray_s_space():
    space = TuneSpace(
        {"lr": danlu.Float(1e-4, 1, log=True), "act": danlu.Choice(["relu", "tanh"]), "n": tune.randint(1, 3)}
    )
    assert space.config({"lr": 0.5, "act": "tanh", "n": 2}) == {"lr": 0.5, "act": "tanh", "n": 2}


# The searcher.


def test_a_search_is_a_study_with_curves(tmp_path):
    search = bowl(store=tmp_path / "s.db", name="bowl")
    configs = run(search, "abcdef")
    assert all(config["batch"] == 32 for config in configs)
    result = danlu.open_study(store=str(tmp_path / "s.db"), name="bowl").result
    assert [trial.facts["ray-tune trial"] for trial in result.trials] == list("abcdef")
    assert [trial.params["x"] for trial in result.trials] == [config["x"] for config in configs]
    assert all(len(trial.curve) == 3 and trial.seconds == 1.5 for trial in result.trials)
    assert result.best.metrics["loss"] == min(map(loss, configs))


@pytest.mark.parametrize("stored", [False, True])
@pytest.mark.parametrize("how", ["save", "pickle", "deepcopy"])
def test_a_restored_search_suggests_the_same_to_the_last_bit(tmp_path, stored, how):
    search = bowl(store=str(tmp_path / "s.db") if stored else None)
    run(search, "abcdef")
    search.suggest("r1"), search.suggest("r2")
    search.on_trial_result("r1", {"loss": 3.0, "training_iteration": 1})
    if how == "save":
        search.save(str(tmp_path / "state"))
    kept = {
        "save": lambda: None,
        "pickle": lambda: pickle.dumps(search),
        "deepcopy": lambda: copy.deepcopy(search),
    }[how]()

    def onward(search, names):
        first = [search.suggest(name) for name in names[:2]]
        search.on_trial_result("r2", {"loss": 2.0, "training_iteration": 1})
        search.on_trial_complete("r1", {"loss": 2.5, "training_iteration": 2})
        search.on_trial_complete("r2", error=True)
        return [*first, *run(search, names[2:])]

    went = onward(search, ["n1", "n2", "n3", "n4"])
    again = {"save": rt.Search, "pickle": lambda: pickle.loads(kept), "deepcopy": lambda: kept}[how]()
    if how == "save":
        again.restore(str(tmp_path / "state"))
    assert onward(again, ["m1", "m2", "m3", "m4"]) == went
    statuses = [trial.status for trial in again.result.trials]
    assert statuses[6:8] == [Status.DONE, Status.FAILED]
    assert len(statuses) == 12


def test_trials_that_ray_has_forgotten_come_again_and_their_first_result_stands(tmp_path, capsys):
    search = bowl(store=str(tmp_path / "s.db"))
    run(search, "ab")
    search.save(str(tmp_path / "state"))
    config = run(search, "c")[0]
    begun = search.suggest("d")
    again = rt.Search(store=str(tmp_path / "s.db"))
    again.restore(str(tmp_path / "state"))
    assert again.suggest("new c") == config
    assert again.suggest("new d") == begun
    again.on_trial_result("new c", {"loss": 99.0, "training_iteration": 1})
    again.on_trial_complete("new c", {"loss": 99.0, "training_iteration": 3})
    said = capsys.readouterr().err
    assert "Ray's trial new c was run again" in said
    assert "keeps its first result" in said
    finish(again, "new d", begun)
    assert [trial.metrics["loss"] for trial in again.result.trials[2:]] == [loss(config), loss(begun)]


def test_another_run_on_the_same_study_goes_on_with_what_it_knows(tmp_path):
    store = str(tmp_path / "s.db")
    whole = run(bowl(), "abcdefghij")
    first = run(bowl(store=store), "abcde")
    second = run(bowl(store=store), "vwxyz")
    assert first + second == whole


def test_points_come_first_and_known_rewards_are_learned_from():
    points = [{"x": 2.0, "net": {"kind": "b"}}, {"x": 1.0}, {"net/kind": "a"}]
    search = bowl(points_to_evaluate=points)
    configs = run(search, "abc")
    assert configs[0] == {"x": 2.0, "net": {"kind": "b"}, "batch": 32}
    assert configs[1]["x"] == 1.0
    assert configs[2]["net"] == {"kind": "a"}
    known = bowl(points_to_evaluate=points[:1], evaluated_rewards=[1.25])
    (trial,) = known.result.trials
    assert (trial.status, trial.metrics) == (Status.DONE, {"loss": 1.25})
    with pytest.raises(SettingError, match="one number for each point, got 1 for 2"):
        bowl(points_to_evaluate=points[:2], evaluated_rewards=[1.0])


def test_evaluated_points_are_trials_with_their_curves_and_ends():
    search = bowl()
    point = {"x": 1.0, "net": {"kind": "b"}, "batch": 32}
    search.add_evaluated_point(point, 1.0, intermediate_values=[0.8, 0.9])
    search.add_evaluated_point(point, 1.0, error=True)
    search.add_evaluated_point(point, 1.0, pruned=True, intermediate_values=[2.0])
    found = search.result.trials
    assert [trial.status for trial in found] == [Status.DONE, Status.FAILED, Status.STOPPED]
    assert list(found[0].curve.metrics["loss"]) == [0.8, 0.9]
    with pytest.raises(SpaceError):
        search.add_evaluated_point(point | {"x": 9.0}, 1.0)
    with pytest.raises(SettingError, match=r"net\.kind is missing"):
        search.add_evaluated_point({"x": 1.0}, 1.0)
    search.suggest("next")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_a_failure_that_the_search_avoids(value):
    search = bowl()
    search.suggest("a")
    search.on_trial_result("a", {"loss": value, "training_iteration": 1})
    search.on_trial_complete("a", {"loss": value, "training_iteration": 1})
    (trial,) = search.result.trials
    assert (trial.status, trial.cause) == (Status.FAILED, danlu.journal.events.Cause.DIVERGED)


def test_ends_of_every_kind_are_told_apart(capsys):
    search = bowl()
    for name in "abcd":
        search.suggest(name)
    search.on_trial_result("a", {"loss": 1.0, "training_iteration": 1})
    search.on_trial_complete("a")  # ended by Ray on its way
    search.on_trial_complete("b")  # before it had reported
    search.on_trial_complete("c", error=True)
    finish(search, "d", {"x": 1, "net": {"kind": "b"}})
    search.on_trial_complete("d", {"loss": 7.0, "training_iteration": 9})  # once more, after its end
    search.on_trial_result("d", {"loss": 7.0, "training_iteration": 9})
    search.on_trial_result("nobody", {"loss": 7.0, "training_iteration": 9})
    found = search.result.trials
    assert [trial.status for trial in found] == [Status.STOPPED, Status.FAILED, Status.FAILED, Status.DONE]
    assert "before it had reported loss" in found[1].reason
    assert len(found[3].curve) == 3
    assert capsys.readouterr().err.count("was not suggested by this search") == 1


def test_a_trial_that_ray_starts_again_goes_on_with_one_curve():
    search = bowl()
    search.suggest("a")
    for step, value in ((1, 5.0), (2, 4.0), (3, 3.0), (2, 3.5), (3, 2.5), (4, 2.0), (4, 2.0)):
        search.on_trial_result("a", {"loss": value, "training_iteration": step})
    (trial,) = search.result.trials
    assert list(trial.curve.metrics["loss"]) == [5.0, 3.5, 2.5, 2.0]


def test_several_goals_are_one_study_s():
    search = rt.Search({"x": tune.uniform(0, 1)}, ["a", "b", "c"], ["max", "min", "obs"], seed=0)
    for name in "abcdefgh":
        x = search.suggest(name)["x"]
        search.on_trial_complete(name, {"a": x, "b": x, "c": 1.0, "training_iteration": 1})
    assert [(each.name, each.maximize) for each in search.result.history.goal.metrics] == [
        ("a", True),
        ("b", False),
    ]


def test_a_grid_is_tried_with_every_point():
    search = rt.Search(
        {"g": tune.grid_search(["p", "q", "r"]), "h": tune.grid_search([1, 2]), "x": tune.uniform(0, 1)},
        "loss",
        "min",
        seed=0,
    )
    assert search.set_search_properties(None, None, {}, num_samples=12) is False
    configs = []
    for number in range(12):
        configs.append(search.suggest(str(number)))
        search.on_trial_complete(str(number), {"loss": configs[-1]["x"], "training_iteration": 1})
    for point in (configs[:6], configs[6:]):
        assert len({config["x"] for config in point}) == 1
        assert len({(config["g"], config["h"]) for config in point}) == 6
    assert configs[0]["x"] != configs[6]["x"]
    assert any("all 6 combinations of g, h" in line for line in search.result.why())


def test_samples_that_do_not_cover_a_grid_are_refused():
    search = rt.Search(metric="loss", mode="min")
    with pytest.raises(SettingError, match="needs a multiple of 3, got num_samples=1"):
        search.set_search_properties(None, None, {"g": tune.grid_search([1, 2, 3])}, num_samples=1)


def test_a_grid_alone_is_searched_once_and_ends():
    search = rt.Search({"g": tune.grid_search([1, 2, 3])}, "loss", "min", seed=0)
    found = []
    for number in range(3):
        found.append(search.suggest(str(number))["g"])
        search.on_trial_complete(str(number), {"loss": 1.0, "training_iteration": 1})
    assert sorted(found) == [1, 2, 3]
    assert search.suggest("end") == Searcher.FINISHED


def test_a_person_s_word_is_heeded(tmp_path):
    search = bowl(store=str(tmp_path / "s.db"))
    run(search, "a")
    with danlu.open_study(store=str(tmp_path / "s.db"), name="search") as person:
        person.control.enqueue({"x": 0.125})
        assert search.suggest("b")["x"] == 0.125
        person.control.pause()
        assert search.suggest("c") is None
        person.control.resume()
        assert search.suggest("c")["x"] != 0.125
        person.control.stop()
        assert search.suggest("d") == Searcher.FINISHED


def test_ray_s_wrappers_go_around_it():
    limited = ConcurrencyLimiter(bowl(), max_concurrent=2)
    assert limited.suggest("a")
    assert limited.suggest("b")
    assert limited.suggest("c") is None
    limited.on_pause("a")  # HyperBandForBOHB's words to a search
    limited.on_unpause("a")
    repeated = Repeater(bowl(), repeat=2)
    one, two = repeated.suggest("a"), repeated.suggest("b")
    assert one["x"] == two["x"]


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda: rt.Search(metric="loss", mode="min").suggest("a"), "needs a space"),
        (lambda: rt.Search(SPACE, mode=None, metric="loss").suggest("a"), "needs metric and mode"),
        (lambda: rt.Search({"x": 3}, "loss", "min").suggest("a"), "constants alone"),
        (lambda: rt.Search(SPACE, "loss", "least"), "mode is 'min' or 'max', got 'least'"),
        (lambda: rt.Scheduler("medium"), "Did you mean 'median'"),
        (lambda: rt.Scheduler("pbt"), "PopulationBasedTraining"),
        (lambda: rt.Scheduler(max_t=1), "2 at least, got max_t=1"),
    ],
)
def test_settings_are_refused_in_a_sentence(made, said):
    with pytest.raises(SettingError, match=said):
        made()


def test_another_space_on_the_same_study_is_refused(tmp_path):
    run(bowl(store=str(tmp_path / "s.db")), "a")
    with pytest.raises(danlu.errors.SpaceMismatch):
        rt.Search({"y": tune.uniform(0, 1)}, "loss", "min", store=str(tmp_path / "s.db")).suggest("a")


# The scheduler.


class Tuner:
    """A tuner without a cluster: one slot, which does what Ray's controller does with its searcher and scheduler."""

    def __init__(self, scheduler, search=None, samples=0, *, saves=True, epochs=9, floors=None):
        self.search_alg = SimpleNamespace(searcher=search, is_finished=lambda: len(self.trials) >= samples)
        self._scheduler, self._search, self._samples = scheduler, search, samples
        self._saves, self._epochs, self._floors = saves, epochs, floors
        self.trials, self.stopped = [], []
        scheduler.set_search_properties("loss", "min", stop={"training_iteration": epochs})

    def get_trials(self):
        return self.trials

    get_live_trials = get_trials

    def stop_trial(self, trial):
        self._scheduler.on_trial_remove(self, trial)
        if self._search is not None:
            self._search.on_trial_complete(trial.trial_id)
        self.over(trial)

    def over(self, trial):
        trial.set_status(Trial.TERMINATED)
        self.stopped.append((trial.trial_id, trial.epoch))

    def add(self):
        if len(self.trials) >= self._samples:
            return
        name = f"t{len(self.trials)}"
        config = {"x": self._floors[len(self.trials)]} if self._search is None else self._search.suggest(name)
        if config in (None, Searcher.FINISHED):
            return
        trial = Trial("__fake", trial_id=name, stub=True, config=config)
        trial.epoch = 0
        trial.has_checkpoint = lambda: self._saves
        trial.get_trainable_cls = lambda: None
        self.trials.append(trial)
        self._scheduler.on_trial_add(self, trial)

    def step(self, trial):
        trial.epoch += 1
        row = {
            "loss": (trial.config["x"] - 1) ** 2 + 1 / trial.epoch,
            "training_iteration": trial.epoch,
            "time_total_s": 1.0,
        }
        said = "STOP" if trial.epoch >= self._epochs else self._scheduler.on_trial_result(self, trial, row)
        if said == "STOP":
            self._scheduler.on_trial_complete(self, trial, row)
            if self._search is not None:
                self._search.on_trial_complete(trial.trial_id, row)
            self.over(trial)
        else:
            if self._search is not None:
                self._search.on_trial_result(trial.trial_id, row)
            trial.set_status(Trial.RUNNING if said == "CONTINUE" else Trial.PAUSED)

    def turn(self):
        """Does the next thing that there is to do; whether there was one."""
        if not any(trial.status == Trial.PENDING for trial in self.trials):
            self.add()
        running = next((trial for trial in self.trials if trial.status == Trial.RUNNING), None)
        chosen = running or self._scheduler.choose_trial_to_run(self)
        if chosen is not None:
            self.step(chosen)
        return chosen is not None

    def fit(self, turns=2000):
        for _ in range(turns):
            if not self.turn() and (
                all(trial.status == Trial.TERMINATED for trial in self.trials)
                and self.search_alg.is_finished()
            ):
                return self.trials
        raise AssertionError([(trial.trial_id, trial.status) for trial in self.trials])


FLOORS = [1 + 3 * math.sin(7 * number) for number in range(12)]


@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize(
    "name", ["median", "asha", "halving", "hyperband", "forecast", "extrapolation", "none", "patience"]
)
def test_every_scheduler_comes_to_an_end_beside_a_search_and_alone(name, together):
    search = (
        rt.Search({"x": tune.uniform(-5, 5)}, "loss", "min", seed=2, sampler="random") if together else None
    )
    tuner = Tuner(rt.Scheduler(name), search, 12, floors=FLOORS)
    trials = tuner.fit()
    assert len(trials) == 12
    epochs = [trial.epoch for trial in trials]
    if name == "none":
        assert set(epochs) == {9}
    if name in {"median", "asha", "halving", "hyperband"}:
        assert 9 in epochs
        assert min(epochs) < 9
    if search is not None:
        kept = search.result.trials
        assert [len(trial.curve) for trial in kept] == epochs
        assert not [trial for trial in kept if trial.status < Status.DONE]


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        (AsyncHyperBandScheduler, {"max_t": 9, "grace_period": 1, "reduction_factor": 3}),
        (
            MedianStoppingRule,
            {"grace_period": 1, "min_samples_required": 2, "time_attr": "training_iteration"},
        ),
    ],
)
def test_ray_s_own_schedulers_come_to_an_end_beside_a_search(kind, settings):
    search = rt.Search({"x": tune.uniform(-5, 5)}, "loss", "min", seed=2, sampler="random")
    trials = Tuner(kind(**settings), search, 12).fit()
    epochs = [trial.epoch for trial in trials]
    assert len(trials) == 12
    assert min(epochs) < max(epochs)
    kept = search.result.trials
    assert [len(trial.curve) for trial in kept] == epochs
    assert not [trial for trial in kept if trial.status < Status.DONE]


def test_halving_lets_the_better_ones_go_on_from_their_pauses():
    tuner = Tuner(rt.Scheduler("halving"), None, 9, floors=FLOORS)
    trials = tuner.fit()
    best = min(trials, key=lambda trial: (trial.config["x"] - 1) ** 2)
    assert best.epoch == 9
    assert sorted(trial.epoch for trial in trials) == [1, 1, 1, 1, 1, 1, 3, 3, 9]


@pytest.mark.parametrize("name", ["halving", "forecast"])
def test_a_limit_that_counts_what_waits_holds_nothing_up(name):
    """With all trials paused that a ``ConcurrencyLimiter`` allows, Ray's examples waited for ever."""
    search = rt.Search({"x": tune.uniform(-5, 5)}, "loss", "min", seed=2, sampler="random")
    tuner = Tuner(rt.Scheduler(name), ConcurrencyLimiter(search, max_concurrent=2), 12)
    trials = tuner.fit()
    assert len(trials) == 12
    kept = search.result.trials
    assert [len(trial.curve) for trial in kept] == [trial.epoch for trial in trials]
    ended = [trial for trial in kept if "allows at a time" in trial.reason]
    if name == "halving":
        assert ended
        assert search.result.best not in ended


def test_what_a_person_has_paused_stays_however_often_ray_asks(tmp_path):
    store = str(tmp_path / "s.db")
    search = rt.Search({"x": tune.uniform(-5, 5)}, "loss", "min", seed=2, sampler="random", store=store)
    tuner = Tuner(rt.Scheduler("halving"), ConcurrencyLimiter(search, max_concurrent=2), 12)
    for _ in range(100):
        tuner.turn()
        if len(tuner.trials) == 2 and all(trial.status == Trial.PAUSED for trial in tuner.trials):
            break
    with danlu.open_study(store=store, name="search") as person:
        person.control.pause()
    for _ in range(20):
        tuner.turn()
    assert [trial.status for trial in tuner.trials] == [Trial.PAUSED] * 2


def test_without_checkpoints_pauses_are_stops_and_that_is_said():
    search = rt.Search({"x": tune.uniform(-5, 5)}, "loss", "min", seed=2, sampler="random")
    trials = Tuner(rt.Scheduler(danlu.schedulers.ASHA(promote=True)), search, 12, saves=False).fit()
    assert min(trial.epoch for trial in trials) < 9
    kept = search.result.trials
    cut = [trial for trial in kept if trial.status is Status.STOPPED]
    assert cut
    assert {trial.number for trial in cut} == {trial.number for trial in kept if len(trial.curve) < 9}
    assert any("tune.report(metrics, checkpoint=...)" in line for line in search.result.why())


def test_verdicts_and_reasons_are_in_the_search_s_journal():
    search = rt.Search({"x": tune.uniform(-5, 5)}, "loss", "min", seed=2, sampler="random")
    Tuner(rt.Scheduler("median"), search, 12).fit()
    kept = search.result.trials
    assert any(trial.status is Status.STOPPED and "behind what 50 %" in trial.reason for trial in kept)
    assert any("Median" in line for line in search.result.why())


def test_a_restored_scheduler_knows_the_trials_by_their_results(tmp_path):
    """Ray keeps no state of its schedulers, so it is made again of the folders."""
    halt = rt.Scheduler("median", metric="loss", mode="min")
    trials = []
    for number in range(8):
        trial = Trial("__fake", trial_id=f"t{number}", stub=True, experiment_tag=f"{number}_x=1")
        folder = tmp_path / trial.trial_id
        folder.mkdir()
        rows = [
            {"loss": number + 1 / step, "training_iteration": step, "timestamp": 10 * number + step}
            for step in range(1, 6)
        ]
        (folder / "result.json").write_text("\n".join(map(json.dumps, rows)))
        trial.run_metadata.last_result = rows[-1]
        trial.set_status(Trial.TERMINATED)
        trial.temporary_state = SimpleNamespace(location=None)
        trials.append((trial, folder))
    tuner = SimpleNamespace(search_alg=None, get_trials=lambda: [trial for trial, _ in trials])
    for trial, folder in reversed(trials):
        trial.storage = SimpleNamespace(
            trial_fs_path=str(folder), trial_driver_staging_path=str(folder), trial_dir_name=folder.name
        )
        halt.on_trial_add(tuner, trial)
    fresh = Trial("__fake", trial_id="new", stub=True)
    halt.on_trial_add(tuner, fresh)
    said = [
        halt.on_trial_result(tuner, fresh, {"loss": 20.0, "training_iteration": step}) for step in range(1, 4)
    ]
    assert "STOP" in said
    study = halt._the_trials.study.result
    assert [len(trial.curve) for trial in study.trials[:8]] == [5] * 8
    assert [trial.facts["ray-tune trial"] for trial in study.trials] == [f"t{n}" for n in range(8)] + ["new"]


def test_time_is_a_whole_number():
    halt = rt.Scheduler("median", metric="loss", mode="min", time_attr="time_total_s")
    trial = Trial("__fake", stub=True)
    tuner = SimpleNamespace(search_alg=None, get_trials=lambda: [trial])
    halt.on_trial_add(tuner, trial)
    assert halt.on_trial_result(tuner, trial, {"loss": 1.0, "time_total_s": 3.0}) == "CONTINUE"
    with pytest.raises(SettingError, match="time_total_s=4.5"):
        halt.on_trial_result(tuner, trial, {"loss": 1.0, "time_total_s": 4.5})


def test_a_scheduler_is_saved_as_ray_saves_its_own(tmp_path):
    halt = rt.Scheduler("asha", metric="loss", mode="min", max_t=9)
    halt.save(str(tmp_path / "state"))
    again = rt.Scheduler("median")
    again.restore(str(tmp_path / "state"))
    assert (again.metric, again.set_search_properties("other", "min")) == ("loss", False)
    assert "ASHA" in again.debug_string()


# On a cluster.


def tuned(folder, stored="stored", at=0, concurrent=1):
    """What a tuner in a process of its own has found; None where it was killed."""
    folder.mkdir(exist_ok=True)
    program = [
        sys.executable,
        "-W",
        "ignore",
        str(Path(__file__).with_name("ray_tuner.py")),
        str(folder),
        stored,
        str(at),
        str(concurrent),
    ]
    env = os.environ | {
        "TUNE_GLOBAL_CHECKPOINT_S": "0.5",
        "RAY_AIR_NEW_OUTPUT": "0",
        "RAY_TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "0",
    }
    ran = subprocess.run(program, capture_output=True, text=True, env=env)
    if ran.returncode == -signal.SIGKILL:
        return None
    assert ran.returncode == 0, ran.stderr[-3000:]
    return json.loads(next(line for line in ran.stdout.splitlines() if line.startswith("FOUND"))[6:])


def test_a_tuner_s_trials_are_a_study_s(tmp_path):
    found = tuned(tmp_path / "run", concurrent=2)
    with danlu.open_study(store=str(tmp_path / "run" / "study.db"), name="search") as study:
        kept = study.result.trials
    assert sorted([trial.params["x"], len(trial.curve), trial.metrics["loss"]] for trial in kept) == [
        [config["x"], epochs, value] for config, epochs, value in found["trials"]
    ]
    assert all(
        config["double"] == 2 * config["x"] and config["net"]["width"] == 8
        for config, _, _ in found["trials"]
    )
    assert found["study"] == 7
    assert found["best"] == min(trial.metrics["loss"] for trial in kept if trial.status is Status.DONE)


@pytest.mark.fault
@pytest.mark.parametrize("stored", ["stored", "memory"])
@pytest.mark.parametrize("at", [3, 10, 17])
def test_a_killed_tuner_goes_on_and_comes_to_the_same(tmp_path, stored, at):
    whole = tuned(tmp_path / "whole", stored)
    assert tuned(tmp_path / "killed", stored, at) is None
    assert tuned(tmp_path / "killed", stored) == whole


@pytest.mark.fault
def test_a_killed_tuner_of_two_at_a_time_loses_and_doubles_nothing(tmp_path):
    assert tuned(tmp_path / "killed", at=12, concurrent=2) is None
    found = tuned(tmp_path / "killed", concurrent=2)
    assert len({config["x"] for config, _, _ in found["trials"]}) == 7
    with danlu.open_study(store=str(tmp_path / "killed" / "study.db"), name="search") as study:
        assert {trial.params["x"] for trial in study.result.trials} == {
            config["x"] for config, _, _ in found["trials"]
        }


# Experiments that are over.


def experiment(path, count=6):
    for number in range(count):
        folder = path / f"train_{number}"
        folder.mkdir(parents=True)
        kind = {"kind": "deep", "layers": number + 1} if number % 2 else "linear"
        (folder / "params.json").write_text(json.dumps({"lr": 0.1 * (number + 1), "net": kind}))
        rows = [
            {"eval": {"loss": number + 1 / step}, "training_iteration": step, "timestamp": step}
            for step in range(1, 4 - number // 4)
        ]
        (folder / "result.json").write_text("\n".join(map(json.dumps, rows)))
    return path


def test_a_folder_becomes_a_study_with_the_space_that_it_had(tmp_path):
    path = experiment(tmp_path / "demo")
    space = {
        "lr": tune.uniform(0, 1),
        "net": tune.choice(["linear", {"kind": "deep", "layers": tune.randint(1, 9)}]),
    }
    found = rt.result(path, space=space, metric="eval/loss", mode="min", store=str(tmp_path / "s.db"))
    assert [trial.status for trial in found.trials] == [Status.DONE] * 4 + [Status.STOPPED] * 2
    assert found.trials[3].params == {"lr": 0.4, "net": "deep", "net.deep.layers": 4}
    assert len(found.trials[0].curve) == 3
    with danlu.open_study(store=str(tmp_path / "s.db"), name="demo") as study:
        assert len(study.result.trials) == 6
    with pytest.raises(StoreError, match="already"):
        rt.result(path, metric="eval/loss", mode="min", store=str(tmp_path / "s.db"))
    known = rt.Search(space, "eval/loss", "min", store=str(tmp_path / "s.db"), name="demo")
    assert known.suggest("a")
    assert len(known.result.trials) == 7


def test_without_a_space_ranges_are_of_what_was_tried(tmp_path):
    found = rt.result(experiment(tmp_path / "demo"), metric="eval/loss", mode="min")
    assert found.history.space.names == ("lr",)
    assert any("ranges are of what was tried" in line for line in found.why())


@pytest.mark.parametrize(
    ("made", "error", "said"),
    [
        (lambda path: rt.result(path), SettingError, "needs metric and mode"),
        (
            lambda path: rt.result(path / "none", metric="a", mode="min"),
            SettingError,
            "no folder with trials",
        ),
        (lambda path: rt.result(7, metric="a", mode="min"), SettingError, "got int"),
        (lambda path: rt.result(path, metric="other", mode="min"), StoreError, "They reported: eval/loss"),
        (
            lambda path: rt.result(path, space={"z": tune.uniform(0, 1)}, metric="eval/loss", mode="min"),
            StoreError,
            "can be carried over",
        ),
    ],
)
def test_what_is_no_experiment_is_refused(tmp_path, made, error, said):
    with pytest.raises(error, match=said):
        made(experiment(tmp_path / "demo"))


# The door.


OTHERS = ("danlu.compat.", "danlu.sklearn", "danlu.hyperopt", "danlu.optuna", "danlu.keras", "danlu.ray_tune")


def test_the_door_imports_no_other():
    program = f"import sys, danlu.ray_tune; print(*sorted(n for n in sys.modules if n.startswith({OTHERS!r}) and n.count('.') < 3))"
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True, check=True
    )
    assert ran.stdout.split() == ["danlu.compat.naming", "danlu.compat.ray_tune", "danlu.ray_tune"]


@pytest.mark.parametrize("lacks", ["ray", "pyarrow"])
def test_the_door_names_its_extra(lacks):
    program = f"import sys; sys.modules[{lacks!r}] = None; import danlu.ray_tune"
    ran = subprocess.run([sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True)
    assert 'danlu.ray_tune needs Ray Tune: pip install "danlu[ray-tune]"' in ran.stderr
