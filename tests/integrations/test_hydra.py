"""Hydra: real applications, swept by real launchers."""

import os
import signal
import subprocess
import sys
import textwrap

import pytest
import yaml
from places import ROOT

import danlu
from danlu.errors import SettingError, SpaceError
from danlu.journal.events import Status
from danlu.testing import ENGINE_CHECKS

pytest.importorskip("hydra")

from omegaconf import OmegaConf

from danlu.integrations.hydra import report, restore, save, sweep, trial
from danlu.integrations.hydra.launches import Launches
from danlu.integrations.hydra.line import JobLine, called
from danlu.programs.sweeps import hydra as block
from danlu.programs.sweeps import overrides

CONFIG = OmegaConf.create(
    {"hydra": {"launcher": {"_target_": "hydra._internal.core_plugins.basic_launcher.BasicLauncher"}}}
)

JOBLIB = OmegaConf.create(
    {"hydra": {"launcher": {"_target_": "hydra_plugins.hydra_joblib_launcher.x", "n_jobs": 1}}}
)

TRAIN = """
import hydra
from danlu.integrations.hydra import report, restore, save, trial

@hydra.main(version_base=None, config_path="conf", config_name="config")
def train(cfg):
    state = {"epochs": 0}
    first = restore(state)
    for epoch in range(first + 1, cfg.epochs + 1):
        state["epochs"] += 1
        loss = abs(cfg.lr - 0.3) + cfg.net.width / 100 + 1 / epoch
        save(epoch, state)
        report(epoch, loss=loss)
    assert state["epochs"] == cfg.epochs
    return loss

if __name__ == "__main__":
    train()
"""


@pytest.fixture
def app(tmp_path):
    """A small application, and how to run it."""
    (tmp_path / "conf/net").mkdir(parents=True)
    (tmp_path / "conf/config.yaml").write_text(
        "defaults: [{net: cnn}, _self_]\nlr: 0.25\nepochs: 4\nseed: 1\n"
    )
    (tmp_path / "conf/net/cnn.yaml").write_text("width: 8\n")
    (tmp_path / "conf/net/mlp.yaml").write_text("width: 16\n")

    def run(*words, text=TRAIN, multirun=True, code=0):
        (tmp_path / "train.py").write_text(textwrap.dedent(text))
        start = ["-m", "hydra/sweeper=danlu", "hydra.sweep.dir=out"] if multirun else ["hydra.run.dir=one"]
        done = subprocess.run(
            [sys.executable, "train.py", *start, *words], cwd=tmp_path, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    run.folder = tmp_path
    return run


def result(app, name="train", store="out/danlu.db"):
    with danlu.open_study(store=str(app.folder / store), name=name) as study:
        return study.result


# Overrides.


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x=interval(1,8)", danlu.Float(1, 8)),
        ("x=int(interval(1.2,8.7))", danlu.Int(1, 8)),
        ("x=tag(log,interval(1e-5,0.1))", danlu.Float(1e-5, 0.1, log=True)),
        ("x=tag(log,int(interval(1,64)))", danlu.Int(1, 64, log=True)),
        ("x=range(1,9)", danlu.Int(1, 8)),
        ("x=range(1,9,2)", danlu.Int(1, 7, step=2)),
        ("x=range(5,0,-2)", danlu.Int(1, 5, step=2)),
        ("x=range(0.1,0.5,0.1)", danlu.Float(0.1, 0.4, step=0.1)),
        ("x=tag(log,range(1,65))", danlu.Int(1, 64, log=True)),
        ("x=16,32", danlu.Choice([16, 32])),
        ("x=choice(a,2,2.0,true)", danlu.Choice(["a", 2, 2.0, True])),
        ("x=a,null", danlu.Choice(["a", None])),
        ("x=tag(ordered,choice(small,large))", danlu.Choice(["small", "large"], ordered=True)),
        ("x=choice([1,2],{a:1})", danlu.Choice(["[1,2]", "{a:1}"])),
        ("x=sort(3,1,2)", danlu.Choice([1, 2, 3])),
        ("x=choice(1,1,2)", danlu.Choice([1, 2])),
    ],
)
def test_a_sweep_of_hydras_is_a_parameter(text, expected):
    assert overrides.read([text]).space == {"x": expected}


