"""Made-up studies that a page must not mislead about, each with the difficulty in its name."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import danlu
from danlu import Choice, Float, Int, Switch


def study(
    objective: Callable[[Any], Any],
    space: dict[str, Any],
    name: str,
    store: Path,
    trials: int = 120,
    **goal: Any,
) -> None:
    """One study of points drawn at random, whatever fails."""
    danlu.tune(
        objective, space, trials=trials, sampler="random", scheduler="none", seed=1, store=str(store), name=name,
        trial_limits=danlu.TrialLimits(same_failures=0), **goal,
    )  # fmt: skip


def wild_down(t: Any) -> float:
    return 0.0 if t.number == 7 else 0.99 if t.number in (60, 61) else 0.9 + 0.02 * t["lr"]


def wild_up(t: Any) -> float:
    return 40.0 if t.number == 7 else 0.5 if t.number in (60, 61) else 0.9 - 0.02 * t["lr"]


def wild_huge(t: Any) -> float:
    return 1e300 if t.number % 25 == 3 else 0.3 + (t["lr"] - 0.4) ** 2


def two_goals(t: Any) -> dict[str, float]:
    depth = t["depth"]
    return {
        "accuracy": 1.0 - (math.log10(t["lr"]) + 2) ** 2 / 10 + 0.03 * depth,
        "latency_ms": 5.0 + 4.0 * depth + t["width"] / 64,
    }


def three_goals(t: Any) -> dict[str, float]:
    return two_goals(t) | {"size": t["width"] * t["depth"] / 1000}


def fails(t: Any) -> float:
    if t.number % 3 == 1:
        raise MemoryError("the device has no memory left")
    raise FileNotFoundError(f"no such file: part-{t.number:03d}.bin")


def many(t: Any) -> float:
    return sum((t[name] - 0.5) ** 2 for name in t if name.endswith("7")) + 0.3 * t["p00"]


def conditional(t: Any) -> dict[str, float]:
    rate = t["sgd.lr"] if t["opt"] == "sgd" else t["adam.lr"] if t["opt"] == "adam" else 0.01
    for step in range(1, 9):
        t.report(step, loss=(math.log10(rate) + 2.5) ** 2 / 6 + 1 / step, train=1 / step)
        if t.number % 12 == 5 and step == 2:
            raise ValueError("diverged: the loss is not a number")
    return {"loss": (math.log10(rate) + 2.5) ** 2 / 6 + 0.125}


def scales(t: Any) -> float:
    return -1.96e9 - 1e5 * t["k"] * t["tiny"] / 1e-9


def wide(t: Any) -> float:
    return 10.0 ** (-9 + 10 * t["lr"])


LR = {"lr": Float(0, 1), "wd": Float(0, 1)}
NETS = {"lr": Float(1e-4, 1, log=True), "depth": Int(1, 3), "width": Int(16, 256, log=True)}
LONG = "a_name_of_sixty_characters_as_configuration_trees_make_them_"

STUDIES: dict[str, Callable[[Path], None]] = {
    "outlier below, maximized": lambda at: study(wild_down, LR, "outlier below, maximized", at, maximize="acc"),
    "outlier above, minimized": lambda at: study(wild_up, LR, "outlier above, minimized", at, minimize="loss"),
    "outliers of 1e300": lambda at: study(wild_huge, LR, "outliers of 1e300", at, minimize="loss"),
    "two goals": lambda at: study(two_goals, NETS, "two goals", at, maximize="accuracy", minimize="latency_ms"),
    "three goals": lambda at: study(three_goals, NETS, "three goals", at, maximize="accuracy", minimize=["latency_ms", "size"]),
    "all failed": lambda at: study(fails, LR, "all failed", at, 40, minimize="loss"),
    "sixty parameters": lambda at: study(many, {f"p{i:02d}": Float(0, 1) for i in range(60)}, "sixty parameters", at, 80, minimize="loss"),
    "conditional": lambda at: study(
        conditional, {"opt": Switch(sgd={"lr": Float(1e-4, 1, log=True), "momentum": Float(0, 0.99)}, adam={"lr": Float(1e-5, 0.1, log=True)}, lion={}),
        "depth": Int(1, 3), "ema": Choice([True, False])}, "conditional", at, 150, minimize="loss"),
    "one parameter": lambda at: study(lambda t: (t["lr"] - 0.3) ** 2, {"lr": Float(0, 1)}, "one parameter", at, 40, minimize="loss"),
    "names 名称 <b>": lambda at: study(
        lambda t: t["学习率"] + len(t["激活"]) / 10 + t[LONG + "的"] / 7, {"学习率": Float(0, 1), "激活": Choice(["修正线性", "<i>tanh</i>"]), LONG + "的": Int(1, 5), LONG + "β": Float(0, 1)},
        "names 名称 <b>", at, 60, minimize="损失"),
    "huge and tiny": lambda at: study(scales, {"k": Int(1, 3), "tiny": Float(1e-9, 2e-9), "huge": Float(1e9, 5e9), "b": Int(8, 32, log=True)}, "huge and tiny", at, minimize="loss"),
    "many decades": lambda at: study(wide, {"lr": Float(0, 1), "wd": Float(1e-12, 1, log=True)}, "many decades", at, minimize="loss"),
    "three trials": lambda at: study(lambda t: t["lr"], LR, "three trials", at, 3, minimize="loss"),
}  # fmt: skip


def make(path: Path, names: list[str] | None = None) -> None:
    """Write the made-up studies into one store."""
    for name in names or list(STUDIES):
        STUDIES[name](path)
