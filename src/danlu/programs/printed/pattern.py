r"""Finds metrics in the lines that a program prints: literal text with holes, read in exactly one way.

``{x}`` is a number that is named by the words before it, ``{step}`` the step, ``{*}`` anything, and any other ``{name}`` a number
of that name. Everything else is text as it stands in the line, ``=`` and braces included: ``valid_loss={x}`` and
``{"val_loss": {x}, "epoch": {step}}`` mean what they look like. ``{{x}}`` is the text ``{x}``. Text after ``re:`` is a
regular expression with named groups, ``re:val_loss=(?P<x>\S+)``.

A number is a whole token: ``{x}`` does not match the 559 of ``559/597``, the 1 of ``1.2.3`` or the 0 of ``0,25``. Where a text
begins with a word it begins at a word: ``loss: {x}`` is not found in ``val_loss: 0.3``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ...errors import ObjectiveError

_HOLE = re.compile(r"(\{\{(?:\w+|\*)\}\}|\{(?:[A-Za-z_]\w*|\*)\})")
SIGN = "[-+\u2212]?"
_EXPONENT = "(?:[eE][-+\u2212]?\\d+)?"
GROUPED = r"[1-9]\d{0,2}(?:[,_]\d{3})+(?:\.\d*)?"
PLAIN_NUMBER = rf"(?:\d+\.\d*|\.\d+|\d+){_EXPONENT}|nan|infinity|inf"
NUMBER = re.compile(f"{SIGN}(?:{GROUPED}|{PLAIN_NUMBER})", re.IGNORECASE)
_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_DASHES = str.maketrans(dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212\ufe63\uff0d", "-"))
_ONE = r"(?:1(?:\.0*)?|100)"
_BEGINS = r"(?:^\s*|(?<=[(=:<>\"'`*])\s*|(?<=[(=:<>\"'`*]\s))"
_SIGNS = (
    (rf"{_BEGINS}-\s*{_ONE}\s*[*x\u00d7\u00b7]\s*(?=[A-Za-z(])", " neg_"),  # -1 * acc
    (
        rf"(?:^[\s\"'`]*|(?<=\(|\*)\s*)(?:{_ONE}\s*%?|[Oo]ne)\s*-\s*(?=[A-Za-z(])|{_BEGINS}{_ONE}-(?=[A-Za-z(])",
        " one_minus_",
    ),
    (rf"{_BEGINS}1(?:\.0*)?\s*/\s*(?=[A-Za-z(])", " inverse_"),
    (rf"{_BEGINS}-(?=[A-Za-z(])", " neg_"),  # elsewhere it is a dash
)
"""What turns the word after it around, with the word that says so in a name."""
_ONE_LESS = re.compile(
    rf"(?<![A-Za-z0-9.@-])(?<!\d/)(?<!\s/)(?<!^/)(?<!top[\s_]){_ONE}\s*-\s*(?=[A-Za-z(])", re.IGNORECASE
)
_TURNS = {"neg", "negative", "minus", "inverse", "inv", "non", "not"}
_ENDING = ",;:)]}>\"'|"
_STEPS = {"epoch", "epochs", "iter", "iteration", "iterations", "batch", "global_step"}


class Found(NamedTuple):
    """What a line says: its step (None when it says none), values by name, how many places of it match, and where the step comes from where no hole says so."""

    step: float | None
    values: dict[str, float]
    places: int = 1
    how: str = ""


class UnreadNumber(NamedTuple):
    """What stands in a line where a number should, and where it begins."""

    text: str
    at: int


class Pattern:
    """A line of output that holds metrics.

    Args:
        text: of the line, with holes.

    Raises:
        ObjectiveError: when no number is asked for, two have one name, or a regular expression is none.

    Example:
        >>> pattern = Pattern("Epoch {step}/{*} val loss {x}")
        >>> pattern.names, pattern.find("Epoch 3/10: lr 0.1 val loss 0.25 (best)")
        (('val_loss',), Found(step=3.0, values={'val_loss': 0.25}, places=1, how=''))
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.parts = () if text.startswith("re:") else tuple(_parts(text.strip()))
        if self.parts:
            holes = [word for hole, word in self.parts if hole and word != "*"]
            self._refuse_doubles(holes)
            named = {word: word for word in holes if word != "step"}
            if "x" in named:
                named["x"] = _named(self.parts)
            self._pattern = re.compile("".join(_pieces(self.parts)), re.IGNORECASE)
            self._loose = re.compile("".join(_pieces(self.parts, loose=True)), re.IGNORECASE)
        else:
            self._pattern = self._loose = _regular(text)
            named = {word: word for word in self._pattern.groupindex if word != "step"}
            if "x" in named:
                named["x"] = _words(_expressed(text, "x")) or "metric"
        if not named:
            raise ObjectiveError(
                f"a metric needs {{x}} where its number is, 'val loss: {{x}}', or a name, '{{val_loss}}', got {text!r}."
            )
        if set(named) & _STEPS:
            word = min(set(named) & _STEPS)
            raise ObjectiveError(f"{{{word}}} would be a metric. Write {{step}} for the step, got {text!r}.")
        if len(set(named.values())) < len(named):
            raise ObjectiveError(
                f"two numbers of {text!r} are named {named['x']!r}. Give {{x}} a name of its own."
            )
        self.named = named
        self.doubts = {name: why for word, name in named.items() if (why := self._doubted(word, name))}
        self.names: tuple[str, ...] = tuple(named.values())
        self.steps = "step" in self._pattern.groupindex

    @property
    def counted(self) -> str:
        """What to write so that each line is a step."""
        return "Leave {step} out"

    @property
    def redrawn(self) -> str:
        """What to write so that each redrawing of a progress bar is a step."""
        return repr("{step}/{*}" + self.text) if self.parts else "by a group named step"

    def _refuse_doubles(self, holes: Sequence[str]) -> None:
        for word in holes:
            if holes.count(word) > 1:
                raise ObjectiveError(
                    f"a line needs each hole once, got {{{word}}} twice in {self.text!r}. Name the numbers, {{acc}} and "
                    "{loss}, and write {*} for what is not read."
                )

    def _doubted(self, word: str, name: str) -> str:
        """Why the words of a number leave open which way it counts."""
        if self.parts:
            naming = _naming(self.parts, word)
            return doubt(naming, name, first=self.parts[0][1].startswith(naming) and not self.parts[0][0])
        return doubt(_expressed(self.text, word), name, first=True)

    def __repr__(self) -> str:
        return f"Pattern({self.text!r})"

    def find(self, line: str) -> Found | None:
        """The step and the values in a line; None where they are not in it."""
        matches = list(self._pattern.finditer(line))
        if not matches:
            return None
        found = matches[0].groupdict()
        numbers = {word: value for word, text in found.items() if (value := number(text)) is not None}
        if len(numbers) < len(found):
            return None
        return Found(
            numbers.get("step"), {name: numbers[word] for word, name in self.named.items()}, len(matches)
        )

    def unread(self, line: str) -> UnreadNumber | None:
        """What stands in a line that matches in place of its number; None for other lines.

        Example:
            >>> Pattern("loss: {x}").unread("epoch 1 loss: 0,25")
            UnreadNumber(text='0,25', at=14)
        """
        found = self._loose.search(line)
        for word in self.named if found is not None else ():
            text = found[word].rstrip(_ENDING) if found is not None and found[word] else ""
            if found is not None and text and number(text) is None:
                return UnreadNumber(text, found.start(word))
        return None

    def nearest(self, lines: Sequence[str]) -> str:
        """The line that comes nearest to a match, and where it ends being one; '' where none does."""
        pieces = list(_pieces(self.parts))
        best: tuple[int, str, str] = (0, "", "")
        for line in lines:
            for count in range(len(pieces) - 1, best[0] - 1, -1):
                if not count:
                    continue
                match = re.compile("".join(pieces[:count]).removesuffix(".*?"), re.IGNORECASE).search(line)
                if match is not None:
                    best = (count, line.strip(), line[match.end() :].strip())
                    break
        count, line, rest = best
        if not line:
            return self._alike(lines)
        hole, word = self.parts[count]
        wanted = f"{{{word}}}" if hole else repr(word.strip())
        met = repr(rest[:40]) if rest else "the end of the line"
        return f"the nearest line is {line[:200]!r}, where {wanted} meets {met}"

    def _alike(self, lines: Sequence[str]) -> str:
        words = set(re.findall(r"[a-z]{2,}", self.text.lower()))
        shared = [(len(words & set(re.findall(r"[a-z]{2,}", line.lower()))), line.strip()) for line in lines]
        count, line = max(shared, default=(0, ""))
        return f"the nearest line is {line[:200]!r}" if count else ""


