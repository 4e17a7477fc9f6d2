"""Workers that join a study by its name alone, as processes: what they take over, how they leave."""

import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest
from places import ROOT

import danlu
from danlu.contracts.algorithms import read, written
from danlu.errors import ObjectiveError, SettingError, StudyMissing
from danlu.journal.events import Status

SCRIPT = textwrap.dedent(
    """
    import os, sys, time
    import danlu

    def train(trial):
        memory = {"trained": []}
        for step in range(trial.restore(memory) + 1, 11):
            memory["trained"].append(step)
            time.sleep(float(os.environ.get("STEP", "0.01")))
            trial.save(step, memory)
            trial.report(step, loss=trial["x"] + 1 / step, trained=len(memory["trained"]))

    def named(x=0.5):
        return x

    def stuck(trial):
        while True:
            time.sleep(0.05)

    if __name__ == "__main__":
        which, store, trials = sys.argv[1:]
        danlu.tune(
            globals()[which], {"x": danlu.Float(0, 1)} if which != "named" else None, minimize="loss" if which != "named" else (),
            trials=int(trials), store=store, name="far", seed=3, sampler=danlu.samplers.GP(fantasies=True),
            scheduler=danlu.schedulers.Patience(reports=50), trial_limits=danlu.TrialLimits(retries=100), watch=False,
        )
    """
)


@pytest.fixture
def there(tmp_path):
    (tmp_path / "far.py").write_text(SCRIPT)
    return tmp_path


def begin(there, which, trials, **environment):
    command = [sys.executable, "far.py", which, "s.db", str(trials)]
    return subprocess.Popen(
        command, cwd=there, env=os.environ | environment, stderr=subprocess.PIPE, text=True
    )


