"""Without a metric a run is recorded, and every series of numbers in it is shown with what to write to have it."""

import contextlib
import json
import os
import pty
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from programs_logging import CURVE, STYLES, expected

import danlu
from danlu.programs import program_of
from danlu.programs.command import Command
from danlu.programs.printed.output import OutputLine, lines
from danlu.programs.rehearsed import kept
from danlu.programs.series.recognize import series_of
from danlu.programs.series.record import RunRecord
from danlu.programs.series.rehearsal import Rehearsal
from danlu.programs.sources import RunFolders
from danlu.stores import SqliteStore


@pytest.fixture
def record(tmp_path):
    for name in ("trial", "work"):
        (tmp_path / name).mkdir()
    return RunRecord(RunFolders(tmp_path / "trial", tmp_path / "work"))


def said(record, text):
    parts = iter([text.encode(), b""])
    for line in lines(lambda: next(parts)):
        record.read(line)
    return {each.spec: each for each in series_of(record)}


TRAIN = """
import os, sys
lr = float(next(text for text in sys.argv if text.startswith("--lr=")).partition("=")[2])
"""


@pytest.mark.parametrize("style", list(STYLES))
def test_ten_styles_are_tuned_untouched_and_their_metric_is_the_first_series(tmp_path, monkeypatch, style):
    told = STYLES[style]
    if style == "tensorboard":
        pytest.importorskip("tensorboard")
    monkeypatch.chdir(tmp_path)
    text = TRAIN + CURVE + told.text + "log(4, curve, os.environ['DANLU_DIR'])\n"
    (tmp_path / "train.py").write_text(text)
    from danlu.programs.arguments.flags import Flag

    objective = Command("train.py", {"lr": Flag("--lr", "lr")}, [told.metric])
    assert objective.names == (told.name,)
    result = danlu.tune(
        objective,
        {"lr": danlu.Choice([0.1, 0.3])},
        minimize=told.name,
        trials=2,
        sampler="grid",
        scheduler="none",
    )
    for trial in result.trials:
        curve = expected(trial.params["lr"], 4)
        steps = [1] if style == "number in a file" else [1, 2, 3, 4]
        assert list(trial.curve.steps) == steps
        assert list(trial.curve.metrics[told.name]) == pytest.approx(
            curve[-1:] if steps == [1] else curve, abs=1e-4
        )


@pytest.mark.parametrize("style", list(STYLES))
def test_the_metric_of_each_style_is_recognized(record, capfd, style):
    told = STYLES[style]
    if style == "tensorboard":
        pytest.importorskip("tensorboard")
    names = {"lr": 0.1}
    exec(CURVE + told.text, names)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    names["log"](4, names["curve"], str(record.folders.folder))
    sys.stdout.flush()
    out = capfd.readouterr()
    found = said(record, out.out + out.err)
    curve = expected(0.1, 4)
    first = next(iter(found.values()))
    assert (first.spec, first.name, first.way) == (told.metric, told.name, "minimize")
    assert first.steps == (1 if style == "number in a file" else 4)
    assert (first.last, first.first) == pytest.approx(
        (curve[-1], curve[-1] if first.steps == 1 else curve[0]), abs=1e-4
    )
    assert first.doubts == ()


PRINTED = [  # what is printed, the specification that comes first, its steps, first and last value
    ("Epoch 1 val loss: 3\nEpoch 2 val loss: 2\n", "val loss", 2, 3, 2),
    ("epoch,val_loss\n1,3\n2,2\n3,1\n", "val_loss", 3, 3, 1),
    ("epoch 1 iter 10 loss 3\nepoch 1 iter 20 loss 2\nepoch 1 iter 30 loss 1\n", "loss:iter", 3, 3, 1),
    ("step 1 loss 3\nstep 2 loss 2\nstep 1 loss 1\nstep 2 loss 0\n", "loss:count", 4, 3, 0),
    ("".join(f"\r 10%|## | {i}/4 [00:01<00:02, 3it/s, loss={5 - i}]" for i in range(1, 5)) + "\n", "loss:bar", 4, 4, 1),
    ("train: epoch 1 loss 9\nval: epoch 1 loss 3\ntrain: epoch 2 loss 8\nval: epoch 2 loss 2\n", "val: epoch {step} loss {x}", 2, 3, 2),
    ("Train Epoch: 1 [640/60000 (1%)]\tLoss: 0.9\nTest set: Average loss: 3, Accuracy: 9/10 (94%)\n", "Accuracy", 1, 94, 94),
    ("1 - accuracy: 0.03\nf1: 0.5\nf1: 0.75\n", "f1", 2, 0.5, 0.75),
]  # fmt: skip


