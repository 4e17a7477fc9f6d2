"""The training loop: what a bare loop would give, resumed to the bit, judged by scikit-learn."""

import math

import numpy as np
import pytest
import torch
from sklearn import metrics as sk
from torch import nn

import danlu
from danlu import deep
from danlu.deep.train.epochs import arrange, cuts, seeded
from danlu.deep.train.metrics import ranks, scores
from danlu.deep.train.training import Training
from danlu.errors import SettingError, TrialStopped
from danlu.runtime import checkpoint


def blobs(kind="classes", rows=200, seed=0):
    numbers = np.random.default_rng(seed)
    x = numbers.normal(size=(rows, 5)).astype(np.float32)
    if kind == "classes":
        return deep.from_arrays(x, (x[:, 0] + 0.5 * x[:, 1] > 0) + (x[:, 2] > 0.5), kind="classes")
    return deep.from_arrays(x, x[:, 0] * x[:, 1] + 0.1 * numbers.normal(size=rows))


def net(data, seed=0, norm=False):
    torch.manual_seed(seed)
    middle = [nn.BatchNorm1d(16)] if norm else []
    return nn.Sequential(nn.Linear(5, 16), *middle, nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, data.outputs))


class Saving:
    """A reporter that keeps checkpoints as bytes, and dies after an epoch when asked to."""

    def __init__(self, kept=None, die_after=None):
        self.kept, self.die_after, self.reports = dict(kept or {}), die_after, []

    def restore(self, *things):
        if not self.kept:
            return 0
        step = max(self.kept)
        checkpoint.load(checkpoint.unpack(self.kept[step]), things)
        return step

    def save(self, step, *things):
        self.kept[step] = checkpoint.pack(things)

    def report(self, step, **values):
        self.reports.append((step, values))
        if step == self.die_after:
            raise TrialStopped("died")


def test_it_is_the_bare_loop():
    data, model = blobs(), net(blobs())
    plan = deep.Plan(epochs=4, schedule="cosine", warmup=0.0, batch_size=32, options={"lr": 0.01})
    deep.fit(model, data, plan, seed=7)
    bare = net(data)
    opt = torch.optim.AdamW(bare.parameters(), lr=0.01, weight_decay=0.01)
    step, best, kept = 0, math.inf, None
    for epoch in range(1, 5):
        order = arrange(data, plan, 7, epoch).rows
        bare.train()
        with seeded(7, epoch):
            for cut in cuts(len(order), 32):
                rows = order[cut]
                opt.param_groups[0]["lr"] = 0.01 * 0.5 * (1 + math.cos(math.pi * step / (4 * 4)))
                opt.zero_grad()
                nn.functional.cross_entropy(bare(data.train.x[rows]), data.train.y[rows]).backward()
                opt.step()
                step += 1
        loss = nn.functional.cross_entropy(bare.eval()(data.valid.x), data.valid.y).item()
        if loss < best:
            best, kept = loss, {name: value.clone() for name, value in bare.state_dict().items()}
    for name, value in model.state_dict().items():
        torch.testing.assert_close(value, kept[name], rtol=1e-5, atol=1e-6)


EVERYTHING = {
    "adamw": {},
    "nesterov": {"optimizer": "nesterov", "clip": 1.0, "l1": 1e-4},
    "rmsprop": {"optimizer": "rmsprop", "ema": 0.9},
    "adagrad": {"optimizer": "adagrad", "label_smoothing": 0.1},
    "nadamw": {"optimizer": "nadamw", "mixup": 0.4, "augment": {"noise": 0.1}},
    "muon": {"optimizer": "muon", "schedule": "one_cycle"},
    "bf16": {"precision": "bf16"},
    "batch": {"optimizer": "momentum", "batch_size": None},
}


@pytest.mark.parametrize("name", EVERYTHING)
@pytest.mark.parametrize("after", [1, 3, 5])
def test_stopped_after_any_epoch_and_resumed_is_the_same_to_the_bit(name, after):
    data, plan = blobs(), deep.Plan(**{"epochs": 6, **EVERYTHING[name]})
    whole, undisturbed = Saving(), net(data, norm=True)
    expected = deep.fit(undisturbed, data, plan, seed=3, trial=whole, save_every=0)
    first = Saving(die_after=after)
    with pytest.raises(TrialStopped):
        deep.fit(net(data, norm=True), data, plan, seed=3, trial=first, save_every=0)
    second, resumed = Saving(first.kept), net(data, seed=99, norm=True)  # other weights: they must not matter
    found = deep.fit(resumed, data, plan, seed=3, trial=second, save_every=0)
    assert found.epochs == expected.epochs
    assert found.best_epoch == expected.best_epoch
    assert second.kept[6] == whole.kept[6]  # optimizer, average and best weights too
    for name_, value in undisturbed.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name_])


