"""Other tools' sweep files: what is read of them, what is said, what is refused."""

import json
import math
import sys

import numpy as np
import pytest
import yaml
from scipy import stats

from danlu import Choice, Float, Int, Space
from danlu.errors import DanluError, ObjectiveError, SpaceError
from danlu.maths.halving import rungs
from danlu.programs.sweeps import distributions, macros, wandb


def parameter(**config):
    return distributions.searched("p", config)


def sweep(text, **more):
    return wandb.read(yaml.safe_load(text) | more)


# Distributions.


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"min": 1, "max": 8}, Int(1, 8)),
        ({"min": 1, "max": 8.0}, Float(1, 8)),
        ({"min": 0.5, "max": 2}, Float(0.5, 2)),
        ({"distribution": "uniform", "min": 1, "max": 8}, Float(1, 8)),
        ({"distribution": "int_uniform", "min": 2, "max": 5}, Int(2, 5)),
        ({"values": [16, 32]}, Choice([16, 32])),
        ({"values": [None, True, 1, 1.0, "1"]}, Choice([None, True, 1, 1.0, "1"])),
        ({"distribution": "log_uniform_values", "min": 1e-5, "max": 0.1}, Float(1e-5, 0.1, log=True)),
        ({"distribution": "log_uniform", "min": -2, "max": 3}, Float(math.exp(-2), math.exp(3), log=True)),
        ({"distribution": "inv_log_uniform", "min": -2, "max": 3}, Float(math.exp(-3), math.exp(2), log=True)),
        ({"distribution": "inv_log_uniform_values", "min": 0.01, "max": 3}, Float(0.01, 3, log=True)),
        ({"distribution": "q_uniform", "min": 0, "max": 1, "q": 0.25}, Float(0, 1, step=0.25)),
        ({"distribution": "q_uniform", "min": 7, "max": 100, "q": 8}, Int(8, 96, step=8)),
        ({"distribution": "q_uniform", "min": 0.2, "max": 4.4}, Int(0, 4)),
        ({"distribution": "q_log_uniform_values", "min": 1, "max": 64, "q": 1}, Int(1, 64, log=True)),
        ({"distribution": "q_log_uniform_values", "min": 16, "max": 512, "q": 16}, Int(16, 512, step=16)),
        ({"distribution": "q_log_uniform_values", "min": 1e-4, "max": 1, "q": 1e-4}, Float(1e-4, 1, log=True)),
        ({"distribution": "q_log_uniform", "min": 0, "max": math.log(64)}, Int(1, 64, log=True)),
        ({"distribution": "normal", "mu": 2, "sigma": 0.5}, Float(0.5, 3.5, prior=2)),
        ({"distribution": "normal"}, Float(-3, 3, prior=0)),
        ({"distribution": "q_normal", "mu": 100, "sigma": 10, "q": 5}, Int(70, 130, step=5)),
        ({"distribution": "q_normal", "mu": 0, "sigma": 1, "q": 0.5}, Float(-3, 3, step=0.5)),
        ({"distribution": "log_normal", "mu": 0, "sigma": 1}, Float(math.exp(-3), math.exp(3), log=True, prior=1)),
        ({"distribution": "q_log_normal", "mu": 3, "sigma": 0.5, "q": 2}, Int(4, 90, step=2)),
        ({"distribution": "q_log_normal", "q": 0.1}, Float(math.exp(-3), math.exp(3), log=True, prior=1)),
        ({"distribution": "beta", "a": 1, "b": 3}, Float(0, 1, prior=0.25)),
        ({"distribution": "q_beta", "a": 2, "b": 2, "q": 0.1}, Float(0, 1, step=0.1)),
    ],
)  # fmt: skip
def test_each_distribution_is_searched_where_it_draws(config, expected):
    assert parameter(**config).parameter == expected


@pytest.mark.parametrize(
    ("config", "value"),
    [
        ({"value": [1, 2]}, [1, 2]),
        ({"distribution": "constant", "value": "x"}, "x"),
        ({"min": 3, "max": 3}, 3),
        ({"values": ["adam"]}, "adam"),
        ({"distribution": "normal", "mu": 2, "sigma": 0}, 2),
        ({"distribution": "q_uniform", "min": 0.9, "max": 1.2, "q": 1}, 1),
    ],
)
def test_what_has_one_value_is_no_parameter(config, value):
    found = parameter(**config)
    assert (found.parameter, found.value) == (None, value)


