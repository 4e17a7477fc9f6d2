"""The forms in which other people's objectives read, return and report: each is taken right or refused with the remedy."""

import copy
import dataclasses
import enum
import functools
import math
import multiprocessing
import pathlib
import pickle
import subprocess
import sys
from collections import namedtuple
from decimal import Decimal
from fractions import Fraction

import cloudpickle
import numpy as np
import pandas as pd
import pytest
import torch
from forms import READ, Callable, product, tried

import danlu
from danlu import Choice, Float, Int, Space, Switch
from danlu.base.values import real
from danlu.cli.main import main
from danlu.errors import (
    ArgumentError,
    DanluError,
    ForeignCall,
    GoalError,
    InactiveParameter,
    NoParameter,
    ObjectiveError,
    ReportError,
    SettingError,
    SpaceError,
    StoreError,
)
from danlu.journal.snapshot import snapshot

SPACE = {"lr": Float(0.25, 0.75), "hidden": Int(4, 8)}
NESTED = {"lr": Float(0.25, 0.75), "model": {"depth": Int(1, 3), "width": range(8, 65, 8)}}
SWITCHED = {"lr": Float(0.25, 0.75), "opt": Switch(sgd={"momentum": Float(0, 0.9)}, adam={})}

Scores = namedtuple("Scores", "loss note")  # noqa: PYI024 - as it is met


@dataclasses.dataclass
class Record:
    loss: float
    note: str = "kept"


class History:
    """As Keras returns it."""

    def __init__(self, **curves):
        self.history = curves


class Floatlike:
    """As jax and TensorFlow have them."""

    def __float__(self):
        return 0.5


def at(trial):
    return trial.params["lr"] * trial.params["hidden"]


@pytest.mark.parametrize("form", READ)
def test_a_trial_is_read_as_people_read_a_configuration(form):
    result = danlu.tune(READ[form], SPACE, trials=2, seed=1)
    assert [trial.value for trial in result.trials] == [pytest.approx(at(trial)) for trial in result.trials]


@pytest.mark.parametrize(
    "form", ["double star", "a name and the rest", "partial", "async", "generator", "pickle"]
)
def test_forms_are_the_same_in_a_pool(form):
    result = danlu.tune(READ[form], SPACE, trials=2, seed=1, engine=danlu.engines.Pool(1))
    assert [trial.value for trial in result.trials] == [pytest.approx(at(trial)) for trial in result.trials]


def bowl(loss=0.5, **more):
    return {"loss": loss, **more}


RETURNED = {
    "float": (lambda t: 0.5, {}),
    "int": (lambda t: 3, {"loss": 3.0}),
    "numpy scalar": (lambda t: np.float32(0.5), {}),
    "numpy whole": (lambda t: np.int64(3), {"loss": 3.0}),
    "array without dimensions": (lambda t: np.array(0.5), {}),
    "array of one": (lambda t: np.array([0.5]), {}),
    "tensor with gradient": (lambda t: torch.tensor(0.5, requires_grad=True), {}),
    "half tensor": (lambda t: torch.tensor(0.5, dtype=torch.bfloat16), {}),
    "decimal": (lambda t: Decimal("0.5"), {}),
    "fraction": (lambda t: Fraction(1, 2), {}),
    "float-like": (lambda t: Floatlike(), {}),
    "mapping": (lambda t: {"loss": 0.5, "acc": 1}, {"acc": 1.0}),
    "hyperopt": (lambda t: {"loss": 0.5, "status": "ok"}, {}),
    "loss and info": (lambda t: (0.5, {"acc": 0.75}), {"acc": 0.75}),
    "nested": (lambda t: {"loss": 0.5, "val": {"acc": 0.75}}, {"val/acc": 0.75}),
    "named tuple": (lambda t: Scores(0.5, "kept"), {}),
    "dataclass": (lambda t: Record(0.5), {}),
    "pandas row": (lambda t: pd.Series({"loss": 0.5, "acc": 0.75}), {"acc": 0.75}),
    "pandas frame": (lambda t: pd.DataFrame({"loss": [0.75, 0.5, 0.625]}), {}),
    "list as curve": (lambda t: {"loss": [0.75, 0.5, 0.625], "acc": [0.0, 1.0, 0.5]}, {"acc": 1.0}),
    "keras history": (lambda t: History(loss=[0.75, 0.5, 0.625], acc=[0.0, 1.0, 0.5]), {"acc": 1.0}),
    "odd entries": (
        lambda t: bowl(note="x", net=torch.nn.Linear(1, 1), ok=True, sizes=[1, 2], none=None),
        {},
    ),
    "nan beside": (lambda t: bowl(acc=np.float64(0.25)), {"acc": 0.25}),
}


@pytest.mark.parametrize("form", RETURNED)
def test_what_is_returned_is_taken_where_it_can_be_read_one_way(form):
    objective, more = RETURNED[form]
    best = danlu.tune(objective, SPACE, minimize="loss", trials=1).best
    assert best.metrics == {"loss": 0.5} | more


def test_returned_facts_and_curves_are_kept():
    best = danlu.tune(RETURNED["odd entries"][0], SPACE, minimize="loss", trials=1).best
    assert best.facts["note"] == "x"
    assert best.facts["ok"] is True
    assert best.facts["sizes"] == [1, 2]
    assert best.facts["net"].startswith("Linear(")
    assert "none" not in best.facts
    result = danlu.tune(RETURNED["keras history"][0], SPACE, minimize="loss", trials=2)
    assert result.best.curve.steps == (1, 2, 3)
    assert result.best.curve.metrics == {"loss": (0.75, 0.5, 0.625), "acc": (0.0, 1.0, 0.5)}
    assert sum("are curves" in line for line in result.why()) == 1
    last = danlu.tune(
        RETURNED["keras history"][0], SPACE, goal=danlu.Goal.of(minimize="loss", at="last"), trials=1
    ).best
    assert last.metrics == {"loss": 0.625, "acc": 0.5}


