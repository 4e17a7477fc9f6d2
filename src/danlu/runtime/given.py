"""What a trial has been given: its parameters, as a read-only mapping, its number, seed, horizon, context and folder."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np

from ..base import rng
from ..base.foreign import ATTRIBUTES, READ_ONLY, attribute
from ..base.values import Value
from ..contracts.messages import Task
from ..errors import ForeignCall, SettingError
from .parameter_values import ParameterValues


class GivenTrial(Mapping[str, Value]):
    """The half of a trial that can be read.

    ``trial["lr"]`` reads a parameter by full name or unambiguous ending, and so does ``trial.lr`` where the trial has nothing
    else by that name. ``dict(trial)``, ``**trial``, ``in``, ``get``, ``items`` and ``|`` do what they do with a dict.

    Args:
        task: what is run.
        values: its parameters, and what has been asked of them.

    Attributes:
        number: the trial's number in the study, from 0.
        attempt: 1 at first, one more each time the trial is taken up again.
    """

    def __init__(self, task: Task, values: ParameterValues) -> None:
        self.number = task.trial
        self.attempt = task.attempt
        self._values = values
        self._task = task

    @property
    def params(self) -> dict[str, Value]:
        """The values of all active parameters, by full name, in a dict of one's own."""
        return self._values.all()

    def __getitem__(self, name: str) -> Value:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        self._values.read(*self._values)
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __bool__(self) -> bool:
        return True

    def __eq__(self, other: object) -> bool:
        return self is other

    __hash__ = object.__hash__

    def __contains__(self, name: object) -> bool:
        there = name in self._values
        if not there:
            self._values.miss(str(name))
        return there

    def get(self, name: str, default: Any = None) -> Any:
        """The value of a parameter, or ``default`` where there is none by that name at this point."""
        if name not in self:
            return default
        return self[name]

    def copy(self) -> dict[str, Value]:
        """The parameters as a dict of one's own."""
        return dict(self)

    def __or__(self, other: Mapping[str, Any]) -> dict[str, Any]:
        return dict(self) | dict(other)

    def __ror__(self, other: Mapping[str, Any]) -> dict[str, Any]:
        return dict(other) | dict(self)

    def __setitem__(self, name: str, value: object) -> None:
        raise ForeignCall(
            f"a trial's parameters cannot be changed, got trial[{name!r}] = {value!r}. Write {READ_ONLY}."
        )

    def __delitem__(self, name: str) -> None:
        raise ForeignCall(
            f"a trial's parameters cannot be changed, got del trial[{name!r}]. Write {READ_ONLY}."
        )

    def __getattr__(self, name: str) -> Any:
        """A parameter by its name, where the trial itself has nothing by that name."""
        if name.startswith("__") or "_task" not in self.__dict__:
            raise AttributeError(f"a trial has no attribute {name!r}.")
        if name in self._values:
            hidden = [own for own in self._values if own != name and hasattr(type(self), own)]
            if hidden:
                raise ForeignCall(
                    f"parameters can be read as trial.{name} where none has the name of something that a trial has, and "
                    f"{hidden[0]!r} has. Read them as trial[{name!r}] and trial[{hidden[0]!r}], or rename it in the space."
                )
            return self[name]
        self._values.miss(name)
        if name in ATTRIBUTES:
            own = inspect.currentframe()
            raise ForeignCall(f"a danlu trial has no {name}. Write {attribute(name, own and own.f_back)}.")
        near = get_close_matches(
            name, [*self._values, *(own for own in dir(type(self)) if own[0] != "_")], n=1
        )
        raise ForeignCall(
            f"a trial has no attribute and no parameter {name!r}."
            + (
                f" Did you mean {near[0]!r}?"
                if near
                else f" Its parameters are: {', '.join(self._values) or 'none'}. Add {name!r} to the space, as a plain value where it is not to be "
                f"searched: {{{name!r}: 0.1}}."
            )
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}(number={self.number}, params={dict(self._task.params)!r})"

    @property
    def seed(self) -> int:
        """A seed for this trial's own training, the same on every attempt, below 2**31."""
        return rng.key(self._task.seed, self.number, "objective") % 2**31

    @property
    def rng(self) -> np.random.Generator:
        """A fresh numpy generator for this trial, the same on every attempt."""
        return rng.generator(self._task.seed, self.number, "objective")

    @property
    def horizon(self) -> int | None:
        """The step this attempt is meant to run to, for schedules that depend on it; None when nobody knows.

        The fidelity's highest level, or the rung at which the scheduler will pause the trial.
        """
        return self._task.horizon

    @property
    def context(self) -> Mapping[str, Any]:
        """What the study evaluates this trial in, ``trial.context["fold"]``; empty where every trial is a configuration of its own."""
        return dict(self._task.context)

    @property
    def dir(self) -> Path:
        """A folder for this trial's own files, made when it is first asked for; ``result.dir()`` finds the best trial's.

        An attempt that takes the trial up again finds it as it was left. It stays or goes with the trial's checkpoints:
        by default the folders of the best trials stay, with ``keep="all"`` everybody's. It lies beside the store's
        checkpoints; in a study without a store, in a temporary folder that goes with the process. Where checkpoints
        are at a URL it is on the machine that runs the trial, and another machine begins with an empty one.

        Raises:
            SettingError: for a trial that no study has made.
        """
        if not self._task.folder:
            raise SettingError("this trial was made by hand and has no folder. Ask a study for one.")
        folder = Path(self._task.folder)
        folder.mkdir(parents=True, exist_ok=True)
        return folder
