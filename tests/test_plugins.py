"""The plug-ins in the real libraries: curves arrive, trials are stopped in the middle, and resumed where they can be."""

import warnings

import numpy as np
import pytest
import torch
from torch import nn

import danlu
from danlu import Float
from danlu.core.errors import SpaceError

warnings.filterwarnings("ignore", module="lightning|transformers|accelerate|torch.utils")
pytestmark = [pytest.mark.filterwarnings("ignore::UserWarning"), pytest.mark.filterwarnings("ignore::FutureWarning"),
              pytest.mark.filterwarnings("ignore::DeprecationWarning")]  # fmt: skip

X = torch.randn(64, 4, generator=torch.Generator().manual_seed(0))
Y = (X[:, 0] > 0).long()


class Stopping:
    """A scheduler of one rule: trials with a rate below 0.01 are stopped at their second report."""

    def init(self, problem):
        return None

    def tell(self, state, trial):
        return None

    def judge(self, state, view, trial):
        from danlu.core.messages import GO, stop

        return stop("too slow") if trial.params["lr"] < 0.01 and len(trial.curve) == 2 else GO

    def next(self, state, view):
        from danlu.core.protocols import New

        return New()


def lightning_objective(interrupt=None):
    import lightning
    from torch.utils.data import DataLoader, TensorDataset

    from danlu.plugins.lightning import Report

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
        report = Report(trial, "val_loss", save=True)
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

            class Dying(lightning.Callback):
                def on_train_epoch_start(self, trainer, module):
                    if trainer.current_epoch == 2:
                        raise KeyboardInterrupt

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

    from danlu.plugins.lightning import Report

    class Trainer:
        def __init__(self):
            self.callback_metrics = {"train_loss": torch.tensor(1.0)}

        current_epoch = 0

    with pytest.raises(danlu.DanluError, match="logged no 'val_acc' in this epoch, only train_loss"):
        Report(None, "val_acc").on_train_epoch_end(Trainer(), None)


def test_skorch_reports_every_epoch_and_is_stopped():
    from skorch import NeuralNetClassifier

    from danlu.plugins.skorch import Report

    def train(trial):
        torch.manual_seed(trial.seed)
        net = NeuralNetClassifier(
            nn.Linear, module__in_features=4, module__out_features=2, criterion=nn.CrossEntropyLoss, lr=trial["lr"],
            max_epochs=4, verbose=0, callbacks=[("danlu", Report(trial, "valid_loss", "valid_acc"))],
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
    from danlu.plugins.huggingface import hp_search

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
    from danlu.plugins.huggingface import DANLU

    best = trainer.hyperparameter_search(
        backend=DANLU, hp_space=lambda _: {"learning_rate": Float(1e-4, 0.1, log=True)}, n_trials=4, direction="maximize",
        metric="eval_accuracy", seed=0,
    )  # fmt: skip
    assert best.hyperparameters.keys() == {"learning_rate"}
    assert best.objective == best.run_summary.best.value > 0.6
    assert len(best.run_summary.trials) == 4
    usual = trainer.hyperparameter_search(backend=DANLU, n_trials=1)
    assert usual.hyperparameters["per_device_train_batch_size"] == 16


def test_hugging_face_is_stopped_in_the_middle(trainer):
    from danlu.plugins.huggingface import hp_search

    result = hp_search(
        trainer,
        {"lr": danlu.Choice([0.1, 0.001]), "learning_rate": 0.01},
        trials=2,
        sampler="grid",
        scheduler=Stopping(),
    )
    assert sorted(len(trial.curve) for trial in result.trials) == [2, 3]