def test_a_returned_curve_is_whole_whatever_the_scheduler_thinks_of_it():
    """The training is over: a pause would train it again."""
    result = danlu.tune(
        lambda t: {"loss": [t["lr"]] * 9},
        SPACE,
        minimize="loss",
        trials=8,
        scheduler=danlu.schedulers.ASHA(low=1, high=9),
        seed=0,
    )
    assert [len(trial.curve) for trial in result.trials] == [9] * 8
    assert {trial.attempt for trial in result.trials} == {1}
    assert all(trial.status is danlu.Status.DONE for trial in result.trials)


def test_reports_stand_where_a_history_is_returned_too():
    def train(trial):
        for step in (1, 2):
            trial.report(step, loss=1 / step)
        return History(loss=[1.0, 0.25])

    best = danlu.tune(train, SPACE, minimize="loss", trials=1).best
    assert best.curve.metrics == {"loss": (1.0, 0.5)}
    assert best.metrics == {"loss": 0.25}


def test_hyperopts_statuses():
    plain = danlu.tune(lambda t: {"loss": t["lr"], "status": "ok"}, SPACE, trials=1).best
    assert plain.value == plain.metrics["loss"] == plain.params["lr"]
    assert plain.facts == {"status": "ok"}
    failed = danlu.tune(
        lambda t: {"status": "fail"} if t.number else {"loss": 1.0, "status": "ok"}, SPACE, trials=2
    )
    assert failed.trials[1].cause is danlu.Cause.RAISED
    assert "status 'fail'" in failed.trials[1].reason
    assert danlu.tune(lambda t: {"status": 0.5}, SPACE, minimize="status", trials=1).best.value == 0.5


def test_tuples_serve_several_goals_in_their_order():
    front = danlu.tune(lambda t: (t["lr"], t["hidden"]), SPACE, minimize=["loss", "size"], trials=2)
    assert front.trials[0].metrics == {
        "loss": front.trials[0].params["lr"],
        "size": front.trials[0].params["hidden"],
    }
    with pytest.raises(ObjectiveError, match="their order is not known"):
        danlu.tune(lambda t: (1.0, 2.0), SPACE, minimize="loss", maximize="acc", trials=2)


def test_nested_metrics_are_named_as_the_goal_names_them():
    for name in ("val/loss", "val.loss"):
        best = danlu.tune(
            lambda t: {"val": {"loss": 0.5, "n": {"a": 1}}}, SPACE, minimize=name, trials=1
        ).best
        assert best.value == 0.5
    assert danlu.tune(lambda t: {"精度 %": 1.0}, SPACE, maximize="精度 %", trials=1).best.value == 1.0


REFUSED = {
    "text": (lambda t: "0.3", r"got '0.3'. Return float\(loss\)"),
    "bool": (lambda t: True, r"got True. Return float\(loss\)"),
    "complex": (lambda t: 1 + 2j, "a real number"),
    "list": (lambda t: [0.1, 0.2], r"for a curve of one value a step, \{'loss': \[...\]\}"),
    "tuple": (lambda t: (0.1, 0.2), r"Return the one that counts, float\(loss\)"),
    "loss, history, model": (
        lambda t: (0.1, History(loss=[0.1]), object()),
        r"Return the one that counts, float\(loss\)",
    ),
    "array": (lambda t: np.ones(3), "Return the one that counts"),
    "array of folds": (lambda t: {"loss": np.ones(5)}, r"loss.mean\(\)"),
    "tensor of many": (lambda t: torch.ones(3), "Return the one that counts"),
    "class": (lambda t: float, "Call it"),
    "series without names": (lambda t: pd.Series([0.1, 0.2]), "without names"),
    "set": (lambda t: {0.5}, "a real number"),
    "goal that is text": (lambda t: {"loss": "low"}, r"the metric loss needs a real number, got 'low'"),
    "goal that is None": (lambda t: {"loss": None}, "the metric loss needs a real number, got None"),
    "goal that is true": (lambda t: {"loss": True}, "the metric loss needs a real number, got True"),
    "empty": (lambda t: {}, "the goal needs loss, the objective gave nothing"),
    "empty curve": (lambda t: {"loss": []}, "the metric loss needs a real number"),
    "nothing": (lambda t: None, "the goal needs loss, the objective gave nothing"),
    "another name": (lambda t: {"losss": 1.0}, "Did you mean 'losss'"),
    "a prefix": (lambda t: {"eval_loss": 1.0}, "Did you mean 'eval_loss'"),
    "twice": (lambda t: (0.5, {"loss": 0.25}), "loss was returned twice, as 0.5 and as 0.25"),
    "yielded text": (lambda t: (each for each in ["a"]), "an objective that yields needs metrics"),
}


@pytest.mark.parametrize("form", REFUSED)
def test_what_is_no_result_is_refused_with_the_form_to_write(form):
    objective, sentence = REFUSED[form]
    with pytest.raises((ObjectiveError, GoalError), match=sentence):
        danlu.tune(objective, SPACE, minimize="loss", trials=5)


def test_refusals_come_from_a_pool_too():
    for objective, sentence in (  # pickled, as they are made here
        (lambda t: "0.3", "got '0.3'. Return float"),
        (lambda t: {"losss": 1.0}, "Did you mean 'losss'"),
        (lambda t: t.suggest_float("lr", 0, 1), "trial.suggest"),
    ):
        with pytest.raises((ObjectiveError, GoalError), match=sentence):
            danlu.tune(objective, SPACE, minimize="loss", trials=5, engine=danlu.engines.Pool(1))


