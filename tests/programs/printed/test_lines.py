"""What the lines of other people's programs mean, and the curve that they make."""

import sys

import pytest
from heard import Trial

from danlu.errors import ObjectiveError
from danlu.programs.printed import output
from danlu.programs.printed.curve import PrintedCurve
from danlu.programs.printed.output import LONGEST_LINE, LineSplitter, OutputLine, lines
from danlu.programs.printed.pattern import Pattern, number

NAN = float("nan")
FORMS = [  # the pattern, a line, the names, what is found: (step, values)
    ("val loss: {x}", "epoch 3 val  loss:0.25,", (None, {"val_loss": 0.25})),
    ("epoch {step} loss {x}", "Epoch 12   loss 1.5e-3", (12, {"loss": 1.5e-3})),
    ("[{step}] acc={x}", "[7] acc=.5", (7, {"acc": 0.5})),
    ("loss {x}", "loss nan", (None, {"loss": NAN})),
    ("loss {x}", "loss -inf", (None, {"loss": float("-inf")})),
    ("val loss: {x}", "train loss: 0.5", None),
    ("valid_loss={x}", "train_loss=0.5, valid_loss=0.25", (None, {"valid_loss": 0.25})),
    ("valid_loss={x}", "the number 3 of some other line", None),
    ("loss={x}", "train_loss=0.9, loss=0.3", (None, {"loss": 0.3})),
    ("loss: {x}", "val_loss: 0.5", None),
    ("loss: {x}", "val-loss: 0.5", None),
    ("loss: {x}", "train/loss: 0.5", None),
    ("Loss: {x}", "Loss: 4,231.5", (None, {"loss": 4231.5})),
    ("Loss: {x}", "Loss: 1,234,567", (None, {"loss": 1234567.0})),
    ("loss: {x}", "loss: 0,25", None),
    ("loss: {x}", "loss: 12,5", None),
    ("Epoch {step}: val loss {x}", "Epoch 0: val loss 0.5", (0, {"val_loss": 0.5})),
    ("Accuracy: {*}/{*} ({x}%)", "Test: Average loss: 0.03, Accuracy: 559/597 (94%)", (None, {"accuracy": 94.0})),
    ("Accuracy: {x}", "Accuracy: 559/597 (94%)", None),
    ("Average loss: {x}", "Test set: Average loss: 0.0312, Accuracy: 9893/10000 (99%)", (None, {"average_loss": 0.0312})),
    ('{"val_loss": {x}, "epoch": {step}}', '{"val_loss": 0.3, "epoch": 2}', (2, {"val_loss": 0.3})),
    ('"epoch": {step}, {*}"val_loss": {x}', '{"epoch": 2, "lr": 0.1, "val_loss": 3e-2}', (2, {"val_loss": 0.03})),
    ("'eval_loss': {x},", "{'eval_loss': 0.41, 'eval_runtime': 2.1, 'epoch': 1.0}", (None, {"eval_loss": 0.41})),
    ("'eval_loss': {x}, {*}'epoch': {step}", "{'eval_loss': 0.41, 'eval_runtime': 2.1, 'epoch': 1.0}", (1, {"eval_loss": 0.41})),
    ("Acc@1 {x}", " * Acc@1 71.250 Acc@5 90.1", (None, {"acc_1": 71.25})),
    ("acc {x}", "acc1 97.5", None),
    ("{step},{x},{*}", "3,25,9", (3, {"metric": 25.0})),
    ("{x}% accuracy", "97.5% accuracy", (None, {"accuracy": 97.5})),
    ("time {x}s", "time 0.5s", (None, {"time": 0.5})),
    ("time {x}", "time 0.5s", None),
    ("time: {x}", "time: 12:30", None),
    ("version {x}", "version 1.2.3", None),
    ("loss {train_loss} val {val_loss}", "loss 1 val 2", (None, {"train_loss": 1.0, "val_loss": 2.0})),
    ("loss: {x}", "loss: \u22121e\u22123", (None, {"loss": -1e-3})),
    ("loss {x}", "loss 12.", (None, {"loss": 12.0})),
    ("loss {x}", "loss -.5", (None, {"loss": -0.5})),
    ("loss: {x}", "loss: tensor(0.25)", None),
    ("loss: tensor({loss}", "loss: tensor(0.25, grad_fn=<MseLossBackward0>)", (None, {"loss": 0.25})),
    ("Epoch {step}", "Epoch 3/10", ObjectiveError),
    ("Epoch {step} loss {x}", "Epoch 3/10 loss 0.5", None),
    ("Epoch {step}/{*} loss {x}", "Epoch 3/10 loss 0.5", (3, {"loss": 0.5})),
    ("| epoch {step} |{*}| valid ppl {x}", "| epoch   1 | time:  2.10s | valid loss  5.2 | valid ppl   181.3", (1, {"valid_ppl": 181.3})),
    ("{*}loss: {x}", "3 batches, val loss: 0.25", (None, {"loss": 0.25})),
    ("{{x}} = {value}", "{x} = 3", (None, {"value": 3.0})),
    (r"re:val_loss=(?P<x>\S+)", "epoch=1 val_loss=0.25", (None, {"val_loss": 0.25})),
    (r"re:^\[(?P<step>\d+)\].*top1 (?P<top1>[\d.]+)", "[4] loss 2 top1 61.2", (4, {"top1": 61.2})),
    (r"re:loss (?P<x>\S+)", "loss unknown", None),
    ("loss {x} {x}", "", ObjectiveError),
    ("loss {epoch} {x}", "", ObjectiveError),
    ("re:loss (", "", ObjectiveError),
    ("val loss", "", ObjectiveError),
    ("re:loss", "", ObjectiveError),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line", "found"), FORMS, ids=lambda each: str(each)[:40])
def test_a_line_is_read_in_one_way(text, line, found):
    if found is ObjectiveError:
        with pytest.raises(ObjectiveError):
            Pattern(text)
        return
    got = Pattern(text).find(line)
    if found is None:
        assert got is None
    else:
        assert got is not None
        assert (got.step, got.values) == (found[0], pytest.approx(found[1], nan_ok=True))
        assert set(Pattern(text).names) == set(found[1])


def test_sentences_of_patterns_name_the_remedy():
    for text, sentence in {
        "val loss": "needs {x} where its number is",
        "loss {x} {x}": "got {x} twice",
        "{epoch} {x}": "Write {step} for the step",
        "re:(": "is no regular expression",
    }.items():
        with pytest.raises(ObjectiveError) as raised:
            Pattern(text)
        assert sentence in str(raised.value)


def test_what_comes_nearest_is_said():
    near = Pattern("Accuracy: {x}").nearest(["hello", "Accuracy: 559/597 (94%)"])
    assert near == "the nearest line is 'Accuracy: 559/597 (94%)', where {x} meets '559/597 (94%)'"
    assert "'val_loss: 0.5'" in Pattern("loss: {x}").nearest(["hello", "val_loss: 0.5"])
    assert not Pattern("loss: {x}").nearest(["hello"])


def test_numbers():
    assert [
        number(text) for text in ("1_000", "+3", "1e5", "-inf", "NaN", "1,23", "3/4", "", "0x1")
    ] == pytest.approx([1000.0, 3.0, 1e5, float("-inf"), NAN, None, None, None, None], nan_ok=True)


def curve(printed, *metrics, chunk=7):
    trial, data = Trial(), printed.encode()
    parts = iter([*(data[at : at + chunk] for at in range(0, len(data), chunk)), b""])
    read = PrintedCurve(trial, [Pattern(text) for text in metrics], {"loss": "minimized"})
    for line in lines(lambda: next(parts)):
        read.read(line)
    read.close("train.py")
    return trial


CURVES = [
    ("loss=3\nloss=2\nloss=1\n", ["loss={x}"], [(1, 3), (2, 2), (3, 1)]),
    ("loss=3\r\nloss=2\r\n", ["loss={x}"], [(1, 3), (2, 2)]),
    ("0 loss=3\n1 loss=2\n", ["{step} loss={x}"], [(0, 3), (1, 2)]),
    (
        "\r1/2 loss=9\r2/2 loss=3\n\r1/2 loss=8\r2/2 loss=2\n",
        ["loss={x}"],
        [(1, 3), (2, 2)],
    ),  # tqdm, leave=True
    (
        "\rloss=9\rloss=3\r         \r\rloss=8\rloss=2\r         \r",
        ["loss={x}"],
        [(1, 3), (2, 2)],
    ),  # leave=False
    (
        "\repoch 1 loss=9\repoch 1 loss=3\repoch 2 loss=2\repoch 3 loss=1",
        ["epoch {step} loss={x}"],
        [(1, 3), (2, 2), (3, 1)],
    ),
    ("\x1b[32mloss\x1b[0m=\x1b[1m3\x1b[0m\n", ["loss={x}"], [(1, 3)]),
    (
        "1 loss=9\n1 loss=3\n2 loss=8\n2 loss=2\n",
        ["{step} loss={x}"],
        [(1, 3), (2, 2)],
    ),  # the last of a step counts
    ("1 loss=3\n2 loss=2\n2 loss=1\n3 loss=9\n3 loss=8\n", ["{step} loss={x}"], [(1, 3), (2, 2), (3, 8)]),
    ("Epoch 1: loss=9\nEpoch 3: loss=3\n", ["Epoch {step}: loss={x}"], [(1, 9), (3, 3)]),
    ("loss=3", ["loss={x}"], [(1, 3)]),
    ("blöd: loss=3\n", ["loss={x}"], [(1, 3)]),
]


@pytest.mark.parametrize(("printed", "metrics", "reports"), CURVES, ids=lambda each: repr(each)[:40])
@pytest.mark.parametrize("chunk", [1, 5, 1000])
def test_lines_become_a_curve(printed, metrics, reports, chunk):
    assert curve(printed, *metrics, chunk=chunk).reports == [
        (step, {"loss": value}) for step, value in reports
    ]


def test_several_metrics_make_one_step():
    told = curve("loss=3\nacc=.1\nloss=2\nacc=.2\n", "loss={x}", "acc={x}")
    assert told.reports == [(1, {"loss": 3, "acc": 0.1}), (2, {"loss": 2, "acc": 0.2})]
    after = curve("epoch 1 loss=3\nacc=.1\nepoch 2 loss=2\nacc=.2\n", "epoch {step} loss={x}", "acc={x}")
    assert after.reports == told.reports
    before = curve("acc=.1\nepoch 1 loss=3\nacc=.2\nepoch 2 loss=2\n", "epoch {step} loss={x}", "acc={x}")
    assert before.reports == told.reports


def test_the_first_matched_line_is_said_with_value_step_and_direction():
    (said,) = curve("loss=3\nloss=2\n", "loss={x}").remarks.values()
    assert (
        said
        == "first matched line 'loss=3': loss 3 at step 1 (counted: each such line is a step), loss is minimized"
    )
    (said,) = curve("4 loss=3 loss=2\n", "{*}loss={x}").remarks.values()
    assert "2 places of it match, the first counts" in said
    again = curve("1 loss=3\n2 loss=2\n2 loss=1\n", "{step} loss={x}").remarks
    assert "step 2 came again" in again["output again"]


def test_steps_that_are_none_are_refused():
    with pytest.raises(ObjectiveError, match="has to be a whole number >= 0, got 0.5"):
        curve("'loss': 3, 'epoch': 0.5\n", "'loss': {x}, 'epoch': {step}")
    with pytest.raises(
        ObjectiveError, match="went from 3 back to 1 .*as over folds.* a line with the average over them"
    ):
        curve("1 loss=3\n2 loss=2\n3 loss=1\n1 loss=3.5\n", "{step} loss={x}")
    with pytest.raises(
        RuntimeError, match="no line of train.py matched 'acc={x}'.*nearest line is 'acc: .1'"
    ):
        curve("loss=3\nacc: .1\n", "loss={x}", "acc={x}")
    with pytest.raises(RuntimeError, match="it printed nothing"):
        curve("", "loss={x}")


REDRAWN = "".join(f"\r {i}/3 [00:0{i}, 9it/s, loss={1 / (i + 1)}]" for i in range(1, 4)) + "\n"


@pytest.mark.parametrize("chunk", [1, 7, 1000])
def test_a_line_that_is_redrawn_is_one_step_and_says_how_to_make_several_of_it(chunk):
    one = curve(REDRAWN, "loss={x}", chunk=chunk)
    assert one.reports == [(1, {"loss": 0.25})]
    said = one.remarks["redraws of loss={x}"]
    assert "one step, whose last value counts" in said
    remedy = said.rpartition(": ")[2].strip("'")
    each = curve(REDRAWN, remedy, chunk=chunk)
    assert each.reports == [(i, {"loss": 1 / (i + 1)}) for i in range(1, 4)]
    assert not any(about.startswith("redraws") for about in each.remarks)
    named = curve(REDRAWN, r"re:loss=(?P<loss>[\d.]+)", chunk=chunk)
    assert "by a group named step" in named.remarks[r"redraws of re:loss=(?P<loss>[\d.]+)"]


def test_a_line_that_is_redrawn_with_the_same_value_needs_no_remark():
    told = curve("\rloss=3\rloss=3\nloss=2\n", "loss={x}")
    assert told.reports == [(1, {"loss": 3}), (2, {"loss": 2})]
    assert not any(about.startswith("redraws") for about in told.remarks)


def test_a_step_that_is_printed_again_with_its_value_counts_once():
    """LightGBM repeats its best iteration when it stops early; a second training has other values."""
    trial = curve("[1] l2: 3\n[2] l2: 2\n[3] l2: 2.5\nbest:\n[2] l2: 2\n", "[{step}] l2: {x}")
    assert trial.reports == [(1, {"l2": 3}), (2, {"l2": 2}), (3, {"l2": 2.5})]
    assert "counts once" in trial.remarks["output repeated"]
    with pytest.raises(ObjectiveError, match="went from 3 back to 2"):
        curve("[1] l2: 3\n[2] l2: 2\n[3] l2: 2.5\n[2] l2: 2.1\n", "[{step}] l2: {x}")


@pytest.mark.parametrize(
    ("pattern", "line", "value"),
    [
        (
            "time: {*}s | valid loss {x}",
            "| end of epoch 3 | time:  3.00s | valid loss  5.07 | valid ppl 159",
            5.07,
        ),
        ("{*}% loss {x}", "12% loss 0.5", 0.5),
        ("{*}ms/step loss: {x}", "12ms/step loss: 0.5", 0.5),
        ("{*}loss {x}", "3 val_loss 2 loss 1", 1.0),
        ("{*}loss {x}", "3 val/loss 2", None),
        ("{*}loss {x}", "val_loss 2", None),
    ],
)
def test_a_wildcard_stands_for_anything_but_a_part_of_a_longer_name(pattern, line, value):
    found = Pattern(pattern).find(line)
    assert (None if found is None else next(iter(found.values.values()))) == value


@pytest.mark.parametrize("value", ["nan", "-inf", "Infinity"])
def test_a_value_that_is_no_number_makes_no_other_kind_of_line(value):
    told = curve(f"epoch 1 loss: 0.5\nepoch 2 loss: {value}\n", "loss: {x}")
    assert not [about for about in told.remarks if about.startswith("lines of")]


def test_lines_of_two_kinds_that_make_one_curve_are_said():
    printed = "Train Epoch: 1 [640/60000 (1%)]\tLoss: 0.36\nTrain Epoch: 1 [1280/60000 (2%)]\tLoss: 0.30\n"
    assert not [about for about in curve(printed, "loss: {x}").remarks if about.startswith("lines of")]
    mixed = curve(printed + "Test set: Average loss: 0.80, Accuracy: 9/10\n", "loss: {x}")
    assert "'Train Epoch: 1 [640/60000 (1%)]" in mixed.remarks["lines of loss: {x}"]
    assert "write more of the line" in mixed.remarks["lines of loss: {x}"]
    bar = "".join(
        f"\rEpoch 3: {i}0%|{'#' * i}| {i}/9 [00:0{i}, {'9.1it/s' if i % 2 else '1.2s/it'}, loss=0.{i}]"
        for i in range(1, 9)
    )
    assert not [about for about in curve(bar + "\n", "loss={x}").remarks if about.startswith("lines of")]


@pytest.mark.parametrize("end", ["\n", ""])
def test_the_middle_of_an_endless_line_is_left_out(end):
    chunks = iter([b"loss 0.5 ", *[b"." * 65536] * 40, b" loss 0.25" + end.encode(), b""])
    (line,) = lines(lambda: next(chunks))
    assert line.cut
    assert len(line.text) == LONGEST_LINE + len(" ... ")
    assert line.text.startswith("loss 0.5 ...")
    assert line.text.endswith("... loss 0.25")
    chunks = iter([b"." * LONGEST_LINE, b"\n" + b"." * LONGEST_LINE + b"\nover", b""])
    assert [(len(line.text), line.cut) for line in lines(lambda: next(chunks))] == [
        (LONGEST_LINE, False),
        (LONGEST_LINE, False),
        (4, False),
    ]


@pytest.mark.parametrize(
    "printed", ["." * 40_000, "\r" * 40_000, "0\r\r\n" * 8000], ids=lambda each: each[:4]
)
def test_work_on_output_grows_with_its_length(printed):
    """Counted in calls of functions and in characters, not in seconds."""

    def work(text):
        handled = 0
        splitter = LineSplitter()

        def trace(frame, event, given):
            nonlocal handled
            if event in {"call", "c_call"} and frame.f_code.co_filename == output.__file__:
                handled += 1 + sum(len(each) for each in frame.f_locals.values() if isinstance(each, str))

        sys.setprofile(trace)
        try:
            for at in range(0, len(text), 100):
                list(splitter.feed(text[at : at + 100].encode()))
        finally:
            sys.setprofile(None)
        return handled

    assert work(printed) < 3 * work(printed[: len(printed) // 2])


@pytest.mark.parametrize(
    "line", ["2 loss: 0,941", "2 loss: 20,2", "2 loss: 1.204,5 (best)", "2 loss: -3,1e-2"]
)
def test_a_decimal_comma_is_refused_so_that_no_other_is_read_as_thousands(line):
    with pytest.raises(ObjectiveError) as raised:
        curve(f"1 loss: 2,513\n{line}\n", "{step} loss: {x}")
    assert repr(line) in str(raised.value)
    assert "print a point" in str(raised.value)


def test_a_comma_between_thousands_is_said():
    told = curve("1 loss: 2,513\n2 loss: 900\n", "{step} loss: {x}")
    assert "2,513 in '1 loss: 2,513' is read as 2513" in told.remarks["thousands of {step} loss: {x}"]
    assert not [
        about for about in curve("loss: 2,513.5 of 1,000\n", "loss: {x}").remarks if "thousands" in about
    ]


GERMAN = {"LANG": "de_DE.UTF-8"}


@pytest.mark.parametrize(
    ("printed", "language", "known"),
    [
        ("1 loss: 2,513\n2 loss: 2,104\n", GERMAN, False),
        ("1 loss: 2,513\n2 loss: 2513\n", GERMAN, False),
        ("1 loss: 2,513\n2 loss: 900\n", GERMAN, True),
        ("1 loss: 2,513\n2 loss: 1,002,104\n", GERMAN, True),
        ("1 loss: 2,513\n2 loss: 2,104.5\n", GERMAN, True),
        ("1 loss: 2,513\n2 loss: 2,104\n", {"LANG": "de_DE.UTF-8", "LC_ALL": "C"}, True),
        ("1 loss: 2,513\n2 loss: 2,104\n", {"LC_NUMERIC": "fr_FR", "LANG": "C"}, False),
        ("1 loss: 2,513\n2 loss: 2,104\n", {"LANG": "en_US.UTF-8"}, True),
        ("1 loss: 2,513\n2 loss: 2,104\n", {}, True),
        ("1 loss: 2.513\n2 loss: 2.104\n", GERMAN, True),
    ],
)
def test_commas_that_nobody_can_understand_are_refused_at_the_end(printed, language, known, monkeypatch):
    for name in ("LC_ALL", "LC_NUMERIC", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in language.items():
        monkeypatch.setenv(name, value)
    if known:
        assert curve(printed, "{step} loss: {x}").reports
        return
    with pytest.raises(
        ObjectiveError, match="a comma has to be between thousands, got 2,513 in '1 loss: 2,513'"
    ):
        curve(printed, "{step} loss: {x}")


def test_the_unit_of_each_trial_is_kept():
    told = {
        printed: curve(f"{printed}\n", "acc: {x}").facts
        for printed in ("acc: 97%", "acc: 0.97", "acc: 3 ms", "acc: 97% best 97", "acc: 0.97\nacc: 97%")
    }
    assert told == {
        "acc: 97%": {"unit of acc": "%"},
        "acc: 0.97": {},
        "acc: 3 ms": {"unit of acc": "ms"},
        "acc: 97% best 97": {"unit of acc": "?"},
        "acc: 0.97\nacc: 97%": {"unit of acc": "%"},
    }


@pytest.mark.parametrize(
    "printed", ["1 loss 5\n2 loss oops\n", "1 loss oops\n2 loss 5\n", "1 loss 5\nloss: N/A as yet\n"]
)
def test_a_line_whose_number_cannot_be_read_is_said(printed):
    line = next(line for line in printed.splitlines() if not line.endswith("5"))
    pattern = "loss {x}" if ":" not in printed else r"re:loss:? (?P<x>\S+)"
    assert repr(line) in curve(printed, pattern).remarks[f"unread {pattern}"]


def test_a_word_after_a_metric_in_a_sentence_is_not_said():
    told = curve("loss function chosen\n1 loss 5\nthe loss improved, saving\n2 loss 4\n", "loss {x}")
    assert told.reports == [(1, {"loss": 5.0}), (2, {"loss": 4.0})]
    assert not [about for about in told.remarks if about.startswith("unread")]


@pytest.mark.parametrize(
    ("one", "other", "units"),
    [
        ("1.20 ms", "950.00 us", "got us in 'took: 950.00 us' after ms in 'took: 1.20 ms'"),
        ("900 KB", "1.2 MB", "got MB"),
        ("900 KB/s", "1.2 MB/s", "got MB/s"),
        ("1.20 s", "2 min", "got min"),
        ("95%", "3 k", "got k"),
    ],
)
def test_a_unit_that_changes_within_a_curve_is_refused(one, other, units):
    with pytest.raises(ObjectiveError) as raised:
        curve(f"took: {one}\ntook: {other}\n", "took: {x}")
    assert units in str(raised.value)


def test_units_are_said_where_they_may_differ_between_lines_or_trials():
    said = {about for about in curve("took: 3 ms\ntook: 2 ms\n", "took: {x}").remarks if "unit" in about}
    assert said == {"unit of took: ms"}
    mixed = curve("acc: 97.5%\nacc: 0.98\n", "acc: {x}").remarks["units of acc"]
    assert "the unit % in 'acc: 97.5%' and none in 'acc: 0.98'" in mixed
    for printed in (
        "acc: 97%\nacc: 98 %\n",
        "took: 3 min: 2\ntook: 4 max: 5\n",
        "took: 1 s\n3 ms took: 3\n",
    ):
        told = curve(printed, r"re:(?:took|acc): (?P<x>\d+)").remarks
        assert not [about for about in told if about.startswith("units")]
    curve("took: 1 sec\ntook: 2 s\ntook: 3 seconds\n", "took: {x}")


@pytest.mark.parametrize(
    ("printed", "pattern", "both"),
    [
        ("Validation:\n  loss: 1\nTrain:\n  loss: 2\n", "loss: {x}", "'Validation: loss: 1' and 'Train: loss: 2'"),
        ("Train:\n  acc: 9\n  loss: 1\nTest:\n  acc: 9\n  loss: 2\n", "loss: {x}", "'Train: loss: 1' and 'Test: loss: 2'"),
        ("epoch 1 loss: 1\nepoch 1 Loss: 2\n", "loss: {x}", "'epoch 1 loss: 1' and 'epoch 1 Loss: 2'"),
        ("[rank0]: epoch 1 loss: 1\n[rank1]: epoch 1 loss: 2\n", "epoch {step} loss: {x}", "'[rank1]: epoch 1 loss: 2'"),
        ("GPU 0 loss: 1\nGPU 1 loss: 2\n", "loss: {x}", "'GPU 0 loss: 1' and 'GPU 1 loss: 2'"),
        ("cuda:0 loss: 1\ncuda:1 loss: 2\n", "loss: {x}", "'cuda:1 loss: 2'"),
        ("[0] epoch 1 loss: 1\n[1] epoch 1 loss: 2\n", "epoch {step} loss: {x}", "'[1] epoch 1 loss: 2'"),
    ],
)  # fmt: skip
def test_lines_of_several_sources_that_make_one_curve_are_said(printed, pattern, both):
    assert both in curve(printed, pattern).remarks[f"lines of {pattern}"]


@pytest.mark.parametrize(
    ("printed", "pattern"),
    [
        ("Epoch 1:\n  loss: 1\nEpoch 2:\n  loss: 2\n", "loss: {x}"),
        ("Setup:\n  model: big\nloss: 1\nloss: 2\n", "loss: {x}"),
        ("[1] loss: 1\n[2] loss: 2\n", "[{step}] loss: {x}"),
        ("[1] loss: 1\n[2] loss: 2\n", "loss: {x}"),
        ("[rank0] epoch 1 loss: 1\n[rank0] epoch 2 loss: 2\n", "epoch {step} loss: {x}"),
        ("2 GPU 3 loss: 1\n3 GPU 0 loss: NaN\n", "{step} {*} loss: {x}"),
    ],
)
def test_lines_of_one_source_are_one_kind(printed, pattern):
    assert f"lines of {pattern}" not in curve(printed, pattern).remarks


@pytest.mark.parametrize(
    ("pattern", "steps", "counted"), [("loss {x}", [4, 5], True), ("epoch {step} loss {x}", [4, 5], False)]
)
def test_that_steps_are_counted_on_is_said_where_they_are(pattern, steps, counted):
    trial = Trial()
    read = PrintedCurve(trial, [Pattern(pattern)], {"loss": "minimized"}, after=3)
    for line in ("epoch 4 loss 2", "epoch 5 loss 1"):
        read.read(OutputLine(line))
    read.close("train.py")
    assert [step for step, _ in trial.reports] == steps
    assert ("counted on" in trial.remarks) is counted