@pytest.mark.parametrize(
    ("printed", "spec", "steps", "first", "last"), PRINTED, ids=lambda each: repr(each)[:30]
)
def test_series_of_lines(record, printed, spec, steps, first, last):
    found = said(record, printed)
    assert spec in found, list(found)
    assert (found[spec].steps, found[spec].first, found[spec].last) == (steps, first, last)


def test_kinds_of_lines_that_share_a_name_are_told_apart(record):
    found = said(record, PRINTED[5][0])
    assert found["train: epoch {step} loss {x}"].last == 8
    assert set(found) == {"val: epoch {step} loss {x}", "train: epoch {step} loss {x}"}


def test_what_lines_begin_with_says_what_they_are_of(record):
    printed = (
        "".join(
            f"Train Epoch: {epoch} [{batch}/60000 ({batch}%)]\tLoss: {9 / epoch + batch}\n"
            for epoch in (1, 2)
            for batch in (0, 64)
        ).replace(
            "Train Epoch: 2 [0", "Test set: Average loss: 0.5, Accuracy: 97/100 (97%)\nTrain Epoch: 2 [0"
        )
        + "Test set: Average loss: 0.25, Accuracy: 98/100 (98%)\n"
    )
    assert list(said(record, printed)) == ["Average loss", "Accuracy", "Loss"]


def test_lines_of_a_training_and_a_test_that_share_their_names(record):
    printed = "".join(
        f"Train: {epoch} [ {batch}/9 (  {batch}%)]  Loss: {9 - epoch} (6.9)\nTest: [ {batch}/9]  Time: 0.5 (0.5)  Loss:   {7 - epoch} ( 6.9)\n"
        for epoch in (0, 1) for batch in (0, 9)
    )  # fmt: skip
    found = said(record, printed)
    assert list(found)[:1] == ["Test: [ {*}/{*}] Time: {*} ({*}) Loss: {x}"]
    assert next(iter(found.values())).last == 6


def test_what_looks_wrong_is_said(record):
    found = said(record, "seed=1\n" + "".join(f"epoch={at} lr=0.1 acc={at / 10}\n" for at in range(1, 5)))
    assert found["lr"].doubts == ("a constant",)
    assert found["seed"].doubts == ("found once, so no trial can be stopped early",)
    assert found["acc"].doubts == ()
    assert next(iter(found)) == "acc"
    assert found["lr"].way is None
    assert "direction" in found["lr"].why


def test_series_of_files_have_paths_that_hold_for_every_run(record):
    work, trial = record.folders.working, record.folders.folder
    for path, text in {
        work / "logs" / "version_3" / "metrics.csv": "epoch,val_loss\n0,3\n1,2\n",
        work
        / "runs"
        / "2026-11-28_10-00-01"
        / "m.jsonl": '{"step": 1, "val": {"loss": 3}}\n{"step": 2, "val": {"loss": 2}}\n',
        trial / "result.txt": "0.5",
        trial
        / "metrics.json": '{"val.loss": {"steps": [0, 10], "timestamps": ["a", "b"], "values": [2, 1]}}',
        trial / "log.txt": "0.5",
        trial / "history.json": '{"val_loss": [3, 2, 1], "n": 7}',
        work / ".git" / "x.csv": "a_loss\n1\n",
    }.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    found = said(record, "")
    assert {spec: each.steps for spec, each in found.items()} == {
        "csv:logs/version_*/metrics.csv:val_loss": 2,
        "jsonl:runs/*/m.jsonl:val.loss": 2,
        "file:result.txt": 1,
        "file:metrics.json:val.loss": 2,
        "file:history.json:val_loss": 3,
        "file:history.json:n": 1,
    }


def test_of_a_file_that_is_added_to_the_new_rows_are_shown(tmp_path):
    (tmp_path / "results.csv").write_text("epoch,val_loss\n0,9\n1,9\n")
    (tmp_path / "old.csv").write_text("epoch,val_loss\n0,9\n1,9\n")
    record = RunRecord(RunFolders(tmp_path / "trial", tmp_path))
    with (tmp_path / "results.csv").open("a") as file:
        file.write("0,3\n1,2\n2,1\n")
    found = said(record, "")
    assert list(found) == ["csv:results.csv:val_loss"]
    assert found["csv:results.csv:val_loss"].first == 3