FOREIGN = {
    "suggest_float": (
        lambda t: t.suggest_float("mine", 1e-3, 1e-1, log=True),
        r"trial.suggest\('mine', danlu.Float\(0.001, 0.1, log=True",
    ),
    "suggest_categorical": (
        lambda t: t.suggest_categorical("a", choices=[1]),
        r"trial.suggest\('a', danlu.Choice\(\[1\]\)\), or declare 'a'",
    ),
    "loguniform": (
        lambda t: t.suggest_loguniform("w", 1, 2),
        r"trial.suggest\('w', danlu.Float\(1, 2, log=True\)",
    ),
    "discrete": (lambda t: t.suggest_discrete_uniform("w", 0, 1, 0.1), r"danlu.Float\(0, 1, step=0.1\)"),
    "keras": (
        lambda hp: hp.Int("units", min_value=1, max_value=2),
        r"trial.suggest\('units', danlu.Int\(low=1, high=2\)",
    ),
    "keras float": (lambda hp: hp.Float("w", 0.1, 2.0, sampling="log"), r"danlu.Float\(0.1, 2.0, log=True\)"),
    "keras boolean": (
        lambda hp: hp.Boolean(name="bn"),
        r"trial.suggest\('bn', danlu.Choice\(\[True, False\]\)",
    ),
    "indirect": (lambda t: getattr(t, "suggest_float")("w", 0, 1), r"trial.suggest\('lr', danlu.Float"),  # noqa: B009
    "missing": (
        lambda c: c.wd,
        r"no parameter 'wd'.*Add 'wd' to the space, as a plain value .*\{'wd': 0.1\}",
    ),
    "should_prune": (lambda t: t.should_prune(), "by itself"),
    "set_user_attr": (lambda t: t.set_user_attr("a", 1), "trial.log"),
    "pop": (lambda c: c.pop("lr"), r"params = dict\(trial\)"),
    "update": (lambda c: c.update(lr=1), r"params = dict\(trial\)"),
    "setdefault": (lambda c: c.setdefault("lr", 1), r"params = dict\(trial\)"),
    "item": (lambda c: c.__setitem__("lr", 1), "cannot be changed"),
    "del": (lambda c: c.__delitem__("lr"), "cannot be changed"),
    "attribute": (lambda c: c.hiden, "Did you mean 'hidden'"),
}


@pytest.mark.parametrize("form", FOREIGN)
def test_words_of_other_tools_are_answered_with_danlus(form):
    objective, sentence = FOREIGN[form]
    with pytest.raises(ObjectiveError, match=sentence):
        danlu.tune(objective, SPACE, trials=5)


def test_a_foreign_word_is_an_attribute_error_too():
    with danlu.open_study(SPACE) as study:
        trial = study.ask()
        assert not hasattr(trial, "suggest_float")
        with pytest.raises(ForeignCall) as caught:
            trial.suggest_int("a", 1, 2)
        assert isinstance(caught.value, AttributeError)


SIGNATURES = {
    "one is missing": (lambda lr: lr, "the space has hidden too"),
    "one is unknown": (
        lambda lr, hiden: lr,
        "takes hiden, which the space does not have. Did you mean 'hidden'",
    ),
    "all are unknown": (lambda alpha, beta: 1.0, "takes alpha, beta, which the space does not have"),
    "only defaults": (lambda epochs=3: 1.0, "takes epochs, which the space does not have"),
    "none": (lambda: 1.0, "takes no argument"),
    "class": (Callable, "is a class"),
    "unbound method": (Callable.method, "method without its object"),
    "bound twice": (functools.partial(product, lr=0.5), "lr is in the space and fixed at 0.5"),
    "no function": (3, "has to be a function of one trial"),
}


@pytest.mark.parametrize("form", SIGNATURES)
def test_signatures_that_do_not_fit_are_refused_before_any_trial(form, tmp_path):
    objective, sentence = SIGNATURES[form]
    with pytest.raises(ObjectiveError, match=sentence):
        danlu.tune(objective, SPACE, trials=5, store=tmp_path / "study.db")
    assert not (tmp_path / "study.db").exists()


def test_arguments_need_a_space_or_defaults():
    with pytest.raises(
        ObjectiveError, match="takes lr, hidden, which the space does not have. The space has nothing"
    ):
        danlu.tune(product, trials=3)
    with pytest.raises(ObjectiveError, match="takes no argument"):
        danlu.tune(lambda: 1.0, trials=3)
    assert danlu.tune(lambda t: t.suggest("lr", Float(0, 1)), trials=2).best.value >= 0


def test_a_goal_that_nobody_named_says_how_to_name_it():
    with pytest.raises(GoalError, match="name another goal, minimize='loss'"):
        danlu.tune(lambda t: {"loss": 0.5}, SPACE, trials=3)
    limited = danlu.tune(
        lambda t: {"loss": 0.5, "val loss": 2}, SPACE, minimize="loss", limits=["val loss <= 3"], trials=1
    )
    assert limited.best.violation == 0


def test_parameters_of_a_switch_reach_arguments_that_have_defaults():
    def train(lr, opt, momentum=None):
        return 1.0 if opt == "adam" else momentum

    result = danlu.tune(train, SWITCHED, trials=12, seed=0)
    for trial in result.trials:
        assert trial.value == trial.params.get("opt.sgd.momentum", 1.0)
    assert {trial.params["opt"] for trial in result.trials} == {"sgd", "adam"}
    with pytest.raises(
        ObjectiveError, match="momentum, which is not active at every point. Give it a default, momentum=None"
    ):
        danlu.tune(lambda lr, opt, momentum: 0.0, SWITCHED, trials=12)


def test_an_objective_named_by_its_file_gets_its_parameters_by_name(tmp_path):
    (tmp_path / "named_train.py").write_text("def train(lr, hidden):\n    return lr * hidden\n")
    path = f"{tmp_path}/named_train.py:train"
    for engine in (danlu.engines.Inline(), danlu.engines.Pool(1)):
        best = danlu.tune(
            path, SPACE, trials=1, engine=engine, store=tmp_path / "s.db", name=type(engine).__name__
        ).best
        assert best.value == at(best)
    joined = danlu.tune(path, SPACE, trials=2, store=tmp_path / "s.db", name="Inline")
    with danlu.open_study(store=tmp_path / "s.db", name="Inline") as study:
        assert study.session.settings.objective == f"{path}(lr,hidden)"
    assert len(joined.trials) == 2


def test_groups_are_read_as_they_were_written():
    def train(config):
        assert dict(config["model"]) == {"depth": config["depth"], "width": config["model.width"]}
        assert config.model.depth == config["model"]["depth"]
        assert config.get("model", {}).get("dropout", 0.5) == 0.5
        return config["model"]["depth"] * config["lr"]

    best = danlu.tune(train, NESTED, trials=1).best
    assert list(best.params) == ["lr", "model.depth", "model.width"]
    assert best.value == best.params["model.depth"] * best.params["lr"]
    assert Space(NESTED).slots[2].parameter == Int(8, 64, step=8)