def test_folds_resume_to_the_bit_as_well():
    data, plan = blobs(), deep.Plan(epochs=5, patience=2, options={"lr": 0.03})
    whole, first = Saving(), Saving(die_after=2)
    expected = deep.fit_folds(lambda: net(data), data.folds(3), plan, trial=whole, save_every=0)
    with pytest.raises(TrialStopped):
        deep.fit_folds(lambda: net(data), data.folds(3), plan, trial=first, save_every=0)
    second = Saving(first.kept)
    found = deep.fit_folds(lambda: net(data), data.folds(3), plan, trial=second, save_every=0)
    assert [fit.epochs for fit in found] == [fit.epochs for fit in expected]
    assert [*first.reports, *second.reports] == whole.reports
    step, values = whole.reports[0]
    assert step == 1
    assert values["val_loss"] == pytest.approx(np.mean([fit.epochs[0]["val_loss"] for fit in expected]))


def test_a_training_that_patience_had_ended_is_not_trained_on_when_its_worker_died_just_then():
    data, plan = blobs(rows=60), deep.Plan(epochs=80, patience=4, options={"lr": 0.03}, schedule="constant")
    whole = Saving()
    expected = deep.fit(net(data), data, plan, trial=whole, save_every=0)
    again = Saving(whole.kept)
    found = deep.fit(net(data), data, plan, trial=again, save_every=0)
    assert len(expected.epochs) < 80
    assert found.epochs == expected.epochs
    assert not again.reports
    folds, kept = data.folds(3), Saving()
    deep.fit_folds(lambda: net(data), folds, plan, trial=kept, save_every=0)
    once_more = Saving(kept.kept)
    deep.fit_folds(lambda: net(data), folds, plan, trial=once_more, save_every=0)
    assert kept.reports
    assert not once_more.reports


def test_each_sample_is_validated_in_one_fold_and_the_test_part_in_none():
    data = blobs()
    held = torch.cat([fold.valid.x for fold in data.folds(4)])
    assert len(torch.unique(held, dim=0)) == len(held) == len(data.train) + len(data.valid)
    for fold in data.folds(4):
        assert torch.equal(fold.test.x, data.test.x)
        shared = (fold.train.x[:, None] == fold.valid.x[None]).all(-1).any()
        assert not shared


def test_the_network_ends_with_the_best_epoch_and_patience_ends_training():
    data = blobs(rows=60)
    plan = deep.Plan(epochs=80, patience=4, options={"lr": 0.03, "decay": 0.005}, schedule="constant")
    model = net(data)
    found = deep.fit(model, data, plan)
    assert len(found.epochs) == found.best_epoch + 4 < 80
    assert found.scores["val_loss"] == min(found.curve("val_loss"))
    again = nn.functional.cross_entropy(deep.predict(model, data.valid.x), data.valid.y).item()
    assert again == pytest.approx(found.scores["val_loss"], rel=1e-5)
    assert deep.test(model, data)["test_accuracy"] > 0.5


