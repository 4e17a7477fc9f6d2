"""The learning-rate finder beside a true sweep, Lightning's finder and fastai's valley.

    python benchmarks/deep/finder.py [--peer PYTHON]

For MLP, CNN and GRU with SGD, AdamW and RMSprop: the best validation loss of a full training at the rate that each finder
advises, less that at the best of twelve rates. ``--peer`` is a Python with torch, fastai and what danlu needs; without it fastai is left out. Writes
``results/finder.json``.
"""

import argparse
import json
import logging
import subprocess
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from networks import TASKS
from torch import nn

from danlu import deep
from danlu.deep.stack.stack import train_together
from danlu.deep.train.training import Training

HERE = Path(__file__).resolve().parent
EPOCHS, SEEDS = 12, (5, 6)
CLASSES = {"sgd": torch.optim.SGD, "adamw": torch.optim.AdamW, "rmsprop": torch.optim.RMSprop}

FASTAI = """
import sys, torch
from fastai.basics import DataLoaders, Learner, OptimWrapper, CrossEntropyLossFlat
import fastai.callback.schedule
from functools import partial
kind, path = sys.argv[1:]
held = torch.load(path, weights_only=False)
rows = list(zip(held["x"], held["y"]))
loads = DataLoaders(torch.utils.data.DataLoader(rows, 64, shuffle=True), torch.utils.data.DataLoader(rows[:64], 64))
opt = {"sgd": torch.optim.SGD, "adamw": torch.optim.AdamW, "rmsprop": torch.optim.RMSprop}[kind]
learner = Learner(loads, held["model"], loss_func=CrossEntropyLossFlat(), opt_func=partial(OptimWrapper, opt=opt))
with learner.no_bar():
    print(learner.lr_find(show_plot=False).valley)
"""


def lightning_rate(model, data, kind):
    import lightning
    from lightning.pytorch.tuner import Tuner
    from torch.utils.data import DataLoader, TensorDataset

    class Module(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.net, self.lr = model, 1e-3

        def training_step(self, batch, index):
            return nn.functional.cross_entropy(self.net(batch[0]), batch[1])

        def configure_optimizers(self):
            return CLASSES[kind](self.parameters(), lr=self.lr)

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    trainer = lightning.Trainer(logger=False, enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
                                max_epochs=EPOCHS, accelerator="cpu", default_root_dir=tempfile.gettempdir())  # fmt: skip
    loader = DataLoader(TensorDataset(data.train.x, data.train.y), 64, shuffle=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = Tuner(trainer).lr_find(Module(), train_dataloaders=loader)
    return found.suggestion()


def fastai_rate(model, data, kind, peer):
    path = str(Path(tempfile.gettempdir()) / "danlu-fastai.pt")
    torch.save({"x": data.train.x, "y": data.train.y, "model": model}, path)
    environment = {"PYTHONPATH": f"{HERE}:{HERE.parent.parent / 'src'}", "OMP_NUM_THREADS": "1"}
    ran = subprocess.run(
        [peer, "-c", FASTAI, kind, path],
        capture_output=True,
        text=True,
        cwd=HERE,
        env=environment,
        check=False,
    )
    return float(ran.stdout.split()[-1]) if ran.returncode == 0 else None


def trained(build, data, optimizer, rates):
    trainings = []
    for seed in SEEDS:
        for rate in rates:
            torch.manual_seed(seed)
            plan = deep.Plan(optimizer=optimizer, epochs=EPOCHS, options={"lr": float(rate)})
            trainings.append(Training(build(data), data, plan, seed=seed, device=torch.device("cpu")))
    curves = train_together(trainings)
    best = [
        min([s["val_loss"] for s in curve if np.isfinite(s["val_loss"])], default=np.inf) for curve in curves
    ]
    return np.array(best).reshape(len(SEEDS), -1).mean(0)


def compare(task, optimizer, peer):
    make, build = TASKS[task]
    data = make(seed=3)  # the constants of the finder were chosen looking at seed 0
    plan = deep.Plan(optimizer=optimizer, epochs=EPOCHS)
    grid = deep.OPTIMIZERS[optimizer].defaults["lr"] * np.logspace(-2.5, 2, 12)
    finders = {
        "danlu": lambda: deep.find_lr(lambda: build(data), data, plan).rate,
        "danlu range test": lambda: deep.range_test(lambda: build(data), data, plan).rate,
        "lightning": lambda: lightning_rate(build(data), data, optimizer),
        "fastai": lambda: fastai_rate(build(data), data, optimizer, peer) if peer else None,
    }
    advised = {}
    for name, find in finders.items():
        torch.manual_seed(0)
        started = time.process_time()
        advised[name] = (find(), time.process_time() - started)
    losses = trained(build, data, optimizer, [*grid, *[rate for rate, _ in advised.values() if rate]])
    best, left = float(losses[: len(grid)].min()), iter(losses[len(grid) :])
    found = {
        name: {"rate": rate, "regret": float(next(left)) - best, "seconds": round(seconds, 2)}
        if rate
        else None
        for name, (rate, seconds) in advised.items()
    }
    at = float(grid[int(losses[: len(grid)].argmin())])
    print(
        task,
        optimizer,
        f"best {best:.3f} at {at:.3g}:",
        {k: v and f"{v['rate']:.2g} regret {v['regret']:.3f}" for k, v in found.items()},
        flush=True,
    )
    return {"task": task, "optimizer": optimizer, "best": best, "at": at, "finders": found}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer")
    given = parser.parse_args()
    torch.set_num_threads(1)
    rows = [compare(task, optimizer, given.peer) for task in TASKS for optimizer in CLASSES]
    (HERE / "results").mkdir(exist_ok=True)
    (HERE / "results/finder.json").write_text(json.dumps(rows, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