def test_a_parameter_that_a_trial_hides_is_not_read_by_attribute():
    with pytest.raises(ObjectiveError, match=r"'seed' has. Read them as trial\['lr'\] and trial\['seed'\]"):
        danlu.tune(lambda c: c.lr, {"lr": Float(0, 1), "seed": Int(1, 3)}, trials=1)


def test_a_parameter_asked_for_by_another_name_is_said():
    def train(config):
        return config.get("learning_rate", 0.1) * config["hidden"]

    said = danlu.tune(train, SPACE, trials=3).why()
    assert sum("asked for 'learning_rate'" in line and "never read 'lr'" in line for line in said) == 1
    switched = danlu.tune(lambda lr, opt, momentum=None, **rest: lr, SWITCHED, trials=4, seed=0)
    assert not any("never read" in line for line in switched.why())
    assert not any("never read" in line for line in danlu.tune(tried, SPACE, trials=1).why())


def test_absence_is_a_key_error_and_a_switchs_other_options_are_inactive():
    with danlu.open_study(SWITCHED, seed=0) as study:
        trial = next(t for t in iter(study.ask, None) if t["opt"] == "adam")
        with pytest.raises(InactiveParameter, match="momentum is not active") as caught:
            trial["momentum"]
        assert str(caught.value) == "momentum is not active at this point."
        assert trial.get("momentum", 0.5) == 0.5
        with pytest.raises(NoParameter, match="Did you mean 'lr'"):
            trial["lrr"]
        assert hash(trial) != hash(study.ask())


def reported(*calls, minimize="loss"):
    def train(trial):
        for args, named in calls:
            trial.report(*args, **named)

    return danlu.tune(train, SPACE, minimize=minimize, trials=1).best.curve


REPORTS = {
    "step and name": [((1,), {"loss": 0.5}), ((2,), {"loss": 0.25})],
    "step and value": [((1, 0.5), {}), ((2, np.float32(0.25)), {})],
    "names alone": [((), {"loss": 0.5}), ((), {"loss": 0.25})],
    "mapping alone": [(({"loss": 0.5},), {}), (({"loss": 0.25},), {})],
    "mapping and step": [(({"loss": 0.5},), {"step": 1}), (({"loss": 0.25}, 2), {})],
    "step and mapping": [((1, {"loss": 0.5}), {}), ((np.int64(2), {"loss": 0.25}), {})],
    "step by name": [
        ((), {"step": 1, "loss": 0.5}),
        ((), {"step": torch.tensor(2), "loss": torch.tensor(0.25)}),
    ],
    "step inside": [(({"loss": 0.5, "step": 1},), {}), (({"loss": 0.25, "step": 2},), {})],
}


@pytest.mark.parametrize("form", REPORTS)
def test_reports_are_taken_in_the_forms_people_write(form):
    curve = reported(*REPORTS[form])
    assert curve.steps == (1, 2)
    assert curve.metrics == {"loss": (0.5, 0.25)}


def test_reports_of_names_that_are_no_identifiers_and_of_entries_that_are_no_numbers():
    curve = reported(((1,), {"val/loss": 0.5, "phase": "warm", "done": False}), minimize="val/loss")
    assert curve.metrics == {"val/loss": (0.5,)}
    nested = reported(((1, {"val": {"loss": 0.5}}), {}), minimize="val/loss")
    assert nested.metrics == {"val/loss": (0.5,)}


def test_counted_steps_are_said_once(capsys):
    result = danlu.tune(lambda t: t.report(loss=0.5), SPACE, minimize="loss", trials=3)
    assert sum("one step after the last" in line for line in result.why()) == 1
    assert capsys.readouterr().err.count("one step after the last") == 1
    named = danlu.tune(lambda t: t.report({"loss": 0.5}, step=1), SPACE, minimize="loss", trials=3)
    assert not any("one step after the last" in line for line in named.why())


def test_a_counted_step_goes_on_after_the_checkpoint(tmp_path):
    with danlu.open_study(SPACE, minimize="loss", store=tmp_path / "s.db") as study:
        trial = study.ask()
        trial.report(loss=0.5)
        trial.save(2, {})
        trial.report(loss=0.25)
        study.session.responder.release(trial.number, trial.attempt, danlu.Cause.PREEMPTED, "by hand")
        again = study.ask()
        assert (again.number, again.restore({})) == (0, 2)
        again.report(loss=0.125)
        assert study.result.trials[0].curve.steps == (1, 2, 3)


MISREPORTED = {
    "nothing": (lambda t: t.report(), "needs at least one metric"),
    "a step alone": (lambda t: t.report(3), "3 alone can be a step or a value"),
    "a value alone": (lambda t: t.report(0.3), "0.3 alone can be a step or a value"),
    "the order of optuna": (lambda t: t.report(0.5, 1), r"a whole number >= 0 before its value, got 0.5"),
    "the order of optuna, whole": (
        lambda t: t.report(1.0, 3),
        "a whole number >= 0 before its value, got 1.0",
    ),
    "two whole numbers": (lambda t: t.report(97, 3), r"Write trial.report\(97, loss=3\)"),
    "text": (lambda t: t.report(1, loss="0.3"), "needs a real number, got '0.3'"),
    "none": (lambda t: t.report(1, loss=None), "needs a real number, got None"),
    "bool": (lambda t: t.report(1, loss=True), "needs a real number, got True"),
    "array": (lambda t: t.report(1, loss=np.ones(2)), "needs a real number"),
    "list": (lambda t: t.report(1, loss=[0.5, 0.25]), r"Report loss\[-1\]"),
    "a step of text": (lambda t: t.report("3", loss=0.5), "a step that is a whole number >= 0, got '3'"),
    "a bool step": (lambda t: t.report(True, loss=0.5), "a step that is a whole number >= 0, got True"),
    "half a step": (lambda t: t.report(1.5, loss=0.5), "got 1.5"),
    "a step below zero": (lambda t: t.report(-1, loss=0.5), "got -1"),
    "a step that is none": (lambda t: t.report(math.nan, loss=0.5), "got nan"),
    "two steps": (lambda t: t.report(1, loss=0.5, step=2), "a report has one step"),
}


