"""Many trainings as one: each row is its training alone, whatever its neighbors do."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

import danlu
from danlu import deep
from danlu.deep.recipes import image
from danlu.deep.stack.optimizer import STACKED
from danlu.deep.stack.stack import Stack, architecture, stackable
from danlu.deep.train.fit import one_epoch
from danlu.deep.train.training import Training
from danlu.errors import ObjectiveError, SettingError
from danlu.space.feasible import complete

CPU = torch.device("cpu")
STEADY = {"optimizer": "momentum", "options": {"lr": 0.01}}
"""Adam divides by the size of gradients, and so makes steps of those that are rounding errors around zero, of the
biases before a norm for example; where such weights are compared, the optimizer does not."""


@pytest.fixture(scope="module")
def table():
    numbers = np.random.default_rng(0)
    x = numbers.normal(size=(300, 6)).astype(np.float32)
    return deep.from_arrays(x, x[:, :3].argmax(1))


@pytest.fixture(scope="module")
def digits():
    data = deep.datasets.digits()
    return replace(data, train=data.train.take(torch.arange(128)), valid=data.valid.take(torch.arange(64)))


def mlp(data, seed, width=12, dropout=0.0):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Linear(6, width), nn.ReLU(), nn.Dropout(dropout), nn.Linear(width, width), nn.GELU(), nn.Linear(width, data.outputs)
    )  # fmt: skip


def training(model, data, seed, **plan):
    settings = {"epochs": 4, "batch_size": 32, **plan}
    return Training(model, data, deep.Plan(**settings), seed=seed, device=CPU)


def alone_and_together(make, count, epochs=4):
    """The curves and weights of trainings alone, and of the same ones as rows."""
    curves, weights = [], []
    for at in range(count):
        single = make(at)
        curves.append([one_epoch(single, epoch, "val_loss") for epoch in range(1, epochs + 1)])
        weights.append({name: tensor.clone() for name, tensor in single.model.state_dict().items()})
    block = Stack([make(at) for at in range(count)], [0] * count)
    rows = [[] for _ in range(count)]
    for _ in range(epochs):
        for row, scores in zip(rows, block.epoch(), strict=True):
            row.append(scores)
    return curves, weights, rows, block


def agree(curves, weights, rows, block, tolerance=1e-5):
    for at, (alone, row) in enumerate(zip(curves, rows, strict=True)):
        for one, two in zip(alone, row, strict=True):
            assert one.keys() == two.keys()
            assert two["val_loss"] == pytest.approx(one["val_loss"], abs=tolerance)
            assert two["train_loss"] == pytest.approx(one["train_loss"], abs=tolerance)
        found = block.training(at).model.state_dict()
        for name, tensor in weights[at].items():
            torch.testing.assert_close(found[name], tensor, rtol=1e-4, atol=tolerance)


def options(name, at):
    space = deep.OPTIMIZERS[name].space
    return {key: parameter.decode(0.2 + 0.15 * at) for key, parameter in space.items()}


@pytest.mark.parametrize("name", STACKED)
def test_each_row_is_its_training_alone(name, table):
    schedules = ("linear", "cosine", "one_cycle", "constant")
    agree(
        *alone_and_together(
            lambda at: training(
                mlp(table, at), table, at, optimizer=name, options=options(name, at), schedule=schedules[at],
                label_smoothing=0.05 * at, l1=1e-4 * at, clip=None if at else 0.5,
            ),
            4,
        )
    )  # fmt: skip


def test_augmentation_and_mixup_are_each_rows_own(digits):
    def make(at):
        torch.manual_seed(at)
        model = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 10))
        strengths = {"shift": 0.1 + 0.02 * at, "cutout": 0.3, "rotate": 5.0 * (at + 1), "flip": 0.1}
        return training(model, digits, at, augment=strengths, mixup=0.2 + 0.1 * at)

    agree(*alone_and_together(make, 3))


NETWORKS = {
    "conv and batch norm": {"block": "plain", "norm": "batch"},
    "residual and group norm": {"block": "residual", "norm": "group"},
    "average pooling": {"block": "plain", "norm": "none", "pool": "avg", "activation": "silu"},
}


@pytest.mark.parametrize("name", NETWORKS)
def test_convolutions_norms_and_residuals(name, digits):
    space = deep.space("cnn")
    params = {**space.decode(space.center()), "width": 8, **NETWORKS[name]}

    def make(at):
        torch.manual_seed(at)
        return training(image.build(params, digits), digits, at, **STEADY)

    agree(*alone_and_together(make, 3, epochs=2), tolerance=5e-5)


@pytest.mark.parametrize("reader", ["recurrent", "transformer", "bag"])
def test_readers_of_text(reader):
    data = deep.datasets.docstrings()
    data = replace(data, train=data.train.take(torch.arange(64)), valid=data.valid.take(torch.arange(32)))
    space = deep.space("text")
    params = {**complete(space, {"reader": reader, "embedding": 16}, space.center()), "dropout": 0.0}

    def make(at):
        torch.manual_seed(at)
        return training(deep.recipe("text").build(params, data), data, at, **STEADY)

    agree(*alone_and_together(make, 2, epochs=2), tolerance=5e-5)


def test_recommenders_have_their_own_negatives():
    data = deep.datasets.ratings()
    data = replace(data, train=data.train.take(torch.arange(500)))
    space = deep.space("recommend")
    params = space.decode(space.center())

    def make(at):
        torch.manual_seed(at)
        return training(
            deep.recipe("recommend").build(params, data), data, at, options={"lr": 1e-2 * (at + 1)}
        )

    curves, _, rows, _ = alone_and_together(make, 2, epochs=2)
    for alone, row in zip(curves, rows, strict=True):
        for one, two in zip(alone, row, strict=True):
            assert two == pytest.approx(one, abs=1e-4)


def test_narrow_networks_ride_in_wide_ones_exactly(table):
    widths = (9, 12, 16)
    assert len({architecture(training(mlp(table, 0, width), table, 0)) for width in (12, 14)}) == 1
    agree(*alone_and_together(lambda at: training(mlp(table, at, widths[at]), table, at), 3))


def test_narrow_convolutions_ride_in_wide_ones(digits):
    space = deep.space("cnn")

    def make(at):
        params = {**space.decode(space.center()), "width": (6, 8)[at], "norm": "batch"}
        torch.manual_seed(at)
        return training(image.build(params, digits), digits, at, **STEADY)

    agree(*alone_and_together(make, 2, epochs=2), tolerance=5e-5)


def test_folds_and_seeds_are_rows():
    numbers = np.random.default_rng(1)
    x = numbers.normal(size=(125, 6)).astype(np.float32)
    folds = deep.from_arrays(x, x[:, 0] * x[:, 1], test=0.2).folds(5)

    def make(at):
        return training(mlp(folds[0], at // 5), folds[at % 5], at // 5)

    agree(*alone_and_together(make, 10))


def test_dropout_has_each_rows_own_rate(table):
    rates = (0.1, 0.5)
    block = Stack([training(mlp(table, 0, 400, rate), table, 0) for rate in rates], [0, 0])
    block.rows.skeleton.train()
    rated = block.rows.skeleton[2]
    rated.rate = block.rows.buffers["2.rate"]
    kept = rated(torch.ones(2, 50, 400))
    for row, rate in zip(kept, rates, strict=True):
        assert (row == 0).float().mean().item() == pytest.approx(
            rate, abs=0.015
        )  # 4 standard errors of 20,000
        assert row.mean().item() == pytest.approx(1.0, abs=0.03)
    block.rows.skeleton.eval()
    assert torch.equal(rated.eval()(torch.ones(2, 3, 400)), torch.ones(2, 3, 400))


def test_a_row_that_diverges_stays_alone(table):
    def make(at):
        rate = {"lr": 1e4} if at == 1 else {"lr": 0.05}
        return training(mlp(table, at), table, at, optimizer="momentum", options=rate, schedule="constant")

    curves, weights, rows, block = alone_and_together(make, 3)
    assert not math.isfinite(rows[1][-1]["train_loss"]) or rows[1][-1]["train_loss"] > 100
    for at in (0, 2):
        agree(
            [curves[at]],
            [weights[at]],
            [rows[at]],
            type("", (), {"training": lambda _, __, at=at: block.training(at)})(),
        )


@pytest.mark.parametrize("name", STACKED)
def test_rows_leave_and_join_between_epochs(name, table):
    def make(at):
        return training(mlp(table, at), table, at, optimizer=name, options=options(name, at))

    expected = []
    for at in range(4):
        single = make(at)
        expected.append([one_epoch(single, epoch, "val_loss")["val_loss"] for epoch in range(1, 5)])
    block = Stack([make(0), make(1)], [0, 0])
    first = [scores["val_loss"] for scores in block.epoch()]
    block.join(Stack([make(2)], [0]))
    second = [scores["val_loss"] for scores in block.epoch()]
    gone = block.training(0)
    block.keep([2, 1])
    block.join(Stack([make(3)], [0]))
    third = [scores["val_loss"] for scores in block.epoch()]
    assert first == pytest.approx([expected[0][0], expected[1][0]], abs=1e-5)
    assert second == pytest.approx([expected[0][1], expected[1][1], expected[2][0]], abs=1e-5)
    assert third == pytest.approx([expected[2][1], expected[1][2], expected[3][0]], abs=1e-5)
    left = [one_epoch(gone, epoch, "val_loss")["val_loss"] for epoch in (3, 4)]  # one that left goes on alone
    assert left == pytest.approx(expected[0][2:], abs=1e-5)
    back = Stack([gone], [4])
    assert len(back) == 1


def test_rows_share_their_data(table):
    task = objective(table)
    params = {"width": 8, "dropout": 0.0, "optimizer": "adamw", "batch_size": 32}
    made = [task.training(params, seed) for seed in range(3)]
    assert all(each.data is made[0].data for each in made)
    assert table.to(CPU) is table


def test_what_cannot_be_stacked_is_said(table):
    assert stackable(training(mlp(table, 0), table, 0, optimizer="muon")).startswith("muon is not")
    assert stackable(training(mlp(table, 0), table, 0, ema=0.9)) == "ema=0.9 is for trainings on their own"
    assert not stackable(training(mlp(table, 0), table, 0))


def objective(table, **more):
    def build(params, data):
        width = params["width"]
        return nn.Sequential(
            nn.Linear(6, width), nn.ReLU(), nn.Dropout(params["dropout"]), nn.Linear(width, data.outputs)
        )

    return deep.Objective(build, table, epochs=4, **more)


SPACE = {
    "width": danlu.Int(8, 32),
    "dropout": 0.0,
    "optimizer": deep.optimizers("adamw", "nesterov", "muon"),
    "batch_size": danlu.Choice([32, 64]),
}


def test_a_study_in_a_cohort_is_the_study_inline(table, tmp_path):
    how = {"minimize": "val_loss", "trials": 24, "sampler": "random", "scheduler": "diverged", "seed": 3}
    inline = danlu.tune(objective(table), SPACE, **how)
    cohort = danlu.tune(objective(table), SPACE, workers=12, engine="vectorized", **how)
    for one, two in zip(inline.trials, cohort.trials, strict=True):
        assert one.params == two.params
        assert two.curve.steps == (1, 2, 3, 4)
        assert two.curve.metrics["val_loss"] == pytest.approx(one.curve.metrics["val_loss"], abs=1e-4)
    assert any("times as fast stacked as alone" in line for line in cohort.why())


def test_schedulers_drop_and_copy_rows(table):
    asha = danlu.tune(
        objective(table, save_every=0), SPACE, minimize="val_loss", trials=30, workers=10, engine="vectorized", seed=1,
        scheduler=danlu.schedulers.ASHA(low=1, high=4, factor=2), sampler="random",
    )  # fmt: skip
    assert {len(trial.curve) for trial in asha.trials} == {1, 2, 4}
    rates = {"width": 16, "dropout": 0.0, "optimizer": deep.optimizers("adamw"), "batch_size": 32}
    copied = danlu.tune(
        objective(table, save_every=0), rates, minimize="val_loss", trials=8, workers=8, engine="vectorized", seed=2,
        scheduler=danlu.schedulers.PBT(population=8, interval=1), sampler="random", fidelity=danlu.Fidelity("epoch", 1, 4),
    )  # fmt: skip
    assert any(trial.donor >= 0 for trial in copied.trials)
    assert all(len(trial.curve) == 4 for trial in copied.trials)


def test_trials_move_between_engines_at_any_epoch(table, tmp_path):
    """A study that was left in mid-trial in a cohort goes on inline, and is the undisturbed one."""
    how = {"minimize": "val_loss", "trials": 6, "sampler": "random", "scheduler": "diverged", "seed": 5}
    whole = danlu.tune(objective(table, save_every=0), SPACE, **how)

    class Dying(danlu.deep.stack.engine.Vectorized):
        polls = 0

        def poll(self, timeout):
            self.polls += 1
            if self.polls == 7:
                raise KeyboardInterrupt
            super().poll(timeout)

    with pytest.raises(KeyboardInterrupt):
        danlu.tune(objective(table, save_every=0), SPACE, store=tmp_path / "s.db", engine=Dying(6), **how)
    again = danlu.tune(objective(table, save_every=0), SPACE, store=tmp_path / "s.db", **how)
    assert any(trial.attempt > 1 for trial in again.trials)
    for one, two in zip(whole.trials, again.trials, strict=True):
        assert two.curve.metrics["val_loss"] == pytest.approx(one.curve.metrics["val_loss"], abs=1e-4)


def test_a_network_that_vmap_cannot_take_is_trained_alone(table):
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = nn.Linear(6, 3)

        def forward(self, x):
            if float(x.sum()) > 1e9:  # reads a value: no vmap
                return self.head(-x)
            return self.head(x)

    odd = deep.Objective(lambda params, data: Odd(), table, epochs=2)
    result = danlu.tune(odd, {"optimizer": deep.optimizers("adamw")}, minimize="val_loss", trials=4, workers=4,
                        engine="vectorized")  # fmt: skip
    assert all(len(trial.curve) == 2 for trial in result.trials)
    assert any("cannot be stacked" in line for line in result.why())


def test_an_objective_that_raises_fails_its_own_trial_only(table):
    def build(params, data):
        if params["width"] > 20:
            raise ValueError("too wide")
        return nn.Linear(6, 3)

    result = danlu.tune(
        deep.Objective(build, table, epochs=1), {"width": danlu.Int(1, 40), "optimizer": "adamw"}, minimize="val_loss",
        trials=12, workers=6, engine="vectorized", sampler="random", seed=0,
    )  # fmt: skip
    failed = [trial.status.name == "FAILED" for trial in result.trials]
    assert failed == [trial.params["width"] > 20 for trial in result.trials]


def test_a_plain_function_is_refused_in_a_sentence():
    with pytest.raises(ObjectiveError, match="needs a deep.Objective"):
        danlu.tune(lambda trial: trial["x"], {"x": danlu.Float(0, 1)}, trials=2, engine="vectorized")
    with pytest.raises(SettingError, match="whole number >= 1"):
        deep.Vectorized(0)


def test_a_recipe_is_tuned_and_confirmed_in_a_cohort():
    data = deep.datasets.breast_cancer()
    tuned = deep.tune("tabular", data, trials=8, epochs=3, top=2, seeds=2, workers=8, engine="vectorized")
    assert len(tuned.result.trials) == 8
    assert len(tuned.best.fresh) == 2
    assert any("stacked" in line for line in tuned.result.why())
    assert tuned.test("test_accuracy") > 0.7
