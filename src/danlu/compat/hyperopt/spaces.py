"""A search space of Hyperopt's, a graph, as a danlu space, a tree: what is under an option of a choice is searched under that option alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

from hyperopt import pyll

from ...base.values import shown
from ...errors import SpaceError
from ...space.space import Space
from ..naming import plain_options, words_of
from .distributions import SIGMAS, Hyperparameter, hyperparameter, switch_of

Node = Any
"""A node of Hyperopt's graph; its package has no types."""


class Home(NamedTuple):
    """Where a hyperparameter lives: under options of a choice, the root without one."""

    choice: str = ""
    options: tuple[int, ...] = ()


ROOT = Home()


class HyperoptSpace:
    """A space in Hyperopt's terms and in danlu's.

    A hyperparameter that is reached under options of several choices is searched as if it were always active, and is a part of those
    documents alone in which Hyperopt would have it.

    Args:
        expression: Hyperopt's graph, or what it makes one of.

    Attributes:
        expression: the graph.
        space: in danlu's terms.
        labels: of all hyperparameters, in the order of the alphabet, as in Hyperopt's documents.
        read: how kinds without ends were read, a sentence for each label.

    Raises:
        SpaceError: for kinds that danlu cannot search, and ranges that depend on another hyperparameter.

    Example:
        >>> from hyperopt import hp
        >>> found = HyperoptSpace({"kernel": hp.choice("kernel", [("rbf", hp.loguniform("gamma", -5, 0)), "linear"])})
        >>> found.space.names
        ('kernel', 'kernel.rbf.gamma')
        >>> found.vals({"kernel": "rbf", "kernel.rbf.gamma": 0.5}), found.vals({"kernel": "linear"})
        ({'gamma': 0.5, 'kernel': 0}, {'kernel': 1})
        >>> found.point({"kernel": 1, "gamma": 0.5})
        {'kernel': 'linear'}
    """

    def __init__(self, expression: Any) -> None:
        self.expression: Node = pyll.as_apply(expression)
        reached, choices = _walk(self.expression)
        self._found: dict[str, Hyperparameter] = {}
        for label, node in sorted(_hyperparameters(self.expression), key=itemgetter(0)):
            self._found[label] = hyperparameter(
                label, node.name, _arguments(label, node), _options(choices.get(label, ()))
            )
        self.labels = tuple(self._found)
        self._homes: dict[str, Home] = {}
        for label in self.labels:
            self._settle(label, reached)
        self._names = {
            label: self._prefix(self._homes[label]) + self._found[label].name for label in self.labels
        }
        self.space = Space(self._inside(ROOT))
        self.read = {
            label: f"{label} has no ends in Hyperopt and is searched within {SIGMAS:g} standard deviations of its mean"
            for label, each in self._found.items()
            if each.cut
        }

    def point(self, vals: Mapping[str, Any]) -> dict[str, Any]:
        """The point of danlu's space at values of Hyperopt's, by label; those of options that are not chosen are left out.

        Raises:
            SpaceError: for a value outside, a missing one, and a label that is none.
        """
        unknown = [label for label in vals if label not in self._found]
        if unknown:
            raise SpaceError(
                f"{unknown[0]} is no hyperparameter of this space. There are: {', '.join(self.labels) or 'none'}."
            )
        missing = [label for label in self.active(vals) if label not in vals]
        if missing:
            raise SpaceError(f"a point needs a value for {missing[0]}, got {shown(dict(vals))}.")
        point: dict[str, Any] = {}
        for label in self.labels:
            each = self._found[label]
            if label in vals and self._holds(self._homes[label], vals):
                value = each.ours(vals[label])
                if each.parameter is not None:
                    point[self._names[label]] = each.parameter.check(label, value)
        return point

    def vals(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Hyperopt's values at a point of danlu's space, by label: of those that are active."""
        found = {
            label: each.theirs(values.get(self._names[label]))
            for label, each in self._found.items()
            if each.parameter is None or self._names[label] in values
        }
        active = self.active(found)
        return {label: value for label, value in found.items() if label in active}

    def active(self, vals: Mapping[str, Any]) -> set[str]:
        """The labels that Hyperopt needs where its choices are these."""
        found: set[str] = set()
        seen: set[Any] = set()
        waiting = [self.expression]
        while waiting:
            node = waiting.pop()
            if node in seen:
                continue
            seen.add(node)
            label = _chooses(node)
            if node.name == "hyperopt_param":
                found.add(_label(node))
            if label is None:
                waiting.extend(node.inputs())
                continue
            found.add(label)
            if label in vals:
                waiting.append(node.pos_args[1 + int(vals[label])])
        return found

    def _settle(self, label: str, reached: Mapping[str, set[Home]]) -> Home:
        """Where a label lives: under the nearest choice that all ways to it share."""
        if label in self._homes:
            return self._homes[label]
        chains = [self._chain(home, reached) for home in sorted(reached[label])]
        home = ROOT
        for choice in chains[0]:
            if all(choice in chain for chain in chains):
                options = tuple(sorted({option for chain in chains for option in chain[choice]}))
                home = self._within(choice, options, reached)
                break
        self._homes[label] = home
        return home

    def _chain(self, home: Home, reached: Mapping[str, set[Home]]) -> dict[str, tuple[int, ...]]:
        """The choices that a label there is under, the nearest first, with the options that lead to it."""
        chain: dict[str, tuple[int, ...]] = {}
        while home != ROOT:
            chain[home.choice] = home.options
            home = self._settle(home.choice, reached)
        return chain

    def _within(self, choice: str, options: tuple[int, ...], reached: Mapping[str, set[Home]]) -> Home:
        """Home under these options; where they are all, or there is no choice, where the choice itself lives."""
        words = [self._word(choice, option) for option in options]
        there = self._found[choice].parameter
        known = [option for option, word in zip(options, words, strict=True) if word is not None]
        if there is None or len(known) == there.size:
            return self._settle(choice, reached)
        return Home(choice, tuple(known)) if known else self._settle(choice, reached)

    def _word(self, choice: str, option: int) -> Any:
        try:
            return self._found[choice].ours(option)
        except SpaceError:  # one that is never drawn
            return None

    def _prefix(self, home: Home) -> str:
        if home == ROOT:
            return ""
        words = "|".join(str(self._word(home.choice, option)) for option in home.options)
        return f"{self._prefix(self._homes[home.choice])}{self._found[home.choice].name}.{words}."

    def _inside(self, home: Home) -> dict[str, Any]:
        """The parameters of danlu that live there."""
        found: dict[str, Any] = {}
        for label in self.labels:
            each = self._found[label]
            if self._homes[label] != home or each.parameter is None:
                continue
            under = {other for other in self._homes.values() if other.choice == label and other != ROOT}
            branches = {
                tuple(self._word(label, option) for option in other.options): self._inside(other)
                for other in sorted(under)
            }
            found[each.name] = (
                switch_of(
                    each, {words[0] if len(words) == 1 else words: inner for words, inner in branches.items()}
                )
                if branches
                else each.parameter
            )
        return found

    def _holds(self, home: Home, vals: Mapping[str, Any]) -> bool:
        while home != ROOT:
            if home.choice not in vals or int(vals[home.choice]) not in home.options:
                return False
            home = self._homes[home.choice]
        return True


def _options(nodes: Sequence[Node]) -> list[Any]:
    """Options as a journal keeps them: as they are where they are plain, else words by which a person can tell them."""
    read = [_plain(each) for each in nodes]
    if all(plain for plain, _ in read):
        values = [value for _, value in read]
        if not any(isinstance(value, Mapping) for value in values):
            return plain_options(values)
    return words_of(
        [
            value if plain and each.name == "literal" else _hint(each)
            for each, (plain, value) in zip(nodes, read, strict=True)
        ]
    )


def _hint(node: Node) -> str:
    """The first text in an option that is no plain value, else its first label; other choices in it have texts of their own."""
    labels: list[str] = []
    waiting = [node]
    while waiting:
        each = waiting.pop(0)
        if each.name == "hyperopt_param":
            labels.append(_label(each))
        elif _chooses(each) is not None:
            labels.append(str(_chooses(each)))
        elif each.name == "literal" and isinstance(each.obj, str) and each.obj:
            return str(each.obj)
        else:
            waiting = [*each.inputs(), *waiting]
    return labels[0] if labels else "option"


def _plain(node: Node) -> tuple[bool, Any]:
    """Whether a graph only holds literals, and their value."""
    if node.name == "literal":
        return True, node.obj
    if node.name in {"pos_args", "dict"} and all(_plain(each)[0] for each in node.inputs()):
        return True, pyll.rec_eval(node)
    return False, None


def values_of(expression: Any, vals: Mapping[str, Any]) -> dict[str, Any]:
    """Hyperopt's values with the options themselves for the indexes of choices.

    Example:
        >>> from hyperopt import hp
        >>> values_of(hp.choice("width", [16, 32]), {"width": 1})
        {'width': 32}
    """
    root = pyll.as_apply(expression)
    memo = {
        node: vals[_label(node)]
        for node in pyll.dfs(root)
        if node.name == "hyperopt_param" and _label(node) in vals
    }
    found = dict(vals)
    for node in pyll.dfs(root):
        label = _chooses(node)
        if label is not None and label in vals:
            found[label] = pyll.rec_eval(node, memo=dict(memo))
    return found


def _walk(root: Node) -> tuple[dict[str, set[Home]], dict[str, list[Node]]]:
    """Under which options every label is reached, and the options of every choice."""
    reached: dict[str, set[Home]] = {}
    choices: dict[str, list[Node]] = {}
    seen: set[tuple[Any, Home]] = set()
    waiting = [(root, ROOT)]
    while waiting:
        node, home = waiting.pop()
        if (node, home) in seen:
            continue
        seen.add((node, home))
        label = _chooses(node)
        if node.name == "hyperopt_param":
            reached.setdefault(_label(node), set()).add(home)
        if label is None:
            waiting.extend((each, home) for each in node.inputs())
            continue
        choices.setdefault(label, list(node.pos_args[1:]))
        waiting.append((node.pos_args[0], home))
        waiting.extend((each, Home(label, (index,))) for index, each in enumerate(node.pos_args[1:]))
    return reached, choices


def _chooses(node: Node) -> str | None:
    """The label whose value picks one of the node's options, None for a node without options."""
    if node.name != "switch":
        return None
    index = node.pos_args[0]
    if index.name != "hyperopt_param" or index.arg["obj"].name not in {"randint", "categorical"}:
        return None
    arguments = _arguments(_label(index), index.arg["obj"])
    from_zero = arguments.get("high") is None or int(arguments["low"]) == 0
    return _label(index) if from_zero else None


def _hyperparameters(root: Node) -> Iterator[tuple[str, Node]]:
    for node in pyll.dfs(root):
        if node.name == "hyperopt_param":
            yield _label(node), node.arg["obj"]


def _label(node: Node) -> str:
    label = node.arg["label"].obj
    return label if isinstance(label, str) else label.decode()


def _arguments(label: str, node: Node) -> dict[str, Any]:
    """The arguments of a distribution, evaluated.

    Raises:
        SpaceError: when they depend on another hyperparameter.
    """
    found: dict[str, Any] = {}
    for name, each in node.arg.items():
        if name in {"rng", "size"} or not isinstance(each, pyll.Apply):
            continue
        if any(inner.name == "hyperopt_param" for inner in pyll.dfs(each)):
            raise SpaceError(
                f"the {name} of {label} depends on another hyperparameter, and a journal keeps ranges that stand. Search a share of it "
                f"in a fixed range, and multiply in the objective."
            )
        found[name] = pyll.rec_eval(each)
    return found