@pytest.mark.parametrize("form", MISREPORTED)
def test_reports_that_can_be_read_two_ways_are_refused(form):
    call, sentence = MISREPORTED[form]
    with danlu.open_study(SPACE, minimize="loss") as study:
        trial = study.ask()
        with pytest.raises(ReportError, match=sentence):
            call(trial)
        trial.report(1, loss=0.5)


def test_a_value_without_a_name_needs_one_goal():
    with (
        danlu.open_study(SPACE, minimize=["loss", "size"]) as study,
        pytest.raises(ReportError, match="this one has loss, size"),
    ):
        study.ask().report(1, 0.5)


# Choices of anything, and what else a space is made of.


class Shade(enum.Enum):
    RED = 1
    BLUE = 2


THINGS = {"relu": torch.nn.ReLU, "root": math.sqrt, "wide": [64, 32], "half": torch.float16}


def test_a_choice_gives_the_thing_and_the_journal_keeps_the_name(tmp_path):
    seen = []

    def train(trial):
        seen.append((trial["act"], trial.act, dict(trial)["act"], trial.params["act"]))
        return float(len(seen))

    space = {"act": Choice(THINGS, prior="root")}
    result = danlu.tune(train, space, trials=4, store=tmp_path / "s.db")
    names = [trial.params["act"] for trial in result.trials]
    assert names[0] == "root"
    assert set(names) == set(THINGS)
    for name, things in zip(names, seen, strict=True):
        assert all(thing == THINGS[name] for thing in things)
    assert space["act"][result.best.params["act"]] is THINGS[result.best.params["act"]]
    assert Space(space).forms.given(result.best.params)["act"] == THINGS[result.best.params["act"]]
    again = danlu.tune(train, space, trials=4, store=tmp_path / "s.db")
    assert len(again.trials) == 4
    with pytest.raises(SpaceError, match="another space"):
        danlu.tune(train, {"act": Choice({"relu": 0})}, trials=4, store=tmp_path / "s.db")


def test_a_thing_in_a_switch_and_one_drawn_while_running():
    space = {"net": Switch(mlp={"act": Choice({"a": max, "b": min})}, none={})}

    def train(trial):
        drawn = trial.suggest("norm", Choice({"sum": sum, "list": [1, 2]}))
        assert drawn in (sum, [1, 2])
        assert trial["norm"] == drawn
        return trial["act"](1.0, 2.0) if trial["net"] == "mlp" else 3.0

    result = danlu.tune(train, space, trials=8, seed=0)
    assert all(trial.status is danlu.Status.DONE for trial in result.trials)
    for trial in result.trials:
        assert trial.value == {"a": 2.0, "b": 1.0, None: 3.0}[trial.params.get("net.mlp.act")]
        assert trial.params["norm"] in ("sum", "list")


def test_things_travel_to_a_pool():
    space = {
        "act": Choice({"root": math.sqrt, "shout": lambda value: -value}),
        "sizes": Choice([[4, 9], (1, [4])]),
    }
    result = danlu.tune(lambda t: t["act"](t["sizes"][0]) if type(t["sizes"]) in (list, tuple) else 0, space, trials=4,
                        engine=danlu.engines.Pool(1))  # fmt: skip
    assert sorted(trial.value for trial in result.trials) == [-4.0, -1.0, 1.0, 2.0]
    assert all(trial.params["sizes"] in ([4, 9], (1, [4])) for trial in result.trials)


def test_a_worker_without_the_things_says_so(tmp_path):
    store = tmp_path / "s.db"
    with danlu.open_study(
        {"act": Choice({"root": math.sqrt}), "lr": Float(0, 1)}, store=store, trials=3
    ) as study:
        assert study.ask()["act"] is math.sqrt
        study.session.announce()
    with pytest.raises(ObjectiveError, match="act of 'study' is a choice of things by name"):
        danlu.work(store, "study", "objectives:from_scratch")
    with danlu.open_study(store=store) as joined:
        trial = joined.ask()
        for read in (lambda: trial["act"], lambda: dict(trial), lambda: trial.params, lambda: trial.act):
            with pytest.raises(ObjectiveError, match="'root' is not at hand here"):
                read()
        with pytest.raises(SpaceError, match="only names are kept"):
            joined.space.slots[0].parameter["root"]


def test_lists_come_back_as_lists_fresh_for_each_trial():
    def train(trial):
        assert type(trial["layers"]) is list
        trial["layers"].append(1)
        trial["deep"]["layers"].append(1)
        assert trial["shape"] in ((1, 2), ([3], 4))
        return 1.0

    space = {
        "layers": Choice([[64, 32], [128]]), "shape": Choice([(1, 2), ([3], 4)]),
        "deep": Choice({"a": {"layers": [1]}, "b": {"layers": [2]}}),
    }  # fmt: skip
    for engine in (danlu.engines.Inline(), danlu.engines.Pool(1)):
        result = danlu.tune(train, space, trials=6, engine=engine)
        assert all(trial.status is danlu.Status.DONE for trial in result.trials), result.why()
        assert {tuple(trial.params["layers"]) for trial in result.trials} == {(64, 32), (128,)}
        assert all(type(trial.params["layers"]) is list for trial in result.trials)
        assert danlu.tune(train, space, trials=1, enqueue=[{"layers": [128]}]).trials[0].params["layers"] == [
            128
        ]


TAKEN = {
    "numpy bounds": (Int(np.int64(1), np.int32(5), prior=np.int8(3)), Int(1, 5, prior=3)),
    "single precision": (Float(np.float32(0.5), np.float64(1)), Float(0.5, 1.0)),
    "numpy step": (Int(np.int64(0), 8, step=np.int64(2)), Int(0, 8, step=2)),
    "range": (Choice(range(1, 4)), Choice([1, 2, 3])),
    "array": (Choice(np.array([1, 2])), Choice([1, 2])),
    "array of bools": (Choice(np.array([True, False])), Choice([True, False])),
    "array of rows": (Choice(np.array([[1, 2], [3, 4]])), Choice([[1, 2], [3, 4]])),
    "numpy bools": (Choice([np.True_, np.False_]), Choice([True, False])),
    "index": (Choice(pd.Index(["a", "b"])), Choice(["a", "b"])),
    "keys": (Choice({"a": 1}.keys()), Choice(["a"])),
    "generator": (Choice(each for each in "ab"), Choice(["a", "b"])),
    "prior": (Choice([[1], [2]], prior=[2]), Choice([[1], [2]], prior=(2,))),
}


