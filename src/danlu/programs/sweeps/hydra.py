"""The settings of Hydra's Optuna sweeper as danlu's: a block that was written for the one runs with the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any

from ...base.values import shown
from ...errors import SettingError
from ..program import program_of

SAMPLERS = {
    "TPESampler": "tpe", "RandomSampler": "random", "CmaEsSampler": "cmaes", "NSGAIISampler": "nsga2", "MOTPESampler": "nsga2",
    "NSGAIIISampler": "nsga2", "GridSampler": "grid", "QMCSampler": "quasirandom", "GPSampler": "gp",
}  # fmt: skip
"""Samplers of Optuna, and danlu's of the same method or for the same end."""

TARGET = "hydra_plugins.danlu_sweeper.sweeper.DanluSweeper"
_VALUED = {"--config-path", "-cp", "--config-name", "-cn", "--config-dir", "-cd", "--package", "-p"}
"""Flags of a Hydra application whose value is the next word."""
_KINDS = {"int", "float", "categorical"}


def settled(given: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The settings with Optuna's words in danlu's place, and what has to be said of them.

    Raises:
        SettingError: for what cannot be carried over.

    Example:
        >>> settings, said = settled({"study_name": "s", "sampler": {"_target_": "optuna.samplers.TPESampler", "seed": 3}})
        >>> settings["name"], settings["sampler"], settings["seed"]
        ('s', 'tpe', 3)
    """
    settings, said = dict(given), list[str]()
    for key, reason in (
        (
            "storage",
            "Optuna's storage is not danlu's, which is hydra.sweeper.store=study.db; danlu import takes its trials over",
        ),
        (
            "custom_search_space",
            "a function that draws parameters from an Optuna trial is not run. Give its ranges in hydra.sweeper.params",
        ),
    ):
        if settings.pop(key, None) is not None:
            raise SettingError(f"hydra.sweeper.{key}: {reason}.")
    name = settings.pop("study_name", None)
    settings["name"] = settings.get("name") or name
    settings["params"] = _searched(settings.pop("search_space", None)) | dict(settings.get("params") or {})
    settings["direction"] = _directions(settings.get("direction", "minimize"))
    sampler = settings.get("sampler")
    if isinstance(sampler, Mapping) and str(sampler.get("_target_", "")).startswith("optuna."):
        settings["sampler"] = _sampler(sampler, settings, said)
    return settings, said


def is_block(tree: Any) -> bool:
    """Whether a YAML tree has settings of a Hydra sweeper."""
    hydra = tree.get("hydra") if isinstance(tree, Mapping) else None
    return isinstance(hydra, Mapping) and isinstance(hydra.get("sweeper"), Mapping)


def command(
    tree: Mapping[str, Any], words: Sequence[str], settings: Mapping[str, Any], *, apart: bool
) -> list[str]:
    """The application's own command as a sweep of danlu's, with what a file says as overrides.

    Args:
        tree: the file as YAML has it.
        words: that start the application; overrides among them stand above those of the file.
        settings: of ``hydra.sweeper`` that stand above those of the file.
        apart: whether the file is an option of a config group (``# @package _global_``), which is then not composed by Hydra, so that
            what it overrides, Optuna's sweeper among it, need not be there; else it is the application's own config.

    Raises:
        SettingError: for what cannot be carried over.

    Example:
        >>> tree = {"hydra": {"sweeper": {"_target_": "x.OptunaSweeper", "n_trials": 5, "params": {"lr": "interval(0.1, 1)"}}}}
        >>> command(tree, ["python", "train.py"], {"store": "s.db"}, apart=True)[3:]
        ['hydra/sweeper=danlu', 'hydra.sweeper.n_trials=5', "hydra.sweeper.store='s.db'", 'lr=interval(0.1, 1)']
        >>> command(tree, ["python", "train.py", "bias=no", "--config-name", "small"], {}, apart=True)[2:5]
        ['--config-name', 'small', '-m']
    """
    block = dict(tree["hydra"]["sweeper"])
    target = str(block.pop("_target_", ""))
    if target and "Optuna" not in target and "danlu" not in target:
        raise SettingError(
            f"the sweeper of the file is {target}. danlu reads blocks of Hydra's Optuna sweeper and of its own."
        )
    settled(block)  # what cannot be carried over is said before anything runs
    start, own = _parted(words)
    if not apart:
        return [*start, f"hydra.sweeper._target_={TARGET}", *_above(settings), *own]
    params = block.pop("params", None) or {}
    defaults = [each for entry in tree.get("defaults", ()) for each in _default(entry)]
    others = {key: value for key, value in tree.items() if key not in {"defaults", "hydra"}}
    hydra = {key: value for key, value in tree["hydra"].items() if key not in {"sweeper", "mode"}}
    return [
        *start, *defaults, *_above(block | dict(settings)), *_flat("hydra", hydra), *_flat("", others, "++"),
        *(f"{key}={value}" for key, value in params.items()), *own,
    ]  # fmt: skip


def _parted(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """What starts a sweep of an application by danlu, and the overrides among the words: its parser wants all of those together."""
    _, rest = program_of(words)
    flags, own = list[str](), list[str]()
    for word in rest:
        takes = bool(flags) and flags[-1] in _VALUED
        if word not in {"-m", "--multirun"}:
            (flags if word.startswith("-") or takes else own).append(word)
    return [*words[: len(words) - len(rest)], *flags, "-m", "hydra/sweeper=danlu"], own


def _above(settings: Mapping[str, Any]) -> list[str]:
    return [f"hydra.sweeper.{key}={_text(value)}" for key, value in settings.items() if value is not None]


def _flat(path: str, tree: Mapping[str, Any], mark: str = "") -> list[str]:
    """A tree as overrides, one for each value."""
    found: list[str] = []
    for key, value in tree.items():
        name = f"{path}.{key}" if path else str(key)
        found += (
            _flat(name, value, mark)
            if isinstance(value, Mapping) and value
            else [f"{mark}{name}={_text(value)}"]
        )
    return found


def _default(entry: Any) -> list[str]:
    """What an entry of a defaults list overrides, but for sweepers, in whose place danlu's is."""
    if not isinstance(entry, Mapping):
        return []
    pairs = [(str(key).removeprefix("override ").lstrip("/"), value) for key, value in entry.items()]
    return [f"{group}={value}" for group, value in pairs if not group.startswith("hydra/sweeper")]


def _text(value: Any) -> str:
    """A value in Hydra's grammar."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{key}:{_text(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return f"[{','.join(map(_text, value))}]"
    return "'" + value.replace("'", "\\'") + "'" if isinstance(value, str) else str(value)


def _directions(given: Any) -> list[str]:
    """One direction, or several, as names."""
    several = [given] if isinstance(given, str | Enum) else list(given)
    ways = [(each.name if isinstance(each, Enum) else str(each)).lower() for each in several]
    for way in ways:
        if way not in {"minimize", "maximize"}:
            raise SettingError(f"hydra.sweeper.direction needs minimize or maximize, got {shown(way)}.")
    return ways


def _sampler(node: Mapping[str, Any], settings: dict[str, Any], said: list[str]) -> str:
    """Danlu's sampler for one of Optuna's; its seed counts, its other settings are its own."""
    kind = str(node["_target_"]).rpartition(".")[2]
    if kind not in SAMPLERS:
        raise SettingError(
            f"hydra.sweeper.sampler: danlu has no {kind}. It has {', '.join(sorted(set(SAMPLERS.values())))}, and auto."
        )
    if settings.get("seed") is None and node.get("seed") is not None:
        settings["seed"] = node["seed"]
    others = [key for key in node if key not in {"_target_", "_partial_", "seed"}]
    left = f"; its settings {', '.join(others)} are left out" if others else ""
    said.append(f"Optuna's {kind} is danlu's own {SAMPLERS[kind]}{left}.")
    return SAMPLERS[kind]


def _searched(space: Mapping[str, Any] | None) -> dict[str, str]:
    """A ``search_space``, the older form of ``params``, as overrides."""
    found: dict[str, str] = {}
    for name, config in (space or {}).items():
        kind = config.get("type")
        kind = kind.name if isinstance(kind, Enum) else kind
        if kind not in _KINDS:
            raise SettingError(
                f"hydra.sweeper.search_space.{name} needs type int, float or categorical, got {shown(kind)}."
            )
        if kind == "categorical":
            found[name] = f"choice({','.join(map(str, config['choices']))})"
            continue
        low, high, step = config["low"], config["high"], config.get("step")
        if step is not None and not config.get("log"):
            found[name] = f"range({low},{high + step / 2 if kind == 'float' else int(high) + 1},{step})"
        else:
            text = f"interval({low},{high})"
            text = f"int({text})" if kind == "int" else text
            found[name] = f"tag(log, {text})" if config.get("log") else text
    return found
