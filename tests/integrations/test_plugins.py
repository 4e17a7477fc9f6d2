"""The plug-ins in the real libraries: curves arrive, trials are stopped in the middle, and resumed where they can be."""

import warnings

import numpy as np
import pytest
import torch
from torch import nn

import danlu
from danlu import Float
from danlu.errors import GoalError, SettingError, SpaceError

warnings.filterwarnings("ignore", module="lightning|transformers|accelerate|torch.utils")
pytestmark = [pytest.mark.filterwarnings("ignore::UserWarning"), pytest.mark.filterwarnings("ignore::FutureWarning"),
              pytest.mark.filterwarnings("ignore::DeprecationWarning")]  # fmt: skip

X = torch.randn(64, 4, generator=torch.Generator().manual_seed(0))
Y = (X[:, 0] > 0).long()


class Stopping(danlu.schedulers.BaseScheduler):
    """A scheduler of one rule: trials with a rate below 0.01 are stopped at their second report."""

    def init(self, problem):
        return None

    def tell(self, state, trial):
        return None

    def judge(self, state, view, trial):
        from danlu.contracts.messages import GO, stop

        return stop("too slow") if trial.params["lr"] < 0.01 and len(trial.curve) == 2 else GO

    def next(self, state, view):
        from danlu.contracts.protocols import New

        return New()


def lightning_objective(interrupt=None):
    import lightning
    from torch.utils.data import DataLoader, TensorDataset

    from danlu.integrations.lightning import DanluCallback

    class Module(lightning.LightningModule):
        def __init__(self, lr):
            super().__init__()
            self.net, self.lr = nn.Linear(4, 2), lr

        def training_step(self, batch, index):
            return nn.functional.cross_entropy(self.net(batch[0]), batch[1])

        def validation_step(self, batch, index):
            self.log("val_loss", nn.functional.cross_entropy(self.net(batch[0]), batch[1]))

        def configure_optimizers(self):
            return torch.optim.Adam(self.parameters(), lr=self.lr)

    def train(trial):
        lightning.seed_everything(trial.seed, verbose=False)
        loader = DataLoader(TensorDataset(X, Y), 16)
        report = DanluCallback(trial, "val_loss", save=True)
        trainer = lightning.Trainer(
            max_epochs=4, callbacks=[report], logger=False, enable_checkpointing=False, enable_progress_bar=False,
            enable_model_summary=False, accelerator="cpu",
        )  # fmt: skip
        path = report.restore()
        if interrupt is not None:
            interrupt(trial, path, trainer)
        trainer.fit(Module(trial["lr"]), loader, loader, ckpt_path=path)

    return train


SPACE = {"lr": danlu.Choice([0.1, 0.001])}


def test_lightning_reports_every_epoch_and_is_stopped():
    result = danlu.tune(
        lightning_objective(), SPACE, minimize="val_loss", trials=2, sampler="grid", scheduler=Stopping()
    )
    fast, slow = sorted(result.trials, key=lambda trial: -trial.params["lr"])
    assert fast.curve.steps == (1, 2, 3, 4)
    assert slow.curve.steps == (1, 2)
    assert slow.status.name == "STOPPED"
    assert fast.curve.metrics["val_loss"][-1] < fast.curve.metrics["val_loss"][0]


def test_lightning_goes_on_where_it_was(tmp_path):
    paths = []

    def interrupt(trial, path, trainer):
        paths.append(path)
        if len(paths) == 1:
            import lightning

            from danlu.errors import Interrupted

            class Dying(lightning.Callback):
                def on_train_epoch_start(self, trainer, module):
                    if trainer.current_epoch == 2:
                        raise Interrupted  # as the second Ctrl-C does

            trainer.callbacks.append(Dying())

    how = {"minimize": "val_loss", "trials": 1, "seed": 1, "sampler": "grid"}
    whole = danlu.tune(lightning_objective(), {"lr": danlu.Choice([0.1])}, **how)
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        danlu.tune(
            lightning_objective(interrupt), {"lr": danlu.Choice([0.1])}, store=tmp_path / "s.db", **how
        )
    again = danlu.tune(
        lightning_objective(interrupt), {"lr": danlu.Choice([0.1])}, store=tmp_path / "s.db", **how
    )
    assert paths[0] is None
    assert paths[1].endswith("restored.ckpt")
    assert again.trials[0].curve.steps == (1, 2, 3, 4)
    assert again.trials[0].curve.metrics["val_loss"] == pytest.approx(
        whole.trials[0].curve.metrics["val_loss"], rel=1e-4
    )


