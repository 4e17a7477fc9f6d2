"""Real trainings that tell little early, with danlu's defaults and with every trial in full.

    python benchmarks/fidelity/trainings.py [--seeds 3] [--trials 30] [--jobs 1] [--only NAME ...]

A graph network on a made citation graph, addition modulo a prime (the network memorizes, and understands much later if
weight decay is right), a Transformer with warm-up on Python's own documentation, a convolutional network under one cycle of the
rate, a recurrent network on rows of digits. Each study is run twice with the same seed; the columns are those of
``families.py``. Writes ``results/trainings.json``; needs the project's own environment.
"""

import argparse
import json
import math
import pydoc_data.topics
import time
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

import danlu
from danlu import Float, Int

HERE = Path(__file__).resolve().parent
torch.set_num_threads(1)


@cache
def graph():
    """400 papers of four fields that cite their own field more often than others; words that tell a little."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 400)
    links = rng.random((400, 400)) < np.where(labels[:, None] == labels[None], 0.02, 0.004)
    links = (links | links.T | np.eye(400, dtype=bool)).astype(np.float32)
    degree = links.sum(1) ** -0.5
    words = (rng.random((400, 60)) < 0.05 + 0.08 * (np.arange(60)[None] % 4 == labels[:, None])).astype(
        np.float32
    )
    order = rng.permutation(400)
    return (
        torch.tensor(words), torch.tensor(links * degree[:, None] * degree[None]), torch.tensor(labels),
        torch.tensor(order[:40]), torch.tensor(order[40:]),
    )  # fmt: skip


def gcn(trial, epochs=100):
    words, links, labels, seen, held = graph()
    torch.manual_seed(trial.seed)
    first, second = nn.Linear(60, trial["hidden"]), nn.Linear(trial["hidden"], 4)
    parameters = [*first.parameters(), *second.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=trial["lr"], weight_decay=trial["decay"])
    for epoch in range(1, epochs + 1):
        inner = functional.dropout(torch.relu(links @ first(words)), trial["dropout"])
        loss = functional.cross_entropy((links @ second(inner))[seen], labels[seen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            told = (links @ second(torch.relu(links @ first(words))))[held].argmax(1)
        trial.report(epoch, accuracy=float((told == labels[held]).float().mean()))


def grokking(trial, epochs=60, prime=23):
    """Sums of pairs in one order only, so that no pair is known from its mirror image."""
    torch.manual_seed(trial.seed)
    pairs = torch.combinations(torch.arange(prime), with_replacement=True)
    answers = pairs.sum(1) % prime
    order = torch.tensor(np.random.default_rng(1).permutation(len(pairs)))
    seen, held = order[: 7 * len(pairs) // 10], order[7 * len(pairs) // 10 :]
    width = trial["hidden"]
    embed = nn.Embedding(prime, width)
    model = nn.Sequential(nn.Linear(width, 4 * width), nn.ReLU(), nn.Linear(4 * width, prime))
    parameters = [*embed.parameters(), *model.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=trial["lr"], weight_decay=trial["decay"], betas=(0.9, 0.98))
    for epoch in range(1, epochs + 1):
        for _ in range(15):
            optimizer.zero_grad()
            functional.cross_entropy(model(embed(pairs[seen]).sum(1)), answers[seen]).backward()
            optimizer.step()
        with torch.no_grad():
            right = (model(embed(pairs[held]).sum(1)).argmax(1) == answers[held]).float().mean()
        trial.report(epoch, accuracy=float(right))


@cache
def letters():
    text = " ".join(pydoc_data.topics.topics.values())[:60_000].lower()
    alphabet = sorted(set(text))
    codes = torch.tensor([alphabet.index(letter) for letter in text])
    return codes[:50_000], codes[50_000:], len(alphabet)


def transformer(trial, epochs=30, size=32):
    seen, held, count = letters()
    torch.manual_seed(trial.seed)
    width = 32
    embed, where = nn.Embedding(count, width), nn.Parameter(0.02 * torch.randn(size, width))
    layer = nn.TransformerEncoderLayer(
        width, 4, 64, dropout=trial["dropout"], batch_first=True, norm_first=False
    )
    head = nn.Linear(width, count)
    parameters = [*embed.parameters(), where, *layer.parameters(), *head.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=trial["lr"], weight_decay=0.01)
    mask, step = nn.Transformer.generate_square_subsequent_mask(size), 0
    draws = np.random.default_rng(trial.seed)

    def loss(codes, starts):
        rows = torch.stack([codes[start : start + size + 1] for start in starts])
        told = head(layer(embed(rows[:, :-1]) + where, mask, is_causal=True))
        return functional.cross_entropy(told.flatten(0, 1), rows[:, 1:].flatten())

    for epoch in range(1, epochs + 1):
        layer.train()
        for _ in range(12):
            step += 1
            scale = min(1.0, step / trial["warmup"]) * min(1.0, 1.2 - step / (12 * epochs))
            for group in optimizer.param_groups:
                group["lr"] = trial["lr"] * scale
            optimizer.zero_grad()
            loss(seen, draws.integers(0, len(seen) - size - 1, 16)).backward()
            optimizer.step()
        layer.eval()
        with torch.no_grad():
            value = float(loss(held, range(0, len(held) - size - 1, 97)))
        trial.report(epoch, loss=value)


@cache
def digits():
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    x, y = torch.tensor(x / 16.0, dtype=torch.float32), torch.tensor(y)
    order = torch.tensor(np.random.default_rng(0).permutation(len(y)))
    return x[order[:600]], y[order[:600]], x[order[600:1200]], y[order[600:1200]]


def fit(trial, model, optimizer, rate, epochs):
    x, y, held, truth = digits()
    for epoch in range(1, epochs + 1):
        model.train()
        batches = torch.randperm(len(y)).split(64)
        for at, rows in enumerate(batches):
            for group in optimizer.param_groups:
                group["lr"] = rate((epoch - 1 + at / len(batches)) / epochs)
            optimizer.zero_grad()
            functional.cross_entropy(model(x[rows]), y[rows]).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            right = (model(held).argmax(1) == truth).float().mean()
        trial.report(epoch, accuracy=float(right))


def cnn(trial, epochs=20):
    torch.manual_seed(trial.seed)
    model = nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Dropout(trial["dropout"]), nn.Linear(256, 10),
    )  # fmt: skip
    optimizer = torch.optim.SGD(
        model.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=trial["decay"]
    )
    peak = trial["lr"]
    fit(
        trial,
        model,
        optimizer,
        lambda t: peak * (t / 0.3 if t < 0.3 else 0.5 + 0.5 * math.cos(math.pi * (t - 0.3) / 0.7)),
        epochs,
    )


class Rows(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.gru, self.head = nn.GRU(8, hidden, batch_first=True), nn.Linear(hidden, 10)

    def forward(self, x):
        return self.head(self.gru(x.unflatten(1, (8, 8)))[1][0])


def gru(trial, epochs=20):
    torch.manual_seed(trial.seed)
    model = Rows(trial["hidden"])
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1, weight_decay=trial["decay"])
    fit(trial, model, optimizer, lambda t: trial["lr"], epochs)


RATE, DECAY, HIDDEN, DROPOUT = (
    Float(1e-4, 0.3, log=True),
    Float(1e-6, 1e-1, log=True),
    Int(8, 64, log=True),
    Float(0, 0.7),
)
TRAININGS = {
    "graph network": (gcn, {"lr": RATE, "decay": DECAY, "hidden": HIDDEN, "dropout": DROPOUT}, "accuracy", 100),
    "grokking": (grokking, {"lr": Float(1e-3, 0.1, log=True), "decay": Float(1e-2, 10, log=True), "hidden": HIDDEN}, "accuracy", 60),
    "transformer": (transformer, {"lr": RATE, "warmup": Int(1, 300, log=True), "dropout": Float(0, 0.5)}, "loss", 30),
    "one-cycle cnn": (cnn, {"lr": Float(1e-3, 3, log=True), "decay": DECAY, "dropout": DROPOUT}, "accuracy", 20),
    "gru": (gru, {"lr": RATE, "decay": DECAY, "hidden": HIDDEN}, "accuracy", 20),
}  # fmt: skip
"""By name: the objective, its space, its metric, epochs a training."""


def study(name, seed, trials, scheduler):
    train, space, metric, epochs = TRAININGS[name]
    began = time.monotonic()
    way = "maximize" if metric == "accuracy" else "minimize"
    result = danlu.tune(
        train, space, trials=trials, seed=seed, scheduler=scheduler, watch=False, **{way: metric}
    )
    used = sum(len(trial.curve) + (trial.attempt - 1) * (trial.doubted or 0) for trial in result.trials)
    return result.best.value, used / (trials * epochs), time.monotonic() - began


def pair(job):
    """The same study with the default and with every training in full."""
    name, seed, trials = job
    (ours, used, seconds), (full, _, whole) = (study(name, seed, trials, how) for how in (None, "none"))
    behind = full - ours if TRAININGS[name][2] == "accuracy" else ours - full
    return {
        "training": name, "seed": seed, "default": ours, "full": full, "loss": round(max(0.0, behind / abs(full)), 4),
        "saved": round(1 - used, 3), "seconds": round(seconds, 1), "seconds full": round(whole, 1),
    }  # fmt: skip


def main():
    parse = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parse.add_argument("--seeds", type=int, default=3)
    parse.add_argument("--trials", type=int, default=30)
    parse.add_argument("--jobs", type=int, default=1)
    parse.add_argument("--only", nargs="*", default=list(TRAININGS))
    parse.add_argument("--out", default=str(HERE / "results/trainings.json"))
    given = parse.parse_args()
    jobs = [(name, seed, given.trials) for name in given.only for seed in range(given.seeds)]
    rows = []
    with ProcessPoolExecutor(given.jobs, get_context("spawn")) as pool:
        for row in pool.map(pair, jobs, chunksize=1):
            print(row, flush=True)
            rows.append(row)
    within = sum(row["loss"] <= 0.02 for row in rows)
    print(
        f"{within} of {len(rows)} within 2 %, worst {max(row['loss'] for row in rows):.1%}, saved {np.mean([row['saved'] for row in rows]):.0%}"
    )
    Path(given.out).write_text(json.dumps({"trials": given.trials, "studies": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
