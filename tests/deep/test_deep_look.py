"""Finder, batch size, pre-flight, diagnosis, bias and variance: each on trainings whose answer is known."""

import math
from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pytest
import torch
from torch import nn

from danlu import deep
from danlu.deep.stack.stack import train_together
from danlu.deep.tools.batch_size import find_batch_size
from danlu.deep.tools.diagnose import dead_units, guessing
from danlu.deep.train.training import Training
from danlu.errors import SettingError

mpl.use("Agg")
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def table():
    numbers = np.random.default_rng(0)
    x = numbers.normal(size=(800, 8)).astype(np.float32)
    return deep.from_arrays(x, (x[:, :4] ** 2).argmax(1))


def mlp(width=32, outputs=4):
    return nn.Sequential(
        nn.Linear(8, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, outputs)
    )


def trained(data, optimizer, rates, epochs=8):
    found = []
    for rate in rates:
        torch.manual_seed(3)
        plan = deep.Plan(optimizer=optimizer, epochs=epochs, options={"lr": float(rate)})
        found.append(Training(mlp(), data, plan, seed=3, device=CPU))
    curves = train_together(found)
    return [
        min((s["val_loss"] for s in curve if math.isfinite(s["val_loss"])), default=math.inf)
        for curve in curves
    ]


@pytest.mark.parametrize("optimizer", ["nesterov", "adamw", "rmsprop"])
def test_the_advised_rate_trains_as_well_as_the_best_of_a_true_sweep(optimizer, table):
    plan = deep.Plan(optimizer=optimizer, epochs=8)
    found = deep.find_lr(mlp, table, plan)
    usual = deep.OPTIMIZERS[optimizer].defaults["lr"]
    *sweep, own = trained(table, optimizer, [*(usual * np.logspace(-2.5, 2, 12)), found.rate])
    assert own <= min(sweep) + 0.1
    assert found.low <= found.rate <= found.high
    assert found.how == "sweep"
    assert f"lr={found.rate:.2g}" in str(found)
    space = deep.optimizers(optimizer, **found.narrow(times=5))
    assert space.options[optimizer]["lr"].prior == found.rate
    assert found.plot().get_xscale() == "log"


