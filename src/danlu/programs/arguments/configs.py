"""Config files whose values are searched: YAML, TOML and JSON, edited as copies.

Of YAML the text of one value is replaced and nothing else, so comments, order, quotes and layout stay; TOML is written by tomlkit, which
keeps them too; JSON keeps its order and its indentation. The file itself is never written.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import msgspec

from ...errors import MissingExtra, ObjectiveError
from .template import HOLE, filled, known
from .yaml_numbers import readings

_PLAIN = re.compile(r"[A-Za-z_/][\w./-]*")
SWITCH_WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_WORDS = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}
"""Words that some reader of YAML takes for something else than text."""


class Edit(msgspec.Struct, frozen=True):
    """A value in a config file.

    Args:
        file: its path.
        key: where the value is, ``optim.lr`` or ``layers.0.width``.
        name: of the parameter that is put there, '' for none.
        text: that is put there otherwise, with holes, ``run-{trial}``.

    Example:
        >>> edit_of("train.yaml:optim.lr=1e-5:1e-1:log")
        (Edit(file='train.yaml', key='optim.lr', name='optim.lr', text=''), '1e-5:1e-1:log')
        >>> edit_of("train.yaml:output_dir={dir}/out")
        (Edit(file='train.yaml', key='output_dir', name='', text='{dir}/out'), '')
    """

    file: str
    key: str
    name: str = ""
    text: str = ""


def edit_of(told: str) -> tuple[Edit, str]:
    """An edit from ``FILE:KEY``, ``FILE:KEY=RANGE`` or ``FILE:KEY=TEXT`` with a hole, and the range.

    Raises:
        ObjectiveError: when it is none of these, or the file is not there or of no known kind.
    """
    place, _, what = told.partition("=")
    file, _, key = place.strip().rpartition(":")
    if not file or not key:
        raise ObjectiveError(
            f"an edit needs FILE:KEY or FILE:KEY=RANGE, train.yaml:optim.lr=1e-5:0.1:log, got {told!r}."
        )
    if HOLE.search(what):
        return Edit(file, key, text=what), ""
    return Edit(file, key, name=key), what.strip()


def value_at(file: str, key: str) -> Any:
    """The value that a config file has at a key.

    Raises:
        ObjectiveError: when the file cannot be read, has no such key, or a number there that its readers take for different ones.
        MissingExtra: when what reads it is not installed.
    """
    path = Path(file)
    kind = _kind(path)
    found = _found(path, _READERS[kind](path, _text(path)), _parts(key), key)
    for each in found if isinstance(found, list) else [found]:
        if isinstance(each, _Unclear):
            raise ObjectiveError(
                f"{key} of {path} has to be one number: {readings(each)}. Write the one that is meant."
            )
    return found


def write_edited(
    source: Path,
    target: Path,
    edits: Sequence[Edit],
    params: Mapping[str, Any],
    values: Mapping[str, str | None],
) -> None:
    """Write a copy of a config file with other values in it.

    Args:
        source: the file.
        target: the copy.
        edits: of this file.
        params: values of parameters; an edit whose parameter is not among them leaves the file as it is.
        values: texts for the holes of edits.

    Raises:
        ObjectiveError: when the file cannot be read, or has no such key.
    """
    text, kind = _text(source), _kind(source)
    for edit in edits:
        if edit.text:
            name = known(edit.text[1:-1], params) if HOLE.fullmatch(edit.text) else None
            value = params[name] if name is not None else "".join(filled([edit.text], values))
        elif edit.name in params:
            value = params[edit.name]
        else:
            continue
        text = _WRITERS[kind](source, text, edit.key, value)
    target.write_text(text, "utf-8")


def _kind(path: Path) -> str:
    kind = {".yml": "yaml"}.get(path.suffix.lower(), path.suffix.lower().lstrip("."))
    if kind not in _READERS:
        raise ObjectiveError(
            f"values in {path} cannot be edited: of config files danlu knows .yaml, .yml, .toml and .json. Put the value into the command instead: "
            "{lr}."
        )
    return kind


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        raise ObjectiveError(f"there is no config file {path}.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ObjectiveError(f"the config file {path} cannot be read: {error}.") from None


def _parts(key: str) -> list[str]:
    return key.split(".")


def _found(path: Path, held: Any, parts: Sequence[str], key: str) -> Any:
    for part, rest in _walk(path, held, parts, key):
        del rest
        held = held[part]
    return held


def _walk(path: Path, held: Any, parts: Sequence[str], key: str) -> list[tuple[Any, Any]]:
    """The keys on the way to a value; a key may have dots in it itself."""
    way: list[tuple[Any, Any]] = []
    at = 0
    while at < len(parts):
        for end in range(len(parts), at, -1):
            step = _step(held, ".".join(parts[at:end]))
            if step is not None:
                _refuse_twice(path, held, step, ".".join(parts[:end]))
                way.append((step, held))
                held, at = held[step], end
                break
        else:
            raise ObjectiveError(_missing(path, held, parts, at, key))
    return way


class _KeyTree(dict[str, Any]):
    """What a file holds under keys; those that stand several times in it are known, as the last one alone is kept."""

    def __init__(self, pairs: Sequence[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        names = [name for name, _ in pairs]
        self.twice = {name for name in self if names.count(name) > 1} if len(names) > len(self) else set()


def _refuse_twice(path: Path, held: Any, step: Any, way: str) -> None:
    if isinstance(held, _KeyTree) and step in held.twice:
        raise ObjectiveError(
            f"{way} stands twice in {path}, and of two values a program takes one without a word. Leave one of them in the file."
        )


def _step(held: Any, word: str) -> Any:
    if isinstance(held, Mapping):
        return next((each for each in held if str(each) == word), None)
    if isinstance(held, list) and word.isdigit() and int(word) < len(held):
        return int(word)
    return None


def _missing(path: Path, held: Any, parts: Sequence[str], at: int, key: str) -> str:
    names = (
        [str(each) for each in held]
        if isinstance(held, Mapping)
        else [str(each) for each in range(len(held))]
        if isinstance(held, list)
        else []
    )
    before = ".".join(parts[:at])
    near = get_close_matches(parts[at], names, n=1)
    if near:
        remedy = f"Did you mean {'.'.join([*parts[:at], near[0], *parts[at + 1 :]])}?"
    elif names:
        remedy = (
            f"{before or 'It'} has: {', '.join(names[:20])}. Write the key with its default into the file."
        )
    else:
        remedy = f"{before} is a value there."
    return f"{path} has no {key}. {remedy}"


# YAML.


def _read_yaml(path: Path, text: str) -> Any:
    return _held(_composed(path, text))


def _composed(path: Path, text: str) -> Any:
    """The nodes of a file, each with its place in the text."""
    node = _parsed(path, lambda: _ruamel().compose(text))
    if node is None:
        raise ObjectiveError(f"the config file {path} is empty.")
    return node


def _held(node: Any) -> Any:
    """The value of a node as most readers of YAML take it: yes and off are switches, 1e-3 is a number."""
    if node.id == "sequence":
        return [_held(each) for each in node.value]
    if node.id == "scalar":
        return _scalar(node.value) if node.style is None else node.value
    own = _KeyTree([(str(label.value), _held(value)) for label, value in node.value if label.value != "<<"])
    for label, value in node.value:
        if label.value == "<<":
            merged = _held(value)
            for each in merged if isinstance(merged, list) else [merged]:
                for name, inherited in each.items():
                    own.setdefault(name, inherited)
    return own


class _Unclear(str):
    """A number that readers of YAML take for different ones."""

    __slots__ = ()


def _scalar(text: str) -> Any:
    if readings(text) is not None:
        return _Unclear(text)
    if text.lower() in SWITCH_WORDS:
        return SWITCH_WORDS[text.lower()]
    if text.lower() in {"", "~", "null"}:
        return None
    if re.fullmatch(r"[-+]?(?:0|[1-9][\d_]*)", text):
        return int(text)
    if re.fullmatch(r"[-+]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?", text):
        return float(text)
    return text


def _parsed(path: Path, read: Callable[[], Any]) -> Any:
    try:
        return read()
    except MissingExtra:
        raise
    except Exception as error:  # each library has its own errors
        raise ObjectiveError(
            f"the config file {path} cannot be read: {' '.join(str(error).split())[:300]}."
        ) from None


def _ruamel() -> Any:
    try:
        from ruamel.yaml import YAML
    except ImportError:
        raise MissingExtra("editing a YAML file", "ruamel.yaml", "configs") from None
    return YAML(typ="rt", pure=True)


def _write_yaml(path: Path, text: str, key: str, value: Any) -> str:
    """The text with another value in its place."""
    root = _composed(path, text)
    node, label, parts, at = root, None, _parts(key), 0
    _walk(path, _held(root), parts, key)
    while at < len(parts):
        end, label, node = _child(node, parts, at)
        at = end
    start, stop = node.start_mark.index, node.end_mark.index
    if start == stop and label is not None:  # a key without a value
        start = stop = text.index(":", label.end_mark.index) + 1
        return f"{text[:start]} {_yaml_text(value, quoted=False)}{text[stop:]}"
    if label is not None and start < label.end_mark.index:
        raise ObjectiveError(
            f"{key} of {path} is an alias of another value. Edit that one, or write the value out."
        )
    if node.id != "scalar" and not node.flow_style:
        raise ObjectiveError(f"{key} of {path} holds several values. Name one of them: {key}.NAME.")
    if node.id == "scalar" and node.style in {"|", ">"}:
        raise ObjectiveError(
            f"{key} of {path} is a text of several lines, which is not edited. Write it in quotes."
        )
    marks = re.match(r"(?:[&!]\S*\s+)*", text[start:stop])
    start += len(marks[0]) if marks else 0
    old = text[start:stop]
    quoted = old[:1] in {"'", '"'}
    return f"{text[:start]}{_yaml_text(value, quoted=quoted)}{text[stop:]}"


def _child(node: Any, parts: Sequence[str], at: int) -> tuple[int, Any, Any]:
    for end in range(len(parts), at, -1):
        word = ".".join(parts[at:end])
        if node.id == "mapping":
            for label, value in node.value:
                if str(label.value) == word:
                    return end, label, value
        elif node.id == "sequence" and word.isdigit():
            return end, None, node.value[int(word)]
    raise ObjectiveError(
        f"{'.'.join(parts)} comes into the file by a merge (<<), and is not edited. Write it out."
    )


def _yaml_text(value: Any, *, quoted: bool) -> str:
    """A value as every reader of YAML takes it: of 1e-05 some make text, of 1.0e-05 none does.

    Example:
        >>> _yaml_text(1e-5, quoted=False), _yaml_text("no", quoted=False), _yaml_text([1, True], quoted=False)
        ('1.0e-05', '"no"', '[1, true]')
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if not math.isfinite(value):
            return ".nan" if math.isnan(value) else ("-.inf" if value < 0 else ".inf")
        text = repr(value)
        return text.replace("e", ".0e") if "e" in text and "." not in text else text
    if isinstance(value, str):
        plain = _PLAIN.fullmatch(value) and value.lower() not in _WORDS and not quoted
        return value if plain else json.dumps(value, ensure_ascii=False)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_yaml_text(each, quoted=False) for each in value) + "]"
    return json.dumps(value)


