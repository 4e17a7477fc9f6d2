"""What we log, read back through MLflow's own client from its own store."""

import math
import sys

import pytest
from mlflow.tracking import MlflowClient

import danlu
from danlu.plugins.mlflow import MLflow

SPACE = {"lr": danlu.Float(1e-4, 1, log=True), "act": danlu.Choice(["relu", "tanh"])}


def train(trial):
    if trial.number == 2:
        raise ValueError("on purpose")
    for step in range(1, 6):
        trial.report(step, loss=trial["lr"] / step, odd=math.inf if step == 3 else 0.5)


@pytest.fixture
def uri(tmp_path):
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
    client, parent, children = runs(uri, result.name)
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
