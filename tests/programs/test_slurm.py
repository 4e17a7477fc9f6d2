"""Trials as jobs of a real Slurm: however danlu ends one, its job is over on the node as well, and nothing of it runs on.

A job's processes are started without what danlu has given their ``srun``, as on a node of their own: only Slurm can end them.
"""

import os
import shlex
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from places import ROOT
from slurm import Cluster, until

import danlu
from danlu.runtime import processes
from danlu.stores import SqliteStore

TRAIN = """
import os, sys, time
rate, word = float(sys.argv[1]), sys.argv[2]
for epoch in range(1, 10):
    print(f"epoch {epoch}: loss={abs(rate - 0.01) + 1 / epoch:.4f}", flush=True)
    time.sleep(0.1)
    while os.path.exists("wait"):
        time.sleep(0.05)
"""

APART = "env -u DANLU_RUN"


class Run:
    """``danlu run`` over a trial a job.

    Args:
        cluster: that has the jobs.
        folder: to work in.
        options: of danlu beside the usual ones.
        job: the command of a job.
    """

    def __init__(
        self, cluster: Cluster, folder: Path, *options: str, job: str = "srun --ntasks=1 {}"
    ) -> None:
        (folder / "train.py").write_text(TRAIN)
        self.word = uuid.uuid4().hex
        self._cluster, self._folder = cluster, folder
        train = f"{APART} {sys.executable} train.py {{lr}} {self.word}"
        command = shlex.split(job.format(train))
        self.line = [
            sys.executable, "-m", "danlu", "run", "--tune", "lr=0.0001:1:log", "--metric", "epoch {step}: loss={x}", "--seed", "1",
            "--store", "s.db", "--name", "s", *options, "--", *command,
        ]  # fmt: skip

    def start(self) -> subprocess.Popen[str]:
        """Begin it."""
        return subprocess.Popen(
            self.line, cwd=self._folder, env=self._cluster.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )  # fmt: skip

    def whole(self) -> str:
        """Run it to its end, and what it says."""
        process = self.start()
        said, _ = process.communicate(timeout=60)
        assert process.returncode == 0, said
        return said

    def processes(self) -> list[str]:
        """The command lines of what runs of its jobs, on the node and here."""
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = path.read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if self.word in words and "-m danlu" not in words:
                found.append(words)
        return found

    def trains(self) -> bool:
        """Whether a program is at work on the node."""
        return any(
            "train.py" in words and not words.startswith(("srun", "sh ")) for words in self.processes()
        )

    def over(self) -> bool:
        """Whether nothing is left."""
        return not self._cluster.jobs() and not self.processes()


@pytest.mark.parametrize(
    "job", ["srun --ntasks=1 {}", "sh -c 'srun --ntasks=1 {}; true'"], ids=["srun", "a shell around it"]
)
def test_a_trial_that_is_stopped_ends_its_job_on_the_node(cluster, tmp_path, job):
    run = Run(cluster, tmp_path, "-n", "5", "--scheduler", "asha", "--fidelity", "epoch:1:9", job=job)
    said = run.whole()
    assert " stopped loss=" in said, said
    until(run.over, "the end of all jobs", 5)


def test_a_limit_of_time_ends_the_job(cluster, tmp_path):
    run = Run(cluster, tmp_path, "-n", "1", "--trial-time", "3s")
    (tmp_path / "wait").touch()
    process = run.start()
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 1, said
    assert "it ran longer than its limit of 3 s" in said, said
    until(run.over, "the end of all jobs", 5)


def test_ctrl_c_ends_the_jobs(cluster, tmp_path):
    run = Run(cluster, tmp_path, "-n", "20", "-j", "2")
    (tmp_path / "wait").touch()
    process = run.start()
    until(lambda: len(cluster.jobs()) == 2 and run.trains(), "two jobs")
    while process.poll() is None:  # once to drain, again to hand trials back that report nothing
        process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            continue
    process.communicate()
    until(run.over, "the end of all jobs", 5)


def test_kill_9_of_danlu_ends_the_jobs_and_the_same_call_goes_on(cluster, tmp_path):
    run = Run(cluster, tmp_path, "-n", "3", "-j", "2")
    (tmp_path / "wait").touch()
    process = run.start()
    until(lambda: len(cluster.jobs()) == 2 and run.trains(), "two jobs")
    process.kill()
    process.communicate()
    until(run.over, "the end of all jobs", 20)
    (tmp_path / "wait").unlink()
    said = run.whole()
    assert "is taken up again: the process that ran it died" in said, said
    until(run.over, "the end of all jobs", 5)


