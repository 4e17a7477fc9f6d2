"""Which device a trial goes to, and how many share one: by the memory that trials declare, or turn out to need.

Where nothing is declared a device begins with as many trials as slots fall to it; where memory is measured it begins with one,
and takes more as the largest trial seen so far leaves room. A trial that ran out of memory beside others teaches that so many
are too many, and gets a device for itself once.
"""

from __future__ import annotations

from typing import Literal

SHARE = 0.92
"""Of a device's memory that is given out; the rest is for what no allocator counts."""

CONTEXT = 600 << 20
"""Bytes that a process takes of a GPU beside its tensors (CUDA's context and libraries)."""

Need = int | Literal["measured"] | None


class Packing:
    """Trials on devices. With no devices, the machine is the one device.

    Args:
        devices: how many there are.
        slots: trials at once over all devices.
        need: bytes of a device that a trial needs, "measured", or None for an even share of slots.
        totals: bytes of each device, where they are known from the start.

    Example:
        >>> packing = Packing(1, 4, need="measured")
        >>> packing.room, packing.place(0)
        (1, 0)
        >>> packing.measured(0, peak=3 << 30, total=12 << 30)
        >>> packing.leave(0), packing.room
        (False, 3)
    """

    def __init__(self, devices: int, slots: int, need: Need = None, totals: tuple[int, ...] = ()) -> None:
        self._slots = slots
        self._need = need
        self._tenants: list[set[int]] = [set() for _ in range(max(1, devices))]
        self._totals = [*totals, *[0] * (len(self._tenants) - len(totals))]
        self._most = [slots] * len(self._tenants)
        self._peak = 0
        self._crowded: set[int] = set()
        self._alone: dict[int, int] = {}

    @property
    def room(self) -> int:
        """How many trials may run at once now."""
        return min(self._slots, sum(self._capacity(device) for device in range(len(self._tenants))))

    def place(self, trial: int, *, alone: bool = False) -> int | None:
        """The device for a trial; None while there is no place for it.

        A trial that has to be alone keeps others from the device it waits for.
        """
        if alone and trial not in self._alone:
            free = [device for device in range(len(self._tenants)) if device not in self._alone.values()]
            if not free:
                return None
            self._alone[trial] = min(free, key=lambda device: len(self._tenants[device]))
        if sum(map(len, self._tenants)) >= self._slots:
            return None
        if alone:
            device = self._alone[trial]
            if self._tenants[device]:
                return None
        else:
            open_ = [
                device
                for device, tenants in enumerate(self._tenants)
                if device not in self._alone.values() and len(tenants) < self._capacity(device)
            ]
            if not open_:
                return None
            device = min(open_, key=lambda device: len(self._tenants[device]))
        self._tenants[device].add(trial)
        if len(self._tenants[device]) > 1:
            self._crowded |= self._tenants[device]
        return device

    def measured(self, trial: int, peak: int, total: int) -> None:
        """What a trial has taken of its device at most, and how much the device has, in bytes."""
        self._peak = max(self._peak, peak + CONTEXT)
        for device, tenants in enumerate(self._tenants):
            if trial in tenants:
                self._totals[device] = total

    def burst(self, trial: int) -> None:
        """A trial ran out of memory: beside others, so many are too many."""
        for device, tenants in enumerate(self._tenants):
            if trial in tenants and len(tenants) > 1:
                self._most[device] = min(self._most[device], len(tenants) - 1)

    def leave(self, trial: int) -> bool:
        """A trial is gone; whether it ever shared its device."""
        for tenants in self._tenants:
            tenants.discard(trial)
        self._alone.pop(trial, None)
        crowded = trial in self._crowded
        self._crowded.discard(trial)
        return crowded

    def _capacity(self, device: int) -> int:
        if device in self._alone.values():
            return 1
        if self._need is None:
            even = -(-self._slots // len(self._tenants))
            return min(even, self._most[device])
        need = self._peak if self._need == "measured" else self._need
        known = need > 0 and self._totals[device] > 0
        return max(1, min(int(self._totals[device] * SHARE / need), self._most[device])) if known else 1