def join(there, *more, **environment):
    command = [
        sys.executable,
        "-m",
        "danlu.cli",
        "worker",
        "s.db",
        "--study",
        "far",
        "--trust",
        "far.py",
        *more,
    ]
    return subprocess.Popen(
        command,
        cwd=there,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def study(there):
    return danlu.open_study(store=there / "s.db", name="far")


def until(there, condition, seconds=60):
    """Wait for something to be true of the study; what is waited for is an event of another process."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if (there / "s.db").exists() and "far" in danlu.stores.SqliteStore(there / "s.db").studies():
            with study(there) as opened:
                if condition(opened.result):
                    return
        time.sleep(0.05)
    raise AssertionError("it did not happen")


def test_workers_finish_what_a_killed_driver_began(there):
    driver = begin(there, "train", 8, STEP="0.05")
    until(there, lambda result: len(result.trials) == 2)
    driver.kill()
    driver.communicate()
    workers = [join(there, "--slots", "2"), join(there)]
    for worker in workers:
        out, error = worker.communicate(timeout=120)
        assert worker.returncode == 0, error
        assert "the budget of 8 trials is spent" in out
    with study(there) as opened:
        assert opened.session.settings.sampler == danlu.samplers.GP(fantasies=True)
        assert opened.session.settings.scheduler == danlu.schedulers.Patience(reports=50)
        trials = opened.result.trials
    assert [trial.status for trial in trials] == [Status.DONE] * 8
    assert all(trial.metrics["trained"] == 10.0 for trial in trials)  # no step was trained twice or lost
    assert any(trial.deaths for trial in trials)


def test_sigterm_drains_and_another_worker_goes_on(there):
    begin(there, "train", 1, STEP="0").communicate()
    with danlu.open_study(store=there / "s.db", name="far", trials=4) as opened:
        opened.session.announce()
    first = join(there, STEP="0.2")
    until(there, lambda result: any(1 <= len(t.curve) < 10 for t in result.trials))
    first.send_signal(signal.SIGTERM)
    out, error = first.communicate(timeout=60)
    assert first.returncode == 143, error
    assert "asked to leave by SIGTERM" in out
    with study(there) as opened:
        left = [t for t in opened.result.trials if t.status is not Status.DONE]
        assert [t.status for t in left] == [Status.WAITING]
        assert left[0].checkpoints
    second = join(there)
    assert "spent" in second.communicate(timeout=60)[0]
    with study(there) as opened:
        assert [t.metrics["trained"] for t in opened.result.trials] == [10.0] * 4


def test_what_does_not_report_is_handed_back_when_the_grace_is_over(there):
    driver = begin(there, "stuck", 1)
    until(there, lambda result: len(result.trials) == 1)
    driver.kill()
    driver.communicate()
    worker = join(there, "--grace", "0.2")
    until(there, lambda result: result.trials[0].attempt == 2)
    worker.send_signal(signal.SIGTERM)
    worker.communicate(timeout=30)
    assert worker.returncode == 143
    with study(there) as opened:
        assert opened.result.trials[0].status is Status.WAITING


def test_a_worker_that_stays_takes_up_what_another_leaves(there):
    begin(there, "train", 1, STEP="0").communicate()
    with danlu.open_study(store=there / "s.db", name="far", trials=2) as opened:
        opened.session.announce()
    dying = join(there, STEP="0.1")
    until(there, lambda result: len(result.trials) == 2 and len(result.trials[1].curve) > 1)
    staying = join(there, "--stay")
    dying.kill()
    dying.communicate()
    assert "spent" in staying.communicate(timeout=60)[0]
    with study(there) as opened:
        assert opened.result.trials[1].metrics["trained"] == 10.0


def test_a_worker_waits_for_the_study_and_takes_functions_by_signature(there):
    worker = join(there, "--wait", "60s")
    driver = begin(there, "named", 4)
    driver.communicate(timeout=60)
    assert driver.returncode == 0
    _, error = worker.communicate(timeout=60)
    assert worker.returncode == 0, error
    with study(there) as opened:
        assert opened.session.settings.objective == "far.py:named(x)"
        assert len(opened.result.trials) == 4
    with danlu.open_study(store=there / "s.db", name="far", trials=6) as opened:
        opened.session.announce()
    assert join(there).communicate(timeout=60)[0].startswith("Result('far': 6 done")


def test_a_worker_waits_until_the_study_says_what_it_may_spend(tmp_path, monkeypatch):
    """A driver makes the study first and announces it then: who joins between the two would work without end."""
    store = danlu.stores.SqliteStore(tmp_path / "s.db")
    space = {"x": danlu.Float(0, 1)}
    with danlu.open_study(
        space, minimize="loss", store=store, name="s", trials=3, sampler="random"
    ) as opened:
        with pytest.raises(StudyMissing, match=r"does not say yet.*wait for the driver that begins it"):
            danlu.work(store, "s", lambda trial: trial["x"], engine="inline")
        slept = []

        def sleep(seconds):
            slept.append(seconds)
            if len(slept) == 1:
                opened.session.announce()

        monkeypatch.setattr("danlu.study.work.clocks.sleep", sleep)
        result = danlu.work(store, "s", lambda trial: trial["x"], engine="inline", wait=60)
    assert slept[0] == 0.5
    assert [trial.status for trial in result.trials] == [Status.DONE] * 3


def test_what_cannot_be_joined_is_said_in_a_sentence(there, monkeypatch):
    monkeypatch.chdir(there)
    with pytest.raises(StudyMissing, match="no study 'far'"):
        danlu.work("s.db", "far")
    danlu.tune(lambda trial: trial["x"], {"x": danlu.Float(0, 1)}, trials=1, store="s.db", name="closure")
    with pytest.raises(ObjectiveError, match="made inside other code"):
        danlu.work("s.db", "closure")
    with danlu.open_study(
        {"x": danlu.Float(0, 1)}, minimize="loss", store="s.db", name="gone", objective="gone.py:f"
    ) as opened:
        opened.session.announce()
    with pytest.raises(
        ObjectiveError, match=r"no file .*gone.py. The study was begun with gone.py:f: start the worker where"
    ):
        danlu.work("s.db", "gone", trust="gone.py:f")
    with pytest.raises(SettingError, match="grace >= 0"):
        danlu.work("s.db", "closure", grace=-1.0)
    (there / "bare.py").write_text(
        "import danlu\ndanlu.tune(lambda t: t['x'], {'x': danlu.Float(0, 1)}, trials=1)\ndef train(trial): return 0\n"
    )
    with pytest.raises(ObjectiveError, match="under if __name__"):
        danlu.work("s.db", "closure", "bare.py:train")


class Mine:
    """A scheduler that is not danlu's own."""


def test_settings_travel_as_data_and_strangers_are_refused():
    for algorithm in (
        danlu.samplers.InitialPoints([{"x": 1, "sampler": "a name"}], danlu.samplers.Random()),
        danlu.schedulers.Chain(danlu.schedulers.ASHA(low=1, high=9), danlu.schedulers.Diverged()),
        danlu.schedulers.Hyperband(high=81),
        danlu.samplers.Grid(),
    ):
        noun = "scheduler" if hasattr(algorithm, "judge") else "sampler"
        assert read(written(algorithm), noun) == algorithm
    with pytest.raises(SettingError, match="Mine"):
        read(written(Mine()), "scheduler")
    with pytest.raises(
        SettingError,
        match="os:system, which is not danlu's own, and a name in a journal is made only where it is trusted",
    ):
        read({"danlu.sampler": "os:system"}, "sampler")


def test_the_slurm_example_passes_the_signal_on_and_asks_to_be_queued_again(there):
    """The script itself under bash, with a ``danlu`` and an ``scontrol`` that say what they were given."""
    tools = there / "bin"
    tools.mkdir()
    (tools / "danlu").write_text(
        '#!/bin/bash\necho "$@" > given\ntrap "exit 143" TERM\ntouch up\nwhile :; do sleep 0.05; done\n'
    )
    (tools / "scontrol").write_text('#!/bin/bash\necho "$@" > queued\n')
    for tool in tools.iterdir():
        tool.chmod(0o755)
    script = ROOT / "examples/slurm.sh"
    environment = os.environ | {
        "PATH": f"{tools}:{os.environ['PATH']}",
        "STUDY": "postgresql://db/x",
        "SLURM_JOB_ID": "7",
    }
    job = subprocess.Popen(["bash", str(script)], cwd=there, env=environment)
    end = time.monotonic() + 20
    while not (there / "up").exists() and time.monotonic() < end:
        time.sleep(0.02)
    job.send_signal(signal.SIGTERM)
    assert job.wait(timeout=20) == 143
    assert (there / "queued").read_text() == "requeue 7\n"
    from danlu.cli.main import danlu as group
    from danlu.cli.worker import worker

    worker.make_context(
        "worker", (there / "given").read_text().split()[1:], **group.context_settings
    )  # every flag of it exists


def test_the_kubernetes_example_is_a_job_whose_command_exists():
    import yaml

    from danlu.cli.main import danlu as group
    from danlu.cli.worker import worker

    job = yaml.safe_load((ROOT / "examples/kubernetes.yaml").read_text("utf-8"))
    container = job["spec"]["template"]["spec"]["containers"][0]
    worker.make_context("worker", [str(word) for word in container["args"][2:]], **group.context_settings)
    assert job["spec"]["podFailurePolicy"]["rules"][1]["onExitCodes"]["containerName"] == container["name"]
    assert job["spec"]["template"]["spec"]["restartPolicy"] == "Never"  # which a failure policy needs