def test_a_file_that_is_written_anew_with_the_same_is_the_runs(tmp_path):
    text = "epoch,val_loss\n0,3\n1,2\n"
    (tmp_path / "results.csv").write_text(text)
    os.utime(tmp_path / "results.csv", ns=(1, 1))
    record = RunRecord(RunFolders(tmp_path / "trial", tmp_path))
    (tmp_path / "results.csv").write_text(text)
    assert said(record, "")["csv:results.csv:val_loss"].steps == 2


def test_a_long_output_is_kept_at_both_ends(record, monkeypatch):
    monkeypatch.setattr("danlu.programs.series.record.KEPT_LINES", 10)
    found = said(record, "".join(f"epoch={at} loss={at}\n" for at in range(100)))
    assert (found["loss"].first, found["loss"].last) == (0, 99)
    assert len(record.lines) <= 30


TOLD = """
import argparse
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.1)
lr = parser.parse_args().lr
for epoch in range(1, 4):
    print(f"epoch {epoch}: train loss {9 / epoch:.3f}, val loss {(lr - 0.3) ** 2 + 1 / epoch:.4f}, zz {lr}", flush=True)
"""


def run(*command, cwd, code=0):
    ran = subprocess.run(
        [sys.executable, "-m", "danlu", "run", *map(str, command)], capture_output=True, text=True, cwd=cwd, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert ran.returncode == code, ran.stdout + ran.stderr
    return ran


def test_without_a_metric_the_command_line_shows_the_series_and_says_the_option(tmp_path):
    (tmp_path / "train.py").write_text(TOLD)
    told = run("train.py", "--tune", "lr", "-n", 2, cwd=tmp_path, code=2)
    assert (
        "train.py is run once with lr=0.1, to see what it tells. This is a rehearsal and no trial, as nobody is here to be asked"
        in told.stderr
    )
    assert (
        "--metric 'val loss': 3 steps (its 'epoch'), 1.04 to 0.3733, minimized: less of 'loss' is better"
        in told.stderr
    )
    assert (
        "--metric zz: 3 steps (its 'epoch'), 0.1 to 0.1, direction unknown: 'zz' is no metric" in told.stderr
    )
    assert "Error: say which is optimized, as by --metric 'val loss'." in told.stderr
    assert told.stdout == ""
    goal = run("train.py", "--tune", "lr", "-n", 2, "--minimize", "val_loss", "--json", cwd=tmp_path)
    rows = json.loads(goal.stdout)["trials"]
    assert [row["steps"] for row in rows] == [3, 3]
    assert rows[0]["val_loss"] == pytest.approx(0.3733)
    wrong = run("train.py", "--tune", "lr", "-n", 2, "--minimize", "acc", cwd=tmp_path, code=2)
    assert "tells no number named 'acc'. It tells: val_loss, train_loss, zz." in wrong.stderr


TWICE = """
for epoch, loss in enumerate((3, 2), 1):
    print(f"epoch {epoch} train loss: {loss + 1} test loss: {loss}")
    print(f"test loss {LOSS} is the best so far")
"""


def test_of_places_that_tell_the_same_the_one_with_a_step_is_read(tmp_path):
    """As programs do that print the best value once more when it improves."""
    command = ("train.py", "--tune", "lr=0.1:1.0", "-n", 1, "--minimize", "test_loss")
    (tmp_path / "train.py").write_text(TWICE.replace("LOSS", "loss"))
    told = run(*command, "--json", cwd=tmp_path)
    assert (
        "test_loss is read by --metric 'epoch {step} train loss: {*} test loss: {x}', which says its step"
        in told.stderr
    )
    assert json.loads(told.stdout)["trials"][0]["steps"] == 2
    (tmp_path / "train.py").write_text(TWICE.replace("LOSS", "loss + 5"))
    assert "in several places" in run(*command, cwd=tmp_path, code=2).stderr


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("print('hello')", "tells no number that danlu can read: it printed 'hello' last"),
        ("", "it printed nothing, and wrote no file that may hold any. Have it print a line after each epoch"),
        ("raise SystemExit('no data')", "was run once, to see what it tells, and failed: train.py ended with code 1: no data"),
    ],
)  # fmt: skip
def test_a_program_that_tells_nothing_or_fails_is_told_so(tmp_path, text, words):
    (tmp_path / "train.py").write_text(text)
    told = run("train.py", "--tune", "lr=0.1:1", "-n", 2, cwd=tmp_path, code=2)
    assert words in " ".join(told.stderr.split())