@pytest.mark.parametrize(
    ("config", "theirs"),
    [
        ({"distribution": "normal", "mu": 2, "sigma": 0.5}, stats.norm(2, 0.5)),
        ({"distribution": "log_normal", "mu": 1, "sigma": 0.5}, stats.lognorm(0.5, scale=math.e)),
        ({"distribution": "beta", "a": 2, "b": 5}, stats.beta(2, 5)),
        (
            {"distribution": "q_log_uniform_values", "min": 10, "max": 1000, "q": 2},
            stats.loguniform(10, 1000),
        ),
    ],
)
def test_a_random_search_draws_as_the_file_says(config, theirs):
    found = parameter(**config)
    rng = np.random.default_rng(3)
    drawn = [found.shape.within(found.parameter, float(rng.random())) for _ in range(2000)]
    Space({"p": found.parameter}).encode({"p": drawn[0]})
    # 0.27 % of the normal ones are cut, and one in two values is rounded: still the same law at a rate of errors below 1e-4
    assert stats.kstest(drawn, theirs.cdf).pvalue > 1e-4
    even = rng.uniform(found.parameter.low, found.parameter.high, 2000)
    assert stats.kstest(even, theirs.cdf).pvalue < 1e-9


def test_options_are_drawn_by_their_probabilities():
    found = parameter(values=["a", "b", "c"], probabilities=[0.7, 0.3, 0.0])
    rng = np.random.default_rng(0)
    drawn = [found.shape.within(found.parameter, float(rng.random())) for _ in range(2000)]
    assert abs(drawn.count("a") - 1400) < 5 * math.sqrt(2000 * 0.21)
    assert "c" not in drawn
    assert found.shape.within(found.parameter, 1.0 - 1e-12) == "b"


def test_a_value_twice_is_one_option_of_double_weight():
    found = parameter(values=[1, 1, 2])
    assert found.parameter == Choice([1, 2])
    assert found.shape.weights == pytest.approx((2 / 3, 1 / 3))
    assert "twice" in found.said[0]


def test_dicts_are_options_by_name():
    found = parameter(values=[{"layers": 2}, {"layers": 3}])
    assert found.parameter['{"layers": 3}'] == {"layers": 3}


def test_exponents_and_texts_are_said():
    assert (
        "searched from 1.00001 to 1.10517" in parameter(distribution="log_uniform", min=1e-5, max=0.1).said[0]
    )
    text = yaml.safe_load("{min: 1e-5, max: 0.1}")
    assert text["min"] == "1e-5"  # YAML 1.1
    found = parameter(**text)
    assert found.parameter == Float(1e-5, 0.1)
    assert "write 1.0e-5" in found.said[0]
    assert yaml.safe_load("1.0e-5") == 1e-5


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"min": 2, "max": 1}, "min <= max"),
        ({"min": 0}, "needs value, values, min and max"),
        ({"distribution": "lognormal"}, "Did you mean log_normal"),
        ({"mu": 0, "sigma": 1}, "Write distribution: normal"),
        ({"values": []}, "a list with something in it"),
        ({"values": [1, 2], "probabilities": [0.5, 0.4]}, "1 in all"),
        ({"values": [1, 2], "min": 0}, "categorical takes values, got min"),
        ({"distribution": "uniform", "min": 0}, "max is missing"),
        ({"distribution": "log_uniform_values", "min": 0, "max": 1}, "min > 0"),
        ({"distribution": "log_uniform", "min": 0, "max": 1000}, "exponents of e"),
        ({"distribution": "int_uniform", "min": 0.5, "max": 3}, "whole bounds"),
        ({"distribution": "q_uniform", "min": 0, "max": 3, "q": 0}, "q > 0"),
        ({"distribution": "beta", "a": 0}, "a > 0"),
        ({"distribution": "normal", "sigma": -1}, "sigma >= 0"),
        ({"min": "low", "max": 1}, "finite number"),
        ({"min": True, "max": 3}, "finite number"),
    ],
)
def test_what_makes_no_sense_is_refused(config, sentence):
    with pytest.raises(SpaceError, match=sentence):
        parameter(**config)


# Files.

BAYES = """
program: train.py
name: tiny
method: bayes
metric: {name: val/acc, goal: maximize, target: 0.9}
run_cap: 12
parameters:
  lr: {distribution: log_uniform_values, min: 0.001, max: 0.1}
  epochs: {value: 5}
  optimizer:
    parameters:
      name: {values: [sgd, adam]}
      nesterov: {value: true}
early_terminate: {type: hyperband, min_iter: 3, eta: 2}
"""


