"""What one epoch of one training sees: which samples, in which order, disturbed how.

All of it follows from (seed, epoch), by generators on the processor, so an epoch is the same when it is run
again after a crash, on another device, or in a block with other trainings.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from ...base import rng
from ...errors import SettingError
from ..data import Data, Split
from .augment import augment, draws_needed
from .plan import Plan
from .regularize import mix


class Batch(NamedTuple):
    """What one step sees: ``n`` samples, their targets, and with mixup the second targets and shares (n,)."""

    x: Tensor
    y: Tensor
    second: Tensor | None = None
    share: Tensor | None = None


@dataclass(frozen=True, eq=False)
class EpochOrder:
    """The samples of an epoch in their order.

    Attributes:
        part: where the samples are; for a ranking, with negatives drawn for this epoch.
        rows: positions in it, shape (n,).
        partners, shares: with mixup, another position and the share that stays, shape (n,).
        draws: uniform numbers for augmentation, shape (n, k).
    """

    part: Split
    rows: Tensor
    partners: Tensor | None
    shares: Tensor | None
    draws: Tensor | None

    def batches(self, cuts: list[slice], strengths: dict[str, Tensor]) -> Iterator[Batch]:
        """The samples of each step, as the network sees them."""
        pieces = torch.split(self.rows[: cuts[-1].stop], [cut.stop - cut.start for cut in cuts])
        if self.draws is None and self.partners is None:
            x, y = self.part.x, self.part.y
            for rows in pieces:
                yield Batch(x[rows], y[rows])
            return
        for cut, rows in zip(cuts, pieces, strict=True):
            yield self._disturbed(cut, rows, strengths)

    def _disturbed(self, at: slice, rows: Tensor, strengths: dict[str, Tensor]) -> Batch:
        x, y = self.part.x[rows], self.part.y[rows]
        if self.draws is not None:
            x = augment(x, strengths, self.draws[at])
        if self.partners is None or self.shares is None:
            return Batch(x, y)
        other, share = self.partners[at], self.shares[at]
        return Batch(mix(x, self.part.x[other], share), y, self.part.y[other], share)


def arrange(data: Data, plan: Plan, seed: int, epoch: int) -> EpochOrder:
    """The order of an epoch (from 1).

    Raises:
        SettingError: when the plan asks for what these samples do not allow.
    """
    device = data.train.x.device
    numbers = torch.Generator().manual_seed(rng.key(seed, epoch, "order") % 2**63)
    part = with_negatives(data, plan.negatives, numbers) if data.kind == "ranking" else data.train
    count = len(part)
    rows = torch.randperm(count, generator=numbers).to(device)
    draws = partners = shares = None
    if needed := draws_needed(plan.augment, part.x.shape[1:]):
        draws = torch.rand(count, needed, generator=numbers).to(device)
    if plan.mixup:
        if not part.x.is_floating_point() or data.kind == "ranking":
            raise SettingError(
                f"mixup={plan.mixup!r} blends samples, which tokens and pairs cannot be. Use 0."
            )
        partners = torch.randperm(count, generator=numbers).to(device)
        beta = rng.generator(seed, epoch, "mixup").beta(plan.mixup, plan.mixup, count)
        shares = torch.as_tensor(beta, dtype=torch.float32, device=device)
    return EpochOrder(part, rows, partners, shares, draws)


def with_negatives(data: Data, each: int, numbers: torch.Generator) -> Split:
    """The positive pairs, and for every one ``each`` items that its user did not have, drawn at random."""
    users, items = data.train.x[:, 0].repeat_interleave(each), data.sizes[1]
    drawn = torch.randint(items, (len(users),), generator=numbers).to(users.device)
    if data.seen is not None:
        for _ in range(10):  # a user who had nearly everything keeps the last draw
            taken = data.seen[users, drawn]
            again = torch.randint(items, (len(users),), generator=numbers).to(users.device)
            drawn = torch.where(taken, again, drawn)
    pairs = torch.cat([data.train.x, torch.stack([users, drawn], 1)])
    return Split(
        pairs, torch.cat([torch.ones_like(data.train.y), torch.zeros(len(users), device=users.device)])
    )


def cuts(count: int, batch_size: int | None) -> list[slice]:
    """Where an epoch of ``count`` samples is cut; a last batch of one sample is left out, for the norms' sake.

    Example:
        >>> cuts(5, 2), cuts(6, 4)
        ([slice(0, 2, None), slice(2, 4, None)], [slice(0, 4, None), slice(4, 6, None)])
    """
    size = min(batch_size or count, count)
    starts = [start for start in range(0, count, size) if size == 1 or count - start > 1]
    return [slice(start, min(start + size, count)) for start in starts]


def cuts_of(data: Data, plan: Plan) -> list[slice]:
    """The batches of an epoch of this data, as ``cuts`` has them; in a ranking each wanted item comes with its unwanted ones."""
    return cuts(len(data.train) * (1 + plan.negatives if data.kind == "ranking" else 1), plan.batch_size)


@contextmanager
def seeded(seed: int, epoch: int, device: torch.device | None = None) -> Iterator[None]:
    """PyTorch's global generators set from (seed, epoch) inside, and untouched outside: for dropout.

    The generators themselves are set: ``torch.manual_seed`` formats a stack trace for every GPU that is not there.
    """
    number = rng.key(seed, epoch, "torch") % 2**63
    used = [torch.default_generator]
    if device is not None and device.type == "cuda":
        used.append(torch.cuda.default_generators[device.index or 0])
    before = [generator.get_state() for generator in used]
    try:
        for generator in used:
            generator.manual_seed(number)
        yield
    finally:
        for generator, state in zip(used, before, strict=True):
            generator.set_state(state)