def test_lightning_says_what_was_not_logged():
    import lightning  # noqa: F401

    from danlu.integrations.lightning import DanluCallback

    class Trainer:
        def __init__(self):
            self.callback_metrics = {"train_loss": torch.tensor(1.0)}

        current_epoch = 0
        num_val_batches = ()

    with pytest.raises(danlu.DanluError, match="logged no 'val_acc' in this epoch, only train_loss"):
        DanluCallback(None, "val_acc").on_train_epoch_end(Trainer(), None)


def lightning_module(lr=0.1):
    import lightning

    class Module(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.net = nn.Linear(4, 2)

        def training_step(self, batch, index):
            return nn.functional.cross_entropy(self.net(batch[0]), batch[1])

        def validation_step(self, batch, index):
            self.log("val_loss", nn.functional.cross_entropy(self.net(batch[0]), batch[1]))

        def configure_optimizers(self):  # learns for two epochs, then forgets
            optimizer = torch.optim.SGD(self.parameters(), lr=lr)
            schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 1.0 if epoch < 2 else -3.0)
            return [optimizer], [schedule]

    return Module()


def lightning_fit(trial, module, **how):
    import lightning
    from torch.utils.data import DataLoader, TensorDataset

    from danlu.integrations.lightning import DanluCallback

    loader = DataLoader(TensorDataset(X, Y), 16)
    report = DanluCallback(trial, "val_loss", save=True)
    trainer = lightning.Trainer(
        max_epochs=4, callbacks=[report], logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, accelerator="cpu", **how,
    )  # fmt: skip
    trainer.fit(module, loader, loader, ckpt_path=report.restore())


def test_the_best_lightning_module_has_the_weights_of_its_best_epoch(tmp_path, monkeypatch):
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    result = danlu.tune(
        lambda t: lightning_fit(t, lightning_module(t["lr"])), {"lr": danlu.Choice([0.1, 0.001])}, minimize="val_loss",
        trials=2, sampler="grid", scheduler="none", store=tmp_path / "s.db",
    )  # fmt: skip
    model = lightning_module()
    result.restore(model)
    curve = result.best.curve.metrics["val_loss"]
    assert curve[-1] > min(curve)
    assert float(nn.functional.cross_entropy(model.net(X), Y)) == pytest.approx(result.best.value, rel=1e-5)
    assert list((tmp_path / "temporary").glob("danlu-*")) == []


def test_lightning_reports_no_epoch_that_was_not_validated():
    result = danlu.tune(
        lambda t: lightning_fit(t, lightning_module(t["lr"]), check_val_every_n_epoch=2), {"lr": danlu.Choice([0.1])},
        minimize="val_loss", trials=1,
    )  # fmt: skip
    assert result.trials[0].curve.steps == (2, 4)
    twice = danlu.tune(
        lambda t: lightning_fit(t, lightning_module(t["lr"]), val_check_interval=0.5), {"lr": danlu.Choice([0.1])},
        minimize="val_loss", trials=1,
    )  # fmt: skip
    assert twice.trials[0].curve.steps == (1, 2, 3, 4)


def test_the_best_skorch_net_has_the_weights_of_its_best_epoch():
    from skorch import NeuralNetClassifier
    from skorch.callbacks import LRScheduler
    from skorch.dataset import Dataset
    from skorch.helper import predefined_split

    from danlu.integrations.skorch import DanluCallback

    forgets = LRScheduler(
        policy=torch.optim.lr_scheduler.LambdaLR, lr_lambda=lambda epoch: 1.0 if epoch < 2 else -3.0
    )

    def made(lr, *callbacks):
        return NeuralNetClassifier(
            nn.Linear, module__in_features=4, module__out_features=2, criterion=nn.CrossEntropyLoss, lr=lr,
            max_epochs=4, verbose=0, train_split=predefined_split(Dataset(X.numpy(), Y.numpy())), callbacks=[forgets, *callbacks],
        )  # fmt: skip

    def train(trial):
        torch.manual_seed(trial.seed)
        made(trial["lr"], ("danlu", DanluCallback(trial, "valid_loss", save=True))).fit(X.numpy(), Y.numpy())

    result = danlu.tune(
        train, {"lr": danlu.Choice([0.5, 0.1])}, keep="all", minimize="valid_loss", trials=2, sampler="grid"
    )
    for trial in result.trials:
        net = made(0.1).initialize()
        result.restore(net.module_, trial=trial.number)
        found = float(nn.functional.cross_entropy(net.module_(X), Y))
        curve = trial.curve.metrics["valid_loss"]
        assert curve[-1] > min(curve)
        assert found == pytest.approx(min(trial.curve.metrics["valid_loss"]), rel=1e-4)