def test_a_file_is_read_whole(tmp_path):
    found, command = sweep(BAYES)
    assert (found.name, found.metric, found.maximize, found.target, found.trials) == (
        "tiny",
        "val/acc",
        True,
        0.9,
        12,
    )
    assert list(found.space) == ["lr", "optimizer.name"]
    assert found.sampler == "auto"
    assert rungs(found.rungs.low, found.rungs.high, found.rungs.factor)[:4] == (3, 6, 12, 24)
    assert "danlu's own search" in found.said[0]
    assert command.words({"lr": 0.1, "optimizer.name": "adam"}, {"dir": "d"})[1:] == [
        sys.executable, "train.py", "--epochs=5", "--optimizer={'nesterov': True, 'name': 'adam'}", "--lr=0.1",
    ]  # fmt: skip
    command.write({"lr": 0.1, "optimizer.name": "adam"}, {"dir": str(tmp_path)})
    config = yaml.safe_load((tmp_path / macros.CONFIG).read_text("utf-8"))
    assert config["optimizer"]["value"] == {"nesterov": True, "name": "adam"}


def test_every_macro_is_filled(tmp_path):
    values = {"lr": 0.1, "flag": False, "fast": True}
    command = macros.Macros(
        tuple(f"${{{name}}}" for name in macros._MACROS), "t.py", {name: (name,) for name in values}, {}, "s"
    )
    assert command.words(values, {"dir": "/d"}) == [
        "/usr/bin/env", sys.executable, "t.py",
        "--lr=0.1", "--flag=False", "--fast=True",
        "lr=0.1", "flag=False", "fast=True",
        "--lr", "0.1", "--flag", "False", "--fast", "True",
        "--lr=0.1", "--fast",
        '{"lr": 0.1, "flag": false, "fast": true}',
        "/d/" + macros.ARGUMENTS,
        "+lr=0.1", "+flag=False", "+fast=True",
        "++lr=0.1", "++flag=False", "++fast=True",
    ]  # fmt: skip
    command.write(values, {"dir": str(tmp_path)})
    assert json.loads((tmp_path / macros.ARGUMENTS).read_text("utf-8")) == values


def test_wandbs_own_agent_fills_them_alike():
    pytest.importorskip("wandb")
    from wandb.sdk.launch.sweeps import utils

    values = {
        "lr": 1e-05,
        "n": 3,
        "act": "relu",
        "fast": True,
        "slow": False,
        "none": None,
        "dims": [1, 2],
        "opt": {"name": "sgd", "lr": 0.5},
    }
    theirs = utils.create_sweep_command_args(
        {"args": {name: {"value": value} for name, value in values.items()}}
    )
    for macro in set(macros._VALUES) - {"args_json_file"}:
        command = macros.Macros((f"${{{macro}}}",), "", {name: (name,) for name in values}, {}, "s")
        assert command.words(values, {"dir": "/d"}) == theirs[macro], macro


def test_variables_stand_anywhere_in_a_word(monkeypatch):
    monkeypatch.setenv("DATA", "/data")
    assert macros.checked(["run", "--data=${envvar:DATA}/x"], "") == ("run", "--data=/data/x")


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (["${envvar:NOBODY_SETS_THIS}"], "NOBODY_SETS_THIS, which is not set"),
        (["${arg}"], r"Did you mean \$\{args\}"),
        (["x=${args}"], "a word of the command by itself"),
        (["${program}"], "names no program"),
        ("run", "a list of words"),
    ],
)
def test_a_command_that_cannot_be_filled_is_refused(command, sentence):
    with pytest.raises(ObjectiveError, match=sentence):
        macros.checked(command, "")


def test_a_server_is_not_asked_for_unless_the_user_wants_one(monkeypatch):
    command = macros.Macros(("x",), "", {}, {}, "tiny")
    monkeypatch.delenv("WANDB_MODE", raising=False)
    assert command.environment({}, {"dir": "/d"})["WANDB_MODE"] == "offline"
    assert command.environment({}, {"dir": "/d"})["WANDB_SWEEP_ID"] == "tiny"
    monkeypatch.setenv("WANDB_MODE", "online")
    assert command.environment({}, {"dir": "/d"})["WANDB_MODE"] == "online"
    assert "WANDB_SWEEP_ID" not in command.environment({}, {"dir": "/d"})  # the server would look for it


GRID = """
program: train.py
method: grid
parameters: {a: {values: [1, 2, 3]}, b: {min: 1, max: 2}, c: {distribution: q_uniform, min: 0, max: 1, q: 0.5}}
"""


def test_a_grid_is_as_large_as_it_is():
    assert (sweep(GRID).sweep.trials, sweep(GRID).sweep.sampler) == (18, "grid")
    capped = sweep(GRID, run_cap=5).sweep
    assert (capped.trials, capped.sampler) == (5, "quasirandom")
    assert "18 combinations" in " ".join(capped.said)
    assert sweep(GRID, run_cap=50).sweep.trials == 18


