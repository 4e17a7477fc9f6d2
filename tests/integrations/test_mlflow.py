"""What we log, read back through MLflow's own client from its own store."""

import math
import shutil
import sys

import pytest
from mlflow.tracking import MlflowClient

import danlu
from danlu.errors import SettingError
from danlu.integrations.mlflow import MLflow

SPACE = {"lr": danlu.Float(1e-4, 1, log=True), "act": danlu.Choice(["relu", "tanh"])}


def train(trial):
    if trial.number == 2:
        raise ValueError("on purpose")
    for step in range(1, 6):
        trial.report(step, loss=trial["lr"] / step, odd=math.inf if step == 3 else 0.5)


@pytest.fixture(scope="session")
def empty(tmp_path_factory):
    """A database as MLflow makes it, by migrations that take seconds."""
    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    MlflowClient(tracking_uri=f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def uri(empty, tmp_path):
    shutil.copy(empty, tmp_path / "mlflow.db")
    return f"sqlite:///{tmp_path}/mlflow.db"


def runs(uri, name):
    client = MlflowClient(tracking_uri=uri)
    held = client.get_experiment_by_name(name)
    found = client.search_runs([held.experiment_id], max_results=1000)
    parent = next(run for run in found if run.data.tags["danlu.trial"] == "study")
    children = {int(run.data.tags["danlu.trial"]): run for run in found if run is not parent}
    assert all(run.data.tags["mlflow.parentRunId"] == parent.info.run_id for run in children.values())
    return client, parent, children


def check(uri, result):
    client, parent, children = runs(uri, result.study.name)
    assert sorted(children) == [trial.number for trial in result.trials]
    for trial in result.trials:
        run = children[trial.number]
        assert run.data.params == {name: str(value) for name, value in trial.params.items()}
        assert run.data.tags["danlu.status"] == trial.status.name.lower()
        if trial.number == 2:
            assert run.info.status == "FAILED"
            assert "on purpose" in run.data.tags["danlu.reason"]
            continue
        assert run.info.status == "FINISHED"
        for name, told in trial.curve.metrics.items():
            values = [min(value, sys.float_info.max) for value in told]  # MLflow's databases keep no infinity
            logged = client.get_metric_history(run.info.run_id, name)
            assert sorted((metric.step, metric.value) for metric in logged) == list(
                zip(trial.curve.steps, values, strict=True)
            )
        assert run.data.metrics["final/loss"] == trial.value
    return parent


def tuned(uri, trials, **settings):
    return danlu.tune(
        train, SPACE, minimize="loss", trials=trials, seed=1, scheduler="diverged", name="it's", **settings
    )


def test_a_callback_logs_what_mlflow_reads(uri, tmp_path):
    store = str(tmp_path / "s.db")
    first = tuned(uri, 4, callbacks=[MLflow(uri)], store=store)
    log = MLflow(uri)
    log.write(first)  # what a callback cannot see: how the study was closed
    parent = check(uri, first)
    assert parent.info.status == "FINISHED"
    assert "budget" in parent.data.tags["danlu.closed"]
    again = tuned(uri, 6, callbacks=[MLflow(uri)], store=store)  # a new session finds the runs and goes on
    check(uri, again)


def test_logging_again_changes_nothing(uri):
    result = tuned(uri, 3)
    for _ in range(2):
        MLflow(uri).write(result)
    _, _, children = runs(uri, "it's")
    assert len(children) == 3
    check(uri, result)


def test_a_study_may_go_to_an_experiment_of_another_name(uri):
    result = tuned(uri, 3)
    MLflow(uri, experiment="all").write(result)
    _, parent, _ = runs(uri, "all")
    assert parent.data.tags["danlu.study"] == "it's"


def test_names_that_mlflow_does_not_take_are_written_as_it_does(uri):
    result = danlu.tune(
        lambda t: {"acc@1 (top)": t["lr*2"]}, {"lr*2": danlu.Float(0, 1)}, maximize="acc@1 (top)", trials=1
    )
    MLflow(uri).write(result)
    _, _, children = runs(uri, "study")
    assert children[0].data.metrics == {"final/acc_1 _top_": result.best.value}
    assert children[0].data.params == {"lr_2": str(result.best.params["lr*2"])}


def test_more_parameters_than_a_request_takes(uri):
    space = {f"x{i}": danlu.Float(0, 1) for i in range(150)}
    MLflow(uri).write(danlu.tune(lambda t: t["x0"], space, trials=1, sampler="random"))
    _, _, children = runs(uri, "study")
    assert len(children[0].data.params) == 150


def test_what_is_not_over_what_was_ended_and_what_was_set_aside_is_told_apart(uri):
    with danlu.open_study({"x": danlu.Float(0, 1)}, minimize="loss", trials=6) as study:
        trials = study.ask_batch(4)
        study.tell(trials[0], loss=1.0)
        study.tell(trials[1], failed="cancelled")
        study.tell(trials[2], loss=2.0)
        study.control.set_aside([2], "its data was broken")
        MLflow(uri).write(study.result)
    _, _, children = runs(uri, "study")
    assert [children[n].info.status for n in range(4)] == ["FINISHED", "KILLED", "KILLED", "RUNNING"]
    assert children[2].data.tags["danlu.aside"] == "its data was broken"


def test_what_population_based_training_changes_is_a_tag_and_waiting_is_scheduled(uri):
    def climb(trial):
        for step in range(trial.restore() + 1, 9):
            trial.save(step)
            trial.report(step, loss=trial["x"])

    result = danlu.tune(
        climb, {"x": danlu.Float(0, 1)}, minimize="loss", trials=6, scheduler=danlu.schedulers.PBT(population=6, interval=2), seed=1,
        fidelity=danlu.Fidelity("epoch", 1, 8),
    )  # fmt: skip
    MLflow(uri).write(result)
    _, _, children = runs(uri, "study")
    changed = [
        trial for trial in result.trials if children[trial.number].data.params["x"] != str(trial.params["x"])
    ]
    assert changed
    for trial in changed:
        assert children[trial.number].data.tags["danlu.now.x"] == str(trial.params["x"])


def test_a_run_that_was_deleted_is_made_again_and_an_experiment_is_asked_for(uri):
    store = danlu.stores.MemoryStore()
    first = danlu.tune(train, SPACE, minimize="loss", trials=1, store=store, seed=1)
    MLflow(uri).write(first)
    client, _, children = runs(uri, "study")
    client.delete_run(children[0].info.run_id)
    with danlu.open_study(store=store) as study:
        study.control.note("seen")
        study.control.set_aside([0], "deleted")
        MLflow(uri).write(study.result)
    _, _, children = runs(uri, "study")
    assert children[0].data.tags["danlu.aside"] == "deleted"
    client.delete_experiment(client.get_experiment_by_name("study").experiment_id)
    with pytest.raises(SettingError, match="was deleted in MLflow.*name another: MLflow"):
        MLflow(uri).write(first)


def test_another_study_of_the_same_name_has_runs_of_its_own(uri):
    """A script without a store is started again after a change: nothing of the first is taken for the second's."""
    from danlu.integrations.mlflow import MLflow

    for shift, trials in ((0.0, 2), (100.0, 3)):
        danlu.tune(
            lambda trial, shift=shift: trial["x"] + shift,
            {"x": danlu.Float(0, 1)},
            trials=trials,
            seed=1,
            name="again",
            callbacks=[MLflow(uri)],
        )
    client = MlflowClient(tracking_uri=uri)
    found = client.search_runs([client.get_experiment_by_name("again").experiment_id], max_results=100)
    parents = [run for run in found if run.data.tags["danlu.trial"] == "study"]
    assert len(parents) == 2
    counts = {}
    for parent in parents:
        values = [
            run.data.metrics["final/value"]
            for run in found
            if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id
        ]
        counts[len(values)] = min(values) > 50
    assert counts == {2: False, 3: True}


def test_names_that_mlflow_would_take_for_one_another_are_told_apart(uri):
    def train(trial):
        trial.report(1, {"acc@1": 0.5, "acc_1": 0.25, "acc:1": 0.75, "loss": trial["lr(a)"]})

    space = {"lr(a)": danlu.Float(0, 1), "lr[a]": danlu.Float(2, 3)}
    how = {"minimize": "loss", "seed": 1, "name": "alike", "sampler": "random"}
    store = danlu.stores.MemoryStore()
    danlu.tune(train, space, trials=1, store=store, callbacks=[MLflow(uri)], **how)
    result = danlu.tune(train, space, trials=2, store=store, callbacks=[MLflow(uri)], **how)
    _, _, children = runs(uri, "alike")
    for trial in result.trials:
        run = children[trial.number]
        assert {name: run.data.metrics[name] for name in ("acc_1", "acc_1_2", "acc:1")} == {
            "acc_1": 0.5,
            "acc_1_2": 0.25,
            "acc:1": 0.75,
        }
        assert run.data.params == {"lr_a_": str(trial.params["lr(a)"]), "lr_a__2": str(trial.params["lr[a]"])}
