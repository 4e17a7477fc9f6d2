"""What danlu does on a real GPU: packing, memory that runs out, a kill in the middle, the cost of a report, stacked networks.

    python benchmarks/gpu.py [--only packing ...] [--out FILE]

Needs one GPU that nothing else uses, and danlu with ``[torch,parallel]``. Wall seconds as a user sees them, starts of
processes included unless a line says otherwise; every figure that is compared comes from this one run. Writes
``results/gpu.json``.
"""

import argparse
import json
import os
import platform
import signal
import statistics
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

import danlu
from danlu import Float, Int

HERE = Path(__file__).resolve().parent
GPU = torch.device("cuda")
GIB = 1 << 30
STEPS, EPOCHS, TRIALS = 150, 4, 32


def images(rows=9600, seed=0):
    """Random pictures of 28 by 28 in ten classes, each class around a pattern of its own; on the GPU."""
    numbers = torch.Generator().manual_seed(seed)
    patterns = torch.randn(10, 1, 28, 28, generator=numbers)
    labels = torch.randint(10, (rows,), generator=numbers)
    return (patterns[labels] + 2 * torch.randn(rows, 1, 28, 28, generator=numbers)).to(GPU), labels.to(GPU)


def network(width):
    return nn.Sequential(
        nn.Conv2d(1, width, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(width, 2 * width, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Dropout(0.1), nn.Linear(2 * width * 25, 10),
    ).to(GPU)  # fmt: skip


def epoch_of(model, optimizer, x, y):
    for part in torch.arange(STEPS * 64, device=GPU).split(64):
        optimizer.zero_grad()
        loss = functional.cross_entropy(model(x[part]), y[part])
        loss.backward()
        optimizer.step()
    return loss.item()


def train(trial):
    """A small network that leaves most of a GPU idle."""
    torch.manual_seed(trial.seed)
    x, y = images()
    model = network(trial["width"])
    optimizer = torch.optim.SGD(model.parameters(), lr=trial["lr"], momentum=0.9)
    for epoch in range(1, EPOCHS + 1):
        trial.report(epoch, loss=epoch_of(model, optimizer, x, y))


SPACE = {"lr": Float(1e-3, 0.3, log=True), "width": Int(8, 32)}


def packing():
    """The same 32 trials in full, in one worker process, in several that share the GPU, and in as many as measured memory lets."""
    rows = {}
    engines = {
        "one at a time": danlu.engines.Pool(1, gpus=1),
        "4 share": danlu.engines.Pool(4, gpus=1),
        "8 share": danlu.engines.Pool(8, gpus=1),
        "8 share, measured": danlu.engines.Pool(8, gpus=1, gpu_memory="measured"),
    }
    for name, engine in engines.items():
        began = time.monotonic()
        result = danlu.tune(
            train, SPACE, minimize="loss", trials=TRIALS, seed=0, scheduler="none", engine=engine, watch=False
        )
        states = [trial.status.name for trial in result.trials]
        rows[name] = {
            "seconds": round(time.monotonic() - began, 1),
            "trial seconds": round(statistics.median(trial.seconds for trial in result.trials), 2),
            "done": states.count("DONE"),
        }
    first = rows["one at a time"]["seconds"]
    for row in rows.values():
        row["faster"] = round(first / row["seconds"], 2)
    return rows


def fill(trial):
    """Takes a share of the GPU's memory for a while; a share above one cannot be had."""
    size = int(trial["share"] * torch.cuda.mem_get_info()[1])
    held = torch.empty(size, dtype=torch.uint8, device=GPU)
    for step in range(1, 21):
        held.fill_(step)
        torch.cuda.synchronize()
        time.sleep(0.05)
    return trial["share"]


def crowd():
    """Twelve trials of 0.3 of the memory and one of 1.2, four workers: what real out-of-memory errors come to."""
    shares = [0.3] * 6 + [1.2] + [0.3] * 6
    rows = {}
    for name, need in {"an even share": None, "measured": "measured"}.items():
        engine = danlu.engines.Pool(4, gpus=1, gpu_memory=need)
        began = time.monotonic()
        result = danlu.tune(
            fill, {"share": Float(0.1, 2)}, minimize="loss", trials=len(shares), engine=engine, watch=False, seed=0,
            enqueue=[{"share": share} for share in shares],
        )  # fmt: skip
        rows[name] = {
            "seconds": round(time.monotonic() - began, 1),
            "done": sum(trial.status.name == "DONE" for trial in result.trials),
            "failed": [
                (trial.params["share"], str(trial.cause), (trial.reason or "")[:100])
                for trial in result.trials
                if trial.status.name != "DONE"
            ],
            "attempts": sum(trial.attempt for trial in result.trials),
        }
    return rows


def deterministic(trial, folder=None):
    """Ten epochs that repeat bit for bit; with a folder, the process kills itself once in the middle of the sixth."""
    os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
    torch.use_deterministic_algorithms(True)
    x, y = images(rows=STEPS * 64)
    torch.manual_seed(trial.seed)
    model = network(16)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    start = trial.restore(model, optimizer)
    for epoch in range(start + 1, 11):
        torch.manual_seed(epoch)  # dropout
        loss = epoch_of(model, optimizer, x, y)
        if folder is not None and epoch == 6 and not (Path(folder) / "killed").exists():
            (Path(folder) / "killed").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        trial.save(epoch, model, optimizer)
        trial.report(epoch, loss=loss)
    return loss


class Dying:
    """The objective, killed once."""

    def __init__(self, folder):
        self.folder = folder

    def __call__(self, trial):
        return deterministic(trial, self.folder)


def killed():
    """A training whose process is killed (SIGKILL) in its sixth epoch beside one that is not: every loss and weight."""
    with tempfile.TemporaryDirectory() as folder:
        whole, broken = (
            danlu.tune(
                objective, {"unused": Float(0, 1)}, minimize="loss", trials=1, seed=0, scheduler="none",
                engine=danlu.engines.Pool(1, gpus=1), store=f"{folder}/{name}.db", watch=False,
            )
            for name, objective in (("whole", deterministic), ("broken", Dying(folder)))
        )  # fmt: skip
        weights = []
        for result in (whole, broken):
            model = network(16)
            result.restore(model)
            weights.append(torch.cat([each.flatten() for each in model.parameters()]))
        curves = [one.trials[0].curve.metrics["loss"] for one in (whole, broken)]
    return {
        "attempts": [one.trials[0].attempt for one in (whole, broken)],
        "losses equal": curves[0] == curves[1],
        "weights equal": bool(torch.equal(*weights)),
        "epochs": [len(curve) for curve in curves],
    }


def reports():
    """A bare loop beside the same loop that saves and reports each epoch; milliseconds an epoch, medians of five studies."""
    x, y = images()
    epochs = 12

    def bare():
        torch.manual_seed(0)
        model = network(16)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
        for _ in range(epochs):
            epoch_of(model, optimizer, x, y)

    def told(trial):
        torch.manual_seed(0)
        model = network(16)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
        for epoch in range(1, epochs + 1):
            loss = epoch_of(model, optimizer, x, y)
            trial.save(epoch, model, optimizer)
            trial.report(epoch, loss=loss)

    bare()  # the kernels are chosen
    alone, ours = [], []
    for _ in range(5):
        began = time.perf_counter()
        bare()
        torch.cuda.synchronize()
        alone.append((time.perf_counter() - began) / epochs)
        began = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            danlu.tune(
                told, {"unused": Float(0, 1)}, minimize="loss", trials=1, store=f"{folder}/a.db", watch=False, scheduler="none"
            )  # fmt: skip
        ours.append((time.perf_counter() - began) / epochs)
    alone, ours = statistics.median(alone), statistics.median(ours)
    return {
        "bare": round(alone * 1e3, 2), "saved and reported": round(ours * 1e3, 2),
        "steps an epoch": STEPS, "ratio": round(ours / alone, 3),
    }  # fmt: skip


def stacked():
    """Networks trained as one beside the same one after the other with fused AdamW: wall seconds an epoch, and danlu's choice."""
    sys.path.insert(0, str(HERE / "deep"))
    from networks import cnn, mlp, table

    from danlu import deep
    from danlu.deep.stack.engine import Member, MemberGroup
    from danlu.deep.stack.stack import Stack
    from danlu.deep.train.fit import SaveInterval
    from danlu.deep.train.training import Training

    flat, digits = table().to(GPU), deep.datasets.digits().to(GPU)
    cases = {
        "64 x MLP 64-64": (lambda: mlp(64), flat, 64),
        "16 x MLP 256-256": (lambda: mlp(256), flat, 16),
        "16 x CNN 8": (lambda: cnn(digits, 8), digits, 16),
        "16 x CNN 32": (lambda: cnn(digits, 32), digits, 16),
    }

    def trainings(build, data, members):
        plans = [
            deep.Plan(epochs=8, batch_size=64, options={"lr": 1e-3 * (1 + at / members)})
            for at in range(members)
        ]
        return [Training(build(), data, plan, seed=at, device=GPU) for at, plan in enumerate(plans)]

    def seconds(step, times=4):
        measured = []
        for _ in range(times + 1):
            torch.cuda.synchronize()
            began = time.perf_counter()
            step()
            torch.cuda.synchronize()
            measured.append(time.perf_counter() - began)
        return statistics.median(measured[1:])

    def in_turn(models, data):
        for model in models:
            bare(
                model,
                optimizers.setdefault(model, torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)),
                data,
            )

    def bare(model, optimizer, data):
        model.train()
        for part in torch.randperm(len(data.train), device=GPU).split(64):
            optimizer.zero_grad()
            functional.cross_entropy(model(data.train.x[part]), data.train.y[part]).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            return functional.cross_entropy(model(data.valid.x), data.valid.y).item()

    optimizers = {}
    rows = {}
    for name, (build, data, members) in cases.items():
        models = [build().to(GPU) for _ in range(4)]
        alone = seconds(partial(in_turn, models, data)) / len(models) * members
        together = seconds(Stack(trainings(build, data, members), [0] * members).epoch)
        group = MemberGroup("benchmark")
        group.add([Member(None, None, SaveInterval(1.0), each) for each in trainings(build, data, members)])
        rows[name] = {
            "alone": round(alone, 3), "stacked": round(together, 3), "faster": round(alone / together, 2),
            "chosen": "stacked" if group.block is not None else "one by one",
        }  # fmt: skip
    return rows


PARTS = {"packing": packing, "crowd": crowd, "killed": killed, "reports": reports, "stacked": stacked}


def main():
    parse = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parse.add_argument("--only", nargs="*", default=list(PARTS), choices=list(PARTS))
    parse.add_argument("--out", default=str(HERE / "results/gpu.json"))
    given = parse.parse_args()
    if not torch.cuda.is_available():
        raise SystemExit("this benchmark needs a GPU that PyTorch sees (torch.cuda.is_available() is False)")
    found = {
        "gpu": torch.cuda.get_device_name(0), "torch": torch.__version__, "python": platform.python_version(),
        "cores": os.cpu_count(), "trials": TRIALS,
    }  # fmt: skip
    out = Path(given.out)
    before = json.loads(out.read_text("utf-8")) if out.exists() else {}
    if all(
        before.get(name) == held for name, held in found.items()
    ):  # the same machine: the other parts stay
        found = before
    for name in given.only:
        began = time.monotonic()
        found[name] = PARTS[name]()
        print(name, f"({time.monotonic() - began:.0f} s)", json.dumps(found[name], indent=1), flush=True)
        out.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
