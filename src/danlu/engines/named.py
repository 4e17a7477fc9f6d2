"""Functions whose arguments are their hyperparameters: ``def train(lr=1e-3, hidden=64)`` is an objective as it is."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Literal, NamedTuple, get_args, get_origin

from ..errors import ObjectiveError
from ..runtime.live import LiveTrial, attempt_of
from ..space.infer import Inferred, infer

LIVE = (
    "trial",
    "config",
    "cfg",
    "params",
    "parameters",
    "hp",
    "hparams",
    "space",
    "args",
    "point",
    "configuration",
    "settings",
)
"""Names of arguments that get the live trial, which is a mapping of its parameters, beside others that are parameters."""

_NAMEABLE = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
    inspect.Parameter.KEYWORD_ONLY,
)


class CallPlan(NamedTuple):
    """How a function is called: which arguments are parameters, which get the live trial, whether ``**rest`` gets the rest."""

    parameters: tuple[inspect.Parameter, ...]
    live: tuple[inspect.Parameter, ...] = ()
    rest: bool = False


class Named:
    """Calls a function with the trial's parameters as arguments, by name.

    Args:
        function: as the user wrote it; an argument ``trial``, or a first one that is not a parameter, gets the live trial.
        names: of the parameters that are searched.

    Raises:
        ObjectiveError: when its arguments are not these parameters.

    Example:
        >>> Named(lambda lr=0.1, hidden=8: lr * hidden, ("lr",))
        Named(<lambda>, lr)
    """

    def __init__(self, function: Callable[..., Any], names: Sequence[str]) -> None:
        self.function, self.names = function, tuple(names)
        self._plan = plan_of(function, self.names)

    def __repr__(self) -> str:
        return f"Named({getattr(self.function, '__name__', self.function)}, {', '.join(self.names)})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Named, (self.function, self.names)

    def __call__(self, trial: LiveTrial) -> Any:
        """Call the function with the trial's values."""
        if self._plan is None:
            return self.function(trial)
        first: list[Any] = []
        named: dict[str, Any] = {}
        for each in (*self._plan.live, *self._plan.parameters):
            value = trial if each in self._plan.live else self._value(trial, each)
            if each.kind is each.POSITIONAL_ONLY:
                first.append(value)
            elif value is not each.empty:
                named[each.name] = value
        if self._plan.rest:
            taken = [each.name for each in self._plan.parameters]
            named.update(
                {name: trial[name] for name in trial if name not in taken and not _ends(name, taken)}
            )
        return self.function(*first, **named)

    def _value(self, trial: LiveTrial, argument: inspect.Parameter) -> Any:
        if argument.name in trial:
            return trial[argument.name]
        if argument.default is argument.empty:
            raise ObjectiveError(
                f"{_called(self.function)} needs {argument.name}, which trial {trial.number} does not have. Give it a default, "
                f"{argument.name}=None."
            )
        return argument.empty


class Furnished:
    """An objective with the things that its space names: they travel together to wherever trials run.

    Args:
        objective: a function of one live trial, or its import path.
        things: for each parameter, its things by name.

    Example:
        >>> Furnished(lambda trial: 0, {"act": {"relu": max}})
        Furnished(<lambda>, act)
    """

    def __init__(self, objective: Callable[..., Any], things: Mapping[str, Mapping[str, Any]]) -> None:
        self.objective, self.things = objective, things

    def __repr__(self) -> str:
        return f"Furnished({getattr(self.objective, '__name__', self.objective)}, {', '.join(self.things)})"

    def __call__(self, trial: LiveTrial) -> Any:
        """Give the trial its things, then call the objective."""
        attempt_of(trial).values.furnish(self.things)
        return self.objective(trial)