def test_overrides_are_written_as_hydra_reads_them():
    from hydra.core.override_parser.overrides_parser import OverridesParser

    found = overrides.read(
        [
            "+a.b=interval(0,1)",
            "++n=range(1,4)",
            "db@src=mysql,pg",
            r"q=choice('it\'s','a b','x,y')",
            "l=[1,2],[3]",
            "~z",
            "k='1'",
        ]
    )
    for at in range(2):
        point = {
            name: each.values[at] if isinstance(each, danlu.Choice) else each.decode(at)
            for name, each in found.space.items()
        }
        written = found.written(point)
        assert len(written) == 7
        parsed = OverridesParser.create().parse_overrides(written)
        assert [each.get_key_element() for each in parsed] == ["+a.b", "++n", "db@src", "q", "l", "~z", "k"]
        assert parsed[0].value() == point["a.b"]
        assert parsed[3].value() == point["q"]
    assert written[-2:] == ["~z", "k='1'"]


def test_options_stay_what_they_are_in_whatever_order():
    found = overrides.read(["n=shuffle(choice(1,2,3,4,5,6,7,8,9))"])
    assert [found.written({"n": value}) for value in range(1, 10)] == [
        [f"n={value}"] for value in range(1, 10)
    ]


def test_the_last_override_of_a_key_counts():
    found = overrides.read(["lr=interval(0,1)", "n=1,2", "lr=0.5"])
    assert list(found.space) == ["n"]
    assert found.written({"n": 2}) == ["n=2", "lr=0.5"]


def test_the_configs_own_values_are_tried_first():
    found = overrides.read(
        ["a=interval(0,1)", "b=range(1,9)", "c=x,y", "d=interval(0,1)"],
        defaults={"a": 0.25, "b": 3, "c": "y", "d": 7},
    )
    assert [found.space[name].prior for name in "abc"] == [0.25, 3, "y"]
    assert found.space["d"].prior is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("lr=interval(1,0)", r"lr=interval\(1,0\): Float needs low < high"),
        ("lr=tag(log,interval(0,1))", "needs low > 0"),
        ("lr=interval(1", "Hydra cannot read"),
        ("n=range(5,1)", "something in it"),
    ],
)
def test_a_range_that_makes_no_sense_is_refused(text, sentence):
    with pytest.raises(SpaceError, match=sentence):
        overrides.read([text])


def test_tags_that_mean_nothing_are_said():
    assert "the tag slow means nothing" in overrides.read(["lr=tag(slow,interval(0,1))"]).said[0]
    assert "linear scale" in overrides.read(["n=tag(log,range(1,9,2))"]).said[0]


# Sweeps.


def test_a_sweep_has_hydras_folders_and_the_users_overrides(app):
    printed = app(
        "lr=interval(0,1)", "net=glob(*)", "epochs=2", "hydra.sweeper.n_trials=6", "hydra.sweeper.optimized_metric=loss",
        "hydra.sweeper.scheduler=none", "hydra.sweeper.seed=1",
    )  # fmt: skip
    found = result(app)
    assert [each.status for each in found.trials] == [Status.DONE] * 6
    assert found.trials[0].params == {"lr": 0.25, "net": "cnn"}  # the config's own
    assert {each.params["net"] for each in found.trials} == {"cnn", "mlp"}
    for each in found.trials:
        folder = app.folder / "out" / str(each.number)
        config = yaml.safe_load((folder / ".hydra/config.yaml").read_text())
        assert (config["lr"], config["epochs"]) == (each.params["lr"], 2)
        assert config["net"]["width"] == {"cnn": 8, "mlp": 16}[each.params["net"]]
        assert each.facts["output"] == str(folder)
    told = yaml.safe_load((app.folder / "out/optimization_results.yaml").read_text())
    assert (told["name"], told["best_value"], told["best_params"]) == (
        "danlu",
        found.best.value,
        found.best.params,
    )
    assert f"best value: {found.best.value}" in printed
    assert (app.folder / "out/multirun.yaml").is_file()