@pytest.mark.parametrize("form", TAKEN)
def test_parameters_take_what_numbers_and_options_come_in(form):
    taken, plain = TAKEN[form]
    assert taken == plain
    assert repr(taken) == repr(plain)
    assert [type(value) for value in getattr(taken, "values", ())] == [
        type(value) for value in getattr(plain, "values", ())
    ]


IMPOSSIBLE = {
    "things without names": (lambda: Choice([torch.nn.ReLU, torch.nn.GELU]), r"Choice\(\{'ReLU': ReLU, 'GELU': GELU\}\)"),
    "enum": (lambda: Choice(list(Shade)), r"Choice\(\{'RED': RED, 'BLUE': BLUE\}\)"),
    "paths": (lambda: Choice([pathlib.Path("a.txt")]), r"Choice\(\{'a.txt': a.txt\}\)"),
    "dtypes": (lambda: Choice([torch.float16]), "'torch.float16'"),
    "dicts": (lambda: Choice([{"a": 1}]), "Name what is none"),
    "a range among options": (lambda: Choice([Float(0, 1), None]), r"Write Switch\(first="),
    "a range in an option": (lambda: Choice([[1, Int(1, 2)]]), r"Write Switch\(first="),
    "a range by name": (lambda: Choice({"low": Float(0, 1), "none": 0}), r"Write Switch\(first="),
    "a space by name": (lambda: Choice({"sgd": {"momentum": Float(0, 1)}}), r"Write Switch\(first="),
    "a switch by name": (lambda: Choice({"a": Switch(b={})}), r"Write Switch\(first="),
    "alike": (lambda: Choice([lambda: 1, lambda: 2]), "Each name has to be different"),
    "text": (lambda: Choice("abc"), r"Write Choice\(\[...\]\)"),
    "set": (lambda: Choice({"a", "b"}), r"Write Choice\(sorted\(...\)\)"),
    "numbers as names": (lambda: Choice({1: "a"}), "names that are non-empty strings"),
    "prior of a thing": (lambda: Choice({"a": max}, prior=max), "one of"),
    "list in a space": (lambda: Space({"a": ["x", "y"]}), r"Choice\(\['x', 'y'\]\) for a list of options"),
    "pair in a space": (lambda: Space({"a": (1e-5, 1e-1)}), r"Float\(1e-05, 0.1\) for a range"),
    "array in a space": (lambda: Space({"a": np.arange(3)}), "Choice"),
    "set in a space": (lambda: Space({"a": {"x"}}), r"Choice\(\['x'\]\)"),
    "bools in a space": (lambda: Space({"a": [True, False]}), r"Choice\(\[True, False\]\)"),
    "class in a space": (lambda: Space({"a": torch.nn.ReLU}), r"Choice\(\{'ReLU': ...\}\)"),
    "function in a space": (lambda: Space({"a": math.sqrt}), r"Choice\(\{'sqrt': ...\}\)"),
    "falling range": (lambda: Space({"a": range(5, 1, -1)}), "rising numbers"),
    "sweep": (lambda: Space({"lr": {"min": 1e-5, "max": 0.1, "distribution": "log_uniform_values"}}), r"Float\(1e-05, 0.1, log=True\)"),
    "sweep of values": (lambda: Space({"lr": {"values": [1, 2]}}), r"danlu.Choice\(\[1, 2\]\)"),
    "nni": (lambda: Space({"lr": {"_type": "uniform", "_value": [0, 1]}}), "NNI"),
    "scipy": (lambda: Space({"lr": __import__("scipy.stats").stats.loguniform(1e-5, 1)}), r"Float\(low, high, log=True\)"),
    "min and max": (lambda: Float(min=0, max=1), "danlu says low="),
    "distribution": (lambda: Float(0, 1, distribution="log"), "danlu says log=True"),
    "default": (lambda: Int(1, 5, default=3), "danlu says prior="),
    "choices": (lambda: Choice(choices=[1]), "danlu says values="),
    "misspelled": (lambda: Int(1, 5, stp=2), "Did you mean step"),
    "one bound": (lambda: Float(1), r"Float is made as Float\(low, high"),
    "three numbers": (lambda: Int(1, 5, 2), r"Int is made as Int\(low, high"),
}  # fmt: skip


@pytest.mark.parametrize("form", IMPOSSIBLE)
def test_spaces_that_can_be_read_two_ways_are_refused_with_each(form):
    made, sentence = IMPOSSIBLE[form]
    with pytest.raises((SpaceError, ArgumentError), match=sentence):
        made()


def test_distributions_of_other_tools_are_answered_with_danlus():
    class FloatDistribution:
        low, high, log = 1e-5, 0.1, True

    FloatDistribution.__module__ = "optuna.distributions"
    with pytest.raises(
        SpaceError, match=r"a distribution of optuna.*Write danlu.Float\(1e-05, 0.1, log=True\)"
    ):
        Space({"lr": FloatDistribution()})

    class Categorical:
        categories = ("a", "b")

    Categorical.__module__ = "ray.tune.search.sample"
    with pytest.raises(SpaceError, match=r"Write danlu.Choice\(\['a', 'b'\]\)"):
        Space({"net": {"act": Categorical(), "depth": Int(1, 2)}})


