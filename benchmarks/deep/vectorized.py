"""Many small networks trained as one, beside the same networks one after the other with a bare loop and fused AdamW.

    python benchmarks/deep/vectorized.py

CPU seconds of one core, medians of several epochs after one that does not count; the machine should be quiet. Writes
``results/vectorized.json``.
"""

import json
import statistics
import time
from pathlib import Path

import torch
from networks import cnn, mlp, table
from torch import nn

from danlu import deep
from danlu.deep.stack.engine import Member, MemberGroup
from danlu.deep.stack.stack import Stack
from danlu.deep.train.fit import SaveInterval
from danlu.deep.train.training import Training

HERE = Path(__file__).resolve().parent
CPU = torch.device("cpu")
BATCH, EPOCHS, ALONE = 64, 5, 12


def bare_epoch(model, optimizer, data, epoch):
    """What a careful person writes: no evaluation, no schedule, fused AdamW."""
    order = torch.randperm(len(data.train), generator=torch.Generator().manual_seed(epoch))
    model.train()
    for part in order.split(BATCH):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(data.train.x[part]), data.train.y[part]).backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        return nn.functional.cross_entropy(model(data.valid.x), data.valid.y).item()


def sequential(build, data, members):
    """CPU seconds an epoch of all members, measured on some of them."""
    models = [build() for _ in range(min(members, ALONE))]
    optimizers = [torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True) for model in models]
    seconds = []
    for epoch in range(EPOCHS + 1):
        started = time.process_time()
        for model, optimizer in zip(models, optimizers, strict=True):
            bare_epoch(model, optimizer, data, epoch)
        seconds.append((time.process_time() - started) / len(models) * members)
    return statistics.median(seconds[1:])


def trainings(build, data, members):
    plans = [
        deep.Plan(epochs=EPOCHS + 3, batch_size=BATCH, options={"lr": 1e-3 * (1 + at / members)})
        for at in range(members)
    ]
    return [Training(build(), data, plan, seed=at, device=CPU) for at, plan in enumerate(plans)]


def stacked(build, data, members):
    block, seconds = Stack(trainings(build, data, members), [0] * members), []
    for _ in range(EPOCHS + 1):
        started = time.process_time()
        block.epoch()
        seconds.append(time.process_time() - started)
    return statistics.median(seconds[1:])


def chosen(build, data, members):
    """What the engine does: its own choice."""
    group = MemberGroup("benchmark")
    seats = [Member(None, None, SaveInterval(1.0), training) for training in trainings(build, data, members)]
    group.add(seats)
    return "stacked" if group.block is not None else "one by one", round(group.gain, 2)


def main():
    torch.set_num_threads(1)
    data, digits = table(), deep.datasets.digits()
    cases = {
        "64 x MLP 16-16": (lambda: mlp(16), data, 64),
        "64 x MLP 64-64": (lambda: mlp(64), data, 64),
        "16 x MLP 64-64": (lambda: mlp(64), data, 16),
        "16 x MLP 256-256": (lambda: mlp(256), data, 16),
        "8 x CNN 8": (lambda: cnn(digits, 8), digits, 8),
        "40 x MLP 32 (5 folds x 8 seeds)": (lambda: mlp(32, depth=1), data, 40),
    }
    rows = []
    for name, (build, held, members) in cases.items():
        alone, together = sequential(build, held, members), stacked(build, held, members)
        choice, gain = chosen(build, held, members)
        rows.append(
            {
                "case": name,
                "alone": alone,
                "stacked": together,
                "gain": alone / together,
                "chosen": choice,
                "measured": gain,
            }
        )
        print(
            f"{name:36} alone {alone:.3f} s, stacked {together:.3f} s an epoch: {alone / together:.2f}x; chosen: {choice} ({gain}x)",
            flush=True,
        )
    (HERE / "results").mkdir(exist_ok=True)
    (HERE / "results/vectorized.json").write_text(json.dumps(rows, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
