"""Studies of other tools: what danlu has of them, what it says that it has not, and how a search goes on."""

import json
import sqlite3
from contextlib import closing

import pytest
from click.testing import CliRunner

import danlu
import danlu.cli.main
from danlu.journal.events import Status
from danlu.programs.sweeps import optuna_study
from danlu.programs.sweeps.past import common
from danlu.space.parameters import Choice, Float, Int


def imported(tmp_path, source, *words, code=0):
    """The result of an import, what it said, and its exit code."""
    done = CliRunner().invoke(danlu.cli.main.danlu, ["import", str(source), str(tmp_path / "d.db"), *words])
    assert done.exit_code == code, done.output
    return done.output


def result(tmp_path, name):
    with danlu.open_study(store=str(tmp_path / "d.db"), name=name) as study:
        return study.result


def objective(trial):
    import optuna

    x = trial.suggest_float("x", -1, 1)
    n = trial.suggest_int("n", 1, 8, log=True)
    c = trial.suggest_categorical("c", ["a", "b", None])
    trial.suggest_float("s", 0, 1, step=0.25)
    if c == "a":
        trial.suggest_float("only_a", 0, 1)
    if n == 3:
        raise ValueError("three")
    for step in range(3):
        trial.report(x * x + n + 1 / (step + 1), step)
        if trial.should_prune():
            raise optuna.TrialPruned
    trial.set_user_attr("note", "kept")
    return x * x + n


@pytest.fixture(params=["sqlite", "journal"])
def optunas(request, tmp_path):
    """A study that Optuna itself has made, and the file that it lies in."""
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    path = tmp_path / request.param
    if request.param == "sqlite":
        storage = optuna.storages.RDBStorage(f"sqlite:///{path}")
    else:
        from optuna.storages.journal import JournalFileBackend

        storage = optuna.storages.JournalStorage(JournalFileBackend(str(path)))
    study = optuna.create_study(
        study_name="theirs", storage=storage, sampler=optuna.samplers.RandomSampler(seed=4),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=3),
    )  # fmt: skip
    study.optimize(objective, n_trials=20, catch=(ValueError,))
    study.ask()
    yield study, path
    if request.param == "sqlite":
        storage.remove_session()
        storage.engine.dispose()


def test_a_study_of_optunas_is_one_of_danlus(optunas, tmp_path):
    study, path = optunas
    printed = imported(tmp_path, path)
    found = result(tmp_path, "theirs")
    theirs = [each for each in study.trials if each.state.is_finished()]
    assert {each.state.name for each in theirs} == {
        "COMPLETE",
        "PRUNED",
        "FAIL",
    }  # all that there is to tell apart
    assert len(found.trials) == len(theirs) == 20
    wanted = {"COMPLETE": Status.DONE, "PRUNED": Status.STOPPED, "FAIL": Status.FAILED}
    for ours, each in zip(found.trials, theirs, strict=True):
        assert ours.params == {name: value for name, value in each.params.items() if name != "only_a"}
        assert ours.status is wanted[each.state.name]
        assert (
            dict(zip(ours.curve.steps, ours.curve.metrics.get("value", ()), strict=True))
            == each.intermediate_values
        )
        assert ours.seconds == pytest.approx(each.duration.total_seconds(), abs=1e-3)
        if each.state.name == "COMPLETE":
            assert ours.metrics == {"value": each.value}
            assert ours.facts["note"] == "kept"
    assert found.best.metrics["value"] == study.best_value
    assert found.history.space.slots[1].parameter == Int(1, 8, log=True)
    assert found.history.space.slots[3].parameter == Float(0, 1, step=0.25)
    assert "only_a is left out" in printed
    assert "trials that had not ended are left out: 1." in printed
    assert "only_a is left out" in found.history.decisions.chosen["imported"]


def test_a_search_goes_on_from_it(optunas, tmp_path):
    _, path = optunas
    imported(tmp_path, path, "--name", "more")
    space = {
        "x": Float(-1, 1),
        "n": Int(1, 8, log=True),
        "c": Choice(["a", "b", None]),
        "s": Float(0, 1, step=0.25),
    }
    found = danlu.tune(
        lambda trial: trial["x"] ** 2 + trial["n"], space, minimize="value", trials=24, store=tmp_path / "d.db", name="more", watch=False,
    )  # fmt: skip
    assert len(found.trials) == 24
    assert [each.source for each in found.trials[18:22]] == ["imported", "imported", "sampler", "sampler"]


