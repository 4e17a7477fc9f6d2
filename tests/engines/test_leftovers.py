"""What a trial changes in its process does not reach the next one, or is said."""

import contextlib
import io
import logging
import os
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

import danlu

SPACE = {"x": danlu.Float(0, 1)}
BACK = {
    "folder": (lambda: os.chdir("/"), "another working directory (/), which was put back"),
    "stdout": (lambda: setattr(sys, "stdout", io.StringIO()), "another sys.stdout, which was put back"),
    "stderr": (lambda: setattr(sys, "stderr", None), "another sys.stderr, which was put back"),
    "redirected": (
        lambda: contextlib.redirect_stdout(io.StringIO()).__enter__(), "another sys.stdout, which was put back",
    ),
    "interrupt": (lambda: signal.signal(signal.SIGINT, signal.SIG_IGN), "another handler of SIGINT, which was put back"),
    "terminate": (lambda: signal.signal(signal.SIGTERM, signal.SIG_DFL), "another handler of SIGTERM, which was put back"),
}  # fmt: skip


def state():
    return (
        str(Path.cwd()),
        sys.stdout,
        sys.stderr,
        signal.getsignal(signal.SIGINT),
        signal.getsignal(signal.SIGTERM),
    )


@pytest.mark.parametrize("case", BACK)
@pytest.mark.parametrize("fails", [False, True])
def test_what_trials_stand_on_is_put_back_and_said_once(case, fails, capsys):
    act, words = BACK[case]
    seen, before = [], state()

    def objective(trial):
        seen.append(state())
        act()
        if fails and trial.number:
            raise ValueError("after it")
        return trial["x"]

    try:
        result = danlu.tune(objective, SPACE, trials=3)
        assert state() == before
    finally:
        os.chdir(before[0])
        sys.stdout, sys.stderr = before[1:3]
    assert len(set(seen)) == 1  # each trial begins as the first one did
    said = capsys.readouterr().err
    assert said.count(f"trial 0 left {words}") == 1
    assert sum("which was put back" in line for line in result.why()) == 1


def nowhere(*numbers):
    for number in numbers:
        os.dup2(os.open(os.devnull, os.O_WRONLY), number)


NUMBERS = {
    "closed": (lambda: [os.close(number) for number in (1, 2)], "another standard output and another standard error"),
    "replaced": (lambda: nowhere(1), "another standard output"),
    "all that is open": (
        lambda: os.closerange(0, 1024), "another standard input and another standard output and another standard error",
    ),
    "Python's": (lambda: sys.stdout.close(), "sys.stdout closed"),
}  # fmt: skip


@pytest.mark.parametrize("case", NUMBERS)
def test_standard_output_is_put_back_by_its_number(case, tmp_path):
    program = tmp_path / "own.py"
    program.write_text(
        "import sys\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "import danlu, test_leftovers\n"
        "def objective(trial):\n"
        "    print('begins', trial.number, flush=True)\n"
        f"    test_leftovers.NUMBERS[{case!r}][0]()\n"
        "    return trial['x']\n"
        "danlu.tune(objective, test_leftovers.SPACE, trials=3)\n"
        "print('over')\n"
    )
    ran = subprocess.run([sys.executable, program], capture_output=True, text=True, timeout=120, check=True)
    assert ran.stdout == "begins 0\nbegins 1\nbegins 2\nover\n"
    assert ran.stderr.count(f"trial 0 left {NUMBERS[case][1]}, which was put back") == 1


def test_standard_output_whose_copies_are_closed_too_leads_nowhere_and_that_is_said():
    from danlu.engines.descriptors import Descriptors

    own = os.dup(1)
    try:
        kept = Descriptors()
        os.close(1)
        os.close(kept._kept[1].copy)
        assert kept.put_back() == ([], ["standard output"])
        assert os.path.samestat(os.fstat(1), Path(os.devnull).stat())
    finally:
        os.dup2(own, 1)
        os.close(own)


def test_what_changes_the_numbers_of_later_trials_is_said(capsys):
    torch = pytest.importorskip("torch")
    before = np.geterr()

    def objective(trial):
        np.seterr(over="raise")
        torch.set_default_dtype(torch.float64)
        torch.set_grad_enabled(False)
        return trial["x"]

    try:
        danlu.tune(objective, SPACE, trials=2)
        assert torch.get_default_dtype() is torch.float64  # as it was left
    finally:
        np.seterr(**before)
        torch.set_default_dtype(torch.float32)
        torch.set_grad_enabled(True)
    said = capsys.readouterr().err
    assert said.count("trial 0 left numpy's error state") == 1
    assert "torch's default type torch.float64 (before: torch.float32)" in said
    assert "torch's gradients off (before: on)" in said
    assert "later trials of this process begin" in said


def test_what_an_ordinary_call_leaves_stays_unsaid(capsys, monkeypatch):
    monkeypatch.setenv("DANLU_TEST_LEFT", "before")
    level, seen = logging.getLogger("danlu.test").level, []

    def objective(trial):
        seen.append(os.environ["DANLU_TEST_LEFT"])
        os.environ["DANLU_TEST_LEFT"] = "after"
        logging.getLogger("danlu.test").setLevel(level + 1)
        warnings.simplefilter("ignore")
        return trial["x"]

    with warnings.catch_warnings():
        danlu.tune(objective, SPACE, trials=2)
    assert seen == ["before", "after"]
    assert "left" not in capsys.readouterr().err


def test_a_worker_of_a_pool_begins_each_trial_in_the_same_folder(tmp_path):
    def objective(trial):
        trial.log(folder=str(Path.cwd()))
        os.chdir("/")
        return trial["x"]

    result = danlu.tune(objective, SPACE, trials=3, engine="pool", store=tmp_path / "s.db")
    assert {trial.facts["folder"] for trial in result.trials} == {str(Path.cwd())}
    assert any("another working directory" in line for line in result.why())
