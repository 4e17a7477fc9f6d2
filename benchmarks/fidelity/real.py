"""Real trainings: how many epochs and seconds danlu needs for the accuracy of 50 full random trainings.

    python benchmarks/fidelity/real.py [--seeds 3]

Two networks in PyTorch, 27 epochs a full training: handwritten digits (scikit-learn's), and sentences of the
documentation strings of NumPy, SciPy and scikit-learn, told apart by the library they come from. The random search
trains 50 configurations in full; then danlu runs with its defaults, told the accuracy to reach and that trials have
27 epochs. Both count every epoch that is trained, and all time that passes: training, saving, asking. Writes
``results/real.json``; needs the project's own environment.
"""

import argparse
import importlib
import itertools
import json
import pkgutil
import re
import time
import warnings
from functools import cache, partial
from pathlib import Path

import numpy as np
import torch
from torch import nn

import danlu
from danlu import Choice, Fidelity, Float, Int

torch.set_num_threads(1)
HERE = Path(__file__).resolve().parent
EPOCHS, RANDOM = 27, 50
WORDS = 4096

SPACE = {
    "optimizer": Choice(["sgd", "adam", "rmsprop"]),
    "lr": Float(1e-5, 1.0, log=True),
    "weight_decay": Float(1e-7, 1e-1, log=True),
    "batch": Int(16, 256, log=True),
    "hidden": Int(16, 256, log=True),
    "layers": Int(1, 3),
    "dropout": Float(0.0, 0.7),
    "smoothing": Float(0.0, 0.3),
}


@cache
def digits():
    """1,797 images of 64 pixels, a third of them for validation."""
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    return split(torch.tensor(x / 16.0, dtype=torch.float32), torch.tensor(y))


@cache
def sentences():
    """Up to 1,500 sentences a library; the libraries' names are taken out; 24 hashed words and pairs of words each."""
    inputs, labels = [], []
    for label, library in enumerate(("numpy", "scipy", "sklearn")):
        found = sorted(set(documented(library)))
        order = np.random.default_rng(label).permutation(len(found))[:1500]
        for text in (found[number] for number in order):
            words = re.findall(
                r"[a-z]{2,}", re.sub(r"numpy|scipy|sklearn|scikit|learn|np\b", " ", text.lower())
            )
            tokens = [*words, *map("_".join, itertools.pairwise(words))][:24]
            codes = [
                1 + sum(ord(letter) * 31**at for at, letter in enumerate(token)) % (WORDS - 1)
                for token in tokens
            ]
            inputs.append(codes + [0] * (24 - len(codes)))
            labels.append(label)
    return split(torch.tensor(inputs), torch.tensor(labels))


def documented(library):
    """Sentences of the documentation strings of a library's public functions and classes."""
    top = importlib.import_module(library)
    for module in [top, *(load(f"{library}.{found.name}") for found in pkgutil.iter_modules(top.__path__))]:
        for name in dir(module) if module is not None else ():
            text = getattr(getattr(module, name, None), "__doc__", None)
            if isinstance(text, str) and not name.startswith("_"):
                body = text.split("Examples")[0]
                yield from (
                    " ".join(part.split()) for part in re.split(r"\.\s", body) if len(part.split()) > 7
                )


def load(name):
    if "._" in name or "test" in name or name.endswith((".setup", ".conftest", ".distutils")):
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return importlib.import_module(name)
        except ImportError:
            return None


def split(x, y):
    order = torch.tensor(np.random.default_rng(0).permutation(len(y)))
    cut = len(y) // 3
    return x[order[cut:]], y[order[cut:]], x[order[:cut]], y[order[:cut]]


def build(trial, inputs, classes):
    width, layers = trial["hidden"], []
    if inputs.dtype == torch.int64:
        layers.append(nn.EmbeddingBag(WORDS, width, padding_idx=0))
    size = width if layers else inputs.shape[1]
    for _ in range(trial["layers"]):
        layers += [nn.Linear(size, width), nn.ReLU(), nn.Dropout(trial["dropout"])]
        size = width
    return nn.Sequential(*layers, nn.Linear(size, classes))


def train(data, trial, *, keep):
    """A plain loop; with ``keep`` every epoch is saved, so that the trial can be taken up again."""
    inputs, labels, valid, truth = data()
    torch.manual_seed(trial.seed)
    model = build(trial, inputs, int(truth.max()) + 1)
    made = {
        "sgd": partial(torch.optim.SGD, momentum=0.9),
        "adam": torch.optim.Adam,
        "rmsprop": torch.optim.RMSprop,
    }
    optimizer = made[trial["optimizer"]](
        model.parameters(), lr=trial["lr"], weight_decay=trial["weight_decay"]
    )
    criterion = nn.CrossEntropyLoss(label_smoothing=trial["smoothing"])
    begin = trial.restore(model, optimizer) if keep else 0
    for epoch in range(begin + 1, EPOCHS + 1):
        model.train()
        torch.manual_seed(trial.seed + epoch)
        for rows in torch.randperm(len(labels)).split(trial["batch"]):
            optimizer.zero_grad()
            criterion(model(inputs[rows]), labels[rows]).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            right = (model(valid).argmax(1) == truth).float().mean()
        if keep:
            trial.save(epoch, model, optimizer)
        trial.report(epoch, accuracy=float(right))


def compare(name, data, seed):
    began = time.monotonic()
    random = danlu.tune(
        partial(train, data, keep=False), SPACE, maximize="accuracy", trials=RANDOM, sampler="random",
        scheduler="diverged", seed=1000 + seed, watch=False,
    )  # fmt: skip
    took, goal = time.monotonic() - began, random.best.value
    began = time.monotonic()
    ours = danlu.tune(
        partial(train, data, keep=True), SPACE, maximize="accuracy", target=goal, budget=danlu.Budget(steps=RANDOM * EPOCHS),
        fidelity=Fidelity("epoch", 1, EPOCHS), seed=seed, watch=False,
    )  # fmt: skip
    spent = time.monotonic() - began
    row = {
        "task": name, "seed": seed, "accuracy": goal, "reached": ours.history.incumbents.reached is not None,
        "random epochs": len(random.history.reports), "epochs": len(ours.history.reports),
        "random seconds": round(took, 1), "seconds": round(spent, 1), "trials": len(ours.trials),
    }  # fmt: skip
    print(row, flush=True)
    return row


def main():
    parse = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parse.add_argument("--seeds", type=int, default=3)
    arguments = parse.parse_args()
    rows = [
        compare(name, data, seed)
        for seed in range(arguments.seeds)
        for name, data in (("digits", digits), ("sentences", sentences))
    ]
    for name in ("digits", "sentences"):
        mine = [row for row in rows if row["task"] == name]
        epochs = np.median([row["epochs"] / row["random epochs"] for row in mine])
        seconds = np.median([row["seconds"] / row["random seconds"] for row in mine])
        print(f"{name}: {epochs:.1%} of the epochs, {seconds:.1%} of the time (medians of {len(mine)})")
    (HERE / "results").mkdir(exist_ok=True)
    (HERE / "results/real.json").write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
