"""The Ray engine on a real cluster of several nodes: resources, groups, and the death of workers, nodes and drivers."""

import os
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest
import ray
from places import FOLDERS
from ray.cluster_utils import Cluster

import danlu
from danlu.errors import SettingError
from danlu.journal.events import Cause, Status
from danlu.testing import ENGINE_CHECKS

SPACE = {"x": danlu.Float(0, 1)}


@pytest.fixture(scope="module")
def cluster():
    """A head with one core, a node with two pretended GPUs, a node with a custom resource."""
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    made.add_node(num_cpus=1, num_gpus=2)
    made.add_node(num_cpus=1, resources={"disk": 2})
    ray.init(address=made.address, log_to_driver=False)
    made.wait_for_nodes()
    yield made
    ray.shutdown()
    made.shutdown()


def train(trial):
    memory = {"trained": []}
    for step in range(trial.restore(memory) + 1, 7):
        memory["trained"].append(step)
        time.sleep(0.05)
        trial.save(step, memory)
        trial.report(step, loss=trial["x"] + 1 / step, trained=len(memory["trained"]))


@pytest.mark.parametrize("check", ENGINE_CHECKS, ids=lambda check: check.__name__)
def test_it_keeps_what_every_engine_has_to_keep(check, cluster):
    check(lambda: danlu.engines.Ray(2))


def test_a_study_is_what_it_is_on_one_machine(cluster, tmp_path):
    how = {"minimize": "loss", "trials": 6, "seed": 3, "sampler": "quasirandom", "scheduler": "diverged"}
    far = danlu.tune(train, SPACE, engine=danlu.engines.Ray(2), store=tmp_path / "far.db", **how)
    near = danlu.tune(train, SPACE, store=tmp_path / "near.db", **how)
    assert [(t.params, t.curve) for t in far.trials] == [(t.params, t.curve) for t in near.trials]


def test_shares_of_gpus_and_custom_resources_are_dealt_out(cluster, tmp_path):
    def together(trial):
        """One of four that wait for each other, so that no worker is done before another has begun."""
        (tmp_path / str(trial.number)).touch()
        until = time.monotonic() + 60
        while len(list(tmp_path.iterdir())) < 4 and time.monotonic() < until:
            time.sleep(0.05)
        return seen(trial)

    def seen(trial):
        trial.log(
            devices=os.environ.get("CUDA_VISIBLE_DEVICES"), node=ray.get_runtime_context().get_node_id()
        )
        return 0.0

    def run(objective, **needs):
        result = danlu.tune(objective, SPACE, trials=4, engine=danlu.engines.Ray(4, cpus=0, **needs))
        return [trial.facts for trial in result.trials]

    shared = run(together, gpus=0.5)
    assert {fact["devices"] for fact in shared} == {"0", "1"}
    assert len({fact["node"] for fact in shared}) == 1
    assert len({fact["node"] for fact in run(seen, resources={"disk": 1})}) == 1
    assert {fact["node"] for fact in run(seen, resources={"disk": 1})} != {fact["node"] for fact in shared}


def test_slots_follow_the_cluster(cluster):
    """Three nodes, and a fourth where the test of a node that dies came first."""
    cores = sum(node["Resources"].get("CPU", 0) for node in ray.nodes() if node["Alive"])
    assert cores in (3, 4)
    assert danlu.engines.Ray(cpus=1).slots == cores
    assert danlu.engines.Ray(cpus=0, gpus=0.25).slots == 8
    assert danlu.engines.Ray(bundles=[{"CPU": 1}, {"CPU": 0.5}]).slots == 2