def test_reports_prune_jobs(app):
    app(
        "lr=interval(0,1)", "epochs=9", "hydra.sweeper.n_trials=8", "hydra.sweeper.optimized_metric=loss",
        "hydra.sweeper.scheduler=asha", "hydra.sweeper.fidelity=epoch:1:9", "hydra.sweeper.seed=1",
    )  # fmt: skip
    found = result(app)
    stopped = [each for each in found.trials if each.status is Status.STOPPED]
    assert len(stopped) >= 2
    assert all(len(each.curve) < 9 for each in stopped)
    assert len(found.best.curve) == 9


def test_outside_a_sweep_nothing_happens(app):
    app("epochs=2", multirun=False)
    assert not list(app.folder.rglob("*.db"))
    assert (report(1, loss=0.5), save(1, {}), restore({}), trial()) == (None, None, 0, None)


def test_jobs_of_the_basic_launcher_run_side_by_side_and_none_waits_for_a_batch(app):
    # job 0 waits for job 3, which a batch of two would never start
    text = """
    import hydra, os
    from hydra.core.hydra_config import HydraConfig

    @hydra.main(version_base=None, config_path="conf", config_name="config")
    def train(cfg):
        number = HydraConfig.get().job.num
        if number == 0:
            open("pipe").read()
        if number == 3:
            open("pipe", "w").close()
        return cfg.lr

    if __name__ == "__main__":
        train()
    """
    os.mkfifo(app.folder / "pipe")
    app("lr=interval(0,1)", "hydra.sweeper.n_trials=4", "hydra.sweeper.n_jobs=2", text=text)
    found = result(app)
    assert [each.status for each in found.trials] == [Status.DONE] * 4
    assert found.trials[0].ended_at > found.trials[2].ended_at


@pytest.mark.fault
def test_other_launchers_are_kept_and_their_jobs_pause_and_go_on(app):
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    printed = app(
        "lr=interval(0,1)", "epochs=4", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "hydra.sweeper.n_jobs=2",
        "hydra.sweeper.n_trials=4", "hydra.sweeper.optimized_metric=loss",
        "+hydra.sweeper.scheduler={_target_: danlu.schedulers.SuccessiveHalving, low: 1, high: 4, factor: 2, trials: 4}",
    )  # fmt: skip
    assert "Joblib.Parallel(n_jobs=2" in printed
    found = result(app)
    assert (
        max(each.attempt for each in found.trials) > 1
    )  # of the two that go on, one at most is never paused
    # the job itself asserts that its checkpoint has counted every epoch
    assert all(each.curve.steps == tuple(range(1, len(each.curve) + 1)) for each in found.trials)


def test_kill_9_loses_nothing(app):
    text = TRAIN.replace(
        "        report(epoch, loss=loss)\n",
        """        report(epoch, loss=loss)
        if trial().number == 2 and trial().attempt == 1 and epoch == 2:
            import os, signal
            os.kill(os.getpid(), signal.SIGKILL)
        if epoch == 1:
            print("FIRST", trial().number)
""",
    )
    words = (
        "lr=interval(0,1)", "hydra.sweeper.n_trials=4", "hydra.sweeper.optimized_metric=loss", "hydra.sweeper.store=s.db",
        "hydra.sweeper.name=again", "hydra.sweeper.scheduler=none",
    )  # fmt: skip
    app(*words, text=text, code=-signal.SIGKILL)
    before = [each.params for each in result(app, "again", "s.db").trials]
    printed = app(*words, text=text)
    found = result(app, "again", "s.db")
    assert [each.status for each in found.trials] == [Status.DONE] * 4
    assert [each.params for each in found.trials[:3]] == before
    assert [line.split()[1] for line in printed.splitlines() if line.startswith("FIRST")] == [
        "3"
    ]  # 2 went on from its checkpoint


def test_jobs_that_fail_are_failed_trials(app):
    text = TRAIN.replace("    state =", "    if cfg.seed == 13: raise ValueError('unlucky')\n    state =")
    app(
        "seed=1,13,2", "lr=interval(0,1)", "hydra.sweeper.n_trials=9", "hydra.sweeper.sampler=random", "hydra.sweeper.seed=3",
        "hydra.sweeper.optimized_metric=loss", text=text,
    )  # fmt: skip
    found = result(app)
    failed = [each for each in found.trials if each.status is Status.FAILED]
    assert 0 < len(failed) < 9
    assert all(each.params["seed"] == 13 and "ValueError: unlucky" in each.reason for each in failed)
    assert found.best.params["seed"] != 13