WORDS = {
    "n_trials": "trials=", "num_samples": "trials=", "max_evals": "trials=", "n_iter": "trials=", "max_trials": "trials=",
    "timeout": "time=", "time_budget_s": "time=", "direction": "minimize=", "directions": "minimize=", "mode": "minimize=",
    "metric": "minimize=", "objective_name": "minimize=", "config": "space=", "search_space": "space=",
    "param_space": "space=", "n_jobs": "workers=", "max_concurrent_trials": "workers=", "resources_per_trial": "gpus=",
    "study_name": "name=", "storage": "store=", "local_dir": "store=", "load_if_exists": "resumes", "pruner": "scheduler=",
    "points_to_evaluate": "enqueue=", "random_state": "seed=", "executions_per_trial": "mean", "show_progress_bar": "watch=",
    "gc_after_trial": "nothing", "catch": "failed", "fail_fast": "failed", "verbose": "watch=", "algo": "sampler=",
    "steps": "danlu.Budget.steps=", "cost": "danlu.Budget.cost=", "no_improvement": "danlu.Budget.no_improvement=",
    "trial_time": "danlu.TrialLimits.time=", "trial_memory": "danlu.TrialLimits.memory=", "retries": "danlu.TrialLimits.retries=",
    "same_failures": "danlu.TrialLimits.same_failures=", "at": "danlu.Goal.of",
    "trails": "Did you mean trials", "wrokers": "Did you mean workers", "colour": "There are: objective, space",
}  # fmt: skip


@pytest.mark.parametrize("word", WORDS)
def test_arguments_of_other_tools_are_answered_with_danlus_word(word):
    with pytest.raises(TypeError, match=f"has no argument {word}. .*{WORDS[word]}") as caught:
        danlu.tune(product, SPACE, **{word: 1})
    assert isinstance(caught.value, SettingError)
    if word not in ("trails", "wrokers", "colour"):
        with pytest.raises(ArgumentError, match=WORDS[word]):
            danlu.open_study(SPACE, **{word: 1})


OPTIONS = {
    "--n-trials": "danlu says --trials.", "--timeout": "danlu says --time.", "--direction": "danlu says --minimize or --maximize.",
    "--n-jobs": "danlu says --workers.", "--study-name": "danlu says --name.", "--points-to-evaluate": "danlu says enqueue=",
    "--trails": "--trials", "--color": "No such option '--color'",
}  # fmt: skip


@pytest.mark.parametrize("option", OPTIONS)
def test_options_of_other_tools_are_answered_on_the_command_line(option, capsys):
    with pytest.raises(SystemExit) as left:
        main(["run", "objectives:from_scratch", option, "3"])
    assert left.value.code == 2
    assert OPTIONS[option] in capsys.readouterr().err


# Copies.


def copies(thing):
    yield copy.copy(thing)
    yield copy.deepcopy(thing)
    yield pickle.loads(pickle.dumps(thing))
    yield cloudpickle.loads(cloudpickle.dumps(thing))


def test_spaces_results_trials_and_histories_are_copied_and_sent(tmp_path):
    def train(trial):
        trial.save(1, {"weight": np.ones(2)})
        trial.report(1, loss=trial["lr"])

    space = Space(
        {**SWITCHED, "act": Choice({"root": math.sqrt}), "layers": Choice([[1], [2, 3]])},
        constraints=["lr < 0.7"],
    )
    for one in copies(space):
        assert one == space
        assert hash(one) == hash(space)
        assert one.forms.things == {"act": {"root": math.sqrt}}
        assert not one.constraints.hold({"lr": 0.75})
    assert Space(SPACE) != Space({**SPACE, "lr": Float(0.25, 0.5)})
    assert Space(SPACE, constraints=[lambda p: True]) != Space(SPACE, constraints=[lambda p: True])
    assert Switch(a={"x": Int(1, 2)}) == copy.deepcopy(Switch(a={"x": Int(1, 2)})) != Switch(a={})
    result = danlu.tune(train, space, minimize="loss", trials=4, store=tmp_path / "s.db")
    for one in copies(result):
        assert repr(one) == repr(result)
        assert one.trials == result.trials
        assert one.why() == result.why()
        assert one.analysis.importance().parameters == result.analysis.importance().parameters
        held = {"weight": np.zeros(2)}
        assert one.restore(held) == 1
        assert held["weight"].tolist() == [1.0, 1.0]
    with pytest.raises(StoreError, match="a pickled result of 'study'"):
        next(iter(pickle.loads(pickle.dumps(result)).study.entries()))
    for one in copies(result.history):
        assert np.array_equal(one.columns.losses, result.history.columns.losses)
        assert list(one.trials) == result.trials
    for one in copies(snapshot(result.history)):
        assert one.incumbents.best == result.history.incumbents.best
        assert np.array_equal(one.columns.units, result.history.columns.units)
    for one in copies(result.best):
        assert one == result.best
    assert copy.copy(result).history is not result.history


def test_a_copied_history_folds_on_by_itself():
    with danlu.open_study(SPACE, minimize="loss") as study:
        study.tell(study.ask(), 1.0)
        before = study.result.history
        copied = copy.deepcopy(before)
        study.tell(study.ask(), 0.5)
        copied.fold(study.session.replica.journal.read(copied.seq))
        assert list(copied.trials) == study.result.trials
        assert copied.incumbents.best == 1


def test_a_copied_trial_reads_and_refuses_to_report():
    with danlu.open_study(SPACE) as study:
        trial = study.ask()
        for one in copies(trial):
            assert dict(one) == dict(trial)
            assert one.lr == trial.lr
            assert (one.number, one.seed) == (trial.number, trial.seed)
            for call in (lambda one=one: one.report(1, value=0.5), lambda one=one: one.log(a=1)):
                with pytest.raises(ReportError, match="this is a copy of trial 0"):
                    call()


def lr_of(trial):
    return trial["lr"]


def test_a_trial_goes_to_another_process():
    with danlu.open_study(SPACE) as study, multiprocessing.get_context("spawn").Pool(1) as pool:
        trial = study.ask()
        assert pool.map(dict, [trial]) == [dict(trial)]


def test_what_cannot_be_copied_says_why(tmp_path):
    with danlu.open_study(SPACE) as study, pytest.raises(DanluError, match="Open it by name"):
        pickle.dumps(study)
    store = danlu.stores.SqliteStore(tmp_path / "s.db")
    danlu.tune(product, SPACE, trials=1, store=store)
    for one in copies(store):
        assert one.studies() == ["study"]
    assert [repr(one) for one in copies(danlu.engines.Pool(2))] == ["Pool(workers=2, gpus=0)"] * 4


