"""Hydra's overrides as a space, read by Hydra's own parser: ``interval``, ``choice``, ``range``, ``glob``, casts and tags.

What an override leaves unsaid is taken as Hydra takes it: an interval is of real numbers unless it is cast, ``int(interval(1,8))``, a
range ends before its stop, the last override of a key counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ...base.values import typed_key
from ...errors import MissingExtra, SpaceError
from ...space.parameters import Choice, Float, Int, Leaf

_NOTHING = object()
_KNOWN = {"log", "ordered"}
"""Tags that mean something here."""


class Given(NamedTuple):
    """One override: what is written before its value, and the value, or the parameter that is searched."""

    key: str
    text: str = ""
    parameter: Leaf | None = None
    options: tuple[str, ...] = ()

    def written(self, value: Any) -> str:
        """The override with a value of the parameter, which an option has as it was written."""
        if isinstance(self.parameter, Choice):
            return f"{self.key}={self.options[self.parameter.index(value)]}"
        return f"{self.key}={value!r}"


class Overrides(NamedTuple):
    """What is searched, and what every job is given.

    Attributes:
        given: overrides in their order, by the name of the parameter in the study, or by the key of what is fixed.
        said: sentences about what may be read otherwise.
    """

    given: dict[str, Given]
    said: tuple[str, ...] = ()

    @property
    def space(self) -> dict[str, Leaf]:
        """The parameters by name."""
        return {name: each.parameter for name, each in self.given.items() if each.parameter is not None}

    def written(self, params: Mapping[str, Any]) -> list[str]:
        """The overrides of one job."""
        return [
            each.text if each.parameter is None else each.written(params[name])
            for name, each in self.given.items()
        ]


def read(
    arguments: Iterable[str], *, loader: Any = None, defaults: Mapping[str, Any] | None = None
) -> Overrides:
    """What Hydra's overrides search.

    Args:
        arguments: as on the command line, ``lr=interval(0.1,1)``; later ones of a key stand for earlier ones.
        loader: of the application's config, which knows the options of a group; needed for ``glob``.
        defaults: values that the config has by itself; where one is in a range, it is tried first.

    Raises:
        MissingExtra: when Hydra is not installed.
        SpaceError: for what makes no range.

    Example:
        >>> found = read(["lr=tag(log,interval(1e-5,0.1))", "net=cnn,mlp", "epochs=3"])
        >>> found.space
        {'lr': Float(low=1e-05, high=0.1, log=True, step=None, prior=None), 'net': Choice(['cnn', 'mlp'])}
        >>> found.written({"lr": 0.5, "net": "mlp"})
        ['lr=0.5', 'net=mlp', 'epochs=3']
    """
    try:
        from hydra.core.override_parser.overrides_parser import OverridesParser
        from hydra.errors import HydraException
    except ImportError as error:
        raise MissingExtra("reading Hydra's overrides", "hydra-core", "hydra") from error
    try:
        parsed = OverridesParser.create(config_loader=loader).parse_overrides(list(arguments))
    except HydraException as error:
        raise SpaceError(f"Hydra cannot read an override: {error}") from error
    given: dict[str, Given] = {}
    said: dict[str, list[str]] = {}
    for override in parsed:
        name = override.key_or_group + (f"@{override.package}" if override.package else "")
        given.pop(name, None)
        notes = said[name] = []
        if not override.is_sweep_override():
            given[name] = Given(override.get_key_element(), str(override.input_line))
            continue
        try:
            given[name] = _searched(name, override, (defaults or {}).get(name, _NOTHING), notes)
        except SpaceError as error:
            raise SpaceError(f"{override.input_line}: {error}") from None
    return Overrides(given, tuple(sentence for notes in said.values() for sentence in notes))


def _searched(name: str, override: Any, default: Any, said: list[str]) -> Given:
    """A sweep of an override as a parameter; one that has a single value is fixed."""
    key = override.get_key_element()
    tags = set(getattr(override.value(), "tags", ()))
    log = "log" in tags
    strange = sorted(tags - _KNOWN)
    said.extend(f"{name}: the tag {tag} means nothing here, log and ordered do." for tag in strange)
    if override.is_interval_sweep():
        return _interval(key, override.value(), default, log=log)
    if override.is_range_sweep():
        numbers = sorted(override.sweep_iterator())
        if not numbers:
            raise SpaceError(
                f"{name} needs a range with something in it. Write range(1,9), which ends before 9."
            )
        return _steps(name, key, numbers, abs(override.value().step), default, said, log=log)
    if log:
        said.append(f"{name}: the tag log means nothing for options.")
    return _options(key, override, default, ordered="ordered" in tags)


def _interval(key: str, sweep: Any, default: Any, *, log: bool) -> Given:
    low, high = sweep.start, sweep.end
    if low == high:
        return Given(key, f"{key}={low!r}")
    if isinstance(low, int) and isinstance(high, int):
        return Given(key, parameter=Int(low, high, log=log, prior=_prior(Int(low, high), default)))
    return Given(key, parameter=Float(low, high, log=log, prior=_prior(Float(low, high), default)))


def _steps(
    name: str, key: str, numbers: Sequence[float], step: float, default: Any, said: list[str], *, log: bool
) -> Given:
    """The numbers of a range, which rise in equal steps."""
    low, high = numbers[0], numbers[-1]
    if len(numbers) == 1:
        return Given(key, f"{key}={low!r}")
    scaled = log and step == 1 and isinstance(low, int) and low > 0
    if log and not scaled:
        said.append(
            f"{name}: a range with a step is searched on a linear scale, so the tag log means nothing here."
        )
    if all(isinstance(each, int) for each in numbers):
        whole = Int(int(low), int(high), step=1 if scaled else int(step), log=scaled)
        return Given(
            key, parameter=Int(int(low), int(high), step=whole.step, log=scaled, prior=_prior(whole, default))
        )
    return Given(
        key, parameter=Float(low, high, step=step, prior=_prior(Float(low, high, step=step), default))
    )


def _options(key: str, override: Any, default: Any, *, ordered: bool) -> Given:
    """Options as Hydra would write them; lists and dicts are options by their text."""
    from hydra.core.override_parser.types import Transformer

    texts: dict[Any, tuple[Any, str]] = {}
    for each in override.sweep_iterator():  # once: a shuffled one has another order each time
        text = str(Transformer.str(each))
        value = getattr(each, "text", each)  # of a quoted string
        if isinstance(value, list | dict):
            value = text
        texts.setdefault(typed_key(value), (value, _readable(text)))
    if not texts:
        raise SpaceError(f"{key} needs options, and there are none.")
    values, written = [value for value, _ in texts.values()], tuple(text for _, text in texts.values())
    if len(values) == 1:
        return Given(key, f"{key}={written[0]}")
    choice = Choice(values, ordered=ordered)
    try:
        prior = choice.check(key, default)
    except SpaceError:
        return Given(key, parameter=choice, options=written)
    return Given(key, parameter=Choice(values, ordered=ordered, prior=prior), options=written)


def _readable(text: str) -> str:
    """An option that Hydra can read again: what it writes without its quotes it may not."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.core.override_parser.types import Quote, QuotedString
    from hydra.errors import HydraException

    try:
        OverridesParser.create().parse_override(f"key={text}")
    except HydraException:
        return str(QuotedString(text, Quote.single).with_quotes())
    return text


def _prior(parameter: Any, default: Any) -> Any:
    """The config's own value, where the range has it."""
    try:
        return parameter.check("default", default)
    except SpaceError:
        return None