def test_at_a_terminal_the_series_is_asked_for(tmp_path):
    (tmp_path / "train.py").write_text(TOLD)
    command = [sys.executable, "-m", "danlu", "run", "train.py", "--tune", "lr", "-n", "2", "--json"]
    outer, inner = pty.openpty()
    with subprocess.Popen(
        command, cwd=tmp_path, stdin=inner, stderr=inner, stdout=subprocess.PIPE, text=True
    ) as process:
        os.close(inner)
        shown, answers = b"", {b"optimized [1]": b"3\n", b"minimized or maximized": b"maximize\n"}
        with contextlib.suppress(OSError):  # as a terminal says that nobody holds it
            while chunk := os.read(outer, 4096):
                shown += chunk
                for question in [question for question in answers if question in shown]:
                    os.write(outer, answers.pop(question))
        rows = json.loads(process.stdout.read())["trials"]
    os.close(outer)
    assert process.returncode == 0
    assert not answers
    assert b"--metric zz says so the next time" in shown
    assert [row["zz"] for row in rows] == [row["lr"] for row in rows]


def test_a_rehearsal_that_is_interrupted_shows_what_there_is(tmp_path):
    slow = TOLD + "import time\nprint('waits', flush=True)\ntime.sleep(60)\n"
    (tmp_path / "train.py").write_text(slow)
    command = [sys.executable, "-m", "danlu", "run", "train.py", "--tune", "lr", "-n", "2"]
    with subprocess.Popen(
        command, cwd=tmp_path, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        said = ""
        while "waits" not in said:
            said += process.stderr.readline()
        process.send_signal(signal.SIGINT)
        said += process.stderr.read()
    assert "until it was interrupted it told these series of numbers:" in said
    assert "as by --metric 'val loss'" in said
    assert process.returncode == 2


KEPT = """
import argparse, csv, json, os
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.3)
lr = parser.parse_args().lr
with open("ran", "a") as file:
    print(json.dumps([lr, os.environ["DANLU_SEED"], os.environ.get("DANLU_CONTEXT")]), file=file)
with open("curve.csv", "w") as file:
    rows = csv.writer(file)
    rows.writerow(["epoch", "val_acc"])
    for epoch in range(1, 4):
        rows.writerow([epoch, epoch / 4])
        print(f"epoch {epoch}: val loss {(lr - 0.3) ** 2 + 1 / epoch:.4f}", flush=True)
        with open(os.path.join(os.environ["DANLU_CHECKPOINT"], "last"), "w") as kept:
            kept.write(str(epoch))
with open(os.path.join(os.environ["DANLU_DIR"], "model"), "w") as file:
    file.write("weights")
"""
"""What it prints and what it writes below its working folder are of different metrics."""


def ran(folder):
    return [json.loads(line) for line in (folder / "ran").read_text().splitlines()]


def test_a_rehearsal_becomes_the_first_trial(tmp_path):
    """It is run as often as there are trials, and the first has all that was told: curve, log, files, checkpoint, seconds."""
    (tmp_path / "train.py").write_text(KEPT)
    line = ("train.py", "--tune", "lr=0.01:1.0", "-n", 3, "--store", "s.db")
    told = run(*line, "--minimize", "val_loss", "--maximize", "val_acc", cwd=tmp_path)
    assert "It becomes the first trial" in told.stderr
    assert "trial 0 is the rehearsal: it trained for" in told.stderr
    with danlu.open_study(store=SqliteStore(tmp_path / "s.db"), name="train") as study:
        result, seed = study.result, study.session.replica.history.definition.seed
        first = result.trials[0]
        assert len(ran(tmp_path)) == len(result.trials) == 3
        assert ran(tmp_path)[0][:2] == [first.params["lr"], str(danlu_seed(seed))]
        assert list(first.curve.metrics["val_loss"]) == [1.0, 0.5, 0.3333]
        assert list(first.curve.metrics["val_acc"]) == [0.25, 0.5, 0.75]
        assert first.checkpoints[0].step == 3
        folder = result.dir(0)
    assert (folder / "model").read_text() == "weights"
    assert (folder / "checkpoint" / "last").read_text() == "3"
    assert (folder / "log.txt").read_text().count("val loss") == 3
    again = run(
        *line[:3], "-n", 4, *line[5:], "--minimize", "val_loss", "--maximize", "val_acc", cwd=tmp_path
    )
    assert "the rehearsal is no trial: the study 'train' has begun already." in again.stderr
    assert len(ran(tmp_path)) == 5


def danlu_seed(seed):
    from danlu.base import rng

    return rng.key(seed, 0, "objective") % 2**31


def test_a_trial_that_was_rehearsed_costs_the_seconds_of_its_steps(tmp_path, monkeypatch):
    """Up to the step that a scheduler ends it at, as it would have been ended there."""
    monkeypatch.chdir(tmp_path)

    def cost(scheduler):
        folder = Path(tempfile.mkdtemp(dir=tmp_path))
        for name in ("trial", "work"):
            (folder / name).mkdir()
        record = RunRecord(RunFolders(folder / "trial", folder / "work"))
        for step, loss in enumerate(("1", "nan", "2", "3"), 1):
            record.read(OutputLine(f"epoch {step} loss {loss}"))
        record.seconds = [10.0, 20.0, 30.0, 40.0]
        first = kept(Rehearsal(folder, record, 50.0, interrupted=False), {"x": 0.5}, {}, 7)
        objective = Command(*program_of(["false"])[:1], {}, ["loss"], rehearsed=first)
        result = danlu.tune(
            objective, {"x": danlu.Float(0, 1)}, minimize="loss", trials=1, seed=7, enqueue=[{"x": 0.5}], scheduler=scheduler
        )  # fmt: skip
        return result.trials[0].cost, [*result.trials[0].curve.steps]

    assert cost("none") == (50.0, [1, 2, 3, 4])
    assert cost("diverged") == (20.0, [1, 2])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--trial-memory", 4000], "no trial, as nobody watches its memory as --trial-memory says"),
        (["--trial-time", "0.001s"], "the rehearsal is no trial: it took"),
    ],
)
def test_a_rehearsal_that_is_no_trial_says_why(tmp_path, options, words):
    (tmp_path / "train.py").write_text(KEPT)
    command = ("train.py", "--tune", "lr", "-n", 1, "--minimize", "val_loss", *options)
    told = subprocess.run(
        [sys.executable, "-m", "danlu", "run", *map(str, command)], capture_output=True, text=True, cwd=tmp_path,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert words in " ".join(told.stderr.split())
    assert "trial 0 is the rehearsal" not in told.stderr


def test_in_contexts_a_rehearsal_is_the_trial_of_the_first(tmp_path):
    (tmp_path / "train.py").write_text(KEPT)
    told = run("train.py", "--tune", "lr", "-n", 2, "--minimize", "val_loss", "--context", "fold=0,1", "--json", cwd=tmp_path)  # fmt: skip
    assert "trial 0 is the rehearsal" in told.stderr
    assert [json.loads(row[2])["fold"] for row in ran(tmp_path)] == [0, 1]
    assert len(json.loads(told.stdout)["trials"]) == 2


def test_a_long_rehearsal_is_no_trial(record, monkeypatch):
    monkeypatch.setattr("danlu.programs.series.record.KEPT_LINES", 10)
    said(record, "epoch=1 loss=1\n" * 30)
    assert record.whole
    assert len(record.seconds) == len(record.lines) == 30
    said(record, "epoch=1 loss=1\n" * 30)
    assert not record.whole


def test_a_rehearsed_program_ends_with_danlu_however_that_dies(tmp_path):
    """Its own processes and daemons too, though nothing of danlu's is left that has started them."""
    (tmp_path / "train.py").write_text(
        "import os, subprocess, time\n"
        "child = subprocess.Popen(['sleep', '600'], start_new_session=True)\n"
        "print('pids', os.getpid(), child.pid, flush=True)\ntime.sleep(600)\n"
    )
    command = [sys.executable, "-m", "danlu", "run", "train.py", "--tune", "lr=0.1:1.0", "-n", "2"]
    with subprocess.Popen(
        command, cwd=tmp_path, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        line = ""
        while not line.startswith("pids"):
            line = process.stderr.readline()
            assert line
        pids = [int(word) for word in line.split()[1:]]
        assert all(alive(pid) for pid in pids)
        process.kill()
        process.wait()
        process.stderr.read()  # until nobody holds it: the program, and who ends it
    assert not [pid for pid in pids if alive(pid)]


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