def test_a_job_of_which_too_many_fail_ends_the_sweep(app):
    text = TRAIN.replace("    state =", "    if cfg.lr > 0.5: raise ValueError(f'{cfg.lr}')\n    state =")
    app(
        "lr=interval(0,1)", "hydra.sweeper.n_trials=40", "hydra.sweeper.sampler=random", "hydra.sweeper.max_failure_rate=0.2",
        "hydra.sweeper.optimized_metric=loss", "hydra.sweeper.same_failures=0", text=text,
    )  # fmt: skip
    assert len(result(app).trials) < 40
    assert "max_failure_rate is 0.2" in (app.folder / "out/optimization_results.yaml").read_text()


def test_several_metrics_are_returned_in_the_order_of_their_directions(app):
    text = TRAIN.replace("    return loss", "    return cfg.lr, (cfg.lr - 0.5) ** 2")
    app(
        "lr=interval(0,1)", "epochs=1", "hydra.sweeper.n_trials=3", "hydra.sweeper.direction=[minimize,maximize]",
        "hydra.sweeper.optimized_metric=[size,gain]", text=text.replace("        report(epoch, loss=loss)\n", ""),
    )  # fmt: skip
    for each in result(app).trials:
        assert each.metrics == {"size": each.params["lr"], "gain": (each.params["lr"] - 0.5) ** 2}
    told = yaml.safe_load((app.folder / "out/optimization_results.yaml").read_text())
    assert set(told["solutions"][0]) == {"params", "values"}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["lr=0.1"], "the sweep searches nothing"),
        (["lrr=interval(0,1)"], "Key 'lrr' is not in struct"),
        (["lr=interval(0,1)", "hydra.sweeper.storage=sqlite:///x.db"], "danlu import takes its trials over"),
    ],
)
def test_what_makes_no_sense_is_said_before_any_job_is_launched(app, words, sentence):
    printed = app(*words, code=1)
    assert sentence in printed
    assert "Traceback" not in printed
    assert not (app.folder / "out/0").exists()


@pytest.mark.parametrize(
    ("part", "settings", "sentence"),
    [
        (
            sweep._names,
            {"direction": ["minimize", "maximize"], "optimized_metric": "a"},
            "one direction for each",
        ),
        (lambda given: sweep._engine(given, CONFIG), {"n_jobs": 0}, "n_jobs needs a whole number"),
        (lambda given: sweep._engine(given, JOBLIB), {"n_jobs": 3}, "Give hydra.launcher.n_jobs=3"),
        (lambda given: sweep._fidelity(given["fidelity"]), {"fidelity": "9"}, "epoch:1:81"),
        (block.settled, {"direction": "up"}, "minimize or maximize, got 'up'"),
    ],
)
def test_settings_that_make_no_sense_are_refused(part, settings, sentence):
    with pytest.raises(SettingError, match=sentence):
        part(settings)


# Optuna's block.

OPTUNA = """
# @package _global_
defaults:
  - override /hydra/sweeper: optuna
  - override /net: mlp
epochs: 2
hydra:
  mode: MULTIRUN
  sweeper:
    _target_: hydra_plugins.hydra_optuna_sweeper.optuna_sweeper.OptunaSweeper
    storage: null
    study_name: null
    n_jobs: 1
    direction: maximize
    n_trials: 5
    sampler: {_target_: optuna.samplers.TPESampler, seed: 1234, n_startup_trials: 10}
    params: {lr: "interval(0.0, 1.0)", seed: "choice(1, 2, 3)"}
"""


def test_a_block_of_the_optuna_sweeper_runs(app):
    words = block.command(yaml.safe_load(OPTUNA), ["python", "train.py"], {"store": "s.db"}, apart=True)
    assert words[:4] == ["python", "train.py", "-m", "hydra/sweeper=danlu"]
    printed = app(*words[4:])
    found = result(app, store="s.db")
    assert len(found.trials) == 5
    assert found.history.goal.metrics[0].maximize
    assert {each.params["seed"] for each in found.trials} <= {1, 2, 3}
    config = yaml.safe_load((app.folder / "out/0/.hydra/config.yaml").read_text())
    assert (config["epochs"], config["net"]["width"]) == (2, 16)
    assert "Optuna's TPESampler is danlu's own tpe; its settings n_startup_trials are left out" in printed


