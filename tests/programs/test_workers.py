"""A command on several machines: two runs over one PostgreSQL, workers that are told the program by their own caller, actors of Ray."""

import collections
import json
import subprocess
import sys

import pytest

import danlu
from danlu.journal.events import Status

TRAIN = """
import argparse, json, os
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--epochs", type=int, default=3)
given = parser.parse_args()
with open("ran", "a") as file:
    print(json.dumps([os.environ["DANLU_TRIAL"], given.lr, os.getppid()]), file=file)
for epoch in range(1, given.epochs + 1):
    print(f"epoch {epoch}: val loss {(given.lr - 0.3) ** 2 + 1 / epoch}", flush=True)
"""
PROGRAM = [sys.executable, "train.py", "--lr", "{lr}"]


@pytest.fixture
def url(tmp_path):
    postgresql = pytest.importorskip("postgresql", exc_type=ImportError)
    return postgresql.fresh(postgresql.running(), tmp_path / "blobs")


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text(TRAIN)
    return tmp_path


def danlus(*words):
    return [sys.executable, "-m", "danlu", *map(str, words)]


def said(*words, code=0):
    ran = subprocess.run(danlus(*words), capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert ran.returncode == code, ran.stdout + ran.stderr
    return ran.stdout + " ".join(ran.stderr.split())


def ran(folder):
    return [json.loads(line) for line in (folder / "ran").read_text().splitlines()]


def trials_of(url, name="s"):
    with danlu.open_study(store=url, name=name) as study:
        return study.result.trials


def test_two_runs_of_a_command_share_a_study(here, url):
    line = danlus(
        "run",
        "--tune",
        "lr=0.01:1.0",
        "--metric",
        "val loss",
        "-n",
        12,
        "--seed",
        1,
        "--store",
        url,
        "--name",
        "s",
        "--",
        *PROGRAM,
    )
    both = [
        subprocess.Popen(
            line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, stdin=subprocess.DEVNULL
        )
        for _ in range(2)
    ]
    told = [process.communicate(timeout=300)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], told
    trials = trials_of(url)
    assert [trial.status for trial in trials] == [Status.DONE] * 12
    counts = collections.Counter(int(number) for number, _, _ in ran(here))
    assert counts == dict.fromkeys(range(12), 1)
    assert {int(number): lr for number, lr, _ in ran(here)} == {
        trial.number: trial.params["lr"] for trial in trials
    }


def begun(url, trials, space=None):
    """A study that nobody works on yet."""
    with danlu.open_study(
        space or {"lr": danlu.Float(0.01, 1, log=True)},
        minimize="val_loss",
        trials=trials,
        store=url,
        name="s",
        seed=1,
    ) as study:
        study.session.announce()


WAYS = [
    ("--", *PROGRAM),
    ("train.py", "--", "--epochs", "3"),
    ("--edit", "c.json:lr", "--", sys.executable, "file.py", "{config}"),
    ("--style", "LR=1", "--", sys.executable, "environment.py"),
]


@pytest.mark.parametrize(
    "way", WAYS, ids=lambda way: " ".join(map(str, way)).replace(sys.executable, "python")
)
def test_a_worker_runs_the_command_that_its_caller_names(here, url, way):
    """The parameters and their ranges are the study's; where they belong is the program's."""
    (here / "c.json").write_text('{"lr": 0.5}')
    reads = "lr = json.load(open(sys.argv[1]))['lr']", "lr = float(os.environ['LR'])"
    for name, read in zip(("file.py", "environment.py"), reads, strict=True):
        (here / name).write_text(
            f"import json, os, sys\n{read}\nprint('val loss', (lr - 0.3) ** 2 + 1 / 3)\n"
        )
    begun(url, 4)
    told = said("worker", url, "--study", "s", "--metric", "val loss", *way)
    trials = trials_of(url)
    assert [trial.status for trial in trials] == [Status.DONE] * 4, told
    assert [trial.value for trial in trials] == pytest.approx(
        [(trial.params["lr"] - 0.3) ** 2 + 1 / 3 for trial in trials]
    )
    assert len({trial.params["lr"] for trial in trials}) == 4


REFUSED = [
    (("--", *PROGRAM), "say where the metric is read, as danlu run was told: --metric val_loss."),
    (("--metric", "acc", "--", *PROGRAM), "no --metric is named 'val_loss', which the study is about. --metric gives: acc."),
    (("--metric", "val loss", "train.py", "--", "--lr", "3"), "--lr is searched and fixed"),
    (("--metric", "val loss", "--", sys.executable, "other.py"), "the script has no flag --lr"),
    (("--metric", "val loss", "--edit", "c.json:rate", "--", *PROGRAM), "the study has no parameter 'rate'. It has: lr."),
    (("--style", "LR=1", "train.py:f"), "--style is for programs, which need --metric"),
    ((), "A program is named to danlu worker as to danlu run: danlu worker URL --study NAME --metric val_loss -- COMMAND."),
]  # fmt: skip


@pytest.mark.parametrize(("words", "sentence"), REFUSED, ids=lambda each: str(each)[:40])
def test_a_worker_is_refused_what_does_not_fit_its_study(here, tmp_path, words, sentence):
    (here / "other.py").write_text(TRAIN.replace("--lr", "--rate"))
    (here / "c.json").write_text('{"rate": 0.5}')
    begun(here / "s.db", 4)
    assert sentence in said("worker", here / "s.db", "--study", "s", *words, code=2)
    assert not (here / "ran").exists()
    assert trials_of(here / "s.db") == []


def test_a_study_with_conditions_is_joined_by_the_same_run_alone(here):
    begun(here / "s.db", 4, {"lr": danlu.Float(0.01, 1), "epochs": 3})
    told = said("worker", here / "s.db", "--study", "s", "--metric", "val loss", "--", *PROGRAM, code=2)
    assert "Start the same danlu run here as where it was begun." in told


def test_actors_of_ray_run_a_command_and_end_it(here):
    """It is found in the working folder, read as it trains, and ended where its trial is."""
    (here / "train.py").write_text(
        TRAIN
        + "if given.lr > 0.3:\n    import time\n    print('epoch 9: val loss nan', flush=True)\n    time.sleep(600)\n"
    )
    told = said(
        "run", "--tune", "lr=0.1|0.5", "--metric", "val loss", "-n", 2, "-j", 2, "--sampler", "grid", "--scheduler", "diverged", "--engine", "ray",
        "--store", "s.db", "--name", "s", "--", *PROGRAM,
    )  # fmt: skip
    trials = {trial.params["lr"]: trial for trial in trials_of(here / "s.db")}
    assert (trials[0.1].status, trials[0.1].value) == (Status.DONE, pytest.approx(0.04 + 1 / 3)), told
    assert trials[0.5].cause is danlu.Cause.DIVERGED
    assert [*trials[0.5].curve.steps] == [1, 2, 3, 9]
    assert len(ran(here)) == 2