def test_a_study_goes_back_as_it_came(optunas, tmp_path):
    import optuna

    study, path = optunas
    study.set_user_attr("data", {"rows": 3})
    distributions = {
        "x": optuna.distributions.FloatDistribution(-3, 3)
    }  # another range, and not all of the parameters
    odd = [
        {"state": optuna.trial.TrialState.PRUNED, "value": 2.0},
        {
            "value": float("inf"),
            "intermediate_values": {-1: 0.5, 4: 1.0},
            "system_attrs": {"constraints": [0.5]},
        },
    ]
    for each in odd:
        study.add_trial(
            optuna.create_trial(params={"x": 2.5} | _rest(), distributions=distributions | _rests(), **each)
        )
    imported(tmp_path, path)
    url = f"sqlite:///{tmp_path}/back.db"
    words = ["export", str(tmp_path / "d.db"), "theirs", "--optuna", url]
    done = CliRunner().invoke(danlu.cli.main.danlu, words)
    assert done.exit_code == 0, done.output
    back = optuna.load_study(study_name="theirs", storage=url)
    assert back.user_attrs == {"data": {"rows": 3}}
    assert back.directions == study.directions
    theirs = [each for each in study.trials if each.state.is_finished()]
    assert [fields(each) for each in back.trials] == [fields(each) for each in theirs]
    done = CliRunner().invoke(danlu.cli.main.danlu, words)
    assert "has a study 'theirs' already. Name another file." in done.output
    done = CliRunner().invoke(danlu.cli.main.danlu, [*words[:-1], "back.db"])
    assert "--optuna needs the URL of a storage, got 'back.db'. Of a file: sqlite:///back.db" in done.output


def fields(trial):
    """All that a trial of Optuna's is but its number and the order of what it has."""
    kept = vars(trial) | {"_trial_id": 0, "_number": 0}
    return repr(
        {
            name: sorted(each.items()) if isinstance(each, dict) else each
            for name, each in sorted(kept.items())
        }
    )


def _rest():
    return {"n": 2, "c": None, "s": 0.5}


def _rests():
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    return {
        "n": IntDistribution(1, 8, log=True),
        "c": CategoricalDistribution(("a", "b", None)),
        "s": FloatDistribution(0, 1, step=0.25),
    }


def test_several_metrics_have_their_names_and_directions(tmp_path):
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage = optuna.storages.RDBStorage(f"sqlite:///{tmp_path / 'two.db'}")
    for name in ("a", "b"):
        study = optuna.create_study(study_name=name, storage=storage, directions=["minimize", "maximize"])
        storage.set_study_system_attr(study._study_id, "study:metric_names", ["size", "acc"])
        study.optimize(lambda trial: (trial.suggest_int("k", 0, 10, step=2), 0.5), n_trials=2)
    storage.remove_session()
    storage.engine.dispose()
    assert "has 2 studies. Name one by --study, or as past='two.db#NAME': a, b" in imported(
        tmp_path, tmp_path / "two.db", code=2
    )
    assert "no study 'c'" in imported(tmp_path, tmp_path / "two.db", "--study", "c", code=2)
    imported(tmp_path, tmp_path / "two.db", "--study", "b")
    found = result(tmp_path, "b")
    assert [(each.name, each.maximize) for each in found.history.goal.metrics] == [
        ("size", False),
        ("acc", True),
    ]
    assert found.trials[0].metrics == {"size": found.trials[0].params["k"], "acc": 0.5}