# the example in the documentation of Hydra's Optuna sweeper, as an application has it in its own config
SPHERE = """
defaults:
  - override hydra/sweeper: optuna
  - override hydra/sweeper/sampler: tpe
hydra:
  sweeper:
    sampler:
      seed: 123
    direction: minimize
    study_name: sphere
    storage: null
    n_trials: 6
    n_jobs: 1
    max_failure_rate: 0.0
    params:
      x: range(-5.5, 5.5, step=0.5)
      y: choice(-5, 0, 5)
x: 1
y: 1
z: 1
"""


def test_a_config_for_the_optuna_sweeper_runs_unchanged_and_without_it(app):
    (app.folder / "conf/config.yaml").write_text(SPHERE)
    text = """
    import hydra

    @hydra.main(version_base=None, config_path="conf", config_name="config")
    def sphere(cfg):
        return cfg.x**2 + cfg.y**2

    if __name__ == "__main__":
        sphere()
    """
    printed = app(text=text)
    found = result(app, "sphere")
    assert len(found.trials) == 6
    assert found.history.definition.seed == 123
    assert found.history.space.slots[0].parameter.step == 0.5
    assert all(
        each.metrics["value"] == each.params["x"] ** 2 + each.params["y"] ** 2 for each in found.trials
    )
    assert "Optuna's TPESampler is danlu's own tpe." in printed


def test_the_older_form_of_a_space_is_read():
    settings, _ = block.settled(
        {"search_space": {
            "lr": {"type": "float", "low": 0.001, "high": 0.1, "log": True},
            "n": {"type": "int", "low": 1, "high": 8},
            "s": {"type": "int", "low": 2, "high": 8, "step": 2},
            "f": {"type": "float", "low": 0, "high": 1, "step": 0.25},
            "c": {"type": "categorical", "choices": ["a", "b"]},
        }}
    )  # fmt: skip
    assert overrides.read(f"{name}={text}" for name, text in settings["params"].items()).space == {
        "lr": danlu.Float(0.001, 0.1, log=True),
        "n": danlu.Int(1, 8),
        "s": danlu.Int(2, 8, step=2),
        "f": danlu.Float(0, 1, step=0.25),
        "c": danlu.Choice(["a", "b"]),
    }


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"storage": "sqlite:///x.db"}, "danlu import"),
        ({"custom_search_space": "a.b"}, "is not run"),
        ({"sampler": {"_target_": "optuna.samplers.BruteForceSampler"}}, "danlu has no BruteForceSampler"),
        ({"search_space": {"x": {"type": "str"}}}, "int, float or categorical"),
    ],
)
def test_what_cannot_be_carried_over_is_refused(settings, sentence):
    with pytest.raises(SettingError, match=sentence):
        block.settled(settings)


# Jobs in other processes.


@pytest.mark.parametrize("check", ENGINE_CHECKS, ids=lambda check: check.__name__)
def test_launches_keep_what_every_engine_keeps(check):
    check(lambda: Launches(2))


def test_a_stranger_is_not_heard():
    from multiprocessing import AuthenticationError

    line = JobLine(lambda number: None, lambda message: None)
    try:
        address = os.environ["DANLU_HYDRA"]
        host, port, _ = address.split(":")
        with pytest.raises(AuthenticationError):
            called(f"{host}:{port}:{'00' * 32}", 0)
        with pytest.raises(danlu.errors.StoreError, match="does not run a trial 7"):
            called(address, 7)
    finally:
        line.close()
    assert "DANLU_HYDRA" not in os.environ
    with pytest.raises(danlu.errors.StoreError, match="does not answer"):
        called(address, 0)


def test_the_wheel_has_the_plug_in():
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    assert "src/hydra_plugins" in project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert not (ROOT / "src/hydra_plugins/__init__.py").exists()  # a namespace, which other plug-ins share
    found = {path.name for path in (ROOT / "src/hydra_plugins").iterdir() if path.name[0] != "_"}
    assert found == {"danlu_sweeper"}
