"""What other people's programs write, by the real writers: read while it grows, and refused where nobody can know."""

import csv
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import textwrap
import time
import zlib

import pytest
from heard import Trial

import danlu
from danlu.base.failure import ProgramFailed
from danlu.errors import ObjectiveError
from danlu.programs.command import Command
from danlu.programs.printed.output import lines
from danlu.programs.sources import RunFolders, source_of
from danlu.programs.sources.curve import MetricSources, TrialCurve

NAN = float("nan")


def approx(curve):
    return pytest.approx(dict(curve), nan_ok=True)


class Followed:
    """A run of a program that a test plays."""

    def __init__(self, tmp_path, *specs, why=(), past=False):
        self.folder, self.working = tmp_path / "trial", tmp_path / "work"
        for folder in (self.folder, self.working):
            folder.mkdir(exist_ok=True)
        self.trial, self.folders = Trial(), RunFolders(self.folder, self.working, past=past)
        self.sources = [source_of(spec) for spec in specs]
        self.curve = TrialCurve(self.trial, self.sources, self.folders, dict.fromkeys(why, "minimized"))

    def poll(self):
        self.curve._next = 0.0
        self.curve.poll()
        return self.trial.reports

    def print(self, text):
        parts = iter([text.encode(), b""])
        for line in lines(lambda: next(parts)):
            self.curve.read(line)

    def close(self):
        try:
            self.curve.close("train.py")
        finally:
            self.folders.release()
        return self.trial.reports

    def values(self, name):
        return {step: values[name] for step, values in self.trial.reports if name in values}


@pytest.fixture
def follow(tmp_path):
    made = []

    def begin(*specs, **more):
        made.append(Followed(tmp_path, *specs, **more))
        return made[-1]

    yield begin
    for run in made:
        run.folders.release()


SPECS = [
    ("val_loss", "FieldSource", ("val_loss",)),
    ("val loss", "FieldSource", ("val_loss",)),
    ("val/acc@1", "FieldSource", ("val/acc@1",)),
    ("loss:step", "FieldSource", ("loss",)),
    ("loss:count", "FieldSource", ("loss",)),
    ("val loss: {x}", "PatternSource", ("val_loss",)),
    ("csv: {x}", "PatternSource", ("csv",)),
    ("file: {x}", "PatternSource", ("file",)),
    (r"re:loss (?P<x>\S+)", "PatternSource", ("loss",)),
    ("csv:a/b.csv:val loss:epoch", "FileSource", ("val loss",)),
    ("csv:{dir}/log.csv:loss", "FileSource", ("loss",)),
    ("jsonl:m.jsonl:val.loss", "FileSource", ("val.loss",)),
    ("tensorboard:runs:val/loss", "FileSource", ("val/loss",)),
    ("mlflow:sqlite:///m.db:loss", "FileSource", ("loss",)),
    ("wandb:wandb:loss", "FileSource", ("loss",)),
    ("file:out/accuracy.txt", "LastSource", ("accuracy",)),
    ("file:r.json:val.loss", "LastSource", ("val.loss",)),
    ("csv:log.csv", "needs its path and its name, csv:PATH:val_loss", ()),
    ("tensorboard::loss", "needs its path and its name", ()),
    ("file:", "needs a path", ()),
    ("", "needs {x}", ()),
    ("loss: ", "needs {x}", ()),
    ("loss {", "needs {x}", ()),
]


@pytest.mark.parametrize(("text", "kind", "names"), SPECS)
def test_a_specification_names_one_source_or_is_refused(text, kind, names):
    if not names:
        with pytest.raises(ObjectiveError) as raised:
            source_of(text)
        assert kind in str(raised.value)
        return
    source = source_of(text)
    assert (type(source).__name__, source.names) == (kind, names)
    assert source.main == names[0]


PRINTED = [  # what is printed, the metric, the reports
    ("epoch=1 val_loss=0.5\nepoch=2 val_loss=0.25\n", "val_loss", [(1, 0.5), (2, 0.25)]),
    ("2026-11-28 00:51:42,123 INFO root: epoch=0 val_loss=5e-1\n2026-11-28 00:51:43,001 INFO root: epoch=1 val_loss=0.25\n", "val_loss", [(0, 0.5), (1, 0.25)]),
    ("Epoch 1/2 | train loss 9.9 | val loss: 0.5\nEpoch 2/2 | train loss 9 | val loss: 0.25\n", "val loss", [(1, 0.5), (2, 0.25)]),
    ("Epoch 1/2 | train loss 9.9 | val loss: 0.5\n", "val_loss", [(1, 0.5)]),
    ("{'loss': 0.9, 'epoch': 0.5}\n{'eval_loss': 0.5, 'epoch': 1.0}\n{'loss': 0.8, 'epoch': 1.5}\n{'eval_loss': nan, 'epoch': 2.0}\n", "eval_loss", [(1, 0.5), (2, NAN)]),
    ("{'loss': 0.9, 'epoch': 0.5}\n{'eval_loss': 0.5, 'epoch': 1.0}\n{'loss': 0.8, 'epoch': 1.5}\n", "loss", [(1, 0.9), (2, 0.8)]),
    ("{'loss': '0.9', 'epoch': '1'}\n{'loss': '0.8', 'epoch': '2'}\n", "loss", [(1, 0.9), (2, 0.8)]),
    ('{"step": 10, "val": {"loss": 0.5}}\n{"step": 20, "val": {"loss": 0.25}, "note": "loss 3"}\n', "val.loss", [(10, 0.5), (20, 0.25)]),
    ('INFO {"epoch": 2, "val_loss": NaN}\n', "val_loss", [(2, NAN)]),
    ('time=2026-11-28T00:51:42Z level=info msg="done" epoch=3 val_loss="0.5"\n', "val_loss", [(3, 0.5)]),
    ("Epoch 1/2\n10/10 - 0s - 3ms/step - loss: 0.9 - val_loss: 0.5\nEpoch 2/2\n10/10 - 0s - 3ms/step - loss: 0.8 - val_loss: 0.25\n", "val_loss", [(1, 0.5), (2, 0.25)]),
    ("Epoch 1/2\n\r1/2 \u2501 0s 1s/step - loss: 0.95\r2/2 \u2501 0s 3ms/step - loss: 0.9 - val_loss: 0.5\nEpoch 2/2\n\r1/2 \u2501 0s - loss: 0.85\r2/2 \u2501 0s - loss: 0.8 - val_loss: 0.25\n", "loss", [(1, 0.9), (2, 0.8)]),
    ("E    #       LOSS NER  TEST SCORE\n---  ------  --------  ----------\n  0       0     25.50        0.25\n  0      10     20.50        0.50\n", "test score", [(1, 0.25), (2, 0.5)]),
    ("E    #       LOSS NER  TEST SCORE\n---  ------  --------  ----------\n  0       0     25.50        0.25\n  0      10     20.50        0.50\n", "loss ner", [(1, 25.5), (2, 20.5)]),
    ("  epoch    train_loss    valid_loss     dur\n-------  ------------  ------------  ------\n      1        1.5000        0.5000  0.0123\n      2        0.5000        0.2500  0.0123\n", "valid_loss", [(1, 0.5), (2, 0.25)]),
    ("epoch,loss,val_loss\n0,1,0.5\n1,1,0.25\n", "val_loss", [(0, 0.5), (1, 0.25)]),
    ("| epoch | val_loss |\n|---|---|\n| 1 | 0.5 |\nSaved the model\n| 2 | 0.25 |\n", "val_loss", [(1, 0.5), (2, 0.25)]),
    ("Test set: Average loss: 0.5, Accuracy: 9893/10000 (99%)\nTest set: Average loss: 0.25, Accuracy: 9993/10000 (100%)\n", "accuracy", [(1, 99), (2, 100)]),
    ("[1]\ttrain-rmse:0.9\tval-rmse:0.5\n[2]\ttrain-rmse:0.8\tval-rmse:0.25\n", "val-rmse", [(1, 0.5), (2, 0.25)]),
    ("Epoch: [3][ 10/100]\tLoss 0.9 (0.95)\n * Acc@1 71.250 Acc@5 90.1\nEpoch: [4][ 10/100]\tLoss 0.9 (0.95)\n * Acc@1 72.250 Acc@5 90.1\n", "Acc@1", [(3, 71.25), (4, 72.25)]),
    ("loss=3\nloss=2\n", "loss", [(1, 3), (2, 2)]),
    ("loss=3\nval_loss=9\nval loss=2\nbest loss: 1\nloss=1\n", "loss", [(1, 3), (2, 1)]),
    ("epoch=1 step=100 loss=3\nepoch=1 step=200 loss=2\n", "loss:step", [(100, 3), (200, 2)]),
    ("epoch=1 step=100 loss=3\nepoch=1 step=200 loss=2\n", "loss", [(1, 2)]),
    ("epoch=1 step=100 loss=3\nepoch=1 step=200 loss=2\n", "loss:count", [(1, 3), (2, 2)]),
    ("global_step=100, episodic_return=[23.5]\n", "episodic_return", [(100, 23.5)]),
    ("loss: tensor(0.25, grad_fn=<MseLossBackward0>)\n", "loss", [(1, 0.25)]),
    ("{'epoch': 1, 'val_loss': np.float64(1.05)}\n{'epoch': 2, 'val_loss': np.float32(nan), 'best': np.False_}\n", "val_loss", [(1, 1.05), (2, NAN)]),
    ("{'epoch': np.int64(3), 'val_loss': tensor(1.04, device='cuda:0', grad_fn=<MseLossBackward0>)}\n", "val_loss", [(3, 1.04)]),
    ("{'epoch': 3, 'model': <Net>, 'val_loss': numpy.float64(-5e-07)}\n", "val_loss", [(3, -5e-7)]),
]  # fmt: skip


