"""What ``deep.fit`` costs over a bare loop that does the same: same order, schedule, judging, best weights.

    python benchmarks/deep/overhead.py

Alternating runs, CPU seconds, the median of the ratios. Writes ``results/overhead.json``.
"""

import json
import math
import statistics
import time
from pathlib import Path

import torch
from networks import cnn, mlp, table
from torch import nn

from danlu import deep
from danlu.deep.train.metrics import scores

HERE = Path(__file__).resolve().parent
EPOCHS, REPEATS = 6, 9


def bare(model, data):
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01, fused=True)
    steps = EPOCHS * math.ceil(len(data.train) / 64)
    best, kept, step = math.inf, None, 0
    for epoch in range(EPOCHS):
        order = torch.randperm(len(data.train), generator=torch.Generator().manual_seed(epoch))
        model.train()
        total = torch.zeros(())
        for part in order.split(64):
            optimizer.param_groups[0]["lr"] = 1e-3 * (1 - step / steps)
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(data.train.x[part]), data.train.y[part])
            loss.backward()
            optimizer.step()
            total, step = total + loss.detach() * len(part), step + 1
        model.eval()
        with torch.no_grad():
            found = scores("classes", model(data.valid.x), data.valid.y)
        if found["loss"] < best:
            best, kept = found["loss"], {name: value.clone() for name, value in model.state_dict().items()}
    model.load_state_dict(kept)
    return float(total)


def main():
    torch.set_num_threads(1)
    data, digits = table(), deep.datasets.digits()
    plan = deep.Plan(epochs=EPOCHS, warmup=0.0)
    rows = []
    large = table(20_000)
    cases = (
        ("MLP 64-64, 1,200 samples", lambda: mlp(64), data),
        ("MLP 64-64, 12,000 samples", lambda: mlp(64), large),
        ("MLP 256-256, 12,000 samples", lambda: mlp(256), large),
        ("CNN 12 on digits", lambda: cnn(digits), digits),
    )
    for name, build, held in cases:
        ratios = []
        for _ in range(REPEATS + 1):
            started = time.process_time()
            bare(build(), held)
            middle = time.process_time()
            deep.fit(build(), held, plan, device="cpu", progress=False)
            ratios.append((time.process_time() - middle) / (middle - started))
        rows.append({"network": name, "ratio": statistics.median(ratios[1:]), "ratios": ratios[1:]})
        print(
            f"{name}: fit takes {rows[-1]['ratio']:.3f} times the bare loop (median of {REPEATS}, {min(ratios[1:]):.3f} to {max(ratios[1:]):.3f})",
            flush=True,
        )
    (HERE / "results").mkdir(exist_ok=True)
    (HERE / "results/overhead.json").write_text(json.dumps(rows, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
