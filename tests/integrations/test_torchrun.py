"""Trials on two real gloo processes, started by torchrun: the same parameters everywhere, one voice, one verdict."""

import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest
import torch
from places import ROOT
from torch import nn

import danlu
from danlu.errors import ObjectiveError
from danlu.integrations import torchrun
from danlu.journal.events import Cause, Status

RUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]


def launch(script, *arguments, **how):
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [*RUN, str(script), *map(str, arguments)], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, start_new_session=True, **how,
    )  # fmt: skip


@pytest.mark.fault
def test_the_example_trains_the_same_on_two_ranks_and_goes_on_when_killed(tmp_path):
    store = tmp_path / "s.db"
    first = launch(ROOT / "examples/ddp.py", store)
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        if store.exists() and "ddp" in danlu.stores.SqliteStore(store).studies():
            with danlu.open_study(store=store, name="ddp") as study:
                if len(study.result.trials) >= 2:
                    break
        time.sleep(0.05)
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
    second = launch(ROOT / "examples/ddp.py", store)
    out, error = second.communicate(timeout=300)
    assert second.returncode == 0, error
    assert out.count("Result(") == 1  # rank 0 alone speaks
    with danlu.open_study(store=store, name="ddp") as study:
        trials = study.result.trials
    assert len(trials) == 8
    assert all(trial.status >= Status.DONE for trial in trials)
    whole = next(trial for trial in trials if len(trial.curve) == 10)
    assert whole.curve.metrics["loss"][-1] == pytest.approx(alone(whole), rel=1e-4)


def alone(trial):
    """The example's training in one process: gradients of both ranks' batches, averaged."""
    torch.manual_seed(danlu.base.rng.key(1, trial.number, "objective") % 2**31)
    x = torch.randn(512, 8)
    y = (x[:, :1] * x[:, 1:2]).tanh()
    model = nn.Sequential(nn.Linear(8, trial.params["width"]), nn.ReLU(), nn.Linear(trial.params["width"], 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=trial.params["lr"], momentum=0.9)
    for _ in range(10):
        pairs = zip(torch.arange(0, 512, 2).split(32), torch.arange(1, 512, 2).split(32), strict=True)
        for one, other in pairs:
            optimizer.zero_grad()
            losses = [nn.functional.mse_loss(model(x[batch]), y[batch]) for batch in (one, other)]
            (sum(losses) / 2).backward()
            optimizer.step()
    with torch.no_grad():
        return float(nn.functional.mse_loss(model(x), y))


SCRIPT = textwrap.dedent(
    """
    import sys
    import torch, torch.distributed as dist
    import danlu
    from danlu.integrations import torchrun

    def train(trial):
        width = trial.suggest("width", danlu.Int(1, 9))
        mine = torch.tensor([trial["x"], float(width), float(trial.number)])
        both = [torch.zeros(3) for _ in range(2)]
        dist.all_gather(both, mine)
        trial.log(same=bool(torch.equal(*both)))
        if trial.number == 1:
            raise ValueError("on every rank")
        for step in range(1, 9):
            dist.barrier()
            trial.save(step, {"rank": dist.get_rank()})
            trial.report(step, loss=float(step))  # rises: patience stops it

    dist.init_process_group("gloo")
    result = torchrun.tune(train, {"x": danlu.Float(0, 1)}, minimize="loss", trials=4, store=sys.argv[1], seed=1,
                           scheduler=danlu.schedulers.Patience(reports=2))
    dist.destroy_process_group()
    """
)


def test_ranks_see_the_same_values_hear_the_same_verdict_and_fail_together(tmp_path):
    (tmp_path / "ranks.py").write_text(SCRIPT)
    ran = launch(tmp_path / "ranks.py", tmp_path / "s.db")
    _, error = ran.communicate(timeout=300)
    assert ran.returncode == 0, error
    with danlu.open_study(store=tmp_path / "s.db") as study:
        result = study.result
    assert [trial.facts["same"] for trial in result.trials] == [True] * 4
    assert [trial.status for trial in result.trials] == [
        Status.STOPPED,
        Status.FAILED,
        Status.STOPPED,
        Status.STOPPED,
    ]
    assert result.trials[1].cause is Cause.RAISED
    state = {}
    assert result.restore(state) > 0
    assert state == {"rank": 0}


NAMED = textwrap.dedent(
    """
    import sys
    import torch, torch.distributed as dist
    import danlu
    from danlu.errors import SettingError
    from danlu.integrations import torchrun

    def train(x, act, step=2):
        both = [torch.zeros(1) for _ in range(2)]
        dist.all_gather(both, act(torch.tensor([x])))
        assert torch.equal(*both) and step == 2
        return float(both[0])

    dist.init_process_group("gloo")
    try:
        torchrun.tune(train, {"x": danlu.Float(0, 1)}, workers=2)
    except SettingError as error:
        print("refused:", error)
    space = {"x": danlu.Float(0, 1), "act": danlu.Choice({"relu": torch.relu, "tanh": torch.tanh})}
    torchrun.tune(train, space, minimize="loss", trials=3, store=sys.argv[1], seed=1)
    dist.destroy_process_group()
    """
)


def test_every_rank_calls_the_objective_as_its_arguments_want(tmp_path):
    (tmp_path / "ranks.py").write_text(NAMED)
    ran = launch(tmp_path / "ranks.py", tmp_path / "s.db")
    out, error = ran.communicate(timeout=300)
    assert ran.returncode == 0, error
    with danlu.open_study(store=tmp_path / "s.db") as study:
        assert [trial.status for trial in study.result.trials] == [Status.DONE] * 3
    assert (out + error).count("refused:") == 2  # the lines of both may be mixed


def test_without_ranks_it_says_what_to_do():
    with pytest.raises(ObjectiveError, match="init_process_group"):
        torchrun.tune(lambda trial: 0.0, {"x": danlu.Float(0, 1)})
