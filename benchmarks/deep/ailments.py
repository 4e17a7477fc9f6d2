"""Trainings that are made to go wrong in every way, or to go well: what the diagnosis is tried on.

The rules were written looking at ``split="development"`` alone; the examination has other data, widths, rates and seeds.
"""

from dataclasses import replace

import numpy as np
import torch
from networks import Recurrent, cnn, mlp, table, tokens
from torch import nn

from danlu import deep


class Case:
    """One training: how it was made, and what it is made to suffer from."""

    def __init__(self, network, trouble, seed, objective, params):
        self.network, self.trouble, self.seed, self.objective, self.params = (
            network,
            trouble,
            seed,
            objective,
            params,
        )


def noisy(data, rows, share, seed):
    """Fewer training samples, some of their labels drawn at random."""
    numbers = torch.Generator().manual_seed(seed)
    few = data.train.take(torch.randperm(len(data.train), generator=numbers)[:rows])
    wrong = torch.rand(rows, generator=numbers) < share
    drawn = torch.randint(data.outputs, (rows,), generator=numbers)
    return replace(data, train=deep.Split(few.x, torch.where(wrong, drawn, few.y)))


def killed(model):
    """Every ReLU's inputs pushed far below zero."""
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.Linear | nn.Conv2d) and module is not list(model.modules())[-1]:
                module.bias.fill_(-50.0)
    return model


def build_of(network, data):
    """A build for objectives: width and dropout by parameters."""

    def build(params, held):
        width, dropout = params["width"], params.get("dropout", 0.0)
        if network == "mlp":
            model = mlp(width, held.train.x.shape[1], held.outputs)
            model.insert(len(model) - 1, nn.Dropout(dropout))
        elif network == "cnn":
            model = cnn(held, width, dropout=dropout)
        else:
            model = Recurrent(held.sizes[0], held.outputs, width)
        return killed(model) if params.get("killed") else model

    return build


def cases(split):
    """All cases of a split."""
    exam = split == "examination"
    seeds = (11, 12, 13) if exam else (1, 2)
    factor = 1.3 if exam else 1.0
    found = []
    for seed in seeds:
        numbers = np.random.default_rng(seed)
        datas = {
            "mlp": table(rows=5000 if exam else 4000, inputs=8 if exam else 10, noise=0.1, seed=seed),
            "cnn": deep.datasets.digits(seed),
            "gru": tokens(rows=6500 if exam else 6000, length=9 if exam else 10, seed=seed),
        }
        for network, data in datas.items():
            tuned = {"mlp": 6e-3, "cnn": 6e-3, "gru": 2e-2}[network] * float(numbers.uniform(0.8, 1.25))
            wide = int({"mlp": 64, "cnn": 12, "gru": 32}[network] * factor)
            few, many = {"mlp": (150, 40), "cnn": (150, 40), "gru": (200, 40)}[network]

            def case(
                trouble, data=data, network=network, seed=seed, *, lr=tuned, width=wide, epochs=12, **plan
            ):
                params = {
                    "width": width,
                    "optimizer": "adamw",
                    "optimizer.adamw.lr": lr,
                    **plan.pop("params", {}),
                }
                fixed = {"batch_size": 32 if len(data.train) < 400 else 64, **plan}
                if "optimizer" in plan:
                    params = {key: value for key, value in params.items() if not key.startswith("optimizer")}
                objective = deep.Objective(build_of(network, data), data, epochs=epochs, fixed=fixed)
                return Case(network, trouble, seed, objective, params)

            found += [
                case("good", epochs={"mlp": 20, "cnn": 14, "gru": 8}[network]),
                case("overfit", noisy(data, few, 0.25, seed), epochs=many, schedule="constant", width=2 * wide),
                case("underfit", width=2 if network == "mlp" else 1),
                case("slow", lr=tuned / float(numbers.uniform(60, 150))),
                case("unstable", lr=tuned * {"mlp": 40, "cnn": 25, "gru": 20}[network] * float(numbers.uniform(0.8, 1.3)),
                     schedule="constant"),
                case("diverged", optimizer="momentum", schedule="constant", warmup=0.0,
                     options={"lr": float(numbers.uniform(50, 200)) * (10 if network == "gru" else 1)}),
                case("plateau", schedule="step", warmup=0.0, schedule_options={"drop": 1e-3, "times": 5}, lr=tuned / 4),
            ]  # fmt: skip
            if network != "gru":
                found.append(case("dead", params={"killed": True}))
    return found