def test_skorch_reports_every_epoch_and_is_stopped():
    from skorch import NeuralNetClassifier

    from danlu.integrations.skorch import DanluCallback

    def train(trial):
        torch.manual_seed(trial.seed)
        net = NeuralNetClassifier(
            nn.Linear, module__in_features=4, module__out_features=2, criterion=nn.CrossEntropyLoss, lr=trial["lr"],
            max_epochs=4, verbose=0, callbacks=[("danlu", DanluCallback(trial, "valid_loss", "valid_acc"))],
        )  # fmt: skip
        net.fit(X.numpy(), Y.numpy())

    result = danlu.tune(train, SPACE, minimize="valid_loss", trials=2, sampler="grid", scheduler=Stopping())
    fast, slow = sorted(result.trials, key=lambda trial: -trial.params["lr"])
    assert fast.curve.steps == (1, 2, 3, 4)
    assert slow.curve.steps == (1, 2)
    assert "valid_acc" in fast.curve.metrics


@pytest.fixture
def trainer(tmp_path):
    from transformers import PretrainedConfig, PreTrainedModel, Trainer, TrainingArguments

    class Config(PretrainedConfig):
        model_type = "tiny"
        hidden = 8

    class Model(PreTrainedModel):
        config_class = Config

        def __init__(self, config):
            super().__init__(config)
            self.net = nn.Sequential(nn.Linear(4, config.hidden), nn.ReLU(), nn.Linear(config.hidden, 2))
            self.post_init()

        def _init_weights(self, module):
            pass

        def forward(self, x, labels=None):
            logits = self.net(x)
            return {"loss": nn.functional.cross_entropy(logits, labels), "logits": logits}

    rows = [{"x": x, "labels": y} for x, y in zip(X, Y, strict=True)]
    args = TrainingArguments(
        output_dir=str(tmp_path), num_train_epochs=3, per_device_train_batch_size=16, eval_strategy="epoch",
        save_strategy="no", report_to=[], disable_tqdm=True, use_cpu=True, logging_strategy="no",
    )  # fmt: skip

    def model_init(params=None):
        return Model(Config(hidden=(params or {}).get("hidden", 8)))

    return Trainer(
        model_init=model_init, args=args, train_dataset=rows, eval_dataset=rows,
        compute_metrics=lambda found: {"accuracy": float(np.mean(found.predictions.argmax(1) == found.label_ids))},
    )  # fmt: skip


def test_hugging_face_search_over_arguments_and_models(trainer):
    from danlu.integrations.huggingface import hp_search

    before = trainer.args.learning_rate
    result = hp_search(
        trainer, {"learning_rate": Float(1e-5, 0.1, log=True), "hidden": danlu.Int(2, 16)}, metric="eval_accuracy",
        maximize=True, trials=6, seed=1,
    )  # fmt: skip
    assert all(trial.curve.steps == (1, 2, 3) for trial in result.trials if trial.status.name == "DONE")
    assert result.best.value > 0.8
    assert trainer.args.learning_rate == before
    assert len({trial.params["hidden"] for trial in result.trials}) > 1
    with pytest.raises(SpaceError, match="finds luck"):
        hp_search(trainer, {"seed": danlu.Int(0, 9)})


def test_hugging_face_hyperparameter_search_with_our_backend(trainer):
    from danlu.integrations.huggingface import DANLU

    best = trainer.hyperparameter_search(
        backend=DANLU, hp_space=lambda _: {"learning_rate": Float(1e-4, 0.1, log=True)}, n_trials=4, direction="maximize",
        metric="eval_accuracy", seed=0,
    )  # fmt: skip
    assert best.hyperparameters.keys() == {"learning_rate"}
    assert best.objective == best.run_summary.best.value > 0.6
    assert len(best.run_summary.trials) == 4
    usual = trainer.hyperparameter_search(backend=DANLU, n_trials=1)
    assert usual.hyperparameters["per_device_train_batch_size"] == 16


def ours(trainer, **how):
    from danlu.integrations.huggingface import DANLU

    return trainer.hyperparameter_search(backend=DANLU, **{"n_trials": 2, "seed": 0, "hp_space": rate} | how)


def rate(trial):
    return {"learning_rate": Float(1e-4, 0.1, log=True)}


def accuracies(run):
    return [trial.metrics for trial in run.run_summary.trials]


def test_maximize_means_the_one_metric_and_never_the_loss(trainer, capsys):
    run = ours(trainer, direction="maximize")
    assert run.objective == max(found["objective"] for found in accuracies(run))
    assert 0 < run.objective <= 1
    assert "danlu: maximizing the one metric of compute_metrics." in capsys.readouterr().err
    trainer.compute_metrics = None
    with pytest.raises(danlu.DanluError, match="a loss is not maximized"):
        ours(trainer, direction="maximize", n_trials=3)


