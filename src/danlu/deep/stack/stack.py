"""A block: trainings of one structure, an epoch at a time, as one.

A training enters as it is, fresh or out of a checkpoint, and can leave at any epoch as if it had always been alone;
rows join and go as a scheduler decides. Learning rates, moments, decay, dropout, label smoothing, strengths of augmentation,
schedules, seeds and folds are each row's own. A row that diverges does so by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from ..data import Split
from ..train.epochs import EpochOrder, arrange, cuts_of, seeded
from ..train.evaluation import judge
from ..train.fit import monitored, one_epoch
from ..train.metrics import losses, scores_of_each
from ..train.regularize import mix
from ..train.training import Training
from .optimizer import STACKED, StackedOptimizer
from .parameters import UNSTACKABLE, StackedParameters, rowwise, structure, widens
from .regularization import StackedRegularization

_VALUES = 2**24  # numbers per pass when judging


def stackable(training: Training) -> str:
    """Why a training cannot be a row of any block; '' when it can.

    Example:
        >>> from danlu import deep
        >>> data = deep.from_arrays([[0.0], [1.0]] * 50, [0, 1] * 50)
        >>> plan = deep.Plan(optimizer="muon")
        >>> stackable(Training(nn.Linear(1, 2), data, plan, seed=0, device=torch.device("cpu")))
        'muon is not among the optimizers that can be stacked: sgd, momentum, nesterov, adagrad, rmsprop, adam, adamw'
    """
    plan = training.plan
    if plan.optimizer not in STACKED:
        return f"{plan.optimizer} is not among the optimizers that can be stacked: {', '.join(STACKED)}"
    for name, given, usual in (
        ("ema", plan.ema, 0.0), ("compile", plan.compile, False), ("precision", plan.precision, "float32")
    ):  # fmt: skip
        if given != usual:
            return f"{name}={given!r} is for trainings on their own"
    return ""


def architecture(training: Training) -> str:
    """What trainings have in common that can be one block, as text.

    Networks that can be padded are of one block when their widths are within a factor of two.
    """
    model, plan, data = rowwise(training.model), training.plan, training.data
    wide = widens(model)
    size = sum(parameter.numel() for parameter in model.parameters())
    shape = structure(model, widths=not wide)
    about = f"{size.bit_length()}" if wide else ""
    shared = (
        plan.optimizer, plan.batch_size, tuple(sorted(plan.augment)), bool(plan.mixup), data.kind, data.outputs,
        tuple(data.train.x.shape), plan.negatives if data.kind == "ranking" else 0, training.device.type,
    )  # fmt: skip
    return f"{shared}{about}{shape}"


def stack_name(training: Training, own: int) -> str:
    """The name of the block a training belongs to: its architecture's, or one of its ``own`` number when it cannot be stacked."""
    alone = stackable(training)
    return f"{alone} {own}" if alone else architecture(training)