# TOML.


def _read_toml(path: Path, text: str) -> Any:
    import tomllib

    return _parsed(path, lambda: tomllib.loads(text))


def _write_toml(path: Path, text: str, key: str, value: Any) -> str:
    try:
        import tomlkit
    except ImportError:
        raise MissingExtra("editing a TOML file", "tomlkit", "configs") from None
    document: Any = _parsed(path, lambda: tomlkit.parse(text))
    step, held = _walk(path, document, _parts(key), key)[-1]
    if value is None:  # TOML has no word for it
        del held[step]
    else:
        held[step] = list(value) if isinstance(value, tuple) else value
    return str(tomlkit.dumps(document))


# JSON.


def _read_json(path: Path, text: str) -> Any:
    return _parsed(path, lambda: json.loads(text, object_pairs_hook=_KeyTree))


def _write_json(path: Path, text: str, key: str, value: Any) -> str:
    document = _read_json(path, text)
    step, held = _walk(path, document, _parts(key), key)[-1]
    held[step] = value
    indent = re.search(r"^[\[{]\s*\n([ \t]+)", text)
    end = "\n" if text.endswith("\n") else ""
    return json.dumps(document, indent=indent[1] if indent else None, ensure_ascii=False) + end


_READERS: dict[str, Callable[[Path, str], Any]] = {"yaml": _read_yaml, "toml": _read_toml, "json": _read_json}
_WRITERS: dict[str, Callable[[Path, str, str, Any], str]] = {
    "yaml": _write_yaml, "toml": _write_toml, "json": _write_json,
}  # fmt: skip