def test_a_network_that_cannot_be_stacked_gets_a_range_test(table):
    class Reads(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = mlp()

        def forward(self, x):
            return self.net(x) if float(x.detach().sum()) < 1e9 else self.net(-x)

    found = deep.find_lr(Reads, table)
    assert found.how == "range test"
    assert 1e-5 < found.rate < 1


def test_the_fewest_steps_that_fit(table):
    quick = deep.steps_to_loss(mlp, table, deep.Plan(options={"lr": 0.01}), share=0.5)
    slow = deep.steps_to_loss(mlp, table, deep.Plan(options={"lr": 0.001}), share=0.5)
    assert quick < slow
    assert deep.steps_to_loss(mlp, table, deep.Plan(options={"lr": 1e-7}), most=2) is None


def test_the_knee_of_the_throughput_and_the_largest_batch(table, monkeypatch):
    from danlu.deep.tools import batch_size as batch

    seconds = {8: 1.0, 16: 1.0, 32: 1.1, 64: 2.0, 128: 4.0}

    def step(build, data, plan, size, repeats, where):
        if size > 128:
            raise RuntimeError(
                "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate"
            )
        return seconds[size]

    monkeypatch.setattr(batch, "_step_seconds", step)
    found = find_batch_size(mlp, table)
    assert (found.knee, found.largest, found.full) == (32, 128, True)
    assert found.sizes == (8, 16, 32, 64, 128, 256)
    assert found.throughput[-1] == 0
    assert "a larger one does not fit" in str(found)
    assert found.plot().get_xlabel() == "batch size"
    monkeypatch.setattr(batch, "_step_seconds", lambda *_: (_ for _ in ()).throw(ValueError("wrong shape")))
    with pytest.raises(ValueError, match="wrong shape"):
        find_batch_size(mlp, table)


def test_a_sound_set_up_passes_every_check(table):
    checks = deep.preflight(mlp, table, deep.Plan(options={"lr": 0.01}))
    assert [check.name for check in checks] == [
        "head",
        "targets",
        "start",
        "overfit",
        "leakage",
        "scale",
        "shuffling",
    ]
    assert all(check.well for check in checks), "\n".join(map(str, checks))


def sick(name, data):
    if name == "one sigmoid unit for four classes":
        return (lambda: nn.Sequential(mlp(outputs=1), nn.Sigmoid())), data
    if name == "softmax before the loss":
        return (lambda: nn.Sequential(mlp(), nn.Softmax(1))), data
    if name == "blind":
        return (lambda: nn.Sequential(nn.Linear(8, 4), nn.ReLU(), Zero(), nn.Linear(4, 4))), data
    if name == "classes from one":
        return mlp, replace(data, train=deep.Split(data.train.x, data.train.y + 1))
    if name == "a class too few":
        kept = data.train.y != 2
        return mlp, replace(data, train=data.train.take(torch.nonzero(kept).flatten()))
    if name == "inputs a thousandfold":
        return mlp, replace(data, train=deep.Split(1000 * data.train.x, data.train.y))
    if name == "the same samples twice":
        return mlp, replace(data, valid=data.train.take(torch.arange(100)))
    if name == "the target among the inputs":
        part = deep.Split(
            torch.cat([data.train.x[:, :7], (data.train.y == 1).float()[:, None]], 1), data.train.y
        )
        return mlp, replace(data, train=part)
    if name == "a sorted split":
        order = torch.argsort(data.train.y)
        return mlp, replace(data, train=data.train.take(order[:-120]), valid=data.train.take(order[-120:]))
    frozen = lambda: nn.Sequential(nn.Linear(8, 4).requires_grad_(False))  # noqa: E731
    return (lambda: nn.Sequential(*frozen(), Slow())), data


class Zero(nn.Module):
    def forward(self, x):
        return 0 * x


class Slow(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, x):
        return x * self.scale


SICK = {
    "one sigmoid unit for four classes": "head",
    "softmax before the loss": "head",
    "blind": "head",
    "classes from one": "targets",
    "a class too few": "targets",
    "inputs a thousandfold": "scale",
    "the same samples twice": "leakage",
    "the target among the inputs": "leakage",
    "a sorted split": "shuffling",
    "cannot learn": "overfit",
}


@pytest.mark.parametrize("name", SICK)
def test_each_fault_is_found_by_its_check(name, table):
    build, data = sick(name, table)
    bad = [check for check in deep.preflight(build, data, deep.Plan(options={"lr": 0.01})) if not check.well]
    assert SICK[name] in [check.name for check in bad]
    assert all(check.advice for check in bad)


def objective(data, epochs=12, **fixed):
    def build(params, held):
        layers = [nn.Linear(8, params["width"]), nn.ReLU(), nn.Linear(params["width"], 4)]
        if params.get("dead"):
            nn.init.constant_(layers[0].bias, -50.0)
        return nn.Sequential(*layers)

    return deep.Objective(build, data, epochs=epochs, fixed=fixed)


def noisy(data):
    few = data.train.take(torch.arange(60))
    drawn = torch.randint(4, (60,), generator=torch.Generator().manual_seed(0))
    return replace(data, train=deep.Split(few.x, torch.where(torch.arange(60) % 3 == 0, drawn, few.y)))


TROUBLES = {
    "good": lambda data: (objective(data, 30), {"lr": 0.01}),
    "slow": lambda data: (objective(data), {"lr": 2e-5}),
    "underfit": lambda data: (objective(data, 30), {"lr": 0.02, "width": 2}),
    "overfit": lambda data: (objective(noisy(data), 60, schedule="constant"), {"lr": 0.02}),
    "unstable": lambda data: (objective(data, schedule="constant"), {"lr": 1.0}),
    "dead": lambda data: (objective(data), {"lr": 0.01, "dead": True}),
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_training_made_to_go_wrong_is_diagnosed(trouble, table):
    task, own = TROUBLES[trouble](table)
    params = {"width": 48, "optimizer": "adamw", "optimizer.adamw.lr": own.pop("lr"), **own}
    found = deep.diagnose(task, params, seed=1)
    assert found.trouble == trouble, str(found)
    assert found.advice
    assert found.forks["as it was"] >= min(found.forks.values())
    assert found.plot().get_title() == trouble


def test_divergence_is_diagnosed(table):
    task = objective(table, optimizer="momentum", schedule="constant", options={"lr": 500.0})
    assert deep.diagnose(task, {"width": 16}).trouble == "diverged"


def test_dead_units_are_counted():
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    with torch.no_grad():
        model[0].bias.copy_(torch.tensor([-100.0, -100.0, 100.0, 100.0]))
    assert dead_units(model, torch.randn(50, 3)) == 0.5


def test_guessing_costs_the_entropy_or_the_variance():
    data = deep.from_arrays(np.zeros((400, 1)), np.repeat([0, 1, 1, 1], 100))
    assert guessing(data) == pytest.approx(-(0.25 * math.log(0.25) + 0.75 * math.log(0.75)), abs=1e-6)
    numbers = np.random.default_rng(0).normal(size=400)
    assert guessing(deep.from_arrays(np.zeros((400, 1)), numbers)) == pytest.approx(numbers.var(), rel=0.3)


def test_bias_and_variance_of_known_cases(table):
    """Networks that start anew differ; averaged ones err less; a tiny one errs on what it has seen."""
    large = deep.bias_variance(objective(noisy(table), 60, schedule="constant"), {"width": 64, "optimizer": "adamw", "optimizer.adamw.lr": 0.02},
                        folds=3, seeds=4)  # fmt: skip
    small = deep.bias_variance(
        objective(table, 20), {"width": 1, "optimizer": "adamw", "optimizer.adamw.lr": 0.02}, folds=3, seeds=4
    )
    for found in (large, small):
        assert found.bias + found.variance == pytest.approx(found.error)
        assert found.variance >= 0
        assert np.shape(found.losses) == (3, 4)
    assert small.train > 0.7 * small.error
    assert "larger network" in small.advice
    assert large.variance > small.variance
    with pytest.raises(SettingError, match="at least two folds and two seeds"):
        deep.bias_variance(objective(table), {"width": 1}, folds=1)


def test_five_folds_by_eight_seeds_are_one_block(table, monkeypatch):
    from danlu.deep.stack import stack as block

    sizes = []
    original = block.Stack.__init__

    def counted(self, trainings, done):
        sizes.append(len(trainings))
        original(self, trainings, done)

    monkeypatch.setattr(block.Stack, "__init__", counted)
    data = replace(
        table, train=table.train.take(torch.arange(400)), valid=table.valid.take(torch.arange(100))
    )
    deep.bias_variance(objective(data, 2), {"width": 8, "optimizer": "adamw"}, folds=5, seeds=8)
    assert sizes == [40]
