"""What we write, read by TensorBoard's own reader and its HParams plugin."""

import argparse
import json
import math
import re
import subprocess
import sys
import time
import urllib.request

import pytest
from google.protobuf import json_format
from tensorboard.backend.event_processing import data_provider
from tensorboard.backend.event_processing import plugin_event_multiplexer as event_multiplexer
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.context import RequestContext
from tensorboard.plugins import base_plugin
from tensorboard.plugins.hparams import api_pb2, backend_context, list_session_groups, plugin_data_pb2

import danlu
from danlu.integrations.tensorboard import TensorBoard

SPACE = {"lr": danlu.Float(1e-4, 1, log=True), "act": danlu.Choice(["relu", "tanh"])}


def train(trial):
    if trial.number == 2:
        raise ValueError("on purpose")
    for step in range(1, 6):
        trial.report(step, loss=trial["lr"] / step, accuracy=step / 5)


def read(folder):
    loaded = EventAccumulator(str(folder))
    loaded.Reload()
    return loaded


def hparams(loaded, tag):
    held = loaded.SummaryMetadata(tag).plugin_data
    assert held.plugin_name == "hparams"
    return plugin_data_pb2.HParamsPluginData.FromString(held.content)


def check(result, folder):
    experiment = hparams(read(folder), "_hparams_/experiment").experiment
    assert [info.name for info in experiment.hparam_infos] == ["lr", "act"]
    assert experiment.hparam_infos[0].domain_interval.max_value == 1
    assert [value.string_value for value in experiment.hparam_infos[1].domain_discrete.values] == [
        "relu",
        "tanh",
    ]
    assert [info.name.tag for info in experiment.metric_infos] == ["loss", "final/loss"]
    for trial in result.trials:
        loaded = read(folder / f"trial-{trial.number:06d}")
        start = hparams(loaded, "_hparams_/session_start_info").session_start_info
        assert start.hparams["lr"].number_value == trial.params["lr"]
        assert start.hparams["act"].string_value == trial.params["act"]
        end = hparams(loaded, "_hparams_/session_end_info").session_end_info
        if trial.number == 2:
            assert end.status == api_pb2.STATUS_FAILURE
            continue
        assert end.status == api_pb2.STATUS_SUCCESS
        for name, values in trial.curve.metrics.items():
            scalars = loaded.Scalars(name)
            assert tuple(scalar.step for scalar in scalars) == trial.curve.steps
            assert [scalar.value for scalar in scalars] == pytest.approx(list(values), rel=1e-6)
        assert loaded.Scalars("final/loss")[-1].value == pytest.approx(trial.value, rel=1e-6)


def test_a_callback_writes_what_tensorboard_reads(tmp_path):
    board = TensorBoard(tmp_path / "tb")
    seen = []

    def count(result, trial):
        seen.append(len(read(tmp_path / "tb/study" / f"trial-{trial.number:06d}").Tags()["scalars"]))

    result = danlu.tune(
        train,
        SPACE,
        minimize="loss",
        trials=4,
        seed=1,
        callbacks=[board, count],
        scheduler="diverged",
        sampler="random",
    )
    check(result, tmp_path / "tb/study")
    assert seen == [4, 4, 0, 4]  # live: each trial is there when its callback is


def test_the_command_line_exports_and_follows(tmp_path):
    store = tmp_path / "s.db"
    result = danlu.tune(
        train,
        SPACE,
        minimize="loss",
        trials=4,
        seed=1,
        store=store,
        name="net",
        sampler="random",
        scheduler="diverged",
    )
    for more in ((), ("--follow",)):
        command = [
            sys.executable,
            "-m",
            "danlu.cli",
            "export",
            store,
            "net",
            "--tensorboard",
            tmp_path / "tb",
            *more,
        ]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert ran.returncode == 0, ran.stderr
        assert "tensorboard --logdir" in ran.stderr
        check(result, tmp_path / "tb/net")  # writing again replaces