def test_a_trial_that_needs_several_workers_gets_a_placement_group(cluster):
    def parallel(trial):
        group = ray.util.get_current_placement_group()
        where = ray.remote(lambda: ray.get_runtime_context().get_node_id()).options(num_cpus=1)
        here, there = ray.get_runtime_context().get_node_id(), ray.get(where.remote())
        trial.log(bundles=len(group.bundle_specs), apart=here != there)
        return trial["x"]

    engine = danlu.engines.Ray(1, bundles=[{"CPU": 1}, {"CPU": 1}], strategy="STRICT_SPREAD")
    result = danlu.tune(parallel, SPACE, trials=2, engine=engine)
    assert [trial.facts for trial in result.trials] == [{"bundles": 2, "apart": True}] * 2
    groups = ray.util.placement_group_table().values()
    assert all(group["state"] == "REMOVED" for group in groups)


def test_data_in_the_objective_is_shipped_once_and_shared(cluster):
    data = np.arange(2_000_000.0)

    def look(trial):
        trial.log(shared=not data.flags.writeable, total=float(data.sum()))
        return 0.0

    result = danlu.tune(look, SPACE, trials=4, engine=danlu.engines.Ray(2))
    assert all(trial.facts == {"shared": True, "total": float(data.sum())} for trial in result.trials)


def test_a_file_travels_to_where_it_is_not(cluster, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here.py").write_text(
        "SCALE = 2\ndef train(trial): return SCALE * trial['x']\ndef named(x=0.5): return SCALE * x\n"
    )
    for what in ("here.py:train", "here.py:named(x)"):
        result = danlu.tune(what, SPACE, trials=2, engine=danlu.engines.Ray(1))
        assert [trial.value for trial in result.trials] == [2 * trial.params["x"] for trial in result.trials]


def test_causes_are_told_apart_and_none_stops_the_study(cluster, tmp_path):
    def causes(trial):
        if trial.number == 0:
            raise ValueError("on purpose")
        if trial.number == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        if trial.number == 2:
            time.sleep(600)
        if trial.number == 3:
            return bytearray(40 << 30) and 1.0
        return 1.0

    result = danlu.tune(
        causes,
        SPACE,
        trials=5,
        engine=danlu.engines.Ray(2),
        trial_limits=danlu.TrialLimits(retries=1, time=5, memory=2 << 30),
        store=tmp_path / "s.db",
    )
    found = [(trial.status, trial.cause) for trial in result.trials]
    assert found == [
        (Status.FAILED, Cause.RAISED),
        (Status.FAILED, Cause.CRASHED),
        (Status.FAILED, Cause.TIMEOUT),
        (Status.FAILED, Cause.MEMORY),
        (Status.DONE, None),
    ]
    assert result.trials[1].attempt == 2
    assert "quarantined" in result.trials[1].reason


def test_a_killed_worker_goes_on_from_its_checkpoint(cluster, tmp_path):
    flag = tmp_path / "died"

    def dies_once(trial):
        memory = {"trained": []}
        for step in range(trial.restore(memory) + 1, 7):
            memory["trained"].append(step)
            trial.save(step, memory)
            trial.report(step, loss=1 / step, trained=len(memory["trained"]))
            if step == 3 and not flag.exists():
                flag.touch()
                os.kill(os.getpid(), signal.SIGKILL)

    result = danlu.tune(
        dies_once, SPACE, minimize="loss", trials=1, engine=danlu.engines.Ray(1), store=tmp_path / "s.db"
    )
    trial = result.trials[0]
    assert (trial.status, trial.attempt, trial.deaths, trial.metrics["trained"]) == (Status.DONE, 2, 1, 6.0)


@pytest.mark.fault
def test_a_node_that_dies_costs_its_trials_no_step_and_no_reputation(cluster, tmp_path, promised):
    node = cluster.add_node(num_cpus=1, resources={"spot": 1})
    cluster.wait_for_nodes()
    shot = []

    def shoot(result, trial):
        if trial.number == 0 and not shot:
            shot.append(1)
            cluster.remove_node(node, allow_graceful=False)
            cluster.add_node(num_cpus=1, resources={"spot": 1})

    def slow(trial):
        memory = {"trained": []}
        for step in range(trial.restore(memory) + 1, 7):
            memory["trained"].append(step)
            trial.save(step, memory)
            trial.report(step, loss=1 / step, trained=len(memory["trained"]))
            time.sleep(0.5 * trial.number)

    result = danlu.tune(
        slow,
        SPACE,
        minimize="loss",
        trials=3,
        engine=danlu.engines.Ray(2, cpus=0.5, resources={"spot": 0.5}),
        store=tmp_path / "s.db",
        callbacks=[shoot],
        trial_limits=danlu.TrialLimits(retries=0),
        scheduler="diverged",
    )
    assert shot
    assert [trial.status for trial in result.trials] == [Status.DONE] * 3
    assert [trial.metrics["trained"] for trial in result.trials] == [6.0] * 3
    assert result.trials[1].attempt > 1
    assert not any(trial.deaths for trial in result.trials), result.why()
    promised(7, 1, "Ray node killed in mid-trial; its trials went on from their checkpoints")