def test_tables_of_optuna_2_are_read(tmp_path):
    """Its distributions have other names, its values no type, its moments no zone."""
    with closing(sqlite3.connect(tmp_path / "old.db")) as file:
        file.executescript("""
            create table version_info (version_info_id integer, schema_version integer, library_version text);
            create table studies (study_id integer primary key, study_name text);
            create table study_directions (direction text, study_id integer, objective integer);
            create table study_system_attributes (study_id integer, key text, value_json text);
            create table trials (trial_id integer primary key, number integer, study_id integer, state text,
                                 datetime_start text, datetime_complete text);
            create table trial_params (trial_id integer, param_name text, param_value float, distribution_json text);
            create table trial_values (trial_id integer, objective integer, value float);
            create table trial_intermediate_values (trial_id integer, step integer, intermediate_value float);
            create table trial_user_attributes (trial_id integer, key text, value_json text);
            insert into studies values (1, 'old');
            insert into study_directions values ('MAXIMIZE', 1, 0);
            insert into trials values (1, 0, 1, 'COMPLETE', '2021-03-04 05:06:07.5', '2021-03-04 05:06:09.5');
            insert into trials values (2, 1, 1, 'PRUNED', '2021-03-04 05:06:07', '2021-03-04 05:06:09');
            insert into trial_values values (1, 0, 0.75);
            insert into trial_intermediate_values values (2, 0, 0.5), (2, 1, 0.25);
        """)
        kinds = {
            "u": ("UniformDistribution", {"low": 0.0, "high": 1.0}),
            "l": ("LogUniformDistribution", {"low": 0.001, "high": 1.0}),
            "d": ("DiscreteUniformDistribution", {"low": 0.0, "high": 1.0, "q": 0.5}),
            "i": ("IntUniformDistribution", {"low": 0, "high": 8, "step": 2}),
            "j": ("IntLogUniformDistribution", {"low": 1, "high": 8, "step": 1}),
            "c": ("CategoricalDistribution", {"choices": ["a", "b"]}),
        }
        for trial in (1, 2):
            for name, (kind, of) in kinds.items():
                text = json.dumps({"name": kind, "attributes": of})
                value = 2.0 if name == "i" else 1.0
                file.execute("insert into trial_params values (?, ?, ?, ?)", (trial, name, value, text))
        file.commit()
    imported(tmp_path, tmp_path / "old.db")
    found = result(tmp_path, "old")
    assert found.history.goal.metrics[0].maximize
    assert found.trials[0].params == {"u": 1.0, "l": 1.0, "d": 1.0, "i": 2, "j": 1, "c": "b"}
    assert found.trials[0].seconds == 2.0
    assert (found.trials[1].status, found.trials[1].metrics) == (
        Status.STOPPED,
        {"value": 0.5},
    )  # its best report
    assert [each.parameter for each in found.history.space.slots] == [
        Float(0, 1), Float(0.001, 1, log=True), Float(0, 1, step=0.5), Int(0, 8, step=2), Int(1, 8, log=True), Choice(["a", "b"]),
    ]  # fmt: skip


def test_values_beyond_all_numbers_stay_what_they_are(tmp_path):
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage = optuna.storages.RDBStorage(f"sqlite:///{tmp_path / 'inf.db'}")
    study = optuna.create_study(study_name="inf", storage=storage)
    study.optimize(lambda trial: float("inf") if trial.suggest_int("k", 0, 1) else 1.0, n_trials=8)
    storage.remove_session()
    storage.engine.dispose()
    imported(tmp_path, tmp_path / "inf.db")
    for each in result(tmp_path, "inf").trials:
        assert (each.status is Status.FAILED) == (each.params["k"] == 1)
        assert each.status is Status.DONE or "without a finite value" in each.reason


def test_ranges_that_changed_are_one_that_holds_all():
    said = []
    assert common(
        [{"x": Float(0, 1), "c": Choice(["a"])}, {"x": Float(0.5, 3), "c": Choice(["a", "b"])}],
        "Optuna",
        said,
    ) == {
        "x": Float(0, 3),
        "c": Choice(["a", "b"]),
    }
    assert "x had other ranges in some trials: it has 0 to 3." in said
    with pytest.raises(danlu.errors.StoreError, match="another kind"):
        common([{"x": Float(1, 2)}, {"x": Float(1, 2, log=True)}], "Optuna", [])


def test_a_line_that_a_dying_process_has_left_ends_a_journal(tmp_path):
    rows = [
        {"op_code": 0, "worker_id": "w", "study_name": "s", "directions": [2]},
        {"op_code": 4, "worker_id": "w", "study_id": 0, "state": 1, "value": None, "values": [2.5],
         "datetime_start": "2026-01-01T00:00:00+00:00", "datetime_complete": "2026-01-01T00:00:03+00:00",
         "params": {"x": 0.5}, "distributions": {"x": '{"name": "FloatDistribution", "attributes": {"low": 0, "high": 1}}'},
         "intermediate_values": {"1": 2.0}, "user_attrs": {"k": 1}},
    ]  # fmt: skip
    (tmp_path / "j.log").write_text("".join(json.dumps(row) + "\n" for row in rows) + '{"op_code": 4, "wor')
    found = optuna_study.from_journal(tmp_path / "j.log")
    [trial] = found.trials
    assert (trial.params, trial.metrics, trial.curve, trial.facts) == (
        {"x": 0.5},
        {"value": 2.5},
        {1: {"value": 2.0}},
        {"k": 1},
    )
    assert trial.ended - trial.begun == 3.0


