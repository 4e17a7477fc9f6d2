"""A search space of Ray Tune's, a tree of dicts and lists with domains in it, as a danlu space, and configurations as points of it."""

from __future__ import annotations

import contextlib
import itertools
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from ray.tune.search import sample, variant_generator

from ...base.rng import key
from ...base.values import shown
from ...errors import SpaceError
from ...space.parameters import Choice, Float, Int, Leaf, Switch
from ...space.space import Space
from ..naming import plain_options, rising, words_of
from .distributions import SIGMAS, Number, number

FOREIGN = ("optuna", "hyperopt", "ConfigSpace", "nevergrad", "skopt")
"""Packages whose distributions Ray's other searchers take, and which stand for nothing here."""

HIDDEN = ("__fn_ph", "__ref_ph")
"""What Ray's tuner puts in the place of functions and of objects before a searcher sees the space, and takes out of what is suggested."""

Parameters = dict[str, Any]


class FixedNode(NamedTuple):
    """Whatever is the same in all configurations."""

    value: Any


class NumberNode(NamedTuple):
    """One number, by its full name in danlu's space, '' where it can only have one value."""

    name: str
    number: Number


class OwnNode(NamedTuple):
    """A parameter of danlu's that stands in Ray's space as it is."""

    name: str
    parameter: Leaf


class ChosenNode(NamedTuple):
    """One of several options, each a tree of its own; ``words`` are what danlu calls them."""

    name: str
    path: str
    choice: Choice
    options: tuple[Any, ...]


class ComputedNode(NamedTuple):
    """What a function makes of the other values."""

    domain: Any


class BranchNode(NamedTuple):
    """A dict, or a list or tuple by place."""

    kind: type
    nodes: dict[Any, Any]