@pytest.mark.parametrize(("printed", "metric", "found"), PRINTED, ids=lambda each: repr(each)[:40])
def test_a_metric_is_found_by_its_name_in_whatever_form(follow, printed, metric, found):
    run = follow(metric)
    run.print(printed)
    run.close()
    (name,) = run.sources[0].names
    assert run.values(name) == pytest.approx(dict(found), nan_ok=True)


@pytest.mark.parametrize(
    ("printed", "metric", "words"),
    [
        ("1 - accuracy: 0.03\n", "accuracy", "no line of train.py matched 'accuracy'"),
        ("-acc: 0.5\n", "acc", "no line of train.py matched 'acc'"),
        ("1/accuracy: 2\n", "accuracy", "matched 'accuracy'"),
        ("val loss: 0.5\n", "loss", "the nearest is 'val loss' in 'val loss: 0.5'"),
        ("{'epoch': 3, 'model': <Net>, 'val_loss': 0.5}\n", "loss", "the nearest is 'val_loss' in"),
        ("acc 0.5 f1 0.25\n", "loss", "the numbers that it printed are named 'acc', 'f1'"),
        ("version 1.2.3, time: 12:30, loss: 12:25\n", "loss", "matched 'loss'"),
        ("", "loss", "it printed nothing"),
    ],
)
def test_a_name_that_is_not_there_or_may_be_turned_around_is_refused(follow, printed, metric, words):
    run = follow(metric)
    run.print(printed)
    with pytest.raises(ProgramFailed) as raised:
        run.close()
    assert words in str(raised.value)


@pytest.mark.parametrize(
    "line", ["epoch 2 val loss: 0,941", "{'val_loss': '0,25'}", "lr 0.1, val_loss=20,2, acc 1"]
)
def test_a_decimal_comma_beside_a_name_is_refused(follow, line):
    run = follow("val_loss")
    run.print("epoch 1 val_loss: 2,513\n")
    with pytest.raises(ObjectiveError) as raised:
        run.print(line + "\n")
    assert "needs a decimal point" in str(raised.value)


def test_a_name_without_a_number_beside_it_is_said_where_it_is_the_metric(follow):
    run = follow("val_loss")
    run.print(
        "epoch 1 val_loss 5\nval_loss improved\nbest val_loss: none\n{'epoch': 2, 'val_loss': None}\nwith -val_loss: oops\n"
    )
    assert not [about for about in run.trial.remarks if about.startswith("unread")]
    run.print("epoch 2 val_loss oops\n")
    run.close()
    assert "'oops' in 'epoch 2 val_loss oops'" in run.trial.remarks["unread val_loss"]


def test_how_the_step_is_known_is_said(follow):
    run = follow("loss", why=["loss"])
    run.print("epoch=3 loss=0.5\n")
    run.close()
    assert (
        run.trial.remarks["output of loss"]
        == "first matched line 'epoch=3 loss=0.5': loss 0.5 at step 3 (its 'epoch'), loss is minimized"
    )
    run = follow("loss")
    run.print("Epoch 3/4\nloss: 0.5\n")
    run.close()
    assert "at step 3 (the 'epoch' above it)" in run.trial.remarks["output of loss"]
    with pytest.raises(
        ObjectiveError,
        match="its 'epoch' has to be a whole number >= 0, got 1.5 .* Write 'loss:count', and each value is a step",
    ):
        follow("loss").print("{'loss': 1, 'epoch': 1.0}\n{'loss': 1, 'epoch': 1.5}\n")
    with pytest.raises(ObjectiveError, match="its 'step' has to rise, and went from 200 back to 100"):
        follow("loss").print("step=100 loss=1\nstep=200 loss=1\nstep=100 loss=2\n")


def test_a_bar_over_epochs_is_counted_by_its_counter_where_asked(follow):
    drawn = (
        "".join(f"\r {i * 30}%|###  | {i}/3 [00:0{i}<00:01,  9.00it/s, loss={1 / i:.3f}]" for i in (1, 2, 3))
        + "\n"
    )
    one = follow("loss")
    one.print(drawn)
    assert one.close() == [(1, {"loss": 0.333})]
    assert "match the counter that is drawn with it: 'loss:bar'" in one.trial.remarks["redraws of loss"]
    each = follow("loss:bar")
    each.print(drawn)
    assert each.close() == [(1, {"loss": 1.0}), (2, {"loss": 0.5}), (3, {"loss": 0.333})]