def plan_of(function: Callable[..., Any], names: Sequence[str]) -> CallPlan | None:
    """How to call a function in a space with these names; None for a function of one live trial.

    Raises:
        ObjectiveError: when some of its arguments are parameters and others nothing that is known, or when
            a parameter would be searched and never reach it.

    Example:
        >>> def train(lr, hidden=8): ...
        >>> [each.name for each in plan_of(train, ["lr", "hidden"]).parameters]
        ['lr', 'hidden']
        >>> plan_of(lambda trial: trial["lr"], ["lr"]) is None
        True
    """
    if inspect.isclass(function):
        raise ObjectiveError(
            f"an objective is called once for each trial and gives its metrics, and {function.__name__} is a class. "
            f"Give a function, or a method or an object with __call__: {function.__name__}(...)."
        )
    try:
        every = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return None
    nameable = [each for each in every if each.kind in _NAMEABLE]
    taken = [each for each in nameable if each.name != "trial" and _matches(each.name, names)]
    needed = [each for each in nameable if each.default is each.empty and each not in taken]
    rest = any(each.kind is each.VAR_KEYWORD for each in every)
    loose = any(each.kind is each.VAR_POSITIONAL for each in every)
    _not_bound_twice(function, taken)
    if not taken and not needed and not loose and not rest:
        optional = next(
            (each for each in nameable if each.name in LIVE and each.kind is not each.KEYWORD_ONLY), None
        )
        if optional is None and (names or not nameable):
            raise ObjectiveError(_astray(function, nameable, names))
        return CallPlan((), (optional,)) if optional else None
    spoken = [each for each in nameable if each.name == "trial" and each not in needed]
    if not taken and not spoken and (loose or len(needed) == 1):
        kind = needed[0].kind if needed else inspect.Parameter.VAR_POSITIONAL
        return CallPlan((), tuple(needed)) if kind is inspect.Parameter.KEYWORD_ONLY else None
    live = [*needed, *spoken]
    odd = [each for each in needed if each.name not in LIVE]
    if odd and (odd != needed[:1] or odd[0] is not nameable[0] or odd[0].name in ("self", "cls")):
        raise ObjectiveError(_astray(function, odd, names))
    for each in taken:
        if each.default is each.empty and not any(
            _always(name, names) for name in names if _ends(name, [each.name])
        ):
            raise ObjectiveError(
                f"{_called(function)} needs {each.name}, which is not active at every point. Give it a default, {each.name}=None."
            )
    unread = [name for name in names if not _ends(name, [each.name for each in taken])]
    if taken and unread and not live and not rest:
        raise ObjectiveError(
            f"{_called(function)} takes {', '.join(each.name for each in taken)}, and the space has {', '.join(unread)} too, which it "
            f"would never see. Add an argument for each or **rest, or have one argument, trial, and read trial[{names[0]!r}]."
        )
    return CallPlan(tuple(taken), tuple(live), rest and not live)


def taken_whole(function: Callable[..., Any], names: Sequence[str]) -> str:
    """What to add to the error of a function that took the trial for a value, '' where its argument says what it is.

    Example:
        >>> taken_whole(lambda learning_rate: learning_rate - 0.3, ["lr"])
        "; its one argument, learning_rate, is the whole trial: read learning_rate['lr'], or name the argument lr"
        >>> taken_whole(lambda trial: trial - 0.3, ["lr"])
        ''
    """
    try:
        first = next(iter(inspect.signature(function).parameters), "")
    except (TypeError, ValueError):
        return ""
    if not names or not first or first in LIVE:
        return ""
    return f"; its one argument, {first}, is the whole trial: read {first}[{names[0]!r}], or name the argument {names[0]}"


def fitted(objective: Callable[..., Any], names: Sequence[str]) -> Callable[..., Any]:
    """An objective that is called with one live trial, whatever its arguments are.

    Raises:
        ObjectiveError: as ``plan_of``.
    """
    if isinstance(objective, Named | Furnished) or not callable(objective):
        return objective
    return objective if plan_of(objective, names) is None else Named(objective, names)


def _matches(argument: str, names: Sequence[str]) -> bool:
    return any(name == argument or name.endswith(f".{argument}") for name in names)


def _ends(name: str, arguments: Sequence[str]) -> bool:
    return any(name == argument or name.endswith(f".{argument}") for argument in arguments)


def _always(name: str, names: Sequence[str]) -> bool:
    """Whether no switch decides on it: an option's parameters begin with the name of their switch."""
    return not any(name.startswith(f"{other}.") for other in names)


def _not_bound_twice(function: Callable[..., Any], taken: Sequence[inspect.Parameter]) -> None:
    if isinstance(function, functools.partial):
        for each in taken:
            if each.name in function.keywords:
                raise ObjectiveError(
                    f"{each.name} is in the space and fixed at {function.keywords[each.name]!r} by functools.partial. Drop one of them."
                )


def _astray(function: Callable[..., Any], odd: Sequence[inspect.Parameter], names: Sequence[str]) -> str:
    """The sentence for arguments that nothing in the space answers to."""
    called = _called(function)
    if not odd:
        return f"{called} takes no argument, so it cannot see what is tried. Give it one, trial, and read trial[{(names or ['lr'])[0]!r}]."
    if odd[0].name in ("self", "cls"):
        return f"{called} takes {odd[0].name}: it is a method without its object. Give a bound method, thing.{called}."
    near = get_close_matches(odd[0].name, [*names, *(name.rpartition(".")[2] for name in names)], n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return (
        f"{called} takes {', '.join(each.name for each in odd)}, which the space does not have.{hint} The space has "
        f"{', '.join(names) or 'nothing'}. Name arguments as in the space, give other values by functools.partial, or take one "
        "argument, trial."
    )


def _called(function: Callable[..., Any]) -> str:
    inner = function.func if isinstance(function, functools.partial) else function
    return str(getattr(inner, "__name__", type(inner).__name__))


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