def test_the_real_server_serves_the_curves_and_the_table(tmp_path):
    danlu.tune(
        train,
        SPACE,
        minimize="loss",
        trials=4,
        seed=1,
        callbacks=[TensorBoard(tmp_path)],
        sampler="random",
        scheduler="diverged",
    )
    command = [
        sys.executable,
        "-m",
        "tensorboard.main",
        "--logdir",
        str(tmp_path),
        "--port",
        "0",
        "--load_fast",
        "false",
        "--host",
        "127.0.0.1",
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as server:
        try:
            line = next(line for line in server.stderr if "http://" in line)
            url = re.search(r"http://[^ ]+", line).group().rstrip("/")

            def get(path, body=None):
                data = None if body is None else json.dumps(body).encode()
                request = urllib.request.Request(url + path, data, {"Content-Type": "application/json"})
                with urllib.request.urlopen(request, timeout=30) as answer:
                    return json.loads(answer.read())

            deadline = time.monotonic() + 60
            while len(get("/data/runs")) < 4 and time.monotonic() < deadline:
                time.sleep(0.2)
            run = "study/trial-000003"
            curve = get(f"/data/plugin/scalars/scalars?run={run.replace('/', '%2F')}&tag=accuracy")
            assert [(step, round(value, 6)) for _, step, value in curve] == [(n, n / 5) for n in range(1, 6)]
            experiment = get("/data/plugin/hparams/experiment", {"experimentName": ""})
            assert {info["name"] for info in experiment["hparamInfos"]} == {"lr", "act"}
            asked = {
                "experimentName": "",
                "allowedStatuses": ["STATUS_SUCCESS", "STATUS_FAILURE"],
                "startIndex": 0,
                "sliceSize": 10,
                "colParams": [{"metric": {"tag": "loss", "group": ""}, "includeInResult": True}],
            }
            groups = get("/data/plugin/hparams/session_groups", asked)["sessionGroups"]
            assert len(groups) == 4
            assert sum(group["sessions"][0]["status"] == "STATUS_FAILURE" for group in groups) == 1
        finally:
            server.kill()


def test_nan_is_written_as_it_is(tmp_path):
    def diverges(trial):
        trial.report(1, loss=1.0)
        trial.report(2, loss=math.nan)

    danlu.tune(diverges, SPACE, minimize="loss", trials=1, callbacks=[TensorBoard(tmp_path)])
    values = [scalar.value for scalar in read(tmp_path / "study/trial-000000").Scalars("loss")]
    assert values[0] == 1.0
    assert math.isnan(values[1])


def table_of(folder):
    """What TensorBoard's HParams plugin makes of a folder."""
    multiplexer = event_multiplexer.EventMultiplexer()
    multiplexer.AddRunsFromDirectory(str(folder)).Reload()
    flags = argparse.Namespace(generic_data="auto", samples_per_plugin={}, max_reload_threads=1)
    provider = data_provider.MultiplexerDataProvider(multiplexer, str(folder))
    held = base_plugin.TBContext(data_provider=provider, multiplexer=multiplexer, flags=flags)
    known = backend_context.Context(held)
    tags = known.hparams_metadata(RequestContext(), "")
    found = known.experiment_from_metadata(
        RequestContext(), "", True, tags, known.hparams_from_data_provider(RequestContext(), "", 99)
    )
    asked = {
        "allowedStatuses": ["STATUS_SUCCESS"], "startIndex": 0, "sliceSize": 99,
        "colParams": [
            {"hparam": info.name, "filterDiscrete": json_format.MessageToDict(info.domain_discrete)}
            for info in found.hparam_infos
            if info.HasField("domain_discrete")
        ],
    }  # fmt: skip
    request = json_format.ParseDict(asked, api_pb2.ListSessionGroupsRequest())
    groups = list_session_groups.Handler(RequestContext(), known, "", request).run().session_groups
    return found, groups


def test_choices_of_numbers_and_truths_are_found_by_tensorboards_filters(tmp_path):
    space = {
        "batch": danlu.Choice([16, 32]), "flip": danlu.Choice([False, True]), "act": danlu.Choice(["relu", 2]),
        "opt": danlu.Switch(sgd={"momentum": danlu.Float(0, 1)}, adam={}),
    }  # fmt: skip
    danlu.tune(
        lambda t: t["batch"], space, trials=5, callbacks=[TensorBoard(tmp_path)], sampler="random", seed=1
    )
    found, groups = table_of(tmp_path)
    kinds = {info.name: info.type for info in found.hparam_infos}
    assert kinds["batch"] == api_pb2.DATA_TYPE_FLOAT64
    assert kinds["flip"] == api_pb2.DATA_TYPE_BOOL
    assert kinds["act"] == kinds["opt"] == api_pb2.DATA_TYPE_STRING
    assert len(groups) == 5


def test_parameters_that_are_suggested_are_columns(tmp_path):
    def draws(trial):
        depth = trial.suggest("depth", danlu.Int(1, 3))
        return sum(trial.suggest(f"width{i}", danlu.Int(8, 64)) for i in range(depth))

    result = danlu.tune(draws, trials=4, callbacks=[TensorBoard(tmp_path)], seed=1)
    found, groups = table_of(tmp_path)
    assert {info.name for info in found.hparam_infos} == {
        name for trial in result.trials for name in trial.params
    }
    told = {
        frozenset((name, value.number_value) for name, value in group.hparams.items()) for group in groups
    }
    assert told == {frozenset(trial.params.items()) for trial in result.trials}


def test_another_study_of_the_same_name_has_a_folder_of_its_own(tmp_path):
    from danlu.integrations.tensorboard import TensorBoard

    for trials in (5, 3):
        danlu.tune(
            lambda trial: trial["x"],
            {"x": danlu.Float(0, 1)},
            trials=trials,
            seed=1,
            name="again",
            callbacks=[TensorBoard(tmp_path)],
        )
    counts = {
        folder.name: len([each for each in folder.iterdir() if each.is_dir()])
        for folder in tmp_path.iterdir()
    }
    assert counts == {"again": 5, "again-2": 3}
    store = danlu.stores.MemoryStore()
    for trials in (2, 4):  # the same study goes on where it was
        danlu.tune(
            lambda trial: trial["x"], {"x": danlu.Float(0, 1)}, trials=trials, name="more", store=store,
            callbacks=[TensorBoard(tmp_path)],
        )  # fmt: skip
    assert sorted(folder.name for folder in tmp_path.iterdir()) == ["again", "again-2", "more"]
    assert len([each for each in (tmp_path / "more").iterdir() if each.is_dir()]) == 4