DRIVER = textwrap.dedent(
    """
    import sys, ray, danlu
    sys.path[:0] = sys.argv[3].split(":")
    from test_ray import SPACE, train
    ray.init(address=sys.argv[1], log_to_driver=False)
    danlu.tune(train, SPACE, minimize="loss", trials=12, engine=danlu.engines.Ray(2), store=sys.argv[2], seed=1, sampler="quasirandom")
    """
)


@pytest.mark.fault
def test_a_driver_that_is_killed_and_started_again_repeats_and_loses_nothing(cluster, tmp_path, promised):
    store = tmp_path / "s.db"

    def drive():
        command = [sys.executable, "-c", DRIVER, cluster.address, str(store), ":".join(FOLDERS)]
        return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)

    for least in (2, 6):
        driver = drive()
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and driver.poll() is None:
            if store.exists() and "study" in danlu.stores.SqliteStore(store).studies():
                with danlu.open_study(store=store) as seen:
                    if seen.session.replica.history.spent.finished >= least:
                        break
            time.sleep(0.02)
        driver.kill()
        driver.communicate()
    last = drive()
    _, error = last.communicate(timeout=120)
    assert last.returncode == 0, error
    with danlu.open_study(store=store) as seen:
        trials = seen.result.trials
    assert [trial.status for trial in trials] == [Status.DONE] * 12
    assert [trial.metrics["trained"] for trial in trials] == [6.0] * 12
    assert sum(trial.deaths for trial in trials) > 0
    promised(7, 2, "Ray drivers killed and started again")


def test_bad_settings_and_a_missing_extra_are_sentences():
    for how, words in (
        ({"workers": 0}, "workers"),
        ({"gpus": 1.5}, "whole GPUs above 1"),
        ({"cpus": -1}, "cpus >= 0"),
        ({"strategy": "NEAR"}, "strategy PACK"),
    ):
        with pytest.raises(SettingError, match=words):
            danlu.engines.Ray(**how)
    program = "import sys; sys.modules['ray'] = None; import danlu; danlu.engines.Ray()"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert 'pip install "danlu[ray]"' in ran.stderr


def test_a_command_is_tuned_on_the_cluster_and_stopped_there(cluster, tmp_path):
    from danlu.programs import Command, program_of

    (tmp_path / "train.py").write_text(
        "import sys, time\nx = float(sys.argv[1])\n"
        "for epoch in range(1, 10):\n    print(f'epoch {epoch} loss {x + 1 / epoch}', flush=True)\n    time.sleep(0.05)\n"
    )
    program, fixed = program_of([sys.executable, str(tmp_path / "train.py"), "{x}"])
    result = danlu.tune(
        Command(program, {}, ["epoch {step} loss {x}"], fixed=fixed), SPACE, minimize="loss", trials=6, workers=2, seed=1,
        engine=danlu.engines.Ray(), store=tmp_path / "s.db", scheduler=danlu.schedulers.ASHA(low=1, high=9),
    )  # fmt: skip
    assert len(result.trials) == 6
    assert {trial.status.name for trial in result.trials} == {"DONE", "STOPPED"}
    for trial in result.trials:
        assert trial.metrics["loss"] == pytest.approx(trial.params["x"] + 1 / trial.curve.steps[-1])
