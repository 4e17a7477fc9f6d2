"""Finds a batch size for speed: the throughput curve, its knee, and the largest batch that fits.

The batch size is for speed, not for the validation score; when it is changed, rate and regularization have to be tuned
again (Shallue et al., Measuring the effects of data parallelism, arXiv:1811.03600).
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import torch
from torch import nn

from ...errors import SettingError
from ..data import Data
from ..train.epochs import seeded
from ..train.fit import device_of
from ..train.plan import Plan
from ..train.training import Training

KNEE = 0.8


@dataclass(frozen=True)
class BatchSizeResult:
    """What a batch-size finder has seen.

    Attributes:
        sizes: that were tried, rising.
        throughput: samples a second at each of them; 0 where memory did not suffice.
        knee: the smallest size that gives at least four fifths of the best throughput.
        largest: the largest size that fitted.
        full: whether a larger one did not fit.
    """

    sizes: tuple[int, ...]
    throughput: tuple[float, ...]
    knee: int
    largest: int
    full: bool

    def __str__(self) -> str:
        best = max(self.throughput)
        end = "a larger one does not fit" if self.full else "larger ones were not tried"
        return (
            f"a batch of {self.knee} trains {self.throughput[self.sizes.index(self.knee)]:,.0f} samples a second, the "
            f"best of all {best:,.0f}; the largest that fitted is {self.largest}, {end}"
        )

    def plot(self, axes: Any = None) -> Any:
        """Throughput over batch size, the knee marked; matplotlib's axes."""
        if axes is None:
            from matplotlib import pyplot as plt

            _, axes = plt.subplots(figsize=(5, 3.2), layout="constrained")
        axes.plot(self.sizes, self.throughput, color="tab:blue", marker="o")
        axes.axvline(self.knee, color="tab:green", label=f"knee: {self.knee}")
        axes.set(xscale="log", xlabel="batch size", ylabel="samples a second", ylim=(0, None))
        axes.legend()
        return axes


def find_batch_size(
    build: Callable[[], nn.Module], data: Data, plan: Plan = Plan(), *, sizes: Sequence[int] | None = None,
    repeats: int = 5, device: str = "auto",
) -> BatchSizeResult:  # fmt: skip
    """Time a few training steps at rising batch sizes, until memory or the samples are used up.

    Args:
        build: makes a fresh network.
        data: whose training part is drawn from, with repeats where a batch is larger.
        plan: how to train.
        sizes: to try, rising; by default powers of two from 8 to 4096.
        repeats: steps that are timed, after two that are not.
        device: as in ``fit``.

    Raises:
        SettingError: when not even the smallest batch fits.

    Example:
        >>> from danlu import deep
        >>> data = deep.datasets.breast_cancer()
        >>> found = deep.find_batch_size(lambda: nn.Linear(30, 2), data, sizes=(8, 64), repeats=1)
        >>> found.largest
        64
    """
    where = device_of(device)
    tried: list[int] = []
    speeds: list[float] = []
    for size in sizes or tuple(2**power for power in range(3, 13)):
        try:
            speeds.append(size / _step_seconds(build, data, plan, size, repeats, where))
        except (RuntimeError, MemoryError) as error:
            if not _is_memory(error):
                raise
            speeds.append(0.0)
        tried.append(size)
        if not speeds[-1]:
            break
    if not speeds[0]:
        raise SettingError(
            f"not even a batch of {tried[0]} fits into the memory of {where}. Make the network smaller."
        )
    best = max(speeds)
    knee = next(size for size, speed in zip(tried, speeds, strict=True) if speed >= KNEE * best)
    fitted = [size for size, speed in zip(tried, speeds, strict=True) if speed]
    return BatchSizeResult(tuple(tried), tuple(speeds), knee, fitted[-1], full=not speeds[-1])


def _step_seconds(
    build: Callable[[], nn.Module], data: Data, plan: Plan, size: int, repeats: int, where: torch.device
) -> float:
    rows = torch.arange(size) % len(data.train)
    held = replace(data, train=data.train.take(rows))
    every = msgspec.structs.replace(plan, batch_size=size, epochs=repeats + 2, mixup=0.0, patience=0)
    with seeded(0, 0, where):
        training = Training(build(), held, every, seed=0, device=where)
    seconds = []
    for epoch in range(1, repeats + 3):
        number, batch = next(training.batches(epoch))
        started = time.perf_counter()
        training.step(number, training.loss(batch))
        if where.type == "cuda":
            torch.cuda.synchronize(where)
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds[2:])


def _is_memory(error: BaseException) -> bool:
    words = str(error).lower()
    named = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
    return named or "alloc" in words or "out of memory" in words