def test_several_metrics_are_not_added_up(trainer):
    trainer.compute_metrics = lambda found: {"accuracy": 0.5, "f1": 0.25}
    with pytest.raises(danlu.DanluError, match="eval_accuracy, eval_f1: metrics are not added up"):
        ours(trainer, direction="maximize", n_trials=3)


def test_compute_objective_decides(trainer, capsys):
    run = ours(trainer, direction="maximize", compute_objective=lambda metrics: -3 * metrics["eval_loss"])
    assert run.objective == max(found["objective"] for found in accuracies(run)) < 0
    assert "maximizing objective, by your compute_objective" in capsys.readouterr().err
    with pytest.raises(GoalError, match="both say what decides"):
        ours(trainer, metric="eval_loss", compute_objective=lambda metrics: 0.0)


def test_a_direction_that_contradicts_the_metrics_name_is_refused(trainer):
    from danlu.integrations.huggingface import hp_search

    with pytest.raises(GoalError, match=r"eval_accuracy was to be minimized.*direction='maximize'"):
        ours(trainer, metric="eval_accuracy")
    with pytest.raises(GoalError, match="eval_loss was to be maximized"):
        hp_search(trainer, rate, maximize=True)
    with pytest.raises(SettingError, match="'minimize' or 'maximize'"):
        ours(trainer, direction="max")


def test_the_metric_for_the_best_model_decides_where_nothing_else_does(trainer):
    trainer.args.metric_for_best_model, trainer.args.greater_is_better = "accuracy", True
    run = ours(trainer, direction="maximize")
    assert run.objective == max(found["eval_accuracy"] for found in accuracies(run))
    with pytest.raises(GoalError, match="greater_is_better=True"):
        ours(trainer)


def test_several_directions_give_the_front(trainer):
    runs = ours(
        trainer, direction=["minimize", "maximize"], n_trials=4,
        compute_objective=lambda metrics: (metrics["eval_loss"], metrics["eval_accuracy"]),
    )  # fmt: skip
    assert all(len(run.objective) == 2 for run in runs)
    assert [int(run.run_id) for run in runs] == [trial.number for trial in runs[0].run_summary.front]
    with pytest.raises(GoalError, match="several directions need compute_objective"):
        ours(trainer, direction=["minimize", "maximize"])


def test_a_space_in_optunas_way(trainer):
    seen = []

    def space(trial):
        kind = trial.suggest_categorical("lr_scheduler_type", ["linear", "constant"])
        found = {
            "learning_rate": trial.suggest_float("learning_rate", 1e-4, 0.1, log=True),
            "lr_scheduler_type": kind,
        }
        if kind == "linear":
            found["warmup_steps"] = trial.suggest_int("warmup_steps", 0, 8, step=2)
        seen.append((trial.number, found))
        return found

    run = ours(trainer, hp_space=space, n_trials=6)
    assert len(run.run_summary.trials) == 6
    assert run.hyperparameters == dict(seen[1:])[int(run.run_id)]
    assert {"linear", "constant"} == {trial.params["lr_scheduler_type"] for trial in run.run_summary.trials}


@pytest.mark.parametrize(("space", "said"), [
    (lambda trial: trial.suggest_float("learning_rate", 1e-4, 0.1) and None, "has to return the training arguments"),
    (lambda trial: None, "has to return danlu's parameters"),
    (lambda trial: {"seed": trial.suggest_int("seed", 1, 40)}, "finds luck"),
])  # fmt: skip
def test_a_space_that_is_not_understood_is_refused(trainer, space, said):
    with pytest.raises(SpaceError, match=said):
        ours(trainer, hp_space=space)


def test_each_run_has_its_name_and_folder_and_the_best_its_weights(trainer, tmp_path):
    from danlu.integrations.huggingface import hp_search

    seen = []

    class Watching(type(trainer.callback_handler.callbacks[0])):
        def on_train_begin(self, args, state, control, **kwargs):
            seen.append(args.output_dir)

    trainer.add_callback(Watching())
    result = hp_search(trainer, {"learning_rate": Float(1e-4, 0.5, log=True)}, trials=3, seed=0, save=True)
    assert seen == [str(tmp_path / f"run-{at}") for at in range(3)]
    assert trainer.args.output_dir == str(tmp_path)
    fresh = trainer.model_init()
    result.restore(fresh)
    found = fresh(X, Y)["loss"]
    assert float(found) == pytest.approx(result.best.value, rel=1e-4)
    ours(trainer, hp_name=lambda trial: f"try-{trial.number}", n_trials=1)
    assert seen[-1] == str(tmp_path / "try-0")