def test_people_can_read_what_is_printed():
    best = danlu.tune(lambda t: {"loss": [0.5, 0.25], "acc": 1 / 3}, SPACE, minimize="loss", trials=1).best
    assert str(best) == "trial 0 done: loss 0.25, acc 0.333333 after 2 steps\nlr=0.5, hidden=6"
    assert repr(best) == "Trial(0, done, loss=0.25, acc=0.333333, params={'lr': 0.5, 'hidden': 6})"
    assert len(repr(danlu.tune(product, SPACE, trials=3).history)) < 60


def test_the_words_of_other_tools_cost_no_import_time():
    code = (
        "import sys, danlu; from danlu import Choice, Float; assert 'asyncio' not in sys.modules, 'asyncio'"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_an_objective_and_a_space_that_are_swapped_are_told():
    with pytest.raises(SpaceError, match=r"swapped\? Write tune\(objective, space\)"):
        danlu.tune({"x": Float(0, 1)}, lambda t: 1.0, minimize="loss", trials=2)
    with pytest.raises(SpaceError, match="a space is a mapping of names to parameters"):
        danlu.tune(lambda t: 1.0, [("x", Float(0, 1))], trials=2)


@pytest.mark.parametrize("goal", [True, 1, 0.5])
def test_a_goal_that_is_no_name_is_told(goal):
    with pytest.raises(GoalError, match="a goal is the name of a metric"):
        danlu.tune(lambda t: 1.0, {"x": Float(0, 1)}, minimize=goal, trials=2)


@pytest.mark.parametrize("curve", [[0.5, math.nan, math.nan], [math.nan, 0.5], [0.5, math.inf], [0.5, 1e9]])
def test_a_returned_curve_that_diverged_has_failed_like_a_reported_one(curve):
    """And a scheduler that ends nothing that diverges, ends no returned curve."""

    def reports(trial):
        for step, loss in enumerate(curve, 1):
            trial.report(step, loss=loss)

    space, how = {"x": danlu.Float(0, 1)}, {"minimize": "loss", "trials": 2, "watch": False}
    for scheduler in (None, "none", danlu.schedulers.Median()):
        told, returned = (
            danlu.tune(each, space, scheduler=scheduler, **how) for each in (reports, lambda trial: {"loss": list(curve)})
        )  # fmt: skip
        seen = [
            [repr((trial.status, trial.cause, trial.reason, trial.metrics)) for trial in each.trials]
            for each in (told, returned)
        ]
        assert seen[0] == seen[1]
        assert told.trials[0].status is (danlu.Status.FAILED if scheduler is None else danlu.Status.DONE)


@pytest.mark.parametrize(
    "value", [np.ma.masked, np.ma.masked_invalid([math.nan])[0], np.ma.array([1.0], mask=[True])]
)
def test_what_is_masked_is_no_number(value):
    """numpy makes 0.0 of it, which would be the best value of all."""
    for given in (value, {"loss": value}):
        with pytest.raises(ObjectiveError, match="real number|mapping"):
            danlu.tune(
                lambda trial, given=given: given,
                {"x": danlu.Float(0, 1)},
                minimize="loss",
                trials=2,
                watch=False,
            )
    assert real(np.ma.array(0.5)) == 0.5


@pytest.mark.parametrize(
    "made",
    [
        lambda: danlu.Int(1, 8, log=2),
        lambda: danlu.Float(1, 8, log="yes"),
        lambda: danlu.Float(1, 8, log=None),
    ],
)
def test_a_scale_is_logarithmic_or_not(made):
    with pytest.raises(SpaceError, match="needs log=True or log=False, got log="):
        made()
    assert danlu.Int(1, 8, log=np.bool_(True)) == danlu.Int(1, 8, log=True)


def test_constraints_that_say_nothing_are_refused():
    both = {"x": danlu.Float(0, 1), "on": danlu.Choice([True, False])}
    for text in ("x", "x + 1", "not x", "on and x", "x < 1 or 'a'"):
        with pytest.raises(SpaceError, match="compares"):
            danlu.Space(both, constraints=[text])
    for text in ("on", "not on", "on and x < 1"):
        danlu.Space(both, constraints=[text])
    for text in ("True", "1 < 2", "not False"):
        with pytest.raises(SpaceError, match="names no parameter, so it is the same at every point.*'x < 1'"):
            danlu.Space(both, constraints=[text])
    with pytest.raises(SpaceError, match="gave None.*Has it a return"):
        danlu.tune(lambda trial: 0.5, danlu.Space(both, constraints=[lambda p: None]), trials=1, watch=False)
    for given in (0.5, "no", np.array([True, False]), np.float64(0.0), []):
        space = danlu.Space(both, constraints=[lambda p, given=given: given])
        with pytest.raises(
            SpaceError, match="has to say True where it holds and False where not. Return a comparison"
        ):
            danlu.tune(lambda trial: 0.5, space, trials=1, watch=False)
    for given in (True, np.bool_(True), np.array(True)):
        space = danlu.Space(both, constraints=[lambda p, given=given: given])
        assert len(danlu.tune(lambda trial: 0.5, space, trials=1, watch=False).front) == 1


def test_options_that_are_none_are_refused_with_what_to_write():
    with pytest.raises(SpaceError, match="Choice needs ordered=True or ordered=False, got ordered='no'"):
        danlu.Choice([1, 2], ordered="no")
    for given in (3, ["a", "b"]):
        with pytest.raises(
            SpaceError, match="Switch needs its options by name, each with a dict of parameters, got"
        ):
            danlu.Switch(given)


def test_an_argument_that_is_taken_for_the_trial_is_told_so():
    """The one argument of a function is the trial, whatever it is called; the error of one that meant a value says so."""

    def opt(learning_rate):
        return (learning_rate - 0.3) ** 2

    with pytest.raises(
        ObjectiveError,
        match=r"its one argument, learning_rate, is the whole trial: read learning_rate\['lr'\]",
    ):
        danlu.tune(opt, {"lr": danlu.Float(0, 1)}, minimize="loss", trials=4, watch=False)
    with pytest.raises(ObjectiveError) as said:
        danlu.tune(lambda trial: trial - 1, {"lr": danlu.Float(0, 1)}, minimize="loss", trials=4, watch=False)
    assert "whole trial" not in str(said.value)
