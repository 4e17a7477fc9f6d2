"""Ranges of a program's options from what the program itself says of them: choices, bounds, help; else from name and default."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from ...space.infer import Inferred, infer
from ...space.parameters import Choice, Float, Int
from .flags import Flag

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_BETWEEN = re.compile(
    rf"(?:(?:between|from|range(?: of| is)?:?|in|within|values?:?)\s*)?(?P<open>[\[(])\s*(?P<low>{_NUMBER})\s*,\s*(?P<high>{_NUMBER})\s*(?P<close>[\])])"
    rf"|(?:between|from|range(?: of| is)?:?)\s+(?P<first>{_NUMBER})\s*(?:and|to|-|\.\.)\s*(?P<last>{_NUMBER})",
    re.IGNORECASE,
)
_OPTIONS = re.compile(
    r"(?:one of|choices?(?: are)?|options?(?: are)?|choose from|either|can be|must be|supported)\b:?\s*[\[({]?(?P<words>[\w'\"`.-]+(?:(?:\s*[,|/]\s*(?:or |and )?|\s+or\s+)[\w'\"`.-]+)+)"
    r"|[\[({](?P<bare>[\w.-]+(?:\s*[|/]\s*[\w.-]+)+)[\])}]|\{(?P<braced>[\w.-]+(?:\s*,\s*[\w.-]+)+)\}",
    re.IGNORECASE,
)


def inferred(flag: Flag) -> Inferred:
    """What danlu would search of an option, with the reason; its parameter is None where nobody can know.

    Example:
        >>> flag = Flag("--opt", "opt", default="adam", type="str", help="optimizer: one of adam, sgd or lion")
        >>> print(inferred(flag))
        opt: one of adam, sgd, lion; 'adam' first (its help says 'one of adam, sgd or lion')
    """
    found = _told(flag) or _plain(flag)
    return _within(flag, found)


def _plain(flag: Flag) -> Inferred:
    if flag.kind == "const":
        return infer(flag.name, flag.default, [flag.default, flag.const])
    if flag.kind in {"true", "false", "boolean"}:
        return infer(flag.name, bool(flag.default))
    default = flag.default
    if flag.type == "float" and isinstance(default, int) and not isinstance(default, bool):
        default = float(default)
    return infer(flag.name, default, flag.choices)


def _told(flag: Flag) -> Inferred | None:
    """What its help says, where the default agrees with it."""
    if (
        flag.choices
        or flag.kind not in {"value", "assign"}
        or not flag.help
        or isinstance(flag.default, bool)
    ):
        return None
    if isinstance(flag.default, str):
        for match in _OPTIONS.finditer(flag.help):
            words = next(text for text in match.groups() if text)
            options = [
                each
                for text in re.split(r"\s*[,|/]\s*(?:or |and )?|\s+or\s+", words)
                if (each := text.strip("'\"`. "))
            ]
            if flag.default in options and len(set(options)) > 1:
                parameter = Choice(list(dict.fromkeys(options)), prior=flag.default)
                return _reasoned(flag, parameter, match[0])
    if isinstance(flag.default, int | float):
        for match in _BETWEEN.finditer(flag.help):
            low, high = (float(match[a] or match[b]) for a, b in (("low", "first"), ("high", "last")))
            if low < high and low <= flag.default <= high:
                return _reasoned(flag, _numbers(flag, low, high, match), match[0])
    return None


def _numbers(flag: Flag, low: float, high: float, match: re.Match[str]) -> Any:
    """The range; where an end is left out, as in (0, 1), a little inside of it."""
    if isinstance(flag.default, int) and flag.type != "float" and low.is_integer() and high.is_integer():
        first, last = int(low) + (match["open"] == "("), int(high) - (match["close"] == ")")
        if first <= flag.default <= last and first < last:
            return Int(first, last, prior=flag.default)
        return Int(int(low), int(high), prior=flag.default)
    by_name = infer(flag.name, flag.default).parameter
    log = isinstance(by_name, Float) and by_name.log and low > 0
    inside = (high - low) / 1000
    low, high = low + inside * (match["open"] == "("), high - inside * (match["close"] == ")")
    prior = min(max(float(flag.default), low), high)
    return Float(low, high, log=log, prior=prior)


def _reasoned(flag: Flag, parameter: Any, said: str) -> Inferred | None:
    """With the reason, where its name says that it is searched at all."""
    by_name = infer(
        flag.name, flag.default, [flag.default, "other"] if isinstance(flag.default, str) else None
    )
    if by_name.parameter is None and by_name.why.startswith("not a hyperparameter"):
        return None
    told = said.strip(" .([{") if isinstance(flag.default, str) else said.strip(" .")
    return Inferred(flag.name, flag.default, parameter, f"its help says {told!r}")


def _within(flag: Flag, found: Inferred) -> Inferred:
    """A range cut to what the option's type takes."""
    parameter = found.parameter
    if (flag.low is None and flag.high is None) or not isinstance(parameter, Float | Int):
        return found
    kind = float if isinstance(parameter, Float) else int
    low = parameter.low if flag.low is None else max(parameter.low, kind(flag.low))
    high = parameter.high if flag.high is None else min(parameter.high, kind(flag.high))
    if (low, high) == (parameter.low, parameter.high) or not low < high:
        return found
    log = parameter.log and low > 0
    cut = msgspec.structs.replace(parameter, low=low, high=high, log=log)
    return msgspec.structs.replace(found, parameter=cut, why=f"{found.why}, as far as its type takes it")
