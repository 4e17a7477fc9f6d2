"""Names and numbers on figures: short enough to stand beside each other, in letters that some font here has, whole where numbers are whole."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from functools import cache
from typing import Any

from ..analysis.trial_table import Axis

LONGEST = 28
"""Characters of a name on a figure; a longer one loses its middle, which says the least."""

CHAIN = (
    "Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "Source Han Sans CN", "WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "PingFang SC",
    "Hiragino Sans GB", "Heiti SC", "Microsoft YaHei", "SimHei", "Noto Sans CJK JP", "Noto Sans CJK TC", "Arial Unicode MS", "Unifont",
)  # fmt: skip
"""Fonts that are looked for after matplotlib's own, for letters that it has not: those that Linux, macOS and Windows have for Chinese."""


def short(name: str, longest: int = LONGEST) -> str:
    """A name without its middle where it is long.

    Example:
        >>> short("encoder.layers.attention.dropout.rate"), short("lr")
        ('encoder.layer...dropout.rate', 'lr')
    """
    if len(name) <= longest:
        return name
    end = (longest - 3) // 2
    return f"{name[: longest - 3 - end]}...{name[-end:]}"


def ticks(axis: Axis) -> tuple[list[float], list[str]]:
    """Places and labels of an axis, as a figure can show them.

    Example:
        >>> from danlu import Int
        >>> from danlu.analysis.trial_table import axis
        >>> ticks(axis("k", Int(1, 3)))[1]
        ['1', '2', '3']
    """
    return [place for place, _ in axis.ticks], [short(label, 14) for _, label in axis.ticks]


def whole_numbers(axis: Any) -> None:
    """Have matplotlib's axis of trials, steps or workers show whole numbers alone."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(integer=True))


def legible(names: Iterable[str]) -> list[str]:
    """Names as a figure can show them: short, and with letters that no font here has spelled out, which is said once.

    Example:
        >>> legible(["lr", "width"])
        ['lr', 'width']
    """
    given = [short(name) for name in names]
    lacking = {letter for name in given for letter in name if ord(letter) > 126 and not _known(letter)}
    if not lacking:
        return given
    _say(lacking)
    spelled = str.maketrans({letter: f"\\u{ord(letter):04x}" for letter in lacking})
    return [name.translate(spelled) for name in given]


def use_fonts(axes: Iterable[Any]) -> None:
    """Have the texts of these axes fall back on the fonts of ``CHAIN`` that are installed."""
    from matplotlib import rcParams
    from matplotlib.text import Text

    own = rcParams["font.family"]
    families = [*([own] if isinstance(own, str) else own), *(name for name in CHAIN if name in _installed())]
    for each in axes:
        texts = [*each.findobj(Text), *each.get_xticklabels(), *each.get_yticklabels()]
        for text in texts:
            if any(ord(letter) > 126 for letter in text.get_text()):
                text.set_fontfamily(families)


@cache
def _installed() -> dict[str, str]:
    """Files of fonts by family."""
    from matplotlib import font_manager

    return {font.name: font.fname for font in font_manager.fontManager.ttflist}


@cache
def _letters(path: str) -> frozenset[int]:
    from matplotlib.ft2font import FT2Font

    return frozenset(FT2Font(path).get_charmap())


def _known(letter: str) -> bool:
    """Whether a font that a figure would use has a letter."""
    from matplotlib import font_manager

    own = font_manager.findfont(font_manager.FontProperties())
    paths = [own, *(_installed()[name] for name in CHAIN if name in _installed())]
    return any(ord(letter) in _letters(path) for path in paths)


def _say(lacking: set[str]) -> None:
    some = "".join(sorted(lacking)[:10])
    warnings.warn(
        f"no font here has {some!r}, so names are spelled out on figures. Install one of {', '.join(CHAIN[:3])} "
        "(Debian: apt-get install fonts-noto-cjk).",
        stacklevel=5,
    )
