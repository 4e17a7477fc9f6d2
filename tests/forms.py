"""Objectives in the ways of other people, light enough for worker processes to import at once."""

import asyncio
import copy
import dataclasses
import functools
import json
import math
import pickle


@dataclasses.dataclass
class Config:
    lr: float
    hidden: int


class Callable:
    def __call__(self, lr, hidden):
        return lr * hidden

    def method(self, config):
        return config["lr"] * config["hidden"]


def product(lr, hidden):
    return lr * hidden


def with_data(data, lr, hidden, *, scale=1.0):
    return lr * hidden * scale * len(data)


def beside_trial(trial, lr, hidden):
    assert trial["lr"] == lr
    return lr * hidden


def ray_style(config, trial=None):
    assert trial.params == dict(config)
    return config["lr"] * config["hidden"]


async def awaited(trial):
    await asyncio.sleep(0)
    return trial["lr"] * trial["hidden"]


def yielding(trial):
    for _ in range(3):
        yield {"value": trial["lr"] * trial["hidden"]}


def popped(config):
    config = dict(config)
    return config.pop("lr") * config.pop("hidden")


def tried(config):
    """Existence asked for in the ways of dicts."""
    try:
        config["dropout"]
    except KeyError:
        assert "dropout" not in config
        assert "lr" in config
        assert config.get("dropout", 0.5) == 0.5
        assert config.get("lr") == config["lr"]
    return config["lr"] * config["hidden"]


READ = {
    "key": lambda c: c["lr"] * c["hidden"],
    "get": lambda c: c.get("lr") * c.get("hidden", 0),
    "double star": lambda c: product(**c),
    "dict": lambda c: dict(c)["lr"] * dict(c)["hidden"],
    "items": lambda c: math.prod(value for _, value in c.items()),  # noqa: PERF102
    "values": lambda c: math.prod(c.values()),
    "keys": lambda c: math.prod(c[name] for name in c.keys()),  # noqa: SIM118
    "loop": lambda c: math.prod(c[name] for name in c),
    "len": lambda c: c["lr"] * c["hidden"] * len(c) / 2,
    "in": tried,
    "attribute": lambda c: c.lr * c.hidden,
    "getattr": lambda c: getattr(c, "lr", 0) * c.hidden * getattr(c, "absent", 1),
    "or": lambda c: product(**(c | {"hidden": c["hidden"]})),
    "ror": lambda c: product(**({"hidden": 0} | c)),
    "copy": lambda c: product(**c.copy()),
    "deepcopy": lambda c: product(**copy.deepcopy(c)),
    "pickle": lambda c: product(**pickle.loads(pickle.dumps(c))),
    "json": lambda c: product(**json.loads(json.dumps(dict(c)))),
    "dataclass": lambda c: product(**dataclasses.asdict(Config(**c))),
    "sorted": lambda c: math.prod(c[name] for name in sorted(c)),
    "truth": lambda c: c and c["lr"] * c["hidden"],
    "params": lambda trial: trial.params["lr"] * trial.params["hidden"],
    "pop of a copy": popped,
    "pop of params": lambda trial: (
        trial.params.pop("lr") * trial["hidden"] * trial["lr"] / trial.params["lr"]
    ),
    "by name": product,
    "lambda by name": lambda lr, hidden: lr * hidden,
    "only keywords": lambda *, lr, hidden: lr * hidden,
    "double star argument": lambda **config: config["lr"] * config["hidden"],
    "a name and the rest": lambda lr, **rest: lr * rest["hidden"],
    "star argument": lambda *args: args[0]["lr"] * args[0]["hidden"],
    "partial": functools.partial(with_data, [1]),
    "partial by keyword": functools.partial(with_data, [1], scale=1.0),
    "bound method": Callable().method,
    "object with call": Callable(),
    "trial and names": beside_trial,
    "config and trial": ray_style,
    "two live": lambda config, trial: config["lr"] * trial["hidden"],
    "defaults of its own": lambda config, epochs=3: config["lr"] * config["hidden"] * epochs / 3,
    "a default that is searched": lambda config, lr=0: lr * config["hidden"],
    "async": awaited,
    "generator": yielding,
}