def number(text: str | None) -> float | None:
    """A printed number: signs, thousands, exponents, NaN and infinities; None for anything else.

    Example:
        >>> number("4,231.5"), number("-.5"), number("1e-5"), number("0,25")
        (4231.5, -0.5, 1e-05, None)
    """
    if text is None or not NUMBER.fullmatch(text.strip()):
        return None
    return float(re.sub("[,_]", "", text.strip().replace("\u2212", "-")))


def plain(line: str) -> str:
    """A line without the codes that color it or move the cursor."""
    return _ANSI.sub("", line)


def _parts(text: str) -> Iterator[tuple[bool, str]]:
    """Holes (True, name) and literal text (False, text) in turn, without empty ones."""
    literal = ""
    for at, part in enumerate(_HOLE.split(text)):
        if at % 2 and not part.startswith("{{"):
            if literal:
                yield False, literal
            literal = ""
            yield True, part[1:-1]
        else:
            literal += part[1:-1] if at % 2 else part
    if literal:
        yield False, literal


def _pieces(parts: Sequence[tuple[bool, str]], *, loose: bool = False) -> Iterator[str]:
    """A regular expression for each part; where it is loose, any word stands for a number."""
    for at, (hole, word) in enumerate(parts):
        before = parts[at - 1] if at else None
        after = parts[at + 1] if at + 1 < len(parts) else None
        if not hole:
            yield _literal(word, before, after)
        elif word == "*":
            yield ".*?"
        elif loose:
            yield rf"(?P<{word}>\S+{'?' if after is not None else ''})"
        else:
            yield _number(word, before, after)


