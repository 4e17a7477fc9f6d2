"""Objectives that fork, thread, close, replace and leave behind, in every engine: no hang, and no good result lost."""

import json
import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from leaving import KINDS
from places import TESTS

import danlu
from danlu import Int
from danlu.problem.budget import Budget
from danlu.runtime import processes

NAMES = list(KINDS)
TRIAL_SECONDS = 20

DRIVER = textwrap.dedent(
    """
    import json, os, sys, traceback
    sys.path.insert(0, sys.argv[1])
    import danlu, leaving
    numbers = json.loads(sys.argv[3])
    try:
        result = danlu.tune(
            leaving.leave, {"kind": danlu.Int(0, len(leaving.KINDS) - 1)}, trials=len(numbers), seed=1,
            enqueue=[{"kind": number} for number in numbers], sampler="random", scheduler="none",
            trial_limits=danlu.TrialLimits(time=json.loads(sys.argv[4]).pop("time", None), retries=0, same_failures=0),
            **{name: value for name, value in json.loads(sys.argv[4]).items() if name != "time"},
        )
        told = [
            [trial.params["kind"], trial.status.name, str(trial.cause or ""), trial.reason, trial.metrics, trial.facts]
            for trial in result.trials
        ]
    except BaseException:
        told = traceback.format_exc()
    with open(sys.argv[2], "w") as file:
        json.dump(told, file)
    os._exit(0)
    """
)


left = {}


def programs():
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    return listed.stdout.splitlines()


def numbers_for(engine):
    return [number for number, name in enumerate(NAMES) if engine not in KINDS[name][2]]


def told_by(engine, folder, **how):
    """What each kind came to in one study of one engine, in a process of its own, whose end may not be waited for in vain."""
    numbers, file = numbers_for(engine), folder / f"{engine}.json"
    long = 600_000 + os.getpid()
    with (folder / "said").open("w") as said:
        driver = subprocess.Popen(
            [sys.executable, "-c", DRIVER, str(TESTS), str(file), json.dumps(numbers), json.dumps({"engine": engine, **how})],
            stdout=said, stderr=said, cwd=folder, start_new_session=True,
            env=os.environ | {"DANLU_TEST_LONG": str(long)},
        )  # fmt: skip
        until = time.monotonic() + len(numbers) * (TRIAL_SECONDS + 10)
        while not processes.is_dead(driver.pid) and time.monotonic() < until:
            time.sleep(0.05)
        left[engine] = [each for each in programs() if each == f"sleep {long}"]
        processes.end(driver.pid)
        assert driver.wait() == 0, (folder / "said").read_text()[-4000:]
    told = json.loads(file.read_text())
    assert isinstance(told, list), told
    return {NAMES[number]: rest for number, *rest in told}


@pytest.fixture(scope="module")
def pool(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pool")
    return told_by("pool", folder, time=TRIAL_SECONDS, store=str(folder / "s.db"))


@pytest.fixture(scope="module")
def inline(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inline")
    return told_by("inline", folder, store=str(folder / "s.db"))


@pytest.fixture(scope="module")
def ray(tmp_path_factory):
    return told_by("ray", tmp_path_factory.mktemp("ray"), time=TRIAL_SECONDS)


@pytest.fixture(scope="module")
def worker(tmp_path_factory):
    """Two ``danlu worker`` with two slots each, on one store."""
    folder = tmp_path_factory.mktemp("worker")
    store, numbers = folder / "s.db", numbers_for("pool")
    with danlu.open_study(
        {"kind": Int(0, len(NAMES) - 1)}, minimize="value", budget=Budget(trials=len(numbers)), sampler="random", seed=1,
        scheduler="none", trial_limits=danlu.TrialLimits(time=TRIAL_SECONDS, retries=0, same_failures=0), store=store, name="s", objective="leaving:leave",
    ) as study:  # fmt: skip
        study.control.enqueue(*({"kind": number} for number in numbers))
        study.session.announce()
    command = [
        sys.executable,
        "-m",
        "danlu.cli",
        "worker",
        str(store),
        "leaving:leave",
        "--study",
        "s",
        "-j",
        "2",
    ]
    said = (folder / "said").open("w")
    environment = os.environ | {"PYTHONPATH": f"{TESTS}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    workers = [subprocess.Popen(command, stdout=said, stderr=said, env=environment) for _ in range(2)]
    codes = [each.wait(timeout=len(numbers) * (TRIAL_SECONDS + 10)) for each in workers]
    said.close()
    assert codes == [0, 0], Path(said.name).read_text()[-4000:]
    with danlu.open_study(store=store, name="s") as study:
        return {
            NAMES[trial.params["kind"]]: [trial.status.name, str(trial.cause or ""), trial.reason, trial.metrics, trial.facts]
            for trial in study.result.trials
        }  # fmt: skip


def judge(name, told):
    status, cause, _, metrics, facts = told
    causes = KINDS[name][1]
    if causes:
        assert status == "FAILED", told
        assert cause in causes, told
        return
    assert status == "DONE", told
    assert metrics["value"] == NAMES.index(name), told
    assert "wrong" not in facts


def rows(engine):
    return [NAMES[number] for number in numbers_for(engine)]


@pytest.mark.parametrize("name", rows("pool"))
def test_in_a_pool(pool, name):
    judge(name, pool[name])


@pytest.mark.parametrize("name", rows("inline"))
def test_inline(inline, name):
    judge(name, inline[name])


@pytest.mark.fault
@pytest.mark.parametrize("name", rows("pool"))
def test_by_workers_that_joined(worker, name):
    judge(name, worker[name])


@pytest.mark.fault
@pytest.mark.parametrize("name", rows("ray"))
def test_on_ray(ray, name):
    judge(name, ray[name])


def test_a_pool_leaves_nothing_running(pool, inline, promised):
    assert left["pool"] == []
    promised(
        28,
        len(pool) + len(inline),
        "objectives that fork, thread, close, replace, leave behind: inline and in a pool",
    )


@pytest.mark.fault
def test_workers_and_a_cluster_bear_them_too(worker, ray, promised):
    assert len(worker) + len(ray) > 100
    promised(
        28,
        len(worker) + len(ray),
        "objectives that fork, thread, close, replace, leave behind: `danlu worker` and Ray",
    )