def program(text, *arguments, cwd, **environment):
    ran = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(text), *arguments], cwd=cwd, env=os.environ | environment, capture_output=True, text=True,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return ran.stdout + ran.stderr


def test_the_real_tqdm_is_read(follow, tmp_path):
    printed = program(
        """
        from tqdm import tqdm
        for epoch in range(3):
            with tqdm(range(20), desc=f"Epoch {epoch}") as bar:
                for i in bar:
                    bar.set_postfix(loss=1 / (epoch + 1) + 1 / (i + 1), lr=0.1)
        """,
        cwd=tmp_path,
    )
    run = follow("loss")
    run.print(printed)
    assert [step for step, _ in run.close()] == [0, 1, 2]
    assert run.values("loss")[1] == pytest.approx(0.5 + 0.05)


LIGHTNING = """
import logging, sys, warnings
warnings.filterwarnings("ignore")
import torch, lightning
from lightning.pytorch.callbacks import TQDMProgressBar
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
class Model(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)
    def training_step(self, batch, at):
        loss = self.layer(batch[0]).pow(2).mean()
        self.log("train_loss", loss, prog_bar=True)
        return loss
    def validation_step(self, batch, at):
        self.log("val_loss", 1 / (self.current_epoch + 1), prog_bar=True)
    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.01)
data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.ones(8, 1)), batch_size=2)
trainer = lightning.Trainer(max_epochs=3, logger=[CSVLogger("."), TensorBoardLogger(".", name="tb")], enable_model_summary=False, accelerator="cpu",
                            enable_checkpointing=False, log_every_n_steps=1, callbacks=[TQDMProgressBar()])
trainer.fit(Model(), data, data)
"""


def test_the_real_lightning_is_read_in_each_of_its_ways(follow):
    pytest.importorskip("lightning")
    every = (
        "val_loss",
        "csv:lightning_logs/*/metrics.csv:val_loss",
        "csv:lightning_logs/*/metrics.csv:val_loss:step",
        "tensorboard:tb:val_loss",
    )
    printed = program(LIGHTNING, cwd=follow().working)
    runs = [follow(spec, past=True) for spec in every]
    runs[0].print(printed)
    for run, steps in zip(runs, [(0, 1, 2), (0, 1, 2), (3, 7, 11), (3, 7, 11)], strict=True):
        run.close()
        assert run.values("val_loss") == pytest.approx(
            dict(zip(steps, (1, 1 / 2, 1 / 3), strict=True)), rel=1e-2
        )
        run.folders.release()
    assert "at step 0 (its column 'epoch')" in runs[1].trial.remarks[f"output of {every[1]}"]


def write(path, text, mode="a"):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open(mode, encoding="utf-8") as file:
        file.write(text)


def test_a_csv_file_is_read_as_it_grows(follow):
    run = follow("csv:log.csv:val_loss")
    assert run.poll() == []
    log = run.working / "log.csv"
    write(log, "# a run of today\n\nepo")
    assert run.poll() == []
    write(log, "ch,loss,val_loss\n0,0.9,0.5\n1,0.8,")
    assert run.poll() == []  # the first step waits for the next, as it may come again
    write(log, "0.25\n2,0.7,0.12")
    assert run.poll() == [(0, {"val_loss": 0.5}), (1, {"val_loss": 0.25})]
    write(log, "5")
    assert run.close() == [(0, {"val_loss": 0.5}), (1, {"val_loss": 0.25}), (2, {"val_loss": 0.125})]
    assert (
        run.trial.remarks["output of csv:log.csv:val_loss"]
        == "first value found in log.csv, row 1: val_loss 0.5 at step 0 (its column 'epoch')"
    )