def test_jobs_of_a_danlu_that_was_killed_with_its_workers_end_when_their_trials_are_taken_up(
    cluster, tmp_path
):
    run = Run(cluster, tmp_path, "-n", "3", "-j", "2")
    (tmp_path / "wait").touch()
    process = run.start()
    until(lambda: len(cluster.jobs()) == 2 and run.trains(), "two jobs")
    workers = [each.pid for each in processes.listed().values() if each.parent == process.pid]
    for number in (signal.SIGSTOP, signal.SIGKILL):  # so that none of them hears of another's end
        for pid in (*workers, process.pid):
            os.kill(pid, number)
    process.communicate()
    assert len(cluster.jobs()) == 2
    (tmp_path / "train.py").write_text(
        TRAIN.replace("while os", "while False and os")
    )  # the left ones still wait
    run.whole()
    until(run.over, "the end of all jobs", 5)


FUNCTION = """
import os, pathlib, time
from danlu import Float

space = {"x": Float(0, 1)}

def train(trial):
    task = int(os.environ.get("SLURM_ARRAY_TASK_ID", 0))
    pathlib.Path(f"began-{task}").touch()
    for step in range(1, 4):
        trial.report(step, loss=trial.params["x"] + 1 / step, task=task)
        time.sleep(0.1)
    while os.path.exists("wait"):
        step += 1
        trial.report(step, loss=1.0, task=task)
        time.sleep(0.05)
"""


class Array:
    """``examples/slurm.sh`` as it is, on nodes without GPUs, and the call that begins its study."""

    def __init__(self, cluster: Cluster, folder: Path, tasks: str) -> None:
        (folder / "bin").mkdir()
        (folder / "logs").mkdir()
        (folder / "train.py").write_text(FUNCTION)
        danlu_ = folder / "bin/danlu"
        danlu_.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m danlu "$@"\n')
        danlu_.chmod(0o755)
        there = {"STUDY": "s.db", "PATH": f"{folder}/bin{os.pathsep}{cluster.environment['PATH']}"}
        self._folder, self._environment = folder, {**cluster.environment, **there}
        line = ["sbatch", "--parsable", f"--array={tasks}", "--cpus-per-task=1", "--gres=none", str(ROOT / "examples/slurm.sh")]  # fmt: skip
        sent = subprocess.run(
            line, cwd=folder, env=self._environment, capture_output=True, text=True, check=True
        )
        self.job = sent.stdout.strip()

    def begin(self, trials: int) -> subprocess.Popen[str]:
        """Begin the study, from outside of the cluster."""
        line = [sys.executable, "-m", "danlu", "run", "train.py:train", "--store", "s.db", "--name", "resnet", "-n", str(trials),
                "--workers", "1", "--minimize", "loss", "--scheduler", "none", "--seed", "1"]  # fmt: skip
        return subprocess.Popen(
            line, cwd=self._folder, env=self._environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )  # fmt: skip

    def said(self) -> str:
        """What its tasks have printed."""
        return "\n".join(path.read_text() for path in (self._folder / "logs").iterdir())


def test_workers_in_an_array_share_one_study_and_leave_when_it_is_over(cluster, tmp_path):
    array = Array(cluster, tmp_path, "1-2")
    begun = array.begin(24)
    said, _ = begun.communicate(timeout=100)
    assert begun.returncode == 0, said
    until(
        lambda: not cluster.jobs(), "the end of all jobs"
    )  # whoever began it does not wait for those that live
    with danlu.open_study(store=SqliteStore(tmp_path / "s.db"), name="resnet") as study:
        trials = study.result.trials
    assert [trial.status.name for trial in trials] == ["DONE"] * 24, array.said()
    assert {trial.metrics["task"] for trial in trials} >= {1, 2}, array.said()


def test_a_worker_whose_machine_is_taken_away_hands_its_trials_back_and_is_queued_again(cluster, tmp_path):
    (tmp_path / "wait").touch()
    array = Array(cluster, tmp_path, "1")
    begun = array.begin(8)
    until((tmp_path / "began-1").exists, "a trial in the job")
    cluster.run("scancel", "--signal=TERM", "--batch", f"{array.job}_1")
    until(
        lambda: [job.split()[1] for job in cluster.jobs()] == ["PD"], f"the job in the queue: {array.said()}"
    )
    assert "asked to leave by SIGTERM" in array.said()
    cluster.cancel()
    (tmp_path / "wait").unlink()
    said, _ = begun.communicate(timeout=100)
    assert begun.returncode == 0, said
    with danlu.open_study(store=SqliteStore(tmp_path / "s.db"), name="resnet") as study:
        assert [trial.status.name for trial in study.result.trials] == ["DONE"] * 8