def test_hyperband_by_its_last_step():
    # three comparisons before step 27, as W&B has them: 1, 3 and 9
    stop = {"type": "hyperband", "max_iter": 27, "s": 3}
    found = sweep(GRID, early_terminate=stop).sweep.rungs
    assert rungs(found.low, found.high, found.factor) == (1, 3, 9, 27)
    found = sweep(GRID, early_terminate={"type": "hyperband", "max_iter": 100, "s": 3}).sweep.rungs
    assert len(rungs(found.low, found.high, found.factor)) == 4
    found = sweep(GRID, early_terminate={"type": "hyperband", "max_iter": 27, "s": 9, "eta": 3}).sweep.rungs
    assert rungs(found.low, found.high, found.factor) == (1, 3, 9, 27)


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (
            {"early_terminate": {"type": "hyperband", "min_iter": 3, "strict": True}},
            "early_terminate.strict counts for nothing",
        ),
        (
            {"early_terminate": {"type": "hyperband", "min_iter": 3, "max_iter": 9}},
            "has min_iter, so max_iter without s counts for nothing",
        ),
        (
            {"early_terminate": {"type": "hyperband", "min_iter": 3, "max_iter": 9, "s": 2}},
            "has max_iter and s, so min_iter counts for nothing",
        ),
        (
            {"metric": {"name": "x", "goal": "minimize", "impute": "worst"}},
            "metric.impute counts for nothing",
        ),
    ],
)
def test_what_counts_for_nothing_is_said(more, sentence):
    assert sentence in " ".join(sweep(GRID, **more).sweep.said)
    assert "nothing" not in " ".join(
        sweep(GRID, early_terminate={"type": "hyperband", "min_iter": 3, "strict": False}).sweep.said
    )


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"method": "bayesian"}, "grid, random or bayes"),
        ({"parameters": {"a": {"min": 0.0, "max": 1.0}}}, "a is continuous"),
        ({"parameters": {"a": {"value": 1}}}, "searches nothing"),
        ({"parameters": {}}, "needs parameters by name"),
        ({"parameters": {"a": 3}}, "a needs settings by name"),
        ({"parameters": {"a": {"parameters": {"b": {"min": 0, "max": 1}}, "value": 3}}}, "cannot have value"),
        ({"early_terminate": {"type": "hyperband"}}, "min_iter, or max_iter and s"),
        ({"early_terminate": {"type": "median"}}, "type: hyperband"),
        ({"early_terminate": {"type": "hyperband", "min_iter": 3, "eta": 1}}, "eta > 1"),
        ({"metric": {"goal": "minimize"}}, "metric needs a name"),
        ({"metric": {"name": "x", "goal": "max"}}, "goal: minimize or maximize"),
        ({"run_cap": 0}, "run_cap needs a whole number"),
        ({"job": "me/job:latest"}, "need its server"),
        ({"metrics": []}, "not read"),
        ({"runcap": 3}, "Did you mean run_cap"),
        ({"run_cap": 2.0}, "run_cap needs a whole number >= 1, got 2.0"),
        ({"run_cap": True}, "run_cap needs a whole number"),
        ({"run_cap": "10"}, "run_cap needs a whole number"),
        ({"metric": {"name": "x", "gaol": "maximize"}}, "metric has no 'gaol'. Did you mean goal?"),
        ({"metric": {"name": "x", "target": math.nan}}, "a finite number, got nan"),
        (
            {"early_terminate": {"type": "hyperband", "min_iters": 3}},
            "early_terminate has no 'min_iters'. Did you mean min_iter?",
        ),
        (
            {"early_terminate": {"type": "hyperband", "min_iter": 3, "eta": math.inf}},
            "a finite eta > 1, got inf",
        ),
        (
            {"early_terminate": {"type": "hyperband", "min_iter": math.inf}},
            "min_iter to be a whole number >= 1, got inf",
        ),
        (
            {"early_terminate": {"type": "hyperband", "min_iter": 0}},
            "min_iter to be a whole number >= 1, got 0",
        ),
        (
            {"early_terminate": {"type": "hyperband", "min_iter": 2.5}},
            "min_iter to be a whole number >= 1, got 2.5",
        ),
        (
            {"early_terminate": {"type": "hyperband", "max_iter": 9, "s": True}},
            "s to be a whole number >= 1, got True",
        ),
    ],
)
def test_what_danlu_cannot_do_is_refused(more, sentence):
    with pytest.raises(DanluError, match=sentence):
        sweep(GRID, **more)
