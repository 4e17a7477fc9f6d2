"""Sweep files run by the command line: real programs, real wandb, offline."""

import json
import subprocess
import sys

import pytest
import yaml

import danlu
from danlu.journal.events import Status

TRAIN = """
import argparse, wandb
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float)
parser.add_argument("--epochs", type=int)
parser.add_argument("--opt")
given = parser.parse_args()
run = wandb.init(project="tiny", config={"lr": -1.0, "batch": 16})
assert wandb.config.lr == given.lr and wandb.config.batch == 16
assert str(dict(wandb.config.opt)) == given.opt
for epoch in range(wandb.config.epochs):
    wandb.log({"val/loss": abs(wandb.config.lr - 0.3) + 1 / (epoch + 1)})
    wandb.log({"other": 1.0})
run.finish()
"""

SWEEP = """
program: train.py
name: tiny
method: random
metric: {name: val/loss, goal: minimize}
run_cap: 3
parameters:
  lr: {distribution: log_uniform_values, min: 0.001, max: 1.0}
  epochs: {value: 4}
  opt: {parameters: {name: {values: [sgd, adam]}, nesterov: {value: true}}}
"""


@pytest.fixture
def command(tmp_path):
    """Run danlu on a sweep file; what it printed."""

    def run(sweep, *words, program=TRAIN, code=0):
        (tmp_path / "train.py").write_text(program)
        (tmp_path / "sweep.yaml").write_text(sweep)
        done = subprocess.run(
            [sys.executable, "-m", "danlu", "run", "sweep.yaml", "--store", "s.db", *words],
            cwd=tmp_path, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    run.folder = tmp_path
    return run


def result(command, name="tiny"):
    with danlu.open_study(store=str(command.folder / "s.db"), name=name) as study:
        return study.result


@pytest.fixture
def wandb():
    """Both wandb, and what reads its runs."""
    pytest.importorskip("danlu.programs.sources")
    return pytest.importorskip("wandb")


def test_a_program_of_wandbs_runs_untouched_and_offline(command, wandb):
    printed = command(SWEEP, "--keep", "all")
    found = result(command)
    assert [each.status for each in found.trials] == [Status.DONE] * 3
    for each in found.trials:
        assert each.curve.steps == (1, 2, 3, 4)
        assert each.curve.metrics["val/loss"][3] == pytest.approx(abs(each.params["lr"] - 0.3) + 0.25)
        assert list(each.params) == ["lr", "opt.name"]
    assert "no early_terminate, so every trial runs in full" in printed
    config = yaml.safe_load(next((command.folder).rglob("wandb-sweep-config.yaml")).read_text("utf-8"))
    assert config["opt"]["value"]["nesterov"] is True


def test_runs_that_are_not_among_the_best_end_while_they_run(command, wandb):
    # a bad run never ends by itself; the grid begins with a good one
    program = """
import signal, wandb
run = wandb.init(project="tiny")
for epoch in range(4):
    wandb.log({"loss": abs(wandb.config.lr - 0.3) + 1 / (epoch + 1)})
    if wandb.config.lr > 0.35:
        signal.pause()
run.finish()
"""
    sweep = """
program: train.py
name: tiny
method: grid
metric: {name: loss}
command: ["${interpreter}", "${program}"]
parameters: {lr: {values: [0.3, 0.31, 0.9, 0.8]}}
early_terminate: {type: hyperband, min_iter: 1, eta: 2}
"""
    command(sweep, program=program)
    found = result(command)
    bad = [each for each in found.trials if each.params["lr"] > 0.35]
    assert bad
    assert all(each.status is Status.STOPPED and len(each.curve) == 1 for each in bad)
    assert found.best.params["lr"] == 0.3


LINES = SWEEP.replace("name: val/loss", "name: loss")
PRINTS = """
import sys, json
given = dict(word.lstrip("-").split("=", 1) for word in sys.argv[1:])
print("loss:", abs(float(given["lr"]) - 0.3))
"""


def test_a_program_that_prints_its_metric_needs_no_wandb(command):
    command(LINES, "--metric", "loss: {x}", program=PRINTS)
    found = result(command)
    assert len(found.trials) == 3
    assert found.best.value == pytest.approx(abs(found.best.params["lr"] - 0.3))


def test_a_grid_is_tried_whole_and_options_stand_above_the_file(command):
    sweep = "program: train.py\nmethod: grid\nmetric: {name: loss}\nparameters: {lr: {values: [0.1, 0.2]}, n: {min: 1, max: 3}}\n"
    command(sweep, "--metric", "loss: {x}", "--name", "grid", program=PRINTS)
    found = result(command, "grid")
    assert {(each.params["lr"], each.params["n"]) for each in found.trials} == {
        (x, n) for x in (0.1, 0.2) for n in (1, 2, 3)
    }
    printed = command(
        sweep, "--metric", "loss: {x}", "--name", "few", "-n", "2", "--sampler", "random", program=PRINTS
    )
    assert len(result(command, "few").trials) == 2
    assert "/usr/bin/env" in printed.partition("run it again:")[2]


def test_a_random_search_draws_from_the_files_distributions(command):
    sweep = """
program: train.py
method: random
run_cap: 30
metric: {name: loss}
parameters: {lr: {distribution: normal, mu: 1.0, sigma: 0.1}, c: {values: [a, b], probabilities: [1.0, 0.0]}}
"""
    command(sweep, "--metric", "loss: {x}", "--name", "drawn", "-j", "2", program=PRINTS)
    found = result(command, "drawn").trials
    assert {each.params["c"] for each in found} == {"a"}
    inside = sum(abs(each.params["lr"] - 1.0) < 0.1 for each in found)
    assert 12 <= inside <= 29  # 68 % of them, at odds of one in 300; a uniform draw has 33 %


def test_a_program_that_fails_is_named(command):
    printed = command(LINES, "--metric", "loss: {x}", program="raise ValueError('broken')", code=2)
    assert "train.py ended with code 1" in printed
    assert "ValueError: broken" in printed


@pytest.mark.parametrize(
    ("sweep", "words", "sentence"),
    [
        ("a: 1", [], "is no sweep"),
        ("a: [", [], "is no YAML"),
        (LINES, ["--tune", "lr"], "--tune would be ignored"),
        (LINES, ["--", "more"], "would be ignored. Write it under command"),
        (LINES.replace("metric: {name: loss, goal: minimize}", ""), ["--metric", "{x}"], "names no metric"),
        (LINES, ["--metric", "acc {acc}"], "no --metric is named 'loss'"),
        (LINES.replace("random", "luck"), [], "grid, random or bayes"),
        ("hydra: {sweeper: {n_trials: 3}}", [], "which application they are of"),
        (
            "hydra: {sweeper: {_target_: hydra_plugins.hydra_ax_sweeper.ax_sweeper.AxSweeper}}",
            ["--", "x"],
            "danlu reads blocks of",
        ),
        ("hydra: {sweeper: {n_trials: 3}}", ["--metric", "{x}", "--", "x"], "--metric would be ignored"),
    ],
)
def test_what_cannot_be_run_is_refused(command, sweep, words, sentence):
    assert sentence in command(sweep, *words, code=2)
    assert not (command.folder / "s.db").exists()


def test_a_block_of_a_hydra_sweeper_takes_the_application_over(command):
    pytest.importorskip("hydra")
    (command.folder / "conf").mkdir()
    (command.folder / "conf/small.yaml").write_text("lr: 0.1\nshift: 0\n")
    program = """
import hydra
@hydra.main(version_base=None, config_path="conf", config_name="config")
def train(cfg):
    return (cfg.lr - 0.3) ** 2
train()
"""
    block = """
# @package _global_
defaults: [{override /hydra/sweeper: optuna}]
hydra: {sweep: {dir: out}, sweeper: {direction: maximize, n_trials: 50, params: {lr: "interval(0.0, 1.0)"}}}
"""
    command(
        block,
        "-n",
        "4",
        "--minimize",
        "error",
        "--seed",
        "3",
        "--",
        sys.executable,
        "train.py",
        "-m",
        "shift=0.25",
        "--config-name",
        "small",
        program=program,
    )
    found = result(command, "train")
    assert len(found.trials) == 4
    overrides = (command.folder / "out/0/.hydra/overrides.yaml").read_text()
    assert "shift=0.25" in overrides
    assert (found.history.goal.names, found.history.goal.metrics[0].maximize) == (("error",), False)
    assert (
        json.loads(
            json.dumps(yaml.safe_load((command.folder / "out/optimization_results.yaml").read_text()))
        )["name"]
        == "danlu"
    )


def test_numbers_that_readers_of_yaml_take_for_different_ones_are_said(command):
    """They are what W&B reads in them: this one is eight."""
    sweep = SWEEP.replace(
        "  epochs: {value: 4}", "  epochs: {value: 003}\n  wide: {values: ['010', 010]}"
    ).replace("run_cap: 3", "run_cap: 1")
    program = "import sys\nprint('val/loss=1')\nopen('seen', 'w').write(' '.join(sys.argv[1:]))\n"
    told = command(sweep, "--metric", "val/loss", program=program)
    assert (
        "010 is 8 in YAML 1.1, as PyYAML, W&B and Hydra read it, and 10 in YAML 1.2. Write the one that is meant."
        in told
    )
    assert told.count("in YAML 1.1") == 2
    seen = (command.folder / "seen").read_text()
    assert "--epochs=3" in seen
    assert "--wide=8" in seen or "--wide=010" in seen
