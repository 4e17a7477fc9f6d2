"""Tune a small convolutional network on real handwritten digits: `python examples/digits_cnn.py`."""

import torch
from sklearn.datasets import load_digits
from torch import nn

from danlu import Choice, Float, Int, Switch, tune

SGD = {"lr": Float(0.01, 0.5, log=True), "momentum": Float(0.5, 0.98), "weight_decay": Float(0, 0.01)}
ADAMW = {"lr": Float(1e-4, 3e-2, log=True), "weight_decay": Float(1e-3, 1.0, log=True)}
space = {"depth": Int(1, 3), "width": Int(8, 32, log=True), "kernel": Choice([3, 5], ordered=True),
         "pool": Choice(["max", "avg"]), "batch_norm": Choice([False, True]), "dropout": Float(0.0, 0.5),
         "batch": Choice([32, 64, 128], ordered=True), "decay": Float(0.7, 1.0),  # of the rate, an epoch
         "opt": Switch(sgd=SGD, adamw=ADAMW)}  # fmt: skip
DEFAULT = {"depth": 2, "width": 16, "kernel": 3, "pool": "max", "batch_norm": False, "dropout": 0.0,
           "batch": 64, "decay": 1.0, "opt": "adamw", "opt.adamw.lr": 1e-3, "opt.adamw.weight_decay": 0.01}  # fmt: skip
images, labels = load_digits(return_X_y=True)
order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
x, y = torch.tensor(images[order] / 16, dtype=torch.float32).reshape(-1, 1, 8, 8), torch.tensor(labels[order])
EPOCHS, TRAIN, VALID, TEST = 12, slice(0, 1077), slice(1077, 1437), slice(1437, 1797)


def build(p):
    layers = []
    for at in range(p["depth"]):
        layers.append(nn.Conv2d(p["width"] if at else 1, p["width"], p["kernel"], padding=p["kernel"] // 2))
        layers += [nn.BatchNorm2d(p["width"])] if p["batch_norm"] else []
        layers += [nn.ReLU(), nn.MaxPool2d(2) if p["pool"] == "max" else nn.AvgPool2d(2)]
    model = nn.Sequential(*layers, nn.Flatten(), nn.Dropout(p["dropout"]))
    model.append(nn.Linear(model(x[:2]).shape[1], 10))
    options = {name: p[f"opt.{p['opt']}.{name}"] for name in space["opt"].options[p["opt"]]}
    optimizer = {"sgd": torch.optim.SGD, "adamw": torch.optim.AdamW}[p["opt"]](model.parameters(), **options)
    return model, optimizer, torch.optim.lr_scheduler.ExponentialLR(optimizer, p["decay"])


def fit_epoch(model, optimizer, schedule, batch):
    for part in torch.randperm(TRAIN.stop).split(batch):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model.train()(x[part]), y[part]).backward()
        optimizer.step()
    schedule.step()


@torch.no_grad()
def score(model, rows):
    logits = model.eval()(x[rows])
    return nn.functional.cross_entropy(logits, y[rows]).item(), (
        logits.argmax(1) == y[rows]
    ).float().mean().item()


def train(trial):
    torch.manual_seed(trial.seed)
    state = build(trial.params)
    start = trial.restore(*state)  # 0 when fresh; after a crash, the last epoch that was saved
    for epoch in range(start + 1, EPOCHS + 1):
        torch.manual_seed(trial.seed + epoch)
        fit_epoch(*state, trial["batch"])
        loss, accuracy = score(state[0], VALID)
        trial.save(epoch, *state)
        trial.report(epoch, val_loss=loss, val_accuracy=accuracy)  # may stop the trial here


def test(params, seed):
    torch.manual_seed(seed)  # a fresh one: the best score of a search is optimistic
    state = build(params)
    for _ in range(EPOCHS):
        fit_epoch(*state, params["batch"])
    return score(state[0], TEST)


if __name__ == "__main__":
    result = tune(train, space, minimize="val_loss", trials=24, workers=2, enqueue=[DEFAULT], seed=1,
                  store="runs/digits.db", name="digits", watch=True)  # fmt: skip
    print(f"\n{result}\n" + "\n".join(f"  {name} = {value}" for name, value in result.best.params.items()))
    for name, params in (("tuned", result.best.params), ("untuned default", DEFAULT)):
        losses, accuracies = zip(*(test(params, seed) for seed in (1, 2, 3)), strict=True)
        print(f"{name}: test loss {sum(losses) / 3:.4f}, accuracy {sum(accuracies) / 3:.2%} (3 fresh seeds)")
    print("next: danlu show runs/digits.db; raise trials= and run again to go on from here")