def test_the_best_hugging_face_model_has_the_weights_of_its_best_epoch(trainer):
    from transformers import TrainerCallback

    from danlu.integrations.huggingface import hp_search

    class Spoiling(TrainerCallback):
        """Makes every epoch after the first worse than it, and the last the worst."""

        def on_epoch_end(self, args, state, control, model=None, **kwargs):
            if round(state.epoch) > 1:
                with torch.no_grad():
                    model.net[2].bias[0] = 5.0 * state.epoch

    trainer.add_callback(Spoiling())
    result = hp_search(trainer, {"learning_rate": Float(1e-4, 1e-3, log=True)}, trials=2, seed=0, save=True)
    losses = result.best.curve.metrics["eval_loss"]
    assert losses[0] < losses[1] < losses[2]
    fresh = trainer.model_init()
    assert result.restore(fresh) == 1
    assert float(fresh(X, Y)["loss"]) == pytest.approx(losses[0], rel=1e-4)


def test_hugging_face_is_stopped_in_the_middle(trainer):
    from danlu.integrations.huggingface import hp_search

    result = hp_search(
        trainer,
        {"lr": danlu.Choice([0.1, 0.001]), "learning_rate": 0.01},
        trials=2,
        sampler="grid",
        scheduler=Stopping(),
    )
    assert sorted(len(trial.curve) for trial in result.trials) == [2, 3]


def fine_tune(trainer, trial, *metrics, after=lambda trainer: None, **arguments):
    """As the scripts of the library's examples do it: a fresh model, trained and evaluated."""
    from transformers import Trainer

    from danlu.integrations.huggingface import DanluCallback

    for name, value in {"learning_rate": trial["learning_rate"], **arguments}.items():
        setattr(trainer.args, name, value)
    own = Trainer(
        model_init=trainer.model_init, args=trainer.args, train_dataset=trainer.train_dataset, eval_dataset=trainer.eval_dataset,
        compute_metrics=trainer.compute_metrics, callbacks=[DanluCallback(trial, *metrics)],
    )  # fmt: skip
    own.train()
    after(own)


RATE = {"learning_rate": Float(1e-3, 0.5, log=True)}


def test_what_is_evaluated_after_training_is_no_step_of_it(trainer):
    """The end of every run_glue: the best checkpoint is evaluated once more, or a test set is."""

    def again(own):
        own.evaluate()
        own.evaluate(own.eval_dataset, metric_key_prefix="test")

    result = danlu.tune(
        lambda trial: fine_tune(trainer, trial, after=again), RATE, minimize="eval_loss", trials=3, seed=0
    )
    assert [trial.curve.steps for trial in result.trials] == [(1, 2, 3)] * 3
    assert any("evaluations after the training's end are not reported" in line for line in result.why())


def test_a_last_part_of_an_epoch_is_a_step_of_its_own(trainer):
    result = danlu.tune(
        lambda trial: fine_tune(trainer, trial, num_train_epochs=2.5),
        RATE,
        minimize="eval_loss",
        trials=2,
        seed=0,
    )
    assert [trial.curve.steps for trial in result.trials] == [(1, 2, 3)] * 2


def test_several_evaluation_sets_are_told_apart(trainer):
    trainer.eval_dataset = {"a": trainer.eval_dataset, "b": trainer.eval_dataset[:10]}
    result = danlu.tune(
        lambda trial: fine_tune(trainer, trial, "eval_a_loss", "eval_b_accuracy"),
        RATE,
        minimize="eval_a_loss",
        trials=2,
        seed=0,
    )
    for trial in result.trials:
        assert trial.curve.steps == (1, 2, 3)
        assert trial.curve.metrics.keys() == {"eval_a_loss", "eval_b_accuracy"}
    with pytest.raises(
        danlu.DanluError, match="the evaluation has no 'eval_c_loss'. It has: epoch, eval_a_accuracy"
    ):
        danlu.tune(
            lambda trial: fine_tune(trainer, trial, "eval_c_loss"),
            RATE,
            minimize="eval_c_loss",
            trials=3,
            seed=0,
        )


def test_a_callback_of_skorch_can_be_cloned():
    from sklearn.base import clone

    from danlu.integrations.skorch import DanluCallback

    class Live:
        goal = None

    trial = Live()
    made = clone(DanluCallback(trial, "valid_loss", "valid_acc", save=False), safe=False)
    assert (made.trial, made.metrics, made.save) == (trial, ("valid_loss", "valid_acc"), False)
