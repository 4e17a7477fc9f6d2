"""Functions whose arguments are their hyperparameters: ``def train(lr=1e-3, hidden=64)`` is an objective as it is."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, Literal, get_args, get_origin

from ..core.infer import Inferred, infer
from ..core.live import LiveTrial


class Named:
    """Calls a function with the trial's parameters as arguments, by name.

    Args:
        function: as the user wrote it; one that has an argument ``trial`` gets the live trial there.
        names: of the arguments that are searched.

    Example:
        >>> Named(lambda lr=0.1, hidden=8: lr * hidden, ("lr",))
        Named(<lambda>, lr)
    """

    def __init__(self, function: Callable[..., Any], names: Sequence[str]) -> None:
        self.function, self.names = function, tuple(names)
        self.speaks = "trial" in inspect.signature(function).parameters

    def __repr__(self) -> str:
        return f"Named({getattr(self.function, '__name__', self.function)}, {', '.join(self.names)})"

    def __call__(self, trial: LiveTrial) -> Any:
        """Call the function with the trial's values."""
        values = {name: trial.params[name] for name in self.names}
        return self.function(**values, trial=trial) if self.speaks else self.function(**values)


def by_signature(function: Callable[..., Any]) -> list[Inferred] | None:
    """What a function's arguments say of its hyperparameters; None for a function of one trial.

    A function of one trial has one argument without a default and no others, or takes what it likes.

    Example:
        >>> def train(lr=1e-3, seed=0): ...
        >>> [str(each) for each in by_signature(train)]
        ['lr: 3.33333e-05 to 0.03 on a logarithmic scale; 0.001 first (a learning rate)', 'seed = 0 (not a hyperparameter by its name)']
        >>> by_signature(lambda trial: trial["x"]) is None
        True
    """
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    named = [each for each in parameters if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)]
    needed = [each for each in named if each.default is each.empty]
    optional = [each for each in named if each.default is not each.empty]
    if (
        not optional
        or any(each.name != "trial" for each in needed)
        or any(p.kind is p.POSITIONAL_ONLY for p in parameters)
    ):
        return None
    return [infer(each.name, each.default, _options(each.annotation)) for each in optional]


def _options(annotation: Any) -> Sequence[Any] | None:
    """The values of a ``Literal``, also where annotations are text."""
    if isinstance(annotation, str) and annotation.startswith(("Literal[", "typing.Literal[")):
        try:
            annotation = eval(annotation, {"Literal": Literal, "typing": __import__("typing")})  # noqa: S307
        except Exception:
            return None
    return get_args(annotation) if get_origin(annotation) is Literal else None