def _literal(text: str, before: tuple[bool, str] | None, after: tuple[bool, str] | None) -> str:
    found = ""
    if re.match(r"\w", text) and before is None:
        found = r"(?<!\w)(?<!\w[-/.@])"
    elif re.match(r"\w", text) and before == (True, "*"):
        # {*} is anything but a part of a longer name: {*}s is the s of 3.0s
        found = r"(?<![^\W\d])(?<![^\W\d][-/.@])"
    if before is not None and before[1] != "*" and not re.match(r"[\w\s]", text):
        found = r"\s*"
    for part in re.split(r"(\s+)", text):
        if part.isspace():
            found += "\0"
        else:
            found += re.escape(part)
    if after is not None and after[1] != "*" and not re.search(r"[\w\s]$", text):
        found += r"\s*"
    letters = r"[A-Za-z0-9_]"
    found = re.sub(rf"(?<={letters})\0(?={letters}|$)|^\0(?={letters}|$)", r"\\s+", found)
    return found.replace("\0", r"\s*")


def _number(word: str, before: tuple[bool, str] | None, after: tuple[bool, str] | None) -> str:
    follows = "" if after is None or after[0] else after[1].lstrip()[:1]
    glued = after is not None and not after[0] and after[1][:1] == follows
    left = r"(?<![\w.,+-])(?<!\d[:/])" if before is None or before[0] else ""
    right = "" if glued and re.match(r"\w", follows) else r"(?!\w)"
    free = "/:-" if word == "step" else ""
    right += "".join(rf"(?!{re.escape(mark)}\d)" for mark in "./:-," if mark != follows and mark not in free)
    grouped = "" if follows == "," else f"{GROUPED}|"
    return f"{left}(?P<{word}>{SIGN}(?:{grouped}{PLAIN_NUMBER})){right}"


def _named(parts: Sequence[tuple[bool, str]]) -> str:
    """The name of ``{x}``: the words that say what it is."""
    return _words(_naming(parts, "x")) or "metric"


def _naming(parts: Sequence[tuple[bool, str]], hole: str) -> str:
    """The text that names a hole: what is before it, back to the last hole or mark; else what is after it."""
    at = parts.index((True, hole))
    before = [word for is_hole, word in parts[:at] if not is_hole]
    for text in (piece for word in reversed(before) for piece in reversed(re.split(r"[,;|{}\[\]]", word))):
        if _words(text):
            return text
    after = next((word for is_hole, word in parts[at + 1 :] if not is_hole), "")
    return next((piece for piece in re.split(r"[,;|{}\[\]]", after) if _words(piece)), "")


def _words(text: str) -> str:
    """The words of a text as one name; what turns its meaning around (a sign, 1 - and 1 /) stays in it as a word."""
    text = text.translate(_DASHES)
    if re.search(rf"(?<!\*)\*\s*\(?-\s*{_ONE}(?![\w.])", text):
        text = f"neg_{text}"
    if re.search(r"(?:\*\*|\^)\s*[({]?\s*-\s*1(?![\w.])", text):
        text = f"inverse_{text}"
    for sign, word in _SIGNS:
        text = re.sub(sign, word, text)
    found = re.findall(r"[A-Za-z_]\w*|(?<=@)\d+", text)
    return "_".join(word.strip("_") for word in found).strip("_").lower()


def doubt(text: str, name: str, *, first: bool) -> str:
    """Why the text before a number leaves open which way it counts, '' where it does not.

    Args:
        text: that names the number.
        name: that it has in the study.
        first: whether nothing is before that text.
    """
    plainly = text.translate(_DASHES)
    turns = sorted(_TURNS & set(_words(text).split("_")) - set(name.lower().split("_")))
    if turns:
        return f"{text.strip()!r} turns around what {name} says"
    dash = r"^\s*-\s+(?=[A-Za-z(])" if first else r"^\s+-(?=[A-Za-z(])"
    if re.search(dash, plainly) or re.search(r"[\w)\]]\s+-(?=[A-Za-z(])", plainly):
        return f"the - of {text.strip()!r} may be a sign or a dash"
    if _ONE_LESS.search(re.sub(_SIGNS[1][0], " ", plainly)):
        return f"the - of {text.strip()!r} may be a difference or a dash"
    return ""


def _expressed(text: str, group: str) -> str:
    """The plain text of a regular expression before one of its groups, back to the last group."""
    before = text.removeprefix("re:").partition(f"(?P<{group}>")[0]
    return re.sub(
        r"\\(\W)", r"\1", re.sub(r"\\[A-Za-z][*+?]?|\(\?\w*|\[-\](?=\w)", " ", before).rpartition(")")[2]
    )


def _regular(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text[3:])
    except re.error as error:
        raise ObjectiveError(f"{text!r} is no regular expression: {error}.") from None