class Stack:
    """Trainings of one architecture, trained an epoch at a time.

    Args:
        trainings: at least one; they are not used afterwards but by ``training``, which brings them up to date.
        done: the epoch each of them has reached.

    Attributes:
        trainings: of the rows.
        done: the epoch each row has reached.
        rows: their parameters.
        optimizer: of all of them.
    """

    def __init__(self, trainings: Sequence[Training], done: Sequence[int]) -> None:
        self.trainings = list(trainings)
        self.done = list(done)
        self.rows = StackedParameters([rowwise(training.model) for training in trainings])
        self.optimizer = StackedOptimizer.of(trainings, self.rows)
        first = trainings[0]
        self._device, self._kind, self._cuts = first.device, first.data.kind, cuts_of(first.data, first.plan)
        self._regularize()

    def __len__(self) -> int:
        return len(self.trainings)

    def _regularize(self) -> None:
        self._regularization = StackedRegularization([each.plan for each in self.trainings], self.rows)

    def keep(self, rows: Sequence[int]) -> None:
        """Only these rows stay, in this order."""
        self.trainings = [self.trainings[row] for row in rows]
        self.done = [self.done[row] for row in rows]
        at = torch.tensor(list(rows), dtype=torch.long, device=self._device)
        self.rows.keep(at)
        self.optimizer.keep(at)
        self._regularize()

    def join(self, other: Stack) -> None:
        """Put another block's rows behind these; both are padded to the wider of each shape first."""
        self.trainings += other.trainings
        self.done += other.done
        if self.rows.shape == other.rows.shape and self.rows.buffers.keys() == other.rows.buffers.keys():
            self.rows.join(other.rows)
            self.optimizer.join(other.optimizer)
        else:
            both = [block.training(row) for block in (self, other) for row in range(len(block.rows))]
            self.rows = StackedParameters([rowwise(training.model) for training in both])
            self.optimizer = StackedOptimizer.of(both, self.rows)
        self._regularize()

    def epoch(self) -> list[dict[str, float]]:
        """Train every row one epoch and judge it; the scores of each, as ``fit`` has them."""
        total, seen = torch.zeros(len(self), device=self._device), 0
        with seeded(self.trainings[0].seed, self.done[0] + 1, self._device):
            for x, y, second, share, shares in self._batches():
                loss = self._step(x, y, second, share, shares)
                total, seen = total + loss * y.shape[1], seen + y.shape[1]
        self.done = [done + 1 for done in self.done]
        scores = self._judge()
        for row, (training, train_loss) in enumerate(
            zip(self.trainings, (total / seen).tolist(), strict=True)
        ):
            scores[row] = {"train_loss": train_loss, **scores[row]}
            best = training.best
            if best.improves(monitored(scores[row], best.metric)):
                best.put(self.done[row], scores[row][best.metric], self._weights(row))
        return scores

    def try_steps(self, count: int) -> None:
        """A few steps of the next epoch, to see how long they take."""
        for at, (x, y, second, share, shares) in enumerate(self._batches()):
            if at == count:
                return
            self._step(x, y, second, share, shares)

    def snapshot(self) -> tuple[Any, ...]:
        """The weights and states as they are."""
        copied = {name: tensor.clone() for name, tensor in self.rows.buffers.items()}
        states = {name: tensor.clone() for name, tensor in self.optimizer.states.items()}
        return self.rows.flat.clone(), copied, states, self.optimizer.count.clone()

    def restore(self, before: tuple[Any, ...]) -> None:
        """The weights and states as they were."""
        flat, buffers, self.optimizer.states, self.optimizer.count = before
        self.rows.flat.copy_(flat)
        self.rows.buffers = buffers

    def _batches(self) -> Iterator[tuple[Tensor, Tensor, Tensor | None, Tensor | None, Tensor]]:
        """What each step of the next epoch sees: samples, targets, with mixup second ones and shares, shares of rates."""
        orders = [
            arrange(training.data, training.plan, training.seed, done + 1)
            for training, done in zip(self.trainings, self.done, strict=True)
        ]
        steps = len(self._cuts)
        rates = [
            training.descent.lr_multipliers[done * steps : (done + 1) * steps]
            for training, done in zip(self.trainings, self.done, strict=True)
        ]
        shares = torch.tensor(rates, dtype=torch.float64, device=self._device).float()
        bank, rows = _bank(orders)
        partners = _stacked([order.partners for order in orders], rows, orders)
        mixed = _stack([order.shares for order in orders])
        draws = _stack([order.draws for order in orders])
        self.rows.skeleton.train()
        for number, cut in enumerate(self._cuts):
            x, y = bank.x[rows[:, cut]], bank.y[rows[:, cut]]
            x = self._regularization.augmented(x, None if draws is None else draws[:, cut])
            second = share = None
            if partners is not None and mixed is not None:
                second, share = bank.y[partners[:, cut]], mixed[:, cut]
                other = bank.x[partners[:, cut]]
                x = mix(x.flatten(0, 1), other.flatten(0, 1), share.flatten()).view(x.shape)
            yield x, y, second, share, shares[:, number : number + 1]

    def training(self, row: int) -> Training:
        """One row's training, as if it had always been alone."""
        training = self.trainings[row]
        training.model.load_state_dict(self._weights(row))
        self.optimizer.give(row, training, self.rows)
        return training

    def _weights(self, row: int) -> dict[str, Tensor]:
        found = self.rows.state(row)
        own = dict(self.trainings[row].model.named_buffers())
        for name, buffer in own.items():
            held = self.rows.buffers[name][row]
            found[name] = held[tuple(slice(size) for size in buffer.shape)].clone()
        return {name: found[name] for name in self.trainings[row].model.state_dict()}

    def _step(
        self, x: Tensor, y: Tensor, second: Tensor | None, share: Tensor | None, shares: Tensor
    ) -> Tensor:
        """One step of every row; each one's mean loss, shape (members,)."""
        weights = {name: view.detach().requires_grad_() for name, view in self.rows.weights.items()}
        outputs = self.rows.forward(x, weights)
        found = self._losses(outputs, y)
        if second is not None and share is not None:
            found = torch.lerp(self._losses(outputs, second), found, share)
        loss = found.mean(1)
        parts = torch.autograd.grad(
            loss.sum(), list(weights.values())
        )  # each row's loss reaches its own weights only
        grads = torch.cat([part.reshape(len(self), -1) for part in parts], 1)
        with torch.no_grad():
            self._regularization.limit(grads, self.rows.flat)
            self.optimizer.step(self.rows.flat, grads, shares)
        return loss.detach()

    def _losses(self, outputs: Tensor, y: Tensor) -> Tensor:
        """The loss of each sample of each row, shape (members, n)."""
        found = losses(self._kind, outputs.flatten(0, 1), y.flatten()).view(y.shape)
        return self._regularization.smoothed(found, outputs) if self._kind == "classes" else found

    @torch.no_grad()
    def _judge(self) -> list[dict[str, float]]:
        """The validation scores of each row: counted together where all rows are judged on the same samples."""
        first = self.trainings[0]
        if self._kind == "ranking" or any(training.data is not first.data for training in self.trainings):
            return [self._judge_alone(row) for row in range(len(self))]
        self.rows.skeleton.eval()
        x, y = first.data.valid.x, first.data.valid.y
        size = max(1, _VALUES // max(1, len(self) * (x[0].numel() + 1024)))
        outputs = torch.cat(
            [
                self.rows.forward(part.expand(len(self), *part.shape))
                for part in (x[start : start + size] for start in range(0, len(x), size))
            ],
            1,
        )
        found = scores_of_each(self._kind, outputs, y, first.evaluation.extra)
        return [{f"val_{name}": value for name, value in each.items()} for each in found]

    def _judge_alone(self, row: int) -> dict[str, float]:
        training = self.trainings[row]
        model = _Bound(training.model, self._weights(row))
        return judge(model, training.data, training.data.valid, "val_", training.evaluation.extra)


def train_together(trainings: Sequence[Training]) -> list[list[dict[str, float]]]:
    """Train several networks to the end of their plans, those of one architecture stacked, and the scores of every epoch of each.

    Early stopping is left out: all curves have their full length. Afterwards the trainings are as if each had been
    trained alone.

    Example:
        >>> from danlu import deep
        >>> data = deep.from_arrays([[0.0], [1.0]] * 50, [0, 1] * 50)
        >>> make = lambda seed: Training(nn.Linear(1, 2), data, deep.Plan(epochs=3), seed=seed, device=torch.device("cpu"))
        >>> [len(curve) for curve in train_together([make(0), make(1)])]
        [3, 3]
    """
    alike: dict[str, list[int]] = {}
    for at, training in enumerate(trainings):
        alike.setdefault(stack_name(training, at), []).append(at)
    curves: list[list[dict[str, float]]] = [[] for _ in trainings]
    for members in alike.values():
        group = [trainings[at] for at in members]
        if len(group) == 1:
            curves[members[0]] = _alone(group[0])
            continue
        try:
            _stack_and_train(group, members, curves)
        except UNSTACKABLE:
            for at, training in zip(members, group, strict=True):
                curves[at] = _alone(training)
    return curves


def _stack_and_train(
    group: Sequence[Training], members: Sequence[int], curves: list[list[dict[str, float]]]
) -> None:
    block, rows = Stack(group, [0] * len(group)), list(members)
    found: dict[int, list[dict[str, float]]] = {at: [] for at in members}
    while rows:
        for at, scores in zip(rows, block.epoch(), strict=True):
            found[at].append(scores)
        left = [row for row, done in enumerate(block.done) if done < block.trainings[row].plan.epochs]
        for row in set(range(len(rows))) - set(left):
            block.training(row)  # brings it up to date
        rows = [rows[row] for row in left]
        if rows:
            block.keep(left)
    for at, curve in found.items():
        curves[at] = curve


def _alone(training: Training) -> list[dict[str, float]]:
    return [one_epoch(training, epoch, training.best.metric) for epoch in range(1, training.plan.epochs + 1)]


class _Bound(nn.Module):
    """A network with other weights than its own."""

    def __init__(self, model: nn.Module, weights: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.held = (model.eval(), weights)

    def forward(self, x: Tensor) -> Tensor:
        model, weights = self.held
        out: Tensor = functional_call(model, dict(weights), (x,))
        return out


def _bank(orders: Sequence[EpochOrder]) -> tuple[Split, Tensor]:
    """All samples that the orders speak of, one after the other, and each order's rows in that."""
    parts: list[Split] = []
    rows = []
    starts: list[int] = []
    for order in orders:
        at = next((at for at, part in enumerate(parts) if part is order.part), None)
        if at is None:
            starts.append(sum(len(part) for part in parts))
            parts.append(order.part)
            at = len(parts) - 1
        rows.append(order.rows + starts[at])
    if len(parts) == 1:
        return parts[0], torch.stack(rows)
    return Split(torch.cat([part.x for part in parts]), torch.cat([part.y for part in parts])), torch.stack(
        rows
    )


def _stacked(partners: Sequence[Tensor | None], rows: Tensor, orders: Sequence[EpochOrder]) -> Tensor | None:
    """The partners of mixup in the bank's own numbering: rows are moved by as much as the order's were."""
    moved = [
        None if partner is None else partner + (rows[at, 0] - orders[at].rows[0])
        for at, partner in enumerate(partners)
    ]
    return _stack(moved)


def _stack(tensors: Sequence[Any]) -> Tensor | None:
    return None if any(tensor is None for tensor in tensors) else torch.stack(list(tensors))