def test_python_s_csv_writer_is_read_with_every_partial_flush(follow):
    run = follow("csv:log.csv:val loss, best:it")
    with (run.folder / "log.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(["it", "val loss, best", "note"])
        for at in range(5):
            writer.writerow([at, 1 / (at + 1), 'said "so"; twice'])
            file.flush()
            run.poll()
    run.close()
    assert run.values("val loss, best") == approx([(at, 1 / (at + 1)) for at in range(5)])


def test_a_quoted_field_may_have_line_ends_in_it(follow):
    run = follow("csv:log.csv:val_loss", past=True)
    with (run.folder / "log.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["epoch", "a note\nof two lines", "val_loss"])
        for at in range(4):
            writer.writerow([at, 'it said\n"no", \r\n\n# and\n9,9,9\nended', 1 / (at + 1)])
            file.flush()
            run.poll()
        file.write('4,5" of it,0.125\n')
    run.close()
    assert run.values("val_loss") == approx([*((at, 1 / (at + 1)) for at in range(4)), (4, 0.125)])
    assert "rows of csv:log.csv:val_loss" not in run.trial.remarks


def test_a_quote_that_is_never_closed_is_refused(follow):
    run = follow("csv:log.csv:val_loss")
    write(run.folder / "log.csv", 'epoch,note,val_loss\n1,a,0.5\n2,"b,0.25\n3,c,0.125\n')
    with pytest.raises(
        ProgramFailed, match=r"a quote in \{dir\}/log.csv is not closed after row 1, '2,\"b,0.25'"
    ):
        run.close()


FORMED = {
    "csv:r.csv:val_löss": "epoch,val_löss,note\n1,0.5,\xfc\n2,0.25,ü\n",
    "jsonl:r.jsonl:val_löss": '{"epoch": 1, "val_löss": 0.5}\n{"epoch": 2, "val_löss": 0.25}\n',
    "file:r.json:val_löss": '{"val_löss": [0.5, 0.25]}',
}


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("spec", FORMED)
def test_a_byte_order_mark_says_how_a_file_is_written(follow, spec, encoding):
    run = follow(spec)
    told = ("\ufeff" * (encoding == "utf-16-be") + FORMED[spec]).encode(encoding)
    path = run.folder / spec.split(":")[1]
    for at in (0, 4, 35, 36, len(told) - 3, len(told)):
        path.write_bytes(told[:at])
        run.poll()
    run.close()
    assert run.values("val_löss") == {1: 0.5, 2: 0.25}


@pytest.mark.parametrize("spec", FORMED)
def test_what_is_no_utf_8_is_named(follow, spec):
    run = follow(spec)
    (run.folder / spec.split(":")[1]).write_bytes(FORMED[spec].encode("utf-16-le"))
    with pytest.raises(ProgramFailed) as raised:
        run.close()
    assert "has NUL bytes in it, as UTF-16 without a byte order mark has. Have" in str(raised.value)
    assert str(raised.value).isprintable()


def test_a_table_without_a_header_and_names_that_do_not_print_are_said(follow):
    run = follow("csv:log.csv:val_loss")
    write(run.folder / "log.csv", "# a run\n1,0.5\n2,0.25\n")
    with pytest.raises(
        ProgramFailed, match=r"\{dir\}/log.csv has no header, it begins with '1,0.5'. Have the"
    ):
        run.close()
    write(run.folder / "log.csv", "epoch,\x1b[31m\x07\n1,2\n", "w")
    run = follow("csv:log.csv:val_loss", past=True)
    with pytest.raises(ProgramFailed) as raised:
        run.close()
    assert str(raised.value).isprintable()


def test_blanks_are_no_values_and_words_are_refused(follow):
    run = follow("csv:log.csv:val_loss")
    write(
        run.folder / "log.csv",
        "epoch,step,train_loss,val_loss\n0,1,0.9,\n0,2,,0.5\n1,3,0.8,NA\n1,4,,nan\n2,5,,inf\n",
    )
    run.close()
    assert run.values("val_loss") == approx([(0, 0.5), (1, NAN), (2, float("inf"))])
    (run.folder / "log.csv").unlink()
    run = follow("csv:log.csv:val_loss")
    write(run.folder / "log.csv", "epoch,val_loss\n0,tensor(0.5)\n")
    with pytest.raises(
        ProgramFailed, match=r"needs numbers, and \{dir\}/log.csv, row 1 has 'tensor\(0.5\)' in 'val_loss'"
    ):
        run.close()


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity", "nan", "inf", "-inf"])
def test_texts_that_are_numbers_are_numbers(follow, word):
    run = follow("jsonl:a.jsonl:acc")
    bare = f'{{"acc": {word}}}\n' if word[-1] in "Ny" else ""  # as json writes them
    write(run.folder / "a.jsonl", f'{{"acc": 0.5}}\n{{"acc": "{word}"}}\n{bare}{{"acc": 0.25}}\n')
    run.close()
    values = [0.5, *[float(word)] * (1 + bool(bare)), 0.25]
    assert run.values("acc") == approx(enumerate(values, 1))
    assert not [about for about in run.trial.remarks if about.startswith("texts")]


@pytest.mark.parametrize(
    ("spec", "text", "name"),
    [
        ("csv:a.csv:acc", "epoch,acc,acc\n1,0.5,9\n", "columns named 'acc'"),
        ("csv:a.csv:val_acc", "epoch,Val Acc,Val Acc\n1,0.5,9\n", "columns named 'Val Acc'"),
        ("csv:a.csv:acc", "it,it,acc,epoch,epoch\n1,1,0.5,1,9\n", "columns named 'epoch'"),
        ("csv:a.csv:acc:it", "it,it,acc,epoch,epoch\n1,1,0.5,1,9\n", "columns named 'it'"),
        ("jsonl:a.jsonl:acc", '{"acc": 1, "acc": 2}\n', "keys named 'acc'"),
        ("jsonl:a.jsonl:v.acc", '{"v": {"acc": 1, "acc": 2}}\n', "keys named 'v.acc'"),
        ("jsonl:a.jsonl:v.acc", '{"v": {"acc": 1}, "v.acc": 2}\n', "keys named 'v.acc'"),
        ("file:a.json:acc", '{"acc": 1, "acc": 2}', "keys named 'acc'"),
        ("file:a.json:v.acc", '{"v": {"acc": [1]}, "v.acc": 2}\n', None),
        ("csv:a.csv:acc", "epoch,acc,lr,lr\n1,0.5,9,8\n", None),
        ("jsonl:a.jsonl:acc", '{"acc": 0.5, "lr": 1, "lr": 2, "v": {"acc": 9}}\n', None),
        ("file:a.json:acc", '{"acc": 0.5, "lr": 1, "lr": 2}', None),
    ],
)
def test_a_name_that_several_values_have_is_refused(follow, spec, text, name):
    run = follow(spec)
    write(run.folder / spec.split(":")[1], text)
    if name is None:
        assert len(run.close()) == 1
        return
    with pytest.raises(ProgramFailed) as raised:
        run.close()
    assert name in str(raised.value)


@pytest.mark.parametrize(
    ("spec", "text", "said"),
    [
        ("csv:a.csv:acc", "epoch,acc\n1,0.5\n2,1,5\n", "refused: {dir}/a.csv, row 2 has 3 fields, and the header 2: '2,1,5'"),
        ("csv:a.csv:acc", "epoch,acc\n1,0.5\n2,1,late\n", "refused: {dir}/a.csv, row 2 has 3 fields, and the header 2"),
        ("csv:a.csv:acc", "epoch,acc\n1,0.5,,\n2,0.25,\n", ""),
        ("csv:a.csv:acc", "epoch,lr,acc\n1,1,0.5\n2,1\n3,1,0.25\n", "{dir}/a.csv, row 2 has 2 fields, and the header 3, and is passed over"),
        ("csv:a.csv:acc", "epoch,lr,acc\n1,1,0.5\n2,1,0.25\nit is done\n", "{dir}/a.csv, row 3 has 1 field,"),
        ("csv:a.csv:acc", "epoch acc\n1 0.5\n2 0.25\nit is done\n", "{dir}/a.csv, row 3 has 3 fields, and the header 2"),
        ("csv:a.csv:acc", "epoch,lr,acc\n1,1,0.5\n2,1,0.25\n3,1", ""),
        ("csv:a.csv:acc", "epoch,acc,lr\n1,0.5\n2,0.25\n", ""),
        ("jsonl:a.jsonl:acc", '{"acc": 0.5}\noh\n[3]\n{"acc": 0.25}\n', "{dir}/a.jsonl, row 2 is no JSON object, and is passed over, as are all such rows: 'oh'"),
        ("jsonl:a.jsonl:acc", '{"acc": 0.5}\n{"acc": 0.25}\n{"acc', ""),
        ("jsonl:a.jsonl:acc", '{"acc": 0.5}\n\n{"loss": 9}\n{"acc": 0.25}\n', ""),
        ("jsonl:a.jsonl:acc", '{"acc": 0.5}\n{"acc": "soon"}\n{"acc": 0.25}\n', "{dir}/a.jsonl, row 2 has 'soon' in 'acc', which is no number: it is passed over, as are all such rows"),
        ("jsonl:a.jsonl:acc", '{"acc": 0.5}\n{"acc": [1, 2]}\n{"acc": 0.25}\n', "{dir}/a.jsonl, row 2 has [1, 2] in 'acc', which is no number"),
        ("jsonl:a.jsonl:v.acc", '{"v": {"acc": 0.5}}\n{"v": {"acc": true}}\n{"v": {"acc": 0.25}}\n', "{dir}/a.jsonl, row 2 has True in 'v.acc', which is no number"),
        ("jsonl:a.jsonl:acc", '{"acc": 0.5}\n{"acc": null}\n{"acc": "n/a"}\n{"acc": 0.25}\n', ""),
        ("jsonl:a.jsonl:acc", '{"acc": "0.5", "Acc": "best"}\n{"acc": "0.25"}\n', ""),
        ("jsonl:a.jsonl:val_acc", '{"val acc": 0.5, "Val Acc": "best"}\n{"val acc": 0.25}\n', ""),
        ("jsonl:a.jsonl:acc", '{"epoch": 1, "acc": 0.5}\n{"epoch": 2, "acc": 0.25}\n{"epoch": "last", "acc": 0.25}\n',
         "{dir}/a.jsonl, row 3 has 'last' in 'epoch', which is no number: its values belong to the step before"),
        ("csv:a.csv:acc", "epoch,acc\n1,0.5\n2,0.25\nlast,0.25\n", "{dir}/a.csv, row 3 has 'last' in 'epoch', which is no number: its values"),
    ],
)  # fmt: skip
def test_rows_that_cannot_be_read_are_said_or_refused(follow, spec, text, said):
    run = follow(spec)
    write(run.folder / spec.split(":")[1], text)
    if said.startswith("refused: "):
        with pytest.raises(ProgramFailed) as raised:
            run.close()
        assert said.removeprefix("refused: ") in str(raised.value)
        return
    run.close()
    assert [value for _, values in run.trial.reports for value in values.values()] == [0.5, 0.25]
    told = [run.trial.remarks.get(f"{about} of {spec}", "") for about in ("rows", "texts", "steps")]
    assert "".join(told)[: len(said) or None] == said


def test_a_file_that_is_written_anew_counts_once(follow):
    run = follow("csv:log.csv:val_loss")
    log = run.folder / "log.csv"
    write(log, "epoch,loss\n0,0.9\n")
    run.poll()
    write(log, "epoch,loss,val_loss\n0,0.9,\n0,,0.5\n1,0.8,\n", "w")
    run.poll()
    other = run.folder / "other"
    write(other, "epoch,loss,val_loss,lr\n0,0.9,,\n0,,0.5,\n1,0.8,,\n1,,0.25,\n2,,0.125,1")
    other.replace(log)
    run.poll()
    run.close()
    assert run.values("val_loss") == {0: 0.5, 1: 0.25, 2: 0.125}
    changed = follow("csv:log.csv:val_loss")
    write(log, "epoch,val_loss\n0,0.5\n1,0.5\n", "w")
    changed.poll()
    write(log, "epoch,val_loss\n0,0.7\n", "w")
    with pytest.raises(
        ProgramFailed, match="was written anew with another val_loss in row 1: 0.5 has become 0.7"
    ):
        changed.poll()


@pytest.mark.parametrize("mode", ["a", "w", "same"])
def test_what_was_there_before_a_run_is_not_of_it(follow, mode):
    first = follow("csv:log.csv:loss")
    log = first.working / "log.csv"
    write(log, "epoch,loss\n0,9\n1,8\n")
    first.folders.release()
    run = follow("csv:log.csv:loss")
    assert run.poll() == []
    header = "" if mode == "a" else "epoch,loss\n"
    write(log, header + ("0,9\n1,8\n" if mode == "same" else "0,3\n1,2\n2,1\n"), "a" if mode == "a" else "w")
    if mode == "same":
        os.utime(log, ns=(0, 0))  # a clock that is coarse would not show it
    run.close()
    assert run.values("loss") == ({0: 9, 1: 8} if mode == "same" else {0: 3, 1: 2, 2: 1})


def test_what_is_not_there_is_told_with_what_is(follow):
    run = follow("csv:log.csv:val_los")
    write(run.folder / "log.csv", "epoch,loss,val_loss\n0,1,2\n")
    with pytest.raises(
        ProgramFailed, match=r"\{dir\}/log.csv has no number in column 'val_los'. Did you mean 'val_loss'\?"
    ):
        run.close()
    run = follow("jsonl:none.jsonl:loss")
    with pytest.raises(
        ProgramFailed,
        match="none.jsonl:loss found nothing: there is none in .*trial nor in .*work. Have the program write it",
    ):
        run.close()
    write(run.working / "old.csv", "loss\n1\n")
    run = follow("csv:old.csv:loss")
    with pytest.raises(ProgramFailed, match="old.csv was there before and has not changed"):
        run.close()
    run = follow("csv:*/log.csv:loss")
    write(run.working / "a" / "log.csv", "loss\n1\n")
    write(run.working / "b" / "log.csv", "loss\n1\n")
    with pytest.raises(
        ProgramFailed, match=r"one file for each trial, and a/log.csv, b/log.csv were written during this one"
    ):
        run.close()


def test_holes_of_a_path_are_filled_as_in_the_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text(
        "import os, sys\n"
        "for at, path in enumerate(sys.argv[1:]):\n"
        "    os.makedirs(os.path.dirname(path), exist_ok=True)\n"
        "    open(path, 'w').write(f'm{at}\\n{at}\\n')\n"
    )
    paths = ["{checkpoint}/log.csv", "out [{seed}]/{trial}/log.csv", "{dir}/{fold}*/log.csv"]
    metrics = [f"csv:{path}:m{at}" for at, path in enumerate(paths)]
    objective = Command("train.py", {}, metrics, fixed=[path.replace("*", "ab") for path in paths])
    space = {"x": danlu.Float(0, 1)}
    result = danlu.tune(objective, space, minimize="m0", trials=1, contexts=[{"fold": "k"}], store="a [b].db")
    assert result.trials[0].reason == ""
    assert dict(result.trials[0].metrics) == {"m0": 0, "m1": 1, "m2": 2}


def test_a_hole_that_stands_for_nothing_is_refused(follow):
    with pytest.raises(
        ObjectiveError, match=r"\{lr\} stands for nothing .* got 'a-\{lr\}.csv'. Write one of"
    ):
        follow("csv:a-{lr}.csv:loss")


def test_a_path_that_exists_as_it_is_written_stands_for_itself(follow):
    run = follow("csv:out[1]/log.csv:loss")
    write(run.working / "out1" / "log.csv", "loss\n1\n")
    write(run.working / "out[1]" / "log.csv", "loss\n2\n")
    assert run.close() == [(1, {"loss": 2})]
    run = follow("csv:put[12]/log.csv:loss")
    write(run.working / "put2" / "log.csv", "loss\n3\n")
    assert run.close() == [(1, {"loss": 3})]


def test_two_trials_at_once_cannot_share_a_file(follow):
    one, two = follow("csv:log.csv:loss", "csv:log.csv:acc"), follow("csv:log.csv:loss")
    write(one.working / "log.csv", "loss,acc\n1,2\n")
    for run in (one, two):  # also the first to look, as the other may write to it later
        with pytest.raises(
            ProgramFailed,
            match=r"log.csv is read for another trial that runs now.*run one trial at a time \(-j 1\)",
        ):
            run.poll()
    two.folders.release()
    one.poll()
    late = follow("csv:log.csv:loss")
    write(one.working / "log.csv", "3,4\n")
    with pytest.raises(ProgramFailed, match="log.csv is read for another trial"):
        late.poll()
    assert one.close() == [(1, {"loss": 1, "acc": 2}), (2, {"loss": 3, "acc": 4})]


def test_trials_at_once_that_write_into_their_own_folders_are_read(tmp_path, follow):
    one = follow("csv:log.csv:loss")
    folders = RunFolders(tmp_path / "other", one.working)
    two = TrialCurve(Trial(), [source_of("csv:log.csv:loss")], folders, {})
    write(one.folder / "log.csv", "loss\n1\n")
    write(tmp_path / "other" / "log.csv", "loss\n2\n")
    two.poll()
    assert one.close() == [(1, {"loss": 1})]
    folders.release()


def test_w_and_b_is_sent_to_the_trial_s_folder_where_nothing_else_is_said(follow, monkeypatch):
    run = follow("wandb:wandb:loss")
    monkeypatch.delenv("WANDB_DIR", raising=False)
    flush = "WANDB__TRANSACTION_LOG_FLUSH_INTERVAL"
    assert run.sources[0].told(run.folders) == {"WANDB_DIR": str(run.folder), flush: "1"}
    monkeypatch.setenv("WANDB_DIR", "elsewhere")
    monkeypatch.setenv(flush, "9")
    assert run.sources[0].told(run.folders) == {}


def test_jsonl_is_read_as_it_grows(follow):
    run = follow("jsonl:m.jsonl:val.loss", "jsonl:m.jsonl:acc:count")
    with (run.folder / "m.jsonl").open("w", encoding="utf-8") as file:
        file.write("not json\n")
        for at in range(3):
            text = json.dumps({"global_step": at * 10, "val": {"loss": 1 / (at + 1)}, "acc": str(at)}) + "\n"
            file.write(text[:9])
            file.flush()
            run.poll()
            file.write(text[9:])
            file.flush()
            run.poll()
    run.close()
    assert run.values("val.loss") == approx([(0, 1), (10, 1 / 2), (20, 1 / 3)])
    assert run.values("acc") == {1: 0, 2: 1, 3: 2}


def test_torch_s_event_files_are_read_as_they_grow(follow):
    tensorboard = pytest.importorskip("torch.utils.tensorboard")
    for new_style in (False, True):
        run = follow("tensorboard:runs:val/loss")
        with tensorboard.SummaryWriter(str(run.folder / "runs" / f"now{new_style}")) as writer:
            for at in range(4):
                writer.add_scalar("val/loss", 1 / (at + 1), at * 5, new_style=new_style)
                writer.add_scalar("train/loss", 9, at)
                writer.add_histogram("weights", at + __import__("numpy").arange(3.0), at)
                writer.flush()
                run.poll()
            assert len(run.values("val/loss")) == 4, "while it is written"
        run.close()
        assert run.values("val/loss") == approx([(at * 5, 1 / (at + 1)) for at in range(4)])
        shutil.rmtree(run.folder)


def test_tensorboard_s_own_writer_in_several_files_is_read(follow):
    pytest.importorskip("tensorboard")
    from tensorboard.compat.proto import event_pb2, summary_pb2
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    run = follow("tensorboard:logs:loss")
    for half in range(2):
        writer = EventFileWriter(str(run.working / "logs" / "deep" / "er"), filename_suffix=f".{half}")
        for at in range(3):
            step = half * 3 + at
            value = summary_pb2.Summary.Value(tag="loss", simple_value=1 / (step + 1))
            told = summary_pb2.Summary(value=[value])
            writer.add_event(event_pb2.Event(step=step, summary=told, wall_time=step))
        writer.close()
        run.poll()
    run.close()
    assert run.values("loss") == approx([(step, 1 / (step + 1)) for step in range(6)])


def test_an_event_that_is_half_written_waits_for_its_rest(follow):
    tensorboard = pytest.importorskip("torch.utils.tensorboard")
    run = follow("tensorboard:logs:loss")
    with tensorboard.SummaryWriter(str(run.folder.parent / "elsewhere")) as writer:
        for at in range(3):
            writer.add_scalar("loss", 1 / (at + 1), at)
    (whole,) = (run.folder.parent / "elsewhere").iterdir()
    data = whole.read_bytes()
    path = run.folder / "logs" / whole.name
    path.parent.mkdir()
    for at in range(0, len(data), 13):
        with path.open("ab") as file:
            file.write(data[at : at + 13])
        run.poll()
    run.close()
    assert run.values("loss") == approx([(0, 1), (1, 1 / 2), (2, 1 / 3)])


def test_a_tag_in_several_runs_is_refused_with_the_remedy(follow):
    tensorboard = pytest.importorskip("torch.utils.tensorboard")
    run = follow("tensorboard:logs:epoch_loss")
    for name in ("train", "validation"):
        with tensorboard.SummaryWriter(str(run.working / "logs" / name)) as writer:
            writer.add_scalar("epoch_loss", 1, 0)
    with pytest.raises(
        ProgramFailed,
        match=r"several runs of one trial, logs/train, logs/validation. Name one: tensorboard:logs/validation:epoch_loss",
    ):
        run.close()
    run.folders.release()
    other = follow("tensorboard:logs:loss")
    with tensorboard.SummaryWriter(str(other.working / "logs" / "again")) as writer:
        writer.add_scalar("losses", 1, 0)
    with pytest.raises(ProgramFailed, match="has no number in tag 'loss'. Did you mean 'losses'"):
        other.close()


MLFLOW = """
import os, sys
import mlflow
uri, own = sys.argv[1:]
mlflow.set_tracking_uri(uri)
mlflow.set_experiment("mine")
for context, times in (("{}", 99), (own, 1), ("{}", 98)):
    os.environ["MLFLOW_RUN_CONTEXT"] = context
    with mlflow.start_run():
        for at in range(3):
            mlflow.log_metric("val/loss", times / (at + 1), step=at * 2)
            mlflow.log_metric("acc", float("nan"), step=at)
"""


@pytest.mark.parametrize(("uri", "place"), [("sqlite:///mlflow.db", "mlflow.db"), ("file:mlruns", "mlruns")])
def test_mlflow_s_runs_are_told_apart_by_a_tag(follow, uri, place):
    pytest.importorskip("mlflow")
    run = follow(f"mlflow:{place}:val/loss", f"mlflow:{place}:acc")
    wrong, other = follow(f"mlflow:{place}:val/los"), follow(f"mlflow:{place}:val/loss")
    wrong.folders.token = run.folders.token
    context = run.sources[0].told(run.folders)["MLFLOW_RUN_CONTEXT"]
    program(MLFLOW, uri, context, cwd=run.working, MLFLOW_ALLOW_FILE_STORE="true")
    run.poll()
    run.close()
    assert run.values("val/loss") == approx([(0, 1), (2, 1 / 2), (4, 1 / 3)])
    assert run.values("acc") == approx([(0, NAN), (1, NAN), (2, NAN)])
    assert "output repeated" not in run.trial.remarks
    with pytest.raises(ProgramFailed, match="has no number in metric 'val/los'. Did you mean 'val/loss'"):
        wrong.close()
    with pytest.raises(ProgramFailed, match="the program has logged no metric to"):
        other.close()


def test_tags_that_are_given_to_mlflow_anyway_stay(follow, monkeypatch):
    monkeypatch.setenv("MLFLOW_RUN_CONTEXT", '{"team": "blue"}')
    run = follow("mlflow:mlruns:loss")
    told = json.loads(run.sources[0].told(run.folders)["MLFLOW_RUN_CONTEXT"])
    assert told == {"team": "blue", "danlu.run": run.folders.token}


WANDB = """
import wandb
run = wandb.init(mode="offline", project="p", settings=wandb.Settings(silent=True))
for at in range(3):
    run.log({"val_loss": 1 / (at + 1), "epoch": at + 5, "nested": {"acc": at / 10}})
run.finish()
"""
ROWS = [  # as wandb 0.28 writes what the program above logs
    "080a1280010a25120a5f74696d657374616d70820116312e37393538323836393733393036303034652b30390a1812085f72756e74696d6582010b302e3937373634383732350a0b12055f73746570820101300a0e120876616c5f6c6f7373820101310a0b120565706f6368820101300a1112066e65737465641203616363820101301200",
    "08111286010a25120a5f74696d657374616d70820116312e37393538323836393737323535383238652b30390a1812085f72756e74696d6582010b302e3937393734323037380a0b12055f73746570820101310a10120876616c5f6c6f7373820103302e350a0b120565706f6368820101310a1312066e65737465641203616363820103302e3112020801",
    "08181295010a1312066e65737465641203616363820103302e320a25120a5f74696d657374616d70820116312e37393538323836393737323731353636652b30390a1812085f72756e74696d6582010b302e3938313035363336320a0b12055f73746570820101320a1f120876616c5f6c6f7373820112302e333333333333333333333333333333330a0b120565706f63688201013212020802",
]


def block_log(records):
    """A log in LevelDB's format, with the header of W&B's."""
    data = b":W&B\xe1\xbe\x00"
    for record in records:
        first = True
        while first or record:
            left = 32768 - len(data) % 32768
            if left < 7:
                data += b"\0" * left
                continue
            piece, record = record[: left - 7], record[left - 7 :]
            kind = {(True, True): 1, (True, False): 2, (False, False): 3, (False, True): 4}[first, not record]
            data += (
                zlib.crc32(bytes([kind]) + piece).to_bytes(4, "little")
                + len(piece).to_bytes(2, "little")
                + bytes([kind])
                + piece
            )
            first = False
    return data


@pytest.mark.parametrize("size", [1, 32742, 32747, 32750, 32760, 70000])
def test_w_and_b_s_log_is_read_over_the_ends_of_its_blocks(follow, size):
    run = follow("wandb:wandb:val_loss", "wandb:wandb:nested.acc:epoch")
    other = (
        b"\x22" + bytes([size & 127 | 128, size >> 7 & 127 | 128, size >> 14]) + b"x" * size
    )  # printed text
    data = block_log([other, *map(bytes.fromhex, ROWS[:2]), other, bytes.fromhex(ROWS[2])])
    path = run.working / "wandb" / "offline-run-1-abc" / "run-abc.wandb"
    path.parent.mkdir(parents=True)
    (run.working / "wandb" / "latest-run").symlink_to(path.parent)
    for at in range(0, len(data), 32000):
        with path.open("ab") as file:
            file.write(data[at : at + 32000])
        run.poll()
    run.close()
    assert run.values("val_loss") == approx([(0, 1), (1, 1 / 2), (2, 1 / 3)])
    assert run.values("nested.acc") == approx([(0, 0), (1, 0.1), (2, 0.2)])
    assert "in pieces of 32 KB" in run.trial.remarks["late wandb:wandb:val_loss"]


def test_the_real_wandb_is_read(follow):
    pytest.importorskip("wandb")
    run = follow("wandb:wandb:val_loss", "wandb:wandb:nested.acc:epoch")
    program(WANDB, cwd=run.working)
    run.close()
    assert run.values("val_loss") == approx([(0, 1), (1, 1 / 2), (2, 1 / 3)])
    assert run.values("nested.acc") == approx([(5, 0), (6, 0.1), (7, 0.2)])


def test_mlflow_s_database_is_never_waited_for(follow):
    run = follow("mlflow:m.db:loss")
    with sqlite3.connect(run.working / "m.db", isolation_level=None) as file:
        file.execute("CREATE TABLE other (x)")
        file.execute("BEGIN EXCLUSIVE")
        assert run.poll() == []
        file.execute("ROLLBACK")
    file.close()


@pytest.mark.parametrize(
    ("spec", "text", "found"),
    [
        ("file:accuracy.txt", "0.75\n", [("accuracy", 0.75)]),
        ("file:r.json:val.loss", '{"val": {"loss": 0.5}, "n": 3}', [("val.loss", 0.5)]),
        ("file:r.json", '{"loss": "0.5", "name": "x"}', [("r", 0.5)]),
        ("file:r.json", "3", [("r", 3)]),
        ("file:h.json:val_loss", '{"loss": [3, 2], "val_loss": [0.5, 0.25]}', [("val_loss", 0.5), ("val_loss", 0.25)]),
        ("file:m.json:val.loss", '{"val.loss": {"steps": [0, 10], "timestamps": ["a", "b"], "values": [0.5, 0.25]}}', [("val.loss", 0.5), ("val.loss", 0.25)]),
        ("file:m.json:loss", '{"loss": {"steps": [0], "values": [0.5, 0.25]}}', "found nothing"),
        ("file:r.txt:acc", "Results\nacc: 0.5\nloss: 3\nacc: 0.75", [("acc", 0.75)]),
        ("file:r.json", '{"loss": 1, "acc": 2}', "several: name one, file:r.json:loss"),
        ("file:r.json:los", '{"loss": 1, "acc": 2}', "Did you mean 'loss'?"),
        ("file:r.txt", "hello", "has none"),
        ("file:r.txt", None, "there is none in"),
    ],
)  # fmt: skip
def test_a_file_holds_the_number_at_the_end(follow, spec, text, found):
    run = follow(spec)
    if text is not None:
        write(run.folder / spec.split(":")[1], text)
    assert run.poll() == []
    if isinstance(found, str):
        with pytest.raises(ProgramFailed) as raised:
            run.close()
        assert found in str(raised.value)
        return
    assert [(name, value) for _, values in run.close() for name, value in values.items()] == found


def test_sources_of_several_kinds_make_one_curve(follow):
    run = follow("csv:log.csv:val_loss", "loss", "file:acc.txt", why=["val_loss"])
    write(run.folder / "log.csv", "epoch,val_loss\n")
    for epoch in range(1, 4):
        run.print(f"epoch {epoch} loss {10 - epoch}\n")
        run.poll()
        write(run.folder / "log.csv", f"{epoch},{1 / epoch}\n")
        run.poll()
    write(run.folder / "acc.txt", "0.5")
    run.close()
    steps = [step for step, _ in run.trial.reports]
    assert steps == sorted(steps)
    assert run.values("val_loss") == approx([(1, 1), (2, 1 / 2), (3, 1 / 3)])
    assert run.values("loss") == {1: 9, 2: 8, 3: 7}


@pytest.mark.parametrize(
    ("specs", "names"),
    [
        (("csv:train.csv:loss", "csv:valid.csv:loss"), ("train.loss", "valid.loss")),
        (("csv:{dir}/a/log.csv:loss:count", "csv:{dir}/b/log.csv:loss"), ("a.loss", "b.loss")),
        (("csv:log.csv:loss", "loss"), ("log.loss", "loss")),
        (("file:a/acc.txt", "file:b/acc.txt"), ("a.acc", "b.acc")),
        (("csv:log.csv:loss", "csv:log.csv:acc"), ("loss", "acc")),
        (("csv:{dir}/log.csv:loss", "csv:b/log.csv:loss"), ("dir.loss", "b.loss")),
        (("csv:log.csv:loss", "csv:log.csv:loss:step"), None),
        (("loss", "loss: {x}"), None),
        (("csv:a.csv:loss", "csv:b.csv:loss", "jsonl:c.jsonl:a.loss"), None),
    ],
)
def test_metrics_of_one_name_are_told_apart_by_their_files(specs, names):
    if names is None:
        with pytest.raises(ObjectiveError, match=r"two metrics are named .*loss', those of '.*' and '"):
            MetricSources(specs)
        return
    assert MetricSources(specs).names == names


def test_two_files_of_one_column_make_two_curves(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text(
        "for at, name in enumerate(['train', 'valid']):\n"
        "    open(name + '.csv', 'w').write('epoch,loss\\n' + ''.join(f'{e},{e + at / 2}\\n' for e in (1, 2)))\n"
    )
    objective = Command("train.py", {}, ["csv:train.csv:loss", "csv:valid.csv:loss"])
    result = danlu.tune(objective, {"x": danlu.Float(0, 1)}, minimize="valid.loss", trials=1)
    assert dict(result.trials[0].metrics) == {"train.loss": 1, "valid.loss": 1.5}


def test_wrong_units_are_told(follow):
    run = follow("loss")
    run.print("loss=3\nloss=3\nloss=3\n")
    run.close()
    assert (
        "loss was 3 at each of 3 steps: a constant tells no trial from another"
        in run.trial.remarks["constant loss"]
    )
    run = follow("loss")
    run.print("final loss: 9\nloss=3 loss=4\n")
    run.close()
    assert (
        "loss was found once in a trial, so no trial can be stopped early" in run.trial.remarks["once loss"]
    )
    assert "2 places of it match, the first counts" in run.trial.remarks["output of loss"]
    run = follow("file:r.txt")
    write(run.folder / "r.txt", "3")
    run.close()
    assert not run.trial.remarks.keys() & {"once r", "constant r"}


TRAIN = """
import csv, os, pathlib, sys, time
lr = float(next(text for text in sys.argv if text.startswith("--lr=")).partition("=")[2])
folder = pathlib.Path(os.environ["DANLU_DIR"])
with open(folder / "log.csv", "w", newline="") as file:
    writer = csv.writer(file)
    writer.writerow(["epoch", "val_loss"])
    for epoch in range(1, 5):
        writer.writerow([epoch, (lr - 0.3) ** 2 + 1 / epoch])
        file.flush()
    while lr > 0.9:
        time.sleep(0.01)
"""


def test_a_program_that_writes_a_file_is_tuned_and_ended_early(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text(TRAIN)
    from danlu.programs.arguments.flags import Flag

    objective = Command("train.py", {"lr": Flag("--lr", "lr")}, ["csv:log.csv:val_loss"])
    result = danlu.tune(
        objective, {"lr": danlu.Choice([0.3, 0.95])}, minimize="val_loss", trials=2, sampler="grid",
        scheduler=danlu.schedulers.ASHA(low=1, high=4, factor=2),
    )  # fmt: skip
    by = {trial.params["lr"]: trial for trial in result.trials}
    assert by[0.3].value == pytest.approx(0.25)
    assert by[0.95].status.name == "STOPPED"
    assert "first value found in {dir}/log.csv, row 1: val_loss" in " ".join(result.why())


@pytest.mark.parametrize(
    "line",
    [
        "x=1 " * 5000,
        "loss" * 20000 + "=1",
        '{"a":' * 50000,
        "a " * 20000,
        "word " * 5000 + "1",
        "\u2502 " * 20000,
    ],
    ids=lambda each: each[:5],
)
def test_a_line_of_any_length_is_read_in_a_moment(line):
    from danlu.programs.printed.fields import LineReader

    began = time.process_time()
    LineReader().read(line)
    assert time.process_time() - began < 10, (
        "it took seconds to hours where it grew with the square of the length"
    )


def rows(run, name, column, steps, *, head=False):
    with (run.folder / name).open("a") as file:
        if head:
            print(f"epoch,{column}", file=file)
        for step in steps:
            print(f"{step},{step / 10}", file=file)


TWO = {
    "both in files": ("csv:{dir}/a.csv:loss", lambda run, steps: rows(run, "a.csv", "loss", steps, head=1 in steps)),
    "one printed": ("epoch {step} loss {x}", lambda run, steps: run.print("".join(f"epoch {step} loss {step / 10}\n" for step in steps))),
}  # fmt: skip


@pytest.mark.parametrize("kind", TWO)
def test_a_step_has_all_its_columns_however_fast_they_come(follow, kind):
    spec, write = TWO[kind]
    run = follow(spec, "csv:{dir}/b.csv:acc", why=["loss"])
    write(run, [1, 2, 3])
    rows(run, "b.csv", "acc", [1, 2], head=True)
    run.poll()  # between the writing of one and of the other
    rows(run, "b.csv", "acc", [3])
    run.poll()
    write(run, [4, 5, 6])
    rows(run, "b.csv", "acc", [4, 5, 6])  # and it has ended before the next look
    run.close()
    assert [(step, sorted(values)) for step, values in run.trial.reports] == [
        (step, ["acc", "loss"]) for step in range(1, 7)
    ]
    assert not [about for about in run.trial.remarks if about.startswith("late")]


def test_a_step_waits_for_one_more_look_at_the_others_and_no_longer(follow):
    run = follow("csv:{dir}/a.csv:loss", "csv:{dir}/b.csv:acc", why=["loss"])
    rows(run, "a.csv", "loss", range(1, 5), head=True)
    rows(run, "b.csv", "acc", [1], head=True)
    assert [step for step, _ in run.poll()] == []
    assert [step for step, _ in run.poll()] == [1, 2, 3, 4]
