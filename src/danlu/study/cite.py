"""``danlu.cite``: the publications behind the methods that a study was run by."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import Any

from .. import __version__
from ..contracts import algorithms
from ..errors import SettingError
from .result import Result


def cite(result: Result) -> str:
    """The BibTeX entries of danlu and of the sampler and scheduler that a study was last opened with.

    What chooses by itself is cited by what the study's journal says that it chose. An algorithm of another package is named in a
    comment: its author knows what it is from.

    Args:
        result: of the study; one asked and told by hand, without ``study.session.announce()``, has nothing but danlu to cite.

    Example:
        >>> import danlu
        >>> result = danlu.tune(lambda trial: trial["x"], {"x": danlu.Float(0, 1)}, trials=3, sampler="tpe", scheduler="none")
        >>> [line.partition("{")[2] for line in danlu.cite(result).splitlines() if line.startswith("@")]
        ['danlu,', 'bergstra2011algorithms,']
    """
    own = f"@software{{danlu,\n  title = {{danlu: tuning of deep-learning models}},\n  version = {{{__version__}}},\n}}"
    stored = result.history.definition.stored_config
    said = [sentence for _, sentence in result.history.decisions.log]
    found, strangers = dict[str, None](), list[str]()
    for noun, kept in (
        () if stored is None else (("sampler", stored.sampler), ("scheduler", stored.scheduler))
    ):
        try:
            made: Any = algorithms.read(kept, noun)
        except SettingError:
            strangers.append(
                f"% {noun}: {kept.get(f'danlu.{noun}', kept.get('shown', 'unknown'))} is not danlu's own"
            )
            continue
        found |= dict.fromkeys(made.cites(said))
    entries = sources()
    return "\n\n".join([own, *(entries[key] for key in found), *strangers])


def sources() -> dict[str, str]:
    """Every entry of ``sources.bib`` by its key."""
    text = files("danlu.study").joinpath("sources.bib").read_text("utf-8")
    entries = [entry.strip() for entry in re.split(r"\n\n(?=@)", text)]
    return {re.match(r"@\w+\{(\w+),", entry)[1]: entry for entry in entries}  # type: ignore[index]