def test_divergence_ends_training_with_the_best_weights_kept():
    data = blobs("values")
    wild = deep.Plan(epochs=9, optimizer="sgd", options={"lr": 1.0}, schedule="constant", warmup=0.0)
    model = nn.Sequential(nn.Linear(5, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
    for layer in model:
        if isinstance(layer, nn.Linear):
            nn.init.normal_(layer.weight, std=1.0)
    found = deep.fit(model, data, wild)
    assert found.diverged
    assert len(found.epochs) < 9
    if not found.best_epoch:
        with pytest.raises(SettingError, match="no epoch is the best"):
            found.scores  # noqa: B018


def test_the_average_is_judged_and_follows_the_weights():
    data, plan = blobs(), deep.Plan(epochs=2, ema=0.9)
    training = Training(net(data), data, plan, seed=0, device=torch.device("cpu"))
    expected = [parameter.detach().clone() for parameter in training.model.parameters()]
    for at, (number, batch) in enumerate(training.batches(1)):
        training.step(number, training.loss(batch))
        now = [parameter.detach() for parameter in training.model.parameters()]
        expected = [w.clone() if at == 0 else 0.9 * e + 0.1 * w for e, w in zip(expected, now, strict=True)]
    for mean, parameter in zip(expected, training.evaluation.network.parameters(), strict=True):
        torch.testing.assert_close(parameter.detach(), mean, rtol=1e-4, atol=1e-6)


def test_metrics_are_scikit_learns_and_any_of_them_can_be_the_goal_afterwards():
    numbers = torch.Generator().manual_seed(0)
    outputs, y = torch.randn(50, 4, generator=numbers), torch.randint(0, 4, (50,), generator=numbers)
    found, guess = scores("classes", outputs, y, {"kappa": sk.cohen_kappa_score}), outputs.argmax(1)
    assert found["accuracy"] == pytest.approx(sk.accuracy_score(y, guess))
    assert found["f1"] == pytest.approx(sk.f1_score(y, guess, average="macro"))
    assert found["precision"] == pytest.approx(sk.precision_score(y, guess, average="macro", zero_division=0))
    assert found["recall"] == pytest.approx(sk.recall_score(y, guess, average="macro"))
    assert found["kappa"] == pytest.approx(sk.cohen_kappa_score(y, guess))
    assert found["loss"] == pytest.approx(sk.log_loss(y, outputs.double().softmax(1)), rel=1e-5)
    data = blobs()
    objective = deep.Objective(lambda params, data: net(data), data, epochs=2)
    result = danlu.tune(objective, {"optimizer": deep.optimizers("adamw")}, minimize="val_loss", trials=3)
    for trial in result.trials:
        assert {"val_f1", "val_recall", "val_precision", "val_accuracy"} <= trial.curve.metrics.keys()


def test_ranks_are_counted_as_by_hand():
    numbers = np.random.default_rng(0)
    table, seen = numbers.normal(size=(20, 40)), numbers.random((20, 40)) < 0.3
    users = np.arange(20)
    wanted = np.array([numbers.choice(np.flatnonzero(~seen[user])) for user in users])
    places = []
    for user, item in zip(users, wanted, strict=True):
        order = [other for other in np.argsort(-table[user]) if not seen[user, other]]
        places.append(order.index(item))
    found = ranks(torch.tensor(wanted), torch.tensor(table), torch.tensor(users), torch.tensor(seen))
    assert found["hit_at_10"] == pytest.approx(np.mean(np.array(places) < 10))
    gains = [1 / math.log2(place + 2) if place < 10 else 0 for place in places]
    assert found["ndcg_at_10"] == pytest.approx(np.mean(gains))


def test_negatives_are_new_every_epoch_and_never_what_a_user_had():
    data = deep.datasets.ratings()
    one, two = (arrange(data, deep.Plan(negatives=3), 0, epoch).part for epoch in (1, 2))
    assert len(one) == 4 * len(data.train)
    negative = one.x[one.y == 0]
    assert not data.seen[negative[:, 0], negative[:, 1]].any()
    assert not torch.equal(one.x, two.x)
    assert torch.equal(one.x, arrange(data, deep.Plan(negatives=3), 0, 1).part.x)


def test_held_out_pairs_are_not_in_training():
    data = deep.datasets.ratings()
    for part in (data.valid, data.test):
        assert len(part) == 400
        assert not data.seen[part.x[:, 0], part.x[:, 1]].any()
    assert not (data.valid.x[:, 1] == data.test.x[:, 1]).all()


def test_words_of_the_held_out_parts_are_not_in_the_vocabulary():
    from danlu.deep.recipes import text

    texts = [f"common word{at // 2} and" for at in range(40)]
    data = text.prepare(texts, [at % 2 for at in range(40)])
    assert data.sizes[0] < 2 + 3 + 20
    assert int(max(part.x.max() for part in data.parts().values())) == data.sizes[0] - 1


def test_a_batch_of_one_sample_is_left_out_for_the_norms_sake():
    data = blobs(rows=100)
    assert len(data.train) % 59 == 1
    deep.fit(net(data, norm=True), data, deep.Plan(epochs=1, batch_size=59))


def test_mixup_of_tokens_is_refused_in_a_sentence():
    with pytest.raises(SettingError, match="which tokens and pairs cannot be"):
        arrange(deep.datasets.docstrings(), deep.Plan(mixup=0.2), 0, 1)


def test_the_users_own_randomness_is_left_alone():
    data = blobs()
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    model = nn.Linear(5, data.outputs)
    torch.manual_seed(5)
    deep.fit(model, data, deep.Plan(epochs=1))
    assert torch.equal(torch.rand(3), expected)


def test_one_call_from_data_to_a_confirmed_network_and_again_resumes(tmp_path):
    data = deep.datasets.breast_cancer()
    how = {"trials": 5, "epochs": 4, "top": 2, "seeds": 2, "store": tmp_path / "s.db"}
    tuned = deep.tune("tabular", data, **how)
    assert tuned.result.trials[0].params == tuned.default
    assert any(each.params == tuned.default for each in tuned.candidates)
    means = [each.mean for each in tuned.candidates]
    assert means == sorted(means)
    assert len({*tuned.best.fresh}) == 2  # two seeds, two trainings
    again = deep.tune("tabular", data, **how)
    assert again.candidates == tuned.candidates
    assert again.tests == tuned.tests
    mine = deep.test(tuned.model, data)
    assert mine in tuned.tests["tuned"]
    assert f"{tuned.best.searched:.4g} in the search" in tuned.report()


def test_a_study_of_folds(tmp_path):
    data = deep.datasets.breast_cancer()
    tuned = deep.tune("tabular", data, trials=2, epochs=2, top=1, seeds=1, folds=3)
    assert len(tuned.result.trials[0].curve) == 2