# Ray Tune.


@pytest.fixture
def rays(tmp_path):
    """An experiment as Ray 2.60 leaves it."""
    for at in range(6):
        folder = tmp_path / "exp" / f"train_8b987_0000{at}_{at}_lr=0.1"
        folder.mkdir(parents=True)
        params = {"opt": {"lr": 10.0 ** (-at)}, "n": at, "act": "gelu" if at % 2 else "relu", "seed": 3}
        (folder / "params.json").write_text(json.dumps(params))
        with (folder / "result.json").open("w") as file:
            for step in range(1, (3 if at == 2 else 5)):
                row = {
                    "loss": at + 1 / step, "eval": {"acc": step / 10}, "timestamp": 1795829112 + step, "done": False, "training_iteration": step,
                    "trial_id": f"8b987_0000{at}", "time_this_iter_s": 1.0, "time_total_s": float(step), "pid": 1, "hostname": "vm",
                    "config": params, "iterations_since_restore": step,
                }  # fmt: skip
                file.write(json.dumps(row) + "\n")
        if at == 4:
            (folder / "error.txt").write_text("Traceback (most recent call last):\nValueError: too large\n")
    return tmp_path / "exp"


def test_a_folder_of_rays_is_a_study(rays, tmp_path):
    assert "Say --minimize or --maximize: loss, eval.acc" in imported(tmp_path, rays, code=2)
    assert "no trial of exp reported lose" in imported(tmp_path, rays, "--minimize", "lose", code=2)
    printed = imported(tmp_path, rays, "--minimize", "loss")
    found = result(tmp_path, "exp")
    assert [each.status.name for each in found.trials] == [
        "DONE",
        "DONE",
        "STOPPED",
        "DONE",
        "FAILED",
        "DONE",
    ]
    assert found.trials[4].reason == "ValueError: too large"
    assert found.best.metrics["loss"] == 0.25
    assert found.trials[1].params == {"opt.lr": 0.1, "n": 1, "act": "gelu"}
    assert found.trials[1].curve.metrics["eval.acc"] == (0.1, 0.2, 0.3, 0.4)
    assert found.history.space.slots[0].parameter == Float(1e-5, 1, log=True)
    assert "opt.lr from 1e-05 to 1 and n from 0 to 5" in printed
    assert "taken for stopped early: 1" in printed


def test_its_real_space_can_be_given(rays, tmp_path):
    (tmp_path / "space.toml").write_text(
        '"opt.lr" = {type = "float", low = 1e-4, high = 10.0, log = true}\nn = {type = "int", low = 0, high = 9}\n'
    )
    printed = imported(tmp_path, rays, "--maximize", "eval.acc", "--space", str(tmp_path / "space.toml"))
    found = result(tmp_path, "exp")
    assert found.history.space.slots[0].parameter == Float(1e-4, 10, log=True)
    assert len(found.trials) == 5
    assert "1 of its trials are left out: opt.lr needs a value between 0.0001 and 10.0" in printed


@pytest.mark.parametrize(
    ("make", "words", "sentence"),
    [
        (lambda path: path.mkdir(), [], "no trials of Ray Tune's"),
        (
            lambda path: sqlite3.connect(path).execute("create table x (y)").connection.close(),
            [],
            "without studies of Optuna's",
        ),
        (lambda path: path.write_text("nonsense"), ["--study", "x"], "is for files of Optuna's"),
        (lambda path: path.write_text("nonsense"), ["--minimize", "x"], "is for folders of Ray Tune's"),
        (lambda path: path.write_text("nonsense"), [], "no danlu export"),
    ],
)
def test_what_is_no_study_is_refused(make, words, sentence, tmp_path):
    make(tmp_path / "source")
    done = CliRunner().invoke(
        danlu.cli.main.danlu, ["import", str(tmp_path / "source"), str(tmp_path / "d.db"), *words]
    )
    assert done.exit_code != 0
    assert sentence in done.output