class TuneSpace:
    """A space in Ray's terms and in danlu's.

    Args:
        spec: Ray's ``param_space``: domains, ``grid_search``, ``sample_from``, danlu's own ``Float``, ``Int`` and ``Choice``, and constants, in
            dicts and lists to any depth.

    Attributes:
        space: in danlu's terms; the parts of a path are parted by dots.
        said: how things that danlu cannot search as they are were read, a sentence for each.
        hidden: whether there are functions or objects in it that Ray's tuner keeps to itself.
        grid: the parameters that are tried in every combination with all else, with their options.

    Raises:
        SpaceError: for what danlu cannot search.

    Example:
        >>> from ray import tune
        >>> found = TuneSpace({"lr": tune.loguniform(1e-4, 1e-1), "net": tune.choice([{"kind": "deep", "layers": tune.randint(2, 5)}, "linear"])})
        >>> found.space.names
        ('lr', 'net', 'net.deep.layers')
        >>> found.config({"lr": 0.01, "net": "deep", "net.deep.layers": 3})
        {'lr': 0.01, 'net': {'kind': 'deep', 'layers': 3}}
        >>> found.point({"lr": 0.01, "net": "linear"})
        {'lr': 0.01, 'net': 'linear'}
    """

    def __init__(self, spec: Mapping[Any, Any]) -> None:
        if not isinstance(spec, Mapping):
            raise SpaceError(
                f"a space of Ray Tune's is a dict, got {shown(spec)}. Write {{'lr': tune.loguniform(1e-4, 1e-1)}}."
            )
        self._given = spec
        self.hidden = False
        self.said: dict[str, str] = {}
        self.grid: dict[str, tuple[Any, ...]] = {}
        self._paths: dict[str, str] = {}
        parameters: Parameters = {}
        self._root: BranchNode = self._read(dict(spec), "", "", parameters)
        self.space = Space(parameters)

    def __reduce__(self) -> tuple[Any, ...]:
        return TuneSpace, (self._given,)

    @property
    def combinations(self) -> list[dict[str, Any]]:
        """All combinations of what is in a grid; one empty one where there is none."""
        return [
            dict(zip(self.grid, values, strict=True)) for values in itertools.product(*self.grid.values())
        ]

    def config(self, values: Mapping[str, Any], seed: int = 0) -> dict[Any, Any]:
        """Ray's configuration at a point of danlu's space.

        What a function computes follows from the point and the seed, also where it draws from ``random`` or ``numpy.random``.

        Args:
            values: of the parameters that are active, by name.
            seed: of what functions draw.
        """
        made: dict[Any, Any] = _made(self._root, values)
        if not variant_generator._has_unresolved_values(made):
            return made
        with _seeded(seed) as drawn:
            _, found = next(variant_generator.generate_variants(made, random_state=drawn))
        return dict(found)

    def point(self, config: Mapping[Any, Any]) -> dict[str, Any]:
        """The point of danlu's space at a configuration; what it leaves out is left out, and paths may be written ``"net/lr"``.

        Raises:
            SpaceError: for a value outside of the space, and for a name that it does not have.
        """
        point: dict[str, Any] = {}
        self._place(self._root, _nested(config, self._root), "", point)
        return {name: self._checked(name, value) for name, value in point.items()}

    def shared(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """A point without what is in the grid."""
        within = tuple(f"{name}." for name in self.grid)
        return {
            name: value
            for name, value in values.items()
            if name not in self.grid and not name.startswith(within)
        }

    def _checked(self, name: str, value: Any) -> Any:
        slot = next(slot for slot in self.space.slots if slot.name == name)
        return slot.parameter.check(name, value)

    # From Ray's tree to danlu's.

    def _read(self, given: Any, path: str, above: str, parameters: Parameters) -> Any:
        """A node of Ray's tree; what is searched in it goes into ``parameters``, under names that lie below ``above``."""
        if _hides(given):
            self.hidden = True
            if given[0] == HIDDEN[0]:
                self.said[f"function of {path}"] = (
                    f"{path} is what a function makes of the other values (sample_from): Ray computes it for every trial, from random numbers of its "
                    "own where it draws, and it is not searched"
                )
            return FixedNode(given)
        if isinstance(given, Mapping) and set(given) == {"grid_search"}:
            return self._gridded(given["grid_search"], path, above, parameters)
        if isinstance(given, Mapping) and set(given) == {"eval"}:
            self._computes(path)
            return ComputedNode(given)  # Ray's own words for a function
        if isinstance(given, Mapping):
            nodes = {
                name: self._read(each, f"{path}.{name}" if path else str(name), above, parameters)
                for name, each in given.items()
            }
            return BranchNode(dict, nodes)
        if isinstance(given, list | tuple) and _searches(given):
            nodes = {at: self._read(each, f"{path}.{at}", above, parameters) for at, each in enumerate(given)}
            return BranchNode(type(given), nodes)
        return self._leaf(given, path, above, parameters)

    def _leaf(self, given: Any, path: str, above: str, parameters: Parameters) -> Any:
        if isinstance(given, sample.Function):
            self._computes(path)
            return ComputedNode(given)
        if isinstance(given, sample.Categorical):
            return self._choosing(given.categories, path, above, parameters)
        if isinstance(given, sample.Float | sample.Integer):
            found = number(path, given)
            if found.cut:
                self.said[f"range of {path}"] = (
                    f"{path} has no ends in Ray Tune and is searched within {SIGMAS:g} standard deviations of its mean"
                )
            if found.parameter is None:
                return NumberNode("", found)
            return NumberNode(self._put(found.name, path, above, found.parameter, parameters), found)
        if isinstance(given, Float | Int | Choice):
            return OwnNode(self._put(path, path, above, given, parameters), given)
        self._refuse(given, path)
        return FixedNode(given)

    def _refuse(self, given: Any, path: str) -> None:
        """Refuse what is meant to be searched, and that Ray would hand on as it is."""
        package = type(given).__module__.partition(".")[0]
        if isinstance(given, Switch):
            raise SpaceError(
                f"{path} is a Switch of danlu's. In a space of Ray's write tune.choice([...]) with a dict for each option."
            )
        if isinstance(given, sample.Domain) or package in FOREIGN:
            raise SpaceError(
                f"{path} is a {type(given).__module__}.{type(given).__name__}, which danlu cannot search here. Use tune.uniform, loguniform, randn, "
                "randint, lograndint, their q-kinds, choice, grid_search or sample_from."
            )

    def _computes(self, path: str) -> None:
        self.said[f"function of {path}"] = (
            f"{path} is what a function makes of the other values (sample_from): it is computed for every trial, and not searched"
        )

    def _gridded(self, values: Any, path: str, above: str, parameters: Parameters) -> Any:
        """A grid, as a choice all of whose options are tried with every point."""
        options = list(values)
        if above:
            raise SpaceError(
                f"{path} is a grid_search inside an option of tune.choice, where not every trial has it. Use tune.choice there."
            )
        if any(isinstance(option, Mapping) for option in options):
            raise SpaceError(
                f"{path} is a grid_search over dicts, into which Ray's searchers merge their suggestion. Use a grid_search over names, and have "
                "the dict made of the name where it is needed, or tune.choice."
            )
        found = self._choosing(options, path, above, parameters)
        if isinstance(found, ChosenNode):
            self.grid[found.name] = tuple(found.choice.values)
        return found

    def _choosing(self, options: Sequence[Any], path: str, above: str, parameters: Parameters) -> Any:
        """A choice; options that hold something to search open a space of their own."""
        if not options:
            raise SpaceError(f"{path} needs something to choose from, got no option.")
        if len(options) == 1:
            return self._read(options[0], path, above, parameters)
        opens = [_searches(option) for option in options]
        computes = [_computes(option) for option in options]
        named = [f"object {at}" if _hides(option) else option for at, option in enumerate(options, 1)]
        if named != list(options):
            self.hidden = True
            self.said[f"options of {path}"] = (
                f"options of {path} are objects, which Ray shows no searcher: they are called by their places. Give the space to the search as well, "
                "danlu.ray_tune.Search(space), to have their own names"
            )
        if not any(opens) and not any(computes):
            words = plain_options(named)
            choice = Choice(words, ordered=rising(words))
            name = self._put(path, path, above, choice, parameters)
            return ChosenNode(name, path, choice, tuple(map(FixedNode, options)))
        labels = words_of(
            [_hint(option) if inside else option for option, inside in zip(named, opens, strict=True)]
        )
        name = self._full(path, path, above)
        nodes: list[Any] = []
        branches: dict[str | tuple[str, ...], Mapping[str, Any]] = {}
        for option, word in zip(options, labels, strict=True):
            inner: Parameters = {}
            nodes.append(self._read_option(option, path, f"{name}.{word}", inner))
            branches[word] = inner
        switch = Switch(branches) if any(branches.values()) else Choice(labels)
        choice = switch.choice if isinstance(switch, Switch) else switch
        self._put(path, path, above, switch, parameters)
        return ChosenNode(name, path, choice, tuple(nodes))

    def _read_option(self, option: Any, path: str, above: str, inner: Parameters) -> Any:
        """An option, whose parameters are named from the option on."""
        tree = isinstance(option, Mapping | list | tuple)
        return self._read(option, "" if tree else path.rpartition(".")[2], above, inner)

    def _put(self, name: str, path: str, above: str, parameter: Any, parameters: Parameters) -> str:
        full = self._full(name, path, above)
        self._paths[full] = path
        parameters[name] = parameter
        return full

    def _full(self, name: str, path: str, above: str) -> str:
        full = f"{above}.{name}" if above else name
        if full in self._paths:
            raise SpaceError(
                f"two parameters would be called {full!r}, as the parts of a path are parted by dots. Rename one of them."
            )
        return full

    # From a configuration to a point.

    def _place(self, node: Any, given: Any, path: str, point: dict[str, Any]) -> None:
        """Put what a configuration says at a node into a point.

        Raises:
            SpaceError: when it is something that the node cannot be.
        """
        match node:
            case FixedNode():
                if not _same(node.value, given):
                    raise SpaceError(
                        f"{path or 'the space'} is {shown(node.value)} in the space, got {shown(given)}."
                    )
            case ComputedNode():
                return
            case NumberNode():
                value = node.number.ours(given)
                if node.name:
                    point[node.name] = value
            case OwnNode():
                point[node.name] = node.parameter.check(path, given)
            case ChosenNode():
                at = self._option_of(node, given, path)
                point[node.name] = node.choice.values[at]
                self._place(node.options[at], given, path, point)
            case BranchNode():
                self._place_branch(node, given, path, point)

    def _place_branch(self, node: BranchNode, given: Any, path: str, point: dict[str, Any]) -> None:
        if node.kind is not dict:
            if not isinstance(given, list | tuple) or len(given) != len(node.nodes):
                raise SpaceError(f"{path} needs a list of {len(node.nodes)}, got {shown(given)}.")
            given = dict(enumerate(given))
        if not isinstance(given, Mapping):
            raise SpaceError(f"{path or 'a configuration'} needs a dict, got {shown(given)}.")
        for name, each in given.items():
            below = f"{path}.{name}" if path else str(name)
            if name not in node.nodes:
                raise SpaceError(
                    f"{below} is not in the space. There are: {', '.join(map(str, node.nodes)) or 'no names'}."
                )
            self._place(node.nodes[name], each, below, point)

    def _option_of(self, node: ChosenNode, given: Any, path: str) -> int:
        """The place of the option that this is."""
        for at, option in enumerate(node.options):
            try:
                found: dict[str, Any] = {}
                self._place(option, given, path, found)
                whole = not isinstance(option, BranchNode) or _whole(option, given)
                checked = {name: self._checked(name, value) for name, value in found.items()}
            except SpaceError:
                continue
            if whole or checked:
                return at
        words = ", ".join(map(str, node.choice.values))
        raise SpaceError(f"{path} needs one of its options ({words}), got {shown(given)}.")


def _made(node: Any, values: Mapping[str, Any]) -> Any:
    """What a node is at a point; functions stay what they are."""
    match node:
        case FixedNode():
            return node.value
        case ComputedNode():
            return node.domain
        case NumberNode():
            return node.number.theirs(values.get(node.name))
        case OwnNode():
            value = values[node.name]
            return node.parameter.given(value) if isinstance(node.parameter, Choice) else value
        case ChosenNode():
            return _made(node.options[node.choice.index(values[node.name])], values)
    found = {name: _made(each, values) for name, each in node.nodes.items()}
    return found if node.kind is dict else node.kind(found.values())


def _nested(config: Mapping[Any, Any], root: BranchNode) -> dict[Any, Any]:
    """A configuration whose paths may be written in one, ``"net/lr"``, as the space has them."""
    found: dict[Any, Any] = {}
    for name, value in config.items():
        if isinstance(name, str) and "/" in name and name not in root.nodes:
            first, _, rest = name.partition("/")
            inner = found.setdefault(first, {})
            if isinstance(inner, dict):
                below = root.nodes.get(first)
                inner |= _nested({rest: value}, below) if isinstance(below, BranchNode) else {rest: value}
                continue
        found[name] = value
    return found


def _searches(given: Any) -> bool:
    """Whether there is something to search, or to compute, in it."""
    if isinstance(given, Mapping):
        return set(given) in ({"grid_search"}, {"eval"}) or any(map(_searches, given.values()))
    if isinstance(given, list | tuple):
        return any(map(_searches, given))
    return isinstance(given, sample.Domain | Float | Int | Choice | Switch)


def _hides(given: Any) -> bool:
    """Whether Ray's tuner has put this in the place of something else."""
    return isinstance(given, tuple) and len(given) == 2 and given[0] in HIDDEN


def _computes(given: Any) -> bool:
    return isinstance(given, sample.Function)


def _hint(option: Any) -> Any:
    """What a person may tell an option by that holds something to search: the first text in it, else its first name."""
    waiting, name = [option], None
    while waiting:
        each = waiting.pop(0)
        if isinstance(each, str) and each:
            return each
        if isinstance(each, Mapping):
            name = name or next((key for key in each if isinstance(key, str)), None)
            waiting = [*each.values(), *waiting]
        elif isinstance(each, list | tuple):
            waiting = [*each, *waiting]
    return name or type(option).__name__.lower()


def _whole(option: BranchNode, given: Any) -> bool:
    """Whether a configuration has all the names of an option."""
    return set(option.nodes) == set(given if isinstance(given, Mapping) else range(len(given)))


def _same(one: Any, other: Any) -> bool:
    """Whether two constants are the same; lists that came as tuples are."""
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    if one is other:
        return True
    if isinstance(one, bool) is not isinstance(other, bool):
        return False
    found = one == other
    return found if isinstance(found, bool) else bool(np.all(found))


@contextlib.contextmanager
def _seeded(seed: int) -> Iterator[Any]:
    """The generators that everybody shares, from a seed, and as they were afterwards; one of Ray's own beside them."""
    before, numpys = random.getstate(), np.random.get_state()  # noqa: NPY002 - functions of users' draw from it
    random.seed(seed)
    np.random.seed(key(seed, 0, "numpy") % 2**32)  # noqa: NPY002
    try:
        yield np.random.default_rng(seed)
    finally:
        random.setstate(before)
        np.random.set_state(numpys)  # noqa: NPY002
